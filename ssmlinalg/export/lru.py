r"""The module `LRU` of NicolasZucchet/minimal-LRU, lru/model.py: all its parameters.

==============  ==========  ==========================================
name            shape       holds
==============  ==========  ==========================================
theta_log       (N,)        log of the phase of A in (0, 2 pi)
nu_log          (N,)        log(-log|A|)
gamma_log       (N,)        log gamma, gamma = sqrt(1 - |A|^2)
B_re, B_im      (N, H)      B / gamma
C_re, C_im      (H, N)      2 C
D               (H,)        the diagonal of D
==============  ==========  ==========================================

All float32, for LRU(d_hidden=N, d_model=H).apply({"params": arrays}, u) in JAX. The layer is a
discrete recurrence that keeps no conjugate pairs; the factor 2 of a half spectrum is in its C:

.. math::  x_l = \Lambda x_{l-1} + e^{\gamma} B u_l, \quad y_l = \mathrm{Re}(C x_l) + D u_l, \qquad
           \Lambda = \exp(-e^{\nu} + i e^{\theta}) .

A phase of 0 has no logarithm: it is stored as the smallest normal float32, of log -87.3. Accuracy:
a phase theta is known to eps theta log(theta), and errs at lag l by l times that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import MIMO, MIMORecurrence, check, move
from ..ground.backend import Array
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import logarithm, square

LAYOUT: Layout = {
    "theta_log": ("f", ("N",)),
    "nu_log": ("f", ("N",)),
    "gamma_log": ("f", ("N",)),
    "B_re": ("f", ("N", "H")),
    "B_im": ("f", ("N", "H")),
    "C_re": ("f", ("H", "N")),
    "C_im": ("f", ("H", "N")),
    "D": ("f", ("H",)),
}

TAKES = (MIMORecurrence,)

MOVED = "the factor 2 of a half spectrum into C, and sqrt(1 - |A|^2) out of B into gamma"

# The project trains A, gamma and B at a rate of their own and without decay, and C and D as the
# model.
TRAINING = {
    "theta_log": trains(lr="ssm", weight_decay=0.0, constraint="phase of A = exp"),
    "nu_log": trains(lr="ssm", weight_decay=0.0, constraint="log|A| = -exp"),
    "gamma_log": trains(lr="ssm", weight_decay=0.0, constraint="gamma = exp, free of A once drawn"),
    "B_re": trains(lr="ssm", weight_decay=0.0),
    "B_im": trains(lr="ssm", weight_decay=0.0),
    "C_re": trains(),
    "C_im": trains(),
    "D": trains(),
}

_SOURCE = "NicolasZucchet/minimal-LRU, lru/model.py"
DECLARED = {
    "|A|^2": Declared(lambda arrays: np.exp(-2 * np.exp(arrays["nu_log"])), "uniform", (0.0, 1.0), _SOURCE),
    "phase": Declared(lambda arrays: np.exp(arrays["theta_log"]), "uniform", (0.0, 6.28), _SOURCE),
    "sqrt(2 H) B": Declared(
        lambda arrays: math.sqrt(2 * arrays["D"].size) * np.stack([arrays["B_re"], arrays["B_im"]]),
        "norm", (0.0, 1.0), _SOURCE,
    ),
    "sqrt(N) C": Declared(
        lambda arrays: math.sqrt(arrays["nu_log"].size) * np.stack([arrays["C_re"], arrays["C_im"]]),
        "norm", (0.0, 1.0), _SOURCE,
    ),
    "D": Declared(lambda arrays: arrays["D"], "norm", (0.0, 1.0), _SOURCE),
}  # fmt: skip


def to(form: MIMORecurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer, float32, for as many outputs as inputs and a direct path from each
    to its own.

    Raises TypeError for other forms; ValueError unless 0 < |A| < 1, for leading axes, a D that is
    not square and diagonal, and numbers beyond float32.

    >>> from ssmlinalg import lru_init
    >>> {name: array.shape for name, array in to(lru_init(8, channels=2)).items() if name[0] in "nBC"}
    {'nu_log': (8,), 'B_re': (8, 2), 'B_im': (8, 2), 'C_re': (2, 8), 'C_im': (2, 8)}
    """
    expect(form, TAKES, "minimal-lru", "Start from lru_init, or sample a MIMO with discretize.")
    A, B, C, D = check(move(form, "numpy", dtype="float64"))  # on the host values are looked at
    A, B, C, D, _ = square(MIMO(A, B, C, D, np.ones(A.shape)))
    rate, phase = logarithm(A)
    if not np.all(np.isfinite(rate) & (rate < 0)):
        where = int(np.argmax(~np.isfinite(rate) | (rate >= 0)))
        rule = "A must satisfy 0 < |A| < 1, for the layer stores log(-log|A|)"
        raise ValueError(f"{rule}; got |A| = {abs(A[where]):g} at index {where}. Scale that mode.")
    nu_log = np.log(-rate).astype(np.float32)
    # gamma belongs to the |A| that the layer has, and B to the gamma: both after rounding.
    gamma_log = (np.log(-np.expm1(-2 * np.exp(nu_log.astype(np.float64)))) / 2).astype(np.float32)
    inputs = B / np.exp(gamma_log.astype(np.float64))[:, None]
    arrays = {
        "theta_log": np.log(
            np.maximum(phase, np.finfo(np.float32).tiny)
        ),  # log 2 pi is rounded down: no phase gets around
        "nu_log": nu_log,
        "gamma_log": gamma_log,
        "B_re": inputs.real,
        "B_im": inputs.imag,
        "C_re": 2 * C.real,
        "C_im": 2 * C.imag,
        "D": np.diag(D),
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> MIMORecurrence:
    """The recurrence the layer computes, in float64, gamma within B and C halved.

    Raises ValueError for names, types and shapes that are not the layer's, and for values that are
    not finite.

    >>> from ssmlinalg import lru_init
    >>> back(to(lru_init(8, channels=2))).A.shape
    (8,)
    """
    found = read(arrays, LAYOUT)
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        A = np.exp(-np.exp(found["nu_log"]) + 1j * np.exp(found["theta_log"]))
        B = np.exp(found["gamma_log"])[:, None] * (found["B_re"] + 1j * found["B_im"])
    return check(
        MIMORecurrence(A, B, (found["C_re"] + 1j * found["C_im"]) / 2, np.diag(found["D"]))
    )


TARGET = Target(
    "the module LRU of NicolasZucchet/minimal-LRU",
    to, back, LAYOUT, TAKES, None, TRAINING, MOVED, declared=DECLARED,
)  # fmt: skip
