"""The array libraries of this machine, each run and compared with NumPy, and the parts of a GPU."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import sys
from typing import Any, NamedTuple

import numpy as np

from .forms import move
from .ground.backend import LIBRARIES, DeviceError, device, to_numpy
from .ground.backend.libraries import Array
from .ground.formats import FORMATS, PRECISIONS
from .inits import ptd_init
from .kernels import kernel

__all__ = [
    "PLACES",
    "Part",
    "Place",
    "Probe",
    "examine",
    "graphics",
]


def __dir__() -> list[str]:
    return __all__


class Place(NamedTuple):
    """A place where the model can run: a library, and a device of it or None for its default."""

    library: str
    device: str | None = None


PLACES = {name: Place(name) for name in LIBRARIES} | {"torch.cuda": Place("torch", "cuda")}
_LENGTH = 64
# Of what `move` refuses, why: the value that it refuses is a number type.
_STATES = {ImportError: "not installed", DeviceError: "no device", ValueError: "switched off"}


class Probe(NamedTuple):
    """One library in one precision.

    Attributes:
        library: its name, or "torch.cuda".
        dtype: "float64" or "float32".
        version: empty where there is no such library.
        device: where the model ran; empty where it did not.
        works: whether the model ran, and `error` is at most `allowed`.
        state: the same in words: "works", "differs" from NumPy, "fails", "not installed", "no
            device", "switched off" (64-bit numbers, in JAX).
        error: the largest difference from NumPy in float64, relative to the largest entry; NaN
            where the model did not run.
        allowed: the error that rounding allows.
        reason: one sentence that says why it does not work; empty if it does.
    """

    library: str
    dtype: str
    version: str
    device: str
    works: bool
    state: str
    error: float
    allowed: float
    reason: str


class Part(NamedTuple):
    """One thing that a GPU needs.

    Attributes:
        name: what it is.
        found: its version or name; empty if it is missing.
        reason: one sentence that says why it is missing; empty if it is found.
    """

    name: str
    found: str
    reason: str


def examine() -> list[Probe]:
    """Run the kernel of a small model on every library and compare it with NumPy.

    The model is a PTD one of order 8 with 4 channels. It runs in both precisions, with PyTorch on
    CUDA as well. Nothing is taken on trust from an import: a library that loads but fails when used
    is reported with its own words.

    Returns:
        A `Probe` for each place and precision.

    Example:
        >>> examine()[0].works
        True
    """
    return [_probe(name, dtype) for name in PLACES for dtype in reversed(PRECISIONS)]


def graphics() -> list[Part]:
    """The parts of this machine that a GPU needs.

    The driver and each GPU it knows, asked without any library; then CuPy, its CUDA runtime and its
    compiler, NVRTC.

    Returns:
        A `Part` for each, missing ones too.

    Example:
        >>> [part.name for part in graphics()][0]
        'NVIDIA driver'
    """
    return [*_driver(), *_cupy()]


def _probe(name: str, dtype: str) -> Probe:
    """One place of `PLACES` in one precision."""
    place = PLACES[name]
    allowed = 16 * _LENGTH * FORMATS[dtype].eps
    form = ptd_init(8, channels=4)
    expected = kernel(form, _LENGTH)
    K, state, reason = _run(name, form, dtype)
    if K is None:
        return Probe(
            library=name,
            dtype=dtype,
            version=_version(place.library),
            device="",
            works=False,
            state=state,
            error=float("nan"),
            allowed=allowed,
            reason=reason,
        )
    error = float(np.max(np.abs(to_numpy(K) - expected)) / np.max(np.abs(expected)))
    works = error <= allowed
    return Probe(
        library=name,
        dtype=dtype,
        version=_version(place.library),
        device=str(device(K)),
        works=works,
        state="works" if works else "differs",
        error=error,
        allowed=allowed,
        reason="" if works else f"differs from NumPy by {error:.2g}",
    )


def _run(name: str, form: Any, dtype: str) -> tuple[Array | None, str, str]:
    """The kernel in one place, computed to its end; or None, the state, and why it is so."""
    library, where = PLACES[name]
    try:
        moved = move(form, library, dtype=dtype, device=where)
    except (ImportError, DeviceError, ValueError) as error:  # `move` has the sentence
        return None, _STATES[type(error)], str(error)
    except Exception as error:  # whatever a library raises, the others are examined
        return None, "fails" if where is None else "no device", _failed(name, error)
    try:
        K = kernel(moved, _LENGTH)
        to_numpy(K)  # libraries that compute later fail here
    except Exception as error:
        return None, "fails", _failed(name, error)
    return K, "works", ""


def _failed(name: str, error: Exception) -> str:
    """The sentence for an error of a library."""
    library, where = PLACES[name]
    remedy = "Take a PyTorch made for CUDA, and a GPU."
    if where is None:
        remedy = f"Reinstall {library}, or do without it."
    return _sentence(f"the kernel must run on {name}", error, remedy)


def _version(library: str) -> str:
    with contextlib.suppress(ImportError):
        return importlib.import_module(library).__version__
    return ""


def _driver() -> list[Part]:
    """The NVIDIA driver, and each GPU that it knows."""
    try:
        cuda: Any = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        rule = "a GPU must have an NVIDIA driver"
        reason = _sentence(rule, error, "Install it where there is a GPU.")
        return [Part("NVIDIA driver", "", reason)]
    version = ctypes.c_int()
    count = ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    driver = Part("NVIDIA driver", f"CUDA {_dotted(version.value)}", "")
    status = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    if status or not count.value:
        got = _error_name(cuda, status) if status else "none"
        remedy = "See nvidia-smi and CUDA_VISIBLE_DEVICES."
        return [driver, Part("GPU", "", f"the driver must know a GPU; got {got}. {remedy}")]
    return [driver, *(_gpu(cuda, number) for number in range(count.value))]


def _error_name(cuda: Any, status: int) -> str:
    name = ctypes.c_char_p()
    cuda.cuGetErrorName(status, ctypes.byref(name))
    return name.value.decode() if name.value else f"error {status}"


def _gpu(cuda: Any, number: int) -> Part:
    """The name and the memory of one GPU."""
    gpu = ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t()
    cuda.cuDeviceGet(ctypes.byref(gpu), number)
    cuda.cuDeviceGetName(name, len(name), gpu)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(size), gpu)
    found = f"{name.value.decode()}, {size.value / 2**30:.3g} GiB"
    return Part(f"GPU {number}", found, "")


def _cupy() -> list[Part]:
    """CuPy, the CUDA runtime that it is made for, and the compiler that it finds."""
    try:
        cupy: Any = importlib.import_module("cupy")
        runtime = _dotted(cupy.cuda.runtime.runtimeGetVersion())
        parts = [Part("CuPy", cupy.__version__, ""), Part("CUDA runtime", runtime, "")]
    except Exception as error:  # another thing under that name may fail in any way
        reason = _sentence(
            "CuPy must be installed",
            error.__cause__ or error,
            "Install it with: pip install 'ssmlinalg[cupy]'; "
            "PyTorch takes matrix products without it.",
        )
        return [Part("CuPy", "", reason)]
    return [*parts, _compiler(cupy)]


def _compiler(cupy: Any) -> Part:
    """NVRTC, which CuPy loads when it is first asked."""
    try:
        major, minor = cupy.cuda.nvrtc.getVersion()
    except Exception as error:  # a library that is loaded now can fail in many ways
        reason = _sentence(
            "CuPy must find its compiler",
            error,
            "Install the CUDA toolkit, or the parts that CuPy needs: "
            "pip install 'cupy-cuda12x[ctk]'.",
        )
        return Part("NVRTC", "", reason)
    return Part("NVRTC", f"{major}.{minor}", "")


def _dotted(version: int) -> str:
    """CUDA's 12080 as 12.8."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _sentence(rule: str, error: BaseException, remedy: str) -> str:
    """The rule that an error of another library broke, the first line of it, and the remedy."""
    said = str(error).strip().partition("\n")[0].rstrip(".")
    got = type(error).__name__ + (f" ({said})" if said else "")
    return f"{rule}; got {got}. {remedy}"
