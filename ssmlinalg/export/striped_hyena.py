r"""The long filter of StripedHyena: `ParallelHyenaFilter` of togethercomputer/stripedhyena.

==========  =============  ===============================================================
name        shape          holds
==========  =============  ===============================================================
poles       (S, n, 1, 2)   real and imaginary part of A
residues    (S, n, 1, 2)   real and imaginary part of C B: there is no B, it is 1
D           (H,)           D, on the product of the two gated inputs
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
from ..ground.backend import Array
from .channels import channels, weights
from .layout import Layout, Target, expect, read, stored
from .parametrization import as_parts, first_index, from_parts
from .published import MODEL

LAYOUT: Layout = {
    "poles": ("f", ("S", "n", 1, 2)),
    "residues": ("f", ("S", "n", 1, 2)),
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
    systems = len(found["poles"])
    each, rest = divmod(len(found["D"]), max(1, systems))
    shape = found["D"].shape
    require.shape("D", shape, f"(H,) with H a multiple of S = {systems}", each > 0 == rest)
    A, C = (
        np.repeat(from_parts(found[name])[:, :, 0], each, axis=0) for name in ("poles", "residues")
    )
    return check(Recurrence(A, np.ones_like(A), C, found["D"]))


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
