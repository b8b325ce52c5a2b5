"""Pseudospectra of matrices with more rows than columns, which may have no eigenvalue at all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ssmlinalg import matrices, perturb

EPS = float(np.finfo(np.float64).eps)
X = np.array([-1.5, 0.0, 0.7, 2.0])
Y = np.array([-1.0, 0.0, 1.0])


def grcar(order: int) -> np.ndarray:
    return np.triu(np.tril(np.ones((order, order)), 3)) - np.eye(order, k=-1)


def arnoldi(A: np.ndarray, dimension: int) -> np.ndarray:
    """The Hessenberg matrix (k + 1, k) of a Krylov space."""
    basis = [np.ones(len(A)) / np.sqrt(len(A))]
    H = np.zeros((dimension + 1, dimension))
    for j in range(dimension):
        w = A @ basis[j]
        for _ in range(2):
            for i, v in enumerate(basis):
                part = v @ w
                H[i, j] += part
                w = w - part * v
        H[j + 1, j] = np.linalg.norm(w)
        basis.append(w / H[j + 1, j])
    return H


def exact(A: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    eye = np.eye(*A.shape)
    z = x[None, :] + 1j * y[:, None]
    return np.linalg.svd(z[..., None, None] * eye - A, compute_uv=False)[..., -1]


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape)


TALL = {
    "Arnoldi": arnoldi(grcar(60), 12),
    "two more rows": drawn(7, 5),
    "complex": drawn(9, 4) + 1j * drawn(9, 4)[::-1],
    "many rows": drawn(70, 6),
    "one column": drawn(3, 1),
    "zero beneath": np.concatenate([drawn(5, 5), np.zeros((3, 5))]),
    "nothing above": np.concatenate([np.zeros((4, 4)), drawn(4, 4)]),
}


@pytest.mark.parametrize("scale", [1.0, 2.0**-900, 2.0**900])
@pytest.mark.parametrize("name", TALL)
def test_values_are_the_least_singular_values(name: str, scale: float) -> None:
    A = TALL[name]
    found = matrices.pseudospectrum(A * scale, X * scale, Y * scale)
    rounding = 16 * len(A) * EPS * float(np.linalg.norm(A) + 3)
    np.testing.assert_allclose(found.sigma / scale, exact(A, X, Y), rtol=0, atol=rounding)
    assert found.Lambda.shape == (0,)


def test_a_column_has_circles_and_none_below_the_rest_of_it() -> None:
    a, b = 0.5, 2.0
    found = matrices.pseudospectrum([[a], [b]], X, Y).sigma
    distance = np.abs(X[None, :] + 1j * Y[:, None] - a)
    np.testing.assert_allclose(found, np.hypot(distance, b), rtol=8 * EPS)
    assert matrices.pseudospectrum([[a], [b]]).sigma.min() >= b * (1 - 8 * EPS)  # empty below b


def test_rows_that_are_added_shrink_pseudospectra_and_columns_widen_them() -> None:
    A = drawn(9, 4)
    heights = [matrices.pseudospectrum(A[:rows], X, Y).sigma for rows in range(4, 10)]
    for fewer, more in pairwise(heights):
        assert np.all(more >= fewer * (1 - 2e-3))  # the square one is to a tolerance of 1e-3
    H = arnoldi(grcar(60), 12)
    spaces = [matrices.pseudospectrum(H[: k + 1, :k], X, Y).sigma for k in range(1, 13)]
    for smaller, larger in pairwise(spaces):
        assert np.all(larger <= smaller * (1 + 64 * EPS))
    whole = exact(grcar(60), X, Y)
    assert np.all(spaces[-1] >= whole * (1 - 64 * EPS))


def test_the_projected_pseudospectrum_is_that_of_its_hessenberg_matrix() -> None:
    A = grcar(30)
    ours = matrices.projected_pseudospectrum(A, X, Y, dimension=30)
    np.testing.assert_allclose(ours.sigma, exact(A, X, Y), rtol=1e-9)


@pytest.mark.parametrize("name", TALL)
def test_the_window_holds_the_pseudospectrum(name: str) -> None:
    A = TALL[name]
    x, y = matrices.window(A, 30, level=0.01)
    found = matrices.pseudospectrum(A, x, y).sigma
    border = np.concatenate([found[0], found[-1], found[:, 0], found[:, -1]])
    assert np.all(border > 0.01 * np.linalg.norm(A, 2))
    assert np.all(border > 1.9 * found.min())  # the valley is in the picture
    if np.isrealobj(A):
        np.testing.assert_array_equal(y, -y[::-1])
        np.testing.assert_array_equal(found, found[::-1])


def test_it_draws_itself_without_eigenvalues() -> None:
    pytest.importorskip("plotly")
    drawing: Any = matrices.pseudospectrum(TALL["Arnoldi"], points=6).figure()
    assert drawing.data[0].z.shape == (6, 6)


def test_an_interrupted_grid_keeps_its_tiles_and_goes_on() -> None:
    A = np.concatenate([grcar(60), np.ones((1, 60))])
    x = np.linspace(-2.0, 3.0, 30)
    y = np.linspace(-2.2, 2.2, 6)
    out = np.full((6, 30), np.nan)

    def progress(fraction: float) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        matrices.pseudospectrum(A, x, y, out=out, progress=progress)
    assert 0.2 < np.mean(~np.isnan(out)) < 0.8
    assert matrices.pseudospectrum(A, x, y, out=out).sigma is out
    np.testing.assert_array_equal(out, matrices.pseudospectrum(A, x, y).sigma)


EIGEN_QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "condeig": matrices.condeig,
    "kreiss": matrices.kreiss,
    "minimize": lambda A: perturb.minimize(A, conditioning=10.0),
    "numerical_range": matrices.numerical_range,
    "profile": matrices.profile,
    "pseudospectral_abscissa": lambda A: matrices.pseudospectral_abscissa(A, 0.1),
}


@pytest.mark.parametrize("name", EIGEN_QUESTIONS)
def test_questions_about_eigenvalues_name_what_takes_more_rows(name: str) -> None:
    sentence = r"must have shape \(N, N\).*got \(3, 2\)\. Take matrices.pseudospectrum, which is"
    with pytest.raises(ValueError, match=sentence):
        EIGEN_QUESTIONS[name](np.ones((3, 2)))


@pytest.mark.parametrize("call", [matrices.pseudospectrum, matrices.window])
def test_more_columns_are_refused(call: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"got \(2, 3\)\. Of fewer rows every z is an eigenvalue"):
        call(np.ones((2, 3)))
