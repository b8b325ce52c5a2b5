r"""A sharper bound from below on the l1 misfit of every model of an order.

Let e = h - g for a model g of r modes, J_l the Hankel matrix of a single sample l, and V any matrix
of r + 1 independent columns. H(g) has rank r, so some x of unit length has H(g) V x = 0, and
H(h) V x = sum_l e_l J_l V x. Hence for every U of the same size

.. math::  \lambda_{\min}(\operatorname{sym} U^* H V)
           \le \operatorname{Re} x^* U^* H V x \le \sum_l |e_l| |x^* U^* J_l V x|
           \le |e|_1 \max_l |M_l|, \qquad M_l = U^* J_l V,

|M_l| the 2-norm, for real windows that of the symmetric part: x is real then. V holds right
singular vectors, and U with U^* H V = 1 is that of the least weighted mean of |M_l|_F^2, which is
linear algebra; samples where |M_l| is large get more weight, a few times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
import scipy.linalg

from ..ground.backend import Real
from ..ground.formats import EPS
from .window_hankel import Leading, product_rounding, times

_ROUNDS = 8  # of weights; later ones gain little
_DENSE = 1024  # rows of a matrix that is formed and factored
_WORK = 1 << 34  # operations of one round
_TOGETHER = 1 << 22  # numbers of the matrices M_l that are held at once
_REGULAR = 1e-12  # of the trace of what is factored
_LATER = 1.6  # what rounds after the third and the exact norms gain at most, by experience
_AT_THE_ORDER = 2  # rounds for the order itself, of which no more is asked than a figure
_TRIALS = 6  # orders at which the bound is evaluated


class _Pencil(NamedTuple):
    """V, and the products by it.

    Attributes:
        V: (m, k).
        image: H V (n, k).
        rounding: a bound on the error of the image, in the Frobenius norm.
    """

    V: np.ndarray
    image: np.ndarray
    rounding: float


def sharper_bounds(
    h: np.ndarray, spectrum: Leading, lower: Real, order: int, allowed: float
) -> Real:
    """Lower bounds on the l1 misfit of every model of each order, none below those given.

    The order itself is looked at, and a few below it: which miss by more than is allowed? A bound
    holds for all smaller orders too.

    Args:
        h: the window (L,), real or complex.
        spectrum: the leading singular values of its Hankel matrix.
        lower: absolute bounds (K + 1,) for the orders 0 .. K, falling.
        order: that of a model that was found.
        allowed: a misfit; the order from which models may meet it is of interest.

    Returns:
        Absolute bounds (K + 1,), falling; proved up to rounding that is bounded and taken off.

    Cost:
        O(L order^2 (L + order)) for some tens of rounds; none where that is too much.

    Example:
        >>> from .window_hankel import leading, least_errors
        >>> h = np.where(np.arange(9) < 4, 1.0, 0.0)
        >>> spectrum = leading(h, 0.0)
        >>> known = least_errors(h, "l1", spectrum)
        >>> known.round(2)
        array([2.88, 1.  , 0.65, 0.53, 0.  , 0.  ])
        >>> sharper_bounds(h, spectrum, known, 1, 4.0).round(1)
        array([4. , 1.6, 0.7, 0.5, 0. , 0. ])
    """
    lower = lower.copy()
    most = min(order, len(spectrum.values) - 1)
    trial = most
    for _ in range(_TRIALS):
        least = int(np.argmax(lower <= allowed))
        if not 0 <= trial < len(spectrum.values) or spectrum.proved[trial] <= 0:
            break
        rounds = _ROUNDS if trial < order else _AT_THE_ORDER
        bound = _sharper(h, spectrum, trial, allowed, rounds)
        gain = max(bound / spectrum.proved[trial], 1.0)
        lower[: trial + 1] = np.maximum(lower[: trial + 1], bound)
        if bound <= allowed:
            most = min(most, trial)
        least = int(np.argmax(lower <= allowed))
        if least >= most:
            break
        likely = int(np.sum(spectrum.proved * gain > allowed)) - 1
        trial = min(max(likely, least), most - 1)
    return lower


def _sharper(h: np.ndarray, spectrum: Leading, order: int, enough: float, rounds: int) -> float:
    """The bound for one order, the rounds over once it is enough."""
    k = order + 1
    n = len(spectrum.left)
    if len(h) * k**2 * (n / 2 + 16 * k) > _WORK:
        return 0.0
    pencil = _pencil(h, spectrum, k)
    if n > _DENSE:
        return _bound(spectrum.left[:, :k], pencil, len(h))
    return _bound(_weighted(pencil, len(h), enough, rounds), pencil, len(h))


def _weighted(pencil: _Pencil, count: int, enough: float, rounds: int) -> np.ndarray:
    """U of the best round."""
    weights = np.ones(count)
    tried = []
    for done in range(rounds):
        U = _least(pencil, weights)
        norms = _measured(U, pencil.V, _eighth_norms)
        most = float(np.max(norms))
        if not most > 0:
            return U
        tried.append((1 / most, U))
        best = max(bound for bound, _ in tried)
        if best > enough or (done > 1 and best * _LATER < enough):
            break
        weights *= norms / most
        weights /= np.max(weights)
    return max(tried, key=lambda pair: pair[0])[1]


def _pencil(h: np.ndarray, spectrum: Leading, k: int) -> _Pencil:
    """V of the first right singular vectors, over the singular values."""
    left = spectrum.left[:, :k].T
    V = np.conj(times(h, np.conj(left))).T / spectrum.values[:k] ** 2
    size = float(np.linalg.norm(V))
    return _Pencil(V, times(h, V.T).T, product_rounding(h) * size)


def _least(pencil: _Pencil, weights: Real) -> np.ndarray:
    """U with U^* H V = 1 and the least weighted sum of |M_l|_F^2."""
    K = _gram(pencil.V, weights, len(pencil.image))
    K[np.diag_indices_from(K)] += _REGULAR * np.trace(K).real
    solved = scipy.linalg.solve(K, pencil.image, assume_a="pos")
    return np.linalg.solve(pencil.image.conj().T @ solved, solved.conj().T).conj().T


def _gram(V: np.ndarray, weights: Real, n: int) -> np.ndarray:
    """K_ij = sum_l weights_l (V V^*)_{l-i, l-j}: correlations of weights and diagonals."""
    m = len(V)
    R = V @ V.conj().T
    offsets = min(n, m)
    fft: Any = scipy.fft
    period = fft.next_fast_len(len(weights) + m)
    diagonals = np.zeros((offsets, period), R.dtype)
    for d in range(offsets):
        diagonals[d, d:m] = np.diagonal(R, -d)
    if np.iscomplexobj(R):
        spectra = fft.fft(weights, period) * np.conj(fft.fft(np.conj(diagonals)))
        sums = fft.ifft(spectra)
    else:
        spectra = fft.rfft(weights, period) * np.conj(fft.rfft(diagonals))
        sums = fft.irfft(spectra, period)
    K = np.zeros((n, n), R.dtype)
    for d in range(offsets):
        at = np.arange(n - d)
        K[at, at + d] = sums[d, : n - d]
        K[at + d, at] = np.conj(sums[d, : n - d])
    return K


def _measured(U: np.ndarray, V: np.ndarray, measure: Callable[[np.ndarray], Real]) -> Real:
    """A measure of M_l for each l, of the symmetric parts if they are real."""
    n, k = U.shape
    m = len(V)
    count = n + m - 1
    together = max(1, _TOGETHER // k**2)
    found = np.empty(count)
    for start in range(0, count, together):
        part = range(start, min(start + together, count))
        M = np.empty((len(part), k, k), U.dtype)
        for at, lag in enumerate(part):
            low = max(0, lag - m + 1)
            high = min(n, lag + 1)
            M[at] = U[low:high].conj().T @ V[lag - high + 1 : lag - low + 1][::-1]
        if not np.iscomplexobj(M):
            M = (M + np.swapaxes(M, -1, -2)) / 2
        found[part.start : part.stop] = measure(M)
    return found


def _two_norms(M: np.ndarray) -> Real:
    if np.iscomplexobj(M):
        return np.linalg.norm(M, 2, axis=(-2, -1))
    ends = np.linalg.eigvalsh(M)
    return np.maximum(-ends[:, 0], ends[:, -1])


def _eighth_norms(M: np.ndarray) -> Real:
    """(sum_i sigma_i^8)^{1/8}, between |M|_2 and k^{1/8} |M|_2, without an eigenvalue problem."""
    square = np.conj(np.swapaxes(M, -1, -2)) @ M
    fourth = square @ square
    return np.linalg.norm(fourth, axis=(-2, -1)) ** 0.25


def _bound(U: np.ndarray, pencil: _Pencil, count: int) -> float:
    """The quotient, with what rounding may have done taken off."""
    k = U.shape[1]
    most = float(np.max(_measured(U, pencil.V, _two_norms)))
    product = U.conj().T @ pencil.image
    least = float(np.linalg.eigvalsh((product + product.conj().T) / 2)[0])
    sizes = float(np.linalg.norm(U)), float(np.linalg.norm(pencil.image))
    inner = (count + 8) * EPS * sizes[0]
    least -= sizes[0] * pencil.rounding + inner * sizes[1]
    least -= 4 * k * EPS * float(np.linalg.norm(product))
    most = most * (1 + 8 * k * EPS) + inner * float(np.linalg.norm(pencil.V))
    return (1 - 8 * EPS) * least / most if most > 0 else 0.0
