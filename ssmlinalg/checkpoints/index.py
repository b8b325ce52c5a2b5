"""Models in several files, with an index that says which array is in which, as Hugging Face lays
them out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .entry import AGAIN, HEADER, Checkpoint, regular, sound, whole

KIND = "index"


def find(folder: Path) -> Path:
    """The one index, or the one model.safetensors, of a folder."""
    with whole(folder, "checkpoint"):
        names = sorted(path.name for path in folder.iterdir())
    found = [
        n
        for n in names
        if n.endswith((".safetensors.index.json", "pytorch_model.bin.index.json"))
        or n == "model.safetensors"
    ]
    if not found:
        got = f"{folder}, a folder with neither an index nor a model.safetensors"
        raise IsADirectoryError(
            f"`path` must be a file that can be read, or a folder of one model; got {got}. Name a file in it."
        )
    if len(found) > 1:
        got = f"{folder} with {', '.join(found)}"
        raise ValueError(f"`path` must be a folder of one model; got {got}. Name the one to read.")
    return folder / found[0]


def read(path: Path, shard: Callable[[Path], Checkpoint]) -> Checkpoint:
    """The arrays of all files an index names, each read by `shard`; the text of the index beside
    that of the files.
    """
    sound(path, KIND, path.stat().st_size <= HEADER, f"more than {HEADER} bytes")
    with whole(path, KIND):
        told = json.loads(path.read_text(encoding="utf-8"))
    places = told.get("weight_map") if isinstance(told, dict) else None
    names = isinstance(places, dict) and all(isinstance(place, str) for place in places.values())
    sound(path, KIND, bool(names), "no weight_map from names to files")
    assert isinstance(places, dict)
    shards = {place: shard(_beside(path, place)) for place in sorted(set(places.values()))}
    for name, place in places.items():
        if name not in shards[place].entries:
            raise ValueError(
                f"an index must name what its files hold; got {name!r}, which is not in {place}. {AGAIN}"
            )
    metadata = {key: text for found in shards.values() for key, text in found.metadata.items()}
    own = told.get("metadata")
    if isinstance(own, dict):
        metadata |= {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in own.items()
        }
    return Checkpoint(
        {name: shards[place].entries[name] for name, place in places.items()}, metadata
    )


def _beside(path: Path, place: str) -> Path:
    """The file `place` in the folder of the index; not elsewhere, by its name or by a link."""
    rule = "an index must name files beside it"
    if place != Path(place).name or "\\" in place or "\0" in place:
        raise ValueError(
            f"{rule}; got {place!r} in {path}. Put the files into one folder, and their plain names into the index."
        )
    shard, folder = path.parent / place, path.parent.resolve()
    regular(shard)
    # In the cache of Hugging Face, snapshots/<revision>/ holds links into blobs/.
    blobs = [parent.parent / "blobs" for parent in folder.parents if parent.name == "snapshots"]
    if shard.resolve().parent not in (folder, *blobs):
        raise ValueError(
            f"{rule}; got {place!r}, a link to {shard.resolve()}. Copy that file to where the link is."
        )
    return shard
