r"""Smallest singular values of z I - T for many z at once, by Lanczos' method on the inverse.

With R = (z I - T)^{-1} the value wanted is the inverse square root of the largest eigenvalue of R^*
R. T is triangular, so that a step is two substitutions, O(N^2) where a singular value decomposition
is O(N^3) (Lui 1997; Trefethen & Embree 2005, section 39). All points take each step together, so
that the substitutions are matrix products; points that are finished leave.

Lanczos' matrix H of order k is given by the lists a (k,) of its diagonal and b (k,) of what couples
row j to row j + 1, each entry an array (S,) over the points. Its largest eigenvalue theta, the Ritz
value, is followed from step to step by Newton's method.
"""

from __future__ import annotations

import math

import numpy as np

from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from . import shifted

_FAILURE = 1e-6  # probability, over start vectors, that a point exceeds the tolerance at the end
_NEWTON = 20  # steps from one Ritz value to the next at most; two or three are usual
_SAFE = 1e140  # between this and its inverse squares of lengths neither over- nor underflow


@np.errstate(all="ignore")  # R overflows at eigenvalues above all, and that is looked for
def smallest_singular_values(
    T: Complex,
    z: Complex,
    tolerance: float,
) -> Real:
    """sigma_min(z I - T) for each z (S,) and upper triangular T (N, N), 0 where R overflows.

    `pseudospectrum` says how accurate the values are.
    """
    last = most_steps(len(T), tolerance)
    slack = tolerance * (2 + tolerance)  # of 1/sigma^2
    enough = max(slack / 4, 16 * len(T) * EPS)
    sigma = np.zeros(len(z))
    run = _Run(T, z)
    for k in range(1, last + 1):
        before = run.theta
        run.step()
        overflow = ~np.isfinite(run.beta)
        # Finished, if it is the largest; Ritz values rise, and one that fell, or is NaN, is lost.
        settled = ~(run.residual > enough * run.theta)
        fell = ~(run.theta >= before * (1 - 64 * EPS))
        run.correct((settled | fell | (k == last)) & ~overflow, slack)
        finished = (run.residual <= enough * run.theta) | overflow
        ready = run.live & (finished | (k == last))
        found = 1 / (run.unit * np.sqrt(run.theta))
        sigma[run.place[ready]] = np.where(overflow, 0.0, found)[ready]
        run.live = run.live & ~ready
        if not np.any(run.live):
            break
        run.advance()
    return sigma


class _Run:
    """Lanczos' method at S points, of which the `live` ones are unfinished.

    Everything is scaled by `unit` = |R v_1|, and nothing is as large as |R|^2.
    """

    def __init__(self, T: Complex, z: Complex) -> None:
        self.upward = shifted.plain(T)
        upside_down = T.conj().T[::-1, ::-1]
        self.downward = shifted.plain(upside_down)  # R^*
        self.inverse = 1 / (z - np.diag(T)[:, None])
        self.place = np.arange(len(z))  # in the result
        self.live = np.ones(len(z), dtype=bool)
        start = _start(len(T))
        self.v = np.repeat(start[:, None], len(z), axis=1)
        self.w = self.v
        self.previous = np.zeros_like(self.v)
        self.alpha = np.ones(len(z))
        self.beta = np.ones(len(z))
        self.unit = np.ones(len(z))
        self.a: list[Real] = []
        self.b: list[Real] = []
        self.theta = np.zeros(len(z))
        self.ahead = np.ones(len(z))
        self.residual = np.ones(len(z))

    def step(self) -> None:
        """R^* R v_k = b_{k-1} v_{k-1} + a_k v_k + b_k v_{k+1}, and the Ritz values that follow."""
        w = self.v.copy()
        shifted.substitute(self.upward, w, self.inverse)
        alpha_before = self.alpha
        self.alpha = column_lengths(w)  # |R v_k|, over which the rest is computed
        w = np.ascontiguousarray(w[::-1] / self.alpha)
        adjoint = self.inverse[::-1].conj()
        shifted.substitute(self.downward, w, adjoint)
        self.previous *= alpha_before / self.alpha * self.beta
        self.previous += self.alpha * self.v
        self.w = w[::-1] - self.previous
        self.beta = column_lengths(self.w)
        if not self.a:
            self.unit = self.alpha
        self.a.append((self.alpha / self.unit) ** 2)
        alpha = self.alpha / self.unit
        self.b.append(alpha * (self.beta / self.unit))
        followed = ritz(self.a, self.b, self.theta, self.ahead)
        self.theta, self.ahead, self.residual = followed

    def correct(self, doubtful: np.ndarray, slack: float) -> None:
        """Compute anew those of the `doubtful` (S,) Ritz values that are not the largest."""
        largest = exceeds(self.a, self.b, self.theta * (1 + slack))
        astray = np.flatnonzero(self.live & doubtful & ~largest)
        if len(astray):
            a = [entry[astray] for entry in self.a]
            b = [entry[astray] for entry in self.b]
            theta, ahead = dense_ritz(a, b)
            self.theta[astray] = theta
            self.ahead[astray] = ahead
            self.residual[astray] = ahead

    def advance(self) -> None:
        """Take the next vectors, and let points go once a tenth is finished."""
        self.previous = self.v
        self.v = self.w / self.beta
        live = self.live
        if np.count_nonzero(live) >= 0.9 * len(live):
            return
        self.place = self.place[live]
        self.inverse = self.inverse[:, live]
        self.v = self.v[:, live]
        self.previous = self.previous[:, live]
        self.alpha = self.alpha[live]
        self.beta = self.beta[live]
        self.unit = self.unit[live]
        self.theta = self.theta[live]
        self.ahead = self.ahead[live]
        self.a = [entry[live] for entry in self.a]
        self.b = [entry[live] for entry in self.b]
        self.live = live[live]


def ritz(
    a: list[Real],
    b: list[Real],
    theta: Real,
    ahead: Real,
) -> tuple[Real, Real, Real]:
    """The largest eigenvalue theta of H, b_k p_k/|p|, and how far R^* R may be from theta.

    Given are the first two for k - 1. The vector p (k,) of `_polynomials` satisfies H p = theta p
    but in row k, and R^* R, of which H is a corner, adds b_k p_k in row k + 1: an eigenvalue of R^*
    R lies within the residual of any theta. Newton's next theta is the Rayleigh quotient of p, a
    lower bound.
    """
    if len(a) > 1:
        mean = (theta + a[-1]) / 2
        half = (theta - a[-1]) / 2
        theta = mean + np.hypot(half, ahead)
    else:
        theta = a[0].copy()
    p, defect, square, _ = _polynomials(a, b, theta)
    move = defect * p / square
    for _ in range(_NEWTON):
        far = np.flatnonzero(np.abs(move) > 16 * EPS * theta)
        if len(far) == 0:
            break
        theta[far] += move[far]
        a_far = [entry[far] for entry in a]
        b_far = [entry[far] for entry in b]
        p[far], defect[far], square[far], _ = _polynomials(a_far, b_far, theta[far])
        move[far] = defect[far] * p[far] / square[far]
    ahead = b[-1] * np.abs(p) / np.sqrt(square)
    beside = np.maximum(defect**2 / square - move**2, 0)
    return theta + move, ahead, np.sqrt(beside + ahead**2)


def dense_ritz(a: list[Real], b: list[Real]) -> tuple[Real, Real]:
    """The same theta and b_k p_k/|p| by an eigensolver.

    For those that Newton led to a lower eigenvalue, one in thousands.
    """
    j = np.arange(len(a))
    points = len(a[0])
    H = np.zeros((points, len(j), len(j)))
    H[:, j, j] = np.stack(a, axis=-1)
    coupling = np.stack(b, axis=-1)
    H[:, j[1:], j[:-1]] = coupling[:, :-1]
    theta, p = np.linalg.eigh(H)
    last = np.abs(p[:, -1, -1])
    return theta[:, -1], b[-1] * last


def exceeds(
    a: list[Real],
    b: list[Real],
    level: Real,
) -> np.ndarray:
    """Whether `level` (S,) is above all eigenvalues of H: Sturm's sequence keeps its sign."""
    _, defect, _, positive = _polynomials(a, b, level)
    return positive & (defect < 0)


def most_steps(order: int, tolerance: float) -> int:
    """The k after which the tolerance is exceeded with a probability of 1e-6 at most.

    cosh(arsinh(tan phi)/(2k - 1)) = 1 + tolerance, with tan(phi) = sqrt(N/failure), phi being the
    angle between start and singular vector; without rounding N steps would do, and 4 N are allowed.
    """
    tangent = math.sqrt(order / _FAILURE)
    ratio = max(math.acosh(1 + tolerance), EPS)
    steps = (1 + math.asinh(tangent) / ratio) / 2
    return min(4 * order, math.ceil(steps))


def column_lengths(X: Complex) -> Real:
    """|X| along the first axis, without over- or underflow of the squares."""
    parts = X.view(np.float64)
    squares = np.einsum("ns,ns->s", parts, parts)
    lengths = np.sqrt(squares[::2] + squares[1::2])
    safe = (lengths > 1 / _SAFE) & (lengths < _SAFE)
    extreme = np.flatnonzero(~safe)
    if len(extreme):
        size = np.abs(X[:, extreme])
        largest = np.max(size, axis=0)
        unit = size / np.where(largest > 0, largest, 1)
        lengths[extreme] = largest * np.linalg.norm(unit, axis=0)
    return lengths


def _polynomials(
    a: list[Real],
    b: list[Real],
    theta: Real,
) -> tuple[Real, Real, Real, np.ndarray]:
    """p_k, row k of (H - theta) p, |p|^2, and whether p > 0.

    p_1 = 1, b_j p_(j+1) = (theta - a_j) p_j - b_(j-1) p_(j-1).
    """
    p = np.ones_like(theta)
    coupled = np.zeros_like(theta)  # b_(j-1) p_(j-1)
    square = np.ones_like(theta)
    positive = np.ones(len(theta), dtype=bool)
    for j in range(len(a) - 1):
        after = ((theta - a[j]) * p - coupled) / b[j]
        coupled = b[j] * p
        p = after
        square += p * p
        positive &= p > 0
    return p, (a[-1] - theta) * p + coupled, square, positive


def _start(order: int) -> Complex:
    """A unit vector (N,), uniform on the complex sphere, the same each time."""
    parts = np.random.default_rng(0).standard_normal((2, order))
    v = parts[0] + 1j * parts[1]
    return v / np.linalg.norm(v)
