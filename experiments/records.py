"""A study is a list of points and a function that measures one: one line of JSON each, kept.

A line is found again by a hash of all that its point says, not of the code: a study that is started
again does only what is missing, and one that is interrupted keeps what is done.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Point = dict[str, Any]
Record = dict[str, Any]
Options = argparse.Namespace
FORMS = ("smoke", "quick", "full")
HERE = Path(__file__).parent


def key(study: str, point: Point) -> str:
    """Of one point: the same for the same numbers, whatever their order."""
    text = json.dumps([study, point], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def kept(path: Path) -> dict[str, Record]:
    """The records of a file by their keys; a line that was cut off is none."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[record["key"]] = record
    return found


def run(
    study: str,
    points: Iterable[Point],
    measure: Callable[..., dict[str, Any]],
    options: Options,
) -> list[Record]:
    """Measure the points that a file does not have yet; all records of these points, in order.

    A record has the `point`, what `measure(**point)` returned as its `result`, and the `seconds` of
    one processor that it took.
    """
    path = options.results
    wanted = {key(study, point): point for point in points if named(point, options.only)}
    found = {name: record for name, record in kept(path).items() if name in wanted}
    if options.show:
        return [found[name] for name in wanted if name in found]
    path.parent.mkdir(parents=True, exist_ok=True)
    cut_off = path.exists() and path.read_text()[-1:] not in ("", "\n")
    columns = (TextColumn(study), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with path.open("a") as file, Progress(*columns, console=Console(stderr=True)) as bar:
        file.write("\n" * cut_off)
        task = bar.add_task(study, total=len(wanted), completed=len(found))
        try:
            for name in [name for name in wanted if name not in found]:
                found[name] = record = measured(study, wanted[name], measure)
                file.write(json.dumps(record) + "\n")
                file.flush()
                bar.advance(task)
        except KeyboardInterrupt:
            said = f"{len(found)} of {len(wanted)} are in {path}"
            bar.console.print(f"interrupted: {said}; the same command goes on from there.")
            raise SystemExit(130) from None
    return [found[name] for name in wanted if name in found]


def measured(study: str, point: Point, measure: Callable[..., dict[str, Any]]) -> Record:
    """One record."""
    start = time.process_time()
    result = measure(**point)
    seconds = round(time.process_time() - start, 2)
    return {
        "key": key(study, point),
        "study": study,
        "point": point,
        "result": rounded(result),
        "seconds": seconds,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def rounded(x: Any) -> Any:
    """The same with five digits of every number."""
    if isinstance(x, dict):
        return {name: rounded(value) for name, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [rounded(value) for value in x]
    return float(f"{x:.5g}") if isinstance(x, float) else x


def command(description: str | None, study: str) -> argparse.ArgumentParser:
    """The options that every study has; it may add its own."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    form = parser.add_mutually_exclusive_group()
    for name in FORMS:
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name)
    parser.set_defaults(form="full")
    parser.add_argument("--results", type=Path, help=f"default: results/{study}-FORM.jsonl here")
    parser.add_argument("--picture", type=Path, help="an .svg to draw")
    said = "only points with these entries, such as model=ptd,s4 seed=0"
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME=VALUES", help=said)
    said = "train nothing: print and draw what is there"
    parser.add_argument("--show", action="store_true", help=said)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def study(
    name: str,
    parser: argparse.ArgumentParser,
    points: Callable[[Options], Iterable[Point]],
    measure: Callable[..., dict[str, Any]],
    report: Callable[[list[Record]], None],
    picture: Callable[[list[Record], Path], None],
) -> None:
    """Measure what is missing, print, draw: what every study does from the command line."""
    chosen = options(parser, name)
    found = run(name, points(chosen), measure, chosen)
    if not found:
        raise SystemExit(f"There is no such point; {chosen.results} was looked at.")
    report(found)
    if chosen.picture:
        picture(found, chosen.picture)


def options(parser: argparse.ArgumentParser, study: str) -> Options:
    """What the command line says, with the file of results filled in."""
    chosen = parser.parse_args()
    chosen.results = chosen.results or HERE / "results" / f"{study}-{chosen.form}.jsonl"
    torch.set_num_threads(chosen.threads)
    os.environ.setdefault("OMP_NUM_THREADS", str(chosen.threads))
    return chosen


def named(point: Point, entries: Sequence[str]) -> bool:
    """Whether a point has these entries, such as model=ptd,s4 and seed=0."""
    wanted = [entry.partition("=")[::2] for entry in entries]
    return all(str(point.get(name)) in values.split(",") for name, values in wanted)


def matching(records: Iterable[Record], **point: Any) -> list[Record]:
    """The records whose points have these entries."""
    return [one for one in records if point.items() <= one["point"].items()]


def spread(values: Sequence[float], scale: float = 100.0) -> str:
    """Mean and range over seeds, such as "83.1 (81.2 to 84.0)"; one value stands alone."""
    if not len(values):
        return "-"
    x = scale * np.asarray(values, dtype=float)
    if len(x) == 1:
        return f"{x[0]:.1f}"
    return f"{x.mean():.1f} ({x.min():.1f} to {x.max():.1f})"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as the pages have it."""
    print(f"\n| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
