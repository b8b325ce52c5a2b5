"""Numerical linear algebra for state space models: initializations with proof, on every array library.

The rooms (`hippo`, `decompose`, `perturb`, `forms`, `inits`, `kernels`, `discretize`, `analysis`, `export`, `reference`) and the
functions used most are reached from here. Each is loaded when first asked for: importing the package loads NumPy only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy  # noqa: F401  (what every room needs, and all that importing the package costs)

if TYPE_CHECKING:
    from . import analysis, decompose, discretize, export, forms, hippo, inits, kernels, perturb, products, reference
    from .analysis import compare, transfer
    from .forms import move
    from .inits import (
        INITS,
        dlr_init,
        dss_init,
        dss_softmax_init,
        lru_init,
        mamba_init,
        ptd_init,
        s4_init,
        s4d_dfout_init,
        s4d_inv2_init,
        s4d_inv_init,
        s4d_legs_clipped_init,
        s4d_legs_init,
        s4d_lin_init,
        s4d_quad_init,
        s4d_rand_init,
        s4d_real_init,
        s5_init,
        s5_ptd_init,
    )
    from .kernels import convolve, kernel, scan, step

__version__ = "0.1.0"

_ROOMS = ("analysis", "decompose", "discretize", "export", "forms", "hippo", "inits", "kernels", "perturb", "products", "reference")
_DOORS = {
    "INITS": "inits",
    "compare": "analysis",
    "convolve": "kernels",
    "kernel": "kernels",
    "move": "forms",
    "scan": "kernels",
    "step": "kernels",
    "transfer": "analysis",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    room = _DOORS.get(name, "inits" if name.endswith("_init") else None)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{room}", __name__), name)


def __dir__() -> list[str]:
    inits = importlib.import_module(".inits", __name__)
    return sorted({*globals(), *_ROOMS, *_DOORS, *(name for name in vars(inits) if name.endswith("_init"))})
