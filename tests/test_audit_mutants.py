"""Each mistake that people make with a layer is a finding, under its own name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from audited import (
    STEPPED,
    accused,
    healthy,
    kinds,
    laws,
    look,
    message,
    seeds,
    stepped,
)
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import inits
from ssmlinalg.audit.stored_precision import representable
from ssmlinalg.export import TARGETS
from ssmlinalg.ground.formats import FORMATS


@pytest.mark.parametrize("target", STEPPED)
@given(data=st.data())
@laws
def test_steps_of_ones_are_found(target, data):
    arrays = data.draw(healthy(target, 4))
    name = stepped(target)
    found = look(arrays | {name: np.ones_like(arrays[name])}, target)
    assert name in accused(found, "constant")


@pytest.mark.parametrize("target", ["mamba", "falcon-mamba"])
@given(st.integers(1, 16), st.integers(64, 256), st.integers(4, 64), seeds)
@laws
def test_a_bias_that_torch_drew_again_is_found(target, order, channels, rank, seed):
    arrays = TARGETS[target].to(inits.mamba_init(order, channels=channels, seed=seed))
    torch.manual_seed(seed % 2**31)
    linear = torch.nn.Linear(rank, channels)
    arrays |= {
        "dt_proj.weight": linear.weight.detach().numpy(),
        "dt_proj.bias": linear.bias.detach().numpy(),
    }
    found = look(arrays, target)
    assert accused(found, "reinitialized") == {"dt_proj.bias"}
    assert accused(found, "interval") >= {"dt_proj.bias"}


SIGNED = {
    "s4d": "log_A_real",
    "mamba": "A_log",
    "mamba2": "A_log",
    "s5-pytorch": "seq.Lambda",
    "s5": "Lambda_re",
    "s5-full": "Lambda_re",
    "dss": "kernel.Lambda_log_neg_re",
}


@pytest.mark.parametrize("target", SIGNED)
@given(data=st.data())
@laws
def test_a_sign_that_was_turned_is_found(target, data):
    """The A of Mamba-2 is drawn, and all modes of a channel are one: no spectrum shows its sign."""
    name = SIGNED[target]
    arrays = data.draw(healthy(target, 3, without=("mamba2",)))
    found = look(arrays | {name: -arrays[name]}, target)
    assert accused(found, "sign") == {name}, found


CLIPPED = {"s5-pytorch": "seq.B", "s5": "B", "s5-full": "B", "annotated-s4": "B"}


@pytest.mark.parametrize("target", CLIPPED)
@given(data=st.data())
@laws
def test_imaginary_parts_of_b_that_were_cut_are_found(target, data):
    name = CLIPPED[target]
    arrays = data.draw(healthy(target, 10))
    B: Any = np.array(arrays[name])
    imag = B[..., 1] if B.shape[-1] == 2 else B.imag if np.iscomplexobj(B) else B
    imag[...] = np.random.default_rng(data.draw(seeds)).standard_normal(imag.shape)
    bound = np.quantile(np.abs(imag), 0.4).astype(np.float32)
    imag[...] = np.clip(imag, -bound, bound)
    assert "clipped" in kinds(look(arrays | {name: B}, target))


def test_imaginary_parts_of_b_of_one_size_were_not_cut():
    """Nothing smaller stands beside them, which a cut would have left."""
    form = inits.s5_init(8, channels=5)
    B = form.B.real + 0.5j * np.sign(form.B.imag)
    assert "clipped" not in kinds(look(TARGETS["s5"].to(form._replace(B=B)), "s5"))


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@laws
def test_values_that_went_through_sixteen_bits_are_found(target, data):
    arrays = data.draw(healthy(target, 6))
    many = [
        name
        for name, array in arrays.items()
        if array.dtype.kind in "fc" and fractions(array) >= 16
    ]
    if not many:
        return
    name = data.draw(st.sampled_from(many))
    array = arrays[name]
    short = data.draw(st.sampled_from([through_half, through_brain]))
    if array.dtype.kind == "c":
        rounded = (short(array.real) + 1j * short(array.imag)).astype(array.dtype)
    else:
        rounded = short(array).astype(array.dtype)
    if not np.all(np.isfinite(rounded)) or fractions(rounded) < 8:
        return
    found = look(arrays | {name: rounded}, target)
    assert accused(found, "sixteen-bit") == {name}


def fractions(array: np.ndarray) -> int:
    values = np.unique([np.real(array), np.imag(array)])
    return int(np.count_nonzero(values != np.round(values)))


def through_half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(np.float16).astype(array.dtype)


def through_brain(array: np.ndarray) -> np.ndarray:
    return torch.tensor(np.ascontiguousarray(array)).to(torch.bfloat16).to(torch.float32).numpy()


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
@given(st.floats(-1e5, 1e5, width=32), st.integers(-160, 10))
def test_the_numbers_of_a_format_are_those_that_it_leaves_as_they_are(name, mantissa, exponent):
    value = np.float32(math.ldexp(mantissa, exponent))
    held = torch.tensor(value).to(getattr(torch, name))
    cast = held.to(torch.float32).numpy()
    assert representable(np.array([cast]), FORMATS[name]) == bool(np.isfinite(cast))
    assert representable(np.array([value]), FORMATS[name]) == bool(value == cast)


@given(data=st.data())
@laws
def test_both_halves_in_a_layout_of_one_are_found(data):
    pairs = data.draw(st.integers(1, 9))
    arrays = TARGETS["s4d"].to(inits.s4d_inv_init(2 * pairs, channels=4, seed=data.draw(seeds)))
    twice = {
        name: np.concatenate([arrays[name]] * 2, axis=1) for name in ("C", "log_A_real", "A_imag")
    }
    n = arrays["A_imag"].shape[1]
    twice["A_imag"][:, n:] *= -1
    twice["C"][:, n:, 1] *= -1
    assert "both-halves" in kinds(look(twice | {"log_dt": arrays["log_dt"]}, "s4d"))


@given(st.integers(1, 9), st.integers(2, 5), seeds)
@laws
def test_a_wrong_conj_sym_is_found_both_ways(pairs, width, seed):
    form = inits.s5_init(2 * pairs, channels=width, seed=seed)
    half = TARGETS["s5"].to(form)
    full = TARGETS["s5-full"].to(form)
    assert not look(half, "s5").findings
    assert not look(full, "s5-full").findings
    assert "both-halves" in kinds(look(full, "s5"))
    assert "one-half" in kinds(look(half, "s5-full"))


@pytest.mark.parametrize("target", ["s5-pytorch", "s5-full"])
@given(st.integers(3, 9), seeds)
@laws
def test_a_mode_that_lost_its_conjugate_is_found(target, pairs, seed):
    arrays = TARGETS[target].to(inits.s5_init(2 * pairs, channels=4, seed=seed))
    name = {"s5-pytorch": "seq.Lambda", "s5-full": "Lambda_im"}[target]
    bent = np.array(arrays[name])
    bent[0] *= 1.5
    assert {"unpaired", "changed"} <= kinds(look(arrays | {name: bent}, target))


@pytest.mark.parametrize("target", ["mamba", "s4d"])
@given(st.integers(2, 12), st.integers(2, 12), seeds)
@laws
def test_a_transposed_a_is_found_square_or_not(target, order, channels, seed):
    make = inits.mamba_init if target == "mamba" else inits.s4d_real_init
    arrays = TARGETS[target].to(make(order, channels=channels, seed=seed))
    names = [name for name in ("A_log", "log_A_real", "A_imag") if name in arrays]
    found = look(arrays | {name: arrays[name].T for name in names}, target)
    assert accused(found, "transposed") == {names[0]}


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@laws
def test_a_nan_is_found_where_it_is(target, data):
    arrays = data.draw(healthy(target))
    numbers = [name for name, array in arrays.items() if array.dtype.kind in "fc" and array.size]
    name = data.draw(st.sampled_from(numbers))
    where = tuple(data.draw(st.integers(0, size - 1)) for size in arrays[name].shape)
    value = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    broken = np.array(arrays[name])
    broken[where] = value
    found = look(arrays | {name: broken}, target)
    assert accused(found, "nonfinite") == {name}
    assert str(tuple(where)) in message(found, "nonfinite")


ZEROED = {
    "s4d": "C log_dt",
    "s5-pytorch": "seq.B seq.C seq.D seq.log_step",
    "s5": "B C D log_step",
    "s5-full": "B C D log_step",
    "annotated-s4d": "C log_step",
    "dss": "kernel.W kernel.log_dt",
    "dss-softmax": "kernel.W kernel.log_dt",
    "dlr": "kernel.W",
    "minimal-lru": "B_re B_im C_re C_im D",
    "mamba": "dt_proj.bias D",
    "falcon-mamba": "dt_proj.bias D",
    "mamba2": "dt_bias D",
}


@pytest.mark.parametrize("target", ZEROED)
@given(data=st.data())
@laws
def test_an_array_of_zeros_is_found(target, data):
    arrays = data.draw(healthy(target, 3))
    name = data.draw(st.sampled_from(ZEROED[target].split()))
    found = look(arrays | {name: np.zeros_like(arrays[name])}, target)
    assert name in accused(found, "zero"), found.findings


@pytest.mark.parametrize(
    ("target", "name"), [("s4d", "A_imag"), ("s4d", "log_A_real"), ("mamba", "A_log")]
)
@given(data=st.data())
@laws
def test_one_channel_that_was_changed_is_found_and_named(target, name, data):
    make: Any = inits.INITS["s4d-inv" if target == "s4d" else target]
    arrays = TARGETS[target].to(make(8, channels=24, seed=data.draw(seeds)))
    which = data.draw(st.integers(0, 23))
    bent = np.array(arrays[name])
    bent[which] = 1.3 * bent[which] + 0.1
    found = look(arrays | {name: bent}, target)
    assert "changed" in kinds(found)
    assert found.layers[0].identified.deviating == (which,)


@pytest.mark.parametrize("target", STEPPED)
@given(data=st.data())
@laws
def test_steps_of_another_interval_are_found(target, data):
    arrays = data.draw(healthy(target, 4))
    name = stepped(target)
    found = look(arrays | {name: arrays[name] + np.float32(5)}, target)
    if found.layers[0].fresh:
        assert accused(found, "interval") == {name}


@given(st.integers(2, 9), st.sampled_from(["s4d-lin", "s4d-inv", "s4d-legs", "ptd"]), seeds)
@laws
def test_another_initialization_than_the_one_expected_is_found(pairs, name, seed):
    arrays = TARGETS["s4d"].to(inits.INITS[name](2 * pairs, channels=3, seed=seed))
    for expected in ("s4d-lin", "s4d-inv", "s4d-legs", "ptd", "lru"):
        found = look(arrays, "s4d", expect=expected)
        assert kinds(found) == (set() if expected == name else {"unexpected"})


@given(st.sampled_from(["s4d", "mamba"]), st.floats(89, 1e4), seeds)
@laws
def test_a_logarithm_without_an_exponential_is_found(target, value, seed):
    name = {"s4d": "log_A_real", "mamba": "A_log"}[target]
    arrays = TARGETS[target].to(inits.mamba_init(5, channels=4, seed=seed))
    arrays[name][2, 3] = value
    found = look(arrays, target)
    assert accused(found, "overflow") == {name}
    assert "(2, 3)" in message(found, "overflow")


@given(st.integers(3, 9), seeds)
@laws
def test_a_mode_that_grows_is_found(pairs, seed):
    arrays = TARGETS["s5-pytorch"].to(inits.s5_init(2 * pairs, channels=3, seed=seed))
    for index in (0, pairs):
        arrays["seq.Lambda"][index] += 1
    found = look(arrays, "s5-pytorch")
    assert {"unstable", "changed"} <= kinds(found)
    assert "0.5" in message(found, "unstable")
