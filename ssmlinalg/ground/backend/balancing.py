"""Balancing: states in units, powers of two, that bring rows and columns of A to one size."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from .device_transfer import to_numpy
from .libraries import Array, Namespace, device, kind, library
from .number_types import precision
from .transformations import constant

SWEEPS = 64  # at most; a few are usual


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


def exponents_on_host(A: Array) -> Array:
    """`balance` by LAPACK.

    Args:
        A: matrices (..., N, N).

    Returns:
        Whole numbers (..., N) beside A.

    Example:
        >>> exponents_on_host(np.eye(1))
        array([0.])
    """
    xp = library(A)
    host = np.abs(to_numpy(A)).astype(np.float64)
    exponents = np.zeros(host.shape[:-1])
    (gebal,) = scipy.linalg.get_lapack_funcs(("gebal",), (host,))
    for index in np.ndindex(host.shape[:-2]):
        if np.all(np.isfinite(host[index])):
            exponents[index] = np.log2(gebal(host[index], scale=1, permute=0)[3])
    return xp.asarray(centred(np, exponents).astype(precision(A)), device=device(A))


def centred(xp: Namespace, exponents: Any) -> Any:
    """Exponents around 0, so that a unit is as far from over- as from underflow."""
    least = xp.min(exponents, axis=-1, keepdims=True)
    most = xp.max(exponents, axis=-1, keepdims=True)
    return exponents - xp.floor((least + most) / 2)
