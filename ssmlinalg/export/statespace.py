r"""The real block system of scipy.signal.StateSpace and of control.ss (python-control), in float64.

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
`control.sample_system(system, step, "zoh")`. A complex system becomes real by the state (Re x, Im
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

from ..forms import Dense, Diagonal, Paired, check, to_dense
from ..ground.backend import Array
from .channels import on_host, one_channel
from .layout import Layout, Target, expect, read, stored
from .published import FIXED

LAYOUT: Layout = {
    "A": ("d", ("N", "N")),
    "B": ("d", ("N", 1)),
    "C": ("d", (1, "N")),
    "D": ("d", (1, 1)),
    "step": ("d", ()),
}
TAKES = (Dense, Paired, Diagonal)
TRAINING = dict.fromkeys(LAYOUT, FIXED)  # the packages do not train


def to(form: Dense | Paired | Diagonal) -> dict[str, np.ndarray]:
    """The arrays of the system, for one channel.

    Args:
        form: without leading axes, or with all of them 1.

    Returns:
        The arrays of the table above, float64.

    Raises:
        TypeError: for other forms.
        ValueError: for several channels.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> {name: array.shape for name, array in to(s4d_lin_init(8)).items()}
        {'A': (8, 8), 'B': (8, 1), 'C': (1, 8), 'D': (1, 1), 'step': ()}
    """
    remedy = "Make it dense with forms.to_dense; of several inputs export each alone."
    expect(form, TAKES, "statespace", remedy)
    A, B, C, D, step = one_channel(to_dense(on_host(form)), "system")
    if any(np.iscomplexobj(array) for array in (A, B, C)):
        A = np.block([[A.real, -A.imag], [A.imag, A.real]])
        B = np.concatenate([B.real, B.imag])
        C = np.concatenate([C.real, -C.imag])
    arrays = {
        "A": A,
        "B": B[:, None],
        "C": C[None, :],
        "D": D.reshape(1, 1),
        "step": step,
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Dense:
    """The system as a real `Dense` form.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> back(to(s4d_lin_init(4))).A.shape
        (4, 4)
    """
    found = read(arrays, LAYOUT)
    return check(
        Dense(
            A=found["A"],
            B=found["B"][:, 0],
            C=found["C"][0],
            D=found["D"][0, 0],
            step=found["step"],
        )
    )


TARGET = Target(
    about="the real systems of scipy.signal and python-control",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="complex modes into real blocks, the factor 2 of a half spectrum into C",
)
