"""The square matrix that a FILE and `--key` name."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from .. import checkpoints
from ..ground import require

_ORDER = 2048  # beyond, all the figures of a matrix take hours
_SPARSE = {"data", "indices", "indptr", "shape", "format"}  # what scipy.sparse.save_npz writes


def matrix_in(path: Path, key: str | None) -> np.ndarray:
    """The matrix of that name, or the only square one, in double precision."""
    entries = checkpoints.read(path).entries
    if entries.keys() >= _SPARSE - {"shape"} and key is None:
        got = f"{path}, the parts of a sparse matrix"
        remedy = "Write it with scipy.io.mmwrite as .mtx, or its toarray() with numpy.save."
        raise ValueError(f"FILE must hold a square matrix; got {got}. {remedy}")
    if key is None:
        key = _only_square(path, {name: entry.shape for name, entry in entries.items()})
    entry = entries[require.known("key", key, entries)]
    shape = entry.shape
    if not _is_square(shape):
        rule = "`key` must name a square matrix, with which eigenvalues go"
        raise ValueError(f"{rule}; got {key} of shape {shape}. Choose another, or a block of it.")
    _refuse_huge(path, shape)
    return entry.read()


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and shape[0] == shape[1] > 0


def _only_square(path: Path, shapes: dict[str, tuple[int, ...]]) -> str:
    """The name of the one square matrix of a file."""
    square = [name for name, shape in shapes.items() if _is_square(shape)]
    if len(square) == 1:
        return square[0]
    held = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:6]) or "nothing"
    more = ", ..." if len(shapes) > 6 else ""
    rule = "FILE must hold one square matrix, or `key` say which"
    remedy = "Add `--key NAME`." if square else "Save a square matrix."
    raise ValueError(f"{rule}; got {path} with {held}{more}. {remedy}")


def _refuse_huge(path: Path, shape: tuple[int, ...]) -> None:
    if shape[0] > _ORDER:
        rule = f"a matrix must be of order {_ORDER} or less to be looked at whole"
        size = 8 * math.prod(shape)
        got = f"order {shape[0]} in {path}, {size} bytes ({size / 2**30:.3g} GiB) when dense"
        raise ValueError(f"{rule}; got {got}. Take a part of it, or functions of the library.")
