"""Systems of modes as a search of orders needs them, and what it finds as a `Reduction`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import forms
from ..ground.backend import Real
from ..systems.realization import on_host
from .balanced_systems import conditioning
from .error_norms import norm_of
from .goals import Goal
from .lower_bounds import lower_bounds
from .order_search import Found, Method, all_missed, keep, least_orders
from .poles import Poles
from .real_systems import RealSystems, difference, members, modes_of
from .reduction import Reduction, shaped
from .written import gathered, written

Propose = Callable[[np.ndarray, np.ndarray], list[Poles | None]]


def method_for(systems: RealSystems, sigma: Real, goal: Goal, propose: Propose) -> Method:
    """A method that proposes modes of members (index) at orders below that of each member."""

    def proposed(chosen: np.ndarray, orders: np.ndarray) -> list[Poles | None]:
        whole = orders == systems.order[chosen]
        models = iter(propose(chosen[~whole], orders[~whole]))
        return [
            kept_whole(systems, k) if all_of_it else next(models)
            for k, all_of_it in zip(chosen, whole, strict=True)
        ]

    def error(chosen: np.ndarray, models: Sequence[Poles]) -> Real:
        some = members(systems, chosen)
        return distances(some, gathered(models, some), goal.norm)

    units = systems.exponents(goal.norm)
    size = norm_of(systems, goal.norm)
    with np.errstate(over="ignore"):
        if not np.all(np.isfinite(8 * np.ldexp(size.upper, units))):
            rule = "norms must fit double precision; got one that overflows"
            raise ValueError(f"{rule}. Scale B and C down.")
    return Method(
        orders=systems.order,
        most=systems.order,
        lower=np.ldexp(lower_bounds(systems, sigma, goal.norm), units[:, None]),
        size=np.ldexp(size.lower, units),
        propose=proposed,
        error=error,
    )


def kept_whole(systems: RealSystems, member: int) -> Poles:
    """All modes of a member."""
    used = systems.used[member]
    return systems.A[member, used], systems.B[member, used], systems.C[member][:, used]


def distances(first: RealSystems, second: RealSystems, norm: str) -> Real:
    """Bounds (m,) from above on the norms of the differences."""
    apart = difference(first, second)
    return np.ldexp(norm_of(apart, norm).upper, apart.exponents(norm))


def reduction(
    form: Any, systems: RealSystems, method: Method, goal: Goal, answer: Found
) -> Reduction:
    """The models in the form that came in, measured as they are written there."""
    models = gathered(answer.models, systems)
    orders = models.order
    upper = np.zeros(len(orders))
    if np.any(orders < systems.order):
        form = written(models, form)
        upper = distances(systems, modes_of(form), goal.norm)
        upper = all_missed(goal, orders, method.size, upper)
    keep(goal, method.size, upper)
    lower = np.take_along_axis(method.lower, orders[:, None], -1)[:, 0]
    least = answer.least if goal.order is None else least_orders(method.lower, upper)
    scale = np.where(method.size > 0, method.size, 1.0) if goal.relative else 1.0
    figures = orders, least, lower / scale, upper / scale, conditioning(modes_of(form))
    figures = *figures, method.size, idle_modes(form).reshape(-1)
    return Reduction(form, *(shaped(x, systems.batch) for x in figures))


def idle_modes(form: Any) -> np.ndarray:
    """How many modes (...) of a form have no weight."""
    A, B, C, _ = forms.view(on_host(form))
    idle = np.all(B == 0, axis=-1) | np.all(C == 0, axis=-2)
    return np.sum(np.broadcast_to(idle, forms.batch(form) + A.shape[-1:]), axis=-1)
