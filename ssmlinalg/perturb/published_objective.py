"""The published perturbation: the least kappa_2(V)^2 + gamma |E|_F, by its exact gradient."""

from __future__ import annotations

import math
from typing import NamedTuple, NoReturn

import numpy as np

from ..forms import is_form
from ..ground import require
from ..ground.backend import Array, Real
from ..ground.formats import EPS
from .conditioning_gradient import conditioning_of
from .diagonalization import Diagonalization, Progress, System, diagonalized, split
from .random_matrices import draw
from .search import Search

_STAGES = (4.0, 32.0, math.inf)  # p: nearly one minimum for every start, then the objective itself
_LBFGS = {"maxcor": 20, "ftol": 1e-10, "gtol": 1e-9}
_START = 0.03  # |E|_F/|A|_F of the Gaussian perturbations that a search begins with
_TRADES = 10  # values of gamma tried for a budget
_CLOSE = 0.98  # part of the budget that kappa(V) is to reach


class Objective(NamedTuple):
    """The objective at one E.

    Attributes:
        value: log(kappa_p(V)^2 + gamma |E'|_F/|A|_F).
        gradient: its gradient (N, N) in E.
        moved: E' = E - s I, moved to where the spectrum is allowed.
        condition: kappa_2(V).
    """

    value: float
    gradient: Array
    moved: Array
    condition: float


class _Goal(NamedTuple):
    """The candidates to prefer: of least objective for a gamma, or of least size in a budget."""

    gamma: float | None
    budget: float
    order: int

    def merit(self, condition: float, size: float) -> float:
        if condition * self.order * EPS > 1:
            return math.inf
        if self.gamma is not None:
            return condition**2 + self.gamma * size
        return size if condition <= self.budget else math.inf

    def reached(self, condition: float) -> bool:
        """Whether E = 0 cannot be improved upon."""
        least = self.budget if self.gamma is None else 1 + 64 * self.order * EPS
        return condition <= least


class _Descent(NamedTuple):
    """Descents for one matrix M of norm 1: the spectrum kept to Re <= ceiling, steps a stage."""

    M: Array
    ceiling: float
    iterations: int
    goal: _Goal
    search: Search

    @property
    def scale(self) -> float:
        """|M|_F; 1 where M = 0."""
        return float(np.linalg.norm(self.M)) or 1.0

    def stage(self, E: Array, gamma: float, p: float) -> Objective:
        """The minimum of the objective with kappa_p that L-BFGS reaches from E."""

        def at(x: Real, p: float) -> Objective:
            matrix = x.view(self.M.dtype).reshape(self.M.shape)
            return objective(self.M, matrix, gamma, self.ceiling, p)

        def loss(x: Real) -> tuple[float, Real]:
            found = at(x, p)
            size = float(np.linalg.norm(found.moved)) / self.scale
            merit = self.goal.merit(found.condition, size)
            self.search.evaluated(found.moved, merit, condition=found.condition, size=size)
            return found.value, _flat(found.gradient)

        options = {"maxiter": self.iterations, "maxfun": 4 * self.iterations} | _LBFGS
        x = self.search.descend(loss, _flat(E), options)
        return at(x, math.inf)

    def run(self, E: Array, gamma: float, first: int = 0) -> tuple[Array, float]:
        """The minimum that is reached from E stage by stage, and its kappa_2(V)."""
        condition = math.inf
        for p in _STAGES[first:]:
            found = self.stage(E, gamma, p)
            E = found.moved
            condition = found.condition
            if self.search.expired():
                break
        return E, condition

    def balance(self, E: Array, gamma: float) -> float:
        """The gamma whose minimum has kappa_2(V) between 98 % and all of the budget.

        Each minimum is the start for the next gamma.
        """
        budget = self.goal.budget
        low = 0.0
        high = math.inf
        first = 0
        for _ in range(_TRADES):
            E, condition = self.run(E, gamma, first)
            close = _CLOSE * budget <= condition <= budget or high < 1.001 * low
            if close or self.search.expired():
                break
            if condition <= budget:
                low = gamma
            else:
                high = gamma
            # kappa(V) ~ |E|^{-a} makes it gamma^{a/(2a+1)} at the minimum, the cube root for a = 1.
            factor = (0.99 * budget / condition) ** 3
            gamma *= min(max(factor, 1e-2), 1e2)
            gamma = _inside(gamma, low, high)
            first = 1  # the smoothest stage has done its part
        return gamma


def minimize(
    system: System,
    *,
    conditioning: float | None = None,
    gamma: float | None = None,
    shift: bool | None = None,
    tries: int = 1,
    seed: int = 0,
    iterations: int = 300,
    seconds: float = math.inf,
    progress: Progress | None = None,
) -> Diagonalization:
    r"""The perturbation of any square matrix that trades conditioning for size best.

    .. math::  \min_E\ \kappa_2(V)^2 + \gamma\, |E|_F/|A|_F, \qquad
               A + E = V \Lambda V^{-1}, \quad |V e_j| = 1,

    over real E for a real A, so the spectrum stays closed under conjugation. Give `gamma`, or
    `conditioning` (8 if neither): then gamma is searched for until kappa_2(V) at the minimum is
    within 2 % of that budget, if it can be, and the smallest E met on the way that keeps the budget
    is returned. The published objective has gamma |E|_F: its gamma is this one / |A|_F.

    Stability is kept by a shift. Every E tried is first moved along the identity, E - s I with the
    least s >= 0 for which max Re Lambda <= alpha(A)/2 where A is stable and <= alpha(A) where it is
    not: V does not notice, and s has a gradient. The shift counts in |E|, and of a plain matrix
    that is not stable anyway it is taken only if asked for: grcar(100) at kappa(V) = 100 has |E| =
    0.006 |A| without and 0.31 |A| with it. alpha(A) is the abscissa that LAPACK finds: a stable A
    so far from normal that rounding errors move its eigenvalues across the axis counts as unstable.

    The minimum is a local one. The search begins with seeded Gaussian perturbations,
    |E|_F = 0.03 |A|_F and, if A itself is no worse, ends with E = 0, as for a normal A.

    Args:
        system: a form with A (N, N) and B (N,), or a square matrix.
        conditioning: budget for kappa_2(V).
        gamma: weight of |E|_F/|A|_F, instead of a budget.
        shift: whether the abscissa is kept by a shift. None keeps that of a form and of a stable
            matrix.
        tries: how many Gaussian perturbations to begin with; the best minimum counts.
        seed: of those perturbations.
        iterations: steps of L-BFGS in each of three stages, at most.
        seconds: after which the search ends with the best E so far, inf for no limit; so it does at
            a KeyboardInterrupt.
        progress: called after each evaluation with "evaluations", "condition" = kappa_2(V) and
            "size" = |E|_F/|A|_F, and "seconds_left" if there is a limit.

    Returns:
        The factors of A + E, with the facts "gamma", "frobenius" = |E|_F/|A|_F, "shift" = tr E/N,
        the multiple of the identity in E, "evaluations", and "interrupted" = 1 for a search that
        was stopped early.

    Raises:
        TypeError: for what is no form with one input and no matrix of numbers, and for a `shift`
            that is no truth value.
        ValueError: for what is no finite square matrix, `gamma` <= 0, `conditioning` <= 1, both
            given, and for a conditioning out of reach of the iterations or seconds, with the one
            that was reached.
        KeyboardInterrupt: if interrupted with nothing to keep.

    Cost:
        O(N^3) for each evaluation, some hundred of them for a `gamma` and some hundred more for a
        `conditioning`.

    Source:
        Yu et al. 2024 (arXiv 2310.01698), Section 4.2, for the objective; the gradient is derived
        in `conditioning_gradient`.

    Example:
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
    tries = require.integer("tries", tries)
    iterations = require.integer("iterations", iterations)
    seconds = require.seconds("seconds", seconds)
    require.progress(progress)
    if shift is not None:
        shift = require.switch("shift", shift)
    elif is_form(system):
        shift = True
    rng = np.random.default_rng(require.integer("seed", seed, least=0))

    unit = float(np.linalg.norm(A, 2)) or 1.0
    # The last digits of kappa(V) change when V is computed once more.
    goal = _Goal(gamma, budget * (1 - math.sqrt(EPS)), len(A))
    search = Search(seconds=seconds, progress=progress)
    descent = _descent(A / unit, goal, shift, iterations, search)
    # For a budget: kappa(V) ~ 1/|E| with |E| = 0.3 |A| at kappa(V) = 1.
    trade = _search(descent, gamma or 7 * budget**3, tries, rng)
    if math.isinf(search.merit):
        limit = f"{seconds:g} seconds" if search.interrupted else f"{iterations} iterations"
        _refuse_out_of_reach(budget, search, limit)
    size = float(np.linalg.norm(search.best)) / descent.scale
    E = unit * search.best
    moved_by = float(np.real(np.trace(E))) / len(E)
    facts = {"gamma": trade, "frobenius": size, "shift": moved_by} | search.facts()
    return diagonalized(system, E, method="minimize", facts=facts)


def _refuse_out_of_reach(budget: float, search: Search, limit: str) -> NoReturn:
    rule = f"`conditioning` must be within reach of {limit}"
    got = f"{budget:g}, and kappa(V) = {search.least['condition']:.6g} at best"
    raise ValueError(f"{rule}; got {got}. Raise it, `iterations` or `tries`.")


def _descent(
    M: Array,
    goal: _Goal,
    shift: bool | None,
    iterations: int,
    search: Search,
) -> _Descent:
    """Descents of a search that has met E = 0 only."""
    found = conditioning_of(M)
    zero = np.zeros_like(M)
    merit = goal.merit(found.condition, 0.0)
    search.offer(zero, merit)
    search.least["condition"] = found.condition
    stable = found.abscissa < 0
    ceiling = found.abscissa / 2 if stable else found.abscissa
    if not (stable if shift is None else shift):
        ceiling = math.inf
    return _Descent(M, ceiling, iterations, goal, search)


def _search(descent: _Descent, trade: float, tries: int, rng: np.random.Generator) -> float:
    """The gamma of the last descent; each try begins with a Gaussian perturbation."""
    M = descent.M
    if descent.goal.reached(descent.search.least["condition"]):
        return trade
    with descent.search.interruptible():
        for _ in range(tries):
            if descent.search.expired():
                break
            G = draw(rng, M.shape, imaginary=np.iscomplexobj(M))
            E = _START * descent.scale * G / np.linalg.norm(G)
            if descent.goal.gamma is not None:
                descent.run(E, trade)
            else:
                trade = descent.balance(E, trade)
    return trade


def objective(
    A: Array,
    E: Array,
    gamma: float,
    ceiling: float,
    p: float = math.inf,
) -> Objective:
    """The objective at E, with its gradient.

    E' = E - s I, where s is the least shift >= 0 that brings the spectrum of A + E' to
    Re <= `ceiling`.

    Args:
        A: matrix (N, N).
        E: perturbation (N, N) of the same type.
        gamma: weight of |E'|_F/|A|_F.
        ceiling: bound of the spectral abscissa of A + E', inf for none.
        p: exponent of the Schatten norm in kappa_p.

    Returns:
        The value, its gradient in E, E' and kappa_2(V).

    Cost:
        O(N^3).

    Example:
        >>> found = objective(-np.eye(2), np.diag([0.0, 2.0]), gamma=1.0, ceiling=-0.5)
        >>> found.moved
        array([[-1.5,  0. ],
               [ 0. ,  0.5]])
    """
    found = conditioning_of(A + E, p)
    shift = max(found.abscissa - ceiling, 0.0)
    moved = E - shift * np.eye(len(A))
    size = float(np.linalg.norm(moved))
    price = gamma / (float(np.linalg.norm(A)) or 1.0)
    square = math.exp(2 * found.logarithm)
    value = square + price * size
    slope = moved / (size or 1.0)
    if shift > 0:
        slope = slope - np.real(np.trace(slope)) * found.abscissa_gradient
    gradient = (2 * square * found.gradient + price * slope) / value
    return Objective(math.log(value), gradient, moved, found.condition)


def _flat(E: Array) -> Real:
    """The entries as a real vector, as L-BFGS takes them."""
    return np.ascontiguousarray(E).ravel().view(np.float64)


def _inside(gamma: float, low: float, high: float) -> float:
    """gamma, or the middle of an interval that it would hardly shorten."""
    if low == 0 or math.isinf(high):
        return gamma
    tenth = (high / low) ** 0.1
    return gamma if low * tenth < gamma < high / tenth else math.sqrt(low * high)
