r"""Why a kernel made elsewhere differs from the one made here.

Two implementations of one model rarely differ at random: a factor 2 is counted or not, C is
conjugated or not, another rule samples, a step is taken twice. `diagnose` makes each of these
mistakes on purpose and compares. A mistake is believed that leaves rounding only; of several that
do, the simplest; and where none does, the answer is "unknown", with what comes nearest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..discretize import RULES, Rule
from ..forms import (
    MIMO,
    Delayed,
    DenseRecurrence,
    Diagonal,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    kind,
)
from ..ground import backend, require
from ..ground.backend import Array, Real
from ..ground.formats import EPS
from ..kernels import kernel as kernel_of
from ..kernels.sampling import sampled
from .laws import AnyForm, Check, Continuous, admit, in_double, inner_of, size, tail_bound
from .precision import FORMATS, rounded
from .time_scales import timescales

_SINGLE = 2.0**-23
_FACTORS = (2.0, 0.5, -1.0, -2.0, -0.5, 4.0, 0.25)
_NEAR = 4.0  # residuals this near to the least are as good as it
_SINGLE_LEFT = "It leaves {:.2g}, as parameters stored in single precision would."


class Diagnosis(NamedTuple):
    """One explanation of the disagreement of a kernel with ours.

    ===========  ==========================================================  ==============================================
    cause        what they did                                               number
    ===========  ==========================================================  ==============================================
    rounding     the same, in fewer digits                                   the largest difference, relative
    direct       left out the direct path D                                  the largest |D|
    real         did not take the real part                                  |Im| over |Re|, largest entries
    factor       counted the half spectrum once, doubled a full one, a sign  the factor, theirs over ours
    conjugate    conjugated one of A, B and C                                the difference it explains, relative
    rule         sampled by another rule                                     the difference it explains, relative
    delay        shifted by a sample                                         1 where theirs is late, -1 where it is early
    reversed     reversed time                                               the length
    truncated    cut the kernel off                                          the lags kept
    tail         wrapped lags beyond L round, or took C (I - A^L) for C      a bound on what that changes, relative
    single       counted real modes of a half spectrum twice, or left out    the weight of each, 2 or 0
    merged       took 1 for B                                                the difference it explains, relative
    scale        scaled B or C                                               the scale, theirs over ours (the median)
    step         scaled the step                                             the ratio, theirs over ours
    unknown      something else                                              the least residual of all of these
    ===========  ==========================================================  ==============================================

    `residual`: the largest difference left once that is undone, over the largest entry of their
    kernel, the worst kernel counting (for "rounding", which cannot be undone, the difference
    itself). `message`: one sentence with the number, and what to do.
    """

    cause: str
    residual: float
    number: float
    message: str


class _Guess(NamedTuple):
    """Their kernel without D if the cause were true, what it would make of D, and what stands in a
    `Diagnosis` for it.
    """

    cause: str
    number: float
    message: str
    kernel: Real
    direct: Real | None = None


@np.errstate(over="ignore", invalid="ignore")
def diagnose(form: AnyForm, kernel: Array, *, rule: Rule = "zoh") -> list[Diagnosis]:
    r"""Why a kernel made elsewhere differs from that of the form, best explanation first; nothing
    where it does not.

    Each cause of `Diagnosis` is tried by making the mistake, with D in the kernel or left out of
    it, and a free scale s besides where it alone does not explain,

    .. math::  \min_s \max_l |K'_l - s K_l|, \qquad s = \langle K', K \rangle / \langle K, K \rangle,

    which the message then names. The ratio of steps is searched from 1/1000 to 1000 over the first
    16 lags, then followed over more and more of them by Gauss-Newton. A cause explains if what it
    leaves is below

    .. math::  2 u + 8 \epsilon\, (n + \log_2 L + \min(L, \tau))\, S / \max_l |K_l|

    with u the rounding of the coarsest format (float64, float32, float16, bfloat16) that holds
    every value of theirs, eps that of float64, or of float32 where u is coarser, S the size of the
    modes (`laws`) and tau the longest decay time. What is below it with u of float32 only is told
    to be so, for parameters are often stored in fewer digits than they are used in. Of causes whose
    residuals are within a factor 4 of the least, or that explain, the simplest comes first, in the
    order of `Diagnosis`.

    `kernel` (..., L), or (..., P, M, L), of any library. Different mistakes in one kernel are found
    only in these combinations; mistakes that make the same kernel cannot be told apart: C
    conjugated or A, when B is real; a scale of B or of C or, for one real mode, a shift; nothing at
    all where a mode has nothing to conjugate. A step is not searched in discrete forms. Raises what
    `kernels.kernel` raises, ValueError for shapes that do not fit. Cost: some ten kernels; where no
    simple cause explains, 700 short ones and 60 more.

    >>> from ssmlinalg import s4d_lin_init, kernel
    >>> model = s4d_lin_init(16, step=0.01)
    >>> diagnose(model, kernel(model, 256, rule="bilinear"))[0].message
    "Theirs is sampled by 'bilinear', ours by 'zoh'; give the rule they use."
    >>> found = diagnose(model, kernel(model._replace(step=0.015 + 0 * model.step), 256))[0]
    >>> found.cause, round(found.number, 9)
    ('step', 1.5)
    """
    host = in_double(admit(form, 1, rule)[0])
    theirs = signal(kernel)
    ours, direct = _split(host, theirs, rule)
    theirs, ours = np.broadcast_arrays(theirs, ours)
    tight, loose = _tolerances(host, theirs, ours, rule)
    real = np.real(theirs)
    r0 = _apart(real, ours + direct)
    found = _of_the_imaginary_part(theirs, r0)
    if r0 <= _tight(host, ours, 2.0**-53, rule):
        return found
    candidates, scaled = [Diagnosis("rounding", r0, r0, _rounding_message(real, r0))], []
    for guesses in (
        _simple(host, ours, direct, real, rule, r0),
        _searched(host, ours, direct, real, rule, tight),
    ):
        for guess in guesses:
            found_by, scaled_by = _tried(guess, real, direct, r0)
            candidates, scaled = [*candidates, found_by], [*scaled, *scaled_by]
        if min(finding.residual for finding in candidates + scaled) <= tight:
            break
    candidates += scaled  # two mistakes at once come last
    least = min(finding.residual for finding in candidates)
    level = max(tight, _NEAR * least)
    best = [finding for finding in candidates if finding.residual <= level]
    if loose < least <= _tolerances(host, theirs, ours, rule, 2.0**-24)[1]:
        best = [
            finding._replace(message=f"{finding.message} {_SINGLE_LEFT.format(finding.residual)}")
            for finding in best
        ]
    elif least > loose:
        near = (
            f"the nearest, {best[0].cause!r} ({best[0].number:.4g}), leaves {least:.2g} of {r0:.2g}"
        )
        message = (
            f"No single cause explains the difference: {near}; compare the parameters themselves."
        )
        best = [
            Diagnosis("unknown", least, least, message),
            *(finding for finding in best if finding.residual <= r0 / 2),
        ]
    distinct = {finding.cause: finding for finding in reversed(best)}
    return [*dict.fromkeys(distinct[finding.cause] for finding in best), *found]


def agreement(host: Any, theirs: np.ndarray, rule: Rule) -> Check:
    """Their kernel against ours, as a check."""
    host = in_double(host)
    try:
        ours, direct = _split(host, theirs, rule)
    except ValueError as error:
        if "`kernel`" in str(error):
            raise
        return Check("kernel", False, math.inf, 0.0, str(error))
    error, allowed = (
        _apart(np.real(theirs), ours + direct),
        _tolerances(host, theirs, ours, rule)[1],
    )
    imaginary = float(np.max(np.abs(np.imag(theirs))))
    error = max(error, imaginary / max(float(np.max(np.abs(theirs))), 1e-300))
    verdict = "agrees with ours to" if error <= allowed else "differs from ours by"
    return Check(
        "kernel",
        error <= allowed,
        error,
        allowed,
        f"The kernel given {verdict} {error:.3g} of its largest entry.",
    )


def _simple(
    host: Any, ours: Real, direct: Real, theirs: Real, rule: Rule, r0: float
) -> Iterator[_Guess]:
    """The causes that are tried once each, the simplest first."""
    length = ours.shape[-1]
    if np.any(direct):
        yield _Guess(
            "direct",
            float(np.max(np.abs(_direct(host)))),
            "Theirs leaves out D; add it, or set D to 0.",
            ours,
        )
    later = slice(1 if np.any(direct) and length > 1 else 0, None)  # where D is not heard
    scale = _scale_of(theirs[..., later], ours[..., later])
    factor = min(_FACTORS, key=lambda factor: abs(factor - scale))
    reason = {
        2.0: "a full spectrum was doubled, or 2 Re taken twice",
        0.5: "a half spectrum was counted once",
    }
    why = reason.get(factor, "a sign or a factor of its convention differs")
    yield _Guess(
        "factor", factor, f"Theirs is {factor:g} times ours: {why}.", factor * ours, factor * direct
    )
    for names in (("C",), ("B",), ("A", "Lambda", "P")):
        turned = {
            name: np.conj(getattr(inner_of(host), name))
            for name in names
            if hasattr(inner_of(host), name)
        }
        what = "A" if "A" in names else names[0]
        yield from _changed(
            host,
            ours,
            rule,
            "conjugate",
            r0,
            f"Theirs has the conjugate of {what}; conjugate it on one side.",
            **turned,
        )
    for name in (
        ()
        if not isinstance(host, Continuous)
        else (name for name in RULES if name not in (rule, "mamba"))
    ):
        told = "'impulse', which is Mamba's" if name == "impulse" else repr(name)
        K = _kernel(host, length, name, ours)
        if K is not None:
            yield _Guess(
                "rule",
                r0,
                f"Theirs is sampled by {told}, ours by {rule!r}; give the rule they use.",
                K,
            )
    longer = _kernel(host, 2 * length, rule, ours)
    if longer is not None:
        message = "Theirs comes one sample late: they read the state before the newest input."
        yield _Guess("delay", 1.0, message, _shifted(longer, 1)[..., :length], _shifted(direct, 1))
        message = "Theirs comes one sample early: their first lag is our second."
        yield _Guess(
            "delay", -1.0, message, _shifted(longer, -1)[..., :length], _shifted(direct, -1)
        )
    message = f"Theirs runs backwards over its {length} lags; reverse one."
    yield _Guess("reversed", float(length), message, ours[..., ::-1], direct[..., ::-1])
    kept = length - int(np.argmax(np.any(theirs.reshape(-1, length) != 0, axis=0)[::-1]))
    if kept < length:
        cut = np.where(np.arange(length) < kept, ours, 0.0)
        yield _Guess("truncated", float(kept), f"Theirs ends after {kept} lags; ours goes on.", cut)
    yield from _tails(host, ours, longer, rule)
    inner = inner_of(host)
    if isinstance(inner, (Paired, PairedRecurrence)):
        for times, what in (
            (2.0, "counts the real modes of the half spectrum twice; halve their B"),
            (0.0, "lacks real modes"),
        ):
            B = np.where(inner.A.imag == 0, times * inner.B, inner.B)
            yield from _changed(host, ours, rule, "single", times, f"Theirs {what}.", B=B)
    yield from _changed(
        host,
        ours,
        rule,
        "merged",
        r0,
        "Theirs takes 1 for B; merge B into their C.",
        B=np.ones_like(inner.B),
    )
    if abs(scale / factor - 1) > 1e-6:
        yield _Guess(
            "scale",
            scale,
            f"Theirs is {scale:.6g} times ours: B or C is scaled.",
            scale * ours,
            scale * direct,
        )


def _searched(
    host: Any, ours: Real, direct: Real, theirs: Real, rule: Rule, enough: float
) -> Iterator[_Guess]:
    """The causes with a number for each kernel, or one that has to be searched for."""
    if isinstance(host, Continuous):
        for with_direct in (True, False) if np.any(direct) else (False,):
            ratio = _step_ratio(host, theirs - direct if with_direct else theirs, rule, enough)
            K = (
                None
                if ratio is None
                else _kernel(host._replace(step=ratio * host.step), ours.shape[-1], rule, ours)
            )
            if ratio is not None and K is not None:
                yield _Guess(
                    "step",
                    ratio,
                    f"The step of theirs is {ratio:.9g} times ours; divide it by that.",
                    K,
                )
    later = slice(1 if np.any(direct) and ours.shape[-1] > 1 else 0, None)
    K = ours[..., later]
    each = np.sum(theirs[..., later] * K, axis=-1) / np.maximum(
        np.sum(K * K, axis=-1), np.finfo(np.float64).tiny
    )
    median = float(np.median(each))
    message = f"Theirs is scaled kernel by kernel, by {np.min(each):.4g} to {np.max(each):.4g}{_is_the_step(host, each)}."
    yield _Guess("scale", median, message, each[..., None] * ours, each[..., None] * direct)


def _tried(
    guess: _Guess, theirs: Real, direct: Real, r0: float
) -> tuple[Diagnosis, list[Diagnosis]]:
    """A guess with D, without it or with what it makes of it; and scaled too, where that makes the
    difference.
    """
    cause, number, message, K, changed = guess
    variants = {"": K + direct} if cause != "direct" else {"": K}
    if np.any(direct) and cause != "direct":
        variants |= {" It also leaves out D.": K}
        variants |= {} if changed is None else {" D is changed alike.": K + changed}
    residuals = {also: _apart(theirs, candidate) for also, candidate in variants.items()}
    also = min(residuals, key=lambda also: residuals[also])
    plain = Diagnosis(cause, residuals[also], number, message + also)
    if cause in ("direct", "factor", "scale", "truncated"):
        return plain, []
    scale = _scale_of(theirs, variants[also])
    left = _apart(theirs, scale * variants[also])
    if left >= min(plain.residual, r0) / 16:
        return plain, []
    return plain, [
        Diagnosis(cause, left, number, f"{message}{also} It is {scale:.6g} times that as well.")
    ]


def _shifted(K: Real, by: int) -> Real:
    """One lag late (1) or early (-1), filled with 0."""
    nothing = np.zeros_like(K[..., :1])
    return np.concatenate([nothing, K[..., :-1]] if by > 0 else [K[..., 1:], nothing], axis=-1)


def _changed(
    host: Any, ours: Real, rule: Rule, cause: str, number: float, message: str, **fields: Any
) -> Iterator[_Guess]:
    """A guess that some fields were others."""
    inner = inner_of(host)
    if all(np.array_equal(value, getattr(inner, name)) for name, value in fields.items()):
        return
    changed = inner._replace(**fields)
    K = _kernel(
        host._replace(system=changed) if isinstance(host, Delayed) else changed,
        ours.shape[-1],
        rule,
        ours,
    )
    if K is not None:
        yield _Guess(cause, number, message, K)


def _tails(host: Any, ours: Real, longer: Real | None, rule: Rule) -> Iterator[_Guess]:
    """Lags beyond L wrapped round, and C (I - A^L) read as C."""
    length = ours.shape[-1]
    if longer is None:
        return
    largest = np.maximum(np.max(np.abs(ours), axis=-1), np.finfo(np.float64).tiny)
    bound = tail_bound(host, length, rule)
    once = float(np.max(bound / largest))
    change = f"by at most {once:.3g} of its largest lag"
    message = f"Theirs reads C as the truncated C (I - A^L), which changes it {change}; give one or the other."
    yield _Guess("tail", once, message, ours - longer[..., length:])
    system = sampled(host, rule)
    inner = inner_of(system)
    dense = isinstance(inner, DenseRecurrence)
    with np.errstate(all="ignore"):
        if dense:
            N = inner.A.shape[-1]
            I_A = np.eye(N) - np.linalg.matrix_power(inner.A, length)
            if np.linalg.cond(I_A).max() > 1 / (N * EPS):
                return
            C = np.linalg.solve(np.swapaxes(I_A, -1, -2), inner.C[..., None])[..., 0]
        else:
            left = 1 - inner.A**length
            if not np.all(left):
                return
            C = inner.C / (left[..., None, :] if isinstance(inner, MIMORecurrence) else left)
    wrapped: Any = inner._replace(C=C, D=np.zeros_like(inner.D))
    K = _kernel(wrapped, length, rule, ours)
    if K is None:
        return
    if isinstance(system, Delayed):  # what comes after the last lag comes round to the first
        K = np.roll(K, 1, axis=-1)
        K[..., 0] += np.real(system.D) - _direct(host)
    shown = once / max(1 - _reach(inner, length), EPS)
    message = f"Lags beyond {length} of theirs wrap round, by at most {shown:.3g} of its largest; transform more lags."
    yield _Guess("tail", shown, message, K)


def _reach(inner: Any, length: int) -> float:
    """|A|^L, of what does not grow."""
    if isinstance(inner, DenseRecurrence):
        return float(
            np.max(np.linalg.norm(np.linalg.matrix_power(inner.A, length), 2, axis=(-2, -1)))
        )
    return float(np.max(np.minimum(np.abs(inner.A), 1) ** length))


def _step_ratio(host: Any, theirs: Real, rule: Rule, enough: float) -> float | None:
    """The ratio of steps that explains the loudest kernel of theirs best, to rounding if it
    explains it.
    """
    loudest = np.unravel_index(np.argmax(np.max(np.abs(theirs), axis=-1)), theirs.shape[:-1])
    several = isinstance(host, MIMO)
    member = _member(host, loudest[: -2 if several else None])
    theirs = theirs[loudest[:-2]] if several else theirs[loudest]
    matrix = not isinstance(host, (Diagonal, Paired, MIMO))
    grid = np.geomspace(1 / 30, 30, 200) if matrix else np.geomspace(1e-3, 1e3, 700)
    first = theirs[..., :16]
    try:
        table = _at_ratios(member, grid, first.shape[-1], rule)
    except ValueError:
        return None
    distance = np.sum((table - first) ** 2, axis=tuple(range(1, table.ndim)))
    valleys = np.flatnonzero(
        (distance <= np.roll(distance, 1)) & (distance <= np.roll(distance, -1))
    )
    starts = grid[valleys[np.argsort(distance[valleys])[:6]]]
    best = (math.inf, None)
    for start in starts:
        ratio, left = _followed(member, float(start), theirs, rule)
        best = min(best, (left, ratio))
        if left <= enough * np.max(np.abs(theirs)):
            break
    return best[1]


def _followed(member: Any, ratio: float, theirs: Real, rule: Rule) -> tuple[float, float]:
    """Gauss-Newton in log ratio, over 16 lags, then four times as many, until all; and the distance
    left.
    """
    length, lags, h = theirs.shape[-1], 8, 1e-4
    while lags < length:
        lags = min(4 * lags, length)
        part = theirs[..., :lags]
        for _ in range(8):
            try:
                lower, K, upper = _at_ratios(member, ratio * np.exp([-h, 0, h]), lags, rule)
            except ValueError:
                return ratio, math.inf
            slope = (upper - lower) / (2 * h)
            move = float(np.sum(slope * (part - K)) / max(float(np.sum(slope**2)), 1e-300))
            ratio = min(max(ratio * math.exp(min(max(move, -0.1), 0.1)), 1e-6), 1e6)
            if abs(move) < EPS:
                break
    try:
        return ratio, float(
            np.max(np.abs(_at_ratios(member, np.array([ratio]), length, rule)[0] - theirs))
        )
    except ValueError:
        return ratio, math.inf


def _at_ratios(member: Any, ratios: Real, length: int, rule: Rule) -> Real:
    """The kernels (G, ..., length) of one member with G steps, D left out."""
    steps = ratios[:, None] * member.step if isinstance(member, MIMO) else ratios * member.step
    return kernel_of(member._replace(step=steps, D=np.zeros_like(member.D)), length, rule=rule)


def _member(host: Any, index: tuple[Any, ...]) -> Any:
    """One member of a batch."""
    fields = {}
    for name, array in host._asdict().items():
        own = array.shape[: array.ndim - len(kind(host).axes[name])]
        mine = index[len(index) - len(own) :]
        fields[name] = array[tuple(i if n > 1 else 0 for i, n in zip(mine, own, strict=True))]
    return host._replace(**fields)


def _kernel(form: Any, length: int, rule: Rule, like: Real) -> Real | None:
    """The kernel of a guess, D left out, in the shape of ours; None where there is none."""
    try:
        K = np.array(
            np.broadcast_to(kernel_of(form, length, rule=rule), (*like.shape[:-1], length))
        )
    except ValueError:
        return None
    K[..., 0] -= _direct(form)
    return K


def _direct(form: Any) -> Real:
    """The direct path; that of a first-order hold, which sampling adds to, is only what the form
    has itself.
    """
    return np.real(form.D)


def _split(host: Any, theirs: np.ndarray, rule: Rule) -> tuple[Real, Real]:
    """Our kernel as long as theirs without D, and D alone at lag 0."""
    K = np.array(kernel_of(host, theirs.shape[-1], rule=rule))
    require.broadcasts("kernel", theirs.shape[:-1], K.shape[:-1], "the form")
    direct = np.zeros_like(K)
    direct[..., 0] = _direct(host)
    shape = np.broadcast_shapes(K.shape, theirs.shape)
    return np.broadcast_to(K - direct, shape), np.broadcast_to(direct, shape)


def signal(kernel: Array) -> np.ndarray:
    """Their kernel on the host in double precision, and nothing of its values lost."""
    if not hasattr(kernel, "dtype"):
        raise TypeError(
            f"`kernel` must be an array; got {type(kernel).__name__}. Convert it with numpy.asarray."
        )
    backend.namespace(kernel=backend.widened(kernel))
    theirs = backend.to_numpy(backend.widened(kernel))
    require.shape(
        "kernel",
        tuple(theirs.shape),
        "(..., L) with at least one lag",
        theirs.ndim > 0 and theirs.shape[-1] > 0,
    )
    require.finite("kernel", theirs)
    return theirs.astype(np.complex128 if np.iscomplexobj(theirs) else np.float64)


def _tolerances(
    host: Any, theirs: np.ndarray, ours: Real, rule: Rule, least: float = 0.0
) -> tuple[float, float]:
    """What a residual may be if the evaluation is a good one, and if powers are taken of a rounded
    A; u is at `least` that.
    """
    u = max(2.0 ** -FORMATS[_format(np.real(theirs))][0], least)
    peak = float(np.max(np.abs(theirs))) or float(np.max(np.abs(ours)))
    tight = _tight(host, ours, u, rule) + 2.0 ** FORMATS[_format(np.real(theirs))][1] / max(
        peak, 1e-300
    )
    longest = float(np.max(timescales(host).decay))
    powers = (
        8
        * (EPS if u < _SINGLE / 4 else _SINGLE)
        * min(ours.shape[-1], longest)
        * _condition(host, ours, rule)
    )
    return tight, tight + powers


def _tight(host: Any, ours: Real, u: float, rule: Rule) -> float:
    n, length = inner_of(host)[0].shape[-1], ours.shape[-1]
    eps = EPS if u < _SINGLE / 4 else _SINGLE
    return 2 * u + 8 * eps * (n + math.log2(length + 1)) * _condition(host, ours, rule)


def _condition(host: Any, ours: Real, rule: Rule) -> float:
    """S over the largest lag, of the worst kernel that is heard at all."""
    peak = np.max(np.abs(ours), axis=-1)
    S = np.broadcast_to(size(sampled(host, rule), ours.shape[-1]), peak.shape)
    return float(np.max(np.where(peak > 0, S / np.where(peak > 0, peak, 1), 1.0)))


def _format(values: Real) -> str:
    """The coarsest format that holds all values; float64 if they are too few to tell."""
    for name in ("bfloat16", "float16", "float32") if np.any(values) else ():
        if np.array_equal(rounded(values, name), values):
            return name
    return "float64"


def _apart(theirs: Real, candidate: Real) -> float:
    """The largest difference over the largest entry of theirs, or if that is silent of the
    candidate; the worst kernel.
    """
    difference, peak = np.max(np.abs(theirs - candidate), axis=-1), np.max(np.abs(theirs), axis=-1)
    peak = np.where(peak > 0, peak, np.max(np.abs(candidate), axis=-1))
    return float(np.max(np.where(difference > 0, difference / np.where(peak > 0, peak, 1), 0)))


def _scale_of(theirs: Real, candidate: Real) -> float:
    """The one factor that brings a candidate nearest to theirs, every kernel weighing the same."""
    peak = np.max(np.abs(candidate), axis=-1, keepdims=True)
    peak = np.where(peak > 0, peak, 1.0)
    theirs, candidate = theirs / peak, candidate / peak
    return float(np.sum(theirs * candidate) / max(float(np.sum(candidate**2)), 1e-300))


def _is_the_step(host: Any, each: Real) -> str:
    """A clause that names the step if the scales of the kernels are the steps, or one over them."""
    if not isinstance(host, Continuous) or isinstance(host, MIMO):
        return ": B or C is scaled"
    step = np.broadcast_to(host.step, each.shape)
    for power, what in ((1, "the step: it is in B twice"), (-1, "1/step: their B lacks it")):
        if np.allclose(each, step**power, rtol=1e-4, atol=0):
            return f", which is {what}"
    return ": B or C is scaled"


def _of_the_imaginary_part(theirs: np.ndarray, r0: float) -> list[Diagnosis]:
    imaginary, largest = float(np.max(np.abs(np.imag(theirs)))), float(np.max(np.abs(theirs)))
    if imaginary <= 8 * EPS * largest:
        return []
    ratio = imaginary / max(float(np.max(np.abs(np.real(theirs)))), 1e-300)
    return [
        Diagnosis(
            "real",
            r0,
            ratio,
            f"Theirs has an imaginary part, {ratio:.3g} of the real one; take the real part.",
        )
    ]


def _rounding_message(theirs: Real, r0: float) -> str:
    kind = _format(theirs)
    return f"The kernels differ by {r0:.2g}, about {-math.log2(r0):.0f} bits agree; theirs has the values of {kind}."
