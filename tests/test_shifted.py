"""Shifted triangular systems are solved as exactly as one at a time."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from gallery import random
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, seeds

from ssmlinalg import hippo, reference
from ssmlinalg.matrices import shifted

sizes = st.integers(1, 90)  # of one leaf, and of several
MATRICES = ("real", "complex", "legs")


def upper(kind: str, seed: int, order: int) -> np.ndarray:
    """A complex array, upper triangular."""
    if kind == "legs":
        return hippo.legs(order).A[::-1, ::-1] + 0j
    return np.triu(random(seed, order, imag=kind == "complex")) / np.sqrt(order) + 0j


def backward_error(M: np.ndarray, x: np.ndarray, b: np.ndarray) -> float:
    """The smallest change of the entries of M, relative to each, that makes x exact (Oettli &
    Prager 1964).
    """
    allowed = np.abs(M) @ np.abs(x)
    return float(np.max(np.abs(M @ x - b) / np.where(allowed == 0, 1, allowed)))


@given(st.sampled_from(MATRICES), seeds, sizes, st.sampled_from([(), (1,), (3,), (2, 2)]))
def test_every_solution_is_exact_for_entries_changed_by_rounding(
    kind: str, seed: int, order: int, inputs: tuple[int, ...]
) -> None:
    T = upper(kind, seed, order)
    rng = np.random.default_rng(seed)
    s = 3 * rng.standard_normal(5) + 1j * rng.standard_normal(5) + 4
    B = rng.standard_normal((order, *inputs, 5))
    kept = B.copy()
    for solve, of in ((shifted.solve, lambda M: M), (shifted.solve_adjoint, lambda M: M.conj().T)):
        X = solve(T, B, s)
        assert X.shape == B.shape
        for k in range(5):
            M = of(s[k] * np.eye(order) - T)
            solutions = X[..., k].reshape(order, -1).T
            sides = B[..., k].reshape(order, -1).T
            for x, b in zip(solutions, sides, strict=True):
                assert backward_error(M, x, b) <= 8 * EPS * order
    np.testing.assert_array_equal(B, kept)


@pytest.mark.parametrize("order", [12, 40])
def test_legs_is_solved_to_its_closed_form(order: int) -> None:
    """x_n = sqrt(2n+1)/(s+n+1) prod_{m<n} (s-m)/(s+m+1), s in the right half plane."""
    A, B, _ = hippo.legs(order)
    s = np.array([3.7 + 0.4j, 0.2 + 9.1j])
    T, Q = shifted.triangular(A)
    drive = np.repeat((Q.conj().T @ B)[:, None], 2, axis=1)
    X = Q @ shifted.solve(T, drive, s)
    for k, z in enumerate(s.tolist()):
        exact = [complex(value) for value in reference.legs_state(order, z, digits=30)]
        condition = np.linalg.cond(z * np.eye(order) - A)
        assert np.all(np.abs(X[:, k] - exact) <= 64 * EPS * order * condition)


@given(seeds, st.integers(1, 12), st.sampled_from(["real", "complex", "upper", "lower"]))
def test_the_triangular_form_is_similar_by_a_unitary_matrix(
    seed: int, order: int, kind: str
) -> None:
    A = random(seed, order, imag=kind == "complex")
    A = {"upper": np.triu, "lower": np.tril}.get(kind, lambda M: M)(A)
    T, Q = shifted.triangular(A)
    np.testing.assert_array_equal(T, np.triu(T))
    scale = np.linalg.norm(A)
    rounding = 0.0 if kind in ("upper", "lower") else 16 * EPS * order * scale
    assert np.linalg.norm(Q @ T @ Q.conj().T - A) <= rounding
    assert np.linalg.norm(Q.conj().T @ Q - np.eye(order)) <= 16 * EPS * order


def test_a_matrix_is_plain_when_it_is_real_or_has_its_rows_in_order() -> None:
    T = np.triu(np.arange(9.0).reshape(3, 3)) + 0j
    assert shifted.plain(T).dtype == np.float64
    assert shifted.plain(T + 1j * T).dtype == np.complex128
    assert shifted.plain(T.T[::-1, ::-1]).flags.c_contiguous


def test_one_solution_is_that_of_a_triangular_solver() -> None:
    T = upper("complex", 3, 70)
    b = np.random.default_rng(3).standard_normal(70)
    x = scipy.linalg.solve_triangular(5 * np.eye(70) - T, b)
    found = shifted.solve(T, b[:, None], np.array([5.0]))[:, 0]
    np.testing.assert_allclose(found, x, rtol=0, atol=64 * EPS * 70)
