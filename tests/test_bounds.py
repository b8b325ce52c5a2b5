"""Bounds from both sides: nearly attained somewhere, and wrong somewhere once a term is dropped.

Allowances likewise: a quarter of one passes, and four times as much is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from gallery import grcar, jordan, rotated, shear, unitary
from strategies import EPS

from ssmlinalg import discretize, forms, inits, kernel, kernels, scan, testing
from ssmlinalg.forms import Delayed, Dense, DenseRecurrence, Diagonal, Paired, Recurrence
from ssmlinalg.matrices import (
    departure,
    hinf,
    kreiss,
    pseudospectra,
    transient_growth,
    vertical_search,
)
from ssmlinalg.matrices.eigen import eigenvalue_rounding
from ssmlinalg.matrices.frequency_gain import Matrices, climbed, gains, prepared
from ssmlinalg.matrices.frequency_supremum import supremum
from ssmlinalg.systems import h2_norm, l1_norm
from ssmlinalg.systems.absolute_integral import Cells, ModalResponse, ModalSequence, measured
from ssmlinalg.verification import LAWS, laws, sampled_model
from ssmlinalg.verification.kernel_bounds import radius_bound, size, tail_bound

NONE = np.asarray(0.0)
ONCE = np.asarray(1.0)
one = np.ones(1) + 0j


# The integral of |K|


def dipping(a: float, dip: float) -> tuple[Diagonal, float]:
    """K = e^{-at} (1 - (1 + dip) cos t), which dips below zero around t = 2 pi k, and its L1 norm.

    Nearly all of its curvature is that of the mode -a + i.
    """
    modes = np.array([-a, -a + 1j])
    weights = np.array([1, -(1 + dip)]) + 0j

    def antiderivative(t: float) -> float:
        wave = (math.sin(t) - a * math.cos(t)) / (a * a + 1)
        return -math.exp(-a * t) * (1 / a + (1 + dip) * wave)

    half = math.acos(1 / (1 + dip))
    below = antiderivative(half) - antiderivative(0.0)
    for k in range(1, math.ceil(45 / (2 * math.pi * a))):
        crest = 2 * math.pi * k
        below += antiderivative(crest + half) - antiderivative(crest - half)
    form = Diagonal(modes, np.ones(2) + 0j, weights, NONE, ONCE)
    return form, -antiderivative(0.0) - 2 * below


@pytest.mark.parametrize("dip", [0.003, 0.01, 0.02])
@pytest.mark.parametrize("a", [0.05, 0.1, 0.2])
def test_no_cell_hides_a_dip_from_the_l1_norm(a: float, dip: float) -> None:
    form, expected = dipping(a, dip)
    slack = 64 * EPS / a
    for system in (form, forms.to_dense(form)):
        lower, upper, _ = l1_norm(system, tolerance=1e-3)
        assert lower <= expected * (1 + slack)
        assert expected <= upper * (1 + slack)


class Arch(NamedTuple):
    """K'' = -1 and K = 0 at the ends of every cell: nothing is farther from its chord."""

    start: np.ndarray = np.ones(1)
    speed: float = 1.0

    def cells(self, width: float) -> Cells:
        integrals = np.full((1, 64), width**3 / 12)
        return Cells(np.zeros((1, 65)), integrals, halfway=lambda states: states)

    def curvature(self, states: np.ndarray, width: float) -> np.ndarray:
        return np.ones((len(states), 64))

    def rounding(self, states: np.ndarray, until: np.ndarray) -> np.ndarray:
        return np.zeros(len(states))

    def rest(self, states: np.ndarray) -> np.ndarray:
        return np.zeros(len(states))


@pytest.mark.parametrize("width", [0.25, 1.0, 3.0])
def test_an_arch_over_every_cell_attains_the_bound_of_its_integral(width: float) -> None:
    arch: Any = Arch()
    at = np.zeros(1)
    panels = measured(arch, arch.cells, at + width, at, arch.start[None])
    assert panels.upper[0] == pytest.approx(64 * width**3 / 12, rel=64 * EPS)


def test_what_is_left_of_one_sign_attains_its_bound() -> None:
    """K = e^{-at} of a mode and of -a I; K_l = r^l."""
    a = 0.25
    state = np.array([[2.0 + 0j]])
    assert ModalResponse(-a * one, 2 * one).rest(state)[0] == pytest.approx(2 / a, rel=4 * EPS)
    assert ModalSequence(0.75 * one, 2 * one).rest(state[0]) == pytest.approx(2 / a, rel=4 * EPS)
    matrix = Dense(-a * np.eye(2), np.array([1.0, 0]), np.array([1.0, 0]), NONE, ONCE)
    short = l1_norm(matrix, tolerance=0.5)
    assert 1 / a <= short.upper
    for form in (
        Recurrence(0.999 * one, one, one, NONE),
        DenseRecurrence(0.999 * np.eye(2), np.array([1.0, 0]), np.array([1.0, 0]), NONE),
    ):
        lower, upper, _ = l1_norm(form, tolerance=0.5)
        assert lower <= 1000 * (1 + 64 * EPS)
        assert upper * (1 + 64 * EPS) >= 1000


@pytest.mark.parametrize("matrix", [False, True])
def test_bounds_of_sums_of_samples_hold_their_rounding(matrix: bool) -> None:
    """sum r^l = 1/(1 - r), exactly; both bounds at once where all the rest is below rounding."""
    for r in np.random.default_rng(0).uniform(0.5, 0.99, 24):
        form = Recurrence(np.array([r + 0j]), one, one, NONE)
        if matrix:
            form = DenseRecurrence(np.array([[r]]), np.ones(1), np.ones(1), NONE)
        found = l1_norm(form, tolerance=1e-18)
        assert Fraction(found.lower) <= 1 / (1 - Fraction(r)) <= Fraction(found.upper)
        assert found.upper - found.lower <= 512 * EPS / (1 - r) ** 2


@pytest.mark.parametrize("matrix", [False, True])
def test_bounds_of_integrals_hold_their_rounding(matrix: bool) -> None:
    """int e^{-at} dt = 1/a, exactly."""
    for a in np.random.default_rng(0).uniform(0.5, 2, 24):
        form = Diagonal(np.array([-a + 0j]), one, one, NONE, ONCE)
        if matrix:
            form = Dense(np.array([[-a]]), np.ones(1), np.ones(1), NONE, ONCE)
        found = l1_norm(form, tolerance=1e-18)
        assert Fraction(found.lower) <= 1 / Fraction(a) <= Fraction(found.upper)
        assert found.upper - found.lower <= 2**14 * EPS / a


# Matrices


@pytest.mark.parametrize("part", [0.01, 0.99])
def test_a_valley_as_deep_as_may_be_missed_is_above_the_bound(
    part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Candidates meet every valley deeper than `depth` below the level; those meet no other."""
    tolerance = 1e-2
    missed: list[float] = []

    def shallow(A: Any, x: float, level: float, depth: float) -> np.ndarray:
        missed.append(level - part * depth)
        return np.array([0.0])

    monkeypatch.setattr(vertical_search, "candidates", shallow)
    line = vertical_search.search_line(np.diag([-1.0, -2.0]), 1.0, np.zeros(1), tolerance)
    assert line.lower <= missed[-1] <= line.lower * (1 + tolerance)


def kreiss_in_digits(A: np.ndarray, z: complex) -> float:
    """Re z |(z - A)^{-1}| in 60 digits, half of which a square takes."""
    with mpmath.workdps(60):
        M = mpmath.mpc(z) * mpmath.eye(len(A)) - mpmath.matrix(A.tolist())
        squares = mpmath.eighe(M.H * M, eigvals_only=True)
        return float(z.real / mpmath.sqrt(min(squares)))


@pytest.mark.parametrize("seed", range(6))
def test_the_kreiss_ratio_found_is_below_the_true_one_and_near_it(seed: int) -> None:
    for A in (grcar(16) - 2.6 * np.eye(16), jordan(6, -0.5), shear(30.0)):
        A = rotated(A, seed=seed)
        found = kreiss(A)
        exact = kreiss_in_digits(A, found.at)
        sigma = found.at.real / exact
        rounding = eigenvalue_rounding(len(A)) * (np.linalg.norm(A) + abs(found.at)) / sigma
        assert exact * (1 - 2 * rounding) <= found.lower <= exact


def turned(damping: float) -> np.ndarray:
    """A full normal matrix of modes -damping +- i and -1 +- 2i."""
    modes = [-damping + 1j, -damping - 1j, -1 + 2j, -1 - 2j]
    Q = unitary(3, 4)
    return (Q * modes) @ Q.conj().T


MARGIN = eigenvalue_rounding(4) * float(np.linalg.norm(turned(0.0)))  # of its eigenvalues
NORMS: dict[str, Callable[[np.ndarray], float]] = {
    "h2_norm": lambda A: h2_norm(Dense(A, np.ones(4) + 0j, np.ones(4) + 0j, NONE, ONCE)),
    "hinf": lambda A: hinf(A, np.ones(4), np.ones(4)).upper,
}


@pytest.mark.parametrize("name", NORMS)
def test_damping_within_rounding_counts_as_none_and_four_times_that_counts(name: str) -> None:
    assert math.isinf(NORMS[name](turned(MARGIN / 4)))
    assert math.isfinite(NORMS[name](turned(4 * MARGIN)))


@pytest.mark.parametrize("function", [kreiss, transient_growth])
def test_growth_within_rounding_counts_as_none_and_four_times_that_counts(
    function: Callable[..., Any],
) -> None:
    assert function(turned(-MARGIN / 4))[:2] == (1, 1)
    assert math.isinf(function(turned(-4 * MARGIN)).upper)


def test_the_upper_bound_of_a_departure_is_nearly_attained() -> None:
    """a^2 = 3/2 and c^2 = 4: (6/12)^{1/4} c^{1/2} = 2^{1/4}, and the departure is 1."""
    found = departure(np.array([[0.5, 1.0], [0.0, -0.5]]))
    assert found.upper == pytest.approx(2**0.25, rel=64 * EPS)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3])
def test_between_candidates_a_gain_may_reach_the_level(tolerance: float) -> None:
    """So the upper bound is (1 + tolerance) of the lower one, no less, and no more where it can."""
    found = hinf([[0, 1], [-1, -0.2]], [0, 1], [1, 0], tolerance=tolerance)
    assert found.upper == pytest.approx((1 + tolerance) * found.lower, rel=1e-9)


def test_of_four_peaks_every_one_is_climbed() -> None:
    """The grid meets the lower peaks at their tops and the highest on its flank."""
    poles = -0.01 + 1j * np.array([1.0, 2.0, 3.0, 4.0])
    A = np.diag([*poles, *poles.conj()])
    C = np.concatenate([[1.0, 1.1, 1.2, 2.0]] * 2)
    system, rate, _ = prepared(Matrices(A, np.ones((8, 1)), C[None], np.zeros((1, 1))))
    w = np.ldexp([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.02, 4.5], -rate)
    found = climbed(system, w, gains(system, w))
    order = np.argsort(found.w)
    np.testing.assert_allclose(np.ldexp(found.w[order], rate), [1, 2, 3, 4], rtol=1e-3)
    near = np.linspace(-1e-3, 1e-3, 2001)
    tops = [gains(system, np.ldexp(k + near, -rate)).max() for k in range(1, 5)]
    np.testing.assert_allclose(found.gain[order], tops, rtol=1e-5)


def test_of_five_high_points_every_one_is_searched_around() -> None:
    """Four lobes at their tops, and a higher one that the grid sees on its flank."""
    modes = -0.01 + 1j * np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    at = np.array([10.0, 20.0, 30.0, 40.0, 50.0004])

    def lobes(w: np.ndarray) -> np.ndarray:
        height = np.array([1.0, 1.0, 1.0, 1.0, 1.2])
        return np.max(height - 1000 * np.abs(w[:, None] - at), axis=1)

    value, w = supremum(lobes, modes)
    assert value == pytest.approx(1.2, rel=1e-3)
    assert w == pytest.approx(50.0004, rel=1e-6)


def test_the_pseudospectrum_may_be_missed_by_no_more_than_is_taken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Candidates that meet only what is deeper than `depth` below the level they are given."""
    told: list[tuple[float, float]] = []
    sound = pseudospectra.candidates

    def noted(A: Any, x: float, level: float, depth: float) -> Any:
        told.append((level, depth))
        return sound(A, x, level, depth)

    monkeypatch.setattr(pseudospectra, "candidates", noted)
    pseudospectra.pseudospectral_abscissa(grcar(6) / 8, 0.5)  # in units of 1
    assert all(level - depth >= 0.5 * (1 - 4 * EPS) for level, depth in told)


# Kernels


LONG = 64


def full(seed: int, N: int = 4) -> DenseRecurrence:
    """A recurrence of a full matrix of norm 0.9."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((N, N))
    A = 0.9 * A / np.linalg.norm(A, 2)
    return DenseRecurrence(A, rng.standard_normal(N), rng.standard_normal(N), NONE)


def test_the_size_and_the_tail_of_one_growing_or_fading_mode_are_attained() -> None:
    for r in (0.9, 1.1):
        form = Recurrence(r * one, 2 * one, 3 * one, np.asarray(-5.0))
        K = kernel(form, LONG + 1)
        expected = 5 + 6 * max(1.0, r) ** LONG
        assert size(form, LONG) == pytest.approx(expected, rel=LONG * EPS)
        assert 5 + abs(K[LONG]) <= size(form, LONG + 1) * (1 + LONG * EPS)
        matrix = DenseRecurrence(r * np.eye(1), 2 * np.ones(1), 3 * np.ones(1), np.asarray(-5.0))
        binary = 5 + 6 * max(1.0, r) ** (LONG - 1)
        assert size(matrix, LONG) == pytest.approx(binary, rel=LONG * EPS)
    fading = form._replace(A=0.9 * one)
    late = Delayed(fading._replace(D=NONE), np.asarray(-5.0))
    assert tail_bound(fading, LONG) == pytest.approx(6 * 0.9**LONG, rel=LONG * EPS)
    assert tail_bound(late, LONG) == pytest.approx(6 * 0.9 ** (LONG - 1), rel=LONG * EPS)


@pytest.mark.parametrize("angle", [0.0, 1.0])
def test_the_radius_bound_of_a_block_holds_and_comes_near(angle: float) -> None:
    """Of 0.9 times a rotation; of a Jordan block until its first powers have died down."""
    A = 0.9 * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert Fraction(9, 10) <= Fraction(radius_bound(A)) <= Fraction(9, 10) * (1 + 2**7 * EPS)
    assert 0.9 <= radius_bound(jordan(2, 0.9)) <= 0.9 * (1 + 2**-6)


def test_the_radius_bound_holds_where_powers_are_all_rounding() -> None:
    """A rotated nilpotent matrix: its eigenvalues are those of its own rounding."""
    for seed in range(8):
        Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((2, 2)))[0]
        A = Q @ jordan(2) @ Q.T
        with mpmath.workdps(80):
            modes = mpmath.eig(mpmath.matrix(A.tolist()), left=False, right=False)
            assert max(abs(z) for z in modes) <= radius_bound(A)


# Laws, each refused beyond its allowance as the docstring has it


def model(name: str) -> Any:
    return inits.INITS[name](4, seed=2)


@pytest.mark.parametrize(("name", "n"), [("s4d-lin", 2), ("s4", 16)], ids=["modes", "matrix"])
@pytest.mark.parametrize("law", ["recurrence", "transfer"])
def test_a_kernel_off_by_four_allowances_breaks_its_law(
    law: str, name: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Allowed are 32 (L + n) eps S, n^2 for n of a matrix, and 32 (n + log2 L + L + n) eps S."""
    form = model(name)
    system = sampled_model.admit(form, LONG).system
    powers = math.log2(LONG + 1)
    rounds = LONG if law == "recurrence" else 0
    allowed = 32 * EPS * (rounds + n + powers + LONG + n) * float(size(system, LONG))
    sound = laws.kernel

    def bent(*arguments: Any, **options: Any) -> np.ndarray:
        K = sound(*arguments, **options)
        K[..., 40] += part * allowed
        return K

    for module in (laws, sampled_model):
        monkeypatch.setattr(module, "kernel", bent)
    for part in (0.25, 4.0):
        check = LAWS[law](form, LONG, "zoh")
        assert check.holds == (part < 1), check
        assert check.allowed * float(size(system, LONG)) == pytest.approx(allowed, rel=1e-6)


def test_growth_by_four_allowances_is_unstable() -> None:
    """8 eps of a mode, N^2 times that of a matrix."""
    for part in (0.25, 4.0):
        rate = part * 8 * EPS
        mode = Recurrence((1 + rate) * one, one, one, NONE)
        assert LAWS["stable"](mode, LONG, "zoh").holds == (part < 1)
        slower = Diagonal(1e3 * rate * one, one, one, NONE, ONCE / 1e3)
        assert LAWS["stable"](slower, LONG, "zoh").holds == (part < 1)
    for part in (0.25, 4.0):
        rate = part * 4 * 8 * EPS
        matrix = DenseRecurrence((1 + rate) * np.eye(2), np.ones(2), np.ones(2), NONE)
        assert LAWS["stable"](matrix, LONG, "zoh").holds == (part < 1)


def test_weights_off_by_four_allowances_break_the_closure() -> None:
    """Allowed is an imaginary part of 32 (n + log2 L) eps S."""
    A = np.log(0.9) + np.pi / 2 * np.array([1j, -1j])
    for part in (0.25, 4.0):
        off = part * 32 * (2 + math.log2(LONG + 1)) * EPS * 2
        C = np.array([1 + 1j * off, 1])
        form = Diagonal(A, np.ones(2) + 0j, C, NONE, np.asarray(1.0))
        assert LAWS["conjugate"](form, LONG, "impulse").holds == (part < 1)


# Assertions


def judged(assertion: Callable[[], None]) -> bool:
    try:
        assertion()
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("part", [0.25, 4.0])
def test_assertions_refuse_four_times_what_they_allow(part: float) -> None:
    """32 (n + log2 L) eps S; 32 L eps sum |K| max |u|; 8 L eps of the largest output."""
    form = Recurrence(0.5 * one, one, one, NONE)
    off = part * 32 * (1 + math.log2(LONG + 1)) * EPS

    def theirs(form: Any, length: int) -> np.ndarray:
        return kernel(form, length) + off * np.eye(1, length, 3)[0]

    assert judged(lambda: testing.assert_kernel(theirs, form, LONG)) == (part < 1)
    K = kernel(form, LONG)
    u = np.ones(LONG)
    off_y = part * 32 * LONG * EPS * np.sum(K)

    def run(u: np.ndarray) -> np.ndarray:
        return scan(form, u)[0] + off_y * np.eye(1, LONG, 9)[0]

    assert judged(lambda: testing.assert_recurrence(run, K, u)) == (part < 1)
    eps = 8 * LONG * EPS

    def foresees(u: np.ndarray) -> np.ndarray:
        return np.where(np.arange(LONG) == 2, 1 + part * eps * u[-1], u)

    assert judged(lambda: testing.assert_causal(foresees, u, 30)) == (part < 1)

    def bent(u: np.ndarray) -> np.ndarray:
        return u + part * eps * u**2  # of u = v = 1: a quarter or four times of 2 eps

    assert judged(lambda: testing.assert_linear(bent, u, u, factor=1.0)) == (part < 1)


# Guards


def state_takers(state: np.ndarray) -> dict[str, Callable[[], Any]]:
    form = Recurrence(0.5 * one, one, one, NONE)
    wave = Paired(-one, one, one, NONE, ONCE)
    u = np.ones(3)
    return {
        "scan": lambda: scan(form, u, state),
        "step": lambda: kernels.step(form, u[0], state),
        "final_state": lambda: kernels.final_state(form, u, state),
        "states": lambda: kernels.states(form, u, [0, 2], state),
        "free_response": lambda: kernels.free_response(form, state, 3),
        "scan_irregular": lambda: kernels.scan_irregular(wave, u, np.ones(3), state),
    }


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", state_takers(one))
def test_a_state_that_is_not_finite_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=r"`state` must be finite; got "):
        state_takers(np.array([value + 0j]))[name]()


@pytest.mark.parametrize("exponent", np.linspace(-9, 1, 41))
def test_phi_1_and_phi_2_lose_no_digit_at_any_size_of_z(exponent: float) -> None:
    """(e^z - 1)/z cancels below 1, and (e^z - 1 - z)/z^2 twice: a series stands there."""
    with mpmath.workdps(60):
        for turn in np.exp(1j * np.linspace(0.1, 2 * math.pi, 5)):
            z = np.array([10.0**exponent * turn])
            exact = mpmath.mpc(complex(z[0]))
            first = mpmath.expm1(exact) / exact
            second = (first - 1) / exact
            condition = max(1.0, float(abs(exact)))
            for phi, expected in ((discretize.phi1, first), (discretize.phi2, second)):
                error = abs(phi(z, z)[0] - complex(expected))
                assert error <= 16 * EPS * condition * float(abs(expected))
