"""The largest value of a function of frequency, searched where a linear system can have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ground.backend import Complex, Real


def supremum(size: Callable[[Real], Real], Lambda: Complex) -> tuple[float, float]:
    """The largest size(w) found over w > 0, and its w, for a real system.

    Every lobe sits above an eigenvalue and is about as wide as that is deep, so the grid follows
    the spectrum, 31 points to an eigenvalue; the five highest points are then searched around, ever
    finer. A lower bound of the supremum, tight where the lobes are those of the eigenvalues.
    size is vectorised: (F,) to (F,).
    """
    depth, height = np.abs(Lambda.real), np.abs(Lambda.imag)
    depth = np.where(depth > 0, depth, np.max(np.abs(Lambda)) or 1.0)
    w = np.abs(height[:, None] + depth[:, None] * np.tan(np.linspace(-1.5, 1.5, 31))).ravel()
    w = np.unique(w[w > 0])
    values = np.concatenate(
        [size(part) for part in np.array_split(w, 1 + len(w) // 512)]
    )  # no table of all w at once
    spacing = np.gradient(w) if len(w) > 1 else w
    best = (0.0, 0.0)
    for peak in np.argsort(values)[::-1][:5]:
        centre, width = w[peak], spacing[peak]
        for _ in range(12):
            near = centre + width * np.linspace(-1, 1, 9)
            near = near[near > 0]
            found = size(near)
            centre, width = near[np.argmax(found)], width / 3
            best = max(best, (float(found.max()), float(centre)))
    return best
