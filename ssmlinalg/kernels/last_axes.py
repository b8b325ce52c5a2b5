"""The axes of arrays: the last ones reshaped, transposed, extended or broadcast."""

from __future__ import annotations

from ..ground import backend
from ..ground.backend import Array


def reshaped(x: Array, last: int, *shape: int) -> Array:
    """The array with its last axes in another shape.

    Args:
        x: an array.
        last: how many axes.
        shape: the shape that they take.

    Returns:
        An array of the same leading axes.

    Example:
        >>> import numpy as np
        >>> reshaped(np.ones((2, 3, 4)), 2, 12).shape
        (2, 12)
    """
    return backend.library(x).reshape(x, (*x.shape[: x.ndim - last], *shape))


def broadcast(x: Array, lead: tuple[int, ...], last: int) -> Array:
    """The array with other leading axes.

    Args:
        x: an array.
        lead: the leading axes.
        last: how many axes stay behind them.

    Returns:
        A view (*lead, ...).

    Example:
        >>> import numpy as np
        >>> broadcast(np.ones((3, 4)), (2,), 2).shape
        (2, 3, 4)
    """
    return backend.library(x).broadcast_to(x, (*lead, *x.shape[x.ndim - last :]))


def extended(x: Array, length: int) -> Array:
    """The array with zeros at the end of its last axis.

    Args:
        x: (..., n).
        length: how long the axis becomes; not less than n.

    Returns:
        (..., length).

    Example:
        >>> import numpy as np
        >>> extended(np.ones(2), 3)
        array([1., 1., 0.])
    """
    missing = length - x.shape[-1]
    if missing <= 0:
        return x
    beyond = backend.zeros((*x.shape[:-1], missing), x)
    return backend.library(x).concat([x, beyond], axis=-1)


def transposed(x: Array) -> Array:
    """The array with its last two axes exchanged.

    Args:
        x: (..., m, n).

    Returns:
        (..., n, m).

    Example:
        >>> import numpy as np
        >>> transposed(np.ones((2, 3, 4))).shape
        (2, 4, 3)
    """
    return backend.library(x).matrix_transpose(x)
