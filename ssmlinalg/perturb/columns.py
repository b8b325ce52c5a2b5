r"""Perturbations of a single column, E = u e_j^T: the sparsest ones, and for LegS nearly the best
of their size.

A rank-one E of one column is output feedback: A + u e_j^T places eigenvalues through the state x_j
alone. Where x_j sees every mode, as the last state of a cascade does, that is enough to make A well
conditioned.
"""

from __future__ import annotations

import math

import numpy as np

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Array
from .diagonalization import EPS, Diagonalization, Progress, diagonalized, split
from .least_size import conditioning_of
from .random import draw


def last_column(system: NPLR | Dense | Array, *, size: float = 1e-5) -> Diagonalization:
    r"""The perturbation of the last column of LegS, in closed form: a small |E| and a transfer
    error that is smaller still.

    .. math::  E = \epsilon\, u\, e_{N-1}^\top, \qquad u_k \propto \sqrt{2k+1}\; e^{-k(k+4)/2N}, \quad |u| = 1,
               \qquad \epsilon = \text{size}\; |A|_2.

    With 2 epsilon < 1 and the input B of `legs`, the state is off by at most

    .. math::  |\tilde x - \hat x| = \epsilon\, |\hat x_{N-1}|\, |(i\omega - A - E)^{-1} u|
               \le \frac{2 \epsilon}{(1 - 2\epsilon)\sqrt{2N-1}} \qquad \text{for every } \omega,

    since |x^_{N-1}| <= 1/sqrt(2N-1) and A + A^T <= -I, for which reason A + E is also stable: Re
    Lambda <= epsilon - 1/2. No such promise is made beyond. At N = 64, |E|_2 = 0.1 and 0.01 give
    kappa_2(V) = 4.2e3 and 3.2e4, 11 % and 8 % above what `column` finds; at N = 128 it is 27 %.

    `facts`: `size`; `absolute` = |E|_2 = epsilon; `closed_form_bound`, the bound above times |B| over
    that of `legs`, where B is parallel to it and 2 epsilon < 1, inf elsewhere.

    Raises TypeError or ValueError for `size` <= 0 and for any other A than that of `hippo.legs`.
    Cost O(N^3).

    Source: derived here.

    >>> from ssmlinalg import hippo
    >>> d = last_column(hippo.legs(64), size=1e-5)
    >>> round(d.facts["absolute"], 4), d.facts["closed_form_bound"] < 0.005, d.condition < 2e4
    (0.0261, True, True)
    """
    A, B = split(system)
    size = require.real("size", size, above=0)
    k = np.arange(len(A))
    root = np.sqrt(2 * k + 1)
    legs = -np.tril(np.outer(root, root), -1) - np.diag(k + 1.0)
    aside = float(np.linalg.norm(A - legs) / np.linalg.norm(legs))
    if aside > 64 * EPS:
        raise ValueError(
            f"A must be that of legs({len(A)}); got one {aside:.3g} |A| away. Use column for other matrices."
        )
    u = root * np.exp(-k * (k + 4) / (2 * len(A)))
    length = size * float(np.linalg.norm(A, 2))
    E = np.zeros_like(A)
    E[:, -1] = length * u / np.linalg.norm(u)
    bound = math.inf
    if B is not None and 2 * length < 1:
        gain = float(root @ B) / float(root @ root)
        if np.linalg.norm(B - gain * root) <= 64 * EPS * np.linalg.norm(B):
            bound = (
                abs(gain)
                * 2
                * length
                / ((1 - 2 * length) * math.sqrt(2 * len(A) - 1))
                * (1 + 64 * EPS)
            )
    facts = {"size": size, "absolute": length, "closed_form_bound": bound}
    return diagonalized(system, E, method="last_column", facts=facts)


def column(
    system: NPLR | Dense | Array,
    *,
    size: float = 1e-2,
    index: int | None = None,
    seed: int = 0,
    iterations: int = 100,
    progress: Progress | None = None,
) -> Diagonalization:
    r"""The perturbation of one column of any square matrix A (N, N) that conditions it best, as far
    as descent finds it.

    .. math::  \min_u\ \kappa_2(V), \qquad A + \epsilon\, u\, e_j^\top = V \Lambda V^{-1}, \quad |u| = 1,
               \qquad \epsilon = \text{size}\; |A|_2

    (epsilon = size where A = 0), with real u for a real A. The column j is `index`, counted from
    the end if negative; if None, that of smallest kappa_2(V) under one random u among the first,
    the last and the four to which a Gaussian perturbation of A is most sensitive. The search starts
    from a random u and has two stages of L-BFGS of at most `iterations` steps, kappa_F(V) first.
    What is returned is the best u met that keeps a stable A stable; of an A that is not, nothing is
    asked.

    One column cannot do everything: what x_j does not see stays as it is, and kappa_2(V) with it.
    Cascades (`legs`, a Jordan block) are seen whole from their end; Frank or companion matrices of
    large order are not from anywhere.

    `progress` as in `minimize`; so is what happens on an interrupt. `facts`: `size`, `index`,
    `evaluations`, `interrupted`.

    Raises TypeError or ValueError for what is no finite square matrix, `size` <= 0, an `index`
    outside, and where no u met keeps a stable A stable and makes it diagonalizable in double
    precision. Cost O(N^3) an evaluation, some 20 to 300 of them.

    Source: derived here; the gradient is column j of that in `minimize`.

    >>> from ssmlinalg import hippo
    >>> d = column(hippo.legs(32), size=1e-3)
    >>> int(d.facts["index"]), int(d.E.any(axis=0).sum()), d.condition < 200
    (31, 1, True)
    """
    A, _ = split(system)
    order = len(A)
    size, iterations = (
        require.real("size", size, above=0),
        require.integer("iterations", iterations),
    )
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    if index is not None:
        index = require.integer("index", index, least=-order)
        if index >= order:
            raise ValueError(
                f"`index` must be below N = {order}; got {index}. -1 is the last column."
            )
    unit = float(np.linalg.norm(A, 2)) or 1.0
    M = A / unit
    alpha = float(np.real(np.linalg.eigvals(M)).max())
    ceiling = alpha / 2 if alpha < 0 else math.inf
    u = draw(rng, (order,), whole=np.iscomplexobj(M))
    j = _most_telling(M, size, u, rng) if index is None else index % order
    best, lowest, evaluations, interrupted = None, 1 / (order * EPS), 0, False

    def evaluate(x: np.ndarray, p: float) -> tuple[float, np.ndarray]:
        nonlocal best, lowest, evaluations
        v = x.view(M.dtype)
        length = float(np.linalg.norm(v)) or 1.0
        found = conditioning_of(_with_column(M, j, size * v / length), p)
        value, slope = found.logarithm, size * found.gradient[:, j]
        excess = found.abscissa - ceiling
        if excess > 0:  # steep enough to turn back whatever is gained beyond
            value, slope = value + 10 * excess / size, slope + 10 * found.abscissa_gradient[:, j]
        elif found.condition < lowest:
            best, lowest = v / length, found.condition
        evaluations += 1
        if progress:
            progress(evaluations=evaluations, condition=found.condition, size=size)
        slope = (slope - v * float(np.vdot(v, slope).real) / length**2) / length
        return value, slope.view(np.float64)

    from scipy.optimize import minimize  # it takes as long to import as the rest of the library

    x = u.view(np.float64)
    options = {
        "maxiter": iterations,
        "maxfun": 4 * iterations,
        "maxcor": 20,
        "ftol": 1e-9,
        "gtol": 1e-7,
    }
    try:
        for p in (1.0, math.inf):
            x = minimize(evaluate, x, args=(p,), jac=True, method="L-BFGS-B", options=options).x
    except KeyboardInterrupt:
        if best is None:
            raise
        interrupted = True
    if best is None:
        got = f"none of size {size:g} that does, in column {j}"
        raise ValueError(
            f"u must make A diagonalizable and keep a stable A stable; got {got}. Try another size or `index`."
        )
    facts = {
        "size": size,
        "index": float(j),
        "evaluations": float(evaluations),
        "interrupted": float(interrupted),
    }
    E = unit * (_with_column(np.zeros_like(M), j, size * best))
    return diagonalized(system, E, method="column", facts=facts)


def _with_column(A: Array, j: int, u: Array) -> Array:
    """A + u e_j^T."""
    A = A.copy()
    A[:, j] += u
    return A


def _most_telling(A: Array, size: float, u: Array, rng: np.random.Generator) -> int:
    """The column through which u of that size conditions A best, among those that a look at the
    gradient recommends.
    """
    G = draw(rng, A.shape, whole=np.iscomplexobj(A))
    slope = np.linalg.norm(
        conditioning_of(A + size * G / np.linalg.norm(G, 2), 1.0).gradient, axis=0
    )
    candidates = {0, len(A) - 1, *np.argsort(-slope, kind="stable")[:4].tolist()}
    u = size * u / np.linalg.norm(u)
    return min(sorted(candidates), key=lambda j: conditioning_of(_with_column(A, j, u)).condition)
