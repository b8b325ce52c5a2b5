r"""Chains of first-order all-pass filters: what a lower triangular lossless matrix is, in closed
form.

If A is lower triangular and A + A^T = 2 sigma I - 2 P P^T with one column P, then with a_n = P_n^2
and z = s - sigma

.. math::  \Phi(z) = 1 - 2 P^T (s - A)^{-1} P = \prod_n \frac{z - a_n}{z + a_n}, \qquad
           \left[(s - A)^{-1} P\right]_n = \frac{P_n}{z + a_n} \prod_{m<n} \frac{z - a_m}{z + a_m},

and the eigenvalues sigma + z of A + tau P P^T are the solutions of Phi(z) = -c, c = 2/tau - 1, with
the states at z for eigenvectors. In the upper half plane log Phi is analytic, and each root has a
phase of its own:

.. math::  \log \Phi(z_m) = \log c + i \pi (2m - 1), \qquad m = 1, 2, \dots \text{ from the largest root down},

so none can be found twice. `legs` (a_n = n + 1/2), `lagt` and `tlagt` (a_n = 1/2) are such
matrices; for them log Phi costs O(1), whatever N.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.special

from ..ground.backend import Complex, Real
from ..ground.formats import EPS

# log Gamma(x + 1/2) = x log x - x + log(2 pi)/2 + sum_k _STIRLING[k]/x^(2k+1): B_2k(1/2)/(2k
# (2k-1)), good to eps for |x| >= 8.
_STIRLING = [
    float((2.0 ** (1 - 2 * k) - 1) * scipy.special.bernoulli(2 * k)[-1] / (2 * k * (2 * k - 1)))
    for k in range(1, 11)
]
_NEAR = 8.0  # below this distance from 0 that series is not used at z, and
_FIRST = 16  # so many factors are taken one by one


class LogPhi(NamedTuple):
    """log Phi at z in the upper half plane, less i pi N where `below`, and d log Phi/dz."""

    value: Complex
    slope: Complex


Evaluate = Callable[[Complex, "np.ndarray"], LogPhi]


def evaluator(a: Real) -> Evaluate:
    """The function that evaluates log Phi and its slope for the chain a: `evaluate(z, below)`, each
    (S,).

    Two branches, of which one is free of cancellation: log Phi itself, small for large z, and log
    Phi - i pi N, small for small z, where `below` is true.
    """
    order = len(a)
    if _equals(a):
        return lambda z, below: _equal(a[0], order, z, below)
    if order > 4 * _FIRST and _halves(a):
        return lambda z, below: _half_integers(order, z, below)
    return lambda z, below: _any(a, z, below)


def _equals(a: Real) -> bool:
    return bool(np.all(a == a[0]))


def _halves(a: Real) -> bool:
    return bool(np.all(np.abs(a - np.arange(len(a)) - 0.5) <= 4 * EPS * a))


def _any(a: Real, z: Complex, below: np.ndarray) -> LogPhi:
    """By sums over the chain, O(N) for each z."""
    z, low = z[:, None], below[:, None]
    angle = np.arctanh(
        np.where(low, z, a) / np.where(low, a, z)
    )  # 2 atanh(a/z) = log((z + a)/(z - a))
    return LogPhi(-2 * angle.sum(axis=-1), np.sum(2 * a / (z**2 - a**2), axis=-1))


def _equal(a: float, order: int, z: Complex, below: np.ndarray) -> LogPhi:
    angle = np.arctanh(np.where(below, z, a) / np.where(below, a, z))
    return LogPhi(-2 * order * angle, 2 * order * a / (z**2 - a**2))


def _half_integers(order: int, z: Complex, below: np.ndarray) -> LogPhi:
    r"""For a_n = n + 1/2, in O(1) for each z.

    Phi = (-1)^N Gamma(N + 1/2 - z) Gamma(1/2 + z) / (Gamma(N + 1/2 + z) Gamma(1/2 - z)). Stirling's
    series and the reflection formula, put together before anything is evaluated, leave with u = -i
    z/N

    .. math::  \log \Phi = i N \left(2 \arctan \tfrac1u - u \log(1 + \tfrac1{u^2})\right)
               + R(N - z) - R(N + z) - 2 R(-z) - \log(1 + e^{2 \pi i z}),

    in which no large number is cancelled: log-gamma functions would lose N log N eps.
    """
    right = (
        z.real > 0
    )  # where Phi(-z) = 1/Phi(z) leads back to the left, as the series for R(-z) asks
    z = np.where(right, -z.conj(), z)
    near = np.abs(z) < _NEAR
    value, slope = np.empty(len(z), dtype=np.complex128), np.empty(len(z), dtype=np.complex128)
    value[near], slope[near] = _half_integers_near(order, z[near])
    value[near] += np.where(below[near], 0, 1j * math.pi * order)
    close = ((order + z).real < _NEAR) & (
        z.imag < _NEAR
    )  # beside the last poles, and beyond: no series there
    value[close], slope[close] = _any(np.arange(order) + 0.5, z[close], below[close])
    near |= close
    z, low = z[~near], below[~near]
    u = -1j * z / order
    bend = scipy.special.log1p(1 / u**2)  # NumPy's log1p of complex numbers is log(1 + x)
    lead = np.where(low, -2 * np.arctan(u), 2 * np.arctan(1 / u)) - u * bend
    echo = np.exp(2j * math.pi * z)
    ends, own = _rest_at_ends(order, z), _rest(-z)
    value[~near] = 1j * order * lead + ends.value - 2 * own.value - scipy.special.log1p(echo)
    turn = -2j * math.pi * echo / (1 + echo)
    slope[~near] = -bend + ends.slope + 2 * own.slope + turn
    return LogPhi(np.where(right, -value.conj(), value), np.where(right, slope.conj(), slope))


def _half_integers_near(order: int, z: Complex) -> LogPhi:
    """The first 16 factors one by one and the others by Stirling's series, from below."""
    a = np.arange(_FIRST) + 0.5
    value = -2 * np.sum(np.arctanh(z[:, None] / a), axis=-1)
    slope = np.sum(2 * a / (z[:, None] ** 2 - a**2), axis=-1)
    for end, sign in (
        (order, 1),
        (_FIRST, -1),
    ):  # sum over n < M of log((a_n - z)/(a_n + z)), but for terms free of M
        t = z / end
        bend = scipy.special.log1p(-(t**2))
        ends = _rest_at_ends(end, z)
        value += sign * (-2 * end * np.arctanh(t) - z * bend + ends.value)
        slope += sign * (-bend + ends.slope)
    shift = math.log(order / _FIRST)
    return LogPhi(value - 2 * z * shift, slope - 2 * shift)


def _rest(x: Complex) -> LogPhi:
    """R(x) = log Gamma(x + 1/2) less what Stirling's formula begins with, and R'(x), for |x| >=
    8.
    """
    inverse = 1 / x
    y, value, slope = inverse**2, np.zeros_like(x), np.zeros_like(x)
    for k in range(len(_STIRLING) - 1, -1, -1):
        value = value * y + _STIRLING[k]
        slope = slope * y - (2 * k + 1) * _STIRLING[k]
    return LogPhi(value * inverse, slope * y)


def _rest_at_ends(M: int, z: Complex) -> LogPhi:
    """R(M - z) - R(M + z) and its derivative; of the first terms, which cancel for small z, the
    difference in one.

    Four terms are good to eps beyond |x| = 48, all of them beyond 8.
    """
    x = np.stack([M - z, M + z])
    inverse = 1 / x
    y, value, slope = inverse**2, np.zeros_like(x), np.zeros_like(x)
    for k in range(
        3 if np.min(np.abs(x), initial=np.inf) > 3 * _FIRST else len(_STIRLING) - 1, 0, -1
    ):
        value = value * y + _STIRLING[k]
        slope = slope * y - (2 * k + 1) * _STIRLING[k]
    value, slope = value * y * inverse, (slope * y - _STIRLING[0]) * y
    return LogPhi(
        2 * z * _STIRLING[0] * inverse[0] * inverse[1] + value[0] - value[1], -slope[0] - slope[1]
    )


def frequencies(a: Real) -> Real:
    r"""The solutions z = i w of Phi(z) = -1 (c = 1, the normal part) with w > 0, rising: n of them
    for 2n or 2n + 1 sections.

    There |Phi| = 1, and the phase says 2 sum_n atan(a_n/w) = (2m - 1) pi: one monotone equation a
    root, solved by Newton's method in log w. The phase is taken from whichever end of its range is
    nearer, so the smallest w and the largest have the same relative accuracy, a few eps. Cost O(1)
    a root for equal a_n and half-integers, else O(N).
    """
    order = len(a)
    m = np.arange(order // 2, 0, -1)  # so that w rises
    if len(m) == 0:
        return np.zeros(0)
    above, below = (2 * m - 1) * math.pi, (2 * m - 1 - order) * math.pi
    low = -below < above
    goal = np.where(low, below, above)
    evaluate = evaluator(a)
    # The largest root is below sum(a), the smallest above min(a)/(2N): a grid in log w between,
    # then Newton.
    grid = np.geomspace(a.min() / (4 * order), 2 * a.sum(), 64 + 4 * int(math.log2(order) + 1) ** 2)
    phase = evaluate(1j * grid, np.zeros(len(grid), dtype=bool)).value.imag
    w = np.exp(np.interp(above, phase[::-1], np.log(grid[::-1])))
    for _ in range(50):
        value, slope = evaluate(1j * w, low)
        step = (goal - value.imag) / (slope.real * w)  # d phase/d log w
        w = w * np.exp(step)
        if np.abs(step).max() <= 1e-8:  # Newton's steps square: the next one would be rounding
            break
    return w


def roots(a: Real, tau: float) -> Complex | None:
    """The solutions of Phi(z) = -c, c = 2/tau - 1: upper half plane by rising frequency, their
    conjugates, at odd N a real one.

    By Newton's method on log Phi from c = 1 along log c; real and imaginary part have high relative
    accuracy, each. None where two conjugate roots have met on the real axis, which they do for
    large c only: there roots of some phase no longer exist, and an eigensolver must look. Cost as
    for `frequencies`.
    """
    order, log_c = len(a), math.log1p(2 * (1 - tau) / tau)
    if log_c > -math.log(EPS):  # roots are nearer to poles than a double can tell
        return None
    w = frequencies(a)
    real = np.zeros(order % 2) if log_c == 0 else np.array([_real_root(a, log_c)] * (order % 2))
    z: Complex = 1j * w
    if log_c > 0 and len(w):
        evaluate = evaluator(a)
        m = np.arange(len(w), 0, -1)
        low = order - 2 * m + 1 < 2 * m - 1
        phase = 1j * math.pi * (2 * m - 1 - np.where(low, order, 0))
        path = np.linspace(0, log_c, math.ceil(log_c) + 1)[1:]
        with np.errstate(all="ignore"):  # roots that met go anywhere; that is seen at the end
            for goal in [*path, *[log_c] * 20]:
                value, slope = evaluate(z, low)
                step = (goal + phase - value) / slope
                z = z + step
                small = (
                    np.abs(step.real) <= 1e-8 * np.abs(z.real),
                    np.abs(step.imag) <= 1e-8 * z.imag,
                )
                if goal == log_c and np.all(small):
                    break
            else:
                return None
            value = evaluate(z, low).value
        apart = np.all(z.imag > 1e-6 * np.abs(z)) and np.all(np.diff(z.imag) > 1e-9 * z.imag[1:])
        if not (apart and np.all(np.abs(value - log_c - phase) <= 64 * order * EPS)):
            return None
    return np.concatenate([z, z.conj(), real + 0j])


def _real_root(a: Real, log_c: float) -> float:
    """The root between -min(a) and 0: log Phi - i pi N is real there, falling and convex: Newton
    from the left stays left.
    """
    evaluate, low = evaluator(a), np.array([True])
    x = -float(a.min()) * math.tanh(log_c / 2)
    for _ in range(100):
        value, slope = evaluate(np.array([x + 0j]), low)
        step = float(((log_c - value) / slope).real[0])
        x += step
        if abs(step) <= 2 * EPS * abs(x):
            break
    return x


def products(a: Real, z: Complex, rows: np.ndarray) -> Complex:
    """The products of (z - a_m)/(z + a_m) over m < n for each n of `rows` (R,) and z (S,), off the
    real axis or on it: (R, S).

    One factor after another, with a leap by log Phi of the chain cut off at n where rows lie far
    apart and that is O(1). Accuracy n eps, cost O(S) a row for equal a_n and half-integers, else
    O(max(rows) S).
    """
    wanted, place = np.unique(rows, return_inverse=True)
    found = np.empty((len(wanted), len(z)), dtype=np.complex128)
    product, at = np.ones(len(z), dtype=np.complex128), 0
    for i, n in enumerate(wanted):
        if n - at > 4 * _FIRST:
            product = _leap(a, z, at, int(n), product)
            at = int(n)
        for m in range(at, int(n)):
            product = product * ((z - a[m]) / (z + a[m]))
        at, found[i] = int(n), product
    return found[place]


def _leap(a: Real, z: Complex, at: int, n: int, product: Complex) -> Complex:
    """The product up to n from scratch, or from `product` up to `at` where z is real or log Phi no
    cheaper.
    """
    evaluate, far = evaluator(a[:n]), (z.imag != 0) & (_equals(a) or _halves(a))
    upper = np.where(z.imag < 0, z.conj(), z)[far]
    value = np.exp(evaluate(upper, np.zeros(len(upper), dtype=bool)).value)
    product = product.copy()
    product[far] = np.where(z[far].imag < 0, value.conj(), value)
    for m in range(at, n) if not far.all() else ():
        product[~far] *= (z[~far] - a[m]) / (z[~far] + a[m])
    return product


def states(B: Real, poles: Real, zeros: Real, s: Complex) -> Complex:
    r"""The states of a chain under the input e^{st}, (N, S): no sum, so no cancellation.

    .. math::  \hat x_n = \frac{B_n}{s - p_n} \prod_{m<n} \frac{s - z_m}{s - p_m}
    """
    from_pole = s - poles[:, None]
    passes = (s - zeros[:-1, None]) / from_pole[:-1]
    factors = np.cumprod(np.concatenate([np.ones((1, len(s))), passes]), axis=0)
    return (B[:, None] / from_pole * factors).astype(s.dtype, copy=False)
