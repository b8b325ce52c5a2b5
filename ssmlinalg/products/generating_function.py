r"""The generating function of a diagonal system with low-rank feedback, by its values and by its
coefficients.

Sampled by the bilinear rule, A = diag(Lambda) - P P^H stays diagonal plus low rank, and by
Woodbury's identity all of

.. math::  \hat K(w) = \sum_{l < L} K_l w^l = \tilde C (I - w A_d)^{-1} B_d, \qquad \tilde C = C (I - w^L A_d^L),

follows from sums over modes. `generating` takes its values on a circle, Cauchy sums, and needs
A_d^L; `power_series` takes its coefficients, sums of powers, and needs no matrix at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..ground import backend
from ..ground.backend import Array
from ..powers import tables
from .cauchy_sums import slices
from .exponential_sums import vandermonde


class Feedback(NamedTuple):
    """A_d = diag(D) + U V and B_d: a sampled system that is diagonal plus low rank."""

    D: Array
    U: Array
    V: Array
    B: Array


def bilinear(Lambda: Array, P: Array, B: Array, step: Array) -> Feedback:
    r"""diag(Lambda) - P P^H sampled by the bilinear rule in O(N R^2), with no matrix of order N.

    .. math::  E = (1 - \tfrac{h}{2} \Lambda)^{-1}, \quad V = (I + \tfrac{h}{2} P^H E P)^{-1} P^H E, \quad U = -h E P, \quad
               D = (1 + \tfrac{h}{2} \Lambda) E, \quad B_d = h (E B + \tfrac12 U V B)

    Lambda, B (..., N), P (..., N, R) and step (...) broadcast; returns D, B_d (..., N), U (..., N,
    R) and V (..., R, N). For a dissipative A the matrix solved with has a real part above I, so
    nothing is ever near singular. Source: Woodbury 1950; Gu, Goel & Re 2022 (S4), Appendix C.3.

    >>> one = np.ones(1) + 0j
    >>> D, U, V, B_d = bilinear(0 * one, np.sqrt(2) * one[:, None], one, np.asarray(0.5))  # A = -2
    >>> (D + (U @ V)[0]).real.round(6)
    array([0.333333])
    """
    xp = backend.namespace(Lambda=Lambda, P=P, B=B, step=step)
    h = step[..., None]
    E = 1 / (1 - h / 2 * Lambda)
    read = xp.conj(xp.matrix_transpose(P)) * E[..., None, :]
    if P.shape[-1]:  # solving for nothing is refused by some libraries
        inner = backend.eye(P.shape[-1], P) + h[..., None] / 2 * xp.matmul(read, P)
        read = xp.linalg.solve(inner, xp.broadcast_to(read, (*inner.shape[:-2], *read.shape[-2:])))
    U = -h[..., None] * E[..., None] * P
    return Feedback((1 + h / 2 * Lambda) * E, U, read, h * (E * B + _apply(U, _apply(read, B)) / 2))


def dense(D: Array, U: Array, V: Array) -> Array:
    """diag(D) + U V as a matrix (..., N, N)."""
    return D[..., None, :] * backend.eye(D.shape[-1], D) + backend.namespace(U=U, V=V).matmul(U, V)


def generating(Lambda: Array, P: Array, B: Array, C: Array, step: Array, length: int) -> Array:
    r"""The kernel Re C A_d^l B_d, l < length, of the bilinear rule from values of its generating
    function on a circle.

    .. math::  \hat K(w) = 2 h\, \tilde C \left[ 2 (1 - w) - (1 + w) h A \right]^{-1} B, \qquad
               w_k = r e^{-2 \pi i k/L}, \quad r^L = \tfrac12, \quad \tilde C = C - r^L C A_d^L

    The published form divides by 1 + w, which is zero at the Nyquist frequency; here nothing is.
    The circle is kept inside the unit circle, where integrators and undamped modes have their
    poles. The nodes are sines and cosines of reduced angles in double precision, so 1 - w and 1 + w
    are exact to eps of themselves.

    Lambda, B, C (..., N), P (..., N, R) of any R and step (...) broadcast; returns (..., length),
    real. For a stable A; another may have a pole on the circle. No parameter depends on `length`:
    A_d^L is by squaring. Accuracy: about eps N max|K| and the rounding of Lambda, at worst l eps.
    Cost: 8 N^3 log2 L real operations for A_d^L, N L divisions and 8 N L (1 + R)^2 for the sums;
    memory O(L) beside parts of a table and matrices (..., N, N). Source: Gu, Goel & Re 2022 (S4),
    Appendix C.3, there with divisions by 1 + w.

    >>> one = np.ones(1) + 0j
    >>> generating(0 * one, np.sqrt(2) * one[:, None], one, one, np.asarray(0.5), 3).round(6)  # A = -2
    array([0.333333, 0.111111, 0.037037])
    """
    xp = backend.namespace(Lambda=Lambda, P=P, B=B, C=C, step=step)
    sampled = bilinear(Lambda, P, B, step)
    row = C - _row_power(C, dense(*sampled[:3]), length) / 2
    h, R = step[..., None], P.shape[-1]
    left = _stack(row, xp.conj(xp.matrix_transpose(P)))
    right = _stack(2 * h * B, xp.matrix_transpose(P))
    weights = left[..., :, None, :] * right[..., None, :, :]
    weights = xp.reshape(weights, (*weights.shape[:-3], (1 + R) ** 2, weights.shape[-1]))
    minus, plus = (
        xp.asarray(part, dtype=Lambda.dtype, device=backend.device(Lambda))
        for part in _circle(length)
    )
    rate = (h * Lambda)[..., :, None]
    values = []
    for part in slices(length, math.prod(weights.shape[:-2]) * weights.shape[-1]):
        table = 1 / (2 * minus[part] - plus[part] * rate)
        sums = xp.matmul(weights, table)
        sums = xp.reshape(sums, (*sums.shape[:-2], 1 + R, 1 + R, sums.shape[-1]))
        back = plus[part] * h[..., None, None]  # all feedback passes it
        for last in range(
            R, 0, -1
        ):  # column by column: a Schur complement each, whose pivots have real parts above 1
            gain = sums[..., :last, last, None, :] / (
                1 + back * sums[..., last, last, None, None, :]
            )
            sums = sums[..., :last, :last, :] - back * gain * sums[..., None, last, :last, :]
        values.append(sums[..., 0, 0, :])
    K = xp.real(xp.fft.ifft(xp.concat(values, axis=-1)))
    return K * xp.exp(math.log(2) / length * backend.arange(length, Lambda))


def power_series(Lambda: Array, P: Array, B: Array, C: Array, step: Array, length: int) -> Array:
    r"""The same kernel from the coefficients of the generating function: no nodes, no singularity,
    no matrix of order N.

    .. math::  \hat K = \hat k_{CB} + w\, \hat k_{CU} (I - w\, \hat k_{VU})^{-1} \hat k_{VB} \mod w^L, \qquad
               \hat k_{XY}(w) = \sum_l (X D^l Y) w^l

    with D, U, V and B of `bilinear`: sums of powers of the modes, closed by feedback. The series is
    divided by Newton's method, and what is beyond w^L never enters, so undamped modes are as good
    as others.

    Shapes as `generating`. Accuracy: absolute, for transforms mix all l: a few eps times log2 L,
    the sums of absolute values of k_CB, k_CU and k_VB, and the largest |1 - w k_VU| and 1/|1 - w
    k_VU| on the circle. So modes that grow, Re Lambda > 0, spoil the small coefficients, even where
    the feedback makes them stable; take `krylov` there. Cost: 8 N L (1 + R)^2 real operations as
    matrix products, and O(R^3) transforms of length 2 L; memory O((1 + R)^2 L + N sqrt L).
    Differentiable once, as `vandermonde`. Sources: Woodbury 1950; Sieveking 1972 and Kung 1974
    (division of power series).

    >>> one = np.ones(1) + 0j
    >>> power_series(0 * one, np.sqrt(2) * one[:, None], one, one, np.asarray(0.5), 3).round(6)  # A = -2
    array([0.333333, 0.111111, 0.037037])
    """
    xp = backend.namespace(Lambda=Lambda, P=P, B=B, C=C, step=step)
    _, U, V, B = bilinear(Lambda, P, B, step)
    D = tables.fraction(
        step[..., None, None, None, None], Lambda[..., None, None, None, :], 0.5
    )  # in two words
    left, right = _stack(C, V), _stack(B, xp.matrix_transpose(U))
    weights = left[..., :, None, :] * right[..., None, :, :]
    parts = vandermonde(xp.stack([weights, -1j * weights], axis=-2), D, length)
    k = backend.complex_of(parts[..., 0, :], parts[..., 1, :])
    for last in range(P.shape[-1], 0, -1):  # column by column, as in `generating`
        through = _times(k[..., :last, last, :], _inverse(k[..., last, last, :])[..., None, :])
        loop = _times(through[..., :, None, :], k[..., None, last, :last, :])
        k = k[..., :last, :last, :] + _delayed(loop)
    return xp.real(k[..., 0, 0, :])


def _apply(matrix: Array, vector: Array) -> Array:
    return backend.namespace(matrix=matrix).matmul(matrix, vector[..., None])[..., 0]


def _stack(vector: Array, rows: Array) -> Array:
    """The vector (..., N) on top of the rows (..., R, N)."""
    xp = backend.namespace(rows=rows)
    shape = np.broadcast_shapes(vector.shape[:-1], rows.shape[:-2])
    parts = (vector[..., None, :], rows)
    return xp.concat([xp.broadcast_to(part, (*shape, *part.shape[-2:])) for part in parts], axis=-2)


def _row_power(C: Array, A: Array, length: int) -> Array:
    """C A^length, by squaring."""
    xp = backend.namespace(A=A)
    row = C[..., None, :]
    while length:
        row = xp.matmul(row, A) if length % 2 else row
        length //= 2
        A = xp.matmul(A, A) if length else A
    return row[..., 0, :]


def _circle(length: int) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """1 - w and 1 + w at w_k = 2^{-1/L} e^{-2 pi i k/L}, each part to eps of itself."""
    k = np.arange(length)
    turn = np.where(
        2 * k > length, k - length, k
    )  # in (-L/2, L/2], so that angles are small near w = 1
    angle = np.pi / length * turn
    quarter = (
        np.pi / (2 * length) * (length - 2 * np.abs(turn))
    )  # pi/2 - |angle|, small near w = -1
    inside = -math.expm1(-math.log(2) / length)  # 1 - r
    r = 1 - inside
    imag = r * np.sin(2 * np.where(np.abs(angle) < np.pi / 4, angle, np.sign(turn) * quarter))
    return inside + 2 * r * np.sin(angle) ** 2 + 1j * imag, inside + 2 * r * np.sin(
        quarter
    ) ** 2 - 1j * imag


def _times(f: Array, g: Array) -> Array:
    """f g mod w^L."""
    xp = backend.namespace(f=f)
    length = f.shape[-1]
    n = 1 << (2 * length - 1).bit_length()
    return xp.fft.ifft(xp.fft.fft(f, n=n) * xp.fft.fft(g, n=n), n=n)[..., :length]


def _inverse(f: Array) -> Array:
    """1/(1 - w f) mod w^L: g <- g (2 - (1 - w f) g), twice as many coefficients each time.

    Of 2 s coefficients of (1 - w f) g the first s are known, 1 and zeros, so a cyclic product may
    wrap around into them.
    """
    xp = backend.namespace(f=f)
    length = f.shape[-1]
    one = xp.ones_like(f[..., :1])
    whole = xp.concat([one, -f[..., : length - 1]], axis=-1)
    g, s = one, 1
    while s < length:
        n = 2 * s
        g_hat = xp.fft.fft(g, n=n)
        rest = xp.fft.ifft(xp.fft.fft(whole[..., : min(n, length)], n=n) * g_hat, n=n)[..., s:]
        g = xp.concat([g, -xp.fft.ifft(xp.fft.fft(rest, n=n) * g_hat, n=n)[..., :s]], axis=-1)
        s = n
    return g[..., :length]


def _delayed(f: Array) -> Array:
    """w f mod w^L."""
    xp = backend.namespace(f=f)
    return xp.concat([xp.zeros_like(f[..., :1]), f[..., :-1]], axis=-1)
