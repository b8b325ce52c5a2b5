"""The command line as a user meets it; in a process of its own where the process is what counts."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.numpy

import ssmlinalg
from ssmlinalg import __main__, cli, doctor, export, forms, inits, perturb, report
from ssmlinalg.cli import printing
from ssmlinalg.cli.options import ModelOptions
from ssmlinalg.comparison import CLAIMS, ClaimedFigure, measured
from ssmlinalg.verification import LAWS

CHROMIUM = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
EPS = float(np.finfo(np.float64).eps)
SINGLE = float(np.finfo(np.float32).eps)  # of the files that most layouts are
ROUNDING = 64 * EPS  # of a figure that a few dozen operations make


class Done(NamedTuple):
    """How a command ended, and what it wrote on both streams."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def ssm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line, run in a folder that is empty at first."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Done:
        status = cli.main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return Done(status, out, err)

    return run


def test_the_main_job(tmp_path: Path) -> None:
    """In a process of its own: `python -m ssmlinalg`, warnings and all."""
    request = "init ptd --order 64 --channels 256 --conditioning 8 --target s4d"
    files = "-o ptd64.safetensors --html ptd64.html"
    command = [sys.executable, "-W", "error", "-m", "ssmlinalg", *request.split(), *files.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "progress belongs on a terminal"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ptd64.html", "ptd64.safetensors"]

    arrays = safetensors.numpy.load_file(tmp_path / "ptd64.safetensors")
    assert {name: array.shape for name, array in arrays.items()} == {
        "C": (256, 32, 2),
        "log_dt": (256,),
        "log_A_real": (256, 32),
        "A_imag": (256, 32),
    }
    form, metadata = export.load(tmp_path / "ptd64.safetensors")
    assert isinstance(form, forms.Paired)
    np.testing.assert_allclose(form.A, inits.ptd_init(64, channels=256).A, rtol=8 * SINGLE)
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


def test_what_is_built_is_what_python_builds(ssm: Run) -> None:
    for name, make in inits.INITS.items():
        if not isinstance(make(4), forms.Paired):
            continue
        path = f"{name}.safetensors"
        assert ssm("init", name, "-N", "5", "-H", "3", "--seed", "7", "-o", path).status == 0
        got: Any = export.load(path)[0]
        expected: Any = make(5, channels=3, seed=7)
        weights = expected.C * expected.B
        if name == "mamba2":  # the layer keeps N equal modes as one, whose weight is their sum
            expected = expected._replace(A=expected.A[:, :1])
            weights = weights.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(got.A, expected.A, rtol=8 * SINGLE)
        np.testing.assert_allclose(got.C * got.B, weights, atol=8 * SINGLE * np.abs(weights).max())


@pytest.mark.parametrize("name", ["s5", "s5-ptd"])
def test_models_with_several_inputs_go_into_their_own_layout(name: str, ssm: Run) -> None:
    options = ["-N", "8", "-H", "3", "--blocks", "2", "--target", "s5-pytorch"]
    assert ssm("init", name, *options, "-o", "s5.safetensors").status == 0
    assert isinstance(export.load("s5.safetensors")[0], forms.MIMO)


def test_options_reach_the_perturbation(ssm: Run) -> None:
    figures = ssm("init", "ptd", "-N", "16", "--tau", "0.2", "--json").json
    assert figures["tau"] == 0.2
    assert figures["condition"] == perturb.lossless(ssmlinalg.hippo.legs(16), tau=0.2).condition
    undamped = ssm("init", "ptd", "-N", "16", "--measure", "lagt", "--tau", "1", "--json").json
    assert undamped["transfer_bound"] is None  # JSON has no infinity
    options = ["--perturbation", "gaussian", "--size", "0.1"]
    refused = ssm("init", "ptd", "-N", "16", *options)
    assert refused.status == 2
    assert "must be stable; got a mode" in refused.err
    figures = ssm("init", "ptd", "-N", "16", *options, "--unstable", "--json").json
    assert figures["perturbation"] == "gaussian"
    assert figures["backward_error"] == pytest.approx(0.1, rel=ROUNDING)


@pytest.mark.parametrize("name", inits.INITS)
def test_every_initialization_is_written_for_a_layer_of_its_own(name: str, ssm: Run) -> None:
    length = ["-L", "32"] if name == "dss-softmax" else []
    assert ssm("init", name, "-N", "8", "-H", "2", *length, "-o", "a.safetensors").status == 0
    form, record = export.load("a.safetensors")
    assert record["target"] == export.HOMES[name]
    options = {"length": 32} if length else {}
    assert type(form) is type(inits.INITS[name](8, channels=2, **options))


def test_a_certificate_is_written_for_the_target_that_takes_one(ssm: Run) -> None:
    assert ssm("init", "ptd", "-N", "8", "--target", "ptd-mat", "-o", "a.mat").status == 0
    found = inits.built("ptd", 8).certificate
    assert found is not None
    np.testing.assert_array_equal(export.load("a.mat")[0].A, found.Lambda)


def test_the_step_is_one_number_or_an_interval(ssm: Run) -> None:
    for words, step in (
        (["0.02"], 0.02),
        (["0.01", "0.1"], (0.01, 0.1)),
        (["0.1:0.2"], (0.1, 0.2)),
    ):
        options = ["-N", "4", "-H", "3", "--step", *words, "-o", "a.npz", "--force"]
        done = ssm("init", "s4d-lin", *options, "--target", "plain", "--json")
        assert done.status == 0
        expected: Any = inits.s4d_lin_init(4, channels=3, step=step)
        np.testing.assert_allclose(export.load("a.npz")[0].step, expected.step, rtol=ROUNDING)
        printed = " ".join(words).replace(":", " ")
        assert done.json["built"].endswith(f"--channels 3 --step {printed} --seed 0")


def test_what_is_in_no_file_is_said_and_a_layout_without_a_file_refused(ssm: Run) -> None:
    assert ssm("init", "s4d-lin", "-N", "4").err == (
        "Nothing was written; `--output FILE` writes the arrays.\n"
    )
    assert ssm("init", "s4d-lin", "-N", "4", "--json").json["file"] is None
    done = ssm("init", "s4d-lin", "--target", "s4d")
    assert done.status == 2
    assert "got s4d and no file. Add `--output FILE`." in done.err


@pytest.mark.parametrize("perturbation", perturb.PERTURBATIONS)
def test_every_figure_of_a_certificate_is_explained(perturbation: str) -> None:
    options: dict[str, Any] = {"size": 0.1} if "gaussian" in perturbation else {}
    found = perturb.PERTURBATIONS[perturbation](ssmlinalg.hippo.legs(8), **options)
    assert set(found.figures()) <= set(report.MEANINGS)


def test_claims_fit_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ssmlinalg.cli.printing._PIPE", 80)
    assert cli.main(["claims", "-N", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    statement = " ".join(CLAIMS["impulse"].statement.split())
    words = " ".join(" ".join(line.split()) for line in lines)
    assert statement in words, "broken between words only"


def test_sentences_that_find_no_room_beside_the_figures_stand_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ("a.name.of.twenty.one.", 1.0, 2.0, 3.0, "a sentence of several words, all of them whole")
    heads = ("name", "one", "two", "three", "what it says")
    for width, below in ((120, False), (60, True)):
        monkeypatch.setattr("ssmlinalg.cli.printing._PIPE", width)
        printing.print_table("title", heads, [row, row[:3] + (4.0, "")])
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
        assert any("sentence" in line and "1" in line for line in lines) != below
        words = " ".join(" ".join(line.split()) for line in lines)
        assert all(word in words for word in row[4].split()), "none is broken"
        assert words.count("a.name.of.twenty.one.") == 2 + below


def test_a_certified_bound_is_printed_for_what_has_one(ssm: Run) -> None:
    options = ["-N", "8", "--perturbation", "last_column", "--size", "1e-3"]
    figures = ssm("init", "ptd", *options, "--json").json
    found = perturb.last_column(ssmlinalg.hippo.legs(8), size=1e-3)
    assert figures["transfer_bound"] == found.transfer_bound > 0


def test_help_loads_no_mathematics() -> None:
    """Nor does completion, which runs at every press of a key: help takes 0.2 s of CPU."""
    code = """
import sys
from ssmlinalg import cli
for command in ([], *([name] for name in cli.COMMANDS)):
    cli.main([*command, "--help"])
print(sorted({"numpy", "scipy", "mpmath", "plotly"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_version_and_nothing_at_all(ssm: Run) -> None:
    asked = ssm("-h")
    assert asked.status == 0
    assert asked.out == ssm("--help").out
    assert ssm("init", "-h").status == 0
    assert ssm("--version") == (0, f"ssmlinalg {ssmlinalg.__version__}\n", "")
    assert ssm() == (2, asked.out, "")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("ver", ["verify"]),
        ("init s4d-legs", ["s4d-legs", "s4d-legs-clipped"]),
        ("init s4 --target s5-", ["s5-full", "s5-pytorch"]),
        ("list in", ["inits"]),
        ("verify ptd --rule back", ["backward"]),
    ],
)
def test_names_are_completed(
    words: str,
    completed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_SSMLINALG_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"ssmlinalg {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    with pytest.raises(SystemExit):
        cli.main([])
    assert capsys.readouterr().out.split() == completed


def test_list_names_every_entry_of_every_table(ssm: Run) -> None:
    tables = ssm("list", "--json").json
    assert list(tables["measures"]) == list(ssmlinalg.hippo.MEASURES)
    assert list(tables["inits"]) == list(inits.INITS)
    assert list(tables["targets"]) == list(export.TARGETS)
    assert all(line for table in tables.values() for line in table.values())
    for name in ("measures", "inits", "laws", "checks", "targets"):
        assert len(set(tables[name].values())) == len(tables[name]), "each says what it is"
    shown = ssm("list").out
    assert all(name in shown for table in tables.values() for name in table)
    assert ssm("list", "inits", "--json").json == {"inits": tables["inits"]}
    assert "Did you mean 'inits'?" in ssm("list", "init").err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_says_what_it_does_and_what_it_takes(command: str, ssm: Run) -> None:
    done = ssm(command, "--help")
    assert done.status == 0
    assert "--json" in done.out
    first = (cli.COMMANDS[command].__doc__ or "").partition("\n")[0]
    assert " ".join(first.split()[:4]) in done.out


def test_options_of_models_are_those_of_the_initializations() -> None:
    own = set().union(*map(inits.options, inits.INITS))
    assert set(ModelOptions._fields) <= own


def test_claims_are_measured_and_a_false_one_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, ssm: Run
) -> None:
    done = ssm("claims", "--order", "16", "--json")
    assert done.status == 0
    assert done.json["impulse"] == {**measured("impulse", 16)._asdict(), "holds": True}
    assert set(done.json) == {
        name for name, claim in CLAIMS.items() if claim.least <= 16 <= claim.greatest
    }
    done = ssm("claims", "--order", "5000")
    assert done.status == 2
    assert "got 5000. Give 1 to 4096." in done.err
    false = CLAIMS["impulse"]._replace(measure=lambda order: ClaimedFigure(0.25, 0.0, 0.2))
    monkeypatch.setitem(CLAIMS, "impulse", false)
    done = ssm("claims", "--order", "16")
    assert done.status == 1
    assert re.search(r"impulse +fails +0\.25", done.out)


def test_compare_agrees_with_the_theory(ssm: Run) -> None:
    order = 64
    rows = {row["name"]: row for row in ssm("compare", "--order", order, "--json").json}
    assert set(rows) == {
        "hippo-legs",
        "ptd-optimal",
        "ptd-last_column",
        "ptd-gaussian",
        "ptd-complex_gaussian",
        *inits.INITS,
    }
    # Figures of docs/theory.md, to the digits given there.
    assert rows["hippo-legs"]["condition"] == pytest.approx(3.2004e47, rel=1e-3)
    assert rows["s4d-legs"]["condition"] == pytest.approx(1, abs=64 * order * EPS)
    assert rows["s4d-legs"]["transfer_error"] == pytest.approx(40.70, abs=5e-3)
    assert 7.5 < rows["ptd"]["condition"] <= 8
    assert rows["ptd"]["transfer_error"] == pytest.approx(0.0666, abs=5e-4)
    assert rows["ptd-optimal"]["condition"] <= 8
    assert rows["ptd-optimal"]["transfer_error"] < 0.044
    assert rows["s4"]["transfer_error"] < 64 * order * EPS
    assert rows["s4d-lin"]["condition"] is None
    table = ssm("compare", "--order", order).out
    assert "s4d-legs-clipped" in table
    assert "40.7" in table


def test_compare_draws_a_page(ssm: Run, tmp_path: Path) -> None:
    assert ssm("compare", "--order", "8", "--html", "all.html").status == 0
    assert "s4d-legs" in (tmp_path / "all.html").read_text()


def test_pages_of_one_folder_share_a_script_on_request(ssm: Run, tmp_path: Path) -> None:
    for command in ("compare", "init ptd"):
        page = f"{command[:4]}.html"
        assert ssm(*command.split(), "-N", "8", "--html", page, "--share-script").status == 0
        assert (tmp_path / page).stat().st_size < 200_000
    (script,) = tmp_path.glob("plotly-*.min.js")
    assert f'<script src="{script.name}">' in (tmp_path / "init.html").read_text()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium to draw pictures with")
def test_compare_draws_pictures_for_papers_of_unstable_ones_too(ssm: Run, tmp_path: Path) -> None:
    done = ssm("compare", "-N", "64", "--html", "all.html", "--figure", "all.svg")
    assert done.status == 0, done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "all-frontier.svg",
        "all-robustness.svg",
        "all.html",
    ]
    assert "ptd-gaussian" in (tmp_path / "all-frontier.svg").read_text()
    assert "s4d-legs" in (tmp_path / "all-robustness.svg").read_text()


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium to draw pictures with")
def test_init_draws_its_certificate(ssm: Run, tmp_path: Path) -> None:
    assert ssm("init", "ptd", "-N", "8", "--figure", "a.svg").status == 0
    names = ["a-deviation.svg", "a-kernels.svg", "a-response.svg", "a-spectrum.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


# verify


def stored(path: str, arrays: Any) -> None:
    np.savez(path, **arrays)


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    return {
        name: np.asarray(value)
        for name, value in inits.s4d_lin_init(6, channels=3, seed=1)._asdict().items()
    }


@pytest.mark.parametrize("name", inits.INITS)
def test_every_initialization_is_verified(name: str, ssm: Run) -> None:
    done = ssm("verify", name, "-N", "6", "-L", "50", "--json")
    assert [check["law"] for check in done.json["checks"]] == list(LAWS)
    assert all(check["holds"] for check in done.json["checks"])
    assert done.status == 0
    assert done.json["findings"] == []


def test_a_model_verifies_alike_from_its_name_its_file_and_its_arrays(ssm: Run) -> None:
    options = ("-N", "8", "-H", "3", "--seed", "5", "--tau", "0.3")
    assert ssm("init", "ptd", *options, "-o", "a.safetensors").status == 0
    np.savez("a.npz", **inits.ptd_init(8, channels=3, seed=5, tau=0.3)._asdict())
    named = ssm("verify", "ptd", *options, "--json")
    loaded = ssm("verify", "a.npz", "--json")
    filed = ssm("verify", "a.safetensors", "--json")
    assert named.status == loaded.status == filed.status == 0
    assert named.json["checks"] == loaded.json["checks"]
    assert named.json["timescales"] == loaded.json["timescales"]
    for scale, share in named.json["timescales"].items():
        assert filed.json["timescales"][scale] == share


def test_a_model_that_grows_ends_with_status_1_and_names_the_law(
    arrays: dict[str, np.ndarray], ssm: Run
) -> None:
    stored("grows.npz", arrays | {"A": -arrays["A"].conj()})
    done = ssm("verify", "grows.npz", "--json")
    assert done.status == 1
    holds = {check["law"]: check["holds"] for check in done.json["checks"]}
    assert holds["stable"] is False
    done = ssm("verify", "grows.npz")
    assert done.status == 1
    assert "fails" in done.out


def test_what_no_kernel_can_be_made_of_has_its_page_and_status_1(ssm: Run, tmp_path: Path) -> None:
    one = np.ones(1) + 0j
    np.savez("a.npz", A=1e9 * one, B=one, C=one, D=0, step=1.0)
    assert ssm("verify", "a.npz", "--html", "a.html").status == 1
    assert "Not drawn" in (tmp_path / "a.html").read_text()


def test_other_forms_are_read_by_name(ssm: Run) -> None:
    one = np.ones(1) + 0j
    np.savez("a.npz", A=one / 2, B=one, C=one, D=0.0)
    assert ssm("verify", "a.npz", "--form", "Recurrence").status == 0


def test_a_kernel_of_ones_own_is_compared_and_a_wrong_one_explained(
    arrays: dict[str, np.ndarray], ssm: Run, tmp_path: Path
) -> None:
    stored("a.npz", arrays)
    K = ssmlinalg.kernel(forms.Paired(**arrays), 200)
    np.save("same.npy", K)
    np.save("twice.npy", 2 * K)
    np.save("single.npy", K.astype(np.float32))
    np.save("complex.npy", K + 0.5j * K)
    for same in ("same.npy", "single.npy"):
        assert ssm("verify", "a.npz", "--kernel", same).status == 0
    done = ssm("verify", "a.npz", "--kernel", "complex.npy", "--html", "complex.html", "--json")
    assert done.status == 1
    assert done.json["findings"][0]["cause"] == "real"
    done = ssm("verify", "a.npz", "--kernel", "twice.npy", "--html", "twice.html", "--json")
    assert done.status == 1
    assert done.json["findings"][0]["cause"] == "factor"
    assert done.json["findings"][0]["number"] == pytest.approx(2, rel=ROUNDING)
    assert done.json["built"].endswith("--rule zoh --length 200")
    assert "yours" in (tmp_path / "twice.html").read_text()


def test_verify_prints_its_tables(ssm: Run) -> None:
    options = ["-N", "64", "--step", "0.05", "0.05", "--rule", "bilinear"]
    done = ssm("verify", "s4d-lin", *options)
    assert done.status == 0
    for said in (*LAWS, "holds", "half-life", "beyond Nyquist", "34.4 %"):
        assert said in done.out


Arrays = dict[str, np.ndarray]
# Files no model can be read from, as what was done to the bytes of a sound one,
BYTES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda whole: whole[: len(whole) // 2],
    "not an archive": lambda whole: b"precious",
    "empty": lambda whole: b"",
    "damaged inside": lambda whole: _flipped(whole, len(whole) // 3, 40),
    "a pickle": lambda whole: pickle.dumps({"A": [1.0]}),
}
# or to its arrays,
CHANGES: dict[str, Callable[[Arrays], Arrays]] = {
    "a pickle inside": lambda arrays: arrays | {"A": np.array([None, "code"])},
    "text": lambda arrays: arrays | {"A": np.array(["-1"])},
    "fields missing": lambda arrays: {"A": arrays["A"], "B": arrays["B"]},
    "fields of another form": lambda arrays: arrays | {"P": arrays["B"]},
    "shapes that do not fit": lambda arrays: arrays | {"B": arrays["B"][..., :2]},
    "not a number": lambda arrays: arrays | {"C": arrays["C"] * np.nan},
}
# kernels that are none,
KERNELS: dict[str, np.ndarray] = {
    "a kernel without samples": np.ones((3, 0)),
    "a kernel that is not finite": np.array([1.0, np.inf]),
    "a kernel of other channels": np.ones((7, 50)),
}
# and requests that make no sense of a.npz, which is sound, bad.npy, a pickle, or bad.pt.
REQUESTS: dict[str, str] = {
    "no such file": "none.npz",
    "another ending": "bad.pt",
    "an option for a file": "a.npz --order 8",
    "a form for a name": "s4d-lin --form Dense",
    "unknown form": "a.npz --form NPLR",
    "unknown rule": "s4d-lin --rule zho",
    "no samples": "s4d-lin --length 0",
    "a kernel that is no array": "a.npz --kernel bad.npy",
    "a kernel in an archive": "a.npz --kernel a.npz",
    "pictures of another kind": "a.npz --figure a.gif",
    "an option it does not take": "s4d-lin --tau 0.5",
}


def _flipped(data: bytes, at: int, count: int) -> bytes:
    flipped = bytes(255 - byte for byte in data[at : at + count])
    return data[:at] + flipped + data[at + count :]


def request(name: str, arrays: Arrays) -> list[str]:
    """The arguments of one case; its files lie in the folder that is current."""
    sound = Path("a.npz")
    stored("a.npz", arrays)
    bad = Path("bad.npz")
    if name in BYTES:
        bad.write_bytes(BYTES[name](sound.read_bytes()))
        return [str(bad)]
    if name in CHANGES:
        stored("bad.npz", CHANGES[name](arrays))
        return [str(bad)]
    if name in KERNELS:
        np.save("bad.npy", KERNELS[name])
        return [str(sound), "--kernel", "bad.npy"]
    Path("bad.npy").write_bytes(pickle.dumps([1.0]))
    Path("bad.pt").write_bytes(b"\x80\x02")
    return REQUESTS[name].split()


@pytest.mark.parametrize("name", [*BYTES, *CHANGES, *KERNELS, *REQUESTS])
def test_what_is_no_model_is_refused_in_one_sentence(
    name: str, arrays: dict[str, np.ndarray], ssm: Run, tmp_path: Path
) -> None:
    arguments = request(name, arrays)
    there = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = ssm("verify", *arguments, "--html", "page.html")
    assert done.status == 2
    assert done.out == ""
    assert re.fullmatch(r"ssmlinalg: [^\n]+; got [^\n]+\. [A-Z0-9`-][^\n]*[.?]\n", done.err)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == there


def test_verify_draws_a_page_and_pictures_and_keeps_what_is_there(ssm: Run, tmp_path: Path) -> None:
    kept = tmp_path / "a-gain.svg"
    kept.write_text("precious")
    asked = ["verify", "s4d-lin", "-N", "4", "--html", "a.html", "--figure", "a.svg"]
    done = ssm(*asked)
    assert done.status == 2
    assert "must not exist" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["a-gain.svg"]
    if not CHROMIUM:
        pytest.skip("no Chromium to draw pictures with")
    assert ssm(*asked, "--force").status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a-gain.svg",
        "a-kernels.svg",
        "a-modes.svg",
        "a.html",
    ]
    assert kept.read_text().startswith("<svg")


def test_steps_prints_what_python_suggests(ssm: Run, tmp_path: Path) -> None:
    """From series in a file, and from a length with lags; the line at the end builds the model."""
    u = np.cumsum(np.random.default_rng(0).standard_normal((8, 512)), axis=-1)
    np.save(tmp_path / "u.npy", u)
    asked = ["--init", "s4d-inv", "-N", "16", "--sample-rate", "100"]
    found = json.loads(ssm("steps", str(tmp_path / "u.npy"), *asked, "--json").out)
    expected = ssmlinalg.verification.suggest_step(u, init="s4d-inv", order=16, sample_rate=100.0)
    assert tuple(found["step"]) == expected.step
    assert found["reason"] == expected.reason
    shares = ssmlinalg.verification.coverage("s4d-inv", found["coverage"]["step"], 512, order=16)
    assert found["coverage"]["beyond_nyquist"] == shares["beyond_nyquist"].tolist()
    out = ssm("steps", "1024", "--lags", "20", "200", "--svg", str(tmp_path / "x.svg")).out
    assert (tmp_path / "x-steps.svg").exists()
    last = out.splitlines()[-1]
    assert last == "ssmlinalg init s4d-lin --order 64 --step 0.01 0.0645"
    assert ssm(*last.split()[1:]).status == 0
    np.savez(tmp_path / "two.npz", a=u, b=u)
    refused = ssm("steps", str(tmp_path / "two.npz"))
    assert refused.status == 2
    assert "--key must name an array of the file; got None. It holds a, b." in refused.err


def test_doctor_prints_what_it_found(monkeypatch: pytest.MonkeyPatch, ssm: Run) -> None:
    """Two libraries of those that `test_doctor` runs: the other ones take seconds to load."""
    places = {name: doctor.PLACES[name] for name in ("numpy", "cupy")}
    monkeypatch.setattr(doctor, "PLACES", places)
    report = ssm("doctor", "--json").json
    findings = {(finding["library"], finding["dtype"]): finding for finding in report["libraries"]}
    assert list(findings) == [(name, f"float{bits}") for name in places for bits in (64, 32)]
    for finding in findings.values():
        assert finding["works"] or finding["reason"]
        assert (finding["state"] == "works") == finding["works"]
    assert "NVIDIA driver" in [part["name"] for part in report["gpu"]]
    shown = ssm("doctor").out
    assert all(finding["state"] in shown for finding in findings.values())


WRONG = doctor.Probe(
    library="torch",
    dtype="float32",
    version="0",
    device="cpu",
    works=False,
    state="differs",
    error=0.5,
    allowed=1e-6,
    reason="differs from NumPy by 0.5",
)
MISSING = doctor.Probe(
    library="cupy",
    dtype="float32",
    version="",
    device="",
    works=False,
    state="not installed",
    error=float("nan"),
    allowed=1e-6,
    reason="No module named 'cupy'",
)


def test_doctor_ends_with_status_1_when_an_installed_library_is_wrong(
    monkeypatch: pytest.MonkeyPatch, ssm: Run
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: [WRONG, MISSING])
    assert ssm("doctor").status == 1
    monkeypatch.setattr(doctor, "examine", lambda: [MISSING])
    assert ssm("doctor").status == 0


REFUSED = {
    "order 0": "init ptd --order 0",
    "order as a word": "init ptd --order many",
    "fractional order": "compare --order 2.5",
    "unknown init": "init pdt",
    "unknown target": "init ptd --target s4dd -o x.safetensors",
    "unknown command": "make",
    "unknown option": "compare --colour red",
    "option of another init": "init s4d-lin --conditioning 8",
    "reversed interval": "init s4d-lin --step 0.1 0.001",
    "unreachable tau": "init ptd --tau 2",
    "a page of what has no certificate": "init s4d-lin --html x.html",
    "pictures of what has no certificate": "init s4d-lin --figure x.svg",
    "missing folder": "init s4d-lin -o nowhere/x.safetensors",
    "missing folder of a page": "compare --html nowhere/x.html",
    "unknown perturbation": "compare --perturbation optimum",
    "folder instead of a file": "init s4d-lin -o .",
    "layout that cannot hold it": "init s5 --target s4d -o x.safetensors",
    "layout without a file": "init ptd --target s4d",
    "step of three numbers": "init ptd --step 1:2:3",
    "unknown table": "list initializations",
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_requests_end_with_status_2_and_one_sentence(
    case: str, ssm: Run, tmp_path: Path
) -> None:
    done = ssm(*REFUSED[case].split())
    assert done.status == 2
    assert done.out == ""
    assert "Traceback" not in done.err
    assert done.err.startswith("ssmlinalg: ")
    assert len(done.err.splitlines()) == 1
    assert re.search(r"[^.?][.?]$", done.err.rstrip()), "one sentence or two, each ended once"
    assert not re.search(r"`(?!--|ssm)[a-z_]+`", done.err), "a name of Python, not of an option"
    assert not list(tmp_path.iterdir())


def test_brackets_in_a_sentence_are_kept(ssm: Run) -> None:
    assert "'x[torch]'" in ssm("init", "ptd", "--measure", "x[torch]").err


def test_existing_files_are_kept_unless_forced(ssm: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_text("precious")
    refused = ssm("init", "s4d-lin", "-N", "4", "-o", path)
    assert refused.status == 2
    assert "must not exist" in refused.err
    assert path.read_text() == "precious"
    assert ssm("init", "s4d-lin", "-N", "4", "-o", path, "--force").status == 0
    assert isinstance(export.load(path)[0], forms.Paired)


def test_an_interruption_while_writing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C at the worst moment: the bytes are written, the file is not yet in its place."""
    monkeypatch.chdir(tmp_path)
    # Sent to this thread, the signal is handled before the call returns; sent to the process, as
    # os.kill does, it may reach another thread first and be handled when the file is in place.
    monkeypatch.setattr("os.fsync", lambda descriptor: signal.raise_signal(signal.SIGINT))
    words = "ssmlinalg init ptd -N 8 -o new.safetensors --html new.html"
    monkeypatch.setattr("sys.argv", words.split())
    assert __main__.main() == 130
    assert capsys.readouterr().err.startswith("ssmlinalg: interrupted")
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
