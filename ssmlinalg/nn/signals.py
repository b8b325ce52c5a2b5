"""Signals as layers of PyTorch take them: (batch, length, width), in the type around the layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..ground import require


def checked_signal(u: Any, width: int) -> None:
    """Raise TypeError or ValueError unless `u` is a real tensor (batch, length, width)."""
    if not isinstance(u, Tensor):
        rule = "`u` must be a tensor"
        raise TypeError(f"{rule}; got {type(u).__name__}. Call torch.as_tensor.")
    if not u.is_floating_point():
        raise TypeError(f"`u` must hold real numbers; got {u.dtype}. Call u.float().")
    shape = tuple(u.shape)
    if len(shape) == 3 and shape[1] == width != shape[2]:
        rule = f"`u` must be (batch, length, width) with width = {width} last"
        raise ValueError(f"{rule}; got {shape}. Call u.mT: its second axis is the width.")
    fits = len(shape) == 3 and shape[2] == width and shape[1] > 0
    require.shape("u", shape, f"(batch, length, width) with width = {width}, length > 0", fits)


def check_lengths(lengths: Tensor, length: int) -> None:
    """Refuse lengths that are no integers from 1 to that of the signals, where they can be read."""
    if lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise TypeError(f"`lengths` must hold integers; got {lengths.dtype}. Call lengths.long().")
    if torch.compiler.is_compiling() or not lengths.numel():
        return
    least = int(lengths.min())
    most = int(lengths.max())
    if least < 1 or most > length:
        rule = f"`lengths` must lie from 1 to {length}, the length of `u`"
        raise ValueError(f"{rule}; got {least} to {most}. Cut them, and leave empty signals out.")


def mask(lengths: Tensor, length: int) -> Tensor:
    """True at the samples that count, (batch, length)."""
    return torch.arange(length, device=lengths.device) < lengths[:, None]


def ambient(y: Tensor, u: Tensor) -> Tensor:
    """The output in the type of autocast, or in that of the input."""
    device = u.device.type
    if torch.is_autocast_enabled(device):
        return y.to(torch.get_autocast_dtype(device))
    return y.to(u.dtype)
