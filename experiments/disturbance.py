"""Sinusoids and white noise in the layers of a network, and how loudly layers answer them.

The noise of Yu et al. 2024: r cos(w step_h l) on the input of every layer, r in [0, a) drawn for
every signal and channel, step_h that of the channel. Here it may also be added to the input of the
network alone, or be white: r times normal numbers over the square root of 2, of the same power.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from networks import Network
from ssmlinalg import forms, nn

PLACES = ("layers", "input")


class Noise(NamedTuple):
    """A noise of amplitude a: a wave w, "top" for that of the highest mode, or white.

    `angle`, in place of w, is that between two samples, alike in all channels.
    """

    where: str
    amplitude: float
    w: float | str | None = None
    angle: float | None = None


def steps(layer: Any, nominal: float) -> Tensor:
    """The step of each channel (width,); of S5, whose modes have one each, dealt out in turn."""
    with torch.no_grad():
        step = getattr(layer.form(), "step", None) if isinstance(layer, nn.SSM) else None
    if step is None:
        return torch.full((layer.width,), nominal)
    return step[torch.arange(layer.width) % len(step)] if step.ndim else step.expand(layer.width)


@torch.no_grad()
def top(layer: Any) -> Tensor:
    """The angle between samples of the highest mode of each channel (width,), at most pi."""
    whole = torch.full((layer.width,), math.pi)
    if not isinstance(layer, nn.SSM):
        return whole
    form = layer.form()
    known = forms.kind(form)
    A = getattr(form, "Lambda", None)
    A = form.A if A is None else A
    if not known.continuous:
        return torch.minimum(whole, A.angle().abs().amax(-1).expand(layer.width))
    if known.ports:
        angle = (A.imag.abs() * form.step)[A.imag.abs().argmax()]
    else:
        angle = A.imag.abs().amax(-1) * form.step
    return torch.minimum(whole, angle.expand(layer.width))


def angles(layer: Any, noise: Noise, nominal: float) -> Tensor | None:
    """The angle between two samples of a wave in each channel (width,); None for white noise."""
    if noise.angle is not None:
        return torch.full((layer.width,), noise.angle)
    if noise.w is None:
        return None
    return top(layer) if isinstance(noise.w, str) else noise.w * steps(layer, nominal)


def drawn(u: Tensor, noise: Noise, angle: Tensor | None, random: torch.Generator) -> Tensor:
    """Noise beside signals u (batch, length, width)."""
    r = noise.amplitude * torch.rand(u.shape[0], 1, u.shape[2], generator=random)
    if angle is None:
        return r * torch.randn(u.shape, generator=random) / math.sqrt(2)
    return r * torch.cos(torch.arange(u.shape[1])[:, None] * angle)


def listening(
    noise: Noise, angle: Tensor | None, random: torch.Generator
) -> Callable[[Any, Any], Any]:
    """A hook that adds noise to what a module is given."""

    def hook(_: Any, given: Any) -> Any:
        return (given[0] + drawn(given[0], noise, angle, random), *given[1:])

    return hook


@contextlib.contextmanager
def disturbed(model: Network, noise: Noise, nominal: float) -> Iterator[None]:
    """The network with noise, the same each time; `nominal` is the step of what has none."""
    random = torch.Generator().manual_seed(0)
    blocks: Any = model.blocks
    layers = [block.layer for block in blocks]
    if noise.where == "layers":
        heard = [(layer, angles(layer, noise, nominal)) for layer in layers]
    else:
        angle = angles(layers[0], noise, nominal)
        heard = [(model.encoder, None if angle is None else angle.median()[None])]
    hooks = [
        module.register_forward_pre_hook(listening(noise, angle, random)) for module, angle in heard
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def amplification(model: Network, u: Tensor, waves: list[float], nominal: float) -> list[float]:
    """The gain of the layers for each wave over their gain for data u, the largest of any layer.

    Both are root mean squares over channels and samples, output over input, of the layer alone: a
    layer is linear, so this is what noise is beside signal once it has been through.
    """
    heard: list[tuple[Any, Tensor]] = []
    blocks: Any = model.blocks
    hooks = [
        block.layer.register_forward_pre_hook(lambda layer, given: heard.append((layer, given[0])))
        for block in blocks
    ]
    model.eval()
    model(u)
    for hook in hooks:
        hook.remove()
    found = torch.zeros(len(waves))
    for layer, inputs in heard:
        at_data = layer(inputs).norm() / inputs.norm()
        random = torch.Generator().manual_seed(0)
        gains = []
        for w in waves:
            unit = Noise("layers", 1.0, w)
            wave = drawn(inputs[:16], unit, angles(layer, unit, nominal), random)
            gains.append(layer(wave).norm() / wave.norm())
        found = torch.maximum(found, torch.stack(gains) / at_data)
    return found.tolist()
