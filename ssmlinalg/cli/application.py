"""The commands, and how the command line ends: with a status and at most one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer
import typer.exceptions
from rich.text import Text

from .audit_command import audit
from .claims_command import claims
from .compare_command import compare
from .convert_command import convert
from .doctor_command import doctor
from .init_command import init
from .list_command import list_
from .options import with_groups
from .printing import PROGRESS
from .verify_command import verify

_INTERRUPTED = 130  # what Typer returns where Ctrl-C was pressed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `ssmlinalg`. None: those of the process.

    Returns:
        The exit status: 0, 1 for a check that failed, 2 for a request that was refused, 130.

    Example:
        >>> main(["init", "s4d-lin", "--order", "4", "--json"])  # doctest: +ELLIPSIS
        {
          "built": "ssmlinalg init s4d-lin --order 4 --seed 0",
        ...
        0
    """
    try:
        # Outside its standalone mode Typer returns the status of an Exit, and a command's own None.
        status = _application()(args=arguments, standalone_mode=False) or 0
    except typer.exceptions.TyperException as error:
        return _refuse(error.format_message())
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _refuse(str(error))
    if status == _INTERRUPTED:
        PROGRESS.print("ssmlinalg: interrupted; nothing half-written was left.", highlight=False)
    return status


def _application() -> typer.Typer:
    application = typer.Typer(
        help="Initializations of state space models, with proof.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, command in COMMANDS.items():
        application.command(name)(with_groups(command))
    return application


def _refuse(sentence: str) -> int:
    # Brackets in a sentence, as in ssmlinalg[torch], are not markup.
    PROGRESS.print(Text.assemble(("ssmlinalg:", "bold red"), " ", sentence), soft_wrap=True)
    return 2


# A command is a function and a line.
COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_,
    "init": init,
    "verify": verify,
    "claims": claims,
    "compare": compare,
    "convert": convert,
    "audit": audit,
    "doctor": doctor,
}
