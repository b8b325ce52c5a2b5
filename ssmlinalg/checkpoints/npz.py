"""NumPy's .npy and archives of them, .npz; never with pickles."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from .entry import HEADER, Checkpoint, Entry, refused, room, sound, whole

METADATA = "__metadata__"
_DEFLATE = 1032  # what deflate makes of a byte at the most
_HEAD = 1 << 16  # bytes in which the header of an array must end: NumPy's own limit is smaller


def read_array(path: Path) -> Checkpoint:
    """The one array of a .npy file, under the name "array"."""
    with path.open("rb") as file:
        shape, dtype, start = _header(path, ".npy", file)
        size = math.prod(shape) * dtype.itemsize
        sound(
            path,
            ".npy",
            dtype.hasobject or file.seek(0, 2) == start + size,
            f"not the {size} bytes it declares",
        )
    read = (
        partial(_array, path, shape, dtype)
        if dtype.kind in "bfciu"
        else refused(path, "array", dtype.name)
    )
    return Checkpoint({"array": Entry(shape, dtype.name, read)}, {})


def read(path: Path) -> Checkpoint:
    """The arrays of a .npz file, stored or deflated."""
    entries: dict[str, Entry] = {}
    metadata: dict[str, str] = {}
    with whole(path, ".npz"):
        archive = zipfile.ZipFile(path)
    with archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            sound(
                path,
                ".npz",
                member.filename.endswith(".npy"),
                f"a member {member.filename!r}, which is no .npy",
            )
            sound(path, ".npz", name not in entries, f"two arrays of the name {name!r}")
            plain = (
                member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                and not member.flag_bits & 1
            )
            sound(path, ".npz", plain, f"{name!r} neither stored nor deflated")
            limit = member.compress_size * (
                1 if member.compress_type == zipfile.ZIP_STORED else _DEFLATE
            )
            sound(
                path,
                ".npz",
                member.file_size <= limit,
                f"{name!r} of more bytes than its compressed ones can make",
            )
            with whole(path, ".npz"):
                file = archive.open(member)
            with file:
                shape, dtype, start = _header(path, ".npz", file)
            size = math.prod(shape) * dtype.itemsize
            agrees = dtype.hasobject or member.file_size == start + size
            sound(path, ".npz", agrees, f"{name!r} without the {size} bytes it declares")
            if name == METADATA and dtype.kind == "U" and shape == ():
                metadata = _metadata(path, member, size)
            elif dtype.kind in "bfciu":
                entries[name] = Entry(
                    shape, dtype.name, partial(_member, path, name, member, shape, dtype)
                )
            else:
                entries[name] = Entry(shape, dtype.name, refused(path, name, dtype.name))
    return Checkpoint(entries, metadata)


def data(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a .npz file, the same for the same arrays; the metadata are one more array, of
    JSON text.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "bfciu" or "\0" in name:
            rule = "an archive must be of arrays of numbers, with no NUL in their names"
            raise ValueError(f"{rule}; got {array.dtype.name} for {name!r}. Convert or rename it.")
    buffer = io.BytesIO()
    text = {METADATA: np.array(json.dumps(dict(metadata)))} if metadata else {}
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in {**arrays, **text}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def _header(path: Path, kind: str, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and where the numbers begin. Only so much is read as a header may have: it can
    claim gigabytes.
    """
    with whole(path, kind):
        head = io.BytesIO(file.read(_HEAD))
        version = np.lib.format.read_magic(head)
        parse = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = parse(head)
    sound(path, kind, all(axis >= 0 for axis in shape), f"the shape {shape}")
    return shape, dtype, head.tell()


def _array(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    room("array", shape, dtype.itemsize)
    with whole(path, ".npy"), path.open("rb") as file:
        return _native(np.lib.format.read_array(file, allow_pickle=False), shape, dtype)


def _member(
    path: Path, name: str, member: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    room(name, shape, dtype.itemsize)
    with whole(path, ".npz"), zipfile.ZipFile(path) as archive, archive.open(member) as file:
        return _native(np.lib.format.read_array(file, allow_pickle=False), shape, dtype)


def _native(array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """In the byte order of the machine, if it is still the array that was declared."""
    if array.shape != shape or array.dtype != dtype:
        raise ValueError("changed since it was opened")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _metadata(path: Path, member: zipfile.ZipInfo, size: int) -> dict[str, str]:
    sound(path, ".npz", size <= 4 * HEADER, f"metadata of {size} bytes")
    with whole(path, ".npz"):
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            text = np.lib.format.read_array(file, allow_pickle=False)
        found = json.loads(str(text))
    texts = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    sound(path, ".npz", texts, f"{METADATA} that is not names and texts")
    return found
