"""Pictures of a perturbation, as plotly figures for pages and notebooks."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import scipy.linalg

from .. import _shifted, decompose, forms, kernels, perturb
from ..analysis.compare import Row
from ._axes import asinh_axis, capped, curve, empty, log_axes
from ._style import FAINT, HIPPO, PTD, S4D, number

LENGTH = 1024  # samples of the kernels drawn: a memory of one unit of time at the smallest customary step, 1e-3


class Curves(NamedTuple):
    """Sizes of states over S frequencies, each (S,): w rising and positive, |x(iw)| of three systems, |x~ - x^| of two."""

    w: np.ndarray
    hippo: np.ndarray
    s4d: np.ndarray
    ptd: np.ndarray
    s4d_error: np.ndarray
    ptd_error: np.ndarray


def curves(found: perturb.Diagonalization) -> Curves:
    """The state x(iw) of HiPPO, of S4D and of `found`, measured where their poles make it vary.

    HiPPO by its Schur form, backward stable however ill-conditioned its eigenvectors; the others by partial fractions.
    Frequencies closer to a pole than 1e-12 of the largest are left out, so every value is finite. Cost O(N^2 S).

    >>> from ssmlinalg import hippo
    >>> seen = curves(perturb.lossless(hippo.legs(64)))
    >>> bool(np.allclose(seen.hippo, 64 / np.hypot(seen.w, 64)))
    True
    """
    A, B, _ = nplr = _hippo(found)
    normal = decompose.eigenbasis(nplr)
    T, Q = _shifted.triangular(A)
    w = _frequencies(np.diag(T), normal.Lambda, found.Lambda)
    driven = np.repeat((Q.conj().T @ B)[:, None], len(w), axis=1)
    exact = Q @ _shifted.solve(T, driven, 1j * w)
    s4d = normal.V @ (normal.V.conj().T @ B / 2 / (1j * w[:, None] - normal.Lambda)).T
    ours = found.V @ (found.B / (1j * w[:, None] - found.Lambda)).T
    states = (exact, s4d, ours, s4d - exact, ours - exact)
    return Curves(w, *(np.linalg.norm(state, axis=0) for state in states))


def spectrum(found: perturb.Diagonalization) -> go.Figure:
    """Eigenvalues of HiPPO, of S4D and of `found` in the complex plane, both axes in asinh scale."""
    nplr = _hippo(found)
    exact = np.diag(scipy.linalg.schur(nplr.A, output="complex")[0])
    normal = decompose.eigenbasis(nplr).Lambda
    everything = np.concatenate([exact, normal, found.Lambda])
    across, along = asinh_axis(np.real(everything)), asinh_axis(np.imag(everything))
    figure = empty("Re λ  (1 / unit time)", "Im λ  (rad / unit time)")
    figure.update_xaxes(tickvals=across.positions, ticktext=across.labels, zeroline=True)
    figure.update_yaxes(tickvals=along.positions, ticktext=along.labels, zeroline=True)
    for name, values, marker in (
        ("HiPPO", exact, {"color": HIPPO, "size": 10}),
        ("S4D", normal, {"color": S4D, "size": 7, "symbol": "diamond"}),
        ("PTD", found.Lambda, {"color": PTD, "size": 7}),
    ):
        labels = [f"{value.real:.6g} {'-' if value.imag < 0 else '+'} {abs(value.imag):.6g} i" for value in values]
        labels = [label.replace("-", "−") for label in labels]
        x, y = np.arcsinh(np.real(values) / across.unit), np.arcsinh(np.imag(values) / along.unit)
        hover = f"λ = %{{text}}<extra>{name}</extra>"
        figure.add_scatter(x=x, y=y, mode="markers", name=name, text=labels, marker=marker, hovertemplate=hover)
    return figure


def response(shown: Curves) -> go.Figure:
    """|x(iw)| of HiPPO, of S4D and of what was found, over w; both axes logarithmic."""
    figure = empty("ω  (rad / unit time)", "|x(iω)|")
    log_axes(figure, shown.w, np.concatenate([shown.hippo, shown.ptd, capped(shown.s4d, shown.hippo)]))
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


def impulse(form: forms.Paired) -> go.Figure:
    """The kernels of at most four channels of a model on the host, from the smallest step to the largest."""
    form = forms.check(form)
    lead = np.broadcast_shapes(form.D.shape, form.step.shape, *(modes.shape[:-1] for modes in (form.A, form.B, form.C)))
    step = np.broadcast_to(form.step, lead).ravel()
    chosen = np.argsort(step, kind="stable")[np.unique(np.linspace(0, len(step) - 1, 4).round().astype(int))]
    n = form.A.shape[-1]
    A, B, C = (np.broadcast_to(array, (*lead, n)).reshape(-1, n)[chosen] for array in (form.A, form.B, form.C))
    few = forms.Paired(A, B, C, np.broadcast_to(form.D, lead).ravel()[chosen], step[chosen])
    figure = empty("sample", "").set_subplots(rows=len(chosen), cols=1, shared_xaxes=True, vertical_spacing=0.07)
    figure.update_layout(showlegend=False, margin_t=32)
    figure.update_xaxes(type="log", dtick=1, title="").update_yaxes(nticks=4, title="K")
    figure.update_xaxes(title="sample", row=len(chosen))
    samples, line = np.arange(1, LENGTH + 1), {"color": PTD, "width": 1.5}
    for row, (channel, K) in enumerate(zip(chosen, kernels.kernel(few, LENGTH), strict=True), 1):
        name = f"step {number(float(step[channel]))}"
        hover = f"%{{y:.4g}} at sample %{{x}}<extra>channel {channel}, {name}</extra>"
        figure.add_scatter(x=samples, y=K, mode="lines", name=name, line=line, hovertemplate=hover, row=row, col=1)
        above = {"xref": "x domain", "yref": "y domain", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(text=name, showarrow=False, font={"size": 12, "color": FAINT}, row=row, col=1, **above)
    return figure


def frontier(rows: Sequence[Row]) -> go.Figure:
    """kappa(V) against transfer error for `rows` in which neither is NaN.

    Beyond a million or below a millionth, exact ones included, a row lies on the rim of the picture as a triangle.
    """
    condition = np.array([row.condition for row in rows])
    error = np.array([row.transfer_error for row in rows])
    right, below = condition > 1e6, error < 1e-6
    wall, floor = 10 * np.max(condition[~right], initial=1.0), np.min(error[~below], initial=1.0) / 10
    x, y = np.where(right, wall, condition), np.where(below, floor, error)
    symbols = np.array([["circle", "triangle-down"], ["triangle-right", "triangle-se"]])[right.astype(int), below.astype(int)]
    # What is neither S4D nor PTD and still has a place here is HiPPO in other coordinates.
    colours = [S4D if row.name.startswith("s4d") else PTD if "ptd" in row.name else HIPPO for row in rows]
    figure = empty("κ₂(V)", "sup |x̃ − x̂|")
    log_axes(figure, np.concatenate([x, [3 * wall]]), y)
    figure.update_layout(showlegend=False, margin_t=32)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        text=[html.escape(row.name) for row in rows],
        textposition=np.where(right, "middle left", "middle right"),
        customdata=[[number(row.condition), number(row.transfer_error)] for row in rows],
        hovertemplate="κ = %{customdata[0]}<br>transfer error %{customdata[1]}<extra>%{text}</extra>",
        marker={"size": 11, "symbol": symbols, "color": colours},
        cliponaxis=False,
    )
    return figure


def _frequencies(*spectra: np.ndarray) -> np.ndarray:
    """A logarithmic grid past both ends of all spectra, and on every pole of the later ones a cluster as wide as it is deep."""
    poles = np.concatenate(spectra)
    size = np.abs(poles)
    size = size[size > 1e-9 * size.max()]
    low, high = (size.min() / 8, 8 * size.max()) if len(size) else (0.1, 10.0)
    sharp = np.concatenate(spectra[1:])
    depth, height = np.abs(np.real(sharp)), np.abs(np.imag(sharp))
    depth = np.maximum(depth, 1e-4 * height)  # undamped poles have no width of their own
    near = height[:, None] + depth[:, None] * np.tan(np.linspace(-1.5, 1.5, 15))
    w = np.unique(np.concatenate([np.geomspace(low, high, 800), near[(near > low) & (near < high)]]))
    # Conjugates put their clusters on the same frequencies but for the last digit.
    w = w[np.concatenate([[True], np.diff(w) > 1e-12 * w[1:]])]
    distance = np.min(np.abs(1j * w - poles[:, None]), axis=0)
    return w[distance > 1e-12 * high]


def _hippo(found: perturb.Diagonalization) -> forms.NPLR:
    if not isinstance(found.system, forms.NPLR):
        got = type(found.system).__name__
        raise TypeError(f"a report must be drawn of a perturbed NPLR system; got {got}. Perturb what ssmlinalg.hippo returns.")
    return found.system._replace(A=np.asarray(found.system.A))
