"""Safetensors: the package judges the header, the arrays are read by their offsets.

The package with framework "np" has no bfloat16 and no float8, so all types are read alike, as bytes
at an offset.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from ..ground.formats import FORMATS
from .entry import HEADER, Checkpoint, Entry, File, check_room

PLAIN = {
    "F64": "float64", "F32": "float32", "F16": "float16", "C64": "complex64", "BOOL": "bool",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip


class _Widened(NamedTuple):
    """A format that NumPy has not: the integers of its bits, and their numbers in float32."""

    dtype: str
    bits: str
    numbers: Callable[[np.ndarray], np.ndarray]


def _upper_half(bits: np.ndarray) -> np.ndarray:
    """The numbers of bfloat16, which is the upper half of float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


@cache
def _float8_numbers(dtype: str) -> np.ndarray:
    """The 256 numbers of a format of 8 bits: a sign, an exponent, and a fraction.

    Codes beyond the largest number are infinite where their fraction is 0, and NaN elsewhere.
    """
    known = FORMATS[dtype]
    scale = 2 ** (known.digits - 1)  # of the fraction
    code = np.arange(128)
    exponent = code // scale
    fraction = code % scale
    size = np.ldexp(fraction / scale + (exponent > 0), np.maximum(exponent, 1) - 1) * known.normal
    beyond = np.where(fraction == 0, np.inf, np.nan)
    size = np.where(size <= known.largest, size, beyond)
    return np.concatenate([size, -size]).astype(np.float32)


def _float8(bits: np.ndarray, dtype: str) -> np.ndarray:
    return _float8_numbers(dtype)[bits]


WIDENED = {
    "BF16": _Widened("bfloat16", "uint16", _upper_half),
    "F8_E5M2": _Widened("float8_e5m2", "uint8", partial(_float8, dtype="float8_e5m2")),
    "F8_E4M3": _Widened("float8_e4m3fn", "uint8", partial(_float8, dtype="float8_e4m3fn")),
}
_PLAIN_NAMES = {*PLAIN.values(), "complex128"}
_WIDENED_NAMES = {known.dtype: known for known in WIDENED.values()}


def size_of(dtype: str) -> int:
    """The bytes of one number of a type that `entry_at` knows; 0 for any other."""
    if dtype in _WIDENED_NAMES:
        return np.dtype(_WIDENED_NAMES[dtype].bits).itemsize
    return np.dtype(dtype).itemsize if dtype in _PLAIN_NAMES else 0


def read(path: Path) -> Checkpoint:
    """The entries of a safetensors file."""
    file = File(path, "safetensors")
    with path.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        why = f"a header of {size} bytes, and {HEADER} is the most there may be"
        file.check(size <= HEADER, why)
        with file.parsing():
            with safetensors.safe_open(path, framework="np") as judged:
                judged.keys()
            header = json.loads(opened.read(size), object_pairs_hook=_once)
    metadata = header.pop("__metadata__", {})
    entries = {name: _entry(file, name, 8 + size, array) for name, array in header.items()}
    return Checkpoint(entries, metadata)


def data(
    arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str], short: Collection[str] = ()
) -> bytes:
    """The bytes of a safetensors file; ValueError for a type it has not, such as complex128.

    Arrays named in `short` are written in bfloat16, rounded to nearest even.
    """
    for name, array in arrays.items():
        if array.dtype.name not in PLAIN.values():
            rule = "an array must be of a type safetensors has"
            got = f"{array.dtype.name} for {name!r}"
            raise ValueError(f"{rule}; got {got}. Convert it, or write a .npz file.")
    held = {name: _halved(array) if name in short else array for name, array in arrays.items()}
    written = safetensors.numpy.save(held, dict(metadata) or None)
    return _retyped(written, short) if short else written


def _halved(array: np.ndarray) -> np.ndarray:
    """The upper halves of float32, to the nearest of them: the bits of bfloat16."""
    bits = np.asarray(array, np.float32).view(np.uint32)
    up = 0x7FFF + ((bits >> 16) & 1)
    nearest = ((bits.astype(np.uint64) + up) >> 16).astype(np.uint16)
    return np.where(np.isnan(array), np.uint16(0x7FC0), nearest)


def _retyped(written: bytes, short: Collection[str]) -> bytes:
    """The file with the arrays named in `short` declared to be bfloat16."""
    size = int.from_bytes(written[:8], "little")
    header = json.loads(written[8 : 8 + size])
    for name in short:
        header[name]["dtype"] = "BF16"
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + written[8 + size :]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are all different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that occurs twice")
    return found


def _entry(file: File, name: str, start: int, array: Mapping[str, Any]) -> Entry:
    """An entry from its line in the header; the numbers begin at `start`."""
    dtype = str(array["dtype"])
    own = WIDENED[dtype].dtype if dtype in WIDENED else PLAIN.get(dtype, dtype.lower())
    return entry_at(file, name, start + array["data_offsets"][0], own, tuple(array["shape"]))


def entry_at(file: File, name: str, where: int, dtype: str, shape: tuple[int, ...]) -> Entry:
    """The entry of numbers that lie in a file from a byte on, by rows and little-endian.

    Of a type that is none of `PLAIN`, complex128, bfloat16 and float8 it refuses to be read.
    """
    if dtype in _PLAIN_NAMES:
        return Entry(shape, dtype, partial(_read, file, name, where, dtype, shape))
    if dtype in _WIDENED_NAMES:
        known = _WIDENED_NAMES[dtype]
        bits = partial(_read, file, name, where, known.bits, shape)
        return Entry(shape, dtype, lambda: known.numbers(bits()))
    return Entry(shape, dtype, file.refused(name, dtype))


def _read(file: File, name: str, where: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    check_room(name, shape, np.dtype(dtype).itemsize)
    with file.parsing():
        stored = np.dtype(dtype).newbyteorder("<")
        array = np.fromfile(file.path, stored, math.prod(shape), offset=where)
        if sys.byteorder != "little":
            array = array.astype(dtype)
        return array.reshape(shape)
