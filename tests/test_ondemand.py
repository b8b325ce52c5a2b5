"""A matrix on demand is the matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import forms, hippo
from ssmlinalg.ground import ondemand
from ssmlinalg.ground.formats import EPS
from ssmlinalg.ground.ondemand import ORDER, OnDemand

WHOLE = np.random.default_rng(0).standard_normal((7, 5))
MATRIX = OnDemand(WHOLE.shape, WHOLE.dtype, lambda rows, columns: WHOLE[np.ix_(rows, columns)])

rows_of = [3, -1, slice(None), slice(1, 4), slice(None, None, -2), np.array([2, 0, 2]), slice(2, 2)]
columns_of = [*rows_of, [1, 3], np.array([True, False, True, False, False])]


@given(st.sampled_from(rows_of), st.sampled_from(columns_of))
def test_blocks_are_those_of_the_array(rows: object, columns: object) -> None:
    expected = WHOLE[rows][..., columns]  # pyright: ignore[reportArgumentType, reportCallIssue]
    np.testing.assert_array_equal(MATRIX[rows, columns], expected)
    np.testing.assert_array_equal(MATRIX.T[columns, rows], expected.T)


def assert_product(got: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """Up to the rounding of an inner product of at most 7 terms."""
    scale = abs(left) @ abs(right)
    assert np.all(abs(got - left @ right) <= 7 * EPS * scale)


def test_products_are_those_of_the_array() -> None:
    x = np.arange(5.0)
    y = np.arange(14.0).reshape(2, 7)
    assert_product(MATRIX @ x, WHOLE, x)
    assert_product(y @ MATRIX, y, WHOLE)
    assert_product(y[0] @ MATRIX, y[0], WHOLE)
    assert_product(y[:, None] @ MATRIX, y[:, None], WHOLE)


def test_the_whole_is_the_array() -> None:
    np.testing.assert_array_equal(np.asarray(MATRIX), WHOLE)
    np.testing.assert_array_equal(MATRIX[2], WHOLE[2])
    assert len(MATRIX) == 7
    assert repr(MATRIX) == "OnDemand(shape=(7, 5), dtype=float64)"


def test_indices_outside_are_refused() -> None:
    with pytest.raises(IndexError):
        MATRIX[7]
    with pytest.raises(IndexError):
        MATRIX[0, 0, 0]


@pytest.mark.parametrize(
    "name", ["legs", "legt", "lagt", "tlagt", "fout", "foud", "fourier_decay", "fourier2"]
)
@pytest.mark.parametrize("odd", [0, 1])
def test_measures_beyond_the_limit_are_the_measures_below(name: str, odd: int) -> None:
    """The top left block of a large matrix is the small one.

    Entries do not depend on the order, but for Fourier's on its parity.
    """
    small = hippo.MEASURES[name](6 + odd)
    large = hippo.MEASURES[name](10**6 + odd)
    assert isinstance(large.A, OnDemand)
    np.testing.assert_array_equal(large.A[: 6 + odd, : 6 + odd], small.A)
    np.testing.assert_array_equal(large.B[: 6 + odd], small.B)
    assert forms.check(large).A is large.A


def test_the_whole_is_refused_when_memory_has_no_room_for_it() -> None:
    with pytest.raises(ValueError, match=r"must fit in .* GiB of memory"):
        forms.to_dense(hippo.legs(10**7))
    assert hippo.legs(ORDER).A.shape == (ORDER, ORDER)


def test_the_last_order_that_is_written_down_is_the_one_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ondemand, "ORDER", 8)
    assert isinstance(ondemand.by_formula(8, np.subtract), np.ndarray)
    assert isinstance(ondemand.by_formula(9, np.subtract), OnDemand)
