"""The networks that studies train: an encoder, blocks around any layer, a norm, a decoder.

Layers take signals (batch, length, width). A name is an initialization of `nn.SSM`, or one of those
below: other perturbations and forms of a name, and layers that are no state space model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssmlinalg import forms, hippo, inits, nn
from ssmlinalg.export.reader import contents, form_in

BLOCKS = 4  # copies of one spectrum in a layer of S5, so that it has as many modes as fit its width


class Shape(NamedTuple):
    """What a network looks like; its layers are `model`, in the place of `init` of `nn.SSM`.

    `block` is "residual", as `nn.Block` has it, or "bare": no residual, and the norm at the end, as
    in the published code of S4-PTD. `options` go to the layer.
    """

    model: str = "ptd"
    width: int = 16
    depth: int = 2
    order: int = 16
    block: str = "residual"
    pool: str | None = "mean"
    dropout: float = 0.0
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)


def said_of(shape: Shape) -> dict[str, Any]:
    """A shape as JSON has it."""
    options = {name: list(x) if isinstance(x, tuple) else x for name, x in shape.options.items()}
    return shape._asdict() | {"options": options}


def shape_of(said: dict[str, Any]) -> Shape:
    """The shape that `said_of` gives this for."""
    options = {name: tuple(x) if isinstance(x, list) else x for name, x in said["options"].items()}
    return Shape(**{**said, "options": options})


class Bare(torch.nn.Module):
    """A block without a residual: norm(GLU(W gelu(layer(u))))."""

    def __init__(self, layer: Any, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer = layer
        self.mix = torch.nn.Linear(layer.width, 2 * layer.width)
        self.norm = torch.nn.LayerNorm(layer.width)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, u: Tensor) -> Tensor:
        """The outputs (batch, length, width)."""
        y = self.mix(torch.nn.functional.gelu(self.layer(u)))
        return self.norm(self.dropout(torch.nn.functional.glu(y, dim=-1)))


class Network(torch.nn.Module):
    """Blocks between a linear encoder and a linear decoder; "mean" or "last" sample, or all."""

    def __init__(self, d_input: int, d_output: int, blocks: list[Any], pool: str | None) -> None:
        super().__init__()
        width = blocks[0].layer.width
        self.pool = pool
        self.encoder = torch.nn.Linear(d_input, width)
        self.blocks = torch.nn.ModuleList(blocks)
        self.norm = torch.nn.LayerNorm(width)
        self.decoder = torch.nn.Linear(width, d_output)

    def forward(self, u: Tensor) -> Tensor:
        """(batch, d_output), or (batch, length, d_output) without pool."""
        x = self.encoder(u)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        if self.pool is not None:
            x = x[:, -1] if self.pool == "last" else x.mean(dim=1)
        return self.decoder(x)


class LSTM(torch.nn.Module):
    """`torch.nn.LSTM` of one layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.lstm = torch.nn.LSTM(width, width, batch_first=True)

    def forward(self, u: Tensor) -> Tensor:
        """The outputs (batch, length, width)."""
        return self.lstm(u)[0]


class Attention(torch.nn.Module):
    """Self-attention; causal or not, after sines of the place are added."""

    def __init__(self, width: int, heads: int = 4, causal: bool = False) -> None:
        super().__init__()
        self.width = width
        self.heads = heads
        self.causal = causal
        self.project = torch.nn.Linear(width, 3 * width)

    def forward(self, u: Tensor) -> Tensor:
        """The outputs (batch, length, width)."""
        count, length, width = u.shape
        parts = self.project(u + places(length, width)).view(count, length, 3, self.heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return y.transpose(1, 2).reshape(count, length, width)


def places(length: int, width: int) -> Tensor:
    """Sines and cosines of the place of a sample (length, width)."""
    rate = torch.exp(-math.log(1e4) * torch.arange(0, width, 2) / width)
    angle = torch.arange(length)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :width]


def published(
    width: int, order: int, *, seed: int, folder: str, step: Any = inits.STEP, **options: Any
) -> nn.SSM:
    """The layer of a file ptbHiPPO<N>.mat of the repository of Yu et al. 2024."""
    held = contents(Path(folder) / f"ptbHiPPO{order}.mat")
    file = form_in(held, held.layers[0])
    Lambda = -file.A if file.A.real.max() > 0 else file.A
    B = np.linalg.solve(file.C, hippo.legs(order).B + 0j)
    like = inits.ptd_init(order, channels=width, seed=seed, step=step)
    c = np.random.default_rng(seed).standard_normal((width, order))
    all_channels = np.ones((width, 1))
    form = forms.Diagonal(Lambda * all_channels, B * all_channels, c @ file.C, like.D, like.step)
    return nn.SSM.from_form(form, **options)


def ssm(init: str, **fixed: Any) -> Callable[..., Any]:
    """A maker of layers that start as an initialization with these options."""

    def made(width: int, order: int, *, seed: int, **options: Any) -> nn.SSM:
        return nn.SSM(width, order, init=init, seed=seed, **(fixed | options))

    return made


def in_blocks(init: str) -> Callable[..., Any]:
    """A maker of layers of S5: spectra of the order given, side by side."""

    def made(width: int, order: int, *, seed: int, **options: Any) -> nn.SSM:
        return nn.SSM(width, BLOCKS * order, init=init, seed=seed, blocks=BLOCKS, **options)

    return made


def dss(width: int, order: int, *, seed: int, **options: Any) -> nn.SSM:
    """DSS with as many modes as the half spectrum of that order."""
    return nn.SSM(width, order // 2, init="dss", seed=seed, **options)


def sgconv(width: int, order: int, *, seed: int, length: int, **options: Any) -> nn.SGConv:
    """SGConv with as many weights a scale as its order."""
    return nn.SGConv(width, length, dimension=order, seed=seed, **options)


def hope(width: int, order: int, *, seed: int, **options: Any) -> nn.Hankel:
    """HOPE."""
    return nn.Hankel(width, order, seed=seed, **options)


def lstm(width: int, order: int, *, seed: int) -> LSTM:
    """An LSTM, which has no order."""
    return LSTM(width)


def attention(width: int, order: int, *, seed: int, **options: Any) -> Attention:
    """Self-attention, which has no order."""
    return Attention(width, **options)


LAYERS: dict[str, Callable[..., Any]] = {
    "ptd-optimal": ssm("ptd", perturbation="optimal"),
    "ptd-file": published,
    "dss": dss,
    "s5": in_blocks("s5"),
    "s5-ptd": in_blocks("s5-ptd"),
    "sgconv": sgconv,
    "hope": hope,
    "lstm": lstm,
    "attention": attention,
}


def layer(shape: Shape, seed: int) -> Any:
    """One layer of a network."""
    make = LAYERS.get(shape.model) or ssm(shape.model)
    return make(shape.width, shape.order, seed=seed, **shape.options)


def network(shape: Shape, d_input: int, d_output: int, seed: int) -> Network:
    """A network; its first layer has the seed `100 seed`, each next one the next."""
    torch.manual_seed(seed)
    layers = [layer(shape, 100 * seed + place) for place in range(shape.depth)]
    if shape.block == "bare":
        blocks: list[Any] = [Bare(one, shape.dropout) for one in layers]
    else:
        blocks = [nn.Block(one, dropout=shape.dropout) for one in layers]
    return Network(d_input, d_output, blocks, shape.pool)
