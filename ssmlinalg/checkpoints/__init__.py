"""Files of arrays of any origin, read safely and lazily, written atomically.

What a file is, its bytes tell and not its name. Nothing in a file is run, no array is read before
its entry is asked for it, and what no memory holds is refused.

===========================  ==========================================================================================
safetensors                  judged by the package of that name; its metadata
index of Hugging Face        `*.safetensors.index.json`, `pytorch_model.bin.index.json` with the files they name beside
                             them, and no others; the metadata of all
a folder                     of one such index or one model.safetensors
.npz, .npy                   stored or deflated; metadata as `write` keeps them, JSON in an array "__metadata__";
                             the one array of a .npy is "array"
PyTorch (.pt, .pth, .bin)    zip files of plain tensors in dicts, by torch.load with weights_only; {"model": {"A": ...}} is
                             named "model.A", a tensor alone "array", what is no tensor is left out
MATLAB (.mat)                version 5, as `save` writes it but for -v7.3; metadata as `write` keeps them
===========================  ==========================================================================================

An entry that is no array of plain numbers (objects, text, records, cells, sparse matrices, types of
fewer than 8 bits) is listed, and its `read` refuses. Refused as a whole: pickles, PyTorch files
that hold more than plain tensors or are older than 1.6, HDF5 (.mat -v7.3), and all that is damaged,
cut short, or larger inside than it can be. A PyTorch file is mapped into memory: do not cut it
short while it is open.

>>> import tempfile
>>> import numpy as np
>>> with tempfile.TemporaryDirectory() as folder:
...     write(f"{folder}/a.safetensors", {"A": np.eye(2, dtype=np.float32)}, {"made": "by hand"})
...     entries, metadata = read(f"{folder}/a.safetensors")
...     entries["A"].shape, entries["A"].dtype, float(entries["A"].read().sum()), metadata
((2, 2), 'float32', 2.0, {'made': 'by hand'})
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ..ground.files import refuse_existing, write_atomically
from . import index, mat, npz, safetensors
from .entry import AGAIN, Checkpoint, Entry, regular, whole

__all__ = ["SUFFIXES", "Checkpoint", "Entry", "read", "write"]

_WRITERS: dict[str, Callable[[Mapping[str, np.ndarray], Mapping[str, str]], bytes]] = {
    ".safetensors": safetensors.data,
    ".npz": npz.data,
    ".mat": mat.data,
}
SUFFIXES = tuple(_WRITERS)  # what `write` can write
_KINDS = {
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".bin": "PyTorch",
    ".json": "index",
    ".mat": "MATLAB 5",
}
_HDF5 = b"\x89HDF\r\n\x1a\n"


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """What is in a file or folder, none of its arrays read yet; the table above says which files.

    Raises ValueError for a file that is none of these, is damaged, or may run code;
    FileNotFoundError and other OSError where the system has or gives no file; ImportError for a
    PyTorch file without PyTorch. An entry's `read` raises the same.

    Cost: the descriptions of the arrays, and for an index those of every file it names.
    """
    path = Path(path)
    if path.is_dir():
        path = index.find(path)
    regular(path)
    head = _head(path)
    return (
        index.read(path, _single)
        if head.lstrip()[:1] == b"{" and head[8:9] and b"\0" not in head[:8]
        else _single(path)
    )


def write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    *,
    force: bool = False,
) -> None:
    """Write `arrays` and `metadata`, all or nothing, in the format of the suffix: .safetensors,
    .npz or .mat.

    `read` gives back names, shapes, types and metadata. MATLAB is given variables it can have: (L,)
    as (L, 1), and "_" where a name has what no word has. Cost: twice the memory of the arrays.

    Raises TypeError for names and metadata that are not text; ValueError for another suffix, and
    for arrays of a type or name that the format has not, such as complex128 in safetensors;
    FileExistsError for a file, or a link to anywhere, that exists unless `force`, which replaces
    the link; OSError where the system refuses.
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise ValueError(
            f"`path` must end in {', '.join(SUFFIXES)}, which is what is written; got {path}. Rename it."
        )
    for text in (*arrays, *metadata, *metadata.values()):
        if not isinstance(text, str):
            raise TypeError(
                f"names and metadata must be text; got {text!r}. Give strings, json.dumps of anything else."
            )
    if npz.METADATA in arrays:
        raise ValueError(
            f"arrays must have names of their own; got {npz.METADATA!r}, where metadata go. Rename it."
        )
    refuse_existing([path], force=force)
    contiguous = {
        name: np.asarray(array, order="C") for name, array in arrays.items()
    }  # safetensors copies bytes as they lie
    write_atomically(path, _WRITERS[path.suffix](contiguous, metadata), force=force)


def _head(path: Path) -> bytes:
    with whole(path, "checkpoint"), path.open("rb") as file:
        return file.read(520)


def _single(path: Path) -> Checkpoint:
    """What is in one file."""
    head = _head(path)
    if head[8:9] == b"{" and b"\0" in head[:8]:
        return safetensors.read(path)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _archive(path)
    if head[:6] == b"\x93NUMPY":
        return npz.read_array(path)
    if head[124:128] in (b"\x00\x01IM", b"\x01\x00MI"):
        return mat.read(path)
    if _HDF5 in (head[:8], head[512:]):
        raise ValueError(
            f"`path` must be a file of arrays that is read here; got {path}, HDF5. Save it with -v7, or as .npz."
        )
    # The length a safetensors file begins with may look like a pickle, but for its third byte.
    if head[:1] == b"\x80" and head[2:3] > b"\0":
        remedy = "Open it where you trust it, and save its arrays as safetensors."
        raise ValueError(
            f"`path` must be a file of arrays; got {path}, a pickle, which can run code. {remedy}"
        )
    kind = _KINDS.get(path.suffix, path.suffix.lstrip(".") or "checkpoint")
    reason = "which does not begin like one" if head else "which is empty"
    raise ValueError(f"`path` must be a whole {kind} file; got {path}, {reason}. {AGAIN}")


def _archive(path: Path) -> Checkpoint:
    """The two formats that are zip files."""
    with whole(path, "zip"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not any(name.endswith("/data.pkl") for name in names):
        return npz.read(path)
    try:
        from . import pytorch
    except ImportError as error:
        got = f"{path}, which needs PyTorch ({error})"
        raise ImportError(
            f"PyTorch must be there to read its files; got {got}. Run pip install ssmlinalg[torch]."
        ) from None
    return pytorch.read(path)
