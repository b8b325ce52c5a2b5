"""Cyclic convolution in PyTorch with derivatives of its own.

Autograd takes a full complex transform for the derivative of a real one, and keeps every spectrum.
Here the derivatives are real transforms again, of as many channels at a time as a cache holds, and
only the signal and the kernel are kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CACHE = 1 << 22  # bytes of one transform at a time


def cyclic(u: Tensor, k: Tensor, period: int, length: int) -> Tensor:
    """The first entries of the cyclic convolution of signals with kernels.

    Args:
        u: signals (..., L), L <= period.
        k: kernels (..., T), T <= period, in the type of u; leading axes broadcast.
        period: the length of the transforms.
        length: how many entries.

    Returns:
        The entries (..., length).

    Cost:
        One real transform of u, of k and of the result, forward; of the derivative, u, k and both
        derivatives, backward.

    Example:
        >>> cyclic(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1.0, 0.5]), 4, 3)
        tensor([1.0000, 0.5000, 2.0000])
    """
    if torch.compiler.is_compiling():  # the compiler fuses what stands open
        return _product(u, k, period, length)
    return _Cyclic.apply(u, k, period, length)


class _Cyclic(torch.autograd.Function):
    """The convolution as one operation. Its derivatives can be differentiated again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(u: Tensor, k: Tensor, period: int, length: int) -> Tensor:
        return _product(u, k, period, length)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        u, k, ctx.period, ctx.length = inputs
        ctx.save_for_backward(u, k)
        ctx.save_for_forward(u, k)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        (g,) = gradients
        u, k = ctx.saved_tensors
        of_u = None
        of_k = None
        if ctx.needs_input_grad[0]:
            of_u = _product(g, k, ctx.period, u.shape[-1], conjugate=True).sum_to_size(u.shape)
        if ctx.needs_input_grad[1]:
            of_k = _product(g, u, ctx.period, k.shape[-1], conjugate=True, like=k)
        return of_u, of_k, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        of_u, of_k = tangents[:2]
        u, k = ctx.saved_tensors
        of_u = torch.zeros_like(u) if of_u is None else of_u
        of_k = torch.zeros_like(k) if of_k is None else of_k
        left = _product(of_u, k, ctx.period, ctx.length)
        return left + _product(u, of_k, ctx.period, ctx.length)


def _product(
    a: Tensor,
    b: Tensor,
    period: int,
    length: int,
    *,
    conjugate: bool = False,
    like: Tensor | None = None,
) -> Tensor:
    """The first entries of a * b on a circle, of a * b reversed if `conjugate`, by channels.

    With `like` the spectrum is summed to its leading axes before it is transformed back.
    """

    def block(some: slice) -> Tensor:
        spectrum = torch.fft.rfft(_rows(b, some), n=period)
        spectrum = spectrum.conj() if conjugate else spectrum
        spectrum = torch.fft.rfft(_rows(a, some), n=period) * spectrum
        if like is not None:
            lead = _rows(like, some).shape[:-1]
            spectrum = spectrum.sum_to_size((*lead, spectrum.shape[-1]))
        return torch.fft.irfft(spectrum, n=period)[..., :length]

    channels = _channels(a, b, *([] if like is None else [like]))
    if channels == 1 or not a.is_cpu:
        return block(slice(None)).contiguous()
    wide = max(a.numel() // a.shape[-1], b.numel() // b.shape[-1]) // channels
    size = max(1, CACHE // max(1, wide * period * a.element_size()))
    parts = [block(slice(start, start + size)) for start in range(0, channels, size)]
    return torch.cat(parts, dim=-2)


def _channels(*arrays: Tensor) -> int:
    """The size of the axis before the last, if all have it; else 1."""
    sizes = {array.shape[-2] if array.ndim > 1 else 0 for array in arrays}
    return sizes.pop() if len(sizes) == 1 and 0 not in sizes else 1


def _rows(array: Tensor, some: slice) -> Tensor:
    return array[..., some, :] if array.ndim > 1 else array
