"""Conversion and audit from a shell: files in, files out, a status that scripts can rely on."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strategies import EPS

from ssmlinalg import INITS, checkpoints, export, kernel
from ssmlinalg.cli import main


def init(name: str, order: int = 8, **options: Any) -> Any:
    return INITS[name](order, **options)


def out(capsys: Any) -> Any:
    return json.loads(capsys.readouterr().out)


def refusal(capsys: Any) -> str:
    sentence = capsys.readouterr().err
    assert sentence.count("\n") == 1, sentence  # no traceback
    return sentence


def model(folder: Path, change: Any = lambda arrays: arrays, *, force: bool = False) -> Path:
    """A checkpoint of two layers and something else."""
    path = folder / "model.npz"
    arrays = {"head.weight": np.zeros((2, 2), np.float32)}
    for i in range(2):
        one = change(export.TARGETS["s4d"].to(init("s4d-lin", 16, channels=64, seed=i)))
        arrays |= {f"net.{i}.{name}": array for name, array in one.items()}
    checkpoints.write(path, arrays, {}, force=force)
    return path


def test_every_layer_is_converted_and_says_how_far_its_kernel_moved(
    tmp_path: Path, capsys: Any
) -> None:
    there = tmp_path / "s4d.safetensors"
    options = ["--target", "annotated-s4d", "-L", "64", "-o", str(there), "--json"]
    arguments = ["convert", str(model(tmp_path)), *options]
    assert main(arguments) == 0
    found = out(capsys)
    assert [layer["prefix"] for layer in found["layers"]] == ["net.0.", "net.1."]
    for layer in found["layers"]:
        assert layer["error"] <= layer["allowed"] < 1e-2 * layer["scale"]
    entries, metadata = checkpoints.read(there)
    assert {name: list(entry.shape) for name, entry in entries.items()} == found["arrays"]
    assert metadata["target"] == "annotated-s4d"
    assert main(arguments) == 2
    assert "must not exist" in refusal(capsys)
    assert main([*arguments, "--force"]) == 0


def test_the_table_says_what_moved(tmp_path: Path, capsys: Any) -> None:
    assert main(["convert", str(model(tmp_path)), "--target", "s4-diag", "-L", "16"]) == 0
    table = capsys.readouterr().out
    assert "net.1." in table
    for layout, said in (("s4d", "B into C"), ("s4-diag", "to their conjugates below")):
        (line,) = (line for line in table.splitlines() if said in line)
        assert line.split()[0] == layout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--target", "s4e"], "one of"),
        (["--target", "s5", "--source-target", "mamba"], "the names must be those of a layer"),
        (["--target", "s5", "-L", "0"], "`--length` must be an integer of at least 1"),
        (["--target", "s5", "-o", "a.pt"], "must end in"),
        (["--target", "dss-softmax"], "`--length` must be given"),
        (["--target", "mamba"], "A must be real"),
    ],
)
def test_what_cannot_be_converted_is_one_sentence_and_no_file(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = model(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["convert", str(source), *arguments]) == 2
    assert sentence in refusal(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize("command", [["convert", "--target", "s5"], ["audit"]])
def test_pickles_and_what_is_not_there_are_refused(
    command: list[str], tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"A": 1}))
    for source, sentence in ((path, "pickle"), (tmp_path / "none", "none")):
        assert main([command[0], str(source), *command[1:]]) == 2
        assert sentence in refusal(capsys)


def test_a_sound_checkpoint_passes_and_is_named(tmp_path: Path, capsys: Any) -> None:
    assert main(["audit", str(model(tmp_path)), "--expect", "s4d-lin", "--json"]) == 0
    found = out(capsys)
    assert found["findings"] == []
    assert [layer["identified"]["names"] for layer in found["layers"]] == [["s4d-lin"]] * 2


def test_a_broken_one_fails_and_says_what_is_broken(tmp_path: Path, capsys: Any) -> None:
    source = model(tmp_path, lambda arrays: arrays | {"log_dt": np.ones_like(arrays["log_dt"])})
    assert main(["audit", str(source), "--json"]) == 1
    kinds = {(finding["layer"], finding["kind"]) for finding in out(capsys)["findings"]}
    assert {("net.0.", "constant"), ("net.1.", "constant")} <= kinds
    assert main(["audit", str(source)]) == 1
    table = capsys.readouterr().out
    assert "log_dt" in table


def test_another_initialization_than_the_expected_one_is_a_finding(
    tmp_path: Path, capsys: Any
) -> None:
    assert main(["audit", str(model(tmp_path)), "--expect", "ptd", "--json"]) == 1
    assert {finding["kind"] for finding in out(capsys)["findings"]} == {"unexpected"}


def test_the_audit_of_a_checkpoint_is_a_page(tmp_path: Path, capsys: Any) -> None:
    page = tmp_path / "audit.html"
    assert main(["audit", str(model(tmp_path)), "--html", str(page)]) == 0
    text = page.read_text()
    assert "net.1." in text
    assert "s4d-lin" in text
    assert main(["audit", str(tmp_path / "model.npz"), "--html", str(page)]) == 2
    assert "must not exist" in refusal(capsys)


def saved(folder: Path, kind: str) -> Path:
    """The layers of `model` as another kind of file, or in a folder."""
    entries = checkpoints.read(model(folder)).entries
    arrays = {name: entry.read() for name, entry in entries.items()}
    if kind == "pt":
        torch = pytest.importorskip("torch")
        torch.save({name: torch.tensor(array) for name, array in arrays.items()}, folder / "m.pt")
        return folder / "m.pt"
    if kind == "folder":
        (folder / "there").mkdir()
        checkpoints.write(folder / "there" / "model.safetensors", arrays, {})
        return folder / "there"
    checkpoints.write(folder / f"m.{kind}", arrays, {})
    return folder / f"m.{kind}"


COMMANDS = (["audit"], ["convert", "--target", "s4"], ["verify", "-L", "16"])
every_reader = pytest.mark.parametrize("words", COMMANDS, ids=[words[0] for words in COMMANDS])


@every_reader
@pytest.mark.parametrize("kind", ["pt", "folder", "safetensors", "npz"])
def test_every_command_reads_every_kind_of_file_and_one_layer_of_it(
    kind: str, words: list[str], tmp_path: Path, capsys: Any
) -> None:
    path = str(saved(tmp_path, kind))
    for layers, start in ((2, []), (1, ["--layer", "net.1"])):
        assert main([words[0], path, *words[1:], *start, "--json"]) == 0
        found = out(capsys)
        assert len(found.get("layers", ["one"])) == layers
    assert main([words[0], path, *words[1:], "--layer", "net.10"]) == 2
    assert "got 'net.10'. Layers start with net.0, net.1." in refusal(capsys)


@every_reader
def test_every_command_reads_names_of_ones_own(
    words: list[str], tmp_path: Path, capsys: Any
) -> None:
    arrays = export.TARGETS["s4d"].to(init("s4d-lin", 16, channels=64))
    named = {f"blocks.3.ssm.{name.replace('A_imag', 'A_im')}": one for name, one in arrays.items()}
    checkpoints.write(tmp_path / "own.npz", named, {})
    path = str(tmp_path / "own.npz")
    assert main([words[0], path, *words[1:]]) == 2
    assert "'A_imag'? Say so by `--map`." in refusal(capsys)
    for own in ("A_im", "blocks.3.ssm.A_im"):
        assert main([words[0], path, *words[1:], "--map", f"{own}=A_imag", "--json"]) == 0
        capsys.readouterr()
    assert main([words[0], path, *words[1:], "--map", "A_im"]) == 2
    assert "`--map` must be OWN=NAME; got 'A_im'." in refusal(capsys)
    assert main([words[0], path, *words[1:], "--map", "A_in=A_imag"]) == 2
    assert "got 'A_in'. The nearest is 'blocks.3.ssm.A_im'." in refusal(capsys)


@every_reader
def test_every_command_reads_a_file_of_ours_by_its_record(
    words: list[str], tmp_path: Path, capsys: Any
) -> None:
    """Its names are those of s5 and of s5-full; the record says which."""
    export.save(tmp_path / "a.npz", init("s5-ptd", 8, channels=3), "s5")
    target = ["--target", "s5-pytorch"] if words[0] == "convert" else words[1:]
    assert main([words[0], str(tmp_path / "a.npz"), *target, "--json"]) == 0
    capsys.readouterr()
    arrays = checkpoints.read(tmp_path / "a.npz").entries
    checkpoints.write(tmp_path / "b.npz", {name: one.read() for name, one in arrays.items()}, {})
    assert main([words[0], str(tmp_path / "b.npz"), *target]) == 2
    option = "--source-target" if words[0] == "convert" else "--target"
    assert f"got s5 and s5-full. Say which by `{option}`." in refusal(capsys)


def test_verify_samples_a_layer_of_a_file_by_its_own_rule(tmp_path: Path, capsys: Any) -> None:
    export.save(tmp_path / "a.npz", init("s4", channels=2), "s4")
    assert export.TARGETS["s4"].rule == "bilinear"
    for given, rule in (([], "bilinear"), (["--rule", "zoh"], "zoh")):
        assert main(["verify", str(tmp_path / "a.npz"), "-L", "32", *given, "--json"]) == 0
        assert f"--rule {rule}" in out(capsys)["built"]


def test_a_page_and_a_kernel_are_of_one_layer(tmp_path: Path, capsys: Any) -> None:
    path = str(model(tmp_path))
    for option in ("--html", "--figure", "--kernel"):
        assert main(["verify", path, option, str(tmp_path / "new.svg")]) == 2
        assert f"`{option}` is of one layer; got 2. Choose one" in refusal(capsys)
    page = tmp_path / "a.html"
    assert main(["verify", path, "--layer", "net.1", "-L", "16", "--html", str(page)]) == 0
    assert page.exists()


def test_a_file_of_ours_that_was_changed_is_not_verified(tmp_path: Path, capsys: Any) -> None:
    export.save(tmp_path / "a.npz", init("s4d-lin", 8, channels=2), "s4d")
    entries, record = checkpoints.read(tmp_path / "a.npz")
    arrays = {name: entry.read() for name, entry in entries.items()}
    checkpoints.write(tmp_path / "b.npz", arrays | {"C": 2 * arrays["C"]}, record)
    assert main(["verify", str(tmp_path / "a.npz"), "-L", "16"]) == 0
    assert main(["verify", str(tmp_path / "b.npz"), "-L", "16"]) == 2
    assert "with another sha256" in capsys.readouterr().err


def test_a_clean_audit_says_so_and_a_shared_remark_is_made_once(
    tmp_path: Path, capsys: Any
) -> None:
    assert main(["audit", str(model(tmp_path))]) == 0
    assert "Nothing wrong was found in 2 layers." in capsys.readouterr().out

    def rounded(arrays: Any) -> Any:
        return {name: one.astype(np.float16).astype(np.float32) for name, one in arrays.items()}

    path = str(model(tmp_path, rounded, force=True))
    assert main(["audit", path]) == 1
    table = capsys.readouterr().out
    assert table.count("exact in float16") == 1
    assert main(["audit", path, "--json"]) == 1
    each = [one for one in out(capsys)["findings"] if one["kind"] == "sixteen-bit"]
    assert len(each) > 2, "machines read each array"


@pytest.mark.parametrize(
    ("name", "target"), [("s4", "annotated-s4"), ("dss-softmax", "dss-softmax")]
)
def test_layouts_of_one_length_are_written_for_it(
    name: str, target: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "layer.safetensors"
    arguments = ["init", name, "-N", "8", "--target", target, "-o", str(path)]
    assert main(arguments) == 2
    assert "`--length` must be given" in refusal(capsys)
    assert main([*arguments, "-L", "256"]) == 0
    assert export.load(path)[1]["length"] == 256
    assert main(["init", "s4d-lin", "-L", "256", "-o", str(path)]) == 2
    assert "`--length` must be one that something depends on" in capsys.readouterr().err


INTERRUPTED = """
import sys
class Finder:
    def find_spec(self, name, *rest):
        if name == "ssmlinalg.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
from ssmlinalg.__main__ import main
sys.exit(main())
"""


def test_an_interruption_while_the_command_line_loads_is_no_traceback() -> None:
    found = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60
    )
    assert (found.returncode, found.stderr) == (130, "ssmlinalg: interrupted; nothing was begun.\n")


@pytest.mark.parametrize("goal", [("--error", "1e-4"), ("--order", "6")])
def test_fit_writes_a_model_of_kernels_that_have_to_be_searched(
    goal: tuple[str, str], tmp_path: Path, capsys: Any
) -> None:
    at = np.arange(64.0)
    h = np.stack([1 / (1 + at) ** 2, np.cos(at / 3) * np.exp(-(at**1.5) / 40)])
    np.save(tmp_path / "kernels.npy", h)
    written = tmp_path / "model.safetensors"
    command = ["fit", str(tmp_path / "kernels.npy"), *goal, "-o", str(written), "--json"]
    assert main(command) == 0
    said = out(capsys)["channels"]
    assert [each["order"] >= each["least"] > 0 for each in said] == [True, True]
    found = export.TARGETS["plain"].back(
        {name: entry.read() for name, entry in checkpoints.read(written).entries.items()}
    )
    misses = np.sum(np.abs(kernel(found, 64) - h), axis=-1) / np.sum(np.abs(h), axis=-1)
    assert np.all(misses <= [each["upper"] + 64 * EPS for each in said])
