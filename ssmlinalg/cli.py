"""The command line: `ssmlinalg list | init | compare | doctor`. Every choice is read from the library's own tables.

Exit status: 0 done, 1 a check failed, 2 the request could not be understood or carried out, 130 interrupted.
"""

from __future__ import annotations

import inspect
import json
import math
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import rich.box
import typer
import typer.exceptions
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from . import _require, discretize, doctor, export, forms, hippo, inits, perturb, report
from ._array import LIBRARIES
from ._files import refuse_existing, write_atomically
from ._version import __version__
from .analysis import compare as compare_inits

app = typer.Typer(
    help="Initializations of state space models, with proof.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
_screen = Console(stderr=True)
_PROVED = 512  # order up to which stability is proved with every certificate: a second or two

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments` (None: those of the process) and return its exit status."""
    try:
        # Outside its standalone mode Typer returns the status of an Exit, 130 for an interruption, and a command's own None.
        status = app(args=arguments, standalone_mode=False) or 0
    except typer.exceptions.TyperException as error:
        return _refuse(error.format_message())
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _refuse(str(error))
    if status == 130:
        _screen.print("ssmlinalg: interrupted; nothing half-written was left.", highlight=False)
    return status


def _refuse(sentence: str) -> int:
    # Brackets in a sentence, as in ssmlinalg[torch], are not markup.
    _screen.print(Text.assemble(("ssmlinalg:", "bold red"), " ", sentence), soft_wrap=True)
    return 2


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the measures, initializations, rules, targets and libraries there are."""
    tables: dict[str, dict[str, str]] = {
        "measures": _summaries(hippo.MEASURES),
        "inits": _summaries(inits.INITS),
        "perturbations": _summaries(perturb.PERTURBATIONS),
        "rules": _summaries(discretize.RULES),
        "targets": {name: _first_line(inspect.getmodule(target.to)) for name, target in export.TARGETS.items()},
        "libraries": dict.fromkeys(LIBRARIES, "array library"),
    }
    if as_json:
        return _print_json(tables)
    for title, entries in tables.items():
        _print_table(title, ("name", "what it is"), entries.items())
    return None


@app.command("init")
def init_(
    name: Annotated[str, typer.Argument(help="Which initialization; `ssmlinalg list` names them.", show_default=False)],
    order: Annotated[int, typer.Option("--order", "-N", help="Order of the state.")] = 64,
    channels: Annotated[int | None, typer.Option("--channels", "-H", help="Channels, or the width for several inputs.")] = None,
    perturbation: Annotated[
        str | None, typer.Option(help="For ptd and s5-ptd: " + ", ".join(perturb.PERTURBATIONS), show_default=False)
    ] = None,
    conditioning: Annotated[
        float | None, typer.Option(help="Budget for kappa(V): lossless, minimize, optimal; 8 if unset.")
    ] = None,
    tau: Annotated[float | None, typer.Option(help="Size of a lossless perturbation, instead of a budget.")] = None,
    size: Annotated[float | None, typer.Option(help="|E|/|A| of the perturbations that are measured so.")] = None,
    measure: Annotated[str | None, typer.Option(help="Measure, for ptd and s4.")] = None,
    blocks: Annotated[int | None, typer.Option(help="Blocks, for s5 and s5-ptd.")] = None,
    step: Annotated[tuple[float, float] | None, typer.Option(help="Interval the steps are drawn from.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of C and of the steps.")] = 0,
    to: Annotated[str, typer.Option("--to", help="Layout of the file: " + ", ".join(export.TARGETS))] = "s4d",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The safetensors file to write.")] = None,
    page: Annotated[Path | None, typer.Option("--report", help="The HTML page to write, for ptd.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Build an initialization, certify it, and write it in a framework's layout."""
    _require.known("name", name, inits.INITS)
    make = inits.INITS[name]
    options = {
        "channels": channels,
        "perturbation": perturbation,
        "conditioning": conditioning,
        "tau": tau,
        "size": size,
        "measure": measure,
        "blocks": blocks,
        "step": step,
    }
    options = {option: value for option, value in options.items() if value is not None} | {"seed": seed}
    _refuse_unknown(name, make, options)
    if page is not None and name != "ptd":
        raise ValueError(f"`--report` draws the certificate of a ptd; got {name}. Use `ssmlinalg compare --html` for it.")
    refuse_existing([path for path in (output, page) if path is not None], force=force)
    if output is not None:
        _require.known("to", to, export.TARGETS)
    with _screen.status(title := f"building {name} of order {order}") as status:
        found = _perturbed(order, options, _telling(status, title)) if name == "ptd" else None
        form = _reading(found, options) if found else make(order, **options)
        figures = _figures(found) if found else {}
    shapes = {field: list(np.shape(array)) for field, array in form._asdict().items()}
    figures = {"order": order, "form": type(form).__name__} | (figures or shapes)
    given = [f"--{option} {_plain(value)}" for option, value in options.items()]
    built = " ".join(["ssmlinalg init", name, f"--order {order}", *given])
    facts = {"built": built, "ssmlinalg": __version__, "numpy": np.__version__, "python": platform.python_version()}
    if output is not None:
        with _screen.status(f"writing {output}"):
            export.save(output, form, to, metadata={"built": built, "seed": seed, "figures": figures}, force=force)
        figures["file"] = str(output)
    if page is not None and found is not None:
        assert isinstance(form, forms.Paired)
        with _screen.status(f"drawing {page}"):
            text = report.ptd(found, form, title=f"{name}, order {order}", facts=facts)
            write_atomically(page, text.encode(), force=force)
        figures["report"] = str(page)
    if as_json:
        return _print_json(facts | figures)
    _print_table(built, ("figure", "value"), ((key, _show(value)) for key, value in figures.items()))
    return None


@app.command("compare")
def compare_(
    order: Annotated[int, typer.Option("--order", "-N", help="Order of the state.")] = 64,
    conditioning: Annotated[float, typer.Option(help="Budget for kappa(V) of the perturbed ones.")] = 8.0,
    perturbation: Annotated[
        list[str] | None, typer.Option(help="Add a row for it, may be repeated; unset: those that take no search.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--html", help="The HTML page to write.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Put all initializations of one order side by side: conditioning, distance from HiPPO-LegS, stability."""
    refuse_existing([] if page is None else [page], force=force)
    with _screen.status(f"comparing all initializations of order {order}"):
        rows = compare_inits(order, conditioning=conditioning, perturbations=perturbation or None)
        if page is not None:
            text = report.comparison(rows, title=f"All initializations at order {order}")
            write_atomically(page, text.encode(), force=force)
    if as_json:
        return _print_json([row._asdict() for row in rows])
    heads = ("init", "kappa(V)", "|E|/|A|", "transfer error", "max Re", "max |Im|", "modes")
    _print_table(f"order {order}: distance of the state from HiPPO-LegS", heads, (tuple(map(_show, row)) for row in rows))
    return None


@app.command("doctor")
def doctor_(as_json: Json = False) -> None:
    """Run a small model on every array library and compare it with NumPy; status 1 if one differs. List what a GPU needs."""
    with _screen.status("running each array library"):
        findings, parts = doctor.examine(), doctor.graphics()
    if as_json:
        _print_json({"libraries": [finding._asdict() for finding in findings], "gpu": [part._asdict() for part in parts]})
    else:
        rows = (
            (f.library, f.dtype, f.version or "-", f.device or "-", "works" if f.works else "no", _show(f.error), f.reason)
            for f in findings
        )
        _print_table("array libraries", ("library", "precision", "version", "device", "", "error", "why not"), rows)
        _print_table("on a GPU", ("part", "found", "why not"), ((p.name, p.found or "-", p.reason) for p in parts))
    if any(not finding.works and not math.isnan(finding.error) for finding in findings):
        raise typer.Exit(1)


def _perturbed(order: int, options: dict[str, Any], progress: Callable[..., None]) -> perturb.Diagonalization:
    return inits.perturbed(order, progress=progress, **_taken_by(inits.perturbed, options))


def _telling(status: Status, title: str) -> Callable[..., None]:
    """What shows the figures of a long search beside the title: a bar where a fraction is known."""

    def progress(**figures: float) -> None:
        done = round(20 * figures.pop("fraction")) if "fraction" in figures else None
        bar = "" if done is None else " " + "█" * done + "░" * (20 - done)
        status.update(title + bar + "".join(f", {name} {value:.4g}" for name, value in figures.items()))

    return progress


def _reading(found: perturb.Diagonalization, options: dict[str, Any]) -> forms.Paired:
    return inits.reading(found, **_taken_by(inits.reading, options))


def _taken_by(make: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    takes = inspect.signature(make).parameters
    return {option: value for option, value in options.items() if option in takes}


def _figures(found: perturb.Diagonalization) -> dict[str, Any]:
    names = ("condition", "scaled_condition", "backward_error", "transfer_error", "transfer_bound", "abscissa", "residual")
    tau = {"tau": found.tau} if isinstance(found, perturb.Lossless) else {}
    figures = {"perturbation": found.method} | tau | {name: getattr(found, name) for name in names}
    proved = {"proved_abscissa": found.proved_abscissa} if len(found.Lambda) <= _PROVED else {}
    return figures | proved | dict(found.facts)


def _refuse_unknown(name: str, make: Callable[..., Any], options: dict[str, Any]) -> None:
    takes = inspect.signature(make).parameters
    for option in options:
        if option not in takes:
            rest = ", ".join(f"--{key}" for key in takes)
            raise ValueError(f"{name} must be given options it has; got --{option}. It takes {rest}.")


def _summaries(table: dict[str, Callable[..., Any]]) -> dict[str, str]:
    return {name: _first_line(entry) for name, entry in table.items()}


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _plain(value: Any) -> str:
    return " ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)


def _show(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def _print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for position, head in enumerate(heads):
        table.add_column(head, no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    # A pipe has no width of its own; 80 columns would fold what a program or a log wants in one piece.
    screen = Console() if sys.stdout.isatty() else Console(width=200)
    screen.print(title, style="bold", highlight=False, markup=False)
    screen.print(table, highlight=False, markup=False)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(_finite(value), indent=2) + "\n")


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity; null stands for both."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
