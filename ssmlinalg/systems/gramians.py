r"""Gramians of a form, and Hankel singular values.

A Gramian is never formed and then taken apart: with A = Q T Q^*, T upper triangular, the factor L
of P = L L^* is found column by column (Hammarling 1982), so singular values are those of a product
of factors and no condition number is squared. Discrete systems have the Gramians of the continuous
one that the bilinear map s = (z - 1)/(z + 1) makes of them.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg

from ..forms import Form
from ..ground import backend
from ..ground.backend import Complex, Real
from ..matrices import shifted
from ..matrices.graded_svd import graded_singular_values
from ..products.cauchy_factor import joined_factor
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
        >>> from ssmlinalg import forms
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
        About N eps sigma_1, absolute: they are singular values of a product of Gramian factors. Of
        modes with one input and output N eps times a moderate number, relative to each value, as
        those of `reduce.singular_values`.

    Cost:
        O(N^3).

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> hankel_singular_values(forms.Dense(-2 * one[:, None], one, 3 * one, 0.0, 1.0))
        array([0.75])
    """
    return over_members(_hankel, realize(form))


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
    values = _of_modes if system.modal else _of_matrices
    sigma = fitted(values(system), units.gain)[:states]
    return np.pad(sigma, (0, states - len(sigma)))


def _of_modes(system: Realization) -> Real:
    """The Hankel singular values of one system of modes, in its own kind of time."""
    A, B, C = (backend.as_complex(X) for X in with_conjugates(system)[:3])
    reached = joined_factor(A[None], B.T[None], discrete=system.discrete)[0]
    seen = joined_factor(A[None].conj(), C[None].conj(), discrete=system.discrete)[0]
    return graded_singular_values(seen.conj().T @ reached)


def _of_matrices(system: Realization) -> Real:
    reached = controllability_factor(system)
    seen = observability_factor(system)
    return np.linalg.svd(seen.T @ reached, compute_uv=False)[: len(reached)]


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
