"""Spectra in the complex plane."""

from __future__ import annotations

import html
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from .axes import Scale, asinh_axis, empty

_LINE = 0.1  # in asinh scale: points nearer than this lie in one line


class Points(NamedTuple):
    """Points of the complex plane.

    Attributes:
        name: their name in the legend.
        values: complex numbers (n,).
        marker: colour, size and symbol.
    """

    name: str
    values: np.ndarray
    marker: dict[str, object]


def plane(
    *spectra: Points, across: str = "Re λ  (1 / unit time)", along: str = "Im λ  (rad / unit time)"
) -> go.Figure:
    """Points of the complex plane under their names, both axes in asinh scale."""
    everything = np.concatenate([points.values for points in spectra])
    x_axis = asinh_axis(np.real(everything), most=5)
    y_axis = asinh_axis(np.imag(everything), most=9)
    figure = empty(across, along)
    figure.update_xaxes(**_axis(x_axis, np.real(everything)))
    figure.update_yaxes(**_axis(y_axis, np.imag(everything)))
    for points in spectra:
        name = html.escape(points.name)
        figure.add_scatter(
            x=np.arcsinh(np.real(points.values) / x_axis.unit),
            y=np.arcsinh(np.imag(points.values) / y_axis.unit),
            mode="markers",
            name=name,
            text=list(map(_label, points.values)),
            marker=points.marker,
            hovertemplate=f"λ = %{{text}}<extra>{name}</extra>",
        )
    return figure


def _axis(scale: Scale, values: np.ndarray) -> dict[str, Any]:
    axis = {"tickvals": scale.positions, "ticktext": scale.labels, "zeroline": True}
    drawn = np.arcsinh(values / scale.unit)
    if np.ptp(drawn) < _LINE:  # their rounding is not to fill the picture
        axis["range"] = [np.mean(drawn) - 1, np.mean(drawn) + 1]
    return axis


def _label(value: complex) -> str:
    sign = "-" if value.imag < 0 else "+"
    return f"{value.real:.6g} {sign} {abs(value.imag):.6g} i".replace("-", "−")
