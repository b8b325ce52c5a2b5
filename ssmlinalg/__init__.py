"""Numerical linear algebra for state space models: initializations with proof, on every array library.

The rooms and the functions used most are reached from here. Each is loaded when first asked for (PEP 562), so that importing
the package loads NumPy only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy  # noqa: F401  (what every room needs, and all that importing the package costs)

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from . import analysis as analysis
    from . import audit as audit
    from . import checkpoints as checkpoints
    from . import decompose as decompose
    from . import discretize as discretize
    from . import eigen as eigen
    from . import export as export
    from . import forms as forms
    from . import hippo as hippo
    from . import inits as inits
    from . import kernels as kernels
    from . import norms as norms
    from . import perturb as perturb
    from . import products as products
    from . import reference as reference
    from . import report as report
    from . import testing as testing
    from .analysis import compare as compare
    from .analysis import transfer as transfer
    from .analysis import verify as verify
    from .export import convert as convert
    from .forms import move as move
    from .inits import *  # noqa: F403  (every *_init, and INITS)
    from .kernels import convolve as convolve
    from .kernels import kernel as kernel
    from .kernels import scan as scan
    from .kernels import step as step

_ROOMS = (
    "analysis",
    "audit",
    "checkpoints",
    "decompose",
    "discretize",
    "eigen",
    "export",
    "forms",
    "hippo",
    "inits",
    "kernels",
    "norms",
    "perturb",
    "products",
    "reference",
    "report",
    "testing",
)
_DOORS = {
    "INITS": "inits",
    "compare": "analysis",
    "convert": "export",
    "convolve": "kernels",
    "kernel": "kernels",
    "move": "forms",
    "scan": "kernels",
    "step": "kernels",
    "transfer": "analysis",
    "verify": "analysis",
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
