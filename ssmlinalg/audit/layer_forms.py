"""The form that the arrays of a layer are, and the spectrum of its A."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..export import TARGETS
from ..export.targets import sized
from ..forms import DPLR, batch, kind, plain

_NORMAL = 1e-6  # |A A^* - A^* A| beside |A|^2, up to which eigenvalues are computed


def form_of(target: str, arrays: Mapping[str, np.ndarray], length: int) -> tuple[Any, str]:
    """The form that the arrays are, and ""; or None, and the reason why the target refuses them."""
    try:
        with np.errstate(all="ignore"):
            return TARGETS[target].back(arrays, **sized(target, length)), ""
    except (ValueError, TypeError) as error:
        return None, str(error)


def inputs_of(form: Any) -> int:
    """The number of inputs of the layer, which is that of its channels if each has its own."""
    return form.B.shape[-1] if kind(form).ports else math.prod(batch(form))


def is_matrix(form: Any) -> bool:
    """Whether A is stored as a matrix. A `DPLR` form is compared by its diagonal Lambda."""
    return kind(form).matrix and not isinstance(form, DPLR)


def stored_A(form: Any) -> np.ndarray:
    """A as it is stored: its eigenvalues (..., n) or a matrix, Lambda of a `DPLR` form."""
    return np.asarray(form.Lambda if isinstance(form, DPLR) else plain(form).A)


def spectra(form: Any) -> np.ndarray | None:
    """The modes (H, n) of each channel, as stored; None where A is a matrix far from normal."""
    A = stored_A(form)
    if not is_matrix(form):
        return A.reshape(-1, A.shape[-1])
    A = A.reshape(-1, *A.shape[-2:])
    adjoint = np.swapaxes(A, -1, -2).conj()
    defect = np.max(np.abs(A @ adjoint - adjoint @ A))
    if defect > _NORMAL * np.max(np.abs(A)) ** 2:
        return None
    return np.linalg.eigvals(A)
