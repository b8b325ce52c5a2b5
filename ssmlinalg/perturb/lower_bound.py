r"""A lower bound of the transfer error of every diagonal model in a budget of conditioning.

The idea: the modes of a diagonal model fade one by one, so that its free response, but for a factor
kappa(V), is a convex function of time after any exponential tilt, while the state of HiPPO first
remembers and then forgets all at once.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Array
from ..ground.formats import EPS
from .diagonalization import split

BINS = 96  # of time: twice as many gain 2 % at K = 8
_STEPS = 5  # from a small budget to the one asked for
_REPEATS = 8  # and at that
_STEEPEST = 3.0  # beta: no exponential overflows then, nor does its square


def error_floor(system: NPLR | Dense, *, conditioning: float, modes: int | None = None) -> float:
    r"""A lower bound of the transfer error of every diagonal model with kappa(V) <= K.

    .. math::  \sup_\omega \left| V (i\omega - \Lambda)^{-1} \tilde B - (i\omega - A)^{-1} B \right|
               \ge \frac{\sum_k w_k |Y_k z|}{|w|\, |z|}, \qquad
               |Y_k z|^2 = \int_{k\delta}^{(k+1)\delta} |e^{A t} S z|^2\, dt,

    with S S^* = int_0^inf e^{At} B B^* e^{A^* t} dt.

    A past input of norm |z| leaves the state S z; after it the free responses of model and system
    differ in L2 by no more than the left side times |z|. Those of the model, y_k in bin k, satisfy
    sum w_k y_k <= 0 for the weights admitted here: positive between two bins p and q, negative
    outside, and such that e^{beta k} w_k, outside divided by K, has sum and first moment 0 for some
    beta. For y_k lies between sigma_min(V) and sigma_max(V) times eta_k = (int |e^{Lambda t}
    xi|^2)^{1/2}, and e^{-beta k} eta_k is convex in k. So every z, p, q and beta give a bound;
    looked for is the largest, by turns of the best w for a z and the best z for a w. The theory
    page has the proof.

    Args:
        system: a stable form with A (N, N) and B (N,).
        conditioning: the budget K for kappa_2(V).
        modes: how many modes the models have at most; N if it is not given. Beyond N the floor is
            0: V is wide there, nothing is shown, and with 2 N - 1 modes or more there is none, see
            the theory page.

    Returns:
        The floor, whatever Lambda, V and the input of the model are: Lambda may be unstable or
        complex and of lower order, V scaled in any way. 0 where nothing is shown, as for `legs` of
        order 8 from K = 8 on.

    Raises:
        TypeError: for a mere matrix.
        ValueError: for a system that is not stable, conditioning not above 1, and modes below 1.

    Accuracy:
        Computed in floating point, not enclosed in intervals: it carries the rounding of two
        Lyapunov solves. States that only inputs above eps^{-1/4} times the usual size reach are
        left out, which is allowed. The maximum is a local one.
        How far the floor is from the least error is not known: `optimal` for `legs` with K = 4, 8,
        16 attains 2.9, 4.8 and 7.2 times the floor at order 64 and 1.8, 2.3 and 3.2 times at order
        256.

    Cost:
        O(bins N^3) for each of a dozen turns, 0.2 s at N = 64, 2 s and 100 MB at N = 256.

    Source:
        Derived here.

    Example:
        >>> from ssmlinalg.hippo import legs
        >>> from ssmlinalg.perturb import optimal
        >>> floor = error_floor(legs(32), conditioning=4)
        >>> 0.012 < floor < optimal(legs(32), conditioning=4).transfer_error
        True
    """
    budget = require.real("conditioning", conditioning, above=1)
    A, B = split(system)
    if B is None:
        raise TypeError("`system` must have an input; got a matrix. Give an NPLR or Dense form.")
    abscissa = float(np.linalg.eigvals(A).real.max())
    if abscissa >= 0:
        got = f"an eigenvalue with real part {abscissa:.3g}"
        raise ValueError(f"`system` must be stable; got {got}. Damp it first.")
    size = float(np.linalg.norm(B))
    modes = len(A) if modes is None else require.integer("modes", modes)
    if size == 0 or modes > len(A):
        return 0.0
    return size * _floor(responses(A, B / size), budget)


def _floor(Y: Array, budget: float) -> float:
    """The largest bound found by turns of the best w for a z and the best z for a w."""
    z = _input(Y, _forgetting())
    parts = np.minimum(np.arange(1, _STEPS + _REPEATS) / _STEPS, 1)
    floor = 0.0
    for K in budget**parts:
        n = np.linalg.norm(Y @ z, axis=-1)
        found, w = weights(n, float(K))
        if found <= 0:
            break
        floor = max(floor, found if budget == K else 0.0)
        z = _input(Y, w / np.maximum(n, EPS))
    return floor


def _forgetting() -> Array:
    """Values (bins,) of a response that lasts to about the mean age and is over then."""
    k = np.arange(BINS) / BINS
    before = [k < 0.2, k < 0.4, k < 0.55, k < 0.66]
    return np.select(before, [-0.05, 0.0, 1.0, 0.0], -50.0)


def responses(A: Array, B: Array) -> Array:
    """The free responses of a system to a past input, bin by bin.

    Args:
        A: stable matrix (N, N).
        B: input (N,).

    Returns:
        Y (`BINS`, N, rank): |Y_k z| is the L2 norm over bin k of the free response to z. The bins
        end at twice the mean age of the state.

    Cost:
        Three Lyapunov equations, O(N^3), and O(N^3) a bin.

    Example:
        >>> responses(np.array([[-1.0]]), np.ones(1)).shape
        (96, 1, 1)
    """
    lyapunov = scipy.linalg.solve_continuous_lyapunov
    adjoint = A.conj().T
    P = lyapunov(adjoint, -np.eye(len(A)))  # int |e^{At} x|^2 dt
    aged = lyapunov(adjoint, -P)  # int t |e^{At} x|^2 dt
    reached = lyapunov(A, -np.outer(B, B.conj()))
    S = _root(reached, least=np.sqrt(EPS))
    age = np.vdot(S, aged @ S).real / np.vdot(S, P @ S).real
    step = scipy.linalg.expm(A * (2 * age / BINS))
    states = [S]
    for _ in range(BINS - 1):
        states.append(step @ states[-1])
    of_a_bin = P - step.conj().T @ P @ step
    R = _root(of_a_bin, least=0)
    return R.conj().T @ np.stack(states)


def _root(G: Array, *, least: float) -> Array:
    """R of full rank with R R^* = G; eigenvalues below `least` of the largest are left out."""
    symmetric = (G + G.conj().T) / 2
    values, vectors = np.linalg.eigh(symmetric)
    kept = values > least * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])


def _input(Y: Array, c: Array) -> Array:
    """The unit z with the largest sum of c_k |Y_k z|^2."""
    bins, order, rank = Y.shape
    rows = Y.reshape(bins * order, rank)
    weighted = rows * np.repeat(c, order)[:, None]
    _, vectors = np.linalg.eigh(weighted.conj().T @ rows)
    return vectors[:, -1]


def weights(n: Array, K: float) -> tuple[float, Array]:
    r"""The largest sum of w_k n_k / |w| found over pairs of bins p < q, and its w.

    With g_k = e^{beta k + alpha} the chord of log n through p and q, the best w for this beta is n
    - g where that is positive between p and q, and n - g/K where that is negative outside, were it
    not for the two moments: these are mended by one factor left of p and one right of q, both 1
    where the line is the best of all.

    Args:
        n: the course (bins,) of |Y_k z|.
        K: the budget for kappa_2(V).

    Returns:
        The bound, 0 where there is none, and w (bins,).

    Example:
        >>> weights(np.exp(-np.arange(8.0)), 2.0)[0]  # fades as a mode does
        0.0
    """
    found = [_chords(n, K, p) for p in range(1, len(n) - 3)]
    return max(found, key=lambda pair: pair[0])


def _chords(n: Array, K: float, p: int) -> tuple[float, Array]:
    """The best of the chords that begin at p, each a row below."""
    log = np.log(np.maximum(n, EPS * n.max()))
    k = np.arange(len(n)) - p
    ends = np.arange(2, len(n) - p - 1)  # q - p
    beta = (log[p + 2 : -1] - log[p]) / ends
    end = ends[:, None]
    beta = beta[:, None]
    tilt = np.exp(np.clip(beta, -_STEEPEST, _STEEPEST) * k)
    g = np.exp(log[p]) * tilt
    outside = np.maximum(g / K - n, 0)
    between = (k > 0) & (k < end)
    middle = np.where(between, np.maximum(n - g, 0), 0)
    left = outside * (k < 0)
    right = outside * (k > end)
    m0, m1 = _moments(middle * tilt, k)
    l0, l1 = _moments(left * tilt, k)
    r0, r1 = _moments(right * tilt, k)
    area = l0 * r1 - l1 * r0  # positive unless a side is empty
    some = (area > 0) & (m0 > 0)
    if not some.any():
        return 0.0, np.zeros_like(n)
    of_left = m0 * r1 - m1 * r0
    of_right = l0 * m1 - l1 * m0
    a = K * of_left[some] / area[some]
    b = K * of_right[some] / area[some]
    sides = a[:, None] * left[some] + b[:, None] * right[some]
    w = middle[some] - sides
    values = w @ n / np.linalg.norm(w, axis=-1)
    best = int(np.argmax(values))
    return float(values[best]), w[best]


def _moments(rows: Array, k: Array) -> tuple[Array, Array]:
    """Sum and first moment of each row."""
    return rows @ k**0, rows @ k
