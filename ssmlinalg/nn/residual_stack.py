"""Residual blocks around sequence layers, and a whole model of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..ground import layer_inputs, require
from .signals import AXES, mask, same_type
from .state_space_layer import SSM

Run = Callable[..., tuple[Tensor, Any]]
NORMS = {"layer": torch.nn.LayerNorm, "batch": torch.nn.BatchNorm1d}
POOLS = ("mean", "last")


class Block(torch.nn.Module):
    r"""A residual block: u + dropout(GLU(W gelu(layer(norm(u))))).

    Args:
        layer: a layer between signals (batch, length, width), such as `SSM`; it says its `width`.
        norm: "layer", or "batch" over batch and time.
        dropout: the probability of a zero.

    Raises:
        ValueError: for an unknown norm.

    Example:
        >>> Block(SSM(4, order=8))(torch.zeros(2, 10, 4)).shape
        torch.Size([2, 10, 4])
    """

    def __init__(self, layer: Any, *, norm: str = "layer", dropout: float = 0.0) -> None:
        super().__init__()
        require.instance("layer", layer, torch.nn.Module, "Give a layer, such as nn.SSM(width).")
        require.real("dropout", dropout, least=0, below=1)
        self.width = require.integer("layer.width", getattr(layer, "width", None))
        require.room("the block", 8 * self.width**2, host=True)
        self.norm = NORMS[require.known("norm", norm, NORMS)](layer.width)
        self.layer = layer
        self.mix = torch.nn.Linear(layer.width, 2 * layer.width)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, u: Tensor, state: Any = None, **options: Any) -> Any:
        """The outputs for signals.

        Args:
            u: (batch, length, width).
            state: the state of the layer before the first sample.
            **options: what the layer takes besides, such as `return_state`.

        Returns:
            What the layer returns: the outputs, or outputs and state.

        Raises:
            TypeError: what the layer raises.
            ValueError: what the layer raises.
        """
        layer_inputs.signal(u, self.width, AXES, self.mix.weight)
        same_type(u, self.mix.weight)
        given = options if state is None else {"state": state, **options}
        y = self.layer(self._normed(u), **given)
        if options.get("return_state"):
            y, state = y
            return self._mixed(u, y), state
        return self._mixed(u, y)

    def recurrence(self) -> Run:
        """The block sample by sample, as it is now and without dropout.

        Returns:
            A function (u, state=None) -> (y, state), u and y (batch, width), without gradients.
            It checks nothing.

        Raises:
            TypeError: what `recurrence` of the layer raises.

        Example:
            >>> y, state = Block(SSM(4, order=8)).recurrence()(torch.zeros(2, 4))
        """
        if not hasattr(self.layer, "recurrence"):
            got = f"one of {type(self.layer).__name__}, whose kernel has no state"
            raise TypeError(f"a block that streams must hold an SSM or Hankel; got {got}. Use one.")
        kept = copy.deepcopy(self).eval()
        advance = kept.layer.recurrence()

        @torch.no_grad()
        def run(u: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            y, state = advance(kept._normed(u[:, None])[:, 0], state)
            return kept._mixed(u, y), state

        return run

    def _normed(self, u: Tensor) -> Tensor:
        if isinstance(self.norm, torch.nn.BatchNorm1d):
            return self.norm(u.mT).mT
        return self.norm(u)

    def _mixed(self, u: Tensor, y: Tensor) -> Tensor:
        y = self.mix(torch.nn.functional.gelu(y))
        return u + self.dropout(torch.nn.functional.glu(y, dim=-1))


class Sequence(torch.nn.Module):
    """A model of sequences: a linear encoder, blocks of `SSM`, a norm, and a linear decoder.

    Args:
        d_input: the numbers of a sample.
        d_output: the numbers of an output: classes, or values that are forecast.
        width: H, the channels between.
        depth: how many blocks.
        pool: "mean" or "last" for one output a sequence, None for one a sample.
        norm: as in `Block`.
        dropout: as in `Block`.
        seed: of the first layer; each next one has the next seed.
        **options: what `SSM` takes besides: `order`, `init`, `rule`, ...

    Raises:
        TypeError: what `SSM` raises.
        ValueError: for an unknown pool; what `SSM` raises.

    Example:
        >>> Sequence(1, 10, width=8, depth=2, order=16)(torch.zeros(3, 20, 1)).shape
        torch.Size([3, 10])
    """

    def __init__(
        self,
        d_input: int,
        d_output: int,
        width: int,
        depth: int,
        *,
        pool: str | None = "mean",
        norm: str = "layer",
        dropout: float = 0.0,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.pool = pool if pool is None else require.known("pool", pool, POOLS)
        self.d_input = require.integer("d_input", d_input)
        width = require.integer("width", width)
        first = require.integer("seed", seed, least=0)
        seeds = range(first, first + require.integer("depth", depth))
        ends = self.d_input + require.integer("d_output", d_output)
        require.room("the model", 4 * width * (ends + 2 * width * depth), host=True)
        layers = [SSM(width, seed=seed, **options) for seed in seeds]
        self.encoder = torch.nn.Linear(d_input, width)
        self.blocks = torch.nn.ModuleList(Block(x, norm=norm, dropout=dropout) for x in layers)
        self.norm = torch.nn.LayerNorm(width)
        self.decoder = torch.nn.Linear(width, d_output)

    def forward(self, u: Tensor, *, lengths: Tensor | None = None, **options: Any) -> Tensor:
        """The outputs for sequences.

        Args:
            u: (batch, length, d_input).
            lengths: (batch,), the samples of each that count.
            **options: what `SSM` takes besides: `reset`, `steps`, `step_scale`.

        Returns:
            (batch, d_output), or (batch, length, d_output) without pool.

        Raises:
            TypeError: what `SSM` raises.
            ValueError: what `SSM` raises.
        """
        layer_inputs.signal(u, self.d_input, AXES, self.encoder.weight)
        same_type(u, self.encoder.weight)
        beside = ("reset", "steps", "step_scale")
        if wrong := options.keys() - set(beside):
            rule = f"a model must be given lengths, {', '.join(beside)} beside its signal"
            raise TypeError(f"{rule}; got {', '.join(wrong)}. For states take `recurrence`.")
        x = self.encoder(u)
        for block in self.blocks:
            x = block(x, lengths=lengths, **options)
        return self.decoder(self._pooled(self.norm(x), lengths))

    def recurrence(self) -> Run:
        """The model sample by sample, as it is now and without dropout.

        Returns:
            A function (u, state=None) -> (y, state): u (batch, d_input), y (batch, d_output), the
            output for all samples up to this one, without gradients. It checks nothing.

        Raises:
            TypeError: for bidirectional layers.

        Example:
            >>> y, state = Sequence(1, 3, 8, 2, order=8).recurrence()(torch.zeros(2, 1))
        """
        kept = copy.deepcopy(self).eval()
        steps = [block.recurrence() for block in kept.blocks]  # pyright: ignore[reportCallIssue]

        @torch.no_grad()
        def run(u: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            states, total, count = ([None] * len(steps), 0, 0) if state is None else state
            x = kept.encoder(u)
            after = []
            for advance, before in zip(steps, states, strict=True):
                x, last = advance(x, before)
                after.append(last)
            x = kept.norm(x)
            total = total + x
            count = count + 1
            return kept.decoder(total / count if kept.pool == "mean" else x), (after, total, count)

        return run

    def _pooled(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        if self.pool is None:
            return x
        if lengths is None:
            return x[:, -1] if self.pool == "last" else x.mean(dim=1)
        if self.pool == "last":
            return x[torch.arange(len(x), device=x.device), lengths - 1]
        counts = mask(lengths, x.shape[1])[..., None]
        return (x * counts).sum(dim=1) / lengths[:, None]
