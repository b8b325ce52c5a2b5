"""Signals as layers of PyTorch take them: (batch, length, width), in the type around the layer."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor

from ..ground import require
from .signal_axes import check_axes

# Of the arguments beside a signal: how many of its axes they have, what they hold, and a remedy.
_BESIDE: dict[str, tuple[int, tuple[str, ...], str]] = {
    "lengths": (1, ("integers",), "Call lengths.long()."),
    "reset": (2, ("truth values",), "Compare it, as in reset > 0."),
    "steps": (2, ("real numbers", "integers"), "They are times."),
}


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


def checked_signal(u: Any, width: int, like: Tensor) -> None:
    """Refuse what is not real (batch, length, width) beside `like`, and what no memory holds."""
    require.instance("u", u, Tensor, "Call torch.as_tensor.")
    if not u.is_floating_point():
        raise TypeError(f"`u` must hold real numbers; got {u.dtype}. Call u.float().")
    check_axes(tuple(u.shape), width, "(batch, length, width)", u.ndim == 3)
    if u.device != like.device:
        got = f"{u.device} and {like.device}"
        raise ValueError(f"`u` must be where the layer is; got {got}. Move one of them.")
    if not torch.compiler.is_compiling():
        size = u.numel() * like.element_size()
        require.room("the outputs", size, host=u.device.type == "cpu")


def same_type(u: Tensor, like: Tensor) -> None:
    """Refuse a signal of another type than weights: products do not mix them."""
    cast = torch.is_autocast_enabled(u.device.type) and u.element_size() <= 4
    if u.dtype != like.dtype and not cast:
        rule = "`u` must have the type of the weights"
        raise TypeError(f"{rule}; got {u.dtype} and {like.dtype}. Cast one, or use autocast.")


def check_beside(name: str, value: Any, u: Tensor) -> None:
    """Refuse lengths, resets and steps that do not go with the signal `u`."""
    require.instance(name, value, Tensor, "Call torch.as_tensor.")
    axes, held, remedy = _BESIDE[name]
    if _held(value.dtype) not in held:
        rule = f"`{name}` must hold {' or '.join(held)}"
        raise TypeError(f"{rule}; got {value.dtype}. {remedy}")
    wanted = tuple(u.shape[:axes])
    got = tuple(value.shape)
    require.shape(name, got, f"{wanted} as `u` has it", got == wanted)
    if name == "lengths":
        _check_range(name, value, 1, u.shape[1], "Cut them, and leave empty signals out.")
    if name == "steps":
        _check_range(name, value, 0, math.inf, "Sort the times.")


def check_scale(scale: Tensor, steps: tuple[int, ...]) -> None:
    """Refuse a `step_scale` that is not a positive number for all steps or for each."""
    got = tuple(scale.shape)
    require.shape("step_scale", got, f"() or {steps}, that of the steps", got in ((), (1,), steps))
    if _held(scale.dtype) not in ("real numbers", "integers"):
        raise TypeError(f"`step_scale` must hold real numbers; got {scale.dtype}. Call scale.real.")
    _check_range("step_scale", scale, torch.finfo(torch.float32).tiny, math.inf, "It is a ratio.")


def _held(dtype: torch.dtype) -> str:
    if dtype == torch.bool:
        return "truth values"
    if dtype.is_complex:
        return "complex numbers"
    return "real numbers" if dtype.is_floating_point else "integers"


def _check_range(name: str, values: Tensor, low: float, high: float, remedy: str) -> None:
    """Refuse values outside an interval, where they can be read."""
    if torch.compiler.is_compiling() or not values.numel():
        return
    least = values.min().item()
    most = values.max().item()
    if least < low or most > high:
        rule = f"`{name}` must lie from {low} to {high}"
        raise ValueError(f"{rule}; got {least:g} to {most:g}. {remedy}")


def mask(lengths: Tensor, length: int) -> Tensor:
    """True at the samples that count, (batch, length)."""
    return torch.arange(length, device=lengths.device) < lengths[:, None]


def ambient(y: Tensor, u: Tensor) -> Tensor:
    """The output in the type of autocast, or in that of the input."""
    device = u.device.type
    if torch.is_autocast_enabled(device):
        return y.to(torch.get_autocast_dtype(device))
    return y.to(u.dtype)
