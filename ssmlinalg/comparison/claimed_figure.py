"""A figure beside the interval in which a claim says that it lies."""

from __future__ import annotations

from typing import NamedTuple


class ClaimedFigure(NamedTuple):
    """One figure, and the interval that a claim predicts for it.

    The interval is a prediction: nothing but the claim puts the figure inside. So this is no
    `Bounds`, whose ends are known.

    Attributes:
        value: the figure, as measured.
        low: the least value that the claim allows, rounding allowed for.
        high: the largest.
    """

    value: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the figure lies in the interval."""
        return self.low <= self.value <= self.high


def around(value: float, predicted: float, slack: float) -> ClaimedFigure:
    """A figure that a claim says is `predicted`, to within `slack`."""
    return ClaimedFigure(value, predicted - slack, predicted + slack)
