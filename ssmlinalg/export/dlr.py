r"""The layer `DSS(kernel_type="dlr")` of ag1988/dlr, all but its output projection.

Source: src/models/sequence/ss/standalone/dss.py.

=========================  =============  ===================================================
name                       shape          holds
=========================  =============  ===================================================
kernel.Lambda_im           (N,)           phase of A in [0, 2 pi)
kernel.Lambda_log_neg_re   (N,)           sqrt(-log|A|): the layer squares it, despite its name
kernel.W                   (1, H, N, 2)   real and imaginary part of C B: there is no B, it is 1
D                          (1, H)         D; the axis of size 1, here and in W, is the heads
=========================  =============  ===================================================

All float32, for DSS(d_model=H, d_state=N, kernel_type="dlr", lr=DictConfig(...)) with version "",
one head (`channels` there), one direction and kernel_to_real "real"; load with strict=False, for
the output projection stays as drawn. The layer is a discrete recurrence of full spectrum, whose
modes all channels share:

.. math::  K_l = \mathrm{Re} \sum_n W_n\, e^{l \lambda_n}, \qquad \lambda_n = -r_n^2 + i \theta_n .

Accuracy: the layer forms l theta in float32, so its phases are off by about eps l theta. We compute
from the float32 arrays in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ..forms import Recurrence, check
from ..ground.backend import Array
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, check_modulus, first_index, from_parts, logarithm
from .published import MODEL, normal, own_group, uniform

LAYOUT: Layout = {
    "kernel.Lambda_im": ("f", ("N",)),
    "kernel.Lambda_log_neg_re": ("f", ("N",)),
    "kernel.W": ("f", (1, "H", "N", 2)),
    "D": ("f", (1, "H")),
}
TAKES = (Recurrence,)

# The kernel registers all it has without decay, at rates of its own (its argument `lr`).
TRAINING = {
    "kernel.Lambda_im": own_group(),
    "kernel.Lambda_log_neg_re": own_group("log|A| = -(its square)"),
    "kernel.W": own_group(),
    "D": MODEL,
}


def _log_decay(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.log(2 * arrays["kernel.Lambda_log_neg_re"] ** 2)


def _scaled_weights(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    W = arrays["kernel.W"]
    return W.shape[2] * W


_SOURCE = "ag1988/dlr, src/models/sequence/ss/standalone/dss.py"
DECLARED = {
    "log decay": uniform(_log_decay, _SOURCE, low=math.log(1e-4), width=math.log(1e3)),
    "N W": normal(_scaled_weights, _SOURCE),
    "D": normal(itemgetter("D"), _SOURCE),
}


def to(form: Recurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer, for a recurrence of full spectrum.

    Args:
        form: with one leading axis of channels or none (H = 1); all channels share A.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for channels of different A, unless 0 < |A| <= 1, for more leading axes, and for
            numbers beyond float32.

    Example:
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
        rule = "A must be shared by all channels, for the layer has one"
        got = f"another one at index {first_index(A[0] != A)} than in channel 0"
        raise ValueError(f"{rule}; got {got}. Export one layer for each A.")
    rate, phase = logarithm(A[0])
    rule = "A must satisfy 0 < |A| <= 1, for the layer stores the square root of -log|A|"
    check_modulus(A[0], ~np.isfinite(rate) | (rate > 0), rule)
    phase = phase.astype(np.float32)
    phase = np.where(phase < 2 * np.pi, phase, 0)  # float32 may round up to a whole turn
    arrays = {
        "kernel.Lambda_im": phase,
        "kernel.Lambda_log_neg_re": np.sqrt(-rate),
        "kernel.W": as_parts(weights(B, C))[None],
        "D": D[None],
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Recurrence:
    """The recurrence that the layer computes: A = e^lambda (N,), B = 1, C = W (H, N).

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import dlr_init
        >>> back(to(dlr_init(4, channels=3))).C.shape
        (3, 4)
    """
    found = read(arrays, LAYOUT)
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        A = np.exp(-(found["kernel.Lambda_log_neg_re"] ** 2) + 1j * found["kernel.Lambda_im"])
    C = from_parts(found["kernel.W"][0])
    return check(Recurrence(A, np.ones_like(A), C, found["D"][0]))


TARGET = Target(
    about='the layer DSS(kernel_type="dlr") of ag1988/dlr',
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="B into W: the layer has B = 1, its W is our C B",
    declared=DECLARED,
)
