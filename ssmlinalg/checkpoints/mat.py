"""MATLAB's .mat of version 5 (-v6 and -v7): numbers by name, each variable plain or deflated.

Read here and not by scipy.io, which knows neither whether a variable is complex before it reads it,
nor how large damage may make it; written by scipy.io. MATLAB's arrays have two axes or more and its
names are words: the names and shapes that `data` changes are recorded in one more variable,
`checkpoint`, and `read` restores them.

Source: MAT-File Format, MathWorks, chapter 1, "Level 5 MAT-File Format".
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from .entry import HEADER, Checkpoint, Entry, File
from .mat_variable import (
    COMPRESSED,
    HEADER_BYTES,
    MATRIX,
    NUMBERS,
    Order,
    Variable,
    parsed,
    text_of,
    values_of,
)

_OURS = "checkpoint"
_BEGINNING = '{"metadata": {'  # of its text; another's variable of that name begins otherwise


def read(path: Path) -> Checkpoint:
    """The variables of a .mat file of version 5.

    A file cut short between two variables passes for a whole one, unless `data` wrote it.
    """
    file = File(path, "MATLAB 5")
    variables = _variables(file)
    file.check(bool(variables), "no variables")
    entries = {name: _entry(file, variable) for name, variable in variables.items()}
    ours = variables.get(_OURS)
    text = _text(file, ours) if ours is not None and ours.dtype == "char" else ""
    if text.startswith(_BEGINNING):
        return _restored(file, entries, text)
    return Checkpoint(entries, {})


def data(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a .mat file; ValueError for a type MATLAB has not, such as float16."""
    variables: dict[str, np.ndarray] = {}
    given: dict[str, dict[str, object]] = {}
    for name, array in arrays.items():
        if array.dtype.name not in NUMBERS:
            rule = "an array must be of a type MATLAB has"
            got = f"{array.dtype.name} for {name!r}"
            raise ValueError(f"{rule}; got {got}. Convert it, or write a .npz file.")
        word = _word(name, {_OURS, *variables})
        given[word] = {"name": name, "shape": array.shape}
        variables[word] = array.reshape(_two_axes(array.shape))
    # First, for the format has no end: a file cut short between two variables is found by the
    # variables that it was to have.
    text = {_OURS: json.dumps({"metadata": dict(metadata), "arrays": given})}
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, text | variables, long_field_names=True)
    return buffer.getvalue()


def _word(name: str, taken: set[str]) -> str:
    """`name` as MATLAB can call a variable, and none of `taken`."""
    stem = re.sub(r"\W", "_", name, flags=re.ASCII)
    stem = (stem if stem[:1].isalpha() else f"x{stem}")[:56]
    words = (stem, *(f"{stem}_{n}" for n in range(2, len(taken) + 3)))
    return next(word for word in words if word not in taken)


def _two_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with two axes at least: (L,) as (L, 1)."""
    return shape + (1,) * (2 - len(shape))


def _variables(file: File) -> dict[str, Variable]:
    """The variables by name, one after the other; no numbers are read."""
    variables: dict[str, Variable] = {}
    with file.path.open("rb") as opened:
        opened.seek(HEADER_BYTES - 2)
        order: Order = "<" if opened.read(2) == b"IM" else ">"
        end = opened.seek(0, 2)
        where = HEADER_BYTES
        while where < end:
            opened.seek(where)
            with file.parsing():
                kind, size = struct.unpack(f"{order}II", opened.read(8))
            one = kind in (MATRIX, COMPRESSED) and size <= end - where - 8
            file.check(one, f"no variable at byte {where}")
            with file.parsing():
                found = parsed(opened, where + 8, size, kind == COMPRESSED, order)
            file.check(found.name not in variables, f"two variables of the name {found.name!r}")
            variables[found.name] = found
            where += 8 + size
    return variables


def _entry(file: File, variable: Variable) -> Entry:
    read = file.refused(variable.name, variable.dtype)
    if variable.dtype in NUMBERS:
        read = partial(values_of, file, variable)
    return Entry(variable.shape, variable.dtype, read)


def _text(file: File, variable: Variable) -> str:
    file.check(variable.length <= 4 * HEADER, f"a text of {variable.length} bytes")
    return text_of(file, variable)


def _restored(file: File, entries: dict[str, Entry], text: str) -> Checkpoint:
    """The names and shapes that `data` was given, if it wrote the file."""
    with file.parsing():
        written: dict[str, Any] = json.loads(text)
        arrays = written["arrays"]
        found: dict[str, Entry] = {}
        for word, entry in entries.items():
            if word == _OURS:
                continue
            name = str(arrays[word]["name"])
            shape = tuple(map(int, arrays[word]["shape"]))
            if name in found or _two_axes(shape) != entry.shape:
                raise ValueError(f"{word!r} of another name or shape")
            found[name] = Entry(shape, entry.dtype, partial(_reshaped, entry, shape))
        if len(found) != len(arrays):
            raise ValueError("variables missing")
    metadata = file.texts(written.get("metadata"), "metadata that are not texts")
    return Checkpoint(found, metadata)


def _reshaped(entry: Entry, shape: tuple[int, ...]) -> np.ndarray:
    return entry.read().reshape(shape)
