"""`ssmlinalg diagonalize`: perturb a matrix of any origin, and write A + E = V Lambda V^-1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

from .options import (
    Force,
    Html,
    Json,
    MatrixFile,
    MatrixKey,
    ShareScript,
    given,
    named,
)
from .output_files import refuse_written, write_page
from .printing import PROGRESS, print_json, print_nothing_written, print_table, progress_on
from .provenance import command_line, facts

_BUDGET = 100.0  # of kappa(V), if neither it nor a size is asked for
_POINTS = 80  # of the grids of the page, each way

_Conditioning = Annotated[
    float | None,
    typer.Option(help="Budget for kappa(V), for minimize; 100 if unset.", show_default=False),
]
_Size = Annotated[
    float | None,
    typer.Option(help="|E|/|A|, for gaussian, complex_gaussian and column.", show_default=False),
]
_Perturbation = Annotated[
    str,
    typer.Option(
        help="`ssmlinalg list perturbations` names them.",
        autocompletion=named("perturb", "PERTURBATIONS"),
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write: .npz or .mat.", show_default=False),
]


def diagonalize(
    file: MatrixFile,
    key: MatrixKey = None,
    conditioning: _Conditioning = None,
    size: _Size = None,
    perturbation: _Perturbation = "minimize",
    output: _Output = None,
    html: Html = None,
    share_script: ShareScript = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Perturb a matrix so that it can be diagonalized, and write A + E = V Lambda V^-1."""
    _refuse_output(output)
    refuse_written([output, html], force=force)
    asked = _asked(perturbation, conditioning, size)
    A = _matrix_in(file, key)
    title = f"perturbing {file}"
    with PROGRESS.status(title) as status:
        found = _perturbed(perturbation, A, asked, progress_on(status, title))
        options = given(key=key, perturbation=perturbation, **asked)
        built = command_line("diagonalize", str(file), options)
        figures = _figures(found)
        if output is not None:
            _write(output, found, figures, built, force)
        if html is not None:
            page = _page(found, f"{file}, perturbed and diagonalized", built)
            write_page(html, page, force=force, shared=share_script)
    if as_json:
        print_json(facts(built) | {"file": output and str(output)} | figures)
        return
    meanings = ssmlinalg.report.MEANINGS
    rows = [(name, value, meanings.get(name, "")) for name, value in figures.items()]
    print_table(built, ("figure", "value", "what it is"), rows)
    if output is None and html is None:
        print_nothing_written("`--output FILE` writes Lambda, V, V_inv and E.")


def _refuse_output(output: Path | None) -> None:
    """Complex numbers need a format that has them."""
    if output is not None and output.suffix not in (".npz", ".mat"):
        rule = "`--output` must end in .npz or .mat, which hold complex numbers"
        raise ValueError(f"{rule}; got {output}. Rename it.")


def _asked(perturbation: str, conditioning: float | None, size: float | None) -> dict[str, Any]:
    """The options of the perturbation, once it is known to take them."""
    takes = ssmlinalg.perturb.sized_by(perturbation)
    asked = given(conditioning=conditioning, size=size)
    for option in asked:
        if option not in takes:
            rule = f"{perturbation} must be given options it has"
            rest = ", ".join(f"--{name}" for name in takes if name != "tau")
            raise ValueError(f"{rule}; got --{option}. It takes {rest}.")
    return asked or ({"conditioning": _BUDGET} if perturbation == "minimize" else {})


def _perturbed(name: str, A: Any, asked: dict[str, Any], progress: Any) -> Any:
    method = ssmlinalg.perturb.PERTURBATIONS[name]
    if name in ("minimize", "column"):
        return method(A, **asked, progress=progress)
    return method(A, **asked)


def _figures(found: Any) -> dict[str, Any]:
    """Those figures that a matrix without an input has."""
    figures = {name: value for name, value in found.figures().items() if value == value}
    return {"order": found.order} | figures


def _write(path: Path, found: Any, figures: dict[str, Any], built: str, force: bool) -> None:
    arrays = {
        "A": found.A,
        "Lambda": found.Lambda,
        "V": found.V,
        "V_inv": found.V_inv,
        "E": found.E,
    }
    metadata = facts(built) | {"certificate": json.dumps(figures)}
    ssmlinalg.checkpoints.write(path, arrays, metadata, force=force)


def _page(found: Any, title: str, built: str) -> str:
    before = ssmlinalg.matrices.pseudospectrum(found.A, points=_POINTS)
    after = ssmlinalg.matrices.pseudospectrum(found.A + found.E, before.x, before.y)
    return ssmlinalg.report.diagonalized_matrix(
        found, before, after, title=title, facts=facts(built)
    )


def _matrix_in(file: Path, key: str | None) -> Any:
    from .matrix_source import matrix_in  # it loads NumPy, which help does without

    return matrix_in(file, key)
