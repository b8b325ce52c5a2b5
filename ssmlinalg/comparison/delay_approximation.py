"""How well windowed measures approximate the delay e^{-s} by one window.

Each function of an order returns the figure of one of `CLAIMS` as `ClaimedFigure`.
"""

from __future__ import annotations

import cmath
import math

import numpy as np

from .. import hippo
from ..forms import Dense
from ..ground.backend import Complex
from ..ground.formats import EPS
from ..lossless.recognition import recognize
from ..systems import transfer
from .claimed_figure import ClaimedFigure, around


def pade(order: int) -> ClaimedFigure:
    """max |C (iw - A)^{-1} B - p/q| of LegT for w = 1 .. 8, C_n = (-1)^n r_n.

    p/q is the [N-1/N] Pade approximant of e^{-s}.
    """
    A, B, _ = hippo.legt(order, window=1.0)
    s = 1j * np.arange(1.0, 9.0)
    C = B * (-1.0) ** np.arange(order)
    G = transfer(Dense(np.asarray(A), B, C, D=np.asarray(0.0), step=np.asarray(1.0)), s)
    p = _pade_series(order - 1, order, -s)
    q = _pade_series(order, order - 1, s)
    error = float(np.max(np.abs(G - p / q)))
    return ClaimedFigure(
        value=error,
        low=0.0,
        high=16 * EPS * order,
    )


def all_pass_limit(order: int, s: complex = 1 + 2j) -> ClaimedFigure:
    """|Phi + e^{-s}| of FouT with M = 2K + 1 modes, over |s (1 - e^{-s})^2|/(pi^2 M).

    This is the tail of the series of coth(s/2).
    """
    A, _, P = hippo.fout(order, window=1.0)
    M = 2 * ((order - 1) // 2) + 1
    structure = recognize(A, P)
    assert structure is not None
    log_phi, _ = structure.log_phi(np.array([s]))
    delay = cmath.exp(-s)
    error = abs(cmath.exp(log_phi[0]) + delay)
    tail = abs(s * (1 - delay) ** 2) / (math.pi**2 * M)
    return around(value=error / tail, predicted=1.0, slack=0.2 / M)


def _pade_series(degree: int, other: int, s: Complex) -> Complex:
    """One side of a Pade approximant of the exponential.

    sum_j binom(degree, j) (degree + other - j)!/(degree + other)! s^j.
    """
    j = np.arange(degree)
    ratios = (degree - j) / ((degree + other - j) * (j + 1))
    coefficients = np.cumprod(np.concatenate([[1.0], ratios]))
    return np.polynomial.polynomial.polyval(s, coefficients)
