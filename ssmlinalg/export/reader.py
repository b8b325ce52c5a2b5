"""The one reader: the layers of a file, a folder or a mapping of arrays, whoever wrote it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from functools import partial
from typing import Any, NamedTuple

from ..checkpoints import Entry, config, read
from ..ground import backend, require
from ..ground.backend import Array
from .bare_fields import as_plain
from .layer_search import Layer, layers
from .perturbation_file import spelled_out
from .real_parameters import layer_of
from .targets import TARGETS, known_target, named_by, sized

_DEPTH = 32  # of dicts in dicts
_SHOWN = 4  # starts of layers in the sentence of an error
Source = str | os.PathLike[str] | Mapping[str, Array]


class Contents(NamedTuple):
    """The layers of a source; no array of them is read yet.

    Attributes:
        entries: the arrays by name, own names replaced by those of layouts.
        layers: at least one layer, in the order of the source.
        length: the length of sequences that arrays depend on: recorded in the file, or given.
        record: the text beside the arrays, {} where there is none.
        config: what a config.json beside the file says of such layers, {} where nothing.
    """

    entries: Mapping[str, Entry]
    layers: list[Layer]
    length: int | None
    record: Mapping[str, str]
    config: Mapping[str, Any]


def contents(
    source: Source,
    *,
    target: str | None = None,
    layer: str | None = None,
    renamed: Mapping[str, str] | None = None,
    form: str | None = None,
    length: int | None = None,
) -> Contents:
    """The layers of a source, none of their arrays read yet.

    Arrays that are named as the fields of a form (A, B, C, D, step) are one layer of the target
    "plain".

    Args:
        source: a file or folder that `checkpoints` reads, or arrays of any library by name, also
            in dicts in dicts.
        target: the layout of the layers, one of `TARGETS`. None: the one that the file records,
            or else the one whose names fit best, of several the one that a config.json names.
        layer: the start of the names of the layers that are wanted, such as "blocks.3". None: all.
        renamed: own names of arrays and the names that the layout has for them. An own name that is
            only the last part, "A_im", is replaced in every layer.
        form: the type of form whose fields the arrays are. None: the one their shapes fit.
        length: the length of sequences, for a source that records none.

    Returns:
        The `Contents`.

    Raises:
        TypeError: for a source that is neither; for names of arrays that are not text.
        ValueError: for unknown names; where there is no such layer, or several targets have its
            names; for a file that is damaged or may run code.
        OSError: where the system has or gives no file.
        ImportError: for a PyTorch file without PyTorch.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> arrays = TARGETS["s4d"].to(s4d_lin_init(4, channels=3))
        >>> own = {f"net.0.{name}": array for name, array in arrays.items() if name != "A_imag"}
        >>> own["net.0.A_im"] = arrays["A_imag"]
        >>> found = contents(own, renamed={"A_im": "A_imag"})
        >>> found.layers[0].target, found.layers[0].names["A_imag"]
        ('s4d', 'net.0.A_imag')
    """
    if target is not None:
        known_target("target", target)
    require.instance("layer", layer, (str, type(None)), "Give the start of its names.")
    require.instance("renamed", renamed, (Mapping, type(None)), "Give names by own names.")
    length = None if length is None else require.integer("length", length)
    entries, record = _opened(source)
    if renamed:
        entries = _renamed(entries, renamed)
    entries = spelled_out(entries)
    recorded = record.get("target") if record.get("target") in TARGETS else None
    if form is not None or (target is None and recorded is None):
        entries = as_plain(entries, form)
    own = record.get("length", "")
    if recorded and re.fullmatch("[1-9][0-9]{0,17}", own):
        length = int(own)
    shapes = {name: tuple(entry.shape) for name, entry in entries.items()}
    model, said = named_by(config(source)) if isinstance(source, (str, os.PathLike)) else (None, {})
    found = layers(shapes, target or recorded, model=model)
    return Contents(entries, _under(found, layer), length, record, said)


def form_in(held: Contents, place: Layer) -> Any:
    """The form that one layer computes with.

    Args:
        held: what `contents` returned.
        place: one of its layers.

    Returns:
        The form on the host, in double precision.

    Raises:
        TypeError: for what is no dense array of numbers.
        ValueError: for names, shapes and values that are not those of the target.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> held = contents(TARGETS["s4d"].to(s4d_lin_init(4, channels=3)))
        >>> form_in(held, held.layers[0]).A.shape
        (3, 2)
    """
    require.instance("held", held, Contents, "Take it from export.contents.")
    require.instance("place", place, Layer, "Take one of its layers.")
    arrays = {name: held.entries[key].read() for name, key in place.names.items()}
    return TARGETS[place.target].back(arrays, **sized(place.target, held.length))


def one_form(source: Source, *, layer: str | None = None) -> tuple[Any, dict[str, Any]]:
    """The form from which an `nn.SSM` starts as the layer of a source, and its options.

    Args:
        source: a file or folder that `checkpoints` reads, or arrays by name.
        layer: the start of the names of its arrays; None for a source with one layer.

    Returns:
        The form, and what the layer says of `rule`, `decay` and `window`.

    Raises:
        TypeError: what `contents` raises.
        ValueError: for several layers; what `contents` and `form_in` raise.
        OSError: where the system has or gives no file.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> form, options = one_form(TARGETS["s4d"].to(s4d_lin_init(4, channels=3)))
        >>> form.A.shape, options
        ((3, 2), {'rule': 'zoh'})
    """
    held = contents(source, layer=layer)
    if len(held.layers) != 1:
        got = ", ".join(repr(each.prefix) for each in held.layers[:_SHOWN])
        rule = "`layer` must be the start of the names of one layer"
        raise ValueError(f"{rule}; got {layer!r}, where there are {got}. Choose one of them.")
    (place,) = held.layers
    if place.target == "ssm":
        return layer_of({name: held.entries[key].read() for name, key in place.names.items()})
    rule = TARGETS[place.target].rule
    return form_in(held, place), {} if rule is None else {"rule": rule}


def _opened(source: Any) -> tuple[Mapping[str, Entry], Mapping[str, str]]:
    if isinstance(source, (str, os.PathLike)):
        return read(source)
    if not isinstance(source, Mapping):
        rule = "`source` must be a path or arrays by name"
        got = type(source).__name__
        raise TypeError(f"{rule}; got {got}. Pass a file, or what `state_dict()` returns.")
    return dict(_entries(source, "", 0)), {}


def _entries(source: Mapping[Any, Any], start: str, depth: int) -> Iterator[tuple[Any, Entry]]:
    """The arrays of a mapping, and those of mappings in it by names joined with dots."""
    if depth > _DEPTH:
        raise ValueError(f"`source` must be at most {_DEPTH} dicts deep; got more. Flatten it.")
    for key, value in source.items():
        name = f"{start}{key}" if start else key
        if isinstance(value, Mapping):
            yield from _entries(value, f"{name}.", depth + 1)
        elif hasattr(value, "shape") and hasattr(value, "dtype"):
            yield name, _entry(value)


def _entry(array: Any) -> Entry:
    dtype = str(array.dtype).rpartition(".")[2]
    return Entry(tuple(array.shape), dtype, partial(backend.host_values, array))


def _renamed(entries: Mapping[str, Entry], renamed: Mapping[str, str]) -> dict[str, Entry]:
    """The entries, each own name replaced by that of the layout after the same prefix."""
    names = {name: name for name in entries}
    for own, instead in renamed.items():
        ending = re.compile(rf"(.*[./])?{re.escape(own)}")
        found = [name for name in entries if ending.fullmatch(str(name))]
        if not found:
            raise ValueError(_unmatched(own, entries))
        names |= {name: re.sub(r"[^./]*$", "", name) + instead for name in found}
    several = [name for name in names.values() if list(names.values()).count(name) > 1]
    if several:
        rule = "`renamed` must leave every array a name of its own"
        raise ValueError(f"{rule}; got {several[0]!r} twice. Rename the other one as well.")
    return {names[name]: entry for name, entry in entries.items()}


def _unmatched(own: str, entries: Mapping[str, Entry]) -> str:
    likeness = {name: SequenceMatcher(None, str(name), own).ratio() for name in entries}
    remedy = "It holds no arrays."
    if likeness:
        remedy = f"The nearest is {max(likeness, key=likeness.__getitem__)!r}."
    return f"`renamed` must name arrays of the source; got {own!r}. {remedy}"


def _under(found: list[Layer], layer: str | None) -> list[Layer]:
    """The layers whose names start so, up to the end of a part."""
    if layer is None:
        return found
    wanted = [one for one in found if layer in _starts(one.prefix)]
    if not wanted:
        starts = ", ".join(one.prefix.rstrip("./") for one in found[:_SHOWN] if one.prefix)
        rule = "`layer` must be the start of the names of a layer"
        remedy = f"Layers start with {starts}." if starts else "Leave it out."
        raise ValueError(f"{rule}; got {layer!r}. {remedy}")
    return wanted


def _starts(prefix: str) -> Iterator[str]:
    """The prefix up to the end of each of its parts, with and without the dot or slash."""
    for end in re.finditer(r"[./]", prefix):
        yield prefix[: end.start()]
        yield prefix[: end.end()]
