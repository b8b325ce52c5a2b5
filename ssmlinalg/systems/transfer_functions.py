r"""Transfer functions: what a model does to a frequency, at its output and in its state.

With x^(s) = (s I - A)^{-1} B the state's own transfer function, everything is read from it, G(s) =
C x^(s) + D. How x^ is found depends on how A is written down:

====================================  ==========================================================  =======================
form                                  x^(s)                                                       cost for S frequencies
====================================  ==========================================================  =======================
`Diagonal`, `Paired`, `MIMO`,         partial fractions B/(s - A)                                 N S
and their recurrences
`DPLR`                                Woodbury: one mode each, then R of them closed by feedback  N R^2 S
`NPLR`, `Dense` that are a chain,     the product formula of `_cascade`                           N S
such as `legs`, `lagt`, `tlagt`
any other matrix on the host          triangular form, then back substitution                     N^3 + N^2 S
a matrix of another library           a solve for each s, through which derivatives pass          N^3 S
====================================  ==========================================================  =======================

The triangular form is Schur's and not Hessenberg's, which costs less to find but takes an
elimination of its own for every s: back substitution does the same to all right sides, and so is
matrix products with all frequencies at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..forms import (
    DPLR,
    MIMO,
    NPLR,
    Delayed,
    Dense,
    DenseRecurrence,
    Form,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
    check,
)
from ..ground import backend, require
from ..ground.backend import Array, Complex, Real
from ..ground.ondemand import OnDemand
from ..kernels.irregular import in_pieces
from ..kernels.sampling import match
from ..lossless.recognition import recognize
from ..matrices import shifted

_HALF = (Paired, PairedRecurrence, MIMO, MIMORecurrence)
_RECURRENT = (Recurrence, PairedRecurrence, MIMORecurrence, DenseRecurrence)
_BLOCK = 64  # of a matrix on demand, whose diagonal comes in blocks

States = Callable[[Array], Array]


def transfer(form: Form, s: Array) -> Array:
    r"""G at the complex frequencies s (S,): (..., S), or (..., P, M, S) for several inputs.

    .. math::  G(s) = C (s I - A)^{-1} B + D, \qquad
               G(z) = C\, z (z I - A)^{-1} B + D = \sum_l K_l z^{-l} \quad \text{for discrete forms, whose s is z.}

    In the time of the form itself, step not used: s = i w with w in radians per unit of time, z =
    e^{i w} with w in radians per sample. For a real system: "Re" and "2 Re" outputs are read as the
    conjugate-symmetric system they stand for, G(s) = (g(s) + conj g(conj s))/2. A `Delayed` form
    has z^{-1} G of its system, plus D; an `NPLR` form, which has no output, reads its first
    coefficient, as `forms.to_dense` does.

    Of no frequencies it returns none, (..., 0). Raises TypeError for what is no form; ValueError
    for s that is no vector, and on the host for NaN, infinities, and s where G is infinite: an
    eigenvalue, its conjugate, or z = 0 of a `Delayed` form. So it does where Woodbury divides by
    zero, at an entry of `Lambda`, which need be no eigenvalue. An eigenvalue that had to be
    computed is met to its own accuracy only: there G comes out large instead.

    Accuracy: relative to sum |C B/(s - A)| a few eps for modes; relative to |C| |(s I - A)^{-1}|
    |A| |x^(s)| about N eps for matrices, on the host in double precision whatever theirs is; for
    `DPLR` it suffers by |B|/|s - Lambda| near an entry of Lambda. Cost as above, N S numbers held
    in pieces.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> transfer(forms.Paired(-one, one / 2, one, np.asarray(0.0), np.asarray(1.0)), np.array([0j, 1j]))
    array([1. +0.j , 0.5-0.5j])
    >>> transfer(forms.Recurrence(one / 2, one, one, np.asarray(0.0)), np.array([1.0, -1.0])).real  # 1/(1 - 1/(2 z))
    array([2.        , 0.66666667])
    """
    form, s = _admit(form, s)
    if isinstance(form, Delayed):
        if backend.is_numpy(s) and not np.all(s):
            raise ValueError(
                "`s` must not be 0, where a delay is infinite; got s = 0. Move it off by a little."
            )
        with backend.quietly(s):
            return _finite(transfer(form.system, s) / s + form.D[..., None], s)
    xp = backend.namespace(s=s)
    states, each = _states(form)
    read = partial(read_output, form)
    real = not any(backend.is_complex(array) for array in form)

    def piece(_: tuple[()], s: Array) -> tuple[tuple[()], Array]:
        G = read(states(s))
        return (), G if real else (G + xp.conj(read(states(xp.conj(s))))) / 2

    with backend.quietly(s):  # the result tells
        one = piece((), s[:0])[1]
        one = one if isinstance(form, NPLR) else one + form.D[..., None]
        require.room(
            "the response at all frequencies",
            16 * math.prod(one.shape[:-1]) * s.shape[0],
            host=backend.is_numpy(s),
        )
        try:
            _, G = in_pieces(piece, (), (s,), each) if s.shape[0] else piece((), s)
        except np.linalg.LinAlgError:
            raise _pole("one that is") from None
        G = G if isinstance(form, NPLR) else G + form.D[..., None]
    return _finite(G, s, form)


def state_transfer(form: Form, s: Array) -> Array:
    r"""x^ of the whole state at the complex frequencies s (S,): (..., N, S), or (..., N, M, S) for
    several inputs.

    .. math::  \hat x(s) = (s I - A)^{-1} B, \qquad \hat x(z) = z (z I - A)^{-1} B \quad \text{for discrete forms.}

    In the coordinates of the form, N what it stores: of `Paired` the half spectrum, of `Delayed`
    the state of its system, which its output hears one sample late. Real and imaginary parts belong
    to the form as it is stored; nothing is made symmetric.

    Raises what `transfer` raises. Accuracy and cost as there; a chain (`legs`, `lagt`, `tlagt`, as
    `NPLR` or as a `Dense` form driven along P, told by its entries to 64 N eps |A|) to a relative
    accuracy of about N eps in every entry, in O(N S).

    >>> from ssmlinalg import hippo
    >>> import numpy as np
    >>> np.abs(state_transfer(hippo.legs(2), np.array([1j]))[:, 0]).round(6)
    array([0.707107, 0.547723])
    """
    form, s = _admit(form, s)
    if isinstance(form, Delayed):
        return state_transfer(form.system, s)
    states, each = _states(form)
    require.room("the state at all frequencies", 16 * each * s.shape[0], host=backend.is_numpy(s))
    with backend.quietly(s):
        try:
            X = states(s)
        except np.linalg.LinAlgError:
            raise _pole("one that is") from None
    return _finite(X, s, form)


def legs_state(order: int, s: Array) -> Complex:
    r"""(s I - A)^{-1} B of HiPPO-LegS in closed form at the frequencies s (S,), on the host: (N,
    S).

    .. math::  \hat x_n(s) = \frac{\sqrt{2n+1}}{s+n+1} \prod_{m<n} \frac{s-m}{s+m+1}.

    Raises TypeError or ValueError for what is no order, and for s that is no vector, not finite, or
    one of the poles -1 .. -N. Relative accuracy about N eps in every entry; cost O(N S).

    Source: Gu et al. 2020 (HiPPO), Theorem 2, solved for the state.

    >>> import numpy as np
    >>> np.abs(legs_state(2, np.array([1j]))[:, 0]).round(6)
    array([0.707107, 0.547723])
    """
    order = require.integer("order", order)
    s = _frequencies(s)
    if not backend.is_numpy(s):
        raise TypeError(
            f"`s` must be a NumPy array; got {type(s).__name__}. Convert it with numpy.asarray."
        )
    require.room("the state at all frequencies", 16 * order * max(len(s), 1), host=True)
    n = np.arange(order)
    with backend.quietly(s):
        return _finite(_chain(np.sqrt(2 * n + 1), -(n + 1.0), n + 0.0, s), s)


def _admit(form: Form, s: Array) -> tuple[Form, Array]:
    form = check(form)
    first = form
    while isinstance(first, Delayed):
        first = first.system
    backend.namespace(s=s, B=first.B)
    return form, _frequencies(s)


def _frequencies(s: Array) -> Array:
    """s, made complex, once it is known to be a vector, on the host of finite numbers."""
    backend.namespace(s=s)
    require.shape("s", tuple(s.shape), "(S,)", s.ndim == 1)
    if backend.is_numpy(s):
        require.finite("s", np.asarray(s))
    return s if backend.is_complex(s) else backend.as_complex(s)


def _states(form: Any) -> tuple[States, int]:
    """The function of s to x^(s), with what all s share done already, and how many numbers it holds
    for each s.
    """
    if isinstance(form, DPLR):
        resolvent, each = (
            partial(_woodbury, form),
            _numbers(form.Lambda, form.B) * (1 + form.P.shape[-1]),
        )
    elif isinstance(form, (NPLR, Dense, DenseRecurrence)):
        A, B = form.A, form.B
        host = isinstance(A, OnDemand) or backend.is_numpy(A)
        resolvent = _on_the_host(A, B) if host else partial(_solved, A, B)
        each = _numbers(A[..., 0], B) if host else _numbers(A, B[..., None])
    else:
        A, B = form.A, form.B
        A = A[..., None] if isinstance(form, (MIMO, MIMORecurrence)) else A
        resolvent, each = partial(_fractions, A, B), _numbers(A, B)
    return (lambda s: s * resolvent(s)) if isinstance(form, _RECURRENT) else resolvent, each


def _numbers(A: Array, B: Array) -> int:
    return math.prod(np.broadcast_shapes(tuple(A.shape), tuple(B.shape)))


def read_output(form: Any, X: Array) -> Array:
    """C x: x (..., N, S) to (..., S), or (..., N, M, S) to (..., P, M, S)."""
    xp = backend.namespace(X=X)
    if isinstance(form, NPLR):
        return X[..., 0, :]
    C = match(2 * form.C if isinstance(form, _HALF) else form.C, X)
    if isinstance(form, (MIMO, MIMORecurrence)):
        columns = xp.reshape(X, (*X.shape[:-2], X.shape[-2] * X.shape[-1]))
        G = xp.matmul(C, columns)
        return xp.reshape(G, (*G.shape[:-1], *X.shape[-2:]))
    return xp.matmul(C[..., None, :], X)[..., 0, :]


def _fractions(A: Array, B: Array, s: Array) -> Array:
    return B[..., None] / (s - A[..., None])


def _woodbury(form: DPLR, s: Array) -> Array:
    """R B - R P (I + P^H R P)^{-1} P^H R B with R = (s - Lambda)^{-1}."""
    xp = backend.namespace(s=s)
    R = 1 / (s[:, None] - form.Lambda[..., None, :])
    P = form.P[..., None, :, :]
    RB, RP = R * form.B[..., None, :], R[..., None] * P
    if P.shape[-1]:
        adjoint = xp.conj(xp.matrix_transpose(P))
        inner = xp.matmul(adjoint, RP)
        closed = xp.linalg.solve(
            backend.eye(P.shape[-1], inner) + inner, xp.matmul(adjoint, RB[..., None])
        )
        RB = RB - xp.matmul(RP, closed)[..., 0]
    return xp.matrix_transpose(RB)


def _solved(A: Array, B: Array, s: Array) -> Array:
    xp, N = backend.namespace(s=s), A.shape[-1]
    lead = np.broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[:-1]))
    moved = s[:, None, None] * backend.eye(N, s) - match(A, s)[..., None, :, :]
    moved = xp.broadcast_to(moved, (*lead, s.shape[0], N, N))
    right = xp.broadcast_to(match(B, s)[..., None, :, None], (*lead, s.shape[0], N, 1))
    return xp.matrix_transpose(xp.linalg.solve(moved, right)[..., 0])


def _on_the_host(A: Array, B: Real) -> States:
    """x^ of a matrix on the host: by the product formula if it is a chain, else one triangular form
    for each matrix.
    """
    if (
        not isinstance(A, OnDemand)
        and (largest := float(np.max(np.abs([A.real, A.imag]), initial=0.0))) > 2.0**500
    ):
        unit = 2.0 ** (
            math.frexp(largest)[1] - 1
        )  # a longer unit of time: the squares of A would overflow
        scaled = _on_the_host(A / unit, B)
        return lambda s: scaled(s / unit) / unit
    zeros = _zeros(A, B) if A.ndim == 2 and B.ndim == 1 else None
    if zeros is not None:
        return partial(_chain, B, _diagonal(A), zeros)
    A = np.asarray(A)
    A = A.astype(np.complex128 if np.iscomplexobj(A) else np.float64)
    own, lead = A.shape[:-2], np.broadcast_shapes(A.shape[:-2], B.shape[:-1])
    vectors = np.broadcast_to(B, (*lead, A.shape[-1]))
    members = []
    for index in np.ndindex(own):
        T, Q = shifted.triangular(A[index])
        its = tuple(i if size > 1 else slice(None) for i, size in zip(index, own, strict=True))
        members.append(((..., *its), T, Q, vectors[(..., *its, slice(None))] @ Q.conj()))

    def states(s: Complex) -> Complex:
        X = np.empty((*lead, A.shape[-1], len(s)), dtype=np.complex128)
        for its, T, Q, driven in members:
            right = np.broadcast_to(
                np.moveaxis(driven, -1, 0)[..., None], (len(T), *driven.shape[:-1], len(s))
            )
            x = np.tensordot(Q, shifted.solve(T, right, s.astype(np.complex128)), axes=1)
            X[(*its, slice(None), slice(None))] = np.moveaxis(x, 0, -2)
        return X.astype(s.dtype, copy=False)

    return states


def _zeros(A: Array, B: Real) -> Real | None:
    """2 sigma - A_nn, if A with the input B = g P is a chain of all-pass filters: A + A^T = 2 sigma
    I - 2 P P^T, triangular.
    """
    if len(B) == 1:
        return np.zeros(1)
    if np.iscomplexobj(A) or np.iscomplexobj(B) or not np.all(B):
        return None
    with backend.quietly(B):
        gain = -2 * B[0] * B[1] / A[1, 0]  # g^2, for A_10 = -2 P_1 P_0
        P = (B / np.sqrt(gain))[:, None]
    if not (np.all(np.isfinite(P)) and np.all(P)):
        return None
    structure = recognize(A, P)
    return structure and 2 * structure.sigma - _diagonal(A)


def _diagonal(A: Array) -> Real:
    if not isinstance(A, OnDemand):
        return np.diagonal(A)
    starts = range(0, len(A), _BLOCK)
    return np.concatenate(
        [np.diagonal(A[start : start + _BLOCK, start : start + _BLOCK]) for start in starts]
    )


def _chain(B: np.ndarray, poles: Real, zeros: Real, s: Complex) -> Complex:
    """x^_n = B_n/(s - pole_n) prod_{m<n} (s - zero_m)/(s - pole_m), (N, S): no sum, so no
    cancellation.
    """
    B, poles, zeros = B[:, None], poles[:, None], zeros[:, None]
    factors = np.concatenate([np.ones((1, len(s))), (s - zeros[:-1]) / (s - poles[:-1])])
    return (B / (s - poles) * np.cumprod(factors, axis=0)).astype(s.dtype, copy=False)


def _finite(result: Array, s: Array, form: Form | None = None) -> Array:
    """The result (..., S), refused on the host where it is not finite."""
    if backend.is_numpy(result) and not require.all_finite(result):
        at = s[np.flatnonzero(~np.all(np.isfinite(result), axis=tuple(range(result.ndim - 1))))[0]]
        if isinstance(form, DPLR) and np.any((form.Lambda == at) | (form.Lambda.conj() == at)):
            rule = "`s` must not be an entry of `Lambda`, where Woodbury divides by zero"
            raise ValueError(
                f"{rule}; got s = {at:.6g}. Move it off by a little, or take forms.to_dense."
            )
        raise _pole(f"s = {at:.6g}")
    return result


def _pole(got: str) -> ValueError:
    remedy = "Move it off by a little, or scale B and C down."
    return ValueError(f"`s` must not be an eigenvalue, where G is infinite; got {got}. {remedy}")
