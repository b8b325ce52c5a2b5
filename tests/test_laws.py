"""Every law holds of every model and fails of a broken one; its bounds bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, models, seeds

from ssmlinalg import discretize, forms, hippo, inits, kernel, kernels, systems, testing
from ssmlinalg.verification import (
    LAWS,
    Check,
    diagnose,
    laws,
    precision_report,
    sampled_model,
    verify,
)
from ssmlinalg.verification.kernel_bounds import radius_bound, size, tail_bound

L = 96
SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"
kept_rules = st.sampled_from(laws.KEEP_STABILITY)
one = np.ones(1) + 0j


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


@pytest.mark.parametrize("broken", ["kernel", "scan", "stepper", "transfer"])
def test_a_broken_part_of_the_library_breaks_a_law(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = getattr(systems if broken == "transfer" else kernels, broken)

    def off(*args: Any, **kwargs: Any) -> Any:
        return bent(sound(*args, **kwargs))

    def bent(result: Any) -> Any:
        if callable(result):
            return lambda *args: bent(result(*args))
        if isinstance(result, tuple):
            return bent(result[0]), result[1]
        return (1 + 1e-9) * result

    for module in (laws, sampled_model):
        if hasattr(module, broken):
            monkeypatch.setattr(module, broken, off)
    for form in (
        inits.s4d_lin_init(6, seed=2),
        inits.s4_init(6, seed=2),
        inits.s5_init(6, channels=2, seed=2),
    ):
        failed = {name for name, law in LAWS.items() if not law(form, 64, "zoh").holds}
        assert failed == {"transfer"} if broken == "transfer" else failed >= {"recurrence"}


def test_a_plain_function_in_the_table_is_a_law(monkeypatch: pytest.MonkeyPatch) -> None:
    def bounded(form: Any, length: int, rule: Any) -> Check:
        largest = float(np.max(np.abs(kernel(form, length, rule=rule))))
        return Check("bounded", largest <= 1, largest, 1.0, f"The largest lag is {largest:.3g}.")

    monkeypatch.setitem(LAWS, "bounded", bounded)
    form: Any = inits.s4d_lin_init(4)
    loud = form._replace(C=1e6 * form.C)
    assert [check.law for check in verify(loud, L).checks if not check.holds] == ["bounded"]


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


def test_a_marginal_mode_without_a_part_in_the_output_is_said_to_have_none() -> None:
    A = np.array([-1 + 1j, 0])
    heard = forms.Paired(A, np.ones(2) + 0j, np.ones(2) + 0j, np.asarray(0.0), np.asarray(0.1))
    idle = np.array([1 + 0j, 0])
    for form in (heard._replace(B=idle), heard._replace(C=idle)):
        for known in (form, forms.to_dense(form)):
            assert "no part in the output" in LAWS["stable"](known, 64, "zoh").message
        grows = form._replace(A=A + np.array([0, 0.25]))  # the state, whatever is heard of it
        assert not LAWS["stable"](grows, 64, "zoh").holds
        assert not LAWS["stable"](forms.to_dense(grows), 64, "zoh").holds
    assert "no part" not in LAWS["stable"](heard, 64, "zoh").message
    assert "no part" not in LAWS["stable"](forms.to_dense(heard), 64, "zoh").message
    channels = heard._replace(B=np.stack([idle, np.ones(2)]))  # the second one hears it
    assert "no part" not in LAWS["stable"](channels, 64, "zoh").message


@pytest.mark.parametrize("order", [2, 8, 32])
def test_the_sine_of_frequency_zero_is_said_to_have_no_part(order: int) -> None:
    check = LAWS["stable"](forms.to_dense(hippo.fout(order)), 64, "zoh")
    assert check.holds
    assert "no part in the output" in check.message


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


def test_a_matrix_that_a_rule_makes_grow_is_not_called_stable() -> None:
    """A dissipative matrix proves nothing of a rule that does not keep stability."""
    A = np.array([[-30.0, 4], [-4, -30]])
    form = forms.Dense(A, np.ones(2), np.ones(2), np.asarray(0.0), np.asarray(0.1))
    assert LAWS["stable"](form, 64, "zoh").holds
    assert not LAWS["stable"](form, 64, "forward").holds


def test_weights_that_are_not_conjugate_break_the_closure() -> None:
    A = np.array([-1 + 2j, -1 - 2j])
    B = np.ones(2) + 0j
    C = np.array([1 + 1j, 1 - 1j])
    form = forms.Diagonal(A, B, C, np.asarray(0.0), np.asarray(0.1))
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
    born_discrete = inits.s4d_dfout_init(8)  # closed, its weights free
    assert LAWS["conjugate"](born_discrete, 64, "zoh").error > 0.1
    assert LAWS["conjugate"](born_discrete, 64, "zoh").holds


@pytest.mark.parametrize("lag", [3, 40])
def test_a_kernel_that_differs_says_at_which_lag(lag: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def bent(*args: Any, **kwargs: Any) -> Any:
        K = kernel(*args, **kwargs)
        K[..., lag] += 1.0
        return K

    monkeypatch.setattr(laws, "kernel", bent)
    check = LAWS["recurrence"](inits.s4d_lin_init(6), 64, "zoh")
    assert not check.holds
    assert check.message.endswith(f"most at lag {lag}.")


# Bounds


@given(st.integers(1, 10), seeds, st.floats(0, 30))
def test_the_radius_bound_is_above_the_radius(order: int, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    exact = rng.uniform(-1, 1, order)
    T = np.diag(exact) + spread * np.triu(rng.standard_normal((order, order)), 1)
    radius = float(np.max(np.abs(exact)))
    assert radius_bound(T) >= radius * (1 - 8 * EPS)
    Q = np.linalg.qr(rng.standard_normal((order, order)))[0]
    bound = radius_bound((Q * exact) @ Q.T)
    assert radius * (1 - 64 * EPS) <= bound <= radius * (1 + 64 * order**2 * EPS)


@given(models(), kept_rules, st.integers(1, 60))
def test_no_lag_of_the_tail_exceeds_its_bound(form: Any, rule: str, length: int) -> None:
    bound = tail_bound(form, length, rule=rule)
    tail = kernel(form, 2 * length, rule=rule)[..., length:]
    system = discretize.discretize(form, rule=rule) if forms.kind(form).continuous else form
    slack = 64 * length * EPS * size(system, 2 * length)
    assert np.all(np.max(np.abs(tail), axis=-1) <= bound + slack)


@given(models(), st.floats(-2, 2))
def test_the_size_counts_the_direct_path_once(form: Any, D: float) -> None:
    form = form._replace(D=D + 0 * form.D)
    system = discretize.zoh(form) if forms.kind(form).continuous else form
    without = size(system._replace(D=0 * system.D), L)
    np.testing.assert_allclose(size(system, L), abs(D) + without, rtol=8 * EPS)


# A form of one's own


class Lag(NamedTuple):
    """A first-order lag: y' = gain u - rate y."""

    rate: np.ndarray
    gain: np.ndarray
    step: np.ndarray


def as_modes(lag: Lag) -> forms.Diagonal:
    """The lag as one real mode."""
    one = np.ones((*lag.rate.shape, 1))
    gain = lag.gain[..., None] * one
    return forms.Diagonal(-lag.rate[..., None], one, gain, np.zeros(()), lag.step)


def response(lag: Lag, length: int) -> np.ndarray:
    """The kernel under a zero-order hold: the step response between one sample and the next."""
    decay = np.exp(-lag.rate[..., None] * lag.step * np.arange(length))
    return (lag.gain / -lag.rate * np.expm1(-lag.rate * lag.step))[..., None] * decay


@pytest.fixture
def lag(monkeypatch: pytest.MonkeyPatch) -> Any:
    axes: dict[str, forms.Axes] = {"rate": (), "gain": (), "step": ()}
    known = forms.Kind(axes, sampled=forms.Recurrence, plain=as_modes)
    monkeypatch.setitem(forms.KINDS, Lag, known)
    return Lag(np.array([0.5, 2.0]), np.array([1.0, 3.0]), np.asarray(0.1))


def test_a_kind_of_ones_own_obeys_the_laws(lag: Any) -> None:
    found = verify(lag, L, kernel=response(lag, L))
    assert all(check.holds for check in found.checks), found.checks
    assert not found.findings
    assert found.timescales.decay[:, 0] == pytest.approx(1 / (lag.rate * lag.step), rel=8 * EPS)
    testing.assert_laws(lag, length=L)
    testing.assert_kernel(response, lag, L)


def test_a_mistake_in_a_kind_of_ones_own_is_named(lag: Any) -> None:
    assert diagnose(lag, 2 * response(lag, L))[0].cause == "factor"
    slower = diagnose(lag, response(lag._replace(step=1.5 * lag.step), L))[0]
    assert slower.cause == "step"
    assert slower.number == pytest.approx(1.5, rel=64 * L * EPS)
    growing = lag._replace(rate=-lag.rate)
    assert [check.law for check in verify(growing, L).checks if not check.holds] == ["stable"]


def test_precision_of_a_kind_of_ones_own_is_that_of_its_modes(lag: Any) -> None:
    assert precision_report(lag, L) == precision_report(as_modes(lag), L)


# What is refused


def test_what_cannot_be_verified_is_refused_in_a_sentence() -> None:
    form: Any = inits.s4d_lin_init(4, channels=2)
    legs: Any = hippo.legs(4)
    with pytest.raises(TypeError, match=SENTENCE):
        verify(legs)
    empty = form._replace(A=form.A[:0], B=form.B[:0], C=form.C[:0], step=form.step[:0])
    for wrong in (
        lambda: verify(form, 0),
        lambda: verify(form, 8, rule="tustin"),
        lambda: verify(empty._replace(D=form.D[:0]), 8),
    ):
        with pytest.raises(ValueError, match=SENTENCE):
            wrong()
    grows: Any = form._replace(A=np.abs(form.A) * 1e4 + 0j)
    assert not verify(grows, 64, kernel=np.ones((2, 64))).checks[0].holds


def test_numbers_of_other_libraries_are_looked_at_once_they_are_here() -> None:
    form = forms.move(inits.s4d_lin_init(4), "torch")
    with pytest.raises(ValueError, match=r"must be finite; got [^\n]+\. [A-Z]"):
        verify(form._replace(A=form.A * math.nan))
