"""`ssmlinalg verify`: a model against the laws that every model keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

import ssmlinalg

from .options import LayerOptions, ModelOptions, Outputs, given, named
from .output_files import picture_paths, refuse_written, write_page, write_pictures
from .printing import PROGRESS, print_json, print_table
from .provenance import command_line, facts

_LENGTH = 1024  # samples, if unset and no kernel has its own
_SHARES = ("beyond_nyquist", "dead", "outlives")
_LAW_HEADS = ("law", "", "error", "allowed", "what was compared")
_CAUSE_HEADS = ("cause", "number", "left over", "")

_Source = Annotated[
    str,
    typer.Argument(
        help="An initialization that `ssmlinalg list inits` names, or a file or folder as `audit`"
        " takes it. Arrays may be named as the fields of a form: A, B, C, D, step.",
        show_default=False,
    ),
]
_Form = Annotated[
    str | None,
    typer.Option(
        help="The form whose fields the arrays are, `ssmlinalg list forms` names them; unset:"
        " the one that the shapes fit.",
        autocompletion=named("forms", "FORMS"),
    ),
]
_Target = Annotated[
    str | None,
    typer.Option(
        help="Layout of the file; unset: the one it records, or that its names fit.",
        autocompletion=named("export", "TARGETS"),
    ),
]
_OwnRule = Annotated[
    str | None,
    typer.Option(
        help="How it is sampled, `ssmlinalg list rules` names them; unset: as the layer of the"
        " file does, or zoh.",
        autocompletion=named("discretize", "RULES"),
    ),
]
_Length = Annotated[
    int | None,
    typer.Option("--length", "-L", help="Samples; 1024 if unset, or those of your kernel."),
]
_Kernel = Annotated[
    Path | None,
    typer.Option(help="Your own kernel of this model, .npy of (L,) or (H, L): why does it differ?"),
]


class _Verified(NamedTuple):
    """A model, how it was sampled, the kernel it was compared with, and the result."""

    prefix: str
    model: Any
    rule: Any
    length: int
    kernel: Any
    found: Any


def verify(
    source: _Source,
    options: ModelOptions,
    layers: LayerOptions,
    form: _Form = None,
    target: _Target = None,
    rule: _OwnRule = None,
    length: _Length = None,
    kernel: _Kernel = None,
    *,
    outputs: Outputs,
) -> None:
    """Check a model against the laws that every model keeps, and explain a failure; then status 1.

    With a kernel of your own, from another framework say, the first finding is the best explanation
    of the difference.
    """
    pictures = picture_paths(outputs.figure, "kernels", "gain", "modes")
    refuse_written([outputs.html, *pictures], force=outputs.force)
    with PROGRESS.status(f"verifying {source}"):
        how = given(form=form, target=target)
        models = _models(source, options, layers, length, how)
        if len(models) > 1:
            _refuse_several(models, outputs, kernel)
        done = [_verified(model, rule, length, kernel) for model in models]
        asked = given(**options._asdict(), **how, **layers._asdict(), kernel=kernel)
        asked |= {"rule": done[0].rule, "length": done[0].length}
        built = command_line("verify", source, asked)
        if outputs.html is not None:
            page = _page(done[0], f"Verification of {source}", facts(built))
            write_page(outputs.html, page, force=outputs.force, shared=outputs.share_script)
        if pictures:
            write_pictures(pictures, _figures(done[0]), force=outputs.force)
    _print(source, built, done, as_json=outputs.as_json)
    if not all(check.holds for one in done for check in one.found.checks):
        raise typer.Exit(1)


def _models(
    source: str,
    options: ModelOptions,
    layers: LayerOptions,
    length: int | None,
    how: dict[str, str],
) -> list[Any]:
    from .model_source import models_of

    return models_of(source, options, layers, length, **how)


def _refuse_several(models: list[Any], outputs: Outputs, kernel: Path | None) -> None:
    """A page, pictures and a kernel are of one layer."""
    asked = given(html=outputs.html, figure=outputs.figure, kernel=kernel)
    for option in asked:
        rule = f"`--{option}` is of one layer"
        remedy = f"Choose one, as by `--layer {models[0].prefix.rstrip('./')}`."
        raise ValueError(f"{rule}; got {len(models)}. {remedy}")


def _verified(model: Any, rule: str | None, length: int | None, kernel: Path | None) -> _Verified:
    from ..ground import require
    from .model_source import kernel_in

    chosen: Any = model.rule or "zoh"
    if rule is not None:
        chosen = require.known("rule", rule, ssmlinalg.discretize.RULES)
    theirs = None if kernel is None else kernel_in(kernel)
    own = _LENGTH if theirs is None else theirs.shape[-1]
    samples = own if length is None else length
    found = ssmlinalg.verify(model.form, samples, rule=chosen, kernel=theirs)
    return _Verified(model.prefix, model.form, chosen, samples, theirs, found)


def _print(source: str, built: str, done: list[_Verified], *, as_json: bool) -> None:
    if not as_json:
        for one in done:
            where = f" of {source}" if len(done) == 1 else f" of {one.prefix} in {source}"
            _print_tables(where, one.found)
        return
    records = [_record(one.found) for one in done]
    if len(done) == 1:
        print_json(facts(built) | records[0])
        return
    named = [{"layer": one.prefix} | record for one, record in zip(done, records, strict=True)]
    print_json(facts(built) | {"layers": named})


def _page(done: _Verified, title: str, made: dict[str, str]) -> str:
    return ssmlinalg.report.verification(
        done.found,
        done.model,
        title=title,
        facts=made,
        length=done.length,
        rule=done.rule,
        kernel=done.kernel,
    )


def _figures(done: _Verified) -> list[Any]:
    return [
        ssmlinalg.report.impulse(done.model, done.length, rule=done.rule, theirs=done.kernel),
        ssmlinalg.report.gain(done.model, rule=done.rule),
        ssmlinalg.report.modes(done.found.timescales, done.length),
    ]


def _record(found: Any) -> dict[str, Any]:
    return {
        "checks": [check._asdict() for check in found.checks],
        "findings": [one._asdict() for one in found.findings],
        "timescales": {name: getattr(found.timescales, name) for name in _SHARES},
    }


def _print_tables(where: str, found: Any) -> None:
    laws = [
        (one.law, "holds" if one.holds else "fails", one.error, one.allowed, one.message)
        for one in found.checks
    ]
    print_table(f"laws{where}", _LAW_HEADS, laws)
    if found.findings:
        causes = [(one.cause, one.number, one.residual, one.message) for one in found.findings]
        print_table("why it differs, best explanation first", _CAUSE_HEADS, causes)
    scales = ssmlinalg.report.timetable(found.timescales)
    print_table("time scales", ("", "", "what it is"), scales)
