"""One layer in a file, with all that reproduces it.

Files are safetensors, .npz or .mat, never pickles: PyTorch reads the first with
`safetensors.torch.load_file` and the layer takes it with `load_state_dict`. Complex arrays need
safetensors 0.7 on both sides.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, checkpoints
from ..forms import Form
from ..ground import backend, require
from ..ground.backend import Array
from ..ground.files import refuse_existing
from .layer_search import layers
from .layout import stored
from .targets import TARGETS, known_target, sized

_TEXTS = ("target", "form", "ssmlinalg", "numpy", "moved")  # plain in the file; the rest is JSON
_DIGEST = "sha256"
_OWN = (*_TEXTS, "training", "length", _DIGEST)


def save(
    path: str | os.PathLike[str],
    form: Form | Mapping[str, Array],
    target: str,
    *,
    length: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a form for the layer `target`, with a record of all that reproduces it.

    The file appears whole or not at all: it is written beside `path` and renamed. Recorded without
    asking: `target`, `length`, `form` (its type), `ssmlinalg` and `numpy` (versions), `moved` (the
    facts that the layer keeps in other places), `training` (how the published layer trains each
    array) and a `sha256` of all this.

    Args:
        path: a file that ends in .safetensors, .npz or .mat.
        form: any form that the target takes, or the arrays of such a layer by name.
        target: a name in `TARGETS`.
        length: the samples of a sequence, for a layer whose arrays depend on it.
        metadata: whatever JSON can say of the origin of the form, by custom `built`, `seed` and
            `figures`.
        force: whether an existing file is replaced.

    Returns:
        The record beside the arrays.

    Raises:
        TypeError: for metadata that is not JSON, and as the target's `to` does.
        ValueError: for an unknown target, another suffix, metadata under names of the record, and
            as the target's `to` does.
        FileExistsError: for a file that exists, unless `force`.
        FileNotFoundError: for a missing folder.
        OSError: where the system refuses.

    Example:
        >>> import tempfile
        >>> from ssmlinalg import ptd_init
        >>> origin = {"built": "ptd", "seed": 0}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = save(f"{folder}/ptd.safetensors", ptd_init(8), "s4d", metadata=origin)
        ...     form, record = load(f"{folder}/ptd.safetensors")
        >>> record == written, record["built"], form.A.shape
        (True, 'ptd', (1, 4))
    """
    path = writable(path, force=force)
    there = TARGETS[known_target("target", target)]
    length = None if length is None else require.integer("length", length)
    texts = _texts_of({} if metadata is None else metadata)
    if isinstance(form, Mapping):
        given = form
        form = there.back(given, **sized(target, length))
        held = {name: backend.host_values(array) for name, array in given.items()}
        arrays = stored(held, there.layout)
    else:
        arrays = there.to(form, **sized(target, length))
    record = recorded(texts, target, list(arrays), form=type(form).__name__, length=length)
    return put(path, arrays, record, force=force)


def writable(path: str | os.PathLike[str], *, force: bool) -> Path:
    """The path, once it is known that a file of arrays can be written there."""
    path = require.path("path", path)
    force = require.switch("force", force)
    if path.suffix not in checkpoints.SUFFIXES:
        endings = ", ".join(checkpoints.SUFFIXES)
        rule = f"`path` must end in {endings}, which is what is written"
        raise ValueError(f"{rule}; got {path}. Rename it.")
    if not path.parent.is_dir():
        rule = "`path` must lie in a folder that exists"
        raise FileNotFoundError(f"{rule}; got {path}. Make {path.parent} first.")
    refuse_existing([path], force=force)
    return path


def recorded(
    texts: Mapping[str, str], target: str, names: list[str], *, form: str, length: int | None
) -> dict[str, str]:
    """The record of arrays of a target, after `texts`; `names` are those of the layout."""
    there = TARGETS[target]
    return {
        **texts,
        "target": target,
        "form": form,
        "ssmlinalg": __version__,
        "numpy": np.__version__,
        "moved": there.moved,
        "length": json.dumps(length),
        "training": json.dumps({name: there.training[name] for name in names}),
    }


def put(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    record: dict[str, str],
    *,
    short: Collection[str] = (),
    force: bool,
) -> dict[str, Any]:
    """Write arrays with their record and the digest of both; the record as `load` gives it.

    Arrays named in `short` are stored in bfloat16, see `checkpoints.write`.
    """
    record = record | {_DIGEST: json.dumps(_digest(arrays, record))}
    checkpoints.write(path, arrays, record, short=short, force=force)
    return _decoded(record)


def resigned(arrays: Mapping[str, np.ndarray], record: Mapping[str, str]) -> dict[str, str]:
    """The record of changed arrays, with a new digest of both if it had one."""
    if _DIGEST not in record:
        return dict(record)
    return {**record, _DIGEST: json.dumps(_digest(arrays, record))}


def load(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """The form in a file that `save` wrote, and its record.

    To read a layer's arrays from elsewhere use `checkpoints.read` and `TARGETS[target].back`.

    Args:
        path: the file.

    Returns:
        The form that the layer computes with, and the record that `save` returned.

    Raises:
        TypeError: for what is no path.
        ValueError: for a pickle, a file cut short or changed, and names, shapes or values that are
            not the target's.
        FileNotFoundError: where there is no file.
        OSError: where the system refuses.

    Example:
        >>> import tempfile
        >>> from ssmlinalg import s4d_lin_init
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = save(f"{folder}/s4d.npz", s4d_lin_init(8), "s4d")
        ...     load(f"{folder}/s4d.npz")[1]["target"]
        's4d'
    """
    entries, record = checkpoints.read(path)
    missing = [name for name in _OWN if name not in record]
    if missing:
        rule = "`path` must be a file that save wrote"
        got = f"{path} without {', '.join(missing)}"
        raise ValueError(f"{rule}; got {got}. Pass its arrays to TARGETS[target].back.")
    arrays = {name: entry.read() for name, entry in entries.items()}
    refuse_changed(path, arrays, record)
    target = known_target("target", record["target"])
    found = layers({name: array.shape for name, array in arrays.items()}, target)
    if len(found) > 1:
        got = f"{len(found)}: {', '.join(layer.prefix for layer in found[:4])}"
        rule = "`path` must hold one layer"
        raise ValueError(f"{rule}; got {got}. Read the arrays with checkpoints.read.")
    held = {name.removeprefix(found[0].prefix): array for name, array in arrays.items()}
    metadata = _decoded(record)
    return TARGETS[target].back(held, **sized(target, metadata["length"])), metadata


def refuse_changed(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], record: Mapping[str, str]
) -> None:
    """Raise ValueError if a file with a digest of its own holds other arrays or texts."""
    if record.get(_DIGEST, (own := json.dumps(_digest(arrays, record)))) != own:
        rule = "`path` must be as save left it"
        raise ValueError(f"{rule}; got {path} with another {_DIGEST}. Copy or write it again.")


def _texts_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as JSON texts."""
    require.instance("metadata", metadata, Mapping, "Give a dict.")
    taken = [name for name in metadata if name in _OWN]
    if taken:
        rule = "`metadata` must leave our own names alone"
        raise ValueError(f"{rule}; got {', '.join(taken)}. Choose other names.")
    texts = {}
    for name, value in metadata.items():
        try:
            texts[str(name)] = json.dumps(value)
        except (TypeError, ValueError) as error:
            got = f"{name!r} = {value!r} ({error})"
            remedy = "Give plain numbers, text, lists and dicts."
            raise TypeError(f"`metadata` must be what JSON can say; got {got}. {remedy}") from None
    return texts


def _decoded(record: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: text if name in _TEXTS else json.loads(text) for name, text in sorted(record.items())
    }


def _digest(arrays: Mapping[str, np.ndarray], record: Mapping[str, str]) -> str:
    """The SHA-256 of the record without it, and of names, types, shapes and bytes of the arrays."""
    text = json.dumps(sorted((name, value) for name, value in record.items() if name != _DIGEST))
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
