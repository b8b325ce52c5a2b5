r"""A lossless A perturbed along its low rank: the modes, and what they are worth in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import scipy

from ..forms import NPLR
from ..ground.backend import Array, Real
from ..ground.bounds import Bounds
from ..ground.formats import EPS
from ..ground.ondemand import ORDER, OnDemand
from ..lossless import gram
from ..lossless.normal_part import NormalPart
from ..lossless.recognition import Spectrum, Structure, gain
from ..matrices import eigen
from ..matrices.frequency_supremum import supremum
from .cascade import deviation_bound
from .diagonalization import Diagonalization, Progress
from .phase_curve import highest

DENSE = 256  # order up to which V is formed anyway
_SAMPLE = 16  # columns (and rows) by which a residual is estimated beyond order 4096


@dataclass(frozen=True, eq=False)
class Lossless(Diagonalization):
    """A + tau P P^T diagonalized, with figures from closed forms.

    Attributes:
        tau: the size, from 0 (HiPPO) to 1 (its normal part), or a negative one.
        sigma: the system is lossless on Re s = sigma.
        structure: the closed form of the system, if it is known.
        spectrum: the closed form of the spectrum at tau, if it can be relied on.
        progress: called with the "fraction" done while kappa(V) is measured.
    """

    system: NPLR = field(repr=False)
    tau: float
    sigma: float
    structure: Structure | None = field(repr=False)
    spectrum: Spectrum | None = field(repr=False)
    progress: Progress | None = field(repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"progress": None}  # of the caller, who is elsewhere

    def figures(self) -> dict[str, Any]:
        """Every figure and fact by its name, `tau` among them.

        Returns:
            What `Diagonalization.figures` returns, and "tau".

        Example:
            >>> from ssmlinalg import hippo, perturb
            >>> list(perturb.lossless(hippo.legs(4), tau=0.5).figures())[:3]
            ['perturbation', 'tau', 'condition']
        """
        figures = super().figures()
        return {"perturbation": figures.pop("perturbation"), "tau": self.tau} | figures

    @cached_property
    def condition(self) -> float:
        """kappa_2(V).

        For large orders from the eigenvalues alone: the Gram matrix of unit eigenvectors is known.
        With more modes than states by singular values while N^2 M <= 1024^3, and beyond |V|
        |V_inv|, which is no less: by a thousandth for chains, up to several times for the Fourier
        measures.
        """
        modes = len(self.Lambda)
        dense = self.order**2 * modes <= gram.DENSE**3 if self.wide else modes <= DENSE
        if self.spectrum is None or dense:
            return eigen.condition(np.asarray(self.V))
        if self.wide:
            right, left = self._norms
            return right * left
        return gram.condition(self.spectrum.z, progress=self._told())

    @cached_property
    def _norms(self) -> tuple[float, float]:
        """|V|_2 and |V^{-1}|_2 of a wide V from its spectrum."""
        assert self.spectrum is not None
        return gram.wide_norms(self.spectrum, progress=self._told())

    @property
    def _size_of_V(self) -> float:
        large = len(self.Lambda) > gram.DENSE
        return self._norms[0] if self.spectrum and large else super()._size_of_V

    @property
    def _size_of_state(self) -> Callable[[Real], Real]:
        g = gain(self.system.B, self.system.P)
        if self.structure is None or g is None:
            return super()._size_of_state
        return partial(_size_of_state, self.structure, g)

    @property
    def _energy(self) -> float:
        """The integral of |x~(t)|^2, as the sum of B_i v_i^T x~(-lambda_i).

        With g f_i v_i^T x^(-lambda_i) = g^2 (1 - Phi(z_i) Phi(-2 sigma - z_i))/(-4 sigma), and
        -(g^2/2) d log Phi/ds where sigma = 0; f the feedback.
        """
        g = gain(self.system.B, self.system.P)
        if self.structure is None or self.spectrum is None or g is None:
            return super()._energy
        spectrum = self.spectrum
        t = self.tau / 2
        some = (spectrum.z.imag >= 0) & (self.B != 0)
        twice = np.where(spectrum.z.imag[some] > 0, 2.0, 1.0)
        there = -2 * self.sigma - spectrum.z[some].conj()
        value, slope = self.structure.log_phi(there)
        along = spectrum.phi[some] * np.exp(value).conj()
        inner = -slope.conj() / 2 if self.sigma == 0 else (1 - along) / (-4 * self.sigma)
        passed, _ = self.structure.log_loop(there)
        shrunk = (1 - t) / (1 - t + t * np.exp(passed).conj())
        parts = self.B[some] * spectrum.feedback[some] * g * inner * shrunk
        return float(np.sum(twice * parts.real))

    def _told(self) -> gram.Report | None:
        report = self.progress
        return report and (lambda done: report(fraction=done))

    @cached_property
    def scaled_condition(self) -> float:
        """The sum of the condition numbers of the eigenvalues.

        It is the least kappa_F(V D) over scalings D of the columns.
        """
        if self.spectrum is None:
            return super().scaled_condition
        return float(np.sum(self.spectrum.sensitivity))

    @cached_property
    def backward_error(self) -> float:
        """|E|_2/|A|_2."""
        p = float(np.linalg.norm(self.system.P, 2))
        return abs(self.tau) * p**2 / _norm(self.system, self.sigma, self.structure)

    @cached_property
    def residual(self) -> float:
        """|(A + E) V - V Lambda|_F / |A|_F; beyond order 4096 estimated from 16 columns of V.

        With more modes than states |A V + P f^T - V Lambda|_F / |A|_F, f the feedback.
        """
        if self.structure is None or self.spectrum is None:
            return super().residual
        modes = len(self.Lambda)
        sampled = isinstance(self.V, OnDemand)
        if not (sampled or self.wide):
            return super().residual
        some = np.random.default_rng(0).integers(0, modes, _SAMPLE) if sampled else np.arange(modes)
        V = self.V[:, some]
        perturbed = self.structure.times(V) + self.system.P * self.spectrum.feedback[some]
        rest = perturbed - V * self.Lambda[some]
        size = float(np.linalg.norm(rest)) * math.sqrt(modes / len(some))
        return size / self._frobenius_norm()

    @cached_property
    def factorization_error(self) -> float:
        """|A + E - V diag(Lambda) V^{-1}|_F / |A|_F; beyond order 4096 by 256 of its entries."""
        if self.structure is None or not isinstance(self.V, OnDemand):
            return super().factorization_error
        order = self.order
        rng = np.random.default_rng(0)
        rows, columns = rng.integers(0, order, (2, _SAMPLE))
        product = (self.V[rows] * self.Lambda) @ self.V_inv[:, columns]
        rest = self.A[rows][:, columns] + self.E[rows][:, columns] - product
        return float(np.linalg.norm(rest)) * order / _SAMPLE / self._frobenius_norm()

    @property
    def order(self) -> int:
        """N, the number of states."""
        return len(self.system.P)

    def readout(self, c: Array) -> Array:
        """c V of rows c (..., N) in orthonormal real coordinates of the state.

        Up to order 4096 those of A. Beyond, where V is on demand, those of the real eigenbasis of
        the normal part A + P P^T, in O(N) a row and within 1e-6.
        """
        basis = self._normal_part()
        return basis.readout(c) if basis else super().readout(c)

    def drive(self, b: Array) -> Array:
        """V^{-1} b of columns b (N, M) in the coordinates of `readout`, at the same cost."""
        basis = self._normal_part()
        return basis.drive(b) if basis else super().drive(b)

    def _normal_part(self) -> NormalPart | None:
        """The basis beyond order 4096: made for one use, for its plan takes memory."""
        if self.structure is None or self.spectrum is None or len(self.Lambda) <= ORDER:
            return None
        normal = self.structure.normal()
        return normal and NormalPart(normal, self.spectrum, self.tau)

    def _frobenius_norm(self) -> float:
        """|A|_F without an entry of A, where P has one column.

        tr (A + A^T)^2 = 2 |A|_F^2 + 2 tr A^2, and tr (A + P P^T)^2 is the sum of squares of the
        eigenvalues of the normal part.
        """
        assert self.structure is not None
        normal = self.structure.normal()
        assert normal is not None  # at tau = 1 no roots have met
        P = self.system.P
        sigma = self.sigma
        p = P[:, 0] @ P[:, 0]
        of_normal = np.sum((sigma + normal.z) ** 2).real
        of_A = of_normal - 2 * (sigma * p - p**2) - p**2
        of_symmetric = 2 * sigma**2 * len(P) - 4 * sigma * p + 2 * p**2
        return math.sqrt(of_symmetric - of_A)

    @cached_property
    def _deviation(self) -> Bounds:
        """sup |x~(iw) - x^(iw)| from both sides, in closed form where there is one."""
        P = self.system.P
        g = gain(self.system.B, P)
        if self.tau == 0:
            return Bounds(0.0, 0.0, 0.0)
        by_lapack = self.wide and self.spectrum is None  # poles are nearly multiple: so it tells
        if self.structure is None or g is None or (by_lapack and len(self.Lambda) <= DENSE):
            return super()._deviation
        if self.sigma >= 0 and self.tau == 1:  # undamped
            size = math.inf if g else 0.0
            return Bounds(size, size, float(np.abs(self.Lambda[0].imag)))
        deviation = _deviation_by_phase(self.structure, g, self.tau)
        lower, w = supremum(deviation, self.Lambda)
        upper = _deviation_bound(P, g, self.sigma, self.tau)
        if self.wide and self.sigma < 0:
            passed = partial(_passed, self.structure, g)
            still = abs(g) / math.sqrt(-4 * self.sigma)
            reach = float(np.abs(self.Lambda).max())
            bound = deviation_bound(passed, self.tau, still=still, reach=reach)
            upper = bound * (1 + 64 * EPS * len(self.Lambda))
        elif self.sigma < 0 and len(self.Lambda) <= ORDER:
            upper = min(upper, self._on_the_curve(g, lower))
        if math.isinf(upper) and len(self.Lambda) <= DENSE:  # no closed form: by level sets
            upper = super()._deviation.upper
        return Bounds(lower, upper, w)

    def _on_the_curve(self, g: float, lower: float) -> float:
        """A bound by the curve of Phi(iw), inf where its modulus and phase may not be monotone."""
        structure = self.structure
        sigma = self.sigma
        least = float(np.min(self.system.P**2))  # from -sigma on every factor of Phi turns back
        if structure is None or least < -sigma * (1 - 8 * EPS) or not g:
            return math.inf
        unit = abs(g) / math.sqrt(-4 * sigma)
        speeds = np.abs(self.Lambda.imag)
        w = np.concatenate([speeds[speeds > 0], [-sigma]])
        return unit * highest(
            lambda w: structure.log_phi(1j * w - sigma)[0], self.tau, lower / unit, w
        )


def _norm(nplr: NPLR, sigma: float, structure: Structure | None) -> float:
    """|A|_2, for large orders by Lanczos.

    A^T = 2 sigma I - 2 P P^T - A, so that products with A alone will do.
    """
    P = nplr.P
    order = len(P)
    if order <= DENSE or structure is None:
        return float(np.linalg.norm(nplr.A, 2))

    def squared(x: Real) -> Real:
        y = structure.times(x.reshape(-1, 1))
        symmetric = 2 * sigma * y - 2 * P @ (P.T @ y)
        return (symmetric - structure.times(y)).ravel()

    linear: Any = scipy.sparse.linalg.LinearOperator
    operator = linear((order, order), matvec=squared, dtype=np.float64)
    top = scipy.sparse.linalg.eigsh(operator, k=1, v0=P[:, 0], return_eigenvectors=False)
    return math.sqrt(float(top[0]))


def _deviation_by_phase(structure: Structure, g: float, tau: float) -> Callable[[Real], Real]:
    """|x~ - x^| (F,) at w (F,) from Phi and Phi Psi, B = P g with one column."""
    t = tau / 2

    def deviation(w: Real) -> Real:
        value, _ = structure.log_loop(1j * w - structure.sigma)
        phi = np.exp(value)
        relative = t * phi / (1 - t + t * phi)
        return np.abs(relative) * _size_of_state(structure, g, w)

    return deviation


def _size_of_state(structure: Structure, g: float, w: Real) -> Real:
    """|x^| (F,): |x^|^2/g^2 = (1 - |Phi|^2)/(-4 sigma), -Re (d log Phi/ds)/2 where sigma = 0."""
    sigma = structure.sigma
    value, slope = structure.log_phi(1j * w - sigma)
    passed = -np.expm1(2 * value.real)
    square = -slope.real / 2 if sigma == 0 else passed / (-4 * sigma)
    return abs(g) * np.sqrt(np.maximum(0, square))


def _passed(structure: Structure, g: float, w: Real) -> tuple[Real, Real]:
    """|Phi Psi| and |x^| (F,) at w (F,)."""
    value, _ = structure.log_loop(1j * w - structure.sigma)
    return np.exp(value.real), _size_of_state(structure, g, w)


def _deviation_bound(P: Real, g: float, sigma: float, tau: float) -> float:
    """sup |x~ - x^| over every phase that Phi(iw) might have, inf where that is no bound.

    With q = |Phi| it is g t q sqrt(1 - q^2)/(r - t q)/sqrt(-4 sigma), t = |tau|/2, r = 1 - tau/2;
    written so that nothing cancels, the denominator is r - t + t (1 - q). Where
    sigma = 0, q = 1 and the deviation is t/(r - t) |x^| at most; of a chain, whose P has no zero,
    |x^|^2 = g^2 sum a_n/(w^2 + a_n^2), a_n = P_n^2, is largest at w = 0.
    """
    t = abs(tau) / 2
    room = 1 - tau if tau > 0 else 1.0  # r - t
    if sigma == 0 and P.all() and tau < 1:
        still = math.sqrt(float(np.sum(P**-2.0)))
        return t / room * abs(g) * still * (1 + 16 * EPS * len(P))
    if sigma >= 0 or tau == 1:
        return math.inf  # at tau = 1 the denominator can vanish
    stationary = np.roots([t, -2 * (room + t), 0, room + t])
    real = stationary.real[np.abs(stationary.imag) < 1e-9]
    inside = real[(real > 0) & (real < 1)]
    if len(inside) == 0:
        return math.inf
    q = float(inside.min())
    state = q * math.sqrt((1 - q) * (1 + q)) / math.sqrt(-4 * sigma)
    relative = t / (room + t * (1 - q))
    return abs(g) * relative * state * (1 + 16 * EPS)
