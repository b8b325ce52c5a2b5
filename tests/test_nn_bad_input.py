"""What a layer does not take is refused in a sentence, before any work, in both libraries."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from ssmlinalg import forms, inits
from ssmlinalg.inits.memory_door import in_memory

torch = pytest.importorskip("torch")
from ssmlinalg import nn  # noqa: E402

WIDTH = 3
LAYERS: dict[str, Any] = {
    "SSM": lambda: nn.SSM(WIDTH, 8, init="s4d-lin"),
    "several inputs": lambda: nn.SSM(WIDTH, 8, init="s5"),
    "SGConv": lambda: nn.SGConv(WIDTH, 20, dimension=4),
    "Hankel": lambda: nn.Hankel(WIDTH, 4),
    "Block": lambda: nn.Block(nn.SSM(WIDTH, 8, init="s4d-lin")),
    "batch norm": lambda: nn.Block(nn.SGConv(WIDTH, 20, dimension=4), norm="batch"),
    "FixedLength": lambda: nn.FixedLength(nn.SSM(WIDTH, 8), 9),
    "Sequence": lambda: nn.Sequence(WIDTH, 2, 4, 1, order=8, init="s4d-lin"),
}
SIGNALS: dict[str, tuple[Any, type[Exception], str]] = {
    "axes swapped": (torch.zeros(2, WIDTH, 9), ValueError, r"width = 3 last; .* u\.mT"),
    "another width": (torch.zeros(2, 9, 5), ValueError, "width = 3"),
    "two axes": (torch.zeros(9, WIDTH), ValueError, "batch, length, width"),
    "no sample": (torch.zeros(2, 0, WIDTH), ValueError, "length > 0"),
    "integers": (torch.zeros(2, 9, WIDTH).long(), TypeError, r"u\.float"),
    "complex": (torch.zeros(2, 9, WIDTH) + 0j, TypeError, "real numbers"),
    "NumPy": (np.zeros((2, 9, WIDTH)), TypeError, r"torch\.as_tensor"),
    "a form": (inits.s4d_lin_init(4, channels=WIDTH), TypeError, r"torch\.as_tensor"),
    "another device": (torch.zeros(2, 9, WIDTH, device="meta"), ValueError, "meta and cpu"),
    "no memory": (torch.zeros(1, 1, 1).expand(1, 10**13, WIDTH), ValueError, "GiB"),
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_refuses_what_is_no_signal_of_its_width(name: str, signal: str) -> None:
    u, error, words = SIGNALS[signal]
    with pytest.raises(error, match=words):
        LAYERS[name]()(u)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_every_layer_runs_one_sample_and_in_sixteen_bits(name: str, dtype: Any) -> None:
    layer = LAYERS[name]().eval()
    u = torch.randn(2, 1, WIDTH, generator=torch.Generator().manual_seed(0)).to(dtype)
    exact = layer(u.float())
    y = layer.to(dtype)(u)
    assert y.dtype == dtype
    few = 64 * torch.finfo(dtype).eps * exact.abs().max()
    assert (y.float() - exact).abs().max() <= few


@pytest.mark.parametrize("name", ["SGConv", "Hankel"])
def test_long_convolutions_compute_in_single_precision(name: str) -> None:
    layer = LAYERS[name]()
    u = torch.randn(2, 9, WIDTH, generator=torch.Generator().manual_seed(0)).bfloat16()
    expected = layer(u.float()).bfloat16()
    assert torch.equal(layer.bfloat16()(u), expected)


@pytest.mark.parametrize("name", ["Block", "Sequence"])
def test_a_signal_of_another_type_than_the_weights_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"float64 and torch\.float32.*autocast"):
        LAYERS[name]()(torch.zeros(2, 9, WIDTH).double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert LAYERS[name]()(torch.zeros(2, 9, WIDTH).bfloat16()).isfinite().all()
        with pytest.raises(TypeError, match="float64"):
            LAYERS[name]()(torch.zeros(2, 9, WIDTH).double())


BESIDE: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a state of another batch": ({"state": torch.zeros(5, WIDTH, 4) + 0j}, ValueError, "state"),
    "a state of integers": ({"state": torch.zeros(2, WIDTH, 4).long()}, TypeError, "state"),
    "a state of NumPy": ({"state": np.zeros((2, WIDTH, 4)) + 0j}, TypeError, "as_tensor"),
    "a state elsewhere": (
        {"state": torch.zeros(2, WIDTH, 4, device="meta") + 0j},
        ValueError,
        "meta",
    ),
    "a reset turned": ({"reset": torch.zeros(9, 2).bool()}, ValueError, r"\(2, 9\)"),
    "a reset of numbers": ({"reset": torch.zeros(2, 9)}, TypeError, "truth values"),
    "complex lengths": ({"lengths": torch.ones(2) + 0j}, TypeError, "integers"),
    "complex steps": ({"steps": torch.ones(2, 9) + 0j}, TypeError, "real numbers"),
    "steps back": ({"steps": -torch.ones(2, 9)}, ValueError, "Sort"),
    "scales of no channel": ({"step_scale": torch.ones(5)}, ValueError, "step_scale"),
    "a scale of each signal": ({"step_scale": torch.ones(2, WIDTH)}, ValueError, "step_scale"),
    "a negative scale": ({"step_scale": torch.tensor(-1.0)}, ValueError, "step_scale"),
    "a complex scale": ({"step_scale": torch.tensor(1j)}, TypeError, "step_scale"),
    "a misspelt option": ({"lenghts": torch.ones(2).long()}, TypeError, "lenghts"),
    "a word for a switch": ({"return_state": "no"}, TypeError, "return_state"),
}


@pytest.mark.parametrize("call", BESIDE)
@pytest.mark.parametrize("name", ["SSM", "Block"])
def test_what_goes_beside_a_signal_fits_it(name: str, call: str) -> None:
    options, error, words = BESIDE[call]
    with pytest.raises(error, match=words):
        LAYERS[name]()(torch.zeros(2, 9, WIDTH), **options)


FORM = inits.s4d_lin_init(4, channels=2)
BUILT: dict[str, tuple[Any, type[Exception], str]] = {
    "an init that is no name": (lambda: nn.SSM(2, init=None), ValueError, "`init` must be one of"),
    "a step beside a form": (lambda: nn.SSM(2, init=FORM, step=0.1), TypeError, "step"),
    "a step of a model without one": (
        lambda: nn.SSM(2, 8, init="lru", step=0.1),
        TypeError,
        "step",
    ),
    "a step of each channel": (
        lambda: nn.SSM(3, 8, step=cast("Any", np.array([0.1, 0.2, 0.3]))),
        ValueError,
        "`step` must be a number or a pair",
    ),
    "a layer without width": (lambda: nn.Block(torch.nn.Linear(2, 2)), TypeError, "width"),
    "a stream of SGConv": (
        lambda: nn.Block(nn.SGConv(2, 9)).recurrence(),
        TypeError,
        "SGConv",
    ),
    "a width in words": (lambda: nn.Sequence(1, 1, cast("Any", "4"), 1), TypeError, "width"),
    "a seed in words": (lambda: nn.Sequence(1, 1, 4, 1, seed=cast("Any", "a")), TypeError, "seed"),
    "a misspelt init": (lambda: nn.Sequence(1, 1, 4, 1, init="s4d-line"), ValueError, "s4d-lin"),
    "a misspelt keyword": (lambda: nn.Sequence(1, 1, 4, 1, ordr=8), TypeError, "ordr"),
    "a state of a model": (
        lambda: nn.Sequence(1, 1, 4, 1, order=8)(torch.zeros(1, 9, 1), return_state=True),
        TypeError,
        "recurrence",
    ),
    "a decay in words": (lambda: nn.SGConv(2, 9, decay=cast("Any", "a")), TypeError, "decay"),
    "a kernel of no memory": (lambda: nn.SGConv(2, 10**14), ValueError, "GiB"),
    "weights of no memory": (lambda: nn.SGConv(2, 9, dimension=10**13), ValueError, "GiB"),
    "parameters of no memory": (lambda: nn.Hankel(2, 10**13), ValueError, "GiB"),
    "a matrix of no memory": (lambda: nn.Hankel(2, 10**6).recurrence(), ValueError, "GiB"),
    "a model of no memory": (lambda: nn.Sequence(10**13, 1, 4, 1), ValueError, "GiB"),
    "a model without end": (lambda: nn.Sequence(1, 1, 4, 10**13), ValueError, "GiB"),
    "a block of no memory": (
        lambda: nn.Block(nn.SSM(10**6, 2, init="s4d-lin")),
        ValueError,
        "GiB",
    ),
    "a signal of no memory": (
        lambda: nn.FixedLength(nn.SSM(2, 4, init="s4d-lin"), 10**13),
        ValueError,
        "GiB",
    ),
    "states of no memory": (lambda: nn.SSM(2, 4).initial_state(10**13), ValueError, "GiB"),
    "real states of no memory": (
        lambda: nn.RealStep(nn.SSM(2, 4)).initial_state(10**13),
        ValueError,
        "GiB",
    ),
    "channels beside the width": (lambda: nn.SSM(2, 4, channels=5), TypeError, "channels=5"),
    "a scale that is NaN": (
        lambda: nn.SSM(2, 4)(torch.zeros(1, 3, 2), step_scale=torch.tensor(torch.nan)),
        ValueError,
        "nan",
    ),
    "a negative decay of weights": (
        lambda: nn.param_groups(nn.SSM(2, 4), lr=1.0, weight_decay=-1.0),
        ValueError,
        "at least 0",
    ),
}


@pytest.mark.parametrize("call", BUILT)
def test_no_layer_is_built_of_what_does_not_fit(call: str) -> None:
    function, error, words = BUILT[call]
    with pytest.raises(error, match=words):
        function()


@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_a_form_of_any_library_starts_a_layer_of_two_directions(library: str) -> None:
    layer = nn.SSM.from_form(forms.move(FORM, library), bidirectional=True)
    assert layer.form().C.shape == (2, 2, 2)
    assert nn.SSM.from_form(nn.SSM(2, 8).form(), bidirectional=True).width == 2


STEPS: dict[str, tuple[Any, type[Exception], str]] = {
    "axes swapped": (lambda z: (z(WIDTH, 2), z(2, WIDTH, 8)), ValueError, "width = 3"),
    "one channel": (lambda z: (z(2, 1), z(2, WIDTH, 8)), ValueError, "width = 3"),
    "a signal": (lambda z: (z(2, 9, WIDTH), z(2, WIDTH, 8)), ValueError, "state"),
    "integers": (lambda z: (z(2, WIDTH).long(), z(2, WIDTH, 8)), TypeError, "real numbers"),
    "NumPy": (lambda z: (np.zeros((2, WIDTH)), z(2, WIDTH, 8)), TypeError, "as_tensor"),
    "elsewhere": (lambda z: (z(2, WIDTH, device="meta"), z(2, WIDTH, 8)), ValueError, "meta"),
    "no state": (lambda z: (z(2, WIDTH), None), TypeError, "state"),
    "half a state": (lambda z: (z(2, WIDTH), z(2, WIDTH, 4)), ValueError, r"\(2, 3, 8\)"),
    "another batch": (lambda z: (z(2, WIDTH), z(5, WIDTH, 8)), ValueError, r"\(2, 3, 8\)"),
    "a complex state": (lambda z: (z(2, WIDTH), z(2, WIDTH, 8) + 0j), TypeError, "real"),
}


@pytest.mark.parametrize("call", STEPS)
def test_a_step_in_real_arithmetic_refuses_what_does_not_fit(call: str) -> None:
    given, error, words = STEPS[call]
    with pytest.raises(error, match=words):
        nn.RealStep(nn.SSM(WIDTH, 8, init="s4d-lin"))(*given(torch.zeros))


LARGE: tuple[dict[str, int], ...] = (
    {"order": 10**12},
    {"order": 10**9, "channels": 1000},
    {"order": 4, "channels": 10**12},
    {"order": 4, "modes": 10**12},
)


@pytest.mark.parametrize("sizes", LARGE, ids=str)
@pytest.mark.parametrize("name", inits.INITS)
def test_no_initialization_is_built_that_no_memory_holds(name: str, sizes: dict[str, int]) -> None:
    if "modes" in sizes and "modes" not in inits.options(name):
        return
    for make in (inits.INITS[name], lambda **given: inits.built(name, **given)):
        with pytest.raises(ValueError, match=r"^the model must fit in .* GiB of memory; got "):
            make(**sizes)


def test_what_an_initialization_is_made_of_fits_in_memory() -> None:
    """Of what is found too large on the way, NumPy's bytes are told."""

    @in_memory
    def make(order: int) -> Any:
        return np.empty((order,) * 6)

    with pytest.raises(ValueError, match=r"^a model must fit in memory.* got .*[TPE]iB.* Lower"):
        make(10**3)


FUNCTIONS: dict[str, tuple[Any, type[Exception], str]] = {
    **{
        f"no {name}": (
            lambda z, p, L, name=name: L.apply(
                {"Paired": {key: one for key, one in p["Paired"].items() if key != name}},
                z((2, 9, WIDTH)),
            ),
            ValueError,
            f"got none of .*{name}",
        )
        for name in ("log_decay", "B", "C", "D", "log_step")
    },
    "an array by another name": (
        lambda z, p, L: L.apply({"Paired": p["Paired"] | {"c": z(1)}}, z((9, WIDTH))),
        ValueError,
        "'c'",
    ),
    "an array of integers": (
        lambda z, p, L: L.apply({"Paired": p["Paired"] | {"D": z(WIDTH, int)}}, z((9, WIDTH))),
        TypeError,
        "real numbers",
    ),
    "arrays of two widths": (
        lambda z, p, L: L.apply(
            {"Paired": p["Paired"] | {"log_step": z(2, "float32")}}, z((9, WIDTH))
        ),
        ValueError,
        "leading axes",
    ),
    "a number for a key": (lambda z, p, L: L.init(3, WIDTH, 8), TypeError, "jax.random.key"),
    "a key of zeros": (lambda z, p, L: L.init(z(2), WIDTH, 8), TypeError, "jax.random.key"),
    "axes swapped": (lambda z, p, L: L.apply(p, z((2, WIDTH, 9))), ValueError, "width = 3 last"),
    "another width": (lambda z, p, L: L.apply(p, z((2, 9, 5))), ValueError, "width = 3"),
    "one channel for all": (lambda z, p, L: L.apply(p, z((2, 9, 1))), ValueError, "width = 3"),
    "one axis": (lambda z, p, L: L.apply(p, z(WIDTH)), ValueError, "length, width"),
    "no sample": (lambda z, p, L: L.apply(p, z((2, 0, WIDTH))), ValueError, "length > 0"),
    "integers": (lambda z, p, L: L.apply(p, z((9, WIDTH), int)), TypeError, "real numbers"),
    "a list": (lambda z, p, L: L.apply(p, [[0.0] * WIDTH]), TypeError, "asarray"),
    "a state of another batch": (
        lambda z, p, L: L.apply(p, z((2, 9, WIDTH)), z((5, WIDTH, 4), "complex64")),
        ValueError,
        "state",
    ),
    "a rule": (lambda z, p, L: L.apply(p, z((9, WIDTH)), rule="zho"), ValueError, "'zoh'"),
    "a keyword": (lambda z, p, L: L.apply(p, z((9, WIDTH)), reset=1), TypeError, "reset"),
    "a form for parameters": (
        lambda z, p, L: L.apply(inits.s4d_lin_init(4, channels=WIDTH), z((9, WIDTH))),
        TypeError,
        "params",
    ),
    "a sample of another width": (lambda z, p, L: L.step(p, z((2, 1))), ValueError, "width = 3"),
    "a sample of integers": (lambda z, p, L: L.step(p, z(WIDTH, int)), TypeError, "real"),
    "a step from another batch": (
        lambda z, p, L: L.step(p, z((2, WIDTH)), z((5, WIDTH, 4), "complex64")),
        ValueError,
        "state",
    ),
    "a step by another rule": (lambda z, p, L: L.step(p, z(WIDTH), rule="z"), ValueError, "rule"),
}


@pytest.mark.parametrize("call", FUNCTIONS)
def test_functions_of_jax_refuse_what_does_not_fit(call: str) -> None:
    jax = pytest.importorskip("jax")
    from ssmlinalg.nn import jax as layers

    params = layers.init(jax.random.key(0), WIDTH, 8, init="s4d-lin")
    function, error, words = FUNCTIONS[call]
    with pytest.raises(error, match=words):
        function(jax.numpy.zeros, params, layers)


@pytest.mark.parametrize("name", ["window", "bidirectional", "train", "rule", "seed", "ordr"])
def test_options_of_the_other_library_are_refused(name: str) -> None:
    jax = pytest.importorskip("jax")
    from ssmlinalg.nn import jax as layers

    with pytest.raises(TypeError, match=name):
        layers.init(jax.random.key(0), WIDTH, 8, init="dss", **cast("Any", {name: 9}))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_parameters_of_sixteen_bits_are_computed_with_in_single_precision(dtype: str) -> None:
    jax = pytest.importorskip("jax")
    from ssmlinalg.nn import jax as layers

    params = layers.init(jax.random.key(0), WIDTH, 8, init="s4d-lin")
    narrow = jax.tree.map(lambda array: array.astype(dtype), params)
    wide = jax.tree.map(lambda array: array.astype("float32"), narrow)
    u = jax.random.normal(jax.random.key(1), (2, WIDTH)).astype(dtype)
    y, _ = layers.step(narrow, u)
    expected, _ = layers.step(wide, u.astype("float32"))
    assert y.dtype == dtype
    assert np.array_equal(np.asarray(y), np.asarray(expected.astype(dtype)))


def test_modules_of_jax_refuse_what_the_functions_refuse() -> None:
    jax = pytest.importorskip("jax")
    pytest.importorskip("equinox")
    nnx = pytest.importorskip("flax.nnx")
    from ssmlinalg.nn.jax.equinox_layer import EquinoxSSM
    from ssmlinalg.nn.jax.flax_layer import FlaxSSM

    started = {"key": jax.random.key(0)}, {"rngs": nnx.Rngs(0)}
    for module, drawn in zip((EquinoxSSM, FlaxSSM), started, strict=True):
        layer: Any = module(WIDTH, 8, **drawn, init="s4d-lin")
        with pytest.raises(ValueError, match="width = 3 last"):
            layer(jax.numpy.zeros((WIDTH, 9)))
        with pytest.raises(ValueError, match="state"):
            layer.step(jax.numpy.zeros(WIDTH), jax.numpy.zeros((2, WIDTH, 4), complex))
        with pytest.raises(ValueError, match="'zoh'"):
            module(WIDTH, 8, **drawn, rule="zho")
        with pytest.raises(TypeError, match="window"):
            module(WIDTH, 8, **drawn, init="dss", window=9)
        for wrong in (3, nnx.Rngs(dropout=0), jax.numpy.zeros(2)):
            with pytest.raises(TypeError, match=r"rngs|key"):
                cast("Any", module)(WIDTH, 8, **{next(iter(drawn)): wrong})


def test_a_sparse_signal_is_refused() -> None:
    with pytest.raises(TypeError, match=r"sparse tensor\. Call u\.to_dense"):
        nn.SSM(4, order=8)(torch.zeros(2, 5, 4).to_sparse())
