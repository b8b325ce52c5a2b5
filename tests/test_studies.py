"""Studies: every point once, whatever is killed; figures are those of the functions they name."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ssmlinalg
from ssmlinalg import export, hippo, inits, kernels, perturb, studies
from ssmlinalg.cli.application import main
from ssmlinalg.studies import study_points

CHECKPOINT = ["findings", "layers", "bytes"]
OF_MODELS = sorted(studies.FIGURES.keys() - {"findings", "layers"})


def counted(place: str, at: int, deadly: str = "") -> dict[str, Any]:
    """A figure that leaves a mark wherever it is computed, and may kill its process first."""
    with open(f"{place}/{at}", "a") as file:
        file.write(f"{os.getpid()}\n")
    if deadly == "always" and at == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if deadly == "once" and at == 1 and len(Path(f"{place}/{at}").read_text().split()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if deadly == "slow":
        time.sleep(0.15)
    if deadly == "wrong" and at == 1:
        raise ValueError("at one")
    return {"double": 2 * at}


RETURNED = {
    "complex": {"z": 1 + 2j},
    "sets": {"z": {1}},
    "a list": [1],
    "None": None,
    "an array": {"z": np.array([1.0, np.nan])},
}


def returned(what: str) -> Any:
    """A function that returns what has no JSON, or leaves."""
    if what == "leaves":
        sys.exit(3)
    return RETURNED[what]


def marks(place: Path) -> dict[int, int]:
    return {int(file.name): len(file.read_text().split()) for file in place.iterdir()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


def over(place: Path, count: int, **more: Any) -> dict[str, list[Any]]:
    return {"place": [str(place)], "at": list(range(count))} | {k: [v] for k, v in more.items()}


def test_a_study_goes_on_where_it_stopped(place: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(KeyboardInterrupt):
            studies.sweep(over(place, 5), counted, out, executor=threads, progress=stop)
        assert 2 <= len(studies.rows(out)) < 5
        found = studies.sweep(over(place, 5), counted, out, executor=threads)
        again = studies.sweep(over(place, 5), counted, out, executor=threads)
    assert [row["figures"]["double"] for row in found] == [0, 2, 4, 6, 8]
    assert again == found
    assert marks(place) == dict.fromkeys(range(5), 1)
    assert not [file for file in out.rglob("*") if file.is_file() and file.suffix != ".json"]


def test_what_goes_wrong_at_a_point_is_its_row(place: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        found = studies.sweep(
            over(place, 3, deadly="wrong"), counted, tmp_path / "out", executor=threads
        )
    assert [row["error"] for row in found] == [None, "ValueError: at one", None]


def test_figures_without_json_and_functions_that_leave_are_rows(tmp_path: Path) -> None:
    lists = {"what": [*RETURNED, "leaves"]}
    found = studies.sweep(lists, returned, tmp_path)
    said = {row["point"]["what"]: row["error"] for row in found}
    assert said.pop("an array") is None
    assert found[4]["figures"] == {"z": [1.0, "nan"]}
    assert said.pop("leaves") == "SystemExit: 3"
    assert all(words.startswith("TypeError: ") for words in said.values())
    assert "the figure z" in said["complex"]
    assert "figures" in said["a list"]


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"null", b"[]", b'{"point": {}}'])
def test_a_damaged_row_is_measured_again(place: Path, tmp_path: Path, damage: bytes) -> None:
    out = tmp_path / "out"
    with ThreadPoolExecutor(1) as threads:
        found = studies.sweep(over(place, 2), counted, out, executor=threads)
        next(out.rglob(f"{found[1]['key']}.json")).write_bytes(damage)
        with pytest.raises(ValueError, match="damaged"):
            studies.rows(out)
        again = studies.sweep(over(place, 2), counted, out, executor=threads)
    assert [row["figures"] for row in again] == [row["figures"] for row in found]
    assert marks(place) == {0: 1, 1: 2}
    assert len(studies.rows(out)) == 2


@pytest.mark.parametrize("deadly", ["once", "always"])
def test_a_killed_process_loses_its_point_at_most(place: Path, tmp_path: Path, deadly: str) -> None:
    found = studies.sweep(over(place, 4, deadly=deadly), counted, tmp_path / "out")
    assert len(found) == 4
    errors = [row["error"] for row in found]
    died = "its process died, twice" if deadly == "always" else None
    assert errors == [None, died, None, None]
    assert marks(place) == {0: 1, 1: 2, 2: 1, 3: 1}


def test_shards_are_a_partition(place: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        parts = [
            studies.sweep(over(place, 7), counted, tmp_path, executor=threads, shard=(i, 3))
            for i in (1, 2, 3)
        ]
    assert sorted(len(part) for part in parts) == [2, 2, 3]
    assert marks(place) == dict.fromkeys(range(7), 1)


def test_dask_loses_nothing_and_computes_nothing_twice(place: Path, tmp_path: Path) -> None:
    """A cluster of two processes, one of which is killed in the middle."""
    distributed = pytest.importorskip("distributed")
    killed: list[int] = []
    place_of: dict[str, int] = {}

    def kill(done: int, total: int) -> None:
        if done == 6 and not killed:
            killed.append(place_of["pid"])
            os.kill(place_of["pid"], signal.SIGKILL)

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    quiet = {"dashboard_address": None, "silence_logs": 50}
    with (
        distributed.LocalCluster(**options, **quiet) as cluster,
        distributed.Client(cluster) as client,
    ):
        place_of["pid"] = next(iter(client.run(os.getpid).values()))
        found = studies.sweep(
            over(place, 20, deadly="slow"),
            counted,
            tmp_path / "out",
            executor=client,
            progress=kill,
        )
    assert killed
    assert [row["figures"]["double"] for row in found] == list(range(0, 40, 2))
    again = {at: n for at, n in marks(place).items() if n > 1}
    assert sum(n - 1 for n in again.values()) <= 1  # the point it was at
    for at in again:
        assert str(killed[0]) in (place / str(at)).read_text()


@pytest.mark.parametrize("name", OF_MODELS)
def test_every_figure_has_a_value_with_json(name: str) -> None:
    point = {"init": "ptd", "order": 8, "channels": 2, "length": 64, "error": 1e-2}
    value = studies.FIGURES[name](studies.Subject(point))
    assert value is not None
    json.dumps(value, allow_nan=False)


def test_figures_are_those_of_the_functions_they_name() -> None:
    point = {"init": "ptd", "order": 16, "conditioning": 4.0, "length": 100, "dtype": "float32"}
    subject = studies.Subject(point)
    found = perturb.lossless(hippo.legs(16), conditioning=4.0)
    figures = studies.FIGURES
    assert figures["condition"](subject) == found.condition
    assert figures["transfer_error"](subject) == found.transfer_error
    form = inits.ptd_init(16, conditioning=4.0)
    assert figures["abscissa"](subject) == form.A.real.max()
    single = ssmlinalg.move(form, "numpy", dtype="float32")
    K = kernels.kernel(form, 100)
    error = np.abs(kernels.kernel(single, 100) - K).max() / np.abs(K).max()
    assert figures["kernel_error"](subject) == error
    assert 0 < error < 1e-3
    assert figures["condition"](studies.Subject({"init": "s4d-lin", "order": 8})) is None


@pytest.mark.parametrize("order", [8, 64])
def test_the_abscissa_of_s4_is_that_of_hippo(order: int) -> None:
    """-1, the first of the eigenvalues -1, ..., -N; its normal part has -1/2."""
    found = studies.FIGURES["abscissa"](studies.Subject({"init": "s4", "order": order}))
    assert found == pytest.approx(-1, abs=1e-9)


def test_checkpoints_are_audited_by_pattern(tmp_path: Path) -> None:
    for name, init in (("a", "s4d-lin"), ("b", "s4d-inv")):
        export.save(tmp_path / f"{name}.npz", inits.INITS[init](8, channels=2), "s4d")
    lists = {"checkpoint": [f"{tmp_path}/*.npz"]}
    with ThreadPoolExecutor(1) as threads:
        found = studies.sweep(lists, CHECKPOINT, tmp_path / "out", executor=threads)
    assert [row["error"] for row in found] == [None, None]
    assert ["s4d-lin" in str(row["figures"]["layers"]) for row in found] == [True, False]
    assert all(
        row["figures"]["bytes"] == os.path.getsize(row["point"]["checkpoint"]) for row in found
    )


def test_an_address_is_fetched(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    export.save(tmp_path / "a.npz", inits.s4d_lin_init(8, channels=2), "s4d")
    fsspec.filesystem("memory").put(str(tmp_path / "a.npz"), "/a.npz")
    lists = {"checkpoint": ["memory://a.npz"]}
    with ThreadPoolExecutor(1) as threads:
        (row,) = studies.sweep(lists, CHECKPOINT, tmp_path / "out", executor=threads)
    assert row["error"] is None
    assert "s4d-lin" in str(row["figures"]["layers"])
    assert row["figures"]["bytes"] == os.path.getsize(tmp_path / "a.npz")


def test_a_key_is_of_all_that_a_row_depends_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.npz"
    file.write_bytes(b"1")
    point = {"checkpoint": str(file), "order": 8}
    keys = [
        studies.key(point, ["bytes"]),
        studies.key(point, ["bytes", "modes"]),
        studies.key(point | {"order": 9}, ["bytes"]),
        studies.key(point, counted),
    ]
    file.write_bytes(b"22")
    keys.append(studies.key(point, ["bytes"]))
    monkeypatch.setattr(study_points, "__version__", "another")
    keys.append(studies.key(point, ["bytes"]))
    assert max(Counter(keys).values()) == 1


def test_the_table_has_a_column_for_each_choice_and_figure(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with ThreadPoolExecutor(1) as threads:
        lists = {"init": ["ptd", "nonsense"], "order": [8]}
        found = studies.sweep(lists, ["condition"], tmp_path / "out", executor=threads)
    studies.write_table(found, tmp_path / "a.csv")
    studies.write_table(found, tmp_path / "a.parquet")
    with open(tmp_path / "a.csv") as file:
        table = list(csv.DictReader(file))
    assert [row["init"] for row in table] == ["ptd", "nonsense"]
    held = parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert float(table[0]["condition"]) == held["condition"][0] == found[0]["figures"]["condition"]
    assert "nonsense" in held["error"][1]


def test_no_column_takes_the_place_of_another(tmp_path: Path) -> None:
    row = {"point": {"order": 8, "error": 1e-3}, "figures": {"order": 4, "seconds": 9, "modes": 4}}
    row |= {"error": "ValueError: x", "seconds": 0.1, "version": "1"}
    studies.write_table([row], tmp_path / "a.csv")
    head, line = csv.reader((tmp_path / "a.csv").read_text().splitlines())
    assert dict(zip(head, line, strict=True)) == {
        "order": "8",
        "point.error": "0.001",
        "figures.order": "4",
        "figures.seconds": "9",
        "modes": "4",
        "error": "ValueError: x",
        "seconds": "0.1",
        "version": "1",
    }


def test_parquet_takes_columns_of_mixed_values(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "bound": ["inf", 2.5, None, 3],
        "step": [0.1, [0.001, 0.1], "rule", True],
        "large": [2**70, 1, None, 2],
        "count": [1, 2, None, 2**60 + 1],
        "words": ["a,b\nc", "inf", None, "d"],
    }
    facts = {"error": None, "seconds": 0.1, "version": "1", "figures": {}}
    points = [
        dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
    ]
    studies.write_table([{"point": point} | facts for point in points], tmp_path / "a.parquet")
    held = parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert held["bound"] == [np.inf, 2.5, None, 3.0]
    assert held["step"] == ["0.1", "[0.001, 0.1]", "rule", "true"]
    assert held["large"] == [2.0**70, 1.0, None, 2.0]
    assert held["count"] == columns["count"]
    assert held["words"] == columns["words"]


def test_points_take_scalars_of_numpy_and_files_with_brackets(tmp_path: Path) -> None:
    file = tmp_path / "a[1].npz"
    file.touch()
    values = {"order": [np.int64(8)], "error": [np.float32(0.5)], "checkpoint": [file]}
    (point,) = studies.points(values)
    assert point == {"order": 8, "error": 0.5, "checkpoint": str(file)}
    assert type(point["order"]) is int
    with pytest.raises(ValueError, match="got nan"):
        studies.points({"error": [1.0, float("nan")]})
    with pytest.raises(TypeError, match="`checkpoint` must be"):
        studies.points({"checkpoint": [None]})


def test_a_function_that_was_typed_in_is_refused_before_work(tmp_path: Path) -> None:
    code = "from ssmlinalg import studies\ndef f(a): return {}\n"
    code += f"studies.sweep({{'a': [1]}}, f, {str(tmp_path / 'out')!r})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert "TypeError: `measure` must be a function of a file" in said
    assert not (tmp_path / "out").exists()


STUDY = """
measure = ["condition", "transfer_error"]
[over]
init = "ptd"
order = [8, 16]
conditioning = [4.0, 8.0]
"""


def test_the_command_runs_a_file_and_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    out = tmp_path / "out"
    page = tmp_path / "page.html"
    words = ["sweep", str(file), "-o", str(out)]
    assert main([*words, "--shard", "1/2", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert main([*words, "--html", str(page)]) == 0
    assert "4 points" in capsys.readouterr().out
    assert len(studies.rows(out)) == 4
    assert (out / "table.csv").read_text().startswith("init,order,conditioning,condition")
    assert "transfer_error" in page.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("measure = []\n[over]\norder = [8]", "must name figures"),
        ('measure = ["conditon"]\n[over]\norder = [8]', "condition"),
        ('measure = ["modes"]\n[over]\norder = []', "must hold values under order"),
        ('measure = ["modes"]', "must hold lists"),
        ('measure = ["modes"]\n[ower]\norder = [8]', "over"),
        ("measure = [", "must be a file of TOML"),
        ('measure = ["bytes"]\n[over]\ncheckpoint = "none/*.npz"', "fits none"),
    ],
)
def test_a_study_that_is_wrong_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(text)
    assert main(["sweep", str(file), "-o", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_interrupted_command_keeps_its_rows_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(STUDY.replace("[8, 16]", f"{[*range(8, 200)]}"))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ssmlinalg", "sweep", str(file), "-o", str(out)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(out.rglob("*.json")):
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C in a terminal does: to the workers as well
    said = running.communicate(timeout=60)[1]
    assert (running.returncode, said.count("interrupted")) == (130, 1), said
    assert "Traceback" not in said
    assert all(row["error"] is None for row in studies.rows(out))
    assert [path for path in out.rglob("*") if path.name.startswith(".")] == []


def test_an_interrupt_finds_idle_processes_silent(tmp_path: Path) -> None:
    lines = "import time\ndef slow(at):\n    time.sleep(60 * at)\n    return {}\n"
    (tmp_path / "measures.py").write_text(lines)
    code = "import measures; from ssmlinalg import studies; import sys\n"
    code += "if __name__ == '__main__': studies.sweep({'at': [0, 1]}, measures.slow, 'out')"
    (tmp_path / "main.py").write_text(code)
    held = {**os.environ, "PYTHONPATH": f"{Path(ssmlinalg.__file__).parents[1]}"}
    running = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=tmp_path,
        env=held,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(tmp_path.rglob("*.json")):
        time.sleep(0.05)
    time.sleep(0.2)
    os.killpg(running.pid, signal.SIGINT)
    said = running.communicate(timeout=30)[1]
    assert running.returncode != 0
    assert "SpawnProcess" not in said, said
    assert len(studies.rows(tmp_path / "out")) == 1


def test_rows_and_names_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without point, figures"):
        studies.write_table([{}], tmp_path / "a.csv")
    with pytest.raises(TypeError, match="every entry of over"):
        studies.points({1: [2]})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0)])
def test_shards_are_counted_from_one(tmp_path: Path, shard: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="shard"):
        studies.sweep({"order": [8]}, ["modes"], tmp_path, shard=shard)


def test_a_function_that_workers_cannot_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="import"):
        studies.sweep({"order": [8]}, lambda order: {}, tmp_path)
