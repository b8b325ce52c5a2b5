r"""The published perturbation, minimized in earnest: kappa_2(V)^2 + gamma |E|_F with its exact
gradient.

With unit eigenvectors V of M, an infinitesimal dM turns them by dV = V C,

.. math::  C = \Phi \circ (V^{-1}\, dM\, V) - \mathrm{diag}, \qquad \Phi_{jk} = \frac1{\lambda_k - \lambda_j} \ (j \ne k),
           \quad \Phi_{jj} = 0,

where the diagonal keeps the columns at length one. A function of V alone with dF = Re tr(K^H C) for
a Hermitian K therefore has

.. math::  dF = \mathrm{Re}\,\mathrm{tr}(\nabla^H dM), \qquad
           \nabla = V^{-H} \bigl(\overline\Phi \circ (K - V^H V \mathrm{diag} K)\bigr) V^H.

For log kappa_2(V), with V = U S X^H, it is K = x_1 x_1^H - x_N x_N^H. That is not differentiable
where the largest or smallest singular value is multiple, and minimization leads there; so it begins
with the smooth log kappa_p of the Schatten norms,

.. math::  \kappa_p(V) = \Bigl(\sum_j s_j^{2p}\Bigr)^{1/2p} \Bigl(\sum_j s_j^{-2p}\Bigr)^{1/2p} \ge \kappa_2(V),

which has K = X diag(s^{2p}/sum s^{2p} - s^{-2p}/sum s^{-2p}) X^H and falls to kappa_2 as p rises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Array
from .diagonalization import EPS, Diagonalization, Progress, diagonalized, split
from .random import draw

_STAGES = (4.0, 32.0, math.inf)  # p: nearly one minimum for every start, then the objective itself


class Conditioning(NamedTuple):
    """log kappa_p(V) of a matrix and its gradient (N, N), kappa_2(V), and the abscissa with its
    gradient (N, N).
    """

    logarithm: float
    gradient: Array
    condition: float
    abscissa: float
    abscissa_gradient: Array


def minimize(
    system: NPLR | Dense | Array,
    *,
    conditioning: float | None = None,
    gamma: float | None = None,
    tries: int = 1,
    seed: int = 0,
    iterations: int = 300,
    progress: Progress | None = None,
) -> Diagonalization:
    r"""The perturbation of any square matrix A (N, N) that trades conditioning for size best, as
    far as descent finds it.

    .. math::  \min_E\ \kappa_2(V)^2 + \gamma\, |E|_F/|A|_F, \qquad A + E = V \Lambda V^{-1}, \quad |V e_j| = 1,

    over real E for a real A, so the spectrum stays closed under conjugation. Give `gamma`, or
    `conditioning` (8 if neither): then gamma is searched for until kappa_2(V) at the minimum is
    within 2 % of that budget, if it can be, and the smallest E met on the way that keeps the budget
    is returned. The published objective has gamma |E|_F: its gamma is this one / |A|_F.

    Stability is kept by construction. Every E tried is first moved along the identity, E - s I with
    the least s >= 0 for which max Re Lambda <= alpha(A)/2 where A is stable and <= alpha(A) where
    it is not: V does not notice, and s has a gradient. The minimum is a local one. It begins with
    seeded Gaussian perturbations, |E|_F = 0.03 |A|_F (`tries` of them, the best counts) and, if A
    itself is no worse, ends with E = 0, as for a normal A. alpha(A) is the abscissa that LAPACK
    finds: a stable A so far from normal that rounding errors move its eigenvalues across the axis
    counts as unstable.

    Each of three stages takes at most `iterations` steps of L-BFGS; `progress`, if given, is called
    after each evaluation with `evaluations`, `condition` kappa_2(V) and `size` |E|_F/|A|_F. An
    interrupt (KeyboardInterrupt) ends the search and the best E so far is returned if there is one,
    with `interrupted` = 1 among the facts; these are `gamma`, `frobenius` = |E|_F/|A|_F,
    `evaluations` and `interrupted`.

    Raises TypeError or ValueError for what is no finite square matrix, `gamma` <= 0, `conditioning`
    <= 1, both given, and for a conditioning out of reach, saying what was reached. Cost O(N^3) for
    each evaluation, some hundred of them for a `gamma` and some hundred more for a `conditioning`.

    Sources: Yu et al. 2024 (arXiv 2310.01698), Section 4.2, for the objective; the gradient is
    derived above.

    >>> from ssmlinalg import hippo
    >>> d = minimize(hippo.legs(16), conditioning=6.5)
    >>> d.condition <= 6.5, d.backward_error < 0.045, d.abscissa < 0
    (True, True, True)
    """
    A, _ = split(system)
    if conditioning is not None and gamma is not None:
        raise ValueError("give `conditioning` or `gamma`, not both; got both. Leave one out.")
    if gamma is not None:
        gamma = require.real("gamma", gamma, above=0)
    budget = require.real("conditioning", 8.0 if conditioning is None else conditioning, above=1)
    tries, iterations = require.integer("tries", tries), require.integer("iterations", iterations)
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    unit = float(np.linalg.norm(A, 2)) or 1.0
    M = A / unit
    scale = float(np.linalg.norm(M)) or 1.0
    as_it_is = conditioning_of(M)
    ceiling = as_it_is.abscissa / 2 if as_it_is.abscissa < 0 else as_it_is.abscissa
    keeps = budget * (
        1 - math.sqrt(EPS)
    )  # the last digits of kappa(V) change when V is computed once more

    def merit(condition: float, size: float) -> float:
        if condition * len(M) * EPS > 1:
            return math.inf
        if gamma is not None:
            return condition**2 + gamma * size
        return size if condition <= keeps else math.inf

    best, lowest, reached, evaluations = (
        np.zeros_like(M),
        merit(as_it_is.condition, 0.0),
        as_it_is.condition,
        0,
    )

    def watch(E: Array, condition: float) -> None:
        nonlocal best, lowest, reached, evaluations
        size, evaluations, reached = (
            float(np.linalg.norm(E)) / scale,
            evaluations + 1,
            min(reached, condition),
        )
        if merit(condition, size) < lowest:
            best, lowest = E, merit(condition, size)
        if progress:
            progress(evaluations=evaluations, condition=condition, size=size)

    trade, interrupted = (
        gamma or 7 * budget**3,
        False,
    )  # where kappa(V) ~ 1/|E| and |E| is 0.3 |A| at kappa(V) = 1
    finished = as_it_is.condition <= (keeps if gamma is None else 1 + 64 * len(M) * EPS)
    try:
        for _ in range(0 if finished else tries):
            G = draw(rng, M.shape, whole=np.iscomplexobj(M))
            E = 0.03 * scale * G / np.linalg.norm(G)
            if gamma is not None:
                _descend(M, E, gamma, ceiling, iterations, watch)
            else:
                trade = _search(M, E, trade, keeps, ceiling, iterations, watch)
    except KeyboardInterrupt:
        if math.isinf(lowest):
            raise
        interrupted = True
    if math.isinf(lowest):
        rule = f"`conditioning` must be within reach of {iterations} iterations"
        got = f"{budget:g}, and kappa(V) = {reached:.6g} at best"
        raise ValueError(f"{rule}; got {got}. Raise it, `iterations` or `tries`.")
    size = float(np.linalg.norm(best)) / scale
    facts = {
        "gamma": trade,
        "frobenius": size,
        "evaluations": float(evaluations),
        "interrupted": float(interrupted),
    }
    return diagonalized(system, unit * best, method="minimize", facts=facts)


def conditioning_of(M: Array, p: float = math.inf) -> Conditioning:
    """log kappa_p(V) of M (N, N) and its gradient, by the formulas on top of this page, and the
    abscissa: dlambda = w dM v.

    Where eigenvalues meet or V is singular there is no derivative, and kappa(V) is infinite: gaps
    are kept above eps |M| and singular values above eps^2, so all numbers stay finite and tell a
    descent to turn back. Cost O(N^3).
    """
    Lambda, V = np.linalg.eig(M)
    V = V / np.linalg.norm(V, axis=0)
    U, s, Xh = np.linalg.svd(V)
    s = np.maximum(s, EPS**2 * s[0])
    X, level = Xh.conj().T, np.log(s)
    if math.isinf(p):
        logarithm, weight = level[0] - level[-1], np.zeros_like(s)
        weight[0] += 1
        weight[-1] -= 1
    else:
        large, small = np.exp(2 * p * (level - level[0])), np.exp(2 * p * (level[-1] - level))
        logarithm = level[0] - level[-1] + (math.log(large.sum()) + math.log(small.sum())) / (2 * p)
        weight = large / large.sum() - small / small.sum()
    K, gram, V_inv = (X * weight) @ Xh, (X * s**2) @ Xh, (X / s) @ U.conj().T
    gap = Lambda - Lambda[:, None]
    Phi = gap.conj() / np.maximum(np.abs(gap), EPS * max(float(np.abs(Lambda).max()), EPS)) ** 2
    gradient = V_inv.conj().T @ (Phi.conj() * (K - gram * np.real(np.diag(K)))) @ V.conj().T
    first = int(np.argmax(np.real(Lambda)))
    rightmost = np.outer(V_inv[first].conj(), V[:, first].conj())
    if not np.iscomplexobj(M):
        gradient, rightmost = np.real(gradient), np.real(rightmost)
    return Conditioning(
        float(logarithm), gradient, float(s[0] / s[-1]), float(np.real(Lambda[first])), rightmost
    )


def objective(
    A: Array, E: Array, gamma: float, ceiling: float, p: float = math.inf
) -> tuple[float, Array, Array, float]:
    """log(kappa_p(V)^2 + gamma |E'|_F/|A|_F) with its gradient (N, N) in E, then E' = E - s I and
    kappa_2(V).

    s is the least shift >= 0 that brings the spectrum of A + E' to Re <= `ceiling`.
    """
    found = conditioning_of(A + E, p)
    shift = max(found.abscissa - ceiling, 0.0)
    moved = E - shift * np.eye(len(A))
    size, price = float(np.linalg.norm(moved)), gamma / (float(np.linalg.norm(A)) or 1.0)
    value = math.exp(2 * found.logarithm) + price * size
    slope = moved / (size or 1.0)
    if shift > 0:
        slope = slope - np.real(np.trace(slope)) * found.abscissa_gradient
    return (
        math.log(value),
        (2 * math.exp(2 * found.logarithm) * found.gradient + price * slope) / value,
        moved,
        found.condition,
    )


def _descend(
    A: Array,
    E: Array,
    gamma: float,
    ceiling: float,
    iterations: int,
    watch: Callable[[Array, float], None],
    first: int = 0,
) -> tuple[Array, float]:
    """The minimum that L-BFGS reaches from E, stage by stage, and its kappa_2(V); `watch` sees
    every E tried.
    """
    from scipy.optimize import (
        minimize as scipy_minimize,
    )  # it takes as long to import as the rest of the library

    moved, condition = E, math.inf

    for p in _STAGES[first:]:

        def evaluate(x: np.ndarray, p: float = p) -> tuple[float, np.ndarray]:
            value, gradient, moved, condition = objective(
                A, x.view(A.dtype).reshape(A.shape), gamma, ceiling, p
            )
            watch(moved, condition)
            return value, np.ascontiguousarray(gradient).ravel().view(np.float64)

        x = np.ascontiguousarray(moved).ravel().view(np.float64)
        options = {
            "maxiter": iterations,
            "maxfun": 4 * iterations,
            "maxcor": 20,
            "ftol": 1e-10,
            "gtol": 1e-9,
        }
        x = scipy_minimize(evaluate, x, jac=True, method="L-BFGS-B", options=options).x
        _, _, moved, condition = objective(A, x.view(A.dtype).reshape(A.shape), gamma, ceiling)
    return moved, condition


def _search(
    A: Array,
    E: Array,
    gamma: float,
    budget: float,
    ceiling: float,
    iterations: int,
    watch: Callable[[Array, float], None],
) -> float:
    """The gamma whose minimum has kappa_2(V) between 98 % and all of the budget, each minimum
    starting from the last.
    """
    low, high, first = 0.0, math.inf, 0
    for _ in range(10):
        E, condition = _descend(A, E, gamma, ceiling, iterations, watch, first)
        if 0.98 * budget <= condition <= budget or high < 1.001 * low:
            break
        low, high = (gamma, high) if condition <= budget else (low, gamma)
        # kappa(V) ~ |E|^{-a} makes it gamma^{a/(2a+1)} at the minimum, the cube root for a = 1
        gamma *= min(max((0.99 * budget / condition) ** 3, 1e-2), 1e2)
        if (
            low > 0
            and math.isfinite(high)
            and not low * (high / low) ** 0.1 < gamma < high * (low / high) ** 0.1
        ):
            gamma = math.sqrt(low * high)
        first = 1  # the smoothest stage has done its part
    return gamma
