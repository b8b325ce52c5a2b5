"""Transfer functions: what a continuous model does to a frequency."""

from __future__ import annotations

import numpy as np

from .. import _array, _require
from .._array import Array
from ..forms import DPLR, MIMO, Continuous, Dense, Diagonal, Paired, check


def transfer(form: Continuous, s: Array) -> Array:
    r"""G(s) = C (s I - A)^{-1} B + D at the complex frequencies s (S,): (..., S), (..., P, M, S) for several inputs.

    In the time of the form itself, step not used: s = i w with w in radians per unit of time. For a real system; that is, with
    "Re" and "2 Re" outputs read as the conjugate-symmetric system G(s) = (g(s) + conj g(conj s))/2 they stand for.

    By partial fractions for modes, Woodbury for DPLR, a solve for dense A. Accuracy: relative to sum |C B/(s - A)| a few eps
    for modes. Cost O(N S) for modes, O(N^3 S) dense. Raises ValueError on the host where s is an eigenvalue.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> transfer(forms.Paired(-one, one / 2, one, np.asarray(0.0), np.asarray(1.0)), np.array([0j, 1j]))
    array([1. +0.j , 0.5-0.5j])
    """
    if not isinstance(form, (Dense, DPLR, Diagonal, Paired, MIMO)):
        raise TypeError(f"transfer takes a continuous form; got {type(form).__name__}. Take the FFT of its kernel.")
    form = check(form)
    xp = _array.namespace(s=s, first=form[0])
    _require.shape("s", tuple(s.shape), "(S,)", s.ndim == 1)
    if _array.is_numpy(s):
        _require.finite("s", np.asarray(s))
    s = s if _array.is_complex(s) else _array.as_complex(s)
    D = form.D[..., None]
    if isinstance(form, (Paired, Diagonal, MIMO)):
        A, weights = form.A, None
        if isinstance(form, MIMO):
            A = A[..., None, None, :]
            weights = form.C[..., :, None, :] * xp.matrix_transpose(form.B)[..., None, :, :]
        else:
            weights = form.C * form.B
        _refuse_poles(A, s)
        G = _fractions(weights, A, s) + _fractions(xp.conj(weights), xp.conj(A), s)
        return (G / 2 if isinstance(form, Diagonal) else G) + D
    G = _respond(form, s)
    if any(_array.is_complex(array) for array in form):
        G = (G + xp.conj(_respond(form, xp.conj(s)))) / 2
    return G + D


def _respond(form: DPLR | Dense, s: Array) -> Array:
    return _woodbury(form, s) if isinstance(form, DPLR) else _solve(form, s)


def _fractions(weights: Array, A: Array, s: Array) -> Array:
    xp = _array.namespace(A=A)
    return xp.sum(weights[..., None] / (s - A[..., None]), axis=-2)


def _woodbury(form: DPLR, s: Array) -> Array:
    """C (R - R P (I + P^H R P)^{-1} P^H R) B with R = (s - Lambda)^{-1}."""
    xp = _array.namespace(s=s)
    _refuse_poles(form.Lambda, s)
    R = 1 / (s[:, None] - form.Lambda[..., None, :])
    P = form.P[..., None, :, :]
    adjoint = xp.conj(xp.matrix_transpose(P))
    right = xp.concat([form.B[..., None, :, None], P], axis=-1)
    spread = R[..., None] * right
    inner = xp.matmul(adjoint, spread)
    rank = form.P.shape[-1]
    answer = xp.sum(form.C[..., None, :] * spread[..., 0], axis=-1)
    if rank == 0:
        return answer
    correction = xp.linalg.solve(_array.eye(rank, inner) + inner[..., 1:], inner[..., :1])
    through = xp.matmul(form.C[..., None, None, :], spread[..., 1:])
    return answer - xp.matmul(through, correction)[..., 0, 0]


def _solve(form: Dense, s: Array) -> Array:
    xp = _array.namespace(s=s)
    shifted = s[:, None, None] * _array.eye(form.A.shape[-1], s) - form.A[..., None, :, :]
    B = _array.as_complex(form.B)[..., None, :, None]
    try:
        x = xp.linalg.solve(shifted, xp.broadcast_to(B, (*shifted.shape[:-1], 1)))
    except np.linalg.LinAlgError:
        raise ValueError(
            "`s` must not be an eigenvalue, where G is infinite; got one that is. Move it off by a little."
        ) from None
    return xp.sum(form.C[..., None, :] * x[..., 0], axis=-1)


def _refuse_poles(A: Array, s: Array) -> None:
    if _array.is_numpy(A) and np.any(A[..., None] == s):
        pole = A.flat[np.argmax(np.any(A[..., None] == s, axis=-1))]
        raise ValueError(f"`s` must not be an eigenvalue, where G is infinite; got s = {pole:.6g}. Move it off by a little.")
