"""Kernel mode = recurrent mode = mpmath, for every initialization, rule and array library."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from differences import far, largest, slope
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, continuous_names, models, signal

from ssmlinalg import convolve, discretize, forms, inits, kernel, reference, scan, step
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.kernels import bidirectional, forced_response, stream

RULES = sorted(discretize.RULES)
rules = st.sampled_from(RULES)
# What is born discrete is sampled by no rule.
every_init_and_rule = pytest.mark.parametrize(
    ("name", "rule"),
    [
        (name, rule)
        for name, make in sorted(inits.INITS.items())
        for rule in (RULES if isinstance(make(2), forms.Continuous) else ["zoh"])
    ],
)


def sampled(form: Any, rule: str) -> Any:
    return discretize.sampled(forms.check(form), rule=rule)


def slack(form: Any, rule: str, length: int) -> float:
    """How far rounding may take the output: l eps from raising A_d, times growth and weight.

    Beside it stands the rounding of A_d itself.
    """
    system = sampled(form, rule)
    direct = largest(system.D)
    system = forms.inner(system)
    size = largest(system.A)
    if forms.kind(system).matrix:
        size = np.linalg.norm(system.A, 2, axis=(-2, -1)).max()
    stiff = 1.0
    if forms.kind(form).continuous:
        A = forms.plain(form).A
        stiff = 1 + largest(A) * np.max(form.step) * A.shape[-1]
    inputs = system.B.shape[-1] if forms.kind(system).ports else 1
    weight = largest(system.C) * largest(system.B) * system.A.shape[-1] * inputs
    return 32 * EPS * length * stiff * (max(1.0, size) ** length * weight + direct)


def apply_kernel(form: Any, rule: str, u: Any) -> Any:
    """The convolution mode, for one input or several."""
    k = kernel(form, u.shape[-1], rule=rule)
    if forms.kind(form).ports:
        return convolve(u[..., None, :, :], k).sum(-2)
    return convolve(u, k)


def drive(form: Any, seed: int, length: int) -> np.ndarray:
    if forms.kind(form).ports:
        return signal(seed, form.B.shape[-1], length)
    return signal(seed, *form.C.shape[:-1], length)


@given(models(), rules, st.integers(1, 40), st.integers(0, 9))
def test_kernel_mode_is_recurrent_mode(form: Any, rule: str, length: int, seed: int) -> None:
    u = drive(form, seed, length)
    y, _ = scan(form, u, rule=rule)
    assert (
        far(apply_kernel(form, rule, u), y) <= slack(form, rule, length) * np.abs(u).sum(-1).max()
    )


@given(models(), rules, st.integers(2, 40), st.data())
def test_a_signal_may_be_cut_anywhere(
    form: Any, rule: str, length: int, data: st.DataObject
) -> None:
    u = drive(form, 1, length)
    cut = data.draw(st.integers(1, length - 1))
    whole, end = scan(form, u, rule=rule)
    first, state = scan(form, u[..., :cut], rule=rule)
    second, last = scan(form, u[..., cut:], state, rule=rule)
    tolerance = slack(form, rule, length) * np.abs(u).sum(-1).max()
    assert far(np.concatenate([first, second], axis=-1), whole) <= tolerance
    weight = min(1.0, largest(forms.inner(sampled(form, rule)).C) or 1.0)
    assert far(last, end) <= tolerance / weight + 32 * EPS * largest(end) * length


@given(models(largest=5), rules, st.integers(1, 12))
def test_scan_is_a_loop_over_step(form: Any, rule: str, length: int) -> None:
    u = drive(form, 2, length)
    y, _ = scan(form, u, rule=rule)
    state = None
    outputs = []
    for l in range(length):  # noqa: E741
        sample, state = step(form, u[..., l], state, rule=rule)
        outputs.append(sample)
    tolerance = slack(form, rule, length) * np.abs(u).sum(-1).max()
    assert far(np.stack(outputs, axis=-1), y) <= tolerance


def one_channel(form: Any) -> tuple[Any, ...]:
    """A, B, C, D and step of the first channel for the reference, the real part yet to be taken."""
    known = forms.kind(form)
    seen = forms.view(form)
    step = forms.step_of(forms.plain(form))
    if known.matrix:
        A = first(step * seen.A, 2)
        B = first(step[..., 0], 1) * first(seen.B, 2)[:, 0]
    else:
        A = np.diag(first(step * seen.A, 1))
        B = first(step, 1) * first(seen.B, 2)[:, 0]
    return A, B, first(seen.C, 2)[0], first(seen.D, 2)[0, 0], 1.0


def first(array: np.ndarray, core: int) -> np.ndarray:
    """The first member of a batch."""
    return array[(0,) * (array.ndim - core)]


@given(models(continuous_names, largest=5), rules)
def test_the_kernel_is_that_of_the_definition(form: Any, rule: str) -> None:
    length = 9
    A, B, C, D, step = one_channel(form)
    exact = reference.kernel(A, B, C, D, step, length, rule, digits=30)
    expected = np.array([complex(K).real for K in exact])
    assert far(first(kernel(form, length, rule=rule), 1), expected) <= slack(form, rule, length)


@pytest.mark.parametrize("name", ["dss-softmax", "dlr", "lru"])
@pytest.mark.parametrize("order", [1, 4, 5])
def test_the_kernel_of_a_born_discrete_model_is_a_sum_of_powers(name: str, order: int) -> None:
    form: Any = inits.INITS[name](order)
    length = 20
    powers = form.A[:, None] ** np.arange(length)
    if name == "lru":
        expected = 2 * np.real(form.C @ (form.B * powers))[0]
        expected[0] += form.D[0, 0]
        got = kernel(form, length)[0, 0]
    else:
        expected = np.real((form.C * form.B) @ powers)
        got = kernel(form, length)
    assert far(got, expected) <= slack(form, "zoh", length)


@every_init_and_rule
def test_every_library_gives_the_same_kernel_and_scan(
    carry: Callable[[Any], Any], name: str, rule: str
) -> None:
    compiling = type(carry(np.zeros(1))).__module__.startswith("jax")
    for order in (5,) if compiling else (4, 5):  # JAX takes seconds for every shape
        form = inits.INITS[name](order, channels=2)
        u = drive(form, 4, 17)
        length = 17
        tolerance = slack(form, rule, length) * np.abs(u).sum(-1).max()
        k = kernel(carry(form), length, rule=rule)
        assert type(k).__module__.partition(".")[0] == type(carry(u)).__module__.partition(".")[0]
        assert far(k, kernel(form, length, rule=rule)) <= tolerance
        y, state = scan(carry(form), carry(u), rule=rule)
        expected, end = scan(form, u, rule=rule)
        assert far(y, expected) <= tolerance
        again, _ = scan(carry(form), carry(u), state, rule=rule)
        onward = slack(form, rule, 2 * length) * np.abs(u).sum(-1).max()
        assert far(again, scan(form, u, end, rule=rule)[0]) <= onward
        assert far(forced_response(carry(form), carry(u), rule=rule), expected) <= tolerance
        if not forms.kind(form).ports:
            expected = convolve(u, kernel(form, length, rule=rule))
            assert far(convolve(carry(u), k), expected) <= tolerance


@every_init_and_rule
def test_a_signal_of_any_batch_is_convolved_as_it_is_scanned(name: str, rule: str) -> None:
    """As many signals as outputs too: nothing but the form says what is summed."""
    form = inits.INITS[name](5, channels=3)
    for lead in ((3,), (8,), (2, 3)):
        u = np.stack([drive(form, seed, 17) for seed in range(math.prod(lead))])
        u = u.reshape(*lead, *u.shape[1:])
        expected, _ = scan(form, u, rule=rule)
        y = forced_response(form, u, rule=rule)
        assert y.shape == expected.shape
        assert far(y, expected) <= slack(form, rule, 17) * np.abs(u).sum(-1).max()


@pytest.mark.parametrize("lead", [(), (3,), (8,)])
def test_a_kernel_of_several_inputs_meets_no_signal_in_two_ways(lead: tuple[int, ...]) -> None:
    form = inits.s5_init(8, channels=3)
    k = kernel(form, 20)
    u = signal(0, *lead, 3, 20)
    for call in (convolve, stream, lambda u, k: bidirectional(u, k, k[0])):
        with pytest.raises(ValueError, match=r"got u .*forced_response"):
            call(u, k)
    tolerance = slack(form, "zoh", 20) * np.abs(u).sum(-1).max()
    summed = convolve(u[..., None, :, :], k).sum(-2)
    assert far(summed, forced_response(form, u)) <= tolerance


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_single_precision_in_single_precision_out(library: str) -> None:
    form = inits.ptd_init(8, channels=2)
    k = kernel(forms.move(form, library, dtype="float32"), 100)
    assert "float32" in str(k.dtype)
    assert far(k, kernel(form, 100)) <= slack(form, "zoh", 100) * np.finfo(np.float32).eps / EPS


def test_gradients_flow_to_every_parameter_in_torch() -> None:
    torch = pytest.importorskip("torch")
    form = forms.move(inits.ptd_init(5, channels=2), "torch")
    leaves = [array.clone().requires_grad_(True) for array in form]
    assert torch.autograd.gradcheck(lambda *arrays: kernel(forms.Paired(*arrays), 11), leaves)


def test_kernels_compile_and_differentiate_in_jax() -> None:
    jax = pytest.importorskip("jax")
    form = inits.ptd_init(6, channels=2)
    there = forms.move(form, "jax")
    compiled = jax.jit(lambda form: kernel(form, 12))
    assert far(compiled(there), kernel(form, 12)) <= slack(form, "zoh", 12)
    gradient = jax.grad(lambda step: kernel(there._replace(step=step), 12).sum())(there.step)
    for k in range(2):

        def total(step: float, k: int = k) -> float:
            return kernel(form._replace(step=np.asarray(step)), 12)[k].sum()

        stiffness = 12 * largest(form.A) * form.step[k]
        numeric, tolerance = slope(total, form.step[k], stiffness=stiffness)
        assert abs(gradient[k] - numeric) <= tolerance


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_convolution_is_causal_and_linear_not_circular(length: int, taps: int, seed: int) -> None:
    u = signal(seed, 2, length)
    k = signal(seed + 1, taps)
    expected = np.stack([np.convolve(row, k)[:length] for row in u])
    tolerance = 16 * EPS * np.log2(2 * (length + taps)) * np.linalg.norm(k) * np.linalg.norm(u)
    assert far(convolve(u, k), expected) <= tolerance


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("kind", ["Dense", "DPLR", "Diagonal", "Paired", "MIMO"])
def test_a_batch_of_any_one_field_is_a_batch_of_kernels_at_every_length(
    kind: str, rule: str
) -> None:
    one = np.ones(2) + 0j
    form: Any = {
        "Dense": forms.Dense(-np.eye(2), np.ones(2), np.ones(2), np.asarray(0.5), np.asarray(0.1)),
        "DPLR": forms.DPLR(-one, one[:, None], one, one, np.asarray(0.5), np.asarray(0.1)),
        "Diagonal": forms.Diagonal(-one, one, one, np.asarray(0.5), np.asarray(0.1)),
        "Paired": forms.Paired(-one, one, one, np.asarray(0.5), np.asarray(0.1)),
        "MIMO": forms.MIMO(
            -one, np.ones((2, 4)) + 0j, np.ones((5, 2)) + 0j, np.ones((5, 4)), 0.1 * np.ones(2)
        ),
    }[kind]
    ports, inputs = ((5, 4), (4,)) if kind == "MIMO" else ((), ())
    whole = kernel(form, 6, rule=rule)
    for name, field in form._asdict().items():
        batch = form._replace(**{name: np.stack([field] * 3)})
        for length in (0, 1, 2, 6):
            K = kernel(batch, length, rule=rule)
            assert K.shape == (3, *ports, length), (name, length)
            np.testing.assert_allclose(
                K, np.broadcast_to(whole[..., :length], K.shape), rtol=0, atol=64 * EPS
            )
        assert scan(batch, np.ones((*inputs, 6)), rule=rule)[0].shape == (3, *ports[:1], 6), name


def test_irregular_batches_broadcast() -> None:
    """One A for all channels, steps for each, and a batch of signals in front."""
    shared = inits.s4d_lin_init(8)
    form = shared._replace(step=np.array([0.01, 0.1, 1.0]), C=np.stack([shared.C] * 3))
    assert kernel(form, 7).shape == (3, 7)
    y, state = scan(form, signal(0, 5, 3, 7))
    assert y.shape == (5, 3, 7)
    assert state.shape == (5, 3, 4)
    alone = shared._replace(step=np.asarray(0.1))
    assert far(kernel(form, 7)[1], kernel(alone, 7)) <= slack(alone, "zoh", 1)


def peak_beside(evaluate: Callable[[], np.ndarray]) -> tuple[int, int]:
    """The bytes of a result, and the most that was held beside it."""
    import tracemalloc

    tracemalloc.start()
    result = evaluate()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result.nbytes, peak - result.nbytes


def test_no_table_of_modes_times_length_is_made() -> None:
    form = forms.move(inits.s4d_lin_init(64, channels=256), "numpy", dtype="float32")
    size, beside = peak_beside(lambda: kernel(form, 1 << 14))
    assert beside <= size / 2 + (16 << 20) < 32 * size


def test_memory_beside_the_result_is_bounded() -> None:
    form = forms.move(inits.s4d_lin_init(64, channels=1024), "numpy", dtype="float32")
    _, beside = peak_beside(lambda: kernel(form, 1 << 13, max_bytes=1 << 20))
    assert beside <= (4 << 20) + 2 * (1 << 20)  # sampling 32768 modes takes the first part


@given(models(), rules, st.integers(1, 70), st.integers(1, 1 << 14))
def test_groups_of_channels_change_nothing(
    form: Any, rule: str, length: int, max_bytes: int
) -> None:
    difference = kernel(form, length, rule=rule, max_bytes=max_bytes) - kernel(
        form, length, rule=rule
    )
    assert largest(difference) <= slack(form, rule, 1) * max(
        1.0, np.abs(kernel(form, length, rule=rule)).max()
    )


@given(models(), rules)
def test_no_sample_and_no_channel_are_legal(form: Any, rule: str) -> None:
    assert kernel(form, 0, rule=rule).shape == (*kernel(form, 1, rule=rule).shape[:-1], 0)
    if not isinstance(form, forms.Delayed) and not forms.kind(form).ports and form.C.ndim > 1:
        axes = forms.kind(form).axes
        batched = {k: v for k, v in form._asdict().items() if v.ndim > len(axes[k])}
        none = form._replace(**{name: field[:0] for name, field in batched.items()})
        assert kernel(none, 5, rule=rule).shape == (0, 5)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_evaluated_in_single_and_cast_last(kind: str) -> None:
    """Of a real diagonal model, S4D-Real, every array has such a type."""
    torch: Any = pytest.importorskip("torch")
    form = forms.unpair(inits.s4d_real_init(8, channels=2, step=(0.01, 0.1)))
    half = forms.Diagonal(
        *(torch.asarray(np.real(field)).to(getattr(torch, kind)) for field in form)
    )
    single = forms.Diagonal(*(field.float() for field in half))
    K = kernel(half, 300)
    assert K.dtype == half.C.dtype
    assert torch.equal(K, kernel(single, 300).to(K.dtype))
    assert kernel(forms.Diagonal(*(field.half().numpy() for field in half)), 9).dtype == np.float16


def test_views_of_tensors_are_read_as_what_they_stand_for() -> None:
    torch: Any = pytest.importorskip("torch")
    form = forms.move(inits.ptd_init(6, channels=4), "torch")
    lazy = form._replace(
        A=torch.conj(torch.conj(form.A).resolve_conj()),
        C=torch.conj(torch.conj(form.C).resolve_conj()),
    )
    assert lazy.A.is_conj()
    assert torch.equal(kernel(lazy, 33), kernel(form, 33))
    strided = forms.Paired(*(torch.stack([field, field], dim=-1)[..., 0] for field in form))
    assert not strided.A.is_contiguous()
    assert torch.equal(kernel(strided, 33), kernel(form, 33))


def test_a_mode_that_outgrows_its_precision_is_refused_at_its_sample(
    carry: Callable[[Any], Any],
) -> None:
    one = np.ones(1) + 0j
    form = carry(forms.Diagonal(0.1 * one, one, one, np.asarray(0.0), np.asarray(1.0)))
    if carry(np.ones(1)).__class__.__module__.startswith("array_api_strict"):
        pytest.skip("an array that may live anywhere is not looked at")
    assert np.all(np.isfinite(to_numpy(kernel(form, 7000))))
    with pytest.raises(ValueError, match=r"overflows float64 at sample 70\d\d\. "):
        kernel(form, 10000)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("A", [1e5, 2.0, 1.0])
def test_modes_that_no_rule_can_sample_are_refused_without_a_warning(rule: str, A: float) -> None:
    """Powers beyond all numbers under rules that hold exponentials, poles under the others."""
    one = np.ones(1) + 0j
    form = forms.Diagonal(A * one, one, one, np.asarray(0.0), np.asarray(1.0))
    pole = {"bilinear": 2.0, "backward": 1.0}.get(rule, np.inf)
    exponential = rule in ("zoh", "foh", "impulse", "mamba")
    if pole == A or (exponential and A == 1e5):
        with pytest.raises(ValueError, match=r"A sampled must be finite; got an overflow"):
            kernel(form, 2, rule=rule)
    else:
        assert np.all(np.isfinite(kernel(form, 2, rule=rule)))
