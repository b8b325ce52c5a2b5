"""Matrices too large to write down, known by formula: any block of them, any product, and the whole
only when asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import require

ORDER = 4096  # up to here a matrix is an ordinary array: 128 MiB in float64
_BLOCK = 1 << 22  # entries evaluated at once in a product: 32 MiB in float64


class OnDemand:
    """An (M, N) matrix whose entries are computed when they are asked for.

    `matrix[rows, columns]` with integers, slices or index vectors gives that block as an array,
    `matrix @ x` and `x @ matrix` the products, `matrix.T` the transpose, `numpy.asarray(matrix)`
    the whole, if it fits in memory. Made of `block(rows, columns)`, which takes two vectors of
    indices.

    >>> square = OnDemand((3, 3), float, lambda rows, columns: 10.0 * rows[:, None] + columns)
    >>> square[1:, [0, 2]]
    array([[10., 12.],
           [20., 22.]])
    >>> square @ np.ones(3)
    array([ 3., 33., 63.])
    """

    __array_ufunc__ = None  # so that `array @ matrix` comes here instead of writing the matrix down
    ndim = 2

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: Any,
        block: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> None:
        self.shape, self.dtype, self._block = shape, np.dtype(dtype), block

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
        rows, columns = parts
        indices = [
            np.arange(size)[part] for size, part in zip(self.shape, (rows, columns), strict=True)
        ]
        block = self._block(*(np.atleast_1d(index) for index in indices))
        return block.reshape([index.size for index in indices if index.ndim])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        require.room("the matrix", self.shape[0] * self.shape[1] * self.dtype.itemsize, host=True)
        return np.asarray(self[:, :], dtype=dtype)

    @property
    def T(self) -> OnDemand:
        """The transpose, on demand too."""
        return OnDemand(
            (self.shape[1], self.shape[0]),
            self.dtype,
            lambda rows, columns: self._block(columns, rows).T,
        )

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        require.shape(
            "x",
            np.shape(x),
            f"({self.shape[1]}, ...)",
            np.shape(x)[:1] == (self.shape[1],) and np.ndim(x) <= 2,
        )
        rows, columns = (np.arange(size) for size in self.shape)
        parts = np.array_split(rows, 1 + self.shape[0] * self.shape[1] // _BLOCK)
        return np.concatenate([self._block(part, columns) @ x for part in parts])

    def __rmatmul__(self, x: np.ndarray) -> np.ndarray:
        require.shape(
            "x", np.shape(x), f"(..., {self.shape[0]})", np.shape(x)[-1:] == (self.shape[0],)
        )
        product = self.T @ np.moveaxis(np.asarray(x), -1, 0).reshape(self.shape[0], -1)
        return np.moveaxis(product.reshape(-1, *np.shape(x)[:-1]), 0, -1)


def by_formula(
    order: int, entries: Callable[[np.ndarray, np.ndarray], np.ndarray], dtype: Any = np.float64
) -> Any:
    """The square matrix of `entries(n, k)`, n a column and k a row of indices: an array up to order
    4096, `OnDemand` beyond.
    """
    matrix = OnDemand((order, order), dtype, lambda rows, columns: entries(rows[:, None], columns))
    return matrix[:, :] if order <= ORDER else matrix
