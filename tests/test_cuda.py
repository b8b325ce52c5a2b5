"""The kernels of the GPU: compiled for the host and compared with multiple precision, compiled for
GPUs, and run on one.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.resources
import importlib.util
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from conftest import gpus

from ssmlinalg import forms, inits, kernel
from ssmlinalg.discretize import BASES
from ssmlinalg.ground import backend
from ssmlinalg.kernels import final_state
from ssmlinalg.powers import tables
from ssmlinalg.products import baby_step_giant_step, cuda, moments, vandermonde
from ssmlinalg.products.exponential_sums import MAX_BYTES

EPS = {name: float(np.finfo(name).eps) for name in ("float32", "float64")}

# CUDA C++ as C++ for the host: the threads of a block are fibres, and a barrier gives way to the
# next of them.
ON_HOST = r"""
#include <cmath>
#include <cstdint>
#include <ucontext.h>
#include <vector>
#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(n)
struct Index { long long x; };
static Index threadIdx, blockIdx, gridDim;
static ucontext_t scheduler, fibres[256];
static bool done[256];
static void __syncthreads() {
    int self = threadIdx.x;
    swapcontext(&fibres[self], &scheduler);
    threadIdx.x = self;
}
#include KERNELS_FILE

typedef void Kernel(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                    int64_t, int64_t);
static Kernel *kernel;
static const int64_t *v;
static void fibre(int self) {
    threadIdx.x = self;
    kernel(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13]);
    done[self] = true;
}

extern "C" void launch(void *address, int64_t blocks, const int64_t *values) {
    static std::vector<char> stacks(256 * 65536);
    kernel = (Kernel *)address, v = values, gridDim.x = blocks;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
        for (int k = 0; k < 256; ++k) {
            getcontext(&fibres[k]);
            fibres[k].uc_stack.ss_sp = &stacks[65536 * k], fibres[k].uc_stack.ss_size = 65536, fibres[k].uc_link = &scheduler;
            makecontext(&fibres[k], (void (*)())fibre, 1, k);
            done[k] = false;
        }
        for (int left = 256; left;)
            for (int i = left = 0; i < 256; ++i)
                if (const int k = FORWARD ? i : 255 - i; !done[k]) {
                    threadIdx.x = k;
                    swapcontext(&scheduler, &fibres[k]);
                    left += !done[k];
                }
    }
}
"""
KERNELS = Path(str(importlib.resources.files("ssmlinalg.products").joinpath("powers.cu")))


gpu = [pytest.mark.gpu, pytest.mark.skipif(not gpus(), reason="needs a GPU and CuPy")]


@pytest.fixture(scope="session", params=[True, False], ids=["plain", "fused"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ctypes.CDLL:
    """The kernels compiled for the host: products fused into sums or not, as a GPU may, and threads
    in turn from either end.
    """
    compiler = shutil.which("g++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs g++ and Linux")
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "host.cpp").write_text(ON_HOST)
    fused = "off" if request.param else "fast"
    options = [
        "-std=c++17",
        f"-ffp-contract={fused}",
        "-O2",
        "-march=native",
        f"-DFORWARD={request.param:d}",
        f'-DKERNELS_FILE="{KERNELS}"',
    ]
    subprocess.run(
        [compiler, *options, "-shared", "-fPIC", "host.cpp", "-o", "host.so"],
        cwd=folder,
        check=True,
    )
    return ctypes.CDLL(str(folder / "host.so"))


@pytest.fixture
def host(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels launched on the host, on arrays of NumPy and tensors of PyTorch."""

    def launch(name: str, blocks: int, *arguments: Any) -> None:
        values = [
            int(value) if isinstance(value, int) else int(cuda.address(value))
            for value in arguments
        ]
        packed = (ctypes.c_int64 * 14)(*values)
        function = ctypes.cast(getattr(library, name), ctypes.c_void_p)
        library.launch(
            function, ctypes.c_int64(min(blocks, 5)), packed
        )  # few blocks, so that some go round

    monkeypatch.setattr(cuda, "launch", launch)


def modes(
    G: int, n: int, dtype: str, rule: str = "zoh", seed: int = 0
) -> tuple[Any, np.ndarray, np.ndarray]:
    """A base of modes slow and fast, one of them undamped and one at rest, with its step and its A
    as they are stored.
    """
    rng = np.random.default_rng(seed)
    A = -(10.0 ** rng.uniform(-7, 0, (G, n))) + 1j * rng.uniform(-300, 300, (G, n))
    A[:, 0] = 2.5j
    A[:, -1] *= n == 1
    real, whole = {"float32": (np.float32, np.complex64), "float64": (np.float64, np.complex128)}[
        dtype
    ]
    step, A = np.full((G, 1), 0.11, real), A.astype(whole)
    return BASES[rule](step, A), step, A


def powers(step: np.ndarray, A: np.ndarray, rule: str, lags: np.ndarray) -> np.ndarray:
    """z^l (G, n, lags) in multiple precision."""
    with mpmath.workdps(60):

        def power(h: float, a: complex, lag: int) -> complex:
            x = mpmath.mpf(h) * mpmath.mpc(a)
            return complex(
                mpmath.exp(x * lag) if rule == "zoh" else ((1 + x / 2) / (1 - x / 2)) ** lag
            )

        table = [
            [[power(float(h), complex(a), int(lag)) for lag in lags] for a in row]
            for (h,), row in zip(step, A, strict=True)
        ]
    return np.array(table, complex).reshape(*A.shape, len(lags))


def drawn(shape: tuple[int, ...], dtype: str, seed: int = 1, *, real: bool = False) -> Any:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) + (0 if real else 1j * rng.standard_normal(shape))
    return values.astype({"float32": ("c8", "f4"), "float64": ("c16", "f8")}[dtype][real])


def lags_of(length: int) -> np.ndarray:
    """All of few samples; of many, the ends of the sum and of tiles, and some between."""
    if length <= 40:
        return np.arange(length)
    some = np.random.default_rng(2).integers(0, length, 8)
    edges = [0, 1, 127, 128, 8191, 8192, 16383, 16384, length - 2, length - 1]
    return np.unique([lag for lag in (*edges, *some) if lag < length])


SIZES = [(1, 1, 1, 1), (2, 1, 3, 2), (2, 2, 33, 1000), (1, 3, 3, 20011)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
@pytest.mark.parametrize("size", SIZES)
def test_a_sum_is_what_multiple_precision_says(
    host: None, size: tuple[int, ...], rule: str, dtype: str
) -> None:
    G, W, n, length = size
    base, step, A = modes(G, n, dtype, rule)
    weights, direct, lags = (
        drawn((G, W, n), dtype),
        drawn((G, W), dtype, real=True),
        lags_of(length),
    )
    got = cuda.power_sums(weights, base, direct, length, MAX_BYTES)
    table = powers(step, A, rule, lags)
    expected = np.einsum("gwn,gnl->gwl", weights.astype(complex), table).real + direct[
        ..., None
    ] * (lags == 0)
    scale = np.einsum("gwn,gnl->gwl", abs(weights), abs(table)) + abs(direct)[..., None]
    assert got.dtype == direct.dtype
    assert np.all(
        abs(got[..., lags] - expected) <= (2 * n + np.log2(length) + 8) * EPS[dtype] * scale
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_a_million_samples_are_as_exact_as_ten(host: None, rule: str, dtype: str) -> None:
    length, n = 1 << 20, 3
    base, step, A = modes(1, n, dtype, rule)
    weights, lags = drawn((1, 1, n), dtype), lags_of(length)
    got = cuda.power_sums(weights, base, np.zeros((1, 1), weights.real.dtype), length, MAX_BYTES)
    table = powers(step, A, rule, lags)
    expected = np.einsum("gwn,gnl->gwl", weights.astype(complex), table).real
    error = np.max(abs(got[..., lags] - expected)) / np.sum(abs(weights))
    assert error <= {"float32": 1e-6, "float64": 2e-13}[dtype] / 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_mode_that_has_almost_died_keeps_its_digits(host: None, dtype: str) -> None:
    length, rate = 20000, {"float32": -4.3e-3, "float64": -3.3e-2}[dtype]  # to e^-86 and e^-660
    real, whole = drawn((1, 1), dtype, real=True).dtype, drawn((1, 1), dtype).dtype
    step, A = np.full((1, 1), 0.7, real), np.array([[rate / 0.7]], whole)
    one, base = np.ones((1, 1, 1), whole), tables.exponential(step, A)
    got, lags = (
        cuda.power_sums(one, base, np.zeros((1, 1), real), length, MAX_BYTES),
        lags_of(length),
    )
    expected = powers(step, A, "zoh", lags)[0, 0].real
    assert np.all(abs(got[0, 0, lags] - expected) <= 5 * EPS[dtype] * expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
@pytest.mark.parametrize("size", SIZES)
def test_moments_and_slopes_are_the_transpose(
    host: None, size: tuple[int, ...], rule: str, dtype: str
) -> None:
    G, W, n, length = size
    base, step, A = modes(G, n, dtype, rule)
    weights = drawn((G, W, n), dtype)
    lags = np.arange(length) if length <= 40 else lags_of(length)
    g = np.zeros((G, W, length), weights.real.dtype)
    g[..., lags] = drawn((G, W, len(lags)), dtype, real=True)
    table, before = (
        powers(step, A, rule, lags),
        powers(step, A, rule, np.maximum(lags - 1, 0)) * lags,
    )
    heavy = g[..., lags].astype(float)
    tolerance = (len(lags) + np.log2(length) + 16) * EPS[dtype]

    def close(got: np.ndarray, formula: str, *parts: np.ndarray) -> bool:
        expected = np.einsum(formula, *(part.astype(complex) for part in parts))
        return bool(np.all(abs(got - expected) <= tolerance * np.einsum(formula, *map(abs, parts))))

    s, r = cuda.gradients(g, weights, base, MAX_BYTES)
    assert close(cuda.moments(g, base, MAX_BYTES), "gwl,gnl->gwn", heavy, table)
    assert close(s, "gwl,gnl->gwn", heavy, table)
    assert close(r, "gwl,gwn,gnl->gn", heavy, weights, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, 2, 129, 9000])
def test_the_kernels_agree_with_the_host(host: None, dtype: str, length: int) -> None:
    G, W, n = 2, 2, 5
    base, _, _ = modes(G, n, dtype)
    weights, direct, g = (
        drawn((G, W, n), dtype),
        drawn((G, W), dtype, real=True),
        drawn((G, W, length), dtype, real=True),
    )
    eps = EPS[dtype]
    mine, plain = (
        body.power_sums(weights, base, direct, length, MAX_BYTES)
        for body in (cuda, baby_step_giant_step)
    )
    assert np.max(abs(mine - plain)) <= (4 * n + 16) * eps * np.max(np.sum(abs(weights), axis=-1))
    mine, plain = (
        body.gradients(g, weights, base, MAX_BYTES) for body in (cuda, baby_step_giant_step)
    )
    scale = np.sum(abs(g), axis=-1, keepdims=True)
    assert np.all(abs(mine[0] - plain[0]) <= 32 * np.sqrt(length) * eps * scale)
    assert np.all(
        abs(mine[1] - plain[1])
        <= 32 * np.sqrt(length) * eps * length * np.sum(abs(weights) * scale, axis=1)
    )
    mine, plain = (body.moments(g, base, MAX_BYTES) for body in (cuda, baby_step_giant_step))
    assert np.all(abs(mine - plain) <= 32 * np.sqrt(length) * eps * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 700), (2, 33, 17), (1, 9000, 20)])
def test_cauchy_sums_and_their_slopes_are_the_plain_ones(
    host: None, size: tuple[int, ...], dtype: str
) -> None:
    B, n, count = size
    w, nodes, points, g = (
        drawn((B, size), dtype, seed) for seed, size in enumerate((n, n, count, count))
    )
    C = np.clongdouble(1) / (points[:, None, :].astype(np.clongdouble) - nodes[:, :, None])
    tolerance = (np.sqrt(max(n, count)) + 16) * EPS[dtype]

    def close(got: np.ndarray, formula: str, *parts: np.ndarray) -> bool:
        expected, scale = np.einsum(formula, *parts), np.einsum(formula, *map(abs, parts))
        return got.dtype == w.dtype and bool(np.all(abs(got - expected) <= tolerance * scale))

    s, r, t = cuda.cauchy_gradients(g, w, nodes, points)
    assert close(cuda.cauchy(w, nodes, points), "bn,bnk->bk", w, C)
    assert close(s, "bk,bnk->bn", g, C)
    assert close(r, "bn,bk,bnk->bn", w, g, C**2)
    assert close(-t, "bk,bn,bnk->bk", g, w, C**2)


def test_a_cauchy_sum_near_the_smallest_numbers_does_not_overflow(host: None) -> None:
    one, near = np.ones((1, 1), np.complex64), np.full((1, 1), 1e-30 + 1e-30j, np.complex64)
    assert np.allclose(cuda.cauchy(one, 0 * one, near), 1 / near.astype(complex), rtol=1e-6)
    assert cuda.cauchy(one[:, :0], one[:, :0], near) == 0


@pytest.mark.parametrize("shape", [(0, 1, 2, 3), (1, 0, 2, 3), (1, 1, 0, 3), (1, 1, 2, 0)])
def test_empty_sums_are_legal(host: None, shape: tuple[int, ...]) -> None:
    G, W, n, length = shape
    empty = np.zeros((G, n), complex)
    base = tables.exponential(np.ones((G, 1)), empty)
    K = cuda.power_sums(np.ones((G, W, n), complex), base, np.ones((G, W)), length, MAX_BYTES)
    assert K.shape == (G, W, length)
    assert np.all(n + (np.arange(length) == 0) == K)
    s, r = cuda.gradients(np.ones((G, W, length)), np.ones((G, W, n), complex), base, MAX_BYTES)
    assert (s.shape, r.shape) == ((G, W, n), (G, n))
    assert np.all(cuda.moments(np.ones((G, W, length)), base, MAX_BYTES) == length)


def test_powers_that_overflow_beyond_the_end_are_not_seen(host: None) -> None:
    base = tables.exponential(np.ones((1, 1)), np.array([[16.0 + 1j, -1e300]]))
    g, weights = np.ones((1, 1, 40)), np.ones((1, 1, 2), complex)
    s, r = cuda.gradients(g, weights, base, MAX_BYTES)
    K = cuda.power_sums(weights, base, np.zeros((1, 1)), 40, MAX_BYTES)
    assert all(np.all(np.isfinite(part)) for part in (s, r, K))
    assert np.allclose(
        K[0, 0],
        np.exp(16.0 * np.arange(40)) * np.cos(np.arange(40)) + (np.arange(40) == 0),
        rtol=1e-12,
    )


def test_tensors_are_read_where_they_lie_however_they_lie(host: None) -> None:
    torch = pytest.importorskip("torch")
    base, _, _ = modes(2, 5, "float64")
    weights, g = drawn((5, 2, 2), "float64"), drawn((300, 2, 2), "float64", real=True)
    turned = torch.asarray(weights).conj().permute(2, 1, 0)
    tensors = tables.reshaped(base, torch.asarray)
    direct = torch.asarray(weights[0]).conj().imag.T  # a view that is to be negated
    got = cuda.power_sums(turned, tensors, direct, 50, MAX_BYTES)
    plain = weights.conj().transpose(2, 1, 0)
    expected = cuda.power_sums(plain, base, -weights[0].imag.T, 50, MAX_BYTES)
    assert np.array_equal(got.numpy(), expected)
    signal = torch.asarray(g).permute(2, 1, 0)
    parts = cuda.gradients(signal, turned, tensors, MAX_BYTES)
    expected = cuda.gradients(g.transpose(2, 1, 0), plain, base, MAX_BYTES)
    assert all(np.allclose(a.numpy(), b, rtol=1e-13) for a, b in zip(parts, expected, strict=True))


def test_conjugation_and_negation_are_done_before_an_address_is_taken(host: None) -> None:
    torch = pytest.importorskip("torch")
    base = tables.reshaped(modes(1, 5, "float64")[0], torch.asarray)
    weights, direct = (
        torch.asarray(drawn((1, 1, 5), "float64")).conj(),
        torch.asarray(drawn((1, 1), "float64")).conj().imag,
    )
    assert weights.is_contiguous()
    assert direct.is_contiguous()
    got = cuda.power_sums(weights, base, direct, 9, MAX_BYTES)
    assert torch.equal(
        got, cuda.power_sums(weights.resolve_conj(), base, direct.resolve_neg(), 9, MAX_BYTES)
    )
    assert (
        abs(got[..., 0] - (weights.real.sum(-1) + direct))
        <= 8 * EPS["float64"] * weights.abs().sum()
    )


def test_the_operators_of_pytorch_run_on_the_kernels(
    host: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch: Any = pytest.importorskip("torch")
    from ssmlinalg.products import torch as operators

    fields = [torch.asarray(np.asarray(field)) for field in inits.ptd_init(8, channels=3)]
    u = torch.asarray(drawn((3, 700), "float64", real=True))
    Form = type(inits.ptd_init(8))

    def answers() -> list[np.ndarray]:
        leaves = [field.clone().requires_grad_(True) for field in fields]
        K = kernel(Form(*leaves), 700)
        state = final_state(Form(*leaves), u)
        (K.square().sum() + state.abs().square().sum()).backward()
        rows = torch.stack([fields[2], 2 * fields[2]])
        several = torch.func.vmap(lambda C: kernel(Form(*fields)._replace(C=C), 50))(rows)
        return [
            backend.to_numpy(part) for part in (K, state, several, *(leaf.grad for leaf in leaves))
        ]

    expected, used = answers(), []
    monkeypatch.setattr(operators, "body_of", lambda tensor: used.append(tensor) or cuda)
    for got, plain in zip(answers(), expected, strict=True):
        assert np.max(abs(got - plain)) <= 1e3 * EPS["float64"] * np.max(abs(plain))
    assert used


def test_the_kernels_lie_in_the_package() -> None:
    assert cuda.source() == KERNELS.read_text()
    assert "#include" not in cuda.source()


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nvcc_compiles_the_kernels(architecture: str, tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("needs nvcc")
    command = [
        nvcc,
        "-std=c++17",
        f"-arch={architecture}",
        "-cubin",
        "-o",
        str(tmp_path / "powers.cubin"),
        str(KERNELS),
    ]
    subprocess.run([*command, "-Werror", "all-warnings"], check=True)


def test_nvrtc_compiles_the_kernels_without_a_header() -> None:
    if not importlib.util.find_spec("nvidia") or not importlib.util.find_spec("nvidia.cuda_nvrtc"):
        pytest.skip("needs nvidia-cuda-nvrtc-cu12")
    folder = Path(next(iter(importlib.import_module("nvidia.cuda_nvrtc").__path__)), "lib")
    nvrtc = ctypes.CDLL(str(next(folder.glob("libnvrtc.so.*"))))
    as_cupy_does = (
        b"-std=c++17",
        b"--gpu-architecture=sm_80",
        b"--device-as-default-execution-space",
    )
    program, options = ctypes.c_void_p(), (ctypes.c_char_p * 3)(*as_cupy_does)
    assert (
        nvrtc.nvrtcCreateProgram(
            ctypes.byref(program), cuda.source().encode(), b"powers.cu", 0, None, None
        )
        == 0
    )
    status = nvrtc.nvrtcCompileProgram(program, 3, options)
    log = ctypes.create_string_buffer(10000)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")


def cupy_that(**parts: Any) -> Any:
    """A CuPy that has just these parts."""
    failure = type("CUDARuntimeError", (RuntimeError,), {})
    runtime = types.SimpleNamespace(
        CUDARuntimeError=failure, getDeviceCount=parts.get("count", lambda: 1)
    )
    compiler = types.SimpleNamespace(CompileException=type("CompileException", (Exception,), {}))
    cuda_part = types.SimpleNamespace(runtime=runtime, compiler=compiler)
    return types.SimpleNamespace(cuda=cuda_part, RawModule=parts.get("module"))


@pytest.fixture
def fresh() -> Any:
    """Nothing found or compiled yet, and nothing of what the test pretends kept."""
    caches = cuda.cupy_with_gpu, cuda.compiled
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def test_what_is_missing_is_said(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=SENTENCE):
        cuda.cupy_with_gpu()
    monkeypatch.setitem(sys.modules, "cupy", cupy_that(count=lambda: 0))
    with pytest.raises(RuntimeError, match=SENTENCE):
        cuda.cupy_with_gpu()

    def broken(**_: Any) -> Any:
        raise OSError("libnvrtc.so.12: cannot open shared object file")

    monkeypatch.setitem(sys.modules, "cupy", cupy_that(module=broken))
    with pytest.raises(RuntimeError, match=SENTENCE) as caught:
        cuda.compiled()
    assert "libnvrtc.so.12" in str(caught.value)


def test_a_result_too_large_is_said_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError("out of memory")

    monkeypatch.setattr(backend, "library", lambda _: types.SimpleNamespace(empty=full))
    with pytest.raises(MemoryError, match=SENTENCE) as caught:
        cuda.allocated((3, 1 << 40), np.zeros(1, np.float32))
    assert str(3 * 4 << 40) in str(caught.value)


# What follows runs on a GPU.


def carried(form: Any, where: str) -> Any:
    if where == "torch":
        torch: Any = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("needs a PyTorch made for CUDA")
        return forms.move(form, "torch", device="cuda")
    return forms.move(form, "cupy")


on_each = functools.partial(pytest.mark.parametrize, "where", ["cupy", "torch"])


class TestOnAGPU:
    pytestmark = gpu

    @on_each()
    @pytest.mark.parametrize("rule", ["zoh", "bilinear"])
    @pytest.mark.parametrize("length", [0, 1, 1000, 1 << 17])
    def test_a_kernel_is_that_of_numpy(self, where: str, rule: Any, length: int) -> None:
        form = inits.ptd_init(8, channels=4)
        expected, got = (
            kernel(form, length, rule=rule),
            kernel(carried(form, where), length, rule=rule),
        )
        scale = max(1.0, np.max(abs(expected), initial=0.0))
        assert (
            np.max(abs(backend.to_numpy(got) - expected), initial=0.0)
            <= 64 * EPS["float64"] * scale
        )

    @on_each()
    def test_products_and_moments_are_those_of_numpy(self, where: str) -> None:
        nodes, weights, g = (drawn((3, 5), "float64", seed) for seed in range(3))
        nodes = nodes / abs(nodes)
        there = [
            backend.move(array, where, where=0 if where == "cupy" else "cuda")
            for array in (weights, nodes, g.real)
        ]
        K, s = vandermonde(weights, nodes, 2000), moments(g.real, nodes)
        assert (
            np.max(abs(backend.to_numpy(vandermonde(there[0], there[1], 2000)) - K))
            <= 64 * EPS["float64"] * np.max(abs(weights)) * 5
        )
        assert np.max(abs(backend.to_numpy(moments(there[2], there[1])) - s)) <= 64 * EPS[
            "float64"
        ] * np.sum(abs(g))

    def test_torch_differentiates_compiled_and_on_a_stream_of_its_own(self) -> None:
        torch: Any = pytest.importorskip("torch")
        form = inits.ptd_init(8, channels=4)

        def gradients(where: str, run: Any) -> list[np.ndarray]:
            leaves = [
                torch.asarray(np.asarray(field)).to(where).requires_grad_(True) for field in form
            ]
            run(lambda *fields: kernel(type(form)(*fields), 3000))(
                *leaves
            ).square().sum().backward()
            return [backend.to_numpy(leaf.grad) for leaf in leaves]

        carried(form, "torch")
        expected = gradients("cpu", lambda f: f)
        with torch.cuda.stream(torch.cuda.Stream()):
            found = [gradients("cuda", run) for run in (lambda f: f, torch.compile)]
            torch.cuda.current_stream().synchronize()
        for got in found:
            for a, b in zip(got, expected, strict=True):
                assert np.max(abs(a - b)) <= 1e-11 * np.max(abs(b))
