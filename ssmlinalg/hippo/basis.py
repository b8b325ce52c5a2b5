"""Shared by all measures: the basis of a memory, its lags, and systems that read a coefficient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..forms import Dense
from ..ground import require
from ..ground.backend import Real
from ..ground.gate import real_numbers

LONGEST = 1e150  # time, and one over the shortest: squares and ratios fit double precision
_VECTORS = 64  # bytes of each state: B, P of rank two, and what they are made of


class Basis(NamedTuple):
    """The functions by which a state remembers, at T lags.

    Attributes:
        values: g_n(t), which rebuild the past from the state, (T, N).
        kernel: k_n(t), which take the state from the past, (T, N).
        weight: the weight w(t) of the measure, (T,).
    """

    values: Real
    kernel: Real
    weight: Real


def admitted_lags(lags: npt.ArrayLike, order: int) -> Real:
    """The lags (T,) in double precision, once it is known that none is negative and that a basis of
    this order fits into memory there.
    """
    values = np.atleast_1d(real_numbers("lags", lags))
    require.shape("lags", values.shape, "(T,)", values.ndim == 1)
    if np.any(values < 0):
        remedy = "They count back from now: 0 is the present."
        raise ValueError(f"`lags` must not be negative; got {values.min():g}. {remedy}")
    if np.any(values > LONGEST):
        remedy = "No memory reaches so far back."
        raise ValueError(f"`lags` must be at most {LONGEST:g}; got {values.max():g}. {remedy}")
    require.room("the basis", 16 * order * len(values), host=True)
    return values


def admitted_time(name: str, value: float) -> float:
    """A window, a period or a rate that is positive, neither too short nor too long."""
    return require.real(name, value, above=1 / LONGEST, below=LONGEST)


def admitted_order(order: int) -> int:
    """The order of a matrix that is written down, once it is known to fit into memory."""
    order = require.integer("order", order)
    require.room("A", 8 * order**2, host=True)
    return order


def vector_order(order: int) -> int:
    """The order of a matrix on demand, once its vectors are known to fit into memory."""
    order = require.integer("order", order)
    require.room("the system", _VECTORS * order, host=True)
    return order


def legendre(order: int, x: Real) -> Real:
    """The Legendre polynomials P_n(x), (T, N); where they overflow infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return infinite_beyond(np.polynomial.legendre.legvander(x, order - 1), x)


def infinite_beyond(polynomials: Real, x: Real) -> Real:
    """Polynomials (T, N) of degree n whose zeros lie in [-1, 1], infinite where a recurrence has
    overflowed.
    """
    n = np.arange(polynomials.shape[1])
    limit = np.where((x[:, None] < 0) & (n % 2 == 1), -np.inf, np.inf)
    return np.where(np.isfinite(polynomials), polynomials, limit)


def orthonormal_legendre(order: int, x: Real) -> Real:
    """sqrt(2n + 1) P_n(x), (T, N): of unit mean square on [-1, 1]."""
    size = np.sqrt(2 * np.arange(order) + 1)
    with np.errstate(over="ignore"):
        return legendre(order, x) * size


def weighed(weight: Real, values: Real) -> Real:
    """The weight (T,) times the values (T, N); 0 where the weight is, also of infinite values."""
    inside = weight[:, None] > 0
    return weight[:, None] * np.where(inside, values, 0.0)


def uniform(lags: Real, window: float) -> Real:
    """The weight 1/window on [0, window] at each lag (T,)."""
    return (lags <= window) / window


def reads_first(A: Real, B: Real) -> Dense:
    """The system (A, B) whose output is its first coefficient."""
    C = np.eye(len(B))[0]
    return Dense(
        A=A,
        B=B,
        C=C,
        D=np.asarray(0.0),
        step=np.asarray(1.0),
    )
