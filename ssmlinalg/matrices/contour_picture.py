"""Filled contours of log10 sigma_min with the eigenvalues on top, drawn with plotly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..ground.backend import Complex, Real
from ..ground.formats import EPS, TINY

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LEVELS = 12  # at most so many: more are lines without a number
_INK = "#1d2733"


def contours(x: Real, y: Real, sigma: Real, Lambda: Complex) -> go.Figure:
    """The pseudospectra of a grid, a colour for each power of ten, and the eigenvalues.

    Args:
        x: real parts, (X,).
        y: imaginary parts, (Y,).
        sigma: sigma_min(z - A), (Y, X), NaN where it was not computed.
        Lambda: eigenvalues, (N,).

    Returns:
        A plotly figure with one unit of length on both axes.

    Raises:
        ImportError: without plotly, which the extra `cli` installs.
    """
    try:
        import plotly.graph_objects as go
    except ModuleNotFoundError as missing:
        rule = "a picture is drawn with plotly"
        remedy = "Install it: pip install 'ssmlinalg[cli]'."
        raise ImportError(f"{rule}; got {missing}. {remedy}") from missing
    power = np.log10(np.maximum(sigma, TINY))
    low, high, step = _levels(power)
    figure = go.Figure()
    figure.add_contour(
        x=x,
        y=y,
        z=power,
        colorscale="Blues_r",
        contours={"start": low, "end": high, "size": step, "showlines": True},
        line={"width": 0.7, "color": "#ffffff"},
        colorbar={"title": {"text": "log₁₀ ε"}, "tick0": low, "dtick": step, "thickness": 14},
        zmin=low,
        zmax=high,
        hovertemplate="z = %{x:.4g} + %{y:.4g} i<br>log₁₀ σ_min = %{z:.2f}<extra></extra>",
        name="pseudospectra",
        showscale=True,
    )
    figure.add_scatter(
        x=Lambda.real,
        y=Lambda.imag,
        mode="markers",
        name="eigenvalues",
        marker={"color": "#d9601a", "size": 6, "line": {"color": _INK, "width": 0.5}},
        hovertemplate="λ = %{x:.6g} + %{y:.6g} i<extra></extra>",
    )
    figure.update_xaxes(title="Re z", range=[x[0], x[-1]], constrain="domain")
    figure.update_yaxes(title="Im z", range=[y[0], y[-1]], scaleanchor="x", constrain="domain")
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    return figure


def _levels(power: Real) -> tuple[float, float, float]:
    """The first and the last contour and the step, whole powers of ten unless there is only one."""
    known = power[~np.isnan(power)]
    if len(known) == 0:
        return -1.0, 0.0, 1.0
    top = float(known.max())
    # All that lies lower is rounding, but for triangles: few matrices have anything to show there.
    bottom = max(float(known.min()), top + math.log10(EPS) - 1)
    span = top - bottom
    step = 0.25 if span <= 2 else float(max(1, math.ceil(span / _LEVELS)))
    high = step * math.floor(top / step)
    low = step * math.ceil(bottom / step)
    return min(low, high), high, step
