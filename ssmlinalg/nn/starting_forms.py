"""The form that a layer starts as: of an initialization by name, or given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import inits
from ..export import TARGETS
from ..export.channels import on_host
from ..export.reader import contents, form_in
from ..export.real_parameters import NAMES, TAKES
from ..forms import Diagonal, Paired, batch, is_form, kind
from ..ground import require

_SHARED = ("dss",)  # whose published layer has one spectrum for all channels


def starting_form(
    init: Any,
    width: int,
    order: int,
    *,
    bidirectional: bool = False,
    step: inits.Step | None = None,
    seed: int = 0,
    **options: Any,
) -> Any:
    """The form of a layer, on the host.

    Args:
        init: a name in `INITS`, or a form.
        width: H, the channels of the layer.
        order: order N of the state; not used for a form.
        bidirectional: whether C has a first axis of two, for the past and for the future.
        step: a number, or an interval; None is that of the initialization.
        seed: of C and the steps; C of the future has the next one. Not used for a form.
        **options: what the initialization takes besides.

    Returns:
        A form of modes or a `DPLR`.

    Raises:
        TypeError: for options that the initialization does not take, and a form without modes.
        ValueError: for an unknown name, and a form of another width.

    Example:
        >>> starting_form("s4d-lin", 3, 8, bidirectional=True).C.shape
        (2, 3, 4)
    """
    options = options if step is None else {"step": step, **options}
    if is_form(init):
        form = _given(init, width, options)
        future = form
    else:
        require.known("init", init, inits.INITS)
        form = _built(init, order, width, seed, options)
        future = _built(init, order, width, seed + 1, options) if bidirectional else form
    return form._replace(C=np.stack([form.C, future.C])) if bidirectional else form


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


def _built(init: str, order: int, width: int, seed: int, options: Mapping[str, Any]) -> Any:
    """The form of an initialization, drawn with a seed where it draws anything."""
    takes = inits.options(init)
    drawn = {name: value for name, value in (("channels", width), ("seed", seed)) if name in takes}
    form = inits.built(init, order, **drawn, **options).form
    return form._replace(A=form.A[0], B=form.B[0]) if init in _SHARED else form


def checked_window(window: int | None, form: Any, rule: str) -> int | None:
    """The window of a layer, refused for forms and rules whose modes it does not normalize.

    Args:
        window: a number of samples, or None.
        form: what the layer starts as.
        rule: how it is sampled.

    Returns:
        The window.

    Raises:
        TypeError: for forms that are not modes in continuous time with one input.
        ValueError: for another rule than "zoh", and windows below 1.

    Example:
        >>> from ssmlinalg import dss_init
        >>> checked_window(64, dss_init(4), "zoh")
        64
    """
    if window is None:
        return None
    if type(form) not in (Diagonal, Paired):
        said = "`window` must go with modes in continuous time and one input"
        raise TypeError(f"{said}; got a {type(form).__name__}. Take init='dss', or no window.")
    if rule != "zoh":
        said = "`window` must go with rule 'zoh', as DSS (softmax) has it"
        raise ValueError(f"{said}; got {rule!r}. Leave one of them out.")
    return require.integer("window", window)


def width_of(form: Any) -> int:
    """The channels of a form.

    Args:
        form: a form of modes or a `DPLR`.

    Returns:
        The size of its one leading axis, or its number of inputs if there are several.

    Raises:
        TypeError: for other forms.
        ValueError: for no leading axis or more, and for other outputs than inputs.

    Example:
        >>> from ssmlinalg import s5_init
        >>> width_of(s5_init(8, channels=3))
        3
    """
    if not is_form(form) or type(form) not in TAKES:
        rule = f"a layer must start from a name or a form of {', '.join(NAMES)}"
        remedy = "Diagonalize a matrix first, for example with perturb.lossless."
        raise TypeError(f"{rule}; got {type(form).__name__}. {remedy}")
    if kind(form).ports:
        inputs = form.B.shape[-1]
        outputs = form.C.shape[-2]
        if inputs != outputs or batch(form):
            rule = "a form with several inputs must have as many outputs, and no leading axes"
            got = f"{inputs}, {outputs} and {batch(form)}"
            raise ValueError(f"{rule}; got {got}. Give one layer for each.")
        return int(inputs)
    lead = batch(form)
    if len(lead) != 1:
        rule = "a form must have one leading axis, of channels"
        raise ValueError(f"{rule}; got {lead}. Reshape its fields; () becomes (1,).")
    return int(lead[0])


def stored(path: str | os.PathLike[str], layer: str | None) -> tuple[Any, str | None]:
    """A layer of a checkpoint, of any target.

    Args:
        path: a file or folder that `checkpoints` reads.
        layer: the start of the names of its arrays; None for a file with one layer.

    Returns:
        The form that it computes with, and the rule by which it samples, None where the file does
        not say.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: for a file without that layer; what the target raises.

    Example:
        >>> import tempfile
        >>> from ssmlinalg import export, s4d_lin_init
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = export.save(f"{folder}/a.npz", s4d_lin_init(8, channels=2), "s4d")
        ...     stored(f"{folder}/a.npz", None)[1]
        'zoh'
    """
    held = contents(path, layer=layer)
    if len(held.layers) != 1:
        got = ", ".join(repr(each.prefix) for each in held.layers[:6])
        rule = "`layer` must be the start of the names of one layer"
        raise ValueError(f"{rule}; got {layer!r}, where there are {got}. Choose one of them.")
    place = held.layers[0]
    return form_in(held, place), TARGETS[place.target].rule
