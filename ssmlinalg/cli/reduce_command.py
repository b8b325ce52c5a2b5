"""`ssmlinalg reduce`: every layer of a checkpoint with fewer modes, all else as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

from .options import (
    ArraysOutput,
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
from .printing import PROGRESS, print_json, print_line, print_nothing_written, print_table
from .provenance import command_line, facts

_HEADS = (
    "layer", "target", "channels", "order", "new order", "padded", "error at least",
    "error at most", "kappa(V)", "bytes", "new bytes",
)  # fmt: skip

_Error = Annotated[
    float | None,
    typer.Option(help="Largest error of a channel, relative to its norm.", show_default=False),
]
_Order = Annotated[
    int | None,
    typer.Option(
        "--order",
        "-N",
        help="States of each channel, a pair of conjugate modes being 2; with --error it must keep"
        " the error.",
        show_default=False,
    ),
]
_Norm = Annotated[
    str,
    typer.Option(help="Norm of errors: hinf, h2 or l1.", autocompletion=named("reduce", "NORMS")),
]
_Rule = Annotated[
    str | None,
    typer.Option(
        help="Rule of layers whose layout has none; zoh if unset.",
        autocompletion=named("discretize", "RULES"),
    ),
]
_Length = Annotated[
    int | None, typer.Option("--length", "-L", help="Length, for layouts that depend on it.")
]


def reduce(
    checkpoint: Checkpoint,
    layers: LayerOptions,
    error: _Error = None,
    order: _Order = None,
    norm: _Norm = "hinf",
    per_layer: Annotated[
        bool, typer.Option("--per-layer", help="Give each layer the modes it needs.")
    ] = False,
    target: Target = None,
    rule: _Rule = None,
    length: _Length = None,
    output: ArraysOutput = None,
    html: Html = None,
    share_script: ShareScript = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Reduce every layer of a checkpoint to fewer modes, with the error proved from both sides."""
    refuse_written([html], force=force)
    with PROGRESS.status(f"reducing {checkpoint}") as status:
        found = ssmlinalg.shrink(
            checkpoint,
            error=error,
            order=order,
            norm=norm,
            per_layer=per_layer,
            target=target,
            rule=rule,
            length=length,
            layer=layers.layer,
            renamed=renamed(layers),
            output=output,
            force=force,
            progress=lambda **at: status.update(_said(**at)),
        )
        if html is not None:
            asked = given(error=error, order=order, norm=norm, target=target, **layers._asdict())
            built = command_line("reduce", str(checkpoint), asked)
            title = f"{checkpoint} with fewer modes"
            page = ssmlinalg.report.shrinking(found, title=title, facts=facts(built))
            write_page(html, page, force=force, shared=share_script)
    if as_json:
        print_json(_record(found, output))
    else:
        _print_tables(checkpoint, found, output)


def _print_tables(checkpoint: Path, found: Any, output: Path | None) -> None:
    print_table(f"layers of {checkpoint} with fewer modes", _HEADS, map(_row, found.layers))
    print_line(f"{len(found.carried)} arrays are in no layer and stay as they are.")
    if output is None:
        print_nothing_written("`--output FILE` writes the checkpoint.")
    else:
        print_table("written", ("file", "arrays"), [(output, len(found.arrays))])


def _said(*, layer: str, done: int, total: int) -> str:
    return f"reducing {layer or 'the layer'} ({done + 1} of {total})"


def _row(layer: Any) -> tuple[object, ...]:
    return (
        layer.prefix or "-",
        layer.target,
        layer.channels,
        layer.states_before,
        layer.states,
        layer.padded,
        layer.lower,
        layer.upper,
        layer.conditioning,
        layer.size_before,
        layer.size,
    )


def _record(found: Any, output: Path | None) -> dict[str, Any]:
    """The figures of all layers, without their forms."""
    return {
        "layers": [
            {name: value for name, value in layer._asdict().items() if "form" not in name}
            for layer in found.layers
        ],
        "carried": found.carried,
        "file": None if output is None else str(output),
    }
