"""How far results are apart, and derivatives by central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import EPS

from ssmlinalg.ground.backend import to_numpy


def far(got: Any, expected: Any) -> float:
    """The largest distance between entries of two arrays of any library, 0 of none."""
    here, there = (to_numpy(x) if hasattr(x, "dtype") else np.asarray(x) for x in (got, expected))
    return float(np.abs(here - there).max(initial=0.0))


def largest(array: Any) -> float:
    """The largest absolute value of an array, 0 of none."""
    return float(np.abs(array).max(initial=0.0))


def slope(
    function: Callable[[float], float], at: float, *, stiffness: float
) -> tuple[float, float]:
    """A derivative by central differences of step h = eps^{1/3} |at|, and its tolerance.

    Of the two errors one is h^2 times the third derivative, at most (stiffness / at)^2 times the
    first, and the other eps times the value, over h.
    """
    h = EPS ** (1 / 3) * abs(at)
    found = (function(at + h) - function(at - h)) / (2 * h)
    size = max(abs(found), abs(function(at) / at))
    return found, 4 * EPS ** (2 / 3) * (1 + stiffness**2) * size
