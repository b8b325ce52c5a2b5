r"""The generating function of a diagonal system with low-rank feedback: values and coefficients.

Sampled by the bilinear rule, A = diag(Lambda) - P P^H stays diagonal plus low rank. By Woodbury's
identity sums over modes give all of

.. math::  \hat K(w) = \sum_{l < L} K_l w^l = \tilde C (I - w A_d)^{-1} B_d, \qquad
           \tilde C = C (I - w^L A_d^L).

`generating` takes its values on a circle, which are Cauchy sums, and needs A_d^L. `power_series`
takes its coefficients, which are sums of powers, and needs no matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array, Complex, column, matvec, row
from ..ground.gate import together
from ..powers import tables
from .cauchy_sums import point_slices
from .conjugate_pairs import conjugate_pairs, half, mirrored, multiplicity
from .exponential_sums import sums
from .truncated_series import period_for, response, responses_in_blocks

_AXES = {"Lambda": ("N",), "P": ("N", "R"), "B": ("N",), "C": ("N",), "step": ()}


class Feedback(NamedTuple):
    """A sampled system that is diagonal plus low rank: A_d = diag(D) + U V, and B_d.

    Attributes:
        D: (..., N).
        U: (..., N, R).
        V: (..., R, N).
        B: B_d (..., N).
    """

    D: Array
    U: Array
    V: Array
    B: Array


def bilinear(Lambda: Array, P: Array, B: Array, step: Array, *, alpha: float = 0.5) -> Feedback:
    r"""diag(Lambda) - P P^H under the generalized bilinear rule, with no matrix of order N.

    .. math::  E = (1 - \alpha h \Lambda)^{-1}, \quad
               V = (I + \alpha h P^H E P)^{-1} P^H E, \quad U = -h E P, \quad
               D = (1 + (1 - \alpha) h \Lambda) E, \quad B_d = h (E B + \alpha U V B)

    Args:
        Lambda: complex (..., N).
        P: complex (..., N, R).
        B: complex (..., N).
        step: h (...). Leading axes broadcast.
        alpha: 1/2 is the bilinear rule, 0 forward and 1 backward Euler.

    Returns:
        A `Feedback`.

    Accuracy:
        For a dissipative A the matrix solved with has a real part above I, so nothing is ever near
        singular.

    Cost:
        O(N R^2).

    Source:
        Woodbury 1950.
        Gu, Goel & Re 2022 (S4), Appendix C.3.

    Example:
        >>> one = np.ones(1) + 0j
        >>> P = np.sqrt(2) * one[:, None]  # A = -2
        >>> D, U, V, B_d = bilinear(0 * one, P, one, np.asarray(0.5))
        >>> (D + (U @ V)[0]).real.round(6)
        array([0.333333])
    """
    xp = backend.library(Lambda)
    h = step[..., None]
    E, V, loop = _open_loop(Lambda, P, alpha * h)
    if P.shape[-1]:  # solving for nothing is refused by some libraries
        lead = loop.shape[:-2]
        V = xp.broadcast_to(V, (*lead, *V.shape[-2:]))
        V = backend.solve(loop, V)
    U = -row(h) * column(E) * P
    D = (1 + (1 - alpha) * h * Lambda) * E
    fed_back = matvec(U, matvec(V, B))
    return Feedback(D, U, V, h * (E * B + alpha * fed_back))


def _open_loop(Lambda: Array, P: Array, share: Array) -> tuple[Array, Array, Array]:
    """E = 1/(1 - share Lambda), P^H E and I + share P^H E P of `bilinear`."""
    xp = backend.library(Lambda)
    E = 1 / (1 - share * Lambda)
    V = xp.conj(xp.matrix_transpose(P)) * row(E)
    return E, V, backend.eye(P.shape[-1], P) + row(share) * backend.matmul(V, P)


def dense(D: Array, U: Array, V: Array) -> Array:
    """diag(D) + U V as a matrix.

    Args:
        D: (..., N).
        U: (..., N, R).
        V: (..., R, N).

    Returns:
        The matrix (..., N, N).

    Example:
        >>> dense(np.array([1.0, 2.0]), np.array([[1.0], [0.0]]), np.array([[0.0, 3.0]]))
        array([[1., 3.],
               [0., 2.]])
    """
    diagonal = row(D) * backend.eye(D.shape[-1], D)
    return diagonal + backend.matmul(U, V)


def generating(
    Lambda: Array,
    P: Array,
    B: Array,
    C: Array,
    step: Array,
    length: int,
) -> Array:
    r"""The kernel of the bilinear rule from values of its generating function on a circle.

    .. math::  \hat K(w) = 2 h\, \tilde C \left[ 2 (1 - w) - (1 + w) h A \right]^{-1} B, \qquad
               w_k = r e^{-2 \pi i k/L}, \quad r^L = \tfrac12, \quad \tilde C = C - r^L C A_d^L

    The published form divides by 1 + w, which is zero at the Nyquist frequency; here nothing is.
    The circle is kept inside the unit circle, where integrators and undamped modes have their
    poles. The nodes are sines and cosines of reduced angles in double precision, so 1 - w and 1 + w
    are exact to eps of themselves. No parameter depends on `length`: A_d^L is by squaring.

    Args:
        Lambda: complex (..., N).
        P: complex (..., N, R), any R.
        B: complex (..., N).
        C: complex (..., N).
        step: h (...). Leading axes broadcast.
        length: L.

    Returns:
        Re C A_d^l B_d for l = 0 .. L-1, real (..., L). For a stable A; another may have a pole on
        the circle.

    Raises:
        TypeError: for what is no array, and for arrays of several libraries or precisions.
        ValueError: for arrays on several devices.

    Accuracy:
        About eps N max|K| and the rounding of Lambda, at worst l eps.

    Cost:
        8 N^3 log2 L real operations for A_d^L, N L divisions and 8 N L (1 + R)^2 for the sums.
        Memory O(L) beside parts of a table, and matrices (..., N, N).

    Source:
        Gu, Goel & Re 2022 (S4), Appendix C.3, there with divisions by 1 + w.

    Example:
        >>> one = np.ones(1) + 0j
        >>> P = np.sqrt(2) * one[:, None]  # A = -2
        >>> generating(0 * one, P, one, one, np.asarray(0.5), 3).round(6)
        array([0.333333, 0.111111, 0.037037])
    """
    xp = together(_AXES, Lambda=Lambda, P=P, B=B, C=C, step=step)
    length = require.integer("length", length)
    h = step[..., None]
    D, U, V, _ = bilinear(Lambda, P, B, step)
    last = _row_power(C, dense(D, U, V), length)
    transposed = xp.matrix_transpose(P)
    left = _stack(C - last / 2, xp.conj(transposed))
    right = _stack(2 * h * B, transposed)
    weights = _all_pairs(left, right)
    *batch, outputs, inputs, N = weights.shape
    weights = xp.reshape(weights, (*batch, outputs * inputs, N))
    minus, plus = (
        xp.asarray(part, dtype=Lambda.dtype, device=backend.device(Lambda))
        for part in _circle(length)
    )
    rate = column(h * Lambda)
    values = []
    for part in point_slices(length, math.prod(batch) * N):
        table = 1 / (2 * minus[part] - plus[part] * rate)
        sums = backend.matmul(weights, table)
        *lead, _, count = sums.shape
        sums = xp.reshape(sums, (*lead, outputs, inputs, count))
        back = plus[part] * row(row(h))
        values.append(_closed_at(sums, back))
    circle = xp.concat(values, axis=-1)
    K = xp.real(xp.fft.ifft(circle))
    growth = math.log(2) / length  # r^-l, for the coefficients of the circle are r^l K_l
    return K * xp.exp(growth * backend.arange(length, Lambda))


def power_series(
    Lambda: Array,
    P: Array,
    B: Array,
    C: Array,
    step: Array,
    length: int,
) -> Array:
    r"""The kernel of the bilinear rule from the coefficients of its generating function.

    .. math::  \hat K = \hat k_{CB} + w\, \hat k_{CU} (F - w\, \hat k_{VU})^{-1} \hat k_{VB}
               \mod w^L, \qquad \hat k_{XY}(w) = \sum_l (X D^l Y) w^l

    with D, U and B of `bilinear`, V = P^H E and F = I + h/2 P^H E P: sums of powers of the modes,
    closed by feedback. There are no nodes, no singularity and no matrix of order N, and what is
    beyond w^L never enters, so undamped modes are as good as others. F - w k_VU is I + P^H G P with
    G = (1 + w)/(2 (1 - w)/h - (1 + w) Lambda), whose real part is not negative for |w| < 1.

    Args:
        Lambda: complex (..., N).
        P: complex (..., N, R), any R.
        B: complex (..., N).
        C: complex (..., N).
        step: h (...). Leading axes broadcast.
        length: L.

    Returns:
        Re C A_d^l B_d for l = 0 .. L-1, real (..., L). Differentiable once, as `vandermonde`.

    Raises:
        TypeError: for what is no array, and for arrays of several libraries or precisions.
        ValueError: for arrays on several devices.

    Accuracy:
        Absolute, for transforms mix all l: a few eps times log2 L, the sums of absolute values of
        k_CB, k_CU and k_VB, and the largest |F - w k_VU| and 1/|F - w k_VU| on the circle. So modes
        that grow, Re Lambda > 0, spoil the small coefficients, even where the feedback makes them
        stable. Take `krylov` there.

    Cost:
        8 N L (1 + R)^2 real operations as matrix products, a quarter for modes in conjugate pairs,
        and O(R^2) transforms of length 2 L. Memory O((1 + R)^2 L + N sqrt L).

    Source:
        Woodbury 1950.

    Example:
        >>> one = np.ones(1) + 0j
        >>> P = np.sqrt(2) * one[:, None]  # A = -2
        >>> power_series(0 * one, P, one, one, np.asarray(0.5), 3).round(6)
        array([0.333333, 0.111111, 0.037037])
    """
    together(_AXES, Lambda=Lambda, P=P, B=B, C=C, step=step)
    length = require.integer("length", length)
    pairs = conjugate_pairs(Lambda, P, B, C)
    if pairs is not None:
        Lambda, P, B, C = mirrored(Lambda, P, B, C, pairs)
    return closed_by_feedback(Lambda, P, B, C, step, length, pairs=pairs, refined=True)


def closed_by_feedback(
    Lambda: Array,
    P: Array,
    B: Array,
    C: Array,
    step: Array,
    length: int,
    *,
    pairs: int | None,
    refined: bool,
) -> Array:
    """The kernel that `power_series` returns, of arrays that were checked.

    Args:
        Lambda: (..., N).
        P: (..., N, R).
        B: (..., N).
        C: (..., N).
        step: (...).
        length: L.
        pairs: what `conjugate_pairs` returns, of arrays that are `mirrored`.
        refined: as of `truncated_series.response`.

    Returns:
        Real numbers (..., L).

    Example:
        >>> one = np.ones(1) + 0j
        >>> P = np.sqrt(2) * one[:, None]
        >>> fields = 0 * one, P, one, one, np.asarray(0.5)
        >>> closed_by_feedback(*fields, 2, pairs=None, refined=True).round(6)
        array([0.333333, 0.111111])
    """
    transposed = backend.library(P).matrix_transpose
    D, U, _, B_d = bilinear(Lambda, P, B, step)
    _, V, loop = _open_loop(Lambda, P, step[..., None] / 2)
    left = _stack(C, V)
    right = _stack(B_d, transposed(U))
    if pairs is not None:  # of two conjugate terms the real part is that of one, twice
        Lambda, D, left, right = (half(x, pairs) for x in (Lambda, D, left, right))
        left = left * multiplicity(pairs, left)
        loop = backend.real(loop)
    base = tables.fraction(step[..., None], Lambda, 0.5) if refined else tables.in_one_word(D)
    base = tables.reshaped(base, lambda part: part[..., None, None, None, :])
    weights = _all_pairs(left, right)[..., None, :]
    if pairs is None:
        weights = backend.library(P).concat([weights, -1j * weights], axis=-2)
    k = _series(sums(weights, base, length, None))
    z = backend.constant(base.value)
    later = backend.constant(weights[..., 1:, 1:, :, :]) * _power(z, length)
    beyond = period_for(length) - length
    tail = _series(sums(later, tables.in_one_word(z), beyond, None))
    return response(k, loop, tail, refined=refined, body=_responses(k))


def _series(parts: Array) -> Array:
    """The sums (..., 1, L), or of their real and imaginary parts (..., 2, L) complex numbers."""
    if parts.shape[-2] == 1:
        return parts[..., 0, :]
    return backend.complex_of(parts[..., 0, :], parts[..., 1, :])


def _power(z: Array, exponent: int) -> Array:
    """z^exponent, by squaring."""
    power = backend.library(z).ones_like(z)
    for bit in bin(exponent)[2:]:
        power = power * power
        power = power * z if bit == "1" else power
    return power


def _responses(k: Array) -> Callable[[Array, Array, Array, bool], Array]:
    """The body for a library: in PyTorch an operation of its own, unless a compiler fuses it."""
    if backend.kind(k) == "torch" and not backend.compiling(k):
        from . import torch_feedback

        return torch_feedback.responses
    return responses_in_blocks


def _closed_at(sums: Array, back: Array) -> Array:
    """The values (..., K) of the system with feedback, from those without, (..., 1 + R, 1 + R, K).

    All feedback passes `back` (..., 1, 1, K). A Schur complement closes one loop at a time; its
    pivots have real parts above 1.
    """
    for last in range(sums.shape[-2] - 1, 0, -1):
        inward = sums[..., :last, last, None, :]
        outward = sums[..., None, last, :last, :]
        pivot = 1 + back * sums[..., last, last, None, None, :]
        around = back * (inward / pivot) * outward
        sums = sums[..., :last, :last, :] - around
    return sums[..., 0, 0, :]


def _all_pairs(left: Array, right: Array) -> Array:
    """The products of every row of `left` with every row of `right`: (..., 1 + R, 1 + R, N)."""
    return left[..., :, None, :] * right[..., None, :, :]


def _stack(vector: Array, rows: Array) -> Array:
    """The vector (..., N) on top of the rows (..., R, N)."""
    xp = backend.library(rows)
    lead = np.broadcast_shapes(vector.shape[:-1], rows.shape[:-2])
    N = rows.shape[-1]
    first = xp.broadcast_to(row(vector), (*lead, 1, N))
    others = xp.broadcast_to(rows, (*lead, rows.shape[-2], N))
    return xp.concat([first, others], axis=-2)


def _row_power(C: Array, A: Array, length: int) -> Array:
    """C A^length, by squaring."""
    product = row(C)
    while length:
        if length % 2:
            product = backend.matmul(product, A)
        length //= 2
        if length:
            A = backend.matmul(A, A)
    return product[..., 0, :]


def _circle(length: int) -> tuple[Complex, Complex]:
    """1 - w and 1 + w at w_k = 2^{-1/L} e^{-2 pi i k/L}, each part to eps of itself."""
    k = np.arange(length, dtype=np.float64)  # compilers read integers in single precision
    turn = np.where(2 * k > length, k - length, k)  # in (-L/2, L/2]: small angles near w = 1
    angle = np.pi / length * turn  # half of that of w
    to_nyquist = np.pi / (2 * length) * (length - 2 * np.abs(turn))  # pi/2 - |angle|
    low = np.abs(angle) < np.pi / 4
    nearer = np.where(low, angle, np.sign(turn) * to_nyquist)
    inside = -math.expm1(-math.log(2) / length)  # 1 - r
    r = 1 - inside
    imag = r * np.sin(2 * nearer)
    minus = inside + 2 * r * np.sin(angle) ** 2
    plus = inside + 2 * r * np.sin(to_nyquist) ** 2
    return minus + 1j * imag, plus - 1j * imag
