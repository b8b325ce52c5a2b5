"""Nothing that looks like a state space model is passed over: it is a layer, or it is listed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from audited import accused, kinds
from safetensors.numpy import save_file

from ssmlinalg import inits
from ssmlinalg.audit import audit
from ssmlinalg.cli import main
from ssmlinalg.export import TARGETS, layers

LAYER = TARGETS["mamba"].to(inits.mamba_init(16, channels=64))
HEADS = TARGETS["mamba2"].to(
    inits.mamba_init(1, channels=24)._replace(A=-1.0 - np.arange(24)[:, None] + 0j)
)
SECOND = {"A_log": "A_b_log", "D": "D_b", "dt_proj.bias": "dt_proj_b.bias"}


def both_directions() -> dict[str, np.ndarray]:
    arrays = LAYER | {SECOND[name]: np.array(array) for name, array in LAYER.items()}
    return {f"layers.0.mixer.{name}": array for name, array in arrays.items()}


def test_a_second_direction_is_a_layer_of_its_own():
    arrays = both_directions()
    found = audit(arrays, target="mamba")
    assert [layer.prefix for layer in found.layers] == [
        "layers.0.mixer.",
        "layers.0.mixer.backward.",
    ]
    assert found.findings == []
    assert found.unseen == []
    arrays["layers.0.mixer.A_b_log"][3, 4] = np.nan
    arrays["layers.0.mixer.dt_proj_b.bias"][:] = 0
    broken = audit(arrays, target="mamba")
    assert {finding.layer for finding in broken.findings} == {"layers.0.mixer.backward."}
    assert accused(broken, "nonfinite") == {"A_log"}
    assert accused(broken, "zero") == {"dt_proj.bias"}


@pytest.mark.parametrize(
    "part", ["base_layer", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_orig_mod"]
)
def test_what_wrappers_put_into_names_hides_no_layer(part):
    wrapped = {name.replace("dt_proj.", f"dt_proj.{part}."): array for name, array in LAYER.items()}
    named = {f"{part}.net.0.{name}": array for name, array in wrapped.items()}
    found = layers({name: array.shape for name, array in named.items()}, "mamba")
    assert [layer.prefix for layer in found] == ["net.0."]
    assert found[0].names["dt_proj.bias"] == f"{part}.net.0.dt_proj.{part}.bias"
    assert audit(named, target="mamba").findings == []


@pytest.mark.parametrize("size", [1, 8])
def test_d_of_the_size_of_a_head_is_read(size):
    found = audit(HEADS | {"D": np.ones(24 * size, np.float32)}, target="mamba2")
    assert found.findings == []
    assert found.layers[0].identified.names == ("s4d-real", "mamba")
    assert found.layers[0].channels == 24 * size
    D = np.ones(24 * size, np.float32)
    D[5] = np.nan
    assert accused(audit(HEADS | {"D": D}, target="mamba2"), "nonfinite") == {"D"}
    uneven = audit(HEADS | {"D": np.ones(24 * size + 1, np.float32)}, target="mamba2")
    assert kinds(uneven) == {"unreadable"}


ZEROS = np.zeros((2, 3, 4), np.float32)
OTHERS = {
    "zamba": (
        {"A_log": ZEROS, "dt_proj_bias": ZEROS[0], "x_proj_weight": ZEROS, "D": ZEROS[0]},
        ["a layer of zamba, which was not asked for", "stands beside"],
    ),
    "vmamba": (
        {"A_logs": ZEROS[0], "Ds": ZEROS[0, 0], "dt_projs_bias": ZEROS[0]},
        ["a layer of vmamba, which was not asked for"],
    ),
    "s4 before 4": (
        {"inv_w_real": ZEROS[0], "w_imag": ZEROS[0], "log_dt": ZEROS[0, 0], "C": ZEROS},
        ["the layer lacks others of s4-v3: B, P, L"],
    ),
    "s4 version 2": (
        {"w": ZEROS, "Q": ZEROS, "log_dt": ZEROS[0, 0], "omega": ZEROS[0]},
        ["stands beside"],
    ),
    "half a layer": ({"A_log": ZEROS[0]}, ["lacks others of mamba: D, dt_proj.bias"]),
}


@pytest.mark.parametrize("code", OTHERS)
def test_arrays_of_other_codes_are_listed_with_the_reason_and_strictly_are_findings(code):
    arrays, reasons = OTHERS[code]
    others = {f"blocks.1.{name}": array for name, array in arrays.items()}
    rest = {"norm.weight": ZEROS[0, 0], "head.weight": ZEROS[0], "blocks.1.conv.bias": ZEROS[0, 0]}
    source = {f"blocks.0.{name}": array for name, array in LAYER.items()} | others | rest
    sound = {name: array for name, array in source.items() if name not in others}
    assert audit(sound, target="mamba", strict=True).findings == []
    found = audit(source, target="mamba")
    assert found.findings == []
    assert {one.name for one in found.unseen} == set(others)
    assert all(reason in " ".join(one.reason for one in found.unseen) for reason in reasons)
    strict = audit(source, target="mamba", strict=True)
    assert kinds(strict) == {"unseen"}
    assert accused(strict, "unseen") == set(others)


def test_layers_that_were_not_asked_for_are_listed_so():
    other = TARGETS["s4d"].to(inits.s4d_lin_init(8, channels=4))
    source = LAYER | {f"second.{name}": array for name, array in other.items()}
    found = audit(source, target="mamba")
    assert {one.name for one in found.unseen} >= {"second.log_A_real", "second.log_dt"}
    assert "which was not asked for" in found.unseen[0].reason


def test_the_shell_lists_them_and_strictly_ends_in_1(tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    save_file(LAYER | {"blocks.1.A_logs": ZEROS[0]}, path)
    command = ["audit", str(path), "--target", "mamba"]
    assert main(command) == 0
    assert "not looked at" in capsys.readouterr().out
    assert main([*command, "--strict", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["unseen"][0]["name"] == "blocks.1.A_logs"
    assert said["findings"][0]["kind"] == "unseen"
