"""Why a kernel made elsewhere differs from the one made here.

Two implementations of one model rarely differ at random: a factor 2 is counted or not, C is
conjugated or not, another rule samples, a step is taken twice. `diagnose` makes each of these
mistakes on purpose and compares. A mistake is believed that leaves rounding only; of several that
do, the simplest; and where none does, the answer is "unknown", with what comes nearest.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..discretize import Rule
from ..ground.backend import Array, Real
from ..ground.formats import EPS, FORMATS, TINY
from .causes import CAUSES, Cause, Guess
from .disagreement import Disagreement, compared, nearest_scale, signal
from .laws import Check
from .relative import largest
from .sampled_model import AnyForm, SampledModel, admit

_NEAR = 4.0  # residuals this near to the least are as good as it
_MUCH = 16.0  # a free scale must make a residual smaller by this factor


class Diagnosis(NamedTuple):
    """One explanation of the disagreement of a kernel with ours.

    ==========  ========================================  =======================================
    cause       their mistake                             number
    ==========  ========================================  =======================================
    rounding    none: fewer digits                        the largest difference, relative
    direct      left out the direct path D                the largest |D|
    real        did not take the real part                |Im| over |Re|, largest entries
    factor      counted the half spectrum once, doubled   the factor, theirs over ours
                a full one, a sign
    conjugate   conjugated one of A, B and C              the difference it explains, relative
    rule        sampled by another rule                   the difference it explains, relative
    delay       shifted by a sample                       1 where theirs is late, -1 where early
    reversed    reversed time                             the length
    truncated   cut the kernel off                        the lags kept
    tail        wrapped lags beyond L round, or took      a bound on what that changes, relative
                C (I - A^L) for C
    single      counted real modes of a half spectrum     the weight of each, 2 or 0
                twice, or left them out
    merged      took 1 for B                              the difference it explains, relative
    scale       scaled B or C                             the scale, theirs over ours (the median)
    step        scaled the step                           the ratio, theirs over ours
    unknown     something else                            the least residual of all of these
    ==========  ========================================  =======================================

    Attributes:
        cause: a name of the table.
        residual: the largest difference that is left once the mistake is undone, over the largest
            entry of their kernel, of the worst kernel. Rounding cannot be undone: for it the
            difference itself.
        number: the number of the table.
        message: one sentence with the number, and what to do.
    """

    cause: str
    residual: float
    number: float
    message: str


@np.errstate(over="ignore", invalid="ignore")
def diagnose(form: AnyForm, kernel: Array, *, rule: Rule = "zoh") -> list[Diagnosis]:
    r"""Why a kernel made elsewhere differs from that of the form, best explanation first.

    Each mistake of `causes.CAUSES` is made on purpose, with D in the kernel or left out of it, and
    with a free scale s besides where the mistake alone does not explain,

    .. math::
        \min_s \max_l |K'_l - s K_l|, \qquad s = \langle K', K \rangle / \langle K, K \rangle,

    which the message then names. A cause explains if it leaves less than

    .. math::  2 u + 8 \epsilon\, (n + \log_2 L + \min(L, \tau))\, S / \max_l |K_l|

    with u the rounding of the coarsest format (float64, float32, float16, bfloat16) that holds
    every value of theirs, eps that of float64, or of float32 where u is coarser, S the size of the
    modes (`kernel_bounds`) and tau the longest decay time. A cause that leaves less with u of
    float32 only is marked so in its message, for parameters are often stored in fewer digits than
    they are used in.

    Of causes whose residuals are within a factor 4 of the least, or that explain, the simplest
    comes first, in the order of `Diagnosis`. Several mistakes in one kernel are found only in the
    combinations above. Mistakes that make the same kernel cannot be told apart: C conjugated or A,
    when B is real; a scale of B or of C or, for one real mode, a shift; nothing at all where a mode
    has nothing to conjugate. A step is not searched in discrete forms.

    Args:
        form: any form with an output, of any library.
        kernel: their kernel (..., L), or (..., P, M, L) for several inputs, of any library, real or
            complex.
        rule: the rule that samples a continuous form.

    Returns:
        A `Diagnosis` for each explanation; none where the kernels agree to rounding.

    Raises:
        TypeError: for a form without an output, a kernel that is no array, and what `forms.check`
            raises.
        ValueError: for an unknown rule, a kernel that is not finite or whose shape does not fit, a
            model whose own kernel overflows, and what `forms.check` raises.

    Cost:
        Some ten kernels; where no simple cause explains, 700 short ones and 60 more.

    Example:
        >>> from ssmlinalg import s4d_lin_init, kernel
        >>> model = s4d_lin_init(16, step=0.01)
        >>> diagnose(model, kernel(model, 256, rule="bilinear"))[0].message
        "Theirs is sampled by 'bilinear', ours by 'zoh'; give the rule they use."
        >>> found = diagnose(model, kernel(model._replace(step=0.015 + 0 * model.step), 256))[0]
        >>> found.cause, round(found.number, 9)
        ('step', 1.5)
    """
    model = admit(form, 1, rule=rule)
    return explanations(compared(model.wide, signal(kernel, model.form), rule=rule))


def judged(model: SampledModel, theirs: np.ndarray) -> tuple[Check, list[Diagnosis]]:
    """The check of a kernel from `signal` against ours, and what explains a disagreement."""
    try:
        both = compared(model.wide, theirs, rule=model.rule)
    except ValueError as error:  # ours overflows
        return Check("kernel", False, math.inf, 0.0, str(error)), []
    check = agreement(both)
    return check, explanations(both) if math.isfinite(check.error) else []


def agreement(both: Disagreement) -> Check:
    """Whether their kernel is ours, its imaginary part counted as a difference."""
    error = max(both.distance, both.imaginary / max(both.peak, TINY))
    holds = error <= both.loose
    verdict = "agrees with ours to" if holds else "differs from ours by"
    message = f"The kernel given {verdict} {error:.3g} of its largest entry."
    return Check("kernel", holds, error, both.loose, message)


def explanations(both: Disagreement) -> list[Diagnosis]:
    """Every explanation that is believed, best first, the imaginary part last."""
    imaginary = _of_the_imaginary_part(both)
    if both.distance <= both.evaluation(FORMATS["float64"].eps / 2):
        return imaginary
    best = _believed(both, _candidates(both))
    simplest: dict[str, Diagnosis] = {}
    for finding in best:
        simplest.setdefault(finding.cause, finding)
    return [*simplest.values(), *imaginary]


def _candidates(both: Disagreement) -> list[Diagnosis]:
    """Every explanation tried, the simplest first; two mistakes at once come last."""
    alone = [_rounding(both)]
    together: list[Diagnosis] = []
    for searched in (False, True):
        for cause in CAUSES:
            if cause.searched != searched:
                continue
            for guess in cause.guesses(both):
                found, with_scale = _tried(both, cause, guess)
                alone.append(found)
                together += with_scale
        if min(finding.residual for finding in alone + together) <= both.tight:
            break
    return alone + together


def _believed(both: Disagreement, candidates: list[Diagnosis]) -> list[Diagnosis]:
    """The candidates that leave least or explain; "unknown" before them if none explains."""
    least = min(finding.residual for finding in candidates)
    level = max(both.tight, _NEAR * least)
    best = [finding for finding in candidates if finding.residual <= level]
    if least <= both.loose:
        return best
    if least <= both.loose_in_single:
        return [_of_stored_parameters(finding) for finding in best]
    nearest = best[0]
    message = (
        "No single cause explains the difference: "
        f"the nearest, {nearest.cause!r} ({nearest.number:.4g}), "
        f"leaves {least:.2g} of {both.distance:.2g}; compare the parameters themselves."
    )
    half = [finding for finding in best if finding.residual <= both.distance / 2]
    return [Diagnosis("unknown", least, least, message), *half]


def _of_stored_parameters(finding: Diagnosis) -> Diagnosis:
    left = f"It leaves {finding.residual:.2g}, as parameters stored in single precision would."
    return finding._replace(message=f"{finding.message} {left}")


def _tried(both: Disagreement, cause: Cause, guess: Guess) -> tuple[Diagnosis, list[Diagnosis]]:
    """A guess with the treatment of D that leaves least; scaled too where that explains more."""
    variants = _variants(both, guess)
    residuals = {also: both.left_by(K) for also, K in variants.items()}
    also = min(residuals, key=lambda also: residuals[also])
    residual = residuals[also]
    message = guess.message + also
    found = Diagnosis(cause.name, residual, guess.number, message)
    if not cause.scaled:
        return found, []
    scale = nearest_scale(both.real, variants[also])
    left = both.left_by(scale * variants[also])
    if left >= min(residual, both.distance) / _MUCH:
        return found, []
    message += f" It is {scale:.6g} times that as well."
    return found, [Diagnosis(cause.name, left, guess.number, message)]


def _variants(both: Disagreement, guess: Guess) -> dict[str, Real]:
    """The kernels of a guess by what is done to D, in the words for it."""
    if guess.whole:
        return {"": guess.kernel}
    variants: dict[str, Real] = {"": guess.kernel + both.direct}
    if np.any(both.direct):
        variants[" It also leaves out D."] = guess.kernel
        if guess.direct is not None:
            variants[" D is changed alike."] = guess.kernel + guess.direct
    return variants


def _rounding(both: Disagreement) -> Diagnosis:
    """The explanation by fewer digits alone."""
    difference = both.distance
    message = (
        f"The kernels differ by {difference:.2g}, about {-math.log2(difference):.0f} bits agree; "
        f"theirs has the values of {both.format}."
    )
    return Diagnosis("rounding", difference, difference, message)


def _of_the_imaginary_part(both: Disagreement) -> list[Diagnosis]:
    if both.imaginary <= 8 * EPS * both.peak:
        return []
    ratio = both.imaginary / max(largest(both.real), TINY)
    message = f"Theirs has an imaginary part, {ratio:.3g} of the real one; take the real part."
    return [Diagnosis("real", both.distance, ratio, message)]
