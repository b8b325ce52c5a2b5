"""The layout of a layer: its arrays by name, with the kind of their numbers and their axes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array
from .published import Declared, Laws, Rates


class Numbers(NamedTuple):
    """One kind of numbers.

    Attributes:
        stored: the type in which the layer holds them.
        read: the type in which they are read.
        name: their name in the sentence of an error.
    """

    stored: type
    read: type
    name: str


NUMBERS: dict[str, Numbers] = {
    "f": Numbers(np.float32, np.float64, "real floating-point"),
    "c": Numbers(np.complex64, np.complex128, "complex"),
    "d": Numbers(np.float64, np.float64, "real floating-point"),
    "z": Numbers(np.complex128, np.complex128, "complex"),
    "i": Numbers(np.int64, np.int64, "whole"),
}

# An axis is a name that means the same size everywhere, or a number. A first axis "..." stands for
# any number of leading ones.
Axes = tuple[str | int, ...]
_MAY_BE_EMPTY = ("R",)  # the rank of P, 0 where A is diagonal
Layout = dict[str, tuple[str, Axes]]  # by name: the letter of its numbers, and its axes


class Target(NamedTuple):
    """A layer of another framework, and all that whoever loads its arrays has to know.

    Attributes:
        about: the layer in words, and where it is published.
        to: the function from a form to the arrays of the layer; it takes a `length` besides if
            `sized`.
        back: the function from the arrays to the form that the layer computes with; it takes a
            `length` besides if `sized`.
        layout: names, numbers and axes of the arrays.
        takes: the types of form that `to` accepts, the nearest to the layer first.
        rule: the rule by which the layer samples them. None: it does not, or is discrete.
        training: by array, how the published layer trains it.
        moved: the facts of a form that the layer keeps in other places.
        optional: the names of the layout that may be absent.
        unread: those of them that no form holds; a layer of the same names takes them as they are.
        projected: what a trained projection makes of the input, with as many numbers as there are
            modes: their number is fixed. "" where there is none.
        lossless: whether the modes of the layer lie on the edge of stability and are meant to.
        sized: whether the arrays are those of one length of sequences.
        declared: by quantity, the law that the published layer draws it from.
        published: the function from the config.json of a model, {} for none, to such laws, of each
            published layer that may be meant. None: those of `declared` alone.
        rates: with which a published model of such layers was trained; None where none is known.
        model_types: the values of "model_type" in a config.json that name the layer.
        alike: the function from a form and the names of the arrays of a layer to arrays of such
            names, where a form may be written in several ways. None: `to` knows one.
        options: by option of the layer, the values that it may have.
        variant: the function from the target and some of these options to the target of the layer
            with them. None: it has no options.
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
    unread: tuple[str, ...] = ()
    projected: str = ""
    lossless: bool = False
    sized: bool = False
    declared: Mapping[str, Declared] = {}
    published: Callable[[Mapping[str, Any]], tuple[Laws, ...]] | None = None
    rates: Rates | None = None
    model_types: tuple[str, ...] = ()
    alike: Callable[[Any, Collection[str]], dict[str, np.ndarray]] | None = None
    options: Mapping[str, Collection[str]] = MappingProxyType({})
    variant: Callable[[Target, Mapping[str, str]], Target] | None = None

    def laws(self, config: Mapping[str, Any]) -> tuple[Laws, ...]:
        """The laws of each published layer that may be meant, of a model with this config.json."""
        return (self.declared,) if self.published is None else self.published(config)


def form_in_names(arrays: Mapping[str, Any], forms: Mapping[str, type]) -> type:
    """The one type of form that names such as "Paired.A" begin with; ValueError for others."""
    require.instance("arrays", arrays, Mapping, "Give arrays by name.")
    named = {str(name).partition(".")[0] for name in arrays}
    form = next((each for name, each in forms.items() if named == {name}), None)
    if form is None:
        rule = f"arrays must be named <Form>.<array> with one Form of {', '.join(forms)}"
        got = ", ".join(map(str, arrays)) or "no arrays"
        raise ValueError(f"{rule}; got {got}. Rename them, or choose another target.")
    return form


def expect(form: object, takes: tuple[type, ...], target: str, remedy: str) -> None:
    """Raise TypeError with that remedy unless `form` is of a type that the target takes."""
    if type(form) not in takes:
        names = " and ".join(each.__name__ for each in takes)
        plural = "s" if len(takes) > 1 else ""
        got = type(form).__name__
        raise TypeError(
            f"the target {target!r} takes the form{plural} {names}; got {got}. {remedy}"
        )


def ranked(shape: tuple[int, ...], axes: Axes) -> bool:
    """Whether a shape has as many axes as a layout says, or more where those begin with "..."."""
    if axes[:1] == ("...",):
        return len(shape) >= len(axes) - 1
    return len(shape) == len(axes)


def stored(arrays: Mapping[str, Any], layout: Layout) -> dict[str, np.ndarray]:
    """The arrays in the precision of the layer; ValueError for numbers that it cannot hold."""
    for name, array in arrays.items():
        if np.iscomplexobj(array) and layout[name][0] in "fd":
            got = np.result_type(array)
            raise ValueError(
                f"`{name}` must be real, as the layer is; got {got}. Take its real part."
            )
    with np.errstate(over="ignore"):
        cast = {
            name: np.array(array, NUMBERS[layout[name][0]].stored, order="C")
            for name, array in arrays.items()
        }
    for name, array in cast.items():
        if not np.all(np.isfinite(array)):
            sizes = np.abs(arrays[name])
            got = float(np.max(np.where(np.isnan(sizes), np.inf, sizes)))
            raise ValueError(f"`{name}` must fit {array.dtype}; got {got:.3g}. Rescale the form.")
    return cast


def read(
    arrays: Mapping[str, Array], layout: Layout, *, optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """The arrays on the host in double precision; ValueError unless they are those of `layout`."""
    _check_names(arrays, layout, optional)
    found: dict[str, np.ndarray] = {}
    sizes: dict[str | int, tuple[int, str]] = {}
    for name, (letter, axes) in layout.items():
        if name in arrays:
            array = _on_host(name, arrays[name])
            _check_numbers(name, array, NUMBERS[letter])
            _check_axes(name, array.shape, axes, sizes)
            require.finite(name, array)
            found[name] = array.astype(NUMBERS[letter].read)
    return found


def _check_names(arrays: Mapping[str, Array], layout: Layout, optional: tuple[str, ...]) -> None:
    require.instance("arrays", arrays, Mapping, "Give arrays by name.")
    missing = [name for name in layout if name not in arrays and name not in optional]
    unknown = [name for name in arrays if name not in layout]
    if not missing and not unknown:
        return
    faults = [f"{', '.join(missing)} missing"] if missing else []
    if unknown:
        faults.append(f"{', '.join(unknown)} unknown")
    remedy = "Rename them, or choose another target."
    for name in unknown:
        nearest = difflib.get_close_matches(name, missing or layout, n=1)
        if nearest:
            remedy = f"Did you mean {nearest[0]!r} by {name!r}?"
            break
    got = " and ".join(faults)
    raise ValueError(f"arrays must be named {', '.join(layout)}; got {got}. {remedy}")


def _on_host(name: str, array: Array) -> np.ndarray:
    """The array on the host, numbers of 16 bits in single precision."""
    try:
        return backend.to_numpy(backend.widened(array))
    except (TypeError, AttributeError, RuntimeError):
        got = f"{type(array).__name__} of {getattr(array, 'dtype', 'no type')}"
        rule = f"`{name}` must be a dense array of numbers that NumPy has"
        raise TypeError(f"{rule}; got a {got}. Make it one.") from None


def _check_numbers(name: str, array: np.ndarray, numbers: Numbers) -> None:
    wanted = np.dtype(numbers.read).kind
    if array.dtype.kind not in ("iu" if wanted == "i" else wanted):
        rule = f"`{name}` must hold {numbers.name} numbers"
        raise ValueError(f"{rule}; got {array.dtype}. Cast it.")


def _check_axes(
    name: str, shape: tuple[int, ...], axes: Axes, sizes: dict[str | int, tuple[int, str]]
) -> None:
    """Refuse a shape whose named axes have other sizes than in `sizes`, and note new names."""
    comma = "," if len(axes) == 1 else ""
    rule = f"({', '.join(map(str, axes))}{comma})"
    require.shape(name, shape, rule, ranked(shape, axes))
    core = axes[1:] if axes[:1] == ("...",) else axes
    lead = len(shape) - len(core)
    named = (*[""] * lead, *core)
    full = all(size > 0 or axis in _MAY_BE_EMPTY for axis, size in zip(named, shape, strict=True))
    require.shape(name, shape, f"{rule} with no empty axis", full)
    for axis, size in zip(core, shape[lead:], strict=True):
        known, origin = (
            (axis, name) if isinstance(axis, int) else sizes.setdefault(axis, (size, name))
        )
        require.shape(name, shape, f"{rule} with {axis} = {known} from `{origin}`", size == known)
