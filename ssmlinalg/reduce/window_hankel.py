r"""The Hankel matrix of a window of samples, its leading singular values, and proofs by them.

H_{ij} = h_{i+j} is as square as the window allows. A kernel of r modes has a Hankel matrix of rank
r, so H(h - g) of any model g of r modes has norms of at least what the singular values of H beyond
the r-th leave. H is multiplied by fast Fourier transforms and never formed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.fft

from ..ground.backend import Real
from ..ground.formats import EPS

_POWERS = 3  # of H^* H on random vectors: an error of (sigma_k / sigma)^12 in the basis
_BLOCK = 16  # vectors to begin with
_ENTRIES = 1 << 24  # of the basis: at most this many numbers
_ROUNDINGS = 12.0  # eps a level of three transforms; Higham 2002, Theorem 24.2, has 3.4 for one


class Leading(NamedTuple):
    """Leading singular values of a Hankel matrix.

    Attributes:
        left: U (n, k), the left singular vectors of H restricted to the subspace that was found.
        values: (k,), falling; those of the restriction, so approximations of sigma from below.
        proved: (k,), proved lower bounds on sigma.
        whole: whether no singular value was left out.
    """

    left: np.ndarray
    values: Real
    proved: Real
    whole: bool


def times(h: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """H V^T as rows: for each row v (m,) the vector sum_j h_{i+j} v_j, i = 0 .. L - m.

    Args:
        h: the window (L,), real or complex.
        rows: V (k, m), m <= L.

    Returns:
        (k, L - m + 1).

    Cost:
        O(k L log L).

    Example:
        >>> times(np.array([1.0, 2.0, 4.0]), np.array([[1.0, 0.0], [0.0, 1.0]])).round(12)
        array([[1., 2.],
               [2., 4.]])
    """
    m = rows.shape[-1]
    fft: Any = scipy.fft
    period = fft.next_fast_len(len(h), real=True)
    backwards = rows[:, ::-1]
    if np.iscomplexobj(h) or np.iscomplexobj(rows):
        product = fft.ifft(fft.fft(h, period) * fft.fft(backwards, period))
    else:
        product = fft.irfft(fft.rfft(h, period) * fft.rfft(backwards, period), period)
    return product[:, m - 1 : len(h)]


def leading(h: np.ndarray, cut: float, count: int = 1) -> Leading:
    r"""The singular values of the Hankel matrix of a window above `cut`, and proofs of them.

    With V of orthonormal columns, the singular values of H V are at most those of H, each in its
    place (the min-max theorem of Courant and Fischer). So whatever subspace the iteration has
    found, and however well, sigma_j(H V) / |V|_2 is a lower bound once rounding is taken off.

    Args:
        h: the window (L,), real or complex.
        cut: singular values below it need not be found.
        count: how many to find at least.

    Returns:
        A `Leading`.

    Accuracy:
        `proved` in the standard model of rounding: the products by FFT are off by at most
        12 log2(L) eps (|h|_1 + sqrt(L/2) |h|_2) for each unit vector.

    Cost:
        O(k L log L + k^2 L) for k singular values above `cut`, at most 2^24 numbers.

    Source:
        Halko, Martinsson & Tropp 2011, Algorithm 4.4 (the subspace).

    Example:
        >>> found = leading(0.5 ** np.arange(9) + 0.25 ** np.arange(9), 1e-6)
        >>> int(np.sum(found.proved > 1e-6))
        2
    """
    m = (len(h) + 1) // 2
    most = max(1, min(m, _ENTRIES // len(h)))
    generator = np.random.default_rng(0)
    basis = np.zeros((0, m), h.dtype)
    while True:
        size = min(most, max(_BLOCK, 2 * len(basis)))
        if 3 * size > m:
            size = most
        fresh = generator.standard_normal((size - len(basis), m)).astype(h.dtype)
        basis = _iterated(h, np.concatenate([basis, fresh]))
        found = _restricted(h, basis)
        enough = len(basis) >= count and found.values[-1] <= cut
        if enough or len(basis) == most:
            return found._replace(whole=len(basis) == m)


def _iterated(h: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The rows (k, m) after powers of H^* H, orthonormal."""
    if len(basis) == basis.shape[-1]:
        return np.eye(len(basis), dtype=h.dtype)
    for _ in range(_POWERS):
        image = _orthonormal(times(h, basis))
        basis = _orthonormal(np.conj(times(h, np.conj(image))))
    return basis


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    return np.linalg.qr(rows.T)[0].T


def _restricted(h: np.ndarray, basis: np.ndarray) -> Leading:
    """The singular values of H on the span of rows (k, m), and what they prove of those of H."""
    image = times(h, basis)
    left, values, _ = np.linalg.svd(image.T, full_matrices=False)
    defect = np.linalg.norm(np.conj(basis) @ basis.T - np.eye(len(basis)))
    rounding = product_rounding(h) * math.sqrt(len(basis)) + len(basis) * EPS * values[0]
    proved = np.maximum(values - rounding, 0.0) / (1 + defect)
    return Leading(left, values, proved, whole=False)


def product_rounding(h: np.ndarray) -> float:
    """A bound on the error of `times` for one vector of unit length.

    Args:
        h: the window (L,).

    Returns:
        12 log2(P) eps (|h|_1 + sqrt(m) |h|_2), P >= L the period of the transforms.

    Example:
        >>> product_rounding(np.ones(16)) < 1e-12
        True
    """
    levels = math.log2(2 * len(h))
    spread = float(np.sum(np.abs(h))) + math.sqrt(len(h) / 2) * float(np.linalg.norm(h))
    return _ROUNDINGS * levels * EPS * spread


def least_errors(h: np.ndarray, norm: str, whole: Leading) -> Real:
    r"""Lower bounds e_r, r = 0, 1, ..., K, on the error of every model of r modes.

    With |H(e)| the Hankel matrix of the error e = h - g,

    .. math::  |e|_1 \ge |H(e)|_2 \ge \sigma_{r+1}, \qquad
               m |e|_2^2 \ge |H(e)|_F^2 \ge \sum_{k > r} \sigma_k^2, \qquad
               n m |e|_\infty^2 \ge |H(e)|_F^2

    the first because the rows and columns of H(e) have sums of at most |e|_1, the second because no
    sample stands in an (n, m) matrix more than m <= n times, the third for its n m entries; on the
    right Eckart, Young and Mirsky. The last two hold on every shorter window as well, and the
    largest of windows halved again and again is taken.

    Args:
        h: the window (L,).
        norm: "l1", "l2" or "sup".
        whole: the singular values of the whole window.

    Returns:
        Absolute lower bounds (K + 1,), falling; beyond K nothing is known but 0.

    Example:
        >>> h = 0.5 ** np.arange(9.0)
        >>> least_errors(h, "l1", leading(h, 1e-9)).round(2)[:2]
        array([1.33, 0.  ])
    """
    if norm == "l1":
        return np.append(whole.proved, 0.0)
    bounds = np.zeros(len(whole.proved) + 1)
    window = len(h)
    found = whole
    while window > 1:
        m = (window + 1) // 2
        copies = m if norm == "l2" else m * (window + 1 - m)
        tail = np.cumsum((found.proved**2)[::-1])[::-1]
        here = np.sqrt(tail / copies)[: len(bounds)]
        bounds[: len(here)] = np.maximum(bounds[: len(here)], here)
        window = m
        found = leading(h[:window], float(whole.values[-1]) / 4)
    return np.maximum.accumulate(bounds[::-1])[::-1]
