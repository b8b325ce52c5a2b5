"""The command line, as a user meets it: in a process of its own."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import ssmlinalg
from ssmlinalg import cli, doctor, export, forms, inits, perturb
from ssmlinalg.comparison import CLAIMS, Measured, measured
from ssmlinalg.verification import LAWS

CHROMIUM = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))


def ssm(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "ssmlinalg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def parsed(*arguments: str | Path) -> Any:
    done = ssm(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_main_job(tmp_path: Path) -> None:
    done = ssm(
        "init", "ptd", "--order", "64", "--channels", "256", "--conditioning", "8", "--target", "s4d",
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
    assert (
        metadata["built"]
        == "ssmlinalg init ptd --order 64 --channels 256 --conditioning 8.0 --seed 0"
    )
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
        np.testing.assert_allclose(
            got.C * got.B,
            expected.C * expected.B,
            atol=1e-6 * np.abs(expected.C * expected.B).max(),
        )


@pytest.mark.parametrize("name", ["s5", "s5-ptd"])
def test_models_with_several_inputs_go_into_their_own_layout(name: str, tmp_path: Path) -> None:
    path = tmp_path / "s5.safetensors"
    parsed(
        "init", name, "-N", "8", "-H", "3", "--blocks", "2", "--target", "s5-pytorch", "-o", path
    )
    assert isinstance(export.load(path)[0], forms.MIMO)


def test_options_reach_the_perturbation() -> None:
    figures = parsed("init", "ptd", "-N", "16", "--tau", "0.2")
    assert figures["tau"] == 0.2
    assert figures["condition"] == pytest.approx(
        perturb.lossless(ssmlinalg.hippo.legs(16), tau=0.2).condition
    )
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


def test_claims_are_measured_and_a_false_one_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["claims", "--order", "16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["impulse"] == {**measured("impulse", 16)._asdict(), "holds": True}
    assert set(found) == {
        name for name, claim in CLAIMS.items() if claim.least <= 16 <= claim.greatest
    }
    assert cli.main(["claims", "--order", "5000"]) == 2
    assert "got 5000. Give at most 4096." in capsys.readouterr().err
    false = CLAIMS["impulse"]._replace(measure=lambda order: Measured(0.25, 0.0, 0.2))
    monkeypatch.setitem(CLAIMS, "impulse", false)
    assert cli.main(["claims", "--order", "16"]) == 1
    assert re.search(r"impulse +fails +0\.25", capsys.readouterr().out)


def test_compare_agrees_with_the_theory() -> None:
    rows = {row["name"]: row for row in parsed("compare", "--order", "64")}
    assert set(rows) == {
        "hippo-legs",
        "ptd-optimal",
        "ptd-last_column",
        "ptd-gaussian",
        "ptd-complex_gaussian",
        *inits.INITS,
    }
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


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium to draw pictures with")
def test_compare_draws_pictures_for_papers_of_unstable_ones_too(tmp_path: Path) -> None:
    done = ssm("compare", "-N", "64", "--html", "all.html", "--figure", "all.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "all-frontier.svg",
        "all-robustness.svg",
        "all.html",
    ]
    assert "ptd-gaussian" in (tmp_path / "all-frontier.svg").read_text()
    assert "s4d-legs" in (tmp_path / "all-robustness.svg").read_text()


# verify


def asked(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    """Status and parsed output, in this process."""
    status = cli.main([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def stored(path: Path, **arrays: Any) -> None:
    np.savez(path, **arrays)


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    return {
        name: np.asarray(value)
        for name, value in inits.s4d_lin_init(6, channels=3, seed=1)._asdict().items()
    }


@pytest.mark.parametrize("name", inits.INITS)
def test_every_initialization_is_verified(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = asked(capsys, "verify", name, "-N", "6", "-L", "50")
    assert [check["law"] for check in found["checks"]] == list(LAWS)
    assert all(check["holds"] for check in found["checks"])
    assert status == 0
    assert found["findings"] == []


def test_a_model_verifies_alike_from_its_name_its_file_and_its_arrays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("-N", "8", "-H", "3", "--seed", "5", "--tau", "0.3")
    assert cli.main(["init", "ptd", *options, "-o", str(tmp_path / "a.safetensors"), "--json"]) == 0
    capsys.readouterr()
    stored(tmp_path / "a.npz", **inits.ptd_init(8, channels=3, seed=5, tau=0.3)._asdict())
    named = asked(capsys, "verify", "ptd", *options)
    loaded = asked(capsys, "verify", tmp_path / "a.npz")
    filed = asked(capsys, "verify", tmp_path / "a.safetensors")
    assert named[0] == loaded[0] == filed[0] == 0
    assert named[1]["checks"] == loaded[1]["checks"]
    assert named[1]["timescales"] == loaded[1]["timescales"]
    for scale, value in named[1]["timescales"].items():
        assert filed[1]["timescales"][scale] == pytest.approx(value, abs=1e-6)


def test_a_model_that_grows_ends_with_status_1_and_names_the_law(
    tmp_path: Path, arrays: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path / "grows.npz", **arrays | {"A": -arrays["A"].conj()})
    status, found = asked(capsys, "verify", tmp_path / "grows.npz")
    assert status == 1
    assert {check["law"]: check["holds"] for check in found["checks"]}["stable"] is False
    assert cli.main(["verify", str(tmp_path / "grows.npz")]) == 1
    assert "fails" in capsys.readouterr().out


def test_what_no_kernel_can_be_made_of_has_its_page_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = np.ones(1) + 0j
    stored(tmp_path / "a.npz", A=1e9 * one, B=one, C=one, D=0, step=1.0)
    status, _ = asked(capsys, "verify", tmp_path / "a.npz", "--html", tmp_path / "a.html")
    assert status == 1
    assert "Not drawn" in (tmp_path / "a.html").read_text()


def test_other_forms_are_read_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = np.ones(1) + 0j
    stored(tmp_path / "a.npz", A=one / 2, B=one, C=one, D=0.0)
    assert asked(capsys, "verify", tmp_path / "a.npz", "--form", "Recurrence")[0] == 0


def test_a_kernel_of_ones_own_is_compared_and_a_wrong_one_explained(
    tmp_path: Path, arrays: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path / "a.npz", **arrays)
    K = ssmlinalg.kernel(forms.Paired(**arrays), 200)
    np.save(tmp_path / "same.npy", K)
    np.save(tmp_path / "twice.npy", 2 * K)
    np.save(tmp_path / "single.npy", K.astype(np.float32))
    np.save(tmp_path / "complex.npy", K + 0.5j * K)
    for same in ("same.npy", "single.npy"):
        assert asked(capsys, "verify", tmp_path / "a.npz", "--kernel", tmp_path / same)[0] == 0
    status, found = asked(
        capsys,
        "verify",
        tmp_path / "a.npz",
        "--kernel",
        tmp_path / "complex.npy",
        "--html",
        tmp_path / "c.html",
    )
    assert status == 1
    assert found["findings"][0]["cause"] == "real"
    page = tmp_path / "twice.html"
    status, found = asked(
        capsys, "verify", tmp_path / "a.npz", "--kernel", tmp_path / "twice.npy", "--html", page
    )
    assert status == 1
    assert found["findings"][0]["cause"] == "factor"
    assert found["findings"][0]["number"] == pytest.approx(2)
    assert found["built"].endswith("--rule zoh --length 200")
    assert "yours" in page.read_text()


def test_verify_tells_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(["verify", "s4d-lin", "-N", "64", "--step", "0.05", "0.05", "--rule", "bilinear"])
        == 0
    )
    shown = capsys.readouterr().out
    for said in (*LAWS, "holds", "half-life", "beyond Nyquist", "34.4 %"):
        assert said in shown


def damaged(name: str, path: Path, arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    """A file no model can be read from, and what is asked of it."""
    stored(path / "a.npz", **arrays)
    whole, bad, kernel = (path / "a.npz").read_bytes(), path / "bad.npz", path / "bad.npy"
    match name:
        case "cut short":
            bad.write_bytes(whole[: len(whole) // 2])
        case "not an archive":
            bad.write_bytes(b"precious")
        case "empty":
            bad.write_bytes(b"")
        case "damaged inside":
            at = len(whole) // 3
            bad.write_bytes(
                whole[:at] + bytes(255 - byte for byte in whole[at : at + 40]) + whole[at + 40 :]
            )
        case "a pickle":
            bad.write_bytes(pickle.dumps(arrays))
        case "a pickle inside":
            stored(bad, **arrays | {"A": np.array([None, arrays])}, allow_pickle=True)
        case "text":
            stored(bad, **arrays | {"A": np.array(["-1"])})
        case "fields missing":
            stored(bad, A=arrays["A"], B=arrays["B"])
        case "fields of another form":
            stored(bad, **arrays | {"P": arrays["B"]})
        case "shapes that do not fit":
            stored(bad, **arrays | {"B": arrays["B"][..., :2]})
        case "not a number":
            stored(bad, **arrays | {"C": arrays["C"] * np.nan})
        case "no such file":
            pass
        case "another ending":
            (path / "bad.pt").write_bytes(b"\x80\x02")
            return (str(path / "bad.pt"),)
        case "an option for a file":
            return str(path / "a.npz"), "--order", "8"
        case "a form for a name":
            return "s4d-lin", "--form", "Dense"
        case "unknown form":
            return str(path / "a.npz"), "--form", "NPLR"
        case "unknown rule":
            return "s4d-lin", "--rule", "zho"
        case "no samples":
            return "s4d-lin", "--length", "0"
        case "a kernel without samples":
            np.save(kernel, np.ones((3, 0)))
            return str(path / "a.npz"), "--kernel", str(kernel)
        case "a kernel that is not finite":
            np.save(kernel, np.array([1.0, np.inf]))
            return str(path / "a.npz"), "--kernel", str(kernel)
        case "a kernel of other channels":
            np.save(kernel, np.ones((7, 50)))
            return str(path / "a.npz"), "--kernel", str(kernel)
        case "a kernel that is no array":
            kernel.write_bytes(pickle.dumps([1.0]))
            return str(path / "a.npz"), "--kernel", str(kernel)
        case "a kernel in an archive":
            return str(path / "a.npz"), "--kernel", str(path / "a.npz")
        case "pictures of another kind":
            return str(path / "a.npz"), "--figure", str(path / "a.gif")
        case "an option it does not take":
            return "s4d-lin", "--tau", "0.5"
    return (str(bad),)


DAMAGES = (
    "cut short", "not an archive", "empty", "damaged inside", "a pickle", "a pickle inside", "text", "fields missing",
    "fields of another form", "shapes that do not fit", "not a number", "no such file", "another ending",
    "an option for a file", "a form for a name", "unknown form", "unknown rule", "no samples",
    "a kernel without samples", "a kernel that is not finite", "a kernel of other channels",
    "a kernel that is no array", "a kernel in an archive", "pictures of another kind", "an option it does not take",
)  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_no_model_is_refused_in_one_sentence(
    name: str, tmp_path: Path, arrays: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    asked_for = damaged(name, tmp_path, arrays)
    there = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert cli.main(["verify", *asked_for, "--html", str(tmp_path / "page.html")]) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"ssmlinalg: [^\n]+; got [^\n]+\. [A-Z0-9`-][^\n]*[.?]\n", said)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == there


def test_verify_draws_a_page_and_pictures_and_keeps_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "a-gain.svg"
    kept.write_text("precious")
    request = [
        "verify",
        "s4d-lin",
        "-N",
        "4",
        "--html",
        str(tmp_path / "a.html"),
        "--figure",
        str(tmp_path / "a.svg"),
    ]
    assert cli.main(request) == 2
    assert "must not exist" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a-gain.svg"]
    if not CHROMIUM:
        pytest.skip("no Chromium to draw pictures with")
    assert cli.main([*request, "--force"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a-gain.svg",
        "a-kernels.svg",
        "a-modes.svg",
        "a.html",
    ]
    assert kept.read_text().startswith("<svg")


def test_doctor_runs_every_library_and_says_why_not() -> None:
    report = parsed("doctor")
    findings = {(finding["library"], finding["dtype"]): finding for finding in report["libraries"]}
    assert findings["numpy", "float64"]["works"]
    assert findings["torch", "float32"]["works"]
    assert findings["torch", "float64"]["error"] < 1e-13
    for finding in findings.values():
        assert finding["works"] or finding["reason"]
    assert "NVIDIA driver" in [part["name"] for part in report["gpu"]]


def test_doctor_ends_with_status_1_when_an_installed_library_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = doctor.Probe(
        "torch", "float32", "0", "cpu", False, 0.5, 1e-6, "differs from NumPy by 0.5"
    )
    missing = doctor.Probe(
        "cupy", "float32", "", "", False, float("nan"), 1e-6, "No module named 'cupy'"
    )
    monkeypatch.setattr(doctor, "examine", lambda: [wrong, missing])
    assert cli.main(["doctor"]) == 1
    monkeypatch.setattr(doctor, "examine", lambda: [missing])
    assert cli.main(["doctor"]) == 0


REFUSED = {
    "order 0": ("init", "ptd", "--order", "0"),
    "order as a word": ("init", "ptd", "--order", "many"),
    "fractional order": ("compare", "--order", "2.5"),
    "unknown init": ("init", "pdt"),
    "unknown target": ("init", "ptd", "--target", "s4dd", "-o", "x.safetensors"),
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
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
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
