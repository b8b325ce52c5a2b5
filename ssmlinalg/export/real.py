r"""The sampled recurrence of a half spectrum in real arrays: for ONNX and whatever else has no
complex numbers.

==============  ===========  ===================================
name            shape        holds
==============  ===========  ===================================
A_re, A_im      (H, n)       real and imaginary part of A_d
B_re, B_im      (H, n)       real and imaginary part of B_d
C_re, C_im      (H, n)       real and imaginary part of C
D               (H,)         the direct path
==============  ===========  ===================================

All float32. With the state x = x_re + i x_im, for each channel and mode,

.. math::  x^{re}_l = A^{re} x^{re}_{l-1} - A^{im} x^{im}_{l-1} + B^{re} u_l,
.. math::  x^{im}_l = A^{im} x^{re}_{l-1} + A^{re} x^{im}_{l-1} + B^{im} u_l,
.. math::  y_l = 2 \sum_n (C^{re} x^{re}_l - C^{im} x^{im}_l) + D u_l .

Sample a continuous form first, `discretize.zoh(form)`. Accuracy: rounding A_d to float32 multiplies
|A_d| by 1 + eps at most, which after l samples is a factor of 1 + l eps: a mode within eps of the
unit circle may end outside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import Paired, PairedRecurrence, check, move
from ..ground.backend import Array
from .layout import Layout, Target, expect, read, stored, trains
from .modes import channels

_PARTS = {"re": np.real, "im": np.imag}

LAYOUT: Layout = {
    **dict.fromkeys([f"{field}_{part}" for field in "ABC" for part in _PARTS], ("f", ("H", "n"))),
    "D": ("f", ("H",)),
}

TAKES = (PairedRecurrence,)

MOVED = "real and imaginary parts into arrays of their own"

# A graph that runs a model does not train it.
TRAINING = dict.fromkeys(LAYOUT, trains(trainable=False))


def to(form: PairedRecurrence) -> dict[str, np.ndarray]:
    """The arrays, float32, with one leading axis of channels or none (H = 1).

    Raises TypeError for other forms; ValueError for more leading axes, and for numbers beyond
    float32.

    >>> from ssmlinalg import discretize, s4d_lin_init
    >>> {name: array.shape for name, array in to(discretize.zoh(s4d_lin_init(8, channels=3))).items()}["A_re"]
    (3, 4)
    """
    expect(
        form,
        TAKES,
        "real",
        "Sample a Paired form with discretize.zoh; halve a Diagonal with forms.pair first.",
    )
    form = move(form, "numpy", dtype="float64")
    A, B, C, D, _ = channels(Paired(*form, step=np.ones(())))
    parts = {
        f"{field}_{part}": of(array)
        for field, array in zip("ABC", (A, B, C), strict=True)
        for part, of in _PARTS.items()
    }
    return stored(parts | {"D": D}, LAYOUT)


def back(arrays: Mapping[str, Array]) -> PairedRecurrence:
    """The recurrence. Raises ValueError for names, types and shapes that are not those of the
    table.

    >>> from ssmlinalg import discretize, s4d_lin_init
    >>> back(to(discretize.zoh(s4d_lin_init(8, channels=3)))).A.shape
    (3, 4)
    """
    found = read(arrays, LAYOUT)
    A, B, C = (found[f"{field}_re"] + 1j * found[f"{field}_im"] for field in "ABC")
    return check(PairedRecurrence(A, B, C, found["D"]))


TARGET = Target(
    "the recurrence in real arrays, for ONNX", to, back, LAYOUT, TAKES, None, TRAINING, MOVED
)
