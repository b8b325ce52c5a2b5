r"""The layer `DSS(kernel_type="dlr")` of ag1988/dlr, src/models/sequence/ss/standalone/dss.py: all
but its output projection.

=========================  ===============  ======================================================================
name                       shape            holds
=========================  ===============  ======================================================================
kernel.Lambda_im           (N,)             phase of A in [0, 2 pi)
kernel.Lambda_log_neg_re   (N,)             sqrt(-log|A|): it is squared in the layer, whatever its name says
kernel.W                   (1, H, N, 2)     real and imaginary part of C B: the layer has no B, it is 1
D                          (1, H)           D; the axis of size 1 here and in W is the heads, `channels` there
=========================  ===============  ======================================================================

All float32, for DSS(d_model=H, d_state=N, kernel_type="dlr", lr=DictConfig(...)) with version "",
one head, one direction and kernel_to_real "real"; load with strict=False, for the output projection
stays as drawn. The layer is a discrete recurrence of full spectrum, whose modes all channels share:

.. math::  K_l = \mathrm{Re} \sum_n W_n\, e^{l \lambda_n}, \qquad \lambda_n = -r_n^2 + i \theta_n .

Accuracy: the layer forms l theta in float32, so its phases are off by about eps l theta. We compute
from the float32 arrays in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import Recurrence, check
from ..ground.backend import Array
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import channels, logarithm, weights

LAYOUT: Layout = {
    "kernel.Lambda_im": ("f", ("N",)),
    "kernel.Lambda_log_neg_re": ("f", ("N",)),
    "kernel.W": ("f", (1, "H", "N", 2)),
    "D": ("f", (1, "H")),
}

TAKES = (Recurrence,)

MOVED = "B into W: the layer has B = 1, its W is our C B"

# The kernel registers all it has without decay, at rates of its own ("ssm": its argument `lr`); D
# trains as the model.
TRAINING = {
    "kernel.Lambda_im": trains(lr="ssm", weight_decay=0.0),
    "kernel.Lambda_log_neg_re": trains(
        lr="ssm", weight_decay=0.0, constraint="log|A| = -(its square)"
    ),
    "kernel.W": trains(lr="ssm", weight_decay=0.0),
    "D": trains(),
}

_SOURCE = "ag1988/dlr, src/models/sequence/ss/standalone/dss.py"
DECLARED = {
    "log decay": Declared(
        lambda arrays: np.log(2 * arrays["kernel.Lambda_log_neg_re"] ** 2),
        "uniform",
        (math.log(1e-4), math.log(1e3)),
        _SOURCE,
    ),
    "N W": Declared(
        lambda arrays: arrays["kernel.W"].shape[2] * arrays["kernel.W"], "norm", (0.0, 1.0), _SOURCE
    ),
    "D": Declared(lambda arrays: arrays["D"], "norm", (0.0, 1.0), _SOURCE),
}


def to(form: Recurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer, float32, for a recurrence with one leading axis of channels or none
    (H = 1).

    Raises TypeError for other forms; ValueError for channels of different A, unless 0 < |A| <= 1,
    for more leading axes, and for numbers beyond float32.

    >>> from ssmlinalg import dlr_init
    >>> for name, array in to(dlr_init(16, channels=3)).items():
    ...     print(name, array.shape)
    kernel.Lambda_im (16,)
    kernel.Lambda_log_neg_re (16,)
    kernel.W (1, 3, 16, 2)
    D (1, 3)
    """
    expect(form, TAKES, "dlr", "Start from dlr_init, or sample a Diagonal with discretize.")
    A, B, C, D = channels(form)
    if not np.all(A[0] == A):
        where = tuple(int(i) for i in np.argwhere(A[0] != A)[0])
        got = f"another one at index {where} than in channel 0"
        raise ValueError(
            f"A must be shared by all channels, for the layer has one; got {got}. Export one layer for each A."
        )
    rate, phase = logarithm(A[0])
    if not np.all(np.isfinite(rate) & (rate <= 0)):
        where = int(np.argmax(~np.isfinite(rate) | (rate > 0)))
        rule = "A must satisfy 0 < |A| <= 1, for the layer stores the square root of -log|A|"
        raise ValueError(
            f"{rule}; got |A| = {abs(A[0, where]):g} at index {where}. Scale that mode."
        )
    phase = phase.astype(np.float32)
    W = weights(B, C)
    arrays = {
        "kernel.Lambda_im": np.where(
            phase < 2 * np.pi, phase, 0
        ),  # float32 may round up to a whole turn
        "kernel.Lambda_log_neg_re": np.sqrt(-rate),
        "kernel.W": np.stack([W.real, W.imag], axis=-1)[None],
        "D": D[None],
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Recurrence:
    """The recurrence the layer computes, in float64: A = e^lambda (N,), B = 1, C = W (H, N).

    Raises ValueError for names, types and shapes that are not the layer's, and for values that are
    not finite.

    >>> from ssmlinalg import dlr_init
    >>> back(to(dlr_init(4, channels=3))).C.shape
    (3, 4)
    """
    found = read(arrays, LAYOUT)
    W, D = found["kernel.W"][0], found["D"][0]
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        A = np.exp(-(found["kernel.Lambda_log_neg_re"] ** 2) + 1j * found["kernel.Lambda_im"])
    return check(Recurrence(A, np.ones_like(A), W[..., 0] + 1j * W[..., 1], D))


TARGET = Target(
    'the layer DSS(kernel_type="dlr") of ag1988/dlr',
    to, back, LAYOUT, TAKES, None, TRAINING, MOVED, declared=DECLARED,
)  # fmt: skip
