r"""The bodies of the Vandermonde products in the array API: two levels of powers, and matrix
products between them.

With l = a m + b and m of about sqrt(L) every sum is a matrix product,

    K_{am+b} = Re sum_n (w_n z_n^{am}) z_n^b,        sum_b g_{am+b} z_n^b   and   sum_a g_{am+b} w_n z_n^{am},

of two tables with sqrt(L) powers a mode, outer products of `_powers.factors`. Factors are made for
as many groups as `max_bytes` holds, tables for as many as a cache holds, so that they are read
again before they leave it.

Every body takes weights (G, W, n) or signals (G, W, L) and a base (G, n) that W sums share; modules
named after a library hold the same bodies with the derivatives that library is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..ground import backend
from ..ground.backend import Array
from ..powers import tables
from ..powers.tables import Base

Factors = tuple[Array, Array]

_CACHE = 1 << 21  # bytes of tables at a time
_FACTORS = 8  # arrays that are held while a factor is computed


def power_sums(weights: Array, base: Base, direct: Array, length: int, max_bytes: int) -> Array:
    """The sums (G, W, L), with `direct` (G, W) added at l = 0."""
    K = backend.zeros((*weights.shape[:-1], length), direct)
    if not length:
        return K
    m, rows = split(weights.shape[1], length)
    with backend.quietly(
        weights
    ):  # powers beyond the last sample may overflow; none of them is read
        for g, w, row, column in _parts(base, weights.shape[1], m, rows, max_bytes):
            K[g, w, ...] = product(weights[g, w, ...], row, column, m, rows)[..., :length]
    K[..., :1] += direct[..., None]
    return K


def gradients(cotangent: Array, weights: Array, base: Base, max_bytes: int) -> tuple[Array, Array]:
    """s (G, W, n) and r (G, n) of cotangents g (G, W, L): sum_l g_l dK_l = Re(sum s dw + sum r
    dz).
    """
    s, r = backend.zeros(weights.shape, weights), backend.zeros(base.value.shape, weights)
    s[...] = cotangent[..., :1]
    if cotangent.shape[-1] < 2:
        return s, r
    m, rows = split(weights.shape[1], cotangent.shape[-1] - 1)
    for g, w, row, column in _parts(base, weights.shape[1], m, rows, max_bytes):
        whole, slope = transposed(cotangent[g, w, ...], weights[g, w, ...], row, column, m, rows)
        s[g, w, ...] += base.value[g, None, :] * whole
        r[g, ...] += slope
    return s, r


def moments(signal: Array, base: Base, max_bytes: int) -> Array:
    """s (G, W, n) of signals (G, W, L): s_n = sum_l g_l z_n^l."""
    s = backend.zeros((*signal.shape[:-1], base.value.shape[-1]), base.value)
    if not signal.shape[-1]:
        return s
    m, rows = split(signal.shape[1], signal.shape[-1])
    for g, w, row, column in _parts(base, signal.shape[1], m, rows, max_bytes):
        s[g, w, ...] = transform(signal[g, w, ...], row, column, m, rows)
    return s


def product(weights: Array, row: Factors, column: Factors, m: int, rows: int) -> Array:
    """Re sum_n (w_n z_n^{am}) z_n^b, (G, W, rows m), of the factors of z^{am} and of z^b."""
    xp, (long, short) = backend.library(weights), row
    left = tables.outer((weights[..., None, :] * long[:, None, :, :], short[:, None, :, :]), rows)
    left = xp.reshape(left, (left.shape[0], -1, left.shape[-1]))
    right = tables.outer(
        (xp.conj(column[0]), xp.conj(column[1])), m
    )  # Re(x y) is the real product of x and conj(y) as pairs
    K = xp.matmul(backend.pairs(left), xp.matrix_transpose(backend.pairs(right)))
    return xp.reshape(K, (*weights.shape[:-1], -1))


def transform(signal: Array, row: Factors, column: Factors, m: int, rows: int) -> Array:
    """sum_l g_l z^l, (G, W, n)."""
    inner = _inner(_folded(signal, rows, m), tables.outer(column, m), rows)
    return backend.library(inner).sum(tables.outer(row, rows)[:, None, :, :] * inner, axis=-2)


def transposed(
    g: Array, weights: Array, row: Factors, column: Factors, m: int, rows: int
) -> tuple[Array, Array]:
    """sum_l h_l z^l (G, W, n) and sum_w w sum_l (l + 1) h_l z^l (G, n) of h_l = g_{l+1}, with which
    no slope divides by z.
    """
    xp, (G, W, n) = backend.library(g), weights.shape
    long, short = tables.outer(row, rows), tables.outer(column, m)
    h = _folded(g[..., 1:], rows, m)
    a = backend.arange(rows, g) * m
    both = xp.matmul(
        xp.stack([xp.ones_like(a), 1 + a]),
        backend.pairs(long[:, None, :, :] * _inner(h, short, rows)),
    )
    whole, by_row = (backend.from_pairs(both[..., k, :]) for k in (0, 1))
    left = xp.reshape(weights[..., None, :] * long[:, None, :, :], (G, W * rows, n))
    outer = backend.from_pairs(
        xp.matmul(xp.matrix_transpose(h), backend.pairs(left))
    )  # sum_a h_{am+b} w z^{am}
    by_column = backend.from_pairs(xp.matmul(backend.arange(m, g), backend.pairs(short * outer)))
    return whole, xp.sum(weights * by_row, axis=1) + by_column


def split(shared: int, length: int) -> tuple[int, int]:
    """m, a power of two near sqrt(L W), and L/m rounded up: the tables have m + W L/m rows
    together.
    """
    m = 1 << max(0, round(math.log2(max(1, length * shared)) / 2))
    m = min(m, 1 << (length - 1).bit_length())
    return m, -(-length // m)


def _inner(h: Array, short: Array, rows: int) -> Array:
    """sum_b h_{am+b} z^b, (G, W, rows, n), of a folded signal and a table (G, m, n) of z^b."""
    xp, (G, _, n) = backend.library(h), short.shape
    return xp.reshape(
        backend.from_pairs(xp.matmul(h, backend.pairs(short))), (G, h.shape[1] // rows, rows, n)
    )


def _folded(signal: Array, rows: int, m: int) -> Array:
    """A signal (G, W, L) in rows of m samples, (G, W rows, m), zero beyond its end."""
    G, W, length = signal.shape
    xp, beyond = backend.library(signal), backend.zeros((G, W, rows * m - length), signal)
    return xp.reshape(xp.concat([signal, beyond], axis=-1), (G, W * rows, m))


def _parts(
    base: Base, W: int, m: int, rows: int, max_bytes: int
) -> Iterator[tuple[slice, slice, Factors, Factors]]:
    """Slices of groups and of sums whose tables fit a cache, with the factors of z^{am} and of z^b
    for them.
    """
    G, n = base.value.shape
    each = 2 * np.dtype(backend.precision(base.value)).itemsize * n
    most = min(max_bytes, _CACHE)
    for few in _slices(0, G, each * _FACTORS * (math.isqrt(m) + math.isqrt(rows) + 2), max_bytes):
        some = tables.reshaped(base, lambda part, few=few: part[few, ...])
        row, column = tables.factors(some, m, rows), tables.factors(some, 1, m)
        for g in _slices(few.start, few.stop, each * (m + W * rows), most):
            here = slice(g.start - few.start, g.stop - few.start)
            mine = (
                (row[0][here, ...], row[1][here, ...]),
                (column[0][here, ...], column[1][here, ...]),
            )
            for w in _slices(0, W, each * rows, most):
                yield g, w, *mine


def _slices(start: int, stop: int, each: int, most: int) -> Iterator[slice]:
    """The indices in slices of at most `most` bytes, or of one, where an index takes `each`."""
    count = max(1, most // max(1, each))
    return (slice(k, min(k + count, stop)) for k in range(start, stop, count))
