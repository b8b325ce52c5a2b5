"""Kreiss constants and transient growth are bounded from both sides, and closely."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg
from gallery import grcar, jordan, random, shear, stable, toeplitz, unitary
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, seeds
from test_pseudospectra import least_singular_values

from ssmlinalg import hippo
from ssmlinalg.matrices import condition, kreiss, transient_growth
from ssmlinalg.matrices.growth import bounds_between

mp = mpmath.MPContext()
mp.dps = 40

TOLERANCE = 1e-2  # the default
MISSED = 1e-3  # by a grid in steps of 3 %
LIMIT = 1e-5  # to which a limit is seen that is not waited for
ROOT = EPS**0.5
small = st.integers(2, 8)
fields = st.booleans()


@given(st.integers(2, 64))
def test_legs_never_grows(order: int) -> None:
    """A + A^T = -I - B B^T: dissipative, far from normal as it is."""
    A = hippo.legs(order).A
    assert kreiss(A)[:2] == (1, 1)
    assert transient_growth(A) == (1, 1, 0)


def kreiss_by_search(A: np.ndarray, x: np.ndarray, w: np.ndarray) -> float:
    return float(np.max(x[:, None] / least_singular_values(A, x[:, None] + 1j * w)))


@given(st.floats(0.1, 1e6))
def test_two_driven_modes_have_the_kreiss_constant_that_calculus_finds(M: float) -> None:
    """sigma_min^2 = P^2/(S/2 + (S^2/4 - P^2)^{1/2}), P = (x+1)(x+2), S = (x+1)^2 + (x+2)^2 +
    M^2.
    """

    def ratio(x: Any) -> Any:
        P = (x + 1) * (x + 2)
        S = (x + 1) ** 2 + (x + 2) ** 2 + mp.mpf(M) ** 2
        return x * mp.sqrt(S / 2 + mp.sqrt(S**2 / 4 - P**2)) / P

    x = np.geomspace(0.1, 1e3, 300)  # in steps of 3 %
    peak = float(max([mp.mpf(1), *map(ratio, map(mp.mpf, x.tolist()))]))
    found = kreiss(shear(M))
    assert peak <= found.upper * (1 + 64 * EPS)
    assert found.lower <= peak * (1 + MISSED)
    assert found.upper <= (1 + TOLERANCE) * found.lower * (1 + 64 * EPS)


@given(st.floats(0.1, 1e5))
def test_two_driven_modes_grow_by_what_their_closed_form_says(M: float) -> None:
    """e^{tA} = [[a, M (a - b)], [0, b]] with a = e^{-t}, b = e^{-2t}."""
    a = np.exp(-np.linspace(0, 8, 20001))
    b = a**2
    S = a**2 + b**2 + M**2 * (a - b) ** 2
    P = a * b
    norms = np.sqrt(S / 2 + np.sqrt(np.maximum(S**2 / 4 - P**2, 0)))
    found = transient_growth(shear(M))
    assert norms.max() <= found.upper * (1 + 64 * EPS)
    step = 8 / 20000  # of time: a crest between two is lower by a square of it
    assert found.lower <= norms.max() * (1 + 6 * step**2)
    assert found.upper <= (1 + TOLERANCE) * found.lower * (1 + 64 * EPS)
    tolerance = 1e-5
    close = transient_growth(shear(M), tolerance=tolerance)
    assert close.upper <= norms.max() * (1 + 2 * tolerance)


@given(seeds, small, fields)
def test_the_kreiss_matrix_theorem(seed: int, order: int, imag: bool) -> None:
    A = stable(seed, order, imag=imag)
    K = kreiss(A)
    growth = transient_growth(A)
    rounding = 1 + 64 * order * EPS * growth.upper
    assert 1 <= K.lower <= K.upper <= (1 + TOLERANCE) * K.lower * rounding
    assert 1 <= growth.lower <= growth.upper <= (1 + TOLERANCE) * growth.lower * rounding
    assert K.lower <= growth.upper * rounding
    assert growth.lower <= math.e * order * K.upper * rounding
    assert growth.lower <= condition(np.linalg.eig(A)[1]) * rounding
    if math.isfinite(K.at.real):
        sigma = least_singular_values(A, np.array([K.at]))[0]
        lost = 8 * order * EPS * (np.linalg.norm(A) + abs(K.at)) / sigma
        assert K.lower == pytest.approx(K.at.real / sigma, rel=lost)
    if growth.at > 0:
        size = np.linalg.norm(scipy.linalg.expm(growth.at * A), 2)
        assert growth.lower == pytest.approx(size, rel=256 * order * EPS)


@given(seeds, small, fields)
def test_no_point_of_a_grid_exceeds_what_is_proved(seed: int, order: int, imag: bool) -> None:
    A = stable(seed, order, imag=imag)
    x = np.geomspace(1e-3, 1e2, 41)
    w = np.linspace(-3, 3, 121) * np.linalg.norm(A, 2)
    assert kreiss_by_search(A, x, w) <= kreiss(A).upper * (1 + 64 * order * EPS)
    norms = [np.linalg.norm(scipy.linalg.expm(t * A), 2) for t in np.linspace(0, 40, 301)]
    assert max(norms) <= transient_growth(A).upper * (1 + 256 * order * EPS)


@given(seeds, small, st.sampled_from([2.0, 0.3, 1e-200, 1e200]))
def test_growth_knows_neither_units_of_time_nor_rotations(
    seed: int, order: int, scale: float
) -> None:
    A = stable(seed, order)
    U = unitary(seed, order)
    same = scale * (U @ A @ U.conj().T)
    for function in (kreiss, transient_growth):
        found = function(A)
        other = function(same)
        rounding = 2.0**18 * EPS
        assert max(found.lower, other.lower) <= min(found.upper, other.upper) * (1 + rounding)
    assert kreiss(A * 2.0**40)[:2] == kreiss(A)[:2]


@pytest.mark.parametrize("turned", [3.0, 3.1, math.pi, 20.0])
def test_beyond_half_a_turn_only_the_numerical_abscissa_bounds_growth(turned: float) -> None:
    """A sinusoid through both ends may be as high as it likes there."""
    bound = bounds_between(turned, 40.0, np.array([0.0, 1]), np.array([1.0, 0.5]))
    assert bound == pytest.approx(math.exp(40), rel=64 * EPS)


@given(st.floats(0.1, 10), st.floats(0.01, 1.5), st.floats(0, 1))
def test_between_two_times_a_sinusoid_reaches_its_crest(
    k: float, angle: float, part: float
) -> None:
    """n^2 = cos(k t - phi) attains 1 inside, and the bound is 1."""
    t = np.array([0.0, angle / k])
    phi = part * angle
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
    assert found.upper <= (1 + TOLERANCE) * found.lower * (1 + 64 * EPS)
    assert found.lower <= max(norms) * (1 + TOLERANCE)
    assert kreiss(jordan(order, -damping)).lower <= found.upper


@given(seeds, st.integers(1, 8), fields)
def test_normal_and_dissipative_matrices_never_grow(seed: int, order: int, imag: bool) -> None:
    A = random(seed, order, imag=imag)
    skew = A - A.conj().T
    for B in (skew, -A @ A.conj().T, skew - A @ A.conj().T):
        assert kreiss(B)[:2] == (1, 1)
        assert transient_growth(B) == (1, 1, 0)


@given(seeds, small, fields)
def test_unstable_matrices_grow_without_end(seed: int, order: int, imag: bool) -> None:
    A = stable(seed, order, imag=imag)
    A = A + (0.1 - np.linalg.eigvals(A).real.max()) * np.eye(order)
    assume(np.linalg.svd(A, compute_uv=False)[-1] > ROOT * float(np.linalg.norm(A)))
    assert kreiss(A)[:2] == (math.inf, math.inf)
    assert transient_growth(A)[:2] == (math.inf, math.inf)


@pytest.mark.parametrize("order", [2, 3, 6])
def test_on_the_axis_a_defective_eigenvalue_has_no_bound(order: int) -> None:
    for found in (kreiss(jordan(order)), transient_growth(jordan(order))):
        assert found.lower > 1e6
        assert found.upper == math.inf


def test_on_the_axis_a_simple_eigenvalue_has_the_bound_of_its_eigenvectors() -> None:
    A = np.array([[0.0, 1.0], [0.0, -1.0]])  # e^{tA} tends to [[1, 1], [0, 0]]
    for found in (kreiss(A), transient_growth(A)):
        assert found.lower == pytest.approx(2**0.5, rel=LIMIT)
        # kappa_2 of (1, 0) and (1, -1)/sqrt(2)
        assert found.upper == pytest.approx(1 + 2**0.5, rel=16 * EPS)


def test_what_eigenvalues_cannot_decide_the_flow_may() -> None:
    """Toeplitz, eigenvalues -2.01 + 2 cos(k pi/(N+1)) with condition numbers up to 4^N/N: not told
    from unstable ones.
    """
    N = 30
    A = toeplitz(N, centre=-2.01)
    K = kreiss(A)
    growth = transient_growth(A)
    # A is D^{-1} S D with S symmetric: e^{tA} without cancellation, its 2-norm kept by its positive
    # entries.
    D = 4.0 ** np.arange(N)
    S = -2.01 * np.eye(N) + np.eye(N, k=1) + np.eye(N, k=-1)
    d, V = mp.eigsy(mp.matrix(S.tolist()))
    flow = V * mp.diag([mp.exp(growth.at * value) for value in d]) * V.T
    exact = np.array(flow.tolist(), dtype=float) / D[:, None] * D
    size = np.linalg.norm(exact, 2)
    assert growth.lower == pytest.approx(size, rel=256 * N * EPS * growth.at * np.linalg.norm(A))
    assert growth.upper <= (1 + 1.1 * TOLERANCE) * growth.lower
    assert 1e10 < K.lower <= growth.upper
    assert K.upper >= growth.lower / (math.e * N)


def test_grcar_and_stiff_systems_are_bounded_tightly() -> None:
    stiff = np.diag(-np.geomspace(1e-2, 1e6, 9)) + np.triu(np.ones((9, 9)), 1)
    for A in (grcar(24) - 2.6 * np.eye(24), stiff):
        for function in (kreiss, transient_growth):
            found = function(A)
            assert 1 <= found.lower <= found.upper <= (1 + 1.1 * TOLERANCE) * found.lower
