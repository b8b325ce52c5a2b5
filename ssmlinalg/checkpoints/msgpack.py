"""msgpack as flax writes it: dicts of arrays, each an extension of shape, type and bytes.

The file is walked once, over the numbers and not through them. Dicts in dicts, and lists in them,
give names joined with "."; an array in several pieces, as flax writes one of more than 1 GiB, is
one entry. Values that are no arrays are left out.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from .entry import HEADER, Checkpoint, Entry, File, check_room
from .safetensors import entry_at, size_of

_ARRAY = 1  # the extensions of flax; 2 is a complex number
_SCALAR = 3
_PIECES = "__msgpack_chunked_array__"
_NO_ARRAY = "an array that is not a shape, a type and bytes"
_DEPTH = 32  # of dicts in dicts
_AXES = 32  # of an array
_COUNT = 1 << 18  # of values
_TEXT = range(0xA0, 0xC0)  # short texts by their first byte; longer ones:
_TEXTS = {0xD9: "B", 0xDA: "H", 0xDB: "I"}
_MAPS = {0xDE: "H", 0xDF: "I"}
_LISTS = {0xDC: "H", 0xDD: "I"}
_BYTES = {0xC4: "B", 0xC5: "H", 0xC6: "I"}
_EXTENSIONS = {0xC7: "B", 0xC8: "H", 0xC9: "I"}
_FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}  # extensions of so many bytes
_WHOLE = {0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
_SKIPPED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}  # nothing, truth, numbers with a fraction


class _Packed(NamedTuple):
    """An array that was walked over."""

    shape: tuple[int, ...]
    dtype: str
    where: int


class _Walk(NamedTuple):
    """A file that is being walked over, never beyond its end."""

    file: File
    opened: IO[bytes]
    size: int  # of the file
    seen: list[int]  # how many values, and how many bytes of texts

    def skip(self, count: int) -> None:
        """Go over some bytes."""
        end = self.opened.tell() + count
        self.file.check(end <= self.size, "a value that goes on beyond its end")
        self.opened.seek(end)

    def number(self, form: str) -> int:
        """A whole number, as `struct` has it."""
        count = struct.calcsize(form)
        start = self.opened.tell()
        self.skip(count)
        self.opened.seek(start)
        return int(struct.unpack(f">{form}", self.opened.read(count))[0])

    def text(self, head: int) -> str | None:
        """The text that begins with a byte; None where none does."""
        if head not in _TEXT and head not in _TEXTS:
            return None
        count = head - _TEXT.start if head in _TEXT else self.number(_TEXTS[head])
        self.seen[1] += count
        self.file.check(self.seen[1] <= HEADER, f"texts of more than {HEADER} bytes")
        start = self.opened.tell()
        self.skip(count)
        self.opened.seek(start)
        with self.file.parsing():
            return self.opened.read(count).decode()


def begins(head: bytes) -> bool:
    """Whether a file begins with a dict whose first name is text."""
    size = {0xDE: 3, 0xDF: 5}.get(head[0], 1) if head else 0
    first = head[size] if size < len(head) else 0
    is_map = bool(head) and (0x81 <= head[0] < 0x90 or head[0] in _MAPS)
    return is_map and (first in _TEXT or first in _TEXTS)


def read(path: Path) -> Checkpoint:
    """The arrays of a file that flax.serialization wrote."""
    file = File(path, "msgpack")
    with path.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(0)
        walk = _Walk(file, opened, size, [0, 0])
        tree = _value(walk, 0)
        file.check(opened.tell() == size, "bytes after its end")
    entries: dict[str, Entry] = {}
    for name, entry in _entries(file, tree, ""):
        file.check(name not in entries, f"a name that occurs twice, {name!r}")
        entries[name] = entry
    return Checkpoint(entries, {})


def _value(walk: _Walk, depth: int) -> Any:
    """A dict, an array, a whole number or a text; None for any other value."""
    walk.seen[0] += 1
    walk.file.check(walk.seen[0] <= _COUNT, f"more than {_COUNT} values")
    head = walk.number("B")
    if head < 0x80 or head in _WHOLE:
        return head if head < 0x80 else walk.number(_WHOLE[head])
    if head < 0x90 or head in _MAPS:
        return _dict(walk, head - 0x80 if head < 0x90 else walk.number(_MAPS[head]), depth)
    if head < 0xA0 or head in _LISTS:
        count = head - 0x90 if head < 0xA0 else walk.number(_LISTS[head])
        _check_depth(walk, depth)
        return {str(i): _value(walk, depth + 1) for i in range(count)}
    if (said := walk.text(head)) is not None:
        return said
    if head in _EXTENSIONS or head in _FIXED:
        count = _FIXED[head] if head in _FIXED else walk.number(_EXTENSIONS[head])
        return _extension(walk, count)
    if head in _BYTES:
        walk.skip(walk.number(_BYTES[head]))
        return None
    walk.file.check(head in _SKIPPED or head >= 0xE0, f"a value of the unknown kind {head:#x}")
    walk.skip(_SKIPPED.get(head, 0))  # from 0xE0 on, small negative numbers
    return None


def _dict(walk: _Walk, count: int, depth: int) -> dict[str, Any]:
    _check_depth(walk, depth)
    found: dict[str, Any] = {}
    for _ in range(count):
        name = walk.text(walk.number("B"))
        if name is None:
            walk.file.check(False, "a name that is no text")
            continue
        walk.file.check(name not in found, f"a name that occurs twice, {name!r}")
        found[name] = _value(walk, depth + 1)
    return found


def _check_depth(walk: _Walk, depth: int) -> None:
    walk.file.check(depth < _DEPTH, f"dicts in dicts, {_DEPTH} deep")


def _extension(walk: _Walk, count: int) -> _Packed | None:
    """The array of an extension of so many bytes; None for one that holds none."""
    kind = walk.number("b")
    start = walk.opened.tell()
    walk.skip(count)
    end = walk.opened.tell()
    if kind not in (_ARRAY, _SCALAR):
        return None
    walk.opened.seek(start)
    walk.file.check(walk.number("B") == 0x93, _NO_ARRAY)
    axes = _shape(walk)
    dtype = walk.text(walk.number("B")) or ""
    head = walk.number("B")
    walk.file.check(bool(dtype) and head in _BYTES, _NO_ARRAY)
    length = walk.number(_BYTES[head])
    where = walk.opened.tell()
    walk.file.check(where + length == end, _NO_ARRAY)
    size = size_of(dtype)
    right = not size or math.prod(axes) * size == length
    walk.file.check(right, f"an array of {length} bytes, not the bytes of its shape {axes}")
    walk.opened.seek(end)
    return _Packed(axes, dtype, where)


def _shape(walk: _Walk) -> tuple[int, ...]:
    """A list of whole numbers, and of nothing that holds others."""
    head = walk.number("B")
    walk.file.check(0x90 <= head < 0xA0 or head in _LISTS, _NO_ARRAY)
    count = head - 0x90 if head < 0xA0 else walk.number(_LISTS[head])
    walk.file.check(count <= _AXES, f"an array with {count} axes")
    axes = tuple(_whole(walk) for _ in range(count))
    walk.file.check(min(axes, default=0) >= 0, _NO_ARRAY)
    return axes


def _whole(walk: _Walk) -> int:
    head = walk.number("B")
    walk.file.check(head < 0x80 or head in _WHOLE, _NO_ARRAY)
    return head if head < 0x80 else walk.number(_WHOLE[head])


def _entries(file: File, value: Any, name: str) -> Iterator[tuple[str, Entry]]:
    if isinstance(value, _Packed):
        yield name, entry_at(file, name, value.where, value.dtype, value.shape)
    elif isinstance(value, dict) and _PIECES in value:
        yield name, _pieced(file, value, name)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _entries(file, inner, f"{name}.{key}" if name else key)


def _pieced(file: File, value: dict[str, Any], name: str) -> Entry:
    """One array of several pieces, which lie behind one another in its order."""
    shape = value.get("shape")
    pieces = value.get("chunks")
    known = isinstance(shape, dict) and isinstance(pieces, dict) and bool(pieces)
    file.check(known, f"{name!r} without a shape and pieces")
    axes = tuple((shape or {}).values())
    held = list((pieces or {}).values())
    numbers = all(isinstance(axis, int) and axis >= 0 for axis in axes)
    arrays = all(isinstance(one, _Packed) and one.dtype == held[0].dtype for one in held)
    file.check(numbers and arrays, f"{name!r} without a shape and pieces of one type")
    total = sum(math.prod(one.shape) for one in held)
    file.check(total == math.prod(axes), f"{name!r} in pieces that are not its shape {axes}")
    read = partial(_joined, file, name, tuple(held), axes)
    return Entry(axes, held[0].dtype, read)


def _joined(
    file: File, name: str, pieces: tuple[_Packed, ...], shape: tuple[int, ...]
) -> np.ndarray:
    check_room(name, shape, 2 * max(4, size_of(pieces[0].dtype)))  # the pieces, and the whole
    read = [entry_at(file, name, one.where, one.dtype, one.shape).read() for one in pieces]
    with file.parsing():
        return np.concatenate([array.ravel() for array in read]).reshape(shape)
