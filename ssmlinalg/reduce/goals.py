"""The goal of a reduction, checked once: an order or an error, and the norm of the error."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..ground import require

NORMS = {
    "hinf": "H-infinity: the largest gain at any frequency",
    "h2": "H2: the energy of the kernel",
    "l1": "L1: the integral of |K|, the largest gain of peaks",
}
WINDOWED = {
    "l1": "the sum of |h| over the window",
    "l2": "the root of the energy of the window",
    "sup": "the largest |h| in the window",
}


class Goal(NamedTuple):
    """An order or an error, never both, and how errors are measured.

    Attributes:
        order: the number of states of the real system, or None.
        error: the largest error allowed, or None.
        norm: a name of `NORMS` or `WINDOWED`.
        relative: whether errors are relative to the norm of the whole.
    """

    order: int | None
    error: float | None
    norm: str
    relative: bool


def goal(
    order: Any,
    error: Any,
    norm: str,
    *,
    relative: Any,
    most: int | None = None,
    norms: dict[str, str] = NORMS,
) -> Goal:
    """The goal of a reduction.

    Args:
        order: the number of states, at least 0, or None.
        error: the largest error allowed, positive, or None.
        norm: a name of `norms`.
        relative: whether `error` is relative to the norm of the whole.
        most: how many states there are, if it is known.
        norms: the norms to choose from.

    Returns:
        A `Goal`.

    Raises:
        TypeError: for an order that is no integer, an error that is no number, and a `relative`
            that is neither True nor False.
        ValueError: unless exactly one of order and error is given; for an error that is not
            positive, an order below 0 or beyond `most`, and an unknown norm.

    Example:
        >>> goal(None, 1e-3, "hinf", relative=True).error
        0.001
    """
    require.known("norm", norm, norms)
    relative = require.switch("relative", relative)
    if (order is None) == (error is None):
        got = "neither" if order is None else f"{require.said(order)} and {require.said(error)}"
        remedy = "Give order=16, or error=1e-3."
        raise ValueError(f"one of `order` and `error` must be given; got {got}. {remedy}")
    if error is not None:
        return Goal(None, require.real("error", error, above=0), norm, relative)
    order = require.integer("order", order, least=0)
    if most is not None and order > most:
        rule = "`order` must not exceed the number of states, a pair of conjugate modes being 2"
        raise ValueError(f"{rule}; got {order} for {most}. Ask for {most} or fewer.")
    return Goal(order, None, norm, relative)
