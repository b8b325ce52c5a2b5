"""Whether an export of ours draws a quantity as it was found, though the published layer does not.

So a layer that `export` wrote is not accused of laws that are those of the published default only,
such as that of C where B went into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import scipy

from .. import inits
from ..export import TARGETS
from ..export.targets import sized
from ..forms import kind
from ..ground.formats import SINGLE
from .declared_laws import draws_of
from .known_modes import LOW_RANK
from .kolmogorov_smirnov import MANY, of_one_law
from .layer_forms import inputs_of, stored_A
from .records import Fit, Identified, Observation

_SEEDS = 16  # exports that make up the law of a quantity,
_SEEDS_OF_CONSTANT = 4  # and of one that is constant


class _Question(NamedTuple):
    """A law that fails, and the draws of its quantity."""

    fit: Fit
    draws: np.ndarray

    @property
    def seeds(self) -> int:
        """The number of exports that are asked: to have far more draws than there are."""
        least, largest = self.fit.extremes
        enough = _SEEDS_OF_CONSTANT if least == largest else _SEEDS
        return min(enough, max(1, MANY // self.fit.draws))

    def alike(self, exported: list[np.ndarray]) -> bool:
        """Whether one law can have made the draws and those of our exports, if there are any.

        A constant is one draw, where it is constant in ours as well.
        """
        if not exported:
            return False
        if np.ptp(self.draws) > 0:
            drawn = np.concatenate(exported)
            return of_one_law(self.draws, drawn) and self._reach(drawn)
        if any(np.ptp(one) > 0 for one in exported):
            return False
        values = np.array([one[0] for one in exported])
        if np.ptp(values) == 0:
            return bool(np.allclose(values, self.draws[0]))
        return self.fit.outside == 0 or self.fit.draws == 1

    def _reach(self, drawn: np.ndarray) -> bool:
        """Whether our draws lie outside the declared law as well, if those found do."""
        if not self.fit.outside or self.fit.kind == "constant":
            return True
        low, high = getattr(scipy.stats, self.fit.kind)(*self.fit.parameters).support()
        room = SINGLE * max(abs(end) for end in (low, high) if math.isfinite(end))
        return bool(np.any((drawn < low - room) | (drawn > high + room)))


def excused(layer: Observation, tests: list[Fit]) -> dict[str, str]:
    """By quantity the initialization with this A whose export has the draws of it as found."""
    form = layer.form
    pending = {}
    for fit in tests:
        draws = draws_of(layer.laws[fit.quantity], layer.arrays)
        if draws is not None:
            pending[fit.quantity] = _Question(fit, draws.values)
    answers: dict[str, str] = {}
    for name, make in _candidates(layer.target, layer.identified):
        for order in _orders(name, form, layer.identified):
            if not pending:
                return answers
            ours = partial(make, order, channels=inputs_of(form))
            if name in inits.INITS and inits.certified(name):
                ours = partial(_read, order, inputs_of(form))
            exported = _exported(layer, ours, pending)
            for quantity, draws in exported.items():
                if pending[quantity].alike(draws):
                    answers[quantity] = name
                    del pending[quantity]
    return answers


def _candidates(target: str, identified: Identified) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The initializations with this A, or all that the target takes where A is none of them."""
    ours = (name for name in inits.INITS if _form_type(name) in TARGETS[target].takes)
    for name in identified.names if identified.exact else ours:
        if name in LOW_RANK:
            yield name, partial(inits.s4_init, measure=LOW_RANK[name])
        elif name in inits.INITS:  # a HiPPO matrix by itself has no laws
            make: Callable[..., Any] = inits.INITS[name]
            if identified.blocks > 1 and "blocks" in inits.options(name):
                make = partial(make, blocks=identified.blocks)
            yield name, make


def _orders(name: str, form: Any, identified: Identified) -> Iterator[int]:
    """The orders at which an export may have arrays of these shapes."""
    n = stored_A(form).shape[-1]
    channels = inputs_of(form)
    # Where the layer has several inputs, channels become blocks: no larger state than its own.
    in_blocks = kind(form).ports and name in inits.INITS and not _has_ports(name)
    orders = (identified.order, 2 * n, 2 * n - 1, n, n // 2, identified.order // channels)
    for order in filter(None, dict.fromkeys(orders)):
        if not in_blocks or order * channels <= 2 * n + channels:
            yield order


def _exported(
    layer: Observation, make: Callable[..., Any], asked: Mapping[str, _Question]
) -> dict[str, list[np.ndarray]]:
    """By quantity the draws of it in exports of ours of the same shapes, one for each seed."""
    arrays = layer.arrays
    found: dict[str, list[np.ndarray]] = {quantity: [] for quantity in asked}
    most = max(question.seeds for question in asked.values())
    for seed in range(most):
        try:
            made = TARGETS[layer.target].to(make(seed=seed), **sized(layer.target, layer.length))
        except (ValueError, TypeError):
            break
        shared = arrays.keys() & made.keys()
        if any(made[key].shape != arrays[key].shape for key in shared):
            break
        for quantity, question in asked.items():
            draws = draws_of(layer.laws[quantity], made)
            if draws is not None and seed < question.seeds:
                found[quantity].append(draws.values)
    return found


def _read(order: int, channels: int, *, seed: int) -> Any:
    """The certified initialization of a seed; its perturbation is the same for all."""
    return inits.reading(_perturbed(order), channels=channels, seed=seed)


@lru_cache(maxsize=4)
def _perturbed(order: int) -> Any:
    return inits.perturbed(order)


@cache
def _form_type(name: str) -> type:
    return type(inits.INITS[name](2))


@cache
def _has_ports(name: str) -> bool:
    return kind(inits.INITS[name](2)).ports
