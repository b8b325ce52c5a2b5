"""Every mistake made on purpose is named, with its number; noise and equal kernels are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import EPS, models, seeds

from ssmlinalg import forms, hippo, inits, kernel
from ssmlinalg.ground.formats import FORMATS, SINGLE
from ssmlinalg.verification import diagnose, diagnosis, verify
from ssmlinalg.verification.causes import CAUSES, Cause, Guess
from ssmlinalg.verification.disagreement import Disagreement
from ssmlinalg.verification.kernel_bounds import tail_bound

L = 96
SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"
SIMPLER = list(dict.fromkeys(["rounding", *(cause.name for cause in CAUSES if not cause.searched)]))
SIMPLER.append("step")
HALF = FORMATS["float16"].eps
# The size of the modes over the largest lag, of the models drawn here: a kernel is evaluated, and a
# mistake undone, to that times the rounding of its format.
CONDITION = 2.0**20
NUMBER = 2.0**32 * EPS  # relative, of a number that is fitted to a kernel of that condition


def with_readout(form: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    return form._replace(C=change(form.C))


def continuous(form: Any) -> bool:
    return forms.kind(form).continuous


def late(K: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((*K.shape[:-1], 1)), K[..., :-1]], axis=-1)


def wrapped(form: Any) -> np.ndarray:
    """The inverse FFT of length L of the transfer function: lags l, l + L, l + 2 L, ..."""
    K = kernel(form, 64 * L)
    return np.sum(K.reshape(*K.shape[:-1], 64, L), axis=-2)


def cut(form: Any) -> np.ndarray:
    return np.where(np.arange(L) < L // 3, kernel(form, L), 0)


def truncated(form: Any) -> np.ndarray:
    return kernel(form, L) - kernel(form, 2 * L)[..., L:]


# name: (their kernel of a form, the cause, the number or None if it is a measure of the change)
Mistake = tuple[Callable[[Any], np.ndarray], str, float | None]
MISTAKES: dict[str, Mistake] = {
    "a full spectrum doubled": (lambda form: 2 * kernel(form, L), "factor", 2.0),
    "a half spectrum counted once": (lambda form: kernel(form, L) / 2, "factor", 0.5),
    "a sign": (lambda form: -kernel(form, L), "factor", -1.0),
    "C conjugated": (lambda form: kernel(with_readout(form, np.conj), L), "conjugate", None),
    "C scaled": (lambda form: kernel(with_readout(form, lambda C: 1.7 * C), L), "scale", 1.7),
    "a sample late": (lambda form: late(kernel(form, L)), "delay", 1.0),
    "a sample early": (lambda form: kernel(form, L + 1)[..., 1:], "delay", -1.0),
    "time reversed": (lambda form: kernel(form, L)[..., ::-1], "reversed", L),
    "cut off": (cut, "truncated", L // 3),
    "half precision": (lambda form: kernel(form, L).astype(np.float16), "rounding", None),
    "single precision": (lambda form: kernel(form, L).astype(np.float32), "rounding", None),
    "C (I - A^L) for C": (truncated, "tail", None),
}
OF_A_STEP: dict[str, Mistake] = {
    "a longer step": (lambda form: kernel(form._replace(step=1.5 * form.step), L), "step", 1.5),
    "a shorter step": (lambda form: kernel(form._replace(step=form.step / 20), L), "step", 0.05),
    "bilinear": (lambda form: kernel(form, L, rule="bilinear"), "rule", None),
    "impulse": (lambda form: kernel(form, L, rule="impulse"), "rule", None),
    "first-order hold": (lambda form: kernel(form, L, rule="foh"), "rule", None),
}
mistakes = st.sampled_from(sorted(MISTAKES | OF_A_STEP))


def rounding_of(K: np.ndarray) -> float:
    """The residual that may be left once a mistake is undone."""
    if K.dtype == np.float64:
        return CONDITION * 4 * EPS
    return 8 * HALF if K.dtype == np.float16 else 512 * SINGLE


@given(models(), mistakes)
def test_a_mistake_on_purpose_is_named_unless_a_simpler_one_makes_the_same_kernel(
    form: Any, mistake: str
) -> None:
    make, cause, number = (MISTAKES | OF_A_STEP)[mistake]
    assume(mistake in MISTAKES or continuous(form))
    theirs = make(form)
    peak = np.max(np.abs(theirs), axis=-1)
    assume(np.all(peak > HALF))  # half precision has no more
    found = diagnose(form, theirs)
    if not found:  # nothing to tell apart, such as the conjugate of a real mode
        difference = np.max(np.abs(theirs - kernel(form, L)), axis=-1)
        assert np.all(difference <= rounding_of(np.zeros(1)) * peak)
        return
    assert found[0].residual <= rounding_of(theirs)
    if found[0].cause == cause:
        assert number is None or found[0].number == pytest.approx(number, rel=NUMBER)
    else:
        assert found[0].cause in SIMPLER[: SIMPLER.index(cause)]


@pytest.mark.parametrize("mistake", sorted(MISTAKES | OF_A_STEP))
@pytest.mark.parametrize("name", sorted(inits.INITS))
def test_at_order_8_every_mistake_is_told_from_all_others(name: str, mistake: str) -> None:
    make, cause, number = (MISTAKES | OF_A_STEP)[mistake]
    form: Any = inits.INITS[name](8, seed=1)
    if mistake in OF_A_STEP and not continuous(form):
        return
    theirs = make(form)
    found = diagnose(form, theirs)
    if _changes_nothing(form, cause):
        assert not found
        return
    assert found[0].cause == cause
    assert number is None or found[0].number == pytest.approx(number, rel=NUMBER)
    assert found[0].residual <= rounding_of(theirs)


def _changes_nothing(form: Any, cause: str) -> bool:
    """Whether the modes are real, and have no conjugate; or the kernel is shorter than a third."""
    if cause == "conjugate":
        return not np.any(np.imag(form[0]))
    return cause in ("truncated", "tail") and bool(
        np.max(tail_bound(form, L // 3)) < rounding_of(np.zeros(1))
    )


@given(models())
def test_an_equal_kernel_has_nothing_to_explain(form: Any) -> None:
    found = verify(form, L, kernel=kernel(form, L))
    assert not found.findings
    assert all(check.holds for check in found.checks)


@given(models(names=st.sampled_from(["dlr", "s4d-lin", "s4d-legs", "ptd", "s5", "dss"])))
def test_lags_wrapped_round_are_named(form: Any) -> None:
    theirs = wrapped(form)
    peak = np.max(np.abs(theirs), axis=-1)
    change = np.max(np.abs(theirs - kernel(form, L)), axis=-1) / peak
    assume(np.all(change > NUMBER))  # it is seen
    assume(np.all(tail_bound(form, 64 * L) < 2**12 * EPS * peak))  # and 64 turns are all of it
    found = diagnose(form, theirs)
    assert found[0].residual <= rounding_of(theirs)
    tails = [finding for finding in found if finding.cause == "tail"]
    if tails:
        assert tails[0].number >= np.max(change) / 2
    else:
        assert found[0].cause in SIMPLER[: SIMPLER.index("tail")]


def test_two_mistakes_at_once_are_named_together() -> None:
    form = inits.s4d_lin_init(8, channels=3)
    form = form._replace(D=np.array([0.1, 0.2, 0.3]))
    lacking = kernel(form._replace(D=0 * form.D), L)
    assert diagnose(form, lacking)[0][:3:2] == ("direct", 0.3)
    for theirs, cause, said in (
        (2 * lacking, "factor", "leaves out D"),
        (3.3 * kernel(form, L, rule="bilinear"), "rule", "3.3 times"),
        (2 * kernel(form, L), "factor", "D is changed alike"),
    ):
        found = diagnose(form, theirs)[0]
        assert found.cause == cause
        assert said in found.message


def test_a_step_missing_from_B_is_named() -> None:
    form = inits.s4d_lin_init(8, channels=3)
    found = diagnose(form, kernel(form, L) / form.step[:, None])[0]
    assert found.cause == "scale"
    assert "1/step" in found.message


def test_real_modes_counted_twice_and_B_left_out_are_named() -> None:
    form = inits.s4d_lin_init(7)
    twice = form._replace(B=np.where(form.A.imag == 0, 2, 1) * form.B)
    assert diagnose(form, kernel(twice, L))[0][:3:2] == ("single", 2.0)
    without = inits.ptd_init(8)
    theirs = kernel(without._replace(B=np.ones_like(without.B)), L)
    assert diagnose(without, theirs)[0].cause == "merged"


def test_a_complex_kernel_is_told_to_be_one() -> None:
    form = inits.s4d_lin_init(8)
    quadrature = kernel(with_readout(form, lambda C: 1j * C), L)
    pure = (kernel(form, L) - 1j * quadrature) / 2  # sum C B A^l, neither doubled nor real
    found = diagnose(form, pure)
    assert [finding.cause for finding in found] == ["factor", "real"]


def test_parameters_stored_in_single_precision_do_not_hide_the_cause() -> None:
    form = inits.s4d_lin_init(8, step=0.01)
    stored = forms.move(forms.move(form, "numpy", dtype="float32"), "numpy", dtype="float64")
    for cause, theirs in (
        ("rounding", kernel(form, L)),
        ("factor", 2 * kernel(form, L)),
        ("rule", kernel(form, L, rule="bilinear")),
    ):
        found = diagnose(stored, theirs)[0]
        assert found.cause == cause
        assert "single precision" in found.message
        assert 0 < found.residual < 512 * SINGLE
    assert "single precision" not in diagnose(form, 2 * kernel(form, L))[0].message


def test_silence_is_not_taken_for_a_kernel() -> None:
    form = inits.s4d_lin_init(8)
    check = verify(form, kernel=np.zeros(L)).checks[-1]
    assert check.law == "kernel"
    assert not check.holds
    assert check.error == 1


@settings(max_examples=3)
@given(seeds)
def test_noise_is_not_explained(seed: int) -> None:
    form = inits.s4d_lin_init(8)
    found = diagnose(form, np.random.default_rng(seed).standard_normal(L))
    assert found[0].cause == "unknown"
    assert found[0].residual > 0.1


def test_a_cause_of_ones_own_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def squared(both: Disagreement) -> Any:
        yield Guess(2.0, "Theirs is the square of ours.", both.ours**2)

    form = inits.s4d_lin_init(8)
    theirs = kernel(form, L) ** 2
    assert diagnose(form, theirs)[0].cause == "unknown"
    monkeypatch.setattr(diagnosis, "CAUSES", [*CAUSES, Cause("square", squared)])
    found = diagnose(form, theirs)[0]
    assert found[:3:2] == ("square", 2.0)


@pytest.mark.parametrize("cause", dict.fromkeys(cause.name for cause in CAUSES))
def test_every_cause_is_in_the_table_of_a_diagnosis(cause: str) -> None:
    documented = diagnosis.Diagnosis.__doc__ or ""
    assert f"\n    {cause} " in documented


def test_a_kernel_of_another_shape_is_refused_for_a_model_that_overflows_too() -> None:
    form: Any = inits.s4d_lin_init(4, channels=2)
    grows = form._replace(A=np.abs(form.A) * 1e4 + 0j)
    assert not verify(grows, 64, kernel=np.ones((2, 64))).checks[-1].holds
    with pytest.raises(ValueError, match=SENTENCE):
        verify(grows, 64, kernel=np.ones((3, 64)))


def test_what_cannot_be_compared_is_refused_in_a_sentence() -> None:
    form: Any = inits.s4d_lin_init(4, channels=2)
    legs: Any = hippo.legs(4)
    for wrong in (
        lambda: diagnose(legs, np.ones(3)),
        lambda: diagnose(form, [1.0, 2.0]),
    ):
        with pytest.raises(TypeError, match=SENTENCE):
            wrong()
    for wrong in (
        lambda: diagnose(form, np.ones((3, 8))),
        lambda: diagnose(form, np.ones((2, 0))),
        lambda: diagnose(form, np.full((2, 8), np.nan)),
        lambda: verify(form, 8, kernel=np.ones((3, 8))),
    ):
        with pytest.raises(ValueError, match=SENTENCE):
            wrong()
