r"""The kernels of state-spaces/s4, models/s4/s4.py: `SSMKernelDPLR`, which is S4, and
`SSMKernelDiag`, its S4D.

=============  ===============  =========  ======================================================
name           shape            type       holds
=============  ===============  =========  ======================================================
inv_dt         (H, 1)           float32    log step
A_real         (S, n)           float32    log(-Re A)
A_imag         (S, n)           float32    -Im A
B              (1, S, n, 2)     float32    real and imaginary part of B
C              (c, H, n, 2)     float32    real and imaginary part of C, or of C~ where `l_kernel`
                                           is not 0
P              (R, S, n, 2)     float32    `SSMKernelDPLR`: the columns of P
l_kernel       ()               int64      `SSMKernelDPLR`: 0, or the length L that C~ belongs to
D              (d, H)           float32    of `FFTConv` around the kernel; only where D is not 0
=============  ===============  =========  ======================================================

Of each conjugate pair the mode below the real axis is there, n = N/2 of them, and the layer adds
the other. S is 1 where all channels share A, P and B, and H where they do not; a checkpoint may
have any S that divides H, and channel h then has set h mod S. With A = diag(Lambda) - P P^* over
both halves, and sampled by the bilinear rule, `SSMKernelDPLR` computes

.. math::  K_l = C A_d^l B_d, \qquad
           \sum_{l<L} K_l \omega^l
           = \tilde C \left(\frac{1 - \omega}{\Delta} - \frac{1 + \omega}{2} A\right)^{-1} B,
           \qquad \tilde C = C (I - A_d^L), \quad \omega^L = 1 .

It keeps C~ in the place of C. Where `l_kernel` is 0, as written here, its first call turns C into
C~ of its own length, and later calls for longer kernels multiply by I + A_d^L: one file serves
every length. `SSMKernelDiag` samples by zero-order hold,

.. math::  K_l = 2 \mathrm{Re} \sum_n C_n B_n \frac{e^{\Delta A_n} - 1}{A_n}\, e^{l \Delta A_n} .

They load into `SSMKernelDPLR(d_model=H, d_state=2 * n, rank=R, n_ssm=S)` and, without rank, into
`SSMKernelDiag`; in an `S4Block(H, mode="dplr", ...)` or mode="diag" they stand behind
"layer.kernel.", D behind "layer.". All else is left at the defaults of that file: channels=1,
disc="zoh", dt_tie=True. The default init="legs" cannot build d_state=2; init="diag-lin" can.
`n_ssm` has to be said: its default is H.

A layer with c C's of each channel is read as c H channels, all H with the first C, then all with
the second. So is a bidirectional one, whose second half of C's reads the signal from its end: d is
c/2 there, and D = 0 in that half. `to` writes c = d = 1. The layer's own initialization keeps Re A
at or below -1e-4.

The table is that of dt_transform="exp", real_transform="exp" and imag_transform="none", the
defaults of the class. The name of a target may go on with others: "s4:dt_transform=softplus", which
the configuration of the repository has, or "s4-diag:dt_transform=none,real_transform=relu". Then
`inv_dt`, `A_real` and `A_imag` hold the numbers whose exp, softplus, sigmoid, relu + 1e-4 or
themselves are the step, -Re A and -Im A. No array tells which; a step read by exp in place of
softplus is off by its half, relatively.

Accuracy: the layer computes C~ and its nodes on the unit circle in float32, and `SSMKernelDiag`
e^{step A} - 1, which costs it digits for small |step A|. `back` of a C~ loses the condition number
of I - A_d^L, which is large where a mode hardly decays within L samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ..forms import DPLR, Paired, check
from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS
from .channels import channels
from .layout import Layout, Target, expect, read, stored
from .parametrization import TRANSFORMS, as_parts, check_left, from_parts
from .published import MODEL, Declared, Rates, log_step, normal, own_group, trains
from .truncated_kernel import undone

LAYOUT_DIAGONAL: Layout = {
    "inv_dt": ("f", ("H", 1)),
    "A_real": ("f", ("S", "n")),
    "A_imag": ("f", ("S", "n")),
    "B": ("f", (1, "S", "n", 2)),
    "C": ("f", ("c", "H", "n", 2)),
    "D": ("f", ("d", "H")),
}
LAYOUT: Layout = LAYOUT_DIAGONAL | {"P": ("f", ("R", "S", "n", 2)), "l_kernel": ("i", ())}
TAKES = (DPLR, Paired)
TAKES_DIAGONAL = (Paired,)
OPTIONAL = ("D",)
MOVED_DIAGONAL = "modes above the real axis to their conjugates below; Im A with the other sign"

# The published configuration gives A, P, B and the step a rate of their own and no decay.
TRAINING_DIAGONAL = {
    "inv_dt": own_group("step = exp"),
    "A_real": own_group("Re A = -exp"),
    "A_imag": own_group(),
    "B": own_group(),
    "C": MODEL,
    "D": MODEL,
}
TRAINING = TRAINING_DIAGONAL | {
    "P": own_group(),
    "l_kernel": trains(
        trainable=False,
        constraint="the length that C~ belongs to, changed by the layer together with C",
    ),
}


class Transforms(NamedTuple):
    """The options of the layer by which numbers are made of its arrays, of `TRANSFORMS`.

    Attributes:
        dt_transform: of `inv_dt`.
        real_transform: of `A_real`.
        imag_transform: of `A_imag`.
    """

    dt_transform: str = "exp"
    real_transform: str = "exp"
    imag_transform: str = "none"


OPTIONS = dict.fromkeys(Transforms._fields, tuple(TRANSFORMS))
_DEFAULT = Transforms()


class _Modes(NamedTuple):
    """The half of the modes that the layer stores, as it computes with them."""

    A: Complex  # (S, n)
    P: Complex  # (S, n, R)
    B: Complex  # (S, n)
    C: Complex  # (H, n)


def to(form: DPLR | Paired, *, transforms: Transforms = _DEFAULT) -> dict[str, np.ndarray]:
    """The arrays of `SSMKernelDPLR`, with C itself and `l_kernel` 0.

    A single real mode becomes two equal halves: an odd order N is held as d_state = N + 1. A form
    without P has a column P = 0, which training fills.

    Args:
        form: with one leading axis of channels or none (H = 1).
        transforms: how the layer makes its numbers.

    Returns:
        The arrays of the table above.

    Raises:
        TypeError: for other forms.
        ValueError: for more leading axes, Lambda, P and B that are not closed under conjugation (C
            need not be: only Re(C x) is read), Re Lambda >= 0 and what a transform does not reach,
            and numbers beyond float32.

    Example:
        >>> from ssmlinalg import s4_init
        >>> {name: array.shape for name, array in to(s4_init(8, channels=3)).items()}
        {'inv_dt': (3, 1), 'A_real': (1, 4), 'A_imag': (1, 4), 'B': (1, 1, 4, 2),
         'C': (1, 3, 4, 2), 'P': (1, 1, 4, 2), 'l_kernel': ()}
    """
    remedy = "Halve a Diagonal with forms.pair; several inputs go to 's5-pytorch'."
    expect(form, TAKES, "s4", remedy)
    found = channels(form)
    if isinstance(found, Paired):
        P = np.zeros((*found.A.shape, 1), complex)
        modes = _Modes(found.A, P, found.B, found.C)
    else:
        if not found.P.shape[-1]:
            found = found._replace(P=np.zeros((*found.Lambda.shape, 1), complex))
        modes = _half(found)
    modes = _below(modes)
    P = as_parts(np.moveaxis(modes.P, -1, 0))
    return stored(_arrays(modes, found.D, found.step, transforms) | {"P": P, "l_kernel": 0}, LAYOUT)


def back(arrays: Mapping[str, Array], *, transforms: Transforms = _DEFAULT) -> DPLR:
    """The form that `SSMKernelDPLR` computes with, of order 2 n.

    Where `l_kernel` is L > 0 its C solves C (I - A_d^L) = C~.

    Args:
        arrays: those of the table above, of any library.
        transforms: how the layer makes its numbers.

    Returns:
        The form in float64; D = 0 where there is none.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, for values that are not finite, and for an
            I - A_d^L singular to rounding.

    Cost:
        O(H N^3 log L) where `l_kernel` is not 0.

    Example:
        >>> from ssmlinalg import s4_init
        >>> back(to(s4_init(4))).Lambda.round(4)
        array([[-0.5-0.5565j, -0.5-4.6033j, -0.5+0.5565j, -0.5+4.6033j]])
    """
    found = read(arrays, LAYOUT, optional=OPTIONAL)
    length = require.integer("l_kernel", found["l_kernel"], least=0)
    half = _diagonal(found, transforms)
    P = _tiled(np.moveaxis(from_parts(found["P"]), 0, -1), len(half.step))
    form = check(
        DPLR(
            Lambda=_both(half.A),
            P=np.concatenate([P, P.conj()], axis=-2),
            B=_both(half.B),
            C=_both(half.C),
            D=half.D,
            step=half.step,
        )
    )
    if length == 0:
        return form
    C = undone(form, length)
    n = half.A.shape[-1]
    return check(form._replace(C=_both((C[:, :n] + C[:, n:].conj()) / 2)))


def to_diagonal(form: Paired, *, transforms: Transforms = _DEFAULT) -> dict[str, np.ndarray]:
    """The arrays of `SSMKernelDiag`.

    Args:
        form: with one leading axis of channels or none (H = 1).
        transforms: how the layer makes its numbers.

    Returns:
        The arrays of the table above.

    Raises:
        TypeError: for other forms.
        ValueError: for more leading axes, Re A >= 0 and what a transform does not reach, and
            numbers beyond float32.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> {name: array.shape for name, array in to_diagonal(s4d_lin_init(8, channels=3)).items()}
        {'inv_dt': (3, 1), 'A_real': (1, 4), 'A_imag': (1, 4), 'B': (1, 1, 4, 2), 'C': (1, 3, 4, 2)}
    """
    remedy = "Halve a Diagonal with forms.pair; a DPLR goes to 's4'."
    expect(form, TAKES_DIAGONAL, "s4-diag", remedy)
    A, B, C, D, step = channels(form)
    no_columns = np.zeros((*A.shape, 0), complex)
    modes = _below(_Modes(A, no_columns, B, C))
    return stored(_arrays(modes, D, step, transforms), LAYOUT_DIAGONAL)


def back_diagonal(arrays: Mapping[str, Array], *, transforms: Transforms = _DEFAULT) -> Paired:
    """The form that `SSMKernelDiag` computes with.

    Args:
        arrays: those of the table above, of any library.
        transforms: how the layer makes its numbers.

    Returns:
        The form in float64; D = 0 where there is none.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> back_diagonal(to_diagonal(s4d_lin_init(4))).A
        array([[-0.5+0.j        , -0.5-3.14159274j]])
    """
    return check(_diagonal(read(arrays, LAYOUT_DIAGONAL, optional=OPTIONAL), transforms))


@np.errstate(over="ignore", invalid="ignore")  # an overflow is refused: no pair, or by `stored`
def _half(form: DPLR) -> _Modes:
    """One mode x_i of each pair, whose other is x_j = conj(x_i).

    Re(C_i x_i + C_j x_j) = Re((C_i + conj(C_j)) x_i), twice the real part that half the sum reads.
    A real mode is its own partner, and becomes two equal ones with P, B and C over sqrt(2).
    """
    Lambda, P, B = _shared(form.Lambda, form.P, form.B)
    fields = (Lambda[..., None], P, B[..., None])
    rows = np.concatenate([field / (np.max(np.abs(field)) or 1.0) for field in fields], axis=-1)
    first, second = _partners(rows)
    weight = np.where(np.equal(first, second), math.sqrt(0.5), 1.0)

    def half(array: Complex) -> Complex:
        return array[:, first] / 2 + array[:, second].conj() / 2  # halves, for the sum may overflow

    return _Modes(
        A=half(Lambda),
        P=weight[:, None] * half(P),
        B=weight * half(B),
        C=weight * half(form.C),
    )


def _partners(rows: Complex) -> tuple[list[int], list[int]]:
    """One mode of each pair and its other, by the rows (S, N, k) of all that has to be conjugate.

    A real mode is its own other.
    """
    left = list(range(rows.shape[1]))
    first = []
    second = []
    while left:
        i = left.pop(0)
        others = [*left, i]  # itself comes last: of equal distances the first counts
        distance = np.max(np.abs(rows[:, [i]] - rows[:, others].conj()), axis=(0, 2))
        nearest = int(np.argmin(distance))
        if not distance[nearest] <= math.sqrt(EPS):
            rule = "Lambda, P and B must be closed under conjugation, for the layer stores one half"
            got = f"mode {i} a relative {distance[nearest]:.3g} away from the nearest conjugate"
            raise ValueError(f"{rule}; got {got}. Export the real model that it is a part of.")
        first.append(i)
        second.append(others[nearest])
        left = [mode for mode in left if mode != others[nearest]]
    return first, second


def _shared(*arrays: Complex) -> list[Complex]:
    """The arrays with one set of all channels where the channels agree."""
    same = all(np.array_equal(array, np.broadcast_to(array[:1], array.shape)) for array in arrays)
    return [array[:1] for array in arrays] if same else list(arrays)


def _below(modes: _Modes) -> _Modes:
    """The half below the real axis, in which the layer builds its modes."""
    A, P, B = _shared(modes.A, modes.P, modes.B)
    above = A.imag > 0
    return _Modes(
        A=np.where(above, A.conj(), A),
        P=np.where(above[..., None], P.conj(), P),
        B=np.where(above, B.conj(), B),
        C=np.where(above, modes.C.conj(), modes.C),
    )


def _arrays(modes: _Modes, D: Real, step: Real, transforms: Transforms) -> dict[str, np.ndarray]:
    dt, real, imag = (TRANSFORMS[name] for name in transforms)
    if transforms.real_transform == "exp":
        check_left(modes.A)
    arrays = {
        "inv_dt": dt.trained("`step`", step)[:, None],
        "A_real": real.trained("-Re A", -modes.A.real),
        "A_imag": imag.trained("abs(Im A)", -modes.A.imag),
        "B": as_parts(modes.B)[None],
        "C": as_parts(modes.C)[None],
    }
    return arrays | {"D": D[None]} if np.any(D) else arrays


def check_sets(found: Mapping[str, np.ndarray], step: str, real: str) -> None:
    """Raise ValueError unless the sets divide the channels.

    Args:
        found: arrays of a layer.
        step: the name of the steps among them.
        real: the name of the real parts.
    """
    H = len(found[step])
    S = len(found[real])
    rule = f"(S, n) with S a divisor of H = {H} from `{step}`"
    require.shape(real, found[real].shape, rule, H % S == 0)


def _diagonal(found: Mapping[str, np.ndarray], transforms: Transforms) -> Paired:
    """The modes that the layer stores, without P, one set for each channel and each of its C."""
    check_sets(found, "inv_dt", "A_real")
    H = len(found["inv_dt"])
    count = len(found["C"]) * H
    dt, real, imag = (TRANSFORMS[name].forward for name in transforms)
    A = -real(found["A_real"]) - 1j * imag(found["A_imag"])
    C = from_parts(found["C"])
    return Paired(
        A=_tiled(A, count),
        B=_tiled(from_parts(found["B"])[0], count),
        C=C.reshape(count, C.shape[-1]),
        D=_direct_path(found, H),
        step=_tiled(dt(found["inv_dt"][:, 0]), count),
    )


def _direct_path(found: Mapping[str, np.ndarray], H: int) -> np.ndarray:
    """D (c H,); of a bidirectional layer that of the first half, and 0."""
    shape = (len(found["C"]), H)
    if "D" not in found:
        return np.zeros(shape).ravel()
    D = found["D"]
    rule = f"(d, H) with d = c or c/2, where c = {shape[0]} is the first axis of `C`"
    require.shape("D", D.shape, rule, len(D) in (shape[0], shape[0] / 2))
    return np.concatenate([D, np.zeros((shape[0] - len(D), H))]).ravel()


def _tiled(array: np.ndarray, H: int) -> np.ndarray:
    """One set for each of H channels: channel h has set h mod S."""
    return np.tile(array, (H // len(array), *(1,) * (array.ndim - 1)))


def _both(half: np.ndarray) -> np.ndarray:
    return np.concatenate([half, half.conj()], axis=-1)


def _drawn(arrays: Mapping[str, np.ndarray], *, transforms: Transforms) -> np.ndarray:
    """C as it was drawn, also where the layer has turned it into C~ since."""
    C = back(arrays, transforms=transforms).C
    return as_parts(C[:, : C.shape[-1] // 2])


def _log_step(arrays: Mapping[str, np.ndarray], *, transforms: Transforms) -> np.ndarray:
    return np.log(TRANSFORMS[transforms.dt_transform].forward(arrays["inv_dt"]))


_SOURCE = "state-spaces/s4, models/s4/s4.py"


def _declared(transforms: Transforms, *, dplr: bool) -> dict[str, Declared]:
    drawn = partial(_drawn, transforms=transforms) if dplr else itemgetter("C")
    return {
        "log step": log_step(partial(_log_step, transforms=transforms), _SOURCE),
        "C": normal(drawn, _SOURCE, deviation=math.sqrt(0.5)),
        "D": normal(itemgetter("D"), _SOURCE),
    }


def _training(transforms: Transforms) -> dict[str, dict[str, Any]]:
    dt, real, imag = transforms
    return {
        "inv_dt": own_group(f"step = {dt}" if dt != "none" else "none"),
        "A_real": own_group(f"Re A = -{real}" if real != "none" else "none"),
        "A_imag": own_group(f"Im A = -{imag}" if imag != "none" else "none"),
    }


def with_options(target: Target, options: Mapping[str, str]) -> Target:
    """The layer with other transforms."""
    transforms = Transforms(**options)
    dplr = target.takes == TAKES
    said = ", ".join(f'{name}="{value}"' for name, value in options.items())
    return target._replace(
        about=f"{target.about}, with {said}",
        to=partial(to if dplr else to_diagonal, transforms=transforms),
        back=partial(back if dplr else back_diagonal, transforms=transforms),
        training=target.training | _training(transforms),
        declared=_declared(transforms, dplr=dplr),
    )


TARGET = Target(
    about="the kernel SSMKernelDPLR of state-spaces/s4, S4 itself",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="bilinear",
    training=TRAINING,
    rates=Rates(
        lr=0.01,
        ssm_lr=0.001,
        weight_decay=0.05,
        task="LRA Image",
        source="state-spaces/s4, configs/experiment/lra/s4-cifar.yaml",
    ),
    moved=f"{MOVED_DIAGONAL}; the weight of a real mode to two halves",
    optional=OPTIONAL,
    declared=_declared(_DEFAULT, dplr=True),
    options=OPTIONS,
    variant=with_options,
)
TARGET_DIAGONAL = Target(
    about="the kernel SSMKernelDiag of state-spaces/s4, its S4D",
    to=to_diagonal,
    back=back_diagonal,
    layout=LAYOUT_DIAGONAL,
    takes=TAKES_DIAGONAL,
    rule="zoh",
    training=TRAINING_DIAGONAL,
    moved=MOVED_DIAGONAL,
    optional=OPTIONAL,
    declared=_declared(_DEFAULT, dplr=False),
    options=OPTIONS,
    variant=with_options,
)
