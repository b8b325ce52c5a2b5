"""Files of ours are read back, those of others as they read them, and bad ones are refused."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import safetensors.torch
import scipy.io
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssmlinalg import checkpoints, export, ptd_init
from ssmlinalg.checkpoints import read, write

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
laws = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
COMMON = [
    "float32",
    "float64",
    "complex64",
    "bool",
    *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)),
]
TYPES = {
    ".safetensors": [*COMMON, "float16"],
    ".npz": [*COMMON, "float16", "complex128"],
    ".mat": [*COMMON, "complex128"],
}
ORDERS: list[Literal["<", ">"]] = ["<", ">"]
MODEL = {"A": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), "seq.b": np.arange(4)}


def values(checkpoint: checkpoints.Checkpoint) -> dict[str, np.ndarray]:
    return {name: entry.read() for name, entry in checkpoint.entries.items()}


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    """Of one shape, type and bits: NaN is NaN, and -0 is not 0."""
    return (
        found.shape == expected.shape
        and found.dtype == expected.dtype
        and found.tobytes() == expected.tobytes()
    )


def refused(path: Path, error: type[Exception] = ValueError) -> str:
    """The one sentence with which `path`, or what is in it, is refused."""
    with pytest.raises(error) as caught:
        values(read(path))
    assert SENTENCE.fullmatch(str(caught.value)), caught.value
    return str(caught.value)


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def npy(array: np.ndarray, **options: Any) -> bytes:
    np.save(buffer := io.BytesIO(), array, **options)
    return buffer.getvalue()


def declared(shape: object, dtype: object = "<f8") -> bytes:
    """A .npy that declares an array and has no numbers."""
    header = (
        f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode()
        + b"\n"
    )
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def tensors(path: Path, header: object, data: bytes = b"", size: int | None = None) -> Path:
    """A safetensors file written by hand."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if size is None else size) + text + data)
    return path


def line(shape: list[int], *offsets: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


# Reading back, and the files of others.


@st.composite
def arrays(draw: st.DrawFn, types: list[str]) -> np.ndarray:
    """Of any type, shape, byte order and strides."""
    dtype = np.dtype(draw(st.sampled_from(types))).newbyteorder(draw(st.sampled_from(ORDERS)))
    array = draw(
        hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    )
    return draw(st.sampled_from([array, array.T, array[::-1] if array.ndim else array]))


@pytest.mark.parametrize("suffix", TYPES)
@given(data=st.data())
@laws
def test_what_is_written_is_read_back_in_its_shape_type_and_bits(
    suffix: str, data: st.DataObject, tmp_path: Path
) -> None:
    names = st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9
    ).filter(lambda n: n[:2] != "__")
    given = data.draw(st.dictionaries(names, arrays(TYPES[suffix]), max_size=4))
    metadata = data.draw(
        st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"])), max_size=3)
    )
    write(tmp_path / f"a{suffix}", given, metadata, force=True)
    found = read(tmp_path / f"a{suffix}")
    assert found.metadata == metadata
    assert found.entries.keys() == given.keys()
    for name, entry in found.entries.items():
        expected = np.asarray(given[name], given[name].dtype.newbyteorder("="))
        assert (entry.shape, entry.dtype) == (expected.shape, expected.dtype.name)
        assert same(entry.read(), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2], ids=str)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_every_number_of_a_narrow_type_arrives_as_float32(
    dtype: torch.dtype, suffix: str, tmp_path: Path
) -> None:
    bits = torch.arange(2 ** (8 * dtype.itemsize), dtype=torch.int32).to(
        torch.int16 if dtype.itemsize == 2 else torch.uint8
    )
    tensor = bits.view(dtype)
    path = tmp_path / f"a{suffix}"
    safetensors.torch.save_file({"x": tensor}, path) if suffix == ".safetensors" else torch.save(
        {"x": tensor}, path
    )
    entry = read(path).entries["x"]
    assert (entry.dtype, entry.read().dtype) == (str(dtype).removeprefix("torch."), np.float32)
    np.testing.assert_array_equal(entry.read(), tensor.to(torch.float32).numpy())


@pytest.mark.parametrize("compressed", [False, True])
@given(given=st.dictionaries(st.text("abc", min_size=1), arrays(TYPES[".npz"]), max_size=3))
@laws
def test_numpy_archives_are_read_as_numpy_reads_them(
    compressed: bool, given: dict[str, np.ndarray], tmp_path: Path
) -> None:
    write_archive: Any = np.savez_compressed if compressed else np.savez
    write_archive(tmp_path / "a.npz", **given)
    found = values(read(tmp_path / "a.npz"))
    assert found.keys() == given.keys()
    assert all(
        same(found[name], array.astype(array.dtype.newbyteorder("=")))
        for name, array in given.items()
    )


@given(array=arrays(TYPES[".npz"]))
@laws
def test_a_single_array_is_named_array(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    assert same(
        read(tmp_path / "a.npy").entries["array"].read(),
        array.astype(array.dtype.newbyteorder("=")),
    )


@pytest.mark.parametrize("compressed", [False, True])
@given(
    given=st.dictionaries(
        st.from_regex("[a-z]{1,9}", fullmatch=True), arrays(TYPES[".mat"]), min_size=1, max_size=3
    )
)
@laws
def test_files_of_matlab_are_read_as_scipy_reads_them(
    compressed: bool, given: dict[str, np.ndarray], tmp_path: Path
) -> None:
    scipy.io.savemat(tmp_path / "a.mat", given, do_compression=compressed, oned_as="column")
    found = values(read(tmp_path / "a.mat"))
    expected = scipy.io.loadmat(tmp_path / "a.mat")
    assert found.keys() == given.keys()
    for name, array in found.items():
        theirs = expected[name].astype(bool) if given[name].dtype == bool else expected[name]
        assert same(array, theirs.astype(theirs.dtype.newbyteorder("=")))


def test_what_is_written_for_matlab_has_names_and_shapes_matlab_can_have(tmp_path: Path) -> None:
    given = {
        "seq.A": np.ones(3),
        "seq_A": np.ones(()),
        "1": np.ones((2, 2)),
        "checkpoint": np.ones((1, 2)),
        "": np.ones(1),
    }
    write(tmp_path / "a.mat", given | {"x" * 80: np.ones(1)}, {})
    shapes = {name: shape for name, shape, _ in scipy.io.whosmat(tmp_path / "a.mat")}
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,62}", name) for name in shapes)
    assert (shapes["seq_A"], shapes["seq_A_2"], shapes["x1"]) == ((3, 1), (1, 1), (2, 2))


def test_another_variable_named_checkpoint_is_a_variable(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"A": np.ones((1, 2)), "checkpoint": "epoch 3"})
    assert {name: entry.dtype for name, entry in read(tmp_path / "a.mat").entries.items()} == {
        "A": "float64",
        "checkpoint": "char",
    }


def test_tensors_of_pytorch_are_named_by_their_dicts(tmp_path: Path) -> None:
    given = {
        "state_dict": {"A": torch.randn(3, 2).T, "b": torch.nn.Parameter(torch.randn(2))},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
        "z": torch.randn(2, dtype=torch.complex64).conj(),
        "epoch": 3,
    }
    torch.save(given, tmp_path / "a.pt")
    found = values(read(tmp_path / "a.pt"))
    assert list(found) == ["state_dict.A", "state_dict.b", "optimizer.state.0.step", "z"]
    assert same(found["state_dict.A"], given["state_dict"]["A"].contiguous().numpy())
    assert same(found["z"], given["z"].resolve_conj().numpy())
    torch.save(torch.arange(3), tmp_path / "b.bin")
    assert same(values(read(tmp_path / "b.bin"))["array"], np.arange(3))


def test_the_file_is_told_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    for suffix in TYPES:
        write(tmp_path / f"a{suffix}", MODEL, {})
        (tmp_path / f"a{suffix}").rename(tmp_path / "a.bin")
        assert all(
            same(array, MODEL[name]) for name, array in values(read(tmp_path / "a.bin")).items()
        )


def test_what_is_read_is_a_copy_that_may_be_changed(tmp_path: Path) -> None:
    torch.save({"A": torch.ones(2)}, tmp_path / "a.pt")
    for suffix in TYPES:
        write(tmp_path / f"a{suffix}", {"A": np.ones(2)}, {})
    for path in tmp_path.iterdir():
        entry = read(path).entries["A"]
        entry.read()[:] = 0
        assert np.all(entry.read() == 1)


# Models in several files.


def sharded(folder: Path, **changes: Any) -> Path:
    """An index with two files beside it, as Hugging Face writes them."""
    write(folder / "m-1.safetensors", {"A": MODEL["A"]}, {"format": "pt"}, force=True)
    write(folder / "m-2.safetensors", {"b": MODEL["seq.b"]}, {}, force=True)
    index = {
        "metadata": {"total_size": 56},
        "weight_map": {"A": "m-1.safetensors", "b": "m-2.safetensors"},
    } | changes
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index, indent=2))
    return path


def test_an_index_and_its_folder_hold_the_arrays_of_all_files(tmp_path: Path) -> None:
    for path in (sharded(tmp_path), tmp_path):
        found = read(path)
        assert found.metadata == {"format": "pt", "total_size": "56"}
        assert all(map(same, values(found).values(), MODEL.values()))


def test_an_index_says_which_arrays_there_are_and_in_which_file(tmp_path: Path) -> None:
    """Files may hold others, as those that an earlier upload left, and the same name twice."""
    path = sharded(tmp_path)
    other = {"A": 2 * MODEL["A"], "b": MODEL["seq.b"], "stale": np.ones(3)}
    write(tmp_path / "m-2.safetensors", other, {}, force=True)
    write(tmp_path / "m-3.safetensors", {"unnamed": np.ones(2)}, {}, force=True)
    found = read(path)
    assert list(found.entries) == ["A", "b"]
    assert same(found.entries["A"].read(), MODEL["A"])
    turned = sharded(tmp_path, weight_map={"A": "m-2.safetensors"})
    write(tmp_path / "m-2.safetensors", other, {}, force=True)
    assert list(read(turned).entries) == ["A"]
    assert same(read(turned).entries["A"].read(), other["A"])


def overlapping(path: Path) -> bytes:
    """A PyTorch file whose directory lists the bytes of its largest tensor twice."""
    torch.save({"A": torch.ones(64), "b": torch.ones(2)}, path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {Path(one.filename).name: one for one in archive.infolist()}
        start = archive.start_dir
    directory = bytearray(data[start:])
    # The offset of a member is the last field of its entry, at byte 42.
    where = directory.index(members["1"].filename.encode()) - 46
    struct.pack_into("<I", directory, where + 42, members["0"].header_offset + 64)
    return data[:start] + bytes(directory)


def test_members_of_a_pytorch_file_that_overlap_are_refused(tmp_path: Path) -> None:
    """Together they may be no larger than the file, and still be the same bytes twice."""
    path = tmp_path / "a.pt"
    path.write_bytes(overlapping(path))
    assert "members that overlap" in refused(path)


def test_a_checkpoint_is_shown_by_its_names_and_not_its_arrays(tmp_path: Path) -> None:
    arrays = {f"layers.{place}.A": torch.ones(1000) for place in range(9)}
    torch.save(arrays, tmp_path / "a.pt")
    found = read(tmp_path / "a.pt")
    assert repr(found.entries["layers.0.A"]) == "Entry(shape=(1000,), dtype='float32')"
    names = ", ".join(f"'layers.{place}.A'" for place in range(4))
    assert repr(found) == f"Checkpoint(9 arrays: {names}, ...; metadata: none)"
    write(tmp_path / "b.npz", {"A": np.ones(3)}, {"made": "by hand"})
    assert repr(read(tmp_path / "b.npz")) == "Checkpoint(1 arrays: 'A'; metadata: made)"


def test_an_index_of_pytorch_files_is_read(tmp_path: Path) -> None:
    torch.save({"A": torch.ones(3)}, tmp_path / "p-1.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text('{"weight_map": {"A": "p-1.bin"}}')
    assert same(values(read(tmp_path))["A"], np.ones(3, np.float32))


def test_a_folder_with_one_model_is_that_model(tmp_path: Path) -> None:
    refused(tmp_path, IsADirectoryError)
    write(tmp_path / "model.safetensors", MODEL, {})
    (tmp_path / "config.json").write_text("{}")
    assert read(tmp_path).entries.keys() == MODEL.keys()
    sharded(tmp_path)
    assert "Name the one to read" in refused(tmp_path)


@pytest.mark.parametrize(
    ("weight_map", "error"),
    [
        ({"A": "m-3.safetensors"}, FileNotFoundError),
        ({"b": "m-1.safetensors"}, ValueError),
        ({"A": "../m-1.safetensors"}, ValueError),
        ({"A": "/dev/zero"}, ValueError),
        ({"A": ".."}, OSError),
        ({"A": ""}, OSError),
        ({"A": "..\\m-1.safetensors"}, ValueError),
        ({"A": "m\0"}, ValueError),
        ({"A": "model.safetensors.index.json"}, ValueError),
        ({"A": "out.safetensors"}, ValueError),
        ({"A": 1}, ValueError),
        (["A"], ValueError),
        (None, ValueError),
    ],
)
def test_an_index_names_arrays_of_files_beside_it_and_no_others(
    weight_map: Any, error: type[Exception], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "out.safetensors", {"A": MODEL["A"]}, {})
    (tmp_path / "in" / "out.safetensors").symlink_to(tmp_path / "out.safetensors")
    refused(sharded(tmp_path / "in", weight_map=weight_map), error)


def test_the_links_of_the_cache_of_hugging_face_are_followed(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (snapshot := tmp_path / "snapshots" / "0a1b").mkdir(parents=True)
    sharded(tmp_path / "blobs")
    for path in (tmp_path / "blobs").iterdir():
        (snapshot / path.name).symlink_to(Path("../../blobs") / path.name)
    assert all(map(same, values(read(snapshot)).values(), MODEL.values()))


@pytest.mark.parametrize(
    "text", ["{", '{"weight_map": {"A', "{" * 100_000, '{"a": 1}', '{"x":"é"}', "[]" * 9]
)
def test_garbage_for_an_index_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(text.encode("latin-1"))
    refused(path)


# Bad files.


def samples(folder: Path) -> dict[str, bytes]:
    """A small file of each kind."""
    for suffix in TYPES:
        write(folder / f"a{suffix}", MODEL, {"note": "x"})
    np.savez_compressed(folder / "b.npz", A=MODEL["A"], b=np.zeros(500))
    np.save(folder / "a.npy", MODEL["A"])
    scipy.io.savemat(
        folder / "b.mat", {"A": MODEL["A"], "z": np.zeros((9, 9)) + 1j}, do_compression=True
    )
    torch.save({"m": {"A": torch.tensor(MODEL["A"])}, "n": 3}, folder / "a.pt")
    sharded(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


KINDS = [
    "a.safetensors",
    "a.npz",
    "a.mat",
    "b.npz",
    "a.npy",
    "b.mat",
    "a.pt",
    "model.safetensors.index.json",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, samples(folder)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
@settings(laws, max_examples=max(60, settings().max_examples))
def test_a_file_cut_short_is_refused(
    name: str, data: st.DataObject, whole: tuple[Path, dict[str, bytes]]
) -> None:
    folder, files = whole
    bad = folder / f"bad-{name}"
    # A file of MATLAB has no end: it may be cut between two variables.
    between = [files[name].rindex(b"\x0f\0\0\0")] if name == "b.mat" else []
    sizes = st.integers(0, len(files[name].rstrip()) - 1).filter(lambda size: size not in between)
    bad.write_bytes(files[name][: data.draw(sizes)])
    refused(bad)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
@settings(laws, max_examples=max(120, settings().max_examples))
def test_a_changed_byte_is_refused_or_read(
    name: str, data: st.DataObject, whole: tuple[Path, dict[str, bytes]]
) -> None:
    folder, files = whole
    changed = bytearray(files[name])
    bad = folder / f"bad-{name}"
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    bad.write_bytes(changed)
    said = None
    try:
        found = read(bad)
        shapes = {name: entry.shape for name, entry in found.entries.items()}
        assert {name: array.shape for name, array in values(found).items()} == shapes
    except (
        ValueError,
        FileNotFoundError,
    ) as error:  # an index may now name a file that is not there
        said = str(error)
    assert said is None or SENTENCE.fullmatch(said), said


class Run:
    """A pickle of it makes a folder."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_refused_and_not_run(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"A": Run()}, protocol))
    said = refused(tmp_path / "a.pkl")
    assert protocol < 2 or "a pickle, which can run code" in said
    torch.save(
        {"A": Run(), "b": torch.ones(2)}, tmp_path / "a.pt", pickle_protocol=max(protocol, 2)
    )
    assert "a pickle, which can run code" in refused(tmp_path / "a.pt")
    np.savez(tmp_path / "a.npz", A=np.array([Run()]), b=np.ones(2))
    assert "plain numbers" in refused(tmp_path / "a.npz")
    assert same(read(tmp_path / "a.npz").entries["b"].read(), np.ones(2))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "thing",
    [bytearray(9), {1, 2}, np.ones(3), torch.nn.Linear(1, 1), torch.eye(2).to_sparse()],
    ids=type,
)
def test_a_pytorch_file_names_no_more_than_plain_tensors_need(thing: Any, tmp_path: Path) -> None:
    torch.save({"A": thing}, tmp_path / "a.pt")
    assert "a pickle, which can run code (it names" in refused(tmp_path / "a.pt")


def bad_torch(case: str, path: Path) -> None:
    torch.save({"A": torch.arange(1000)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    match case:
        case "legacy":
            torch.save({"A": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
        case "compressed":
            zipped(path, members, zipfile.ZIP_DEFLATED)
        case "a tensor shorter than its shape":
            zipped(
                path,
                {
                    name: data[:80] if name.endswith("data/0") else data
                    for name, data in members.items()
                },
            )
        case "a tensor that is missing":
            zipped(
                path, {name: data for name, data in members.items() if not name.endswith("data/0")}
            )
        case "two descriptions":
            zipped(path, members | {"b/data.pkl": b""})
        case "a dict in itself":
            inner: dict[str, Any] = {"t": torch.ones(1)}
            inner["self"] = inner
            torch.save(inner, path)
        case "dicts with more names than memory":
            doubled: dict[str, Any] = {"t": torch.ones(1)}
            for _ in range(30):
                doubled = {"a": doubled, "b": doubled}
            torch.save(doubled, path)
        case "one name twice":
            torch.save({"a.b": torch.ones(1), "a": {"b": torch.ones(1)}}, path)
        case "a tensor larger than memory":
            torch.save({"A": torch.ones(1).expand(1 << 45)}, path)


BAD_TORCH = {
    "legacy": "a pickle, which can run code",
    "compressed": "compressed members",
    "a tensor shorter than its shape": "whole PyTorch file",
    "a tensor that is missing": "whole PyTorch file",
    "two descriptions": "not one description",
    "a dict in itself": "32 deep",
    "dicts with more names than memory": "more than 131072 tensors",
    "one name twice": "two tensors of the name 'a.b'",
    "a tensor larger than memory": "must fit in",
}


@pytest.mark.parametrize("case", BAD_TORCH)
def test_a_bad_pytorch_file_is_refused(case: str, tmp_path: Path) -> None:
    bad_torch(case, tmp_path / "a.pt")
    assert BAD_TORCH[case] in refused(tmp_path / "a.pt")


def test_pytorch_itself_is_asked_to_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ssmlinalg.checkpoints.pytorch.NAMED", re.compile(".*"))
    torch.save({"A": Run()}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("header", "data", "size"),
    [
        ({}, b"", 2**60),
        ({}, b"", 2**64 - 1),
        (b"{}".ljust(2**25 + 8), b"", None),
        ({}, b"", 3),
        (b'{"a":' * 100_000, b"", None),
        ({"a": line([1], 0, 4), "b": line([1], 0, 4)}, bytes(4), None),
        ({"a": line([1], 0, 4), "b": line([1], 2, 6)}, bytes(6), None),
        ({"a": line([1], 4, 8)}, bytes(8), None),
        ({"a": line([2], 0, 8)}, bytes(4), None),
        ({"a": line([2], 0, 4)}, bytes(4), None),
        ({"a": line([-1], 0, 4)}, bytes(4), None),
        ({"a": line([2**62, 4], 0, 0)}, b"", None),
        ({"a": line([2**62, 2**62], 0, 0)}, b"", None),
        ({"a": line([1], 0, 4)}, bytes(5), None),
        ({"a": line([1], 0, 4, dtype="OBJ")}, bytes(4), None),
        ({"a": line([2], 0, 1, dtype="F4")}, bytes(1), None),
        ({"a": {}}, b"", None),
        ({"__metadata__": {"a": 1}}, b"", None),
        (b'{"a":%b,"a":%b}' % ((json.dumps(line([1], 0, 4)).encode(),) * 2), bytes(4), None),
        (b'{"\xff": 1}', b"", None),
    ],
)
def test_a_bad_safetensors_file_is_refused(
    header: Any, data: bytes, size: int | None, tmp_path: Path
) -> None:
    refused(tensors(tmp_path / "a.safetensors", header, data, size))


@pytest.mark.parametrize(
    "members",
    [
        {"a.npy": declared("(3,)")},
        {"a.npy": declared("(1 << 60,)")},
        {"a.npy": declared(f"({2**60},)")},
        {"a.npy": declared(f"({2**63}, {2**63})")},
        {"a.npy": declared(f"(0, {2**63})")},
        {"a.npy": declared("(-1,)") + bytes(8)},
        {"a.npy": declared("(2,)") + bytes(8)},
        {"a.npy": declared("(2,)") + bytes(24)},
        {"a.npy": declared("()", "|O") + pickle.dumps([Run()])},
        {"a.npy": declared("(1,)", [("x", "<f8")]) + bytes(8)},
        {"a.npy": npy(np.array(["text"]))},
        {"a.npy": npy(np.array(["2020-01-01"], "M8[D]"))},
        {"a.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(1000)},
        {"a.npy": b"\x93NUMPY\x09\x00" + bytes(1000)},
        {"a.npy": b"\x93NUMPY\x01\x00\xff\xff" + b"[" * 65535},
        {"a.npy": b""},
        {"a.txt": b"text"},
        {"__metadata__.npy": npy(np.array("{"))},
        {"__metadata__.npy": npy(np.array('{"a": 1}'))},
    ],
)
def test_a_bad_archive_is_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refused(zipped(tmp_path / "a.npz", members, compression))
    if "a.npy" in members:
        (tmp_path / "a.npy").write_bytes(members["a.npy"])
        refused(tmp_path / "a.npy")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_that_may_swell_without_bound_are_refused(
    compression: int, tmp_path: Path
) -> None:
    assert "neither stored nor deflated" in refused(
        zipped(tmp_path / "a.npz", {"a.npy": npy(np.zeros(9))}, compression)
    )


def test_an_archive_whose_directory_lies_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.npz", {"a.npy": npy(np.zeros(100_000))}, zipfile.ZIP_DEFLATED)
    array = npy(np.zeros(100_000))
    whole = path.read_bytes()
    at = whole.rindex(b"PK\x01\x02")
    for declares in (len(array) - 8, len(array) + 8, 2**31, 128):
        path.write_bytes(whole[: at + 24] + struct.pack("<I", declares) + whole[at + 28 :])
        refused(path)
    at = whole.rindex(b"PK\x05\x06")
    for field in (12, 16):  # its size and where it begins
        path.write_bytes(whole[: at + field] + b"\xff\xff" + whole[at + field + 2 :])
        refused(path)
    header = declared(f"({2**27},)")
    bomb = zipped(path, {"a.npy": header}, zipfile.ZIP_DEFLATED).read_bytes()
    at = bomb.rindex(b"PK\x01\x02")
    path.write_bytes(bomb[: at + 24] + struct.pack("<I", len(header) + 2**30) + bomb[at + 28 :])
    assert "more bytes than its compressed ones can make" in refused(path)
    # Deflated well, and its size and shape say what it is: a matrix of zeros, not a bomb.
    path.write_bytes(whole)
    assert np.all(values(read(path))["a"] == 0)


def test_a_changed_number_in_an_archive_is_found_by_its_checksum(tmp_path: Path) -> None:
    numbers = np.arange(100.0)
    whole = zipped(tmp_path / "a.npz", {"a.npy": npy(numbers)}).read_bytes()
    at = whole.index(numbers.tobytes()) + 99 * 8
    (tmp_path / "a.npz").write_bytes(whole[:at] + b"\x01" + whole[at + 1 :])
    assert "CRC" in refused(tmp_path / "a.npz")


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy(np.ones(1)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", npy(np.ones(2)))
    assert "two arrays of the name 'a'" in refused(tmp_path / "a.npz")


def matrix(shape: tuple[int, ...], numbers: bytes, *, name: bytes = b"a", flags: int = 6) -> bytes:
    """A variable of a .mat file, written by hand."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    axes = struct.pack(f"<{len(shape)}i", *shape)
    parts = (
        element(6, struct.pack("<II", flags, 0)),
        element(5, axes),
        element(1, name),
        element(9, numbers),
    )
    return struct.pack("<II", 14, sum(map(len, parts))) + b"".join(parts)


MATLAB = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def deflated(variable: bytes) -> bytes:
    data = zlib.compress(variable)
    return struct.pack("<II", 15, len(data)) + data


def test_the_variable_written_by_hand_is_one(tmp_path: Path) -> None:
    for variable in (matrix((1, 2), bytes(16)), deflated(matrix((1, 2), bytes(16)))):
        (tmp_path / "a.mat").write_bytes(MATLAB + variable)
        assert same(values(read(tmp_path / "a.mat"))["a"], np.zeros((1, 2)))


@pytest.mark.parametrize(
    "variables",
    [
        b"",
        matrix((1, 3), bytes(16)),
        matrix((1, 1), bytes(16)),
        matrix((1, -2), bytes(16)),
        matrix((2**31 - 1, 2**31 - 1, 2**31 - 1), b""),
        matrix((1, 2), bytes(16), flags=6 + 0x800),
        matrix((1, 2), bytes(16), flags=5),
        matrix((1, 2), bytes(16), flags=99),
        matrix((1, 2), bytes(16), name=b"\xff"),
        2 * matrix((1, 2), bytes(16)),
        struct.pack("<II", 14, 2**31) + matrix((1, 2), bytes(16))[8:],
        struct.pack("<II", 15, 4) + b"text",
        struct.pack("<II", 9, 8) + bytes(8),
        deflated(struct.pack("<II", 14, 2**31) + matrix((1, 2), bytes(16))[8:]),
        deflated(deflated(matrix((1, 2), bytes(16)))),
        deflated(matrix((1, 2), bytes(16)))[:-1] + b"\xff",
    ],
)
def test_a_bad_file_of_matlab_is_refused(variables: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(MATLAB + variables)
    refused(tmp_path / "a.mat")


@pytest.mark.parametrize(
    "thing",
    [{"x": 1.0}, np.array([1, "x"], dtype=object), "text", scipy.sparse.eye_array(3)],
    ids=type,
)
def test_what_is_no_matrix_of_matlab_is_refused_and_the_rest_is_read(
    thing: Any, tmp_path: Path
) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"A": np.eye(2), "other": thing})
    entries = read(tmp_path / "a.mat").entries
    assert same(entries["A"].read(), np.eye(2))
    with pytest.raises(ValueError, match=r"plain numbers to be read; got .* for 'other'"):
        entries["other"].read()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"precious", "whole npz file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (
            b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(384) + b"\x89HDF\r\n\x1a\n",
            "HDF5",
        ),
        (bytes(1000), "does not begin like one"),
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06" + bytes(1), "zip"),
    ],
)
def test_what_is_no_file_of_arrays_is_refused(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    assert said in refused(tmp_path / "a.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes")
def test_pipes_and_devices_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        assert "a pipe or a device" in refused(path)


def test_what_is_not_there_or_changes_is_said_so(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.npz", FileNotFoundError)
    refused(Path("a\0b"))
    for suffix in TYPES:
        write(tmp_path / f"a{suffix}", {"A": np.ones(100)}, {})
        entry = read(tmp_path / f"a{suffix}").entries["A"]
        os.truncate(tmp_path / f"a{suffix}", 200)
        with pytest.raises(ValueError) as caught:
            entry.read()
        assert SENTENCE.fullmatch(str(caught.value)), caught.value
        (tmp_path / f"a{suffix}").unlink()
        with pytest.raises(FileNotFoundError) as gone:
            entry.read()
        assert SENTENCE.fullmatch(str(gone.value)), gone.value


def test_a_pytorch_file_without_pytorch_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"A": torch.ones(1)}, tmp_path / "a.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "ssmlinalg.checkpoints.pytorch", raising=False)
    monkeypatch.delattr(checkpoints, "pytorch", raising=False)
    assert "pip install ssmlinalg[torch]" in refused(tmp_path / "a.pt", ImportError)


# Writing.


@pytest.mark.parametrize(
    ("name", "arrays", "metadata", "error"),
    [
        ("a.pt", {}, {}, ValueError),
        ("a.safetensors", {"A": np.ones(2, complex)}, {}, ValueError),
        ("a.npz", {"A": np.array([None])}, {}, ValueError),
        ("a.npz", {"__metadata__": np.ones(2)}, {}, ValueError),
        ("a.safetensors", {"__metadata__": np.ones(2)}, {}, ValueError),
        ("a.npz", {"a\0b": np.ones(2)}, {}, ValueError),
        ("a.mat", {"A": np.ones(2, np.float16)}, {}, ValueError),
        ("a.npz", {"A": np.ones(2)}, {"a": 1}, TypeError),
        ("a.npz", {1: np.ones(2)}, {}, TypeError),
    ],
)
def test_what_a_format_does_not_hold_is_not_written(
    name: str, arrays: Any, metadata: Any, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        write(tmp_path / name, arrays, metadata)
    assert SENTENCE.fullmatch(str(caught.value)), caught.value
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", TYPES)
def test_a_link_is_replaced_and_not_followed(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    path = tmp_path / f"a{suffix}"
    path.symlink_to(target)
    for there in (False, True):
        if there:
            target.write_bytes(b"precious")
        with pytest.raises(FileExistsError, match="must not exist; got"):
            write(path, MODEL, {})
        assert path.is_symlink()
    write(path, MODEL, {}, force=True)
    assert not path.is_symlink()
    assert target.read_bytes() == b"precious"
    assert read(path).entries.keys() == MODEL.keys()


@pytest.mark.parametrize("suffix", TYPES)
def test_a_layer_saved_in_any_format_is_loaded(suffix: str, tmp_path: Path) -> None:
    form = ptd_init(7, channels=2, seed=3)
    written = export.save(tmp_path / f"a{suffix}", form, "s5-pytorch", metadata={"seed": 3})
    target = export.TARGETS["s5-pytorch"]
    found, metadata = export.load(tmp_path / f"a{suffix}")
    assert metadata == written
    assert all(map(np.array_equal, found, target.back(target.to(form))))


# Cost.

MEASURED = """
import resource, sys, time
from ssmlinalg import checkpoints, export, ptd_init

before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
total = checkpoints.read(sys.argv[1]).entries["small"].read().sum()
print(
    total,
    time.perf_counter() - start,
    (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10,
)
"""


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="ru_maxrss counts KiB on Linux alone, and not all systems have sparse files",
)
def test_a_file_of_ten_gigabytes_opens_at_once(tmp_path: Path) -> None:
    large = 10 * 2**30
    small = np.arange(8, dtype=np.float32)
    header = {"large": line([large // 4], 0, large), "small": line([8], large, large + 32)}
    path = tensors(tmp_path / "a.safetensors", header)
    start = path.stat().st_size
    os.truncate(path, start + large)
    with path.open("ab") as file:
        file.write(small.tobytes())
    found = subprocess.run(
        [sys.executable, "-c", MEASURED, path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    total, seconds, mebibytes = map(float, found.stdout.split())
    assert total == math.fsum(small)
    assert seconds < 1
    assert mebibytes < 200
