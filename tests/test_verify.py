"""Every law holds of every model and fails of a broken one; every mistake on purpose is named, with
its number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import EPS, models, seeds

import ssmlinalg
from ssmlinalg import discretize, forms, hippo, inits, kernel
from ssmlinalg.verification import LAWS, diagnose, laws, model, verify
from ssmlinalg.verification.kernel_bounds import radius_bound, size, tail_bound

L = 96
SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"
kept_rules = st.sampled_from(
    sorted(set(discretize.RULES) - {"forward"})
)  # Euler's rule need not keep a model stable
one = np.ones(1) + 0j


def with_readout(form: Any, change: Callable[[np.ndarray], np.ndarray], name: str = "C") -> Any:
    return form._replace(**{name: change(getattr(form, name))})


def continuous(form: Any) -> bool:
    return hasattr(form, "step")


def late(K: np.ndarray, by: int = 1) -> np.ndarray:
    return np.concatenate([np.zeros((*K.shape[:-1], by)), K[..., :-by]], axis=-1)


def wrapped(form: Any) -> np.ndarray:
    """What an inverse FFT of length L of the transfer function gives: lags l, l + L, l + 2 L,
    ...
    """
    K = kernel(form, 64 * L)
    return np.sum(K.reshape(*K.shape[:-1], 64, L), axis=-2)


# name: (their kernel of a form, the cause, the number or None if it is a measure of the change)
MISTAKES: dict[str, tuple[Callable[[Any], np.ndarray], str, float | None]] = {
    "a full spectrum doubled": (lambda form: 2 * kernel(form, L), "factor", 2.0),
    "a half spectrum counted once": (lambda form: kernel(form, L) / 2, "factor", 0.5),
    "a sign": (lambda form: -kernel(form, L), "factor", -1.0),
    "C conjugated": (lambda form: kernel(with_readout(form, np.conj), L), "conjugate", None),
    "C scaled": (lambda form: kernel(with_readout(form, lambda C: 1.7 * C), L), "scale", 1.7),
    "a sample late": (lambda form: late(kernel(form, L)), "delay", 1.0),
    "a sample early": (lambda form: kernel(form, L + 1)[..., 1:], "delay", -1.0),
    "time reversed": (lambda form: kernel(form, L)[..., ::-1], "reversed", L),
    "cut off": (
        lambda form: np.where(np.arange(L) < L // 3, kernel(form, L), 0),
        "truncated",
        L // 3,
    ),
    "half precision": (lambda form: kernel(form, L).astype(np.float16), "rounding", None),
    "single precision": (lambda form: kernel(form, L).astype(np.float32), "rounding", None),
    "C (I - A^L) for C": (
        lambda form: kernel(form, L) - kernel(form, 2 * L)[..., L:],
        "tail",
        None,
    ),
}
OF_A_STEP: dict[str, tuple[Callable[[Any], np.ndarray], str, float | None]] = {
    "a longer step": (lambda form: kernel(form._replace(step=1.5 * form.step), L), "step", 1.5),
    "a shorter step": (lambda form: kernel(form._replace(step=form.step / 20), L), "step", 0.05),
    "bilinear": (lambda form: kernel(form, L, rule="bilinear"), "rule", None),
    "impulse": (lambda form: kernel(form, L, rule="impulse"), "rule", None),
    "first-order hold": (lambda form: kernel(form, L, rule="foh"), "rule", None),
}
mistakes = st.sampled_from(sorted(MISTAKES | OF_A_STEP))


def rounding_of(K: np.ndarray) -> float:
    """What may be left once a mistake is undone."""
    return 1e-2 if K.dtype == np.float16 else 1e-4 if K.dtype == np.float32 else 1e-9


@settings(max_examples=60)
@given(models(), mistakes)
def test_a_mistake_on_purpose_is_named_unless_a_simpler_one_makes_the_same_kernel(
    form: Any, mistake: str
) -> None:
    make, cause, number = (MISTAKES | OF_A_STEP)[mistake]
    assume(mistake in MISTAKES or continuous(form))
    theirs = make(form)
    peak = np.max(np.abs(theirs), axis=-1)
    assume(np.all(peak > 1e-3))  # half precision has no more
    found = diagnose(form, theirs)
    if not found:
        difference = np.max(np.abs(theirs - kernel(form, L)), axis=-1)
        assert np.all(
            difference <= 1e-9 * peak
        )  # nothing to tell apart, such as the conjugate of a real mode
        return
    assert found[0].residual <= rounding_of(theirs)
    if found[0].cause == cause:
        assert number is None or found[0].number == pytest.approx(number, rel=1e-6)
    else:
        assert found[0].cause in SIMPLER[: SIMPLER.index(cause)]


SIMPLER = ["rounding", "direct", "factor", "conjugate", "rule", "delay", "reversed", "truncated", "tail", "single", "merged",
           "scale", "step"]  # fmt: skip


@pytest.mark.parametrize("mistake", sorted(MISTAKES | OF_A_STEP))
@pytest.mark.parametrize("name", sorted(inits.INITS))
def test_at_order_8_every_mistake_is_told_from_all_others(name: str, mistake: str) -> None:
    make, cause, number = (MISTAKES | OF_A_STEP)[mistake]
    form: Any = inits.INITS[name](8, seed=1)
    if mistake in OF_A_STEP and not continuous(form):
        return
    theirs = make(form)
    found = diagnose(form, theirs)
    invisible = cause == "conjugate" and not np.any(
        np.imag(form[0])
    )  # of real modes the conjugate sounds the same
    short = (
        cause in ("truncated", "tail") and np.max(tail_bound(form, L // 3)) < 1e-9
    )  # nothing is cut off
    if invisible or short:
        assert not found
        return
    assert found[0].cause == cause
    assert number is None or found[0].number == pytest.approx(number, rel=1e-6)
    assert found[0].residual <= rounding_of(theirs)


@given(models())
def test_an_equal_kernel_has_nothing_to_explain(form: Any) -> None:
    found = verify(form, L, kernel=kernel(form, L))
    assert not found.findings
    assert all(check.holds for check in found.checks)


@given(models(names=st.sampled_from(["dlr", "s4d-lin", "s4d-legs", "ptd", "s5", "dss"])))
def test_lags_wrapped_round_are_named(form: Any) -> None:
    theirs = wrapped(form)
    bound = np.max(np.abs(theirs - kernel(form, L)), axis=-1) / np.max(np.abs(theirs), axis=-1)
    assume(
        np.all(bound > 1e-6)
        and np.all(tail_bound(form, 64 * L) < 1e-12 * np.max(np.abs(theirs), axis=-1))
    )
    found = diagnose(form, theirs)
    assert found[0].residual <= 1e-9
    tails = [finding for finding in found if finding.cause == "tail"]
    if tails:
        assert tails[0].number >= np.max(bound) * 0.5
    else:
        assert found[0].cause in SIMPLER[: SIMPLER.index("tail")]


def test_two_mistakes_at_once_are_named_together() -> None:
    form = inits.s4d_lin_init(8, channels=3)
    form = form._replace(D=np.array([0.1, 0.2, 0.3]))
    lacking = kernel(form._replace(D=0 * form.D), L)
    assert diagnose(form, lacking)[0][:3:2] == ("direct", 0.3)
    found = diagnose(form, 2 * lacking)[0]
    assert found.cause == "factor"
    assert "leaves out D" in found.message
    found = diagnose(form, 3.3 * kernel(form, L, rule="bilinear"))[0]
    assert found.cause == "rule"
    assert "3.3 times" in found.message
    found = diagnose(form, 2 * kernel(form, L))[0]
    assert found.cause == "factor"
    assert "D is changed alike" in found.message


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
    assert (
        diagnose(without, kernel(without._replace(B=np.ones_like(without.B)), L))[0].cause
        == "merged"
    )


def test_a_complex_kernel_is_told_to_be_one() -> None:
    form = inits.s4d_lin_init(8)
    pure = kernel(form, L) / 2 - 0.5j * kernel(
        with_readout(form, lambda C: 1j * C), L
    )  # sum C B A^l, neither doubled nor real
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
        assert 0 < found.residual < 1e-4
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


# The laws


@settings(max_examples=30)
@given(models(), kept_rules, st.integers(1, 80), st.sampled_from(["float32", "float64"]))
def test_every_law_holds_of_every_initialization(
    form: Any, rule: str, length: int, dtype: str
) -> None:
    form = forms.move(form, "numpy", dtype=dtype)
    for name, law in LAWS.items():
        check = law(form, length, rule)
        assert check.law == name
        assert check.holds == (check.error <= check.allowed)
        assert check.holds, check


def test_every_library_obeys_the_laws(carry: Callable[[Any], Any]) -> None:
    form = inits.s4d_lin_init(4, channels=2)
    found = verify(carry(form), 32, kernel=carry(kernel(form, 32)))
    assert all(check.holds for check in found.checks)
    assert not found.findings


@pytest.mark.parametrize("broken", ["kernel", "scan", "step", "transfer"])
def test_a_broken_part_of_the_library_breaks_a_law(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = getattr(ssmlinalg, broken)

    def off(*args: Any, **kwargs: Any) -> Any:
        result = sound(*args, **kwargs)
        bend = 1 + 1e-9
        return (result[0] * bend, result[1]) if isinstance(result, tuple) else result * bend

    for module in (laws, model):
        if hasattr(module, broken):
            monkeypatch.setattr(module, broken, off)
    for form in (
        inits.s4d_lin_init(6, seed=2),
        inits.s4_init(6, seed=2),
        inits.s5_init(6, channels=2, seed=2),
    ):
        failed = {name for name, law in LAWS.items() if not law(form, 64, "zoh").holds}
        assert failed == {"transfer"} if broken == "transfer" else failed >= {"recurrence"}


def test_a_growing_mode_is_unstable_and_a_marginal_one_is_named() -> None:
    grows = forms.Diagonal(0.1 * one, one, one, np.asarray(0.0), np.asarray(1.0))
    check = LAWS["stable"](grows, 64, "zoh")
    assert not check.holds
    assert check.error == pytest.approx(0.1, rel=64 * EPS)
    integrates = LAWS["stable"](grows._replace(A=0 * one), 64, "zoh")
    assert integrates.holds
    assert "marginal" in integrates.message
    stiff = LAWS["stable"](grows._replace(A=-3 * one), 64, "forward")
    assert not stiff.holds
    assert "'forward'" in stiff.message
    far = LAWS["finite"](grows._replace(A=800 * one), 64, "zoh")
    assert not far.holds
    assert far.error == math.inf


@given(st.integers(1, 8), seeds, st.sampled_from(["zoh", "bilinear"]))
def test_a_matrix_is_called_stable_only_if_it_is(order: int, seed: int, rule: str) -> None:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((order, order)) - 0.5 * order**0.5 * np.eye(order)
    form = forms.Dense(A, np.ones(order), np.ones(order), np.asarray(0.0), np.asarray(0.1))
    abscissa = float(np.max(np.linalg.eigvals(A).real))
    check = LAWS["stable"](form, 64, rule)
    if check.holds:
        assert abscissa <= 64 * order**2 * EPS * np.linalg.norm(A)
    else:
        assert abscissa > -0.05  # of these matrices, hardly non-normal, what decays is proved to


@given(st.integers(1, 10), seeds, st.floats(0, 30))
def test_the_radius_bound_is_above_the_radius(order: int, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    exact = rng.uniform(-1, 1, order)
    T = np.diag(exact) + spread * np.triu(rng.standard_normal((order, order)), 1)
    radius = float(np.max(np.abs(exact)))
    assert radius_bound(T) >= radius * (1 - 8 * EPS)
    Q = np.linalg.qr(rng.standard_normal((order, order)))[0]
    assert (
        radius * (1 - 64 * EPS)
        <= radius_bound((Q * exact) @ Q.T)
        <= radius * (1 + 64 * order**2 * EPS)
    )


@given(models(), kept_rules, st.integers(1, 60))
def test_no_lag_of_the_tail_exceeds_its_bound(form: Any, rule: str, length: int) -> None:
    bound = tail_bound(form, length, rule)
    tail = kernel(form, 2 * length, rule=rule)[..., length:]
    slack = (
        64
        * length
        * EPS
        * size(discretize.discretize(form, rule=rule) if continuous(form) else form, 2 * length)
    )
    assert np.all(np.max(np.abs(tail), axis=-1) <= bound + slack)


def test_weights_that_are_not_conjugate_break_the_closure() -> None:
    A = np.array([-1 + 2j, -1 - 2j])
    form = forms.Diagonal(
        A, np.ones(2) + 0j, np.array([1 + 1j, 1 - 1j]), np.asarray(0.0), np.asarray(0.1)
    )
    assert LAWS["conjugate"](form, 64, "zoh").holds
    broken = form._replace(C=np.array([1 + 1j, 1 + 1j]))
    assert not LAWS["conjugate"](broken, 64, "zoh").holds
    doubled = LAWS["conjugate"](forms.Paired(*form), 64, "zoh")
    assert not doubled.holds
    assert doubled.error == 1
    open_ = LAWS["conjugate"](broken._replace(A=np.array([-1 + 2j, -1 + 3j])), 64, "zoh")
    assert open_.holds
    assert open_.allowed == math.inf
    assert open_.error > 0.1


# What is refused


def test_what_cannot_be_verified_is_refused_in_a_sentence() -> None:
    form: Any = inits.s4d_lin_init(4, channels=2)
    legs: Any = hippo.legs(4)
    for wrong in (lambda: verify(legs), lambda: diagnose(legs, np.ones(3))):
        with pytest.raises(TypeError, match=SENTENCE):
            wrong()
    for wrong in (
        lambda: verify(form, 0),
        lambda: verify(form, 8, rule="tustin"),
        lambda: diagnose(form, np.ones((3, 8))),
        lambda: diagnose(form, np.ones((2, 0))),
        lambda: diagnose(form, np.full((2, 8), np.nan)),
        lambda: verify(form, 8, kernel=np.ones((3, 8))),
    ):
        with pytest.raises(ValueError, match=SENTENCE):
            wrong()
    grows: Any = form._replace(A=np.abs(form.A) * 1e4 + 0j)
    assert not verify(grows, 64, kernel=np.ones((2, 64))).checks[0].holds
