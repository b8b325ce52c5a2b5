"""Reductions keep their bounds, from both sides, and what makes a model one of its kind."""

from __future__ import annotations

import itertools
import re
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reductions import distance
from strategies import EPS, continuous_names, init_names, models, seeds, signal

from ssmlinalg import forms, inits, kernel, reduce, systems
from ssmlinalg.forms import (
    MIMO,
    Diagonal,
    Paired,
    PairedRecurrence,
    Recurrence,
)
from ssmlinalg.reduce.error_norms import norm_of
from ssmlinalg.reduce.modal_gramians import hankel_values
from ssmlinalg.reduce.real_systems import difference, modes_of

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
ZERO = np.asarray(0.0)
UNIT = np.asarray(1.0)
CLOSE = 1 + 1e-3  # how far apart the bounds of a norm may be
norms = st.sampled_from(sorted(reduce.NORMS))
METHODS = {
    "balanced": reduce.balanced,
    "hankel": reduce.hankel,
    "h2": reduce.h2,
    "modal": reduce.modal,
}
methods = st.sampled_from(sorted(METHODS))
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def weights(seed: int, *shape: int) -> np.ndarray:
    return signal(seed, *shape, 2) @ np.array([1, 1j])


def paired(seed: int, order: int, channels: int = 3) -> Paired:
    rng = np.random.default_rng(seed)
    A = -np.exp(rng.uniform(-3, 1, (channels, order)))
    A = A + 1j * np.exp(rng.uniform(-1, 3, (channels, order)))
    B = weights(seed, channels, order)
    C = weights(seed + 1, channels, order)
    return Paired(A, B, C, rng.standard_normal(channels), np.full(channels, 0.1))


def sampled(seed: int, order: int) -> PairedRecurrence:
    rng = np.random.default_rng(seed)
    z = np.exp(-np.exp(rng.uniform(-5, 0, order)) + 1j * rng.uniform(0, 3, order))
    return PairedRecurrence(z, weights(seed, order), weights(seed + 1, order), np.asarray(0.5))


def ports(seed: int, order: int) -> MIMO:
    form = paired(seed, order, 1)
    B = weights(seed, order, 2)
    C = weights(seed + 1, 3, order)
    return MIMO(form.A[0], B, C, signal(seed, 3, 2), np.full(order, 0.1))


def unstable(form: Any) -> bool:
    A = forms.view(form).A
    A = np.linalg.eigvals(A) if forms.kind(form).matrix else A
    growth = A.real if forms.kind(form).continuous else np.abs(A) - 1
    return bool(np.any(growth >= 0))


@given(methods, models(init_names), st.integers(0, 8), norms)
def test_the_error_lies_between_the_bounds(method, form, order, norm):
    form = forms.check(form)
    assume(not unstable(form))
    assume(method != "modal" or not forms.kind(form).matrix)
    most = int(np.max(np.atleast_1d(reduce.balanced(form, error=1e-300).order)))
    least = reduce.balanced(form, error=1e-9).order
    assume(np.all(np.asarray(least) == most))  # else a cut may be refused
    small = METHODS[method](form, order=min(order, most), norm=norm, relative=False)
    least, most = distance(norm, form, small.form)
    slack = 64 * form.B.shape[-1] * EPS * np.asarray(small.size)
    assert np.all(np.asarray(small.upper) >= least * (1 - 1e-9) - slack)
    assert np.all(np.asarray(small.lower) <= most * (1 + 1e-9) + slack)
    assert np.all(np.asarray(small.upper) <= CLOSE * most + slack) or forms.kind(form).matrix
    assert not unstable(small.form)


@given(methods, st.sampled_from(["paired", "sampled", "ports"]), seeds, st.floats(1e-6, 0.9), norms)
def test_an_error_is_kept(method, kind, seed, error, norm):
    make: Any = {"paired": paired, "sampled": sampled, "ports": ports}[kind]
    form = make(seed, 5)
    small = METHODS[method](form, error=error, norm=norm)
    assert np.all(np.asarray(small.upper) <= error)
    assert np.all(np.asarray(small.least) <= small.order)
    least, _ = distance(norm, form, small.form)
    assert np.all(least <= error * np.asarray(small.size) * CLOSE)


@given(methods, models(continuous_names))
def test_reduction_to_full_order_is_the_identity(method, form):
    form = forms.check(form)
    assume(method != "modal" or not forms.kind(form).matrix)
    states = form.B.shape[-1 - forms.kind(form).ports]
    most = int(np.max(np.atleast_1d(METHODS[method](form, error=1e-300).order)))
    small = METHODS[method](form, order=most)
    if not forms.kind(form).matrix:
        assert all(np.array_equal(a, b) for a, b in zip(small.form, form, strict=True))
    assert np.all(np.asarray(small.upper) == 0)
    assert most <= 2 * states


@given(seeds, st.integers(1, 8), st.booleans())
def test_balanced_truncation_keeps_twice_the_tail(seed, order, discrete):
    form: Any = sampled(seed, 5) if discrete else paired(seed, 5, 1)
    sigma = np.atleast_2d(reduce.singular_values(form))[0]
    small = reduce.balanced(form, order=order, relative=False)
    assert np.all(
        np.asarray(small.upper) <= CLOSE * 2 * np.sum(sigma[order:]) + 1e3 * EPS * sigma[0]
    )
    assert np.allclose(small.lower, sigma[order], rtol=1e-9)


@given(seeds, st.integers(1, 4))
def test_the_order_of_a_sum_of_r_modes_is_r(seed, count):
    """Modes split into several of one value, and modes that hardly have weight."""
    form = paired(seed, count, 1)
    share = np.array([0.25, 0.75, -0.5, 0.5])
    A = np.repeat(form.A[0], 4)
    C = np.repeat(form.C[0], 4) * np.tile(share, count)
    idle = -1 + 1j * np.arange(1.0, 4)
    A = np.concatenate([A, idle])
    B = np.concatenate([np.repeat(form.B[0], 4), np.ones(3)])
    C = np.concatenate([C, 1e-20 * np.ones(3)])
    small = reduce.balanced(Paired(A, B, C, ZERO, UNIT), error=1e-9)
    assert small.order == small.least == 2 * count
    assert small.form.A.shape == (count,)


@given(methods, seeds, st.integers(0, 9))
def test_channels_are_reduced_as_if_alone(method, seed, order):
    form = paired(seed, 5)
    form.C[1, 2:] = 0  # fewer states
    form.A[2, :3] = form.A[2, :3].real
    together = METHODS[method](form, order=order)
    for k in range(3):
        one = Paired(*(X[k] for X in form))
        alone = METHODS[method](one, order=min(order, int(modes_of(one).order[0])))
        assert alone.order == together.order[k]
        assert np.isclose(alone.upper, together.upper[k], rtol=1e-2, atol=1e-9)
        h = kernel(alone.form, 16)
        assert np.allclose(h, kernel(together.form, 16)[k], atol=1e-7 * np.abs(h).max())
    weight = np.sum(together.form.B * together.form.C != 0, axis=-1)
    assert np.array_equal(together.padding, together.form.A.shape[-1] - weight)


@given(methods, seeds, st.integers(0, 6))
def test_a_spectrum_closed_under_conjugation_stays_closed(method, seed, order):
    one = Paired(*(X[0] for X in paired(seed, 4, 1)))
    whole = METHODS[method](forms.unpair(one), order=order)
    half = METHODS[method](one, order=order)
    assert np.count_nonzero(whole.form.B) == whole.order == half.order
    back = forms.pair(whole.form) if order else one
    if order:
        assert np.allclose(kernel(back, 8), kernel(half.form, 8))


@given(methods, seeds, st.integers(1, 6))
def test_one_spectrum_of_real_parts_is_written_with_the_upper_half(method, seed, order):
    rng = np.random.default_rng(seed)
    A = -rng.uniform(0.1, 2, 4) + 1j * rng.uniform(-5, 5, 4)
    form = Diagonal(A, np.ones(4), weights(seed, 4), ZERO, UNIT)
    small = METHODS[method](form, order=order, norm="hinf")
    assert small.form.A.shape[-1] <= (order + 1) / 2 + np.sum(small.form.A.imag == 0)
    least, _ = distance("hinf", form, small.form)
    assert small.upper * small.size >= least * (1 - 1e-9)


@given(seeds, st.integers(1, 5), st.booleans(), st.floats(1e-9, 1.0))
def test_norms_of_modes_are_those_of_matrices(seed, order, discrete, apart):
    first: Any = sampled(seed, order) if discrete else paired(seed, order, 1)
    second = first._replace(C=first.C * (1 + apart), A=first.A * (1 - apart / 2))
    apart_now = difference(modes_of(first), modes_of(second))
    whole = modes_of(first)
    for norm in reduce.NORMS:
        low, high = (np.ldexp(x, apart_now.exponents(norm)) for x in norm_of(apart_now, norm))
        least, most = distance(norm, first, second)
        noise = 1e3 * EPS * np.ldexp(norm_of(whole, norm).upper, whole.exponents(norm))
        assert np.all(low <= most * (1 + 1e-9) + noise)
        assert np.all(high >= least * (1 - 1e-9) - noise)
        assert np.all(high <= CLOSE * most + noise)


def exact_energy(systems_: Any) -> float:
    """The H2 norm of one system of modes in multiple precision."""
    used = systems_.used[0]
    pairs = systems_.pairs[0, used]
    with mpmath.workdps(80):
        a = [mpmath.mpc(x) for x in systems_.A[0, used]]
        weights_ = zip(systems_.C[0, 0, used], systems_.B[0, used, 0], strict=True)
        w = [mpmath.mpc(c) * mpmath.mpc(b) for c, b in weights_]
        a += [mpmath.conj(x) for x, pair in zip(a, pairs, strict=True) if pair]
        w += [mpmath.conj(x) for x, pair in zip(w, pairs, strict=True) if pair]
        terms = itertools.product(zip(a, w, strict=True), repeat=2)
        total = sum(-x * mpmath.conj(y) / (p + mpmath.conj(q)) for (p, x), (q, y) in terms)
        return float(mpmath.sqrt(mpmath.re(total)))


@given(seeds, st.integers(2, 5), st.integers(4, 18))
def test_bounds_of_tiny_energies_hold_the_exact_one(seed, order, digits):
    """Down to where rounding leaves no digit, and beyond."""
    first = paired(seed, order, 1)
    moved = first._replace(A=first.A * (1 + 10.0**-digits), C=first.C * (1 - 10.0**-digits))
    apart = difference(modes_of(first), modes_of(moved))
    low, high = norm_of(apart, "h2")
    exact = exact_energy(apart)
    assert low[0] <= exact <= high[0]
    assert high[0] - exact <= 1e3 * EPS * norm_of(modes_of(first), "h2").upper[0]


def test_gain_has_bounds_that_meet():
    """Next to the circle, flat, and of many inputs."""
    for form in (
        sampled(1, 9),
        PairedRecurrence(np.exp(-1e-9 + 1j * np.ones(1)), np.ones(1), np.ones(1), ZERO),
        Recurrence(np.zeros(1), np.ones(1), np.ones(1), ZERO),  # 1 at every frequency
        inits.lru_init(8),
        ports(3, 4),
    ):
        modes = modes_of(form)
        for norm in ("hinf", "h2"):
            low, high = norm_of(modes, norm)
            assert np.all(low <= high)
            assert np.all(high <= CLOSE * low)


@given(st.sampled_from(["paired", "sampled", "ports"]), seeds, st.integers(1, 9))
def test_h2_is_never_behind_balanced_nor_ahead_of_its_bound(kind, seed, order):
    make: Any = {"paired": partial(paired, channels=1), "sampled": sampled, "ports": ports}[kind]
    form = make(seed, 5)
    best = reduce.h2(form, order=order)
    for method in (reduce.balanced, reduce.hankel, reduce.modal):
        other = method(form, order=order, norm="h2")
        if method is reduce.balanced:
            assert np.all(np.asarray(best.upper) <= np.asarray(other.upper) * (1 + 1e-9))
        assert np.all(np.asarray(other.upper) >= np.asarray(best.lower) * (1 - 1e-9))


@pytest.mark.parametrize("order", [2, 4, 8])
def test_an_h2_model_meets_the_whole_at_the_mirror_images_of_its_poles(order):
    form = inits.s4d_legs_init(32)
    small = reduce.h2(form, order=order).form
    points = -small.A.conj()
    whole, model = (systems.transfer(f, points) for f in (form, small))
    assert np.abs(whole - model).max() <= 1e-6 * np.abs(whole).max()
    near = points * (1 + 1e-5)
    slopes = [systems.transfer(f, near) - systems.transfer(f, points) for f in (form, small)]
    assert np.abs(slopes[0] - slopes[1]).max() <= 1e-3 * np.abs(slopes[0]).max()


@given(seeds, st.integers(1, 9), st.booleans())
def test_a_hankel_model_has_the_next_hankel_value_as_its_error(seed, order, discrete):
    form: Any = sampled(seed, 5) if discrete else Paired(*(X[0] for X in paired(seed, 5, 1)))
    sigma = reduce.singular_values(form)
    small = reduce.hankel(form, order=order)
    apart = difference(modes_of(form), modes_of(small.form))
    error = np.ldexp(hankel_values(apart)[0, 0], apart.exponents()[0])
    assert np.isclose(error, sigma[order], rtol=1e-7, atol=1e-10 * sigma[0])


@pytest.mark.parametrize("method", [reduce.balanced, reduce.hankel, reduce.h2, reduce.modal])
def test_a_form_whose_step_is_a_plain_number_is_reduced_as_one_of_arrays(method: Any) -> None:
    A = np.array([-1 + 1j, -2 + 0j])
    plain: Any = Paired(A, np.ones(2), np.ones(2), 0.5, 0.1)  # pyright: ignore
    arrays = Paired(*(np.asarray(field) for field in plain))
    for goal in ({"order": 1}, {"order": 2}, {"error": 0.3}):
        assert method(plain, **goal).upper == method(arrays, **goal).upper
