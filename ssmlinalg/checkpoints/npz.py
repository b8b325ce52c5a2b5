"""NumPy's .npy and archives of them, .npz; never with pickles."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from .entry import HEADER, Checkpoint, Entry, File, check_room

METADATA = "__metadata__"
_NUMBERS = "bfciu"  # kinds of types
_DEFLATE = 1032  # the bytes that deflate makes of one at the most
_HEAD = 1 << 16  # bytes in which the header of an array must end: NumPy's own limit is smaller


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int  # of the numbers, in bytes

    @property
    def size(self) -> int:
        """The bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_array(path: Path) -> Checkpoint:
    """The one array of a .npy file, under the name "array"."""
    file = File(path, ".npy")
    with path.open("rb") as opened:
        header = _header(file, opened)
        whole = header.dtype.hasobject or opened.seek(0, 2) == header.start + header.size
    file.check(whole, f"not the {header.size} bytes it declares")
    read = file.refused("array", header.dtype.name)
    if header.dtype.kind in _NUMBERS:
        read = partial(_array, file, header)
    return Checkpoint({"array": Entry(header.shape, header.dtype.name, read)}, {})


def read(path: Path) -> Checkpoint:
    """The arrays of a .npz file, stored or deflated."""
    file = File(path, ".npz")
    entries: dict[str, Entry] = {}
    metadata: dict[str, str] = {}
    with file.parsing():
        archive = zipfile.ZipFile(path)
    with archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            file.check(name not in entries, f"two arrays of the name {name!r}")
            header = _checked(file, archive, member, name)
            if name == METADATA and header.dtype.kind == "U" and header.shape == ():
                metadata = _metadata(file, member, header)
                continue
            read = file.refused(name, header.dtype.name)
            if header.dtype.kind in _NUMBERS:
                read = partial(_member, file, name, member, header)
            entries[name] = Entry(header.shape, header.dtype.name, read)
    return Checkpoint(entries, metadata)


def data(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a .npz file, the same for the same arrays; metadata as an array of JSON."""
    for name, array in arrays.items():
        if array.dtype.kind not in _NUMBERS or "\0" in name:
            rule = "an archive must be of arrays of numbers, with no NUL in their names"
            raise ValueError(f"{rule}; got {array.dtype.name} for {name!r}. Convert or rename it.")
    text = {METADATA: np.array(json.dumps(dict(metadata)))} if metadata else {}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in {**arrays, **text}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def _checked(file: File, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> _Header:
    """The header of a member, once it is known to hold the numbers that it declares."""
    file.check(member.filename.endswith(".npy"), f"a member {member.filename!r}, which is no .npy")
    stored = member.compress_type == zipfile.ZIP_STORED
    plain = (stored or member.compress_type == zipfile.ZIP_DEFLATED) and not member.flag_bits & 1
    file.check(plain, f"{name!r} neither stored nor deflated")
    most = member.compress_size * (1 if stored else _DEFLATE)
    why = f"{name!r} of more bytes than its compressed ones can make"
    file.check(member.file_size <= most, why)
    with file.parsing():
        opened = archive.open(member)
    with opened:
        header = _header(file, opened)
    whole = header.dtype.hasobject or member.file_size == header.start + header.size
    file.check(whole, f"{name!r} without the {header.size} bytes it declares")
    return header


def _header(file: File, opened: IO[bytes]) -> _Header:
    """The header. Only as much is read as one may have: it can claim gigabytes."""
    with file.parsing():
        head = io.BytesIO(opened.read(_HEAD))
        parse = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[np.lib.format.read_magic(head)]
        shape, _, dtype = parse(head)
    file.check(all(axis >= 0 for axis in shape), f"the shape {shape}")
    return _Header(shape, dtype, head.tell())


def _array(file: File, header: _Header) -> np.ndarray:
    check_room("array", header.shape, header.dtype.itemsize)
    with file.parsing(), file.path.open("rb") as opened:
        return _numbers(opened, header)


def _member(file: File, name: str, member: zipfile.ZipInfo, header: _Header) -> np.ndarray:
    check_room(name, header.shape, header.dtype.itemsize)
    with file.parsing(), zipfile.ZipFile(file.path) as archive, archive.open(member) as opened:
        return _numbers(opened, header)


def _numbers(opened: IO[bytes], header: _Header) -> np.ndarray:
    """In the byte order of the machine, if it is still the array that was declared."""
    array = np.lib.format.read_array(opened, allow_pickle=False)
    if array.shape != header.shape or array.dtype != header.dtype:
        raise ValueError("changed since it was opened")
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def _metadata(file: File, member: zipfile.ZipInfo, header: _Header) -> dict[str, str]:
    file.check(header.size <= 4 * HEADER, f"metadata of {header.size} bytes")
    with file.parsing():
        with zipfile.ZipFile(file.path) as archive, archive.open(member) as opened:
            text = np.lib.format.read_array(opened, allow_pickle=False)
        found = json.loads(str(text))
    return file.texts(found, f"{METADATA} that is not names and texts")
