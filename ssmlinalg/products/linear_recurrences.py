"""Recurrences without a loop over time: matrix products inside a chunk, halving from chunk to
chunk.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ground import backend
from ..ground.backend import Array


def powers(z: Array, length: int) -> Array:
    """z^0, z^1, ..., z^{length-1} along a new last axis, by doubling: (..., n) to (..., n, length).

    >>> import numpy as np
    >>> powers(np.array([2.0, 0.0]), 4)
    array([[1., 2., 4., 8.],
           [1., 0., 0., 0.]])
    """
    xp = backend.namespace(z=z)
    table, stride = xp.ones_like(z)[..., None], z[..., None]
    while table.shape[-1] < length:
        table = xp.concat([table, table * stride], axis=-1)
        stride = stride * stride
    return table[..., :length]


def causal(k: Array) -> Array:
    """The matrix T_{ml} = k_{l-m} for m <= l, else 0: u @ T is the causal convolution of u (..., L)
    with k (..., L).

    Returns (..., L, L), upper triangular. No indices: rows of 2L numbers read back as rows of 2L -
    1 shift by one each.

    >>> import numpy as np
    >>> causal(np.array([1, 2, 3.]))
    array([[1., 2., 3.],
           [0., 1., 2.],
           [0., 0., 1.]])
    """
    xp = backend.namespace(k=k)
    *batch, length = k.shape
    row = xp.concat([k, xp.zeros_like(k)], axis=-1)[..., None, :]
    table = xp.reshape(
        xp.broadcast_to(row, (*batch, length, 2 * length)), (*batch, 2 * length * length)
    )
    return xp.reshape(table[..., : length * (2 * length - 1)], (*batch, length, 2 * length - 1))[
        ..., :length
    ]


def accumulate(a: Array, x: Array) -> Array:
    """The linear recurrence x_l <- a_l x_{l-1} + x_l along the axis before last, from zero: a and x
    (..., L, n), broadcast.

    Two samples are one with (a_1 a_0, a_1 x_0 + x_1), so half the length says every second state,
    and the rest follow: O(n L) operations in 2 log2 L calls. The a_l may grow or vanish; nothing is
    divided. Source: Blelloch 1990, Prefix sums and their applications, Section 1.4.

    >>> import numpy as np
    >>> accumulate(np.full((4, 1), 0.5), np.ones((4, 1)))[:, 0]
    array([1.   , 1.5  , 1.75 , 1.875])
    """
    pairs = x.shape[-2] // 2
    if not pairs:
        return x
    first, second = a[..., : 2 * pairs : 2, :], a[..., 1::2, :]
    odd = accumulate(second * first, second * x[..., : 2 * pairs : 2, :] + x[..., 1::2, :])
    later = a[..., 2::2, :] * odd[..., : (x.shape[-2] - 1) // 2, :] + x[..., 2::2, :]
    return _interleave(x[..., :1, :], later, odd)


def geometric(
    A: Array, x: Array, apply: Callable[[Array, Array], Array], square: Callable[[Array], Array]
) -> Array:
    """The same with one A for all samples, a matrix or whatever `apply` and `square` take it for.

    >>> import numpy as np
    >>> geometric(np.asarray(0.5), np.ones((4, 1)), lambda A, x: A * x, lambda A: A * A)[:, 0]
    array([1.   , 1.5  , 1.75 , 1.875])
    """
    pairs = x.shape[-2] // 2
    if not pairs:
        return x
    odd = geometric(
        square(A), apply(A, x[..., : 2 * pairs : 2, :]) + x[..., 1::2, :], apply, square
    )
    later = apply(A, odd[..., : (x.shape[-2] - 1) // 2, :]) + x[..., 2::2, :]
    return _interleave(x[..., :1, :], later, odd)


def states_of_inputs(u: Array, table: Array) -> Array:
    """u @ table for a real u and a table that may be complex, in one real product."""
    xp = backend.namespace(table=table)
    if not backend.is_complex(table):
        return xp.matmul(u, table)
    n, product = table.shape[-1], xp.matmul(u, xp.concat([xp.real(table), xp.imag(table)], axis=-1))
    return backend.complex_of(product[..., :n], product[..., n:])


def output_of_states(x: Array, table: Array) -> Array:
    """Re(x @ table), in one real product."""
    xp = backend.namespace(x=x)
    if not backend.is_complex(x):
        return xp.matmul(x, table)
    left = xp.concat([xp.real(x), xp.imag(x)], axis=-1)
    return xp.matmul(left, xp.concat([xp.real(table), -xp.imag(table)], axis=-2))


def _interleave(first: Array, later: Array, odd: Array) -> Array:
    """States 0, 2, 4, ... in `first` and `later`, states 1, 3, 5, ... in `odd`, in the order of
    time.
    """
    xp = backend.namespace(odd=odd)
    batch, (pairs, n) = odd.shape[:-2], odd.shape[-2:]
    even = xp.concat([xp.broadcast_to(first, (*batch, 1, n)), later], axis=-2)
    both = xp.reshape(xp.stack([even[..., :pairs, :], odd], axis=-2), (*batch, 2 * pairs, n))
    return xp.concat([both, even[..., pairs:, :]], axis=-2)
