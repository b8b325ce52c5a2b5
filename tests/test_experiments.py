"""Studies run, go on where they were stopped, and the page says what their records say."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "experiments"
PAGE = ROOT / "docs" / "experiments.md"
STUDIES = [path.stem for path in sorted(HOUSE.glob("*.py")) if "STUDY = " in path.read_text()]
KEPT = sorted((HOUSE / "kept").glob("*.jsonl"))
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
