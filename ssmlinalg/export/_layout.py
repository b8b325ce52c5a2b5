"""What every target shares: one leading axis, the layer's precision, and arrays that have the layer's names and shapes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np

from .. import _array, _require
from .._array import Array
from ..forms import Paired, check, move

# Each name with its kind, "f" for real numbers and "c" for complex ones, and its axes.
Layout = dict[str, tuple[str, tuple[str | int, ...]]]

_SINGLE = {"f": np.float32, "c": np.complex64}
_DOUBLE = {"f": np.float64, "c": np.complex128}


def channels(form: Paired) -> Paired:
    """The form on the host in float64, every channel written out: A, B, C (H, n), D, step (H,). No leading axis is H = 1.

    Raises ValueError for more than one leading axis.
    """
    form = check(move(form, "numpy", dtype="float64"))  # on the host values are looked at
    shape = np.broadcast_shapes(form.A.shape, form.B.shape, form.C.shape, (*form.D.shape, 1), (*form.step.shape, 1))
    if len(shape) > 2:
        raise ValueError(f"`form` must have one leading axis, its channels; got {shape[:-1]}. Reshape them into one.")
    H, n = (1, *shape)[-2:]
    modes = (np.broadcast_to(array, (H, n)) for array in (form.A, form.B, form.C))
    return Paired(*modes, *(np.broadcast_to(array, (H,)) for array in (form.D, form.step)))


def single(arrays: dict[str, np.ndarray], layout: Layout) -> dict[str, np.ndarray]:
    """The arrays in the layer's own precision, float32 and complex64. Raises ValueError for numbers it cannot hold."""
    with np.errstate(over="ignore"):
        cast = {name: np.ascontiguousarray(array, _SINGLE[layout[name][0]]) for name, array in arrays.items()}
    for name, array in cast.items():
        if not np.all(np.isfinite(array)):
            largest = float(np.max(np.abs(arrays[name])))
            raise ValueError(f"`{name}` must fit {array.dtype}; got {largest:.3g}. Rescale the form.")
    return cast


def read(arrays: Mapping[str, Array], layout: Layout, *, optional: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """The arrays on the host in double precision, once names, kinds and shapes are those of `layout` and all is finite.

    Raises ValueError where they are not.
    """
    missing = [name for name in layout if name not in arrays and name not in optional]
    unknown = [name for name in arrays if name not in layout]
    if missing or unknown:
        got = " and ".join(f"{', '.join(names)} {how}" for names, how in ((missing, "missing"), (unknown, "unknown")) if names)
        nearest = {name: difflib.get_close_matches(name, missing or layout, n=1) for name in unknown}
        hints = [f"Did you mean {match[0]!r} by {name!r}?" for name, match in nearest.items() if match]
        remedy = hints[0] if hints else "Rename them, or choose another target."
        raise ValueError(f"arrays must be named {', '.join(layout)}; got {got}. {remedy}")
    found: dict[str, np.ndarray] = {}
    sizes: dict[str | int, tuple[int, str]] = {}
    for name, (kind, axes) in layout.items():
        if name not in arrays:
            continue
        array = _array.to_numpy(arrays[name])
        if array.dtype.kind != kind:
            rule = f"`{name}` must hold {'complex' if kind == 'c' else 'real floating-point'} numbers"
            raise ValueError(f"{rule}; got {array.dtype}. Cast it.")
        rule = f"({', '.join(map(str, axes))}{',' * (len(axes) == 1)})"
        _require.shape(name, array.shape, rule, array.ndim == len(axes))
        for axis, size in zip(axes, array.shape, strict=True):
            known, origin = (axis, name) if isinstance(axis, int) else sizes.setdefault(axis, (size, name))
            _require.shape(name, array.shape, f"{rule} with {axis} = {known} from `{origin}`", size == known)
        _require.finite(name, array)
        found[name] = array.astype(_DOUBLE[kind])
    return found
