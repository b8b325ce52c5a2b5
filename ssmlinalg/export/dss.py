r"""The layer `DSS` of ag1988/dss in five versions: all but its output projection.

Source: src/models/sequence/ss/standalone/dss.py.

=========================  =============  ======================================================
name                       shape          holds
=========================  =============  ======================================================
kernel.log_dt              (H, 2)         log step, for the real and for the imaginary part
kernel.Lambda_log_neg_re   (N,)           log(-Re Lambda); versions with "exp"
kernel.Lambda_im           (N,)           Im Lambda; "exp", "exp-no-scale"
kernel.Lambda              (N, 2)         real and imaginary part of Lambda; "softmax", and "clip"
                                          and "clip-no-scale", which cut the real part at 1e-4
kernel.W                   (1, H, N, 2)   real and imaginary part of W
D                          (1, H)         D; the axis of size 1, here and in W, is the heads
=========================  =============  ======================================================

All float32, for DSS(d_model=H, d_state=N, version=...), one head, one direction; load with
strict=False, for the output projection stays as drawn. One Lambda (N,) serves all channels, and no
factor 2 stands before the sum: with z = dt_re Re Lambda + i dt_im Im Lambda,

.. math::  K_l = \mathrm{Re} \sum_n W_n \frac{e^{z_n} - 1}{\Lambda_n}\, e^{l z_n}, \qquad
           K_l = \mathrm{Re} \sum_n \frac{W_n}{\Lambda_n}\, \frac{e^{z_n} - 1}{e^{L z_n} - 1}\,
           e^{l z_n}, \qquad
           K_l = \mathrm{Re} \sum_n W_n\, e^{l z_n},

the second is "softmax", for sequences of one length L, the third the versions with "no-scale", and
the first the rest. The layer bounds its quotients: 1/Lambda is conj(Lambda)/max(|Lambda|^2, 1e-7)
in the first, and 1/x with x = Lambda (e^{L z} - 1) is conj(x)/(|x|^2 + 1e-7) in the second. W
undoes that, so the layer has the kernel of the form. The sixth version, "exp-re-im", stores log Im
Lambda, which no real mode has: its arrays are those of "exp" after an exponential.

Accuracy: the layer forms e^z - 1, e^{Lz} - 1 and l z in float32, which costs digits for small |z|
and for large l |z|.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import NamedTuple

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
TAKES_SCALED = (Paired,)
TAKES_SAMPLED = (Recurrence,)  # and Paired, which a conversion samples first

# The kernel registers all it has without decay, at rates of its own (its argument `lr`).
_TRAINING = {"kernel.log_dt": own_group("step = exp"), "kernel.W": own_group(), "D": MODEL}
TRAINING_EXP = _TRAINING | {
    "kernel.Lambda_log_neg_re": own_group("Re Lambda = -exp"),
    "kernel.Lambda_im": own_group(),
}
TRAINING_SOFTMAX = _TRAINING | {"kernel.Lambda": own_group()}
TRAINING_CLIP = _TRAINING | {"kernel.Lambda": own_group("Re Lambda is cut at 1e-4")}


def _real_parts(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Re Lambda, in any version."""
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


class _Version(NamedTuple):
    """How a version keeps Lambda.

    Attributes:
        name: that of the target.
        layout: its arrays.
        written: the arrays of Lambda, a row of A (H, N); ValueError for what they cannot hold.
        read: Lambda (N,) in float64, from the arrays as stored.
    """

    name: str
    layout: Layout
    written: Callable[[Complex], dict[str, np.ndarray]]
    read: Callable[[Mapping[str, np.ndarray]], Complex]


def _to_logarithm(A: Complex) -> dict[str, np.ndarray]:
    check_left(A)
    return {"kernel.Lambda_log_neg_re": np.log(-A[0].real), "kernel.Lambda_im": A[0].imag}


def _of_logarithm(arrays: Mapping[str, np.ndarray]) -> Complex:
    real = -np.exp(arrays["kernel.Lambda_log_neg_re"].astype(np.float64))
    return real + 1j * arrays["kernel.Lambda_im"].astype(np.float64)


def _to_clipped(A: Complex) -> dict[str, np.ndarray]:
    if np.any(A.real > _LARGEST):
        where = first_index(A.real > _LARGEST)
        rule = "Re A must be at most 1e-4, for the layer cuts it there"
        got = f"{A.real[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Move that mode to the left.")
    return {"kernel.Lambda": as_parts(A[0])}


def _of_clipped(arrays: Mapping[str, np.ndarray]) -> Complex:
    parts = arrays["kernel.Lambda"].astype(np.float64)
    return np.minimum(parts[:, 0], _LARGEST) + 1j * parts[:, 1]


_LARGEST = float(np.float32(1e-4))  # of Re Lambda, where it is cut
_EXP = _Version("dss", EXP, _to_logarithm, _of_logarithm)
_CLIP = _Version("dss-clip", SOFTMAX, _to_clipped, _of_clipped)
_EXP_NO_SCALE = _EXP._replace(name="dss-no-scale")
_CLIP_NO_SCALE = _CLIP._replace(name="dss-clip-no-scale")


def _to_scaled(form: Paired, *, version: _Version) -> dict[str, np.ndarray]:
    """The arrays of a version with (e^z - 1)/Lambda, for a half spectrum.

    Args:
        form: with one leading axis of channels or none (H = 1). The channels share Re A, and Im A
            up to a positive factor each.
        version: how Lambda is kept.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other channels, for a Lambda that the version cannot hold, for more leading
            axes, and for numbers beyond float32.
    """
    remedy = "Halve a Diagonal with forms.pair; recurrences go to 'dss-softmax' and 'dlr'."
    expect(form, TAKES_SCALED, version.name, remedy)
    A, B, C, D, step = channels(form)
    turned = _turned(A)
    shared = version.written(A)
    Lambda = version.read(stored(shared, version.layout))
    # Undone are dt_im / dt_re, for the layer divides by Lambda, not by z, and the bound on
    # |Lambda|.
    divided = _divided(Lambda, turned)
    if not np.all(divided):
        rule = "Lambda must not be 0, for the layer divides by it"
        raise ValueError(f"{rule}; got 0 at index {first_index(divided == 0)}. Move that mode.")
    with np.errstate(over="ignore", invalid="ignore"):  # `stored` refuses an overflow
        W = 2 * weights(B, C) / divided
    arrays = {
        "kernel.log_dt": np.log(np.stack([step, step * turned], axis=-1)),
        **shared,
        "kernel.W": as_parts(W)[None],
        "D": D[None],
    }
    return stored(arrays, version.layout)


def _back_scaled(arrays: Mapping[str, Array], *, version: _Version) -> Paired:
    r"""The form that a version with (e^z - 1)/Lambda computes with.

    .. math::  A = \mathrm{Re} \Lambda + i \frac{dt_{im}}{dt_{re}} \mathrm{Im} \Lambda,
               \qquad \Delta = dt_{re}, \qquad B = 1/2.

    Args:
        arrays: those of the table above, of any library.
        version: how Lambda is kept.

    Returns:
        The form in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.
    """
    found = read(arrays, version.layout)
    W = from_parts(found["kernel.W"][0])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the form is checked
        step, other = np.exp(found["kernel.log_dt"]).T
        turned = other / step
        Lambda = version.read(found)
        A = Lambda.real + 1j * turned[:, None] * Lambda.imag
        C = W * _divided(Lambda, turned)
    return check(Paired(A, np.full_like(A, 0.5), C, found["D"][0], step))


def _to_unscaled(form: Recurrence | Paired, *, version: _Version) -> dict[str, np.ndarray]:
    """The arrays of a version without scale, K_l = Re sum W e^{lz}.

    Args:
        form: such as `dss_no_scale_init` makes, with one leading axis of channels or none (H = 1).
            The channels share A = e^{dt Lambda} up to a step dt each. A `Paired` form, under
            zero-order hold, shares A itself.
        version: how Lambda is kept.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other channels, for A = 0 and what the version cannot hold, for more leading
            axes, and for numbers beyond float32.
    """
    expect(form, (*TAKES_SAMPLED, Paired), version.name, "Start from dss_no_scale_init.")
    Lambda, step, products, D = _sampled(form)
    arrays = {
        "kernel.log_dt": np.log(np.stack([step, step], axis=-1)),
        **version.written(Lambda[None]),
        "kernel.W": as_parts(products)[None],
        "D": D[None],
    }
    return stored(arrays, version.layout)


def _back_unscaled(arrays: Mapping[str, Array], *, version: _Version) -> Recurrence:
    """The recurrence that a version without scale computes: A = e^z, B = 1, C = W.

    Args:
        arrays: those of the table above, of any library.
        version: how Lambda is kept.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.
    """
    found = read(arrays, version.layout)
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        Lambda = version.read(found)
        z = from_parts(np.exp(found["kernel.log_dt"])[:, None] * as_parts(Lambda))
        A = np.exp(z)
    C = from_parts(found["kernel.W"][0])
    return check(Recurrence(A, np.ones_like(z), C, found["D"][0]))


def _sampled(form: Recurrence | Paired) -> tuple[Complex, Real, Complex, Real]:
    """Lambda (N,), the steps (H,), the weights (H, N) of e^{lz}, and D, of modes that are shared.

    In continuous time no turn is lost, and the weights are those under a zero-order hold.
    """
    if isinstance(form, Paired):
        A, B, C, D, step = channels(form)
        _check_shared(np.abs(A - A[0]) <= 16 * EPS * np.abs(A))
        z = step[:, None] * A
        with np.errstate(over="ignore", invalid="ignore"):  # `stored` refuses an overflow
            W = 2 * weights(B, C) * step[:, None] * phi1(z, z)
        return A[0], step, W, D
    A, B, C, D = channels(form)
    if not np.all(A):
        rule = "A must not be 0, for the layer stores log A"
        raise ValueError(f"{rule}; got 0 at index {first_index(A == 0)}. Drop that mode.")
    Lambda, step = _logarithms(A)
    return Lambda, step, weights(B, C), D


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
    expect(form, (*TAKES_SAMPLED, Paired), "dss-softmax", remedy)
    Lambda, step, products, D = _sampled(form)
    shared = {
        "kernel.log_dt": np.log(np.stack([step, step], axis=-1)),
        "kernel.Lambda": as_parts(Lambda),
    }
    return _weighted(shared, products, D, length)


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
    with np.errstate(over="ignore", invalid="ignore"):  # `stored` refuses an overflow
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


def _divided(Lambda: Complex, turned: np.ndarray) -> Complex:
    """A conj(Lambda)/max(|Lambda|^2, 1e-7) for A = Re Lambda + i turned Im Lambda.

    It is 1 but for two steps or a tiny Lambda, and 0 where the square vanishes.
    """
    other = (turned[:, None] - 1) * Lambda.imag
    quotient = 1 + 1j * other / np.where(Lambda == 0, 1, Lambda)  # A / Lambda, exact where it is 1
    return quotient * np.minimum(1, np.abs(Lambda) / _BOUND**0.5) ** 2


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
    whole = np.empty(phase.shape[-1])
    for n, mode in enumerate(phase.T):
        whole[n] = _unwound(mode, first, ratio, off)
        _check_shared(~np.isnan(whole[None, : n + 1]))
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
    found = phase[first] + 2 * np.pi * turns
    longest = np.argsort(ratio)[-1:]  # this channel leaves few for all of them
    found = found[_fits(found, phase[longest], ratio[longest], off)]
    for some in np.array_split(found, 1 + len(found) // 256):
        fits = _fits(some, phase, ratio, off)
        if np.any(fits):
            return some[np.argmax(fits)]
    return np.nan


def _fits(found: np.ndarray, phase: np.ndarray, ratio: np.ndarray, off: float) -> np.ndarray:
    """Which phases of channel `first` are, times each ratio, those of the channels."""
    turned = np.outer(found, ratio)
    gap = np.abs(np.exp(1j * turned) - np.exp(1j * phase))
    return np.all(gap <= off * (1 + np.abs(turned)), axis=1)


def _check_shared(agree: np.ndarray) -> None:
    """Raise ValueError unless all modes (H, N) are those that the channels share."""
    if not np.all(agree):
        rule = "the channels must share A up to their steps, for the layer has one Lambda"
        got = f"another mode at index {first_index(~agree)}"
        raise ValueError(f"{rule}; got {got}. Export one layer for each A.")


_MOVED = "B and the factor 2 of a half spectrum into W: the layer has B = 1 and no factor"
TARGET_EXP = Target(
    about='the layer DSS of ag1988/dss, version "exp"',
    to=partial(_to_scaled, version=_EXP),
    back=partial(_back_scaled, version=_EXP),
    layout=EXP,
    takes=TAKES_SCALED,
    rule="zoh",
    training=TRAINING_EXP,
    moved=_MOVED,
    declared=DECLARED,
)
TARGET_CLIP = TARGET_EXP._replace(
    about='the layer DSS of ag1988/dss, version "clip"',
    to=partial(_to_scaled, version=_CLIP),
    back=partial(_back_scaled, version=_CLIP),
    layout=SOFTMAX,
    training=TRAINING_CLIP,
)
TARGET_SOFTMAX = Target(
    about='the layer DSS of ag1988/dss, version "softmax"',
    to=to_softmax,
    back=back_softmax,
    layout=SOFTMAX,
    takes=TAKES_SAMPLED,
    rule=None,
    training=TRAINING_SOFTMAX,
    moved="B into W, and out of it Lambda and the sum of each mode over the length",
    sized=True,
    declared=DECLARED,
)
TARGET_EXP_NO_SCALE = TARGET_EXP._replace(
    about='the layer DSS of ag1988/dss, version "exp-no-scale"',
    to=partial(_to_unscaled, version=_EXP_NO_SCALE),
    back=partial(_back_unscaled, version=_EXP_NO_SCALE),
    takes=TAKES_SAMPLED,
    rule=None,
    moved="B into W: the layer has B = 1",
)
TARGET_CLIP_NO_SCALE = TARGET_EXP_NO_SCALE._replace(
    about='the layer DSS of ag1988/dss, version "clip-no-scale"',
    to=partial(_to_unscaled, version=_CLIP_NO_SCALE),
    back=partial(_back_unscaled, version=_CLIP_NO_SCALE),
    layout=SOFTMAX,
    training=TRAINING_CLIP,
)
