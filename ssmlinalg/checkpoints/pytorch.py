"""PyTorch's zip files: opened by torch.load with weights_only, mapped and not loaded.

weights_only runs nothing harmful, but would make a bytearray of any size. So the pickle in the file
may name no more than plain tensors in dicts need, which is looked at before torch is given it.
"""

from __future__ import annotations

import io
import itertools
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .entry import HEADER, Checkpoint, Entry, File, check_room

NAMED = re.compile(
    r"collections OrderedDict"
    r"|torch \w*Storage|torch\.storage \w+Storage"
    r"|torch Size|torch device|torch [a-z]+\d\w*|torch bool"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state)"
    r"|torch\.nn\.parameter Parameter"
)
# Steps of a pickle that name something to call. STACK_GLOBAL takes the name from elsewhere and
# shows none.
_NAMING = ("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4")
_DEPTH = 32  # of dicts in dicts
_COUNT = 1 << 17  # of names: dicts that hold one another can spell more than there is memory for


def read(path: Path) -> Checkpoint:
    """The tensors of a file that torch.save wrote; dicts in dicts by names joined with ".".

    Other values are left out.
    """
    file = File(path, "PyTorch")
    _check_pickle(file, _description(file))
    with file.parsing():
        loaded = torch.load(str(path), map_location="cpu", weights_only=True, mmap=True)
        named = list(itertools.islice(_tensors(loaded, "array", 0), _COUNT + 1))
    file.check(len(named) <= _COUNT, f"more than {_COUNT} tensors")
    entries: dict[str, Entry] = {}
    for name, tensor in named:
        file.check(name not in entries, f"two tensors of the name {name!r}")
        entries[name] = _entry(file, name, tensor)
    return Checkpoint(entries, {})


def _description(file: File) -> bytes:
    """The pickle that describes the tensors, of a file that is no larger inside than outside."""
    with file.parsing(), zipfile.ZipFile(file.path) as archive:
        members = archive.infolist()
        end = archive.start_dir
    stored = all(
        member.compress_type == zipfile.ZIP_STORED and member.compress_size == member.file_size
        for member in members
    )
    file.check(stored, "compressed members, which torch.save does not write")
    places = sorted((member.header_offset, member.file_size) for member in members)
    starts = [start for start, _ in places[1:]] + [end]
    apart = all(start + size < after for (start, size), after in zip(places, starts, strict=True))
    file.check(apart, "members that overlap")
    described = [member for member in members if member.filename.endswith("/data.pkl")]
    one = len(described) == 1 and described[0].file_size <= HEADER
    file.check(one, "not one description of its tensors")
    with file.parsing(), zipfile.ZipFile(file.path) as archive:
        return archive.read(described[0])


def _check_pickle(file: File, pickle: bytes) -> None:
    """Refuse a pickle that names more than plain tensors in dicts need."""
    with file.parsing():
        steps = pickletools.genops(io.BytesIO(pickle))
        named = {str(name) for step, name, _ in steps if step.name in _NAMING}
    strange = sorted(name for name in named if not NAMED.fullmatch(name))
    if strange:
        name = strange[0].replace(" ", ".")
        rule = "`path` must hold plain tensors in dicts"
        got = f"{file.path}, a pickle, which can run code (it names {name!r})"
        raise ValueError(f"{rule}; got {got}. Save its state_dict alone, best as safetensors.")


def _tensors(value: Any, name: str, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        if depth == _DEPTH:
            raise ValueError(f"dicts in dicts, {_DEPTH} deep")
        for key, inner in value.items():
            yield from _tensors(inner, f"{name}.{key}" if depth else str(key), depth + 1)


def _entry(file: File, name: str, tensor: torch.Tensor) -> Entry:
    dtype = str(tensor.dtype).removeprefix("torch.")
    shape = tuple(tensor.shape)
    on_host = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not on_host or tensor.is_quantized:
        return Entry(shape, dtype, file.refused(name, f"{dtype}, {tensor.layout}"))
    widened = dtype.startswith(("bfloat16", "float8_"))
    if not widened and not hasattr(np, dtype):
        return Entry(shape, dtype, file.refused(name, dtype))
    return Entry(shape, dtype, partial(_read, file, name, tensor, widened))


def _read(file: File, name: str, tensor: torch.Tensor, widened: bool) -> np.ndarray:
    # With strides of 0 it is larger than its file.
    check_room(name, tuple(tensor.shape), 4 if widened else tensor.element_size())
    with file.parsing():
        tensor = tensor.detach().resolve_conj().resolve_neg()
        if widened:
            tensor = tensor.to(torch.float32)
        return np.array(tensor.numpy(), order="C")
