"""GGUF of llama.cpp: a header of keys, values and tensors, and their numbers at offsets.

Read here: versions 2 and 3, little-endian. Values that are lists, such as the words of a tokenizer,
are stepped over; tensors of quantized types are listed, and refuse to be read.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from .entry import HEADER, Checkpoint, File
from .safetensors import entry_at, size_of

MAGIC = b"GGUF"
# By their number in the format: types of values, as `struct` has them, and of tensors.
_VALUES = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_TEXT = 8
_LIST = 9
_TENSORS = {
    0: "float32", 1: "float16", 24: "int8", 25: "int16", 26: "int32", 27: "int64", 28: "float64",
    30: "bfloat16",
}  # fmt: skip
_QUANTIZED = {
    2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1", 10: "q2_k", 11: "q3_k",
    12: "q4_k", 13: "q5_k", 14: "q6_k", 15: "q8_k",
}  # fmt: skip
_MOST = 1 << 16  # values, and tensors
_WORDS = 1 << 20  # of a list of texts, or of lists: vocabularies have a quarter of that
_AXES = 4  # of a tensor, at the most
_DEPTH = 4  # of lists in lists
_SHOWN = 20  # characters of a value that is refused
_ALIGNMENT = 32  # of the numbers, where no value says another


class _Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]
    dtype: str
    offset: int  # from where the numbers begin

    @property
    def size(self) -> int:
        """The bytes of its numbers; 0 of a type that is not read."""
        return math.prod(self.shape) * size_of(self.dtype)


class _Header(NamedTuple):
    """A header that is being read, never beyond its bound or the end of the file."""

    file: File
    opened: IO[bytes]
    size: int  # of the file

    def skip(self, count: int) -> None:
        """Go over some bytes."""
        end = self.opened.tell() + count
        self.file.check(end <= self.size, "a header that goes on beyond its end")
        self.file.check(end <= HEADER, f"a header of more than {HEADER} bytes")
        self.opened.seek(end)

    def take(self, count: int) -> bytes:
        """Some bytes."""
        start = self.opened.tell()
        self.skip(count)
        self.opened.seek(start)
        return self.opened.read(count)

    def number(self, form: str) -> int | float | bool:
        """A number, as `struct` has it."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(form)))[0]

    def count(self, form: str = "Q") -> int:
        """A whole number."""
        return int(self.number(form))

    def text(self) -> str:
        """A text behind its length."""
        held = self.take(self.count())
        with self.file.parsing():
            return held.decode()


def read(path: Path) -> Checkpoint:
    """The tensors of a GGUF file; values that are texts or numbers are its metadata."""
    file = File(path, "GGUF")
    with path.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(len(MAGIC))
        header = _Header(file, opened, size)
        version = header.count("I")
        file.check(version in (2, 3), f"version {version}, or another order of bytes")
        tensors = header.count()
        values = header.count()
        file.check(max(tensors, values) <= _MOST, f"more than {_MOST} values or tensors")
        metadata = dict(_values(header, values))
        found = list(_tensors(header, tensors))
        end = opened.tell()
    alignment = _alignment(file, metadata)
    start = -(-end // alignment) * alignment
    _check_places(file, found, size - start)
    entries = {
        one.name: entry_at(file, one.name, start + one.offset, one.dtype, one.shape)
        for one in found
    }
    file.check(len(entries) == len(found), "a name that occurs twice")
    return Checkpoint(entries, metadata)


def _values(header: _Header, count: int) -> Iterator[tuple[str, str]]:
    """Keys and values that are a text or a number, the number as JSON."""
    for _ in range(count):
        key = header.text()
        kind = header.count("I")
        if kind == _TEXT:
            yield key, header.text()
        elif kind == _LIST:
            _skip_list(header, 0)
        else:
            header.file.check(kind in _VALUES, f"a value of the unknown type {kind}")
            yield key, json.dumps(header.number(_VALUES[kind]))


def _skip_list(header: _Header, depth: int) -> None:
    header.file.check(depth < _DEPTH, f"lists in lists, {_DEPTH} deep")
    kind = header.count("I")
    count = header.count()
    if kind in _VALUES:
        header.skip(count * struct.calcsize(_VALUES[kind]))
        return
    header.file.check(kind in (_TEXT, _LIST), f"a list of the unknown type {kind}")
    header.file.check(count <= _WORDS, f"a list of {count} entries")
    for _ in range(count):
        if kind == _TEXT:
            header.skip(header.count())
        else:
            _skip_list(header, depth + 1)


def _tensors(header: _Header, count: int) -> Iterator[_Tensor]:
    for _ in range(count):
        name = header.text()
        axes = header.count("I")
        header.file.check(axes <= _AXES, f"{name!r} with {axes} axes")
        shape = tuple(header.count() for _ in range(axes))[::-1]  # the fastest axis comes first
        kind = header.count("I")
        dtype = _TENSORS.get(kind) or _QUANTIZED.get(kind, f"ggml type {kind}")
        yield _Tensor(name, shape, dtype, header.count())


def _alignment(file: File, metadata: dict[str, str]) -> int:
    said = metadata.get("general.alignment", str(_ALIGNMENT))
    short = said.isascii() and said.isdecimal() and len(said) <= len(str(HEADER))
    file.check(short and 0 < int(said) <= HEADER, f"an alignment of {said[:_SHOWN]}")
    return int(said)


def _check_places(file: File, found: list[_Tensor], room: int) -> None:
    """Refuse tensors that end beyond the file, or that lie over one another."""
    end = 0
    for one in sorted(found, key=lambda tensor: tensor.offset):
        file.check(one.offset >= end, f"{one.name!r} over another tensor")
        end = one.offset + one.size
        file.check(end <= room, f"{one.name!r} of more bytes than there are")
