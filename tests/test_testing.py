"""Strategies draw what they say and shrink; assertions fail of what breaks them, and say why."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from test_doors import without

from ssmlinalg import discretize, forms, inits, kernel, scan, testing
from ssmlinalg.ground.formats import EPS
from ssmlinalg.verification import LAWS

SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"
names = sorted(testing.STRATEGIES)
lengths = st.integers(1, 40)
# A batch of matrices is many draws; that is no mistake of the test.
slow = settings(
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ]
)


def fields(form: Any) -> list[np.ndarray]:
    if isinstance(form, forms.Delayed):
        return [*fields(form.system), form.D]
    return list(form)


# What is drawn


def test_every_form_has_a_strategy() -> None:
    assert set(testing.STRATEGIES) == set(forms.FORMS)


@pytest.mark.parametrize("name", names)
@slow
@given(st.data())
def test_a_strategy_draws_sound_forms_of_its_name_on_the_host(
    name: str, data: st.DataObject
) -> None:
    form = data.draw(testing.STRATEGIES[name](4))
    assert type(form) is forms.FORMS[name]
    checked = forms.check(form)
    for array, same in zip(fields(form), fields(checked), strict=True):
        assert array.dtype in (np.float64, np.complex128)
        np.testing.assert_array_equal(array, same)
    if name != "Delayed":
        assert fields(form)[0].shape[-1] <= (
            4 if name != "Recurrence" and name != "Diagonal" else 8
        )


@pytest.mark.parametrize("name", names)
def test_the_simplest_form_has_one_mode_no_batch_and_no_weights(name: str) -> None:
    few = settings(slow, max_examples=200)
    form = forms.inner(find(testing.STRATEGIES[name](), lambda _: True, settings=few))
    assert form[0].shape == (1,) * len(next(iter(forms.kind(form).axes.values())))
    assert name in ("NPLR", "Delayed") or not np.any(form.B)
    assert np.all(getattr(form, "step", 1.0) == 1.0)


@slow
@given(testing.forms(4), testing.stable_rules(), lengths)
def test_every_law_holds_of_every_form_drawn(form: Any, rule: str, length: int) -> None:
    testing.assert_laws(form, length=length, rule=rule)


@slow
@given(testing.models(largest=8), testing.stable_rules(), lengths)
def test_every_law_holds_of_every_model_drawn(form: Any, rule: str, length: int) -> None:
    testing.assert_laws(form, length=length, rule=rule)


@given(testing.lossless())
def test_a_lossless_system_is_one(system: forms.NPLR) -> None:
    A, B, P = (np.asarray(field) for field in system)
    defect = A + A.T + 2 * P @ P.T
    n = len(A)
    sigma = np.trace(defect) / 2 / n
    scale = float(np.linalg.norm(A) + np.linalg.norm(P) ** 2)
    np.testing.assert_allclose(defect, 2 * sigma * np.eye(n), atol=8 * n * EPS * scale, rtol=0)
    assert sigma <= 8 * n * EPS * scale
    U, S, _ = np.linalg.svd(P, full_matrices=False)
    span = U[:, S / (S[0] or 1.0) > math.sqrt(EPS)]
    slack = 8 * n * EPS * (1 + float(np.linalg.norm(B)))
    np.testing.assert_allclose(span @ (span.T @ B), B, atol=slack, rtol=0)


@given(st.integers(1, 6), st.booleans(), st.data())
def test_spectra_are_stable_and_of_the_size_they_say(
    n: int, hard: bool, data: st.DataObject
) -> None:
    A = data.draw(testing.spectra(n, hard=hard))
    Z = data.draw(testing.multipliers(n, hard=hard))
    assert A.shape == Z.shape == (n,)
    assert np.all(A.real <= 0)
    assert np.all(A.imag >= 0)
    assert np.all(np.abs(Z) <= 1 + 2 * EPS)
    if not hard:
        assert np.all((A.real >= -10 - 10 * EPS) & (A.real <= -0.1 + EPS) & (A.imag <= 10))
        assert np.all(np.abs(Z) <= 0.99 + 2 * EPS)


@slow
@given(testing.dense(4), testing.dense_recurrence(4), testing.dense_recurrence(4, hard=False))
def test_matrices_dissipate(
    form: forms.Dense, reaching: forms.DenseRecurrence, inside: forms.DenseRecurrence
) -> None:
    symmetric = form.A + form.A.swapaxes(-1, -2)
    assert np.max(np.linalg.eigvalsh(symmetric)) <= 8 * 4 * EPS * np.max(
        np.linalg.norm(form.A, 2, axis=(-2, -1))
    )
    assert np.max(np.linalg.norm(reaching.A, 2, axis=(-2, -1))) <= 1 + 8 * 4 * EPS
    assert np.max(np.linalg.norm(inside.A, 2, axis=(-2, -1))) < 1


HARD: dict[str, Callable[[Any], Any]] = {
    "an integrator": lambda A: np.any(A == 0),
    "an undamped oscillation": lambda A: np.any((A.real == 0) & (A.imag > 0)),
    "a mode beside the boundary": lambda A: np.any(A.real == -1e-12),
    "a stiff spread": lambda A: np.max(np.abs(A)) >= 1e9 * np.min(np.abs(A)) > 0,
    "a double mode": lambda A: A[0] == A[-1] != A[1],
    "nearly a double mode": lambda A: (
        A[0].imag > 1 and 0 < abs(A[0].imag - A[-1].imag) <= 1e-12 * abs(A[0])
    ),
    "nearly real": lambda A: np.any((A.imag > 0) & (A.imag < 1e-9 * -A.real)),
    "a real one among complex ones": lambda A: np.any(A.imag == 0) and np.any(A.imag > 1),
}


@pytest.mark.parametrize("what", sorted(HARD))
def test_what_is_hard_occurs(what: str) -> None:
    find(testing.spectra(3), lambda A: bool(HARD[what](A)), settings=settings(max_examples=5000))


def test_recurrences_reach_the_circle_and_zero() -> None:
    for occurs in (
        lambda A: A == 0,
        lambda A: A == -1,
        lambda A: (np.abs(A) > 1 - 1e-9) & (A.imag > 0),
    ):
        find(
            testing.multipliers(2),
            lambda A, occurs=occurs: bool(np.any(occurs(A))),
            settings=settings(max_examples=5000),
        )


def test_names_steps_and_axes_cover_what_they_say() -> None:
    for strategy, condition in (
        (testing.orders(7), lambda order: order == 7),
        (testing.batches(), lambda batch: len(batch) == 2 and max(batch) > 1),
        (testing.steps(), lambda step: step < 1e-3),
        (testing.measures(), lambda name: name == "fout"),
        (testing.rules(), lambda name: name == "forward"),
    ):
        assert condition(find(strategy, condition, settings=settings(max_examples=2000)))  # pyright: ignore[reportArgumentType]
    assert set(testing.KEEP_STABILITY) == set(discretize.RULES) - {"forward"}


@given(testing.steps(1e-3, 1e-1), testing.signals(5, batch=(2,)))
def test_steps_and_signals_are_of_the_size_they_say(step: float, u: np.ndarray) -> None:
    assert 1e-3 <= step <= 1e-1
    assert u.shape == (2, 5)
    assert np.max(np.abs(u)) <= 2


# The tolerance


def test_an_entry_far_below_the_largest_may_err_by_more_than_itself() -> None:
    testing.assert_close(np.array([1.0, 2e-16]), np.array([1.0, 1e-16]))
    testing.assert_close(np.array([1 + 0j, 1e-17j]), np.array([1 + 0j, -1e-17j]))


def test_the_tolerance_is_the_product_it_says() -> None:
    expected = np.array([4.0, 0.0])
    for tolerance, allowed in (
        ({}, 8 * EPS * 4),
        ({"condition": 100.0}, 800 * EPS * 4),
        ({"scale": 1e3, "constant": 2.0}, 2 * EPS * 1e3),
        ({"eps": 1e-3}, 8e-3 * 4),
    ):
        testing.assert_close(expected + np.array([0, 0.99 * allowed]), expected, **tolerance)
        with pytest.raises(AssertionError, match=r"differs from expected by .* allowed"):
            testing.assert_close(expected + np.array([0, 1.01 * allowed]), expected, **tolerance)


def test_each_member_of_a_batch_may_have_a_scale_of_its_own() -> None:
    expected = np.array([[1.0, 0.0], [1e-9, 0.0]])
    got = expected + np.array([[0, 0], [0, 1e-16]])
    testing.assert_close(got, expected)
    with pytest.raises(AssertionError, match=r"\(1, 1\)"):
        testing.assert_close(got, expected, scale=np.array([[1.0], [1e-9]]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, complex(0, np.nan)])
def test_nan_and_infinities_never_pass(bad: Any) -> None:
    for got, expected in ((bad, 1.0), (1.0, bad), (bad, bad)):
        with pytest.raises(AssertionError, match="finite"):
            testing.assert_close(np.array([got]), np.array([expected]))


@pytest.mark.parametrize("value", [np.nan, np.inf, [1.0, np.inf], -1.0])
@pytest.mark.parametrize("name", ["scale", "condition"])
def test_a_tolerance_that_would_allow_everything_or_nothing_is_refused(
    name: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"`{name}` must .*; got "):
        testing.assert_close(np.array([1.0, 1.0]), np.array([1.0, 2.0]), **{name: value})
    if isinstance(value, float):
        with pytest.raises(ValueError, match=r"`condition` must .*; got "):
            testing.assert_kernel(kernel, inits.s4d_lin_init(4), condition=value)


@pytest.mark.parametrize("at", [-1, 0, 8])
def test_a_sample_that_leaves_nothing_to_compare_is_refused(at: int) -> None:
    with pytest.raises(ValueError, match=r"`at` must .*; got "):
        testing.assert_causal(np.cumsum, np.ones(8), at)


def test_shapes_are_not_broadcast_and_zero_has_no_slack() -> None:
    with pytest.raises(AssertionError, match="shapes"):
        testing.assert_close(np.ones((3, 1)), np.ones(3))
    with pytest.raises(AssertionError, match="differs"):
        testing.assert_close(np.array([1e-300]), np.array([0.0]))
    testing.assert_close(np.zeros(0), np.zeros(0))


def test_the_coarser_precision_counts() -> None:
    for coarse in (np.float32, np.float16, np.complex64):
        testing.assert_close(np.array([1 / 3], dtype=coarse), np.array([1 / 3]))
    with pytest.raises(AssertionError):
        testing.assert_close(np.array([1 / 3 + 1e-7]), np.array([1 / 3]))
    testing.assert_close(3, 3.0)


def test_arrays_of_every_library_are_compared(carry: Callable[[Any], Any]) -> None:
    x = carry(np.array([1 / 3, 2.0]))
    testing.assert_close(x, np.array([1 / 3, 2.0]))
    with pytest.raises(AssertionError):
        testing.assert_close(x, np.array([1 / 3, 2.001]))


# The laws


one = np.ones(1) + 0j
BROKEN: dict[str, tuple[str, Any]] = {
    "grows": ("stable", forms.Diagonal(0.1 * one, one, one, np.asarray(0.0), np.asarray(1.0))),
    "overflows": ("finite", forms.Diagonal(800 * one, one, one, np.asarray(0.0), np.asarray(1.0))),
    "counts twice": (
        "conjugate",
        forms.Paired(
            np.array([-1 + 2j, -1 - 2j]),
            np.ones(2) + 0j,
            np.ones(2) + 0j,
            np.asarray(0.0),
            np.asarray(0.1),
        ),
    ),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_a_broken_form_breaks_its_law_and_the_message_names_it(what: str) -> None:
    law, form = BROKEN[what]
    with pytest.raises(AssertionError, match=f"^{law}: "):
        testing.assert_law(law, form)
    with pytest.raises(AssertionError, match=f"(?m)^{law}: "):
        testing.assert_laws(form)


@pytest.mark.parametrize("law", sorted(LAWS))
def test_a_law_that_fails_is_an_assertion_that_fails(
    law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = inits.s4d_lin_init(4)
    testing.assert_law(law, form)
    sound = LAWS[law]
    monkeypatch.setitem(
        LAWS, law, lambda *told: sound(*told)._replace(holds=False, message="Broken on purpose.")
    )
    with pytest.raises(AssertionError, match="Broken on purpose"):
        testing.assert_laws(form)


@slow
@given(testing.forms(4), testing.stable_rules(), lengths)
def test_our_own_recurrence_is_our_kernel(form: Any, rule: str, length: int) -> None:
    if forms.kind(form).ports:
        return  # one impulse for each input: what `recurrence` of the laws does
    impulse = np.eye(1, length)[0]

    def theirs(form: Any, length: int) -> np.ndarray:
        return scan(form, impulse, rule=rule)[0]

    testing.assert_kernel(theirs, form, length, rule=rule, condition=length)


@given(testing.paired(4, hard=False), lengths)
def test_a_sum_written_out_is_the_kernel_in_every_precision(form: Any, length: int) -> None:
    def theirs(form: Any, length: int) -> np.ndarray:
        z = form.step[..., None] * form.A
        weight = form.C * np.expm1(z) / form.A * form.B
        K = 2 * np.sum(weight[..., None] * np.exp(z[..., None] * np.arange(length)), axis=-2).real
        K = K + form.D[..., None] * (np.arange(length) == 0)
        return K.astype(form.D.dtype)

    testing.assert_kernel(theirs, form, length)
    # exp(step A l) errs by |step A l| eps, up to 20 L; in single precision so does what is stored
    testing.assert_kernel(theirs, forms.move(form, "numpy", dtype="float32"), length, condition=20)


MISTAKES: dict[str, Callable[[Any, int], np.ndarray]] = {
    "factor": lambda form, L: kernel(form, L) * 2,
    "late": lambda form, L: np.roll(kernel(form, L), 1, axis=-1),
    "rule": lambda form, L: kernel(form, L, rule="bilinear"),
    "shape": lambda form, L: kernel(form, L)[..., :-1],
    "NaN": lambda form, L: kernel(form, L) * np.nan,
    "a little": lambda form, L: kernel(form, L) * (1 + 1e-9),
}


@pytest.mark.parametrize("mistake", sorted(MISTAKES))
def test_a_mistake_in_a_kernel_is_found_and_explained(mistake: str) -> None:
    form = inits.s4d_lin_init(8, channels=2)
    with pytest.raises(AssertionError, match=r"^kernel: ") as caught:
        testing.assert_kernel(MISTAKES[mistake], form, 64)
    words = {
        "factor": "Theirs is 2 times ours",
        "rule": "'bilinear'",
        "shape": "shapes must agree",
        "NaN": "finite",
    }
    assert words.get(mistake, "") in str(caught.value)


def test_the_laws_of_functions_hold_in_every_library(carry: Callable[[Any], Any]) -> None:
    form: Any = carry(inits.s4d_lin_init(6, seed=3))
    rng = np.random.default_rng(0)
    u, v = (carry(rng.standard_normal(24)) for _ in range(2))
    run: Callable[[Any], Any] = lambda u: scan(form, u)[0]  # noqa: E731
    testing.assert_kernel(lambda form, length: kernel(form, length), form, 24)
    testing.assert_recurrence(run, kernel(form, 24), u)
    testing.assert_causal(run, u, 9)
    testing.assert_linear(run, u, v)


def test_the_laws_of_functions_fail_of_what_breaks_them() -> None:
    form = inits.s4d_lin_init(6, seed=3)
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal((2, 24))
    run: Callable[[Any], Any] = lambda u: scan(form, u)[0]  # noqa: E731
    with pytest.raises(AssertionError, match=r"^recurrence: "):
        testing.assert_recurrence(lambda u: np.roll(run(u), 1), kernel(form, 24), u)
    with pytest.raises(AssertionError, match=r"^recurrence: "):
        testing.assert_recurrence(lambda u: run(u) * (1 + 1e-9), kernel(form, 24), u)
    with pytest.raises(AssertionError, match=r"^causal: "):
        testing.assert_causal(lambda u: run(u)[::-1], u, 9)
    with pytest.raises(AssertionError, match=r"^linear: "):
        testing.assert_linear(lambda u: run(u) + 1e-9, u, v)


# At other projects


def test_another_project_tests_with_it_alone(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "test_theirs.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "half spectrum was counted once" in done.stdout


THEIRS = """
import numpy as np
from hypothesis import Phase, given, settings, strategies
import ssmlinalg.testing as testing

def half(form, length):  # by zero-order hold
    z = form.step * form.A
    K = (form.C * np.expm1(z) / form.A * form.B) @ np.exp(np.outer(z, np.arange(length)))
    return K.real + form.D * (np.arange(length) == 0)

models = testing.models(strategies.just("s4d-legs"), largest=8)
models = models.filter(lambda form: form.A.ndim == 1)

@settings(derandomize=True, max_examples=10, database=None, phases=[Phase.generate])
@given(models)
def test_our_kernel(form):
    testing.assert_kernel(half, form, 32)

@settings(derandomize=True, max_examples=10, database=None)
@given(models)
def test_twice_our_kernel(form):
    testing.assert_kernel(lambda form, length: 2 * half(form, length), form, 32)
"""


def test_without_hypothesis_the_remedy_is_named() -> None:
    code = without("hypothesis") + "import ssmlinalg.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("ImportError: strategies are drawn with hypothesis; got No module named")
    assert said.endswith("Install it: pip install 'ssmlinalg[testing]'.")


def test_what_cannot_be_drawn_or_judged_is_refused_in_a_sentence() -> None:
    form = inits.s4d_lin_init(4)
    for wrong in (
        lambda: testing.orders(0),
        lambda: testing.batches(-1),
        lambda: testing.steps(1.0, 0.1),
        lambda: testing.signals(0),
        lambda: testing.spectra(0),
        lambda: testing.paired(0),
        lambda: testing.forms(0),
        lambda: testing.assert_close(1.0, 1.0, constant=0.0),
        lambda: testing.assert_close(1.0, 1.0, eps=-1.0),
        lambda: testing.assert_law("stabel", form),
    ):
        with pytest.raises(ValueError, match=SENTENCE):
            wrong()
