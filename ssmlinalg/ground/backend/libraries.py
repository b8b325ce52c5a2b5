"""To which library, device and precision an array belongs, and whether several share them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import array_api_compat
import array_api_compat.numpy
import numpy as np
import numpy.typing as npt

from ..formats import PRECISIONS, part_of

Array = Any  # an array of NumPy, CuPy, PyTorch, JAX or any other library of the array API standard
Namespace = Any  # the functions of one such library
Real = npt.NDArray[np.floating[Any]]  # host arrays, in which everything is constructed
Complex = npt.NDArray[np.complexfloating[Any, Any]]

LIBRARIES = ("numpy", "torch", "jax", "cupy")


def is_numpy(array: Array) -> bool:
    """Whether the values can be read without a device copy, for the array is one of NumPy.

    Args:
        array: anything.

    Returns:
        True for NumPy's arrays and scalars.

    Example:
        >>> is_numpy(np.ones(2)), is_numpy([1.0, 1.0])
        (True, False)
    """
    return isinstance(array, (np.ndarray, np.generic))


def is_masked(array: Array) -> bool:
    """Whether the array is one of numpy.ma, which is not loaded to find out.

    Args:
        array: anything.

    Returns:
        True for arrays with a mask, also one that masks nothing.

    Example:
        >>> is_masked(np.ma.masked_less([1.0, -1.0], 0.0)), is_masked(np.ones(2))
        (True, False)
    """
    return is_numpy(array) and hasattr(array, "mask")


def kind(array: Array) -> str:
    """The name of the library of an array, found so that a compiler can follow.

    A tensor is known by its class: parameters, buffers and classes that users derive from it name
    other modules.

    Args:
        array: an array.

    Returns:
        One of `LIBRARIES`, or the name of another library of the standard.

    Example:
        >>> kind(np.ones(2))
        'numpy'
    """
    if is_numpy(array):
        return "numpy"
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        return "torch"
    name = type(array).__module__.partition(".")[0]
    return "jax" if name.startswith("jax") else name


def library(array: Array) -> Namespace:
    """The functions of the library of an array that `namespace` has passed.

    Args:
        array: an array.

    Returns:
        The library's functions under the names of the array API standard.

    Example:
        >>> library(np.ones(2)).concat([np.ones(1), np.zeros(1)])
        array([1., 0.])
    """
    if is_numpy(array):
        return array_api_compat.numpy
    if kind(array) == "torch":
        found = sys.modules.get("array_api_compat.torch")  # an import looks longer
        return importlib.import_module("array_api_compat.torch") if found is None else found
    return array_api_compat.array_namespace(array)


def device(array: Array) -> Any:
    """The device that holds an array.

    Args:
        array: an array.

    Returns:
        The device as its library names it; None while jax.jit traces the array, for then it is
        nowhere yet.

    Example:
        >>> device(np.ones(2))
        'cpu'
    """
    if is_numpy(array):
        return "cpu"
    if kind(array) == "torch":
        return array.device
    return None if is_tracer(array) else array_api_compat.device(array)


def namespace(**arrays: Array) -> Namespace:
    """The library to which all arrays belong: the gate that every array passes first.

    Args:
        **arrays: arrays by the names that errors call them, at least one.

    Returns:
        The functions of that library, as `library` returns them.

    Raises:
        TypeError: for what is no array, for numbers in neither single nor double precision, and for
            arrays of several libraries or precisions.
        ValueError: for arrays on several devices.

    Example:
        >>> namespace(A=np.ones(2), B=np.ones(2)).sum(np.ones(2))
        np.float64(2.0)
    """
    origin, first = next(iter(arrays.items()))
    for name, array in arrays.items():
        _refuse_other_types(name, array)
        if array is not first:
            _refuse_strangers(origin, first, name, array)
    return library(first)


def _refuse_other_types(name: str, array: Array) -> None:
    if isinstance(array, np.matrix) or not _is_array(array):
        raise TypeError(
            f"`{name}` must be an array; got {type(array).__name__}. Convert it with numpy.asarray."
        )
    if is_masked(array):
        raise TypeError(
            f"`{name}` must be an array without a mask; got {type(array).__name__}. "
            "Fill what is masked, with its filled(0.0) for example."
        )
    if part_of(array.dtype) not in PRECISIONS:
        raise TypeError(
            f"`{name}` must hold numbers in single or double precision; got {array.dtype}. "
            "Cast it to float32 or float64, or their complex types."
        )
    _refuse_sparse(f"`{name}`", array)


def refuse_unreadable(array: Array) -> None:
    """Refuse arrays whose values cannot be read one by one: traced, sparse.

    Args:
        array: an array of any library.

    Raises:
        TypeError: for a tracer of JAX, and a tensor of PyTorch that is not dense.

    Example:
        >>> refuse_unreadable(np.ones(2))
    """
    if is_numpy(array):
        return
    if is_tracer(array):
        rule = "values must be known here, where numbers are looked at"
        remedy = "Call this outside of jax.jit, jax.grad and jax.vmap."
        raise TypeError(f"{rule}; got a tracer of JAX. {remedy}")
    _refuse_sparse("the tensor", array)


def is_tracer(array: Array) -> bool:
    """Whether JAX traces the array, so that it has no values yet.

    Args:
        array: anything.

    Returns:
        True inside of jax.jit, jax.grad and jax.vmap.

    Example:
        >>> is_tracer(np.ones(2))
        False
    """
    return "Tracer" in type(array).__name__


def _refuse_sparse(name: str, array: Array) -> None:
    if kind(array) != "torch":
        return
    import torch

    if array.layout is not torch.strided:
        got = f"one of layout {str(array.layout).rpartition('.')[2]}"
        raise TypeError(f"{name} must be dense; got {got}. Call its to_dense.")


def _is_array(value: Any) -> bool:
    if is_numpy(value) or kind(value) == "torch":  # as compilers can follow
        return True
    return bool(array_api_compat.is_array_api_obj(value))


def _refuse_strangers(origin: str, first: Array, name: str, array: Array) -> None:
    """Refuse an array that shares not library, device and precision with the first."""
    if kind(first) != kind(array):
        got = f"`{origin}` of {kind(first)} and `{name}` of {kind(array)}"
        raise TypeError(
            f"arrays must come from one library; got {got}. Bring them together with forms.move."
        )
    here = device(first)
    there = device(array)
    if here is not None and there is not None and here != there:
        got = f"`{origin}` on {here} and `{name}` on {there}"
        raise ValueError(
            f"arrays must live on one device; got {got}. Bring them together with forms.move."
        )
    if part_of(first.dtype) != part_of(array.dtype):
        got = f"`{origin}` in {first.dtype} and `{name}` in {array.dtype}"
        raise TypeError(
            f"arrays must share one precision; got {got}. Cast one of them with astype."
        )
