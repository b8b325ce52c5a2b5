"""A checkpoint with fewer modes: what is kept, what is proved, what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import checkpoints, discretize, export, forms, inits, kernel, reduce, shrink
from ssmlinalg.cli import main
from ssmlinalg.conversion import Shrunk
from ssmlinalg.export import TARGETS
from ssmlinalg.export.real_parameters import DECAYS, real_parameters

torch = pytest.importorskip("torch")
LENGTH = 64
ANGLES = np.r_[np.linspace(0, np.pi, 2001), np.geomspace(1e-4, 0.1, 2000)]
FREQUENCIES = np.exp(1j * ANGLES)
CHANNELS = 3


def trained(form: Any) -> Any:
    """A form whose later modes hardly matter, as training leaves them."""
    weight = np.exp(-0.8 * np.arange(form.C.shape[-1]))
    return form._replace(C=form.C * weight)


def paired(order: int = 32, channels: int = CHANNELS) -> Any:
    return trained(inits.s4d_lin_init(order, channels=channels, step=(0.02, 0.2)))


MODELS: dict[str, Any] = {
    "s4": lambda: inits.s4_init(12, channels=2),
    "s4-diag": paired,
    "s4-v3": lambda: inits.s4_init(12, channels=2),
    "s4-v2": lambda: inits.s4_init(12, channels=2),
    "s4-diag-v3": paired,
    "s4d": paired,
    "discretax-s4d": paired,
    "annotated-s4": lambda: inits.s4_init(12, channels=2),
    "annotated-s4d": paired,
    "s5": lambda: trained(inits.s5_init(16, channels=2)),
    "s5-full": lambda: trained(inits.s5_init(16, channels=2)),
    "s5-pytorch": lambda: trained(inits.s5_init(16, channels=2)),
    "lrnnx-s5": lambda: trained(inits.s5_init(16, channels=2)),
    "dss": lambda: trained(inits.dss_init(16, channels=2, step=0.1)),
    "dss-clip": lambda: trained(inits.dss_init(16, channels=2, step=0.1)),
    "dss-no-scale": lambda: trained(inits.dss_no_scale_init(16, channels=2, step=0.1)),
    "dss-clip-no-scale": lambda: trained(inits.dss_no_scale_init(16, channels=2, step=0.1)),
    "dlr": lambda: trained(inits.dlr_init(16, channels=2)),
    "minimal-lru": lambda: trained(inits.lru_init(16, channels=2)),
    "striped-hyena": lambda: trained(inits.dlr_init(16, channels=2)),
    "statespace": lambda: inits.ptd_init(12),
    "real": lambda: discretize.discretize(paired(), rule="zoh"),
    "ssm": paired,
    "plain": paired,
}
# No model of theirs has another order, or their channels do not share one; or their modes are real,
# or those of oscillators, which reduced models have not.
FIXED = (
    "mamba",
    "falcon-mamba",
    "jamba",
    "mamba-gguf",
    "mamba2-gguf",
    "zamba",
    "vmamba",
    "mamba2",
    "gated-deltanet",
    "griffin",
    "recurrent-gemma",
    "linoss",
    "linoss-imex",
    "d-linoss",
    "evo2",
    "ptd-mat",
    "keras-lmu",
    "dss-softmax",
)


def arrays_of(target: str) -> dict[str, np.ndarray]:
    sized = {"length": LENGTH} if TARGETS[target].sized else {}
    return TARGETS[target].to(MODELS[target](), **sized)


def response(form: Any, rule: str) -> np.ndarray:
    """The transfer function at points of the unit circle, without the direct path, by solves."""
    samples = discretize.discretize(form, rule=rule) if forms.kind(form).continuous else form
    A, B, C, _ = forms.view(samples)
    z = FREQUENCIES[:, None, None]
    half = 0.5 * (1 if not forms.kind(form).matrix else 2)
    if forms.kind(samples).matrix:
        eye = np.eye(A.shape[-1])
        x = np.linalg.solve(eye - A[..., None, :, :] / z, B[..., None, :, :] + 0j)
        return np.real_if_close(C[..., None, :, :] @ x)
    total = 0
    for a, b, c in ((A, B, C), (A.conj(), B.conj(), C.conj())):
        x = b[..., None, :, :] / (1 - a[..., None, :, None] / z)
        total = total + half * (c[..., None, :, :] @ x)
    return total


def gains(G: np.ndarray) -> np.ndarray:
    """The largest gain (m,) of each system."""
    return np.max(np.linalg.norm(G, 2, axis=(-2, -1)), axis=-1).ravel()


def same_time(layer: Shrunk) -> tuple[np.ndarray, np.ndarray]:
    return response(layer.form_before, layer.rule), response(layer.form, layer.rule)


def test_every_target_is_reduced_or_known_not_to_be() -> None:
    assert set(MODELS) | set(FIXED) == set(TARGETS)


@pytest.mark.parametrize("target", MODELS)
def test_no_gain_is_further_off_than_was_asked(target: str) -> None:
    arrays = {f"net.{name}": array for name, array in arrays_of(target).items()}
    rest = {"head.weight": np.arange(3.0)}
    error = 0.3 if "s4" in target and forms.kind(MODELS[target]()).matrix else 0.05
    found = shrink(arrays | rest, error=error, target=target, length=LENGTH)
    layer = found.layers[0]
    before, after = same_time(layer)
    allowed = layer.upper * gains(before).max()
    assert 0 < gains(after - before).max() <= 1.01 * allowed
    assert layer.lower <= layer.upper <= error
    assert layer.states < layer.states_before
    assert found.carried == ["head.weight"]
    again = {name.removeprefix("net."): array for name, array in found.arrays.items()}
    del again["head.weight"]
    sized = {"length": LENGTH} if TARGETS[target].sized else {}
    read = TARGETS[target].back(again, **sized)
    assert all(np.array_equal(x, y) for x, y in zip(read, layer.form, strict=True))


@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, 99))
def test_modes_that_matter_are_counted(count: int, idle: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    form = inits.s4d_lin_init(2 * (count + idle), step=0.1, seed=seed)
    weight = np.where(rng.permutation(count + idle) < count, 1.0, 1e-9)
    expected = int(np.sum(np.where(form.A.imag > 0, 2, 1) * (weight == 1)))
    arrays = TARGETS["s4d"].to(form._replace(C=form.C * weight))
    layer = shrink(arrays, error=1e-5).layers[0]
    assert layer.order == layer.least == expected
    assert layer.states == 2 * count


def test_an_order_is_kept_and_the_rest_filled_up() -> None:
    form = paired()
    few = form._replace(C=form.C * np.r_[1.0, np.zeros(15)][None])
    mixed = form._replace(C=np.concatenate([form.C[:2], few.C[2:]]))
    layer = shrink(TARGETS["s4d"].to(mixed), order=8).layers[0]
    assert (layer.states, layer.order, layer.padded) == (8, 7, 1)  # a real mode has the room of 2
    assert np.count_nonzero(layer.form.C[2]) == 1


def test_layers_are_alike_unless_each_is_asked_for() -> None:
    simple = paired()._replace(C=paired().C * (np.arange(16) < 2))
    arrays = {f"a.{name}": array for name, array in TARGETS["s4d"].to(paired()).items()}
    arrays |= {f"b.{name}": array for name, array in TARGETS["s4d"].to(simple).items()}
    together = shrink(arrays, error=1e-3).layers
    alone = shrink(arrays, error=1e-3, per_layer=True).layers
    assert together[0].states == together[1].states == alone[0].states
    assert alone[1].states == 4
    assert together[1].upper <= 1e-3


def test_a_layer_that_needs_all_its_modes_stays_as_it_is() -> None:
    arrays = TARGETS["s4d"].to(inits.s4d_lin_init(8, channels=2))
    found = shrink(arrays, error=1e-9)
    assert all(found.arrays[name] is not None for name in arrays)
    assert all(np.array_equal(found.arrays[name], arrays[name]) for name in arrays)
    assert found.layers[0].upper == 0
    assert found.layers[0].size == found.layers[0].size_before


def test_a_model_of_weights_0_has_one_idle_mode() -> None:
    form = paired()._replace(C=np.zeros((CHANNELS, 16)))
    layer = shrink(TARGETS["s4d"].to(form), error=1e-3).layers[0]
    assert (layer.order, layer.states, layer.upper) == (0, 2, 0.0)


@pytest.mark.parametrize("norm", reduce.NORMS)
def test_errors_are_in_the_norm_asked_for(norm: str) -> None:
    layer = shrink(TARGETS["s4d"].to(paired()), error=0.02, norm=norm).layers[0]
    assert layer.lower <= layer.upper <= 0.02
    if norm == "l1":
        before, after = (kernel(form, 20000) for form in (layer.form_before, layer.form))
        off = np.sum(np.abs(after - before), axis=-1) / np.sum(np.abs(before), axis=-1)
        assert np.max(off) <= 1.001 * layer.upper


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_types_of_a_file_stay_and_are_in_the_proof(tmp_path: Path, dtype: str) -> None:
    from safetensors.torch import load_file, save_file

    arrays = {f"m.{name}": torch.tensor(x) for name, x in arrays_of("s4d").items()}
    tensors = {name: x.to(getattr(torch, dtype)) for name, x in arrays.items()}
    tensors["head"] = torch.randn(5, 7).to(torch.bfloat16)
    tensors["count"] = torch.arange(3)
    save_file(tensors, tmp_path / "a.safetensors", metadata={"format": "pt"})
    found = shrink(tmp_path / "a.safetensors", error=0.1, output=tmp_path / "b.safetensors")
    written = load_file(tmp_path / "b.safetensors")
    assert {str(written[name].dtype) for name in arrays} == {f"torch.{dtype}"}
    assert torch.equal(written["head"], tensors["head"])
    assert torch.equal(written["count"], tensors["count"])
    metadata = checkpoints.read(tmp_path / "b.safetensors").metadata
    assert metadata["format"] == "pt"
    assert json.loads(metadata["reduced"])[0]["upper"] == found.layers[0].upper
    held = {name.removeprefix("m."): x.double() for name, x in written.items() if "m." in name}
    read = TARGETS["s4d"].back({name: x.float().numpy() for name, x in held.items()})
    assert np.array_equal(read.A, found.layers[0].form.A)


def test_a_file_of_ours_is_read_again(tmp_path: Path) -> None:
    export.save(tmp_path / "a.safetensors", paired(), "s4d")
    shrink(tmp_path / "a.safetensors", error=1e-2, output=tmp_path / "b.safetensors")
    form, record = export.load(tmp_path / "b.safetensors")
    assert form.A.shape[-1] < 16
    assert record["reduced"][0]["target"] == "s4d"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "one of `error` and `order` must be given"),
    ({"error": 0.0}, "`error` must be a finite number above 0"),
    ({"error": float("nan")}, "`error`"),
    ({"order": -1}, "`order` must be an integer of at least 0"),
    ({"order": 99}, "`order` must not exceed the number of states"),
    ({"order": 2, "error": 1e-3}, "`error` must be kept at order 2"),
    ({"error": 0.1, "norm": "l2"}, "`norm` must be"),
    ({"error": 0.1, "layer": "other"}, "`layer` must be the start"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_what_cannot_be_is_refused(options: dict[str, Any], sentence: str) -> None:
    arrays = {f"net.{name}": array for name, array in arrays_of("s4d").items()}
    with pytest.raises(ValueError, match=sentence):
        shrink(arrays, **options)


def test_no_states_miss_by_the_whole() -> None:
    layer = shrink(arrays_of("s4d"), order=0, error=1.0).layers[0]
    assert (layer.order, layer.upper) == (0, 1.0)


def test_a_trained_projection_fixes_the_order() -> None:
    arrays = {f"m.{k}": x for k, x in TARGETS["mamba"].to(inits.mamba_init(8, channels=4)).items()}
    with pytest.raises(ValueError, match="what makes B and C of the input"):
        shrink(arrays, order=4, target="mamba")


def test_an_unstable_layer_is_refused_by_name_and_nothing_is_written(tmp_path: Path) -> None:
    arrays = {f"net.{name}": array for name, array in arrays_of("plain").items()}
    arrays["net.Paired.A"][0, 0, 0] = 0.5
    with pytest.raises(ValueError, match=r"every mode must be damped.*'net\.'"):
        shrink(arrays, error=0.1, output=tmp_path / "b.npz")
    assert not list(tmp_path.iterdir())


def test_two_directions_of_shared_modes_are_refused() -> None:
    from ssmlinalg import nn

    layer = nn.SSM(4, order=16, init="s4d-lin", bidirectional=True)
    state = {name: x.detach().numpy() for name, x in layer.state_dict().items()}
    with pytest.raises(ValueError, match="an array must keep its axes"):
        shrink(state, order=4)


def test_the_command_writes_what_the_function_returns(tmp_path: Path, capsys: Any) -> None:
    checkpoints.write(tmp_path / "a.npz", {**arrays_of("s4d"), "w": np.ones(2)}, {})
    call = (
        f"reduce {tmp_path}/a.npz --error 0.01 -o {tmp_path}/b.npz --html {tmp_path}/p.html --json"
    )
    assert main(call.split()) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["carried"] == ["w"]
    assert said["layers"][0]["upper"] <= 0.01
    assert "Hankel" in (tmp_path / "p.html").read_text()
    entries = checkpoints.read(tmp_path / "b.npz").entries
    assert entries["C"].shape[-2] == said["layers"][0]["states"] // 2
    assert main(call.split()) == 2
    assert main(f"reduce {tmp_path}/a.npz --order 8".split()) == 0
    assert "reduced" not in capsys.readouterr().err


def test_kernels_of_a_file_are_fitted_and_written(tmp_path: Path, capsys: Any) -> None:
    h = 0.9 ** np.arange(200.0) * np.cos(0.3 * np.arange(200)) * np.array([[1.0], [2.0]])
    np.save(tmp_path / "h.npy", h)
    call = f"fit {tmp_path}/h.npy --error 1e-6 --target dlr -o {tmp_path}/dlr.npz --json"
    assert main(call.split()) == 0
    said = json.loads(capsys.readouterr().out)
    assert [channel["order"] for channel in said["channels"]] == [2, 2]
    form, _ = export.load(tmp_path / "dlr.npz")
    assert np.max(np.abs(kernel(form, 200) - h)) <= 2e-6 * np.sum(np.abs(h))
    assert main(call.split()) == 2  # it exists
    assert main(f"fit {tmp_path}/h.npy --error 0".split()) == 2
    assert main(f"fit {tmp_path}/h.npy --key a --error 0.1".split()) == 2


def test_a_checkpoint_in_shards_is_read_as_one_and_written_as_one(tmp_path: Path) -> None:
    """A layer may lie in two of them."""
    from safetensors.numpy import save_file

    arrays = {f"net.{name}": array for name, array in arrays_of("s4d").items()}
    arrays["head"] = np.ones((2, 3), np.float32)
    names = list(arrays)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: arrays[name] for name in held}, tmp_path / shard)
    where = {name: shard for shard, held in shards.items() for name in held}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    (tmp_path / "out").mkdir()
    output = tmp_path / "out" / "small.safetensors"
    found = shrink(index, error=0.05, output=output)
    alone = shrink(arrays, error=0.05)
    written = {name: entry.read() for name, entry in checkpoints.read(output).entries.items()}
    assert set(written) == set(arrays)
    assert all(np.array_equal(written[name], alone.arrays[name]) for name in written)
    assert found.layers[0].upper == alone.layers[0].upper
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["small.safetensors"]


@pytest.mark.parametrize("at", [0, 1])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, at: int) -> None:
    arrays = {f"{k}.{name}": X for k in "ab" for name, X in arrays_of("s4d").items()}

    def interrupt(**figures: Any) -> None:
        if figures["done"] == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shrink(arrays, error=0.05, output=tmp_path / "b.npz", progress=interrupt)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("decay", sorted(DECAYS))
@pytest.mark.parametrize("order", [0, 1, 6])
def test_a_layer_is_written_with_the_decay_that_it_has(decay: str, order: int) -> None:
    arrays = real_parameters(paired(), decay=decay)
    before = {f"net.Paired.{name}": array.astype(np.float32) for name, array in arrays.items()}
    found = shrink(before, order=order)
    assert set(found.arrays) == set(before)
    (layer,) = found.layers
    assert order - 1 <= layer.order <= order  # a real mode has the room of 2
    assert found.arrays[f"net.Paired.{DECAYS[decay].array}"].shape == (CHANNELS, max(order // 2, 1))
    back = TARGETS["ssm"].back({n.removeprefix("net."): X for n, X in found.arrays.items()})
    assert all(np.array_equal(x, y) for x, y in zip(back, layer.form, strict=True))


def test_a_layer_of_ports_keeps_the_whole_matrix_of_its_direct_path() -> None:
    arrays = TARGETS["ssm"].to(trained(inits.s5_init(16, channels=2)))
    diagonal = next(name for name in arrays if name.endswith("diagonal_D"))
    D = np.diag(arrays.pop(diagonal))
    before = arrays | {diagonal.replace("diagonal_D", "D"): D}
    found = shrink(before, error=0.05)
    assert set(found.arrays) == set(before)
    assert found.layers[0].states < found.layers[0].states_before


@pytest.mark.parametrize("order", [0, 1])
def test_a_layer_whose_modes_become_real_keeps_its_array_of_frequencies(order: int) -> None:
    before = arrays_of("ssm")
    found = shrink(before, order=order)
    assert set(found.arrays) == set(before)
    assert found.arrays["Paired.frequency"].shape == (CHANNELS, 1)
    assert not found.arrays["Paired.frequency"].any()
    (layer,) = found.layers
    assert layer.order == order
    assert layer.upper < math.inf
    assert forms.kind(TARGETS["ssm"].back(found.arrays)).half
