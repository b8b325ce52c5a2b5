r"""Balanced truncation of modes: the states with the largest Hankel singular values."""

from __future__ import annotations

from typing import Any

from .balanced_systems import Balanced, Realized
from .from_balanced import between_equals, reduced
from .reduction import Reduction


def balanced(
    form: Any,
    *,
    order: int | None = None,
    error: float | None = None,
    norm: str = "hinf",
    relative: bool = True,
) -> Reduction:
    r"""Balanced truncation: the states with the largest Hankel singular values are kept.

    .. math::  \sigma_{r+1} \le \sup_w |G(i w) - G_r(i w)| \le 2 \sum_{k > r} \sigma_k .

    The right side is a theorem about exact arithmetic; `upper` is the norm of the difference as the
    model is written, bounded from above. Modes come back as modes. Gramians of modes are known in
    closed form, and no Lyapunov equation is solved.

    Args:
        form: a stable form of any library with an output. Modes may have several inputs; those of
            `MIMO`, which have steps of their own, are reduced in the time of samples.
        order: the number of states of the real system: 2 for a pair of conjugate modes.
        error: in place of it, the largest error: the least order found that keeps it is taken.
        norm: "hinf", "h2" or "l1", of the model without its direct path, which stays as it is.
        relative: whether `error` and the bounds returned are relative to the norm of the whole.

    Returns:
        A `Reduction`. Channels are reduced each to its own order; an order asked for is an upper
        bound for channels that have fewer states. The model is stable, and real. An `error` may end
        at the whole model, which is returned as it is with error 0.

    Raises:
        TypeError: for `NPLR`, which has no output; what `forms.check` and `goal` raise.
        ValueError: for a system that is not stable, unless order or error is given, for an order
            beyond the states there are or, in every member, between Hankel values that rounding
            cannot tell apart, for an error that the model loses as it is rounded to the precision
            of the form; what `forms.check` raises.

    Accuracy:
        Of modes with one input and output that of `singular_values`, and N eps sigma_1 where all
        values lie within four decades. A matrix loses states below N eps sigma_1.

    Cost:
        O(N^3) for each channel, and for each order that is tried a norm: O(N^2) for H-infinity of
        modes.

    Source:
        Moore 1981, Enns 1984 and Glover 1984, Theorem 9.6 (the bound); Al-Saggaf & Franklin 1987
        (discrete time); Tombs & Postlethwaite 1987 (square roots).

    Example:
        >>> from ssmlinalg import s4d_legs_init
        >>> small = balanced(s4d_legs_init(64), error=1e-2)
        >>> small.order, small.least, small.form.A.shape
        (54, 48, (27,))
        >>> small.lower < small.upper < 1e-2
        True
    """
    return reduced(form, order, error, norm, relative, _leading)


def _leading(plain: Balanced, order: int, discrete: bool) -> Realized | None:
    """The first states; None between equal Hankel values."""
    if between_equals(plain.sigma, order):
        return None
    return Realized(plain.A[:order, :order], plain.B[:order], plain.C[:, :order])
