"""The model that a SOURCE names: of an initialization, or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoints, export, forms, inits
from ..ground import require
from .options import ORDER, ModelOptions, given, refuse_options

ARRAYS = [name for name in forms.FORMS if name not in ("NPLR", "Delayed")]  # forms in a .npz file
_FILES = (".npz", ".safetensors")


def model_of(source: str, options: ModelOptions, form: str | None) -> Any:
    """The model of an initialization or of a file, which takes no options of an initialization."""
    path = Path(source)
    asked = given(**options._asdict())
    if path.suffix not in _FILES:
        return _built(source, asked, form)
    if asked:
        got = f"--{next(iter(asked))} for {source}"
        raise ValueError(f"a file must be taken as it is; got {got}. Leave that option out.")
    if path.suffix == ".npz":
        return _fields(path, form or "Paired")
    _refuse_form(form, source)
    return export.load(path)[0]


def _built(source: str, asked: dict[str, Any], form: str | None) -> Any:
    path = Path(source)
    if source not in inits.INITS and (path.suffix or path.exists()):
        rule = "SOURCE must be an initialization, a .safetensors file or a .npz file"
        remedy = "Save its arrays A, B, C, D and step with numpy.savez."
        raise ValueError(f"{rule}; got {source}. {remedy}")
    refuse_options(source, asked)
    _refuse_form(form, source)
    return inits.INITS[source](**({"order": ORDER} | asked))


def _refuse_form(form: str | None, source: str) -> None:
    if form is not None:
        rule = "`--form` says what the arrays of a .npz file are"
        raise ValueError(f"{rule}; got {source}. Leave it out.")


def _fields(path: Path, name: str) -> Any:
    """The form whose fields are the arrays of a file."""
    require.known("form", name, ARRAYS)
    kind: Any = forms.FORMS[name]
    arrays = _numbers(path)
    if set(arrays) != set(kind._fields):
        needed = ", ".join(kind._fields)
        got = ", ".join(arrays) or "nothing"
        remedy = "Rename the arrays, or say `--form`."
        raise ValueError(f"a {name} must be given as {needed}; got {got} in {path}. {remedy}")
    return forms.check(kind(**arrays))


def kernel_in(path: Path) -> np.ndarray:
    """The kernel (..., L) in a .npy file."""
    if path.suffix != ".npy":
        rule = "a kernel must be given as a .npy file"
        raise ValueError(f"{rule}; got {path}. Write it with numpy.save.")
    K = _numbers(path).get("array", np.zeros(0))
    if K.ndim == 0 or K.size == 0:
        rule = "a kernel must be an array with samples on its last axis"
        raise ValueError(f"{rule}; got shape {K.shape} in {path}. Write it with numpy.save.")
    require.finite("kernel", K)
    return K


def _numbers(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; whole numbers as floats."""
    arrays = {name: entry.read() for name, entry in checkpoints.read(path).entries.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fciu":
            got = f"{array.dtype} in {path}"
            raise ValueError(
                f"`{name}` must be an array of numbers; got {got}. Convert or remove it."
            )
        if array.dtype.kind in "iu":
            arrays[name] = array.astype(np.float64)
    return arrays
