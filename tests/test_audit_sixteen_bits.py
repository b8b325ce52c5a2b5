"""What 16 bits hide and what they do not: fresh layers stay known, trained ones stay trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from audited import kinds

from ssmlinalg import inits
from ssmlinalg.audit import audit
from ssmlinalg.export import TARGETS

HEADS = 24
NARROW = ["float16", "bfloat16"]
MAMBA = {"mamba": "dt_proj.bias", "falcon-mamba": "dt_proj.bias", "mamba2": "dt_bias"}


def fresh(target: str) -> dict[str, np.ndarray]:
    if target == "mamba2":
        form: Any = inits.mamba_init(1, channels=HEADS)
        return TARGETS[target].to(form._replace(A=-1.0 - np.arange(HEADS)[:, None] + 0j))
    return TARGETS[target].to(inits.mamba_init(16, channels=64))


def stored(arrays: dict[str, np.ndarray], dtype: str, *, upcast: bool) -> dict[str, torch.Tensor]:
    held = {name: torch.tensor(array).to(getattr(torch, dtype)) for name, array in arrays.items()}
    return {name: tensor.float() for name, tensor in held.items()} if upcast else held


@pytest.mark.parametrize("upcast", [False, True])
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("target", MAMBA)
@pytest.mark.parametrize("size", [1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.5])
def test_a_trained_layer_in_sixteen_bits_is_neither_fresh_nor_accused(target, dtype, upcast, size):
    """Below the spacing of the numbers most values are those of a fresh layer, bit for bit."""
    rng = np.random.default_rng(0)
    arrays = fresh(target)
    arrays["A_log"] += size * rng.standard_normal(arrays["A_log"].shape).astype(np.float32)
    arrays[MAMBA[target]] += 1.0  # steps that no fresh layer has
    arrays["D"] *= rng.uniform(0.5, 2, arrays["D"].shape).astype(np.float32)
    found = audit(stored(arrays, dtype, upcast=upcast), target=target)
    assert not found.layers[0].fresh
    assert not found.layers[0].identified.exact
    assert kinds(found) <= {"sixteen-bit"} if upcast else not found.findings


@pytest.mark.parametrize("upcast", [False, True])
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("target", MAMBA)
def test_a_fresh_layer_in_sixteen_bits_is_known_and_accused_of_its_laws(target, dtype, upcast):
    arrays = fresh(target)
    arrays[MAMBA[target]] += 1.0
    found = audit(stored(arrays, dtype, upcast=upcast), target=target)
    assert found.layers[0].fresh
    assert found.layers[0].identified.names == ("s4d-real", "mamba")
    assert found.layers[0].identified.exact
    assert "interval" in kinds(found)


@pytest.mark.parametrize("target", MAMBA)
def test_numbers_that_were_cut_to_sixteen_bits_are_known_like_those_rounded(target):
    """Cutting errs by up to one unit in the last place, twice what rounding does."""
    arrays = fresh(target)
    cut = (np.ascontiguousarray(arrays["A_log"]).view(np.uint32) & 0xFFFF0000).view(np.float32)
    for units, known in ((0, True), (4, False)):
        moved = (cut * (1 + units * 2.0**-8)).astype(np.float32)
        held = torch.tensor(moved).to(torch.bfloat16)
        found = audit(stored(arrays, "bfloat16", upcast=False) | {"A_log": held}, target=target)
        assert found.layers[0].identified.exact == known


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("name", ["s4d-lin", "s4d-inv", "s4d-legs", "s4d-real"])
@pytest.mark.parametrize("upcast", [False, True])
def test_complex_modes_are_known_in_sixteen_bits_by_both_of_their_parts(name, dtype, upcast):
    """A part of 1/2 beside one of 300 is as precise as it is stored, and not as the other."""
    arrays = TARGETS["s4d"].to(inits.INITS[name](32, channels=32))
    exact = audit(stored(arrays, dtype, upcast=upcast), target="s4d").layers[0].identified
    assert exact.exact
    assert name in exact.names
    noise = np.random.default_rng(0).standard_normal(arrays["log_A_real"].shape)
    arrays["log_A_real"] += (0.02 * noise).astype(np.float32)
    moved = audit(stored(arrays, dtype, upcast=upcast), target="s4d").layers[0]
    assert not moved.identified.exact
    assert not moved.fresh


@pytest.mark.parametrize("target", MAMBA)
@pytest.mark.parametrize("size", [0.01, 0.1, 0.5])
def test_a_real_layout_is_compared_with_real_initializations_alone(target, size):
    arrays = fresh(target)
    arrays["A_log"] *= np.exp(
        size * np.random.default_rng(1).standard_normal(arrays["A_log"].shape)
    )
    found = audit(arrays, target=target).layers[0].identified
    assert found.names == ("s4d-real", "mamba")
    assert set(found.distances) <= {"s4d-real", "mamba"}


@pytest.mark.parametrize("size", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("name", ["s4d-lin", "s4d-inv", "s4d-legs", "s4d-quad", "s4d-real", "ptd"])
def test_a_trained_layer_is_nearest_to_what_it_started_from(name, size):
    rng = np.random.default_rng(2)
    arrays = TARGETS["s4d"].to(inits.INITS[name](32, channels=48))
    for part in ("log_A_real", "A_imag"):
        noise = rng.standard_normal(arrays[part].shape)
        arrays[part] = (arrays[part] * (1 + size * noise)).astype(np.float32)
    found = audit(arrays, target="s4d").layers[0].identified
    assert not found.exact
    assert name in found.names


def test_what_is_near_to_nothing_has_no_nearest():
    arrays = TARGETS["s4d"].to(inits.s4d_rand_init(32, channels=8))
    arrays["A_imag"] *= np.float32(1e6)
    found = audit(arrays, target="s4d").layers[0].identified
    assert not found.exact
    assert found.names == ()
