"""The time scales of a model in words, for pages and for the command line."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ground import require
from ..verification import Timescales
from .notation import number, percent

_HALF_LIFE = "samples until half is left, ∞ if it never is"
_BEYOND_NYQUIST = "of the modes turn more than half a cycle per sample"
_DEAD = "of the modes have less than 1/e left after one sample"
_OUTLIVES = "of the modes have more than 1/e left at the end"


def timetable(scales: Timescales) -> list[tuple[str, str, str]]:
    """The time scales of all modes together.

    Args:
        scales: what `verification.timescales` returns.

    Returns:
        For each scale its name, a number as text, and its meaning.

    Raises:
        TypeError: for what are no `Timescales`.

    Example:
        >>> from ssmlinalg import inits
        >>> from ssmlinalg.verification import timescales
        >>> [name for name, _, _ in timetable(timescales(inits.s4d_lin_init(4)))]
        ['half-life', 'frequency', 'beyond Nyquist', 'dead', 'outlives']
    """
    require.instance("scales", scales, Timescales, "Take it from verification.timescales.")
    return [
        ("half-life", _range(scales.half_life), _HALF_LIFE),
        ("frequency", _range(scales.frequency), "cycles per sample"),
        ("beyond Nyquist", percent(scales.beyond_nyquist), _BEYOND_NYQUIST),
        ("dead", percent(scales.dead), _DEAD),
        ("outlives", percent(scales.outlives), _OUTLIVES),
    ]


def _range(values: Any) -> str:
    return f"{number(float(np.min(values)))} to {number(float(np.max(values)))}"
