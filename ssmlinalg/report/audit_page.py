"""The page of an audit: findings, every layer and law in tables, pictures of a few layers."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping

import numpy as np
import plotly.graph_objects as go
import scipy

from ..audit import ALARM, Audit, Fit, LayerReport
from ..ground import require
from .axes import empty
from .colours import FAINT, PTD, S4D
from .complex_plane import Points, plane
from .html_page import Card, Section, certificate, check_words, page, table
from .notation import number, percent
from .repeated_findings import findings

_DRAWN = 12  # layers with pictures: those with findings first
_ROW = 240  # points of the height of a histogram

_FINDING_HEADS = ("layer", "kind", "array", "what is wrong")
_LAYER_HEADS = ("layer", "target", "order", "channels", "distance", "allowed", "what A is")
_LAYER_COLUMNS = {
    "target": "the framework whose layer has these names",
    "distance": "the largest |A − A₀| / |A₀| of a mode, A₀ of the initialization",
    "allowed": "what the precision of the file makes of it",
}
_LAW_HEADS = (
    "layer",
    "quantity",
    "draws",
    "statistic",
    "p",
    "outside",
    "the law, and what follows",
)
_LAW_COLUMNS = {
    "statistic": "of Kolmogorov and Smirnov: the largest distance of the two distributions, 0 to 1",
    "p": "the probability of one as large, were the law true",
    "outside": "the share of draws beyond the ends of the law",
}
_ABOUT_SPECTRUM = (
    "The modes of the channel that is furthest off, over those of {names}. "
    "Both axes are logarithmic away from 0."
)
_ABOUT_ALONE = "The modes of the first channel; they are compared with nothing."
_ABOUT_LAWS = "The draws of the layer, over the law that they are said to be drawn from."


def audit(found: Audit, *, title: str, facts: Mapping[str, str]) -> str:
    """The page of an audit, as HTML text: findings, then every layer and every law, then pictures.

    Pictures are drawn of twelve layers at most, those with findings first: their modes over those
    of the initialization, and the draws of each law.

    Args:
        found: what `audit.audit` returns.
        title: the title of the page.
        facts: what a table says besides: version, command.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for what is no `Audit`, and for words that are no text.

    Example:
        >>> from ssmlinalg import export, s4d_lin_init
        >>> from ssmlinalg.audit import audit as examine
        >>> arrays = export.TARGETS["s4d"].to(s4d_lin_init(16, channels=64))
        >>> "Nothing is wrong" in audit(examine(arrays, target="s4d"), title="S4D", facts={})
        True
    """
    require.instance("found", found, Audit, "Take it from ssmlinalg.audit.")
    check_words(title, facts)
    accused = {one.layer for one in found.findings}
    chosen = sorted(found.layers, key=lambda layer: layer.prefix not in accused)[:_DRAWN]
    sections = [section for layer in chosen for section in _sections(layer)]
    return page(title, _lead(found), list(_cards(found, facts)), sections)


def _lead(found: Audit) -> str:
    layers = _count(len(found.layers), "layer")
    if not found.findings:
        return f"Nothing is wrong in {layers}."
    kinds = ", ".join(dict.fromkeys(one.kind for one in found.findings))
    return f"{_count(len(found.findings), 'finding')} in {layers}: {kinds}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cards(found: Audit, facts: Mapping[str, str]) -> Iterator[Card]:
    if found.findings:
        yield Card("Findings", table(_FINDING_HEADS, findings(found.findings)))
    layers = map(_layer_row, found.layers)
    yield Card("Layers", table(_LAYER_HEADS, layers, _LAYER_COLUMNS))
    alarm = ALARM / max(1, sum(len(layer.tests) for layer in found.layers))
    laws = [_law_row(layer, fit, alarm) for layer in found.layers for fit in layer.tests]
    if laws:
        yield Card("Laws", table(_LAW_HEADS, laws, _LAW_COLUMNS))
    if facts:
        yield Card("", certificate((), facts))


def _layer_row(layer: LayerReport) -> tuple[str, ...]:
    found = layer.identified
    return (
        layer.prefix or "–",
        layer.target,
        str(layer.order),
        str(layer.channels),
        number(found.distance) if found.names else "–",
        number(found.allowed) if found.names else "–",
        _identified(layer),
    )


def _identified(layer: LayerReport) -> str:
    """The initialization that A is, and whether the laws of that layer are asked for."""
    names = " or ".join(layer.identified.names)
    if not layer.order:
        return "The arrays could not be read as this layer."
    if not names:
        named = "None that is known"
    elif layer.identified.exact:
        named = names
    else:
        named = f"Nearest to {names}"
    judged = "fresh: its laws are tested" if layer.fresh else "trained, or none of ours"
    return f"{named}; {judged}."


def _law_row(layer: LayerReport, fit: Fit, alarm: float) -> tuple[str, ...]:
    return (
        layer.prefix or "–",
        fit.quantity,
        str(fit.draws),
        number(fit.statistic),
        number(fit.p),
        percent(fit.outside),
        f"{fit.law}; {_judged(layer, fit, alarm)}.",
    )


def _judged(layer: LayerReport, fit: Fit, alarm: float) -> str:
    """The consequence of a test of a law, in a few words."""
    if fit.like:
        return f"drawn as {fit.like} draws it"
    if fit.p >= alarm and fit.outside == 0:
        return "the draws agree"
    if not layer.fresh:
        return "no longer so, and no fault of a trained layer"
    return "the draws do not agree"


def _sections(layer: LayerReport) -> Iterator[Section]:
    name = layer.prefix.rstrip("./") or layer.target
    found = layer.identified
    if found.A.size:
        about = _ABOUT_SPECTRUM.format(names=" or ".join(found.names))
        yield Section(f"{name}: spectrum", modes_of(layer), about if found.names else _ABOUT_ALONE)
    if any(fit.kind != "constant" for fit in layer.tests):
        yield Section(f"{name}: laws", laws_of(layer), _ABOUT_LAWS)


def modes_of(layer: LayerReport) -> go.Figure:
    """The modes of the worst channel of a layer, over those of the nearest initialization."""
    found = layer.identified
    own = Points("found", found.A, {"color": PTD, "size": 6})
    axes = {"across": "Re A", "along": "|Im A|"}
    if not found.names:
        return plane(own, **axes)
    marker = {"color": S4D, "size": 11, "symbol": "diamond"}
    return plane(Points(" or ".join(found.names), found.A0, marker), own, **axes)


def laws_of(layer: LayerReport) -> go.Figure:
    """The histogram of every quantity of a layer that is drawn, over its declared density."""
    drawn = [fit for fit in layer.tests if fit.kind != "constant"]
    rows = len(drawn)
    figure = empty("", "").set_subplots(rows=rows, cols=1, vertical_spacing=0.4 / rows)
    figure.update_layout(margin_t=32, bargap=0, legend_y=1.08)
    figure.update_yaxes(nticks=4, title="density")
    for row, fit in enumerate(drawn, 1):
        _add_law(figure, fit, row)
    return figure.update_layout(height=max(260, _ROW * rows))


def _add_law(figure: go.Figure, fit: Fit, row: int) -> None:
    """The histogram and the density of a quantity in their row."""
    law = getattr(scipy.stats, fit.kind)(*fit.parameters)
    ends = [end for end in (*law.support(), *fit.edges[[0, -1]]) if math.isfinite(end)]
    air = 0.05 * (max(ends) - min(ends))
    x = np.linspace(min(ends) - air, max(ends) + air, 400)
    width = np.diff(fit.edges)
    common = {"showlegend": row == 1, "row": row, "col": 1}
    figure.add_bar(
        x=fit.edges[:-1] + width / 2,
        y=fit.counts / (fit.draws * width),
        width=width,
        name="found",
        legendgroup="found",
        marker={"color": PTD, "opacity": 0.5},
        hovertemplate="%{y:.4g} at %{x:.4g}<extra>found</extra>",
        **common,
    )
    figure.add_scatter(
        x=x,
        y=law.pdf(x),
        mode="lines",
        name="law",
        legendgroup="law",
        line={"color": S4D, "width": 2},
        hovertemplate="%{y:.4g} at %{x:.4g}<extra>law</extra>",
        **common,
    )
    title = {"text": html.escape(fit.quantity), "font": {"color": FAINT}, "standoff": 4}
    figure.update_xaxes(title=title, row=row)
