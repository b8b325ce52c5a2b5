"""The page of an audit: what was found, every layer and its laws in tables, and pictures of the
layers that matter most.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import scipy.stats

from ..audit import Audit, Fit, LayerReport
from .axes import empty
from .document import page, table
from .pictures import plane
from .style import FAINT, PTD, S4D, number

_DRAWN = 12  # layers with pictures: those with findings first

_ABOUT_SPECTRUM = "The modes of the channel that is furthest off, over those of {names}. Both axes are logarithmic away from 0."
_ABOUT_ALONE = "The modes of the first channel; they are compared with nothing."
_ABOUT_LAWS = "What the layer holds, over the law that it is said to be drawn from."


def audit(found: Audit, *, title: str, facts: Mapping[str, str]) -> str:
    """The page of what `audit.audit` found, as HTML text: findings first, then every layer and
    every law, then pictures.

    Pictures are drawn of twelve layers at most, those with findings first: their modes over those
    of the initialization, and the draws of each law. About 5 MB of text, nearly all of it
    plotly.js.

    >>> from ssmlinalg import export, s4d_lin_init
    >>> from ssmlinalg.audit import audit as look
    >>> arrays = export.TARGETS["s4d"].to(s4d_lin_init(16, channels=64))
    >>> "Nothing is wrong" in audit(look(arrays, target="s4d"), title="S4D", facts={})
    True
    """
    cards = []
    if found.findings:
        rows = [
            (one.layer or "–", one.kind, one.array or "–", one.message) for one in found.findings
        ]
        cards.append(("Findings", table(("layer", "kind", "array", "what is wrong"), rows)))
    cards.append(("Layers", table(_LAYER_HEADS, map(_layer, found.layers))))
    laws = [(layer.prefix or "–", *_law(fit)) for layer in found.layers for fit in layer.tests]
    if laws:
        cards.append(("Laws", table(_LAW_HEADS, laws)))
    if facts:
        cards.append(("", table(("", ""), facts.items())))
    accused = {one.layer for one in found.findings}
    chosen = sorted(found.layers, key=lambda layer: layer.prefix not in accused)[:_DRAWN]
    sections = []
    for layer in chosen:
        name = layer.prefix.rstrip("./") or layer.target
        seen = layer.identified
        if seen.A.size:
            words = (
                _ABOUT_SPECTRUM.format(names=" or ".join(seen.names))
                if seen.names
                else _ABOUT_ALONE
            )
            sections.append((f"{name}: spectrum", modes(layer), words))
        if any(fit.kind != "constant" for fit in layer.tests):
            sections.append((f"{name}: laws", laws_of(layer), _ABOUT_LAWS))
    return page(title, _lead(found), cards, sections)


_LAYER_HEADS = ("layer", "target", "order", "channels", "A is", "distance", "allowed", "")
_LAW_HEADS = ("layer", "quantity", "law", "draws", "statistic", "p", "outside", "drawn so by")


def modes(layer: LayerReport) -> go.Figure:
    """The modes of the worst channel of a layer, over those of the initialization it is or is
    nearest to.
    """
    seen = layer.identified
    ours = (
        [(" or ".join(seen.names), seen.A0, {"color": S4D, "size": 11, "symbol": "diamond"})]
        if seen.names
        else []
    )
    return plane(*ours, ("found", seen.A, {"color": PTD, "size": 6}), across="Re A", along="|Im A|")


def laws_of(layer: LayerReport) -> go.Figure:
    """The histogram of every quantity of a layer that is drawn, over the density it is said to be
    drawn from.
    """
    drawn = [fit for fit in layer.tests if fit.kind != "constant"]
    figure = empty("", "").set_subplots(rows=len(drawn), cols=1, vertical_spacing=0.4 / len(drawn))
    figure.update_layout(margin_t=32, bargap=0, legend_y=1.08).update_yaxes(
        nticks=4, title="density"
    )
    for row, fit in enumerate(drawn, 1):
        law = getattr(scipy.stats, fit.kind)(*fit.parameters)
        width = np.diff(fit.edges)
        ends = (end for end in (*law.support(), *fit.edges[[0, -1]]) if math.isfinite(end))
        low, high = np.min(found := list(ends)), np.max(found)
        x = np.linspace(low - 0.05 * (high - low), high + 0.05 * (high - low), 400)
        figure.add_bar(
            x=fit.edges[:-1] + width / 2, y=fit.counts / (fit.draws * width), width=width, name="found", legendgroup="found",
            marker={"color": PTD, "opacity": 0.5}, showlegend=row == 1, row=row, col=1,
            hovertemplate="%{y:.4g} at %{x:.4g}<extra>found</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=x, y=law.pdf(x), mode="lines", name="law", legendgroup="law", line={"color": S4D, "width": 2},
            showlegend=row == 1, row=row, col=1, hovertemplate="%{y:.4g} at %{x:.4g}<extra>law</extra>",
        )  # fmt: skip
        figure.update_xaxes(
            title={"text": html.escape(fit.quantity), "font": {"color": FAINT}, "standoff": 4},
            row=row,
        )
    return figure.update_layout(height=max(260, 240 * len(drawn)))


def _lead(found: Audit) -> str:
    layers = f"{len(found.layers)} layer{'s' * (len(found.layers) != 1)}"
    if not found.findings:
        return f"Nothing is wrong in {layers}."
    kinds = ", ".join(dict.fromkeys(one.kind for one in found.findings))
    return f"{len(found.findings)} finding{'s' * (len(found.findings) != 1)} in {layers}: {kinds}."


def _layer(layer: LayerReport) -> tuple[str, ...]:
    seen = layer.identified
    names = " or ".join(seen.names) or "nothing that is known"
    what = names if seen.exact or not seen.names else f"nearest to {names}"
    fresh = "fresh" if layer.fresh else "trained, or none of ours"
    sizes = (str(layer.order), str(layer.channels))
    distance = (number(seen.distance), number(seen.allowed)) if seen.names else ("–", "–")
    return (layer.prefix or "–", layer.target, *sizes, what, *distance, fresh)


def _law(fit: Fit) -> tuple[str, ...]:
    law = f"{fit.kind}({', '.join(number(value) for value in fit.parameters)})"
    return (
        fit.quantity,
        law,
        str(fit.draws),
        number(fit.statistic),
        number(fit.p),
        f"{number(100 * fit.outside)} %",
        fit.like or "–",
    )
