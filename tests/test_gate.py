"""One gate: every function of matrices takes a matrix of any origin alike, and refuses alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import array_api_strict
import jax.numpy
import numpy as np
import pytest
import scipy.sparse
import torch
from conftest import LIBRARIES
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import matrices, perturb
from ssmlinalg.ground import gate
from ssmlinalg.ground.ondemand import OnDemand

X = np.array([-2.0, 0.5, 1.0])

# Every public function, as a function of one square matrix.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "condeig": matrices.condeig,
    "condition": matrices.condition,
    "condition_numbers": matrices.condition_numbers,
    "departure": matrices.departure,
    "discs": lambda A: matrices.discs(A, A, [1, 2, 3]),
    "enclose": matrices.enclose,
    "flow_norms": lambda A: matrices.flow_norms(A, 1.0, 2),
    "hinf": lambda A: matrices.hinf(A, A, A, A),
    "hinf_distance": lambda A: matrices.hinf_distance((A, A, A), (A, A, [[1, 0, 0]] * 3)),
    "kreiss": matrices.kreiss,
    "numerical_abscissa": matrices.numerical_abscissa,
    "numerical_range": lambda A: matrices.numerical_range(A, 5),
    "projected_pseudospectrum": lambda A: matrices.projected_pseudospectrum(A, X, X),
    "proved_abscissa": matrices.proved_abscissa,
    "proved_below": lambda A: matrices.proved_below(A, A, A, 1e9),
    "pseudospectral_abscissa": lambda A: matrices.pseudospectral_abscissa(A, 1.0),
    "pseudospectrum": lambda A: matrices.pseudospectrum(A, X, X),
    "scaled_condition": matrices.scaled_condition,
    "transient_growth": matrices.transient_growth,
    "window": lambda A: matrices.window(A, 3),
}


# And every perturbation that takes a bare matrix.
PERTURBATIONS: dict[str, Callable[[Any], Any]] = {
    "column": lambda A: perturb.column(A, size=0.1, iterations=2),
    "complex_gaussian": lambda A: perturb.complex_gaussian(A, size=0.1),
    "gaussian": lambda A: perturb.gaussian(A, size=0.1),
    "minimize": lambda A: perturb.minimize(A, conditioning=1e3, iterations=2),
}


def _strided(A: np.ndarray) -> np.ndarray:
    wide = np.zeros((6, 6), A.dtype)
    wide[::-2, ::2] = A
    return wide[::-2, ::2]


# Whatever holds the same small integers.
KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "a nested list": lambda A: A.tolist(),
    "a tuple of arrays": tuple,
    "integers": lambda A: A.astype(np.int64),
    "bytes": lambda A: A.astype(np.int8),
    "Fortran order": np.asfortranarray,
    "steps in memory": _strided,
    "the other byte order": lambda A: A.astype(">f8"),
    "half precision": lambda A: A.astype(np.float16),
    "single precision": lambda A: A.astype(np.float32),
    "a matrix on demand": lambda A: OnDemand(
        (3, 3), np.float64, lambda rows, columns: A[np.ix_(rows, columns)]
    ),
    "a sparse matrix": scipy.sparse.csr_array,
    "a tensor with gradients": lambda A: torch.tensor(A, requires_grad=True),
    "a tensor of bfloat16": lambda A: torch.asarray(A).to(torch.bfloat16),
    "a tensor of integers": lambda A: torch.asarray(A).to(torch.int32),
    "JAX's bfloat16": lambda A: jax.numpy.asarray(A, dtype=jax.numpy.bfloat16),
    "single precision elsewhere": lambda A: array_api_strict.asarray(
        A.astype(np.float32), device=array_api_strict.Device("device1")
    ),
    **LIBRARIES,
}
COMPLEX: dict[str, Callable[[np.ndarray], Any]] = {
    "a nested list": lambda A: A.tolist(),
    "Fortran order": np.asfortranarray,
    "single precision": lambda A: A.astype(np.complex64),
    "a conjugate view": lambda A: torch.asarray(A.conj()).conj(),
    **LIBRARIES,
}
entries = st.lists(st.integers(-3, 3), min_size=9, max_size=9)


def test_every_public_function_is_looked_at() -> None:
    public = {name for name in matrices.__all__ if not isinstance(getattr(matrices, name), type)}
    of_sparse = {name for name in public if name.startswith("sparse_")}
    of_these = {"profile"}  # nothing but the results of others, and a tenth of a second
    assert set(FUNCTIONS) == public - of_sparse - of_these


def flat(result: Any) -> list[Any]:
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in parts]


def assert_same(found: Any, expected: Any) -> None:
    for one, other in zip(flat(found), flat(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(values=entries)
def test_every_kind_of_matrix_gives_the_same_result(name: str, values: list[int]) -> None:
    A = np.array(values, dtype=np.float64).reshape(3, 3)
    expected = FUNCTIONS[name](A)
    for convert in KINDS.values():
        given_matrix = convert(A)
        assert_same(FUNCTIONS[name](given_matrix), expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_kind_of_complex_matrix_gives_the_same_result(name: str) -> None:
    A = np.array([[1 + 1j, 2, 0], [0, -1j, 3], [1, 1j, -2]])
    expected = FUNCTIONS[name](A)
    for convert in COMPLEX.values():
        assert_same(FUNCTIONS[name](convert(A)), expected)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_kind_of_matrix_is_perturbed_alike(name: str) -> None:
    A = np.array([[-3.0, 1, 2], [0, -2, 1], [1, 0, -1]])
    expected = PERTURBATIONS[name](A)
    for convert in KINDS.values():
        found = PERTURBATIONS[name](convert(A))
        assert_same((found.Lambda, found.V, found.E), (expected.Lambda, expected.V, expected.E))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_given_is_left_as_it_is(name: str) -> None:
    A = np.array([[0.0, 1.0, 2.0], [-3.0, -1.0, 0.0], [0.0, 0.0, -2.0]])
    before = A.copy()
    FUNCTIONS[name](A)
    np.testing.assert_array_equal(A, before)


SENTENCE = re.compile(r"[^\n]*`[A-Z]\w*` must [^\n]*; got [^\n]+\. [A-Z][^\n]*[.?]")
one = np.eye(3)
REFUSED: dict[str, tuple[type[Exception], Any]] = {
    "NaN": (ValueError, one * np.nan),
    "infinity": (ValueError, [[1, 0, 0], [0, np.inf, 0], [0, 0, 1]]),
    "a tall rectangle": (ValueError, np.ones((3, 2))),
    "a wide rectangle": (ValueError, np.ones((2, 3))),
    "a vector": (ValueError, [1, 2, 3]),
    "a stack": (ValueError, np.ones((2, 3, 3))),
    "a number": (ValueError, 3.0),
    "rows of several lengths": (ValueError, [[1, 2], [3]]),
    "large integers": (ValueError, [[2**53 + 1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "large integers below 0": (ValueError, [[-(2**53) - 1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "integers beyond any": (TypeError, [[10**30, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "objects": (TypeError, one.astype(object)),
    "strings": (TypeError, [["1", "0", "0"]] * 3),
    "a word": (TypeError, "identity"),
    "nothing at all": (TypeError, None),
    "booleans": (TypeError, one > 0),
    "booleans in a list": (TypeError, [[True, False, False]] * 3),
    "a tensor of booleans": (TypeError, torch.eye(3) > 0),
    "dates": (TypeError, one.astype("datetime64[s]")),
    "more than double precision": (TypeError, one.astype(np.longdouble)),
    "a masked entry": (TypeError, np.ma.masked_equal(one, 0.0)),
    "a NaN of another library": (ValueError, torch.full((3, 3), torch.nan)),
}
# No state at all is legal where there are inputs and outputs to count.
NO_STATE = {"hinf", "hinf_distance"}
DEFINED = {"a tall rectangle": {"pseudospectrum", "window"}, "a wide rectangle": {"condition"}}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_matrix_is_refused_in_one_sentence(name: str, case: str) -> None:
    error, values = REFUSED[case]
    if name in DEFINED.get(case, ()):
        FUNCTIONS[name](values)
        return
    with pytest.raises(error) as caught:
        FUNCTIONS[name](values)
    assert SENTENCE.fullmatch(str(caught.value)), str(caught.value)


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("name", PERTURBATIONS)
def test_what_is_no_matrix_is_not_perturbed(name: str, case: str) -> None:
    error, values = REFUSED[case]
    with pytest.raises(error) as caught:
        PERTURBATIONS[name](values)
    assert re.fullmatch(r"`[A-Za-z]\w*` must [^\n]*; got [^\n]+", str(caught.value))


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - NO_STATE))
def test_a_matrix_without_rows_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(ValueError) as caught:
        FUNCTIONS[name](np.ones((0, 0)))
    assert SENTENCE.fullmatch(str(caught.value)), str(caught.value)


def test_a_vector_has_one_axis_and_a_real_one_no_imaginary_part() -> None:
    np.testing.assert_array_equal(gate.vector("v", [1, 2j]), [1, 2j])
    np.testing.assert_array_equal(gate.real_numbers("x", 3), 3.0)
    np.testing.assert_array_equal(gate.vector("v", [2**53, -(2**53)]), [2.0**53, -(2.0**53)])
    with pytest.raises(ValueError, match=r"`v` must have shape \(N,\); got \(\)"):
        gate.vector("v", 1)
    with pytest.raises(TypeError, match="`x` must be real; got complex128"):
        gate.real_numbers("x", [1j])


def test_the_largest_row_sum_must_fit_where_it_is_needed() -> None:
    large = np.full((2, 2), 1e308)
    np.testing.assert_array_equal(gate.square("A", large), large)
    with pytest.raises(ValueError, match=r"row sums below 1\.8e\+308; got some that overflow"):
        gate.summable("A", large)
