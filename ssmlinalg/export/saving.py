"""One layer in a file, with all that reproduces it.

Files are safetensors, .npz or .mat, never pickles: PyTorch reads the first with
`safetensors.torch.load_file` and the layer takes it with `load_state_dict`. Complex arrays need
safetensors 0.7 on both sides.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, checkpoints
from ..forms import Form
from ..ground import require
from ..ground.files import refuse_existing
from .layer_search import layers
from .targets import TARGETS, sized

_OWN = (
    "target",
    "form",
    "ssmlinalg",
    "numpy",
    "moved",
)  # plain text in the file; everything else is JSON
_DIGEST = "sha256"


def save(
    path: str | os.PathLike[str],
    form: Form,
    target: str,
    *,
    length: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write `form` for the layer `target` and return what is recorded beside the arrays.

    `path` ends in .safetensors, .npz or .mat. A layer whose arrays are those of one `length` of
    sequences has to be told it. `metadata` is whatever JSON can say of where the form comes from,
    by custom `built`, `seed` and `figures`. Recorded without asking: `target`, `length`, `form`
    (its type), `ssmlinalg` and `numpy` (versions), `moved` (what the layer keeps elsewhere than
    we), `training` (how the published layer trains each array) and a `sha256` of all this.

    The file appears whole or not at all: it is written beside `path` and renamed. Raises TypeError
    and ValueError as the target's `to` does and for an unknown target, another suffix, or metadata
    that is not JSON or not free to use; FileExistsError for a file that exists unless `force`,
    FileNotFoundError for a missing folder, OSError where the system refuses.

    >>> import tempfile
    >>> from ssmlinalg import ptd_init
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = save(f"{folder}/ptd.safetensors", ptd_init(8), "s4d", metadata={"built": "ptd", "seed": 0})
    ...     form, metadata = load(f"{folder}/ptd.safetensors")
    >>> metadata == written, metadata["built"], form.A.shape
    (True, 'ptd', (1, 4))
    """
    path = writable(path, force=force)
    there = TARGETS[require.known("target", target, TARGETS)]
    told = _told(metadata or {})
    arrays = there.to(form, **sized(target, length))
    return put(
        path,
        arrays,
        target,
        list(arrays),
        told,
        form=type(form).__name__,
        length=length,
        force=force,
    )


def writable(path: str | os.PathLike[str], *, force: bool) -> Path:
    """The path, once it is known that a file of arrays can be written there."""
    path = Path(path)
    if path.suffix not in checkpoints.SUFFIXES:
        endings = ", ".join(checkpoints.SUFFIXES)
        raise ValueError(
            f"`path` must end in {endings}, which is what is written; got {path}. Rename it."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"`path` must lie in a folder that exists; got {path}. Make {path.parent} first."
        )
    refuse_existing([path], force=force)
    return path


def put(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    target: str,
    names: list[str],
    told: Mapping[str, str],
    *,
    form: str,
    length: int | None,
    force: bool,
) -> dict[str, Any]:
    """Write arrays with what is recorded of them; `names` are those of the layout that are among
    them.
    """
    there = TARGETS[target]
    record = {
        **told,
        "target": target,
        "form": form,
        "ssmlinalg": __version__,
        "numpy": np.__version__,
        "moved": there.moved,
        "length": json.dumps(length),
        "training": json.dumps({name: there.training[name] for name in names}),
    }
    record[_DIGEST] = json.dumps(_digest(arrays, record))
    checkpoints.write(path, arrays, record, force=force)
    return _decode(record)


def load(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """The form in a file that `save` wrote, and what it recorded.

    Raises ValueError for anything else: a pickle, a file cut short or changed, names, shapes or
    values that are not the target's. To read a layer's arrays from elsewhere use `checkpoints.read`
    and `TARGETS[target].back`. FileNotFoundError where there is no file.
    """
    entries, record = checkpoints.read(path)
    missing = [name for name in (*_OWN, "training", "length", _DIGEST) if name not in record]
    if missing:
        remedy = "Pass its arrays to TARGETS[target].back."
        raise ValueError(
            f"`path` must be a file that save wrote; got {path} without {', '.join(missing)}. {remedy}"
        )
    arrays = {name: entry.read() for name, entry in entries.items()}
    if record[_DIGEST] != json.dumps(_digest(arrays, record)):
        raise ValueError(
            f"`path` must be as save left it; got {path} with another {_DIGEST}. Copy or write it again."
        )
    require.known("target", record["target"], TARGETS)
    metadata = _decode(record)
    found = layers({name: array.shape for name, array in arrays.items()}, record["target"])
    if len(found) > 1:
        got = f"{len(found)}: {', '.join(layer.prefix for layer in found[:4])}"
        raise ValueError(
            f"`path` must hold one layer; got {got}. Read the arrays with checkpoints.read."
        )
    held = {name.removeprefix(found[0].prefix): array for name, array in arrays.items()}
    return TARGETS[record["target"]].back(
        held, **sized(record["target"], metadata["length"])
    ), metadata


def _told(metadata: Mapping[str, Any]) -> dict[str, str]:
    taken = [name for name in metadata if name in (*_OWN, "training", "length", _DIGEST)]
    if taken:
        raise ValueError(
            f"`metadata` must leave our own names alone; got {', '.join(taken)}. Choose other names."
        )
    record = {}
    for name, value in metadata.items():
        try:
            record[str(name)] = json.dumps(value)
        except (TypeError, ValueError) as error:
            got = f"{name!r} = {value!r} ({error})"
            remedy = "Give plain numbers, text, lists and dicts."
            raise TypeError(f"`metadata` must be what JSON can say; got {got}. {remedy}") from None
    return record


def _decode(record: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: text if name in _OWN else json.loads(text) for name, text in sorted(record.items())
    }


def _digest(arrays: Mapping[str, np.ndarray], record: Mapping[str, str]) -> str:
    text = json.dumps(sorted((name, value) for name, value in record.items() if name != _DIGEST))
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(
            f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode() + arrays[name].tobytes()
        )
    return digest.hexdigest()
