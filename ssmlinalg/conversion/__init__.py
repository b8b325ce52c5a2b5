"""From any layout of a layer to any other, with proof that no kernel changed.

A layer is read to the form that it computes with. The form is brought to a type that the target
takes, by steps that are exact (halves and wholes of a spectrum, channels as blocks, modes as
matrices), and written. Layers that sample by different rules hold different numbers for one model:
there the sampled model is kept, by `discretize.continuous`. The new arrays are read back, their
kernels are compared with those of the old ones, and nothing is written unless the two agree to the
rounding of the arrays.
"""

from .layouts import Conversion, Converted, convert

__all__ = ["Conversion", "Converted", "convert"]


def __dir__() -> list[str]:
    return __all__
