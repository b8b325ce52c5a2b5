"""The sentences of every error: the rule, what was got, the remedy. All are raised before any work
is done.
"""

from __future__ import annotations

import difflib
import math
import operator
import os
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np


def integer(name: str, value: Any, *, least: int = 1) -> int:
    """`value` as an int of at least `least`; booleans, fractions and strings are refused."""
    rule = f"`{name}` must be an integer of at least {least}"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{rule}; got the boolean {value}. Give a plain integer such as 64.")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{rule}; got {value!r}. Give a plain integer such as 64.") from None
    if number < least:
        raise ValueError(f"{rule}; got {number}. Give a number of {least} or more.")
    if (
        number > sys.maxsize
    ):  # no array has so many entries, and not every number of digits can be printed
        raise ValueError(
            f"{rule}, and at most {sys.maxsize}; got one of {number.bit_length()} bits. Give a smaller one."
        )
    return number


def real(name: str, value: Any, *, above: float = -math.inf, below: float = math.inf) -> float:
    """`value` as a finite float strictly between `above` and `below`."""
    rule = f"`{name}` must be a finite number" + (
        f" above {above:g}"
        if math.isinf(below) and not math.isinf(above)
        else f" between {above:g} and {below:g}"
        if not math.isinf(above)
        else f" below {below:g}"
        if not math.isinf(below)
        else ""
    )
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise TypeError(f"{rule}; got {value!r}. Give a float.")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{rule}; got {value!r}. Give a float.") from None
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and above < number < below):
        raise ValueError(f"{rule}; got {number:g}. Choose a value inside.")
    return number


def interval(name: str, value: Any) -> tuple[float, float]:
    """`value` as (low, high) with 0 < low <= high; one number stands for both ends."""
    if np.ndim(value) == 0:
        low = high = real(name, value, above=0)
    elif len(value) == 2:
        low, high = (real(name, end, above=0) for end in value)
    else:
        raise ValueError(
            f"`{name}` must be a number or a pair (low, high); got {value!r}. Give for example (1e-3, 1e-1)."
        )
    if low > high:
        raise ValueError(
            f"`{name}` must rise from low to high; got ({low:g}, {high:g}). Swap the two ends."
        )
    return low, high


def known(name: str, value: Any, names: Iterable[str]) -> str:
    """`value` if it is one of `names`; otherwise say which is nearest."""
    names = list(names)
    if isinstance(value, str) and value in names:
        return value
    nearest = difflib.get_close_matches(str(value), names, n=1, cutoff=0.4)
    remedy = f"Did you mean {nearest[0]!r}?" if nearest else "Choose one of these."
    raise ValueError(f"`{name}` must be one of {', '.join(names)}; got {value!r}. {remedy}")


def all_finite(array: np.ndarray) -> bool:
    """Whether a host array holds neither NaN nor infinity; its sum tells in one pass, unless that
    overflows.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.sum(array))) or bool(np.all(np.isfinite(array)))


def finite(name: str, array: np.ndarray) -> None:
    """Refuse NaN and infinities in a host array."""
    if not all_finite(array):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"`{name}` must be finite; got {array[where]} at index {where}. Mend or remove that entry."
        )


def broadcasts(
    name: str, got: tuple[int, ...], against: tuple[int, ...], what: str
) -> tuple[int, ...]:
    """The common shape of the axes `got` of `name` and the axes `against` of `what`, if they have
    one.
    """
    try:
        return np.broadcast_shapes(got, against)
    except ValueError:
        rule = f"`{name}` must have leading axes that broadcast against {against} of {what}"
        raise ValueError(f"{rule}; got {got}. Match them, or make one of them 1.") from None


def room(what: str, size: int, *, host: bool) -> None:
    """Refuse `size` bytes that no allocation could serve: more than the memory of the host, 1 TiB
    elsewhere.
    """
    limit = 1 << 40
    if host and hasattr(os, "sysconf"):
        limit = min(limit, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if size > limit:
        remedy = "Ask for less at a time: fewer samples, fewer channels, a lower order."
        raise ValueError(
            f"{what} must fit in {limit / 2**30:.4g} GiB of memory; got {size / 2**30:.4g} GiB. {remedy}"
        )


def shape(name: str, got: tuple[int, ...], rule: str, holds: bool) -> None:
    """Refuse a shape that breaks `rule`, a phrase such as "(N, R) with N = 64 from `A`"."""
    if not holds:
        raise ValueError(f"`{name}` must have shape {rule}; got {got}. Reshape or transpose it.")
