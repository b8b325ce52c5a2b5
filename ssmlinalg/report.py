"""What a perturbation did, on one page to look at before reading: self-contained HTML that opens anywhere, offline.

`ptd` certifies one perturbed-then-diagonalized model, `comparison` sets several initializations side by side; both return the
text of a page with plotly.js inside. The pictures on it are functions of their own, for notebooks: `spectrum`, `response`,
`deviation`, `impulse` and `frontier` return plotly figures. One colour for each system throughout: grey is HiPPO, orange is
S4D (the normal part with half the input), blue is what was found. Needs plotly, which the extra `cli` installs.
"""

from __future__ import annotations

import decimal
import html
import importlib.util
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

try:
    import plotly.graph_objects as go
    import plotly.io
    import plotly.offline
except ImportError as missing:
    raise ImportError(f"a report is drawn with plotly; got {missing}. Install it: pip install 'ssmlinalg[cli]'.") from missing

from . import _shifted, decompose, eigen, forms, kernels, perturb
from .analysis.compare import Row

HIPPO, S4D, PTD = "#98a2ae", "#d9601a", "#0f6cbd"
_INK, _FAINT, _GRID = "#1d2733", "#5d6975", "#e8ebef"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_LENGTH = 1024  # samples of the kernels drawn: a memory of one unit of time at the smallest customary step, 1e-3

_ENCLOSED = 64  # order up to which the spectrum is enclosed where python-flint is installed: a tenth of a second

_ABOUT_SPECTRUM = "PTD leaves the vertical line of S4D, on which all modes decay alike. Both axes are logarithmic away from 0."
_ABOUT_RESPONSE = "The largest |G(iω)| that a readout of norm 1 can see; blue should lie on grey."
_ABOUT_BOUND = "What is proved is the dashed line, and the blue curve never rises above it."
_ABOUT_NO_BOUND = "How far blue and orange are from grey in the picture above; no bound is known for this system."
_ABOUT_KERNELS = (
    f"The first {_LENGTH} samples of what the model convolves its input with, under a zero-order hold. "
    "The smaller the step, the longer a channel remembers."
)
_ABOUT_FRONTIER = "Left is better conditioned, down is nearer to HiPPO. Triangles lie far outside, in the direction they point."


class Curves(NamedTuple):
    """Sizes of states over S frequencies, each (S,): w rising and positive, |x(iw)| of three systems, |x~ - x^| of two."""

    w: np.ndarray
    hippo: np.ndarray
    s4d: np.ndarray
    ptd: np.ndarray
    s4d_error: np.ndarray
    ptd_error: np.ndarray


def ptd(found: perturb.Diagonalization, form: forms.Paired, *, title: str, facts: Mapping[str, str]) -> str:
    """The page that certifies `found` and shows `form`, the model built from it, as HTML text.

    A table of the numbers and the `facts` (version, seed, command ...), then the spectrum, the size of the state over
    frequency, its deviation from HiPPO with the bound, and the kernels of a few channels. Cost O(N^3 + N^2 S) for S of about
    800 + 15 N frequencies, seconds at N = 256; about 5 MB of text, nearly all of it plotly.js. Raises ValueError for a model
    that outgrows its precision within the samples drawn.

    >>> from ssmlinalg import hippo
    >>> found = perturb.lossless(hippo.legs(8))
    >>> page = ptd(found, found.paired(np.eye(8)), title="S4-PTD, order 8", facts={"seed": "0"})
    >>> page.startswith("<!DOCTYPE html>")
    True
    """
    shown = curves(found)
    error, proved = _number(found.transfer_error), math.isfinite(found.transfer_bound)
    bound = _number(_not_below(found.transfer_bound)) if proved else "none"
    within = f"Provably within {bound}" if proved else f"By measurement within {error}"
    certificate = [
        ("κ₂(V)", _number(found.condition), "condition number of the eigenbasis: by how much it can magnify rounding"),
        ("sup |x̃ − x̂|", error, "transfer error: the largest deviation of the state, over all frequencies"),
        ("bound", bound, "proved: the transfer error is no larger" if proved else "nothing is proved of this system"),
        ("‖E‖₂ / ‖A‖₂", _number(found.backward_error), "backward error: the perturbation beside the matrix"),
        ("max Re λ", _number(found.abscissa), _stability(found.proved_abscissa)),
        (
            "Σ κⱼ",
            _number(found.scaled_condition),
            "condition numbers of the eigenvalues: the best scaling of V has κ₂ below it",
        ),
        ("residual", _number(found.residual), "‖(A + E) V − V Λ‖ / ‖A‖, of the size of rounding"),
        ("N", str(len(found.Lambda)), "order of the state"),
    ]
    if len(found.Lambda) <= _ENCLOSED and importlib.util.find_spec("flint"):
        radius = float(eigen.enclose(found.A + found.E).radius.max())
        certificate.insert(
            5, ("enclosed", _number(radius), "proved by FLINT: a disc of this radius or less about each eigenvalue")
        )
    if isinstance(found, perturb.Lossless):
        certificate.insert(5, ("τ", _number(found.tau), "size of the perturbation, from 0 (HiPPO) to 1 (S4D)"))
    facts = {"perturbation": found.method} | {name: _number(value) for name, value in found.facts.items()} | dict(facts)
    sections = [
        ("Spectrum", spectrum(found), _ABOUT_SPECTRUM),
        ("Size of the state at each frequency", response(shown), f"{_ABOUT_RESPONSE} {_spikes(found, shown)}"),
        ("Deviation from HiPPO", deviation(shown, found.transfer_bound), _ABOUT_BOUND if proved else _ABOUT_NO_BOUND),
        ("Kernels", impulse(form), _ABOUT_KERNELS),
    ]
    lead = f"{within} of the HiPPO state at every frequency, with κ(V) = {_number(found.condition)}."
    return _page(title, lead, _certificate(certificate, facts), sections)


def comparison(rows: Sequence[Row], *, title: str) -> str:
    """The page that sets the `rows` of `analysis.compare` side by side, as HTML text: conditioning against transfer error, and
    every number in a table, where a dash stands for what does not apply.

    Raises ValueError when there are no rows.

    >>> page = comparison([Row("ptd", 8.0, 0.17, 0.064, -0.57, 612.0, 32)], title="Order 64")
    >>> "0.064" in page
    True
    """
    if not rows:
        raise ValueError("`rows` must hold at least one initialization; got none. Pass the result of analysis.compare.")
    placed = [row for row in rows if not math.isnan(row.condition + row.transfer_error)]
    sections = [("Conditioning against transfer error", frontier(placed), _ABOUT_FRONTIER)] if placed else []
    return _page(title, "Every initialization of one order, against HiPPO.", _comparison(rows), sections)


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
    across, along = _asinh_axis(np.real(everything)), _asinh_axis(np.imag(everything))
    figure = _figure("Re λ  (1 / unit time)", "Im λ  (rad / unit time)")
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
    figure = _figure("ω  (rad / unit time)", "|x(iω)|")
    _log_axes(figure, shown.w, np.concatenate([shown.hippo, shown.ptd, _capped(shown.s4d, shown.hippo)]))
    _curve(figure, "HiPPO", shown.w, shown.hippo, {"color": HIPPO, "width": 6})
    _curve(figure, "S4D", shown.w, shown.s4d, {"color": S4D, "width": 1.5})
    _curve(figure, "PTD", shown.w, shown.ptd, {"color": PTD, "width": 2})
    return figure


def deviation(shown: Curves, bound: float = math.inf) -> go.Figure:
    """|x~(iw) - x^(iw)| of S4D and of what was found, over w, with the bound proved for the latter if it is finite."""
    figure = _figure("ω  (rad / unit time)", "|x̃(iω) − x̂(iω)|")
    sizes = np.concatenate([shown.ptd_error, _capped(shown.s4d_error, shown.hippo)])
    _log_axes(figure, shown.w, sizes[sizes >= 1e-5 * sizes.max()])
    _curve(figure, "S4D", shown.w, shown.s4d_error, {"color": S4D, "width": 1.5})
    _curve(figure, "PTD", shown.w, shown.ptd_error, {"color": PTD, "width": 2})
    if math.isfinite(bound):
        ends = shown.w[[0, -1]]
        _curve(figure, "bound", ends, np.full(2, bound), {"color": PTD, "width": 2, "dash": "dash"})
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
    figure = _figure("sample", "").set_subplots(rows=len(chosen), cols=1, shared_xaxes=True, vertical_spacing=0.07)
    figure.update_layout(showlegend=False, margin_t=32)
    figure.update_xaxes(type="log", dtick=1, title="").update_yaxes(nticks=4, title="K")
    figure.update_xaxes(title="sample", row=len(chosen))
    samples, line = np.arange(1, _LENGTH + 1), {"color": PTD, "width": 1.5}
    for row, (channel, K) in enumerate(zip(chosen, kernels.kernel(few, _LENGTH), strict=True), 1):
        name = f"step {_number(float(step[channel]))}"
        hover = f"%{{y:.4g}} at sample %{{x}}<extra>channel {channel}, {name}</extra>"
        figure.add_scatter(x=samples, y=K, mode="lines", name=name, line=line, hovertemplate=hover, row=row, col=1)
        above = {"xref": "x domain", "yref": "y domain", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(text=name, showarrow=False, font={"size": 12, "color": _FAINT}, row=row, col=1, **above)
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
    figure = _figure("κ₂(V)", "sup |x̃ − x̂|")
    _log_axes(figure, np.concatenate([x, [3 * wall]]), y)
    figure.update_layout(showlegend=False, margin_t=32)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        text=[html.escape(row.name) for row in rows],
        textposition=np.where(right, "middle left", "middle right"),
        customdata=[[_number(row.condition), _number(row.transfer_error)] for row in rows],
        hovertemplate="κ = %{customdata[0]}<br>transfer error %{customdata[1]}<extra>%{text}</extra>",
        marker={"size": 11, "symbol": symbols, "color": colours},
        cliponaxis=False,
    )
    return figure


class _Scale(NamedTuple):
    unit: float
    positions: np.ndarray
    labels: list[str]


def _asinh_axis(values: np.ndarray) -> _Scale:
    """Linear up to the smallest size that is not a rounded zero, logarithmic beyond; ticks at round numbers, a ninth apart."""
    size = np.abs(values)
    real = size[size > 1e-9 * size.max()]
    unit, top = (float(real.min()), float(real.max())) if len(real) else (1.0, 1.0)
    steps = (1.0,) if top > 30 * unit else (5.0, 2.0, 1.0)
    decades = 10.0 ** np.arange(math.floor(math.log10(top)), math.floor(math.log10(unit)) - 1, -1)
    apart = np.ptp(np.arcsinh(values / unit)) / 9
    kept = [math.inf]
    for tick in np.outer(decades, steps).ravel():
        if tick <= top and min(math.asinh(kept[-1] / unit) - math.asinh(tick / unit), math.asinh(tick / unit)) >= apart:
            kept.append(float(tick))
    ticks = np.array([*(-tick for tick in kept[1:]), 0.0, *kept[:0:-1]])
    ticks = ticks[(ticks >= min(values.min(), 0.0)) & (ticks <= max(values.max(), 0.0))]
    return _Scale(unit, np.arcsinh(ticks / unit), [_number(tick) for tick in ticks])


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


def _spikes(found: perturb.Diagonalization, shown: Curves) -> str:
    A, B, P = _hippo(found)
    if abs(np.trace(A + P @ P.T)) <= 1e-9 * len(B) * np.linalg.norm(A):
        return "The modes of S4D are undamped here, and its spikes without end."
    worst = int(np.argmax(shown.s4d_error))
    there, s4d, hippo = (_number(float(values[worst])) for values in (shown.w, shown.s4d, shown.hippo))
    return f"S4D is furthest off at ω = {there}, with {s4d} instead of {hippo}."


def _hippo(found: perturb.Diagonalization) -> forms.NPLR:
    if not isinstance(found.system, forms.NPLR):
        got = type(found.system).__name__
        raise TypeError(f"a report must be drawn of a perturbed NPLR system; got {got}. Perturb what ssmlinalg.hippo returns.")
    return found.system._replace(A=np.asarray(found.system.A))


def _stability(proved: float) -> str:
    """What is proved of the abscissa: the bound rounded up, for it must not become less true."""
    if math.isinf(proved):
        return "abscissa: the slowest decay; stable below 0"
    bound = float(decimal.Context(prec=3, rounding=decimal.ROUND_CEILING).create_decimal_from_float(proved))
    return f"abscissa: the slowest decay; proved: Re λ ≤ {_number(bound)} for every eigenvalue of A + E"


def _figure(across: str, along: str) -> go.Figure:
    axis = {"gridcolor": _GRID, "zerolinecolor": "#c8ced6", "zeroline": False, "linecolor": "#c8ced6", "ticks": "outside"}
    axis |= {"tickcolor": "#c8ced6", "automargin": True, "exponentformat": "power"}
    return go.Figure(
        layout={
            "template": {"layout": {"xaxis": axis, "yaxis": axis}},
            "font": {"family": _FONT, "size": 13, "color": _INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": {"title": {"text": across}},
            "yaxis": {"title": {"text": along}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "hoverlabel": {"font": {"family": _FONT}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#b4bcc6", "activecolor": _FAINT},
        }
    )


def _curve(figure: go.Figure, name: str, x: np.ndarray, y: np.ndarray, line: Mapping[str, Any]) -> None:
    hover = "%{y:.4g} at ω = %{x:.4g}<extra>" + name + "</extra>"
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line=line, hovertemplate=hover)


def _log_axes(figure: go.Figure, x: np.ndarray, y: np.ndarray) -> None:
    """Logarithmic axes over the positive values of x and y with a little air, and a tick for each decade if they are many."""
    for update, (low, high) in ((figure.update_xaxes, _decades(x)), (figure.update_yaxes, _decades(y))):
        update(type="log", range=[low, high], dtick=max(1, round((high - low) / 8)) if high - low > 1.5 else "D2")


def _decades(values: np.ndarray) -> tuple[float, float]:
    exponents = np.log10(values[values > 0])
    if len(exponents) == 0:
        return -1.0, 1.0
    low, high = float(exponents.min()), float(exponents.max())
    air = 0.05 * (high - low) + 0.02
    return low - air, high + air


def _capped(spikes: np.ndarray, calm: np.ndarray) -> np.ndarray:
    """Undamped modes have spikes of any height: what is shown of them ends two decades above the calm curve."""
    return np.minimum(spikes, 100 * calm.max())


def _number(value: float) -> str:
    """Three digits, as people write them; a dash for what does not apply."""
    if math.isnan(value):
        return "–"
    if math.isinf(value) or value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.3g}') + 0.0:.10g}".replace("-", "−").replace("inf", "∞")
    mantissa, exponent = f"{value:.2e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{float(mantissa):g}·10{raised}".replace("-", "−")


def _not_below(value: float) -> float:
    """The least number of three digits that is no smaller: a bound must not be rounded down."""
    return float(decimal.Context(prec=3, rounding=decimal.ROUND_CEILING).create_decimal_from_float(value))


def _certificate(numbers: Sequence[tuple[str, str, str]], facts: Mapping[str, str]) -> str:
    rows = [
        f'<tr><th scope="row">{name}</th><td class="number">{value}</td><td class="gloss">{gloss}</td></tr>'
        for name, value, gloss in numbers
    ]
    rows += [
        f'<tr><th scope="row">{html.escape(name)}</th><td colspan="2">{html.escape(value)}</td></tr>'
        for name, value in facts.items()
    ]
    return f'<table class="certificate">{"".join(rows)}</table>'


def _comparison(rows: Sequence[Row]) -> str:
    heads = ("", "κ₂(V)", "‖E‖₂ / ‖A‖₂", "sup |x̃ − x̂|", "max Re λ", "max |Im λ|", "modes")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{html.escape(row.name)}</th>'
        + "".join(f"<td>{_number(value)}</td>" for value in row[1:-1])
        + f"<td>{row.modes}</td></tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _page(title: str, lead: str, table: str, sections: Sequence[tuple[str, go.Figure, str]]) -> str:
    drawn = "".join(
        f"<section><h2>{heading}</h2><p>{text}</p>{_drawing(figure, f'figure-{number}')}</section>"
        for number, (heading, figure, text) in enumerate(sections, 1)
    )
    return _TEMPLATE.format(
        title=html.escape(title), style=_STYLE, plotly=plotly.offline.get_plotlyjs(), lead=lead, table=table, sections=drawn
    )


def _drawing(figure: go.Figure, name: str) -> str:
    return plotly.io.to_html(
        figure,
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        default_height="26rem",
        config={"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]},
    )


_STYLE = (
    f":root{{color-scheme:light}}body{{margin:0;background:#f5f6f8;color:{_INK};font:16px/1.5 {_FONT}}}"
    "main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}"
    "h1{font-size:1.6rem;line-height:1.25;margin:0 0 .3rem;font-weight:650}h2{font-size:1.1rem;margin:0;font-weight:650}"
    f".lead{{color:{_FAINT};margin:0 0 1.5rem;font-size:1.05rem}}section p{{color:{_FAINT};margin:.2rem 0 1rem}}"
    "section,.card{background:#fff;border:1px solid #e3e6ea;border-radius:12px;padding:1.2rem;margin:0 0 1.2rem}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    f"th,td{{text-align:left;padding:.4rem 1rem .4rem 0;border-top:1px solid {_GRID};vertical-align:baseline;font-weight:400}}"
    "tr:first-child>*{border-top:0}tbody tr:first-child>*{border-top:1px solid #c8ced6}"
    f"th{{white-space:nowrap}}thead th{{color:{_FAINT};font-size:.9rem}}"
    ".wide{overflow-x:auto}.wide td{white-space:nowrap}"
    ".certificate th,.number{width:1%}.certificate tr:first-child>*{border-top:0}.certificate td{overflow-wrap:anywhere}"
    f".certificate .number{{font-weight:650;white-space:nowrap;padding-right:2rem}}.gloss{{color:{_FAINT}}}"
    "@media(max-width:40rem){main{padding:1.2rem .6rem 3rem}section,.card{padding:.9rem}"
    f".certificate tr{{display:grid;grid-template-columns:7rem 1fr;padding:.4rem 0;border-top:1px solid {_GRID}}}"
    ".certificate tr:first-child{border-top:0}.certificate tr>*{border:0;padding:0;width:auto}"
    ".certificate .gloss{grid-column:1/-1;font-size:.9rem}}"
    "@media(pointer:coarse),(max-width:40rem){.modebar{display:none}}"
)
# A finger on a picture scrolls the page and shows values; zooming is for those with a mouse.
_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<script>{plotly}</script>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="lead">{lead}</p>
<div class="card">{table}</div>
{sections}
</main>
<script>
if (matchMedia("(pointer: coarse)").matches)
  for (const figure of document.querySelectorAll(".plotly-graph-div")) Plotly.relayout(figure, {{dragmode: false}});
</script>
</body>
</html>
"""
