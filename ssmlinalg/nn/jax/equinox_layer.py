"""The layer as a module of Equinox."""

from __future__ import annotations

from typing import Any

import equinox
import jax

from ...discretize import RULES
from ...ground import require
from . import Parameters, apply, init, step


class EquinoxSSM(equinox.Module):
    """A state space model for one signal (length, width); jax.vmap takes a batch.

    Args:
        width: H, the channels.
        order: order N of the state.
        key: of C and the steps.
        rule: how a continuous form is sampled.
        **options: what `nn.jax.init` takes besides.

    Example:
        >>> layer = EquinoxSSM(4, order=8, key=jax.random.key(0))
        >>> layer(jax.numpy.zeros((100, 4))).shape
        (100, 4)
    """

    params: Parameters
    rule: str = equinox.field(static=True)

    def __init__(
        self, width: int, order: int = 64, *, key: jax.Array, rule: str = "zoh", **options: Any
    ) -> None:
        self.params = init(key, width, order, **options)
        self.rule = require.known("rule", rule, RULES)

    def __call__(self, u: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        """The outputs (length, width) for a signal (length, width)."""
        return apply(self.params, u, rule=self.rule)

    def step(self, u: jax.Array, state: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        """The output (width,) for a sample, and the state after it."""
        return step(self.params, u, state, rule=self.rule)
