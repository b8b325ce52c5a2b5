"""`ssmlinalg init`: an initialization, its certificate, and a file in a framework's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

from .options import ORDER, Init, ModelOptions, Outputs, given, named, refuse_options
from .output_files import picture_paths, refuse_written, write_page, write_pictures
from .printing import (
    PROGRESS,
    print_json,
    print_nothing_written,
    print_table,
    progress_on,
)
from .provenance import command_line, facts

_SEED = 0  # if unset

_Length = Annotated[
    int | None,
    typer.Option(
        "--length", "-L", help="Samples, for dss-softmax and for layouts that depend on them."
    ),
]
_Target = Annotated[
    str | None,
    typer.Option(
        help="Layout of the file, `ssmlinalg list targets` names them; unset: that of the layer"
        " the initialization was published with.",
        autocompletion=named("export", "TARGETS"),
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write: .safetensors, .npz or .mat."),
]


def init(
    name: Init,
    options: ModelOptions,
    length: _Length = None,
    target: _Target = None,
    output: _Output = None,
    *,
    outputs: Outputs,
) -> None:
    """Build an initialization, certify it, and write it in a framework's layout."""
    there = _layout(name, target, output)
    asked = _asked(name, options, length, there)
    _refuse_uncertified(name, outputs)
    pictures = picture_paths(outputs.figure, "spectrum", "response", "deviation", "kernels")
    refuse_written([output, outputs.html, *pictures], force=outputs.force)
    found = _built(name, asked)
    built = command_line("init", name, asked)
    figures = _figures(found, asked["order"])
    if output is not None:
        record = {"built": built, "seed": asked["seed"], "figures": figures}
        with PROGRESS.status(f"writing {output}"):
            _write_arrays(output, found, there, length, record, outputs.force)
        figures["file"] = str(output)
    if outputs.html is not None:
        _write_page(outputs, found, f"{name}, order {asked['order']}", built)
        figures["html"] = str(outputs.html)
    if pictures:
        _write_pictures(pictures, found, outputs.force)
    if outputs.as_json:
        print_json(facts(built) | {"file": None} | figures)
        return
    rows = [(figure, value, _meaning(figure, value)) for figure, value in figures.items()]
    print_table(built, ("figure", "value", "what it is"), rows)
    if output is None and outputs.html is None and not pictures:
        print_nothing_written("`--output FILE` writes the arrays.")


def _layout(name: str, target: str | None, output: Path | None) -> str:
    """The target that is asked for, or that of the layer the initialization belongs to."""
    from ..export.saving import writable
    from ..export.targets import known_target
    from ..ground import require

    require.known("name", name, ssmlinalg.INITS)
    there = ssmlinalg.export.HOMES[name] if target is None else known_target("target", target)
    if output is not None:
        writable(output, force=True)
    elif target is not None:
        rule = "`--target` is the layout of a file"
        raise ValueError(f"{rule}; got {target} and no file. Add `--output FILE`.")
    return there


def _asked(name: str, options: ModelOptions, length: int | None, target: str) -> dict[str, Any]:
    """The options of the initialization by name, once it is known to take them."""
    order = ORDER if options.order is None else options.order
    seed = _SEED if options.seed is None else options.seed
    asked = given(**options._replace(order=order, seed=seed)._asdict())
    if length is not None and "length" in ssmlinalg.inits.options(name):
        asked["length"] = length
    elif length is not None and not ssmlinalg.export.TARGETS[target].sized:
        rule = "`--length` must be one that something depends on"
        raise ValueError(f"{rule}; got {length} for {name} as {target}. Leave it out.")
    refuse_options(name, asked)
    return asked


def _write_arrays(
    path: Path,
    found: Any,
    target: str,
    length: int | None,
    record: dict[str, Any],
    force: bool,
) -> None:
    """Write the model, or the certificate itself for a layout that holds one."""
    takes = ssmlinalg.export.TARGETS[target].takes
    held = found.certificate if type(found.certificate) in takes else found.form
    ssmlinalg.export.save(path, held, target, length=length, metadata=record, force=force)


def _refuse_uncertified(name: str, outputs: Outputs) -> None:
    """Pages and pictures of `init` draw a certificate."""
    if ssmlinalg.inits.certified(name):
        return
    for option, path in (("html", outputs.html), ("figure", outputs.figure)):
        if path is not None:
            certified = ", ".join(filter(ssmlinalg.inits.certified, ssmlinalg.INITS))
            rule = f"`--{option}` draws the certificate of {certified}"
            remedy = f"Use `ssmlinalg verify {name} --{option}` for it."
            raise ValueError(f"{rule}; got {name}. {remedy}")


def _built(name: str, asked: dict[str, Any]) -> Any:
    title = f"building {name} of order {asked['order']}"
    with PROGRESS.status(title) as status:
        return ssmlinalg.inits.built(name, progress=progress_on(status, title), **asked)


def _figures(found: Any, order: int) -> dict[str, Any]:
    """The figures of the certificate by name; without one, the shapes of the arrays."""
    shapes = {field: list(array.shape) for field, array in found.form._asdict().items()}
    head = {"order": order, "form": type(found.form).__name__}
    return head | dict(found.figures or shapes)


def _meaning(figure: str, value: Any) -> str:
    if isinstance(value, list):
        return "shape of this array"
    return ssmlinalg.report.MEANINGS.get(figure, "")


def _write_page(outputs: Outputs, found: Any, title: str, built: str) -> None:
    assert found.certificate is not None, "a page of what has no certificate was refused"
    path = outputs.html
    assert path is not None
    with PROGRESS.status(f"drawing {path}"):
        page = ssmlinalg.report.ptd(found.certificate, found.form, title=title, facts=facts(built))
        write_page(path, page, force=outputs.force, shared=outputs.share_script)


def _write_pictures(paths: Sequence[Path], found: Any, force: bool) -> None:
    assert found.certificate is not None, "pictures of what has no certificate were refused"
    with PROGRESS.status("drawing pictures"):
        curves = ssmlinalg.report.curves(found.certificate)
        figures = [
            ssmlinalg.report.spectrum(found.certificate),
            ssmlinalg.report.response(curves),
            ssmlinalg.report.deviation(curves, found.certificate.transfer_bound),
            ssmlinalg.report.impulse(found.form),
        ]
        write_pictures(paths, figures, force=force)
