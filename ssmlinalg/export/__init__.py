"""The way out: parameters under the names, layout and parametrization of the layers people train.

A target is one file with `to(form)`, the arrays of that layer, and `back(arrays)`, the form it
computes with; `TARGETS` lists them. Most layers hold float32: `back(to(form))` has the kernel of
`form`, sampled by the rule of the layer, to that precision. `save` and `load` keep one layer in a
file with all that reproduces it, `layers` finds them in a checkpoint, `convert` leads from any
layout to any other.
"""

from .conversion import Conversion, Converted, convert
from .layer_search import Layer, layers
from .layout import Declared, Target
from .saving import load, save
from .targets import TARGETS

__all__ = [
    "TARGETS", "Conversion", "Converted", "Declared", "Layer", "Target", "convert", "layers", "load", "save",
]  # fmt: skip
