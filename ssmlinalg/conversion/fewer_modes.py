"""One layer with fewer modes, proved on the samples that it computes with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import reduce, systems
from ..discretize import continuous, discretize
from ..export.layout import Target
from ..forms import DPLR, KINDS, MIMO, Diagonal, MIMORecurrence, batch, kind
from ..ground.backend import Real
from ..reduce.error_norms import norm_of
from ..reduce.modal_models import distances, kept_whole
from ..reduce.real_systems import has_modes, modes_of, rest
from ..reduce.written import gathered, written
from .equivalence import fitted

_TRIES = 8  # of smaller and smaller errors, after which the rounding of the file is in the way
_LEAST = 2.0**-10  # by which an error that was missed is made smaller
_MARGIN = 0.9  # of the error, for what rounding adds


class Wanted(NamedTuple):
    """The order or the error that every layer is to have.

    Attributes:
        order: the number of states of each channel, or None.
        error: the largest error of a channel, relative to its norm, or None.
        norm: a name in `reduce.NORMS`.
    """

    order: int | None
    error: float | None
    norm: str


class Fewer(NamedTuple):
    """A layer with fewer modes.

    Attributes:
        form: the layer; its own form where no model with fewer modes is within the error.
        order: (...), the states of each channel.
        least: (...), those below which no model is within the error.
        lower: (...), the relative error that no model of that order gets below.
        conditioning: (...), kappa(V) of the modes.
    """

    form: Any
    order: Any
    least: Any
    lower: Any
    conditioning: Any


# A form as the file would give it back.
Reread = Callable[[Any], Any]


def fewer_modes(form: Any, rule: str, there: Target, goal: Wanted, reread: Reread) -> Fewer:
    """The layer of the order asked for, or the least found that keeps the error once written.

    Raises ValueError where order and error exclude each other, and what `reduce.balanced` and
    `fitted` raise.
    """
    if goal.order is not None:
        return _of_order(form, rule, there, goal, reread)
    error = _MARGIN * float(goal.error or 0)
    found: Any = None
    for _ in range(_TRIES):
        found = _reduced(form, rule, there, goal._replace(error=error))
        made = _made(found, form, rule, there)
        if states(made) >= states(form):
            break
        missed = float(np.max(relative_errors(form, reread(made), rule, goal.norm)))
        if missed <= float(goal.error or 0):
            return Fewer(made, *_figures(found))
        error *= max(_LEAST, min(0.5, float(goal.error or 0) / missed))
    order = modes_of(sampled(form, rule)).order if has_modes(form) else states(form)
    return Fewer(form, order, found.least, 0.0, found.conditioning)


def _of_order(form: Any, rule: str, there: Target, goal: Wanted, reread: Reread) -> Fewer:
    """The layer with room for the order: a real mode takes the room of two in a half spectrum."""
    room = order = int(goal.order or 0)
    found = _reduced(form, rule, there, goal)
    while states(made := _made(found, form, rule, there)) > max(room, 2) and order > 0:
        order -= 1
        found = _reduced(form, rule, there, goal._replace(order=order))
    missed = float(np.max(relative_errors(form, reread(made), rule, goal.norm)))
    if goal.error is not None and missed > goal.error:
        needed = f"`error` must be kept at order {room}"
        got = f"{missed:.3g} for {goal.error:g}"
        raise ValueError(f"{needed}; got {got}. Ask for a larger order, or leave it out.")
    return Fewer(made, *_figures(found))


def _made(found: reduce.Reduction, form: Any, rule: str, there: Target) -> Any:
    """The reduced model in a type that the layout takes."""
    return fitted(_continuous(found.form, form, rule), rule, there)


def _figures(found: reduce.Reduction) -> tuple[Any, ...]:
    return found.order, found.least, found.lower, found.conditioning


def sampled(form: Any, rule: str) -> Any:
    """The recurrence that a layer computes with."""
    return discretize(form, rule=rule) if kind(form).continuous else form


def relative_errors(form: Any, other: Any, rule: str, norm: str) -> Real:
    """Bounds (m,) from above on the errors of the samples, relative to those of `form`."""
    first = sampled(form, rule)
    second = sampled(other, rule)
    if not has_modes(first):
        apart = getattr(systems, f"{norm}_distance")(first, second)
        size = getattr(systems, f"{norm}_norm")(first._replace(D=np.zeros_like(first.D)))
        apart = np.ravel(getattr(apart, "upper", apart))
        size = np.ravel(getattr(size, "lower", size))
    else:
        before = modes_of(first)
        after = modes_of(second)
        apart = distances(before, after, norm)
        size = np.ldexp(norm_of(before, norm).lower, before.exponents(norm))
        apart = np.where(after.order == 0, size, apart)  # all of it, however well it is known
    return np.divide(apart, size, out=np.where(apart > 0, np.inf, 0.0), where=size > 0)


def widened(form: Any, count: int) -> Any:
    """The form with room for `count` states, the new modes of weight 0."""
    known = kind(form)
    more = (count - states(form)) // (1 + known.half)
    fields = {}
    for name, axes in known.axes.items():
        X: Any = getattr(form, name)
        own = [index - len(axes) for index, axis in enumerate(axes) if axis in ("n", "N")]
        wide = X
        for axis in own:
            widths = [(0, 0)] * X.ndim
            widths[axis] = (0, more)
            wide = np.pad(wide, widths, mode="edge" if name == "step" else "constant")
        if name == form._fields[0]:
            new = np.arange(wide.shape[-1] - more, wide.shape[-1])
            wide[(..., new, new) if len(own) > 1 else (..., new)] = rest(not known.continuous)
        fields[name] = wide
    return type(form)(**fields)


def states(form: Any) -> int:
    """How many states a form has room for: a mode of a half spectrum has two."""
    return form[0].shape[-1] * (1 + kind(form).half)


def _reduced(form: Any, rule: str, there: Target, goal: Wanted) -> reduce.Reduction:
    """The reduction of the samples; of channels that share their modes, that of all at once.

    Matrices are reduced in their own time, for they come back as matrices.
    """
    order = goal.order
    asked: Mapping[str, Any] = {"order": order} if order is not None else {"error": goal.error}
    if kind(form).matrix:
        return reduce.balanced(form, norm=goal.norm, **asked)
    if not _one_spectrum(there) or not batch(form):
        return reduce.balanced(_without_idle(sampled(form, rule)), norm=goal.norm, **asked)
    together, half = _together(form)
    found = reduce.balanced(_without_idle(together), norm=goal.norm, **asked)
    A, B, C, _ = found.form[:4]
    weights = np.swapaxes(B, -1, -2) * C / half
    ones = np.ones_like(weights)
    return found._replace(form=type(form)(A * ones, ones, weights, *form[3:]))


def _without_idle(form: Any) -> Any:
    """The form without the modes that no channel uses; equal modes are one."""
    used = modes_of(form)
    models = gathered([kept_whole(used, member) for member in range(len(used.A))], used)
    return written(models, form) if models.A.shape[-1] < form.A.shape[-1] else form


def _one_spectrum(there: Target) -> bool:
    """Whether a layout of channels holds one array of modes for all of them."""
    axes = [axes for _, axes in there.layout.values()]
    ports = all(KINDS[form].ports or KINDS[form].matrix for form in there.takes)
    return not ports and any(each[:1] == ("N",) and "H" not in each for each in axes)


def _together(form: Any) -> tuple[Any, float]:
    """All channels as the outputs of one system, and the share of C in it."""
    known = kind(form)
    A = np.broadcast_to(form.A, form.C.shape)
    if np.any(A[:1] != A):
        needed = "channels must share their modes, as this layout holds them once"
        got = "channels with modes of their own"
        raise ValueError(f"{needed}; got {got}. Convert the layer to 's4d' first.")
    half = 1.0 if known.half else 0.5
    C = half * form.B * form.C
    ones = np.ones((A.shape[-1], 1), complex)
    none = np.zeros((len(C), 1))
    if known.continuous:
        return MIMO(A[0], ones, C, none, np.ones(A.shape[-1])), half
    return MIMORecurrence(A[0], ones, C, none), half


def _continuous(found: Any, like: Any, rule: str) -> Any:
    """The model of reduced samples in the time of the layer; no low rank is left."""
    if isinstance(found, DPLR):
        return Diagonal(found.Lambda, found.B, found.C, found.D, found.step)
    if kind(found).continuous or not kind(like).continuous:
        return found
    step = like.step
    if kind(found).ports:  # a step for each mode: the new ones share their mean
        mean = np.exp(np.mean(np.log(step), axis=-1, keepdims=True))
        step = mean * np.ones(found.A.shape[-1])
    return continuous(found, step=step, rule=rule)
