r"""Perturb, then diagonalize: A + E = V diag(Lambda) V^{-1} with a small E and a moderate kappa(V).

HiPPO matrices are so far from normal that diagonalizing them as they are is ill-posed (kappa(V) ~ 5.8^N for `legs`). A small
perturbation makes it well-posed; how good a perturbation is shows in three numbers, and each `Diagonalization` carries them:
the condition number kappa(V), the backward error |E|/|A|, and the transfer error, the largest deviation over all frequencies of
the state x^(iw) from that of the unperturbed system. `PERTURBATIONS` lists the methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import _require
from ._array import Complex, Real
from ._axis import supremum
from .forms import NPLR, Diagonal, Paired, check, pair

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Diagonalization:
    r"""A + E = V diag(Lambda) V^{-1} with the figures that certify it.

    `nplr` is the system (A, B, P) that was perturbed, `tau` the size of the lossless perturbation. `Lambda` (N,), in the order
    of `decompose`: upper half plane by rising frequency, conjugates, real ones. `V` (N, N) has unit columns, `V_inv` its rows;
    `B` (N,) is the input in the eigenbasis with the method's scaling of the input included, so V (s - Lambda)^{-1} B is the
    state. `condition` is kappa_2(V), `residual` |(A + E) V - V Lambda|_F / |A|_F, `backward_error` |E|_2/|A|_2, `abscissa`
    max Re Lambda. `transfer_error` is the largest |x~(iw) - x^(iw)| found over w, to the accuracy of a local maximization, and
    `transfer_bound` a number it provably does not exceed (inf where nothing is known).
    """

    nplr: NPLR = field(repr=False)
    tau: float
    Lambda: Complex = field(repr=False)
    V: Complex = field(repr=False)
    V_inv: Complex = field(repr=False)
    B: Complex = field(repr=False)
    E: Real = field(repr=False)
    condition: float
    residual: float
    backward_error: float
    transfer_error: float
    transfer_bound: float
    abscissa: float

    def paired(self, C: np.ndarray, step: np.ndarray | float = 1.0) -> Paired:
        """The half-spectrum model that reads C (..., N) from the state in HiPPO coordinates, with `step` (...)."""
        D = np.zeros(np.shape(C)[:-1])
        return pair(Diagonal(self.Lambda, self.B, C @ self.V, D, np.asarray(step)))


def lossless(nplr: NPLR, *, conditioning: float | None = None, tau: float | None = None) -> Diagonalization:
    r"""The perturbation with a guarantee: move A part of the way to its normal part.

    For a lossless system, A + A^T = 2 sigma I - 2 P P^T with one column P parallel to B, take

    .. math::  E = \tau P P^T, \qquad \tilde B = (1 - \tau/2)\, B, \qquad 0 < \tau \le 1:

    tau -> 0 is HiPPO, tau = 1 its normal part (S4D). With c = 2/tau - 1, kappa(V) = c^{(N-1)/N} for `lagt` and `tlagt`, close
    to that and below c for `legs` outside narrow windows of tau, and far below it for `fout`. And with
    Phi(s) = 1 - 2 P^T (s - A)^{-1} P, of modulus one on Re s = sigma,

    .. math::  \tilde x - \hat x = -\frac{\tau}{2}\,\frac{\Phi}{1 - \tau/2 + (\tau/2)\Phi}\, \hat x,

    for `legs` zero at w = 0 and at most max_q (tau/2) q sqrt(1 - q^2)/(1 - (tau/2)(1 + q)) ~ tau/4 at any frequency and order.
    Give `tau`, or `conditioning` (8 if neither): then tau starts where kappa(V) = c^{(N-1)/N} meets the budget and is raised in
    steps of 0.5 % until the measured kappa(V) keeps it. E is real, so the spectrum is closed under conjugation; it stays in
    Re <= sigma.

    Raises ValueError for tau outside (0, 1], conditioning <= 1, both given, a system that is not lossless (by how much), one of
    rank two, or P not parallel to B. Cost O(N^3). Sources: derived here; Yu et al. 2024 (arXiv 2310.01698) for the idea.

    >>> from ssmlinalg import hippo
    >>> d = lossless(hippo.legs(64), conditioning=9)
    >>> round(d.tau, 3), round(d.condition, 2), round(d.transfer_error, 3), round(d.abscissa, 2)
    (0.195, 8.96, 0.058, -0.7)
    """
    nplr = check(nplr)
    if conditioning is not None and tau is not None:
        raise ValueError("give `conditioning` or `tau`, not both; got both. Leave one out.")
    sigma = _lossless_axis(nplr)
    if tau is not None:
        tau = _require.real("tau", tau, above=0)
        if tau > 1:
            raise ValueError(f"`tau` must lie in (0, 1]; got {tau:g}. 1 is already the normal part.")
        return _certify(nplr, sigma, tau, *_eigen(nplr, tau))
    budget = _require.real("conditioning", 8.0 if conditioning is None else conditioning, above=1)
    order = len(nplr.B)
    c = min(budget ** (order / (order - 1)), 1 / _EPS) if order > 1 else budget
    size = 2 / (c + 1)
    Lambda, V, condition = _eigen(nplr, size)
    while condition > budget * (1 + 64 * order * _EPS):
        size = min(1.005 * size, 1.0)
        Lambda, V, condition = _eigen(nplr, size)
    return _certify(nplr, sigma, size, Lambda, V, condition)


def _lossless_axis(nplr: NPLR) -> float:
    """sigma of A + A^T = 2 sigma I - 2 P P^T, once it is known to hold with one column P parallel to B."""
    A, B, P = nplr
    rank, order = P.shape[-1], len(B)
    if rank != 1:
        raise ValueError(f"`nplr` must be lossless of rank one; got rank {rank}. Use legs, lagt, tlagt or fout.")
    rest = A + A.T + 2 * P @ P.T
    sigma = float(np.trace(rest)) / (2 * order)
    scale = float(np.linalg.norm(A))
    defect = float(np.linalg.norm(rest - 2 * sigma * np.eye(order)))
    if defect > 64 * order * _EPS * scale:
        got = f"a defect of {defect / scale:.3g} |A|"
        raise ValueError(f"A + A^T must be 2 sigma I - 2 P P^T; got {got}. Use legs, lagt, tlagt or fout.")
    direction = P[:, 0] / np.linalg.norm(P)
    aside = float(np.linalg.norm(B - direction * (direction @ B)))
    if aside > 64 * order * _EPS * float(np.linalg.norm(B)):
        got = f"a part {aside / float(np.linalg.norm(B)):.3g} |B| beside it"
        raise ValueError(f"`B` must be parallel to P; got {got}. Only then does scaling the input undo the perturbation.")
    return sigma


def _certify(nplr: NPLR, sigma: float, tau: float, Lambda: Complex, V: Complex, condition: float) -> Diagonalization:
    A, B, P = nplr
    E = tau * P @ P.T
    if condition * _EPS > 1:
        got = f"kappa(V) = {condition:.3g}, beyond double precision"
        raise ValueError(f"A + E must be diagonalizable; got {got} at tau = {tau:g}. Move tau a little, or raise it.")
    V_inv = _like_conjugates(np.linalg.inv(V), Lambda)
    B_tilde = (1 - tau / 2) * _like_conjugates(V_inv @ B, Lambda)
    driven = np.abs(B_tilde) > _EPS * float(np.linalg.norm(B))
    undamped = bool(np.any(Lambda.real[driven] >= -len(B) * _EPS * float(np.linalg.norm(A))))
    return Diagonalization(
        nplr=nplr,
        tau=tau,
        Lambda=Lambda,
        V=V,
        V_inv=V_inv,
        B=B_tilde,
        E=E,
        condition=condition,
        residual=float(np.linalg.norm((A + E) @ V - V * Lambda) / np.linalg.norm(A)),
        backward_error=float(np.linalg.norm(E, 2) / np.linalg.norm(A, 2)),
        transfer_error=math.inf if undamped else _lossless_error(nplr, tau, Lambda, V, V_inv, B_tilde),
        transfer_bound=_lossless_bound(nplr, sigma, tau),
        abscissa=float(Lambda.real.max()),
    )


def _lossless_error(nplr: NPLR, tau: float, Lambda: Complex, V: Complex, V_inv: Complex, B_tilde: Complex) -> float:
    """max |x~ - x^| over w: with h = 2 P^T (s - A - E)^{-1} P the deviation is -tau/2 (1 - (1 - tau/2) h) x^."""
    left, right = 2 * nplr.P[:, 0] @ V, V_inv @ nplr.P[:, 0]

    def deviation(w: Real) -> Real:
        fraction = 1 / (1j * w - Lambda[:, None])
        relative = -tau / 2 * (1 - (1 - tau / 2) * ((left * right) @ fraction))
        return np.abs(relative / (1 + relative)) * np.linalg.norm(V @ (B_tilde[:, None] * fraction), axis=0)

    return supremum(deviation, Lambda)[0]


def _lossless_bound(nplr: NPLR, sigma: float, tau: float) -> float:
    """sup |x~ - x^| from |x^|^2 = |B|^2/|P|^2 (1 - |Phi|^2)/(-4 sigma): with q = |Phi(iw)| nothing else is needed."""
    if sigma >= 0 or tau == 1:
        return math.inf  # |Phi| = 1 on the whole axis says nothing of |x^|; at tau = 1 the denominator can vanish
    gain = float(np.linalg.norm(nplr.B) / np.linalg.norm(nplr.P)) / math.sqrt(-4 * sigma)
    t = tau / 2
    roots = np.roots([t, -2 * (1 - t), 0, 1 - t])  # where t q sqrt(1 - q^2)/(1 - t - t q) is stationary
    q = min((float(root.real) for root in roots if abs(root.imag) < 1e-9 and 0 < root.real < 1), default=1.0)
    if q == 1:
        return math.inf
    return gain * t * q * math.sqrt(1 - q**2) / (1 - t - t * q) * (1 + 16 * _EPS)


def _eigen(nplr: NPLR, tau: float) -> tuple[Complex, Complex, float]:
    """Eigenvalues of A + tau P P^T in canonical order, unit eigenvectors v with P^T v > 0, and kappa_2(V).

    P^T v = 0 for what the perturbation does not touch; there the largest entry is made positive.
    """
    A, _, P = nplr
    Lambda, V = (np.asarray(part, dtype=np.complex128) for part in np.linalg.eig(A + tau * P @ P.T))
    V = V / np.linalg.norm(V, axis=0)
    seen, largest = P[:, 0] @ V, V[np.argmax(np.abs(V), axis=0), np.arange(len(A))]
    V = V * np.exp(-1j * np.angle(np.where(np.abs(seen) > len(A) * _EPS * np.linalg.norm(P), seen, largest)))
    up, real = np.flatnonzero(Lambda.imag > 0), np.flatnonzero(Lambda.imag == 0)
    up, real = up[np.lexsort((Lambda.real[up], Lambda.imag[up]))], real[np.argsort(Lambda.real[real])]
    Lambda = np.concatenate([Lambda[up], Lambda[up].conj(), Lambda[real]])
    V = np.concatenate([V[:, up], V[:, up].conj(), V[:, real].real + 0j], axis=-1)
    return Lambda, V, float(np.linalg.cond(V))


def _like_conjugates(rows: Complex, Lambda: Complex) -> Complex:
    """Rounding lets conjugate rows differ in their last digit; let them not."""
    pairs = np.count_nonzero(Lambda.imag > 0)
    return np.concatenate([rows[:pairs], rows[:pairs].conj(), rows[2 * pairs :].real + 0j])


PERTURBATIONS: dict[str, Callable[..., Diagonalization]] = {"lossless": lossless}
