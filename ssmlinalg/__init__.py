"""Numerical linear algebra for state space models, on every array library.

The rooms and the functions used most are reached from here. Each is loaded when first asked for
(PEP 562), so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import audit as audit
    from . import checkpoints as checkpoints
    from . import comparison as comparison
    from . import conversion as conversion
    from . import decompose as decompose
    from . import discretize as discretize
    from . import doctor as doctor
    from . import export as export
    from . import forms as forms
    from . import hippo as hippo
    from . import inits as inits
    from . import kernels as kernels
    from . import matrices as matrices
    from . import nn as nn
    from . import perturb as perturb
    from . import products as products
    from . import reduce as reduce
    from . import reference as reference
    from . import report as report
    from . import studies as studies
    from . import systems as systems
    from . import testing as testing
    from . import verification as verification
    from .comparison import compare as compare
    from .conversion import convert as convert
    from .conversion import shrink as shrink
    from .forms import move as move
    from .inits import *  # noqa: F403  (every *_init, and INITS)
    from .kernels import convolve as convolve
    from .kernels import kernel as kernel
    from .kernels import scan as scan
    from .kernels import step as step
    from .kernels import stepper as stepper
    from .studies import sweep as sweep
    from .systems import transfer as transfer
    from .verification import verify as verify

_ROOMS = (
    "audit",
    "checkpoints",
    "comparison",
    "conversion",
    "decompose",
    "discretize",
    "doctor",
    "export",
    "forms",
    "hippo",
    "inits",
    "kernels",
    "matrices",
    "nn",
    "perturb",
    "products",
    "reduce",
    "reference",
    "report",
    "studies",
    "systems",
    "testing",
    "verification",
)
_DOORS = {
    "INITS": "inits",
    "compare": "comparison",
    "convert": "conversion",
    "convolve": "kernels",
    "kernel": "kernels",
    "move": "forms",
    "scan": "kernels",
    "shrink": "conversion",
    "step": "kernels",
    "stepper": "kernels",
    "sweep": "studies",
    "transfer": "systems",
    "verify": "verification",
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
    return [
        "__version__",
        *_ROOMS,
        *_DOORS,
        *(name for name in dir(inits) if name.endswith("_init")),
    ]
