r"""The real block system of scipy.signal.StateSpace and of control.ss (python-control): A, B, C, D
in float64.

=====  ==========  =====================================================================
name   shape       holds
=====  ==========  =====================================================================
A      (N, N)      real
B      (N, 1)      real, one input
C      (1, N)      real, one output
D      (1, 1)      real
step   ()          ours: neither package has a place for it beside a continuous system
=====  ==========  =====================================================================

Load with `StateSpace(A, B, C, D)` and `control.ss(A, B, C, D)`. Both are in the time of the form,
so that frequencies need no scaling; sample with `StateSpace.to_discrete(step, "zoh")` and
`control.sample_system(system, step, "zoh")`. What is complex becomes real by the state (Re x, Im
x),

.. math::  \begin{bmatrix} A^{re} & -A^{im} \\ A^{im} & A^{re} \end{bmatrix}, \qquad
           \begin{bmatrix} B^{re} \\ B^{im} \end{bmatrix}, \qquad
           \begin{bmatrix} C^{re} & -C^{im} \end{bmatrix},

exact, of twice the order: 2 n for a `Paired` form, whose C carries the factor 2. A `Diagonal` form
of a closed spectrum is of half that order after `forms.pair`. A real mode takes two states as well,
of which one is not driven if its B is real: a minimal realization drops it. One channel a system.
Accuracy: float64 as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import Dense, Diagonal, Paired, check, move, to_dense
from ..ground.backend import Array
from .layout import Layout, Target, expect, read, stored, trains

LAYOUT: Layout = {
    "A": ("d", ("N", "N")),
    "B": ("d", ("N", 1)),
    "C": ("d", (1, "N")),
    "D": ("d", (1, 1)),
    "step": ("d", ()),
}

TAKES = (Dense, Paired, Diagonal)

MOVED = "complex modes into real blocks, the factor 2 of a half spectrum into C"

# The packages do not train: a system is what it was built from.
TRAINING = dict.fromkeys(LAYOUT, trains(trainable=False))


def to(form: Dense | Paired | Diagonal) -> dict[str, np.ndarray]:
    """The arrays of the system, float64, for one channel: no leading axes, or all of them 1.

    Raises TypeError for other forms and ValueError for several channels.

    >>> from ssmlinalg import s4d_lin_init
    >>> {name: array.shape for name, array in to(s4d_lin_init(8)).items()}
    {'A': (8, 8), 'B': (8, 1), 'C': (1, 8), 'D': (1, 1), 'step': ()}
    """
    expect(
        form,
        TAKES,
        "statespace",
        "Make it dense with forms.to_dense; of several inputs export each alone.",
    )
    A, B, C, D, step = to_dense(move(form, "numpy", dtype="float64"))
    leading = np.broadcast_shapes(A.shape[:-2], B.shape[:-1], C.shape[:-1], D.shape, step.shape)
    if any(size != 1 for size in leading):
        raise ValueError(
            f"`form` must have one channel, which makes one system; got {leading}. Export each channel alone."
        )
    A, B, C = A.reshape(A.shape[-2:]), B.reshape(-1), C.reshape(-1)
    if any(np.iscomplexobj(array) for array in (A, B, C)):
        A = np.block([[A.real, -A.imag], [A.imag, A.real]])
        B, C = np.concatenate([B.real, B.imag]), np.concatenate([C.real, -C.imag])
    arrays = {
        "A": A,
        "B": B[:, None],
        "C": C[None, :],
        "D": D.reshape(1, 1),
        "step": step.reshape(()),
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Dense:
    """The system as a real `Dense` form. Raises ValueError for names, types and shapes that are not
    those of the table.

    >>> from ssmlinalg import s4d_lin_init
    >>> back(to(s4d_lin_init(4))).A.shape
    (4, 4)
    """
    found = read(arrays, LAYOUT)
    return check(
        Dense(found["A"], found["B"][:, 0], found["C"][0], found["D"][0, 0], found["step"])
    )


TARGET = Target(
    "the real systems of scipy.signal and python-control", to, back, LAYOUT, TAKES, None, TRAINING, MOVED
)  # fmt: skip
