r"""Errors that no model of a given order gets below, from Hankel singular values.

A model of order r takes at most r from the rank of a Hankel operator. So its H-infinity error is at
least sigma_{r+1} (Adamyan, Arov and Krein), and so is its L1 error for one output. For H2 take the
Hankel operator with the weights e^{-alpha s} and e^{-alpha t}, that of the modes a - alpha:

.. math::  \sum_{k > r} \sigma_k(\alpha)^2
           \le \int_0^\infty \tau e^{-2 \alpha \tau} |K - K_r|^2 d\tau
           \le \frac{|G - G_r|_2^2}{2 \alpha e},

and in discrete time, of the modes rho z, with :math:`\max_l (l + 1) \rho^{2 l}` on the right.
"""

from __future__ import annotations

import math

import numpy as np

from ..ground.backend import Real
from ..ground.formats import TINY
from .modal_gramians import hankel_values_from_below
from .real_systems import RealSystems

_SHIFTS = 5  # values of alpha that are tried


def lower_bounds(systems: RealSystems, sigma: Real, norm: str) -> Real:
    """The bounds (m, N + 1) for each order from 0 to N, from the Hankel values sigma (m, N)."""
    sigma = np.pad(sigma, ((0, 0), (0, 1)))
    if norm == "hinf":
        return sigma
    if norm == "l1":
        return sigma / math.sqrt(systems.C.shape[-2])
    return np.max([_by_energy(systems, share) for share in np.linspace(0, 1, _SHIFTS)], axis=0)


def _by_energy(systems: RealSystems, share: float) -> Real:
    """The bound of one alpha, between the slowest damping (share 0) and the fastest (1)."""
    A = systems.A
    used = systems.used
    rate = -np.log(np.maximum(np.abs(A), TINY)) if systems.discrete else -A.real
    slow = np.min(np.where(used, rate, np.inf), axis=-1)
    fast = np.max(np.where(used & np.isfinite(rate), rate, 0), axis=-1)
    some = np.any(used, axis=-1) & (fast > 0)
    slow = np.where(some, slow, 1.0)
    fast = np.where(some, fast, 1.0)
    alpha = (slow ** (1 - share) * fast**share)[:, None]
    if systems.discrete:
        rho = np.exp(-alpha)
        moved = systems._replace(A=A * rho)
        highest = np.maximum(1 / (2 * alpha) - 1, 0)
        near = np.stack([np.floor(highest), np.ceil(highest)])
        most = np.max((near + 1) * rho ** (2 * near), axis=0)
    else:
        moved = systems._replace(A=A - alpha)
        most = 1 / (2 * math.e * alpha)
    squares = np.pad(hankel_values_from_below(moved) ** 2, ((0, 0), (0, 1)))
    tails = np.cumsum(squares[:, ::-1], axis=-1)[:, ::-1]
    return np.sqrt(tails / most)
