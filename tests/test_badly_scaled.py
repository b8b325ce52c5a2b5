"""Realizations whose entries span many decades: filters and delays as SciPy makes them, in any unit
of time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.linalg
from scipy import signal

from ssmlinalg import discretize, forms, kernel, kernels, reduce, reference, systems
from ssmlinalg.ground import backend
from ssmlinalg.ground.backend.pade_approximant import squarings
from ssmlinalg.ground.formats import EPS

LENGTH = 8
STEP = 0.25
UNITS = (-30, -17, 0, 10, 30)  # binary exponents of 1/(unit of time): days beside nanoseconds


class Case(NamedTuple):
    """A real system of one input and output in companion form, its poles of size about 1."""

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    D: float

    def in_unit(self, p: int) -> forms.Dense:
        """The same in a unit of time 2^p times as short; rounds nothing."""
        k = p * np.arange(len(self.A))
        return forms.Dense(
            A=np.ldexp(self.A, p + k - k[:, None]),
            B=np.ldexp(self.B, p - k),
            C=np.ldexp(self.C, k),
            D=np.asarray(self.D),
            step=np.ldexp(np.asarray(STEP), -p),
        )


def filtered(kind: Any, *arguments: Any) -> Case:
    """A filter of SciPy."""
    coefficients: Any = kind(*arguments, analog=True)
    return realized(*coefficients)


def realized(numerator: Any, denominator: Any) -> Case:
    A, B, C, D = signal.tf2ss(numerator, denominator)
    return Case(A, B[:, 0], C[0], float(D[0, 0]))


def pade(order: int) -> Case:
    """The delay of one unit of time."""
    exponent = np.arange(order, -1, -1)
    weights = [
        math.factorial(2 * order - k) / math.factorial(k) / math.factorial(order - k)
        for k in map(int, exponent)
    ]
    return realized(np.array(weights) * (-1.0) ** exponent, weights)


def companion(order: int, seed: int) -> Case:
    """Random stable poles, random zeros."""
    rng = np.random.default_rng(seed)
    pairs = -rng.uniform(0.05, 1, order // 2) + 1j * rng.uniform(0.1, 3, order // 2)
    single = -rng.uniform(0.1, 2, order % 2)
    denominator = np.poly(np.concatenate([pairs, pairs.conj(), single])).real
    return realized(rng.standard_normal(order), denominator)


def cases() -> Iterator[Case]:
    for order in (2, 3, 4, 5, 6, 7, 8):
        yield filtered(signal.butter, order, 1)
    for order in (3, 4, 6):
        yield filtered(signal.cheby1, order, 1, 1)
        yield filtered(signal.cheby2, order, 40, 1)
        yield filtered(signal.ellip, order, 1, 40, 1)
        yield filtered(signal.bessel, order, 1)
    for order in (1, 2, 3, 4, 5):
        yield pade(order)
    for seed in range(16):
        yield companion(2 + seed % 7, seed)


CASES = list(cases())


def exact_kernel(case: Case) -> np.ndarray:
    K = reference.kernel(case.A, case.B, case.C, case.D, STEP, LENGTH, digits=100)
    return np.array([float(value) for value in K])


def allowance(case: Case) -> float:
    """eps times the condition number of the exponential that samples the system, and its scale.

    Both in balanced coordinates, for these have the meaning. Each sample doubles an error at most.
    """
    A, (units, _) = scipy.linalg.matrix_balance(case.A, permute=False, separate=True)
    B = case.B / units
    C = case.C * units
    size = np.linalg.norm(B)
    bordered = np.zeros((len(A) + 1, len(A) + 1))
    bordered[:-1, :-1] = A
    bordered[:-1, -1] = B / size
    condition = scipy.linalg.expm_cond(STEP * bordered)
    powers = [np.linalg.norm(scipy.linalg.expm(STEP * k * A)) for k in range(LENGTH + 1)]
    return EPS * condition * (np.linalg.norm(C) * size * STEP * max(powers) + abs(case.D))


def test_there_are_200_realizations() -> None:
    assert len(CASES) * len(UNITS) == 200


@pytest.mark.parametrize("case", CASES)
def test_kernels_do_not_depend_on_the_unit_of_time(case: Case) -> None:
    exact = exact_kernel(case)
    for p in UNITS:
        K = kernel(case.in_unit(p), LENGTH)
        assert np.max(np.abs(K - exact)) <= 16 * allowance(case)


def butter(order: int) -> Case:
    return filtered(signal.butter, order, 1)


@pytest.mark.parametrize("rule", ["foh", "bilinear"])
def test_every_library_samples_filters_in_kilohertz(carry: Callable[[Any], Any], rule: str) -> None:
    case = butter(5)
    exact = reference.kernel(case.A, case.B, case.C, case.D, STEP, LENGTH, rule)
    K = backend.to_numpy(kernel(carry(case.in_unit(13)), LENGTH, rule=rule))
    assert np.max(np.abs(K - np.array(exact, float))) <= 16 * allowance(case)


def test_the_balancing_act_is_sampled_right(carry: Callable[[Any], Any]) -> None:
    """Moler's example, to which scaling by the norm alone gave 0.953."""
    a, b, c = 2e10, 4e8 / 6, 200 / 3
    A = np.array([[0.0, 1e-8, 0.0], [-(a + b), -3.0, a], [c, 0.0, -c]])
    one = np.ones(3)
    form = forms.Dense(A, one, one, np.asarray(0.0), np.asarray(1.0))
    sampled: Any = discretize.discretize(carry(form))
    found = backend.to_numpy(sampled.A)
    exact = np.array([float(x) for x in reference.discretize(A, one, 1, "zoh", digits=80)[0]])
    exact = exact.reshape(3, 3)
    assert abs(exact[0, 0] - 0.44684946828317) <= 1e-14
    _, (units, _) = scipy.linalg.matrix_balance(A, permute=False, separate=True)
    balanced = A * units / units[:, None]
    apart = (found - exact) * units / units[:, None]
    scale = np.linalg.norm(exact * units / units[:, None])
    assert np.linalg.norm(apart) <= 16 * EPS * scale * scipy.linalg.expm_cond(balanced)


@pytest.mark.parametrize("size", [1.0, 30.0, 1e3, 1e4])
def test_a_matrix_without_powers_is_squared_as_its_moduli_ask_for(size: float) -> None:
    """Its powers vanish and ask for nothing; rounding sees |Z|. The first term of the backward
    error, c |Z|^27, is below the unit roundoff (Al-Mohy & Higham 2009, equation 3.6).
    """
    Z = size * np.outer([3.0, -2, 1], [1, 2, 1])
    scaled = np.abs(Z) / 2.0 ** float(squarings(Z))
    term = np.linalg.norm(np.linalg.matrix_power(scaled, 27), 1) / np.linalg.norm(scaled, 1)
    assert term / (math.comb(26, 13) * math.factorial(27)) <= EPS / 2


@pytest.mark.parametrize("order", [2, 5, 6, 8])
@pytest.mark.parametrize("p", UNITS)
def test_butterworth_filters_have_their_norms_in_any_unit(order: int, p: int) -> None:
    form = butter(order).in_unit(p)
    hinf = systems.hinf_norm(form)
    angle = math.pi / (2 * order)
    h2 = math.sqrt(2.0**p / math.pi * angle / math.sin(angle))
    condition = np.linalg.cond(np.vander(np.linalg.eigvals(butter(order).A)))
    assert hinf.lower <= 1 + 4 * EPS * condition
    assert 1 - 4 * EPS * condition <= hinf.upper <= 1 + 2e-6
    assert abs(systems.h2_norm(form) / h2 - 1) <= 4 * EPS * condition
    G = systems.transfer(form, np.array([1j * 2.0**p]))
    assert abs(abs(G[0]) - math.sqrt(0.5)) <= 4 * EPS * condition


@pytest.mark.parametrize("case", [butter(8), pade(4), companion(6, 1)])
def test_norms_and_hankel_values_do_not_depend_on_the_unit_of_time(case: Case) -> None:
    plain = case.in_unit(0)
    hankel = systems.hankel_singular_values(plain)
    l1 = systems.l1_norm(plain)
    for p in UNITS:
        form = case.in_unit(p)
        found = systems.hankel_singular_values(form)
        assert np.max(np.abs(found - hankel)) <= 1e3 * EPS * hankel[0]
        bounds = systems.l1_norm(form)
        assert bounds.lower <= l1.upper
        assert bounds.upper >= l1.lower
        assert bounds.upper <= 1.0011 * bounds.lower
        reduced = reduce.balanced(form, error=0.1, relative=False)
        assert systems.hinf_distance(form, reduced.form).lower <= reduced.upper <= 0.1


@pytest.mark.parametrize("p", UNITS)
def test_gramians_solve_their_equations_in_any_unit(p: int) -> None:
    """In balanced coordinates, in which they are compared, no unit is left."""
    case = butter(6)
    k = np.arange(6)
    P = systems.controllability_gramian(case.in_unit(p))
    Q = systems.observability_gramian(case.in_unit(p))
    rows = k + k[:, None]
    P = np.ldexp(P, p * (rows - 1))
    Q = np.ldexp(Q, p * (1 - rows))
    A, B, C = case.A, case.B[:, None], case.C[None]
    energies = (A @ P + P @ A.T + B @ B.T, A.T @ Q + Q @ A + C.T @ C)
    for residual, X in zip(energies, (P, Q), strict=True):
        assert np.linalg.norm(residual) <= 64 * EPS * np.linalg.norm(A) * np.linalg.norm(X)


def test_responses_at_any_time_do_not_depend_on_the_unit_of_time() -> None:
    case = butter(6)
    times = np.array([0.5, 1.0, 7.0])
    K = kernels.kernel_at(case.in_unit(0), times)
    S = systems.step_response(case.in_unit(0), times)
    for p in UNITS:
        form = case.in_unit(p)
        found = np.ldexp(kernels.kernel_at(form, np.ldexp(times, -p)), -p)
        assert np.max(np.abs(found - K)) <= 256 * EPS * np.max(np.abs(K))
        found = systems.step_response(form, np.ldexp(times, -p))
        assert np.max(np.abs(found - S)) <= 256 * EPS * np.max(np.abs(S))


def test_gradients_pass_through_balancing() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    form = butter(3).in_unit(6)

    def total(*fields: Any) -> Any:
        return (kernel(forms.Dense(*fields), 4) ** 2).sum()

    tensors = [torch.tensor(field, requires_grad=True) for field in form]
    expected = torch.autograd.grad(total(*tensors), tensors)
    found = jax.jit(jax.grad(total, argnums=range(5)))(*map(jax.numpy.asarray, form))
    for gradient, other in zip(expected, found, strict=True):
        scale = np.max(np.abs(gradient.numpy()))
        assert np.max(np.abs(gradient.numpy() - other)) <= 256 * EPS * scale
