r"""Time scales: how long each mode lasts and how fast it turns, counted in samples.

They say whether a step suits a spectrum and a signal.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..forms import Continuous, Discrete, inner, kind, plain, step_of
from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..matrices.eigen import condeig
from .sampled_model import on_host


class Timescales(NamedTuple):
    """Times of every mode in samples, and shares of all modes.

    Attributes:
        half_life: the time (..., n) to fall to 1/2; inf for a mode that does not decay.
        decay: the time (..., n) to fall to 1/e; inf for a mode that does not decay.
        frequency: |Im z| / 2 pi (..., n) in cycles per sample, at least 0.
        period: 1 / frequency (..., n); inf for a real mode.
        growth: the rate Re z = ln|A_d| (..., n) in nepers per sample, negative for what decays.
        uncertainty: by how much z (..., n) may be off where it had to be computed.
        beyond_nyquist: the share of modes that turn more than half a cycle per sample, and sound as
            another frequency.
        dead: the share with a decay time below one sample. Nothing of them reaches the third.
        outlives: the share with a decay time above `length`. More than 1/e of them is still there
            when the signal ends. Without a length, the share that never decays.
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
    r"""Half-life, decay time, frequency and period of each mode of a form, in samples.

    .. math::
        z_j = \Delta \lambda_j \ \text{ or } \ \log \bar A_j, \qquad
        \text{half-life} = \frac{\ln 2}{-\operatorname{Re} z_j}, \quad
        \text{decay} = \frac{1}{-\operatorname{Re} z_j}, \quad
        \text{frequency} = \frac{|\operatorname{Im} z_j|}{2 \pi}.

    For a continuous form these are the scales of the system itself, before any rule aliases or
    warps them. A discrete form shows frequencies up to 1/2 only: a frequency that was beyond
    Nyquist before sampling is lost. Of a half spectrum the stored modes are counted.

    The modes of a matrix are computed eigenvalues, in double precision. Far from normal they may be
    far off: for a HiPPO matrix of order 20 or more `uncertainty` exceeds most of the modes.

    Args:
        form: any form with a step of time, of any library.
        length: the samples of the signal, for `outlives`.

    Returns:
        A `Timescales`, its arrays on the host.

    Raises:
        TypeError: for a form without a step of time, and for what is no form.
        ValueError: for a length below 1, an empty batch, and what `forms.check` raises.

    Accuracy:
        A few eps, relative. Computed modes: `uncertainty` is eps |M|_2 kappa_j, to first order in
        eps, with M = step A or A_d (through the logarithm); inf where kappa_j is.

    Cost:
        O(n); for matrices O(N^3) for each different one.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> scales = timescales(s4d_lin_init(4, step=0.01), 1024)  # -1/2 and -1/2 + i pi
        >>> scales.half_life.round(3), scales.frequency, scales.outlives
        (array([138.629, 138.629]), array([0.   , 0.005]), 0.0)
        >>> dense = s4d_lin_init(64, step=0.05)  # frequencies 0, pi, ..., 31 pi; pi/step = 20 pi
        >>> timescales(dense).beyond_nyquist
        0.34375
    """
    if length is not None:
        length = require.integer("length", length)
    return scales_of(*exponents(on_host(form, dtype="float64")), length)


def scales_of(z: Complex, uncertainty: Real, length: int | None = None) -> Timescales:
    """The time scales of modes e^z, z (..., n) known up to `uncertainty` (..., n)."""
    until = math.inf if length is None else length
    growth = z.real
    turned = np.abs(z.imag)
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


def exponents(host: Any) -> tuple[Complex, Real]:
    """The exponents z (..., n) of the modes e^z from sample to sample, and by how much each is off.

    `host` is a form from `on_host` in double precision. An exponent that is stored is off by 0.
    """
    form = plain(inner(host))
    known = kind(form)
    modes: Complex = form.A
    doubt = np.zeros(form.A.shape)
    if known.matrix:
        modes, doubt = _eigenvalues(form.A)
    with np.errstate(divide="ignore", over="ignore"):
        if known.continuous:
            step = form.step[..., None] if known.matrix else step_of(form)
            return step * modes, step * doubt
        size = np.abs(modes)
        z = np.log(size) + 1j * np.angle(modes)
        return z, np.where(doubt > 0, doubt / np.where(doubt > 0, size, 1.0), 0.0)


def _eigenvalues(A: np.ndarray) -> tuple[Complex, Real]:
    """The eigenvalues (..., N) of A (..., N, N), and eps |A|_2 kappa_j of each."""
    N = A.shape[-1]
    different, which = np.unique(A.reshape(-1, N * N), axis=0, return_inverse=True)
    matrices = different.reshape(-1, N, N)
    found = [condeig(matrix) for matrix in matrices]
    modes = np.array([each.Lambda for each in found], dtype=np.complex128)
    condition = np.array([each.condition for each in found])
    doubt = EPS * np.linalg.norm(matrices, 2, axis=(-2, -1))[:, None] * condition
    which = which.reshape(-1)
    shape = A.shape[:-1]
    return modes[which].reshape(shape), doubt[which].reshape(shape)
