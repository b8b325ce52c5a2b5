"""Arrays that are named as the fields of a form, A, B, C, D and step: a layer of "plain"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..checkpoints import Entry
from ..forms import KINDS, Paired
from ..ground import require
from ..ground.formats import part_of
from . import plain
from .layout import ranked
from .parametrization import as_parts
from .statespace import LAYOUT as SYSTEM

_FORMS = {form.__name__: form for form in (Paired, *plain.TAKES)}  # Paired before its like
_NUMBERS = "fciu"


def as_plain(entries: Mapping[str, Entry], form: str | None = None) -> Mapping[str, Entry]:
    """The entries of a form as those of the target "plain"; other entries as they are.

    Without a name the form is the first one that the shapes fit, where no leading axis is that of A
    or D alone: a square A beside vectors B and C is a matrix, and not as many channels of modes.

    Args:
        entries: arrays by name.
        form: the name of the form; None: see above.

    Returns:
        Entries of the names and shapes of `plain`.

    Raises:
        ValueError: for an unknown form, for names that are not its fields, and for shapes that fit
            none.

    Example:
        >>> shapes = {"A": (3, 3), "B": (3,), "C": (3,), "D": (), "step": ()}
        >>> list(as_plain({name: Entry(s, "float64", np.zeros) for name, s in shapes.items()}))
        ['Dense.A', 'Dense.B', 'Dense.C', 'Dense.D', 'Dense.step']
    """
    names = list(entries)
    if form is not None:
        fields = KINDS[_FORMS[require.known("form", form, _FORMS)]].axes
        if set(names) != set(fields):
            rule = f"a {form} must be given as {', '.join(fields)}"
            got = ", ".join(map(str, names)) or "nothing"
            raise ValueError(f"{rule}; got {got}. Rename the arrays, or say another form.")
        return _plain(entries, form)
    alike = [name for name, each in _FORMS.items() if set(KINDS[each].axes) == set(names)]
    shapes = {name: tuple(entry.shape) for name, entry in entries.items()}
    if not alike or _is_system(shapes):
        return entries
    if "step" not in names:
        rule = f"arrays named {', '.join(names)} must say what they are"
        remedy = f"Add step, or say which form of {', '.join(alike)} they are."
        raise ValueError(f"{rule}; got no step. {remedy}")
    fitting = next((name for name in alike if _fits(_FORMS[name], shapes)), None)
    if fitting is None:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        rule = f"arrays named {', '.join(names)} must have shapes of one of {', '.join(alike)}"
        remedy = "Repeat B and C for each channel, or say which form they are."
        raise ValueError(f"{rule}, and no leading axis that A or D alone has; got {got}. {remedy}")
    return _plain(entries, fitting)


def _is_system(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the arrays are the real matrices of scipy.signal, with a target of their own."""
    return shapes.keys() == SYSTEM.keys() and all(
        ranked(shapes[name], axes) and {1} >= {*shapes[name]} - {shapes["A"][-1]}
        for name, (_, axes) in SYSTEM.items()
    )


def _fits(form: type, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the shapes are those of a form, and neither A nor D has a leading axis alone."""
    sizes: dict[str, int] = {}
    leading = {}
    for name, core in KINDS[form].axes.items():
        shape = shapes[name]
        start = len(shape) - len(core)
        if start < 0 or any(
            sizes.setdefault(axis, size) != size
            for axis, size in zip(core, shape[start:], strict=True)
        ):
            return False
        leading[name] = shape[:start]
    try:
        whole = np.broadcast_shapes(*leading.values())
        return all(
            np.broadcast_shapes(*(leading | {name: (1,) * len(leading[name])}).values()) == whole
            for name in (next(iter(leading)), "D")
        )
    except ValueError:
        return False


def _plain(entries: Mapping[str, Entry], form: str) -> dict[str, Entry]:
    layout = plain.LAYOUT
    return {
        f"{form}.{name}": _in_parts(name, entry, layout[f"{form}.{name}"][1][-1:] == (2,))
        for name, entry in entries.items()
    }


def _in_parts(name: str, entry: Entry, parts: bool) -> Entry:
    shape = (*entry.shape, 2) if parts else tuple(entry.shape)
    return Entry(shape, part_of(entry.dtype), partial(_read, name, entry, parts))


def _read(name: str, entry: Entry, parts: bool) -> np.ndarray:
    """The array, whole numbers as floats, complex ones as two if `parts`."""
    array: Any = entry.read()
    if array.dtype.kind not in _NUMBERS:
        rule = f"`{name}` must be an array of numbers"
        raise ValueError(f"{rule}; got {array.dtype}. Convert or remove it.")
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    return as_parts(array) if parts else array
