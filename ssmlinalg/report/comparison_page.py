"""The page that sets all initializations of one order side by side."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence

from ..comparison import Row, Sweep
from ..ground import require
from ..inits import INITS
from ..perturb import PERTURBATIONS
from .comparison_pictures import EXACT, frontier, robustness
from .figure_meanings import MEANINGS
from .html_page import Card, Section, check_words, page, table
from .notation import number

_HEADS = (
    "",
    "κ₂(V)",
    "‖E‖₂ / ‖A‖₂",
    "sup |x̃ − x̂|",
    "max Re λ",
    "max |Im λ|",
    "modes",
    "what it is",
)
_COLUMNS = {
    "κ₂(V)": "condition of the eigenbasis: by how much it can magnify rounding",
    "‖E‖₂ / ‖A‖₂": "the perturbation beside the matrix",
    "sup |x̃ − x̂|": MEANINGS["transfer_error"],
    "max Re λ": "the slowest decay; stable below 0",
    "max |Im λ|": "the highest frequency, in radians per unit of time",
    "modes": "how many are stored; half of a spectrum of conjugates",
    "–": "does not apply: the model is no approximation of HiPPO-LegS with a state of its own",
}
_SWEEP_HEADS = ("", "worst ω", "|x̃ − x̂| there", "what is measured")
_HIPPO = "HiPPO-LegS itself, diagonalized exactly: no computer holds so large a κ₂(V)."
_S4 = "Not diagonal: κ₂(V) is that of Λ, and P, which it has besides, makes it exact."
_DRAWN = "Its input is drawn: no error of one state, and in the second table a mean."
_FRONTIER = "Conditioning against transfer error"
_ROBUSTNESS = "Robustness to Fourier modes"
_ABOUT_FRONTIER = (
    "Of diagonal models: left is better conditioned, down is nearer to HiPPO. "
    "Triangles lie far outside, in the direction they point. Hollow is s4, which is not diagonal: "
    "it is exact by a correction of low rank, at a cost in every step."
)
_ABOUT_ROBUSTNESS = (
    "How far the state of each is from that of HiPPO when the input is a sinusoid of frequency ω "
    "and amplitude 1. The marks are the worst frequencies."
)


def comparison(rows: Sequence[Row], sweeps: Sequence[Sweep] = (), *, title: str) -> str:
    """The page that sets initializations side by side, as HTML text.

    Conditioning against transfer error, and every figure in a table, where a dash stands for what
    does not apply. With `sweeps`, also the distance of each from HiPPO under a sinusoid.

    Args:
        rows: what `comparison.compare` returns.
        sweeps: what `comparison.fourier_sweep` returns.
        title: the title of the page.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for rows and sweeps of another type, and a title that is no text.
        ValueError: if there are no rows.

    Example:
        >>> page = comparison([Row("ptd", 8.0, 0.17, 0.064, -0.57, 612.0, 32)], title="Order 64")
        >>> "0.064" in page
        True
    """
    check_words(title, {})
    require.listed("rows", rows, Row, "Take them from comparison.compare.")
    require.listed("sweeps", sweeps, Sweep, "Take them from comparison.fourier_sweep.")
    if not rows:
        rule = "`rows` must hold at least one initialization"
        raise ValueError(f"{rule}; got none. Pass the result of comparison.compare.")
    cards = [Card("", table(_HEADS, map(_cells, rows), _COLUMNS))]
    sections = []
    if any(not math.isnan(row.condition + row.transfer_error) for row in rows):
        sections.append(Section(_FRONTIER, frontier(rows), _ABOUT_FRONTIER))
    if sweeps:
        cards.append(Card(_ROBUSTNESS, table(_SWEEP_HEADS, map(_worst, sweeps))))
        about = _ABOUT_ROBUSTNESS + _left_out(sweeps)
        sections.append(Section(_ROBUSTNESS, robustness(sweeps), about))
    return page(title, "Every initialization of one order, against HiPPO.", cards, sections)


def _cells(row: Row) -> tuple[str, ...]:
    return (row.name, *map(number, row[1:-1]), str(row.modes), _about(row.name))


def _about(name: str) -> str:
    """The initialization or perturbation in words, and what is to be known of its figures."""
    known = INITS | {f"ptd-{name}": make for name, make in PERTURBATIONS.items()}
    summary = (inspect.getdoc(known[name]) or "").partition("\n")[0] if name in known else ""
    more = {"hippo-legs": _HIPPO, "s4": _S4, "s5": _DRAWN, "s5-ptd": _DRAWN}.get(name, "")
    return f"{summary} {more}".replace("`", "").strip()


def _worst(sweep: Sweep) -> tuple[str, ...]:
    measured = "the largest error of the state"
    if sweep.name.startswith("s5"):
        measured = "root mean square over the input, which is drawn with variance 1/N"
    elif math.isinf(sweep.worst_error):
        measured = "unstable: no steady state; ω of the mode that grows most"
    elif sweep.worst_error <= EXACT:
        measured = "exact but for rounding"
    return (sweep.name, f"{sweep.worst_frequency:.6g}", number(sweep.worst_error), measured)


def _left_out(sweeps: Sequence[Sweep]) -> str:
    """The names of the systems that are not drawn, and why."""
    exact = [sweep.name for sweep in sweeps if sweep.worst_error <= EXACT]
    unstable = [sweep.name for sweep in sweeps if math.isinf(sweep.worst_error)]
    reasons = {"Exact but for rounding": exact, "Unstable": unstable}
    return "".join(
        f" {why} and not drawn: {', '.join(names)}." for why, names in reasons.items() if names
    )
