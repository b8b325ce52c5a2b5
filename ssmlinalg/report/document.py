"""The HTML of a page: title, one sentence, a table, and a section for each picture; all its parts
inside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go
import plotly.io
import plotly.offline

from .style import FAINT, FONT, GRID, INK


def page(
    title: str,
    lead: str,
    cards: Sequence[tuple[str, str]],
    sections: Sequence[tuple[str, go.Figure | None, str]],
) -> str:
    """The text of a page: a sentence, the tables with their headings, then the sections with
    heading, picture and words.
    """
    drawn = "".join(
        f"<section>{_heading(heading)}<p>{html.escape(words)}</p>{_drawing(figure, f'figure-{place}')}</section>"
        for place, (heading, figure, words) in enumerate(sections, 1)
    )
    return _TEMPLATE.format(
        title=html.escape(title),
        style=_STYLE,
        plotly=plotly.offline.get_plotlyjs(),
        lead=html.escape(lead),
        cards="".join(
            f'<div class="card">{_heading(heading)}{card}</div>' for heading, card in cards
        ),
        sections=drawn,
    )


def certificate(numbers: Sequence[tuple[str, str, str]], facts: Mapping[str, str]) -> str:
    """A table of numbers, each with its name and what it means, and below them the facts."""
    rows = [
        f'<tr><th scope="row">{name}</th><td class="number">{value}</td><td class="gloss">{gloss}</td></tr>'
        for name, value, gloss in (map(html.escape, number) for number in numbers)
    ]
    rows += [
        f'<tr><th scope="row">{name}</th><td colspan="2">{value}</td></tr>'
        for name, value in (map(html.escape, fact) for fact in facts.items())
    ]
    return f'<table class="certificate">{"".join(rows)}</table>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a head, which scrolls sideways where it is wider than the page; the first cell
    of a row is its name.
    """
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for name, *cells in (map(html.escape, row) for row in rows)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>" if text else ""


def _drawing(figure: go.Figure | None, name: str) -> str:
    if figure is None:
        return ""
    return plotly.io.to_html(
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


_STYLE = (
    f":root{{color-scheme:light}}body{{margin:0;background:#f5f6f8;color:{INK};font:16px/1.5 {FONT}}}"
    "main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}"
    "h1{font-size:1.6rem;line-height:1.25;margin:0 0 .3rem;font-weight:650}h2{font-size:1.1rem;margin:0;font-weight:650}"
    ".card h2{margin-bottom:.5rem}"
    f".lead{{color:{FAINT};margin:0 0 1.5rem;font-size:1.05rem}}section p{{color:{FAINT};margin:.2rem 0 1rem}}"
    "section,.card{background:#fff;border:1px solid #e3e6ea;border-radius:12px;padding:1.2rem;margin:0 0 1.2rem}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    f"th,td{{text-align:left;padding:.4rem 1rem .4rem 0;border-top:1px solid {GRID};vertical-align:baseline;font-weight:400}}"
    "tr:first-child>*{border-top:0}tbody tr:first-child>*{border-top:1px solid #c8ced6}"
    f"th{{white-space:nowrap}}thead th{{color:{FAINT};font-size:.9rem}}"
    ".wide{overflow-x:auto}.wide td{white-space:nowrap}"
    ".certificate th,.number{width:1%}.certificate tr:first-child>*{border-top:0}.certificate td{overflow-wrap:anywhere}"
    f".certificate .number{{font-weight:650;white-space:nowrap;padding-right:2rem}}.gloss{{color:{FAINT}}}"
    "@media(max-width:40rem){main{padding:1.2rem .6rem 3rem}section,.card{padding:.9rem}"
    f".certificate tr{{display:grid;grid-template-columns:7rem 1fr;padding:.4rem 0;border-top:1px solid {GRID}}}"
    ".certificate tr:first-child{border-top:0}.certificate tr>*{border:0;padding:0;width:auto}"
    ".certificate th,.certificate .number{white-space:normal}"
    ".certificate .gloss{grid-column:1/-1;font-size:.9rem}}"
    "@media(pointer:coarse),(max-width:40rem){.modebar{display:none}}"
)
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
  for (const figure of document.querySelectorAll(".plotly-graph-div")) Plotly.relayout(figure, {{dragmode: false}});
</script>
</body>
</html>
"""
