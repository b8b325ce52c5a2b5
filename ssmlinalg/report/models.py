"""Pictures of a model: its kernels, what it passes on of each frequency, and where its modes
stand.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from .. import forms, kernels
from ..discretize import Rule, discretize
from ..forms import (
    DPLR,
    MIMO,
    Delayed,
    Dense,
    DenseRecurrence,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
)
from ..systems.transfer_functions import transfer
from ..verification.time_scales import Timescales
from .axes import empty, frequencies, log_axes
from .style import FAINT, INK, PTD, number

LENGTH = 1024  # samples of the kernels drawn: a memory of one unit of time at the smallest customary step, 1e-3
_ANGLES = (
    3e-3,
    13.0,
)  # radians per sample that are drawn at least: three decades up to twice the frequency of sampling


class _Channel(NamedTuple):
    name: str
    place: int
    form: Any


def impulse(
    form: Any, length: int = LENGTH, *, rule: Rule = "zoh", theirs: np.ndarray | None = None
) -> go.Figure:
    """The kernels of at most four channels of a model on the host, from the smallest step to the
    largest.

    The real part of `theirs` (..., L), a kernel of the same model from elsewhere, is drawn over
    them, and the channel where it is furthest off is among the four.
    """
    single = _single(forms.move(form, "numpy", dtype="float64"))
    lead = _lead(single)
    worst = None
    if theirs is not None:
        length = min(length, theirs.shape[-1])
        theirs = np.broadcast_to(np.real(theirs), (*lead, theirs.shape[-1])).reshape(
            -1, theirs.shape[-1]
        )[:, :length]
        ours = np.broadcast_to(kernels.kernel(single, length, rule=rule), (*lead, length)).reshape(
            -1, length
        )
        worst = int(np.argmax(np.max(np.abs(theirs - ours), axis=-1)))
    chosen = _channels(single, worst)
    figure = (
        _rows(chosen, "sample", "K")
        .update_layout(showlegend=theirs is not None)
        .update_xaxes(dtick=1)
    )
    samples = np.arange(1, length + 1)
    for row, channel in enumerate(chosen, 1):
        K = kernels.kernel(channel.form, length, rule=rule)
        hover = f"%{{y:.4g}} at sample %{{x}}<extra>channel {channel.place}, {channel.name}</extra>"
        common = {"x": samples, "mode": "lines", "hovertemplate": hover, "row": row, "col": 1}
        if theirs is None:
            figure.add_scatter(y=K, name=channel.name, line={"color": PTD, "width": 1.5}, **common)
        else:
            wide, thin = {"color": PTD, "width": 5}, {"color": INK, "width": 1.5}
            _in_legend(figure, "ours", y=K, line=wide, opacity=0.5, **common)
            _in_legend(figure, "yours", y=theirs[channel.place], line=thin, **common)
    return figure


def gain(form: Any, *, rule: Rule = "zoh") -> go.Figure:
    """|G| of at most four channels over frequency in cycles per sample: of the model in continuous time, and dashed as sampled.

    The line marks half a cycle per sample, the Nyquist frequency. What lies beyond is no frequency
    of its own to the sampled model, whose curve ends there. A discrete form has the dashed curve
    only.
    """
    chosen = _channels(_single(forms.move(form, "numpy", dtype="float64")))
    figure = _rows(chosen, "f  (cycles / sample)", "|G|")
    for row, (name, place, one) in enumerate(chosen, 1):
        angles = np.union1d(frequencies(np.zeros(0), _poles(one)), np.geomspace(*_ANGLES, 200))
        f = angles / (2 * np.pi)
        hover = f"%{{y:.4g}} at %{{x:.4g}} cycles a sample<extra>channel {place}, {name}</extra>"
        common = {"mode": "lines", "hovertemplate": hover, "row": row, "col": 1}
        if hasattr(one, "step"):
            size = np.abs(transfer(one, 1j * angles / one.step))
            _in_legend(figure, "continuous", x=f, y=size, line={"color": PTD, "width": 2}, **common)
            one = discretize(one, rule)
        size = np.abs(transfer(one, np.exp(1j * angles[f < 0.5])))
        _in_legend(
            figure,
            "sampled",
            x=f[f < 0.5],
            y=size,
            line={"color": INK, "width": 1.5, "dash": "dash"},
            **common,
        )
        decades = np.ptp(np.log10(size[size > 0])) if np.any(size > 0) else 0.0
        figure.update_yaxes(dtick=max(1, math.ceil(decades / 3)), row=row)
        figure.add_vline(x=0.5, line={"color": FAINT, "width": 1.5, "dash": "dot"}, row=row, col=1)  # pyright: ignore
    figure.update_yaxes(type="log", exponentformat="power")
    note = {
        "xref": "x",
        "yref": "y domain",
        "x": np.log10(0.5),
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
    }
    return figure.add_annotation(
        text="Nyquist", showarrow=False, font={"size": 12, "color": FAINT}, **note
    )


def modes(scales: Timescales, length: int = LENGTH) -> go.Figure:
    """The modes in the plane of frequency and half-life, both told in samples, at most 4096 of
    them.

    Shaded is what `Timescales` counts as beyond Nyquist and as dead, 1/e left within a sample;
    above the line is what has more than 1/e left after `length` samples. On the rim lie modes that
    do not oscillate, on the left, and those that do not decay, at the top.
    """
    life, f = (
        np.ravel(values) for values in np.broadcast_arrays(scales.half_life, scales.frequency)
    )
    every = np.unique(np.linspace(0, len(life) - 1, 4096).round().astype(int))
    life, f = life[every], f[every]
    decays, turns = np.isfinite(life) & (life > 0), f > 0
    dead, ends = math.log(2), math.log(2) * length  # half-lives of the decay times 1 and length
    left = min(1e-3, float(np.min(f[turns], initial=1.0)) / 4)
    top = max(4.0 * length, float(np.max(life[decays], initial=1.0)) * 4)
    bottom, right = (
        min(0.25, float(np.min(life[decays], initial=1.0)) / 2),
        max(2.0, float(np.max(f, initial=0.0)) * 2),
    )
    figure = empty("frequency  (cycles / sample)", "half-life  (samples)")
    log_axes(figure, np.array([left, right]), np.array([bottom, top]))
    figure.update_layout(showlegend=False, margin_t=32)
    shade = {"fillcolor": FAINT, "opacity": 0.12, "line_width": 0, "layer": "below"}
    figure.add_vrect(x0=0.5, x1=10 * right, **shade).add_hrect(y0=bottom / 10, y1=dead, **shade)
    figure.add_hline(y=ends, line={"color": FAINT, "width": 1.5, "dash": "dot"})
    words = {"showarrow": False, "font": {"size": 12, "color": FAINT}}
    for text, at in (
        (
            "beyond Nyquist",
            {
                "x": 1,
                "xref": "paper",
                "y": 1,
                "yref": "paper",
                "xanchor": "right",
                "yanchor": "bottom",
            },
        ),
        (
            "dead within a sample",
            {"x": 0, "xref": "paper", "y": np.log10(dead), "xanchor": "left", "yanchor": "top"},
        ),
        (
            f"outlives {length} samples",
            {"x": 1, "xref": "paper", "y": np.log10(ends), "xanchor": "right", "yanchor": "bottom"},
        ),
    ):
        figure.add_annotation(text=text, **words, **at)
    figure.add_scatter(
        x=np.where(turns, f, left),
        y=np.where(decays, life, top),
        mode="markers",
        name="modes",
        customdata=[
            [number(float(one)), number(float(other))] for one, other in zip(life, f, strict=True)
        ],
        hovertemplate="half-life %{customdata[0]} samples<br>%{customdata[1]} cycles a sample<extra></extra>",
        marker={
            "size": 7,
            "color": PTD,
            "opacity": 0.6,
            "symbol": np.where(decays, "circle", "triangle-up"),
        },
        cliponaxis=False,
    )
    return figure


def _rows(channels: list[_Channel], across: str, along: str) -> go.Figure:
    """A row for each channel, its name above it."""
    figure = empty(across, "").set_subplots(
        rows=len(channels), cols=1, shared_xaxes=True, vertical_spacing=0.07
    )
    figure.update_layout(margin_t=32, legend_y=1.06)
    figure.update_xaxes(type="log", title="").update_yaxes(nticks=4, title=along)
    figure.update_xaxes(title=across, row=len(channels))
    above = {
        "xref": "x domain",
        "yref": "y domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
    }
    for row, channel in enumerate(channels, 1):
        figure.add_annotation(
            text=channel.name,
            showarrow=False,
            font={"size": 12, "color": FAINT},
            **above,
            row=row,
            col=1,
        )
    return figure


def _in_legend(figure: go.Figure, name: str, **trace: Any) -> None:
    """A curve that is in the legend once for all rows, and shown and hidden there with those of its
    name.
    """
    figure.add_scatter(name=name, legendgroup=name, showlegend=trace["row"] == 1, **trace)


def _single(form: Any) -> Any:
    """A form with several inputs and outputs as one with a channel (..., P, M) for each pair, its
    unit of time a sample.
    """
    if isinstance(form, Delayed):
        return form._replace(system=_single(form.system))
    if not isinstance(form, (MIMO, MIMORecurrence)):
        return form
    A, B = form.A, np.swapaxes(form.B, -1, -2)
    if isinstance(form, MIMO):
        A, B = A * form.step, B * form.step[..., None, :]
    fields = A[..., None, None, :], B[..., None, :, :], form.C[..., :, None, :], form.D
    return (
        Paired(*fields, np.ones((), form.D.dtype))
        if isinstance(form, MIMO)
        else PairedRecurrence(*fields)
    )


def _channels(form: Any, worst: int | None = None) -> list[_Channel]:
    """At most four, from the smallest step to the largest, `worst` among them."""
    lead = _lead(form)
    step = np.broadcast_to(getattr(form, "step", 1.0), lead).ravel()
    rank = np.argsort(step, kind="stable")
    places = np.unique(np.linspace(0, len(step) - 1, 4 if worst is None else 3).round().astype(int))
    if worst is not None:
        places = np.union1d(places, np.flatnonzero(rank == worst))
    chosen = rank[places]
    # Where all steps are one, or each mode has its own, they name no channel.
    timed = (
        hasattr(form, "step")
        and form.step.ndim == len(lead)
        and len(set(step[chosen])) == len(chosen)
    )
    names = [
        f"step {number(float(step[place]))}" if timed else f"channel {place}" for place in chosen
    ]
    return [
        _Channel(name, int(place), _at(form, lead, np.unravel_index(place, lead)))
        for name, place in zip(names, chosen, strict=True)
    ]


def _core(form: Any, name: str) -> int:
    """How many axes of a field are not those of channels."""
    return {"A": 1 + isinstance(form, (Dense, DenseRecurrence)), "P": 2, "D": 0, "step": 0}.get(
        name, 1
    )


def _lead(form: Any) -> tuple[int, ...]:
    if isinstance(form, Delayed):
        return np.broadcast_shapes(_lead(form.system), form.D.shape)
    return np.broadcast_shapes(
        *(array.shape[: array.ndim - _core(form, name)] for name, array in form._asdict().items())
    )


def _at(form: Any, lead: tuple[int, ...], index: Any) -> Any:
    """The channel at `index`."""
    if isinstance(form, Delayed):
        return Delayed(_at(form.system, lead, index), np.broadcast_to(form.D, lead)[index])
    fields = form._asdict().items()
    ends = [(array, array.shape[array.ndim - _core(form, name) :]) for name, array in fields]
    return type(form)(*(np.broadcast_to(array, (*lead, *end))[index] for array, end in ends))


def _poles(form: Any) -> np.ndarray:
    """The eigenvalues of a single channel, in units of a sample."""
    if isinstance(form, Delayed):
        return _poles(form.system)
    A = np.diag(form.Lambda) - form.P @ form.P.conj().T if isinstance(form, DPLR) else form.A
    A = np.linalg.eigvals(A) if A.ndim == 2 else A
    return A * form.step if hasattr(form, "step") else np.log(A[A != 0].astype(np.complex128))
