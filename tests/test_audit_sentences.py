"""What is said where arrays lie deeper, are stacked, or are in files of other programs."""

from __future__ import annotations

import numpy as np
import pytest
from audited import message
from safetensors.numpy import save_file

from ssmlinalg import convert, inits
from ssmlinalg.audit import audit
from ssmlinalg.checkpoints import read
from ssmlinalg.cli import main
from ssmlinalg.export import TARGETS

MAMBA = TARGETS["mamba"].to(inits.mamba_init(16, channels=8)) | {
    "dt_proj.weight": np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4),
    "x_proj.weight": np.linspace(0, 1, 288, dtype=np.float32).reshape(36, 8),
}
S5 = TARGETS["s5"].to(inits.s5_init(8, channels=3))


def test_dicts_in_dicts_are_read():
    nested = {"params": {"layers_0": {"seq": S5}, "layers_1": {"seq": S5, "scale": 3}}}
    found = audit(nested, target="s5")
    assert [layer.prefix for layer in found.layers] == [f"params.layers_{i}.seq." for i in (0, 1)]
    assert found.findings == []
    endless: dict[str, object] = {}
    endless["again"] = endless
    with pytest.raises(ValueError, match=r"at most 32 dicts deep; got more\. Flatten it"):
        audit(endless)


@pytest.mark.parametrize("target", ["s5", None])
def test_stacked_arrays_are_told_from_unknown_names(target):
    stacked = {f"layers.{name}": np.stack([array, array]) for name, array in S5.items()}
    with pytest.raises(ValueError, match=r"axes of a layer of s5; got 'layers.*with one axis more"):
        audit(stacked, target=target)


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        ("model.onnx", b"\x08\x07\x12\x07pytorch", "package onnx"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path, name, start, said):
    path = tmp_path / name
    path.write_bytes(start + bytes(600))
    with pytest.raises(ValueError, match=said) as caught:
        read(path)
    assert "again" not in str(caught.value)


def test_a_long_prefix_makes_no_name_like_another():
    start = "backbone.layers.0.mixer."
    arrays = {f"{start}{name}": array for name, array in MAMBA.items() if name != "D"}
    found = audit(arrays | {f"{start}conv1d.bias": np.ones(8)}, target="mamba")
    assert "D missing" in message(found, "unreadable")
    assert "conv1d" not in message(found, "unreadable")


@pytest.mark.parametrize("target", ["mamba", "jamba"])
def test_a_conversion_keeps_the_projections_where_the_layer_has_them(target):
    source = {f"layers.0.{name}": array for name, array in MAMBA.items()}
    found = convert(source, target, source_target="mamba")
    assert found.arrays.keys() == source.keys()
    for name in ("layers.0.dt_proj.weight", "layers.0.x_proj.weight"):
        assert np.array_equal(found.arrays[name], source[name])
    assert found.left == []


def test_a_conversion_names_what_it_leaves_out(tmp_path, capsys):
    arrays = MAMBA | {"conv1d.bias": np.zeros(8, np.float32)}
    found = convert(arrays, "s4d", source_target="mamba")
    assert found.left == ["dt_proj.weight", "x_proj.weight", "conv1d.bias"]
    save_file(arrays, tmp_path / "a.safetensors")
    command = ["convert", str(tmp_path / "a.safetensors"), "--target", "mamba"]
    assert main([*command, "--source-target", "mamba"]) == 0
    assert "1 arrays of the source are in no layer: conv1d.bias." in capsys.readouterr().out
