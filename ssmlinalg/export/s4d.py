r"""The minimal S4D layer of state-spaces/s4, models/s4/s4d.py: the state of its `S4DKernel`, and D
of the layer around it.

=============  =============  ==========================================================================
name           shape          holds
=============  =============  ==========================================================================
C              (H, n, 2)      real and imaginary part of C B: the layer has no B, it is 1
log_dt         (H,)           log step
log_A_real     (H, n)         log(-Re A)
A_imag         (H, n)         Im A
D              (H,)           of the layer outside its kernel; only where the form has a D that is not 0
=============  =============  ==========================================================================

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

import numpy as np

from ..forms import Paired, check
from ..ground.backend import Array
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import channels, weights

LAYOUT: Layout = {
    "C": ("f", ("H", "n", 2)),
    "log_dt": ("f", ("H",)),
    "log_A_real": ("f", ("H", "n")),
    "A_imag": ("f", ("H", "n")),
    "D": ("f", ("H",)),
}

TAKES = (Paired,)
OPTIONAL = ("D",)

MOVED = "B into C: the layer has B = 1, its C is our C B"

# The layer registers step and A without decay, at a rate of their own ("ssm": its argument `lr`); C
# and D train as the model.
TRAINING = {
    "C": trains(),
    "log_dt": trains(lr="ssm", weight_decay=0.0, constraint="step = exp"),
    "log_A_real": trains(lr="ssm", weight_decay=0.0, constraint="Re A = -exp"),
    "A_imag": trains(lr="ssm", weight_decay=0.0),
    "D": trains(),
}

_SOURCE = "state-spaces/s4, models/s4/s4d.py"
DECLARED = {
    "log step": Declared(
        lambda arrays: arrays["log_dt"], "uniform", (math.log(1e-3), math.log(100)), _SOURCE
    ),
    "C": Declared(lambda arrays: arrays["C"], "norm", (0.0, math.sqrt(0.5)), _SOURCE),
    "D": Declared(lambda arrays: arrays["D"], "norm", (0.0, 1.0), _SOURCE),
}


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer, float32, for a half spectrum with one leading axis of channels or
    none (H = 1).

    Raises TypeError for other forms; ValueError unless Re A < 0, for more leading axes, and for
    numbers beyond float32.

    >>> from ssmlinalg import s4d_lin_init
    >>> {name: array.shape for name, array in to(s4d_lin_init(64, channels=3)).items()}
    {'C': (3, 32, 2), 'log_dt': (3,), 'log_A_real': (3, 32), 'A_imag': (3, 32)}
    """
    expect(
        form, TAKES, "s4d", "Halve a Diagonal with forms.pair; several inputs go to 's5-pytorch'."
    )
    A, B, C, D, step = channels(form)
    if not np.all(A.real < 0):
        where = tuple(int(i) for i in np.argwhere(A.real >= 0)[0])
        got = f"{A.real[where]:g} at index {where}"
        raise ValueError(
            f"Re A must be negative, for the layer stores log(-Re A); got {got}. Move that mode to the left."
        )
    W = weights(B, C)
    arrays = {
        "C": np.stack([W.real, W.imag], axis=-1),
        "log_dt": np.log(step),
        "log_A_real": np.log(-A.real),
        "A_imag": A.imag,
    }
    return stored(arrays | {"D": D} if np.any(D) else arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Paired:
    """The form the layer computes with, in float64: A = -e^{log_A_real} + i A_imag, B = 1; D = 0
    where there is none.

    Raises ValueError for names, types and shapes that are not the layer's, and for values that are
    not finite.

    >>> from ssmlinalg import s4d_lin_init
    >>> back(to(s4d_lin_init(4, channels=3))).A[0]
    array([-0.5+0.j        , -0.5+3.14159274j])
    """
    found = read(arrays, LAYOUT, optional=OPTIONAL)
    with np.errstate(over="ignore"):  # the form is checked
        A = -np.exp(found["log_A_real"]) + 1j * found["A_imag"]
        step = np.exp(found["log_dt"])
    C = found["C"][..., 0] + 1j * found["C"][..., 1]
    return check(Paired(A, np.ones_like(A), C, found.get("D", np.zeros(len(A))), step))


TARGET = Target(
    "the minimal S4D layer of state-spaces/s4",
    to, back, LAYOUT, TAKES, "zoh", TRAINING, MOVED, optional=OPTIONAL, declared=DECLARED,
)  # fmt: skip
