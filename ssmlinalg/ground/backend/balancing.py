"""Balancing: states in units, powers of two, that bring rows and columns of A to one size."""

from __future__ import annotations

from .gebal import exponents_on_host
from .libraries import Array, kind
from .transformations import constant


def balance(A: Array) -> Array:
    """Exponents t of units that balance a matrix: 2^{-t_i} A_ij 2^{t_j} has rows like columns.

    Eigenvalues of a companion matrix, or the realization of a filter in seconds, span many decades
    beside entries of no meaning; what is computed from the balanced matrix has errors relative to
    its norm, which is near the largest eigenvalue. The units round nothing.

    Args:
        A: matrices (..., N, N).

    Returns:
        Whole numbers (..., N), real, through which no derivative passes.

    Source:
        Parlett & Reinsch 1969, Numer. Math. 13, 293-304 (LAPACK's gebal, without permutations).

    Example:
        >>> import numpy as np
        >>> balance(np.array([[-1.0, -(2.0**20)], [1.0, 0.0]]))
        array([ 5., -5.])
    """
    A = constant(A)
    if kind(A) == "jax":
        from .jax_matrices import balance

        return balance(A)
    if kind(A) == "torch":
        from .torch_matrices import balance

        return balance(A)
    return exponents_on_host(A)
