"""Memory that is read: what a state stands for, at every time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS

from ssmlinalg import convolve, forms, hippo, kernel, perturb, transfer
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.kernels import scan_irregular


def projections(u: np.ndarray, order: int) -> np.ndarray:
    """The Legendre coefficients of the held samples on [0, k], integrated piece by piece."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    found = []
    for k in range(1, len(u) + 1):
        pieces = np.arange(k)[:, None] + (nodes + 1) / 2  # each piece by a rule of its own
        P = np.polynomial.legendre.legvander(2 * pieces / k - 1, order - 1)
        integrals = np.einsum("kgn,g,k->n", P, weights / 2, u[:k]) / k
        found.append(np.sqrt(2 * np.arange(order) + 1) * integrals)
    return np.array(found)


@given(st.integers(1, 24), st.integers(1, 20), st.integers(0, 99))
def test_the_online_states_are_projections_of_all_that_came(N: int, L: int, seed: int) -> None:
    u = np.random.default_rng(seed).standard_normal((2, L))
    got = hippo.online_legs(N, u)
    size = 16 * EPS * N * L * np.abs(u).max()
    for one, states in zip(u, got, strict=True):
        np.testing.assert_allclose(states, projections(one, N), rtol=0, atol=size)


@given(st.integers(1, 12), st.integers(2, 20))
def test_the_online_states_are_those_of_the_dense_recurrence(N: int, L: int) -> None:
    """x(k+1) = e^{A h} x + A^{-1}(e^{A h} - I) B u with h = log((k+1)/k), by SciPy."""
    u = np.random.default_rng(L).standard_normal(L)
    A, B, _ = (np.asarray(part) for part in hippo.legs(N))
    x = u[0] * np.eye(N)[0]
    got = hippo.online_legs(N, u)
    for k, h in enumerate(hippo.log_steps(L), start=1):
        M = scipy.linalg.expm(A * h)
        x = M @ x + np.linalg.solve(A, (M - np.eye(N)) @ B) * u[k]
        np.testing.assert_allclose(got[k], x, rtol=0, atol=1e3 * N**2 * EPS * L)


def test_a_perturbed_model_with_logarithmic_steps_is_the_online_memory() -> None:
    """O(N) a sample; the error falls with kappa(V): 1/kappa of the state."""
    N, L = 16, 300
    legs = hippo.legs(N)
    u = np.random.default_rng(0).standard_normal(L)
    exact = hippo.online_legs(N, u)[-1]
    for condition in (1e2, 1e4, 1e5):
        found = perturb.lossless(legs, conditioning=condition)
        B = (1 - found.tau / 2) * found.drive(legs.B)
        none = np.asarray(0.0)
        model = forms.Diagonal(found.Lambda, B, np.ones(N) + 0j, none, np.asarray(1.0))
        start = found.drive(np.eye(N)[0] * u[0])
        _, z = scan_irregular(model, u[1:], hippo.log_steps(L), start)
        error = np.linalg.norm((found.V @ z).real - exact) / np.linalg.norm(exact)
        assert error <= 1 / condition  # 5.5e-6 at 1e5


def test_the_past_is_rebuilt_better_with_n_at_every_time() -> None:
    """Not only at the end: the largest error over all ages, after every eighth of the signal."""
    L = 400
    u = np.sin(np.linspace(0, 6, L)) + 0.3 * np.cos(np.linspace(0, 11, L))
    worst = []
    for N in (2, 4, 8, 16):
        states = hippo.online_legs(N, u)
        errors = []
        for k in range(L // 8, L + 1, L // 8):
            ages = np.arange(k) + 0.5
            basis = hippo.legs_basis(N, -np.log1p(-ages / k))
            rebuilt = hippo.reconstruct(basis, states[k - 1])
            errors.append(np.abs(rebuilt - u[:k][::-1]).max())
        worst.append(errors)
    floor = 0.003  # of the steps that the held input has
    for coarse, fine in itertools.pairwise(worst):
        assert np.all(np.array(fine) <= np.maximum(np.array(coarse) / 2, floor))
    assert max(worst[-1]) < floor


def test_the_bilinear_memory_solves_its_equations_and_nears_the_exact_one() -> None:
    N, L = 9, 60
    u = np.random.default_rng(3).standard_normal((2, L))
    A, B, _ = (np.asarray(part) for part in hippo.legs(N))
    x = np.zeros((N, 2))
    got = hippo.online_bilinear(N, u)
    for k in range(1, L + 1):
        right = (np.eye(N) + A / (2 * k)) @ x + np.outer(B, u[:, k - 1]) / k
        x = np.linalg.solve(np.eye(N) - A / (2 * k), right)
        np.testing.assert_allclose(got[:, k - 1], x.T, rtol=0, atol=64 * N * k * EPS)
    smooth = np.cos(np.linspace(0, 3, 800))
    off = np.abs(hippo.online_bilinear(4, smooth) - hippo.online_legs(4, smooth)).max(axis=1)
    assert off[799] < 0.02
    assert off[799] < off[199] / 3


@pytest.mark.parametrize("make", [hippo.online_legs, hippo.online_bilinear])
def test_the_online_memory_stays_in_the_library_of_its_samples(
    make: Callable[..., Any], carry: Callable[[Any], Any]
) -> None:
    u = np.random.default_rng(0).standard_normal((2, 3, 30))
    expected = make(9, u)
    got = make(9, carry(u))
    assert type(got) is type(carry(u))
    np.testing.assert_allclose(to_numpy(got), expected, rtol=0, atol=1e3 * 9 * EPS)
    basis = hippo.legs_basis(9, [0.0, 0.3])
    past = hippo.reconstruct(basis, got)
    assert type(past) is type(got)
    expected = hippo.reconstruct(basis, expected)
    np.testing.assert_allclose(to_numpy(past), expected, rtol=0, atol=1e5 * EPS)


@pytest.mark.parametrize("make", [hippo.online_legs, hippo.online_bilinear])
def test_the_online_memory_keeps_precision_and_has_derivatives(make: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    u = np.random.default_rng(1).standard_normal(12)
    single = make(5, torch.tensor(u, dtype=torch.float32))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), make(5, u), rtol=0, atol=1e-5)
    parameter = torch.tensor(u, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: make(5, u), (parameter,))
    compiled = jax.jit(lambda u: make(5, u))(jax.numpy.asarray(u))
    np.testing.assert_allclose(compiled, make(5, u), rtol=0, atol=1e3 * EPS)
    with pytest.raises(TypeError, match="`u` must be real"):
        make(5, torch.tensor(u + 1j))
    with pytest.raises(ValueError, match="L at least 1"):
        make(5, torch.zeros((2, 0)))


def band_limited(L: int, cycles: int, window: int) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(L))
    spectrum[np.arange(len(spectrum)) > cycles * L / window] = 0
    u = np.fft.irfft(spectrum, n=L)
    return 0.76 * u / u.std()


def test_a_delay_is_read_from_the_end_of_a_window() -> None:
    """Noise of rms 0.76 in a window of 1000 samples, N = 256.

    legt reads up to 40 periods to .002, fout up to 8 to .02.
    """
    L, lag, N = 4000, 1000, 256
    legt = hippo.delay(hippo.legt(N), hippo.legt_basis(N, [2.0]))
    for system, periods, rms in ((legt, 40, 0.002), (hippo.fourier_delay(N), 8, 0.02)):
        u = band_limited(L, periods, lag)
        timed = system._replace(step=np.asarray(2 / lag))
        y = convolve(u, kernel(timed, L, rule="foh"))
        assert math.sqrt(np.mean((y - np.roll(u, lag))[2 * lag :] ** 2)) <= rms


def test_the_fourier_delay_is_all_pass_and_legt_is_its_pade_approximant() -> None:
    s = 1j * np.linspace(-3, 3, 7)
    fourier = transfer(hippo.fourier_delay(64), s)
    np.testing.assert_allclose(np.abs(fourier), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fourier, np.exp(-2 * s), rtol=0, atol=0.05)
    legt = hippo.delay(hippo.legt(8), hippo.legt_basis(8, [2.0]))
    np.testing.assert_allclose(transfer(legt, s), np.exp(-2 * s), rtol=0, atol=1e-3)


def test_what_is_no_memory_is_refused() -> None:
    basis = hippo.legs_basis(3, [0.0])
    with pytest.raises(TypeError, match="must be of type Basis"):
        hippo.reconstruct([1.0], [1.0])
    with pytest.raises(ValueError, match="N = 3"):
        hippo.reconstruct(basis, [1.0])
    with pytest.raises(ValueError, match="N = 4"):
        hippo.delay(hippo.legs(4), basis)
    with pytest.raises(TypeError, match="must be of type NPLR or Dense; got"):
        hippo.delay((1.0, 2.0), basis)
    for online in (hippo.online_legs, hippo.online_bilinear):
        with pytest.raises(ValueError, match="the result must fit its precision"):
            online(8, [1.7e308, -1.7e308, 1.7e308])
    with pytest.raises(ValueError, match="the result must fit its precision"):
        hippo.reconstruct(basis, [1.7e308] * 3)
    with pytest.raises(ValueError, match="the steps must fit in"):
        hippo.log_steps(10**13)
