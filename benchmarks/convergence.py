"""Measure every claim of `comparison.CLAIMS`, print the table of docs/convergence.md and draw its
picture.

    python benchmarks/convergence.py [FIGURE]

One line a claim: how well it is known, the orders it is measured at, the figure at orders 8 and 32
and at the last, and the interval that the claim gives for the last. A dash stands where a claim
says nothing. The picture, docs/_static/convergence.svg if no FIGURE is given, has a panel for each:
dots are measured, the band is what is claimed, a line where that is one number.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from ssmlinalg import report
from ssmlinalg.comparison.claims import CLAIMS, Claim, measured

INK = "#1d2733"
FAINT = "#5d6975"
RULE = "#c8ced6"
GRID = "#e8ebef"
COLORS = {"proved": report.PTD, "verified": FAINT, "refuted": report.S4D}
COLUMNS = 4


def orders(claim: Claim) -> list[int]:
    """Sixteen orders of those of the claim, fewer where they are few."""
    return sorted({round(order) for order in np.geomspace(claim.least, claim.greatest, 16)})


def figure(name: str, order: int) -> str:
    """The figure of a claim at one order, as the table has it."""
    claim = CLAIMS[name]
    return f"{measured(name, order).value:.5g}" if claim.least <= order <= claim.greatest else "–"


def line(name: str) -> str:
    """The row of the table for one claim."""
    claim = CLAIMS[name]
    _, low, high = measured(name, claim.greatest)
    about = f"`{name}` | {claim.status} | {claim.least}–{claim.greatest}"
    shown = " | ".join(figure(name, order) for order in (8, 32, claim.greatest))
    return f"| {about} | {shown} | {low:.8g} to {high:.8g} |"


def draw(path: Path) -> None:
    """A panel for each claim."""
    rows = -(-len(CLAIMS) // COLUMNS)
    picture, panels = plt.subplots(
        rows, COLUMNS, figsize=(10, 1.8 * rows), sharex=True, layout="constrained"
    )
    for axes, (name, claim) in zip(panels.ravel(), CLAIMS.items(), strict=False):
        N = orders(claim)
        value, low, high = np.array([measured(name, order) for order in N]).T
        color = COLORS[claim.status]
        axes.fill_between(N, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(N, np.stack([low, high], axis=-1), color=color, linewidth=0.5, alpha=0.5)
        axes.plot(N, value, ".", color=color, markersize=3.5)
        axes.set_title(name, fontsize=9, color=color, loc="left")
        axes.set(xscale="log", xlim=(0.8, 5000), xticks=[1, 10, 100, 1000])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.tick_params(color=RULE, labelcolor=FAINT, labelsize=7)
        axes.grid(color=GRID, linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
    for axes in panels.ravel()[len(CLAIMS) :]:
        axes.set_axis_off()
    picture.savefig(path, metadata={"Date": None})


def main(path: Path) -> None:
    """Print the table and draw the picture."""
    print("| claim | status | orders | N = 8 | N = 32 | at the last | claimed there |")
    print("|---|---|---|---|---|---|---|")
    for name in CLAIMS:
        print(line(name))
    draw(path)


if __name__ == "__main__":
    # No date and no random identifiers, so that the file changes only when the picture does.
    plt.rcParams |= {
        "font.size": 9,
        "text.color": INK,
        "svg.fonttype": "none",
        "svg.hashsalt": "convergence",
    }
    main(
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else Path(__file__).parents[1] / "docs" / "_static" / "convergence.svg"
    )
