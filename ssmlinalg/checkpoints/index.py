"""Models in several files, with an index of their arrays, as Hugging Face lays them out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .entry import AGAIN, HEADER, Checkpoint, File, check_regular

_INDEX = re.compile(r".*\.safetensors\.index\.json")
_MODEL = "model.safetensors"
_CONFIG = "config.json"
_TREE = "_METADATA"  # of orbax
# What a folder of one model may hold; the first line of which there is something is what is read.
# Shards, the state of an optimizer and arguments of training are no model.
_MODELS = (
    re.compile(rf"{_INDEX.pattern}|{re.escape(_MODEL)}"),
    re.compile(r"(?!.*-\d{5}-of-\d{5}).*\.safetensors"),
    re.compile(r"pytorch_model(\.[\w-]+)?\.bin(\.index\.json)?"),
    re.compile(r"(consolidated|model|pytorch_model)(\.[\w-]+)?\.(pth?|bin)"),
)


def find(folder: Path) -> Path:
    """The one model of a folder: an index, or one file."""
    with File(folder, "checkpoint").parsing():
        names = sorted(path.name for path in folder.iterdir())
    for kind in _MODELS:
        found = [name for name in names if kind.fullmatch(name)]
        if len(found) > 1:
            rule = "`path` must be a folder of one model"
            got = f"{folder} with {', '.join(found)}"
            raise ValueError(f"{rule}; got {got}. Name the one to read.")
        if found:
            return folder / found[0]
    rule = "`path` must be a file that can be read, or a folder of one model"
    got = f"{folder}, a folder with neither an index nor a {_MODEL}"
    raise IsADirectoryError(f"{rule}; got {got}. Name a file in it.")


def tree(folder: Path) -> Path | None:
    """The one tree of orbax in a folder, itself or of its items; None where there is none."""
    if (folder / _TREE).is_file():
        return folder
    with File(folder, "checkpoint").parsing():
        found = sorted(path.parent for path in folder.glob(f"*/{_TREE}"))
    if len(found) > 1:
        rule = "`path` must be a folder of one model"
        got = f"{folder} with {', '.join(path.name for path in found[:4])}"
        raise ValueError(f"{rule}; got {got}. Name the one to read.")
    return found[0] if found else None


def config(path: Path) -> dict[str, Any]:
    """The config.json in a folder, or beside a file; {} where there is none."""
    place = (path if path.is_dir() else path.parent) / _CONFIG
    if not place.exists():
        return {}
    check_regular(place)
    file = File(place, "config.json")
    file.check(place.stat().st_size <= HEADER, f"more than {HEADER} bytes")
    with file.parsing():
        said = json.loads(place.read_text(encoding="utf-8"))
    file.check(isinstance(said, dict), "no object of JSON")
    return said


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
