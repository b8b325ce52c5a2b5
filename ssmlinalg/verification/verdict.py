"""The verdict on a model: its laws, its time scales, and a kernel that was made elsewhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..discretize import Rule
from ..ground.backend import Array
from .diagnosis import Diagnosis, judged
from .disagreement import signal
from .laws import Check, checks
from .sampled_model import AnyForm, admit
from .time_scales import Timescales, exponents, scales_of


class Verification(NamedTuple):
    """The verdict on a model.

    Attributes:
        checks: a `Check` for each law, and one for the kernel if one was given.
        findings: what explains a disagreement, best first; empty where there is none.
        timescales: the time scales of the modes.
    """

    checks: list[Check]
    findings: list[Diagnosis]
    timescales: Timescales


@np.errstate(over="ignore", invalid="ignore")
def verify(
    form: AnyForm, length: int = 1024, *, rule: Rule = "zoh", kernel: Array | None = None
) -> Verification:
    """Check every law of `LAWS`, and the model against a kernel that was made elsewhere.

    A model that is unsound is no error: a check fails.

    Args:
        form: any form with an output, of any library.
        length: the samples of the kernel.
        rule: the rule that samples a continuous form.
        kernel: their kernel (..., L), or (..., P, M, L) for several inputs, of any library, length
            and precision, real or complex. One more check, "kernel", compares it, and `diagnose`
            says why it differs.

    Returns:
        A `Verification`.

    Raises:
        TypeError: for a form without an output, a kernel that is no array, and what `forms.check`
            raises.
        ValueError: for a length below 1, an unknown rule, a kernel of the model that does not fit
            in memory, a given one that is not finite or whose shape does not fit, and what
            `forms.check` raises.

    Cost:
        Eight kernels or so; for matrices their eigenvalues besides.

    Example:
        >>> from ssmlinalg import s4d_lin_init, kernel
        >>> model = s4d_lin_init(16, channels=2)
        >>> found = verify(model, 256, kernel=kernel(model, 256) / 2)
        >>> [check.law for check in found.checks if not check.holds]
        ['kernel']
        >>> found.findings[0].cause, found.findings[0].number
        ('factor', 0.5)
    """
    model = admit(form, length, rule=rule)
    theirs = None if kernel is None else signal(kernel, model.form)
    found = checks(model)
    findings: list[Diagnosis] = []
    if theirs is not None:
        check, findings = judged(model, theirs)
        found.append(check)
    return Verification(found, findings, scales_of(*exponents(model.wide), model.length))
