"""The models that a SOURCE names: one of an initialization, or those of the layers of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import checkpoints, inits
from ..export import TARGETS, contents, form_in
from ..export.saving import refuse_changed
from ..ground import require
from .options import ORDER, LayerOptions, ModelOptions, given, refuse_options, renamed


class Model(NamedTuple):
    """A model, the start of its names in a file, and the rule by which its layer samples it."""

    prefix: str
    form: Any
    rule: str | None


def models_of(
    source: str, options: ModelOptions, layers: LayerOptions, length: int | None = None, **how: Any
) -> list[Model]:
    """The model of an initialization, or those of a file, read by `contents` as `how` says."""
    asked = given(**options._asdict())
    path = Path(source)
    if source in inits.INITS or not (path.suffix or path.exists()):
        refuse_options(source, asked)
        _refuse_reading(source, given(**how, **layers._asdict()))
        return [Model("", inits.INITS[source](**({"order": ORDER} | asked)), None)]
    if asked:
        got = f"--{next(iter(asked))} for {source}"
        raise ValueError(f"a file must be taken as it is; got {got}. Leave that option out.")
    names = renamed(layers)
    held = contents(path, layer=layers.layer, renamed=names, length=length, **how)
    if "sha256" in held.record and not names:
        arrays = {name: entry.read() for name, entry in held.entries.items()}
        refuse_changed(path, arrays, held.record)
    return [
        Model(place.prefix, form_in(held, place), TARGETS[place.target].rule)
        for place in held.layers
    ]


def _refuse_reading(name: str, asked: Mapping[str, Any]) -> None:
    for option in asked:
        rule = f"`--{option}` says how a file is read"
        raise ValueError(f"{rule}; got the initialization {name}. Leave it out.")


def kernel_in(path: Path) -> np.ndarray:
    """The kernel (..., L) in a .npy file."""
    if path.suffix != ".npy":
        rule = "a kernel must be given as a .npy file"
        raise ValueError(f"{rule}; got {path}. Write it with numpy.save.")
    entry = checkpoints.read(path).entries.get("array")
    K = np.zeros(0) if entry is None else entry.read()
    if K.ndim == 0 or K.size == 0 or K.dtype.kind not in "fciu":
        rule = "a kernel must be an array of numbers with samples on its last axis"
        got = f"{K.dtype} of shape {K.shape}"
        raise ValueError(f"{rule}; got {got} in {path}. Write it with numpy.save.")
    require.finite("kernel", K)
    return K
