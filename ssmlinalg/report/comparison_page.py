"""The page that sets all initializations of one order side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..comparison import Row, Sweep
from .comparison_pictures import EXACT, frontier, robustness
from .html_page import Card, Section, page, table
from .notation import number

_HEADS = ("", "κ₂(V)", "‖E‖₂ / ‖A‖₂", "sup |x̃ − x̂|", "max Re λ", "max |Im λ|", "modes")
_SWEEP_HEADS = ("", "worst ω", "|x̃ − x̂| there")
_FRONTIER = "Conditioning against transfer error"
_ROBUSTNESS = "Robustness to Fourier modes"
_ABOUT_FRONTIER = (
    "Left is better conditioned, down is nearer to HiPPO. "
    "Triangles lie far outside, in the direction they point."
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
        ValueError: if there are no rows.

    Example:
        >>> page = comparison([Row("ptd", 8.0, 0.17, 0.064, -0.57, 612.0, 32)], title="Order 64")
        >>> "0.064" in page
        True
    """
    if not rows:
        rule = "`rows` must hold at least one initialization"
        raise ValueError(f"{rule}; got none. Pass the result of comparison.compare.")
    cards = [Card("", table(_HEADS, map(_cells, rows)))]
    sections = []
    if any(not math.isnan(row.condition + row.transfer_error) for row in rows):
        sections.append(Section(_FRONTIER, frontier(rows), _ABOUT_FRONTIER))
    if sweeps:
        cards.append(Card(_ROBUSTNESS, table(_SWEEP_HEADS, map(_worst, sweeps))))
        about = _ABOUT_ROBUSTNESS + _left_out(sweeps)
        sections.append(Section(_ROBUSTNESS, robustness(sweeps), about))
    return page(title, "Every initialization of one order, against HiPPO.", cards, sections)


def _cells(row: Row) -> tuple[str, ...]:
    return (row.name, *map(number, row[1:-1]), str(row.modes))


def _worst(sweep: Sweep) -> tuple[str, ...]:
    return (sweep.name, f"{sweep.worst_frequency:.6g}", number(sweep.worst_error))


def _left_out(sweeps: Sequence[Sweep]) -> str:
    """The names of the systems that are not drawn, and why."""
    exact = [sweep.name for sweep in sweeps if sweep.worst_error <= EXACT]
    unstable = [sweep.name for sweep in sweeps if math.isinf(sweep.worst_error)]
    reasons = {"Exact but for rounding": exact, "Unstable": unstable}
    return "".join(
        f" {why} and not drawn: {', '.join(names)}." for why, names in reasons.items() if names
    )
