"""`ssmlinalg init`: an initialization, its certificate, and a file in a framework's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import export, inits, report
from ..ground import require
from .model_source import ORDER, refuse_options
from .options import ModelOptions, Outputs, given
from .output_files import picture_paths, refuse_written, write_page, write_pictures
from .printing import PROGRESS, print_json, print_table, progress_on
from .provenance import command_line, facts

_SEED = 0  # if unset

_Name = Annotated[
    str,
    typer.Argument(help="Which initialization; `ssmlinalg list` names them.", show_default=False),
]
_Length = Annotated[
    int | None,
    typer.Option(
        "--length", "-L", help="Samples, for dss-softmax and for layouts that depend on them."
    ),
]
_Target = Annotated[str, typer.Option(help="Layout of the file: " + ", ".join(export.TARGETS))]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The safetensors file to write.")
]


def init(
    name: _Name,
    options: ModelOptions,
    length: _Length = None,
    target: _Target = "s4d",
    output: _Output = None,
    *,
    outputs: Outputs,
) -> None:
    """Build an initialization, certify it, and write it in a framework's layout."""
    asked = _asked(name, options, length, target)
    _refuse_uncertified(name, outputs)
    pictures = picture_paths(outputs.figure, "spectrum", "response", "deviation", "kernels")
    refuse_written([output, outputs.html, *pictures], force=outputs.force)
    found = _built(name, asked)
    built = command_line("init", name, asked)
    figures = _figures(found, asked["order"])
    if output is not None:
        record = {"built": built, "seed": asked["seed"], "figures": figures}
        with PROGRESS.status(f"writing {output}"):
            export.save(
                output, found.form, target, length=length, metadata=record, force=outputs.force
            )
        figures["file"] = str(output)
    if outputs.html is not None:
        _write_page(outputs.html, found, f"{name}, order {asked['order']}", built, outputs.force)
        figures["html"] = str(outputs.html)
    if pictures:
        _write_pictures(pictures, found, outputs.force)
    if outputs.as_json:
        print_json(facts(built) | figures)
    else:
        print_table(built, ("figure", "value"), figures.items())


def _asked(name: str, options: ModelOptions, length: int | None, target: str) -> dict[str, Any]:
    """The options of the initialization by name, once it is known to take them."""
    takes = inits.options(name)
    there = export.TARGETS[require.known("target", target, export.TARGETS)]
    order = ORDER if options.order is None else options.order
    seed = _SEED if options.seed is None else options.seed
    asked = given(**options._replace(order=order, seed=seed)._asdict())
    if length is not None and "length" in takes:
        asked["length"] = length
    elif length is not None and not there.sized:
        rule = "`--length` must be one that something depends on"
        raise ValueError(f"{rule}; got {length} for {name} as {target}. Leave it out.")
    refuse_options(name, asked)
    return asked


def _refuse_uncertified(name: str, outputs: Outputs) -> None:
    """Pages and pictures of `init` draw a certificate."""
    if inits.certified(name):
        return
    for option, path in (("html", outputs.html), ("figure", outputs.figure)):
        if path is not None:
            certified = ", ".join(filter(inits.certified, inits.INITS))
            rule = f"`--{option}` draws the certificate of {certified}"
            remedy = f"Use `ssmlinalg verify {name} --{option}` for it."
            raise ValueError(f"{rule}; got {name}. {remedy}")


def _built(name: str, asked: dict[str, Any]) -> inits.Built:
    title = f"building {name} of order {asked['order']}"
    with PROGRESS.status(title) as status:
        return inits.built(name, progress=progress_on(status, title), **asked)


def _figures(found: inits.Built, order: int) -> dict[str, Any]:
    """The figures of the certificate by name; without one, the shapes of the arrays."""
    shapes = {field: list(np.shape(array)) for field, array in found.form._asdict().items()}
    head = {"order": order, "form": type(found.form).__name__}
    return head | dict(found.figures or shapes)


def _write_page(path: Path, found: inits.Built, title: str, built: str, force: bool) -> None:
    assert found.certificate is not None, "a page of what has no certificate was refused"
    with PROGRESS.status(f"drawing {path}"):
        page = report.ptd(found.certificate, found.form, title=title, facts=facts(built))
        write_page(path, page, force=force)


def _write_pictures(paths: Sequence[Path], found: inits.Built, force: bool) -> None:
    assert found.certificate is not None, "pictures of what has no certificate were refused"
    with PROGRESS.status("drawing pictures"):
        curves = report.curves(found.certificate)
        figures = [
            report.spectrum(found.certificate),
            report.response(curves),
            report.deviation(curves, found.certificate.transfer_bound),
            report.impulse(found.form),
        ]
        write_pictures(paths, figures, force=force)
