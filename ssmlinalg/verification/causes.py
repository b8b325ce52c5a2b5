"""Mistakes that make a kernel differ, in one table: each is made on purpose, and compared.

To add one, write a function from a `Disagreement` to the guesses that the mistake would make, and
add a line to `CAUSES`, before the mistakes that are less simple.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..discretize import RULES
from ..forms import Delayed, inner, kind
from ..ground.backend import Real
from ..ground.formats import EPS, TINY
from .disagreement import Disagreement
from .kernel_bounds import tail
from .relative import largest, peaks
from .step_ratio import step_ratio

_FACTORS = (2.0, 0.5, -1.0, -2.0, -0.5, 4.0, 0.25)
_SAME_SCALE = 1e-6  # scales nearer than this to a factor are that factor


class Guess(NamedTuple):
    """The kernel that they would have if they had made a mistake.

    Attributes:
        number: the number of the mistake, as `Diagnosis` describes it.
        message: one sentence that says what they did, and what to do.
        kernel: their kernel without D.
        direct: D after the mistake; None if it leaves D alone.
        whole: whether `kernel` has D in it already.
    """

    number: float
    message: str
    kernel: Real
    direct: Real | None = None
    whole: bool = False


class Cause(NamedTuple):
    """A mistake that can be made on purpose.

    Attributes:
        name: the cause, as `Diagnosis` names it. Two mistakes may have one name.
        guesses: the kernels that it would make.
        scaled: whether a free scale is tried besides.
        searched: whether it is expensive, and tried only if nothing else explains.
    """

    name: str
    guesses: Callable[[Disagreement], Iterator[Guess]]
    scaled: bool = True
    searched: bool = False


def without_direct(both: Disagreement) -> Iterator[Guess]:
    """D left out."""
    if np.any(both.direct):
        message = "Theirs leaves out D; add it, or set D to 0."
        yield Guess(largest(both.form.D), message, both.ours, whole=True)


def by_a_factor(both: Disagreement) -> Iterator[Guess]:
    """A half spectrum counted once, a full one doubled, or a sign."""
    factor = _nearest_factor(both)
    known = {
        2.0: "a full spectrum was doubled, or 2 Re taken twice",
        0.5: "a half spectrum was counted once",
    }
    why = known.get(factor, "a sign or a factor of its convention differs")
    message = f"Theirs is {factor:g} times ours: {why}."
    yield Guess(factor, message, factor * both.ours, factor * both.direct)


def conjugated(both: Disagreement) -> Iterator[Guess]:
    """One of C, B and A conjugated."""
    system = inner(both.form)
    for what, names in (("C", ("C",)), ("B", ("B",)), ("A", ("A", "Lambda", "P"))):
        fields = {name: np.conj(getattr(system, name)) for name in names if hasattr(system, name)}
        message = f"Theirs has the conjugate of {what}; conjugate it on one side."
        yield from _with_fields(both, both.distance, message, **fields)


def by_another_rule(both: Disagreement) -> Iterator[Guess]:
    """Sampled by another rule."""
    for name in RULES if both.continuous else ():
        if name in (both.rule, "mamba"):  # which makes the samples of "impulse"
            continue
        K = both.kernel(both.form, rule=name)
        if K is not None:
            called = "'impulse', which is Mamba's" if name == "impulse" else repr(name)
            message = f"Theirs is sampled by {called}, ours by {both.rule!r}; "
            yield Guess(both.distance, message + "give the rule they use.", K)


def shifted(both: Disagreement) -> Iterator[Guess]:
    """One sample late, or early."""
    if both.longer is None:
        return
    early = both.longer[..., 1 : both.length + 1]
    message = "Theirs comes one sample late: they read the state before the newest input."
    yield Guess(1.0, message, _late(both.ours), _late(both.direct))
    message = "Theirs comes one sample early: their first lag is our second."
    yield Guess(-1.0, message, early, np.zeros_like(both.direct))


def backwards(both: Disagreement) -> Iterator[Guess]:
    """Time reversed."""
    message = f"Theirs runs backwards over its {both.length} lags; reverse one."
    yield Guess(float(both.length), message, both.ours[..., ::-1], both.direct[..., ::-1])


def cut_off(both: Disagreement) -> Iterator[Guess]:
    """Zeros from some lag on."""
    silent = np.all(both.real.reshape(-1, both.length) == 0, axis=0)
    kept = both.length - int(np.argmin(silent[::-1]))
    if kept < both.length:
        cut = np.where(np.arange(both.length) < kept, both.ours, 0.0)
        yield Guess(float(kept), f"Theirs ends after {kept} lags; ours goes on.", cut)


def with_truncated_C(both: Disagreement) -> Iterator[Guess]:
    """C (I - A^L) read as C."""
    if both.longer is None:
        return
    most = _tail_share(both)
    message = (
        "Theirs reads C as the truncated C (I - A^L), which changes it "
        f"by at most {most:.3g} of its largest lag; give one or the other."
    )
    yield Guess(most, message, both.ours - both.longer[..., both.length :])


def wrapped_round(both: Disagreement) -> Iterator[Guess]:
    """The lags beyond L added to the first ones: C (I - A^L)^{-1} for C."""
    if both.longer is None:
        return
    system = inner(both.system)
    C = _wrapped_C(system, both.length)
    if C is None:
        return
    K = both.kernel(system._replace(C=C, D=np.zeros_like(system.D)))
    if K is None:
        return
    if isinstance(both.system, Delayed):  # what comes after the last lag comes round to the first
        K = np.roll(K, 1, axis=-1)
        K[..., 0] += both.system.D - both.form.D
    most = _tail_share(both) / max(1 - _reach(system, both.length), EPS)
    message = (
        f"Lags beyond {both.length} of theirs wrap round, by at most {most:.3g} of its largest; "
        "transform more lags."
    )
    yield Guess(most, message, K)


def with_miscounted_real_modes(both: Disagreement) -> Iterator[Guess]:
    """Real modes of a half spectrum counted twice, or left out."""
    system = inner(both.form)
    if not kind(system).half or kind(system).ports:
        return
    for times, what in (
        (2.0, "counts the real modes of the half spectrum twice; halve their B"),
        (0.0, "lacks real modes"),
    ):
        B = np.where(system.A.imag == 0, times * system.B, system.B)
        yield from _with_fields(both, times, f"Theirs {what}.", B=B)


def without_B(both: Disagreement) -> Iterator[Guess]:
    """1 for B."""
    ones = np.ones_like(inner(both.form).B)
    message = "Theirs takes 1 for B; merge B into their C."
    yield from _with_fields(both, both.distance, message, B=ones)


def scaled(both: Disagreement) -> Iterator[Guess]:
    """B or C scaled, all kernels alike."""
    scale = both.scale
    if abs(scale / _nearest_factor(both) - 1) > _SAME_SCALE:
        message = f"Theirs is {scale:.6g} times ours: B or C is scaled."
        yield Guess(scale, message, scale * both.ours, scale * both.direct)


def with_another_step(both: Disagreement) -> Iterator[Guess]:
    """The step scaled."""
    if not both.continuous:
        return
    nothing = np.zeros_like(both.direct)
    for direct in (both.direct, nothing) if np.any(both.direct) else (nothing,):
        ratio = step_ratio(both.form, both.real - direct, rule=both.rule, enough=both.tight)
        if ratio is None:
            continue
        K = both.kernel(both.form._replace(step=ratio * both.form.step))
        if K is not None:
            message = f"The step of theirs is {ratio:.9g} times ours; divide it by that."
            yield Guess(ratio, message, K)


def scaled_each(both: Disagreement) -> Iterator[Guess]:
    """B or C scaled, each kernel by a number of its own."""
    K = both.ours[..., both.later]
    products = np.sum(both.real[..., both.later] * K, axis=-1)
    each = products / np.maximum(np.sum(K * K, axis=-1), TINY)
    message = (
        f"Theirs is scaled kernel by kernel, by {np.min(each):.4g} to {np.max(each):.4g}"
        f"{_which_scale(both, each)}."
    )
    scales = each[..., None]
    yield Guess(float(np.median(each)), message, scales * both.ours, scales * both.direct)


# The simplest first: of several that explain, the first is believed.
CAUSES = [
    Cause("direct", without_direct, scaled=False),
    Cause("factor", by_a_factor, scaled=False),
    Cause("conjugate", conjugated),
    Cause("rule", by_another_rule),
    Cause("delay", shifted),
    Cause("reversed", backwards),
    Cause("truncated", cut_off, scaled=False),
    Cause("tail", with_truncated_C),
    Cause("tail", wrapped_round),
    Cause("single", with_miscounted_real_modes),
    Cause("merged", without_B),
    Cause("scale", scaled, scaled=False),
    Cause("step", with_another_step, searched=True),
    Cause("scale", scaled_each, scaled=False, searched=True),
]


def _nearest_factor(both: Disagreement) -> float:
    return min(_FACTORS, key=lambda factor: abs(factor - both.scale))


def _late(K: Real) -> Real:
    """One lag late, with 0 before."""
    return np.concatenate([np.zeros_like(K[..., :1]), K[..., :-1]], axis=-1)


def _with_fields(
    both: Disagreement, number: float, message: str, **fields: np.ndarray
) -> Iterator[Guess]:
    """A guess that some fields were others; none where they are the same."""
    system = inner(both.form)
    if all(np.array_equal(value, getattr(system, name)) for name, value in fields.items()):
        return
    form = system._replace(**fields)
    if isinstance(both.form, Delayed):
        form = both.form._replace(system=form)
    K = both.kernel(form)
    if K is not None:
        yield Guess(number, message, K)


def _tail_share(both: Disagreement) -> float:
    """A bound on the lags from L on, over the largest lag before, of the worst kernel."""
    late = tail(both.system, both.length)
    return float(np.max(late / np.maximum(peaks(both.ours), TINY)))


def _wrapped_C(system: Any, length: int) -> np.ndarray | None:
    """C (I - A^L)^{-1}; None where I - A^L is singular to rounding."""
    with np.errstate(all="ignore"):
        if not kind(system).matrix:
            left = 1 - system.A**length
            left = left[..., None, :] if kind(system).ports else left
            return system.C / left if np.all(left) else None
        N = system.A.shape[-1]
        left = np.eye(N) - np.linalg.matrix_power(system.A, length)
        if np.linalg.cond(left).max() > 1 / (N * EPS):
            return None
        return np.linalg.solve(np.swapaxes(left, -1, -2), system.C[..., None])[..., 0]


def _reach(system: Any, length: int) -> float:
    """|A^L| of modes that do not grow, or of a matrix."""
    if kind(system).matrix:
        powers = np.linalg.matrix_power(system.A, length)
        return float(np.max(np.linalg.norm(powers, 2, axis=(-2, -1))))
    return float(np.max(np.minimum(np.abs(system.A), 1) ** length))


def _which_scale(both: Disagreement, each: Real) -> str:
    """A clause that names the step if the scales of the kernels are the steps, or one over them."""
    if both.continuous and not kind(both.form).ports:
        step = np.broadcast_to(both.form.step, each.shape)
        if np.allclose(each, step, rtol=1e-4, atol=0):
            return ", which is the step: it is in B twice"
        if np.allclose(each, 1 / step, rtol=1e-4, atol=0):
            return ", which is 1/step: their B lacks it"
    return ": B or C is scaled"
