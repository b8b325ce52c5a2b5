"""The way back from samples: matrices and delays, under every rule, against closed forms."""

from __future__ import annotations

from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import EPS, signal

from ssmlinalg import discretize, forms, hippo, inits
from ssmlinalg.forms import inner
from ssmlinalg.ground import backend
from ssmlinalg.testing import strategies as drawn

RULES: dict[str, Any] = discretize.RULES | {
    f"gbt {alpha}": partial(discretize.gbt, alpha=alpha) for alpha in (0.3, 0.8)
}
del RULES["mamba"]  # the same function as "impulse"
INTEGRATORS = np.array([[0.0, 1.0], [0.0, 0.0]])


def dense(A: Any, B: Any = None, step: float = 1.0) -> forms.Dense:
    A = np.asarray(A)
    N = len(A)
    drive = signal(1, N) if B is None else np.asarray(B)
    return forms.Dense(A, drive, signal(2, N), np.asarray(0.7), np.asarray(step))


def sampled(A: Any) -> forms.DenseRecurrence:
    return forms.DenseRecurrence(*dense(A)[:4])


def condition(rule: str, Z: np.ndarray) -> float:
    """How much larger a relative error of [A_d, B_d] is in [step A, step B], with |B| = |A|."""
    N = len(Z)
    size = np.linalg.norm(Z)
    if rule == "forward":
        return float((1 + size) / size)
    alpha = {"bilinear": 0.5, "backward": 1.0}.get(rule)
    if alpha is None and rule.startswith("gbt"):
        alpha = float(rule.split()[1])
    if alpha is not None:  # the derivative of Z = (I - (I - alpha Z))/alpha
        pole = np.linalg.inv(np.eye(N) - alpha * Z)
        turn = np.linalg.norm(np.eye(N) - alpha * Z) ** 2
        return float(turn * np.linalg.norm(pole @ (np.eye(N) + (1 - alpha) * Z)) / size)
    taps = 2 if rule == "foh" else 1
    bordered = np.zeros((N + taps, N + taps), Z.dtype)
    bordered[:N, :N] = Z
    bordered[:N, N] = size / np.sqrt(N)
    bordered[N : N + taps - 1, N + 1 :] = 1
    order = len(bordered)
    doubled = np.zeros((order**2, 2 * order, 2 * order), Z.dtype)  # e^[Z E; 0 Z] has the slope at E
    doubled[:, :order, :order] = doubled[:, order:, order:] = bordered
    doubled[:, :order, order:] = np.eye(order**2).reshape(-1, order, order)
    slopes = scipy.linalg.expm(doubled)[:, :order, order:].reshape(order**2, -1)
    least = np.linalg.svd(slopes, compute_uv=False)[-1]
    return float(np.linalg.norm(scipy.linalg.expm(bordered)) / least / size)


def assert_undone(rule: str, form: Any) -> None:
    """continuous(discretize(form)) is the form."""
    samples: Any = discretize.discretize(form, rule=RULES[rule])
    found: Any = discretize.continuous(samples, step=form.step, rule=RULES[rule])
    assert type(found) is type(form)
    leading = np.broadcast_shapes(form.A.shape[:-2], form.B.shape[:-1], form.step.shape)
    N = form.A.shape[-1]
    wholes = np.broadcast_to(form.A, (*leading, N, N))
    steps = np.broadcast_to(form.step, leading)
    for place in np.ndindex(leading):
        tolerance = 64 * EPS * condition(rule, steps[place] * wholes[place])
        A, B = (np.broadcast_to(part, (*leading, *part.shape[-k:]))[place]
                for part, k in ((found.A, 2), (found.B, 1)))  # fmt: skip
        drive = np.broadcast_to(form.B, (*leading, N))[place]
        size = np.linalg.norm(wholes[place])
        assert np.linalg.norm(A - wholes[place]) <= tolerance * size
        assert np.linalg.norm(B - drive) <= tolerance * np.linalg.norm(drive)
        gain = steps[place] * np.linalg.norm(drive) * np.linalg.norm(form.C)
        assert np.all(np.abs(found.D - form.D) <= tolerance * (gain + np.abs(form.D)))
    assert np.array_equal(found.C, form.C)


def catalogue() -> dict[str, forms.Dense]:
    """Every initialization and measure as a matrix, at a step below that of Nyquist."""
    made: dict[str, Any] = {}
    for name, make in inits.INITS.items():
        form: Any = make(4, seed=1)
        if hasattr(form, "step") and not isinstance(form, forms.MIMO):
            made[name] = forms.to_dense(form)
    for name, make in hippo.MEASURES.items():
        made[name] = forms.to_dense(make(4))._replace(C=signal(3, 4))
    return {name: _below_nyquist(form) for name, form in made.items()}


def _below_nyquist(form: forms.Dense) -> forms.Dense:
    radius = np.abs(np.linalg.eigvals(form.A)).max(axis=-1)
    step = 0.9 / np.broadcast_to(radius, form.step.shape)
    return form._replace(step=step, D=form.D + 0.4)


CATALOGUE = catalogue()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", CATALOGUE)
def test_continuous_gives_every_matrix_back(name: str, rule: str) -> None:
    assert_undone(rule, CATALOGUE[name])


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=12)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(1e-3, 2.5), st.booleans())
def test_continuous_gives_random_matrices_back(
    rule: str, order: int, seed: int, radius: float, turning: bool
) -> None:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((order, order))
    if turning:
        A = A + 1j * rng.standard_normal((order, order))
    A = A / np.linalg.norm(A, 2)
    alpha = float(rule.split()[1]) if " " in rule else {"backward": 1.0, "bilinear": 0.5}.get(rule)
    below_pole = min(radius, 0.7 / alpha) if alpha else radius
    assert_undone(rule, dense(A * below_pole / 0.3, rng.standard_normal(order) + 0 * A[0], 0.3))


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=12)
@given(drawn.dense_recurrence(4))
def test_what_continuous_accepts_is_sampled_to_the_recurrence(rule: str, form: Any) -> None:
    given: Any = form
    if rule == "foh":
        given = forms.Delayed(form._replace(D=np.zeros_like(form.D)), form.D)
    try:
        found = discretize.continuous(given, step=0.5, rule=RULES[rule])
    except ValueError as refusal:
        said = str(refusal)
        assert "; got " in said
        assert said.endswith(".")
        return
    again = inner(discretize.discretize(found, rule=RULES[rule]))
    size = np.linalg.norm(form.A)
    stiff = (1 + np.linalg.norm(0.5 * found.A)) ** 2  # type: ignore[union-attr]
    assert np.linalg.norm(again.A - form.A) <= 64 * EPS * stiff * (1 + size)


def test_the_double_integrator_comes_back_under_each_hold() -> None:
    h = 0.25
    A_d = np.array([[1.0, h], [0.0, 1.0]])
    C = np.array([1.0, -2.0])
    held = forms.DenseRecurrence(A_d, np.array([h**2 / 2, h]), C, np.asarray(0.3))
    found: Any = discretize.continuous(held, step=h)
    assert np.abs(found.A - INTEGRATORS).max() <= 64 * EPS
    assert np.abs(found.B - [0, 1]).max() <= 64 * EPS
    # Linear inputs: taps (h^2/6, h/2) of the newest sample, (h^2/3, h/2) of the one before.
    late = forms.DenseRecurrence(A_d, np.array([h**2, h]), C, np.asarray(0.0))
    linear = forms.Delayed(late, np.asarray(0.3 + h**2 / 6 - 2 * h / 2))
    found = discretize.continuous(linear, step=h, rule="foh")
    assert np.abs(found.A - INTEGRATORS).max() <= 64 * EPS
    assert np.abs(found.B - [0, 1]).max() <= 64 * EPS
    assert abs(found.D - 0.3) <= 64 * EPS
    tilted = forms.DenseRecurrence(A_d, np.array([0.3 * h**2, h]), C, np.asarray(0.3))
    found = discretize.continuous(tilted, step=h, rule=partial(discretize.gbt, alpha=0.3))
    assert np.abs(found.A - INTEGRATORS).max() <= 64 * EPS
    assert np.abs(found.B - [0, 1]).max() <= 64 * EPS


@pytest.mark.parametrize("angle", [1e-3, 1.0, 3.0])
def test_a_rotation_comes_back_as_its_frequency(angle: float) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found: Any = discretize.continuous(sampled(turn), step=0.5)
    expected = np.array([[0, -angle], [angle, 0]]) / 0.5
    assert np.abs(found.A - expected).max() <= 64 * EPS / 0.5 / (np.pi - angle)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("turning", [False, True])
def test_the_logarithm_is_that_of_many_digits(seed: int, turning: bool) -> None:
    rng = np.random.default_rng(seed)
    A = np.eye(4) + 0.2 * rng.standard_normal((4, 4))
    if turning:
        A = A + 0.2j * rng.standard_normal((4, 4))
    B = rng.standard_normal(4) + 0 * A[0]
    found: Any = discretize.continuous(sampled(A)._replace(B=B), step=1.0)
    with mpmath.workdps(50):
        bordered = mpmath.eye(5)
        for i, j in np.ndindex(4, 4):
            bordered[i, j] = mpmath.mpmathify(A[i, j])
        for i in range(4):
            bordered[i, 4] = mpmath.mpmathify(B[i])
        logarithm: Any = mpmath.logm(bordered)
        exact = np.array(logarithm.tolist(), complex)
    error = 64 * EPS * condition("zoh", found.A) * np.linalg.norm(exact)
    assert np.linalg.norm(found.A - exact[:4, :4]) <= error
    assert np.linalg.norm(found.B - exact[:4, 4]) <= error


@pytest.mark.parametrize("rule", RULES)
def test_a_filter_in_seconds_comes_back(rule: str) -> None:
    # The companion matrix spans 22 decades: entries are judged in units that balance it.
    fraction: Any = scipy.signal.butter(6, 2e3 * np.pi, analog=True)
    A, B, _, _ = scipy.signal.tf2ss(*fraction)
    form = dense(A, B[:, 0], 1e-4)
    samples: Any = discretize.discretize(form, rule=RULES[rule])
    found: Any = discretize.continuous(samples, step=form.step, rule=RULES[rule])
    units = 2.0 ** backend.balance(A)
    Z = 1e-4 * A / units[:, None] * units
    away = 1e-4 * (found.A - A) / units[:, None] * units
    tolerance = 64 * EPS * condition(rule, Z)
    assert np.linalg.norm(away) <= tolerance * np.linalg.norm(Z)
    assert np.linalg.norm((found.B - form.B) / units) <= tolerance * np.linalg.norm(form.B / units)


def test_channels_come_back_each_at_its_step() -> None:
    form = forms.to_dense(inits.s4d_inv_init(4, channels=3, step=(1e-2, 1e-1), seed=1))
    assert len(set(form.step)) == 3
    for rule in ("zoh", "foh", "gbt 0.3"):
        assert_undone(rule, form)


def test_matrices_come_back_on_every_library(carry: Any) -> None:
    form = CATALOGUE["legs"]
    tilted = RULES["gbt 0.3"]
    found: Any = discretize.continuous(tilted(carry(form)), step=carry(form.step), rule=tilted)
    assert type(found.A) is type(carry(form).A)
    tolerance = 64 * EPS * condition("gbt 0.3", form.step * form.A)
    away = np.linalg.norm(backend.to_numpy(found.A) - form.A)
    assert away <= tolerance * np.linalg.norm(form.A)
    samples: Any = discretize.zoh(form)
    assert np.array_equal(backend.to_numpy(backend.logm(carry(samples.A))), backend.logm(samples.A))


def test_single_precision_stays_single() -> None:
    form = forms.move(CATALOGUE["legs"], "torch", dtype="float32")
    samples: Any = discretize.zoh(form)
    found: Any = discretize.continuous(samples, step=form.step)
    assert str(found.A.dtype) == "torch.float32"
    tolerance = 64 * 2.0**-24 * condition("zoh", np.asarray(form.step * form.A))
    assert np.linalg.norm(np.asarray(found.A - form.A)) <= tolerance * np.linalg.norm(form.A)


def test_a_complex_matrix_may_have_an_eigenvalue_below_0() -> None:
    A = np.diag([-0.5 + 0j, 0.25])
    found: Any = discretize.continuous(sampled(A)._replace(B=np.ones(2) + 0j), step=2.0)
    assert np.abs(np.exp(2 * np.diag(found.A)) - np.diag(A)).max() <= 64 * EPS


@pytest.mark.parametrize(
    ("A", "rule", "sentence"),
    [
        (np.diag([0.5, 0.0]), "zoh", r"at the limit of the rule, to rounding"),
        (np.array([[1.0, 2.0], [2.0, 4.0]]) / 5, "zoh", r"at the limit of the rule, to rounding"),
        (np.eye(3, k=1), "impulse", r"at the limit of the rule, to rounding"),
        (np.array([[1.0, 2.0], [2.0, 4.0]]) / 5, "backward", r"at the limit of the rule"),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), "bilinear", r"at the limit of the rule"),
        (np.diag([-7 / 3, 0.5]), "gbt 0.3", r"at the limit of the rule"),
        (np.diag([0.5, -0.25]), "zoh", r"no eigenvalue below 0 .*; got -0\.25\."),
        (-np.eye(2), "impulse", r"no eigenvalue below 0 .*; got -1\."),
    ],
)
def test_a_matrix_that_is_the_sample_of_none_is_refused(
    A: np.ndarray, rule: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        discretize.continuous(sampled(A), rule=RULES[rule])


def test_a_logarithm_that_rounding_has_lost_is_refused() -> None:
    angle = np.pi - 2.0**-50  # the eigenvalues are -1 to rounding, and are found as a pair
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    with pytest.raises(ValueError, match=r"survive the rounding of A; got fewer\. Choose another"):
        discretize.continuous(sampled(turn))
    # Its samples agree to 1e-10 with those of a matrix that is 20 000 times larger.
    form = forms.to_dense(hippo.legs(64))._replace(step=np.asarray(0.1))
    samples: Any = discretize.zoh(form)
    with pytest.raises(ValueError, match=r"survive the rounding of A; got fewer\. Choose another"):
        discretize.continuous(samples, step=0.1)


@pytest.mark.parametrize(
    ("rule", "error", "sentence"),
    [
        ("foh", TypeError, r"must be a Delayed form under 'foh'; got DenseRecurrence\."),
        (discretize.foh, TypeError, r"must be a Delayed form under 'foh'; got DenseRecurrence\."),
        (lambda form: form, TypeError, r"`rule` must be a name or partial\(gbt, alpha=\.\.\.\) "),
        (partial(discretize.gbt), TypeError, r"`rule` must be a name or partial"),
        (discretize.gbt, TypeError, r"`rule` must be a name or partial"),
        (partial(discretize.gbt, alpha=2), ValueError, r"`alpha` must lie in \[0, 1\]; got 2\."),
        (partial(discretize.gbt, **{"alpha": "x"}), TypeError, r"`alpha` must be a finite number"),
        ("tustin", ValueError, r"`rule` must be one of .*; got 'tustin'\."),
        (None, ValueError, r"`rule` must be one of .*; got None\."),
        ([], ValueError, r"`rule` must be one of .*; got \[\]\."),
    ],
)
def test_a_rule_that_is_not_undone_is_refused(rule: Any, error: Any, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        discretize.continuous(sampled(0.5 * np.eye(2)), rule=rule)


@pytest.mark.parametrize("form", [None, 3.0, np.eye(2), dense(INTEGRATORS), forms.Dense])
def test_what_is_no_recurrence_is_refused(form: Any) -> None:
    with pytest.raises(TypeError, match=r"`form` must be a recurrence under .*; got \w+\. Name"):
        discretize.continuous(form)


def test_a_delayed_form_is_undone_by_first_order_hold_only() -> None:
    late: Any = discretize.foh(dense(INTEGRATORS))
    with pytest.raises(TypeError, match=r"must be a recurrence under a rule of one tap; got Del"):
        discretize.continuous(late)


def test_a_rule_may_be_its_function() -> None:
    form = CATALOGUE["legs"]
    there: Any = discretize.continuous(discretize.foh(form), step=form.step, rule=discretize.foh)
    here: Any = discretize.continuous(discretize.foh(form), step=form.step, rule="foh")
    assert np.array_equal(here.B, there.B)


def test_jax_does_not_trace_a_logarithm() -> None:
    jax = pytest.importorskip("jax")
    samples: Any = forms.move(sampled(0.5 * np.eye(2)), "jax")
    with pytest.raises(TypeError, match=r"[Tt]rac"):
        jax.jit(discretize.continuous)(samples)
