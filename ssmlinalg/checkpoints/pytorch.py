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

from .entry import HEADER, Checkpoint, Entry, refused, room, sound, whole

KIND = "PyTorch"
_NAMED = re.compile(
    r"collections OrderedDict|torch \w*Storage|torch\.storage \w+Storage|torch Size|torch device|torch [a-z]+\d\w*|torch bool"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state)|torch\.nn\.parameter Parameter"
)
_DEPTH = 32  # of dicts in dicts
_COUNT = 1 << 17  # of names: dicts that hold one another can spell more than there is memory for


def read(path: Path) -> Checkpoint:
    """The tensors of a file that torch.save wrote, dicts in dicts by names joined with "."; other
    values are left out.
    """
    with whole(path, KIND), zipfile.ZipFile(path) as archive:
        members, size = archive.infolist(), path.stat().st_size
        described = [member for member in members if member.filename.endswith("/data.pkl")]
        stored = all(
            m.compress_type == zipfile.ZIP_STORED and m.compress_size == m.file_size
            for m in members
        )
    sound(path, KIND, stored, "compressed members, which torch.save does not write")
    sound(path, KIND, sum(member.file_size for member in members) <= size, "members that overlap")
    sound(
        path,
        KIND,
        len(described) == 1 and described[0].file_size <= HEADER,
        "not one description of its tensors",
    )
    with whole(path, KIND), zipfile.ZipFile(path) as archive:
        steps = pickletools.genops(io.BytesIO(archive.read(described[0])))
        strange = sorted(
            {
                str(name)
                for step, name, _ in steps
                if _names(step.name) and not _NAMED.fullmatch(str(name))
            }
        )
    if strange:
        got = f"{path}, a pickle, which can run code (it names {strange[0].replace(' ', '.')!r})"
        raise ValueError(
            f"`path` must hold plain tensors in dicts; got {got}. Save its state_dict alone, best as safetensors."
        )
    entries: dict[str, Entry] = {}
    with whole(path, KIND):
        loaded = torch.load(str(path), map_location="cpu", weights_only=True, mmap=True)
        named = list(itertools.islice(_tensors(loaded, "array", 0), _COUNT + 1))
    sound(path, KIND, len(named) <= _COUNT, f"more than {_COUNT} tensors")
    for name, tensor in named:
        sound(path, KIND, name not in entries, f"two tensors of the name {name!r}")
        entries[name] = _entry(path, name, tensor)
    return Checkpoint(entries, {})


def _names(step: str) -> bool:
    """Whether a step of a pickle names something to call; STACK_GLOBAL takes the name from
    elsewhere and shows none.
    """
    return step in ("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4")


def _tensors(value: Any, name: str, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        if depth == _DEPTH:
            raise ValueError(f"dicts in dicts, {_DEPTH} deep")
        for key, inner in value.items():
            yield from _tensors(inner, f"{name}.{key}" if depth else str(key), depth + 1)


def _entry(path: Path, name: str, tensor: torch.Tensor) -> Entry:
    dtype = str(tensor.dtype).removeprefix("torch.")
    widened = dtype == "bfloat16" or dtype.startswith("float8_")
    plain = (
        tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    )
    if not plain or not (widened or hasattr(np, dtype)):
        return Entry(
            tuple(tensor.shape),
            dtype,
            refused(path, name, dtype if plain else f"{dtype}, {tensor.layout}"),
        )
    return Entry(tuple(tensor.shape), dtype, partial(_read, path, name, tensor, widened))


def _read(path: Path, name: str, tensor: torch.Tensor, widened: bool) -> np.ndarray:
    room(
        name, tuple(tensor.shape), 4 if widened else tensor.element_size()
    )  # with strides of 0 it is larger than its file
    with whole(path, KIND):
        tensor = tensor.detach().resolve_conj().resolve_neg()
        return np.array((tensor.to(torch.float32) if widened else tensor).numpy(), order="C")
