"""Kernels against multiple precision, for any rule, frequency, length and library; and rounding."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, seeds

from ssmlinalg import discretize, forms, inits, kernel, reference
from ssmlinalg.discretize.rules import named
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.ground.formats import FORMATS
from ssmlinalg.verification.multiple_precision import MODES, exact_kernels, kernel_modes
from ssmlinalg.verification.precision import precision_report, rounded

BOUND = {"float64": 2e-13, "float32": 1e-6}  # what `kernel` promises, relative
STEP = 0.0123
RULES = [*sorted(set(discretize.RULES) - {"mamba"}), "none"]  # of forms born discrete
# Frequencies, 1 the highest that sampling can tell.
NYQUIST = (0.0, 1e-6, 0.3137, 1 - 1e-6, 1.0, 1.7, 1000.0, 1000.37)
MODAL = [name for name, init in sorted(inits.INITS.items()) if not forms.kind(init(2)).matrix]
WHERE = [
    ("numpy", "float64"),
    ("torch", "float32"),
    ("torch", "float64"),
    ("jax", "float64"),
    ("jax without 64 bits", "float32"),
]


def modes(rule: str, length: int, dtype: str, frequencies: tuple[float, ...] = NYQUIST) -> Any:
    """One mode a channel: undamped, hardly damped and slowly growing ones of every frequency, in
    numbers of `dtype`.

    B and C are of phases whose sum is nowhere near a right angle after sampling: the real part of
    that would be rounding only.
    """
    damping = np.array([0.0, -1e-7, 1 / length])
    x = (damping[:, None] + 1j * math.pi * np.array(frequencies)).reshape(-1, 1)
    slow = np.abs(x.imag) < math.pi
    z = {
        "forward": np.where(slow, np.expm1(x), -1 + 0j),
        "backward": np.where(slow, -np.expm1(-x), x),
    }.get(rule, x)
    A = np.exp(x) if rule == "none" else z / STEP
    B = np.full(x.shape, 0.7 - 0.2j)
    C = np.full(x.shape, 1.1 + 0.9j)
    if rule == "none":
        return single(forms.Recurrence(A, B, C, np.zeros(len(x))), dtype)
    return single(forms.Diagonal(A, B, C, np.zeros(len(x)), np.full(len(x), STEP)), dtype)


def single(form: Any, dtype: str) -> Any:
    return forms.move(form, "numpy", dtype=dtype)


def lags_of(length: int, count: int = 40) -> np.ndarray:
    drawn = np.random.default_rng(length).integers(0, length, count - 2)
    return np.unique(np.concatenate([[0, length - 1], drawn]))


def exact(form: Any, rule: str, lags: np.ndarray) -> np.ndarray:
    """The kernels (K, lags) of these very numbers, in multiple precision."""
    wide = forms.check(single(form, "float64"))
    return exact_kernels(kernel_modes(wide), lags, rule=None if rule == "none" else rule)


def evaluate(form: Any, length: int, rule: str, where: str, lags: np.ndarray) -> np.ndarray:
    rule = "zoh" if rule == "none" else rule
    if where == "numpy":
        return kernel(form, length, rule=rule)[..., lags]
    if where == "torch":
        pytest.importorskip("torch")
        return to_numpy(kernel(forms.move(form, "torch"), length, rule=rule))[..., lags]
    jax = pytest.importorskip("jax")
    with jax.enable_x64(where == "jax"):
        return to_numpy(
            jax.jit(lambda form: kernel(form, length, rule=rule))(forms.move(form, "jax"))
        )[..., lags]


def relative(got: np.ndarray, form: Any, rule: str, lags: np.ndarray) -> np.ndarray:
    """The error of each kernel beside the largest |sum C A_d^l B_d|, of which the kernel is the
    real part.
    """
    expected = exact(form, rule, lags)
    quadrature = exact(form._replace(C=form.C * form.C.dtype.type(1j)), rule, lags)
    return np.max(np.abs(got - expected), axis=-1) / np.max(np.hypot(expected, quadrature), axis=-1)


@pytest.mark.parametrize("length", [1, 2, 3, 1000, 1 << 14, 1 << 18])
@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_keeps_the_phase_of_every_frequency_at_every_length(
    rule: str, dtype: str, length: int
) -> None:
    form = modes(rule, length, dtype)
    lags = lags_of(length)
    errors = relative(evaluate(form, length, rule, "numpy", lags), form, rule, lags)
    assert errors.max() <= BOUND[dtype], dict(zip(form.A[:, 0], errors, strict=True))


@pytest.mark.parametrize(("where", "dtype"), WHERE[1:])
@pytest.mark.parametrize("rule", RULES)
def test_every_library_keeps_the_phase(rule: str, where: str, dtype: str) -> None:
    length = 1 << 14
    form = modes(rule, length, dtype)
    lags = lags_of(length)
    errors = relative(evaluate(form, length, rule, where, lags), form, rule, lags)
    assert errors.max() <= BOUND[dtype], dict(zip(form.A[:, 0], errors, strict=True))


@pytest.mark.parametrize(("where", "dtype"), [("numpy", "float32"), WHERE[0], WHERE[1], WHERE[-1]])
@pytest.mark.parametrize("rule", ["impulse", "bilinear", "none"])
def test_sixteen_million_samples_keep_the_phase(rule: str, where: str, dtype: str) -> None:
    """Undamped modes in one sum: below Nyquist, just below, on it, and far past it."""
    length = 1 << 24
    lags = lags_of(length)
    form = modes(rule, length, dtype, (0.3137, 1 - 1e-6, 1.0, 1000.37))
    A, B, C = (array[:4, 0][None] for array in form[:3])
    rest = {name: getattr(form, name)[:1] for name in form._fields[3:]}
    form = form._replace(A=A, B=B, C=C, **rest)
    errors = relative(evaluate(form, length, rule, where, lags), form, rule, lags)
    assert errors.max() <= BOUND[dtype]


ALPHAS = (0.0, 0.3, 0.5, 0.7, 1 / 3, 0.999, 1.0)


@pytest.mark.parametrize("length", [1 << 14, 1 << 20])
@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_weight_of_gbt_costs_no_more_digits_than_a_name(
    alpha: float, dtype: str, length: int
) -> None:
    """Against f(z)^l C B_d in 60 digits, at f(z) of modulus 1, hardly damped and slowly growing."""
    x = np.array([0, -1e-7, 1 / length])[:, None] + 1j * np.array([1e-6, 0.3137, 2.7])
    f = np.exp(x).reshape(-1, 1)
    z = (f - 1) / (1 - alpha + alpha * f)
    one = np.full(z.shape, 0.7 - 0.2j)
    form = single(
        forms.Diagonal(z / STEP, one, one, np.zeros(len(z)), np.full(len(z), STEP)), dtype
    )
    lags = lags_of(length, 12)
    got = kernel(form, length, rule=partial(discretize.gbt, alpha=alpha))[..., lags]
    with mpmath.workdps(60):
        for n, row in enumerate(got):
            A, B, C, h = (
                mpmath.mpmathify(complex(part[n].item())) for part in (*form[:3], form[4])
            )
            pole = 1 / (1 - alpha * h * A)
            base = (1 + h * A - alpha * h * A) * pole
            K = [C * h * B * pole * base ** int(lag) for lag in lags]
            largest = max(abs(value) for value in K)
            error = max(abs(value.real - found.item()) for value, found in zip(K, row, strict=True))
            assert error <= BOUND[dtype] * largest, (alpha, complex(A))


def test_functions_with_a_name_are_that_rule() -> None:
    form = forms.move(inits.s4d_lin_init(8, step=0.01), "numpy")
    for alpha, name in ((0.0, "forward"), (0.5, "bilinear"), (1.0, "backward")):
        assert named(partial(discretize.gbt, alpha=alpha)) == name
        weighed = kernel(form, 1000, rule=partial(discretize.gbt, alpha=alpha))
        assert np.array_equal(weighed, kernel(form, 1000, rule=name))
    for name, function in discretize.RULES.items():
        assert np.array_equal(kernel(form, 99, rule=function), kernel(form, 99, rule=name))
    dplr = inits.s4_init(8)
    weighed = kernel(dplr, 99, rule=partial(discretize.gbt, alpha=0.5))
    assert np.array_equal(weighed, kernel(dplr, 99, rule="bilinear"))


@given(st.sampled_from(sorted(discretize.RULES)), seeds, st.floats(-8, 3))
def test_the_exact_kernel_is_that_of_the_definition(rule: str, seed: int, magnitude: float) -> None:
    rng = np.random.default_rng(seed)
    A, B, C = rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2))
    A = 10**magnitude * A
    form = forms.Diagonal(A, B, C, np.asarray(0.5), np.asarray(0.1))
    length = 7
    expected = reference.kernel(np.diag(A), B, C, 0.5, 0.1, length, rule, digits=60)
    expected = np.array([float(K.real) for K in expected])
    got = exact(form, rule, np.arange(length))[0]
    assert np.abs(got - expected).max() <= 4 * EPS * np.abs(expected).max()


def test_the_exact_first_order_hold_keeps_its_digits_at_short_steps() -> None:
    ctx = mpmath.MPContext()
    ctx.dps = 50
    for z in (1e-30, 1e-60, -1e-300j):
        _, newest, before = MODES["foh"](ctx, ctx.mpmathify(z))
        assert abs(newest - (0.5 + ctx.mpmathify(z) / 6)) <= 1e-45
        assert abs(before - (0.5 + ctx.mpmathify(z) / 3)) <= 1e-45


@pytest.mark.parametrize("name", MODAL)
def test_every_initialization_is_evaluated_within_the_bound(name: str) -> None:
    for order in (1, 8, 33):
        form: Any = inits.INITS[name](order, channels=2)
        for row in precision_report(form, 1 << 12):
            assert row.part != "evaluation" or row.error <= row.bound, row


def test_nothing_overflows_at_order_1024_over_a_million_samples() -> None:
    for step in (1e-6, 1e-3, 1.0):
        form = single(inits.s4d_lin_init(1024, step=step), "float32")
        assert np.all(np.isfinite(kernel(form, 1 << 20)))


# The report.


@given(st.floats(allow_nan=False), st.sampled_from(["float64", "float32", "float16", "bfloat16"]))
def test_rounding_is_that_of_the_format(x: float, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    assume(math.isfinite(x))
    y = rounded(np.array([x, -x]), dtype)
    if (
        dtype == "bfloat16"
    ):  # PyTorch rounds through float32, twice; what is in float32 already it rounds once
        x = float(rounded(np.array([x]), "float32")[0])
        y = rounded(np.array([x, -x]), dtype) if math.isfinite(x) else y
    expected = (
        torch.tensor([x, -x], dtype=torch.float64)
        .to(getattr(torch, dtype))
        .to(torch.float64)
        .numpy()
    )
    if dtype == "float16":
        with np.errstate(over="ignore"):
            expected = np.array([x, -x]).astype(np.float16).astype(np.float64)
    np.testing.assert_array_equal(y, expected)


def table(form: Any, length: int, rule: str = "zoh") -> dict[tuple[str, str], Any]:
    return {(row.dtype, row.part): row for row in precision_report(form, length, rule=rule)}


@st.composite
def stable(draw: Any) -> Any:
    """Modes from slow to stiff, on the boundary and off it, continuous or discrete."""
    rng = np.random.default_rng(draw(seeds))
    kinds = [forms.Diagonal, forms.Paired, forms.MIMO, forms.Recurrence, forms.PairedRecurrence]
    kind = draw(st.sampled_from(kinds))
    n = draw(st.integers(1, 4))
    B, C = rng.standard_normal((2, n)) + 1j * rng.standard_normal((2, n))
    rates = rng.uniform(0, 1, n) * 10 ** rng.uniform(-6, 1, n) * draw(st.integers(0, 1))
    A = -rates + 1j * 10 ** rng.uniform(-4, 1.5, n)
    D = np.asarray(rng.standard_normal())
    step = np.asarray(10 ** rng.uniform(-4, 0))
    if kind is forms.MIMO:
        return forms.MIMO(A, B[:, None], C[None], D[None, None], np.full(n, step))
    if kind in (forms.Recurrence, forms.PairedRecurrence):
        A = rng.uniform(0.1, 0.999, n) * np.exp(1j * rng.uniform(0, 7, n))
        return kind(A, B, C, D)
    return kind(A, B, C, D, step)


@given(
    stable(),
    st.sampled_from(["zoh", "foh", "impulse", "bilinear", "backward"]),
    st.sampled_from([1, 2, 50, 3000]),
)
def test_no_error_of_storage_exceeds_its_bound(form: Any, rule: str, length: int) -> None:
    """To first order: where a bound is below 1/10, within a tenth of it."""
    for row in precision_report(form, length, rule=rule):
        assert not math.isnan(row.error)
        assert not math.isnan(row.bound)
        if row.part != "evaluation" and row.bound < 0.1:
            assert row.error <= 1.1 * row.bound + 2 * BOUND["float64"], row


@given(stable(), st.sampled_from(["zoh", "bilinear"]))
def test_fewer_digits_cost_more(form: Any, rule: str) -> None:
    rows = table(form, 300, rule)
    for part in {part for _, part in rows}:
        fine, single, coarse = (rows[dtype, part] for dtype in ("float64", "float32", "bfloat16"))
        assert fine.error <= single.error + 2 * BOUND["float64"]
        assert single.error <= coarse.error + 2 * BOUND["float32"] or coarse.error > 0.1
        assert fine.bound <= single.bound <= coarse.bound


@given(st.floats(0.01, 3.1), st.integers(1, 60))
def test_the_phase_error_of_an_undamped_mode_grows_with_the_lag(theta: float, length: int) -> None:
    """|e^{il theta} - e^{il theta~}| = 2 |sin(l (theta - theta~)/2)|, seen by the real part."""
    one = np.ones(1) + 0j
    form = forms.Diagonal(1j * theta * one, one, one, np.asarray(0.0), np.asarray(1.0))
    row = table(form, length, "impulse")["bfloat16", "A"]
    off = abs(theta - float(rounded(np.array([theta]), "bfloat16")[0]))
    lags = np.arange(length)
    expected = np.abs(np.cos(theta * lags) - np.cos((theta - off) * lags))
    other = np.abs(np.cos(theta * lags) - np.cos((theta + off) * lags))
    slack = 2 * BOUND["float64"]
    nearest = min(abs(row.error - expected.max()), abs(row.error - other.max()))
    assert nearest <= slack
    assert row.error <= length * off + slack
    assert length * off <= length * FORMATS["bfloat16"].eps / 2 * theta


def test_what_leaves_the_range_of_a_format_is_infinitely_wrong() -> None:
    one = np.ones(1) + 0j
    fast = table(forms.Diagonal(1e5j * one, one, one, 0.0, 1e-9), 9)
    assert fast["float16", "A"].error == math.inf  # beyond 65504
    assert fast["float16", "step"].error == math.inf  # below 2^-25: no time passes
    assert fast["float16", "evaluation"].error == math.inf
    assert fast["bfloat16", "A"].error < FORMATS["bfloat16"].eps / 8
    growing = table(forms.Recurrence(0.9999 * one, one, one, 0.0), 1 << 20)
    assert growing["bfloat16", "A"].error > 0.9
    silent = table(forms.Diagonal(1j * one, 0 * one, one, 0.0, 0.1), 5)
    assert all(row.error == 0 for row in silent.values())


def test_a_report_refuses_what_it_cannot_judge() -> None:
    form = inits.s4d_lin_init(4)
    for faulty in (
        lambda: precision_report(forms.to_dense(form), 4),  # pyright: ignore[reportArgumentType]
        lambda: precision_report(form, 0),
        lambda: precision_report(form, 4, rule="tustin"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            faulty()
        assert re.fullmatch(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]", str(caught.value))


def test_any_library_may_ask() -> None:
    pytest.importorskip("torch")
    form = inits.s4d_lin_init(4)
    ours, theirs = (precision_report(f, 64) for f in (form, forms.move(form, "torch")))
    assert ours == theirs


def test_every_rule_is_known_in_multiple_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not is refused, and never taken for another."""
    assert MODES.keys() == discretize.RULES.keys()
    monkeypatch.setitem(discretize.RULES, "mine", discretize.zoh)
    with pytest.raises(ValueError, match="`rule` must be"):
        precision_report(modes("zoh", 4, "float64"), 4, rule="mine")
