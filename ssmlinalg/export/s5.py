r"""The layer `S5SSM` of lindermanlab/S5, s5/ssm.py: half of its spectrum with `conj_sym=True`, all
of it without. `S5SequenceMixer` of discretax has the same arrays.

=============  ==========  ==============================================================
name           shape       holds
=============  ==========  ==============================================================
Lambda_re      (P,)        Re A
Lambda_im      (P,)        Im A
B              (P, H, 2)   real and imaginary part of B, which the project calls V^-1 B
C              (H, P, 2)   real and imaginary part of C, which the project calls C V
D              (H,)        the diagonal of D
log_step       (P, 1)      log step, one for each mode
=============  ==========  ==============================================================

All float32. The layer samples by zero-order hold (`discretization="zoh"`) and reads

.. math::  y_l = 2 \mathrm{Re}(C x_l) + D u_l, \qquad
           x_l = e^{\Delta A} x_{l-1} + \frac{e^{\Delta A} - 1}{A} B u_l

with `conj_sym=True`, which is `forms.MIMO` to the letter, and y = Re(C x) + D u without. Then
complex modes come first, their conjugates next, and the real ones last with the B that `forms.MIMO`
halves.

The names are those of the layer's own dict of parameters. In a model they stand at
`params["encoder"]["layers_0"]["seq"]`, or behind "encoder.layers_0.seq." once
`flax.traverse_util.flatten_dict(params, sep=".")` has flattened it. Build the layer with
`P=len(Lambda_re)`, `bidirectional=False` and `step_rescale=1`. The eigenvectors `V` and `Vinv` are
arguments from which it draws B and C, no parameters: once these are replaced only their shapes
matter.

With `clip_eigs=True` the layer computes with min(Re A, -1e-4): modes to the right of that are moved
there. Accuracy: the layer forms e^{step A} - 1 in float32, which costs it digits for small
|step A|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from ..forms import MIMO, Paired, check
from ..ground.backend import Array
from .channels import square
from .conjugates import MOVED as MOVED_FULL
from .conjugates import FullSpectrum, both_halves, upper_half
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, check_not_zero, exponential, from_parts
from .published import MODEL, Laws, Rates, log_step, normal, own_group, uniform

LAYOUT: Layout = {
    "Lambda_re": ("f", ("P",)),
    "Lambda_im": ("f", ("P",)),
    "B": ("f", ("P", "H", 2)),
    "C": ("f", ("H", "P", 2)),
    "D": ("f", ("H",)),
    "log_step": ("f", ("P", 1)),
}
TAKES = (MIMO, Paired)
_REMEDY = "Halve a Diagonal with forms.pair."

# `opt_config="standard"`, the default: Adam at `ssm_lr_base` for A, B and step, AdamW at the
# model's rate for C and D.
TRAINING = {
    "Lambda_re": own_group("Re A <= -1e-4 with clip_eigs, else none"),
    "Lambda_im": own_group(),
    "B": own_group(),
    "C": MODEL,
    "D": MODEL,
    "log_step": own_group("step = exp"),
}

# B and C are drawn in the basis of HiPPO and multiplied by its eigenvectors, which the layer does
# not keep.
_SOURCE = "lindermanlab/S5, s5/ssm.py and s5/ssm_init.py"
DECLARED = {
    "log step": log_step(itemgetter("log_step"), _SOURCE),
    "D": normal(itemgetter("D"), _SOURCE),
}
_SOURCE_DISCRETAX = "discretax 0.3.0, sequence_mixers/s5.py"
_DECLARED_DISCRETAX = {
    "log step": uniform(
        itemgetter("log_step"), _SOURCE_DISCRETAX, low=math.log(1e-3), width=math.log(1e3)
    ),
    "D": normal(itemgetter("D"), _SOURCE_DISCRETAX),
}


def _published(config: Mapping[str, Any]) -> tuple[Laws, ...]:
    """The laws of both packages: no array and no config.json tells which drew a layer."""
    return (DECLARED, _DECLARED_DISCRETAX)


def to(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer with `conj_sym=True`.

    The H channels of a `Paired` form become H blocks: a state of H n modes, zeros in B and C
    between them. That is exact, but training fills the zeros.

    Args:
        form: with as many outputs as inputs, each with its own direct path.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for leading axes, a D that is not square and diagonal, a mode A = 0 (the layer
            divides by A), and numbers beyond float32.

    Example:
        >>> from ssmlinalg import s5_init
        >>> {name: array.shape for name, array in to(s5_init(8, channels=3)).items()}
        {'Lambda_re': (4,), 'Lambda_im': (4,), 'B': (4, 3, 2), 'C': (3, 4, 2), 'D': (3,),
         'log_step': (4, 1)}
    """
    expect(form, TAKES, "s5", _REMEDY)
    return _arrays(square(form))


def to_full(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer with `conj_sym=False`, each mode beside its conjugate.

    Args:
        form: with as many outputs as inputs, each with its own direct path.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: as `to` does.
        ValueError: as `to` does.

    Example:
        >>> from ssmlinalg import s5_init
        >>> to_full(s5_init(8, channels=3))["B"].shape
        (8, 3, 2)
    """
    expect(form, TAKES, "s5-full", _REMEDY)
    return _arrays(both_halves(square(form)))


def back(arrays: Mapping[str, Array]) -> MIMO:
    """The form that the layer with `conj_sym=True` computes with, its eigenvalues not clipped.

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
    return check(MIMO(*_modes(arrays)))


def back_full(arrays: Mapping[str, Array]) -> MIMO:
    """The form that the layer with `conj_sym=False` computes with, its eigenvalues not clipped.

    Where the second half of the complex modes are the conjugates of the first, bit for bit, as
    `to_full` writes them, the first half and the real modes are kept. Otherwise every mode is, with
    B halved: training does not keep pairs together.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64.

    Raises:
        TypeError: as `back` does.
        ValueError: as `back` does.

    Example:
        >>> from ssmlinalg import s5_init
        >>> back_full(to_full(s5_init(8, channels=3))).A.shape
        (4,)
    """
    return upper_half(_modes(arrays))


def _arrays(modes: MIMO | FullSpectrum) -> dict[str, np.ndarray]:
    arrays = {
        "Lambda_re": np.real(modes.A),
        "Lambda_im": np.imag(modes.A),
        "B": as_parts(modes.B),
        "C": as_parts(modes.C),
        "D": np.diag(modes.D),
        "log_step": np.log(modes.step)[:, None],
    }
    held = stored(arrays, LAYOUT)
    check_not_zero(held["Lambda_re"] + 1j * held["Lambda_im"])
    return held


def _modes(arrays: Mapping[str, Array]) -> FullSpectrum:
    """The layer's own modes."""
    found = read(arrays, LAYOUT)
    return FullSpectrum(
        A=found["Lambda_re"] + 1j * found["Lambda_im"],
        B=from_parts(found["B"]),
        C=from_parts(found["C"]),
        D=np.diag(found["D"]),
        step=exponential(found["log_step"][:, 0]),
    )


TARGET = Target(
    about="the layer S5SSM of lindermanlab/S5, half a spectrum",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="zoh",
    training=TRAINING,
    rates=Rates(
        lr=0.0045,
        ssm_lr=0.0009,
        weight_decay=0.03,
        task="LRA Pathfinder",
        source="lindermanlab/S5, bin/run_experiments/run_lra_pathfinder.sh",
    ),
    moved="nothing; a Paired form becomes one block of the state for each channel",
    declared=DECLARED,
    published=_published,
)
TARGET_FULL = TARGET._replace(
    about="the layer S5SSM of lindermanlab/S5, conj_sym=False",
    to=to_full,
    back=back_full,
    moved=MOVED_FULL,
)
