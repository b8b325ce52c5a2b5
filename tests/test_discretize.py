"""Each rule converges with the order it claims, to the same thing for modes and for matrices."""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from differences import far, largest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, models

from ssmlinalg import discretize, forms, hippo, inits, kernel, kernels, reference, scan
from ssmlinalg.forms import inner
from ssmlinalg.ground import backend

RULES = sorted(discretize.RULES)
LAMBDA = np.array([-0.5 + 2j, -0.1 + 0j, 0j, -3.0 + 0.5j])


def system(step: float, A: np.ndarray = LAMBDA) -> forms.Diagonal:
    one = np.ones(len(A)) + 0j
    return forms.Diagonal(
        A, one, one * np.array([1, 2j, 0.5, -1])[: len(A)], np.asarray(0.3), np.asarray(step)
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("step", [1e-6, 0.01, 1.0, 30.0])
def test_modes_agree_with_the_definition(rule: str, step: float) -> None:
    form = system(step)
    sampled = inner(discretize.RULES[rule](form))
    for n in range(len(LAMBDA)):
        exact = reference.discretize([[LAMBDA[n]]], [1], step, rule)
        A, now, before = (complex(part[0]) for part in exact)
        condition = 1 + abs(step * LAMBDA[n])
        assert abs(sampled.A[n] - A) <= 8 * EPS * condition * max(1, abs(A))
        drive = A * now + before if rule == "foh" else now
        assert abs(sampled.B[n] - drive) <= 16 * EPS * step * condition


@pytest.mark.parametrize("z", [-1e-9, -0.4, -40.0, -1e8, -1e12 + 1e9j, -1e-3 + 1e15j, -1e60])
def test_a_first_order_hold_keeps_its_digits_at_any_step(z: complex) -> None:
    # K_1 is smaller than K_0 by |z|: the difference of two taps had left nothing of it.
    one = np.ones(1)
    found = inner(discretize.foh(forms.Diagonal(np.array([z]), one, one, 0.0, 1.0)))
    with mpmath.workdps(80):
        exact = (mpmath.expm1(z) / z) ** 2
        assert abs(complex(found.B[0]) - exact) <= 16 * EPS * abs(exact)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("step", [1e-6, 0.01, 1.0])
def test_matrices_and_modes_agree(rule: str, step: float) -> None:
    form = system(step)
    modes = discretize.RULES[rule](form)
    dense = discretize.RULES[rule](forms.to_dense(form))
    tolerance = 64 * EPS * max(1.0, largest(inner(modes).A)) * (1 + step)
    np.testing.assert_allclose(np.diag(inner(dense).A), inner(modes).A, atol=tolerance)
    np.testing.assert_allclose(inner(dense).B, inner(modes).B, atol=tolerance * step)
    np.testing.assert_allclose(dense.D, modes.D, atol=tolerance * (1 + step))


def final_state(form: Any, rule: Any, length: int, u: np.ndarray) -> Any:
    return scan(form, u[:length], rule=rule)[1]


@pytest.mark.parametrize(
    ("rule", "order"),
    [
        ("bilinear", 2),
        ("forward", 1),
        ("backward", 1),
        ("impulse", 1),
        (partial(discretize.gbt, alpha=0.7), 1),
    ],
    ids=["bilinear", "forward", "backward", "impulse", "gbt"],
)
def test_rules_converge_with_their_order(rule: Any, order: int) -> None:
    """The state at time 1 under u = 1, halving the step: the error falls by 2^order."""
    exact = np.where(LAMBDA == 0, 1.0, np.expm1(LAMBDA) / np.where(LAMBDA == 0, 1, LAMBDA))
    errors = [far(final_state(system(1 / n), rule, n, np.ones(n)), exact) for n in (64, 128)]
    # The next term of the error is a multiple of the step times the first.
    assert abs(np.log2(errors[0] / errors[1]) - order) <= 2 * largest(LAMBDA) / 64


@pytest.mark.parametrize("n", [1, 4, 32])
def test_zoh_is_exact_for_a_constant_input_at_any_step(n: int) -> None:
    exact = np.where(LAMBDA == 0, 1.0, np.expm1(LAMBDA) / np.where(LAMBDA == 0, 1, LAMBDA))
    np.testing.assert_allclose(
        final_state(system(1 / n), "zoh", n, np.ones(n)), exact, rtol=16 * n * EPS
    )


@pytest.mark.parametrize("measure", ["legs", "legt", "chebt"])
@pytest.mark.parametrize(
    ("rule", "theirs"),
    [("zoh", "zoh"), ("bilinear", "bilinear"), ("forward", "euler"), ("backward", "backward_diff")],
)
def test_matrices_agree_with_scipy(measure: str, rule: str, theirs: str) -> None:
    dense = forms.to_dense(hippo.MEASURES[measure](6))._replace(step=np.asarray(0.05))
    ours = inner(discretize.RULES[rule](dense))
    continuous = dense.A, dense.B[:, None], dense.C[None], np.zeros((1, 1))
    discrete: Any = scipy.signal.cont2discrete(continuous, 0.05, method=theirs)
    A = discrete[0]
    B = discrete[1]
    np.testing.assert_allclose(ours.A, A, atol=256 * EPS * largest(A))
    np.testing.assert_allclose(ours.B, B[:, 0], atol=256 * EPS * largest(B))


def test_mamba_is_zoh_for_a_and_euler_for_b() -> None:
    form = inits.mamba_init(4, step=0.1)
    got = inner(discretize.discretize(form, rule="mamba"))
    np.testing.assert_allclose(got.A, np.exp(0.1 * form.A), rtol=4 * EPS)
    np.testing.assert_allclose(got.B, 0.1 * form.B, rtol=4 * EPS)


def test_bilinear_legs_is_a_contraction_at_every_step() -> None:
    for step in (1e-4, 1e-2, 1.0, 100.0):
        dense = forms.to_dense(hippo.legs(64))._replace(step=np.asarray(step))
        assert np.linalg.norm(discretize.bilinear(dense).A, 2) <= 1 + 64 * EPS


@given(st.floats(1e-12, 1e3), st.floats(-50, 0), st.floats(-1e4, 1e4))
def test_zoh_has_full_relative_accuracy_near_and_far_from_zero(
    size: float, x: float, y: float
) -> None:
    z = size * complex(x, y) / 1e4
    got = discretize.zoh(system(1.0, np.array([z]))).B[0]
    _, now, _ = reference.discretize([[z]], [1], 1, "zoh")
    assert abs(got - complex(now[0])) <= 16 * EPS * max(abs(complex(now[0])), EPS * abs(z))


@pytest.mark.parametrize("turns", [1, -3, 1000])
@pytest.mark.parametrize("beside", [1e-3, 1e-8, 1e-12])
def test_zoh_has_full_relative_accuracy_near_whole_turns(turns: int, beside: float) -> None:
    """There e^z - 1 is small and z is not: the gain is nearly nothing, to its last digits."""
    z = complex(-beside, 2 * np.pi * turns + beside)
    got = discretize.zoh(system(1.0, np.array([z]))).B[0]
    _, now, _ = reference.discretize([[z]], [1], 1, "zoh")
    assert abs(got - complex(now[0])) <= 16 * EPS * abs(complex(now[0]))


def test_phi_functions_have_the_right_derivative_at_zero() -> None:
    torch: Any = pytest.importorskip("torch")
    z: Any = torch.zeros(1, dtype=torch.complex128, requires_grad=True)
    for phi, derivative in ((discretize.phi1, 1 / 2), (discretize.phi2, 1 / 6)):
        (gradient,) = torch.autograd.grad(phi(z, z).real.sum(), z)
        assert abs(gradient.item() - derivative) <= 4 * EPS


@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_phi_functions_have_a_derivative_as_accurate_as_themselves(
    index: int, precision: str
) -> None:
    """phi_k' = (phi_{k-1} - k phi_k) / z: autograd through a quotient lost |z| times as much."""
    torch: Any = pytest.importorskip("torch")
    sizes = np.repeat(10.0 ** np.arange(-6, 5), 4)
    angles = np.tile([np.pi, 0.6 * np.pi, 0.7 * np.pi, -0.8 * np.pi], 11)
    dtype = torch.complex64 if precision == "float32" else torch.complex128
    z = torch.tensor(sizes * np.exp(1j * angles), dtype=dtype, requires_grad=True)
    one = torch.ones(1, dtype=getattr(torch, precision))
    phi = discretize.phi1 if index == 1 else discretize.phi2
    (gradient,) = torch.autograd.grad(phi(*discretize.modulo_turns(one, z)).real.sum(), z)
    with mpmath.workprec(300):
        for at, got in zip(z.tolist(), gradient.conj().tolist(), strict=True):
            functions = [mpmath.exp(at)]
            for _ in (1, 2):
                functions.append((functions[-1] - 1) / mpmath.mpc(at))
            exact = (functions[index - 1] - index * functions[index]) / mpmath.mpc(at)
            assert abs(got - exact) <= 64 * np.finfo(precision).eps * abs(exact)


def test_phi_functions_can_be_differentiated_twice_and_forward() -> None:
    torch: Any = pytest.importorskip("torch")
    z = torch.tensor([0.3 + 0.1j, 2 - 1j, 0j, -0.45], dtype=torch.complex128, requires_grad=True)
    for phi in (discretize.phi1, discretize.phi2):
        assert torch.autograd.gradcheck(lambda z, phi=phi: phi(z, z), z, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(lambda z, phi=phi: phi(z, z), z)


@pytest.mark.parametrize("size", [1e-6, 0.019, 1.0, 40.0])
def test_the_matrix_exponential_is_that_of_scipy_on_every_library(carry: Any, size: float) -> None:
    from ssmlinalg.ground import backend

    A = size * forms.to_dense(inits.s4_init(7)).A / 20
    expected = scipy.linalg.expm(A)
    got = backend.to_numpy(backend.expm(carry(np.stack([A, 0 * A]))))
    np.testing.assert_allclose(got[0], expected, atol=64 * EPS * (1 + size))
    np.testing.assert_array_equal(got[1], np.eye(7))


def test_a_stiff_triangular_matrix_stays_finite() -> None:
    """Matrices of the kind that make a well-known expm return NaN: huge spread on the diagonal,
    huge coupling.
    """
    from ssmlinalg.ground import backend

    for fast, slow, coupling in (
        (-2.7e6, -32.0, 2.7e6),
        (-1e12, -1e-6, 1e12),
        (-6.5e5, -6.5e5, 1e6),
    ):
        A = np.array([[fast, coupling], [0.0, slow]])
        E = backend.expm(A)
        exact = (
            coupling * (np.exp(slow) - np.exp(fast)) / (slow - fast)
            if fast != slow
            else coupling * np.exp(slow)
        )
        expected = np.array([[np.exp(fast), exact], [0, np.exp(slow)]])
        assert np.all(np.isfinite(E))
        assert far(E, expected) <= 8 * EPS * np.linalg.norm(
            A
        )  # what a backward stable method can promise


def test_a_rule_may_be_any_function() -> None:
    form = system(0.1)
    ours = inner(discretize.discretize(form, rule=partial(discretize.gbt, alpha=0.5)))
    np.testing.assert_array_equal(ours.A, discretize.bilinear(form).A)


def test_a_rule_in_the_table_needs_no_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = partial(discretize.gbt, alpha=0.3)
    monkeypatch.setitem(discretize.RULES, "mine", rule)
    form = system(0.1)
    np.testing.assert_allclose(
        kernel(form, 9, rule="mine"), kernel(form, 9, rule=rule), rtol=64 * EPS
    )
    u = np.ones(9)
    np.testing.assert_array_equal(scan(form, u, rule="mine")[0], scan(form, u, rule=rule)[0])


@pytest.mark.parametrize("rule", RULES)
def test_a_checked_form_is_sampled_alike_behind_the_door(rule: str) -> None:
    form = forms.check(system(0.1))
    ours, base = discretize.sampled_with_base(form, rule=rule)
    public = discretize.discretize(form, rule=rule)
    for here, there in ((ours, public), (discretize.sampled(form, rule=rule), public)):
        np.testing.assert_array_equal(inner(here).A, inner(there).A)
        np.testing.assert_array_equal(inner(here).B, inner(there).B)
        np.testing.assert_array_equal(here.D, there.D)
    assert base is not None
    assert far(base.value, inner(ours).A) <= 4 * EPS * largest(inner(ours).A)
    assert discretize.sampled(ours, rule="a discrete form uses none") is ours or rule == "foh"


FRACTIONS = [discretize.bilinear, discretize.forward, discretize.backward]


@pytest.mark.parametrize("rule", [*FRACTIONS, partial(discretize.gbt, alpha=0.3)])
def test_low_rank_is_sampled_as_its_matrix(rule: Any, carry: Any) -> None:
    form = inits.s4_init(7, channels=2, step=0.1, seed=1)
    found = rule(carry(form))
    expected = rule(forms.to_dense(form))
    scale = EPS * (1 + largest(form.step) * largest(forms.to_dense(form).A) * 7)
    assert far(found.A, expected.A) <= 32 * scale * largest(expected.A)
    assert far(found.B, expected.B) <= 32 * scale * largest(expected.B)


def test_a_mode_at_the_pole_of_a_rule_is_no_pole_of_its_system() -> None:
    """Lambda = 2/step, and Lambda - P P^H = -2."""
    one = np.ones(1) + 0j
    form = forms.DPLR(4 * one, np.sqrt(6) * one[:, None], one, one, 0.0, 0.5)
    assert discretize.low_rank(forms.check(form), "bilinear") is None
    assert far(discretize.bilinear(form).A, 1 / 3) <= 8 * EPS


def test_no_matrix_is_made_to_step_a_system_of_low_rank() -> None:
    order = 2048
    form = inits.s4_init(order)
    tracemalloc.start()
    kernels.stepper(form, rule="bilinear")(np.asarray(1.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 16 * order**2 / 32


KINDS = {
    forms.Recurrence: "Diagonal",
    forms.PairedRecurrence: "Paired",
    forms.MIMORecurrence: "MIMO",
}


@pytest.mark.parametrize("rule", RULES)
@given(models(), st.floats(1e-4, 10.0))
def test_every_recurrence_of_modes_is_the_sample_of_what_continuous_makes_of_it(
    rule: str, form: Any, step: float
) -> None:
    recurrence: Any = discretize.sampled(form, rule="zoh")
    if type(recurrence) not in KINDS:
        return
    given: Any = recurrence
    if rule == "foh":
        given = forms.Delayed(recurrence._replace(D=0 * recurrence.D), recurrence.D)
    found: Any = discretize.continuous(given, step=step, rule=rule)
    assert type(found).__name__ == KINDS[type(recurrence)]
    again = inner(discretize.discretize(found, rule=rule))
    z = np.abs(found.A * step)
    # Rounding of z becomes one of f(z), of a fraction near its pole |z| times more.
    condition = 1 + z * (1 + z if rule in ("bilinear", "backward") else 1)
    scale = condition * np.maximum(1, np.abs(recurrence.A))
    assert np.all(np.abs(again.A - recurrence.A) <= 16 * EPS * scale)
    assert np.all(np.abs(again.B - recurrence.B) <= 16 * EPS * np.abs(recurrence.B))
    assert np.array_equal(again.C, recurrence.C)


@pytest.mark.parametrize("rule", RULES)
def test_continuous_undoes_every_rule_on_every_library(rule: str, carry: Any) -> None:
    # |Im z| < pi: nothing is aliased
    form = inits.s4d_inv_init(8, channels=2, step=(1e-3, 1e-2), seed=1)
    recurrence: Any = discretize.RULES[rule](carry(form))
    there: Any = discretize.continuous(recurrence, step=carry(form.step), rule=rule)
    step = form.step[:, None]
    A = backend.to_numpy(there.A)
    B = backend.to_numpy(there.B)
    assert np.all(np.abs(A - form.A) <= 64 * EPS / step)
    assert np.all(np.abs(B - form.B) <= 64 * EPS * (1 + np.abs(form.A * step)) * np.abs(form.B))


@pytest.mark.parametrize(("rule", "A"), [("zoh", 0.0), ("backward", 0.0), ("bilinear", -1.0)])
def test_a_mode_that_no_rule_samples_to_is_refused(rule: str, A: float) -> None:
    one = np.ones(1) + 0j
    with pytest.raises(
        ValueError,
        match=r"must be the sample of one by '.*'; got A = -?[01].*\. Choose another rule",
    ):
        discretize.continuous(forms.Recurrence(A * one, one, one, np.asarray(0.0)), rule=rule)


@pytest.mark.parametrize("step", [0, -1.0, np.nan, np.inf, 10**400, 1j, "a", None, [0.1]])
def test_continuous_refuses_what_is_no_step(step: Any) -> None:
    form: Any = discretize.zoh(inits.s4d_lin_init(4))
    with pytest.raises(
        (ValueError, TypeError),
        match=r"`step` must be a finite number above 0; got [^\n]+\. [A-Z][^\n]*\.",
    ):
        discretize.continuous(form, step=step)


def test_continuous_refuses_steps_that_overflow() -> None:
    form: Any = discretize.zoh(inits.s4d_lin_init(4))
    with pytest.raises(ValueError, match=r"`A` must be finite; got "):
        discretize.continuous(form, step=1e-320)
