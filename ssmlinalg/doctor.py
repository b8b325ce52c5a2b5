"""Which array libraries work here: each one runs a small model, and its answer is compared with NumPy's."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import numpy as np

from ._array import LIBRARIES, to_numpy
from .forms import move
from .inits import ptd_init
from .kernels import kernel


class Finding(NamedTuple):
    """One library in one precision: `error` is the largest difference from NumPy in float64, relative to the largest entry.

    `works` says whether the model ran and `error` stays below `allowed`; if not, `reason` says why. `version` is empty and
    `error` NaN where the library could not be used.
    """

    library: str
    dtype: str
    version: str
    works: bool
    error: float
    allowed: float
    reason: str


def examine() -> list[Finding]:
    """Run the kernel of a 4-channel PTD model of order 8 on every library, in both precisions.

    Nothing is taken on trust from an import: a library that loads but fails when used is reported with its own words.

    >>> examine()[0].works
    True
    """
    return [_examine(library, dtype) for library in LIBRARIES for dtype in ("float64", "float32")]


def _examine(library: str, dtype: str) -> Finding:
    length = 64
    form = ptd_init(8, channels=4)
    expected = kernel(form, length)
    allowed = 16 * length * float(np.finfo(dtype).eps)
    version = ""
    try:
        version = importlib.import_module(library).__version__
        got = to_numpy(kernel(move(form, library, dtype=dtype), length))
    except (ImportError, ValueError, RuntimeError, OSError, AttributeError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return Finding(library, dtype, version, False, float("nan"), allowed, reason)
    error = float(np.abs(got - expected).max() / np.abs(expected).max())
    works = error <= allowed
    return Finding(library, dtype, version, works, error, allowed, "" if works else f"differs from NumPy by {error:.2g}")
