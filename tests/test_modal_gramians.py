"""Gramians of modes solve their equations, and their singular values are right, the small too."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, seeds, signal

from ssmlinalg import forms, inits, reduce, systems
from ssmlinalg.forms import (
    MIMO,
    Diagonal,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
)
from ssmlinalg.powers.double_words import one_minus_product
from ssmlinalg.reduce.balanced_systems import realized, states
from ssmlinalg.reduce.modal_gramians import real_factors
from ssmlinalg.reduce.real_systems import modes_of

ZERO = np.asarray(0.0)
UNIT = np.asarray(1.0)


def weights(seed: int, *shape: int) -> np.ndarray:
    return signal(seed, *shape, 2) @ np.array([1, 1j])


def slow(form: Any, digits: int = 150) -> np.ndarray:
    """Hankel singular values in multiple precision: roots of the eigenvalues of P Q."""
    discrete = not forms.kind(form).continuous
    A, B, C, _ = forms.view(form)
    with mpmath.workdps(digits):
        a = [mpmath.mpc(x) for x in A]
        r = [mpmath.mpc(c) * mpmath.mpc(b) / 2 for b, c in zip(B[:, 0], C[0], strict=True)]
        both = [(x, w) for x, w in zip(a, r, strict=True)]
        both += [(mpmath.conj(x), mpmath.conj(w)) for x, w in both]
        N = len(both)
        P = mpmath.matrix(N, N)
        Q = mpmath.matrix(N, N)
        for i, (x, w) in enumerate(both):
            for j, (y, v) in enumerate(both):
                apart = 1 - x * mpmath.conj(y) if discrete else -(x + mpmath.conj(y))
                P[i, j] = 1 / apart
                Q[i, j] = mpmath.conj(w) * v / mpmath.conj(apart)
        found = mpmath.eig(P * Q, left=False, right=False)
        return np.array(sorted((float(mpmath.sqrt(abs(x))) for x in found), reverse=True))


def diagonal(seed: int, order: int) -> Paired:
    rng = np.random.default_rng(seed)
    A = -np.exp(rng.uniform(-4, 1, order)) + 1j * np.exp(rng.uniform(-2, 2, order))
    return Paired(A, weights(seed, order), weights(seed + 1, order), ZERO, UNIT)


def near_the_circle(seed: int, order: int, depth: float) -> PairedRecurrence:
    rng = np.random.default_rng(seed)
    z = np.exp(-np.exp(rng.uniform(-depth, -1, order)) + 1j * rng.uniform(1e-2, 3, order))
    return PairedRecurrence(z, weights(seed, order), weights(seed + 1, order), ZERO)


HARD = {
    "spread": diagonal(1, 6),
    "close": Paired(-1 + 1j * (1 + 1e-3 * np.arange(6)), np.ones(6), np.ones(6), ZERO, UNIT),
    "real": Paired(-np.arange(1.0, 13), np.ones(12), np.ones(12), ZERO, UNIT),
    "real, alternating": Paired(
        -np.arange(1.0, 13), np.ones(12), (-1.0) ** np.arange(12), ZERO, UNIT
    ),
    "real and complex": Paired(
        np.array([-3, -1 + 2j, -2 + 1j]), np.ones(3), np.array([1, 2 - 1j, 1j]), ZERO, UNIT
    ),
    "almost real": Paired(
        -1 - 0.1 * np.arange(4) + 1e-6j * np.arange(1, 5), np.ones(4), weights(3, 4), ZERO, UNIT
    ),
    "one": Diagonal(np.array([-1 + 2j]), np.ones(1), np.array([1 + 1j]), ZERO, UNIT),
    "circle": near_the_circle(5, 6, 10.0),
    "at the circle": near_the_circle(6, 6, 30.0),
    "real on both sides of 0": Recurrence(
        np.linspace(-0.9, 0.95, 10), np.ones(10), weights(7, 10), ZERO
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_small_singular_values_are_as_accurate_as_large_ones(name):
    """Ten digits at 1e-14 and below: a hundred roundings are allowed."""
    form = forms.check(HARD[name])
    found = reduce.singular_values(form)
    exact = slow(form)
    count = len(found)
    assert np.all(np.abs(found - exact[:count]) <= 16 * count * EPS * exact[:count])
    assert np.all(exact[count:] <= 1e-60 * exact[0])  # conjugates of real modes add none


def test_some_of_the_hard_ones_are_small():
    spans = {name: slow(forms.check(HARD[name])) for name in ("close", "real", "almost real")}
    assert spans["real"][11] < 1e-16 * spans["real"][0]
    assert spans["close"][11] < 1e-14 * spans["close"][0]


@given(seeds, st.integers(1, 8), st.booleans())
def test_gramians_of_modes_solve_their_equations(seed, order, discrete):
    form = near_the_circle(seed, order, 3.0) if discrete else diagonal(seed, order)
    nodes, P, Q = reduce.gramians(form)
    scale = EPS * np.outer(*[np.sqrt(np.abs(np.diag(P)))] * 2)
    across = nodes[:, None] * P * nodes.conj()
    left = P - across if discrete else -(nodes[:, None] * P + P * nodes.conj())
    assert np.linalg.matrix_rank(left, tol=1e-10 * np.abs(left).max()) == 1  # b b^*
    assert np.all(np.abs(P - P.conj().T) <= 8 * scale)
    sigma = np.sort(np.sqrt(np.abs(np.linalg.eigvals(P @ Q))))[::-1]
    assert np.allclose(sigma[0], reduce.singular_values(form)[0], rtol=1e-6)


@given(seeds, st.integers(1, 8), st.booleans(), st.integers(0, 3))
def test_real_factors_are_those_of_the_gramians_of_real_states(seed, order, discrete, real):
    """A P + P A^T = -B B^T and A P A^T - P = -B B^T, of real parts, imaginary parts, real modes."""
    form = near_the_circle(seed, order, 3.0) if discrete else diagonal(seed, order)
    form.A[:real] = form.A[:real].real
    modes = modes_of(form)
    seen, reached = (F[0, states(modes, 0)] for F in real_factors(modes))
    A, B, C = realized(modes, 0)
    P = reached @ reached.T
    Q = seen @ seen.T
    for X, T, b in ((P, A, B), (Q, A.T, C.T)):
        left = T @ X @ T.T - X if discrete else T @ X + X @ T.T
        scale = np.sqrt(np.outer(np.diag(X), np.diag(X))) * (1 + 2 * np.abs(T).max())
        assert np.all(np.abs(left + b @ b.T) <= 64 * order * EPS * np.max(scale))
    assert np.allclose(seen.T @ reached, reached.T @ seen, rtol=0, atol=64 * order * EPS * P.max())


@given(seeds, st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
def test_singular_values_of_many_inputs_are_those_of_the_matrices(seed, order, M, P):
    A = diagonal(seed, order).A
    B = weights(seed, order, M)
    C = weights(seed + 1, P, order)
    form = MIMO(A, B, C, np.zeros((P, M)), np.ones(order))
    found = reduce.singular_values(form)
    known = systems.hankel_singular_values(form)
    assert np.all(np.abs(found - known) <= 64 * order * EPS * known[0] / np.min(-A.real))


def test_a_real_mode_of_complex_ports_is_two_states():
    A = np.array([-1.0 + 0j])
    B = np.array([[1, 1j]])
    C = np.array([[1], [1j]])
    form = MIMO(A, B, C, np.zeros((2, 2)), np.ones(1))
    found = reduce.singular_values(form)
    assert np.allclose(found, systems.hankel_singular_values(form), rtol=8 * EPS)
    assert np.all(found > 0.1)


def test_steps_of_their_own_are_a_time_that_all_modes_share():
    form = inits.s5_init(16)
    shared = form._replace(A=form.A * form.step, B=form.B * form.step[:, None], step=np.ones(8))
    known = systems.hankel_singular_values(shared)
    assert np.allclose(reduce.singular_values(form), known, rtol=64 * EPS)


def test_channels_are_reduced_together():
    form = inits.s4d_inv_init(8, channels=5)
    together = reduce.singular_values(form)
    for k in range(5):
        one = forms.Paired(*(X[k] if X.ndim and len(X) == 5 else X for X in form))
        assert np.allclose(together[k], reduce.singular_values(one), rtol=64 * EPS)


def test_equal_modes_are_one():
    A = np.array([-1 + 2j, -1 + 2j, -1 - 2j])
    form = Diagonal(A, np.ones(3), np.array([1.0, 2.0, 3.0]), ZERO, UNIT)
    one = Diagonal(A[:1], np.ones(1), np.array([6.0]), ZERO, UNIT)
    sigma = reduce.singular_values(one)
    assert np.allclose(reduce.singular_values(form), sigma, rtol=8 * EPS, atol=0)


def test_sizes_at_the_ends_of_double_precision_are_kept():
    form = diagonal(3, 4)
    sigma = reduce.singular_values(form)
    for scale in (2.0**500, 2.0**-500):
        large = reduce.singular_values(form._replace(B=form.B * scale, C=form.C * scale))
        assert np.allclose(large / scale / scale, sigma, rtol=4 * EPS)


def test_one_minus_a_product_keeps_its_digits_next_to_the_circle():
    rng = np.random.default_rng(0)
    z = np.exp(-np.exp(rng.uniform(-34, 0, 50)) + 1j * rng.uniform(-3, 3, 50))
    found = one_minus_product(z[:, None], z)
    with mpmath.workdps(60):
        for i, x in enumerate(z):
            for j, y in enumerate(z):
                exact = 1 - mpmath.mpc(x) * mpmath.conj(mpmath.mpc(y))
                assert abs(mpmath.mpc(found[i, j]) - exact) <= 4 * EPS * abs(exact)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Paired(np.array([1j]), np.ones(1), np.ones(1), ZERO, UNIT), "damped"),
        (PairedRecurrence(np.array([1j]), np.ones(1), np.ones(1), ZERO), "damped"),
        (forms.to_dense(diagonal(0, 2)), "eigenvalues"),
    ],
)
def test_what_has_no_gramians_of_modes_is_refused(form, said):
    for function in (reduce.singular_values, reduce.gramians):
        with pytest.raises((TypeError, ValueError), match=said):
            function(form)


def test_undamped_modes_without_weight_are_no_part():
    form = Paired(np.array([1j, -1.0]), np.ones(2), np.array([0, 1.0]), ZERO, UNIT)
    assert np.allclose(reduce.singular_values(form), [1.0])
    nothing = MIMORecurrence(np.ones(2), np.zeros((2, 1)), np.ones((1, 2)), np.zeros((1, 1)))
    assert np.array_equal(reduce.singular_values(nothing), [0.0])
