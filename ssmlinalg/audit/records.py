"""The records of an audit: of a layer, its initialization, its laws, its faults."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..export.published import Laws


class Finding(NamedTuple):
    """Something that cannot be meant.

    Attributes:
        layer: the prefix of the layer.
        kind: a name of `CHECKS`.
        array: the array at fault, by its name in the layout; "" for the whole layer.
        message: one sentence with the numbers.
    """

    layer: str
    kind: str
    array: str
    message: str


class Identified(NamedTuple):
    """The initialization that A is, or the nearest one.

    Attributes:
        names: if `exact`, all initializations that have this A, to the precision of the file or,
            where A is drawn, by its law; else the nearest by a typical mode; () where none is near.
        order: order N of the initialization.
        blocks: the number of equal blocks that make up the spectrum.
        exact: whether A is that initialization.
        distance: max |A - A0| / max |A0|, modes matched, in the worst channel; 0 by law, infinite
            where nothing compares.
        allowed: the distance that the precision of the file explains: the largest of all modes if
            `exact`, else that of the mode farthest beyond it.
        typical: the median of |A_n - A0_n| / |A0_n|, by which the nearest is chosen.
        apart: the number of different channels, as far as A goes.
        distances: the distance of every initialization that was compared, of all but the nearest
            and exact ones in 64 channels.
        agrees: the share of channels with this A; of modes, where all channels have the same. 0
            where the others are no farther off than rounding hides.
        deviating: the first 64 of the others.
        A: the modes (n,) of the worst channel, folded into the upper half plane.
        A0: those of the initialization, matched.
    """

    names: tuple[str, ...]
    order: int
    blocks: int
    exact: bool
    distance: float
    allowed: float
    typical: float
    apart: int
    distances: dict[str, float]
    agrees: float
    deviating: tuple[int, ...]
    A: np.ndarray
    A0: np.ndarray


class Fit(NamedTuple):
    """A law of `Target.declared` against the draws of a layer.

    Attributes:
        quantity: the quantity that is drawn, a key of `Target.declared`.
        kind: a distribution of `scipy.stats`, or "constant".
        parameters: shapes, location and scale; the value of a constant.
        draws: the number of draws.
        statistic: that of Kolmogorov and Smirnov; the largest deviation from a constant.
        p: its exact probability; 1 or 0 of a constant.
        outside: the share of draws beyond the ends of the law.
        like: an initialization of ours whose export draws this quantity otherwise than published,
            and as found; "" if there is none.
        extremes: the least and the largest draw.
        edges: the edges of a histogram.
        counts: the number of draws between them.
        arrays: the names of the arrays that the quantity is made of.
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
    arrays: tuple[str, ...]

    @property
    def law(self) -> str:
        """The law in words."""
        if self.kind == "uniform":
            low, width = self.parameters
            return f"uniform between {low:.4g} and {low + width:.4g}"
        if self.kind == "constant":
            return f"{self.parameters[0]:.6g}"
        return f"{self.kind}({', '.join(f'{value:.4g}' for value in self.parameters)})"


class LayerReport(NamedTuple):
    """One layer of a checkpoint.

    Attributes:
        prefix: the start of the names of its arrays.
        target: the target whose layer it is.
        order: order of its state; 0 where it could not be read.
        channels: the number of its channels or inputs; 0 where it could not be read.
        fresh: whether it still is as it was initialized.
        identified: the initialization that its A is.
        figures: what is measured of a file of perturb-then-diagonalize: the measure of A, |E|/|A|,
            kappa(V), the abscissa, the transfer error; {} of other layers.
        source: the published code whose laws are tested, that of several which fits best; "" where
            none states any.
        tests: those laws.
    """

    prefix: str
    target: str
    order: int
    channels: int
    fresh: bool
    identified: Identified
    figures: Mapping[str, Any]
    source: str
    tests: list[Fit]


class Unseen(NamedTuple):
    """An array that looks like one of a state space model, and was not looked at.

    Attributes:
        name: its name in the checkpoint.
        shape: its shape.
        reason: why it belongs to no layer.
    """

    name: str
    shape: tuple[int, ...]
    reason: str


class Audit(NamedTuple):
    """The result of an audit.

    Attributes:
        layers: all layers, in the order of the checkpoint.
        findings: all faults, layer by layer.
        unseen: the arrays that look like a state space model and belong to no layer.
    """

    layers: list[LayerReport]
    findings: list[Finding]
    unseen: list[Unseen]


class Observation(NamedTuple):
    """One layer as the checks see it: its arrays, and the results of the tests of them.

    Attributes:
        prefix: the start of the names of its arrays.
        target: the target whose layer it is.
        names: from the names of the layout to those in the checkpoint.
        arrays: its arrays by the names of the layout.
        dtypes: the types in which they are stored.
        precision: eps of each array, that of 16 bits where its values have no more digits.
        form: the form that the arrays are; None where the layer refuses them.
        refusal: the reason for that.
        poles: the names of the arrays that A is made of.
        identified: the initialization that A is.
        perturbed: the figures of a file of perturb-then-diagonalize, a `Perturbed`; else None.
        fresh: whether the layer still is as it was initialized.
        laws: those of the published layer that fits best,
        tests: and their tests.
        alarm: the p below which a law is broken.
        expect: the initialization that A should be, if one was given.
        length: the length of sequences, where arrays depend on one.
        others: the shapes of all arrays of the checkpoint.
    """

    prefix: str
    target: str
    names: Mapping[str, str]
    arrays: Mapping[str, np.ndarray]
    dtypes: Mapping[str, str]
    precision: Mapping[str, float]
    form: Any
    refusal: str
    poles: tuple[str, ...]
    identified: Identified
    perturbed: Any
    fresh: bool
    laws: Laws
    tests: list[Fit]
    alarm: float
    expect: str | None
    length: int
    others: Mapping[str, tuple[int, ...]]


# The faults that a check finds: the array, "" for the whole layer, and one sentence.
Faults = Iterator[tuple[str, str]]
NOTHING = Identified(
    names=(),
    order=0,
    blocks=1,
    exact=False,
    distance=math.inf,
    allowed=0.0,
    typical=math.inf,
    apart=0,
    distances={},
    agrees=0.0,
    deviating=(),
    A=np.zeros(0, complex),
    A0=np.zeros(0, complex),
)
