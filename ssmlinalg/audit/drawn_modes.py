"""The initializations known by the law of their modes: S4D-Rand, LRU, DLR, S4D-DFouT, Token."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..forms import kind
from .kolmogorov_smirnov import ALARM, FEW, kolmogorov
from .layer_forms import is_matrix
from .records import NOTHING, Identified

_TURN = 2 * math.pi
_ROUNDING = 1e-12  # beside what the precision of the arrays allows
_LEAST = 3  # modes of a channel that make a grid
_GAP = 1e-3  # below the distance of neighbours on a grid, times their number


def identify_drawn(form: Any, rows: np.ndarray, allowed: np.ndarray) -> Identified | None:
    """The initialization whose law the modes (H, n) have; None where they have no such law.

    Both parts of each may be off as far as those of `allowed` (H, n).
    """
    own, first = np.unique(rows, axis=0, return_index=True)
    if own.size < FEW or not np.all(np.isfinite(own)):
        return None
    place = _Place(first, len(rows))
    fitting = [name for name, p in _laws(form, own, allowed[first], place).items() if p >= ALARM]
    if not fitting:
        return None
    order = rows.shape[-1]
    if kind(form).half and not kind(form).ports and np.any(np.imag(own)):
        order = 2 * (order - 1) if fitting[0] == "s4d-dfout-half" else 2 * order
    return NOTHING._replace(
        names=(fitting[0],),
        order=order,
        exact=True,
        distance=0.0,
        typical=0.0,
        agrees=1.0,
        A=own[0],
        A0=own[0],
    )


class _Place(NamedTuple):
    """Where different rows stand: the first channel of each, and the number of channels."""

    first: np.ndarray
    channels: int


def _laws(form: Any, own: np.ndarray, allowed: np.ndarray, place: _Place) -> dict[str, float]:
    """By name the probability of the law that the modes may have, the least of several."""
    known = kind(form)
    if is_matrix(form):
        return {}
    if not known.continuous:
        rounding = float(np.max(np.abs(allowed)))
        return _grids(own, known.half, rounding, place) or _ring(own, known.ports, rounding)
    return {} if known.ports or known.matrix else _random_frequencies(own, np.real(allowed))


def _random_frequencies(own: np.ndarray, rounding: np.ndarray) -> dict[str, float]:
    """S4D-Rand: A = -1/2 + i w with log w normal."""
    frequency = np.abs(np.imag(own))
    off = np.abs(np.real(own) + 0.5) > rounding + _ROUNDING
    if np.any(off) or not np.all(frequency):
        return {}
    draws = np.unique(np.log(frequency))
    _, p = kolmogorov(draws, "norm", (0.0, 1.0))
    return {"s4d-rand": p}


def _grids(own: np.ndarray, half: bool, rounding: float, place: _Place) -> dict[str, float]:
    """S4D-DFouT, whole and half, and Token: one modulus in each channel, and angles on a grid."""
    modulus = np.abs(own)
    near = 4 * rounding + _ROUNDING
    if np.any(np.ptp(modulus, axis=-1) > near) or not np.all((modulus > 0) & (modulus < 1)):
        return {}
    n = own.shape[-1]
    # Each channel has a grid, or a decay, of its own.
    if len(own) < place.channels or n < _LEAST:
        return {}
    decays = np.log(-2 * np.log(np.mean(modulus, axis=-1)))
    p = _within(decays) if len(decays) >= FEW else 1.0
    angle = np.angle(own) % _TURN
    turned = place.first[:, None] / place.channels
    grids = {"s4d-dfout": (np.arange(n) + turned) / n}
    if half:
        grids = {"s4d-dfout-half": (np.arange(n) + turned) / max(1, 2 * (n - 1))}
    else:
        grids["s4d-token"] = np.broadcast_to(1 / np.arange(1, n + 1), own.shape)
    for name, turns in grids.items():
        if _apart(angle, _TURN * turns) <= near:
            return {name: p}
    return {}


def _apart(angle: np.ndarray, other: np.ndarray) -> float:
    """The largest distance of angles (H, n) from others, each row as a set."""
    lead = _GAP / angle.shape[-1]  # so that no angle near 0 is sorted to the other end
    first, second = (np.sort((each + lead) % _TURN, axis=-1) for each in (angle, other))
    return float(np.max(np.abs(first - second)))


def _ring(own: np.ndarray, ports: bool, rounding: float) -> dict[str, float]:
    """DLR: angles on a grid. LRU: angles and squared moduli uniform."""
    modulus = np.abs(own)
    if not np.all((modulus > 0) & (modulus < 1)):
        return {}
    angle = np.angle(own) % _TURN
    if own.shape[-1] >= _LEAST and _off_grid(angle) <= 4 * rounding + _ROUNDING:
        return {"dlr": _within(np.log(-2 * np.log(modulus)))}
    if not ports or 2 * np.unique(own).size == own.size:  # oscillators have every mode twice
        return {}
    return {"lru": min(_within(modulus**2), _within(angle, low=0.0))}


def _off_grid(angle: np.ndarray) -> float:
    """The largest distance of angles (H, n) from n equal parts of a turn."""
    n = angle.shape[-1]
    grid = _TURN * np.arange(n) / n
    apart = np.sort(angle, axis=-1) - grid
    return float(np.max(np.abs((apart + math.pi) % _TURN - math.pi)))


def _within(draws: np.ndarray, low: float | None = None) -> float:
    """p of draws that are uniform on an interval whose ends, or whose upper end, are not known.

    The extreme draws stand for ends that are not known, and the rest are uniform between them.
    """
    draws = np.sort(draws, axis=None)
    if low is None:
        low = float(draws[0])
        draws = draws[1:]
    width = float(draws[-1]) - low
    if width <= 0:
        return 0.0
    _, p = kolmogorov(draws[:-1], "uniform", (low, width))
    return p
