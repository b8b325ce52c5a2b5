"""Pictures of many initializations against HiPPO."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..comparison import Row, Sweep
from ..ground import require
from .axes import curve, empty, log_axes
from .colours import FAINT, HIPPO, INK, PTD, S4D
from .notation import number

_LABEL = 17  # points from one line of names to the next
_RISES = (1, -1, *range(2, 64))  # of a name over its point, in lines
_LINES = 16  # lines of names in the height of a picture
_CLEAR = 0.99 / _LINES  # a whole line, but for rounding
_MARKER = 0.02  # half the width of a marker
_ACROSS = 40  # letters in the width of a picture on a narrow screen
EXACT = 1e-6  # errors below are drawn as none
_CONDITION = 1e6  # beyond it a row lies on the right rim
_ERROR = 1e6  # beyond it a row lies on the upper rim
_HOLLOW = "-open"
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

    Raises:
        TypeError: for rows that are none of `comparison.compare`.

    Example:
        >>> row = Row("ptd", 8.0, 0.17, 0.064, -0.57, 612.0, 32)
        >>> float(frontier([row]).data[0].x[0])
        8.0
    """
    require.listed("rows", rows, Row, "Take them from comparison.compare.")
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
    hollow = [_HOLLOW if row.name == "s4" else "" for row in rows]  # it is not diagonal
    figure = empty("κ₂(V)", "sup |x̃ − x̂|")
    log_axes(figure, np.append(x, 3 * wall), y)
    figure.update_layout(showlegend=False, margin_t=2 * _LABEL)
    names = [html.escape(row.name) for row in rows]
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        text=names,
        customdata=[[number(row.condition), number(row.transfer_error)] for row in rows],
        hovertemplate=_FRONTIER_HOVER,
        marker={
            "size": 11,
            "symbol": [a + b for a, b in zip(symbols.tolist(), hollow, strict=True)],
            "color": [_colour(row.name) for row in rows],
        },
        cliponaxis=False,
    )
    axes: Any = figure.layout
    _add_labels(figure, names, np.log10([x, y]), np.array([axes.xaxis.range, axes.yaxis.range]))
    return figure


_FRONTIER_HOVER = "κ = %{customdata[0]}<br>transfer error %{customdata[1]}<extra>%{text}</extra>"


def _add_labels(figure: go.Figure, names: list[str], at: np.ndarray, ends: np.ndarray) -> None:
    """Write each name above its point or below, with a line to it where others are in the way.

    In the left third of the picture a name begins at its point, in the right third it ends there:
    none is cut off on a narrow screen.
    """
    u, v = (at - ends[:, :1]) / np.ptp(ends, axis=1)[:, None]
    taken = [(a - _MARKER, a + _MARKER, b) for a, b in zip(u, v, strict=True)]
    for place in np.lexsort((u, -v)):
        width = len(names[place]) / _ACROSS
        third = int(np.clip(3 * u[place], 0, 2))
        left = u[place] - width * third / 2
        rise = next(
            rise
            for rise in _RISES
            if not any(
                left < end
                and start < left + width
                and abs(height - v[place] - rise / _LINES) < _CLEAR
                for start, end, height in taken
            )
        )
        taken.append((left, left + width, v[place] + rise / _LINES))
        figure.add_annotation(
            x=at[0, place],
            y=at[1, place],
            text=names[place],
            ax=0,
            ay=-_LABEL * rise,
            showarrow=True,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=FAINT if abs(rise) > 1 else "rgba(0,0,0,0)",
            xanchor=("left", "center", "right")[third],
            font={"size": 12, "color": INK},
        )


def robustness(sweeps: Sequence[Sweep]) -> go.Figure:
    """The error of the state under a sinusoid over its frequency, the worst of each system marked.

    Systems of one family have one colour, and each its own dashes and mark. Left out are those that
    would be no line on logarithmic axes: exact but for rounding, and unstable.

    Args:
        sweeps: what `comparison.fourier_sweep` returns.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for sweeps that are none of `comparison.fourier_sweep`.

    Example:
        >>> from ssmlinalg.comparison import fourier_sweep
        >>> names = [trace.name for trace in robustness(fourier_sweep(4)).data]
        >>> "s4d-legs" in names, "hippo-legs" in names
        (True, False)
    """
    require.listed("sweeps", sweeps, Sweep, "Take them from comparison.fourier_sweep.")
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
