r"""Sums of powers and Cauchy sums on a GPU, by the kernels of `powers.cu`, for arrays of CuPy and
PyTorch.

CuPy compiles the kernels when they are first used, without headers, and keeps what it compiled on
disk. Their arguments are addresses, so that arrays of either library are read where they lie;
results belong to the caller's library, work is queued on the caller's current stream, and nothing
waits for it.

Cost: 4 n L real operations for sums and for moments, twice that for moments with slopes. No memory
beside the result but, of moments, a number a mode for each tile of up to 16384 samples, and of
bases that are no exponentials 2 log2(L) numbers a mode.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.resources
import importlib.util
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ..ground import backend
from ..ground.backend import Array
from ..powers import double_words
from ..powers.tables import Base

_SIDE = 16  # as in powers.cu
_THREADS = _SIDE * _SIDE
_PIECE = 1 << 12  # terms of a Cauchy sum that one block adds up
_MOST_PARTS = 1 << 24  # parts of Cauchy sums a batch entry may have
_BLOCKS = (1 << 31) - 1  # the most a grid may have; the kernels go round for more


def available() -> bool:
    """Whether CuPy is installed; nothing is imported."""
    return importlib.util.find_spec("cupy") is not None


def power_sums(weights: Array, base: Base, direct: Array, length: int, max_bytes: int) -> Array:
    """`baby_step_giant_step.power_sums`."""
    del max_bytes  # nothing is held that a bound could bound
    (G, W, n), sums = weights.shape, weights.shape[0] * weights.shape[1]
    K = _empty((G, W, length), direct)
    if not sums * length:
        return K
    height, tiles = _tiles(length, K)
    weights = weights if backend.is_complex(weights) else backend.as_complex(weights)
    weights, direct, hi, lo = (_plain(array) for array in (weights, direct, *_raised(base, length)))
    sizes = G * n, base.exponential, direct, sums, W, n, length
    _launch(f"power_sums_{_name(K)}_{height}", sums * tiles, K, weights, hi, lo, *sizes)
    return K


def gradients(cotangent: Array, weights: Array, base: Base, max_bytes: int) -> tuple[Array, Array]:
    """`baby_step_giant_step.gradients`."""
    del max_bytes
    length, xp = cotangent.shape[-1], backend.library(weights)
    s = backend.zeros(weights.shape, weights)
    s = s + cotangent[..., :1] if length else s
    if length < 2:
        return s, backend.zeros(base.value.shape, weights)
    whole, slope = _moments(cotangent, base, 1, slopes=True)
    return s + base.value[:, None, :] * whole, xp.sum(weights * slope, axis=1)


def moments(signal: Array, base: Base, max_bytes: int) -> Array:
    """`baby_step_giant_step.moments`."""
    del max_bytes
    return _moments(signal, base, 0, slopes=False)[0]


def _moments(signal: Array, base: Base, offset: int, *, slopes: bool) -> tuple[Array, Array]:
    """sum_l h_l z^l and, or else the same again, sum_l (l + 1) h_l z^l of the signal (G, W, L) from
    `offset`: (G, W, n).
    """
    (G, W, stride), n, length = signal.shape, base.value.shape[-1], signal.shape[-1] - offset
    height, tiles = _tiles(length, base.value)
    parts = [_empty((G, W, tiles, n), base.value) for _ in range(1 + slopes)]
    if G * W * n * length:
        signal, hi, lo = (_plain(array) for array in (signal, *_raised(base, length)))
        sizes = G * n, base.exponential, G * W, W, n, length, stride, offset
        name = "slopes" if slopes else "moments"
        _launch(f"{name}_{_name(signal)}_{height}", G * W * tiles, *parts, signal, hi, lo, *sizes)
    sums = [backend.library(part).sum(part, axis=2) for part in parts]
    return sums[0], sums[-1]


def cauchy(weights: Array, nodes: Array, points: Array) -> Array:
    """`cauchy.cauchy` of complex weights, nodes (B, n) and points (B, K): (B, K)."""
    return _cauchy(weights, nodes, points, slopes=False)[0]


def cauchy_gradients(
    cotangent: Array, weights: Array, nodes: Array, points: Array
) -> tuple[Array, Array, Array]:
    """s, r (B, n) and t (B, K) of cotangents g (B, K): sum_k g_k df_k = sum s dw + sum r dlambda +
    sum t dz, complex.

    Sums over points are Cauchy sums with points and nodes exchanged.
    """
    to_nodes, steep = _cauchy(cotangent, points, nodes, slopes=True)
    return -to_nodes, weights * steep, -cotangent * _cauchy(weights, nodes, points, slopes=True)[1]


def _cauchy(weights: Array, nodes: Array, points: Array, *, slopes: bool) -> tuple[Array, Array]:
    """sum_n w_n / (z_k - lambda_n) and, or else the same again, sum_n w_n / (z_k - lambda_n)^2: (B,
    K).
    """
    (B, n), count = weights.shape, points.shape[-1]
    lanes = 1 if count >= n else 16  # threads for a point
    each = max(_PIECE, -(-n * count // _MOST_PARTS))
    pieces, tiles = -(-n // each), -(-count // (_THREADS // lanes))
    parts = [_empty((B, pieces, count), weights) for _ in range(1 + slopes)]
    if B * n * count:
        weights, nodes, points = (_plain(array) for array in (weights, nodes, points))
        name = "cauchy_slopes" if slopes else "cauchy"
        _launch(
            f"{name}_{_name(weights)}_{lanes}",
            B * pieces * tiles,
            *parts,
            weights,
            nodes,
            points,
            B,
            n,
            count,
            each,
        )
    sums = [backend.library(part).sum(part, axis=1) for part in parts]
    return sums[0], sums[-1]


def _raised(base: Base, length: int) -> tuple[Array, Array]:
    """The two words of a base, of the kind the kernels raise to powers: z^{2^j} for every bit j of
    a power.
    """
    if base.exponential:
        return base.words.hi, base.words.lo
    squares = backend.iterate(double_words.square, base.words, max(1, (length - 1).bit_length()))
    xp = backend.library(base.value)
    return xp.stack([square.hi for square in squares]), xp.stack([square.lo for square in squares])


def _tiles(length: int, like: Array) -> tuple[int, int]:
    """How many rows a thread has, and how many tiles a sum: short sums have short tiles, so that
    fewer rows are idle.
    """
    width = _SIDE * (8 if _name(like) == "float" else 4)
    height = 8 if length > 4 * _SIDE * width else 1
    return height, -(-length // (height * _SIDE * width))


def _name(array: Array) -> str:
    return {"float32": "float", "float64": "double"}[backend.precision(array)]


def _plain(array: Array) -> Array:
    """The array's numbers in a row, conjugation and negation done."""
    if backend.kind(array) == "torch":
        return array.detach().resolve_conj().resolve_neg().contiguous()
    return backend.library(array).ascontiguousarray(array)


def _empty(shape: tuple[int, ...], like: Array) -> Array:
    """Numbers to be written, beside `like`."""
    xp = backend.library(like)
    try:
        return xp.empty(shape, dtype=like.dtype, device=backend.device(like))
    except (MemoryError, RuntimeError) as error:  # CuPy's and PyTorch's
        if "memory" not in str(error):
            raise
        size = np.prod(shape, dtype=object) * like.dtype.itemsize
        remedy = "Ask for fewer samples or channels at a time: nothing else is held that `max_bytes` could bound."
        raise MemoryError(
            f"the result must fit in the free memory of the GPU; got {size} bytes to hold. {remedy}"
        ) from error


def _launch(name: str, blocks: int, *arguments: Any) -> None:
    """Queue a kernel on the current stream of the library of the arrays, the first argument's."""
    out = arguments[0]
    values = tuple(
        np.int64(value) if isinstance(value, int) else _address(value) for value in arguments
    )
    with _cupy().cuda.Device(_index(out)), _stream(out):
        _module().get_function(name)((min(blocks, _BLOCKS),), (_THREADS,), values)


def _address(array: Array) -> np.uint64:
    if backend.is_numpy(array):
        return np.uint64(array.ctypes.data)
    return np.uint64(array.data_ptr() if backend.kind(array) == "torch" else array.data.ptr)


def _index(array: Array) -> int:
    return array.device.index if backend.kind(array) == "torch" else array.device.id


def _stream(array: Array) -> AbstractContextManager[Any]:
    if backend.kind(array) == "torch":
        torch = importlib.import_module("torch")
        return _cupy().cuda.ExternalStream(
            torch.cuda.current_stream(array.device).cuda_stream, _index(array)
        )
    return contextlib.nullcontext()  # of each device CuPy knows the current one


def source() -> str:
    """The kernels, in CUDA C++."""
    return (
        importlib.resources.files(__name__.rpartition(".")[0])
        .joinpath("powers.cu")
        .read_text(encoding="ascii")
    )


@functools.cache
def _module() -> Any:
    """The kernels compiled, or from CuPy's cache on disk."""
    cupy = _cupy()
    try:
        module = cupy.RawModule(code=source(), options=("-std=c++17",))
        module.compile()
    except (RuntimeError, OSError, cupy.cuda.compiler.CompileException) as error:
        remedy = "Install a CuPy made for the CUDA version of the driver, with NVRTC: cupy-cuda12x[ctk] or cupy-cuda13x[ctk]."
        raise RuntimeError(
            f"CuPy must be able to compile for this GPU; got {_first_line(error)}. {remedy}"
        ) from error
    return module


@functools.cache
def _cupy() -> Any:
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        remedy = "Install it with: pip install 'ssmlinalg[cupy]'."
        raise ImportError(
            f"sums on a GPU must have CuPy; got {_first_line(error.__cause__ or error)}. {remedy}"
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        count, reason = 0, _first_line(error)
    else:
        reason = "a machine without one"
    if not count:
        raise RuntimeError(
            f"CuPy must find a GPU and its driver; got {reason}. Look at nvidia-smi, or use NumPy arrays."
        )
    return cupy


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
