"""The input of every perturbation is that of a backward stable solution, whatever kappa(V)."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from strategies import EPS, lossless, nplr

from ssmlinalg import hippo, perturb
from ssmlinalg.matrices.refined_solves import extended_product, refined, remainder
from ssmlinalg.perturb import Diagonalization
from ssmlinalg.perturb.diagonalization import Defective

QUICK = {"minimize": {"iterations": 5}, "column": {"iterations": 5}, "optimal": {"seconds": 0.1}}


def misfit(V: np.ndarray, x: np.ndarray, b: np.ndarray) -> float:
    """|V x - b| in 60 digits, over |V|_F |x|."""
    with mpmath.workdps(60):
        rows = [[mpmath.mpmathify(entry) for entry in row] for row in V.tolist()]
        inputs = [mpmath.mpmathify(entry) for entry in x.tolist()]
        there = [mpmath.fdot(row, inputs) for row in rows]
        rest = [abs(one - mpmath.mpmathify(entry)) for one, entry in zip(there, b, strict=True)]
        distance = float(mpmath.norm(rest))
    return distance / float(np.linalg.norm(V) * np.linalg.norm(x))


def perturbed(name: str, order: int, size: float) -> Diagonalization:
    takes = perturb.sized_by(name)
    sized = {"size": size} if "size" in takes else {"conditioning": 3 + 1e-2 / size**0.5}
    if name == "optimal":
        sized = {"conditioning": 4.0}  # its search takes no larger ones at these orders
    return perturb.PERTURBATIONS[name](hippo.legs(order), **sized, **QUICK.get(name, {}))


@given(
    st.sampled_from(sorted(perturb.PERTURBATIONS)),
    st.integers(2, 20),
    st.floats(-12, -1).map(lambda power: 10.0**power),
)
def test_the_input_of_every_perturbation_is_a_backward_stable_solution(
    name: str, order: int, size: float
) -> None:
    try:
        found = perturbed(name, order, size)
    except Defective:  # beyond double precision
        reject()
    B = hippo.legs(order).B
    assert misfit(found.V, found.drive(B), B) <= 4 * order * EPS
    several = found.drive(np.stack([B, B[::-1]], axis=-1))
    assert misfit(found.V, several[:, 1], B[::-1]) <= 4 * order * EPS
    if name not in ("lossless", "optimal", "minimize"):  # whose input is scaled or searched for
        assert misfit(found.V, found.B, B) <= 4 * order * EPS


@pytest.mark.parametrize("order", [16, 32, 64, 96])
@pytest.mark.parametrize("size", [1e-5, 1e-7, 1e-9, 1e-11])
def test_the_last_column_keeps_its_bound_at_any_conditioning(order: int, size: float) -> None:
    """Of the state as it is delivered: kappa(V) goes up to 1e10, and |B~| with it."""
    legs = hippo.legs(order)
    found = perturb.last_column(legs, size=size)
    assert misfit(found.V, found.B, legs.B) <= 4 * order * EPS
    assert found.transfer_error <= found.facts["closed_form_bound"]
    plain = 2 * found.facts["absolute"] / (1 - 2 * found.facts["absolute"])
    plain /= np.sqrt(2 * order - 1)
    rounding = 4 * order * EPS * np.sqrt(order) * np.linalg.norm(found.B)
    assert found.facts["closed_form_bound"] <= plain * (1 + 64 * EPS * order) + 3 * rounding


@given(lossless, st.integers(2, 24), st.floats(-9, 0).map(lambda power: 10.0**power))
def test_columns_are_driven_through_the_modes_of_a_closed_form(
    measure: str, order: int, tau: float
) -> None:
    try:
        found = perturb.lossless(nplr(measure, order), tau=tau)
    except Defective:  # beyond double precision
        reject()
    b = np.linspace(-1, 1, order)
    assert misfit(found.V, found.drive(b), b) <= 4 * order * EPS


def test_refinement_is_needed() -> None:
    """The product by the inverse is off by |V| |V^{-1}| |b| eps, 1e6 times as much here."""
    rng = np.random.default_rng(0)
    Q1, Q2 = np.linalg.qr(rng.standard_normal((2, 20, 20)))[0]
    V = (Q1 * np.geomspace(1, 1e-9, 20)) @ Q2
    W = np.linalg.inv(V)
    b = V @ np.ones(20)
    assert misfit(V, W @ b, b) > 1e4 * EPS
    for x in (refined(V, W, b), refined(V, W, b[:, None])[:, 0]):
        assert misfit(V, x, b) <= 4 * 20 * EPS


def test_the_remainder_is_rounded_once() -> None:
    rng = np.random.default_rng(1)
    V = rng.standard_normal((9, 12)) * 10.0 ** rng.integers(-6, 6, (9, 12))
    x = rng.standard_normal(12) + 1j * rng.standard_normal(12)
    b = extended_product(V, x)
    rest = remainder(V, x, b)
    assert np.all(np.abs(rest) <= EPS * np.abs(b))
    assert misfit(V, x, b + rest) <= misfit(V, x, b)
