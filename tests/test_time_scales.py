"""A kernel halves in a half-life, turns in a period, and is dead within a sample if its mode is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, models

from ssmlinalg import discretize, forms, hippo, inits, kernel
from ssmlinalg.verification.time_scales import timescales

rates = st.floats(1e-3, 1e3)
turns = st.floats(0, 1e3)
steps = st.floats(1e-4, 10.0)


def mode(rate: float, turn: float, step: float) -> forms.Diagonal:
    one = np.ones(1) + 0j
    return forms.Diagonal((-rate + 1j * turn) * one, one, one, np.asarray(0.0), np.asarray(step))


@given(rates, turns, steps)
def test_the_scales_of_a_mode_are_closed_forms(rate: float, turn: float, step: float) -> None:
    scales = timescales(mode(rate, turn, step))
    assert scales.half_life[0] == pytest.approx(math.log(2) / (rate * step), rel=8 * EPS)
    assert scales.decay[0] == pytest.approx(1 / (rate * step), rel=8 * EPS)
    assert scales.frequency[0] == pytest.approx(turn * step / (2 * math.pi), rel=8 * EPS)
    assert scales.period[0] == (
        math.inf if turn * step == 0 else pytest.approx(2 * math.pi / (turn * step), rel=8 * EPS)
    )
    assert scales.beyond_nyquist == (turn * step > math.pi)
    assert scales.dead == (rate * step > 1)


@given(st.integers(1, 50), st.integers(1, 4))
def test_a_kernel_halves_in_its_half_life(samples: int, times: int) -> None:
    form = mode(math.log(2) / samples, 0.0, 1.0)
    K = kernel(form, times * samples + 1)
    assert timescales(form).half_life[0] == pytest.approx(samples, rel=8 * EPS)
    assert K[-1] == pytest.approx(K[0] / 2**times, rel=64 * times * samples * EPS)


@given(models())
def test_a_sampled_form_has_the_scales_of_its_modes_but_for_aliasing(form: Any) -> None:
    if forms.kind(form).continuous and not forms.kind(form).matrix:
        before = timescales(form)
        after = timescales(discretize.zoh(form))
        z = forms.step_of(form) * form.A
        heard = before.growth > -600  # what is left of others is no number
        slack = 64 * EPS * (1 + np.abs(z))
        assert np.all(np.abs(before.growth - after.growth)[heard] <= slack[heard])
        folded = np.abs(before.frequency - np.round(before.frequency))
        assert np.all(np.abs(folded - after.frequency)[heard] <= slack[heard])


@given(models(), st.integers(1, 1000))
def test_no_time_is_nan_and_shares_are_shares(form: Any, length: int) -> None:
    scales = timescales(form, length)
    assert not any(np.any(np.isnan(field)) for field in scales)
    assert all(
        np.all(times >= 0)
        for times in (scales.half_life, scales.decay, scales.frequency, scales.period)
    )
    assert all(0 <= share <= 1 for share in (scales.beyond_nyquist, scales.dead, scales.outlives))
    assert scales.outlives == np.mean(scales.decay >= length)
    assert timescales(form).outlives == np.mean(np.isinf(scales.decay))


@given(st.integers(1, 30))
def test_modes_beyond_nyquist_are_counted(order: int) -> None:
    form = inits.s4d_lin_init(2 * order, step=1 / 8)  # frequencies pi k, Nyquist 8 pi
    assert timescales(form).beyond_nyquist == max(0, order - 9) / order


def test_modes_that_do_not_decay_have_no_half_life_and_modes_without_memory_none_to_lose() -> None:
    one = np.ones(3) + 0j
    scales = timescales(forms.Recurrence(np.array([1.0 + 0j, 1.1, 0.0]), one, one, np.asarray(0.0)))
    assert scales.half_life.tolist() == [math.inf, math.inf, 0]
    assert scales.growth.tolist() == [0, pytest.approx(math.log(1.1), rel=8 * EPS), -math.inf]
    assert scales.dead == 1 / 3
    assert [timescales(mode(rate, 0.0, 1.0)).dead for rate in (0.75, 1.25)] == [0, 1]
    assert scales.outlives == pytest.approx(2 / 3, rel=EPS)


@given(st.integers(1, 12), st.integers(0, 9))
def test_eigenvalues_are_within_their_uncertainty(order: int, seed: int) -> None:
    """Of a triangular matrix they stand on the diagonal; rotated, LAPACK has to find them."""
    rng = np.random.default_rng(seed)
    exact = -np.arange(1.0, order + 1)
    Q = np.linalg.qr(rng.standard_normal((order, order)))[0]
    A = Q @ (np.diag(exact) + np.triu(rng.standard_normal((order, order)), 1)) @ Q.T
    form = forms.Dense(A, np.ones(order), np.ones(order), np.asarray(0.0), np.asarray(0.25))
    scales = timescales(form)
    z = scales.growth + 2j * np.pi * scales.frequency
    distance = np.min(np.abs(z[:, None] - 0.25 * exact), axis=-1)
    assert np.all(distance <= 32 * order * scales.uncertainty)


def test_a_matrix_far_from_normal_confesses() -> None:
    scales = timescales(inits.s4_init(40, step=0.01))  # similar to HiPPO-LegS: -1, ..., -40
    wrong = np.max(np.abs(np.sort(scales.growth) - 0.01 * -np.arange(40.0, 0, -1)))
    assert 0.01 < wrong < np.max(scales.uncertainty)


def test_every_library_has_the_same_scales(carry: Callable[[Any], Any]) -> None:
    form = inits.s4d_lin_init(6, channels=2)
    assert all(
        np.array_equal(*pair)
        for pair in zip(timescales(form), timescales(carry(form)), strict=True)
    )


def test_what_has_no_step_has_no_scales() -> None:
    with pytest.raises(TypeError, match=r"`form` [^\n]+; got NPLR\. [A-Z][^\n]*\."):
        timescales(hippo.legs(4))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"`length` [^\n]+; got 0\. [A-Z][^\n]*\."):
        timescales(inits.s4d_lin_init(4), 0)


def test_modes_beyond_the_range_of_doubles_die_at_once() -> None:
    scales = timescales(mode(1e200, 1e200, 1e200))
    assert scales.decay[0] == 0
    assert scales.period[0] == 0
    assert scales.dead == 1
    assert scales.growth[0] == -math.inf


def test_values_of_other_libraries_are_looked_at_once_they_are_here() -> None:
    form = forms.move(inits.s4d_lin_init(4), "torch")
    with pytest.raises(ValueError, match=r"must be finite; got [^\n]+\. [A-Z]"):
        timescales(form._replace(A=form.A * math.nan))
