"""DSS, DLR and minimal-LRU, their kernels written out here, compute the kernel of our form."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS
from targets import SINGLE, back, init, refused, same, to

from ssmlinalg import INITS, forms, kernel
from ssmlinalg.export import TARGETS

LENGTH = 64
HALVES = sorted(name for name, make in INITS.items() if type(make(4)) is forms.Paired)

orders = st.integers(1, 17)
widths = st.integers(1, 4)
seeds = st.integers(0, 2**16)


def weights(arrays):
    return arrays["kernel.W"][0, ..., 0] + 1j * arrays["kernel.W"][0, ..., 1]


def turns(arrays, Lambda):
    """z (H, N): the two steps of each channel, times real and imaginary part of Lambda."""
    real, imag = np.exp(arrays["kernel.log_dt"].astype(float)).T[..., None]
    return real * Lambda.real + 1j * imag * Lambda.imag


def summed(W, z, D, length, shift: Any = 0.0):
    """K (H, L) = Re sum_n W_n e^{l z_n - shift_n}, D added at lag 0; and a bound of its
    rounding.
    """
    lags = np.arange(length)
    exponent = lags * z[..., None] - np.expand_dims(shift * np.ones_like(z), -1)
    terms = W[..., None] * np.exp(exponent)
    K = np.sum(terms, axis=-2).real
    K[..., 0] += D
    # e^x is off by |x| eps, and a power of e^z by as many eps as it has turned.
    size = np.sum(np.abs(terms) * (1 + np.abs(exponent)), axis=-2)
    return K, EPS * (np.max(size, axis=-1, keepdims=True) + np.abs(np.asarray(D))[..., None])


def left(arrays):
    """Lambda (N,) of every version but softmax, by the names of its arrays."""
    if "kernel.Lambda" in arrays:
        real, imag = arrays["kernel.Lambda"].astype(float).T
        return np.minimum(real, np.float32(1e-4)) + 1j * imag
    real = -np.exp(arrays["kernel.Lambda_log_neg_re"].astype(float))
    return real + 1j * arrays["kernel.Lambda_im"]


def dss_no_scale(arrays, length):
    return summed(weights(arrays), turns(arrays, left(arrays)), arrays["D"][0], length)


def dss_exp(arrays, length):
    Lambda = left(arrays)
    z = turns(arrays, Lambda)
    inverse = Lambda.conj() / np.maximum(np.abs(Lambda) ** 2, 1e-7)
    return summed(weights(arrays) * np.expm1(z) * inverse, z, arrays["D"][0], length)


def dss_softmax(arrays, length):
    """The exponentials over their sum, modes that grow turned around."""
    Lambda = arrays["kernel.Lambda"].astype(float) @ [1, 1j]
    z = turns(arrays, Lambda)
    grows = Lambda.real > 0
    inward = np.where(grows, -z, z)
    divisor = np.expm1(length * inward) * Lambda
    W = weights(arrays) * np.expm1(inward) * divisor.conj() / (np.abs(divisor) ** 2 + 1e-7)
    K, bound = summed(W, z, arrays["D"][0], length, shift=np.where(grows, (length - 1) * z, 0))
    # expm1 loses, of what its argument has, |argument| / |expm1(argument)|.
    return K, bound * (1 + np.max(length * np.abs(z) / np.abs(np.expm1(length * inward))))


def dlr(arrays, length):
    z = -(arrays["kernel.Lambda_log_neg_re"].astype(float) ** 2) + 1j * arrays["kernel.Lambda_im"]
    return summed(weights(arrays), z, arrays["D"][0], length)


def lru(arrays, u):
    """The outputs (L, H) of the layer for u (L, H), one sample after the other."""
    found = {name: np.asarray(array, float) for name, array in arrays.items()}
    Lambda = np.exp(-np.exp(found["nu_log"]) + 1j * np.exp(found["theta_log"]))
    B = (found["B_re"] + 1j * found["B_im"]) * np.exp(found["gamma_log"])[:, None]
    C = found["C_re"] + 1j * found["C_im"]
    x = np.zeros(len(Lambda), complex)
    y = np.zeros(u.shape)
    for sample in range(len(u)):
        x = Lambda * x + B @ u[sample]
        y[sample] = (C @ x).real + found["D"] * u[sample]
    return y


PUBLISHED = {
    "dss": dss_exp,
    "dss-clip": dss_exp,
    "dss-softmax": dss_softmax,
    "dss-no-scale": dss_no_scale,
    "dss-clip-no-scale": dss_no_scale,
    "dlr": dlr,
}


def assert_computed(target, arrays, multiple=64):
    """That the layer, in float64, has the kernel of the form it comes back as."""
    K, bound = PUBLISHED[target](arrays, LENGTH)
    error = np.abs(kernel(back(target, arrays, LENGTH), LENGTH) - K)
    assert np.all(error <= multiple * bound), np.max(error / bound)


def drawn(order, width, seed, **arrays):
    """Arrays of a trained layer, in its precision."""
    rng = np.random.default_rng(seed)
    common = {
        "kernel.log_dt": rng.uniform(-6, -2, (width, 2)),
        "kernel.W": rng.standard_normal((1, width, order, 2)),
        "D": rng.standard_normal((1, width)),
    }
    return {name: np.asarray(array, np.float32) for name, array in (common | arrays).items()}


@given(st.sampled_from(HALVES), orders, widths, seeds)
def test_the_exp_layer_has_the_kernel_of_the_form_it_comes_back_as(name, order, width, seed):
    arrays = to("dss", init(name, order, channels=width, seed=seed))
    assert_computed("dss", arrays)


@given(orders, widths, seeds, st.floats(-9, 3))
def test_an_exp_layer_trained_to_two_steps_and_tiny_modes_comes_back_and_goes_out(
    order, width, seed, scale
):
    rng = np.random.default_rng(seed)
    arrays = drawn(
        order,
        width,
        seed,
        **{
            "kernel.Lambda_log_neg_re": scale + rng.standard_normal(order),
            "kernel.Lambda_im": np.exp(scale) * rng.standard_normal(order),
        },
    )
    assert_computed("dss", arrays)
    again = to("dss", back("dss", arrays))
    K, _ = dss_exp(arrays, LENGTH)
    _, bound = dss_exp(again, LENGTH)
    size = np.max(np.abs(np.log(again["kernel.log_dt"].astype(float) ** 2))) + np.max(
        np.abs(again["kernel.log_dt"])
    )
    assert np.all(np.abs(dss_exp(again, LENGTH)[0] - K) <= 16 * size * bound * SINGLE / EPS)


@given(orders, widths, seeds)
def test_the_clipped_layer_has_the_kernel_of_the_form(order, width, seed):
    form = init("dss", order, channels=width, seed=seed)
    arrays = to("dss-clip", form)
    assert_computed("dss-clip", arrays)
    K, bound = PUBLISHED["dss-clip"](arrays, LENGTH)
    assert np.all(np.abs(kernel(form, LENGTH) - K) <= 64 * bound * SINGLE / EPS)


@given(st.sampled_from(["dss-no-scale", "dss-clip-no-scale"]), orders, widths, seeds)
def test_the_layers_without_scale_have_the_kernel_of_the_form(target, order, width, seed):
    """Recurrences, and half spectra under a zero-order hold, whose turns are known."""
    for name in ("dss-no-scale", "dss"):
        form = init(name, order, channels=width, seed=seed)
        arrays = to(target, form)
        assert_computed(target, arrays)
        K, bound = PUBLISHED[target](arrays, LENGTH)
        assert np.all(np.abs(kernel(form, LENGTH) - K) <= 64 * bound * SINGLE / EPS)


@given(orders, widths, seeds)
def test_a_clipped_layer_trained_beyond_its_limit_comes_back_at_it(order, width, seed):
    rng = np.random.default_rng(seed)
    arrays = drawn(order, width, seed, **{"kernel.Lambda": rng.standard_normal((order, 2))})
    for target in ("dss-clip", "dss-clip-no-scale"):
        assert_computed(target, arrays)
        again = to(target, back(target, arrays)) if target == "dss-clip" else arrays
        assert np.max(again["kernel.Lambda"][:, 0]) <= 1e-4 or again is arrays


@given(orders, widths, seeds)
def test_the_softmax_layer_has_the_kernel_of_the_form_it_comes_back_as(order, width, seed):
    form = init("dss-softmax", order, length=LENGTH, channels=width, seed=seed)
    assert_computed("dss-softmax", to("dss-softmax", form, LENGTH))


@given(orders, widths, seeds)
def test_a_softmax_layer_trained_to_two_steps_and_growing_modes_comes_back(order, width, seed):
    rng = np.random.default_rng(seed)
    arrays = drawn(
        order, width, seed, **{"kernel.Lambda": rng.standard_normal((order, 2)) * [0.5, 20]}
    )
    Lambda = arrays["kernel.Lambda"].astype(float) @ [1, 1j]
    assume(np.min(np.abs(np.expm1(-LENGTH * np.abs(turns(arrays, Lambda).real)))) > 1e-3)
    assert_computed("dss-softmax", arrays)


@given(orders, widths, seeds)
def test_dlr_has_the_kernel_of_the_form_it_comes_back_as(order, width, seed):
    assert_computed("dlr", to("dlr", init("dlr", order, channels=width, seed=seed)))


@given(orders, widths, seeds)
def test_minimal_lru_computes_our_convolution(order, width, seed):
    arrays = to("minimal-lru", init("lru", order, channels=width, seed=seed))
    form = back("minimal-lru", arrays)
    u = np.random.default_rng(seed).standard_normal((LENGTH, width))
    K = kernel(form, LENGTH)
    ours = np.stack(
        [sum(K[..., lag] @ u[time - lag] for lag in range(time + 1)) for time in range(LENGTH)]
    )
    size = 2 * np.abs(form.C) @ (np.abs(form.B) / (1 - np.abs(form.A))[:, None]).sum(-1) + np.abs(
        np.diag(form.D)
    )
    assert np.all(np.abs(lru(arrays, u) - ours) <= 16 * LENGTH * EPS * np.abs(u).max() * size)


@given(st.integers(2, 9), widths, seeds)
def test_the_exp_layer_starts_from_the_published_modes_and_weights(order, width, seed):
    form = init("dss", order, channels=width, seed=seed)
    arrays = to("dss", form)
    # HiPPO-LegS of order 2N, its skew part: half the difference of sqrt((2i+1)(2j+1)) below and
    # above the diagonal.
    root = np.sqrt(2 * np.arange(2 * order) + 1)
    skew = np.tril(np.outer(root, root), -1)
    published = np.sort(np.linalg.eigvals((skew - skew.T) / 2).imag)[order:]
    assert np.allclose(np.sort(arrays["kernel.Lambda_im"]), published, rtol=4 * SINGLE, atol=0)
    assert np.allclose(arrays["kernel.Lambda_log_neg_re"], math.log(0.5), rtol=4 * SINGLE, atol=0)
    assert np.allclose(weights(arrays), form.C, rtol=4 * SINGLE, atol=0)
    assert np.allclose(arrays["kernel.log_dt"], np.log(form.step)[:, None], rtol=SINGLE, atol=0)


@given(st.integers(2, 17), st.integers(2, 4), seeds)
def test_phases_that_went_around_the_circle_are_found_where_channels_differ_in_step(
    order, width, seed
):
    made = init("dss", order, channels=width, seed=seed)
    arrays = to(
        "dss-softmax", init("dss-softmax", order, length=LENGTH, channels=width, seed=seed), LENGTH
    )
    Lambda = arrays["kernel.Lambda"].astype(float) @ [1, 1j]
    assert np.allclose(Lambda, made.A[0], rtol=4 * SINGLE, atol=0)
    assert np.allclose(
        np.exp(arrays["kernel.log_dt"].astype(float)), made.step[:, None], rtol=16 * SINGLE, atol=0
    )


def test_modes_at_the_ends_of_the_logarithms_keep_their_values():
    A = np.array([1, -1, 1j, 0.5, -0.25, 1e-3 - 1e-3j])
    ones = np.ones_like(A)
    form = forms.Recurrence(A, ones, ones, np.asarray(0.0))
    arrays = to("dlr", form)
    assert np.array_equal(arrays["kernel.Lambda_log_neg_re"][:3], np.zeros(3))
    assert np.array_equal(
        arrays["kernel.Lambda_im"][:3], np.asarray([0, math.pi, math.pi / 2], np.float32)
    )
    assert np.allclose(back("dlr", arrays).A, A, rtol=16 * SINGLE, atol=0)
    inner = forms.MIMORecurrence(
        A[3:], np.ones((3, 1)) + 0j, np.ones((1, 3)) + 0j, np.zeros((1, 1))
    )
    arrays = to("minimal-lru", inner)
    assert arrays["theta_log"][0] == np.float32(np.log(np.finfo(np.float32).tiny))
    assert arrays["theta_log"][1] == np.float32(math.log(math.pi))
    assert np.allclose(back("minimal-lru", arrays).A, A[3:], rtol=16 * SINGLE, atol=0)
    assert np.allclose(
        np.exp(2 * arrays["gamma_log"]), 1 - np.abs(A[3:]) ** 2, rtol=16 * SINGLE, atol=0
    )


@pytest.mark.parametrize("part", [1e-9, 1e-8, 1e-7, 1e-6])
def test_a_phase_just_below_a_whole_turn_goes_out_as_it_came_back(part):
    A = 0.9 * np.exp(-1j * part * np.ones(1))
    recurrence = forms.Recurrence(A, A, A, np.asarray(0.0))
    lru_form = forms.MIMORecurrence(A, A[:, None], A[None], np.zeros((1, 1)))
    for target, form in (("dlr", recurrence), ("minimal-lru", lru_form)):
        arrays = to(target, form)
        again = to(target, back(target, arrays))
        assert same(again, arrays), target
        assert abs(back(target, arrays).A[0] - A[0]) <= 2 * math.pi * SINGLE, target


@given(st.floats(0, 2 * math.pi), seeds)
def test_what_rounding_moves_off_the_circle_or_the_axis_is_put_back(phase, seed):
    rng = np.random.default_rng(seed)
    A = np.exp(1j * phase) * (1 + EPS * rng.integers(-1, 2, 4))
    arrays = to("dlr", forms.Recurrence(A, A, A, np.asarray(0.0)))
    assert not np.any(arrays["kernel.Lambda_log_neg_re"])
    A = rng.uniform(0.1, 0.9, 4) + 1j * EPS * rng.integers(-1, 2, 4) / 16
    arrays = to("dss-softmax", forms.Recurrence(A, A, A, np.asarray(0.0)), LENGTH)
    assert np.all(
        np.abs(arrays["kernel.Lambda"][:, 1]) <= EPS / np.exp(arrays["kernel.log_dt"]).min()
    )


def test_names_shapes_and_types_are_those_of_the_layers():
    N = 5
    H = 3
    modes = {"kernel.W": (1, H, N, 2), "D": (1, H)}
    expected = {
        "dss": {
            "kernel.log_dt": (H, 2),
            "kernel.Lambda_log_neg_re": (N,),
            "kernel.Lambda_im": (N,),
            **modes,
        },
        "dss-softmax": {"kernel.log_dt": (H, 2), "kernel.Lambda": (N, 2), **modes},
        "dss-no-scale": {
            "kernel.log_dt": (H, 2),
            "kernel.Lambda_log_neg_re": (N,),
            "kernel.Lambda_im": (N,),
            **modes,
        },
        "dlr": {"kernel.Lambda_im": (N,), "kernel.Lambda_log_neg_re": (N,), **modes},
        "minimal-lru": dict.fromkeys(("theta_log", "nu_log", "gamma_log"), (N,))
        | dict.fromkeys(("B_re", "B_im"), (N, H))
        | dict.fromkeys(("C_re", "C_im"), (H, N))
        | {"D": (H,)},
    }
    made = {
        target: init("lru" if target == "minimal-lru" else target, N, channels=H)
        for target in expected
    }
    for target, shapes in expected.items():
        arrays = to(target, made[target], LENGTH)
        assert {name: array.shape for name, array in arrays.items()} == shapes, target
        assert {array.dtype.name for array in arrays.values()} == {"float32"}, target


DSS, SOFTMAX, DLR, LRU = (
    init(name, 4, channels=2) for name in ("dss", "dss-softmax", "dlr", "lru")
)
OTHER = np.array([[1.0], [1.5]])


@pytest.mark.parametrize(
    ("target", "form", "error", "sentence"),
    [
        ("dss", DLR, TypeError, "takes the form Paired; got Recurrence.*'dlr'"),
        (
            "dss",
            DSS._replace(A=DSS.A + 0.5),
            ValueError,
            r"Re A must be negative.*got 0 at index \(0, 0\)",
        ),
        (
            "dss-clip",
            DSS._replace(A=DSS.A + 0.6),
            ValueError,
            r"Re A must be at most 1e-4.*got 0\.1 at index \(0, 0\)",
        ),
        ("dss-no-scale", forms.unpair(DSS), TypeError, "Recurrence and Paired; got Diagonal"),
        (
            "dss",
            DSS._replace(A=DSS.A * OTHER),
            ValueError,
            r"share A up to their steps.*got another mode at index \(1, 0\)",
        ),
        (
            "dss",
            DSS._replace(A=np.stack([DSS.A[0], DSS.A[1].conj()])),
            ValueError,
            "share A up to their steps",
        ),
        ("dss", DSS._replace(C=1e39 * DSS.C), ValueError, "`kernel.W` must fit float32"),
        ("dss", DSS._replace(D=np.zeros((3, 2))), ValueError, "one leading axis"),
        ("dss-softmax", forms.unpair(DSS), TypeError, "takes the forms Recurrence and Paired; got"),
        (
            "dss-softmax",
            DSS._replace(A=np.stack([DSS.A[0], 2 * DSS.A[1]])),
            ValueError,
            "share A up to",
        ),
        (
            "dss-softmax",
            DLR._replace(A=0 * DLR.A),
            ValueError,
            r"A must not be 0.*at index \(0, 0\)",
        ),
        (
            "dss-softmax",
            DLR._replace(A=0 * DLR.A + 1),
            ValueError,
            "sum over the length must not be 0.*step A = 0",
        ),
        (
            "dss-softmax",
            SOFTMAX._replace(A=np.stack([SOFTMAX.A[0], SOFTMAX.A[1].conj()])),
            ValueError,
            "share A up to",
        ),
        (
            "dss-softmax",
            SOFTMAX._replace(A=SOFTMAX.A * [1, 1, 1, 0.9] ** OTHER),
            ValueError,
            "share A up to",
        ),
        (
            "dss-softmax",
            DLR._replace(A=np.array([[0.9, 0.8, 0.8, 0.8], [0.9, 0.7, 0.7, 0.7]])),
            ValueError,
            "share A up to",
        ),
        ("dss-softmax", DLR._replace(A=np.stack([DLR.A**0, DLR.A])), ValueError, "share A up to"),
        ("dlr", DSS, TypeError, "takes the form Recurrence; got Paired.*dlr_init"),
        ("dlr", DLR._replace(A=0 * DLR.A), ValueError, r"0 < \|A\| <= 1.*got \|A\| = 0 at index 0"),
        ("dlr", DLR._replace(A=[1, 1, 2, 1] * DLR.A), ValueError, r"0 < \|A\| <= 1.*at index 2"),
        ("dlr", SOFTMAX, ValueError, r"A must be shared by all channels.*at index \(1, 0\)"),
        ("minimal-lru", DLR, TypeError, "takes the form MIMORecurrence; got Recurrence.*lru_init"),
        (
            "minimal-lru",
            LRU._replace(A=LRU.A / np.abs(LRU.A)),
            ValueError,
            r"0 < \|A\| < 1.*got \|A\| = 1 at index 0",
        ),
        (
            "minimal-lru",
            LRU._replace(A=0 * LRU.A),
            ValueError,
            r"0 < \|A\| < 1.*got \|A\| = 0 at index 0",
        ),
        (
            "minimal-lru",
            LRU._replace(D=np.ones((2, 2))),
            ValueError,
            "`D` must be diagonal; got an entry of size 1",
        ),
        (
            "minimal-lru",
            LRU._replace(C=LRU.C[:1], D=LRU.D[:1]),
            ValueError,
            "as many outputs as inputs",
        ),
        ("minimal-lru", LRU._replace(A=np.tile(LRU.A, (3, 1))), ValueError, "no leading axes"),
    ],
)
def test_what_a_layer_cannot_hold_is_refused(target, form, error, sentence):
    with refused(error, sentence):
        to(target, form, LENGTH)


@pytest.mark.parametrize(
    ("target", "change", "sentence"),
    [
        (
            "dss",
            {"kernel.log_dt": np.zeros(2)},
            r"`kernel.log_dt` must have shape \(H, 2\); got \(2,\)",
        ),
        (
            "dss",
            {"kernel.W": np.zeros((2, 2, 4, 2))},
            r"`kernel.W` must have shape \(1, H, N, 2\) with 1 = 1",
        ),
        ("dss", {"kernel.log_dt": np.full((2, 2), 1e4)}, "must be finite"),
        (
            "dss-softmax",
            {"kernel.Lambda": np.full((4, 2), 1e4)},
            r"not grow beyond e\^700 over the length; got e\^",
        ),
        ("minimal-lru", {"gamma_log": np.full(4, 1e4)}, "`B` must be finite"),
    ],
)
def test_arrays_that_no_layer_computes_with_are_refused(target, change, sentence):
    form = {"dss": DSS, "dss-softmax": SOFTMAX, "minimal-lru": LRU}[target]
    arrays = to(target, form, LENGTH) | change
    with refused(ValueError, sentence):
        back(target, arrays, LENGTH)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    ("A", "weight"), [(-1e-300, 1.0), (0.0, 1.0), (-1e300, 1.0), (-1.0, 1e200), (-1e-9, 1.0)]
)
@pytest.mark.parametrize("born", ["continuous", "discrete"])
def test_a_layer_holds_a_mode_or_says_why_not(
    name: str, born: str, A: float, weight: float
) -> None:
    """Of DSS a Lambda of square 0 is one, by which it divides; weights C B overflow."""
    one = np.full((2, 1), weight + 0j)
    form: Any = forms.Paired(np.full((2, 1), A + 0j), one, one, np.zeros(2), np.ones(2))
    if born == "discrete":
        form = forms.Recurrence(np.exp(form.A), one, one, np.zeros(2))
    length = {"length": 16} if TARGETS[name].sized else {}
    said = ""
    arrays = {}
    try:
        arrays = TARGETS[name].to(form, **length)
    except (TypeError, ValueError) as refusal:
        said = str(refusal)
    assert arrays or re.search(r"must |takes the form", said)
    assert all(np.isfinite(array).all() for array in arrays.values())
    if arrays and born == "continuous" and name.startswith("dss"):
        expected = kernel(form, 16)
        off = np.abs(kernel(TARGETS[name].back(arrays, **length), 16) - expected)
        digits = SINGLE * max(1.0, abs(math.log(abs(A) or 1.0)))  # of the logarithm of -Re A
        smallest = float(np.finfo(np.float32).tiny)
        assert off.max() <= 16 * digits * np.abs(expected).max() + smallest
