"""Forms, measured: their responses, norms and distances, and the Gramians behind them.

=============================  =======================================================================
question                       functions
=============================  =======================================================================
what it does to a frequency    `transfer`, `state_transfer`, `legs_state`
what it answers in time        `step_response`; to an impulse: `kernels.kernel_at`
how large, how far apart       `h2_norm`, `hinf_norm`, `l1_norm`, `h2_distance`, `hinf_distance`,
                               `l1_distance`
how much of it matters         `controllability_gramian`, `observability_gramian`,
                               `hankel_singular_values`, `balanced_truncation`
=============================  =======================================================================
"""

from .gramians import (
    Reduced,
    balanced_truncation,
    controllability_gramian,
    hankel_singular_values,
    observability_gramian,
)
from .norms import NormBounds, h2_distance, h2_norm, hinf_distance, hinf_norm, l1_distance, l1_norm
from .responses import step_response
from .transfer_functions import legs_state, state_transfer, transfer

__all__ = [
    "NormBounds",
    "Reduced",
    "balanced_truncation",
    "controllability_gramian",
    "h2_distance",
    "h2_norm",
    "hankel_singular_values",
    "hinf_distance",
    "hinf_norm",
    "l1_distance",
    "l1_norm",
    "legs_state",
    "observability_gramian",
    "state_transfer",
    "step_response",
    "transfer",
]
