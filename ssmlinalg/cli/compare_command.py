"""`ssmlinalg compare`: all initializations of one order, side by side."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import ssmlinalg

from .options import Order, Outputs, named
from .output_files import picture_paths, refuse_written, write_page, write_pictures
from .printing import PROGRESS, print_json, print_table

_HEADS = ("init", "kappa(V)", "|E|/|A|", "transfer error", "max Re", "max |Im|", "modes")

_Conditioning = Annotated[float, typer.Option(help="Budget for kappa(V) of the perturbed ones.")]
_Perturbation = Annotated[
    list[str] | None,
    typer.Option(
        help="Add a row for it, may be repeated; unset: those that take no search.",
        autocompletion=named("perturb", "PERTURBATIONS"),
    ),
]


def compare(
    order: Order = 64,
    conditioning: _Conditioning = 8.0,
    perturbation: _Perturbation = None,
    *,
    outputs: Outputs,
) -> None:
    """Put all initializations of one order side by side against HiPPO-LegS.

    Conditioning, distance of the state, stability.
    """
    pictures = picture_paths(outputs.figure, "frontier", "robustness")
    refuse_written([outputs.html, *pictures], force=outputs.force)
    options: Any = {"conditioning": conditioning, "perturbations": perturbation or None}
    with PROGRESS.status(f"comparing all initializations of order {order}"):
        rows = ssmlinalg.compare(order, **options)
        wanted = pictures or outputs.html
        sweeps = ssmlinalg.comparison.fourier_sweep(order, **options) if wanted else []
        if outputs.html is not None:
            page = ssmlinalg.report.comparison(
                rows, sweeps, title=f"All initializations at order {order}"
            )
            write_page(outputs.html, page, force=outputs.force, shared=outputs.share_script)
        if pictures:
            figures = [ssmlinalg.report.frontier(rows), ssmlinalg.report.robustness(sweeps)]
            write_pictures(pictures, figures, force=outputs.force)
    if outputs.as_json:
        print_json([row._asdict() for row in rows])
        return
    print_table(f"order {order}: distance of the state from HiPPO-LegS", _HEADS, rows)
