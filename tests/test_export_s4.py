"""The kernels of state-spaces/s4, written out from their definition, are ours for our arrays."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS
from targets import SINGLE, back, init, refused, to

from ssmlinalg import INITS, audit, checkpoints, convert, export, forms, kernel
from ssmlinalg.export import layers, s4

LENGTH = 33  # odd: no node of the transform is -1, where the published formula is infinite

orders = st.integers(1, 12)
seeds = st.integers(0, 2**16)
halves = st.sampled_from(
    sorted(name for name, make in INITS.items() if type(make(4)) is forms.Paired)
)
RULE: Any = s4.TARGET.rule
RULE_DIAGONAL: Any = s4.TARGET_DIAGONAL.rule


def parameters(arrays):
    """dt (H, 1), A, B, C (H, n) and P (R, H, n) as the layers form them, in double precision."""
    chosen = np.arange(len(arrays["inv_dt"])) % len(arrays["A_real"])
    dt, A_real, A_imag = (
        np.asarray(arrays[name], float) for name in ("inv_dt", "A_real", "A_imag")
    )
    none = np.zeros((0, *arrays["A_real"].shape, 2))
    B, C, P = (
        np.asarray(array, float) @ [1, 1j]
        for array in (arrays["B"], arrays["C"], arrays.get("P", none))
    )
    return np.exp(dt), (-np.exp(A_real) - 1j * A_imag)[chosen], B[0, chosen], C[0], P[:, chosen]


def both(half):
    return np.concatenate([half, half.conj()], -1)


def diagonal_layer(arrays, length):
    """K_l = 2 Re sum C B (e^{dt A} - 1)/A e^{l dt A}."""
    dt, A, B, C, _ = parameters(arrays)
    lags = np.exp((dt * A)[..., None] * np.arange(length))
    return 2 * np.sum((C * B * np.expm1(dt * A) / A)[..., None] * lags, axis=1).real


def dplr_layer(arrays, length):
    """The generating function on the roots of unity: Cauchy sums over both halves, Woodbury's
    identity, inverse transform.
    """
    dt, A, B, C, P = parameters(arrays)
    omega = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    z = 2 * (1 - omega) / (1 + omega)

    def cauchy(row, column):
        """sum_n row_n column_n dt / (z - dt A_n) over n and its conjugates, at every node."""
        return np.sum(both(dt * row * column)[..., None] / (z - both(dt * A)[..., None]), axis=-2)

    left = np.stack([cauchy(C, p) for p in P], -1)[..., None, :]
    right = np.stack([cauchy(q, B) for q in P.conj()], -1)[..., :, None]
    inner = np.stack([np.stack([cauchy(q, p) for p in P], -1) for q in P.conj()], -2)
    correction = (left @ np.linalg.solve(np.eye(len(P)) + inner, right))[..., 0, 0]
    return np.fft.irfft((cauchy(C, B) - correction) * 2 / (1 + omega), n=length)


def tuned(arrays, length):
    """The arrays after the first call at that length: C (I - A_d^L) in place of C, and L beside it.

    Where they have a length L already, its double: C~ (I + A_d^L) and 2 L.
    """
    dt, A, _, C, P = parameters(arrays)
    low_rank = np.einsum("rhn,rhm->hnm", both(P), both(P).conj())
    half = dt[..., None] / 2 * (both(A)[:, :, None] * np.eye(2 * A.shape[-1]) - low_rank)
    one = np.eye(half.shape[-1])
    power = np.linalg.matrix_power(np.linalg.solve(one - half, one + half), length)
    old = int(arrays["l_kernel"])
    tilde = np.einsum("hn,hnm->hm", both(C), one + power if old else one - power)[:, : C.shape[-1]]
    return arrays | {
        "C": np.stack([tilde.real, tilde.imag], -1)[None],
        "l_kernel": np.array(2 * old if old else length),
    }


def size(form):
    """A bound of sum |C| |A_d^l B_d|, the terms of a kernel before they cancel: condition times
    step |C| |B|.
    """
    low_rank = np.sum(np.abs(form.P) ** 2, axis=(-2, -1)) if isinstance(form, forms.DPLR) else 0.0
    largest = np.max(np.abs(form[0]), axis=-1) + low_rank
    weight = np.linalg.norm(form.B, axis=-1) * np.linalg.norm(form.C, axis=-1) * form.step
    return np.max((1 + form.step * largest) ** 2 * weight)


@given(halves, orders, st.integers(1, 3), seeds)
def test_the_diagonal_layer_computes_our_kernel(name, order, width, seed):
    form = init(name, order, channels=width, seed=seed)
    form = form._replace(D=np.zeros(width))  # the kernel of the layer has no direct path
    arrays = to("s4-diag", form)
    found = diagonal_layer(arrays, LENGTH)
    again = kernel(back("s4-diag", arrays), LENGTH, rule=RULE_DIAGONAL)
    scale = np.max(np.sum(np.abs(form.step[:, None] * form.B * form.C), -1))
    assert np.allclose(found, again, rtol=0, atol=64 * EPS * LENGTH * scale)
    turn = 1 + LENGTH * np.max(np.abs(form.step[:, None] * form.A))
    assert np.allclose(found, kernel(form, LENGTH), rtol=0, atol=16 * SINGLE * turn * scale)


@given(orders, st.integers(1, 3), seeds)
def test_the_dplr_layer_computes_our_kernel(order, width, seed):
    form = init("s4", order, channels=width, seed=seed)
    arrays = to("s4", form)
    again = back("s4", arrays)
    found = dplr_layer(tuned(arrays, LENGTH), LENGTH)
    rest = 1 - np.exp(
        -LENGTH * np.min(form.step) / 2
    )  # how far A_d^L is from 1, at the slowest decay 1/2
    assert np.allclose(
        found,
        kernel(again, LENGTH, rule=RULE),
        rtol=0,
        atol=64 * EPS * LENGTH * size(form) / rest,
    )
    allowed = 64 * SINGLE * LENGTH * size(form)
    assert np.allclose(found, kernel(form, LENGTH, rule=RULE), rtol=0, atol=allowed)


@given(halves, st.integers(1, 8), seeds)
def test_the_dplr_layer_holds_a_diagonal_model_with_a_column_of_zeros(name, order, seed):
    form = init(
        name, order, channels=2, seed=seed, **({} if name == "mamba" else {"step": (1e-2, 1e-1)})
    )
    form = form._replace(D=np.zeros(2))
    arrays = to("s4", form)
    assert not np.any(arrays["P"])
    found = dplr_layer(tuned(arrays, LENGTH), LENGTH)
    expected = kernel(form, LENGTH, rule="bilinear")
    rest = 1 - np.exp(-LENGTH * np.min(form.step[:, None] * -form.A.real))
    assume(rest > 1e-2)
    turn = 1 + LENGTH * np.max(np.abs(form.step[:, None] * form.A))
    assert np.allclose(
        found, expected, rtol=0, atol=(16 * SINGLE * turn + 64 * EPS * LENGTH / rest) * size(form)
    )


@pytest.mark.parametrize("doublings", [0, 1, 3])
@given(order=orders, seed=seeds)
def test_back_finds_the_c_that_the_layer_has_turned_into_that_of_its_length(doublings, order, seed):
    form = init("s4", order, channels=2, seed=seed, step=(1e-2, 1e-1))
    there = export.TARGETS["s4"]
    arrays = there.to(form)
    run = tuned(arrays, LENGTH)
    for power in range(doublings):
        run = tuned(run, LENGTH * 2**power)
    assert int(run["l_kernel"]) == LENGTH * 2**doublings
    expected = there.back(arrays)
    found = there.back(run)
    rest = 1 - np.exp(-LENGTH * np.min(form.step) / 2)
    growth = size(form) / np.max(form.step)  # |B| |C| and how A_d may exceed 1 on the way
    assert np.allclose(
        found.C, expected.C, rtol=0, atol=64 * EPS * LENGTH * 2**doublings * growth / rest
    )
    assert np.array_equal(found.Lambda, expected.Lambda)


@given(orders, st.integers(1, 3), seeds)
def test_names_shapes_and_types_are_those_of_the_layers(order, width, seed):
    form = init("s4", order, channels=width, seed=seed)
    n = (order + 1) // 2
    shapes = {
        "inv_dt": (width, 1),
        "A_real": (1, n),
        "A_imag": (1, n),
        "B": (1, 1, n, 2),
        "C": (1, width, n, 2),
    }
    arrays = to("s4", form)
    assert {name: array.shape for name, array in arrays.items()} == shapes | {
        "P": (1, 1, n, 2),
        "l_kernel": (),
    }
    assert {name for name, array in arrays.items() if array.dtype != np.float32} == {"l_kernel"}
    assert arrays["l_kernel"].dtype == np.int64
    assert arrays["l_kernel"] == 0
    assert np.all(arrays["A_imag"] >= 0)
    diagonal = to("s4-diag", init("s4d-lin", order, channels=width, seed=seed))
    assert {name: array.shape for name, array in diagonal.items()} == shapes
    assert np.all(diagonal["A_imag"] >= 0)


@given(st.integers(2, 8), seeds)
def test_channels_that_differ_have_sets_of_their_own(order, seed):
    form = init("s4", order, channels=3, seed=seed)
    scaled = form._replace(Lambda=form.Lambda * np.array([1, 2, 1])[:, None])
    arrays = to("s4", scaled)
    assert len(arrays["A_real"]) == arrays["P"].shape[1] == arrays["B"].shape[1] == 3
    one = [
        to("s4", form._replace(**{name: value[h] for name, value in scaled._asdict().items()}))
        for h in range(3)
    ]
    assert np.array_equal(arrays["A_imag"], np.concatenate([array["A_imag"] for array in one]))
    assert np.array_equal(arrays["P"], np.concatenate([array["P"] for array in one], axis=1))


@given(st.sampled_from([1, 2, 4]), seeds)
def test_sets_are_dealt_to_the_channels_in_turn(sets, seed):
    rng = np.random.default_rng(seed)
    trained = {
        "inv_dt": rng.uniform(-4, -2, (4, 1)),
        "A_real": rng.uniform(-1, 1, (sets, 3)),
        "A_imag": rng.standard_normal((sets, 3)),  # training may carry a mode across the real axis
        "B": rng.standard_normal((1, sets, 3, 2)),
        "C": rng.standard_normal((1, 4, 3, 2)),
        "D": rng.standard_normal((1, 4)),
    }
    expected = diagonal_layer(trained, LENGTH)
    expected[:, 0] += trained["D"][0]
    diagonal = back("s4-diag", trained)
    scale = np.max(np.sum(np.abs(diagonal.B * diagonal.C), axis=-1)) + np.max(np.abs(diagonal.D))
    assert np.allclose(kernel(diagonal, LENGTH), expected, rtol=0, atol=64 * EPS * LENGTH * scale)
    trained |= {"P": rng.standard_normal((2, sets, 3, 2)), "l_kernel": np.array(0)}
    run = tuned(trained, LENGTH)
    expected = dplr_layer(run, LENGTH)
    expected[:, 0] += trained["D"][0]
    for arrays in (trained, run):
        form = back("s4", arrays)
        rest = 1 - np.exp(LENGTH * np.max(form.step[:, None] * form.Lambda.real))
        scale = size(form) + np.max(np.abs(form.D))
        found = kernel(form, LENGTH, rule="bilinear")
        assert np.allclose(found, expected, rtol=0, atol=64 * EPS * LENGTH * scale / rest)


@pytest.mark.parametrize("sets", [1, 3])
@given(st.integers(1, 8), st.integers(1, 3), seeds)
def test_a_trained_layer_is_written_as_it_was_read(sets, n, rank, seed):
    rng = np.random.default_rng(seed)
    trained = {
        "inv_dt": rng.uniform(-4, -2, (3, 1)),
        "A_real": rng.uniform(-1, 1, (sets, n)),
        "A_imag": rng.uniform(0, 9, (sets, n)),
        "B": rng.standard_normal((1, sets, n, 2)),
        "C": rng.standard_normal((1, 3, n, 2)),
        "D": rng.standard_normal((1, 3)),
        "P": rng.standard_normal((rank, sets, n, 2)),
        "l_kernel": np.array(0),
    }
    again = to("s4", back("s4", trained))
    assert again.keys() == trained.keys()
    assert all(
        np.allclose(again[name], array, rtol=SINGLE, atol=4 * EPS)
        for name, array in trained.items()
    )
    del trained["P"], trained["l_kernel"]
    again = to("s4-diag", back("s4-diag", trained))
    assert all(
        np.allclose(again[name], array, rtol=SINGLE, atol=4 * EPS)
        for name, array in trained.items()
    )


@given(st.integers(1, 8), seeds)
def test_only_the_part_of_c_that_is_heard_is_stored(order, seed):
    form = init("s4", order, channels=2, seed=seed)
    rng = np.random.default_rng(seed)
    other = form._replace(C=rng.standard_normal((2, order, 2)) @ [1, 1j])  # no conjugate pairs
    again = back("s4", to("s4", other))
    allowed = 64 * SINGLE * LENGTH * size(other)
    found, expected = (kernel(model, LENGTH, rule="bilinear") for model in (again, other))
    assert np.allclose(found, expected, rtol=0, atol=allowed)


def test_a_model_without_a_correction_has_a_column_of_zeros():
    plain = S4._replace(P=S4.P[..., :0])
    assert np.array_equal(to("s4", plain)["P"], np.zeros((1, 1, 2, 2)))
    found, expected = (kernel(form, 9, rule="bilinear") for form in (s4.back(s4.to(plain)), plain))
    assert np.allclose(found, expected, rtol=0, atol=64 * SINGLE * 9 * size(plain))


def test_c_is_known_to_have_been_drawn_whatever_the_layer_made_of_it():
    arrays = to("s4", init("s4", 8, channels=2, step=0.1))
    drawn = export.TARGETS["s4"].declared["C"].of
    run = tuned(arrays, LENGTH)
    assert np.max(np.abs(run["C"] - arrays["C"])) > 1e-2
    assert np.allclose(
        drawn(run),
        arrays["C"][0],
        rtol=0,
        atol=64 * EPS * LENGTH * np.max(np.abs(arrays["C"])) / (1 - np.exp(-1.65)),
    )


S4 = init("s4", 4, channels=2)
LIN = init("s4d-lin", 4, channels=2)


@pytest.mark.parametrize(
    ("target", "form", "error", "sentence"),
    [
        ("s4", init("s5", 4), TypeError, "takes the forms DPLR and Paired; got MIMO.*s5-pytorch"),
        ("s4", forms.unpair(LIN), TypeError, "got Diagonal.*forms.pair"),
        (
            "s4",
            S4._replace(Lambda=S4.Lambda + 0.5),
            ValueError,
            r"must be negative.*got 0 at index \(0, 0\)",
        ),
        (
            "s4",
            S4._replace(Lambda=S4.Lambda + 1e-3j),
            ValueError,
            "closed under conjugation.*got mode 0 a relative .* away",
        ),
        ("s4", S4._replace(B=1j * S4.B), ValueError, "closed under conjugation"),
        ("s4", S4._replace(D=np.zeros((3, 2))), ValueError, r"one leading axis.*got \(3, 2\)"),
        ("s4", S4._replace(P=1e200 * S4.P), ValueError, "`P` must fit float32"),
        ("s4-diag", S4, TypeError, "takes the form Paired; got DPLR.*'s4'"),
        (
            "s4-diag",
            LIN._replace(A=LIN.A + 0.5),
            ValueError,
            r"must be negative.*got 0 at index \(0, 0\)",
        ),
        ("s4-diag", LIN._replace(C=1e300 * LIN.C), ValueError, "`C` must fit float32"),
    ],
)
def test_what_a_layer_cannot_hold_is_refused(target, form, error, sentence):
    with refused(error, sentence):
        to(target, form)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"l_kernel": np.array(-1)}, "`l_kernel` must be an integer of at least 0; got -1"),
        ({"l_kernel": np.array(4.0)}, "`l_kernel` must hold whole numbers"),
        (
            {
                "inv_dt": np.zeros((3, 1)),
                "C": np.zeros((1, 3, 2, 2)),
                "A_real": np.zeros((2, 2)),
                "A_imag": np.zeros((2, 2)),
                "B": np.zeros((1, 2, 2, 2)),
                "P": np.zeros((1, 2, 2, 2)),
            },
            "S a divisor of H = 3",
        ),
        ({"inv_dt": np.full((2, 1), 1e5)}, "`step` must be finite"),
        (
            {"l_kernel": np.array(7), "inv_dt": np.full((2, 1), -80.0)},
            "I - A\\^L must be invertible",
        ),
        ({"P": None}, "P missing"),
    ],
)
def test_arrays_that_are_not_the_layers_are_refused(change, sentence):
    arrays = to("s4", S4) | change
    with refused(ValueError, sentence):
        back("s4", {name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize("target", ["s4", "s4-diag"])
def test_a_checkpoint_of_the_whole_block_is_found(target):
    form = (S4 if target == "s4" else LIN)._replace(D=np.ones(2))
    arrays = to(target, form)
    shapes = {
        ("layer." if name == "D" else "layer.kernel.") + name: array.shape
        for name, array in arrays.items()
    }
    (layer,) = export.layers(shapes)
    assert (layer.target, layer.prefix) == (target, "layer.kernel.")
    assert layer.names["D"] == "layer.D"


def test_the_catalogue_names_both_layers():
    assert export.TARGETS["s4"] is s4.TARGET
    assert export.TARGETS["s4-diag"] is s4.TARGET_DIAGONAL


def dense_kernel(w, P, B, C, step, length):
    """C A_d^l B_d of diag(w) - P P^* over both halves, sampled by the bilinear rule, and A_d."""
    w, P, B, C = (np.concatenate([x, x.conj()], axis=-1) for x in (w, P, B, C))
    A = np.diag(w) - P.T @ P.conj()
    one = np.eye(len(w))
    A_d = np.linalg.solve(one - step / 2 * A, one + step / 2 * A)
    x = np.linalg.solve(one - step / 2 * A, step * B)
    K = []
    for _ in range(length):
        K.append((C @ x).real)
        x = A_d @ x
    return np.array(K), A_d


def old_layer(target, rng, *, S, H, c, n, L):
    """Arrays of a kernel before version 4, with C~ of length L where L is not 0, and its kernel."""
    real, imag = rng.uniform(-1, 0.5, (S, n)), rng.uniform(0.5, 4, (S, n))
    P, B = (rng.standard_normal((1, S, n, 2)) / 2 for _ in range(2))
    C = rng.standard_normal((c, H, n, 2))
    log_dt = rng.uniform(-3, -1, H)
    parts = np.array([1, 1j])
    kernels = np.zeros((c, H, LENGTH))
    held = np.array(C)
    for one, h in np.ndindex(c, H):
        s = h % S
        w = -np.exp(real[s]) + 1j * imag[s]
        low = (P if "diag" not in target else 0 * P)[:, s] @ parts
        own = C[one, h] @ parts
        K, A_d = dense_kernel(w, low, B[0, s] @ parts, own, np.exp(log_dt[h]), LENGTH)
        kernels[one, h] = K
        if L:
            whole = np.concatenate([own, own.conj()])
            turned = (whole @ (np.eye(2 * n) - np.linalg.matrix_power(A_d, L)))[:n]
            held[one, h] = np.stack([turned.real, turned.imag], axis=-1)
    arrays = {"log_dt": log_dt, "C": held}
    if target == "s4-diag-v3":
        return arrays | {"inv_A_real": real, "A_imag": imag, "B": B[0]}, kernels
    arrays |= {"w_imag": imag, "B": B, "P": P}
    return arrays | {"inv_w_real" if target == "s4-v3" else "log_w_real": real}, kernels


@pytest.mark.parametrize("target", ["s4-v3", "s4-diag-v3", "s4-v2", "s4-v2, omega"])
@given(st.integers(1, 2), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), seeds)
def test_kernels_before_version_4_are_those_of_their_matrices(target, S, copies, c, n, seed):
    """Sets shared by channels, several C's of each, C~ of a length: all by dense matrices."""
    target, _, nodes = target.partition(", ")
    L = 0 if "diag" in target else 24
    arrays, expected = old_layer(
        target, np.random.default_rng(seed), S=S, H=S * copies, c=c, n=n, L=L
    )
    if "diag" not in target:
        arrays |= {"omega": np.zeros((L // 2 + 1, 2))} if nodes else {"L": np.array(L)}
    form = back(target, arrays)
    found = kernel(form, LENGTH, rule="bilinear").reshape(expected.shape)
    # C~ loses the condition number of I - A_d^L, which modes with Re A < -1/3 keep small here.
    size = 1e4 * EPS * LENGTH * (1 + n) ** 2 * np.abs(arrays["C"]).max()
    assert np.max(np.abs(found - expected)) <= size


def test_one_node_says_no_length_and_is_refused():
    """It would be the length 0, which says that C is no C~."""
    arrays = to("s4-v2", S4) | {"omega": np.zeros((1, 2))}
    del arrays["L"]
    with refused(ValueError, "`omega` must have shape .* with l of at least 2"):
        back("s4-v2", arrays)


@pytest.mark.parametrize(
    ("target", "real", "sets"),
    [
        ("s4-v3", "inv_w_real", ("w_imag", "B", "P")),
        ("s4-v2", "log_w_real", ("w_imag", "B", "P")),
        ("s4-diag-v3", "inv_A_real", ("A_imag", "B")),
    ],
)
def test_errors_of_old_layers_name_their_own_arrays(target, real, sets):
    arrays = to(target, LIN)
    if "L" in arrays:
        with refused(ValueError, "`L` must be an integer of at least 0; got -5"):
            back(target, arrays | {"L": np.array(-5)})
    first = np.zeros(len(arrays["log_dt"]) + 1, int)  # one set more than there are channels
    more = {
        name: np.take(arrays[name], first, axis=arrays[name].ndim - 2 - (arrays[name].ndim > 2))
        for name in (real, *sets)
    }
    with refused(ValueError, f"`{real}` must have shape .* from `log_dt`"):
        back(target, arrays | more)


def test_parts_of_modes_of_two_shapes_are_refused():
    arrays = to("ssm", LIN)
    change = {"Paired.frequency": np.broadcast_to(arrays["Paired.frequency"], (2, 2))[:1]}
    log_decay = np.broadcast_to(arrays["Paired.log_decay"], (2, 2))
    with refused(ValueError, r"`Paired.frequency` must have shape .*`Paired.log_decay`"):
        back("ssm", arrays | {"Paired.log_decay": log_decay} | change)


def test_version_2_without_its_length_is_refused():
    arrays = to("s4-v2", S4)
    del arrays["L"]
    with refused(ValueError, "must have L or omega.* Add L, 0"):
        back("s4-v2", arrays)


@pytest.mark.parametrize(("target", "d"), [("s4", 2), ("s4", 1), ("s4-diag", 2), ("s4-diag", 1)])
def test_several_cs_of_a_channel_are_channels(target, d):
    """All channels with the first C, then all with the second; a bidirectional layer has D once."""
    first, second = (init("s4d-lin", 8, channels=3, seed=seed, step=0.1) for seed in (1, 2))
    held, other = (to(target, form) for form in (first, second))
    D = np.arange(1.0, 1 + 3 * d).reshape(d, 3).astype(np.float32)
    both = held | {"C": np.concatenate([held["C"], other["C"]]), "D": D}
    found = kernel(back(target, both), LENGTH)
    expected = [kernel(back(target, arrays), LENGTH) for arrays in (held, other)]
    expected[0][:, 0] += D[0]
    if d == 2:
        expected[1][:, 0] += D[1]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=0, atol=1e3 * EPS)
    with refused(ValueError, "d = c or c/2, where c = 2"):
        back(target, both | {"D": np.zeros((3, 3), np.float32)})


def test_the_direct_path_of_old_layers_stands_above_both_kernels():
    arrays = {f"layer.kernel.kernel.{name}": x.shape for name, x in to("s4-v3", S4).items()}
    (found,) = layers(arrays | {"layer.D": (1, 2)})
    assert (found.target, found.names["D"]) == ("s4-v3", "layer.D")


# What torch makes of the trained numbers, as `param_transform` of the layer does.
PUBLISHED: dict[str, Any] = {
    "exp": torch.exp,
    "softplus": torch.nn.functional.softplus,
    "sigmoid": torch.sigmoid,
    "relu": lambda x: torch.nn.functional.relu(x) + 1e-4,
    "none": lambda x: x,
}
choices = st.sampled_from(sorted(PUBLISHED))


def chosen(target: str, dt: str, real: str, imag: str) -> str:
    return f"{target}:dt_transform={dt},real_transform={real},imag_transform={imag}"


@given(st.sampled_from(["s4", "s4-diag"]), choices, choices, choices, orders, seeds)
def test_a_layer_with_other_transforms_has_the_kernel_of_the_form(
    target, dt, real, imag, order, seed
):
    """Every choice, for modes that it reaches; the layer's own definitions say what they are."""
    rng = np.random.default_rng(seed)
    A = -rng.uniform(0.01, 0.9, (2, order)) - 1j * rng.uniform(0.01, 0.9, (2, order))
    B, C = (rng.standard_normal((2, order)) + 1j * rng.standard_normal((2, order)) for _ in "BC")
    form = forms.Paired(A, B, C, np.zeros(2), rng.uniform(1e-3, 0.1, 2))
    name = chosen(target, dt, real, imag)
    arrays = to(name, form)
    layer = {
        key: np.log(PUBLISHED[how](torch.tensor(arrays[key].astype(float))).numpy())
        for key, how in (("inv_dt", dt), ("A_real", real))
    }
    layer["A_imag"] = PUBLISHED[imag](torch.tensor(arrays["A_imag"].astype(float))).numpy()
    if target == "s4":
        computed = dplr_layer(tuned(arrays | layer, LENGTH), LENGTH)
    else:
        computed = diagonal_layer(arrays | layer, LENGTH)
    rule = RULE if target == "s4" else RULE_DIAGONAL
    ours = kernel(back(name, arrays), LENGTH, rule=rule)
    scale = np.max(np.sum(np.abs(form.step[:, None] * B * C), -1))
    assert np.max(np.abs(computed - ours)) <= 1024 * EPS * LENGTH * order * scale
    error = np.max(np.abs(ours - kernel(form, LENGTH, rule=rule)))
    # A trained number x is held to |x| eps: 7 of a logarithm of a step.
    assert error <= 64 * SINGLE * LENGTH * scale


def test_what_a_transform_does_not_reach_is_refused():
    form = init("s4d-lin", 4, channels=2)
    for name, sentence in (
        ("s4-diag:imag_transform=exp", r"abs\(Im A\) must lie between 0 and inf.*got 0 at index"),
        ("s4-diag:imag_transform=sigmoid", r"abs\(Im A\) must lie between 0 and 1"),
    ):
        with refused(ValueError, sentence):
            to(name, form)
    with refused(ValueError, "-Re A must lie between 0.0001 and inf"):
        to("s4-diag:real_transform=relu", form._replace(A=form.A + 0.49995))
    lossless = init("s4", 6, measure="legt", channels=2)  # of real part 0, which exp has not
    with refused(ValueError, "Re A must be negative"):
        to("s4", lossless)
    name = "s4:real_transform=none"
    found = back(name, to(name, lossless))
    assert np.allclose(found.Lambda.real, 0, atol=SINGLE)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("s4:dt=softplus", "`option of s4` must be one of dt_transform, real_transform, "),
        ("s4:", "`option of s4` must be one of "),
        ("s4:dt_transform=log", "`dt_transform` must be one of exp, softplus, sigmoid, "),
        ("s4-diag:dt_transform=exp,real_transform", "`real_transform` must be one of exp, "),
        ("s4:dt_transform=exp,dt_transform=none", "`target` must give each option once; got "),
        (
            "s4d:dt_transform=exp",
            "`target` must be 's4d' alone, for the layer has no options; got ",
        ),
        ("s5:", "`target` must be 's5' alone"),
        (":", "`target` must be one of s4, "),
    ],
)
def test_options_that_a_layer_has_not_are_no_target(name, sentence):
    assert name not in export.TARGETS
    with pytest.raises(KeyError):
        export.TARGETS[name]
    with refused(ValueError, sentence):
        export.save("x.safetensors", init("s4d-lin", 4), name)


def transforms(arrays):
    found = audit.audit(arrays, target="s4-diag").findings
    return [finding for finding in found if finding.kind == "transform"]


@pytest.mark.parametrize("how", ["softplus", "sigmoid", "relu", "none"])
def test_an_audit_tells_a_layer_that_is_read_by_the_wrong_transform(how):
    """By the right one it finds nothing; S4D-Inv has a real part of 1/2 by all of them."""
    form = init("s4d-inv", 16, channels=40)
    name = f"s4-diag:real_transform={how}"
    arrays = to(name, form)
    assert not audit.audit(arrays, target=name).findings
    (found,) = transforms(arrays)
    assert found.array == "A_real"
    assert name in found.message
    assert "s4d-inv" in found.message


def test_an_audit_tells_steps_from_their_logarithms():
    arrays = to("s4-diag:dt_transform=none", init("s4d-inv", 16, channels=40))
    (found,) = transforms(arrays)
    assert found.message.endswith("Read it as 's4-diag:dt_transform=none'.")


def test_a_file_remembers_its_transforms_and_is_converted_audited_and_read_by_them(tmp_path):
    name = "s4-diag:dt_transform=softplus,real_transform=none"
    form = init("s4d-lin", 8, channels=40)
    path = tmp_path / "layer.safetensors"
    export.save(path, form, name)
    held, told = export.load(path)
    assert told["target"] == name
    assert np.allclose(held.step, form.step, rtol=4 * SINGLE, atol=0)
    found = audit.audit(path)
    assert found.layers[0].target == name
    assert not found.findings, found.findings
    again = convert(path, "s4-diag")
    assert np.allclose(np.exp(again.arrays["inv_dt"][:, 0]), form.step, rtol=32 * SINGLE)
    same = convert(again.arrays, name, source_target="s4-diag")
    arrays = checkpoints.read(path)[0]
    assert np.allclose(same.arrays["inv_dt"], arrays["inv_dt"].read(), rtol=1e-4)
