"""A scan is the loop it stands for; states and free responses are parts of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differences import far, largest, slope
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, models, seeds, signal

from ssmlinalg import convolve, discretize, forms, inits, kernel, scan, step
from ssmlinalg.ground import require
from ssmlinalg.ground.backend import move
from ssmlinalg.kernels import (
    dense,
    final_state,
    free_response,
    scan_bidirectional,
    states,
    stepper,
)
from ssmlinalg.products.linear_recurrences import accumulate, causal, geometric, powers

rules = st.sampled_from(
    ["zoh", "bilinear", "backward", "impulse", "foh"]
)  # those that damp what is damped
lengths = st.one_of(
    st.integers(1, 5), st.integers(62, 66), st.integers(126, 200)
)  # about the ends of chunks


def sampled(form: Any, rule: str = "zoh") -> Any:
    return discretize.sampled(forms.check(form), rule=rule)


def drive(form: Any, seed: int, length: int, *lead: int) -> np.ndarray:
    own = form.B.shape[-1:] if forms.kind(form).ports else form.C.shape[:-1]
    return signal(seed, *lead, *own, length)


def begin(system: Any, seed: int, *lead: int) -> np.ndarray:
    """A state to begin with: a complex one for modes, a real one where all is real."""
    core = forms.inner(system)
    own = () if forms.kind(core).ports else core.C.shape[:-1]
    real, imag = signal(seed, 2, *lead, *own, core.A.shape[-1])
    return real + 1j * imag if np.iscomplexobj(core.A) else real


def times(matrix: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (matrix @ x[..., None])[..., 0]


def by_hand(system: Any, u: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and all states, one sample after another."""
    core = forms.inner(system)
    known = forms.kind(core)
    late = isinstance(system, forms.Delayed)
    outputs = []
    visited = []
    for now in np.moveaxis(u, -1, 0):
        before = x
        x = times(core.A, x) if known.matrix else core.A * x
        if known.ports:
            x = x + times(core.B, now)
            read = times(core.C, before if late else x)
            direct = times(system.D, now)
        else:
            x = x + core.B * now[..., None]
            read = np.sum(core.C * (before if late else x), axis=-1)
            direct = system.D * now
        outputs.append((2 if known.half else 1) * np.real(read) + direct)
        visited.append(x)
    return np.stack(outputs, axis=-1), np.stack(visited, axis=-2)


def slack(system: Any, u: np.ndarray, x: np.ndarray, length: int) -> tuple[float, float]:
    """How far rounding may take outputs and states.

    l eps from raising A to l, times the largest power, times the inputs and the state it meets.
    """
    core = forms.inner(system)
    known = forms.kind(core)
    if known.matrix:
        powers = [np.linalg.matrix_power(core.A, k) for k in range(length)]
        growth = max(np.linalg.norm(power, 2, axis=(-2, -1)).max() for power in powers)
    else:
        growth = max(1.0, largest(core.A)) ** length
    n = core.A.shape[-1]
    inputs = core.B.shape[-1] if known.ports else 1
    driven = largest(core.B) * n * inputs * np.abs(u).sum(-1).max()
    reach = growth * (driven + np.abs(x).sum(-1).max())
    output = 2 * largest(core.C) * n * reach
    direct = largest(system.D) * largest(u) * inputs
    of_output = 4 * EPS * length * growth * output + 4 * EPS * direct
    return of_output, 4 * EPS * length * growth * reach


@given(models(), rules, lengths, st.booleans(), seeds)
def test_a_scan_is_the_loop_over_its_samples(
    form: Any, rule: str, length: int, rest: bool, seed: int
) -> None:
    system = sampled(form, rule)
    u = drive(form, seed, length)
    x = begin(system, seed) * (not rest)
    y, last = scan(system, u, None if rest else x)
    expected, visited = by_hand(system, u, x)
    of_output, of_state = slack(system, u, x, length)
    assert far(y, expected) <= of_output
    assert far(last, visited[..., -1, :]) <= of_state


@given(models(), rules, seeds)
def test_a_step_is_a_scan_of_one_sample(form: Any, rule: str, seed: int) -> None:
    system = sampled(form, rule)
    u = drive(form, seed, 1)
    x = begin(system, seed)
    y, last = step(form, u[..., 0], x, rule=rule)
    expected, visited = by_hand(system, u, x)
    of_output, of_state = slack(system, u, x, 1)
    assert y.shape == expected.shape[:-1]
    assert far(y, expected[..., 0]) <= of_output
    assert far(last, visited[..., -1, :]) <= of_state


@given(models(), rules, st.integers(1, 6), st.booleans(), seeds)
def test_a_stepper_runs_the_model_sample_by_sample(
    form: Any, rule: str, length: int, rest: bool, seed: int
) -> None:
    system = sampled(form, rule)
    u = drive(form, seed, length)
    x = begin(system, seed) * (not rest)
    expected, visited = by_hand(system, u, x)
    of_output, of_state = slack(system, u, x, length)
    run = stepper(form, rule=rule)
    state = None if rest else x
    for l in range(length):  # noqa: E741
        y, state = run(u[..., l], state)
        assert y.shape == expected.shape[:-1]
        assert state.shape == visited[..., l, :].shape
        assert far(y, expected[..., l]) <= of_output
        assert far(state, visited[..., l, :]) <= of_state


STEPPED = [
    ("s4", "foh"),
    ("s4", "bilinear"),
    ("s4d-lin", "zoh"),
    ("s4d-lin", "foh"),
    ("dlr", "zoh"),
    ("s5", "bilinear"),
]


@pytest.mark.parametrize(("name", "rule"), STEPPED)
def test_a_stepper_is_the_same_in_every_library(
    carry: Callable[[Any], Any], name: str, rule: str
) -> None:
    form = inits.INITS[name](5, channels=2)
    u = drive(form, 3, 1)[..., 0]
    expected, state = stepper(form, rule=rule)(u)
    run = stepper(carry(form), rule=rule)
    y, there = run(carry(u))
    tolerance = slack(sampled(form, rule), u[..., None], np.zeros(1), 1)[0]
    assert type(y).__module__.partition(".")[0] == type(carry(u)).__module__.partition(".")[0]
    assert far(y, expected) <= tolerance
    assert far(run(carry(u), there)[0], step(form, u, state, rule=rule)[0]) <= (2 * tolerance)


def compiled(run: Callable[..., Any], library: str) -> Callable[..., Any]:
    if library == "jax":
        import jax

        return jax.jit(run)
    import torch

    torch.compiler.reset()  # it counts compilations of one line, whatever it closes over
    return torch.compile(run, fullgraph=True, backend="aot_eager")


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize(("name", "rule"), STEPPED)
def test_a_stepper_compiles(name: str, rule: str, library: str) -> None:
    pytest.importorskip(library)
    form = inits.INITS[name](4, channels=2)
    u = drive(form, 3, 1)[..., 0]
    _, state = stepper(form, rule=rule)(u)
    expected, after = stepper(form, rule=rule)(u, state)
    of_output, of_state = slack(sampled(form, rule), u[..., None], np.abs(state), 2)
    run = compiled(stepper(forms.move(form, library), rule=rule), library)
    there = move(u, library)
    y, last = run(there, run(there)[1])
    assert far(y, expected) <= 2 * of_output
    assert far(last, after) <= 2 * of_state


def test_gradients_flow_through_a_stepper() -> None:
    torch: Any = pytest.importorskip("torch")
    system = forms.move(sampled(inits.s4d_lin_init(4, channels=2)), "torch")
    u = torch.asarray(signal(0, 2))
    leaves = [array.clone().requires_grad_(True) for array in system]

    def run(*arrays: Any) -> Any:
        advance = stepper(type(system)(*arrays))
        return advance(u, advance(u)[1])

    assert torch.autograd.gradcheck(run, leaves)


def calls(function: Callable[[], Any]) -> int:
    """How many Python functions a call enters."""
    events: list[str] = []
    sys.setprofile(lambda frame, event, argument: events.append(event))
    try:
        function()
    finally:
        sys.setprofile(None)
    return events.count("call")


@pytest.mark.parametrize(("name", "rule"), STEPPED)
def test_a_step_costs_its_arithmetic_and_no_check(name: str, rule: str) -> None:
    form = inits.INITS[name](4, channels=2)
    u = drive(form, 0, 1)[..., 0]
    run = stepper(form, rule=rule)
    _, state = run(u)
    assert calls(lambda: run(u, state)) <= 12
    assert calls(lambda: step(form, u, state, rule=rule)) > 100


@pytest.mark.parametrize("name", ["s4d-lin", "s4", "s5", "dlr"])
def test_a_form_is_looked_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    form = inits.INITS[name](4)
    u = drive(form, 0, 9)
    looked: list[str] = []
    look = require.finite
    monkeypatch.setattr(
        require, "finite", lambda key, value: [looked.append(key), look(key, value)]
    )
    state = begin(sampled(form), 0)
    monkeypatch.setattr(dense, "prefers_series", lambda *sizes, **kind: True)
    acts: dict[str, Callable[[], Any]] = {
        "": lambda: (kernel(form, 9), looked.clear(), kernel(form, 9, rule="bilinear")),
        "u": lambda: scan(form, u),
        "u state": lambda: step(form, u[..., 0], state),
    }
    for arguments, act in acts.items():
        looked.clear()
        act()
        assert sorted(looked) == sorted([*form._fields, *arguments.split()])


@given(models(), rules, lengths, seeds)
def test_the_final_state_is_where_the_loop_ends(
    form: Any, rule: str, length: int, seed: int
) -> None:
    system = sampled(form, rule)
    u = drive(form, seed, length)
    x = begin(system, seed)
    _, visited = by_hand(system, u, x)
    last = final_state(form, u, x, rule=rule)
    assert last.shape == visited[..., -1, :].shape
    assert far(last, visited[..., -1, :]) <= slack(system, u, x, length)[1]


@given(models(), rules, st.sets(st.integers(0, 79), min_size=1, max_size=5), seeds)
def test_states_are_those_the_loop_passes(form: Any, rule: str, at: set[int], seed: int) -> None:
    system = sampled(form, rule)
    chosen = sorted(at)
    u = drive(form, seed, 80)
    x = begin(system, seed)
    _, visited = by_hand(system, u, x)
    found = states(form, u, chosen, x, rule=rule)
    assert far(found, visited[..., chosen, :]) <= slack(system, u, x, 80)[1]


@given(models(), rules, lengths, seeds)
def test_the_final_states_of_a_padded_batch_are_those_of_its_signals(
    form: Any, rule: str, length: int, seed: int
) -> None:
    system = sampled(form, rule)
    u = drive(form, seed, length, 4)
    x = begin(system, seed, 4)
    ends = [length, 1, (length + 1) // 2, length]
    found = final_state(form, u, x, lengths=np.array(ends), rule=rule)
    for row, end in enumerate(ends):
        _, visited = by_hand(system, u[row, ..., :end], x[row])
        assert found[row].shape == visited[..., -1, :].shape
        assert far(found[row], visited[..., -1, :]) <= slack(system, u[row], x[row], length)[1]


@given(models(), rules, st.integers(1, 12), seeds)
def test_two_directions_are_the_sum_of_their_kernels_and_lag_0_counts_once(
    form: Any, rule: str, length: int, seed: int
) -> None:
    past = sampled(form, rule)
    other = form._replace(C=form.C[..., ::-1], D=form.D + 1)
    future = sampled(other, rule)
    u = drive(form, seed, length)
    k, b = (np.moveaxis(kernel(system, length), -1, 0) for system in (past, future))
    ports = forms.kind(form).ports
    sums = "pm,m->p" if ports else "...,...->..."
    expected = np.zeros((length, *(k.shape[1:-1] if ports else k.shape[1:])))
    for at in range(length):
        for m in range(length):
            tap = k[at - m] if m <= at else b[m - at]
            expected[at] += np.einsum(sums, tap, u[..., m])
    y = scan_bidirectional(form, other, u, rule=rule)
    both = sum(slack(system, u, begin(system, seed) * 0, length)[0] for system in (past, future))
    assert far(y, np.moveaxis(expected, 0, -1)) <= 4 * both


@given(models(), rules, lengths, seeds)
def test_a_scan_is_the_convolution_and_the_free_response(
    form: Any, rule: str, length: int, seed: int
) -> None:
    system = sampled(form, rule)
    u = drive(form, seed, length)
    x = begin(system, seed)
    k = kernel(system, length)
    free = free_response(form, x, length, rule=rule)
    ports = forms.kind(form).ports
    driven = convolve(u[..., None, :, :], k).sum(-2) if ports else convolve(u, k)
    assert far(driven + free, scan(system, u, x)[0]) <= 2 * slack(system, u, x, length)[0]
    of_free = slack(system, 0 * u, x, length)[0]
    assert far(free, by_hand(system, 0 * u, x)[0]) <= of_free


@given(models(largest=5), rules, st.sampled_from([(2,), (2, 3), (0,)]), st.sampled_from([3, 70]))
def test_signals_that_share_a_form_do_not_know_each_other(
    form: Any, rule: str, lead: tuple[int, ...], length: int
) -> None:
    system = sampled(form, rule)
    u = drive(form, 5, length, *lead)
    x = begin(system, 6, *lead)
    y, last = scan(system, u, x)
    ends = final_state(system, u, x)
    assert y.shape[: len(lead)] == last.shape[: len(lead)] == ends.shape[: len(lead)] == lead
    for index in np.ndindex(*lead):
        of_output, of_state = slack(system, u[index], x[index], length)
        alone, end = scan(system, u[index], x[index])
        assert far(y[index], alone) <= of_output
        assert max(far(last[index], end), far(ends[index], end)) <= of_state


def test_one_signal_reaches_all_channels() -> None:
    system = sampled(inits.ptd_init(6, channels=3))
    u = signal(0, 130)
    x = begin(system, 1)
    y, last = scan(system, u, x)
    expected, visited = by_hand(system, u[None, :], x)
    of_output, of_state = slack(system, u[None, :], x, 130)
    assert far(y, expected) <= of_output
    assert far(last, visited[..., -1, :]) <= of_state


@pytest.mark.parametrize(
    ("name", "rule", "length"),
    [("s4", "foh", 66), ("s4d-lin", "zoh", 66), ("dlr", "zoh", 3), ("s5", "foh", 9)],
)
def test_every_library_gives_the_same_states_and_responses(
    carry: Callable[[Any], Any], name: str, rule: str, length: int
) -> None:
    form = inits.INITS[name](5, channels=2)
    system = sampled(form, rule)
    u = drive(form, 3, length, 2)
    x = begin(system, 4, 2)
    of_output, of_state = slack(system, u, x, length)
    there = carry(system)
    v = carry(u)
    z = carry(x)
    expected, visited = by_hand(system, u, x)
    y, last = scan(there, v, z)
    assert type(y).__module__.partition(".")[0] == type(v).__module__.partition(".")[0]
    assert far(y, expected) <= of_output
    assert far(last, visited[..., -1, :]) <= of_state
    assert far(final_state(there, v, z), visited[..., -1, :]) <= of_state
    assert far(states(there, v, [length - 1], z), visited[..., [length - 1], :]) <= of_state
    ends = final_state(there, v, z, lengths=carry(np.array([length, 2])))
    assert far(ends[0, ...], visited[0, ..., -1, :]) <= of_state
    assert far(ends[1, ...], visited[1, ..., 1, :]) <= of_state
    both = scan_bidirectional(there, there, v)
    assert far(both, scan_bidirectional(system, system, u)) <= 4 * of_output
    assert far(free_response(there, z, length), by_hand(system, 0 * u, x)[0]) <= of_output
    now, _ = step(there, v[..., 0], z)
    assert far(now, expected[..., 0]) <= of_output


@pytest.mark.parametrize("name", ["s4", "s4d-lin", "s5"])
def test_single_precision_stays_single(name: str) -> None:
    form = forms.move(inits.INITS[name](8), "numpy", dtype="float32")
    u = drive(form, 0, 200).astype(np.float32)
    system = sampled(form)
    wide = type(system)(
        *(field.astype(np.complex128 if np.iscomplexobj(field) else np.float64) for field in system)
    )
    y, last = scan(system, u)
    assert y.dtype == np.float32
    assert last.dtype in (np.float32, np.complex64)
    scale = np.finfo(np.float32).eps / EPS
    assert (
        far(y, scan(wide, u.astype(np.float64))[0]) <= scale * slack(wide, u, np.zeros(1), 200)[0]
    )


@pytest.mark.parametrize("kind", ["PairedRecurrence", "DenseRecurrence", "MIMORecurrence"])
def test_gradients_flow_through_chunks_in_torch(kind: str) -> None:
    torch = pytest.importorskip("torch")
    name = {"PairedRecurrence": "s4d-lin", "DenseRecurrence": "s4", "MIMORecurrence": "s5"}[kind]
    system = forms.move(sampled(inits.INITS[name](2)), "torch")
    assert type(system).__name__ == kind
    u = torch.asarray(drive(system, 0, 66))
    x = torch.asarray(begin(forms.move(system, "numpy"), 1))
    leaves = [array.clone().requires_grad_(True) for array in (*system, x)]

    def observe(*arrays: Any) -> Any:
        form = type(system)(*arrays[:4])
        state = arrays[4]
        y, last = scan(form, u, state)
        return y[..., -3:], last, final_state(form, u, state), free_response(form, state, 3)

    assert torch.autograd.gradcheck(observe, leaves)


def test_a_scan_compiles_and_differentiates_in_jax() -> None:
    jax = pytest.importorskip("jax")
    form = inits.ptd_init(6, channels=2)
    u = signal(0, 3, 2, 150)
    there = forms.move(form, "jax")
    v = jax.numpy.asarray(u)
    expected, end = scan(form, u)
    y, last = jax.jit(scan)(there, v)
    of_output, of_state = slack(sampled(form), u, np.zeros(1), 150)
    assert far(y, expected) <= of_output
    assert far(last, end) <= of_state

    def loss(h: Any) -> Any:
        return (scan(there._replace(step=h), v)[0] ** 2).sum()

    gradient = jax.jit(jax.grad(loss))(there.step)
    stiffness = largest(form.A) / np.abs(form.A.real).min()  # turns within a memory
    for k in range(2):

        def on_host(step: float, k: int = k) -> float:
            steps = np.where(np.arange(2) == k, step, form.step)
            return float((scan(form._replace(step=steps), u)[0] ** 2).sum())

        numeric, tolerance = slope(on_host, form.step[k], stiffness=stiffness)
        assert abs(gradient[k] - numeric) <= tolerance


def test_no_table_of_modes_times_samples_is_made() -> None:
    import tracemalloc

    form = sampled(inits.s4d_lin_init(64, channels=4))
    u = signal(0, 4, 1 << 15)
    tracemalloc.start()
    scan(form, u)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    final_state(form, u)
    _, least = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    table = 32 * u.nbytes * 2  # 32 complex modes
    assert peak < table / 5
    assert least < table / 8


@given(st.integers(1, 20), seeds)
def test_products_with_a_causal_matrix_are_convolutions(length: int, seed: int) -> None:
    u = signal(seed, 3, length)
    k = signal(seed + 1, length)
    expected = np.stack([np.convolve(row, k)[:length] for row in u])
    assert far(u @ causal(k), expected) <= 2 * EPS * length * largest(u) * np.abs(k).sum()


@given(st.integers(1, 40), st.integers(1, 3), seeds)
def test_halving_is_the_loop(length: int, n: int, seed: int) -> None:
    a = signal(seed, length, n)
    x = signal(seed + 1, 2, length, n)
    state = np.zeros((2, n))
    bound = np.zeros((2, n))
    for k in range(length):
        state = a[k] * state + x[:, k]
        bound = np.abs(a[k]) * bound + np.abs(x[:, k])
    assert np.all(np.abs(accumulate(a, x)[..., -1, :] - state) <= 4 * EPS * length * bound)
    constant = np.broadcast_to(a[:1] / (1 + np.abs(a[:1])), (length, n))
    by_squares = geometric(constant[0], x, lambda A, x: A * x, lambda A: A * A)
    assert far(by_squares, accumulate(constant, x)) <= 4 * EPS * length * np.abs(x).sum(-2).max()


@given(st.integers(1, 70), seeds)
def test_powers_are_powers(length: int, seed: int) -> None:
    z = signal(seed, 4) + 1j * signal(seed + 1, 4)
    z = np.concatenate([z / np.abs(z), [0.0]])
    expected = np.exp(1j * np.angle(z)[:, None] * np.arange(length))
    expected[-1, 1:] = 0
    assert far(powers(z, length), expected) <= 4 * EPS * length


SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
one = np.ones(2) + 0j
GOOD = forms.Recurrence(0.5 * one, one, one, np.asarray(0.0))
BOOLEAN: Any = [True]


@pytest.mark.parametrize("name", ["s4d-lin", "s5", "s4"])
@pytest.mark.parametrize("at", [[3, 2], [2, 2]])
def test_indices_that_do_not_rise_are_refused_as_such(name: str, at: list[int]) -> None:
    form: Any = inits.INITS[name](4)
    with pytest.raises(ValueError, match="rising indices"):
        states(form, np.ones((1, 5)), at)


@pytest.mark.parametrize(
    "call",
    [
        lambda: states(GOOD, np.ones(5), []),
        lambda: states(GOOD, np.ones(5), [3, 2]),
        lambda: states(GOOD, np.ones(5), [2, 2]),
        lambda: states(GOOD, np.ones(5), [5]),
        lambda: states(GOOD, np.ones(5), [-1]),
        lambda: states(GOOD, np.ones(5), BOOLEAN),
        lambda: final_state(GOOD, np.ones(5), np.ones(3) + 0j),
        lambda: final_state(GOOD, np.ones(5), one.astype(np.complex64)),
        lambda: final_state(GOOD, np.ones(5), one * np.nan),
        lambda: final_state(GOOD, np.ones(5) * np.inf),
        lambda: final_state(GOOD, np.ones(0)),
        lambda: final_state(GOOD, np.ones(5), lengths=np.array([3])),
        lambda: final_state(GOOD, np.ones((2, 5)), lengths=np.array([3])),
        lambda: final_state(GOOD, np.ones((2, 5)), lengths=np.array([0, 5])),
        lambda: final_state(GOOD, np.ones((2, 5)), lengths=np.array([1, 6])),
        lambda: final_state(GOOD, np.ones((2, 5)), lengths=np.array([1.0, 2.0])),
        lambda: final_state(GOOD, np.ones((2, 5)), lengths=[1, 2]),
        lambda: final_state(GOOD._replace(A=3 * one), np.ones(10**4)),
        lambda: final_state(
            forms.DenseRecurrence(3 * np.eye(2), np.ones(2), np.ones(2), np.asarray(0.0)),
            np.ones(10**4),
        ),
        lambda: scan(
            forms.DenseRecurrence(3 * np.eye(2), np.ones(2), np.ones(2), np.asarray(0.0)),
            np.ones(10**4),
        ),
        lambda: step(GOOD, np.asarray(1.0), np.ones(3) + 0j),
        lambda: step(GOOD._replace(A=1e300 * one), np.asarray(1.0), 1e300 * one),
        lambda: free_response(GOOD, np.ones(3) + 0j, 4),
        lambda: free_response(GOOD, np.asarray(1.0 + 0j), 4),
        lambda: free_response(GOOD, np.array([np.inf, 0j]), 4),
        lambda: free_response(GOOD, one, 0),
        lambda: free_response(GOOD._replace(A=np.ones((3, 2)) + 0j), np.ones((2, 2)) + 0j, 3),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(call: Callable[[], Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert SENTENCE.fullmatch(str(caught.value)), caught.value
