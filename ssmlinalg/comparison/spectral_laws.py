"""Laws of the frequencies of S, the normal part of HiPPO-LegS, and of the sensitivity of LegS.

Each function of an order returns the figure of one of `CLAIMS` as `ClaimedFigure`.
"""

from __future__ import annotations

import math

import numpy as np
import scipy

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
    top = float(frequencies(order)[0])
    value = top - order**2 / math.pi
    return ClaimedFigure(
        value=value,
        low=limit - rounding,
        high=limit + term + rounding,
    )


def inverse_law(order: int) -> ClaimedFigure:
    """The median of |w~/w - 1| for the frequencies w~ of S4D-Inv."""
    return around(
        value=float(np.median(_inverse_error(order))),
        predicted=0.178,
        slack=0.45 / order + 0.001,  # 0.4472/N at order 59, the most at orders 8 to 1024
    )


def inverse_law_worst(order: int) -> ClaimedFigure:
    """The largest |w~/w - 1| for the frequencies w~ of S4D-Inv.

    It is that of the smallest, 1/pi in place of pi/(2 log N + ...).
    """
    return ClaimedFigure(
        value=float(np.max(_inverse_error(order))),
        low=0.2,
        high=1.0,
    )


def bulk_law(order: int) -> ClaimedFigure:
    """max |N t - w|, where arctan(1/t) - t/2 log(1 + 1/t^2) = pi (2m+1)/(2N).

    This is the midpoint rule for the phase of Phi.
    """
    w = frequencies(order)
    t = w / order
    odd = 2 * np.arange(len(w)) + 1
    goal = math.pi * odd / (2 * order)
    for _ in range(_NEWTON):  # the left side is convex and falls
        slope = np.log1p(t**-2.0) / 2
        phase = np.arctan(1 / t) - t * slope
        t = t + (phase - goal) / slope
    return ClaimedFigure(
        value=float(np.max(np.abs(order * t - w))),
        low=0.0,
        high=0.05,
    )


def sensitivity(order: int) -> ClaimedFigure:
    """max_j binom(N+j, N-1-j) binom(2j, j), over (1 + sqrt 2)^{2N}/(2 sqrt 2 pi N).

    Stirling at j = N/sqrt 2.
    """
    j = np.arange(order)
    log_gamma = scipy.special.gammaln
    binomials = log_gamma(order + j + 1) - log_gamma(order - j) - 2 * log_gamma(j + 1)
    size = float(np.max(binomials - np.log(2 * j + 1)))
    root = math.sqrt(2)
    law = 2 * order * math.log(1 + root) - math.log(2 * root * math.pi * order)
    return around(value=math.exp(size - law), predicted=1.0, slack=0.5 / order)


def _inverse_error(order: int) -> Real:
    """|w~/w - 1| of S4D-Inv, mode by mode."""
    Lambda: Complex = s4d_inv_init(order).A
    w = Lambda.imag[Lambda.imag > 0]
    return np.abs(w / frequencies(order) - 1)
