"""`ssmlinalg sweep`: figures over the product of lists, by all cores or by many machines."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import ssmlinalg

from .options import Html, Json, ShareScript
from .output_files import write_page
from .printing import PROGRESS, print_json, print_line, print_table
from .provenance import command_line, facts

_SHOWN = 40  # rows of the table on a screen; the file has all

_Study = Annotated[
    Path,
    typer.Argument(
        help="A file of TOML: a list `measure` of figures, and lists in a table `over`.",
        show_default=False,
    ),
]
_Folder = Annotated[
    Path,
    typer.Option("--output", "-o", help="The folder of the rows; it may hold some already."),
]
_Shard = Annotated[
    str, typer.Option(metavar="I/N", help="Only each N-th point from the I-th, for array jobs.")
]
_Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of a scheduler of Dask, tcp://HOST:PORT; unset: all cores here."),
]


def sweep(
    study: _Study,
    output: _Folder,
    shard: _Shard = "1/1",
    scheduler: _Scheduler = None,
    html: Html = None,
    share_script: ShareScript = False,
    as_json: Json = False,
) -> None:
    """Measure figures over the product of lists, each point once; status 1 if a point failed.

    Rows that are there are kept: the same command goes on where it was stopped or killed.
    """
    asked = ssmlinalg.studies.read_study(study)
    part = _part(shard)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers' own: each has a core
    columns = (TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=PROGRESS, disable=not PROGRESS.is_terminal) as bar:
        task = bar.add_task("")
        with _executor(scheduler) as executor:
            rows = ssmlinalg.studies.sweep(
                asked.over,
                asked.measure,
                output,
                executor=executor,
                shard=part,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    endings = [".csv", *([".parquet"] if importlib.util.find_spec("pyarrow") else [])]
    tables = [output / f"table{ending}" for ending in endings]
    for table in tables:
        ssmlinalg.studies.write_table(rows, table, force=True)
    if html is not None:
        built = command_line("sweep", str(study), {"shard": shard})
        page = ssmlinalg.report.study(rows, title=str(study), facts=facts(built))
        write_page(html, page, force=True, shared=share_script)
    if as_json:
        print_json(rows)
    else:
        _print(rows, tables)
    if any(row["error"] for row in rows):
        raise typer.Exit(1)


def _part(text: str) -> tuple[int, int]:
    words = text.split("/")
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        rule = "`--shard` must be I/N"
        raise ValueError(f"{rule}; got {text!r}. Give for example 3/100.")
    return int(words[0]), int(words[1])


@contextlib.contextmanager
def _executor(scheduler: str | None) -> Iterator[Any]:
    if scheduler is None:
        yield None
        return
    if not importlib.util.find_spec("distributed"):
        rule = "`--scheduler` must have dask[distributed] to reach it"
        remedy = "Run pip install 'ssmlinalg[sweep]', or leave it out."
        raise ImportError(f"{rule}; it is not installed. {remedy}")
    from dask.distributed import Client

    with Client(scheduler) as client:
        yield client


def _print(rows: list[dict[str, Any]], tables: list[Path]) -> None:
    table = [ssmlinalg.studies.flat(row) for row in rows]
    heads = [name for name in dict.fromkeys(k for row in table for k in row) if name != "version"]
    shown = [["" if row.get(name) is None else row[name] for name in heads] for row in table]
    print_table(f"{len(rows)} points", heads, shown[:_SHOWN])
    failed = sum(row["error"] is not None for row in rows)
    print_line(f"{failed} points failed. All rows are in {', '.join(map(str, tables))}.")
