r"""Sums of exponentials refined towards a window of samples, nodes and weights together.

.. math::  h_l \approx \mathrm{Re} \sum_n w_n e^{l \lambda_n}

The weights are solved for, so that a step moves the nodes alone, along the part of the derivative
that no weights can take up (Golub & Pereyra 1973, in the form of Kaufman 1975), and is damped by
Levenberg and Marquardt. Norms other than l2 are norms of reweighted residuals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..powers import tables

_DEPENDENT = 1e-13  # columns nearer than this to the others have no weight of their own
_FASTEST = -9.0  # Re lambda: 1e-4 after a sample, beside which a direct path is as good
# What reweighting gains at most, by experience: a fit of least squares farther off is given up.
_WORTH = {"l1": 2.5, "sup": 6.0}
_ROUNDS = 4  # after so many, reweighting gains little more
_NEAR = 0.5  # relative distance of nodes that may have met on the real axis
_SHARPEST = 32  # exponent of the norm that stands for the largest residual


class Window(NamedTuple):
    """A window of samples to fit, and the norm of the misfit.

    Attributes:
        values: h (L,), real or complex.
        norm: "l1", "l2" or "sup".
        slowest: the largest Re lambda allowed.
    """

    values: np.ndarray
    norm: str
    slowest: float

    @property
    def real(self) -> bool:
        """Whether the samples are real: then a mode that is not stands for its conjugate too."""
        return not np.iscomplexobj(self.values)

    def order(self, sums: Sums) -> int:
        """How many states sums have: of real samples, a mode that is not real has two."""
        count = len(sums.rates)
        return 2 * count - int(np.sum(sums.single)) if self.real else count


class Sums(NamedTuple):
    """Exponentials fitted to samples.

    Attributes:
        rates: lambda (n,). Of a real mode the imaginary part is 0 or pi and stays so.
        single: (n,), which modes are real and stay so.
        weights: w (n,).
        emphasis: (L,), the weights of the samples by which w was found.
        error: the norm of the misfit, and of what rounding may do to it.
    """

    rates: Complex
    single: np.ndarray
    weights: Complex
    emphasis: Real
    error: float


def size(values: np.ndarray, norm: str) -> float:
    """The norm of samples.

    Args:
        values: (L,), real or complex.
        norm: "l1", "l2" or "sup".

    Returns:
        Its norm; 0 without samples.

    Example:
        >>> [size(np.array([3.0, -4.0]), norm) for norm in ("l1", "l2", "sup")]
        [7.0, 5.0, 4.0]
    """
    order = {"l1": 1, "l2": 2, "sup": np.inf}[norm]
    return float(np.linalg.norm(values, order)) if len(values) else 0.0


def solved(
    samples: Window, rates: Complex, single: np.ndarray, emphasis: Real | None = None
) -> Sums:
    """The sums of least squares at given nodes.

    Args:
        samples: what to fit.
        rates: lambda (n,).
        single: (n,), which modes are real.
        emphasis: (L,), weights of the samples; None for 1.

    Returns:
        The `Sums`.

    Example:
        >>> samples = Window(2 * 0.5 ** np.arange(8), "l1", 0.0)
        >>> solved(samples, np.log(np.array([0.5 + 0j])), np.array([True])).weights.round(9)
        array([2.+0.j])
    """
    if emphasis is None:
        emphasis = np.ones(len(samples.values))
    start = Sums(rates, single, np.zeros(len(rates), complex), emphasis, math.inf)
    return _state(samples, start).sums


def refined(samples: Window, start: Sums, *, goal: float, steps: int = 40) -> Sums:
    """Sums with no greater misfit in the norm of the samples.

    Args:
        samples: what to fit.
        start: sums to begin with.
        goal: the misfit at which to stop.
        steps: at most this many in the 2-norm, and a sixth in each round of another norm.

    Returns:
        The best `Sums` met.

    Cost:
        O(L n^2) a step.

    Example:
        >>> samples = Window(0.5 ** np.arange(8), "l1", -1e-9)
        >>> start = solved(samples, np.log(np.array([0.4 + 0j])), np.array([True]))
        >>> np.exp(refined(samples, start, goal=0.0).rates).real.round(12)
        array([0.5])
    """
    best = _squares_descended(samples, start, goal, steps)
    hopeless = best.error > _WORTH.get(samples.norm, 1.0) * goal > 0
    if samples.norm == "l2" or best.error <= goal or hopeless:
        return best
    return _reweighted(samples, best, goal, max(1, steps // 6))


def _squares_descended(samples: Window, start: Sums, goal: float, steps: int) -> Sums:
    """Sums of least squares; real modes that meet leave the real axis, pairs that meet return."""
    ones = np.ones(len(samples.values))
    best = _descended(samples, start, ones, goal, steps)
    for _ in range(len(start.rates)):
        if best.error <= goal or not samples.real:
            break
        others = [_descended(samples, other, ones, goal, steps) for other in _regrouped(best)]
        least = min(others, key=lambda sums: sums.error, default=best)
        if least.error > 0.99 * best.error:
            break
        best = least
    return best


def _regrouped(sums: Sums) -> Iterator[Sums]:
    """The two nearest real modes as a pair, and the pair nearest the real axis as two real modes.

    A node passes between the two only where the derivative by it is 0, so no descent does.
    """
    rate = sums.rates.real
    turn = sums.rates.imag
    reach = np.maximum(np.abs(rate), 1e-12)
    for axis in (0.0, np.pi):
        alike = np.flatnonzero(sums.single & (turn == axis))
        alike = alike[np.argsort(rate[alike])]
        if len(alike) > 1:
            gaps = np.diff(rate[alike]) / reach[alike[1:]]
            k = int(np.argmin(gaps))
            if gaps[k] < _NEAR:
                two = alike[k : k + 2]
                off = np.diff(rate[two]) / 2 + 0.1 * reach[two[1:]]
                yield _replaced(sums, two, np.mean(rate[two]) + 1j * np.abs(axis - off), False)
        pairs = np.flatnonzero(~sums.single)
        if len(pairs):
            off = np.abs(turn[pairs] - axis) / reach[pairs]
            k = pairs[[np.argmin(off)]]
            if np.min(off) < _NEAR:
                around = max(np.min(off), 0.1) * np.array([-1.0, 1.0])
                yield _replaced(sums, k, rate[k] + reach[k] * around + 1j * axis, True)


def _replaced(sums: Sums, gone: np.ndarray, new: Complex, single: bool) -> Sums:
    """The sums with some nodes replaced by others; the weights are those of before."""
    return sums._replace(
        rates=np.concatenate([np.delete(sums.rates, gone), new]),
        single=np.concatenate([np.delete(sums.single, gone), np.full(len(new), single)]),
    )


def _reweighted(samples: Window, best: Sums, goal: float, steps: int) -> Sums:
    """Least squares whose weights make them the norm of the samples, until it stays."""
    found = best
    stalled = 0
    for tried, sharpness in enumerate(_sharpnesses(samples.norm)):
        residual = np.abs(samples.values - evaluated(samples, found))
        emphasis = _emphasis(residual, sharpness)
        found = _descended(samples, found, emphasis, goal, steps)
        stalled = 0 if found.error < 0.998 * best.error else stalled + 1
        if found.error < best.error:
            best = found
        late = tried >= _ROUNDS and best.error > 1.15 * goal > 0
        if best.error <= goal or stalled > 2 or late:
            break
    return best


def _sharpnesses(norm: str) -> list[int]:
    """The exponents p of the norms |e|_p that are gone through."""
    if norm == "l1":
        return [1] * 30
    return [4, 6, 8, 12, 16, 24, *[_SHARPEST] * 10]


def _emphasis(residual: Real, sharpness: int) -> Real:
    """Weights by whose squares |e|^2 becomes |e|^p, smoothed where they would be infinite or 0."""
    largest = float(np.max(residual, initial=0.0)) or 1.0
    if sharpness < 2:
        soft = np.hypot(residual, max(float(np.quantile(residual, 0.3)), 1e-8 * largest))
        return np.sqrt(np.min(soft) / soft)
    return np.maximum(residual / largest, 1e-2) ** (sharpness / 2 - 1)


def on_a_circle(samples: Window) -> Sums:
    """As many exponentials on a circle as there are samples: they take any values.

    Args:
        samples: what to fit.

    Returns:
        The `Sums`, by one Fourier transform.

    Example:
        >>> on_a_circle(Window(np.array([1.0, 5.0, 2.0]), "l1", -0.1)).rates.round(4)
        array([-0.1+0.j    , -0.1+2.0944j])
    """
    h = samples.values
    length = len(h)
    rate = min(samples.slowest, 0.0)
    weights = np.fft.fft(h * np.exp(-rate * np.arange(length))) / length
    turns = 2 * np.pi * np.arange(length) / length
    single = np.zeros(length, bool)
    if samples.real:
        kept = length // 2 + 1
        turns = np.minimum(turns[:kept], np.pi)
        single = (turns == 0) | (turns == np.pi)
        weights = np.where(single, weights[:kept].real, 2 * weights[:kept])
    return Sums(rate + 1j * turns, single, weights, np.ones(length), 0.0)


def evaluated(samples: Window, sums: Sums) -> np.ndarray:
    """The values (L,) of sums.

    Args:
        samples: says how many, and whether they are real.
        sums: the exponentials.

    Returns:
        Real or complex values as the samples have.

    Example:
        >>> samples = Window(0.5 ** np.arange(3), "l1", 0.0)
        >>> evaluated(samples, solved(samples, np.log(np.array([0.5 + 0j])), np.array([True])))
        array([1.  , 0.5 , 0.25])
    """
    values: Any = _powers(nodes(sums), len(samples.values)) @ sums.weights
    return values.real if samples.real else values


def nodes(sums: Sums) -> Complex:
    """The nodes z = e^lambda (n,), real ones without a rounded imaginary part.

    Args:
        sums: exponentials.

    Returns:
        z (n,), complex.

    Example:
        >>> alone = np.array([True])
        >>> nodes(Sums(np.array([1j * np.pi]), alone, alone + 0j, np.ones(1), 0.0))
        array([-1.+0.j])
    """
    z: Complex = np.exp(sums.rates)
    return np.where(sums.single, z.real, z)


def _powers(z: Complex, length: int) -> Complex:
    """z_n^l (L, n), for the nodes as they will be stored."""
    base = tables.number(z)
    (pair,) = tables.factors(base, (1, length))
    return tables.outer(pair, length)


class _State(NamedTuple):
    """Sums, and the directions in which their nodes may move.

    Attributes:
        sums: the exponentials.
        residual: (rows,), weighted.
        slope: (rows, p), the weighted derivative by the free parameters, without what the weights
            take up: Re lambda of all modes, then Im lambda of those that are not single.
    """

    sums: Sums
    residual: Real
    slope: Real


def _state(samples: Window, sums: Sums) -> _State:
    """Where y = Re(E w) has been solved for w; the imaginary parts of samples are rows below."""
    E = _powers(nodes(sums), len(samples.values))
    y = samples.values
    time = np.arange(len(y), dtype=float)
    rows = sums.emphasis
    if not samples.real:
        E = np.concatenate([E, -1j * E])
        y = np.concatenate([np.real(y), np.imag(y)])
        time = np.tile(time, 2)
        rows = np.tile(rows, 2)
    several = ~sums.single
    basis = rows[:, None] * np.concatenate([E.real, -E.imag[:, several]], axis=1)
    Q, coefficients = _least_squares(basis, rows * y)
    weights = coefficients[: E.shape[1]] + 0j
    weights[several] += 1j * coefficients[E.shape[1] :]
    residual = y - (E @ weights).real
    D = (rows * time)[:, None] * E * weights
    slope = np.concatenate([D.real, -D.imag[:, several]], axis=1)
    slope -= Q @ (Q.T @ slope)
    envelope = np.abs(E) @ np.abs(weights)
    if samples.real:  # the sample before the window is made of w/z and a direct path
        before = np.sum(np.abs(weights) * np.exp(-sums.rates.real))
        envelope = np.append(envelope, 2 * before + np.max(np.abs(y)))
    error = _error(samples, residual, envelope, E.shape[1])
    return _State(sums._replace(weights=weights, error=error), rows * residual, slope)


def _error(samples: Window, residual: Real, envelope: Real, modes: int) -> float:
    """The norm of the misfit, and of what rounding may do to the sums."""
    # Once here, once where the form is evaluated, and once in the bound on both.
    rounding = 3 * (2 * modes + math.log2(len(samples.values)) + 4) * EPS
    if not samples.real:
        residual = np.hypot(*np.split(residual, 2))
        envelope, _ = np.split(envelope, 2)
    miss = (1 + 256 * EPS) * size(residual, samples.norm)
    return miss + rounding * size(envelope, samples.norm)


def _least_squares(basis: Real, y: Real) -> tuple[Real, Real]:
    """An orthonormal basis of the columns, and their coefficients for y."""
    scale = np.linalg.norm(basis, axis=0)
    scale[scale == 0] = 1.0
    Q, R = np.linalg.qr(basis / scale)
    if np.min(np.abs(np.diag(R))) > math.sqrt(_DEPENDENT):
        return Q, scipy.linalg.solve_triangular(R, Q.T @ y) / scale
    U, s, Vt = np.linalg.svd(R)
    kept = s > _DEPENDENT * s[0]
    Q = Q @ U[:, kept]
    return Q, Vt[kept].T @ ((Q.T @ y) / s[kept]) / scale


def _descended(samples: Window, start: Sums, emphasis: Real, goal: float, steps: int) -> Sums:
    """Sums of less weighted squares, by Levenberg and Marquardt; the best in the norm asked for."""
    here = _state(samples, start._replace(emphasis=emphasis))
    best = here.sums
    damping = 1e-3
    for _ in range(steps):
        squares = np.sum(here.residual**2)
        there, damping = _step(samples, here, damping)
        if there is None:
            break
        here = there
        if here.sums.error < best.error:
            best = here.sums
        if best.error <= goal or np.sum(here.residual**2) > (1 - 1e-4) * squares:
            break
    return best


def _step(samples: Window, here: _State, damping: float) -> tuple[_State | None, float]:
    """The next state of less squares, and the damping to go on with; None where there is none."""
    sums, residual, slope = here
    free = _free(samples, sums, slope.T @ residual)
    scale = np.linalg.norm(slope[:, free], axis=0)
    scale = np.maximum(scale, 1e-12 * np.max(scale, initial=0.0)) + np.finfo(float).tiny
    R: Any = np.linalg.qr(np.column_stack([slope[:, free] / scale, residual]), mode="r")
    squares = np.sum(residual**2)
    for _ in range(8):
        move = np.zeros(len(free))
        move[free] = _damped_least_squares(R, damping) / scale
        rates = _moved(samples, sums, move)
        there = _state(samples, sums._replace(rates=rates))
        if np.sum(there.residual**2) < squares:
            return there, max(damping / 5, 1e-12)
        damping *= 5
    return None, damping


def _damped_least_squares(R: Real, damping: float) -> Real:
    """The x of least |R_1 x - y|^2 + damping |x|^2, R = (R_1, y)."""
    p = R.shape[1] - 1
    below = np.eye(p, p + 1) * math.sqrt(damping)
    T: Any = np.linalg.qr(np.concatenate([R[:, : p + 1], below]), mode="r")
    return scipy.linalg.solve_triangular(T[:p, :p], T[:p, p])


def _free(samples: Window, sums: Sums, gradient: Real) -> np.ndarray:
    """Which parameters may move: not a rate on a bound that the misfit pushes beyond it."""
    n = len(sums.rates)
    rate = sums.rates.real
    free = np.ones(len(gradient), bool)
    free[:n] &= ~((rate >= samples.slowest) & (gradient[:n] > 0))
    free[:n] &= ~((rate <= _FASTEST) & (gradient[:n] < 0))
    return free


def _moved(samples: Window, sums: Sums, move: Real) -> Complex:
    """The nodes after a step, kept within the bounds, and above the real axis if real."""
    n = len(sums.rates)
    length = len(samples.values)
    reach = np.maximum(np.abs(sums.rates.real), 4 / length)
    rate = sums.rates.real + np.clip(move[:n], -2 * reach, 0.9 * reach)
    rate = np.clip(rate, _FASTEST, samples.slowest)
    turn = sums.rates.imag.copy()
    turn[~sums.single] += np.clip(move[n:], -3 * reach[~sums.single], 3 * reach[~sums.single])
    if samples.real:
        least = 1e-6 / length
        folded = np.abs(np.angle(np.exp(1j * turn)))
        turn = np.where(sums.single, turn, np.clip(folded, least, np.pi - least))
    return rate + 1j * turn
