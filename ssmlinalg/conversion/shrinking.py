"""The layers of a checkpoint with fewer modes, and all else as it was."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import checkpoints, forms, reduce
from ..checkpoints import Entry
from ..discretize import RULES
from ..export.layer_search import Layer
from ..export.reader import Contents, contents, form_in
from ..export.saving import resigned, writable
from ..export.targets import TARGETS, sized
from ..ground import require
from ..ground.formats import in_numpy
from ..verification.precision import rounded
from .fewer_modes import Fewer, Wanted, fewer_modes, relative_errors, states, widened

Source = str | os.PathLike[str] | Mapping[str, Any]
Progress = Callable[..., None]


class Shrunk(NamedTuple):
    """One layer with fewer modes. Errors are relative to the norm of each channel.

    Attributes:
        prefix: the text before its names.
        target: its layout.
        rule: the rule by which it was sampled.
        channels: how many channels it has, 1 where all share one state.
        states: how many states its arrays have room for: a mode of a half spectrum has 2.
        states_before: how many they had room for.
        order: the most states that a channel uses.
        least: the states below which no model of the hardest channel is within the error.
        padded: how many channels use fewer, and have modes of weight 0.
        lower: an error that no model of that order gets below, of the channel where it is largest.
        upper: no channel of the arrays as they are written has a larger error.
        conditioning: kappa(V) of the modes of the worst channel.
        size: the bytes of its arrays.
        size_before: the bytes that they had.
        form: what the arrays compute with.
        form_before: what they computed with.
    """

    prefix: str
    target: str
    rule: str
    channels: int
    states: int
    states_before: int
    order: int
    least: int
    padded: int
    lower: float
    upper: float
    conditioning: float
    size: int
    size_before: int
    form: Any
    form_before: Any


class Shrinking(NamedTuple):
    """A checkpoint with fewer modes.

    Attributes:
        arrays: all arrays by name; those of bfloat16 in float32.
        layers: the layers that were reduced.
        carried: the names of the arrays that are as they were.
    """

    arrays: dict[str, np.ndarray]
    layers: list[Shrunk]
    carried: list[str]


class _Place(NamedTuple):
    """A layer in its file, and the rule by which it is sampled."""

    held: Contents
    layer: Layer
    rule: str

    def key(self, name: str) -> str:
        """The name in the file of an array of the layout."""
        return self.layer.names.get(name, self.layer.prefix + name)

    def entry(self, name: str) -> Entry:
        """An array of the layer, by its name in the layout."""
        return self.held.entries[self.layer.names[name]]


def shrink(
    source: Source,
    *,
    error: float | None = None,
    order: int | None = None,
    norm: str = "hinf",
    per_layer: bool = False,
    target: str | None = None,
    rule: str | None = None,
    length: int | None = None,
    layer: str | None = None,
    renamed: Mapping[str, str] | None = None,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Shrinking:
    """The layers of a checkpoint with fewer modes, each proved to compute nearly what it did.

    A layer is reduced by balanced truncation of the samples that it computes with, and written in
    its own layout, in the types of its own arrays. The proof is for the model that those arrays
    hold, after their rounding. All other arrays are carried along. A layer of which no model with
    fewer modes is within the error stays as it is.

    Args:
        source: a file of arrays (`checkpoints.read` says which), or a mapping of arrays by name.
        error: the largest error of a channel, relative to its norm without its direct path.
        order: the number of states of each channel: 2 for a pair of conjugate modes. With `error`
            it is refused where it does not keep the error.
        norm: a name in `reduce.NORMS`: "hinf" bounds the mean square of the output for any input,
            "l1" its largest value.
        per_layer: whether each layer has as many modes as it needs. Else all layers of one layout
            have as many as the largest: models that are built from one number need that.
        target: the layout of the layers. None: that of the record, or the one that the names fit.
        rule: the rule by which layers of a layout without one are sampled, "zoh" unless given.
        length: the length of sequences, for layouts that depend on it.
        layer: the start of the names of the layers that are reduced. None: all.
        renamed: own names of arrays and those of the layout, see `export.contents`.
        output: the file to which everything is written once all layers are proved.
        force: whether an existing file is replaced.
        progress: a function that is called with `layer`, `done` and `total` before each layer.

    Returns:
        A `Shrinking`.

    Raises:
        ValueError: unless error or order is given; for an order that does not keep the error; for a
            layer that is not stable, or whose order a trained projection fixes; where no layer is
            found; as reading and the target's `to` do.
        TypeError: for values of another type; as reading and the target's `to` do.
        FileExistsError: for an output that exists, unless `force`.
        FileNotFoundError: for a missing file or folder.
        OSError: where the system refuses.

    Accuracy:
        `upper` is a bound from above on the norm of the difference, up to the rounding of its own
        evaluation.

    Example:
        >>> from ssmlinalg import export, s4d_legs_init
        >>> arrays = export.TARGETS["s4d"].to(s4d_legs_init(32, channels=2))
        >>> found = shrink(arrays | {"encoder.weight": np.ones(3)}, error=1e-2)
        >>> found.layers[0].states < found.layers[0].states_before, found.layers[0].upper < 1e-2
        (True, True)
        >>> found.carried
        ['encoder.weight']
    """
    goal = _goal(order, error, norm)
    per_layer = require.switch("per_layer", per_layer)
    require.progress(progress)
    rule = None if rule is None else require.known("rule", rule, RULES)
    path = None if output is None else writable(output, force=force)
    held = contents(source, target=target, layer=layer, renamed=renamed, length=length)
    places = [_Place(held, one, TARGETS[one.target].rule or rule or "zoh") for one in held.layers]
    _refuse_projected(places)
    before = []
    found = []
    for done, place in enumerate(places):
        if progress is not None:
            progress(layer=place.layer.prefix, done=done, total=len(places))
        before.append(form_in(held, place.layer))
        found.append(_fewer(before[-1], place, goal))
    if not per_layer:
        found = _alike(found, places)
    shrinking = _gathered(places, before, found, goal)
    if path is not None:
        _write(path, shrinking, held, force=force)
    return shrinking


def _goal(order: Any, error: Any, norm: str) -> Wanted:
    require.known("norm", norm, reduce.NORMS)
    if order is None and error is None:
        rule = "one of `error` and `order` must be given"
        raise ValueError(f"{rule}; got neither. Give error=1e-3, or order=16.")
    order = None if order is None else require.integer("order", order, least=0)
    error = None if error is None else require.real("error", error, above=0)
    return Wanted(order, error, norm)


def _refuse_projected(places: list[_Place]) -> None:
    for place in places:
        projected = TARGETS[place.layer.target].projected
        if projected:
            rule = f"the order must not be fixed by what makes {projected} of the input"
            got = f"{place.layer.target!r} at {place.layer.prefix!r}, with a trained projection"
            raise ValueError(f"{rule}; got {got}. Choose other layers by `layer`.")


def _fewer(form: Any, place: _Place, goal: Wanted) -> Fewer:
    there = TARGETS[place.layer.target]
    try:
        return fewer_modes(form, place.rule, there, goal, lambda made: _reread(made, place))
    except ValueError as error:
        if not place.layer.prefix:
            raise
        raise ValueError(f"{error} The layer is {place.layer.prefix!r}.") from None


def _reread(form: Any, place: _Place) -> Any:
    """The form that the arrays give back once they are in the types of the file."""
    target = place.layer.target
    arrays = _carried(place) | _arrays(form, place)
    return TARGETS[target].back(arrays, **sized(target, place.held.length))


def _arrays(form: Any, place: _Place) -> dict[str, np.ndarray]:
    """The arrays of a layer, by the names of its layout, in the types of the file."""
    target = place.layer.target
    alike = TARGETS[target].alike
    if alike is not None:
        arrays = alike(form, place.layer.names)
    else:
        arrays = TARGETS[target].to(form, **sized(target, place.held.length))
    for name in arrays:
        if name in place.layer.names:
            dtype = place.entry(name).dtype
            short = not in_numpy(dtype)
            array = rounded(arrays[name].astype(float), dtype) if short else arrays[name]
            arrays[name] = array.astype(np.float32 if short else dtype)
    return arrays


def _carried(place: _Place) -> dict[str, np.ndarray]:
    """The arrays of a layer that no form holds."""
    there = TARGETS[place.layer.target]
    return {name: place.entry(name).read() for name in there.unread if name in place.layer.names}


def _alike(found: list[Fewer], places: list[_Place]) -> list[Fewer]:
    """The layers of each layout with as many modes as the largest of them."""
    most: dict[str, int] = {}
    for one, place in zip(found, places, strict=True):
        target = place.layer.target
        most[target] = max(most.get(target, 0), states(one.form))
    return [
        one._replace(form=widened(one.form, most[place.layer.target]))
        for one, place in zip(found, places, strict=True)
    ]


def _gathered(
    places: list[_Place], before: list[Any], found: list[Fewer], goal: Wanted
) -> Shrinking:
    """All arrays, those of layers in the order of the source."""
    new: dict[str, np.ndarray] = {}
    layers = []
    for place, form, one in zip(places, before, found, strict=True):
        arrays = {}
        if states(one.form) < states(form):
            arrays = _with_zeros(_arrays(one.form, place), place)
            _refuse_left(place, arrays)
        layers.append(_shrunk(place, form, one, arrays, goal))
        new |= {place.key(name): array for name, array in arrays.items()}
    entries = places[0].held.entries
    arrays = {name: new.pop(name) if name in new else entries[name].read() for name in entries}
    of_layers = {key for place in places for key in place.layer.names.values()}
    return Shrinking(arrays | new, layers, [name for name in entries if name not in of_layers])


def _with_zeros(arrays: dict[str, np.ndarray], place: _Place) -> dict[str, np.ndarray]:
    """The arrays, and those of zeros that a layout leaves out and the layer has: real modes."""
    there = TARGETS[place.layer.target]
    carried = _carried(place)
    length = sized(place.layer.target, place.held.length)
    said = there.back(carried | arrays, **length)
    shapes = {place.entry(name).shape: arrays[name] for name in place.layer.names if name in arrays}
    for name in place.layer.names:
        like = shapes.get(place.entry(name).shape)
        if name in arrays or name in there.unread or like is None:
            continue
        more = arrays | {name: np.zeros_like(like)}
        if _same(there.back(carried | more, **length), said):
            arrays = more
    return arrays


def _same(form: Any, other: Any) -> bool:
    """Whether two forms hold the same numbers."""
    if type(form) is not type(other):
        return False
    if not forms.is_form(form):
        return np.array_equal(form, other)
    return all(_same(own, its) for own, its in zip(form, other, strict=True))


def _refuse_left(place: _Place, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse a layer with arrays of modes that its layout would not write again."""
    unread = TARGETS[place.layer.target].unread
    for name, key in place.layer.names.items():
        if name not in arrays and name not in unread:
            rule = f"a layer must be as {place.layer.target!r} is written"
            raise ValueError(f"{rule}; got {key!r}, which is not. Convert the layer to 'plain'.")
    for name, array in arrays.items():
        before = place.entry(name).shape if name in place.layer.names else array.shape
        if len(before) != array.ndim:
            rule = "an array must keep its axes, or no layer can take it"
            got = f"{place.key(name)!r} of shape {before}, for one of {array.shape}"
            raise ValueError(f"{rule}; got {got}. Give its directions modes of their own.")


def _shrunk(
    place: _Place, form: Any, one: Fewer, arrays: Mapping[str, np.ndarray], goal: Wanted
) -> Shrunk:
    """The figures of a layer, of the arrays as they are written."""
    entries = {name: place.entry(name) for name in place.layer.names}
    size_before = sum(_bytes(each.shape, each.dtype) for each in entries.values())
    types = {name: each.dtype for name, each in entries.items()}
    written = form
    upper = 0.0
    size = size_before
    if arrays:
        written = TARGETS[place.layer.target].back(
            _carried(place) | dict(arrays), **sized(place.layer.target, place.held.length)
        )
        upper = float(np.max(relative_errors(form, written, place.rule, goal.norm)))
        kept = [_bytes(entries[n].shape, types[n]) for n in types if n not in arrays]
        size = sum(kept) + sum(
            _bytes(X.shape, types.get(n, str(X.dtype))) for n, X in arrays.items()
        )
    order = np.ravel(one.order)
    return Shrunk(
        prefix=place.layer.prefix,
        target=place.layer.target,
        rule=place.rule,
        channels=order.size,
        states=states(written),
        states_before=states(form),
        order=int(np.max(order)),
        least=int(np.max(one.least)),
        padded=int(np.sum(order < np.max(order))),
        lower=float(np.max(one.lower)),
        upper=upper,
        conditioning=float(np.max(one.conditioning)),
        size=size,
        size_before=size_before,
        form=written,
        form_before=form,
    )


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    size = 2 if dtype == "bfloat16" else 1 if not in_numpy(dtype) else np.dtype(dtype).itemsize
    return math.prod(shape) * size


def _write(path: Path, shrinking: Shrinking, held: Contents, *, force: bool) -> None:
    """The file with the record of the source, and what was proved beside it."""
    proofs = [
        {name: value for name, value in layer._asdict().items() if not name.startswith("form")}
        for layer in shrinking.layers
    ]
    record = {**held.record, "reduced": json.dumps(proofs)}
    short = [
        name
        for name in shrinking.arrays
        if name in held.entries and held.entries[name].dtype == "bfloat16"
    ]
    record = resigned(shrinking.arrays, record)
    checkpoints.write(path, shrinking.arrays, record, short=short, force=force)
