r"""The search below the law of `lossless`: the smallest transfer error that a budget of
conditioning buys.

Sought are Lambda, V and B~ that minimise sup_w |V (iw - Lambda)^{-1} B~ - (iw - A)^{-1} B|_2 under
kappa_2(V) <= K. What makes it an ordinary smooth problem:

- *real coordinates*: R = [sqrt 2 Re v, sqrt 2 Im v, real v] has the singular values of V, and the state is R M(s) with the rows

  .. math::  \frac{\sqrt 2\, b\, (s - a)}{q},\quad \frac{-\sqrt 2\, b\, \omega}{q},\quad \frac{b}{s - a}, \qquad
             q = (s - a)^2 + \omega^2, \quad \lambda = a + i\omega, \quad b > 0;

- *a budget that cannot be broken*: R = U diag(f) W^T of a free X = U diag(s) W^T, f = k^{sin(pi t/2)}, s = k^t, k = sqrt K;
- *a smooth supremum*: the p-norm of the error over frequencies, p = 8, 16, ..., with points that follow poles and lobes;
- *unit columns*: a penalty with multipliers on the logarithms of their lengths; an alternating projection makes them exact.

L-BFGS does the rest. Nothing here is certified: that is the caller's part.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
from scipy.optimize import minimize

from ..ground.backend import Complex, Real

Response = Callable[[Real], Complex]


class System(NamedTuple):
    """V (s - Lambda)^{-1} B: Lambda (N,) in canonical order, V (N, N), B (N,)."""

    Lambda: Complex
    V: Complex
    B: Complex


class _Half(NamedTuple):
    """Half of a system: a, omega, b of each pair, then of each real pole (omega = 0), and R (N, N).
    N - len(a) are pairs.
    """

    a: Real
    omega: Real
    b: Real
    R: Real


class _Stage(NamedTuple):
    """What stands still in a run of L-BFGS: origin, metric W of X = Z W, budget, w with G(iw), p,
    pull to unit columns.
    """

    origin: _Half
    W: Real
    K: float
    w: Real
    G: Complex
    p: float
    pull: float
    multipliers: Real


def search(
    A: Real,
    B: Real,
    start: tuple[Complex, Complex, Complex],
    conditioning: float,
    *,
    powers: tuple[float, ...] = (8, 16, 32, 64, 256),
    iterations: int = 200,
    seconds: float = math.inf,
    progress: Callable[[float, float], object] | None = None,
) -> tuple[System, bool]:
    r"""Lambda, V, B~ of a small sup_w |V (iw - Lambda)^{-1} B~ - (iw - A)^{-1} B| with kappa_2(V)
    <= `conditioning`.

    A (N, N) is real and stable, B (N,) real. `start` is (Lambda, V, B~) of any conditioning,
    stable, in canonical order (upper half plane, conjugates, real ones), which the result has too,
    with V of unit columns and B~ > 0. Each p of `powers` is worth at most `iterations` steps and is
    followed by `progress`(p, error on a grid). Stops after `seconds` or at a KeyboardInterrupt with
    the best so far, and says whether it was stopped; otherwise it is deterministic. A local
    minimum, no more. Cost: O(N^3) a step.
    """
    response, deadline = _response(A, B), time.monotonic() + seconds
    best = _finish(_halve(*start), conditioning)
    least = float(np.max(_error(best, response, _dense(best))))
    half = _within(_halve(*start), conditioning)
    pull, multipliers, stopped = 1.0, np.zeros(len(half.a)), False
    latest = np.zeros(0)

    def watch(x: Real) -> None:
        nonlocal latest
        latest = x.copy()
        if time.monotonic() > deadline:
            raise StopIteration

    for p in powers:
        w = _points(half._replace(R=_clip(half.R, conditioning)[0]), response)
        stage = _Stage(half, _metric(half, w), conditioning, w, response(w), p, pull, multipliers)
        latest = np.concatenate(
            [(half.R @ np.linalg.inv(stage.W)).ravel(), np.zeros(len(half.R) + len(half.a))]
        )
        try:
            options = {
                "maxiter": iterations,
                "maxfun": 2 * iterations,
                "maxcor": 40,
                "ftol": 1e-12,
                "gtol": 1e-9,
            }
            minimize(
                _loss,
                latest,
                args=(stage,),
                jac=True,
                method="L-BFGS-B",
                callback=watch,
                options=options,
            )
        except KeyboardInterrupt:
            deadline = -math.inf
        half = _at(latest, stage)
        R, _ = _clip(half.R, conditioning)
        multipliers, pull = multipliers + pull * _lengths(R, len(half.a)), 2 * pull
        found = _finish(half._replace(R=R), conditioning)
        error = float(np.max(_error(found, response, _dense(found))))
        if error < least:
            best, least = found, error
        if progress:
            progress(p, error)
        stopped = time.monotonic() > deadline
        if stopped:
            break
    return _whole(best), stopped


def fit(A: Real, B: Real, Lambda: Complex) -> System:
    """The V and B~ > 0 with these poles, V of unit columns, whose transfer function is nearest in
    least squares: a start.

    Over eight frequencies from pole to pole, alike. kappa(V) is what it is. Lambda is stable and in
    canonical order.
    """
    poles = _halve(
        Lambda, np.eye(len(B), dtype=np.complex128), np.ones(len(B), dtype=np.complex128)
    )
    w = _ladder(poles, 8)
    M, G = _modes(poles, w)[0], _response(A, B)(w)
    M, G = (np.concatenate([part.real, part.imag], axis=-1) for part in (M, G))
    Gram = M @ M.T
    R = np.linalg.solve(Gram + 1e-8 * np.trace(Gram) / len(B) * np.eye(len(B)), M @ G.T).T
    return _whole(_unit(poles._replace(R=R)))


def transport(Lambda: Complex, corner: float, conditioning: float) -> Complex:
    r"""The poles of `lossless` moved from where error is cheap to where it is dear, an empirical
    law for `legs`.

    `corner` is the frequency of half power, N for `legs`. Around it |Phi|^2 (1 - |Phi|^2) is
    largest, and a pole more in that region saves more than it costs where |x^| is small (above) or
    the history has faded (below):

    .. math::  \log \omega'/\omega = \min(1.1, 5/K) \left(0.11 - 0.06 \log u - 0.2 \log(1 + u)\right), \qquad u = \omega/w,

    where w is the corner, and the depth that a pole had at the new frequency. Real poles stay.
    """
    up = Lambda[Lambda.imag > 0]
    if len(up) == 0:
        return Lambda
    u = up.imag / corner
    omega = up.imag * np.exp(
        min(1.1, 5 / conditioning) * (0.11 - 0.06 * np.log(u) - 0.2 * np.log1p(u))
    )
    moved = 1j * omega - np.exp(np.interp(np.log(omega), np.log(up.imag), np.log(-up.real)))
    return np.concatenate([moved, moved.conj(), Lambda[Lambda.imag == 0]])


def _response(A: Real, B: Real) -> Response:
    """w (F,) to (iw - A)^{-1} B (N, F), by one Schur form and a substitution for all frequencies at
    once.
    """
    # Turned over, for then a lower triangular A has that form already.
    T, Q = scipy.linalg.schur(A[::-1, ::-1], output="complex")  # pyright: ignore[reportAssignmentType]
    drive = Q.conj().T @ B[::-1]

    def response(w: Real) -> Complex:
        x = np.zeros((len(B), len(w)), dtype=np.complex128)
        for n in range(len(B) - 1, -1, -1):
            x[n] = (drive[n] + T[n, n + 1 :] @ x[n + 1 :]) / (1j * w - T[n, n])
        return (Q @ x)[::-1]

    return response


def _halve(Lambda: Complex, V: Complex, B: Complex) -> _Half:
    pairs = int(np.count_nonzero(Lambda.imag > 0))
    half = np.r_[:pairs, 2 * pairs : len(Lambda)]
    V = V[:, half] * np.exp(1j * np.angle(B[half]))
    R = np.concatenate(
        [math.sqrt(2) * V[:, :pairs].real, math.sqrt(2) * V[:, :pairs].imag, V[:, pairs:].real],
        axis=-1,
    )
    return _Half(Lambda.real[half], Lambda.imag[half], np.abs(B[half]), R)


def _whole(half: _Half) -> System:
    pairs = len(half.R) - len(half.a)
    v = (
        half.R[:, :pairs] + 1j * np.sign(half.omega[:pairs]) * half.R[:, pairs : 2 * pairs]
    ) / math.sqrt(2)
    Lambda = half.a + 1j * np.abs(half.omega)
    rising = np.argsort(Lambda[:pairs].imag, kind="stable")
    up, real = Lambda[rising], pairs + np.argsort(half.a[pairs:], kind="stable")
    return System(
        np.concatenate([up, up.conj(), Lambda[real]]),
        np.concatenate(
            [v[:, rising], v[:, rising].conj(), half.R[:, pairs + real].astype(np.complex128)],
            axis=-1,
        ),
        half.b[np.concatenate([rising, rising, real])].astype(np.complex128),
    )


def _at(x: Real, stage: _Stage) -> _Half:
    """The system, its R still X, that the variables x stand for: steps are relative to the depth of
    a pole.
    """
    origin = stage.origin
    order, poles = len(origin.R), len(origin.a)
    Z, depth, height, size = np.split(x, np.cumsum([order**2, poles, order - poles]))
    omega = origin.omega.copy()
    omega[: order - poles] += np.abs(origin.a[: order - poles]) * height
    depth, size = np.clip(depth, -30, 30), np.clip(size, -30, 30)  # a line search may try anything
    return _Half(
        origin.a * np.exp(depth), omega, origin.b * np.exp(size), Z.reshape(order, order) @ stage.W
    )


def _loss(x: Real, stage: _Stage) -> tuple[float, Real]:
    """log |error|_p + the pull to unit columns, and the gradient: everything backwards, as ever."""
    half = _at(x, stage)
    order, poles, points = len(half.R), len(half.a), len(stage.w)
    pairs = order - poles
    R, pullback = _clip(half.R, stage.K)
    M, h, q = _modes(half, stage.w)
    M = np.concatenate([M.real, M.imag], axis=-1)  # real by complex is two real products
    error = R @ M - np.concatenate([stage.G.real, stage.G.imag], axis=-1)
    squares = (error[:, :points] ** 2 + error[:, points:] ** 2).sum(axis=0)
    squares += 1e-20 * np.max(np.abs(stage.G)) ** 2 + 1e-300  # an error of zero has no logarithm
    powers = (squares / squares.max()) ** (stage.p / 2)
    lengths, total = _lengths(R, poles), powers.sum()
    uneven = float((stage.pull / 2 * lengths + stage.multipliers) @ lengths)
    value = math.log(squares.max()) / 2 + math.log(total) / stage.p + uneven

    error = error * np.tile(powers / squares / total, 2)
    slope = stage.pull * lengths + stage.multipliers
    slope = (slope - slope.mean()) / _squares(R, poles)
    to_R = error @ M.T + R * np.concatenate([slope[:pairs], slope[:pairs], 2 * slope[pairs:]])
    Z = R.T @ error
    Z = Z[:, :points] - 1j * Z[:, points:]
    re, im, real = Z[:pairs], Z[pairs : 2 * pairs], Z[2 * pairs :]
    s, omega = 1j * stage.w - half.a[:, None], half.omega[:pairs, None]
    to_h = np.concatenate([s[:pairs] * re - omega * im, real])  # M = (s h, -omega h, h), h ~ b/q
    to_size = (to_h * h).real.sum(axis=-1)
    inner = to_h * h / q
    to_a = np.concatenate(
        [(2 * s[:pairs] * inner[:pairs] - re * h[:pairs]), inner[pairs:]]
    ).real.sum(axis=-1)
    to_omega = -(2 * omega * inner[:pairs] + im * h[:pairs]).real.sum(axis=-1)
    depth = np.abs(stage.origin.a[:pairs])
    return value, np.concatenate(
        [(pullback(to_R) @ stage.W).ravel(), to_a * half.a, to_omega * depth, to_size]
    )


def _metric(half: _Half, w: Real) -> Real:
    """(M M^H)^{-1/4} up to a factor: in Z = X W^{-1} the modes look more alike. Measured: better
    than the powers 0 and -1/2.
    """
    M = _modes(half, w)[0]
    size, Q = np.linalg.eigh((M @ M.conj().T).real)
    size = np.maximum(size, 1e-6 * size[-1]) ** -0.25
    return Q * (size / np.exp(np.mean(np.log(size)))) @ Q.T


def _modes(half: _Half, w: Real) -> tuple[Complex, Complex, Complex]:
    """M(iw) (N, F), and for each pole h and q (.., F): M = (s h, -omega h), h = sqrt 2 b/q for a
    pair, M = h = b/q for one.
    """
    pairs = len(half.R) - len(half.a)
    s = 1j * w - half.a[:, None]
    q = np.concatenate([s[:pairs] ** 2 + half.omega[:pairs, None] ** 2, s[pairs:]])
    h = half.b[:, None] / q
    h[:pairs] *= math.sqrt(2)
    return (
        np.concatenate([s[:pairs] * h[:pairs], -half.omega[:pairs, None] * h[:pairs], h[pairs:]]),
        h,
        q,
    )


def _clip(X: Real, K: float) -> tuple[Real, Callable[[Real], Real]]:
    """R = U diag(f(s)) W^T, f = k^{sin(pi t/2)}, and the adjoint of its derivative (Daleckii and
    Krein for singular values).
    """
    U, s, Wt = np.linalg.svd(X)
    k = math.log(K) / 2
    t = math.pi / 2 * np.log(s) / k
    f = np.exp(k * np.sin(t))
    slope = f * np.cos(t) * math.pi / 2 / s
    gap = s[:, None] - s
    near = np.abs(gap) <= 1e-8 * s
    symmetric = np.where(
        near, (slope[:, None] + slope) / 2, (f[:, None] - f) / np.where(near, 1, gap)
    )
    skew = (f[:, None] + f) / (s[:, None] + s)

    def pullback(to_R: Real) -> Real:
        H = U.T @ to_R @ Wt.T
        return U @ (symmetric * (H + H.T) + skew * (H - H.T)) @ Wt / 2

    return (U * f) @ Wt, pullback


def _within(half: _Half, K: float) -> _Half:
    """With X in place of R: `_clip` then draws the singular values into the budget, not quite to
    the ends, where f is flat.
    """
    U, s, Wt = np.linalg.svd(half.R)
    k, centre = math.log(K) / 2, math.sqrt(s[0] * max(s[-1], s[0] / K))
    t = np.clip(np.log(s / centre) / k, -0.98, 0.98)
    return half._replace(R=(U * np.exp(2 / math.pi * np.arcsin(t) * k)) @ Wt, b=half.b * centre)


def _squares(R: Real, poles: int) -> Real:
    """|v|^2 for each pair and each real column."""
    pairs, squares = len(R) - poles, (R**2).sum(axis=0)
    return np.concatenate(
        [(squares[:pairs] + squares[pairs : 2 * pairs]) / 2, squares[2 * pairs :]]
    )


def _lengths(R: Real, poles: int) -> Real:
    """log |v|^2 less its mean: zero for columns of one length."""
    lengths = np.log(_squares(R, poles))
    return lengths - lengths.mean()


def _unit(half: _Half) -> _Half:
    """The same system with unit columns."""
    pairs, length = len(half.R) - len(half.a), np.sqrt(_squares(half.R, len(half.a)))
    return half._replace(R=half.R / np.concatenate([length[:pairs], length]), b=half.b * length)


def _finish(half: _Half, K: float) -> _Half:
    """Unit columns with kappa(R) <= K: scaled and clipped in turn, to ever less than K until both
    hold.
    """
    k = K
    for _ in range(200):
        half = _unit(half)
        U, s, Wt = np.linalg.svd(half.R)
        if s[0] <= K * s[-1]:
            break
        k = 1 + (k - 1) * (1 - 1e-9)
        half = half._replace(R=(U * np.maximum(s, s[0] / k)) @ Wt)
    return half


def _error(half: _Half, response: Response, w: Real) -> Real:
    """|R M(iw) - G(iw)| (F,)."""
    parts = np.array_split(w, 1 + len(w) // 2048)
    return np.concatenate(
        [np.linalg.norm(half.R @ _modes(half, part)[0] - response(part), axis=0) for part in parts]
    )


def _dense(half: _Half) -> Real:
    """25 frequencies to a pole, about it and as wide as it is deep."""
    w = np.abs(half.omega[:, None] + half.a[:, None] * np.tan(np.linspace(-1.45, 1.45, 25)))
    return np.unique(np.concatenate([[0.0], w.ravel()]))


def _ladder(half: _Half, rungs: int) -> Real:
    """`rungs` frequencies from pole to pole, and as many to a few multiples of the largest."""
    poles = np.sort(np.abs(half.omega[half.omega != 0]))
    last = max(np.max(poles, initial=0.0), float(np.max(np.abs(half.a))))
    edges = np.concatenate([[0.0], poles, last * np.array([2.0, 5.0, 20.0, 100.0])])
    return np.unique(np.linspace(edges[:-1], edges[1:], rungs, endpoint=False))


def _points(half: _Half, response: Response) -> Real:
    """Six frequencies from pole to pole, and the local maxima of the error."""
    w = _dense(half)
    error = _error(half, response, w)
    inner = error[1:-1]
    lobe = (inner > error[:-2]) & (inner >= error[2:]) & (inner > np.max(error) / 2)
    return np.unique(np.concatenate([_ladder(half, 6), w[1:-1][lobe]]))
