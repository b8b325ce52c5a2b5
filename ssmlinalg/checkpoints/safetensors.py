"""Safetensors: the package judges the header, the arrays are read by their offsets.

The package with framework "np" has no bfloat16 and no float8, so all types are read alike, as bytes
at an offset.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from .entry import HEADER, Checkpoint, Entry, refused, room, sound, whole

KIND = "safetensors"


def _bfloat16(bits: np.ndarray) -> np.ndarray:
    """The upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _float8_e5m2(bits: np.ndarray) -> np.ndarray:
    """The upper half of a float16."""
    return (bits.astype(np.uint16) << 8).view(np.float16).astype(np.float32)


def _float8_e4m3(bits: np.ndarray) -> np.ndarray:
    """(1 + m/8) 2^(e - 7), m/8 2^-6 for e = 0; NaN for all ones, no infinities."""
    exponent, fraction = (bits >> 3 & 15).astype(np.int32), (bits & 7).astype(np.float32) / 8
    size = np.ldexp(fraction + (exponent > 0), np.maximum(exponent, 1) - 7)
    return np.where(
        bits & 127 == 127, np.float32(np.nan), np.where(bits > 127, -size, size)
    ).astype(np.float32)


PLAIN = {
    "F64": "float64", "F32": "float32", "F16": "float16", "C64": "complex64", "BOOL": "bool",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip
WIDENED: dict[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    "BF16": ("bfloat16", "uint16", _bfloat16),
    "F8_E5M2": ("float8_e5m2", "uint8", _float8_e5m2),
    "F8_E4M3": ("float8_e4m3fn", "uint8", _float8_e4m3),
}


def read(path: Path) -> Checkpoint:
    """The entries of a safetensors file."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        sound(
            path,
            KIND,
            size <= HEADER,
            f"a header of {size} bytes, and {HEADER} is the most there may be",
        )
        with whole(path, KIND):
            with safetensors.safe_open(path, framework="np") as judged:
                judged.keys()
            header = json.loads(file.read(size), object_pairs_hook=_once)
    metadata = header.pop("__metadata__", {})
    entries = {name: _entry(path, name, 8 + size, **told) for name, told in header.items()}
    return Checkpoint(entries, metadata)


def data(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file; ValueError for a type it has not, such as complex128."""
    for name, array in arrays.items():
        if array.dtype.name not in PLAIN.values():
            got = f"{array.dtype.name} for {name!r}"
            raise ValueError(
                f"an array must be of a type safetensors has; got {got}. Convert it, or write a .npz file."
            )
    return safetensors.numpy.save(dict(arrays), dict(metadata) or None)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are all different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that occurs twice")
    return found


def _entry(
    path: Path,
    name: str,
    start: int,
    dtype: str,
    shape: list[int],
    data_offsets: list[int],
    **_: Any,
) -> Entry:
    where, axes = start + data_offsets[0], tuple(shape)
    if dtype in PLAIN:
        return Entry(axes, PLAIN[dtype], partial(_read, path, name, where, PLAIN[dtype], axes))
    if dtype in WIDENED:
        stored, bits, widen = WIDENED[dtype]
        return Entry(axes, stored, lambda: widen(_read(path, name, where, bits, axes)))
    return Entry(axes, dtype.lower(), refused(path, name, dtype.lower()))


def _read(path: Path, name: str, where: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    room(name, shape, np.dtype(dtype).itemsize)
    with whole(path, KIND):
        array = np.fromfile(path, np.dtype(dtype).newbyteorder("<"), math.prod(shape), offset=where)
        array = (array if sys.byteorder == "little" else array.astype(dtype)).reshape(shape)
    return array
