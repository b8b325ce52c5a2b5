"""Products of matrices and solutions in PyTorch with all their digits under autocast.

Autocast rounds factors to 16 bits where a product is computed, and those of its derivatives where
`backward` is called, which is within it as often as not.
"""

from __future__ import annotations

import torch
from torch import Tensor


def product(x: Tensor, y: Tensor) -> Tensor:
    """The product of matrices in the precision of its arrays, derivatives in both modes included.

    Args:
        x: (..., M, N).
        y: (..., N, K).

    Returns:
        x y (..., M, K).

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16):
        ...     product(torch.ones(1, 1), torch.ones(1, 1)).dtype
        torch.float32
    """
    if not _lowered(x):
        return torch.matmul(x, y)
    traced = torch.compiler.is_compiling()
    other = y.view_as(y) if y is x else y  # no compiler takes one tensor twice
    return (_ProductInReverse if traced else _ProductInBothModes).apply(x, other)


def solve(A: Tensor, B: Tensor) -> Tensor:
    """The solution X of A X = B, derivatives in both modes in the precision of the arrays.

    Args:
        A: (..., N, N).
        B: (..., N, K).

    Returns:
        X (..., N, K).

    Example:
        >>> solve(torch.full((1, 1), 2.0), torch.ones(1, 1)).tolist()
        [[0.5]]
    """
    if not _lowered(A):
        return torch.linalg.solve(A, B)
    traced = torch.compiler.is_compiling()
    return (_SolutionInReverse if traced else _SolutionInBothModes).apply(A, B)


def _lowered(x: Tensor) -> bool:
    """Whether autocast would round such factors: complex and double ones are left alone."""
    where = x.device.type
    if x.dtype.is_complex or x.dtype == torch.float64:
        return False
    return torch.amp.is_autocast_available(where) and torch.is_autocast_enabled(where)


def _exact(x: Tensor, y: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return torch.matmul(x, y)


def _on_the_right(x: Tensor, g: Tensor, shape: torch.Size) -> Tensor:
    """x^H g, summed to the shape of the factor on the right."""
    if len(shape) == 2:  # one product: the leading axes are summed over
        x = x.flatten(end_dim=-2)
        g = g.flatten(end_dim=-2)
    return _exact(x.mH, g).sum_to_size(shape)


class _ProductInReverse(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, y):
        return _exact(x, y)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):  # pyright: ignore[reportIncompatibleMethodOverride]
        x, y = ctx.saved_tensors
        of_x = _on_the_right(y.mT, g.mT, x.mT.shape).mT if ctx.needs_input_grad[0] else None
        of_y = _on_the_right(x, g, y.shape) if ctx.needs_input_grad[1] else None
        return of_x, of_y


class _ProductInBothModes(_ProductInReverse):
    """For what no compiler traces, which would refuse a derivative in forward mode."""

    @staticmethod
    def jvp(ctx, of_x, of_y):  # pyright: ignore[reportIncompatibleMethodOverride]
        x, y = ctx.saved_tensors
        return _exact(of_x, y) + _exact(x, of_y)


class _SolutionInReverse(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(A, B):
        return torch.linalg.solve(A, B)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs, output)

    @staticmethod
    def backward(ctx, g):  # pyright: ignore[reportIncompatibleMethodOverride]
        A, B, X = ctx.saved_tensors
        of_B = torch.linalg.solve(A.mH, g)
        return -_on_the_right(of_B.mH, X.mH, A.shape), of_B.sum_to_size(B.shape)


class _SolutionInBothModes(_SolutionInReverse):
    """For what no compiler traces."""

    @staticmethod
    def jvp(ctx, of_A, of_B):  # pyright: ignore[reportIncompatibleMethodOverride]
        A, _, X = ctx.saved_tensors
        return torch.linalg.solve(A, of_B - _exact(of_A, X))
