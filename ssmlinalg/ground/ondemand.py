"""Matrices on demand: too large to be stored, known by a formula for any block of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import require

Block = Callable[[np.ndarray, np.ndarray], np.ndarray]

ORDER = 4096  # up to here a matrix is an ordinary array: 128 MiB in float64
_BLOCK = 1 << 22  # entries evaluated at once in a product: 32 MiB in float64


class OnDemand:
    """A matrix whose entries are computed when they are asked for.

    `matrix[rows, columns]` with integers, slices or index vectors gives that block as an array,
    `matrix @ x` and `x @ matrix` the products, `matrix.T` the transpose, and
    `numpy.asarray(matrix)` the whole, if it fits in memory.

    Args:
        shape: (M, N).
        dtype: the type of the entries.
        block: from index vectors of rows and of columns to that block. A matrix is pickled by it:
            give a function of a module, or a `functools.partial` of one.

    Example:
        >>> square = OnDemand((3, 3), float, lambda rows, columns: 10.0 * rows[:, None] + columns)
        >>> square[1:, [0, 2]]
        array([[10., 12.],
               [20., 22.]])
        >>> square @ np.ones(3)
        array([ 3., 33., 63.])
    """

    __array_ufunc__ = None  # so that `array @ matrix` comes here and does not store the matrix
    ndim = 2

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: Any,
        block: Block,
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._block = block

    def __repr__(self) -> str:
        return f"OnDemand(shape={self.shape}, dtype={self.dtype})"

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        parts = key if isinstance(key, tuple) else (key, slice(None))
        if len(parts) != 2:
            raise IndexError(
                f"a matrix takes one index or two; got {len(parts)}. Leave the others out."
            )
        indices = [np.arange(size)[part] for size, part in zip(self.shape, parts, strict=True)]
        block = self._block(*(np.atleast_1d(index) for index in indices))
        return block.reshape([index.size for index in indices if index.ndim])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        size = self.shape[0] * self.shape[1] * self.dtype.itemsize
        require.room("the matrix", size, host=True)
        return np.asarray(self[:, :], dtype=dtype)

    @property
    def T(self) -> OnDemand:
        """The transpose, on demand too."""
        rows, columns = self.shape
        return OnDemand((columns, rows), self.dtype, partial(_transposed, self._block))

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        rows, columns = self.shape
        fits = np.shape(x)[:1] == (columns,) and np.ndim(x) <= 2
        require.shape("x", np.shape(x), f"({columns}, ...)", fits)
        pieces = np.array_split(np.arange(rows), 1 + rows * columns // _BLOCK)
        whole_row = np.arange(columns)
        return np.concatenate([self._block(piece, whole_row) @ x for piece in pieces])

    def __rmatmul__(self, x: np.ndarray) -> np.ndarray:
        rows = self.shape[0]
        require.shape("x", np.shape(x), f"(..., {rows})", np.shape(x)[-1:] == (rows,))
        columns = np.moveaxis(np.asarray(x), -1, 0).reshape(rows, -1)
        product = (self.T @ columns).reshape(-1, *np.shape(x)[:-1])
        return np.moveaxis(product, 0, -1)


def _transposed(block: Block, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return block(columns, rows).T


def _outer(entries: Block, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return entries(rows[:, None], columns)


def by_formula(order: int, entries: Block, dtype: Any = np.float64) -> Any:
    """The square matrix of a formula for its entries.

    Args:
        order: N.
        entries: from a column n (M, 1) and a row k (L,) of indices to the entries (M, L).
        dtype: the type of the entries.

    Returns:
        An array (N, N) up to order 4096, `OnDemand` beyond.

    Example:
        >>> by_formula(2, lambda n, k: 1.0 + n + k)
        array([[1., 2.],
               [2., 3.]])
    """
    matrix = OnDemand((order, order), dtype, partial(_outer, entries))
    return matrix[:, :] if order <= ORDER else matrix
