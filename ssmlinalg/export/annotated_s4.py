r"""The layers `S4Layer` and `S4DLayer` of srush/annotated-s4, s4/s4.py and s4/s4d.py.

============================  ==========  ==========  ====================================================
name                          shape       type        holds
============================  ==========  ==========  ====================================================
Lambda_re, Lambda_im          (N, H)      float32     `S4Layer`: Lambda
P                             (N, H)      complex64   `S4Layer`: its one column
B                             (N, H)      complex64   `S4Layer`: B
A_re, A_im                    (N, H)      float32     `S4DLayer`: A
B_re, B_im                    (N, H)      float32     `S4DLayer`: 1 and 0, for the layer does not use them
C                             (N, H, 2)   float32     real and imaginary part, `S4Layer`: of C~, `S4DLayer`: of C B
D                             (1, H)      float32     D
log_step                      (1, H)      float32     log step
============================  ==========  ==========  ====================================================

Channels are axis 1, for the project maps its layers over axis 1 of their parameters (`cloneLayer`).
The whole spectrum is there and nothing is doubled. `S4Layer` samples by the bilinear rule and holds
C for sequences of one length, its argument `l_max`:

.. math::  K_l = \mathrm{Re}\, C A_d^l B_d, \qquad \tilde C = \overline{C (I - A_d^L)},
           \qquad A = \mathrm{diag}(\Lambda) - P P^*,

with C as `forms.DPLR` has it: the layer conjugates. `S4DLayer` samples by zero-order hold, at any
length,

.. math::  K_l = \mathrm{Re} \sum_n C_n \frac{e^{\Delta A_n} - 1}{A_n}\, e^{l \Delta A_n} .

Both compute with min(Re A, -1e-4); what lies to the right of that is refused. Built as
`S4Layer(N=N, l_max=L)` they take these arrays as their dict of parameters. In a model it stands at
`params["layers_0"]["seq"]`, or behind "layers_0.seq." once `flax.traverse_util.flatten_dict(params,
sep=".")` has flattened it.

Accuracy: float32, times the condition number of I - A_d^L for C~, which is large where a mode
hardly decays within L samples. The layer's own nodes on the unit circle are rounded to float32,
which costs it further digits near the Nyquist frequency.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import DPLR, Diagonal, Paired, check, unpair
from ..ground import require
from ..ground.backend import Array
from ..ground.formats import EPS
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import channels, remainder, weights

LAYOUT: Layout = {
    "Lambda_re": ("f", ("N", "H")),
    "Lambda_im": ("f", ("N", "H")),
    "P": ("c", ("N", "H")),
    "B": ("c", ("N", "H")),
    "C": ("f", ("N", "H", 2)),
    "D": ("f", (1, "H")),
    "log_step": ("f", (1, "H")),
}
LAYOUT_DIAGONAL: Layout = {
    "A_re": ("f", ("N", "H")),
    "A_im": ("f", ("N", "H")),
    "B_re": ("f", ("N", "H")),
    "B_im": ("f", ("N", "H")),
    "C": ("f", ("N", "H", 2)),
    "D": ("f", (1, "H")),
    "log_step": ("f", (1, "H")),
}

TAKES = (DPLR,)
TAKES_DIAGONAL = (Diagonal, Paired)

MOVED = "C into the conjugate of C (I - A_d^L), for sequences of length L"
MOVED_DIAGONAL = (
    "B into C: the layer does not use its B; the factor 2 of a half spectrum into conjugate modes"
)

_CLIPPED = "Re A <= -1e-4, clipped when used"
_SSM = trains(lr="ssm", weight_decay=0.0)  # 0.1 times the rate of the model, by Adam
TRAINING = {
    "Lambda_re": trains(lr="ssm", weight_decay=0.0, constraint=_CLIPPED),
    "Lambda_im": _SSM,
    "P": _SSM,
    "B": _SSM,
    "C": trains(),
    "D": trains(),
    "log_step": trains(lr="ssm", weight_decay=0.0, constraint="step = exp"),
}
_UNUSED = trains(
    trainable=False, lr="ssm", weight_decay=0.0, constraint="not used: its gradient is 0"
)
TRAINING_DIAGONAL = {
    "A_re": trains(lr="ssm", weight_decay=0.0, constraint=_CLIPPED),
    "A_im": _SSM,
    "B_re": _UNUSED,
    "B_im": _UNUSED,
    "C": trains(),
    "D": trains(),
    "log_step": trains(lr="ssm", weight_decay=0.0, constraint="step = exp"),
}


def _declared(source: str) -> dict[str, Declared]:
    return {
        "log step": Declared(
            lambda arrays: arrays["log_step"], "uniform", (math.log(1e-3), math.log(100)), source
        ),
        "C": Declared(lambda arrays: arrays["C"], "norm", (0.0, math.sqrt(0.5)), source),
        "D": Declared(lambda arrays: arrays["D"], "constant", (1.0,), source),
    }


DECLARED = _declared("srush/annotated-s4, s4/s4.py")  # its C is the C~ of every length
DECLARED_DIAGONAL = _declared("srush/annotated-s4, s4/s4d.py") | {
    "Re B": Declared(
        lambda arrays: arrays["B_re"], "constant", (1.0,), "srush/annotated-s4, s4/s4d.py"
    ),
    "Im B": Declared(
        lambda arrays: arrays["B_im"], "constant", (0.0,), "srush/annotated-s4, s4/s4d.py"
    ),
}

_RIGHTMOST = float(np.float32(-1e-4))


def to(form: DPLR, length: int) -> dict[str, np.ndarray]:
    """The arrays of `S4Layer(N=N, l_max=length)`, for one leading axis of channels or none (H = 1).

    C~ is that of A, B and step as the layer holds them, in float32. Raises TypeError for other
    forms; ValueError for more leading axes, more or less than one column of P, Re Lambda > -1e-4,
    an A_d^L from which 1 cannot be told, and numbers beyond float32. Cost O(H N^3 log L).

    >>> from ssmlinalg import s4_init
    >>> {name: array.shape for name, array in to(s4_init(4, channels=3), 64).items()}  # doctest: +NORMALIZE_WHITESPACE
    {'Lambda_re': (4, 3), 'Lambda_im': (4, 3), 'P': (4, 3), 'B': (4, 3), 'C': (4, 3, 2), 'D': (1, 3), 'log_step': (1, 3)}
    """
    expect(form, TAKES, "annotated-s4", "A Diagonal goes to 'annotated-s4d'.")
    length = require.integer("length", length)
    Lambda, P, B, C, D, step = channels(form)
    if P.shape[-1] != 1:
        remedy = "Take a measure whose correction has rank 1, or drop P."
        raise ValueError(
            f"`P` must have one column, for the layer has one; got {P.shape[-1]}. {remedy}"
        )
    held = stored(
        {
            "Lambda_re": np.real(Lambda).T,
            "Lambda_im": np.imag(Lambda).T,
            "P": P[..., 0].T,
            "B": B.T,
            "C": np.zeros((*B.T.shape, 2)),
            "D": D[None],
            "log_step": np.log(step)[None],
        },
        LAYOUT,
    )
    _left("Lambda_re", held)
    R = remainder(_system(read(held, LAYOUT)), length)
    tilde = np.einsum("hn,hnm->hm", C, R)
    # What is rounding is no value: a real mode keeps a real C, and what comes back is written as it
    # was.
    tilde = _cut(tilde, 8 * C.shape[-1] * EPS * np.einsum("hn,hnm->hm", np.abs(C), np.abs(R)))
    return held | stored({"C": np.stack([np.real(tilde).T, -np.imag(tilde).T], axis=-1)}, LAYOUT)


def back(arrays: Mapping[str, Array], length: int) -> DPLR:
    """The form `S4Layer(N=N, l_max=length)` computes with, in float64: its C solves C (I - A_d^L) =
    conj(C~).

    Raises ValueError for names, types and shapes that are not the layer's, for values that are not
    finite, and for an A_d^L from which 1 cannot be told.

    >>> from ssmlinalg import s4_init
    >>> form = s4_init(4)
    >>> bool(abs(back(to(form, 64), 64).C - form.C).max() < 1e-5)
    True
    """
    length = require.integer("length", length)
    form = check(_system(read(arrays, LAYOUT)))
    R = remainder(form, length)
    return check(
        form._replace(C=np.linalg.solve(np.swapaxes(R, -1, -2), form.C[..., None])[..., 0])
    )


def to_diagonal(form: Diagonal | Paired) -> dict[str, np.ndarray]:
    """The arrays of `S4DLayer(N=N, l_max=...)`, for one leading axis of channels or none (H = 1).

    Raises TypeError for other forms; ValueError for more leading axes, Re A > -1e-4, and numbers
    beyond float32.

    >>> from ssmlinalg import s4d_lin_init
    >>> {name: array.shape for name, array in to_diagonal(s4d_lin_init(4, channels=3)).items()}
    {'A_re': (3, 3), 'A_im': (3, 3), 'B_re': (3, 3), 'B_im': (3, 3), 'C': (3, 3, 2), 'D': (1, 3), 'log_step': (1, 3)}
    """
    expect(
        form,
        TAKES_DIAGONAL,
        "annotated-s4d",
        "A DPLR goes to 'annotated-s4', several inputs to 's5'.",
    )
    A, B, C, D, step = channels(unpair(form) if isinstance(form, Paired) else form)
    W = weights(B, C).T
    held = stored(
        {
            "A_re": np.real(A).T,
            "A_im": np.imag(A).T,
            "B_re": np.ones(A.T.shape),
            "B_im": np.zeros(A.T.shape),
            "C": np.stack([np.real(W), np.imag(W)], axis=-1),
            "D": D[None],
            "log_step": np.log(step)[None],
        },
        LAYOUT_DIAGONAL,
    )
    _left("A_re", held)
    return held


def back_diagonal(arrays: Mapping[str, Array]) -> Diagonal:
    """The form `S4DLayer` computes with, in float64: B = 1, whatever B_re and B_im hold, for the
    layer does not use them.

    Raises ValueError for names, types and shapes that are not the layer's, and for values that are
    not finite.

    >>> from ssmlinalg import s4d_lin_init
    >>> back_diagonal(to_diagonal(s4d_lin_init(4, channels=3))).A[0]
    array([-0.5+3.14159274j, -0.5-3.14159274j, -0.5+0.j        ])
    """
    found = read(arrays, LAYOUT_DIAGONAL)
    A = np.minimum(found["A_re"], _RIGHTMOST).T + 1j * found["A_im"].T
    C = (found["C"][..., 0] + 1j * found["C"][..., 1]).T
    with np.errstate(over="ignore"):  # the form is checked
        step = np.exp(found["log_step"][0])
    return check(Diagonal(A, np.ones_like(A), C, found["D"][0], step))


def _system(found: Mapping[str, np.ndarray]) -> DPLR:
    """What the layer holds, by channel, with the row that stands for C~ in the place of C."""
    Lambda = np.minimum(found["Lambda_re"], _RIGHTMOST).T + 1j * found["Lambda_im"].T
    tilde = (found["C"][..., 0] - 1j * found["C"][..., 1]).T
    with np.errstate(over="ignore"):  # the form is checked
        step = np.exp(found["log_step"][0])
    return DPLR(Lambda, found["P"].T[..., None], found["B"].T, tilde, found["D"][0], step)


def _cut(values: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Real and imaginary parts no larger than `slack` are 0."""
    real, imag = (
        np.where(np.abs(part) <= slack, 0.0, part) for part in (np.real(values), np.imag(values))
    )
    return real + 1j * imag


def _left(name: str, held: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError for real parts that the layer clips."""
    if np.any(held[name] > _RIGHTMOST):
        n, channel = (int(i) for i in np.argwhere(held[name] > _RIGHTMOST)[0])
        got = f"{held[name][n, channel]:g} for mode {n} of channel {channel}"
        raise ValueError(
            f"Re A must be at most -1e-4, where the layer clips it; got {got}. Move that mode to the left."
        )


TARGET = Target(
    "the layer S4Layer of srush/annotated-s4",
    to, back, LAYOUT, TAKES, "bilinear", TRAINING, MOVED, sized=True, declared=DECLARED,
)  # fmt: skip
TARGET_DIAGONAL = Target(
    "the layer S4DLayer of srush/annotated-s4",
    to_diagonal, back_diagonal, LAYOUT_DIAGONAL, TAKES_DIAGONAL, "zoh", TRAINING_DIAGONAL, MOVED_DIAGONAL,
    declared=DECLARED_DIAGONAL,
)  # fmt: skip
