r"""A lower bound of the transfer error of every diagonal model in a budget of conditioning.

The idea: the modes of a diagonal model fade one by one, so that its free response, but for a factor
kappa(V), is a convex function of time after any exponential tilt, while the state of HiPPO first
remembers and then forgets all at once. Time is counted in powers of an all-pass filter, (a + s)/(a
- s) in place of e^{delta s}: at the right a a system of order N forgets within a step or two, where
in time its edges are blurred over N^{-1/2}.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Array, Real
from ..ground.formats import EPS
from ..matrices.factorizations import eigenpairs
from .diagonalization import split

BINS = 128  # steps, or equal groups of steps, that a response is looked at
_HORIZON = 8  # what is looked at, in mean numbers of steps that a response lasts
_RATES = 2.0 ** (np.arange(-2, 6) / 4)  # beside the rate at which responses last the fewest steps
_ENDS = (0.12, 0.16, 0.2, 0.3)  # of the response looked for first, in parts of the horizon
_STEPS = 5  # from a small budget to the one asked for
_REPEATS = 30  # and at that, at most
_GAIN = 1e-3  # below which another turn is not worth it
_LARGEST = 300.0  # of exponents: neither an exponential nor its square overflows
_CHORDS = 40  # points that chords begin at
_NUDGE = 2.0**0.125  # by which the best rate is moved in the end


class _Plant(NamedTuple):
    """A stable system as its past leaves it.

    Attributes:
        A: (N, N).
        P: int e^{A^* t} e^{At} dt (N, N).
        S: root of int e^{At} B B^* e^{A^* t} dt (N, r): inputs of norm |z| leave the states S z.
        rate: of the all-pass filter in whose steps responses last shortest.
        steps: how many, on the average.
    """

    A: Array
    P: Array
    S: Array
    rate: float
    steps: float


def error_floor(system: NPLR | Dense, *, conditioning: float, modes: int | None = None) -> float:
    r"""A lower bound of the transfer error of every diagonal model with kappa(V) <= K.

    .. math::  \sup_\omega \left| V (i\omega - \Lambda)^{-1} \tilde B - (i\omega - A)^{-1} B \right|
               \ge \frac{\sum_k w_k n_k}{|w|\, |z|}, \qquad
               n_k^2 = |F^k S z|_P^2 - |F^{k+1} S z|_P^2,

    with S S^* and P the Gramians of (A, B) and of (A, I), and F = ((a + A)/(a - A))^m.

    A past input of norm |z| leaves the state S z; after it the free responses of model and system
    differ in L2 by no more than the left side times |z|. The k-th part of a response, of norm n_k
    for the system, lies between the k-th and the next power of the all-pass filter ((a - s)/(a +
    s))^m. Those of the model, y_k, satisfy sum w_k y_k <= 0 for the weights admitted here: positive
    between two steps p and q, negative outside, and such that e^{beta k} w_k, outside divided by K,
    has sum and first moment 0 for some beta. For y_k lies between sigma_min(V) and sigma_max(V)
    times a root of a sum of c_j r_j^k, and e^{-beta k} times that is convex in k. So every z, a, m,
    p, q and beta give a bound; looked for is the largest, by turns of the best w for a z and the
    best z for a w, from several starts and at several a. The theory page has the proof.

    Args:
        system: a stable form with A (N, N) and B (N,).
        conditioning: the budget K for kappa_2(V).
        modes: how many modes the models have at most; N if it is not given. Beyond N the floor is
            0: V is wide there, nothing is shown, and with 2 N - 1 modes or more there is none, see
            the theory page.

    Returns:
        The floor, whatever Lambda, V and the input of the model are: Lambda may be unstable or
        complex and of lower order, V scaled in any way, and the model may have a direct path and
        anything that answers before the input. 0 where nothing is shown, as for `legs` of order 6
        at K = 16.

    Raises:
        TypeError: for a mere matrix.
        ValueError: for a system that is not stable, conditioning not above 1, and modes below 1.

    Accuracy:
        Computed in floating point, not enclosed in intervals: it carries the rounding of four
        Lyapunov solves. States that only inputs above eps^{-1/4} times the usual size reach are
        left out, which is allowed. The maximum is a local one.
        `optimal` for `legs` with K = 4, 8, 16 attains 1.4, 1.8 and 2.3 times the floor at order
        64, and 1.3, 1.5 and 1.9 times at order 256. The theory page has the limit of the argument
        at large orders, a factor of 1.1, 1.3 and 1.5.

    Cost:
        O(bins N^3) for each of ten rates: 1 s at N = 64, 7 s and 200 MB at N = 256.

    Source:
        Derived here.

    Example:
        >>> from ssmlinalg.hippo import legs
        >>> from ssmlinalg.perturb import optimal
        >>> floor = error_floor(legs(32), conditioning=4)
        >>> 0.03 < floor < optimal(legs(32), conditioning=4).transfer_error
        True
    """
    budget = require.real("conditioning", conditioning, above=1)
    A, B = split(system)
    if B is None:
        raise TypeError("`system` must have an input; got a matrix. Give an NPLR or Dense form.")
    abscissa = float(eigenpairs(A)[0].real.max())
    if abscissa >= 0:
        got = f"an eigenvalue with real part {abscissa:.3g}"
        raise ValueError(f"`system` must be stable; got {got}. Damp it first.")
    size = float(np.linalg.norm(B))
    modes = len(A) if modes is None else require.integer("modes", modes)
    if size == 0 or modes > len(A):
        return 0.0
    return size * _floor(_plant(A, B / size), budget)


def _floor(plant: _Plant, budget: float) -> float:
    """The largest bound found over rates and starts, and near the best of them."""
    best = 0.0
    at = 1.0
    z = None
    for rate in _RATES:
        Q = _energies(plant, rate)
        for end in _ENDS:
            found, input_ = _climbed(Q, budget, _first(_forgetting(end, len(Q)), Q), _STEPS)
            if found > best:
                best = found
                at = rate
                z = input_
    if z is None:
        return 0.0
    for nudge in (_NUDGE, 1 / _NUDGE):
        found, _ = _climbed(_energies(plant, nudge * at), budget, z, 1)
        best = max(best, found)
    return best


def _climbed(Q: Array, budget: float, z: Array, steps: int) -> tuple[float, Array]:
    """By turns of the best w for a z and the best z for a w, from z on: the bound and its z."""
    floor = 0.0
    best = z
    line = None
    for turn in range(1, steps + _REPEATS):
        K = budget ** min(turn / steps, 1.0)
        n = _course(Q, z)
        found, w, line = _weighed(n, K, line)
        if found <= 0:
            break
        if turn >= steps:
            if found < floor * (1 + _GAIN):
                break
            floor = found
            best = z
        z = _first(w / np.maximum(n, EPS * n.max()), Q)
    return floor, best


def _forgetting(end: float, bins: int) -> Array:
    """Values (bins,) of a response that is over at a part of the horizon."""
    k = np.arange(bins) / bins / end
    before = [k < 0.25, k < 0.7, k < 1.0, k < 1.2]
    return np.select(before, [-0.05, 0.0, 1.0, 0.0], -50.0)


def _plant(A: Array, B: Array) -> _Plant:
    """The system with the rate of the filter that its responses last the fewest steps of.

    At the rate a a response from S z, averaged over z, lasts a T2/2 + T3/2a - 1/2 steps.
    """
    lyapunov = scipy.linalg.solve_continuous_lyapunov
    adjoint = A.conj().T
    P = lyapunov(adjoint, -np.eye(len(A)))
    aged = lyapunov(adjoint, -P)
    moved = lyapunov(adjoint, -adjoint @ P @ A)
    S = _root(lyapunov(A, -np.outer(B, B.conj())), least=np.sqrt(EPS))
    mass, age, speed = (float(np.vdot(S, M @ S).real) for M in (P, aged, moved))
    return _Plant(A, P, S, math.sqrt(speed / age), math.sqrt(speed * age) / mass)


def _energies(plant: _Plant, rate: float) -> Array:
    """Q (bins, r, r): n_k^2 = z^* Q_k z, at a rate beside that of the shortest responses."""
    lasting = max(plant.steps * (rate + 1 / rate) / 2, 1.0)
    group = max(1, round(_HORIZON * lasting / BINS))
    bins = max(12, math.ceil(_HORIZON * lasting / group))
    return energies(plant.A, plant.P, plant.S, rate * plant.rate, group=group, bins=bins)


def energies(A: Array, P: Array, S: Array, rate: float, *, group: int, bins: int) -> Array:
    """The energies of the parts of free responses, by steps of an all-pass filter.

    Args:
        A: stable matrix (N, N).
        P: int e^{A^* t} e^{At} dt (N, N).
        S: states (N, r) that inputs leave.
        rate: a of the filter (a - s)/(a + s).
        group: how many steps a part has.
        bins: how many parts.

    Returns:
        Q (bins, r, r), Hermitian: z^* Q_k z is the energy of the k-th part of e^{At} S z.

    Cost:
        O(bins N^2 r).

    Example:
        >>> one = np.eye(1)
        >>> energies(-one, one / 2, one, 3.0, group=1, bins=3).ravel()  # int e^{-2t} dt = 1/2
        array([0.375    , 0.09375  , 0.0234375])
    """
    unit = rate * np.eye(len(A))
    step = np.linalg.matrix_power(np.linalg.solve(unit - A, unit + A), group)
    R = _root(P - step.conj().T @ P @ step, least=0).conj().T
    Q = []
    states = S
    for _ in range(bins):
        part = R @ states
        Q.append(part.conj().T @ part)
        states = step @ states
    return np.stack(Q)


def _root(G: Array, *, least: float) -> Array:
    """R of full rank with R R^* = G; eigenvalues below `least` of the largest are left out."""
    symmetric = (G + G.conj().T) / 2
    values, vectors = np.linalg.eigh(symmetric)
    kept = values > least * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])


def _course(Q: Array, z: Array) -> Real:
    """n (bins,)."""
    return np.sqrt(np.maximum(((Q @ z) @ z.conj()).real, 0))


def _first(c: Array, Q: Array) -> Array:
    """The unit z with the largest sum of c_k z^* Q_k z."""
    weighted = np.tensordot(c, Q, axes=1)
    last = len(weighted) - 1
    _, vectors = scipy.linalg.eigh(weighted, subset_by_index=[last, last])
    return vectors[:, 0]


def weights(n: Array, K: float) -> tuple[float, Array]:
    r"""The largest sum of w_k n_k / |w| found over exponential lines, and its w.

    For a line g_k = e^{beta k + alpha} that cuts n at p and q, the best w is n - g between them and
    n - g/K where that is negative outside, were it not for the two moments: these are mended by one
    factor left of p and one right of q, both 1 where the line is the best of all. Tried are all
    chords of log n, and the line next to the best of them that is nearest to n in least squares.

    Args:
        n: the course (bins,) of a response.
        K: the budget for kappa_2(V).

    Returns:
        The bound, 0 where there is none, and w (bins,).

    Example:
        >>> weights(np.exp(-np.arange(8.0)), 2.0)[0]  # fades as a mode does
        0.0
    """
    value, w, _ = _weighed(np.asarray(n, dtype=float), K, None)
    return value, w


def _weighed(n: Real, K: float, line: Real | None) -> tuple[float, Real, Real | None]:
    """The bound, its w and its line, looked for beside a line if one is given."""
    if line is not None:
        found = _nearest(n, K, line)
        if found[0] > 0:
            return found
    starts = range(1, len(n) - 3, 1 + len(n) // _CHORDS)
    chord = max((_chords(n, K, p) for p in starts), key=lambda chord: chord[0])
    if chord[0] <= 0:
        return 0.0, np.zeros_like(n), None
    return max(chord, _nearest(n, K, chord[2]), key=lambda found: found[0])


def _chords(n: Real, K: float, p: int) -> tuple[float, Real, Real]:
    """The best of the chords that begin at p, each a row below: its value, w, alpha and beta."""
    log = np.log(np.maximum(n, EPS * n.max()))
    k = np.arange(len(n)) - p
    ends = np.arange(2, len(n) - p - 1)  # q - p
    falling = _LARGEST / p  # no tilt overflows at either end
    rising = _LARGEST / (len(n) - p)
    beta = np.clip((log[p + 2 : -1] - log[p]) / ends, -falling, rising)
    between = (k > 0) & (k < ends[:, None])
    values, w = _mended(n, K, k, log[p] + beta[:, None] * k, beta, between)
    best = int(np.argmax(values))
    return float(values[best]), w[best], np.array([log[p] - beta[best] * p, beta[best]])


def _nearest(n: Real, K: float, line: Real) -> tuple[float, Real, Real]:
    """The bound of the line whose courses g/K <= y <= g are nearest to n, from one on."""
    none = 0.0, np.zeros_like(n), line
    k = np.arange(len(n))
    scale = np.array([1.0, 1 / len(n)])
    gap = partial(_gap, n / n.max(), K, k, scale)
    start = line / scale - np.array([math.log(n.max()), 0.0])
    x = scipy.optimize.minimize(gap, start, jac=True, method="BFGS").x
    alpha, beta = x * scale
    alpha += math.log(n.max())
    log_g = np.minimum(alpha + beta * k, _LARGEST)
    above = n - np.exp(log_g)
    top = int(np.argmax(above))
    below = np.flatnonzero(above <= 0)
    left = below[below < top]
    right = below[below > top]
    if above[top] <= 0 or not (len(left) and len(right)):
        return none
    p = left[-1]
    between = (k > p) & (k < right[0])
    values, w = _mended(n, K, k - p, log_g[None], np.array([beta]), between[None])
    return float(values[0]), w[0], np.array([alpha, beta])


def _gap(n: Real, K: float, k: Array, scale: Real, x: Real) -> tuple[float, Real]:
    """The squared distance of n from the courses between g/K and g, and its slopes in x."""
    alpha, beta = x * scale
    g = np.exp(np.minimum(alpha + beta * k, _LARGEST / 2))
    above = np.maximum(n - g, 0)
    below = np.maximum(g / K - n, 0)
    slope = 2 * (below / K - above) * g
    return float(above @ above + below @ below), scale * np.array([slope.sum(), slope @ k])


def _mended(
    n: Real, K: float, k: Array, log_g: Real, beta: Real, between: Array
) -> tuple[Real, Real]:
    """The values of lines, one a row, and their w: both moments of each vanish.

    Args:
        n: the course (bins,).
        K: the budget.
        k: steps counted from p (bins,).
        log_g: the lines (rows, bins).
        beta: their slopes (rows,).
        between: which steps lie between p and q (rows, bins).
    """
    g = np.exp(np.minimum(log_g, _LARGEST))
    exponent = beta[:, None] * k
    tilt = np.exp(np.minimum(exponent, _LARGEST))
    outside = np.maximum(g / K - n, 0)
    middle = np.where(between, np.maximum(n - g, 0), 0)
    left = np.where(between, 0, outside) * (k <= 0)
    right = np.where(between, 0, outside) * (k > 0)
    m0, m1 = _moments(middle * tilt, k)
    l0, l1 = _moments(left * tilt, k)
    r0, r1 = _moments(right * tilt, k)
    area = l0 * r1 - l1 * r0  # positive unless a side is empty
    some = (area > 0) & (m0 > 0) & np.isfinite(area) & (exponent.max(axis=-1) <= _LARGEST)
    one = np.where(some, area, 1)
    a = np.where(some, K * (m0 * r1 - m1 * r0) / one, 0)
    b = np.where(some, K * (l0 * m1 - l1 * m0) / one, 0)
    w = np.where(some[:, None], middle - a[:, None] * left - b[:, None] * right, 0)
    size = np.linalg.norm(w, axis=-1)
    values = (w @ n) / np.where(size > 0, size, 1)
    return values, w


def _moments(rows: Array, k: Array) -> tuple[Array, Array]:
    """Sum and first moment of each row."""
    return rows @ k**0, rows @ k
