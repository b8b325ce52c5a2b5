r"""Measures, and the systems that remember by them: x' = A x + B u keeps coefficients of the past.

Every measure is a pair of neighbours. `legs(order)` returns the matrices; `legs_basis(order, lags)`
evaluates the meaning of the state, a `Basis` with

.. math::  x_n(T) = \int_0^\infty k_n(t)\, u(T - t)\, dt, \qquad
           u(T - t) \approx \sum_n x_n(T)\, g_n(t), \qquad k_n = d_n\, w\, g_n,

where k is the kernel (k = e^{tA} B, exactly or in the limit of large order), g the values, w the
weight of the measure and d_n a constant (1 unless said). Lags t >= 0 count back from now.

=====================  ==========================================
file                   measures
=====================  ==========================================
scaled_legendre        `legs`, and its closed forms
translated_legendre    `legt`, `lmu`
laguerre               `lagt`, `tlagt`, `glagt`
trigonometric          `fout`, `fourier2`, `foud`, `fourier_decay`
chebyshev              `chebt`
online_memory          read-outs, and LegS in its time-varying form
=====================  ==========================================

Time scale. Windows default to 2 where state-spaces/s4 halves its matrices: the mean age of what is
remembered is then 1, as it is for `legs`, and one range of steps suits all measures. Give
`window=1.0` for the matrices of the papers; `lmu` has that default, its own.

`MEASURES` and `BASES` at the foot list all of them. Those with a low-rank correction return `NPLR`,
whose A beyond order 4096 is a matrix on demand: any block or product of it, never the whole unless
asked; `lmu`, `glagt` and `chebt` have none and return `Dense`. `CORRECTED` names those that have
one in the coordinates of `orthonormal`: all but `chebt`. All matrices are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Real
from .basis import Basis, vector_order
from .chebyshev import chebt, chebt_basis
from .laguerre import (
    glagt,
    glagt_basis,
    glagt_orthonormal,
    glagt_scaling,
    lagt,
    lagt_basis,
    tlagt,
    tlagt_basis,
)
from .online_memory import (
    delay,
    fourier_delay,
    log_steps,
    online_bilinear,
    online_legs,
    reconstruct,
)
from .scaled_legendre import legs, legs_basis, legs_condition, legs_state
from .translated_legendre import (
    legt,
    legt_basis,
    lmu,
    lmu_basis,
    lmu_orthonormal,
    lmu_scaling,
)
from .trigonometric import (
    foud,
    foud_basis,
    fourier2,
    fourier2_basis,
    fourier_decay,
    fourier_decay_basis,
    fout,
    fout_basis,
)

__all__ = [
    "BASES",
    "CORRECTED",
    "MEASURES",
    "Basis",
    "chebt",
    "chebt_basis",
    "delay",
    "foud",
    "foud_basis",
    "fourier2",
    "fourier2_basis",
    "fourier_decay",
    "fourier_decay_basis",
    "fourier_delay",
    "fout",
    "fout_basis",
    "glagt",
    "glagt_basis",
    "lagt",
    "lagt_basis",
    "legs",
    "legs_basis",
    "legs_condition",
    "legs_state",
    "legt",
    "legt_basis",
    "lmu",
    "lmu_basis",
    "log_steps",
    "online_bilinear",
    "online_legs",
    "orthonormal",
    "reconstruct",
    "scaling",
    "tlagt",
    "tlagt_basis",
]


def __dir__() -> list[str]:
    return __all__


MEASURES: dict[str, Callable[..., NPLR | Dense]] = {
    "legs": legs,
    "legt": legt,
    "lmu": lmu,
    "lagt": lagt,
    "tlagt": tlagt,
    "glagt": glagt,
    "fout": fout,
    "foud": foud,
    "fourier_decay": fourier_decay,
    "fourier2": fourier2,
    "chebt": chebt,
}
BASES: dict[str, Callable[..., Basis]] = {
    "legs": legs_basis,
    "legt": legt_basis,
    "lmu": lmu_basis,
    "lagt": lagt_basis,
    "tlagt": tlagt_basis,
    "glagt": glagt_basis,
    "fout": fout_basis,
    "foud": foud_basis,
    "fourier_decay": fourier_decay_basis,
    "fourier2": fourier2_basis,
    "chebt": chebt_basis,
}
# Measures whose own coordinates have no correction of small rank: in others, and the way back.
_ORTHONORMAL: dict[str, Callable[..., NPLR]] = {
    "lmu": lmu_orthonormal,
    "glagt": glagt_orthonormal,
}
_SCALING: dict[str, Callable[..., Real]] = {
    "lmu": lmu_scaling,
    "glagt": glagt_scaling,
}
CORRECTED = tuple(
    name for name, make in MEASURES.items() if name in _ORTHONORMAL or isinstance(make(1), NPLR)
)


def orthonormal(measure: str, order: int, **options: Any) -> NPLR:
    """A measure in orthonormal coordinates, in which it is normal plus low rank.

    A state x' of this system is x = scale x' of the measure, entry by entry, with the scale of
    `scaling`: A = diag(scale) A' diag(1/scale) and B = scale B'. So lmu is `legt` and glagt is
    `tlagt` with another B; the others are themselves.

    Args:
        measure: one of `CORRECTED`.
        order: N, at least 1.
        **options: those of the measure.

    Returns:
        An `NPLR`.

    Raises:
        TypeError: for numbers of the wrong type, and for options that the measure does not take.
        ValueError: for an unknown measure, one without a correction, and numbers out of range.

    Cost:
        O(N^2) up to order 4096; O(N) beyond, where A is a matrix on demand.

    Example:
        >>> orthonormal("lmu", 4).P.shape
        (4, 2)
    """
    _admitted(measure)
    found = _ORTHONORMAL.get(measure, MEASURES[measure])(order, **options)
    assert isinstance(found, NPLR), "what the list above holds"
    return found


def scaling(measure: str, order: int, **options: Any) -> Real:
    """The scale (N,) that takes the state of `orthonormal` to that of the measure.

    Args:
        measure: one of `CORRECTED`.
        order: N, at least 1.
        **options: those of the measure.

    Returns:
        Its entries: all 1 but for lmu, and for glagt unless alpha is 0.

    Raises:
        TypeError: for numbers of the wrong type, and for options that the measure does not take.
        ValueError: for an unknown measure, one without a correction, and numbers out of range.

    Cost:
        O(N).

    Example:
        >>> scaling("lmu", 3).round(6)
        array([ 1.      , -1.732051,  2.236068])
    """
    _admitted(measure)
    if measure in _SCALING:
        return _SCALING[measure](order, **options)
    MEASURES[measure](1, **options)  # which refuses what it does not take
    return np.ones(vector_order(order))


def _admitted(measure: str) -> None:
    if require.known("measure", measure, MEASURES) not in CORRECTED:
        rule = "`measure` must have a low-rank correction"
        has = ", ".join(CORRECTED)
        raise ValueError(f"{rule}; got {measure!r}, which has none. Choose from {has}.")
