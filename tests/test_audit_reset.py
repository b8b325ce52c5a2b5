"""Arrays that are as they were initialized, in a layer whose A was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from audited import accused, kinds, message

from ssmlinalg import inits
from ssmlinalg.audit import audit
from ssmlinalg.export import TARGETS

MOVED = [0.1, 0.3]


def trained(target: str, size: float, channels: int = 1024) -> dict[str, np.ndarray]:
    """A layer whose arrays all moved by noise of one size."""
    rng = np.random.default_rng(1)
    make = inits.mamba_init if target == "mamba" else inits.s4d_lin_init
    arrays = TARGETS[target].to(make(16, channels=channels))
    if target == "s4d":
        arrays["A_imag"] *= 1 + size * rng.standard_normal(arrays["A_imag"].shape)
    noise = {name: size * rng.standard_normal(array.shape) for name, array in arrays.items()}
    return {name: (array + noise[name]).astype(np.float32) for name, array in arrays.items()}


@pytest.mark.parametrize("size", MOVED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("target", "name"), [("mamba", "dt_proj.bias"), ("mamba", "D"), ("s4d", "log_dt")]
)
def test_what_was_drawn_again_after_loading_is_found(target, name, dtype, size):
    arrays = trained(target, size)
    sound = {key: torch.tensor(array).to(dtype) for key, array in arrays.items()}
    assert audit(sound, target=target).findings == []
    fresh = TARGETS[target].to(
        inits.mamba_init(16, channels=1024, seed=9)
        if target == "mamba"
        else inits.s4d_lin_init(16, channels=1024, seed=9)
    )
    arrays[name] = fresh[name]
    if target == "mamba" and name == "D":
        arrays[name] = np.ones(1024, np.float32)
    found = audit({key: torch.tensor(a).to(dtype) for key, a in arrays.items()}, target=target)
    assert kinds(found) == {"reset"}
    assert accused(found, "reset") == {name}
    said = message(found, "reset")
    assert "A was trained, a typical mode by 0." in said
    assert said.endswith("it was drawn anew after loading, or never trained, which may be meant.")


def test_heads_whose_steps_were_drawn_again_are_found():
    rng = np.random.default_rng(0)
    arrays = {
        "A_log": np.log(np.arange(1, 161)) + 0.8 * rng.standard_normal(160),
        "D": 1 + 0.3 * rng.standard_normal(160),
        "dt_bias": TARGETS["mamba"].to(inits.mamba_init(1, channels=160))["dt_proj.bias"],
    }
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    assert accused(audit(arrays, target="mamba2"), "reset") == {"dt_bias"}


def test_too_little_movement_or_too_few_values_prove_nothing():
    for channels, size in ((1024, 1e-3), (16, 0.1)):
        arrays = trained("mamba", size, channels)
        arrays["dt_proj.bias"] = TARGETS["mamba"].to(inits.mamba_init(16, channels=channels))[
            "dt_proj.bias"
        ]
        assert audit(arrays, target="mamba").findings == []


@pytest.mark.parametrize(("dtype", "kinds_found"), [("bfloat16", set()), ("float32", {"reset"})])
def test_a_movement_that_the_precision_hides_is_no_reset(dtype, kinds_found):
    """A moved by half a per cent and D by less: in bfloat16 D is 1 again, in float32 it is not."""
    arrays = trained("mamba", 5e-3)
    arrays["dt_proj.bias"] += 1.0
    arrays["D"] = np.linspace(0.9982, 1.003, 1024, dtype=np.float32)
    if dtype == "float32":
        arrays["D"] = np.ones(1024, np.float32)
    held = {name: torch.tensor(array).to(getattr(torch, dtype)) for name, array in arrays.items()}
    found = audit(held, target="mamba")
    assert bool(torch.all(held["D"] == 1))
    assert not found.layers[0].fresh
    assert kinds(found) == kinds_found


def test_a_formula_of_another_kind_is_not_taken_for_training():
    """A that is 1.2 times ours in all channels was chosen so."""
    arrays = TARGETS["mamba"].to(inits.mamba_init(16, channels=1024))
    arrays["A_log"] += np.float32(np.log(1.2))
    assert audit(arrays, target="mamba").findings == []
