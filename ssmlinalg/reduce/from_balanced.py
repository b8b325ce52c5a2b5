"""Methods that make a model of an order from the balanced realization of a channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ground.backend import Real
from ..ground.formats import EPS
from ..matrices.graded_svd import WITHIN
from .balanced_systems import Balanced, Realized, balanced_members
from .goals import goal
from .matrix_models import (
    Member,
    damps,
    matrix_members,
    matrix_reduction,
    method_for_matrices,
    orders_of,
)
from .modal_models import method_for, reduction
from .order_search import found
from .poles import Poles, nearby_poles, stable
from .real_systems import has_modes, modes_of, most_states, readable
from .reduction import Reduction

# A model of an order from a balanced realization and whether time is discrete; None where the
# method has none.
Cut = Callable[[Balanced, int, bool], Realized | None]


def reduced(form: Any, order: Any, error: Any, norm: str, relative: Any, cut: Cut) -> Reduction:
    """A form reduced by a method, whether its A are eigenvalues or a matrix.

    Raises what `balanced_truncation.balanced` says.
    """
    form = readable(form)
    if not has_modes(form):
        return _of_matrices(form, order, error, norm, relative, cut)
    systems = modes_of(form)
    asked = goal(order, error, norm, relative=relative, most=most_states(form))
    plain = balanced_members(systems)

    def propose(chosen: np.ndarray, orders: np.ndarray) -> list[Poles | None]:
        pairs = zip(chosen, orders, strict=True)
        models = [cut(plain[k], int(order), systems.discrete) for k, order in pairs]
        return [
            modes if modes and stable(modes[0], discrete=systems.discrete) else None
            for modes in nearby_poles(models)
        ]

    method = method_for(systems, _spread(plain), asked, propose)
    return reduction(form, systems, method, asked, found(method, asked))


def _of_matrices(
    form: Any, order: Any, error: Any, norm: str, relative: Any, cut: Cut
) -> Reduction:
    members = matrix_members(form)
    asked = goal(order, error, norm, relative=relative, most=int(np.max(orders_of(members))))

    def propose(member: Member, order: int) -> Realized | None:
        plain = member.plain
        if order > len(plain.sigma):
            return None
        model = cut(plain, order, member.discrete)
        return model if model and damps(model, discrete=member.discrete) else None

    method = method_for_matrices(members, asked, propose)
    return matrix_reduction(form, members, method, asked, found(method, asked))


def _spread(plain: Sequence[Balanced]) -> Real:
    """Lower bounds (m, N) on the Hankel singular values, those of smaller members followed by 0."""
    count = max(1, *(len(each.sigma) for each in plain))
    sigma = np.stack([np.pad(each.sigma, (0, count - len(each.sigma))) for each in plain])
    return sigma * (1 - 4 * count * EPS / WITHIN)


def equal_to(sigma: Real, index: int) -> np.ndarray:
    """Which values rounding cannot tell from that of an index."""
    return np.abs(sigma - sigma[index]) <= _EQUAL * len(sigma) * EPS * sigma[index]


def between_equals(sigma: Real, order: int) -> bool:
    """Whether a cut after `order` values parts two that rounding cannot tell apart."""
    return 0 < order < len(sigma) and bool(equal_to(sigma, order)[order - 1])


_EQUAL = 1024  # roundings of a Hankel singular value that leave two of them alike, for each state
