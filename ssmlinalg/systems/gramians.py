r"""Gramians of a form, Hankel singular values, and balanced truncation.

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
from ..forms import Delayed, Dense, DenseRecurrence, Form
from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..matrices import shifted
from .realization import (
    Realization,
    Units,
    continuous,
    fitted,
    on_host,
    over_members,
    real_blocks,
    realization,
    realize,
    scaled,
    transferred,
    undamped,
    unscaled,
    with_conjugates,
)


class Reduced(NamedTuple):
    """A truncated model and the certificate of its error.

    Attributes:
        form: the model, `Dense`, or a `Delayed` recurrence in discrete time.
        bound: (...), a bound on the H-infinity norm of its error.
        hankel: (..., N), the Hankel singular values of the whole.
    """

    form: Dense | Delayed
    bound: Any
    hankel: Real


def controllability_gramian(form: Form) -> Real:
    r"""The controllability Gramian P: the covariance of the state under white noise.

    .. math::  A P + P A^T + B B^T = 0, \qquad\text{discrete:}\quad A P A^T - P + B B^T = 0.

    {x : x^T P^{-1} x <= 1} is the set that inputs of unit energy reach. `step` plays no part. The
    state is x where the form is real, else (Re x, Im x), of order 2N, as in `forms.to_dense`: the
    modes alone, conjugate or not, do not determine the real system.

    Args:
        form: a stable form of any library. An `NPLR` form has this Gramian, but no other.

    Returns:
        P (..., N, N), symmetric and positive semidefinite.

    Raises:
        TypeError: for what is no form; what `forms.check` raises.
        ValueError: for an eigenvalue with Re >= 0, or |z| >= 1. Modes and triangular matrices show
            theirs; another matrix is also refused for one closer than 4 sqrt(N) eps |A|_F. For
            an empty batch and for overflow; what `forms.check` raises.

    Accuracy:
        That of the triangular form of A, which is exact for modes and triangular matrices, and of
        a backward stable substitution. For HiPPO-LegS 2e-15 at N = 128.

    Cost:
        O(N^3).

    Source:
        Hammarling 1982, IMA J. Numer. Anal. 2, 303-323.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import hippo
        >>> P = controllability_gramian(hippo.legs(3))
        >>> np.linalg.eigvalsh(P).round(4)  # the nodes of Gauss and Legendre on [0, 1]
        array([0.1127, 0.5   , 0.8873])
    """
    return over_members(_controllability, realization(on_host(form)))


def observability_gramian(form: Form) -> Real:
    r"""The observability Gramian Q: x^T Q x is the energy of the zero-input response from x.

    .. math::  A^T Q + Q A + C^T C = 0, \qquad\text{discrete:}\quad A^T Q A - Q + A^T C^T C A = 0.

    In discrete time outputs count from the next sample on, y_l = C A x_{l-1} for l >= 1: Hankel
    singular values are made of these. A `Delayed` form reads late, so that its C stands for C A.

    Args:
        form: a stable form of any library with an output.

    Returns:
        Q (..., N, N), in the coordinates of `controllability_gramian`.

    Raises:
        TypeError: for `NPLR`, which has no output; what `controllability_gramian` raises.
        ValueError: what `controllability_gramian` raises.

    Accuracy:
        That of `controllability_gramian`.

    Cost:
        O(N^3).

    Example:
        >>> import numpy as np
        >>> one = np.ones(1)
        >>> observability_gramian(forms.Dense(-2 * one[:, None], one, 3 * one, 0.0, 1.0))
        array([[2.25]])
    """
    return over_members(_observability, realize(form))


def hankel_singular_values(form: Form) -> Real:
    r"""The singular values of the Hankel operator, from past inputs to future outputs.

    .. math::  \sigma_k = \sqrt{\lambda_k(P Q)}, \qquad \sigma_1 \ge \sigma_2 \ge \dots

    They do not depend on coordinates, nor on D. States that no input reaches or no output reads
    add zeros.

    Args:
        form: a stable form of any library with an output.

    Returns:
        (..., N), or (..., 2N) for complex forms, which are real systems of that order.

    Raises:
        TypeError: what `observability_gramian` raises.
        ValueError: what `observability_gramian` raises.

    Accuracy:
        About N eps sigma_1, absolute: they are singular values of a product of Gramian factors.

    Cost:
        O(N^3).

    Example:
        >>> import numpy as np
        >>> one = np.ones(1)
        >>> hankel_singular_values(forms.Dense(-2 * one[:, None], one, 3 * one, 0.0, 1.0))
        array([0.75])
    """
    return over_members(_hankel, realize(form))


def balanced_truncation(form: Form, order: int) -> Reduced:
    r"""The model of `order` states that keeps the largest Hankel singular values, with its bound.

    .. math::  \sup_w |G(i w) - G_r(i w)| \le 2 \sum_{k > r} \sigma_k .

    The model is real and stable. D, step and batch axes are those of the form; in discrete time
    the output of the recurrence reads the state before the newest sample.

    Args:
        form: a stable form of any library with one input and one output.
        order: the number of states, the same for the whole batch.

    Returns:
        A `Reduced`.

    Raises:
        TypeError: for `NPLR` and forms with several inputs; what `hankel_singular_values` raises.
        ValueError: for an `order` beyond the number of Hankel singular values above
            N eps sigma_1, for what is smaller is rounding; what `hankel_singular_values` raises.

    Cost:
        O(N^3).

    Source:
        Moore 1981 (truncation); Enns 1984 and Glover 1984, Theorem 9.6 (the bound); Tombs &
        Postlethwaite 1987 (square roots); Al-Saggaf & Franklin 1987 (discrete time).

    Example:
        >>> from ssmlinalg import s4d_legs_init
        >>> small = balanced_truncation(s4d_legs_init(32), 16)
        >>> small.form.A.shape, bool(small.bound < 4 * small.hankel[16:].max() * 16)
        ((16, 16), True)
    """
    order = require.integer("order", order)
    if forms.kind(form).ports:
        got = type(form).__name__
        rule = "balanced_truncation takes a form with one input and one output"
        raise TypeError(f"{rule}; got {got}. Take its channels apart.")
    whole = realize(form)
    hankel = over_members(_hankel, whole)
    _refuse_rounding(order, hankel)
    A, B, C = over_members(lambda member: _truncated(member, order), whole)
    bound = 2 * np.sum(hankel[..., order:], axis=-1)[()]
    D = whole.D[..., 0, 0]
    if whole.discrete:
        late = DenseRecurrence(A, B, C, np.zeros_like(D))
        return Reduced(Delayed(late, D), bound, hankel)
    step = forms.plain(on_host(form)).step
    return Reduced(Dense(A, B, C, D, step), bound, hankel)


def _refuse_rounding(order: int, hankel: Real) -> None:
    """Refuse an order beyond the number of Hankel singular values above rounding."""
    rounding = hankel.shape[-1] * EPS * hankel[..., :1]
    above = np.sum(hankel > rounding, axis=-1)
    most = int(np.min(above, initial=hankel.shape[-1]))
    if order <= most:
        return
    rule = "`order` must not exceed the number of Hankel singular values above rounding"
    if most:
        raise ValueError(f"{rule}; got {order} for {most}. Ask for {most} or fewer.")
    got = f"{order} for a form whose output is zero"
    raise ValueError(f"{rule}; got {got}. Give it a B and a C.")


def _controllability(system: Realization) -> Real:
    system, units = damped(system)
    F = controllability_factor(system)
    return fitted(F @ F.T, _of_pairs(units.state, F) + 2 * units.drive - units.rate)


def _observability(system: Realization) -> Real:
    system, units = damped(system)
    F = observability_factor(system)
    return fitted(F @ F.T, 2 * units.readout - units.rate - _of_pairs(units.state, F))


def _of_pairs(state: np.ndarray, F: Real) -> np.ndarray:
    """The exponents of the units of x_i x_j, for the state of `real_blocks`."""
    units = np.tile(state, len(F) // len(state))
    return units[:, None] + units


def _hankel(system: Realization) -> Real:
    states = len(real_blocks(system).A)
    system, units = damped(transferred(system))
    sigma = fitted(_balance(system).sigma, units.gain)
    return np.pad(sigma, (0, states - len(sigma)))


def damped(system: Realization) -> tuple[Realization, Units]:
    """One system in units of its own, and these, once it is known to be stable."""
    (system,), units = scaled(system)
    pole = undamped(system)
    if pole is None:
        return system, units
    got = f"Re = {unscaled(pole.real, units.rate):.6g}"
    if system.discrete:
        got = f"|z| = {abs(pole):.6g}"
    rule = f"the system must be stable for its Gramians to exist; got an eigenvalue with {got}"
    raise ValueError(f"{rule}. Move it into the stable region, or remove its mode.")


def controllability_factor(system: Realization) -> Real:
    """F with P = F F^T, of the state of `real_blocks`, for one stable system."""
    closed = with_conjugates(continuous(system))
    T, B, Q = triangular(closed.A, closed.B)
    L = Q @ lyapunov_factor(T, B)
    doubled = len(closed.A) != len(system.A)
    return _real_factor(L, 0.5 if doubled else None)


def observability_factor(system: Realization) -> Real:
    """F with Q = F F^T, of the state of `real_blocks`, for one stable system."""
    closed = with_conjugates(continuous(system))
    adjoint = closed.A.conj() if system.modal else closed.A.conj().T
    T, C, Q = triangular(adjoint, closed.C.conj().T)
    L = Q @ lyapunov_factor(T, C)
    doubled = len(closed.A) != len(system.A)
    return _real_factor(L, 1.0 if doubled else None)


def triangular(A: np.ndarray, B: np.ndarray) -> tuple[Complex, Complex, Complex]:
    """T, Q^* B and Q with A = Q T Q^*; A is a matrix (N, N) or its eigenvalues (N,)."""
    if A.ndim == 1:
        unit = np.eye(len(A)) + 0j
        return np.diag(A) + 0j, np.asarray(B + 0j), unit
    T, Q = shifted.triangular(A)
    return T, Q.conj().T @ B, Q


def lyapunov_factor(T: np.ndarray, B: np.ndarray) -> Complex:
    r"""L with T P + P T^* + B B^* = 0 for P = L L^*, T (N, N) upper triangular and stable.

    With the last row of T split off, T = (T_1, t; 0, \lambda) and B = (B_1; b), the last column of
    L is (u; l), where

    .. math::  l = \frac{|b|}{\sqrt{-2 \operatorname{Re} \lambda}}, \qquad \beta = b^*/l, \qquad
               (T_1 + \bar\lambda) u = -(t l + B_1 \beta);

    the others are the factor of T_1 and B_1 - u beta^*.
    """
    L: Complex = np.zeros(T.shape, complex)
    unit = float(np.max(np.abs(B), initial=0.0)) or 1.0  # so that no square underflows
    B = B / unit
    for k in reversed(range(len(T))):
        damping = math.sqrt(-2 * T[k, k].real)
        size = float(np.linalg.norm(B[k]))
        L[k, k] = size / damping
        if k and size:
            beta = damping * B[k].conj() / size
            right = T[:k, k] * L[k, k] + B[:k] @ beta
            moved = T[:k, :k] + T[k, k].conj() * np.eye(k)
            u = -scipy.linalg.solve_triangular(moved, right, check_finite=False)
            L[:k, k] = u
            B[:k] -= np.outer(u, beta.conj())
    L *= unit
    return L


def _real_factor(L: Complex, scale: float | None) -> Real:
    """F real with F F^T = L L^*; with a `scale` L is of (x, conj(x)) and F of (Re x, Im x)."""
    if scale is not None:
        x, conjugate = np.split(L, 2)
        real = x + conjugate
        imag = -1j * (x - conjugate)
        L = scale * np.concatenate([real, imag])
    return np.concatenate([L.real, L.imag], axis=1)


class _Balance(NamedTuple):
    """Factors F_P and F_Q of the Gramians, and F_Q^T F_P = U diag(sigma) V^T."""

    reached: Real
    seen: Real
    U: Real
    sigma: Real
    Vt: Real


def _balance(system: Realization) -> _Balance:
    reached = controllability_factor(system)
    seen = observability_factor(system)
    U, sigma, Vt = np.linalg.svd(seen.T @ reached)
    return _Balance(
        reached=reached,
        seen=seen,
        U=U,
        sigma=sigma[: len(reached)],
        Vt=Vt,
    )


def _truncated(system: Realization, order: int) -> tuple[Real, Real, Real]:
    """A, B and C of the states with the largest Hankel singular values, for one stable system."""
    (system,), units = scaled(transferred(system))
    found = _balance(system)
    root = np.sqrt(found.sigma[:order])
    U = found.U[:, :order]
    V = found.Vt[:order].T
    left = (found.seen @ U / root).T
    right = found.reached @ V / root
    whole = real_blocks(system)
    half = (units.drive + units.readout) // 2
    A = fitted(left @ whole.A @ right, units.rate)
    B = fitted((left @ whole.B)[:, 0], half)
    C = fitted((whole.C @ right)[0], half)
    return A, B, C
