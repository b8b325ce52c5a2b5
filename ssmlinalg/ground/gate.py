r"""The gate to the host: matrices and vectors of any origin, as NumPy arrays in double precision.

Eigenproblems, certificates and perturbations take an array of any library on any device, a nested
list, integers, any memory layout. Behind this gate all of them are NumPy arrays of float64 or
complex128, contiguous by rows, and finite. Numbers of 16 and 32 bits are promoted, wider ones are
refused: nothing is rounded on the way.

==============  =======================================================
function        passes
==============  =======================================================
`numbers`       arrays of any shape
`real_numbers`  arrays of any shape, without imaginary parts
`vector`        (N,)
`square`        (N, N), N > 0
`tall`          (M, N), M >= N > 0
`summable`      (N, N), N > 0, whose row sums double precision can hold
==============  =======================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import backend, require
from .backend import Array, Namespace, Real
from .formats import FORMATS

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_COMPLEX = ("complex32", "complex64", "complex128")
_NAMES = frozenset(_INTEGERS + _FLOATS + _COMPLEX)
_DENSE = 1 << 27  # bytes: order 4096 in float64
_EVERY_INTEGER = 2**53  # double precision holds all integers up to this one


def numbers(name: str, values: Any) -> np.ndarray:
    """Finite numbers on the host in double precision, whatever they come as.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: an array of any library, a nested list, or a number.

    Returns:
        An array of float64 or complex128 in C order, which may share memory with `values`.

    Raises:
        TypeError: if `values` are no numbers (booleans, strings, objects), or wider than double
            precision.
        ValueError: if rows have different lengths, if an entry is NaN or infinite, and for an
            integer beyond 2^53.

    Example:
        >>> numbers("A", [[1, 2], [3, 4j]])
        array([[1.+0.j, 2.+0.j],
               [3.+0.j, 0.+4.j]])
    """
    array = on_the_host(name, values)
    if array.dtype.kind in "iu":
        _check_integers(name, array)
    dtype = np.complex128 if np.iscomplexobj(array) else np.float64
    array = np.asarray(array, dtype=dtype, order="C")
    require.finite(name, array)
    return array


def real_numbers(name: str, values: Any) -> Real:
    """Finite real numbers on the host in double precision, whatever they come as.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: an array of any library, a nested list, or a number.

    Returns:
        An array of float64 in C order, which may share memory with `values`.

    Raises:
        TypeError: what `numbers` raises, and if the numbers are complex.
        ValueError: what `numbers` raises.

    Example:
        >>> real_numbers("x", [1, 2])
        array([1., 2.])
    """
    array = numbers(name, values)
    if np.iscomplexobj(array):
        raise TypeError(f"`{name}` must be real; got {array.dtype}. Take its real part.")
    return array


def vector(name: str, values: Any) -> np.ndarray:
    """A vector (N,) on the host in double precision, whatever it comes as.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: what `numbers` takes.

    Returns:
        An array (N,) of float64 or complex128.

    Raises:
        TypeError: what `numbers` raises.
        ValueError: what `numbers` raises, and if there is not one axis.

    Example:
        >>> vector("Lambda", [-1, -2])
        array([-1., -2.])
    """
    array = numbers(name, values)
    require.shape(name, array.shape, "(N,)", array.ndim == 1)
    return array


def square(name: str, values: Any) -> np.ndarray:
    """A square matrix (N, N) on the host in double precision, whatever it comes as.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: what `numbers` takes.

    Returns:
        An array (N, N) of float64 or complex128 in C order.

    Raises:
        TypeError: what `numbers` raises.
        ValueError: what `numbers` raises, and if the shape is not (N, N) with N > 0.

    Example:
        >>> square("A", [[0, 1], [0, 0]])
        array([[0., 1.],
               [0., 0.]])
    """
    array = numbers(name, values)
    got = array.shape
    if len(got) == 2 and got[0] > got[1] > 0:
        rule = f"`{name}` must have shape (N, N) with at least one row"
        remedy = "Take matrices.pseudospectrum, which is defined for more rows than columns."
        raise ValueError(f"{rule}; got {got}. {remedy}")
    holds = len(got) == 2 and got[0] == got[1] > 0
    require.shape(name, got, "(N, N) with at least one row", holds)
    return array


def tall(name: str, values: Any) -> np.ndarray:
    """A matrix (M, N), M >= N, on the host in double precision, whatever it comes as.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: what `numbers` takes.

    Returns:
        An array (M, N) of float64 or complex128 in C order.

    Raises:
        TypeError: what `numbers` raises.
        ValueError: what `numbers` raises, and if the shape is not (M, N) with M >= N > 0.

    Example:
        >>> tall("A", [[0, 1], [0, 0], [0, 2]]).shape
        (3, 2)
    """
    array = numbers(name, values)
    got = array.shape
    if len(got) == 2 and 0 < got[0] < got[1]:
        rule = f"`{name}` must have shape (M, N) with M >= N"
        remedy = "Of fewer rows every z is an eigenvalue: transpose it."
        raise ValueError(f"{rule}; got {got}. {remedy}")
    holds = len(got) == 2 and got[0] >= got[1] > 0
    require.shape(name, got, "(N, N) or (M, N), M > N, with at least one column", holds)
    return array


def summable(name: str, values: Any) -> np.ndarray:
    """A square matrix (N, N) whose norm, the largest row sum, fits double precision.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: what `numbers` takes.

    Returns:
        An array (N, N) of float64 or complex128 in C order.

    Raises:
        TypeError: what `square` raises.
        ValueError: what `square` raises, and if a row sum of absolute values overflows.

    Example:
        >>> summable("A", [[1e308, 0.0], [0.0, 1e308]]).shape
        (2, 2)
    """
    return _summed(name, square(name, values))


def wide(name: str, values: Any) -> np.ndarray:
    """A matrix (N, M), M >= N, whose norm, the largest row sum, fits double precision.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: what `numbers` takes.

    Returns:
        An array (N, M) of float64 or complex128 in C order.

    Raises:
        TypeError: what `numbers` raises.
        ValueError: what `numbers` raises, if the shape is not (N, M) with M >= N > 0, and if a row
            sum of absolute values overflows.

    Example:
        >>> wide("V", [[1, 0, 1], [0, 1, 1]]).shape
        (2, 3)
    """
    array = numbers(name, values)
    got = array.shape
    holds = len(got) == 2 and 0 < got[0] <= got[1]
    require.shape(name, got, "(N, M) with at least one row and M >= N", holds)
    return _summed(name, array)


def _summed(name: str, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        size = np.abs(array).sum(axis=1).max()
    if not np.isfinite(size):
        rule = f"must have row sums below {FORMATS['float64'].largest:.3g}"
        remedy = "Scale it by a power of two."
        raise ValueError(f"`{name}` {rule}; got some that overflow. {remedy}")
    return array


def together(rules: Mapping[str, tuple[str, ...]], **arrays: Array) -> Namespace:
    """The library of arrays that are evaluated together, where they are.

    Args:
        rules: the core axes of each array, by name.
        **arrays: arrays by the names that errors call them.

    Returns:
        The functions of their library, as `backend.namespace` returns them.

    Raises:
        TypeError: what `backend.namespace` raises.
        ValueError: for shapes that do not fit together; on the host for NaN and infinities; what
            `backend.namespace` raises.

    Example:
        >>> together({"x": ("n",), "y": ("n",)}, x=np.ones(2), y=np.ones(2)).sum(np.ones(2))
        np.float64(2.0)
    """
    xp = backend.namespace(**arrays)
    require.axes(rules, arrays)
    for name, array in arrays.items():
        if backend.is_numpy(array):
            require.finite(name, np.asarray(array))
    return xp


def on_the_host(name: str, values: Any) -> np.ndarray:
    """The numbers on the host in their own precision, infinities and NaN among them.

    Args:
        name: the argument, as the sentence of an error calls it.
        values: an array of any library, a nested list, or a number.

    Returns:
        An array, which may share memory with `values`; bfloat16 in single precision.

    Raises:
        TypeError: if `values` are no numbers, a sparse tensor, or traced by JAX.
        ValueError: if rows have different lengths, and for a sparse matrix of SciPy that takes more
            than 128 MiB when it is dense.

    Example:
        >>> on_the_host("A", [1, float("inf")])
        array([ 1., inf])
    """
    if _of_another_library(values):
        _check_type(name, values, str(values.dtype).rpartition(".")[2])
        try:
            return backend.to_numpy(backend.widened(values))
        except TypeError as error:
            raise TypeError(f"`{name}`: {error}") from None
    if _is_sparse(values):
        return _made_dense(name, values)
    if backend.is_masked(values) and np.any(values.mask):
        rule = f"`{name}` must have all its entries"
        remedy = "Fill what is masked, with its filled(0.0) for example."
        raise TypeError(f"{rule}; got some that are masked. {remedy}")
    try:
        array = np.asarray(values)
    except (ValueError, RuntimeError, TypeError):
        rule = f"`{name}` must have rows of one length"
        remedy = "Give a nested list of numbers without gaps."
        raise ValueError(f"{rule}; got a {type(values).__name__} of several. {remedy}") from None
    _check_type(name, values, array.dtype.name)
    return array


def _is_sparse(values: Any) -> bool:
    """Whether values are a sparse matrix of SciPy, which is not loaded to find out."""
    module = type(values).__module__
    return module.startswith("scipy.sparse") and hasattr(values, "toarray")


def _made_dense(name: str, values: Any) -> np.ndarray:
    """A sparse matrix as an array, unless that is an accident of many bytes."""
    size = math.prod(values.shape) * values.dtype.itemsize
    if size > _DENSE:
        rule = f"`{name}` must be small enough to be made dense, {_DENSE} bytes"
        got = f"a sparse matrix of shape {values.shape}, {size} bytes when dense"
        remedy = "Take the functions of ssmlinalg.matrices for sparse ones, or its toarray()."
        raise ValueError(f"{rule}; got {got}. {remedy}")
    _check_type(name, values, values.dtype.name)
    return values.toarray()


def _of_another_library(values: Any) -> bool:
    if backend.is_numpy(values) or not hasattr(values, "dtype"):
        return False
    return backend.kind(values) in backend.LIBRARIES or hasattr(values, "__array_namespace__")


def _check_type(
    name: str,
    values: Any,
    dtype: str,
) -> None:
    if dtype not in _NAMES:
        got = type(values).__name__ if dtype == "object" and not hasattr(values, "dtype") else dtype
        rule = f"`{name}` must hold integers or numbers of at most double precision"
        remedy = "Give a list of numbers, or cast an array with astype(float) or astype(complex)."
        raise TypeError(f"{rule}; got {got}. {remedy}")


def _check_integers(name: str, array: np.ndarray) -> None:
    beyond = (array > _EVERY_INTEGER) | (array < -_EVERY_INTEGER)
    if np.any(beyond):
        rule = f"`{name}` must hold integers up to 2^53, which double precision does not round"
        remedy = "Round them yourself with astype(float)."
        raise ValueError(f"{rule}; got {array[beyond].flat[0]}. {remedy}")
