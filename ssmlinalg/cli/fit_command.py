"""`ssmlinalg fit`: the recurrences of fewest modes whose kernels are those of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import ssmlinalg

from .array_source import Key, array_in
from .options import Force, Json, named
from .output_files import refuse_written
from .printing import PROGRESS, print_json, print_nothing_written, print_table

_HEADS = ("channel", "order", "no order below", "error at least", "error at most", "kappa(V)")

_Kernels = Annotated[
    Path,
    typer.Argument(
        help="Kernels (..., L) in a .npy file, or an array of a file of several.",
        show_default=False,
    ),
]
_Error = Annotated[
    float | None,
    typer.Option(help="Largest error of a channel, relative to its norm.", show_default=False),
]
_Order = Annotated[
    int | None,
    typer.Option(
        "--order", "-N", help="States of each channel, instead of an error.", show_default=False
    ),
]
_Norm = Annotated[str, typer.Option(help="Norm of errors in the window: l1, l2 or sup.")]
_Growing = Annotated[bool, typer.Option("--growing", help="Allow modes that grow.")]
_Target = Annotated[
    str,
    typer.Option(
        help="Layout to write; `ssmlinalg list targets` names them.",
        autocompletion=named("export", "TARGETS"),
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write; unset: only fit."),
]


def fit(
    kernels: _Kernels,
    key: Key = None,
    error: _Error = None,
    order: _Order = None,
    norm: _Norm = "l1",
    growing: _Growing = False,
    target: _Target = "plain",
    output: _Output = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fit long convolutions by recurrences of fewest modes, with proof of how many are needed."""
    refuse_written([output], force=force)
    h = array_in(kernels, key)
    with PROGRESS.status(f"fitting {kernels}") as status:
        found = ssmlinalg.reduce.fit(
            h,
            error=error,
            order=order,
            norm=norm,
            growing=growing,
            progress=lambda **at: status.update(_said(**at)),
        )
    if output is not None:
        ssmlinalg.convert(found.form, target, output=output, length=h.shape[-1], force=force)
    figures = (ssmlinalg.ground.backend.to_numpy(each).ravel().tolist() for each in found[1:6])
    rows = [*zip(*figures, strict=True)]
    if as_json:
        names = found._fields[1:6]
        channels = [dict(zip(names, row, strict=True)) for row in rows]
        print_json({"channels": channels, "file": None if output is None else str(output)})
        return
    print_table(f"kernels of {kernels}", _HEADS, [(k, *row) for k, row in enumerate(rows)])
    if output is None:
        print_nothing_written("`--output FILE` writes the model.")
    else:
        print_table("written", ("file", "target"), [(output, target)])


def _said(*, channel: int, channels: int, least: int, order: int, error: float) -> str:
    where = f"fitting channel {channel + 1} of {channels}"
    return f"{where}: order {order} (at least {least}), error {error:.3g}"
