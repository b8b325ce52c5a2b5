"""What is said of non-normal matrices holds: departures, numerical ranges, pseudospectral
abscissae, Kreiss constants.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, measures, orders, seeds

from ssmlinalg import hippo, reference
from ssmlinalg.matrices import kreiss, pseudospectral_abscissa, transient_growth
from ssmlinalg.matrices.eigen import condition
from ssmlinalg.matrices.growth import bounds_between
from ssmlinalg.matrices.nonnormality import departure, numerical_abscissa, numerical_range

mp = mpmath.MPContext()
mp.dps = 40

small = st.integers(2, 8)
scales = st.sampled_from([1.0, 2.0, 0.37, 1e-200, 1e200])
fields = st.booleans()


def random(seed: int, order: int, imag: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((order, order)) + (
        1j * rng.standard_normal((order, order)) if imag else 0
    )


def stable(seed: int, order: int, imag: bool = True) -> np.ndarray:
    """Random, with its rightmost eigenvalue 0.02 to 0.52 from the axis, and a triangle that makes
    it less normal.
    """
    rng = np.random.default_rng(seed)
    A = random(seed, order, imag) / np.sqrt(order) + rng.uniform(0, 3) * np.triu(
        rng.standard_normal((order, order)), 1
    )
    return A - (np.linalg.eigvals(A).real.max() + 0.02 + rng.random() / 2) * np.eye(order)


def unitary(seed: int, order: int) -> np.ndarray:
    return np.linalg.qr(random(seed, order))[0]


def jordan(order: int, value: complex = 0.0) -> np.ndarray:
    return value * np.eye(order) + np.eye(order, k=1)


def grcar(order: int) -> np.ndarray:
    return np.triu(np.tril(np.ones((order, order)), 3)) - np.eye(order, k=-1)


def demo(M: float) -> np.ndarray:
    return np.array([[-1.0, M], [0.0, -2.0]])


def sigma(A: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.linalg.svd(np.asarray(z)[..., None, None] * np.eye(len(A)) - A, compute_uv=False)[
        ..., -1
    ]


def size(A: np.ndarray) -> float:
    return float(np.linalg.norm(A))


def sigma_exactly(A: np.ndarray, z: Any) -> Any:
    """sigma_min(z I - A) in 40 digits."""
    return min(mp.svd_c(z * mp.eye(len(A)) - mp.matrix(A.tolist()), compute_uv=False))


# Departure


@given(seeds, orders, fields)
def test_the_departure_is_what_the_eigenvalues_leave_of_the_norm(
    seed: int, order: int, imag: bool
) -> None:
    A = random(seed, order, imag)
    found = departure(A)
    eigenvalues = (
        np.array([complex(z) for z in reference.eigenvalues(A)])
        if order < 8
        else np.linalg.eigvals(A)
    )
    left = size(A) ** 2 - np.sum(np.abs(eigenvalues) ** 2)
    assert found.departure**2 == pytest.approx(left, rel=0, abs=64 * order * EPS * size(A) ** 2)
    assert found.residual <= 8 * order * EPS
    slack = 1 + 8 * order * EPS
    assert found.lower <= found.departure * slack + 8 * order * EPS * size(A)
    assert found.departure <= found.upper * slack


@given(seeds, st.integers(2, 12), st.floats(-15, 0))
def test_a_matrix_near_a_normal_one_departs_by_what_was_added(
    seed: int, order: int, exponent: float
) -> None:
    """U (D + d e_1 e_2^T) U^* has departure d: no digits cancel."""
    d, U = 10.0**exponent, unitary(seed, order)
    D = np.diag(random(seed, order)[0])
    N = D + d * np.eye(order, k=1) * (np.arange(order) == 0)[:, None]
    assert departure(U @ N @ U.conj().T).departure == pytest.approx(
        d, rel=0, abs=32 * order * EPS * size(D)
    )


@given(seeds, st.integers(1, 12), scales)
def test_departures_scale_and_do_not_rotate(seed: int, order: int, scale: float) -> None:
    A, U = random(seed, order), unitary(seed + 1, order)
    found, other = departure(A), departure(scale * (U @ A @ U.conj().T))
    for name in ("departure", "lower"):
        assert getattr(other, name) / scale == pytest.approx(
            getattr(found, name), abs=256 * order * EPS * size(A)
        )
    if order > 1:
        assert other.upper / scale == pytest.approx(found.upper, rel=256 * order * EPS)


@given(measures, orders)
def test_triangular_matrices_depart_by_their_triangle(measure: str, order: int) -> None:
    A = hippo.MEASURES[measure](order).A
    A = A[0] if A.ndim == 3 else A
    found = departure(np.tril(A))
    assert found.departure == pytest.approx(size(np.tril(A, -1)), rel=order * EPS)
    assert found.residual == 0


def test_the_bounds_of_the_departure_are_attained() -> None:
    """On both sides by a Jordan block of order 2, where the root in `lower` is of rounding; by a
    normal matrix.
    """
    found = departure(jordan(2, 3.0))
    assert 1 - 64 * EPS**0.5 <= found.lower <= 1 <= found.upper <= 1 + 64 * EPS
    normal = departure(unitary(0, 9))
    assert normal.lower == 0
    assert normal.departure <= 64 * 9 * EPS
    assert normal.upper <= 64 * 9 * EPS**0.5


@pytest.mark.parametrize(
    "make",
    [grcar, lambda order: jordan(order, 1.0), lambda order: np.vander(np.arange(1.0, order + 1))],
)
def test_matrices_that_defeat_lapack_have_a_small_residual(
    make: Callable[[int], np.ndarray],
) -> None:
    A = unitary(3, 12) @ make(12) @ unitary(3, 12).conj().T
    assert departure(A).residual <= 8 * 12 * EPS


# Numerical range


@given(st.integers(1, 32), st.complex_numbers(max_magnitude=3), st.integers(3, 24))
def test_the_numerical_range_of_a_jordan_block_is_a_disc(
    order: int, value: complex, points: int
) -> None:
    found = numerical_range(jordan(order, value), points)
    radius = math.cos(math.pi / (order + 1)) * (order > 1)
    direction = np.exp(1j * found.angle)
    tolerance = 32 * order * EPS * (1 + abs(value))
    np.testing.assert_allclose(
        found.support, radius + (direction.conj() * value).real, rtol=0, atol=tolerance
    )
    np.testing.assert_allclose(found.boundary, value + radius * direction, rtol=0, atol=EPS**0.5)
    assert numerical_abscissa(jordan(order, value)) == pytest.approx(
        value.real + radius, abs=tolerance
    )


@given(seeds, orders, fields, st.integers(3, 17), scales)
def test_the_numerical_range_lies_between_its_polygons(
    seed: int, order: int, imag: bool, points: int, scale: float
) -> None:
    A = random(seed, order, imag)
    found = numerical_range(scale * A, points)
    boundary, support = found.boundary / scale, found.support / scale
    tolerance = 32 * order * EPS * size(A)
    x = random(seed + 1, max(order, 40))[:order]
    x = x / np.linalg.norm(x, axis=0)
    inside = np.concatenate([np.sum(x.conj() * (A @ x), axis=0), np.linalg.eigvals(A), boundary])
    turned = (np.exp(-1j * found.angle)[:, None] * inside).real
    assert np.all(turned <= support[:, None] + tolerance)
    attained = (np.exp(-1j * found.angle) * boundary).real
    np.testing.assert_allclose(attained, support, rtol=0, atol=tolerance)
    if not imag:
        np.testing.assert_allclose(
            boundary[1:], boundary[:0:-1].conj(), rtol=0, atol=EPS**0.5 * size(A)
        )


@given(seeds, orders)
def test_the_norm_of_the_flow_starts_at_the_numerical_abscissa(seed: int, order: int) -> None:
    A = random(seed, order)
    t = 1e-6 / size(A)
    slope = (np.linalg.norm(scipy.linalg.expm(t * A), 2) - 1) / t
    assert slope == pytest.approx(
        numerical_abscissa(A), abs=(t * size(A) ** 2) + 8 * order * EPS / t
    )


@given(st.integers(2, 64))
def test_legs_is_dissipative(order: int) -> None:
    """A + A^T = -I - B B^T: numerical abscissa -1/2, so nothing ever grows, far from normal as it
    is.
    """
    A = hippo.legs(order).A
    assert numerical_abscissa(A) == pytest.approx(-0.5, abs=4 * order * EPS * size(A))
    assert kreiss(A)[:2] == (1, 1)
    assert transient_growth(A) == (1, 1, 0)


# Pseudospectral abscissa


@given(seeds, st.integers(1, 12), st.floats(-6, 1))
def test_a_normal_matrix_moves_by_eps(seed: int, order: int, exponent: float) -> None:
    eps, U = 10.0**exponent, unitary(seed, order)
    D = random(seed, order)[0]
    found = pseudospectral_abscissa((U * D) @ U.conj().T, eps)
    tolerance = 1e-6 * eps + 256 * order * EPS * np.linalg.norm(D)
    for bound in found[:2]:
        assert bound == pytest.approx(D.real.max() + eps, abs=tolerance)


@given(st.floats(0.1, 1e4), st.floats(-5, 0))
def test_the_two_by_two_demo_moves_to_a_root_of_its_quartic(M: float, exponent: float) -> None:
    """sigma_min^2 = eps^2 at real x: eps^4 - ((x+1)^2 + (x+2)^2 + M^2) eps^2 + (x+1)^2 (x+2)^2 = 0,
    at its rightmost root.
    """
    eps = 10.0**exponent
    a, b = mp.mpf(eps) ** 2, mp.mpf(M) ** 2
    roots = mp.polyroots(
        [1, 6, 13 - 2 * a, 12 - 6 * a, 4 + a * a - (5 + b) * a], maxsteps=200, extraprec=200
    )
    exact = float(max(root.real for root in roots if abs(root.imag) < 1e-20))
    found = pseudospectral_abscissa(demo(M), eps)
    slack = 64 * EPS * (1 + M) * max(1, (exact + 1) / eps)
    assert found.lower - slack <= exact <= found.upper + slack
    assert found.upper - found.lower <= 2e-6 * (exact + 1) + 100 * slack


@given(st.integers(2, 8), st.floats(-2, 2), st.floats(-4, 0))
def test_the_pseudospectra_of_a_jordan_block_are_discs(
    order: int, value: float, exponent: float
) -> None:
    eps = 10.0**exponent
    found = pseudospectral_abscissa(jordan(order, value), eps)
    bounds = mp.mpf(found.lower) - mp.mpf(value), mp.mpf(found.upper) - mp.mpf(value)
    slack = 64 * order * EPS * (1 + abs(value))
    assert sigma_exactly(jordan(order), bounds[0]) <= eps + slack
    assert sigma_exactly(jordan(order), bounds[1]) >= eps - slack
    assert bounds[1] - bounds[0] <= 2e-6 * bounds[0] + 1e3 * slack
    assert bounds[0] >= eps ** (1 / order) * 0.99 - slack


@given(seeds, small, fields, st.floats(-5, 0.5))
def test_perturbations_reach_the_lower_bound_and_never_pass_the_upper(
    seed: int, order: int, imag: bool, exponent: float
) -> None:
    A, eps = stable(seed, order, imag), 10.0**exponent
    found = pseudospectral_abscissa(A, eps)
    U, s, Vh = np.linalg.svd(found.at * np.eye(order) - A)
    E = s[-1] * np.outer(U[:, -1], Vh[-1])
    tolerance = 16 * order * EPS * size(A)
    assert found.lower == found.at.real
    assert s[-1] <= eps + tolerance
    assert sigma(A + E, np.array([found.at]))[0] <= tolerance + order * EPS * abs(found.at)
    reach = max(found.lower - np.linalg.eigvals(A).real.max(), eps)
    assert found.upper - found.lower <= 16 * 1e-6 * reach + 1e4 * tolerance
    for other in range(20):
        F = random(other, order)
        assert (
            np.linalg.eigvals(A + eps * F / np.linalg.norm(F, 2)).real.max()
            <= found.upper + tolerance
        )
    right = (
        found.upper
        + np.linspace(0, 1, 3)[:, None]
        + 1j * np.linspace(-1, 1, 81) * np.linalg.norm(A, 2)
    )
    assert sigma(A, right).min() >= eps - tolerance


@given(seeds, small, st.sampled_from([2.0, 1e-200, 1e200]))
def test_pseudospectral_abscissae_scale_and_do_not_rotate(
    seed: int, order: int, scale: float
) -> None:
    A, U = stable(seed, order), unitary(seed, order)
    found, other = (
        pseudospectral_abscissa(A, 0.01),
        pseudospectral_abscissa(scale * (U @ A @ U.conj().T), 0.01 * scale),
    )
    assert max(found.lower, other.lower / scale) <= min(
        found.upper, other.upper / scale
    ) + 1e4 * order * EPS * size(A)


@given(st.integers(8, 24), st.sampled_from([1e-2, 1e-3, 1e-6]))
def test_the_pseudospectra_of_grcar_end_at_the_bound(order: int, eps: float) -> None:
    found = pseudospectral_abscissa(grcar(order), eps)
    assert (
        sigma(grcar(order), found.upper + 1j * np.linspace(0, 4, 101)).min()
        >= eps - 64 * order * EPS
    )
    assert sigma(grcar(order), np.array([found.at]))[0] <= eps + 64 * order * EPS
    assert found.upper - found.lower <= 1e-4


# Kreiss constant and transient growth


def kreiss_by_search(A: np.ndarray, x: np.ndarray, w: np.ndarray) -> float:
    return float(np.max(x[:, None] / sigma(A, x[:, None] + 1j * w)))


@given(st.floats(0.1, 1e6))
def test_the_demo_has_the_kreiss_constant_that_calculus_finds(M: float) -> None:
    """sigma_min^2 = P^2/(S/2 + (S^2/4 - P^2)^{1/2}), P = (x+1)(x+2), S = (x+1)^2 + (x+2)^2 +
    M^2.
    """

    def ratio(x: Any) -> Any:
        P, S = (x + 1) * (x + 2), (x + 1) ** 2 + (x + 2) ** 2 + mp.mpf(M) ** 2
        return x * mp.sqrt(S / 2 + mp.sqrt(S**2 / 4 - P**2)) / P

    x = np.geomspace(0.1, 1e3, 300)
    peak = float(max([mp.mpf(1), *map(ratio, map(mp.mpf, x.tolist()))]))
    found = kreiss(demo(M))
    assert peak <= found.upper * (1 + 64 * EPS)
    assert found.lower <= peak * (1 + 1e-3)  # that much the grid misses, by its steps of 3 %
    assert found.upper <= 1.01 * found.lower * (1 + 64 * EPS)


@given(st.floats(0.1, 1e5))
def test_the_demo_grows_by_what_its_closed_form_says(M: float) -> None:
    """e^{tA} = [[a, M (a - b)], [0, b]] with a = e^{-t}, b = e^{-2t}."""
    a = np.exp(-np.linspace(0, 8, 20001))
    b = a**2
    S, P = a**2 + b**2 + M**2 * (a - b) ** 2, a * b
    norms = np.sqrt(S / 2 + np.sqrt(np.maximum(S**2 / 4 - P**2, 0)))
    found = transient_growth(demo(M))
    assert norms.max() <= found.upper * (1 + 64 * EPS)
    assert found.lower <= norms.max() * (1 + 1e-6)
    assert found.upper <= 1.01 * found.lower * (1 + 64 * EPS)
    assert transient_growth(demo(M), tolerance=1e-5).upper <= norms.max() * (1 + 2e-5)


@given(seeds, small, fields)
def test_the_kreiss_matrix_theorem(seed: int, order: int, imag: bool) -> None:
    A = stable(seed, order, imag)
    K, growth = kreiss(A), transient_growth(A)
    rounding = 1 + 64 * order * EPS * growth.upper
    assert 1 <= K.lower <= K.upper <= 1.01 * K.lower * rounding
    assert 1 <= growth.lower <= growth.upper <= 1.01 * growth.lower * rounding
    assert K.lower <= growth.upper * rounding
    assert growth.lower <= math.e * order * K.upper * rounding
    assert growth.lower <= condition(np.linalg.eig(A)[1]) * rounding
    if math.isfinite(K.at.real):
        assert K.lower == pytest.approx(
            K.at.real / sigma(A, np.array([K.at]))[0], rel=64 * order * EPS * K.upper
        )
    if growth.at > 0:
        assert growth.lower == pytest.approx(
            np.linalg.norm(scipy.linalg.expm(growth.at * A), 2), rel=256 * order * EPS
        )


@given(seeds, small, fields)
def test_no_point_of_a_grid_exceeds_what_is_proved(seed: int, order: int, imag: bool) -> None:
    A = stable(seed, order, imag)
    x, w = np.geomspace(1e-3, 1e2, 41), np.linspace(-3, 3, 121) * np.linalg.norm(A, 2)
    assert kreiss_by_search(A, x, w) <= kreiss(A).upper * (1 + 64 * order * EPS)
    norms = [np.linalg.norm(scipy.linalg.expm(t * A), 2) for t in np.linspace(0, 40, 301)]
    assert max(norms) <= transient_growth(A).upper * (1 + 256 * order * EPS)


@given(seeds, small, st.sampled_from([2.0, 0.3, 1e-200, 1e200]))
def test_growth_knows_neither_units_of_time_nor_rotations(
    seed: int, order: int, scale: float
) -> None:
    A, U = stable(seed, order), unitary(seed, order)
    same = scale * (U @ A @ U.conj().T)
    for function in (kreiss, transient_growth):
        found, other = function(A), function(same)
        assert max(found.lower, other.lower) <= min(found.upper, other.upper) * (1 + 1e-10)
    assert kreiss(A * 2.0**40)[:2] == kreiss(A)[:2]


@given(st.floats(0.1, 10), st.floats(0.01, 1.5), st.floats(0, 1))
def test_between_two_times_a_sinusoid_reaches_its_crest(
    k: float, angle: float, part: float
) -> None:
    """n^2 = cos(k t - phi) attains 1 inside, and the bound is 1."""
    t, phi = np.array([0.0, angle / k]), part * angle
    bound = bounds_between(k, 1e3 * k / angle, t, np.sqrt(np.cos(k * t - phi)))
    np.testing.assert_allclose(bound, 1, rtol=64 * EPS / angle)


@given(st.integers(2, 10), st.floats(0.15, 0.9))
def test_a_damped_jordan_block_grows_as_its_exponential(order: int, damping: float) -> None:
    """e^{t(J - a)} = e^{-at} sum (tJ)^k/k!, a Toeplitz triangle."""
    found = transient_growth(jordan(order, -damping))
    t = np.linspace(0, 3 * order / damping, 400)
    norms = []
    for s in t:
        column = np.exp(
            -damping * s
            + np.arange(order) * np.log(np.maximum(s, 1e-300))
            - [math.lgamma(k + 1) for k in range(order)]
        )
        norms.append(np.linalg.norm(scipy.linalg.toeplitz(np.eye(order)[0] * column[0], column), 2))
    assert max(norms) <= found.upper * (1 + 256 * order * EPS)
    assert found.upper <= 1.01 * found.lower * (1 + 64 * EPS)
    assert found.lower <= max(norms) * 1.01
    assert kreiss(jordan(order, -damping)).lower <= found.upper


@given(seeds, st.integers(1, 8), fields)
def test_normal_and_dissipative_matrices_never_grow(seed: int, order: int, imag: bool) -> None:
    A = random(seed, order, imag)
    skew = A - A.conj().T
    for B in (skew, -A @ A.conj().T, skew - A @ A.conj().T):
        assert kreiss(B)[:2] == (1, 1)
        assert transient_growth(B) == (1, 1, 0)


@given(seeds, small, fields)
def test_unstable_matrices_grow_without_end(seed: int, order: int, imag: bool) -> None:
    A = stable(seed, order, imag)
    A = A + (0.1 - np.linalg.eigvals(A).real.max()) * np.eye(order)
    assume(np.linalg.svd(A, compute_uv=False)[-1] > 1e-6)
    assert kreiss(A)[:2] == (math.inf, math.inf)
    assert transient_growth(A)[:2] == (math.inf, math.inf)


def test_on_the_axis_a_defective_eigenvalue_has_no_bound_and_a_simple_one_that_of_its_eigenvectors() -> (
    None
):
    for order in (2, 3, 6):
        for found in (kreiss(jordan(order)), transient_growth(jordan(order))):
            assert found.lower > 1e6
            assert found.upper == math.inf
    A = np.array([[0.0, 1.0], [0.0, -1.0]])  # e^{tA} tends to [[1, 1], [0, 0]]
    for found in (kreiss(A), transient_growth(A)):
        assert found.lower == pytest.approx(2**0.5, rel=1e-5)
        assert found.upper == pytest.approx(1 + 2**0.5)  # kappa_2 of (1, 0) and (1, -1)/sqrt(2)


def test_what_eigenvalues_cannot_decide_the_flow_may() -> None:
    """Toeplitz, eigenvalues -2.01 + 2 cos(k pi/(N+1)) with condition numbers up to 4^N/N: not told
    from unstable ones.
    """
    N = 30
    A = -2.01 * np.eye(N) + 4 * np.eye(N, k=1) + np.eye(N, k=-1) / 4
    K, growth = kreiss(A), transient_growth(A)
    D = (
        4.0 ** np.arange(N)
    )  # A is D^{-1} S D with S symmetric: e^{tA} without cancellation, 2-norm kept by its positive entries
    S = -2.01 * np.eye(N) + np.eye(N, k=1) + np.eye(N, k=-1)
    d, V = mp.eigsy(mp.matrix(S.tolist()))
    flow = V * mp.diag([mp.exp(growth.at * value) for value in d]) * V.T
    exact = np.array([[float(flow[i, j]) for j in range(N)] for i in range(N)]) / D[:, None] * D
    assert growth.lower == pytest.approx(np.linalg.norm(exact, 2), rel=1e-10)
    assert growth.upper <= 1.011 * growth.lower
    assert 1e10 < K.lower <= growth.upper
    assert K.upper >= growth.lower / (math.e * N)


def test_grcar_and_stiff_systems_are_bounded_tightly() -> None:
    stiff = np.diag(-np.geomspace(1e-2, 1e6, 9)) + np.triu(np.ones((9, 9)), 1)
    for A in (grcar(24) - 2.6 * np.eye(24), stiff):
        for function in (kreiss, transient_growth):
            found = function(A)
            assert 1 <= found.lower <= found.upper <= 1.011 * found.lower


# All of them


EXTREMES = {
    "zero": np.zeros((3, 3)),
    "one": np.array([[-2.0]]),
    "one complex": np.array([[1j]]),
    "large": 1e200 * demo(5.0),
    "small": 1e-200 * demo(5.0),
    "both": np.array([[-1e150, 1e-150], [1e100, -1e-100]]),
    "subnormal": np.array([[-5e-324, 5e-324], [0, -1e-310]]),
    "largest": np.array([[-8e307, 8e307], [0, -8e307]]),
    "defective": jordan(5, -1.0),
    "legs": hippo.legs(16).A,
}


@pytest.mark.parametrize("A", EXTREMES.values(), ids=EXTREMES)
def test_no_finite_matrix_gives_nan(A: np.ndarray) -> None:
    found = [
        *departure(A),
        numerical_abscissa(A),
        *numerical_range(A, 5),
        *kreiss(A),
        *transient_growth(A),
    ]
    for eps in (5e-324, 1e-200, 1e-16, 1.0, 1e200, 1e308):
        bounds = pseudospectral_abscissa(A, eps)
        found += bounds
        assert bounds.lower <= bounds.upper
    assert not any(np.any(np.isnan(value)) for value in found)
    assert kreiss(A).lower <= kreiss(A).upper
    assert transient_growth(A).lower <= transient_growth(A).upper


SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
FUNCTIONS = [
    departure,
    numerical_abscissa,
    numerical_range,
    kreiss,
    transient_growth,
    lambda A: pseudospectral_abscissa(A, 1.0),
]
WRONG: list[Callable[[], object]] = [
    *(
        lambda f=f, A=A: f(A)
        for f in FUNCTIONS
        for A in (np.ones((2, 3)), np.full((2, 2), np.nan), np.ones(3), np.ones((0, 0)))
    ),
    lambda: pseudospectral_abscissa(np.eye(2), 0.0),
    lambda: pseudospectral_abscissa(np.eye(2), -1.0),
    lambda: pseudospectral_abscissa(np.eye(2), math.nan),
    lambda: pseudospectral_abscissa(np.eye(2), 1.0, tolerance=0.0),
    lambda: kreiss(np.eye(2), tolerance=-1.0),
    lambda: transient_growth(np.eye(2), tolerance=math.inf),
    lambda: numerical_range(np.eye(2), 2),
]


@pytest.mark.parametrize("call", WRONG)
def test_what_is_wrong_is_said_in_one_sentence(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError) as raised:
        call()
    assert SENTENCE.fullmatch(str(raised.value))


@pytest.mark.parametrize("points", [10**12, 10**18])
def test_more_points_than_memory_holds_are_refused(points: int) -> None:
    with pytest.raises(ValueError, match=r"memory; got [^\n]+\. [A-Z][^\n]*\."):
        numerical_range(np.eye(2), points)
