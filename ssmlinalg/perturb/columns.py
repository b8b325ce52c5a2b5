r"""Perturbations of a single column, E = u e_j^T: the sparsest ones, for LegS nearly the best.

A rank-one E of one column is output feedback: A + u e_j^T places eigenvalues through the state x_j
alone. Where x_j sees every mode, as the last state of a cascade does, that is enough to make A well
conditioned.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Array, Real
from ..ground.formats import EPS
from ..hippo import legs
from ..matrices.factorizations import eigenpairs
from ..matrices.refined_solves import remainder
from .conditioning_gradient import conditioning_of
from .diagonalization import Diagonalization, Progress, System, diagonalized, split
from .random_matrices import checked_size, draw
from .search import Search

_STAGES = (1.0, math.inf)  # p: kappa_F(V) is smooth, kappa_2(V) is meant
_LBFGS = {"maxcor": 20, "ftol": 1e-9, "gtol": 1e-7}
_FENCE = 10.0  # slope of the penalty on instability: steeper than what is gained beyond
_PROMISING = 4  # columns that are tried beside the first and the last


def last_column(system: System, *, size: float = 1e-5) -> Diagonalization:
    r"""The perturbation of the last column of LegS, in closed form: a small |E|.

    .. math::  E = \epsilon\, u\, e_{N-1}^\top, \qquad
               u_k \propto \sqrt{2k+1}\; e^{-k(k+4)/2N}, \quad |u| = 1, \qquad
               \epsilon = \text{size}\; |A|_2.

    The transfer error is smaller still. With 2 epsilon < 1 and the input B of `legs`, the state is
    off by at most

    .. math::  |\tilde x - \hat x| = \epsilon\, |\hat x_{N-1}|\, |(i\omega - A - E)^{-1} u|
               \le \frac{2 \epsilon}{(1 - 2\epsilon)\sqrt{2N-1}} \qquad \text{for every } \omega,

    since |x^_{N-1}| <= 1/sqrt(2N-1) and A + A^T <= -I, for which reason A + E is also stable: Re
    Lambda <= epsilon - 1/2. No such promise is made beyond. The input is rounded in the eigenbasis,
    where it is large: what that leaves, r = B - V B~, adds |r|/(1/2 - epsilon).

    At N = 64, |E|_2 = 0.1 and 0.01 give kappa_2(V) = 4.2e3 and 3.2e4, 11 % and 8 % above what
    `column` finds; at N = 128 it is 27 %.

    Args:
        system: a form with the A (N, N) of `hippo.legs`, or that matrix.
        size: |E|_2/|A|_2.

    Returns:
        The factors of A + E, with the facts "size", "absolute" = |E|_2 = epsilon, and
        "closed_form_bound": the bound above times |B| over that of `legs` and that of r, where B is
        parallel to it and 2 epsilon < 1, inf elsewhere.

    Raises:
        TypeError: for what is no form with one input and no matrix of numbers.
        ValueError: for a `size` out of range and for any other A than that of `hippo.legs`; when
            A + E is not diagonalizable in double precision.

    Cost:
        O(N^3).

    Source:
        Derived here.

    Example:
        >>> from ssmlinalg import hippo
        >>> d = last_column(hippo.legs(64), size=1e-5)
        >>> round(d.facts["absolute"], 4), d.facts["closed_form_bound"] < 0.005, d.condition < 2e4
        (0.0261, True, True)
    """
    A, B = split(system)
    size, unit = checked_size(size, A)
    order = len(A)
    exact = np.asarray(legs(order).A)
    scale = float(np.linalg.norm(exact))
    aside = float(np.linalg.norm(A - exact)) / scale
    if aside > 64 * EPS:
        rule = f"A must be that of legs({order})"
        got = f"one {aside:.3g} |A| away"
        raise ValueError(f"{rule}; got {got}. Use column for other matrices.")
    k = np.arange(order)
    decay = np.exp(-k * (k + 4) / (2 * order))
    u = legs(order).B * decay
    length = size * unit
    E = np.zeros_like(A)
    E[:, -1] = length * u / np.linalg.norm(u)
    facts = {"size": size, "absolute": length}
    found = diagonalized(system, E, method="last_column", facts=facts)
    bound = _last_column_bound(B, length, order)
    if math.isfinite(bound):
        rest = np.linalg.norm(remainder(found.V, found.B, B))
        bound += 2 / (1 - 2 * length) * float(rest) * (1 + order * EPS)
    return replace(found, facts=facts | {"closed_form_bound": bound})


def _last_column_bound(B: Array | None, length: float, order: int) -> float:
    """2 eps/(1 - 2 eps)/sqrt(2N - 1) times B over that of `legs`; inf where nothing is proved."""
    if B is None or 2 * length >= 1:
        return math.inf
    root = legs(order).B
    gain = float(root @ B) / float(root @ root)
    aside = np.linalg.norm(B - gain * root)
    if aside > 64 * EPS * np.linalg.norm(B):
        return math.inf
    last_state = 1 / math.sqrt(2 * order - 1)
    bound = 2 * length / (1 - 2 * length) * last_state
    return abs(gain) * bound * (1 + 64 * EPS)


def column(
    system: System,
    *,
    size: float = 1e-2,
    index: int | None = None,
    seed: int = 0,
    iterations: int = 100,
    progress: Progress | None = None,
) -> Diagonalization:
    r"""The perturbation of one column of any square matrix that conditions it best.

    .. math::  \min_u\ \kappa_2(V), \qquad
               A + \epsilon\, u\, e_j^\top = V \Lambda V^{-1}, \quad |u| = 1, \qquad
               \epsilon = \text{size}\; |A|_2

    (epsilon = size where A = 0), with real u for a real A, as far as descent finds it. The search
    starts from a random u and has two stages of L-BFGS, kappa_F(V) first. The best u met that keeps
    a stable A stable is returned; of an A that is not stable, nothing is asked.

    One column cannot do everything: what x_j does not see stays as it is, and kappa_2(V) with it.
    Cascades (`legs`, a Jordan block) are seen whole from their end; Frank or companion matrices of
    large order are not from anywhere.

    Args:
        system: a form with A (N, N) and B (N,), or a square matrix.
        size: |E|_2/|A|_2.
        index: the column j, counted from the end if negative. None takes that of smallest
            kappa_2(V) under one random u among the first, the last and the four to which a Gaussian
            perturbation of A is most sensitive.
        seed: of the random u.
        iterations: steps of L-BFGS in each stage, at most.
        progress: called after each evaluation with "evaluations", "condition" = kappa_2(V) and
            "size". A KeyboardInterrupt ends the search, and the best u so far is used if there is
            one.

    Returns:
        The factors of A + E, with the facts "size", "index", "evaluations", and "interrupted" = 1
        after an interrupt.

    Raises:
        TypeError: for what is no form with one input and no matrix of numbers.
        ValueError: for what is no finite square matrix, `size` or `index` out of range, and where
            no u met keeps a stable A stable and makes it diagonalizable in double precision.
        KeyboardInterrupt: if interrupted with nothing to keep.

    Cost:
        O(N^3) an evaluation, some 20 to 300 of them.

    Source:
        Derived here; the gradient is column j of that in `minimize`.

    Example:
        >>> from ssmlinalg import hippo
        >>> d = column(hippo.legs(32), size=1e-3)
        >>> int(d.facts["index"]), int(d.E.any(axis=0).sum()), d.condition < 200
        (31, 1, True)
    """
    A, _ = split(system)
    size, unit = checked_size(size, A)
    iterations = require.integer("iterations", iterations)
    require.progress(progress)
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    index = None if index is None else _place(index, len(A))
    M = A / unit
    u = draw(rng, (len(A),), imaginary=np.iscomplexobj(M))
    j = _most_telling(M, size, u, rng) if index is None else index
    alpha = float(eigenpairs(M)[0].real.max())
    ceiling = alpha / 2 if alpha < 0 else math.inf
    problem = _Column(M, j, size, ceiling)
    search = Search(progress=progress)
    options = {"maxiter": iterations, "maxfun": 4 * iterations} | _LBFGS
    x = u.view(np.float64)
    with search.interruptible():
        for p in _STAGES:
            loss = partial(_loss, problem, search, p)
            x = search.descend(loss, x, options)
    if search.best is None:
        rule = "u must make A diagonalizable and keep a stable A stable"
        got = f"none of size {size:g} that does, in column {j}"
        raise ValueError(f"{rule}; got {got}. Try another size or `index`.")
    facts = {"size": size, "index": float(j)} | search.facts()
    E = unit * _with_column(np.zeros_like(M), j, size * search.best)
    return diagonalized(system, E, method="column", facts=facts)


class _Column(NamedTuple):
    """M + size u e_j^T with |u| = 1, the spectrum of a stable M kept to Re <= ceiling."""

    M: Array
    j: int
    size: float
    ceiling: float


def _loss(problem: _Column, search: Search, p: float, x: Real) -> tuple[float, Real]:
    """log kappa_p(V) with a penalty on instability, and the gradient in v, u = v/|v|."""
    M, j, size, ceiling = problem
    v = x.view(M.dtype)
    length = float(np.linalg.norm(v)) or 1.0
    found = conditioning_of(_with_column(M, j, size * v / length), p)
    value = found.logarithm
    slope = size * found.gradient[:, j]
    excess = found.abscissa - ceiling
    merit = math.inf
    if excess > 0:
        value = value + _FENCE * excess / size
        slope = slope + _FENCE * found.abscissa_gradient[:, j]
    elif found.condition * len(M) * EPS < 1:
        merit = found.condition
    search.evaluated(v / length, merit, condition=found.condition, size=size)
    along = float(np.vdot(v, slope).real)
    slope = (slope - v * along / length**2) / length
    return value, slope.view(np.float64)


def _place(index: int, order: int) -> int:
    """The column meant by `index`, once it is known to exist."""
    index = require.integer("index", index, least=-order)
    if index >= order:
        raise ValueError(f"`index` must be below N = {order}; got {index}. -1 is the last column.")
    return index % order


def _with_column(A: Array, j: int, u: Array) -> Array:
    """A + u e_j^T."""
    A = A.copy()
    A[:, j] += u
    return A


def _most_telling(A: Array, size: float, u: Array, rng: np.random.Generator) -> int:
    """The column through which u of that size conditions A best, among the promising ones."""
    G = draw(rng, A.shape, imaginary=np.iscomplexobj(A))
    perturbed = A + size * G / np.linalg.norm(G, 2)
    sensitivity = np.linalg.norm(conditioning_of(perturbed, 1.0).gradient, axis=0)
    most = np.argsort(-sensitivity, kind="stable")[:_PROMISING]
    candidates = {0, len(A) - 1, *most.tolist()}
    u = size * u / np.linalg.norm(u)

    def condition(j: int) -> float:
        return conditioning_of(_with_column(A, j, u)).condition

    return min(sorted(candidates), key=condition)
