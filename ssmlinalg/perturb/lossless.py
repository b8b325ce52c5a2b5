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
from ._cascade import roots, states
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
    rank two, P not parallel to B, and a tau at which A + E cannot be diagonalized in double precision. Eigenvalues and
    eigenvectors of `legs`, `lagt` and `tlagt` are in closed form (unless roots meet, for large c), the others are LAPACK's;
    kappa(V) is measured either way. Cost O(N^3).

    Sources: derived here; Yu et al. 2024 (arXiv 2310.01698) for the idea.

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
        return _certify(nplr, sigma, tau, *_eigen(nplr, sigma, tau))
    budget = _require.real("conditioning", 8.0 if conditioning is None else conditioning, above=1)
    order = len(nplr.B)
    c = min(budget ** (order / (order - 1)), 1 / _EPS) if order > 1 else budget
    size = 2 / (c + 1)
    found = _eigen(nplr, sigma, size)
    while found[-1] > budget * (1 + 64 * order * _EPS):
        size = min(1.005 * size, 1.0)
        found = _eigen(nplr, sigma, size)
    return _certify(nplr, sigma, size, *found)


def _lossless_axis(nplr: NPLR) -> float:
    """sigma of A + A^T = 2 sigma I - 2 P P^T, once it is known to hold with one column P parallel to B."""
    A, B, P = nplr
    rank, order = P.shape[-1], len(B)
    if rank != 1:
        raise ValueError(f"`nplr` must be lossless of rank one; got rank {rank}. Use legs, lagt, tlagt or fout.")
    if not P.any():
        raise ValueError("`P` must not be zero, for it is what is perturbed along; got zeros. Such a system is normal already.")
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


def _certify(
    nplr: NPLR, sigma: float, tau: float, Lambda: Complex, V: Complex, V_inv: Complex, condition: float
) -> Diagonalization:
    A, B, P = nplr
    E = tau * P @ P.T
    if condition * _EPS > 1:
        got = f"kappa(V) = {condition:.3g}, beyond double precision"
        raise ValueError(f"A + E must be diagonalizable; got {got} at tau = {tau:g}. Move tau a little, or raise it.")
    V_inv = _like_conjugates(V_inv, Lambda)
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
        backward_error=tau * float(np.linalg.norm(P) ** 2 / np.linalg.norm(A, 2)),
        transfer_error=math.inf if undamped else _lossless_error(nplr, sigma, tau, Lambda, V, V_inv, B_tilde),
        transfer_bound=_lossless_bound(nplr, sigma, tau),
        abscissa=float(Lambda.real.max()),
    )


def _lossless_error(
    nplr: NPLR, sigma: float, tau: float, Lambda: Complex, V: Complex, V_inv: Complex, B_tilde: Complex
) -> float:
    """max |x~ - x^| over w: with h = 2 P^T (s - A - E)^{-1} P the deviation is -tau/2 (1 - (1 - tau/2) h) x^."""
    residues = 2 * (nplr.P[:, 0] @ V) * (V_inv @ nplr.P[:, 0])

    def deviation(w: Real) -> Real:
        fraction = 1 / (1j * w - Lambda[:, None])
        h = residues @ fraction
        relative = -tau / 2 * (1 - (1 - tau / 2) * h)
        if sigma < 0:
            Phi = (1 - (1 - tau / 2) * h) / (1 + tau / 2 * h)
            return np.abs(relative) * _gain(nplr, sigma) * np.sqrt(np.maximum(0, 1 - np.abs(Phi) ** 2))
        return np.abs(relative / (1 + relative)) * np.linalg.norm(V @ (B_tilde[:, None] * fraction), axis=0)

    return supremum(deviation, Lambda)[0]


def _gain(nplr: NPLR, sigma: float) -> float:
    """g of |x^(iw)| = g sqrt(1 - |Phi(iw)|^2), which holds to the right of the lossless axis: sigma < 0."""
    return float(np.linalg.norm(nplr.B) / np.linalg.norm(nplr.P)) / math.sqrt(-4 * sigma)


def _lossless_bound(nplr: NPLR, sigma: float, tau: float) -> float:
    """sup |x~ - x^| over every phase Phi(iw) might have: with q = |Phi| it is g t q sqrt(1 - q^2)/(1 - t - t q), t = tau/2."""
    if sigma >= 0 or tau == 1:
        return math.inf  # |Phi| = 1 on the whole axis says nothing of |x^|; at tau = 1 the denominator can vanish
    t = tau / 2
    roots = np.roots([t, -2 * (1 - t), 0, 1 - t])  # where t q sqrt(1 - q^2)/(1 - t - t q) is stationary
    q = min((float(root.real) for root in roots if abs(root.imag) < 1e-9 and 0 < root.real < 1), default=1.0)
    if q == 1:
        return math.inf
    return _gain(nplr, sigma) * t * q * math.sqrt(1 - q**2) / (1 - t - t * q) * (1 + 16 * _EPS)


def _eigen(nplr: NPLR, sigma: float, tau: float) -> tuple[Complex, Complex, Complex, float]:
    """Eigenvalues of A + tau P P^T in canonical order, V of unit columns with P^T v > 0, V^{-1}, and kappa_2(V)."""
    A, _, P = nplr
    triangular = not np.triu(A, 1).any() and bool(np.all(P))
    z = roots(P[:, 0] ** 2, 2 / tau - 1) if triangular else None
    if z is None:
        Lambda, V = _dense_eigen(A + tau * P @ P.T, P[:, 0])
        condition = float(np.linalg.cond(V))
        return Lambda, V, np.linalg.inv(V) if condition * _EPS < 1 else np.full_like(V, np.nan), condition
    right, left = states(P[:, 0], z), states(P[::-1, 0], z)[::-1]
    size = np.linalg.norm(right, axis=0)
    V = right / size
    return sigma + z, V, (left * size / np.sum(left * right, axis=0)).T, float(np.linalg.cond(V))


def _dense_eigen(M: Real, P: Real) -> tuple[Complex, Complex]:
    """The same by LAPACK. P^T v = 0 for what the perturbation does not touch; there the largest entry is made positive."""
    Lambda, V = (np.asarray(part, dtype=np.complex128) for part in np.linalg.eig(M))
    V = V / np.linalg.norm(V, axis=0)
    seen, largest = P @ V, V[np.argmax(np.abs(V), axis=0), np.arange(len(M))]
    V = V * np.exp(-1j * np.angle(np.where(np.abs(seen) > len(M) * _EPS * np.linalg.norm(P), seen, largest)))
    up, real = np.flatnonzero(Lambda.imag > 0), np.flatnonzero(Lambda.imag == 0)
    up, real = up[np.lexsort((Lambda.real[up], Lambda.imag[up]))], real[np.argsort(Lambda.real[real])]
    Lambda = np.concatenate([Lambda[up], Lambda[up].conj(), Lambda[real]])
    return Lambda, np.concatenate([V[:, up], V[:, up].conj(), V[:, real].real + 0j], axis=-1)


def _like_conjugates(rows: Complex, Lambda: Complex) -> Complex:
    """Rounding lets conjugate rows differ in their last digit; let them not."""
    pairs = np.count_nonzero(Lambda.imag > 0)
    return np.concatenate([rows[:pairs], rows[:pairs].conj(), rows[2 * pairs :].real + 0j])


PERTURBATIONS: dict[str, Callable[..., Diagonalization]] = {"lossless": lossless}
