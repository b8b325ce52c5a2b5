"""Vectors along the last axis as rows and columns of matrices, whatever leads them."""

from __future__ import annotations

from .libraries import Array, library


def row(x: Array) -> Array:
    """A vector as a matrix of one row.

    Args:
        x: (..., n).

    Returns:
        A view (..., 1, n).

    Example:
        >>> import numpy as np
        >>> row(np.ones(3)).shape
        (1, 3)
    """
    return x[..., None, :]


def column(x: Array) -> Array:
    """A vector as a matrix of one column.

    Args:
        x: (..., n).

    Returns:
        A view (..., n, 1).

    Example:
        >>> import numpy as np
        >>> column(np.ones(3)).shape
        (3, 1)
    """
    return x[..., :, None]


def matvec(A: Array, x: Array) -> Array:
    """The product of a matrix with a vector.

    Args:
        A: (..., M, N).
        x: (..., N).

    Returns:
        A x (..., M).

    Example:
        >>> import numpy as np
        >>> matvec(np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones(2))
        array([3., 7.])
    """
    return library(A).matmul(A, column(x))[..., 0]
