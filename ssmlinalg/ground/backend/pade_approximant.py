"""The arithmetic of the matrix exponential: scaling, a Pade approximant, and squaring."""

from __future__ import annotations

import math

import numpy as np

from .creation import eye
from .device_transfer import to_numpy
from .libraries import Array, library
from .powers_of_two import exponent, in_unit, log2, times_two_to
from .vectors import matmul

_DEGREE = 13
# Al-Mohy & Higham 2009, Table 3.1: below it the approximant is exact to double precision.
_RADIUS = 4.25
_UNIT_ROUNDOFF = 2.0**-53
# The first term of the backward error, c |Z|^27 (the same, equation 3.6).
_FIRST_TERM = 1 / (math.comb(2 * _DEGREE, _DEGREE) * math.factorial(2 * _DEGREE + 1))
_COEFFICIENTS = [
    math.comb(_DEGREE, k) * math.factorial(2 * _DEGREE - k) / math.factorial(2 * _DEGREE)
    for k in range(_DEGREE + 1)
]


def exponential(Z: Array) -> Array:
    """The matrix exponential without derivatives, the number of squarings read on the host.

    Args:
        Z: matrices (..., N, N).

    Returns:
        e^Z (..., N, N).

    Example:
        >>> exponential(np.zeros((1, 1)))
        array([[1.]])
    """
    xp = library(Z)
    norm = xp.max(xp.sum(xp.abs(Z), axis=-2), axis=-1)
    small = np.all(to_numpy(norm) < _RADIUS)
    count = xp.zeros_like(norm) if small else squarings(Z)
    E = approximant(Z, count)
    for done in range(int(np.max(to_numpy(count), initial=0))):
        E = squared(E, count > done)
    return E


def squared(E: Array, again: Array) -> Array:
    """E^2 for the members of which `again` is true, else E.

    Args:
        E: matrices (..., N, N).
        again: booleans (...).

    Returns:
        Matrices (..., N, N).

    Example:
        >>> squared(np.array([[3.0]]), np.asarray(True))
        array([[9.]])
    """
    xp = library(E)
    return xp.where(again[..., None, None], matmul(E, E), E)


def derivative_blocks(Z: Array, direction: Array) -> tuple[Array, Array]:
    """(Z G; 0 Z) with G = 2^{-e} dZ, and e: above the diagonal its exponential has 2^{-e} dE.

    Args:
        Z: matrices (..., N, N).
        direction: dZ (..., N, N).

    Returns:
        Matrices (..., 2 N, 2 N), and whole numbers e (..., 1, 1) with |G_ij| about 1.

    Example:
        >>> derivative_blocks(np.zeros((1, 1)), np.array([[8.0]]))
        (array([[0., 1.],
               [0., 0.]]), array([[3.]]))
    """
    xp = library(Z)
    G, exponent = in_unit(direction)
    top = xp.concat([Z, G], axis=-1)
    below = xp.concat([xp.zeros_like(Z), Z], axis=-1)
    return xp.concat([top, below], axis=-2), exponent


def squarings(Z: Array) -> Array:
    """How often each matrix must be halved for the approximant of its exponential to be exact.

    Args:
        Z: matrices (..., N, N).

    Returns:
        Whole numbers (...), real in the precision of Z; 0 of a matrix that is not finite.

    Example:
        >>> squarings(np.array([[[1.0, 1e9], [0.0, -1.0]], [[9.0, 0.0], [0.0, 9.0]]]))
        array([0., 2.])
    """
    xp = library(Z)
    unit = exponent(Z)
    W = times_two_to(Z, -unit[..., None, None])  # no power overflows
    W2 = matmul(W, W)
    W4 = matmul(W2, W2)
    W6 = matmul(W2, W4)
    sixth = _log2_norm(W6) / 6
    eighth = _log2_norm(matmul(W4, W4)) / 8
    tenth = _log2_norm(matmul(W4, W6)) / 10
    eta = unit + xp.minimum(xp.maximum(sixth, eighth), xp.maximum(eighth, tenth))
    count = _positive(xp.ceil(eta - math.log2(_RADIUS)))
    first_term = _log2_first_term(W) + 2 * _DEGREE * (unit - count)
    more = _positive(xp.ceil(first_term / (2 * _DEGREE)))
    return xp.where(xp.isfinite(count + more), count + more, xp.zeros_like(count))


def _log2_first_term(W: Array) -> Array:
    """The logarithm of c |W|^27 / (u |W|), the first term of the relative backward error."""
    xp = library(W)
    size = xp.abs(W)
    total = -_log2_norm(W)
    row = xp.ones_like(size[..., :1, :])
    for _ in range(2 * _DEGREE + 1):
        row = matmul(row, size)
        size_of_row = log2(xp.max(row, axis=(-2, -1)))
        row = row * xp.exp(-math.log(2) * size_of_row)[..., None, None]
        total = total + size_of_row
    return total + math.log2(_FIRST_TERM / _UNIT_ROUNDOFF)


def _log2_norm(X: Array) -> Array:
    """log2 of the largest absolute sum of a column (...), finite for X = 0 too."""
    xp = library(X)
    norm = xp.max(xp.sum(xp.abs(X), axis=-2), axis=-1)
    return log2(norm)


def _positive(count: Array) -> Array:
    return library(count).clip(count, min=0.0)


def approximant(Z: Array, count: Array) -> Array:
    """The approximant of degree 13 of e^{Z/2^s}, with 6 products of matrices.

    Args:
        Z: matrices (..., N, N).
        count: s (...), real.

    Returns:
        Matrices (..., N, N).

    Example:
        >>> approximant(np.zeros((1, 1)), np.asarray(0.0))
        array([[1.]])
    """
    xp = library(Z)
    b = _COEFFICIENTS
    Z = times_two_to(Z, -count[..., None, None])
    Z2 = matmul(Z, Z)
    Z4 = matmul(Z2, Z2)
    Z6 = matmul(Z2, Z4)
    identity = eye(Z.shape[-1], Z)
    high_odd = matmul(Z6, b[13] * Z6 + b[11] * Z4 + b[9] * Z2)
    high_even = matmul(Z6, b[12] * Z6 + b[10] * Z4 + b[8] * Z2)
    odd = matmul(Z, high_odd + b[7] * Z6 + b[5] * Z4 + b[3] * Z2 + b[1] * identity)
    even = high_even + b[6] * Z6 + b[4] * Z4 + b[2] * Z2 + b[0] * identity
    return xp.linalg.solve(even - odd, even + odd)
