"""Files of arrays of any origin, read safely and lazily, written atomically.

>>> import tempfile
>>> import numpy as np
>>> with tempfile.TemporaryDirectory() as folder:
...     write(f"{folder}/a.safetensors", {"A": np.eye(2, dtype=np.float32)}, {"made": "by hand"})
...     entries, metadata = read(f"{folder}/a.safetensors")
...     entries["A"].shape, entries["A"].dtype, float(entries["A"].read().sum()), metadata
((2, 2), 'float32', 2.0, {'made': 'by hand'})
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .._files import refuse_existing, write_atomically
from . import npz, safetensors
from ._entry import AGAIN, Checkpoint, Entry, regular, whole

__all__ = ["Checkpoint", "Entry", "read", "write"]

_WRITERS = {".safetensors": safetensors.data, ".npz": npz.data}


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """What is in a file, none of its arrays read yet."""
    path = Path(path)
    return _file(path)


def _file(path: Path) -> Checkpoint:
    regular(path)
    with whole(path, "checkpoint"), path.open("rb") as file:
        head = file.read(520)
    if head[8:9] == b"{" and b"\0" in head[:8]:
        return safetensors.read(path)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return npz.read(path)
    if head[:6] == b"\x93NUMPY":
        return npz.read_array(path)
    if head[:1] == b"\x80" and head[2:3] > b"\0":
        raise ValueError(f"`path` must be a file of arrays; got {path}, a pickle, which can run code. Save it as safetensors.")
    raise ValueError(f"`path` must be a whole {path.suffix.lstrip('.') or 'checkpoint'} file; got {path}. {AGAIN}")


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str], *, force: bool = False
) -> None:
    """Write `arrays` and `metadata`, all or nothing, in the format of the suffix: .safetensors or .npz."""
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise ValueError(f"`path` must end in .safetensors or .npz, which is what is written; got {path}. Rename it.")
    refuse_existing([path], force=force)
    native = {name: np.asarray(array) for name, array in arrays.items()}
    native = {name: np.asarray(array, array.dtype.newbyteorder("="), order="C") for name, array in native.items()}
    write_atomically(path, _WRITERS[path.suffix](native, metadata), force=force)
