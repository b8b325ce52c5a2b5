r"""`S4DSequenceMixer` of discretax (0.3.0), sequence_mixers/s4d.py: the arrays of its kernel.

=============  ==========  =========  ====================================================
name           shape       type       holds
=============  ==========  =========  ====================================================
C              (H, n)      complex64  C B: the layer has no B, it is 1
log_dt         (H,)        float32    log step
log_a_real     (H, n)      float32    log(-Re A)
A_imag         (H, n)      float32    Im A
=============  ==========  =========  ====================================================

The names stand behind "kernel." in the module `S4DSequenceMixer(in_features=H, state_dim=2 n)`. It
samples by zero-order hold, sums as `forms.Paired` has it, and has no direct path: D must be 0. The
other mixers of discretax have the names of the layers that they were written after, and their
targets: "s5", "s5-full", "minimal-lru", "linoss", "linoss-imex" and "d-linoss".

Accuracy: the layer forms e^{step A} - 1 in float32, which costs it digits for small |step A|.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ..forms import Paired, check
from ..ground.backend import Array
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, check_left, exponential, first_index
from .published import MODEL, log_step, normal

LAYOUT: Layout = {
    "C": ("c", ("H", "n")),
    "log_dt": ("f", ("H",)),
    "log_a_real": ("f", ("H", "n")),
    "A_imag": ("f", ("H", "n")),
}
TAKES = (Paired,)
TRAINING = dict.fromkeys(LAYOUT, MODEL)  # the package groups no parameters


def _parts(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return as_parts(arrays["C"])


_SOURCE = "discretax 0.3.0, sequence_mixers/s4d.py"
DECLARED = {
    "log step": log_step(itemgetter("log_dt"), _SOURCE),
    "C": normal(_parts, _SOURCE),
}


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of the kernel, for a half spectrum.

    Args:
        form: with D = 0, and one leading axis of channels or none (H = 1).

    Returns:
        The arrays of the table above.

    Raises:
        TypeError: for other forms.
        ValueError: unless Re A < 0 and D = 0, for more leading axes, and for numbers beyond
            float32.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> {name: array.shape for name, array in to(s4d_lin_init(64, channels=3)).items()}
        {'C': (3, 32), 'log_dt': (3,), 'log_a_real': (3, 32), 'A_imag': (3, 32)}
    """
    expect(form, TAKES, "discretax-s4d", "Halve a Diagonal with forms.pair.")
    A, B, C, D, step = channels(form)
    check_left(A)
    if np.any(D):
        where = first_index(D != 0)
        rule = "D must be 0, for the layer has none"
        got = f"{D[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Add D u outside of the layer, or choose 's4d'.")
    arrays = {
        "C": weights(B, C),
        "log_dt": np.log(step),
        "log_a_real": np.log(-A.real),
        "A_imag": A.imag,
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Paired:
    """The form that the layer computes with: A = -e^{log_a_real} + i A_imag, B = 1, D = 0.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> back(to(s4d_lin_init(4, channels=3))).A[0]
        array([-0.5+0.j        , -0.5+3.14159274j])
    """
    found = read(arrays, LAYOUT)
    A = -exponential(found["log_a_real"]) + 1j * found["A_imag"]
    step = exponential(found["log_dt"])
    return check(Paired(A, np.ones_like(A), found["C"], np.zeros(len(A)), step))


TARGET = Target(
    about="the mixer S4DSequenceMixer of discretax",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="zoh",
    training=TRAINING,
    moved="B into C: the layer has B = 1, its C is our C B",
    declared=DECLARED,
)
