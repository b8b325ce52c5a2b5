r"""The perturbation with a guarantee: move a lossless A part of the way to its normal part."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.sparse.linalg

from ..forms import NPLR, check
from ..ground import require
from ..ground.backend import Real
from ..ground.bounds import Bounds
from ..ground.ondemand import ORDER, OnDemand, by_formula
from ..lossless import gram
from ..lossless.recognition import Spectrum, Structure, gain, recognize
from ..matrices import eigen
from ..matrices.frequency_supremum import supremum
from .diagonalization import EPS, Defective, Diagonalization, Factors, Progress, diagonalized

_STEP = 1.005  # by which tau is raised where kappa(V) exceeds the budget
_DENSE = 256  # order up to which V is formed anyway
_SAMPLE = 16  # columns of V by which a residual is estimated beyond order 4096


@dataclass(frozen=True, eq=False)
class Lossless(Diagonalization):
    """A + tau P P^T diagonalized; `tau` is the size, `sigma` the lossless axis. Its figures come
    from closed forms.
    """

    tau: float
    sigma: float
    structure: Structure | None = field(repr=False)
    spectrum: Spectrum | None = field(repr=False)
    progress: Progress | None = field(repr=False)

    def figures(self) -> dict[str, Any]:
        """Every figure and fact by its name, `tau` among them."""
        figures = super().figures()
        return {"perturbation": figures.pop("perturbation"), "tau": self.tau} | figures

    @cached_property
    def condition(self) -> float:
        """kappa_2(V): for large orders from the eigenvalues alone, whose Gram matrix of unit
        eigenvectors is known.
        """
        if self.spectrum is None or len(self.Lambda) <= _DENSE:
            return eigen.condition(self.V)
        report = self.progress
        return gram.condition(
            self.spectrum.z, progress=report and (lambda done: report(fraction=done))
        )

    @cached_property
    def scaled_condition(self) -> float:
        """The sum of the condition numbers of the eigenvalues: the least kappa_F(V D) over scalings
        D of the columns.
        """
        return (
            super().scaled_condition
            if self.spectrum is None
            else float(np.sum(self.spectrum.sensitivity))
        )

    @cached_property
    def backward_error(self) -> float:
        """|E|_2/|A|_2."""
        A, _, P = self.nplr
        size = self.tau * float(np.linalg.norm(P, 2)) ** 2
        return size / _norm(A, P, self.sigma, self.structure)

    @cached_property
    def residual(self) -> float:
        """|(A + E) V - V Lambda|_F / |A|_F; beyond order 4096 estimated from 16 columns of V."""
        if self.structure is None or not isinstance(self.V, OnDemand):
            return super().residual
        _, _, P = self.nplr
        some = np.random.default_rng(0).integers(0, len(P), _SAMPLE)
        V = self.V[:, some]
        rest = self.structure.times(V) + self.tau * P @ (P.T @ V) - V * self.Lambda[some]
        # tr (A + A^T)^2 = 2 |A|_F^2 + 2 tr A^2 gives |A|_F without an entry of A, and tr (A + E)^2
        # is the sum of Lambda^2.
        p = P[:, 0] @ P[:, 0]
        trace = (
            np.sum(self.Lambda**2).real
            - 2 * self.tau * (self.sigma * p - p**2)
            - self.tau**2 * p**2
        )
        size = math.sqrt(2 * self.sigma**2 * len(P) - 4 * self.sigma * p + 2 * p**2 - trace)
        return float(np.linalg.norm(rest) * math.sqrt(len(P) / _SAMPLE)) / size

    @property
    def nplr(self) -> NPLR:
        """The system that was perturbed."""
        assert isinstance(self.system, NPLR)
        return self.system

    @cached_property
    def _deviation(self) -> Bounds:
        g = gain(self.nplr.B, self.nplr.P)
        if self.structure is None or g is None:
            return super()._deviation
        if self.sigma >= 0 and self.tau == 1:  # undamped
            size = math.inf if g else 0.0
            return Bounds(size, size, float(np.abs(self.Lambda[0].imag)))
        log_phi, sigma, t = self.structure.log_phi, self.sigma, self.tau / 2

        def deviation(w: Real) -> Real:
            value, slope = log_phi(1j * w - sigma)
            relative = t * np.exp(value) / (1 - t + t * np.exp(value))
            square = (
                -slope.real / 2 if sigma == 0 else -np.expm1(2 * value.real) / (-4 * sigma)
            )  # |x^|^2/g^2
            return np.abs(g * relative) * np.sqrt(np.maximum(0, square))

        lower, w = supremum(deviation, self.Lambda)
        upper = _bound(self.nplr.P, g, sigma, self.tau)
        if math.isinf(upper) and len(self.Lambda) <= _DENSE:  # no closed form: by level sets
            upper = super()._deviation.upper
        return Bounds(lower, upper, w)


def lossless(
    nplr: NPLR,
    *,
    conditioning: float | None = None,
    tau: float | None = None,
    progress: Progress | None = None,
) -> Lossless:
    r"""The perturbation with a guarantee: move A part of the way to its normal part.

    For a lossless system, A + A^T = 2 sigma I - 2 P P^T with B = P g, take

    .. math::  E = \tau P P^T, \qquad 0 < \tau \le 1, \qquad \tilde B = (1 - \tau/2)\, B \text{ if P has one column:}

    tau -> 0 is HiPPO, tau = 1 its normal part (S4D). With c = 2/tau - 1, kappa(V) = c^{(N-1)/N} for
    `lagt` and `tlagt`, close to that and below c for `legs` outside narrow windows of tau, and far
    below it for `fout`. And with the all-pass Phi(s) = 1 - 2 P^T (s - A)^{-1} P, of modulus one on
    Re s = sigma,

    .. math::  \tilde x - \hat x = -\frac{\tau}{2}\,\frac{\Phi}{1 - \tau/2 + (\tau/2)\Phi}\, \hat x,

    for `legs` zero at w = 0 and at most max_q (tau/2) q sqrt(1 - q^2)/(1 - (tau/2)(1 + q)) ~ tau/4
    at any frequency and order. With R columns (`legt`: two) the input is chosen so that the
    deviation at w = 0 vanishes: Phi is R x R, M = (1 - tau/2) I + (tau/2) Phi, and

    .. math::  \tilde B = P M(0) g, \qquad
               \tilde x - \hat x = \frac{\tau}{2} (s - A)^{-1} P M(s)^{-1} (\Phi(0) - \Phi(s))\, g .

    Give `tau`, or `conditioning` (8 if neither): then tau starts where kappa(V) = c^{R (N-1)/N}
    meets the budget and is raised in steps of 0.5 % until the measured kappa(V) keeps it; `facts`
    tells the first tau ("law_tau") and how many "steps" it was moved. E is real, so the spectrum is
    closed under conjugation; it stays in Re <= sigma.

    Returns a `Lossless`, a `Diagonalization` with `tau` and `sigma`. Raises ValueError for tau
    outside (0, 1], conditioning not above 1, both given, a system that is not lossless (by how
    much), B outside the span of P, and a tau at which A + E cannot be diagonalized in double
    precision. Eigenvalues and B of `legs`, `lagt`, `tlagt` and the Fourier measures are closed
    forms with a relative accuracy of a few eps, in O(N), and V only on demand, unless roots have
    met (for `legs` at c beyond 4 N log N); all else is LAPACK's, O(N^3), up to order 4096. kappa(V)
    is measured either way: up to order 256 from V, then from the eigenvalues alone, beyond order
    1024 as an upper estimate at most 1e-4 above it. `progress` is called with the `fraction` done
    while that is measured.

    Sources: derived here; Yu et al. 2024 (arXiv 2310.01698) for the idea.

    >>> from ssmlinalg import hippo
    >>> d = lossless(hippo.legs(64), conditioning=9)
    >>> round(d.tau, 3), round(d.condition, 2), round(d.transfer_error, 3), round(d.abscissa, 2)
    (0.195, 8.96, 0.058, -0.7)
    """
    if not isinstance(nplr, NPLR):
        got = type(nplr).__name__
        raise TypeError(
            f"`nplr` must be an NPLR form, for P is perturbed along; got {got}. Use minimize or gaussian for others."
        )
    nplr = check(nplr)
    if any(np.iscomplexobj(array) for array in nplr if isinstance(array, np.ndarray)):
        raise TypeError(
            "`nplr` must be real; got complex entries. Take the real form, or use minimize."
        )
    if conditioning is not None and tau is not None:
        raise ValueError("give `conditioning` or `tau`, not both; got both. Leave one out.")
    if tau is not None:
        tau = require.real("tau", tau, above=0)
        if tau > 1:
            raise ValueError(
                f"`tau` must lie in (0, 1]; got {tau:g}. 1 is already the normal part."
            )
    budget = require.real("conditioning", 8.0 if conditioning is None else conditioning, above=1)
    structure = recognize(nplr.A, nplr.P)
    sigma, g = _axis(nplr, structure), _drive(nplr)
    if tau is not None:
        return _diagonalize(nplr, structure, sigma, g, tau, {}, progress)
    order, rank = nplr.P.shape
    exponent = order / (order - 1) / rank if order > 1 else 1.0
    slack = (
        1 + 2 * gram.TOLERANCE if order > gram.DENSE else 1.0
    )  # within which kappa(V) is known there, from above
    law_tau = size = 2 / (min(budget / slack, EPS ** (-1 / exponent)) ** exponent + 1)
    steps = 0
    while True:
        try:
            found = _diagonalize(
                nplr, structure, sigma, g, size, {"law_tau": law_tau, "steps": steps}, progress
            )
            if found.condition <= budget * (1 + 64 * order * EPS):
                return found
        except Defective:
            pass  # an exceptional point
        size, steps = min(_STEP * size, 1.0), steps + 1


def _diagonalize(
    nplr: NPLR,
    structure: Structure | None,
    sigma: float,
    g: Real,
    tau: float,
    facts: dict[str, float],
    progress: Progress | None,
) -> Lossless:
    """At one tau: in closed form where that holds, else by LAPACK."""
    B, P = nplr.B, nplr.P
    spectrum = structure.solve(tau) if structure else None
    if spectrum is None:
        return _by_lapack(nplr, structure, sigma, g, tau, facts)
    order, index = len(B), np.arange(len(B))

    def factors() -> Factors:
        V, V_inv = (
            OnDemand((order, order), np.complex128, block) for block in (spectrum.V, spectrum.V_inv)
        )
        E = by_formula(order, lambda n, k: tau * P[n, 0] * P[k, 0])
        return Factors(V, V_inv, E) if order > ORDER else Factors(V[index], V_inv[index], E)

    Lambda, drive = sigma + spectrum.z, (1 - tau / 2) * float(g[0]) * spectrum.driven
    own = tau, sigma, structure, spectrum, progress
    return Lossless(nplr, Lambda, drive, factors, "lossless", MappingProxyType(facts), *own)


def _by_lapack(
    nplr: NPLR,
    structure: Structure | None,
    sigma: float,
    g: Real,
    tau: float,
    facts: dict[str, float],
) -> Lossless:
    A, B, P = nplr
    if len(B) > ORDER:
        got = f"eigenvalues of order {len(B)} that met on the real axis at tau = {tau:g}"
        raise ValueError(
            f"beyond order {ORDER} eigenvalues must be in closed form; got {got}. Raise tau."
        )
    if (
        P.shape[-1] > 1
    ):  # M(0) g, so that the deviation at w = 0 vanishes; with one column (1 - tau/2) g is best in the bound
        g = g + tau * P.T @ np.linalg.solve(A, P @ g)
        found = diagonalized(nplr._replace(B=P @ g), tau * P @ P.T, method="lossless", facts=facts)
    else:
        found = diagonalized(
            nplr._replace(B=(1 - tau / 2) * B), tau * P @ P.T, method="lossless", facts=facts
        )
    own = tau, sigma, structure, None, None
    return Lossless(nplr, found.Lambda, found.B, found.factors, "lossless", found.facts, *own)


def _axis(nplr: NPLR, structure: Structure | None) -> float:
    """sigma of A + A^T = 2 sigma I - 2 P P^T, once it is known to hold."""
    if structure:
        return structure.sigma
    A, B, P = np.asarray(nplr.A), nplr.B, nplr.P
    if not P.any():
        raise ValueError(
            "`P` must not be zero, for it is what is perturbed along; got zeros. Such a system is normal already."
        )
    rest = A + A.T + 2 * P @ P.T
    sigma = float(np.trace(rest)) / (2 * len(B))
    scale = float(np.linalg.norm(A))
    defect = float(np.linalg.norm(rest - 2 * sigma * np.eye(len(B))))
    if defect > 64 * len(B) * EPS * scale:
        got = f"a defect of {defect / scale:.3g} |A|"
        raise ValueError(
            f"A + A^T must be 2 sigma I - 2 P P^T; got {got}. Use legs, lagt, tlagt, legt or fout."
        )
    return sigma


def _drive(nplr: NPLR) -> Real:
    """g of B = P g."""
    _, B, P = nplr
    g = np.linalg.lstsq(P, B)[0]
    aside, size = float(np.linalg.norm(B - P @ g)), float(np.linalg.norm(B))
    if aside > 64 * len(B) * EPS * size:
        got = f"a part {aside / size:.3g} |B| beside it"
        raise ValueError(
            f"`B` must lie in the span of P; got {got}. Only then does scaling the input undo the perturbation."
        )
    return g


def _norm(A: np.ndarray | OnDemand, P: Real, sigma: float, structure: Structure | None) -> float:
    """|A|_2, for large orders by Lanczos: A^T = 2 sigma I - 2 P P^T - A, so that products with A alone will do."""
    order = len(P)
    if order <= _DENSE or structure is None:
        return float(np.linalg.norm(A, 2))

    def squared(x: Real) -> Real:
        y = structure.times(x.reshape(-1, 1))
        return (2 * sigma * y - 2 * P @ (P.T @ y) - structure.times(y)).ravel()

    operator: Any = scipy.sparse.linalg.LinearOperator(
        (order, order), matvec=squared, dtype=np.float64
    )  # pyright: ignore
    top = scipy.sparse.linalg.eigsh(operator, k=1, v0=P[:, 0], return_eigenvectors=False)
    return math.sqrt(float(top[0]))


def _bound(P: Real, g: float, sigma: float, tau: float) -> float:
    """sup |x~ - x^| over every phase Phi(iw) might have: with q = |Phi| it is g t q sqrt(1 -
    q^2)/(1 - t - t q), t = tau/2.

    Where sigma = 0, q = 1 and the deviation is t/(1 - 2t) |x^| at most; of a chain, whose P has no
    zero, |x^|^2 = g^2 sum a_n/(w^2 + a_n^2), a_n = P_n^2, is largest at w = 0.
    """
    t = tau / 2
    if sigma == 0 and P.all() and tau < 1:
        return t / (1 - tau) * abs(g) * math.sqrt(float(np.sum(P**-2.0))) * (1 + 16 * EPS * len(P))
    if sigma >= 0 or tau == 1:
        return math.inf  # at tau = 1 the denominator can vanish
    stationary = np.roots([t, -2 * (1 - t), 0, 1 - t])
    q = min(
        (float(root.real) for root in stationary if abs(root.imag) < 1e-9 and 0 < root.real < 1),
        default=1.0,
    )
    if q == 1:
        return math.inf
    return (
        abs(g)
        / math.sqrt(-4 * sigma)
        * t
        * q
        * math.sqrt(1 - q**2)
        / (1 - t - t * q)
        * (1 + 16 * EPS)
    )
