"""What transforms of a model do to its kernel and its transfer function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS

from ssmlinalg import forms, inits, kernel, transfer
from ssmlinalg.ground import backend
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.inits import combine, normalized, scale_frequencies
from ssmlinalg.kernels import kernel_at, sobolev_filter

# The four published settings of the experiment with waves.
WAVES = [(1.0, 0.0), (100.0, 1.0), (0.01, -1.0), (10.0, 0.5)]


@pytest.mark.parametrize(("alpha", "beta"), WAVES)
def test_waves_come_out_as_large_as_transfer_and_filter_say(alpha: float, beta: float) -> None:
    """u = sum of cos at 1, 16, 256, 4096 rad, L = 62 832, width 16, N = 4: every magnitude.

    The transform of a kernel cut at L is sum C B (1 - z^L)/(1 - z e^{-i theta}) over all modes.
    """
    L, H, N = 62832, 16, 4
    rng = np.random.default_rng(0)
    A = np.tile(-0.5 + 1j * np.pi * (np.arange(N) + 1.3), (H, 1))
    C = rng.standard_normal((H, N)) + 1j * rng.standard_normal((H, N))
    step = 2 * np.pi / L  # 1e-4, and a whole number of periods
    model = forms.Paired(A, np.ones_like(A), C, np.zeros(H), np.full(H, step))
    scaled = scale_frequencies(model, alpha)
    waves = np.array([1, 16, 256, 4096])
    u = np.cos(waves[:, None] * step * np.arange(L)).sum(axis=0)
    y = np.fft.irfft(np.fft.rfft(kernel(scaled, L)) * np.fft.rfft(u), n=L)
    filtered = sobolev_filter(y, beta, step=step, unit=1e4)
    magnitudes = np.abs(np.fft.rfft(filtered)[:, waves]) / (L / 2)
    full = A.real + 1j * alpha * A.imag
    full = np.concatenate([full, full.conj()], axis=-1)[..., None]
    weights = np.concatenate([C, C.conj()], axis=-1)[..., None]
    z = np.exp(step * full)
    turn = np.exp(-1j * step * waves)
    terms = weights * np.expm1(step * full) / full * (1 - z**L) / (1 - z * turn)
    expected = np.abs(terms.sum(axis=1)) * (1 + waves / 1e4) ** beta
    np.testing.assert_allclose(magnitudes, expected, rtol=1e-9)


@given(st.integers(1, 9), st.floats(0.01, 100), st.integers(0, 99))
def test_frequencies_stretch_the_kernel_under_its_envelope(N: int, alpha: float, seed: int) -> None:
    form = inits.s4d_lin_init(N, channels=2, seed=seed)
    scaled = scale_frequencies(form, alpha)
    t = np.linspace(0, 3, 9)
    expected = np.exp(-0.5 * (1 - alpha) * t) * kernel_at(form, alpha * t)
    size = np.abs(form.C).sum(axis=-1, keepdims=True) * np.exp(-0.5 * t)
    phase = 1 + N * alpha * t
    assert np.all(np.abs(kernel_at(scaled, t) - expected) <= 64 * EPS * phase * size)
    s = 1j * np.array([0.3, 2.0, 50.0])
    G = transfer(form, (s + 0.5 * (1 - alpha)) / alpha) / alpha
    near = np.abs(1 / (s[:, None] - scaled.A[0])).max()
    np.testing.assert_allclose(transfer(scaled, s), G, rtol=0, atol=1e-12 * near * size.max() * N)


@pytest.mark.parametrize("name", ["s4", "lru", "dlr", "s5"])
def test_the_phase_of_every_kind_of_mode_is_scaled(name: str) -> None:
    form: Any = inits.INITS[name](6, channels=2)
    scaled = scale_frequencies(form, 0.5)
    field = "Lambda" if name == "s4" else "A"
    before, after = (getattr(each, field) for each in (form, scaled))
    if forms.kind(form).continuous:
        np.testing.assert_allclose(after, before.real + 0.5j * before.imag, rtol=4 * EPS)
    else:
        np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=8 * EPS)
        np.testing.assert_allclose(np.angle(after), np.angle(before) / 2, rtol=0, atol=8 * EPS)
    with pytest.raises(TypeError, match="form of modes or a DPLR"):
        scale_frequencies(forms.to_dense(inits.s4_init(4)), 2.0)


@given(st.floats(-2, 2), st.floats(-2, 2), st.integers(1, 40), st.integers(0, 99))
def test_filters_add_and_leave_a_constant(a: float, b: float, length: int, seed: int) -> None:
    u = np.random.default_rng(seed).standard_normal(length)
    both = sobolev_filter(sobolev_filter(u, a, step=0.1), b, step=0.1)
    scale = 64 * EPS * (1 + 10 * np.pi) ** 4 * np.abs(u).max() * length
    np.testing.assert_allclose(both, sobolev_filter(u, a + b, step=0.1), rtol=0, atol=scale)
    assert abs(sobolev_filter(u, a, step=0.1).sum() - u.sum()) <= scale


@pytest.mark.parametrize("name", ["s4d-lin", "dss", "dlr", "s4d-legs", "s4"])
def test_a_constant_has_an_output_of_variance_one(name: str) -> None:
    """Over 4000 draws of C: the output at rest, 5 standard errors."""
    form: Any = inits.INITS[name](8, channels=4000, seed=1)
    if name == "dss":  # E|W|^2 = 2
        form = form._replace(C=form.C / np.sqrt(2))
    if name == "dlr":  # E|W|^2 = 2/N^2
        form = form._replace(C=form.C * 8 / np.sqrt(2))
    model = normalized(form)
    at_rest = np.zeros(1) if forms.kind(form).continuous else np.ones(1)
    gain = transfer(model, at_rest + 0j).real
    assert abs(np.mean(gain**2) - 1) <= 5 * np.sqrt(2 / 4000)
    assert np.all(pytest.approx(model.B, rel=16 * EPS) == normalized(model).B)


def test_combined_models_keep_their_kernels() -> None:
    legs = inits.s4_init(8, channels=2, seed=1)
    legt = inits.s4_init(5, measure="legt", seed=2)  # of rank two, and smaller
    together = combine([legs, legt])
    assert together.P.shape == (3, 8, 2)
    expected = np.concatenate([kernel(legs, 20), kernel(legt, 20)[None]])
    np.testing.assert_allclose(kernel(together, 20), expected, rtol=0, atol=1e-12)
    rings = [inits.s4d_dfout_init(6), inits.s4d_token_init(3, channels=2)]
    expected = np.concatenate([kernel(rings[0], 20)[None], kernel(rings[1], 20)])
    np.testing.assert_allclose(kernel(combine(rings), 20), expected, rtol=0, atol=64 * EPS)
    dense = [forms.to_dense(legs), forms.to_dense(inits.s4_init(3))]
    got = kernel(combine(dense), 20)
    np.testing.assert_allclose(got[:2], kernel(legs, 20), rtol=0, atol=1e-12)
    with pytest.raises(TypeError, match="one type with one input"):
        combine([legs, rings[0]])
    with pytest.raises(TypeError, match="one type with one input"):
        combine([inits.s5_init(4)])
    with pytest.raises(ValueError, match="got none"):
        combine([])


def test_every_library_transforms_alike(carry: Callable[[Any], Any]) -> None:
    small, large = inits.s4d_lin_init(4, channels=2), inits.s4d_inv_init(6)
    for transform in (
        lambda form: scale_frequencies(form, 3.0),
        normalized,
        lambda form: combine([form, form]),
    ):
        for got, expected in zip(transform(carry(small)), transform(small), strict=True):
            np.testing.assert_allclose(to_numpy(got), expected, rtol=16 * EPS)
    both = combine([carry(small), carry(large)])
    for got, expected in zip(both, combine([small, large]), strict=True):
        np.testing.assert_array_equal(to_numpy(got), expected)
    u = np.random.default_rng(0).standard_normal((2, 15))
    got = to_numpy(sobolev_filter(carry(u), 0.5))
    np.testing.assert_allclose(got, sobolev_filter(u, 0.5), rtol=0, atol=64 * EPS)


def test_what_overflows_is_refused(carry: Callable[[Any], Any]) -> None:
    if not backend.readable(carry(np.ones(1))):
        pytest.skip("values are looked at where they are on the host")
    with pytest.raises(ValueError, match="`alpha` must keep frequencies within float64"):
        scale_frequencies(carry(inits.s4d_lin_init(800)), 1e306)
    u = carry(np.random.default_rng(0).standard_normal(64))
    with pytest.raises(ValueError, match="weight of the highest frequency must fit float64"):
        sobolev_filter(u, 1e6)
    with pytest.raises(ValueError, match="weight of the highest frequency must fit float64"):
        sobolev_filter(u, -1.0, step=1e-200, unit=1e-200)
    filtered = to_numpy(sobolev_filter(u, -1e6))  # what is left is the mean
    np.testing.assert_allclose(filtered, np.mean(to_numpy(u)), rtol=64 * EPS)


@pytest.mark.parametrize("field", ["A", "B"])
def test_a_variance_of_zero_or_infinity_is_refused(field: str) -> None:
    model = inits.s4d_lin_init(6)
    nothing = model._replace(**{field: 0 * getattr(model, field)})
    with pytest.raises(ValueError, match=r"variance that is positive and finite; got (0|inf)"):
        normalized(nothing)
