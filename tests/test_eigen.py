"""Condition numbers of eigenvalues are those of exact eigenvectors, and of bases the least."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb
from typing import Any

import mpmath
import numpy as np
import pytest
from gallery import jordan, normal, random, rotated, unitary
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, seeds

from ssmlinalg import hippo, reference
from ssmlinalg.matrices import condeig, condition, condition_numbers, scaled_condition

mp = mpmath.MPContext()
mp.dps = 60

PRINTED = 2e-5  # half of the last digit of a number printed with five
fields = st.booleans()
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


@given(seeds, small, fields)
def test_condition_numbers_are_those_of_the_exact_eigenvectors(
    seed: int, order: int, imag: bool
) -> None:
    A = random(seed, order, imag=imag)
    found = condeig(A)
    if order == 1:
        np.testing.assert_array_equal(found.condition, 1)
        return
    exact, left, right = mp.eig(mp.matrix(A.tolist()), left=True, right=True)
    for j, value in enumerate(exact):
        x = right[:, j]
        y = left[j, :]
        kappa = float(mp.norm(x) * mp.norm(y) / abs((y * x)[0]))
        nearest = np.argmin(np.abs(found.Lambda - complex(value)))
        assert found.condition[nearest] == pytest.approx(
            kappa, rel=slack(A, found.Lambda, found.condition)
        )


@given(seeds, small, fields)
def test_condeig_returns_unit_eigenvectors(seed: int, order: int, imag: bool) -> None:
    A = random(seed, order, imag=imag)
    found = condeig(A)
    assert np.linalg.norm(
        A @ found.V - found.V * found.Lambda
    ) <= 64 * EPS * order * np.linalg.norm(A)
    np.testing.assert_allclose(np.linalg.norm(found.V, axis=0), 1, rtol=64 * EPS)


@given(
    st.complex_numbers(max_magnitude=10), st.floats(0.1, 10), st.complex_numbers(max_magnitude=10)
)
def test_two_by_two_in_closed_form(a: complex, distance: float, b: complex) -> None:
    A = np.array([[a, b], [0, a + distance]])
    found = condeig(A)
    np.testing.assert_allclose(
        found.condition,
        np.hypot(1, abs(b) / distance),
        rtol=slack(A, found.Lambda, found.condition),
    )


@given(seeds, st.integers(2, 12))
def test_a_normal_matrix_has_condition_numbers_one(seed: int, order: int) -> None:
    A = normal(seed, random(seed, order)[0])
    found = condeig(A)
    np.testing.assert_allclose(found.condition, 1, rtol=slack(A, found.Lambda, np.ones(1)))
    assert found.condition.min() >= 1


@pytest.mark.parametrize("size", [1e-300, 1, 1e300])
@pytest.mark.parametrize("value", [0.0, -0.5, 1e-300, 1j])
@pytest.mark.parametrize("order", [2, 3, 8, 24])
def test_a_jordan_block_has_infinite_condition_numbers(
    order: int, value: complex, size: float
) -> None:
    np.testing.assert_array_equal(condeig(size * jordan(order, value)).condition, np.inf)
    np.testing.assert_array_equal(condeig(size * jordan(order, value).T).condition, np.inf)


@pytest.mark.parametrize("value", [2 - 1j, 10.0, 1e5])
@pytest.mark.parametrize("order", [2, 3])
def test_a_jordan_block_far_from_zero_has_the_numbers_stated(order: int, value: complex) -> None:
    assert np.all(condeig(jordan(order, value)).condition >= 0.1 / (EPS * abs(value)))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_a_jordan_block_that_rounding_splits_has_the_numbers_stated(order: int) -> None:
    kappa = condeig(rotated(jordan(order))).condition
    assert np.all(kappa > 0.01 * EPS ** (1 / order - 1))


def test_repeated_eigenvalues_need_not_be_ill_conditioned() -> None:
    for A in (np.zeros((3, 3)), np.eye(4), 2j * np.eye(2), np.array([[3.0]])):
        np.testing.assert_array_equal(condeig(A).condition, 1)


def legs_condition_numbers(order: int) -> list[int]:
    """kappa_j of HiPPO-LegS, j = 0 .. N-1, in closed form: of the eigenvalue -(j+1)."""
    return [comb(order + j, order - 1 - j) * comb(2 * j, j) for j in range(order)]


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_legs_has_the_condition_numbers_of_the_closed_form(order: int) -> None:
    A = hippo.legs(order).A
    found = condeig(A)
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
        x = [Fraction(0)] * order
        y = [Fraction(0)] * order
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
    V = legs_eigenvectors(order)
    kappa = legs_condition_numbers(order)
    D = mp.diag([mp.sqrt(k) for k in kappa])  # |e_j^* V^{-1}| / |V e_j| = kappa_j for unit columns
    exact = float(reference.condition(V))
    assert exact == pytest.approx(float(unit), rel=PRINTED)
    assert hippo.legs_condition(order) == pytest.approx(exact, rel=16 * EPS * order)
    assert float(reference.condition(V * D)) == pytest.approx(float(scaled), rel=PRINTED)
    if order == 24:
        assert condition(np.array(V.tolist(), dtype=float)) == np.inf
        return
    V = np.array(V.tolist(), dtype=float)
    lost = order * EPS * float(unit)
    assert condition(V) == pytest.approx(float(unit), rel=PRINTED + lost)
    assert scaled_condition(V) == pytest.approx(sum(kappa), rel=4 * lost)
    np.testing.assert_allclose(condition_numbers(V), kappa, rtol=4 * lost)


@given(seeds, small, fields)
def test_condition_numbers_are_lengths_of_rows_and_columns(
    seed: int, order: int, imag: bool
) -> None:
    V = random(seed, order, imag=imag)
    inverse = mp.inverse(mp.matrix(V.tolist()))
    expected = [float(mp.norm(inverse[j, :])) * np.linalg.norm(V[:, j]) for j in range(order)]
    rtol = 64 * EPS * order * condition(V)
    np.testing.assert_allclose(condition_numbers(V), expected, rtol=rtol)
    V_inv = np.array(inverse.tolist(), dtype=complex)
    np.testing.assert_allclose(condition_numbers(V, V_inv), expected, rtol=64 * EPS * order)


@given(seeds, st.integers(2, 8), fields)
def test_condition_numbers_are_distances_to_the_other_vectors(
    seed: int, order: int, imag: bool
) -> None:
    V = random(seed, order, imag=imag)
    kappa = condition_numbers(V)
    for j in range(order):
        others = np.linalg.qr(np.delete(V, j, axis=1))[0]
        away = V[:, j] - others @ (others.conj().T @ V[:, j])
        assert kappa[j] == pytest.approx(
            np.linalg.norm(V[:, j]) / np.linalg.norm(away),
            rel=64 * EPS * order * condition(V),
        )


@given(seeds, small, fields)
def test_lengths_of_eigenvectors_do_not_matter(seed: int, order: int, imag: bool) -> None:
    V = random(seed, order, imag=imag)
    D = 2.0 ** np.random.default_rng(seed).integers(-900, 900, order)
    np.testing.assert_allclose(
        condition_numbers(V * D),
        condition_numbers(V),
        rtol=64 * EPS * condition(V),
    )
    V_inv = np.linalg.inv(V)
    np.testing.assert_allclose(
        condition_numbers(V * D, V_inv / D[:, None]),
        condition_numbers(V, V_inv),
        rtol=64 * EPS,
    )


def test_only_dependent_columns_have_infinite_condition_numbers() -> None:
    V = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(condition_numbers(V)[[0, 1, 3]], np.inf)
    assert condition_numbers(V)[2] == pytest.approx(1, rel=64 * EPS)
    assert scaled_condition(V) == condition(V) == np.inf
    # Rounding leaves singular values of 1e-17, and all columns a part of 1e-16.
    for seed in range(8):
        kappa = condition_numbers(unitary(seed, 4) @ V)
        np.testing.assert_array_equal(kappa[[0, 1, 3]], np.inf)
        assert kappa[2] == pytest.approx(1, rel=64 * EPS)


@given(seeds, small, fields)
def test_the_sum_of_condition_numbers_is_the_least_that_scaling_can_reach(
    seed: int, order: int, imag: bool
) -> None:
    V = random(seed, order, imag=imag)
    kappa = condition_numbers(V)
    W = np.linalg.inv(V)
    least = scaled_condition(V)
    rtol = 64 * EPS * order * condition(V)

    def frobenius(D: np.ndarray) -> float:
        return float(np.linalg.norm(V * D) * np.linalg.norm(W / D[:, None]))

    best = np.sqrt(np.linalg.norm(W, axis=1) / np.linalg.norm(V, axis=0))
    assert frobenius(best) == pytest.approx(least, rel=rtol)
    for D in np.exp(np.random.default_rng(seed).standard_normal((8, order))):
        assert frobenius(D) >= least * (1 - rtol)
        assert condition(V * D) >= kappa.max() * (1 - rtol)
    assert condition(V * best) <= least * (1 + rtol)


@given(seeds, small, fields)
def test_condition_is_the_quotient_of_singular_values(seed: int, order: int, imag: bool) -> None:
    V = random(seed, order, imag=imag)
    found = condition(V)
    assert found == pytest.approx(float(reference.condition(V)), rel=16 * EPS * order * found)
    assert condition(np.linalg.qr(V)[0]) == pytest.approx(1, abs=16 * EPS * order)


@pytest.mark.parametrize(
    "V", [np.zeros((2, 2)), np.ones((3, 3)), np.diag([1.0, 0]), 1e-320 * np.ones((2, 2))]
)
def test_a_singular_matrix_has_an_infinite_condition(V: np.ndarray) -> None:
    assert condition(V) == np.inf


# Refusals

two = np.eye(2)
CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "a word": (lambda: condeig("I"), "`A` must hold integers or numbers .*; got str"),
    "a row of numbers": (
        lambda: condition(np.ones(3)),
        r"`V` must have shape \(N, M\) with at least one row and M >= N; got \(3,\)",
    ),
    "a rectangle": (
        lambda: scaled_condition(np.ones((3, 2))),
        r"`V` must have shape .*; got \(3, 2\)",
    ),
    "nothing": (lambda: condeig(np.ones((0, 0))), r"got \(0, 0\)"),
    "another inverse": (
        lambda: condition_numbers(two, np.eye(3)),
        r"`V_inv` must have shape \(2, 2\), that of `V` transposed; got \(3, 3",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_a_sentence(case: str) -> None:
    call, sentence = CASES[case]
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def test_single_precision_is_taken_exactly() -> None:
    A = np.array([[0.1, 1.0], [0.0, 0.3]], dtype=np.float32)
    for single, double in zip(condeig(A), condeig(A.astype(float)), strict=True):
        np.testing.assert_array_equal(single, double)
