r"""The layer `S5` of lrnnx (1.0.0), models/lti/s5.py, with discretization="zoh".

========  ==========  ====================================================
name      shape       holds
========  ==========  ====================================================
A         (N, 2)      log(e^{-Re A} - 1) and Im A
B         (N, H)      B, which is real
log_dt    (N,)        log step, one for each mode
C         (H, N, 2)   real and imaginary part of C
D         (H, H)      the transpose of D: the layer adds u D
========  ==========  ====================================================

All float32, for S5(d_model=H, d_state=N, discretization="zoh"). It samples by zero-order hold and
reads y = Re(C x) + D u, without a factor 2: ours goes into B. A mode whose B is real up to a phase
gives the phase to C. Any other becomes two modes of the same A, one with Re B and C, one with Im B
and i C, which is exact.

With discretization="bilinear" the package computes

.. math::  \bar A = \frac{1 - \Delta A / 2}{1 + \Delta A / 2}, \qquad
           \bar B = \frac{\Delta}{1 + \Delta A / 2} B ,

the bilinear rule of -A. As Re A < 0, every mode of it grows: no stable model can be written for it.
Such a layer computes ``back(arrays)`` with the sign of A turned, by the rule "bilinear".

Accuracy: the layer forms e^{step A} - 1 in float32, which costs it digits for small |step A|.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import MIMO, Paired, check
from ..ground.backend import Array, Complex
from ..ground.formats import EPS
from .channels import with_ports
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, exponential, first_index, from_parts, inverse_softplus
from .published import MODEL

LAYOUT: Layout = {
    "A": ("f", ("N", 2)),
    "B": ("f", ("N", "H")),
    "log_dt": ("f", ("N",)),
    "C": ("f", ("H", "N", 2)),
    "D": ("f", ("H", "H")),
}
TAKES = (MIMO, Paired)
# No law is declared: `to` writes modes twice, so that what it writes is not drawn independently.
TRAINING = dict.fromkeys(LAYOUT, MODEL)  # the package groups no parameters


def to(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer: one mode for each of the form, two where its B has no common phase.

    The H channels of a `Paired` form become H blocks: a state of H n modes, zeros in B and C
    between them. That is exact, but training fills the zeros.

    Args:
        form: with as many outputs as inputs.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: unless Re A < 0, for leading axes, a D that is not square, and numbers beyond
            float32.

    Example:
        >>> from ssmlinalg import s5_init, s4d_lin_init
        >>> to(s4d_lin_init(8, channels=3))["B"].shape, to(s5_init(8, channels=3))["B"].shape
        ((12, 3), (8, 3))
    """
    expect(form, TAKES, "lrnnx-s5", "Halve a Diagonal with forms.pair.")
    A, B, C, D, step = with_ports(form)
    right = A.real >= 0
    if np.any(right):
        where = first_index(right)
        rule = "Re A must be negative, for the layer takes -softplus"
        got = f"{A.real[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Move that mode to the left.")
    phase = _phases(B)
    inputs = B * phase.conj()[:, None]
    outputs = C * phase
    sizes = np.max(np.abs(inputs), axis=1, initial=0.0, keepdims=True)
    twice = np.any(np.abs(inputs.imag) > 8 * EPS * sizes, axis=1)
    rate = inverse_softplus(-A.real)
    own = np.stack([np.where(np.abs(rate) < 4 * EPS, 0.0, rate), A.imag], axis=-1)
    arrays = {
        "A": np.concatenate([own, own[twice]]),
        "B": 2 * np.concatenate([inputs.real, inputs.imag[twice]]),
        "log_dt": np.log(np.concatenate([step, step[twice]])),
        "C": as_parts(np.concatenate([outputs, 1j * outputs[:, twice]], axis=1)),
        "D": D.T,
    }
    return stored(arrays, LAYOUT)


def _phases(B: Complex) -> Complex:
    """The phase of the largest entry of each row; 1 for real rows, which stay as they are."""
    where = np.argmax(np.abs(B), axis=1)[:, None]
    largest = np.take_along_axis(B, where, axis=1)[:, 0]
    turned = np.any(B.imag != 0, axis=1)
    return np.exp(1j * np.where(turned, np.angle(largest), 0.0))


def back(arrays: Mapping[str, Array]) -> MIMO:
    """The form that the layer computes with, B halved.

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
        (8,)
    """
    found = read(arrays, LAYOUT)
    rate, imag = found["A"].T
    return check(
        MIMO(
            A=-np.logaddexp(0, rate) + 1j * imag,
            B=found["B"] / 2 + 0j,
            C=from_parts(found["C"]),
            D=found["D"].T,
            step=exponential(found["log_dt"]),
        )
    )


TARGET = Target(
    about="the layer S5 of lrnnx, zero-order hold",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="zoh",
    training=TRAINING,
    moved="the factor 2 of a half spectrum into B; a mode whose B has no phase into two",
)
