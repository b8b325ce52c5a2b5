r"""The layer `S5SSM` of lindermanlab/S5, s5/ssm.py: half of its spectrum with `conj_sym=True`, all
of it without.

=============  ==========  ==========================================================
name           shape       holds
=============  ==========  ==========================================================
Lambda_re      (P,)        Re A
Lambda_im      (P,)        Im A
B              (P, H, 2)   real and imaginary part of B, which the project calls V^-1 B
C              (H, P, 2)   real and imaginary part of C, which the project calls C V
D              (H,)        the diagonal of D
log_step       (P, 1)      log step, one for each mode
=============  ==========  ==========================================================

All float32. The layer samples by zero-order hold (`discretization="zoh"`) and reads

.. math::  y_l = 2 \mathrm{Re}(C x_l) + D u_l, \qquad x_l = e^{\Delta A} x_{l-1} + \frac{e^{\Delta A} - 1}{A} B u_l

with `conj_sym=True`, which is `forms.MIMO` to the letter, and y = Re(C x) + D u without. Then
complex modes come first, their conjugates next, and the real ones last with the B that `forms.MIMO`
halves.

The names are those of the layer's own dict of parameters. In a model they stand at
`params["encoder"]["layers_0"]["seq"]`, or behind "encoder.layers_0.seq." once
`flax.traverse_util.flatten_dict(params, sep=".")` has flattened it. Build the layer with
`P=len(Lambda_re)`, `bidirectional=False` and `step_rescale=1`. The eigenvectors `V` and `Vinv` are
arguments from which it draws B and C, no parameters: once these are replaced only their shapes
matter.

With `clip_eigs=True` the layer computes with min(Re A, -1e-4): what stands to the right of that is
moved there. Accuracy: the layer forms e^{step A} - 1 in float32, which costs it digits for small
|step A|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import MIMO, Paired, check
from ..ground.backend import Array
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import both_halves, not_zero, square, upper_half

LAYOUT: Layout = {
    "Lambda_re": ("f", ("P",)),
    "Lambda_im": ("f", ("P",)),
    "B": ("f", ("P", "H", 2)),
    "C": ("f", ("H", "P", 2)),
    "D": ("f", ("H",)),
    "log_step": ("f", ("P", 1)),
}

TAKES = (MIMO, Paired)

MOVED = "nothing; a Paired form becomes one block of the state for each channel"
MOVED_FULL = "the factor 2 of a half spectrum into conjugate modes, and into B of real ones"

# `opt_config="standard"`, the default: Adam at `ssm_lr_base` for A, B and step, AdamW at the
# model's rate for C and D.
TRAINING = {
    "Lambda_re": trains(
        lr="ssm", weight_decay=0.0, constraint="Re A <= -1e-4 with clip_eigs, else none"
    ),
    "Lambda_im": trains(lr="ssm", weight_decay=0.0),
    "B": trains(lr="ssm", weight_decay=0.0),
    "C": trains(),
    "D": trains(),
    "log_step": trains(lr="ssm", weight_decay=0.0, constraint="step = exp"),
}

# B and C are drawn in the basis of HiPPO and multiplied by its eigenvectors, which the layer does
# not keep.
_SOURCE = "lindermanlab/S5, s5/ssm.py and s5/ssm_init.py"
DECLARED = {
    "log step": Declared(
        lambda arrays: arrays["log_step"], "uniform", (math.log(1e-3), math.log(100)), _SOURCE
    ),
    "D": Declared(lambda arrays: arrays["D"], "norm", (0.0, 1.0), _SOURCE),
}

_HALVE = "Halve a Diagonal with forms.pair."


def to(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer with `conj_sym=True`, for as many outputs as inputs and a direct path
    from each to its own.

    The H channels of a `Paired` form become H blocks: a state of H n modes, zeros in B and C
    between them. That is exact, but training fills the zeros. Raises TypeError for other forms;
    ValueError for leading axes, a D that is not square and diagonal, a mode A = 0 (the layer
    divides by A), and numbers beyond float32.

    >>> from ssmlinalg import s5_init
    >>> {name: array.shape for name, array in to(s5_init(8, channels=3)).items()}
    {'Lambda_re': (4,), 'Lambda_im': (4,), 'B': (4, 3, 2), 'C': (3, 4, 2), 'D': (3,), 'log_step': (4, 1)}
    """
    expect(form, TAKES, "s5", _HALVE)
    form = square(form)
    return _arrays(form.A, form.B, form.C, form.D, form.step)


def to_full(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer with `conj_sym=False`, each mode beside its conjugate; otherwise as
    `to`.

    >>> from ssmlinalg import s5_init
    >>> to_full(s5_init(8, channels=3))["B"].shape
    (8, 3, 2)
    """
    expect(form, TAKES, "s5-full", _HALVE)
    form = square(form)
    A, B, C, step = both_halves(form)
    return _arrays(A, B, C, form.D, step)


def back(arrays: Mapping[str, Array]) -> MIMO:
    """The form the layer with `conj_sym=True` computes with, in float64, its eigenvalues not
    clipped.

    Raises ValueError for names, types and shapes that are not the layer's, and for values that are
    not finite.

    >>> from ssmlinalg import s5_init
    >>> back(to(s5_init(8, channels=3))).A.shape
    (4,)
    """
    return check(MIMO(*_modes(arrays)))


def back_full(arrays: Mapping[str, Array]) -> MIMO:
    """The form the layer with `conj_sym=False` computes with, in float64, its eigenvalues not
    clipped.

    Where the second half of the complex modes are the conjugates of the first, bit for bit, as
    `to_full` writes them, the first half and the real modes are kept. Otherwise every mode is, with
    B halved: training does not keep pairs together. Raises ValueError as `back` does.

    >>> from ssmlinalg import s5_init
    >>> back_full(to_full(s5_init(8, channels=3))).A.shape
    (4,)
    """
    return upper_half(*_modes(arrays))


def _arrays(A: Array, B: Array, C: Array, D: Array, step: Array) -> dict[str, np.ndarray]:
    cast = stored(
        {
            "Lambda_re": np.real(A),
            "Lambda_im": np.imag(A),
            "B": np.stack([np.real(B), np.imag(B)], axis=-1),
            "C": np.stack([np.real(C), np.imag(C)], axis=-1),
            "D": np.diag(D),
            "log_step": np.log(step)[:, None],
        },
        LAYOUT,
    )
    not_zero(cast["Lambda_re"] + 1j * cast["Lambda_im"])
    return cast


def _modes(arrays: Mapping[str, Array]) -> tuple[np.ndarray, ...]:
    """A, B, C, D and step in the layer's own modes."""
    found = read(arrays, LAYOUT)
    B, C = (found[name][..., 0] + 1j * found[name][..., 1] for name in ("B", "C"))
    with np.errstate(over="ignore"):  # the form is checked
        step = np.exp(found["log_step"][:, 0])
    return found["Lambda_re"] + 1j * found["Lambda_im"], B, C, np.diag(found["D"]), step


TARGET = Target(
    "the layer S5SSM of lindermanlab/S5, half a spectrum",
    to,
    back,
    LAYOUT,
    TAKES,
    "zoh",
    TRAINING,
    MOVED,
    declared=DECLARED,
)
TARGET_FULL = Target(
    "the layer S5SSM of lindermanlab/S5, conj_sym=False",
    to_full, back_full, LAYOUT, TAKES, "zoh", TRAINING, MOVED_FULL, declared=DECLARED,
)  # fmt: skip
