"""Pictures of many initializations against HiPPO."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ..comparison import Row, Sweep
from .axes import curve, empty, log_axes
from .colours import HIPPO, PTD, S4D
from .notation import number

EXACT = 1e-6  # errors below are drawn as none
_CONDITION = 1e6  # beyond it a row lies on the right rim
_ERROR = 1e6  # beyond it a row lies on the upper rim
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKS = ("circle", "diamond", "square", "triangle-up", "x", "star")
# Of a row of the frontier: inside, below, above; and the same on the right rim.
_RIM = np.array(
    [
        ["circle", "triangle-down", "triangle-up"],
        ["triangle-right", "triangle-se", "triangle-ne"],
    ]
)


def frontier(rows: Sequence[Row]) -> go.Figure:
    """kappa(V) against transfer error, for the initializations that have both.

    A row beyond a million (unstable ones have an infinite error) or below a millionth lies on the
    rim as a triangle.

    Args:
        rows: what `comparison.compare` returns.

    Returns:
        A plotly figure.

    Example:
        >>> row = Row("ptd", 8.0, 0.17, 0.064, -0.57, 612.0, 32)
        >>> float(frontier([row]).data[0].x[0])
        8.0
    """
    rows = [row for row in rows if not math.isnan(row.condition + row.transfer_error)]
    condition = np.array([row.condition for row in rows])
    error = np.array([row.transfer_error for row in rows])
    right = condition > _CONDITION
    below = error < EXACT
    above = error > _ERROR
    wall = 10 * np.max(condition[~right], initial=1.0)
    floor = np.min(error[~below], initial=1.0) / 10
    ceiling = 10 * np.max(error[~above], initial=1.0)
    x = np.where(right, wall, condition)
    y = np.where(below, floor, np.where(above, ceiling, error))
    symbols = _RIM[right.astype(int), below + 2 * above]
    figure = empty("κ₂(V)", "sup |x̃ − x̂|")
    log_axes(figure, np.append(x, 3 * wall), y)
    figure.update_layout(showlegend=False, margin_t=32)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        text=[html.escape(row.name) for row in rows],
        textposition=_inwards(x**2 > wall, above),
        customdata=[[number(row.condition), number(row.transfer_error)] for row in rows],
        hovertemplate=_FRONTIER_HOVER,
        marker={"size": 11, "symbol": symbols, "color": [_colour(row.name) for row in rows]},
        cliponaxis=False,
    )
    return figure


_FRONTIER_HOVER = "κ = %{customdata[0]}<br>transfer error %{customdata[1]}<extra>%{text}</extra>"


def _inwards(left: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """Positions of labels: away from the ends of the axis, in turn above and below on the rim."""
    height = np.where(rim, np.where(np.cumsum(rim) % 2, "top", "bottom"), "middle")
    return np.char.add(height, np.where(left, " left", " right"))


def robustness(sweeps: Sequence[Sweep]) -> go.Figure:
    """The error of the state under a sinusoid over its frequency, the worst of each system marked.

    Systems of one family have one colour, and each its own dashes and mark. Left out are those that
    would be no line on logarithmic axes: exact but for rounding, and unstable.

    Args:
        sweeps: what `comparison.fourier_sweep` returns.

    Returns:
        A plotly figure.

    Example:
        >>> from ssmlinalg.comparison import fourier_sweep
        >>> names = [trace.name for trace in robustness(fourier_sweep(4)).data]
        >>> "s4d-legs" in names, "hippo-legs" in names
        (True, False)
    """
    figure = empty("ω  (rad / unit time)", "|x̃(iω) − x̂(iω)|")
    figure.update_layout(margin_t=32)
    drawn = [sweep for sweep in sweeps if EXACT < sweep.worst_error < math.inf]
    drawn.sort(key=lambda sweep: _colour(sweep.name) == PTD)  # on top of the spikes
    if not drawn:
        return figure
    worst = np.array([sweep.worst_error for sweep in drawn])
    w = np.concatenate([sweep.frequencies for sweep in drawn])
    log_axes(figure, w, np.append(worst, worst.min() / 10))
    family: Counter[str] = Counter()
    for sweep in drawn:
        colour = _colour(sweep.name)
        _add_sweep(figure, sweep, colour, family[colour] % len(_DASHES))
        family[colour] += 1
    return figure


def _add_sweep(figure: go.Figure, sweep: Sweep, colour: str, shape: int) -> None:
    """The curve of a system and the mark of its worst frequency."""
    name = html.escape(sweep.name)
    positive = sweep.frequencies > 0  # a logarithmic axis has no 0
    w = sweep.frequencies[positive]
    line = {"color": colour, "width": 1.8, "dash": _DASHES[shape]}
    curve(figure, name, w, sweep.error[positive], line, legendgroup=name)
    hover = "worst: %{y:.4g} at ω = %{customdata}<extra>" + name + "</extra>"
    rim = {"color": "white", "width": 1}
    figure.add_scatter(
        x=[max(sweep.worst_frequency, float(w.min(initial=math.inf)))],
        y=[sweep.worst_error],
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=False,
        customdata=[f"{sweep.worst_frequency:.6g}"],
        hovertemplate=hover,
        marker={"size": 10, "color": colour, "symbol": _MARKS[shape], "line": rim},
        cliponaxis=False,
    )


def _colour(name: str) -> str:
    """That of the family; HiPPO in other coordinates is what is neither S4D nor PTD."""
    if "ptd" in name:
        return PTD
    return S4D if name.startswith("s4d") or name == "s5" else HIPPO
