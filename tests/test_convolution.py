"""Convolution is its sum: of a whole signal, in pieces cut anywhere, towards both sides, in every
library and precision.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differences import far, largest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import EPS, seeds, signal

from ssmlinalg import reference
from ssmlinalg.kernels.convolution import bidirectional, convolve, stream

lengths = st.integers(1, 70)
SINGLE = float(np.finfo(np.float32).eps)


def direct(u: np.ndarray, k: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """sum_{m >= 0} k_m u_{l-m} + sum_{m >= 1} b_m u_{l+m}, term by term."""
    lead = np.broadcast_shapes(*(array.shape[:-1] for array in (u, k, k if b is None else b)))
    length = u.shape[-1]
    y = np.zeros((*lead, length))
    for l in range(length):  # noqa: E741
        for m in range(min(l + 1, k.shape[-1])):
            y[..., l] += k[..., m] * u[..., l - m]
        for m in range(1, 0 if b is None else min(length - l, b.shape[-1])):
            y[..., l] += b[..., m] * u[..., l + m]  # pyright: ignore[reportOptionalSubscript]
    return y


def bound(n: int, *factors: np.ndarray, eps: float = EPS) -> float:
    """A few eps log2(n) |k| |u|, in the 2-norm of the longest of each."""
    return float(
        4
        * eps
        * np.log2(2 * n)
        * np.prod([np.linalg.norm(factor, axis=-1).max() for factor in factors])
    )


@given(lengths, lengths, seeds)
def test_a_convolution_is_its_sum(length: int, taps: int, seed: int) -> None:
    u = signal(seed, 3, length)
    k = signal(seed + 1, taps)
    y = convolve(u, k)
    assert y.shape == u.shape
    assert far(y, direct(u, k)) <= bound(length + taps, u, k)


@given(st.integers(1, 12), st.integers(1, 12), seeds)
def test_a_convolution_is_that_of_the_reference(length: int, taps: int, seed: int) -> None:
    u = signal(seed, length)
    k = signal(seed + 1, taps)
    expected = np.array([float(y) for y in reference.convolve(u, k)])
    assert far(convolve(u, k), expected) <= bound(length + taps, u, k)


@pytest.mark.parametrize("length", [1, 2, 4095, 4096, 4097])
@pytest.mark.parametrize(("dtype", "eps"), [("float32", SINGLE), ("float64", EPS)])
def test_the_error_keeps_its_bound_in_either_precision(length: int, dtype: str, eps: float) -> None:
    u = signal(0, length).astype(dtype)
    k = signal(1, length).astype(dtype)
    y = convolve(u, k)
    assert y.dtype == dtype
    exact = np.convolve(u.astype(np.longdouble), k.astype(np.longdouble))[:length]
    assert far(y, exact) <= bound(length, u, k, eps=eps)


def test_taps_beyond_the_signal_have_no_effect() -> None:
    u = signal(0, 7)
    k = signal(1, 100)
    np.testing.assert_array_equal(convolve(u, k), convolve(u, k[:7]))
    np.testing.assert_array_equal(bidirectional(u, k, k), bidirectional(u, k[:7], k[:7]))


@example(1, [2, 3], 0)
@given(st.integers(1, 30), st.lists(st.integers(0, 9), min_size=1, max_size=8), seeds)
def test_a_signal_may_be_cut_anywhere(taps: int, pieces: list[int], seed: int) -> None:
    """Pieces shorter than the kernel, longer, and of no sample at all."""
    length = sum(pieces)
    u = signal(seed, 2, length)
    k = signal(seed + 1, 3, 1, taps)
    y = []
    state = None
    start = 0
    for size in pieces:
        outputs, state = stream(u[..., start : start + size], k, state)
        y.append(outputs)
        start += size
        remembered = np.concatenate([np.zeros((2, taps)), u[..., :start]], axis=-1)
        np.testing.assert_array_equal(state, remembered[..., remembered.shape[-1] - (taps - 1) :])
    together = np.concatenate(y, axis=-1)
    assert together.shape == (3, 2, length)
    assert far(together, direct(u, k)) <= bound(
        length + taps, np.append(u, np.zeros((2, 1)), -1), k
    )


def test_another_kernel_may_take_over_at_a_cut() -> None:
    u = signal(0, 20)
    k = signal(1, 6)
    other = signal(2, 6)
    first, state = stream(u[:11], k)
    second, _ = stream(u[11:], other, state)
    expected = np.concatenate([direct(u, k)[:11], direct(u, other)[11:]])
    assert far(np.concatenate([first, second]), expected) <= bound(26, u, k)


def test_errors_do_not_add_up_over_many_pieces() -> None:
    u = signal(0, 3000).astype(np.float32)
    k = signal(1, 40).astype(np.float32)
    state = None
    worst = 0.0
    exact = np.convolve(u.astype(float), k.astype(float))
    for start in range(0, 3000, 3):
        y, state = stream(u[start : start + 3], k, state)
        worst = max(worst, float(far(y, exact[start : start + 3])))
    window = max(np.linalg.norm(u[start : start + 42]) for start in range(0, 2958, 3))
    assert worst <= 4 * SINGLE * np.log2(2 * 42) * window * np.linalg.norm(k)


@given(lengths, lengths, lengths, seeds)
def test_both_sides_are_their_sum_and_lag_0_counts_once(
    length: int, past: int, future: int, seed: int
) -> None:
    u = signal(seed, 2, length)
    k = signal(seed + 1, past)
    b = signal(seed + 2, future)
    y = bidirectional(u, k, b)
    assert far(y, direct(u, k, b)) <= bound(length + past + future, u, np.concatenate([k, b]))
    other = np.concatenate([[1e3], b[1:]])
    np.testing.assert_array_equal(bidirectional(u, k, other), y)


@given(lengths, st.integers(2, 40), seeds)
def test_a_symmetric_kernel_commutes_with_reversal(length: int, taps: int, seed: int) -> None:
    u = signal(seed, length)
    k = signal(seed + 1, taps)
    difference = bidirectional(u[::-1], k, k)[::-1] - bidirectional(u, k, k)
    assert largest(difference) <= bound(length + 2 * taps, u, np.sqrt(2) * k)


def test_leading_axes_broadcast() -> None:
    u = signal(0, 4, 1, 9)
    k = signal(1, 3, 5)
    b = signal(2, 2, 1, 1, 7)
    assert convolve(u, k).shape == (4, 3, 9)
    assert convolve(signal(0, 9), k).shape == (3, 9)
    y, state = stream(u, k)
    assert y.shape == (4, 3, 9)
    assert state.shape == (4, 1, 4)
    both = bidirectional(u, k, b)
    assert both.shape == (2, 4, 3, 9)
    assert far(both, direct(u, k, np.broadcast_to(b, (2, 1, 3, 7)))) <= bound(
        21, u, np.append(k[0], b[0]) * 2
    )
    assert far(stream(u, k, np.ones(4))[0], stream(u, k, np.ones((4, 1, 4)))[0]) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_sample_in_no_sample_out(dtype: str) -> None:
    nothing = np.zeros((2, 0), dtype)
    u = np.ones((2, 3), dtype)
    k = np.ones((4, 1, 5), dtype)
    assert convolve(nothing, k).shape == (4, 2, 0)
    assert convolve(nothing, nothing).shape == (2, 0)
    assert bidirectional(nothing, k, k).shape == (4, 2, 0)
    y, state = stream(nothing, k, np.ones(4, dtype))
    assert y.shape == (4, 2, 0)
    np.testing.assert_array_equal(state, np.ones((2, 4)))
    np.testing.assert_array_equal(convolve(u, nothing), np.zeros((2, 3)))
    np.testing.assert_array_equal(stream(u, nothing)[0], np.zeros((2, 3)))
    assert convolve(nothing, k).dtype == stream(nothing, k)[0].dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_gives_the_same(carry: Callable[[Any], Any], dtype: str) -> None:
    u, k, b = (
        signal(seed, *shape).astype(dtype)
        for seed, shape in enumerate([(2, 33), (3, 1, 20), (3, 1, 50)])
    )
    slack = bound(103, u, k, eps=float(np.finfo(dtype).eps)) + bound(
        103, u, b, eps=float(np.finfo(dtype).eps)
    )
    pieces = [carry(u[..., :13]), carry(u[..., 13:])]
    first, state = stream(pieces[0], carry(k))
    second, last = stream(pieces[1], carry(k), state)
    results = {
        "convolve": (convolve(carry(u), carry(k)), direct(u, k)),
        "bidirectional": (bidirectional(carry(u), carry(k), carry(b)), direct(u, k, b)),
        "first piece": (first, direct(u, k)[..., :13]),
        "second piece": (second, direct(u, k)[..., 13:]),
        "state": (last, u[..., -19:]),
        "no sample": (bidirectional(carry(u[..., :0]), carry(k), carry(b)), np.zeros((3, 2, 0))),
        "no tap": (
            bidirectional(carry(u), carry(k[..., :0]), carry(b[..., :0])),
            np.zeros((3, 2, 33)),
        ),
    }
    for name, (got, expected) in results.items():
        assert type(got) is type(carry(u)), name
        assert dtype in str(got.dtype), name
        assert far(got, expected) <= slack, name


def half(library: str, name: str, array: np.ndarray) -> Any:
    if library == "numpy":
        return array.astype(name)
    if library == "torch":
        import torch

        return torch.asarray(array).to(getattr(torch, name))
    import jax.numpy

    return jax.numpy.asarray(array, dtype=name)


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("numpy", "float16"),
        *((lib, name) for lib in ("torch", "jax") for name in ("float16", "bfloat16")),
    ],
)
def test_half_precision_is_single_precision_rounded_once(library: str, name: str) -> None:
    u = half(library, name, signal(0, 2, 100))
    k = half(library, name, signal(1, 30))

    def wide(array: Any) -> Any:
        return array.astype("float32") if hasattr(array, "astype") else array.float()

    for act in (
        convolve,
        lambda u, k: bidirectional(u, k, k),
        lambda u, k: stream(u, k)[0],
        lambda u, k: stream(u, k)[1],
    ):
        y = act(u, k)
        assert y.dtype == u.dtype
        expected = half(library, name, np.asarray(wide(act(wide(u), wide(k)))))
        assert bool((y == expected).all())
    assert convolve(u, wide(k)).dtype == u.dtype  # parameters in single, signals in half precision
    assert convolve(wide(u), k).dtype == wide(u).dtype
    y, state = stream(u, k)
    assert stream(u, k, state)[1].dtype == u.dtype


def test_gradients_flow_in_torch() -> None:
    torch = pytest.importorskip("torch")
    u, k, b, state = (
        torch.asarray(signal(i, n)).requires_grad_(True) for i, n in enumerate((7, 5, 9, 4))
    )
    assert torch.autograd.gradcheck(convolve, (u, k))
    assert torch.autograd.gradcheck(stream, (u, k, state))
    assert torch.autograd.gradcheck(bidirectional, (u, k, b))


def test_convolutions_compile_and_differentiate_in_jax() -> None:
    jax = pytest.importorskip("jax")
    u, k, b, state = (jax.numpy.asarray(signal(i, n)) for i, n in enumerate((7, 5, 9, 4)))
    for act, arguments in (
        (convolve, (u, k)),
        (lambda *a: stream(*a)[0], (u, k, state)),
        (bidirectional, (u, k, b)),
    ):
        np.testing.assert_allclose(
            jax.jit(act)(*arguments), act(*arguments), atol=bound(20, np.asarray(u), np.asarray(k))
        )
        # y is bilinear: with every row of dy/dk known, dy/dk k is y again.
        tangent = jax.jacrev(act, argnums=1)(*arguments) @ arguments[1]
        rest = act(u, 0 * k, *arguments[2:])
        np.testing.assert_allclose(
            tangent + rest, act(*arguments), atol=4 * bound(20, np.asarray(u), np.asarray(k))
        )


ONE = np.ones(3)
BAD: dict[str, Callable[[], Any]] = {
    "complex signal": lambda: convolve(ONE + 0j, ONE),
    "complex signal of no sample": lambda: convolve(np.zeros(0) + 0j, ONE),
    "complex kernel": lambda: stream(ONE, ONE + 0j),
    "NaN in a kernel": lambda: bidirectional(ONE, ONE, ONE * np.nan),
    "infinity in a state": lambda: stream(ONE, ONE, np.full(2, np.inf)),
    "no axis": lambda: convolve(np.asarray(1.0), ONE),
    "a list": lambda: convolve([1.0], ONE),
    "mixed precision": lambda: convolve(ONE, ONE.astype(np.float32)),
    "half with double": lambda: convolve(ONE, ONE.astype(np.float16)),
    "integers": lambda: convolve(np.ones(3, int), np.ones(3, int)),
    "mixed libraries": lambda: stream(ONE, half("torch", "float64", ONE)),
    "another batch": lambda: convolve(np.ones((2, 3)), np.ones((4, 3))),
    "another batch of kernels": lambda: bidirectional(ONE, np.ones((2, 3)), np.ones((4, 3))),
    "another batch, no sample": lambda: convolve(np.ones((2, 0)), np.ones((4, 3))),
    "a state of another kernel": lambda: stream(ONE, ONE, np.ones(3)),
    "a state of another batch": lambda: stream(np.ones((2, 3)), ONE, np.ones((4, 2))),
    "a state of more axes": lambda: stream(ONE, ONE, np.ones((4, 2))),
    "overflow": lambda: convolve(np.full(8, 1e308), np.full(8, 1e308)),
    "overflow in half precision": lambda: convolve(
        np.full(8, 6e4, np.float16), np.full(8, 2, np.float16)
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_sentence(case: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        BAD[case]()
    assert re.fullmatch(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]", str(caught.value))


SHAPES = {
    "a batch": ((2, 3, 5), (3, 4)),
    "one": ((5,), (4,)),
    "a shared kernel": ((2, 3, 5), (4,)),
    "a kernel for one of one": ((2, 3, 5), (1, 4)),
    "a shared signal": ((5,), (3, 4)),
    "a signal for one of one": ((2, 1, 5), (3, 4)),
}


@pytest.fixture(params=["open", "one operation"])
def torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """PyTorch, where small transforms stand open and where their product has its own derivative."""
    library = pytest.importorskip("torch")
    from ssmlinalg.products import torch_convolution

    if request.param != "open":
        monkeypatch.setattr(torch_convolution, "SMALL", 0)
    return library


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_derivatives_in_torch_are_those_of_differences(torch: Any, shapes: Any) -> None:
    drawn = torch.Generator().manual_seed(0)
    u, k = (torch.randn(s, generator=drawn, dtype=torch.float64) for s in shapes)
    du, dk = (torch.randn(s, generator=drawn, dtype=torch.float64) for s in shapes)
    given = (u.requires_grad_(), k.requires_grad_())
    assert torch.autograd.gradcheck(convolve, given)
    assert torch.autograd.gradgradcheck(convolve, given)
    forward = torch.func.jvp(convolve, (u.detach(), k.detach()), (du, dk))[1]
    expected = convolve(du, k) + convolve(u, dk)
    tolerance = 64 * EPS * float(expected.detach().abs().max())
    assert float((forward - expected).detach().abs().max()) <= tolerance


def test_torch_maps_over_signals_and_kernels(torch: Any) -> None:
    u = torch.randn(4, 2, 3, 9, dtype=torch.float64)
    k = torch.randn(4, 3, 5, dtype=torch.float64)
    mapped = torch.func.vmap(convolve)(u, k)
    tolerance = 64 * EPS * float(mapped.abs().max())
    for got, one, taps in zip(mapped, u, k, strict=True):
        assert float((got - convolve(one, taps)).abs().max()) <= tolerance


def test_channels_in_blocks_are_the_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cache of nothing each channel is a block of its own."""
    torch = pytest.importorskip("torch")
    from ssmlinalg.products import torch_convolution

    u = torch.randn(2, 5, 30, dtype=torch.float64, requires_grad=True)
    k = torch.randn(5, 30, dtype=torch.float64, requires_grad=True)
    whole = torch.autograd.grad(convolve(u, k).square().sum(), (u, k))
    monkeypatch.setattr(torch_convolution, "SMALL", 0)
    monkeypatch.setattr(torch_convolution, "CACHE", 1)
    parts = torch.autograd.grad(convolve(u, k).square().sum(), (u, k))
    for got, expected in zip(parts, whole, strict=True):
        assert float((got - expected).abs().max()) <= 64 * EPS * float(expected.abs().max())
