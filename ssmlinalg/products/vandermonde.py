r"""Sums of powers over modes, K_l = Re sum_n w_n z_n^l, and their derivatives, without a table of modes times samples.

With l = a m + b and m of about sqrt(L), both are matrix products,

    K_{am+b} = Re sum_n (w_n z_n^{am}) z_n^b,        sum_b g_{am+b} z_n^b   and   sum_a g_{am+b} w_n z_n^{am},

of two tables with sqrt(L) powers a mode (`_powers`). Systems are worked off in groups that fit a given memory.

Every body takes weights (G, W, n), a base (G, n) shared by W sums and the direct path (G, W), and gives (G, W, L); the modules
named after a library make its derivatives known there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from .. import _array, _powers
from .._array import Array
from .._powers import Base

MAX_BYTES = 1 << 25  # beside the result: more would not be faster
_CACHE = 1 << 21  # of tables at a time, so that they are read again before they leave it


def vandermonde(
    weights: Array, nodes: Array | Base, length: int, *, direct: Array | None = None, max_bytes: int = MAX_BYTES
) -> Array:
    r"""K_l = Re sum_n w_n z_n^l for l = 0 .. length-1, and `direct` (...) added at l = 0.

    weights, nodes (..., n), broadcast; returns (..., length), real. Nodes that several sums share on the axes before the last
    are raised to powers once. A node of zero has z^0 = 1. `max_bytes` bounds the memory beside the result, as far as one sum
    allows; JAX under jit decides for itself. Differentiable once in PyTorch and JAX, with respect to weights and nodes.

    Accuracy: relative to sum_n |w_n z_n^l|, about (2 n + log2(L)) eps for any L: powers are not raised from rounded ones
    (`_powers`). Cost: 4 n L real operations in matrix products, O(n sqrt(L)) others and memory.

    >>> import numpy as np
    >>> vandermonde(np.array([1.0 + 0j]), np.array([0.5 + 0j]), 4)
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    base = nodes if isinstance(nodes, Base) else _powers.number(nodes)
    xp = _array.namespace(weights=weights, nodes=base.value)
    batch = np.broadcast_shapes(weights.shape[:-1], base.value.shape[:-1], () if direct is None else direct.shape)
    own = (1,) * (len(batch) - base.value.ndim + 1) + tuple(base.value.shape[:-1])
    groups = len(own)
    while groups and own[groups - 1] == 1:  # from there on the nodes are shared
        groups -= 1

    def grouped(array: Array, lead: tuple[int, ...], *shape: int) -> Array:
        n = array.shape[-1]
        array = xp.reshape(array, (*(1,) * (len(lead) + 1 - array.ndim), *array.shape))
        return xp.reshape(xp.broadcast_to(array, (*lead, n)), (*shape, n))

    G, W = math.prod(batch[:groups]), math.prod(batch[groups:])
    base = _powers.reshaped(base, lambda part: xp.reshape(part, (*own[:groups], part.shape[-1])))
    base = _powers.reshaped(base, lambda part: grouped(part, batch[:groups], G))
    first = _array.zeros((1,), xp.real(base.value)) if direct is None else direct[..., None]
    K = _body(weights)(grouped(weights, batch, G, W), base, grouped(first, batch, G, W)[..., 0], length, max_bytes)
    return xp.reshape(K, (*batch, length))


def _body(array: Array) -> Callable[[Array, Base, Array, int, int], Array]:
    if _array.kind(array) == "torch":
        from .torch import power_sums as body
    elif _array.kind(array) == "jax":
        from .jax import power_sums as body
    else:
        body = power_sums
    return body


def power_sums(weights: Array, base: Base, direct: Array, length: int, max_bytes: int) -> Array:
    """The sums (G, W, L), group after group, with `direct` (G, W) added at l = 0."""
    (G, W, n), size = weights.shape, _itemsize(weights)
    K = _array.zeros((G, W, length), direct)
    if not length:
        return K
    m, rows = split(W, length)
    for few in _slices(range(G), size * n * _temporary(m, rows), max_bytes):
        long, short = _powers.factors(_of(base, few), m, rows)
        right = _powers.factors(_powers.reshaped(_of(base, few), _array.library(weights).conj), 1, m)
        for g in _slices(range(few.start, few.stop), size * n * (m + W * rows), min(max_bytes, _CACHE)):
            here = slice(g.start - few.start, g.stop - few.start)
            columns = _powers.outer(right[0][here], right[1][here], m)
            for w in _slices(range(W), size * n * rows, min(max_bytes, _CACHE)):
                K[g, w] = product(weights[g, w], long[here], short[here], columns, rows)[..., :length]
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
        by_row, by_column = (_powers.factors(_of(base, few), stride, count) for stride, count in ((m, rows), (1, m)))
        for g in _slices(range(few.start, few.stop), 2 * size * n * (m + W * rows), min(max_bytes, _CACHE)):
            here = slice(g.start - few.start, g.stop - few.start)
            long, short = (
                _powers.outer(by_row[0][here], by_row[1][here], rows),
                _powers.outer(by_column[0][here], by_column[1][here], m),
            )
            for w in _slices(range(W), 2 * size * n * rows, min(max_bytes, _CACHE)):
                whole, slope = transposed(cotangent[g, w], weights[g, w], long, short)
                s[g, w] += base.value[g, None, :] * whole
                r[g, ...] += slope
    return s, r


def product(weights: Array, long: Array, short: Array, columns: Array, rows: int) -> Array:
    """Re sum_n (w_n z_n^{am}) z_n^b of the factors of z^{am} and a table of conj(z)^b: (G, W, rows m)."""
    xp = _array.library(weights)
    left = _powers.outer(weights[..., None, :] * long[:, None, :, :], short[:, None, :, :], rows)
    left = xp.reshape(left, (left.shape[0], -1, left.shape[-1]))
    K = xp.matmul(_array.pairs(left), xp.matrix_transpose(_array.pairs(columns)))
    return xp.reshape(K, (*weights.shape[:-1], -1))


def transposed(g: Array, weights: Array, long: Array, short: Array) -> tuple[Array, Array]:
    """sum_l h_l z^l (G, W, n) and sum_w w sum_l (l + 1) h_l z^l (G, n) of h_l = g_{l+1}, with which no slope divides by z.

    Of tables long (G, rows, n) of z^{am} and short (G, m, n) of z^b.
    """
    xp = _array.library(g)
    (G, W, n), rows, m = weights.shape, long.shape[-2], short.shape[-2]
    missing = _array.zeros((G, W, rows * m - g.shape[-1] + 1), g)
    h = xp.reshape(xp.concat([g[..., 1:], missing], axis=-1), (G, W * rows, m))
    inner = xp.reshape(_array.from_pairs(xp.matmul(h, _array.pairs(short))), (G, W, rows, n))  # sum_b h_{am+b} z^b
    a = _array.arange(rows, g) * m
    moments = xp.matmul(xp.stack([xp.ones_like(a), 1 + a]), _array.pairs(long[:, None, :, :] * inner))
    whole, by_row = (_array.from_pairs(moments[..., k, :]) for k in (0, 1))
    left = xp.reshape(weights[..., None, :] * long[:, None, :, :], (G, W * rows, n))
    outer = _array.from_pairs(xp.matmul(xp.matrix_transpose(h), _array.pairs(left)))  # sum_a h_{am+b} w z^{am}
    by_column = xp.matmul(_array.arange(m, g), _array.pairs(short * outer))
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


def _itemsize(weights: Array) -> int:
    return 2 * np.dtype(_array.precision(weights)).itemsize


def _temporary(m: int, rows: int) -> int:
    """Rows of the factors of a base, and of what they are computed from."""
    return 8 * (math.isqrt(m) + math.isqrt(rows) + 2)
