"""Steps of any length, kernels at any time, another rate: one continuous system behind all of
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differences import far, largest, slope
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, seeds, signal

from ssmlinalg import forms, inits, kernel, scan
from ssmlinalg.forms import MIMO, Dense, Diagonal, Paired
from ssmlinalg.kernels.irregular import kernel_at, resample, scan_irregular

rules = st.sampled_from(["zoh", "bilinear", "backward", "impulse"])
kinds = st.sampled_from(["Diagonal", "Paired", "MIMO"])
lengths = st.integers(1, 40)


def model(kind: str, seed: int, n: int = 3) -> Any:
    """A damped system with |A| of about 3, two channels or two inputs and three outputs."""
    a, b, c, d, e = np.random.default_rng(seed).standard_normal((5, 3, n))
    A = -0.1 - np.abs(a) + 2j * b
    step = np.array([0.1, 0.4])
    if kind == "MIMO":
        return MIMO(
            A[0],
            (c + 1j * d)[:2].T,
            e + 1j * d,
            a[:, :2] if n > 1 else e[:, :1] @ np.ones((1, 2)),
            np.full(n, 0.3),
        )
    return {"Diagonal": Diagonal, "Paired": Paired}[kind](
        A[:2], (c + 1j * d)[:2], (d + 1j * e)[:2], e[:2, 0], step
    )


def drive(form: Any, seed: int, length: int) -> np.ndarray:
    return signal(seed, 2, length)


def intervals(form: Any, seed: int, length: int) -> np.ndarray:
    """Steps between 0.05 and 1, for every channel its own; for several inputs the same for all
    modes.
    """
    h = np.random.default_rng(seed).uniform(0.05, 1, (2, length))
    return h[:1] if isinstance(form, MIMO) else h


def weight(form: Any, u: np.ndarray, x: Any = 0.0) -> float:
    """A bound of all states and outputs of a damped system whose steps are at most 1."""
    gain = np.abs(form.B).sum() * np.abs(u).sum() + np.abs(x).sum()
    return float((2 * np.abs(form.C).sum() + 1) * gain + np.abs(form.D).sum() * largest(u))


@given(kinds, rules, lengths, seeds)
def test_steps_all_alike_make_a_scan(kind: str, rule: str, length: int, seed: int) -> None:
    form = model(kind, seed)
    u = drive(form, seed, length)
    x = signal(seed, *(() if kind == "MIMO" else (2,)), 3) + 0j
    steps = np.repeat(form.step[..., None], length, axis=-1)
    y, last = scan_irregular(form, u, steps, x, rule=rule)
    expected, end = scan(form, u, x, rule=rule)
    tolerance = 8 * EPS * length * weight(form, u, x)
    assert far(y, expected) <= tolerance
    assert far(last, end) <= tolerance


@given(kinds, lengths, seeds)
def test_a_held_input_is_integrated_exactly(kind: str, length: int, seed: int) -> None:
    form = model(kind, seed)
    u = drive(form, seed, length)
    h = intervals(form, seed, length)
    y, last = scan_irregular(form, u, h)
    x: Any = 0.0
    for k in range(length):
        z = form.A * (h[0, k] if kind == "MIMO" else h[:, k, None])
        held = form.B @ u[:, k] if kind == "MIMO" else form.B * u[:, k, None]
        x = np.exp(z) * x + np.expm1(z) / form.A * held
        read = (form.C @ x if kind == "MIMO" else (form.C * x).sum(-1)).real * (
            1 if kind == "Diagonal" else 2
        )
        direct = form.D @ u[:, k] if kind == "MIMO" else form.D * u[:, k]
        assert far(y[..., k] - read, direct) <= 32 * EPS * length * weight(form, u)
    assert far(last, x) <= 32 * EPS * length * weight(form, u)


@given(kinds, lengths, st.data(), seeds)
def test_samples_put_between_change_nothing_when_the_input_is_held(
    kind: str, length: int, data: Any, seed: int
) -> None:
    form = model(kind, seed)
    u = drive(form, seed, length)
    h = intervals(form, seed, length)
    share = data.draw(st.floats(0.1, 0.9))
    finer = np.stack([share * h, (1 - share) * h], axis=-1).reshape(*h.shape[:-1], 2 * length)
    y, last = scan_irregular(form, u, h)
    also, end = scan_irregular(form, np.repeat(u, 2, axis=-1), finer)
    tolerance = 32 * EPS * length * weight(form, u)
    assert far(also[..., 1::2], y) <= tolerance
    assert far(end, last) <= tolerance


@given(kinds, rules, st.integers(2, 40), st.data(), seeds)
def test_an_irregular_signal_may_be_cut_anywhere(
    kind: str, rule: str, length: int, data: Any, seed: int
) -> None:
    form = model(kind, seed)
    u = drive(form, seed, length)
    h = intervals(form, seed, length)
    cut = data.draw(st.integers(1, length - 1))
    whole, end = scan_irregular(form, u, h, rule=rule)
    first, state = scan_irregular(form, u[..., :cut], h[..., :cut], rule=rule)
    second, last = scan_irregular(form, u[..., cut:], h[..., cut:], state, rule=rule)
    tolerance = 8 * EPS * length * weight(form, u)
    assert far(np.concatenate([first, second], axis=-1), whole) <= tolerance
    assert far(last, end) <= tolerance


def test_modes_may_have_steps_of_their_own() -> None:
    form = model("MIMO", 0)._replace(step=np.array([0.1, 0.2, 0.7]))
    u = drive(form, 0, 20)
    pace = np.random.default_rng(1).uniform(0.5, 2, 20)
    y, _ = scan_irregular(form, u, form.step[:, None] * pace)
    alike = form._replace(A=form.A * form.step, B=form.B * form.step[:, None])
    assert far(y, scan_irregular(alike, u, pace[None, :])[0]) <= 32 * EPS * 20 * weight(form, u)


@pytest.mark.parametrize("length", [1, 16, 50, 256])
def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    form = model("Paired", 3)
    u = drive(form, 3, length)
    h = intervals(form, 3, length)
    y, last = scan_irregular(form, u, h)
    K = kernel_at(form, np.cumsum(h, axis=-1))
    monkeypatch.setattr("ssmlinalg.kernels.blocks.NUMBERS", 1)
    again, end = scan_irregular(form, u, h)
    tolerance = 8 * EPS * length * weight(form, u)
    assert max(far(again, y), far(end, last)) <= tolerance
    np.testing.assert_array_equal(kernel_at(form, np.cumsum(h, axis=-1)), K)


@given(st.sampled_from(sorted(inits.INITS)), st.integers(1, 9), st.sampled_from([None, 2]))
def test_impulse_invariance_samples_the_kernel(name: str, order: int, channels: int | None) -> None:
    form: Any = (
        inits.INITS[name](order, channels=channels, step=0.05)
        if name in ("s4", "ptd")
        else inits.INITS[name](order)
    )
    if not hasattr(form, "step"):
        return
    form = form._replace(D=0 * form.D)
    if isinstance(form, MIMO):
        form = form._replace(step=np.full_like(form.step, 0.03))
    length = 12
    h = np.asarray(form.step[0] if isinstance(form, MIMO) else form.step)
    K = h[..., None] * kernel_at(form, h[..., None] * np.arange(length))
    size = forms.to_dense(form).A if isinstance(form, (forms.DPLR, Dense)) else form.A
    stiff = 1 + float(largest(size) * h.max()) * size.shape[-1]
    bound = largest(form.C) * largest(form.B) * size.shape[-1] * float(h.max())
    assert far(K, kernel(form, length, rule="impulse")) <= 64 * EPS * length * stiff * bound


@given(st.integers(1, 5), st.integers(0, 99))
def test_the_kernel_of_a_matrix_is_that_of_its_exponential(order: int, seed: int) -> None:
    """In multiple precision, for a matrix far from normal and times of all sizes."""
    import mpmath

    rng = np.random.default_rng(seed)
    A = np.tril(3 * rng.standard_normal((order, order)), -1) - np.diag(rng.uniform(0, 2, order))
    B = rng.standard_normal(order)
    C = rng.standard_normal(order)
    times = np.array([0.0, 1e-9, 0.3, 1.0, np.pi, 7.0])
    got = kernel_at(Dense(A, B, C, np.asarray(0.0), np.asarray(1.0)), times)
    with mpmath.workdps(40):
        for t, K in zip(times, got, strict=True):
            E = mpmath.expm(mpmath.matrix(A.tolist()) * mpmath.mpf(float(t)))
            expected = (mpmath.matrix([C.tolist()]) * E * mpmath.matrix(B.tolist()))[0]
            growth = max(np.linalg.norm(_expm(A * s), 2) for s in np.linspace(0, t, 9))
            size = (
                (1 + np.linalg.norm(A, 2) * t) * growth**2 * np.linalg.norm(B) * np.linalg.norm(C)
            )
            assert abs(float(expected) - K) <= 16 * order * EPS * size


@pytest.mark.parametrize("turned", [4.9e6, 5.1e6, 4e8])
def test_a_matrix_is_followed_to_rounding_or_not_at_all(turned: float) -> None:
    """The series of a step stands for times up to 5e6/|A|, and no longer."""
    turn = Dense(np.array([[0.0, -1], [1, 0]]), np.eye(2)[0], np.eye(2)[0], *np.array([0.0, 1]))
    times = turned * np.array([1 / 3, 0.777, 1])
    if turned > 5e6:
        with pytest.raises(ValueError, match="must stay below"):
            kernel_at(turn, times)
        return
    assert far(kernel_at(turn, times), np.cos(times)) <= 8 * EPS * turned


def _expm(A: np.ndarray) -> np.ndarray:
    import scipy.linalg

    return scipy.linalg.expm(A)


@given(st.sampled_from(["Diagonal", "Paired"]), seeds)
def test_a_diagonal_matrix_has_the_kernel_of_its_modes(kind: str, seed: int) -> None:
    form = model(kind, seed)
    times = np.random.default_rng(seed).uniform(0, 4, (5, 1, 7))
    K = kernel_at(form, times)
    assert K.shape == (5, 2, 7)
    size = np.abs(form.C).sum() * np.abs(form.B).sum() * (1 + 4 * largest(form.A))
    assert far(kernel_at(forms.to_dense(form), times), K) <= 64 * EPS * size


@given(
    st.sampled_from(["float32", "float64"]),
    st.floats(0, 1e7),
    st.floats(0, 3e3),
    st.floats(-1e-7, 0),
)
def test_a_phase_of_many_turns_costs_no_digits(
    precision: str, t: float, w: float, a: float
) -> None:
    import mpmath

    A: Any = np.array([complex(a, w)]).astype(
        {"float32": np.complex64, "float64": np.complex128}[precision]
    )
    one = np.ones_like(A)
    times = np.array([t], dtype=precision)
    zero = np.asarray(0, dtype=precision)
    eps = float(np.finfo(precision).eps)
    K = kernel_at(Diagonal(A, one, one, zero, zero + 1), times)
    with mpmath.workdps(50):
        rate, angle = (
            mpmath.mpf(float(part)) * mpmath.mpf(float(times[0])) for part in (A.real[0], A.imag[0])
        )
        expected = mpmath.exp(rate) * mpmath.cos(angle)
        assert abs(float(expected - mpmath.mpf(float(K[0])))) <= 8 * eps * (1 + eps * float(angle))


def test_each_pair_of_input_and_output_has_a_kernel() -> None:
    form = model("MIMO", 2)
    times = np.array([0.0, 0.1, 2.5])
    K = kernel_at(form, times)
    assert K.shape == (3, 2, 3)
    for p, m in np.ndindex(3, 2):
        alone = Paired(form.A, form.B[:, m], form.C[p], np.asarray(0.0), np.asarray(1.0))
        assert (
            far(K[p, m], kernel_at(alone, times))
            <= 16 * EPS * (np.abs(form.C) @ np.abs(form.B)).max()
        )


@given(kinds, st.integers(1, 4), lengths, seeds)
def test_impulse_invariance_keeps_every_other_sample_at_twice_the_rate(
    kind: str, rate: int, length: int, seed: int
) -> None:
    form = model(kind, seed)
    form = form._replace(D=0 * form.D)
    finer = kernel(resample(form, rate), rate * length, rule="impulse")
    tolerance = 16 * EPS * rate * length * weight(form, np.ones(1))
    assert far(rate * finer[..., ::rate], kernel(form, length, rule="impulse")) <= tolerance


@given(kinds, st.integers(1, 4), lengths, seeds)
def test_a_held_input_gives_one_output_at_any_rate(
    kind: str, rate: int, length: int, seed: int
) -> None:
    form = model(kind, seed)
    u = drive(form, seed, length)
    y, last = scan(form, u)
    finer, end = scan(resample(form, rate), np.repeat(u, rate, axis=-1))
    tolerance = 16 * EPS * rate * length * weight(form, u)
    assert far(finer[..., rate - 1 :: rate], y) <= tolerance
    assert far(end, last) <= tolerance
    form = form._replace(D=0 * form.D)
    K = kernel(resample(form, rate), rate * length)
    assert far(K.reshape(*K.shape[:-1], length, rate).sum(-1), kernel(form, length)) <= tolerance


@pytest.mark.parametrize("kind", ["Diagonal", "Paired", "MIMO"])
def test_every_library_gives_the_same(carry: Callable[[Any], Any], kind: str) -> None:
    form = model(kind, 0)
    u = drive(form, 1, 37)
    h = intervals(form, 2, 37)
    y, last = scan_irregular(carry(form), carry(u), carry(h), rule="bilinear")
    expected, end = scan_irregular(form, u, h, rule="bilinear")
    assert type(y).__module__.partition(".")[0] == type(carry(u)).__module__.partition(".")[0]
    tolerance = 8 * EPS * 37 * weight(form, u)
    assert far(y, expected) <= tolerance
    assert far(last, end) <= tolerance
    times = np.array([0.0, 0.2, 3.0])
    K = kernel_at(carry(form), carry(times))
    assert far(K, kernel_at(form, times)) <= tolerance
    assert far(resample(carry(form), 2.0).step, form.step / 2) == 0


@pytest.mark.parametrize("name", ["s4", "dense"])
def test_every_library_gives_the_same_kernel_of_a_matrix(
    carry: Callable[[Any], Any], name: str
) -> None:
    form: Any = inits.s4_init(4, step=0.1)
    form = forms.to_dense(model("Paired", 1)) if name == "dense" else form
    times = np.array([0.0, 0.2, 3.0])
    A = forms.to_dense(form).A
    size = (
        np.abs(form.C).sum()
        * np.abs(form.B).sum()
        * (1 + 3 * np.linalg.norm(A, 2, axis=(-2, -1)).max())
    )
    assert far(kernel_at(carry(form), carry(times)), kernel_at(form, times)) <= 64 * EPS * size


def test_gradients_flow_to_steps_and_times_in_torch() -> None:
    torch = pytest.importorskip("torch")
    form = model("Paired", 0, 2)
    u = drive(None, 1, 18)
    h = np.random.default_rng(2).uniform(0.05, 1, (2, 18))
    leaves = [torch.asarray(np.asarray(array)).clone().requires_grad_(True) for array in (*form, h)]
    there = torch.asarray(u)

    def observe(*arrays: Any) -> Any:
        y, last = scan_irregular(Paired(*arrays[:5]), there, arrays[5])
        return y[..., -2:], last, kernel_at(Paired(*arrays[:5]), arrays[5][:, :3])

    assert torch.autograd.gradcheck(observe, leaves)
    dense = forms.to_dense(Paired(*(array[0] for array in form)))
    leaves = [
        torch.asarray(np.asarray(array)).clone().requires_grad_(True)
        for array in (*dense, h[0, :3])
    ]
    assert torch.autograd.gradcheck(
        lambda *arrays: kernel_at(Dense(*arrays[:5]), arrays[5]), leaves
    )


def test_irregular_scans_compile_and_differentiate_in_jax() -> None:
    jax = pytest.importorskip("jax")
    form = model("Paired", 0, 2)
    u = drive(None, 1, 50)
    h = np.random.default_rng(2).uniform(0.05, 1, (2, 50))
    there = forms.move(form, "jax")
    v = jax.numpy.asarray(u)
    steps = jax.numpy.asarray(h)
    expected, _ = scan_irregular(form, u, h)
    y, _ = jax.jit(scan_irregular)(there, v, steps)
    assert far(y, expected) <= 8 * EPS * 50 * weight(form, u)

    def loss(steps: Any) -> Any:
        return (scan_irregular(there, v, steps)[0] ** 2).sum()

    gradient = jax.jit(jax.grad(loss))(steps)

    def on_host(step: float) -> float:
        changed = h.copy()
        changed[1, 7] = step
        return (scan_irregular(form, u, changed)[0] ** 2).sum()

    numeric, tolerance = slope(on_host, h[1, 7], stiffness=largest(form.A) * h[1, 7])
    assert abs(gradient[1, 7] - numeric) <= tolerance


def test_kernels_at_any_time_compile_in_jax() -> None:
    jax = pytest.importorskip("jax")
    form = model("Paired", 0, 2)
    times = np.array([0.1, 2.0])
    K = kernel_at(form, times)
    size = np.abs(form.C).sum() * np.abs(form.B).sum() * (1 + 2 * largest(form.A))
    for kind in (form, forms.to_dense(form)):
        there = jax.jit(kernel_at)(forms.move(kind, "jax"), jax.numpy.asarray(times))
        assert far(there, K) <= 16 * EPS * size


def test_memory_is_that_of_a_piece() -> None:
    import tracemalloc

    form = inits.s4d_lin_init(64, channels=4)
    u = signal(0, 4, 1 << 14)
    steps = np.full(1 << 14, 0.01)
    tracemalloc.start()
    scan_irregular(form, u, steps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    kernel_at(form, np.cumsum(steps))
    _, also = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(peak, also) < 64 * u.nbytes  # the states alone, 32 complex modes


SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
PAIRED = model("Paired", 0)
SEVERAL = model("MIMO", 0)
SAMPLED: Any = forms.Recurrence(*PAIRED[:4])
MATRIX: Any = inits.s4_init(4)
TEXT: Any = "2"
U = np.ones((2, 5))
H = np.ones(5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: scan_irregular(MATRIX, np.ones(5), H),
        lambda: scan_irregular(SAMPLED, U, H),
        lambda: scan_irregular(PAIRED, U, H, rule="foh"),
        lambda: scan_irregular(PAIRED, U, H, rule="zho"),
        lambda: scan_irregular(PAIRED, U, 0 * H),
        lambda: scan_irregular(PAIRED, U, -H),
        lambda: scan_irregular(PAIRED, U, H * np.nan),
        lambda: scan_irregular(PAIRED, U, np.ones(4)),
        lambda: scan_irregular(PAIRED, U, np.ones((3, 5))),
        lambda: scan_irregular(PAIRED, np.ones((3, 5)), H),
        lambda: scan_irregular(PAIRED, U, np.asarray(1.0)),
        lambda: scan_irregular(PAIRED, np.asarray(1.0), H),
        lambda: scan_irregular(PAIRED, U + 0j, H),
        lambda: scan_irregular(PAIRED, U, H.astype(np.float32)),
        lambda: scan_irregular(PAIRED, U, H, np.ones(4) + 0j),
        lambda: scan_irregular(PAIRED, U, H, np.ones(3) * np.nan + 0j),
        lambda: scan_irregular(PAIRED._replace(A=-PAIRED.A), np.ones((2, 999)), np.ones(999)),
        lambda: scan_irregular(SEVERAL, np.ones((3, 5)), H[None, :]),
        lambda: scan_irregular(SEVERAL, U, H),
        lambda: scan_irregular(SEVERAL, U, np.ones((2, 5))),
        lambda: kernel_at(SAMPLED, H),
        lambda: kernel_at(PAIRED, -H),
        lambda: kernel_at(PAIRED, H + 0j),
        lambda: kernel_at(PAIRED, np.asarray(1.0)),
        lambda: kernel_at(PAIRED, np.ones((3, 5))),
        lambda: kernel_at(PAIRED._replace(A=-PAIRED.A), 1e5 * H),
        lambda: kernel_at(MATRIX, 1e8 * H),
        lambda: resample(PAIRED, 0.0),
        lambda: resample(PAIRED, float("nan")),
        lambda: resample(PAIRED, TEXT),
        lambda: resample(SAMPLED, 2.0),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(call: Callable[[], Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert SENTENCE.fullmatch(str(caught.value)), caught.value
