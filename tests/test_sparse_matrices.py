"""Sparse matrices of large order beside the dense functions, and what is refused."""

# pyright: reportArgumentType=false, reportOptionalSubscript=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def shuffled(order: int) -> scipy.sparse.csc_array:
    """A permutation and weaker entries anywhere, nothing on the diagonal."""
    rng = np.random.default_rng(5)
    row = rng.integers(0, order, 2 * order)
    column = rng.integers(0, order, 2 * order)
    entries = 0.3 * rng.standard_normal(2 * order) * (row != column)
    weaker = scipy.sparse.csc_array((entries, (row, column)), shape=(order, order))
    weaker.eliminate_zeros()
    cycle = scipy.sparse.eye_array(order).tocsc()[:, np.roll(np.arange(order), 7)]
    return scipy.sparse.csc_array(cycle + weaker)


def least(A: scipy.sparse.csc_array, z: complex) -> float:
    dense = A.toarray()
    return float(np.linalg.svd(z * np.eye(len(dense)) - dense, compute_uv=False)[-1])


@pytest.mark.parametrize(
    ("A", "z"),
    [
        (convection_diffusion(30), -3.99 + 0.064j),
        (convection_diffusion(30), 0.2 + 0.1j),
        (convection_diffusion(20), -4.0),
        (convection_diffusion(20), -4 + 1e-8j),
        (shuffled(300), 0.0),
        (shuffled(300), 0.01),
        (shuffled(300), 0.3 + 0.5j),
        (shuffled(300), 9.0),
    ],
)
def test_weak_diagonals_cost_no_accuracy(A: scipy.sparse.csc_array, z: complex) -> None:
    true = least(A, z)
    rounding = A.shape[0] * EPS * scipy.sparse.linalg.norm(A)
    found = matrices.sparse_pseudospectrum(A, [np.real(z)], [np.imag(z)]).sigma[0, 0]
    assert true * (1 - 1e-6) - rounding <= found <= (1 + TOLERANCE) * true + rounding


@pytest.mark.parametrize("z", [-4.0, -4 + 1e-8j, -4.01, -3.99 + 0.064j, 0.5])
def test_weak_diagonals_cost_no_sparsity(z: complex, monkeypatch: pytest.MonkeyPatch) -> None:
    A = convection_diffusion(40)
    filled: list[int] = []
    factor = scipy.sparse.linalg.splu

    def counted(*given: Any, **how: Any) -> Any:
        factors = factor(*given, **how)
        filled.append(factors.nnz)
        return factors

    monkeypatch.setattr(scipy.sparse.linalg, "splu", counted)
    matrices.sparse_pseudospectrum(A, [np.real(z)], [np.imag(z)])
    assert len(filled) <= 3
    assert max(filled) < 8 * A.shape[0] * np.log2(A.shape[0])  # as by nested dissection


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("factor", [1.0, 1j])
def test_an_interrupted_sparse_grid_keeps_its_points_and_goes_on(factor: complex) -> None:
    A = grcar(40) * factor if factor != 1 else grcar(40)
    x = np.linspace(-2.0, 3.0, 5)
    y = np.linspace(-2.2, 2.2, 6)
    assert not np.array_equal(y, -y[::-1])  # symmetric but for rounding
    points = 15 if factor == 1 else 30
    told: list[float] = []

    def progress(fraction: float) -> None:
        told.append(fraction)
        if len(told) == 7:
            raise Interrupted

    whole = matrices.sparse_pseudospectrum(A, x, y).sigma
    out = np.full((6, 5), np.nan)
    with pytest.raises(Interrupted):
        matrices.sparse_pseudospectrum(A, x, y, out=out, progress=progress)
    assert np.count_nonzero(~np.isnan(out)) == (14 if factor == 1 else 7)
    found = matrices.sparse_pseudospectrum(A, x, y, out=out, progress=progress)
    assert len(told) == points  # none twice
    assert told[6] == pytest.approx(7 / points)
    assert told[-1] == 1.0
    assert found.sigma is out
    np.testing.assert_array_equal(out, whole)


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
            lambda: matrices.sparse_pseudospectrum(SPARSE[0], [0], [0], out=np.zeros((1, 2))),
            r"`out` must have shape \(Y, X\) = \(1, 1\)",
        ),
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


@pytest.mark.parametrize("size", [1e-200, 1e200, 1e300])
def test_projection_takes_matrices_of_any_size(size: float) -> None:
    A = size * grcar(12).toarray()
    x = size * np.array([0.5, 2.0])
    sigma = matrices.projected_pseudospectrum(A, x, [0.0], dimension=12).sigma
    expected = [np.linalg.svd(s * np.eye(12) - A / size, compute_uv=False)[-1] for s in x / size]
    np.testing.assert_allclose(sigma[0] / size, expected, rtol=1e4 * EPS)


def test_duplicates_are_summed_before_they_are_looked_at_and_stay_as_they_were() -> None:
    twice = (np.array([1.5e308, 1.5e308, 1.0]), np.array([0, 0, 1]), np.array([0, 2, 3]))
    A = scipy.sparse.csc_array(twice, shape=(2, 2))
    with pytest.raises(ValueError, match=r"`A\.data, its duplicates summed` must be finite"):
        matrices.sparse_pseudospectrum(A, [0], [0])
    A.data[:2] = 2.0
    assert matrices.sparse_pseudospectrum(A, [4.0], [0]).sigma[0, 0] == 0
    assert A.nnz == 3
