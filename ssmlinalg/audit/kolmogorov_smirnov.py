"""The test of Kolmogorov and Smirnov, and the levels at which its answer counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy

ALARM = 1e-4  # the chance that some law of a sound layer is called broken
FEW = 8  # fewer draws or values than these say nothing of a law
MANY = 1 << 16  # more draws than these are thinned out


def kolmogorov(draws: np.ndarray, kind: str, parameters: tuple[float, ...]) -> tuple[float, float]:
    """The statistic of draws against a law of `scipy.stats`, and its exact probability p.

    A value that occurs again is a copy, as that of a conjugate is, and no new draw.
    """
    draws = np.sort(draws, axis=None)
    law = getattr(scipy.stats, kind).cdf(draws, *parameters)
    count = np.arange(draws.size + 1) / draws.size
    statistic = float(np.max(np.maximum(count[1:] - law, law - count[:-1])))
    different = 1 + int(np.count_nonzero(np.diff(draws)))
    return statistic, _probability(statistic, different)


def _probability(statistic: float, draws: int) -> float:
    """The exact p; 0 where the bound 2 exp(-2 n D^2) of Dvoretzky, Kiefer and Wolfowitz is."""
    if 2 * math.exp(-2 * draws * statistic**2) == 0:
        return 0.0
    return float(scipy.stats.kstwo.sf(statistic, draws))


def of_one_law(draws: np.ndarray, others: np.ndarray) -> bool:
    """Whether two samples can be of one law: p of the two-sample test is no less than `ALARM`."""
    if np.ptp(others) == 0:
        return bool(np.allclose(draws, others.flat[0]))
    result: Any = scipy.stats.ks_2samp(draws, others, method="asymp")
    n = np.unique(draws).size
    m = np.unique(others).size
    effective = max(1, round(n * m / (n + m)))
    return _probability(float(result.statistic), effective) >= ALARM
