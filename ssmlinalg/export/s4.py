r"""The kernels of state-spaces/s4, models/s4/s4.py: `SSMKernelDPLR`, which is S4, and
`SSMKernelDiag`, its S4D.

=============  ===============  =========  ======================================================================
name           shape            type       holds
=============  ===============  =========  ======================================================================
inv_dt         (H, 1)           float32    log step
A_real         (S, n)           float32    log(-Re A)
A_imag         (S, n)           float32    -Im A
B              (1, S, n, 2)     float32    real and imaginary part of B
C              (1, H, n, 2)     float32    real and imaginary part of C; of C~ once `l_kernel` is not 0
P              (R, S, n, 2)     float32    `SSMKernelDPLR`: the columns of P
l_kernel       ()               int64      `SSMKernelDPLR`: 0, or the length L that C~ belongs to
D              (1, H)           float32    of `FFTConv` around the kernel; only where the form has a D that is not 0
=============  ===============  =========  ======================================================================

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
dt_transform="exp", real_transform="exp", imag_transform="none", disc="zoh", dt_tie=True. The
default init="legs" cannot build d_state=2; init="diag-lin" can. `n_ssm` has to be said: its default
is H. A layer with several channels, such as a bidirectional one, is read one entry of the first
axis of C and D at a time.

Accuracy: the layer computes C~ and its nodes on the unit circle in float32, and `SSMKernelDiag`
e^{step A} - 1, which costs it digits for small |step A|. `back` of a C~ loses the condition number
of I - A_d^L, which is large where a mode hardly decays within L samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import DPLR, Paired, check
from ..ground import require
from ..ground.backend import Array, Complex
from ..ground.formats import EPS
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import channels, remainder

LAYOUT_DIAGONAL: Layout = {
    "inv_dt": ("f", ("H", 1)),
    "A_real": ("f", ("S", "n")),
    "A_imag": ("f", ("S", "n")),
    "B": ("f", (1, "S", "n", 2)),
    "C": ("f", (1, "H", "n", 2)),
    "D": ("f", (1, "H")),
}
LAYOUT: Layout = LAYOUT_DIAGONAL | {"P": ("f", ("R", "S", "n", 2)), "l_kernel": ("i", ())}

TAKES = (DPLR, Paired)
TAKES_DIAGONAL = (Paired,)
OPTIONAL = ("D",)

MOVED_DIAGONAL = "modes above the real axis to their conjugates below; Im A with the other sign"
MOVED = f"{MOVED_DIAGONAL}; the weight of a real mode to two halves"

# The published configuration gives A, P, B and the step a rate of their own ("ssm") and no decay; C
# and D train as the model.
TRAINING_DIAGONAL = {
    "inv_dt": trains(lr="ssm", weight_decay=0.0, constraint="step = exp"),
    "A_real": trains(lr="ssm", weight_decay=0.0, constraint="Re A = -exp"),
    "A_imag": trains(lr="ssm", weight_decay=0.0),
    "B": trains(lr="ssm", weight_decay=0.0),
    "C": trains(),
    "D": trains(),
}
TRAINING = TRAINING_DIAGONAL | {
    "P": trains(lr="ssm", weight_decay=0.0),
    "l_kernel": trains(
        trainable=False,
        constraint="the length that C~ belongs to, changed by the layer together with C",
    ),
}

_SOURCE = "state-spaces/s4, models/s4/s4.py"
DECLARED_DIAGONAL = {
    "log step": Declared(
        lambda arrays: arrays["inv_dt"], "uniform", (math.log(1e-3), math.log(100)), _SOURCE
    ),
    "C": Declared(lambda arrays: arrays["C"], "norm", (0.0, math.sqrt(0.5)), _SOURCE),
    "D": Declared(lambda arrays: arrays["D"], "norm", (0.0, 1.0), _SOURCE),
}
DECLARED = DECLARED_DIAGONAL | {
    "C": Declared(lambda arrays: _drawn(arrays), "norm", (0.0, math.sqrt(0.5)), _SOURCE)
}


def to(form: DPLR | Paired) -> dict[str, np.ndarray]:
    """The arrays of `SSMKernelDPLR`, with C itself and `l_kernel` 0, for one leading axis of
    channels or none (H = 1).

    A single real mode becomes two equal halves: an odd order N is held as d_state = N + 1. A form
    without P has a column P = 0, which training fills. Raises TypeError for other forms; ValueError
    for more leading axes, Lambda, P and B that are not closed under conjugation (C need not be:
    only Re(C x) is heard), Re Lambda >= 0, and numbers beyond float32.

    >>> from ssmlinalg import s4_init
    >>> {name: array.shape for name, array in to(s4_init(8, channels=3)).items()}  # doctest: +NORMALIZE_WHITESPACE
    {'inv_dt': (3, 1), 'A_real': (1, 4), 'A_imag': (1, 4), 'B': (1, 1, 4, 2), 'C': (1, 3, 4, 2), 'P': (1, 1, 4, 2),
     'l_kernel': ()}
    """
    expect(
        form, TAKES, "s4", "Halve a Diagonal with forms.pair; several inputs go to 's5-pytorch'."
    )
    if isinstance(form, Paired):
        A, B, C, D, step = channels(form)
        P = np.zeros((*A.shape, 1), complex)
    else:
        Lambda, P, B, C, D, step = channels(form)
        P = P if P.shape[-1] else np.zeros((*Lambda.shape, 1), complex)
        A, P, B, C = _half(Lambda, P, B, C)
    A, P, B, C = _below(A, P, B, C)
    return stored(
        _arrays(A, B, C, D, step) | {"P": _parts(np.moveaxis(P, -1, 0)), "l_kernel": 0}, LAYOUT
    )


def back(arrays: Mapping[str, Array]) -> DPLR:
    """The form `SSMKernelDPLR` computes with, in float64, of order 2 n; D = 0 where there is none.

    Where `l_kernel` is L > 0 its C solves C (I - A_d^L) = C~, at a cost of O(H N^3 log L). Raises
    ValueError for names, types and shapes that are not the layer's, for values that are not finite,
    and for an A_d^L from which 1 cannot be told.

    >>> from ssmlinalg import s4_init
    >>> back(to(s4_init(4))).Lambda.round(4)
    array([[-0.5-0.5565j, -0.5-4.6033j, -0.5+0.5565j, -0.5+4.6033j]])
    """
    found = read(arrays, LAYOUT, optional=OPTIONAL)
    length = require.integer("l_kernel", found["l_kernel"], least=0)
    A, B, C, D, step = _modes(found)
    P = _tiled(np.moveaxis(_complex(found["P"]), 0, -1), len(step))
    P = np.concatenate([P, P.conj()], axis=-2)
    form = check(DPLR(_both(A), P, _both(B), _both(C), D, step))
    if length == 0:
        return form
    C = np.linalg.solve(np.swapaxes(remainder(form, length), -1, -2), form.C[..., None])[..., 0]
    n = A.shape[-1]
    return check(form._replace(C=_both((C[:, :n] + C[:, n:].conj()) / 2)))


def to_diagonal(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of `SSMKernelDiag`, for one leading axis of channels or none (H = 1).

    Raises TypeError for other forms; ValueError for more leading axes, Re A >= 0, and numbers
    beyond float32.

    >>> from ssmlinalg import s4d_lin_init
    >>> {name: array.shape for name, array in to_diagonal(s4d_lin_init(8, channels=3)).items()}
    {'inv_dt': (3, 1), 'A_real': (1, 4), 'A_imag': (1, 4), 'B': (1, 1, 4, 2), 'C': (1, 3, 4, 2)}
    """
    expect(
        form, TAKES_DIAGONAL, "s4-diag", "Halve a Diagonal with forms.pair; a DPLR goes to 's4'."
    )
    form = channels(form)
    A, _, B, C = _below(form.A, np.zeros((*form.A.shape, 0), complex), form.B, form.C)
    return stored(_arrays(A, B, C, form.D, form.step), LAYOUT_DIAGONAL)


def back_diagonal(arrays: Mapping[str, Array]) -> Paired:
    """The form `SSMKernelDiag` computes with, in float64; D = 0 where there is none.

    Raises ValueError for names, types and shapes that are not the layer's, and for values that are
    not finite.

    >>> from ssmlinalg import s4d_lin_init
    >>> back_diagonal(to_diagonal(s4d_lin_init(4))).A
    array([[-0.5+0.j        , -0.5-3.14159274j]])
    """
    return check(Paired(*_modes(read(arrays, LAYOUT_DIAGONAL, optional=OPTIONAL))))


@np.errstate(
    over="ignore", invalid="ignore"
)  # what overflows is refused, as no pair or by `stored`
def _half(
    Lambda: Complex, P: Complex, B: Complex, C: Complex
) -> tuple[Complex, Complex, Complex, Complex]:
    """Lambda (S, n), P (S, n, R), B (S, n) and C (H, n): one mode x_i of each pair, whose other is
    x_j = conj(x_i).

    Re(C_i x_i + C_j x_j) = Re((C_i + conj(C_j)) x_i), twice the real part of what half the sum
    reads. A real mode is its own partner, and becomes two equal ones with P, B and C over sqrt(2).
    """
    Lambda, P, B = _shared(Lambda, P, B)
    fields = (Lambda[..., None], P, B[..., None])
    rows = np.concatenate([field / (np.max(np.abs(field)) or 1.0) for field in fields], axis=-1)
    first, second = _partners(rows)
    weight = np.where(np.equal(first, second), math.sqrt(0.5), 1.0)

    def half(array: Complex) -> Complex:
        return array[:, first] / 2 + array[:, second].conj() / 2  # halves, for the sum may overflow

    return half(Lambda), weight[:, None] * half(P), weight * half(B), weight * half(C)


def _partners(rows: Complex) -> tuple[list[int], list[int]]:
    """One mode of each pair and its other, by the rows (S, N, k) of what has to be conjugate; a
    real mode is its own.
    """
    left, first, second = list(range(rows.shape[1])), [], []
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


def _below(
    A: Complex, P: Complex, B: Complex, C: Complex
) -> tuple[Complex, Complex, Complex, Complex]:
    """The half below the real axis, which the layer builds its modes in, once it is known to lie
    left of the other axis.
    """
    if not np.all(A.real < 0):
        where = tuple(int(i) for i in np.argwhere(A.real >= 0)[0])
        rule = "the real parts of Lambda or A must be negative, for the layer stores log(-Re A)"
        got = f"{A.real[where]:g} at index {where}"
        raise ValueError(
            f"{rule}; got {got}. Move that mode to the left: the layer's own initialization goes to -1e-4."
        )
    A, P, B = _shared(A, P, B)
    above = A.imag > 0

    def turned(array: Complex, above: np.ndarray) -> Complex:
        return np.where(above, array.conj(), array)

    return turned(A, above), turned(P, above[..., None]), turned(B, above), turned(C, above)


def _arrays(
    A: Complex, B: Complex, C: Complex, D: np.ndarray, step: np.ndarray
) -> dict[str, np.ndarray]:
    arrays = {
        "inv_dt": np.log(step)[:, None],
        "A_real": np.log(-A.real),
        "A_imag": -A.imag,
        "B": _parts(B)[None],
        "C": _parts(C)[None],
    }
    return arrays | {"D": D[None]} if np.any(D) else arrays


def _modes(
    found: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A, B, C (H, n), D and step (H,) as the layer computes with them."""
    H, S = len(found["inv_dt"]), len(found["A_real"])
    require.shape(
        "A_real",
        found["A_real"].shape,
        f"(S, n) with S a divisor of H = {H} from `inv_dt`",
        S > 0 and H % S == 0,
    )
    with np.errstate(over="ignore"):  # the form is checked
        A = -np.exp(found["A_real"]) - 1j * found["A_imag"]
        step = np.exp(found["inv_dt"][:, 0])
    B, C = _complex(found["B"])[0], _complex(found["C"])[0]
    D = found["D"][0] if "D" in found else np.zeros(H)
    return _tiled(A, H), _tiled(B, H), C, D, step


def _drawn(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """C as it was drawn, also where the layer has turned it into C~ since."""
    C = back(arrays).C
    return _parts(C[:, : C.shape[-1] // 2])


def _tiled(array: np.ndarray, H: int) -> np.ndarray:
    """One set for every channel: channel h has set h mod S."""
    return np.tile(array, (H // len(array), *(1,) * (array.ndim - 1)))


def _both(half: np.ndarray) -> np.ndarray:
    return np.concatenate([half, half.conj()], axis=-1)


def _parts(array: np.ndarray) -> np.ndarray:
    return np.stack([np.real(array), np.imag(array)], axis=-1)


def _complex(parts: np.ndarray) -> np.ndarray:
    return parts[..., 0] + 1j * parts[..., 1]


TARGET = Target(
    "the kernel SSMKernelDPLR of state-spaces/s4, S4 itself",
    to, back, LAYOUT, TAKES, "bilinear", TRAINING, MOVED, optional=OPTIONAL, declared=DECLARED,
)  # fmt: skip
TARGET_DIAGONAL = Target(
    "the kernel SSMKernelDiag of state-spaces/s4, its S4D",
    to_diagonal, back_diagonal, LAYOUT_DIAGONAL, TAKES_DIAGONAL, "zoh", TRAINING_DIAGONAL, MOVED_DIAGONAL,
    optional=OPTIONAL, declared=DECLARED_DIAGONAL,
)  # fmt: skip
