r"""The layer `DSS` of ag1988/dss, src/models/sequence/ss/standalone/dss.py: all but its output
projection, in two versions.

=========================  ===============  =============================================================================
name                       shape            holds
=========================  ===============  =============================================================================
kernel.log_dt              (H, 2)           log step, once for the real and once for the imaginary part of Lambda
kernel.Lambda_log_neg_re   (N,)             log(-Re Lambda); version "exp"
kernel.Lambda_im           (N,)             Im Lambda; version "exp"
kernel.Lambda              (N, 2)           real and imaginary part of Lambda; version "softmax"
kernel.W                   (1, H, N, 2)     real and imaginary part of W; the axis of size 1, here and in D, is the heads
D                          (1, H)           D
=========================  ===============  =============================================================================

All float32, for DSS(d_model=H, d_state=N, version="exp") or version="softmax", one head, one
direction; load with strict=False, for the output projection stays as drawn. One Lambda (N,) serves
all channels, and no factor 2 stands before the sum: with z = dt_re Re Lambda + i dt_im Im Lambda,

.. math::  K_l = \mathrm{Re} \sum_n W_n \frac{e^{z_n} - 1}{\Lambda_n}\, e^{l z_n} \quad \text{("exp")}, \qquad
           K_l = \mathrm{Re} \sum_n \frac{W_n}{\Lambda_n}\, \frac{e^{z_n} - 1}{e^{L z_n} - 1}\, e^{l z_n} \quad
           \text{("softmax")},

the second for sequences of one length L. The layer bounds its quotients: 1/Lambda is
conj(Lambda)/max(|Lambda|^2, 1e-7) in the first, and 1/x with x = Lambda (e^{L z} - 1) is
conj(x)/(|x|^2 + 1e-7) in the second. W undoes that, so the layer has the kernel of the form.
Accuracy: it forms e^z - 1, e^{Lz} - 1 and l z in float32, which costs digits for small |z| and for
large l |z|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import Paired, Recurrence, check
from ..ground import require
from ..ground.backend import Array, Complex
from ..ground.formats import EPS
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import channels, logarithm, weights

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

MOVED_EXP = "B and the factor 2 of a half spectrum into W: the layer has B = 1 and no factor"
MOVED_SOFTMAX = "B into W, and out of it Lambda and the sum of each mode over the length"

# The kernel registers all it has without decay, at rates of its own ("ssm": its argument `lr`); D
# trains as the model.
_OWN = trains(lr="ssm", weight_decay=0.0)
_STEP = trains(lr="ssm", weight_decay=0.0, constraint="step = exp")
_LEFT = trains(lr="ssm", weight_decay=0.0, constraint="Re Lambda = -exp")
TRAINING_EXP = dict.fromkeys(EXP, _OWN) | {
    "kernel.log_dt": _STEP,
    "kernel.Lambda_log_neg_re": _LEFT,
    "D": trains(),
}
TRAINING_SOFTMAX = dict.fromkeys(SOFTMAX, _OWN) | {"kernel.log_dt": _STEP, "D": trains()}

_SOURCE = "ag1988/dss, src/models/sequence/ss/standalone/dss.py"
_DRAWN = {
    "log step": Declared(
        lambda arrays: arrays["kernel.log_dt"][:, 0],
        "uniform",
        (math.log(1e-3), math.log(100)),
        _SOURCE,
    ),
    "W": Declared(lambda arrays: arrays["kernel.W"], "norm", (0.0, 1.0), _SOURCE),
    "D": Declared(lambda arrays: arrays["D"], "norm", (0.0, 1.0), _SOURCE),
}
DECLARED_EXP = _DRAWN | {
    "Re Lambda": Declared(
        lambda arrays: -np.exp(arrays["kernel.Lambda_log_neg_re"]), "constant", (-0.5,), _SOURCE
    )
}
DECLARED_SOFTMAX = _DRAWN | {
    "Re Lambda": Declared(
        lambda arrays: arrays["kernel.Lambda"][:, 0], "constant", (-0.5,), _SOURCE
    )
}

_BOUND = 1e-7  # what the layer keeps the square of a divisor away from 0 with
_TURNS = 4096  # how many turns a phase per step may have made: with a step of 0.1 that is Im Lambda = 250 000


def to_exp(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of version "exp", float32, for a half spectrum with one leading axis of channels
    or none (H = 1).

    The channels share Re A, and Im A up to a positive factor each. Raises TypeError for other
    forms; ValueError for other channels, unless Re A < 0, for more leading axes, and for numbers
    beyond float32.

    >>> from ssmlinalg import dss_init
    >>> for name, array in to_exp(dss_init(16, channels=3)).items():
    ...     print(name, array.shape)
    kernel.log_dt (3, 2)
    kernel.Lambda_log_neg_re (16,)
    kernel.Lambda_im (16,)
    kernel.W (1, 3, 16, 2)
    D (1, 3)
    """
    expect(
        form,
        (Paired,),
        "dss",
        "Halve a Diagonal with forms.pair; recurrences go to 'dss-softmax' and 'dlr'.",
    )
    A, B, C, D, step = channels(form)
    if not np.all(A.real < 0):
        where = tuple(int(i) for i in np.argwhere(A.real >= 0)[0])
        got = f"{A.real[where]:g} at index {where}"
        raise ValueError(
            f"Re A must be negative, for the layer stores log(-Re A); got {got}. Move that mode to the left."
        )
    fastest = np.argmax(np.abs(A[0].imag))
    turned = A[:, fastest].imag / A[0, fastest].imag if A[0, fastest].imag else np.ones(len(A))
    Lambda = A.real[0] + 1j * turned[:, None] * A.imag[0]
    _share(np.abs(A - Lambda) <= 16 * EPS * np.abs(A), turned > 0)
    shared = {"kernel.Lambda_log_neg_re": np.log(-A.real[0]), "kernel.Lambda_im": A.imag[0]}
    Lambda = _left(stored(shared, EXP))
    # Undone are dt_im / dt_re, for the layer divides by Lambda, not by z, and the bound on
    # |Lambda|.
    W = 2 * weights(B, C) / _divided(Lambda, turned)
    arrays = {
        "kernel.log_dt": np.log(np.stack([step, step * turned], axis=-1)),
        **shared,
        "kernel.W": np.stack([W.real, W.imag], axis=-1)[None],
        "D": D[None],
    }
    return stored(arrays, EXP)


def back_exp(arrays: Mapping[str, Array]) -> Paired:
    """The form the layer computes with, in float64: step = dt_re, A = Re Lambda + i (dt_im / dt_re)
    Im Lambda, B = 1/2.

    Raises ValueError for names, types and shapes that are not the layer's, and for values that are
    not finite.

    >>> from ssmlinalg import dss_init
    >>> back_exp(to_exp(dss_init(2, channels=3))).A[0].round(4)
    array([-0.5+0.5565j, -0.5+4.6033j])
    """
    found = read(arrays, EXP)
    W = found["kernel.W"][0, ..., 0] + 1j * found["kernel.W"][0, ..., 1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the form is checked
        step, other = np.exp(found["kernel.log_dt"]).T
        turned = other / step
        Lambda = _left(found)
        A = Lambda.real + 1j * turned[:, None] * Lambda.imag
        C = W * _divided(Lambda, turned)
    return check(Paired(A, np.full_like(A, 0.5), C, found["D"][0], step))


def to_softmax(form: Recurrence, length: int) -> dict[str, np.ndarray]:
    """The arrays of version "softmax", float32, for sequences of that `length` and what
    `dss_softmax_init` returns.

    The channels share A = e^{dt Lambda} up to a step dt each. Phases are known only to within whole
    turns: those that fit all channels are taken, the fewest. The fastest decaying mode has |Re
    Lambda| = 1/2, as published. Raises TypeError for other forms; ValueError for other channels,
    for A = 0, for modes the layer cannot normalize (Lambda = 0, or a sum over the length that is
    0), for more leading axes, and for numbers beyond float32.

    >>> from ssmlinalg import dss_softmax_init
    >>> {name: array.shape for name, array in to_softmax(dss_softmax_init(16, length=64), 64).items()}
    {'kernel.log_dt': (1, 2), 'kernel.Lambda': (16, 2), 'kernel.W': (1, 1, 16, 2), 'D': (1, 1)}
    """
    length = require.integer("length", length)
    expect(
        form,
        (Recurrence,),
        "dss-softmax",
        "Start from dss_softmax_init; a Paired form goes to 'dss'.",
    )
    A, B, C, D = channels(form)
    if not np.all(A):
        where = tuple(int(i) for i in np.argwhere(A == 0)[0])
        raise ValueError(
            f"A must not be 0, for the layer stores log A; got 0 at index {where}. Drop that mode."
        )
    Lambda, step = _modes(A)
    shared = stored(
        {
            "kernel.log_dt": np.log(np.stack([step, step], axis=-1)),
            "kernel.Lambda": np.stack([Lambda.real, Lambda.imag], axis=-1),
        },
        SOFTMAX,
    )
    _, scale = _normalized(shared, length)
    if not np.all(scale):
        where = tuple(int(i) for i in np.argwhere(scale == 0)[0])
        got = f"A = {A[where]:g} at index {where}"
        raise ValueError(
            f"Lambda and the sum over the length must not be 0, for the layer divides by them; got {got}. Move it."
        )
    W = weights(B, C) / scale
    return stored(
        shared | {"kernel.W": np.stack([W.real, W.imag], axis=-1)[None], "D": D[None]}, SOFTMAX
    )


def back_softmax(arrays: Mapping[str, Array], length: int) -> Recurrence:
    """The recurrence the layer computes for sequences of that `length`, in float64: A = e^z, B = 1.

    Raises ValueError for names, types and shapes that are not the layer's, for values that are not
    finite, and for modes that grow beyond float64 over the length.

    >>> from ssmlinalg import dss_softmax_init
    >>> back_softmax(to_softmax(dss_softmax_init(16, length=64), 64), 64).A.shape
    (1, 16)
    """
    length = require.integer("length", length)
    found = read(arrays, SOFTMAX)
    W = found["kernel.W"][0, ..., 0] + 1j * found["kernel.W"][0, ..., 1]
    z, scale = _normalized(found, length)
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        growth = np.max(z.real, initial=0.0) * length
        A, C = np.exp(z), W * scale
    if growth > 700:
        raise ValueError(
            f"modes must not grow beyond e^700 over the length; got e^{growth:.3g}. Shorten the length."
        )
    return check(Recurrence(A, np.ones_like(z), C, found["D"][0]))


def _left(arrays: Mapping[str, np.ndarray]) -> Complex:
    """Lambda (N,) of version "exp"."""
    log_neg_re, im = (
        arrays[name].astype(np.float64) for name in ("kernel.Lambda_log_neg_re", "kernel.Lambda_im")
    )
    return -np.exp(log_neg_re) + 1j * im


def _divided(Lambda: Complex, turned: np.ndarray) -> Complex:
    """A conj(Lambda)/max(|Lambda|^2, 1e-7) for A = Re Lambda + i turned Im Lambda: 1 but for two
    steps or a tiny Lambda.
    """
    quotient = (
        1 + 1j * (turned[:, None] - 1) * Lambda.imag / Lambda
    )  # A / Lambda, exact where it is 1
    return quotient * np.minimum(1, np.abs(Lambda) ** 2 / _BOUND)


def _normalized(arrays: Mapping[str, np.ndarray], length: int) -> tuple[Complex, Complex]:
    """z (H, N), and by what version "softmax" multiplies W e^{l z}. Modes that grow are summed from
    their end.
    """
    Lambda = arrays["kernel.Lambda"].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        z = np.exp(arrays["kernel.log_dt"].astype(np.float64))[:, None] * Lambda
        z, Lambda = z[..., 0] + 1j * z[..., 1], Lambda[..., 0] + 1j * Lambda[..., 1]
        grows = Lambda.real > 0
        back = np.where(grows, -z, z)
        divisor = np.expm1(back * length) * Lambda
        scale = np.expm1(back) * divisor.conj() / (np.abs(divisor) ** 2 + _BOUND)
        return z, scale * np.exp(np.where(grows, back * (length - 1), 0))


def _modes(A: Complex) -> tuple[Complex, np.ndarray]:
    """Lambda (N,) and step (H,) with A = e^{step Lambda}."""
    rate, phase = logarithm(A)
    fastest = np.argmax(np.abs(rate[0]))
    step = np.abs(2 * rate[:, fastest]) if rate[0, fastest] else np.ones(len(A))
    if not np.all(step):
        _share(np.asarray(step > 0)[:, None])
    first = np.argmin(step)
    ratio = step / step[first]
    # log|A| is off by eps, and so are the ratios of steps by eps over the rate that they come from.
    off = 16 * EPS * (1 + 1 / np.min(step))
    _share(np.abs(rate - ratio[:, None] * rate[first]) <= off * (np.abs(rate) + step[:, None]))
    turns = np.arange(2 * _TURNS + 1)
    turns = (turns + 1) // 2 * (-1) ** turns  # 0, -1, 1, -2, 2: the fewest first
    if np.all(ratio == 1):
        turns = turns[:1]
    whole = np.empty(A.shape[1])
    for n in range(A.shape[1]):
        for some in np.array_split(turns, max(1, len(turns) // 256)):
            found = phase[first, n] + 2 * np.pi * some
            gap = np.abs(np.exp(1j * np.outer(found, ratio)) - np.exp(1j * phase[:, n]))
            fits = np.all(gap <= off * (1 + np.abs(np.outer(found, ratio))), axis=1)
            if np.any(fits):
                whole[n] = found[np.argmax(fits)]
                break
        else:
            _share(np.arange(A.shape[1])[None] != n)
    return (rate[first] + 1j * whole) / step[first], step


def _share(modes: np.ndarray, channel: np.ndarray | None = None) -> None:
    """Raise ValueError unless all is true, of every mode (H, N) and of every channel (H,)."""
    sound = modes if channel is None else modes & channel[:, None]
    if not np.all(sound):
        where = tuple(int(i) for i in np.argwhere(~sound)[0])
        rule = "the channels must share A up to their steps, for the layer has one Lambda"
        raise ValueError(f"{rule}; got another mode at index {where}. Export one layer for each A.")


_ABOUT = "the layer DSS of ag1988/dss, version"
TARGET_EXP = Target(
    f'{_ABOUT} "exp"', to_exp, back_exp, EXP, (Paired,), "zoh", TRAINING_EXP, MOVED_EXP, declared=DECLARED_EXP,
)  # fmt: skip
TARGET_SOFTMAX = Target(
    f'{_ABOUT} "softmax"',
    to_softmax, back_softmax, SOFTMAX, (Recurrence,), None, TRAINING_SOFTMAX, MOVED_SOFTMAX,
    sized=True, declared=DECLARED_SOFTMAX,
)  # fmt: skip
