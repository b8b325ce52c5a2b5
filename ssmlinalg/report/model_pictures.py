"""Pictures of a model: its kernels, its gain over frequency, and the time scales of its modes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..discretize import Rule, discretize
from ..forms import batch, kind
from ..ground import require
from ..kernels import kernel
from ..systems import transfer
from ..verification import Timescales
from ..verification.disagreement import signal
from .axes import empty, frequencies, log_axes
from .colours import FAINT, INK, PTD
from .notation import number
from .shown_channels import Channel, chosen_channels, poles_of, single

LENGTH = 1024  # samples of a kernel: one unit of time at the smallest customary step, 1e-3
# Radians per sample that are drawn at least: three decades up to twice the frequency of sampling.
_ANGLES = np.geomspace(3e-3, 13.0, 200)
_NYQUIST = 0.5  # cycles per sample
_MODES = 4096  # of a picture, at most
_NOTE = {"showarrow": False, "font": {"size": 12, "color": FAINT}}
_SHADE = {"fillcolor": FAINT, "opacity": 0.12, "line_width": 0, "layer": "below"}
_DOTTED = {"color": FAINT, "width": 1.5, "dash": "dot"}


def impulse(
    form: Any, length: int = LENGTH, *, rule: Rule = "zoh", theirs: np.ndarray | None = None
) -> go.Figure:
    """The kernels of at most four channels of a model, from the smallest step to the largest.

    Args:
        form: a form with an output, of any library.
        length: samples.
        rule: how it is sampled.
        theirs: a kernel (..., L) of the same model from elsewhere. Its real part is drawn over
            ours, and the channel where it is furthest off is among the four.

    Returns:
        A plotly figure.

    Raises:
        TypeError: what `kernel` raises.
        ValueError: what `kernel` raises, for a model that outgrows its precision for example.

    Example:
        >>> from ssmlinalg import inits
        >>> [trace.name for trace in impulse(inits.s4d_lin_init(4, step=0.01), 16).data]
        ['step 0.01']
    """
    model = single(form)
    if theirs is None:
        return _own_kernels(chosen_channels(model), length, rule)
    theirs = signal(theirs, model)
    length = require.integer("length", length)
    length = min(length, theirs.shape[-1])
    whole = np.broadcast_to(np.real(theirs), (*batch(model), theirs.shape[-1]))
    yours = whole.reshape(-1, theirs.shape[-1])[:, :length]
    ours = np.broadcast_to(kernel(model, length, rule=rule), (*batch(model), length))
    off = np.max(np.abs(yours - ours.reshape(yours.shape)), axis=-1)
    channels = chosen_channels(model, int(np.argmax(off)))
    return _both_kernels(channels, yours, rule)


def _own_kernels(channels: list[Channel], length: int, rule: Rule) -> go.Figure:
    figure = _kernel_rows(channels)
    for row, channel in enumerate(channels, 1):
        K = kernel(channel.form, length, rule=rule)
        line = {"color": PTD, "width": 1.5}
        figure.add_scatter(y=K, name=channel.name, line=line, **_samples(channel, row, length))
    return figure.update_layout(showlegend=False)


def _both_kernels(channels: list[Channel], yours: np.ndarray, rule: Rule) -> go.Figure:
    figure = _kernel_rows(channels)
    length = yours.shape[-1]
    for row, channel in enumerate(channels, 1):
        K = kernel(channel.form, length, rule=rule)
        wide = {"color": PTD, "width": 5}
        thin = {"color": INK, "width": 1.5}
        trace = _samples(channel, row, length)
        _in_legend(figure, "ours", y=K, line=wide, opacity=0.5, **trace)
        _in_legend(figure, "yours", y=yours[channel.place], line=thin, **trace)
    return figure.update_layout(showlegend=True)


def _kernel_rows(channels: list[Channel]) -> go.Figure:
    return _rows(channels, "sample", "K").update_xaxes(dtick=1)


def _samples(channel: Channel, row: int, length: int) -> dict[str, Any]:
    where = f"channel {channel.place}, {channel.name}"
    return {
        "x": np.arange(1, length + 1),
        "mode": "lines",
        "hovertemplate": f"%{{y:.4g}} at sample %{{x}}<extra>{where}</extra>",
        "row": row,
        "col": 1,
    }


def gain(form: Any, *, rule: Rule = "zoh") -> go.Figure:
    """|G| of at most four channels over frequency in cycles per sample, continuous and sampled.

    A line marks half a cycle per sample, the Nyquist frequency, where the dashed curve of the
    sampled model ends: beyond, no frequency is one of its own. A discrete form has only that curve.

    Args:
        form: a form with an output, of any library.
        rule: how it is sampled.

    Returns:
        A plotly figure.

    Raises:
        TypeError: what `transfer` raises.
        ValueError: what `transfer` and sampling raise.

    Example:
        >>> from ssmlinalg import inits
        >>> [trace.name for trace in gain(inits.s4d_lin_init(4)).data]
        ['continuous', 'sampled']
    """
    channels = chosen_channels(single(form))
    figure = _rows(channels, "f  (cycles / sample)", "|G|")
    for row, channel in enumerate(channels, 1):
        sizes = _add_gain(figure, channel, row, rule)
        figure.update_yaxes(tickvals=outer_decades(sizes), row=row)
        line = {"color": FAINT, "width": 1.5, "dash": "dot"}
        figure.add_vline(x=_NYQUIST, line=line, row=row, col=1)  # pyright: ignore
    figure.update_yaxes(type="log", exponentformat="power")
    figure.update_xaxes(dtick=1)
    at = {"x": np.log10(_NYQUIST), "xref": "x", "xanchor": "left"}
    above = {"y": 1, "yref": "y domain", "yanchor": "bottom"}
    return figure.add_annotation(text="Nyquist", **_NOTE, **at, **above)


def outer_decades(sizes: np.ndarray) -> list[float]:
    """The lowest power of ten among sizes and the highest: more do not fit into a row."""
    exponents = np.log10(sizes[sizes > 0])
    if not exponents.size:
        return []
    low = math.ceil(exponents.min())
    high = math.floor(exponents.max())
    return [10.0**power for power in sorted({low, high})]


def _add_gain(figure: go.Figure, channel: Channel, row: int, rule: Rule) -> np.ndarray:
    """Draw the gain of a channel; every size that is drawn is returned."""
    form = channel.form
    angles = np.union1d(frequencies(np.zeros(0), poles_of(form)), _ANGLES)
    sizes = []
    f = angles / (2 * np.pi)
    where = f"channel {channel.place}, {channel.name}"
    hover = f"%{{y:.4g}} at %{{x:.4g}} cycles a sample<extra>{where}</extra>"
    trace = {"mode": "lines", "hovertemplate": hover, "row": row, "col": 1}
    if kind(form).continuous:
        sizes.append(np.abs(transfer(form, 1j * angles / form.step)))
        line = {"color": PTD, "width": 2}
        _in_legend(figure, "continuous", x=f, y=sizes[-1], line=line, **trace)
        form = discretize(form, rule=rule)
    below = f < _NYQUIST
    sizes.append(np.abs(transfer(form, np.exp(1j * angles[below]))))
    dashed = {"color": INK, "width": 1.5, "dash": "dash"}
    _in_legend(figure, "sampled", x=f[below], y=sizes[-1], line=dashed, **trace)
    return np.concatenate(sizes)


class _Plane(NamedTuple):
    """Modes by frequency and half-life, and the ends of the axes.

    Modes that do not oscillate stand at `left`, those that do not decay at `top`.
    """

    frequency: np.ndarray
    half_life: np.ndarray
    left: float
    right: float
    bottom: float
    top: float


def modes(scales: Timescales, length: int = LENGTH) -> go.Figure:
    """The modes in the plane of frequency and half-life, both counted in samples.

    Shaded are the modes beyond Nyquist and the dead ones, with 1/e left within a sample; above the
    line are those with more than 1/e left after `length` samples. On the rim lie modes that do not
    oscillate, on the left, and those that do not decay, at the top.

    Args:
        scales: what `verification.timescales` returns.
        length: samples of the signal.

    Returns:
        A plotly figure of at most 4096 modes.

    Raises:
        TypeError: for what are no `Timescales`, and a length that is no integer.

    Example:
        >>> from ssmlinalg import inits
        >>> from ssmlinalg.verification import timescales
        >>> len(modes(timescales(inits.s4d_lin_init(8))).data[0].x)
        4
    """
    require.instance("scales", scales, Timescales, "Take it from verification.timescales.")
    length = require.integer("length", length)
    ends = _plane(scales, length)
    dead = math.log(2)  # the half-life of a decay time of one sample
    lasting = math.log(2) * length
    figure = empty("frequency  (cycles / sample)", "half-life  (samples)")
    log_axes(figure, np.array([ends.left, ends.right]), np.array([ends.bottom, ends.top]))
    figure.update_layout(showlegend=False, margin_t=32)
    figure.add_vrect(x0=_NYQUIST, x1=10 * ends.right, **_SHADE)
    figure.add_hrect(y0=ends.bottom / 10, y1=dead, **_SHADE)
    figure.add_hline(y=lasting, line=_DOTTED)
    right = {"x": 1, "xref": "paper", "xanchor": "right", "yanchor": "bottom"}
    left = {"x": 0, "xref": "paper", "xanchor": "left", "yanchor": "top"}
    figure.add_annotation(text="beyond Nyquist", y=1, yref="paper", **right, **_NOTE)
    figure.add_annotation(text="dead within a sample", y=np.log10(dead), **left, **_NOTE)
    text = f"outlives {length} samples"
    figure.add_annotation(text=text, y=np.log10(lasting), **right, **_NOTE)
    _add_modes(figure, ends)
    return figure


def _plane(scales: Timescales, length: int) -> _Plane:
    life, f = map(np.ravel, np.broadcast_arrays(scales.half_life, scales.frequency))
    some = np.unique(np.linspace(0, len(life) - 1, _MODES).round().astype(int))
    life = life[some]
    f = f[some]
    decaying = life[np.isfinite(life) & (life > 0)]
    turning = f[f > 0]
    return _Plane(
        frequency=f,
        half_life=life,
        left=min(1e-3, float(np.min(turning, initial=1.0)) / 4),
        right=max(2.0, float(np.max(f, initial=0.0)) * 2),
        bottom=min(0.25, float(np.min(decaying, initial=1.0)) / 2),
        top=max(4.0 * length, float(np.max(decaying, initial=1.0)) * 4),
    )


def _add_modes(figure: go.Figure, ends: _Plane) -> None:
    life = ends.half_life
    decays = np.isfinite(life) & (life > 0)
    pairs = zip(map(float, life), map(float, ends.frequency), strict=True)
    figure.add_scatter(
        x=np.where(ends.frequency > 0, ends.frequency, ends.left),
        y=np.where(decays, life, ends.top),
        mode="markers",
        name="modes",
        customdata=[[number(half_life), number(cycles)] for half_life, cycles in pairs],
        hovertemplate=_MODE_HOVER,
        marker={
            "size": 7,
            "color": PTD,
            "opacity": 0.6,
            "symbol": np.where(decays, "circle", "triangle-up"),
        },
        cliponaxis=False,
    )


_MODE_HOVER = (
    "half-life %{customdata[0]} samples<br>%{customdata[1]} cycles a sample<extra></extra>"
)


def _rows(channels: list[Channel], across: str, along: str) -> go.Figure:
    """A row for each channel, its name above it."""
    figure = empty(across, "").set_subplots(
        rows=len(channels), cols=1, shared_xaxes=True, vertical_spacing=0.07
    )
    figure.update_layout(margin_t=32, legend_y=1.06)
    figure.update_xaxes(type="log", title="")
    figure.update_yaxes(nticks=4, title=along)
    figure.update_xaxes(title=across, row=len(channels))
    corner = {"x": 0, "xref": "x domain", "xanchor": "left"}
    above = {"y": 1, "yref": "y domain", "yanchor": "bottom"}
    for row, channel in enumerate(channels, 1):
        figure.add_annotation(text=channel.name, **_NOTE, **corner, **above, row=row, col=1)
    return figure


def _in_legend(figure: go.Figure, name: str, **trace: Any) -> None:
    """Add a curve that is in the legend once for all rows, and hidden there with its namesakes."""
    figure.add_scatter(name=name, legendgroup=name, showlegend=trace["row"] == 1, **trace)
