"""The one array that a command is given in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

Key = Annotated[str | None, typer.Option(help="The name of the array, in a file of several.")]


def array_in(path: Path, key: str | None) -> Any:
    """The one array of a file, or the one that is named."""
    entries = ssmlinalg.checkpoints.read(path).entries
    if key is None and len(entries) == 1:
        return next(iter(entries.values())).read()
    if key not in entries:
        names = ", ".join(entries)
        rule = "--key must name an array of the file"
        raise ValueError(f"{rule}; got {key!r}. It holds {names}.")
    return entries[key].read()
