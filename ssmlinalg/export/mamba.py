r"""The mixers of Mamba, Falcon-Mamba and Mamba-2 in transformers (5.23): what the state space has
of its own.

==============  =======  =========  =================================================================
name            shape    type       holds
==============  =======  =========  =================================================================
A_log           (H, n)   float32    log(-A); in Mamba-2 (H,): one A for each head
D               (H,)     float32    D
dt_proj.bias    (H,)     float32    log(e^step - 1); in Mamba-2 `dt_bias`
dt_proj.weight  (H, R)   float32    not written: how the input moves the step; not in Mamba-2
x_proj.weight   (X, H)   float32    not written: R rows for the step, n for B, n for C; not in Mamba-2
==============  =======  =========  =================================================================

The names are those inside a mixer, `model.layers[i].mixer.load_state_dict(arrays, strict=False)`,
and the same in the layers of state-spaces/mamba. A channel is one of the H = `intermediate_size`
inputs of the scan, with n = `state_size` modes; in Mamba-2 it is a head, H = `num_heads`, whose
`head_dim` inputs share one kernel.

B, C and a part of the step come from the input. What is left without one, B = C = 1 and step =
softplus(bias), has the kernel

.. math::  K_l = \sum_n \Delta\, e^{l \Delta A_n}, \qquad \Delta = \log(1 + e^{\text{bias}}),

and `forms.Paired` holds B = 1 as B = 1/2. The layers sample A by zero-order hold and B by Euler:
the rule "impulse". Falcon-Mamba scales B and C to a mean square of 1 over the n modes. In Mamba-2
the n entries of the state share A, so that the kernel of a head is that of one mode, times the
inner product of B and C, which is 1 here.

Accuracy: float32. Stored as its bias the step is rounded |bias| times, which is 14 times at the
step 1e-6; near the step log 2, where the bias is 0, `to` and `back` keep the bias to 1e-16
absolutely, not relatively.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..forms import Paired, check
from ..ground.backend import Array
from .layout import Declared, Layout, Target, expect, read, stored, trains
from .modes import channels, weights

LAYOUT: Layout = {
    "A_log": ("f", ("H", "n")),
    "D": ("f", ("H",)),
    "dt_proj.bias": ("f", ("H",)),
    "dt_proj.weight": ("f", ("H", "R")),
    "x_proj.weight": ("f", ("X", "H")),
}
HEADS: Layout = {
    "A_log": ("f", ("H",)),
    "D": ("f", ("H",)),
    "dt_bias": ("f", ("H",)),
}

TAKES = (Paired,)
OPTIONAL = ("dt_proj.weight", "x_proj.weight")

MOVED = "B and C, which are constant here, into projections of the input that stay as they are"

# The groups of transformers.Trainer, which leaves out of weight decay what has "bias" or "norm" in
# its name, and nothing else.
_A, _STEP = trains(constraint="A = -exp"), trains(weight_decay=0.0, constraint="step = softplus")
TRAINING = {
    "A_log": _A,
    "D": trains(),
    "dt_proj.bias": _STEP,
    "dt_proj.weight": trains(),
    "x_proj.weight": trains(),
}
HEADS_TRAINING = {"A_log": _A, "D": trains(), "dt_bias": _STEP}

# Of the default configuration; its floor of the step lies below the least step.
_SOURCE, _HEADS_SOURCE, _FALCON_SOURCE = (
    f"huggingface/transformers 5.23, models/{name}/modeling_{name}.py"
    for name in ("mamba", "mamba2", "falcon_mamba")
)
_LOG_STEP = (math.log(1e-3), math.log(100))
DECLARED = {
    "log step": Declared(
        lambda arrays: np.log(_step(arrays["dt_proj.bias"])), "uniform", _LOG_STEP, _SOURCE
    ),
    "A_n / -(n + 1)": Declared(
        lambda arrays: _integers(arrays["A_log"]), "constant", (1.0,), _SOURCE
    ),
    "D": Declared(lambda arrays: arrays["D"], "constant", (1.0,), _SOURCE),
    "dt_proj.weight sqrt(rank)": Declared(
        lambda arrays: _unit(arrays["dt_proj.weight"]), "uniform", (-1.0, 2.0), _SOURCE
    ),
    "x_proj.weight": Declared(lambda arrays: arrays["x_proj.weight"], "norm", (0.0, 0.1), _SOURCE),
}
FALCON_DECLARED = {
    name: declared._replace(source=_FALCON_SOURCE) for name, declared in DECLARED.items()
}
HEADS_DECLARED = {
    "log step": Declared(
        lambda arrays: np.log(_step(arrays["dt_bias"])), "uniform", _LOG_STEP, _HEADS_SOURCE
    ),
    "A_h / -(h + 1)": Declared(
        lambda arrays: _integers(arrays["A_log"]), "constant", (1.0,), _HEADS_SOURCE
    ),
    "D": Declared(lambda arrays: arrays["D"], "constant", (1.0,), _HEADS_SOURCE),
}


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of a Mamba or Falcon-Mamba mixer with state_size = n, one channel for each of its
    inner channels.

    Takes what `mamba_init` makes: real A < 0, and B C = 1/2 in every mode. Raises TypeError for
    other forms, ValueError for other values, for more than one leading axis, and for numbers beyond
    float32.

    >>> from ssmlinalg import mamba_init
    >>> {name: array.shape for name, array in to(mamba_init(16, channels=3)).items()}
    {'A_log': (3, 16), 'D': (3,), 'dt_proj.bias': (3,)}
    """
    A, D, step = _own(form, "mamba")
    return stored({"A_log": np.log(-A), "D": D, "dt_proj.bias": _bias(step)}, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Paired:
    """The form of a mixer at B = C = 1 and without what the input adds to the step: B = 1/2 and C =
    1, in float64.

    The projections are checked and not read. Raises ValueError for names, types and shapes that are
    not the layer's.

    >>> from ssmlinalg import mamba_init
    >>> back(to(mamba_init(3, channels=2))).A[0].real.round(6)
    array([-1., -2., -3.])
    """
    found = read(arrays, LAYOUT, optional=OPTIONAL)
    return _constant(found["A_log"], found["D"], found["dt_proj.bias"])


def to_heads(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of a Mamba-2 mixer, one channel with one real mode for each of its heads.

    Raises TypeError for other forms; ValueError unless n = 1, A < 0 and B C = 1/2, for more than
    one leading axis, and for numbers beyond float32.

    >>> from ssmlinalg import mamba_init
    >>> {name: array.shape for name, array in to_heads(mamba_init(1, channels=3)).items()}
    {'A_log': (3,), 'D': (3,), 'dt_bias': (3,)}
    """
    A, D, step = _own(form, "mamba2")
    if A.shape[1] > 1:
        raise ValueError(
            f"`A` must have one mode, for a head has one; got {A.shape[1]}. Make a channel of each, or use 'mamba'."
        )
    return stored({"A_log": np.log(-A[:, 0]), "D": D, "dt_bias": _bias(step)}, HEADS)


def back_heads(arrays: Mapping[str, Array]) -> Paired:
    """The form of the heads of a mixer, where the inner product of B and C is 1: B = 1/2 and C = 1,
    in float64.

    Raises ValueError for names, types and shapes that are not the layer's.

    >>> from ssmlinalg import mamba_init
    >>> back_heads(to_heads(mamba_init(1, channels=3))).A.shape
    (3, 1)
    """
    found = read(arrays, HEADS)
    return _constant(found["A_log"][:, None], found["D"], found["dt_bias"])


def _own(form: Paired, target: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A (H, n), real, D and step (H,) of a form whose B C is what the layers have where their input
    is constant.
    """
    expect(form, TAKES, target, "Halve a Diagonal with forms.pair, and start from mamba_init.")
    A, B, C, D, step = channels(form)
    W = weights(B, C)
    for rule, wrong, value in (
        ("A must be real, as the layer is", A.imag != 0, A),
        ("A must be negative, for the layer stores log(-A)", A.real >= 0, A),
        ("B C must be 1/2, for the layer takes both from its input", W != 0.5, W),
    ):
        if np.any(wrong):
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"{rule}; got {value[where]:g} at index {where}. Start from mamba_init, or choose another target."
            )
    return A.real, D, step


def _bias(step: np.ndarray) -> np.ndarray:
    """The inverse of softplus, log(e^step - 1), where neither e^step overflows nor 1 - e^-step
    cancels.
    """
    return step + np.log(-np.expm1(-step))


def _constant(A_log: np.ndarray, D: np.ndarray, bias: np.ndarray) -> Paired:
    with np.errstate(over="ignore"):  # the form is checked
        A = -np.exp(A_log) + 0j
    return check(Paired(A, np.full_like(A, 0.5), np.ones_like(A), D, _step(bias)))


def _step(bias: np.ndarray) -> np.ndarray:
    """softplus, log(1 + e^bias)."""
    return np.logaddexp(0, bias)


def _integers(A_log: np.ndarray) -> np.ndarray:
    """-A over 1, 2, 3, ... along the last axis."""
    return np.exp(A_log) / np.arange(1, A_log.shape[-1] + 1)


def _unit(weight: np.ndarray) -> np.ndarray:
    """The weight (H, R) times sqrt(R)."""
    return weight * math.sqrt(weight.shape[1])


_ABOUT = "the mixer of {} in transformers, for constant B and C"
TARGET = Target(
    _ABOUT.format("Mamba"),
    to, back, LAYOUT, TAKES, "impulse", TRAINING, MOVED, optional=OPTIONAL, declared=DECLARED,
)  # fmt: skip
TARGET_FALCON = TARGET._replace(about=_ABOUT.format("Falcon-Mamba"), declared=FALCON_DECLARED)
TARGET_MAMBA2 = Target(
    _ABOUT.format("Mamba-2"),
    to_heads, back_heads, HEADS, TAKES, "impulse", HEADS_TRAINING, MOVED, declared=HEADS_DECLARED,
)  # fmt: skip
