"""Forms that go out come back: every target, every form it takes, and files that are whole or not
there.
"""

import errno
import math
import os
import pickle

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import EPS, exports
from targets import SENTENCE, init, refused, same, shapes_and_types, sized

from ssmlinalg import INITS, checkpoints, export, forms, kernel, transfer
from ssmlinalg.export.layout import ranked

LENGTH = 64

orders = st.integers(1, 17)
seeds = st.integers(0, 2**16)
# In the catalogue a form says by its type which targets take it.
several = sorted(name for name, make in INITS.items() if type(make(4)) is forms.MIMO)


def sampled(form, target):
    """The kernel and the transfer function of a form as the layer samples it."""
    rule = export.TARGETS[target].rule or "zoh"  # a discrete form needs none
    discrete = not isinstance(form, forms.Continuous)
    frequencies = (
        np.exp(1j * np.linspace(0.1, 3.0, 7)) if discrete else 1j * np.geomspace(0.1, 100, 7)
    )
    return kernel(form, LENGTH, rule=rule), transfer(form, frequencies)


def shaped(found, like):
    """The values in the axes of those that went out: by channel, where blocks were written for
    them.
    """
    if found.ndim == like.ndim + 1 and found.shape[0] == found.shape[1] == math.prod(
        like.shape[:-1]
    ):
        found = np.moveaxis(np.diagonal(found), -1, 0)
    return found.reshape(like.shape)


def distances(found, expected, target):
    """How far two forms are apart: in their kernels, in their transfer functions."""
    pairs = zip(sampled(found, target), sampled(expected, target), strict=True)
    return np.array([np.max(np.abs(shaped(ours, like) - like)) for ours, like in pairs])


def rounding(arrays, target):
    """How far kernel and transfer function move when each array is rounded, found by moving them:
    the largest of 6 draws.
    """
    back = export.TARGETS[target].back
    rng = np.random.default_rng(0)
    form = back(arrays, **sized(target, LENGTH))

    def rounded(array):
        if array.dtype.kind == "i":
            return array
        return array.astype(np.result_type(array, np.float64)) * (
            1 + np.finfo(array.dtype).eps * rng.choice([-1, 1], array.shape)
        )

    draws = ({name: rounded(array) for name, array in arrays.items()} for _ in range(6))
    return np.max(
        [distances(back(draw, **sized(target, LENGTH)), form, target) for draw in draws], axis=0
    )


@pytest.mark.parametrize("target", export.TARGETS)
@given(data=st.data())
def test_back_undoes_to_within_the_precision_of_the_layer(target, data):
    given, form = data.draw(exports(target, LENGTH))
    there = export.TARGETS[target]
    arrays = there.to(given, **sized(target, LENGTH))
    scale = np.array([np.max(np.abs(values)) for values in sampled(form, target)])
    double = EPS * LENGTH * (1 + np.max(np.abs(form[0])))
    allowed = 16 * rounding(arrays, target) + 16 * double * scale
    error = distances(there.back(arrays, **sized(target, LENGTH)), form, target)
    assert np.all(error <= allowed), error / allowed


@pytest.mark.parametrize("target", export.TARGETS)
@given(data=st.data())
def test_to_undoes_back_exactly(target, data):
    there = export.TARGETS[target]
    arrays = there.to(data.draw(exports(target, LENGTH))[0], **sized(target, LENGTH))
    again = there.to(there.back(arrays, **sized(target, LENGTH)), **sized(target, LENGTH))
    assert same(again, arrays)
    assert shapes_and_types(again) == shapes_and_types(arrays)


@pytest.mark.parametrize("target", export.TARGETS)
@given(data=st.data())
def test_the_arrays_are_those_of_the_layout(target, data):
    there = export.TARGETS[target]
    arrays = there.to(data.draw(exports(target, LENGTH))[0], **sized(target, LENGTH))
    kinds = {"f": "float32", "c": "complex64", "d": "float64", "z": "complex128", "i": "int64"}
    for name, array in arrays.items():
        kind, axes = there.layout[name]
        assert array.dtype.name == kinds[kind], name
        assert ranked(array.shape, axes), name
        assert array.flags.c_contiguous, name
    assert set(there.layout) - set(there.optional) <= set(arrays)


@given(orders, st.integers(1, 3), seeds)
def test_the_s4d_layer_holds_the_product_of_b_and_c(order, width, seed):
    form = init("ptd", order, channels=width, seed=seed)
    arrays = export.TARGETS["s4d"].to(form)
    n = form.A.shape[-1]
    assert shapes_and_types(arrays) == {
        "C": ((width, n, 2), "float32"),
        "log_dt": ((width,), "float32"),
        "log_A_real": ((width, n), "float32"),
        "A_imag": ((width, n), "float32"),
    }
    assert np.array_equal(
        arrays["C"],
        np.stack([(form.B * form.C).real, (form.B * form.C).imag], -1).astype(np.float32),
    )


@given(orders, st.integers(1, 3), st.sampled_from(several), seeds)
def test_the_s5_layer_holds_a_state_of_the_order_asked_for(order, width, name, seed):
    arrays = export.TARGETS["s5-pytorch"].to(init(name, order, channels=width, seed=seed))
    assert shapes_and_types(arrays) == {
        "seq.Lambda": ((order,), "complex64"),
        "seq.B": ((order, width, 2), "float32"),
        "seq.C": ((width, order), "complex64"),
        "seq.D": ((width,), "float32"),
        "seq.log_step": ((order,), "float32"),
    }


@given(st.integers(1, 6), st.integers(1, 3), seeds)
def test_an_s5_layer_trained_out_of_its_pairs_comes_back_exactly(order, width, seed):
    rng = np.random.default_rng(seed)
    A, B, C = (
        rng.standard_normal((*shape, 2)) @ [1, 1j]
        for shape in ((order,), (order, width), (width, order))
    )
    D = rng.standard_normal(width)
    log_step = rng.uniform(-3, -1, order)
    trained = {
        "seq.Lambda": A,
        "seq.B": np.stack([B.real, B.imag], -1),
        "seq.C": C,
        "seq.D": D,
        "seq.log_step": log_step,
    }
    turned = np.exp(log_step) * A
    driven = (np.expm1(turned) / A)[:, None] * B
    K = np.stack([(C @ (np.exp(lag * turned)[:, None] * driven)).real for lag in range(8)], -1)
    K[..., 0] += np.diag(D)
    scale = (
        np.max(np.abs(C) @ np.abs(driven)) * np.exp(8 * max(0, turned.real.max())) + np.abs(D).max()
    )
    form = export.TARGETS["s5-pytorch"].back(trained)
    assert np.allclose(kernel(form, 8), K, rtol=0, atol=64 * EPS * scale)


def test_what_torch_holds_is_read_and_written_like_what_numpy_holds():
    form = init("s4d-lin", 8, channels=2)
    for target in ("s4d", "s5-pytorch"):
        there = export.TARGETS[target]
        arrays = there.to(form)
        assert there.to(forms.move(form, "torch")).keys() == arrays.keys()
        state = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in arrays.items()}
        assert np.array_equal(kernel(there.back(state), 9), kernel(there.back(arrays), 9)), target


def test_a_direct_path_is_written_where_the_form_has_one():
    lin = init("s4d-lin", 4, channels=2)
    mamba = init("mamba", 4, channels=2)
    assert "D" not in export.TARGETS["s4d"].to(lin)
    assert np.array_equal(export.TARGETS["s4d"].to(mamba)["D"], np.ones(2, np.float32))


@pytest.mark.parametrize("target", export.TARGETS)
def test_every_array_of_a_target_says_how_it_trains(target):
    there = export.TARGETS[target]
    assert there.training.keys() == there.layout.keys()
    keys = {"trainable", "lr", "weight_decay", "constraint"}
    assert all(how.keys() == keys for how in there.training.values())
    assert set(there.optional) <= set(there.layout)
    assert there.about
    assert there.moved


@pytest.mark.parametrize("target", export.TARGETS)
def test_what_a_layer_is_said_to_start_from_is_a_law_that_exists(target):
    for name, declared in export.TARGETS[target].declared.items():
        assert declared.source, name
        if declared.kind != "constant":
            assert 0 <= getattr(stats, declared.kind)(*declared.parameters).cdf(0.0) <= 1, name


LIN = init("s4d-lin", 4, channels=2)
S5 = init("s5", 4, channels=2)


@pytest.mark.parametrize(
    ("target", "form", "error", "sentence"),
    [
        ("s4d", S5, TypeError, "takes the form Paired; got MIMO.*s5-pytorch"),
        ("s4d", forms.unpair(LIN), TypeError, "got Diagonal.*forms.pair"),
        (
            "s4d",
            LIN._replace(A=LIN.A + 0.5),
            ValueError,
            r"Re A must be negative.*got 0 at index \(0, 0\)",
        ),
        ("s4d", LIN._replace(C=1e30 * LIN.C, B=1e30 * LIN.B), ValueError, "`C` must fit float32"),
        ("s4d", LIN._replace(D=np.zeros((3, 2))), ValueError, r"one leading axis.*got \(3, 2\)"),
        ("s4d", LIN._replace(C=np.nan * LIN.C), ValueError, "`C` must be finite"),
        ("s4d", None, TypeError, "got NoneType"),
        ("s5-pytorch", init("s4", 4), TypeError, "MIMO and Paired; got DPLR"),
        (
            "s5-pytorch",
            S5._replace(D=np.ones((2, 2))),
            ValueError,
            "`D` must be diagonal; got an entry of size 1",
        ),
        (
            "s5-pytorch",
            S5._replace(C=S5.C[:1], D=S5.D[:1]),
            ValueError,
            r"as many outputs as inputs; got D of shape \(1, 2\)",
        ),
        ("s5-pytorch", S5._replace(A=np.tile(S5.A, (3, 1))), ValueError, "no leading axes"),
        ("s5-pytorch", S5._replace(A=S5.A - S5.A[0]), ValueError, "A must not be 0"),
    ],
)
def test_what_a_layer_cannot_hold_is_refused(target, form, error, sentence):
    with refused(error, sentence):
        export.TARGETS[target].to(form)


def test_values_on_another_device_are_looked_at_as_well():
    form = forms.move(LIN, "torch")
    with pytest.raises(ValueError, match="`C` must be finite"):
        export.TARGETS["s4d"].to(form._replace(C=form.C * torch.nan))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"log_dt": None}, "got log_dt missing. Rename"),
        (
            {"log_dt": None, "log_dT": np.zeros(2)},
            "got log_dt missing and log_dT unknown. Did you mean 'log_dt' by 'log_dT'",
        ),
        ({"kernel.A_imag": np.zeros((2, 2))}, "kernel.A_imag unknown. Did you mean 'A_imag'"),
        (
            {"C": np.zeros((2, 2), complex)},
            "`C` must hold real floating-point numbers; got complex128",
        ),
        ({"C": np.zeros((2, 2))}, r"`C` must have shape \(H, n, 2\); got \(2, 2\)"),
        ({"C": np.zeros((2, 2, 3))}, r"\(H, n, 2\) with 2 = 2"),
        (
            {"log_dt": np.zeros(3)},
            r"`log_dt` must have shape \(H,\) with H = 2 from `C`; got \(3,\)",
        ),
        ({"A_imag": np.full((2, 2), np.inf)}, "`A_imag` must be finite"),
        ({"log_dt": np.full(2, 1e5)}, "`step` must be finite"),
        ({"log_dt": np.full(2, -1e5)}, "`step` must be positive"),
    ],
)
def test_arrays_that_are_not_the_layers_are_refused(change, sentence):
    arrays = export.TARGETS["s4d"].to(LIN) | change
    with refused(ValueError, sentence):
        export.TARGETS["s4d"].back(
            {name: array for name, array in arrays.items() if array is not None}
        )


@pytest.mark.parametrize("target", ["s4d", "s5-pytorch"])
def test_a_file_holds_the_arrays_and_all_that_was_recorded(target, tmp_path):
    form = init("ptd", 7, channels=2, seed=3)
    path = tmp_path / "model.safetensors"
    told = {
        "built": "ptd",
        "seed": 3,
        "figures": {"condition": 8.0, "transfer_bound": np.inf},
        "note": "ä",
    }
    written = export.save(path, form, target, metadata=told)
    found, metadata = export.load(path)
    there = export.TARGETS[target]
    assert metadata == written
    assert metadata.items() >= told.items()
    assert metadata["target"] == target
    assert metadata["form"] == "Paired"
    assert metadata["numpy"] == np.__version__
    assert metadata["training"].keys() == there.to(form).keys()
    expected = there.back(there.to(form))
    assert same(found, expected)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_is_as_readable_as_the_system_makes_files(tmp_path):
    export.save(tmp_path / "a.safetensors", LIN, "s4d")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_existing_file_is_replaced_only_when_forced(tmp_path):
    path = tmp_path / "a.safetensors"
    export.save(path, LIN, "s4d", metadata={"seed": 1})
    with pytest.raises(FileExistsError, match=r"must not exist; got .*a\.safetensors"):
        export.save(path, LIN, "s4d", metadata={"seed": 2})
    assert export.load(path)[1]["seed"] == 1
    export.save(path, LIN, "s4d", metadata={"seed": 2}, force=True)
    assert export.load(path)[1]["seed"] == 2


@pytest.mark.parametrize(
    ("failure", "error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            OSError,
            "must be writable; got .*No space left",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            OSError,
            "must be writable; got .*Permission denied",
        ),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
    failure, error, sentence, moment, tmp_path, monkeypatch
):
    path = tmp_path / "a.safetensors"
    export.save(path, LIN, "s4d", metadata={"seed": 1})

    def fail(*_):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(os, moment, fail)
        with pytest.raises(error, match=sentence):
            export.save(path, LIN, "s4d", metadata={"seed": 2}, force=True)
    assert export.load(path)[1]["seed"] == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the superuser"
)
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"must be writable; got .*a.safetensors"):
        export.save(tmp_path / "a.safetensors", LIN, "s4d")


@pytest.mark.parametrize(
    ("name", "target", "metadata", "error", "sentence"),
    [
        ("a.pt", "s4d", None, ValueError, "must end in .safetensors"),
        (
            "none/a.safetensors",
            "s4d",
            None,
            FileNotFoundError,
            "in a folder that exists.*Make .*none first",
        ),
        ("a.safetensors", "s4e", None, ValueError, "one of .*; got 's4e'. Did you mean 's4'"),
        (
            "a.safetensors",
            "s4d",
            {"target": "mine"},
            ValueError,
            "leave our own names alone; got target",
        ),
        (
            "a.safetensors",
            "s4d",
            {"seed": np.int64(1)},
            TypeError,
            "what JSON can say; got 'seed' = .*plain numbers",
        ),
    ],
)
def test_a_wrong_call_writes_nothing(name, target, metadata, error, sentence, tmp_path):
    with pytest.raises(error, match=sentence):
        export.save(tmp_path / name, LIN, target, metadata=metadata)
    assert not list(tmp_path.iterdir())


def test_no_length_of_the_header_is_taken_for_a_pickle(tmp_path):
    path = tmp_path / "a.safetensors"
    beginnings = set()
    for size in range(0, 256, 8):
        export.save(path, LIN, "s4d", metadata={"note": size * "."}, force=True)
        export.load(path)
        whole = path.read_bytes()
        beginnings.add(whole[:1])
        path.write_bytes(whole[:-1])
        with pytest.raises(ValueError, match="a whole safetensors file"):
            export.load(path)
    assert b"\x80" in beginnings


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    export.save(path, LIN, "s4d")
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="a whole safetensors file"):
            export.load(path)


def test_a_file_changed_anywhere_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    export.save(path, LIN, "s4d", metadata={"seed": 0})
    whole = path.read_bytes()
    for index in range(len(whole)):
        changed = bytearray(whole)
        changed[index] ^= 1 << index % 7
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="must"):
            export.load(path)


def test_pickles_and_the_files_of_others_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    arrays = export.TARGETS["s4d"].to(LIN)
    for dump in (lambda: torch.save(arrays, path), lambda: path.write_bytes(pickle.dumps(arrays))):
        dump()
        with pytest.raises(ValueError, match="a pickle, which can run code"):
            export.load(path)
    safetensors.numpy.save_file(arrays, path)
    with pytest.raises(
        ValueError, match=r"a file that save wrote; got .* without target.*TARGETS\[target\].back"
    ):
        export.load(path)
    with pytest.raises(FileNotFoundError, match="`path` must be a file that can be read"):
        export.load(tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match="a file that save wrote"):
        export.load(tmp_path)  # a folder stands for the file in it
    (tmp_path / "empty").mkdir()
    with pytest.raises(IsADirectoryError, match="`path` must be"):
        export.load(tmp_path / "empty")


def test_a_file_with_its_arrays_reshaped_or_retyped_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    export.save(path, LIN, "s4d")
    entries, record = checkpoints.read(path)
    arrays = {name: entry.read() for name, entry in entries.items()}
    for change in (
        {"log_dt": arrays["log_dt"][:, None]},
        {"log_dt": arrays["log_dt"].view(np.int32)},
    ):
        checkpoints.write(path, arrays | change, record, force=True)
        with pytest.raises(ValueError, match="as save left it"):
            export.load(path)


@pytest.mark.parametrize("cast", [torch.Tensor.bfloat16, torch.Tensor.half, torch.Tensor.double])
def test_arrays_of_every_precision_of_torch_are_read_as_the_numbers_they_hold(cast):
    arrays = {
        name: cast(torch.tensor(array))
        for name, array in export.TARGETS["s4d"].to(init("s4d-lin", 8)).items()
    }
    doubled = {name: array.double() for name, array in arrays.items()}
    ours, expected = (export.TARGETS["s4d"].back(each) for each in (arrays, doubled))
    assert same(ours, expected)


@pytest.mark.parametrize(
    "odd", [None, [1.0], "1", torch.ones(1, 4).to_sparse(), torch.ones(1, 4, device="meta")]
)
def test_what_is_no_array_is_named_in_a_sentence(odd):
    arrays = export.TARGETS["s4d"].to(init("s4d-lin", 8))
    rule = r"`A_imag` must be a dense array of numbers that NumPy has; got [^\n]+\. Make it one\."
    with pytest.raises(TypeError, match=rule):
        export.TARGETS["s4d"].back(arrays | {"A_imag": odd})


@pytest.mark.parametrize("target", export.TARGETS)
@given(data=st.data(), value=st.sampled_from([1e300, -1e300, 1e308, 710.0, -1e5, 1e-320]))
def test_arrays_of_any_size_are_read_or_refused_without_a_warning(target, data, value):
    there = export.TARGETS[target]
    arrays = there.to(data.draw(exports(target, LENGTH))[0], **sized(target, LENGTH))
    name = data.draw(
        st.sampled_from([name for name, array in arrays.items() if array.dtype.kind != "i"])
    )
    large = np.full(arrays[name].shape, value, np.result_type(arrays[name], np.float64))
    said = "a rule; got a value. Remedy."
    try:
        there.to(
            there.back(arrays | {name: large}, **sized(target, LENGTH)), **sized(target, LENGTH)
        )
    except (ValueError, TypeError) as error:
        said = str(error)
    assert SENTENCE.fullmatch(said), said


@pytest.mark.parametrize("target", export.TARGETS)
@settings(max_examples=3)
@given(data=st.data())
def test_no_axis_is_empty(target, data):
    """Such as one of 1 broadcasts against; only the rank of P may be 0."""
    there = export.TARGETS[target]
    arrays = there.to(data.draw(exports(target, LENGTH))[0], **sized(target, LENGTH))
    for name, array in arrays.items():
        axes = there.layout[name][1]
        for axis in range(array.ndim):
            if axes[-array.ndim :][axis] != "R":
                cut = arrays | {name: np.take(array, [], axis=axis)}
                with refused((ValueError, TypeError), "must"):
                    there.back(cut, **sized(target, LENGTH))
