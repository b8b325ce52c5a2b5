r"""The state space of the mixers of Mamba, Falcon-Mamba, Jamba and Mamba-2 in transformers (5.24).

==============  =======  =========  ==========================================================
name            shape    type       holds
==============  =======  =========  ==========================================================
A_log           (H, n)   float32    log(-A); in Mamba-2 (H,): one A for each head
D               (H,)     float32    D
dt_proj.bias    (H,)     float32    log(e^step - 1); in Mamba-2 `dt_bias`
dt_proj.weight  (H, R)   float32    not written: how the input moves the step; not in Mamba-2
x_proj.weight   (X, H)   float32    not written: R rows for the step, n for B, n for C; not in
                                    Mamba-2
==============  =======  =========  ==========================================================

The names are those inside a mixer, `model.layers[i].mixer.load_state_dict(arrays, strict=False)`,
and the same in the layers of state-spaces/mamba. A channel is one of the H = `intermediate_size`
inputs of the scan, with n = `state_size` modes; in Mamba-2 it is a head, H = `num_heads`, whose
`head_dim` inputs share one kernel.

B, C and a part of the step come from the input. The rest is the layer at B = C = 1 and step =
softplus(bias). It has the kernel

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

from collections.abc import Mapping

import numpy as np

from ..forms import Paired, check
from ..ground import require
from ..ground.backend import Array
from ..ground.formats import EPS
from . import mamba_laws
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import exponential, first_index, inverse_softplus
from .published import MODEL, trains

LAYOUT: Layout = {
    "A_log": ("f", ("H", "n")),
    "D": ("f", ("H",)),
    "dt_proj.bias": ("f", ("H",)),
    "dt_proj.weight": ("f", ("H", "R")),
    "x_proj.weight": ("f", ("X", "H")),
}
LAYOUT_HEADS: Layout = {
    "A_log": ("f", ("H",)),
    "D": ("f", ("E",)),
    "dt_bias": ("f", ("H",)),
}
TAKES = (Paired,)
OPTIONAL = ("dt_proj.weight", "x_proj.weight")
MOVED = "B and C, which are constant here, into projections of the input that stay as they are"

# The groups of transformers.Trainer, which leaves out of weight decay what has "bias" or "norm" in
# its name, and nothing else.
_TRAINING_A = trains(constraint="A = -exp")
_TRAINING_STEP = trains(weight_decay=0.0, constraint="step = softplus")
TRAINING = {
    "A_log": _TRAINING_A,
    "D": MODEL,
    "dt_proj.bias": _TRAINING_STEP,
    "dt_proj.weight": MODEL,
    "x_proj.weight": MODEL,
}
TRAINING_HEADS = {"A_log": _TRAINING_A, "D": MODEL, "dt_bias": _TRAINING_STEP}


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of a Mamba or Falcon-Mamba mixer with state_size = n.

    Args:
        form: a form such as `mamba_init` makes, real A < 0 and B C = 1/2 in every mode, with one
            leading axis of inner channels or none (H = 1).

    Returns:
        The arrays of the table above that are written, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, for more leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> {name: array.shape for name, array in to(mamba_init(16, channels=3)).items()}
        {'A_log': (3, 16), 'D': (3,), 'dt_proj.bias': (3,)}
    """
    A, D, step = constant_input(form, "mamba")
    return stored({"A_log": np.log(-A), "D": D, "dt_proj.bias": inverse_softplus(step)}, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Paired:
    """The form of a mixer at B = C = 1, without the part of the step that comes from the input.

    Args:
        arrays: those of the table above, of any library. The projections are checked and not read.

    Returns:
        The form in float64, with B = 1/2 and C = 1.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> back(to(mamba_init(3, channels=2))).A[0].real.round(6)
        array([-1., -2., -3.])
    """
    found = read(arrays, LAYOUT, optional=OPTIONAL)
    return at_constant_input(found["A_log"], found["D"], found["dt_proj.bias"])


def to_heads(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of a Mamba-2 mixer, one channel with one real mode for each of its heads.

    Args:
        form: as `mamba2_init` makes it, A < 0 the same in all modes of a head, whose B C add up to
            1/2, with one leading axis of heads or none (H = 1).

    Returns:
        The arrays of the table above that are written, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, for more leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> {name: array.shape for name, array in to_heads(mamba_init(1, channels=3)).items()}
        {'A_log': (3,), 'D': (3,), 'dt_bias': (3,)}
    """
    A, D, step = constant_input(form, "mamba2", shared=True)
    if np.any(A[:, :1] != A):
        rule = "`A` must be the same in all modes of a head"
        got = f"{A.shape[1]} that differ"
        raise ValueError(f"{rule}; got {got}. Make a channel of each, or use 'mamba'.")
    return stored(
        {"A_log": np.log(-A[:, 0]), "D": D, "dt_bias": inverse_softplus(step)}, LAYOUT_HEADS
    )


def back_heads(arrays: Mapping[str, Array]) -> Paired:
    """The form of the heads of a mixer, where the inner product of B and C is 1.

    Where D has an entry for each input of a head, as `D_has_hdim` of state-spaces/mamba makes it,
    each is a channel.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64, with B = 1/2 and C = 1.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> back_heads(to_heads(mamba_init(1, channels=3))).A.shape
        (3, 1)
    """
    found = read(arrays, LAYOUT_HEADS)
    heads = len(found["A_log"])
    each, rest = divmod(len(found["D"]), max(1, heads))
    require.shape("D", found["D"].shape, f"(E,) with E a multiple of H = {heads}", each > 0 == rest)
    A_log, bias = (np.repeat(found[name], each) for name in ("A_log", "dt_bias"))
    return at_constant_input(A_log[:, None], found["D"], bias)


def constant_input(
    form: Paired, target: str, *, shared: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A (H, n), real, D and step (H,), where B C is that of the layers at constant input.

    It is 1/2 in each mode, or in all together where they are `shared` by a head.
    """
    expect(form, TAKES, target, "Halve a Diagonal with forms.pair, and start from mamba_init.")
    A, B, C, D, step = channels(form)
    W = weights(B, C)
    room = 0.0
    if shared:
        W = np.sum(W, axis=-1, keepdims=True)
        room = 16 * EPS * A.shape[-1]
    _check("A must be real, as the layer is", A.imag != 0, A)
    _check("A must be negative, for the layer stores log(-A)", A.real >= 0, A)
    _check("B C must be 1/2, for the layer takes both from its input", abs(W - 0.5) > room, W)
    return A.real, D, step


def _check(rule: str, wrong: np.ndarray, values: np.ndarray) -> None:
    if np.any(wrong):
        where = first_index(wrong)
        got = f"{values[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Start from mamba_init, or choose another target.")


def at_constant_input(A_log: np.ndarray, D: np.ndarray, bias: np.ndarray) -> Paired:
    """The form of A_log (H, n), D and the bias of the step (H,) at B = C = 1."""
    A = -exponential(A_log) + 0j
    return check(Paired(A, np.full_like(A, 0.5), np.ones_like(A), D, np.logaddexp(0, bias)))


_ABOUT = "the mixer of {} in transformers, for constant B and C"
TARGET = Target(
    about=_ABOUT.format("Mamba"),
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="impulse",
    training=TRAINING,
    moved=MOVED,
    optional=OPTIONAL,
    unread=OPTIONAL,
    projected="B and C",
    declared=mamba_laws.mamba({})[0],
    published=mamba_laws.mamba,
    model_types=("mamba",),
)
TARGET_FALCON = TARGET._replace(
    about=_ABOUT.format("Falcon-Mamba"),
    declared=mamba_laws.falcon_mamba({})[0],
    published=mamba_laws.falcon_mamba,
    model_types=("falcon_mamba",),
)
TARGET_JAMBA = TARGET._replace(
    about=_ABOUT.format("Jamba"),
    declared=mamba_laws.jamba({})[0],
    published=mamba_laws.jamba,
    model_types=("jamba",),
)
TARGET_MAMBA2 = Target(
    about=_ABOUT.format("Mamba-2"),
    to=to_heads,
    back=back_heads,
    layout=LAYOUT_HEADS,
    takes=TAKES,
    rule="impulse",
    training=TRAINING_HEADS,
    moved=MOVED,
    projected="B and C",
    declared=mamba_laws.heads({})[0],
    published=mamba_laws.heads,
    model_types=mamba_laws.HEADS,
)
