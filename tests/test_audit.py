"""A sound layer has no findings, its initialization is recognized, and what is no layer refused."""

from __future__ import annotations

import math
import re
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from audited import (
    EPS,
    healthy,
    kinds,
    laws,
    look,
    options,
    seeds,
    small,
    sources,
)
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import export, inits
from ssmlinalg.audit import ALARM, audit
from ssmlinalg.audit.declared_laws import draws_of
from ssmlinalg.audit.known_modes import DRAWN
from ssmlinalg.audit.kolmogorov_smirnov import kolmogorov
from ssmlinalg.export import TARGETS

# Files of perturb-then-diagonalize hold what layers start from: they are judged by their E.
TRAINED = [name for name in TARGETS if name != "ptd-mat"]


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


@pytest.mark.parametrize("target", TRAINED)
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
    assert not seen.exact or seen.names[0] in DRAWN


@pytest.mark.parametrize("name", ["s4d-lin", "s4d-inv", "s4d-legs", "s4d-real", "ptd", "dss"])
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
    assert rand.layers[0].order == 2 * order, "a layer of halves stores every other mode"
    ring = inits.lru_init(order, channels=3, r_min=0.3, r_max=0.95, seed=seed)
    lru = look(TARGETS["minimal-lru"].to(ring), "minimal-lru")
    assert lru.layers[0].identified.names == ("lru",)
    dlr = look(TARGETS["dlr"].to(inits.dlr_init(order, channels=3, seed=seed)), "dlr")
    assert dlr.layers[0].identified.names == ("dlr",)
    for name in ("s4d-dfout", "s4d-dfout-half", "s4d-token"):
        arrays = TARGETS["ssm"].to(inits.INITS[name](2 * (order // 2), channels=3, seed=seed))
        found = look(arrays, "ssm").layers[0]
        assert (found.identified.names, found.order) == ((name,), 2 * (order // 2))


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


def test_steps_as_unlikely_as_one_of_many_laws_may_be_accuse_a_layer_alone():
    bent = ((np.arange(64) + 0.5) / 64) ** 2.3
    assert ALARM / 27 < kolmogorov(bent, "uniform", (0.0, 1.0))[1] < ALARM / 6
    arrays = TARGETS["s4d"].to(inits.s4d_lin_init(8, channels=64))
    sound = {f"{place}.{name}": array for place in range(8) for name, array in arrays.items()}
    arrays["log_dt"] = np.log(1e-3 * 100**bent).astype(np.float32)
    assert kinds(look(arrays, "s4d")) == {"law"}
    assert not kinds(look(arrays | sound, "s4d"))
