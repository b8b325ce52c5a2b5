"""Systems whose A is a matrix, as a search of orders needs them, and as the forms they came in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import forms, systems
from ..forms import DPLR, Dense, DenseRecurrence
from ..ground.backend import Real
from ..ground.formats import EPS
from ..matrices.eigen import condition
from ..systems.gramians import controllability_factor, damped, observability_factor
from ..systems.realization import (
    Realization,
    fitted,
    on_host,
    real_blocks,
    shared_axes,
    transferred,
    undamped,
)
from .balanced_systems import Balanced, Realized, balance
from .goals import Goal
from .order_search import Found, Method, all_missed, keep, least_orders
from .reduction import Reduction, shaped
from .written import beside

_LOOSE = 2.0  # bounds further apart than that: level sets of close neighbours lose half the digits
_SHARES = (0.0, 0.5, 1.0)  # of the dampings that are tried for a bound of the energy


class Member(NamedTuple):
    """One system, its real matrices, and its balanced realization in true units.

    Attributes:
        given: the matrices that the form holds.
        real: (Re x, Im x) of a complex state.
        plain: the balanced realization.
        discrete: whether time is discrete.
    """

    given: Realization
    real: Realized
    plain: Balanced
    discrete: bool


def matrix_members(form: Any) -> list[Member]:
    """The members of the batch of a form with a matrix, without their direct paths.

    Raises ValueError for a system that is not stable, and for an empty batch.
    """
    return [_member(system) for system in _realizations(form)]


def _realizations(form: Any) -> list[Realization]:
    """The matrices of all members as the form holds them."""
    plain = forms.plain(on_host(form))
    if forms.kind(plain).ports:
        got = type(form).__name__
        rule = "a form whose A is a matrix must have one input and one output to be reduced"
        raise TypeError(f"{rule}; got {got}. Take its channels apart, or diagonalize it.")
    A, B, C, D = forms.view(plain)
    batch = shared_axes((A, 2), (B, 2), (C, 2), (D, 2))
    if 0 in batch:
        remedy = "Give at least one system."
        raise ValueError(f"batch axes must not be empty; got shape {batch}. {remedy}")
    A, B, C = (np.broadcast_to(X, batch + X.shape[-2:]) for X in (A, B, C))
    discrete = not forms.kind(plain).continuous
    none = np.zeros((1, 1))
    return [Realization(A[k], B[k], C[k], none, discrete) for k in np.ndindex(batch)]


def _member(given: Realization) -> Member:
    real = real_blocks(given)
    system, units = damped(transferred(given))
    seen = observability_factor(system)
    reached = controllability_factor(system)
    states = real_blocks(system)
    matrices = Realized(states.A, states.B, states.C)
    found = balance(matrices, seen, reached, floor=len(states.A) * EPS)
    half = (units.drive + units.readout) // 2
    plain = found._replace(
        A=fitted(found.A, units.rate),
        B=fitted(found.B, half),
        C=fitted(found.C, half),
        sigma=fitted(found.sigma, units.gain),
    )
    return Member(given, Realized(real.A, real.B, real.C), plain, given.discrete)


def orders_of(members: Sequence[Member]) -> np.ndarray:
    """The states (m,) of the real systems."""
    return np.array([len(each.real.A) for each in members])


def method_for_matrices(
    members: Sequence[Member], goal: Goal, cut: Callable[[Member, int], Realized | None]
) -> Method:
    """A method that cuts a member down to an order; the whole is kept as it is."""
    orders = orders_of(members)
    norms = [_size(each, goal.norm) for each in members]

    def propose(chosen: np.ndarray, wanted: np.ndarray) -> list[Realized | None]:
        return [
            members[k].real if order == orders[k] else cut(members[k], int(order))
            for k, order in zip(chosen, wanted, strict=True)
        ]

    def error(chosen: np.ndarray, models: Sequence[Realized]) -> Real:
        pairs = zip(chosen, models, strict=True)
        return np.array([_measure(members[k], goal.norm, model) for k, model in pairs])

    return Method(
        orders=orders,
        most=np.array([len(each.plain.sigma) for each in members]),
        lower=_lower_bounds(members, goal.norm),
        size=np.array(norms),
        propose=propose,
        error=error,
    )


def damps(model: Realized, *, discrete: bool) -> bool:
    """Whether a model is stable as far as rounding can tell."""
    return not len(model.A) or undamped(_realization(model, discrete=discrete)) is None


def _realization(model: Realized, *, discrete: bool) -> Realization:
    return Realization(*model, np.zeros((1, 1)), discrete)


def _measure(member: Member, norm: str, model: Realized | Realization | None) -> float:
    """A bound from above on the norm of a member, or of its distance from a model."""
    if model is member.real:
        return 0.0
    kept = model is not None and len(model.A) > 0
    first = _form(member.given, discrete=member.discrete)
    if not kept:
        found: Any = getattr(systems, f"{norm}_norm")(first)
        return float(getattr(found, "upper", found))
    second = _form(model, discrete=member.discrete)
    found = getattr(systems, f"{norm}_distance")(first, second)
    upper = float(getattr(found, "upper", found))
    if norm == "hinf" and upper > _LOOSE * found.lower:
        return min(upper, float(systems.l1_distance(first, second).upper))  # never below the gain
    return upper


def _size(member: Member, norm: str) -> float:
    """The norm of a member, from below."""
    found: Any = getattr(systems, f"{norm}_norm")(_form(member.given, discrete=member.discrete))
    return float(getattr(found, "lower", found))


def _form(model: Any, *, discrete: bool) -> Any:
    A, B, C = model[:3]
    if discrete:
        return DenseRecurrence(A, B[:, 0], C[0], np.asarray(0.0))
    return Dense(A, B[:, 0], C[0], np.asarray(0.0), np.asarray(1.0))


def _lower_bounds(members: Sequence[Member], norm: str) -> Real:
    most = int(np.max(orders_of(members)))
    lower = np.zeros((len(members), most + 1))
    for k, each in enumerate(members):
        sigma = each.plain.sigma
        if norm == "h2" and len(sigma):
            tails = np.max([_by_energy(each, share) for share in _SHARES], axis=0)
        else:
            tails = np.maximum(sigma - len(sigma) * EPS * sigma[:1], 0)
        lower[k, : len(tails)] = tails
    return lower


def _by_energy(member: Member, share: float) -> Real:
    """The bound of `lower_bounds` on the H2 error of each order, from one weight of the past."""
    A, B, C = member.plain[:3]
    poles = np.linalg.eigvals(A)
    distance = -np.log(np.maximum(np.abs(poles), EPS))
    rates = distance if member.discrete else -poles.real
    slow = float(np.min(rates))
    alpha = slow * (float(np.max(rates)) / slow) ** share
    if member.discrete:
        moved = A * math.exp(-alpha)
        highest = max(1 / (2 * alpha) - 1, 0)
        at = np.array([math.floor(highest), math.ceil(highest)])
        most = float(np.max((at + 1) * np.exp(-2 * alpha * at)))
    else:
        moved = A - alpha * np.eye(len(A))
        most = 1 / (2 * math.e * alpha)
    system = _realization(Realized(moved, B, C), discrete=member.discrete)
    scaled, units = damped(system)
    product = observability_factor(scaled).T @ controllability_factor(scaled)
    sigma = np.linalg.svd(product, compute_uv=False)[: len(A)]
    sigma = fitted(np.maximum(sigma - len(A) * EPS * sigma[:1], 0), units.gain)
    return np.sqrt(np.cumsum(sigma[::-1] ** 2)[::-1] / most)


def matrix_reduction(
    form: Any, members: Sequence[Member], method: Method, goal: Goal, answer: Found
) -> Reduction:
    """The models in the form that came in."""
    orders = answer.orders
    upper = np.zeros(len(orders))
    if np.any(orders < method.orders):
        form = _written(answer.models, form)
        pairs = zip(members, _realizations(form), strict=True)
        upper = np.array([_measure(each, goal.norm, read) for each, read in pairs])
        upper = all_missed(goal, orders, method.size, upper)
    keep(goal, method.size, upper)
    lower = np.take_along_axis(method.lower, orders[:, None], -1)[:, 0]
    least = answer.least if goal.order is None else least_orders(method.lower, upper)
    scale = np.where(method.size > 0, method.size, 1.0) if goal.relative else 1.0
    balanced = [
        each.plain.A if model is each.real else model.A
        for each, model in zip(members, answer.models, strict=True)
    ]
    kappa = np.array([_conditioning(A) for A in balanced])
    filled = np.max(orders, initial=1) - orders
    figures = orders, least, lower / scale, upper / scale, kappa, method.size, filled
    return Reduction(form, *(shaped(x, forms.batch(form)) for x in figures))


def _conditioning(A: Real) -> float:
    return condition(np.linalg.eig(A)[1]) if len(A) else 1.0


def _written(models: Sequence[Realized], form: Any) -> Any:
    """The models as a form of the type of `form`, filled up with states at rest."""
    inner = forms.inner(form)
    batch = forms.batch(form)
    count = max(1, *(len(model.A) for model in models))
    known = forms.kind(form)
    A = np.zeros((len(models), count, count))
    B = np.zeros((len(models), count))
    C = np.zeros((len(models), count))
    for k, model in enumerate(models):
        r = len(model.A)
        A[k] = np.diag(np.full(count, 0.5 if not known.continuous else -1.0))
        A[k, :r, :r] = model.A
        B[k, :r] = model.B[:, 0]
        C[k, :r] = model.C[0]
    fields: dict[str, Any] = {"A": A, "B": B, "C": C}
    if isinstance(inner, DPLR):
        fields = _diagonal(A, B, C, inner.P.shape[-1])
    fields = {name: X.reshape(*batch, *X.shape[1:]) for name, X in fields.items()}
    fields["D"] = inner.D
    if known.continuous:
        fields["step"] = inner.step
    return beside(fields, form)


def _diagonal(A: Real, B: Real, C: Real, rank: int) -> dict[str, Any]:
    """The modes of matrices, with a low-rank part of zeros."""
    Lambda, V = np.linalg.eig(A)
    return {
        "Lambda": Lambda + 0j,
        "P": np.zeros((*B.shape, rank), complex),
        "B": np.linalg.solve(V, B[..., None] + 0j)[..., 0],
        "C": (C[:, None] @ V)[:, 0] + 0j,
    }
