"""Sums of powers: sum_n w_n z_n^l for l = 0 .. L-1, in the array API."""

from __future__ import annotations

import math

from .. import _array
from .._array import Array


def vandermonde(weights: Array, nodes: Array, length: int) -> Array:
    r"""K_l = sum_n w_n z_n^l for l = 0 .. length-1.

    With l = a m + b and m ~ sqrt(L) this is one matrix product, sum_n (w_n z_n^{a m}) z_n^b: N (m + L/m) powers instead of N L,
    and no table of N L numbers. weights, nodes (..., n), broadcast; returns (..., length). A node of zero has z^0 = 1.

    Accuracy: relative to sum_n |w_n z_n^l|, the rounding of z raised to l, about l eps; the rest adds a few eps.
    Cost: 8 n L real operations and O(n sqrt(L)) memory beside the result. Differentiable where the library is.

    >>> import numpy as np
    >>> vandermonde(np.array([1.0 + 0j]), np.array([0.5 + 0j]), 4).real
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    xp = _array.namespace(weights=weights, nodes=nodes)
    baby = math.isqrt(length - 1) + 1
    rows = -(-length // baby)
    steps = powers(nodes, baby)
    strides = powers(steps[..., -1] * nodes, rows)
    left = xp.matrix_transpose(weights[..., None] * strides)
    K = xp.matmul(left, xp.broadcast_to(steps, (*left.shape[:-2], *steps.shape[-2:])))
    return xp.reshape(K, (*K.shape[:-2], rows * baby))[..., :length]


def powers(nodes: Array, length: int) -> Array:
    """z^0, z^1, ..., z^{length-1} along a new last axis, by doubling: (..., n) to (..., n, length).

    >>> import numpy as np
    >>> powers(np.array([2.0, 0.0]), 4)
    array([[1., 2., 4., 8.],
           [1., 0., 0., 0.]])
    """
    xp = _array.namespace(nodes=nodes)
    table, stride = xp.ones_like(nodes)[..., None], nodes[..., None]
    while table.shape[-1] < length:
        table = xp.concat([table, table * stride], axis=-1)
        stride = stride * stride
    return table[..., :length]
