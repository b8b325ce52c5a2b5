r"""From the eigenbasis of the normal part to that of a perturbed system, in O(N).

A + P P^T = V_1 diag(sigma + y) V_1^* with a unitary V_1, and A + tau P P^T = V diag(sigma + z)
V^{-1}, differ by (1 - tau) P P^T, so that

.. math::  (V_1^* V)_{jk} = (1 - \tau)\, \frac{q_j r_k}{y_j - z_k}, \qquad
           (V^{-1} V_1)_{kj} = (1 - \tau)\, \frac{s_k q_j}{y_j - z_k},

q = V_1^* P, r = P^T V = (-Re z/(1 - tau))^{1/2} and s = V^{-1} P: Cauchy matrices, whose products
`multipole` knows.
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
        order = len(spectrum.z)
        self.pairs = int(np.count_nonzero(spectrum.z.imag > 0))
        half = np.r_[: self.pairs, 2 * self.pairs : order]
        z = spectrum.z[half]
        self.damped = z.real < 0  # the others are modes of the normal part
        self.r = np.sqrt(-z.real / (1 - tau)) + 0j if tau < 1 else np.zeros_like(z)
        self.s = spectrum.driven[half]
        once = np.where(np.arange(len(half)) < self.pairs, 1.0, 0.5)  # a real mode is its conjugate
        self.charge = (1 - tau) * once * normal.driven[half].real
        if self.damped.any():
            targets = multipole.tree_of(-z[self.damped].conj())
            sources = multipole.tree_of(normal.z[half])
            self.sums = multipole.cauchy_product(targets, sources)

    def readout(self, c: Real) -> Complex:
        """c V (..., N) of rows c (..., N)."""
        rows = np.reshape(c, (-1, np.shape(c)[-1]))
        found = [self._rotated(self._modal(row), self.r) for row in rows]
        return np.reshape(found, np.shape(c))

    def drive(self, b: Real) -> Complex:
        """V^{-1} b (N, M) of columns b (N, M)."""
        found = [self._rotated(self._modal(column).conj(), self.s) for column in b.T]
        return np.stack(found, axis=-1)

    def _modal(self, c: Real) -> Complex:
        """c V_1 (n,), of one mode of each pair and the real ones."""
        real, imaginary, alone = np.split(c, [self.pairs, 2 * self.pairs])
        return np.concatenate([(real + 1j * imaginary) / math.sqrt(2), alone + 0j])

    def _rotated(self, d: Complex, factor: Complex) -> Complex:
        """The vector (N,) whose half in the basis V_1 is d (n,), in the basis V."""
        if self.damped.any():
            sums = self.sums(self.charge * d)
            d = d.copy()
            d[self.damped] = -factor[self.damped] * sums
        upper = d[: self.pairs]
        return np.concatenate([upper, upper.conj(), d[self.pairs :].real + 0j])
