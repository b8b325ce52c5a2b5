r"""Transfer functions of a form at complex frequencies, to its output and to its state.

Everything is read from the transfer function of the state, x^(s) = (s I - A)^{-1} B, for
G(s) = C x^(s) + D. The form decides how x^ is found:

==============================  ========================================  =======================
form                            x^(s)                                     cost for S frequencies
==============================  ========================================  =======================
modes                           partial fractions B/(s - A)               N S
`DPLR`                          Woodbury: modes, then R of them closed    N R^2 S
                                by feedback
a chain on the host, such as    the product formula of all-pass filters   N S
`legs`, `lagt`, `tlagt`
any other matrix on the host    triangular form, then back substitution   N^3 + N^2 S
a matrix of another library     a solve for each s, through which         N^3 S
                                derivatives pass
==============================  ========================================  =======================

The triangular form is Schur's and not Hessenberg's, which costs less to find but takes an
elimination of its own for every s: back substitution does the same to all right sides, and so is
matrix products with all frequencies at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..forms import DPLR, NPLR, Delayed, Diagonal, Form, check, inner, kind, plain, view
from ..ground import backend, require
from ..ground.backend import Array, Complex, Real
from ..ground.ondemand import OnDemand
from ..kernels.arguments import complex_like
from ..kernels.blocks import fold_blocks
from ..lossless import chain
from ..lossless.recognition import recognize
from ..matrices import shifted
from ..matrices.connections import reached
from ..matrices.scaling import exponent_of
from .realization import shared_axes

_BLOCK = 64  # of a matrix on demand, whose diagonal comes in blocks
_LARGEST = 500  # exponent of entries whose squares, in sums of them, do not overflow

States = Callable[[Array], Array]


def transfer(form: Form, s: Array) -> Array:
    r"""The transfer function G at complex frequencies.

    .. math::  G(s) = C (s I - A)^{-1} B + D, \qquad
               \text{discrete:}\quad G(z) = C\, z (z I - A)^{-1} B + D = \sum_l K_l z^{-l} .

    Time is that of the form itself: `step` plays no part. Outputs Re and 2 Re are read as the real
    system they stand for, G(s) = (g(s) + conj g(conj s))/2. Modes with C B = 0 are left out, at
    their eigenvalues too. A `Delayed` form has z^{-1} G of its system, plus D. An `NPLR` form,
    which has no output, reads its first coefficient, as `forms.to_dense` does.

    Args:
        form: any form.
        s: the frequencies (S,), real or complex, in the library, device and precision of the form:
            s = i w with w in radians per unit of time; for discrete forms z = e^{i w} with w in
            radians per sample.

    Returns:
        (..., S), or (..., P, M, S) for several inputs, complex; (..., 0) of no frequencies.

    Raises:
        TypeError: for what is no form, for s of another library or precision; what `forms.check`
            raises.
        ValueError: for s that is no vector, and for a response too large for memory. On the host
            also for NaN, infinities, and s where G is infinite: an eigenvalue, its conjugate, z = 0
            of a `Delayed` form; for an entry of `Lambda` of a `DPLR`, which need be no eigenvalue,
            but where Woodbury divides by zero; what `forms.check` raises.

    Accuracy:
        For modes a few eps, relative to sum |C B/(s - A)|.
        For matrices about N eps, relative to |C| |(s I - A)^{-1}| |A| |x^(s)|.
        On the host a matrix is evaluated in double precision, whatever its own is.
        For `DPLR` it suffers by |B|/|s - Lambda| near an entry of Lambda.
        An eigenvalue that had to be computed is met to its own accuracy only: there G is large
        instead of refused.

    Cost:
        As in the table above; N S numbers are held in pieces.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> transfer(forms.Paired(-one, one / 2, one, 0.0, 1.0), np.array([0j, 1j]))
        array([1. +0.j , 0.5-0.5j])
        >>> form = forms.Recurrence(one / 2, one, one, 0.0)  # 1/(1 - 1/(2 z))
        >>> transfer(form, np.array([1.0, -1.0])).real
        array([2.        , 0.66666667])
    """
    form = check(form)
    s = _frequencies(s, form)
    late = isinstance(form, Delayed)
    if late and backend.is_numpy(s) and not np.all(s):
        remedy = "Move it off by a little."
        raise ValueError(f"`s` must not be 0, where a delay is infinite; got s = 0. {remedy}")
    G = _response(inner(form), s)
    if late:
        D = form.D if kind(form).ports else form.D[..., None, None]
        with backend.quietly(s):  # the result tells
            G = _finite(G / s + D[..., None], s)
    return G if kind(form).ports else G[..., 0, 0, :]


def state_transfer(form: Form, s: Array) -> Array:
    r"""The transfer function x^ of the whole state at complex frequencies.

    .. math::  \hat x(s) = (s I - A)^{-1} B, \qquad
               \text{discrete:}\quad \hat x(z) = z (z I - A)^{-1} B .

    In the coordinates of the form, N what it stores: of `Paired` the half spectrum, of `Delayed`
    the state of its recurrence, which its output reads one sample late. Real and imaginary parts
    belong to the form as it is stored; nothing is made symmetric.

    Args:
        form: any form.
        s: the frequencies (S,), as those of `transfer`.

    Returns:
        (..., N, S), or (..., N, M, S) for several inputs, complex.

    Raises:
        TypeError: what `transfer` raises.
        ValueError: what `transfer` raises, for an infinite state in place of G.

    Accuracy:
        That of `transfer`. A chain (`legs`, `lagt`, `tlagt`, as `NPLR` or as a matrix driven along
        P, known by its entries to 64 N eps |A|) has a relative error of about N eps in every entry.

    Cost:
        That of `transfer`, and N S numbers for the result.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import hippo
        >>> np.abs(state_transfer(hippo.legs(2), np.array([1j]))[:, 0]).round(6)
        array([0.707107, 0.547723])
    """
    form = check(form)
    s = _frequencies(s, form)
    system = _system(inner(form))
    host = backend.is_numpy(s)
    require.room("the state at all frequencies", 16 * system.numbers * s.shape[0], host=host)
    with _refusing_poles(s):
        X = system.states(s)
    X = _finite(X, s, inner(form))
    return X if kind(form).ports else X[..., 0, :]


def _frequencies(s: Array, form: Any) -> Array:
    """s, made complex, once it is known to be a vector beside `form`, on the host finite."""
    fields = inner(form)._asdict().items()
    name, array = next(pair for pair in fields if not isinstance(pair[1], OnDemand))
    backend.namespace(s=s, **{name: array})
    require.shape("s", tuple(s.shape), "(S,)", s.ndim == 1)
    if backend.is_numpy(s):
        require.finite("s", np.asarray(s))
    return s if backend.is_complex(s) else backend.as_complex(s)


class _System(NamedTuple):
    """A form without delay, ready to be evaluated.

    Attributes:
        states: s (S,) to x^(s) (..., N, M, S), with everything that all s share done already.
        numbers: how many numbers x^ holds for each s.
        read: x^ (..., N, M, S) to C x^ (..., P, M, S).
        D: (..., P, M).
        real: whether G is conjugate-symmetric as it stands.
    """

    states: States
    numbers: int
    read: States
    D: Array
    real: bool


def _system(form: Any, unread: Array | None = None) -> _System:
    """How a checked form without delay is evaluated; modes `unread` (..., n, 1) may be infinite."""
    if isinstance(form, NPLR):
        return _first_coefficient(form)
    system = form
    if isinstance(form, DPLR):  # its modes without feedback
        system = Diagonal(form.Lambda, form.B, form.C, form.D, form.step)
    system = plain(system)
    A, B, C, D = view(system)
    known = kind(system)
    lead = shared_axes((A, 1 + known.matrix), (B, 2))
    numbers = math.prod((*lead, *B.shape[-2:]))
    if isinstance(form, DPLR):
        numbers *= 1 + form.P.shape[-1]
        states: States = partial(_woodbury, form)
    elif not known.matrix:
        states = partial(_fractions, A, B, B == 0 if unread is None else (B == 0) | unread)
    elif backend.is_numpy(A):
        states = _on_the_host(A, B)
    else:
        numbers *= A.shape[-1]
        states = partial(_solved, A, B)
    return _System(
        states=states if known.continuous else partial(_newest, states),
        numbers=numbers,
        read=partial(read_output, C),
        D=D,
        real=not any(backend.is_complex(X) for X in (A, B, C)),
    )


def _first_coefficient(form: NPLR) -> _System:
    """How an `NPLR` form is evaluated, whose A may be a matrix on demand."""
    B = form.B[:, None]
    N = B.shape[0]
    host = isinstance(form.A, OnDemand) or backend.is_numpy(form.A)
    return _System(
        states=_on_the_host(form.A, B) if host else partial(_solved, form.A, B),
        numbers=N if host else N**2,
        read=lambda X: X[..., :1, :, :],
        D=backend.zeros((1, 1), form.B),
        real=not backend.is_complex(form.A) and not backend.is_complex(B),
    )


def _response(form: Any, s: Array) -> Array:
    """G of a checked form without delay, (..., P, M, S)."""
    xp = backend.namespace(s=s)
    system = _system(form, _unread(form))

    def response(s: Array) -> Array:
        return system.read(system.states(s))

    def piece(_: tuple[()], s: Array) -> tuple[tuple[()], Array]:
        G = response(s)
        if not system.real:
            mirrored = xp.conj(response(xp.conj(s)))
            G = (G + mirrored) / 2
        return (), G + system.D[..., None]

    with _refusing_poles(s):
        G = piece((), s[:0])[1]
        size = 16 * math.prod(G.shape[:-1]) * s.shape[0]
        require.room("the response at all frequencies", size, host=backend.readable(s))
        if s.shape[0]:
            _, G = fold_blocks(piece, (), (s,), system.numbers)
    return _finite(G, s, form)


def _unread(form: Any) -> Array | None:
    """Which modes no output reads, (..., n, 1); None of a matrix."""
    if kind(form).matrix:
        return None
    C = view(form).C
    return backend.library(C).all(C == 0, axis=-2)[..., None]


def _newest(states: States, z: Array) -> Array:
    """z (z I - A)^{-1} B: the state that holds the newest sample."""
    return z * states(z)


def read_output(C: Array, X: Array) -> Array:
    """C x for x (..., N, M, S), as (..., P, M, S)."""
    xp = backend.namespace(X=X)
    M, S = X.shape[-2:]
    columns = xp.reshape(X, (*X.shape[:-2], M * S))
    G = backend.matmul(complex_like(C, X), columns)
    return xp.reshape(G, (*G.shape[:-1], M, S))


def _fractions(A: Array, B: Array, idle: Array, s: Array) -> Array:
    """B/(s - A), at a pole too where the mode is `idle` (..., n, M), for which B or C is zero."""
    xp = backend.library(s)
    apart = s - A[..., None, None]
    apart = xp.where((apart == 0) & idle[..., None], xp.ones_like(apart), apart)
    return B[..., None] / apart


def _woodbury(form: DPLR, s: Array) -> Array:
    """R B - R P (I + P^H R P)^{-1} P^H R B with R = (s - Lambda)^{-1}."""
    xp = backend.namespace(s=s)
    R = 1 / (s[:, None] - form.Lambda[..., None, :])
    P = form.P[..., None, :, :]
    RB = R * form.B[..., None, :]
    if P.shape[-1]:
        RP = R[..., None] * P
        adjoint = xp.conj(xp.matrix_transpose(P))
        feedback = backend.matmul(adjoint, RP)
        loop = backend.eye(P.shape[-1], feedback) + feedback
        closed = xp.linalg.solve(loop, backend.matmul(adjoint, RB[..., None]))
        RB = RB - backend.matmul(RP, closed)[..., 0]
    return xp.matrix_transpose(RB)[..., None, :]


def _solved(A: Array, B: Array, s: Array) -> Array:
    """One solve for each s, in any library."""
    xp = backend.namespace(s=s)
    S = s.shape[0]
    N, M = B.shape[-2:]
    lead = shared_axes((A, 2), (B, 2))
    units = backend.balance(A)[..., None]
    turned = xp.matrix_transpose(units)
    A = complex_like(backend.times_two_to(A, turned - units), s)[..., None, :, :]
    B = complex_like(backend.times_two_to(B, -units), s)[..., None, :, :]
    moved = s[:, None, None] * backend.eye(N, s) - A
    moved = xp.broadcast_to(moved, (*lead, S, N, N))
    right = xp.broadcast_to(B, (*lead, S, N, M))
    X = xp.linalg.solve(moved, right)
    return backend.times_two_to(xp.moveaxis(X, -3, -1), units[..., None])


def _on_the_host(A: Any, B: Real) -> States:
    """x^ of a matrix by the product formula if it is a chain, else by its triangular form.

    A longer unit of time is taken where squares of A would overflow.
    """
    if not isinstance(A, OnDemand) and exponent_of(A) > _LARGEST:
        unit = 2.0 ** (exponent_of(A) - 1)
        scaled = _on_the_host(A / unit, B)
        return lambda s: scaled(s / unit) / unit
    if A.ndim == 2 and B.shape[1:] == (1,):
        b = B[:, 0]
        zeros = _zeros(A, b)
        if zeros is not None:
            poles = _diagonal(A)
            return lambda s: chain.states(b, poles, zeros, s)[:, None, :]
    return _by_triangles(np.asarray(A), B)


class _Triangle(NamedTuple):
    """One matrix of a batch, Q T Q^* in balanced units, its inputs Q^* B (..., N, M), the exponents
    (N, 1, 1) of the units, and its place in the batch.
    """

    T: Complex
    Q: Complex
    driven: Complex
    units: Real
    place: tuple[Any, ...]


def _by_triangles(A: np.ndarray, B: Real) -> States:
    """x^ by one triangular form for each matrix of the batch, in double precision."""
    A = A.astype(np.complex128 if np.iscomplexobj(A) else np.float64)
    N, M = B.shape[-2:]
    own = A.shape[:-2]
    lead = shared_axes((A, 2), (B, 2))
    every = slice(None)
    inputs = np.broadcast_to(B, (*lead, N, M))
    members = []
    for index in np.ndindex(own):
        units = backend.balance(A[index])[:, None]
        balanced = backend.times_two_to(A[index], units.T - units)
        its = [i if size > 1 else every for i, size in zip(index, own, strict=True)]
        place = (..., *its, every, every)
        driven = np.moveaxis(inputs[place], -2, 0).reshape(N, -1)
        kept = reached(A[index], np.any(driven != 0, axis=1))  # the others stay zero
        T, Q_kept = shifted.triangular(balanced[np.ix_(kept, kept)])
        Q = np.zeros((N, len(T)), complex)
        Q[kept] = Q_kept
        driven = Q.conj().T @ backend.times_two_to(inputs[place], -units)
        members.append(_Triangle(T, Q, driven, units[..., None], place))

    def states(s: Complex) -> Complex:
        wide = s.astype(np.complex128)
        X = np.empty((*lead, N, M, len(s)), dtype=np.complex128)
        for member in members:
            right = np.moveaxis(member.driven, -2, 0)[..., None]
            right = np.broadcast_to(right, (*right.shape[:-1], len(s)))
            turned = shifted.solve(member.T, right, wide)
            x = np.moveaxis(np.tensordot(member.Q, turned, axes=1), 0, -3)
            X[(*member.place, every)] = backend.times_two_to(x, member.units)
        return X.astype(s.dtype, copy=False)

    return states


def _zeros(A: Array, B: Real) -> Real | None:
    """The zeros 2 sigma - A_nn of a chain of all-pass filters with the input B = g P.

    A chain is triangular with A + A^T = 2 sigma I - 2 P P^T. None for any other matrix.
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
    return None if structure is None else 2 * structure.sigma - _diagonal(A)


def _diagonal(A: Array) -> Real:
    if not isinstance(A, OnDemand):
        return np.diagonal(A)
    parts = []
    for start in range(0, len(A), _BLOCK):
        rows = slice(start, start + _BLOCK)
        parts.append(np.diagonal(A[rows, rows]))
    return np.concatenate(parts)


@contextmanager
def _refusing_poles(s: Array) -> Iterator[None]:
    """Without warnings, for the result tells; a singular solve is one at an eigenvalue."""
    with backend.quietly(s):
        try:
            yield
        except np.linalg.LinAlgError:
            raise _pole("one that is") from None


def _finite(result: Array, s: Array, form: Any = None) -> Array:
    """The result (..., S), refused on the host where it is not finite."""
    if not backend.is_numpy(result) or require.all_finite(result):
        return result
    columns = np.isfinite(result).reshape(-1, len(s))
    wrong = ~np.all(columns, axis=0)
    at = s[np.flatnonzero(wrong)[0]]
    if isinstance(form, DPLR) and np.any(np.isin([at, at.conj()], form.Lambda)):
        rule = "`s` must not be an entry of `Lambda`, where Woodbury divides by zero"
        remedy = "Move it off by a little, or take forms.to_dense."
        raise ValueError(f"{rule}; got s = {at:.6g}. {remedy}")
    raise _pole(f"s = {at:.6g}")


def _pole(got: str) -> ValueError:
    remedy = "Move it off by a little, or scale B and C down."
    return ValueError(f"`s` must not be an eigenvalue, where G is infinite; got {got}. {remedy}")
