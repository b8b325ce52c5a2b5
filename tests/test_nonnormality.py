"""Departures from normality and numerical ranges hold what is said of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
from gallery import (
    badly_scaled,
    grcar,
    jordan,
    near_normal,
    nearly_defective,
    random,
    rotated,
    shear,
    unitary,
    vandermonde,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, measures, orders, seeds

from ssmlinalg import hippo, reference
from ssmlinalg.matrices import (
    departure,
    kreiss,
    numerical_abscissa,
    numerical_range,
    pseudospectral_abscissa,
    transient_growth,
)

ROOT = EPS**0.5  # where a square of what is looked for is what rounds
scales = st.sampled_from([1.0, 2.0, 0.37, 1e-200, 1e200])
fields = st.booleans()


def size(A: np.ndarray) -> float:
    return float(np.linalg.norm(A))


# Departure


@given(seeds, orders, fields)
def test_the_departure_is_what_the_eigenvalues_leave_of_the_norm(
    seed: int, order: int, imag: bool
) -> None:
    A = random(seed, order, imag=imag)
    found = departure(A)
    eigenvalues = np.linalg.eigvals(A)
    if order < 8:
        eigenvalues = np.array([complex(z) for z in reference.eigenvalues(A)])
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
    d = 10.0**exponent
    A = near_normal(seed, order, d)
    rounding = 32 * order * EPS * size(random(seed, order)[0])
    assert departure(A).departure == pytest.approx(d, rel=0, abs=rounding)


@given(seeds, st.integers(1, 12), scales)
def test_departures_scale_and_do_not_rotate(seed: int, order: int, scale: float) -> None:
    A = random(seed, order)
    U = unitary(seed + 1, order)
    found = departure(A)
    other = departure(scale * (U @ A @ U.conj().T))
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
    assert 1 - 64 * ROOT <= found.lower <= 1 <= found.upper <= 1 + 64 * EPS
    of_normal = departure(unitary(0, 9))
    assert of_normal.lower == 0
    assert of_normal.departure <= 64 * 9 * EPS
    assert of_normal.upper <= 64 * 9 * ROOT


@pytest.mark.parametrize(
    "make",
    [grcar, lambda order: jordan(order, 1.0), vandermonde, nearly_defective, badly_scaled],
)
def test_matrices_that_defeat_lapack_have_a_small_residual(
    make: Callable[[int], np.ndarray],
) -> None:
    A = rotated(make(12), seed=3)
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
    np.testing.assert_allclose(found.boundary, value + radius * direction, rtol=0, atol=ROOT)
    assert numerical_abscissa(jordan(order, value)) == pytest.approx(
        value.real + radius, abs=tolerance
    )


@given(seeds, orders, fields, st.integers(3, 17), scales)
def test_the_numerical_range_lies_between_its_polygons(
    seed: int, order: int, imag: bool, points: int, scale: float
) -> None:
    A = random(seed, order, imag=imag)
    found = numerical_range(scale * A, points)
    boundary = found.boundary / scale
    support = found.support / scale
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
            boundary[1:], boundary[:0:-1].conj(), rtol=0, atol=ROOT * size(A)
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
    """A + A^T = -I - B B^T: numerical abscissa -1/2, far from normal as it is."""
    A = hippo.legs(order).A
    assert numerical_abscissa(A) == pytest.approx(-0.5, abs=4 * order * EPS * size(A))


# All functions of a non-normal matrix

EXTREMES = {
    "zero": np.zeros((3, 3)),
    "one": np.array([[-2.0]]),
    "one complex": np.array([[1j]]),
    "large": 1e200 * shear(5.0),
    "small": 1e-200 * shear(5.0),
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
NO_MATRICES = (np.ones((2, 3)), np.full((2, 2), np.nan), np.ones(3), np.ones((0, 0)))
WRONG: list[Callable[[], object]] = [
    *(lambda f=f, A=A: f(A) for f in FUNCTIONS for A in NO_MATRICES),
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
