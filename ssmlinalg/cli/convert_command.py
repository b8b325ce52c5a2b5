"""`ssmlinalg convert`: every layer of a checkpoint in another framework's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

from .options import (
    ArraysOutput,
    Checkpoint,
    Force,
    Json,
    LayerOptions,
    Target,
    named,
    renamed,
)
from .printing import PROGRESS, print_json, print_line, print_nothing_written, print_table

_NAMED = 8  # arrays that a sentence names
_HEADS = ("layer", "source", "target", "error", "allowed", "scale", "samples")

_Target = Annotated[
    str,
    typer.Option(
        help="Layout to write; `ssmlinalg list targets` names them.",
        show_default=False,
        autocompletion=named("export", "TARGETS"),
    ),
]
_Length = Annotated[
    int | None,
    typer.Option(
        "--length",
        "-L",
        help="Samples the kernels are compared over, and of layouts that depend on it; 1024.",
    ),
]
_Whole = Annotated[
    bool, typer.Option("--whole", help="Carry the arrays of no layer along as they are.")
]


def convert(
    source: Checkpoint,
    target: _Target,
    layers: LayerOptions,
    source_target: Target = None,
    length: _Length = None,
    whole: _Whole = False,
    output: ArraysOutput = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Bring every layer of a checkpoint to another layout, once its kernel is proved to stay."""
    with PROGRESS.status(f"converting {source}"):
        found = ssmlinalg.convert(
            source,
            target,
            source_target=source_target,
            length=length,
            layer=layers.layer,
            renamed=renamed(layers),
            whole=whole,
            output=output,
            force=force,
        )
    if as_json:
        print_json(_record(found, output))
    else:
        _print_tables(source, target, found, output)


def _record(found: Any, output: Path | None) -> dict[str, Any]:
    return {
        "layers": [layer._asdict() for layer in found.layers],
        "arrays": {name: list(array.shape) for name, array in found.arrays.items()},
        "left": found.left,
        "carried": found.carried,
        "file": None if output is None else str(output),
    }


def _print_tables(source: Path, target: str, found: Any, output: Path | None) -> None:
    title = f"{source} as {target}: how far each kernel moved"
    print_table(title, _HEADS, map(_row, found.layers))
    moved = _moved(found.layers).items()
    print_table("what each layout keeps elsewhere than a form", ("layout", "moved"), moved)
    if found.left:
        print_line(f"{len(found.left)} arrays of the source are in no layer: {_first(found.left)}.")
    if found.carried:
        names = _first(found.carried)
        print_line(f"{len(found.carried)} arrays of no layer are carried along: {names}.")
    if output is None:
        print_nothing_written("`--output FILE` writes the arrays.")
    else:
        print_table("written", ("file", "arrays"), [(output, len(found.arrays))])


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _row(layer: Any) -> tuple[object, ...]:
    return (
        layer.prefix or "-",
        layer.source,
        layer.target,
        layer.error,
        layer.allowed,
        layer.scale,
        layer.length,
    )


def _moved(layers: list[Any]) -> dict[str, str]:
    """By layout what it keeps elsewhere; the target of a layer says so last."""
    return {
        name: moved
        for layer in layers
        for name, moved in zip((layer.target, layer.source), reversed(layer.moved), strict=False)
    }
