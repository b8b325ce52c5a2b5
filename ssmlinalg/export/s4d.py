r"""The minimal S4D layer of state-spaces/s4, models/s4/s4d.py: its `S4DKernel`, and D around it.

=============  ==========  ========================================================
name           shape       holds
=============  ==========  ========================================================
C              (H, n, 2)   real and imaginary part of C B: the layer has no B, it is 1
log_dt         (H,)        log step
log_A_real     (H, n)      log(-Re A)
A_imag         (H, n)      Im A
D              (H,)        of the layer outside its kernel; only where D is not 0
=============  ==========  ========================================================

All float32, for S4D(d_model=H, d_state=2 n). The layer samples by zero-order hold and sums, as
`forms.Paired` has it,

.. math::  K_l = 2 \mathrm{Re} \sum_n C_n \frac{e^{\Delta A_n} - 1}{A_n}\, e^{l \Delta A_n} .

A file without D loads strictly into the kernel and leaves the skip connection to the layer, which
draws one of its own. Accuracy: the layer forms e^{step A} - 1 in float32, which costs it digits for
small |step A|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ..forms import Paired, check
from ..ground.backend import Array
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, check_left, exponential, from_parts
from .published import MODEL, Rates, log_step, normal, own_group

LAYOUT: Layout = {
    "C": ("f", ("H", "n", 2)),
    "log_dt": ("f", ("H",)),
    "log_A_real": ("f", ("H", "n")),
    "A_imag": ("f", ("H", "n")),
    "D": ("f", ("H",)),
}
TAKES = (Paired,)
OPTIONAL = ("D",)

# The layer registers step and A without decay, at a rate of its own (its argument `lr`).
TRAINING = {
    "C": MODEL,
    "log_dt": own_group("step = exp"),
    "log_A_real": own_group("Re A = -exp"),
    "A_imag": own_group(),
    "D": MODEL,
}

_SOURCE = "state-spaces/s4, models/s4/s4d.py"
DECLARED = {
    "log step": log_step(itemgetter("log_dt"), _SOURCE),
    "C": normal(itemgetter("C"), _SOURCE, deviation=math.sqrt(0.5)),
    "D": normal(itemgetter("D"), _SOURCE),
}


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer, for a half spectrum.

    Args:
        form: with one leading axis of channels or none (H = 1).

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: unless Re A < 0, for more leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> {name: array.shape for name, array in to(s4d_lin_init(64, channels=3)).items()}
        {'C': (3, 32, 2), 'log_dt': (3,), 'log_A_real': (3, 32), 'A_imag': (3, 32)}
    """
    expect(
        form, TAKES, "s4d", "Halve a Diagonal with forms.pair; several inputs go to 's5-pytorch'."
    )
    A, B, C, D, step = channels(form)
    check_left(A)
    arrays = {
        "C": as_parts(weights(B, C)),
        "log_dt": np.log(step),
        "log_A_real": np.log(-A.real),
        "A_imag": A.imag,
    }
    return stored(arrays | {"D": D} if np.any(D) else arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Paired:
    """The form that the layer computes with: A = -e^{log_A_real} + i A_imag, B = 1.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64; D = 0 where there is none.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> back(to(s4d_lin_init(4, channels=3))).A[0]
        array([-0.5+0.j        , -0.5+3.14159274j])
    """
    found = read(arrays, LAYOUT, optional=OPTIONAL)
    A = -exponential(found["log_A_real"]) + 1j * found["A_imag"]
    step = exponential(found["log_dt"])
    D = found.get("D", np.zeros(len(A)))
    return check(Paired(A, np.ones_like(A), from_parts(found["C"]), D, step))


TARGET = Target(
    about="the minimal S4D layer of state-spaces/s4",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="zoh",
    training=TRAINING,
    rates=Rates(
        lr=0.01,
        ssm_lr=0.001,
        weight_decay=0.01,
        task="sequential CIFAR-10",
        source="state-spaces/s4, configs/experiment/cifar/s4d-minimal-cifar.yaml",
    ),
    moved="B into C: the layer has B = 1, its C is our C B",
    optional=OPTIONAL,
    declared=DECLARED,
)
