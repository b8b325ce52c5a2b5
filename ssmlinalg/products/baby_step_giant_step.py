r"""Sums of powers in the array API: baby steps, giant steps, and matrix products between them.

With l = a m + b and m of about sqrt(L) every sum is a matrix product

.. math::  K_{am+b} = \mathrm{Re} \sum_n (w_n z_n^{am}) z_n^b, \qquad
           \sum_b g_{am+b} z_n^b, \qquad \sum_a g_{am+b} w_n z_n^{am}

of two tables with sqrt(L) powers a mode, outer products of `powers.tables.factors`: the giant steps
z^{am} and the baby steps z^b. Factors are made for as many groups as `max_bytes` holds, tables for
as many as a cache holds, so that they are read again before they leave it.

Every body takes weights (G, W, n) or signals (G, W, L), and a base (G, n) that W sums share.
Modules named after a library hold the same bodies with derivatives that this library knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..ground import backend
from ..ground.backend import Array
from ..powers import tables
from ..powers.tables import Base

Factors = tuple[Array, Array]

# Why the bodies with derivatives refuse a second one.
SECOND_DERIVATIVE = (
    "sums of powers must be differentiated once only; got a second derivative. "
    "Differentiate a plain sum of exponentials."
)

_CACHE = 1 << 21  # bytes of tables at a time
_FACTORS = 8  # arrays that are held while a factor is computed


class Steps(NamedTuple):
    """The powers z^{am}, a < rows, and z^b, b < m, as the factors of their tables.

    Attributes:
        giant: factors of the table of z^{am}.
        baby: factors of the table of z^b.
        m: how many baby steps make a giant one.
        rows: how many giant steps.
    """

    giant: Factors
    baby: Factors
    m: int
    rows: int


def power_sums(
    weights: Array,
    base: Base,
    direct: Array,
    length: int,
    max_bytes: int,
) -> Array:
    """K_l = Re sum_n w_n z_n^l for l < L, with a direct path at l = 0.

    Args:
        weights: w (G, W, n).
        base: z (G, n).
        direct: what is added at l = 0, (G, W).
        length: L.
        max_bytes: how much memory factors may take.

    Returns:
        The sums (G, W, L), real.

    Example:
        >>> one = np.ones((1, 1, 1)) + 0j
        >>> power_sums(one, tables.number(one[0] / 2), np.zeros((1, 1)), 3, 1 << 25)
        array([[[1.  , 0.5 , 0.25]]])
    """
    G, W, _ = weights.shape
    K = backend.zeros((G, W, length), direct)
    if not length:
        return K
    # Powers beyond the last sample may overflow; none of them is read.
    with backend.quietly(weights):
        for groups, sums, steps in _parts(base, W, length, max_bytes):
            K[groups, sums, ...] = product(weights[groups, sums, ...], steps)[..., :length]
    K[..., :1] += direct[..., None]
    return K


def gradients(cotangent: Array, weights: Array, base: Base, max_bytes: int) -> tuple[Array, Array]:
    """s and r with sum_l g_l dK_l = Re(sum s dw + sum r dz), for K of `power_sums`.

    Args:
        cotangent: g (G, W, L).
        weights: w (G, W, n).
        base: z (G, n).
        max_bytes: how much memory factors may take.

    Returns:
        s (G, W, n) and r (G, n), complex.

    Example:
        >>> one = np.ones((1, 1, 1)) + 0j
        >>> gradients(np.ones((1, 1, 3)), one, tables.number(one[0] / 2), 1 << 25)
        (array([[[1.75+0.j]]]), array([[2.+0.j]]))
    """
    s = backend.zeros(weights.shape, weights)
    r = backend.zeros(base.value.shape, weights)
    s[...] = cotangent[..., :1]
    _, W, length = cotangent.shape
    if length < 2:
        return s, r
    for groups, sums, steps in _parts(base, W, length - 1, max_bytes):
        here = (groups, sums, ...)
        whole, slope = transposed(cotangent[here], weights[here], steps)
        s[here] += base.value[groups, None, :] * whole
        r[groups, ...] += slope
    return s, r


def moments(signal: Array, base: Base, max_bytes: int) -> Array:
    """s_n = sum_l g_l z_n^l.

    Args:
        signal: g (G, W, L), real.
        base: z (G, n).
        max_bytes: how much memory factors may take.

    Returns:
        The moments (G, W, n), complex.

    Example:
        >>> moments(np.ones((1, 1, 3)), tables.number(np.full((1, 1), 0.5 + 0j)), 1 << 25)
        array([[[1.75+0.j]]])
    """
    G, W, length = signal.shape
    s = backend.zeros((G, W, base.value.shape[-1]), base.value)
    if not length:
        return s
    for groups, sums, steps in _parts(base, W, length, max_bytes):
        s[groups, sums, ...] = transform(signal[groups, sums, ...], steps)
    return s


def product(weights: Array, steps: Steps) -> Array:
    """Re sum_n (w_n z_n^{am}) z_n^b.

    Args:
        weights: w (G, W, n).
        steps: powers of z (G, n).

    Returns:
        The sums (G, W, rows m), real.

    Example:
        >>> half = tables.number(np.full((1, 1), 0.5 + 0j))
        >>> product(np.ones((1, 1, 1)) + 0j, steps_of(half, 2, 2))
        array([[[1.   , 0.5  , 0.25 , 0.125]]])
    """
    xp = backend.library(weights)
    G, W, n = weights.shape
    long, short = steps.giant
    weighted = backend.row(weights) * long[:, None, :, :]
    left = tables.outer((weighted, short[:, None, :, :]), steps.rows)
    left = xp.reshape(left, (G, W * steps.rows, n))
    # Re(x y) is the real product of x and conj(y) as pairs.
    long, short = steps.baby
    right = tables.outer((xp.conj(long), xp.conj(short)), steps.m)
    right = xp.matrix_transpose(backend.pairs(right))
    K = backend.matmul(backend.pairs(left), right)
    return xp.reshape(K, (G, W, steps.rows * steps.m))


def transform(signal: Array, steps: Steps) -> Array:
    """sum_l g_l z^l.

    Args:
        signal: g (G, W, L), real.
        steps: powers of z (G, n), at least L of them.

    Returns:
        The sums (G, W, n), complex.

    Example:
        >>> half = tables.number(np.full((1, 1), 0.5 + 0j))
        >>> transform(np.ones((1, 1, 3)), steps_of(half, 2, 2))
        array([[[1.75+0.j]]])
    """
    giant = tables.outer(steps.giant, steps.rows)
    baby = tables.outer(steps.baby, steps.m)
    terms = giant[:, None, :, :] * _row_sums(_folded(signal, steps), baby, steps.rows)
    return backend.library(terms).sum(terms, axis=-2)


def transposed(g: Array, weights: Array, steps: Steps) -> tuple[Array, Array]:
    """sum_l h_l z^l and sum_w w sum_l (l + 1) h_l z^l of h_l = g_{l+1}: no slope divides by z.

    Args:
        g: cotangents (G, W, L), real.
        weights: w (G, W, n).
        steps: powers of z (G, n), at least L - 1 of them.

    Returns:
        The sums (G, W, n) and the slopes (G, n), complex.

    Example:
        >>> half = tables.number(np.full((1, 1), 0.5 + 0j))
        >>> transposed(np.ones((1, 1, 3)), np.ones((1, 1, 1)) + 0j, steps_of(half, 2, 2))
        (array([[[1.5+0.j]]]), array([[2.+0.j]]))
    """
    giant = tables.outer(steps.giant, steps.rows)
    baby = tables.outer(steps.baby, steps.m)
    h = _folded(g[..., 1:], steps)
    whole, rising_rows = _by_rows(h, giant, baby)
    slope = backend.library(g).sum(weights * rising_rows, axis=1)
    return whole, slope + _by_columns(h, weights, giant, baby)


def split(shared: int, length: int) -> tuple[int, int]:
    """How many baby steps m and giant steps L/m, so that the tables are as small as can be.

    Args:
        shared: W, the sums that share a base: the tables have m + W L/m rows together.
        length: L.

    Returns:
        m, a power of two near sqrt(L W), and L/m rounded up.

    Example:
        >>> split(1, 1000)
        (32, 32)
    """
    balanced = round(math.log2(max(1, length * shared)) / 2)
    whole = (length - 1).bit_length()
    m = 1 << min(max(0, balanced), whole)
    return m, -(-length // m)


def steps_of(base: Base, m: int, rows: int) -> Steps:
    """The powers that sums of rows m samples need.

    Args:
        base: z (G, n).
        m: how many baby steps, a power of two.
        rows: how many giant steps.

    Returns:
        The factors of both tables.

    Example:
        >>> steps = steps_of(tables.number(np.full((1, 1), 0.5 + 0j)), 2, 2)
        >>> tables.outer(steps.giant, 2)[0, :, 0].real
        array([1.  , 0.25])
    """
    giant, baby = tables.factors(base, (m, rows), (1, m))
    return Steps(giant, baby, m, rows)


def _real_times(x: Array, y: Array) -> Array:
    """x @ y for a real x and a complex y (..., n)."""
    product = backend.matmul(x, backend.pairs(y))
    return backend.from_pairs(product)


def _row_sums(h: Array, baby: Array, rows: int) -> Array:
    """sum_b h_{am+b} z^b, (G, W, rows, n), of a folded signal and a table (G, m, n) of z^b."""
    G, count, _ = h.shape
    sums = _real_times(h, baby)
    n = sums.shape[-1]
    return backend.library(h).reshape(sums, (G, count // rows, rows, n))


def _by_rows(h: Array, giant: Array, baby: Array) -> tuple[Array, Array]:
    """sum_l h_l z^l, and sum_l (1 + a m) h_l z^l with l = a m + b: both (G, W, n)."""
    xp = backend.library(h)
    rows = giant.shape[1]
    a = backend.arange(rows, h) * h.shape[-1]
    counts = xp.stack([xp.ones_like(a), 1 + a])
    terms = giant[:, None, :, :] * _row_sums(h, baby, rows)
    sums = _real_times(counts, terms)
    return sums[..., 0, :], sums[..., 1, :]


def _by_columns(h: Array, weights: Array, giant: Array, baby: Array) -> Array:
    """sum_w w sum_l b h_l z^l with l = a m + b, (G, n)."""
    xp = backend.library(h)
    G, W, n = weights.shape
    weighted = backend.row(weights) * giant[:, None, :, :]
    weighted = xp.reshape(weighted, (G, W * giant.shape[1], n))
    b = backend.arange(h.shape[-1], h)
    return _real_times(b, baby * _real_times(xp.matrix_transpose(h), weighted))


def _folded(signal: Array, steps: Steps) -> Array:
    """A signal (G, W, L) in rows of m samples, (G, W rows, m), zero beyond its end."""
    xp = backend.library(signal)
    G, W, length = signal.shape
    missing = steps.rows * steps.m - length
    beyond = backend.zeros((G, W, missing), signal)
    padded = xp.concat([signal, beyond], axis=-1)
    return xp.reshape(padded, (G, W * steps.rows, steps.m))


def _parts(
    base: Base, shared: int, length: int, max_bytes: int
) -> Iterator[tuple[slice, slice, Steps]]:
    """Slices of groups and of sums whose tables fit a cache, with the powers for them."""
    G, n = base.value.shape
    m, rows = split(shared, length)
    number = np.dtype(backend.precision(base.value)).itemsize
    table_row = 2 * number * n
    factor_rows = _FACTORS * (math.isqrt(m) + math.isqrt(rows) + 2)
    most = min(max_bytes, _CACHE)
    tables_of_group = table_row * (m + shared * rows)
    for few in _slices(0, G, table_row * factor_rows, max_bytes):
        some = tables.reshaped(base, lambda part, few=few: part[few, ...])
        steps = steps_of(some, m, rows)
        for groups in _slices(few.start, few.stop, tables_of_group, most):
            here = slice(groups.start - few.start, groups.stop - few.start)
            mine = _of_groups(steps, here)
            for sums in _slices(0, shared, table_row * rows, most):
                yield groups, sums, mine


def _of_groups(steps: Steps, groups: slice) -> Steps:
    giant = tuple(factor[groups, ...] for factor in steps.giant)
    baby = tuple(factor[groups, ...] for factor in steps.baby)
    return steps._replace(giant=giant, baby=baby)


def _slices(start: int, stop: int, each: int, most: int) -> Iterator[slice]:
    """The indices in slices of at most `most` bytes, or of one, where an index takes `each`."""
    count = max(1, most // max(1, each))
    for first in range(start, stop, count):
        yield slice(first, min(first + count, stop))
