"""Triangular lossless systems in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, nplr

from ssmlinalg import _cascade, hippo, perturb, reference

chains = st.sampled_from(["legs", "lagt", "tlagt"])


def product(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.prod((z[:, None] - a) / (z[:, None] + a), axis=-1)


@given(chains, st.integers(1, 40), st.floats(0.3, 1.0))
def test_roots_are_all_the_solutions(measure: str, order: int, tau: float) -> None:
    a, c = nplr(measure, order).P[:, 0] ** 2, 2 / tau - 1
    z = _cascade.roots(a, c)
    assert z is not None
    assert len(np.unique(z)) == order
    size = np.sum(2 * a * np.abs(z[:, None]) / np.abs(z[:, None] ** 2 - a**2), axis=-1) + order
    assert np.all(np.abs(product(a, z) + c) <= 16 * EPS * c * size)


@pytest.mark.parametrize("tau", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("order", [1, 2, 7, 16])
def test_legs_roots_have_high_relative_accuracy(order: int, tau: float) -> None:
    z = _cascade.roots(hippo.legs(order).P[:, 0] ** 2, 2 / tau - 1)
    if z is None:
        assert (order, tau) == (2, 0.1), "only there have two roots met"
        return
    expected = np.array([complex(root) for root in reference.legs_lossless_spectrum(order, tau)]) + 0.5
    distance = np.abs(z[:, None] - expected).min(axis=-1)
    # A root moves by the error of log Phi, about N eps, over d log Phi/dz.
    a = np.arange(order) + 0.5
    slope = np.abs(np.sum(2 * a / (z[:, None] ** 2 - a**2), axis=-1))
    assert np.all(distance <= 8 * EPS * (np.abs(z) + order / slope))


@pytest.mark.parametrize("order", [2, 3, 8, 17])
def test_states_are_those_of_the_definition(order: int) -> None:
    legs, s = hippo.legs(order), np.array([0.3 + 2j, -0.2 - 0.5j])
    expected = np.array([[complex(x) for x in reference.legs_state(order, point)] for point in s]).T
    got = _cascade.states(legs.P[:, 0], s + 0.5) * np.sqrt(2)  # B = sqrt(2) P
    np.testing.assert_allclose(got, expected, rtol=16 * EPS * order)
    adjoint = _cascade.states(legs.P[::-1, 0], s + 0.5)[::-1]
    solved = np.stack([np.linalg.solve(point * np.eye(order) - legs.A.T, legs.P[:, 0]) for point in s], axis=-1)
    np.testing.assert_allclose(adjoint, solved, atol=64 * EPS * order * np.abs(solved).max() * np.linalg.norm(legs.A))


@given(st.integers(2, 24), st.floats(1e-3, 0.1))
def test_where_roots_may_have_met_an_eigensolver_looks(order: int, tau: float) -> None:
    """Whatever the route, the factors are those of the perturbed matrix."""
    legs = hippo.legs(order)
    found = perturb.lossless(legs, tau=tau)
    assert len(found.Lambda) == order
    A = (found.V * found.Lambda) @ found.V_inv
    assert np.linalg.norm(A - legs.A - found.E) <= 256 * EPS * order * found.condition * np.linalg.norm(legs.A)


def test_real_roots_are_left_to_the_eigensolver() -> None:
    assert _cascade.roots(hippo.legs(2).P[:, 0] ** 2, 2 / 0.05 - 1) is None
    assert not perturb.lossless(hippo.legs(2), tau=0.05).Lambda.imag.any()
