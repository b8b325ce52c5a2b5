"""One variable of a .mat file of version 5: elements with a tag each, plain or deflated.

Source: MAT-File Format, MathWorks, chapter 1, "Level 5 MAT-File Format".
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import IO, Literal, NamedTuple

import numpy as np

from .entry import File, check_room

HEADER_BYTES = 128  # of the file; its last two say the order of bytes
MATRIX = 14
COMPRESSED = 15
_HEAD = 4096  # bytes in which a variable says what it is: flags, axes, a name
_COMPLEX = 0x800
_LOGICAL = 0x200
_CLASSES = {
    6: "float64",
    7: "float32",
    8: "int8",
    9: "uint8",
    10: "int16",
    11: "uint16",
    12: "int32",
    13: "uint32",
    14: "int64",
    15: "uint64",
}
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
NUMBERS = (*_CLASSES.values(), "bool", "complex64", "complex128")

Order = Literal["<", ">"]  # of bytes


class Variable(NamedTuple):
    """A variable of a file, its numbers not read yet.

    Attributes:
        name: its name.
        shape: its axes.
        dtype: one of `NUMBERS`, or another name for what is no array of numbers.
        where: its first byte in the file, behind the tag.
        size: its bytes in the file.
        deflated: whether these are deflated.
        order: the order of bytes.
        body: the first byte of the numbers in the variable.
        length: the bytes of the variable, inflated.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    where: int
    size: int
    deflated: bool
    order: Order
    body: int
    length: int


class _Element(NamedTuple):
    kind: int
    first: int  # byte of the data
    size: int  # of the data
    end: int  # where the next element is


def parsed(opened: IO[bytes], where: int, size: int, deflated: bool, order: Order) -> Variable:
    """The variable at byte `where`; errors of many kinds where it is none."""
    head = _inflated(opened, where, size, deflated, _HEAD)
    length = size
    if deflated:
        kind, length = struct.unpack_from(f"{order}II", head)
        head = head[8:]
        if kind != MATRIX:
            raise ValueError("a deflated variable that is no matrix")
    flags = _element(head, 0, order)
    axes = _element(head, flags.end, order)
    called = _element(head, axes.end, order)
    shape = struct.unpack_from(f"{order}{axes.size // 4}i", head, axes.first)
    name = head[called.first : called.first + called.size].decode("ascii")
    if len(name) != called.size or min(shape, default=0) < 0:
        raise ValueError("a variable without a name or with negative axes")
    (bits,) = struct.unpack_from(f"{order}I", head, flags.first)
    return Variable(
        name=name,
        shape=shape,
        dtype=_dtype(bits),
        where=where,
        size=size,
        deflated=deflated,
        order=order,
        body=called.end,
        length=length,
    )


def values_of(file: File, variable: Variable) -> np.ndarray:
    """The numbers of a variable, as an array."""
    dtype = np.dtype(variable.dtype)
    count = math.prod(variable.shape)
    check_room(variable.name, variable.shape, dtype.itemsize)
    check_room(variable.name, (variable.length,), 1)
    with file.parsing():
        array = np.empty(count, dtype)
        body = _body(file, variable)
        at = variable.body
        for part in (np.real(array), np.imag(array)) if dtype.kind == "c" else (array,):
            element = _element(body, at, variable.order)
            stored = np.dtype(_STORED[element.kind]).newbyteorder(variable.order)
            if element.size != count * stored.itemsize:
                raise ValueError(f"{variable.name!r} without its {count} numbers")
            part[...] = np.frombuffer(body, stored, count, element.first)
            at = element.end
        return array.reshape(variable.shape, order="F")


def text_of(file: File, variable: Variable) -> str:
    """The text of a variable of characters."""
    with file.parsing():
        body = _body(file, variable)
        element = _element(body, variable.body, variable.order)
        encoding = _TEXTS[element.kind]
        if encoding not in ("ascii", "utf-8"):
            encoding += "-le" if variable.order == "<" else "-be"
        return body[element.first : element.first + element.size].decode(encoding)


def _dtype(flags: int) -> str:
    """The type that the flags of a variable say."""
    number = flags & 255
    dtype = _CLASSES.get(number) or _OTHERS.get(number, "unknown")
    if flags & _LOGICAL and dtype == "uint8":
        dtype = "bool"
    if flags & _COMPLEX:
        return {"float64": "complex128", "float32": "complex64"}.get(dtype, f"complex {dtype}")
    return dtype


def _inflated(opened: IO[bytes], where: int, size: int, deflated: bool, length: int) -> bytes:
    """The first `length` bytes of a variable, or all."""
    opened.seek(where)
    if not deflated:
        return opened.read(min(size, length))
    inflate = zlib.decompressobj()
    found = bytearray()
    while len(found) < length and size > 0 and (piece := opened.read(min(size, 1 << 20))):
        size -= len(piece)
        found += inflate.decompress(piece, length - len(found))
    return bytes(found)


def _element(head: bytes, at: int, order: Order) -> _Element:
    """The element whose tag is at `at`; up to 4 bytes of data lie in the tag itself."""
    kind, size = struct.unpack_from(f"{order}II", head, at)
    if kind >> 16:
        return _Element(kind & 0xFFFF, at + 4, kind >> 16, at + 8)
    return _Element(kind, at + 8, size, at + 8 + size + -size % 8)


def _body(file: File, variable: Variable) -> bytes:
    """All bytes of a variable, inflated and without its tag."""
    tag = 8 if variable.deflated else 0
    length = tag + variable.length
    with file.path.open("rb") as opened:
        body = _inflated(opened, variable.where, variable.size, variable.deflated, length)[tag:]
    if len(body) != variable.length:
        raise ValueError(f"{variable.name!r} cut short")
    return body
