"""The largest value of a function of frequency, searched where a linear system can have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ground.backend import Complex, Real

_POINTS = np.tan(np.linspace(-1.5, 1.5, 31))  # about one eigenvalue, in units of its depth
_BLOCK = 512  # frequencies at once: no table of all of them
_PEAKS = 5  # of the grid, searched around
_REFINEMENTS = 12  # each a third as wide as the one before


def supremum(
    size: Callable[[Real], Real],
    Lambda: Complex,
) -> tuple[float, float]:
    """The largest size(w) found over w > 0 for a real system, and its frequency.

    Every lobe sits above an eigenvalue and is about as wide as that is deep, so the grid follows
    the spectrum, 31 points to an eigenvalue; the five highest points are then searched around, ever
    finer.

    Args:
        size: the function, vectorised: (F,) to (F,).
        Lambda: the eigenvalues of the system, (N,).

    Returns:
        The value and the frequency: (0, 0) if the function is nowhere positive.

    Accuracy:
        A lower bound of the supremum, tight where the lobes are those of the eigenvalues.

    Cost:
        31 N + 540 values.

    Example:
        >>> value, w = supremum(lambda w: 1 / np.abs(1j * w + 1 - 2j), np.array([-1 + 2j]))
        >>> round(value, 6), round(w, 4)
        (1.0, 2.0)
    """
    w = _grid(Lambda)
    parts = np.array_split(w, 1 + len(w) // _BLOCK)
    values = np.concatenate([size(part) for part in parts])
    spacing = np.gradient(w) if len(w) > 1 else w
    best = (0.0, 0.0)
    for peak in np.argsort(values)[::-1][:_PEAKS]:
        centre = w[peak]
        width = spacing[peak]
        for _ in range(_REFINEMENTS):
            near = centre + width * np.linspace(-1, 1, 9)
            near = near[near > 0]
            found = size(near)
            centre = near[np.argmax(found)]
            width = width / 3
            best = max(best, (float(found.max()), float(centre)))
    return best


def _grid(Lambda: Complex) -> Real:
    """Positive frequencies (F,), dense above every eigenvalue on the scale of its depth."""
    depth = np.abs(Lambda.real)
    height = np.abs(Lambda.imag)
    largest = np.max(np.abs(Lambda)) or 1.0
    depth = np.where(depth > 0, depth, largest)
    beside = depth[:, None] * _POINTS
    w = np.abs(height[:, None] + beside).ravel()
    return np.unique(w[w > 0])
