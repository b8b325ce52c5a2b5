"""The kernels of the GPU: on the host against multiple precision, compiled for GPUs, and on one."""

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
from ssmlinalg.discretize import SCHEMES
from ssmlinalg.ground import backend
from ssmlinalg.ground.formats import COMPLEX, FORMATS, PRECISIONS
from ssmlinalg.kernels import final_state
from ssmlinalg.powers import tables
from ssmlinalg.products import baby_step_giant_step, cuda, moments, vandermonde
from ssmlinalg.products.exponential_sums import MAX_BYTES

EPS = {name: FORMATS[name].eps for name in PRECISIONS}
SINGLE, DOUBLE = PRECISIONS
ON_HOST = Path(__file__).with_name("cuda_on_host.cpp")
KERNELS = Path(str(importlib.resources.files("ssmlinalg.products").joinpath("powers.cu")))
ARGUMENTS = 14  # of the kernel with most of them
BLOCKS = 5  # few, so that some go round

gpu = [pytest.mark.gpu, pytest.mark.skipif(not gpus(), reason="needs a GPU and CuPy")]
in_each_precision = pytest.mark.parametrize("dtype", PRECISIONS)
by_each_rule = pytest.mark.parametrize("rule", ["zoh", "bilinear"])
of_each_size = pytest.mark.parametrize(
    "size", [(1, 1, 1, 1), (2, 1, 3, 2), (2, 2, 33, 1000), (1, 3, 3, 20011)]
)


@pytest.fixture(scope="session", params=[True, False], ids=["plain", "fused"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ctypes.CDLL:
    """The kernels compiled for the host: products fused into sums or not, as a GPU may.

    Threads run in turn, from either end.
    """
    compiler = shutil.which("g++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs g++ and Linux")
    shared = tmp_path_factory.mktemp("cuda") / "host.so"
    fused = "off" if request.param else "fast"
    options = [
        "-std=c++17",
        f"-ffp-contract={fused}",
        "-O2",
        "-march=native",
        f"-DFORWARD={request.param:d}",
        f'-DKERNELS_FILE="{KERNELS}"',
    ]
    command = [compiler, *options, "-shared", "-fPIC", str(ON_HOST), "-o", str(shared)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(shared))


@pytest.fixture
def host(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels launched on the host, on arrays of NumPy and tensors of PyTorch."""

    def launch(name: str, blocks: int, *arguments: Any) -> None:
        values = [
            int(value if isinstance(value, int) else cuda.address(value)) for value in arguments
        ]
        packed = (ctypes.c_int64 * ARGUMENTS)(*values)
        function = ctypes.cast(getattr(library, name), ctypes.c_void_p)
        library.launch(function, ctypes.c_int64(min(blocks, BLOCKS)), packed)

    monkeypatch.setattr(cuda, "launch", launch)


def modes(
    G: int, n: int, dtype: str, rule: str = "zoh"
) -> tuple[tables.Base, np.ndarray, np.ndarray]:
    """A base of modes slow and fast, one undamped and one at rest, with step and A as stored."""
    rng = np.random.default_rng(0)
    A = -(10.0 ** rng.uniform(-7, 0, (G, n))) + 1j * rng.uniform(-300, 300, (G, n))
    A[:, 0] = 2.5j
    A[:, -1] *= n == 1
    step = np.full((G, 1), 0.11, dtype)
    A = A.astype(COMPLEX[dtype])
    return SCHEMES[rule].base(step, A), step, A


def powers(step: np.ndarray, A: np.ndarray, rule: str, lags: np.ndarray) -> np.ndarray:
    """z^l (G, n, lags) in multiple precision."""

    def power(h: Any, a: Any, lag: int) -> complex:
        x = mpmath.mpf(float(h)) * mpmath.mpc(complex(a))
        if rule == "zoh":
            return complex(mpmath.exp(x * lag))
        return complex(((1 + x / 2) / (1 - x / 2)) ** lag)

    with mpmath.workdps(60):
        table = [
            [[power(h, a, int(lag)) for lag in lags] for a in row]
            for (h,), row in zip(step, A, strict=True)
        ]
    return np.array(table, complex).reshape(*A.shape, len(lags))


def drawn(shape: tuple[int, ...], dtype: str, seed: int = 1) -> Any:
    """Complex numbers of a normal distribution."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    return values.astype(COMPLEX[dtype])


def drawn_real(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Real numbers of a normal distribution."""
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def lags_of(length: int) -> np.ndarray:
    """All of few samples; of many, the ends of the sum and of tiles, and some between."""
    if length <= 40:
        return np.arange(length)
    some = np.random.default_rng(2).integers(0, length, 8)
    edges = [0, 1, 127, 128, 8191, 8192, 16383, 16384, length - 2, length - 1]
    return np.unique([lag for lag in (*edges, *some) if lag < length])


def sums_of(weights: np.ndarray, table: np.ndarray) -> Any:
    """sum_n w_n z_n^l, (G, W, lags), of weights (G, W, n) and powers (G, n, lags)."""
    return np.einsum("gwn,gnl->gwl", weights.astype(complex), table)


@in_each_precision
@by_each_rule
@of_each_size
def test_a_sum_is_what_multiple_precision_says(
    host: None, size: tuple[int, ...], rule: str, dtype: str
) -> None:
    G, W, n, length = size
    base, step, A = modes(G, n, dtype, rule)
    weights = drawn((G, W, n), dtype)
    direct = drawn_real((G, W), dtype)
    lags = lags_of(length)
    got = cuda.power_sums(weights, base, direct, length, MAX_BYTES)
    table = powers(step, A, rule, lags)
    expected = sums_of(weights, table).real + direct[..., None] * (lags == 0)
    scale = sums_of(abs(weights), abs(table)).real + abs(direct)[..., None]
    tolerance = (2 * n + np.log2(length) + 8) * EPS[dtype]
    assert got.dtype == direct.dtype
    assert np.all(abs(got[..., lags] - expected) <= tolerance * scale)


@in_each_precision
@by_each_rule
def test_a_million_samples_are_as_exact_as_ten(host: None, rule: str, dtype: str) -> None:
    """In double precision the base of the bilinear rule is squared log2 L times as two words."""
    length = 1 << 20
    n = 3
    base, step, A = modes(1, n, dtype, rule)
    weights = drawn((1, 1, n), dtype)
    lags = lags_of(length)
    none = np.zeros((1, 1), dtype)
    got = cuda.power_sums(weights, base, none, length, MAX_BYTES)
    expected = sums_of(weights, powers(step, A, rule, lags)).real
    tolerance = {SINGLE: 2, DOUBLE: 2 * n + np.log2(length)}[dtype] * EPS[dtype]
    assert np.max(abs(got[..., lags] - expected)) <= tolerance * np.sum(abs(weights))


@in_each_precision
def test_a_mode_that_has_almost_died_keeps_its_digits(host: None, dtype: str) -> None:
    length = 20000
    rate = {SINGLE: -4.3e-3, DOUBLE: -3.3e-2}[dtype]  # to e^-86 and e^-660
    step = np.full((1, 1), 0.7, dtype)
    A = np.array([[rate / 0.7]], COMPLEX[dtype])
    one = np.ones((1, 1, 1), COMPLEX[dtype])
    none = np.zeros((1, 1), dtype)
    lags = lags_of(length)
    got = cuda.power_sums(one, tables.exponential(step, A), none, length, MAX_BYTES)
    expected = powers(step, A, "zoh", lags)[0, 0].real
    assert np.all(abs(got[0, 0, lags] - expected) <= 5 * EPS[dtype] * expected)


@in_each_precision
@by_each_rule
@of_each_size
def test_moments_and_slopes_are_the_transpose(
    host: None, size: tuple[int, ...], rule: str, dtype: str
) -> None:
    G, W, n, length = size
    base, step, A = modes(G, n, dtype, rule)
    weights = drawn((G, W, n), dtype)
    lags = lags_of(length)
    g = np.zeros((G, W, length), dtype)
    g[..., lags] = drawn_real((G, W, len(lags)), dtype)
    table = powers(step, A, rule, lags)
    slopes = powers(step, A, rule, np.maximum(lags - 1, 0)) * lags
    read = g[..., lags].astype(float)
    tolerance = (len(lags) + np.log2(length) + 16) * EPS[dtype]

    def close(got: np.ndarray, formula: str, *parts: np.ndarray) -> bool:
        expected = np.einsum(formula, *(part.astype(complex) for part in parts))
        scale = np.einsum(formula, *map(abs, parts))
        return bool(np.all(abs(got - expected) <= tolerance * scale))

    s, r = cuda.gradients(g, weights, base, MAX_BYTES)
    assert close(cuda.moments(g, base, MAX_BYTES), "gwl,gnl->gwn", read, table)
    assert close(s, "gwl,gnl->gwn", read, table)
    assert close(r, "gwl,gwn,gnl->gn", read, weights, slopes)


@in_each_precision
@pytest.mark.parametrize("length", [1, 2, 129, 9000])
def test_the_kernels_agree_with_the_host(host: None, dtype: str, length: int) -> None:
    G, W, n = 2, 2, 5
    base, _, _ = modes(G, n, dtype)
    weights = drawn((G, W, n), dtype)
    direct = drawn_real((G, W), dtype)
    g = drawn_real((G, W, length), dtype)
    plain = baby_step_giant_step

    K = cuda.power_sums(weights, base, direct, length, MAX_BYTES)
    expected = plain.power_sums(weights, base, direct, length, MAX_BYTES)
    largest = np.max(np.sum(abs(weights), axis=-1))
    assert np.max(abs(K - expected)) <= (4 * n + 16) * EPS[dtype] * largest

    tolerance = 32 * np.sqrt(length) * EPS[dtype]
    scale = np.sum(abs(g), axis=-1, keepdims=True)
    steepest = length * np.sum(abs(weights) * scale, axis=1)
    s, r = cuda.gradients(g, weights, base, MAX_BYTES)
    expected_s, expected_r = plain.gradients(g, weights, base, MAX_BYTES)
    assert np.all(abs(s - expected_s) <= tolerance * scale)
    assert np.all(abs(r - expected_r) <= tolerance * steepest)

    s = cuda.moments(g, base, MAX_BYTES)
    expected = plain.moments(g, base, MAX_BYTES)
    assert np.all(abs(s - expected) <= tolerance * scale)


@in_each_precision
@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 700), (2, 33, 17), (1, 9000, 20)])
def test_cauchy_sums_and_their_slopes_are_the_plain_ones(
    host: None, size: tuple[int, ...], dtype: str
) -> None:
    B, n, count = size
    w = drawn((B, n), dtype, 0)
    nodes = drawn((B, n), dtype, 1)
    points = drawn((B, count), dtype, 2)
    g = drawn((B, count), dtype, 3)
    differences = points[:, None, :].astype(np.clongdouble) - nodes[:, :, None]
    C = np.clongdouble(1) / differences
    tolerance = (np.sqrt(max(n, count)) + 16) * EPS[dtype]

    def close(got: np.ndarray, formula: str, *parts: np.ndarray) -> bool:
        expected = np.einsum(formula, *parts)
        scale = np.einsum(formula, *map(abs, parts))
        return got.dtype == w.dtype and bool(np.all(abs(got - expected) <= tolerance * scale))

    s, r, t = cuda.cauchy_gradients(g, w, nodes, points)
    assert close(cuda.cauchy(w, nodes, points), "bn,bnk->bk", w, C)
    assert close(s, "bk,bnk->bn", g, C)
    assert close(r, "bn,bk,bnk->bn", w, g, C**2)
    assert close(-t, "bk,bn,bnk->bk", g, w, C**2)


def test_a_cauchy_sum_near_the_smallest_numbers_does_not_overflow(host: None) -> None:
    one = np.ones((1, 1), np.complex64)
    near = np.full((1, 1), 1e-30 + 1e-30j, np.complex64)
    expected = 1 / near.astype(complex)
    error = abs(cuda.cauchy(one, 0 * one, near) - expected)
    assert np.all(error <= 8 * EPS[SINGLE] * abs(expected))
    assert cuda.cauchy(one[:, :0], one[:, :0], near) == 0


@pytest.mark.parametrize("shape", [(0, 1, 2, 3), (1, 0, 2, 3), (1, 1, 0, 3), (1, 1, 2, 0)])
def test_empty_sums_are_legal(host: None, shape: tuple[int, ...]) -> None:
    G, W, n, length = shape
    base = tables.exponential(np.ones((G, 1)), np.zeros((G, n), complex))
    weights = np.ones((G, W, n), complex)
    signal = np.ones((G, W, length))
    K = cuda.power_sums(weights, base, np.ones((G, W)), length, MAX_BYTES)
    assert K.shape == (G, W, length)
    assert np.all(n + (np.arange(length) == 0) == K)
    s, r = cuda.gradients(signal, weights, base, MAX_BYTES)
    assert (s.shape, r.shape) == ((G, W, n), (G, n))
    assert np.all(cuda.moments(signal, base, MAX_BYTES) == length)


def test_powers_that_overflow_beyond_the_end_are_not_seen(host: None) -> None:
    base = tables.exponential(np.ones((1, 1)), np.array([[16.0 + 1j, -1e300]]))
    g = np.ones((1, 1, 40))
    weights = np.ones((1, 1, 2), complex)
    s, r = cuda.gradients(g, weights, base, MAX_BYTES)
    K = cuda.power_sums(weights, base, np.zeros((1, 1)), 40, MAX_BYTES)
    assert all(np.all(np.isfinite(part)) for part in (s, r, K))
    l = np.arange(40)  # noqa: E741
    growth = np.exp(16.0 * l)
    expected = growth * np.cos(l) + (l == 0)
    assert np.all(abs(K[0, 0] - expected) <= 8 * EPS[DOUBLE] * growth)


def test_tensors_are_read_where_they_lie_however_they_lie(host: None) -> None:
    torch = pytest.importorskip("torch")
    base, _, _ = modes(2, 5, DOUBLE)
    weights = drawn((5, 2, 2), DOUBLE)
    turned = torch.asarray(weights).conj().permute(2, 1, 0)
    plain = weights.conj().transpose(2, 1, 0)
    tensors = tables.reshaped(base, torch.asarray)
    direct = torch.asarray(weights[0]).conj().imag.T  # a view that is to be negated
    got = cuda.power_sums(turned, tensors, direct, 50, MAX_BYTES)
    expected = cuda.power_sums(plain, base, -weights[0].imag.T, 50, MAX_BYTES)
    assert np.array_equal(got.numpy(), expected)
    g = drawn_real((300, 2, 2), DOUBLE)
    signal = torch.asarray(g).permute(2, 1, 0)
    parts = cuda.gradients(signal, turned, tensors, MAX_BYTES)
    expected = cuda.gradients(g.transpose(2, 1, 0), plain, base, MAX_BYTES)
    for part, other in zip(parts, expected, strict=True):
        assert np.max(abs(part.numpy() - other)) <= 8 * EPS[DOUBLE] * np.max(abs(other))


def test_conjugation_and_negation_are_done_before_an_address_is_taken(host: None) -> None:
    torch = pytest.importorskip("torch")
    base = tables.reshaped(modes(1, 5, DOUBLE)[0], torch.asarray)
    weights = torch.asarray(drawn((1, 1, 5), DOUBLE)).conj()
    direct = torch.asarray(drawn((1, 1), DOUBLE)).conj().imag
    assert weights.is_contiguous()
    assert direct.is_contiguous()
    got = cuda.power_sums(weights, base, direct, 9, MAX_BYTES)
    resolved = (weights.resolve_conj(), base, direct.resolve_neg())
    assert torch.equal(got, cuda.power_sums(*resolved, 9, MAX_BYTES))
    error = abs(got[..., 0] - (weights.real.sum(-1) + direct))
    assert error <= 8 * EPS[DOUBLE] * weights.abs().sum()


def test_the_operators_of_pytorch_run_on_the_kernels(
    host: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch: Any = pytest.importorskip("torch")
    from ssmlinalg.products import torch as operators

    form = inits.ptd_init(8, channels=3)
    fields = [torch.asarray(np.asarray(field)) for field in form]
    u = torch.asarray(drawn_real((3, 700), DOUBLE))
    Form = type(form)

    def answers() -> list[np.ndarray]:
        leaves = [field.clone().requires_grad_(True) for field in fields]
        K = kernel(Form(*leaves), 700)
        state = final_state(Form(*leaves), u)
        (K.square().sum() + state.abs().square().sum()).backward()
        rows = torch.stack([fields[2], 2 * fields[2]])
        several = torch.func.vmap(lambda C: kernel(Form(*fields)._replace(C=C), 50))(rows)
        parts = [K, state, several, *(leaf.grad for leaf in leaves)]
        return [backend.to_numpy(part) for part in parts]

    expected = answers()
    used = []
    monkeypatch.setattr(operators, "body_of", lambda tensor: used.append(tensor) or cuda)
    for got, plain in zip(answers(), expected, strict=True):
        assert np.max(abs(got - plain)) <= 1e3 * EPS[DOUBLE] * np.max(abs(plain))
    assert used


def test_the_kernels_lie_in_the_package() -> None:
    assert cuda.source() == KERNELS.read_text()
    assert "#include" not in cuda.source()


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nvcc_compiles_the_kernels(architecture: str, tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("needs nvcc")
    target = str(tmp_path / "powers.cubin")
    options = ["-std=c++17", f"-arch={architecture}", "-cubin", "-Werror", "all-warnings"]
    subprocess.run([nvcc, *options, "-o", target, str(KERNELS)], check=True)


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
    options = (ctypes.c_char_p * len(as_cupy_does))(*as_cupy_does)
    program = ctypes.c_void_p()
    here = ctypes.byref(program)
    source = cuda.source().encode()
    assert nvrtc.nvrtcCreateProgram(here, source, b"powers.cu", 0, None, None) == 0
    status = nvrtc.nvrtcCompileProgram(program, len(as_cupy_does), options)
    log = ctypes.create_string_buffer(10000)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()
    nvrtc.nvrtcDestroyProgram(here)


SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")


def cupy_that(**parts: Any) -> Any:
    """A CuPy that has just these parts."""
    runtime = types.SimpleNamespace(
        CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {}),
        getDeviceCount=parts.get("count", lambda: 1),
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


def library_that_raises(error: Exception) -> Any:
    """An array library that makes no array."""

    def empty(*_: Any, **__: Any) -> Any:
        raise error

    return types.SimpleNamespace(empty=empty)


def test_a_result_too_large_is_said_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    full = library_that_raises(MemoryError("out of memory"))
    monkeypatch.setattr(backend, "library", lambda _: full)
    with pytest.raises(MemoryError, match=SENTENCE) as caught:
        cuda.allocated((3, 1 << 40), np.zeros(1, np.float32))
    assert str(3 * 4 << 40) in str(caught.value)


def test_errors_of_memory_are_told_by_their_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that read beyond an array also speaks of memory."""
    torch: Any = pytest.importorskip("torch")
    full = library_that_raises(torch.cuda.OutOfMemoryError("CUDA out of memory"))
    broken = library_that_raises(RuntimeError("an illegal memory access was encountered"))
    monkeypatch.setattr(backend, "library", lambda _: full)
    with pytest.raises(MemoryError, match=SENTENCE):
        cuda.allocated((3,), torch.zeros(1))
    monkeypatch.setattr(backend, "library", lambda _: broken)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        cuda.allocated((3,), torch.zeros(1))


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
    @by_each_rule
    @pytest.mark.parametrize("length", [0, 1, 1000, 1 << 17])
    def test_a_kernel_is_that_of_numpy(self, where: str, rule: Any, length: int) -> None:
        form = inits.ptd_init(8, channels=4)
        expected = kernel(form, length, rule=rule)
        got = backend.to_numpy(kernel(carried(form, where), length, rule=rule))
        scale = max(1.0, np.max(abs(expected), initial=0.0))
        assert np.max(abs(got - expected), initial=0.0) <= 64 * EPS[DOUBLE] * scale

    @on_each()
    def test_products_and_moments_are_those_of_numpy(self, where: str) -> None:
        n = 5
        nodes, weights, g = (drawn((3, n), DOUBLE, seed) for seed in range(3))
        nodes = nodes / abs(nodes)
        device = 0 if where == "cupy" else "cuda"
        w, z, signal = (
            backend.move(array, where, where=device) for array in (weights, nodes, g.real)
        )
        K = backend.to_numpy(vandermonde(w, z, 2000))
        scale = n * np.max(abs(weights))
        assert np.max(abs(K - vandermonde(weights, nodes, 2000))) <= 64 * EPS[DOUBLE] * scale
        s = backend.to_numpy(moments(signal, z))
        scale = np.sum(abs(g))
        assert np.max(abs(s - moments(g.real, nodes))) <= 64 * EPS[DOUBLE] * scale

    def test_torch_differentiates_compiled_and_on_a_stream_of_its_own(self) -> None:
        torch: Any = pytest.importorskip("torch")
        form = inits.ptd_init(8, channels=4)
        length = 3000

        def gradients(where: str, run: Any) -> list[np.ndarray]:
            leaves = [
                torch.asarray(np.asarray(field)).to(where).requires_grad_(True) for field in form
            ]
            evaluate = run(lambda *fields: kernel(type(form)(*fields), length))
            evaluate(*leaves).square().sum().backward()
            return [backend.to_numpy(leaf.grad) for leaf in leaves]

        carried(form, "torch")
        expected = gradients("cpu", lambda f: f)
        with torch.cuda.stream(torch.cuda.Stream()):
            found = [gradients("cuda", run) for run in (lambda f: f, torch.compile)]
            torch.cuda.current_stream().synchronize()
        tolerance = 15 * length * EPS[DOUBLE]
        for got in found:
            for a, b in zip(got, expected, strict=True):
                assert np.max(abs(a - b)) <= tolerance * np.max(abs(b))
