"""Checks of the spectrum that a layer holds: its stability, its halves, its initialization, B."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .. import inits
from ..discretize import zoh
from ..export import TARGETS
from ..export.targets import sized
from ..forms import DPLR, kind, unpair
from ..ground.formats import EPS, SINGLE
from .identification import MOST
from .layer_forms import is_matrix, spectra
from .records import Faults, Observation

_COMPUTED = 64  # times N eps |A|: the error of computed eigenvalues, for an integrator is meant
_LEAST = 1e-300
_NAMED = 8  # channels that a sentence names
_CLIPPED = 3  # entries of one channel that are of one size
_VISIBLE = 1e-6  # the share of B that an imaginary part must have to be looked at
_LENGTH = 16


def unstable(layer: Observation) -> Faults:
    """Modes that grow: Re A >= 0, or |A| >= 1 of a recurrence."""
    if layer.form is None or isinstance(layer.form, DPLR):
        return
    rows = spectra(layer.form)
    if rows is None:
        return
    continuous = kind(layer.form).continuous
    growth = np.real(rows) if continuous else np.abs(rows) - 1
    if is_matrix(layer.form):
        eps = max(layer.precision.values())
        growth = growth - _COMPUTED * rows.shape[-1] * eps * np.max(np.abs(rows)) - _LEAST
    elif TARGETS[layer.target].lossless:
        growth = growth - _COMPUTED * EPS
    if np.any(growth >= 0):
        first = tuple(int(i) for i in np.argwhere(growth >= 0)[0])
        rule = "Re A < 0" if continuous else "|A| < 1"
        got = f"the first {rows[first]:.6g} at index {first}"
        yield "", f"{np.count_nonzero(growth >= 0)} of {rows.size} modes do not keep {rule}, {got}."


def changed(layer: Observation) -> Faults:
    """Most modes are those of an initialization, and some are not."""
    found = layer.identified
    if found.exact or not MOST < found.agrees < 1:
        return
    few = ", ".join(map(str, found.deviating[:_NAMED]))
    few += ", ..." if len(found.deviating) > _NAMED else ""
    share = f"{100 * found.agrees:.4g} % of A are {found.names[0]}"
    off = f"they deviate by up to {found.distance:.3g} of the largest mode"
    yield "", f"{share}; at index {few} {off}."


def unexpected(layer: Observation) -> Faults:
    """A is another initialization than the one expected."""
    found = layer.identified
    if layer.expect is None or layer.form is None:
        return
    if found.exact and layer.expect in found.names:
        return
    far = found.distances.get(layer.expect)
    apart = "is not comparable with it"
    if far is not None:
        apart = f"is {far:.3g} of the largest mode away, more than rounding explains"
    known = f" It is {' or '.join(found.names)}." if found.exact else ""
    yield "", f"A should be {layer.expect} and {apart}.{known}"


def both(layer: Observation) -> Faults:
    """A layout of half spectra that holds the conjugates as well, which count twice."""
    partners = _partners(layer)
    if partners is None or not stores_halves(layer.target):
        return
    if partners.size > 1 and np.all(partners):
        stored = f"All {partners.size} complex modes stand beside their conjugates"
        yield "", f"{stored}, though the layer adds those itself."


def half(layer: Observation) -> Faults:
    """A layout of whole spectra that holds no conjugates: its output is half of what was meant."""
    partners = _whole_partners(layer)
    if partners is None or not partners.size or np.any(partners):
        return
    rows = spectra(layer.form)
    assert rows is not None
    if layer.fresh and (np.all(np.imag(rows) >= 0) or np.all(np.imag(rows) <= 0)):
        none = f"None of the {partners.size} complex modes has its conjugate beside it"
        yield "", f"{none}, and the layer adds none."


def unpaired(layer: Observation) -> Faults:
    """A layout of whole spectra in which most modes have their conjugates, and some have not."""
    partners = _whole_partners(layer)
    if partners is not None and 0.5 <= np.mean(partners) < 1:
        alone = f"{np.count_nonzero(~partners)} of {partners.size} complex modes have no conjugate"
        yield "", f"{alone}, though the others have."


def _whole_partners(layer: Observation) -> np.ndarray | None:
    """`_partners` in a layout that stores whole spectra."""
    return _partners(layer) if stores_halves(layer.target) is False else None


def _partners(layer: Observation) -> np.ndarray | None:
    """Whether the conjugate of each complex mode is in its channel; None without complex modes."""
    if layer.form is None or kind(layer.form).matrix:
        return None
    rows = spectra(layer.form)
    assert rows is not None
    slack = max(layer.identified.allowed, 4 * SINGLE)
    near = slack * np.max(np.abs(rows), axis=-1, keepdims=True)
    complex_modes = np.abs(np.imag(rows)) > near
    if not np.any(complex_modes):
        return None
    stored = max((layer.arrays[name].size for name in layer.poles), default=0)
    if stores_halves(layer.target) is False and stored > rows.size:
        # The form keeps one of each pair that it found whole.
        return np.ones(np.count_nonzero(complex_modes), bool)
    distance = np.stack([np.min(np.abs(row[:, None] - row.conj()), axis=-1) for row in rows])
    return (distance <= near)[complex_modes]


@cache
def stores_halves(target: str) -> bool | None:
    """Whether a layer stores one mode for each pair of conjugates; None where its form says so."""
    there = TARGETS[target]
    if any("..." in axes for _, axes in there.layout.values()):
        return None
    for form in _of_one_pair_a_channel():
        if type(form) not in there.takes:
            continue
        try:
            arrays = there.to(form, **sized(target, _LENGTH))
        except (ValueError, TypeError):
            continue
        return max(size for array in arrays.values() for size in array.shape) == 2
    return None


def _of_one_pair_a_channel() -> list[Any]:
    """Models of order 4: two stored modes are half a spectrum, four a whole one."""
    channel = inits.s4d_inv_init(4, channels=1, step=0.1)
    ports = inits.s5_init(4)
    low_rank = inits.s4_init(4, channels=1)
    return [channel, ports, low_rank, unpair(channel), zoh(channel), zoh(ports)]


def clipped(layer: Observation) -> Faults:
    """Imaginary parts of B that pile up at one bound."""
    if layer.form is None or np.ndim(layer.form.B) == 0 or layer.expect == "s4d-legs-clipped":
        return
    B = np.asarray(layer.form.B)
    B = np.swapaxes(B, -1, -2) if kind(layer.form).ports else B
    size = np.unique(np.abs(np.imag(B)).reshape(-1, B.shape[-1]), axis=0)
    bound = np.max(size)
    at = size == bound
    piled = np.max(np.count_nonzero(at, axis=-1)) >= _CLIPPED and np.any(~at & (size > 0))
    if piled and bound > _VISIBLE * np.max(np.abs(B)):
        count = f"{np.count_nonzero(at)} of {at.size} imaginary parts of B"
        yield "", f"{count} are {bound:.6g} exactly in size, and none is larger: B was clipped."
