"""Channels of a form: written out, alone, or as blocks of one state with several inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..forms import MIMO, Paired, batch, check, kind, move
from ..ground import backend
from ..ground.backend import Complex


def on_host(form: Any) -> Any:
    """The checked form on the host in double precision; its values are looked at in any case."""
    looked_at = backend.is_numpy(form[0])  # elsewhere `check` does not look at values
    form = move(form, "numpy", dtype="float64")
    return form if looked_at else check(form)


def channels(form: Any) -> Any:
    """The form on the host with one leading axis H of all fields; without any, H = 1.

    Raises ValueError for more than one leading axis, and for one of size 0.
    """
    form = on_host(form)
    shape = batch(form)
    if len(shape) > 1 or 0 in shape:
        rule = "`form` must have one leading axis, of one channel or more"
        raise ValueError(f"{rule}; got {shape}. Reshape them into one.")
    H = math.prod(shape)
    fields = zip(form, _core_shapes(form), strict=True)
    return type(form)(*(np.broadcast_to(array, (H, *core)) for array, core in fields))


def one_channel(form: Any, what: str) -> Any:
    """The matrix form without leading axes; ValueError unless there is one channel, one `what`."""
    leading = batch(form)
    if math.prod(leading) != 1:
        rule = f"`form` must have one channel, which makes one {what}"
        raise ValueError(f"{rule}; got {leading}. Export each channel alone.")
    fields = zip(form, _core_shapes(form), strict=True)
    return type(form)(*(array.reshape(core) for array, core in fields))


def _core_shapes(form: Any) -> list[tuple[int, ...]]:
    """The shape of every field without its leading axes."""
    axes = kind(form).axes
    return [array.shape[array.ndim - len(axes[name]) :] for name, array in form._asdict().items()]


def blocks(form: Paired) -> MIMO:
    """The H channels as H blocks of a state of H n modes, zeros in B and C between them."""
    A, B, C, D, step = channels(form)
    H, n = A.shape
    own = np.repeat(np.eye(H), n, axis=0)  # (H n, H): which modes belong to which channel
    return MIMO(
        A=A.ravel(),
        B=B.reshape(-1, 1) * own,
        C=C.ravel() * own.T,
        D=np.diag(D),
        step=np.repeat(step, n),
    )


def with_ports(form: Any) -> Any:
    """The form on the host, for a layer with as many outputs as inputs.

    The channels of a `Paired` form become `blocks`. Raises ValueError for leading axes and for a D
    that is not square.
    """
    form = on_host(form) if kind(form).ports else blocks(form)
    if batch(form):
        rule = "`form` must have no leading axes"
        got = f"A of shape {form.A.shape}"
        raise ValueError(f"{rule}; got {got}. Export one layer after the other.")
    D = np.asarray(form.D)
    if D.shape[0] != D.shape[1]:
        rule = "`form` must have as many outputs as inputs"
        raise ValueError(f"{rule}; got D of shape {D.shape}. Fill up with zeros.")
    return form


def square(form: Any) -> Any:
    """The form as `with_ports` gives it; ValueError for a D that is not diagonal as well."""
    form = with_ports(form)
    D = np.asarray(form.D)
    elsewhere = float(np.max(np.abs(D - np.diag(np.diag(D))), initial=0.0))
    if elsewhere:
        got = f"an entry of size {elsewhere:g} elsewhere"
        raise ValueError(f"`D` must be diagonal; got {got}. Mix channels outside the layer.")
    return form


def weights(B: Complex, C: Complex) -> Complex:
    """C B, for layers that have no B of their own; `layout.stored` refuses an overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return B * C
