r"""The sampled recurrence of a half spectrum in real arrays, for ONNX.

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

from ..forms import PairedRecurrence, check
from ..ground.backend import Array
from .channels import channels
from .layout import Layout, Target, expect, read, stored
from .published import FIXED

_PARTS: Layout = dict.fromkeys(("A_re", "A_im", "B_re", "B_im", "C_re", "C_im"), ("f", ("H", "n")))
LAYOUT: Layout = _PARTS | {"D": ("f", ("H",))}
TAKES = (PairedRecurrence,)
TRAINING = dict.fromkeys(LAYOUT, FIXED)  # a graph that runs a model does not train it


def to(form: PairedRecurrence) -> dict[str, np.ndarray]:
    """The real arrays of a recurrence of half spectrum.

    Args:
        form: with one leading axis of channels or none (H = 1).

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for more leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import discretize, s4d_lin_init
        >>> to(discretize.zoh(s4d_lin_init(8, channels=3)))["A_re"].shape
        (3, 4)
    """
    remedy = "Sample a Paired form with discretize.zoh; halve a Diagonal with forms.pair first."
    expect(form, TAKES, "real", remedy)
    A, B, C, D = channels(form)
    arrays = {
        "A_re": A.real,
        "A_im": A.imag,
        "B_re": B.real,
        "B_im": B.imag,
        "C_re": C.real,
        "C_im": C.imag,
        "D": D,
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> PairedRecurrence:
    """The complex recurrence of the real arrays.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import discretize, s4d_lin_init
        >>> back(to(discretize.zoh(s4d_lin_init(8, channels=3)))).A.shape
        (3, 4)
    """
    found = read(arrays, LAYOUT)
    A, B, C = (found[f"{field}_re"] + 1j * found[f"{field}_im"] for field in "ABC")
    return check(PairedRecurrence(A, B, C, found["D"]))


TARGET = Target(
    about="the recurrence in real arrays, for ONNX",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="real and imaginary parts into arrays of their own",
)
