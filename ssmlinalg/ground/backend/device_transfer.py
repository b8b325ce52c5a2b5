"""Copies of arrays from any library and device to the host, and from there to another."""

from __future__ import annotations

import importlib
from typing import Any

import array_api_compat
import numpy as np

from .. import require
from ..formats import COMPLEX, in_numpy
from .libraries import Array, kind, library, refuse_unreadable
from .number_types import cast, is_complex, precision

_INSUFFICIENT_DRIVER = 35  # of cudaError_t
_INVALID_DEVICE = 101


class DeviceError(RuntimeError):
    """A GPU that cannot be used; the message says what is missing."""


def to_numpy(array: Array) -> np.ndarray:
    """The values on the host, gradients left behind.

    Args:
        array: an array of any library, in a format that NumPy has.

    Returns:
        An array of NumPy; it may share the memory of an array on the host.

    Raises:
        TypeError: for bfloat16 and formats of 8 bits of PyTorch (take `host_values`), for sparse
            tensors, and while a function is traced: then there are no values yet.

    Example:
        >>> to_numpy(np.ones(2))
        array([1., 1.])
    """
    refuse_unreadable(array)
    if kind(array) == "torch":
        return array.detach().cpu().resolve_conj().resolve_neg().numpy()
    if kind(array) == "cupy":
        return array.get()
    xp = library(array)
    if array_api_compat.is_array_api_strict_namespace(xp):
        # The standard knows devices, but not which one is the host.
        return np.asarray(array.to_device(xp.Device("CPU_DEVICE")))
    return np.asarray(array)


def host_values(array: Array) -> np.ndarray:
    """The values on the host, in single precision where NumPy lacks their format.

    Args:
        array: an array of any library, of bfloat16 or float8 as well.

    Returns:
        An array of NumPy with exactly these values.

    Example:
        >>> host_values(np.ones(2, np.float16)).dtype
        dtype('float16')
    """
    if in_numpy(array.dtype):
        return to_numpy(array)
    xp = library(array)
    return to_numpy(cast(array, xp.complex64 if is_complex(array) else xp.float32))


def move(array: Array, library: str, dtype: str | None = None, where: Any = None) -> Array:
    """The array in another library.

    Args:
        array: an array of any library.
        library: one of `LIBRARIES`.
        dtype: the precision, "float32" or "float64". None keeps it.
        where: the device as that library names it. None is its default.

    Returns:
        A copy, gradients left behind.

    Raises:
        ImportError: if the library is not installed.
        DeviceError: for CuPy without a driver or a GPU; a RuntimeError.
        ValueError: for a GPU of a number there is not; for 64-bit numbers while JAX has none.

    Example:
        >>> move(np.ones(2), "numpy", "float32")
        array([1., 1.], dtype=float32)
    """
    if library == "numpy" and not (where is None or (isinstance(where, str) and where == "cpu")):
        got = require.said(where)
        raise ValueError(f"`device` of NumPy must be None; got {got}. Move to another library.")
    host = to_numpy(array)
    wanted = dtype or precision(host)
    host = host.astype(COMPLEX[wanted] if is_complex(host) else wanted)
    if library == "numpy":
        return host
    xp = _imported(library)
    if library == "torch":
        return xp.asarray(host, device=where)
    if library == "cupy":
        return _to_gpu(xp, host, where)
    moved = xp.asarray(host, device=where)
    if precision(moved) != wanted:
        raise ValueError(
            f"JAX must hold {wanted} to receive this array; got 64-bit types switched off. "
            'Call jax.config.update("jax_enable_x64", True) first, or pass dtype="float32".'
        )
    return moved


def _imported(library: str) -> Any:
    try:
        return importlib.import_module("jax.numpy" if library == "jax" else library)
    except ImportError as error:
        why = error.__cause__ or error  # CuPy wraps the cause in a page of advice
        raise ImportError(
            f"`library` must be installed; got {library!r} ({why}). "
            f"Install it with: pip install 'ssmlinalg[{library}]'."
        ) from error


def _to_gpu(cupy: Any, host: np.ndarray, where: Any) -> Array:
    try:
        with cupy.cuda.Device(where):
            return cupy.asarray(host)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise _no_gpu(cupy.cuda.runtime, error, where) from error
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`device` must be the number of a GPU; got {where!r}. The first is 0."
        ) from error


def _no_gpu(runtime: Any, error: Any, where: Any) -> Exception:
    """The sentence for the driver or the GPU that CuPy needs and did not find."""
    driver = runtime.driverGetVersion()
    if driver == 0:
        return DeviceError(
            f"CuPy must find an NVIDIA driver; got none ({error}). "
            'Install the driver of the GPU, or move to "numpy", "torch" or "jax".'
        )
    if error.status == _INSUFFICIENT_DRIVER:
        needed = _dotted(runtime.runtimeGetVersion())
        return DeviceError(
            f"the NVIDIA driver must know CUDA {needed}; got one that knows {_dotted(driver)}. "
            f"Update the driver, or install the CuPy made for it, cupy-cuda{driver // 1000}x."
        )
    if error.status == _INVALID_DEVICE:
        count = runtime.getDeviceCount()
        return ValueError(
            f"`device` must be below the number of GPUs, {count}; got {where}. The first is 0."
        )
    return DeviceError(
        f"CuPy must reach a GPU; got {error}. See what nvidia-smi lists, and CUDA_VISIBLE_DEVICES."
    )


def _dotted(version: int) -> str:
    """CUDA's 12040 as 12.4."""
    return f"{version // 1000}.{version % 1000 // 10}"
