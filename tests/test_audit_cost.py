"""A trained layer as wide as they come is audited within a second."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ssmlinalg import inits
from ssmlinalg.audit import audit
from ssmlinalg.export import TARGETS

WIDTH = 8192
SECOND = 1.0  # of the processor


def trained(target: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    if target == "s4d":
        arrays = TARGETS[target].to(inits.s4d_lin_init(64, channels=WIDTH))
    else:
        arrays = TARGETS[target].to(inits.mamba_init(16, channels=WIDTH))
        arrays["dt_proj.weight"] = rng.uniform(-0.1, 0.1, (WIDTH, 256)).astype(np.float32)
        arrays["x_proj.weight"] = rng.standard_normal((288, WIDTH)).astype(np.float32)
    moved = {name: 1 + 0.1 * rng.standard_normal(array.shape) for name, array in arrays.items()}
    return {name: (array * moved[name]).astype(np.float32) for name, array in arrays.items()}


@pytest.mark.parametrize("target", ["mamba", "s4d"])
def test_a_wide_trained_layer_is_audited_within_a_second(target):
    audit(
        TARGETS[target].to(inits.mamba_init(32, channels=2)), target=target
    )  # loads what it needs
    arrays = trained(target)
    start = time.process_time()
    found = audit(arrays, target=target)
    spent = time.process_time() - start
    assert spent < SECOND
    assert not found.layers[0].fresh
    assert found.findings == []


def test_one_channel_of_thousands_that_was_changed_is_named():
    """Initializations are chosen by some of the channels, and compared with all of them."""
    arrays = TARGETS["s4d"].to(inits.s4d_inv_init(16, channels=WIDTH))
    arrays["A_imag"][4321] *= 1.5
    found = audit(arrays, target="s4d")
    assert found.layers[0].identified.deviating == (4321,)
    assert {finding.kind for finding in found.findings} == {"changed"}
