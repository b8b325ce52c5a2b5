r"""`LMUCell` of keras-lmu (0.9): the memory it does not train, and the hidden layer that reads it.

====================  ============  =========================================================================
name                  shape         holds
====================  ============  =========================================================================
A                     (N, N)        A_d transposed: the attribute `cell.A`, sampled with the step 1
B                     (1, N)        B_d as a row: the attribute `cell.B`
hidden_cell.kernel    (N1, 1)       C, and below it D: the weight of the hidden layer, N1 = N + 1
====================  ============  =========================================================================

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

from ..forms import DenseRecurrence, check, move
from ..ground.backend import Array
from .layout import Layout, Target, expect, read, stored, trains

LAYOUT: Layout = {
    "A": ("f", ("N", "N")),
    "B": ("f", (1, "N")),
    "hidden_cell.kernel": ("f", ("N1", 1)),
}

TAKES = (DenseRecurrence,)

MOVED = "A and B transposed, C and D into the kernel of the hidden layer"

TRAINING = {
    "A": trains(trainable=False, weight_decay=0.0, constraint="made from theta"),
    "B": trains(trainable=False, weight_decay=0.0, constraint="made from theta"),
    "hidden_cell.kernel": trains(),
}


def to(form: DenseRecurrence) -> dict[str, np.ndarray]:
    """The arrays of the cell, float32, for one real channel.

    Raises TypeError for other forms; ValueError for several channels, complex matrices, and numbers
    beyond float32.

    >>> from ssmlinalg import discretize, hippo
    >>> {name: array.shape for name, array in to(discretize.zoh(hippo.lmu(6, window=20.0))).items()}
    {'A': (6, 6), 'B': (1, 6), 'hidden_cell.kernel': (7, 1)}
    """
    expect(form, TAKES, "keras-lmu", "Sample forms.to_dense of a form with discretize.zoh.")
    A, B, C, D = move(form, "numpy", dtype="float64")
    leading = np.broadcast_shapes(A.shape[:-2], B.shape[:-1], C.shape[:-1], D.shape)
    if any(size != 1 for size in leading):
        raise ValueError(
            f"`form` must have one channel, which makes one cell; got {leading}. Export each channel alone."
        )
    for name, array in (("A", A), ("B", B), ("C", C)):
        if np.iscomplexobj(array):
            raise ValueError(
                f"`{name}` must be real, as the cell is; got {array.dtype}. Pair its modes, then forms.to_dense."
            )
    kernel = np.concatenate([C.reshape(-1, 1), D.reshape(1, 1)])
    return stored(
        {"A": A.reshape(A.shape[-2:]).T, "B": B.reshape(1, -1), "hidden_cell.kernel": kernel},
        LAYOUT,
    )


def back(arrays: Mapping[str, Array]) -> DenseRecurrence:
    """The recurrence of the cell. Raises ValueError for names, types and shapes that are not those
    of the table.

    >>> from ssmlinalg import discretize, hippo
    >>> back(to(discretize.zoh(hippo.lmu(6, window=20.0)))).C
    array([1., 0., 0., 0., 0., 0.])
    """
    found = read(arrays, LAYOUT)
    A, B, kernel = found["A"].T, found["B"][0], found["hidden_cell.kernel"][:, 0]
    if len(kernel) != len(B) + 1:
        rule = f"`hidden_cell.kernel` must have shape (N + 1, 1) with N = {len(B)} from `B`"
        raise ValueError(
            f"{rule}; got {found['hidden_cell.kernel'].shape}. Build the cell with input_to_hidden=True."
        )
    return check(DenseRecurrence(A, B, kernel[:-1], kernel[-1]))


TARGET = Target("the cell LMUCell of keras-lmu", to, back, LAYOUT, TAKES, None, TRAINING, MOVED)
