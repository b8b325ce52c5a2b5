"""Analytic functions in PyTorch whose derivative is known, as one node of its graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def analytic(
    function: Callable[..., Tensor], slope: Callable[..., Tensor], z: Tensor, *others: Tensor
) -> Tensor:
    """The function of `transformations.analytic`.

    Args:
        function: analytic in z.
        slope: its derivative, differentiable itself.
        z: complex numbers.
        *others: what is known of z besides.

    Returns:
        The values.

    Example:
        >>> z = torch.tensor([1j], requires_grad=True)
        >>> value = analytic(torch.square, lambda z: 2 * z, z)
        >>> torch.autograd.grad(value.imag.sum(), z)[0]
        tensor([2.+0.j])
    """
    if not (z.requires_grad and torch.is_grad_enabled()):
        return function(z, *others)
    return _Analytic.apply(function, slope, z, *(other.detach() for other in others))


class _Analytic(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(function: Any, slope: Any, z: Tensor, *others: Tensor) -> Tensor:
        return function(z, *others)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.slope, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        z, *others = ctx.saved_tensors
        return None, None, gradients[0] * ctx.slope(z, *others).conj(), *(None for _ in others)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        return tangents[2] * ctx.slope(*ctx.saved_tensors)
