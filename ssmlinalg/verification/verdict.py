"""What a model promises, checked: the laws, the time scales, and the kernel that another
implementation makes of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..discretize import Rule
from ..ground.backend import Array
from .diagnosis import Diagnosis, agreement, diagnose, signal
from .laws import LAWS, AnyForm, Check, admit
from .time_scales import Timescales, timescales


class Verification(NamedTuple):
    """The laws, each checked; what explains a disagreement, best first, empty where there is none;
    and the time scales.
    """

    checks: list[Check]
    findings: list[Diagnosis]
    timescales: Timescales


@np.errstate(over="ignore", invalid="ignore")
def verify(
    form: AnyForm, length: int = 1024, *, rule: Rule = "zoh", kernel: Array | None = None
) -> Verification:
    """Every law of `laws.LAWS`, the time scales of the modes, and, of a kernel of one's own, why it
    differs.

    `kernel` (..., L), or (..., P, M, L) for several inputs, of any library, length and precision,
    real or complex, is compared by one more check, "kernel", and `diagnose`. Raises TypeError for
    forms without a step and an output; ValueError for a length below 1, an unknown rule, what
    `forms.check` raises, and kernels whose shape does not fit. What makes a model unsound is no
    error but a check that fails. Cost: eight kernels or so, for matrices their eigenvalues besides.

    >>> from ssmlinalg import s4d_lin_init, kernel
    >>> model = s4d_lin_init(16, channels=2)
    >>> found = verify(model, 256, kernel=kernel(model, 256) / 2)
    >>> [check.law for check in found.checks if not check.holds]
    ['kernel']
    >>> found.findings[0].cause, found.findings[0].number
    ('factor', 0.5)
    """
    host, length = admit(form, length, rule)
    checks = [law(host, length, rule) for law in LAWS.values()]
    findings = []
    if kernel is not None:
        theirs = signal(kernel)
        checks.append(agreement(host, theirs, rule))
        findings = diagnose(host, theirs, rule=rule) if math.isfinite(checks[-1].error) else []
    return Verification(checks, findings, timescales(host, length))
