"""Optimal approximation in the Hankel norm (Adamyan, Arov & Krein), by Glover's formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ground.backend import Real
from .balanced_systems import Balanced, Realized, as_matrices
from .from_balanced import between_equals, equal_to, reduced
from .poles import Poles, every_pole
from .reduction import Reduction


def hankel(
    form: Any,
    *,
    order: int | None = None,
    error: float | None = None,
    norm: str = "hinf",
    relative: bool = True,
) -> Reduction:
    r"""The model of an order that is nearest in the Hankel norm.

    .. math::  \min_{\text{order } r} |\Gamma_G - \Gamma_{G_r}|_2 = \sigma_{r+1} .

    No model of this order, whatever its method, predicts future outputs from past inputs better. In
    the other norms it is often a little better than `balanced`, and never proved to be: `upper` is
    measured in the norm that was asked for, with the direct path of the whole.

    Args:
        form: what `balanced` takes.
        order: what `balanced` takes.
        error: what `balanced` takes.
        norm: what `balanced` takes.
        relative: what `balanced` takes.

    Returns:
        A `Reduction`, as that of `balanced`.

    Raises:
        TypeError: what `balanced` raises.
        ValueError: what `balanced` raises.

    Accuracy:
        The Hankel norm of the error is sigma_{r+1} to N eps kappa, with kappa that of the modes of
        the all-pass extension.

    Cost:
        O(N^3) for each order that is tried.

    Source:
        Glover 1984, Int. J. Control 39, 1115-1193, Theorem 6.3 and Corollary 7.3.

    Example:
        >>> from ssmlinalg import s4d_inv_init
        >>> small = hankel(s4d_inv_init(32), order=12)
        >>> small.lower < small.upper < 2 * small.lower
        True
    """
    return reduced(form, order, error, norm, relative, _nearest)


def _nearest(plain: Balanced, order: int, discrete: bool) -> Realized | None:
    """The stable modes of Glover's model; None between equals, and if rounding lost one."""
    if between_equals(plain.sigma, order):
        return None
    system = Realized(*plain[:3])
    if order == len(plain.sigma):
        return system
    if not order:
        return Realized(system.A[:0, :0], system.B[:0], system.C[:, :0])
    if discrete:
        system = _continued(system)
    A, B, C = every_pole(_extension(system, plain.sigma, order))
    kept = A.real < 0
    if np.sum(kept * (1 + (A.imag > 0))) != order:
        return None
    modes = A[kept], B[kept], C[:, kept]
    return as_matrices(_sampled(*modes) if discrete else modes)


def _extension(system: Realized, sigma: Real, order: int) -> Realized:
    """The system whose distance from the given one is all-pass, of `order` stable modes."""
    level = sigma[order]
    equal = equal_to(sigma, order)
    A = system.A[np.ix_(~equal, ~equal)]
    ports = max(system.B.shape[1], system.C.shape[0])
    B = np.pad(system.B, ((0, 0), (0, ports - system.B.shape[1])))
    C = np.pad(system.C, ((0, ports - system.C.shape[0]), (0, 0)))
    X, _, Yt = np.linalg.svd(C[:, equal] @ B[equal])
    U = -X @ Yt  # orthogonal, with B_2 = -C_2^T U
    B = B[~equal]
    C = C[:, ~equal]
    s = sigma[~equal]
    gap = ((s - level) * (s + level))[:, None]
    read = level * C.T @ U
    return Realized(
        A=(level**2 * A.T + s[:, None] * A * s - read @ B.T) / gap,
        B=((s[:, None] * B + read) / gap)[:, : system.B.shape[1]],
        C=(C * s + level * U @ B.T)[: system.C.shape[0]],
    )


def _continued(system: Realized) -> Realized:
    """The continuous system with the same Gramians, s = (z - 1)/(z + 1), but for a constant."""
    unit = np.eye(len(system.A))
    plus = system.A + unit
    both = np.linalg.solve(plus, np.concatenate([system.A - unit, system.B], axis=1))
    root = math.sqrt(2)
    return Realized(
        A=both[:, : len(unit)],
        B=root * both[:, len(unit) :],
        C=root * np.linalg.solve(plus.T, system.C.T).T,
    )


def _sampled(A: Any, B: Any, C: Any) -> Poles:
    """The way back for modes."""
    root = math.sqrt(2) / (1 - A)
    return (1 + A) / (1 - A), root[:, None] * B, C * root
