"""GGUF, msgpack, folders of orbax: by hand, and of the programs that make them; no lies."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import SENTENCE

from ssmlinalg import checkpoints, mamba_init
from ssmlinalg.audit import audit
from ssmlinalg.checkpoints import read
from ssmlinalg.export import TARGETS, contents

laws = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
ARRAYS = {
    "blk.0.ssm_a": -np.arange(1.0, 7).reshape(2, 3).astype(np.float32),
    "half": np.linspace(-1, 1, 4).astype(np.float16),
    "whole": np.arange(3, dtype=np.int32),
    "one": np.array(2.5, np.float64),
}


def refused(path: Path) -> str:
    """The one sentence with which a file, or what is in it, is refused."""
    with pytest.raises(ValueError) as caught:
        [entry.read() for entry in read(path).entries.values()]
    assert SENTENCE.fullmatch(str(caught.value)), caught.value
    return str(caught.value)


# GGUF


CODES = {"float32": 0, "float16": 1, "int32": 26, "float64": 28}


def text(said: str) -> bytes:
    return struct.pack("<Q", len(said.encode())) + said.encode()


def tensor(name: str, shape: tuple[int, ...], code: int, offset: int) -> bytes:
    axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
    return text(name) + axes + struct.pack("<IQ", code, offset)


def gguf(
    arrays: dict[str, np.ndarray], values: dict[str, bytes] | None = None, version: int = 3
) -> bytes:
    """A GGUF file; `values` are keys with the bytes of a type and value."""
    values = {} if values is None else values
    header = b"GGUF" + struct.pack("<IQQ", version, len(arrays), len(values))
    header += b"".join(text(key) + value for key, value in values.items())
    data = b""
    for name, array in arrays.items():
        data += bytes(-len(data) % 32)
        header += tensor(name, array.shape, CODES[array.dtype.name], len(data))
        data += array.tobytes()
    return header + bytes(-len(header) % 32) + data


WORDS = struct.pack("<IIQ", 9, 8, 2) + text("a") + text("ä")
VALUES = {
    "general.architecture": struct.pack("<I", 8) + text("mamba"),
    "mamba.ssm.state_size": struct.pack("<II", 4, 16),
    "eps": struct.pack("<Id", 12, 1e-5),
    "flag": struct.pack("<I?", 7, True),
    "tokenizer.tokens": WORDS,
    "numbers": struct.pack("<IIQ3h", 9, 3, 3, 1, 2, 3),
}


@pytest.mark.parametrize("version", [2, 3])
def test_a_gguf_file_gives_its_tensors_and_values(version: int, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(ARRAYS, VALUES, version))
    found = read(path)
    assert found.metadata == {
        "general.architecture": "mamba",
        "mamba.ssm.state_size": "16",
        "eps": "1e-05",
        "flag": "true",
    }
    for name, array in ARRAYS.items():
        entry = found.entries[name]
        assert (entry.shape, entry.dtype) == (array.shape, array.dtype.name)
        np.testing.assert_array_equal(entry.read(), array)


def test_a_quantized_tensor_is_listed_and_refuses_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + tensor("w", (8, 64), 8, 0)
    path.write_bytes(header + bytes(-len(header) % 32) + bytes(8 * 2 * 34))
    assert read(path).entries["w"].shape == (8, 64)
    assert "q8_0 for 'w'" in refused(path)


def lies() -> dict[str, tuple[bytes, str]]:
    """GGUF files that say more than they have."""

    def one(described: bytes, data: int = 64, count: int = 1) -> bytes:
        header = b"GGUF" + struct.pack("<IQQ", 3, count, 0) + described
        return header + bytes(-len(header) % 32) + bytes(data)

    many = struct.pack("<Q", 1 << 60)
    return {
        "version": (gguf({}, version=1), "version 1"),
        "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "another order of bytes"),
        "larger than the file": (one(tensor("A", (1 << 40,), 0, 0)), "more bytes than there are"),
        "beyond the end": (one(tensor("A", (2,), 0, 1 << 40)), "more bytes than there are"),
        "over one another": (
            one(tensor("A", (8,), 0, 0) + tensor("B", (8,), 0, 16), count=2),
            "'B' over another tensor",
        ),
        "twice": (
            one(tensor("A", (2,), 0, 0) + tensor("A", (2,), 0, 32), count=2),
            "a name that occurs twice",
        ),
        "axes": (one(tensor("A", (1,) * 9, 0, 0)), "9 axes"),
        "tensors": (one(b"", count=1 << 60), "more than 65536 values or tensors"),
        "values": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 17), "more than 65536"),
        "words": (
            gguf({}, {"a": struct.pack("<IIQ", 9, 8, 1 << 21)}),
            "a list of 2097152 entries",
        ),
        "a text": (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + many, "beyond its end"),
        "a list": (
            gguf({}, {"a": struct.pack("<II", 9, 4) + many}),
            "beyond its end",
        ),
        "lists in lists": (
            gguf({}, {"a": struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 40}),
            "lists in lists",
        ),
        "type": (gguf({}, {"a": struct.pack("<II", 99, 0)}), "unknown type 99"),
        "alignment": (
            gguf({}, {"general.alignment": struct.pack("<II", 4, 0)}),
            "an alignment of 0",
        ),
        "alignment of many digits": (
            gguf({}, {"general.alignment": struct.pack("<I", 8) + text("9" * 9000)}),
            "an alignment of 999",
        ),
    }


@pytest.mark.parametrize("lie", lies())
def test_a_gguf_file_that_lies_is_refused(lie: str, tmp_path: Path) -> None:
    data, said = lies()[lie]
    (tmp_path / "a.gguf").write_bytes(data)
    assert said in refused(tmp_path / "a.gguf")


@pytest.mark.parametrize("target", ["mamba-gguf", "mamba2-gguf"])
def test_a_model_in_gguf_is_audited_by_its_name_alone(target: str, tmp_path: Path) -> None:
    form = mamba_init(1 if "2" in target else 16, channels=24)
    arrays = TARGETS[target].to(form)
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf({f"blk.{i}.{name}": x for i in (0, 1) for name, x in arrays.items()}))
    found = contents(path).layers
    assert [(layer.prefix, layer.target) for layer in found] == [
        ("blk.0.", target),
        ("blk.1.", target),
    ]
    assert audit(path).findings == []


def test_a_logarithm_in_the_place_of_a_is_refused() -> None:
    arrays = TARGETS["mamba-gguf"].to(mamba_init(4, channels=2))
    with pytest.raises(ValueError, match=r"`ssm_a` must be negative.*got 0 at index \(0, 0\)"):
        TARGETS["mamba-gguf"].back(arrays | {"ssm_a": np.log(-arrays["ssm_a"])})


def test_the_package_gguf_writes_what_is_read(tmp_path: Path) -> None:
    package: Any = pytest.importorskip("gguf")
    path = tmp_path / "model.gguf"
    writer = package.GGUFWriter(path, "mamba")
    writer.add_token_list([f"word {i}" for i in range(300)])
    writer.add_block_count(2)
    kinds = package.GGMLQuantizationType
    rows = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
    narrow = package.quants.quantize(rows, kinds.BF16)
    for name, array in ARRAYS.items():
        if array.ndim:
            writer.add_tensor(name, array)
    writer.add_tensor("narrow", narrow, raw_dtype=kinds.BF16)
    writer.add_tensor("q", package.quants.quantize(rows, kinds.Q8_0), raw_dtype=kinds.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read(path)
    assert found.metadata["mamba.block_count"] == "2"
    expected = {name: array for name, array in ARRAYS.items() if array.ndim}
    expected["narrow"] = package.quants.dequantize(narrow, kinds.BF16)
    for name, array in expected.items():
        np.testing.assert_array_equal(found.entries[name].read(), array)
    assert (found.entries["q"].shape, found.entries["q"].dtype) == (rows.shape, "q8_0")


# msgpack of flax


def packed_text(said: str) -> bytes:
    held = said.encode()
    return (bytes([0xA0 + len(held)]) if len(held) < 32 else bytes([0xD9, len(held)])) + held


def packed_array(array: np.ndarray, *, claimed: tuple[int, ...] | None = None) -> bytes:
    """An array as flax packs it: shape, type and bytes, in an extension."""
    shape = array.shape if claimed is None else claimed
    held = b"\x93" + bytes([0x90 + len(shape)])
    held += b"".join(b"\xcf" + struct.pack(">Q", size) for size in shape)
    held += packed_text(array.dtype.name)
    held += b"\xc6" + struct.pack(">I", array.nbytes) + array.tobytes()
    return b"\xc9" + struct.pack(">Ib", len(held), 1) + held


def packed(tree: dict[str, Any]) -> bytes:
    head = bytes([0x80 + len(tree)]) if len(tree) < 16 else b"\xde" + struct.pack(">H", len(tree))
    return head + b"".join(
        packed_text(name)
        + (
            packed(value)
            if isinstance(value, dict)
            else packed_array(value)
            if isinstance(value, np.ndarray)
            else value
        )
        for name, value in tree.items()
    )


TREE = {
    "params": {"layers_0": {"A": ARRAYS["blk.0.ssm_a"], "b": ARRAYS["half"]}},
    "step": b"\x07",
    "note": packed_text("a note of more than thirty-two characters"),
    "list": b"\x92\xc0\xc3",
    "scale": b"\xcb" + struct.pack(">d", 0.5),
}


def test_arrays_of_msgpack_are_named_by_their_dicts(tmp_path: Path) -> None:
    path = tmp_path / "model.msgpack"
    path.write_bytes(packed(TREE))
    found = read(path).entries
    assert list(found) == ["params.layers_0.A", "params.layers_0.b"]
    np.testing.assert_array_equal(found["params.layers_0.A"].read(), ARRAYS["blk.0.ssm_a"])
    assert found["params.layers_0.b"].dtype == "float16"


def packed_lies() -> dict[str, tuple[bytes, str]]:
    array = np.ones(4, np.float32)
    alone = packed_text("A") + packed_array(array)
    claimed = packed_text("A") + packed_array(array, claimed=(1 << 40,))
    deep = (b"\x81" + packed_text("a")) * 99
    return {
        "larger": (b"\x81" + claimed, "not the bytes of its shape"),
        "cut": (packed({"A": array})[:-4], "goes on beyond its end"),
        "longer": (packed({"A": array}) + b"\0", "bytes after its end"),
        "many": (
            b"\xdf\xff\xff\xff\xff" + packed_text("A") + packed_array(array),
            "beyond its end",
        ),
        "a name": (b"\x81\x01\x02", "does not begin like one"),
        "deep": (deep + b"\xc0", "dicts in dicts, 32 deep"),
        "twice": (b"\x82" + alone * 2, "occurs twice"),
        "joined": (packed({"a.b": array, "a": {"b": array}}), "occurs twice"),
        "never used": (b"\x81" + packed_text("A") + b"\xc1", "unknown kind"),
        "arrays in arrays": (b"\x81" + packed_text("A") + nested(20000), "not a shape"),
        "axes": (b"\x81" + packed_text("A") + b"\xc7\x04\x01\x93\xdc\x00\x40", "64 axes"),
        "axes of pieces": (pieces(b"\xdc\x00\x64" + b"\x01" * 100), "found 100"),
    }


def nested(depth: int) -> bytes:
    """Extensions, each the shape of the one around it."""
    heads = [b"\xc9" + struct.pack(">Ib", 7 * i - 3, 1) + b"\x93" for i in range(1, depth)]
    return b"".join(reversed(heads)) + b"\xc7\x01\x01\x93"


def pieces(shape: bytes) -> bytes:
    held = {"0": np.ones(1, np.float32)}
    one = {"__msgpack_chunked_array__": b"\xc3", "shape": shape, "chunks": packed(held)}
    return packed({"A": packed(one)})


@pytest.mark.parametrize("lie", packed_lies())
def test_a_msgpack_file_that_lies_is_refused(lie: str, tmp_path: Path) -> None:
    data, said = packed_lies()[lie]
    (tmp_path / "a.msgpack").write_bytes(data)
    assert said in refused(tmp_path / "a.msgpack")


# In a process of its own: JAX keeps what it was started with.
FLAX = """
import sys
import flax.serialization
import jax
import jax.numpy as jnp
import numpy as np

rng = np.random.default_rng(0)
flax.serialization.MAX_CHUNK_SIZE = 100  # bytes, for an array in several pieces
tree = {
    "params": {
        "seq": {
            "Lambda": (rng.standard_normal(4) + 1j * rng.standard_normal(4)).astype("complex64"),
            "B": jnp.asarray(rng.standard_normal((3, 2)), jnp.float32),
            "narrow": jnp.asarray(rng.standard_normal(5), jnp.bfloat16),
            "double": rng.standard_normal((2, 2)),
            "z": rng.standard_normal(3) + 1j,
            "large": np.arange(60, dtype=np.float32).reshape(5, 12),
        },
        "listed": [np.ones(2, np.float32), np.zeros((0, 3), np.int32)],
    },
    "scalar": np.float32(2), "step": 3, "complex": 1 + 2j, "name": "x",
}
with open(f"{sys.argv[1]}/model.msgpack", "wb") as file:
    file.write(flax.serialization.to_bytes(tree))
held = {f"params.seq.{name}": np.asarray(x) for name, x in tree["params"]["seq"].items()}
held["params.seq.narrow"] = held["params.seq.narrow"].astype(np.float32)
held |= {f"params.listed.{i}": x for i, x in enumerate(tree["params"]["listed"])}
held["scalar"] = np.asarray(tree["scalar"])
np.savez(f"{sys.argv[1]}/held.npz", **held)
"""


def test_flax_writes_what_is_read(tmp_path: Path) -> None:
    if importlib.util.find_spec("flax") is None:
        pytest.skip("flax is not installed")
    command = [sys.executable, "-W", "ignore", "-c", FLAX, str(tmp_path)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    found = read(tmp_path / "model.msgpack").entries
    held = dict(np.load(tmp_path / "held.npz"))
    assert set(found) == set(held)
    for name, array in held.items():
        read_back = found[name].read()
        assert (found[name].shape, read_back.dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(read_back, array)


# Both


def files() -> dict[str, bytes]:
    return {"a.gguf": gguf(ARRAYS, VALUES), "a.msgpack": packed(TREE)}


@pytest.mark.parametrize("name", files())
@given(data=st.data())
@laws
def test_a_file_cut_short_is_refused(name: str, data: Any, tmp_path: Path) -> None:
    whole = files()[name]
    (tmp_path / name).write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    refused(tmp_path / name)


@pytest.mark.parametrize("name", files())
@given(data=st.data())
@settings(laws, max_examples=max(120, settings().max_examples))
def test_a_changed_byte_is_refused_or_read(name: str, data: Any, tmp_path: Path) -> None:
    changed = bytearray(files()[name])
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(changed)
    said = None
    try:
        for entry in read(tmp_path / name).entries.values():
            assert entry.read().shape == entry.shape
    except ValueError as error:
        said = str(error)
    assert said is None or SENTENCE.fullmatch(said), said


MEASURED = """
import resource, sys, time
from ssmlinalg import checkpoints

before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
total = checkpoints.read(sys.argv[1]).entries["small"].read().sum()
print(
    total,
    time.perf_counter() - start,
    (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10,
)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts KiB on Linux alone")
@pytest.mark.parametrize("suffix", [".gguf", ".msgpack"])
def test_a_file_of_gigabytes_opens_at_once(suffix: str, tmp_path: Path) -> None:
    small = np.arange(8, dtype=np.float32)
    path = tmp_path / f"a{suffix}"
    if suffix == ".gguf":
        large = 10 * 2**30
        header = b"GGUF" + struct.pack("<IQQ", 3, 2, 0)
        header += tensor("large", (large // 4,), 0, 0) + tensor("small", (8,), 0, large)
        start = header + bytes(-len(header) % 32)
        end = small.tobytes()
    else:
        large = 3 * 2**30  # an extension has at most 4 GiB
        inside = b"\x93\x91\xcf" + struct.pack(">Q", large // 4) + packed_text("float32")
        inside += b"\xc6" + struct.pack(">I", large)
        start = b"\x82" + packed_text("large")
        start += b"\xc9" + struct.pack(">Ib", len(inside) + large, 1) + inside
        end = packed_text("small") + packed_array(small)
    path.write_bytes(start)
    os.truncate(path, len(start) + large)
    with path.open("ab") as file:
        file.write(end)
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


# Folders of orbax


ORBAX = """
import logging, sys
logging.disable(logging.WARNING)
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

folder = sys.argv[1]
rng = np.random.default_rng(0)
tree = {
    "params": {
        "seq": {
            "Lambda": jnp.asarray(rng.standard_normal(4) + 1j, jnp.complex64),
            "B": rng.standard_normal((3, 2)).astype(np.float32),
            "narrow": jnp.asarray(rng.standard_normal(5), jnp.bfloat16),
        },
        "listed": [np.ones(2), np.arange(3)],
    },
    "step": 3,
}
handlers = {
    "database": ocp.PyTreeCheckpointHandler(),
    "folders": ocp.PyTreeCheckpointHandler(use_ocdbt=False),
    "zarr3": ocp.PyTreeCheckpointHandler(use_zarr3=True),
}
for name, handler in handlers.items():
    with ocp.Checkpointer(handler) as written:
        written.save(f"{folder}/{name}", tree | {"note": "a text"})
with ocp.CheckpointManager(f"{folder}/manager") as manager:
    manager.save(7, args=ocp.args.StandardSave(tree))
held = {f"params.seq.{name}": np.asarray(x) for name, x in tree["params"]["seq"].items()}
held["params.seq.narrow"] = held["params.seq.narrow"].astype(np.float32)
held |= {f"params.listed.{i}": x for i, x in enumerate(tree["params"]["listed"])}
np.savez(f"{folder}/held.npz", step=np.asarray(3), **held)
"""


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders that orbax wrote."""
    for package in ("orbax", "tensorstore"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder = tmp_path_factory.mktemp("orbax")
    command = [sys.executable, "-W", "ignore", "-c", ORBAX, str(folder)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    return folder


@pytest.mark.parametrize("kind", ["database", "folders", "zarr3", "manager/7", "manager/7/default"])
def test_orbax_writes_what_is_read(kind: str, trees: Path) -> None:
    found = read(trees / kind).entries
    held = dict(np.load(trees / "held.npz"))
    assert set(found) == set(held)
    for name, array in held.items():
        read_back = found[name].read()
        assert (found[name].shape, read_back.dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(read_back, array)


def test_a_folder_of_orbax_that_lies_is_refused(trees: Path, tmp_path: Path) -> None:
    """Names that lead elsewhere, links, pieces that are gone or changed, a bomb."""

    def copied(kind: str, name: str) -> Path:
        return Path(shutil.copytree(trees / kind, tmp_path / name))

    elsewhere = copied("folders", "elsewhere")
    described = elsewhere / "_METADATA"
    described.write_text(described.read_text().replace('"seq"', '"../seq"'))
    assert "may lead elsewhere" in refused(elsewhere)
    linked = copied("folders", "linked")
    (linked / "more").symlink_to(tmp_path)
    assert "a link, a pipe or a device" in refused(linked)
    gone = copied("database", "gone")
    shutil.rmtree(gone / "d")
    refused(gone)
    less = copied("folders", "less")
    (less / "params.seq.B" / "0.0").unlink()
    assert "'params.seq.B' without some of its chunks" in refused(less)
    cut = copied("folders", "cut")
    os.truncate(cut / "params.seq.B" / "0.0", 5)
    refused(cut)
    large = copied("folders", "large")
    zarray = large / "params.seq.B" / ".zarray"
    zarray.write_text(zarray.read_text().replace('"shape":[3,2]', '"shape":[3,999999999999]'))
    assert "the array 'params.seq.B'" in refused(large)
    garbage = copied("folders", "garbage")
    (garbage / "_METADATA").write_text('{"tree_metadata": {"a": 1}}')
    refused(garbage)
    two = tmp_path / "two"
    two.mkdir()
    for name in ("state", "params"):
        shutil.copytree(trees / "folders", two / name)
    assert "with params, state. Name the one" in refused(two)


def test_a_folder_of_orbax_without_tensorstore_says_what_to_install(
    trees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    monkeypatch.delitem(sys.modules, "ssmlinalg.checkpoints.orbax", raising=False)
    monkeypatch.delattr(checkpoints, "orbax", raising=False)
    with pytest.raises(ImportError, match=r"pip install ssmlinalg\[orbax\]") as caught:
        read(trees / "database")
    assert SENTENCE.fullmatch(str(caught.value)), caught.value
