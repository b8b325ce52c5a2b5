r"""The kernels of state-spaces/s4 before its version 4: other names for what `s4` holds.

============  ===========  ===============  ===============  =====================================
version 3     version 3    version 2.1, 2   shape            holds
S4            S4D          S4
============  ===========  ===============  ===============  =====================================
log_dt        log_dt       log_dt           (H,)             log step
inv_w_real    inv_A_real   log_w_real       (S, n)           log(-Re A)
w_imag        A_imag       w_imag           (S, n)           Im A, where version 4 stores -Im A
B             B            B                (1, S, n, 2)     B; in S4D (S, n, 2)
C             C            C                (c, H, n, 2)     C, or C~ where the length is not 0
P             .            P                (R, S, n, 2)     the columns of P
L             .            L                ()               the length that C~ belongs to, or 0
.             .            omega, z         (l, 2)           nodes of version 2.0, which has no L
D             D            D                (d, H)           of the layer around the kernel
============  ===========  ===============  ===============  =====================================

The formulas are those of `s4`, see there for S, c and d, but for S4D: in version 3 it samples by
the bilinear rule unless it was built with disc="zoh". In a model the names stand behind
"layer.kernel.kernel.", D behind "layer.". `to` writes C itself and L = 0, which version 2.0 does
not know. In version 2.0 C~ belongs to L = 2 (l - 1) samples: its inverse transform gives an even
number.

Not read: version 2.0 with hurwitz=False (`w` and `Q`, a matrix w - P Q^T of its own), and the first
release.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ..forms import DPLR, Paired
from ..ground import require
from ..ground.backend import Array
from . import s4
from .layout import Layout, Target, expect, read, stored
from .published import log_step, normal, own_group, trains

LAYOUT: Layout = {
    "log_dt": ("f", ("H",)),
    "inv_w_real": ("f", ("S", "n")),
    "w_imag": ("f", ("S", "n")),
    "B": ("f", (1, "S", "n", 2)),
    "C": ("f", ("c", "H", "n", 2)),
    "P": ("f", ("R", "S", "n", 2)),
    "L": ("i", ()),
    "D": ("f", ("d", "H")),
}
LAYOUT_DIAGONAL: Layout = {
    "log_dt": ("f", ("H",)),
    "inv_A_real": ("f", ("S", "n")),
    "A_imag": ("f", ("S", "n")),
    "B": ("f", ("S", "n", 2)),
    "C": ("f", ("c", "H", "n", 2)),
    "D": ("f", ("d", "H")),
}
LAYOUT_TWO: Layout = {
    "log_dt": ("f", ("H",)),
    "log_w_real": ("f", ("S", "n")),
    "w_imag": ("f", ("S", "n")),
    "B": ("f", (1, "S", "n", 2)),
    "C": ("f", ("c", "H", "n", 2)),
    "P": ("f", ("R", "S", "n", 2)),
    "L": ("i", ()),
    "D": ("f", ("d", "H")),
    "omega": ("f", ("l", 2)),
    "z": ("f", ("l", 2)),
}
OPTIONAL_TWO = ("L", "D", "omega", "z")
TAKES = (DPLR, Paired)
TAKES_DIAGONAL = (Paired,)
_START = "Halve a Diagonal with forms.pair; several inputs go to 's5-pytorch'."


def to(form: DPLR | Paired) -> dict[str, np.ndarray]:
    """The arrays of `SSKernelNPLR` of version 3, with C itself and L = 0.

    Args:
        form: what `s4.to` takes.

    Returns:
        The arrays of the first column of the table above.

    Raises:
        TypeError: for other forms.
        ValueError: as `s4.to` does.

    Example:
        >>> from ssmlinalg import s4_init
        >>> {name: array.shape for name, array in to(s4_init(8, channels=3)).items()}
        {'log_dt': (3,), 'inv_w_real': (1, 4), 'w_imag': (1, 4), 'B': (1, 1, 4, 2),
         'C': (1, 3, 4, 2), 'P': (1, 1, 4, 2), 'L': ()}
    """
    expect(form, TAKES, "s4-v3", _START)
    held = s4.to(form)
    arrays = {
        "log_dt": held["inv_dt"][:, 0],
        "inv_w_real": held["A_real"],
        "w_imag": -held["A_imag"],
        "L": held["l_kernel"],
    }
    kept = {name: held[name] for name in ("B", "C", "P", "D") if name in held}
    found = arrays | kept
    return stored({name: found[name] for name in LAYOUT if name in found}, LAYOUT)


def back(arrays: Mapping[str, Array]) -> DPLR:
    """The form that `SSKernelNPLR` of version 3 computes with, of order 2 n.

    Args:
        arrays: those of the first column of the table above, of any library.

    Returns:
        The form in float64; D = 0 where there is none.

    Raises:
        TypeError: for what is no dense array.
        ValueError: as `s4.back` does.

    Example:
        >>> from ssmlinalg import s4_init
        >>> back(to(s4_init(4))).Lambda.round(4)
        array([[-0.5-0.5565j, -0.5-4.6033j, -0.5+0.5565j, -0.5+4.6033j]])
    """
    found = read(arrays, LAYOUT, optional=("D",))
    return _low_rank(found, "inv_w_real", found["L"])


def to_two(form: DPLR | Paired) -> dict[str, np.ndarray]:
    """The arrays of `SSKernelNPLR` of version 2.1, with C itself and L = 0.

    Args:
        form: what `s4.to` takes.

    Returns:
        The arrays of the third column of the table above that version 2.1 has.

    Raises:
        TypeError: for other forms.
        ValueError: as `s4.to` does.

    Example:
        >>> from ssmlinalg import s4_init
        >>> to_two(s4_init(8, channels=3))["log_w_real"].shape
        (1, 4)
    """
    expect(form, TAKES, "s4-v2", _START)
    names = {"inv_w_real": "log_w_real"}
    return {names.get(name, name): array for name, array in to(form).items()}


def back_two(arrays: Mapping[str, Array]) -> DPLR:
    """The form that `SSKernelNPLR` of version 2 computes with, of order 2 n.

    Args:
        arrays: those of the third column of the table above, of any library.

    Returns:
        The form in float64; D = 0 where there is none.

    Raises:
        TypeError: for what is no dense array.
        ValueError: as `s4.back` does, and where neither L nor omega says the length of C~.

    Example:
        >>> from ssmlinalg import s4_init
        >>> back_two(to_two(s4_init(4))).Lambda.shape
        (1, 4)
    """
    found = read(arrays, LAYOUT_TWO, optional=OPTIONAL_TWO)
    if "L" in found:
        return _low_rank(found, "log_w_real", found["L"])
    if "omega" not in found:
        rule = "arrays must have L or omega, which say the length that C~ belongs to"
        got = ", ".join(found)
        raise ValueError(f"{rule}; got {got}. Add L, 0 where C was not turned into C~.")
    nodes = len(found["omega"])
    rule = "(l, 2) with l of at least 2, for C~ belongs to 2 (l - 1) samples"
    require.shape("omega", found["omega"].shape, rule, nodes > 1)
    return _low_rank(found, "log_w_real", np.asarray(2 * (nodes - 1)))


def to_diagonal(form: Paired) -> dict[str, np.ndarray]:
    """The arrays of `SSKernelDiag` of version 3.

    Args:
        form: what `s4.to_diagonal` takes.

    Returns:
        The arrays of the second column of the table above.

    Raises:
        TypeError: for other forms.
        ValueError: as `s4.to_diagonal` does.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> to_diagonal(s4d_lin_init(8, channels=3))["B"].shape
        (1, 4, 2)
    """
    expect(form, TAKES_DIAGONAL, "s4-diag-v3", _START)
    held = s4.to_diagonal(form)
    arrays = {
        "log_dt": held["inv_dt"][:, 0],
        "inv_A_real": held["A_real"],
        "A_imag": -held["A_imag"],
        "B": held["B"][0],
        "C": held["C"],
    }
    return stored(arrays | ({"D": held["D"]} if "D" in held else {}), LAYOUT_DIAGONAL)


def back_diagonal(arrays: Mapping[str, Array]) -> Paired:
    """The form that `SSKernelDiag` of version 3 computes with.

    Args:
        arrays: those of the second column of the table above, of any library.

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
    found = read(arrays, LAYOUT_DIAGONAL, optional=("D",))
    s4.check_sets(found, "log_dt", "inv_A_real")
    held = {
        "inv_dt": found["log_dt"][:, None],
        "A_real": found["inv_A_real"],
        "A_imag": -found["A_imag"],
        "B": found["B"][None],
        "C": found["C"],
    }
    return s4.back_diagonal(held | ({"D": found["D"]} if "D" in found else {}))


def _low_rank(found: Mapping[str, np.ndarray], real: str, length: np.ndarray) -> DPLR:
    """The form by `s4.back`, errors in the names of these arrays; `real` names log(-Re A)."""
    require.integer("L", length, least=0)
    s4.check_sets(found, "log_dt", real)
    held = {
        "inv_dt": found["log_dt"][:, None],
        "A_real": found[real],
        "A_imag": -found["w_imag"],
        "l_kernel": length,
    }
    kept = ("B", "C", "P", "D")
    return s4.back(held | {name: found[name] for name in kept if name in found})


_SOURCE = "state-spaces/s4 V3, src/models/sequence/ss/kernel.py"
DECLARED = {
    "log step": log_step(itemgetter("log_dt"), _SOURCE),
    "D": normal(itemgetter("D"), _SOURCE),
}
_POLES = {"w_imag", "A_imag", "B", "P"}
_LENGTH = trains(
    trainable=False,
    constraint="the length that C~ belongs to, changed by the layer together with C",
)
_RULES = {
    "log_dt": own_group("step = exp"),
    "inv_w_real": own_group("Re A = -exp"),
    "inv_A_real": own_group("Re A = -exp"),
    "log_w_real": own_group("Re A = -exp"),
    "C": s4.TRAINING["C"],
    "D": s4.TRAINING["D"],
    "L": _LENGTH,
    "omega": trains(trainable=False, constraint="exp(-2 pi i k / L)"),
    "z": trains(trainable=False, constraint="2 (1 - omega)/(1 + omega)"),
} | dict.fromkeys(_POLES, own_group())
TARGET = Target(
    about="the kernel SSKernelNPLR of state-spaces/s4, version 3",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="bilinear",
    training={name: _RULES[name] for name in LAYOUT},
    moved="modes above the real axis to their conjugates below; the weight of a real mode to two",
    optional=("D",),
    declared=DECLARED,
)
TARGET_TWO = TARGET._replace(
    about="the kernel SSKernelNPLR of state-spaces/s4, version 2",
    to=to_two,
    back=back_two,
    layout=LAYOUT_TWO,
    training={name: _RULES[name] for name in LAYOUT_TWO},
    optional=OPTIONAL_TWO,
)
TARGET_DIAGONAL = Target(
    about="the kernel SSKernelDiag of state-spaces/s4, version 3, its S4D",
    to=to_diagonal,
    back=back_diagonal,
    layout=LAYOUT_DIAGONAL,
    takes=TAKES_DIAGONAL,
    rule="bilinear",
    training={name: _RULES[name] for name in LAYOUT_DIAGONAL},
    moved="modes above the real axis to their conjugates below",
    optional=("D",),
    declared=DECLARED,
)
