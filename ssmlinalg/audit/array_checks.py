"""Checks of the arrays of a layer by themselves: names, shapes, numbers, rounding, zeros."""

from __future__ import annotations

import difflib
import math

import numpy as np

from ..export import TARGETS
from ..export.parametrization import TRANSFORMS
from ..ground import require
from ..ground.formats import FORMATS, HALF, format_of
from .declared_laws import kept
from .identification import identify
from .kolmogorov_smirnov import FEW
from .layer_forms import form_of
from .records import NOTHING, Faults, Identified, Observation
from .stored_precision import fractions, slack_of

_STEPS = (1e-5, 0.5)  # what steps are drawn from, and no logarithm of one is
_NEAR = 0.6  # the likeness of a name that may be a misspelling


def unreadable(layer: Observation) -> Faults:
    """The layer refuses its arrays: a name is missing, a shape does not fit."""
    if layer.form is not None or any([*nonfinite(layer), *overflow(layer), *transposed(layer)]):
        return
    there = TARGETS[layer.target]
    missing = [name for name in there.layout if name not in (*layer.names, *there.optional)]
    here = [
        name.removeprefix(layer.prefix)
        for name in layer.others
        if name.startswith(layer.prefix) and name not in layer.names.values()
    ]
    hint = ""
    for name in missing:
        near = difflib.get_close_matches(name, here, n=1, cutoff=_NEAR)
        hint += f" Is {layer.prefix + near[0]!r} meant to be {name!r}?" if near else ""
    yield "", layer.refusal + hint


def nonfinite(layer: Observation) -> Faults:
    """NaN or infinite weights."""
    for name, array in layer.arrays.items():
        if array.dtype.kind in "fc" and not require.all_finite(array):
            wrong = np.argwhere(~np.isfinite(array))
            first = _index(wrong)
            count = f"{len(wrong)} of {array.size} values are not finite"
            yield name, f"{count}, the first {array[first]} at index {first}."


def overflow(layer: Observation) -> Faults:
    """Logarithms whose exponential is no number of the type they are stored in."""
    training = TARGETS[layer.target].training
    for name, array in layer.arrays.items():
        if "exp" not in training[name]["constraint"] or array.dtype.kind != "f":
            continue
        dtype = layer.dtypes[name]
        limit = math.log((format_of(dtype) or FORMATS["float32"]).largest)
        numbers = np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)
        over = np.argwhere(numbers > limit)
        if len(over):
            first = _index(over)
            got = f"{array[first]:.6g} at index {first}"
            count = f"The exponential of {len(over)} of {array.size} values"
            yield name, f"{count} overflows {dtype}, the first {got}."


def _index(places: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in places[0])


def sixteen(layer: Observation) -> Faults:
    """Values of a wider type that are all numbers of 16 bits: rounded on the way."""
    short = {FORMATS[name].eps: name for name in HALF}
    for name, array in layer.arrays.items():
        narrow = short.get(layer.precision[name])
        stored = layer.dtypes[name]
        wider = stored != narrow and array.dtype.itemsize > 2
        if narrow and wider and fractions(array).size >= FEW:
            exact = f"All {array.size} values are exact in {narrow}"
            yield name, f"{exact} though stored as {stored}: they were rounded."


def zero(layer: Observation) -> Faults:
    """Nothing but zeros where the layer starts otherwise, or where they make the kernel zero."""
    for name, array in layer.arrays.items():
        if array.size and not np.any(array) and (_drawn(layer, name) or _silent(layer, name)):
            yield name, f"All {array.size} values are 0."


def _drawn(layer: Observation, name: str) -> bool:
    """Whether a law of the layer that reads this array does not allow it to be the same."""
    return any(not fit.like and not kept(fit) for fit in layer.tests if name in fit.arrays)


def _silent(layer: Observation, name: str) -> bool:
    """Whether the array is the reason why B or C is zero."""
    form = layer.form
    if form is None or (np.any(form.B) and np.any(form.C)):
        return False
    ones = np.ones_like(layer.arrays[name])
    other, _ = form_of(layer.target, {**layer.arrays, name: ones}, layer.length)
    if other is None:
        return False
    return bool(np.any(other.B) > np.any(form.B) or np.any(other.C) > np.any(form.C))


def sign(layer: Observation) -> Faults:
    """An array of A with its sign turned: with the other one A is an initialization."""
    if layer.form is None or layer.identified.exact:
        return
    for name in layer.poles:
        array = layer.arrays[name]
        turned = [-array, -array.conj()] if np.iscomplexobj(array) else [-array]
        for instead in turned:
            found = _with_arrays(layer, {name: instead})
            if found.exact:
                names = " or ".join(found.names)
                rule = f"The sign is turned: with the other one A is {names}"
                yield name, f"{rule}, to {found.distance:.1g}."
                break


def transformed(layer: Observation) -> Faults:
    """Numbers that the layer makes by another transform than the one it is read by."""
    if TARGETS[layer.target].variant is None or layer.form is None or ":" in layer.target:
        return
    if not layer.identified.exact:
        for how in TRANSFORMS:
            name = f"{layer.target}:real_transform={how}"
            found = _with_arrays(layer, {}, name)
            if found.exact:
                names = " or ".join(found.names)
                said = f"A is {names}, to {found.distance:.1g}, if the layer makes it by {how}"
                yield "A_real", f"{said}. Read it as {name!r}."
                break
    steps = layer.arrays["inv_dt"]
    if steps.size and _STEPS[0] <= steps.min() and steps.max() <= _STEPS[1]:
        said = f"All {steps.size} values lie between {steps.min():.3g} and {steps.max():.3g}"
        name = f"{layer.target}:dt_transform=none"
        yield "inv_dt", f"{said}: steps, not logarithms of steps. Read it as {name!r}."


def transposed(layer: Observation) -> Faults:
    """Arrays that fit, or are an initialization, only when they are transposed."""
    flat = [name for name, array in layer.arrays.items() if array.ndim == 2]
    if layer.form is None:
        yield from _readable_when_transposed(layer, flat)
    elif not layer.identified.exact:
        square = [name for name in flat if len(set(layer.arrays[name].shape)) == 1]
        names = [name for name in layer.poles if name in square]
        found = _with_arrays(layer, _transposes(layer, names)) if names else NOTHING
        if found.exact:
            known = " or ".join(found.names)
            yield names[0], f"A is {known} when transposed, to {found.distance:.1g}."


def _readable_when_transposed(layer: Observation, flat: list[str]) -> Faults:
    """One matrix that the layer takes when transposed, or all of them."""
    for names in [*([name] for name in flat), flat]:
        arrays = {**layer.arrays, **_transposes(layer, names)}
        if names and form_of(layer.target, arrays, layer.length)[0] is not None:
            shapes = ", ".join(str(layer.arrays[name].shape) for name in names)
            taken = f"The layer takes {' and '.join(names)} of shape {shapes}"
            yield names[0], f"{taken} only when transposed."
            return


def _transposes(layer: Observation, names: list[str]) -> dict[str, np.ndarray]:
    return {name: layer.arrays[name].T for name in names}


def _with_arrays(
    layer: Observation, change: dict[str, np.ndarray], target: str | None = None
) -> Identified:
    """The initialization that A would be with these arrays, of another target if it is given."""
    arrays = {**layer.arrays, **change}
    target = target or layer.target
    form, _ = form_of(target, arrays, layer.length)
    if form is None:
        return NOTHING
    slack = slack_of(target, arrays, layer.precision, form, layer.length)
    return identify(form, slack)
