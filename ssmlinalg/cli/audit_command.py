"""`ssmlinalg audit`: the initialization that the layers of a checkpoint hold, and their faults."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

from .options import (
    Checkpoint,
    Force,
    Html,
    Json,
    LayerOptions,
    ShareScript,
    Target,
    given,
    named,
    renamed,
)
from .output_files import refuse_written, write_page
from .printing import PROGRESS, print_json, print_line, print_table
from .provenance import command_line, facts

_LAYER_HEADS = ("layer", "target", "order", "channels", "A is", "distance", "allowed", "least p")
_FINDING_HEADS = ("layer", "kind", "array", "what is wrong")

_Expect = Annotated[
    str | None,
    typer.Option(
        help="The initialization A must be; `ssmlinalg list inits` names them.",
        autocompletion=named("inits", "INITS"),
    ),
]


def audit(
    checkpoint: Checkpoint,
    layers: LayerOptions,
    target: Target = None,
    expect: _Expect = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take what was not looked at for a finding.")
    ] = False,
    html: Html = None,
    share_script: ShareScript = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Find the initialization that each layer of a checkpoint holds, and what is broken in it.

    Status 1 if something is broken.
    """
    refuse_written([html], force=force)
    with PROGRESS.status(f"auditing {checkpoint}"):
        found = ssmlinalg.audit.audit(
            checkpoint,
            target=target,
            expect=expect,
            layer=layers.layer,
            renamed=renamed(layers),
            strict=strict,
        )
        if html is not None:
            asked = given(target=target, expect=expect, **layers._asdict())
            built = command_line("audit", str(checkpoint), asked)
            title = f"Audit of {checkpoint}"
            page = ssmlinalg.report.audit(found, title=title, facts=facts(built))
            write_page(html, page, force=force, shared=share_script)
    if as_json:
        records = [_record(layer) for layer in found.layers]
        findings, unseen = ([one._asdict() for one in part] for part in found[1:])
        print_json({"layers": records, "findings": findings, "unseen": unseen})
    else:
        _print_tables(checkpoint, found)
    if found.findings:
        raise typer.Exit(1)


def _print_tables(checkpoint: Path, found: Any) -> None:
    print_table(f"layers of {checkpoint}", _LAYER_HEADS, map(_row, found.layers))
    if found.unseen:
        rows = [(one.name, one.shape, one.reason) for one in found.unseen]
        print_table("not looked at", ("array", "shape", "why"), rows)
    if found.findings:
        rows = ssmlinalg.report.findings(found.findings)
        print_table("findings", _FINDING_HEADS, rows)
    else:
        count = len(found.layers)
        print_line(f"Nothing wrong was found in {count} layer{'s' if count > 1 else ''}.")


def _row(layer: Any) -> tuple[object, ...]:
    return (
        layer.prefix or "-",
        layer.target,
        layer.order,
        layer.channels,
        _named(layer.identified),
        layer.identified.distance,
        layer.identified.allowed,
        min((test.p for test in layer.tests), default=math.nan),
    )


def _named(found: Any) -> str:
    """The initialization that A is, in words."""
    names = " or ".join(found.names) or "none that is known"
    return names if found.exact or not found.names else f"nearest to {names}"


def _record(layer: Any) -> dict[str, Any]:
    """A layer for machines, without the arrays that pictures are made of."""
    return layer._asdict() | {
        "identified": _without_arrays(layer.identified),
        "tests": [_without_arrays(test) for test in layer.tests],
    }


def _without_arrays(record: Any) -> dict[str, Any]:
    fields = record._asdict().items()
    return {name: value for name, value in fields if not hasattr(value, "shape")}
