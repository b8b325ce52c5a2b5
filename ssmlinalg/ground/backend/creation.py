"""New arrays beside one that is there: of the same library, on the same device."""

from __future__ import annotations

from .libraries import Array, device, library
from .number_types import precision


def arange(length: int, like: Array) -> Array:
    """0, 1, ..., length - 1 as real numbers.

    Args:
        length: how many.
        like: an array that gives library, device and precision.

    Returns:
        A real array (length,).

    Example:
        >>> import numpy as np
        >>> arange(3, np.ones(1) + 1j)
        array([0., 1., 2.])
    """
    xp = library(like)
    return xp.arange(length, dtype=getattr(xp, precision(like)), device=device(like))


def vector(numbers: list[float], like: Array) -> Array:
    """Real numbers as an array.

    Args:
        numbers: Python's.
        like: an array that gives library, device and precision.

    Returns:
        A real array (len(numbers),).

    Example:
        >>> import numpy as np
        >>> vector([1.0, 0.5], np.ones(1) + 1j)
        array([1. , 0.5])
    """
    xp = library(like)
    return xp.asarray(numbers, dtype=getattr(xp, precision(like)), device=device(like))


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Zeros of a shape.

    Args:
        shape: the lengths of the axes.
        like: an array that gives library, device and type.

    Returns:
        An array of that shape.

    Example:
        >>> import numpy as np
        >>> zeros((2,), np.ones(1) + 1j)
        array([0.+0.j, 0.+0.j])
    """
    return library(like).zeros(shape, dtype=like.dtype, device=device(like))


def eye(order: int, like: Array) -> Array:
    """The identity matrix.

    Args:
        order: N.
        like: an array that gives library, device and type.

    Returns:
        An array (N, N).

    Example:
        >>> import numpy as np
        >>> eye(2, np.ones(1))
        array([[1., 0.],
               [0., 1.]])
    """
    return library(like).eye(order, dtype=like.dtype, device=device(like))


def beside(value: Array | float, like: Array) -> Array:
    """A Python number as an array.

    Args:
        value: a number, or an array, which is returned as it is.
        like: an array that gives library, device and precision.

    Returns:
        An array without axes; complex only if the number is.

    Raises:
        ValueError: for an integer beyond double precision.

    Example:
        >>> import numpy as np
        >>> beside(0.5, np.ones(2) + 1j)
        array(0.5)
    """
    if not isinstance(value, (int, float, complex)):
        return value
    xp = library(like)
    dtype = like.dtype if isinstance(value, complex) else getattr(xp, precision(like))
    if isinstance(value, int) and value.bit_length() > 1023:
        raise ValueError(
            f"numbers must fit {precision(like)}; got an integer of {value.bit_length()} bits. "
            "Give a smaller one."
        )
    return xp.asarray(value, dtype=dtype, device=device(like))
