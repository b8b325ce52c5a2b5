"""The laws a layer is said to start from, against what it holds: the test of Kolmogorov and
Smirnov.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import scipy.optimize
import scipy.stats

from ..export import TARGETS, Declared
from .records import MANY, Fit, nudge


class _Read(dict[str, np.ndarray]):
    """Arrays that remember who was asked for."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        super().__init__(arrays)
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked[name] = None
        return super().__getitem__(name)


def drawn_of(
    declared: Declared, arrays: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """What is said to be drawn, and the arrays it is made of; None where an optional one is missing
    or it is no number.
    """
    wide = _Read(
        {name: array.astype(np.result_type(array, np.float64)) for name, array in arrays.items()}
    )
    try:
        with np.errstate(all="ignore"):
            draws = np.ravel(declared.of(wide))
    except (KeyError, ValueError, IndexError):
        return None
    if draws.size > MANY:
        draws = draws[np.linspace(0, draws.size - 1, MANY).round().astype(int)]
    return (draws, tuple(wide.asked)) if draws.size and np.all(np.isfinite(draws)) else None


def fits(
    target: str, arrays: Mapping[str, np.ndarray], precision: Mapping[str, float]
) -> tuple[list[Fit], list[tuple[str, ...]]]:
    """Every law that the target declares and these arrays can be asked about, and the arrays each
    is asked of.
    """
    tests, sources = [], []
    for quantity, declared in TARGETS[target].declared.items():
        drawn = drawn_of(declared, arrays)
        if drawn is None:
            continue
        draws, names = drawn
        nudged = {
            name: nudge(array, precision[name]) if name in names else array
            for name, array in arrays.items()
        }
        moved = drawn_of(declared, nudged)
        slack = 4 * float(np.max(np.abs(moved[0] - draws))) if moved else 0.0
        tests.append(_fit(quantity, declared, draws, slack))
        sources.append(names)
    return tests, sources


def _fit(quantity: str, declared: Declared, draws: np.ndarray, slack: float) -> Fit:
    kind, parameters = declared.kind, tuple(map(float, declared.parameters))
    extremes = float(np.min(draws)), float(np.max(draws))
    counts, edges = np.histogram(draws, bins=40)
    if kind == "constant":
        off = np.abs(draws - parameters[0])
        beyond = off > slack + 1e-12
        statistic, p, outside = (
            float(np.max(off)),
            float(not np.any(beyond)),
            float(np.mean(beyond)),
        )
    else:
        low, high = getattr(scipy.stats, kind)(*parameters).support()
        slack += 1e-12 * max((abs(end) for end in (low, high) if math.isfinite(end)), default=0.0)
        outside = float(np.mean((draws < low - slack) | (draws > high + slack)))
        at_the_ends = np.where(
            np.abs(draws - low) <= slack, low, np.where(np.abs(draws - high) <= slack, high, draws)
        )
        statistic, p = kolmogorov(at_the_ends, kind, parameters)
    return Fit(
        quantity, kind, parameters, draws.size, statistic, p, outside, "", extremes, edges, counts
    )


def kolmogorov(draws: np.ndarray, kind: str, parameters: tuple[float, ...]) -> tuple[float, float]:
    """The statistic and its exact p. A value that occurs again is a copy, as that of a conjugate
    is, and no new draw.
    """
    statistic = float(scipy.stats.kstest(draws, kind, args=parameters, method="asymp").statistic)
    return statistic, float(scipy.stats.kstwo.sf(statistic, np.unique(draws).size))
