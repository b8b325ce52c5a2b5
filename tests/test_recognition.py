"""Structure is recognized where it is, and only there; what it gives is the spectrum of the
matrix.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, lossless, nplr
from test_chain import precise_root

from ssmlinalg import decompose, hippo, perturb
from ssmlinalg.ground.ondemand import OnDemand
from ssmlinalg.lossless import recognition

CHANGED = 1e-9  # a change that is no rounding, of entries of order one
recognized = st.one_of(lossless, st.just("fourier_decay"))
orders = st.integers(1, 70)
taus = st.floats(0.02, 1.0)


def structure(measure: str, order: int) -> recognition.Structure:
    found = recognition.recognize(*nplr(measure, order)[::2])
    assert found is not None
    return found


@given(recognized, orders, taus)
def test_the_closed_spectrum_diagonalizes(measure: str, order: int, tau: float) -> None:
    system = nplr(measure, order)
    found = structure(measure, order)
    spectrum = found.solve(tau)
    index = np.arange(order)
    if spectrum is None:
        assert measure == "legs", "only there do roots meet"
        return
    M = system.A + tau * system.P @ system.P.T
    V = spectrum.V(index, index)
    V_inv = spectrum.V_inv(index, index)
    scale = np.linalg.norm(system.A) + np.linalg.norm(system.P) ** 2
    condition = np.linalg.cond(V)
    assert np.linalg.norm(M @ V - V * (found.sigma + spectrum.z)) <= 32 * EPS * order * scale
    assert np.linalg.norm(V_inv @ V - np.eye(order)) <= 64 * EPS * order * condition
    driven = V_inv @ system.P[:, 0] - spectrum.driven
    assert np.linalg.norm(driven) <= 32 * EPS * order * condition * np.linalg.norm(system.P)
    np.testing.assert_allclose(np.linalg.norm(V, axis=0), 1, rtol=16 * EPS * order)
    rows = np.linalg.norm(V_inv, axis=1)
    np.testing.assert_allclose(rows, spectrum.sensitivity, rtol=32 * EPS * order * condition)


@given(recognized, orders, st.floats(0, 3), st.floats(0.01, 300))
def test_phi_is_that_of_the_matrix(measure: str, order: int, right: float, up: float) -> None:
    system = nplr(measure, order)
    found = structure(measure, order)
    z = right + 1j * up
    P = system.P[:, 0]
    R = np.linalg.inv((z + found.sigma) * np.eye(order) - system.A)
    value, slope = (part[0] for part in found.log_phi(np.array([z])))
    h = P @ R @ P
    size = 1 + order * np.linalg.norm(P) ** 2 * np.linalg.norm(R) * np.linalg.cond(R)
    assert abs(np.exp(value) - (1 - 2 * h)) <= 64 * EPS * size
    assert abs(slope * np.exp(value) - 2 * P @ R @ R @ P) <= 64 * EPS * size * np.linalg.norm(R)


@given(recognized, orders)
def test_products_are_those_of_the_matrix(measure: str, order: int) -> None:
    system = nplr(measure, order)
    x = np.random.default_rng(order).standard_normal((order, 2))
    expected = system.A @ x
    rest = np.linalg.norm(structure(measure, order).times(x) - expected)
    assert rest <= 16 * EPS * order * np.linalg.norm(system.A) * np.linalg.norm(x)


@pytest.mark.parametrize("measure", ["legs", "lagt", "fout", "fourier_decay"])
def test_what_is_almost_such_a_matrix_is_not_taken_for_one(measure: str) -> None:
    A, _, P = nplr(measure, 12)
    for n, k in ((0, 0), (11, 0), (5, 6), (3, 2)):
        other = A.copy()
        other[n, k] += CHANGED
        assert recognition.recognize(other, P) is None
    assert recognition.recognize(A, P * (1 + CHANGED)) is None
    assert recognition.recognize(A, np.concatenate([P, P], axis=-1)) is None


def test_legt_is_none_of_them() -> None:
    assert recognition.recognize(hippo.legt(8).A, hippo.legt(8).P[:, :1]) is None


@pytest.mark.parametrize("measure", ["legs", "lagt", "tlagt", "fout", "fourier_decay"])
@pytest.mark.parametrize("tau", [1.0, 0.2])
def test_large_orders_cost_no_matrix(measure: str, tau: float) -> None:
    """At order 100 000 nothing of size N^2 is made, and single columns and rows are
    eigenvectors.
    """
    order = 100_000
    tracemalloc.start()
    system = nplr(measure, order)
    found = perturb.lossless(system, tau=tau)
    form = decompose.diagonalize(system)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3000 * order  # bytes
    assert isinstance(system.A, OnDemand)
    assert isinstance(found.V, OnDemand)
    assert np.all(np.isfinite(np.concatenate([found.Lambda, found.B, form.B])))
    some = np.array([0, 17, order // 2 - 1, order - 1])
    V = found.V[:, some]
    V_inv = found.V_inv[some]
    longest = np.max(np.linalg.norm(V_inv, axis=1))
    assert np.linalg.norm(V_inv @ V - np.eye(4)) <= 16 * EPS * order * longest
    np.testing.assert_allclose(np.linalg.norm(V, axis=0), 1, rtol=EPS * order)
    drive = V_inv @ system.B * (1 - tau / 2)
    np.testing.assert_allclose(drive, found.B[some], rtol=EPS * order, atol=EPS * order)
    known = recognition.recognize(system.A, system.P)
    assert known is not None
    rest = known.times(V) + tau * system.P @ (system.P.T @ V) - V * found.Lambda[some]
    assert np.linalg.norm(rest) <= 4 * EPS * order * np.linalg.norm(system.P) ** 2
    np.testing.assert_allclose(found.V[some][:, some], V[some], rtol=8 * EPS * order, atol=EPS)


def test_a_matrix_on_demand_that_is_another_is_refused() -> None:
    legs = hippo.legs(5000)
    with pytest.raises(ValueError, match=r"must fit in|defect of"):
        perturb.lossless(legs._replace(P=1.01 * legs.P))


@pytest.mark.parametrize("measure", ["legs", "lagt", "fout"])
def test_diagonalize_agrees_with_the_dense_basis(measure: str) -> None:
    for order in (1, 2, 9, 64):
        system = nplr(measure, order)
        form = decompose.diagonalize(system)
        basis = decompose.eigenbasis(system)
        scale = float(np.linalg.norm(system.A) + np.linalg.norm(system.P) ** 2)
        np.testing.assert_allclose(form.Lambda, basis.Lambda, atol=16 * EPS * order * scale)
        drive = basis.V.conj().T @ system.B
        rounding = 64 * EPS * order * float(np.linalg.norm(system.B))
        np.testing.assert_allclose(form.B, drive, atol=rounding)
        np.testing.assert_allclose(form.C, basis.V[0], atol=64 * EPS * order)


@pytest.mark.parametrize("order", [64, 65, 10_000, 1_000_000])
@pytest.mark.parametrize("tau", [1.0, 0.2])
def test_legs_is_exact_to_a_few_eps_in_the_eigenbasis(order: int, tau: float) -> None:
    """Eigenvalues and B = V^{-1} B against 50 digits: |x|^2 = (c^2 - 1)/(-4 Re z), or -L'/2 at c =
    1, and B = -g |x|/L'.
    """
    found = perturb.lossless(hippo.legs(order), tau=tau)
    pairs = order // 2
    for j in [0, 1, pairs - 1, *np.random.default_rng(order).integers(0, pairs, 5)]:
        z, slope = precise_root(order, tau, complex(found.Lambda[j] + 0.5))
        ctx = z.context
        c = 2 / ctx.mpf(tau) - 1
        size = ctx.sqrt((c * c - 1) / (-4 * z.real) if tau < 1 else -slope.real / 2)
        assert abs(ctx.mpc(complex(found.Lambda[j])) - (z - 0.5)) <= 8 * EPS * abs(z)
        drive = -ctx.sqrt(2) * size / slope
        assert abs(ctx.mpc(complex(found.B[j])) - drive) <= 16 * EPS * abs(drive)


@pytest.mark.parametrize("order", [1, 2, 64, 10_000])
@pytest.mark.parametrize("tau", [0.9, 0.2, 0.01])
def test_lagt_is_exact_to_a_few_eps(order: int, tau: float) -> None:
    """The eigenvalues are the preimages of one point: z = (1 + q)/(1 - q)/2, q^N = -c."""
    found = perturb.lossless(hippo.lagt(order), tau=tau)
    ctx = mpmath.MPContext()
    ctx.dps = 40
    c = 2 / ctx.mpf(tau) - 1
    some = sorted({0, order // 2 - 1, order // 4}) if order > 1 else []
    for j in some:
        m = order // 2 - j  # from the largest frequency down
        q = ctx.exp((ctx.log(c) + ctx.mpc(0, 2 * m - 1) * ctx.pi) / order)
        z = (1 + q) / (1 - q) / 2
        both = (found.Lambda[j], found.Lambda[j].conj())
        near = min(abs(ctx.mpc(complex(root)) - z) for root in both)
        assert near <= 16 * EPS * abs(z)
    if order % 2:
        exact = float(-(c - 1) / (c + 1) / 2)
        assert float(found.Lambda[-1].real) == pytest.approx(exact, rel=16 * EPS)


@pytest.mark.parametrize("order", [3, 65, 10_001])
@pytest.mark.parametrize("tau", [0.9, 0.2, 0.01])
def test_fout_is_exact_to_a_few_eps(order: int, tau: float) -> None:
    """1 + (1 - tau)/pi S(y) = 0 at s = pi y (window 2), S a difference of digamma functions, and
    the input by its residue.
    """
    found = perturb.lossless(hippo.fout(order), tau=tau)
    ctx = mpmath.MPContext()
    ctx.dps = 40
    K = order // 2

    def S(y: Any) -> Any:
        i = ctx.mpc(0, 1)
        return i * (ctx.digamma(i * y + K + 1) - ctx.digamma(i * y - K))

    def feedback(y: Any) -> Any:
        return 1 + (1 - ctx.mpf(tau)) / ctx.pi * S(y)

    c = 2 / tau - 1
    for j in sorted({0, K // 2, K - 1}):
        value = complex(found.Lambda[j])
        exact = ctx.pi * ctx.findroot(feedback, ctx.mpc(value) / ctx.pi)
        # The last digit of P P^T moves a root by c/2 of it: e^{-2 pi y} = c for a large order.
        assert abs(ctx.mpc(value) - exact) <= 4 * EPS * (abs(exact) + c)
        assert abs(value.real - exact.real) <= 8 * EPS * (abs(exact.real) + c)
