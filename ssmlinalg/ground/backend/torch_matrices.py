"""Functions of matrices whose work depends on values, as operators of PyTorch.

They are opaque to its compiler, and the exponential has a derivative of its own.
"""

from __future__ import annotations

import torch

from .gebal import exponents_on_host
from .pade_approximant import derivative_blocks, exponential
from .powers_of_two import times_two_to


def expm(Z: torch.Tensor) -> torch.Tensor:
    """`pade_approximant.exponential` with a derivative in both modes, to any order.

    Args:
        Z: matrices (..., N, N).

    Returns:
        e^Z (..., N, N).

    Example:
        >>> expm(torch.zeros(1, 1)).tolist()
        [[1.0]]
    """
    function = _InReverse if torch.compiler.is_compiling() else _InBothModes
    return function.apply(Z)


@torch.library.custom_op("ssmlinalg::matrix_exponential", mutates_args=())
def _operator(Z: torch.Tensor) -> torch.Tensor:
    return exponential(Z).clone(memory_format=torch.contiguous_format)


@_operator.register_fake
def _(Z):
    return Z.new_empty(Z.shape)


@_operator.register_vmap
def _(info, in_dims, Z):
    return _operator(Z.movedim(in_dims[0], 0)), 0


def _derivative(Z: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """The derivative of e^Z in a direction: a block of one exponential of twice the order."""
    blocks, exponent = derivative_blocks(Z, direction)
    N = Z.shape[-1]
    return times_two_to(expm(blocks)[..., :N, N:], exponent)


class _InReverse(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(Z):
        return _operator(Z)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, cotangent):  # pyright: ignore[reportIncompatibleMethodOverride]
        (Z,) = ctx.saved_tensors
        return _derivative(Z.mH, cotangent)


class _InBothModes(_InReverse):
    """For what no compiler traces, which would refuse a derivative in forward mode."""

    @staticmethod
    def jvp(ctx, direction):  # pyright: ignore[reportIncompatibleMethodOverride]
        (Z,) = ctx.saved_tensors
        return _derivative(Z, direction)


def balance(A: torch.Tensor) -> torch.Tensor:
    """`balancing.exponents_on_host` without a derivative.

    Args:
        A: matrices (..., N, N).

    Returns:
        Whole numbers (..., N).

    Example:
        >>> balance(torch.eye(1)).tolist()
        [0.0]
    """
    return _Balance.apply(A)


@torch.library.custom_op("ssmlinalg::balance", mutates_args=())
def _exponents(A: torch.Tensor) -> torch.Tensor:
    return exponents_on_host(A)


@_exponents.register_fake
def _(A):
    return A.real.new_empty(A.shape[:-1])


@_exponents.register_vmap
def _(info, in_dims, A):
    return _exponents(A.movedim(in_dims[0], 0)), 0


class _Balance(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(A):
        return _exponents(A)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx, cotangent):  # pyright: ignore[reportIncompatibleMethodOverride]
        return None
