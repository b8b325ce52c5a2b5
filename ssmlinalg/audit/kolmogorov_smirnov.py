"""The test of Kolmogorov and Smirnov, and the levels at which its answer counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

ALARM = 1e-4  # the chance that some law of a sound layer is called broken
FEW = 8  # fewer draws or values than these say nothing of a law
MANY = 1 << 18  # more draws than these are thinned out


def kolmogorov(draws: np.ndarray, kind: str, parameters: tuple[float, ...]) -> tuple[float, float]:
    """The statistic of draws against a law of `scipy.stats`, and its exact probability p.

    A value that occurs again is a copy, as that of a conjugate is, and no new draw.
    """
    found: Any = scipy.stats.kstest(draws, kind, args=parameters, method="asymp")
    statistic = float(found.statistic)
    return statistic, float(scipy.stats.kstwo.sf(statistic, np.unique(draws).size))


def of_one_law(draws: np.ndarray, others: np.ndarray) -> bool:
    """Whether two samples can be of one law: p of the two-sample test is no less than `ALARM`."""
    if np.ptp(others) == 0:
        return bool(np.allclose(draws, others.flat[0]))
    result: Any = scipy.stats.ks_2samp(draws, others, method="asymp")
    n = np.unique(draws).size
    m = np.unique(others).size
    effective = max(1, round(n * m / (n + m)))
    return bool(scipy.stats.kstwo.sf(float(result.statistic), effective) >= ALARM)
