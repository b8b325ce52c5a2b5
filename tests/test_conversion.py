"""From any layout to any other the kernel stays, and what cannot stay is refused before anything is
written.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import exports
from targets import SENTENCE, SINGLE, added, back, init, kernel_of, refused, same, to

from ssmlinalg import INITS, checkpoints, convert, discretize, export, forms, hippo, kernel
from ssmlinalg.export import TARGETS

LENGTH = 32


def s4d_kernel(arrays: Any) -> np.ndarray:
    """The kernel of the layer s4d."""
    return kernel_of("s4d", arrays, LENGTH)


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of two kernels."""
    return float(np.max(np.abs(found - expected)))


@pytest.mark.parametrize("origin", TARGETS)
@given(data=st.data())
def test_every_conversion_keeps_the_kernel_or_is_refused(origin: str, data: Any) -> None:
    given, _ = data.draw(exports(origin, LENGTH))
    arrays = to(origin, given, LENGTH)
    there = data.draw(st.sampled_from(sorted(TARGETS)))
    try:
        found = convert(arrays, there, source_target=origin, length=LENGTH)
    except (ValueError, TypeError) as error:
        found = str(error)
    if isinstance(found, str):
        assert SENTENCE.fullmatch(found), found
        return
    (layer,) = found.layers
    assert (layer.prefix, layer.source, layer.target, layer.length) == ("", origin, there, LENGTH)
    assert layer.moved == (TARGETS[origin].moved, TARGETS[there].moved)
    sampled = {TARGETS[name].rule for name in (origin, there)}
    if None in sampled and len(sampled) == 2:
        return  # a layout that does not sample takes the rule of the other
    before = kernel_of(origin, arrays, LENGTH)
    after = kernel_of(there, found.arrays, LENGTH)
    if before.ndim == after.ndim and before.size == after.size:
        assert distance(after.reshape(before.shape), before) <= layer.allowed


@pytest.mark.parametrize("origin", TARGETS)
@given(data=st.data())
def test_what_a_target_takes_it_converts_to_itself(origin: str, data: Any) -> None:
    given, _ = data.draw(exports(origin, LENGTH))
    arrays = to(origin, given, LENGTH)
    again = convert(arrays, origin, source_target=origin, length=LENGTH)
    assert same(again.arrays, arrays)
    assert again.layers[0].error == 0


@pytest.mark.parametrize(
    "name", [name for name in INITS if isinstance(INITS[name](4), (forms.Paired, forms.MIMO))]
)
def test_the_layers_of_both_kinds_take_every_form_of_modes(name: str) -> None:
    form = init(name, channels=3, seed=1)
    found = convert(form, "s5-pytorch", length=LENGTH)
    expected = kernel(form, LENGTH)
    K = kernel_of("s5-pytorch", found.arrays, LENGTH)
    K = K if expected.ndim == 3 else np.moveaxis(np.diagonal(K), -1, 0)
    turned = LENGTH * np.max(np.abs(form.A)) * np.max(form.step)
    weight = 1.0
    if isinstance(form, forms.Paired):
        weight = np.max(np.sum(np.abs(form.C * form.B), axis=-1))
    scale = max(weight * np.max(form.step), np.max(np.abs(expected)))
    assert distance(K, expected) <= 4 * SINGLE * (20 + turned) * scale


@pytest.mark.parametrize("rule", ["bilinear", "backward"])
def test_a_layer_of_another_rule_holds_the_same_sampled_model(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = init("s4d-inv", channels=2, seed=2)
    monkeypatch.setitem(TARGETS, "other", TARGETS["s4d"]._replace(rule=rule))
    arrays = to("s4d", form)
    found = convert(arrays, "s4d", source_target="other", length=LENGTH)
    expected = kernel(back("s4d", arrays), LENGTH, rule=rule)
    assert distance(s4d_kernel(found.arrays), expected) <= found.layers[0].allowed
    assert distance(s4d_kernel(arrays), expected) > 10 * found.layers[0].allowed


@pytest.mark.parametrize(
    "fault",
    [
        lambda arrays: arrays | {"C": arrays["C"] * np.float32(1 + 1e-4)},
        lambda arrays: arrays | {"A_imag": -arrays["A_imag"]},
        lambda arrays: arrays | {"log_dt": arrays["log_dt"] + np.float32(1e-3)},
        lambda arrays: arrays | {"C": arrays["C"][::-1]},
    ],
)
def test_a_wrong_exporter_is_found_out_before_anything_is_written(
    fault: Any, monkeypatch: Any, tmp_path: Any
) -> None:
    right = TARGETS["s4d"]
    monkeypatch.setitem(TARGETS, "s4d", right._replace(to=lambda form: fault(right.to(form))))
    with refused(ValueError, r"a conversion must keep every kernel; got one of size .* moved by"):
        convert(
            init("s4d-lin", channels=2), "s4d", length=LENGTH, output=tmp_path / "a.safetensors"
        )
    assert not list(tmp_path.iterdir())


def test_a_form_added_to_the_table_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    lag: Any = added(monkeypatch)
    found = convert(lag, "s4d", length=LENGTH)
    (layer,) = found.layers
    assert layer.source == "Lag"
    expected = kernel(forms.plain(lag), LENGTH)
    assert distance(s4d_kernel(found.arrays), expected) <= layer.allowed


def test_blocks_of_channels_come_apart_again() -> None:
    form = init("s4d-legs", channels=3, seed=4)
    there = convert(form, "s5-pytorch", length=LENGTH)
    again = convert(there.arrays, "s4d", source_target="s5-pytorch", length=LENGTH)
    assert again.arrays["A_imag"].shape == (3, 4)
    difference = distance(s4d_kernel(again.arrays), kernel(form, LENGTH))
    assert difference <= there.layers[0].allowed + again.layers[0].allowed


def test_inputs_that_are_mixed_do_not_come_apart() -> None:
    with pytest.raises(TypeError, match="takes the form Paired; got MIMO"):
        convert(init("s5", channels=2), "s4d")


def test_matrices_come_apart_unless_their_eigenvectors_are_nearly_parallel() -> None:
    paired = init("s4d-lin", seed=5)
    dense = forms.to_dense(paired)
    found = convert(dense, "s4d", length=LENGTH)
    assert distance(s4d_kernel(found.arrays)[0], kernel(paired, LENGTH)) <= found.layers[0].allowed
    legs: Any = forms.to_dense(hippo.legs(16))
    for form in (legs, init("s4", 16)):
        with pytest.raises(
            TypeError, match=r"condition 10000 at most.*; got a D.* that has not. Perturb it first"
        ):
            convert(form, "s4d", length=LENGTH)


def test_recurrences_become_layers_with_a_step() -> None:
    form = init("dlr", seed=6, channels=2)
    found = convert(form, "s4d", length=LENGTH)
    assert distance(s4d_kernel(found.arrays), kernel(form, LENGTH)) <= found.layers[0].allowed
    sampled = discretize.zoh(init("s4d-lin", seed=6))
    again = convert(sampled, "s4d", length=LENGTH)
    assert distance(s4d_kernel(again.arrays), kernel(sampled, LENGTH)) <= again.layers[0].allowed


def test_every_layer_of_a_model_keeps_its_prefix() -> None:
    models = {f"net.{i}.": to("s4d", init("s4d-lin", channels=2, seed=i)) for i in range(3)}
    arrays = {prefix + name: array for prefix, one in models.items() for name, array in one.items()}
    found = convert(arrays | {"head.weight": np.zeros((2, 2))}, "s5-pytorch", length=LENGTH)
    assert [layer.prefix for layer in found.layers] == list(models)
    assert {name.rpartition("seq.")[0] for name in found.arrays} == set(models)


def test_the_mixtures_of_many_inputs_see_every_entry() -> None:
    form = init("s5", order=12, channels=9, seed=7)
    right = to("s5-pytorch", form)
    wrong = {**right, "seq.C": right["seq.C"].copy()}
    wrong["seq.C"][8, 3] += 1e-2
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TARGETS, "s5-pytorch", TARGETS["s5-pytorch"]._replace(to=lambda form: wrong))
        with pytest.raises(ValueError, match="must keep every kernel"):
            convert(form, "s5-pytorch", length=LENGTH)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: convert(init("s4d-lin"), "s4e"), "`target` must be one of"),
        (lambda: convert({}, "s4d", source_target="s4e"), "`source_target` must be one of"),
        (
            lambda: convert(init("s4d-lin"), "s4d", source_target="s4d"),
            "`source_target` must be left out for a form",
        ),
        (
            lambda: convert({"C": np.zeros((1, 2, 2))}, "s4d", source_target="s5"),
            "the names must be those of a layer",
        ),
        (
            lambda: convert({"net.log_dT": np.zeros(3)}, "s4d"),
            "Is 'net.log_dT' meant to be 'log_dt'",
        ),
        (
            lambda: convert(init("s4d-lin"), "s4d", length=0),
            "`length` must be an integer of at least 1",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused_with_a_sentence(call: Any, sentence: str) -> None:
    with refused(ValueError, sentence):
        call()


def test_a_file_is_read_by_what_it_says_and_written_with_its_proof(tmp_path: Any) -> None:
    export.save(tmp_path / "a.safetensors", init("s4d-legs", channels=2), "s4d")
    found = convert(
        tmp_path / "a.safetensors",
        "s5-pytorch",
        length=LENGTH,
        output=tmp_path / "b.safetensors",
    )
    entries, metadata = checkpoints.read(tmp_path / "b.safetensors")
    assert entries.keys() == found.arrays.keys()
    assert all(np.array_equal(entry.read(), found.arrays[name]) for name, entry in entries.items())
    (told,) = json.loads(metadata["converted"])
    assert (told["source"], told["target"], told["error"]) == (
        "s4d",
        "s5-pytorch",
        found.layers[0].error,
    )
    again = convert(tmp_path / "b.safetensors", "s4d", length=LENGTH)  # it says itself what it is
    assert again.layers[0].source == "s5-pytorch"
    with pytest.raises(FileExistsError, match="must not exist"):
        convert(tmp_path / "a.safetensors", "s4d", output=tmp_path / "b.safetensors")
    assert convert(
        tmp_path / "a.safetensors",
        "s4d",
        length=LENGTH,
        output=tmp_path / "b.safetensors",
        force=True,
    )


def test_a_file_is_read_at_the_length_it_was_written_for(tmp_path: Any) -> None:
    form = init("s4", channels=2)
    export.save(tmp_path / "a.safetensors", form, "annotated-s4", length=LENGTH)
    found = convert(tmp_path / "a.safetensors", "annotated-s4", length=3 * LENGTH)
    K = kernel(back("annotated-s4", found.arrays, 3 * LENGTH), LENGTH, rule="bilinear")
    expected = kernel(form, LENGTH, rule="bilinear")
    rounding = 256 * SINGLE * np.max(np.abs(expected))
    assert distance(K, expected) <= found.layers[0].allowed + rounding


def test_what_rounding_is_allowed_to_do_does_not_grow_with_the_unit_of_time() -> None:
    form = init("s4d-lin", channels=2)
    seconds = to("plain", form)
    again = form._replace(A=form.A * 2.0**40, B=form.B * 2.0**40, step=form.step / 2.0**40)
    picoseconds = to("plain", again)
    allowed = [
        convert(arrays, "plain", length=LENGTH).layers[0].allowed
        for arrays in (seconds, picoseconds)
    ]
    assert allowed[0] == allowed[1]


@pytest.mark.parametrize("H", [1, 3, 8])
def test_matrices_that_channels_share_come_apart(H: int) -> None:
    A, B, C, D, step = forms.to_dense(init("s4d-lin"))
    rng = np.random.default_rng(0)
    B, C = rng.standard_normal((2, H, A.shape[-1]))
    for form in (forms.Dense(A, B, C, D, step), forms.Dense(np.stack([A] * H), B, C, D, step)):
        found = convert(form, "s4d", length=LENGTH)
        assert distance(s4d_kernel(found.arrays), kernel(form, LENGTH)) <= found.layers[0].allowed


def empty(form: Any) -> Any:
    """The form without any channel."""
    return type(form)(*(array[:0] for array in form))


@pytest.mark.parametrize(
    ("form", "target", "sentence"),
    [
        (
            type(init("s5"))(*(np.stack([array] * 8) for array in init("s5", 16, channels=8))),
            "s4d",
            "got MIMO",
        ),
        (init("s4d-lin", channels=2)._replace(D=np.array([1j, 0])), "s4d", "`D` must be real"),
        (discretize.zoh(init("s4d-lin"))._replace(D=np.array(1j)), "s4d", "`D` must be real"),
        (
            init("s4d-lin")._replace(B=np.full(4, 1e200 + 0j), C=np.full(4, 1e200 + 0j)),
            "s4d",
            "must fit float32",
        ),
        (
            init("s4d-lin")._replace(B=np.full(4, 1e200 + 0j), C=np.full(4, 1e200 + 0j)),
            "dlr",
            "must fit float32",
        ),
        (empty(init("s4d-lin", channels=2)), "s4d", "of one channel or more"),
        (
            empty(discretize.zoh(forms.unpair(init("s4d-lin", channels=2)))),
            "dss-softmax",
            "of one channel or more",
        ),
    ],
)
def test_forms_that_no_layer_holds_are_refused_in_a_sentence(
    form: Any, target: str, sentence: str
) -> None:
    with refused((ValueError, TypeError), sentence):
        convert(form, target, length=LENGTH)


@pytest.mark.parametrize(("name", "value"), [("P", 1e300), ("A_imag", 1e308), ("inv_dt", 650.0)])
@pytest.mark.parametrize("target", ["s4", "s5-pytorch"])
def test_numbers_near_the_largest_are_converted_or_refused(
    name: str, value: float, target: str
) -> None:
    arrays = to("s4", init("s4", channels=2))
    said = "a rule; got a value. Remedy."
    try:
        convert(
            arrays | {name: np.full(arrays[name].shape, value)},
            target,
            source_target="s4",
            length=LENGTH,
        )
    except (ValueError, TypeError) as error:
        said = str(error)
    assert SENTENCE.fullmatch(said), said


@pytest.mark.parametrize("step", [1e-30, 0.1, 1e30])
def test_no_more_is_allowed_than_a_small_part_of_the_kernel(step: float) -> None:
    (layer,) = convert(
        init("s4d-lin", channels=2, step=(step, step)), "plain", length=LENGTH
    ).layers
    assert layer.error <= layer.allowed <= layer.scale / 64


@pytest.mark.parametrize("target", ["s4d", "s5-pytorch"])
def test_a_quiet_channel_is_proved_as_a_loud_one_is(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = init("s4d-lin", channels=2, seed=8)
    form = form._replace(C=form.C * np.array([[1.0], [1e-9]]))
    assert convert(form, target, length=LENGTH)
    right = TARGETS[target]
    monkeypatch.setitem(
        TARGETS,
        target,
        right._replace(to=lambda form: right.to(form._replace(C=form.C * [[1.0], [0.9]]))),
    )
    with pytest.raises(ValueError, match="must keep every kernel"):
        convert(form, target, length=LENGTH)


def test_numbers_below_the_normal_ones_are_allowed_their_coarser_rounding() -> None:
    form = init("s4d-lin", channels=2, seed=9)
    for size in (1e-41, 1.0):
        assert convert(form._replace(C=form.C * size), "s4d", length=LENGTH).layers[0].error >= 0


def test_a_whole_checkpoint_is_converted_and_what_no_layer_has_is_carried(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    layer = TARGETS["s4d"].to(init("s4d-lin", 8, channels=2))
    tensors = {f"layers.0.{name}": torch.tensor(array) for name, array in layer.items()}
    tensors |= {"head": torch.randn(3, 2).to(torch.bfloat16), "count": torch.arange(4)}
    save_file(tensors, tmp_path / "a.safetensors")
    found = convert(tmp_path / "a.safetensors", "s5", whole=True, output=tmp_path / "b.safetensors")
    assert (found.carried, found.left) == (["count", "head"], [])
    written = load_file(tmp_path / "b.safetensors")
    assert torch.equal(written["head"], tensors["head"])
    assert torch.equal(written["count"], tensors["count"])
    assert "layers.0.Lambda_re" in written
    with pytest.raises(ValueError, match="bfloat16 must go to a file of safetensors"):
        convert(tmp_path / "a.safetensors", "s5", whole=True, output=tmp_path / "b.npz")
