"""Fits of kernels keep their bounds, find the orders that are known, and answer every kernel."""

from __future__ import annotations

import math
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, seeds

from ssmlinalg import conversion, discretize, inits, kernel, kernels, reduce
from ssmlinalg.reduce.window_certificate import sharper_bounds
from ssmlinalg.reduce.window_hankel import leading, least_errors, times

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
LENGTH = 1024
lags = np.arange(LENGTH)
norms = st.sampled_from(sorted(reduce.WINDOWED))
ORDERS = {"l1": 1, "l2": 2, "sup": np.inf}


def spectral_filters(length: int = LENGTH) -> np.ndarray:
    """Filters of spectral transform units: eigenvectors of 2/((i+j)^3 - (i+j)), largest first."""
    i = np.arange(1.0, length + 1)
    s = i[:, None] + i
    return np.linalg.eigh(2 / (s**3 - s))[1].T[::-1]


def implicit_filters(decays: np.ndarray, *, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    """Filters of Hyena: a perceptron of sines on positions (5 features, width 64, w = 10), damped.

    Each decay is how often e falls out of the filter within the window. Source: Poli et al. 2023,
    Section 3.3 and its published code.
    """
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, LENGTH)[:, None]
    phase = 2 * np.pi * np.array([[1e-4, 1.0]]) * lags[:, None] / LENGTH
    x = np.concatenate([t, np.cos(phase), -np.sin(phase)], axis=1)
    for _ in range(3):
        x = np.sin(10 * affine(rng, x, 64))
    return (affine(rng, x, len(decays)) * (np.exp(-t * decays) + shift)).T


def affine(rng: np.random.Generator, x: np.ndarray, outputs: int) -> np.ndarray:
    """A linear layer as PyTorch draws it."""
    bound = 1 / math.sqrt(x.shape[1])
    W = rng.uniform(-bound, bound, (x.shape[1], outputs))
    return x @ W + rng.uniform(-bound, bound, outputs)


def modal_filters(channels: int, *, seed: int = 0, order: int = 16) -> np.ndarray:
    """Real modal filters as Evo 2 draws them: poles and residues are products of four normals."""
    rng = np.random.default_rng(seed)
    step = rng.uniform(0.001, 0.1, (order, channels))
    rate = np.exp(np.prod(rng.standard_normal((order, 4)), axis=-1))
    residue = np.prod(rng.standard_normal((order, channels, 4)) / math.sqrt(order), axis=-1)
    return np.einsum("nc,nct->ct", residue, np.exp(-(rate[:, None] * step)[..., None] * lags))


def sizes(values: np.ndarray, norm: str) -> np.ndarray:
    return np.linalg.norm(values, ORDERS[norm], axis=-1)


def samples(form: Any, length: int) -> np.ndarray:
    """The kernel of a recurrence by its definition, complex, in extended precision."""
    z = np.asarray(form.A, np.clongdouble)[..., None, :]
    w = np.asarray(form.C, np.clongdouble) * form.B
    K = np.sum(w[..., None, :] * z ** np.arange(length)[:, None], axis=-1)
    if type(form).__name__ == "PairedRecurrence":
        K = 2 * K.real
    K[..., 0] += form.D
    return K


def test_the_layer_of_s4d_needs_63_states_and_they_do() -> None:
    h = kernel(inits.s4d_lin_init(64, step=0.01), LENGTH)
    found = reduce.fit(h, error=1e-3)
    assert (found.order, found.least) == (63, 63)


def test_spectral_filters_need_no_more_states_than_known() -> None:
    """8, 11 and 15 without a direct path; with one, which costs no state, one less for two."""
    found = reduce.fit(spectral_filters()[[6, 10, 14]], error=1e-3)
    np.testing.assert_array_equal(found.order, [8, 10, 14])
    np.testing.assert_array_equal(found.least, [7, 10, 14])


def test_real_modal_filters_of_sixteen_states_need_about_four() -> None:
    found = reduce.fit(modal_filters(16), error=1e-3)
    assert np.median(found.order) <= 4
    assert np.all(found.order <= found.least + 2)
    assert np.mean(found.order == found.least) > 0.3


def test_implicit_filters_need_fewer_modes_than_a_realization_without_refinement() -> None:
    """A gap to the bound remains: the error is a noise, whose |e|_1 is far above |H(e)|_2."""
    (h,) = implicit_filters(np.array([15.0]))
    found = reduce.fit(h, error=3e-2)
    assert found.least > 15
    assert found.order <= 3 * found.least
    assert all(realized(h, r) > 3e-2 for r in range(found.order, found.order + 5))


def realized(h: np.ndarray, order: int) -> float:
    """The relative l1 error of the eigensystem realization, its weights by least squares."""
    H = scipy.linalg.hankel(h[1:513], h[512:])
    U = np.linalg.svd(H)[0][:, :order]
    z = np.linalg.eigvals(np.linalg.lstsq(U[:-1], U[1:])[0])
    z = np.where(np.abs(z) > 1, 1 / z.conj(), z)
    table = z ** lags[:-1, None]
    w = np.linalg.lstsq(table, h[1:] + 0j)[0]
    return float(sizes(h[1:] - (table @ w).real, "l1") / sizes(h, "l1"))


def test_no_model_below_71_modes_fits_the_multiscale_kernel() -> None:
    weights = np.random.default_rng(0).standard_normal((7, 16))
    h = kernels.sgconv(weights, LENGTH)
    spectrum = leading(h[1:], 0.0)
    assert np.sum(least_errors(h[1:], "l1", spectrum) > 1e-2 * sizes(h, "l1")) >= 71


@given(seeds, st.integers(1, 6), st.floats(1e-3, 1.0))
def test_a_sum_of_r_exponentials_has_order_r_and_its_poles(
    seed: int, r: int, separation: float
) -> None:
    """Poles to the error of the fit times their condition, the change by which h changes by 1."""
    rng = np.random.default_rng(seed)
    rates = -np.cumsum(separation * rng.uniform(1, 2, r)) / r
    turns = np.cumsum(separation * rng.uniform(1, 2, r)) / r
    z = np.exp(rates + 1j * turns)
    w = np.exp(2j * np.pi * rng.uniform(size=r))
    table = z ** lags[:, None]
    h = table @ w
    slope = np.concatenate([w * lags[:, None] * table / z, table], axis=1)
    condition = np.linalg.norm(np.linalg.pinv(slope, rcond=1e-15), axis=1)[:r]
    error = 1e-10
    sigma = np.linalg.svd(scipy.linalg.hankel(h[:512], h[511:]), compute_uv=False)
    if sigma[r - 1] < 4 * error * sizes(h, "l1"):
        return  # fewer are as near as was asked
    found = reduce.fit(h, error=error)
    assert found.order == r
    assert found.least == r
    distance = np.abs(found.form.A[:, None] - z)
    nearest = np.min(distance, axis=0)
    assert np.all(nearest <= 4 * found.upper * found.size * condition + 64 * EPS)


@given(seeds, st.integers(1, 40), norms, st.booleans())
def test_no_model_of_fewer_modes_beats_the_lower_bound(
    seed: int, length: int, norm: str, real: bool
) -> None:
    rng = np.random.default_rng(seed)
    r = int(rng.integers(0, 4))
    z = rng.uniform(0.5, 1.02, r) * np.exp(1j * rng.uniform(-3, 3, r))
    z = z.real if real else z
    g = (z ** np.arange(length)[:, None]) @ rng.standard_normal(r) if r else np.zeros(length)
    e = 10 ** rng.uniform(-6, 0) * rng.standard_normal(length)
    e *= rng.uniform(size=length) ** rng.integers(0, 20)  # from noise to single samples
    h = g + e
    lower = least_errors(h, norm, leading(h, 0.0))
    assert len(lower) == (length + 1) // 2 + 1
    assert np.all(np.diff(lower) <= 0)
    assert lower[min(r, len(lower) - 1)] <= sizes(e, norm) * (1 + 8 * EPS)


@given(seeds, st.integers(2, 40), st.booleans())
def test_no_model_of_fewer_modes_beats_the_sharper_bound(
    seed: int, length: int, real: bool
) -> None:
    """Whatever the error is: noise, a few samples, or what is least for the bound, equal signs."""
    rng = np.random.default_rng(seed)
    r = int(rng.integers(0, 5))
    z = rng.uniform(0.5, 1.02, r) * np.exp(1j * rng.uniform(-3, 3, r))
    z = np.concatenate([z, z.conj()]) if rng.uniform() < 0.5 else z
    w = rng.standard_normal(len(z))
    g = (z ** np.arange(length)[:, None]) @ w if len(z) else np.zeros(length)
    e = rng.standard_normal(length)
    e = np.sign(e) if rng.uniform() < 0.3 else e * rng.uniform(size=length) ** rng.integers(0, 20)
    h = g + 10 ** rng.uniform(-6, 0) * e
    if real:
        z = np.concatenate([z, z.conj()])  # of a real part
        h = h.real
        e = h - g.real
    else:
        e = h - g
    spectrum = leading(h, 0.0)
    known = least_errors(h, "l1", spectrum)
    lower = sharper_bounds(h, spectrum, known, min(len(z), len(known) - 1), 0.0)
    assert np.all(np.diff(lower) <= 0)
    assert np.all(lower >= known)
    assert lower[min(len(z), len(lower) - 1)] <= sizes(e, "l1") * (1 + 8 * EPS)
    if known[0] > 0:
        (best,) = sharper_bounds(h, spectrum, known, 0, np.inf)[:1]
        assert best <= sizes(h, "l1") * (1 + 8 * EPS)
        assert best >= 0.9 * known[0]


def test_the_sharper_bound_knows_half_as_much_again() -> None:
    (h,) = implicit_filters(np.array([6.0]))
    size = float(sizes(h, "l1"))
    spectrum = leading(h[1:], 1e-2 * size)
    known = least_errors(h[1:], "l1", spectrum)
    sharper = sharper_bounds(h[1:], spectrum, known, 24, 0.1 * size)
    assert np.argmax(known <= 0.1 * size) == 9
    assert np.argmax(sharper <= 0.1 * size) >= 18


@given(seeds, st.integers(2, 64))
def test_products_and_bounds_are_those_of_the_hankel_matrix(seed: int, length: int) -> None:
    h = np.random.default_rng(seed).standard_normal((length, 2)) @ np.array([1, 1j])
    m = (length + 1) // 2
    H = scipy.linalg.hankel(h[: length - m + 1], h[length - m :])
    np.testing.assert_allclose(times(h, np.eye(m)), H.T, atol=64 * EPS * float(sizes(h, "l1")))
    sigma = np.linalg.svd(H, compute_uv=False)
    found = leading(h, 0.0)
    assert found.whole
    assert np.all(found.proved <= sigma * (1 + 64 * EPS))
    assert np.all(found.proved >= sigma - 1e-11 * sizes(h, "l1"))


def test_a_part_of_the_spectrum_proves_no_more_than_there_is() -> None:
    h = spectral_filters()[8]
    sigma = np.linalg.svd(scipy.linalg.hankel(h[:513], h[512:]), compute_uv=False)
    found = leading(h, 1e-3 * sigma[0])
    assert not found.whole
    assert len(found.proved) < 100
    assert np.all(found.proved <= sigma[: len(found.proved)] * (1 + 64 * EPS))
    above = sigma > 1e-3 * sigma[0]
    np.testing.assert_allclose(found.proved[above[: len(found.proved)]], sigma[above], rtol=1e-9)


@given(seeds, norms, st.sampled_from([1e-1, 1e-2]), st.booleans())
def test_the_error_is_between_its_bounds_and_no_mode_grows(
    seed: int, norm: str, error: float, real: bool
) -> None:
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((2, 16, 2)) @ np.array([1, 0 if real else 1j])
    h = np.real(h) if real else h
    h *= rng.uniform(0.5, 1.0, (2, 1)) ** np.arange(16)
    found = reduce.fit(h, error=error, norm=norm)
    measured = sizes(h - samples(found.form, 16), norm) / found.size
    assert np.all(found.lower <= measured)
    assert np.all(measured <= found.upper)
    assert np.all(found.upper <= error)
    assert np.all(np.abs(found.form.A) < 1)
    assert np.all(found.least <= found.order)
    assert np.isrealobj(kernel(found.form, 2))


@given(seeds, st.integers(0, 5), norms, st.booleans())
def test_a_model_of_an_order_that_is_given_has_it(
    seed: int, order: int, norm: str, real: bool
) -> None:
    h = np.random.default_rng(seed).standard_normal((16, 2)) @ np.array([1, 0 if real else 1j])
    h = (np.real(h) if real else h) * 0.8 ** np.arange(16)
    found = reduce.fit(h, order=order, norm=norm)
    assert found.order == order
    measured = sizes(h - samples(found.form, 16), norm) / found.size
    assert found.lower <= measured <= found.upper
    assert found.least <= order


def test_no_model_of_an_order_is_worse_than_none_or_than_as_many_modes_as_samples() -> None:
    """By its shift a late echo, or a growing kernel, was fitted worse than by nothing at all."""
    at = np.arange(64.0)
    late = np.where(at > 40, 0.9 ** (at - 40), 0)
    noise = np.random.default_rng(3).normal(size=64)
    for h in (late, noise, np.eye(64)[40], np.exp(5 * at), np.array([0, 0, 5.0])):
        length = len(h)
        for order in (1, 2, length - 1, length):
            found = reduce.fit(h, order=order)
            assert found.order <= order
            assert found.upper <= (1 if order < length - 1 else 1e-9) + 64 * EPS * length
            assert found.lower <= found.upper


@given(seeds, st.integers(1, 12), st.floats(1e-9, 1.0))
def test_filters_of_few_taps_and_channels_of_zero_have_a_model(
    seed: int, length: int, error: float
) -> None:
    h = np.random.default_rng(seed).standard_normal((2, length))
    h[0] = 0
    h[1, seed % length :] = 0
    found = reduce.fit(h, error=error, relative=False)
    assert np.all(found.upper <= error)
    assert found.order[0] == 0


def test_a_growing_kernel_takes_growing_modes_where_they_are_allowed() -> None:
    h = 1.01**lags * np.cos(0.1 * lags)
    free = reduce.fit(h, error=1e-9, growing=True)
    assert free.order == 2
    np.testing.assert_allclose(free.form.A, 1.01 * np.exp(0.1j), rtol=1e-10)
    damped = reduce.fit(h[:48], error=1e-3)
    assert np.all(np.abs(damped.form.A) < 1)
    assert damped.upper <= 1e-3


def test_an_undamped_mode_is_met_by_a_damped_one() -> None:
    found = reduce.fit(np.cos(0.1 * lags), error=1e-9)
    assert found.order == 2
    assert abs(found.form.A[0]) < 1


def test_channels_of_any_size_are_fitted_alike() -> None:
    h = modal_filters(2)
    units = 2.0 ** np.array([[-600], [600]])
    plain = reduce.fit(h, error=1e-3)
    scaled = reduce.fit(units * h, error=1e-3)
    np.testing.assert_array_equal(plain.form.A, scaled.form.A)
    np.testing.assert_array_equal(plain.form.C * units, scaled.form.C)
    np.testing.assert_array_equal(plain.upper, scaled.upper)
    np.testing.assert_array_equal(plain.size * units[:, 0], scaled.size)


@pytest.mark.parametrize("exponent", [-1030, -1050, -1060])
def test_weights_below_the_normal_numbers_are_measured_as_they_are_rounded(exponent: int) -> None:
    h = np.ldexp(0.9 ** lags[:64] * np.cos(lags[:64]), exponent)
    found = reduce.fit(h, order=2)
    exact = found.form._replace(
        C=np.ldexp(found.form.C.real, 1000) + 1j * np.ldexp(found.form.C.imag, 1000),
        D=np.ldexp(found.form.D, 1000),
    )
    apart = float(sizes(np.ldexp(h, 1000) - samples(exact, 64), "l1"))
    assert apart <= found.upper * float(sizes(np.ldexp(h, 1000), "l1")) * (1 + 64 * EPS)


def test_an_absolute_error_is_in_the_units_of_the_kernel() -> None:
    h = 1e5 * 0.8**lags + 1e-5 * 0.99**lags
    assert reduce.fit(h, error=1e-1, relative=False).order == 1
    assert reduce.fit(h, error=1e-5, relative=False).order == 2


@pytest.mark.parametrize(
    ("h", "order"),
    [
        (np.zeros(8), 0),  # nothing
        (np.array([3.0]), 0),  # a direct path
        (np.eye(16)[0], 0),
        (np.array([1.0, 2.0]), 1),
        (np.array([999.0, 1.0]), 1),  # the direct path alone misses by the error to the last bit
        (np.array([1j]), 1),  # a form has no complex direct path
        (np.eye(16)[3], 3),  # a delay: nilpotent, which no modes are, but near
        (lags[:64] * 0.9 ** lags[:64], 2),  # a double pole
        ((-0.9) ** lags, 1),
        (0.9**lags + (0.9 + 1e-6) ** lags, 1),  # a cluster
    ],
)
def test_kernels_at_the_edge_have_the_order_they_have(h: np.ndarray, order: int) -> None:
    found = reduce.fit(h, error=1e-3)
    assert found.order == order
    assert found.least <= order
    assert found.upper <= 1e-3
    assert found.padding == (order == 0)


def test_a_real_double_pole_is_met_from_either_side() -> None:
    """Real modes that meet leave the axis as a pair: three real ones miss by five times as much."""
    h = modal_filters(14)[13]
    assert reduce.fit(h, error=1e-3).order <= 5


def test_noise_has_an_answer_too() -> None:
    h = np.random.default_rng(0).standard_normal(128)
    found = reduce.fit(h, error=1e-3)
    assert 60 <= found.least <= found.order <= 127
    assert found.upper <= 1e-3
    loose = reduce.fit(h[:64], error=0.3)  # the bound is 0 here: a noise has no line
    assert loose.order < 32
    assert loose.upper <= 0.3


def test_a_long_window_takes_no_matrix() -> None:
    h = sum(
        np.exp((-2e-4 - 1e-3 * k) * np.arange(65536)) * np.cos(0.1 * k * np.arange(65536))
        for k in range(3)
    )
    tracemalloc.start()
    found = reduce.fit(h, error=1e-6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.order == found.least == 5
    assert peak < 2**28  # L^2/4 numbers would be 2^33 bytes


def test_an_interrupt_keeps_the_best_so_far() -> None:
    h = spectral_filters()[[6, 10]]
    calls = []

    def interrupt(**figures: Any) -> None:
        calls.append(figures)
        raise KeyboardInterrupt

    found = reduce.fit(h, error=1e-3, progress=interrupt)
    assert len(calls) == 1
    assert calls[0].keys() == {"channel", "channels", "least", "order", "error"}
    assert np.all(found.upper <= 1e-3)
    assert np.all(found.order >= reduce.fit(h, error=1e-3).order)


def test_a_fit_goes_into_continuous_time_and_into_layouts() -> None:
    h = modal_filters(4)
    found = reduce.fit(h, error=1e-3)
    for rule in ("zoh", "bilinear"):
        model = discretize.continuous(found.form, step=0.1, rule=rule)
        np.testing.assert_allclose(
            kernel(model, LENGTH, rule=rule),
            kernel(found.form, LENGTH),
            atol=1e-10 * np.max(np.abs(h)),
        )
    for target in ("s4", "s4d", "annotated-s4d", "s5", "minimal-lru", "real"):
        assert conversion.convert(found.form, target)
    single = reduce.fit(h[0], error=1e-3).form
    for target in ("dss", "dlr", "keras-lmu", "statespace"):
        assert conversion.convert(single, target)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"error": 0.0}, "`error`"),
        ({"error": -1.0}, "`error`"),
        ({"error": float("nan")}, "`error`"),
        ({"error": 1e-15}, "double precision"),
        ({"error": 1e-3, "order": 3}, "one of `order` and `error`"),
        ({}, "one of `order` and `error`"),
        ({"order": 9}, "number of samples, 8"),
        ({"order": -1}, "`order`"),
        ({"error": 1e-3, "norm": "l3"}, "`norm`"),
    ],
)
def test_wrong_goals_are_refused_in_a_sentence(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        reduce.fit(np.ones(8), **wrong)
    assert SENTENCE.fullmatch(str(caught.value))


@pytest.mark.parametrize(
    "h",
    [
        np.array([1.0, np.nan]),
        np.zeros((3, 0)),
        np.array(1.0),
        np.full(9, 1e308),
        np.full(4, 1e308j),
    ],
)
def test_what_is_no_window_is_refused_in_a_sentence(h: np.ndarray) -> None:
    with pytest.raises(ValueError, match="`kernel`") as caught:
        reduce.fit(h, error=1e-3)
    assert SENTENCE.fullmatch(str(caught.value))
