r"""Fourier systems with feedback in closed form: A = Omega - P P^T, equally spaced frequencies.

Omega has the eigenvalues i k spacing, |k| <= K, and P the same part rho of each, so that

.. math::  h(s) = P^T (s - \Omega)^{-1} P = \frac{\rho^2}{\text{spacing}} S(y), \qquad
           S(y) = \sum_{|k| \le K} \frac{1}{y - i k} = \pi \left( \coth \pi y - T(y) \right),
           \quad y = s/\text{spacing},

T being the rest of the series, a difference of digamma functions. The eigenvalues of A + tau P P^T
= Omega - (1 - tau) P P^T solve 1 + (1 - tau) h = 0; each stays next to one i k, and its distance
delta from there is what is solved for. `fout`, `fourier2` and `fourier_decay` are such matrices.
"""

from __future__ import annotations

import math

import numpy as np
import scipy

from ..ground.backend import Complex, Real

_FAR = 16.0  # from here on eight terms of the asymptotic series of psi are good to eps
_NEWTON = 50  # steps at most
_SETTLED = 1e-9  # a relative step after which the next one is rounding
_BERNOULLI = scipy.special.bernoulli(16)[2::2]
_PSI = np.append(0.0, _BERNOULLI / np.arange(2, 17, 2))
_TRIGAMMA = scipy.special.bernoulli(18)[2::2]


def offsets(
    K: int,
    weight: float,
    tau: float,
) -> Complex | None:
    """The distances delta_k = y_k - i k of the roots of 1 + (1 - tau) weight S(y) = 0.

    From coth(pi y) = T - g, g = 1/((1 - tau) weight pi): e^{2 pi delta} = 1 - 2/(g + 1 - T), by
    Newton's method.

    Args:
        K: the number of frequencies above zero.
        weight: rho^2/spacing.
        tau: the size of the perturbation, in (0, 1].

    Returns:
        delta (K + 1,) for k = 0 .. K; None where the iteration cannot be relied on.

    Accuracy:
        A few eps relative to delta itself, however small.

    Cost:
        O(K).

    Example:
        >>> offsets(0, 1.0, 0.5)  # one state: s = -(1 - tau) weight
        array([-0.5+0.j])
    """
    k = np.arange(K + 1)
    delta = np.zeros(K + 1, dtype=np.complex128)
    if tau == 1 or K == 0:
        return delta - (1 - tau) * weight * (K == 0)
    g = 1 / ((1 - tau) * weight * math.pi)
    for _ in range(_NEWTON):
        T, slope = _rest(K, k, delta)
        q = g + 1 - T
        defect = scipy.special.log1p(-2 / q) / (2 * math.pi) - delta
        slope_of_defect = 1 + slope / (math.pi * q * (q - 2))
        step = defect / slope_of_defect
        delta = delta + step
        if np.all(np.abs(step) <= _SETTLED * np.abs(delta)):
            break
    else:
        return None
    delta[0] = delta[0].real
    damped = np.all(delta.real < 0)
    rising = np.all(np.diff(k + delta.imag) > 0)
    return delta if damped and rising else None


def roots_of_copies(
    K: int, weight: float, copies: int, log_c: float
) -> tuple[Complex, Complex] | None:
    """The solutions y of Phi^copies = -c with Im y >= 0, and Phi there.

    On the axis, c = 1, the phase of Phi falls by a turn from one frequency to the next, so each
    root is alone with its phase between two of them. From there Newton's method follows log c.

    Args:
        K: the number of frequencies above zero.
        weight: rho^2/spacing.
        copies: how many systems stand in a row, 2 or more.
        log_c: the logarithm of c, above 0.

    Returns:
        By rising frequency, copies K + copies/2 of them, for odd copies the real one first; None
        where the iteration cannot be relied on.

    Accuracy:
        Some eps (K + 1), absolute.

    Cost:
        60 evaluations of Phi, O(1) each, a root, and 12 log c.

    Example:
        >>> y, phi = roots_of_copies(0, 1.0, 2, math.log(4.0))  # Phi = (y - 1)/(y + 1)
        >>> ((y - 1) / (y + 1)).imag.round(6), phi.imag.round(6)
        (array([2.]), array([2.]))
    """
    cell = np.repeat(np.arange(K + 1), copies)
    fall = 2 * math.pi / copies * (np.tile(np.arange(copies), K + 1) + (1 - copies % 2) / 2)
    there = (cell < K) | (fall < math.pi)  # beyond the last frequency it falls by half a turn
    cell = cell[there]
    phase = math.pi - fall[there]
    y = 1j * _on_axis(K, weight, cell, phase)
    path = np.linspace(0, log_c, 4 * math.ceil(log_c) + 1)[1:] / copies
    goals = np.concatenate([np.repeat(path, 3), np.repeat(path[-1:], 20)])
    settled = False
    with np.errstate(all="ignore"):  # what went astray is seen at the end
        for goal in goals:
            value, slope = _to_the_left(K, weight, y)
            rest = goal + 1j * phase - value
            rest = rest.real + 1j * np.angle(np.exp(1j * rest.imag))
            step = rest / slope
            y = y + step
            y = np.where(phase == math.pi, np.where(cell == 0, y.real, y), y)
            settled = bool(np.all(np.abs(step) <= _SETTLED * np.abs(y)))
    rising = np.argsort(y.imag, kind="stable")
    y = y[rising]
    apart = np.all(np.abs(np.diff(y)) > _SETTLED * np.abs(y[1:]))
    sound = settled and apart and np.all(y.real < 0) and np.all(y.imag >= 0)
    phi = np.exp(log_c / copies + 1j * phase[rising])
    return (y, phi) if sound else None


def _on_axis(K: int, weight: float, cell: np.ndarray, phase: Real) -> Real:
    """w above the frequency of the cell where Phi(i w) has a phase, by bisection."""
    low = cell.astype(np.float64)
    high = np.where(cell < K, low + 1, K + 1 + 1e3 * len(cell) * weight * (2 * K + 1))
    for _ in range(60):
        middle = (low + high) / 2
        value, _ = log_phi(K, weight, 1.0, 1j * middle)
        before = np.angle(np.exp(1j * value.imag)) > phase
        low = np.where(before, middle, low)
        high = np.where(before, high, middle)
    return np.where(phase == math.pi, cell, (low + high) / 2)


def _to_the_left(K: int, weight: float, y: Complex) -> tuple[Complex, Complex]:
    """log Phi and its derivative at points with Re y <= 0: Phi(-y) = 1/Phi(y)."""
    value, slope = log_phi(K, weight, 1.0, -y.conj())
    return -value.conj(), slope.conj()


def strengths(K: int, delta: Complex) -> Complex:
    """-delta^2 S'(k i + delta), which is 1 at delta = 0: P^T (s - Omega)^{-2} P times delta^2.

    Args:
        K: the number of frequencies above zero.
        delta: offsets of the roots, (K + 1,).

    Returns:
        An array (K + 1,).

    Cost:
        O(K).

    Example:
        >>> strengths(1, np.zeros(2, np.complex128)).real
        array([1., 1.])
    """
    x = math.pi * delta
    zero = x == 0
    quotient = np.sinh(x) / np.where(zero, 1.0, x)
    sinch = np.where(zero, 1.0, quotient)
    _, slope = _rest(K, np.arange(K + 1), delta)
    return sinch**-2 + math.pi * delta**2 * slope


def log_phi(
    K: int,
    weight: float,
    spacing: float,
    s: Complex,
) -> tuple[Complex, Complex]:
    """log Phi, Phi = (1 - h)/(1 + h), and its derivative at points with Re s >= 0 <= Im s.

    By 1/h, which is finite in that region, at the poles of h too.

    Args:
        K: the number of frequencies above zero.
        weight: rho^2.
        spacing: of the frequencies.
        s: points (S,).

    Returns:
        Two arrays (S,).

    Cost:
        O(S).

    Example:
        >>> value, _ = log_phi(0, 1.0, 1.0, np.array([3.0 + 0j]))  # h = 1/s
        >>> np.exp(value).real.round(6)
        array([0.5])
    """
    y = s / spacing
    beyond = y.imag > K + 0.5
    inverse = np.empty_like(y)  # of S
    slope = np.empty_like(y)
    inverse[beyond], slope[beyond] = _inverse_beyond(K, y[beyond])
    inverse[~beyond], slope[~beyond] = _inverse_among(K, y[~beyond])
    r = spacing / weight * inverse
    dr = slope / weight
    value = np.log((r - 1) / (r + 1))
    return value, 2 * dr / (r**2 - 1)


def right(
    P: Real,
    delta: Complex,
    rows: np.ndarray,
    modes: np.ndarray,
    wave: np.ndarray | None = None,
) -> Complex:
    """delta (s - Omega)^{-1} P at the roots of some modes, finite also at delta = 0.

    Args:
        P: the column of the feedback, (N,).
        delta: offsets of the roots, (K + 1,).
        rows: numbers of states, (R,).
        modes: numbers of roots, (M,).
        wave: the k >= 0 of every root that its offset is from; its number if it is not given.

    Returns:
        An array (R, M).

    Cost:
        O(R M).

    Example:
        >>> zero = np.zeros(1, np.complex128)
        >>> right(np.ones(1), zero, np.array([0]), np.array([0])).real
        array([[1.]])
    """
    return _resolvent(P, delta[modes], modes if wave is None else wave[modes], rows, 1.0)


def left(
    P: Real,
    delta: Complex,
    rows: np.ndarray,
    modes: np.ndarray,
    wave: np.ndarray | None = None,
) -> Complex:
    """delta (s - Omega^T)^{-1} P, likewise.

    Args:
        P: the column of the feedback, (N,).
        delta: offsets of the roots, (K + 1,).
        rows: numbers of states, (R,).
        modes: numbers of roots, (M,).
        wave: the k >= 0 of every root that its offset is from; its number if it is not given.

    Returns:
        An array (R, M).

    Cost:
        O(R M).

    Example:
        >>> zero = np.zeros(1, np.complex128)
        >>> left(np.ones(1), zero, np.array([0]), np.array([0])).real
        array([[1.]])
    """
    return _resolvent(P, delta[modes], modes if wave is None else wave[modes], rows, -1.0)


def _resolvent(
    P: Real,
    d: Complex,
    k: np.ndarray,
    rows: np.ndarray,
    sign: float,
) -> Complex:
    """Cosine and sine of frequency m at the roots i k + d; sign -1 is the transpose of Omega."""
    odd = len(P) % 2  # an odd order has no sine of frequency zero
    wave = (rows + odd) // 2
    sine = ((rows + odd) % 2 == 1) & (rows > 0)
    at_zero = P[0]
    size = np.where(wave == 0, at_zero, math.sqrt(2) * at_zero)
    m = wave[:, None]
    y = 1j * k + d
    distance = np.where(m == k, 1.0, d + 1j * (k - m))  # y - i m
    own = np.where(m == k, 1.0, d / distance)
    mirrored = np.where(m == 0, 1.0, y + 1j * m)
    cosine = np.where(m == 0, 1.0, y / mirrored)
    part = np.where(sine[:, None], sign * m / mirrored, cosine)
    return size[:, None] * own * part


def _rest(
    K: int,
    k: np.ndarray,
    delta: Complex,
) -> tuple[Complex, Complex]:
    """T(i k + delta) = (1/pi) sum_{|m| > K} 1/(y - i m) and its derivative."""
    up = K + 1 - k + 1j * delta
    down = K + 1 + k - 1j * delta
    far = np.abs(up) >= _FAR
    difference = np.empty_like(up)  # of digamma functions
    up_near = scipy.special.psi(up[~far])
    down_near = scipy.special.psi(down[~far])
    difference[~far] = up_near - down_near
    # By the asymptotic series, for the difference of two logarithms is the small thing.
    gap = 2j * (1j * k + delta)[far]
    up_far = up[far]
    down_far = down[far]
    series = _asymptotic(1 / up_far**2) - _asymptotic(1 / down_far**2)
    logarithms = 2 * np.arctanh(gap / (2 * K + 2))
    difference[far] = logarithms + gap / (2 * up_far * down_far) - series
    slope = (_trigamma(up) + _trigamma(down)) / math.pi
    return -1j * difference / math.pi, slope


def _inverse_beyond(K: int, y: Complex) -> tuple[Complex, Complex]:
    """1/S and its derivative above all frequencies, where S = -i sum_k 1/(v - k), v = -i y."""
    v = -1j * y
    above = v + K + 1
    below = v - K
    S = -1j * (scipy.special.psi(above) - scipy.special.psi(below))
    slope = (_trigamma(above) - _trigamma(below)) / S**2
    return 1 / S, slope


def _inverse_among(K: int, y: Complex) -> tuple[Complex, Complex]:
    """1/S and its derivative elsewhere, by coth(pi y) - T(y)."""
    T, bend = _rest(K, np.zeros(len(y)), y)
    q = np.exp(-2 * math.pi * y)
    n = 1 - q
    S = math.pi * (1 + q - T * n)  # times n
    slope_of_coth = 4 * math.pi * q
    slope = math.pi * (slope_of_coth + bend * n**2) / S**2
    return n / S, slope


def _asymptotic(y: Complex) -> Complex:
    """sum_k B_2k/(2 k) y^k: log x - 1/(2 x) - psi(x) at y = 1/x^2."""
    return np.polynomial.polynomial.polyval(y, _PSI)


def _trigamma(x: Complex) -> Complex:
    """psi'(x) for Re x > 0: twelve steps of the recurrence, then the asymptotic series."""
    value = np.zeros_like(x)
    for _ in range(12):
        value += 1 / x**2
        x = x + 1
    y = 1 / x**2
    series = np.polynomial.polynomial.polyval(y, _TRIGAMMA)
    return value + 1 / x + y / 2 + series * y / x
