"""How fast is the kernel on a GPU, against the sums that others take, and against what its memory
and its arithmetic allow?

    python benchmarks/gpu.py [--device cuda] [--shorter 1]

Everything is float32: a kernel is timed from A, B, C and step to K, and with the gradients of sum g
K in A, C and step. Milliseconds are medians of nine runs after two to warm up, of three where a run
takes longer than 0.3 s, between two events on the stream; JAX queues work on streams of its own and
is timed by the clock until its result is there. `gain` is the time of the best peer over this one.
`memory` is this one over filling an array of the shape of K, with gradients over copying one, for g
is read as well. `arithmetic` is this one over 4 N H L operations, 12 with gradients, at the speed
of a matrix product in float32. `error` is that of kernels.py: over 64 channels and about 100 lags,
against extended precision for the very numbers given. N counts pairs of modes. The whole is meant
to take less than eight minutes.

`matrix products` is what PyTorch runs where CuPy is not installed. `--device cpu --shorter 64` runs
on the processor, with L divided, to see that all works: its times mean nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import importlib
import importlib.metadata
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

os.environ.setdefault(
    "XLA_PYTHON_CLIENT_PREALLOCATE", "false"
)  # or JAX takes most of the memory for itself

import numpy as np
import torch
from kernels import (
    Kernel,
    deviation,
    exact,
    forward,
    gradients,
    held,
    jax_sum,
    model,
    number,
    sample,
    table,
    true_gradients,
    true_kernel,
)

from ssmlinalg import discretize, doctor, forms, kernel
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.powers import tables
from ssmlinalg.powers.double_words import DoubleWord
from ssmlinalg.powers.tables import Base
from ssmlinalg.products import MAX_BYTES, baby_step_giant_step

SIZES = (
    (1024, 32, 2**14),
    (4096, 32, 2**12),
    (256, 32, 2**20),
)  # the largest last: JAX keeps the memory it has taken


class Contender(NamedTuple):
    """A kernel, the library of its arrays, and whether it has gradients and is a peer."""

    name: str
    library: str
    kernel: Kernel
    gradients: bool = True
    peer: bool = False


class Bounds(NamedTuple):
    """Milliseconds below which no kernel of a size can be."""

    memory: float
    arithmetic: float


# Contenders


class _Products(torch.autograd.Function):
    """The sums of powers by matrix products, whatever else is installed."""

    @staticmethod
    def forward(ctx, weights, value, hi, lo, length):  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(weights, value, hi, lo)
        direct = torch.zeros_like(weights[..., 0].real)
        return baby_step_giant_step.power_sums(
            weights, Base(value, DoubleWord(hi, lo), exponential=True), direct, length, MAX_BYTES
        )

    @staticmethod
    def backward(ctx, g):  # pyright: ignore[reportIncompatibleMethodOverride]
        weights, value, hi, lo = ctx.saved_tensors
        s, r = baby_step_giant_step.gradients(
            g, weights, Base(value, DoubleWord(hi, lo), exponential=True), MAX_BYTES
        )
        return s.conj(), r.conj(), None, None, None


def matrix_products(form: Any, length: int) -> torch.Tensor:
    """The kernel by matrix products."""
    base = tables.exponential(form.step[..., None], form.A)
    _, B, C, _ = discretize.zoh(form)
    sums: Any = _Products.apply(2 * (C * B)[:, None], base.value, *base.words, length)
    return sums[:, 0]


def plain_sum(form: Any, length: int) -> torch.Tensor:
    """The (H, N, L) table and its sum, as log_vandermonde_naive of state-spaces/s4 and the minimal
    S4D do.
    """
    z, weights = held(form, torch.exp)
    lags = torch.arange(length, device=z.device)
    return 2 * torch.einsum("hn,hnl->hl", weights, torch.exp(z[..., None] * lags)).real


def compiled_sum(form: Any, length: int) -> torch.Tensor:
    """The same by torch.compile, in real numbers, for its compiler fuses no complex ones."""
    z, weights = held(form, torch.exp)
    return compiled()(z.real, z.imag, weights.real, weights.imag, length)


@functools.cache
def compiled() -> Callable[..., torch.Tensor]:
    """2 Re sum_n w_n e^{l z_n} of real and imaginary parts."""

    def real_sum(rate: Any, turn: Any, real: Any, imag: Any, length: int) -> torch.Tensor:
        lags = torch.arange(length, device=rate.device, dtype=rate.dtype)
        growth = torch.exp(rate[..., None] * lags)
        angle = turn[..., None] * lags
        return 2 * torch.sum(
            growth * (real[..., None] * torch.cos(angle) - imag[..., None] * torch.sin(angle)),
            dim=-2,
        )

    return torch.compile(real_sum, dynamic=False)


def contenders(where: str) -> list[Contender]:
    """Those that can work on this device; of each other library a sentence says why it is left
    out.
    """
    found = [
        Contender("ssmlinalg, PyTorch", "torch", kernel),
        Contender("ssmlinalg, matrix products", "torch", matrix_products),
        Contender("PyTorch sum", "torch", plain_sum, peer=True),
        Contender("PyTorch sum, compiled", "torch", compiled_sum, peer=True),
    ]
    if where == "cuda":
        try:
            forms.move(model("numpy", 1, 1), "cupy")
            found.insert(1, Contender("ssmlinalg, CuPy", "cupy", kernel, gradients=False))
        except Exception as error:  # what is missing may fail in any way
            print(f"CuPy is left out: {error}\n")
    try:
        platform = importlib.import_module("jax").default_backend()
    except (ImportError, RuntimeError) as error:
        print(f"JAX is left out: {error}\n")
        return found
    if platform != {"cuda": "gpu"}.get(where, where):
        print(f"JAX is left out: it computes on {platform}.\n")
        return found
    both = [
        Contender("ssmlinalg, JAX", "jax", kernel),
        Contender("JAX sum", "jax", jax_sum, peer=True),
    ]
    return found + both


# Time


def timed(run: Callable[[], Any], *, events: bool) -> tuple[float, Any]:
    """Milliseconds as the head of this file says, and what the last run made."""
    once = between_events if events else by_the_clock
    once(run)
    first, made = once(run)
    times: list[float] = []
    while len(times) < (9 if first < 300 else 3):
        made = None  # frees the last result before the next one
        milliseconds, made = once(run)
        times.append(milliseconds)
    return statistics.median(times), made


def between_events(run: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds between two events on the default stream, CuPy's as well, and what was made."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    made = run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end), made


def by_the_clock(run: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds of a run that waits for its result, and what was made."""
    start = time.perf_counter()
    made = run()
    return 1e3 * (time.perf_counter() - start), made


def bounds(
    size: tuple[int, int, int], operations_per_ms: float, where: str, *, backward: bool
) -> Bounds:
    """What writing K takes, or reading g and writing K; and the operations of the one product, or
    of all three.
    """
    H, n, length = size
    K, g = (torch.zeros(H, length, device=where) for _ in range(2))
    memory, _ = timed(
        (lambda: K.copy_(g)) if backward else (lambda: K.fill_(1.0)), events=where == "cuda"
    )
    return Bounds(memory, (12 if backward else 4) * n * H * length / operations_per_ms)


def speed(where: str) -> float:
    """Operations per millisecond of a matrix product in float32, no bit left out."""
    side = 8192 if where == "cuda" else 512
    left, right = (torch.randn(side, side, device=where) for _ in range(2))
    return 2 * side**3 / timed(lambda: left @ right, events=where == "cuda")[0]


def release() -> None:
    """Give unused memory back, for the next library."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if "cupy" in sys.modules:
        sys.modules["cupy"].get_default_memory_pool().free_all_blocks()


# Tables


def measured(
    contender: Contender, size: tuple[int, int, int], where: str, *, backward: bool
) -> tuple[float, float]:
    """Milliseconds and error of a kernel, or of it and its gradients."""
    H, n, length = size
    channels, lags = sample(H, length)
    truth = exact(model("numpy", H, n), channels, lags)
    form = forms.move(
        model("numpy", H, n),
        contender.library,
        device=where if contender.library == "torch" else None,
    )
    events = where == "cuda" and contender.library != "jax"
    if not backward:
        milliseconds, K = timed(
            forward(contender.library, contender.kernel, form, length), events=events
        )
        return milliseconds, deviation(to_numpy(K)[channels][:, lags], true_kernel(truth))
    g = np.zeros((H, length), dtype=np.float32)
    g[:, lags] = np.random.default_rng(1).standard_normal((H, len(lags)))
    there: Any = torch.asarray(g, device=where) if contender.library == "torch" else g
    milliseconds, found = timed(
        gradients(contender.library, contender.kernel, form, length, there), events=events
    )
    found = [to_numpy(array)[channels] for array in found]
    if contender.library == "jax":  # the conjugate of what PyTorch calls the gradient
        found = [array.conj() for array in found]
    expected = true_gradients(truth, g[channels][:, lags].astype(np.longdouble), lags)
    return milliseconds, max(deviation(*pair) for pair in zip(found, expected, strict=True))


def rows(
    size: tuple[int, int, int],
    everybody: list[Contender],
    least: Bounds,
    where: str,
    *,
    backward: bool,
) -> Iterator[tuple[str, ...]]:
    """One line for each contender; of one that fails its error, for the others are measured
    nevertheless.
    """
    found: list[tuple[Contender, float, float, str]] = []
    for contender in everybody:
        if backward and not contender.gradients:
            continue
        try:
            found.append((contender, *measured(contender, size, where, backward=backward), ""))
        except Exception as error:  # each library has errors of its own
            found.append((contender, math.nan, math.nan, f": {type(error).__name__}"))
            print(f"{contender.name}: {error}", file=sys.stderr)
        release()
    best = min((ms for contender, ms, *_ in found if contender.peer and ms > 0), default=math.nan)
    for contender, ms, error, failed in found:
        name = contender.name + failed if contender.peer else f"**{contender.name}{failed}**"
        ratios = (number(ratio) for ratio in (best / ms, ms / least.memory, ms / least.arithmetic))
        yield name, number(ms), *ratios, "-" if math.isnan(error) else f"{error:.1e}"


def machine(where: str) -> str:
    """The date, the device, its driver and all versions."""
    parts = [str(datetime.date.today())]
    if where == "cuda":
        properties = torch.cuda.get_device_properties(0)
        parts.append(f"{properties.name} ({properties.multi_processor_count} multiprocessors)")
        if shutil.which("nvidia-smi"):
            asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
            parts.append(
                "driver "
                + subprocess.run(asked, capture_output=True, text=True).stdout.partition("\n")[0]
            )
        parts.append(f"CUDA {torch.version.cuda} of PyTorch")
    parts += [f"{part.name} {part.found or 'missing'}" for part in doctor.graphics()]
    for name, title in (
        ("torch", "PyTorch"),
        ("jax", "JAX"),
        ("triton", "Triton"),
        ("ssmlinalg", "ssmlinalg"),
    ):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            parts.append(f"{title} {importlib.metadata.version(name)}")
    return ", ".join(parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--shorter", type=int, default=1)
    arguments = parser.parse_args()
    where: str = arguments.device
    if where == "cuda" and not torch.cuda.is_available():
        remedy = (
            "Take a machine with one and a PyTorch made for CUDA, "
            "or see that all runs with --device cpu --shorter 64."
        )
        sys.exit(f"PyTorch must find a GPU; got none ({torch.__version__}). {remedy}")
    torch.set_float32_matmul_precision("highest")
    print(machine(where) + "\n")
    everybody = contenders(where)
    operations_per_ms = speed(where)
    print(f"A matrix product of float32: {operations_per_ms / 1e9:.3g} TFLOP/s.\n")
    for backward, title in (
        (False, "The kernel"),
        (True, "The kernel and its gradients in A, C and step"),
    ):
        print(f"### {title}\n")
        for H, n, length in SIZES:
            size = H, n, length // arguments.shorter
            least = bounds(size, operations_per_ms, where, backward=backward)
            print("H={}, N={}, L={}: ".format(*size), end="")
            print(f"memory {number(least.memory)} ms, arithmetic {number(least.arithmetic)} ms\n")
            head = ("", "ms", "gain", "memory", "arithmetic", "error")
            table(head, rows(size, everybody, least, where, backward=backward))


if __name__ == "__main__":
    main()
