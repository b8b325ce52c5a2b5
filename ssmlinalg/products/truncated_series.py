r"""Power series modulo w^L, by fast Fourier transforms: product, delay, and feedback.

With feedback a system of series k, one for each pair of ports, has the response

.. math::  \hat K = \hat k_{00} + w\, \hat k_{0V} (F - w\, \hat k_{VV})^{-1} \hat k_{V0} \mod w^L.

On a circle |w| = r it is found point by point. Coefficients from M on wrap round, smaller by
r^M, M the length of the transforms, and rounding errors grow by r^{-L}, so more than half of the
digits are right. They are enough where the result is rounded to single precision. Else one step of
iterative refinement gives the others: its residual is a product without a circle.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import add, mul
from typing import NamedTuple

import numpy as np

from ..ground import backend
from ..ground.backend import Array
from ..ground.formats import COMPLEX
from .cyclic_convolution import fast_length

_CACHE = 1 << 20  # bytes of series at a time


class Circle(NamedTuple):
    """The points w_k = r e^{-2 pi i k/M}, on which series are evaluated.

    Attributes:
        decay: r^l, (M,).
        points: w_k, (M,), or for real series the first half of them.
        period: M.
        length: L.
        real: whether the series are real.
    """

    decay: Array
    points: Array
    period: int
    length: int
    real: bool


def multiply(f: Array, g: Array) -> Array:
    """f g mod w^L.

    Args:
        f: coefficients (..., L), real or complex.
        g: coefficients (..., L), of the same type.

    Returns:
        Coefficients (..., L).

    Example:
        >>> import numpy as np
        >>> multiply(np.array([1.0, 2.0]), np.array([3.0, 4.0])).round(12)
        array([ 3., 10.])
    """
    length = f.shape[-1]
    n = fast_length(2 * length - 1)
    product = _forward(f, n) * _forward(g, n)
    return _inverse(product, n, real=not backend.is_complex(f))[..., :length]


def delayed(f: Array) -> Array:
    """w f mod w^L.

    Args:
        f: coefficients (..., L).

    Returns:
        Coefficients (..., L), the first of them 0.

    Example:
        >>> import numpy as np
        >>> delayed(np.array([1.0, 2.0]))
        array([0., 1.])
    """
    xp = backend.library(f)
    zero = xp.zeros_like(f[..., :1])
    return xp.concat([zero, f[..., :-1]], axis=-1)


def responses_in_blocks(k: Array, F: Array, tail: Array, refined: bool) -> Array:
    """The responses that `response` returns, of systems along one axis.

    Args:
        k: (G, 1 + R, 1 + R, L), R >= 1.
        F: (G, R, R).
        tail: (G, R, R, T).
        refined: as of `response`.

    Returns:
        Real coefficients (G, L).

    Example:
        >>> import numpy as np
        >>> k = np.full((1, 2, 2, 1), 0.5)
        >>> responses_in_blocks(k, np.ones((1, 1, 1)), k[:, 1:, 1:, :0], True)
        array([[0.5]])
    """
    circle = circle_for(k)
    parts = [
        _responses(k[some, ...], F[some, ...], tail[some, ...], circle, refined)
        for some in blocks(k)
    ]
    return parts[0] if len(parts) == 1 else backend.library(k).concat(parts, axis=0)


def response(
    k: Array,
    F: Array,
    tail: Array,
    *,
    refined: bool,
    body: Callable[[Array, Array, Array, bool], Array] = responses_in_blocks,
) -> Array:
    """The real part of the response of a system with feedback.

    Args:
        k: coefficients (..., 1 + R, 1 + R, L) without feedback, real or complex, outputs before
            inputs.
        F: (..., R, R), of the same type. F - w k_VV must have a positive real part in the unit
            disc, as a passive loop has.
        tail: (..., R, R, T), of the same type: coefficients L .. L + T - 1 of k_VV, at most to M.
            The response does not depend on them, but where k_VV is cut while it still is large,
            F - w k_VV has zeros in the unit disc, and errors grow. No derivative passes through.
        refined: whether all digits of the working precision are wanted, or half of them and more.
        body: evaluates systems along one axis.

    Returns:
        Real coefficients (..., L), differentiable where the library is.

    Accuracy:
        Relative to the sums of absolute values of the series and of (F - w k_VV)^{-1}: a few
        eps log2 L, or eps^0.6 if not refined.

    Cost:
        Of R = 1 four transforms of length 3/2 L; refined 6, and 6 of length 2 L.

    Source:
        Woodbury 1950.
        Wilkinson 1963 (iterative refinement).

    Example:
        >>> import numpy as np
        >>> k = np.zeros((2, 2, 4))
        >>> k[..., 0] = 0.5
        >>> response(k, np.ones((1, 1)), np.zeros((1, 1, 0)), refined=True).round(12)
        array([0.5   , 0.25  , 0.125 , 0.0625])
    """
    if k.shape[-2] == 1:
        return backend.real(k[..., 0, 0, :])
    xp = backend.library(k)
    batch = tuple(k.shape[:-3])
    G = math.prod(batch)
    F = xp.broadcast_to(F, (*batch, *F.shape[-2:]))
    F = xp.reshape(F, (G, *F.shape[-2:]))
    tail = xp.broadcast_to(tail, (*batch, *tail.shape[-3:]))
    tail = xp.reshape(tail, (G, *tail.shape[-3:]))
    k = xp.reshape(k, (G, *k.shape[-3:]))
    return xp.reshape(body(k, F, tail, refined), (*batch, k.shape[-1]))


def period_for(length: int) -> int:
    """The length M of transforms for series of L coefficients, about 3/2 L.

    Args:
        length: L.

    Returns:
        A length with a fast transform.

    Example:
        >>> period_for(1000)
        1500
    """
    return fast_length(-(-3 * length // 2))


def circle_for(k: Array) -> Circle:
    """The circle for series, where what wraps round is as large as what rounding becomes.

    Args:
        k: coefficients (..., L), real or complex.

    Returns:
        A `Circle` with r^{M + L} = eps, in the library and precision of k.

    Example:
        >>> import numpy as np
        >>> circle = circle_for(np.zeros(8))
        >>> circle.period, circle.points.shape
        (12, (7,))
    """
    length = k.shape[-1]
    period = period_for(length)
    digits = np.finfo(backend.precision(k)).nmant + 1
    rate = math.log(2) * digits / (period + length)
    real = not backend.is_complex(k)
    count = period // 2 + 1 if real else period
    angle = 2 * np.pi / period * np.arange(count, dtype=np.float64)
    decay = np.exp(-rate * np.arange(period, dtype=np.float64))
    points = math.exp(-rate) * (np.cos(angle) - 1j * np.sin(angle))
    xp = backend.library(k)
    kinds = getattr(xp, backend.precision(k)), getattr(xp, COMPLEX[backend.precision(k)])
    where = backend.device(k)
    decay, points = (
        xp.asarray(part, dtype=dtype, device=where)
        for part, dtype in zip((decay, points), kinds, strict=True)
    )
    return Circle(decay, points, period, length, real)


def values(f: Array, circle: Circle) -> Array:
    """The values of series at the points of a circle.

    Args:
        f: coefficients (..., l), at most M.
        circle: as `circle_for` makes it.

    Returns:
        Complex numbers (..., K).

    Example:
        >>> import numpy as np
        >>> values(np.array([1.0, 0.0]), circle_for(np.zeros(2)))
        array([1.+0.j, 1.+0.j])
    """
    return _forward(f * circle.decay[: f.shape[-1]], circle.period)


def coefficients(found: Array, circle: Circle) -> Array:
    """The series with these values at the points of a circle.

    Args:
        found: complex numbers (..., K).
        circle: as `circle_for` makes it.

    Returns:
        Coefficients (..., L), real if the circle is that of real series.

    Example:
        >>> import numpy as np
        >>> circle = circle_for(np.zeros(2))
        >>> coefficients(values(np.array([1.0, 2.0]), circle), circle).round(12)
        array([1., 2.])
    """
    found = _inverse(found, circle.period, real=circle.real)
    return found[..., : circle.length] / circle.decay[: circle.length]


def blocks(k: Array) -> list[slice]:
    """Slices of systems that a cache holds; a compiler orders its work itself.

    Args:
        k: (G, 1 + R, 1 + R, L).

    Returns:
        Slices that cover 0 .. G-1.

    Example:
        >>> import numpy as np
        >>> blocks(np.zeros((3, 2, 2, 1 << 15)))
        [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    G = k.shape[0]
    numbers = math.prod(k.shape[1:]) * (2 if backend.is_complex(k) else 1)
    each = numbers * np.dtype(backend.precision(k)).itemsize
    size = max(1, _CACHE // max(1, each))
    if backend.compiling(k):
        return [slice(0, G)]
    return [slice(start, min(start + size, G)) for start in range(0, max(1, G), size)]


def solved(loop: Array, F: Array, inward: Array, at_points: Array, circle: Circle) -> Array:
    """x = (F - w loop)^{-1} inward, with one step of refinement.

    Args:
        loop: coefficients (..., R, R, L).
        F: (..., R, R).
        inward: coefficients (..., R, L).
        at_points: what `closed` returns.
        circle: as `circle_for` makes it.

    Returns:
        Coefficients (..., R, L).

    Example:
        >>> import numpy as np
        >>> loop = np.full((1, 1, 1), 0.5)
        >>> circle = circle_for(loop)
        >>> one = np.ones((1, 1))
        >>> solved(loop, one, one, closed(loop, one, loop[..., :0], circle), circle)
        array([[1.]])
    """

    def nearly(f: Array) -> Array:
        return coefficients(times(at_points, values(f, circle)), circle)

    x = nearly(inward)
    fed_back = delayed(times(loop, x, multiply))
    return x + nearly(inward - times(F[..., None], x) + fed_back)


def closed(loop: Array, F: Array, tail: Array, circle: Circle) -> Array:
    """(F - w loop)^{-1} at the points, by Gauss-Jordan steps without a search for pivots.

    Args:
        loop: coefficients (..., R, R, L).
        F: (..., R, R). A positive real part of F - w loop makes all pivots safe.
        tail: the next coefficients of the loop, (..., R, R, T).
        circle: as `circle_for` makes it.

    Returns:
        Complex numbers (..., R, R, K).

    Example:
        >>> import numpy as np
        >>> loop = np.zeros((1, 1, 1))
        >>> closed(loop, np.ones((1, 1)), loop[..., :0], circle_for(loop)).real
        array([[[1., 1.]]])
    """
    loop = backend.library(loop).concat([loop, tail], axis=-1)
    Q = F[..., None] - circle.points * values(loop, circle)
    R = Q.shape[-2]
    if R == 1:
        return backend.library(Q).ones_like(Q) / Q  # 1 / Q takes PyTorch twice as long
    identity = backend.eye(R, backend.real(F))
    for j in range(R):
        e = identity[:, j : j + 1]
        rest = 1 - e
        row = _sum(e[..., None] * Q, -3)
        pivot = _sum(e * row, -2)
        row = (rest * row + e) / pivot[..., None, :]
        column = e - rest * _sum(e * Q, -2)
        Q = rest[..., None] * rest * Q + column[..., None, :] * row[..., None, :, :]
    return Q


def _sum(x: Array, axis: int) -> Array:
    return backend.library(x).sum(x, axis=axis)


def turned(Q: Array) -> Array:
    """A table with its axes of ports exchanged.

    Args:
        Q: (..., R, R, K).

    Returns:
        A view (..., R, R, K).

    Example:
        >>> import numpy as np
        >>> turned(np.arange(4).reshape(2, 2, 1))[0, 1]
        array([2])
    """
    return backend.library(Q).moveaxis(Q, -3, -2)


def times(A: Array, b: Array, product: Callable[[Array, Array], Array] = mul) -> Array:
    """sum_j A_ij b_j.

    Args:
        A: (..., R, R, L).
        b: (..., R, L).
        product: of two of their entries (..., L).

    Returns:
        (..., R, L).

    Example:
        >>> import numpy as np
        >>> times(np.ones((2, 2, 1)), np.ones((2, 1)))[:, 0]
        array([2., 2.])
    """
    terms = (product(A[..., :, j, :], b[..., j, None, :]) for j in range(b.shape[-2]))
    return reduce(add, terms)


def _responses(k: Array, F: Array, tail: Array, circle: Circle, refined: bool) -> Array:
    inward = k[..., 1:, 0, :]
    outward = k[..., 0, 1:, :]
    loop = k[..., 1:, 1:, :]
    at_points = closed(loop, F, tail, circle)
    if refined:
        x = solved(loop, F, inward, at_points, circle)
        K = delayed(_dot(outward, x, multiply))
    else:
        through = _dot(values(outward, circle), times(at_points, values(inward, circle)))
        K = coefficients(circle.points * through, circle)
    return backend.real(k[..., 0, 0, :]) + backend.real(K)


def _dot(a: Array, b: Array, product: Callable[[Array, Array], Array] = mul) -> Array:
    """sum_j a_j b_j of (..., R, L) and (..., R, L)."""
    terms = (product(a[..., j, :], b[..., j, :]) for j in range(a.shape[-2]))
    return reduce(add, terms)


def _forward(f: Array, n: int) -> Array:
    """The transform of length n; of real coefficients the half that tells the other."""
    fft = backend.library(f).fft
    return fft.fft(f, n=n) if backend.is_complex(f) else fft.rfft(f, n=n)


def _inverse(spectrum: Array, n: int, *, real: bool) -> Array:
    fft = backend.library(spectrum).fft
    return fft.irfft(spectrum, n=n) if real else fft.ifft(spectrum, n=n)
