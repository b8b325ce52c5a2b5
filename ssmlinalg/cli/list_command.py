"""`ssmlinalg list`: the catalogues of the library."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

import ssmlinalg

from .options import Json
from .printing import print_json, print_table


def _summaries(table: dict[str, Callable[..., Any]]) -> dict[str, str]:
    return {name: _first_line(entry) for name, entry in table.items()}


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


# Each is made, and its room loaded, when it is asked for.
TABLES: dict[str, Callable[[], dict[str, str]]] = {
    "measures": lambda: _summaries(ssmlinalg.hippo.MEASURES),
    "inits": lambda: _summaries(ssmlinalg.INITS),
    "perturbations": lambda: _summaries(ssmlinalg.perturb.PERTURBATIONS),
    "rules": lambda: _summaries(ssmlinalg.discretize.RULES),
    "forms": lambda: _summaries(ssmlinalg.forms.FORMS),
    "laws": lambda: _summaries(ssmlinalg.verification.LAWS),
    "checks": lambda: _summaries(ssmlinalg.audit.CHECKS),
    "claims": lambda: {
        name: claim.statement for name, claim in ssmlinalg.comparison.CLAIMS.items()
    },
    "targets": lambda: {name: there.about for name, there in ssmlinalg.export.TARGETS.items()},
    "libraries": lambda: dict.fromkeys(ssmlinalg.doctor.PLACES, "array library"),
}

_Table = Annotated[
    str | None,
    typer.Argument(
        help=f"One of {', '.join(TABLES)}; all if unset.",
        show_default=False,
        autocompletion=lambda: list(TABLES),
    ),
]


def list_(table: _Table = None, as_json: Json = False) -> None:
    """List the measures, initializations, rules and whatever else has a name here."""
    from ..ground import require

    names = list(TABLES) if table is None else [require.known("table", table, TABLES)]
    tables = {name: TABLES[name]() for name in names}
    if as_json:
        print_json(tables)
        return
    for name, entries in tables.items():
        print_table(name, ("name", "what it is"), entries.items())
