"""The output vector of a truncated kernel, C (I - A_d^L).

Layers that sum their kernel by a discrete Fourier transform of length L hold it in place of C.
"""

from __future__ import annotations

import numpy as np

from ..discretize import bilinear
from ..forms import DPLR
from ..ground.formats import EPS


def remainder(form: DPLR, length: int) -> np.ndarray:
    """I - A_d^L of every channel (H, N, N) under the bilinear rule.

    Raises ValueError where it is singular to rounding. Cost O(H N^3 log L).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        A_d = np.asarray(bilinear(form).A)
        R = np.eye(A_d.shape[-1]) - np.linalg.matrix_power(A_d, length)
    least = 0.0
    if np.all(np.isfinite(R)):
        least = np.min(np.linalg.svd(R, compute_uv=False)[..., -1])
    if not least > EPS * A_d.shape[-1]:
        rule = "I - A^L must be invertible, for the layer holds C (I - A^L)"
        got = f"a smallest singular value of {least:.1g} at length {length}"
        raise ValueError(f"{rule}; got {got}. Take a longer one, or other steps.")
    return R


def undone(form: DPLR, length: int) -> np.ndarray:
    """C (H, N) of a form in whose place of C the product C (I - A_d^L) stands."""
    R = remainder(form, length)
    return np.linalg.solve(np.swapaxes(R, -1, -2), form.C[..., None])[..., 0]
