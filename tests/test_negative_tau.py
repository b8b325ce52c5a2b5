"""A negative tau: Phi = c instead of -c, with the same bounds, and the better sign is taken."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, nplr

from ssmlinalg import hippo, perturb, ptd_init
from ssmlinalg.lossless import chain
from ssmlinalg.systems import legs_state

chains = st.sampled_from(["legs", "lagt", "tlagt"])
# Errors of an independent program at K = 4, 8, 16, order 4.
ORDER_FOUR = {4.0: 0.0711, 8.0: 0.0288, 16.0: 0.01145}
HALF_A_PERCENT = 5e-3  # how near to the budget two programs stop


@given(chains, st.integers(1, 80), st.floats(-3, 1.5))
def test_roots_are_all_the_solutions_of_phi_equal_c(measure: str, order: int, log: float) -> None:
    tau = -(10**log)
    a = nplr(measure, order).P[:, 0] ** 2
    c = 1 - 2 / tau
    z = chain.roots(a, tau)
    if z is None:
        assert c > 20, "they meet at large c only"
        return
    assert len(np.unique(z)) == order
    real = z[z.imag == 0].real
    assert len(real) == 2 - order % 2
    assert np.all(np.diff(real) > 0)
    assert real[0] < -a.max()
    phi = np.prod((z[:, None] - a) / (z[:, None] + a), axis=-1)
    beside = np.abs(z[:, None] ** 2 - a**2)
    size = np.sum(2 * a * np.abs(z[:, None]) / beside, axis=-1) + order
    near_a_pole = np.max(1 / np.abs(1 + z[:, None] / a))
    assert np.all(np.abs(phi - c) <= 64 * EPS * c * size * (1 + near_a_pole))


@given(st.sampled_from(["legs", "lagt", "tlagt", "fout"]), st.integers(1, 24), st.floats(-2, 1))
def test_the_factors_are_those_of_the_perturbed_matrix(
    measure: str, order: int, log: float
) -> None:
    tau = -(10**log)
    A, B, P = nplr(measure, order)
    found = perturb.lossless(nplr(measure, order), tau=tau)
    M = A + tau * P @ P.T
    size = np.linalg.norm(M) * order * found.condition
    assert np.linalg.norm(M @ found.V - found.V * found.Lambda) <= 64 * EPS * size
    np.testing.assert_allclose(np.linalg.norm(found.V, axis=0), 1, rtol=64 * EPS * order)
    seen = B @ found.V.conj()
    driven = np.abs(seen) > 64 * EPS * size
    assert np.all(seen.real[driven] > 0), "the phase that decompose has"
    unit = found.V_inv @ found.V - np.eye(order)
    assert np.linalg.norm(unit) <= 64 * EPS * order * found.condition**2
    drive = found.V @ found.B - (1 - tau / 2) * B
    assert np.linalg.norm(drive) <= 256 * EPS * order * found.condition**2 * np.linalg.norm(B) * (
        1 - tau
    )
    assert found.backward_error == pytest.approx(
        -tau * np.linalg.norm(P, 2) ** 2 / np.linalg.norm(A, 2), rel=64 * EPS * order
    )


@given(st.integers(1, 40), st.floats(-2, 1.5))
def test_the_deviation_is_below_the_bound_of_the_same_c(order: int, log: float) -> None:
    tau = -(10**log)
    found = perturb.lossless(hippo.legs(order), tau=tau)
    w = np.concatenate([[0.0], np.geomspace(1e-2, 4 * order**2, 4000)])
    state = found.V @ (found.B[:, None] / (1j * w - found.Lambda[:, None]))
    error = np.linalg.norm(state - legs_state(order, 1j * w), axis=0)
    rounding = 256 * EPS * order * found.condition**2
    assert error.max() <= found.transfer_error * (1 + 1e-3) + rounding
    assert found.transfer_error <= found.transfer_bound
    c = 1 - 2 / tau
    q = np.linspace(0, 1, 20001)
    by_phase = q * np.sqrt(1 - q**2) / (c - q)
    flat = 1e-6  # of the maximum between two points of the grid
    assert found.transfer_bound <= by_phase.max() * (1 + flat)


@given(st.sampled_from(["lagt", "tlagt"]), st.integers(2, 24), st.floats(1.1, 300))
def test_repeated_sections_have_the_power_exactly(measure: str, order: int, c: float) -> None:
    found = perturb.lossless(nplr(measure, order), tau=-2 / (c - 1))
    law = c ** ((order - 1) / order)
    assert found.condition == pytest.approx(law, rel=256 * EPS * order * c)


def test_beyond_the_dense_orders_all_is_by_formula() -> None:
    order = 4100
    found = perturb.lossless(hippo.legs(order), tau=-0.2)
    dense = perturb.lossless(hippo.legs(1000), tau=-0.2)
    assert found.residual < 1e-12
    assert found.transfer_error == pytest.approx(dense.transfer_error, rel=1e-3)
    c = np.random.default_rng(0).standard_normal(order)
    b = found.drive(c[:, None])[:, 0]
    assert found.readout(c) @ b == pytest.approx(c @ c, rel=1e-5)


@pytest.mark.parametrize("budget", ORDER_FOUR)
def test_order_four_is_nearer_by_a_negative_tau(budget: float) -> None:
    found = perturb.lossless(hippo.legs(4), conditioning=budget)
    assert found.tau < 0
    assert found.condition <= budget * (1 + 64 * 4 * EPS)
    assert found.transfer_error <= ORDER_FOUR[budget] * (1 + HALF_A_PERCENT)


@given(st.integers(2, 24), st.floats(1.2, 300))
def test_the_sign_taken_is_not_the_worse_one(order: int, budget: float) -> None:
    found = perturb.lossless(hippo.legs(order), conditioning=budget)
    assert found.condition <= budget * (1 + 64 * order * EPS)
    exponent = order / (order - 1)
    for sign in (1, -1):
        c = budget**exponent
        other = perturb.lossless(hippo.legs(order), tau=2 / (c + 1) if sign > 0 else -2 / (c - 1))
        small = order <= 16 or found.facts["steps"] > 2
        worth = 1 / 0.95 if small else 1.1
        if other.condition <= budget:
            assert found.transfer_error <= worth * other.transfer_error


@pytest.mark.parametrize("order", [6, 8, 16])
def test_an_even_order_has_no_window_at_a_negative_tau_where_positive_ones_have(order: int) -> None:
    met = 2 * math.e * order * (math.log(order) + np.euler_gamma)
    for c in met * np.array([0.9, 1.0, 1.1]):
        assert perturb.lossless(hippo.legs(order), tau=2 / (c + 1)).condition > c
    for c in np.geomspace(2, 3 * met, 20):
        assert perturb.lossless(hippo.legs(order), tau=-2 / (c - 1)).condition < c


def test_near_a_window_the_budget_is_kept_by_the_other_sign() -> None:
    """Order 64 at its first window: a positive tau has to be raised by a fifth and more."""
    budget = 1700.0
    found = perturb.lossless(hippo.legs(64), conditioning=budget)
    assert found.tau < 0
    assert found.condition <= budget
    assert found.transfer_error < 1.05 / (2 * budget)


@pytest.mark.parametrize("tau", [0.0, 1.5, math.nan, -math.inf, -1e300, 5e-324, -1e-310])
def test_other_sizes_are_refused(tau: Any) -> None:
    with pytest.raises(ValueError, match="`tau` must"):
        perturb.lossless(hippo.legs(4), tau=tau)


@pytest.mark.parametrize(("order", "most"), [(2, 0.86), (4, 1.27), (8, 2.0130)])
def test_a_deviation_flat_over_decades_is_bounded_in_little_memory(order: int, most: float) -> None:
    """At a budget near 1 tau is about -10^7: millions of rectangles were within 1e-5 of the top."""
    tracemalloc.start()
    found = perturb.lossless(hippo.legs(order), conditioning=1.0000001)
    bound = found.transfer_bound
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.tau < -1e6
    assert found.transfer_error <= bound <= most
    assert peak < 2**27


@pytest.mark.parametrize("order", [3, 4, 5, 6, 8, 12, 14])
@pytest.mark.parametrize("budget", [2.0, 4.0, 8.0])
def test_a_layer_has_a_pair_for_every_two_states(order: int, budget: float) -> None:
    assert ptd_init(order, conditioning=budget).A.shape == ((order + 1) // 2,)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_asked_for_is_taken(sign: int) -> None:
    for order in (2, 5, 8):
        found = perturb.lossless(hippo.legs(order), conditioning=6, sign=sign)
        assert np.sign(found.tau) == sign
        assert found.condition <= 6
