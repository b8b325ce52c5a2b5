r"""The LinOSS layers: `LinOSSSequenceMixer` of discretax, undamped (IM, IMEX) and damped (IMEX).

=========  ==========  =====================================================================
name       shape       holds
=========  ==========  =====================================================================
A_diag     (N,)        the stiffness A, of which the layer takes max(0, A)
G_diag     (N,)        the damping G likewise, of the damped layer only
steps      (N,)        log(step/(1 - step)): the layer takes the sigmoid
B          (N, H, 2)   real and imaginary part of B
C          (H, N, 2)   real and imaginary part of C
D          (H,)        the diagonal of D
=========  ==========  =====================================================================

All float32. tk-rusch/linoss has the same names, jaredbmit/damped-linoss has `dt` for `steps`. The
two undamped layers differ by their scheme only, which no array tells: "linoss" is IM,
"linoss-imex" IMEX. The kernels are those of `inits.oscillators`: exact modes, each stored twice.

The damped layer keeps A between the two values at which a pair of modes meets on the real axis, as
the published code does. There, and at A = 0, the recurrence is a Jordan block without modes: such
a layer is refused.

A kernel fixes step^2 A and the products of the rest, not the step. `to` writes
steps = 1/4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ..forms import MIMORecurrence, check
from ..ground.backend import Array, Complex
from ..ground.formats import EPS, SINGLE
from ..inits.oscillators import oscillating, sampled_oscillators
from .channels import square
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, first_index, from_parts
from .published import MODEL, normal, own_group, uniform

LAYOUT: Layout = {
    "A_diag": ("f", ("N",)),
    "B": ("f", ("N", "H", 2)),
    "C": ("f", ("H", "N", 2)),
    "D": ("f", ("H",)),
    "steps": ("f", ("N",)),
}
LAYOUT_DAMPED: Layout = LAYOUT | {"G_diag": ("f", ("N",))}
TAKES = (MIMORecurrence,)
_LOGIT = 0.25  # of the step that is written
_STEP = 1 / (1 + math.exp(-_LOGIT))

TRAINING = {
    "A_diag": own_group("A = max(0, .)"),
    "B": MODEL,
    "C": MODEL,
    "D": MODEL,
    "steps": own_group("step = sigmoid"),
}
TRAINING_DAMPED = TRAINING | {"G_diag": own_group("G = max(0, .)")}


def _scaled_inputs(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.sqrt(arrays["B"].shape[1]) * arrays["B"]


def _squared_modulus(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    step = 1 / (1 + np.exp(-arrays["steps"]))
    return 1 / (1 + step * arrays["G_diag"])


# C has no law here: `to` writes its own step, and the gain that belongs to it goes into C.
_SOURCE = "camail-official/discretax, sequence_mixers/linoss.py"
_PORTS = {
    "sqrt(H) B": uniform(_scaled_inputs, _SOURCE, low=-1.0, width=2.0),
    "D": normal(itemgetter("D"), _SOURCE),
    "logit step": normal(itemgetter("steps"), _SOURCE, deviation=0.5),
}
DECLARED = {"A": uniform(itemgetter("A_diag"), _SOURCE, low=0.0, width=1.0)} | _PORTS
DECLARED_DAMPED = {"|z|^2": uniform(_squared_modulus, _SOURCE, low=0.81, width=0.19)} | _PORTS


def to(form: MIMORecurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer "linoss", of a recurrence of oscillators.

    Args:
        form: as `linoss_init` makes it, or with real B and C on every oscillator.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for modes that the scheme does not have, for outputs that do not start as an
            oscillator at rest does, for leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import linoss_init
        >>> to(linoss_init(4, channels=2))["C"].shape
        (2, 4, 2)
    """
    return _arrays(form, "im")


def to_imex(form: MIMORecurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer "linoss-imex", of a recurrence of oscillators.

    Args:
        form: as `linoss_init` makes it, or with real B and C on every oscillator.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for modes that the scheme does not have, for outputs that do not start as an
            oscillator at rest does, for leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import linoss_init
        >>> to_imex(linoss_init(4, channels=2, scheme="imex"))["C"].shape
        (2, 4, 2)
    """
    return _arrays(form, "imex")


def to_damped(form: MIMORecurrence) -> dict[str, np.ndarray]:
    """The arrays of the layer "d-linoss", of a recurrence of oscillators.

    Args:
        form: as `d_linoss_init` makes it, or with real B and C on every oscillator.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for modes that the scheme does not have, for outputs that do not start as an
            oscillator at rest does, for leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import d_linoss_init
        >>> to_damped(d_linoss_init(4, channels=2))["C"].shape
        (2, 4, 2)
    """
    return _arrays(form, "damped")


def _arrays(form: MIMORecurrence, scheme: str) -> dict[str, np.ndarray]:
    """The arrays of the layer of a scheme."""
    target = {"im": "linoss", "imex": "linoss-imex", "damped": "d-linoss"}[scheme]
    expect(form, TAKES, target, "Start from linoss_init or d_linoss_init.")
    A, B, C, D = square(form)
    imag = A.imag
    _refuse("a mode must be complex, in the upper half plane", imag <= 0, A)
    found = {"A_diag": _stiffness(A, scheme)}
    G = np.zeros_like(imag)
    if scheme == "damped":
        lost = 1 - np.abs(A) ** 2
        _refuse("|A| must be at most 1 and not 0", (lost < -4 * SINGLE) | (A == 0), A)
        lost = np.where(lost > 16 * EPS, lost, 0.0)
        G = lost / np.abs(A) ** 2 / _STEP
        found["G_diag"] = G
    again = sampled_oscillators(found["A_diag"], G, np.full_like(imag, _STEP), scheme)
    off = np.abs(again.real + 1j * np.sqrt(np.maximum(0, again.square)) - A)
    _refuse(f"the modes must be those of the scheme {scheme!r}", off > 16 * SINGLE, A)
    inputs, outputs = _folded(A, B, C * (2j * imag) / (again.gain * A))
    count = len(inputs)
    layout = LAYOUT_DAMPED if scheme == "damped" else LAYOUT
    arrays = {name: array[:count] for name, array in found.items()} | {
        "B": as_parts(inputs),
        "C": as_parts(outputs),
        "D": np.diag(D),
        "steps": np.full(count, _LOGIT),
    }
    return stored({name: arrays[name] for name in layout}, layout)


def _stiffness(z: Complex, scheme: str) -> np.ndarray:
    """A at the step that `to` writes, from |1 - z|^2 = step^2 A |z|^2, or step^2 A undamped."""
    w = np.abs(1 - z) ** 2
    return (w if scheme == "imex" else w / np.abs(z) ** 2) / _STEP**2


def _folded(A: Complex, B: Complex, C: Complex) -> tuple[Complex, Complex]:
    """B and C of the published layer: modes that stand twice become one oscillator."""
    for name, array in (("B", B), ("C over the start of an oscillator", C)):
        real = np.abs(array.imag) <= 64 * SINGLE * np.max(np.abs(array), initial=0.0)
        if not np.all(real):
            rule = f"{name} must be real, for every oscillator starts at rest"
            got = f"{array[~real][0]:.6g} at index {first_index(~real)}"
            raise ValueError(f"{rule}; got {got}. Start from linoss_init or d_linoss_init.")
    half = len(A) // 2
    if len(A) % 2 or not np.array_equal(A[:half], A[half:]):
        return B.real + 0j, C.real + 0j
    return B.real[:half] + 1j * B.real[half:], C.real[:, :half] - 1j * C.real[:, half:]


def _refuse(rule: str, wrong: np.ndarray, A: Complex) -> None:
    if np.any(wrong):
        where = first_index(wrong)
        remedy = "Start from linoss_init or d_linoss_init."
        raise ValueError(f"{rule}; got {A[where]:.6g} at index {where}. {remedy}")


def back(arrays: Mapping[str, Array]) -> MIMORecurrence:
    """The recurrence that the layer "linoss" computes.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, for values that are not finite, and for
            oscillators without two different complex modes.

    Example:
        >>> from ssmlinalg import linoss_init
        >>> back(to(linoss_init(4))).A.shape
        (8,)
    """
    return _recurrence(arrays, "im")


def back_imex(arrays: Mapping[str, Array]) -> MIMORecurrence:
    """The recurrence that the layer "linoss-imex" computes.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, for values that are not finite, and for
            oscillators without two different complex modes.

    Example:
        >>> from ssmlinalg import linoss_init
        >>> back_imex(to_imex(linoss_init(4, scheme="imex"))).A.shape
        (8,)
    """
    return _recurrence(arrays, "imex")


def back_damped(arrays: Mapping[str, Array]) -> MIMORecurrence:
    """The recurrence that the layer "d-linoss" computes.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, for values that are not finite, and for
            oscillators without two different complex modes.

    Example:
        >>> from ssmlinalg import d_linoss_init
        >>> back_damped(to_damped(d_linoss_init(4))).A.shape
        (8,)
    """
    return _recurrence(arrays, "damped")


def _recurrence(arrays: Mapping[str, Array], scheme: str) -> MIMORecurrence:
    """The recurrence of the layer of a scheme."""
    held = read(arrays, LAYOUT_DAMPED if scheme == "damped" else LAYOUT)
    step = np.exp(-np.logaddexp(0, -held["steps"]))
    A = np.maximum(0, held["A_diag"])
    G = np.maximum(0, held["G_diag"]) if scheme == "damped" else np.zeros_like(A)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number is refused
        found = sampled_oscillators(A, G, step, scheme)
    defective = ~(found.square > 0)
    if np.any(defective):
        where = first_index(defective)[0]
        rule = "every oscillator must have two complex modes, for a form of modes holds it"
        got = f"A = {A[where]:g} with step {step[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Move A_diag there into its range.")
    B = from_parts(held["B"])
    C = from_parts(held["C"])
    with np.errstate(over="ignore", invalid="ignore"):
        form = oscillating(found, B, C, np.diag(held["D"]))
    return check(form)


_MOVED = "the step into A and C: the layer has steps = 1/4, and the gain of an oscillator out of C"
TARGET = Target(
    about="LinOSSSequenceMixer of discretax, discretization IM without damping",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved=_MOVED,
    declared=DECLARED,
)
TARGET_IMEX = TARGET._replace(
    about="LinOSSSequenceMixer of discretax, discretization IMEX without damping",
    to=to_imex,
    back=back_imex,
    lossless=True,
    declared={name: _PORTS[name] for name in ("sqrt(H) B", "D")},
)
TARGET_DAMPED = TARGET._replace(
    about="LinOSSSequenceMixer of discretax, discretization IMEX with damping",
    to=to_damped,
    back=back_damped,
    layout=LAYOUT_DAMPED,
    training=TRAINING_DAMPED,
    declared=DECLARED_DAMPED,
)
