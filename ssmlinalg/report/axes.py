"""Empty pictures and the scales of their axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from .style import FAINT, FONT, GRID, INK, RULE, number


def empty(across: str, along: str) -> go.Figure:
    """A figure with nothing on it yet but the titles of its axes."""
    axis = {
        "gridcolor": GRID,
        "zerolinecolor": RULE,
        "zeroline": False,
        "linecolor": RULE,
        "ticks": "outside",
    }
    axis |= {"tickcolor": RULE, "automargin": True, "exponentformat": "power", "tickangle": 0}
    return go.Figure(
        layout={
            "template": {"layout": {"xaxis": axis, "yaxis": axis}},
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": {"title": {"text": across}},
            "yaxis": {"title": {"text": along}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "hoverlabel": {"font": {"family": FONT}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#b4bcc6", "activecolor": FAINT},
        }
    )


def curve(
    figure: go.Figure, name: str, x: np.ndarray, y: np.ndarray, line: Mapping[str, Any], **more: Any
) -> None:
    """Add y over the frequencies x."""
    hover = "%{y:.4g} at ω = %{x:.4g}<extra>" + name + "</extra>"
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line=line, hovertemplate=hover, **more)


def log_axes(figure: go.Figure, x: np.ndarray, y: np.ndarray) -> None:
    """Logarithmic axes over the positive values of x and y with a little air, and a tick for each
    decade if they are many.
    """
    for update, values, most in ((figure.update_xaxes, x, 6), (figure.update_yaxes, y, 8)):
        low, high = _decades(values)
        update(
            type="log",
            range=[low, high],
            dtick=math.ceil((high - low) / most) if high - low > 1.5 else "D2",
        )


def _decades(values: np.ndarray) -> tuple[float, float]:
    exponents = np.log10(values[values > 0])
    if len(exponents) == 0:
        return -1.0, 1.0
    low, high = float(exponents.min()), float(exponents.max())
    air = 0.05 * (high - low) + 0.02
    return low - air, high + air


def capped(spikes: np.ndarray, calm: np.ndarray) -> np.ndarray:
    """Undamped modes have spikes of any height: what is shown of them ends two decades above the
    calm curve.
    """
    return np.minimum(spikes, 100 * calm.max())


class Scale(NamedTuple):
    """An axis in asinh scale: what is one on it, and where its ticks stand under which labels."""

    unit: float
    positions: np.ndarray
    labels: list[str]


def asinh_axis(values: np.ndarray) -> Scale:
    """Linear up to the smallest size that is not a rounded zero, logarithmic beyond; ticks at round
    numbers, a ninth apart.
    """
    size = np.abs(values)
    real = size[size > 1e-9 * size.max()]
    unit, top = (float(real.min()), float(real.max())) if len(real) else (1.0, 1.0)
    steps = (1.0,) if top > 30 * unit else (5.0, 2.0, 1.0)
    decades = 10.0 ** np.arange(math.floor(math.log10(top)), math.floor(math.log10(unit)) - 1, -1)
    apart = np.ptp(np.arcsinh(values / unit)) / 9
    kept = [math.inf]
    for tick in np.outer(decades, steps).ravel():
        if (
            tick <= top
            and min(math.asinh(kept[-1] / unit) - math.asinh(tick / unit), math.asinh(tick / unit))
            >= apart
        ):
            kept.append(float(tick))
    ticks = np.array([*(-tick for tick in kept[1:]), 0.0, *kept[:0:-1]])
    ticks = ticks[(ticks >= min(values.min(), 0.0)) & (ticks <= max(values.max(), 0.0))]
    return Scale(unit, np.arcsinh(ticks / unit), [number(tick) for tick in ticks])


def frequencies(*spectra: np.ndarray) -> np.ndarray:
    """A logarithmic grid past both ends of all spectra, and on every pole of the later ones a
    cluster as wide as it is deep.
    """
    poles = np.concatenate(spectra)
    size = np.abs(poles)
    size = size[size > 1e-9 * size.max()]
    low, high = (size.min() / 8, 8 * size.max()) if len(size) else (0.1, 10.0)
    sharp = np.concatenate(spectra[1:])
    depth, height = np.abs(np.real(sharp)), np.abs(np.imag(sharp))
    depth = np.maximum(depth, 1e-4 * height)  # undamped poles have no width of their own
    near = height[:, None] + depth[:, None] * np.tan(np.linspace(-1.5, 1.5, 15))
    w = np.unique(
        np.concatenate([np.geomspace(low, high, 800), near[(near > low) & (near < high)]])
    )
    # Conjugates put their clusters on the same frequencies but for the last digit.
    w = w[np.concatenate([[True], np.diff(w) > 1e-12 * w[1:]])]
    distance = np.min(np.abs(1j * w - poles[:, None]), axis=0)
    return w[distance > 1e-12 * high]
