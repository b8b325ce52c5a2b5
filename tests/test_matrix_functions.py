"""Functions of A + E, and how far they are from those of A, beside multiple precision."""

# pyright: reportArgumentType=false

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flint
import gallery
import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import hippo, perturb
from ssmlinalg.ground.ondemand import OnDemand
from ssmlinalg.perturb import (
    FunctionBound,
    exponential_bound,
    fractional_power_bound,
    power_bound,
    resolvent_bound,
)

EPS = float(np.finfo(np.float64).eps)
JORDAN = gallery.jordan(20)
SMALL = [
    gallery.jordan(6, -0.5),
    gallery.grcar(12),
    gallery.kahan(10),
    gallery.frank(8),
    gallery.convection_diffusion(12),
    gallery.random(3, 7) - 3 * np.eye(7),
    np.asarray(hippo.legs(8).A),
]


def norm(A: np.ndarray) -> float:
    return float(np.linalg.norm(A, 2))


def total(bound: FunctionBound) -> float:
    return float(bound.perturbation) + float(bound.rounding)


def in_multiple_precision(f: Callable[..., Any], A: np.ndarray) -> np.ndarray:
    with mpmath.workdps(60):
        found = f(mpmath.matrix(A.tolist()))
        return np.array(found.tolist(), dtype=complex)


def power_series_of_jordan(f: Callable[..., Any], order: int, value: float) -> np.ndarray:
    """f of a Jordan block: its Taylor coefficients along the diagonals."""
    with mpmath.workdps(80):
        coefficients = [float(c) for c in mpmath.taylor(f, value, order - 1)]
    return scipy.linalg.toeplitz(np.eye(order)[0] * coefficients[0], coefficients)


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9, 1e-11])
def test_the_exponential_of_a_jordan_block_is_within_its_bound(size: float) -> None:
    found = perturb.gaussian(JORDAN, size=size)
    exact = in_multiple_precision(mpmath.expm, JORDAN)
    error = norm(found.apply(np.exp) - exact)
    bound = exponential_bound(found, 1.0)
    assert error <= total(bound)
    assert bound.perturbation <= 8 * norm(exact) * size


def test_what_rounding_does_is_said_apart_from_what_the_perturbation_does() -> None:
    """With less E the one falls and the other rises, as the errors do."""
    exact = in_multiple_precision(mpmath.expm, JORDAN)
    by_size = {}
    for size in (1e-3, 1e-12):
        found = perturb.gaussian(JORDAN, size=size)
        by_size[size] = exponential_bound(found, 1.0), norm(found.apply(np.exp) - exact)
    coarse, of_coarse = by_size[1e-3]
    fine, of_fine = by_size[1e-12]
    assert coarse.rounding < 1e-3 * coarse.perturbation < of_coarse
    assert fine.perturbation < 1e-3 * of_fine <= 1e-3 * fine.rounding


@pytest.mark.parametrize("A", SMALL, ids=range(len(SMALL)))
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 5.0])
def test_exponentials_are_within_their_bound(A: np.ndarray, t: float) -> None:
    found = perturb.gaussian(A, size=1e-7)
    exact = in_multiple_precision(lambda M: mpmath.expm(t * M), A)
    bound = exponential_bound(found, t)
    assert norm(found.exponential(t) - exact) <= total(bound)
    assert bound.perturbation <= t * norm(found.E) * max(norm(exact), 1) * 100


def test_of_the_wrong_matrix_it_is_not() -> None:
    """The bound is no larger than it has to be to see an error ten times that of E."""
    found = perturb.gaussian(JORDAN, size=1e-5)
    wrong = scipy.linalg.expm(JORDAN + 10 * found.E)
    assert norm(found.apply(np.exp) - wrong) > total(exponential_bound(found, 1.0))


def test_the_bound_of_a_stable_matrix_decays() -> None:
    """That by the numerical abscissa, which is positive here, would not."""
    found = perturb.gaussian(gallery.shear(30.0), size=1e-6)
    bound = exponential_bound(found, np.array([0.0, 1.0, 30.0]))
    assert bound.perturbation[0] == 0
    assert bound.perturbation[2] < 1e-5 * bound.perturbation[1]


@pytest.mark.parametrize("A", SMALL, ids=range(len(SMALL)))
def test_resolvents_are_within_their_bound(A: np.ndarray) -> None:
    found = perturb.gaussian(A, size=1e-7)
    points = np.array([2j, 8 + 1j, -20.0])
    bound = resolvent_bound(found, points)
    for z, by_E, by_rounding in zip(points, *bound, strict=True):
        exact = in_multiple_precision(
            lambda M, z=z: mpmath.inverse(mpmath.mpc(z) * mpmath.eye(len(A)) - M), A
        )
        computed = found.apply(lambda Lambda, z=z: 1 / (z - Lambda))
        assert norm(computed - exact) <= by_E + by_rounding


@pytest.mark.parametrize("A", SMALL, ids=range(len(SMALL)))
@pytest.mark.parametrize("k", [1, 2, 9])
def test_powers_are_within_their_bound(A: np.ndarray, k: int) -> None:
    found = perturb.gaussian(A, size=1e-7)
    exact = in_multiple_precision(lambda M: M**k, A)
    assert norm(found.apply(lambda Lambda: Lambda**k) - exact) <= total(power_bound(found, k))


def test_high_powers_follow_from_those_that_were_computed() -> None:
    found = perturb.gaussian(0.5 * gallery.ring(5), size=1e-6)
    assert power_bound(found, 3000).perturbation < 1e-250
    growing = perturb.gaussian(3 * gallery.ring(5), size=1e-6)
    assert power_bound(growing, 3000).perturbation == math.inf


@pytest.mark.parametrize("p", [-0.5, 0.0, 0.3, 0.5])
def test_fractional_powers_of_a_jordan_block_are_within_their_bound(p: float) -> None:
    A = gallery.jordan(8, 1.5)
    found = perturb.gaussian(A, size=1e-8)
    exact = power_series_of_jordan(lambda x: x**p, 8, 1.5)
    bound = fractional_power_bound(found, p)
    assert norm(found.apply(lambda Lambda: Lambda**p) - exact) <= total(bound)
    assert bound.perturbation <= 1e-4


def test_the_fractional_power_of_a_normal_matrix_moves_as_its_derivative_says() -> None:
    """The integral is p |E| at the eigenvalue 1."""
    found = perturb.gaussian(np.eye(3), size=1e-6)
    for p in (-0.5, 0.25, 0.5, 0.9):
        derivative = abs(p) * 1e-6
        assert derivative <= fractional_power_bound(found, p).perturbation <= 1.3 * derivative


def root_in_multiple_precision(X: Any, halvings: int) -> Any:
    """X^{2^{-halvings}}, by Denman and Beavers' iteration, in midpoints."""
    for _ in range(halvings):
        root = X
        inverse = flint.arb_mat(np.eye(X.nrows()).tolist())
        for _ in range(20):
            halves = (root + inverse.inv()) * half(), (inverse + root.inv()) * half()
            root, inverse = (part.mid() for part in halves)
        X = root
    return X


def half() -> Any:
    return flint.arb(0.5)


def on_the_host(X: Any) -> np.ndarray:
    return np.array([[float(entry.mid()) for entry in row] for row in X.tolist()])


@pytest.mark.parametrize(
    ("A", "worst"),
    [(gallery.kahan(24), 20), (gallery.frank(12), 20), (gallery.frank(8), 20)],
    ids=["Kahan, 24", "Frank, 12", "Frank, 8"],
)
def test_roots_near_a_singular_matrix_are_within_a_bound_of_their_size(
    A: np.ndarray, worst: float
) -> None:
    """sigma_min(A) is 3e-4 and 1e-8, and the negative axis is far from the pseudospectrum."""
    found = perturb.gaussian(A, size=1e-12)
    bound = fractional_power_bound(found, 0.25)
    with flint.ctx.workprec(600):
        exact = root_in_multiple_precision(flint.arb_mat(A.tolist()), 2)
        moved = flint.arb_mat(A.tolist()) + flint.arb_mat(np.asarray(found.E).tolist())
        by_E = norm(on_the_host(root_in_multiple_precision(moved, 2) - exact))
        computed = flint.arb_mat(found.apply(lambda Lambda: Lambda**0.25).tolist())
        error = norm(on_the_host(computed - exact))
    assert by_E <= bound.perturbation <= worst * by_E
    assert error <= total(bound)


@pytest.mark.parametrize("p", [-0.6, 0.25, 0.8])
@pytest.mark.parametrize("name", ["kahan", "frank", "grcar", "jordan"])
def test_the_integral_of_a_fractional_power_is_that_of_quadrature(name: str, p: float) -> None:
    """Over log s by the trapezoidal rule, from singular values; a bound, and within a third."""
    A = {
        "kahan": gallery.kahan(12),
        "frank": gallery.frank(7),
        "grcar": gallery.grcar(10),
        "jordan": gallery.jordan(6, 1.5),
    }[name]
    found = perturb.gaussian(A, size=1e-9)
    M = A + np.asarray(found.E)
    u = np.linspace(-40, 40, 3001)
    eye = np.eye(len(A))

    def least(X: np.ndarray) -> np.ndarray:
        shifted = np.exp(u)[:, None, None] * eye + X
        return np.linalg.svd(shifted, compute_uv=False)[:, -1]

    values = np.exp(u * (1 + p)) / (least(A) * least(M))
    integral = float(np.sum(values)) * float(u[1] - u[0])
    exact = norm(found.E) * abs(math.sin(math.pi * p)) / math.pi * integral
    bound = fractional_power_bound(found, p).perturbation
    assert exact * (1 - 1e-6) <= bound <= 1.33 * exact


def test_a_negative_eigenvalue_has_no_bound_of_its_root() -> None:
    found = perturb.gaussian(np.diag([-1.0, 2.0]), size=1e-6)
    assert fractional_power_bound(found, 0.5).perturbation == math.inf


@given(st.integers(0, 50), st.integers(2, 9))
def test_a_function_times_vectors_is_the_matrix_times_them(seed: int, order: int) -> None:
    found = perturb.gaussian(gallery.random(seed, order, imag=False), size=1e-2, seed=seed)
    x = gallery.random(seed + 1, order)[:, :3]
    whole = found.apply(np.sin)
    tolerance = 64 * order * EPS * found.condition * np.abs(np.sin(found.Lambda)).max()
    for columns in (x, np.real(x), x[:, 0]):
        assert norm(found.apply(np.sin, columns) - whole @ columns) <= tolerance * norm(columns)


def test_functions_of_real_matrices_are_real_where_they_are() -> None:
    found = perturb.gaussian(gallery.grcar(9) - 3 * np.eye(9), size=1e-6)
    x = np.ones(9)
    assert found.apply(np.exp).dtype == found.apply(np.exp, x).dtype == np.float64
    assert np.iscomplexobj(found.apply(np.exp, 1j * x))
    assert np.iscomplexobj(found.apply(lambda z: 1j * z))
    rotation = perturb.gaussian(np.diag([-1.0, 4.0]), size=1e-8)
    assert np.iscomplexobj(rotation.apply(np.sqrt))
    of_complex = perturb.complex_gaussian(gallery.grcar(9), size=1e-6)
    assert np.iscomplexobj(of_complex.apply(np.exp))


def test_times_come_at_once_as_one_by_one() -> None:
    found = perturb.gaussian(gallery.shear(30.0), size=1e-9)
    t = np.array([3.0, 0.0, 0.5])
    x = np.ones((2, 2))
    assert found.exponential(t, x).shape == found.exponential(t).shape == (3, 2, 2)
    assert found.exponential(t, x[:, 0]).shape == (3, 2)
    for time, value in zip(t, found.exponential(t, x), strict=True):
        np.testing.assert_allclose(value, found.exponential(time, x), rtol=64 * EPS)
    np.testing.assert_allclose(found.exponential(0.0), np.eye(2), atol=64 * EPS * found.condition)


def test_vectors_need_no_stored_matrix() -> None:
    """As beyond order 4096, where V and its inverse are on demand."""
    found = perturb.lossless(hippo.legs(16), conditioning=8)
    V, V_inv, E = map(on_demand, (found.V, found.V_inv, found.E))
    large = dataclasses.replace(found, factors=partial(perturb.Factors, V, V_inv, E))
    x = np.ones((16, 2))
    for columns in (x, x[:, 0]):
        expected = found.exponential([0.0, 1.0], columns)
        tolerance = 64 * EPS * found.condition
        got = large.exponential([0.0, 1.0], columns)
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


def on_demand(M: np.ndarray) -> Any:
    def block(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        assert len(rows) * len(columns) == M.size, "in one block, as a product is made"
        return M[np.ix_(rows, columns)]

    return OnDemand(M.shape, M.dtype, block)


WIDE = perturb.lossless(hippo.legs(4), modes=6)
FOUND = perturb.gaussian(JORDAN, size=1e-3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: FOUND.apply(3), "`f` must be a function; got 3"),
        (lambda: FOUND.apply(len), r"`f\(Lambda\)` must have shape .* got \(\)"),
        (lambda: FOUND.apply(lambda z: z[1:]), r"\(..., 20\), a value for each eigenvalue"),
        (lambda: FOUND.apply(lambda z: z / 0), "`f` must be finite at every eigenvalue; got"),
        (lambda: FOUND.apply(lambda z: "text"), r"`f\(Lambda\)` must hold integers or numbers"),
        (lambda: FOUND.apply(np.exp, np.ones(3)), r"`x` must have shape \(20,\) or \(20, k\)"),
        (lambda: FOUND.apply(np.exp, np.full(20, np.nan)), "`x` must be finite"),
        (lambda: FOUND.exponential(1e6), "`f` must be finite at every eigenvalue"),
        (lambda: FOUND.exponential(1j), "`t` must be real"),
        (lambda: FOUND.exponential(np.ones((2, 2))), r"`t` must have shape \(\) or \(T,\)"),
        (lambda: WIDE.apply(np.exp), r"as many modes as states; got 6 modes of 4 states"),
        (lambda: exponential_bound(WIDE, 1.0), "as many modes as states; got 6 modes of 4"),
        (lambda: exponential_bound(FOUND, -1.0), "`t` must be at least 0; got -1"),
        (lambda: power_bound(FOUND, 2**30), r"`k` must be at most 2\^24; got 1073741824"),
        (lambda: fractional_power_bound(FOUND, 1), "`p` must be a finite number between -1 and 1"),
    ],
)
def test_what_is_wrong_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


@pytest.mark.parametrize("exponent", [-1000, -550, 550, 1000])
def test_bounds_are_those_of_a_over_any_power_of_two(exponent: int) -> None:
    """f(c A) = c^degree f(A), and of e^{tA} with t over c."""
    A = np.array([[1.0, 30, 2], [0, 2, -7], [0, 0.5, 4]])
    unit = 2.0**exponent
    found = perturb.gaussian(A, size=1e-9)
    scaled = perturb.gaussian(unit * A, size=1e-9)
    times = np.array([0.3, 1.0])
    pairs = [
        (perturb.exponential_bound(scaled, times / unit), perturb.exponential_bound(found, times)),
        (perturb.power_bound(scaled, 1), perturb.power_bound(found, 1)),
        (
            perturb.fractional_power_bound(scaled, 0.5),
            perturb.fractional_power_bound(found, 0.5),
        ),
        (
            perturb.resolvent_bound(scaled, unit * np.array([1j, 5.0])),
            perturb.resolvent_bound(found, [1j, 5.0]),
        ),
    ]
    degrees = (0, 1, 0.5, -1)
    for (got, expected), degree in zip(pairs, degrees, strict=True):
        factor = 2.0 ** (exponent * degree)
        relative = np.asarray(got.perturbation) / factor
        np.testing.assert_allclose(relative, expected.perturbation, rtol=1e-4)
        assert np.all(np.isfinite(got.rounding))


def test_bounds_hold_where_time_or_the_matrix_is_out_of_scale() -> None:
    huge = np.array([[1e300, 1e308], [0, -1e308]])
    tiny = np.array([[5e-324, 0], [5e-324, -5e-324]])
    found = perturb.minimize(huge, conditioning=2)
    assert perturb.exponential_bound(found, 1.0).perturbation == math.inf
    decaying = perturb.gaussian([[-1e300, 1e307], [0, -1e307]], size=1e-9)
    assert perturb.exponential_bound(decaying, 1.0).perturbation >= 0
    off = perturb.exponential_bound(perturb.minimize(tiny, conditioning=2), 1.0)
    assert 0 <= off.perturbation <= 1e-323
