"""Dense and diagonal plus low-rank kernels: powers of a matrix = values of the generating function
= its coefficients.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differences import far, largest, slope
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS

from ssmlinalg import discretize, forms, inits, reference
from ssmlinalg.forms import DPLR, DenseRecurrence
from ssmlinalg.ground.backend import is_complex, to_numpy
from ssmlinalg.kernels import dense as rooms
from ssmlinalg.kernels.dense import dense_kernel, dplr_kernel, prefers_series
from ssmlinalg.products.cauchy_sums import cauchy
from ssmlinalg.products.conjugate_pairs import conjugate_pairs
from ssmlinalg.products.generating_function import bilinear, dense, generating, power_series
from ssmlinalg.products.markov_parameters import krylov
from ssmlinalg.products.truncated_series import response

SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]"
EPS32 = float(np.finfo(np.float32).eps)


def by_powers(*arguments: Any) -> Any:
    Lambda, P, B, C, step, length = arguments
    D, U, V, B_d = bilinear(Lambda, P, B, step)
    return krylov(dense(D, U, V), B_d, C, length)


ROUTES: dict[str, Callable[..., Any]] = {
    "powers": by_powers,
    "values": generating,
    "coefficients": power_series,
}
routes = st.sampled_from(sorted(ROUTES))


def system(
    order: int, rank: int, seed: int, *batch: int, integrator: bool = False
) -> tuple[np.ndarray, ...]:
    """Lambda, P, B, C, step of a dissipative system without conjugate symmetry; its first mode an
    integrator if asked for.
    """
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal((*batch, *shape)) + 1j * rng.standard_normal((*batch, *shape))

    Lambda = -rng.random((*batch, order)) + 4j * rng.standard_normal((*batch, order))
    P = normal(order, rank)
    if integrator:
        Lambda[..., 0] = 0
        P[..., 0, :] = 0
    return Lambda, P, normal(order), normal(order), rng.uniform(0.05, 0.5, batch)


def slack(fields: tuple[np.ndarray, ...], length: int) -> float:
    """l eps from raising A_d, a contraction, times its own rounding and the weight."""
    Lambda, P, B, C, step = fields
    size = np.max(np.abs(Lambda)) + np.max(np.linalg.norm(P, axis=(-2, -1)), initial=0.0) ** 2
    weight = np.max(np.linalg.norm(step[..., None] * B, axis=-1)) * np.max(
        np.linalg.norm(C, axis=-1)
    )
    return 4 * EPS * (length + Lambda.shape[-1]) * (1 + np.max(step) * size) * weight


def sizes() -> Any:
    return given(
        routes,
        st.integers(1, 6),
        st.integers(0, 3),
        st.integers(0, 99),
        st.integers(1, 33),
        st.booleans(),
    )


@sizes()
def test_every_route_gives_the_kernel_of_the_definition(
    route: str, order: int, rank: int, seed: int, length: int, integrator: bool
) -> None:
    Lambda, P, B, C, step = fields = system(order, rank, seed, integrator=integrator)
    A = np.diag(Lambda) - P @ P.conj().T
    expected = np.array(
        [
            complex(K).real
            for K in reference.kernel(A, B, C, 0.0, step, length, "bilinear", digits=30)
        ]
    )
    assert far(ROUTES[route](*fields, length), expected) <= slack(fields, length)


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("route", sorted(ROUTES))
def test_every_library_gives_the_same(carry: Callable[[Any], Any], route: str, rank: int) -> None:
    for length in (1, 3):
        fields = system(3, rank, 1, 2, integrator=True)
        got = ROUTES[route](*(carry(np.asarray(field)) for field in fields), length)
        assert (
            type(got).__module__.partition(".")[0]
            == type(carry(fields[0])).__module__.partition(".")[0]
        )
        assert not is_complex(got)
        assert far(got, by_powers(*fields, length)) <= slack(fields, length)


@given(st.integers(1, 6), st.integers(0, 3), st.integers(0, 99))
def test_the_sampled_matrix_is_diagonal_plus_low_rank(order: int, rank: int, seed: int) -> None:
    Lambda, P, B, C, step = fields = system(order, rank, seed)
    expected: Any = discretize.bilinear(DPLR(Lambda, P, B, C, np.asarray(0.0), step))
    D, U, V, B_d = bilinear(Lambda, P, B, step)
    assert (
        far(dense(D, U, V), expected.A)
        <= slack(fields, 1) / np.abs(step * B).min() / np.abs(C).min()
    )
    assert far(B_d, expected.B) <= slack(fields, 1) / np.abs(C).min()


@pytest.mark.parametrize("length", [15, 16, 64])
@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_pole_at_every_root_of_unity_hurts_no_route(route: str, length: int) -> None:
    """Undamped modes i (2/step) tan(pi k/L): their A_d is a root of unity, where published nodes
    lie.
    """
    k = np.arange(length)[2 * np.arange(length) != length]
    step = np.asarray(0.5)
    Lambda = 2j / step * np.tan(np.pi * k / length)
    one = np.ones(len(k)) + 0j
    got = ROUTES[route](Lambda, np.zeros((len(k), 0)) + 0j, one, one, step, length)
    gain = step / (1 - step / 2 * Lambda)
    expected = np.real(gain @ np.exp(2j * np.pi / length * np.outer(k, np.arange(length))))
    assert (
        far(got, expected)
        <= 4 * EPS * length * (1 + np.abs(step * Lambda).max()) * np.abs(gain).sum()
    )


@pytest.mark.parametrize("order", [1, 4])
def test_an_unstable_system_has_a_kernel_too(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where sums of powers of its modes, which grow much faster than itself, would be
    cheaper.
    """
    monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, **kind: True)
    Lambda, P, B, C, step = fields = system(order, 1, 3)
    fields = (Lambda + 2, P / 4, B, C, step)
    A = np.diag(fields[0]) - fields[1] @ fields[1].conj().T
    length = 40
    expected = np.array(
        [
            complex(K).real
            for K in reference.kernel(A, B, C, 0.0, step, length, "bilinear", digits=30)
        ]
    )
    growth = largest(expected)
    assert growth > 10
    got = dplr_kernel(DPLR(fields[0], fields[1], B, C, np.asarray(0.0), step), length)
    assert far(got, expected) <= slack(fields, length) * growth


# Systems that are closed under conjugation.


def closed_system(pairs: int, single: int, rank: int, seed: int) -> tuple[np.ndarray, ...]:
    """Lambda, P, B, C, step in the order of S4: pairs, their conjugates, real modes."""
    Lambda, P, B, C, step = system(pairs + single, rank, seed)

    def closed(x: np.ndarray) -> np.ndarray:
        return np.concatenate([x[:pairs], x[:pairs].conj(), np.real(x[pairs:])])

    return closed(Lambda), closed(P), closed(B), closed(C), step


@given(
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 99),
    st.integers(1, 33),
)
def test_real_routes_give_the_kernel_of_the_definition(
    series: bool, pairs: int, single: int, rank: int, seed: int, length: int
) -> None:
    single = max(single, 1 - pairs)
    Lambda, P, B, C, step = fields = closed_system(pairs, single, rank, seed)
    assert conjugate_pairs(Lambda, P, B, C) == pairs
    A = np.diag(Lambda) - P @ P.conj().T
    expected = [
        complex(K).real for K in reference.kernel(A, B, C, 0.0, step, length, "bilinear", digits=30)
    ]
    form = DPLR(Lambda, P, B, C, np.asarray(0.0), step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rooms, "prefers_series", lambda *sizes, **kind: series)
        got = dplr_kernel(form, length)
    assert far(got, np.array(expected)) <= slack(fields, length)


def test_symmetry_is_to_the_bit() -> None:
    Lambda, P, B, C, _ = closed_system(3, 1, 1, 0)
    assert conjugate_pairs(Lambda, P, B, C) == 3
    for index, nearly in itertools.product(range(7), (1 + 4 * EPS, 1 + 4j * EPS)):
        moved = C.copy()
        moved[index] *= nearly
        real = index == 6 and not isinstance(nearly, complex)
        assert conjugate_pairs(Lambda, P, B, moved) == (3 if real else None)
    assert conjugate_pairs(Lambda[[0, 3, 1, 4, 2, 5, 6]], P, B, C) is None


@pytest.mark.parametrize("measure", ["legs", "legt", "fout"])
@pytest.mark.parametrize("order", [5, 16, 63, 64])
def test_s4_is_closed_under_conjugation_in_both_precisions(measure: str, order: int) -> None:
    for dtype in ("float32", "float64"):
        form = s4(order, 3, dtype, measure=measure)
        assert conjugate_pairs(form.Lambda, form.P, form.B, form.C) == np.sum(
            form.Lambda[0].imag > 0
        )


# Feedback of power series.


def loops(rank: int, length: int, seed: int, complex_: bool) -> tuple[np.ndarray, np.ndarray]:
    """Series of a passive loop: F - w k_VV has a positive real part in the unit disc."""
    rng = np.random.default_rng(seed)
    shape = (2, 1 + rank, 1 + rank, length)
    k = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)
    k[:, 1:, 1:] /= np.abs(k[:, 1:, 1:]).sum((-3, -2, -1), keepdims=True)
    return k, np.broadcast_to(2 * np.eye(rank), (2, rank, rank)).astype(k.dtype)


@pytest.mark.parametrize("refined", [False, True])
@given(st.integers(1, 3), st.integers(1, 40), st.integers(0, 99), st.booleans())
def test_feedback_is_a_recurrence(
    refined: bool, rank: int, length: int, seed: int, complex_: bool
) -> None:
    k, F = loops(rank, length, seed, complex_)
    x = np.zeros((2, rank, length), k.dtype)
    expected = k[:, 0, 0].copy()
    for now in range(length):
        fed_back = sum(
            (k[:, 1:, 1:, now - 1 - before] @ x[:, :, before, None])[..., 0]
            for before in range(now)
        )
        x[:, :, now] = (k[:, 1:, 0, now] + fed_back) / 2
        for before in range(now):
            expected[:, now] += np.sum(k[:, 0, 1:, now - 1 - before] * x[:, :, before], axis=-1)
    scale = np.abs(k[:, 0, 0]).max() + np.abs(k[:, 0, 1:]).sum() * np.abs(x).sum()
    digits = 1.0 if refined else 0.6
    got = response(k, F, k[:, 1:, 1:, :0], refined=refined)
    assert far(got, np.real(expected)) <= 4 * EPS**digits * scale


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("rank", [1, 2])
def test_gradients_of_feedback(rank: int, complex_: bool) -> None:
    torch = pytest.importorskip("torch")
    k, F = (torch.asarray(x).requires_grad_() for x in loops(rank, 5, 0, complex_))
    from ssmlinalg.products.torch_feedback import responses

    assert torch.autograd.gradcheck(lambda k, F: responses(k, F, k[:, 1:, 1:, :0], True), (k, F))
    found = []
    for refined in (True, False):
        total = (responses(k, F, k[:, 1:, 1:, :0], refined) * torch.arange(1.0, 6.0)).sum()
        found.append(torch.autograd.grad(total, (k, F)))
    for exact, rounded in zip(*found, strict=True):
        assert far(rounded, exact.numpy()) <= 16 * EPS**0.6 * largest(exact.numpy())


@pytest.mark.parametrize("series", [False, True])
def test_gradients_of_pairs_are_those_of_the_definition_and_keep_the_symmetry(
    series: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, **kind: series)
    *fields, step = closed_system(3, 1, 2, 0)
    length = 20

    def gradients() -> list[np.ndarray]:
        leaves = [torch.asarray(x).requires_grad_() for x in (*fields, step)]
        Lambda, P, B, C, h = leaves
        form = DPLR(Lambda, P, B, C, torch.zeros_like(h), h)
        K = dplr_kernel(form, length)
        return [x.numpy() for x in torch.autograd.grad((K * torch.arange(length)).sum(), leaves)]

    found = gradients()
    for gradient in found[:4]:
        assert np.array_equal(gradient[3:6], gradient[:3].conj())
        assert not np.any(np.imag(gradient[6:]))
    monkeypatch.setattr(rooms, "conjugate_pairs", lambda *fields: None)
    for real, complex_ in zip(found, gradients(), strict=True):
        assert far(real, complex_) <= 64 * length * EPS * largest(complex_)


# Single precision and long kernels.


def s4(order: int, channels: int, dtype: str = "float64", **options: Any) -> DPLR:
    return forms.move(inits.s4_init(order, channels=channels, **options), "numpy", dtype=dtype)


def relative_error(got: Any, expected: np.ndarray) -> float:
    """The largest error relative to the largest value of its channel."""
    return float((np.abs(got - expected).max(-1) / np.abs(expected).max(-1)).max())


def test_long_kernels_in_single_precision_are_rounded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = s4(64, 2, "float32", step=(1e-3, 1e-1))
    length = 16384
    wide = forms.move(narrow, "numpy", dtype="float64")  # the same numbers
    for series in (False, True):
        monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, series=series, **kind: series)
        got = dplr_kernel(narrow, length)
        assert got.dtype == np.float32
        assert (
            relative_error(
                got, power_series(wide.Lambda, wide.P, wide.B, wide.C, wide.step, length)
            )
            <= EPS32
        )


@pytest.mark.parametrize("measure", ["legs", "legt", "fout"])
@pytest.mark.parametrize("step", [1e-3, 1.0])
def test_half_of_the_digits_are_enough_for_single_precision(
    measure: str, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also without damping (legt, fout), in pairs and without the symmetry."""
    monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, **kind: True)
    narrow = s4(64, 2, "float32", measure=measure, step=step)
    turned = narrow._replace(C=narrow.C * np.exp(1j * np.arange(64)).astype(np.complex64))
    for form in (narrow, turned):
        wide = forms.move(form, "numpy", dtype="float64")  # the same numbers
        for length in (1000, 8192):
            exact = dplr_kernel(wide, length)
            assert relative_error(dplr_kernel(form, length), exact) <= 0.55 * EPS32


@pytest.mark.parametrize("damping", [0.0, 1e-6])
@pytest.mark.parametrize("pairs", [2, 15])
def test_strong_feedback_of_undamped_modes_costs_no_digit(
    damping: float, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their loop is still large where it is cut: it goes on for as long as the transforms are."""
    length = 5000
    Lambda, P, B, C, step = closed_system(pairs, 1, 1, 0)
    Lambda = damping * np.real(Lambda) + 1j * np.imag(Lambda)
    wide = DPLR(Lambda, 10 * P, B, C, np.asarray(0.0), step)
    narrow = forms.move(wide, "numpy", dtype="float32")
    wide = forms.move(narrow, "numpy", dtype="float64")
    monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, **kind: False)
    exact = dplr_kernel(wide, length)
    monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, **kind: True)
    assert relative_error(dplr_kernel(narrow, length), exact) <= 0.55 * EPS32
    assert relative_error(dplr_kernel(wide, length), exact) <= EPS * length


def test_long_kernels_agree_in_double_precision() -> None:
    form = s4(64, 2, step=(1e-3, 1e-1))
    length = 16385
    fields = form.Lambda, form.P, form.B, form.C, form.step
    exact = power_series(*fields, length)
    assert relative_error(by_powers(*fields, length), exact) <= EPS * length
    assert relative_error(generating(*fields, length), exact) <= EPS * length


def test_the_generating_function_is_not_singular_in_single_precision() -> None:
    """Published nodes lose 3.8e-3 here: N = 64, L = 16384, step 0.1, complex64 throughout."""
    narrow = s4(64, 1, "float32", step=0.1)
    length = 16384
    wide = forms.move(narrow, "numpy", dtype="float64")
    exact = power_series(wide.Lambda, wide.P, wide.B, wide.C, wide.step, length)
    assert (
        relative_error(
            generating(narrow.Lambda, narrow.P, narrow.B, narrow.C, narrow.step, length), exact
        )
        <= 16 * EPS32
    )


# The parts.


@given(st.integers(1, 7), st.integers(1, 40), st.integers(0, 99))
def test_cauchy_sums_are_sums(order: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, nodes = rng.standard_normal((2, 3, order)) + 1j * rng.standard_normal((2, 3, order))
    z = rng.standard_normal(count) + 1j * rng.standard_normal(count)
    terms = w[:, :, None] / (z - nodes[:, :, None])
    assert np.all(
        np.abs(cauchy(w, nodes, z) - terms.sum(-2)) <= 4 * order * EPS * np.abs(terms).sum(-2)
    )


def test_cauchy_sums_in_every_library(carry: Callable[[Any], Any]) -> None:
    w = np.array([1.0, 2.0])
    nodes = np.array([-1j, 0.5])
    z = np.array([[0.0], [3.0]])
    got = cauchy(*map(carry, (w, nodes, z)))
    np.testing.assert_allclose(
        to_numpy(got), (w[:, None] / (z[:, None] - nodes[:, None])).sum(-2), rtol=8 * EPS
    )


def test_a_point_on_a_node_is_refused() -> None:
    with pytest.raises(ValueError, match=SENTENCE):
        cauchy(np.ones(2), np.array([1.0, 2.0]), np.array([2.0]))


@pytest.mark.parametrize("fields", list(itertools.product([False, True], repeat=3)))
@given(st.integers(1, 7), st.integers(1, 70), st.integers(0, 99))
def test_powers_of_any_matrix_real_or_complex(
    fields: tuple[bool, ...], order: int, length: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shapes = (order, order), (order,), (order,)
    A, B, C = (
        rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)
        for shape, complex_ in zip(shapes, fields, strict=True)
    )
    A = A / np.linalg.norm(A, 2)
    expected = []
    x = B
    for _ in range(length):
        expected.append(np.real(C @ x))
        x = A @ x
    tolerance = 4 * EPS * (length + order) * order * np.linalg.norm(B) * np.linalg.norm(C)
    assert far(krylov(A, B, C, length), expected) <= tolerance


def test_powers_of_integers_are_exact() -> None:
    fibonacci = krylov(
        np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([0.0, 1.0]), np.array([1.0, 0.0]), 79
    )
    assert fibonacci[-1] == 8944394323791464
    assert np.array_equal(fibonacci[2:], fibonacci[1:-1] + fibonacci[:-2])


def test_one_matrix_serves_many_readings() -> None:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 4)) / 4
    B = rng.standard_normal(4)
    C = rng.standard_normal((5, 3, 4))
    together = krylov(A, B, C, 50)
    assert together.shape == (5, 3, 50)
    tolerance = 64 * EPS * 50 * np.linalg.norm(B) * np.linalg.norm(C)
    assert far(together[4, 2], krylov(A, B, C[4, 2], 50)) <= tolerance


# The kernels.


@pytest.mark.parametrize("series", [False, True])
def test_parts_of_a_batch_make_the_whole(series: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, **kind: series)
    Lambda, P, B, C, step = system(5, 2, 1, 3)
    irregular = {
        "all": DPLR(Lambda, P, B, C, np.zeros(3), step),
        "one A": DPLR(Lambda[0], P[0], B, C, np.zeros(3), step[0]),
        "steps": DPLR(Lambda[0], P[0], B[0], C[0], np.zeros(3), step),
        "axes of one": DPLR(Lambda[:1], P[:1], B[:1], C, np.zeros(3), step),
        "two axes": DPLR(Lambda[:, None], P[:, None], B, C, np.zeros((3, 3)), step),
        "inner": DPLR(Lambda, P, B[:, None], C, np.zeros((3, 3)), step),
    }
    for form in irregular.values():
        lead = form.D.shape
        each = [
            np.broadcast_to(a, (*lead, *a.shape[a.ndim - k :]))
            for a, k in zip(form, (1, 2, 1, 1, 0, 0), strict=True)
        ]
        got = dplr_kernel(form, 11, max_bytes=1)
        assert got.shape == (*lead, 11)
        for index in np.ndindex(lead):
            fields = tuple(each[k][index] for k in (0, 1, 2, 3, 5))
            assert far(got[index], by_powers(*fields, 11)) <= slack(fields, 11)


def test_a_dense_recurrence_in_parts(carry: Callable[[Any], Any]) -> None:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((3, 4, 4)) / 6
    B = rng.standard_normal((3, 4))
    C = rng.standard_normal((3, 4))
    scale = 20 * np.linalg.norm(B) * np.linalg.norm(C)
    for dtype, eps in (("float64", EPS), ("float32", EPS32)):
        narrow = forms.move(DenseRecurrence(A, B, C, np.zeros(3)), "numpy", dtype=dtype)
        got = dense_kernel(carry(narrow), 20, max_bytes=1)
        assert str(got.dtype).endswith(dtype)
        assert far(got, krylov(A, B, C, 20)) <= 64 * eps * scale


def test_the_cheaper_route_is_taken() -> None:
    assert not prefers_series(64, 1, 1 << 14)
    assert prefers_series(256, 1, 1 << 14)
    assert not prefers_series(256, 1, 1 << 14, sharing=256)
    assert prefers_series(64, 0, 256)
    assert prefers_series(64, 1, 1024, real=True, refined=False)
    assert not prefers_series(64, 1, 16384, real=True, refined=False)


def traced(work: Callable[[], Any]) -> tuple[Any, int]:
    tracemalloc.start()
    result = work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, peak


def test_large_orders_make_no_matrix() -> None:
    order = 20_000
    length = 64
    fields = system(order, 1, 0)
    form = DPLR(fields[0], fields[1] / order, fields[2], fields[3], np.asarray(0.0), fields[4])
    K, peak = traced(lambda: dplr_kernel(form, length))
    assert np.all(np.isfinite(K))
    assert peak < 16 * 40 * order * np.sqrt(length) < 16 * order**2 / 10


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_no_table_of_modes_times_length_is_made(route: str) -> None:
    form = s4(64, 8)
    length = 1 << 14
    fields = form.Lambda, form.P, form.B, form.C, form.step
    ROUTES[route](*fields, 64)
    K, peak = traced(lambda: ROUTES[route](*fields, length))
    budget = {"powers": 6, "values": 24, "coefficients": 48}[route]
    assert peak < budget * K.nbytes < 16 * 64 * 8 * length / 2


def test_memory_is_that_of_a_few_channels() -> None:
    form = s4(32, 64, "float32")
    dplr_kernel(form, 64)
    held = 1 << 20
    K, peak = traced(lambda: dplr_kernel(form, 1 << 14, max_bytes=held))
    assert peak < 2 * K.nbytes + 3 * held


# Derivatives and compilers.


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_gradients_in_torch(route: str) -> None:
    torch = pytest.importorskip("torch")
    leaves = [
        torch.asarray(field).requires_grad_(True) for field in system(2, 2, 0, integrator=True)
    ]
    assert torch.autograd.gradcheck(lambda *fields: ROUTES[route](*fields, 4), leaves)


@pytest.mark.parametrize("series", [False, True])
def test_compiled_and_differentiated_in_jax(series: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    monkeypatch.setattr(rooms, "prefers_series", lambda *sizes, **kind: series)
    Lambda, P, B, C, step = fields = system(3, 1, 0, 2)
    form = forms.move(DPLR(Lambda, P, B, C, np.zeros(2), step), "jax")
    length = 9
    compiled = jax.jit(lambda form: dplr_kernel(form, length))
    assert far(compiled(form), by_powers(*fields, length)) <= slack(fields, length)

    def total(step: Any) -> Any:
        return dplr_kernel(form._replace(step=step), length).sum()

    gradient = jax.jit(jax.grad(total))(form.step)
    size = largest(Lambda) + np.linalg.norm(P, axis=(-2, -1)).max() ** 2
    for k in range(2):

        def on_host(h: float, k: int = k) -> float:
            return by_powers(Lambda, P, B, C, np.asarray(h), length)[k].sum()

        numeric, tolerance = slope(on_host, step[k], stiffness=length * size * step[k])
        assert abs(gradient[k] - numeric) <= tolerance


def test_jax_without_double_precision_warns_of_nothing() -> None:
    pytest.importorskip("jax")
    code = """
import os
os.environ["JAX_PLATFORMS"] = "cpu"
import jax, numpy as np
from ssmlinalg import forms, inits
from ssmlinalg.kernels.dense import dplr_kernel
form = inits.s4_init(8, channels=2)
K = dplr_kernel(forms.move(form, "jax", dtype="float32"), 100)
assert str(K.dtype) == "float32"
exact = dplr_kernel(form, 100)
assert np.abs(K - exact).max() <= 100 * 1.2e-7 * np.abs(exact).max()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True)


# What is refused.


def test_a_pole_of_the_rule_is_refused() -> None:
    one = np.ones(1) + 0j
    with pytest.raises(ValueError, match=SENTENCE):
        dplr_kernel(DPLR(one, np.zeros((1, 0)) + 0j, one, one, np.asarray(0.0), np.asarray(2.0)), 3)


def test_growth_beyond_the_precision_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(ValueError, match=SENTENCE):
        dense_kernel(DenseRecurrence(2 * one[:, None], one, one, np.asarray(0.0)), 1100)
