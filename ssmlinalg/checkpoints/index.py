"""Models in several files, with an index of their arrays, as Hugging Face lays them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .entry import AGAIN, HEADER, Checkpoint, File, check_regular

_INDICES = (".safetensors.index.json", "pytorch_model.bin.index.json")
_MODEL = "model.safetensors"


def find(folder: Path) -> Path:
    """The one index, or the one model.safetensors, of a folder."""
    with File(folder, "checkpoint").parsing():
        names = sorted(path.name for path in folder.iterdir())
    found = [name for name in names if name.endswith(_INDICES) or name == _MODEL]
    if not found:
        rule = "`path` must be a file that can be read, or a folder of one model"
        got = f"{folder}, a folder with neither an index nor a {_MODEL}"
        raise IsADirectoryError(f"{rule}; got {got}. Name a file in it.")
    if len(found) > 1:
        got = f"{folder} with {', '.join(found)}"
        raise ValueError(f"`path` must be a folder of one model; got {got}. Name the one to read.")
    return folder / found[0]


def read(path: Path, shard: Callable[[Path], Checkpoint]) -> Checkpoint:
    """The arrays of all files that an index names, each read by `shard`, and the text of all."""
    file = File(path, "index")
    file.check(path.stat().st_size <= HEADER, f"more than {HEADER} bytes")
    with file.parsing():
        index = json.loads(path.read_text(encoding="utf-8"))
    listed = index.get("weight_map") if isinstance(index, dict) else None
    places = file.texts(listed, "no weight_map from names to files")
    shards = {place: shard(_beside(path, place)) for place in sorted(set(places.values()))}
    entries = {}
    for name, place in places.items():
        if name not in shards[place].entries:
            rule = "an index must name what its files hold"
            raise ValueError(f"{rule}; got {name!r}, which is not in {place}. {AGAIN}")
        entries[name] = shards[place].entries[name]
    metadata = {key: text for found in shards.values() for key, text in found.metadata.items()}
    return Checkpoint(entries, metadata | _texts(index.get("metadata")))


def _texts(metadata: Any) -> dict[str, str]:
    """The metadata of an index, numbers among them as JSON."""
    if not isinstance(metadata, dict):
        return {}
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in metadata.items()
    }


def _beside(path: Path, place: str) -> Path:
    """The file `place` in the folder of the index; not elsewhere, by its name or by a link."""
    rule = "an index must name files beside it"
    if place != Path(place).name or "\\" in place or "\0" in place:
        remedy = "Put the files into one folder, and their plain names into the index."
        raise ValueError(f"{rule}; got {place!r} in {path}. {remedy}")
    shard = path.parent / place
    check_regular(shard)
    # In the cache of Hugging Face, snapshots/<revision>/ holds links into blobs/.
    folder = path.parent.resolve()
    blobs = [parent.parent / "blobs" for parent in folder.parents if parent.name == "snapshots"]
    if shard.resolve().parent not in (folder, *blobs):
        got = f"{place!r}, a link to {shard.resolve()}"
        raise ValueError(f"{rule}; got {got}. Copy that file to where the link is.")
    return shard
