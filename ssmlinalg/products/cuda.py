r"""Exponential sums and Cauchy sums on a GPU, by the kernels of `powers.cu`: CuPy and PyTorch.

CuPy compiles the kernels when they are first used, without headers, and keeps what it compiled on
disk. Their arguments are addresses, so that arrays of either library are read where they lie.
Results belong to the caller's library, work is queued on the caller's current stream, and nothing
waits for it.

Cost:
    4 n L real operations for sums and for moments, twice that for moments with slopes.
    No memory beside the result but, for moments, a number a mode for each tile of up to 16384
    samples and, for bases that are no exponentials, 2 log2(L) numbers a mode.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
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
_TYPES = {"float32": "float", "float64": "double"}  # of C


def available() -> bool:
    """Whether CuPy is installed; nothing is imported.

    Returns:
        True also where there is no GPU.

    Example:
        >>> available() == (importlib.util.find_spec("cupy") is not None)
        True
    """
    return importlib.util.find_spec("cupy") is not None


def power_sums(
    weights: Array,
    base: Base,
    direct: Array,
    length: int,
    max_bytes: int,
) -> Array:
    """K_l = Re sum_n w_n z_n^l for l < L, with a direct path at l = 0.

    Args:
        weights: w (G, W, n).
        base: z (G, n).
        direct: what is added at l = 0, (G, W).
        length: L.
        max_bytes: of no effect, for nothing is held that it could bound.

    Returns:
        The sums (G, W, L), real.

    Raises:
        MemoryError: if the result does not fit in the free memory.
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU, or CuPy cannot compile for it.

    Example:
        >>> power_sums(weights, base, direct, 1000, 0)  # doctest: +SKIP
    """
    del max_bytes
    G, W, n = weights.shape
    K = allocated((G, W, length), direct)
    if not G * W * length:
        return K
    height, tiles = _tiles(length, K)
    weights = weights if backend.is_complex(weights) else backend.as_complex(weights)
    launch(
        f"power_sums_{_type(K)}_{height}",
        G * W * tiles,
        K,
        _contiguous(weights),
        *_raised(base, length),
        G * n,
        base.exponential,
        _contiguous(direct),
        G * W,
        W,
        n,
        length,
    )
    return K


def gradients(cotangent: Array, weights: Array, base: Base, max_bytes: int) -> tuple[Array, Array]:
    """s and r with sum_l g_l dK_l = Re(sum s dw + sum r dz), for K of `power_sums`.

    Args:
        cotangent: g (G, W, L).
        weights: w (G, W, n).
        base: z (G, n).
        max_bytes: of no effect, for nothing is held that it could bound.

    Returns:
        s (G, W, n) and r (G, n), complex.

    Raises:
        MemoryError: if the result does not fit in the free memory.
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU, or CuPy cannot compile for it.

    Example:
        >>> gradients(cotangent, weights, base, 0)  # doctest: +SKIP
    """
    del max_bytes
    xp = backend.library(weights)
    length = cotangent.shape[-1]
    s = backend.zeros(weights.shape, weights)
    s = s + cotangent[..., :1] if length else s
    if length < 2:
        return s, backend.zeros(base.value.shape, weights)
    whole, slope = _moments(cotangent, base, 1, slopes=True)
    return s + base.value[:, None, :] * whole, xp.sum(weights * slope, axis=1)


def moments(signal: Array, base: Base, max_bytes: int) -> Array:
    """s_n = sum_l g_l z_n^l.

    Args:
        signal: g (G, W, L), real.
        base: z (G, n).
        max_bytes: of no effect, for nothing is held that it could bound.

    Returns:
        The moments (G, W, n), complex.

    Raises:
        MemoryError: if the result does not fit in the free memory.
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU, or CuPy cannot compile for it.

    Example:
        >>> moments(signal, base, 0)  # doctest: +SKIP
    """
    del max_bytes
    return _moments(signal, base, 0, slopes=False)[0]


def _moments(signal: Array, base: Base, offset: int, *, slopes: bool) -> tuple[Array, Array]:
    """sum_l h_l z^l and, or else the same again, sum_l (l + 1) h_l z^l: (G, W, n).

    h_l = signal_{l+offset}, of a signal (G, W, L).
    """
    G, W, stride = signal.shape
    n = base.value.shape[-1]
    length = stride - offset
    height, tiles = _tiles(length, base.value)
    parts = [allocated((G, W, tiles, n), base.value) for _ in range(1 + slopes)]
    if G * W * n * length:
        signal = _contiguous(signal)
        name = "slopes" if slopes else "moments"
        launch(
            f"{name}_{_type(signal)}_{height}",
            G * W * tiles,
            *parts,
            signal,
            *_raised(base, length),
            G * n,
            base.exponential,
            G * W,
            W,
            n,
            length,
            stride,
            offset,
        )
    sums = [backend.library(part).sum(part, axis=2) for part in parts]
    return sums[0], sums[-1]


def cauchy(weights: Array, nodes: Array, points: Array) -> Array:
    """f(z_k) = sum_n w_n / (z_k - lambda_n).

    Args:
        weights: w (B, n), complex.
        nodes: lambda (B, n), complex.
        points: z (B, K), complex.

    Returns:
        The sums (B, K), complex.

    Raises:
        MemoryError: if the result does not fit in the free memory.
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU, or CuPy cannot compile for it.

    Example:
        >>> cauchy(weights, nodes, points)  # doctest: +SKIP
    """
    return _cauchy(weights, nodes, points, slopes=False)[0]


def cauchy_gradients(
    cotangent: Array, weights: Array, nodes: Array, points: Array
) -> tuple[Array, Array, Array]:
    """s, r and t with sum_k g_k df_k = sum s dw + sum r dlambda + sum t dz, for f of `cauchy`.

    Sums over points are Cauchy sums with points and nodes exchanged.

    Args:
        cotangent: g (B, K).
        weights: w (B, n).
        nodes: lambda (B, n).
        points: z (B, K).

    Returns:
        s (B, n), r (B, n) and t (B, K), complex.

    Raises:
        MemoryError: if the result does not fit in the free memory.
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU, or CuPy cannot compile for it.

    Example:
        >>> cauchy_gradients(cotangent, weights, nodes, points)  # doctest: +SKIP
    """
    to_nodes, steep = _cauchy(cotangent, points, nodes, slopes=True)
    _, slope = _cauchy(weights, nodes, points, slopes=True)
    return -to_nodes, weights * steep, -cotangent * slope


def _cauchy(weights: Array, nodes: Array, points: Array, *, slopes: bool) -> tuple[Array, Array]:
    """sum_n w_n / (z_k - lambda_n) and, or else the same again, sum_n w_n / (z_k - lambda_n)^2."""
    B, n = weights.shape
    count = points.shape[-1]
    lanes = 1 if count >= n else 16  # threads for a point
    each = max(_PIECE, -(-n * count // _MOST_PARTS))
    pieces = -(-n // each)
    tiles = -(-count // (_THREADS // lanes))
    parts = [allocated((B, pieces, count), weights) for _ in range(1 + slopes)]
    if B * n * count:
        name = "cauchy_slopes" if slopes else "cauchy"
        launch(
            f"{name}_{_type(weights)}_{lanes}",
            B * pieces * tiles,
            *parts,
            _contiguous(weights),
            _contiguous(nodes),
            _contiguous(points),
            B,
            n,
            count,
            each,
        )
    sums = [backend.library(part).sum(part, axis=1) for part in parts]
    return sums[0], sums[-1]


def _raised(base: Base, length: int) -> tuple[Array, Array]:
    """The two words that the kernels raise to powers: those of x, or of z^{2^j} for every bit j."""
    xp = backend.library(base.value)
    hi, lo = base.words
    words = double_words.DoubleWord(hi, xp.zeros_like(hi) if lo is None else lo)
    if not base.exponential:
        bits = max(1, (length - 1).bit_length())
        squares = backend.iterate(double_words.square, words, bits)
        hi = xp.stack([square.hi for square in squares])
        lo = xp.stack([square.lo for square in squares])
        words = double_words.DoubleWord(hi, lo)
    return _contiguous(words.hi), _contiguous(words.lo)


def _tiles(length: int, like: Array) -> tuple[int, int]:
    """How many rows a thread has, and how many tiles a sum: fewer rows are idle in short tiles."""
    width = _SIDE * (8 if _type(like) == "float" else 4)
    height = 8 if length > 4 * _SIDE * width else 1
    return height, -(-length // (height * _SIDE * width))


def _type(array: Array) -> str:
    return _TYPES[backend.precision(array)]


def _contiguous(array: Array) -> Array:
    """The numbers in a row, conjugation and negation done."""
    if backend.kind(array) == "torch":
        return array.detach().resolve_conj().resolve_neg().contiguous()
    return backend.library(array).ascontiguousarray(array)


def allocated(shape: tuple[int, ...], like: Array) -> Array:
    """An array whose numbers are yet to be written.

    Args:
        shape: the lengths of the axes.
        like: an array that gives library, device and type.

    Returns:
        An array of that shape.

    Raises:
        MemoryError: if it does not fit in the free memory.

    Example:
        >>> allocated((2, 3), np.ones(1)).shape
        (2, 3)
    """
    xp = backend.library(like)
    try:
        return xp.empty(shape, dtype=like.dtype, device=backend.device(like))
    except _out_of_memory(like) as error:
        size = np.prod(shape, dtype=object) * like.dtype.itemsize
        raise MemoryError(
            f"the result must fit in the free memory of the GPU; got {size} bytes to hold. "
            "Ask for fewer samples or channels at a time: nothing else is held that `max_bytes` "
            "could bound."
        ) from error


def _out_of_memory(like: Array) -> type[Exception]:
    """The error of the array's library; that of CuPy is a MemoryError."""
    if backend.kind(like) == "torch":
        return importlib.import_module("torch").cuda.OutOfMemoryError
    return MemoryError


def launch(kernel: str, blocks: int, *arguments: Any) -> None:
    """Queue a kernel on the current stream of the library of the arrays.

    Args:
        kernel: its name in `powers.cu`.
        blocks: how many blocks of threads there is work for.
        *arguments: arrays and integers in the order of the kernel, a result first.

    Raises:
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU, or CuPy cannot compile for it.

    Example:
        >>> launch("power_sums_float_8", 12, K, weights, hi, lo, n, True)  # doctest: +SKIP
    """
    result = arguments[0]
    values = tuple(
        np.int64(value) if isinstance(value, int) else address(value) for value in arguments
    )
    with cupy_with_gpu().cuda.Device(_index(result)), _stream(result):
        compiled().get_function(kernel)((min(blocks, _BLOCKS),), (_THREADS,), values)


def address(array: Array) -> np.uint64:
    """Where the numbers of an array begin.

    Args:
        array: an array of NumPy, CuPy or PyTorch.

    Returns:
        An address in the memory of its device.

    Example:
        >>> array = np.ones(2)
        >>> address(array) == array.ctypes.data
        np.True_
    """
    if backend.is_numpy(array):
        return np.uint64(array.ctypes.data)
    return np.uint64(array.data_ptr() if backend.kind(array) == "torch" else array.data.ptr)


def _index(array: Array) -> int:
    return array.device.index if backend.kind(array) == "torch" else array.device.id


def _stream(array: Array) -> AbstractContextManager[Any]:
    if backend.kind(array) != "torch":
        return contextlib.nullcontext()  # of each device CuPy knows the current one
    torch = importlib.import_module("torch")
    stream = torch.cuda.current_stream(array.device).cuda_stream
    return cupy_with_gpu().cuda.ExternalStream(stream, _index(array))


def source() -> str:
    """The kernels, in CUDA C++.

    Returns:
        The text of `powers.cu`.

    Example:
        >>> "power_sums" in source()
        True
    """
    folder = importlib.resources.files(__name__.rpartition(".")[0])
    return folder.joinpath("powers.cu").read_text(encoding="ascii")


@functools.cache
def compiled() -> Any:
    """The kernels compiled, or from CuPy's cache on disk.

    Returns:
        A `cupy.RawModule`.

    Raises:
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU, or CuPy cannot compile for it.

    Example:
        >>> compiled().get_function("power_sums_float_8")  # doctest: +SKIP
    """
    cupy = cupy_with_gpu()
    try:
        module = cupy.RawModule(code=source(), options=("-std=c++17",))
        module.compile()
    except (RuntimeError, OSError, cupy.cuda.compiler.CompileException) as error:
        raise RuntimeError(
            f"CuPy must be able to compile for this GPU; got {_first_line(error)}. "
            "Install a CuPy made for the CUDA version of the driver, with NVRTC: "
            "cupy-cuda12x[ctk] or cupy-cuda13x[ctk]."
        ) from error
    return module


@functools.cache
def cupy_with_gpu() -> Any:
    """CuPy, once it is known to find a GPU.

    Returns:
        The module.

    Raises:
        ImportError: if CuPy is missing.
        RuntimeError: if there is no GPU or no driver.

    Example:
        >>> cupy_with_gpu().cuda.runtime.getDeviceCount()  # doctest: +SKIP
        1
    """
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise ImportError(
            f"sums on a GPU must have CuPy; got {_first_line(error.__cause__ or error)}. "
            "Install it with: pip install 'ssmlinalg[cupy]'."
        ) from error
    count = 0
    reason = "a machine without one"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        reason = _first_line(error)
    if not count:
        raise RuntimeError(
            f"CuPy must find a GPU and its driver; got {reason}. "
            "Look at nvidia-smi, or use NumPy arrays."
        )
    return cupy


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
