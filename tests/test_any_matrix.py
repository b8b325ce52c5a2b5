"""A matrix of any origin is taken alike by every function, and what is no matrix is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import gallery
import numpy as np
import pytest
import scipy.sparse
import torch

from ssmlinalg import matrices, perturb

INTEGERS = gallery.frank(6).astype(int) - 8 * np.eye(6, dtype=int)  # exact in every format


def dense_array(found: Any) -> list[np.ndarray]:
    """Every array and number of a result, in order."""
    if isinstance(found, perturb.Diagonalization):
        return [np.asarray(found.Lambda), np.asarray(found.V), np.asarray(found.E)]
    if isinstance(found, (list, tuple)):
        return [array for part in found for array in dense_array(part)]
    return [] if isinstance(found, str) else [np.asarray(found)]


ENTRY: dict[str, Callable[[Any], Any]] = {
    "condeig": matrices.condeig,
    "condition": matrices.condition,
    "condition_numbers": matrices.condition_numbers,
    "departure": matrices.departure,
    "enclose": matrices.enclose,
    "flow_norms": lambda A: matrices.flow_norms(A, 1.0, 3),
    "kreiss": matrices.kreiss,
    "numerical_abscissa": matrices.numerical_abscissa,
    "numerical_range": lambda A: matrices.numerical_range(A, 8),
    "profile": lambda A: matrices.profile(A, points=3),
    "projected_pseudospectrum": lambda A: matrices.projected_pseudospectrum(A, [0.5], [1.0]),
    "proved_abscissa": matrices.proved_abscissa,
    "pseudospectral_abscissa": lambda A: matrices.pseudospectral_abscissa(A, 0.1),
    "pseudospectrum": lambda A: matrices.pseudospectrum(A, points=3),
    "scaled_condition": matrices.scaled_condition,
    "transient_growth": matrices.transient_growth,
    "window": lambda A: matrices.window(A, 3),
    "column": lambda A: perturb.column(A, size=0.1, iterations=2),
    "complex_gaussian": lambda A: perturb.complex_gaussian(A, size=1e-4),
    "gaussian": lambda A: perturb.gaussian(A, size=1e-4),
    "minimize": lambda A: perturb.minimize(A, gamma=1e3, iterations=2),
    "buying_curves": perturb.buying_curves,
}
TALL = {"pseudospectrum", "window"}  # more rows than columns they take too
WIDE = {"condition"}
ORIGINS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda A: A.tolist(),
    "tuple": lambda A: tuple(map(tuple, A.tolist())),
    "integers": lambda A: A,
    "int8": lambda A: A.astype(np.int8),
    "float16": lambda A: A.astype(np.float16),
    "float32": lambda A: A.astype(np.float32),
    "complex64": lambda A: A.astype(np.complex64),
    "columns first": lambda A: np.asfortranarray(A.astype(float)),
    "strided": lambda A: np.repeat(A.astype(float), 2, axis=1)[:, ::2],
    "read only": lambda A: np.broadcast_to(A.astype(float), A.shape),
    "numpy.matrix": lambda A: np.matrix(A),
    "PyTorch": lambda A: torch.tensor(A, dtype=torch.float32),
    "PyTorch with a gradient": lambda A: torch.tensor(A, dtype=torch.float64, requires_grad=True),
    "bfloat16": lambda A: torch.tensor(A, dtype=torch.bfloat16),
    "csr": lambda A: scipy.sparse.csr_array(A),
    "coo of float32": lambda A: scipy.sparse.coo_array(A.astype(np.float32)),
    "old sparse matrix": lambda A: scipy.sparse.csc_matrix(A),
    "diagonals": lambda A: scipy.sparse.dia_array(A),
}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("name", ENTRY)
def test_a_matrix_of_any_origin_gives_the_same_figures(name: str, origin: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of numpy.matrix
        given = ORIGINS[origin](INTEGERS)
    complex_ones = origin == "complex64"
    wanted = ENTRY[name](INTEGERS.astype(complex if complex_ones else float))
    found = ENTRY[name](given)
    for ours, theirs in zip(dense_array(found), dense_array(wanted), strict=True):
        if name == "projected_pseudospectrum":  # by products, which add up in another order
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", ["csr", "coo", "dia", "lil", "dok", "bsr"])
@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64, np.complex64])
def test_sparse_matrices_of_any_kind_give_the_same_figures(kind: str, dtype: Any) -> None:
    A = scipy.sparse.csc_array(INTEGERS.astype(complex if dtype == np.complex64 else float))
    given = scipy.sparse.coo_array(INTEGERS.astype(dtype)).asformat(kind)
    wanted = matrices.sparse_pseudospectrum(A, [0.5], [1.0]).sigma
    found = matrices.sparse_pseudospectrum(given, [0.5], [1.0]).sigma
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    nearest = matrices.sparse_condeig(given, 2, near=0.3)
    again = matrices.sparse_condeig(A, 2, near=0.3)
    np.testing.assert_allclose(nearest.Lambda, again.Lambda, rtol=1e-9)
    np.testing.assert_allclose(nearest.condition, again.condition, rtol=1e-6)


BAD: dict[str, tuple[Any, str]] = {
    "NaN": (np.where(np.eye(4), np.nan, 1.0), "must be finite"),
    "infinite": (np.full((3, 3), np.inf), "must be finite"),
    "empty": (np.zeros((0, 0)), r"must have shape|must hold|at least"),
    "a vector": (np.ones(3), "must have shape"),
    "a stack": (np.ones((2, 3, 3)), "must have shape"),
    "a number": (3.0, "must have shape"),
    "nothing": (None, "must be|must hold|must have"),
    "text": ("A", "must be|must hold|must have"),
    "strings": ([["a", "b"], ["c", "d"]], "must be|must hold"),
    "truth values": (np.ones((2, 2), dtype=bool), "must be|must hold"),
    "ragged": ([[1.0, 2.0], [3.0]], "must be|must have"),
    "objects": (np.array([[1, None], [2, 3]], dtype=object), "must be|must hold"),
    "NaN in a sparse one": (scipy.sparse.csr_array([[np.nan, 1.0], [0.0, 1.0]]), "must be finite"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("name", ENTRY)
def test_what_is_no_matrix_is_refused_in_a_sentence(name: str, what: str) -> None:
    given, sentence = BAD[what]
    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        ENTRY[name](given)
    said = str(caught.value)
    assert said.endswith(".")
    assert "got" in said


@pytest.mark.parametrize(("shape", "takers"), [((3, 2), TALL), ((2, 3), WIDE)])
@pytest.mark.parametrize("name", ENTRY)
def test_questions_about_eigenvalues_need_a_square_matrix(
    name: str, shape: tuple[int, int], takers: set[str]
) -> None:
    if name in takers:
        ENTRY[name](np.ones(shape) + np.eye(*shape))
        return
    with pytest.raises(ValueError, match=r"must have shape.*got \(\d, \d\)"):
        ENTRY[name](np.ones(shape))


@pytest.mark.parametrize("name", sorted(set(ENTRY) - {"projected_pseudospectrum"}))
def test_a_large_sparse_matrix_is_refused_with_its_bytes(name: str) -> None:
    large = scipy.sparse.eye_array(100_000, format="csr")
    with pytest.raises(ValueError, match=r"80 ?GB|7[45](\.\d)? ?GiB|80,?000,?000,?000|80\.0 GB"):
        ENTRY[name](large)


def test_a_grid_may_contain_an_eigenvalue() -> None:
    """Exactly, between others, and of a defective matrix: sigma is 0 or its rounding there."""
    A = np.diag([-1.0, -2.0, 3.0])
    A[0, 1] = 5
    x = [-2.0, -1.5, -1.0, 3.0]
    dense = matrices.pseudospectrum(A, x, [0.0]).sigma[0]
    sparse = matrices.sparse_pseudospectrum(scipy.sparse.csr_array(A), x, [0.0]).sigma[0]
    projected = matrices.projected_pseudospectrum(A, x, [0.0], dimension=3).sigma[0]
    for sigma in (dense, sparse, projected):
        assert np.all(np.isfinite(sigma))
        assert np.all(sigma[[0, 2, 3]] <= 1e-14)
        exact = np.linalg.svd(-1.5 * np.eye(3) - A, compute_uv=False)[-1]
        assert sigma[1] == pytest.approx(exact, rel=2e-2)
    at_zero = matrices.pseudospectrum(gallery.jordan(5), [0.0], [0.0]).sigma
    assert at_zero[0, 0] == 0
    figure: Any = matrices.pseudospectrum(A, x, [0.0, 1.0]).figure()  # log of 0 is drawn
    assert len(figure.data) == 2
