"""Studies run, go on where they were stopped, and the page says what their records say."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ssmlinalg.comparison import noise_gain

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "experiments"
PAGE = ROOT / "docs" / "experiments.md"
STUDIES = [path.stem for path in sorted(HOUSE.glob("*.py")) if "STUDY = " in path.read_text()]
KEPT = sorted(
    path for form in ("quick", "full") for path in (HOUSE / "kept").glob(f"*-{form}.jsonl")
)
Study = Callable[..., None]


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """Run one as from the command line."""
    monkeypatch.syspath_prepend(str(HOUSE))
    threads = torch.get_num_threads()

    def run(name: str, *options: object) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, options)])
        runpy.run_path(str(HOUSE / f"{name}.py"), run_name="__main__")

    yield run
    torch.set_num_threads(threads)


def kept(path: Path) -> list[dict[str, Any]]:
    """The lines that are whole."""
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_and_goes_on(
    name: str, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.jsonl"
    picture = tmp_path / "found.svg"
    study(name, "--smoke", "--results", path, "--picture", picture)
    first = path.read_text()
    said = capsys.readouterr().out
    assert "<svg" in picture.read_text()
    assert "|---" in said
    *whole, last = first.splitlines(keepends=True)
    path.write_text("".join(whole) + last[: len(last) // 2])  # as if it had been cut off
    study(name, "--smoke", "--results", path)
    assert [one["key"] for one in kept(path)] == [
        json.loads(one)["key"] for one in first.splitlines()
    ]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_the_page_says_what_the_records_say(
    path: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _, form = path.stem.rpartition("-")
    study(name, f"--{form}", "--show", "--results", path)
    page = PAGE.read_text(encoding="utf-8")
    rows = [row for row in capsys.readouterr().out.splitlines() if row.startswith("| ")]
    assert rows
    assert [row for row in rows if row not in page] == []


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a file of experiments/."""
    monkeypatch.syspath_prepend(str(HOUSE))
    return importlib.import_module


def test_the_echo_is_as_late_as_its_label_says(house: Callable[[str], Any]) -> None:
    made = house("data").delays(256, 64).train
    u = made.u[..., 0].numpy()
    alike = np.array([np.mean(u[:, d:] * u[:, :-d], axis=1) for d in range(8, 72, 8)])
    for label in range(8):
        found = alike[:, made.y.numpy() == label].mean(axis=1)
        assert found.argmax() == label
        assert abs(found[label] - 1 / 2.2) <= 0.05  # of the power, 1 + 1 + 0.2
        assert np.abs(np.delete(found, label)).max() <= 0.05


def test_a_layer_is_as_loud_as_its_transfer_function(house: Callable[[str], Any]) -> None:
    shape = house("networks").Shape("s4d-legs", width=4, depth=1, order=8, options={"step": 0.1})
    model = house("networks").network(shape, 1, 2, 0)
    u = torch.randn(16, 4000, 1, generator=torch.Generator().manual_seed(0))
    waves = [0.7, 3.0, 20.2]
    found = house("disturbance").amplification(model, u, waves, 0.1)
    layer = model.blocks[0].layer
    with torch.no_grad():
        data = model.blocks[0].norm(model.encoder(u))
        at_data = float(layer(data).norm() / data.norm())
        gain = noise_gain(layer.form(), torch.tensor(waves)).numpy()
    # 64 amplitudes, each with a gain of its own, and a start of 200 samples
    np.testing.assert_allclose(found, np.sqrt(np.mean(gain**2, axis=0)) / at_data, rtol=0.2)


def test_memory_is_shared_among_frequencies(house: Callable[[str], Any]) -> None:
    delays = house("delays")
    angle = 2 * np.pi * np.arange(4096) / 4096
    for start in ("s4d-legs", "ptd", "s4"):
        A = delays.eigenvalues(start)
        assert abs(np.mean(delays.memory(A, 0.05, angle)) / len(A) - 1) <= 1e-9
    A = -np.arange(1.0, 257)
    step = np.geomspace(1e-6, 1, 400)
    longest = float(delays.memory(A, step, np.array([0.01])).max())
    assert abs(longest * 0.01 / 256 - 0.805) <= 0.005


def test_keys_do_not_depend_on_the_order_of_names(house: Callable[[str], Any]) -> None:
    key = house("records").key
    assert key("a", {"x": 1, "y": [2]}) == key("a", {"y": [2], "x": 1}) != key("b", {"x": 1})
