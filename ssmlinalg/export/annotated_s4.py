r"""The layers `S4Layer` and `S4DLayer` of srush/annotated-s4, s4/s4.py and s4/s4d.py.

=======================  ==========  =========  ===================================
name                     shape       type       holds
=======================  ==========  =========  ===================================
Lambda_re, Lambda_im     (N, H)      float32    `S4Layer`: Lambda
P                        (N, H)      complex64  `S4Layer`: its one column
B                        (N, H)      complex64  `S4Layer`: B
A_re, A_im               (N, H)      float32    `S4DLayer`: A
B_re, B_im               (N, H)      float32    `S4DLayer`: 1 and 0, for B is not used
C                        (N, H, 2)   float32    `S4Layer`: parts of C~; `S4DLayer`: parts of C B
D                        (1, H)      float32    D
log_step                 (1, H)      float32    log step
=======================  ==========  =========  ===================================

The parts of a complex number are its real and its imaginary part. Channels are axis 1, for the
project maps its layers over axis 1 of their parameters (`cloneLayer`). The whole spectrum is there
and nothing is doubled. `S4Layer` samples by the bilinear rule and holds C for sequences of one
length, its argument `l_max`:

.. math::  K_l = \mathrm{Re}\, C A_d^l B_d, \qquad \tilde C = \overline{C (I - A_d^L)},
           \qquad A = \mathrm{diag}(\Lambda) - P P^*,

with C as `forms.DPLR` has it: the layer conjugates. `S4DLayer` samples by zero-order hold, at any
length,

.. math::  K_l = \mathrm{Re} \sum_n C_n \frac{e^{\Delta A_n} - 1}{A_n}\, e^{l \Delta A_n} .

Both compute with min(Re A, -1e-4); modes to the right of that are refused. Built as
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
from operator import itemgetter

import numpy as np

from ..forms import DPLR, Diagonal, Paired, check, unpair
from ..ground import require
from ..ground.backend import Array, Complex
from ..ground.formats import EPS
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, exponential, first_index, from_parts
from .published import MODEL, Declared, constant, log_step, normal, own_group, trains
from .truncated_kernel import remainder, undone

_SHARED: Layout = {
    "C": ("f", ("N", "H", 2)),
    "D": ("f", (1, "H")),
    "log_step": ("f", (1, "H")),
}
LAYOUT: Layout = {
    "Lambda_re": ("f", ("N", "H")),
    "Lambda_im": ("f", ("N", "H")),
    "P": ("c", ("N", "H")),
    "B": ("c", ("N", "H")),
} | _SHARED
LAYOUT_DIAGONAL: Layout = {
    "A_re": ("f", ("N", "H")),
    "A_im": ("f", ("N", "H")),
    "B_re": ("f", ("N", "H")),
    "B_im": ("f", ("N", "H")),
} | _SHARED

TAKES = (DPLR,)
TAKES_DIAGONAL = (Diagonal, Paired)

# A, P, B and the step train at 0.1 times the rate of the model, by Adam.
_SHARED_TRAINING = {"C": MODEL, "D": MODEL, "log_step": own_group("step = exp")}
_CLIPPED = own_group("Re A <= -1e-4, clipped when used")
_UNUSED = trains(
    trainable=False, lr="ssm", weight_decay=0.0, constraint="not used: its gradient is 0"
)
TRAINING = {
    "Lambda_re": _CLIPPED,
    "Lambda_im": own_group(),
    "P": own_group(),
    "B": own_group(),
} | _SHARED_TRAINING
TRAINING_DIAGONAL = {
    "A_re": _CLIPPED,
    "A_im": own_group(),
    "B_re": _UNUSED,
    "B_im": _UNUSED,
} | _SHARED_TRAINING


def _declared(source: str) -> dict[str, Declared]:
    return {
        "log step": log_step(itemgetter("log_step"), source),
        "C": normal(itemgetter("C"), source, deviation=math.sqrt(0.5)),
        "D": constant(itemgetter("D"), source, value=1.0),
    }


_SOURCE_DIAGONAL = "srush/annotated-s4, s4/s4d.py"
DECLARED = _declared("srush/annotated-s4, s4/s4.py")  # its C is the C~ of every length
DECLARED_DIAGONAL = _declared(_SOURCE_DIAGONAL) | {
    "Re B": constant(itemgetter("B_re"), _SOURCE_DIAGONAL, value=1.0),
    "Im B": constant(itemgetter("B_im"), _SOURCE_DIAGONAL, value=0.0),
}

_RIGHTMOST = float(np.float32(-1e-4))


def to(form: DPLR, length: int) -> dict[str, np.ndarray]:
    """The arrays of `S4Layer(N=N, l_max=length)`.

    C~ is that of A, B and step as the layer holds them, in float32.

    Args:
        form: with one leading axis of channels or none (H = 1).
        length: L, the samples of a sequence.

    Returns:
        The arrays of the table above.

    Raises:
        TypeError: for other forms, and for a length that is no integer.
        ValueError: for more leading axes, more or less than one column of P, Re Lambda > -1e-4, an
            I - A_d^L singular to rounding, numbers beyond float32, and a length below 1.

    Cost:
        O(H N^3 log L).

    Example:
        >>> from ssmlinalg import s4_init
        >>> {name: array.shape for name, array in to(s4_init(4, channels=3), 64).items()}
        {'Lambda_re': (4, 3), 'Lambda_im': (4, 3), 'P': (4, 3), 'B': (4, 3),
         'C': (4, 3, 2), 'D': (1, 3), 'log_step': (1, 3)}
    """
    expect(form, TAKES, "annotated-s4", "A Diagonal goes to 'annotated-s4d'.")
    length = require.integer("length", length)
    Lambda, P, B, C, D, step = channels(form)
    if P.shape[-1] != 1:
        rule = "`P` must have one column, for the layer has one"
        remedy = "Take a measure whose correction has rank 1, or drop P."
        raise ValueError(f"{rule}; got {P.shape[-1]}. {remedy}")
    arrays = {
        "Lambda_re": np.real(Lambda).T,
        "Lambda_im": np.imag(Lambda).T,
        "P": P[..., 0].T,
        "B": B.T,
        "C": np.zeros((*B.T.shape, 2)),  # until C~ is known
        "D": D[None],
        "log_step": np.log(step)[None],
    }
    held = stored(arrays, LAYOUT)
    _check_clip("Lambda_re", held)
    tilde = _tilde(C, remainder(_system(read(held, LAYOUT)), length), length)
    return held | stored({"C": as_parts(tilde.T)}, LAYOUT)


def back(arrays: Mapping[str, Array], length: int) -> DPLR:
    """The form that `S4Layer(N=N, l_max=length)` computes with: C solves C (I - A_d^L) = conj(C~).

    Args:
        arrays: those of the table above, of any library.
        length: L, the samples of a sequence.

    Returns:
        The form in float64.

    Raises:
        TypeError: for what is no dense array, and for a length that is no integer.
        ValueError: for other names, types or shapes, for values that are not finite, for an
            I - A_d^L singular to rounding, and for a length below 1.

    Cost:
        O(H N^3 log L).

    Example:
        >>> from ssmlinalg import s4_init
        >>> form = s4_init(4)
        >>> bool(abs(back(to(form, 64), 64).C - form.C).max() < 1e-5)
        True
    """
    length = require.integer("length", length)
    form = check(_system(read(arrays, LAYOUT)))
    return check(form._replace(C=undone(form, length)))


def to_diagonal(form: Diagonal | Paired) -> dict[str, np.ndarray]:
    """The arrays of `S4DLayer(N=N, l_max=...)`, at any length.

    Args:
        form: with one leading axis of channels or none (H = 1).

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for more leading axes, Re A > -1e-4, and numbers beyond float32.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> {name: array.shape for name, array in to_diagonal(s4d_lin_init(4, channels=3)).items()}
        {'A_re': (3, 3), 'A_im': (3, 3), 'B_re': (3, 3), 'B_im': (3, 3),
         'C': (3, 3, 2), 'D': (1, 3), 'log_step': (1, 3)}
    """
    remedy = "A DPLR goes to 'annotated-s4', several inputs to 's5'."
    expect(form, TAKES_DIAGONAL, "annotated-s4d", remedy)
    A, B, C, D, step = channels(unpair(form) if isinstance(form, Paired) else form)
    arrays = {
        "A_re": np.real(A).T,
        "A_im": np.imag(A).T,
        "B_re": np.ones(A.T.shape),
        "B_im": np.zeros(A.T.shape),
        "C": as_parts(weights(B, C).T),
        "D": D[None],
        "log_step": np.log(step)[None],
    }
    held = stored(arrays, LAYOUT_DIAGONAL)
    _check_clip("A_re", held)
    return held


def back_diagonal(arrays: Mapping[str, Array]) -> Diagonal:
    """The form that `S4DLayer` computes with: B = 1, for the layer does not use B_re and B_im.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> back_diagonal(to_diagonal(s4d_lin_init(4, channels=3))).A[0]
        array([-0.5+3.14159274j, -0.5-3.14159274j, -0.5+0.j        ])
    """
    found = read(arrays, LAYOUT_DIAGONAL)
    A = np.minimum(found["A_re"], _RIGHTMOST).T + 1j * found["A_im"].T
    C = from_parts(found["C"]).T
    step = exponential(found["log_step"][0])
    return check(Diagonal(A, np.ones_like(A), C, found["D"][0], step))


def _system(found: Mapping[str, np.ndarray]) -> DPLR:
    """The system that the layer holds, by channel, with conj(C~) in the place of C."""
    real = np.minimum(found["Lambda_re"], _RIGHTMOST)
    return DPLR(
        Lambda=real.T + 1j * found["Lambda_im"].T,
        P=found["P"].T[..., None],
        B=found["B"].T,
        C=from_parts(found["C"]).conj().T,
        D=found["D"][0],
        step=exponential(found["log_step"][0]),
    )


def _tilde(C: Complex, R: np.ndarray, length: int) -> Complex:
    """C~ (H, N) from R = I - A_d^L, parts that are rounding set to 0.

    So a real mode keeps a real C, and arrays that are read are written as they were. The power
    carries L times the rounding of A_d.
    """
    power = np.eye(C.shape[-1]) - R
    terms = np.einsum("hn,hnm->hm", np.abs(C), np.abs(R) + length * np.abs(power))
    slack = 8 * C.shape[-1] * EPS * terms
    product = np.einsum("hn,hnm->hm", C, R)
    real = np.where(np.abs(product.real) <= slack, 0.0, product.real)
    imag = np.where(np.abs(product.imag) <= slack, 0.0, product.imag)
    return real - 1j * imag


def _check_clip(name: str, held: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError for real parts that the layer clips."""
    clipped = held[name] > _RIGHTMOST
    if np.any(clipped):
        n, channel = first_index(clipped)
        got = f"{held[name][n, channel]:g} for mode {n} of channel {channel}"
        rule = "Re A must be at most -1e-4, where the layer clips it"
        raise ValueError(f"{rule}; got {got}. Move that mode to the left.")


TARGET = Target(
    about="the layer S4Layer of srush/annotated-s4",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="bilinear",
    training=TRAINING,
    moved="C into the conjugate of C (I - A_d^L), for sequences of length L",
    sized=True,
    declared=DECLARED,
)
TARGET_DIAGONAL = Target(
    about="the layer S4DLayer of srush/annotated-s4",
    to=to_diagonal,
    back=back_diagonal,
    layout=LAYOUT_DIAGONAL,
    takes=TAKES_DIAGONAL,
    rule="zoh",
    training=TRAINING_DIAGONAL,
    moved="B into C: the layer does not use its B; the factor 2 of a half spectrum into conjugate"
    " modes",
    declared=DECLARED_DIAGONAL,
)
