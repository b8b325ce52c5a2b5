"""How pictures of studies look: the colours of the library, plain numbers, no frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from ssmlinalg.report import colours

COLOURS = {
    "s4": colours.HIPPO,
    "s4d-legs": colours.S4D,
    "s4d-legs-clipped": "#c19c00",
    "s4d-lin": "#b3382c",
    "s4d-inv": "#e39b7b",
    "ptd": colours.PTD,
    "ptd-optimal": "#107c41",
    "ptd-file": "#c239b3",
    "s5": "#5d6975",
    "s5-ptd": "#6aa6dd",
    "dss": "#8661c5",
    "dlr": "#3a3a3a",
    "lstm": "#107c41",
    "attention": "#c239b3",
    "sgconv": "#107c41",
    "hope": "#c19c00",
}


def panels(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, Any]:
    """A figure and its panels."""
    # No date and no random identifiers, so that the file changes only when the picture does.
    plt.rcParams |= {
        "font.size": 9,
        "text.color": colours.INK,
        "axes.labelcolor": colours.INK,
        "svg.hashsalt": "ssmlinalg",
    }
    return plt.subplots(rows, columns, figsize=size, layout="constrained", **options)


def dress(axes: Any, **said: Any) -> None:
    """Titles and limits, thin rules, no frame."""
    axes.set(**said)
    axes.title.set(fontsize=9, color=colours.FAINT)
    axes.tick_params(color=colours.RULE, labelcolor=colours.FAINT)
    axes.grid(color=colours.GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(colours.RULE)


def band(axes: Any, x: Any, values: list[list[float]], look: dict[str, Any]) -> None:
    """Mean and range over seeds."""
    y = np.array(values)
    axes.fill_between(x, y.min(0), y.max(0), color=look["color"], alpha=0.15, linewidth=0)
    axes.plot(x, y.mean(0), linewidth=1.4, **look)


def save(figure: Any, path: Path) -> None:
    """Write the .svg."""
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
