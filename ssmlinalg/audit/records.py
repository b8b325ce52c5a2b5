"""The nouns of an audit, and what is asked of the arrays of one layer: the form they are, how exact
they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..export import TARGETS, Layer
from ..forms import MIMO, MIMORecurrence, PairedRecurrence, Recurrence

ALARM = 1e-4  # the chance that some law of a sound layer is called broken
FEW = 8  # fewer draws or values than these say nothing of a law
MANY = 1 << 18  # more draws than these are thinned out
DISCRETE = (Recurrence, PairedRecurrence, MIMORecurrence)
_EPS = {"float64": 2.0**-52, "complex128": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_EPS |= {"float8_e4m3fn": 2.0**-3, "float8_e5m2": 2.0**-2}
SINGLE = 2.0**-23


class Finding(NamedTuple):
    """Something that cannot be meant: `kind` is a name of `CHECKS`, `array` one of the layer's
    layout, "" for all of it.
    """

    layer: str
    kind: str
    array: str
    message: str


class Identified(NamedTuple):
    """Which initialization A is.

    If `exact`, `names` are all that have this A (several do), to the precision of the file or,
    where A is drawn, by its law; else the nearest, and none where nothing compares. `order` is
    theirs, in `blocks` of one spectrum. `distance` is max |A - A0|/max |A0|, modes matched, in the
    worst channel (0 by law, infinite where nothing compares), `allowed` what the precision of the
    file leaves of it, `distances` those of all that were compared. `agrees` is the share of modes
    within `allowed`, `deviating` the first 64 channels with modes that are not. `A` and `A0` (n,)
    are the modes of the worst channel and of the initialization, matched, folded into the upper
    half plane.
    """

    names: tuple[str, ...]
    order: int
    blocks: int
    exact: bool
    distance: float
    allowed: float
    distances: dict[str, float]
    agrees: float
    deviating: tuple[int, ...]
    A: np.ndarray
    A0: np.ndarray


class Fit(NamedTuple):
    """A law of `Target.declared` against the draws of a layer.

    `statistic` is that of Kolmogorov and Smirnov, `p` its exact probability; of a constant the
    largest deviation, and 1 or 0. `outside` is the share of draws beyond the ends of the law.
    `like` names an initialization of ours that draws this quantity otherwise, and as found.
    `extremes` are the least and the largest draw, `counts` of them between `edges` their histogram.
    """

    quantity: str
    kind: str
    parameters: tuple[float, ...]
    draws: int
    statistic: float
    p: float
    outside: float
    like: str
    extremes: tuple[float, float]
    edges: np.ndarray
    counts: np.ndarray


class LayerReport(NamedTuple):
    """One layer: where, of which target, its order and channels (0 where it could not be read),
    what its A is, its laws.
    """

    prefix: str
    target: str
    order: int
    channels: int
    fresh: bool
    identified: Identified
    tests: list[Fit]


class Audit(NamedTuple):
    """All layers, in the order of the checkpoint, and all findings."""

    layers: list[LayerReport]
    findings: list[Finding]


class Seen(NamedTuple):
    """What a check looks at: the arrays of one layer by the names of its layout, and what became of
    them.

    `form` is None where the layer refuses them, and then `refusal` says why. `precision` is eps of
    each array, of 16 bits where its values have no more. `poles` are the names of the arrays that A
    is made of, `tests` goes with `sources`: the arrays that each law reads. `others` are the shapes
    of all arrays of the checkpoint.
    """

    layer: Layer
    arrays: dict[str, np.ndarray]
    dtypes: dict[str, str]
    precision: dict[str, float]
    form: Any
    refusal: str
    poles: tuple[str, ...]
    identified: Identified
    fresh: bool
    tests: list[Fit]
    sources: list[tuple[str, ...]]
    alarm: float
    expect: str | None
    length: int
    others: Mapping[str, tuple[int, ...]]


NOTHING = Identified(
    (), 0, 1, False, math.inf, 0.0, {}, 0.0, (), np.zeros(0, complex), np.zeros(0, complex)
)


def width(form: Any) -> int:
    """How many inputs the layer has."""
    return (
        form.B.shape[-1]
        if isinstance(form, (MIMO, MIMORecurrence))
        else math.prod((form.C * form.B).shape[:-1])
    )


def back(target: str, arrays: Mapping[str, np.ndarray], length: int) -> tuple[Any, str]:
    """The form that the arrays are, and ""; or None, and why the target refuses them."""
    there = TARGETS[target]
    try:
        with np.errstate(all="ignore"):
            return there.back(arrays, **({"length": length} if there.sized else {})), ""
    except (ValueError, TypeError) as error:
        return None, str(error)


def eps_of(array: np.ndarray, dtype: str) -> float:
    """eps of what the values are: 16 bits where so many different ones have no more, whatever they
    are stored in.
    """
    stored = _EPS.get(dtype, SINGLE)
    values = (
        np.concatenate([np.ravel(np.real(array)), np.ravel(np.imag(array))])
        if array.dtype.kind == "c"
        else np.ravel(array)
    )
    if (
        array.dtype.kind not in "fc"
        or stored > SINGLE
        or values.size == 0
        or not np.all(np.isfinite(values))
    ):
        return stored
    some = np.unique(
        values[:: max(1, values.size >> 12)]
    )  # a few thousand decide; all are looked at where they pass
    if np.count_nonzero(some != np.round(some)) < FEW:
        return stored
    for short, holds in ((2.0**-10, _holds_half), (2.0**-7, _holds_brain)):
        if holds(some) and holds(values):
            return short
    return stored


def _holds_half(values: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.all(values.astype(np.float16) == values))


def _holds_brain(values: np.ndarray) -> bool:
    single = np.ascontiguousarray(values, np.float32)
    return bool(np.all(single == values) and not np.any(single.view(np.uint32) & 0xFFFF))


def nudge(array: np.ndarray, eps: float) -> np.ndarray:
    """Every value rounded as far as it may have been, all one way: conjugates stay conjugates."""
    return array.astype(np.result_type(array, np.float64)) * (1 + eps / 2)
