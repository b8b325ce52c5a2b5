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
from operator import itemgetter

import numpy as np

from ..forms import MIMORecurrence, check
from ..ground.backend import Array
from ..ground.formats import FORMATS
from .channels import square
from .layout import Layout, Target, expect, read, stored
from .parametrization import check_modulus, logarithm
from .published import MODEL, Rates, normal, own_group, uniform

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

# The project trains A, gamma and B at a rate of their own and without decay.
TRAINING = {
    "theta_log": own_group("phase of A = exp"),
    "nu_log": own_group("log|A| = -exp"),
    "gamma_log": own_group("gamma = exp, free of A once drawn"),
    "B_re": own_group(),
    "B_im": own_group(),
    "C_re": MODEL,
    "C_im": MODEL,
    "D": MODEL,
}


def _squared_modulus(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.exp(-2 * np.exp(arrays["nu_log"]))


def _phase(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.exp(arrays["theta_log"])


def _scaled_inputs(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return math.sqrt(2 * arrays["D"].size) * np.stack([arrays["B_re"], arrays["B_im"]])


def _scaled_outputs(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return math.sqrt(arrays["nu_log"].size) * np.stack([arrays["C_re"], arrays["C_im"]])


_SOURCE = "NicolasZucchet/minimal-LRU, lru/model.py"
DECLARED = {
    "|A|^2": uniform(_squared_modulus, _SOURCE, low=0.0, width=1.0),
    "phase": uniform(_phase, _SOURCE, low=0.0, width=6.28),
    "sqrt(2 H) B": normal(_scaled_inputs, _SOURCE),
    "sqrt(N) C": normal(_scaled_outputs, _SOURCE),
    "D": normal(itemgetter("D"), _SOURCE),
}


def to(form: MIMORecurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer, for as many outputs as inputs, each with its own direct path.

    Args:
        form: a recurrence without leading axes.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: unless 0 < |A| < 1, for leading axes, a D that is not square and diagonal, and
            numbers beyond float32.

    Example:
        >>> from ssmlinalg import lru_init
        >>> arrays = to(lru_init(8, channels=2))
        >>> {name: arrays[name].shape for name in ("nu_log", "B_re", "C_re")}
        {'nu_log': (8,), 'B_re': (8, 2), 'C_re': (2, 8)}
    """
    expect(form, TAKES, "minimal-lru", "Start from lru_init, or sample a MIMO with discretize.")
    A, B, C, D = square(form)
    rate, phase = logarithm(A)
    rule = "A must satisfy 0 < |A| < 1, for the layer stores log(-log|A|)"
    check_modulus(A, ~np.isfinite(rate) | (rate >= 0), rule)
    nu_log = np.log(-rate).astype(np.float32)
    # gamma belongs to the |A| that the layer has, and B to the gamma: both after rounding.
    decay = np.exp(nu_log.astype(np.float64))
    gamma_log = (np.log(-np.expm1(-2 * decay)) / 2).astype(np.float32)
    inputs = B / np.exp(gamma_log.astype(np.float64))[:, None]
    phase = np.maximum(phase, FORMATS["float32"].normal)
    arrays = {
        "theta_log": np.log(phase),  # log 2 pi is rounded down: no phase gets around
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
    """The recurrence that the layer computes, gamma within B and C halved.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import lru_init
        >>> back(to(lru_init(8, channels=2))).A.shape
        (8,)
    """
    found = read(arrays, LAYOUT)
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        A = np.exp(-np.exp(found["nu_log"]) + 1j * np.exp(found["theta_log"]))
        B = np.exp(found["gamma_log"])[:, None] * (found["B_re"] + 1j * found["B_im"])
    C = (found["C_re"] + 1j * found["C_im"]) / 2
    return check(MIMORecurrence(A, B, C, np.diag(found["D"])))


TARGET = Target(
    about="the module LRU of NicolasZucchet/minimal-LRU",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    rates=Rates(
        lr=0.001,
        ssm_lr=0.0005,
        weight_decay=0.05,
        task="any, by default",
        source="NicolasZucchet/minimal-LRU, run_train.py",
    ),
    moved="the factor 2 of a half spectrum into C, and sqrt(1 - |A|^2) out of B into gamma",
    declared=DECLARED,
)
