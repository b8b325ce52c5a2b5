"""Modal truncation: the modes with the largest shares of the response stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from .goals import goal
from .modal_gramians import eigenvalues_of, hankel_values
from .modal_models import method_for, reduction
from .order_search import found
from .poles import Poles
from .real_systems import RealSystems, most_states, readable
from .reduction import Reduction


def modal(
    form: Any,
    *,
    order: int | None = None,
    error: float | None = None,
    norm: str = "hinf",
    relative: bool = True,
) -> Reduction:
    r"""Modal truncation: of the modes, those with the largest shares stay, as they are.

    .. math::  \frac{|c_k b_k|}{|\operatorname{Re} a_k|} \;\text{ (H-infinity, L1)}, \qquad
               \frac{|c_k b_k|}{\sqrt{2 |\operatorname{Re} a_k|}} \;\text{ (H2)},

    in discrete time with 1 - |z_k| and sqrt(1 - |z_k|^2) below. Neither modes nor weights move, so
    the result is what setting the other weights to 0 gives. `balanced` is usually far nearer.

    Args:
        form: a stable form of any library whose A are eigenvalues.
        order: what `balanced` takes. A pair that would exceed it is passed over for a real mode, so
            that the order found may be one less.
        error: what `balanced` takes.
        norm: what `balanced` takes.
        relative: what `balanced` takes.

    Returns:
        A `Reduction`, as that of `balanced`.

    Raises:
        TypeError: for a form whose A is a matrix; what `balanced` raises.
        ValueError: what `balanced` raises, but for cuts between equals.

    Cost:
        O(N log N), and that of `singular_values` for the bounds from below.

    Source:
        Davison 1966, IEEE Trans. Automat. Control 11, 93-101.

    Example:
        >>> from ssmlinalg import s4d_inv_init
        >>> form = s4d_inv_init(32)
        >>> small = modal(form, order=12)
        >>> set(small.form.A) < set(form.A), small.upper > small.lower
        (True, True)
    """
    form = readable(form)
    systems = eigenvalues_of(form)
    asked = goal(order, error, norm, relative=relative, most=most_states(form))
    shares = _shares(systems, norm)

    def propose(chosen: np.ndarray, orders: np.ndarray) -> list[Poles | None]:
        return [_kept(systems, k, shares[k], r) for k, r in zip(chosen, orders, strict=True)]

    method = method_for(systems, hankel_values(systems), asked, propose)
    return reduction(form, systems, method, asked, found(method, asked))


def _kept(systems: RealSystems, member: int, shares: np.ndarray, order: int) -> Poles:
    """The modes of a member with the largest shares."""
    kept = largest(shares, 1 + systems.pairs[member], order)
    return systems.A[member, kept], systems.B[member, kept], systems.C[member][:, kept]


def _shares(systems: RealSystems, norm: str) -> np.ndarray:
    """The norm (m, n) of the response of each mode alone."""
    weight = np.linalg.norm(systems.B, axis=-1) * np.linalg.norm(systems.C, axis=-2)
    size = np.abs(systems.A)
    if norm == "h2":
        room = (1 - size) * (1 + size) if systems.discrete else -2 * systems.A.real
        return weight / np.sqrt(room)
    return weight / (1 - size if systems.discrete else -systems.A.real)


def largest(shares: np.ndarray, states: np.ndarray, order: int) -> np.ndarray:
    """Modes by falling share, as long as their states fit into an order."""
    kept = np.zeros(len(shares), bool)
    left = order
    for k in np.argsort(-shares, kind="stable"):
        if shares[k] > 0 and states[k] <= left:
            kept[k] = True
            left -= int(states[k])
    return kept
