"""The types of the numbers of an array: precision, real and complex, and casts between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import require
from ..formats import COMPLEX, HALF, part_of
from .libraries import Array, is_numpy, kind, library


def precision(array: Array) -> str:
    """The real type of the numbers of an array, of their parts if they are complex.

    Args:
        array: an array.

    Returns:
        "float64" for float64 and complex128, "float32" for float32 and complex64, and so on.

    Example:
        >>> precision(np.ones(2) + 1j)
        'float64'
    """
    return part_of(array.dtype)


def half(array: Array) -> bool:
    """Whether an array holds numbers of 16 bits, or pairs of them: no kernel is evaluated in these.

    Args:
        array: anything.

    Returns:
        False for other numbers and for what is no array.

    Example:
        >>> half(np.ones(2, np.float16))
        True
    """
    return hasattr(array, "dtype") and precision(array) in HALF


def is_complex(array: Array) -> bool:
    """Whether an array holds complex numbers.

    Args:
        array: an array.

    Returns:
        True for any complex type.

    Example:
        >>> is_complex(np.ones(2) + 1j)
        True
    """
    if is_numpy(array):
        return array.dtype.kind == "c"
    return "complex" in str(array.dtype)


def cast(array: Array, dtype: Any) -> Array:
    """The array in another type of its own library, also one that the standard does not know.

    Args:
        array: an array.
        dtype: a type of its library.

    Returns:
        The array itself where it has this type already.

    Example:
        >>> cast(np.array([1.5, 2.0]), np.float16)
        array([1.5, 2. ], dtype=float16)
    """
    return array if array.dtype == dtype else library(array).astype(array, dtype)


def widened(array: Array) -> Array:
    """Numbers of 16 bits in single precision, in which they are evaluated.

    Args:
        array: anything.

    Returns:
        Any other array, and what is no array, as it is.

    Example:
        >>> widened(np.ones(2, np.float16)).dtype
        dtype('float32')
    """
    if not half(array):
        return array
    xp = library(array)
    return xp.astype(array, xp.complex64 if is_complex(array) else xp.float32)


def real(array: Array) -> Array:
    """The real part; of a real array, itself (the standard leaves that undefined).

    Args:
        array: an array.

    Returns:
        A real array of the same shape and precision.

    Example:
        >>> real(np.array([1 + 2j]))
        array([1.])
    """
    return library(array).real(array) if is_complex(array) else array


def as_complex(array: Array) -> Array:
    """The array with complex numbers of its own precision.

    Args:
        array: an array in single or double precision.

    Returns:
        complex64 for float32, complex128 for float64.

    Example:
        >>> as_complex(np.ones(1, np.float32)).dtype
        dtype('complex64')
    """
    xp = library(array)
    return xp.astype(array, getattr(xp, COMPLEX[precision(array)]))


def doubled(array: Array) -> bool:
    """Whether double precision is at hand for an array in single: it holds products exactly.

    Args:
        array: an array.

    Returns:
        True for single precision in NumPy, and in PyTorch on a processor. JAX has double precision
        where a user switches it on, and on a GPU it may be many times slower.

    Example:
        >>> doubled(np.ones(2, np.float32)), doubled(np.ones(2))
        (True, False)
    """
    if precision(array) != "float32":
        return False
    return is_numpy(array) or (kind(array) == "torch" and array.device.type == "cpu")


def complex_of(real: Array, imag: Array) -> Array:
    """real + i imag, without the 0 times infinity that multiplying by i can make.

    Args:
        real: real parts (...).
        imag: imaginary parts (...), of shape and type of `real`, or in NumPy such that broadcasts.

    Returns:
        A complex array of the same precision.

    Example:
        >>> complex_of(np.array([1.0]), np.array([np.inf]))
        array([1.+infj])
    """
    if kind(real) == "torch":
        import torch

        return torch.complex(real, imag)
    if is_numpy(real):
        shape = np.broadcast_shapes(real.shape, imag.shape)
        value = np.empty(shape, np.result_type(real, imag, np.complex64))
        value.real = real
        value.imag = imag
        return value
    return as_complex(real) + 1j * as_complex(imag)


def pairs(array: Array) -> Array:
    """Real and imaginary parts in turn, a view where the library has one.

    Args:
        array: complex numbers (..., n).

    Returns:
        Real numbers (..., 2 n).

    Example:
        >>> pairs(np.array([1 + 2j, 3 + 4j]))
        array([1., 2., 3., 4.])
    """
    if kind(array) == "torch":
        import torch

        return torch.view_as_real(array.resolve_conj()).flatten(-2)
    xp = library(array)
    if kind(array) in ("numpy", "cupy"):
        return xp.ascontiguousarray(array).view(precision(array))
    parts = xp.stack([xp.real(array), xp.imag(array)], axis=-1)
    return xp.reshape(parts, (*array.shape[:-1], 2 * array.shape[-1]))


def from_pairs(array: Array) -> Array:
    """The complex numbers of which `pairs` made real ones.

    Args:
        array: real and imaginary parts in turn (..., 2 n).

    Returns:
        Complex numbers (..., n).

    Example:
        >>> from_pairs(np.array([1.0, 2.0, 3.0, 4.0]))
        array([1.+2.j, 3.+4.j])
    """
    if kind(array) == "torch":
        import torch

        return torch.view_as_complex(array.unflatten(-1, (-1, 2)))
    if kind(array) in ("numpy", "cupy"):
        return library(array).ascontiguousarray(array).view(COMPLEX[precision(array)])
    return complex_of(array[..., 0::2], array[..., 1::2])


def fitting(result: Array) -> Array:
    """A result, refused on the host where it overflowed. Elsewhere values are not looked at.

    Args:
        result: an array.

    Returns:
        The same array.

    Raises:
        ValueError: if it is an array of NumPy and an entry is NaN or infinite.

    Example:
        >>> fitting(np.ones(2))
        array([1., 1.])
    """
    if is_numpy(result) and not require.all_finite(result):
        raise ValueError(
            f"the result must fit its precision; got more than {result.dtype} can hold. "
            "Choose a stable rule or matrix, a smaller step, smaller weights, or fewer samples."
        )
    return result
