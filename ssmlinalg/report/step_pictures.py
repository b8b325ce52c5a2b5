"""Pictures of steps: what becomes of the modes of an initialization at every one."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from ..verification import StepSuggestion, coverage
from .axes import empty
from .colours import GRID, HIPPO, PTD, S4D

_LINES = {
    "beyond_nyquist": ("beyond Nyquist", S4D),
    "dead": ("dead within a sample", HIPPO),
    "outlives": ("longer than the sequence", PTD),
}
_POINTS = 200
_AROUND = 100  # the picture reaches so far beyond both ends of the interval


def steps(found: StepSuggestion) -> go.Figure:
    """The shares of modes that a step loses, over steps, and the interval that is suggested.

    Args:
        found: a suggestion of `verification.suggest_step`.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for what is no suggestion.

    Example:
        >>> from ssmlinalg.verification import suggest_step
        >>> [line.name for line in steps(suggest_step(1024)).data]
        ['beyond Nyquist', 'dead within a sample', 'longer than the sequence']
    """
    if not isinstance(found, StepSuggestion):
        rule = "`found` must be a StepSuggestion"
        remedy = "Call verification.suggest_step."
        raise TypeError(f"{rule}; got {type(found).__name__}. {remedy}")
    low, high = found.step
    x = np.geomspace(low / _AROUND, high * _AROUND, _POINTS)
    shares = coverage(found.init, x, found.length, order=found.order)
    figure = empty("step", f"share of the modes of {found.init}")
    figure.add_vrect(x0=low, x1=high, fillcolor=GRID, line_width=0, layer="below")
    for name, (title, colour) in _LINES.items():
        figure.add_scatter(
            x=x,
            y=shares[name],
            mode="lines",
            name=title,
            line={"color": colour},
            hovertemplate="%{y:.0%} at step %{x:.3g}<extra>" + title + "</extra>",
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure
