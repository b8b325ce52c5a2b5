"""Laws of the frequencies of S, the normal part of HiPPO-LegS, and of the sensitivity of LegS.

Each function of an order returns the figure of one of `CLAIMS` as `ClaimedFigure`.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..inits import s4d_inv_init
from .claimed_figure import ClaimedFigure, around
from .s4d_convergence import frequencies

_NEWTON = 8  # steps: the phase equation is convex, and starts close


def largest_frequency(order: int) -> ClaimedFigure:
    """mu_0 - N^2/pi: -pi/6 + (pi^3/90 + pi/12)/N^2."""
    rounding = 4 * EPS * order**2
    limit = -math.pi / 6
    term = (math.pi**3 / 90 + math.pi / 12) / order**2
    value = float(frequencies(order)[0]) - order**2 / math.pi
    return ClaimedFigure(value, limit - rounding, limit + term + rounding)


def inverse_law(order: int) -> ClaimedFigure:
    """The median of |w~/w - 1| for the frequencies w~ of S4D-Inv."""
    return around(float(np.median(_inverse_error(order))), 0.178, 0.4 / order + 0.001)


def inverse_law_worst(order: int) -> ClaimedFigure:
    """The largest |w~/w - 1| for the frequencies w~ of S4D-Inv.

    It is that of the smallest, 1/pi in place of pi/(2 log N + ...).
    """
    return ClaimedFigure(float(np.max(_inverse_error(order))), 0.2, 1.0)


def bulk_law(order: int) -> ClaimedFigure:
    """max |N t - w|, where arctan(1/t) - t/2 log(1 + 1/t^2) = pi (2m+1)/(2N).

    This is the midpoint rule for the phase of Phi.
    """
    w = frequencies(order)
    t = w / order
    goal = math.pi * (2 * np.arange(len(w)) + 1) / (2 * order)
    for _ in range(_NEWTON):  # the left side is convex and falls
        slope = np.log1p(t**-2.0) / 2
        t = t + (np.arctan(1 / t) - t * slope - goal) / slope
    return ClaimedFigure(float(np.max(np.abs(order * t - w))), 0.0, 0.05)


def sensitivity(order: int) -> ClaimedFigure:
    """max_j binom(N+j, N-1-j) binom(2j, j), over (1 + sqrt 2)^{2N}/(2 sqrt 2 pi N).

    Stirling at j = N/sqrt 2.
    """
    j = np.arange(order)
    log = scipy.special.gammaln
    size = log(order + j + 1) - log(order - j) - np.log(2 * j + 1) - 2 * log(j + 1)
    law = 2 * order * math.log(1 + math.sqrt(2)) - math.log(2 * math.sqrt(2) * math.pi * order)
    return around(math.exp(float(np.max(size)) - law), 1.0, 0.5 / order)


def _inverse_error(order: int) -> Real:
    """|w~/w - 1| of S4D-Inv, mode by mode."""
    Lambda: Complex = s4d_inv_init(order).A
    return np.abs(Lambda.imag[Lambda.imag > 0] / frequencies(order) - 1)
