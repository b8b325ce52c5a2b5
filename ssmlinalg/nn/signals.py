"""Signals as layers of PyTorch take them: (batch, length, width), in the type around the layer."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

AXES = ("batch", "length", "width")


class SinglePrecision(torch.nn.Module):
    """A layer whose parameters are never cast to 16 bits: a frequency of 8 bits is another model.

    Example:
        >>> from ssmlinalg.nn import SGConv
        >>> SGConv(2, length=8).bfloat16().D.dtype
        torch.float32
    """

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        return super()._apply(lambda tensor: _wide(fn(tensor), tensor), recurse)


def _wide(moved: Tensor, before: Tensor) -> Tensor:
    """The tensor where it was moved to, in at least single precision."""
    if moved.is_floating_point() and moved.element_size() < 4:
        return before.to(moved.device)
    return moved


def same_type(u: Tensor, like: Tensor) -> None:
    """Refuse a signal of another type than weights: products do not mix them."""
    cast = torch.is_autocast_enabled(u.device.type) and u.element_size() <= 4
    if u.dtype != like.dtype and not cast:
        rule = "`u` must have the type of the weights"
        raise TypeError(f"{rule}; got {u.dtype} and {like.dtype}. Cast one, or use autocast.")


def mask(lengths: Tensor, length: int) -> Tensor:
    """True at the samples that count, (batch, length)."""
    return torch.arange(length, device=lengths.device) < lengths[:, None]


def ambient(y: Tensor, u: Tensor) -> Tensor:
    """The output in the type of autocast, or in that of the input."""
    device = u.device.type
    if torch.is_autocast_enabled(device):
        return y.to(torch.get_autocast_dtype(device))
    return y.to(u.dtype)
