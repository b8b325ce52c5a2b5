"""Matrix Market files, .mtx: one matrix in text, sparse or dense."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .entry import Checkpoint, Entry, File, check_room

BANNER = b"%%MatrixMarket"
_TYPES = {
    "real": np.dtype(np.float64),
    "double": np.dtype(np.float64),
    "integer": np.dtype(np.int64),
    "unsigned-integer": np.dtype(np.uint64),
    "pattern": np.dtype(np.float64),
    "complex": np.dtype(np.complex128),
}


def read(path: Path) -> Checkpoint:
    """The one matrix of a .mtx file, under the name "array"; it is made dense when it is read."""
    import scipy.io  # slow to load

    file = File(path, "Matrix Market")
    with file.parsing():
        rows, columns, _, _, field, _ = scipy.io.mminfo(path)
    file.check(field in _TYPES, f"numbers of the kind {field!r}")
    shape = (int(rows), int(columns))
    dtype = _TYPES[field]
    return Checkpoint({"array": Entry(shape, dtype.name, partial(_dense, file, shape, dtype))}, {})


def _dense(file: File, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    import scipy.io

    check_room("array", shape, dtype.itemsize)
    with file.parsing():
        found: Any = scipy.io.mmread(file.path, spmatrix=False)
        dense = found if isinstance(found, np.ndarray) else found.toarray()
    file.check(dense.shape == shape, f"a matrix of shape {dense.shape}, not {shape}")
    return dense.astype(dtype)
