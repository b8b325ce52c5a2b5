"""The command line, as a user meets it: in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import ssmlinalg
from ssmlinalg import cli, doctor, export, forms, inits, perturb


def ssm(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "ssmlinalg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def parsed(*arguments: str | Path) -> Any:
    done = ssm(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_main_job(tmp_path: Path) -> None:
    done = ssm(
        "init", "ptd", "--order", "64", "--channels", "256", "--conditioning", "8", "--to", "s4d",
        "-o", "ptd64.safetensors", "--report", "ptd64.html", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "progress belongs on a terminal"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ptd64.html", "ptd64.safetensors"]

    arrays = safetensors.numpy.load_file(tmp_path / "ptd64.safetensors")
    assert {name: array.shape for name, array in arrays.items()} == {
        "C": (256, 32, 2), "log_dt": (256,), "log_A_real": (256, 32), "A_imag": (256, 32),
    }  # fmt: skip
    form, metadata = export.load(tmp_path / "ptd64.safetensors")
    assert isinstance(form, forms.Paired)
    np.testing.assert_allclose(form.A, inits.ptd_init(64, channels=256).A, rtol=1e-6)
    assert metadata["figures"]["condition"] <= 8
    assert metadata["figures"]["transfer_error"] <= metadata["figures"]["transfer_bound"] < 0.07
    assert metadata["built"] == "ssmlinalg init ptd --order 64 --channels 256 --conditioning 8.0 --seed 0"
    assert metadata["ssmlinalg"] == ssmlinalg.__version__

    page = (tmp_path / "ptd64.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    for figure in ("condition", "transfer_error"):
        assert f"{metadata['figures'][figure]:.3g}"[:5] in page


def test_what_is_built_is_what_python_builds(tmp_path: Path) -> None:
    for name, make in inits.INITS.items():
        if not isinstance(make(4), forms.Paired):
            continue
        path = tmp_path / f"{name}.safetensors"
        parsed("init", name, "-N", "5", "-H", "3", "--seed", "7", "-o", path)
        got: Any = export.load(path)[0]
        expected: Any = make(5, channels=3, seed=7)
        np.testing.assert_allclose(got.A, expected.A, rtol=1e-6)
        np.testing.assert_allclose(got.C * got.B, expected.C * expected.B, atol=1e-6 * np.abs(expected.C * expected.B).max())


@pytest.mark.parametrize("name", ["s5", "s5-ptd"])
def test_models_with_several_inputs_go_into_their_own_layout(name: str, tmp_path: Path) -> None:
    path = tmp_path / "s5.safetensors"
    parsed("init", name, "-N", "8", "-H", "3", "--blocks", "2", "--to", "s5-pytorch", "-o", path)
    assert isinstance(export.load(path)[0], forms.MIMO)


def test_options_reach_the_perturbation() -> None:
    figures = parsed("init", "ptd", "-N", "16", "--tau", "0.2")
    assert figures["tau"] == 0.2
    assert figures["condition"] == pytest.approx(perturb.lossless(ssmlinalg.hippo.legs(16), tau=0.2).condition)
    undamped = parsed("init", "ptd", "-N", "16", "--measure", "lagt", "--tau", "1")
    assert undamped["transfer_bound"] is None  # JSON has no infinity
    figures = parsed("init", "ptd", "-N", "16", "--perturbation", "gaussian", "--size", "0.1")
    assert figures["perturbation"] == "gaussian"
    assert figures["backward_error"] == pytest.approx(0.1)


def test_list_names_every_entry_of_every_table() -> None:
    tables = parsed("list")
    assert list(tables["measures"]) == list(ssmlinalg.hippo.MEASURES)
    assert list(tables["inits"]) == list(inits.INITS)
    assert list(tables["targets"]) == list(export.TARGETS)
    assert all(line for table in tables.values() for line in table.values())
    shown = ssm("list").stdout
    assert all(name in shown for table in tables.values() for name in table)


def test_compare_agrees_with_the_theory() -> None:
    rows = {row["name"]: row for row in parsed("compare", "--order", "64")}
    assert set(rows) == {"hippo-legs", "ptd-optimal", "ptd-last_column", "ptd-gaussian", *inits.INITS}
    assert rows["hippo-legs"]["condition"] == pytest.approx(3.2004e47, rel=1e-3)
    assert rows["s4d-legs"]["condition"] == pytest.approx(1, abs=1e-12)
    assert rows["s4d-legs"]["transfer_error"] == pytest.approx(40.70, abs=5e-3)
    assert 7.5 < rows["ptd"]["condition"] <= 8
    assert rows["ptd"]["transfer_error"] == pytest.approx(0.0666, abs=5e-4)
    assert rows["ptd-optimal"]["condition"] <= 8
    assert rows["ptd-optimal"]["transfer_error"] < 0.044
    assert rows["s4"]["transfer_error"] < 1e-12
    assert rows["s4d-lin"]["condition"] is None
    table = ssm("compare", "--order", "64").stdout
    assert "s4d-legs-clipped" in table
    assert "40.7" in table


def test_compare_draws_a_page(tmp_path: Path) -> None:
    done = ssm("compare", "--order", "8", "--html", tmp_path / "all.html")
    assert done.returncode == 0, done.stderr
    assert "s4d-legs" in (tmp_path / "all.html").read_text()


def test_doctor_runs_every_library_and_says_why_not() -> None:
    report = parsed("doctor")
    findings = {(finding["library"], finding["dtype"]): finding for finding in report["libraries"]}
    assert findings["numpy", "float64"]["works"]
    assert findings["torch", "float32"]["works"]
    assert findings["torch", "float64"]["error"] < 1e-13
    for finding in findings.values():
        assert finding["works"] or finding["reason"]
    assert "NVIDIA driver" in [part["name"] for part in report["gpu"]]


def test_doctor_ends_with_status_1_when_an_installed_library_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = doctor.Finding("torch", "float32", "0", "cpu", False, 0.5, 1e-6, "differs from NumPy by 0.5")
    missing = doctor.Finding("cupy", "float32", "", "", False, float("nan"), 1e-6, "No module named 'cupy'")
    monkeypatch.setattr(doctor, "examine", lambda: [wrong, missing])
    assert cli.main(["doctor"]) == 1
    monkeypatch.setattr(doctor, "examine", lambda: [missing])
    assert cli.main(["doctor"]) == 0


REFUSED = {
    "order 0": ("init", "ptd", "--order", "0"),
    "order as a word": ("init", "ptd", "--order", "many"),
    "fractional order": ("compare", "--order", "2.5"),
    "unknown init": ("init", "pdt"),
    "unknown target": ("init", "ptd", "--to", "s4dd", "-o", "x.safetensors"),
    "unknown command": ("make",),
    "unknown option": ("compare", "--colour", "red"),
    "option of another init": ("init", "s4d-lin", "--conditioning", "8"),
    "reversed interval": ("init", "s4d-lin", "--step", "0.1", "0.001"),
    "unreachable tau": ("init", "ptd", "--tau", "2"),
    "report of what has no certificate": ("init", "s4d-lin", "--report", "x.html"),
    "missing folder": ("init", "s4d-lin", "-o", "nowhere/x.safetensors"),
    "folder instead of a file": ("init", "s4d-lin", "-o", "."),
    "layout that cannot hold it": ("init", "s5", "-o", "x.safetensors"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_requests_end_with_status_2_and_one_sentence(case: str, tmp_path: Path) -> None:
    done = ssm(*REFUSED[case], cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("ssmlinalg: ")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_brackets_in_a_sentence_are_kept() -> None:
    assert "'x[torch]'" in ssm("init", "ptd", "--measure", "x[torch]").stderr


def test_existing_files_are_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_text("precious")
    refused = ssm("init", "s4d-lin", "-N", "4", "-o", path)
    assert refused.returncode == 2
    assert "must not exist" in refused.stderr
    assert path.read_text() == "precious"
    assert ssm("init", "s4d-lin", "-N", "4", "-o", path, "--force").returncode == 0
    assert isinstance(export.load(path)[0], forms.Paired)


def test_an_interruption_while_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C at the worst moment: the bytes are written, the file is not yet in its place."""
    code = """
import os, signal, sys
from ssmlinalg.__main__ import main
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["ssmlinalg", "init", "ptd", "-N", "8", "-o", "new.safetensors", "--report", "new.html"]
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 130, done.stderr
    assert done.stderr.startswith("ssmlinalg: interrupted")
    assert not list(tmp_path.iterdir())


def test_without_its_packages_the_command_says_what_to_install() -> None:
    code = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise ModuleNotFoundError("No module named 'typer'", name=name)
sys.meta_path.insert(0, Hidden())
from ssmlinalg.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'ssmlinalg[cli]'" in done.stderr
