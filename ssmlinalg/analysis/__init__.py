"""What a model is, measured: its responses, sizes and distances, how far from normal it is, whether it keeps its promises.

=============================  ===============================================================================================
question                       functions
=============================  ===============================================================================================
what it does to a signal       `transfer`, `state_transfer`, `legs_state`, `step_response`; `kernels.kernel_at` for impulses
how large, how far apart       `h2_norm`, `hinf_norm`, `l1_norm`, `h2_distance`, `hinf_distance`, `l1_distance`
how much of it matters         `controllability_gramian`, `observability_gramian`, `hankel_singular_values`,
                               `balanced_truncation`
how far from normal            `departure`, `numerical_abscissa`, `numerical_range`, `pseudospectrum`, `window`,
                               `pseudospectral_abscissa`, `kreiss`, `transient_growth`; `eigen.condeig`, `eigen.condition`
what sinusoids do to it        `fourier_sweep`, `noise_gain`
what precision costs           `precision_report`
whether it is sound            `verify`, `diagnose`, `timescales`; the laws in `LAWS`
how it stands to HiPPO         `compare`; what theory says of that, measured: `measured`, `CLAIMS`
=============================  ===============================================================================================
"""

from .compare import Row, compare
from .convergence import CLAIMS, Claim, Measured, measured
from .diagnose import Diagnosis, diagnose
from .gramians import Reduced, balanced_truncation, controllability_gramian, hankel_singular_values, observability_gramian
from .growth import Extremum, Growth, kreiss, pseudospectral_abscissa, transient_growth
from .laws import LAWS, Check
from .nonnormal import Departure, NumericalRange, departure, numerical_abscissa, numerical_range
from .norms import Bounds, h2_distance, h2_norm, hinf_distance, hinf_norm, l1_distance, l1_norm
from .precision import Rounding, precision_report
from .pseudospectra import pseudospectrum, window
from .responses import step_response
from .robustness import Sweep, fourier_sweep, noise_gain
from .timescales import Timescales, timescales
from .transfer import legs_state, state_transfer, transfer
from .verify import Verification, verify

__all__ = [
    "CLAIMS",
    "LAWS",
    "Bounds",
    "Check",
    "Claim",
    "Departure",
    "Diagnosis",
    "Extremum",
    "Growth",
    "Measured",
    "NumericalRange",
    "Reduced",
    "Rounding",
    "Row",
    "Sweep",
    "Timescales",
    "Verification",
    "balanced_truncation",
    "compare",
    "controllability_gramian",
    "departure",
    "diagnose",
    "fourier_sweep",
    "h2_distance",
    "h2_norm",
    "hankel_singular_values",
    "hinf_distance",
    "hinf_norm",
    "kreiss",
    "l1_distance",
    "l1_norm",
    "legs_state",
    "measured",
    "noise_gain",
    "numerical_abscissa",
    "numerical_range",
    "observability_gramian",
    "precision_report",
    "pseudospectral_abscissa",
    "pseudospectrum",
    "state_transfer",
    "step_response",
    "timescales",
    "transfer",
    "transient_growth",
    "verify",
    "window",
]
