"""The layers of a file, a mapping or a form in another layout."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..checkpoints import Entry
from ..export.layout import stored
from ..export.plain import library_form
from ..export.reader import contents, form_in
from ..export.saving import put, recorded, writable
from ..export.targets import TARGETS, known_target, sized
from ..forms import Form, move
from ..ground import require
from .equivalence import fitted
from .proof import Sampled, prove

_LENGTH = 1024  # samples over which a conversion is proved, unless a length is given

Source = str | os.PathLike[str] | Mapping[str, Any] | Form


class Converted(NamedTuple):
    """One layer in its new layout, and how far its kernel moved.

    Each figure is the largest of all channels, and every channel was held to its own.

    Attributes:
        prefix: the text before its names.
        source: the layout that was read, or the type of the form.
        target: the layout that is written.
        moved: by layout, the facts that it keeps in other places than a form: the scaling that went
            between B and C.
        length: the samples over which the kernels were compared.
        error: the largest change of a kernel.
        allowed: the change of a kernel that the rounding of the arrays makes, at most 1/64 of
            `scale`.
        scale: the largest entry of the kernel.
    """

    prefix: str
    source: str
    target: str
    moved: tuple[str, ...]
    length: int
    error: float
    allowed: float
    scale: float


class Conversion(NamedTuple):
    """All arrays under their new names, the layers that they are of, and what is left out.

    Attributes:
        arrays: the arrays of all layers, by name.
        layers: the layers.
        left: the names of the arrays of the source that are not among them.
        carried: the names of those that are, though no layer has them.
    """

    arrays: dict[str, np.ndarray]
    layers: list[Converted]
    left: list[str]
    carried: list[str]


class _Model(NamedTuple):
    """One layer that was read.

    Attributes:
        prefix: the text before its names.
        source: its layout, or the type of the form.
        form: what it computes with.
        rule: the rule that it samples by.
        unread: its arrays that no form holds, by the names of the layout.
        names: the names of its arrays in the source, by those of the layout.
        rest: the arrays of the source that are of no layer.
    """

    prefix: str
    source: str
    form: Any
    rule: str | None
    unread: Mapping[str, np.ndarray] = {}
    names: Mapping[str, str] = {}
    rest: Mapping[str, Entry] = {}


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # no kernel that overflows is proved
def convert(
    source: Source,
    target: str,
    *,
    source_target: str | None = None,
    length: int | None = None,
    layer: str | None = None,
    renamed: Mapping[str, str] | None = None,
    whole: bool = False,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Conversion:
    """The layers of `source` in the layout `target`, each proved to have the kernel it had.

    Prefixes of layers are kept. Models of many inputs are compared along random mixtures of them,
    which see every entry of the kernel.

    Args:
        source: a file of arrays (`checkpoints.read` says which), a mapping of arrays by name, or a
            form.
        target: the layout to write, a name in `export.TARGETS`.
        source_target: the layout to read. None: that of the record in the file, or the one
            target that the names fit.
        length: the number of samples over which the kernels are compared, 1024 unless given, and
            the length of sequences for layouts that depend on it. A file of ours that has a length
            is read at its own, whatever the new one is.
        layer: the start of the names of the layers that are converted. None: all.
        renamed: own names of arrays and those of the layout, see `export.contents`.
        whole: whether the arrays of no layer are carried along as they are, those of bfloat16 to
            safetensors only. Else `left` names them.
        output: the file to which the arrays are written if all layers could be proved.
        force: whether an existing file is replaced.

    Returns:
        A `Conversion`.

    Raises:
        ValueError: if a kernel would change by more than the rounding of the arrays, if no layer is
            found or several targets have the names, and as reading and the target's `to` do.
        TypeError: for a form that no exact step brings to the target, and as reading and the
            target's `to` do.
        FileExistsError: for an output that exists, unless `force`.
        FileNotFoundError: for a missing file or folder.
        OSError: where the system refuses.

    Example:
        >>> from ssmlinalg import s5_init
        >>> found = convert(s5_init(8, channels=3), "s5-pytorch")
        >>> found.layers[0].error < 1e-6 * found.layers[0].scale
        True
    """
    known_target("target", target)
    if source_target is not None:
        known_target("source_target", source_target)
    whole = require.switch("whole", whole)
    samples = _LENGTH if length is None else require.integer("length", length)
    path = None if output is None else writable(output, force=force)
    arrays: dict[str, np.ndarray] = {}
    converted: list[Converted] = []
    left: list[str] = []
    rest: Mapping[str, Entry] = {}
    form = ""
    for model in _models(source, source_target, length, layer, renamed):
        found = fitted(model.form, model.rule, TARGETS[target])
        held = TARGETS[target].to(found, **sized(target, length))
        converted.append(_proved(model, held, target, length, samples))
        kept = {name: model.unread[name] for name in TARGETS[target].unread if name in model.unread}
        held |= stored(kept, TARGETS[target].layout)
        arrays |= {model.prefix + name: array for name, array in held.items()}
        left += [model.names[name] for name in model.unread if name not in kept]
        rest = model.rest
        form = type(found).__name__
    carried = [*rest] if whole else []
    arrays |= {name: rest[name].read() for name in carried}
    if path is not None:
        short = [name for name in carried if rest[name].dtype == "bfloat16"]
        record = _record(arrays, converted, target, form=form, length=length)
        put(path, arrays, record, short=short, force=force)
    return Conversion(arrays, converted, left if whole else [*left, *rest], carried)


def _models(
    source: Source,
    source_target: str | None,
    length: int | None,
    layer: str | None,
    renamed: Mapping[str, str] | None,
) -> Iterator[_Model]:
    """Every layer with its form, one after the other."""
    if not isinstance(source, (str, os.PathLike, Mapping)):
        if source_target is not None:
            rule = "`source_target` must be left out for a form"
            raise ValueError(f"{rule}; got {source_target!r}. It names the layout of arrays.")
        form: Any = library_form(move(source, "numpy"))  # pyright: ignore[reportArgumentType]
        yield _Model("", type(source).__name__, form, None)
        return
    try:
        held = contents(source, target=source_target, length=length, layer=layer, renamed=renamed)
    except ValueError as error:  # of the layout that is read
        raise ValueError(str(error).replace("`target`", "`source_target`")) from None
    of_layers = {key for place in held.layers for key in place.names.values()}
    rest = {name: entry for name, entry in held.entries.items() if name not in of_layers}
    for place in held.layers:
        there = TARGETS[place.target]
        unread = {
            name: held.entries[place.names[name]].read()
            for name in there.unread
            if name in place.names
        }
        form = form_in(held, place)
        yield _Model(place.prefix, place.target, form, there.rule, unread, place.names, rest)


def _proved(
    model: _Model, held: dict[str, np.ndarray], target: str, length: int | None, samples: int
) -> Converted:
    """The layer of the new arrays, once all its kernels are known to be those of the model."""
    there = TARGETS[target]
    # A layout that samples nothing takes the rule of the other.
    before = Sampled(model.form, model.rule or there.rule or "zoh")

    def after(arrays: Mapping[str, np.ndarray]) -> Sampled:
        form = there.back(arrays, **sized(target, length))
        return Sampled(form, there.rule or model.rule or "zoh")

    proof = prove(before, held, after, samples)
    wrong = np.flatnonzero(~(proof.error <= proof.allowed))
    if wrong.size:
        error, allowed, scale = (float(each[wrong[0]]) for each in proof)
        where = f" of {model.prefix!r}" if model.prefix else ""
        got = f"one{where} of size {scale:.3g} moved by {error:.3g}, where {allowed:.3g} is allowed"
        rule = "a conversion must keep every kernel"
        raise ValueError(f"{rule}; got {got}. Keep its layout, or a shorter length.")
    return Converted(
        prefix=model.prefix,
        source=model.source,
        target=target,
        moved=tuple(TARGETS[name].moved for name in (model.source, target) if name in TARGETS),
        length=samples,
        error=float(np.max(proof.error, initial=0.0)),
        allowed=float(np.max(proof.allowed, initial=0.0)),
        scale=float(np.max(proof.scale, initial=0.0)),
    )


def _record(
    arrays: Mapping[str, np.ndarray],
    converted: list[Converted],
    target: str,
    *,
    form: str,
    length: int | None,
) -> dict[str, str]:
    proofs = {"converted": json.dumps([layer._asdict() for layer in converted])}
    prefixes = [layer.prefix for layer in converted]
    names = [
        name
        for name in TARGETS[target].layout
        if any(prefix + name in arrays for prefix in prefixes)
    ]
    return recorded(proofs, target, names, form=form, length=length)
