"""The commands, and how the command line ends: with a status and at most one sentence."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
import typer.exceptions
from rich.text import Text

from .. import __version__
from .audit_command import audit
from .claims_command import claims
from .compare_command import compare
from .convert_command import convert
from .diagonalize_command import diagonalize
from .doctor_command import doctor
from .fit_command import fit
from .init_command import init
from .list_command import list_
from .matrix_command import matrix
from .options import StepCommand, with_groups
from .printing import PROGRESS
from .reduce_command import reduce
from .steps_command import steps
from .sweep_command import sweep
from .verify_command import verify

_NAME = "ssmlinalg"  # `python -m ssmlinalg` is called so too
_INTERRUPTED = 130  # what Typer returns where Ctrl-C was pressed
_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `ssmlinalg`. None: those of the process.

    Returns:
        The exit status: 0, 1 for a check that failed, 2 for a request that was refused or empty,
        130.

    Example:
        >>> main(["init", "s4d-lin", "--order", "4", "--json"])  # doctest: +ELLIPSIS
        {
          "built": "ssmlinalg init s4d-lin --order 4 --seed 0",
        ...
        0
    """
    words = sys.argv[1:] if arguments is None else _words(arguments)
    try:
        # Outside its standalone mode Typer returns the status of an Exit, and a command's own None.
        status = application()(args=words or ["--help"], prog_name=_NAME, standalone_mode=False)
    except typer.exceptions.TyperException as error:
        return _refuse(_with_help(error))
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _refuse(str(error))
    if status == _INTERRUPTED:
        PROGRESS.print("ssmlinalg: interrupted; nothing half-written was left.", highlight=False)
    return (status or 0) if words else _REFUSED


def application() -> typer.Typer:
    """All commands, as one application of Typer.

    Returns:
        A new one.

    Example:
        >>> len(application().registered_commands) == len(COMMANDS)
        True
    """
    found = typer.Typer(
        help="Numerical linear algebra for state space models.",
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    found.callback()(_root)
    for name, command in COMMANDS.items():
        # Typer keeps the ends of lines after the first paragraph.
        said = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(command) or "")
        found.command(name, cls=StepCommand, help=said)(with_groups(command))
    return found


def _words(arguments: Sequence[str]) -> list[str]:
    """The words of a command line, once it is known that they are words."""
    if isinstance(arguments, (list, tuple)) and all(isinstance(word, str) for word in arguments):
        return [*arguments]
    from ..ground import require  # it loads NumPy, which help does without

    require.instance("arguments", arguments, (list, tuple), "Give text.split().")
    for word in arguments:
        require.instance("arguments", word, str, "Give a list of words.")
    return [*arguments]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"{_NAME} {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Numerical linear algebra for state space models."""


def _with_help(error: typer.exceptions.TyperException) -> str:
    """The sentence of a request that could not be parsed, and where to look."""
    context = getattr(error, "ctx", None)
    where = "" if context is None else f" See `{context.command_path} --help`."
    sentence = error.format_message()
    return sentence + ("" if sentence.endswith((".", "?")) else ".") + where


def _refuse(sentence: str) -> int:
    # Brackets in a sentence, as in ssmlinalg[torch], are not markup.
    PROGRESS.print(Text.assemble(("ssmlinalg:", "bold red"), " ", sentence), soft_wrap=True)
    return _REFUSED


# A command is a function and a line.
COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_,
    "init": init,
    "verify": verify,
    "claims": claims,
    "compare": compare,
    "convert": convert,
    "audit": audit,
    "reduce": reduce,
    "fit": fit,
    "steps": steps,
    "sweep": sweep,
    "matrix": matrix,
    "diagonalize": diagonalize,
    "doctor": doctor,
}
