"""The steps that are suggested are those of lags that the data have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import inits, report
from ssmlinalg.verification import coverage, suggest_step, timescales
from ssmlinalg.verification.step_suggestion import correlation_lags


def autoregressive(lag: float, series: int, length: int) -> np.ndarray:
    """Noise whose autocorrelation is e^{-l/lag}."""
    rho = math.exp(-1 / lag)
    noise = np.random.default_rng(0).standard_normal((series, length + 200))
    filtered: Any = scipy.signal.lfilter([1], [1, -rho], noise)
    return filtered[:, 200:]


@pytest.mark.parametrize("lag", [3.0, 12.0, 40.0])
def test_the_shortest_lag_is_that_of_an_autoregressive_process(lag: float) -> None:
    shortest, longest = correlation_lags(autoregressive(lag, 64, 2048))
    assert shortest == pytest.approx(lag, rel=0.1)
    assert 2 * lag < longest < 2048


def test_the_interval_is_two_over_the_lags_where_the_spectrum_allows_it() -> None:
    found = suggest_step(autoregressive(60.0, 64, 2048), sample_rate=100.0)
    low, high = found.step
    assert high == pytest.approx(2 / (100 * found.lags[0]))
    assert low == pytest.approx(2 / (100 * found.lags[1]))
    assert found.lags[0] == pytest.approx(0.6, rel=0.15)
    given_lags = suggest_step(1024, sample_rate=100.0, lags=(0.5, 10.0))
    assert given_lags.step == pytest.approx((2e-3, 0.04))
    short = suggest_step(autoregressive(1.5, 64, 512))
    at_most = coverage("s4d-lin", [short.step[1]], 512)
    assert at_most["beyond_nyquist"][0] <= 0.5  # no step is larger than half of the modes allow


@given(st.sampled_from(["s4d-lin", "s4d-inv", "s4d-real", "mamba", "s4d-legs", "s4", "s5"]))
def test_the_shares_are_those_of_timescales(init: str) -> None:
    make = inits.INITS[init]
    for step in (1e-3, 0.05, 0.7):
        shares = coverage(init, [step], 300, order=8)
        found = timescales(make(8, step=step), 300)
        assert shares["beyond_nyquist"][0] == found.beyond_nyquist
        assert shares["dead"][0] == found.dead
        assert shares["outlives"][0] == found.outlives


def test_white_series_have_the_eigenvalue_one_and_waves_half_the_length() -> None:
    """unit_variance = 1/sqrt(L lambda_max), lambda_max of E[u u^T] over its mean square."""
    L = 64
    white = np.random.default_rng(0).standard_normal((20000, L))
    assert suggest_step(white).unit_variance == pytest.approx(1 / math.sqrt(L), rel=0.1)
    wave = np.cos(2 * np.pi * np.arange(L) / 8 + np.random.default_rng(1).uniform(0, 7, (500, 1)))
    assert suggest_step(wave).unit_variance == pytest.approx(math.sqrt(2) / L, rel=0.05)
    u = autoregressive(5.0, 256, L)
    largest = np.linalg.eigvalsh(scipy.linalg.toeplitz(np.exp(-np.arange(L) / 5)))[-1]
    assert suggest_step(u).unit_variance == pytest.approx(1 / math.sqrt(L * largest), rel=0.3)


def test_the_picture_shades_the_interval_and_draws_the_shares() -> None:
    found = suggest_step(1024, init="s4d-inv")
    figure: Any = report.steps(found)
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == found.step
    expected = coverage("s4d-inv", figure.data[0].x, 1024)
    for line, share in zip(figure.data, expected.values(), strict=True):
        np.testing.assert_array_equal(line.y, share)
    assert "s4d-inv" in found.reason


def test_what_has_no_step_and_no_lags_is_refused() -> None:
    for init in ("lru", "dlr", "dss-softmax", "s4d-dfout"):
        with pytest.raises(ValueError, match="initialization with a step"):
            suggest_step(100, init=init)
    with pytest.raises(ValueError, match="must not be constant"):
        suggest_step(np.ones(20))
    with pytest.raises(TypeError, match="StepSuggestion"):
        report.steps(3)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 2.0**-700, 2.0**600, 1e305])
def test_the_size_of_the_data_does_not_matter(scale: float) -> None:
    u = np.round(np.cumsum(np.random.default_rng(0).standard_normal((4, 200)), axis=-1))
    expected = suggest_step(u)
    found = suggest_step(u * scale)
    assert found.lags == pytest.approx(expected.lags, rel=1e-3)  # few digits in a denormal number
    assert found.unit_variance == pytest.approx(expected.unit_variance, rel=1e-3)


def test_two_samples_are_a_series() -> None:
    found = suggest_step([1.0, 2.0])
    assert found.lags == (1.0, 1.0)
    assert found.unit_variance == pytest.approx(0.5)  # the eigenvalue of one series is L
    with pytest.raises(ValueError, match="`steps` must be positive; got -1"):
        coverage("s4d-lin", [0.1, -1.0], 100)
