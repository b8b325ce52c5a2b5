"""Options that several commands have, each declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from .. import discretize, perturb

Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Html = Annotated[Path | None, typer.Option("--html", help="The HTML page to write.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Order = Annotated[int, typer.Option("--order", "-N", help="Order of the state.")]
Rule = Annotated[str, typer.Option(help="How it is sampled: " + ", ".join(discretize.RULES))]


class ModelOptions(NamedTuple):
    """The options of initializations; each initialization refuses those that it does not take."""

    order: Annotated[
        int | None, typer.Option("--order", "-N", help="Order of the state; 64 if unset.")
    ] = None
    channels: Annotated[
        int | None,
        typer.Option("--channels", "-H", help="Channels, or the width for several inputs."),
    ] = None
    perturbation: Annotated[
        str | None,
        typer.Option(
            help="For ptd and s5-ptd: " + ", ".join(perturb.PERTURBATIONS), show_default=False
        ),
    ] = None
    conditioning: Annotated[
        float | None,
        typer.Option(help="Budget for kappa(V): lossless, minimize, optimal; 8 if unset."),
    ] = None
    tau: Annotated[
        float | None, typer.Option(help="Size of a lossless perturbation, instead of a budget.")
    ] = None
    size: Annotated[
        float | None, typer.Option(help="|E|/|A| of the perturbations that are measured so.")
    ] = None
    measure: Annotated[str | None, typer.Option(help="Measure, for ptd and s4.")] = None
    blocks: Annotated[int | None, typer.Option(help="Blocks, for s5 and s5-ptd.")] = None
    step: Annotated[
        tuple[float, float] | None, typer.Option(help="Interval the steps are drawn from.")
    ] = None
    seed: Annotated[int | None, typer.Option(help="Seed of C and of the steps; 0 if unset.")] = None


class Outputs(NamedTuple):
    """The files that a command can write beside what it prints, and how it prints."""

    html: Html = None
    figure: Annotated[
        Path | None,
        typer.Option(
            help="Pictures for papers, .svg, .pdf or .png; x.svg makes x-kernels.svg and so on."
        ),
    ] = None
    force: Force = False
    as_json: Json = False


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None, by name."""
    return {option: value for option, value in options.items() if value is not None}


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its `ModelOptions` and `Outputs` as options of their own."""
    groups = {
        name: hint
        for name, hint in get_type_hints(command).items()
        if hint in (ModelOptions, Outputs)
    }

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        for name, group in groups.items():
            fields = {field: values.pop(field) for field in group._fields}
            values[name] = group(**fields)
        command(**values)

    flat.__signature__ = inspect.Signature(list(_parameters(command)))  # pyright: ignore
    return flat


def _parameters(command: Callable[..., None]) -> Iterator[inspect.Parameter]:
    """The parameters of the command, those of a group in place of the group."""
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        group = hints[name]
        if group not in (ModelOptions, Outputs):
            yield parameter.replace(annotation=group, kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        fields = get_type_hints(group, include_extras=True)
        for field in group._fields:
            yield inspect.Parameter(
                field,
                inspect.Parameter.KEYWORD_ONLY,
                default=group._field_defaults[field],
                annotation=fields[field],
            )
