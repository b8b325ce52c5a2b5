"""Known reductions: peers, libraries, ends of the range, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import control
import numpy as np
import pytest
from reductions import distance
from strategies import EPS, signal

from ssmlinalg import discretize, forms, hippo, inits, kernel, reduce, systems
from ssmlinalg.forms import (
    MIMO,
    Dense,
    Diagonal,
    Paired,
    PairedRecurrence,
    Recurrence,
)

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
ZERO = np.asarray(0.0)
UNIT = np.asarray(1.0)
CLOSE = 1 + 1e-3  # how far apart the bounds of a norm may be
METHODS = {
    "balanced": reduce.balanced,
    "hankel": reduce.hankel,
    "h2": reduce.h2,
    "modal": reduce.modal,
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def weights(seed: int, *shape: int) -> np.ndarray:
    return signal(seed, *shape, 2) @ np.array([1, 1j])


@pytest.mark.parametrize("order", [1, 6, 16, 31])
def test_python_control_finds_the_same_model(order):
    form = inits.s4d_inv_init(32)
    A, B, C, D, _ = forms.to_dense(form)
    peer: Any = control.balred(control.ss(A, B[:, None], C[None], D), order)
    small = reduce.balanced(form, order=order)
    w = np.logspace(-2, 3, 200)
    theirs = np.asarray(peer(1j * w)).ravel()
    ours = systems.transfer(small.form, 1j * w)
    assert np.abs(theirs - ours).max() <= 1e-9 * small.size


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_method
def test_a_model_returns_to_its_library_and_its_rounding_is_measured(method, library, dtype):
    host = inits.s4d_inv_init(16, channels=2)
    form = forms.move(host, library, dtype=dtype)
    small = method(form, error=1e-4)
    assert type(small.form.A) is type(form.A)
    assert small.form.A.dtype == form.A.dtype
    assert small.form.step.dtype == form.step.dtype
    low, _ = distance("hinf", forms.move(form, "numpy"), forms.move(small.form, "numpy"))
    assert np.all(low <= small.upper * small.size * (1 + 1e-9))


def test_an_lru_of_64_modes_keeps_seven_digits_with_60_states():
    small = reduce.balanced(inits.lru_init(64), order=60)
    assert small.upper <= 1e-7
    assert small.form.A.shape[-1] <= 32


def test_s4d_lin_needs_all_its_states():
    """Of order 64 it has one real mode: 63 states, and no model of 62 is within 1e-3."""
    small = reduce.balanced(inits.s4d_lin_init(64), error=1e-3)
    assert small.order == small.least == 63


def test_a_cut_between_equal_hankel_values_is_moved_or_refused():
    delay = hippo.lmu(64)._replace(C=np.ones(64))  # of the newest and the oldest: values of 1
    with pytest.raises(ValueError, match=r"tell apart; got 6\. Ask for 0 or") as refused:
        reduce.balanced(delay, order=6)
    assert SENTENCE.fullmatch(str(refused.value))
    small = reduce.balanced(delay, error=0.1)
    assert np.linalg.eigvals(small.form.A).real.max() < 0
    assert small.upper <= 0.1


def test_modes_of_an_all_pass_are_one_block():
    """(s - 1)(s - 2)/((s + 1)(s + 2)) has both Hankel values 1."""
    form = Paired(np.array([-1.0, -2.0]), np.ones(2), np.array([3.0, -6.0]), UNIT, UNIT)
    assert np.allclose(reduce.singular_values(form), 1, rtol=8 * EPS)
    with pytest.raises(ValueError, match=r"got 1\. Ask for 0 or 2"):
        reduce.balanced(form, order=1)
    assert reduce.balanced(form, error=0.3).order == 2


def test_a_channel_with_equal_values_there_is_cut_below_and_filled_up():
    """The others keep the order that was asked for."""
    all_pass = np.array([[3.0, -6.0], [3.0, -5.0]])
    A = np.array([[-1.0, -2.0], [-1.0, -2.0]])
    small = reduce.balanced(Paired(A, np.ones((2, 2)), all_pass, ZERO, UNIT), order=1)
    assert np.array_equal(small.order, [0, 1])
    assert np.array_equal(small.padding, [1, 0])
    assert np.all(small.lower <= small.upper)
    with pytest.raises(ValueError, match="tell apart; got 1 in member 0"):
        reduce.balanced(Paired(A, np.ones((2, 2)), all_pass[[0, 0]], ZERO, UNIT), order=1)


@pytest.mark.parametrize("method", [reduce.balanced, reduce.hankel, reduce.h2])
def test_matrices_of_fewer_states_than_rows_have_no_more(method):
    """Without an input there is nothing to cut: 0 and 0 are no cluster."""
    none = Dense(-np.diag([1.0, 2.0, 3.0]), np.zeros(3), np.ones(3), UNIT, UNIT)
    for order in (0, 1, 2):
        small = method(none, order=order)
        assert (small.order, small.upper) == (0, 0)
    two = none._replace(B=np.array([1.0, 1.0, 0.0]))
    small = method(two, order=2)
    assert small.order == 2
    assert small.upper <= 1e-9  # level sets of close neighbours know half of the digits
    w = 1j * np.logspace(-2, 2, 9)
    apart = systems.transfer(small.form, w) - systems.transfer(two, w)
    assert np.abs(apart).max() <= 64 * EPS * small.size


@each_method
@pytest.mark.parametrize("norm", reduce.NORMS)
def test_an_error_of_the_whole_is_kept_without_states(method, norm):
    """|G|/|G| is 1, though |G| is known to a tenth of a per cent only."""
    form = inits.s4d_lin_init(8, channels=2)
    small = method(form, error=1.0, norm=norm)
    assert np.array_equal(small.order, [0, 0])
    assert np.array_equal(small.upper, [1, 1])
    if method is not reduce.modal:
        one = forms.to_dense(inits.s4d_lin_init(8))
        assert method(one, error=1.0, norm=norm).order == 0


def test_modes_that_all_but_coincide_are_perturbed_and_measured():
    """Matrices next to a Jordan block come apart, and the error says by how much."""
    from ssmlinalg.reduce.balanced_systems import Realized
    from ssmlinalg.reduce.poles import nearby_poles

    A = np.array([[-1.0, 1, 0], [0, -1, 1], [0, 0, -1]])
    model = Realized(A, np.ones((3, 1)), np.array([[1.0, 0, 0]]))
    (found,) = nearby_poles([model])
    assert found is not None
    a, b, c = found
    s = 1j * np.linspace(0, 5, 20)
    G = [(model.C @ np.linalg.solve(x * np.eye(3) - A, model.B))[0, 0] for x in s]
    H = [
        np.sum(c[0] * b[:, 0] / (x - a) + (a.imag > 0) * np.conj(c[0] * b[:, 0] / (np.conj(x) - a)))
        for x in s
    ]
    size = np.abs(np.subtract(G, H)).max()
    assert 0 < size < 1e-6


@each_method
def test_no_states_are_a_mode_without_weight(method):
    form = inits.s4d_lin_init(8, channels=2)
    small = method(form, order=0)
    assert np.array_equal(small.order, [0, 0])
    assert np.array_equal(small.padding, [1, 1])
    assert np.allclose(small.upper, 1, rtol=2e-3)
    assert np.array_equal(kernel(small.form, 4)[:, 1:], np.zeros((2, 3)))
    assert np.array_equal(small.form.D, form.D)


@each_method
def test_a_zero_kernel_has_no_states(method):
    form = inits.s4d_lin_init(8, channels=3)
    form = form._replace(C=form.C * np.array([0, 1, 1e-200])[:, None])
    small = method(form, error=1e-2)
    assert small.order[0] == small.upper[0] == small.size[0] == 0
    assert np.all(small.order[1:] > 0)  # relative for each channel
    assert np.all(small.upper <= 1e-2)
    assert np.array_equal(small.padding[0], small.form.A.shape[-1])
    assert np.array_equal(method(form._replace(C=0 * form.C), error=1.0).order, [0, 0, 0])


@each_method
def test_errors_are_absolute_on_request(method):
    form = inits.s4d_inv_init(8, channels=3)
    form = form._replace(C=form.C * np.array([1, 1e-3, 1e3])[:, None])
    small = method(form, error=1e-2, relative=False)
    assert np.all(small.upper <= 1e-2)
    assert small.order[1] == 0 < small.order[0] <= small.order[2]


REFUSED = {
    "neither": {},
    "both": {"order": 3, "error": 0.1},
    "zero error": {"error": 0.0},
    "NaN": {"error": float("nan")},
    "negative": {"error": -1.0},
    "text": {"error": "small"},
    "order beyond": {"order": 9},
    "order below": {"order": -1},
    "half an order": {"order": 2.5},
    "norm": {"error": 0.1, "norm": "l2"},
    "relative": {"error": 0.1, "relative": 1},
}


@pytest.mark.parametrize("case", REFUSED)
@each_method
def test_goals_that_cannot_be_meant_are_refused(method, case):
    options: Any = REFUSED[case]
    with pytest.raises((TypeError, ValueError)) as refused:
        method(inits.s4d_lin_init(8), **options)
    assert SENTENCE.fullmatch(str(refused.value))


UNDAMPED = {
    "undamped": Paired(np.array([1j, -1.0]), np.ones(2), np.ones(2), ZERO, UNIT),
    "unstable": Diagonal(np.array([1.0]), np.ones(1), np.ones(1), ZERO, UNIT),
    "on the circle": PairedRecurrence(np.array([1j]), np.ones(1), np.ones(1), ZERO),
    "norm that overflows": Paired(
        -1 + 0j * np.ones(1), np.full(1, 1e300), np.full(1, 1e300), ZERO, UNIT
    ),
    "damping that underflows": Paired(np.array([-5e-324 + 1j]), np.ones(1), np.ones(1), ZERO, UNIT),
    "matrix": Dense(np.zeros((2, 2)), np.ones(2), np.ones(2), ZERO, UNIT),
    "no output": hippo.legs(4),
    "no system": Paired(np.ones((0, 2)), np.ones(2), np.ones(2), ZERO, UNIT),
    "text": "model",
}


@pytest.mark.parametrize("case", UNDAMPED)
@each_method
def test_models_without_a_norm_are_refused(method, case):
    with pytest.raises((TypeError, ValueError)) as refused:
        method(UNDAMPED[case], order=1)
    assert SENTENCE.fullmatch(str(refused.value))


def modes(A: Any, C: Any) -> Paired:
    return Paired(A, np.ones(len(A)), C, ZERO, UNIT)


AT_THE_ENDS: dict[str, Any] = {
    "almost real pairs": modes(-1 - 1e-3 * np.arange(8) + 1e-8j * signal(0, 8), weights(1, 8)),
    "hardly damped": modes(-1e-12 * np.arange(1, 9) + 1j * np.arange(1, 9), weights(2, 8)),
    "damped below the rounding of its frequency": modes(
        -1e-100 + 1j * np.pi * np.arange(4), weights(12, 4)
    ),
    "equally damped": modes(-1e-9 + 1j * np.arange(1, 9), np.ones(8)),
    "fast": modes(1e200 * (-1 + 1j * np.arange(6)), weights(3, 6)),
    "slow": modes(1e-200 * (-1 + 1j * np.arange(6)), weights(4, 6)),
    "decades of damping": modes(-(10.0 ** np.arange(-8, 8)) + 0j, weights(5, 16)),
    "decades of weight": modes(-1 - 1j * np.arange(8), 10.0 ** -np.arange(0, 80, 10)),
    "clusters": modes(
        np.repeat(-1 + 1j * np.arange(3), 3) * (1 + 1e-10 * signal(6, 9)), weights(6, 9)
    ),
    "differences": modes(-1 + 1e-6 * np.arange(6) + 2j, np.array([1, -5, 10, -10, 5, -1.0])),
    "next to the circle": PairedRecurrence(
        np.exp(-1e-13 * np.arange(1, 9) + 1j * np.linspace(0.1, 3, 8)),
        np.ones(8),
        weights(7, 8),
        ZERO,
    ),
    "next to -1": PairedRecurrence(
        -1 + 1e-10 * np.arange(1, 6) + 1e-9j, np.ones(5), weights(8, 5), ZERO
    ),
    "zeros": Recurrence(np.array([0, 0.5, -0.5, 1e-200]), np.ones(4), np.ones(4), ZERO),
    "one": Diagonal(np.array([-1.0]), np.ones(1), np.ones(1), ZERO, UNIT),
    "without output": MIMO(
        -np.ones(3), np.ones((3, 2)), np.zeros((2, 3)), np.zeros((2, 2)), np.ones(3)
    ),
    "two batch axes": Paired(
        -1 + 1j * np.arange(5.0), np.ones(5), weights(9, 2, 3, 5), ZERO, np.ones(3)
    ),
    "a hold of first order": discretize.foh(inits.s4d_lin_init(8, channels=2)),
    "a Jordan block": Dense(np.eye(6, k=1) - np.eye(6), np.ones(6), np.ones(6), ZERO, UNIT),
    "a matrix without input": Dense(-np.eye(3), np.zeros(3), np.ones(3), ZERO, UNIT),
    "complex matrices": forms.to_dense(
        Diagonal(-1 + 1j * np.arange(3), np.ones(3), np.ones(3), ZERO, UNIT)
    ),
}


@pytest.mark.parametrize("case", AT_THE_ENDS)
@each_method
def test_models_at_the_ends_of_the_range_keep_every_promise(method, case):
    form = AT_THE_ENDS[case]
    if method is reduce.modal and forms.kind(form).matrix:
        return
    asked: tuple[dict[str, Any], ...] = (
        {"error": 1e-3},
        {"error": 1e-9, "norm": "h2"},
        {"order": 1},
    )
    for options in asked:
        try:
            small = method(form, **options)
        except ValueError as refused:
            if "tell apart" in str(refused):
                continue
            raise
        A = forms.view(small.form).A
        A = np.linalg.eigvals(A) if forms.kind(form).matrix else A
        assert np.all((A.real < 0) if forms.kind(form).continuous else (np.abs(A) < 1))
        assert np.all(np.isfinite(np.asarray(small.upper)))
        assert np.all(np.asarray(small.lower) <= np.asarray(small.upper) * (1 + 1e-9) + 64 * EPS)
        assert np.all(np.asarray(small.upper) <= options.get("error", np.inf))


def test_a_unit_of_time_or_gain_changes_no_relative_figure():
    form = inits.s4d_inv_init(16)
    for norm in reduce.NORMS:
        plain = reduce.balanced(form, order=9, norm=norm)
        for p in (-300, 300):
            other = form._replace(A=form.A * 2.0**p, B=form.B * 2.0**-150)
            found = reduce.balanced(other, order=9, norm=norm)
            assert np.isclose(found.upper, plain.upper, rtol=1e-9)
            assert np.isclose(found.lower, plain.lower, rtol=1e-9)
            gain = 2.0 ** (-150 - (p // 2 if norm == "h2" else p))
            assert np.isclose(found.size, plain.size * gain, rtol=1e-9)


def test_an_error_below_the_precision_of_a_form_is_refused():
    form = forms.move(inits.lru_init(32), "numpy", dtype="float32")
    assert reduce.balanced(form, error=1e-3).upper <= 1e-3
    with pytest.raises(ValueError, match="precision of the form") as refused:
        reduce.balanced(form, error=1e-8)
    assert SENTENCE.fullmatch(str(refused.value))
    assert reduce.balanced(forms.move(form, "numpy", dtype="float64"), error=1e-8).upper <= 1e-8


def test_matrices_are_measured_as_they_are_rounded():
    host = forms.to_dense(hippo.legt(12))
    form = forms.move(host, "numpy", dtype="float32")
    small = reduce.balanced(form, order=8)
    low, _ = distance("hinf", forms.move(form, "numpy", dtype="float64"), small.form)
    assert low <= small.upper * small.size
