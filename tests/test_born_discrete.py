"""The initializations that are born discrete: where their modes lie, and what their kernels are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import EPS

from ssmlinalg import forms, inits, kernel
from ssmlinalg.export import TARGETS
from ssmlinalg.inits.oscillators import sampled_oscillators

RINGS = ["s4d-dfout", "s4d-dfout-half", "s4d-token", "s4d-rndimag"]
orders = st.integers(1, 24)
channels = st.integers(1, 9)


@given(orders, channels, st.integers(0, 99))
def test_the_channels_of_dfout_divide_the_circle_among_them(N: int, H: int, seed: int) -> None:
    """(A/|A|)^{NH} = 1, and no two of the N H poles are the same: all roots of unity, once each."""
    A = inits.s4d_dfout_init(N, channels=H, seed=seed).A
    on_circle = A / np.abs(A)
    np.testing.assert_allclose(on_circle ** (N * H), 1, rtol=0, atol=32 * N * H * EPS)
    places = np.round(np.angle(on_circle) * N * H / (2 * np.pi)).astype(int) % (N * H)
    assert np.array_equal(np.sort(places, axis=None), np.arange(N * H))
    np.testing.assert_array_equal(places[:, 0], np.arange(H))  # phi_h = 2 pi (h - 1)/(N H)


@pytest.mark.parametrize("name", RINGS)
def test_a_channel_has_one_decay_from_the_interval_and_no_step(name: str) -> None:
    form: Any = inits.INITS[name](8, channels=500, decay=(1e-3, 2e-2), seed=3)
    xi = -2 * np.log(np.abs(form.A))
    np.testing.assert_allclose(xi, xi[:, :1] * np.ones(form.A.shape[1]), rtol=0, atol=8 * EPS)
    assert stats.kstest(np.log(xi[:, 0] / 1e-3) / np.log(20), "uniform").pvalue > 1e-3
    assert "step" not in form._fields


@given(orders, channels)
def test_the_half_plane_holds_the_poles_of_dfout_from_0_to_pi(N: int, H: int) -> None:
    half = inits.s4d_dfout_half_init(N, channels=H, seed=2)
    whole = inits.s4d_dfout_init(N, channels=H, seed=2).A
    stored = (N + 1) // 2 + 1
    assert half.A.shape == (H, stored)
    kept = np.arange(stored) % N
    np.testing.assert_allclose(half.A, whole[:, kept], rtol=0, atol=8 * EPS)
    C = half.C.copy()
    full = forms.PairedRecurrence(half.A, np.ones_like(half.A), C, half.D)
    real = np.abs(half.A.imag) == 0
    expected = kernel(full, 9) - np.einsum(
        "hn,hnl->hl", (real * C).real, np.real(half.A)[..., None] ** np.arange(9)
    )
    np.testing.assert_allclose(kernel(half, 9), expected, rtol=0, atol=64 * N * EPS)


@given(orders)
def test_the_modes_of_token_have_periods_of_1_to_n_samples(N: int) -> None:
    A = inits.s4d_token_init(N, decay=1e-2).A
    periods = np.arange(1, N + 1)
    np.testing.assert_allclose(A**periods, np.exp(-0.5e-2 * periods), rtol=0, atol=32 * N * EPS)
    if N > 2:
        np.testing.assert_allclose(np.angle(A[2:]), 2 * np.pi / periods[2:], rtol=8 * EPS)


def test_the_angles_of_rndimag_are_uniform_and_do_not_move_c() -> None:
    form = inits.s4d_rndimag_init(64, channels=16, seed=5)
    assert (
        stats.kstest(np.angle(form.A).ravel() % (2 * np.pi), "uniform", (0, 2 * np.pi)).pvalue
        > 1e-3
    )
    np.testing.assert_array_equal(form.C, inits.s4d_token_init(64, channels=16, seed=5).C)


def stepped(A: float, G: float, step: float, scheme: str, length: int) -> np.ndarray:
    """The position of one oscillator after an impulse, by the 2 x 2 recurrence of the paper."""
    if scheme == "im":
        S = 1 + step**2 * A
        M = np.array([[1 - step**2 * A / S, -step * A / S], [step / S, 1 / S]])
        F = step * M[:, 0]
    elif scheme == "imex":
        M = np.array([[1, -step * A], [step, 1 - step**2 * A]])
        F = np.array([step, step**2])
    else:
        S = 1 + step * G
        M = np.array([[1 / S, -step * A / S], [step / S, 1 - step**2 * A / S]])
        F = np.array([step, step**2]) / S
    x, positions = F, []
    for _ in range(length):
        positions.append(x[1])
        x = M @ x
    return np.array(positions)


def layer_arrays(scheme: str, seed: int, N: int = 3, H: int = 2) -> dict[str, np.ndarray]:
    """What discretax fills a layer with; G such that all modes are complex."""
    rng = np.random.default_rng(seed)
    arrays = {
        "A_diag": rng.uniform(0.1, 1, N),
        "B": rng.uniform(-1, 1, (N, H, 2)),
        "C": rng.uniform(-1, 1, (H, N, 2)),
        "D": rng.standard_normal(H),
        "steps": 0.5 * rng.standard_normal(N),
    }
    if scheme == "damped":
        arrays["G_diag"] = rng.uniform(0, 0.3, N)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("target", "scheme"), [("linoss", "im"), ("linoss-imex", "imex"), ("d-linoss", "damped")]
)
@given(st.integers(0, 99))
def test_a_linoss_layer_is_the_recurrence_of_its_paper(target: str, scheme: str, seed: int) -> None:
    """y = Re(C x) + D u with x the complex positions, one 2 x 2 recurrence for each oscillator."""
    arrays = layer_arrays(scheme, seed)
    length = 50
    held = {name: array.astype(float) for name, array in arrays.items()}
    step = 1 / (1 + np.exp(-held["steps"]))
    G = held.get("G_diag", np.zeros(3))
    m = np.stack(
        [stepped(*one, scheme, length) for one in zip(held["A_diag"], G, step, strict=True)]
    )
    B, C = (held[name] @ np.array([1, 1j]) for name in ("B", "C"))
    expected = np.einsum("pn,nm,nl->pml", C, B, m + 0j).real
    expected[..., 0] += np.diag(held["D"])
    form = TARGETS[target].back(arrays)
    size = np.abs(form.C).sum() * np.abs(form.B).max()
    np.testing.assert_allclose(
        kernel(form, length), expected, rtol=0, atol=64 * length * EPS * size
    )


@given(orders, st.integers(0, 99))
def test_implicit_oscillators_lose_what_their_step_says(N: int, seed: int) -> None:
    """IM: |z|^2 = 1/(1 + step^2 A). IMEX: |z| = 1. Damped: inside the ring."""
    rng = np.random.default_rng(seed)
    A, G, step = rng.uniform(0.01, 1, (3, N))
    for scheme, squared in (("im", 1 / (1 + step**2 * A)), ("imex", np.ones(N))):
        found = sampled_oscillators(A, G, step, scheme)
        np.testing.assert_allclose(found.real**2 + found.square, squared, rtol=16 * EPS)
    found = sampled_oscillators(A, G, step, "damped")
    np.testing.assert_allclose(found.real**2 + found.square, 1 / (1 + step * G), rtol=64 * EPS)
    imex = inits.linoss_init(N, scheme="imex", seed=seed).A
    np.testing.assert_allclose(np.abs(imex), 1, rtol=0, atol=8 * EPS)
    radius = np.abs(inits.d_linoss_init(N, r_min=0.7, r_max=0.8, seed=seed).A)
    assert np.all((radius >= 0.7 - EPS) & (radius <= 0.8 + EPS))


def test_an_oscillator_without_two_modes_is_refused() -> None:
    arrays = layer_arrays("im", 0)
    with pytest.raises(ValueError, match="two complex modes"):
        TARGETS["linoss"].back(arrays | {"A_diag": np.zeros(3, "f")})
    with pytest.raises(ValueError, match="those of the scheme 'im'"):
        TARGETS["linoss"].to(inits.d_linoss_init(4))
    with pytest.raises(ValueError, match="must be real, for every oscillator starts at rest"):
        TARGETS["d-linoss"].to(inits.lru_init(4, max_phase=3.0, r_min=0.5))


def test_the_heads_of_mamba2_share_one_decay_each() -> None:
    form = inits.mamba2_init(5, channels=400, seed=1)
    np.testing.assert_array_equal(form.A, form.A[:, :1] * np.ones(5))
    assert stats.kstest(-form.A[:, 0].real, "uniform", (1, 15)).pvalue > 1e-3
    one = inits.mamba2_init(1, channels=400, seed=1)
    np.testing.assert_allclose(
        kernel(form, 7, rule="mamba"), kernel(one, 7, rule="mamba"), rtol=16 * EPS
    )


def test_rg_lru_is_its_layer_at_rest() -> None:
    """a^c is uniform, and the layer with gates of 1/2 is the form: by the formula of the code."""
    form = inits.rg_lru_init(channels=400, seed=2)
    opened = form.A[:, 0].real ** 2
    assert stats.kstest((opened - 0.9) / 0.099, "uniform").pvalue > 1e-3
    arrays = TARGETS["griffin"].to(form)
    arrays["a_gate.b"] = np.full((8, 50), 0.3, "f")
    arrays["input_gate.b"] = np.full((8, 50), -0.7, "f")
    gate_a, gate_x = (1 / (1 + np.exp(-x)) for x in (np.float32(0.3), np.float32(-0.7)))
    log_a = -8 * float(gate_a) * np.log1p(np.exp(arrays["a_param"].astype(float)))
    expected = np.sqrt(1 - np.exp(2 * log_a)) * float(gate_x) * np.exp(3 * log_a)
    got = kernel(TARGETS["griffin"].back(arrays), 4)[:, 3]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
