r"""Mamba and Mamba-2 in the files of llama.cpp, which its conversion/mamba.py makes.

===============  =========  ========  ======================================================
name             Mamba      Mamba-2   holds
===============  =========  ========  ======================================================
ssm_a            (H, n)     (H, 1)    A itself, -e^{A_log}
ssm_d            (H,)       (H, 1)    D
ssm_dt.bias      (H,)       (H,)      log(e^step - 1)
ssm_dt.weight    (H, R)     none      not written: how the input moves the step
ssm_x.weight     (X, H)     none      not written: R rows for the step, n for B, n for C
===============  =========  ========  ======================================================

The names stand behind "blk.0." and so on. The form and its rule are those of `mamba`. Falcon-Mamba
has the arrays of Mamba. Where these three arrays are quantized they cannot be read; llama.cpp keeps
ssm_a and ssm_d, which are no weights by name, in float32.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import Paired
from ..ground.backend import Array
from .layout import Layout, Target, read, stored
from .mamba import MOVED, at_constant_input, constant_input
from .parametrization import first_index, inverse_softplus
from .published import FIXED

LAYOUT: Layout = {
    "ssm_a": ("f", ("H", "n")),
    "ssm_d": ("f", ("H",)),
    "ssm_dt.bias": ("f", ("H",)),
    "ssm_dt.weight": ("f", ("H", "R")),
    "ssm_x.weight": ("f", ("X", "H")),
}
LAYOUT_HEADS: Layout = {
    "ssm_a": ("f", ("H", 1)),
    "ssm_d": ("f", ("H", 1)),
    "ssm_dt.bias": ("f", ("H",)),
}
TAKES = (Paired,)
OPTIONAL = ("ssm_dt.weight", "ssm_x.weight")


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of a layer of Mamba.

    Args:
        form: as `mamba_init` makes it, real A < 0 and B C = 1/2 in every mode, with one leading
            axis of inner channels or none (H = 1).

    Returns:
        The arrays of the table above that are written, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, for more leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> {name: array.shape for name, array in to(mamba_init(16, channels=3)).items()}
        {'ssm_a': (3, 16), 'ssm_d': (3,), 'ssm_dt.bias': (3,)}
    """
    A, D, step = constant_input(form, "mamba-gguf")
    return stored({"ssm_a": A, "ssm_d": D, "ssm_dt.bias": inverse_softplus(step)}, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Paired:
    """The form of a layer of Mamba at B = C = 1.

    Args:
        arrays: those of the table above, of any library. The projections are checked and not read.

    Returns:
        The form in float64, with B = 1/2 and C = 1.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, for values that are not finite, and unless
            A < 0.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> back(to(mamba_init(3, channels=2))).A[0].real
        array([-1., -2., -3.])
    """
    found = read(arrays, LAYOUT, optional=OPTIONAL)
    return _form(found["ssm_a"], found["ssm_d"], found["ssm_dt.bias"])


def to_heads(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of a layer of Mamba-2, one channel with one real mode for each of its heads.

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
        {'ssm_a': (3, 1), 'ssm_d': (3, 1), 'ssm_dt.bias': (3,)}
    """
    A, D, step = constant_input(form, "mamba2-gguf", shared=True)
    if np.any(A[:, :1] != A):
        rule = "`A` must be the same in all modes of a head"
        got = f"{A.shape[1]} that differ"
        raise ValueError(f"{rule}; got {got}. Make a channel of each, or use 'mamba-gguf'.")
    arrays = {"ssm_a": A[:, :1], "ssm_d": D[:, None], "ssm_dt.bias": inverse_softplus(step)}
    return stored(arrays, LAYOUT_HEADS)


def back_heads(arrays: Mapping[str, Array]) -> Paired:
    """The form of the heads of Mamba-2, where the inner product of B and C is 1.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in float64, with B = 1/2 and C = 1.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, for values that are not finite, and unless
            A < 0.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> back_heads(to_heads(mamba_init(1, channels=3))).A.shape
        (3, 1)
    """
    found = read(arrays, LAYOUT_HEADS)
    return _form(found["ssm_a"], found["ssm_d"][:, 0], found["ssm_dt.bias"])


def _form(A: np.ndarray, D: np.ndarray, bias: np.ndarray) -> Paired:
    wrong = A >= 0
    if np.any(wrong):
        where = first_index(wrong)
        rule = "`ssm_a` must be negative, for it is -exp(A_log)"
        raise ValueError(f"{rule}; got {A[where]:g} at index {where}. Write A itself.")
    form = at_constant_input(np.zeros_like(A), D, bias)
    return form._replace(A=A + 0j)


TARGET = Target(
    about="Mamba in GGUF of llama.cpp, for constant B and C",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="impulse",
    training=dict.fromkeys(LAYOUT, FIXED),
    moved=MOVED,
    optional=OPTIONAL,
    unread=OPTIONAL,
    projected="B and C",
)
TARGET_HEADS = TARGET._replace(
    about="Mamba-2 in GGUF of llama.cpp, for constant B and C",
    to=to_heads,
    back=back_heads,
    layout=LAYOUT_HEADS,
    training=dict.fromkeys(LAYOUT_HEADS, FIXED),
    optional=(),
    unread=(),
)
