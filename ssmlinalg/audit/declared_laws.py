"""The laws that a published layer declares to start from, tested on the arrays of a layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import scipy

from ..export import Declared
from ..export.published import Laws
from .kolmogorov_smirnov import MANY, kolmogorov
from .records import Fit
from .stored_precision import nudge

_BINS = 40
_ROUNDING = 1e-12  # of the ends of a law, beside what the precision of the arrays allows
_SAFETY = 2  # half an eps is that of one rounding, and values may have been rounded twice


class Drawn(NamedTuple):
    """The draws of one quantity, and the names of the arrays that it is made of."""

    values: np.ndarray
    arrays: tuple[str, ...]


def kept(fit: Fit) -> bool:
    """Whether a declared constant is what it was, to the last digit of the file."""
    return fit.kind == "constant" and fit.p == 1


class _Read(dict[str, np.ndarray]):
    """Arrays in double precision that remember who was asked for."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        super().__init__(arrays)
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked[name] = None
        array = super().__getitem__(name)
        return array.astype(np.result_type(array, np.float64), copy=False)


def draws_of(declared: Declared, arrays: Mapping[str, np.ndarray]) -> Drawn | None:
    """The draws of a declared quantity; None where an array is missing or a draw is not finite."""
    read = _Read(arrays)
    try:
        with np.errstate(all="ignore"):
            values = np.ravel(declared.of(read))
    except (KeyError, ValueError, IndexError):
        return None
    if values.size > MANY:
        values = values[np.linspace(0, values.size - 1, MANY).round().astype(int)]
    if not values.size or not np.all(np.isfinite(values)):
        return None
    return Drawn(values, tuple(read.asked))


def fits(
    laws: Laws, arrays: Mapping[str, np.ndarray], precision: Mapping[str, float]
) -> Iterator[Fit]:
    """The test of every law that these arrays can be asked about."""
    for quantity, declared in laws.items():
        draws = draws_of(declared, arrays)
        if draws is None:
            continue
        nudged = {
            name: nudge(array, precision[name]) if name in draws.arrays else array
            for name, array in arrays.items()
        }
        moved = draws_of(declared, nudged)
        slack = np.zeros(draws.values.shape)
        if moved is not None:
            slack = _SAFETY * np.abs(moved.values - draws.values)
        yield _fit(quantity, declared, draws, slack)


class _Test(NamedTuple):
    statistic: float
    p: float
    outside: float


def _fit(quantity: str, declared: Declared, draws: Drawn, slack: np.ndarray) -> Fit:
    parameters = tuple(map(float, declared.parameters))
    if declared.kind == "constant":
        test = _constant(draws.values, parameters[0], slack)
    else:
        test = _distribution(draws.values, declared.kind, parameters, slack)
    counts, edges = np.histogram(draws.values, bins=_BINS)
    return Fit(
        quantity=quantity,
        kind=declared.kind,
        parameters=parameters,
        draws=draws.values.size,
        statistic=test.statistic,
        p=test.p,
        outside=test.outside,
        like="",
        extremes=(float(np.min(draws.values)), float(np.max(draws.values))),
        edges=edges,
        counts=counts,
        arrays=draws.arrays,
    )


def _constant(draws: np.ndarray, value: float, slack: np.ndarray) -> _Test:
    off = np.abs(draws - value)
    beyond = off > slack + _ROUNDING
    return _Test(float(np.max(off)), float(not np.any(beyond)), float(np.mean(beyond)))


def _distribution(
    draws: np.ndarray, kind: str, parameters: tuple[float, ...], slack: np.ndarray
) -> _Test:
    """Drawn that rounding moved over an end of the law are put back on it."""
    low, high = getattr(scipy.stats, kind)(*parameters).support()
    ends = [abs(end) for end in (low, high) if math.isfinite(end)]
    slack = slack + _ROUNDING * max(ends, default=0.0)
    outside = float(np.mean((draws < low - slack) | (draws > high + slack)))
    back = np.where(np.abs(draws - high) <= slack, high, draws)
    back = np.where(np.abs(draws - low) <= slack, low, back)
    return _Test(*kolmogorov(back, kind, parameters), outside)
