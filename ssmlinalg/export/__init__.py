"""The way out: parameters under the names, layout and parametrization of the layers people train.

A target is one file with `to(form)`, the arrays of that layer, and `back(arrays)`, the form it computes with; `TARGETS` lists
them. The layers hold float32: `back(to(form))` has the kernel of `form` to that precision, whatever its own. They sample by
zero-order hold.

Files are safetensors, never pickles: PyTorch reads one with `safetensors.torch.load_file` and the layer takes it with
`load_state_dict`. Complex arrays need safetensors 0.7 on both sides.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from .. import _require
from .._files import refuse_existing, write_atomically
from .._version import __version__
from ..forms import MIMO, Continuous, Discrete, Paired
from . import s4d, s5_pytorch


class Target(NamedTuple):
    """A layer of another framework: the way to it, the way back, how it trains each array, what changed its place."""

    to: Callable[[Any], dict[str, np.ndarray]]
    back: Callable[[Mapping[str, Any]], Paired | MIMO]
    training: dict[str, dict[str, Any]]
    moved: str


TARGETS: dict[str, Target] = {
    "s4d": Target(s4d.to, s4d.back, s4d.TRAINING, s4d.MOVED),
    "s5-pytorch": Target(s5_pytorch.to, s5_pytorch.back, s5_pytorch.TRAINING, s5_pytorch.MOVED),
}

_OWN = ("target", "form", "ssmlinalg", "numpy", "moved")  # plain text in the file; everything else is JSON
_DIGEST = "sha256"


def save(
    path: str | os.PathLike[str],
    form: Continuous | Discrete,
    target: str,
    *,
    metadata: Mapping[str, Any] | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write `form` for the layer `target` and return what is recorded beside the arrays.

    `path` ends in ".safetensors". `metadata` is whatever JSON can say of where the form comes from, by custom `built`, `seed`
    and `figures`. Recorded without asking: `target`, `form` (its type), `ssmlinalg` and `numpy` (versions), `moved` (what the
    layer keeps elsewhere than we), `training` (how the published layer trains each array) and a `sha256` of all this.

    The file appears whole or not at all: it is written beside `path` and renamed. Raises TypeError and ValueError as the
    target's `to` does and for an unknown target, another suffix, or metadata that is not JSON or not free to use;
    FileExistsError for a file that exists unless `force`, FileNotFoundError for a missing folder, OSError where the system
    refuses.

    >>> import tempfile
    >>> from ssmlinalg import ptd_init
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = save(f"{folder}/ptd.safetensors", ptd_init(8), "s4d", metadata={"built": "ptd", "seed": 0})
    ...     form, metadata = load(f"{folder}/ptd.safetensors")
    >>> metadata == written, metadata["built"], form.A.shape
    (True, 'ptd', (1, 4))
    """
    path = Path(path)
    _require.known("target", target, TARGETS)
    if path.suffix != ".safetensors":
        raise ValueError(f"`path` must end in .safetensors, which is what is written; got {path}. Rename it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"`path` must lie in a folder that exists; got {path}. Make {path.parent} first.")
    refuse_existing([path], force=force)
    way = TARGETS[target]
    record = _record(metadata or {}) | {
        "target": target,
        "form": type(form).__name__,
        "ssmlinalg": __version__,
        "numpy": np.__version__,
        "moved": way.moved,
    }
    arrays = way.to(form)
    record["training"] = json.dumps({name: way.training[name] for name in arrays})
    record[_DIGEST] = json.dumps(_digest(arrays, record))
    write_atomically(path, safetensors.numpy.save(arrays, record), force=force)
    return _decode(record)


def load(path: str | os.PathLike[str]) -> tuple[Paired | MIMO, dict[str, Any]]:
    """The form in a file that `save` wrote, and what it recorded.

    Raises ValueError for anything else: a pickle, a file cut short or changed, names, shapes or values that are not the
    target's. To read a layer's arrays from elsewhere use `TARGETS[target].back`. FileNotFoundError where there is no file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(3)
    except OSError as error:
        raise type(error)(f"`path` must be a file that can be read; got {path} ({error.strerror}). Check its name.") from error
    try:
        with safetensors.safe_open(path, framework="np") as file:
            record = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a handle, not a mapping)
    except (safetensors.SafetensorError, TypeError, OSError) as error:
        # The length a safetensors file begins with may look like either, but for its third byte.
        if (head[:2] == b"PK" or head[:1] == b"\x80") and head[2:] > b"\0":
            remedy = "Open it where you trust it, and pass its arrays to TARGETS[target].back."
            raise ValueError(f"`path` must be a safetensors file; got {path}, a pickle, which can run code. {remedy}") from None
        raise ValueError(f"`path` must be a whole safetensors file; got {path} ({error}). Copy or write it again.") from error
    missing = [name for name in (*_OWN, "training", _DIGEST) if name not in record]
    if missing:
        remedy = "Pass its arrays to TARGETS[target].back."
        raise ValueError(f"`path` must be a file that save wrote; got {path} without {', '.join(missing)}. {remedy}")
    if record[_DIGEST] != json.dumps(_digest(arrays, record)):
        raise ValueError(f"`path` must be as save left it; got {path} with another {_DIGEST}. Copy or write it again.")
    _require.known("target", record["target"], TARGETS)
    return TARGETS[record["target"]].back(arrays), _decode(record)


def _record(metadata: Mapping[str, Any]) -> dict[str, str]:
    taken = [name for name in metadata if name in (*_OWN, "training", _DIGEST)]
    if taken:
        raise ValueError(f"`metadata` must leave our own names alone; got {', '.join(taken)}. Choose other names.")
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
    return {name: text if name in _OWN else json.loads(text) for name, text in sorted(record.items())}


def _digest(arrays: Mapping[str, np.ndarray], record: Mapping[str, str]) -> str:
    text = json.dumps(sorted((name, value) for name, value in record.items() if name != _DIGEST))
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()
