r"""The RG-LRU of Griffin: google-deepmind/recurrentgemma, and RecurrentGemma of transformers.

===============  ======================  =========  ==========================================
recurrentgemma   transformers            shape      holds
===============  ======================  =========  ==========================================
a_param          recurrent_param         (H,)       log(e^r - 1), r = -log a
a_gate.b         recurrent_gate_bias     (K, W)     bias of the gate r, H = K W
input_gate.b     input_gate_bias         (K, W)     bias of the gate i
a_gate.w         recurrent_gate_weight   (K, W, W)  not written: how the input moves r
input_gate.w     input_gate_weight       (K, W, W)  not written: how the input moves i
===============  ======================  =========  ==========================================

All float32. The gates depend on the input. The form is the layer linearized at rest, where they are
the sigmoids of their biases:

.. math::  x_l = a^{8 r} x_{l-1} + \sqrt{1 - a^{16 r}}\; i\, u_l .

The published code draws a^2 uniformly between 0.9^2 and 0.999^2; its paper has a^8 uniform between
0.9 and 0.999, which is `rg_lru_init`. `to` writes one head of H channels and r = 1/2.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import Recurrence, check
from ..ground.backend import Array
from ..ground.formats import EPS
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import first_index, inverse_softplus
from .published import MODEL, Declared, own_group, uniform

LAYOUT: Layout = {
    "a_param": ("f", ("H",)),
    "a_gate.b": ("f", ("K", "W")),
    "input_gate.b": ("f", ("K", "W")),
    "a_gate.w": ("f", ("K", "W", "W")),
    "input_gate.w": ("f", ("K", "W", "W")),
}
_NAMES = {
    "a_param": "recurrent_param",
    "a_gate.b": "recurrent_gate_bias",
    "input_gate.b": "input_gate_bias",
    "a_gate.w": "recurrent_gate_weight",
    "input_gate.w": "input_gate_weight",
}
TAKES = (Recurrence,)
_POWER = 8.0
_RADII = (0.9**2, 0.999**2)
_ROUNDING = 16 * EPS  # of a bias of 0, times the decay rate
_OPEN = 0.5  # the gate of a bias of 0


def _squared_radius(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    parameter = arrays["a_param"] if "a_param" in arrays else arrays["recurrent_param"]
    return np.exp(-2 * np.logaddexp(0, parameter))


def _declared(source: str) -> dict[str, Declared]:
    low, high = _RADII
    return {"a^2": uniform(_squared_radius, source, low=low, width=high - low)}


def to(form: Recurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer, of a real mode for each channel.

    Args:
        form: as `rg_lru_init` makes it, 0 < A < 1 the same in all modes of a channel, whose C B add
            up to less than sqrt(1 - A^2), D = 0, with one leading axis of channels or none (H = 1).

    Returns:
        The arrays of the table above that are written, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, for modes that differ, more leading axes, and for numbers
            beyond float32.

    Example:
        >>> from ssmlinalg import rg_lru_init
        >>> {name: array.shape for name, array in to(rg_lru_init(channels=3)).items()}
        {'a_param': (3,), 'a_gate.b': (1, 3), 'input_gate.b': (1, 3)}
    """
    expect(form, TAKES, "griffin", "Start from rg_lru_init.")
    A, B, C, D = channels(form)
    if np.any(A[:, :1] != A):
        rule = "`A` must be the same in all modes of a channel, for it has one"
        raise ValueError(f"{rule}; got {A.shape[1]} that differ. Make a channel of each.")
    A = A[:, :1]
    W = np.sum(weights(B, C), axis=-1, keepdims=True)
    _refuse("A must be real and lie in (0, 1)", (A.imag != 0) | (A.real <= 0) | (A.real >= 1), A)
    rate = -np.log(A.real[:, 0])
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        gate = W / np.sqrt(-np.expm1(-2 * rate))[:, None]
    inside = (W.imag == 0) & (gate.real > 0) & (gate.real < 1)
    _refuse("C B / sqrt(1 - A^2) must be real and lie in (0, 1)", ~inside, gate)
    _refuse("D must be 0, for the layer has none", D != 0, D)
    slowness = rate / (_POWER * _OPEN)
    opened = gate.real[:, 0]
    bias = np.log(opened) - np.log1p(-opened)
    arrays = {
        "a_param": inverse_softplus(slowness),
        "a_gate.b": np.zeros((1, len(rate))),
        "input_gate.b": np.where(np.abs(bias) <= _ROUNDING / rate, 0.0, bias)[None],
    }
    return stored(arrays, LAYOUT)


def _refuse(rule: str, wrong: np.ndarray, values: np.ndarray) -> None:
    if np.any(wrong):
        where = first_index(wrong)
        got = f"{values[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Start from rg_lru_init.")


def back(arrays: Mapping[str, Array]) -> Recurrence:
    """The recurrence of the layer at rest: one real mode for each channel.

    Args:
        arrays: those of the table above, of any library. The weights are checked and not read.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import rg_lru_init
        >>> back(to(rg_lru_init(channels=3))).A.shape
        (3, 1)
    """
    found = read(arrays, LAYOUT, optional=_UNREAD)
    count = len(found["a_param"])
    gates = {name: _gate(name, found, count) for name in ("a_gate.b", "input_gate.b")}
    rate = _POWER * gates["a_gate.b"] * np.logaddexp(0, found["a_param"])
    A = np.exp(-rate)[:, None] + 0j
    B = (gates["input_gate.b"] * np.sqrt(-np.expm1(-2 * rate)))[:, None] + 0j
    return check(Recurrence(A, B, np.ones_like(A), np.zeros(count)))


def _gate(name: str, found: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    bias = found[name]
    if bias.size != count:
        rule = f"`{name}` must have one bias for each of the {count} channels"
        raise ValueError(f"{rule}; got {bias.shape}. Take the arrays of one layer.")
    return np.exp(-np.logaddexp(0, -bias.ravel()))


def to_transformers(form: Recurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer under the names of transformers.

    Args:
        form: what `to` takes.

    Returns:
        The arrays of the table above that are written, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for values that `to` refuses.

    Example:
        >>> from ssmlinalg import rg_lru_init
        >>> to_transformers(rg_lru_init(channels=3))["recurrent_param"].shape
        (3,)
    """
    return {_NAMES[name]: array for name, array in to(form).items()}


def back_transformers(arrays: Mapping[str, Array]) -> Recurrence:
    """The recurrence of the layer of transformers at rest.

    Args:
        arrays: those of the table above, of any library. The weights are checked and not read.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import rg_lru_init
        >>> back_transformers(to_transformers(rg_lru_init(channels=3))).A.shape
        (3, 1)
    """
    read(arrays, _LAYOUT_TRANSFORMERS, optional=tuple(_NAMES[name] for name in _UNREAD))
    return back({name: arrays[there] for name, there in _NAMES.items() if there in arrays})


_UNREAD = ("a_gate.w", "input_gate.w")
_LAYOUT_TRANSFORMERS: Layout = {_NAMES[name]: axes for name, axes in LAYOUT.items()}
TRAINING = dict.fromkeys(LAYOUT, MODEL) | {"a_param": own_group("-log a = softplus")}
TARGET = Target(
    about="the RG-LRU of google-deepmind/recurrentgemma, at rest",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="the input weight into the bias of the input gate, which is constant here",
    optional=_UNREAD,
    unread=_UNREAD,
    declared=_declared("google-deepmind/recurrentgemma, torch/layers.py"),
)
TARGET_TRANSFORMERS = TARGET._replace(
    about="the RG-LRU of RecurrentGemma in transformers, at rest",
    to=to_transformers,
    back=back_transformers,
    layout=_LAYOUT_TRANSFORMERS,
    training={_NAMES[name]: rule for name, rule in TRAINING.items()},
    optional=tuple(_NAMES[name] for name in _UNREAD),
    unread=tuple(_NAMES[name] for name in _UNREAD),
    declared=_declared("huggingface/transformers 5.24, models/recurrent_gemma"),
    model_types=("recurrent_gemma",),
)
