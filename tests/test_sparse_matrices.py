"""Sparse matrices of large order beside the dense functions, and what is refused."""

# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from ssmlinalg import matrices

EPS = float(np.finfo(np.float64).eps)
TOLERANCE = 1e-2  # the default


def convection_diffusion(side: int, peclet: float = 0.3) -> scipy.sparse.csc_array:
    """Central differences on a square, convection along both axes."""
    bands = [np.full(side - 1, 1 + peclet), np.full(side, -2.0), np.full(side - 1, 1 - peclet)]
    line = scipy.sparse.diags_array(bands, offsets=[-1, 0, 1])
    eye = scipy.sparse.eye_array(side)
    return scipy.sparse.csc_array(scipy.sparse.kron(line, eye) + scipy.sparse.kron(eye, line))


def grcar(order: int) -> scipy.sparse.csc_array:
    bands = [-np.ones(order), *(np.ones(order) for _ in range(4))]
    found = scipy.sparse.diags_array(bands, offsets=[-1, 0, 1, 2, 3], shape=(order, order))
    return scipy.sparse.csc_array(found)


SPARSE = [convection_diffusion(12), grcar(100), 1j * grcar(60), scipy.sparse.csc_array(np.eye(3))]
GRID = (np.array([-7.0, -2.5, -0.3, 1.3]), np.array([-2.0, -0.4, 0.4, 2.0]))


def exact(A: scipy.sparse.csc_array) -> np.ndarray:
    dense = A.toarray()
    z = GRID[0][None, :] + 1j * GRID[1][:, None]
    shifted = z[..., None, None] * np.eye(len(dense)) - dense
    return np.linalg.svd(shifted, compute_uv=False)[..., -1]


@pytest.mark.parametrize("A", SPARSE, ids=range(len(SPARSE)))
def test_sparse_pseudospectra_are_the_dense_ones_within_the_tolerance(
    A: scipy.sparse.csc_array,
) -> None:
    true = exact(A)
    rounding = len(A.toarray()) * EPS * scipy.sparse.linalg.norm(A)
    found = matrices.sparse_pseudospectrum(A, *GRID).sigma
    assert np.all(found >= true * (1 - 1e-6) - rounding)
    assert np.all(found <= (1 + TOLERANCE) * true + rounding)


@pytest.mark.parametrize("A", SPARSE, ids=range(len(SPARSE)))
def test_projected_pseudospectra_are_upper_bounds_that_fall(A: scipy.sparse.csc_array) -> None:
    true = exact(A)
    rounding = len(A.toarray()) * EPS * scipy.sparse.linalg.norm(A)
    last = np.full(true.shape, np.inf)
    for dimension in (10, 40, len(A.toarray())):
        found = matrices.projected_pseudospectrum(A, *GRID, dimension=dimension).sigma
        assert np.all(found >= true - 64 * rounding)
        assert np.all(found <= last + 64 * rounding)
        last = found


def test_operators_are_projected_without_a_matrix() -> None:
    A = grcar(80)
    operator = scipy.sparse.linalg.aslinearoperator(A)
    ours = matrices.projected_pseudospectrum(operator, *GRID, dimension=30)
    theirs = matrices.projected_pseudospectrum(A, *GRID, dimension=30)
    np.testing.assert_array_equal(ours.sigma, theirs.sigma)


def test_condition_numbers_of_a_sparse_matrix_are_the_dense_ones() -> None:
    A = convection_diffusion(8)
    found = matrices.sparse_condeig(A, 4, near=-0.9)
    dense = matrices.condeig(A.toarray())
    assert np.all(found.residual < 64 * EPS * 64)
    for value, kappa in zip(found.Lambda, found.condition, strict=True):
        nearest = np.argmin(np.abs(dense.Lambda - value))
        assert abs(dense.Lambda[nearest] - value) < 1e-9
        if np.sum(np.abs(dense.Lambda - value) < 1e-6) == 1:  # of a double one it is a choice
            assert kappa == pytest.approx(dense.condition[nearest], rel=1e-6)


def test_the_rows_done_are_told() -> None:
    told: list[float] = []
    matrices.sparse_pseudospectrum(
        SPARSE[1], *GRID, progress=lambda fraction: told.append(fraction)
    )
    assert told == [0.5, 1.0]


def test_a_grid_on_an_eigenvalue_holds_a_zero() -> None:
    A = scipy.sparse.csc_array(np.diag([1.0, 2.0, 3.0]))
    found = matrices.sparse_pseudospectrum(A, [1.0, 2.5], [0.0]).sigma
    np.testing.assert_allclose(found, [[0.0, 0.5]], atol=1e-6)


WIDE = scipy.sparse.csc_array(np.ones((2, 3)))
BAD = scipy.sparse.csc_array(np.array([[np.nan, 1.0], [0.0, 1.0]]))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: matrices.sparse_pseudospectrum(np.eye(2), [0], [0]), "`A` must be sparse; got nd"),
        (lambda: matrices.sparse_pseudospectrum(WIDE, [0], [0]), r"`A` must have shape \(N, N\)"),
        (lambda: matrices.sparse_pseudospectrum(BAD, [0], [0]), "`A.data` must be finite; got nan"),
        (lambda: matrices.sparse_pseudospectrum(SPARSE[0], [1, 0], [0]), "`x` must rise strictly"),
        (
            lambda: matrices.projected_pseudospectrum("A", [0], [0]),
            "`A` must hold integers",
        ),
        (lambda: matrices.sparse_condeig(SPARSE[3], 2), "`count` must be at most N - 2 = 1"),
        (lambda: matrices.sparse_condeig(SPARSE[0], 0), "`count` must be an integer of at least 1"),
    ],
)
def test_what_is_wrong_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def test_dense_functions_take_small_sparse_matrices_and_refuse_large_ones() -> None:
    A = convection_diffusion(5)
    assert matrices.departure(A) == matrices.departure(A.toarray())
    np.testing.assert_array_equal(matrices.condeig(A).Lambda, matrices.condeig(A.toarray()).Lambda)
    with pytest.raises(ValueError, match=r"got a sparse matrix of shape \(10000, 10000\), 8000000"):
        matrices.condeig(convection_diffusion(100))
