"""Kernels of DSS, DLR, SGConv and HOPE, and band limits, against their definitions, in every
library.
"""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from differences import far, largest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import EPS, orders, seeds, signal

from ssmlinalg import forms, inits, kernel, scan
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.kernels import band, hankel, multiscale, softmax
from ssmlinalg.kernels.band import band_limit
from ssmlinalg.kernels.hankel import hope, hope_recurrence
from ssmlinalg.kernels.multiscale import (
    sgconv,
    sgconv_cosines,
    sgconv_norm,
    sgconv_scales,
    sgconv_sum,
)
from ssmlinalg.kernels.softmax import dss_softmax

lengths = st.integers(1, 40)


# DSS


def modes(seed: int, order: int) -> tuple[Any, Any]:
    """Decaying, growing, and one at zero; weights."""
    real, imag, *weights = signal(seed, 4, order)
    A = 3 * real + 10j * imag
    A[0] = 0
    return A, weights[0] + 1j * weights[1]


def softmax_of_the_definition(A: Any, C: Any, step: float, length: int) -> np.ndarray:
    with mpmath.workdps(60):
        K = np.zeros(length)
        z = [mpmath.mpf(step) * mpmath.mpc(a) for a in A]
        total = [mpmath.fsum(mpmath.exp(r * x) for r in range(length)) for x in z]
        for l in range(length):  # noqa: E741
            K[l] = mpmath.fsum(
                (mpmath.mpc(c) * mpmath.exp(l * x) / s).real
                for c, x, s in zip(C, z, total, strict=True)
            )
        return K


@given(orders, lengths, st.floats(0.01, 2.0), seeds)
def test_the_dss_kernel_is_its_softmax(order: int, length: int, step: float, seed: int) -> None:
    A, C = modes(seed, order)
    z = length * step * np.where(A.real > 0, -A, A)
    loss = np.max(
        np.abs(z) / np.where(z == 0, 1, np.abs(np.expm1(z)))
    )  # of the sum, relative to it
    scale = np.abs(C) @ np.max(np.abs(softmax_parts(A, step, length)), axis=-1)
    got = dss_softmax(A, C, step, length)
    expected = softmax_of_the_definition(A, C, step, length)
    assert far(got, expected) <= 8 * EPS * (np.log2(2 * length) + order + loss) * scale


def softmax_parts(A: np.ndarray, step: float, length: int) -> np.ndarray:
    """Each mode's softmax (N, L) by plain division, for its size."""
    exponent = step * A[:, None] * np.arange(length)
    table = np.exp(exponent - exponent.real.max(axis=-1, keepdims=True))
    return table / table.sum(axis=-1, keepdims=True)


@given(orders, lengths, seeds)
def test_the_samples_of_a_softmax_sum_to_its_weights(order: int, length: int, seed: int) -> None:
    A, C = modes(seed, order)
    A = A.real + 0j  # then no sum over the window is small
    total = dss_softmax(A, C, 0.3, length).sum()
    assert abs(total - C.real.sum()) <= 8 * EPS * (np.log2(2 * length) + order) * np.abs(C).sum()


@given(orders, lengths, seeds)
def test_a_growing_mode_is_a_decaying_one_backwards(order: int, length: int, seed: int) -> None:
    A, C = modes(seed, order)
    A = -np.abs(A.real) - 0.1 + 1j * A.imag
    np.testing.assert_array_equal(
        dss_softmax(-A, C, 0.3, length), dss_softmax(A, C, 0.3, length)[::-1]
    )


def test_a_mode_at_zero_weighs_all_samples_alike() -> None:
    for length in (1, 2, 7, 1000):
        K = dss_softmax(np.zeros(1) + 0j, np.ones(1) + 0j, 1.0, length)
        np.testing.assert_allclose(K, np.full(length, 1 / length), rtol=4 * EPS)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_no_softmax_overflows(dtype: str) -> None:
    A = np.array([1e4, -1e4, 1e4 + 1e4j, -1e-30, 1e-30, 3j]).astype(dtype)
    K = dss_softmax(A, np.eye(6).astype(dtype), 1.0, 4001)
    assert np.all(np.isfinite(K))
    ends = np.zeros((2, 4001))
    ends[0, -1] = ends[1, 0] = 1
    np.testing.assert_allclose(K[:2], ends, atol=8 * float(np.finfo(dtype).eps))


@given(orders, lengths)
def test_the_softmax_of_the_initialization_is_this_one(order: int, length: int) -> None:
    born = inits.dss_softmax_init(order, length=length, step=0.01)
    form = inits.dss_init(order, step=0.01)
    K = dss_softmax(form.A, born.C, 0.01, length)
    loss = np.max(length * 0.01 * np.abs(form.A) / np.abs(np.expm1(length * 0.01 * form.A)))
    scale = np.abs(born.C * born.B).sum()
    assert far(K, kernel(born, length)) <= 8 * EPS * (np.log2(2 * length) + order + loss) * scale


def test_the_softmax_is_the_same_in_every_library(carry: Callable[[Any], Any]) -> None:
    A, C = modes(0, 5)
    C = np.stack([C, 2 * C])
    step = np.array([0.1, 0.02])
    got = dss_softmax(carry(A), carry(C), carry(step), 15)
    assert type(got) is type(carry(step))
    for row in range(2):
        expected = softmax_of_the_definition(A, C[row], step[row], 15)
        assert far(to_numpy(got)[row], expected) <= 256 * EPS * np.abs(C[row]).sum()


def test_the_softmax_compiles_and_has_gradients_also_at_zero() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    A, C = modes(1, 4)
    step = torch.tensor(0.1, dtype=torch.float64)
    for z in (A, -A, 0 * A):
        leaves = [
            array.clone().requires_grad_(True)
            for array in (torch.asarray(z), torch.asarray(C), step)
        ]
        assert torch.autograd.gradcheck(lambda A, C, step: dss_softmax(A, C, step, 6), leaves)
    compiled = jax.jit(lambda A, C: dss_softmax(A, C, 0.1, 6))(
        jax.numpy.asarray(A), jax.numpy.asarray(C)
    )
    np.testing.assert_allclose(
        compiled, dss_softmax(A, C, 0.1, 6), atol=256 * EPS * np.abs(C).sum()
    )


# DLR


def test_a_dlr_kernel_of_half_a_million_samples_is_right_and_makes_no_table() -> None:
    order = 64
    length = 1 << 19
    form = inits.dlr_init(order, step=1e-5)
    kernel(form, 64)
    tracemalloc.start()
    K = kernel(form, length)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * K.nbytes < 16 * order * length / 8
    lags = [0, 1, 2, 1000, length // 3, length // 2, length - 2, length - 1]
    with mpmath.workdps(40):
        for l in lags:  # noqa: E741
            exact = mpmath.fsum(
                (mpmath.mpc(c) * mpmath.mpc(a) ** l).real
                for c, a in zip(form.C, form.A, strict=True)
            )
            assert abs(K[l] - float(exact)) <= (4 * order + 64) * EPS * np.abs(form.C).sum()


def test_the_other_dlr_readouts_are_those_of_turned_weights() -> None:
    """Im and Re Im of the complex sum: C -> -i C, and a product of two kernels."""
    form = inits.dlr_init(5)
    length = 30
    whole = np.sum(form.C[:, None] * form.A[:, None] ** np.arange(length), axis=0)
    imaginary = kernel(form._replace(C=-1j * form.C), length)
    tolerance = 8 * EPS * length * np.abs(form.C).sum()
    assert far(imaginary, whole.imag) <= tolerance
    assert far(kernel(form, length) * imaginary, whole.real * whole.imag) <= 2 * tolerance


# SGConv


def upsampled(w: np.ndarray, factor: int, interpolation: str) -> np.ndarray:
    """Entry by entry, at src = (j + 1/2)/factor - 1/2."""
    d = len(w)
    out = np.zeros(d * factor)
    for j in range(d * factor):
        if interpolation == "nearest":
            out[j] = w[j // factor]
        else:
            src = (j + 0.5) / factor - 0.5
            low = int(np.floor(src))
            at = [min(max(i, 0), d - 1) for i in (low, low + 1)]
            out[j] = w[at[0]] * (1 - (src - low)) + w[at[1]] * (src - low)
    return out


INTERPOLATIONS = sorted(multiscale.INTERPOLATIONS)
interpolations = st.sampled_from(INTERPOLATIONS)


@given(
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(0, 40),
    st.floats(0.0, 2.0),
    interpolations,
    seeds,
)
def test_sgconv_lays_its_scales_side_by_side(
    S: int, d: int, length: int, decay: float, how: str, seed: int
) -> None:
    w = signal(seed, S, d)
    whole = np.concatenate([decay**i * upsampled(w[i], 2 ** max(i - 1, 0), how) for i in range(S)])
    assert len(whole) == d * 2 ** (S - 1)
    expected = np.append(whole, np.zeros(length))[:length]
    got = sgconv(w, length, decay=decay, interpolation=how)
    assert got.shape == (length,)
    assert far(got, expected) <= 8 * S * EPS * max(1, decay) ** S * largest(w)
    norm = sgconv_norm(w, decay=decay, interpolation=how)
    expected = np.linalg.norm(whole)
    assert abs(norm - expected) <= 8 * S * len(whole) * EPS * expected


@given(
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(0, 40),
    st.floats(0.0, 2.0),
    interpolations,
    seeds,
)
def test_sgconv_sum_lays_them_on_top_of_each_other(
    S: int, d: int, length: int, decay: float, how: str, seed: int
) -> None:
    w = signal(seed, S, d)
    expected = np.zeros(length)
    for i in range(S):
        part = np.append(decay**i * upsampled(w[i], 2**i, how), np.zeros(length))
        expected += part[:length]
    got = sgconv_sum(w, length, decay=decay, interpolation=how)
    assert far(got, expected) <= 8 * S**2 * EPS * max(1, decay) ** S * largest(w)


@pytest.mark.parametrize("factor", [1, 2, 8])
@pytest.mark.parametrize("d", [1, 2, 7])
@pytest.mark.parametrize("how", INTERPOLATIONS)
def test_interpolation_is_that_of_torch(how: str, d: int, factor: int) -> None:
    torch = pytest.importorskip("torch")
    w = signal(0, 3, d)
    options = {"mode": "linear", "align_corners": False} if how == "linear" else {"mode": "nearest"}
    theirs = torch.nn.functional.interpolate(
        torch.asarray(w)[None], scale_factor=factor, **options
    )[0]
    assert far(multiscale.INTERPOLATIONS[how](w, factor), theirs.numpy()) <= 4 * EPS * largest(w)


def test_the_published_kernel_is_this_one_over_its_norm() -> None:
    """multiplier^(S - 1 - i) over scales, divided by the norm of the whole at first use, then
    cut.
    """
    w = signal(0, 2, 4, 8)
    S = 4
    d = 8
    length = 50
    parts = [
        2.0 ** (S - 1 - i)
        * np.stack([upsampled(row[i], 2 ** max(i - 1, 0), "linear") for row in w])
        for i in range(S)
    ]
    theirs = np.concatenate(parts, axis=-1)
    theirs = (theirs / np.linalg.norm(theirs, axis=-1, keepdims=True))[:, :length]
    ours = sgconv(w, length) / sgconv_norm(w)[:, None]
    assert far(ours, theirs) <= 8 * S * d * EPS


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 40), interpolations, seeds)
def test_a_power_decays_along_the_kernel(S: int, d: int, length: int, how: str, seed: int) -> None:
    """Each sample of either kind, and of what is normed, is (l + 1)^{-delta} times what it was."""
    w = signal(seed, 2, S, d)
    power = np.abs(signal(seed + 1, 2)) * 2
    plain: Any = {"decay": 1.0, "interpolation": how}
    for make in (sgconv, sgconv_sum):
        K = make(w, length, **plain, power=power)
        expected = make(w, length, **plain) / np.arange(1, length + 1) ** power[:, None]
        assert np.all(np.abs(K - expected) <= 64 * (1 + power.max()) * EPS * np.abs(expected))
    whole = sgconv(w, d * 2 ** (S - 1), **plain, power=power)
    found = sgconv_norm(w, **plain, power=power)
    np.testing.assert_allclose(found, np.linalg.norm(whole, axis=-1), rtol=8 * whole.size * EPS)


@pytest.mark.parametrize("mode", [sgconv, sgconv_sum])
def test_the_learnable_decay_is_the_published_one(mode: Callable[..., Any]) -> None:
    """exp(-delta log(l + 1)) on the whole kernel, its norm taken out, then cut."""
    w = signal(0, 3, 3, 4)
    delta = np.array([0.0, 1.0, 2.0])
    scales = [2**i if mode is sgconv_sum else 2 ** max(i - 1, 0) for i in range(3)]
    parts = [np.stack([upsampled(row[i], s, "linear") for row in w]) for i, s in enumerate(scales)]
    theirs = np.concatenate(parts, axis=-1)
    if mode is sgconv_sum:
        padded = [np.pad(part, [(0, 0), (0, 16 - part.shape[-1])]) for part in parts]
        theirs = np.sum(padded, axis=0)
    theirs = theirs * np.exp(-delta[:, None] * np.log(np.arange(16) + 1))
    assert far(mode(w, 13, decay=1.0, power=delta), theirs[:, :13]) <= 64 * EPS * largest(w)


def test_the_cosines_are_all_frequencies_once_in_each_scale() -> None:
    w = sgconv_cosines(5, 3, 41, seed=2)
    wave = np.cos(2 * np.pi * np.arange(5)[:, None] * np.arange(41) / 40)
    for scale in range(3):
        gap = np.abs(w[:, scale, None] - wave).max(axis=-1)
        assert sorted(gap.argmin(axis=1)) == list(range(5))
        assert gap.min(axis=1).max() <= 64 * EPS
    assert not np.array_equal(w[:, 0], w[:, 1])


@given(st.integers(1, 10**6), st.integers(1, 300))
def test_the_scales_are_as_few_as_fill_the_length(length: int, d: int) -> None:
    S = sgconv_scales(length, d)
    assert d * 2 ** (S - 1) >= length
    assert S == 1 or d * 2 ** (S - 2) < length


def test_sgconv_is_the_same_in_every_library(carry: Callable[[Any], Any]) -> None:
    w = signal(0, 2, 3, 3, 5)
    decay = signal(1, 3) ** 2  # 20 samples in all
    power = signal(2, 2, 3) ** 2
    for make in (sgconv, sgconv_sum):
        faded = make(carry(w), 21, power=carry(power))
        np.testing.assert_allclose(
            to_numpy(faded), make(w, 21, power=power), atol=64 * EPS * largest(w)
        )
        got = make(carry(w), 21, decay=carry(decay))
        assert type(got) is type(carry(w))
        assert got.shape == (2, 3, 21)
        np.testing.assert_allclose(
            to_numpy(got), make(w, 21, decay=decay), atol=64 * EPS * largest(w)
        )
    np.testing.assert_allclose(to_numpy(sgconv_norm(carry(w))), sgconv_norm(w), rtol=64 * EPS)


def test_sgconv_keeps_single_precision() -> None:
    w = signal(0, 3, 4)
    K = sgconv(w.astype("float32"), 9, decay=0.3)
    assert K.dtype == "float32"
    np.testing.assert_allclose(
        K, sgconv(w, 9, decay=0.3), atol=16 * float(np.finfo("float32").eps) * largest(w)
    )


def test_sgconv_compiles_and_has_gradients() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    w = torch.asarray(signal(0, 3, 4)).requires_grad_(True)
    decay = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    for make in (sgconv, sgconv_sum):
        assert torch.autograd.gradcheck(
            lambda w, decay, make=make: make(w, 14, decay=decay), (w, decay)
        )
    assert torch.autograd.gradcheck(lambda w, decay: sgconv_norm(w, decay=decay), (w, decay))
    assert torch.autograd.gradcheck(lambda w, power: sgconv(w, 14, power=power), (w, decay))
    compiled = jax.jit(lambda w: sgconv(w, 9) / sgconv_norm(w))(jax.numpy.asarray(signal(0, 3, 4)))
    np.testing.assert_allclose(
        compiled, sgconv(signal(0, 3, 4), 9) / sgconv_norm(signal(0, 3, 4)), rtol=64 * EPS
    )


# HOPE


def published_nodes(step: float, length: int) -> np.ndarray:
    w = np.exp(2j * np.pi * np.arange(length) / length)
    return ((1 + step) * w + step - 1) / ((step - 1) * w + step + 1)


@given(orders, lengths, st.floats(0.01, 3.0), seeds)
@example(1, 1, 0.1, 0)
@example(5, 2, 0.1, 0)
def test_hope_has_the_transfer_function_at_the_published_nodes(
    order: int, length: int, step: float, seed: int
) -> None:
    h = signal(seed, order)
    K = hope(h, step, length)
    assert K.shape == (length,)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = published_nodes(step, length)
    z[~np.isfinite(z)] = -1  # the node at infinity of the Cayley transform, for even lengths
    G = np.sum(h[:, None] * z ** -np.arange(1, order + 1)[:, None], axis=0)
    assert (
        far(np.fft.fft(K), G)
        <= 16 * EPS * (order * (1 + 1 / step) + np.log2(2 * length)) * np.abs(h).sum()
    )


def causal(h: np.ndarray, step: float, length: int) -> np.ndarray:
    """sum_n h_n ((q - rho)/(1 - rho q))^n as a power series in q."""
    rho = (1 - step) / (1 + step)
    section = np.convolve(rho ** np.arange(length), [-rho, 1])[:length]
    power = np.eye(1, length)[0]
    K = np.zeros(length)
    for weight in h:
        power = np.convolve(power, section)[:length]
        K += weight * power
    return K


@given(orders, lengths, st.floats(0.01, 3.0), seeds)
def test_the_hope_recurrence_has_the_causal_kernel(
    order: int, length: int, step: float, seed: int
) -> None:
    h = signal(seed, order)
    K = kernel(hope_recurrence(h, step), length)
    assert far(K, causal(h, step, length)) <= 16 * EPS * (order + length) * np.abs(h).sum()


@given(st.integers(1, 8), lengths, st.floats(0.3, 3.0), seeds)
def test_hope_is_the_causal_kernel_wrapped_round(
    order: int, length: int, step: float, seed: int
) -> None:
    h = signal(seed, order)
    periods = 1 + 400 // length  # l^7 rho^l is below eps beyond 400 samples
    k = kernel(hope_recurrence(h, step), periods * length).reshape(periods, length).sum(axis=0)
    tolerance = 16 * EPS * (order * (1 + 1 / step) + periods * length) * np.abs(h).sum()
    assert far(hope(h, step, length), k) <= tolerance


@given(orders, st.floats(1e-3, 10.0))
def test_the_hope_recurrence_is_lossless(order: int, step: float) -> None:
    """One tap at the end of the chain is an all-pass filter: [[A, B], [C, D]] is orthogonal."""
    (A, B, C, _), D = hope_recurrence(np.eye(order)[-1], step)
    U = np.block([[A, B[:, None]], [C[None, :], np.reshape(D, (1, 1))]])
    assert np.linalg.norm(U @ U.T - np.eye(order + 1)) <= 16 * EPS * order


@given(orders, lengths, seeds)
def test_at_step_one_hope_is_its_markov_parameters(order: int, length: int, seed: int) -> None:
    h = signal(seed, order)
    expected = np.append(0, np.append(h, np.zeros(length)))[:length]
    tolerance = 16 * EPS * (order + length) * np.abs(h).sum()
    assert far(kernel(hope_recurrence(h, 1.0), length), expected) <= tolerance
    assert far(hope(h, 1.0, order + length)[:length], expected) <= tolerance


def test_the_hope_recurrence_is_run_like_any_other() -> None:
    h = signal(0, 3, 6)
    u = signal(1, 3, 20)
    form = hope_recurrence(h, np.array([0.1, 0.5, 2.0]))
    expected = [
        np.convolve(row, causal(taps, step, 20))[:20]
        for row, taps, step in zip(u, h, (0.1, 0.5, 2.0), strict=True)
    ]
    assert (
        far(scan(form, u)[0], np.stack(expected))
        <= 16 * EPS * 26 * np.abs(h).sum() * np.abs(u).sum()
    )


def test_hope_makes_no_table_of_parameters_times_points() -> None:
    h = signal(0, 4, 256)
    hope(h, 0.1, 64)
    tracemalloc.start()
    hope(h, 0.1, 1 << 14)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 4 * (1 << 13) * 256 / 2


@pytest.mark.parametrize("length", [6, 17])
def test_hope_is_the_same_in_every_library(
    carry: Callable[[Any], Any], monkeypatch: Any, length: int
) -> None:
    h = signal(0, 2, 3, 7)
    step = np.array([0.05, 0.5, 1.0])
    expected = hope(h, step, length)
    monkeypatch.setattr(hankel, "_TABLE", 40)  # several chunks
    got = hope(carry(h), carry(step), length)
    form = hope_recurrence(carry(h[0]), carry(step))
    assert type(got) is type(carry(h))
    tolerance = 16 * EPS * 7 * np.abs(h).sum() / 0.05
    assert far(got, expected) <= tolerance
    exact = kernel(hope_recurrence(h[0], step), length)
    assert far(kernel(form, length), exact) <= tolerance


def test_hope_keeps_single_precision() -> None:
    h = signal(0, 64)
    step = np.asarray(0.01)
    length = 1000
    K = hope(h.astype("float32"), step.astype("float32"), length)
    assert K.dtype == "float32"
    expected = hope(h.astype("float32").astype(float), step.astype("float32").astype(float), length)
    assert (
        np.abs(np.fft.rfft(K - expected)).max()
        <= 4 * np.finfo("float32").eps * 64 * np.abs(h).sum()
    )


def test_hope_compiles_and_has_gradients() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    h = torch.asarray(signal(0, 5)).requires_grad_(True)
    for value in (0.2, 1.0):
        step = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for length in (1, 6, 7):
            assert torch.autograd.gradcheck(
                lambda h, step, length=length: hope(h, step, length), (h, step)
            )
        assert torch.autograd.gradcheck(
            lambda h, step: tuple(hope_recurrence(h, step).system), (h, step)
        )
    compiled = jax.jit(lambda h, step: hope(h, step, 9))(jax.numpy.asarray(signal(0, 5)), 0.2)
    np.testing.assert_allclose(
        compiled, hope(signal(0, 5), 0.2, 9), atol=256 * EPS * np.abs(signal(0, 5)).sum()
    )


# Band limits


@given(
    st.sampled_from(["s4d-lin", "dss", "s5", "ptd"]),
    orders,
    st.floats(1e-3, 4),
    st.none() | st.integers(2, 3),
)
def test_a_band_limit_silences_the_modes_beyond_it_and_no_other(
    name: str, order: int, alpha: float, channels: Any
) -> None:
    form: Any = inits.INITS[name](order, channels=channels, step=(0.05, 0.5))
    limited = band_limit(form, alpha)
    step = form.step if isinstance(form, forms.MIMO) else form.step[..., None]
    cycles = step * np.abs(form.A.imag) / (2 * np.pi)
    beyond = cycles >= alpha / 2
    if isinstance(form, forms.MIMO):
        beyond = beyond[None, :]
    np.testing.assert_array_equal(limited.C, np.where(beyond, 0, form.C))
    for field in ("A", "B", "D", "step"):
        np.testing.assert_array_equal(getattr(limited, field), getattr(form, field))


def test_a_band_limit_of_one_is_the_nyquist_frequency() -> None:
    A = 1j * np.array([np.pi * (1 - 4 * EPS), np.pi, -np.pi, 0])
    form = forms.Diagonal(A, A, np.ones(4) + 0j, np.asarray(0.0), np.asarray(1.0))
    np.testing.assert_array_equal(band_limit(form, 1.0).C, [1, 0, 0, 1])
    slower = form._replace(step=np.array([0.25, 1.0]))
    np.testing.assert_array_equal(band_limit(slower, 1.0).C, [[1, 1, 1, 1], [1, 0, 0, 1]])


def test_a_band_limit_is_the_same_in_every_library(carry: Callable[[Any], Any]) -> None:
    form = inits.s4d_lin_init(9, channels=2, step=(0.1, 0.5))
    got = band_limit(carry(form), 0.5)
    np.testing.assert_array_equal(to_numpy(got.C), band_limit(form, 0.5).C)
    assert 0 < np.count_nonzero(to_numpy(got.C)) < got.C.shape[0] * got.C.shape[1]


def test_a_band_limit_compiles_and_has_gradients() -> None:
    jax = pytest.importorskip("jax")
    form = forms.move(inits.s4d_lin_init(9, step=0.3), "jax")
    compiled = jax.jit(lambda form: band_limit(form, 0.5))(form)
    np.testing.assert_array_equal(compiled.C, band_limit(form, 0.5).C)
    gradient = jax.grad(
        lambda C: jax.numpy.sum(jax.numpy.abs(band_limit(form._replace(C=C), 0.5).C) ** 2)
    )(form.C)
    np.testing.assert_allclose(np.abs(gradient), 2 * np.abs(np.asarray(compiled.C)), rtol=4 * EPS)


ONE = np.ones(2)
FORM = forms.Paired(-ONE + 0j, ONE + 0j, ONE + 0j, np.asarray(0.0), np.asarray(0.1))
MATRIX: Any = forms.to_dense(FORM)
NOTHING: Any = None
BAD: dict[str, Callable[[], Any]] = {
    "softmax of length 0": lambda: dss_softmax(ONE + 0j, ONE + 0j, 1.0, 0),
    "softmax of a list": lambda: dss_softmax([1j], ONE + 0j, 1.0, 4),
    "softmax with NaN": lambda: dss_softmax(ONE * np.nan + 0j, ONE + 0j, 1.0, 4),
    "softmax backwards in time": lambda: dss_softmax(ONE + 0j, ONE + 0j, -1.0, 4),
    "softmax of unequal modes": lambda: dss_softmax(ONE + 0j, np.ones(3) + 0j, 1.0, 4),
    "softmax of mixed precision": lambda: dss_softmax(ONE + 0j, np.ones(2, "complex64"), 1.0, 4),
    "softmax beyond all numbers": lambda: dss_softmax(ONE + 0j, 1.7e308 * (ONE + 0j), 1.0, 4),
    "one vector of weights": lambda: sgconv(ONE, 4),
    "no weights": lambda: sgconv_sum(np.ones((2, 0)), 4),
    "complex weights": lambda: sgconv_norm(np.ones((2, 2)) + 0j),
    "weights of NaN": lambda: sgconv(np.full((2, 2), np.nan), 4),
    "unknown interpolation": lambda: sgconv(np.ones((2, 2)), 4, interpolation="cubic"),
    "weights of negative length": lambda: sgconv(np.ones((2, 2)), -1),
    "decays of another batch": lambda: sgconv(np.ones((3, 2, 2)), 4, decay=ONE),
    "decay as text": lambda: sgconv(np.ones((2, 2)), 4, decay="fast"),
    "scales of nothing": lambda: sgconv_scales(5, 0),
    "complex parameters": lambda: hope(ONE + 0j, 1.0, 4),
    "no parameter": lambda: hope(np.ones(0), 1.0, 4),
    "parameters of NaN": lambda: hope_recurrence(ONE * np.nan, 1.0),
    "step 0": lambda: hope(ONE, 0.0, 4),
    "steps of another batch": lambda: hope_recurrence(np.ones((3, 2)), ONE),
    "length 0": lambda: hope(ONE, 1.0, 0),
    "parameters beyond all numbers": lambda: hope(ONE * 1.7e308, 1.0, 4),
    # rho is next to -1, so that D = sum h_n (-rho)^n is about 9 times the largest of them
    "taps beyond all numbers": lambda: hope_recurrence(np.ones(9) * 1.7e308, 1e9),
    "weights beyond all numbers": lambda: sgconv_sum(np.full((2, 2), 1.7e308), 4, decay=1.0),
    "a norm beyond all numbers": lambda: sgconv_norm(np.full((2, 2), 1.7e308)),
    "decays beyond all numbers": lambda: sgconv(np.ones((9, 2)), 999, decay=1e300),
    "alpha 0": lambda: band_limit(FORM, 0.0),
    "band limit of a matrix": lambda: band_limit(MATRIX, 0.5),
    "band limit of nothing": lambda: band_limit(NOTHING, 0.5),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_sentence(case: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        BAD[case]()
    assert re.fullmatch(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]", str(caught.value))


def test_an_undamped_mode_that_sums_to_zero_is_refused_where_exactly_so(monkeypatch: Any) -> None:
    monkeypatch.setattr(softmax, "sampled", lambda form, rule: form._replace(B=0 * form.B))
    with pytest.raises(
        ValueError, match=r"must not sum to 0 over the window; got sum 0 of mode 0\. [A-Z]"
    ):
        dss_softmax(ONE + 0j, ONE + 0j, 1.0, 4)


def test_the_rooms_say_what_they_hold() -> None:
    assert all(module.__doc__ for module in (band, hankel, multiscale, softmax))
