"""Arrays that look like those of a state space model, and belong to no layer that was audited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import itemgetter

from ..export import TARGETS, Layer
from ..export.layout import ranked
from .records import Unseen

# Too common alone.
_BESIDE = re.compile(r"Ds?|[wPQBCLz]|omega|log_dt|x_proj[._]weight|dt_projs?[._]weight")
_MARK = re.compile(
    r"A_|_A_|^Lambda|_log$|^log_|inv_dt|dt_(proj\.|projs?_)?bias|log_step|w_(real|imag)$"
)


def unseen(shapes: Mapping[str, tuple[int, ...]], found: list[Layer]) -> Iterator[Unseen]:
    """The arrays that no layer holds, under a name of some layout or beside one, with the reason.

    Args:
        shapes: the shapes of all arrays by name.
        found: the layers.

    Returns:
        The arrays in their order.
    """
    seen = {name for layer in found for name in layer.names.values()}
    reasons = {name: _reason(name, shapes) for name in shapes if name not in seen}
    places = {_place(name): reason for name, reason in reasons.items() if reason}
    for name, reason in reasons.items():
        beside = places.get(_place(name)) if _BESIDE.fullmatch(_last(name)) else None
        if reason or beside:
            yield Unseen(name, shapes[name], reason or f"it stands beside others: {beside}")


def _reason(name: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The reason why an array of a telling name is in no layer; "" for any other name."""
    last = _last(name)
    if not _MARK.search(last):
        return ""
    places = [
        (target, known)
        for target, there in TARGETS.items()
        for known in there.layout
        if _last(known) == last
    ]
    reasons = [_unlike(name, shapes, target, known) for target, known in places]
    return min(reasons, key=itemgetter(0), default=(0, ""))[1]


def _unlike(
    name: str, shapes: Mapping[str, tuple[int, ...]], target: str, known: str
) -> tuple[int, str]:
    """How many arrays of a target differ, and in words, where this one were that of its layout."""
    there = TARGETS[target]
    start = name.removesuffix(known)
    required = [one for one in there.layout if one not in there.optional]
    lacking = [one for one in required if start + one not in shapes]
    if not ranked(shapes[name], there.layout[known][1]):
        axes = f"{len(there.layout[known][1])} axes, this has {len(shapes[name])}"
        return len(lacking) + 1, f"{target} has {known} with {axes}"
    if lacking:
        return len(lacking), f"the layer lacks others of {target}: {', '.join(lacking)}"
    return 0, f"it is of a layer of {target}, which was not asked for"


def _last(name: str) -> str:
    """The last part of a name, with that before it if it is only a weight or bias."""
    parts = re.split(r"[./]", name)
    count = 2 if parts[-1] in ("weight", "bias") else 1
    return ".".join(parts[-count:])


def _place(name: str) -> str:
    return name.removesuffix(_last(name))
