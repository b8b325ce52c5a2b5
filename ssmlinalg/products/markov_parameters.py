"""The Markov parameters C A^l B, l = 0 .. L-1, of a discrete system with a general matrix."""

from __future__ import annotations

import math

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array
from ..ground.gate import together
from .linear_recurrences import real_left, real_right


def krylov(A: Array, B: Array, C: Array, length: int) -> Array:
    r"""K_l = Re C A^l B for l = 0 .. length-1, by baby steps and giant steps.

    .. math::  K_{a m + b} = \mathrm{Re}\, (C A^{a m}) (A^b B), \qquad m \sim \sqrt{L}

    Both factors grow by doubling with the same squares A, A^2, A^4, ..., ceil(log2 L) - 1 of them.
    Then all of K is one real matrix product, and no state but these m + L/m is ever held. A
    real A stays real, and costs a quarter. Where one A serves many C, m is larger.

    Args:
        A: real or complex (..., N, N).
        B: real or complex (..., N).
        C: real or complex (..., N). Leading axes broadcast.
        length: L.

    Returns:
        Real numbers (..., L). Differentiable where the library is.

    Raises:
        TypeError: for what is no array, and for arrays of several libraries or precisions.
        ValueError: for arrays on several devices.

    Accuracy:
        Relative to |C A^{a m}| |A^b B| about l eps kappa, for an error in A^{2^k} is doubled in the
        next square.

    Cost:
        8 N^3 log2 L real operations for each A, 8 N^2 (m + L/m) and 4 N L for each K.
        Memory N (m + L/m) beside the result, and two matrices.

    Example:
        >>> import numpy as np
        >>> A = np.array([[0.0, 1.0], [1.0, 1.0]])
        >>> krylov(A, np.array([0.0, 1.0]), np.array([1.0, 0.0]), 8)
        array([ 0.,  1.,  1.,  2.,  3.,  5.,  8., 13.])
    """
    together({"A": ("N", "N"), "B": ("N",), "C": ("N",)}, A=A, B=B, C=C)
    return baby_and_giant_steps(A, B, C, require.integer("length", length))


def baby_and_giant_steps(A: Array, B: Array, C: Array, length: int) -> Array:
    """The numbers that `krylov` returns, of arrays that were checked.

    Args:
        A: (..., N, N).
        B: (..., N).
        C: (..., N).
        length: L.

    Returns:
        Real numbers (..., L).

    Example:
        >>> import numpy as np
        >>> baby_and_giant_steps(np.array([[0.5]]), np.ones(1), np.ones(1), 3)
        array([1.  , 0.5 , 0.25])
    """
    xp = backend.library(A)
    A, B, C = _one_field(A, B, C)
    bits = (length - 1).bit_length()
    low = _baby_bits(A, B, C, bits)
    baby = 1 << low
    giant = -(-length // baby)
    columns = backend.column(B)
    rows = backend.column(C)
    for k in range(bits):
        A = backend.matmul(A, A) if k else A
        if k < low:
            columns = _doubled(A, columns, baby)
        else:
            rows = _doubled(xp.matrix_transpose(A), rows, giant)
    columns = real_right(columns)
    rows = real_left(xp.matrix_transpose(rows))
    K = backend.matmul(rows, columns)
    K = xp.reshape(K, (*K.shape[:-2], giant * baby))
    # Without one power no product has met the leading axes of A.
    lead = np.broadcast_shapes(A.shape[:-2], K.shape[:-1])
    return xp.broadcast_to(K[..., :length], (*lead, length))


def _one_field(A: Array, B: Array, C: Array) -> tuple[Array, Array, Array]:
    """All complex if A is, or B and C both are; else real, for only the real part is read."""
    both_ports = backend.is_complex(B) and backend.is_complex(C)
    if backend.is_complex(A) or both_ports:
        A = backend.as_complex(A)
        return A, backend.as_complex(B), backend.as_complex(C)
    return A, backend.real(B), backend.real(C)


def _baby_bits(A: Array, B: Array, C: Array, bits: int) -> int:
    """log2 of the number m of baby steps: half of the `bits` of L, more where C outnumber B."""
    lead = A.shape[:-2]
    outputs = math.prod(np.broadcast_shapes(lead, C.shape[:-1]))
    inputs = math.prod(np.broadcast_shapes(lead, B.shape[:-1]))
    if not outputs * inputs:
        return 0
    ratio = round(math.log2(outputs / inputs))
    return min(bits, max(0, (bits + ratio) // 2))


def _doubled(power: Array, block: Array, most: int) -> Array:
    """[block, power block], cut at `most` columns."""
    xp = backend.library(block)
    width = block.shape[-1]
    missing = min(width, most - width)
    more = backend.matmul(power, block[..., :missing])
    block = xp.broadcast_to(block, (*more.shape[:-1], width))
    return xp.concat([block, more], axis=-1)
