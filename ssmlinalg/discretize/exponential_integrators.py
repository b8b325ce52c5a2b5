"""The functions phi_1 and phi_2 of exponential integrators, without loss at large phases."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ..ground import backend
from ..ground.backend import Array
from ..ground.gate import together
from ..powers import double_words


def modulo_turns(step: Array, A: Array) -> tuple[Array, Array]:
    """z = step A, and z modulo 2 pi i.

    Args:
        step: real (...), or times.
        A: complex (...), broadcast.

    Returns:
        z and z modulo 2 pi i rounded once, both with the derivative of z.

    Example:
        >>> import numpy as np
        >>> modulo_turns(np.ones(1), np.array([2j * np.pi]))[1].imag.round(12) + 0.0
        array([0.])
    """
    together({"step": (), "A": ()}, step=step, A=A)
    z = step * A
    return z, radians(double_words.turned(step, A), z)


def radians(words: Any, z: Array) -> Array:
    """z modulo 2 pi i from its words. The second term is 0, and has the derivative."""
    return double_words.radians(words) + (z - backend.constant(z))


def phi1(z: Array, turned: Array) -> Array:
    """The function phi_1(z) = (e^z - 1)/z of exponential integrators, 1 at z = 0.

    Args:
        z: complex (...).
        turned: z modulo 2 pi i, without the rounding of a large phase.

    Returns:
        phi_1(z) (...).

    Accuracy:
        A few eps of |e^z - 1|/|z|.

    Example:
        >>> import numpy as np
        >>> phi1(np.zeros(1) + 0j, np.zeros(1) + 0j)
        array([1.+0.j])
    """
    together({"z": (), "turned": ()}, z=z, turned=turned)
    return first_phi(z, turned)


def phi2(z: Array, turned: Array) -> Array:
    """The function phi_2(z) = (e^z - 1 - z)/z^2 of exponential integrators, 1/2 at z = 0.

    Args:
        z: complex (...).
        turned: z modulo 2 pi i, without the rounding of a large phase.

    Returns:
        phi_2(z) (...).

    Example:
        >>> import numpy as np
        >>> phi2(np.zeros(1) + 0j, np.zeros(1) + 0j)
        array([0.5+0.j])
    """
    together({"z": (), "turned": ()}, z=z, turned=turned)
    return second_phi(z, turned)


def first_phi(z: Array, turned: Array) -> Array:
    """The function `phi1` of arrays that were checked."""
    return _differentiable_phi(z, turned, 1)


def second_phi(z: Array, turned: Array) -> Array:
    """The function `phi2` of arrays that were checked."""
    return _differentiable_phi(z, turned, 2)


def _differentiable_phi(z: Array, turned: Array, index: int) -> Array:
    value = partial(_phi, index=index)
    return backend.analytic(value, partial(_phi_slope, index=index), z, turned)


def _phi_slope(z: Array, turned: Array, index: int) -> Array:
    """phi_k' = phi_k - k phi_{k+1} where |z| is small, else (phi_{k-1} - k phi_k) / z."""
    phi = _differentiable_phi(z, turned, index)
    if index == 0:
        return phi
    xp = backend.library(z)
    small = xp.abs(z) < _SMALL
    below = xp.where(small, xp.ones_like(z), z)
    inside = phi - index * _differentiable_phi(z, turned, index + 1)
    outside = (_differentiable_phi(z, turned, index - 1) - index * phi) / below
    return xp.where(small, inside, outside)


def _phi(z: Array, turned: Array, index: int) -> Array:
    """phi_0 = e^z, phi_k = (phi_{k-1} - 1/(k-1)!) / z; where |z| is small sum_j z^j/(j + k)!.

    The series has the right derivative at z = 0 as well.
    """
    xp = backend.library(z)
    if index == 0:
        return xp.exp(turned)
    small = xp.abs(z) < _SMALL
    inside = xp.where(small, z, xp.zeros_like(z))
    terms = _TERMS[backend.precision(z)]
    series = inside / math.factorial(terms + index)
    for k in range(terms - 1, 0, -1):
        series = (series + 1 / math.factorial(k + index)) * inside
    below = xp.where(small, xp.ones_like(z), z)
    outside = _expm1(turned) / below
    for k in range(1, index):
        outside = (outside - 1 / math.factorial(k)) / below
    return xp.where(small, series + 1 / math.factorial(index), outside)


def _expm1(z: Array) -> Array:
    """e^z - 1 for complex z from real functions, accurate relative to |e^z - 1|.

    PyTorch has no complex expm1. Where e^z is 0 no term of the derivative is left to cancel.
    """
    xp = backend.library(z)
    x = xp.real(z)
    y = xp.imag(z)
    size = xp.exp(x)
    real = xp.expm1(x) - 2 * size * xp.sin(y / 2) ** 2
    return backend.complex_of(real, size * xp.sin(y))


_SMALL = 0.5
_TERMS = {"float32": 8, "float64": 15}  # 0.5^9/10! and 0.5^16/17! are far below eps
