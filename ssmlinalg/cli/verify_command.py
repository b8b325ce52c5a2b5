"""`ssmlinalg verify`: a model against the laws that every model keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

import ssmlinalg

from .options import ModelOptions, Outputs, Rule, given, named
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
        help="An initialization that `ssmlinalg list inits` names, a .safetensors file that `init`"
        " wrote, or a .npz file whose arrays are the fields of a form.",
        show_default=False,
    ),
]
_Form = Annotated[
    str | None,
    typer.Option(
        help="The form of the arrays of a .npz file, `ssmlinalg list forms` names them;"
        " Paired if unset.",
        autocompletion=named("forms", "FORMS"),
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

    model: Any
    rule: Any
    length: int
    kernel: Any
    found: Any


def verify(
    source: _Source,
    options: ModelOptions,
    form: _Form = None,
    rule: Rule = "zoh",
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
        done = _verified(source, options, form, rule, length, kernel)
        asked = given(**options._asdict(), form=form, kernel=kernel, rule=rule, length=done.length)
        built = command_line("verify", source, asked)
        if outputs.html is not None:
            page = _page(done, f"Verification of {source}", facts(built))
            write_page(outputs.html, page, force=outputs.force)
        if pictures:
            write_pictures(pictures, _figures(done), force=outputs.force)
    if outputs.as_json:
        print_json(facts(built) | _record(done.found))
    else:
        _print_tables(source, done.found)
    if not all(check.holds for check in done.found.checks):
        raise typer.Exit(1)


def _verified(
    source: str,
    options: ModelOptions,
    form: str | None,
    rule: str,
    length: int | None,
    kernel: Path | None,
) -> _Verified:
    from ..ground import require
    from .model_source import kernel_in, model_of

    checked: Any = require.known("rule", rule, ssmlinalg.discretize.RULES)
    theirs = None if kernel is None else kernel_in(kernel)
    own = _LENGTH if theirs is None else theirs.shape[-1]
    samples = own if length is None else length
    model = model_of(source, options, form)
    found = ssmlinalg.verify(model, samples, rule=checked, kernel=theirs)
    return _Verified(model, checked, samples, theirs, found)


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


def _print_tables(source: str, found: Any) -> None:
    laws = [
        (one.law, "holds" if one.holds else "fails", one.error, one.allowed, one.message)
        for one in found.checks
    ]
    print_table(f"laws of {source}", _LAW_HEADS, laws)
    if found.findings:
        causes = [(one.cause, one.number, one.residual, one.message) for one in found.findings]
        print_table("why it differs, best explanation first", _CAUSE_HEADS, causes)
    scales = ssmlinalg.report.timetable(found.timescales)
    print_table("time scales", ("", "", "what it is"), scales)
