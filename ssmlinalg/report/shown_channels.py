"""The channels of a model that a picture shows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..forms import (
    Delayed,
    Dense,
    DenseRecurrence,
    Diagonal,
    Recurrence,
    batch,
    inner,
    kind,
    move,
    plain,
    step_of,
    view,
)
from .notation import number

_MOST = 4  # channels of a picture


class Channel(NamedTuple):
    """One channel of a model.

    Attributes:
        name: its step, or its number where steps name no channel.
        place: its number.
        form: a form without leading axes.
    """

    name: str
    place: int
    form: Any


def single(form: Any) -> Any:
    """The model on the host in double precision, with one channel for each input and output.

    Several inputs and outputs become leading axes (..., P, M), and the unit of time a sample.
    """
    return _single(move(form, "numpy", dtype="float64"))


def _single(form: Any) -> Any:
    if isinstance(form, Delayed):
        return form._replace(system=_single(form.system))
    known = kind(form)
    if not known.ports:
        return form
    A, B, C, D = view(form)
    if known.continuous:
        step = step_of(form)
        A = A * step
        B = B * (step if known.matrix else step[..., None])
    A = A[..., None, None, :, :] if known.matrix else A[..., None, None, :]
    fields = A, np.swapaxes(B, -1, -2)[..., None, :, :], C[..., :, None, :], D
    if known.continuous:
        build = Dense if known.matrix else Diagonal
        return build(*fields, np.ones((), D.dtype))
    build = DenseRecurrence if known.matrix else Recurrence
    return build(*fields)


def chosen_channels(form: Any, worst: int | None = None) -> list[Channel]:
    """At most four channels, from the smallest step to the largest, `worst` among them."""
    lead = batch(form)
    step = np.broadcast_to(getattr(form, "step", 1.0), lead).ravel()
    rank = np.argsort(step, kind="stable")
    count = _MOST if worst is None else _MOST - 1
    places = np.unique(np.linspace(0, len(step) - 1, count).round().astype(int))
    if worst is not None:
        places = np.union1d(places, np.flatnonzero(rank == worst))
    chosen = rank[places]
    timed = _names_channels(form, step[chosen])
    return [
        Channel(
            name=f"step {number(float(step[place]))}" if timed else f"channel {place}",
            place=int(place),
            form=_channel(form, lead, np.unravel_index(place, lead)),
        )
        for place in chosen
    ]


def _names_channels(form: Any, steps: np.ndarray) -> bool:
    """Whether the steps differ from channel to channel."""
    own = hasattr(form, "step") and form.step.ndim == len(batch(form))
    return own and len(set(steps)) == len(steps)


def _channel(form: Any, lead: tuple[int, ...], index: Any) -> Any:
    """The channel at an index of the leading axes."""
    if isinstance(form, Delayed):
        system = _channel(form.system, lead, index)
        return Delayed(system, np.broadcast_to(form.D, lead)[index])
    axes = kind(form).axes
    fields = {}
    for name, array in form._asdict().items():
        core = array.shape[array.ndim - len(axes[name]) :]
        fields[name] = np.broadcast_to(array, (*lead, *core))[index]
    return type(form)(**fields)


def poles_of(form: Any) -> np.ndarray:
    """The exponents z = step A, or log A_d, of a single channel: its poles in units of a sample."""
    system = inner(form)
    A = plain(system).A
    modes = np.linalg.eigvals(A) if kind(system).matrix else A
    if kind(system).continuous:
        return modes * system.step
    return np.log(modes[modes != 0].astype(np.complex128))
