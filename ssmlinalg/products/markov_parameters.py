"""Powers of a matrix between two vectors: C A^l B for l = 0 .. L-1, in the array API."""

from __future__ import annotations

import math

import numpy as np

from ..ground import backend
from ..ground.backend import Array


def krylov(A: Array, B: Array, C: Array, length: int) -> Array:
    r"""K_l = Re C A^l B for l = 0 .. length-1.

    .. math::  K_{a m + b} = \mathrm{Re}\, (C A^{a m}) (A^b B), \qquad m \sim \sqrt{L}

    Both factors grow by doubling with the same squares A, A^2, A^4, ..., ceil(log2 L) - 1 of them;
    then all of K is one real matrix product, and no state but these m + L/m is ever held. A (...,
    N, N), B (..., N) and C (..., N), each real or complex, broadcast; returns (..., length). What
    is real stays so: a real A costs a quarter.

    Accuracy: relative to |C A^{a m}| |A^b B| about l eps kappa, for an error in A^{2^k} is doubled
    in the next square. Cost: 8 N^3 log2 L real operations for each A, 8 N^2 (m + L/m) and 4 N L for
    each K; memory N (m + L/m) beside the result and two matrices. Where one A serves many C, m is
    larger. Differentiable where the library is.

    >>> import numpy as np
    >>> krylov(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([0.0, 1.0]), np.array([1.0, 0.0]), 8)
    array([ 0.,  1.,  1.,  2.,  3.,  5.,  8., 13.])
    """
    xp = backend.namespace(A=A, B=B, C=C)
    A, B, C = _one_field(A, B, C)
    bits = (length - 1).bit_length()
    readings, inputs = (math.prod(np.broadcast_shapes(A.shape[:-2], v.shape[:-1])) for v in (C, B))
    low = (
        min(bits, max(0, (bits + round(math.log2(readings / inputs))) // 2))
        if readings * inputs
        else 0
    )
    baby, giant = 1 << low, -(-length // (1 << low))
    columns, rows = B[..., None], C[..., None]
    for k in range(bits):
        A = xp.matmul(A, A) if k else A
        if k < low:
            columns = _doubled(A, columns, baby)
        else:
            rows = _doubled(xp.matrix_transpose(A), rows, giant)
    if backend.is_complex(
        A
    ):  # Re(x y) as one real product of twice the inner size: half the work and no imaginary part to store
        columns = xp.concat([xp.real(columns), xp.imag(columns)], axis=-2)
        rows = xp.concat([xp.real(rows), -xp.imag(rows)], axis=-2)
    K = xp.matmul(xp.matrix_transpose(rows), columns)
    K = xp.reshape(K, (*K.shape[:-2], giant * baby))[..., :length]
    return xp.broadcast_to(
        K, (*np.broadcast_shapes(A.shape[:-2], K.shape[:-1]), length)
    )  # of one power A is no part


def _one_field(A: Array, B: Array, C: Array) -> tuple[Array, Array, Array]:
    """All three complex if A is, or if B and C both are; else real, for of a real product the real
    part alone is read.
    """
    if backend.is_complex(A) or (backend.is_complex(B) and backend.is_complex(C)):
        return backend.as_complex(A), backend.as_complex(B), backend.as_complex(C)
    return A, backend.real(B), backend.real(C)


def _doubled(power: Array, block: Array, most: int) -> Array:
    """[block, power block], cut at `most` columns."""
    xp = backend.namespace(block=block)
    width = block.shape[-1]
    more = xp.matmul(power, block[..., : min(width, most - width)])
    return xp.concat([xp.broadcast_to(block, (*more.shape[:-1], width)), more], axis=-1)
