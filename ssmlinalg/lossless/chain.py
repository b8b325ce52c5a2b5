r"""Chains of first-order all-pass filters: a lower triangular lossless matrix in closed form.

If A is lower triangular and A + A^T = 2 sigma I - 2 P P^T with one column P, then with a_n = P_n^2
and z = s - sigma

.. math::  \Phi(z) = 1 - 2 P^T (s - A)^{-1} P = \prod_n \frac{z - a_n}{z + a_n}, \qquad
           \left[(s - A)^{-1} P\right]_n = \frac{P_n}{z + a_n} \prod_{m<n} \frac{z - a_m}{z + a_m},

and the eigenvalues sigma + z of A + tau P P^T are the solutions of Phi(z) = -c, c = 2/tau - 1, with
the states at z for eigenvectors. In the upper half plane log Phi is analytic, and each root has a
phase of its own:

.. math::  \log \Phi(z_m) = \log c + i \pi (2m - 1), \qquad m = 1, 2, \dots
           \text{ from the largest root down},

so none can be found twice. With a negative tau it is Phi(z) = c, c = 1 - 2/tau: phases are even
multiples of pi, and a real root lies beyond all a_n, at even N another one between 0 and the least.

`legs` (a_n = n + 1/2), `lagt` and `tlagt` (a_n = 1/2) are such matrices; for them log Phi costs
O(1), whatever N.

A loop may be longer than its chain: with more modes than states, the feedback passes `further`
sections, and all of the above holds of the whole row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy

from ..ground.backend import Complex, Real
from ..ground.formats import EPS

_NEAR = 8.0  # below this distance from 0 that series is not used at z, and
_FIRST = 16  # so many factors are taken one by one
_NEWTON = 50  # steps at most; six are usual
_SETTLED = 1e-8  # a relative step after which the next one, its square, is rounding


class LogPhi(NamedTuple):
    """log Phi at z in the upper half plane, less i pi N on the lower branch, and d log Phi/dz."""

    value: Complex
    slope: Complex


def _stirling(k: int) -> float:
    """B_2k(1/2)/(2k (2k - 1))."""
    bernoulli = scipy.special.bernoulli(2 * k)[-1]
    at_half = (2.0 ** (1 - 2 * k) - 1) * bernoulli
    return float(at_half / (2 * k * (2 * k - 1)))


# log Gamma(x + 1/2) = x log x - x + log(2 pi)/2 + sum_k _STIRLING[k]/x^(2k+1), good to eps for
# |x| >= 8.
_STIRLING = [_stirling(k) for k in range(1, 11)]

Evaluate = Callable[[Complex, "np.ndarray"], LogPhi]


def further(a: Real, modes: int) -> Real:
    """The sections that lengthen the chain `a` (N,) to `modes`: the chain again, then a part of it.

    The part of r sections has the values of the sorted chain at (j + 1/2) N/r - 1/2, j = 0 .. r -
    1, interpolated: every frequency is delayed by r/N of what the chain delays it.

    Args:
        a: the squares of P, all positive, (N,).
        modes: the length M of the whole, at least N.

    Returns:
        An array (M - N,).

    Example:
        >>> further(np.array([0.5, 1.5, 2.5, 3.5]), 10)
        array([0.5, 1.5, 2.5, 3.5, 1. , 3. ])
    """
    part, copies = _groups(a, modes)[-1]
    if len(part) == len(a):
        return np.tile(a, copies - 1)
    return np.concatenate([np.tile(a, modes // len(a) - 1), part])


def evaluator(a: Real, modes: int | None = None) -> Evaluate:
    """The function that evaluates log Phi of the chain `a` (N,), and its slope.

    It has two branches, each free of cancellation where it is used: log Phi itself, small for large
    z, and log Phi - i pi N, small for small z.

    Args:
        a: the squares of P, all positive, (N,).
        modes: the length M of chain and `further` sections together; N if it is not given.

    Returns:
        A function `evaluate(z, low)` of z (S,) in the upper half plane and a boolean vector (S,),
        true for the branch log Phi - i pi M, which returns a `LogPhi`.

    Cost:
        O(1) for each z if all a_n are equal, or if a_n = (n + 1/2) a constant; else O(N).

    Example:
        >>> evaluate = evaluator(np.array([0.5, 1.5]))
        >>> np.exp(evaluate(np.array([2j]), np.array([False])).value).round(6)
        array([-0.204706+0.978824j])
    """
    parts = [(copies, _of_group(group)) for group, copies in _groups(a, modes)]
    copies, evaluate = parts[0]
    return evaluate if copies == len(parts) == 1 else partial(_in_a_row, parts)


def _groups(a: Real, modes: int | None) -> list[tuple[Real, int]]:
    """The whole row by groups of sections, each with how often it is repeated."""
    order = len(a)
    copies, rest = divmod(modes or order, order)
    groups = [(a, copies)]
    if rest:
        place = (np.arange(rest) + 0.5) * (order / rest) - 0.5
        part = np.interp(place, np.arange(order), np.sort(a))
        groups.append((part, 1))
    return groups


def _of_group(a: Real) -> Evaluate:
    order = len(a)
    if _equals(a):
        return partial(_equal, a[0], order)
    if order > 4 * _FIRST and _half_integers(a):
        return partial(_by_gamma, order, _unit(a))
    return partial(by_factors, a)


def _in_a_row(
    parts: list[tuple[int, Evaluate]],
    z: Complex,
    low: np.ndarray,
) -> LogPhi:
    found = [(copies, evaluate(z, low)) for copies, evaluate in parts]
    value = sum(copies * part.value for copies, part in found)
    slope = sum(copies * part.slope for copies, part in found)
    return LogPhi(np.asarray(value), np.asarray(slope))


def frequencies(a: Real, modes: int | None = None) -> Real:
    r"""The solutions z = i w of Phi(z) = -1, the normal part, with w > 0.

    There |Phi| = 1, and the phase says 2 sum_n atan(a_n/w) = (2m - 1) pi: one monotone equation a
    root, solved by Newton's method in log w. The phase is taken from whichever end of its range is
    nearer.

    Args:
        a: the squares of P, all positive, (N,).
        modes: the length M of chain and `further` sections together; N if it is not given.

    Returns:
        Rising frequencies, n of them for 2n or 2n + 1 sections.

    Accuracy:
        A few eps, relative, of the smallest w as of the largest.

    Cost:
        O(1) a root for equal a_n and half-integers, else O(N).

    Example:
        >>> frequencies(np.array([0.5, 1.5])).round(6)
        array([0.866025])
    """
    turns, _ = half_turns(modes or len(a), 1.0)
    return _frequencies(a, modes, turns)


def half_turns(modes: int, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """The phases of Phi at the roots in multiples of pi.

    Args:
        modes: the length M of the row.
        tau: of which the sign matters.

    Returns:
        Those of the upper half plane by rising frequency, from M - 1 down, and those of the real
        roots by rising z: 0 of one beyond all poles, M of one between the first pole and 0.

    Example:
        >>> half_turns(6, -0.1)
        (array([4, 2]), array([0, 6]))
    """
    every = np.arange(modes, -1, -1)
    allowed = every[every % 2 == (tau > 0)]
    ends = (allowed == 0) | (allowed == modes)
    return allowed[~ends], allowed[ends][::-1]


def roots(a: Real, tau: float, modes: int | None = None) -> Complex | None:
    """The solutions of Phi(z) = 1 - 2/tau by Newton's method along log c, c = |1 - 2/tau|.

    Args:
        a: the squares of P, all positive, (N,).
        tau: the size of the perturbation, negative or in (0, 1].
        modes: the length M of chain and `further` sections together; N if it is not given.

    Returns:
        The roots (M,): upper half plane by rising frequency, their conjugates, real ones.
        None where two conjugate roots have met on the real axis, which they do for large c only:
        there roots of some phase no longer exist, and an eigensolver must look.

    Accuracy:
        High relative accuracy of real and imaginary part, each.

    Cost:
        As for `frequencies`.

    Example:
        >>> roots(np.array([0.5, 1.5]), 1.0).imag.round(6)
        array([ 0.866025, -0.866025])
        >>> roots(np.array([0.5, 1.5]), -2.0).real.round(6)
        array([-5.872281, -0.127719])
    """
    order = modes or len(a)
    log_c = math.log1p(2 * (1 - tau) / tau) if tau > 0 else math.log1p(-2 / tau)
    if log_c * len(a) / order > -math.log(EPS):  # roots are nearer to poles than a double can tell
        return None
    turns, ends = half_turns(order, tau)
    upper = _upper_roots(a, log_c, modes, turns)
    if upper is None:
        return None
    real = [_real_root(a, log_c, modes, end > 0) if log_c else 0.0 for end in ends.tolist()]
    return np.concatenate([upper, upper.conj(), np.array(real) + 0j])


def products(
    a: Real,
    z: Complex,
    rows: np.ndarray,
) -> Complex:
    """The products of (z - a_m)/(z + a_m) over m < n for each n of `rows`.

    One factor after another, with a leap by log Phi of the chain cut off at n where rows lie far
    apart and that is O(1).

    Args:
        a: the squares of P, all positive, (N,).
        z: points off the real axis or on it, (S,).
        rows: the numbers n, (R,).

    Returns:
        An array (R, S).

    Accuracy:
        n eps.

    Cost:
        O(S) a row for equal a_n and half-integers, else O(max(rows) S).

    Example:
        >>> products(np.array([0.5, 1.5]), np.array([2.0 + 0j]), np.array([0, 1, 2])).real.round(6)
        array([[1.      ],
               [0.6     ],
               [0.085714]])
    """
    wanted, place = np.unique(rows, return_inverse=True)
    found = np.empty((len(wanted), len(z)), dtype=np.complex128)
    product = np.ones(len(z), dtype=np.complex128)
    done = 0
    for i, n in enumerate(wanted.tolist()):
        if n - done > 4 * _FIRST:
            product = _leap(a, z, done, n, product)
            done = n
        for m in range(done, n):
            product = product * ((z - a[m]) / (z + a[m]))
        done = n
        found[i] = product
    return found[place]


def states(
    B: Real,
    poles: Real,
    zeros: Real,
    s: Complex,
) -> Complex:
    r"""The states of a chain under the input e^{st}: no sum, so no cancellation.

    .. math::  \hat x_n = \frac{B_n}{s - p_n} \prod_{m<n} \frac{s - z_m}{s - p_m}

    Args:
        B: the input, (N,).
        poles: p, (N,).
        zeros: z, of which the last is not used, (N,).
        s: points off the poles, (S,).

    Returns:
        An array (N, S) of the type of `s`.

    Accuracy:
        N eps, relative in every entry.

    Cost:
        O(N S).

    Example:
        >>> one = np.ones(2)
        >>> states(one, -one, one, np.array([1.0 + 0j])).real
        array([[0.5],
               [0. ]])
    """
    from_pole = s - poles[:, None]
    passes = (s - zeros[:-1, None]) / from_pole[:-1]
    first = np.ones((1, len(s)))
    factors = np.cumprod(np.concatenate([first, passes]), axis=0)
    return (B[:, None] / from_pole * factors).astype(s.dtype, copy=False)


def by_factors(
    a: Real,
    z: Complex,
    low: np.ndarray,
) -> LogPhi:
    """log Phi and its slope by sums over the chain, as `evaluator` where it knows no shorter way.

    Args:
        a: the squares of P, all positive, (N,).
        z: points in the upper half plane, (S,).
        low: true for the branch log Phi - i pi N, (S,).

    Returns:
        A `LogPhi`.

    Cost:
        O(N S).

    Example:
        >>> by_factors(np.array([0.5, 1.5]), np.array([2j]), np.array([False])).value.round(6)
        array([0.+1.77696j])
    """
    z = z[:, None]
    low = low[:, None]
    # 2 atanh(a/z) = log((z + a)/(z - a))
    ratio = np.where(low, z, a) / np.where(low, a, z)
    angle = np.arctanh(ratio)
    slopes = 2 * a / (z**2 - a**2)
    slope = np.sum(slopes, axis=-1)
    return LogPhi(-2 * angle.sum(axis=-1), slope)


def _equals(a: Real) -> bool:
    return bool(np.all(a == a[0]))


def _half_integers(a: Real) -> bool:
    """Whether a_n = (n + 1/2) times a constant."""
    spaced = (np.arange(len(a)) + 0.5) * _unit(a)
    return bool(np.all(np.abs(a - spaced) <= 4 * EPS * a))


def _unit(a: Real) -> float:
    """That constant; 1 where a_n is the square of a root of n + 1/2."""
    unit = 2 * float(a[0])
    return 1.0 if abs(unit - 1) <= 4 * EPS else unit


def _equal(
    a: float,
    order: int,
    z: Complex,
    low: np.ndarray,
) -> LogPhi:
    """For equal a_n, in O(1) for each z."""
    ratio = np.where(low, z, a) / np.where(low, a, z)
    value = -2 * order * np.arctanh(ratio)
    slope = 2 * order * a / (z**2 - a**2)
    return LogPhi(value, slope)


def _by_gamma(
    order: int,
    unit: float,
    z: Complex,
    low: np.ndarray,
) -> LogPhi:
    r"""For a_n = (n + 1/2) unit, O(1) for each z, by Stirling's series and the reflection formula.

    Phi = (-1)^N Gamma(N + 1/2 - z) Gamma(1/2 + z) / (Gamma(N + 1/2 + z) Gamma(1/2 - z)). Both put
    together before anything is evaluated, they leave with u = -i z/N

    .. math::  \log \Phi = i N \left(2 \arctan \tfrac1u - u \log(1 + \tfrac1{u^2})\right)
               + R(N - z) - R(N + z) - 2 R(-z) - \log(1 + e^{2 \pi i z}),

    in which no large number is cancelled: log-gamma functions would lose N log N eps.
    """
    z = z / unit
    # Phi(-z) = 1/Phi(z) leads back to the left half plane, where the series for R(-z) holds.
    right = z.real > 0
    z = np.where(right, -z.conj(), z)
    value = np.empty(len(z), dtype=np.complex128)
    slope = np.empty(len(z), dtype=np.complex128)
    near = np.abs(z) < _NEAR
    value[near], slope[near] = _by_first_factors(order, z[near])
    value[near] += np.where(low[near], 0, 1j * math.pi * order)
    # Beside the last poles, and beyond, there is no series.
    close = ((order + z).real < _NEAR) & (z.imag < _NEAR)
    half = np.arange(order) + 0.5
    value[close], slope[close] = by_factors(half, z[close], low[close])
    far = ~(near | close)
    value[far], slope[far] = _by_stirling(order, z[far], low[far])
    value = np.where(right, -value.conj(), value)
    slope = np.where(right, slope.conj(), slope)
    return LogPhi(value, (1 + 0j) / unit * slope)


def _by_stirling(
    order: int,
    z: Complex,
    low: np.ndarray,
) -> LogPhi:
    """The formula of `_by_gamma`, far from 0 and from the last poles, Re z <= 0."""
    u = -1j * z / order
    bend = scipy.special.log1p(1 / u**2)  # NumPy's log1p of complex numbers is log(1 + x)
    turn_low = -2 * np.arctan(u)
    turn = np.where(low, turn_low, 2 * np.arctan(1 / u))
    echo = np.exp(2j * math.pi * z)
    ends = _rest_at_ends(order, z)
    own = _rest(-z)
    lead = 1j * order * (turn - u * bend)
    value = lead + ends.value - 2 * own.value - scipy.special.log1p(echo)
    echo_slope = -2j * math.pi * echo / (1 + echo)
    return LogPhi(value, -bend + ends.slope + 2 * own.slope + echo_slope)


def _by_first_factors(order: int, z: Complex) -> LogPhi:
    """The first 16 factors one by one and the others by Stirling's series, for small z."""
    a = np.arange(_FIRST) + 0.5
    angle = np.arctanh(z[:, None] / a)
    slopes = 2 * a / (z[:, None] ** 2 - a**2)
    value = -2 * np.sum(angle, axis=-1)
    slope = np.sum(slopes, axis=-1)
    # The sum over n < M of log((a_n - z)/(a_n + z)), but for terms free of M, at both ends.
    for M, sign in ((order, 1), (_FIRST, -1)):
        t = z / M
        bend = scipy.special.log1p(-(t**2))
        ends = _rest_at_ends(M, z)
        value += sign * (-2 * M * np.arctanh(t) - z * bend + ends.value)
        slope += sign * (-bend + ends.slope)
    shift = math.log(order / _FIRST)
    return LogPhi(value - 2 * z * shift, slope - 2 * shift)


def _rest(x: Complex) -> LogPhi:
    """R(x) = log Gamma(x + 1/2) less the first terms of Stirling, and R'(x), for |x| >= 8."""
    inverse = 1 / x
    y = inverse**2
    value, slope = _series(y, range(len(_STIRLING) - 1, -1, -1))
    return LogPhi(value * inverse, slope * y)


def _rest_at_ends(M: int, z: Complex) -> LogPhi:
    """R(M - z) - R(M + z) and its derivative.

    The first terms cancel for small z, so their difference is taken in one. Four terms are good to
    eps beyond |x| = 48, all of them beyond 8.
    """
    x = np.stack([M - z, M + z])
    inverse = 1 / x
    y = inverse**2
    far = np.min(np.abs(x), initial=np.inf) > 3 * _FIRST
    last = 3 if far else len(_STIRLING) - 1
    value, slope = _series(y, range(last, 0, -1))
    value = value * y * inverse
    slope = (slope * y - _STIRLING[0]) * y
    first = 2 * z * _STIRLING[0] * inverse[0] * inverse[1]
    difference = first + value[0] - value[1]
    return LogPhi(difference, -slope[0] - slope[1])


def _series(y: Complex, terms: range) -> LogPhi:
    """Horner's rule for sum_k _STIRLING[k] y^k and its companion for the derivative."""
    value = np.zeros_like(y)
    slope = np.zeros_like(y)
    for k in terms:
        value = value * y + _STIRLING[k]
        slope = slope * y - (2 * k + 1) * _STIRLING[k]
    return LogPhi(value, slope)


def _first_frequencies(
    groups: list[tuple[Real, int]],
    evaluate: Evaluate,
    phase: Real,
) -> Real:
    """Where log Phi(i w) has about these phases, from a grid in log w.

    The largest root is below sum(a), the smallest above min(a)/(2N).
    """
    order = sum(copies * len(a) for a, copies in groups)
    points = 64 + 4 * int(math.log2(order) + 1) ** 2
    least = min(a.min() for a, _ in groups) / (4 * order)
    most = 2 * sum(copies * a.sum() for a, copies in groups)
    grid = np.geomspace(least, most, points)
    found = evaluate(1j * grid, np.zeros(points, dtype=bool)).value.imag
    rising = found[::-1]
    log_w = np.log(grid[::-1])
    return np.exp(np.interp(phase, rising, log_w))


def _frequencies(a: Real, modes: int | None, turns: np.ndarray) -> Real:
    """Where the phase on the axis is `turns` times pi."""
    order = modes or len(a)
    if len(turns) == 0:
        return np.zeros(0)
    low = order - turns < turns
    goal = math.pi * np.where(low, turns - order, turns)
    evaluate = evaluator(a, modes)
    w = _first_frequencies(_groups(a, modes), evaluate, math.pi * turns)
    for _ in range(_NEWTON):
        value, slope = evaluate(1j * w, low)
        by_log_w = slope.real * w  # d phase/d log w
        step = (goal - value.imag) / by_log_w
        w = w * np.exp(step)
        if np.abs(step).max() <= _SETTLED:
            break
    return w


def _upper_roots(a: Real, log_c: float, modes: int | None, turns: np.ndarray) -> Complex | None:
    """The roots in the upper half plane by rising frequency, or None: see `roots`."""
    order = modes or len(a)
    z: Complex = 1j * _frequencies(a, modes, turns)
    if log_c == 0 or len(z) == 0:
        return z
    evaluate = evaluator(a, modes)
    low = order - turns < turns
    phase = 1j * math.pi * np.where(low, turns - order, turns)
    with np.errstate(all="ignore"):  # roots that met go anywhere; that is seen at the end
        path = np.linspace(0, log_c, math.ceil(log_c) + 1)
        for goal in path[1:-1]:
            z, _ = _newton_step(evaluate, z, low, goal + phase)
        settled = False
        for _ in range(21):
            z, settled = _newton_step(evaluate, z, low, log_c + phase)
            if settled:
                break
        value, slope = evaluate(z, low)
        defect = np.abs(value - log_c - phase)
    above = z.imag > 1e-6 * np.abs(z)
    of_rounding = np.abs(slope * z)  # how much of log Phi a rounding of z is
    solved = defect <= 64 * EPS * np.maximum(order, of_rounding)
    if order > len(a):  # where poles are repeated, frequencies do not rise as phases fall
        z = z[np.argsort(z.imag)]
    rising = np.diff(z.imag) > 1e-9 * z.imag[1:]  # not so where a pair nears the real axis
    sound = settled and np.all(above) and np.all(rising) and np.all(solved)
    return z if sound else None


def _newton_step(
    evaluate: Evaluate,
    z: Complex,
    low: np.ndarray,
    goal: Complex,
) -> tuple[Complex, bool]:
    """z moved towards log Phi(z) = goal, and whether both parts have settled."""
    value, slope = evaluate(z, low)
    step = (goal - value) / slope
    z = z + step
    real = np.abs(step.real) <= _SETTLED * np.abs(z.real)
    imag = np.abs(step.imag) <= _SETTLED * z.imag
    return z, bool(np.all(real & imag))


def _real_root(a: Real, log_c: float, modes: int | None, within: bool) -> float:
    """The root between the first pole and 0, or the one beyond all poles.

    log Phi less its phase is real there, falling and convex away from the poles: Newton started
    between the pole and the root stays there.
    """
    evaluate = evaluator(a, modes)
    low = np.array([within])
    groups = [group for group, _ in _groups(a, modes)]
    if within:
        x = -min(float(group.min()) for group in groups) * math.tanh(log_c / 2)
    else:
        x = -max(float(group.max()) for group in groups) / math.tanh(log_c / 2)
    for _ in range(100):
        value, slope = evaluate(np.array([x + 0j]), low)
        step = float(((log_c - value) / slope).real[0])
        x += step
        if abs(step) <= 2 * EPS * abs(x):
            break
    return x


def _leap(
    a: Real,
    z: Complex,
    done: int,
    n: int,
    product: Complex,
) -> Complex:
    """The product up to n: from scratch by log Phi where that is cheap and z is not real.

    Elsewhere from `product`, which goes up to `done`.
    """
    far = (z.imag != 0) & (_equals(a) or _half_integers(a))
    mirrored = z.imag < 0
    upper = np.where(mirrored, z.conj(), z)[far]
    evaluate = evaluator(a[:n])
    above = np.zeros(len(upper), dtype=bool)
    value = np.exp(evaluate(upper, above).value)
    product = product.copy()
    product[far] = np.where(mirrored[far], value.conj(), value)
    near = z[~far]
    for m in range(done, n) if len(near) else ():
        product[~far] *= (near - a[m]) / (near + a[m])
    return product
