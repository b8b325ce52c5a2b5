r"""Lossless systems of rank one whose perturbed spectrum is known in closed form: A + A^T = 2 sigma
I - 2 P P^T.

`recognize` finds out whether a matrix is a chain (`_cascade`) or a Fourier system (`_fourier`), and
returns the function that solves it. What it solves for is the spectrum of A + tau P P^T: with x =
(s - A)^{-1} P at an eigenvalue s, where Phi = 1 - 2 P^T x = -c, c = 2/tau - 1,

.. math::  P^T x = \frac{1}{\tau}, \qquad |x|^2 = \frac{c^2 - 1}{-4 \operatorname{Re}(s - \sigma)}, \qquad
           P^T (s - A)^{-2} P = -\frac{c}{2} \frac{d \log \Phi}{d s},

so P in the eigenbasis, on both sides, costs O(1) a mode, and eigenvectors are needed only by who
asks for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS
from ..ground.ondemand import OnDemand
from . import chain, fourier

_PROBES = (
    4  # random vectors that tell a matrix from its formula: one alone would with probability one
)
_ROWS = 16  # and rows looked at of a matrix that is not written down

Block = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Spectrum(NamedTuple):
    """A + tau P P^T = V diag(sigma + z) V^{-1} with unit columns and P^T V >= 0.

    `z` (N,) in canonical order; `driven` (N,) is V^{-1} P; `sensitivity` (N,) the condition numbers
    of the eigenvalues; `V` and `V_inv` give blocks by two index vectors.
    """

    z: Complex
    driven: Complex
    sensitivity: Real
    V: Block
    V_inv: Block


class Structure(NamedTuple):
    """What a closed form gives: sigma; the spectrum for tau, None where it cannot be relied on; A
    times (N, k); log Phi.

    `log_phi` is evaluated at s - sigma = z (S,) with Im z > 0, together with d log Phi/ds.
    """

    sigma: float
    solve: Callable[[float], Spectrum | None]
    times: Callable[[Real], Real]
    log_phi: Callable[[Complex], tuple[Complex, Complex]]


def recognize(A: Array, P: Array) -> Structure | None:
    """The structure of A (N, N) and P (N, 1), if they have one of those known here. Cost O(N^2),
    O(N) on demand.
    """
    if P.shape[-1] != 1 or not P.any() or any(np.iscomplexobj(array) for array in (A, P)):
        return None
    p = P[:, 0]
    if p.all():
        a, sigma = p**2, float(A[0, 0] + p[0] ** 2)
        if abs(sigma - round(sigma, 12)) <= 4 * EPS * abs(
            A[0, 0]
        ):  # the last digit is that of a square root squared
            sigma = round(sigma, 12)
        times, rows = _chain(p, sigma)
        if _agrees(A, p, times, rows):
            evaluate = chain.evaluator(a)
            return Structure(
                sigma,
                partial(_solve_chain, p, a),
                times,
                lambda z: evaluate(z, np.zeros(len(z), dtype=bool)),
            )
    K = (len(p) - 1) // 2
    spacing = float(A[-1, -2] + p[-1] * p[-2]) / K if K else 1.0
    if spacing > 0:
        times, rows = _waves(p, spacing)
        if _agrees(A, p, times, rows):
            log_phi = partial(fourier.log_phi, K, p[0] ** 2, spacing)
            return Structure(0.0, partial(_solve_waves, p, spacing), times, log_phi)
    return None


def gain(B: Array, P: Array) -> float | None:
    """g of B = g P, if P (N, 1) is parallel to B."""
    if P.shape[-1] != 1 or not P.any():
        return None
    g = float(P[:, 0] @ B / (P[:, 0] @ P[:, 0]))
    return g if np.linalg.norm(B - g * P[:, 0]) <= 64 * len(B) * EPS * np.linalg.norm(B) else None


def _agrees(
    A: Array, p: Real, times: Callable[[Real], Real], rows: Callable[[np.ndarray], Real]
) -> bool:
    """Whether A is the matrix whose product with vectors is `times` and whose rows are `rows`."""
    if isinstance(A, OnDemand):
        some = np.random.default_rng(0).integers(0, len(p), _ROWS)
        found, expected, scale = A[some], rows(some), float(np.linalg.norm(p))
        return bool(
            np.all(np.abs(found - expected) <= 64 * EPS * scale * (scale + np.abs(expected)))
        )
    x = np.random.default_rng(0).standard_normal((len(p), _PROBES))
    rest = np.linalg.norm(A @ x - times(x))
    return bool(rest <= 64 * len(p) * EPS * np.linalg.norm(A))


def _chain(p: Real, sigma: float) -> tuple[Callable[[Real], Real], Callable[[np.ndarray], Real]]:
    a, n = p**2, np.arange(len(p))

    def times(x: Real) -> Real:
        px = p[:, None] * x
        return (sigma - a)[:, None] * x - 2 * p[:, None] * (np.cumsum(px, axis=0) - px)

    def rows(some: np.ndarray) -> Real:
        m = some[:, None]
        return np.where(n < m, -2 * p[some][:, None] * p, np.where(n == m, sigma - a, 0.0))

    return times, rows


def _waves(p: Real, spacing: float) -> tuple[Callable[[Real], Real], Callable[[np.ndarray], Real]]:
    n = np.arange(len(p))
    odd = len(p) % 2
    wave, sine = (n + odd) // 2, ((n + odd) % 2 == 1) & (n > 0)
    partner = np.where(wave > 0, np.where(sine, n - 1, n + 1), n)
    turn = np.where(sine, 1.0, -1.0) * spacing * wave
    part = np.where(sine, 0.0, np.where(wave > 0, math.sqrt(2), 1.0)) * p[0]
    if np.any(np.abs(part - p) > 16 * EPS * abs(p[0])):
        part = np.full(len(p), np.nan)  # not those weights: agree with nothing

    def times(x: Real) -> Real:
        return turn[:, None] * x[partner] - part[:, None] * (part @ x)

    def rows(some: np.ndarray) -> Real:
        return (
            np.where(n == partner[some][:, None], turn[some][:, None], 0.0)
            - part[some][:, None] * part
        )

    return times, rows


def _solve_chain(p: Real, a: Real, tau: float) -> Spectrum | None:
    z = chain.roots(a, tau)
    if z is None:
        return None
    order, pairs = len(p), len(p) // 2
    # log Phi on the upper half and on the real root; what conjugates have is conjugate.
    evaluate = chain.evaluator(a)
    upper = np.concatenate([z[:pairs], z[2 * pairs :]])
    m = np.append(np.arange(pairs, 0, -1), (order + 1) // 2)[: len(upper)]
    slope = evaluate(upper, order - 2 * m + 1 <= 2 * m - 1).slope
    slope = np.concatenate([slope[:pairs], slope[:pairs].conj(), slope[pairs:].real])
    square = -slope.real / 2 if tau == 1 else (1 - tau) / tau**2 / -z.real
    size = np.sqrt(square)
    if not np.all(np.isfinite(size)):
        return None

    def V(rows: np.ndarray, columns: np.ndarray) -> Complex:
        product = chain.products(a, z[columns], rows)
        return p[rows, None] / (z[columns] + a[rows, None]) * product / size[columns]

    def V_inv(rows: np.ndarray, columns: np.ndarray) -> Complex:
        # y_n = p_n/(z + a_n) prod_{m>n} = -c p_n/(z - a_n)/prod_{m<n}, for all factors together are
        # -c; times |x|/(y^T x)
        product = chain.products(a, z[rows], columns)
        return (
            p[columns, None]
            / (z[rows] - a[columns, None])
            / product
            * (2 * size[rows] / slope[rows])
        ).T

    sensitivity = 2 * square / ((2 / tau - 1) * np.abs(slope))  # |x| |y| / |y^T x|, and |y| = |x|
    return Spectrum(z, size / ((tau / 2 - 1) * slope), sensitivity, V, V_inv)


def _solve_waves(p: Real, spacing: float, tau: float) -> Spectrum | None:
    order, K = len(p), (len(p) - 1) // 2
    delta = fourier.offsets(K, p[0] ** 2 / spacing, tau)
    if delta is None:
        return None
    idle = order - 2 * K - 1  # the sine of frequency zero, which nothing drives
    k = np.concatenate([np.arange(1, K + 1), np.arange(1, K + 1), [0]])
    conjugate = np.concatenate([np.zeros(K), np.ones(K), [0]]) == 1

    def full(values: Complex, at_idle: float) -> Complex:
        return np.concatenate(
            [np.where(conjugate, values[k].conj(), values[k]), np.full(idle, at_idle + 0j)]
        )

    beta: Complex = (
        np.full(K + 1, p[0] ** 2 + 0j) if tau == 1 else -spacing * delta / (1 - tau)
    )  # P^T u of u = delta (s - Omega)^{-1} P
    size = np.abs(beta) / np.sqrt(beta.real)  # |u|
    phase = beta / np.abs(beta)
    gain = size * phase / (p[0] ** 2 * fourier.strengths(K, delta))  # of a row of V_inv

    def V(rows: np.ndarray, columns: np.ndarray) -> Complex:
        return _with_idle(fourier.right, rows, columns, 1 / (size * phase))

    def V_inv(rows: np.ndarray, columns: np.ndarray) -> Complex:
        return _with_idle(fourier.left, columns, rows, gain).T

    def _with_idle(
        vectors: Callable[..., Complex], rows: np.ndarray, columns: np.ndarray, factor: Complex
    ) -> Complex:
        driven = columns < 2 * K + 1
        block = np.zeros((len(rows), len(columns)), dtype=np.complex128)
        modes, other = k[columns[driven]], conjugate[columns[driven]]
        found = vectors(p, spacing, delta, rows, modes) * factor[modes]
        block[:, driven] = np.where(other, found.conj(), found)
        block[:, ~driven] = (rows == 1)[:, None]
        return block

    z = full(spacing * (1j * np.arange(K + 1) + delta), 0.0)
    sensitivity = full(size * np.abs(gain) + 0j, 1.0).real
    return Spectrum(z, full(gain * beta, 0.0), sensitivity, V, V_inv)
