"""Where in a checkpoint the layers are: names that end as those of a layout, under a prefix of
their own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..ground import require
from .layout import Target, ranked
from .targets import TARGETS


class Layer(NamedTuple):
    """A layer in a checkpoint.

    `prefix` is what stands before its names, "" or ending in a dot or a slash; `names` leads from
    the names of the target's layout to those in the checkpoint.
    """

    prefix: str
    target: str
    names: dict[str, str]


def layers(shapes: Mapping[str, tuple[int, ...]], target: str | None = None) -> list[Layer]:
    """The layers among arrays of these names and shapes, in their order: those of one target, or of
    the one that fits best.

    Without `target` a layer is what has all names a layout requires, with as many axes, and belongs
    to the target with the most names. With it, a layer that lacks some is listed as well, if half
    of them are there: it is for whoever reads it to refuse. An array that a layout calls optional
    may lie one level up, in the layer around the kernel. Raises TypeError for names that are not
    text; ValueError for an unknown target, where there is no layer, and where several targets have
    the same names.

    >>> layers({"net.0.C": (3, 4, 2), "net.0.log_dt": (3,), "net.0.log_A_real": (3, 4), "net.0.A_imag": (3, 4)})[0].names["C"]
    'net.0.C'
    """
    odd = [name for name in shapes if not isinstance(name, str)]
    if odd:
        raise TypeError(f"the names of arrays must be text; got {odd[0]!r}. Rename it.")
    chosen = (
        TARGETS if target is None else {require.known("target", target, TARGETS): TARGETS[target]}
    )
    found = [layer for name in chosen for layer in _of(shapes, name)]
    whole = [layer for layer in found if not _missing(layer)]
    found = (
        _best(whole) if target is None else [*whole, *(layer for layer in found if _missing(layer))]
    )
    if not found:
        raise ValueError(_nothing(shapes, chosen))
    order = {name: index for index, name in enumerate(shapes)}
    return sorted(found, key=lambda layer: min(order[name] for name in layer.names.values()))


def _of(shapes: Mapping[str, tuple[int, ...]], target: str) -> Iterator[Layer]:
    """Every prefix under which at least half of the required names stand."""
    there = TARGETS[target]
    required = [name for name in there.layout if name not in there.optional]
    ends = {
        name: re.compile(rf"(^|.*[./]){re.escape(name)}") for name in required or there.optional
    }
    prefixes = dict.fromkeys(
        match[1] for key in shapes for end in ends.values() if (match := end.fullmatch(key))
    )
    for prefix in prefixes:
        names = {}
        for name, (_, axes) in there.layout.items():
            above = re.sub(r"[^./]*[./]$", "", prefix)
            for key in (
                (prefix + name, above + name) if name in there.optional else (prefix + name,)
            ):
                if key in shapes and ranked(shapes[key], axes):
                    names[name] = key
                    break
        if names and 2 * sum(name in names for name in required) >= len(required):
            yield Layer(prefix, target, names)


def _missing(layer: Layer) -> list[str]:
    there = TARGETS[layer.target]
    return [name for name in there.layout if name not in layer.names and name not in there.optional]


def _best(found: list[Layer]) -> list[Layer]:
    """For each prefix the layer with the most names; ValueError if two have them."""
    best: dict[str, list[Layer]] = {}
    for layer in found:
        rivals = best.setdefault(layer.prefix, [])
        if not rivals or len(layer.names) > len(rivals[0].names):
            best[layer.prefix] = [layer]
        elif len(layer.names) == len(rivals[0].names):
            rivals.append(layer)
    for prefix, rivals in best.items():
        if len(rivals) > 1:
            got = " and ".join(layer.target for layer in rivals)
            raise ValueError(
                f"the names under {prefix!r} must be those of one target; got {got}. Say which."
            )
    return [rivals[0] for rivals in best.values()]


def _nothing(shapes: Mapping[str, tuple[int, ...]], chosen: Mapping[str, Target]) -> str:
    needed = (
        "of a target"
        if len(chosen) > 1
        else ", ".join(name for there in chosen.values() for name in there.layout)
    )
    some = ", ".join(list(shapes)[:6]) + (", ..." if len(shapes) > 6 else "")
    known = sorted({name for there in chosen.values() for name in there.layout})
    last = {re.sub(r".*[./]", "", name): name for name in shapes}
    pairs = {name: difflib.get_close_matches(name, last, n=1, cutoff=0.75) for name in known}
    near = [
        f"Is {last[match[0]]!r} meant to be {name!r}?"
        for name, match in pairs.items()
        if match and match[0] != name
    ]
    return f"the names must be those of a layer, {needed}; got {some or 'none'}. {near[0] if near else 'Say another target.'}"
