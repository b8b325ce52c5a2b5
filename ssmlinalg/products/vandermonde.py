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

MAX_BYTES = 1 << 25  # of tables at a time: more would not be faster


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
    parts = list(_groups(weights, length, max_bytes)) if length else []
    if len(parts) == 1:
        K = group_sums(weights, base, length)
    else:
        K = _array.zeros((*weights.shape[:-1], length), direct)
        for g, w in parts:
            K[g, w] = group_sums(weights[g, w], _powers.reshaped(base, lambda part, g=g: part[g]), length)
    K[..., :1] += direct[..., None]
    return K


def gradients(cotangent: Array, weights: Array, base: Base, max_bytes: int) -> tuple[Array, Array]:
    """s (G, W, n) and r (G, n) of cotangents g (G, W, L): sum_l g_l dK_l = Re(sum s dw + sum r dz)."""
    parts = list(_groups(weights, cotangent.shape[-1], max_bytes // 2))
    if len(parts) == 1:
        return group_gradients(cotangent, weights, base)
    s, r = _array.zeros(weights.shape, weights), _array.zeros(base.value.shape, weights)
    for g, w in parts:
        s[g, w], more = group_gradients(cotangent[g, w], weights[g, w], _powers.reshaped(base, lambda part, g=g: part[g]))
        r[g] += more
    return s, r


def group_sums(weights: Array, base: Base, length: int) -> Array:
    """The sums of some groups, all at once."""
    xp = _array.library(weights)
    m, rows = _levels(weights.shape[1], length)
    left = xp.reshape(_powers.weighted(weights, base, m, rows), (weights.shape[0], -1, weights.shape[2]))
    right = _powers.table(_powers.reshaped(base, xp.conj), 1, m)
    K = xp.matmul(_array.pairs(left), xp.matrix_transpose(_array.pairs(right)))
    return xp.reshape(K, (*weights.shape[:2], rows * m))[..., :length]


def group_gradients(g: Array, weights: Array, base: Base) -> tuple[Array, Array]:
    """sum_l g_l z^l and sum_w w sum_l l g_l z^{l-1}, both from h_l = g_{l+1}, so that a node of zero needs no division."""
    xp = _array.library(g)
    (G, W, n), length = weights.shape, g.shape[-1] - 1
    if length < 1:
        return xp.zeros_like(weights) + g, xp.zeros_like(base.value)
    m, rows = _levels(W, length)
    missing = _array.zeros((G, W, rows * m - length), g)
    h = xp.reshape(xp.concat([g[..., 1:], missing], axis=-1), (G, W * rows, m))
    short, long = _powers.table(base, 1, m), _powers.table(base, m, rows)
    inner = xp.reshape(_array.from_pairs(xp.matmul(h, _array.pairs(short))), (G, W, rows, n))  # sum_b h_{am+b} z^b
    a = _array.arange(rows, g) * m
    moments = xp.matmul(xp.stack([xp.ones_like(a), 1 + a]), _array.pairs(long[:, None, :, :] * inner))
    whole, by_row = (_array.from_pairs(moments[..., k, :]) for k in (0, 1))
    left = xp.reshape(weights[..., None, :] * long[:, None, :, :], (G, W * rows, n))
    outer = _array.from_pairs(xp.matmul(xp.matrix_transpose(h), _array.pairs(left)))  # sum_a h_{am+b} w z^{am}
    by_column = xp.matmul(_array.arange(m, g), _array.pairs(short * outer))
    return g[..., :1] + base.value[:, None, :] * whole, xp.sum(weights * by_row, axis=1) + _array.from_pairs(by_column)


def _levels(shared: int, length: int) -> tuple[int, int]:
    """m, a power of two near sqrt(L W), and L/m rounded up: the tables have m + W L/m rows together."""
    m = 1 << max(0, round(math.log2(max(1, length * shared)) / 2))
    m = min(m, 1 << max(0, length - 1).bit_length())
    return m, -(-length // m)


def _groups(weights: Array, length: int, max_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Slices of groups and sums whose tables and products take at most about `max_bytes`, but no less than one sum."""
    G, W, n = weights.shape
    size = 2 * np.dtype(_array.precision(weights)).itemsize * n
    m, rows = _levels(W, length)
    group = 2 * size * (m + W * rows)
    if group <= max_bytes:
        count = max(1, max_bytes // max(group, 1))
        yield from ((slice(k, k + count), slice(0, W)) for k in range(0, G, count))
    else:
        count = max(1, max_bytes // (2 * size * 2 * math.isqrt(length)) - 1)
        yield from ((slice(k, k + 1), slice(w, w + count)) for k in range(G) for w in range(0, W, count))
