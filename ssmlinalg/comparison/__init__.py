"""Models against HiPPO: conditioning, distance of the state, robustness, and claims of theory.

=============================  ======================================
question                       functions
=============================  ======================================
all initializations at once    `compare`
response to sinusoids          `fourier_sweep`, `noise_gain`
claims of theory, measured     `measured`, `CLAIMS`
=============================  ======================================
"""

from .claimed_figure import ClaimedFigure
from .claims import CLAIMS, Claim, measured
from .robustness import Sweep, fourier_sweep, noise_gain
from .table import Row, compare

__all__ = [
    "CLAIMS",
    "Claim",
    "ClaimedFigure",
    "Row",
    "Sweep",
    "compare",
    "fourier_sweep",
    "measured",
    "noise_gain",
]


def __dir__() -> list[str]:
    return __all__
