"""The least transfer error that a budget of conditioning buys: searched for and certified."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Array, Complex
from ..hippo import legs
from ..matrices import eigen
from ..matrices.refined_solves import refined
from ..matrices.scaling import exponent_of, times_power
from .diagonalization import (
    Diagonalization,
    Factors,
    Progress,
    canonical_eig,
    diagonalized,
    split,
)
from .kept_results import recalled
from .lossless_perturbation import lossless
from .modal_coordinates import ModalSystem, conjugate_rows, real_columns, whole
from .published_objective import minimize
from .search import Search
from .transfer_error_search import fit, run_stages, transport

# Where a search begins, made when it is its turn; None if there is no such start.
Start = Callable[[Search], ModalSystem | None]

_SMALL = 8  # order up to which `legs` is searched from several starts
_DRAWS = 6  # of them at random
_SECONDS = 300.0  # searches up to order 256 end before
_RANGE = 250  # powers of two whose squares are in range with those of frequencies
_LARGE = 30.0  # from here on moved poles are a worse start for `legs` than those of the law


def optimal(
    system: NPLR | Dense,
    *,
    conditioning: float = 8.0,
    modes: int | None = None,
    seconds: float = _SECONDS,
    progress: Progress | None = None,
) -> Diagonalization:
    r"""The smallest transfer error found under a budget for kappa(V).

    .. math::  \min_{V, \Lambda, \tilde B} \sup_\omega
               \left| V (i\omega - \Lambda)^{-1} \tilde B - (i\omega - A)^{-1} B \right|
               \quad \text{subject to} \quad \kappa_2(V) \le K, \quad |V e_j| = 1,

    V and Lambda closed under conjugation, Lambda stable: a search over V, Lambda and the input at
    once. E = V Lambda V^{-1} - A is real, and nothing is asked of its size.

    The search starts from `lossless` (for `legs` with its poles moved, up to order 8 from both
    signs of tau and some more), and ends in a local minimum. Where the system is not lossless it
    starts from the poles of A, which gives a model at once, and once more from `minimize`.

    For `legs` the deviation is then 0.4 to 0.7 of that of `lossless`, and `error_floor` says how
    much is left to gain at most. For `legs` of order 4, 6, 8, 16, 24, 32, 48, 64, 96, 128 and 256
    with K = 4, 8 and 16 results are kept with the package (benchmarks/optimal.py makes them again)
    and returned at once.

    With `modes` M > N, V is N x M and the search starts from `lossless` with as many. It takes what
    the budget leaves it; `weight_amplification` tells whether modes cancel: for `legs` of order 8,
    16 modes, K = 8 it is 7.1, that of `lossless` 6.9, at a third of the deviation.

    Args:
        system: a real stable form with A (N, N) and B (N,).
        conditioning: the budget K for kappa_2(V).
        modes: how many modes M the model has, N if it is not given.
        seconds: after which the search ends with the best so far, inf for no limit; so it does at a
            KeyboardInterrupt.
        progress: called after each step of the search with the least "error" on a grid so far, the
            "fraction" that is done, were no stage to end early, and "seconds_left" until the limit.

    Returns:
        The factors of A + E; `transfer_error` and `transfer_bound` bracket the error over all
        frequencies, by level sets. Facts: "conditioning" is the budget, "kept" 1 for a result that
        was kept, "interrupted" 1 for a search that was stopped early.

    Raises:
        TypeError: for a mere matrix, for a complex system, and for more modes than states of what
            is no NPLR form.
        ValueError: for an unstable system, and conditioning not above 1; for modes below N, and
            what `lossless` raises where there are more than states.
        OSError: if the file of kept results is missing or damaged.

    Cost:
        O(N^3) a step of the search: seconds up to N = 64, a minute at N = 256. Other systems take
        three times as long.

    Source:
        Derived here; the start is that of `lossless`.

    Example:
        >>> d = optimal(legs(8), conditioning=8)
        >>> d.condition <= 8, d.transfer_error < 0.03
        (True, True)
    """
    budget = require.real("conditioning", conditioning, above=1)
    seconds = require.seconds("seconds", seconds)
    require.progress(progress)
    A, B = split(system)
    if B is None:
        rule = "`system` must have an input to be near to"
        remedy = "Give an NPLR or Dense form, or use minimize."
        raise TypeError(f"{rule}; got a matrix. {remedy}")
    if np.iscomplexobj(A) or np.iscomplexobj(B):
        raise TypeError("`system` must be real; got complex entries. Use minimize.")
    Lambda, V = canonical_eig(A, B)
    abscissa = float(Lambda.real.max())
    if abscissa >= 0:
        got = f"an eigenvalue with real part {abscissa:.3g}"
        raise ValueError(f"`system` must be stable; got {got}. Use minimize.")
    if modes is not None and require.integer("modes", modes) != len(B):
        return searched(
            system, conditioning=budget, modes=modes, seconds=seconds, progress=progress
        )
    if eigen.condition(V) <= budget:  # nothing needs to be done
        facts = {"conditioning": budget, "kept": 0.0}
        return diagonalized(system, np.zeros_like(A), method="optimal", facts=facts)
    found = recalled(A, B, budget)
    if found is None:
        return searched(system, conditioning=budget, seconds=seconds, progress=progress)
    return certified(system, A, found, {"conditioning": budget, "kept": 1.0})


def searched(
    system: NPLR | Dense,
    *,
    conditioning: float = 8.0,
    modes: int | None = None,
    iterations: int = 200,
    seconds: float = _SECONDS,
    progress: Progress | None = None,
) -> Diagonalization:
    """The search of `optimal`, whether or not a result is kept.

    Args:
        system: a real stable form that `optimal` takes.
        conditioning: budget for kappa_2(V), above 1.
        modes: how many modes the model has, N if it is not given.
        iterations: steps of L-BFGS in each stage, at most.
        seconds: after which the search ends with the best so far.
        progress: called as by `optimal`.

    Returns:
        The factors of A + E with the facts of `optimal`.

    Example:
        >>> searched(legs(4), conditioning=3.0, iterations=2).facts["interrupted"]
        0.0
    """
    A, B = split(system)
    powers = (_extreme(A), _extreme(B))
    if modes is None and any(powers):
        rates, drives = (times_power(X, -power) for X, power in zip((A, B), powers, strict=True))
        near_one = Dense(rates, drives, np.zeros(len(B)), np.asarray(0.0), np.asarray(1.0))
        options = {"conditioning": conditioning, "iterations": iterations, "seconds": seconds}
        found = searched(near_one, progress=progress, **options)
        Lambda = times_power(found.Lambda, powers[0])
        modal = ModalSystem(Lambda, found.V, times_power(found.B, powers[1]))
        return certified(system, A, modal, dict(found.facts))
    starts = (
        _starts(system, A, B, conditioning)
        if modes is None
        else [_given(_wide_start(system, conditioning, modes))]
    )
    search = Search(seconds=seconds, progress=progress)
    shares = np.linspace(0, 1, len(starts) + 1)
    for start, first, last in zip(starts, shares[:-1], shares[1:], strict=True):
        part = (float(first), float(last))
        with search.interruptible():
            begun = start(search)
            if begun is not None:
                run_stages(search, A, B, begun, conditioning, iterations=iterations, part=part)
        if search.expired():
            break
    interrupted = float(search.interrupted)
    facts = {"conditioning": conditioning, "kept": 0.0, "interrupted": interrupted}
    return certified(system, A, whole(search.best), facts)


def _extreme(X: Array) -> int:
    """The power of two that X is searched for without, 0 unless its squares leave the range."""
    power = exponent_of(X)
    return power if abs(power) > _RANGE else 0


def _starts(system: NPLR | Dense, A: Array, B: Array, budget: float) -> list[Start]:
    """`lossless` where it is defined, for `legs` with its poles moved; else the poles of A, which
    are there at once, and `minimize`.

    For small `legs` by both signs of tau, which differ in the number of real poles, as they are and
    moved, at random too: the search keeps the number of real poles and ends in a local minimum.
    """
    found = _lossless(system, budget)
    if found is None:
        return [
            lambda _: fit(A, B, canonical_eig(A, B)[0]),
            partial(_minimized, system, budget),
        ]
    own = _given(ModalSystem(found.Lambda, found.V, found.B))
    order = len(B)
    exact = legs(order)
    if budget >= _LARGE or not np.array_equal(A, exact.A):
        return [own]
    if order > _SMALL or order == 1:
        return [_given(fit(A, B, transport(found.Lambda, float(order), budget)))]
    c = budget ** (order / (order - 1))
    signs = [lossless(exact, tau=tau).Lambda for tau in (2 / (c + 1), -2 / (c - 1))]
    rng = np.random.default_rng(order)
    moved = [transport(Lambda, float(order), budget) for Lambda in signs]
    drawn = [_shaken(Lambda, rng) for Lambda in signs * (_DRAWS // 2)]
    return [own, *(_given(fit(A, B, Lambda)) for Lambda in (*moved, *drawn))]


def _given(start: ModalSystem) -> Start:
    return lambda _: start


def _shaken(Lambda: Complex, rng: np.random.Generator) -> Complex:
    """Poles whose depths and heights are multiplied at random, in canonical order."""
    up = Lambda[Lambda.imag > 0]
    real = Lambda[Lambda.imag == 0].real
    size = rng.uniform(0.1, 0.7)
    depth, height = np.exp(size * rng.standard_normal((2, len(up))))
    moved = depth * up.real + 1j * height * up.imag
    moved = moved[np.argsort(moved.imag)]
    alone = np.sort(real * np.exp(2 * size * rng.standard_normal(len(real))))
    return np.concatenate([moved, moved.conj(), alone + 0j])


def _wide_start(system: Any, budget: float, modes: int) -> ModalSystem:
    """`lossless` with as many modes: moved poles end no lower."""
    found = lossless(system, conditioning=budget, modes=modes)
    return ModalSystem(found.Lambda, found.V, found.B)


def _lossless(system: NPLR | Dense, budget: float) -> Diagonalization | None:
    """A start by `lossless` of a system that is."""
    if not isinstance(system, NPLR):
        return None
    try:
        return lossless(system, conditioning=budget)
    except ValueError:
        return None


def _minimized(system: NPLR | Dense, budget: float, search: Search) -> ModalSystem | None:
    """A start by `minimize` of any system in the time that is left, if one is in the budget."""
    left = search.seconds_left()
    if left == 0:
        return None
    try:
        found = minimize(system, conditioning=budget, seconds=left, progress=search.report)
    except ValueError:  # out of reach
        return None
    search.interrupted |= found.facts["interrupted"] == 1
    return ModalSystem(found.Lambda, found.V, found.B)


def certified(
    system: NPLR | Dense, A: Array, found: ModalSystem, facts: dict[str, float]
) -> Diagonalization:
    """The diagonalization that a modal system is of `system`, E = V Lambda V^{-1} - A."""
    pairs = int(np.count_nonzero(found.Lambda.imag > 0))
    V_inv = conjugate_rows(_inverse(real_columns(found.V, pairs)), pairs)
    whole = (found.V * found.Lambda) @ V_inv
    if len(V_inv) == len(A):
        whole = refined(found.V.T, V_inv.T, (found.V * found.Lambda).T).T
    E = whole.real - A
    factors = partial(Factors, found.V, V_inv, E)
    return Diagonalization(
        system=system,
        Lambda=found.Lambda,
        B=found.B,
        factors=factors,
        method="optimal",
        facts=facts,
    )


def _inverse(R: Array) -> Array:
    return np.linalg.inv(R) if len(R) == len(R.T) else np.linalg.pinv(R)
