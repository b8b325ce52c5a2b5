"""Draw the picture of the README, docs/_static/ptd.svg: python docs/figures.py"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from ssmlinalg import hippo, perturb, report

INK, FAINT, RULE = "#1d2733", "#5d6975", "#c8ced6"


def ptd(path: Path) -> None:
    """The size of the state at each frequency: HiPPO-LegS of order 64, S4D-LegS, and PTD with kappa(V) <= 8."""
    found = perturb.lossless(hippo.legs(64), conditioning=8)
    shown = report.curves(found)
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    axes.loglog(shown.w, shown.hippo, color=report.HIPPO, linewidth=6, solid_capstyle="round")
    axes.loglog(shown.w, shown.s4d, color=report.S4D, linewidth=1.1)
    axes.loglog(shown.w, shown.ptd, color=report.PTD, linewidth=1.8)

    def say(lines: tuple[str, str], w: float, size: float, right: float, up: float, color: str) -> None:
        for line, down, weight in zip(lines, (0, 16), ("bold", "normal"), strict=True):
            shift = {"xytext": (right, up - down), "textcoords": "offset points"}
            axes.annotate(line, (w, size), va="center", color=color, weight=weight, **shift)

    top = shown.s4d.argmax()
    say(("HiPPO-LegS", "order 64"), 0.2, 1, 0, 32, FAINT)
    near = f"off by at most {found.transfer_error:.2g} at any frequency"
    say((f"PTD, κ(V) = {found.condition:.1f}", near), 0.2, 1, 0, -18, report.PTD)
    spike = f"{shown.s4d[top]:.0f} where HiPPO has {shown.hippo[top]:.2f}"
    say(("S4D-LegS", spike), shown.w[top], shown.s4d[top], 9, -2, report.S4D)

    axes.set(xlim=(0.15, 2e4), ylim=(6e-3, 70), xlabel="ω  (rad / unit time)", ylabel="|x(iω)|")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.tick_params(color=RULE, labelcolor=FAINT)
    axes.grid(color="#e8ebef", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    # No date and no random identifiers, so that the file changes only when the picture does.
    plt.rcParams |= {"font.size": 11, "text.color": INK, "axes.labelcolor": INK, "svg.hashsalt": "ptd"}
    ptd(Path(__file__).parent / "_static" / "ptd.svg")
