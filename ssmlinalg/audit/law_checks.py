"""Checks of the laws that a layer is said to start from."""

from __future__ import annotations

import math

import numpy as np

from ..export import TARGETS
from .declared_laws import draws_of, kept
from .kolmogorov_smirnov import ALARM, FEW, kolmogorov
from .layer_forms import inputs_of
from .records import Faults, Fit, Observation

_HIDDEN = 2  # times eps: a movement that no precision hides in all of eight values
_MEDIAN = 0.6745  # of the size of normal noise of deviation 1


def constant(layer: Observation) -> Faults:
    """One value throughout where the layer starts from draws."""
    for name, array in layer.arrays.items():
        if array.size < 2 or not np.any(array) or np.any(array != array.flat[0]):
            continue
        laws = [fit for fit in layer.tests if name in fit.arrays and fit.kind != "constant"]
        if laws and not any(fit.like for fit in laws):
            law = f"{laws[0].quantity} is drawn {laws[0].law}"
            yield name, f"All {array.size} values are {array.flat[0]:.6g}, where {law}."


def law(layer: Observation) -> Faults:
    """A fresh layer whose draws are not those of the law it is said to start from."""
    for fit in layer.tests:
        if layer.fresh and fit.p < layer.alarm and not fit.like:
            off = f"p = {fit.p:.2g}"
            if fit.kind == "constant":
                off = f"deviates by {fit.statistic:.3g}"
            array = fit.arrays[0] if fit.arrays else ""
            yield array, f"{fit.quantity} is not {fit.law}: {off} over {fit.draws} values."


def interval(layer: Observation) -> Faults:
    """A fresh layer with draws outside the interval they are said to be drawn from."""
    for fit in layer.tests:
        if layer.fresh and fit.kind == "uniform" and fit.outside > 0 and not fit.like:
            low, width = fit.parameters
            least, largest = fit.extremes
            share = f"{100 * fit.outside:.3g} % of {fit.quantity} lie outside"
            where = f"the interval from {low:.4g} to {low + width:.4g}"
            there = f"all are between {least:.4g} and {largest:.4g}"
            yield fit.arrays[0], f"{share} {where}; {there}."


def reinitialized(layer: Observation) -> Faults:
    """A bias that is drawn as torch.nn.Linear draws one: its initialization is lost."""
    for fit in layer.tests:
        for name in fit.arrays:
            inputs = _inputs_of_bias(layer, name)
            array = np.ravel(layer.arrays[name])
            if fit.p >= layer.alarm or inputs is None or np.unique(array).size < FEW:
                continue
            bound = 1 / math.sqrt(inputs)
            p = kolmogorov(array, "uniform", (-bound, 2 * bound))[1]
            if np.max(np.abs(array)) <= bound * (1 + layer.precision[name]) and p >= ALARM:
                law = f"Uniform between -{bound:.4g} and {bound:.4g} (p = {p:.2g})"
                yield name, f"{law}, as torch.nn.Linear draws a bias."


def reset(layer: Observation) -> Faults:
    """A was trained, and another array is as it was initialized.

    It was drawn again after loading, or never trained: a file does not tell which.
    As much movement as A shows would have put draws beyond the ends of their law, or moved a
    constant.
    """
    if not _was_trained(layer):
        return
    moved = _movement(layer)
    for fit in layer.tests:
        trainable = [TARGETS[layer.target].training[name]["trainable"] for name in fit.arrays]
        if fit.like or not all(trainable) or set(fit.arrays) & set(layer.poles):
            continue
        coarsest = max(layer.precision[name] for name in fit.arrays)
        same = kept(fit) and fit.draws >= FEW and moved > _HIDDEN * coarsest
        if same or (fit.kind == "uniform" and _would_have_left(fit, moved, layer.alarm)):
            law = f"{fit.quantity} is {fit.law} as at first, p = {fit.p:.2g}"
            trained = f"A was trained, a typical mode by {moved:.2g} of itself"
            where = f"with none of {fit.draws} values outside"
            cause = "it was drawn anew after loading, or never trained, which may be meant"
            yield fit.arrays[0], f"{trained}, and {law}, {where}: {cause}."


def _was_trained(layer: Observation) -> bool:
    """Whether A was an initialization and moved, in every channel its own way."""
    found = layer.identified
    channels = max(1, inputs_of(layer.form)) if layer.form is not None else 0
    irregular = 2 * found.apart > channels or len(found.A) == channels
    own = [fit for fit in layer.tests if set(fit.arrays) <= set(layer.poles)]
    as_drawn = own and all(fit.p >= layer.alarm and fit.outside == 0 for fit in own)
    fresh = layer.fresh or found.exact or as_drawn
    return bool(channels and found.names) and irregular and not fresh


def _movement(layer: Observation) -> float:
    """The deviation of normal noise that moved A as far as it is, relative to itself.

    Modes are matched to the nearest, which hides some of it; those with a place of their own tell.
    """
    medians = [layer.identified.typical]
    for fit in layer.tests:
        draws = draws_of(layer.laws[fit.quantity], layer.arrays)
        if fit.kind == "constant" and set(fit.arrays) <= set(layer.poles) and draws is not None:
            medians.append(float(np.median(np.abs(draws.values / fit.parameters[0] - 1))))
    return max(medians) / _MEDIAN


def _would_have_left(fit: Fit, moved: float, alarm: float) -> bool:
    """Whether normal noise of this size would have put some draws beyond the ends of the law.

    At each end a share of deviation / (width sqrt(2 pi)) of uniform draws would leave.
    """
    leaving = 2 * fit.draws * moved / (fit.parameters[1] * math.sqrt(2 * math.pi))
    return fit.outside == 0 and fit.p >= alarm and math.exp(-leaving) <= alarm


def _inputs_of_bias(layer: Observation, name: str) -> int | None:
    """The number of inputs of the linear map that an array is the bias of; None if it is none."""
    key = layer.names[name]
    if not key.endswith("bias"):
        return None
    weight = layer.others.get(f"{key.removesuffix('bias')}weight", ())
    return weight[1] if len(weight) == 2 else None
