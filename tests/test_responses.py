"""Step responses: the integral of the impulse response, by modes and by matrices."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, continuous_names, models, seeds

from ssmlinalg import discretize, forms, hippo, inits, kernel, reference, transfer
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.kernels.irregular import kernel_at
from ssmlinalg.systems.responses import step_response

SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"
KINDS = ["DPLR", "Dense", "Diagonal", "MIMO", "Paired"]
TIMES = np.array([0.0, 1e-9, 0.03, 0.5, 2.0, 7.0])
kinds = st.sampled_from(KINDS)
ONE = np.ones(1) + 0j
ZERO = np.asarray(0.0)
UNIT = np.asarray(1.0)


def model(kind: str, seed: int, N: int = 4) -> Any:
    """A damped system of |A| about 3, with one integrator among modes that have no matrix."""
    rng = np.random.default_rng(seed)
    a, b, c, d, e, f = rng.standard_normal((6, N))
    A = -0.1 - np.abs(a) + 2j * b
    B = c + 1j * d
    C = e + 1j * f
    D = np.asarray(rng.standard_normal())
    square = rng.standard_normal((N, N))
    wide = rng.standard_normal((N, 2))
    if kind == "Dense":
        damped = square - (0.1 + np.linalg.norm(square, 2)) * np.eye(N)
        return forms.Dense(damped, c, e, D, UNIT)
    if kind == "DPLR":
        return forms.DPLR(Lambda=A, P=wide / 2 + 0j, B=B, C=C, D=D, step=UNIT)
    A = np.concatenate([A[1:], [0.0]])
    if kind == "MIMO":
        rows = np.stack([B, C, B * C])
        return forms.MIMO(A, wide + 0j, rows, rng.standard_normal((3, 2)), np.ones(N))
    return forms.FORMS[kind](A, B, C, D, UNIT)


def weight(form: Any, times: np.ndarray) -> float:
    """A bound of all that is added: |C| |B| max(1, t) of a damped system, and D."""
    weights = 2 * np.linalg.norm(form.C) * np.linalg.norm(form.B)
    return float(weights * max(1.0, np.max(times)) + np.abs(form.D).max())


def rounding(form: Any, times: np.ndarray) -> float:
    """N eps times that; a matrix is exact to |A| t eps besides."""
    A = forms.plain(form).A
    turn = np.linalg.norm(A) * np.max(times) if forms.kind(form).matrix else 0.0
    return A.shape[-1] * EPS * weight(form, times) * (1 + turn)


@given(kinds, st.floats(1e-6, 30), st.integers(1, 5), seeds)
def test_the_step_response_is_the_integral_of_the_definition(
    kind: str, t: float, N: int, seed: int
) -> None:
    form = model(kind, seed, N)
    A = forms.to_dense(form).A if kind in ("Dense", "DPLR") else np.diag(form.A)
    B = form.B if kind == "MIMO" else form.B[:, None]
    C = form.C if kind == "MIMO" else form.C[None]
    states = [reference.discretize(A, b, t, "zoh", digits=25)[1] for b in B.T]
    x = np.array([[complex(value) for value in state] for state in states]).T
    half = kind in ("Paired", "MIMO")
    expected = ((2 if half else 1) * C @ x).real + form.D
    got = np.reshape(step_response(form, np.array([t])), expected.shape)
    assert np.abs(got - expected).max() <= 8 * rounding(form, np.array([t]))


@given(kinds, st.floats(0.01, 3), st.floats(0.01, 1), seeds)
def test_its_increments_integrate_the_impulse_response(
    kind: str, start: float, length: float, seed: int
) -> None:
    form = model(kind, seed)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    times = start + length * (nodes + 1) / 2
    increment = np.diff(step_response(form, np.array([start, start + length])), axis=-1)[..., 0]
    integral = kernel_at(form, times) @ weights * length / 2
    assert np.abs(increment - integral).max() <= 16 * rounding(form, times)


@given(kinds, seeds)
def test_its_laplace_transform_is_the_transfer_function_over_s(kind: str, seed: int) -> None:
    """To t = 20, where e^{-2t} < eps^2; pieces of 1/4, in which all is smooth."""
    form = model(kind, seed)
    s = np.array([2.0, 2.0 + 3j])
    nodes, weights = np.polynomial.legendre.leggauss(20)
    times = (np.arange(80)[:, None] + (nodes + 1) / 2).ravel() / 4
    S = step_response(form, times) * np.tile(weights, 80) / 8
    laplace = S @ np.exp(-np.multiply.outer(times, s))
    assert np.abs(laplace - transfer(form, s) / s).max() <= 32 * rounding(form, np.array([20.0]))


@given(models(continuous_names, largest=9), st.integers(1, 20))
def test_sampled_it_is_the_running_sum_of_the_kernel_of_a_hold(form: Any, length: int) -> None:
    """Every initialization: an input that is held and one that rose are the same."""
    step = np.asarray(form.step)
    if forms.kind(form).ports:
        step = np.asarray(0.01)
        form = form._replace(step=np.full_like(form.step, step))
    K = kernel(form, length, rule="zoh")
    times = np.arange(1, length + 1) * step[..., None]
    expected = np.cumsum(K, axis=-1)
    A = form.Lambda if isinstance(form, forms.DPLR) else form.A
    N = A.shape[-1]
    turns = length * N * float(np.max(np.abs(A)) * np.max(step))
    weights = N * float(np.max(np.abs(form.C)) * np.max(np.abs(form.B)))
    scale = weights * max(1.0, float(times.max())) + np.abs(form.D).max()
    bound = 32 * EPS * length * (1 + turns) * scale
    assert np.abs(step_response(form, times) - expected).max() <= bound


@given(kinds, seeds)
def test_it_ends_at_the_gain_at_frequency_zero(kind: str, seed: int) -> None:
    form = model(kind, seed)
    form = form._replace(A=form.A - 0.1) if kind in ("Diagonal", "Paired", "MIMO") else form
    late = np.array([500.0])  # e^{-0.1 t} < eps
    gain = transfer(form, np.zeros(1))
    assert np.abs(step_response(form, late) - gain.real).max() <= 16 * rounding(form, late)


@given(kinds, seeds)
def test_it_begins_at_the_direct_path(kind: str, seed: int) -> None:
    form = model(kind, seed)
    expected = np.repeat(form.D[..., None], 2, axis=-1)
    np.testing.assert_array_equal(step_response(form, np.zeros(2)), expected)


def test_the_coefficients_of_legs_rise_to_the_first() -> None:
    """Under a constant input `legs` remembers a constant: 1, 0, 0, ..., 1 - e^{-t} on the way."""
    A, B, _ = hippo.legs(12)
    t = np.array([0.1, 1.0, 60.0])
    S = step_response(forms.Dense(A, B, np.eye(12), np.zeros(12), np.ones(12)), t)
    bound = 8 * EPS * 12 * np.linalg.norm(A) * 60
    assert np.abs(S[0] - (1 - np.exp(-t))).max() <= bound
    assert np.abs(S[1:, -1]).max() <= bound


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_a_strong_input_is_no_long_time(size: float) -> None:
    form = model("Dense", 0)
    got = step_response(form._replace(B=size * form.B, C=form.C / size), TIMES)
    assert np.abs(got - step_response(form, TIMES)).max() <= 8 * rounding(form, TIMES)


def test_a_matrix_may_integrate() -> None:
    A = np.array([[0.0, 1.0], [0.0, 0.0]])
    form = forms.Dense(A, np.array([0.0, 1.0]), np.array([1.0, 0.0]), ZERO, UNIT)
    np.testing.assert_allclose(step_response(form, TIMES), TIMES**2 / 2, rtol=8 * EPS)
    np.testing.assert_array_equal(step_response(form._replace(B=np.zeros(2)), TIMES), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_library_gives_the_same(carry: Callable[[Any], Any], kind: str) -> None:
    form = model(kind, 5)
    got = step_response(carry(form), carry(TIMES))
    assert library(got) == library(carry(TIMES))
    assert np.abs(to_numpy(got) - step_response(form, TIMES)).max() <= 8 * rounding(form, TIMES)


def library(array: Any) -> str:
    return type(array).__module__.partition(".")[0]


@pytest.mark.parametrize("kind", ["Dense", "Diagonal", "Paired"])
def test_times_and_forms_broadcast(kind: str) -> None:
    members = [model(kind, seed) for seed in range(3)]
    form = type(members[0])(*(np.stack(fields) for fields in zip(*members, strict=True)))
    times = TIMES * np.array([1.0, 0.5])[:, None, None]
    got = step_response(form, times)
    assert got.shape == (2, 3, len(TIMES))
    for k, member in enumerate(members):
        for row in range(2):
            error = np.abs(got[row, k] - step_response(member, times[row, 0]))
            assert error.max() <= 8 * rounding(member, TIMES)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    form = model(kind, 1)
    times = np.linspace(0, 9, 100)
    whole = step_response(form, times)
    monkeypatch.setattr("ssmlinalg.kernels.blocks.NUMBERS", 1)
    assert np.abs(step_response(form, times) - whole).max() <= rounding(form, times)


def test_gradients_pass_also_at_an_integrator() -> None:
    torch: Any = pytest.importorskip("torch")
    for kind in ("Dense", "DPLR", "Paired", "MIMO"):
        form = forms.move(model(kind, 2, 3), "torch")
        leaves = [array.requires_grad_(True) for array in form[:-1]]
        times = torch.asarray(TIMES[2:5]).requires_grad_(kind in ("Paired", "MIMO"))

        def evaluate(times: Any, *fields: Any, form: Any = form) -> Any:
            return step_response(type(form)(*fields, form.step), times)

        assert torch.autograd.gradcheck(evaluate, (times, *leaves))


def test_a_compiler_may_follow() -> None:
    jax: Any = pytest.importorskip("jax")
    for kind in KINDS:
        form = model(kind, 2)
        got = jax.jit(step_response)(forms.move(form, "jax"), jax.numpy.asarray(TIMES))
        assert np.abs(to_numpy(got) - step_response(form, TIMES)).max() <= 8 * rounding(form, TIMES)


SAMPLED: Any = discretize.zoh(model("Paired", 0))
LATE: Any = discretize.foh(model("Paired", 0))
LEGS: Any = hippo.legs(4)
NO_FORM: Any = "legs"
BAD: dict[str, Callable[[], Any]] = {
    "a recurrence": lambda: step_response(SAMPLED, TIMES),
    "a late one": lambda: step_response(LATE, TIMES),
    "no output": lambda: step_response(LEGS, TIMES),
    "no form": lambda: step_response(NO_FORM, TIMES),
    "no times": lambda: step_response(model("Dense", 0), TIMES[:0]),
    "a time before": lambda: step_response(model("Paired", 0), -TIMES),
    "a complex time": lambda: step_response(model("Dense", 0), TIMES + 0j),
    "NaN": lambda: step_response(model("Paired", 0), TIMES * np.nan),
    "times of another batch": lambda: step_response(
        inits.s4d_lin_init(4, channels=2), np.ones((3, 5))
    ),
    "growth": lambda: step_response(forms.Diagonal(ONE, ONE, ONE, ZERO, UNIT), np.array([1e4])),
    "a matrix that grows": lambda: step_response(
        forms.Dense(np.eye(1), np.ones(1), np.ones(1), ZERO, UNIT), np.array([1e4])
    ),
    "a matrix for too long": lambda: step_response(model("Dense", 0), np.array([1e8])),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_sentence(case: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        BAD[case]()
    assert re.fullmatch(SENTENCE, str(caught.value)), caught.value


def test_a_response_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="memory") as error:
        step_response(inits.s4d_legs_init(4, channels=1000), np.broadcast_to(1.0, (10**8,)))
    assert re.fullmatch(SENTENCE, str(error.value))
