"""Models under sinusoids, against closed forms, dense solves and signals that are filtered."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.optimize
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, models

from ssmlinalg import compare, convolve, forms, hippo, inits, kernel, perturb, scan, transfer
from ssmlinalg.comparison import Sweep, fourier_sweep, noise_gain
from ssmlinalg.ground.backend import move, to_numpy

DIGIT = 1e-3  # the last that was published of 325.426
DEPTH = 0.5  # of the eigenvalues of S4D-LegS: a spike is as wide
HINF = 1e-6  # how close the bounds of a transfer error are
orders = st.integers(2, 24)
methods = st.sampled_from(["last_column", "gaussian", "complex_gaussian", "column"])
frequencies = st.lists(st.floats(0, 1e4), min_size=1, max_size=8)
HUGE = np.full(2, 1e200 + 0j)


def row(name: str, order: int, **options: Any) -> Sweep:
    return next(one for one in fourier_sweep(order, **options) if one.name == name)


def resolvent(A: np.ndarray, w: float) -> np.ndarray:
    return np.linalg.inv(1j * w * np.eye(len(A)) - A)


def heights(order: int) -> tuple[np.ndarray, np.ndarray]:
    """mu_m of the spikes, falling, by bisection of the phase, and 2/|v_m| over them.

    The phase equation is sum arctan((k+1/2)/mu) = pi (m + 1/2).
    """
    k = np.arange(order) + 0.5

    def missing(mu: float, m: int) -> float:
        return float(np.sum(np.arctan(k / mu)) - math.pi * (m + 0.5))

    def root(m: int) -> Any:
        return scipy.optimize.brentq(missing, 1e-3, order**2, (m,), xtol=1e-13)

    mu = np.array([root(m) for m in range(order // 2)])
    squares = np.sum(2 * k / (mu[:, None] ** 2 + k**2), axis=1)
    return mu, 2 / np.sqrt(squares)


# S4D


def test_the_worst_frequency_of_s4d_at_order_32_is_that_of_the_published_noise() -> None:
    s4d = row("s4d-legs", 32)
    published = 325.426
    flat = DEPTH * 2.0**-13  # of a peak is flat: so far it may be found from its place
    assert s4d.worst_frequency == pytest.approx(published, abs=DIGIT)
    assert s4d.worst_frequency == pytest.approx(heights(32)[0][0], abs=flat)
    assert s4d.frequencies[np.argmax(s4d.gain)] == pytest.approx(published, abs=DIGIT)


@pytest.mark.parametrize(("order", "height"), [(16, 10.02), (32, 20.29), (64, 40.70), (128, 81.47)])
def test_the_worst_error_of_s4d_grows_like_two_n_over_pi(order: int, height: float) -> None:
    s4d = row("s4d-legs", order)
    assert s4d.worst_error == pytest.approx(height, abs=0.01 / 2)  # to the digits of the page
    assert abs(s4d.worst_error * math.pi / (2 * order) - 1) <= 4.5 / order**2


@given(orders, frequencies)
def test_the_state_of_s4d_is_that_of_hippo_over_one_plus_h(order: int, w: list[float]) -> None:
    s4d = row("s4d-legs", order, frequencies=w)
    top = heights(order)[0][0]
    for w_, gain, error in zip(s4d.frequencies, s4d.gain, s4d.error, strict=True):
        with mpmath.workdps(40):
            s = mpmath.mpc(0, float(w_))
            h = mpmath.fprod((s - k) / (s + k + 1) for k in range(order))
            exact = order / mpmath.sqrt(mpmath.mpf(float(w_)) ** 2 + order**2)
            expected = float(exact / abs(1 + h))
            off = float(exact * abs(h / (1 + h)))
        slack = 16 * EPS * (order + 2 * top) * expected + 4 * EPS * order
        assert abs(gain - expected) <= slack
        assert abs(error - off) <= slack


@given(orders)
def test_over_every_eigenvalue_of_s4d_there_is_a_spike(order: int) -> None:
    """At i mu_m one mode alone has the amplitude 2/|v_m|, and the modes are orthogonal.

    HiPPO is below N/mu_m.
    """
    mu, height = heights(order)
    s4d = row("s4d-legs", order, frequencies=mu)
    rounding = 64 * EPS * mu[0] * height
    assert np.all(s4d.gain[::-1] >= height - rounding)
    exact = order / np.hypot(mu, order)
    assert np.all(s4d.error[::-1] >= height - exact - rounding)
    assert s4d.gain[-1] <= height[0] * (1 + 1 / order)


@given(orders, frequencies)
def test_an_input_not_halved_doubles_the_state(order: int, w: list[float]) -> None:
    once = row("s4d-legs", order, frequencies=w)
    twice = row("s4d-legs-unhalved", order, frequencies=w)
    np.testing.assert_array_equal(twice.gain, 2 * once.gain)


@pytest.mark.parametrize("order", [8, 16, 32, 64])
def test_clipping_bounds_the_spikes_and_keeps_some(order: int) -> None:
    """A mode 1/2 below the axis with |B| = 2 has the amplitude 4.

    The top ones, B nearly imaginary, are cut to that.
    """
    clipped = row("s4d-legs-clipped", order)
    near = DEPTH / 50  # the modes beside it move the peak a little
    assert clipped.worst_frequency == pytest.approx(heights(order)[0][0], abs=near)
    assert 3.5 < clipped.worst_error < 4.1


# All of them


@given(orders)
def test_hippo_passes_n_over_the_hypotenuse(order: int) -> None:
    legs = row("hippo-legs", order)
    expected = order / np.hypot(legs.frequencies, order)
    np.testing.assert_allclose(legs.gain, expected, rtol=8 * EPS * order)
    assert not legs.error.any()
    assert legs.worst_error == 0


@given(orders)
def test_s4_is_hippo_up_to_rounding(order: int) -> None:
    s4 = row("s4", order)
    rounding = 16 * EPS * order * (1 + order)
    assert s4.worst_error <= rounding
    expected = order / np.hypot(s4.frequencies, order)
    assert np.abs(s4.gain - expected).max() <= rounding


@given(orders, methods)
def test_the_worst_error_is_the_transfer_error(order: int, method: str) -> None:
    swept = {one.name: one for one in fourier_sweep(order, perturbations=[method])}
    compared = {one.name: one for one in compare(order, perturbations=[method])}
    shared = ["s4d-legs", "s4d-legs-clipped", "ptd", f"ptd-{method}"]
    for name in shared:
        expected = compared[name].transfer_error
        assert swept[name].worst_error == pytest.approx(expected, rel=HINF)


@pytest.mark.parametrize("order", [8, 16, 32])
def test_what_is_kept_is_swept_unasked(order: int) -> None:
    found = perturb.optimal(hippo.legs(order), conditioning=8)
    optimal = row("ptd-optimal", order)
    assert optimal.worst_error == pytest.approx(found.transfer_error, rel=HINF)
    assert "ptd-optimal" not in {one.name for one in fourier_sweep(order, conditioning=7.5)}


@given(orders, methods)
def test_no_row_misses_its_worst(order: int, method: str) -> None:
    for one in fourier_sweep(order, perturbations=[method]):
        assert np.all(np.diff(one.frequencies) > 0)
        assert not np.isnan(one.gain).any()
        most = one.error.max()
        missed = 2e-3 * one.worst_error  # between two points of the sweep
        assert most <= one.worst_error <= most + missed + 64 * EPS * order**2


@given(orders, methods, frequencies)
def test_no_frequency_is_worse_than_the_worst(order: int, method: str, w: list[float]) -> None:
    freely = fourier_sweep(order, perturbations=[method])
    asked = fourier_sweep(order, perturbations=[method], frequencies=w)
    for one, other in zip(freely, asked, strict=True):
        most = one.worst_error * (1 + HINF) + 64 * EPS * order**2
        assert np.all(other.error <= most)
        np.testing.assert_array_equal(other.frequencies, np.sort(w))


@given(orders, st.floats(1.5, 50), frequencies)
def test_the_lossless_perturbation_keeps_its_bound_at_every_frequency(
    order: int, budget: float, w: list[float]
) -> None:
    bound = perturb.lossless(hippo.legs(order), conditioning=budget).transfer_bound
    rounding = 64 * EPS * order * budget
    for grid in (None, w):
        ptd = row("ptd", order, conditioning=budget, frequencies=grid)
        assert ptd.error.max() <= bound + rounding
        assert ptd.worst_error <= bound + rounding


@given(orders, methods, st.lists(st.floats(0, 300), min_size=1, max_size=4, unique=True))
def test_a_perturbed_state_is_that_of_a_plus_e(order: int, method: str, w: list[float]) -> None:
    legs = hippo.legs(order)
    found = inits.perturbed(order, perturbation=method)
    assume(found.abscissa < -1e-2)
    swept = row(f"ptd-{method}", order, perturbations=[method], frequencies=w)
    for w_, gain, error in zip(swept.frequencies, swept.gain, swept.error, strict=True):
        both = [resolvent(legs.A + found.E, sign * w_) @ legs.B for sign in (1, -1)]
        exact = [resolvent(legs.A, sign * w_) @ legs.B for sign in (1, -1)]
        depth = -found.abscissa
        slack = 256 * EPS * order**2 * found.condition / depth * np.linalg.norm(both[0])
        off = [np.linalg.norm(a - b) for a, b in zip(both, exact, strict=True)]
        assert abs(gain - max(map(np.linalg.norm, both))) <= slack
        assert abs(error - max(off)) <= slack


def test_a_complex_perturbation_is_judged_on_both_sides() -> None:
    found = perturb.complex_gaussian(hippo.legs(8))
    one = row("ptd-complex_gaussian", 8)
    assert one.worst_error == pytest.approx(found.transfer_error, rel=HINF)


def test_an_unstable_model_has_no_steady_state() -> None:
    one = row("ptd-gaussian", 32)
    found = inits.perturbed(32, perturbation="gaussian")
    assert found.abscissa > 0
    assert one.worst_error == math.inf
    assert np.all(np.isinf(one.gain))
    assert np.all(np.isinf(one.error))
    assert one.worst_frequency == abs(found.Lambda.imag[np.argmax(found.Lambda.real)])


# S5


@given(orders, st.floats(0, 500))
def test_s5_is_the_mean_over_what_it_draws(order: int, w: float) -> None:
    """E |M b|^2 = |M|_F^2/N for b of variance 1/N, with M from dense inverses."""
    legs = hippo.legs(order)
    exact = resolvent(legs.A, w)
    drawn = {"s5": perturb.lossless(legs, tau=1.0), "s5-ptd": perturb.lossless(legs)}
    for name, found in drawn.items():
        one = row(name, order, frequencies=[w])
        ours = resolvent(legs.A + found.E, w)
        gain = np.linalg.norm(ours) / math.sqrt(order)
        error = np.linalg.norm(ours - exact) / math.sqrt(order)
        slack = 64 * EPS * order**3 * found.condition**2
        assert abs(one.gain[0] - gain) <= slack
        assert abs(one.error[0] - error) <= slack


@pytest.mark.parametrize("order", [2, 3, 8, 32, 64])
def test_no_input_of_norm_one_moves_s5_by_two(order: int) -> None:
    s5 = row("s5", order)
    assert s5.worst_error * math.sqrt(order) < 2
    assert s5.worst_error * math.sqrt(order) > 2 - 5 / order


# Sampled models

settling = st.sampled_from(
    ["ptd", "s4d-lin", "s4d-inv", "s4d-real", "s4d-legs", "s4d-legs-clipped", "s4", "dss", "mamba"]
)
rules = st.sampled_from(["zoh", "bilinear", "backward", "impulse", "foh"])


def amplitude(y: np.ndarray, angle: float, after: int) -> float:
    """Of the wave of that angle a sample in y, once it has settled, by least squares."""
    late = np.arange(after, len(y)) * angle
    basis = np.stack([np.cos(late), np.sin(late)], axis=1)
    return float(np.linalg.norm(np.linalg.lstsq(basis, y[after:])[0]))


@given(models(settling, 6), rules, st.floats(0.05, 1.0), st.floats(0.1, 3.0))
def test_the_gain_is_the_amplitude_of_a_signal_that_is_filtered(
    form: Any, rule: str, step: float, angle: float
) -> None:
    lead = form.D.shape
    form = form._replace(step=np.full(lead, step))
    gain = noise_gain(form, np.array([angle / step]), rule=rule)
    assert gain.shape == (*lead, 1)
    decay = -math.log(np.max(np.abs(kernel_tail(form, rule))))
    settled = math.ceil(36 / decay)
    assume(settled < 20000)
    u = np.cos(angle * np.arange(settled + 400))
    K = kernel(form, len(u), rule=rule)
    scale = np.sum(np.abs(K), axis=-1)
    filtered = convolve(u, K)
    run, _ = scan(form, np.broadcast_to(u, (*lead, len(u))), rule=rule)
    samples = len(u)
    transform = 64 * EPS * math.log2(samples) * math.sqrt(samples)
    unsettled = math.exp(-decay * settled)
    for k in np.ndindex(lead):
        slack = (transform + 64 * unsettled) * float(scale[k])
        recurrence = 4 * samples * EPS * float(scale[k])
        assert abs(amplitude(filtered[k], angle, settled) - gain[k][0]) <= slack
        assert abs(amplitude(run[k], angle, settled) - gain[k][0]) <= slack + recurrence


def kernel_tail(form: Any, rule: str) -> np.ndarray:
    """The eigenvalues of A_d from A."""
    A = np.linalg.eigvals(forms.to_dense(form).A) if isinstance(form, forms.DPLR) else form.A
    z = form.step[..., None] * A
    if rule == "bilinear":
        return (1 + z / 2) / (1 - z / 2)
    return 1 / (1 - z) if rule == "backward" else np.exp(z)


@given(models(settling), st.floats(1e-3, 1.0), st.floats(0, 3.0))
def test_the_bilinear_rule_bends_the_frequency_and_adds_half_a_sample(
    form: Any, step: float, angle: float
) -> None:
    """It weighs the newest sample where Tustin averages two: (1 + 1/z)/2, |.| = cos(angle/2)."""
    form = form._replace(step=np.full(form.D.shape, step), D=np.zeros(form.D.shape))
    s = np.array([2j / step * math.tan(angle / 2)])
    seen = noise_gain(form, np.array([angle / step]), rule="bilinear")
    order = form[0].shape[-1]
    weight = np.sum(np.abs(form.C * form.B), axis=-1, keepdims=True)
    slack = 64 * EPS * order * (1 + order**2) * weight * (1 + 4 / step)
    error = np.abs(math.cos(angle / 2) * seen - np.abs(transfer(form, s)))
    assert np.all(error <= slack)


@given(models(settling), rules, st.floats(1e-2, 1.0), st.floats(0, 3.0), st.integers(1, 5))
def test_waves_that_alias_are_one_wave(
    form: Any, rule: str, step: float, angle: float, turns: int
) -> None:
    form = form._replace(step=np.full(form.D.shape, step))
    w = np.array([angle, -angle, angle + 2 * math.pi * turns]) / step
    gain = noise_gain(form, w, rule=rule)
    weight = np.sum(np.abs(form.C * form.B), axis=-1, keepdims=True)
    settling = 2 + 4 / step
    scale = 4 * weight * settling**2 + np.abs(form.D)[..., None]
    longest = 1 + angle + 2 * math.pi * turns
    slack = 64 * form[0].shape[-1] * EPS * longest * scale
    assert np.all(np.abs(gain[..., 1:] - gain[..., :1]) <= slack)


@pytest.mark.parametrize("step", [1e-3, 1e-2, 0.1])
def test_a_wave_on_a_mode_stays_on_it_at_any_step(step: float) -> None:
    """One mode and its conjugate: the peak over w is at Im A, though w step is up to ten turns."""
    mu = 325.426
    one = np.ones(1) + 0j
    form = forms.Paired((-DEPTH + 1j * mu) * one, one, one, np.asarray(0.0), np.asarray(step))
    near = noise_gain(form, mu + np.linspace(-5, 5, 201))
    assert abs(np.argmax(near) - 100) <= 3
    held = abs(math.sin(mu * step / 2)) / (mu * step / 2)
    assert near[100] == pytest.approx(held / DEPTH, rel=1 / 5)  # the conjugate adds the rest


@given(models(st.sampled_from(["ptd", "s4d-legs", "s4d-real"])), rules, st.floats(0, 3.0))
def test_half_a_spectrum_and_the_whole_sound_alike(form: Any, rule: str, angle: float) -> None:
    form = form._replace(step=np.full(form.D.shape, 0.1), A=np.broadcast_to(form.A, form.C.shape))
    w = np.array([angle / 0.1])
    half = noise_gain(form, w, rule=rule)
    whole = noise_gain(forms.unpair(form), w, rule=rule)
    dense = noise_gain(forms.to_dense(form), w, rule=rule)
    order = form.A.shape[-1]
    slack = 64 * EPS * np.sum(np.abs(form.C * form.B), axis=-1, keepdims=True) * 2 / 0.05
    assert np.all(np.abs(half - whole) <= slack)
    assert np.all(np.abs(half - dense) <= slack * order * (1 + order**2))


def test_each_channel_has_its_own_step() -> None:
    form = inits.ptd_init(8, channels=3, step=(1e-3, 1e-1), seed=1)
    w = np.array([0.5, 20.0, 325.4])
    for k, gain in enumerate(noise_gain(form, w)):
        alone = forms.Paired(*(np.asarray(field)[k] for field in form))
        np.testing.assert_allclose(gain, noise_gain(alone, w), rtol=64 * EPS)


@pytest.mark.parametrize(
    ("name", "rule"), [("s4d-legs", "zoh"), ("s4", "bilinear"), ("ptd", "foh")]
)
def test_every_library_gives_the_same(carry: Callable[[Any], Any], name: str, rule: str) -> None:
    form: Any = inits.INITS[name](8, channels=2, seed=3)
    w = np.array([0.0, 1.0, 30.0])
    there = to_numpy(noise_gain(carry(form), carry(w), rule=rule))
    expected = noise_gain(form, w, rule=rule)
    # Of the angle of the fastest wave, and of a matrix of eight states and their step responses.
    assert np.all(np.abs(there - expected) <= 64 * EPS * 8**2 * 30 * expected)


def test_jax_compiles_and_differentiates_it() -> None:
    import jax

    form = inits.s4d_legs_init(6, seed=2)
    w = np.array([2.0, 7.0])
    there = forms.move(form, "jax")

    def gain(B: Any) -> Any:
        return noise_gain(there._replace(B=B), jax.numpy.asarray(w)).sum()

    rounding = 64 * 6**2 * EPS  # of six states, relative, at waves below their frequencies
    expected = float(noise_gain(form, w).sum())
    assert float(jax.jit(gain)(there.B)) == pytest.approx(expected, rel=rounding)
    slope = jax.grad(lambda scale: gain(scale * there.B))(1.0)
    # Homogeneous of degree one, for D = 0.
    assert float(slope) == pytest.approx(float(gain(there.B)), rel=rounding)


# What is refused

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")

form: Any = inits.s4d_legs_init(4)
FRACTION: Any = 2.5
SEVERAL: Any = inits.s5_init(4)
DISCRETE: Any = inits.dlr_init(4)
CASES: dict[str, tuple[type[Exception], Callable[[], object]]] = {
    "order 0": (ValueError, lambda: fourier_sweep(0)),
    "fractional order": (TypeError, lambda: fourier_sweep(FRACTION)),
    "conditioning of one": (ValueError, lambda: fourier_sweep(4, conditioning=1.0)),
    "conditioning NaN": (ValueError, lambda: fourier_sweep(4, conditioning=math.nan)),
    "unknown perturbation": (ValueError, lambda: fourier_sweep(4, perturbations=["gausian"])),
    "no frequencies": (ValueError, lambda: fourier_sweep(4, frequencies=[])),
    "negative frequency": (ValueError, lambda: fourier_sweep(4, frequencies=[1.0, -1.0])),
    "frequency NaN": (ValueError, lambda: fourier_sweep(4, frequencies=[math.nan])),
    "frequency infinite": (ValueError, lambda: fourier_sweep(4, frequencies=[math.inf])),
    "complex frequency": (TypeError, lambda: fourier_sweep(4, frequencies=np.array([1j]))),
    "frequencies in a table": (ValueError, lambda: fourier_sweep(4, frequencies=np.ones((2, 2)))),
    "several inputs": (TypeError, lambda: noise_gain(SEVERAL, np.ones(1))),
    "a recurrence": (TypeError, lambda: noise_gain(DISCRETE, np.ones(1))),
    "a table of w": (ValueError, lambda: noise_gain(form, np.ones((1, 1)))),
    "complex w": (TypeError, lambda: noise_gain(form, np.ones(1) + 0j)),
    "w NaN": (ValueError, lambda: noise_gain(form, np.array([math.nan]))),
    "w step overflows": (
        ValueError,
        lambda: noise_gain(form._replace(step=np.asarray(9.0)), np.array([1e308])),
    ),
    "no array": (TypeError, lambda: noise_gain(form, 3.0)),
    "unknown rule": (ValueError, lambda: noise_gain(form, np.ones(1), rule="zho")),
    "unstable": (ValueError, lambda: noise_gain(form._replace(A=-form.A), np.ones(1))),
    "an integrator": (ValueError, lambda: noise_gain(form._replace(A=0 * form.A), np.ones(1))),
    "unstable by its rule": (
        ValueError,
        lambda: noise_gain(form._replace(step=np.asarray(9.0)), np.ones(1), rule="forward"),
    ),
    "unstable dense": (
        ValueError,
        lambda: noise_gain(forms.Dense(np.eye(2), np.ones(2), np.ones(2), 0.0, 1.0), np.ones(1)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_say_the_rule_what_was_got_and_the_remedy(case: str) -> None:
    error, call = CASES[case]
    with pytest.raises(error) as caught:
        call()
    assert SENTENCE.fullmatch(str(caught.value)), str(caught.value)


@pytest.mark.parametrize("order", [1, 2, 9])
def test_the_ends_of_the_numbers_are_no_trouble(order: int) -> None:
    for one in fourier_sweep(order, frequencies=[0.0, 5e-324, 1e-300, 1e300, 1e308]):
        assert np.all(np.isfinite(one.gain))
        assert np.all(np.isfinite(one.error))
        assert math.isfinite(one.worst_error)


@pytest.mark.parametrize("rule", ["zoh", "foh"])
def test_a_batch_of_inputs_to_one_matrix_has_the_gains_of_its_members(rule: Any) -> None:
    B = np.random.default_rng(0).standard_normal((3, 4))
    w = np.linspace(0, 9, 5)
    form = forms.to_dense(hippo.legs(4))._replace(step=np.asarray(0.1))
    each = [noise_gain(form._replace(B=b), w, rule=rule) for b in B]
    np.testing.assert_allclose(noise_gain(form._replace(B=B), w, rule=rule), each, rtol=64 * EPS)
    assert noise_gain(form._replace(B=B[:0]), w, rule=rule).shape == (0, 5)


@pytest.mark.parametrize("rule", ["zoh", "foh", "bilinear", "backward", "impulse"])
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_the_sine_of_frequency_zero_is_no_part_of_a_gain(rule: str, library: str) -> None:
    """Nothing drives the second state of `fout` of even order: it is left out by hand."""
    whole = forms.to_dense(hippo.fout(8))._replace(step=np.asarray(0.1))
    kept = np.arange(8) != 1
    rest = whole._replace(A=whole.A[np.ix_(kept, kept)], B=whole.B[kept], C=whole.C[kept])
    w = np.array([0.0, 0.5, 3.0, 20.0])
    got = to_numpy(noise_gain(forms.move(whole, library), move(w, library), rule=rule))
    expected = noise_gain(rest, w, rule=rule)
    nearest = float(np.min(-np.linalg.eigvals(0.1 * rest.A).real))
    np.testing.assert_allclose(got, expected, rtol=0, atol=64 * EPS * 8**2 / nearest)


@pytest.mark.parametrize("rate", [0.0, 3j, 0.5 + 1j])
def test_a_mode_that_is_undriven_or_unread_need_not_decay(rate: complex) -> None:
    """The gain is that without the mode, on its own frequency too; in full, that is refused."""
    w = np.array([0.0, 3.0])
    one = np.ones(1) + 0j
    rest = forms.Paired(np.array([-1 + 1j]), one, one, np.asarray(0.0), np.asarray(0.1))
    expected = noise_gain(rest, w)
    A = np.array([-1 + 1j, rate])
    idle = np.array([1 + 0j, 0])
    heard = rest._replace(A=A, B=np.ones(2) + 0j, C=np.ones(2) + 0j)
    for form in (heard._replace(B=idle), heard._replace(C=idle)):
        np.testing.assert_allclose(noise_gain(form, w), expected, rtol=64 * EPS)
        dense = noise_gain(forms.to_dense(form), w)
        np.testing.assert_allclose(dense, expected, rtol=64 * 4**2 * EPS)
    if rate != 3j:  # of which |A_d| may be rounded into the circle
        with pytest.raises(ValueError, match="forget its start"):
            noise_gain(heard, w)


LOUD = inits.s4d_lin_init(4, step=1.0)._replace(B=HUGE, C=HUGE)
TOO_LARGE: dict[str, Callable[[], Any]] = {
    "gains": lambda: noise_gain(
        inits.s4d_legs_init(4, channels=1000), np.broadcast_to(1.0, (10**8,))
    ),
    "weights": lambda: noise_gain(LOUD, np.ones(2), rule="foh"),
    "an order": lambda: fourier_sweep(10**12),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_a_gain_that_overflows_or_fits_no_memory_is_refused_in_one_sentence(case: str) -> None:
    with pytest.raises(ValueError) as error:
        TOO_LARGE[case]()
    assert SENTENCE.fullmatch(str(error.value))


def test_many_frequencies_of_a_matrix_are_answered_in_pieces() -> None:
    form = forms.to_dense(hippo.legs(16))._replace(step=np.asarray(0.1))
    w = np.linspace(0, 30, 5001)
    some = noise_gain(form, w)[::100]
    np.testing.assert_allclose(some, noise_gain(form, w[::100]), rtol=64 * EPS)
