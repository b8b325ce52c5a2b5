"""How the conditioning of A + tau P P^T depends on c = 2/tau - 1: the law and its windows."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, lossless, nplr, taus

from ssmlinalg import decompose, hippo, perturb
from ssmlinalg.forms import NPLR

several = st.integers(2, 24)


def condition(measure: str, order: int, c: float) -> float:
    """kappa(V) of A + tau P P^T, c = 2/tau - 1."""
    return perturb.lossless(nplr(measure, order), tau=2 / (c + 1)).condition


def unstructured(system: NPLR, tau: float) -> float:
    """The same by LAPACK, for P of any number of columns."""
    V = np.linalg.eig(system.A + tau * system.P @ system.P.T)[1]
    return float(np.linalg.cond(V / np.linalg.norm(V, axis=0)))


def meeting(order: int, k: int) -> float:
    """c where two eigenvalues of `legs` meet in the gap (k - 1/2, k + 1/2): the least |Phi(-x)|
    there, in 30 digits.
    """
    with mpmath.workdps(30):
        a = [mpmath.mpf(n) + 0.5 for n in range(order)]
        margin = mpmath.mpf(10) ** -12
        ends = (mpmath.mpf(k) - 0.5 + margin, mpmath.mpf(k) + 0.5 - margin)

        def slope(x: Any) -> Any:
            return mpmath.fsum(n / (x**2 - n**2) for n in a)

        how = {"solver": "anderson", "tol": 1e-25, "maxsteps": 200, "verify": False}
        x = mpmath.findroot(slope, ends, **how)
        return float(mpmath.fprod((x + n) / abs(x - n) for n in a))


def meetings(order: int) -> list[float]:
    return sorted(meeting(order, k) for k in range(1, order) if (order - k) % 2)


def safe(order: int) -> float:
    """A c below the first window of `legs`."""
    growth = math.log(order) + (0.5772 if order % 2 == 0 else -0.4228)
    return 4 * order ** (1 if order % 2 == 0 else 3) * growth


def derivative(system: NPLR, Lambda: np.ndarray, c: float) -> np.ndarray:
    """d log Phi/ds at the eigenvalues, where Phi = -c: Phi' = 2 P^T (s - A)^{-2} P, by dense
    solves.
    """
    P = system.P[:, 0]
    resolvent = np.linalg.inv(Lambda[:, None, None] * np.eye(len(P)) - system.A)
    return -2 / c * np.einsum("n,snk,skm,m->s", P, resolvent, resolvent, P)


# One column: legs


@given(st.floats(1e-4, 1))
def test_order_two_has_its_condition_in_closed_form(tau: float) -> None:
    """z^2 + 2 (1 - tau) z + 3/4 = 0, and kappa^2 = (1 + g)/(1 - g) with g the cosine between the
    two eigenvectors.
    """
    rho = 1 - tau
    g = 2 * rho / math.sqrt(3) if rho < math.sqrt(3) / 2 else math.sqrt(3) / (2 * rho)
    assume(1 - g > 1e-8)
    kappa = math.sqrt((1 + g) / (1 - g))
    assert condition("legs", 2, 2 / tau - 1) == pytest.approx(kappa, rel=64 * EPS * kappa**2)


def test_the_window_of_order_two_is_known_exactly() -> None:
    low = 1 - math.sqrt(math.sqrt(3) / (4 - math.sqrt(3)))
    high = 1 - math.sqrt(math.sqrt(3) - 1)
    for tau in (low, high):
        c = 2 / tau - 1
        assert condition("legs", 2, c) == pytest.approx(c, rel=64 * EPS * c**2)
    for tau in np.linspace(low, high, 12)[1:-1]:
        assert condition("legs", 2, 2 / tau - 1) > 2 / tau - 1
    for tau in [*np.geomspace(1e-4, low, 30)[:-1], *np.geomspace(high, 0.999, 30)[1:]]:
        assert condition("legs", 2, 2 / tau - 1) < 2 / tau - 1


@pytest.mark.parametrize("order", range(2, 13))
def test_eigenvalues_of_legs_meet_once_in_every_second_gap_and_stay_real(order: int) -> None:
    met = meetings(order)
    assert len(met) == order // 2
    for c in (c * side for c in met if c < 1e5 for side in (0.99, 1.01)):
        Lambda = perturb.lossless(hippo.legs(order), tau=2 / (c + 1)).Lambda
        real = np.count_nonzero(Lambda.imag == 0)
        assert real == order % 2 + 2 * sum(other < c for other in met)


@pytest.mark.parametrize("order", range(2, 13))
def test_every_meeting_is_in_a_window(order: int) -> None:
    for c in (c for c in meetings(order) if c < 1e5):
        assert condition("legs", order, c * (1 + 1e-4)) > c
        assert condition("legs", order, c * (1 - 1e-4)) > c


@pytest.mark.parametrize("order", [2, 4, 8, 16, 32, 64])
def test_the_law_of_even_orders_hits_the_first_window(order: int) -> None:
    c = 2 * math.e * order * (math.log(order) + np.euler_gamma)
    assert meeting(order, 1) == pytest.approx(c, rel=0.01)
    assert condition("legs", order, c) > c


@pytest.mark.parametrize("order", [9, 17, 33, 65])
def test_odd_orders_are_safe_for_much_longer(order: int) -> None:
    c = 2 * math.e * order**3 * (math.log(order) + np.euler_gamma - 1)
    assert meeting(order, 2) == pytest.approx(c, rel=0.5 / math.sqrt(order))
    assert meetings(order)[0] == meeting(order, 2)


@given(several, st.floats(0.001, 1))
def test_legs_is_below_c_before_its_first_window(order: int, part: float) -> None:
    c = min(safe(order), 1e5) ** part
    assert condition("legs", order, c) <= c * (1 + 64 * EPS * order * c)


@given(several, st.floats(0.01, 1))
def test_legs_keeps_to_the_power_while_c_is_at_most_the_order(order: int, part: float) -> None:
    c = order**part
    law = c ** ((order - 1) / order)
    assert condition("legs", order, c) == pytest.approx(law, rel=0.16 / order)


# One column: every measure


@given(st.sampled_from(["lagt", "tlagt"]), several, st.floats(1.1, 300))
def test_repeated_sections_have_the_power_exactly(measure: str, order: int, c: float) -> None:
    law = c ** ((order - 1) / order)
    assert condition(measure, order, c) == pytest.approx(law, rel=64 * EPS * order * c)


@given(st.integers(3, 40), st.floats(1.1, 1e3))
def test_fout_is_below_c_by_a_factor_that_grows_with_c(order: int, c: float) -> None:
    assert condition("fout", order, c) < c
    assert condition("fout", order, 2 * c) / 2 < condition("fout", order, c)


@given(lossless, several, taus)
def test_the_condition_lies_between_those_of_the_eigenvalues(
    measure: str, order: int, tau: float
) -> None:
    """max K <= kappa(V) <= max K lambda_max(G), kappa(V)^2 = lambda_max(G) lambda_max(K G K), prod
    K = 1/det G.
    """
    found = perturb.lossless(nplr(measure, order), tau=tau)
    G = found.V.conj().T @ found.V
    K = np.linalg.norm(found.V_inv, axis=1)
    slack = 1 + 64 * EPS * order * found.condition**2
    top = np.linalg.eigvalsh(G)[-1]
    assert K.max() <= found.condition * slack
    assert found.condition <= K.max() * top * slack
    both = math.sqrt(top * np.linalg.eigvalsh(K[:, None] * G * K)[-1])
    assert found.condition == pytest.approx(both, rel=slack - 1)
    assert np.sum(np.log(K)) == pytest.approx(-np.linalg.slogdet(G)[1], abs=order * (slack - 1))


@given(st.sampled_from(["legs", "lagt", "tlagt"]), st.integers(2, 16), st.floats(1.5, 60))
def test_an_eigenvalue_is_as_sensitive_as_the_phase_is_slow(
    measure: str, order: int, c: float
) -> None:
    """K_j = (c - 1/c)/2 / (|Re l_j| |d log Phi/ds|)."""
    system = nplr(measure, order)
    found = perturb.lossless(system, tau=2 / (c + 1))
    sigma = {"legs": -0.5, "tlagt": -0.5, "lagt": 0.0}[measure]
    K = np.linalg.norm(found.V_inv, axis=1)
    depth = np.abs(found.Lambda.real - sigma)
    slope = np.abs(derivative(system, found.Lambda, c))
    expected = (c - 1 / c) / 2 / (depth * slope)
    size = float(np.linalg.norm(system.A))
    np.testing.assert_allclose(K, expected, rtol=64 * EPS * order * size * found.condition**2)


# Near the normal part


def hilbert(system: NPLR) -> np.ndarray:
    """H_ij = p_i p_j/(w_i - w_j) in the eigenbasis of the normal part, p = V^* P."""
    basis = decompose.eigenbasis(system)
    p = np.abs(basis.V.conj().T @ system.P[:, 0])
    w = basis.Lambda.imag
    distance = w[:, None] - w
    np.fill_diagonal(distance, np.inf)
    return p[:, None] * p / distance


@pytest.mark.parametrize("measure", ["legs", "lagt", "fout"])
@pytest.mark.parametrize("order", [3, 5, 9, 17])
def test_near_the_normal_part_the_condition_grows_by_a_hilbert_matrix(
    measure: str, order: int
) -> None:
    c = 1 + 1e-4
    slope = np.linalg.norm(hilbert(nplr(measure, order)), 2)
    rate = (condition(measure, order, c) - 1) / (c - 1)
    assert rate == pytest.approx(slope, rel=(c - 1) + 64 * EPS * order / (c - 1))


@pytest.mark.parametrize("order", [*range(2, 34), 64, 129])
def test_the_hilbert_matrix_of_legs_is_a_contraction(order: int) -> None:
    assert abs(order * (1 - np.linalg.norm(hilbert(hippo.legs(order)), 2)) - 1) < 0.16
    of_lagt = np.linalg.norm(hilbert(hippo.lagt(order)), 2)
    assert of_lagt == pytest.approx(1 - 1 / order, rel=64 * EPS * order)


@given(st.integers(2, 12), st.floats(1.5, 20))
def test_the_condition_grows_no_faster_than_its_hilbert_matrix(order: int, c: float) -> None:
    """V^T V = I: d log kappa(V)/d log c <= |X + X^*|, X_ij = 1/(sqrt(L'_i L'_j) (l_j - l_i)), L' =
    d log Phi/ds.
    """
    system = hippo.legs(order)
    assume(c < safe(order))
    h = 1e-4

    def at(c: float) -> tuple[float, float]:
        found = perturb.lossless(system, tau=2 / (c + 1))
        # Columns of norm sqrt(K): those of V^T V = I.
        root = np.sqrt(np.linalg.norm(found.V_inv, axis=1))
        y = 1 / np.sqrt(derivative(system, found.Lambda, c))
        distance = found.Lambda - found.Lambda[:, None]
        np.fill_diagonal(distance, np.inf)
        X = y[:, None] * y / distance
        return math.log(np.linalg.cond(found.V * root)), float(np.linalg.norm(X + X.conj().T, 2))

    first, rate = at(c)
    second, later = at(c * math.exp(h))
    rounding = 64 * EPS * order * c**2 * np.linalg.norm(system.A)
    assert second - first <= h * max(rate, later) * (1 + h) + rounding


# Two columns: legt


def coupling(system: NPLR, s: complex) -> np.ndarray:
    """Phi(s) = I - 2 P^T (s - A)^{-1} P, (2, 2)."""
    return np.eye(2) - 2 * system.P.T @ np.linalg.solve(
        s * np.eye(len(system.B)) - system.A, system.P + 0j
    )


@given(several)
def test_at_frequency_zero_legt_turns_or_reflects(order: int) -> None:
    expected = [[0, -1], [1, 0]] if order % 2 == 0 else [[-1, 0], [0, 1]]
    np.testing.assert_allclose(coupling(hippo.legt(order), 0), expected, atol=64 * EPS * order**2)


def test_legt_tends_to_a_delay_and_an_immediate_echo() -> None:
    """In the columns for the two ends of the window Phi -> -[[0, (-1)^{N+1}], [e^{-s window},
    0]].
    """
    ends = np.array([[1, -1], [1, 1]]) / math.sqrt(2)  # columns: the newest end, the oldest
    for order, sign in ((200, -1), (201, 1)):
        for s in (0.3j, 2j, 1 + 1j):
            seen = ends.T @ coupling(hippo.legt(order, window=1.0), s) @ ends
            newest_is_first = np.abs(np.array([[0, sign], [np.exp(-s), 0]]))
            near = 2 * abs(s) / order
            np.testing.assert_allclose(np.abs(seen), newest_is_first, rtol=0, atol=near)
            assert np.linalg.det(seen) == pytest.approx(-sign * np.exp(-s), abs=near)


@given(several, taus, st.floats(0.1, 40))
def test_the_deviation_of_legt_is_the_one_derived(order: int, tau: float, w: float) -> None:
    """x~ - x^ = (s - A)^{-1} P M(s)^{-1} (tau/2) (Phi(0) - Phi(s)) g, M = (1 - tau/2) I + (tau/2)
    Phi, g~ = M(0) g.
    """
    system = hippo.legt(order)
    s = 1j * w

    def M(s: complex) -> np.ndarray:
        return (1 - tau / 2) * np.eye(2) + tau / 2 * coupling(system, s)

    g = np.linalg.lstsq(system.P, system.B + 0j, rcond=None)[0]
    resolvent = np.linalg.inv(s * np.eye(order) - system.A)
    perturbed = np.linalg.inv(s * np.eye(order) - system.A - tau * system.P @ system.P.T)
    deviation = perturbed @ system.P @ M(0) @ g - resolvent @ system.B
    turned = tau / 2 * (coupling(system, 0) - coupling(system, s)) @ g
    expected = resolvent @ system.P @ np.linalg.solve(M(s), turned)
    size = np.linalg.norm(perturbed, 2) * np.linalg.norm(system.A, 2)
    assert np.linalg.norm(deviation - expected) <= 64 * EPS * order * size / (1 - min(tau, 0.999))


@given(st.integers(2, 40), st.floats(0.03, 0.98))
def test_legt_is_below_the_square_of_c_for_the_larger_tau(order: int, tau: float) -> None:
    assert unstructured(hippo.legt(order), tau) < (2 / tau - 1) ** 2


@pytest.mark.parametrize("tau", [0.9, 0.5, 0.1])
def test_legt_approaches_the_square_of_c(tau: float) -> None:
    c = 2 / tau - 1
    for order in (32, 64, 128):
        missing = order * (1 - math.log(unstructured(hippo.legt(order), tau)) / math.log(c**2))
        assert 1 < missing < 1.45


def test_legt_exceeds_the_square_of_c_where_eigenvalues_nearly_meet() -> None:
    """Confirmed in 40 digits: kappa/c^2 = 1.2482 at order 28."""
    tau = 0.01149
    half_a_digit = 5e-5
    excess = unstructured(hippo.legt(28), tau) / (2 / tau - 1) ** 2
    assert excess == pytest.approx(1.2482, abs=half_a_digit)
