"""Distances between a model and its reduction, by `systems` and not by `reduce`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssmlinalg import systems
from ssmlinalg.forms import MIMO


def in_one_time(form: Any) -> Any:
    """Modes that have steps of their own, in samples."""
    if not isinstance(form, MIMO):
        return form
    return form._replace(
        A=form.A * form.step, B=form.B * form.step[:, None], step=0 * form.step + 1
    )


def without_direct_path(form: Any) -> Any:
    return form._replace(D=0 * np.asarray(form.D))


def distance(norm: str, first: Any, second: Any) -> Any:
    """An independent bound on a distance: that of `systems`, from above, and from below."""
    first = without_direct_path(in_one_time(first))
    second = without_direct_path(in_one_time(second))
    found = getattr(systems, f"{norm}_distance")(first, second)
    return getattr(found, "lower", found), getattr(found, "upper", found)
