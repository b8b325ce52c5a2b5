r"""`LMUCell` of keras-lmu (0.9): the memory it does not train, and the hidden layer that reads it.

====================  ========  ==================================================================
name                  shape     holds
====================  ========  ==================================================================
A                     (N, N)    A_d transposed: the attribute `cell.A`, sampled with the step 1
B                     (1, N)    B_d as a row: the attribute `cell.B`
hidden_cell.kernel    (N1, 1)   C, and below it D: the weight of the hidden layer, N1 = N + 1
====================  ========  ==================================================================

All float32, for the cell with one channel and a linear hidden layer that sees memory and input,

    LMUCell(1, N, theta, Dense(1, use_bias=False), input_to_hidden=True, kernel_initializer=None)

A and B are constants of the cell, not weights: set the attributes after it is built. The cell
computes, with a row m for the state,

.. math::  m_l = m_{l-1} A + u_l B, \qquad y_l = [m_l, u_l]\, \text{kernel} = C x_l + D u_l .

The memory has no output and no direct path; this is the hidden layer by which it has both.
`discretize.zoh` of `hippo.lmu(N, window=theta)` has the A and B that the cell makes itself.
Accuracy: the cell exponentiates in float32, these are rounded from float64.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import DenseRecurrence, check
from ..ground.backend import Array
from .channels import on_host, one_channel
from .layout import Layout, Target, expect, read, stored
from .published import MODEL, trains

LAYOUT: Layout = {
    "A": ("f", ("N", "N")),
    "B": ("f", (1, "N")),
    "hidden_cell.kernel": ("f", ("N1", 1)),
}
TAKES = (DenseRecurrence,)

_MADE = trains(trainable=False, weight_decay=0.0, constraint="made from theta")
TRAINING = {"A": _MADE, "B": _MADE, "hidden_cell.kernel": MODEL}


def to(form: DenseRecurrence) -> dict[str, np.ndarray]:
    """The arrays of the cell, for one real channel.

    Args:
        form: a recurrence without leading axes, or with all of them 1.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for several channels, complex matrices, and numbers beyond float32.

    Example:
        >>> from ssmlinalg import discretize, hippo
        >>> sampled = discretize.zoh(hippo.lmu(6, window=20.0))
        >>> {name: array.shape for name, array in to(sampled).items()}
        {'A': (6, 6), 'B': (1, 6), 'hidden_cell.kernel': (7, 1)}
    """
    expect(form, TAKES, "keras-lmu", "Sample forms.to_dense of a form with discretize.zoh.")
    A, B, C, D = one_channel(on_host(form), "cell")
    for name, array in (("A", A), ("B", B), ("C", C)):
        if np.iscomplexobj(array):
            rule = f"`{name}` must be real, as the cell is"
            raise ValueError(f"{rule}; got {array.dtype}. Pair its modes, then forms.to_dense.")
    arrays = {"A": A.T, "B": B[None], "hidden_cell.kernel": np.append(C, D)[:, None]}
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> DenseRecurrence:
    """The recurrence of the cell.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import discretize, hippo
        >>> back(to(discretize.zoh(hippo.lmu(6, window=20.0)))).C
        array([1., 0., 0., 0., 0., 0.])
    """
    found = read(arrays, LAYOUT)
    B = found["B"][0]
    kernel = found["hidden_cell.kernel"][:, 0]
    if len(kernel) != len(B) + 1:
        rule = f"`hidden_cell.kernel` must have shape (N + 1, 1) with N = {len(B)} from `B`"
        got = found["hidden_cell.kernel"].shape
        raise ValueError(f"{rule}; got {got}. Build the cell with input_to_hidden=True.")
    return check(DenseRecurrence(found["A"].T, B, kernel[:-1], kernel[-1]))


TARGET = Target(
    about="the cell LMUCell of keras-lmu",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="A and B transposed, C and D into the kernel of the hidden layer",
)
