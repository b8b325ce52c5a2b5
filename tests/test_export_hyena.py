"""The long filters of StripedHyena and Evo 2 are those of their code."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import EPS

from ssmlinalg import kernel
from ssmlinalg.export import TARGETS

LENGTH = 40


def test_a_filter_is_the_sum_of_residues_times_powers_of_poles() -> None:
    """h = sum R exp(t log p), systems shared by neighbouring channels: by the published formula."""
    rng = np.random.default_rng(0)
    S, n, H = 2, 5, 6
    t = np.arange(LENGTH)
    poles = rng.uniform(-0.7, 0.7, (S, n, 1, 2)).astype("f")
    residues = rng.standard_normal((S, n, 1, 2)).astype("f")
    D = rng.standard_normal(H).astype("f")
    p, R = (each.astype(float) @ np.array([1, 1j]) for each in (poles, residues))
    h = np.sum(R * np.exp(t * np.log(p)), axis=1).real.repeat(H // S, axis=0)
    h[:, 0] += D
    form = TARGETS["striped-hyena"].back({"poles": poles, "residues": residues, "D": D})
    size = 64 * EPS * LENGTH * np.abs(R).sum()
    np.testing.assert_allclose(kernel(form, LENGTH), h, rtol=0, atol=size)

    log_poles = -rng.uniform(0, 1, (S, n, 1)).astype("f")
    real = rng.standard_normal((S, n)).astype("f")
    h = np.sum(real[..., None] * np.exp(log_poles.astype(float) * t), axis=1).repeat(H // S, axis=0)
    h[:, 0] += D
    form = TARGETS["evo2"].back({"log_poles": log_poles, "residues": real, "D": D})
    np.testing.assert_allclose(kernel(form, LENGTH), h, rtol=0, atol=size)
    with pytest.raises(ValueError, match="multiple of S = 2"):
        TARGETS["evo2"].back({"log_poles": log_poles, "residues": real, "D": D[:5]})
