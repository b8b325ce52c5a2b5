r"""The bodies of the Vandermonde products in the array API: two levels of powers, and matrix products between them.

With l = a m + b and m of about sqrt(L) every sum is a matrix product,

    K_{am+b} = Re sum_n (w_n z_n^{am}) z_n^b,        sum_b g_{am+b} z_n^b   and   sum_a g_{am+b} w_n z_n^{am},

of two tables with sqrt(L) powers a mode, outer products of `_powers.factors`. Factors are made for as many groups as
`max_bytes` holds, tables for as many as a cache holds, so that they are read again before they leave it.

Every body takes weights (G, W, n) or signals (G, W, L) and a base (G, n) that W sums share; modules named after a library hold
the same bodies with the derivatives that library is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .. import _array, _powers
from .._array import Array
from .._powers import Base

_CACHE = 1 << 21  # bytes of tables at a time


def power_sums(weights: Array, base: Base, direct: Array, length: int, max_bytes: int) -> Array:
    """The sums (G, W, L), group after group, with `direct` (G, W) added at l = 0."""
    (G, W, n), size = weights.shape, _itemsize(weights)
    K = _array.zeros((G, W, length), direct)
    if not length:
        return K
    m, rows = split(W, length)
    for few in _slices(range(G), size * n * _temporary(m, rows), max_bytes):
        row = _powers.factors(_of(base, few), m, rows)
        column = _powers.factors(_powers.reshaped(_of(base, few), _array.library(weights).conj), 1, m)
        for g in _slices(range(few.start, few.stop), size * n * (m + W * rows), min(max_bytes, _CACHE)):
            here = slice(g.start - few.start, g.stop - few.start)
            columns = _powers.outer(_part(column, here), m)
            for w in _slices(range(W), size * n * rows, min(max_bytes, _CACHE)):
                K[g, w, ...] = product(weights[g, w, ...], _part(row, here), columns, rows)[..., :length]
    K[..., :1] += direct[..., None]
    return K


def gradients(cotangent: Array, weights: Array, base: Base, max_bytes: int) -> tuple[Array, Array]:
    """s (G, W, n) and r (G, n) of cotangents g (G, W, L): sum_l g_l dK_l = Re(sum s dw + sum r dz)."""
    (G, W, n), size, length = weights.shape, _itemsize(weights), cotangent.shape[-1]
    s, r = _array.zeros(weights.shape, weights), _array.zeros(base.value.shape, weights)
    s[...] = cotangent[..., :1]
    if length < 2:
        return s, r
    m, rows = split(W, length - 1)
    for few in _slices(range(G), size * n * _temporary(m, rows), max_bytes):
        row, column = (_powers.factors(_of(base, few), stride, count) for stride, count in ((m, rows), (1, m)))
        for g in _slices(range(few.start, few.stop), 2 * size * n * (m + W * rows), min(max_bytes, _CACHE)):
            here = slice(g.start - few.start, g.stop - few.start)
            long = _powers.outer(_part(row, here), rows)
            short = _powers.outer(_part(column, here), m)
            for w in _slices(range(W), 2 * size * n * rows, min(max_bytes, _CACHE)):
                whole, slope = transposed(cotangent[g, w, ...], weights[g, w, ...], long, short)
                s[g, w, ...] += base.value[g, None, :] * whole
                r[g, ...] += slope
    return s, r


def moments(signal: Array, base: Base, max_bytes: int) -> Array:
    """s (G, W, n) of signals (G, W, L): s_n = sum_l g_l z_n^l."""
    (G, W, length), n = signal.shape, base.value.shape[-1]
    like, size = base.value, _itemsize(base.value)
    s = _array.zeros((G, W, n), like)
    if not length:
        return s
    m, rows = split(W, length)
    for few in _slices(range(G), size * n * _temporary(m, rows), max_bytes):
        row, column = (_powers.factors(_of(base, few), stride, count) for stride, count in ((m, rows), (1, m)))
        for g in _slices(range(few.start, few.stop), size * n * (m + W * rows), min(max_bytes, _CACHE)):
            here = slice(g.start - few.start, g.stop - few.start)
            long = _powers.outer(_part(row, here), rows)
            short = _powers.outer(_part(column, here), m)
            for w in _slices(range(W), size * n * rows, min(max_bytes, _CACHE)):
                inner = transform(folded(signal[g, w, ...], rows, m), short, rows)
                s[g, w, ...] = _array.library(inner).sum(long[:, None, :, :] * inner, axis=-2)
    return s


def folded(signal: Array, rows: int, m: int) -> Array:
    """A signal (G, W, L) in W rows of m samples for each, (G, W rows, m), zero beyond its end."""
    G, W, length = signal.shape
    xp, beyond = _array.library(signal), _array.zeros((G, W, rows * m - length), signal)
    return xp.reshape(xp.concat([signal, beyond], axis=-1), (G, W * rows, m))


def transform(h: Array, short: Array, rows: int) -> Array:
    """sum_b h_{am+b} z^b, (G, W, rows, n), of a folded signal and a table (G, m, n) of z^b."""
    xp, (G, _, n) = _array.library(h), short.shape
    return xp.reshape(_array.from_pairs(xp.matmul(h, _array.pairs(short))), (G, h.shape[1] // rows, rows, n))


def product(weights: Array, row: tuple[Array, Array], columns: Array, rows: int) -> Array:
    """Re sum_n (w_n z_n^{am}) z_n^b of the factors of z^{am} and a table of conj(z)^b: (G, W, rows m)."""
    xp, (long, short) = _array.library(weights), row
    left = _powers.outer((weights[..., None, :] * long[:, None, :, :], short[:, None, :, :]), rows)
    left = xp.reshape(left, (left.shape[0], -1, left.shape[-1]))
    K = xp.matmul(_array.pairs(left), xp.matrix_transpose(_array.pairs(columns)))
    return xp.reshape(K, (*weights.shape[:-1], -1))


def transposed(g: Array, weights: Array, long: Array, short: Array) -> tuple[Array, Array]:
    """sum_l h_l z^l (G, W, n) and sum_w w sum_l (l + 1) h_l z^l (G, n) of h_l = g_{l+1}, with which no slope divides by z.

    Of tables long (G, rows, n) of z^{am} and short (G, m, n) of z^b.
    """
    xp = _array.library(g)
    (G, W, n), rows, m = weights.shape, long.shape[-2], short.shape[-2]
    h = folded(g[..., 1:], rows, m)
    inner = transform(h, short, rows)
    a = _array.arange(rows, g) * m
    moments = xp.matmul(xp.stack([xp.ones_like(a), 1 + a]), _array.pairs(long[:, None, :, :] * inner))
    whole, by_row = (_array.from_pairs(moments[..., k, :]) for k in (0, 1))
    left = xp.reshape(weights[..., None, :] * long[:, None, :, :], (G, W * rows, n))
    columns = xp.matmul(xp.matrix_transpose(h), _array.pairs(left))  # sum_a h_{am+b} w z^{am}
    by_column = xp.matmul(_array.arange(m, g), _array.pairs(short * _array.from_pairs(columns)))
    return whole, xp.sum(weights * by_row, axis=1) + _array.from_pairs(by_column)


def split(shared: int, length: int) -> tuple[int, int]:
    """m, a power of two near sqrt(L W), and L/m rounded up: the tables have m + W L/m rows together."""
    m = 1 << max(0, round(math.log2(max(1, length * shared)) / 2))
    m = min(m, 1 << (length - 1).bit_length())
    return m, -(-length // m)


def _slices(indices: range, each: int, most: int) -> Iterator[slice]:
    """The indices in slices of at most `most` bytes, or of one, where an index takes `each`."""
    count = max(1, most // max(1, each))
    return (slice(k, min(k + count, indices.stop)) for k in range(indices.start, indices.stop, count))


def _of(base: Base, groups: slice) -> Base:
    return _powers.reshaped(base, lambda part: part[groups, ...])


def _part(factors: tuple[Array, Array], groups: slice) -> tuple[Array, Array]:
    return factors[0][groups, ...], factors[1][groups, ...]


def _itemsize(weights: Array) -> int:
    return 2 * np.dtype(_array.precision(weights)).itemsize


def _temporary(m: int, rows: int) -> int:
    """Rows of the factors of a base, and of what they are computed from."""
    return 8 * (math.isqrt(m) + math.isqrt(rows) + 2)
