"""Condition numbers are those of exact eigenvectors, and proofs are never wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from math import comb
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, lossless, nplr, orders, seeds, taus

from ssmlinalg import hippo, perturb, reference
from ssmlinalg.matrices import eigen, enclosures

mp = mpmath.MPContext()
mp.dps = 60


def random(seed: int, order: int, kind: str = "complex") -> np.ndarray:
    real, imag = np.random.default_rng(seed).standard_normal((2, order, order))
    return real + 1j * imag if kind == "complex" else real


def unitary(seed: int, order: int) -> np.ndarray:
    return np.linalg.qr(random(seed, order))[0]


def jordan(order: int, value: complex = 0.0) -> np.ndarray:
    return value * np.eye(order) + np.eye(order, k=1)


def grcar(order: int) -> np.ndarray:
    return np.triu(np.tril(np.ones((order, order)), 3)) - np.eye(order, k=-1)


def kahan(order: int) -> np.ndarray:
    s, c = np.sin(1.2), np.cos(1.2)
    return s ** np.arange(order)[:, None] * (
        np.eye(order) - c * np.triu(np.ones((order, order)), 1)
    )


def frank(order: int) -> np.ndarray:
    i = np.arange(order)
    return np.triu(order - np.maximum.outer(i, i), -1).astype(float)


def toeplitz(order: int) -> np.ndarray:
    """Eigenvalues -1 + 2 cos(k pi/(N+1)), condition numbers up to 4^N/N."""
    return -np.eye(order) + 4 * np.eye(order, k=1) + np.eye(order, k=-1) / 4


def companion(roots: np.ndarray) -> np.ndarray:
    coefficients = [Fraction(1)]
    for root in roots.tolist():
        coefficients = [
            a - int(root) * b for a, b in zip([*coefficients, 0], [0, *coefficients], strict=True)
        ]
    C = np.eye(len(roots), k=-1)
    C[0] = [-float(c) for c in coefficients[1:]]
    return C


ZOO: dict[str, Callable[[int], np.ndarray]] = {
    "companion": lambda order: companion(np.arange(1, min(order, 15) + 1)),
    "complex": lambda order: random(7, order),
    "complex jordan": lambda order: jordan(order, 0.5 + 2j),
    "frank": frank,
    "gaussian": lambda order: random(8, order, "real"),
    "grcar": grcar,
    "identity": np.eye,
    "jordan": lambda order: jordan(order, -0.5),
    "kahan": kahan,
    "lagt": lambda order: hippo.lagt(order).A,
    "legs": lambda order: hippo.legs(order).A,
    "legt": lambda order: hippo.legt(order).A,
    "normal": lambda order: np.roll(np.eye(order), 1, axis=0),
    "rotated jordan": lambda order: unitary(1, order) @ jordan(order) @ unitary(1, order).conj().T,
    "stiff": lambda order: random(9, order, "real") * 10.0 ** np.linspace(-6, 6, order),
    "toeplitz": toeplitz,
    "unit": lambda order: np.eye(1),
    "zero": lambda order: np.zeros((order, order)),
}
zoo = st.builds(
    lambda name, order: ZOO[name](order), st.sampled_from(sorted(ZOO)), st.integers(1, 20)
)
kinds = st.sampled_from(["real", "complex"])
small = st.integers(1, 8)


def gap(Lambda: np.ndarray) -> float:
    """The least distance of two eigenvalues; of one, its scale."""
    apart = np.abs(Lambda[:, None] - Lambda) + np.diag(np.full(len(Lambda), np.inf))
    return float(apart.min()) if len(Lambda) > 1 else 1.0


def slack(A: np.ndarray, Lambda: np.ndarray, kappa: np.ndarray) -> float:
    """By how much rounding may move a condition number, relative: |A| eps turns eigenvectors by
    kappa eps |A|/gap.
    """
    return 64 * EPS * len(A) * float(np.linalg.norm(A)) * float(kappa.max()) ** 2 / gap(Lambda)


# conditioning


@given(seeds, small, kinds)
def test_condition_numbers_are_those_of_the_exact_eigenvectors(
    seed: int, order: int, kind: str
) -> None:
    A = random(seed, order, kind)
    found = eigen.condeig(A)
    if order == 1:
        np.testing.assert_array_equal(found.condition, 1)
        return
    exact, left, right = mp.eig(mp.matrix(A.tolist()), left=True, right=True)
    for j, value in enumerate(exact):
        x, y = right[:, j], left[j, :]
        kappa = float(mp.norm(x) * mp.norm(y) / abs((y * x)[0]))
        nearest = np.argmin(np.abs(found.Lambda - complex(value)))
        assert found.condition[nearest] == pytest.approx(
            kappa, rel=slack(A, found.Lambda, found.condition)
        )


@given(seeds, small, kinds)
def test_condeig_returns_unit_eigenvectors(seed: int, order: int, kind: str) -> None:
    A = random(seed, order, kind)
    found = eigen.condeig(A)
    assert np.linalg.norm(
        A @ found.V - found.V * found.Lambda
    ) <= 64 * EPS * order * np.linalg.norm(A)
    np.testing.assert_allclose(np.linalg.norm(found.V, axis=0), 1, rtol=64 * EPS)


@given(
    st.complex_numbers(max_magnitude=10), st.floats(0.1, 10), st.complex_numbers(max_magnitude=10)
)
def test_two_by_two_in_closed_form(a: complex, distance: float, b: complex) -> None:
    A = np.array([[a, b], [0, a + distance]])
    found = eigen.condeig(A)
    np.testing.assert_allclose(
        found.condition,
        np.hypot(1, abs(b) / distance),
        rtol=slack(A, found.Lambda, found.condition),
    )


@given(seeds, st.integers(2, 12))
def test_a_normal_matrix_has_condition_numbers_one(seed: int, order: int) -> None:
    Q, Lambda = unitary(seed, order), random(seed, order)[0]
    A = (Q * Lambda) @ Q.conj().T
    found = eigen.condeig(A)
    np.testing.assert_allclose(found.condition, 1, rtol=slack(A, found.Lambda, np.ones(1)))
    assert found.condition.min() >= 1


@pytest.mark.parametrize("size", [1e-300, 1, 1e300])
@pytest.mark.parametrize("value", [0.0, -0.5, 1e-300, 1j])
@pytest.mark.parametrize("order", [2, 3, 8, 24])
def test_a_jordan_block_has_infinite_condition_numbers(
    order: int, value: complex, size: float
) -> None:
    np.testing.assert_array_equal(eigen.condeig(size * jordan(order, value)).condition, np.inf)
    np.testing.assert_array_equal(eigen.condeig(size * jordan(order, value).T).condition, np.inf)


@pytest.mark.parametrize("value", [2 - 1j, 10.0, 1e5])
@pytest.mark.parametrize("order", [2, 3])
def test_a_jordan_block_far_from_zero_has_the_numbers_stated(order: int, value: complex) -> None:
    assert np.all(eigen.condeig(jordan(order, value)).condition >= 0.1 / (EPS * abs(value)))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_a_jordan_block_that_rounding_splits_has_the_numbers_stated(order: int) -> None:
    kappa = eigen.condeig(ZOO["rotated jordan"](order)).condition
    assert np.all(kappa > 0.01 * EPS ** (1 / order - 1))


def test_repeated_eigenvalues_need_not_be_ill_conditioned() -> None:
    for A in (np.zeros((3, 3)), np.eye(4), 2j * np.eye(2), np.array([[3.0]])):
        np.testing.assert_array_equal(eigen.condeig(A).condition, 1)


def legs_condition_numbers(order: int) -> list[int]:
    """kappa_j of HiPPO-LegS, j = 0 .. N-1, in closed form: of the eigenvalue -(j+1)."""
    return [comb(order + j, order - 1 - j) * comb(2 * j, j) for j in range(order)]


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_legs_has_the_condition_numbers_of_the_closed_form(order: int) -> None:
    A = hippo.legs(order).A
    found = eigen.condeig(A)
    rising = np.argsort(-found.Lambda.real)
    exact = np.array(legs_condition_numbers(order), dtype=float)
    np.testing.assert_allclose(found.condition[rising], exact, rtol=slack(A, found.Lambda, exact))


@pytest.mark.parametrize("order", [1, 2, 8, 16, 24])
def test_the_closed_form_for_legs_is_exact(order: int) -> None:
    """In rational numbers: diag(r)^{-1} A diag(r) has integer entries, r_n^2 = 2n + 1, and lengths
    squared are rational.
    """
    A = [
        [Fraction(-(2 * k + 1) * (n > k) - (n + 1) * (n == k)) for k in range(order)]
        for n in range(order)
    ]
    for j, kappa in enumerate(legs_condition_numbers(order)):
        x, y = [Fraction(0)] * order, [Fraction(0)] * order
        x[j] = y[j] = Fraction(1)
        for n in range(j + 1, order):
            x[n] = sum((A[n][k] * x[k] for k in range(j, n)), Fraction(0)) / (A[j][j] - A[n][n])
        for k in range(j - 1, -1, -1):
            y[k] = sum((y[n] * A[n][k] for n in range(k + 1, j + 1)), Fraction(0)) / (
                A[j][j] - A[k][k]
            )
        lengths = sum((2 * n + 1) * x[n] ** 2 for n in range(order)) * sum(
            y[n] ** 2 / (2 * n + 1) for n in range(order)
        )
        assert lengths / sum(a * b for a, b in zip(x, y, strict=True)) ** 2 == kappa**2


def legs_eigenvectors(order: int) -> Any:
    """V of A from the closed form, unit columns, in 60 digits: v_i = (-1)^i sqrt(2i+1) binom(i+j,
    2j).
    """
    V = mp.matrix(order, order)
    for j in range(order):
        column = [
            (-1) ** i * mp.sqrt(2 * i + 1) * mp.binomial(i + j, 2 * j) if i >= j else mp.zero
            for i in range(order)
        ]
        V[:, j] = mp.matrix(column) / mp.norm(mp.matrix(column))
    return V


@pytest.mark.parametrize(
    ("order", "unit", "scaled"),
    [
        (4, "86.112", "76.648"),
        (8, "7.7032e4", "5.8862e4"),
        (16, "8.3199e10", "5.3947e10"),
        (24, "9.8986e16", "5.8152e16"),
    ],
)
def test_legs_has_the_tabulated_conditioning(order: int, unit: str, scaled: str) -> None:
    V, kappa = legs_eigenvectors(order), legs_condition_numbers(order)
    D = mp.diag([mp.sqrt(k) for k in kappa])  # |e_j^* V^{-1}| / |V e_j| = kappa_j for unit columns
    assert float(reference.condition(V)) == pytest.approx(float(unit), rel=2e-5)
    assert float(reference.condition(V * D)) == pytest.approx(float(scaled), rel=2e-5)
    if order == 24:
        assert eigen.condition(np.array(V.tolist(), dtype=float)) == np.inf
        return
    V = np.array(V.tolist(), dtype=float)
    lost = order * EPS * float(unit)
    assert eigen.condition(V) == pytest.approx(float(unit), rel=2e-5 + lost)
    assert eigen.scaled_condition(V) == pytest.approx(sum(kappa), rel=4 * lost)
    np.testing.assert_allclose(eigen.condition_numbers(V), kappa, rtol=4 * lost)


@given(seeds, small, kinds)
def test_condition_numbers_are_lengths_of_rows_and_columns(
    seed: int, order: int, kind: str
) -> None:
    V = random(seed, order, kind)
    inverse = mp.inverse(mp.matrix(V.tolist()))
    expected = [float(mp.norm(inverse[j, :])) * np.linalg.norm(V[:, j]) for j in range(order)]
    rtol = 64 * EPS * order * eigen.condition(V)
    np.testing.assert_allclose(eigen.condition_numbers(V), expected, rtol=rtol)
    V_inv = np.array(inverse.tolist(), dtype=complex)
    np.testing.assert_allclose(eigen.condition_numbers(V, V_inv), expected, rtol=64 * EPS * order)


@given(seeds, st.integers(2, 8), kinds)
def test_condition_numbers_are_distances_to_the_other_vectors(
    seed: int, order: int, kind: str
) -> None:
    V = random(seed, order, kind)
    kappa = eigen.condition_numbers(V)
    for j in range(order):
        others = np.linalg.qr(np.delete(V, j, axis=1))[0]
        away = V[:, j] - others @ (others.conj().T @ V[:, j])
        assert kappa[j] == pytest.approx(
            np.linalg.norm(V[:, j]) / np.linalg.norm(away),
            rel=64 * EPS * order * eigen.condition(V),
        )


@given(seeds, small, kinds)
def test_lengths_of_eigenvectors_do_not_matter(seed: int, order: int, kind: str) -> None:
    V = random(seed, order, kind)
    D = 2.0 ** np.random.default_rng(seed).integers(-900, 900, order)
    np.testing.assert_allclose(
        eigen.condition_numbers(V * D),
        eigen.condition_numbers(V),
        rtol=64 * EPS * eigen.condition(V),
    )
    V_inv = np.linalg.inv(V)
    np.testing.assert_allclose(
        eigen.condition_numbers(V * D, V_inv / D[:, None]),
        eigen.condition_numbers(V, V_inv),
        rtol=64 * EPS,
    )


def test_only_dependent_columns_have_infinite_condition_numbers() -> None:
    V = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(eigen.condition_numbers(V)[[0, 1, 3]], np.inf)
    assert eigen.condition_numbers(V)[2] == pytest.approx(1, rel=64 * EPS)
    assert eigen.scaled_condition(V) == eigen.condition(V) == np.inf
    for seed in range(
        8
    ):  # where rounding leaves singular values of 1e-17, and all columns a part of 1e-16
        kappa = eigen.condition_numbers(unitary(seed, 4) @ V)
        np.testing.assert_array_equal(kappa[[0, 1, 3]], np.inf)
        assert kappa[2] == pytest.approx(1, rel=64 * EPS)


@given(seeds, small, kinds)
def test_the_sum_of_condition_numbers_is_the_least_that_scaling_can_reach(
    seed: int, order: int, kind: str
) -> None:
    V = random(seed, order, kind)
    kappa, W = eigen.condition_numbers(V), np.linalg.inv(V)
    least, rtol = eigen.scaled_condition(V), 64 * EPS * order * eigen.condition(V)

    def frobenius(D: np.ndarray) -> float:
        return float(np.linalg.norm(V * D) * np.linalg.norm(W / D[:, None]))

    best = np.sqrt(np.linalg.norm(W, axis=1) / np.linalg.norm(V, axis=0))
    assert frobenius(best) == pytest.approx(least, rel=rtol)
    for D in np.exp(np.random.default_rng(seed).standard_normal((8, order))):
        assert frobenius(D) >= least * (1 - rtol)
        assert eigen.condition(V * D) >= kappa.max() * (1 - rtol)
    assert eigen.condition(V * best) <= least * (1 + rtol)


@given(seeds, small, kinds)
def test_condition_is_the_quotient_of_singular_values(seed: int, order: int, kind: str) -> None:
    V = random(seed, order, kind)
    found = eigen.condition(V)
    assert found == pytest.approx(float(reference.condition(V)), rel=16 * EPS * order * found)
    assert eigen.condition(np.linalg.qr(V)[0]) == pytest.approx(1, abs=16 * EPS * order)


@pytest.mark.parametrize(
    "V", [np.zeros((2, 2)), np.ones((3, 3)), np.diag([1.0, 0]), 1e-320 * np.ones((2, 2))]
)
def test_a_singular_matrix_has_an_infinite_condition(V: np.ndarray) -> None:
    assert eigen.condition(V) == np.inf


# proofs


def sound(found: enclosures.Enclosure, exact: enclosures.Enclosure) -> None:
    """The discs of `found` hold the spectrum that `exact` knows better, and an isolated one holds
    one eigenvalue.
    """
    away = np.abs(exact.center[:, None] - found.center)
    near = away <= (found.radius + exact.radius[:, None]) * (1 + 8 * EPS)
    assert near.any(axis=1).all()
    np.testing.assert_array_equal(near.sum(axis=0)[found.isolated], 1)
    assert exact.center.real.max() <= found.abscissa + exact.radius.max()


@given(zoo)
def test_discs_hold_the_exact_spectrum(A: np.ndarray) -> None:
    Lambda, V = np.linalg.eig(A)
    sound(enclosures.discs(A, V, Lambda), enclosures.enclose(A))


@given(seeds, small, kinds, st.floats(1e-12, 1))
def test_discs_are_right_whatever_eigenvectors_they_are_given(
    seed: int, order: int, kind: str, wrong: float
) -> None:
    A = random(seed, order, kind)
    Lambda, V = np.linalg.eig(A)
    V, Lambda = V + wrong * random(seed + 1, order), Lambda + wrong * random(seed + 2, order)[0]
    sound(enclosures.discs(A, V, Lambda), enclosures.enclose(A))


def test_discs_hold_what_rounding_hides() -> None:
    """Here A V - V Lambda, as computed, is exactly zero, and the eigenvalues are 1 +- 2^-60."""
    tiny = 2.0**-60
    A, V = np.array([[1, tiny], [tiny, 1]]), np.array([[1.0, 1], [1, -1]])
    assert not (A @ V - V).any()
    found = enclosures.discs(A, V, np.ones(2))
    assert np.all(found.radius >= tiny)
    sound(found, enclosures.enclose(A))


def test_discs_hold_what_underflow_hides() -> None:
    """Here every product is zero, as computed, and the eigenvalues are 2^-1074."""
    found = enclosures.discs(5e-324 * np.eye(2), 0.4 * np.eye(2), np.zeros(2))
    assert np.all(found.radius >= 5e-324)


@given(seeds, st.integers(2, 5), st.floats(1e-14, 1e-6))
def test_radii_are_not_below_the_row_sums_they_stand_for(
    seed: int, order: int, least: float
) -> None:
    """Also where V^{-1} is known to a few digits only, or none: then V cannot be proved regular."""
    A, wrong = random(seed, order), random(seed + 1, order)[0]
    V = unitary(seed + 2, order) * np.geomspace(1, least, order) @ unitary(seed + 3, order)
    exact = mp.matrix(V.tolist())
    F = mp.inverse(exact) * mp.matrix(A.tolist()) * exact - mp.diag(wrong.tolist())
    for j, radius in enumerate(enclosures.discs(A, V, wrong).radius):
        assert mp.fsum(abs(F[j, k]) for k in range(order)) <= radius


def test_discs_hold_what_an_approximate_inverse_hides() -> None:
    """V is singular but for its last digits, so its computed inverse is none."""
    A = np.array([[1.0, 1e-6], [0, 2]])
    for nearly in (1e-15, 1e-13, 1e-10):
        sound(
            enclosures.discs(A, np.array([[1.0, 1], [1, 1 + nearly]]), np.array([1.0, 2])),
            enclosures.enclose(A),
        )


@given(seeds, orders, kinds)
def test_discs_are_as_small_as_stated(seed: int, order: int, kind: str) -> None:
    A = random(seed, order, kind)
    Lambda, V = np.linalg.eig(A)
    size = 16 * (order + 4) ** 2.5 * EPS * np.linalg.norm(A)
    assert np.all(enclosures.discs(A, V, Lambda).radius <= size * eigen.condition_numbers(V))


@pytest.mark.parametrize(
    "V",
    [np.zeros((2, 2)), np.ones((2, 2)), np.array([[1, 1], [1, 1 + EPS]]), 1e308 / 2 * np.eye(2)],
)
def test_discs_without_eigenvectors_prove_nothing(V: np.ndarray) -> None:
    found = enclosures.discs(np.diag([1e300, 2.0]), V, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found.radius, np.inf)
    assert found.abscissa == np.inf
    assert not found.isolated.any()


def test_discs_that_touch_are_not_isolated() -> None:
    A = np.diag([0.0, 1, 5])
    found = enclosures.discs(A, np.eye(3), np.array([0.25, 0.75, 5]) + 0j)
    np.testing.assert_allclose(found.radius, [0.25, 0.25, 0], atol=1e3 * EPS)
    np.testing.assert_array_equal(
        enclosures.discs(A, np.eye(3), np.array([0.5, 0.5, 5]) + 0j).isolated, [False, False, True]
    )
    np.testing.assert_array_equal(enclosures.discs(A, np.eye(3), np.diag(A)).isolated, True)


@given(seeds, st.integers(1, 24), kinds)
def test_a_triangular_matrix_has_its_diagonal_as_spectrum(seed: int, order: int, kind: str) -> None:
    A = np.triu(random(seed, order, kind))
    A[0, 0] = A[-1, -1]
    found = enclosures.enclose(A)
    held = np.abs(np.diag(A)[:, None] - found.center) <= found.radius
    assert held.any(axis=0).all()
    assert held.any(axis=1).all()
    np.testing.assert_array_equal(
        ~found.isolated, (order > 1) & (np.abs(found.center - A[-1, -1]) <= found.radius)
    )


@given(seeds, small, kinds)
def test_enclosures_hold_the_eigenvalues_of_the_reference(seed: int, order: int, kind: str) -> None:
    A = random(seed, order, kind)
    found = enclosures.enclose(A)
    for value in reference.eigenvalues(A):
        away = [abs(value - mp.convert(complex(c))) for c in found.center]
        assert (
            sum(distance <= radius for distance, radius in zip(away, found.radius, strict=True))
            == 1
        )
    assert found.isolated.all()


@given(zoo)
def test_enclosures_are_as_small_as_stated(A: np.ndarray) -> None:
    found = enclosures.enclose(A)
    assert np.all(found.radius <= 4 * EPS * np.abs(found.center) + 2.0**-200 * np.linalg.norm(A))
    assert len(found.center) == len(A)
    assert np.all(np.diff(found.center.imag) >= 0)
    trace, rounding = np.trace(A), len(A) ** 2 * EPS * np.linalg.norm(A)
    assert abs(found.center.sum() - trace) <= found.radius.sum() + 4 * rounding


@pytest.mark.parametrize("value", [0.0, -0.5, 1e-300, 3e100, 2 - 1j])
@pytest.mark.parametrize("order", [1, 2, 9, 40])
def test_a_jordan_block_has_one_eigenvalue_as_often_as_its_order(
    order: int, value: complex
) -> None:
    for A in (jordan(order, value), jordan(order, value).T):
        found = enclosures.enclose(A)
        assert len(found.center) == order
        assert np.all(np.abs(found.center - value) <= found.radius)
        assert np.all(found.radius <= 4 * EPS * abs(value) + 2.0**-200 * order)
        np.testing.assert_array_equal(found.isolated, order == 1)
        assert np.real(value) <= found.abscissa <= np.real(value) + EPS * abs(np.real(value))


@pytest.mark.parametrize("turn", [1.0, 1j, 1 + 1j])
@pytest.mark.parametrize("order", [1, 2, 17, 48])
def test_a_toeplitz_matrix_has_cosines_as_spectrum_however_far_from_normal(
    order: int, turn: complex
) -> None:
    found = enclosures.enclose(turn * toeplitz(order))
    turn = mp.convert(turn)
    for k in range(1, order + 1):
        value = turn * (2 * mp.cospi(mp.mpf(k) / (order + 1)) - 1)
        away = [
            abs(value - mp.convert(complex(c))) - r
            for c, r in zip(found.center, found.radius, strict=True)
        ]
        assert sum(distance <= 1e-50 for distance in away) == 1


def test_no_eigenvalue_is_lost_however_far_apart_the_entries_are() -> None:
    A = np.array([[1e-300 - 1e10j, 1.0], [0, 1e200 - 1j]])
    found = enclosures.enclose(A)
    assert np.all(np.abs(found.center - np.diag(A)) <= found.radius)
    assert np.all(found.radius <= 4 * EPS * np.abs(found.center) + 2.0**-200 * 1e200)
    assert np.abs(enclosures.enclose(A[:1, :1]).center - A[0, 0]) <= enclosures.enclose(A[:1, :1]).radius


@pytest.mark.parametrize("order", [1, 2, 8, 15])
def test_a_companion_matrix_has_the_roots_it_was_made_of(order: int) -> None:
    roots = np.arange(1, order + 1)
    found = enclosures.enclose(companion(roots))
    assert np.all(np.abs(np.sort(found.center.real) - roots) <= found.radius)
    assert found.isolated.all()
    assert order <= found.abscissa <= order * (1 + EPS)


@pytest.mark.parametrize("order", [2, 7, 16])
def test_eigenvalues_of_frank_are_reciprocal_in_pairs(order: int) -> None:
    found = enclosures.enclose(frank(order))
    np.testing.assert_allclose(found.center[::-1].real * found.center.real, 1, rtol=16 * EPS)
    assert np.all(np.abs(found.center.imag) <= found.radius)


@given(seeds, small)
def test_undamped_systems_have_abscissa_zero_however_fast_they_are(seed: int, order: int) -> None:
    S = 2.0**40 * random(seed, order, "real")
    found = enclosures.enclose(S - S.T)
    assert 0 <= found.abscissa <= 2.0**-200


@given(zoo)
def test_no_eigenvalue_is_to_the_right_of_a_proved_abscissa(A: np.ndarray) -> None:
    exact = enclosures.enclose(A)
    assert exact.center.real.max() - exact.radius.max() <= exact.abscissa
    assert exact.center.real.max() - exact.radius.max() <= enclosures.proved_abscissa(A)


@given(seeds, orders, kinds)
def test_a_proved_abscissa_is_sharp_where_eigenvectors_are_well_conditioned(
    seed: int, order: int, kind: str
) -> None:
    A = random(seed, order, kind)
    lost = (
        16 * (order + 4) ** 2.5 * EPS * float(np.linalg.norm(A)) * eigen.condeig(A).condition.max()
    )
    assert enclosures.proved_abscissa(A) <= enclosures.enclose(A).abscissa + lost


@pytest.mark.parametrize("order", [2, 16, 64, 256])
def test_legs_is_proved_stable_by_its_numerical_range(order: int) -> None:
    A = hippo.legs(order).A
    lost = 16 * (order + 4) ** 2.5 * EPS * float(np.linalg.norm(A))
    assert enclosures.proved_abscissa(A) <= -0.5 + lost
    assert (
        order < 64 or enclosures.proved_abscissa(A) >= -0.5 - lost
    )  # discs give less than -0.5 while they are small
    Q = unitary(order, order)
    assert enclosures.proved_abscissa(Q @ A @ Q.conj().T) <= -0.5 + lost


@given(lossless, orders, taus)
def test_a_perturbed_model_is_proved_stable(measure: str, order: int, tau: float) -> None:
    found = perturb.lossless(nplr(measure, order), tau=tau)
    A = found.system.A + found.E
    lost = 16 * (order + 4) ** 2.5 * EPS * float(np.linalg.norm(found.system.A))
    axis = {"legs": -0.5, "tlagt": -0.5}.get(measure, 0.0)
    assert enclosures.proved_abscissa(A) <= axis + lost
    exact = enclosures.enclose(A)
    sound(enclosures.discs(A, found.V, found.Lambda), exact)
    assert exact.abscissa == pytest.approx(found.abscissa, abs=lost * found.condition)


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e-160, 1e150, 1e300, 2e307])
@pytest.mark.parametrize("name", sorted(ZOO))
def test_neither_large_nor_small_numbers_make_a_proof_wrong(name: str, size: float) -> None:
    A = ZOO[name](3)
    A = size * (A / np.abs(A).max() if A.any() else A)
    exact, found = enclosures.enclose(A), eigen.condeig(A)
    assert not np.isnan(found.condition).any()
    assert np.all(found.condition >= 1)
    assert exact.center.real.max() - exact.radius.max() <= enclosures.proved_abscissa(A)
    sound(enclosures.discs(A, found.V, found.Lambda), exact)


# refusals

two = np.eye(2)
CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "a word": (lambda: eigen.condeig("I"), "`A` must hold integers or numbers .*; got str"),
    "objects": (
        lambda: enclosures.enclose(np.eye(2, dtype=object)),
        "`A` must hold integers or numbers of at most double precision; got object",
    ),
    "NaN": (lambda: enclosures.proved_abscissa(two * np.nan), "`A` must be finite; got nan"),
    "a row of numbers": (
        lambda: eigen.condition(np.ones(3)),
        r"`V` must have shape \(N, N\) with at least one row; got \(3,\)",
    ),
    "a rectangle": (
        lambda: eigen.scaled_condition(np.ones((3, 2))),
        r"`V` must have shape .*; got \(3, 2\)",
    ),
    "nothing": (lambda: eigen.condeig(np.ones((0, 0))), r"got \(0, 0\)"),
    "overflow": (
        lambda: enclosures.enclose(1e308 * np.ones((2, 2))),
        "must have row sums below 1.8e.308; got some that overflow",
    ),
    "another inverse": (
        lambda: eigen.condition_numbers(two, np.eye(3)),
        r"`V_inv` must have shape .* N = 2 from `V`; got \(3, 3",
    ),
    "other eigenvectors": (
        lambda: enclosures.discs(two, np.eye(3), np.ones(2)),
        r"`V` must have shape .* N = 2 from `A`; got \(3, 3",
    ),
    "other eigenvalues": (
        lambda: enclosures.discs(two, two, np.ones(3)),
        r"`Lambda` must have shape .* N = 2 from `A`; got \(3,\)",
    ),
    "infinite eigenvalues": (
        lambda: enclosures.discs(two, two, np.array([1, np.inf])),
        "`Lambda` must be finite; got inf",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_a_sentence(case: str) -> None:
    call, sentence = CASES[case]
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def test_single_precision_is_taken_exactly() -> None:
    A = np.array([[0.1, 1.0], [0.0, 0.3]], dtype=np.float32)
    assert np.all(
        np.abs(enclosures.enclose(A).center - np.diag(A).astype(float)) <= enclosures.enclose(A).radius
    )
    for single, double in zip(eigen.condeig(A), eigen.condeig(A.astype(float)), strict=True):
        np.testing.assert_array_equal(single, double)


def test_enclose_names_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(
        ImportError, match=r"needs python-flint; got none .*pip install 'ssmlinalg\[flint\]'"
    ):
        enclosures.enclose(two)


def test_enclose_leaves_the_precision_of_flint_alone() -> None:
    import flint

    with flint.ctx.workprec(71):
        enclosures.enclose(two)
        assert flint.ctx.prec == 71
