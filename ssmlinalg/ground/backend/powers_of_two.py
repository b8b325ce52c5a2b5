"""Powers of two as units: to multiply by them rounds nothing."""

from __future__ import annotations

import numpy as np

from ..formats import FORMATS
from .libraries import Array, device, library
from .number_types import precision
from .transformations import constant


def in_unit(X: Array) -> tuple[Array, Array]:
    """2^{-e} X and e, which brings the largest entry to about 1; no derivative passes through e.

    Args:
        X: matrices (..., M, N).

    Returns:
        Matrices of the shape of X, and whole numbers e (..., 1, 1), real.

    Example:
        >>> in_unit(np.array([[8.0]]))
        (array([[1.]]), array([[3.]]))
    """
    e = exponent(constant(X))[..., None, None]
    return times_two_to(X, -e), e


def exponent(X: Array) -> Array:
    """About the least e with |X_ij| <= 2^e, finite for X = 0 too.

    Args:
        X: matrices (..., M, N).

    Returns:
        Whole numbers (...), real.

    Example:
        >>> exponent(np.array([[7.0]]))
        np.float64(3.0)
    """
    xp = library(X)
    size = xp.max(xp.abs(X / 2), axis=(-2, -1))  # halved, so that no modulus overflows
    return 1 + xp.ceil(log2(size))


def log2(size: Array) -> Array:
    """The logarithm to base 2, that of the least normal number for 0.

    Args:
        size: real numbers at or above 0.

    Returns:
        An array of the shape of `size`.

    Example:
        >>> log2(np.array([0.0, 8.0]))
        array([-1022.,     3.])
    """
    xp = library(size)
    return xp.log2(xp.clip(size, min=FORMATS[precision(size)].normal))


def times_two_to(X: Array, exponent: Array) -> Array:
    """2^e X to the last bit, where the power itself may overflow.

    Args:
        X: an array.
        exponent: whole numbers e, real, that broadcast against X.

    Returns:
        An array of the type of X.

    Example:
        >>> times_two_to(np.array([2.0**-1074]), np.asarray(1074.0))
        array([1.])
    """
    xp = library(X)
    third = xp.round(exponent / 3)
    for part in (third, third, exponent - 2 * third):
        X = X * _power_of_two(part, X)
    return X


def _power_of_two(exponent: Array, like: Array) -> Array:
    """2^e from a table, for the power functions of some libraries round."""
    xp = library(like)
    name = precision(like)
    largest = np.finfo(name).maxexp - 1
    table = np.exp2(np.arange(-largest + 1, largest + 1)).astype(name)
    exponent = xp.where(xp.isnan(exponent), xp.zeros_like(exponent), exponent)  # NaN X stays NaN
    places = xp.clip(exponent, min=1.0 - largest, max=float(largest)) + (largest - 1)
    flat = xp.reshape(xp.astype(places, xp.int32), (-1,))
    values = xp.take(xp.asarray(table, device=device(like)), flat, axis=0)
    return xp.reshape(values, exponent.shape)
