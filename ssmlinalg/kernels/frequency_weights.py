"""Filters that weigh the frequencies of signals."""

from __future__ import annotations

import math

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array
from .arguments import real_signal


def sobolev_filter(u: Array, beta: float, *, step: float = 1.0, unit: float = 1.0) -> Array:
    r"""The signal with every frequency weighed by a power of it, the filter of a Sobolev norm.

    .. math::  \hat y(\omega) = (1 + |\omega|/\text{unit})^\beta\, \hat u(\omega), \qquad
               \omega_k = \frac{2 \pi k}{L\,\text{step}}, \quad |k| \le L/2 .

    After a model it multiplies the transfer function by the same weight: a positive beta makes high
    frequencies count more in a loss, a negative one less. The weight is real and even, so the
    filter delays nothing, looks to both sides, and takes the signal for one period. Its inverse is
    the filter with -beta, and filters of two beta add.

    Args:
        u: signals, or kernels, (..., L), real.
        beta: the power.
        step: the time between samples, positive; the unit of frequency is its inverse.
        unit: the frequency at which the weight is 2^beta, positive.

    Returns:
        An array like u.

    Raises:
        TypeError: unless u is real and the others are numbers.
        ValueError: for no sample, numbers out of range, and a weight that overflows.

    Accuracy:
        log2(L) eps of the largest weight.

    Cost:
        Two real transforms of each signal.

    Source:
        Yu et al. 2025 (Tuning Frequency Bias of State Space Models, ICLR). Its code for waves
        weighs bin k of the whole circle by 1 + k/10000, negative frequencies as the highest ones;
        here |omega| counts.

    Example:
        >>> import numpy as np
        >>> wave = np.cos(2 * np.pi * np.arange(8) / 4)
        >>> bool(np.allclose(sobolev_filter(wave, 1.0, step=np.pi / 2), 2 * wave))  # omega = 1
        True
    """
    beta = require.real("beta", beta)
    step = require.real("step", step, above=0)
    unit = require.real("unit", unit, above=0)
    xp = backend.namespace(u=u)
    real_signal("u", u)
    length = u.shape[-1]
    fine = 2 * math.pi / length / step / unit
    _refuse_overflow(beta, fine * (length // 2), backend.precision(u))
    weight = (1 + fine * backend.arange(length // 2 + 1, u)) ** beta
    return xp.fft.irfft(weight * xp.fft.rfft(u), n=length)


def _refuse_overflow(beta: float, highest: float, precision: str) -> None:
    """Refuse a weight (1 + highest)^beta beyond the largest number of a precision."""
    largest = float(np.finfo(precision).max)
    if highest >= largest or beta * math.log1p(highest) >= math.log(largest):
        weight = f"({1 + highest:.4g})^{beta:g}"
        raise ValueError(
            f"the weight of the highest frequency must fit {precision}; got {weight}. "
            "Make `beta` smaller, or `unit` larger."
        )
