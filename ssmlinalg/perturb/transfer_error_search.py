r"""The search below the law of `lossless`: the smallest transfer error in a conditioning budget.

Sought are Lambda, V and B~ that minimise sup_w |V (iw - Lambda)^{-1} B~ - (iw - A)^{-1} B|_2 under
kappa_2(V) <= K. Four things make it an ordinary smooth problem:

- *real coordinates*: a pole and a pair of columns for each conjugate pair (`modal_coordinates`);
- *a budget that cannot be broken*: singular values drawn into it (`conditioning_budget`);
- *a smooth supremum*: the p-norm of the error over frequencies, p = 8, 16, ..., with points that
  follow poles and lobes;
- *unit columns*: a penalty with multipliers on the logarithms of their lengths; an alternating
  projection makes them exact.

L-BFGS does the rest. Nothing here is certified: that is the caller's part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..ground.backend import Complex, Real
from ..matrices import shifted
from .conditioning_budget import clip, feasible, free
from .diagonalization import Progress
from .modal_coordinates import (
    HalfSystem,
    ModalSystem,
    Modes,
    halve,
    modes,
    squared_lengths,
    uneven_lengths,
    whole,
    with_unit_columns,
)
from .search import Search

Response = Callable[[Real], Complex]  # w (F,) to (iw - A)^{-1} B (N, F)

_POWERS = (8.0, 16.0, 32.0, 64.0, 256.0)  # p of the stages
_LBFGS = {"maxcor": 40, "ftol": 1e-12, "gtol": 1e-9}
_REACH = 30.0  # largest |log| of the factor on a depth or an input: a line search may try anything
_PART = 2048  # frequencies evaluated at once


class Stage(NamedTuple):
    """The constants of one run of L-BFGS.

    Attributes:
        origin: the system it starts from, with X in place of R.
        W: metric (M, M), X = Z W of the variables Z.
        K: budget of kappa_2(V).
        w: frequencies (F,).
        G: (iw - A)^{-1} B there, real parts before imaginary ones (N, 2F).
        floor: what is added to the squared error, for an error of zero has no logarithm.
        p: of the norm over frequencies.
        pull: weight of the penalty on columns of different lengths.
        multipliers: of that penalty (n,).
    """

    origin: HalfSystem
    W: Real
    K: float
    w: Real
    G: Real
    floor: float
    p: float
    pull: float
    multipliers: Real


def reduce_error(
    A: Real,
    B: Real,
    start: ModalSystem,
    conditioning: float,
    *,
    powers: tuple[float, ...] = _POWERS,
    iterations: int = 200,
    seconds: float = math.inf,
    progress: Progress | None = None,
) -> tuple[ModalSystem, bool]:
    r"""A modal system of small sup_w |V (iw - Lambda)^{-1} B~ - (iw - A)^{-1} B| in a budget.

    A local minimum, no more. Deterministic unless it is stopped.

    Args:
        A: real stable matrix (N, N).
        B: real input (N,).
        start: of any conditioning, stable, in canonical order, with N modes or more.
        conditioning: budget of kappa_2(V).
        powers: p of the stages.
        iterations: steps of L-BFGS in each stage, at most.
        seconds: after which the search stops with the best so far; so it does at a
            KeyboardInterrupt.
        progress: called as `run_stages` tells it.

    Returns:
        The system, in canonical order with V of unit columns and B~ > 0, and whether the search
        was stopped.

    Cost:
        O(N^3) a step.

    Example:
        >>> from ssmlinalg import hippo, perturb
        >>> A, B, _ = hippo.legs(4)
        >>> law = perturb.lossless(hippo.legs(4), conditioning=3)
        >>> start = ModalSystem(law.Lambda, law.V, law.B)
        >>> found, stopped = reduce_error(A, B, start, 3.0, iterations=2)
        >>> found.V.shape, stopped
        ((4, 4), False)
    """
    search = Search(seconds=seconds, progress=progress)
    run_stages(search, A, B, start, conditioning, powers=powers, iterations=iterations)
    return whole(search.best), search.interrupted


def run_stages(
    search: Search,
    A: Real,
    B: Real,
    start: ModalSystem,
    conditioning: float,
    *,
    powers: tuple[float, ...] = _POWERS,
    iterations: int = 200,
    part: tuple[float, float] = (0.0, 1.0),
) -> None:
    """`reduce_error` as a part of a longer search, which keeps the best `HalfSystem`.

    Args:
        search: told after the start and after each step of the "fraction" that is done, were no
            stage to end early, of "p", and of the least "error" on a grid so far.
        A: real stable matrix (N, N).
        B: real input (N,).
        start: as for `reduce_error`.
        conditioning: budget of kappa_2(V).
        powers: p of the stages.
        iterations: steps of L-BFGS in each stage, at most.
        part: the fractions of the longer search between which this one lies.
    """
    response = frequency_response(A, B)
    _offer(search, halve(start), conditioning, response)
    half = free(halve(start), conditioning)
    options = {"maxiter": iterations, "maxfun": 2 * iterations} | _LBFGS
    stage = None
    begun = np.linspace(*part, len(powers) + 1)
    for p, first, last in zip(powers, begun[:-1], begun[1:], strict=True):
        told = partial(_tell, search, p, float(first), float(last - first) / iterations)
        told(0)
        if search.expired():
            break
        stage = prepare(half, response, conditioning, p, after=stage)
        with search.interruptible():
            search.descend(partial(loss, stage), variables(stage), options, told)
        half = at(search.iterate, stage)
        R, _ = clip(half.R, conditioning)
        _offer(search, half._replace(R=R), conditioning, response)


def _tell(search: Search, p: float, begun: float, width: float, steps: int) -> None:
    search.report(fraction=begun + width * steps, p=p, error=search.merit)


def _offer(search: Search, half: HalfSystem, K: float, response: Response) -> None:
    """Keep the system made feasible if none so far has a smaller error."""
    found = feasible(half, K)
    errors = _error(found, response, _resolving(found))
    search.offer(found, float(np.max(errors)))


def fit(A: Real, B: Real, Lambda: Complex) -> ModalSystem:
    """The V and B~ > 0 of given poles whose transfer function is nearest in least squares: a start.

    Nearest over eight frequencies from pole to pole, alike. kappa(V) is what it is.

    Args:
        A: real stable matrix (N, N).
        B: real input (N,).
        Lambda: stable poles (N,) in canonical order.

    Returns:
        A modal system with V of unit columns.

    Example:
        >>> fit(-np.diag([1.0, 2.0]), np.ones(2), np.array([-2.0, -1.0])).B.real.round(3)
        array([1., 1.])
    """
    order = len(B)
    unit = np.eye(order) + 0j
    poles = halve(ModalSystem(Lambda, unit, np.ones(order) + 0j))
    w = _ladder(poles, 8)
    M = _stacked(modes(poles, w).M)
    G = _stacked(frequency_response(A, B)(w))
    gram = M @ M.T
    gram += 1e-8 * np.trace(gram) / order * np.eye(order)
    R = np.linalg.solve(gram, M @ G.T).T
    return whole(with_unit_columns(poles._replace(R=R)))


def transport(Lambda: Complex, corner: float, conditioning: float) -> Complex:
    r"""The poles of `lossless` moved to where the error needs them: an empirical law for `legs`.

    Around the corner |Phi|^2 (1 - |Phi|^2) is largest, and a pole more in that region saves more
    than it costs where |x^| is small (above) or the history has faded (below):

    .. math::  \log \omega'/\omega = \min(1.1, 5/K)
               \left(0.11 - 0.06 \log u - 0.2 \log(1 + u)\right), \qquad u = \omega/w,

    where w is the corner. A moved pole has the depth that a pole had at its new frequency. Real
    poles stay.

    Args:
        Lambda: poles (N,) in canonical order.
        corner: the frequency of half power, N for `legs`.
        conditioning: the budget K.

    Returns:
        The moved poles (N,) in canonical order.

    Example:
        >>> transport(np.array([-1.0 + 2j, -1.0 - 2j]), corner=2.0, conditioning=5.0).imag.round(3)
        array([ 1.944, -1.944])
    """
    up = Lambda[Lambda.imag > 0]
    if len(up) == 0:
        return Lambda
    u = up.imag / corner
    shift = 0.11 - 0.06 * np.log(u) - 0.2 * np.log1p(u)
    omega = up.imag * np.exp(min(1.1, 5 / conditioning) * shift)
    log_depth = np.interp(np.log(omega), np.log(up.imag), np.log(-up.real))
    moved = 1j * omega - np.exp(log_depth)
    real = Lambda[Lambda.imag == 0]
    return np.concatenate([moved, moved.conj(), real])


def frequency_response(A: Real, B: Real) -> Response:
    """The function from w (F,) to (iw - A)^{-1} B (N, F), one Schur form for all frequencies."""
    T, Q = shifted.triangular(A)
    drive = Q.conj().T @ B

    def response(w: Real) -> Complex:
        s = 1j * w
        x = np.zeros((len(B), len(w)), dtype=np.complex128)
        for n in range(len(B) - 1, -1, -1):
            solved = slice(n + 1, None)
            x[n] = (drive[n] + T[n, solved] @ x[solved]) / (s - T[n, n])
        return Q @ x

    return response


def prepare(
    half: HalfSystem,
    response: Response,
    K: float,
    p: float,
    after: Stage | None = None,
) -> Stage:
    """The stage that starts from a system with X in place of R, `after` another one."""
    poles = len(half.a)
    R, _ = clip(half.R, K)
    pull = 1.0
    multipliers = np.zeros(poles)
    if after is not None:
        pull = 2 * after.pull
        multipliers = after.multipliers + after.pull * uneven_lengths(R, poles)
    w = _informative(half._replace(R=R), response)
    G = _stacked(response(w))
    return Stage(
        origin=half,
        W=_metric(half, w),
        K=K,
        w=w,
        G=G,
        floor=1e-20 * float(np.max(_squared(G))) + 1e-300,
        p=p,
        pull=pull,
        multipliers=multipliers,
    )


def variables(stage: Stage) -> Real:
    """The variables x of a stage at its start: Z, relative depths, heights and inputs of poles."""
    origin = stage.origin
    Z = origin.R @ np.linalg.inv(stage.W)
    unmoved = np.zeros(origin.R.shape[-1] + len(origin.a))
    return np.concatenate([Z.ravel(), unmoved])


def at(x: Real, stage: Stage) -> HalfSystem:
    """The system of the variables x, X in place of R; steps are relative to depths of poles."""
    origin = stage.origin
    poles = len(origin.a)
    pairs = origin.pairs
    ends = np.cumsum([origin.R.size, poles, pairs])
    Z, depth, height, size = np.split(x, ends)
    a = origin.a * np.exp(np.clip(depth, -_REACH, _REACH))
    b = origin.b * np.exp(np.clip(size, -_REACH, _REACH))
    omega = origin.omega.copy()
    omega[:pairs] += np.abs(origin.a[:pairs]) * height
    X = Z.reshape(origin.R.shape) @ stage.W
    return HalfSystem(a, omega, b, X)


def loss(stage: Stage, x: Real) -> tuple[float, Real]:
    """log |error|_p and the pull to unit columns, with the gradient by reverse accumulation."""
    half = at(x, stage)
    poles = len(half.a)
    R, pullback = clip(half.R, stage.K)
    rows = modes(half, stage.w)
    M = _stacked(rows.M)  # real by complex is two real products
    error = R @ M - stage.G
    squares = _squared(error).sum(axis=0) + stage.floor
    powers = (squares / squares.max()) ** (stage.p / 2)
    total = powers.sum()
    lengths = uneven_lengths(R, poles)
    uneven = float((stage.pull / 2 * lengths + stage.multipliers) @ lengths)
    norm = math.log(squares.max()) / 2 + math.log(total) / stage.p

    to_error = error * np.tile(powers / squares / total, 2)
    to_R = to_error @ M.T
    to_R += _from_lengths(stage.pull * lengths + stage.multipliers, R)
    to_Z = pullback(to_R) @ stage.W
    real, imaginary = np.split(R.T @ to_error, 2, axis=-1)
    to_poles = _to_poles(real - 1j * imaginary, half, rows, stage)
    return norm + uneven, np.concatenate([to_Z.ravel(), *to_poles])


def _from_lengths(slope: Real, R: Real) -> Real:
    """The gradient in R (N, M), from that in the logarithms of lengths (n,)."""
    poles = len(slope)
    pairs = R.shape[-1] - poles
    slope = (slope - slope.mean()) / squared_lengths(R, poles)
    of_pairs = slope[:pairs]
    return R * np.concatenate([of_pairs, of_pairs, 2 * slope[pairs:]])


def _to_poles(to_M: Complex, half: HalfSystem, rows: Modes, stage: Stage) -> list[Real]:
    """The gradient in depths, heights and inputs of poles, from that in M = (s h, -omega h, h)."""
    pairs = half.pairs
    to_re, to_im, to_real = np.split(to_M, [pairs, 2 * pairs])
    s = 1j * stage.w - half.a[:pairs, None]
    omega = half.omega[:pairs, None]
    h = rows.h[:pairs]
    to_h = np.concatenate([s * to_re - omega * to_im, to_real])
    weighted = to_h * rows.h
    to_size = weighted.real.sum(axis=-1)  # h is proportional to b
    inner = weighted / rows.q  # h is proportional to 1/q
    of_pairs = 2 * s * inner[:pairs] - to_re * h
    to_a = np.concatenate([of_pairs, inner[pairs:]]).real.sum(axis=-1)
    to_omega = -(2 * omega * inner[:pairs] + to_im * h).real.sum(axis=-1)
    depth = np.abs(stage.origin.a[:pairs])
    return [to_a * half.a, to_omega * depth, to_size]


def _stacked(values: Complex) -> Real:
    """Real parts before imaginary ones (N, 2F) of values (N, F)."""
    return np.concatenate([values.real, values.imag], axis=-1)


def _squared(stacked: Real) -> Real:
    """|G|^2 (N, F) of stacked values (N, 2F)."""
    real, imaginary = np.split(stacked, 2, axis=-1)
    return real**2 + imaginary**2


def _metric(half: HalfSystem, w: Real) -> Real:
    """(M M^H)^{-1/4} up to a factor: in Z = X W^{-1} the modes look more alike.

    Measured: better than the powers 0 and -1/2.
    """
    M = modes(half, w).M
    gram = (M @ M.conj().T).real
    size, Q = np.linalg.eigh(gram)
    size = np.maximum(size, 1e-6 * size[-1]) ** -0.25
    mean = np.exp(np.mean(np.log(size)))
    return Q * (size / mean) @ Q.T


def _error(half: HalfSystem, response: Response, w: Real) -> Real:
    """|R M(iw) - G(iw)| (F,)."""
    sizes = []
    for part in np.array_split(w, 1 + len(w) // _PART):
        rest = half.R @ modes(half, part).M - response(part)
        sizes.append(np.linalg.norm(rest, axis=0))
    return np.concatenate(sizes)


def _resolving(half: HalfSystem) -> Real:
    """25 frequencies to a pole, about it and as wide as it is deep."""
    around = np.tan(np.linspace(-1.45, 1.45, 25))
    w = half.omega[:, None] + half.a[:, None] * around
    return np.unique(np.append(np.abs(w), 0.0))


def _ladder(half: HalfSystem, rungs: int) -> Real:
    """`rungs` frequencies from pole to pole, and as many to a few multiples of the largest."""
    poles = np.sort(np.abs(half.omega[half.omega != 0]))
    deepest = float(np.max(np.abs(half.a)))
    last = max(np.max(poles, initial=0.0), deepest)
    beyond = last * np.array([2.0, 5.0, 20.0, 100.0])
    edges = np.concatenate([[0.0], poles, beyond])
    steps = np.linspace(edges[:-1], edges[1:], rungs, endpoint=False)
    return np.unique(steps)


def _informative(half: HalfSystem, response: Response) -> Real:
    """Six frequencies from pole to pole, and the local maxima of the error."""
    w = _resolving(half)
    error = _error(half, response, w)
    inner = error[1:-1]
    high = inner > np.max(error) / 2
    lobe = (inner > error[:-2]) & (inner >= error[2:])
    peaks = w[1:-1][lobe & high]
    return np.unique(np.concatenate([_ladder(half, 6), peaks]))
