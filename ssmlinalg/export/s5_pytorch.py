r"""The layer `S5` of the package s5-pytorch (0.2.1): its whole state.

=============  =============  ==========  ================================================
name           shape          type        holds
=============  =============  ==========  ================================================
seq.Lambda     (P,)           complex64   A of the full spectrum
seq.B          (P, H, 2)      float32     real and imaginary part of B
seq.C          (H, P)         complex64   C
seq.D          (H,)           float32     the diagonal of D
seq.log_step   (P,)           float32     log step, one for each mode
=============  =============  ==========  ================================================

Load into `S5(width=H, state_width=P)`. It samples by zero-order hold and reads y = Re(C x) + D u:
no factor 2, so each mode stands beside its conjugate. Complex modes come first, then their
conjugates, then the real ones with the B that `forms.MIMO` halves. Accuracy: the layer forms
e^{step A} - 1 in float32, which costs it digits for small |step A|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import MIMO, Paired
from ..ground.backend import Array
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import both_halves, not_zero, square, upper_half

LAYOUT: Layout = {
    "seq.Lambda": ("c", ("P",)),
    "seq.B": ("f", ("P", "H", 2)),
    "seq.C": ("c", ("H", "P")),
    "seq.D": ("f", ("H",)),
    "seq.log_step": ("f", ("P",)),
}

TAKES = (MIMO, Paired)

MOVED = "the factor 2 of a half spectrum into conjugate modes, and into B of real ones"

# The package groups no parameters.
TRAINING = dict.fromkeys(LAYOUT, trains())

_SOURCE = "s5-pytorch 0.2.1, s5/s5_model.py"
DECLARED = {
    "log step": Declared(
        lambda arrays: arrays["seq.log_step"], "uniform", (math.log(1e-3), math.log(100)), _SOURCE
    ),
    "D": Declared(lambda arrays: arrays["seq.D"], "uniform", (0.0, 1.0), _SOURCE),
}


def to(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer for a model with as many outputs as inputs and a direct path from
    each to its own.

    The H channels of a `Paired` form become H blocks: a state of H N modes, zeros in B and C
    between them. That is exact, but training fills the zeros. Raises TypeError for other forms;
    ValueError for leading axes, a D that is not square and diagonal, a mode A = 0 (the layer
    divides by A), and numbers beyond float32.

    >>> from ssmlinalg import s5_init
    >>> {name: array.shape for name, array in to(s5_init(8, channels=3)).items()}
    {'seq.Lambda': (8,), 'seq.B': (8, 3, 2), 'seq.C': (3, 8), 'seq.D': (3,), 'seq.log_step': (8,)}
    """
    expect(form, TAKES, "s5-pytorch", "Halve a Diagonal with forms.pair.")
    form = square(form)
    A, B, C, step = both_halves(form)
    arrays = {
        "seq.Lambda": A,
        "seq.B": np.stack([np.real(B), np.imag(B)], axis=-1),
        "seq.C": C,
        "seq.D": np.diag(form.D),
        "seq.log_step": np.log(step),
    }
    cast = stored(arrays, LAYOUT)
    not_zero(cast["seq.Lambda"])
    return cast


def back(arrays: Mapping[str, Array]) -> MIMO:
    """The form the layer computes with, in float64.

    Where the second half of the complex modes are the conjugates of the first, bit for bit, as `to`
    writes them, the first half and the real modes are kept. Otherwise every mode is, with B halved:
    the layer need not keep pairs together. Raises ValueError for names, types and shapes that are
    not the layer's, and for values that are not finite.

    >>> from ssmlinalg import s5_init
    >>> back(to(s5_init(8, channels=3))).A.shape
    (4,)
    """
    found = read(arrays, LAYOUT)
    B = found["seq.B"][..., 0] + 1j * found["seq.B"][..., 1]
    with np.errstate(over="ignore"):  # the form is checked
        step = np.exp(found["seq.log_step"])
    return upper_half(found["seq.Lambda"], B, found["seq.C"], np.diag(found["seq.D"]), step)


TARGET = Target(
    "the layer S5 of the package s5-pytorch",
    to,
    back,
    LAYOUT,
    TAKES,
    "zoh",
    TRAINING,
    MOVED,
    declared=DECLARED,
)
