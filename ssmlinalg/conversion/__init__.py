"""From any layout of a layer to any other, or to fewer modes, with proof of what it computes.

A layer is read to the form that it computes with. `convert` brings the form to a type that the
target takes, by steps that are exact (halves and wholes of a spectrum, channels as blocks, modes as
matrices), and writes it. Layers that sample by different rules hold different numbers for one
model: there the sampled model is kept, by `discretize.continuous`. The new arrays are read back,
their kernels are compared with those of the old ones, and nothing is written unless the two agree
to the rounding of the arrays.

`shrink` keeps the layout, and writes a model of fewer modes whose distance is bounded from above,
rounding of the file included.
"""

from .layouts import Conversion, Converted, convert
from .shrinking import Shrinking, Shrunk, shrink

__all__ = ["Conversion", "Converted", "Shrinking", "Shrunk", "convert", "shrink"]


def __dir__() -> list[str]:
    return __all__
