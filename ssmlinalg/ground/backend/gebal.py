"""Balancing by LAPACK, and what is common to it and to balancing by a compiler."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from .device_transfer import to_numpy
from .libraries import Array, Namespace, device, library
from .number_types import precision

SWEEPS = 64  # at most; a few are usual


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
