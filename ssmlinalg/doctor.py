"""Which array libraries work here: each runs a small model and is compared with NumPy. And which
parts of a GPU are there.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import sys
from typing import Any, NamedTuple

import numpy as np

from .forms import move
from .ground.backend import LIBRARIES, device, to_numpy
from .inits import ptd_init
from .kernels import kernel

# Where the model runs: a library and a device of it, None for the one it takes by itself.
_PLACES: dict[str, tuple[str, str | None]] = {
    **{name: (name, None) for name in LIBRARIES},
    "torch.cuda": ("torch", "cuda"),
}


class Probe(NamedTuple):
    """One library in one precision: `error` is the largest difference from NumPy in float64,
    relative to the largest entry.

    `works` says whether the model ran and `error` stays below `allowed`; if not, `reason` says why.
    `device` is where it ran; it is empty and `error` NaN where it did not run, `version` empty
    where there is no such library.
    """

    library: str
    dtype: str
    version: str
    device: str
    works: bool
    error: float
    allowed: float
    reason: str


class Part(NamedTuple):
    """One thing that a GPU needs: `found` is its version or name, empty if it is missing, and then
    `reason` says why.
    """

    name: str
    found: str
    reason: str


def examine() -> list[Probe]:
    """Run the kernel of a 4-channel PTD model of order 8 on every library, in both precisions, and
    on CUDA with PyTorch.

    Nothing is taken on trust from an import: a library that loads but fails when used is reported
    with its own words.

    >>> examine()[0].works
    True
    """
    return [_examine(place, dtype) for place in _PLACES for dtype in ("float64", "float32")]


def graphics() -> list[Part]:
    """The driver and each GPU it knows, asked without any library; then CuPy, its CUDA runtime and
    its compiler, NVRTC.

    >>> [part.name for part in graphics()][0]
    'NVIDIA driver'
    """
    return [*_driver(), *_cupy()]


def _examine(place: str, dtype: str) -> Probe:
    library, where = _PLACES[place]
    length = 64
    form = ptd_init(8, channels=4)
    expected = kernel(form, length)
    allowed = 16 * length * float(np.finfo(dtype).eps)
    version = ""
    try:
        with contextlib.suppress(ImportError):  # `move` has the sentence
            version = importlib.import_module(library).__version__
        K = kernel(move(form, library, dtype=dtype, device=where), length)
        got = to_numpy(K)
    except Exception as error:  # whatever a library raises, the others are examined
        remedy = (
            f"Reinstall {library}, or do without it."
            if where is None
            else "Take a PyTorch made for CUDA, and a GPU."
        )
        reason = _sentence(f"the kernel must run on {place}", error, remedy)
        return Probe(place, dtype, version, "", False, float("nan"), allowed, reason)
    error = float(np.abs(got - expected).max() / np.abs(expected).max())
    works = error <= allowed
    reason = "" if works else f"differs from NumPy by {error:.2g}"
    return Probe(place, dtype, version, str(device(K)), works, error, allowed, reason)


def _driver() -> list[Part]:
    rule = "a GPU must have an NVIDIA driver"
    try:
        cuda: Any = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        return [
            Part("NVIDIA driver", "", _sentence(rule, error, "Install it where there is a GPU."))
        ]
    version, count, gpu = (ctypes.c_int() for _ in range(3))
    cuda.cuDriverGetVersion(ctypes.byref(version))
    driver = Part("NVIDIA driver", f"CUDA {_dotted(version.value)}", "")
    status = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    if status or not count.value:
        said = ctypes.c_char_p()
        cuda.cuGetErrorName(status, ctypes.byref(said))
        got = (
            said.value.decode()
            if status and said.value
            else f"error {status}"
            if status
            else "none"
        )
        return [
            driver,
            Part(
                "GPU",
                "",
                f"the driver must know a GPU; got {got}. See nvidia-smi and CUDA_VISIBLE_DEVICES.",
            ),
        ]
    parts = [driver]
    for number in range(count.value):
        name, size = ctypes.create_string_buffer(256), ctypes.c_size_t()
        cuda.cuDeviceGet(ctypes.byref(gpu), number)
        cuda.cuDeviceGetName(name, len(name), gpu)
        cuda.cuDeviceTotalMem_v2(ctypes.byref(size), gpu)
        parts.append(
            Part(f"GPU {number}", f"{name.value.decode()}, {size.value / 2**30:.3g} GiB", "")
        )
    return parts


def _cupy() -> list[Part]:
    try:
        cupy: Any = importlib.import_module("cupy")
        parts = [
            Part("CuPy", cupy.__version__, ""),
            Part("CUDA runtime", _dotted(cupy.cuda.runtime.runtimeGetVersion()), ""),
        ]
    except (
        Exception
    ) as error:  # what is missing, or what is there under that name, may fail in any way
        remedy = "Install it with: pip install 'ssmlinalg[cupy]'; PyTorch takes matrix products without it."
        return [
            Part("CuPy", "", _sentence("CuPy must be installed", error.__cause__ or error, remedy))
        ]
    try:
        return [*parts, Part("NVRTC", "{}.{}".format(*cupy.cuda.nvrtc.getVersion()), "")]
    except (
        Exception
    ) as error:  # a library that is loaded when it is first asked can fail in many ways
        remedy = "Install the CUDA toolkit, or the parts that CuPy needs: pip install 'cupy-cuda12x[ctk]'."
        return [*parts, Part("NVRTC", "", _sentence("CuPy must find its compiler", error, remedy))]


def _dotted(version: int) -> str:
    """12080 is CUDA 12.8."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _sentence(rule: str, error: BaseException, remedy: str) -> str:
    """An error of ours as it is; any other as what broke the rule."""
    said = str(error).strip().partition("\n")[0].rstrip(".")
    return (
        str(error)
        if "; got " in said
        else f"{rule}; got {type(error).__name__}{f' ({said})' if said else ''}. {remedy}"
    )
