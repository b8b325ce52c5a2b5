"""Whether a model keeps its promises: the laws every sound one obeys, and why one of them fails.

=============================  ====================================
question                       functions
=============================  ====================================
whether it is sound            `verify`; the laws in `LAWS`
why a kernel differs           `diagnose`
the cost of precision          `precision_report`
whether the step suits it      `timescales`
which steps suit a data set    `suggest_step`, `coverage`
=============================  ====================================
"""

from .diagnosis import Diagnosis, diagnose
from .laws import LAWS, Check
from .precision import Rounding, precision_report
from .step_suggestion import StepSuggestion, coverage, suggest_step
from .time_scales import Timescales, timescales
from .verdict import Verification, verify

__all__ = [
    "LAWS",
    "Check",
    "Diagnosis",
    "Rounding",
    "StepSuggestion",
    "Timescales",
    "Verification",
    "coverage",
    "diagnose",
    "precision_report",
    "suggest_step",
    "timescales",
    "verify",
]


def __dir__() -> list[str]:
    return __all__
