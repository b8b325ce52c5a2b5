"""Transfer functions of every form: each algorithm is within its condition of the definition."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, models, seeds

from ssmlinalg import decompose, discretize, forms, hippo, inits, kernel, reference, transfer
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.ground.formats import SINGLE
from ssmlinalg.systems import legs_state, state_transfer

SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"
DISCRETE = ["DenseRecurrence", "MIMORecurrence", "PairedRecurrence", "Recurrence", "Delayed"]
ONE = np.ones(1) + 0j
ZERO = np.asarray(0.0)
UNIT = np.asarray(1.0)
POINTS = np.array([0.3j, 1.7 - 0.4j, -6j, 0.9 + 2j, 40.0 + 0j])

kinds = st.sampled_from(sorted(forms.FORMS))
anywhere = st.complex_numbers(min_magnitude=0.05, max_magnitude=1e3, allow_nan=False)
points = anywhere.map(lambda s: complex(abs(s.real), s.imag))
PAIRED = ["ptd", "s4d-lin", "s4d-inv", "s4d-real", "s4d-legs", "s4d-quad", "dss", "mamba"]
paired = models(st.sampled_from(PAIRED))


def model(kind: str, seed: int, N: int = 4) -> Any:
    """A damped system of |A| about 3 without batch, if discrete a contraction of 0.8 at most."""
    rng = np.random.default_rng(seed)
    square = complex_normal(rng, N, N)
    wide = complex_normal(rng, N, 2)
    a, b, c, d, e, f = rng.standard_normal((6, N))
    modes = -0.1 - np.abs(a) + 2j * b
    inside = 0.8 * modes / np.abs(modes).max()
    B = c + 1j * d
    C = e + 1j * f
    D = np.asarray(rng.standard_normal())
    one = np.asarray(1.0)
    rows = np.stack([B, C, B * C])
    ports = rng.standard_normal((3, 2))
    match kind:
        case "NPLR":
            return hippo.legt(N)
        case "Dense":
            real = np.real(square)
            A = real - (0.1 + np.linalg.norm(real, 2)) * np.eye(N)
            return forms.Dense(A, c, e, D, one)
        case "DPLR":
            return forms.DPLR(Lambda=modes, P=wide, B=B, C=C, D=D, step=one)
        case "Diagonal" | "Paired":
            return forms.FORMS[kind](modes, B, C, D, one)
        case "DenseRecurrence":
            return forms.DenseRecurrence(0.8 * square / np.linalg.norm(square, 2), B, C, D)
        case "MIMO":
            return forms.MIMO(modes, wide, rows, ports, np.ones(N))
        case "MIMORecurrence":
            return forms.MIMORecurrence(inside, wide, rows, ports)
        case "Delayed":
            return forms.Delayed(forms.PairedRecurrence(inside, B, C, 0 * D), D + 1)
    return forms.FORMS[kind](inside, B, C, D)


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    real, imag = rng.standard_normal((2, *shape))
    return real + 1j * imag


def matrices(form: Any) -> tuple[Any, ...]:
    """A (N, N), B (N, M), C (P, N) with the factor of a half spectrum in it, and D (P, M), the real
    part yet to be taken. By the definition of each form, not by `forms.view`.
    """
    if isinstance(form, forms.NPLR):
        return form.A, form.B[:, None], np.eye(1, len(form.B)), np.zeros((1, 1))
    if isinstance(form, forms.DPLR):
        A = np.diag(form.Lambda) - form.P @ form.P.conj().T
    else:
        A = form.A if isinstance(form, (forms.Dense, forms.DenseRecurrence)) else np.diag(form.A)
    several = isinstance(form, (forms.MIMO, forms.MIMORecurrence))
    half = several or isinstance(form, (forms.Paired, forms.PairedRecurrence))
    C = 2 * form.C if half else form.C
    if several:
        return A, form.B, C, form.D
    return A, form.B[:, None], C[None], np.reshape(form.D, (1, 1))


def newest(form: Any, s: Any) -> Any:
    """z where the state holds the newest sample, x^ = z (z - A)^{-1} B, else 1."""
    return s if forms.is_recurrence(form) else 1


def states(form: Any, s: complex) -> np.ndarray:
    """x^(s), (N, M), by multiple precision."""
    A, B, _, _ = matrices(form)
    rows = [
        [complex(reference.transfer(A, b, row, 0, s, digits=25)) for b in B.T]
        for row in np.eye(len(A))
    ]
    return np.array(rows) * newest(form, s)


def exact(form: Any, s: complex) -> np.ndarray:
    """G(s), (P, M), by the definition."""
    if isinstance(form, forms.Delayed):
        return exact(form.system, s) / s + form.D
    _, _, C, D = matrices(form)
    once = C @ states(form, s)
    mirrored = (C @ states(form, np.conj(s))).conj()
    return (once + mirrored) / 2 + D


def rounding(form: Any, s: np.ndarray) -> np.ndarray:
    """N eps |C| |R| (|A| + |s|) |R| |B| for each s, R the resolvent there; of DPLR also that of
    Lambda, on the way.
    """
    if isinstance(form, forms.Delayed):
        return rounding(form.system, s) / np.abs(s) + EPS * np.abs(form.D)
    A, B, C, D = matrices(form)
    R = np.maximum(resolvent(A, s), resolvent(A, s.conj()))
    if isinstance(form, forms.DPLR):
        both = np.stack([s, s.conj()])[..., None]
        R = np.maximum(R, 1 / np.abs(both - form.Lambda).min(axis=(0, -1)))
    speed = np.linalg.norm(A, 2) + np.abs(s)
    size = np.linalg.norm(C) * np.linalg.norm(B) * speed * R**2
    return len(A) * EPS * (size * np.abs(newest(form, s)) + np.abs(D).max())


def resolvent(A: np.ndarray, s: np.ndarray) -> np.ndarray:
    """|(s - A)^{-1}|_2 for each s."""
    unit = np.eye(len(A))
    least = [np.linalg.svd(z * unit - A, compute_uv=False)[-1] for z in s]
    return 1 / np.array(least)


@given(kinds, points, st.integers(1, 6), seeds)
def test_the_transfer_function_of_every_form_is_that_of_the_definition(
    kind: str, s: complex, N: int, seed: int
) -> None:
    form = model(kind, seed, N)
    s = 1.5 * s / abs(s) if kind in DISCRETE else s
    at = np.array([s, np.conj(s)])
    got = transfer(form, at)
    got = got if got.ndim == 3 else got[None, None]
    expected = np.stack([exact(form, z) for z in at], axis=-1)
    assert np.all(np.abs(got - expected) <= 8 * rounding(form, at))


@given(models(largest=6))
def test_so_is_that_of_every_initialization(form: Any) -> None:
    s = np.array([0.4 + 1.7j])
    ports = forms.kind(form).ports
    first = form if ports else first_member(form)
    got = transfer(form, s)[..., 0]
    got = got if ports else got.reshape(-1)[0]
    assert np.abs(got - exact(first, s[0])).max() <= 8 * rounding(first, s)[0]


def first_member(form: Any) -> Any:
    """The first of a batch."""
    axes = forms.kind(form).axes
    fields = {}
    for name, array in form._asdict().items():
        lead = array.ndim - len(axes[name])
        fields[name] = array[(0,) * lead]
    return type(form)(**fields)


@given(
    st.sampled_from(["Diagonal", "Paired", "Recurrence", "PairedRecurrence"]),
    st.floats(-14, 0),
    seeds,
)
def test_partial_fractions_keep_every_digit_however_near_a_pole(
    kind: str, near: float, seed: int
) -> None:
    form = model(kind, seed)
    s = form.A[0] + 10.0**near
    weights = np.abs(form.C * form.B)
    terms = weights / np.abs(s - form.A) + weights / np.abs(s - form.A.conj())
    size = np.sum(terms) * abs(newest(form, s)) + abs(form.D)
    assert abs(transfer(form, np.array([s]))[0] - exact(form, s)[0, 0]) <= 8 * EPS * size


@given(kinds, seeds)
def test_the_output_reads_the_state(kind: str, seed: int) -> None:
    form = model(kind, seed)
    x = state_transfer(form, POINTS)
    if isinstance(form, forms.Delayed):
        np.testing.assert_array_equal(x, state_transfer(form.system, POINTS))
        return
    mirrored = state_transfer(form, POINTS.conj()).conj()
    x, mirrored = (np.reshape(y, (y.shape[0], -1, len(POINTS))) for y in (x, mirrored))
    _, _, C, D = matrices(form)
    both = np.tensordot(C, x, 1) + np.tensordot(C.conj(), mirrored, 1)
    read = both / 2 + D[..., None]
    G = np.reshape(transfer(form, POINTS), read.shape)
    assert np.all(np.abs(G - read) <= rounding(form, POINTS))


@given(kinds, st.integers(1, 6), seeds)
def test_the_state_is_the_solution_of_its_equation(kind: str, N: int, seed: int) -> None:
    form = model(kind, seed, N)
    inner = forms.inner(form)
    A, B, _, _ = matrices(inner)
    s = POINTS + 0.6
    x = np.reshape(state_transfer(form, s), (len(A), -1, len(s)))
    drive = B[..., None] * newest(inner, s)
    speed = np.linalg.norm(A, 2) + np.abs(s)
    bound = 16 * len(A) * EPS * speed * np.linalg.norm(x, axis=(0, 1))
    if isinstance(form, forms.DPLR):
        bound = bound + speed * rounding(form, s) / np.linalg.norm(form.C)
    assert np.all(np.abs(x * s - np.tensordot(A, x, 1) - drive) <= bound)


@given(st.integers(1, 24), st.floats(-2, 4), seeds)
def test_four_algorithms_agree(N: int, decade: float, seed: int) -> None:
    """The first coefficient of `legs`: product formula, triangle, Schur form, Woodbury."""
    legs = hippo.legs(N)
    s = np.array([1j, -1j]) * 10.0**decade
    product = transfer(legs, s)
    np.testing.assert_allclose(product, 1 / (s + 1), rtol=4 * EPS)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N)))
    rotated = forms.Dense(turn @ legs.A @ turn.T, turn @ legs.B, turn[:, 0], ZERO, UNIT)
    unrecognized = legs.B + 0j  # a chain is real
    triangle = forms.Dense(legs.A, unrecognized, np.eye(N)[0], ZERO, UNIT)
    speed = np.linalg.norm(legs.A, 2) + np.abs(s)
    state = np.linalg.norm(legs_state(N, s), axis=0)
    size = N * EPS * resolvent(legs.A, s) * speed * state
    for form in (rotated, triangle, forms.to_dense(legs)):
        assert np.all(np.abs(transfer(form, s) - product) <= 8 * size)
    # Woodbury: each mode is at least 1/2 away
    assert np.all(np.abs(transfer(decompose.diagonalize(legs), s) - product) <= 8 * N * size)


@given(st.integers(1, 8), seeds)
def test_an_eigenbasis_costs_its_condition(N: int, seed: int) -> None:
    form = model("Dense", seed, N)
    Lambda, V = np.linalg.eig(form.A)
    B = np.linalg.solve(V, form.B + 0j)
    modes = forms.Diagonal(Lambda + 0j, B, form.C @ V, form.D, form.step)
    size = np.linalg.cond(V) * rounding(form, POINTS)
    assert np.all(np.abs(transfer(form, POINTS) - transfer(modes, POINTS)) <= 8 * size)


@given(st.sampled_from(DISCRETE), seeds)
def test_on_the_unit_circle_it_is_the_fourier_transform_of_the_kernel(kind: str, seed: int) -> None:
    form = model(kind, seed)
    length = 256  # 0.8^256 < eps^1.5
    if isinstance(form, forms.Delayed):  # as a first-order hold makes it
        form = form._replace(system=form.system._replace(D=np.asarray(0.0)))
    K = kernel(form, length)
    z = np.exp(2j * np.pi * np.arange(length) / length)
    weight = np.abs(K).sum() + rounding(form, z).max() / EPS
    assert np.abs(transfer(form, z) - np.fft.fft(K)).max() <= 8 * EPS * np.log2(length) * weight


@given(st.sampled_from(["Dense", "DPLR", "Diagonal", "Paired"]), st.floats(0.01, 1), seeds)
def test_the_bilinear_rule_bends_the_axis_of_frequency(kind: str, step: float, seed: int) -> None:
    """G_d(z) = 2z/(z + 1) G(2/step (z - 1)/(z + 1)) without D: the rule reads the newest sample."""
    form = model(kind, seed)._replace(D=np.asarray(0.0), step=np.asarray(step))
    z = 1.25 * np.exp(1j * np.array([0.1, 1.0, 2.0, -1.0, 3.0]))
    s = 2 / step * (z - 1) / (z + 1)
    bend = 2 * z / (z + 1)
    warped = bend * transfer(form, s)
    sampled: Any = discretize.bilinear(form)
    size = np.abs(bend) * rounding(form, s) + rounding(sampled, z) + EPS * np.abs(warped)
    assert np.all(np.abs(transfer(sampled, z) - warped) <= 16 * size)


@given(kinds, seeds)
def test_every_transfer_function_is_conjugate_symmetric(kind: str, seed: int) -> None:
    form = model(kind, seed)
    difference = transfer(form, POINTS.conj()) - transfer(form, POINTS).conj()
    assert np.all(np.abs(difference) <= rounding(form, POINTS))


@given(paired)
def test_the_real_blocks_of_a_paired_form_have_its_transfer_function(form: forms.Paired) -> None:
    s = np.array([0.3j, 2.0 + 1j, -7j])
    dense = forms.to_dense(form)
    assert not np.iscomplexobj(dense.A)
    distance = np.min(np.abs(s[:, None] - form.A.reshape(-1)))
    size = 1 + np.abs(form.A).max()
    weights = np.sum(np.abs(form.C * form.B), axis=-1)
    scale = np.max(weights) * max(1.0, np.max(form.step))
    error = np.abs(transfer(form, s) - transfer(dense, s)).max()
    assert error <= 64 * EPS * size / distance * scale / distance


@given(paired)
def test_the_transfer_function_of_a_real_system_is_conjugate_symmetric(form: forms.Paired) -> None:
    s = np.array([0.3j, 2.0 + 1j])
    np.testing.assert_allclose(transfer(form, s.conj()), transfer(form, s).conj(), rtol=4 * EPS)


@pytest.mark.parametrize("kind", sorted(forms.FORMS))
def test_every_library_gives_the_same(carry: Callable[[Any], Any], kind: str) -> None:
    form = model(kind, 3)
    inner = forms.inner(form)
    _, _, C, _ = matrices(inner)
    for evaluate in (transfer, state_transfer):
        expected = evaluate(form, POINTS)
        got = evaluate(carry(form), carry(POINTS))
        assert library(got) == library(carry(POINTS))
        weight = 1 if evaluate is transfer else 1 / np.linalg.norm(C)
        slack = 8 * rounding(inner, POINTS) * weight
        assert np.all(np.abs(to_numpy(got) - expected) <= slack)
        empty = evaluate(carry(form), carry(POINTS[:0]))
        assert tuple(empty.shape) == (*expected.shape[:-1], 0)
        assert empty.dtype == got.dtype


def library(array: Any) -> str:
    return type(array).__module__.partition(".")[0]


LEADING_AXES = [
    ((3, 1), (1,), (2,)),
    ((1,), (2, 3), ()),
    ((), (3,), (3,)),
    ((2, 1), (1, 3), (2, 3)),
]


@pytest.mark.parametrize(("a", "b", "c"), LEADING_AXES)
def test_batches_are_loops_over_their_members(
    carry: Callable[[Any], Any], a: tuple[int, ...], b: tuple[int, ...], c: tuple[int, ...]
) -> None:
    members = [model("Dense", seed) for seed in range(3)]
    A = np.resize(np.stack([member.A for member in members]), (*a, 4, 4))
    B = np.resize(np.stack([member.B for member in members]), (*b, 4))
    C = np.resize(np.random.default_rng(0).standard_normal((3, 4)), (*c, 4))
    D = np.resize([0.5, 2.0], c)
    form = forms.Dense(A, B, C, D, UNIT)
    batch = np.broadcast_shapes(a, b, c)
    got = to_numpy(transfer(carry(form), carry(POINTS)))
    assert got.shape == (*batch, len(POINTS))
    A = np.broadcast_to(A, (*batch, 4, 4))
    B = np.broadcast_to(B, (*batch, 4))
    C = np.broadcast_to(C, (*batch, 4))
    D = np.broadcast_to(D, batch)
    for index in np.ndindex(*batch):
        member = forms.Dense(A[index], B[index], C[index], D[index], UNIT)
        error = np.abs(got[index] - transfer(member, POINTS))
        assert np.all(error <= 8 * rounding(member, POINTS))


def test_modes_shared_by_channels_need_not_be_repeated() -> None:
    form = model("Paired", 0)
    C = np.stack([form.C, 2 * form.C, 1j * form.C])
    got = transfer(form._replace(C=C), POINTS)
    for row, c in zip(got, C, strict=True):
        np.testing.assert_allclose(row, transfer(form._replace(C=c), POINTS), rtol=64 * EPS)


@pytest.mark.parametrize("kind", sorted(forms.FORMS))
def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    form = model(kind, 1)
    s = 0.5 + 1j * np.linspace(-9, 9, 100)
    whole = transfer(form, s)
    monkeypatch.setattr("ssmlinalg.kernels.blocks.NUMBERS", 1)
    assert np.all(np.abs(transfer(form, s) - whole) <= rounding(form, s))


def test_no_table_of_matrices_times_frequencies_is_made() -> None:
    N = 32
    S = 20_000
    form = model("Dense", 0, N)
    s = 1j * np.linspace(0, 9, S)
    tracemalloc.start()
    transfer(form, s)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 3 * 16 * S + (24 << 20) < 16 * S * N**2 / 10


def test_a_float32_matrix_is_evaluated_in_double_and_rounded_once() -> None:
    form = forms.move(model("Dense", 0), "numpy", dtype="float32")
    wide = forms.move(form, "numpy", dtype="float64")
    s = POINTS.astype(np.complex64)
    G = transfer(form, s)
    assert G.dtype == np.complex64
    expected = transfer(wide, s.astype(np.complex128))
    size = np.abs(expected - wide.D) + np.abs(wide.D)
    assert np.all(np.abs(G - expected) <= 4 * SINGLE * size)


@given(
    st.integers(1, 40),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.lists(points, min_size=1, max_size=4),
)
def test_the_state_of_legs_has_a_small_relative_error_in_every_entry(
    N: int, shift: float, s: list[complex]
) -> None:
    """On the closed right half plane, near its zeros 0, 1, 2, ... too."""
    at = np.array([*s, shift + 1e-9j, 1e-12 + shift])
    states = [reference.legs_state(N, point, digits=25) for point in at]
    expected = np.array([[complex(x) for x in state] for state in states]).T
    legs = hippo.legs(N)
    found = [legs_state(N, at)]
    found += [state_transfer(form, at) for form in (legs, forms.to_dense(legs))]
    for got in found:
        assert np.all(np.abs(got - expected) <= 4 * N * EPS * np.abs(expected))


@given(st.sampled_from([0.5, 1.0, 3.0]), st.integers(1, 24), points)
def test_so_has_that_of_tilted_laguerre(tilt: float, N: int, s: complex) -> None:
    pole = -(1 + tilt) / 2
    zero = (1 - tilt) / 2
    expected = tilt / (s - pole) * ((s - zero) / (s - pole)) ** np.arange(N)
    got = state_transfer(hippo.tlagt(N, tilt=tilt), np.array([s]))[:, 0]
    assert np.all(np.abs(got - expected) <= 4 * N * EPS * np.abs(expected))


def test_the_triangle_of_legs_loses_no_more_than_the_resolvent() -> None:
    """Order 64, where |(s - A)^{-1}| is at most 1/(Re s + 1/2), in a rotated basis and as it is."""
    N = 64
    rng = np.random.default_rng(0)
    A, B, _ = hippo.legs(N)
    axis = 1j * np.geomspace(1e-3, 1e6, 60)
    right = rng.uniform(0, 50, 30) + 30j * rng.standard_normal(30)
    s = np.concatenate([axis, right])
    turn, _ = np.linalg.qr(rng.standard_normal((N, N)))
    for Q, b in ((np.eye(N), B + 0j), (turn, turn @ B)):
        x = Q.T @ state_transfer(forms.Dense(Q @ A @ Q.T, b, b, UNIT, UNIT), s)
        error = np.linalg.norm(x - legs_state(N, s), axis=0)
        assert np.all(error <= 16 * N * EPS / (s.real + 0.5))


def test_a_chain_may_be_a_matrix_on_demand() -> None:
    N = 5000
    s = np.array([2j, 30.0 + 1j])
    np.testing.assert_array_equal(state_transfer(hippo.legs(N), s), legs_state(N, s))
    np.testing.assert_allclose(transfer(hippo.legs(N), s), 1 / (s + 1), rtol=4 * EPS)


@pytest.mark.parametrize("measure", ["legt", "fout", "lmu", "chebt"])
@pytest.mark.parametrize("N", [2, 7])
def test_what_is_no_chain_is_solved(measure: str, N: int) -> None:
    A, B = hippo.MEASURES[measure](N)[:2]
    form = forms.Dense(np.asarray(A), B, np.eye(N)[0], ZERO, UNIT)
    expected = np.stack([exact(form, s)[0, 0] for s in POINTS])
    error = np.abs(transfer(form, POINTS) - expected)
    assert error.max() <= 8 * rounding(form, POINTS).max()


def test_gradients_pass_through_a_solve_and_through_woodbury() -> None:
    torch: Any = pytest.importorskip("torch")
    for kind in ("Dense", "DPLR", "Paired", "MIMO", "DenseRecurrence", "Delayed"):
        form = forms.move(model(kind, 2, 3), "torch")
        inner = forms.inner(form)
        leaves = [array.requires_grad_(True) for array in inner]
        points = torch.asarray(POINTS[:2])

        def evaluate(*fields: Any, form: Any = form, points: Any = points) -> Any:
            system = type(forms.inner(form))(*fields)
            late = isinstance(form, forms.Delayed)
            return transfer(form._replace(system=system) if late else system, points)

        assert torch.autograd.gradcheck(evaluate, leaves)


def test_a_compiler_may_follow() -> None:
    jax: Any = pytest.importorskip("jax")
    for kind in ("Dense", "DPLR", "Paired", "MIMO", "DenseRecurrence", "Delayed"):
        form = model(kind, 2)
        got = jax.jit(transfer)(forms.move(form, "jax"), jax.numpy.asarray(POINTS))
        error = np.abs(to_numpy(got) - transfer(form, POINTS))
        assert np.all(error <= 8 * rounding(form, POINTS))


AT_A_POLE: dict[str, tuple[Any, complex]] = {
    "modes": (forms.Diagonal(-ONE, ONE, ONE, ZERO, UNIT), -1),
    "half a spectrum": (forms.Paired((2j - 1) * ONE, ONE, ONE, ZERO, UNIT), 2j - 1),
    "its conjugate": (forms.Paired((2j - 1) * ONE, ONE, ONE, ZERO, UNIT), -2j - 1),
    "several inputs": (
        forms.MIMO(-ONE, ONE[:, None], ONE[:, None], np.zeros((1, 1)), np.ones(1)),
        -1,
    ),
    "a matrix": (forms.Dense(np.diag([-1.0, -2.0]), np.ones(2), np.ones(2), ZERO, UNIT), -2),
    "a lower triangle": (
        forms.Dense(np.tril(np.ones((2, 2))), np.ones(2), np.ones(2), ZERO, UNIT),
        1,
    ),
    "a chain": (hippo.legs(5), -1),
    "a closed loop": (forms.DPLR(0 * ONE, ONE[:, None], ONE, ONE, ZERO, UNIT), -1),
    "its open loop": (forms.DPLR(0 * ONE, ONE[:, None], ONE, ONE, ZERO, UNIT), 0),
    "a discrete mode": (forms.Recurrence(0.5 * ONE, ONE, ONE, ZERO), 0.5),
    "a discrete matrix": (
        forms.DenseRecurrence(0.5 * np.eye(1), np.ones(1), np.ones(1), ZERO),
        0.5,
    ),
    "a late recurrence": (forms.Delayed(forms.Recurrence(0.5 * ONE, ONE, ONE, ZERO), ZERO), 0.5),
}


@pytest.mark.parametrize("case", AT_A_POLE)
def test_a_pole_is_refused_and_named(case: str) -> None:
    form, pole = AT_A_POLE[case]
    for evaluate in (transfer, state_transfer):
        if evaluate is state_transfer and case == "its conjugate":
            continue  # the state of half a spectrum has no such pole
        with pytest.raises(ValueError, match=r"`s` must not be") as caught:
            evaluate(form, np.array([3.0 + 1j, pole]))
        message = str(caught.value)
        assert re.fullmatch(SENTENCE, message)
        assert f"{np.complex128(pole):.6g}" in message or "one that is" in message
        assert ("`Lambda`" in message) == (case == "its open loop")


def test_nothing_is_heard_of_a_delay_at_zero() -> None:
    form = AT_A_POLE["a late recurrence"][0]
    with pytest.raises(
        ValueError, match=r"`s` must not be 0, where a delay is infinite; got s = 0\. "
    ):
        transfer(form, np.zeros(1) + 0j)
    np.testing.assert_array_equal(state_transfer(form, np.zeros(1) + 0j), 0)


BAD: dict[str, Callable[[], Any]] = {
    "no form": lambda: transfer((1, 2), POINTS),  # pyright: ignore[reportArgumentType]
    "a table": lambda: state_transfer(model("Dense", 0), np.ones((2, 2)) + 0j),
    "a number": lambda: transfer(model("Dense", 0), np.asarray(1j)),
    "NaN": lambda: transfer(model("DPLR", 0), np.array([np.nan + 0j])),
    "infinity": lambda: transfer(model("NPLR", 0), np.array([1.0, np.inf])),
    "a list": lambda: transfer(model("Paired", 0), [1j]),
    "single precision": lambda: transfer(model("Paired", 0), POINTS.astype(np.complex64)),
    "weights that overflow": lambda: transfer(
        forms.Paired(-ONE, 1e200 * ONE, 1e200 * ONE, ZERO, UNIT), POINTS
    ),
    "nearer than numbers are": lambda: transfer(
        forms.Paired(0 * ONE, ONE, ONE, ZERO, UNIT), np.array([1e-310 + 0j])
    ),
    "a pole of legs": lambda: legs_state(4, np.array([-2.0])),
    "no order": lambda: legs_state(0, POINTS),
    "frequencies of legs in a table": lambda: legs_state(4, np.ones((2, 2))),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_sentence(case: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        BAD[case]()
    assert re.fullmatch(SENTENCE, str(caught.value)), caught.value


def test_integrators_and_real_frequencies_are_legal() -> None:
    form = forms.Paired(0 * ONE, ONE / 2, ONE, UNIT, UNIT)
    np.testing.assert_array_equal(transfer(form, np.array([1.0, 2.0])), [2.0, 1.5])
    np.testing.assert_array_equal(transfer(inits.s4d_lin_init(4), np.zeros(0)), np.zeros(0) + 0j)


MANY = np.broadcast_to(1j, (10**8,))
TOO_LARGE: dict[str, Callable[[], Any]] = {
    "a delay almost at zero": lambda: transfer(
        discretize.foh(inits.s4d_lin_init(4)), np.array([1e-320])
    ),
    "responses": lambda: transfer(inits.s4d_legs_init(4, channels=1000), MANY),
    "states": lambda: state_transfer(hippo.legs(64), MANY),
    "an order": lambda: legs_state(10**12, np.array([1j])),
    "an order beyond all arrays": lambda: legs_state(10**30, np.array([1j])),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_overflows_or_fits_no_memory_is_refused_in_one_sentence(case: str) -> None:
    with pytest.raises(ValueError) as error:
        TOO_LARGE[case]()
    assert re.fullmatch(SENTENCE, str(error.value))


FULL = np.diag([-1.0, -3.0, -2.0, -5.0]) + np.eye(4, k=1) - np.eye(4, k=-2)


@pytest.mark.parametrize("A", [hippo.legs(4).A, FULL])
def test_a_matrix_of_any_scale_has_the_transfer_function_of_its_unit_of_time(A: Any) -> None:
    far = 2.0**1000
    form = forms.Dense(np.asarray(A), hippo.legs(4).B, np.ones(4), ZERO, UNIT)
    found = transfer(form._replace(A=far * form.A), far * POINTS)
    np.testing.assert_array_equal(found, transfer(form, POINTS) / far)
