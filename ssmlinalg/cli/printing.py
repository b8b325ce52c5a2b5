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
_SENTENCE = 24  # characters of a line of a sentence, at least
_GAP = 3  # characters between columns
_PIPE = 200  # columns where there is no terminal: 80 would fold what a log wants in one piece


def text(value: Any) -> str:
    """A value in a table: four digits of a number, a dash for NaN."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table under its title; the first column and short cells are never broken.

    Sentences for which no room is left beside the figures stand in a table of their own below.
    """
    screen = Console() if sys.stdout.isatty() else Console(width=_PIPE)
    cells = [[*map(text, row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    long = [place for place, width in enumerate(widths) if place and width > _SHORT]
    figures = [place for place in range(len(heads)) if place not in long]
    room = screen.width - sum(widths[place] + _GAP for place in figures)
    screen.print(title, style="bold", highlight=False, markup=False)
    if len(figures) == 1 or room >= len(long) * (_SENTENCE + _GAP):
        _print_columns(screen, heads, cells, [*range(len(heads))], long)
        return
    _print_columns(screen, heads, cells, figures, [])
    for place in long:
        said = [row for row in cells if row[place]]
        _print_columns(screen, heads, said, [0, place], [place])


def _print_columns(
    screen: Console,
    heads: Sequence[str],
    cells: list[list[str]],
    places: list[int],
    long: list[int],
) -> None:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for place in places:
        table.add_column(heads[place], no_wrap=place not in long, overflow="fold")
    for row in dict.fromkeys(tuple(row[place] for place in places) for row in cells):
        table.add_row(*row)
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
