"""`ssmlinalg claims`: the claims of convergence to HiPPO, measured."""

from __future__ import annotations

import typer

from ..comparison import CLAIMS, ClaimedFigure, measured
from ..ground import require
from .options import Json, Order
from .printing import PROGRESS, print_json, print_table

_HEADS = ("claim", "", "measured", "from", "to", "status", "what is claimed")


def claims(
    order: Order = 32,
    as_json: Json = False,
) -> None:
    """Measure what theory claims of convergence to HiPPO, at one order; status 1 if a claim fails.

    Claims that were not examined at this order are left out.
    """
    names = _examined(require.integer("order", order))
    found = {}
    with PROGRESS.status(title := f"measuring claims at order {order}") as status:
        for name in names:
            status.update(f"{title}: {name}")
            found[name] = measured(name, order)
    if as_json:
        print_json({name: one._asdict() | {"holds": one.holds} for name, one in found.items()})
    else:
        rows = [_row(name, one) for name, one in found.items()]
        print_table(f"order {order}: claims of convergence", _HEADS, rows)
    if not all(one.holds for one in found.values()):
        raise typer.Exit(1)


def _examined(order: int) -> list[str]:
    """The claims that were examined at this order."""
    names = [name for name, claim in CLAIMS.items() if claim.least <= order <= claim.greatest]
    if not names:
        greatest = max(claim.greatest for claim in CLAIMS.values())
        rule = "`order` must be one at which claims were examined"
        raise ValueError(f"{rule}; got {order}. Give at most {greatest}.")
    return names


def _row(name: str, found: ClaimedFigure) -> tuple[object, ...]:
    claim = CLAIMS[name]
    verdict = "holds" if found.holds else "fails"
    return (name, verdict, *found, claim.status, claim.statement)
