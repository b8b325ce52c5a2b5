r"""The largest deviation of a perturbed chain, by the curve that its all-pass Phi(iw) draws.

On the imaginary axis |Phi| rises with w and its phase falls, so between two frequencies Phi lies in
a polar rectangle, and the deviation below its largest value there. Rectangles are halved until all
of them lie little above the value that is attained.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ground.backend import Complex, Real
from ..ground.formats import EPS

_GAP = 1e-5  # between the bound and what is attained, relative
_ROUNDS = 60
_TOGETHER = 1 << 16  # rectangles that are halved at once; where more are as high, all is flat
_STILL = 2.0**-100  # of the lowest frequency: Phi there is Phi(0) but for rounding


def highest(log_phi: Callable[[Real], Complex], tau: float, attained: float, w: Real) -> float:
    r"""A bound of |(tau/2) Phi/(1 - tau/2 + (tau/2) Phi)| sqrt(1 - |Phi|^2) over all frequencies.

    Args:
        log_phi: w (F,) > 0 to log Phi(iw) (F,), whose real part rises and whose imaginary part
            falls, both to 0.
        tau: size of the perturbation, at most 1, of either sign.
        attained: a value that is attained.
        w: frequencies (F,) > 0 to begin with.

    Returns:
        The bound, at most 1e-5 of it above the maximum, unless 60 halvings or 65 536 rectangles
        at once do not suffice.

    Accuracy:
        Proved but for the rounding of log Phi, taken as 64 eps (1 + |log Phi|).

    Cost:
        Some hundred values of Phi for each of the lobes that are nearly the highest; 10^6 in all
        where the deviation is flat over many decades of frequency, as for large negative tau.

    Example:
        >>> first_order = lambda w: np.log(1j * w / (1 + 1j * w))  # the chain of `legs` of order 1
        >>> bool(0.2 < highest(first_order, 0.5, 0.2, np.ones(1)) < 0.3)
        True
    """
    w = np.unique(w)
    value = log_phi(w)
    low = np.concatenate([[0.0], w])
    high = np.concatenate([w, [np.inf]])
    start = np.concatenate([log_phi(_STILL * w[:1]), value])
    end = np.concatenate([value, [0j]])
    best = 0.0
    for halved in range(_ROUNDS + 1):
        bound = _over_rectangle(start, end, tau)
        open_ = bound > (1 + _GAP) * attained
        if halved == _ROUNDS or np.count_nonzero(open_) > _TOGETHER:
            open_[:] = False
        best = max(best, float(np.max(bound[~open_], initial=0.0)))
        if not open_.any():
            break
        low = low[open_]
        high = high[open_]
        start = start[open_]
        end = end[open_]
        middle = np.where(np.isinf(high), 2 * low, np.where(low == 0, high / 2, 0))
        middle = np.where(middle == 0, np.sqrt(low) * np.sqrt(high), middle)
        value = log_phi(middle)
        attained = max(attained, float(np.max(_at(value, tau))))
        low = np.concatenate([low, middle])
        high = np.concatenate([middle, high])
        start = np.concatenate([start, value])
        end = np.concatenate([value, end])
    return best


def _at(value: Complex, tau: float) -> Real:
    """The deviation (F,) where log Phi is (F,)."""
    loop = tau / 2 * np.exp(value)
    return np.abs(loop / (1 - tau / 2 + loop)) * np.sqrt(-np.expm1(2 * np.minimum(value.real, 0)))


def _over_rectangle(start: Complex, end: Complex, tau: float) -> Real:
    """The largest deviation (R,) for log Phi between two values (R,), rounding included."""
    rounding = 64 * EPS * (1 + np.abs(end))
    smallest = np.exp(start.real - rounding)
    largest = np.minimum(np.exp(end.real + rounding), 1.0)
    passed = -np.expm1(2 * np.minimum(start.real - rounding, 0))
    turn = np.pi if tau < 0 else 0.0
    cosine = _least_cosine(end.imag + turn - rounding, start.imag + turn + rounding)
    rest = 1 - tau / 2
    t = abs(tau) / 2
    nearest = np.clip(-rest * cosine / t, smallest, largest)
    apart = rest + t * nearest * cosine
    aside = t * nearest * np.sqrt((1 - cosine) * (1 + cosine))
    with np.errstate(divide="ignore"):
        return t * largest * np.sqrt(passed) / np.hypot(apart, aside) * (1 + 16 * EPS)


def _least_cosine(first: Real, last: Real) -> Real:
    """The least cosine (R,) of angles between two, the later not before the first."""
    opposite = np.pi * (2 * np.ceil((first / np.pi - 1) / 2) + 1)
    within = ~(opposite > last)
    return np.where(within, -1.0, np.minimum(np.cos(first), np.cos(last)))
