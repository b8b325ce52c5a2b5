"""Layers in a checkpoint: names that end as those of a layout, under a prefix of their own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..ground import require
from .layout import Target, ranked
from .targets import TARGETS, known_target

# PEFT, FSDP, activation checkpointing and torch.compile put a part of their own into names.
_WRAPPED = re.compile(
    r"(?<![^./])(base_layer|_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod)[./]"
)
# The direction backwards in time of Vim and of what follows it: A_b_log, dt_proj_b.bias, ...
# lrnnx registers the parameters of S4 in the layer and in this part of it: one stored number each.
_TWIN = "layer.kernel."
_SECOND = re.compile(r"(.*[./]|)(A|D|dt_proj|x_proj)_b(_log|\.weight|\.bias|)")
Shapes = Mapping[str, tuple[int, ...]]


class Layer(NamedTuple):
    """A layer in a checkpoint.

    Attributes:
        prefix: the text before its names, "" or ending in a dot or a slash.
        target: the name of its layout.
        names: the names in the checkpoint, by those of the layout.
    """

    prefix: str
    target: str
    names: dict[str, str]


def layers(shapes: Shapes, target: str | None = None, *, model: str | None = None) -> list[Layer]:
    """The layers among arrays of these names and shapes, in their order.

    Without `target` a layer has all names that a layout requires, with as many axes, and belongs to
    the target with the most names. With `target`, a layer that lacks some is listed as well, if
    half of them are there: the reader has to refuse it. An array that a layout calls optional may
    lie one level up, in the layer around the kernel, or above "kernel.kernel." as in old S4. A
    second direction, as of Vim, is a layer of its own, under "backward.".

    Args:
        shapes: shapes by name.
        target: the one layout that is looked for. None: all.
        model: the target that the model is known to have, which decides where several have the
            same names.

    Returns:
        At least one layer.

    Raises:
        TypeError: for names that are not text.
        ValueError: for an unknown target, where there is no layer, and where several targets have
            the same names.

    Example:
        >>> shapes = {"C": (3, 4, 2), "log_dt": (3,), "log_A_real": (3, 4), "A_imag": (3, 4)}
        >>> layers({f"net.0.{name}": shape for name, shape in shapes.items()})[0].names["C"]
        'net.0.C'
    """
    require.instance("shapes", shapes, Mapping, "Give shapes by name.")
    odd = [name for name in shapes if not isinstance(name, str)]
    if odd:
        raise TypeError(f"the names of arrays must be text; got {odd[0]!r}. Rename it.")
    chosen: Mapping[str, Target] = TARGETS
    if target is not None:
        chosen = {known_target("target", target): TARGETS[target]}
    real = {_alias(name): name for name in shapes}
    known = {alias: shapes[name] for alias, name in real.items()}
    every = [layer for name in chosen for layer in _under_all_prefixes(known, name)]
    whole = [layer for layer in every if not _lacks(layer)]
    partial = [layer for layer in every if _lacks(layer)]
    if model is not None:
        known_target("model", model)
    found = (
        _best(_once(whole, known), model) if target is None else _once([*whole, *partial], known)
    )
    if not found:
        raise ValueError(_nothing(shapes, chosen))
    order = {name: index for index, name in enumerate(known)}
    found.sort(key=lambda layer: min(order[name] for name in layer.names.values()))
    return [
        layer._replace(names={name: real[alias] for name, alias in layer.names.items()})
        for layer in found
    ]


def _alias(name: str) -> str:
    """The name without what wrappers put into it; of a second direction, under "backward."."""
    second = _SECOND.fullmatch(bare := _WRAPPED.sub("", name))
    return f"{second[1]}backward.{second[2]}{second[3]}" if second else bare


def _under_all_prefixes(shapes: Shapes, target: str) -> Iterator[Layer]:
    """Every prefix under which at least half of the required names stand."""
    there = TARGETS[target]
    required = _required(there)
    endings = [re.compile(rf"(^|.*[./]){re.escape(name)}") for name in required or there.optional]
    matches = (ending.fullmatch(name) for name in shapes for ending in endings)
    prefixes = dict.fromkeys(match[1] for match in matches if match)
    for prefix in prefixes:
        names = _names(shapes, there, prefix)
        if names and 2 * sum(name in names for name in required) >= len(required):
            yield Layer(prefix, target, names)


def _names(shapes: Shapes, there: Target, prefix: str) -> dict[str, str]:
    """The names of the layout that stand under a prefix, with as many axes."""
    names = {}
    above = re.sub(r"[^./]*[./]$", "", prefix)
    outside = re.sub(r"(layer|kernel)\.kernel\.$", "", prefix)
    for name, (_, axes) in there.layout.items():
        places = [prefix + name]
        if name in there.optional:
            places += [above + name, outside + name]
        fitting = (key for key in places if key in shapes and ranked(shapes[key], axes))
        key = next(fitting, None)
        if key is not None:
            names[name] = key
    return names


def _once(found: list[Layer], shapes: Shapes) -> list[Layer]:
    """The layers without those whose parameters the kernel inside holds as well."""
    inner = {layer.prefix: layer for layer in found}

    def twice(layer: Layer) -> bool:
        twin = layer.prefix + _TWIN
        required = _required(TARGETS[layer.target])
        own = [name for name in required if name in layer.names]
        return twin in inner and all(
            shapes[layer.names[name]] == shapes.get(twin + name) for name in own
        )

    return [layer for layer in found if not twice(layer)]


def _required(there: Target) -> list[str]:
    return [name for name in there.layout if name not in there.optional]


def _lacks(layer: Layer) -> bool:
    return any(name not in layer.names for name in _required(TARGETS[layer.target]))


def _best(found: list[Layer], model: str | None) -> list[Layer]:
    """For each prefix the layer with the most names; ValueError if two have them.

    Where one of the two is that of the model, it is that.
    """
    best: dict[str, list[Layer]] = {}
    for layer in found:
        rivals = best.setdefault(layer.prefix, [])
        if not rivals or len(layer.names) > len(rivals[0].names):
            best[layer.prefix] = [layer]
        elif len(layer.names) == len(rivals[0].names):
            rivals.append(layer)
    for prefix, rivals in best.items():
        known = [layer for layer in rivals if layer.target == model]
        best[prefix] = known or rivals
    for prefix, rivals in best.items():
        if len(rivals) > 1:
            got = " and ".join(layer.target for layer in rivals)
            rule = f"the names under {prefix!r} must be those of one target"
            raise ValueError(f"{rule}; got {got}. Say which by `target`.")
    return [rivals[0] for rivals in best.values()]


def _nothing(shapes: Shapes, chosen: Mapping[str, Target]) -> str:
    """The sentence where there is no layer, with the name that was nearest to one."""
    for target in chosen:
        stacked = _stacked(shapes, target)
        if stacked:
            return stacked
    known = sorted({name for there in chosen.values() for name in there.layout})
    needed = "of a target"
    if len(chosen) == 1:
        needed = ", ".join(name for there in chosen.values() for name in there.layout)
    got = ", ".join(list(shapes)[:6]) or "none"
    if len(shapes) > 6:
        got += ", ..."
    remedy = "Give another `target`, or names of a layout by `renamed`."
    by_ending = {re.sub(r".*[./]", "", name): name for name in shapes}
    for name in known:
        nearest = difflib.get_close_matches(name, by_ending, n=1, cutoff=0.75)
        if nearest and nearest[0] != name:
            remedy = f"Is {by_ending[nearest[0]]!r} meant to be {name!r}? Say so by `renamed`."
            break
    return f"the names must be those of a layer, {needed}; got {got}. {remedy}"


def _stacked(shapes: Shapes, target: str) -> str:
    """The sentence where all names are those of a layer, with one axis more; "" where they are not.

    So `jax.vmap` and scans over layers keep parameters.
    """
    layout = TARGETS[target].layout
    required = _required(TARGETS[target])
    for key in shapes:
        start = key.removesuffix(required[0]) if required and key.endswith(required[0]) else None
        if start is None or any(start + name not in shapes for name in required):
            continue
        if all(ranked(shapes[start + name][1:], layout[name][1]) for name in required):
            rule = f"the arrays must have the axes of a layer of {target}"
            got = f"{key!r} of shape {shapes[key]}, with one axis more"
            return f"{rule}; got {got}. Pass one entry of the first axis after the other."
    return ""
