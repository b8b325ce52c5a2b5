"""Conditioning that each kind of perturbation buys: kappa(V) against |E|/|A|, a quick curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Real
from .columns import column
from .diagonalization import Diagonalization, Progress, System, split
from .published_objective import minimize
from .random_matrices import complex_gaussian, gaussian

_SIZES = (1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1)  # |E|_2/|A|_2 of those drawn at random
_COLUMNS = (1e-4, 1e-3, 1e-2, 1e-1)
_BUDGETS = (1e4, 1e3, 1e2, 1e1)  # of kappa(V)
_ITERATIONS = 30  # of a descent: a few per cent from where it would end
_SEARCHED = 128  # up to this order descents take a second or two a point


class BuyingCurve(NamedTuple):
    """The conditioning that one kind of perturbation buys.

    Attributes:
        method: the name in `PERTURBATIONS`.
        size: |E|_2/|A|_2, rising, (K,).
        condition: kappa_2(V) of A + E, (K,).
    """

    method: str
    size: Real
    condition: Real


def buying_curves(system: System, *, progress: Progress | None = None) -> list[BuyingCurve]:
    """kappa(V) against |E|/|A| for each perturbation that takes any matrix, quickly.

    `gaussian` and `complex_gaussian` at sizes from 1e-10 to 0.1, one draw each; up to order 128
    `column` at sizes from 1e-4 to 0.1, and `minimize` for budgets of kappa(V) from 10^4 to 10, both
    with 30 iterations a descent: their full searches go a little lower.

    Args:
        system: a form with A (N, N) and B (N,), or a square matrix.
        progress: called as progress(fraction=0.5) after each point.

    Returns:
        The curves. A point whose A + E is not diagonalizable in double precision, and a budget that
        A keeps without help or a search does not reach, is left out, and a curve without points
        too.

    Raises:
        TypeError: for what is no form with one input and no matrix of numbers.
        ValueError: for what is no finite square matrix.

    Cost:
        Fourteen eigendecompositions, and up to order 128 eight short descents of O(N^3) a step.

    Example:
        >>> curves = buying_curves(np.eye(8, k=1))
        >>> [curve.method for curve in curves]
        ['gaussian', 'complex_gaussian', 'column', 'minimize']
    """
    A, _ = split(system)
    require.progress(progress)
    attempts = list(_attempts(A))
    points: dict[str, list[tuple[float, float]]] = {method: [] for method, _ in attempts}
    for done, (method, attempt) in enumerate(attempts, 1):
        try:
            found = attempt()
        except ValueError:  # not diagonalizable, or out of reach
            continue
        finally:
            if progress:
                progress(fraction=done / len(attempts))
        if found.backward_error > 0:
            points[method].append((found.backward_error, found.condition))
    return [_curve(method, held) for method, held in points.items() if held]


def _attempts(A: np.ndarray) -> Iterator[tuple[str, Callable[[], Diagonalization]]]:
    """The perturbations to try, each under the name of its method."""
    for method in (gaussian, complex_gaussian):
        for size in _SIZES:
            yield method.__name__, partial(method, A, size=size)
    if len(A) > _SEARCHED:
        return
    for size in _COLUMNS:
        yield "column", partial(column, A, size=size, iterations=_ITERATIONS)
    for budget in _BUDGETS:
        yield "minimize", partial(minimize, A, conditioning=budget, iterations=_ITERATIONS)


def _curve(method: str, points: list[tuple[float, float]]) -> BuyingCurve:
    size, condition = np.array(sorted(points)).T
    return BuyingCurve(method, size, condition)
