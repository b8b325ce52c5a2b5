"""The least order at which a method meets an error, for all members of a batch together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ground.backend import Real
from .goals import Goal


class Method(NamedTuple):
    """A method of reduction, ready for the members of one batch.

    Attributes:
        orders: (m,), the states of each member.
        most: (m,), the most states of a model that is not the member itself.
        lower: (m, N + 1), the error that no model of each order gets below, falling.
        size: (m,), the norm of each member, from below.
        propose: models (k,) of members (k,) and orders (k,), None where the method has none.
        error: bounds (k,) from above on the errors of models of the members (k,).
    """

    orders: np.ndarray
    most: np.ndarray
    lower: Real
    size: Real
    propose: Callable[[np.ndarray, np.ndarray], list[Any]]
    error: Callable[[np.ndarray, Sequence[Any]], Real]


class Found(NamedTuple):
    """The models of all members, and their orders (m,)."""

    models: list[Any]
    orders: np.ndarray
    least: np.ndarray


def found(method: Method, goal: Goal) -> Found:
    """The models that the goal asks for.

    Raises ValueError where the method has no model of the order asked for.
    """
    if goal.order is not None:
        return _of_order(method, goal.order)
    return _within(method, goal, allowed(goal, method.size))


def allowed(goal: Goal, size: Real) -> Real:
    """The absolute error (m,) that each member may have."""
    error = np.full(len(size), goal.error, float)
    with np.errstate(over="ignore"):  # any error then
        return error * size if goal.relative else error


def keep(goal: Goal, size: Real, upper: Real) -> None:
    """Refuse an error that the models had, and lost as they were rounded to their form.

    Raises ValueError.
    """
    if goal.error is None:
        return
    most = allowed(goal, size)
    if np.all(upper <= most):
        return
    worst = int(np.argmax(upper - most))
    reached = upper[worst] / size[worst] if goal.relative else upper[worst]
    rule = "`error` must be within reach of the precision of the form"
    got = f"{goal.error:g}, where rounding leaves {reached:.3g}"
    raise ValueError(f"{rule}; got {got}. Allow more, or move the form to float64.")


def all_missed(goal: Goal, orders: np.ndarray, size: Real, error: Real) -> Real:
    """Errors (k,), those of no states at all relative to what they are: the whole, so 1."""
    return np.where((orders == 0) & goal.relative, size, error)


def least_orders(lower: Real, error: Real) -> np.ndarray:
    """The least order (m,) whose error is not bound to exceed `error` (m,)."""
    return np.argmax(lower <= error[:, None], axis=-1)


def _of_order(method: Method, order: int) -> Found:
    """The models of an order; of many members, those that have none take the next one below."""
    orders = np.minimum(order, method.most)
    orders = np.where(order >= method.orders, method.orders, orders)
    everyone = np.arange(len(orders))
    models = method.propose(everyone, orders)
    lacking = np.array([model is None for model in models])
    if np.all(lacking):
        raise ValueError(_between_equals(method, 0, int(orders[0])))
    while np.any(lacking):
        orders[lacking] -= 1
        found = method.propose(everyone[lacking], orders[lacking])
        for k, model in zip(everyone[lacking], found, strict=True):
            models[k] = model
            lacking[k] = model is None
    return Found(models, orders, orders)


def _between_equals(method: Method, member: int, order: int) -> str:
    """The sentence that refuses an order, with the nearest that are possible."""
    every = np.arange(method.orders[member] + 1)
    models = method.propose(np.full(len(every), member), every)
    possible = [r for r, model in enumerate(models) if model is not None]
    near = [max(r for r in possible if r < order), min(r for r in possible if r > order)]
    where = f" in member {member}" if len(method.orders) > 1 else ""
    rule = "`order` must not cut between Hankel singular values that rounding cannot tell apart"
    return f"{rule}; got {order}{where}. Ask for {near[0]} or {near[1]}."


class _Search(NamedTuple):
    """Where the search of each member stands: no model below `low` is wanted, none from `high` on.

    Attributes:
        low: (m,), the highest order whose model was not within the error.
        high: (m,), the lowest order tried from which a model was, -1 before.
        step: (m,), how far to go up while there is none.
    """

    low: np.ndarray
    high: np.ndarray
    step: np.ndarray

    def wanted(self, orders: np.ndarray) -> np.ndarray:
        """The next order of each member: steps that double, then halves."""
        up = np.minimum(self.low + self.step, orders)
        return np.where(self.high < 0, up, (self.low + self.high) // 2)

    def active(self) -> np.ndarray:
        """The members that are not done."""
        return np.flatnonzero((self.high < 0) | (self.high - self.low > 1))


def _within(method: Method, goal: Goal, most: Real) -> Found:
    """The first models within their errors, from the least order on."""
    least = least_orders(method.lower, most)
    search = _Search(least - 1, np.full(len(least), -1), np.ones(len(least), int))
    models: list[Any] = [None] * len(least)
    orders = method.orders.copy()
    while len(active := search.active()):
        wanted = search.wanted(method.orders)
        tried, proposed = _next(method, active, wanted[active])
        errors = all_missed(goal, tried, method.size[active], method.error(active, proposed))
        for k, order, model, error in zip(active, tried, proposed, errors, strict=True):
            if error <= most[k] or order == method.orders[k]:
                search.high[k] = wanted[k]
                if models[k] is None or order < orders[k]:
                    models[k] = model
                    orders[k] = order
            else:
                search.low[k] = order
                search.step[k] *= 2
    return Found(models, orders, least)


def _next(method: Method, members: np.ndarray, orders: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """The first models of at least these orders, and their orders."""
    orders = orders.copy()
    models = method.propose(members, orders)
    while len(lacking := np.flatnonzero([model is None for model in models])):
        orders[lacking] += 1
        found = method.propose(members[lacking], orders[lacking])
        for k, model in zip(lacking, found, strict=True):
            models[k] = model
    return orders, models
