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
asked; `lmu`, `glagt` and `chebt` have none and return `Dense`. All matrices are float64.
"""

from __future__ import annotations

from collections.abc import Callable

from ..forms import NPLR, Dense
from .basis import Basis
from .chebyshev import chebt, chebt_basis
from .laguerre import glagt, glagt_basis, lagt, lagt_basis, tlagt, tlagt_basis
from .online_memory import (
    delay,
    fourier_delay,
    log_steps,
    online_bilinear,
    online_legs,
    reconstruct,
)
from .scaled_legendre import legs, legs_basis, legs_condition, legs_state
from .translated_legendre import legt, legt_basis, lmu, lmu_basis
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
    "reconstruct",
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
