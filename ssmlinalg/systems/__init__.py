"""Forms measured: their responses, norms, distances and Gramians.

=============================  =====================================================================
question                       functions
=============================  =====================================================================
response to a frequency        `transfer`, `state_transfer`, `legs_state`
response in time               `step_response`; to an impulse: `kernels.kernel_at`
how large, how far apart       `h2_norm`, `hinf_norm`, `l1_norm`, `h2_distance`, `hinf_distance`,
                               `l1_distance`
how much of it matters         `controllability_gramian`, `observability_gramian`,
                               `hankel_singular_values`; models with fewer states: `reduce`
=============================  =====================================================================
"""

from ..hippo import legs_state
from .gramians import (
    controllability_gramian,
    hankel_singular_values,
    observability_gramian,
)
from .norms import h2_distance, h2_norm, hinf_distance, hinf_norm, l1_distance, l1_norm
from .responses import step_response
from .transfer_functions import state_transfer, transfer

__all__ = [
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


def __dir__() -> list[str]:
    return __all__
