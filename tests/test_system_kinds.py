"""Forms that a user adds to `forms.KINDS` are measured like those of the library."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from strategies import EPS

from ssmlinalg import forms, reduce, systems
from ssmlinalg.comparison import noise_gain
from ssmlinalg.forms import KINDS, Dense, Diagonal, Kind, Paired, PairedRecurrence

N = 4
POINTS = np.array([0.3j, 1.7 - 0.4j, 2.0 + 0j])
TIMES = np.array([0.0, 0.03, 2.0])


class Lag(NamedTuple):
    """A first-order lag of known rate and gain: other fields, and a plain form."""

    rate: Any
    gain: Any
    step: Any


class Oscillators(NamedTuple):
    """Half a spectrum, with the fields of the library."""

    A: Any
    B: Any
    C: Any
    D: Any
    step: Any


class SampledOscillators(NamedTuple):
    """Half a spectrum in discrete time."""

    A: Any
    B: Any
    C: Any
    D: Any


class Network(NamedTuple):
    """A matrix with several inputs and outputs."""

    A: Any
    B: Any
    C: Any
    D: Any
    step: Any


class SampledNetwork(NamedTuple):
    """A matrix with several inputs and outputs in discrete time."""

    A: Any
    B: Any
    C: Any
    D: Any


def diagonal(lag: Lag) -> Diagonal:
    A = -lag.rate[..., None] + 0j
    return Diagonal(A, np.ones_like(A), -A * lag.gain[..., None], np.zeros_like(lag.rate), lag.step)


MODES = {"A": ("n",), "B": ("n",), "C": ("n",), "D": ()}
PORTS = {"A": ("N", "N"), "B": ("N", "M"), "C": ("P", "N"), "D": ("P", "M")}
STEP = {"step": ()}
ADDED = {
    Lag: Kind({"rate": (), "gain": ()} | STEP, sampled=KINDS[Diagonal].sampled, plain=diagonal),
    Oscillators: Kind(MODES | STEP, half=True, sampled=SampledOscillators),
    SampledOscillators: Kind(MODES, half=True),
    Network: Kind(PORTS | STEP, matrix=True, ports=True, sampled=SampledNetwork),
    SampledNetwork: Kind(PORTS, matrix=True, ports=True),
}


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    for form, known in ADDED.items():
        monkeypatch.setitem(KINDS, form, known)


def half_spectrum(seed: int) -> Paired:
    rng = np.random.default_rng(seed)
    A = -0.1 - rng.random(N) + 1j * rng.uniform(0, 5, N)
    B, C = rng.standard_normal((2, N, 2)) @ [1, 1j]
    return Paired(A, B, C, np.asarray(0.0), np.asarray(0.1))


def network(seed: int) -> Any:
    """Two inputs, three outputs, no direct path."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((N, N))
    A = A - (0.1 + np.linalg.norm(A, 2)) * np.eye(N)
    B = rng.standard_normal((N, 2))
    return Network(A, B, rng.standard_normal((3, N)), np.zeros((3, 2)), np.asarray(0.1))


def pairs() -> list[tuple[Any, Any]]:
    """An added form and one of the library with its output."""
    lag = Lag(np.array([2.0, 0.5]), np.array([3.0, -1.0]), np.array([0.1, 0.2]))
    half = half_spectrum(0)
    sampled = half._replace(A=np.exp(half.A))
    return [
        (lag, diagonal(lag)),
        (Oscillators(*half), half),
        (SampledOscillators(*sampled[:4]), PairedRecurrence(*sampled[:4])),
    ]


MEASURES: dict[str, Any] = {
    "transfer": lambda form: systems.transfer(form, POINTS),
    "state_transfer": lambda form: systems.state_transfer(form, POINTS),
    "h2_norm": systems.h2_norm,
    "hinf_norm": systems.hinf_norm,
    "l1_norm": lambda form: systems.l1_norm(form)[:2],
    "controllability_gramian": systems.controllability_gramian,
    "observability_gramian": systems.observability_gramian,
    "hankel_singular_values": systems.hankel_singular_values,
    "balanced": lambda form: reduce.balanced(form, order=1).upper,
}


@pytest.mark.parametrize("measure", MEASURES)
def test_an_added_form_is_measured_as_the_form_with_its_output(measure: str) -> None:
    for added, known in pairs():
        found = MEASURES[measure](added)
        assert np.array_equal(found, MEASURES[measure](known))


def test_an_added_form_has_the_step_response_of_the_form_with_its_output() -> None:
    for added, known in pairs():
        if forms.kind(known).continuous:
            found = systems.step_response(added, TIMES)
            assert np.array_equal(found, systems.step_response(known, TIMES))


def test_an_added_form_has_the_gains_of_the_form_with_its_output() -> None:
    w = np.array([0.0, 1.0, 30.0])
    for added, known in pairs():
        if forms.kind(known).continuous:
            for rule in ("zoh", "foh"):
                found = noise_gain(added, w, rule=rule)
                assert np.array_equal(found, noise_gain(known, w, rule=rule))


def test_an_added_form_is_at_no_distance_from_the_form_with_its_output() -> None:
    for added, known in pairs():
        assert np.all(systems.h2_distance(added, known) == 0)
        assert np.all(systems.hinf_distance(added, known).upper == 0)
        assert np.all(systems.l1_distance(added, known).upper == 0)


def test_a_lag_has_the_responses_of_its_formula() -> None:
    """G = g a/(s + a), S = g (1 - e^{-at}), |G|_2 = g sqrt(a/2), |G|_inf = |G|_1 = g."""
    rate = 2.0
    gain = 3.0
    lag: Any = Lag(np.asarray(rate), np.asarray(gain), np.asarray(0.1))
    few = 8 * EPS * gain
    found = systems.transfer(lag, POINTS)
    assert np.all(np.abs(found - gain * rate / (POINTS + rate)) <= few)
    found = systems.step_response(lag, TIMES)
    assert np.all(np.abs(found + gain * np.expm1(-rate * TIMES)) <= few)
    assert abs(systems.h2_norm(lag) - gain * np.sqrt(rate / 2)) <= few
    for bounds in (systems.hinf_norm(lag), systems.l1_norm(lag)):
        assert bounds.lower - few <= gain <= bounds.upper + few


def single(form: Network, output: int, input: int) -> Dense:
    D = form.D[output, input]
    return Dense(form.A, form.B[:, input], form.C[output], D, form.step)


def test_a_matrix_with_ports_has_the_responses_of_its_pairs_of_ports() -> None:
    form = network(1)._replace(D=np.arange(6.0).reshape(3, 2))
    G = systems.transfer(form, POINTS)
    S = systems.step_response(form, TIMES)
    x = systems.state_transfer(form, POINTS)
    assert (G.shape, S.shape, x.shape) == ((3, 2, 3), (3, 2, 3), (N, 2, 3))
    scale = np.linalg.norm(form.B) * np.linalg.norm(form.C) + np.max(form.D)
    slack = 64 * N * EPS * scale * np.linalg.cond(form.A)
    for p, m in np.ndindex(3, 2):
        alone = single(form, p, m)
        assert np.all(np.abs(G[p, m] - systems.transfer(alone, POINTS)) <= slack)
        assert np.all(np.abs(S[p, m] - systems.step_response(alone, TIMES)) <= slack)
        assert np.all(np.abs(x[:, m] - systems.state_transfer(alone, POINTS)) <= slack)


def test_a_matrix_with_ports_has_the_norms_of_its_pairs_of_ports() -> None:
    """Squares of H2 norms add up, L1 norms of a row do, and Gramians of inputs and outputs."""
    form = network(2)
    alone = [[single(form, p, m) for m in range(2)] for p in range(3)]
    slack = 64 * N * EPS
    squares = sum(systems.h2_norm(one) ** 2 for row in alone for one in row)
    assert abs(systems.h2_norm(form) ** 2 - squares) <= slack * squares
    row = max(sum(systems.l1_norm(one).lower for one in row) for row in alone)
    bounds = systems.l1_norm(form)
    assert bounds.lower == pytest.approx(row, rel=slack)
    reached = sum(systems.controllability_gramian(one) for one in alone[0])
    P = systems.controllability_gramian(form)
    assert np.linalg.norm(P - reached) <= slack * np.linalg.norm(P)
    seen = sum(systems.observability_gramian(row[0]) for row in alone)
    Q = systems.observability_gramian(form)
    assert np.linalg.norm(Q - seen) <= slack * np.linalg.norm(Q)


def test_a_discrete_matrix_with_ports_has_the_responses_of_its_pairs_of_ports() -> None:
    form = network(3)
    A = form.A / (2 * np.linalg.norm(form.A, 2))
    sampled: Any = SampledNetwork(A, form.B, form.C, form.D)
    z = np.exp(1j * np.array([0.0, 1.0, 3.0]))
    G = systems.transfer(sampled, z)
    slack = 64 * N * EPS * np.linalg.norm(form.B) * np.linalg.norm(form.C)
    squares = 0.0
    for p, m in np.ndindex(3, 2):
        alone = forms.DenseRecurrence(A, form.B[:, m], form.C[p], np.asarray(0.0))
        assert np.all(np.abs(G[p, m] - systems.transfer(alone, z)) <= slack)
        squares += systems.h2_norm(alone) ** 2
    assert abs(systems.h2_norm(sampled) ** 2 - squares) <= 64 * N * EPS * squares


def test_what_has_ports_is_not_truncated() -> None:
    with pytest.raises(TypeError, match="one input and one output"):
        reduce.balanced(network(4), order=1)
