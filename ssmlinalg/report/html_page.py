"""The HTML of a page, all its parts inside it: title, one sentence, tables, sections."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go
import plotly.io
import plotly.offline

from ..ground import require
from .colours import FAINT, FONT, GRID, INK


class Card(NamedTuple):
    """A table of a page, as HTML, under its heading."""

    heading: str
    table: str


class Section(NamedTuple):
    """A picture of a page under its heading, and the words about it; None where none is drawn."""

    heading: str
    figure: go.Figure | None
    words: str


def check_words(title: str, facts: Mapping[str, str]) -> None:
    """Refuse a title and facts that are no text with TypeError."""
    require.instance("title", title, str, "Give text.")
    require.instance("facts", facts, Mapping, "Give texts by name.")
    for word in (*facts, *facts.values()):
        require.instance("facts", word, str, "Give texts by name.")


def page(title: str, lead: str, cards: Sequence[Card], sections: Sequence[Section]) -> str:
    """The text of a page: a sentence, the tables, then the sections."""
    return _TEMPLATE.format(
        title=html.escape(title),
        style=_STYLE,
        plotly=plotly.offline.get_plotlyjs(),
        lead=html.escape(lead),
        cards="".join(map(_card, cards)),
        sections="".join(_section(place, one) for place, one in enumerate(sections, 1)),
    )


def _card(card: Card) -> str:
    return f'<div class="card">{_heading(card.heading)}{card.table}</div>'


def _section(place: int, section: Section) -> str:
    words = f"<p>{html.escape(section.words)}</p>"
    drawing = _drawing(section.figure, f"figure-{place}")
    return f"<section>{_heading(section.heading)}{words}{drawing}</section>"


def _heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>" if text else ""


def _drawing(figure: go.Figure | None, name: str) -> str:
    if figure is None:
        return ""
    drawn = plotly.io.to_html(
        figure,
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        default_height="26rem",
        config={
            "displaylogo": False,
            "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
            "toImageButtonOptions": {"format": "svg", "filename": name},
        },
    )
    return f'<div class="drawing">{drawn}</div>'


def certificate(numbers: Iterable[Sequence[str]], facts: Mapping[str, str]) -> str:
    """A table of numbers, each with its name and its meaning, and below them the facts."""
    rows = [_NUMBER.format(*map(html.escape, number)) for number in numbers]
    rows += [_FACT.format(*map(html.escape, fact)) for fact in facts.items()]
    return f'<table class="certificate">{"".join(rows)}</table>'


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], columns: Mapping[str, str] | None = None
) -> str:
    """A table with a head, and below it the meaning of its `columns`.

    The first cell of a row is its name, the last one a sentence. On a narrow screen a row is a
    paragraph, its cells one after the other, each after the head of its column.
    """
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    body = "".join(_row(heads, cells) for cells in rows)
    inside = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    terms = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(meaning)}</dd>"
        for name, meaning in (columns or {}).items()
    )
    legend = f'<dl class="legend">{terms}</dl>' if terms else ""
    return f'<div class="wide">{inside}</div>{legend}'


def _row(heads: Sequence[str], cells: Sequence[str]) -> str:
    name, *figures, sentence = map(html.escape, cells)
    labelled = zip(heads[1:], figures, strict=False)
    body = "".join(f'<td data-head="{html.escape(head)}">{cell}</td>' for head, cell in labelled)
    return f'<tr><th scope="row">{name}</th>{body}<td class="gloss">{sentence}</td></tr>'


_NUMBER = '<tr><th scope="row">{}</th><td class="number">{}</td><td class="gloss">{}</td></tr>'
_FACT = '<tr><th scope="row">{}</th><td colspan="2">{}</td></tr>'
_STYLE = f"""
:root {{ color-scheme: light }}
body {{ margin: 0; background: #f5f6f8; color: {INK}; font: 16px/1.5 {FONT} }}
main {{ max-width: 68rem; margin: 0 auto; padding: 2rem 1rem 4rem }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; font-weight: 650 }}
h2 {{ font-size: 1.1rem; margin: 0; font-weight: 650 }}
.card h2 {{ margin-bottom: .5rem }}
.lead {{ color: {FAINT}; margin: 0 0 1.5rem; font-size: 1.05rem }}
section p {{ color: {FAINT}; margin: .2rem 0 0 }}
section, .card {{
  background: #fff; border: 1px solid #e3e6ea; border-radius: 12px;
  padding: 1.2rem; margin: 0 0 1.2rem;
}}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }}
th, td {{
  text-align: left; padding: .4rem 1rem .4rem 0; border-top: 1px solid {GRID};
  vertical-align: baseline; font-weight: 400;
}}
tr:first-child > * {{ border-top: 0 }}
tbody tr:first-child > * {{ border-top: 1px solid #c8ced6 }}
th {{ white-space: nowrap }}
thead th {{ color: {FAINT}; font-size: .9rem }}
.wide {{
  overflow-x: auto;
  background:
    linear-gradient(to right, #fff 2rem, transparent) left / 4rem 100% no-repeat local,
    linear-gradient(to left, #fff 2rem, transparent) right / 4rem 100% no-repeat local,
    linear-gradient(to right, #0003, transparent) left / 1rem 100% no-repeat scroll,
    linear-gradient(to left, #0003, transparent) right / 1rem 100% no-repeat scroll;
}}
.wide td {{ white-space: nowrap }}
.wide .gloss {{ white-space: normal; min-width: 16rem; padding-right: 0 }}
.legend {{
  display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem;
  margin: 1rem 0 0; font-size: .9rem; color: {FAINT};
}}
.legend dd {{ margin: 0 }}
.certificate th, .number {{ width: 1% }}
.certificate tr:first-child > * {{ border-top: 0 }}
.certificate td {{ overflow-wrap: anywhere }}
.certificate .number {{ font-weight: 650; white-space: nowrap; padding-right: 2rem }}
.gloss {{ color: {FAINT} }}
@media (max-width: 40rem) {{
  main {{ padding: 1.2rem .6rem 3rem }}
  section, .card {{ padding: .9rem }}
  .certificate tr {{
    display: grid; grid-template-columns: 7rem 1fr; padding: .4rem 0; border-top: 1px solid {GRID};
  }}
  .certificate tr:first-child {{ border-top: 0 }}
  .certificate tr > * {{ border: 0; padding: 0; width: auto }}
  .certificate th, .certificate .number {{ white-space: normal }}
  .certificate .gloss {{ grid-column: 1 / -1; font-size: .9rem }}
  .wide thead {{ display: none }}
  .wide table, .wide tbody, .wide tr {{ display: block }}
  .wide tr {{ padding: .4rem 0; border-top: 1px solid {GRID} }}
  .wide tr > *, .wide tbody tr:first-child > * {{
    display: inline-block; border: 0; padding: 0 .8rem 0 0; white-space: normal;
    overflow-wrap: anywhere;
  }}
  .wide th {{ font-weight: 650 }}
  .wide td[data-head]:not([data-head=""])::before {{
    content: attr(data-head); color: {FAINT}; font-size: .85rem; margin-right: .3rem;
  }}
  .wide .gloss {{ display: block; min-width: 0; font-size: .9rem }}
}}
.drawing {{ padding-top: 1.8rem }}
.drawing .modebar-container {{ top: -1.8rem !important }}
@media (pointer: coarse), (max-width: 40rem) {{
  .modebar {{ display: none }}
  .drawing {{ padding-top: 0 }}
}}
"""
# A finger on a picture scrolls the page and shows values; zooming is for those with a mouse.
_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<script>{plotly}</script>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="lead">{lead}</p>
{cards}
{sections}
</main>
<script>
if (matchMedia("(pointer: coarse)").matches)
  for (const figure of document.querySelectorAll(".plotly-graph-div"))
    Plotly.relayout(figure, {{dragmode: false}});
</script>
</body>
</html>
"""
