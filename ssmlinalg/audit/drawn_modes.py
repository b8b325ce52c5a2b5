"""The initializations whose A is drawn, told by the law of the modes: S4D-Rand, LRU and DLR."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..forms import kind
from .kolmogorov_smirnov import ALARM, FEW, kolmogorov
from .layer_forms import is_matrix
from .records import NOTHING, Identified

_ROUNDING = 1e-12  # beside what the precision of the arrays allows


def identify_drawn(form: Any, rows: np.ndarray, rounding: float) -> Identified | None:
    """The initialization whose law the modes (H, n) have; None where they have no such law."""
    own = np.unique(rows, axis=0)
    if own.size < FEW or not np.all(np.isfinite(own)):
        return None
    probabilities = {name: p for name, p in _laws(form, own, rounding).items() if min(p) >= ALARM}
    if not probabilities:
        return None
    name = next(iter(probabilities))
    whole = name == "s4d-rand" and kind(form).half
    return NOTHING._replace(
        names=(name,),
        order=rows.shape[-1] * (2 if whole else 1),
        exact=True,
        distance=0.0,
        agrees=1.0,
        A=own[0],
        A0=own[0],
    )


def _laws(form: Any, own: np.ndarray, rounding: float) -> dict[str, list[float]]:
    """By name the probabilities of the laws that the modes may have."""
    known = kind(form)
    if known.continuous:
        single = not known.ports and not known.matrix
        return _random_frequencies(own, rounding) if single else {}
    return {} if is_matrix(form) else _ring(own, known.ports, rounding)


def _random_frequencies(own: np.ndarray, rounding: float) -> dict[str, list[float]]:
    """S4D-Rand: A = -1/2 + i w with log w normal."""
    frequency = np.abs(np.imag(own))
    off = np.max(np.abs(np.real(own) + 0.5))
    if off > rounding + _ROUNDING or not np.all(frequency):
        return {}
    return {"s4d-rand": [kolmogorov(np.unique(np.log(frequency)), "norm", (0.0, 1.0))[1]]}


def _ring(own: np.ndarray, ports: bool, rounding: float) -> dict[str, list[float]]:
    """DLR: angles on a grid. LRU: angles and squared moduli uniform."""
    modulus = np.abs(own)
    if not np.all((modulus > 0) & (modulus < 1)):
        return {}
    n = own.shape[-1]
    angle = np.angle(own) % (2 * math.pi)
    grid = 2 * math.pi * np.arange(n) / n
    turn = (np.sort(angle, axis=-1) - grid + math.pi) % (2 * math.pi) - math.pi
    if np.max(np.abs(turn)) <= 4 * rounding + _ROUNDING:
        return {"dlr": [_within(np.log(-2 * np.log(modulus)))]}
    return {"lru": [_within(modulus**2), _within(angle, low=0.0)]} if ports else {}


def _within(draws: np.ndarray, low: float | None = None) -> float:
    """p of draws that are uniform on an interval whose ends, or whose upper end, are not known.

    The extreme draws stand for ends that are not known, and the rest are uniform between them.
    """
    draws = np.sort(draws, axis=None)
    first = draws[0] if low is None else low
    inner = draws[1:-1] if low is None else draws[:-1]
    width = draws[-1] - first
    return kolmogorov(inner, "uniform", (first, width))[1] if width > 0 else 0.0
