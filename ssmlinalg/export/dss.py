r"""The layer `DSS` of ag1988/dss in two versions: all but its output projection.

Source: src/models/sequence/ss/standalone/dss.py.

=========================  =============  ======================================================
name                       shape          holds
=========================  =============  ======================================================
kernel.log_dt              (H, 2)         log step, for the real and for the imaginary part
kernel.Lambda_log_neg_re   (N,)           log(-Re Lambda); version "exp"
kernel.Lambda_im           (N,)           Im Lambda; version "exp"
kernel.Lambda              (N, 2)         real and imaginary part of Lambda; version "softmax"
kernel.W                   (1, H, N, 2)   real and imaginary part of W
D                          (1, H)         D; the axis of size 1, here and in W, is the heads
=========================  =============  ======================================================

All float32, for DSS(d_model=H, d_state=N, version="exp") or version="softmax", one head, one
direction; load with strict=False, for the output projection stays as drawn. One Lambda (N,) serves
all channels, and no factor 2 stands before the sum: with z = dt_re Re Lambda + i dt_im Im Lambda,

.. math::  K_l = \mathrm{Re} \sum_n W_n \frac{e^{z_n} - 1}{\Lambda_n}\, e^{l z_n}
           \quad \text{("exp")}, \qquad
           K_l = \mathrm{Re} \sum_n \frac{W_n}{\Lambda_n}\, \frac{e^{z_n} - 1}{e^{L z_n} - 1}\,
           e^{l z_n} \quad \text{("softmax")},

the second for sequences of one length L. The layer bounds its quotients: 1/Lambda is
conj(Lambda)/max(|Lambda|^2, 1e-7) in the first, and 1/x with x = Lambda (e^{L z} - 1) is
conj(x)/(|x|^2 + 1e-7) in the second. W undoes that, so the layer has the kernel of the form.

Accuracy: the layer forms e^z - 1, e^{Lz} - 1 and l z in float32, which costs digits for small |z|
and for large l |z|.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ..discretize import phi1
from ..forms import Paired, Recurrence, check
from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, check_left, first_index, from_parts, logarithm
from .published import MODEL, constant, log_step, normal, own_group

EXP: Layout = {
    "kernel.log_dt": ("f", ("H", 2)),
    "kernel.Lambda_log_neg_re": ("f", ("N",)),
    "kernel.Lambda_im": ("f", ("N",)),
    "kernel.W": ("f", (1, "H", "N", 2)),
    "D": ("f", (1, "H")),
}
SOFTMAX: Layout = {
    "kernel.log_dt": ("f", ("H", 2)),
    "kernel.Lambda": ("f", ("N", 2)),
    "kernel.W": ("f", (1, "H", "N", 2)),
    "D": ("f", (1, "H")),
}
TAKES_EXP = (Paired,)
TAKES_SOFTMAX = (Recurrence,)  # and Paired, which a conversion samples first

# The kernel registers all it has without decay, at rates of its own (its argument `lr`).
_TRAINING = {"kernel.log_dt": own_group("step = exp"), "kernel.W": own_group(), "D": MODEL}
TRAINING_EXP = _TRAINING | {
    "kernel.Lambda_log_neg_re": own_group("Re Lambda = -exp"),
    "kernel.Lambda_im": own_group(),
}
TRAINING_SOFTMAX = _TRAINING | {"kernel.Lambda": own_group()}


def _real_parts(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Re Lambda, in either version."""
    if "kernel.Lambda" in arrays:
        return arrays["kernel.Lambda"][:, 0]
    return -np.exp(arrays["kernel.Lambda_log_neg_re"])


def _log_real_step(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return arrays["kernel.log_dt"][:, 0]


_SOURCE = "ag1988/dss, src/models/sequence/ss/standalone/dss.py"
DECLARED = {
    "log step": log_step(_log_real_step, _SOURCE),
    "W": normal(itemgetter("kernel.W"), _SOURCE),
    "D": normal(itemgetter("D"), _SOURCE),
    "Re Lambda": constant(_real_parts, _SOURCE, value=-0.5),
}

_BOUND = 1e-7  # by which the layer keeps the square of a divisor away from 0
_TURNS = 4096  # a phase per step has made at most; Im Lambda = 250 000 with a step of 0.1


def to_exp(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of version "exp", for a half spectrum.

    Args:
        form: with one leading axis of channels or none (H = 1). The channels share Re A, and Im A
            up to a positive factor each.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other channels, unless Re A < 0, for more leading axes, and for numbers
            beyond float32.

    Example:
        >>> from ssmlinalg import dss_init
        >>> for name, array in to_exp(dss_init(16, channels=3)).items():
        ...     print(name, array.shape)
        kernel.log_dt (3, 2)
        kernel.Lambda_log_neg_re (16,)
        kernel.Lambda_im (16,)
        kernel.W (1, 3, 16, 2)
        D (1, 3)
    """
    remedy = "Halve a Diagonal with forms.pair; recurrences go to 'dss-softmax' and 'dlr'."
    expect(form, TAKES_EXP, "dss", remedy)
    A, B, C, D, step = channels(form)
    check_left(A)
    turned = _turned(A)
    shared = {"kernel.Lambda_log_neg_re": np.log(-A.real[0]), "kernel.Lambda_im": A.imag[0]}
    Lambda = _left(stored(shared, EXP))
    # Undone are dt_im / dt_re, for the layer divides by Lambda, not by z, and the bound on
    # |Lambda|.
    W = 2 * weights(B, C) / _divided(Lambda, turned)
    arrays = {
        "kernel.log_dt": np.log(np.stack([step, step * turned], axis=-1)),
        **shared,
        "kernel.W": as_parts(W)[None],
        "D": D[None],
    }
    return stored(arrays, EXP)


def back_exp(arrays: Mapping[str, Array]) -> Paired:
    r"""The form that version "exp" computes with.

    .. math::  A = \mathrm{Re} \Lambda + i \frac{dt_{im}}{dt_{re}} \mathrm{Im} \Lambda,
               \qquad \Delta = dt_{re}, \qquad B = 1/2.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import dss_init
        >>> back_exp(to_exp(dss_init(2, channels=3))).A[0].round(4)
        array([-0.5+0.5565j, -0.5+4.6033j])
    """
    found = read(arrays, EXP)
    W = from_parts(found["kernel.W"][0])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the form is checked
        step, other = np.exp(found["kernel.log_dt"]).T
        turned = other / step
        Lambda = _left(found)
        A = Lambda.real + 1j * turned[:, None] * Lambda.imag
        C = W * _divided(Lambda, turned)
    return check(Paired(A, np.full_like(A, 0.5), C, found["D"][0], step))


def to_softmax(form: Recurrence | Paired, length: int) -> dict[str, np.ndarray]:
    """The arrays of version "softmax", for sequences of one length.

    Phases are known only to within whole turns: those that fit all channels are taken, the fewest.
    The fastest decaying mode has |Re Lambda| = 1/2, as published.

    Args:
        form: such as `dss_softmax_init` makes, with one leading axis of channels or none (H = 1).
            The channels share A = e^{dt Lambda} up to a step dt each. A `Paired` form, under
            zero-order hold, shares A itself.
        length: L, the samples of a sequence.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms, and for a length that is no integer.
        ValueError: for other channels, for A = 0, for modes that the layer cannot normalize
            (Lambda = 0, or a sum over the length that is 0), for more leading axes, for numbers
            beyond float32, and for a length below 1.

    Example:
        >>> from ssmlinalg import dss_softmax_init
        >>> arrays = to_softmax(dss_softmax_init(16, length=64), 64)
        >>> {name: array.shape for name, array in arrays.items()}
        {'kernel.log_dt': (1, 2), 'kernel.Lambda': (16, 2), 'kernel.W': (1, 1, 16, 2), 'D': (1, 1)}
    """
    length = require.integer("length", length)
    remedy = "Start from dss_softmax_init or dss_init."
    expect(form, (*TAKES_SOFTMAX, Paired), "dss-softmax", remedy)
    if isinstance(form, Paired):
        return _of_modes(form, length)
    A, B, C, D = channels(form)
    if not np.all(A):
        rule = "A must not be 0, for the layer stores log A"
        raise ValueError(f"{rule}; got 0 at index {first_index(A == 0)}. Drop that mode.")
    Lambda, step = _logarithms(A)
    shared = {
        "kernel.log_dt": np.log(np.stack([step, step], axis=-1)),
        "kernel.Lambda": as_parts(Lambda),
    }
    return _weighted(shared, weights(B, C), D, length)


def _of_modes(form: Paired, length: int) -> dict[str, np.ndarray]:
    """The arrays of version "softmax" for modes in continuous time, where no turn is lost."""
    A, B, C, D, step = channels(form)
    _check_shared(np.abs(A - A[0]) <= 16 * EPS * np.abs(A))
    shared = {
        "kernel.log_dt": np.log(np.stack([step, step], axis=-1)),
        "kernel.Lambda": as_parts(A[0]),
    }
    z = step[:, None] * A
    return _weighted(shared, 2 * weights(B, C) * step[:, None] * phi1(z, z), D, length)


def _weighted(
    shared: Mapping[str, np.ndarray], products: Complex, D: Real, length: int
) -> dict[str, np.ndarray]:
    """The arrays with the W that gives the modes the weights C B of a recurrence."""
    held = stored(shared, SOFTMAX)
    z, scale = _normalized(held, length)
    if not np.all(scale):
        where = first_index(scale == 0)
        rule = "Lambda and the sum over the length must not be 0, for the layer divides by them"
        raise ValueError(f"{rule}; got step A = {z[where]:g} at index {where}. Move it.")
    W = products / scale
    return held | stored({"kernel.W": as_parts(W)[None], "D": D[None]}, SOFTMAX)


def back_softmax(arrays: Mapping[str, Array], length: int) -> Recurrence:
    """The recurrence that version "softmax" computes for sequences of one length: A = e^z, B = 1.

    Args:
        arrays: those of the table above, of any library.
        length: L, the samples of a sequence.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array, and for a length that is no integer.
        ValueError: for other names, types or shapes, for values that are not finite, for modes that
            grow beyond float64 over the length, and for a length below 1.

    Example:
        >>> from ssmlinalg import dss_softmax_init
        >>> back_softmax(to_softmax(dss_softmax_init(16, length=64), 64), 64).A.shape
        (1, 16)
    """
    length = require.integer("length", length)
    found = read(arrays, SOFTMAX)
    W = from_parts(found["kernel.W"][0])
    z, scale = _normalized(found, length)
    growth = np.max(z.real, initial=0.0) * length
    if growth > 700:
        rule = "modes must not grow beyond e^700 over the length"
        raise ValueError(f"{rule}; got e^{growth:.3g}. Shorten the length.")
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        A = np.exp(z)
        C = W * scale
    return check(Recurrence(A, np.ones_like(z), C, found["D"][0]))


def _turned(A: Complex) -> Real:
    """dt_im / dt_re of each channel (H,): by what factor its Im A is that of the first channel."""
    fastest = np.argmax(np.abs(A[0].imag))
    turned = np.ones(len(A))
    if A[0, fastest].imag:
        turned = A[:, fastest].imag / A[0, fastest].imag
    shared = A.real[0] + 1j * turned[:, None] * A.imag[0]
    agree = np.abs(A - shared) <= 16 * EPS * np.abs(A)
    _check_shared(agree & (turned > 0)[:, None])
    return turned


def _left(arrays: Mapping[str, np.ndarray]) -> Complex:
    """Lambda (N,) of version "exp"."""
    real = -np.exp(arrays["kernel.Lambda_log_neg_re"].astype(np.float64))
    return real + 1j * arrays["kernel.Lambda_im"].astype(np.float64)


def _divided(Lambda: Complex, turned: np.ndarray) -> Complex:
    """A conj(Lambda)/max(|Lambda|^2, 1e-7) for A = Re Lambda + i turned Im Lambda.

    It is 1 but for two steps or a tiny Lambda.
    """
    other = (turned[:, None] - 1) * Lambda.imag
    quotient = 1 + 1j * other / Lambda  # A / Lambda, exact where it is 1
    return quotient * np.minimum(1, np.abs(Lambda) ** 2 / _BOUND)


def _normalized(arrays: Mapping[str, np.ndarray], length: int) -> tuple[Complex, Complex]:
    """z (H, N), and the factor of W e^{l z} in version "softmax".

    Modes that grow are summed from their end.
    """
    parts = arrays["kernel.Lambda"].astype(np.float64)
    Lambda = from_parts(parts)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        z = from_parts(np.exp(arrays["kernel.log_dt"].astype(np.float64))[:, None] * parts)
        grows = Lambda.real > 0
        inward = np.where(grows, -z, z)
        divisor = np.expm1(inward * length) * Lambda
        scale = np.expm1(inward) * divisor.conj() / (np.abs(divisor) ** 2 + _BOUND)
        return z, scale * np.exp(np.where(grows, inward * (length - 1), 0))


def _logarithms(A: Complex) -> tuple[Complex, np.ndarray]:
    """Lambda (N,) and step (H,) with A = e^{step Lambda}."""
    rate, phase = logarithm(A)
    step = _steps(rate)
    first = np.argmin(step)
    ratio = step / step[first]
    # log|A| is off by eps, and so are the ratios of steps by eps over the rate that they come from.
    off = 16 * EPS * (1 + 1 / np.min(step))
    gap = np.abs(rate - ratio[:, None] * rate[first])
    _check_shared(gap <= off * (np.abs(rate) + step[:, None]))
    whole = np.array([_unwound(mode, first, ratio, off) for mode in phase.T])
    _check_shared(~np.isnan(whole)[None])
    return (rate[first] + 1j * whole) / step[first], step


def _steps(rate: np.ndarray) -> np.ndarray:
    """The steps (H,) with which the fastest decaying mode has |Re Lambda| = 1/2."""
    fastest = np.argmax(np.abs(rate[0]))
    if not rate[0, fastest]:
        return np.ones(len(rate))
    step = np.abs(2 * rate[:, fastest])
    _check_shared((step > 0)[:, None])
    return step


def _unwound(phase: np.ndarray, first: np.intp, ratio: np.ndarray, off: float) -> float:
    """The phase of channel `first` with the fewest whole turns that fit all channels, or NaN.

    phase, ratio (H,): phases modulo a turn, and steps over the step of channel `first`.
    """
    turns = np.arange(2 * _TURNS + 1)
    turns = (turns + 1) // 2 * (-1) ** turns  # 0, -1, 1, -2, 2: the fewest first
    if np.all(ratio == 1):
        turns = turns[:1]
    for some in np.array_split(turns, max(1, len(turns) // 256)):
        found = phase[first] + 2 * np.pi * some
        turned = np.outer(found, ratio)
        gap = np.abs(np.exp(1j * turned) - np.exp(1j * phase))
        fits = np.all(gap <= off * (1 + np.abs(turned)), axis=1)
        if np.any(fits):
            return found[np.argmax(fits)]
    return np.nan


def _check_shared(agree: np.ndarray) -> None:
    """Raise ValueError unless all modes (H, N) are those that the channels share."""
    if not np.all(agree):
        rule = "the channels must share A up to their steps, for the layer has one Lambda"
        got = f"another mode at index {first_index(~agree)}"
        raise ValueError(f"{rule}; got {got}. Export one layer for each A.")


TARGET_EXP = Target(
    about='the layer DSS of ag1988/dss, version "exp"',
    to=to_exp,
    back=back_exp,
    layout=EXP,
    takes=TAKES_EXP,
    rule="zoh",
    training=TRAINING_EXP,
    moved="B and the factor 2 of a half spectrum into W: the layer has B = 1 and no factor",
    declared=DECLARED,
)
TARGET_SOFTMAX = Target(
    about='the layer DSS of ag1988/dss, version "softmax"',
    to=to_softmax,
    back=back_softmax,
    layout=SOFTMAX,
    takes=TAKES_SOFTMAX,
    rule=None,
    training=TRAINING_SOFTMAX,
    moved="B into W, and out of it Lambda and the sum of each mode over the length",
    sized=True,
    declared=DECLARED,
)
