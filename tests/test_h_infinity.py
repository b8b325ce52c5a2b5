"""H-infinity norms lie between the bounds, and the bounds lie close together."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, orders, seeds, taus

from ssmlinalg import hippo
from ssmlinalg.forms import NPLR
from ssmlinalg.matrices import Bounds, h_infinity, hinf, hinf_distance
from ssmlinalg.matrices.frequency_gain import Peaks

TIGHT = 2e-6  # twice the default tolerance
ROOT = EPS**0.5  # to which a gain that is nothing but cancellation is certified
widths = st.integers(1, 3)

Model = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def system(
    seed: int, order: int, inputs: int, outputs: int, *, direct: bool = True, imag: bool = False
) -> Model:
    """A random (A, B, C, D) whose rightmost eigenvalue is 0.05 to 1.05 from the axis."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if imag else 0)

    A = draw(order, order)
    A = A - (np.linalg.eigvals(A).real.max() + 0.05 + rng.random()) * np.eye(order)
    return A, draw(order, inputs), draw(outputs, order), draw(outputs, inputs) * direct


def gains(A: np.ndarray, B: np.ndarray, C: np.ndarray, D: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The largest singular value at each w, by dense solves."""
    X = np.linalg.solve(1j * w[:, None, None] * np.eye(len(A)) - A, B + 0j)
    return np.linalg.norm(C @ X + D, 2, axis=(1, 2))


def search(size: Callable[[np.ndarray], np.ndarray], w: np.ndarray) -> float:
    """The largest value of a function of frequency: a grid, then ever finer ones around its five
    highest peaks.
    """
    found = size(w)
    best = float(found.max())
    around = np.pad(found, 1, constant_values=-np.inf)
    tops = np.flatnonzero((found >= around[:-2]) & (found >= around[2:]))
    for top in tops[np.argsort(-found[tops])[:5]]:
        left = w[max(top - 1, 0)]
        right = w[min(top + 1, len(w) - 1)]
        for _ in range(12):
            near = np.linspace(left, right, 17)
            found = size(near)
            peak = int(np.argmax(found))
            best = max(best, float(found.max()))
            left = near[max(peak - 1, 0)]
            right = near[min(peak + 1, 16)]
    return best


def slack(A: np.ndarray, B: np.ndarray, C: np.ndarray, D: np.ndarray, w: float) -> float:
    """N eps times the sizes of the terms of the gain at w, the first of them a backward error of
    size |A|.
    """
    R = np.linalg.inv(1j * w * np.eye(len(A)) - A)
    CR = np.linalg.norm(C @ R, 2)
    RB = np.linalg.norm(R @ B, 2)
    of_A = np.linalg.norm(A) * CR * RB
    of_B = np.linalg.norm(B) * CR
    of_C = np.linalg.norm(C) * RB
    return len(A) * EPS * float(of_A + of_B + of_C + np.linalg.norm(D))


def assert_brackets(
    found: Bounds, exact: float, *, rounding: float = 64 * EPS, tight: float = TIGHT
) -> None:
    assert found.lower <= exact * (1 + rounding)
    assert exact <= found.upper * (1 + rounding)
    assert found.upper <= found.lower * (1 + tight)


def lossless_error(order: int, tau: float) -> float:
    """The error of perturbing HiPPO-LegS by tau P P^T, in closed form.

    sup |t Phi/(1 - t + t Phi)| sqrt(1 - |Phi|^2), t = tau/2.
    """

    def error(w: np.ndarray) -> np.ndarray:
        k = np.arange(1, order + 1)[:, None]
        Phi = np.prod((1j * w - k + 1) / (1j * w + k), axis=0)
        # 1 - |Phi|^2 without cancellation.
        left = -np.expm1(np.sum(np.log1p(-(2 * k - 1) / (w**2 + k**2)), axis=0))
        relative = tau / 2 * Phi / (1 - tau / 2 + tau / 2 * Phi)
        return np.abs(relative) * np.sqrt(left)

    return search(error, np.geomspace(1e-3, 10 * order**2, 4000))


def perturbed(order: int, tau: float) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    A, B, P = hippo.legs(order)
    return [(A, B, np.eye(order)), (A + tau * P @ P.T, (1 - tau / 2) * B, np.eye(order))]


@given(st.integers(1, 64), taus)
def test_the_distance_of_a_perturbed_legs_is_the_closed_form(order: int, tau: float) -> None:
    assume(tau < 0.9)
    exact = lossless_error(order, tau)
    assert_brackets(
        hinf_distance(*perturbed(order, tau)), exact, rounding=64 * EPS * order**2 / tau
    )


@pytest.mark.parametrize(("order", "tau"), [(128, 0.3), (256, 0.2)])
def test_the_distance_is_certified_where_legs_is_far_from_normal(order: int, tau: float) -> None:
    assert_brackets(
        hinf_distance(*perturbed(order, tau)),
        lossless_error(order, tau),
        rounding=64 * EPS * order**2 / tau,
    )


@given(seeds, st.integers(2, 32), taus)
def test_the_distance_does_not_depend_on_the_basis_of_one_system(
    seed: int, order: int, tau: float
) -> None:
    assume(tau < 0.9)
    first, (A, B, C) = perturbed(order, tau)
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((order, order)))[0]
    assert_brackets(
        hinf_distance(first, (Q @ A @ Q.T, Q @ B, C @ Q.T)),
        lossless_error(order, tau),
        rounding=64 * EPS * order**2 / tau,
    )


@pytest.mark.parametrize("tau", [1e-4, 1e-8, 1e-12])
def test_close_neighbours_lose_no_digits(tau: float) -> None:
    (A, B, C), (A2, B2, C2) = perturbed(8, tau)
    found = hinf_distance((A, B, C), (A2, B2, C2))
    with mpmath.workdps(50):
        s = mpmath.mpc(0, found.at)
        x, y = (
            mpmath.lu_solve(s * mpmath.eye(8) - mpmath.matrix(M), mpmath.matrix(v))
            for M, v in ((A, B), (A2, B2))
        )
        exact = float(mpmath.norm(x - y))
    assert found.lower == pytest.approx(exact, rel=64 * EPS * 8**2)
    assert found.upper <= found.lower * (1 + TIGHT)


@given(st.floats(-12, 12))
def test_a_first_order_lag_has_its_gain_at_zero(exponent: float) -> None:
    rate = 10.0**exponent
    found = hinf(np.array([[-rate]]), np.array([1.0]), np.array([2.0]))
    assert_brackets(found, 2 / rate)
    # Up to there the gain is that at 0 but for its last digit.
    assert abs(found.at) <= math.sqrt(EPS) * rate


@given(st.floats(-7, -0.5), st.floats(-6, 6))
def test_a_resonance_has_the_known_peak(exponent: float, speed: float) -> None:
    zeta = 10.0**exponent
    w = 10.0**speed
    A = np.array([[0.0, w], [-w, -2 * zeta * w]])
    found = hinf(A, np.array([0.0, w]), np.array([1.0, 0.0]))
    assert_brackets(found, 1 / (2 * zeta * math.sqrt(1 - zeta**2)), rounding=64 * EPS / zeta)
    # A gain within TIGHT of the largest is found within sqrt(TIGHT) of the width of the peak.
    near = 4 * math.sqrt(TIGHT) * zeta * w + 64 * EPS * w
    assert abs(found.at - w * math.sqrt(1 - 2 * zeta**2)) <= near


@given(seeds, orders, widths, st.booleans())
def test_all_pass_systems_have_norm_one(seed: int, order: int, width: int, imag: bool) -> None:
    """A + A^H = -B B^H makes I - B^H (s - A)^{-1} B unitary on the whole axis: every frequency is
    on the level set.
    """
    rng = np.random.default_rng(seed)
    S = rng.standard_normal((order, order)) + 1j * imag * rng.standard_normal((order, order))
    B = rng.standard_normal((order, width)) + (
        1j * rng.standard_normal((order, width)) if imag else 0
    )
    A = (S if imag else S.real) / 2
    A = A - A.conj().T - B @ B.conj().T / 2
    assume(np.linalg.eigvals(A).real.max() < -1e-2)
    found = hinf(A, B, -B.conj().T, np.eye(width))
    rounding = slack(A, B, B.conj().T, np.eye(width), min(found.at, 1e6))
    assert found.lower == pytest.approx(1, abs=64 * rounding)
    assert 1 <= found.upper <= 1 + 2.0**16 * ROOT


@pytest.mark.parametrize("measure", [hippo.lagt, hippo.tlagt])
def test_all_pass_chains_have_norm_one(measure: Callable[[int], NPLR]) -> None:
    A, _, P = measure(32)
    sigma = (A + A.T + 2 * P @ P.T)[0, 0] / 2
    found = hinf(A - sigma * np.eye(32), P[:, 0], -2 * P[:, 0], 1.0)
    assert_brackets(found, 1.0, rounding=64 * EPS * 32, tight=2.0**12 * ROOT)


@given(seeds, st.integers(0, 4), st.integers(0, 4))
def test_a_static_gain_is_its_largest_singular_value(seed: int, outputs: int, inputs: int) -> None:
    D = np.random.default_rng(seed).standard_normal((outputs, inputs))
    exact = float(np.linalg.norm(D, 2)) if D.size else 0.0
    assert_brackets(hinf(np.zeros((0, 0)), np.zeros((0, inputs)), np.zeros((outputs, 0)), D), exact)
    assert_brackets(hinf(-np.eye(2), np.zeros((2, inputs)), np.ones((outputs, 2)), D), exact)


def test_a_gain_reached_at_infinity_only_is_found_there() -> None:
    assert hinf(-np.eye(1), np.ones(1), -np.ones(1), 1.0).at == math.inf  # s/(s + 1)


@given(st.integers(1, 16), st.floats(-6, 6))
def test_repeated_poles_are_no_obstacle(order: int, speed: float) -> None:
    """1/(s + 1)^N is a Jordan block; so flat a peak has N pairs of eigenvalues of H around it."""
    rate = 10.0**speed
    A = rate * (np.diag(np.ones(order - 1), 1) - np.eye(order))
    assert_brackets(hinf(A, rate * np.eye(order)[-1], np.eye(order)[0]), 1.0)


@pytest.mark.parametrize("depth", [1e-6, 1e-8, 1e-10])
def test_poles_near_the_axis_are_seen(depth: float) -> None:
    """A peak of height 1 + 1/(depth + 2) and width `depth` beside a broad lag of gain 1/2, and
    rounding of the pole itself.
    """
    pole = -depth + 1j
    A = np.array([[pole.real, pole.imag, 0], [-pole.imag, pole.real, 0], [0, 0, -2.0]])
    B = np.array([math.sqrt(2 * depth), 0, 1.0])
    found = hinf(A, B, B)

    def gain(w: np.ndarray) -> np.ndarray:
        s = 1j * w
        resonance = 2 * depth * (s + depth) / ((s - pole) * (s - pole.conjugate()))
        return np.abs(resonance + 1 / (s + 2))

    exact = search(gain, 1 + depth * np.linspace(-3, 3, 1001))
    tight = max(TIGHT, 400 * EPS / depth)
    assert_brackets(found, exact, rounding=64 * EPS / depth, tight=tight)


def test_scales_far_apart_are_bracketed() -> None:
    rate = 10.0 ** np.arange(-6, 7)
    spread = rate[-1] / rate[0]
    assert_brackets(hinf(-np.diag(rate), np.ones(13), rate), 13.0, tight=32 * EPS * spread)
    assert_brackets(hinf(-np.diag(rate[3:-3]), np.ones(7), rate[3:-3]), 7.0)


@given(seeds, orders, widths, widths, st.booleans(), st.booleans())
def test_no_gain_exceeds_the_upper_bound_and_the_lower_one_is_attained(
    seed: int, order: int, inputs: int, outputs: int, direct: bool, imag: bool
) -> None:
    model = system(seed, order, inputs, outputs, direct=direct, imag=imag)
    found = hinf(*model)
    poles = np.linalg.eigvals(model[0])
    beside = np.abs(poles.real[:, None]) * np.tan(np.linspace(-1.55, 1.55, 101))
    w = (poles.imag[:, None] + beside).ravel()
    w = np.unique(np.concatenate([w, np.linspace(w.min(), w.max(), 500)]))
    assert search(lambda w: gains(*model, w), w) <= found.upper
    assert np.linalg.norm(model[3], 2) <= found.upper
    assert found.upper <= found.lower * (1 + TIGHT)
    if math.isfinite(found.at):
        attained = gains(*model, np.array([found.at]))[0]
        assert abs(attained - found.lower) <= 4 * slack(*model, found.at)
    assert imag or found.at >= 0


@given(seeds, orders, widths, st.integers(-40, 40))
def test_faster_time_moves_the_peak_and_keeps_its_height(
    seed: int, order: int, width: int, power: int
) -> None:
    A, B, C, D = system(seed, order, width, 2)
    slow = hinf(A, B, C, D)
    fast = hinf(2.0**power * A, 2.0**power * B, C, D)
    assert fast == slow._replace(at=2.0**power * slow.at)  # powers of two: to the last bit


@given(seeds, orders, widths, st.integers(-400, 400), st.integers(-400, 400))
def test_the_norm_scales_with_inputs_and_outputs(
    seed: int, order: int, width: int, one: int, other: int
) -> None:
    A, B, C, D = system(seed, order, width, 2, direct=False)
    plain = hinf(A, B, C, D)
    scaled = hinf(A, 2.0**one * B, 2.0**other * C, D)
    assert scaled[:2] == (2.0 ** (one + other) * plain.lower, 2.0 ** (one + other) * plain.upper)


@given(seeds, orders, widths, widths, st.booleans())
def test_a_system_and_its_dual_have_one_norm(
    seed: int, order: int, inputs: int, outputs: int, imag: bool
) -> None:
    A, B, C, D = system(seed, order, inputs, outputs, imag=imag)
    found = hinf(A, B, C, D)
    dual = hinf(A.T, C.T, B.T, D.T)
    assert dual.lower <= found.upper
    assert found.lower <= dual.upper


@given(seeds, orders, widths, widths, st.booleans())
def test_rotated_states_inputs_and_outputs_have_one_norm(
    seed: int, order: int, inputs: int, outputs: int, imag: bool
) -> None:
    A, B, C, D = system(seed, order, inputs, outputs, imag=imag)
    rng = np.random.default_rng(seed)
    Q, U, V = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (order, inputs, outputs))
    found = hinf(A, B, C, D)
    turned = hinf(Q @ A @ Q.T, Q @ B @ U, V @ C @ Q.T, V @ D @ U)
    assert turned.lower <= found.upper
    assert found.lower <= turned.upper


@given(seeds, orders, st.floats(-5, 5))
def test_complex_systems_peak_on_either_side(seed: int, order: int, shift: float) -> None:
    A, B, C, D = system(seed, order, 1, 2, imag=True)
    found = hinf(A, B, C, D)
    mirrored = hinf(A.conj(), B.conj(), C.conj(), D.conj())
    moved = hinf(A + 1j * shift * np.eye(order), B, C, D)
    for other, frequency in ((mirrored, -found.at), (moved, found.at + shift)):
        assert other.lower <= found.upper
        assert found.lower <= other.upper
        if math.isfinite(frequency):  # another peak may be as high to the digits of the bounds
            own = (A + 1j * shift * np.eye(order), B, C, D)
            if other is mirrored:
                own = (A.conj(), B.conj(), C.conj(), D.conj())
            assert gains(*own, np.array([frequency]))[0] <= other.upper


@given(seeds, st.integers(1, 8), st.integers(20, 40))
def test_many_outputs_or_inputs_are_few_after_a_rotation(seed: int, order: int, many: int) -> None:
    A, B, C, D = system(seed, order, 2, many)
    w = np.linspace(-20, 20, 400)
    found = hinf(A, B, C, D)
    assert gains(A, B, C, D, w).max() <= found.upper
    assert hinf(A.T, C.T, B.T, D.T).lower <= found.upper
    assert abs(found.lower / hinf(A.T, C.T, B.T, D.T).lower - 1) <= TIGHT


@given(seeds, orders, orders, widths, widths)
def test_the_distance_is_the_norm_of_the_difference(
    seed: int, one: int, two: int, inputs: int, outputs: int
) -> None:
    first = system(seed, one, inputs, outputs)
    second = system(seed + 1, two, inputs, outputs)
    found = hinf_distance(first, second)
    back = hinf_distance(second, first)
    Z = np.zeros((one, two))
    A = np.block([[first[0], Z], [Z.T, second[0]]])
    B = np.concatenate([first[1], second[1]])
    C = np.concatenate([first[2], -second[2]], axis=1)
    joint = hinf(A, B, C, first[3] - second[3])
    for other in (back, joint):
        assert other.lower <= found.upper
        assert found.lower <= other.upper
    assert found.lower <= hinf(*first).upper + hinf(*second).upper


@given(seeds, orders, widths, widths, st.booleans())
def test_a_system_has_no_distance_from_itself(
    seed: int, order: int, inputs: int, outputs: int, imag: bool
) -> None:
    model = system(seed, order, inputs, outputs, imag=imag)
    assert hinf_distance(model, model) == (0.0, 0.0, 0.0)


@given(seeds, orders)
def test_a_system_is_hardly_away_from_itself_in_another_basis(seed: int, order: int) -> None:
    """All is cancellation here: what can be certified is the square root of rounding."""
    A, B, C, D = system(seed, order, 1, 1)
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((order, order)))[0]
    found = hinf_distance((A, B, C, D), (Q @ A @ Q.T, Q @ B, C @ Q.T, D))
    there = found.at if found.at < 1e6 else 0.0
    assert found.lower <= 16 * (slack(A, B, C, D, 0.0) + slack(A, B, C, D, there))
    assert found.lower <= found.upper <= 2.0**16 * ROOT * hinf(A, B, C, D).upper


def test_exact_cancellation_is_certified_to_the_square_root_of_rounding() -> None:
    found = hinf(-np.eye(2), np.ones(2), np.array([1.0, -1.0]))
    assert found.lower == 0
    assert found.upper <= 64 * ROOT


@given(seeds, st.integers(1, 8), st.booleans(), st.booleans())
def test_an_undamped_mode_makes_the_norm_infinite_if_it_has_a_part(
    seed: int, order: int, driven: bool, read: bool
) -> None:
    A, B, C, D = system(seed, order, 1, 1)
    Z = np.zeros((order, 2))
    A = np.block([[A, Z], [Z.T, np.array([[0.0, 3.0], [-3.0, 0.0]])]])
    found = hinf(A, np.append(B[:, 0], [driven, 0]), np.append(C[0], [read, 0.0]), D)
    if not (driven and read):
        assert found == hinf(A[:-2, :-2], B, C, D)
        return
    assert found[:2] == (math.inf, math.inf)
    assert found.at == pytest.approx(3, rel=64 * EPS)


def test_an_integrator_is_undamped() -> None:
    assert hinf(np.zeros((1, 1)), np.ones(1), np.ones(1)) == (math.inf, math.inf, 0.0)
    assert hinf(np.array([[1 - 2j]]), np.ones(1) + 0j, np.ones(1) + 0j) == (
        math.inf,
        math.inf,
        -2.0,
    )


def test_single_precision_is_worked_on_in_double() -> None:
    single = [X.astype(np.float32) for X in system(0, 5, 2, 2)]
    assert hinf(*single) == hinf(*(X.astype(float) for X in single))


@given(seeds, st.integers(1, 6), widths, widths, st.sampled_from([3, 30, 300]))
def test_finite_input_never_makes_nan(
    seed: int, order: int, inputs: int, outputs: int, span: int
) -> None:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        sign = rng.choice([-1, 0, 1], shape, p=[0.3, 0.3, 0.4])
        return sign * 10.0 ** rng.uniform(-span, span, shape)

    A = np.tril(draw(order, order), -1) - np.diag(10.0 ** rng.uniform(-span / 10, span, order))
    found = hinf(A, draw(order, inputs), draw(outputs, order), draw(outputs, inputs))
    assert 0 <= found.lower <= found.upper  # NaN compares false
    assert found.at >= 0


@pytest.mark.parametrize("seed", [1615, 1751, 3267])
def test_states_on_no_loop_are_not_balanced_beyond_the_range_of_floats(seed: int) -> None:
    """Sparse chains, found by search, whose balancing goes on as long as LAPACK lets it."""
    rng = np.random.default_rng(seed)
    rng.integers(2, 7)

    def draw(*shape: int) -> np.ndarray:
        sign = rng.choice([-1, 0, 1], shape, p=[0.1, 0.7, 0.2])
        return sign * 10.0 ** rng.uniform(-300, 300, shape)

    A = np.tril(draw(6, 6), -1)
    A = A - np.diag(10.0 ** rng.uniform(-30, 300, 6))
    found = hinf(A, draw(6, 1), draw(1, 6))
    assert 0 <= found.lower <= found.upper


@pytest.mark.parametrize("rounding", [1e-5, 1e-3])
def test_the_bounds_hold_for_an_eigensolver_as_bad_as_assumed(
    rounding: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E of the size allowed for, in random directions, and no search for peaks: the upper bound
    covers what is missed.
    """
    eigvals = np.linalg.eigvals
    tolerance = 1e-9
    missed = 0.0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        model = system(seed, 6, 2, 1, direct=seed % 2 == 0)
        poles = eigvals(model[0])
        w = np.abs(poles.imag + poles.real * np.linspace(-3, 3, 400)[:, None]).ravel()
        w = np.unique(np.append(w, np.linspace(0, 30, 2000)))
        exact = max(gains(*model, w).max(), np.linalg.norm(model[3], 2))

        def highest(_: object, w: np.ndarray, found: np.ndarray) -> Peaks:
            return Peaks(w[[np.argmax(found)]], np.max(found, keepdims=True))

        def wrong(H: np.ndarray, rng: np.random.Generator = rng) -> np.ndarray:
            E = np.outer(*rng.standard_normal((2, len(H))))
            size = rounding * np.linalg.norm(H) / np.linalg.norm(E, 2)
            return eigvals(H + size * E)

        with monkeypatch.context() as patch:
            patch.setattr(h_infinity, "eigenvalue_rounding", lambda order: rounding)
            patch.setattr(np.linalg, "eigvals", wrong)
            patch.setattr(h_infinity, "climbed", highest)
            found = hinf(*model, tolerance=tolerance)
        assert exact <= found.upper
        missed = max(missed, 1 - found.lower / exact)
    assert missed > tolerance / 2  # or nothing was put to the test


def test_python_control_finds_what_is_bracketed() -> None:
    control = pytest.importorskip("control")
    pytest.importorskip("slycot")
    accuracy = 1e-10
    allowed = 10 * accuracy
    for seed in range(12):
        model = system(seed, 1 + seed, 1 + seed % 3, 1 + seed % 2, direct=seed % 5 > 0)
        found = hinf(*model)
        norm, _ = control.linfnorm(control.ss(*model), tol=accuracy)
        assert found.lower * (1 - allowed) <= norm <= found.upper * (1 + allowed)


A = -np.eye(3)
B = np.ones(3)
C = np.ones((2, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((A[:2], B, C), r"`A` must have shape \(N, N\); got \(2, 3\)"),
        ((B, B, C), r"`A` must have shape \(N, N\); got \(3,\)"),
        ((A, B[:2], C), r"`B` must have shape .* N = 3 from `A`; got \(2,\)"),
        ((A, B, C.T), r"`C` must have shape .* N = 3 from `A`; got \(3, 2\)"),
        (
            (A, B, C, np.eye(2)),
            r"`D` must have shape \(P, M\) with P = 2 from `C` and M = 1 from `B`; got \(2, 2\)",
        ),
        ((A, B, C, 1.0), r"`D` must have shape .*; got \(\)"),
        ((A * np.nan, B, C), "`A` must be finite; got nan"),
        ((A, B * np.inf, C), "`B` must be finite; got inf"),
        ((A, B, C, np.array([[np.nan], [0]])), "`D` must be finite; got nan"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hinf(*arguments)
    with pytest.raises(ValueError, match=message):
        hinf_distance((A, B, C), arguments)


def test_other_mistakes_are_refused() -> None:
    for tolerance in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="`tolerance` must be a finite number above 0"):
            hinf(A, B, C, tolerance=tolerance)
    with pytest.raises(TypeError, match=r"`A` must hold integers .*; got NoneType"):
        hinf(None, B, C)
    with pytest.raises(TypeError, match="at most double precision; got object"):
        hinf(A.astype(object), B, C)
    with pytest.raises(ValueError, match=r"as many inputs and outputs; got \(1, 2\) and \(1, 3\)"):
        hinf_distance((A, B, C), (A, B, np.eye(3)))
    with pytest.raises(
        TypeError, match=r"`second` must be a tuple \(A, B, C\) or \(A, B, C, D\); got 2 entries"
    ):
        hinf_distance((A, B, C), (A, B))
