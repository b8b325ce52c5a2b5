"""Pictures of a perturbation, as plotly figures for pages and notebooks."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import scipy.linalg

from .. import decompose, forms, perturb
from ..comparison.robustness import Sweep
from ..comparison.table import Row
from ..matrices import shifted
from .axes import asinh_axis, capped, curve, empty, frequencies, log_axes
from .style import HIPPO, PTD, S4D, number

EXACT = 1e-6  # errors below are drawn as none
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKS = ("circle", "diamond", "square", "triangle-up", "x", "star")


class Curves(NamedTuple):
    """Sizes of states over S frequencies, each (S,): w rising and positive, |x(iw)| of three
    systems, |x~ - x^| of two.
    """

    w: np.ndarray
    hippo: np.ndarray
    s4d: np.ndarray
    ptd: np.ndarray
    s4d_error: np.ndarray
    ptd_error: np.ndarray


def curves(found: perturb.Diagonalization) -> Curves:
    """The state x(iw) of HiPPO, of S4D and of `found`, measured where their poles make it vary.

    HiPPO by its Schur form, backward stable however ill-conditioned its eigenvectors; the others by
    partial fractions. Frequencies closer to a pole than 1e-12 of the largest are left out, so every
    value is finite. Cost O(N^2 S).

    >>> from ssmlinalg import hippo
    >>> seen = curves(perturb.lossless(hippo.legs(64)))
    >>> bool(np.allclose(seen.hippo, 64 / np.hypot(seen.w, 64)))
    True
    """
    A, B, _ = nplr = _hippo(found)
    normal = decompose.eigenbasis(nplr)
    T, Q = shifted.triangular(A)
    w = frequencies(np.diag(T), normal.Lambda, found.Lambda)
    driven = np.repeat((Q.conj().T @ B)[:, None], len(w), axis=1)
    exact = Q @ shifted.solve(T, driven, 1j * w)
    s4d = normal.V @ (normal.V.conj().T @ B / 2 / (1j * w[:, None] - normal.Lambda)).T
    ours = found.V @ (found.B / (1j * w[:, None] - found.Lambda)).T
    states = (exact, s4d, ours, s4d - exact, ours - exact)
    return Curves(w, *(np.linalg.norm(state, axis=0) for state in states))


def spectrum(found: perturb.Diagonalization) -> go.Figure:
    """Eigenvalues of HiPPO, of S4D and of `found` in the complex plane, both axes in asinh
    scale.
    """
    nplr = _hippo(found)
    exact = np.diag(scipy.linalg.schur(nplr.A, output="complex")[0])
    normal = decompose.eigenbasis(nplr).Lambda
    return plane(
        ("HiPPO", exact, {"color": HIPPO, "size": 10}),
        ("S4D", normal, {"color": S4D, "size": 7, "symbol": "diamond"}),
        ("PTD", found.Lambda, {"color": PTD, "size": 7}),
    )


def plane(
    *spectra: tuple[str, np.ndarray, dict[str, object]],
    across: str = "Re λ  (1 / unit time)",
    along: str = "Im λ  (rad / unit time)",
) -> go.Figure:
    """Points of the complex plane under their names, each with its marker; both axes in asinh
    scale.
    """
    everything = np.concatenate([values for _, values, _ in spectra])
    x_axis, y_axis = asinh_axis(np.real(everything)), asinh_axis(np.imag(everything))
    figure = empty(across, along)
    figure.update_xaxes(tickvals=x_axis.positions, ticktext=x_axis.labels, zeroline=True)
    figure.update_yaxes(tickvals=y_axis.positions, ticktext=y_axis.labels, zeroline=True)
    x, y = (
        np.arcsinh(np.real(everything) / x_axis.unit),
        np.arcsinh(np.imag(everything) / y_axis.unit),
    )
    for update, drawn in ((figure.update_xaxes, x), (figure.update_yaxes, y)):
        if np.ptp(drawn) < 0.1:  # points in one line: their rounding is not to fill the picture
            update(range=[np.mean(drawn) - 1, np.mean(drawn) + 1])
    for name, values, marker in spectra:
        labels = [
            f"{value.real:.6g} {'-' if value.imag < 0 else '+'} {abs(value.imag):.6g} i"
            for value in values
        ]
        labels = [label.replace("-", "−") for label in labels]
        x, y = np.arcsinh(np.real(values) / x_axis.unit), np.arcsinh(np.imag(values) / y_axis.unit)
        hover = f"λ = %{{text}}<extra>{html.escape(name)}</extra>"
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            name=html.escape(name),
            text=labels,
            marker=marker,
            hovertemplate=hover,
        )
    return figure


def response(shown: Curves) -> go.Figure:
    """|x(iw)| of HiPPO, of S4D and of what was found, over w; both axes logarithmic."""
    figure = empty("ω  (rad / unit time)", "|x(iω)|")
    log_axes(
        figure, shown.w, np.concatenate([shown.hippo, shown.ptd, capped(shown.s4d, shown.hippo)])
    )
    curve(figure, "HiPPO", shown.w, shown.hippo, {"color": HIPPO, "width": 6})
    curve(figure, "S4D", shown.w, shown.s4d, {"color": S4D, "width": 1.5})
    curve(figure, "PTD", shown.w, shown.ptd, {"color": PTD, "width": 2})
    return figure


def deviation(shown: Curves, bound: float = math.inf) -> go.Figure:
    """|x~(iw) - x^(iw)| of S4D and of what was found, over w, with the bound proved for the latter if it is finite."""
    figure = empty("ω  (rad / unit time)", "|x̃(iω) − x̂(iω)|")
    sizes = np.concatenate([shown.ptd_error, capped(shown.s4d_error, shown.hippo)])
    log_axes(figure, shown.w, sizes[sizes >= 1e-5 * sizes.max()])
    curve(figure, "S4D", shown.w, shown.s4d_error, {"color": S4D, "width": 1.5})
    curve(figure, "PTD", shown.w, shown.ptd_error, {"color": PTD, "width": 2})
    if math.isfinite(bound):
        ends = shown.w[[0, -1]]
        curve(figure, "bound", ends, np.full(2, bound), {"color": PTD, "width": 2, "dash": "dash"})
    return figure


def frontier(rows: Sequence[Row]) -> go.Figure:
    """kappa(V) against transfer error for those of `rows` that have both.

    Beyond a million (unstable ones have an infinite error) or below a millionth, a row lies on the
    rim as a triangle.
    """
    rows = [row for row in rows if not math.isnan(row.condition + row.transfer_error)]
    condition = np.array([row.condition for row in rows])
    error = np.array([row.transfer_error for row in rows])
    right, below, above = condition > 1e6, error < 1e-6, error > 1e6
    wall, floor = (
        10 * np.max(condition[~right], initial=1.0),
        np.min(error[~below], initial=1.0) / 10,
    )
    ceiling = 10 * np.max(error[~above], initial=1.0)
    x, y = np.where(right, wall, condition), np.where(below, floor, np.where(above, ceiling, error))
    marks = np.array(
        [
            ["circle", "triangle-down", "triangle-up"],
            ["triangle-right", "triangle-se", "triangle-ne"],
        ]
    )
    symbols = marks[right.astype(int), below + 2 * above]
    figure = empty("κ₂(V)", "sup |x̃ − x̂|")
    log_axes(figure, np.concatenate([x, [3 * wall]]), y)
    figure.update_layout(showlegend=False, margin_t=32)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        text=[html.escape(row.name) for row in rows],
        textposition=_inwards(x**2 > wall, above),
        customdata=[[number(row.condition), number(row.transfer_error)] for row in rows],
        hovertemplate="κ = %{customdata[0]}<br>transfer error %{customdata[1]}<extra>%{text}</extra>",
        marker={"size": 11, "symbol": symbols, "color": [_colour(row.name) for row in rows]},
        cliponaxis=False,
    )
    return figure


def _inwards(left: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """Labels away from the ends of the axis; in turn above and below their marks on the upper rim,
    where they would collide.
    """
    height = np.where(rim, np.where(np.cumsum(rim) % 2, "top", "bottom"), "middle")
    return np.char.add(height, np.where(left, " left", " right"))


def robustness(sweeps: Sequence[Sweep]) -> go.Figure:
    """How far the state is from that of HiPPO under a sinusoid, over its frequency, the worst of
    each system marked.

    Systems of one family have one colour, and each its own dashes and mark. Left out is what would
    be no line on logarithmic axes: what is exact but for rounding, and what is unstable.
    """
    figure = empty("ω  (rad / unit time)", "|x̃(iω) − x̂(iω)|")
    figure.update_layout(margin_t=32)
    drawn = [sweep for sweep in sweeps if EXACT < sweep.worst_error < math.inf]
    drawn.sort(key=lambda sweep: _colour(sweep.name) == PTD)  # on top of the spikes
    if not drawn:
        return figure
    worst = np.array([sweep.worst_error for sweep in drawn])
    log_axes(
        figure,
        np.concatenate([sweep.frequencies for sweep in drawn]),
        np.append(worst, worst.min() / 10),
    )
    family: Counter[str] = Counter()
    for sweep in drawn:
        colour = _colour(sweep.name)
        shape = family[colour] % len(_DASHES)
        family[colour] += 1
        name = html.escape(sweep.name)
        seen = sweep.frequencies > 0  # a logarithmic axis has no 0
        line = {"color": colour, "width": 1.8, "dash": _DASHES[shape]}
        curve(figure, name, sweep.frequencies[seen], sweep.error[seen], line, legendgroup=name)
        figure.add_scatter(
            x=[max(sweep.worst_frequency, float(sweep.frequencies[seen].min(initial=math.inf)))],
            y=[sweep.worst_error],
            mode="markers",
            name=name,
            legendgroup=name,
            showlegend=False,
            customdata=[[number(sweep.worst_error), f"{sweep.worst_frequency:.6g}"]],
            hovertemplate=f"worst: %{{customdata[0]}} at ω = %{{customdata[1]}}<extra>{name}</extra>",
            marker={
                "size": 10,
                "color": colour,
                "symbol": _MARKS[shape],
                "line": {"color": "white", "width": 1},
            },
            cliponaxis=False,
        )
    return figure


def _colour(name: str) -> str:
    """Of the family of an initialization; what is neither S4D nor PTD is HiPPO in other
    coordinates.
    """
    return PTD if "ptd" in name else S4D if name.startswith("s4d") or name == "s5" else HIPPO


def _hippo(found: perturb.Diagonalization) -> forms.NPLR:
    if not isinstance(found.system, forms.NPLR):
        got = type(found.system).__name__
        raise TypeError(
            f"a report must be drawn of a perturbed NPLR system; got {got}. Perturb what ssmlinalg.hippo returns."
        )
    return found.system._replace(A=np.asarray(found.system.A))
