"""The form that a layer starts as: of an initialization by name, or given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import inits
from ..export.channels import on_host
from ..export.real_parameters import width_of
from ..forms import is_form
from ..ground import require

_SHARED = ("dss",)  # whose published layer has one spectrum for all channels


def starting_form(
    init: Any,
    width: int,
    order: int,
    *,
    step: inits.Step | None = None,
    seed: int = 0,
    **options: Any,
) -> Any:
    """The form of a layer, on the host.

    Args:
        init: a name in `INITS`, or a form.
        width: H, the channels of the layer.
        order: order N of the state; not used for a form.
        step: a number, or an interval; None is that of the initialization.
        seed: of C and the steps; not used for a form.
        **options: what the initialization takes besides.

    Returns:
        A form of modes or a `DPLR`.

    Raises:
        TypeError: for options that the initialization does not take, and a form without modes.
        ValueError: for an unknown name, and a form of another width.

    Example:
        >>> starting_form("s4d-lin", 3, 8).C.shape
        (3, 4)
    """
    options = options if step is None else {"step": step, **options}
    if "channels" in options:
        got = f"channels={require.said(options['channels'])}"
        raise TypeError(f"a layer must have `width` channels; got {got} besides. Leave it out.")
    if is_form(init):
        return _given(init, width, options)
    require.known("init", init, inits.INITS)
    form = inits.built(init, order, channels=width, seed=seed, **options).form
    return form._replace(A=form.A[0], B=form.B[0]) if init in _SHARED else form


def _given(form: Any, width: int, options: Mapping[str, Any]) -> Any:
    """A form that was given, on the host."""
    if options:
        rule = "a layer that starts from a form must be given no options of an initialization"
        raise TypeError(f"{rule}; got {', '.join(options)}. Build the form with them.")
    got = width_of(form)
    if got != width:
        rule = f"`init` must be a form of {width} channels"
        raise ValueError(f"{rule}; got {got}. Take SSM.from_form.")
    return on_host(form)
