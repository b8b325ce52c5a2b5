r"""Several scans of Mamba in one layer: the heads of Zamba, the directions of VMamba.

================  ================  =========  ====================================================
Zamba             VMamba            shape      holds
================  ================  =========  ====================================================
A_log             A_logs            (K, W, n)  log(-A); in VMamba (K W, n)
D                 Ds                (K, W)     D; in VMamba (K W,)
dt_proj_bias      dt_projs_bias     (K, W)     log(e^step - 1)
dt_proj_weight    dt_projs_weight   (K, W, R)  not written: how the input moves the step
x_proj_weight     x_proj_weight     (K, X, W)  not written: R rows for the step, n for B, n for C
================  ================  =========  ====================================================

All float32. Zamba is `ZambaMambaMixer` of transformers (5.24), K = `n_mamba_heads` and W =
`mamba_head_dim`; VMamba is `SS2D` of MzeroMiko/VMamba, K = 4 directions of a picture: by rows, by
columns, and both backwards. Each copy is a scan of Mamba by itself, see `mamba`: the form has the
K W channels, one copy after the other, at B = C = 1 and step = softplus(bias), and the rule is
"impulse". A direction says in which order its channels see the picture; no array does.

`to` writes one copy, K = 1 and W = H. For K of them pass ``array.reshape(K, -1, *rest)``; A_logs
and Ds are the same for every K.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..forms import Paired
from ..ground import require
from ..ground.backend import Array
from . import mamba_laws
from .layout import Layout, Target, read, stored
from .mamba import MOVED, at_constant_input, constant_input
from .parametrization import inverse_softplus
from .published import MODEL, trains

LAYOUT: Layout = {
    "A_log": ("f", ("K", "W", "n")),
    "D": ("f", ("K", "W")),
    "dt_proj_bias": ("f", ("K", "W")),
    "dt_proj_weight": ("f", ("K", "W", "R")),
    "x_proj_weight": ("f", ("K", "X", "W")),
}
LAYOUT_DIRECTIONS: Layout = {
    "A_logs": ("f", ("H", "n")),
    "Ds": ("f", ("H",)),
    "dt_projs_bias": ("f", ("K", "W")),
    "dt_projs_weight": ("f", ("K", "W", "R")),
    "x_proj_weight": ("f", ("K", "X", "W")),
}
TAKES = (Paired,)
OPTIONAL = ("dt_proj_weight", "x_proj_weight")
OPTIONAL_DIRECTIONS = ("dt_projs_weight", "x_proj_weight")

# The groups of transformers.Trainer, as of Mamba.
TRAINING: dict[str, dict[str, Any]] = {
    "A_log": trains(constraint="A = -exp"),
    "D": MODEL,
    "dt_proj_bias": trains(weight_decay=0.0, constraint="step = softplus"),
    "dt_proj_weight": MODEL,
    "x_proj_weight": MODEL,
}
# classification/utils/optimizer.py spares arrays of one axis and names that end in ".bias".
TRAINING_DIRECTIONS: dict[str, dict[str, Any]] = {
    "A_logs": trains(constraint="A = -exp"),
    "Ds": trains(weight_decay=0.0),
    "dt_projs_bias": trains(constraint="step = softplus"),
    "dt_projs_weight": MODEL,
    "x_proj_weight": MODEL,
}


def to(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of a mixer of Zamba with one head of all channels.

    Args:
        form: as `mamba_init` makes it, real A < 0 and B C = 1/2 in every mode, with one leading
            axis of inner channels or none (W = 1).

    Returns:
        The arrays of the table above that are written, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, for more leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> {name: array.shape for name, array in to(mamba_init(16, channels=3)).items()}
        {'A_log': (1, 3, 16), 'D': (1, 3), 'dt_proj_bias': (1, 3)}
    """
    A, D, step = constant_input(form, "zamba")
    arrays = {
        "A_log": np.log(-A)[None],
        "D": D[None],
        "dt_proj_bias": inverse_softplus(step)[None],
    }
    return stored(arrays, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Paired:
    """The form of a mixer of Zamba at B = C = 1, one head after the other.

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
    A_log = found["A_log"].reshape(-1, found["A_log"].shape[-1])
    return at_constant_input(A_log, found["D"].ravel(), found["dt_proj_bias"].ravel())


def to_directions(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of SS2D of VMamba with one direction of all channels.

    Args:
        form: as `mamba_init` makes it, real A < 0 and B C = 1/2 in every mode, with one leading
            axis of inner channels or none (W = 1).

    Returns:
        The arrays of the table above that are written, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, for more leading axes, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> {name: array.shape for name, array in to_directions(mamba_init(1, channels=8)).items()}
        {'A_logs': (8, 1), 'Ds': (8,), 'dt_projs_bias': (1, 8)}
    """
    A, D, step = constant_input(form, "vmamba")
    arrays = {"A_logs": np.log(-A), "Ds": D, "dt_projs_bias": inverse_softplus(step)[None]}
    return stored(arrays, LAYOUT_DIRECTIONS)


def back_directions(arrays: Mapping[str, Array]) -> Paired:
    """The form of SS2D of VMamba at B = C = 1, one direction after the other.

    Args:
        arrays: those of the table above, of any library. The projections are checked and not read.

    Returns:
        The form in float64, with B = 1/2 and C = 1.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import mamba_init
        >>> back_directions(to_directions(mamba_init(3, channels=8))).A.shape
        (8, 3)
    """
    found = read(arrays, LAYOUT_DIRECTIONS, optional=OPTIONAL_DIRECTIONS)
    bias = found["dt_projs_bias"]
    rule = f"(K, W) with K W = {len(found['Ds'])} from `Ds`"
    require.shape("dt_projs_bias", bias.shape, rule, bias.size == len(found["Ds"]))
    return at_constant_input(found["A_logs"], found["Ds"], bias.ravel())


TARGET = Target(
    about="the mixer of Zamba in transformers, for constant B and C",
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
    declared=mamba_laws.zamba({})[0],
    published=mamba_laws.zamba,
    model_types=("zamba",),
)
TARGET_DIRECTIONS = Target(
    about="the four scans of SS2D of VMamba, for constant B and C",
    to=to_directions,
    back=back_directions,
    layout=LAYOUT_DIRECTIONS,
    takes=TAKES,
    rule="impulse",
    training=TRAINING_DIRECTIONS,
    moved=MOVED,
    optional=OPTIONAL_DIRECTIONS,
    unread=OPTIONAL_DIRECTIONS,
    projected="B and C",
    declared=mamba_laws.vmamba({})[0],
    published=mamba_laws.vmamba,
)
