"""The layer as a module of Flax."""

from __future__ import annotations

from typing import Any

import jax
from flax import nnx

from ...discretize import RULES
from ...ground import require
from . import Parameters, apply, init, step


class FlaxSSM(nnx.Module):
    """A state space model for signals (batch, length, width).

    Args:
        width: H, the channels.
        order: order N of the state.
        rngs: the generators; that of parameters is used.
        rule: how a continuous form is sampled.
        **options: what `nn.jax.init` takes besides.

    Example:
        >>> layer = FlaxSSM(4, order=8, rngs=nnx.Rngs(0))
        >>> layer(jax.numpy.zeros((2, 100, 4))).shape
        (2, 100, 4)
    """

    def __init__(
        self, width: int, order: int = 64, *, rngs: nnx.Rngs, rule: str = "zoh", **options: Any
    ) -> None:
        require.function("rngs.params", getattr(rngs, "params", None), "Give nnx.Rngs(0).")
        ((self.form_name, arrays),) = init(rngs.params(), width, order, **options).items()
        self.arrays = nnx.Dict({name: nnx.Param(array) for name, array in arrays.items()})
        self.rule = require.known("rule", rule, RULES)

    def __call__(self, u: jax.Array) -> jax.Array:
        """The outputs (batch, length, width) for signals (batch, length, width)."""
        return apply(self._params(), u, rule=self.rule)

    def step(self, u: jax.Array, state: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        """The outputs (batch, width) for a sample, and the state after it."""
        return step(self._params(), u, state, rule=self.rule)

    def _params(self) -> Parameters:
        return {self.form_name: {name: held[...] for name, held in self.arrays.items()}}
