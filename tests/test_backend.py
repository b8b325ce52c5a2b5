"""Arrays of every library: where they belong, what they hold, and how they come to the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from ssmlinalg.ground import backend
from ssmlinalg.ground.formats import COMPLEX, EPS, FORMATS, HALF, format_of, in_numpy, part_of

SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z][^\n]*\.$"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_formats_are_those_of_their_library(name: str) -> None:
    torch = pytest.importorskip("torch")
    known = torch.finfo(getattr(torch, name))
    ours = FORMATS[name]
    assert (ours.eps, ours.normal, ours.largest) == (known.eps, known.tiny, known.max)
    assert in_numpy(name) == hasattr(np, name)
    assert format_of(getattr(torch, name)) is ours


@pytest.mark.parametrize("part", sorted(COMPLEX))
def test_a_complex_type_holds_two_of_its_parts(part: str) -> None:
    torch = pytest.importorskip("torch")
    of_torch = getattr(torch, COMPLEX[part])
    assert of_torch.itemsize == 2 * getattr(torch, part).itemsize
    assert part_of(of_torch) == part
    if in_numpy(COMPLEX[part]):
        assert part_of(np.dtype(COMPLEX[part])) == part


def test_arrays_keep_their_values_on_the_way_to_the_host(carry: Callable[[Any], Any]) -> None:
    for array in (np.array([1.5, -2.0]), np.array([1 + 2j, -1j])):
        np.testing.assert_array_equal(backend.to_numpy(carry(array)), array)


@pytest.mark.parametrize("name", sorted(name for name in FORMATS if not FORMATS[name].numpy))
def test_formats_that_numpy_lacks_reach_the_host_in_single_precision(name: str) -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    values = np.array([1.5, -0.25, 0.0], np.float32)
    tensor = torch.asarray(values).to(getattr(torch, name))
    array = jax.numpy.asarray(values).astype(name)
    for found in (backend.host_values(tensor), backend.host_values(array)):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("name", HALF)
def test_numbers_of_16_bits_are_evaluated_in_single_precision(name: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.asarray([1.5, -0.25]).to(getattr(torch, name))
    assert backend.half(tensor)
    assert backend.widened(tensor).dtype == torch.float32
    with pytest.raises(TypeError, match=SENTENCE):
        backend.namespace(u=tensor)


def test_what_has_no_type_is_left_to_the_gate() -> None:
    assert backend.widened([1.0]) == [1.0]
    with pytest.raises(TypeError, match=SENTENCE):
        backend.namespace(u=[1.0])


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    torch = pytest.importorskip("torch")
    array = np.ones(2)
    for other in (array.astype(np.float32), torch.ones(2, dtype=torch.float64), np.arange(2)):
        with pytest.raises(TypeError, match=SENTENCE):
            backend.namespace(A=array, B=other)


def test_pairs_are_undone(carry: Callable[[Any], Any]) -> None:
    array = np.array([[1 + 2j, 3 - 1j], [0j, -1j]])
    flat = backend.pairs(carry(array))
    np.testing.assert_array_equal(backend.to_numpy(flat), [[1, 2, 3, -1], [0, 0, 0, -1]])
    np.testing.assert_array_equal(backend.to_numpy(backend.from_pairs(flat)), array)


def test_the_matrix_exponential_is_that_of_multiple_precision(carry: Callable[[Any], Any]) -> None:
    """Matrices small, of norm 1, and stiff and triangular, to which SciPy gives NaN."""
    rng = np.random.default_rng(0)
    small, medium = rng.standard_normal((2, 3, 3)) * np.array([1e-3, 1.0])[:, None, None]
    stiff = np.diag([-1e3, -1.0, -1e-3]) + np.triu(np.ones((3, 3)), 1)
    Z = np.stack([small, medium, stiff])
    with mpmath.workdps(40):
        exact = [np.array(mpmath.expm(mpmath.matrix(each)).tolist(), float) for each in Z]
    for found, expected, each in zip(
        backend.to_numpy(backend.expm(carry(Z))), exact, Z, strict=True
    ):
        norm = np.linalg.norm(each, 1)
        tolerance = 16 * EPS * max(1.0, norm)  # squaring doubles an error
        assert np.max(abs(found - expected)) <= tolerance * np.linalg.norm(expected, 1)
