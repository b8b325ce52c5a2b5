"""The initializations that are born discrete: where their modes lie, and what their kernels are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import EPS

from ssmlinalg import forms, inits, kernel

RINGS = ["s4d-dfout", "s4d-dfout-half", "s4d-token", "s4d-rndimag"]
orders = st.integers(1, 24)
channels = st.integers(1, 9)


@given(orders, channels, st.integers(0, 99))
def test_the_channels_of_dfout_divide_the_circle_among_them(N: int, H: int, seed: int) -> None:
    """(A/|A|)^{NH} = 1, and no two of the N H poles are the same: all roots of unity, once each."""
    A = inits.s4d_dfout_init(N, channels=H, seed=seed).A
    on_circle = A / np.abs(A)
    np.testing.assert_allclose(on_circle ** (N * H), 1, rtol=0, atol=32 * N * H * EPS)
    places = np.round(np.angle(on_circle) * N * H / (2 * np.pi)).astype(int) % (N * H)
    assert np.array_equal(np.sort(places, axis=None), np.arange(N * H))
    np.testing.assert_array_equal(places[:, 0], np.arange(H))  # phi_h = 2 pi (h - 1)/(N H)


@pytest.mark.parametrize("name", RINGS)
def test_a_channel_has_one_decay_from_the_interval_and_no_step(name: str) -> None:
    form: Any = inits.INITS[name](8, channels=500, decay=(1e-3, 2e-2), seed=3)
    xi = -2 * np.log(np.abs(form.A))
    np.testing.assert_allclose(xi, xi[:, :1] * np.ones(form.A.shape[1]), rtol=0, atol=8 * EPS)
    assert stats.kstest(np.log(xi[:, 0] / 1e-3) / np.log(20), "uniform").pvalue > 1e-3
    assert "step" not in form._fields


@given(orders, channels)
def test_the_half_plane_holds_the_poles_of_dfout_from_0_to_pi(N: int, H: int) -> None:
    half = inits.s4d_dfout_half_init(N, channels=H, seed=2)
    whole = inits.s4d_dfout_init(N, channels=H, seed=2).A
    stored = (N + 1) // 2 + 1
    assert half.A.shape == (H, stored)
    kept = np.arange(stored) % N
    np.testing.assert_allclose(half.A, whole[:, kept], rtol=0, atol=8 * EPS)
    C = half.C.copy()
    full = forms.PairedRecurrence(half.A, np.ones_like(half.A), C, half.D)
    real = np.abs(half.A.imag) == 0
    expected = kernel(full, 9) - np.einsum(
        "hn,hnl->hl", (real * C).real, np.real(half.A)[..., None] ** np.arange(9)
    )
    np.testing.assert_allclose(kernel(half, 9), expected, rtol=0, atol=64 * N * EPS)


@given(orders)
def test_the_modes_of_token_have_periods_of_1_to_n_samples(N: int) -> None:
    A = inits.s4d_token_init(N, decay=1e-2).A
    periods = np.arange(1, N + 1)
    np.testing.assert_allclose(A**periods, np.exp(-0.5e-2 * periods), rtol=0, atol=32 * N * EPS)
    if N > 2:
        np.testing.assert_allclose(np.angle(A[2:]), 2 * np.pi / periods[2:], rtol=8 * EPS)


def test_the_angles_of_rndimag_are_uniform_and_do_not_move_c() -> None:
    form = inits.s4d_rndimag_init(64, channels=16, seed=5)
    assert (
        stats.kstest(np.angle(form.A).ravel() % (2 * np.pi), "uniform", (0, 2 * np.pi)).pvalue
        > 1e-3
    )
    np.testing.assert_array_equal(form.C, inits.s4d_token_init(64, channels=16, seed=5).C)
