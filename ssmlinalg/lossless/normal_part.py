r"""From the eigenbasis of the normal part to that of a perturbed system, in O(N).

A + P P^T = V_1 diag(sigma + y) V_1^* with a unitary V_1, and A + tau P P^T = V diag(sigma + z)
V^{-1}, differ by (1 - tau) P P^T, so that

.. math::  (V_1^* V)_{jk} = \frac{q_j r_k}{z_k - y_j}, \qquad
           (V^{-1} V_1)_{kj} = \frac{s_k q_j}{z_k - y_j},

q = V_1^* P: Cauchy matrices, whose products `multipole` knows. As P^T (z - A)^{-1} P = (1 - Phi)/2,
r = f (1 + Phi)/2, f the feedback of the spectrum, and s = -(2 - tau) V^{-1} P (1 + Phi)/(2 Phi);
both hold with more modes than states.
"""

from __future__ import annotations

import math

import numpy as np

from ..ground.backend import Complex, Real
from . import multipole
from .recognition import Spectrum


class NormalPart:
    """Vectors in the real eigenbasis [sqrt 2 Re v, sqrt 2 Im v, v] of the normal part.

    Args:
        normal: the spectrum at tau = 1.
        spectrum: that at tau.
        tau: the size of the perturbation.

    Cost:
        O(N), about 2 kB an eigenvalue, and O(N) for each product.

    Example:
        >>> from ssmlinalg import hippo
        >>> from ssmlinalg.lossless.recognition import recognize
        >>> legs = hippo.legs(8)
        >>> structure = recognize(legs.A, legs.P)
        >>> basis = NormalPart(structure.solve(1.0), structure.solve(0.2), 0.2)
        >>> basis.readout(np.eye(8)).shape
        (8, 8)
    """

    def __init__(self, normal: Spectrum, spectrum: Spectrum, tau: float) -> None:
        self.pairs = _pairs(spectrum)
        self.states = _pairs(normal)
        half = np.r_[: self.pairs, 2 * self.pairs : len(spectrum.z)]
        own = np.r_[: self.states, 2 * self.states : len(normal.z)]
        z = spectrum.z[half]
        self.damped = z.real < 0  # the others are modes of the normal part
        phi = spectrum.phi[half]
        self.r = spectrum.feedback[half] * (1 + phi) / 2
        self.s = (tau / 2 - 1) * spectrum.driven[half] * (1 + phi) / phi
        once = np.where(np.arange(len(own)) < self.states, 1.0, 0.5)  # a real mode is its conjugate
        self.charge = once * normal.driven[own].real
        if self.damped.any():
            targets = multipole.tree_of(-z[self.damped].conj())
            sources = multipole.tree_of(normal.z[own])
            self.sums = multipole.cauchy_product(targets, sources)

    def readout(self, c: Real) -> Complex:
        """c V (..., M) of rows c (..., N)."""
        rows = np.reshape(c, (-1, np.shape(c)[-1]))
        found = [self._rotated(self._modal(row), self.r) for row in rows]
        return np.reshape(found, (*np.shape(c)[:-1], -1))

    def drive(self, b: Real) -> Complex:
        """V^{-1} b (M, k) of columns b (N, k)."""
        found = [self._rotated(self._modal(column).conj(), self.s) for column in b.T]
        return np.stack(found, axis=-1)

    def _modal(self, c: Real) -> Complex:
        """c V_1 (n,), of one mode of each pair and the real ones."""
        real, imaginary, alone = np.split(c, [self.states, 2 * self.states])
        return np.concatenate([(real + 1j * imaginary) / math.sqrt(2), alone + 0j])

    def _rotated(self, d: Complex, factor: Complex) -> Complex:
        """The vector (M,) in the basis V of one whose half in the basis V_1 is d (n,)."""
        rotated = np.empty(len(self.damped), dtype=np.complex128)
        if self.damped.any():
            rotated[self.damped] = factor[self.damped] * self.sums(self.charge * d)
        still = np.count_nonzero(~self.damped)  # the last of both
        rotated[~self.damped] = d[len(d) - still :]
        upper = rotated[: self.pairs]
        return np.concatenate([upper, upper.conj(), rotated[self.pairs :].real + 0j])


def _pairs(spectrum: Spectrum) -> int:
    return int(np.count_nonzero(spectrum.z.imag > 0))
