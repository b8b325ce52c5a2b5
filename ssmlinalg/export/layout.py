"""What every target shares: what is said of it, its precision, and arrays of its names and
shapes.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array

# Each name with its kind and its axes; an axis is a name that means the same size everywhere, or a
# number. A first axis "..." stands for any number of leading ones. Kinds: "f" float32, "c"
# complex64, "d" float64, "z" complex128, "i" int64.
Layout = dict[str, tuple[str, tuple[str | int, ...]]]

_STORED = {"f": np.float32, "c": np.complex64, "d": np.float64, "z": np.complex128, "i": np.int64}
_READ = {"f": np.float64, "c": np.complex128, "d": np.float64, "z": np.complex128, "i": np.int64}
_HOLDS = {
    "f": "real floating-point",
    "c": "complex",
    "d": "real floating-point",
    "z": "complex",
    "i": "whole",
}


class Declared(NamedTuple):
    """What a published layer says it starts from: a quantity of its arrays, and the law that
    quantity is drawn from.

    `kind` names a distribution of `scipy.stats` with its `parameters` (shapes, location, scale), or
    is "constant" with the value it has. `of` takes the arrays of one layer, by name and in float64,
    to independent draws, of any shape.
    """

    of: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    kind: str
    parameters: tuple[float, ...]
    source: str


class Target(NamedTuple):
    """A layer of another framework: the way to it, the way back, and what whoever loads the arrays
    has to know.

    `to(form)` gives the arrays, `back(arrays)` the form the layer computes with; both take a
    `length` besides if `sized`, for then the arrays are those of one length of sequences. `takes`
    are the types of form that `to` accepts, the nearest to the layer first; `rule` is how the layer
    samples them (None: it does not, or is discrete). `training` says of every array how the
    published layer trains it, `moved` what changed its place, `declared` by quantity what the layer
    starts from.
    """

    about: str
    to: Callable[..., dict[str, np.ndarray]]
    back: Callable[..., Any]
    layout: Layout
    takes: tuple[type, ...]
    rule: str | None
    training: dict[str, dict[str, Any]]
    moved: str
    optional: tuple[str, ...] = ()
    sized: bool = False
    declared: Mapping[str, Declared] = {}


def trains(
    *,
    trainable: bool = True,
    lr: str = "model",
    weight_decay: str | float = "model",
    constraint: str = "none",
) -> dict[str, Any]:
    """How a layer trains one array. "model" is what the rest of the model has, "ssm" a group of its
    own.

    `constraint` says in words what keeps the values where they have to be, such as "Re A = -exp".
    """
    return {
        "trainable": trainable,
        "lr": lr,
        "weight_decay": weight_decay,
        "constraint": constraint,
    }


def expect(form: object, takes: tuple[type, ...], target: str, remedy: str) -> None:
    """Raise TypeError with that remedy unless `form` is of a type that the target takes."""
    if type(form) not in takes:
        names = " and ".join(kind.__name__ for kind in takes)
        rule = f"the target {target!r} takes the form{'s' * (len(takes) > 1)} {names}"
        raise TypeError(f"{rule}; got {type(form).__name__}. {remedy}")


def ranked(shape: tuple[int, ...], axes: tuple[str | int, ...]) -> bool:
    """Whether a shape has as many axes as a layout says, or more where those begin with "..."."""
    return len(shape) >= len(axes) - 1 if axes[:1] == ("...",) else len(shape) == len(axes)


def stored(arrays: Mapping[str, Any], layout: Layout) -> dict[str, np.ndarray]:
    """The arrays in the layer's own precision. Raises ValueError for numbers it cannot hold."""
    for name, array in arrays.items():
        if np.iscomplexobj(array) and layout[name][0] in "fd":
            raise ValueError(
                f"`{name}` must be real, as the layer is; got {np.result_type(array)}. Take its real part."
            )
    with np.errstate(over="ignore"):
        cast = {
            name: np.array(array, _STORED[layout[name][0]], order="C")
            for name, array in arrays.items()
        }
    for name, array in cast.items():
        if not np.all(np.isfinite(array)):
            largest = float(np.max(np.abs(arrays[name])))
            raise ValueError(
                f"`{name}` must fit {array.dtype}; got {largest:.3g}. Rescale the form."
            )
    return cast


def read(
    arrays: Mapping[str, Array], layout: Layout, *, optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """The arrays on the host in double precision, once names, kinds and shapes are those of
    `layout` and all is finite.

    Raises ValueError where they are not.
    """
    missing = [name for name in layout if name not in arrays and name not in optional]
    unknown = [name for name in arrays if name not in layout]
    if missing or unknown:
        got = " and ".join(
            f"{', '.join(names)} {how}"
            for names, how in ((missing, "missing"), (unknown, "unknown"))
            if names
        )
        nearest = {
            name: difflib.get_close_matches(name, missing or layout, n=1) for name in unknown
        }
        hints = [
            f"Did you mean {match[0]!r} by {name!r}?" for name, match in nearest.items() if match
        ]
        remedy = hints[0] if hints else "Rename them, or choose another target."
        raise ValueError(f"arrays must be named {', '.join(layout)}; got {got}. {remedy}")
    found: dict[str, np.ndarray] = {}
    sizes: dict[str | int, tuple[int, str]] = {}
    for name, (kind, axes) in layout.items():
        if name not in arrays:
            continue
        array = _host(name, arrays[name])
        if array.dtype.kind not in {"i": "iu"}.get(kind, np.dtype(_READ[kind]).kind):
            rule = f"`{name}` must hold {_HOLDS[kind]} numbers"
            raise ValueError(f"{rule}; got {array.dtype}. Cast it.")
        rule = f"({', '.join(map(str, axes))}{',' * (len(axes) == 1)})"
        require.shape(name, array.shape, rule, ranked(array.shape, axes))
        core = axes[axes[:1] == ("...",) :]
        for axis, size in zip(core, array.shape[array.ndim - len(core) :], strict=True):
            known, origin = (
                (axis, name) if isinstance(axis, int) else sizes.setdefault(axis, (size, name))
            )
            require.shape(
                name, array.shape, f"{rule} with {axis} = {known} from `{origin}`", size == known
            )
        require.finite(name, array)
        found[name] = array.astype(_READ[kind])
    return found


def _host(name: str, array: Array) -> np.ndarray:
    """The array on the host, numbers of 16 bits in single precision. Raises TypeError for what is
    no array there.
    """
    try:
        return backend.to_numpy(backend.widened(array))
    except (TypeError, AttributeError, RuntimeError):
        got = f"{type(array).__name__} of {getattr(array, 'dtype', 'no type')}"
        raise TypeError(
            f"`{name}` must be a dense array of numbers that NumPy has; got a {got}. Make it one."
        ) from None
