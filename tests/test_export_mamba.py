"""Mixers of Mamba start from our forms: their arrays, their formula, and the models of transformers
with the arrays inside.
"""

import importlib.util
import json
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from scipy import stats
from strategies import EPS, seeds
from targets import SINGLE, refused, same, to

from ssmlinalg import export, forms, kernel, mamba_init

LENGTH = 48
SIGNIFICANCE = 1e-3  # with seed 0 the draws of a right law are not rarer than this
BIAS = {"mamba": "dt_proj.bias", "falcon-mamba": "dt_proj.bias", "mamba2": "dt_bias"}

targets = st.sampled_from(sorted(BIAS))
channels = st.integers(1, 5)
orders = st.integers(1, 16)


def model(target, order=4, **options):
    return mamba_init(1 if target == "mamba2" else order, **options)


def scan(arrays, bias, u):
    """y_l = sum_n h_l + D u_l, h_l = e^{step A} h_{l-1} + step u_l, for u (H, L) and B = C = 1."""
    A_log = arrays["A_log"].astype(float)
    A = -np.exp(A_log.reshape(len(A_log), -1))
    step = np.log1p(np.exp(arrays[bias].astype(float)))[:, None]
    h = np.zeros_like(A)
    y = []
    for now in u.T[:, :, None]:
        h = np.exp(step * A) * h + step * now
        y.append(h.sum(axis=1) + arrays["D"] * now[:, 0])
    return np.stack(y, axis=-1)


@given(targets, orders, channels, seeds)
def test_the_scan_over_the_arrays_is_our_kernel_sampled_at_impulses(target, order, H, seed):
    there = export.TARGETS[target]
    form = model(target, order, channels=H, seed=seed)
    arrays = there.to(form)
    impulse = np.zeros((H, LENGTH))
    impulse[:, 0] = 1
    ours = kernel(there.back(arrays), LENGTH, rule="impulse")
    bound = (
        8 * EPS * LENGTH * (1 + order) * np.max(ours)
    )  # l step |A| in the exponent, n terms in the sum
    assert np.max(np.abs(scan(arrays, BIAS[target], impulse) - ours)) <= bound
    # A and the bias are rounded once: e^{l step A} moves by l step |A| e^{-l step |A|} < 1 of that,
    # the step by |bias| of it.
    rounded = (
        4
        * SINGLE
        * (1 + np.max(np.abs(arrays[BIAS[target]])))
        * (1 + np.log(1 + order))
        * np.max(ours)
    )
    assert np.max(np.abs(kernel(form, LENGTH, rule="impulse") - ours)) <= rounded


@given(targets, st.floats(-12, 3), seeds)
def test_step_and_bias_are_softplus_and_its_inverse_at_both_ends(target, exponent, seed):
    step = 10.0**exponent
    form = model(target, channels=1, step=step, seed=seed)._replace(step=np.array([step]))
    there = export.TARGETS[target]
    bias = float(there.to(form)[BIAS[target]][0])
    exact = float(mpmath.log(mpmath.expm1(mpmath.mpf(step))))
    assert abs(bias - exact) <= SINGLE * (abs(exact) + EPS)
    assert abs(float(there.back(there.to(form)).step[0]) - step) <= SINGLE * (1 + abs(exact)) * step


@given(orders, channels, seeds)
def test_names_shapes_and_types_are_those_of_the_mixers(order, H, seed):
    one = mamba_init(order, channels=H, seed=seed)
    heads = mamba_init(1, channels=H, seed=seed)
    expected = {"A_log": (H, order), "D": (H,), "dt_proj.bias": (H,)}
    for target in ("mamba", "falcon-mamba"):
        arrays = to(target, one)
        assert {name: array.shape for name, array in arrays.items()} == expected
        assert np.array_equal(
            arrays["A_log"], np.tile(np.log(np.arange(1, order + 1)).astype(np.float32), (H, 1))
        )
        assert all(array.dtype == np.float32 for array in arrays.values())
    arrays = to("mamba2", heads)
    assert {name: array.shape for name, array in arrays.items()} == {
        "A_log": (H,),
        "D": (H,),
        "dt_bias": (H,),
    }
    assert all(array.dtype == np.float32 for array in arrays.values())


def test_the_projections_of_a_mixer_are_read_past():
    there = export.TARGETS["mamba"]
    form = mamba_init(3, channels=4)
    arrays = there.to(form)
    projections = {
        "dt_proj.weight": np.ones((4, 2), np.float32),
        "x_proj.weight": np.ones((8, 4), np.float32),
    }
    assert same(there.back(arrays | projections), there.back(arrays))
    with pytest.raises(ValueError, match=r"`x_proj.weight` must have shape \(X, H\) with H = 4"):
        there.back(arrays | projections | {"x_proj.weight": np.ones((8, 3), np.float32)})


FORM = mamba_init(1, channels=2)  # which all three take


@pytest.mark.parametrize("target", BIAS)
@pytest.mark.parametrize(
    ("form", "error", "sentence"),
    [
        (forms.unpair(FORM), TypeError, "takes the form Paired; got Diagonal.*forms.pair"),
        (
            FORM._replace(A=FORM.A + 1j),
            ValueError,
            r"A must be real.*got -1\+1j at index \(0, 0\).*mamba_init",
        ),
        (FORM._replace(A=FORM.A + 1), ValueError, r"A must be negative.*got 0.* at index \(0, 0\)"),
        (FORM._replace(C=1j * FORM.C), ValueError, "B C must be 1/2.*from its input; got"),
        (FORM._replace(B=2 * FORM.B), ValueError, r"B C must be 1/2.*got 1.* at index \(0, 0\)"),
        (FORM._replace(D=np.zeros((3, 2))), ValueError, r"one leading axis.*got \(3, 2\)"),
        (FORM._replace(D=np.full(2, 1e39)), ValueError, "`D` must fit float32"),
    ],
)
def test_what_a_mixer_cannot_hold_is_refused(target, form, error, sentence):
    with refused(error, sentence):
        to(target, form)


def test_the_channels_of_a_head_stand_side_by_side():
    """D of state-spaces/mamba with D_has_hdim is (H P,), its heads one after the other."""
    arrays = {"A_log": np.log([1, 2]), "dt_bias": np.array([-3.0, 1]), "D": np.arange(6.0)}
    form = export.TARGETS["mamba2"].back({name: x.astype(np.float32) for name, x in arrays.items()})
    np.testing.assert_allclose(form.A[:, 0], [-1, -1, -1, -2, -2, -2], rtol=4 * SINGLE)
    step = np.log1p(np.exp([-3, -3, -3, 1, 1, 1]))
    np.testing.assert_allclose(form.step, step, rtol=4 * SINGLE)
    np.testing.assert_array_equal(form.D, np.arange(6))


def test_a_head_with_several_modes_that_differ_is_refused():
    form = mamba_init(4, channels=2)
    with pytest.raises(
        ValueError,
        match=r"`A` must be the same in all modes of a head; got 4 that differ\. Make a channel",
    ):
        to("mamba2", form._replace(C=form.C / 4))


def test_any_split_of_the_constant_between_b_and_c_is_the_same_layer():
    split = FORM._replace(B=4 * FORM.B, C=FORM.C / 4)
    arrays, again = (to("mamba", form) for form in (FORM, split))
    assert same(arrays, again)


# In a process of its own: importing transformers takes long and warns. The whole mixer is opened:
# the input passes an identity, a convolution with one tap and no activation; biases make B, C and
# the gate constant. In Mamba they come from one channel whose input is always 1; the norm after the
# scan of Mamba-2 divides by the square root of an epsilon much above its input.
RUN = """
import json, sys
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    FalconMambaConfig,
    FalconMambaModel,
    Mamba2Config,
    Mamba2Model,
    MambaConfig,
    MambaModel,
)

folder = sys.argv[1]
torch.set_num_threads(1)
torch.manual_seed(0)
H, n, P, L, GATE = 6, 4, 2, 48, 2.0
SILU = GATE / (1 + np.exp(-GATE))
common = dict(
    vocab_size=11, state_size=n, num_hidden_layers=2, use_bias=True, hidden_act="linear", expand=1
)
MODELS = {
    "mamba": MambaModel(MambaConfig(hidden_size=H, **common)),
    "falcon-mamba": FalconMambaModel(FalconMambaConfig(hidden_size=H, **common)),
    "mamba2": Mamba2Model(
        Mamba2Config(
            hidden_size=H * P,
            num_heads=H,
            head_dim=P,
            n_groups=1,
            chunk_size=16,
            layer_norm_epsilon=1e12,
            **common,
        )
    ),
}


def opened(mixer, target):
    zero = {name: torch.zeros_like(value) for name, value in mixer.state_dict().items()}
    I = mixer.out_proj.weight.shape[0]
    zero["conv1d.weight"][:, 0, -1] = 1
    zero["out_proj.weight"] = torch.eye(I) / SILU
    if target == "mamba2":
        zero["in_proj.weight"][I : 2 * I] = torch.eye(I)
        zero["in_proj.bias"][:I] = GATE
        zero["in_proj.bias"][2 * I : 2 * I + 2 * n] = n**-0.5
        zero["norm.weight"] += 1e6
    else:
        zero["in_proj.weight"][:I] = torch.eye(I)
        zero["in_proj.weight"][I - 1, I - 1] = 0
        zero["in_proj.bias"][I - 1] = 1
        zero["in_proj.bias"][I:] = GATE
        zero["x_proj.weight"][-2 * n :, I - 1] = 1e3 if target == "falcon-mamba" else 1
    return zero


LARGE = dict(vocab_size=11, num_hidden_layers=1)
FRESH = {
    "mamba": MambaModel(MambaConfig(hidden_size=128, **LARGE)),
    "falcon-mamba": FalconMambaModel(FalconMambaConfig(hidden_size=128, **LARGE)),
    "mamba2": Mamba2Model(
        Mamba2Config(hidden_size=128, num_heads=256, head_dim=1, n_groups=1, state_size=4, **LARGE)
    ),
}
for target, model in FRESH.items():
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        f"{folder}/{target}-fresh.safetensors",
    )

report = {}
for target, model in MODELS.items():
    arrays = load_file(f"{folder}/{target}.safetensors")
    unexpected = [
        mixer.mixer.load_state_dict(arrays, strict=False).unexpected_keys for mixer in model.layers
    ]
    with torch.no_grad():
        y = model(torch.tensor([[1, 2, 3, 4, 5]])).last_hidden_state
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        f"{folder}/{target}-model.safetensors",
    )
    mixer = model.layers[0].mixer.eval()
    mixer.load_state_dict(opened(mixer, target) | arrays)
    u = torch.tensor(np.load(f"{folder}/{target}.npy"), dtype=torch.float32)
    with torch.no_grad():
        np.save(f"{folder}/{target}-output.npy", mixer(u).numpy())
    report[target] = [unexpected, list(y.shape), bool(torch.isfinite(y).all())]
print(json.dumps(report))
"""

H = 6  # inner channels, or heads; channels of a head
P = 2


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A folder with what models of transformers held and their mixers gave, and what they
    reported.
    """
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed")
    folder = tmp_path_factory.mktemp("mamba")
    rng = np.random.default_rng(0)
    for target in BIAS:
        export.save(folder / f"{target}.safetensors", started(target), target)
        u = rng.standard_normal((2, LENGTH, H * P if target == "mamba2" else H))
        if target != "mamba2":
            u[..., -1] = 1  # the channel that B and C come from
        np.save(folder / f"{target}.npy", u)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, str(folder)],
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    )
    return folder, json.loads(run.stdout)


def started(target):
    form = model(target, channels=H, step=(1e-3, 1.0), seed=1)
    rng = np.random.default_rng(2)
    return form._replace(A=form.A * rng.uniform(0.5, 4, form.A.shape), D=rng.standard_normal(H))


@pytest.mark.parametrize("target", BIAS)
def test_every_layer_of_a_model_takes_the_arrays_and_gives_them_back(target, live):
    folder, report = live
    unexpected, shape, finite = report[target]
    assert unexpected == [[], []]
    assert finite
    assert shape == [1, 5, H * P if target == "mamba2" else H]
    held = load_file(folder / f"{target}-model.safetensors")
    found = export.layers({name: array.shape for name, array in held.items()}, target)
    assert [layer.prefix for layer in found] == ["layers.0.mixer.", "layers.1.mixer."]
    there = export.TARGETS[target]
    expected = there.back(there.to(started(target)))
    for layer in found:
        form = there.back({name: held[key] for name, key in layer.names.items()})
        assert set(layer.names) == set(there.layout)
        assert same(form, expected)


@pytest.mark.parametrize("target", BIAS)
def test_the_whole_mixer_at_constant_b_and_c_convolves_with_our_kernel(target, live):
    folder, _ = live
    u = np.moveaxis(np.load(folder / f"{target}.npy"), 1, -1)
    y = np.moveaxis(np.load(folder / f"{target}-output.npy"), 1, -1).astype(float)
    form = started(target)
    K = kernel(form, LENGTH, rule="impulse")
    if target == "mamba2":
        K = np.repeat(K, P, axis=0)
    ours = np.stack(
        [[np.convolve(*pair)[:LENGTH] for pair in zip(one, K, strict=True)] for one in u]
    )
    bias = np.abs(to(target, form)[BIAS[target]]).max()
    # The step is rounded |bias| times; l times a factor e^{step A} is, but K_l is the smaller for
    # it.
    bound = SINGLE * (1 + bias) * np.max(np.abs(u)) * np.sum(np.abs(K), axis=-1, keepdims=True)
    error = np.abs(y - ours) / bound
    assert np.max(error) <= 1, np.max(error)


@pytest.mark.parametrize("target", BIAS)
def test_a_fresh_model_starts_from_what_is_declared(target, live):
    there = export.TARGETS[target]
    held = load_file(live[0] / f"{target}-fresh.safetensors")
    (layer,) = export.layers({name: array.shape for name, array in held.items()}, target)
    arrays = {name: held[key].astype(float) for name, key in layer.names.items()}
    for name, declared in there.declared.items():
        draws = declared.of(arrays).ravel()
        if declared.kind == "constant":
            # e^{log A} is as far off as log A was rounded, and A is at most 256.
            assert np.max(np.abs(draws - declared.parameters[0])) <= SINGLE * np.log(256), name
        else:
            law = getattr(stats, declared.kind)(*declared.parameters)
            assert stats.kstest(draws, law.cdf).pvalue > SIGNIFICANCE, name


# Two heads of Zamba, each opened as above: its last channel has an input of 1, from which its B and
# C come. Gate and input are projected interleaved, head by head.
RUN_ZAMBA = """
import sys
import numpy as np
import torch
from safetensors.torch import load_file
from transformers import ZambaConfig, ZambaModel

folder = sys.argv[1]
torch.set_num_threads(1)
K, W, n, GATE = 2, 6, 4, 2.0
SILU = GATE / (1 + np.exp(-GATE))
config = ZambaConfig(
    hidden_size=K * W, mamba_expand=1, n_mamba_heads=K, mamba_d_state=n, num_hidden_layers=2,
    vocab_size=11, mamba_proj_bias=True, hidden_mamba_act="silu",
    layers_block_type=["hybrid", "hybrid"], num_attention_heads=2, num_key_value_heads=2,
    intermediate_size=8,
)
mixer = ZambaModel(config).layers[0].mamba_decoder.mamba.eval()
held = {name: torch.zeros_like(value) for name, value in mixer.state_dict().items()}
I = K * W
# in_proj gives an input and a gate in turn; the last channel of a head is SiLU(1) behind the
# convolution, of which x_proj makes 1
rows = torch.arange(2 * I).reshape(-1, 2)
held["in_proj.weight"][rows[:, 0]] = torch.eye(I)
held["in_proj.bias"][rows[:, 1]] = GATE
for k in range(K):
    last = rows[k * W + W - 1, 0]
    held["in_proj.weight"][last] = 0
    held["in_proj.bias"][last] = 1
    held["x_proj_weight"][k, -2 * n :, W - 1] = 1 / float(torch.nn.functional.silu(torch.ones(())))
held["conv1d.weight"][:, 0, -1] = 1
held["out_proj.weight"] = torch.eye(I) / SILU
ours = load_file(f"{folder}/zamba.safetensors")
held |= {name: array.reshape(K, W, *array.shape[2:]) for name, array in ours.items()}
mixer.load_state_dict(held)
u = torch.tensor(np.load(f"{folder}/zamba.npy"), dtype=torch.float32)
with torch.no_grad():
    np.save(f"{folder}/zamba-output.npy", mixer(u).numpy())
"""


def test_the_heads_of_zamba_at_constant_b_and_c_convolve_with_our_kernels(tmp_path):
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed")
    form = mamba_init(4, channels=12, step=(1e-3, 1.0), seed=1)
    export.save(tmp_path / "zamba.safetensors", form, "zamba")
    u = np.random.default_rng(0).standard_normal((2, LENGTH, 12))
    np.save(tmp_path / "zamba.npy", u)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN_ZAMBA, str(tmp_path)],
        check=True,
        timeout=300,
        capture_output=True,
    )
    y = np.moveaxis(np.load(tmp_path / "zamba-output.npy"), 1, -1).astype(float)
    u[..., [5, 11]] = 1  # the channels that B and C of each head come from
    heard = np.moveaxis(u / (1 + np.exp(-u)), 1, -1)  # the convolution ends in SiLU
    K = kernel(form, LENGTH, rule="impulse")
    ours = np.stack(
        [[np.convolve(*pair)[:LENGTH] for pair in zip(one, K, strict=True)] for one in heard]
    )
    bias = np.abs(to("zamba", form)["dt_proj_bias"]).max()
    # l times a factor e^{step A} is rounded, but K_l is the smaller for that.
    bound = 4 * SINGLE * (1 + bias) * np.max(np.abs(heard)) * np.max(np.sum(K, axis=-1))
    assert np.max(np.abs(y - ours)) <= bound


@pytest.mark.parametrize("target", ["zamba", "vmamba"])
@given(st.integers(1, 4), channels, orders, seeds)
def test_copies_of_a_scan_are_scans_side_by_side(target, copies, width, order, seed):
    """Each copy is a layer of Mamba by itself."""
    rng = np.random.default_rng(seed)
    A_log = rng.standard_normal((copies, width, order)).astype(np.float32)
    D, bias = rng.standard_normal((2, copies, width)).astype(np.float32)
    own = {"A_log": A_log, "D": D, "dt_proj_bias": bias}
    if target == "vmamba":
        own = {"A_logs": A_log.reshape(-1, order), "Ds": D.ravel(), "dt_projs_bias": bias}
    found = kernel(export.TARGETS[target].back(own), LENGTH, rule="impulse")
    for k in range(copies):
        arrays = {"A_log": A_log[k], "D": D[k], "dt_proj.bias": bias[k]}
        impulse = np.zeros((width, LENGTH))
        impulse[:, 0] = 1
        expected = scan(arrays, "dt_proj.bias", impulse)
        size = 8 * EPS * LENGTH * (1 + np.exp(A_log).max()) * max(1, np.max(np.abs(expected)))
        assert np.max(np.abs(found[k * width : (k + 1) * width] - expected)) <= size


def test_directions_that_disagree_about_their_number_are_refused():
    arrays = to("vmamba", mamba_init(2, channels=8))
    with refused(ValueError, r"`dt_projs_bias` must have shape \(K, W\) with K W = 8"):
        export.TARGETS["vmamba"].back(arrays | {"dt_projs_bias": np.zeros((4, 3), np.float32)})
