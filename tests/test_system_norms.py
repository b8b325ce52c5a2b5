"""Norms of models: closed forms, Parseval, independent witnesses, and bounds that hold."""

from __future__ import annotations

import math
import re
from typing import Any

import control
import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, continuous_names, init_names, models, orders, seeds

from ssmlinalg import discretize, forms, hippo, inits, kernel, reduce, transfer
from ssmlinalg.forms import (
    MIMO,
    Delayed,
    Dense,
    DenseRecurrence,
    Diagonal,
    Paired,
    PairedRecurrence,
    Recurrence,
)
from ssmlinalg.ground.bounds import Bounds
from ssmlinalg.systems.gramians import hankel_singular_values
from ssmlinalg.systems.norms import (
    h2_distance,
    h2_norm,
    hinf_distance,
    hinf_norm,
    l1_distance,
    l1_norm,
)

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
NONE = np.asarray(0.0)
ONCE = np.asarray(1.0)
L1 = 1e-3  # how close the bounds of `l1_norm` are by default,
HINF = 1e-6  # and those of `hinf_norm`
PEAK = 2.0**-30  # of its height: a peak is found to 2^-15 of its width, and flat
rates = st.floats(0.01, 100)
turns = st.floats(0, 100)


def init(name: str, order: int, **options: Any) -> Any:
    return inits.INITS[name](order, **options)


def paired(seed: int, order: int, *, direct: float = 0.0) -> Paired:
    """A random stable half spectrum."""
    rng = np.random.default_rng(seed)
    A = -np.exp(rng.uniform(-2, 1, order)) + 1j * rng.uniform(0, 10, order)
    B, C = rng.standard_normal((2, order, 2)) @ [1, 1j]
    return Paired(A, B, C, np.asarray(direct), ONCE)


def sampled(seed: int, order: int) -> PairedRecurrence:
    """A random half spectrum within |z| < 0.9."""
    rng = np.random.default_rng(seed)
    A = 0.9 * rng.random(order) * np.exp(1j * np.pi * rng.random(order))
    B, C = rng.standard_normal((2, order, 2)) @ [1, 1j]
    return PairedRecurrence(A, B, C, np.asarray(rng.standard_normal()))


def one_mode(A: complex, w: complex) -> Paired:
    return Paired(np.array([A]), np.array([w + 0j]), np.ones(1) + 0j, NONE, ONCE)


def settled(form: Any) -> int:
    """The samples after which every mode of a discrete form has decayed to eps."""
    system = forms.inner(form)
    poles = np.linalg.eigvals(system.A) if forms.kind(form).matrix else system.A
    length = math.ceil(math.log(EPS) / math.log(np.max(np.abs(poles))))
    assume(length <= 1 << 17)
    return length


def size(form: Any) -> float:
    """sum |C B| / |Re A|, above every norm of a half spectrum and the scale of its rounding."""
    weights = 2 * np.abs(form.C * form.B)
    return float(np.sum(weights / np.abs(form.A.real)) + np.max(np.abs(form.D)))


def sampled_size(form: Any) -> float:
    """The same of a discrete half spectrum, measured through the bilinear map, which divides by
    1 + z.
    """
    weights = 2 * np.abs(form.C * form.B)
    total = np.sum(weights / (1 - np.abs(form.A))) + np.abs(form.D)
    return float(total / np.abs(1 + form.A).min())


def turns_before_decay(form: Any) -> float:
    """|A| / |Re A|, the periods over which errors of modes add up."""
    return float(np.max(np.abs(form.A)) / np.min(np.abs(form.A.real)))


@given(rates, turns, st.complex_numbers(max_magnitude=10))
def test_the_h2_norm_of_one_mode_is_known(rate, turn, w):
    """int (2 Re w e^{At})^2 dt = |w|^2/(-Re A) + Re(w^2/(-A))."""
    A = complex(-rate, turn)
    expected = abs(w) ** 2 / rate + (w**2 / -A).real
    assert abs(h2_norm(one_mode(A, w)) ** 2 - expected) <= 32 * EPS * abs(w) ** 2 / rate


def test_zeros_between_the_ends_of_a_cell_are_no_secret() -> None:
    """e^{-at} (1/2 + cos wt), two zeros a period, and a faint mode that makes cells of one period:
    at the ends of all of them the kernel is positive.
    """
    a = 1e-3
    A = np.array([-a, -a + 1j, -4 / math.pi])
    weights = np.array([0.25, 0.5, 1e-9]) + 0j
    form = forms.Paired(A, np.ones(3) + 0j, weights, np.asarray(0.0), np.asarray(1.0))

    def primitive(t: float) -> float:
        return float(np.real(np.exp(-a * t) / (-2 * a) + np.exp(A[1] * t) / A[1]))

    zeros = [0, 2 * math.pi / 3, 4 * math.pi / 3, 2 * math.pi]
    pieces = np.abs(np.diff([primitive(t) for t in zeros]))
    exact = float(np.sum(pieces)) / -math.expm1(-2 * math.pi * a)
    found = l1_norm(form)
    assert found.lower <= exact * (1 + 1e-9)
    assert exact <= found.upper * (1 + 1e-9)


@given(rates, st.floats(0.001, 100), st.sampled_from([1e-2, 1e-3, 1e-5]))
def test_the_l1_norm_of_a_damped_cosine_lies_between_its_bounds(rate, turn, tolerance):
    """int e^{-at} |cos wt| dt = (a + w/sinh(pi a/2w))/(a^2 + w^2)."""
    x = math.pi * rate / (2 * turn)
    expected = (rate + (turn / math.sinh(x) if x < 700 else 0.0)) / (rate**2 + turn**2)
    lower, upper, _ = l1_norm(one_mode(complex(-rate, turn), 0.5), tolerance=tolerance)
    few = 64 * EPS
    assert lower * (1 - few) <= expected <= upper * (1 + few)
    assert upper <= (1 + tolerance) * lower


@given(seeds, st.integers(1, 12))
def test_a_kernel_of_one_sign_has_the_l1_norm_of_its_gain_at_rest(seed, order):
    rng = np.random.default_rng(seed)
    A = -np.exp(rng.uniform(-4, 4, order)) + 0j
    form = Diagonal(A, rng.random(order) + 0j, rng.random(order) + 0j, NONE, ONCE)
    gain = float(transfer(form, np.zeros(1) + 0j)[0].real)
    lower, upper, _ = l1_norm(form)
    assert lower <= gain * (1 + 128 * order * EPS)
    assert gain <= upper <= (1 + L1) * lower
    norm = hinf_norm(form)
    assert norm.lower <= gain * (1 + 128 * order * EPS)
    assert gain <= norm.upper * (1 + 64 * order * EPS)


@given(seeds, st.integers(1, 8))
def test_the_l1_norm_lies_between_its_bounds(seed, order):
    form = paired(seed, order)
    points = 200_000  # of the trapezoidal rule, all of time in one interval, s = t/(1 + t)
    s = np.arange(1, points) / points
    t = s / (1 - s)
    slope = 1 / (1 - s) ** 2
    K = np.zeros(len(t))
    for A, w in zip(form.A, form.C * form.B, strict=True):
        K += 2 * (w * np.exp(A * t)).real
    ends = abs(2 * np.sum(form.C * form.B).real) / 2
    expected = (np.sum(np.abs(K) * slope) + ends) / points
    quadrature = (200 / points) ** 2 * size(form)  # K changes over 1/200 of the interval, or more
    tolerance = 1e-5
    lower, upper, _ = l1_norm(form, tolerance=tolerance)
    assert lower - quadrature <= expected <= upper + quadrature
    assert upper <= (1 + tolerance) * lower


@given(seeds, st.integers(1, 8), st.floats(-2, 2))
def test_norms_of_one_system_stand_in_order(seed, order, direct):
    form = paired(seed, order, direct=direct)
    rest = abs(transfer(form, np.zeros(1) + 0j)[0])
    norm = hinf_norm(form)
    bounds = l1_norm(form)
    slack = 1 + 64 * order * EPS
    assert rest <= norm.upper * slack
    assert norm.lower <= bounds.upper * slack
    hankel = hankel_singular_values(form)
    assert bounds.lower - abs(direct) <= 2 * np.sum(hankel) * slack  # Boyd & Doyle 1987
    assert bounds.upper <= size(form) * (1 + L1)
    assert math.isinf(h2_norm(form)) == (direct != 0)


@given(seeds, st.integers(1, 8))
def test_the_energy_of_a_recurrence_is_that_of_its_kernel(seed, order):
    form = sampled(seed, order)
    K = kernel(form, 600)
    slack = 64 * order * EPS * sampled_size(form)
    assert abs(h2_norm(form) - np.linalg.norm(K)) <= slack
    lower, upper, _ = l1_norm(form, tolerance=1e-9)
    assert lower - slack <= np.sum(np.abs(K)) <= upper + slack
    norm = hinf_norm(form)
    gains = np.abs(np.fft.rfft(K, 8192))
    assert gains.max() <= norm.upper + slack
    at = np.exp(-1j * norm.at * np.arange(len(K)))
    assert abs(abs(K @ at) - norm.lower) <= slack


@given(models(continuous_names, largest=8), st.sampled_from(["zoh", "foh", "bilinear", "impulse"]))
def test_a_sampled_model_has_the_norms_of_its_kernel(form, rule):
    form = form._replace(step=np.broadcast_to(0.1, np.shape(form.step)).copy())
    form = discretize.discretize(form, rule=rule)
    K = kernel(form, settled(form))
    found = h2_norm(form)
    ports = forms.kind(form).ports
    axes = (-3, -2, -1) if ports else -1
    scale = np.sum(np.abs(K), axis=axes)
    slack = 4096 * EPS * scale  # of a sum over some thousand samples
    assert np.all(np.abs(found - np.sqrt(np.sum(K**2, axis=axes))) <= slack)
    peaks = np.sum(np.abs(K), axis=-1)
    peaks = np.max(np.sum(peaks, axis=-1), axis=-1) if ports else peaks
    tolerance = 1e-6
    lower, upper, _ = l1_norm(form, tolerance=tolerance)
    assert np.all((lower - slack <= peaks) & (peaks <= upper + slack))
    assert np.all(upper <= (1 + tolerance) * lower + slack)


@given(seeds, orders)
def test_norms_of_matrices_are_those_of_slicot(seed, order):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((order, order))
    A = A - (np.linalg.eigvals(A).real.max() + 0.1 + rng.random()) * np.eye(order)
    form = Dense(A, rng.standard_normal(order), rng.standard_normal(order), NONE, ONCE)
    witness: Any = control.ss(A, form.B[:, None], form.C[None], 0)
    # The size of the Gramian of unit noise says how near A is to instability.
    X = scipy.linalg.solve_continuous_lyapunov(A, -np.eye(order))
    far = np.linalg.norm(X, 2) * np.linalg.norm(A, 2)
    energy = np.linalg.norm(form.B) * np.linalg.norm(form.C) * np.sqrt(np.linalg.norm(X, 2))
    error = abs(h2_norm(form) - control.norm(witness, 2))
    assert error <= 16 * order * EPS * far * energy
    norm = hinf_norm(form)
    peak = control.linfnorm(witness, tol=HINF / 1e4)[0]
    assert norm.lower * (1 - HINF) <= peak <= norm.upper * (1 + HINF)


@given(seeds, st.integers(1, 6))
def test_a_matrix_has_the_norms_of_its_modes(seed, order):
    form = paired(seed, order)
    matrix = forms.to_dense(form)
    rounding = 64 * order * EPS * size(form)
    assert abs(h2_norm(form) - h2_norm(matrix)) <= rounding
    modes = l1_norm(form)
    matrices = l1_norm(matrix)
    assert modes.lower <= matrices.upper
    assert matrices.lower <= modes.upper
    assert matrices.upper <= (1 + L1) * matrices.lower
    assert hinf_norm(form).lower == pytest.approx(hinf_norm(matrix).lower, rel=PEAK)
    assert h2_distance(form, matrix) <= rounding
    assert l1_distance(form, matrix).lower <= rounding * turns_before_decay(form)


@given(seeds, st.integers(1, 4))
def test_a_recurrence_of_matrices_has_the_norms_of_its_modes(seed, order):
    form = sampled(seed, order)
    A, B, C, D, _ = forms.to_dense(Paired(*form[:4], ONCE))
    matrix = DenseRecurrence(A, B, C, D)
    slack = 64 * order * EPS * sampled_size(form)
    assert abs(h2_norm(form) - h2_norm(matrix)) <= slack
    modes = l1_norm(form, tolerance=1e-6)
    matrices = l1_norm(matrix, tolerance=1e-6)
    assert max(modes.lower, matrices.lower) <= min(modes.upper, matrices.upper) + slack


@pytest.mark.parametrize("order", [1, 8, 24])
def test_legs_reads_white_noise_with_variance_one_half(order):
    legs = hippo.legs(order)
    for n in range(order):
        state = Dense(legs.A, legs.B, np.eye(order)[n], NONE, ONCE)
        assert abs(h2_norm(state) - math.sqrt(0.5)) <= 4 * order * EPS


@pytest.mark.parametrize("order", [1, 8, 24])
def test_the_mean_of_legs_has_the_l1_norm_one(order):
    legs = hippo.legs(order)
    mean = Dense(legs.A, legs.B, np.eye(order)[0], NONE, ONCE)  # K = e^{-t}
    tolerance = 1e-4
    lower, upper, _ = l1_norm(mean, tolerance=tolerance)
    assert lower <= 1 + 64 * order**2 * EPS
    assert 1 <= upper <= (1 + tolerance) * lower


@given(init_names, st.integers(1, 8), st.sampled_from([None, 2]))
def test_every_initialization_has_norms_and_two_have_distances(name, order, channels):
    if channels is None and "lru" in name:
        channels = 2
    form = init(name, order, channels=channels)
    norm = hinf_norm(form)
    bounds = l1_norm(form)
    for value in (h2_norm(form), *norm, *bounds[:2]):
        assert not np.any(np.isnan(value))
    assert np.all(bounds.lower <= bounds.upper)
    assert np.all(norm.lower <= norm.upper)
    assert np.all(np.isfinite(bounds.upper))
    inputs = form.D.shape[-1] if forms.kind(form).ports else 1
    most = bounds.upper * math.sqrt(inputs)  # |G|_2 <= sqrt(M) max_p sum_m |G_pm|, M = P
    assert np.all(norm.lower <= most * (1 + PEAK))
    distances = [h2_distance(form, form)]
    distances += [*hinf_distance(form, form)[:2], *l1_distance(form, form)[:2]]
    # Equal modes are added up before they cancel.
    repeated = name in ("linoss", "d-linoss", "mamba2", "rg-lru", "s4d-dfout-half")
    rounding = 16 * EPS * np.max(bounds.upper) if repeated else 0.0
    for distance in distances:
        assert np.all(distance <= rounding)


@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_a_distance_is_the_norm_of_the_difference(seed, order, other):
    first = paired(seed, order)
    second = paired(seed + 1, other)
    A = np.concatenate([first.A, second.A])
    B = np.concatenate([first.B, second.B])
    C = np.concatenate([first.C, -second.C])
    both = Paired(A, B, C, NONE, ONCE)
    rounding = 64 * (order + other) * EPS * (size(first) + size(second))
    assert abs(h2_distance(first, second) - h2_norm(both)) <= rounding
    distance = hinf_distance(first, second)
    norm = hinf_norm(both)
    assert max(distance.lower, norm.lower) <= min(distance.upper, norm.upper) + rounding
    apart = l1_distance(first, second)
    bounds = l1_norm(both)
    assert max(apart.lower, bounds.lower) <= min(apart.upper, bounds.upper)
    assert abs(h2_distance(first, second) - h2_distance(second, first)) <= rounding


@given(rates, st.floats(0.1, 100), st.floats(1e-12, 1e-3))
def test_close_modes_lose_no_digits_of_their_h2_distance(rate, turn, apart):
    """As the difference of two kernels in multiple precision."""
    A = complex(-rate, turn)
    other = A * (1 + apart)
    with mpmath.workdps(60):
        modes = [mpmath.mpc(a) for a in (A, A.conjugate(), other, other.conjugate())]
        terms = list(zip(modes, [1, 1, -1, -1], strict=True))
        square = -sum(v * w / (a + b) for a, v in terms for b, w in terms)
        expected = float(mpmath.sqrt(mpmath.re(square)))
    close = abs(other - A)  # as rounded: known to one part in |A| eps/|A - A'|
    condition = 1 + abs(A) / rate + abs(A) * EPS / close
    found = h2_distance(one_mode(A, 1), one_mode(other, 1))
    assert abs(found / expected - 1) <= 64 * EPS * condition


@given(seeds, st.integers(1, 8), st.floats(1e-12, 1))
def test_distances_in_b_lose_no_digits(seed, order, apart):
    form = paired(seed, order)
    change = form._replace(B=apart * form.C.conj())
    near = form._replace(B=form.B + change.B)
    change = form._replace(B=near.B - form.B)  # as rounded
    rounding = 64 * order * EPS * size(change)
    assert abs(h2_distance(near, form) - h2_norm(change)) <= rounding
    bounds = l1_norm(change)
    apart_by = l1_distance(near, form)
    products = 4 * EPS * size(form)  # C B is rounded before it is subtracted
    assert abs(bounds.lower - apart_by.lower) <= L1 * bounds.upper + rounding + products


@given(st.sampled_from(["s4d-legs", "lru", "ptd", "dlr", "s5", "s4"]), st.integers(1, 6))
def test_the_batch_is_a_loop(name, order):
    form = init(name, order, channels=2)
    if forms.kind(form).ports:
        form = form._replace(A=np.stack([form.A, form.A * 0.5]))
    whole = norms(form)
    for h in range(2):
        assert [float(values[h]) for values in whole] == norms(member(form, h))


def norms(form: Any) -> list[Any]:
    return [h2_norm(form), *hinf_norm(form), *l1_norm(form)[:2]]


def member(form: Any, h: int) -> Any:
    """Member h of a batch of two."""
    axes = forms.kind(form).axes
    fields = form._asdict()
    batched = [name for name, array in fields.items() if array.ndim > len(axes[name])]
    return form._replace(**{name: fields[name][h] for name in batched})


def test_several_inputs_and_outputs_add_up():
    """G = c b^T/(s + 1), b = (1, 2, 0), c = (1, -3)."""
    form = MIMO(
        A=np.array([-1 + 0j]),
        B=np.array([[1, 2, 0]]) + 0j,
        C=np.array([[1], [-3]]) / 2 + 0j,
        D=np.zeros((2, 3)),
        step=np.ones(1),
    )
    assert h2_norm(form) == pytest.approx(math.sqrt(5 * 10 / 2), rel=16 * EPS)
    assert hinf_norm(form).lower == pytest.approx(math.sqrt(50), rel=PEAK)
    lower, upper, _ = l1_norm(form, tolerance=1e-6)
    assert lower * (1 - 64 * EPS) <= 9 <= upper
    assert l1_norm(form._replace(D=np.ones((2, 3)))).upper == pytest.approx(12, rel=L1)


@given(seeds, st.integers(1, 6))
def test_a_whole_spectrum_has_the_norms_of_its_half(seed, order):
    form = paired(seed, order)
    whole = forms.unpair(form)
    rounding = 64 * order * EPS * size(form)
    assert abs(l1_norm(whole).lower - l1_norm(form).lower) <= rounding
    assert abs(h2_norm(whole) - h2_norm(form)) <= rounding


def test_a_difference_of_direct_paths_has_no_energy_that_is_finite():
    first = paired(1, 3, direct=1.0)
    second = paired(2, 3, direct=1.0)
    without = h2_distance(first._replace(D=NONE), second._replace(D=NONE))
    assert h2_distance(first, second) == without < math.inf
    assert h2_distance(first, second._replace(D=NONE)) == math.inf


def test_distances_broadcast():
    many = init("s4d-lin", 6, channels=3)
    single = init("ptd", 6)
    found = [h2_distance(many, single)]
    found += [*l1_distance(single, many)[:2], *hinf_distance(many, single)]
    assert [np.shape(values) for values in found] == 6 * [(3,)]


ONE = np.ones(1) + 0j
TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])
GROWING = {
    "growing": one_mode(0.1 + 1j, 1),
    "undamped": one_mode(2j, 1),
    "integrator": Diagonal(0 * ONE, ONE, ONE, NONE, ONCE),
    "undamped matrix": Dense(TURN, np.ones(2), np.ones(2), NONE, ONCE),
    "on the circle": Recurrence(-ONE, ONE, ONE, NONE),
    "outside the circle": DenseRecurrence(np.array([[1.5]]), np.ones(1), np.ones(1), NONE),
    "late": Delayed(Recurrence(ONE, ONE, ONE, NONE), NONE),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_is_not_stable_has_infinite_norms(name):
    form: Any = GROWING[name]
    assert h2_norm(form) == math.inf
    assert hinf_norm(form)[:2] == (math.inf, math.inf)
    assert l1_norm(form) == Bounds(math.inf, math.inf)
    assert h2_distance(form, form) == math.inf
    assert l1_distance(form, form).lower == math.inf
    assert hinf_distance(form, form).lower == math.inf


@pytest.mark.parametrize("factor", [0.0, 1e-200, 1e200])
def test_norms_scale_with_the_output(factor):
    form = paired(1, 4)
    loud = form._replace(C=factor * form.C)
    assert h2_norm(loud) == pytest.approx(factor * h2_norm(form), rel=64 * EPS)
    assert hinf_norm(loud).lower == pytest.approx(factor * hinf_norm(form).lower, rel=HINF)
    assert l1_norm(loud).upper == pytest.approx(factor * l1_norm(form).upper, rel=L1)


def test_norms_take_forms_of_every_library(carry):
    form = init("s4d-legs", 6, channels=2)
    there = carry(form)
    assert np.array_equal(h2_norm(there), h2_norm(form))
    for norm in (hinf_norm, l1_norm):
        assert np.array_equal(norm(there)[:2], norm(form)[:2])
    assert np.array_equal(hinf_norm(there).at, hinf_norm(form).at)


LEGS: Any = hippo.legs(3)
WRONG = {
    "no output": (TypeError, lambda: h2_norm(LEGS)),
    "two kinds of time": (ValueError, lambda: h2_distance(init("ptd", 4), init("dlr", 4))),
    "inputs that differ": (
        ValueError,
        lambda: l1_distance(init("s5", 4, channels=2), init("s5", 4, channels=3)),
    ),
    "batches that differ": (
        ValueError,
        lambda: hinf_distance(init("ptd", 4, channels=2), init("ptd", 4, channels=3)),
    ),
    "tolerance": (ValueError, lambda: l1_norm(init("ptd", 4), tolerance=0.0)),
    "tolerance of gains": (ValueError, lambda: hinf_norm(init("ptd", 4), tolerance=-1.0)),
    "empty batch": (ValueError, lambda: h2_norm(init("ptd", 4)._replace(D=np.zeros(0)))),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_has_no_norm_is_refused_in_one_sentence(case):
    kind, call = WRONG[case]
    with pytest.raises(kind) as error:
        call()
    assert SENTENCE.fullmatch(str(error.value))


MODES: Any = np.array([-1 + 2j, -3 - 1j]), np.array([1 + 1j, 2.0]), np.array([0.5, 1 - 1j])
IN_UNITS: dict[str, Any] = {
    "Dense": Dense(
        A=np.array([[-1.0, 2.0], [0.5, -3.0]]),
        B=np.array([1.0, 2.0]),
        C=np.array([0.5, 1.0]),
        D=NONE,
        step=ONCE,
    ),
    "Diagonal": Diagonal(*MODES, D=NONE, step=ONCE),
    "Paired": Paired(*MODES, D=NONE, step=ONCE),
}


@given(
    st.sampled_from(sorted(IN_UNITS)),
    st.integers(-400, 400),
    st.integers(-120, 120),
    st.integers(-120, 120),
)
def test_norms_follow_the_units_of_time_and_gain_wherever_they_are_doubles(
    kind: str, rate: int, drive: int, view: int
) -> None:
    one = IN_UNITS[kind]
    A = 4.0**rate * one.A
    B = 2.0**drive * one.B
    C = 2.0**view * one.C
    other = one._replace(A=A, B=B, C=C)
    gain = 2.0 ** (drive + view) * 4.0**-rate
    few = 16 * EPS
    assert h2_norm(other) == 2.0 ** (drive + view - rate) * h2_norm(one)
    silent = other._replace(C=0 * C)
    assert h2_distance(other, silent) == pytest.approx(h2_norm(other), rel=few)
    for norm in (hinf_norm, l1_norm):
        expected = [gain * bound for bound in norm(one)[:2]]
        assert norm(other)[:2] == pytest.approx(expected, rel=few)


def test_a_direct_path_far_above_or_below_the_rest_keeps_its_share() -> None:
    one = np.ones(1)
    for D in (1e-300, 1.0, 1e300):
        for b in (1e-200, 1.0, 1e140):
            norm = hinf_norm(Dense(-one[:, None], b * one, b * one, D, 1.0))
            assert norm.lower <= (D + b * b) * (1 + 8 * EPS)
            assert norm.upper >= (D + b * b) * (1 - 8 * EPS)


def test_a_mode_that_hardly_decays_has_its_norms() -> None:
    slow = Diagonal(-1e-300 * ONE, ONE, ONE, 0.0, 1.0)
    assert h2_norm(slow) == pytest.approx(math.sqrt(0.5) * 1e150, rel=16 * EPS)
    assert l1_norm(slow).lower <= 1e300 <= l1_norm(slow).upper < 1.01e300
    turning = l1_norm(slow._replace(A=-1e-300 + 1j * ONE))
    assert turning.lower < 2 / math.pi * 1e300 < turning.upper


@pytest.mark.parametrize("function", [h2_norm, hinf_norm, l1_norm, hankel_singular_values])
def test_values_of_other_libraries_are_looked_at_once_they_are_here(function: Any) -> None:
    form = forms.move(inits.s4d_lin_init(4), "torch")
    with pytest.raises(ValueError, match="must be finite") as error:
        function(form._replace(C=form.C * math.nan))
    assert SENTENCE.fullmatch(str(error.value))


LOUD = np.full(1, 1e200 + 0j)
APART = np.array([-1e-300 + 0j, -1e300])
BEYOND_UNITS = {
    "loud": Recurrence(ONE / 2, LOUD, LOUD, NONE),
    "slow beside fast": Diagonal(APART, np.ones(2) + 0j, np.ones(2) + 0j, NONE, ONCE),
}


@pytest.mark.parametrize("case", BEYOND_UNITS)
def test_what_no_unit_suits_is_refused(case: str) -> None:
    with pytest.raises(ValueError) as error:
        h2_norm(BEYOND_UNITS[case])
    assert SENTENCE.fullmatch(str(error.value))


def test_a_recurrence_beyond_all_squares_is_not_stable() -> None:
    A = 1e300 * np.array([[1.0, 2.0], [-2.0, 1.0]])
    system = DenseRecurrence(A, np.ones(2), np.full(2, 1e-10), NONE)
    assert h2_norm(system) == math.inf
    assert hinf_norm(system)[:2] == (math.inf, math.inf)


def _beside_an_idle_mode(undriven: bool, eigenvalue: complex) -> forms.Diagonal:
    """1/(s + 1) beside a mode that no input drives or no output reads."""
    B = np.array([1.0, 0.0 if undriven else 3.0])
    C = np.array([1.0, 3.0 if undriven else 0.0])
    return forms.Diagonal(np.array([-1.0, eigenvalue]), B, C, np.asarray(0.0), np.asarray(0.1))


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("undriven", [False, True])
@pytest.mark.parametrize("eigenvalue", [0.0, 2.0, 1j])
def test_what_is_not_driven_or_not_read_has_no_norm(
    dense: bool, undriven: bool, eigenvalue: complex
) -> None:
    form: Any = _beside_an_idle_mode(undriven, eigenvalue)
    form = forms.to_dense(form) if dense else form
    s = np.array([0.5j, complex(eigenvalue)])[: 2 if undriven or not dense else 1]
    assert np.max(np.abs(transfer(form, s) - 1 / (s + 1))) <= 8 * EPS
    assert abs(h2_norm(form) - math.sqrt(0.5)) <= 4 * EPS
    hinf = hinf_norm(form)
    assert 1 - 4 * EPS <= hinf.lower <= hinf.upper <= 1 + 2e-6
    l1 = l1_norm(form)
    assert l1.lower <= 1 <= l1.upper <= 1.0011 * l1.lower
    hankel = hankel_singular_values(form)
    assert abs(hankel[0] - 0.5) <= 4 * EPS
    assert np.max(hankel[1:]) <= 4 * EPS
    reduced = reduce.balanced(form, order=1, relative=False)
    assert hinf_distance(form, reduced.form).lower <= 16 * EPS + reduced.upper


def test_the_sine_of_frequency_zero_is_no_part_of_a_fourier_window() -> None:
    form = forms.to_dense(hippo.fout(8))
    assert abs(transfer(form, np.zeros(1) + 0j)[0] - 1) <= 16 * EPS
    norm = hinf_norm(form)
    assert 1 - 16 * EPS <= norm.lower <= norm.upper <= 1 + 2e-6
    assert math.isfinite(h2_norm(form))


def test_a_system_without_effect_has_norm_zero() -> None:
    one = np.ones(1)
    still = forms.Diagonal(one, one, 0 * one, np.asarray(0.0), np.asarray(1.0))
    assert h2_norm(still) == hinf_norm(still).upper == 0
    assert l1_norm(still).upper == 0
