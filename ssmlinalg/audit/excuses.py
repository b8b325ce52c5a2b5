"""Whether an initialization of ours, exported, draws a quantity as it was found, though the
published layer does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import scipy.stats

from .. import inits
from ..export import TARGETS
from ..forms import MIMO, Paired
from .draws import drawn_of
from .identification import LOW_RANK
from .records import ALARM, MANY, Fit, Identified, width


def like(
    target: str,
    arrays: Mapping[str, np.ndarray],
    form: Any,
    identified: Identified,
    fit: Fit,
    length: int,
) -> str:
    """The initialization with this A whose export has the quantity as it was found, though not as
    published; "" if none has.

    So a layer that `export` wrote is not accused of laws that are those of the published default
    only, such as that of C where B went into it.
    """
    drawn = drawn_of(TARGETS[target].declared[fit.quantity], arrays)
    channels, n = width(form), np.asarray(form[0]).shape[-1]
    ours = (name for name in inits.INITS if _type(name) in TARGETS[target].takes)
    for name in identified.names if identified.exact else ours:
        make = (
            partial(inits.s4_init, measure=LOW_RANK[name])
            if name in LOW_RANK
            else inits.INITS.get(name)
        )
        if make is None or drawn is None:  # a HiPPO matrix by itself has no laws
            continue
        if identified.blocks > 1 and name in ("s5", "s5-ptd"):
            make = partial(make, blocks=identified.blocks)
        for order in filter(
            None,
            dict.fromkeys(
                (identified.order, 2 * n, 2 * n - 1, n, n // 2, identified.order // channels)
            ),
        ):
            if (
                isinstance(form, MIMO)
                and _type(name) is Paired
                and order * channels > 2 * n + channels
            ):
                continue  # its channels as blocks would be a larger state
            theirs = list(
                _exported(target, partial(make, order, channels=channels), arrays, fit, length)
            )
            if theirs and _alike(fit, drawn[0], theirs):
                return name
    return ""


def _exported(
    target: str, make: Callable[..., Any], arrays: Mapping[str, np.ndarray], fit: Fit, length: int
) -> Iterator[np.ndarray]:
    """The draws of this quantity in exports of ours of the same shapes: far more than there are, to
    know their law.
    """
    there = TARGETS[target]
    enough = 4 if fit.extremes[0] == fit.extremes[1] else 16
    for seed in range(min(enough, max(1, MANY // fit.draws))):
        try:
            made = there.to(make(seed=seed), **({"length": length} if there.sized else {}))
        except (ValueError, TypeError):
            return
        drawn = drawn_of(there.declared[fit.quantity], made)
        if drawn is None or any(
            made[key].shape != array.shape for key, array in arrays.items() if key in made
        ):
            return
        yield drawn[0]


def _alike(fit: Fit, draws: np.ndarray, theirs: list[np.ndarray]) -> bool:
    """Whether one law can have made all. What is constant is one draw, where it is constant in ours
    as well.
    """
    if np.ptp(draws) == 0:
        values = np.array([one[0] for one in theirs])
        same = np.ptp(values) == 0 and np.allclose(values, draws[0])
        varies = np.ptp(values) > 0 and (fit.outside == 0 or fit.draws == 1)
        return all(np.ptp(one) == 0 for one in theirs) and bool(same or varies)
    return _two_sample(draws, np.concatenate(theirs))


@cache
def _type(name: str) -> type:
    return type(inits.INITS[name](2))


def _two_sample(draws: np.ndarray, theirs: np.ndarray) -> bool:
    if np.ptp(theirs) == 0:
        return bool(np.allclose(draws, theirs.flat[0]))
    result: Any = scipy.stats.ks_2samp(draws, theirs, method="asymp")
    statistic = float(result.statistic)
    n, m = np.unique(draws).size, np.unique(theirs).size
    return bool(scipy.stats.kstwo.sf(statistic, max(1, round(n * m / (n + m)))) >= ALARM)
