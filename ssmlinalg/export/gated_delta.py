r"""The decays of Gated DeltaNet: flash-linear-attention, Qwen3-Next, OLMo-Hybrid.

==============  =======  =========  ==========================================================
name            shape    type       holds
==============  =======  =========  ==========================================================
A_log           (H,)     float32    log(-A), one A for each head
dt_bias         (H,)     float32    log(e^step - 1)
==============  =======  =========  ==========================================================

The state of a head is a matrix, x_l = alpha_l x_{l-1} (I - beta_l k_l k_l^T) + beta_l v_l k_l^T,
with alpha_l = e^{step_l A}. Keys, values, beta and a part of the step come from the input. The form
is what happens to a value along keys that are orthogonal to its own, at rest: it decays,

.. math::  K_l = e^{l \Delta A}, \qquad \Delta = \log(1 + e^{\text{dt\_bias}}) .

`forms.Paired` holds it as B = 1/2 and C = 1/step, under the rule "impulse".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import Paired, check
from ..ground.backend import Array
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .mamba_laws import gated_delta
from .parametrization import exponential, first_index, inverse_softplus
from .published import trains

LAYOUT: Layout = {"A_log": ("f", ("H",)), "dt_bias": ("f", ("H",))}
TAKES = (Paired,)
TRAINING = {
    "A_log": trains(constraint="A = -exp"),
    "dt_bias": trains(weight_decay=0.0, constraint="step = softplus"),
}
_ROUNDING = 1e-12  # of 1/step times step


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer, of one real mode for each head.

    Args:
        form: n = 1, A < 0, step B C = 1/2 and D = 0, with one leading axis of heads or none
            (H = 1).

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, for more leading axes, and for numbers beyond float32.

    Example:
        >>> arrays = {"A_log": np.zeros(2, "f"), "dt_bias": np.ones(2, "f")}
        >>> np.array_equal(to(back(arrays))["dt_bias"], arrays["dt_bias"])
        True
    """
    expect(form, TAKES, "gated-deltanet", "Give one real mode for each head.")
    A, B, C, D, step = channels(form)
    if A.shape[1] > 1:
        rule = "`A` must have one mode, for a head has one decay"
        raise ValueError(f"{rule}; got {A.shape[1]}. Make a channel of each.")
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        W = weights(B, C) * step[:, None]
    _refuse("A must be real and negative", (A.imag != 0) | (A.real >= 0), A)
    _refuse("step B C must be 1/2, for a value starts whole", ~(np.abs(W - 0.5) <= _ROUNDING), W)
    _refuse("D must be 0, for the layer has none", D != 0, D)
    return stored({"A_log": np.log(-A.real[:, 0]), "dt_bias": inverse_softplus(step)}, LAYOUT)


def _refuse(rule: str, wrong: np.ndarray, values: np.ndarray) -> None:
    if np.any(wrong):
        where = first_index(wrong)
        got = f"{values[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Choose another target.")


def back(arrays: Mapping[str, Array]) -> Paired:
    """The decay of each head.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64, with B = 1/2 and C = 1/step.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> back({"A_log": np.zeros(2, "f"), "dt_bias": np.ones(2, "f")}).A.real.ravel()
        array([-1., -1.])
    """
    found = read(arrays, LAYOUT)
    A = -exponential(found["A_log"])[:, None] + 0j
    step = np.logaddexp(0, found["dt_bias"])
    C = 1 / step[:, None] + 0j
    return check(Paired(A, np.full_like(A, 0.5), C, np.zeros(len(A)), step))


TARGET = Target(
    about="the decays of Gated DeltaNet, at rest",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="impulse",
    training=TRAINING,
    moved="nothing: keys, values and gates come from the input",
    projected="keys, values and gates",
    declared=gated_delta({})[0],
    published=gated_delta,
    model_types=("olmo_hybrid", "qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe"),
)
