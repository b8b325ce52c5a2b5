"""Models against HiPPO: conditioning, distance of the state, robustness, and what theory claims of
them.

=============================  =======================================================================
question                       functions
=============================  =======================================================================
how all of them stand          `compare`
what sinusoids do to them      `fourier_sweep`, `noise_gain`
what theory claims, measured   `measured`, `CLAIMS`
=============================  =======================================================================
"""

from .claims import CLAIMS, Claim, Measured, measured
from .robustness import Sweep, fourier_sweep, noise_gain
from .table import Row, compare

__all__ = [
    "CLAIMS",
    "Claim",
    "Measured",
    "Row",
    "Sweep",
    "compare",
    "fourier_sweep",
    "measured",
    "noise_gain",
]
