"""Options that several commands have, each declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer
import typer.core

import ssmlinalg

ORDER = 64  # if unset


def named(room: str, table: str) -> Callable[[], list[str]]:
    """The function that completes a name of a table, and loads its room only then."""
    return lambda: list(getattr(getattr(ssmlinalg, room), table))


def _interval(text: str) -> float | tuple[float, float]:
    """A number, or LOW:HIGH."""
    words = text.split(":")
    if len(words) > 2 or not all(map(_is_number, words)):
        rule = "it must be a number, or two of an interval"
        raise typer.BadParameter(f"{rule}; got {text!r}. Give for example 0.01, or 0.001 0.1.")
    low = float(words[0])
    return low if len(words) == 1 else (low, float(words[1]))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


# One number or two, as `StepCommand` joins them.
Interval: dict[str, Any] = {"parser": _interval, "metavar": "LOW [HIGH]"}
Checkpoint = Annotated[
    Path,
    typer.Argument(
        help="A file or folder of arrays: safetensors, also in shards, npz, PyTorch, .mat, GGUF,"
        " msgpack, orbax.",
        show_default=False,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        help="Layout of the layers, `ssmlinalg list targets` names them; unset: that of the file,"
        " or the one its names fit.",
        autocompletion=named("export", "TARGETS"),
    ),
]
ArraysOutput = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="The file to write: .safetensors, .npz or .mat; unset: only prove."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Html = Annotated[Path | None, typer.Option("--html", help="The HTML page to write.")]
ShareScript = Annotated[
    bool,
    typer.Option(
        "--share-script",
        help="Put the script of the page, 5 MB, in a file beside it that all pages there share.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Order = Annotated[int, typer.Option("--order", "-N", help="Order of the state.")]
Init = Annotated[
    str,
    typer.Argument(
        help="Which initialization; `ssmlinalg list inits` names them.",
        show_default=False,
        autocompletion=named("inits", "INITS"),
    ),
]


MatrixFile = Annotated[
    Path,
    typer.Argument(
        help="A file that holds a square matrix: .npy, .npz, .mat, .mtx, .safetensors, PyTorch,"
        " GGUF, msgpack.",
        show_default=False,
    ),
]
MatrixKey = Annotated[
    str | None,
    typer.Option(help="The name of the matrix in the file; unset: the one square matrix there."),
]


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
            help="For ptd and s5-ptd; `ssmlinalg list perturbations` names them.",
            autocompletion=named("perturb", "PERTURBATIONS"),
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
    modes: Annotated[
        int | None,
        typer.Option(help="Modes, for ptd and s5-ptd: more than the order lower the error."),
    ] = None
    unstable: Annotated[
        bool | None,
        typer.Option("--unstable", help="For ptd and s5-ptd: take modes that grow, too."),
    ] = None
    measure: Annotated[
        str | None,
        typer.Option(
            help="Measure, for ptd and s4; `ssmlinalg list measures` names them.",
            autocompletion=named("hippo", "MEASURES"),
        ),
    ] = None
    blocks: Annotated[int | None, typer.Option(help="Blocks, for s5 and s5-ptd.")] = None
    step: Annotated[
        Any | None,
        typer.Option(
            **Interval,
            help="The step, or the interval that steps are drawn from; 0.001 0.1 if unset.",
        ),
    ] = None
    decay: Annotated[
        Any | None,
        typer.Option(
            **Interval,
            help="The decay of s4d-dfout and its variants, or the interval of the decays.",
        ),
    ] = None
    seed: Annotated[int | None, typer.Option(help="Seed of C and of the steps; 0 if unset.")] = None


class LayerOptions(NamedTuple):
    """How the layers of a file are found."""

    layer: Annotated[
        str | None,
        typer.Option(help="The start of the names of the layers, such as blocks.3; unset: all."),
    ] = None
    map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OWN=NAME",
            help="An own name of an array and the one of the layout, as A_im=A_imag; repeatable.",
        ),
    ] = None


class Outputs(NamedTuple):
    """The files that a command can write beside what it prints, and how it prints."""

    html: Html = None
    share_script: ShareScript = False
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure",
            "--svg",
            help="Pictures for papers, .svg, .pdf or .png; x.svg makes x-kernels.svg and so on.",
        ),
    ] = None
    force: Force = False
    as_json: Json = False


_OTHERS = {  # names of the library that no parameter of a command has
    "renamed": "`--map`",
    "perturbations": "`--perturbation`",
    "path": "the path",
    "name": "SOURCE",
}
_INTERVALS = ("--step", "--decay", "--lags")
_FIELDS = ("form", "step")  # of a model, unless the options of these names are given
_GROUPS = (ModelOptions, LayerOptions, Outputs)


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None, by name."""
    return {option: value for option, value in options.items() if value is not None}


def renamed(options: LayerOptions) -> dict[str, str]:
    """The names that `--map` gives, by own names."""
    pairs = [word.partition("=") for word in options.map or ()]
    for own, sign, name in pairs:
        if not (own and sign and name):
            rule = "`--map` must be OWN=NAME"
            raise ValueError(f"{rule}; got {own + sign + name!r}. Give for example A_im=A_imag.")
    return {own: name for own, _, name in pairs}


def refuse_options(name: str, options: Iterable[str]) -> None:
    """Raise ValueError for an option that the initialization does not take."""
    takes = ssmlinalg.inits.options(name)
    for option in options:
        if option not in takes:
            rest = ", ".join(f"--{key}" for key in takes)
            rule = f"{name} must be given options it has"
            raise ValueError(f"{rule}; got --{option}. It takes {rest}.")


class StepCommand(typer.core.TyperCommand):
    """A command whose options that are intervals take one number or two."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words, `--step LOW HIGH` as `--step LOW:HIGH`."""
        words = [*args]
        for at in range(len(words) - 3, -1, -1):
            if words[at] in _INTERVALS and _is_number(words[at + 1]) and _is_number(words[at + 2]):
                words[at + 1 : at + 3] = [":".join(words[at + 1 : at + 3])]
        return super().parse_args(ctx, words)


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its groups as options of their own."""
    groups = {name: hint for name, hint in get_type_hints(command).items() if hint in _GROUPS}

    parameters = list(_parameters(command))

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        words = {one.name: _word(one, values[one.name]) for one in parameters}
        for name, group in groups.items():
            fields = {field: values.pop(field) for field in group._fields}
            values[name] = group(**fields)
        try:
            command(**values)
        except (ValueError, TypeError, OSError, ImportError) as error:
            raise ValueError(_in_words(str(error), words)) from error

    flat.__signature__ = inspect.Signature(parameters)  # pyright: ignore
    return flat


def _word(parameter: inspect.Parameter, value: Any) -> str:
    """The name of a parameter at the shell: --target, SOURCE."""
    if isinstance(parameter.annotation.__metadata__[0], typer.models.ArgumentInfo):
        return parameter.name.upper()
    if value is None and parameter.name in _FIELDS:
        return f"`{parameter.name}`"
    return f"`--{parameter.name.replace('_', '-')}`"


def _in_words(sentence: str, words: dict[str, str]) -> str:
    """A sentence of the library in the words of the shell."""
    words = _OTHERS | words
    for name, word in words.items():
        sentence = sentence.replace(f"`{name}`", word)
    return sentence.replace("force the writing", "add `--force`")


def _parameters(command: Callable[..., None]) -> Iterator[inspect.Parameter]:
    """The parameters of the command, those of a group in place of the group."""
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        group = hints[name]
        if group not in _GROUPS:
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
