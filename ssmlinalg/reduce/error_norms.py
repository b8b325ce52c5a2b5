"""Norms of many systems of modes at once, from both sides: H-infinity, H2 and L1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..forms import MIMO, MIMORecurrence
from ..ground.backend import Real
from ..ground.formats import EPS
from ..products.cauchy_factor import gramian_factor
from ..systems import l1_norm
from .modal_gain import GainBounds, gain
from .real_systems import RealSystems, members, whole

_TOLERANCE = 1e-3  # how far apart the bounds of a norm may be
_TOGETHER = 1 << 20  # numbers of the factors that are held at once


def norm_of(systems: RealSystems, norm: str) -> GainBounds:
    """The norm of each system (m,) without its direct path, in the units of `exponents`."""
    return _NORMS[norm](systems)


def _h_infinity(systems: RealSystems) -> GainBounds:
    return gain(systems, _TOLERANCE)


def _energy(systems: RealSystems) -> GainBounds:
    """|C F|_F for each input, F the factor of the Gramian: no square is subtracted from another.

    So a difference of two systems keeps its digits down to eps of either.
    """
    every = whole(systems)
    N = every.A.shape[-1]
    count = max(1, _TOGETHER // N**2)
    parts = [
        _energy_of(members(every, slice(start, start + count)))
        for start in range(0, len(every.A), count)
    ]
    found, noise = np.concatenate(parts, axis=-1)
    noise *= EPS * (N + 8)
    return GainBounds(lower=np.maximum(found - noise, 0), upper=found + noise)


def _energy_of(every: RealSystems) -> Real:
    """The norms, and those of all absolute values, (2, m)."""
    driven = every.used
    F = gramian_factor(every.A, driven + 0j, discrete=every.discrete)
    squares = np.zeros((2, len(F)))
    for b in np.moveaxis(every.B, -1, 0):
        reached = b[..., None] * F
        squares[0] += np.sum(np.abs(every.C @ reached) ** 2, axis=(-1, -2))
        squares[1] += np.sum((np.abs(every.C) @ np.abs(reached)) ** 2, axis=(-1, -2))
    return np.sqrt(squares)


def _peak(systems: RealSystems) -> GainBounds:
    half = np.where(systems.pairs, 1.0, 0.5)
    B = systems.B * half[..., None]
    D = np.zeros((systems.C.shape[-2], systems.B.shape[-1]))
    if systems.discrete:
        form = MIMORecurrence(systems.A, B, systems.C, D)
    else:
        form = MIMO(systems.A, B, systems.C, D, np.ones(systems.A.shape[-1]))
    found = l1_norm(form, tolerance=_TOLERANCE)
    return GainBounds(lower=found.lower, upper=found.upper)


_NORMS: dict[str, Callable[[RealSystems], GainBounds]] = {
    "hinf": _h_infinity,
    "h2": _energy,
    "l1": _peak,
}
