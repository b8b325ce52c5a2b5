"""The facts that let a result be made again: the command line and the versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from .. import __version__


def command_line(command: str, source: str, options: Mapping[str, Any]) -> str:
    """The words of the request, defaults that were filled in among them."""
    words = [
        f"--{option}" if one is True else f"--{option} {_word(one)}"
        for option, value in options.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return " ".join(["ssmlinalg", command, source, *words])


def _word(value: Any) -> str:
    return " ".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)


def facts(built: str) -> dict[str, str]:
    """The command line `built` and the versions of what it ran on, by name."""
    from importlib.metadata import version  # slow to load, and not needed for help

    return {
        "built": built,
        "ssmlinalg": __version__,
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }
