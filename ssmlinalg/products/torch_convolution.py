"""Cyclic convolution in PyTorch with derivatives of its own.

Autograd takes a full complex transform for the derivative of a real one, and keeps every spectrum.
Here the derivatives are real transforms again, of as many channels at a time as a cache holds, and
only the signal and the kernel are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

CACHE = 1 << 22  # bytes of one transform at a time
SMALL = 1 << 20  # bytes of one transform up to which a derivative of its own is no faster


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
        One real transform of u, of k and of the result, forward; of the derivative of the result,
        u, k and their derivatives, backward.

    Example:
        >>> cyclic(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1.0, 0.5]), 4, 3)
        tensor([1.0000, 0.5000, 2.0000])
    """
    compiling = torch.compiler.is_compiling()  # the compiler fuses what stands open
    if compiling or _size(period, u, k) <= SMALL:
        return _at_once(u, k, period, length).contiguous()
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
        u, k = ctx.saved_tensors
        found = _transposed(gradients[0], u, k, ctx.period, ctx.needs_input_grad)
        return *found, None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        of_u, of_k = tangents[:2]
        u, k = ctx.saved_tensors
        of_u = torch.zeros_like(u) if of_u is None else of_u
        of_k = torch.zeros_like(k) if of_k is None else of_k
        left = _product(of_u, k, ctx.period, ctx.length)
        return left + _product(u, of_k, ctx.period, ctx.length)


def _at_once(u: Tensor, k: Tensor, period: int, length: int) -> Tensor:
    """The first entries of u * k on a circle."""
    spectrum = torch.fft.rfft(u, n=period) * torch.fft.rfft(k, n=period)
    return torch.fft.irfft(spectrum, n=period)[..., :length]


def _product(u: Tensor, k: Tensor, period: int, length: int) -> Tensor:
    """The same by blocks of channels."""
    (y,) = _by_channels(lambda u, k: (_at_once(u, k, period, length),), period, u, k)
    return y.contiguous()


def _transposed(
    g: Tensor, u: Tensor, k: Tensor, period: int, wanted: tuple[bool, ...]
) -> tuple[Any, ...]:
    """The derivatives of u * k, which are g with k and with u reversed; g is transformed once.

    Their spectra are summed to the leading axes of u and k before they are transformed back.
    """

    def block(g: Tensor, u: Tensor, k: Tensor) -> tuple[Any, ...]:
        spectrum = torch.fft.rfft(g, n=period)

        def derivative(of: Tensor, other: Tensor) -> Tensor:
            product = spectrum * torch.fft.rfft(other, n=period).conj()
            product = product.sum_to_size((*of.shape[:-1], product.shape[-1]))
            return torch.fft.irfft(product, n=period)[..., : of.shape[-1]]

        of_u = derivative(u, k) if wanted[0] else None
        of_k = derivative(k, u) if wanted[1] else None
        return of_u, of_k

    return _by_channels(block, period, g, u, k)


def _by_channels(
    block: Callable[..., tuple[Any, ...]], period: int, *arrays: Tensor
) -> tuple[Any, ...]:
    """The arrays that `block` returns, from as many channels at a time as a cache holds."""
    sizes = {array.shape[-2] if array.ndim > 1 else 1 for array in arrays}
    channels = sizes.pop()
    bytes_of_all = _size(period, *arrays)
    if sizes or bytes_of_all <= CACHE or not arrays[0].is_cpu:
        return block(*arrays)
    size = max(1, channels * CACHE // bytes_of_all)
    parts = []
    for start in range(0, channels, size):
        parts.append(block(*(array[..., start : start + size, :] for array in arrays)))
    found = zip(*parts, strict=True)
    return tuple(None if each[0] is None else torch.cat(each, dim=-2) for each in found)


def _size(period: int, *arrays: Tensor) -> int:
    """The bytes of the largest transform."""
    rows = max(array.numel() // max(1, array.shape[-1]) for array in arrays)
    return rows * period * arrays[0].element_size()
