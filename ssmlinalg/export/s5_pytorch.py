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

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ..forms import MIMO, Paired
from ..ground.backend import Array
from .channels import square
from .conjugates import MOVED, FullSpectrum, both_halves, upper_half
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, check_not_zero, exponential, from_parts
from .published import MODEL, log_step, uniform

LAYOUT: Layout = {
    "seq.Lambda": ("c", ("P",)),
    "seq.B": ("f", ("P", "H", 2)),
    "seq.C": ("c", ("H", "P")),
    "seq.D": ("f", ("H",)),
    "seq.log_step": ("f", ("P",)),
}
TAKES = (MIMO, Paired)
TRAINING = dict.fromkeys(LAYOUT, MODEL)  # the package groups no parameters

_SOURCE = "s5-pytorch 0.2.1, s5/s5_model.py"
DECLARED = {
    "log step": log_step(itemgetter("seq.log_step"), _SOURCE),
    "D": uniform(itemgetter("seq.D"), _SOURCE, low=0.0, width=1.0),
}


def to(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer, each mode beside its conjugate.

    The H channels of a `Paired` form become H blocks: a state of H N modes, zeros in B and C
    between them. That is exact, but training fills the zeros.

    Args:
        form: with as many outputs as inputs, each with its own direct path.

    Returns:
        The arrays of the table above.

    Raises:
        TypeError: for other forms.
        ValueError: for leading axes, a D that is not square and diagonal, a mode A = 0 (the layer
            divides by A), and numbers beyond float32.

    Example:
        >>> from ssmlinalg import s5_init
        >>> {name: array.shape for name, array in to(s5_init(8, channels=3)).items()}
        {'seq.Lambda': (8,), 'seq.B': (8, 3, 2), 'seq.C': (3, 8), 'seq.D': (3,),
         'seq.log_step': (8,)}
    """
    expect(form, TAKES, "s5-pytorch", "Halve a Diagonal with forms.pair.")
    modes = both_halves(square(form))
    arrays = {
        "seq.Lambda": modes.A,
        "seq.B": as_parts(modes.B),
        "seq.C": modes.C,
        "seq.D": np.diag(modes.D),
        "seq.log_step": np.log(modes.step),
    }
    held = stored(arrays, LAYOUT)
    check_not_zero(held["seq.Lambda"])
    return held


def back(arrays: Mapping[str, Array]) -> MIMO:
    """The form that the layer computes with.

    Where the second half of the complex modes are the conjugates of the first, bit for bit, as `to`
    writes them, the first half and the real modes are kept. Otherwise every mode is, with B halved:
    the layer need not keep pairs together.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import s5_init
        >>> back(to(s5_init(8, channels=3))).A.shape
        (4,)
    """
    found = read(arrays, LAYOUT)
    modes = FullSpectrum(
        A=found["seq.Lambda"],
        B=from_parts(found["seq.B"]),
        C=found["seq.C"],
        D=np.diag(found["seq.D"]),
        step=exponential(found["seq.log_step"]),
    )
    return upper_half(modes)


TARGET = Target(
    about="the layer S5 of the package s5-pytorch",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="zoh",
    training=TRAINING,
    moved=MOVED,
    declared=DECLARED,
)
