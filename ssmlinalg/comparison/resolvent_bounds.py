"""Bounds on how far a perturbation E of HiPPO-LegS moves its resolvent and its state.

Each function of an order returns the figure of one of `CLAIMS` as `ClaimedFigure`.
"""

from __future__ import annotations

import math

import numpy as np

from .. import hippo, perturb
from ..ground.backend import Real
from ..ground.formats import EPS
from ..matrices import h_infinity
from .claimed_figure import ClaimedFigure


def published_bound(order: int, size: float = 1e-2, seed: int = 0) -> ClaimedFigure:
    """sup |(iw - A - E)^{-1} - (iw - A)^{-1}|/|E| for a random E of norm `size`."""
    error = _resolvent_error(order, _random(order, size, seed))
    return ClaimedFigure(
        value=error / size,
        low=0.0,
        high=2 * math.log(order) + 4,
    )


def resolvent_bound(order: int, size: float = 0.1) -> ClaimedFigure:
    """The same for the worst E of norm e, that of one singular vector of A.

    It is at least R^2/(1 - R e), R = |A^{-1}| < 2. A + E is dissipative as long as e < 1/2,
    |(iw - A - E)^{-1}| <= 1/(1/2 - e), and |(iw - A)^{-1}| <= 2: at most 4/(1 - 2e).
    """
    U, s, Vh = np.linalg.svd(np.asarray(hippo.legs(order).A))
    R = 1 / float(s[-1])
    rounding = 64 * EPS * order**2
    direction = -np.outer(U[:, -1], Vh[-1])
    error = _resolvent_error(order, size * direction)
    low = R**2 / (1 - R * size)
    return ClaimedFigure(
        value=error / size,
        low=low - rounding,
        high=4 / (1 - 2 * size),
    )


def driven_bound(order: int, size: float = 0.1, seed: int = 0) -> ClaimedFigure:
    """sup |(iw - A - E)^{-1} b - (iw - A)^{-1} b|/|E| for a random E of norm e.

    |(iw - A)^{-1} b| <= 1, so at most 2/(1 - 2e).
    """
    A, b, _ = hippo.legs(order)
    unit = np.eye(order)
    E = _random(order, size, seed)
    moved = A + E, b, unit
    error = h_infinity.hinf_distance(moved, (A, b, unit)).lower
    return ClaimedFigure(
        value=error / size,
        low=0.0,
        high=2 / (1 - 2 * size),
    )


def lossless_law(order: int, tau: float = 0.2) -> ClaimedFigure:
    """kappa(V) sup |x~ - x^| of `perturb.lossless`.

    kappa is near c^{(N-1)/N}, c = 2/tau - 1, and the error near its bound.
    """
    found = perturb.lossless(hippo.legs(order), tau=tau)
    c = 2 / tau - 1
    law = c * found.transfer_bound
    value = found.condition * found.transfer_error
    return ClaimedFigure(
        value=value,
        low=law * c ** (-1 / order) * (1 - 1 / order),
        high=law,
    )


def _random(order: int, size: float, seed: int) -> Real:
    E = np.random.default_rng(seed).standard_normal((order, order))
    return E * (size / np.linalg.norm(E, 2))


def _resolvent_error(order: int, E: Real) -> float:
    """sup |(iw - A - E)^{-1} - (iw - A)^{-1}|_2."""
    A = np.asarray(hippo.legs(order).A)
    unit = np.eye(order)
    moved = A + E, unit, unit
    return h_infinity.hinf_distance(moved, (A, unit, unit)).lower
