"""The only file that knows array libraries: which one an array belongs to, and how to move, cast
and exponentiate it.

No library is imported here that the caller has not imported: an array's own type says where to
look.
"""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import array_api_compat
import numpy as np
import numpy.typing as npt

from . import require

Array = Any  # an array of NumPy, CuPy, PyTorch, JAX or any other library of the array API standard
Namespace = Any  # the functions of one such library
Real = npt.NDArray[np.floating[Any]]  # host arrays, in which everything is constructed
Complex = npt.NDArray[np.complexfloating[Any, Any]]

LIBRARIES = ("numpy", "torch", "jax", "cupy")


def is_numpy(array: Array) -> bool:
    """Whether `array` lives on the host as a NumPy array, so that its values may be looked at
    without a price.
    """
    return isinstance(array, (np.ndarray, np.generic))


def namespace(**arrays: Array) -> Namespace:
    """The library all `arrays` belong to; they must share it, their device and their precision."""
    first, *others = arrays
    for name, array in arrays.items():
        if kind(array) != "torch" and not array_api_compat.is_array_api_obj(array):
            raise TypeError(
                f"`{name}` must be an array; got {type(array).__name__}. Convert it with numpy.asarray."
            )
    for name, array in arrays.items():
        if precision(array) not in ("float32", "float64"):
            remedy = "Cast it to float32 or float64, or their complex types."
            raise TypeError(
                f"`{name}` must hold numbers in single or double precision; got {array.dtype}. {remedy}"
            )
    for name in others:
        pair = arrays[first], arrays[name]
        if kind(pair[0]) != kind(pair[1]):
            got = f"`{first}` of {kind(pair[0])} and `{name}` of {kind(pair[1])}"
            raise TypeError(
                f"arrays must come from one library; got {got}. Bring them together with forms.move."
            )
        here, there = (device(array) for array in pair)
        if here is not None and there is not None and here != there:
            got = f"`{first}` on {here} and `{name}` on {there}"
            raise ValueError(
                f"arrays must live on one device; got {got}. Bring them together with forms.move."
            )
        if precision(pair[0]) != precision(pair[1]):
            got = f"`{first}` in {pair[0].dtype} and `{name}` in {pair[1].dtype}"
            raise TypeError(
                f"arrays must share one precision; got {got}. Cast one of them with astype."
            )
    return library(arrays[first])


def kind(array: Array) -> str:
    """The name of the library of an array: one of `LIBRARIES`, or another of the standard. Read
    from its type, so that a compiler can follow.
    """
    if is_numpy(array):
        return "numpy"
    name = type(array).__module__.partition(".")[0]
    return "jax" if name.startswith("jax") else name


def library(array: Array) -> Namespace:
    """The library of an array that `namespace` has already seen."""
    if kind(array) == "torch":
        from array_api_compat import torch

        return torch
    return array_api_compat.array_namespace(array)


def device(array: Array) -> Any:
    """Where the array lives; None while jax.jit traces it, for then it lives nowhere yet."""
    if kind(array) == "torch":
        return array.device
    return None if "Tracer" in type(array).__name__ else array_api_compat.device(array)


def precision(array: Array) -> str:
    """The real type of the array's numbers: "float64" for float64 and complex128, "float32" for
    float32 and complex64.
    """
    name = str(array.dtype).rpartition(".")[2]
    return {"complex128": "float64", "complex64": "float32"}.get(name, name)


def readable(array: Array) -> bool:
    """Whether values may be looked at now: on the host, and not while a compiler or a
    transformation traces.
    """
    if kind(array) == "torch":
        import torch

        traced = torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(
            array
        )  # pyright: ignore[reportAttributeAccessIssue]
        return array.device.type == "cpu" and not traced
    if kind(array) == "jax":
        return "Tracer" not in type(array).__name__ and {
            place.platform for place in array.devices()
        } == {"cpu"}
    return is_numpy(array)


def quietly(array: Any) -> AbstractContextManager[Any]:
    """Without NumPy's warnings, for the result will tell; nothing in other libraries, whose
    compilers may be reading.
    """
    return (
        contextlib.nullcontext()
        if kind(array) in ("torch", "jax", "cupy")
        else np.errstate(all="ignore")
    )


def half(array: Array) -> bool:
    """Whether the array holds numbers of 16 bits (or complex ones of twice 16), which no kernel is
    evaluated in.
    """
    return str(array.dtype).rpartition(".")[2] in ("float16", "bfloat16", "complex32")


def widened(array: Array) -> Array:
    """Numbers of 16 bits in single precision; others as they are."""
    if not half(array):
        return array
    xp = library(array)
    return xp.astype(array, xp.complex64 if is_complex(array) else xp.float32)


def is_complex(array: Array) -> bool:
    """Whether the array holds complex numbers."""
    return "complex" in str(array.dtype)


def real(array: Array) -> Array:
    """The real part; of a real array, itself (the standard leaves that undefined)."""
    return library(array).real(array) if is_complex(array) else array


def as_complex(array: Array) -> Array:
    """The array with complex numbers of its own precision."""
    xp = library(array)
    return xp.astype(array, {"float32": xp.complex64, "float64": xp.complex128}[precision(array)])


def complex_of(real: Array, imag: Array) -> Array:
    """real + i imag, without the 0 times infinity that multiplying by i can make."""
    if kind(real) == "torch":
        import torch

        return torch.complex(real, imag)
    if is_numpy(real):
        value = np.empty(
            np.broadcast_shapes(real.shape, imag.shape), np.result_type(real, imag, np.complex64)
        )
        value.real, value.imag = real, imag
        return value
    return as_complex(real) + 1j * as_complex(imag)


def constant(array: Array) -> Array:
    """The same values, through which no derivative passes."""
    if kind(array) == "torch":
        return array.detach()
    if kind(array) == "jax":
        import jax

        return jax.lax.stop_gradient(array)
    return array


def iterate(function: Callable[[Any], Any], start: Any, times: int) -> list[Any]:
    """start, function(start), ...: `times` tuples of arrays. In JAX a loop: its compiler would fuse
    a chain without end.
    """
    if kind(start[0]) == "jax":
        import jax

        _, found = jax.lax.scan(
            lambda value, _: (function(value), value), start, None, length=times
        )
        return [jax.tree.map(lambda array, k=k: array[k], found) for k in range(times)]
    found = [start]
    while len(found) < times:
        found.append(function(found[-1]))
    return found[:times]


def pairs(array: Array) -> Array:
    """(..., n) complex as (..., 2 n) real: real and imaginary parts in turn. A view where the
    library has one.
    """
    if kind(array) == "torch":
        import torch

        return torch.view_as_real(array.resolve_conj()).flatten(-2)
    if is_numpy(array) or kind(array) == "cupy":
        return library(array).ascontiguousarray(array).view(precision(array))
    xp = library(array)
    return xp.reshape(
        xp.stack([xp.real(array), xp.imag(array)], axis=-1),
        (*array.shape[:-1], 2 * array.shape[-1]),
    )


def from_pairs(array: Array) -> Array:
    """(..., 2 n) real as (..., n) complex: what `pairs` undoes."""
    if kind(array) == "torch":
        import torch

        return torch.view_as_complex(array.unflatten(-1, (-1, 2)))
    if is_numpy(array) or kind(array) == "cupy":
        xp = library(array)
        return xp.ascontiguousarray(array).view(
            {"float32": xp.complex64, "float64": xp.complex128}[precision(array)]
        )
    return complex_of(array[..., 0::2], array[..., 1::2])


def arange(length: int, like: Array) -> Array:
    """0, 1, ..., length - 1 beside `like`: same library, device and precision, real."""
    xp = library(like)
    return xp.arange(length, dtype=getattr(xp, precision(like)), device=device(like))


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Zeros beside `like`: same library, device and type."""
    xp = library(like)
    return xp.zeros(shape, dtype=like.dtype, device=device(like))


def eye(order: int, like: Array) -> Array:
    """The identity beside `like`: same library, device and type."""
    xp = library(like)
    return xp.eye(order, dtype=like.dtype, device=device(like))


def beside(value: Array | float, like: Array) -> Array:
    """A Python number as an array beside `like`; an array is returned as it is."""
    if not isinstance(value, (int, float, complex)):
        return value
    xp = library(like)
    dtype = like.dtype if isinstance(value, complex) else getattr(xp, precision(like))
    return xp.asarray(value, dtype=dtype, device=device(like))


def fold(
    step: Callable[..., tuple[Any, Array]], state: Any, pieces: tuple[Array, ...]
) -> tuple[Any, Array]:
    """state, y_k <- step(state, piece_k of each array) along their first axis: the last state, and
    all y_k on a new first axis.

    A loop; JAX compiles its body once (jax.lax.scan).
    """
    if array_api_compat.is_jax_array(pieces[0]):
        import jax

        return jax.lax.scan(lambda state, piece: step(state, *piece), state, pieces)
    outputs = []
    for k in range(pieces[0].shape[0]):
        state, y = step(state, *(array[k, ...] for array in pieces))
        outputs.append(y)
    return state, array_api_compat.array_namespace(pieces[0]).stack(outputs)


def expm(Z: Array) -> Array:
    """The matrix exponential of (..., N, N) by scaling, the Pade approximant of degree 13 and
    squaring (Higham 2005).

    The standard has none; PyTorch's is up to 1e5 eps away for small matrices, CuPy's refuses
    complex ones, SciPy's can make NaN of a stiff triangular one. JAX's is kept, for under jit the
    number of squarings must not depend on values.
    """
    if kind(Z) == "jax":
        import jax.scipy.linalg

        return jax.scipy.linalg.expm(Z)
    xp = library(Z)
    norm = to_numpy(xp.max(xp.sum(xp.abs(Z), axis=-2), axis=-1))
    squarings = np.maximum(0, np.ceil(np.log2(np.maximum(norm, 1e-300) / _PADE_RADIUS))).astype(int)
    scale = xp.asarray(0.5**squarings, dtype=getattr(xp, precision(Z)), device=device(Z))
    Z = Z * scale[..., None, None]
    identity = eye(Z.shape[-1], Z)
    Z2 = xp.matmul(Z, Z)
    Z4 = xp.matmul(Z2, Z2)
    Z6 = xp.matmul(Z2, Z4)
    b = _PADE
    odd = (
        xp.matmul(Z6, b[13] * Z6 + b[11] * Z4 + b[9] * Z2)
        + b[7] * Z6
        + b[5] * Z4
        + b[3] * Z2
        + b[1] * identity
    )
    even = (
        xp.matmul(Z6, b[12] * Z6 + b[10] * Z4 + b[8] * Z2)
        + b[6] * Z6
        + b[4] * Z4
        + b[2] * Z2
        + b[0] * identity
    )
    odd = xp.matmul(Z, odd)
    E = xp.linalg.solve(even - odd, even + odd)
    for done in range(int(np.max(squarings, initial=0))):
        again = xp.asarray(squarings > done, device=device(Z))
        E = xp.where(again[..., None, None], xp.matmul(E, E), E)
    return E


_PADE_RADIUS = (
    5.371920351148152  # below this norm the approximant of degree 13 is exact to double precision
)
_PADE = [math.factorial(26 - k) * math.factorial(13) / (math.factorial(26) * math.factorial(k) * math.factorial(13 - k))
         for k in range(14)]  # fmt: skip


def fitting(result: Array) -> Array:
    """The result, refused on the host when it overflowed. Elsewhere values are not looked at."""
    if is_numpy(result) and not require.all_finite(result):
        remedy = (
            "Choose a stable rule or matrix, a smaller step, smaller weights, or fewer samples."
        )
        raise ValueError(
            f"the result must fit its precision; got more than {result.dtype} can hold. {remedy}"
        )
    return result


def to_numpy(array: Array) -> np.ndarray:
    """A copy of the values on the host, gradients left behind."""
    if kind(array) == "torch":
        return array.detach().cpu().resolve_conj().resolve_neg().numpy()
    if kind(array) == "cupy":
        return array.get()
    xp = library(array)
    if array_api_compat.is_array_api_strict_namespace(
        xp
    ):  # the standard knows devices but not which one is the host
        return np.asarray(array.to_device(xp.Device("CPU_DEVICE")))
    return np.asarray(array)


def move(array: Array, library: str, dtype: str | None = None, where: Any = None) -> Array:
    """The array in another library, in the precision `dtype` ("float32" or "float64", its own if
    None), on device `where`.
    """
    host = to_numpy(array)
    wanted = dtype or precision(host)
    host = host.astype(
        {"float32": np.complex64, "float64": np.complex128}[wanted] if is_complex(host) else wanted
    )
    if library == "numpy":
        return host
    try:
        xp = importlib.import_module("jax.numpy" if library == "jax" else library)
    except ImportError as error:
        remedy = f"Install it with: pip install 'ssmlinalg[{library}]'."
        why = error.__cause__ or error  # CuPy wraps the cause in a page of advice
        raise ImportError(
            f"`library` must be installed; got {library!r} ({why}). {remedy}"
        ) from error
    if library == "torch":
        return xp.asarray(host, device=where)
    if library == "cupy":
        try:
            with xp.cuda.Device(where):
                return xp.asarray(host)
        except xp.cuda.runtime.CUDARuntimeError as error:
            raise _no_gpu(xp.cuda.runtime, error, where) from error
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`device` must be the number of a GPU; got {where!r}. The first is 0."
            ) from error
    moved = xp.asarray(host, device=where)
    if precision(moved) != wanted:
        remedy = 'Call jax.config.update("jax_enable_x64", True) first, or pass dtype="float32".'
        raise ValueError(
            f"JAX must hold {wanted} to receive this array; got 64-bit types switched off. {remedy}"
        )
    return moved


def _no_gpu(runtime: Any, error: Any, where: Any) -> Exception:
    """What CuPy needs and did not find, in a sentence."""
    driver, needed = (
        f"{v // 1000}.{v % 1000 // 10}"
        for v in (runtime.driverGetVersion(), runtime.runtimeGetVersion())
    )
    if driver == "0.0":
        remedy = 'Install the driver of the GPU, or move to "numpy", "torch" or "jax".'
        return RuntimeError(f"CuPy must find an NVIDIA driver; got none ({error}). {remedy}")
    if error.status == _INSUFFICIENT_DRIVER:
        remedy = f"Update the driver, or install the CuPy made for it, cupy-cuda{driver.partition('.')[0]}x."
        return RuntimeError(
            f"the NVIDIA driver must know CUDA {needed}; got one that knows {driver}. {remedy}"
        )
    if error.status == _INVALID_DEVICE:
        count = runtime.getDeviceCount()
        return ValueError(
            f"`device` must be below the number of GPUs, {count}; got {where}. The first is 0."
        )
    return RuntimeError(
        f"CuPy must reach a GPU; got {error}. See what nvidia-smi lists, and CUDA_VISIBLE_DEVICES."
    )


_INSUFFICIENT_DRIVER, _INVALID_DEVICE = 35, 101  # of cudaError_t
