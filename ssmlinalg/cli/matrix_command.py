"""`ssmlinalg matrix`: all figures of a matrix of any origin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

from .options import MatrixFile, MatrixKey, Outputs, given
from .output_files import picture_paths, refuse_written, write_page, write_pictures
from .printing import PROGRESS, print_json, print_line, print_table, progress_on
from .provenance import command_line, facts

_PICTURES = ("pseudospectra", "conditions", "growth", "perturbations")


def matrix(
    file: MatrixFile,
    key: MatrixKey = None,
    points: Annotated[
        int, typer.Option(help="Points of the grid of pseudospectra, each way.")
    ] = 80,
    *,
    outputs: Outputs,
) -> None:
    """Show what the eigenvalues of a matrix are worth, and what a perturbation would buy."""
    pictures = picture_paths(outputs.figure, *_PICTURES)
    refuse_written([outputs.html, *pictures], force=outputs.force)
    A = _matrix_in(file, key)
    title = f"looking at {file}"
    with PROGRESS.status(title) as status:
        found = ssmlinalg.matrices.profile(A, points=points, progress=progress_on(status, title))
        title = f"perturbing {file}"
        curves = ssmlinalg.perturb.buying_curves(found.A, progress=progress_on(status, title))
        built = command_line("matrix", str(file), given(key=key, points=points))
        if outputs.html is not None:
            named = f"{file}, {key}" if key else str(file)
            page = ssmlinalg.report.matrix(found, curves, title=named, facts=facts(built))
            write_page(outputs.html, page, force=outputs.force, shared=outputs.share_script)
        if pictures:
            _write_pictures(pictures, found, curves, outputs.force)
    if outputs.as_json:
        print_json(facts(built) | _record(found, curves))
    else:
        _print_tables(built, found, curves)


def _write_pictures(paths: Sequence[Path], found: Any, curves: Any, force: bool) -> None:
    figures = [
        ssmlinalg.report.pseudospectra(found),
        ssmlinalg.report.eigenvalue_conditions(found),
        ssmlinalg.report.transient(found),
        ssmlinalg.report.bought(curves),
    ]
    write_pictures(paths, figures, force=force)


def _print_tables(built: str, found: Any, curves: Any) -> None:
    rows = ssmlinalg.report.figures_of(found)
    print_table(built, ("figure", "value", "what it is"), rows)
    eigenvalues = [
        (f"{found.eigen.Lambda[j]:.6g}", found.eigen.condition[j])
        for j in (-found.eigen.condition).argsort(kind="stable")
    ]
    print_table("eigenvalues, the worst conditioned first", ("eigenvalue", "kappa"), eigenvalues)
    buys = [
        (curve.method, float(size), float(condition))
        for curve in curves
        for size, condition in zip(curve.size, curve.condition, strict=True)
    ]
    if buys:
        print_table("what a perturbation would buy", ("method", "|E|/|A|", "kappa(V)"), buys)
    else:
        print_line("No perturbation was found that makes it diagonalizable in double precision.")


def _record(found: Any, curves: Any) -> dict[str, Any]:
    """Every figure for machines; complex numbers as pairs."""
    return {
        "order": len(found.A),
        "norm": found.norm,
        "condition": found.condition,
        "residual": found.residual,
        "departure": found.departure._asdict(),
        "abscissa": found.abscissa,
        "numerical_abscissa": found.omega,
        "pseudospectral_abscissas": [
            {"eps": eps, "lower": bounds.lower, "upper": bounds.upper}
            for eps, bounds in found.abscissas
        ],
        "kreiss": {"lower": found.kreiss.lower, "upper": found.kreiss.upper},
        "transient_growth": found.growth._asdict(),
        "eigenvalues": _pairs(found.eigen.Lambda),
        "eigenvalue_conditions": found.eigen.condition.tolist(),
        "numerical_range": _pairs(found.field.boundary),
        "pseudospectrum": {
            name: getattr(found.spectra, name).tolist() for name in ("x", "y", "sigma")
        },
        "perturbations": [
            {
                "method": curve.method,
                "size": curve.size.tolist(),
                "condition": curve.condition.tolist(),
            }
            for curve in curves
        ],
    }


def _matrix_in(file: Path, key: str | None) -> Any:
    from .matrix_source import matrix_in  # it loads NumPy, which help does without

    return matrix_in(file, key)


def _pairs(values: Any) -> list[list[float]]:
    """Real and imaginary parts, for JSON has no complex numbers."""
    return [[value.real, value.imag] for value in values.tolist()]
