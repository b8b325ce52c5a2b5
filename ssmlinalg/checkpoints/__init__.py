"""Files of arrays of any origin, read safely and lazily, written atomically.

The bytes of a file tell its kind, not its name. Nothing in a file is run, no array is read before
its entry is asked for it, and no array is read that no memory holds.

===========================  ===============================================================
safetensors                  judged by the package of that name; its metadata
index of Hugging Face        `*.safetensors.index.json`, `pytorch_model.bin.index.json` with
                             the files that they name beside them, and no others; the
                             metadata of all
a folder                     of one such index or one model.safetensors; else of one other
                             .safetensors; else of one pytorch_model.bin or its index, or
                             of one file of PyTorch called consolidated or model
a folder of orbax            a checkpoint, or a step of a manager with one item; with tensorstore
.npz, .npy                   stored or deflated; metadata as `write` keeps them, JSON in an
                             array "__metadata__"; the one array of a .npy is "array"
PyTorch (.pt, .pth, .bin)    zip files of plain tensors in dicts, by torch.load with
                             weights_only; {"model": {"A": ...}} is named "model.A", a tensor
                             alone "array"; all other values are left out
MATLAB (.mat)                version 5, as `save` writes it but for -v7.3; metadata as `write`
                             keeps them
GGUF (.gguf)                 of llama.cpp, version 2 or 3; its texts and numbers as metadata,
                             its lists left out; quantized tensors are listed only
msgpack (.msgpack)           of flax; dicts in dicts as of PyTorch
Matrix Market (.mtx)         one matrix, sparse or dense, named "array"; read, it is dense
===========================  ===============================================================

An entry that is no array of plain numbers (objects, text, records, cells, sparse matrices, types
that are quantized or have fewer than 8 bits) is listed, and its `read` refuses. Refused as a whole:
pickles, PyTorch files that hold more than plain tensors or are older than 1.6, HDF5 (.mat -v7.3),
and all that is damaged, cut short, or larger inside than it can be. A PyTorch file is mapped into
memory: do not cut it short while it is open.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..ground import require
from ..ground.files import refuse_existing, write_atomically
from . import gguf, index, mat, matrix_market, msgpack, npz, safetensors
from .entry import AGAIN, Checkpoint, Entry, File, check_regular

__all__ = ["SUFFIXES", "Checkpoint", "Entry", "config", "read", "write"]


def __dir__() -> list[str]:
    return __all__


_WRITERS: dict[str, Callable[[Mapping[str, np.ndarray], Mapping[str, str]], bytes]] = {
    ".safetensors": safetensors.data,
    ".npz": npz.data,
    ".mat": mat.data,
}
SUFFIXES = tuple(_WRITERS)  # of the files that `write` can write
_KINDS = {
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".bin": "PyTorch",
    ".json": "index",
    ".mat": "MATLAB 5",
    ".mtx": "Matrix Market",
    ".gguf": "GGUF",
    ".msgpack": "msgpack",
}

# The first bytes of a file, and where they begin.
_HEAD = 520
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_NUMPY = b"\x93NUMPY"
_MATLAB = (b"\x00\x01IM", b"\x01\x00MI")  # at 124
# By their first bytes or suffix, files of other programs, and what to do with them.
_OTHERS = {
    (b"", ".onnx"): ("ONNX", "Read its initializers with the package onnx, and pass them by name."),
}
_HDF5 = b"\x89HDF\r\n\x1a\n"  # at 0 or 512


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """The arrays of a file or folder, none of them read yet; the table above says of which files.

    Args:
        path: the file or folder.

    Returns:
        A `Checkpoint`. The `read` of an entry raises the same errors as this function.

    Raises:
        TypeError: for what is no path.
        ValueError: for a file that is none of these, is damaged, or may run code.
        FileNotFoundError: where there is no file.
        OSError: where the system refuses.
        ImportError: for a PyTorch file without PyTorch, and a folder of orbax without tensorstore.

    Cost:
        The descriptions of the arrays, and for an index those of every file that it names.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/a.npz", A=np.eye(2))
        ...     float(read(f"{folder}/a.npz").entries["A"].read().sum())
        2.0
    """
    path = require.path("path", path)
    if path.is_dir():
        tree = index.tree(path)
        if tree is not None:
            return _tree(tree)
        path = index.find(path)
    check_regular(path)
    return index.read(path, _single) if _is_index(_head(path)) else _single(path)


def config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The config.json of a model, in its folder or beside its file.

    Args:
        path: the folder or file of the model.

    Returns:
        What the file says; {} where there is none.

    Raises:
        TypeError: for what is no path.
        ValueError: for a config.json that is damaged or no object of JSON.
        OSError: where the system refuses.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "config.json").write_text('{"model_type": "mamba"}')
        ...     config(f"{folder}/model.safetensors")
        {'model_type': 'mamba'}
    """
    return index.config(require.path("path", path))


def write(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    *,
    short: Collection[str] = (),
    force: bool = False,
) -> None:
    """Write arrays and metadata, all or nothing, in the format of the suffix.

    `read` gives back names, shapes, types and metadata. MATLAB is given variables that it can have:
    (L,) as (L, 1), and "_" for characters that no word has.

    Args:
        path: a file that ends in .safetensors, .npz or .mat.
        arrays: the arrays by name.
        metadata: texts by name.
        short: the names of arrays that are stored in bfloat16, which NumPy lacks and only
            safetensors has: those that `read` gave the type "bfloat16".
        force: whether an existing file is replaced; of a link, the link itself.

    Raises:
        TypeError: for what is no path, no mapping and no switch, and for names and metadata that
            are not text.
        ValueError: for another suffix, and for arrays of a type or name that the format has not,
            such as complex128 in safetensors.
        FileExistsError: for a file, or a link to anywhere, that exists, unless `force`.
        OSError: where the system refuses.

    Cost:
        Twice the memory of the arrays.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(f"{folder}/a.safetensors", {"A": np.eye(2)}, {"made": "by hand"})
        ...     entries, metadata = read(f"{folder}/a.safetensors")
        >>> entries["A"].shape, entries["A"].dtype, metadata
        ((2, 2), 'float64', {'made': 'by hand'})
    """
    path = require.path("path", path)
    force = require.switch("force", force)
    require.instance("arrays", arrays, Mapping, "Give arrays by name.")
    require.instance("metadata", metadata, Mapping, "Give texts by name.")
    require.instance("short", short, (list, tuple, set, frozenset), "Give a list of names.")
    if path.suffix not in _WRITERS:
        rule = f"`path` must end in {', '.join(SUFFIXES)}, which is what is written"
        raise ValueError(f"{rule}; got {path}. Rename it.")
    for text in (*arrays, *metadata, *metadata.values()):
        if not isinstance(text, str):
            rule = "names and metadata must be text"
            raise TypeError(
                f"{rule}; got {require.said(text)}. Give strings, json.dumps of anything else."
            )
    _check_short(path, arrays, short)
    if npz.METADATA in arrays:
        rule = "arrays must have names of their own"
        raise ValueError(f"{rule}; got {npz.METADATA!r}, where metadata go. Rename it.")
    refuse_existing([path], force=force)
    # safetensors copies bytes as they lie
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    if short:
        data = safetensors.data(contiguous, metadata, short)
    else:
        data = _WRITERS[path.suffix](contiguous, metadata)
    write_atomically(path, data, force=force)


def _check_short(path: Path, arrays: Mapping[str, np.ndarray], short: Collection[str]) -> None:
    unknown = [name for name in short if name not in arrays or arrays[name].dtype != np.float32]
    if unknown:
        rule = "`short` must name arrays of float32, which are rounded to bfloat16"
        raise ValueError(f"{rule}; got {unknown[0]!r}. Leave it out.")
    if short and path.suffix != ".safetensors":
        rule = "arrays of bfloat16 must go to a file of safetensors, which alone has them"
        raise ValueError(f"{rule}; got {path}. Name it .safetensors.")


def _head(path: Path) -> bytes:
    with File(path, "checkpoint").parsing(), path.open("rb") as opened:
        return opened.read(_HEAD)


def _is_index(head: bytes) -> bool:
    """Whether a file begins as JSON does, and not with the length of a safetensors header."""
    return head.lstrip()[:1] == b"{" and head[8:9] != b"" and b"\0" not in head[:8]


def _single(path: Path) -> Checkpoint:
    """The arrays of one file."""
    head = _head(path)
    if head[8:9] == b"{" and b"\0" in head[:8]:
        return safetensors.read(path)
    if head[:4] in _ZIP:
        return _archive(path)
    if head.startswith(_NUMPY):
        return npz.read_array(path)
    if head[124:128] in _MATLAB:
        return mat.read(path)
    if head.startswith(gguf.MAGIC):
        return gguf.read(path)
    if head.startswith(matrix_market.BANNER):
        return matrix_market.read(path)
    if msgpack.begins(head):
        return msgpack.read(path)
    raise ValueError(_foreign(path, head))


def _foreign(path: Path, head: bytes) -> str:
    """The sentence for a file of another kind."""
    if _HDF5 in (head[:8], head[512:]):
        rule = "`path` must be a file of arrays that is read here"
        return f"{rule}; got {path}, HDF5. Save it with -v7, or as .npz."
    # The length a safetensors file begins with may look like a pickle, but for its third byte.
    if head[:1] == b"\x80" and head[2:3] > b"\0":
        got = f"{path}, a pickle, which can run code"
        remedy = "Open it where you trust it, and save its arrays as safetensors."
        return f"`path` must be a file of arrays; got {got}. {remedy}"
    for (beginning, suffix), (name, remedy) in _OTHERS.items():
        if (beginning and head.startswith(beginning)) or path.suffix == suffix:
            rule = "`path` must be a file of arrays that is read here"
            return f"{rule}; got {path}, {name}. {remedy}"
    kind = _KINDS.get(path.suffix, path.suffix.lstrip(".") or "checkpoint")
    reason = "which does not begin like one" if head else "which is empty"
    return f"`path` must be a whole {kind} file; got {path}, {reason}. {AGAIN}"


def _tree(folder: Path) -> Checkpoint:
    """The arrays of a folder of orbax."""
    try:
        from . import orbax
    except ImportError as error:
        rule = "tensorstore must be there to read folders of orbax"
        got = f"{folder}, which needs tensorstore ({error})"
        raise ImportError(f"{rule}; got {got}. Run pip install ssmlinalg[orbax].") from None
    return orbax.read(folder)


def _archive(path: Path) -> Checkpoint:
    """The arrays of a zip file, NumPy's or PyTorch's."""
    with File(path, "zip").parsing(), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not any(name.endswith("/data.pkl") for name in names):
        return npz.read(path)
    try:
        from . import pytorch
    except ImportError as error:
        rule = "PyTorch must be there to read its files"
        got = f"{path}, which needs PyTorch ({error})"
        raise ImportError(f"{rule}; got {got}. Run pip install ssmlinalg[torch].") from None
    return pytorch.read(path)
