"""Products of matrices, and vectors along the last axis as rows and columns of matrices."""

from __future__ import annotations

from .libraries import Array, kind, library


def matmul(x: Array, y: Array) -> Array:
    """The product of matrices in the precision of its arrays.

    PyTorch computes products of float32 in 16 bits under torch.autocast, derivatives included, and
    JAX may round them to fewer digits on an accelerator. Kernels and states have no digits to lose:
    here neither does.

    Args:
        x: (..., M, N).
        y: (..., N, K).

    Returns:
        x y (..., M, K).

    Example:
        >>> import numpy as np
        >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
        array([[11.]])
    """
    product = library(x).matmul
    if kind(x) == "jax":
        return product(x, y, precision="highest")
    if kind(x) == "torch":
        from .torch_products import product
    return product(x, y)


def solve(A: Array, B: Array) -> Array:
    """The solution of a linear system in the precision of its arrays, derivatives included.

    Args:
        A: (..., N, N).
        B: (..., N, K).

    Returns:
        X (..., N, K) with A X = B.

    Raises:
        numpy.linalg.LinAlgError: on the host for a singular matrix.

    Example:
        >>> import numpy as np
        >>> solve(np.array([[2.0]]), np.array([[1.0]]))
        array([[0.5]])
    """
    solution = library(A).linalg.solve
    if kind(A) == "torch":
        from .torch_products import solve as solution
    return solution(A, B)


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
    return matmul(A, column(x))[..., 0]
