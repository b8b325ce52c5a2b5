"""Modes in conjugate pairs: half of them tell all, and in other coordinates all is real.

Symmetry is looked for to the bit, so nothing is rounded away. Derivatives keep it to the bit as
well, and with them whatever optimizer treats all numbers alike.
"""

from __future__ import annotations

import math

import numpy as np

from ..ground import backend
from ..ground.backend import Array, Complex, row


def conjugate_pairs(Lambda: Array, P: Array, B: Array, C: Array) -> int | None:
    """How many pairs there are, where modes and vectors are closed under conjugation to the bit.

    Pairs are looked for where this library puts them: the upper half plane, its conjugates in the
    same order, then real modes.

    Args:
        Lambda: (..., N).
        P: (..., N, R).
        B: (..., N).
        C: (..., N).

    Returns:
        Their number; None where there is no such symmetry, and where values cannot be read.

    Example:
        >>> one = np.ones(3) + 0j
        >>> conjugate_pairs(np.array([-1 + 1j, -1 - 1j, -2]), one[:, None], one, one)
        1
    """
    arrays = (Lambda, P, B, C)
    if not all(map(backend.readable, arrays)):
        return None
    Lambda, P, B, C = map(backend.to_numpy, arrays)
    complex_modes = np.any(Lambda.imag, axis=tuple(range(Lambda.ndim - 1)))
    pairs, odd = divmod(int(np.max(np.flatnonzero(complex_modes), initial=-1)) + 1, 2)
    vectors = (Lambda, np.swapaxes(P, -1, -2), B, C)
    return pairs if not odd and all(_is_mirrored(x, pairs) for x in vectors) else None


def mirrored(
    Lambda: Array, P: Array, B: Array, C: Array, pairs: int
) -> tuple[Array, Array, Array, Array]:
    """The same values, with derivatives that are closed under conjugation to the bit.

    The kernel treats a mode and its conjugate alike, so these are its derivatives. Rounded one by
    one they would end the symmetry after one step of training. PyTorch alone takes derivatives
    where values can be read.

    Args:
        Lambda: (..., N).
        P: (..., N, R).
        B: (..., N).
        C: (..., N).
        pairs: what `conjugate_pairs` returns.

    Returns:
        The four arrays.

    Example:
        >>> one = np.ones(2) + 0j
        >>> mirrored(np.array([1j, -1j]), one[:, None], one, one, 1)[0].imag
        array([ 1., -1.])
    """
    xp = backend.library(Lambda)
    if backend.kind(Lambda) != "torch" or not any(x.requires_grad for x in (Lambda, P, B, C)):
        return Lambda, P, B, C

    def symmetric(x: Array) -> Array:
        upper = (x[..., :pairs] + xp.conj(x[..., pairs : 2 * pairs])) / 2
        single = backend.as_complex(xp.real(x[..., 2 * pairs :]))
        return xp.concat([upper, xp.conj(upper), single], axis=-1)

    P = xp.matrix_transpose(symmetric(xp.matrix_transpose(P)))
    return symmetric(Lambda), P, symmetric(B), symmetric(C)


def half(x: Array, pairs: int) -> Array:
    """One of each pair, and the real modes.

    Args:
        x: (..., N), in the order of `conjugate_pairs`.
        pairs: how many there are.

    Returns:
        (..., N - pairs).

    Example:
        >>> half(np.array([1j, -1j, 2]), 1)
        array([0.+1.j, 2.+0.j])
    """
    xp = backend.library(x)
    return xp.concat([x[..., :pairs], x[..., 2 * pairs :]], axis=-1)


def multiplicity(pairs: int, like: Array) -> Array:
    """2 for each pair and 1 for each real mode.

    Args:
        pairs: how many pairs there are.
        like: (..., n), what `half` returns; it gives library and type.

    Returns:
        Numbers (n,).

    Example:
        >>> multiplicity(1, np.ones(2))
        array([2., 1.])
    """
    counts = np.ones(like.shape[-1])
    counts[:pairs] = 2
    xp = backend.library(like)
    return xp.asarray(counts, dtype=like.dtype, device=backend.device(like))


def real_coordinates(
    D: Array, U: Array, V: Array, B: Array, C: Array, pairs: int
) -> tuple[Array, Array, Array]:
    """diag(D) + U V, B and C of a system in conjugate pairs, in coordinates where they are real.

    They are sqrt(2) Re x and sqrt(2) Im x of the upper half, and the real modes: a unitary change.

    Args:
        D: (..., N), in the order of `conjugate_pairs`.
        U: (..., N, R).
        V: (..., R, N).
        B: (..., N).
        C: (..., N).
        pairs: how many pairs there are.

    Returns:
        Real arrays (..., N, N), (..., N) and (..., N).

    Example:
        >>> D = np.array([0.5 + 0.5j, 0.5 - 0.5j])
        >>> none = np.zeros((2, 0)) + 0j
        >>> real_coordinates(D, none, none.T, D, D, 1)[0]
        array([[ 0.5, -0.5],
               [ 0.5,  0.5]])
    """
    xp = backend.library(C)

    def real(x: Array, sign: float) -> Array:
        upper = math.sqrt(2) * x[..., :pairs]
        parts = [xp.real(upper), sign * xp.imag(upper), xp.real(x[..., 2 * pairs :])]
        return xp.concat(parts, axis=-1)

    swapped = np.eye(D.shape[-1])
    both = slice(0, 2 * pairs)
    swapped[both, both] = np.roll(swapped[both, both], pairs, axis=0)
    identity = backend.eye(D.shape[-1], xp.real(D))
    swapped = xp.asarray(swapped, dtype=identity.dtype, device=backend.device(D))
    rotations = row(xp.real(D)) * identity + row(xp.imag(D)) * swapped
    columns = xp.matrix_transpose(real(xp.matrix_transpose(U), 1))
    A = rotations + backend.matmul(columns, real(V, -1))
    return A, real(B, 1), real(C, -1)


def _is_mirrored(x: Complex, pairs: int) -> bool:
    """Whether entries (..., N) are `pairs` numbers, their conjugates in that order, and reals."""
    conjugate = x[..., pairs : 2 * pairs] == np.conj(x[..., :pairs])
    return bool(np.all(conjugate)) and not np.any(x[..., 2 * pairs :].imag)
