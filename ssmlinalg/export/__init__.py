"""The way out: parameters under the names, layout and parametrization of the layers people train.

A target is one file with `to(form)`, the arrays of that layer, and `back(arrays)`, the form that it
computes with; `TARGETS` lists them, and `HOMES` the one of each initialization. Most layers hold
float32: `back(to(form))` has the kernel of `form`, sampled by the rule of the layer, to that
precision. `save` and `load` keep one layer in a file with all that reproduces it; `contents` finds
the layers of any file, and `form_in` reads one. `ssmlinalg.convert` leads from any layout to any
other.
"""

from .layer_search import Layer, layers
from .layout import Target
from .published import Declared
from .reader import Contents, contents, form_in
from .saving import load, save
from .targets import HOMES, TARGETS

__all__ = [
    "HOMES",
    "TARGETS",
    "Contents",
    "Declared",
    "Layer",
    "Target",
    "contents",
    "form_in",
    "layers",
    "load",
    "save",
]


def __dir__() -> list[str]:
    return __all__
