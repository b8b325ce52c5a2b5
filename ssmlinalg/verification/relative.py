"""Differences of kernels relative to a scale of each kernel, the worst one counting."""

from __future__ import annotations

import math

import numpy as np

from ..ground.backend import Real


def peaks(K: Real) -> Real:
    """The largest |K_l| (...) of each kernel (..., L)."""
    return np.max(np.abs(K), axis=-1)


def largest(values: np.ndarray) -> float:
    """The largest modulus of an array."""
    return float(np.max(np.abs(values)))


def worst(difference: Real, scale: Real) -> float:
    """The largest |difference| (..., L) over the scale (...) of its kernel; infinite for NaN."""
    error = peaks(difference)
    with np.errstate(all="ignore"):
        ratio = np.where(error == 0, 0.0, error / scale)
    return math.inf if np.any(np.isnan(ratio)) else float(np.max(ratio))
