"""The precision of stored arrays, and how far it lets A and the steps of a layer be off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..export import TARGETS
from ..ground.formats import EPS, FORMATS, HALF, SINGLE, Format, format_of
from .kolmogorov_smirnov import FEW
from .layer_forms import form_of, is_matrix, stored_A

_SAMPLE = 1 << 12  # values that decide at first whether all are looked at
_SAFETY = 4  # rounding once more may cancel the rounding that was
_EIGENVALUES = 16  # times N eps |A|: the error of computed eigenvalues of a normal matrix


class Slack(NamedTuple):
    """How far the precision of the arrays lets a layer be off.

    Attributes:
        A: the absolute error of A.
        step: the relative error of the steps.
        poles: the names of the arrays that A is made of.
    """

    A: float
    step: float
    poles: tuple[str, ...]


def eps_of(array: np.ndarray, dtype: str) -> float:
    """eps of the values: that of 16 bits where so many different ones have no more digits.

    The type in which they are stored may be wider.
    """
    known = format_of(dtype)
    stored = SINGLE if known is None else known.eps
    if array.dtype.kind not in "fc" or stored > SINGLE or not np.all(np.isfinite(array)):
        return stored
    values = np.ravel(array)
    if array.dtype.kind == "c":
        values = np.concatenate([np.real(values), np.imag(values)])
    some = np.unique(values[:: max(1, values.size // _SAMPLE)])
    if np.count_nonzero(some != np.round(some)) < FEW:
        return stored
    for name in HALF:
        if representable(some, FORMATS[name]) and representable(values, FORMATS[name]):
            return FORMATS[name].eps
    return stored


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
    """How far A and the steps move when each array is rounded once more."""
    optional = TARGETS[target].optional
    arrays = {name: array for name, array in arrays.items() if name not in optional} or arrays
    A = stored_A(form)
    step = getattr(form, "step", np.ones(()))
    moved = {}
    timing = 0.0
    for name, array in arrays.items():
        if array.dtype.kind not in "fc":
            continue
        other, _ = form_of(target, {**arrays, name: nudge(array, precision[name])}, length)
        if type(other) is type(form) and stored_A(other).shape == A.shape:
            moved[name] = float(np.max(np.abs(stored_A(other) - A), initial=0.0))
            stretched = getattr(other, "step", step) / step
            timing += float(np.max(np.abs(stretched - 1), initial=0.0))
    scale = float(np.max(np.abs(A), initial=0.0))
    rounding = _SAFETY * sum(moved.values()) + min(precision.values()) * scale
    if is_matrix(form):
        rounding += _EIGENVALUES * A.shape[-1] * EPS * scale
    poles = tuple(name for name, by in moved.items() if by > 0)
    return Slack(rounding, _SAFETY * timing, poles)
