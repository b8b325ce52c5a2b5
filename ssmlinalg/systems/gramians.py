r"""What the state of a model is excited by and what of it is heard: Gramians, Hankel singular
values, balanced truncation.

A Gramian is never formed and then taken apart: with A = Q T Q^*, T upper triangular, the factor L
of P = L L^* is found column by column (Hammarling 1982), so singular values are those of a product
of factors and no condition number is squared. Discrete systems have the Gramians of the continuous
one that the bilinear map s = (z - 1)/(z + 1) makes of them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from .. import forms
from ..forms import MIMO, NPLR, Delayed, Dense, DenseRecurrence, Form, MIMORecurrence
from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..matrices import shifted
from ..matrices.units import times_power
from .realization import (
    Realization,
    closed,
    continuous,
    each,
    real,
    realize,
    scaled,
    unscaled,
    worst,
)


class Reduced(NamedTuple):
    """A truncated model, `bound` on the H-infinity norm of its error, and the Hankel singular
    values it was cut by.
    """

    form: Dense | Delayed
    bound: Any
    hankel: Real


def controllability_gramian(form: Form) -> Real:
    r"""The covariance P of the state under white noise, or the set {x : x^T P^{-1} x <= 1} reached
    by inputs of unit energy.

    .. math::  A P + P A^T + B B^T = 0, \qquad\text{discrete:}\quad A P A^T - P + B B^T = 0.

    Returns (..., N, N), symmetric and positive semidefinite; `step` plays no part. The state is x
    where the form is real, else (Re x, Im x), of order 2N, as in `forms.to_dense`: the modes alone,
    conjugate or not, do not determine the real system. A `NPLR` form has this Gramian, but no
    other.

    Accuracy: that of the triangular form of A, which is exact for modes and triangular matrices,
    and a backward stable substitution; for HiPPO-LegS 2e-15 at N = 128. Raises ValueError where an
    eigenvalue has Re >= 0, or |z| >= 1: modes and triangular matrices show them, of other matrices
    also one that is closer than 4 sqrt(N) eps |A|_F is refused. Cost O(N^3).

    Source: Hammarling 1982, IMA J. Numer. Anal. 2, 303-323.

    >>> import numpy as np
    >>> from ssmlinalg import hippo
    >>> np.linalg.eigvalsh(controllability_gramian(hippo.legs(3))).round(4)  # the nodes of Gauss and Legendre on [0, 1]
    array([0.1127, 0.5   , 0.8873])
    """
    system = realize(forms.to_dense(form) if isinstance(form, NPLR) else form)

    def gramian(member: Realization) -> Real:
        (unit,), rate, drive, _ = scaled(member)
        return fitting(_product(controllability_factor(_stable(unit, rate))), 2 * drive - rate)

    return each(gramian, system)


def observability_gramian(form: Form) -> Real:
    r"""The energy x^T Q x of the output that the state x leaves behind, without further input.

    .. math::  A^T Q + Q A + C^T C = 0, \qquad\text{discrete:}\quad A^T Q A - Q + A^T C^T C A = 0.

    As `controllability_gramian`. In discrete time outputs count from the next sample on, y_l = C A
    x_{l-1} for l >= 1, which is what Hankel singular values are made of (and for `Delayed` forms,
    which read late, C stands for C A). Raises TypeError for `NPLR`, which has no output.

    >>> import numpy as np
    >>> one = np.ones(1)
    >>> observability_gramian(forms.Dense(-2 * one[:, None], one, 3 * one, 0.0, 1.0))
    array([[2.25]])
    """

    def gramian(member: Realization) -> Real:
        (unit,), rate, _, view = scaled(member)
        return fitting(_product(observability_factor(_stable(unit, rate))), 2 * view - rate)

    return each(gramian, realize(form))


def hankel_singular_values(form: Form) -> Real:
    r"""How much of the past each direction of the state carries into the future: the singular
    values of the Hankel operator.

    .. math::  \sigma_k = \sqrt{\lambda_k(P Q)}, \qquad \sigma_1 \ge \sigma_2 \ge \dots

    Returns (..., N), or (..., 2N) for complex forms, which are real systems of that order; states
    that are not reached or not heard add zeros. They do not depend on coordinates, nor on D. Found
    as singular values of a product of Gramian factors: absolute errors are about N eps sigma_1.
    Raises and costs what the Gramians do.

    >>> import numpy as np
    >>> one = np.ones(1)
    >>> hankel_singular_values(forms.Dense(-2 * one[:, None], one, 3 * one, 0.0, 1.0))  # |C B/2A|
    array([0.75])
    """
    return each(_hankel, realize(form))


def balanced_truncation(form: Form, order: int) -> Reduced:
    r"""The model of `order` states that keeps the largest Hankel singular values, and a bound on
    what that costs.

    .. math::  \sup_w |G(i w) - G_r(i w)| \le 2 \sum_{k > r} \sigma_k .

    `form` has one input and one output. Returns (form, bound, hankel): a real, stable `Dense` with
    the step of the given form, or for discrete forms a `Delayed` recurrence, whose output reads the
    state before the newest sample; `bound` (...), `hankel` (..., N) of the whole. D is kept; batch
    axes are kept and share `order`.

    Raises TypeError for `NPLR` and forms with several inputs; ValueError for an unstable form and
    for an `order` beyond the number of Hankel singular values above N eps sigma_1: what is smaller
    is rounding. Cost O(N^3).

    Sources: Moore 1981 for the truncation; Enns 1984 and Glover 1984, Theorem 9.6, for the bound;
    Tombs & Postlethwaite 1987 for square roots; Al-Saggaf & Franklin 1987 for discrete time.

    >>> from ssmlinalg import s4d_legs_init
    >>> small = balanced_truncation(s4d_legs_init(32), 16)
    >>> small.form.A.shape, bool(small.bound < 4 * small.hankel[16:].max() * 16)
    ((16, 16), True)
    """
    order = require.integer("order", order)
    if isinstance(form, (MIMO, MIMORecurrence)) or isinstance(
        getattr(form, "system", None), MIMORecurrence
    ):
        remedy = "Take its channels apart."
        raise TypeError(
            f"balanced_truncation takes a form with one input and one output; got {type(form).__name__}. {remedy}"
        )
    whole = realize(form)
    hankel = each(_hankel, whole)
    least = int(
        np.min(
            np.sum(hankel > hankel.shape[-1] * EPS * hankel[..., :1], axis=-1),
            initial=hankel.shape[-1],
        )
    )
    if order > least:
        rule = "`order` must not exceed the number of Hankel singular values above rounding"
        raise ValueError(f"{rule}; got {order} for {least}. Ask for {least} or fewer." if least else
                         f"{rule}; got {order} for a form whose output is zero. Give it a B and a C.")  # fmt: skip
    A, B, C = each(lambda member: _truncated(member, order), whole)
    bound = 2 * np.sum(hankel[..., order:], axis=-1)[()]
    D = whole.D[..., 0, 0]
    if whole.discrete:
        return Reduced(Delayed(DenseRecurrence(A, B, C, np.zeros_like(D)), D), bound, hankel)
    step: Any = forms.move(form, "numpy", dtype="float64")
    return Reduced(Dense(A, B, C, D, step.step), bound, hankel)


def controllability_factor(system: Realization) -> Real:
    """F with P = F F^T, of the state of `real`. Not for stacks."""
    A, B = closed(continuous(system))[:2]
    return _real_factor(factor(*triangular(A, B)), len(A) != len(system.A), 0.5)


def observability_factor(system: Realization) -> Real:
    """F with Q = F F^T, of the state of `real`. Not for stacks."""
    A, _, C = closed(continuous(system))[:3]
    A = A.conj() if system.modal else A.conj().T
    return _real_factor(factor(*triangular(A, C.conj().T)), len(A) != len(system.A), 1.0)


def triangular(A: np.ndarray, B: np.ndarray) -> tuple[Complex, Complex, Complex]:
    """T, Q^* B and Q with A = Q T Q^*; A is a matrix (N, N) or its eigenvalues (N,)."""
    if A.ndim == 1:
        return np.diag(A) + 0j, np.asarray(B + 0j), np.eye(len(A)) + 0j
    T, Q = shifted.triangular(A)
    return T, Q.conj().T @ B, Q


def factor(T: Complex, B: Complex, Q: Complex | None = None) -> Complex:
    r"""L with T P + P T^* + B B^* = 0 for P = L L^*, T upper triangular and stable; Q L where Q is
    given.

    With the last row of T split off, T = (T_1, t; 0, \lambda) and B = (B_1; b), the last column of
    L is (u; l), where l = |b|/sqrt(-2 Re lambda), beta = b^*/l, (T_1 + conj(lambda)) u = -(t l +
    B_1 beta); the others are the factor of T_1 and B_1 - u beta^*.
    """
    L = np.zeros(T.shape, complex)
    unit = float(np.max(np.abs(B), initial=0.0)) or 1.0  # so that no square underflows
    B = B / unit
    for k in reversed(range(len(T))):
        damping = math.sqrt(-2 * T[k, k].real)
        size = float(np.linalg.norm(B[k]))
        beta = damping * B[k].conj() / size if size else np.zeros(B.shape[1], complex)
        L[k, k] = size / damping
        if k and size:
            right = T[:k, k] * L[k, k] + B[:k] @ beta
            moved = T[:k, :k] + T[k, k].conj() * np.eye(k)
            L[:k, k] = -scipy.linalg.solve_triangular(moved, right, check_finite=False)
            B[:k] -= np.outer(L[:k, k], beta.conj())
    L *= unit
    return L if Q is None else Q @ L


def _real_factor(L: Complex, doubled: bool, scale: float) -> Real:
    """F real with F F^T = L L^*, in the coordinates (Re x, Im x) where L is of the state (x,
    conj(x)).
    """
    if doubled:
        x, conjugate = np.split(L, 2)
        L = scale * np.concatenate([x + conjugate, -1j * (x - conjugate)])
    return np.concatenate([L.real, L.imag], axis=1)


def _product(F: Real) -> Real:
    return F @ F.T


def _balance(system: Realization) -> tuple[Real, Real, Real, Real, Real]:
    """U, sigma, V^T of F_Q^T F_P, and F_P and F_Q."""
    P, Q = controllability_factor(system), observability_factor(system)
    U, sigma, Vt = np.linalg.svd(Q.T @ P)
    order = len(P)
    return U, sigma[:order], Vt, P, Q


def _hankel(system: Realization) -> Real:
    (unit,), rate, drive, view = scaled(system)
    return fitting(_balance(_stable(unit, rate))[1], drive + view - rate)


def _truncated(system: Realization, order: int) -> tuple[Real, Real, Real]:
    (system,), rate, drive, view = scaled(system)
    U, sigma, Vt, P, Q = _balance(system)
    root = np.sqrt(sigma[:order])
    left, right = (Q @ U[:, :order] / root).T, P @ Vt[:order].T / root
    A, B, C = real(system)[:3]
    half = (drive + view) // 2
    return (
        fitting(left @ A @ right, rate),
        fitting((left @ B)[:, 0], half),
        fitting((C @ right)[0], half),
    )


def fitting(array: np.ndarray, exponent: int) -> np.ndarray:
    """2^exponent array, refused where that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        array = times_power(array, exponent)
    if not require.all_finite(array):
        remedy = "Scale B and C down, or the time up."
        raise ValueError(
            f"the result must fit double precision; got more than float64 can hold. {remedy}"
        )
    return array


def _stable(system: Realization, rate: int) -> Realization:
    """The system, of times in units of 2^-rate, once it is known to be stable."""
    pole = worst(system)
    if pole is not None:
        what = (
            f"|z| = {abs(pole):.6g}" if system.discrete else f"Re = {unscaled(pole.real, rate):.6g}"
        )
        rule = "the system must be stable for its Gramians to exist"
        raise ValueError(
            f"{rule}; got an eigenvalue with {what}. Move it into the stable region, or remove its mode."
        )
    return system
