"""The command line: `ssmlinalg list | init | verify | claims | compare | convert | audit | doctor`.

Choices are read from the library's tables.

Exit status: 0 done, 1 a check failed, 2 the request could not be understood or carried out, 130
interrupted.
"""

from __future__ import annotations

import inspect
import json
import math
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import rich.box
import typer
import typer.exceptions
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from . import (
    __version__,
    checkpoints,
    discretize,
    doctor,
    export,
    forms,
    hippo,
    inits,
    perturb,
    report,
)
from .audit import CHECKS, LayerReport, audit
from .comparison import CLAIMS, measured
from .comparison import compare as compare_inits
from .comparison.robustness import fourier_sweep
from .ground import require
from .ground.backend import LIBRARIES
from .ground.files import refuse_existing, write_atomically
from .verification import LAWS
from .verification.verdict import verify as verify_form

app = typer.Typer(
    help="Initializations of state space models, with proof.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
_screen = Console(stderr=True)
_LENGTH = 1024  # samples a model is verified over
_ARRAYS = [
    name for name in forms.FORMS if name not in ("NPLR", "Delayed")
]  # what a file of arrays may be a form of
_PROVED = 512  # order up to which stability is proved with every certificate: a second or two

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Pictures = Annotated[
    Path | None,
    typer.Option(
        help="Pictures for papers, .svg, .pdf or .png; x.svg makes files x-kernels.svg and so on."
    ),
]
# What initializations take; each refuses what it does not.
Channels = Annotated[
    int | None, typer.Option("--channels", "-H", help="Channels, or the width for several inputs.")
]
Perturbation = Annotated[
    str | None,
    typer.Option(
        help="For ptd and s5-ptd: " + ", ".join(perturb.PERTURBATIONS), show_default=False
    ),
]
Conditioning = Annotated[
    float | None, typer.Option(help="Budget for kappa(V): lossless, minimize, optimal; 8 if unset.")
]
Tau = Annotated[
    float | None, typer.Option(help="Size of a lossless perturbation, instead of a budget.")
]
Size = Annotated[
    float | None, typer.Option(help="|E|/|A| of the perturbations that are measured so.")
]
Measure = Annotated[str | None, typer.Option(help="Measure, for ptd and s4.")]
Blocks = Annotated[int | None, typer.Option(help="Blocks, for s5 and s5-ptd.")]
Steps = Annotated[
    tuple[float, float] | None, typer.Option(help="Interval the steps are drawn from.")
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments` (None: those of the process) and return its exit
    status.
    """
    try:
        # Outside its standalone mode Typer returns the status of an Exit, 130 for an interruption,
        # and a command's own None.
        status = app(args=arguments, standalone_mode=False) or 0
    except typer.exceptions.TyperException as error:
        return _refuse(error.format_message())
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _refuse(str(error))
    if status == 130:
        _screen.print("ssmlinalg: interrupted; nothing half-written was left.", highlight=False)
    return status


def _refuse(sentence: str) -> int:
    # Brackets in a sentence, as in ssmlinalg[torch], are not markup.
    _screen.print(Text.assemble(("ssmlinalg:", "bold red"), " ", sentence), soft_wrap=True)
    return 2


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the measures, initializations, rules, laws, checks, claims, targets and libraries there
    are.
    """
    tables: dict[str, dict[str, str]] = {
        "measures": _summaries(hippo.MEASURES),
        "inits": _summaries(inits.INITS),
        "perturbations": _summaries(perturb.PERTURBATIONS),
        "rules": _summaries(discretize.RULES),
        "laws": _summaries(LAWS),
        "checks": _summaries(CHECKS),
        "claims": {name: claim.statement for name, claim in CLAIMS.items()},
        "targets": {name: target.about for name, target in export.TARGETS.items()},
        "libraries": dict.fromkeys(LIBRARIES, "array library"),
    }
    if as_json:
        return _print_json(tables)
    for title, entries in tables.items():
        _print_table(title, ("name", "what it is"), entries.items())
    return None


@app.command("init")
def init_(
    name: Annotated[
        str,
        typer.Argument(
            help="Which initialization; `ssmlinalg list` names them.", show_default=False
        ),
    ],
    order: Annotated[int, typer.Option("--order", "-N", help="Order of the state.")] = 64,
    channels: Channels = None,
    perturbation: Perturbation = None,
    conditioning: Conditioning = None,
    tau: Tau = None,
    size: Size = None,
    measure: Measure = None,
    blocks: Blocks = None,
    step: Steps = None,
    seed: Annotated[int, typer.Option(help="Seed of C and of the steps.")] = 0,
    length: Annotated[
        int | None,
        typer.Option(
            "--length", "-L", help="Samples, for dss-softmax and for layouts that depend on them."
        ),
    ] = None,
    target: Annotated[
        str, typer.Option(help="Layout of the file: " + ", ".join(export.TARGETS))
    ] = "s4d",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The safetensors file to write.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--report", help="The HTML page to write, for ptd.")
    ] = None,
    figure: Pictures = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Build an initialization, certify it, and write it in a framework's layout."""
    options = _given(
        channels=channels, perturbation=perturbation, conditioning=conditioning, tau=tau, size=size, measure=measure,
        blocks=blocks, step=step, seed=seed,
    )  # fmt: skip
    require.known("name", name, inits.INITS)
    if length is not None and "length" in inspect.signature(inits.INITS[name]).parameters:
        options["length"] = length
    elif (
        length is not None
        and not export.TARGETS[require.known("target", target, export.TARGETS)].sized
    ):
        raise ValueError(
            f"`--length` must be one that something depends on; got {length} for {name} as {target}. Leave it out."
        )
    make = _init(name, options)
    if page is not None and name != "ptd":
        raise ValueError(
            f"`--report` draws the certificate of a ptd; got {name}. Use `ssmlinalg compare --html` for it."
        )
    if figure is not None and name != "ptd":
        raise ValueError(
            f"`--figure` draws the certificate of a ptd; got {name}. Use `ssmlinalg verify --figure` for it."
        )
    drawn = _files(figure, "spectrum", "response", "deviation", "kernels")
    refuse_existing([path for path in (output, page, *drawn) if path is not None], force=force)
    if output is not None:
        require.known("target", target, export.TARGETS)
    with _screen.status(title := f"building {name} of order {order}") as status:
        found = _perturbed(order, options, _telling(status, title)) if name == "ptd" else None
        form = _reading(found, options) if found else make(order, **options)
        figures = _figures(found) if found else {}
    shapes = {field: list(np.shape(array)) for field, array in form._asdict().items()}
    figures = {"order": order, "form": type(form).__name__} | (figures or shapes)
    built = _command("init", name, {"order": order} | options)
    facts = _facts(built)
    if output is not None:
        with _screen.status(f"writing {output}"):
            told = {"built": built, "seed": seed, "figures": figures}
            export.save(output, form, target, length=length, metadata=told, force=force)
        figures["file"] = str(output)
    if page is not None and found is not None:
        assert isinstance(form, forms.Paired)
        with _screen.status(f"drawing {page}"):
            text = report.ptd(found, form, title=f"{name}, order {order}", facts=facts)
            write_atomically(page, text.encode(), force=force)
        figures["report"] = str(page)
    if drawn and found is not None:
        assert isinstance(form, forms.Paired)
        with _screen.status("drawing pictures"):
            shown = report.curves(found)
            deviation = report.deviation(shown, found.transfer_bound)
            _draw(
                drawn,
                [report.spectrum(found), report.response(shown), deviation, report.impulse(form)],
                force=force,
            )
    if as_json:
        return _print_json(facts | figures)
    _print_table(
        built, ("figure", "value"), ((key, _show(value)) for key, value in figures.items())
    )
    return None


@app.command("verify")
def verify_(
    source: Annotated[
        str,
        typer.Argument(
            help="An initialization that `ssmlinalg list` names, a .safetensors file that `init` wrote, or a .npz file whose"
            " arrays are the fields of a form.",
            show_default=False,
        ),
    ],
    order: Annotated[
        int | None, typer.Option("--order", "-N", help="Order of the state; 64 if unset.")
    ] = None,
    channels: Channels = None,
    perturbation: Perturbation = None,
    conditioning: Conditioning = None,
    tau: Tau = None,
    size: Size = None,
    measure: Measure = None,
    blocks: Blocks = None,
    step: Steps = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of C and of the steps; 0 if unset.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            help="What the arrays of a .npz file are: " + ", ".join(_ARRAYS) + "; Paired if unset."
        ),
    ] = None,
    rule: Annotated[
        str, typer.Option(help="How it is sampled: " + ", ".join(discretize.RULES))
    ] = "zoh",
    length: Annotated[
        int | None,
        typer.Option("--length", "-L", help="Samples; 1024 if unset, or those of your kernel."),
    ] = None,
    kernel: Annotated[
        Path | None,
        typer.Option(
            help="Your own kernel of this model, .npy of (L,) or (H, L): why does it differ?"
        ),
    ] = None,
    page: Annotated[Path | None, typer.Option("--html", help="The HTML page to write.")] = None,
    figure: Pictures = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Check a model against the laws every model keeps; say why where one fails. Status 1 if one
    does.

    With a kernel of your own, from another framework say, the first finding is the best explanation
    of the difference.
    """
    drawn = _files(figure, "kernels", "gain", "modes")
    refuse_existing([path for path in (page, *drawn) if path is not None], force=force)
    options = _given(
        channels=channels, perturbation=perturbation, conditioning=conditioning, tau=tau, size=size, measure=measure,
        blocks=blocks, step=step, seed=seed,
    )  # fmt: skip
    require.known("rule", rule, discretize.RULES)
    theirs = None if kernel is None else _kernel(kernel)
    samples = length if length is not None else _LENGTH if theirs is None else theirs.shape[-1]
    with _screen.status(f"verifying {source}"):
        model = _source(source, _given(order=order) | options, form)
        found = verify_form(model, samples, rule=rule, kernel=theirs)
        asked = (
            _given(order=order)
            | options
            | _given(form=form, kernel=kernel)
            | {"rule": rule, "length": samples}
        )
        facts = _facts(_command("verify", source, asked))
        if page is not None:
            text = report.verification(
                found,
                model,
                title=f"Verification of {source}",
                facts=facts,
                length=samples,
                rule=rule,
                kernel=theirs,
            )
            write_atomically(page, text.encode(), force=force)
    scales = report.timetable(found.timescales)
    if as_json:
        checks, findings = (
            [entry._asdict() for entry in entries] for entries in (found.checks, found.findings)
        )
        shares = {
            name: getattr(found.timescales, name) for name in ("beyond_nyquist", "dead", "outlives")
        }
        _print_json(facts | {"checks": checks, "findings": findings, "timescales": shares})
    else:
        laws = [
            (c.law, "holds" if c.holds else "fails", _show(c.error), _show(c.allowed), c.message)
            for c in found.checks
        ]
        _print_table(
            f"laws of {source}", ("law", "", "error", "allowed", "what was compared"), laws
        )
        if found.findings:
            causes = [
                (f.cause, _show(f.number), _show(f.residual), f.message) for f in found.findings
            ]
            _print_table(
                "why it differs, best explanation first",
                ("cause", "number", "left over", ""),
                causes,
            )
        _print_table("time scales", ("", "", "what it is"), scales)
    if drawn:
        with _screen.status("drawing pictures"):
            pictures = (
                report.impulse(model, samples, rule=rule, theirs=theirs),
                report.gain(model, rule=rule),
            )
            _draw(drawn, [*pictures, report.modes(found.timescales, samples)], force=force)
    if not all(check.holds for check in found.checks):
        raise typer.Exit(1)


@app.command("claims")
def claims_(
    order: Annotated[int, typer.Option("--order", "-N", help="Order of the state.")] = 32,
    as_json: Json = False,
) -> None:
    """Measure what theory claims of convergence to HiPPO, at one order; status 1 if a claim fails.

    Claims that were not examined at this order are left out.
    """
    order = require.integer("order", order)
    names = [name for name, claim in CLAIMS.items() if claim.least <= order <= claim.greatest]
    if not names:
        greatest = max(claim.greatest for claim in CLAIMS.values())
        raise ValueError(
            f"`order` must be one at which claims were examined; got {order}. Give at most {greatest}."
        )
    figures = {}
    with _screen.status(title := f"measuring claims at order {order}") as status:
        for name in names:
            status.update(f"{title}: {name}")
            figures[name] = measured(name, order)
    holds = {name: low <= value <= high for name, (value, low, high) in figures.items()}
    if as_json:
        _print_json(
            {name: found._asdict() | {"holds": holds[name]} for name, found in figures.items()}
        )
    else:
        heads = ("claim", "", "measured", "from", "to", "status", "what is claimed")
        rows = (
            (
                name,
                "holds" if holds[name] else "fails",
                *map(_show, found),
                CLAIMS[name].status,
                CLAIMS[name].statement,
            )
            for name, found in figures.items()
        )
        _print_table(f"order {order}: claims of convergence", heads, rows)
    if not all(holds.values()):
        raise typer.Exit(1)


@app.command("compare")
def compare_(
    order: Annotated[int, typer.Option("--order", "-N", help="Order of the state.")] = 64,
    conditioning: Annotated[
        float, typer.Option(help="Budget for kappa(V) of the perturbed ones.")
    ] = 8.0,
    perturbation: Annotated[
        list[str] | None,
        typer.Option(help="Add a row for it, may be repeated; unset: those that take no search."),
    ] = None,
    page: Annotated[Path | None, typer.Option("--html", help="The HTML page to write.")] = None,
    figure: Pictures = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Put all initializations of one order side by side: conditioning, distance from HiPPO-LegS,
    stability.
    """
    drawn = _files(figure, "frontier", "robustness")
    refuse_existing([path for path in (page, *drawn) if path is not None], force=force)
    chosen: Any = {"conditioning": conditioning, "perturbations": perturbation or None}
    with _screen.status(f"comparing all initializations of order {order}"):
        rows = compare_inits(order, **chosen)
        sweeps = fourier_sweep(order, **chosen) if drawn or page is not None else []
        if page is not None:
            text = report.comparison(rows, sweeps, title=f"All initializations at order {order}")
            write_atomically(page, text.encode(), force=force)
        if drawn:
            _draw(drawn, [report.frontier(rows), report.robustness(sweeps)], force=force)
    if as_json:
        return _print_json([row._asdict() for row in rows])
    heads = ("init", "kappa(V)", "|E|/|A|", "transfer error", "max Re", "max |Im|", "modes")
    _print_table(
        f"order {order}: distance of the state from HiPPO-LegS",
        heads,
        (tuple(map(_show, row)) for row in rows),
    )
    return None


@app.command("convert")
def convert_(
    source: Annotated[
        Path,
        typer.Argument(
            help="A file of arrays: safetensors, npz, a PyTorch state dict, .mat.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str,
        typer.Option(help="Layout to write: " + ", ".join(export.TARGETS), show_default=False),
    ],
    source_target: Annotated[
        str | None,
        typer.Option(help="Layout to read; unset: the one the file tells, or its names."),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            "--length",
            "-L",
            help="Samples the kernels are compared over, and of layouts that depend on it; 1024.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file to write: .safetensors, .npz or .mat; unset: only prove.",
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Bring every layer of a checkpoint to another framework's layout, once its kernel is proved to
    stay.
    """
    with _screen.status(f"converting {source}"):
        found = export.convert(
            source, target, source_target=source_target, length=length, output=output, force=force
        )
    if as_json:
        return _print_json(
            {
                "layers": [layer._asdict() for layer in found.layers],
                "arrays": {name: list(array.shape) for name, array in found.arrays.items()},
                "file": None if output is None else str(output),
            }
        )
    heads = ("layer", "source", "target", "error", "allowed", "scale", "samples")
    rows = [
        (
            layer.prefix or "-",
            layer.source,
            layer.target,
            *map(_show, (layer.error, layer.allowed, layer.scale, layer.length)),
        )
        for layer in found.layers
    ]
    _print_table(f"{source} as {target}: how far each kernel moved", heads, rows)
    moved = {
        name: text
        for layer in found.layers
        for name, text in zip((target, layer.source), reversed(layer.moved), strict=False)
    }
    _print_table("what each layout keeps elsewhere than a form", ("layout", "moved"), moved.items())
    if output is not None:
        _print_table("written", ("file", "arrays"), ((str(output), str(len(found.arrays))),))
    return None


@app.command("audit")
def audit_(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A checkpoint: safetensors, also in shards, npz, a PyTorch state dict, .mat.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            help="Whose layers: " + ", ".join(export.TARGETS) + "; unset: those the names fit."
        ),
    ] = None,
    expect: Annotated[
        str | None, typer.Option(help="The initialization A must be; `ssmlinalg list` names them.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--html", help="The HTML page to write.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Find out what the layers of a checkpoint really start from, and what is broken in them;
    status 1 if something is.
    """
    refuse_existing([page] if page is not None else [], force=force)
    with _screen.status(f"auditing {checkpoint}"):
        found = audit(checkpoint, target=target, expect=expect)
        if page is not None:
            facts = _facts(_command("audit", str(checkpoint), _given(target=target, expect=expect)))
            text = report.audit(found, title=f"Audit of {checkpoint}", facts=facts)
            write_atomically(page, text.encode(), force=force)
    if as_json:
        _print_json(
            {
                "layers": [_layer(layer) for layer in found.layers],
                "findings": [finding._asdict() for finding in found.findings],
            }
        )
    else:
        heads = ("layer", "target", "order", "channels", "A is", "distance", "allowed", "least p")
        rows = (
            (
                layer.prefix or "-", layer.target, str(layer.order), str(layer.channels),
                _named(layer), _show(layer.identified.distance), _show(layer.identified.allowed),
                _show(min((test.p for test in layer.tests), default=math.nan)),
            )
            for layer in found.layers
        )  # fmt: skip
        _print_table(f"layers of {checkpoint}", heads, rows)
        if found.findings:
            told = (
                (finding.layer or "-", finding.kind, finding.array, finding.message)
                for finding in found.findings
            )
            _print_table("findings", ("layer", "kind", "array", "what is wrong"), told)
    if found.findings:
        raise typer.Exit(1)


def _named(layer: LayerReport) -> str:
    """Which initialization the A of a layer is, in words."""
    found = layer.identified
    names = " or ".join(found.names) or "none that is known"
    return names if found.exact or not found.names else f"nearest to {names}"


def _layer(layer: LayerReport) -> dict[str, Any]:
    """What a machine wants to know of a layer; pictures are made of the rest."""
    found, drawn = layer.identified._asdict(), [test._asdict() for test in layer.tests]
    told = {name: value for name, value in found.items() if not isinstance(value, np.ndarray)}
    tests = [
        {name: value for name, value in test.items() if not isinstance(value, np.ndarray)}
        for test in drawn
    ]
    return layer._asdict() | {"identified": told, "tests": tests}


@app.command("doctor")
def doctor_(as_json: Json = False) -> None:
    """Run a small model on every array library and compare it with NumPy; status 1 if one differs.
    List what a GPU needs.
    """
    with _screen.status("running each array library"):
        findings, parts = doctor.examine(), doctor.graphics()
    if as_json:
        _print_json(
            {
                "libraries": [finding._asdict() for finding in findings],
                "gpu": [part._asdict() for part in parts],
            }
        )
    else:
        rows = (
            (
                f.library,
                f.dtype,
                f.version or "-",
                f.device or "-",
                "works" if f.works else "no",
                _show(f.error),
                f.reason,
            )
            for f in findings
        )
        _print_table(
            "array libraries",
            ("library", "precision", "version", "device", "", "error", "why not"),
            rows,
        )
        _print_table(
            "on a GPU",
            ("part", "found", "why not"),
            ((p.name, p.found or "-", p.reason) for p in parts),
        )
    if any(not finding.works and not math.isnan(finding.error) for finding in findings):
        raise typer.Exit(1)


def _perturbed(
    order: int, options: dict[str, Any], progress: Callable[..., None]
) -> perturb.Diagonalization:
    return inits.perturbed(order, progress=progress, **_taken_by(inits.perturbed, options))


def _telling(status: Status, title: str) -> Callable[..., None]:
    """What shows the figures of a long search beside the title: a bar where a fraction is known."""

    def progress(**figures: float) -> None:
        done = round(20 * figures.pop("fraction")) if "fraction" in figures else None
        bar = "" if done is None else " " + "█" * done + "░" * (20 - done)
        status.update(
            title + bar + "".join(f", {name} {value:.4g}" for name, value in figures.items())
        )

    return progress


def _reading(found: perturb.Diagonalization, options: dict[str, Any]) -> forms.Paired:
    return inits.reading(found, **_taken_by(inits.reading, options))


def _taken_by(make: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    takes = inspect.signature(make).parameters
    return {option: value for option, value in options.items() if option in takes}


def _figures(found: perturb.Diagonalization) -> dict[str, Any]:
    names = (
        "condition",
        "scaled_condition",
        "backward_error",
        "transfer_error",
        "transfer_bound",
        "abscissa",
        "residual",
    )
    tau = {"tau": found.tau} if isinstance(found, perturb.Lossless) else {}
    figures = {"perturbation": found.method} | tau | {name: getattr(found, name) for name in names}
    proved = {"proved_abscissa": found.proved_abscissa} if len(found.Lambda) <= _PROVED else {}
    return figures | proved | dict(found.facts)


def _given(**options: Any) -> dict[str, Any]:
    return {option: value for option, value in options.items() if value is not None}


def _init(name: str, options: dict[str, Any]) -> Callable[..., Any]:
    """The initialization of that name, once it is known to take the options."""
    require.known("name", name, inits.INITS)
    make = inits.INITS[name]
    takes = inspect.signature(make).parameters
    for option in options:
        if option not in takes:
            rest = ", ".join(f"--{key}" for key in takes)
            raise ValueError(
                f"{name} must be given options it has; got --{option}. It takes {rest}."
            )
    return make


def _source(source: str, options: dict[str, Any], form: str | None) -> Any:
    """The model that is meant: of an initialization, or of a file, which takes no options of
    one.
    """
    path = Path(source)
    if path.suffix not in (".npz", ".safetensors"):
        if source not in inits.INITS and (path.suffix or path.exists()):
            got = f"got {source}. Save its arrays A, B, C, D and step with numpy.savez."
            raise ValueError(
                f"SOURCE must be an initialization, a .safetensors file or a .npz file; {got}"
            )
        make = _init(
            source, {option: value for option, value in options.items() if option != "order"}
        )
        if form is not None:
            raise ValueError(
                f"`--form` says what the arrays of a .npz file are; got {source}. Leave it out."
            )
        return make(**{"order": 64} | options)
    if options:
        raise ValueError(
            f"a file must be taken as it is; got --{next(iter(options))} for {source}. Leave that option out."
        )
    if path.suffix == ".npz":
        return _fields(path, form or "Paired")
    if form is not None:
        raise ValueError(
            f"`--form` says what the arrays of a .npz file are; got {source}. Leave it out."
        )
    return export.load(path)[0]


def _fields(path: Path, name: str) -> Any:
    """The form whose fields are the arrays of a file."""
    require.known("form", name, _ARRAYS)
    form: Any = forms.FORMS[name]
    arrays = _numbers(path)
    if set(arrays) != set(form._fields):
        needed, got = ", ".join(form._fields), ", ".join(arrays) or "nothing"
        raise ValueError(
            f"a {name} must be given as {needed}; got {got} in {path}. Rename the arrays, or say `--form`."
        )
    return forms.check(form(**arrays))


def _kernel(path: Path) -> np.ndarray:
    if path.suffix != ".npy":
        raise ValueError(
            f"a kernel must be given as a .npy file; got {path}. Write it with numpy.save."
        )
    K = _numbers(path).get("array", np.zeros(0))
    if K.ndim == 0 or K.size == 0:
        rule = "a kernel must be an array with samples on its last axis"
        raise ValueError(f"{rule}; got shape {K.shape} in {path}. Write it with numpy.save.")
    require.finite("kernel", K)
    return K


def _numbers(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; whole numbers as floats."""
    arrays = {name: entry.read() for name, entry in checkpoints.read(path).entries.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fciu":
            raise ValueError(
                f"`{name}` must be an array of numbers; got {array.dtype} in {path}. Convert or remove it."
            )
    return {
        name: array.astype(np.float64) if array.dtype.kind in "iu" else array
        for name, array in arrays.items()
    }


def _files(path: Path | None, *names: str) -> list[Path]:
    """Where the pictures of these names go: legs.svg to legs-frontier.svg and so on."""
    if path is None:
        return []
    if path.suffix.removeprefix(".") not in report.FORMATS:
        endings = ", ".join(f".{ending}" for ending in report.FORMATS)
        raise ValueError(
            f"`--figure` must end in one of {endings}; got {path}. Choose one of these endings."
        )
    return [path.with_stem(f"{path.stem}-{name}") for name in names]


def _draw(paths: Sequence[Path], figures: Sequence[Any], *, force: bool) -> None:
    kind = paths[0].suffix.removeprefix(".")
    for path, data in zip(paths, report.images(figures, kind), strict=True):
        write_atomically(path, data, force=force)


def _command(name: str, source: str, options: dict[str, Any]) -> str:
    return " ".join(
        [
            "ssmlinalg",
            name,
            source,
            *(f"--{option} {_plain(value)}" for option, value in options.items()),
        ]
    )


def _facts(built: str) -> dict[str, str]:
    return {
        "built": built,
        "ssmlinalg": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _summaries(table: dict[str, Callable[..., Any]]) -> dict[str, str]:
    return {name: _first_line(entry) for name, entry in table.items()}


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _plain(value: Any) -> str:
    return " ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)


def _show(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def _print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for position, head in enumerate(heads):
        table.add_column(head, no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    # A pipe has no width of its own; 80 columns would fold what a program or a log wants in one
    # piece.
    screen = Console() if sys.stdout.isatty() else Console(width=200)
    screen.print(title, style="bold", highlight=False, markup=False)
    screen.print(table, highlight=False, markup=False)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(_finite(value), indent=2) + "\n")


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity; null stands for both."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
