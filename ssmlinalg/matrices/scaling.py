"""Scaling by powers of two, which rounds nothing and keeps squares from over- and underflow."""

from __future__ import annotations

import math

import numpy as np


def exponent_of(X: np.ndarray) -> int:
    """The least e with |Re X|, |Im X| < 2^e for all entries.

    Args:
        X: an array of any shape, empty too.

    Returns:
        An integer, 0 where all entries are 0.

    Example:
        >>> exponent_of(np.array([3.0, -0.5j]))
        2
    """
    parts = [np.real(X), np.imag(X)]
    largest = np.max(np.abs(parts), initial=0.0)
    return math.frexp(float(largest))[1]


def times_power(X: np.ndarray, exponent: int | np.ndarray) -> np.ndarray:
    """2^exponent X, where the power itself may overflow.

    Args:
        X: an array of any shape.
        exponent: an integer, or integers that broadcast against X.

    Returns:
        An array of the shape and type of `X`.

    Example:
        >>> times_power(np.array([2.0**-1074]), 1074)
        array([1.])
    """
    if np.iscomplexobj(X):
        real = np.ldexp(np.real(X), exponent)
        imag = np.ldexp(np.imag(X), exponent)
        return real + 1j * imag
    return np.ldexp(X, exponent)


def in_units(X: np.ndarray) -> tuple[np.ndarray, int]:
    """X over the power of two 2^e that brings its largest entry below 1, and e."""
    exponent = exponent_of(X)
    return times_power(X, -exponent), exponent


def frobenius(X: np.ndarray) -> float:
    """|X|_F, where the squares of entries would overflow or underflow too.

    Args:
        X: an array of any shape.

    Returns:
        The norm.

    Example:
        >>> print(f"{frobenius(np.array([[3e200, 4e200]])):.6g}")
        5e+200
    """
    units, exponent = in_units(X)
    return scaled(float(np.linalg.norm(units)), exponent)


def scaled(value: float, exponent: int) -> float:
    """2^exponent value, inf where that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(value, exponent))


def scaled_point(value: complex, exponent: int) -> complex:
    """2^exponent value, both parts inf where they overflow."""
    real = scaled(value.real, exponent)
    imag = scaled(value.imag, exponent)
    return complex(real, imag)
