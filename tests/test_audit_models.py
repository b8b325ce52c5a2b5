"""Whole models as transformers builds them: config.json says which layers and laws they have."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from audited import kinds
from safetensors.numpy import load_file, save_file

from ssmlinalg import convert
from ssmlinalg.audit import audit
from ssmlinalg.checkpoints import config, read

pytest.importorskip("transformers")

# In a process of its own: importing transformers takes long and warns.
BUILD = """
import sys, warnings
warnings.simplefilter("ignore")
import torch, transformers as t
torch.set_num_threads(1)
torch.manual_seed(0)
folder = sys.argv[1]
small = dict(hidden_size=64, num_hidden_layers=2, vocab_size=64)
attention = dict(num_attention_heads=4, num_key_value_heads=4, intermediate_size=64)
bounds = dict(time_step_min=0.01, time_step_max=0.5, time_step_floor=0.03)
heads = dict(mamba_n_heads=16, mamba_d_head=8, mamba_n_groups=1, mamba_d_state=16)
built = {
    "mamba": t.MambaModel(t.MambaConfig(**small)),
    "mamba-bounds": t.MambaModel(t.MambaConfig(initializer_range=0.02, **bounds, **small)),
    "mamba-constant": t.MambaModel(
        t.MambaConfig(time_step_init_scheme="constant", time_step_scale=2.0, **small)
    ),
    "falcon_mamba": t.FalconMambaModel(t.FalconMambaConfig(**small)),
    "mamba2": t.Mamba2Model(
        t.Mamba2Config(num_heads=16, head_dim=8, expand=2, n_groups=1, **bounds, **small)
    ),
    "jamba": t.JambaModel(
        t.JambaConfig(num_experts=2, use_mamba_kernels=False, attn_layer_period=2,
        attn_layer_offset=1, **small, **attention)
    ),
    "zamba": t.ZambaModel(
        t.ZambaConfig(n_mamba_heads=2, layers_block_type=["hybrid"] * 2, **bounds, **small,
        **attention)
    ),
    "bamba": t.BambaModel(t.BambaConfig(attn_layer_indices=[1], **heads, **small, **attention)),
    "falcon_h1": t.FalconH1Model(
        t.FalconH1Config(mamba_d_ssm=128, **heads, **small, **attention)
    ),
    "granitemoehybrid": t.GraniteMoeHybridModel(
        t.GraniteMoeHybridConfig(
            layer_types=["mamba", "attention"], num_local_experts=2, num_experts_per_tok=1,
            shared_intermediate_size=64, **heads, **small, **attention)
    ),
}
for name, model in built.items():
    model.save_pretrained(f"{folder}/{name}")
mixer = t.models.mamba.modeling_mamba.MambaMixer(t.MambaConfig(**small), layer_idx=0)
torch.save(mixer.state_dict(), folder + "/mixer.pt")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], check=True, timeout=300, capture_output=True
    )
    return folder


SOUND = ["mamba", "mamba-bounds", "mamba-constant", "falcon_mamba", "mamba2", "zamba"]


@pytest.mark.parametrize("name", SOUND)
def test_a_fresh_model_has_the_layers_and_laws_that_its_config_names(built, name):
    found = audit(built / name, expect="s4d-real")
    target = name.split("-")[0].replace("_", "-")
    assert {layer.target for layer in found.layers} == {target}
    assert all(layer.fresh and layer.identified.exact for layer in found.layers)
    assert all(f"modeling_{name.split('-')[0]}.py" in layer.source for layer in found.layers)
    assert found.findings == []
    for layer in found.layers:  # the laws of constants were tested too, and of steps off the floor
        assert {"log step", "D"} <= {test.quantity for test in layer.tests}


@pytest.mark.parametrize("name", ["mamba-bounds", "mamba-constant", "mamba2"])
def test_without_its_config_a_model_of_other_bounds_is_accused(built, name):
    target = name.split("-")[0]
    found = audit(built / name / "model.safetensors", target=target)
    assert found.findings == []  # the config lies beside the file
    alone = audit(load_file(built / name / "model.safetensors"), target=target)
    assert {"law"} <= kinds(alone) <= {"law", "interval", "constant"}


def test_without_its_config_a_model_of_several_kinds_has_to_be_said(built):
    with pytest.raises(ValueError, match="mamba and falcon-mamba and jamba"):
        audit(load_file(built / "mamba" / "model.safetensors"))


def test_a_conversion_reads_the_layer_that_the_config_names(built):
    found = convert(built / "falcon_mamba", "mamba")
    assert [layer.source for layer in found.layers] == ["falcon-mamba"] * 2


def test_steps_that_transformers_leaves_at_zero_are_found_in_jamba(built):
    """Its bias of the step is 0 in a fresh model: softplus(0), and the same in all channels."""
    found = audit(built / "jamba")
    assert {layer.target for layer in found.layers} == {"jamba"}
    assert {finding.array for finding in found.findings} == {"dt_proj.bias"}
    assert {"zero", "interval", "law"} <= kinds(found)


@pytest.mark.parametrize("name", ["bamba", "falcon_h1", "granitemoehybrid"])
def test_steps_of_ones_are_found_in_heads_of_hybrids(built, name):
    found = audit(built / name)
    assert {layer.target for layer in found.layers} == {"mamba2"}
    assert {finding.array for finding in found.findings} == {"dt_bias"}
    assert {"constant", "interval", "law"} <= kinds(found)


def put(folder: Path, name: str, arrays: dict[str, np.ndarray], said: Any) -> Path:
    folder.mkdir()
    if name.endswith(".safetensors"):
        save_file(arrays, folder / name)
    else:
        torch.save({key: torch.tensor(array) for key, array in arrays.items()}, folder / name)
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def test_a_mixer_without_its_model_has_the_laws_of_state_spaces(built):
    """Only the model draws x_proj anew: a mixer by itself leaves it to torch.nn.Linear."""
    found = audit(built / "mixer.pt", target="mamba")
    assert found.findings == []
    assert "state-spaces/mamba" in found.layers[0].source


def bias_of_steps(count: int, low: float, high: float, floor: float = 1e-4) -> torch.Tensor:
    """The inverse of softplus of steps, as state-spaces/mamba writes it."""
    dt = torch.exp(torch.rand(count) * (math.log(high) - math.log(low)) + math.log(low))
    dt = torch.clamp(dt, min=floor)
    return dt + torch.log(-torch.expm1(-dt))


def of_mamba_simple(**own: float) -> dict[str, torch.Tensor]:
    """What mamba_ssm/modules/mamba_simple.py fills a layer with."""
    inner, n, rank = 256, 16, 8
    bound = own.get("dt_scale", 1.0) * rank**-0.5
    return {
        "x_proj.weight": torch.nn.Linear(inner, rank + 2 * n, bias=False).weight.detach(),
        "dt_proj.weight": torch.empty(inner, rank).uniform_(-bound, bound),
        "dt_proj.bias": bias_of_steps(inner, own.get("dt_min", 1e-3), own.get("dt_max", 0.1)),
        "A_log": torch.log(torch.arange(1, n + 1, dtype=torch.float32).repeat(inner, 1)),
        "D": torch.ones(inner),
    }


def of_mamba2(low: float = 1.0, high: float = 16.0, heads: int = 80) -> dict[str, torch.Tensor]:
    """What mamba_ssm/modules/mamba2.py fills a layer with."""
    return {
        "dt_bias": bias_of_steps(heads, 1e-3, 0.1),
        "A_log": torch.log(torch.empty(heads).uniform_(low, high)),
        "D": torch.ones(heads),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", range(4))
def test_fresh_layers_of_state_spaces_have_its_laws(seed, dtype):
    torch.manual_seed(seed)
    for target, arrays in {"mamba": of_mamba_simple(), "mamba2": of_mamba2()}.items():
        found = audit({name: array.to(dtype) for name, array in arrays.items()}, target=target)
        assert found.findings == []
        assert found.layers[0].fresh
        assert found.layers[0].source.startswith("state-spaces/mamba, mamba_ssm/modules/mamba")


def test_heads_of_state_spaces_with_steps_of_ones_are_accused():
    torch.manual_seed(0)
    found = audit(of_mamba2() | {"dt_bias": torch.ones(80)}, target="mamba2")
    assert {"constant", "interval", "law"} <= kinds(found)


def test_heads_whose_d_was_trained_are_not_fresh_though_their_rates_have_the_law():
    torch.manual_seed(0)
    arrays = of_mamba2()
    arrays["D"] += 0.01 * torch.randn(80)
    found = audit(arrays | {"dt_bias": arrays["dt_bias"] + 1}, target="mamba2")
    assert not found.layers[0].fresh
    assert found.findings == []


@pytest.mark.parametrize(
    ("own", "arrays"),
    [
        ({"dt_min": 0.01, "dt_max": 1.0}, of_mamba_simple(dt_min=0.01, dt_max=1.0)),
        ({"dt_scale": 3.0}, of_mamba_simple(dt_scale=3.0)),
        ({"layer": "Mamba2", "A_init_range": [4, 64]}, of_mamba2(4.0, 64.0)),
    ],
)
def test_the_config_of_state_spaces_sets_its_laws(tmp_path, own, arrays):
    named = {f"backbone.layers.0.mixer.{name}": array for name, array in arrays.items()}
    torch.save(named, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(STATE_SPACES | {"ssm_cfg": own}))
    found = audit(tmp_path)
    assert found.findings == []
    assert found.layers[0].fresh
    assert found.layers[0].target == ("mamba2" if "layer" in own else "mamba")
    target = found.layers[0].target
    if "layer" in own:  # rates alone do not tell what is fresh
        assert not audit(named, target=target).layers[0].fresh
    else:
        assert "law" in kinds(audit(named, target=target))


STATE_SPACES = {"d_model": 64, "n_layer": 2, "ssm_cfg": {}, "rms_norm": True}


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "consolidated.safetensors",
        "model.fp16.safetensors",
        "consolidated.00.pth",
        "diffusion_pytorch_model.safetensors",
    ],
)
def test_a_folder_is_read_by_the_one_model_in_it(tmp_path, name):
    A = {"a.A": np.arange(3.0)}
    folder = put(tmp_path / "model", name, A, STATE_SPACES)
    (folder / "training_args.bin").write_bytes(b"no model")
    (folder / "optimizer.pt").write_bytes(b"no model")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert np.array_equal(read(folder).entries["a.A"].read(), A["a.A"])
    assert config(folder) == config(folder / name) == STATE_SPACES


def test_the_first_kind_of_model_in_a_folder_is_read_and_two_of_one_kind_refused(tmp_path):
    A = {"A": np.arange(3.0)}
    folder = put(tmp_path / "model", "pytorch_model.bin", A, {})
    save_file({"A": np.arange(4.0)}, folder / "consolidated.safetensors")
    assert read(folder).entries["A"].shape == (4,)
    save_file({"A": np.arange(5.0)}, folder / "model.safetensors")
    assert read(folder).entries["A"].shape == (5,)
    os.remove(folder / "model.safetensors")
    save_file({"A": np.arange(6.0)}, folder / "model.fp16.safetensors")
    with pytest.raises(ValueError, match=r"one model; got .*consolidated.*fp16"):
        read(folder)


@pytest.mark.parametrize("said", ["[1]", "{", "", "7"])
def test_a_config_that_is_none_is_refused(tmp_path, said):
    folder = put(tmp_path / "model", "model.safetensors", {"A": np.zeros(3)}, {})
    (folder / "config.json").write_text(said, encoding="utf-8")
    with pytest.raises(ValueError, match=r"`path` must be a whole config.json file; got "):
        audit(folder)


@pytest.mark.parametrize("wrong", [0, -1, "0.1", True, None, float("inf")])
def test_a_config_with_no_number_is_refused(built, tmp_path, wrong):
    arrays = load_file(built / "mamba" / "model.safetensors")
    said = {"model_type": "mamba", "time_step_min": wrong}
    folder = put(tmp_path / "model", "model.safetensors", arrays, said)
    with pytest.raises(ValueError, match=r"'time_step_min' of config.json must be a positive"):
        audit(folder)
