"""MATLAB's .mat of version 5 (-v6 and -v7): numbers by name, each variable plain or deflated on its
own.

Read here and not by scipy.io, which tells neither whether a variable is complex before it reads it,
nor how large damage may make it; written by scipy.io. MATLAB's arrays have two axes or more and its
names are words: what `data` changes in shapes and names is recorded in one more variable,
`checkpoint`, and `read` undoes it.

Source: MAT-File Format, MathWorks, chapter 1, "Level 5 MAT-File Format".
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np
import scipy.io

from .entry import HEADER, Checkpoint, Entry, refused, room, sound, whole

KIND = "MATLAB 5"
OURS = "checkpoint"
_BEGINNING = '{"metadata": {'  # of its text; another's variable of that name begins otherwise
_HEAD = 4096  # bytes in which a variable says what it is: flags, axes, a name
_MATRIX, _COMPRESSED = 14, 15
_COMPLEX, _LOGICAL = 0x800, 0x200
_CLASSES = {
    6: "float64", 7: "float32", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64",
    15: "uint64",
}  # fmt: skip
_OTHERS = {
    1: "cell",
    2: "struct",
    3: "object",
    4: "char",
    5: "sparse",
    16: "function",
    17: "opaque",
}
_STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_TEXTS = {1: "ascii", 2: "ascii", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


Order = Literal["<", ">"]  # of bytes


class _Variable(NamedTuple):
    where: int  # in the file, behind the tag
    size: int  # there
    deflated: bool
    order: Order
    name: str
    shape: tuple[int, ...]
    dtype: str
    body: int  # where the numbers begin in the variable
    length: int  # of the variable, inflated


def read(path: Path) -> Checkpoint:
    """The variables of a .mat file of version 5; one cut short between two variables is not told
    from a whole one.
    """
    variables: dict[str, _Variable] = {}
    with path.open("rb") as file:
        file.seek(126)
        order: Order = "<" if file.read(2) == b"IM" else ">"
        end = file.seek(0, 2)
        where = 128
        while where < end:
            file.seek(where)
            with whole(path, KIND):
                kind, size = struct.unpack(f"{order}II", file.read(8))
            sound(
                path,
                KIND,
                kind in (_MATRIX, _COMPRESSED) and size <= end - where - 8,
                f"no variable at byte {where}",
            )
            with whole(path, KIND):
                found = _variable(file, where + 8, size, kind == _COMPRESSED, order)
            sound(
                path, KIND, found.name not in variables, f"two variables of the name {found.name!r}"
            )
            variables[found.name] = found
            where += 8 + size
    sound(path, KIND, bool(variables), "no variables")
    entries = {name: _entry(path, variable) for name, variable in variables.items()}
    text = (
        _text(path, variables[OURS])
        if OURS in variables and variables[OURS].dtype == "char"
        else ""
    )
    return (
        _restored(path, entries, text) if text.startswith(_BEGINNING) else Checkpoint(entries, {})
    )


def data(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a .mat file; ValueError for a type MATLAB has not, such as float16."""
    variables: dict[str, np.ndarray] = {}
    told: dict[str, dict[str, object]] = {}
    for name, array in arrays.items():
        if array.dtype.name not in (*_CLASSES.values(), "bool", "complex64", "complex128"):
            got = f"{array.dtype.name} for {name!r}"
            raise ValueError(
                f"an array must be of a type MATLAB has; got {got}. Convert it, or write a .npz file."
            )
        word = _word(name, {OURS, *variables})
        told[word] = {"name": name, "shape": array.shape}
        variables[word] = array.reshape(array.shape + (1,) * (2 - array.ndim))
    buffer = io.BytesIO()
    # First, for the format has no end: a file cut short between two variables is found by what it
    # was to have.
    text = {OURS: json.dumps({"metadata": dict(metadata), "arrays": told})}
    scipy.io.savemat(buffer, text | variables, long_field_names=True)
    return buffer.getvalue()


def _word(name: str, taken: set[str]) -> str:
    """`name` as MATLAB can call a variable, and none of `taken`."""
    stem = re.sub(r"\W", "_", name, flags=re.ASCII)
    stem = (stem if stem[:1].isalpha() else f"x{stem}")[:56]
    return next(
        word
        for word in (stem, *(f"{stem}_{n}" for n in range(2, len(taken) + 3)))
        if word not in taken
    )


def _inflated(file: IO[bytes], where: int, size: int, deflated: bool, length: int) -> bytes:
    """The first `length` bytes of a variable, or all."""
    file.seek(where)
    if not deflated:
        return file.read(min(size, length))
    inflate, found = zlib.decompressobj(), bytearray()
    while len(found) < length and size > 0 and (piece := file.read(min(size, 1 << 20))):
        size -= len(piece)
        found += inflate.decompress(piece, length - len(found))
    return bytes(found)


def _element(head: bytes, at: int, order: Order) -> tuple[int, int, int, int]:
    """Type, first byte and size of the element at `at`, and where the next is; up to 4 bytes lie in
    the tag itself.
    """
    kind, size = struct.unpack_from(f"{order}II", head, at)
    if kind >> 16:
        return kind & 0xFFFF, at + 4, kind >> 16, at + 8
    return kind, at + 8, size, at + 8 + size + -size % 8


def _variable(file: IO[bytes], where: int, size: int, deflated: bool, order: Order) -> _Variable:
    head, length = _inflated(file, where, size, deflated, _HEAD), size
    if deflated:
        kind, length = struct.unpack_from(f"{order}II", head)
        head = head[8:]
        if kind != _MATRIX:
            raise ValueError("a deflated variable that is no matrix")
    _, first, _, at = _element(head, 0, order)
    (flags,) = struct.unpack_from(f"{order}I", head, first)
    _, first, count, at = _element(head, at, order)
    shape = struct.unpack_from(f"{order}{count // 4}i", head, first)
    _, first, count, at = _element(head, at, order)
    name = head[first : first + count].decode("ascii")
    if len(name) != count or min(shape, default=0) < 0:
        raise ValueError("a variable without a name or with negative axes")
    dtype = _CLASSES.get(flags & 255) or _OTHERS.get(flags & 255, "unknown")
    if flags & _LOGICAL and dtype == "uint8":
        dtype = "bool"
    if flags & _COMPLEX:
        dtype = {"float64": "complex128", "float32": "complex64"}.get(dtype, f"complex {dtype}")
    return _Variable(where, size, deflated, order, name, shape, dtype, at, length)


def _entry(path: Path, variable: _Variable) -> Entry:
    name, shape, dtype = variable.name, variable.shape, variable.dtype
    plain = dtype in (*_CLASSES.values(), "bool", "complex64", "complex128")
    return Entry(
        shape, dtype, partial(_read, path, variable) if plain else refused(path, name, dtype)
    )


def _read(path: Path, variable: _Variable) -> np.ndarray:
    dtype, count = np.dtype(variable.dtype), math.prod(variable.shape)
    room(variable.name, variable.shape, dtype.itemsize)
    room(variable.name, (variable.length,), 1)
    with whole(path, KIND):
        body = _body(path, variable)
        parts, at = [], variable.body
        for _ in range(2 if dtype.kind == "c" else 1):
            kind, first, size, at = _element(body, at, variable.order)
            stored = np.dtype(_STORED[kind]).newbyteorder(variable.order)
            if size != count * stored.itemsize:
                raise ValueError(f"{variable.name!r} without its {count} numbers")
            parts.append(np.frombuffer(body, stored, count, first))
        array = np.empty(count, dtype)
        if dtype.kind == "c":
            array.real, array.imag = parts
        else:
            array[...] = parts[0]
        return array.reshape(variable.shape, order="F")


def _body(path: Path, variable: _Variable) -> bytes:
    tag = 8 if variable.deflated else 0
    with path.open("rb") as file:
        body = _inflated(
            file, variable.where, variable.size, variable.deflated, tag + variable.length
        )[tag:]
    if len(body) != variable.length:
        raise ValueError(f"{variable.name!r} cut short")
    return body


def _text(path: Path, variable: _Variable) -> str:
    sound(path, KIND, variable.length <= 4 * HEADER, f"a text of {variable.length} bytes")
    with whole(path, KIND):
        body = _body(path, variable)
        kind, first, size, _ = _element(body, variable.body, variable.order)
        ending = (
            "" if _TEXTS[kind] in ("ascii", "utf-8") else "-le" if variable.order == "<" else "-be"
        )
        return body[first : first + size].decode(_TEXTS[kind] + ending)


def _restored(path: Path, entries: dict[str, Entry], text: str) -> Checkpoint:
    """The names and shapes that `data` was given, if it wrote the file."""
    with whole(path, KIND):
        told = json.loads(text)
        metadata, arrays = told["metadata"], told["arrays"]
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("metadata that are not texts")
        found = {}
        for word, entry in entries.items():
            if word == OURS:
                continue
            name, shape = str(arrays[word]["name"]), tuple(map(int, arrays[word]["shape"]))
            if name in found or shape + (1,) * (2 - len(shape)) != entry.shape:
                raise ValueError(f"{word!r} of another name or shape")
            found[name] = Entry(shape, entry.dtype, partial(_reshaped, entry, shape))
        if len(found) != len(arrays):
            raise ValueError("variables missing")
    return Checkpoint(found, metadata)


def _reshaped(entry: Entry, shape: tuple[int, ...]) -> np.ndarray:
    return entry.read().reshape(shape)
