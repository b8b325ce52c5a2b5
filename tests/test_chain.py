"""Triangular lossless systems in closed form."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, nplr

from ssmlinalg import forms, hippo, perturb, reference
from ssmlinalg.lossless import chain

chains = st.sampled_from(["legs", "lagt", "tlagt"])


def product(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.prod((z[:, None] - a) / (z[:, None] + a), axis=-1)


def legs_chain(order: int) -> np.ndarray:
    return np.arange(order) + 0.5


@given(chains, st.integers(1, 40), st.floats(0.3, 1.0))
def test_roots_are_all_the_solutions(measure: str, order: int, tau: float) -> None:
    a = nplr(measure, order).P[:, 0] ** 2
    c = 2 / tau - 1
    z = chain.roots(a, tau)
    assert z is not None
    assert len(np.unique(z)) == order
    size = np.sum(2 * a * np.abs(z[:, None]) / np.abs(z[:, None] ** 2 - a**2), axis=-1) + order
    assert np.all(np.abs(product(a, z) + c) <= 16 * EPS * c * size)


@pytest.mark.parametrize("tau", [0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("order", [1, 2, 7, 16])
def test_legs_roots_have_high_relative_accuracy(order: int, tau: float) -> None:
    z = chain.roots(hippo.legs(order).P[:, 0] ** 2, tau)
    if z is None:
        assert (order, tau) == (2, 0.1), "only there have two roots met"
        return
    spectrum = reference.legs_lossless_spectrum(order, tau)
    expected = np.array([complex(root) for root in spectrum]) + 0.5
    distance = np.abs(z[:, None] - expected).min(axis=-1)
    # A root moves by the error of log Phi, about N eps, over d log Phi/dz.
    a = legs_chain(order)
    slope = np.abs(np.sum(2 * a / (z[:, None] ** 2 - a**2), axis=-1))
    assert np.all(distance <= 8 * EPS * (np.abs(z) + order / slope))


def precise_root(order: int, tau: float, near: complex) -> tuple[Any, Any]:
    """The solution of Phi(z) = -c nearest to `near` and d log Phi/dz there, by log-gamma functions
    with 50 digits.
    """
    ctx = mpmath.MPContext()
    ctx.dps = 50
    slope = ctx.zero
    half = ctx.mpf(0.5)
    log_c = ctx.log(2 / ctx.mpf(tau) - 1)
    z = ctx.mpc(near)
    for _ in range(5):
        log_phi = ctx.loggamma(order + half - z) - ctx.loggamma(order + half + z)
        log_phi += ctx.loggamma(half + z) - ctx.loggamma(half - z) + ctx.mpc(0, order) * ctx.pi
        turns = ctx.nint((log_phi.imag / ctx.pi - 1) / 2)
        slope = ctx.digamma(half + z) + ctx.digamma(half - z)
        slope -= ctx.digamma(order + half - z) + ctx.digamma(order + half + z)
        z -= (log_phi - log_c - ctx.mpc(0, 2 * turns + 1) * ctx.pi) / slope
    return z, slope


@pytest.mark.parametrize("order", [64, 65, 128, 1001, 10_000, 1_000_000])
@pytest.mark.parametrize("tau", [1.0, 0.999, 0.2, 0.01])
def test_legs_roots_and_slopes_are_exact_to_a_few_eps_at_any_order(order: int, tau: float) -> None:
    """At the smallest, the largest and random indices; real parts, a millionth of the modulus, on
    their own.
    """
    z = chain.roots(legs_chain(order), tau)
    a = legs_chain(order)
    assert z is not None
    pairs = order // 2
    ends = [0, 1, 2, pairs - 2, pairs - 1]
    some = np.append(ends, np.random.default_rng(order).integers(0, pairs, 6))
    slopes = chain.evaluator(a)(z[some], np.zeros(len(some), dtype=bool)).slope
    for root, slope in zip(z[some], slopes, strict=True):
        exact, exact_slope = precise_root(order, tau, complex(root))
        assert abs(mpmath.mpc(root) - exact) <= 8 * EPS * abs(exact)
        assert abs(mpmath.mpc(slope) - exact_slope) <= 16 * EPS * abs(exact_slope)
        # Re log Phi = log c has an absolute error of an eps, which counts where log c is small.
        lost = 1 + 1 / max(math.log(2 / tau - 1), EPS)
        assert abs(root.real - exact.real) <= 8 * EPS * abs(exact.real) * lost


@pytest.mark.parametrize("order", [2, 7, 30, 64])
@pytest.mark.parametrize("below", [1e-3, 1e-6, 1e-9, 1e-12])
def test_damping_near_the_normal_part_keeps_its_digits(order: int, below: float) -> None:
    """log c is about 2 (1 - tau) there, and real parts are as small: 2/tau - 1 would round them."""
    z = chain.roots(legs_chain(order), 1 - below)
    assert z is not None
    for root in z[: order // 2][:5]:
        exact, _ = precise_root(order, 1 - below, complex(root))
        assert abs(root.real - exact.real) <= 8 * EPS * abs(exact.real)


@given(st.integers(65, 5000), st.floats(-1, 1), st.floats(-2, 2))
def test_the_closed_form_is_the_sum(order: int, direction: float, size: float) -> None:
    """log Phi and its slope, from both ends, against sums over the chain, in the upper half plane
    but near the axis.
    """
    z = np.array([order**size * (direction + 0.2j) / 0.2])
    a = legs_chain(order)
    for low in (True, False):
        found = chain.evaluator(a)(z, np.array([low]))
        expected = chain.by_factors(a, z, np.array([low]))
        scale = 2 * np.sum(np.abs(np.arctanh(z / a if low else a / z)))
        assert np.abs(found.value - expected.value) <= 16 * EPS * scale
        assert np.abs(found.slope - expected.slope) <= 16 * EPS * np.sum(
            2 * a / np.abs(z**2 - a**2)
        )


@pytest.mark.parametrize("order", [2, 3, 8, 17, 40])
def test_products_make_the_states_of_the_definition(order: int) -> None:
    s: Any = np.array([0.3 + 2j, -0.2 - 0.5j, 0.2 + 0j])
    legs = hippo.legs(order)
    rows = np.array([order - 1, 0, order // 2])
    a = legs_chain(order)
    expected = np.array([[complex(x) for x in reference.legs_state(order, point)] for point in s]).T
    got = legs.B[rows, None] / (s + 0.5 + a[rows, None]) * chain.products(a, s + 0.5, rows)
    np.testing.assert_allclose(got, expected[rows], rtol=16 * EPS * order)


@given(
    chains,
    st.lists(st.integers(0, 2000), min_size=1, max_size=4),
    st.floats(0, 300),
    st.floats(0.1, 300),
)
def test_products_that_leap_are_those_that_walk(
    measure: str, rows: list[int], right: float, up: float
) -> None:
    a = nplr(measure, 2001).P[:, 0] ** 2
    z = np.array([complex(right, up), complex(right, -up), abs(right) + 0.25])
    factors = (z - a[:, None]) / (z + a[:, None])
    walked = np.concatenate([np.ones((1, 3)), np.cumprod(factors, axis=0)])
    found = chain.products(a, z, np.array(rows))
    least = 1e-300  # below it products may underflow
    np.testing.assert_allclose(found, walked[rows], rtol=32 * EPS * 2001, atol=least)


@given(st.integers(2, 24), st.floats(1e-3, 0.1))
def test_where_roots_may_have_met_an_eigensolver_looks(order: int, tau: float) -> None:
    """Whatever the route, the factors are those of the perturbed matrix."""
    legs = hippo.legs(order)
    found = perturb.lossless(legs, tau=tau)
    assert len(found.Lambda) == order
    A = (found.V * found.Lambda) @ found.V_inv
    rounding = 256 * EPS * order * found.condition * np.linalg.norm(legs.A)
    assert np.linalg.norm(A - legs.A - found.E) <= rounding


@pytest.mark.parametrize("squares", [(1.0, 1.0, 10.0, 20.0), (1.0, 1.0, 1.0, 1.0, 30.0, 60.0)])
def test_a_pair_that_nears_the_real_axis_does_not_leave_its_place_unseen(
    squares: tuple[float, ...],
) -> None:
    """On its way to the axis the fast pair passes below the slow one: then the order of the roots
    is no longer that of their frequencies, and an eigensolver looks.
    """
    a = np.array(squares)
    P = np.sqrt(a)
    A = -np.diag(a) - 2 * np.tril(np.outer(P, P), -1)
    system = forms.NPLR(A, P, P[:, None])
    passed = []
    for tau in np.linspace(0.0425, 0.0485, 121):
        found = perturb.lossless(system, tau=float(tau))
        up = found.Lambda.imag[found.Lambda.imag > 0]
        assert np.all(np.diff(up) > 0)
        E = tau * np.outer(P, P)
        reproduced = np.linalg.norm((found.V * found.Lambda) @ found.V_inv - A - E)
        assert reproduced <= 256 * EPS * len(a) * found.condition * np.linalg.norm(A)
        passed.append(len(up) == len(a) // 2 and chain.roots(a, float(tau)) is None)
    assert any(passed)  # a pair below another, and not yet on the axis


def test_real_roots_are_left_to_the_eigensolver() -> None:
    assert chain.roots(hippo.legs(2).P[:, 0] ** 2, 0.05) is None
    assert not perturb.lossless(hippo.legs(2), tau=0.05).Lambda.imag.any()
