"""The search keeps its budget, its gradient is the gradient, and kept results are what they say."""

from __future__ import annotations

import importlib
import itertools
import signal
import time
from pathlib import Path
from typing import Any

import gallery
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS

from ssmlinalg import forms, hippo, perturb, ptd_init
from ssmlinalg.matrices import h_infinity
from ssmlinalg.perturb.conditioning_budget import free
from ssmlinalg.perturb.kept_results import packed, unpacked
from ssmlinalg.perturb.least_transfer_error import searched
from ssmlinalg.perturb.modal_coordinates import ModalSystem, halve
from ssmlinalg.perturb.transfer_error_search import frequency_response, loss, prepare, variables
from ssmlinalg.systems import legs_state

KEPT = sorted(perturb.kept())
TOLERANCE = 1e-6  # relative, of `hinf_distance`
# What a first-order search reached before there was this one, at nearly the same budgets; lower is
# better.
TO_BEAT = {
    (8, 8.0): 0.0466,
    (16, 8.0): 0.0357,
    (32, 8.0): 0.0347,
    (64, 8.0): 0.0438,
    (128, 8.0): 0.05,
    (256, 8.0): 0.055,
}


def test_the_usual_orders_and_budgets_are_kept() -> None:
    usual = itertools.product((4, 6, 8, 16, 24, 32, 48, 64, 96, 128, 256), (4.0, 8.0, 16.0))
    assert set(usual) == perturb.kept()


@pytest.mark.parametrize(("order", "budget"), KEPT)
def test_what_is_kept_keeps_its_budget_and_is_as_near_as_it_says(order: int, budget: float) -> None:
    """By singular values of V, and by the closed form of the state on a grid that follows the
    spectrum.
    """
    found = perturb.optimal(hippo.legs(order), conditioning=budget)
    assert found.facts["kept"] == 1
    assert np.linalg.cond(found.V) <= budget
    np.testing.assert_allclose(np.linalg.norm(found.V, axis=0), 1, rtol=64 * EPS)
    assert found.abscissa < 0
    pairs = int(np.sum(found.Lambda.imag > 0))
    np.testing.assert_array_equal(found.Lambda[pairs : 2 * pairs], found.Lambda[:pairs].conj())
    rows = max(2, 500_000 // order**2)
    around = np.tan(np.linspace(-1.5, 1.5, rows))
    up = found.Lambda[found.Lambda.imag >= 0]
    w = np.abs(up.imag[:, None] + up.real[:, None] * around).ravel()
    state = found.V @ (found.B[:, None] / (1j * w - found.Lambda[:, None]))
    error = np.linalg.norm(state - legs_state(order, 1j * w), axis=0).max()
    law = perturb.lossless(hippo.legs(order), conditioning=budget)
    rounding = 64 * EPS * order * budget
    assert 0.98 * found.transfer_error <= error <= found.transfer_bound * (1 + rounding)
    assert found.transfer_error < 0.7 * law.transfer_error
    assert found.transfer_error < TO_BEAT.get((order, budget), np.inf)


def test_only_legs_itself_is_answered_from_what_is_kept() -> None:
    legs = hippo.legs(8)
    louder = perturb.optimal(legs._replace(B=2 * legs.B), conditioning=4)
    assert louder.facts["kept"] == 0
    kept = perturb.optimal(legs, conditioning=4)
    local = 0.05  # two searches may end in minima that far apart
    assert louder.transfer_error == pytest.approx(2 * kept.transfer_error, rel=local)
    assert perturb.optimal(legs, conditioning=4.1).facts["kept"] == 0


def test_a_kept_model_is_read_as_any_other() -> None:
    form = ptd_init(64, perturbation="optimal", channels=2)
    assert form.A.shape == (2, 32)
    assert np.all(form.A.real < 0)


@pytest.mark.parametrize("broken", [None, b"", b"\x08\0\0\0\0\0\0\0nonsense"])
def test_a_kept_file_that_is_lost_or_corrupt_is_named(
    tmp_path: Path, monkeypatch: Any, broken: bytes | None
) -> None:
    path = tmp_path / "optimal.safetensors"
    if broken is not None:
        path.write_bytes(broken)
    monkeypatch.setattr(importlib.import_module("ssmlinalg.perturb.kept_results"), "KEPT", path)
    with pytest.raises(
        OSError,
        match=r"kept in optimal.safetensors must be readable; got .*\. Install ssmlinalg again\.",
    ):
        perturb.optimal(hippo.legs(8), conditioning=4)


def test_what_is_packed_is_unpacked() -> None:
    found = perturb.optimal(hippo.legs(16), conditioning=8)
    fields = packed(ModalSystem(found.Lambda, found.V, found.B))
    assert sum(array.size for array in fields.values()) == 16**2 + 16 + 8  # all of it, once
    again = unpacked(fields)
    np.testing.assert_array_equal(again.Lambda, found.Lambda)
    np.testing.assert_array_equal(again.V, found.V)
    np.testing.assert_array_equal(again.B, found.B)


@given(st.sampled_from(["legs", "legt", "tlagt", "fout"]), st.integers(1, 9), st.floats(1.3, 30))
def test_the_search_keeps_its_budget_and_does_not_lose_its_start(
    measure: str, order: int, budget: float
) -> None:
    odd = order - order % 2 + 1  # fout has no idle state then
    system: Any = hippo.MEASURES[measure](odd)
    found = searched(system, conditioning=budget, iterations=20)
    assert np.linalg.cond(found.V) <= budget * (1 + 64 * EPS * len(found.V))
    np.testing.assert_allclose(np.linalg.norm(found.V, axis=0), 1, rtol=64 * EPS * len(found.V))
    assert found.abscissa < 0
    size = float(np.linalg.norm(system.A))
    rest = (found.V * found.Lambda) @ found.V_inv - system.A - found.E
    scale = size + float(np.abs(found.Lambda).max())
    assert np.linalg.norm(rest) <= 256 * EPS * len(found.V) * budget * scale
    rounding = 256 * EPS * len(found.V) * budget * scale / -found.abscissa
    assert found.transfer_error <= found.transfer_bound
    assert found.transfer_bound <= found.transfer_error * (1 + 4 * TOLERANCE) + rounding


@pytest.mark.parametrize("order", [4, 5])
def test_the_gradient_is_the_gradient(order: int) -> None:
    legs = hippo.legs(order)
    start = perturb.lossless(legs, conditioning=3)
    half = free(halve(ModalSystem(start.Lambda, start.V, start.B)), 4.0)
    stage = prepare(half, frequency_response(legs.A, legs.B), 4.0, p=6.0)
    stage = stage._replace(pull=0.3, multipliers=0.1 * np.arange(len(half.a)))
    rng = np.random.default_rng(order)
    x = variables(stage)
    x += 0.05 * rng.standard_normal(len(x))
    slope = loss(stage, x)[1]
    h = 1e-6
    central = [
        (loss(stage, x + h * e)[0] - loss(stage, x - h * e)[0]) / (2 * h) for e in np.eye(len(x))
    ]
    np.testing.assert_allclose(
        slope, central, atol=1e4 * h**2 * np.abs(slope).max() + 1e2 * EPS / h
    )


def test_the_search_is_deterministic() -> None:
    one, other = (searched(hippo.legs(6), conditioning=3, iterations=15) for _ in range(2))
    np.testing.assert_array_equal(one.Lambda, other.Lambda)
    np.testing.assert_array_equal(one.V, other.V)


def test_an_interrupt_and_a_deadline_keep_the_best_so_far() -> None:
    legs = hippo.legs(12)
    told: list[dict[str, float]] = []
    searched(legs, conditioning=5, iterations=30, progress=lambda **figures: told.append(figures))
    for name in ("p", "fraction"):
        assert [one[name] for one in told] == sorted(one[name] for one in told)
    assert [one["error"] for one in told] == sorted((one["error"] for one in told), reverse=True)
    late = searched(legs, conditioning=5, seconds=1e-3)
    assert np.linalg.cond(late.V) <= 5 * (1 + 64 * EPS * 12)
    assert np.isfinite(late.transfer_error)
    assert late.facts["interrupted"] == 1
    assert searched(legs, conditioning=5, iterations=2).facts["interrupted"] == 0


FOREIGN = {
    "grcar": gallery.grcar(16) - 3 * np.eye(16),
    "jordan": gallery.jordan(8, -1.5),
    "kahan": -gallery.kahan(10),
    "random": gallery.stable(0, 16, imag=False),
}


def dense(A: np.ndarray) -> forms.Dense:
    order = len(A)
    return forms.Dense(A, np.ones(order), np.eye(order)[0], np.asarray(0.0), np.asarray(1.0))


def within_budget(found: perturb.Diagonalization, budget: float) -> bool:
    return bool(np.linalg.cond(found.V) <= budget * (1 + 64 * EPS * found.order))


@pytest.mark.parametrize("name", FOREIGN)
def test_of_a_foreign_matrix_something_is_there_before_the_search_begins(name: str) -> None:
    told: list[dict[str, float]] = []
    found = perturb.optimal(
        dense(FOREIGN[name]), progress=lambda **figures: told.append(figures), seconds=60
    )
    assert told[0]["fraction"] == 0
    assert np.isfinite(told[0]["error"])
    assert 0 < told[0]["seconds_left"] <= 60
    assert within_budget(found, 8)
    assert found.facts["interrupted"] == 0
    errors = [one["error"] for one in told if "error" in one]
    assert found.transfer_bound <= errors[0]
    assert found.transfer_error <= (1 + 1e-3) * errors[-1]  # a grid between whose points it may be
    by_size = perturb.minimize(dense(FOREIGN[name]), conditioning=8)
    assert found.transfer_bound < by_size.transfer_error


@pytest.mark.parametrize("calls", [1, 2, 300, 1100, 1400])
def test_whenever_it_is_interrupted_the_best_so_far_is_kept_and_it_says_so(calls: int) -> None:
    """In the first search, in `minimize`, and in the second search."""
    errors: list[float] = []

    def progress(**figures: float) -> None:
        errors.append(figures.get("error", errors[-1] if errors else np.inf))
        if len(errors) == calls:
            raise KeyboardInterrupt

    found = perturb.optimal(dense(FOREIGN["random"]), progress=progress)
    assert found.facts["interrupted"] == 1
    assert len(errors) <= calls + 1  # where it stood
    assert within_budget(found, 8)
    assert found.transfer_error <= (1 + 1e-3) * errors[-1]


@pytest.mark.parametrize("seconds", [1e-3, 0.05, 0.3])
def test_a_deadline_is_kept_by_every_part_of_the_search(seconds: float) -> None:
    begun = time.monotonic()
    found = perturb.optimal(dense(gallery.grcar(60) - 3 * np.eye(60)), seconds=seconds)
    assert time.monotonic() - begun < seconds + 5  # a loaded machine is slow
    assert found.facts["interrupted"] == 1
    assert within_budget(found, 8)


def test_an_interrupt_at_any_moment_keeps_the_best_so_far() -> None:
    """By the clock: in LAPACK, between stages, while the next start is made."""
    system = dense(FOREIGN["grcar"])
    told: list[float] = []

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for after in np.linspace(0.02, 0.8, 6):
            told.clear()
            signal.setitimer(signal.ITIMER_REAL, after)
            try:
                found = perturb.optimal(system, progress=lambda **figures: told.append(1))
            except KeyboardInterrupt:
                assert not told  # nothing was there
                continue
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert within_budget(found, 8)
            assert np.isfinite(found.transfer_error)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("rates", "drives"), [(-900, 0), (900, 0), (900, 900), (0, -700)])
def test_a_system_of_any_size_is_searched_as_its_multiple(rates: int, drives: int) -> None:
    """Squares of its entries would leave the range of double precision."""
    A = gallery.grcar(6) - 3 * np.eye(6)
    ordinary = searched(dense(A), conditioning=4.0, iterations=20)
    system = dense(np.ldexp(A, rates))._replace(B=np.ldexp(np.ones(6), drives))
    found = searched(system, conditioning=4.0, iterations=20)
    assert within_budget(found, 4.0)
    error = np.ldexp(found.transfer_error, rates - drives)
    assert error == pytest.approx(ordinary.transfer_error, rel=1e-1)  # the units differ
    assert np.ldexp(found.abscissa, -rates) < 0
    assert found.residual < 1e-13


def test_minimize_keeps_a_deadline_and_says_so() -> None:
    found = perturb.minimize(gallery.grcar(40), gamma=10.0, seconds=0.2)
    assert found.facts["interrupted"] == 1
    whole = perturb.minimize(gallery.grcar(12), conditioning=20, seconds=60)
    assert whole.facts["interrupted"] == 0
    with pytest.raises(ValueError, match=r"must be within reach of 0\.001 seconds; got 1\.5"):
        perturb.minimize(gallery.grcar(40), conditioning=1.5, seconds=1e-3)


def test_what_needs_nothing_is_left_alone() -> None:
    found = perturb.optimal(hippo.foud(6), conditioning=2)  # normal already
    assert found.backward_error == 0
    assert found.transfer_bound <= 64 * EPS * 6


def test_systems_that_cannot_be_searched_are_refused() -> None:
    legs = hippo.legs(4)
    with pytest.raises(TypeError, match="must have an input to be near to; got a matrix"):
        perturb.optimal(np.eye(3))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="must be stable; got an eigenvalue with real part 4"):
        perturb.optimal(legs._replace(A=-legs.A), conditioning=2)
    with pytest.raises(TypeError, match="must be real"):
        perturb.optimal(legs._replace(A=legs.A * 1j - np.eye(4)), conditioning=2)


def test_the_bound_is_that_of_the_norms() -> None:
    """The certificate compares the delivered factors with HiPPO, not the optimizer's own error with
    itself.
    """
    legs = hippo.legs(16)
    found = perturb.optimal(legs, conditioning=8)
    ours = (np.diag(found.Lambda), found.B, found.V)
    other = h_infinity.hinf_distance(ours, (legs.A + 0j, legs.B + 0j, np.eye(16) + 0j))
    assert other.lower <= found.transfer_bound * (1 + TOLERANCE)
    assert found.transfer_error <= other.upper * (1 + TOLERANCE)
