"""The precision of stored arrays, and how far it lets A of a layer be off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..export import TARGETS
from ..ground.formats import FORMATS, HALF, SINGLE, Format, format_of
from .kolmogorov_smirnov import FEW
from .layer_forms import form_of, stored_A

_SAMPLE = 1 << 12  # values that decide at first whether all are looked at
# The coarsest comes first: numbers of bfloat16 are numbers of float16, if they are not too large.
_NARROW = {FORMATS[name].eps: FORMATS[name] for name in reversed(HALF)}
_SAFETY = 2  # half an eps is that of one rounding, and values may have been rounded twice


class Slack(NamedTuple):
    """How far the precision of the arrays lets a layer be off.

    Attributes:
        A: the absolute errors of both parts of every entry of A as it is stored.
        poles: the names of the arrays that A is made of.
    """

    A: np.ndarray
    poles: tuple[str, ...]


def precisions(arrays: Mapping[str, np.ndarray], dtypes: Mapping[str, str]) -> dict[str, float]:
    """eps of the values of each array, which may be stored in a wider type.

    It is that of 16 bits where so many different values have no more digits; of few values, where
    those of another array of the layer have no more either.
    """
    found = {}
    few = []
    for name, array in arrays.items():
        known = format_of(dtypes[name])
        found[name] = SINGLE if known is None else known.eps
        numbers = array.dtype.kind in "fc" and found[name] <= SINGLE
        if not numbers or not np.all(np.isfinite(array)):
            continue
        some = fractions(array)
        if some.size < FEW:
            few.append(name)
            continue
        values = _real_values(array)
        for eps, form in _NARROW.items():
            if representable(some, form) and representable(values, form):
                found[name] = eps
                break
    narrow = [found[name] for name in arrays if found[name] in _NARROW]
    for name in few if narrow else ():
        if representable(_real_values(arrays[name]), _NARROW[max(narrow)]):
            found[name] = max(narrow)
    return found


def fractions(array: np.ndarray) -> np.ndarray:
    """Different values that are not whole, among at most some thousands of the array."""
    values = _real_values(array)
    some = np.unique(values[:: max(1, values.size // _SAMPLE)])
    return some[some != np.round(some)]


def _real_values(array: np.ndarray) -> np.ndarray:
    values = np.ravel(array)
    return np.concatenate([np.real(values), np.imag(values)]) if array.dtype.kind == "c" else values


def representable(values: np.ndarray, form: Format) -> bool:
    """Whether all values are numbers of a format."""
    wide = np.asarray(values, np.float64)
    exponent = np.frexp(wide)[1]
    unit = np.maximum(np.ldexp(1.0, exponent - form.digits), form.least)
    whole = wide / unit == np.round(wide / unit)
    return bool(np.all(whole & (np.abs(wide) <= form.largest)))


def nudge(array: np.ndarray, eps: float) -> np.ndarray:
    """Every value rounded as far as it may have been, all one way: conjugates stay conjugates."""
    return array.astype(np.result_type(array, np.float64)) * (1 + eps / 2)


def slack_of(
    target: str,
    arrays: Mapping[str, np.ndarray],
    precision: Mapping[str, float],
    form: Any,
    length: int,
) -> Slack:
    """How far A moves when each array is rounded once more.

    A is that of a layer which computed it in single precision at best, whatever its arrays hold.
    """
    optional = TARGETS[target].optional
    arrays = {name: array for name, array in arrays.items() if name not in optional} or arrays
    A = stored_A(form)
    moved = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "fc":
            continue
        other, _ = form_of(target, {**arrays, name: nudge(array, precision[name])}, length)
        if type(other) is type(form) and stored_A(other).shape == A.shape:
            moved[name] = _parts(stored_A(other) - A)
    computed = min(SINGLE, *precision.values()) * np.max(np.abs(A), initial=0.0)
    rounding = _SAFETY * sum(moved.values(), np.zeros(A.shape, complex)) + computed * (1 + 1j)
    poles = tuple(name for name, by in moved.items() if np.any(by))
    return Slack(rounding, poles)


def _parts(off: np.ndarray) -> np.ndarray:
    """The sizes of both parts, as the parts of one number."""
    return np.abs(np.real(off)) + 1j * np.abs(np.imag(off))
