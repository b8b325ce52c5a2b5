r"""Fourier systems with feedback in closed form: A = Omega - P P^T, Omega in blocks of equally
spaced frequencies.

Omega has the eigenvalues i k spacing, |k| <= K, and P the same part rho of each, so that

.. math::  h(s) = P^T (s - \Omega)^{-1} P = \frac{\rho^2}{\text{spacing}} S(y), \qquad
           S(y) = \sum_{|k| \le K} \frac{1}{y - i k} = \pi \left( \coth \pi y - T(y) \right), \quad y = s/\text{spacing},

T being the rest of the series, a difference of digamma functions. The eigenvalues of A + tau P P^T
= Omega - (1 - tau) P P^T solve 1 + (1 - tau) h = 0; each stays next to one i k, and its distance
delta from there is what is solved for. `fout`, `fourier2` and `fourier_decay` are such matrices.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from ..ground.backend import Complex, Real

_FAR = 16.0  # from here on eight terms of the asymptotic series of psi are good to eps


def offsets(K: int, weight: float, tau: float) -> Complex | None:
    """delta_k = y_k - i k, k = 0 .. K, of the roots of 1 + (1 - tau) weight S(y) = 0, weight =
    rho^2/spacing; None if unsure.

    From coth(pi y) = T - g, g = 1/((1 - tau) weight pi): e^{2 pi delta} = 1 - 2/(g + 1 - T). By
    Newton's method, a few eps relative to delta itself, however small. Cost O(K).
    """
    k = np.arange(K + 1)
    delta = np.zeros(K + 1, dtype=np.complex128)
    if tau == 1 or K == 0:
        return delta - (1 - tau) * weight * (K == 0)
    g = 1 / ((1 - tau) * weight * math.pi)
    for _ in range(50):
        T, slope = _rest(K, k, delta)
        q = g + 1 - T
        step = (scipy.special.log1p(-2 / q) / (2 * math.pi) - delta) / (
            1 + slope / (math.pi * q * (q - 2))
        )
        delta = delta + step
        if np.all(np.abs(step) <= 1e-9 * np.abs(delta)):  # the next step would be rounding
            delta[0] = delta[0].real
            return delta if np.all(delta.real < 0) and np.all(np.diff(k + delta.imag) > 0) else None
    return None


def strengths(K: int, delta: Complex) -> Complex:
    """-delta^2 S'(k i + delta), which is 1 at delta = 0: what P^T (s - Omega)^{-2} P is, times
    delta^2.
    """
    x = math.pi * delta
    sinch = np.where(x == 0, 1.0, np.sinh(x) / np.where(x == 0, 1.0, x))
    return sinch**-2 + math.pi * delta**2 * _rest(K, np.arange(K + 1), delta)[1]


def _rest(K: int, k: np.ndarray, delta: Complex) -> tuple[Complex, Complex]:
    """T(i k + delta) = (1/pi) sum_{|m| > K} 1/(y - i m) and its derivative."""
    up, down = K + 1 - k + 1j * delta, K + 1 + k - 1j * delta
    far = (
        np.abs(up) >= _FAR
    )  # there psi by its asymptotic series, for the difference of two logarithms is the small thing
    difference = np.empty_like(up)
    difference[~far] = scipy.special.psi(up[~far]) - scipy.special.psi(down[~far])
    gap, up_far, down_far = 2j * (1j * k + delta)[far], up[far], down[far]
    series = _asymptotic(1 / up_far**2) - _asymptotic(1 / down_far**2)
    difference[far] = 2 * np.arctanh(gap / (2 * K + 2)) + gap / (2 * up_far * down_far) - series
    return -1j * difference / math.pi, (_trigamma(up) + _trigamma(down)) / math.pi


def _asymptotic(y: Complex) -> Complex:
    """sum_k B_2k/(2 k) y^k: log x - 1/(2 x) - psi(x) at y = 1/x^2."""
    return np.polynomial.polynomial.polyval(
        y, [0.0, *(scipy.special.bernoulli(16)[2::2] / np.arange(2, 17, 2))]
    )


def _trigamma(x: Complex) -> Complex:
    """psi'(x) for Re x > 0: twelve steps of the recurrence, then the asymptotic series."""
    value = np.zeros_like(x)
    for _ in range(12):
        value += 1 / x**2
        x = x + 1
    y = 1 / x**2
    series = np.polynomial.polynomial.polyval(y, scipy.special.bernoulli(18)[2::2])
    return value + 1 / x + y / 2 + series * y / x


def log_phi(K: int, weight: float, spacing: float, s: Complex) -> tuple[Complex, Complex]:
    """log Phi, Phi = (1 - h)/(1 + h), and its derivative at s (S,), Re s >= 0 <= Im s; weight =
    rho^2.

    By 1/h, which is finite in that region, at the poles of h too.
    """
    y = s / spacing
    inverse, slope = np.empty_like(y), np.empty_like(y)  # of S
    beyond = y.imag > K + 0.5
    v = -1j * y[beyond]  # there S = -i sum_k 1/(v - k)
    S = -1j * (scipy.special.psi(v + K + 1) - scipy.special.psi(v - K))
    inverse[beyond], slope[beyond] = 1 / S, (_trigamma(v + K + 1) - _trigamma(v - K)) / S**2
    y = y[~beyond]
    T, bend = _rest(K, np.zeros(len(y)), y)
    q = np.exp(-2 * math.pi * y)
    n = 1 - q
    S = math.pi * (1 + q - T * n)  # times n
    inverse[~beyond], slope[~beyond] = n / S, math.pi * (4 * math.pi * q + bend * n**2) / S**2
    r, dr = spacing / weight * inverse, slope / weight
    return np.log((r - 1) / (r + 1)), 2 * dr / (r**2 - 1)


def right(P: Real, spacing: float, delta: Complex, rows: np.ndarray, modes: np.ndarray) -> Complex:
    """delta (s - Omega)^{-1} P at the roots of the given `modes` k >= 0, rows of it: finite also at
    delta = 0.
    """
    return _resolvent(P, spacing, delta, rows, modes, 1.0)


def left(P: Real, spacing: float, delta: Complex, rows: np.ndarray, modes: np.ndarray) -> Complex:
    """delta (s - Omega^T)^{-1} P, likewise."""
    return _resolvent(P, spacing, delta, rows, modes, -1.0)


def _resolvent(
    P: Real, spacing: float, delta: Complex, rows: np.ndarray, modes: np.ndarray, sign: float
) -> Complex:
    odd = len(P) % 2  # an odd order has no sine of frequency zero
    wave, sine = (rows + odd) // 2, (rows + odd) % 2 == 1
    sine &= rows > 0
    size = np.where(wave == 0, P[0], math.sqrt(2) * P[0])[:, None]
    d, m, k = delta[modes], wave[:, None], modes
    y = 1j * k + d
    own = np.where(m == k, 1.0, d / np.where(m == k, 1.0, d + 1j * (k - m)))  # delta/(y - i m)
    other = np.where(m == 0, 1.0, y + 1j * m)
    cosine = np.where(m == 0, 1.0, y / other)
    return size * own * np.where(sine[:, None], sign * m / other, cosine)
