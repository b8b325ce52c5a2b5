"""The pages of a matrix of any origin, and of what its perturbation bought."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..ground import require
from ..ground.bounds import Bounds
from ..matrices import Profile, Pseudospectrum, flow_norms
from ..perturb import BuyingCurve, Diagonalization
from .axes import curve, empty
from .colours import FAINT, HIPPO, INK, PTD, S4D
from .figure_meanings import MEANINGS
from .html_page import Card, Section, certificate, check_words, page, table
from .notation import number

_SHOWN = 12  # eigenvalues in the table: the worst conditioned ones
_FAR = 5.0  # times the time of the largest growth: where its picture ends
_COLOURS = (PTD, S4D, HIPPO, INK, FAINT)

_ABOUT_SPECTRA = (
    "The colour at z is the size of the smallest E that makes z an eigenvalue of A + E. Where a "
    "dark colour reaches far from the dots, tiny errors move eigenvalues far. The dashed line is "
    "the numerical range, which holds them all."
)
_ABOUT_KAPPA = (
    "An error of size ε in A moves eigenvalue j by up to κⱼ ε. Of a normal matrix all are 1; what "
    "is missing is infinite for all that double precision can tell."
)
_ABOUT_GROWTH = (
    "The largest factor by which a state of x′ = A x grows by time t. The dotted line is what the "
    "eigenvalues alone would say; the dashed ones are the bounds of the peak."
)
_ABOUT_CURVES = (
    "What each perturbation buys: the condition of the eigenvectors of A + E over the size of E. "
    "Lower and further left is better. These are short searches."
)
_ABOUT_AFTER = "The pseudospectra of A + E: with a moderate κ(V) they are discs about the dots."


def pseudospectra(found: Profile) -> go.Figure:
    """The pseudospectra of a matrix as filled contours, eigenvalues and numerical range on top.

    Args:
        found: what `matrices.profile` returns.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for what is no `Profile`.

    Example:
        >>> from ssmlinalg.matrices import profile
        >>> drawn = pseudospectra(profile([[0, 1], [0, 0]], points=8))
        >>> [trace.name for trace in drawn.data]
        ['pseudospectra', 'eigenvalues', 'numerical range']
    """
    require.instance("found", found, Profile, "Take it from matrices.profile.")
    figure = _in_our_style(found.spectra)
    edge = np.append(found.field.boundary, found.field.boundary[:1])
    line = {"color": INK, "width": 1.2, "dash": "dash"}
    figure.add_scatter(x=edge.real, y=edge.imag, mode="lines", name="numerical range", line=line)
    return figure


def eigenvalue_conditions(found: Profile) -> go.Figure:
    """The condition numbers of the eigenvalues of a matrix, falling.

    Args:
        found: what `matrices.profile` returns.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for what is no `Profile`.

    Example:
        >>> from ssmlinalg.matrices import profile
        >>> len(eigenvalue_conditions(profile([[-1, 30], [0, -2]], points=8)).data)
        1
    """
    require.instance("found", found, Profile, "Take it from matrices.profile.")
    kappa = np.sort(found.eigen.condition)[::-1]
    shown = np.where(np.isfinite(kappa), kappa, np.nan)
    figure = empty("eigenvalue, the worst first", "κⱼ")
    marker = {"color": PTD, "size": 6}
    figure.add_scatter(x=np.arange(1, len(kappa) + 1), y=shown, mode="markers", marker=marker)
    figure.update_yaxes(type="log")
    return figure


def transient(found: Profile) -> go.Figure:
    """|e^{tA}| over time, what the eigenvalues alone would say, and the bounds of the peak.

    Args:
        found: what `matrices.profile` returns.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for what is no `Profile`.

    Example:
        >>> from ssmlinalg.matrices import profile
        >>> drawn = transient(profile([[-1, 30], [0, -2]], points=8))
        >>> [trace.name for trace in drawn.data]
        ['norm', 'eigenvalues', 'at least', 'at most']
    """
    require.instance("found", found, Profile, "Take it from matrices.profile.")
    time, norm = flow_norms(found.A, _horizon(found))
    figure = empty("t", "‖exp(t A)‖")
    spectral = np.exp(np.minimum(time * found.abscissa, 700))
    curve(figure, "norm", time, norm, {"color": PTD, "width": 2.5})
    curve(figure, "eigenvalues", time, spectral, {"color": FAINT, "width": 1.5, "dash": "dot"})
    for name, value in (("at least", found.growth.lower), ("at most", found.growth.upper)):
        if math.isfinite(value):
            line = {"color": S4D, "width": 1.2, "dash": "dash"}
            curve(figure, name, time[[0, -1]], np.full(2, value), line)
    figure.update_traces(hovertemplate="%{y:.4g} at t = %{x:.4g}<extra></extra>")
    figure.update_yaxes(type="log", exponentformat="power")
    return figure


def bought(curves: Sequence[BuyingCurve]) -> go.Figure:
    """kappa(V) over |E|/|A|, a curve for each perturbation; both axes logarithmic.

    Args:
        curves: what `perturb.buying_curves` returns.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for what is no list of `BuyingCurve`.

    Example:
        >>> from ssmlinalg import perturb
        >>> len(bought(perturb.buying_curves(np.eye(4, k=1))).data)
        4
    """
    require.listed("curves", curves, BuyingCurve, "Take them from perturb.buying_curves.")
    figure = empty("‖E‖ / ‖A‖", "κ(V)")
    for place, one in enumerate(curves):
        colour = _COLOURS[place % len(_COLOURS)]
        figure.add_scatter(
            x=one.size,
            y=one.condition,
            mode="lines+markers",
            name=one.method,
            line={"color": colour, "width": 2},
            hovertemplate="κ = %{y:.4g} at ‖E‖/‖A‖ = %{x:.3g}<extra>" + one.method + "</extra>",
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(type="log")
    return figure


def matrix(
    found: Profile, curves: Sequence[BuyingCurve], *, title: str, facts: Mapping[str, str]
) -> str:
    """The page of a matrix, as HTML text: figures, worst eigenvalues, pictures.

    Args:
        found: what `matrices.profile` returns.
        curves: what `perturb.buying_curves` returns.
        title: the title of the page.
        facts: what the table says besides: version, command.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for what is no `Profile`, no list of curves, and for words that are no text.

    Example:
        >>> from ssmlinalg.matrices import profile
        >>> "κ(V)" in matrix(profile([[-1, 30], [0, -2]], points=8), [], title="A", facts={})
        True
    """
    require.instance("found", found, Profile, "Take it from matrices.profile.")
    check_words(title, facts)
    drawn = bought(curves)
    cards = [
        Card("", certificate(figures_of(found), facts)),
        Card("The worst conditioned eigenvalues", table(_HEADS, _worst(found))),
    ]
    sections = [
        Section("Pseudospectra", pseudospectra(found), _ABOUT_SPECTRA),
        Section("Condition of the eigenvalues", eigenvalue_conditions(found), _ABOUT_KAPPA),
        Section("Growth and decay", transient(found), _ABOUT_GROWTH),
        Section("Perturbations", drawn, _ABOUT_CURVES),
    ]
    lead = f"A matrix of order {len(found.A)} with κ(V) = {number(found.condition)}."
    return page(title, lead, cards, sections)


_HEADS = ("λ", "κⱼ", "what it means")


def _worst(found: Profile) -> list[tuple[str, str, str]]:
    worst = np.argsort(-found.eigen.condition, kind="stable")[:_SHOWN]
    return [
        (
            complex_number(complex(found.eigen.Lambda[j])),
            number(float(found.eigen.condition[j])),
            _digits(float(found.eigen.condition[j])),
        )
        for j in worst
    ]


def _digits(kappa: float) -> str:
    if math.isinf(kappa):
        return "defective, or too near to tell"
    left = max(0, round(15.6 - math.log10(kappa)))
    return f"about {left} digits of ‖A‖ are left in double precision"


def complex_number(value: complex) -> str:
    """A complex number as people write it.

    Args:
        value: any complex number.

    Returns:
        Three digits of its parts.

    Example:
        >>> complex_number(1 - 2j), complex_number(3 + 0j)
        ('1 − 2 i', '3')
    """
    if value.imag == 0:
        return number(float(value.real))
    sign = "−" if value.imag < 0 else "+"
    return f"{number(float(value.real))} {sign} {number(abs(float(value.imag)))} i"


def figures_of(found: Profile) -> list[tuple[str, str, str]]:
    """The figures of a matrix: name, value, meaning.

    Args:
        found: what `matrices.profile` returns.

    Returns:
        A row for each figure.

    Raises:
        TypeError: for what is no `Profile`.

    Example:
        >>> from ssmlinalg.matrices import profile
        >>> figures_of(profile([[-1, 30], [0, -2]], points=8))[1][:2]
        ('κ(V)', '60')
    """
    require.instance("found", found, Profile, "Take it from matrices.profile.")
    worst = float(found.eigen.condition.max())
    rows = [
        ("N", str(len(found.A)), "order"),
        ("κ(V)", number(found.condition), "condition of the eigenvectors, each of length 1"),
        ("max κⱼ", number(worst), "of the worst eigenvalue: how far an error in A moves it"),
        ("residual", number(found.residual), "‖A V − V Λ‖ / ‖A‖ of the computed eigenvectors"),
        ("‖A‖", number(found.norm), "the largest singular value"),
        ("departure", number(found.departure.departure), "from normality, 0 of a normal matrix"),
        ("max Re λ", number(found.abscissa), "abscissa: negative where e^{tA} decays in the end"),
        ("ω", number(found.omega), "numerical abscissa: the rate at which e^{tA} can start"),
        ("Kreiss", *_sides(found.kreiss, "the growth that the pseudospectra foretell")),
        ("growth", *_sides(found.growth, "sup ‖e^{tA}‖, the largest before decay")),
    ]
    for eps, bounds in found.abscissas:
        meaning = f"abscissa of the pseudospectrum of ε = {number(eps)}"
        rows.append((f"ε = {number(eps / found.norm)} ‖A‖", *_sides(bounds, meaning)))
    return rows


def _sides(bounds: Bounds, meaning: str) -> tuple[str, str]:
    """A value to the digits that both bounds share, or both."""
    lower = number(bounds.lower)
    upper = number(bounds.upper)
    return (lower if lower == upper else f"{lower} to {upper}"), meaning


def _horizon(found: Profile) -> float:
    """A time by which the picture of the growth has been told."""
    at = found.growth.at
    if at is not None and math.isfinite(at) and at > 0:
        return _FAR * float(at)
    rate = max(abs(found.abscissa), abs(found.omega) / 64)
    return _FAR / rate if rate > 0 else 1.0


def _in_our_style(found: Pseudospectrum) -> go.Figure:
    """The pseudospectra with the fonts and axes of pages."""
    figure = empty("Re z", "Im z")
    drawn = found.figure()
    figure.add_traces(drawn.data)
    layout: Any = drawn.layout
    figure.update_xaxes(range=layout.xaxis.range, constrain="domain")
    figure.update_yaxes(range=layout.yaxis.range, scaleanchor="x", constrain="domain")
    return figure


def diagonalized_matrix(
    found: Diagonalization,
    before: Pseudospectrum,
    after: Pseudospectrum,
    *,
    title: str,
    facts: Mapping[str, str],
) -> str:
    """The page of a perturbed and diagonalized matrix, as HTML text: certificate and pictures.

    Args:
        found: the diagonalization of a matrix.
        before: what `matrices.pseudospectrum` returns of A.
        after: the same of A + E.
        title: the title of the page.
        facts: what the table says besides: version, command.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for what is no `Diagonalization` and no `Pseudospectrum`, and for words that are
            no text.

    Example:
        >>> from ssmlinalg import matrices, perturb
        >>> d = perturb.gaussian(np.eye(4, k=1), size=1e-2)
        >>> seen = [matrices.pseudospectrum(M, points=8) for M in (d.A, d.A + d.E)]
        >>> "κ₂(V)" in diagonalized_matrix(d, *seen, title="Jordan", facts={})
        True
    """
    require.instance("found", found, Diagonalization, "Take it from ssmlinalg.perturb.")
    for name, spectra in (("before", before), ("after", after)):
        require.instance(name, spectra, Pseudospectrum, "Take it from matrices.pseudospectrum.")
    check_words(title, facts)
    names = {
        "κ₂(V)": "condition",
        "‖E‖₂ / ‖A‖₂": "backward_error",
        "max Re λ": "abscissa",
        "Σ κⱼ": "scaled_condition",
        "residual": "residual",
        "factors": "factorization_error",
    }
    rows = [(sign, number(getattr(found, name)), MEANINGS[name]) for sign, name in names.items()]
    rows.append(("N", str(found.order), MEANINGS["order"]))
    every = {"perturbation": found.method} | dict(facts)
    sections = [
        Section("Before: A", _in_our_style(before), _ABOUT_SPECTRA.rpartition(" The dashed")[0]),
        Section("After: A + E", _in_our_style(after), _ABOUT_AFTER),
    ]
    size = number(found.backward_error)
    lead = f"κ(V) = {number(found.condition)} for a perturbation of {size} ‖A‖."
    return page(title, lead, [Card("", certificate(rows, every))], sections)
