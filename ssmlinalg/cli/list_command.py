"""`ssmlinalg list`: the catalogues of the library."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import discretize, export, hippo, inits, perturb
from ..audit import CHECKS
from ..comparison import CLAIMS
from ..ground.backend import LIBRARIES
from ..verification import LAWS
from .options import Json
from .printing import print_json, print_table


def list_(as_json: Json = False) -> None:
    """List the measures, initializations, rules, laws, checks, claims, targets and libraries."""
    tables = _tables()
    if as_json:
        print_json(tables)
        return
    for title, entries in tables.items():
        print_table(title, ("name", "what it is"), entries.items())


def _tables() -> dict[str, dict[str, str]]:
    return {
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


def _summaries(table: dict[str, Callable[..., Any]]) -> dict[str, str]:
    return {name: _first_line(entry) for name, entry in table.items()}


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]
