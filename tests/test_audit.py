"""A sound layer has no findings, and each mistake people make has one, under its own name."""

from __future__ import annotations

import html
import importlib.util
import math
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SOURCES
from test_report import SCREENS, browser, opened  # noqa: F401 (a fixture)

from ssmlinalg import export, inits, report
from ssmlinalg.audit import ALARM, CHECKS, audit
from ssmlinalg.audit.declared_laws import draws_of
from ssmlinalg.audit.kolmogorov_smirnov import kolmogorov
from ssmlinalg.audit.spectrum_checks import stores_halves
from ssmlinalg.audit.stored_precision import representable
from ssmlinalg.export import TARGETS
from ssmlinalg.ground.formats import FORMATS
from ssmlinalg.perturb import Diagonalization

LENGTH = 64
EPS = float(np.finfo(np.float32).eps)  # of the arrays that most layers hold
PAGE = Path(__file__).parent.parent / "docs" / "audit.md"
laws = settings(max_examples=150 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 4)
seeds = st.integers(0, 2**32 - 1)
# The initializations that draw as these targets declare; what others sample is not drawn.
OWN = {"dss-softmax": "dss-softmax", "dlr": "dlr", "minimal-lru": "lru", "s4": "s4"}
# A that is drawn, or other in each channel, is no formula to a layer whose channels share one A;
# two are wrong on purpose.
UNKNOWN = re.compile(r"s4d-legs-clipped|mamba, one mode|(s4d-rand|s4d-dfout)")


@cache
def small(name: str) -> Any:
    return SOURCES[name](4, 2, 0)[0]


@cache
def sources(target: str) -> list[str]:
    """The names of what its own kind of layer starts from, of all there is to export to it."""
    there = TARGETS[target]
    names = []
    for name in SOURCES:
        try:
            made = small(name)
            if type(made) is there.takes[0] or isinstance(made, Diagonalization):
                there.to(made, **options(target))
                own = OWN.get(target, name) == name
                names += [name] * (own and not UNKNOWN.search(name) and type(made) in there.takes)
        except (TypeError, ValueError):
            continue
    return names


def options(target: str) -> dict[str, int]:
    return {"length": LENGTH} if TARGETS[target].sized else {}


@st.composite
def healthy(
    draw: Any, target: str, least: int = 2, *, channels: int | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a layer as our inits fill it."""
    if target == "mamba2":  # one mode for each head, and the spectrum across the heads
        form: Any = inits.mamba_init(
            1,
            channels=draw(st.integers(12, 40)) if channels is None else channels,
            seed=draw(seeds),
        )
        return TARGETS[target].to(form._replace(A=-1.0 - np.arange(len(form.A))[:, None]))
    name = draw(st.sampled_from(sources(target)))
    order = draw(st.integers(least, 12))
    width = draw(st.integers(12, 40)) if channels is None else channels
    try:
        made = SOURCES[name](order, width, draw(seeds))[0]
        return TARGETS[target].to(made, **options(target))
    except ValueError:  # an even order, or another that the layer has no place for
        return draw(healthy(target, least, channels=channels))


def look(arrays: Any, target: str, **more: Any) -> Any:
    return audit(arrays, target=target, length=LENGTH, **more)


def kinds(found: Any) -> set[str]:
    return {finding.kind for finding in found.findings}


def accused(found: Any, kind: str) -> set[str]:
    return {finding.array for finding in found.findings if finding.kind == kind}


def message(found: Any, kind: str) -> str:
    """The sentence of the first finding of a kind."""
    return next(finding.message for finding in found.findings if finding.kind == kind)


def stepped(target: str) -> str:
    """The array that holds the steps of a target."""
    return next(
        name
        for name in TARGETS[target].layout
        if re.search(r"(log_dt|inv_dt|log_step|dt_bias|dt_proj\.bias)$", name)
    )


STEPPED = [name for name, there in TARGETS.items() if "log step" in there.declared]
HALVES = [name for name in TARGETS if stores_halves(name)]


# sound layers


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@laws
def test_a_layer_that_our_inits_filled_has_no_findings(target, data):
    arrays = data.draw(healthy(target, 1))
    found = look(arrays, target)
    assert found.findings == []
    assert len(found.layers) == 1
    if TARGETS[target].declared:
        assert all(0 <= fit.p <= 1 and fit.statistic >= 0 for fit in found.layers[0].tests)


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@laws
def test_what_was_trained_is_no_finding(target, data):
    """Every array moved a little by a gradient: A is no initialization, and laws no promise."""
    arrays = data.draw(healthy(target, 2))
    rng = np.random.default_rng(data.draw(seeds))

    def moved(array):
        noise = rng.standard_normal(array.shape)
        shift = 0.01 * noise if np.isrealobj(array) else 0
        return (array * (1 + 0.03 * noise) + shift).astype(array.dtype)

    trained = {
        name: array if array.dtype.kind == "i" else moved(array) for name, array in arrays.items()
    }
    found = look(trained, target)
    seen = found.layers[0].identified
    # What is drawn and moved a little may have its law still; where nothing keeps A stable it may
    # not be.
    drawn = {"law", "interval"} if seen.exact else set()
    assert kinds(found) <= {"unstable", "unreadable"} | drawn, found.findings
    assert not seen.exact or seen.names[0] in ("s4d-rand", "lru", "dlr")


@pytest.mark.parametrize(
    "name", ["s4d-lin", "s4d-inv", "s4d-legs", "s4d-real", "ptd", "s4d-dfout", "dss"]
)
@given(order=st.integers(2, 24), channels=st.integers(1, 9), seed=seeds)
@laws
def test_an_initialization_is_recognized_and_its_order_does_not_matter(name, order, channels, seed):
    form: Any = inits.INITS[name](order, channels=channels, seed=seed)
    arrays = TARGETS["s4d"].to(form)
    shuffle = np.random.default_rng(seed).permutation(form.A.shape[-1])
    turned = {key: arrays[key][:, shuffle] for key in ("C", "log_A_real", "A_imag")}
    turned["log_dt"] = arrays["log_dt"]
    turned["A_imag"] = -turned["A_imag"]  # the lower half
    for held in (arrays, turned):
        found = look(held, "s4d").layers[0].identified
        assert found.exact
        assert name in found.names
        assert found.distance <= found.allowed <= 64 * EPS
        assert np.max(np.abs(found.A - found.A0)) <= found.allowed * np.max(np.abs(found.A0))


@given(st.integers(2, 12), st.integers(2, 9), st.floats(1e-4, 1e-2), seeds)
@laws
def test_the_distance_is_that_of_the_worst_mode_over_the_largest(order, channels, size, seed):
    form: Any = inits.s4d_inv_init(2 * order, channels=channels, seed=seed)
    rng = np.random.default_rng(seed)
    shift = size * np.max(np.abs(form.A)) * np.exp(2j * math.pi * rng.uniform(size=form.A.shape))
    shift = np.where(form.A.real + shift.real < -0.01, shift, shift.imag * 1j)
    moved = form._replace(A=form.A + 0.1 * shift)
    found = look(TARGETS["s4d"].to(moved), "s4d").layers[0].identified
    expected = np.max(np.abs(0.1 * shift)) / np.max(np.abs(form.A))
    # Folded back into the upper half plane and sorted a mode may be matched to a nearer one, never
    # to a farther.
    assert found.distances["s4d-inv"] <= expected + 16 * EPS


@given(st.integers(8, 40), seeds)
@laws
def test_drawn_spectra_are_recognized_by_their_law(order, seed):
    rand = look(TARGETS["s4d"].to(inits.s4d_rand_init(2 * order, channels=3, seed=seed)), "s4d")
    assert rand.layers[0].identified.names == ("s4d-rand",)
    ring = inits.lru_init(order, channels=3, r_min=0.3, r_max=0.95, seed=seed)
    lru = look(TARGETS["minimal-lru"].to(ring), "minimal-lru")
    assert lru.layers[0].identified.names == ("lru",)
    dlr = look(TARGETS["dlr"].to(inits.dlr_init(order, channels=3, seed=seed)), "dlr")
    assert dlr.layers[0].identified.names == ("dlr",)


@given(st.sampled_from(["s4d", "mamba", "dss"]), st.data())
@laws
def test_storing_in_sixteen_bits_is_no_rounding_on_the_way(target, data):
    arrays = data.draw(healthy(target, 2))
    for dtype in (torch.float16, torch.bfloat16):
        found = look(
            {name: torch.tensor(array).to(dtype) for name, array in arrays.items()}, target
        )
        assert kinds(found) <= {"changed"}, found.findings
        assert found.layers[0].identified.agrees > 0.5


# mutants


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
    name = SIGNED[target]
    arrays = data.draw(healthy(target, 3))
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


# where there is no layer, or half of one


def test_a_missing_name_is_told_with_the_nearest_there_is():
    arrays = TARGETS["s4d"].to(inits.s4d_lin_init(8, channels=4))
    renamed = {
        f"net.kernel.{name.replace('log_dt', 'log_dT')}": array for name, array in arrays.items()
    }
    (finding,) = look(renamed, "s4d").findings
    assert finding.kind == "unreadable"
    assert finding.layer == "net.kernel."
    assert "log_dt missing" in finding.message
    assert "Is 'net.kernel.log_dT' meant to be 'log_dt'?" in finding.message


ZEROS = {"a.weight": np.zeros(3)}


@pytest.mark.parametrize(
    ("source", "options", "error", "sentence"),
    [
        (ZEROS, {}, ValueError, "must be those of a layer"),
        ({}, {}, ValueError, "got none"),
        (ZEROS, {"target": "mambo"}, ValueError, "`target` must be .*Did you mean 'mamba'"),
        (ZEROS, {"expect": "s4d-lim"}, ValueError, "`expect` must be .*Did you mean 's4d-lin'"),
        (ZEROS, {"length": 0}, ValueError, "`length` must be an integer of at least 1"),
        (7, {}, TypeError, "`source` must be a path or arrays by name; got int"),
    ],
)
def test_what_cannot_be_audited_is_refused(source, options, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        audit(source, **options)
    assert re.fullmatch(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]", str(caught.value))


def test_every_layer_of_a_file_is_seen_and_the_file_is_left_alone(tmp_path):
    path = tmp_path / "model.safetensors"
    export.save(path, inits.s4d_lin_init(16, channels=20), "s4d")
    before = path.read_bytes()
    found = audit(path, target="s4d", expect="s4d-lin")
    assert found.findings == []
    assert found.layers[0].identified.names == ("s4d-lin",)
    assert path.read_bytes() == before
    arrays = {}
    for place, name in enumerate(("s4d-lin", "s4d-inv", "s4d-legs")):
        one = TARGETS["s4d"].to(inits.INITS[name](8, channels=20, seed=place))
        arrays |= {f"layers.{place}.kernel.{key}": array for key, array in one.items()}
    arrays["layers.1.kernel.log_dt"] = np.ones(20, np.float32)
    arrays["step"] = 3
    found = audit(arrays, target="s4d")
    assert [layer.identified.names[0] for layer in found.layers] == [
        "s4d-lin",
        "s4d-inv",
        "s4d-legs",
    ]
    assert {finding.layer for finding in found.findings} == {"layers.1.kernel."}


def test_what_torch_holds_is_audited_like_what_numpy_holds():
    arrays = TARGETS["s4d"].to(inits.s4d_lin_init(16, channels=20))
    state = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in arrays.items()}
    assert (
        audit(state, target="s4d").layers[0].tests[0].p
        == audit(arrays, target="s4d").layers[0].tests[0].p
    )


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e5m2"])
def test_formats_that_numpy_lacks_are_read_as_their_values(library, dtype):
    arrays = TARGETS["s4d"].to(inits.s4d_lin_init(16, channels=20))
    tensors = {
        name: torch.tensor(array).to(getattr(torch, dtype)) for name, array in arrays.items()
    }
    values = {name: tensor.to(torch.float32).numpy() for name, tensor in tensors.items()}
    if library == "jax":
        tensors = {name: jnp.asarray(array, dtype) for name, array in values.items()}
    found = look(tensors, "s4d").layers[0]
    expected = look(values, "s4d").layers[0]
    assert np.array_equal(found.identified.A, expected.identified.A)
    assert [fit.extremes for fit in found.tests] == [fit.extremes for fit in expected.tests]


@given(st.integers(40, 400), seeds)
@laws
def test_the_p_values_are_those_of_scipy(channels, seed):
    from scipy import stats

    arrays = TARGETS["s4d"].to(inits.s4d_lin_init(4, channels=channels, seed=seed))
    fit = look(arrays, "s4d").layers[0].tests[0]
    exact = stats.kstest(arrays["log_dt"].astype(float), "uniform", fit.parameters, method="exact")
    # Draws at an end of the law that single precision moved are put back on it.
    assert fit.statistic == pytest.approx(exact.statistic, rel=8 * EPS)
    assert fit.p == pytest.approx(exact.pvalue, rel=8 * EPS * channels)


@pytest.mark.parametrize("target", [name for name in TARGETS if TARGETS[name].declared])
def test_draws_are_computed_in_double_precision(target):
    names = [*sources(target), "mamba, one mode"]  # which is for mamba2
    arrays = TARGETS[target].to(small(names[0]), **options(target))
    for declared in TARGETS[target].declared.values():
        draws = draws_of(declared, arrays)
        assert draws is None or draws.values.dtype == np.float64


@given(st.integers(1, 30), seeds)
@laws
def test_copies_are_no_draws(times, seed):
    """A step that each of a pair of conjugates has counts once."""
    draws = np.random.default_rng(seed).uniform(size=40)
    once = kolmogorov(draws, "uniform", (0.0, 1.0))
    again = kolmogorov(np.repeat(draws, times), "uniform", (0.0, 1.0))
    double = float(np.finfo(np.float64).eps)
    assert again == pytest.approx(once, rel=64 * double * draws.size)


def test_the_chance_of_a_false_alarm_is_shared_by_all_laws():
    arrays = TARGETS["s4d"].to(inits.s4d_lin_init(8, channels=30))
    many = {f"{place}.{name}": array for place in range(9) for name, array in arrays.items()}
    layers = export.layers({name: array.shape for name, array in many.items()}, "s4d")
    assert sum(len(TARGETS[layer.target].declared) for layer in layers) == 27
    assert ALARM == 1e-4


# what other packages make

# In a process of its own: importing transformers takes long and warns.
BUILD = """
import sys, warnings
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
folder, package = sys.argv[1:]
if package == "transformers":
    from transformers import FalconMambaConfig, FalconMambaModel, Mamba2Config, Mamba2Model
    from transformers import MambaConfig, MambaModel
    from transformers.models.mamba.modeling_mamba import MambaMixer
    small = dict(hidden_size=64, state_size=16, num_hidden_layers=2, vocab_size=64)
    heads = dict(num_heads=16, head_dim=8, expand=2, n_groups=1)
    MambaModel(MambaConfig(**small)).save_pretrained(folder + "/mamba")
    FalconMambaModel(FalconMambaConfig(**small)).save_pretrained(folder + "/falcon-mamba")
    Mamba2Model(Mamba2Config(**small, **heads)).save_pretrained(folder + "/mamba2")
    torch.save(MambaMixer(MambaConfig(**small), layer_idx=0).state_dict(), folder + "/mixer.pt")
else:
    from s5 import S5
    for blocks in (1, 4):
        layer = S5(width=32, state_width=64, block_count=blocks)
        torch.save(layer.state_dict(), f"{folder}/s5-{blocks}.pt")
"""


def built(package: str, folder: Path) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder), package],
        check=True,
        timeout=300,
        capture_output=True,
    )


def test_fresh_models_of_transformers_are_what_they_say(tmp_path):
    built("transformers", tmp_path)
    for target in ("mamba", "falcon-mamba", "mamba2"):
        found = audit(tmp_path / target, target=target, expect="s4d-real")
        assert found.findings == []
        assert [(layer.order, layer.fresh, layer.identified.exact) for layer in found.layers] == [
            (16, True, True)
        ] * 2
    # Only the model draws x_proj as declared: a mixer by itself leaves it to torch.nn.Linear.
    (finding,) = audit(tmp_path / "mixer.pt", target="mamba").findings
    assert (finding.kind, finding.array) == ("law", "x_proj.weight")


def test_fresh_layers_of_s5_pytorch_are_what_they_say(tmp_path):
    built("s5", tmp_path)
    for blocks in (1, 4):
        found = audit(tmp_path / f"s5-{blocks}.pt", target="s5-pytorch", expect="s5")
        assert found.findings == []
        assert found.layers[0].identified.blocks == blocks


# the page


def accusing(layers: int = 1) -> Any:
    arrays = {}
    for place in range(layers):
        one = TARGETS["s4d"].to(inits.s4d_legs_init(16, channels=40, seed=place))
        arrays |= {f"layers.{place}.{name}": array for name, array in one.items()}
    arrays["layers.0.log_dt"] = np.ones(40, np.float32)
    return audit(arrays, target="s4d")


def test_a_page_says_first_what_is_wrong():
    found = accusing(3)
    page = report.audit(found, title="a <checkpoint>", facts={"command": "ssmlinalg audit x"})
    assert '<p class="lead">3 findings in 3 layers: constant, interval, law.</p>' in page
    for said in (
        *(html.escape(one.message) for one in found.findings),
        "a &lt;checkpoint&gt;",
        "ssmlinalg audit x",
        "s4d-legs",
    ):
        assert said in page
    assert page.count("<section>") == 6
    assert page.index(found.findings[0].kind) < page.index("layers.1.")
    prose = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf)\b", prose, flags=re.IGNORECASE)


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@settings(max_examples=2)
def test_every_target_has_a_page(target, data):
    page = report.audit(look(data.draw(healthy(target)), target), title=target, facts={})
    assert "Nothing is wrong in 1 layer." in page
    prose = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf)\b", prose, flags=re.IGNORECASE)


def test_the_histogram_drawn_has_the_area_of_its_law():
    figure: Any = report.audit_page.laws_of(accusing(2).layers[1])
    bars = [trace for trace in figure.data if trace.type == "bar"]
    double = float(np.finfo(np.float64).eps)
    for bar in bars:
        assert np.sum(bar.y * bar.width) == pytest.approx(1.0, rel=4 * double * bar.y.size)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_page_is_drawn_without_a_word_from_the_browser(browser, screen, tmp_path):  # noqa: F811 (a fixture)
    path = tmp_path / "page.html"
    path.write_text(
        report.audit(accusing(2), title="a checkpoint", facts={"seed": "0"}), encoding="utf-8"
    )
    with opened(browser, screen, path) as page:
        for number in range(1, 5):
            assert page.locator(f"#figure-{number} svg.main-svg").count() > 0
        assert (
            page.evaluate("document.scrollingElement.scrollWidth")
            <= SCREENS[screen]["viewport"]["width"]
        )


# the catalogue


def test_the_page_has_every_check_and_no_other():
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows == list(CHECKS)


@pytest.mark.parametrize("check", CHECKS.values())
def test_every_check_says_what_it_finds(check):
    assert check.__doc__
