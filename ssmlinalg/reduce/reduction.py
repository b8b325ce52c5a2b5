"""The record that every function of this room returns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Reduction(NamedTuple):
    """A model of fewer modes, and its error from both sides.

    A batch has one array shape: members that need fewer modes are filled up with modes of weight 0.
    `lower` and `upper` are in the norm that was asked for, and relative to `size` unless absolute
    errors were asked for.

    Attributes:
        form: the model, of the type that came in, with its direct path, step and batch axes.
        order: (...), how many states of the real system have weight: a pair of conjugate modes
            counts 2, a real mode 1.
        least: (...), the order below which no model is as near as was asked; as near as `upper`
            where an order was given.
        lower: (...), no model of `order` states with this direct path has a smaller error.
        upper: (...), the error of `form` is at most this; relative, exactly 1 without states.
            Infinite where it cannot be bounded.
        conditioning: (...), kappa(V) of the new modes, of unit vectors in balanced coordinates.
        size: (...), the norm of the whole model without its direct path, from below: by 0.1 per
            cent at most, so that an error relative to it is one relative to the norm.
        padding: (...), how many modes of weight 0 fill the member up.
    """

    form: Any
    order: Any
    least: Any
    lower: Any
    upper: Any
    conditioning: Any
    size: Any
    padding: Any


def shaped(values: np.ndarray, batch: tuple[int, ...]) -> Any:
    """Figures (m,) with the batch axes of a form, a Python number without any."""
    return values.reshape(batch) if batch else values.item()
