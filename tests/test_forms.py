"""What a form says does not depend on how it is written down, and a new kind is one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from differences import far, largest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, models

from ssmlinalg import (
    convolve,
    discretize,
    forms,
    inits,
    kernel,
    kernels,
    move,
    scan,
    step,
    transfer,
)
from ssmlinalg.ground import backend

paired = models(
    st.sampled_from(
        ["ptd", "s4d-lin", "s4d-inv", "s4d-real", "s4d-legs", "s4d-quad", "dss", "mamba"]
    )
)


def scale(form: Any) -> float:
    return float(np.max(np.sum(np.abs(form.C * form.B), axis=-1)) * max(1.0, np.max(form.step)))


@given(paired)
def test_unpairing_then_pairing_is_the_identity(form: forms.Paired) -> None:
    again = forms.pair(forms.unpair(form))
    rising = np.lexsort((form.A.real, form.A.imag), axis=-1)
    for name in ("A", "B", "C"):
        whole = np.broadcast_to(
            getattr(form, name), np.broadcast_shapes(form.A.shape, form.C.shape)
        )
        np.testing.assert_array_equal(getattr(again, name), np.take_along_axis(whole, rising, -1))


@given(paired)
def test_half_and_full_spectrum_have_one_kernel(form: forms.Paired) -> None:
    half = kernel(form, 20)
    full = kernel(forms.unpair(form), 20)
    assert far(half, full) <= 16 * EPS * 20 * scale(form)


def test_the_sign_of_the_imaginary_part_does_not_matter_to_a_real_kernel() -> None:
    form = inits.s4d_lin_init(8)
    mirrored = form._replace(A=form.A.conj(), B=form.B.conj(), C=form.C.conj())
    np.testing.assert_array_equal(kernel(form, 30), kernel(mirrored, 30))


def test_a_real_mode_is_kept_with_its_input_halved() -> None:
    full = forms.Diagonal(
        np.array([-2.0 + 0j]),
        np.array([3.0 + 0j]),
        np.array([5.0 + 0j]),
        np.asarray(0.0),
        np.asarray(0.1),
    )
    assert forms.pair(full).B == 1.5
    np.testing.assert_allclose(kernel(full, 5), kernel(forms.pair(full), 5), rtol=4 * EPS)


def test_dplr_is_diagonal_minus_low_rank() -> None:
    form = inits.s4_init(6, measure="legt")
    np.testing.assert_allclose(
        forms.to_dense(form).A, np.diag(form.Lambda) - form.P @ form.P.conj().T, rtol=4 * EPS
    )


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_pairing_looks_at_each_member_in_units_of_its_own(size: float) -> None:
    """C B may overflow or vanish, and a channel be far quieter than the one beside it."""
    A = size * np.array([-1 + 2j, -1 - 2j])
    loud, quiet = np.ones(2) + 0j, 1e-12 * np.array([1 + 1j, 1 - 1j])
    rows = np.stack([loud, quiet])
    form = forms.Diagonal(A, size * rows, size * rows, np.zeros(2), np.full(2, 1 / size))
    np.testing.assert_array_equal(forms.pair(form).A, [A[:1], A[:1]])
    odd = np.stack([loud, quiet * [1, 2]])
    with pytest.raises(ValueError, match="`C B`"):
        forms.pair(form._replace(C=size * odd))


def test_pairing_refuses_an_open_spectrum() -> None:
    one = np.ones(2) + 0j
    with pytest.raises(
        ValueError, match="closed under conjugation; got 2 modes above the real axis and 0 below"
    ):
        forms.pair(
            forms.Diagonal(np.array([1j, 2j]) - 1, one, one, np.asarray(0.0), np.asarray(1.0))
        )
    with pytest.raises(ValueError, match="`A`"):
        forms.pair(
            forms.Diagonal(np.array([1j, -2j]) - 1, one, one, np.asarray(0.0), np.asarray(1.0))
        )
    with pytest.raises(ValueError, match="`C B`"):
        forms.pair(
            forms.Diagonal(
                np.array([1j, -1j]) - 1, one, np.array([1.0, 2j]), np.asarray(0.0), np.asarray(1.0)
            )
        )


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moving_keeps_values_and_gives_the_precision_asked_for(library: str, dtype: str) -> None:
    form = inits.ptd_init(9, channels=2)
    moved = forms.move(form, library, dtype=dtype)
    back = forms.move(moved, "numpy")
    assert back.step.dtype == dtype
    for ours, theirs in zip(form, back, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=float(np.finfo(dtype).eps))


def test_moving_a_delayed_form_moves_both_its_parts() -> None:
    from ssmlinalg import discretize

    moved = forms.move(discretize.foh(inits.s4d_lin_init(4)), "torch")
    assert type(moved.D).__module__ == type(moved.system.A).__module__ == "torch"


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_real_modes_may_be_given_as_real_arrays(library: str) -> None:
    real = forms.Paired(
        -np.arange(1.0, 4), np.full(3, 0.5), np.ones(3), np.asarray(0.0), np.asarray(0.1)
    )
    whole = forms.Paired(real.A + 0j, real.B + 0j, real.C + 0j, real.D, real.step)
    np.testing.assert_array_equal(
        kernel(forms.move(real, library), 9), kernel(forms.move(whole, library), 9)
    )


def test_python_numbers_stand_for_arrays() -> None:
    one = np.ones(1, dtype=np.complex64)
    form = forms.check(forms.Paired(-one, one, one, 0.0, 0.5))
    assert form.D.dtype == form.step.dtype == np.float32


# A kind of one's own: a type, and a line in the table.


def test_a_delayed_form_is_a_batch_by_any_one_of_its_fields() -> None:
    one = forms.inner(discretize.foh(inits.s4d_lin_init(4)))
    for field in ("A", "B", "C", "D"):
        system = one._replace(**{field: np.stack([getattr(one, field)] * 3)})
        assert forms.batch(forms.Delayed(system, np.asarray(1.0))) == (3,)
    assert forms.batch(forms.Delayed(one, np.ones(3))) == (3,)


class Lag(NamedTuple):
    """The first-order lag y' = (gain u - y)/time."""

    gain: Any
    time: Any
    step: Any


def mode_of_lag(lag: Lag) -> forms.Diagonal:
    A = backend.as_complex(-1 / lag.time)[..., None]
    B = backend.as_complex(lag.gain / lag.time)[..., None]
    one = backend.library(A).ones_like(A)
    return forms.Diagonal(A, B, one, 0 * lag.gain, lag.step)


class Half(NamedTuple):
    """A `Paired` form by another name."""

    A: Any
    B: Any
    C: Any
    D: Any
    step: Any


class HalfRecurrence(NamedTuple):
    """A `PairedRecurrence` by another name."""

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


@pytest.fixture
def lag(monkeypatch: pytest.MonkeyPatch) -> Lag:
    axes = {"gain": (), "time": (), "step": ()}
    line = forms.Kind(axes, sampled=forms.Recurrence, plain=mode_of_lag)
    monkeypatch.setitem(forms.KINDS, Lag, line)
    return Lag(np.array([2.0, -3.0]), np.array([0.5, 0.2]), np.array([0.1, 0.4]))


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> Half:
    axes = dict(forms.KINDS[forms.PairedRecurrence].axes)
    monkeypatch.setitem(forms.KINDS, HalfRecurrence, forms.Kind(axes, half=True))
    line = forms.Kind(axes | {"step": ()}, half=True, sampled=HalfRecurrence)
    monkeypatch.setitem(forms.KINDS, Half, line)
    return Half(*inits.s4d_lin_init(5, channels=2))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    axes = {"A": ("N", "N"), "B": ("N", "M"), "C": ("P", "N"), "D": ("P", "M")}
    monkeypatch.setitem(forms.KINDS, SampledNetwork, forms.Kind(axes, matrix=True, ports=True))
    line = forms.Kind(axes | {"step": ()}, matrix=True, ports=True, sampled=SampledNetwork)
    monkeypatch.setitem(forms.KINDS, Network, line)
    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 4)) - 4 * np.eye(4)
    B = rng.standard_normal((4, 2))
    C = rng.standard_normal((3, 4))
    return Network(A, B, C, rng.standard_normal((3, 2)), np.asarray(0.1))


LENGTH = 70  # more than a chunk of `scan`
MANY = 64 * EPS * LENGTH  # rounding in a scan of that length, relative to its largest term


def test_the_kernel_of_a_lag_is_its_exponential(lag: Any) -> None:
    decay = np.exp(-lag.step / lag.time)
    expected = (lag.gain * (1 - decay))[:, None] * decay[:, None] ** np.arange(LENGTH)
    tolerance = MANY * largest(lag.gain)
    assert far(kernel(lag, LENGTH), expected) <= tolerance
    t = np.array([0.0, 0.3, 2.0])
    expected = (lag.gain / lag.time)[:, None] * np.exp(-t / lag.time[:, None])
    tolerance = 8 * EPS * np.abs(lag.gain / lag.time).max()
    assert far(kernels.kernel_at(lag, t), expected) <= tolerance


@pytest.mark.parametrize("rule", sorted(discretize.RULES))
def test_a_lag_run_as_a_recurrence_is_its_kernel(lag: Any, rule: str) -> None:
    u = np.random.default_rng(0).standard_normal(LENGTH)
    expected = convolve(u, kernel(lag, LENGTH, rule=rule))
    growth = max(1.0, largest(forms.inner(discretize.RULES[rule](lag)).A)) ** LENGTH
    tolerance = MANY * growth * np.abs(lag.gain / lag.time).max() * np.abs(u).sum()
    y, last = scan(lag, u, rule=rule)
    assert far(y, expected) <= tolerance
    assert far(kernels.final_state(lag, u, rule=rule), last) <= tolerance
    run = kernels.stepper(lag, rule=rule)
    checked = unchecked = None
    for now, sample in zip(np.moveaxis(expected, -1, 0), u, strict=True):
        y, checked = step(lag, np.asarray(sample), checked, rule=rule)
        also, unchecked = run(np.asarray(sample), unchecked)
        assert max(far(y, now), far(also, now)) <= tolerance


def test_the_transfer_function_of_a_lag_is_that_of_a_low_pass(lag: Any) -> None:
    s = 1j * np.array([0.0, 1.0, 30.0])
    expected = lag.gain[:, None] / (1 + lag.time[:, None] * s)
    assert far(transfer(lag, s), expected) <= 8 * EPS * largest(lag.gain)
    z = np.exp(s * 0.1)
    k = kernel(lag._replace(step=np.asarray(0.1)), 400)  # over by then: e^{-400 0.1/0.5} < eps
    expected = np.sum(k[..., None, :] * z[:, None] ** -np.arange(400.0), axis=-1)
    sampled = transfer(discretize.zoh(lag._replace(step=np.asarray(0.1))), z)
    assert far(sampled, expected) <= 64 * EPS * np.abs(k).sum(-1).max()


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_a_lag_goes_wherever_forms_go(lag: Any, library: str) -> None:
    there: Any = move(lag, library)
    assert type(there).__name__ == "Lag"
    for rule in ("zoh", "foh"):
        expected = kernel(lag, 20, rule=rule)
        assert far(kernel(there, 20, rule=rule), expected) <= 16 * EPS * largest(lag.gain)


@pytest.mark.parametrize("rule", sorted(discretize.RULES))
def test_rooms_ask_the_table_and_not_the_type(half: Any, rule: str) -> None:
    """A kind with fields of its own does what the kind does that has the same line."""
    paired = forms.Paired(*half)
    u = np.random.default_rng(0).standard_normal((3, 2, LENGTH))
    sampled = discretize.discretize(half, rule=rule)
    assert type(forms.inner(sampled)) is HalfRecurrence
    state = u[..., :3] + 1j * u[..., 3:6]
    acts: list[Callable[[Any], Any]] = [
        lambda form: kernel(form, LENGTH, rule=rule),
        lambda form: scan(form, u, state, rule=rule)[0],
        lambda form: scan(form, u, state, rule=rule)[1],
        lambda form: step(form, u[..., 0], state, rule=rule)[0],
        lambda form: kernels.stepper(form, rule=rule)(u[..., 0])[0],
        lambda form: kernels.final_state(form, u, state, rule=rule),
        lambda form: kernels.states(form, u, [3, 9], state, rule=rule),
        lambda form: kernels.free_response(form, state, LENGTH, rule=rule),
        lambda form: kernels.kernel_at(form, u[0] ** 2),
        lambda form: kernels.resample(form, 2.0).step,
        lambda form: kernels.band_limit(form, 0.5).C,
        lambda form: transfer(form, 1j * u[0, 0]),
        lambda form: forms.view(form).C,
    ]
    for act in acts:
        np.testing.assert_array_equal(act(half), act(paired))
    expected = kernel(discretize.discretize(paired, rule=rule), 9)
    np.testing.assert_array_equal(kernel(sampled, 9), expected)


def test_modes_of_a_new_kind_run_at_irregular_steps(half: Any) -> None:
    u = np.random.default_rng(0).standard_normal((2, LENGTH))
    here, last = kernels.scan_irregular(half, u, u**2 + 0.1)
    there, end = kernels.scan_irregular(forms.Paired(*half), u, u**2 + 0.1)
    np.testing.assert_array_equal(here, there)
    np.testing.assert_array_equal(last, end)


def test_the_way_back_from_samples_finds_the_kind(half: Any) -> None:
    sampled: Any = discretize.zoh(half)
    back = discretize.continuous(sampled, step=half.step)
    assert type(back) is Half


@pytest.mark.parametrize("rule", sorted(discretize.RULES))
def test_a_matrix_with_ports_is_a_system_for_each_pair_of_them(network: Any, rule: str) -> None:
    u = np.random.default_rng(1).standard_normal((2, LENGTH))
    t = np.array([0.0, 0.3, 2.0])
    K = kernel(network, LENGTH, rule=rule)
    y, last = scan(network, u, rule=rule)
    at = kernels.kernel_at(network, t)
    assert K.shape == (3, 2, LENGTH)
    assert at.shape == (3, 2, 3)
    assert y.shape == (3, LENGTH)
    assert last.shape == (4,)
    weight = np.linalg.norm(network.B) * np.linalg.norm(network.C) + largest(network.D)
    tolerance = MANY * weight * (1 + np.abs(u).sum())
    expected = np.zeros((3, LENGTH))
    for p, m in np.ndindex(3, 2):
        alone = forms.Dense(
            A=network.A, B=network.B[:, m], C=network.C[p], D=network.D[p, m], step=network.step
        )
        assert far(K[p, m], kernel(alone, LENGTH, rule=rule)) <= tolerance
        assert far(at[p, m], kernels.kernel_at(alone, t)) <= tolerance
        expected[p] += scan(alone, u[m], rule=rule)[0]
    assert far(y, expected) <= tolerance
    assert far(kernels.final_state(network, u, rule=rule), last) <= tolerance
    free = kernels.free_response(network, last, LENGTH, rule=rule)
    assert far(scan(network, 0 * u, last, rule=rule)[0], free) <= tolerance * (1 + largest(last))
    run = kernels.stepper(network, rule=rule)
    state = None
    for now, sample in zip(y.T, u.T, strict=True):
        output, state = run(sample, state)
        assert far(output, now) <= tolerance
