"""Linear systems with an approximate inverse at hand, solved with one step of refinement.

The product of an inverse W and b is off by eps |W| |b|, which V makes eps |V| |W| |b|. After one
step with the residual b - V x it is off as a backward stable solution is, V x - b by eps |V| |x|:
much less where x is much smaller than |W| |b|, as the inputs of modes are.
"""

from __future__ import annotations

import numpy as np

from ..ground.backend import Array


def refined(V: Array, W: Array, b: Array) -> Array:
    """The x with V x = b, by an approximate inverse and one step of refinement.

    Args:
        V: matrix (N, M), M >= N.
        W: a right inverse (M, N) of it but for rounding.
        b: right sides (N,) or (N, R).

    Returns:
        x (M,) or (M, R).

    Accuracy:
        |V x - b| <= 8 M eps |V|_F |x| where M eps kappa(V) is small. The residual of one right side
        is taken in extended precision where the machine has it, of several in working precision.

    Cost:
        Three products of matrix and right sides.

    Example:
        >>> V = np.array([[1.0, 1.0], [0.0, 1e-8]])
        >>> refined(V, np.linalg.inv(V), V @ np.ones(2))
        array([1., 1.])
    """
    x = W @ b
    if np.ndim(b) > 1:
        return x - W @ (V @ x - b)
    return x + W @ remainder(V, x, b)


def remainder(V: Array, x: Array, b: Array) -> Array:
    """b - V x (N,), rounded once where the machine has extended precision.

    Args:
        V: matrix (N, M).
        x: vector (M,).
        b: right side (N,).

    Returns:
        The remainder in the precision of its parts.

    Cost:
        O(N M), ten times that of BLAS.

    Example:
        >>> bool(-1.1e-18 < remainder(np.array([[1.0, 1e-18]]), np.ones(2), np.ones(1))[0] < 0)
        True
    """
    return -extended_product(np.column_stack([V, b]), np.append(x, -1))


def extended_product(V: Array, x: Array) -> Array:
    """V x (N,) of x (M,), rounded once where the machine has extended precision.

    Args:
        V: matrix (N, M).
        x: vector (M,).

    Returns:
        The product in the precision of its factors.

    Cost:
        O(N M), ten times that of BLAS.

    Example:
        >>> bool(0 < extended_product(np.array([[1.0, 1e-18, -1.0]]), np.ones(3))[0] < 1.1e-18)
        True
    """
    exact = V.astype(np.result_type(V, np.longdouble)) @ x
    return exact.astype(np.result_type(V, x))
