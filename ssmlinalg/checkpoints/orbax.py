"""Folders of orbax: a tree of names in `_METADATA`, the numbers of each in zarr, by tensorstore.

orbax keeps the chunks of all arrays in one database of files (OCDBT), or each array in a folder of
its own. Either is opened by tensorstore, which unpacks the chunks: how large one becomes on the way
is in its hands. Nothing outside of the folder is opened: links are refused.
"""

from __future__ import annotations

import json
import os
import stat
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

from .entry import HEADER, Checkpoint, Entry, File, check_room
from .safetensors import size_of

_METADATA = "_METADATA"
_ARRAYS = ("jax.Array", "np.ndarray", "scalar")  # kinds of values; others have no numbers


def read(folder: Path) -> Checkpoint:
    """The arrays of a folder, named by the parts of the tree joined with "."; no texts."""
    file = File(folder, "orbax")
    _check_files(file)
    place = folder / _METADATA
    file.check(place.stat().st_size <= HEADER, f"{_METADATA} of more than {HEADER} bytes")
    with file.parsing():
        said = json.loads(place.read_text(encoding="utf-8"))
        tree = dict(said["tree_metadata"])
        names = [_name(value) for value in tree.values() if _is_array(value)]
    entries: dict[str, Entry] = {}
    for name in names:
        plain = not set(name) & set("/\\\0") and name not in ("", ".", "..")
        file.check(plain, f"the name {name!r}, which may lead elsewhere")
        file.check(name not in entries, f"a name that occurs twice, {name!r}")
        entries[name] = _entry(file, name, said)
    return Checkpoint(entries, {})


def _is_array(value: Any) -> bool:
    return value["value_metadata"]["value_type"] in _ARRAYS


def _name(value: Any) -> str:
    return ".".join(str(part["key"]) for part in value["key_metadata"])


def _check_files(file: File) -> None:
    """Refuse a folder with links, pipes or devices in it."""
    with file.parsing():
        inside = [
            Path(parent, name)
            for parent, folders, names in os.walk(file.path)
            for name in (*folders, *names)
        ]
        kinds = {path: path.lstat().st_mode for path in inside}
    for path, mode in kinds.items():
        plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        file.check(plain, f"{path.name!r} in it, a link, a pipe or a device")


def _entry(file: File, name: str, said: dict[str, Any]) -> Entry:
    here = {"driver": "file", "path": f"{file.path.resolve()}/"}
    store: dict[str, Any] = {"driver": "file", "path": f"{file.path.resolve()}/{name}/"}
    if said.get("use_ocdbt", (file.path / "manifest.ocdbt").exists()):
        store = {"driver": "ocdbt", "base": here, "path": f"{name}/"}
    spec = {"driver": "zarr3" if said.get("use_zarr3") else "zarr", "kvstore": store}
    with file.parsing():
        opened = tensorstore.open(spec, open=True, read=True).result()
        shape = tuple(int(size) for size in opened.shape)
        dtype = str(opened.dtype.name)
    if not size_of(dtype):
        return Entry(shape, dtype, file.refused(name, dtype))
    whole = bool(said.get("store_array_data_equal_to_fill_value"))
    return Entry(shape, dtype, partial(_read, file, name, opened, dtype, whole))


def _read(file: File, name: str, opened: Any, dtype: str, whole: bool) -> np.ndarray:
    """The numbers. Chunks that are not there are zeros, unless the folder has them `whole`."""
    widened = dtype.startswith(("bfloat16", "float8_"))
    check_room(name, tuple(opened.shape), 4 if widened else size_of(dtype))
    if whole:
        with file.parsing():
            stored = opened.storage_statistics(query_fully_stored=True).result().fully_stored
        file.check(bool(stored), f"{name!r} without some of its chunks")
    with file.parsing():
        array = opened.read().result()
        return np.array(array, np.float32 if widened else dtype, order="C")
