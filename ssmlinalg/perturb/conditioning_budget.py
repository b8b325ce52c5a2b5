r"""A budget for kappa_2(V) that no step of a search can break.

The search moves a free matrix X = U diag(s) W^T, and R = U diag(f(s)) W^T with

.. math::  f = k^{\sin(\pi t/2)}, \qquad s = k^t, \qquad k = \sqrt K

has kappa_2(R) <= K whatever X is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..ground.backend import Real
from ..matrices.factorizations import converged
from .modal_coordinates import HalfSystem, with_unit_columns

_MARGIN = 0.98  # of the exponent t at the start: f is flat at 1
_NEAR = 1e-8  # relative gap below which a divided difference is a derivative
_TURNS = 200  # of scaling and clipping; one to three are usual


def clip(X: Real, K: float) -> tuple[Real, Callable[[Real], Real]]:
    """R = U diag(f(s)) W^T of X = U diag(s) W^T, and the adjoint of its derivative.

    Args:
        X: a matrix (N, M), M >= N.
        K: the budget of kappa_2(R), above 1.

    Returns:
        R (N, M), and the function from a gradient in R to that in X.

    Source:
        Daleckii & Krein 1965, for singular values in place of eigenvalues.

    Example:
        >>> R, _ = clip(np.diag([100.0, 0.01]), 4.0)
        >>> bool(np.linalg.cond(R) <= 4.0 * (1 + 1e-12))
        True
    """
    with converged("V"):
        U, s, Wt = np.linalg.svd(X, full_matrices=False)
    k = math.log(K) / 2
    t = math.pi / 2 * np.log(s) / k
    f = np.exp(k * np.sin(t))
    slope = f * np.cos(t) * math.pi / 2 / s
    symmetric = _divided_difference(s, f, slope)
    skew = np.add.outer(f, f) / np.add.outer(s, s)

    def pullback(to_R: Real) -> Real:
        rows = U.T @ to_R
        H = rows @ Wt.T
        inner = symmetric * (H + H.T) + skew * (H - H.T)
        beside = (f / s)[:, None] * (rows - H @ Wt)  # of a wide X
        return U @ (inner @ Wt / 2 + beside)

    return (U * f) @ Wt, pullback


def _divided_difference(s: Real, f: Real, slope: Real) -> Real:
    """(f_j - f_k)/(s_j - s_k) (N, N), and the slope of f where the two are near."""
    gap = np.subtract.outer(s, s)
    near = np.abs(gap) <= _NEAR * s
    mean_slope = np.add.outer(slope, slope) / 2
    quotient = np.subtract.outer(f, f) / np.where(near, 1, gap)
    return np.where(near, mean_slope, quotient)


def free(half: HalfSystem, K: float) -> HalfSystem:
    """The system with X in place of R, whose `clip` has the singular values of R within the budget.

    They are drawn not quite to the ends of the budget, where f is flat.
    """
    with converged("V"):
        U, s, Wt = np.linalg.svd(half.R, full_matrices=False)
    k = math.log(K) / 2
    least = max(s[-1], s[0] / K)
    centre = math.sqrt(s[0] * least)
    t = np.clip(np.log(s / centre) / k, -_MARGIN, _MARGIN)
    of_X = np.exp(2 / math.pi * np.arcsin(t) * k)
    return half._replace(R=(U * of_X) @ Wt, b=half.b * centre)


def feasible(half: HalfSystem, K: float) -> HalfSystem:
    """The system with unit columns and kappa_2(R) <= K.

    Scaled and clipped in turn, to ever less than K, until both hold.
    """
    k = K
    for _ in range(_TURNS):
        half = with_unit_columns(half)
        with converged("V"):
            U, s, Wt = np.linalg.svd(half.R, full_matrices=False)
        if s[0] <= K * s[-1]:
            break
        k = 1 + (k - 1) * (1 - 1e-9)
        raised = np.maximum(s, s[0] / k)
        half = half._replace(R=(U * raised) @ Wt)
    return half
