"""Empty pictures, the scales of their axes, and the frequencies that curves are drawn at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from .colours import FAINT, FONT, GRID, INK, RULE
from .notation import number

_ZERO = 1e-9  # beside the largest number: a zero that was rounded
_POINTS = 800  # of a logarithmic grid
_CLUSTER = 15  # points about a pole
_WIDTH = 1e-4  # beside its height: the width that an undamped pole is given
_APART = 1e-12  # relative: frequencies nearer than this, to each other or to a pole, are one
_FEW = 3  # decades: with fewer, 2 and 5 of each are ticks as well

_AXIS = {
    "gridcolor": GRID,
    "zerolinecolor": RULE,
    "zeroline": False,
    "linecolor": RULE,
    "ticks": "outside",
    "tickcolor": RULE,
    "automargin": True,
    "exponentformat": "power",
    "tickangle": 0,
}
_LAYOUT = {
    "template": {"layout": {"xaxis": _AXIS, "yaxis": _AXIS}},
    "font": {"family": FONT, "size": 13, "color": INK},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "hoverlabel": {"font": {"family": FONT}},
    "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#b4bcc6", "activecolor": FAINT},
}


def empty(across: str, along: str) -> go.Figure:
    """A figure with nothing on it yet but the titles of its axes."""
    titles = {"xaxis": {"title": {"text": across}}, "yaxis": {"title": {"text": along}}}
    return go.Figure(layout=_LAYOUT | titles)


def curve(
    figure: go.Figure, name: str, x: np.ndarray, y: np.ndarray, line: Mapping[str, Any], **more: Any
) -> None:
    """Add y over the frequencies x."""
    hover = "%{y:.4g} at ω = %{x:.4g}<extra>" + name + "</extra>"
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line=line, hovertemplate=hover, **more)


def log_axes(figure: go.Figure, x: np.ndarray, y: np.ndarray) -> None:
    """Logarithmic axes over the positive values of x and y, with a little air."""
    figure.update_xaxes(**_log_axis(x, most=6))
    figure.update_yaxes(**_log_axis(y, most=8))


def _log_axis(values: np.ndarray, most: int) -> dict[str, Any]:
    """A tick for each decade if they are many, and at most so many."""
    low, high = _decades(values)
    many = high - low > 1.5
    step = math.ceil((high - low) / most) if many else "D2"
    return {"type": "log", "range": [low, high], "dtick": step}


def _decades(values: np.ndarray) -> tuple[float, float]:
    exponents = np.log10(values[values > 0])
    if len(exponents) == 0:
        return -1.0, 1.0
    low = float(exponents.min())
    high = float(exponents.max())
    air = 0.05 * (high - low) + 0.02
    return low - air, high + air


def capped(spikes: np.ndarray, calm: np.ndarray) -> np.ndarray:
    """The spikes of undamped modes, which have any height, up to two decades above a calm curve."""
    return np.minimum(spikes, 100 * calm.max())


class Scale(NamedTuple):
    """An axis in asinh scale.

    Attributes:
        unit: the value that stands at asinh 1.
        positions: the places of the ticks.
        labels: their labels.
    """

    unit: float
    positions: np.ndarray
    labels: list[str]


def asinh_axis(values: np.ndarray, most: int) -> Scale:
    """Linear up to the smallest size that is no rounded zero, logarithmic beyond.

    There are at most so many ticks.
    """
    size = np.abs(values)
    real = size[size > _ZERO * size.max()]
    unit = float(real.min()) if len(real) else 1.0
    top = float(real.max()) if len(real) else 1.0
    apart = float(np.ptp(np.arcsinh(values / unit))) / most
    kept = _rounded_ticks(unit, top, apart)
    ticks = np.array([*(-tick for tick in kept), 0.0, *kept[::-1]])
    ticks = ticks[(ticks >= min(values.min(), 0.0)) & (ticks <= max(values.max(), 0.0))]
    return Scale(unit, np.arcsinh(ticks / unit), [number(tick) for tick in ticks])


def _rounded_ticks(unit: float, top: float, apart: float) -> list[float]:
    """Round numbers from `top` down that lie `apart` from each other and from 0, in asinh scale."""
    lowest = math.floor(math.log10(unit))
    decades = 10.0 ** np.arange(math.floor(math.log10(top)), lowest - 1, -1)
    kept = _kept(np.outer(decades, (1.0,)), unit, top, apart)
    return (
        kept if len(kept) >= _FEW else _kept(np.outer(decades, (5.0, 2.0, 1.0)), unit, top, apart)
    )


def _kept(ticks: np.ndarray, unit: float, top: float, apart: float) -> list[float]:
    kept = []
    above = math.inf
    for tick in map(float, ticks.ravel()):
        place = math.asinh(tick / unit)
        if tick <= top and place >= apart and above - place >= apart:
            kept.append(tick)
            above = place
    return kept


def frequencies(*spectra: np.ndarray) -> np.ndarray:
    """A logarithmic grid past both ends of all spectra, dense on every pole of the later ones.

    About each of them stands a cluster as wide as the pole is deep.
    """
    poles = np.concatenate(spectra)
    size = np.abs(poles)
    size = size[size > _ZERO * size.max()]
    low = size.min() / 8 if len(size) else 0.1
    high = 8 * size.max() if len(size) else 10.0
    near = _clusters(np.concatenate(spectra[1:]))
    near = near[(near > low) & (near < high)]
    w = np.unique(np.concatenate([np.geomspace(low, high, _POINTS), near]))
    # Conjugates put their clusters on the same frequencies but for the last digit.
    w = w[np.concatenate([[True], np.diff(w) > _APART * w[1:]])]
    distance = np.min(np.abs(1j * w - poles[:, None]), axis=0)
    return w[distance > _APART * high]


def _clusters(poles: np.ndarray) -> np.ndarray:
    height = np.abs(np.imag(poles))
    depth = np.maximum(np.abs(np.real(poles)), _WIDTH * height)
    return height[:, None] + depth[:, None] * np.tan(np.linspace(-1.5, 1.5, _CLUSTER))
