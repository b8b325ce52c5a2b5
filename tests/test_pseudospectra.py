"""Pseudospectra are the smallest singular values of z I - A, wherever z is and whatever A is."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from gallery import GALLERY, grcar, jordan, normal, one_chain, random, ring, shear, stable, unitary
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, measures, seeds

from ssmlinalg import hippo
from ssmlinalg.matrices import (
    inverse_lanczos,
    pseudospectra,
    pseudospectral_abscissa,
    pseudospectrum,
    window,
)

mp = mpmath.MPContext()
mp.dps = 40

TOLERANCE = 1e-3  # the default of a grid,
LEVEL = 1e-3  # of a window,
FINE = 1e-6  # and of an abscissa
EXACT = 1e-20  # half of the digits above
fields = st.booleans()
small = st.integers(2, 8)
SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"


def of_spectrum(spectrum: list[complex]) -> Callable[[int, int], np.ndarray]:
    return lambda seed, order: normal(seed, np.resize(spectrum, order))


def random_normal(seed: int, order: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return normal(seed, rng.standard_normal(order) + 1j * rng.random(order))


KINDS: dict[str, Callable[[int, int], np.ndarray]] = {
    "real": lambda seed, order: random(seed, order, imag=False),
    "complex": random,
    "normal": random_normal,
    "upper": lambda seed, order: np.triu(random(seed, order, imag=False)),
    "defective": one_chain,
    "repeated": of_spectrum([1.0, -1.0]),
    "tied": of_spectrum([1j, -1j, 1, -1]),
    "hard": lambda seed, order: list(GALLERY.values())[seed % len(GALLERY)](order),
}


def matrix(kind: str, seed: int, order: int) -> np.ndarray:
    return KINDS[kind](seed, order)


def least_singular_values(A: np.ndarray, z: np.ndarray) -> np.ndarray:
    """sigma_min(z I - A) for each z, by dense decompositions."""
    moved = np.asarray(z)[..., None, None] * np.eye(len(A)) - A
    return np.linalg.svd(moved, compute_uv=False)[..., -1]


def sigma_exactly(A: np.ndarray, z: Any) -> Any:
    """sigma_min(z I - A) in 40 digits."""
    return min(mp.svd_c(z * mp.eye(len(A)) - mp.matrix(A.tolist()), compute_uv=False))


def singular_values(A: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All of them, rising, by dense decompositions: (Y, X, N)."""
    z = x + 1j * y[:, None]
    return np.linalg.svd(z[..., None, None] * np.eye(len(A)) - A, compute_uv=False)[..., ::-1]


def grid(A: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    size = np.linalg.norm(A, 2) + 0.1
    return np.sort(size * rng.uniform(-1.5, 1.5, 7)), np.sort(size * rng.uniform(-1.5, 1.5, 5))


def assert_smallest(
    found: np.ndarray, exact: np.ndarray, rounding: Any, tolerance: float = TOLERANCE
) -> None:
    """The smallest of the singular values `exact` (..., N) rising, unless two of them are all but
    equal: then one of those.
    """
    assert np.all(found >= exact[..., 0] * (1 - 64 * EPS) - rounding)
    near = np.min(np.abs(found[..., None] - exact), axis=-1)
    assert np.all(near <= tolerance / 2 * found + rounding)
    close = (
        exact[..., min(1, exact.shape[-1] - 1)] <= exact[..., 0] * (1 + 16 * tolerance) + rounding
    )
    assert np.all(close | (found <= exact[..., 0] * (1 + tolerance) + rounding))


@given(st.sampled_from(sorted(KINDS)), seeds, st.integers(1, 40))
def test_values_are_the_smallest_singular_values(kind: str, seed: int, order: int) -> None:
    A = matrix(kind, seed, order)
    x, y = grid(A, seed)
    found = pseudospectrum(A, x, y).sigma
    assert found.shape == (5, 7)
    assert_smallest(found, singular_values(A, x, y), 16 * EPS * order * np.linalg.norm(A))


@given(measures, st.integers(1, 24), seeds)
def test_values_are_right_for_every_measure(measure: str, order: int, seed: int) -> None:
    A = np.asarray(hippo.MEASURES[measure](order).A)
    x, y = grid(A, seed)
    assert_smallest(
        pseudospectrum(A, x, y).sigma,
        singular_values(A, x, y),
        16 * EPS * order * np.linalg.norm(A),
    )


@given(st.sampled_from(["real", "normal", "tied"]), seeds, st.integers(1, 30))
def test_a_smaller_tolerance_gives_more_digits(kind: str, seed: int, order: int) -> None:
    A = matrix(kind, seed, order)
    x, y = grid(A, seed)
    found = pseudospectrum(A, x, y, tolerance=1e-10).sigma
    assert_smallest(found, singular_values(A, x, y), 16 * EPS * order * np.linalg.norm(A), 1e-10)


@pytest.mark.parametrize("order", [3, 8, 20])
def test_triangular_matrices_keep_relative_accuracy_where_values_are_below_rounding(
    order: int,
) -> None:
    """HiPPO-LegS between its eigenvalues, against 60 digits."""
    A = hippo.legs(order).A
    x = np.array([-0.6 * order, -1.5])
    y = np.array([0.25])
    found = pseudospectrum(A, x, y, tolerance=1e-12).sigma
    for value, real in zip(found[0], x, strict=True):
        with mpmath.workdps(60):
            M = mpmath.mpc(float(real), 0.25) * mpmath.eye(order) - mpmath.matrix(A.tolist())
            exact = float(mpmath.svd_c(M, compute_uv=False)[order - 1])
        assert value == pytest.approx(exact, rel=64 * EPS * order**2)
    assert found.min() < EPS * np.linalg.norm(A) or order < 20


@pytest.mark.parametrize(("order", "z"), [(40, 1e-3), (60, 0.01), (100, 0.01), (140, 0.006)])
def test_a_jordan_block_has_the_law_of_its_powers(order: int, z: float) -> None:
    """sigma_min = |z|^N (1 - |z|^2), up to a relative |z|^(2N): 1e-311 is 0."""
    sigma = pseudospectrum(np.eye(order, k=1), np.array([-z, z]), np.array([0.0])).sigma
    exact = z**order * (1 - z**2)
    np.testing.assert_allclose(sigma, exact if exact > 1e-300 else 0, rtol=TOLERANCE)


@pytest.mark.parametrize("order", [1, 2, 33])
def test_the_value_is_0_where_z_is_an_eigenvalue(order: int) -> None:
    sigma = pseudospectrum(
        hippo.legs(order).A, -np.arange(order + 1.0)[::-1], np.array([-0.5, 0, 0.5])
    ).sigma
    assert np.all(sigma[1, :-1] == 0)
    assert np.all(sigma[[0, 2]] > 0)
    assert sigma[1, -1] > 0  # at the origin, which is none


@given(seeds, st.integers(1, 40))
def test_of_a_normal_matrix_the_value_is_the_distance_to_the_spectrum(
    seed: int, order: int
) -> None:
    rng = np.random.default_rng(seed)
    spectrum = rng.standard_normal(order) + 1j * rng.standard_normal(order)
    x = np.linspace(-3, 3, 9)
    y = np.linspace(-2.5, 3, 8)
    distance = np.sort(np.abs((x + 1j * y[:, None])[..., None] - spectrum), axis=-1)
    assert_smallest(pseudospectrum(np.diag(spectrum), x, y).sigma, distance, 16 * EPS * order)


def test_ties_in_all_directions_are_found() -> None:
    """The N-th roots of unity are all as near to the origin, and any two neighbours to the rays
    between them.
    """
    roots = np.exp(2j * np.pi * np.arange(48) / 48)
    C = ring(48)
    x = np.linspace(-1.5, 1.5, 13)
    y = np.linspace(-1.5, 1.5, 13)
    distance = np.min(np.abs((x + 1j * y[:, None])[..., None] - roots), axis=-1)
    np.testing.assert_allclose(
        pseudospectrum(C, x, y).sigma, distance, rtol=TOLERANCE, atol=64 * EPS * 48
    )


@given(st.sampled_from(sorted(KINDS)), seeds, st.integers(1, 20))
def test_values_change_no_faster_than_z(kind: str, seed: int, order: int) -> None:
    A = matrix(kind, seed, order)
    x, y = grid(A, seed)
    sigma = pseudospectrum(A, x, y).sigma
    z = (x + 1j * y[:, None]).ravel()
    change = np.abs(sigma.ravel()[:, None] - sigma.ravel())
    rounding = 16 * EPS * order * np.linalg.norm(A)
    assert np.all(change <= np.abs(z[:, None] - z) + 4 * TOLERANCE * sigma.max() + rounding)


@given(seeds, st.integers(1, 20), st.sampled_from([-900, -400, 300, 900]))
def test_the_unit_of_time_is_a_factor(seed: int, order: int, power: int) -> None:
    A = matrix("complex", seed, order)
    c = 2.0**power
    x, y = grid(A, seed)
    np.testing.assert_array_equal(
        pseudospectrum(c * A, c * x, c * y).sigma, c * pseudospectrum(A, x, y).sigma
    )


@given(seeds, st.integers(1, 40), st.integers(1, 9))
def test_conjugate_points_of_a_real_matrix_share_a_value(
    seed: int, order: int, height: int
) -> None:
    A = matrix("real", seed, order)
    x = np.linspace(-2, 2, 5)
    y = np.linspace(-3, 3, height) if height > 1 else np.zeros(1)
    found = pseudospectrum(A, x, y).sigma
    np.testing.assert_array_equal(found, found[::-1])
    assert_smallest(found, singular_values(A, x, y), 16 * EPS * order * np.linalg.norm(A))


@given(seeds, st.integers(2, 14), st.integers(1, 8))
def test_k_steps_from_the_start_the_value_is_bounded_by_the_angle(
    seed: int, order: int, k: int
) -> None:
    """sigma_k/sigma <= cosh(arsinh(tan phi)/(2k - 1)), as the docstring says, by a Krylov basis
    that is kept orthogonal.
    """
    rng = np.random.default_rng(seed)
    sigma = np.sort(rng.random(order) ** 2) + 1e-3
    H = np.diag(sigma**-2.0)
    v = rng.standard_normal(order)
    basis = (v / np.linalg.norm(v))[:, None]
    for _ in range(min(k, order) - 1):
        w = H @ basis[:, -1]
        for _ in range(2):
            w = w - basis @ (basis.T @ w)
        basis = np.column_stack([basis, w / np.linalg.norm(w)])
    theta = np.linalg.eigvalsh(basis.T @ H @ basis)[-1]
    tangent = np.linalg.norm(v[1:]) / abs(v[0])
    bound = np.cosh(np.arcsinh(tangent) / (2 * basis.shape[1] - 1))
    assert theta**-0.5 / sigma[0] <= bound * (1 + 64 * EPS * order)


@given(seeds, st.integers(1, 12), st.sampled_from([1.0, 1e-2, 1e-5]))
def test_the_ritz_value_followed_from_step_to_step_is_the_largest(
    seed: int, order: int, coupling: float
) -> None:
    rng = np.random.default_rng(seed)
    a: list[Any] = [rng.random(6) for _ in range(order)]
    b: list[Any] = [coupling * rng.random(6) + 1e-8 for _ in range(order)]
    theta: Any = np.ones(6)
    ahead = theta
    apart = 1e-6  # a level so far from an eigenvalue is told from it
    for k in range(1, order + 1):
        theta, ahead, residual = inverse_lanczos.ritz(a[:k], b[:k], theta, ahead)
        dense, _ = inverse_lanczos.dense_ritz(a[:k], b[:k])
        for n in range(6):
            off = [c[n] for c in b[: k - 1]]
            H = np.diag([c[n] for c in a[:k]]) + np.diag(off, 1) + np.diag(off, -1)
            Lambda, S = np.linalg.eigh(H)
            assert dense[n] == pytest.approx(Lambda[-1], rel=64 * EPS * k)
            nearest = np.min(np.abs(Lambda - theta[n]))  # whichever was followed
            assert nearest <= residual[n] + 64 * EPS * k
            one = slice(n, n + 1)
            above = inverse_lanczos.exceeds(
                [c[one] for c in a[:k]],
                [c[one] for c in b[:k]],
                theta[one] + apart,
            )
            assert bool(above[0]) == (Lambda[-1] < theta[n] + apart)
            if above[0] and np.min(np.diff(Lambda[-2:]), initial=1) > 1e3 * apart:
                expected = b[k - 1][n] * abs(S[-1, -1])
                assert residual[n] == pytest.approx(expected, rel=0.1, abs=apart)
        # A start so near to another eigenvalue may miss the largest. At full coupling Newton leads
        # one in thousands astray, which `exceeds` finds out above.
        assert coupling < 1 or np.sum(dense - theta > apart) <= 1


class Interrupted(KeyboardInterrupt):
    """As from the keyboard."""


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of points that are computed, tile by tile."""
    sizes: list[int] = []
    smallest = pseudospectra.smallest_singular_values

    def counted(T: np.ndarray, z: np.ndarray, tolerance: float) -> np.ndarray:
        sizes.append(len(z))
        time.sleep(2e-3)  # so that an interrupt finds something left to do
        return smallest(T, z, tolerance)

    monkeypatch.setattr(pseudospectra, "smallest_singular_values", counted)
    monkeypatch.setattr(pseudospectra, "_TILE", 0)
    monkeypatch.setattr(pseudospectra, "_NARROW", 16)
    return sizes


def stopping(after: int) -> Callable[..., None]:
    told: list[float] = []

    def progress(*, fraction: float) -> None:
        told.append(fraction)
        if len(told) == after:
            raise Interrupted

    return progress


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("after", [1, 3])
def test_an_interrupted_grid_goes_on_where_it_stopped(
    real: bool, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    A = matrix("real" if real else "complex", 5, 12)
    x = np.linspace(-4, 4, 60)
    y = np.linspace(-4, 4, 40)
    sizes = counting(monkeypatch)
    whole = pseudospectrum(A, x, y).sigma
    points = 60 * (20 if real else 40)
    assert sum(sizes) == points
    sizes.clear()
    out = np.memmap(tmp_path / "sigma", dtype=np.float64, mode="w+", shape=(40, 60))
    out[:] = np.nan
    with pytest.raises(Interrupted):
        pseudospectrum(A, x, y, out=out, progress=stopping(after))
    done = int(np.sum(~np.isnan(out)))
    assert 0 < done < 40 * 60
    np.testing.assert_array_equal(out[~np.isnan(out)], whole[~np.isnan(out)])
    assert pseudospectrum(A, x, y, out=out).sigma is out
    assert sum(sizes) == points  # none twice
    np.testing.assert_array_equal(out, whole)
    sizes.clear()
    pseudospectrum(A, x, y, out=out, progress=stopping(1))
    assert not sizes


def test_what_is_in_the_array_is_kept() -> None:
    A = matrix("real", 1, 6)
    x = np.linspace(-1, 1, 4)
    y = np.array([-1.0, 1.0])
    out = np.full((2, 4), np.nan)
    out[0, 2] = 7.0
    found = pseudospectrum(A, x, y, out=out).sigma
    assert found[0, 2] == 7.0
    assert found[1, 2] < 7.0
    out = np.full((2, 4), np.nan)
    np.testing.assert_array_equal(
        np.delete(found.ravel(), 2), np.delete(pseudospectrum(A, x, y, out=out).sigma.ravel(), 2)
    )


def test_progress_rises_to_1(monkeypatch: pytest.MonkeyPatch) -> None:
    counting(monkeypatch)
    told: list[float] = []
    pseudospectrum(
        matrix("real", 2, 5),
        np.linspace(-1, 1, 20),
        np.linspace(0, 1, 5),
        progress=lambda fraction: told.append(fraction),
    )
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) == 7


@given(st.sampled_from([*KINDS, "legs"]), seeds, st.integers(1, 24))
def test_the_window_holds_the_spectrum_and_the_pseudospectrum(
    kind: str, seed: int, order: int
) -> None:
    A = hippo.legs(order).A if kind == "legs" else matrix(kind, seed, order)
    x, y = window(A, 30)
    Lambda = np.linalg.eigvals(A) if kind != "legs" else -np.arange(1.0, order + 1)
    assert x[0] < Lambda.real.min() <= Lambda.real.max() < x[-1]
    assert y[0] < Lambda.imag.min() <= Lambda.imag.max() < y[-1]
    if np.isrealobj(A):
        np.testing.assert_array_equal(y, -y[::-1])
    sides = singular_values(A, x[[0, -1]], y)[..., 0]
    ends = singular_values(A, x, y[[0, -1]])[..., 0]
    least = min(sides.min(), ends.min())
    assert least >= 0.8 * LEVEL * np.linalg.norm(A, 2)  # between the points that were looked at


def test_the_window_of_a_multiple_of_the_identity_is_around_it() -> None:
    x, y = window(np.zeros((3, 3)), 3)
    np.testing.assert_array_equal([x, y], [[-1, 0, 1]] * 2)
    x, y = window((2 + 1j) * np.eye(3), 3)
    assert (x[1], y[1]) == (2, 1)
    size = np.sqrt(5) * LEVEL
    assert size < x[2] - x[1] < 4 * size


# The pseudospectral abscissa


@given(seeds, st.integers(1, 12), st.floats(-6, 1))
def test_a_normal_matrix_moves_by_eps(seed: int, order: int, exponent: float) -> None:
    eps = 10.0**exponent
    spectrum = random(seed, order)[0]
    found = pseudospectral_abscissa(normal(seed, spectrum), eps)
    allowed = FINE * eps + 256 * order * EPS * np.linalg.norm(spectrum)
    for bound in found[:2]:
        assert bound == pytest.approx(spectrum.real.max() + eps, abs=allowed)


@given(st.floats(0.1, 1e4), st.floats(-5, 0))
def test_two_driven_modes_move_to_a_root_of_their_quartic(M: float, exponent: float) -> None:
    """sigma_min^2 = eps^2 at real x, at the rightmost root.

    eps^4 - ((x+1)^2 + (x+2)^2 + M^2) eps^2 + (x+1)^2 (x+2)^2 = 0.
    """
    eps = 10.0**exponent
    a = mp.mpf(eps) ** 2
    b = mp.mpf(M) ** 2
    quartic = [1, 6, 13 - 2 * a, 12 - 6 * a, 4 + a * a - (5 + b) * a]
    roots = mp.polyroots(quartic, maxsteps=200, extraprec=200)
    real = [root.real for root in roots if abs(root.imag) < EXACT]
    exact = float(max(real))
    found = pseudospectral_abscissa(shear(M), eps)
    slack = 64 * EPS * (1 + M) * max(1, (exact + 1) / eps)
    assert found.lower - slack <= exact <= found.upper + slack
    assert found.upper - found.lower <= 2 * FINE * (exact + 1) + 100 * slack


@given(st.integers(2, 8), st.floats(-2, 2), st.floats(-4, 0))
def test_the_pseudospectra_of_a_jordan_block_are_discs(
    order: int, value: float, exponent: float
) -> None:
    eps = 10.0**exponent
    found = pseudospectral_abscissa(jordan(order, value), eps)
    lower = mp.mpf(found.lower) - mp.mpf(value)
    upper = mp.mpf(found.upper) - mp.mpf(value)
    slack = 64 * order * EPS * (1 + abs(value))
    assert sigma_exactly(jordan(order), lower) <= eps + slack
    assert sigma_exactly(jordan(order), upper) >= eps - slack
    assert upper - lower <= 2 * FINE * lower + 1e3 * slack
    assert lower >= eps ** (1 / order) * 0.99 - slack


@given(seeds, small, fields, st.floats(-5, 0.5))
def test_perturbations_reach_the_lower_bound_and_never_pass_the_upper(
    seed: int, order: int, imag: bool, exponent: float
) -> None:
    A = stable(seed, order, imag=imag)
    eps = 10.0**exponent
    found = pseudospectral_abscissa(A, eps)
    U, s, Vh = np.linalg.svd(found.at * np.eye(order) - A)
    E = s[-1] * np.outer(U[:, -1], Vh[-1])
    rounding = 16 * order * EPS * np.linalg.norm(A)
    assert found.lower == found.at.real
    assert s[-1] <= eps + rounding
    moved = least_singular_values(A + E, np.array([found.at]))[0]
    assert moved <= rounding + order * EPS * abs(found.at)
    reach = max(found.lower - np.linalg.eigvals(A).real.max(), eps)
    assert found.upper - found.lower <= 16 * FINE * reach + 1e4 * rounding
    for other in range(20):
        F = random(other, order)
        perturbed = A + eps * F / np.linalg.norm(F, 2)
        assert np.linalg.eigvals(perturbed).real.max() <= found.upper + rounding
    heights = np.linspace(-1, 1, 81) * np.linalg.norm(A, 2)
    right = found.upper + np.linspace(0, 1, 3)[:, None] + 1j * heights
    assert least_singular_values(A, right).min() >= eps - rounding


@given(seeds, small, st.sampled_from([2.0, 1e-200, 1e200]))
def test_pseudospectral_abscissae_scale_and_do_not_rotate(
    seed: int, order: int, scale: float
) -> None:
    A = stable(seed, order)
    U = unitary(seed, order)
    found = pseudospectral_abscissa(A, 0.01)
    other = pseudospectral_abscissa(scale * (U @ A @ U.conj().T), 0.01 * scale)
    rounding = 1e4 * order * EPS * np.linalg.norm(A)
    lower = max(found.lower, other.lower / scale)
    upper = min(found.upper, other.upper / scale)
    assert lower <= upper + rounding


@given(st.integers(8, 24), st.sampled_from([1e-2, 1e-3, 1e-6]))
def test_the_pseudospectra_of_grcar_end_at_the_bound(order: int, eps: float) -> None:
    A = grcar(order)
    found = pseudospectral_abscissa(A, eps)
    line = found.upper + 1j * np.linspace(0, 4, 101)
    rounding = 64 * order * EPS
    assert least_singular_values(A, line).min() >= eps - rounding
    assert least_singular_values(A, np.array([found.at]))[0] <= eps + rounding
    reach = found.lower - np.linalg.eigvals(A).real.max()
    assert found.upper - found.lower <= 16 * FINE * reach


# Refusals

A2 = np.eye(2)
X2 = np.array([0.0, 1.0])
Y2 = np.array([0.0])
REFUSED: list[tuple[type[Exception], dict[str, Any]]] = [
    (TypeError, {"A": [["1.0"]]}),
    (TypeError, {"A": np.eye(2) > 0}),
    (ValueError, {"A": np.ones((2, 3))}),
    (ValueError, {"A": np.ones((0, 0))}),
    (ValueError, {"A": np.array([[np.nan]])}),
    (ValueError, {"A": np.array([[1j * np.inf]])}),
    (TypeError, {"x": ["0.0"]}),
    (TypeError, {"x": X2 + 0j}),
    (ValueError, {"x": X2[:0]}),
    (ValueError, {"y": Y2[:0]}),
    (ValueError, {"x": X2[None]}),
    (ValueError, {"x": X2[::-1]}),
    (ValueError, {"y": np.array([1.0, 1.0])}),
    (ValueError, {"y": np.array([np.nan])}),
    (ValueError, {"y": None}),
    (ValueError, {"x": None, "y": None, "points": 1}),
    (ValueError, {"tolerance": 0.0}),
    (ValueError, {"tolerance": 1.0}),
    (TypeError, {"tolerance": "fine"}),
    (ValueError, {"out": np.full((2, 1), np.nan)}),
    (TypeError, {"out": np.full((1, 2), np.nan, dtype=np.float32)}),
    (TypeError, {"out": [[np.nan, np.nan]]}),
]


@pytest.mark.parametrize(("error", "changed"), REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(
    error: type[Exception], changed: dict[str, Any]
) -> None:
    with pytest.raises(error) as caught:
        pseudospectrum(**{"A": A2, "x": X2, "y": Y2} | changed)
    assert re.fullmatch(SENTENCE, str(caught.value))


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, {"points": 1}),
        (TypeError, {"points": 2.5}),
        (ValueError, {"level": 0.0}),
        (ValueError, {"level": 2.0}),
    ],
)
def test_windows_that_cannot_be_are_refused(
    error: type[Exception], arguments: dict[str, Any]
) -> None:
    with pytest.raises(error) as caught:
        window(A2, **arguments)
    assert re.fullmatch(SENTENCE, str(caught.value))


def test_the_largest_and_the_smallest_numbers_give_no_nan() -> None:
    huge = 1.7e308 * np.array([[1.0, -1.0], [1.0, 1.0]])
    tiny = 5e-324 * np.array([[1.0, 2.0], [0.0, 1.0]])
    for A in (huge, tiny, huge * 1j, np.zeros((2, 2)), np.diag([1e-300, 1e300])):
        for points in (np.array([-1.0, 0.0, 1.0]), np.array([-1e308, 1e-308, 1e308])):
            sigma = pseudospectrum(A, points, points).sigma
            assert not np.any(np.isnan(sigma))
            assert np.all(sigma >= 0)


def test_without_a_grid_it_takes_the_window() -> None:
    A = grcar(12)
    x, y = window(A, 20)
    found = pseudospectrum(A, points=20)
    given = pseudospectrum(A, x, y)
    for ours, theirs in zip(found, given, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.sigma.shape == (20, 20)


@given(seeds, small)
def test_it_knows_the_eigenvalues(seed: int, order: int) -> None:
    A = random(seed, order)
    found = pseudospectrum(A, [0.0], [0.0]).Lambda
    true = np.linalg.eigvals(A)
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(true), atol=1e-9)


@pytest.mark.parametrize("A", [grcar(16), np.eye(3), np.zeros((2, 2)), jordan(30), 1e300 * ring(4)])
def test_it_draws_itself(A: np.ndarray) -> None:
    """Every contour is a power of ten, at most a dozen of them, and every number is finite."""
    found = pseudospectrum(A, points=12)
    drawn: Any = found.figure()
    contour, points = drawn.data
    np.testing.assert_array_equal(points.x, found.Lambda.real)
    levels = contour.contours
    assert np.all(np.isfinite(contour.z))
    assert levels.start <= levels.end <= contour.z.max()
    assert (levels.end - levels.start) / levels.size <= 12
    assert levels.size == 0.25 or levels.size == int(levels.size)


LONG = np.arange(10**6 + 0.0)
READ_ONLY = np.broadcast_to(np.nan, (1, 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: pseudospectrum(A2, LONG, LONG),
        lambda: pseudospectrum(A2, X2, Y2, out=READ_ONLY),
        lambda: window(A2, 10**12),
        lambda: window(np.full((2, 2), 1.7e308)),
        lambda: window(np.full((2, 2), 1.7e308j)),
    ],
)
def test_grids_that_nothing_can_hold_are_refused_in_one_sentence(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError) as error:
        call()
    assert re.fullmatch(SENTENCE, str(error.value))


def test_progress_that_is_no_function_is_refused_before_any_work() -> None:
    progress: Any = 3
    with pytest.raises(TypeError, match="progress") as error:
        pseudospectrum(A2, X2, Y2, progress=progress)
    assert re.fullmatch(SENTENCE, str(error.value))


def test_a_grid_across_the_range_of_doubles_and_any_tolerance_are_legal() -> None:
    far = np.array([-1.7e308, 1.7e308])
    sigma = pseudospectrum(-A2, far, Y2, tolerance=1e-300).sigma
    np.testing.assert_allclose(sigma, np.abs(far)[None], rtol=64 * EPS)
