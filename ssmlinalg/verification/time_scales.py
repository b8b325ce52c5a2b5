r"""How long each mode lasts and how fast it turns, counted in samples: whether a step suits a
spectrum and a signal.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..forms import (
    DPLR,
    MIMO,
    NPLR,
    Continuous,
    Delayed,
    Dense,
    DenseRecurrence,
    Discrete,
    MIMORecurrence,
    PairedRecurrence,
    Recurrence,
    check,
    move,
    to_dense,
)
from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..matrices.eigen import condeig

_RECURRENT = (Recurrence, PairedRecurrence, MIMORecurrence, DenseRecurrence)


class Timescales(NamedTuple):
    """Times of every mode in samples, host arrays (..., n), and shares of all modes.

    `half_life` and `decay`, the times to fall to 1/2 and to 1/e, are inf for modes that do not
    decay; `frequency` is in cycles per sample, at least 0, and `period` its inverse, inf for real
    modes. `growth` is the rate Re z = ln|A_d| in nepers per sample, negative for what decays, and
    `uncertainty` by how much z may be off where it had to be computed.

    `beyond_nyquist`: the share that turns more than half a cycle per sample, and sounds as another
    frequency. `dead`: the share with a decay time below one sample, of which nothing reaches the
    third. `outlives`: the share with a decay time above `length`, of which more than 1/e is still
    there when the signal ends; without a length, what never decays.
    """

    half_life: Real
    decay: Real
    frequency: Real
    period: Real
    growth: Real
    uncertainty: Real
    beyond_nyquist: float
    dead: float
    outlives: float


def timescales(form: Continuous | Discrete, length: int | None = None) -> Timescales:
    r"""The half-life, decay time, frequency and period of each mode of a form, in samples.

    .. math::  z_j = \Delta \lambda_j \ \text{ or } \ \log \bar A_j, \qquad
               \text{half-life} = \frac{\ln 2}{-\operatorname{Re} z_j}, \quad
               \text{decay} = \frac{1}{-\operatorname{Re} z_j}, \quad \text{frequency} = \frac{|\operatorname{Im} z_j|}{2 \pi}.

    Of a continuous form these are the scales of the system itself, before any rule aliases or warps
    them. A discrete form shows frequencies up to 1/2 only: what was beyond Nyquist before it was
    sampled cannot be told any more. Of a half spectrum the stored modes are counted.

    The modes of `Dense`, `DPLR` and `DenseRecurrence` are eigenvalues, computed in double
    precision, and of a matrix far from normal they may be far off: `uncertainty` is eps |M|_2
    kappa_j, to first order in eps, M = step A or A_d (through the logarithm), inf where kappa_j is.
    For a HiPPO matrix of order 20 or more it exceeds most of the modes themselves.

    `length` is that of the signal, for `outlives`. `form` may be of any library. Raises TypeError
    for a form without a step of time, and for what is no form; ValueError for a length below 1 and
    what `forms.check` raises. Accuracy: a few eps relative, of computed modes `uncertainty`. Cost
    O(n), for matrices O(N^3) for each different one.

    >>> from ssmlinalg import s4d_lin_init
    >>> scales = timescales(s4d_lin_init(4, step=0.01), 1024)  # -1/2 and -1/2 + i pi
    >>> scales.half_life.round(3), scales.frequency, scales.outlives
    (array([138.629, 138.629]), array([0.   , 0.005]), 0.0)
    >>> timescales(s4d_lin_init(64, step=0.05)).beyond_nyquist  # frequencies 0, pi, ..., 31 pi against pi/step = 20 pi
    0.34375
    """
    until = math.inf if length is None else require.integer("length", length)
    z, uncertainty = exponents(form)
    growth, turned = z.real, np.abs(z.imag)
    with np.errstate(divide="ignore", over="ignore"):
        decay = np.where(growth < 0, -1 / np.where(growth < 0, growth, -1.0), np.inf)
        period = np.where(turned > 0, 2 * np.pi / np.where(turned > 0, turned, 1.0), np.inf)
    return Timescales(
        half_life=math.log(2) * decay,
        decay=decay,
        frequency=turned / (2 * np.pi),
        period=period,
        growth=growth,
        uncertainty=uncertainty,
        beyond_nyquist=float(np.mean(turned > np.pi)),
        dead=float(np.mean(decay < 1)),
        outlives=float(np.mean(decay >= until)),
    )


def exponents(form: Continuous | Discrete) -> tuple[Complex, Real]:
    """z (..., n) of e^z from sample to sample, and by how much it may be off: 0 where it is
    stored.
    """
    host: Any = check(
        move(form, "numpy", dtype="float64")
    )  # values of other libraries are first seen here
    while isinstance(host, Delayed):
        host = host.system
    if isinstance(host, NPLR):
        raise TypeError(
            "`form` must have a step and an output; got NPLR. Give it both with forms.to_dense first."
        )
    if isinstance(host, (Dense, DPLR)):
        A, step = to_dense(host).A, np.asarray(host.step)
        modes, doubt = _eigenvalues(A)
        with np.errstate(over="ignore"):
            return step[..., None] * modes, step[..., None] * doubt
    if isinstance(host, _RECURRENT):
        modes, doubt = (
            _eigenvalues(host.A)
            if isinstance(host, DenseRecurrence)
            else (host.A, np.zeros(host.A.shape))
        )
        size = np.abs(modes)
        with np.errstate(divide="ignore", over="ignore"):
            z = np.log(size) + 1j * np.angle(modes)
            return z, np.where(doubt > 0, doubt / np.where(doubt > 0, size, 1.0), 0.0)
    with np.errstate(over="ignore"):
        z = (host.step if isinstance(host, MIMO) else host.step[..., None]) * host.A
    return z, np.zeros(z.shape)


def _eigenvalues(A: np.ndarray) -> tuple[Complex, Real]:
    """The eigenvalues (..., N) of A (..., N, N), each different matrix once, and eps |A|_2
    kappa_j.
    """
    batch, N = A.shape[:-2], A.shape[-1]
    different, which = np.unique(A.reshape(-1, N * N), axis=0, return_inverse=True)
    found = [condeig(member.reshape(N, N)) for member in different]
    modes = np.array([each.Lambda for each in found], dtype=np.complex128)
    doubt = np.array(
        [
            EPS * np.linalg.norm(member.reshape(N, N), 2) * each.condition
            for member, each in zip(different, found, strict=True)
        ]
    )
    which = which.reshape(-1)
    return modes[which].reshape(*batch, N), doubt[which].reshape(*batch, N)
