"""The page of a checkpoint with fewer modes: every layer, its Hankel values and its kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .. import reduce
from ..conversion import Shrinking, Shrunk
from ..discretize import discretize
from ..forms import batch, kind
from ..ground import require
from ..kernels import kernel
from .axes import empty
from .colours import PTD, S4D
from .html_page import Card, Section, certificate, check_words, page, table
from .notation import number

_DRAWN = 12  # layers with pictures
_LENGTH = 512  # samples of a kernel that is drawn
_HEADS = (
    "layer", "target", "channels", "order", "new order", "padded", "error at least",
    "error at most", "kappa(V)", "bytes", "new bytes",
)  # fmt: skip
_COLUMNS = {
    "order": "the states that the arrays of a channel have room for",
    "padded": "the channels that need fewer, filled up with modes of weight 0",
    "error at least": "what no model of that order gets below, for the channel where it is largest",
    "error at most": "what no channel of the written arrays exceeds, relative to its norm",
}
_ABOUT_VALUES = (
    "The Hankel singular values of the channel of the median norm, over its largest. A model of "
    "order r misses it by at least the value after the r-th."
)
_ABOUT_KERNELS = "The kernel of that channel before and after, and the difference."


def shrinking(found: Shrinking, *, title: str, facts: Mapping[str, str]) -> str:
    """The page of a reduction, as HTML text: every layer in a table, pictures of twelve at most.

    Args:
        found: what `shrink` returns.
        title: the title of the page.
        facts: what a table says besides: version, command.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for what is no `Shrinking`, and for words that are no text.

    Example:
        >>> from ssmlinalg import export, s4d_legs_init, shrink
        >>> arrays = export.TARGETS["s4d"].to(s4d_legs_init(16, channels=2))
        >>> "Hankel" in shrinking(shrink(arrays, order=8), title="S4D", facts={})
        True
    """
    require.instance("found", found, Shrinking, "Take it from ssmlinalg.shrink.")
    check_words(title, facts)
    before = sum(layer.size_before for layer in found.layers)
    after = sum(layer.size for layer in found.layers)
    worst = max(layer.upper for layer in found.layers)
    lead = f"{before} bytes of modes are {after}; no channel is further off than {number(worst)}."
    cards = [Card("Layers", table(_HEADS, map(_row, found.layers), _COLUMNS))]
    if facts:
        cards.append(Card("", certificate((), facts)))
    sections = [section for layer in found.layers[:_DRAWN] for section in _sections(layer)]
    return page(title, lead, cards, sections)


def _row(layer: Shrunk) -> tuple[str, ...]:
    return (
        layer.prefix or "–",
        layer.target,
        str(layer.channels),
        str(layer.states_before),
        str(layer.states),
        str(layer.padded),
        number(layer.lower),
        number(layer.upper),
        number(layer.conditioning),
        str(layer.size_before),
        str(layer.size),
    )


def _sections(layer: Shrunk) -> Iterator[Section]:
    name = layer.prefix.rstrip("./") or layer.target
    yield Section(f"{name}: Hankel singular values", hankel_values(layer), _ABOUT_VALUES)
    yield Section(f"{name}: kernels", kernels(layer), _ABOUT_KERNELS)


def hankel_values(layer: Shrunk) -> go.Figure:
    """The Hankel singular values of one channel of a layer before and after."""
    figure = empty("number", "σ / σ₁")
    before = _values(layer.form_before, layer.rule)
    after = _values(layer.form, layer.rule)
    channel = int(np.argsort(before[:, 0])[len(before) // 2])
    scale = before[channel, 0] or 1.0
    _points(figure, "before", before[channel] / scale, {"color": S4D, "size": 9})
    _points(figure, "after", after[channel] / scale, {"color": PTD, "size": 5})
    return figure.update_yaxes(type="log")


def _values(form: Any, rule: str) -> np.ndarray:
    samples = discretize(form, rule=rule) if kind(form).continuous else form
    values = np.asarray(reduce.singular_values(samples))
    return values.reshape(-1, values.shape[-1])


def _points(figure: go.Figure, name: str, y: np.ndarray, marker: Mapping[str, Any]) -> None:
    y = y[y > 0]
    hover = "%{y:.4g}<extra>" + name + "</extra>"
    x = np.arange(1, len(y) + 1)
    figure.add_scatter(x=x, y=y, mode="markers", name=name, marker=marker, hovertemplate=hover)


def kernels(layer: Shrunk) -> go.Figure:
    """The kernel of one channel of a layer before and after, and the difference."""
    figure = empty("sample", "kernel")
    values = _values(layer.form_before, layer.rule)
    channel = int(np.argsort(values[:, 0])[len(values) // 2])
    before = _kernel(layer.form_before, layer.rule, channel)
    after = _kernel(layer.form, layer.rule, channel)
    lines = (
        ("before", before, {"color": S4D, "width": 4}),
        ("after", after, {"color": PTD, "width": 2}),
        ("difference", after - before, {"color": PTD, "width": 1, "dash": "dot"}),
    )
    for name, y, line in lines:
        hover = "%{y:.4g} at %{x}<extra>" + name + "</extra>"
        figure.add_scatter(y=y, mode="lines", name=name, line=line, hovertemplate=hover)
    return figure


def _kernel(form: Any, rule: str, channel: int) -> np.ndarray:
    """The kernel of a channel; of a form of several inputs the first of the first."""
    if kind(form).ports:
        return kernel(form, _LENGTH, rule=rule)[0, 0]
    K = kernel(form, _LENGTH, rule=rule)
    return K.reshape(-1, _LENGTH)[channel if batch(form) else 0]
