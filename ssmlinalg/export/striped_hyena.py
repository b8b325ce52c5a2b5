r"""The long filters of StripedHyena and of Evo 2 (Zymrael/vortex, `HyenaCascade`).

==========  =============  ===============================================================
name        shape          holds
==========  =============  ===============================================================
poles       (S, n, 1, 2)   real and imaginary part of A
residues    (S, n, 1, 2)   real and imaginary part of C B: there is no B, it is 1
D           (H,)           D, on the product of the two gated inputs
==========  =============  ===============================================================

In Evo 2 all is real, and a pole cannot be negative or turn:

==========  =============  ===============================================================
name        shape          holds
==========  =============  ===============================================================
log_poles   (S, n, 1)      log A
residues    (S, n)         C B
D           (H,)           D
==========  =============  ===============================================================

All float32. The layer is a discrete recurrence between two gates and behind a short convolution,
whose arrays are not read. It keeps no conjugate pairs:

.. math::  K_l = \mathrm{Re} \sum_n R_n\, e^{l \log p_n} + D\,[l = 0] .

S systems serve H channels, H/S neighbours each; `to` writes one for each channel. Nothing keeps
|A| below 1 but training.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..forms import Recurrence, check
from ..ground import require
from ..ground.backend import Array, Complex
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, exponential, first_index, from_parts
from .published import MODEL

LAYOUT: Layout = {
    "poles": ("f", ("S", "n", 1, 2)),
    "residues": ("f", ("S", "n", 1, 2)),
    "D": ("f", ("H",)),
}
LAYOUT_EVO2: Layout = {
    "log_poles": ("f", ("S", "n", 1)),
    "residues": ("f", ("S", "n")),
    "D": ("f", ("H",)),
}
TAKES = (Recurrence,)
TRAINING = dict.fromkeys(LAYOUT, MODEL)


def to(form: Recurrence) -> dict[str, np.ndarray]:
    """The arrays of the filter, one system for each channel.

    Args:
        form: with one leading axis of channels or none (H = 1), and A not 0.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for a mode 0, more leading axes, and numbers beyond float32.

    Example:
        >>> from ssmlinalg import dlr_init
        >>> {name: array.shape for name, array in to(dlr_init(8, channels=3)).items()}
        {'poles': (3, 8, 1, 2), 'residues': (3, 8, 1, 2), 'D': (3,)}
    """
    expect(form, TAKES, "striped-hyena", "Sample a Diagonal with discretize.")
    A, B, C, D = channels(form)
    arrays = {
        "poles": as_parts(A)[:, :, None],
        "residues": as_parts(weights(B, C))[:, :, None],
        "D": D,
    }
    found = stored(arrays, LAYOUT)
    zero = ~np.any(found["poles"], axis=-1)
    if np.any(zero):
        rule = "A must not be 0 in float32, for the layer takes its logarithm"
        where = first_index(zero)[:2]
        raise ValueError(f"{rule}; got 0 at index {where}. Move that mode.")
    return found


def back(arrays: Mapping[str, Array]) -> Recurrence:
    """The recurrence of the filter, B = 1, each system as often as channels share it.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import dlr_init
        >>> back(to(dlr_init(8, channels=3))).A.shape
        (3, 8)
    """
    found = read(arrays, LAYOUT)
    A = from_parts(found["poles"])[:, :, 0]
    return _shared(A, from_parts(found["residues"])[:, :, 0], found["D"])


def to_evo2(form: Recurrence) -> dict[str, np.ndarray]:
    """The arrays of the filter of Evo 2, one system for each channel.

    Args:
        form: with real A > 0 and real C B, and one leading axis of channels or none (H = 1).

    Returns:
        The arrays of the second table above, float32.

    Raises:
        TypeError: for other forms.
        ValueError: for other values, more leading axes, and numbers beyond float32.

    Example:
        >>> from ssmlinalg import rg_lru_init
        >>> to_evo2(rg_lru_init(channels=3))["log_poles"].shape
        (3, 1, 1)
    """
    expect(form, TAKES, "evo2", "Sample a Diagonal with discretize.")
    A, B, C, D = channels(form)
    W = weights(B, C)
    for name, wrong in (("A", (A.imag != 0) | (A.real <= 0)), ("C B", W.imag != 0)):
        if np.any(wrong):
            where = first_index(wrong)
            rule = f"{name} must be real, and A positive, as the filter is"
            got = f"{(A if name == 'A' else W)[where]:g} at index {where}"
            raise ValueError(f"{rule}; got {got}. Choose striped-hyena.")
    arrays = {"log_poles": np.log(A.real)[:, :, None], "residues": W.real, "D": D}
    return stored(arrays, LAYOUT_EVO2)


def back_evo2(arrays: Mapping[str, Array]) -> Recurrence:
    """The recurrence of the filter of Evo 2, B = 1, each system as often as channels share it.

    Args:
        arrays: those of the second table above, of any library.

    Returns:
        The recurrence in float64.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, and for values that are not finite.

    Example:
        >>> from ssmlinalg import rg_lru_init
        >>> back_evo2(to_evo2(rg_lru_init(channels=3))).A.shape
        (3, 1)
    """
    found = read(arrays, LAYOUT_EVO2)
    A = exponential(found["log_poles"])[:, :, 0] + 0j
    return _shared(A, found["residues"] + 0j, found["D"])


def _shared(A: Complex, C: Complex, D: np.ndarray) -> Recurrence:
    """The recurrence of S systems (S, n) with D (H,), each for H/S channels."""
    systems = len(A)
    each, rest = divmod(len(D), max(1, systems))
    require.shape("D", D.shape, f"(H,) with H a multiple of S = {systems}", each > 0 == rest)
    modes = np.repeat(A, each, axis=0)
    return check(Recurrence(modes, np.ones_like(modes), np.repeat(C, each, axis=0), D))


TARGET = Target(
    about="the long filter of togethercomputer/stripedhyena",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="B into the residues: the layer has B = 1",
)
TARGET_EVO2 = TARGET._replace(
    about="the long filter of Evo 2 (Zymrael/vortex)",
    to=to_evo2,
    back=back_evo2,
    layout=LAYOUT_EVO2,
    training=dict.fromkeys(LAYOUT_EVO2, MODEL),
)
