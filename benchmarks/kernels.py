"""How fast is the kernel, against the sums that others take, and against the matrix product that it
ends in?

    python benchmarks/kernels.py [forward backward dplr convolve growth] [--shorter 1]

Everything is float32: a kernel is timed from A, B, C and step to K. Milliseconds are medians of
nine runs after one to warm up, of three where a run takes longer than 0.3 s, one where longer than
2 s; above 10 s nothing is repeated. `gain` is the time of the best peer over this one, `product`
this one over the bound: the product of (H, m, 2N) and (H, 2N, m), m = sqrt(L), in the same library,
and a copy of its result; for gradients the three products of that size. `error` is max |K - K_ref|
/ max |K_ref| over 64 channels and about 100 lags, K_ref by its definition in extended precision for
the very numbers given, where phases are exact; of gradients the largest of those in A, C and step.
N counts pairs of modes. `--shorter 64` divides every L, to see that all runs.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy
import scipy.fft

from ssmlinalg import convolve, discretize, forms, inits, kernel

Array = Any  # of any library
Kernel = Callable[[Any, int], Array]

TITLES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
LIBRARIES = {name: title for name, title in TITLES.items() if importlib.util.find_spec(name)}
SIZES = ((256, 32, 2**14), (1024, 32, 2**12), (16, 32, 2**20))
GROWTH = {
    "L": [(64, 32, 2**k) for k in range(12, 20, 2)],
    "H": [(2**k, 32, 2**14) for k in range(4, 11, 2)],
    "N": [(64, 2**k, 2**14) for k in range(3, 8)],
}


class Peer(NamedTuple):
    """A kernel, and the memory it takes in complex (H, N, L) tables, forward and with gradients, as
    measured.
    """

    name: str
    library: str
    kernel: Kernel
    tables: tuple[float, float]


class Row(NamedTuple):
    """One line of a table."""

    name: str
    library: str
    role: str  # "ours", "peer", "bound" or "absent"
    milliseconds: float
    error: float = math.nan


# Time


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds as the head of this file says, and what the last run made."""
    seconds, made = once(run)
    if seconds > 10:
        return 1e3 * seconds, made
    times: list[float] = []
    while len(times) < (1 if seconds > 2 else 3 if seconds > 0.3 else 9):
        made = None  # frees the last result before the next one
        seconds, made = once(run)
        times.append(seconds)
    return 1e3 * statistics.median(times), made


def once(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one run, and what it made."""
    start = time.perf_counter()
    made = run()
    return time.perf_counter() - start, made


def forward(library: str, of: Kernel, form: Any, length: int) -> Callable[[], Array]:
    """A call that makes K in the best way the library has: compiled in JAX, without a record for
    gradients in PyTorch.
    """
    if library == "jax":
        import jax

        compiled = jax.jit(lambda form: of(form, length))
        return lambda: compiled(form).block_until_ready()
    if library == "torch":
        import torch

        return torch.no_grad()(lambda: of(form, length))
    return lambda: of(form, length)


def gradients(
    library: str, of: Kernel, form: Any, length: int, g: np.ndarray
) -> Callable[[], tuple[Array, ...]]:
    """A call that makes K and the gradients of sum g K in A, C and step."""
    if library == "jax":
        import jax
        import jax.numpy as jnp

        def loss(A: Array, C: Array, step: Array, g: Array) -> Array:
            return jnp.sum(g * of(form._replace(A=A, C=C, step=step), length))

        both = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
        weights = jnp.asarray(g)
        return lambda: jax.block_until_ready(both(form.A, form.C, form.step, weights))[1]
    import torch

    weights = torch.asarray(g)
    inputs = [form.A, form.C, form.step]
    inputs = [array.clone().requires_grad_() for array in inputs]
    form = form._replace(**dict(zip(("A", "C", "step"), inputs, strict=True)))
    return lambda: torch.autograd.grad(of(form, length), inputs, weights)


def product(
    library: str, size: tuple[int, int, int], *, backward: bool = False
) -> Callable[[], Any]:
    """The bound: the matrix product that such a kernel ends in, and K written once more; or all
    three with gradients.
    """
    H, n, length = size
    xp: Any = importlib.import_module("jax.numpy" if library == "jax" else library)
    columns = math.isqrt(length - 1) + 1
    rows = -(-length // columns)
    rng = np.random.default_rng(0)
    shapes = (H, rows, 2 * n), (H, 2 * n, columns), (H, rows, columns)
    left, right, g = (xp.asarray(rng.standard_normal(shape, dtype=np.float32)) for shape in shapes)
    out = xp.zeros((H, length), dtype=xp.float32)

    def bound(left: Array, right: Array, g: Array) -> tuple[Array, ...]:
        K = xp.reshape(xp.matmul(left, right), (H, -1))[:, :length]
        if not backward:
            return (K,)
        return K, xp.matmul(g, xp.swapaxes(right, -1, -2)), xp.matmul(xp.swapaxes(left, -1, -2), g)

    if library == "jax":
        import jax

        compiled = jax.jit(bound)
        return lambda: xp.copy(compiled(left, right, g)[0]).block_until_ready()
    write = np.copyto if library == "numpy" else lambda out, K: out.copy_(K)
    return lambda: write(out, bound(left, right, g)[0])


# Peers


def torch_sum(form: Any, length: int) -> Array:
    """The (H, N, L) table and its sum, as log_vandermonde_naive of state-spaces/s4 and the minimal
    S4D do.
    """
    import torch

    z, weights = held(form, torch.exp)
    return (
        2 * torch.einsum("hn,hnl->hl", weights, torch.exp(z[..., None] * torch.arange(length))).real
    )


def jax_sum(form: Any, length: int) -> Array:
    """One lag at a time, vmapped over lags and channels: the compiler fuses it and makes no
    table.
    """
    import jax
    import jax.numpy as jnp

    z, weights = held(form, jnp.exp)
    one = jax.vmap(
        lambda z, weights, lag: 2 * jnp.sum(jnp.real(weights * jnp.exp(z * lag))), (None, None, 0)
    )
    return jax.vmap(one, (0, 0, None))(z, weights, jnp.arange(length))


def jax_table(form: Any, length: int) -> Array:
    """A table for each channel and a product with it, vmapped over channels, as the annotated S4D
    does.
    """
    import jax
    import jax.numpy as jnp

    z, weights = held(form, jnp.exp)
    return 2 * jax.vmap(
        lambda z, weights: (weights @ jnp.exp(z[:, None] * jnp.arange(length))).real
    )(z, weights)


def keops_sum(form: Any, length: int) -> Array:
    """The sum without its table, as log_vandermonde of state-spaces/s4, with real lags: half the
    time of complex ones.
    """
    import torch

    z, weights = held(form, torch.exp)
    lags = torch.arange(length, dtype=torch.float32)[None, :, None]
    return (
        2
        * genred()(torch.view_as_real(weights), torch.view_as_real(z), lags, backend="CPU")[..., 0]
    )


@functools.cache
def genred() -> Callable[..., Array]:
    """The reduction, which KeOps compiles when it is first called."""
    pykeops: Any = importlib.import_module("pykeops")
    pykeops.set_verbose(False)
    of: Any = importlib.import_module("pykeops.torch").Genred
    return of(
        "Elem(ComplexMult(v, ComplexExp(l * z)), 0)",
        ["v = Vj(2)", "z = Vj(2)", "l = Vi(1)"],
        reduction_op="Sum",
        axis=1,
    )


def s5_scan(form: Any, length: int) -> Array:
    """The scan of s5-pytorch over an impulse, one system for each channel, vmapped."""
    import torch
    from s5.s5_model import apply_ssm

    z, weights = held(form, torch.exp)
    impulse = torch.zeros(length, 1)
    impulse[0] = 1
    ones = torch.ones(1, z.shape[-1], dtype=z.dtype)
    one = torch.vmap(lambda A, B: apply_ssm(A, B[:, None], ones, torch.zeros(1), impulse)[0][:, 0])
    return 2 * one(torch.exp(z), weights)


def held(form: Any, exp: Callable[[Array], Array]) -> tuple[Array, Array]:
    """z = step A and the weights C B (e^z - 1)/A of zero-order hold, as all of the peers write
    them.
    """
    z = form.step[..., None] * form.A
    return z, form.C * form.B * (exp(z) - 1) / form.A


def peers() -> list[Peer]:
    """Those that work here; of each other one a sentence says why it is left out."""
    candidates = [
        (Peer("PyTorch sum", "torch", torch_sum, (2, 4.1)), "torch"),
        (Peer("JAX sum, fused", "jax", jax_sum, (0.6, 2.6)), "jax"),
        (Peer("JAX sum, table", "jax", jax_table, (1.1, 2.1)), "jax"),
        (Peer("KeOps sum", "torch", keops_sum, (0.1, 0.1)), "pykeops"),
        (Peer("s5-pytorch scan", "torch", s5_scan, (7.1, 9.2)), "s5"),
    ]
    working = []
    for peer, module in candidates:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # KeOps talks
                importlib.import_module(module)
                forward(peer.library, peer.kernel, model(peer.library, 2, 2), 8)()
            working.append(peer)
        except Exception as error:  # a compiler or a package may be missing, whatever it raises
            why = f"`{module}` does not work here ({type(error).__name__}: {error})"
            print(f"{peer.name} is left out: {why}.\n")
    return working


def fits(tables: float, size: tuple[int, int, int]) -> bool:
    """Whether so many complex (H, N, L) tables, and a gigabyte beside them, are free on this
    machine.
    """
    return tables * 8 * math.prod(size) + 1e9 < os.sysconf("SC_AVPHYS_PAGES") * os.sysconf(
        "SC_PAGE_SIZE"
    )


# Truth


def model(library: str, channels: int, pairs: int) -> Any:
    """S4D-Lin with `pairs` pairs of modes, step between 1e-3 and 1e-1."""
    return forms.move(inits.s4d_lin_init(2 * pairs, channels=channels), library, dtype="float32")


def sample(channels: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """64 channels, and the first 32 lags, 32 evenly spaced in their logarithms and 32 random
    ones.
    """
    rng = np.random.default_rng(0)
    some = np.sort(rng.choice(channels, min(64, channels), replace=False))
    spread = np.geomspace(1, length - 1, 32).astype(int), rng.integers(0, length, 32)
    return some, np.unique(np.concatenate([np.arange(min(32, length)), *spread]))


class Exact(NamedTuple):
    """What kernel and gradients are made of, in extended precision: a phase step A l has at most 68
    bits.
    """

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    step: np.ndarray
    gain: np.ndarray  # (e^{step A} - 1)/A
    powers: np.ndarray  # e^{step A l}, of shape (channels, modes, lags)


def exact(form: Any, channels: np.ndarray, lags: np.ndarray) -> Exact:
    """The numbers of a float32 form, some channels and lags."""
    A, B, C = (array[channels].astype(np.clongdouble) for array in (form.A, form.B, form.C))
    step = form.step[channels, None].astype(np.longdouble)
    return Exact(A, B, C, step, np.expm1(step * A) / A, np.exp((step * A)[..., None] * lags))


def true_kernel(e: Exact) -> np.ndarray:
    """K_l = 2 Re sum_n C_n B_n gain_n e^{step A_n l}."""
    return 2 * np.sum((e.C * e.B * e.gain)[..., None] * e.powers, axis=-2).real


def true_gradients(e: Exact, g: np.ndarray, lags: np.ndarray) -> tuple[np.ndarray, ...]:
    """The gradients of sum_l g_l K_l in A, C and step; those of complex numbers as dRe + i dIm."""
    plain = np.sum(g[:, None, :] * e.powers, axis=-1)
    risen = np.sum((g * lags)[:, None, :] * e.powers, axis=-1)
    growth = np.exp(e.step * e.A)
    to_A = 2 * e.C * e.B * ((e.step * growth - e.gain) / e.A * plain + e.gain * e.step * risen)
    to_step = np.sum(2 * e.C * e.B * (growth * plain + e.gain * e.A * risen), axis=-1).real
    return to_A.conj(), (2 * e.B * e.gain * plain).conj(), to_step


def deviation(found: Array, truth: np.ndarray) -> float:
    """max |found - truth| / max |truth|."""
    return float(np.max(np.abs(found - truth)) / np.max(np.abs(truth)))


# Tables


def table(head: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> None:
    """In Markdown, each line as soon as it is there."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for line in lines:
        print("| " + " | ".join(line) + " |", flush=True)
    print()


def number(x: float) -> str:
    """Three digits; - for none."""
    return "-" if math.isnan(x) else f"{x:.3g}" if x < 1e3 else f"{x:.0f}"


def compared(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Times with their ratios: to the best peer, and of ours to the bound in the same library."""
    best = min((row.milliseconds for row in rows if row.role == "peer"), default=math.nan)
    bounds = {row.library: row.milliseconds for row in rows if row.role == "bound"}
    for row in rows:
        ours = row.role == "ours"
        gain = best / row.milliseconds if row.role in ("ours", "peer") else math.nan
        over = row.milliseconds / bounds.get(row.library, math.nan) if ours else math.nan
        error = "-" if math.isnan(row.error) else f"{row.error:.1e}"
        yield (
            row.name if not ours else f"**{row.name}**",
            number(row.milliseconds),
            number(gain),
            number(over),
            error,
        )


def forward_rows(size: tuple[int, int, int], others: list[Peer]) -> Iterator[Row]:
    """The kernel by everybody."""
    H, n, length = size
    channels, lags = sample(H, length)
    truth = true_kernel(exact(model("numpy", H, n), channels, lags))
    everybody = [
        Peer(f"ssmlinalg, {title}", name, kernel, (0, 0)) for name, title in LIBRARIES.items()
    ]
    for contender in everybody + others:
        role = "ours" if contender.kernel is kernel else "peer"
        if not fits(contender.tables[0], size):
            yield Row(f"{contender.name}: does not fit", contender.library, "absent", math.nan)
            continue
        milliseconds, K = timed(
            forward(contender.library, contender.kernel, model(contender.library, H, n), length)
        )
        error = deviation(np.asarray(K)[channels][:, lags], truth)
        yield Row(contender.name, contender.library, role, milliseconds, error)
    for library, title in LIBRARIES.items():
        yield Row(f"product, {title}", library, "bound", timed(product(library, size))[0])


def backward_rows(size: tuple[int, int, int], others: list[Peer]) -> Iterator[Row]:
    """The kernel and its gradients by who has them. g is zero but at the lags of `sample`, where
    the truth is known.
    """
    H, n, length = size
    channels, lags = sample(H, length)
    g = np.zeros((H, length), dtype=np.float32)
    g[:, lags] = np.random.default_rng(1).standard_normal((H, len(lags)))
    truth = true_gradients(
        exact(model("numpy", H, n), channels, lags),
        g[channels][:, lags].astype(np.longdouble),
        lags,
    )
    libraries = {name: title for name, title in LIBRARIES.items() if name != "numpy"}
    everybody = [
        Peer(f"ssmlinalg, {title}", name, kernel, (0, 0)) for name, title in libraries.items()
    ]
    for contender in everybody + others:
        role = "ours" if contender.kernel is kernel else "peer"
        if not fits(contender.tables[1], size):
            yield Row(f"{contender.name}: does not fit", contender.library, "absent", math.nan)
            continue
        form = model(contender.library, H, n)
        milliseconds, found = timed(gradients(contender.library, contender.kernel, form, length, g))
        found = [np.asarray(array)[channels] for array in found]
        if contender.library == "jax":  # the conjugate of what PyTorch calls the gradient
            found = [array.conj() for array in found]
        error = max(deviation(*pair) for pair in zip(found, truth, strict=True))
        yield Row(contender.name, contender.library, role, milliseconds, error)
    for library, title in libraries.items():
        yield Row(
            f"three products, {title}",
            library,
            "bound",
            timed(product(library, size, backward=True))[0],
        )


def of_kernels(
    rows: Callable[[tuple[int, int, int], list[Peer]], Iterator[Row]], shorter: int
) -> None:
    """The tables of one direction, one for each size."""
    others = peers()
    for H, n, length in SIZES:
        size = (H, n, length // shorter)
        print("H={}, N={}, L={}\n".format(*size))
        table(("", "ms", "gain", "product", "error"), compared(list(rows(size, others))))


def cauchy(length: int) -> Kernel:
    """The generating function of S4 by the full table of 1/(z - w), as the naive path of
    state-spaces/s4.

    Nodes and C (I - A_d^L) are kept there from step to step, and are made beforehand here as well.
    """
    import torch

    omega = torch.tensor(np.exp(-2j * np.pi / length), dtype=torch.complex64) ** torch.arange(
        length // 2 + 1
    )
    z = 2 * (1 - omega) / (1 + omega)

    def of(form: Any, length: int) -> Array:
        w = form.step[:, None] * form.Lambda
        P = form.P[..., 0]
        step = form.step[:, None]
        left = torch.stack([form.C, P.conj()])
        right = torch.stack([form.B, P])
        v = step * left[:, None] * right[None]
        (k00, k01), (k10, k11) = torch.sum(v[..., None] / (z - w[..., None]), dim=-2)
        return torch.fft.irfft((k00 - k01 * k10 / (1 + k11)) * 2 / (1 + omega), n=length)

    return of


def dplr(shorter: int) -> None:
    """S4 of order 64 with the bilinear rule, against a plain Cauchy sum in PyTorch."""
    H = 64
    order = 64
    length = 2**14 // shorter
    host = inits.s4_init(order, channels=H)

    def ours(form: Any, length: int) -> Array:
        return kernel(form, length, rule="bilinear")

    given = forms.move(host, "numpy", dtype="float32")
    A, B, C, _ = discretize.bilinear(forms.move(given, "numpy", dtype="float64"))
    channels = np.arange(0, H, H // 4)
    x = B[channels]
    truth = []
    for _ in range(length):
        truth.append(np.sum(C[channels] * x, axis=-1).real)
        x = (A[channels] @ x[..., None])[..., 0]
    truth = np.stack(truth, axis=-1)

    def row(name: str, library: str, whose: str, kernel: Kernel, form: Any) -> Row:
        milliseconds, K = timed(forward(library, kernel, form, length))
        return Row(name, library, whose, milliseconds, deviation(np.asarray(K)[channels], truth))

    def rows() -> Iterator[Row]:
        for library, title in LIBRARIES.items():
            form = forms.move(host, library, dtype="float32")
            yield row(f"ssmlinalg, {title}", library, "ours", ours, form)
        if "torch" in LIBRARIES:
            cut = host._replace(C=C - (C[:, None] @ np.linalg.matrix_power(A, length))[:, 0])
            form = forms.move(cut, "torch", dtype="float32")
            yield row("PyTorch Cauchy sum", "torch", "peer", cauchy(length), form)

    print(f"H={H}, N={order}, L={length}\n")
    table(
        ("", "ms", "gain", "error"),
        ((name, ms, gain, error) for name, ms, gain, _, error in compared(list(rows()))),
    )


def convolution(shorter: int) -> None:
    """Against two transforms, a product and the transform back, in SciPy alone and of the same
    length.
    """
    H = 256
    length = 2**14 // shorter
    k = kernel(model("numpy", H, 32), length)
    u = np.random.default_rng(0).standard_normal((H, length), dtype=np.float32)
    n = scipy.fft.next_fast_len(2 * length - 1, real=True)

    def alone(u: np.ndarray, k: np.ndarray, workers: int) -> np.ndarray:
        fft: Any = scipy.fft
        spectrum = fft.rfft(u, n, workers=workers) * fft.rfft(k, n, workers=workers)
        return fft.irfft(spectrum, n, workers=workers)[..., :length]

    truth = alone(u.astype(np.float64), k.astype(np.float64), 1)

    def lines() -> Iterator[tuple[str, ...]]:
        bases: dict[int, float] = {}
        for workers in (1, cores()):
            bases[workers], y = timed(functools.partial(alone, u, k, workers))
            cells = (
                number(bases[workers]),
                number(bases[workers] / bases[1]),
                "-",
                f"{deviation(y, truth):.1e}",
            )
            yield (f"scipy.fft alone, threads: {workers}", *cells)
        for library, title in LIBRARIES.items():
            xp: Any = importlib.import_module("jax.numpy" if library == "jax" else library)
            pair = xp.asarray(u), xp.asarray(k)
            milliseconds, y = timed(forward(library, lambda pair, _: convolve(*pair), pair, length))
            ratios = (number(milliseconds / bases[workers]) for workers in (1, cores()))
            yield (
                f"**ssmlinalg, {title}**",
                number(milliseconds),
                *ratios,
                f"{deviation(np.asarray(y), truth):.1e}",
            )

    print(f"H={H}, L={length}, transforms of length {n}\n")
    table(("", "ms", "over one thread", "over all threads", "error"), lines())


def growth(shorter: int) -> None:
    """Milliseconds against each of H, N and L, then the exponents: the slopes of lines through the
    logarithms.
    """
    exponents: dict[str, list[float]] = {}

    def lines() -> Iterator[tuple[str, ...]]:
        for name, sizes in GROWTH.items():
            found = []
            for H, n, length in sizes:
                size = (H, n, length // shorter)
                calls = [
                    (
                        forward(library, kernel, model(library, H, n), size[2]),
                        product(library, size),
                    )
                    for library in LIBRARIES
                ]
                found.append([timed(call)[0] for both in calls for call in both])
                yield (name, *map(str, size), *map(number, found[-1]))
            varied = [math.log(size["HNL".index(name)]) for size in sizes]
            exponents[name] = list(np.polyfit(varied, np.log(found), 1)[0])

    columns = [cell for title in LIBRARIES.values() for cell in (title, "product")]
    table(("varied", "H", "N", "L", *columns), lines())
    slopes = ((name, *(f"{slope:.2f}" for slope in found)) for name, found in exponents.items())
    table(("exponent of", *columns), slopes)


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """Versions and threads."""
    versions = [f"NumPy {np.__version__}", f"SciPy {scipy.__version__}"]
    limits = [
        f"{name}={os.environ[name]}"
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
        if name in os.environ
    ]
    if "torch" in LIBRARIES:
        import torch

        versions.append(f"PyTorch {torch.__version__} ({torch.get_num_threads()} threads)")
    for name, title in (("jax", "JAX"), ("pykeops", "KeOps")):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{title} {importlib.metadata.version(name)}")
    return f"{cores()} cores, {', '.join(limits) or 'no limit on threads'}; {', '.join(versions)}"


def main() -> None:
    """Measure and print."""
    sections: dict[str, tuple[str, Callable[[int], None]]] = {
        "forward": ("The kernel", functools.partial(of_kernels, forward_rows)),
        "backward": (
            "The kernel and its gradients in A, C and step",
            functools.partial(of_kernels, backward_rows),
        ),
        "dplr": ("Diagonal plus low rank, bilinear rule", dplr),
        "convolve": ("Convolution", convolution),
        "growth": ("Growth", growth),
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", choices=[*sections, "all"], default="all")
    parser.add_argument("--shorter", type=int, default=1)
    arguments = parser.parse_args()
    print(machine() + "\n")
    for name in sections if "all" in arguments.sections else arguments.sections:
        title, run = sections[name]
        print(f"### {title}\n")
        run(arguments.shorter)


if __name__ == "__main__":
    main()
