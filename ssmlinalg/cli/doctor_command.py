"""`ssmlinalg doctor`: the array libraries of this machine, and what a GPU needs."""

from __future__ import annotations

from typing import Any

import typer

import ssmlinalg

from .options import Json
from .printing import PROGRESS, print_json, print_table

_LIBRARY_HEADS = ("library", "precision", "version", "device", "", "error", "why not")
_PART_HEADS = ("part", "found", "why not")


def doctor(as_json: Json = False) -> None:
    """Run a small model on every array library and compare it with NumPy; status 1 if one differs.

    Lists also the parts that a GPU needs.
    """
    with PROGRESS.status("running each array library"):
        probes = ssmlinalg.doctor.examine()
        parts = ssmlinalg.doctor.graphics()
    if as_json:
        print_json(
            {
                "libraries": [probe._asdict() for probe in probes],
                "gpu": [part._asdict() for part in parts],
            }
        )
    else:
        print_table("array libraries", _LIBRARY_HEADS, map(_library_row, probes))
        print_table("on a GPU", _PART_HEADS, map(_part_row, parts))
    if any(probe.state == "differs" for probe in probes):
        raise typer.Exit(1)


def _library_row(probe: Any) -> tuple[object, ...]:
    return (
        probe.library,
        probe.dtype,
        probe.version or "-",
        probe.device or "-",
        probe.state,
        probe.error,
        probe.reason,
    )


def _part_row(part: Any) -> tuple[str, ...]:
    return part.name, part.found or "-", part.reason
