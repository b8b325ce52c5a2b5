"""Responses of systems with feedback in PyTorch, with a derivative of their own.

Autograd would keep every spectrum, and take full complex transforms for derivatives of real ones.
Here only the series are kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import truncated_series as series


def responses(k: Tensor, F: Tensor, tail: Tensor, refined: bool) -> Tensor:
    """`truncated_series.responses_in_blocks` with a derivative in reverse mode.

    Args:
        k: (G, 1 + R, 1 + R, L), R >= 1.
        F: (G, R, R).
        tail: (G, R, R, T), through which no derivative passes.
        refined: as of `truncated_series.response`.

    Returns:
        Real coefficients (G, L).

    Example:
        >>> k = torch.full((1, 2, 2, 1), 0.5)
        >>> responses(k, torch.ones(1, 1, 1), k[:, 1:, 1:, :0], True)
        tensor([[0.5000]])
    """
    return _Responses.apply(k, F, tail, refined)


class _Responses(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(k: Tensor, F: Tensor, tail: Tensor, refined: bool) -> Tensor:
        return series.responses_in_blocks(k, F, tail, refined)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.refined = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        k, F, tail = ctx.saved_tensors
        (g,) = gradients
        circle = series.circle_for(k)
        a = torch.empty_like(k, memory_format=torch.contiguous_format)
        f = torch.empty_like(F)
        for some in series.blocks(k):
            out, into, around = _late(k[some], F[some], tail[some], g[some], circle, ctx.refined)
            a[some, 0, 0] = g[some]
            a[some, 0, 1:] = out.flip(-1)
            a[some, 1:, 0] = into.flip(-1)
            a[some, 1:, 1:, :-1] = around[..., :-1].flip(-1)
            a[some, 1:, 1:, -1] = 0
            f[some] = -around[..., -1]
        return a.conj().resolve_conj(), f.conj().resolve_conj(), None, None


def _late(
    k: Tensor, F: Tensor, tail: Tensor, g: Tensor, circle: series.Circle, refined: bool
) -> tuple[Tensor, Tensor, Tensor]:
    r"""w x g', w y g' and w y x g', of which the derivatives are made.

    x and y are the responses at V to the input 0, and at the output 0 to inputs V; g' is g run
    backwards in time, and so are the derivatives with respect to k_0V, k_V0 and, one later, k_VV.
    """
    loop = k[:, 1:, 1:]
    inward = k[:, 1:, 0]
    outward = k[:, 0, 1:]
    inverse = series.closed(loop, F, tail, circle)
    backwards = g.flip(-1)[:, None, :].to(k.dtype)
    if refined:
        x = series.solved(loop, F, inward, inverse, circle)
        y = series.solved(series.turned(loop), F.mT, outward, series.turned(inverse), circle)
        late = series.delayed(backwards)
        into = series.multiply(late, y)
        around = series.multiply(into[:, :, None], x[:, None])
        return series.multiply(late, x), into, around
    x = series.times(inverse, series.values(inward, circle))
    y = series.times(series.turned(inverse), series.values(outward, circle))
    late = circle.points * series.values(backwards, circle)
    into = late * y
    around = into[:, :, None] * x[:, None]
    out, into, around = (series.coefficients(part, circle) for part in (late * x, into, around))
    return out, into, around
