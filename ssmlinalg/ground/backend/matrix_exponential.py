"""The matrix exponential in any array library."""

from __future__ import annotations

import math

import numpy as np

from .creation import eye
from .device_transfer import to_numpy
from .libraries import Array, device, kind, library
from .number_types import precision

_DEGREE = 13
# Higham 2005, Table 2.3: below this norm the approximant is exact to double precision.
_RADIUS = 5.371920351148152
_COEFFICIENTS = [
    math.comb(_DEGREE, k) * math.factorial(2 * _DEGREE - k) / math.factorial(2 * _DEGREE)
    for k in range(_DEGREE + 1)
]


def expm(Z: Array) -> Array:
    r"""The matrix exponential by scaling, a Pade approximant of degree 13, and squaring.

    .. math::  e^Z \approx \left[ (V - U)^{-1} (V + U) \right]^{2^s} \quad \text{at} \quad 2^{-s} Z

    U and V are the odd and the even terms of the numerator. The standard has no such function.
    PyTorch's is up to 1e5 eps away for small matrices, CuPy's refuses complex ones, SciPy's can
    make NaN of a stiff triangular one. JAX's is kept, for under jit the number s of squarings must
    not depend on values.

    Args:
        Z: matrices (..., N, N).

    Returns:
        e^Z (..., N, N), in the library, on the device and in the precision of Z.

    Cost:
        6 + s products of matrices and one solve each, s = log2(|Z|_1 / 5.4) for the largest.

    Source:
        Higham 2005, SIAM J. Matrix Anal. Appl. 26(4), Algorithm 2.3.

    Example:
        >>> expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
        array([[1., 1.],
               [0., 1.]])
    """
    if kind(Z) == "jax":
        import jax.scipy.linalg

        return jax.scipy.linalg.expm(Z)
    xp = library(Z)
    squarings = _squarings(Z)
    scale = xp.asarray(0.5**squarings, dtype=getattr(xp, precision(Z)), device=device(Z))
    E = _pade(Z * scale[..., None, None])
    for done in range(int(np.max(squarings, initial=0))):
        again = xp.asarray(squarings > done, device=device(Z))
        E = xp.where(again[..., None, None], xp.matmul(E, E), E)
    return E


def _squarings(Z: Array) -> np.ndarray:
    """How often each matrix (...) must be halved to lie within the radius of the approximant."""
    xp = library(Z)
    norm = to_numpy(xp.max(xp.sum(xp.abs(Z), axis=-2), axis=-1))
    doublings = np.log2(np.maximum(norm, 1e-300) / _RADIUS)
    return np.maximum(0, np.ceil(doublings)).astype(int)


def _pade(Z: Array) -> Array:
    """The approximant of degree 13 of e^Z, with 6 products of matrices."""
    xp = library(Z)
    b = _COEFFICIENTS
    Z2 = xp.matmul(Z, Z)
    Z4 = xp.matmul(Z2, Z2)
    Z6 = xp.matmul(Z2, Z4)
    identity = eye(Z.shape[-1], Z)
    high_odd = xp.matmul(Z6, b[13] * Z6 + b[11] * Z4 + b[9] * Z2)
    high_even = xp.matmul(Z6, b[12] * Z6 + b[10] * Z4 + b[8] * Z2)
    odd = xp.matmul(Z, high_odd + b[7] * Z6 + b[5] * Z4 + b[3] * Z2 + b[1] * identity)
    even = high_even + b[6] * Z6 + b[4] * Z4 + b[2] * Z2 + b[0] * identity
    return xp.linalg.solve(even - odd, even + odd)
