"""Grids in the plane of which some values are known: their axes, their symmetry, what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..ground import require
from ..ground.backend import Real
from ..ground.formats import EPS
from ..ground.gate import real_numbers


def grid_axes(x: Any, y: Any) -> tuple[Real, Real]:
    """The axes of a grid, once it is known that they are finite and rise.

    Args:
        x: real parts, (X,).
        y: imaginary parts, (Y,).

    Returns:
        Both in double precision.

    Raises:
        TypeError: for what is no real numbers.
        ValueError: for axes that are empty or do not rise, NaN and infinities.

    Example:
        >>> grid_axes([0, 1], [0])
        (array([0., 1.]), array([0.]))
    """
    return _axis("x", x), _axis("y", y)


def empty_grid(out: Any, shape: tuple[int, int]) -> Real:
    """The array for the values: `out`, or a new one of NaN.

    Args:
        out: None, or an array that holds what is known and NaN elsewhere.
        shape: (Y, X).

    Returns:
        (Y, X) of float64.

    Raises:
        TypeError: for an `out` of another type.
        ValueError: for an `out` of another shape or read-only, and for more than memory holds.

    Example:
        >>> empty_grid(None, (1, 2))
        array([[nan, nan]])
    """
    if out is None:
        require.room("the grid", 8 * shape[0] * shape[1], host=True)
        return np.full(shape, np.nan)
    if not isinstance(out, np.ndarray) or out.dtype != np.float64:
        got = f"{out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        remedy = "Make it with numpy.full(shape, numpy.nan)."
        raise TypeError(f"`out` must be a NumPy array of float64; got {got}. {remedy}")
    require.shape("out", out.shape, f"(Y, X) = {shape} of `y` and `x`", out.shape == shape)
    if not out.flags.writeable:
        remedy = "Give a copy, or open the file with mode 'r+'."
        raise ValueError(f"`out` must be writable; got a read-only array. {remedy}")
    return out


def fill(
    sigma: Real,
    x: Real,
    y: Real,
    values: Callable[[Real, Real], Real],
    *,
    real: bool,
    size: int,
    progress: Callable[..., object] | None = None,
) -> None:
    """Compute what is NaN in an array, a tile at a time; what is finished stays if interrupted.

    The tiles are the same whatever is left, and so are the values.

    Args:
        sigma: the array, (Y, X).
        x: real parts, (X,).
        y: imaginary parts, (Y,).
        values: of (S,) real parts and as many imaginary ones.
        real: whether conjugate points share a value.
        size: points of a tile.
        progress: called as progress(fraction=0.5) after each tile.

    Example:
        >>> sigma = np.array([[np.nan], [np.nan]])
        >>> fill(sigma, np.zeros(1), np.array([-1.0, 1.0]), np.hypot, real=True, size=1)
        >>> sigma
        array([[1.],
               [1.]])
    """
    row = _computed_rows(y) if real else np.arange(len(y))
    tiles = list(_tiles(row, sigma, size))
    total = sum(len(tile) for tile in tiles)
    done = 0
    for tile in tiles:
        i, j = np.divmod(tile, len(x))
        _write(sigma, row, tile, values(x[j], y[i]))
        done += len(tile)
        if progress:
            progress(fraction=done / total)


def _computed_rows(y: Real) -> np.ndarray:
    """For each row of a grid with a value for each conjugate pair the row that is computed (Y,)."""
    row = np.arange(len(y))
    height = np.max(np.abs(y))
    asymmetry = np.max(np.abs(y + y[::-1]))
    return np.maximum(row, row[::-1]) if asymmetry <= 4 * EPS * height else row


def _tiles(
    row: np.ndarray,
    sigma: Real,
    size: int,
) -> Iterator[np.ndarray]:
    """Points left to be computed, a tile at a time, as indices into the flat grid."""
    missing = np.zeros(sigma.shape, dtype=bool)
    np.logical_or.at(missing, row, np.isnan(sigma))
    index = np.arange(sigma.size).reshape(sigma.shape)
    every = index[np.unique(row)].ravel()
    for start in range(0, len(every), size):
        tile = every[start : start + size]
        tile = tile[missing.flat[tile]]
        if len(tile):
            yield tile


def _write(
    sigma: Real,
    row: np.ndarray,
    tile: np.ndarray,
    values: Real,
) -> None:
    """Enter the values of a tile wherever they belong and nothing is yet."""
    i, j = np.divmod(tile, sigma.shape[1])
    for target in np.flatnonzero(np.isin(row, i)):
        here = i == row[target]
        entries = sigma[target, j[here]]
        vacant = np.isnan(entries)
        sigma[target, j[here]] = np.where(vacant, values[here], entries)


def _axis(name: str, values: Any) -> Real:
    """`values` (X,), once it is known that they are finite and rise."""
    values = real_numbers(name, values)
    require.shape(name, values.shape, f"({name.upper()},)", values.ndim == 1)
    if len(values) == 0:
        remedy = "Take one from window(A)."
        raise ValueError(f"`{name}` must hold at least one value; got none. {remedy}")
    falls = values[1:] <= values[:-1]
    if np.any(falls):
        where = int(np.argmax(falls))
        got = f"{values[where]:g} before {values[where + 1]:g}"
        raise ValueError(f"`{name}` must rise strictly; got {got}. Sort it with numpy.unique.")
    return values
