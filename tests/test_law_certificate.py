"""The proof of kappa(V) <= c is about what the library builds, and says where it fails."""

from __future__ import annotations

import math
import sys
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import EPS

from ssmlinalg import hippo, perturb
from ssmlinalg.matrices.enclosures import proved_largest

several = st.integers(2, 12)
# R(c) = M(log c)/log c of an independent program.
EXPONENTS = {(8, 9.0): 0.880, (8, 19.0): 0.883, (33, 9.0): 0.97026, (33, 19.0): 0.97037}
LAST_DIGIT = {8: 5e-4, 33: 5e-6}


def orthogonal(order: int, C: complex) -> np.ndarray:
    """Eigenvectors of A + tau P P^T, tau = 2/(C + 1), by LAPACK, scaled so that V^T V = I in the
    eigenbasis of the normal part, where the matrix is complex symmetric.
    """
    A, _, P = hippo.legs(order)
    w, U = np.linalg.eigh(-1j * (A + P @ P.T + np.eye(order) / 2))
    p = np.abs(U.conj().T @ P[:, 0])
    tau = 2 / (C + 1)
    V = np.linalg.eig(np.diag(1j * w) - (1 - tau) * np.outer(p, p))[1]
    return V / np.sqrt(np.sum(V * V, axis=0))


def condition(order: int, C: complex) -> float:
    return float(np.linalg.norm(orthogonal(order, C), 2) ** 2)


@pytest.mark.parametrize(("order", "c"), EXPONENTS)
def test_the_exponent_is_that_of_another_program(order: int, c: float) -> None:
    law = perturb.proved_law(order, c)
    assert law.attained == pytest.approx(EXPONENTS[order, c], abs=LAST_DIGIT[order])
    assert law.attained <= law.exponent < 1


@given(several, st.floats(0.05, 0.9), st.floats(0, 1), st.floats(-1, 1))
@settings(max_examples=8)
def test_the_condition_is_below_the_exponent_on_and_inside_the_circle(
    order: int, share: float, within: float, turn: float
) -> None:
    """In the scaling V^T V = I, for every complex C with 1 < |C| <= c."""
    c = 1 + share * (2 * math.e * order - 1)
    law = perturb.proved_law(order, c)
    modulus = c ** max(within, 1e-3)
    C = modulus * np.exp(1j * math.pi * turn)
    assume(abs(C + 1) > 1e-3)
    kappa = condition(order, complex(C))
    assert math.log(kappa) <= law.exponent * math.log(modulus) + 256 * EPS * order * kappa**2


@given(several, st.sampled_from([1, -1]), st.floats(1.5, 12))
@settings(max_examples=12)
def test_no_scaling_of_columns_has_a_smaller_condition(order: int, sign: int, c: float) -> None:
    Q = orthogonal(order, sign * c)
    kappa = np.linalg.norm(Q, 2) ** 2
    rng = np.random.default_rng(order)
    for scales in (1 / np.linalg.norm(Q, axis=0), np.exp(rng.standard_normal(order))):
        assert np.linalg.cond(Q * scales) >= kappa * (1 - 64 * EPS * order * kappa)


@pytest.mark.parametrize("order", [2, 5])
def test_the_exponent_never_falls(order: int) -> None:
    """By convexity: attained at growing c."""
    top = perturb.proved_law(order).critical
    found = [perturb.proved_law(order, c).attained for c in np.geomspace(1.5, 0.9 * top, 5)]
    assert np.all(np.diff(found) >= -64 * EPS * order)


@pytest.mark.parametrize("order", range(2, 9))
def test_the_first_critical_value_is_where_two_eigenvalues_meet(order: int) -> None:
    with mpmath.workdps(30):
        a = [mpmath.mpf(n) + 0.5 for n in range(order)]

        def slope(x: Any) -> Any:
            return mpmath.fsum(n / (x**2 - n**2) for n in a)

        how = {"solver": "anderson", "tol": 1e-25, "maxsteps": 200, "verify": False}
        x = mpmath.findroot(slope, (0.5 + 1e-9, 1.5 - 1e-9), **how)
        met = float(mpmath.fprod((x + n) / abs(x - n) for n in a))
    critical = perturb.proved_law(order, 1.5).critical
    assert met * (1 - 1e-9) <= critical <= met * (1 + EPS)


def test_where_the_law_is_broken_nothing_is_proved() -> None:
    critical = perturb.proved_law(8, 2.0).critical
    law = perturb.proved_law(8, 0.99 * critical)
    assert 1 < law.attained <= law.exponent
    assert perturb.proved_unit_columns(law) == 1


@pytest.mark.parametrize(("order", "c"), [(2, 9.0), (3, 16.0), (4, 16.0), (8, 16.0)])
def test_unit_columns_keep_the_law_as_far_as_it_says(order: int, c: float) -> None:
    reach = perturb.proved_unit_columns(perturb.proved_law(order, c))
    assert reach == pytest.approx(c, rel=64 * EPS)
    A, _, P = hippo.legs(order)
    for one in np.geomspace(1.01, reach, 40):
        for tau in (2 / (one + 1), -2 / (one - 1)):
            V = np.linalg.eig(A + tau * P @ P.T)[1]
            kappa = np.linalg.cond(V)
            assert kappa <= one * (1 + 64 * EPS * order * kappa**2)


def test_unit_columns_are_told_apart_from_the_best_scaling() -> None:
    """Near where eigenvalues meet the best scaling is below c and unit columns are above."""
    law = perturb.proved_law(6)
    A, _, P = hippo.legs(6)
    tau = 2 / (law.c + 1)
    assert law.exponent < 1
    assert np.linalg.cond(np.linalg.eig(A + tau * P @ P.T)[1]) > law.c
    assert perturb.proved_unit_columns(law) < 0.9 * law.c


@given(st.integers(1, 12), st.integers(0, 2**20))
def test_a_largest_eigenvalue_is_bounded(order: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    H = rng.standard_normal((order, order)) + 1j * rng.standard_normal((order, order))
    H += H.conj().T
    largest = np.linalg.eigvalsh(H)[-1]
    room = 64 * EPS * order**2.5 * np.linalg.norm(H)
    assert largest - room <= proved_largest(H) <= largest + room


def test_what_cannot_be_proved_about_is_refused(monkeypatch: Any) -> None:
    with pytest.raises(ValueError, match=r"`c` must be below the first c .* got 14 at order 2"):
        perturb.proved_law(2, 14.0)
    with pytest.raises(ValueError, match="`order`"):
        perturb.proved_law(1)
    with pytest.raises(TypeError, match="`law`"):
        perturb.proved_unit_columns(3.0)  # pyright: ignore[reportArgumentType]
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(ImportError, match=r"needs python-flint; got none .*ssmlinalg\[flint\]"):
        perturb.proved_law(2)
