"""How results are printed: tables for people, JSON for machines, progress on the error stream."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import rich.box
from rich.console import Console
from rich.status import Status
from rich.table import Table

PROGRESS = Console(stderr=True)
_CELLS = 20  # of a bar
_SHORT = 14  # characters of a cell that is not broken
_PIPE = 200  # columns where there is no terminal: 80 would fold what a log wants in one piece


def text(value: Any) -> str:
    """A value in a table: four digits of a number, a dash for NaN."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table under its title; the first column and short cells are never broken."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    cells = [[*map(text, row)] for row in rows]
    for position, head in enumerate(heads):
        short = max((len(row[position]) for row in cells), default=0) <= _SHORT
        table.add_column(head, no_wrap=short or position == 0, overflow="fold")
    for row in cells:
        table.add_row(*row)
    screen = Console() if sys.stdout.isatty() else Console(width=_PIPE)
    screen.print(title, style="bold", highlight=False, markup=False)
    screen.print(table, highlight=False, markup=False)


def print_line(sentence: str) -> None:
    """Print a sentence among the results."""
    sys.stdout.write(sentence + "\n")


def print_nothing_written(remedy: str) -> None:
    """Say beside the results that they are in no file, and what would put them there."""
    PROGRESS.print(f"Nothing was written; {remedy}", highlight=False, markup=False)


def print_json(value: Any) -> None:
    """Print JSON; NaN and infinities, which JSON has not, are null."""
    sys.stdout.write(json.dumps(_finite(value), indent=2) + "\n")


def _finite(value: Any) -> Any:
    """The value in Python's own types."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    if hasattr(value, "item"):  # a number of NumPy
        return _finite(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def progress_on(status: Status, title: str) -> Callable[..., None]:
    """The function that shows figures beside the title: a bar for `fraction`, others by name."""

    def progress(**figures: float) -> None:
        bar = ""
        if "fraction" in figures:
            done = round(_CELLS * figures.pop("fraction"))
            bar = " " + "█" * done + "░" * (_CELLS - done)
        named = [f", {name} {value:.4g}" for name, value in figures.items()]
        status.update(title + bar + "".join(named))

    return progress
