"""`ssmlinalg claims`: the claims of convergence to HiPPO, measured."""

from __future__ import annotations

from typing import Any

import typer

import ssmlinalg

from .options import Json, Order
from .printing import PROGRESS, print_json, print_table

_HEADS = ("claim", "", "measured", "from", "to", "status")


def claims(
    order: Order = 32,
    as_json: Json = False,
) -> None:
    """Measure what theory claims of convergence to HiPPO, at one order; status 1 if a claim fails.

    Claims that were not examined at this order are left out.
    """
    names = _examined(order)
    found = {}
    with PROGRESS.status(title := f"measuring claims at order {order}") as status:
        for name in names:
            status.update(f"{title}: {name}")
            found[name] = ssmlinalg.comparison.measured(name, order)
    if as_json:
        print_json({name: one._asdict() | {"holds": one.holds} for name, one in found.items()})
    else:
        claimed = ssmlinalg.comparison.CLAIMS
        rows = [_row(name, claimed[name].status, one) for name, one in found.items()]
        print_table(f"order {order}: claims of convergence", _HEADS, rows)
        statements = [(name, claimed[name].statement) for name in found]
        print_table("what each claims", ("claim", "statement"), statements)
    if not all(one.holds for one in found.values()):
        raise typer.Exit(1)


def _examined(order: int) -> list[str]:
    """The claims that were examined at this order."""
    claimed = ssmlinalg.comparison.CLAIMS
    names = [name for name, claim in claimed.items() if claim.least <= order <= claim.greatest]
    if not names:
        greatest = max(claim.greatest for claim in claimed.values())
        rule = "`order` must be one at which claims were examined"
        least = min(claim.least for claim in claimed.values())
        raise ValueError(f"{rule}; got {order}. Give {least} to {greatest}.")
    return names


def _row(name: str, status: str, found: Any) -> tuple[object, ...]:
    return (name, "holds" if found.holds else "fails", *found, status)
