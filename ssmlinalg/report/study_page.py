"""The page of a study: every figure over the choice that has the most numbers, and all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from ..ground import require
from ..studies import flat
from .axes import empty
from .html_page import Card, Section, certificate, check_words, page, table
from .notation import number

_ROWS = 500  # of the table; a file has all


def study(rows: Sequence[Mapping[str, Any]], *, title: str, facts: Mapping[str, str]) -> str:
    """The page of a study, as HTML text: a picture for each figure, then a table of the rows.

    Args:
        rows: what `studies.sweep` returned.
        title: the title of the page.
        facts: what a table says besides: version, command.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for what are no rows, and for words that are no text.

    Example:
        >>> row = {"point": {"order": 8}, "figures": {"modes": 4}}
        >>> row |= {"error": None, "seconds": 0.1, "version": "1"}
        >>> "modes" in study([row], title="Modes", facts={})
        True
    """
    require.listed("rows", rows, Mapping, "Take them from studies.sweep.")
    check_words(title, facts)
    failed = sum(row["error"] is not None for row in rows)
    seconds = sum(row["seconds"] or 0 for row in rows)
    lead = f"{len(rows)} points, {failed} of which failed; {number(seconds)} seconds of one core."
    heads = tuple(dict.fromkeys(name for row in rows for name in flat(row) if name != "version"))
    cells = [[_cell(flat(row).get(name)) for name in heads] for row in rows[:_ROWS]]
    cards = [Card("Rows", table(heads, cells, {}))]
    if facts:
        cards.append(Card("", certificate((), facts)))
    return page(title, lead, cards, _sections(rows))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return "–" if value is None else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _sections(rows: Sequence[Mapping[str, Any]]) -> list[Section]:
    good = [row for row in rows if row["figures"]]
    axis = _axis([row["point"] for row in good])
    names = dict.fromkeys(
        name for row in good for name, value in row["figures"].items() if _is_number(value)
    )
    if axis is None:
        return []
    return [Section(name, over(good, axis, name), f"Over {axis}.") for name in names]


def _axis(points: Sequence[Mapping[str, Any]]) -> str | None:
    """The choice with the most different numbers; None where none has two."""
    names = dict.fromkeys(name for point in points for name in point)
    numbers = {n: {p[n] for p in points if n in p and _is_number(p[n])} for n in names}
    best = max(numbers, key=lambda name: len(numbers[name]), default=None)
    return best if best is not None and len(numbers[best]) > 1 else None


def over(rows: Sequence[Mapping[str, Any]], axis: str, name: str) -> go.Figure:
    """One figure over one choice, a line for each combination of the others."""
    figure = empty(axis, name)
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        others = [f"{key} {value}" for key, value in row["point"].items() if key != axis]
        value = row["figures"].get(name)
        if _is_number(value) and _is_number(row["point"].get(axis)):
            lines.setdefault(", ".join(others), []).append((row["point"][axis], value))
    for label, line in lines.items():
        x, y = zip(*sorted(line), strict=True)
        hover = "%{y:.4g} at %{x:.4g}<extra>" + label + "</extra>"
        figure.add_scatter(x=x, y=y, mode="lines+markers", name=label, hovertemplate=hover)
    positive = all(value > 0 for line in lines.values() for _, value in line)
    return figure.update_yaxes(type="log") if positive else figure
