"""One record for a figure that is known from both sides."""

from __future__ import annotations

from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """A figure known from both sides: lower <= figure <= upper.

    Attributes:
        lower: a value that is attained, or a proved lower bound; an array where there is a batch.
        upper: a value that nothing exceeds.
        at: where `lower` is attained: a frequency, a time or a point of the plane, as the function
            says. None where the figure belongs to no such place.
    """

    lower: Any
    upper: Any
    at: Any = None
