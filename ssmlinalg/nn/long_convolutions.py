"""Layers that learn a long kernel by other numbers than modes: SGConv and HOPE."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..ground import layer_inputs, require
from ..kernels import convolve, hope, hope_recurrence, sgconv, sgconv_norm, sgconv_scales, stepper
from .signals import AXES, SinglePrecision, ambient


class SGConv(SinglePrecision):
    r"""A convolution whose kernel has scales, each twice as coarse and `decay` times as strong.

    .. math::  K = \frac{1}{|K_0|} [k_0, k_1, \dots], \qquad
               k_i = \alpha^i\, \mathrm{upsample}_{2^{\max(i-1, 0)}}(w_i)

    Args:
        width: H, the channels.
        length: the samples that the kernel has; longer signals see zeros beyond.
        dimension: d, the weights of each scale.
        decay: alpha of every channel, learnable.
        seed: of the weights and of D.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Li et al. 2023 (SGConv), Section 3.

    Example:
        >>> SGConv(4, length=64)(torch.zeros(2, 64, 4)).shape
        torch.Size([2, 64, 4])
    """

    scale: Tensor

    def __init__(
        self, width: int, length: int, *, dimension: int = 32, decay: float = 0.5, seed: int = 0
    ) -> None:
        super().__init__()
        self.width = require.integer("width", width)
        self.length = require.integer("length", length)
        scales = sgconv_scales(self.length, dimension)
        require.room("the kernel", 4 * width * (dimension << scales - 1), host=True)
        drawn = torch.Generator().manual_seed(require.integer("seed", seed, least=0))
        self.weights = torch.nn.Parameter(torch.randn(width, scales, dimension, generator=drawn))
        self.decay = torch.nn.Parameter(torch.full((width,), require.real("decay", decay)))
        self.D = torch.nn.Parameter(torch.randn(width, generator=drawn))
        with torch.no_grad():
            norm = sgconv_norm(self.weights, decay=self.decay)
        self.register_buffer("scale", 1 / norm)

    def kernel(self) -> Tensor:
        """The kernel (H, length), without D.

        Returns:
            A tensor, of norm 1 at the start.

        Example:
            >>> SGConv(4, length=64).kernel().shape
            torch.Size([4, 64])
        """
        K = sgconv(self.weights, self.length, decay=self.decay)
        return K * self.scale[:, None]

    def forward(self, u: Tensor) -> Tensor:
        """The outputs (batch, L, H) for signals (batch, L, H).

        Args:
            u: real signals.

        Returns:
            A tensor in the type of u, or in that of autocast.

        Raises:
            TypeError: for what holds no real numbers.
            ValueError: for another width.
        """
        return _outputs(u, self.D, lambda length: self.kernel())


class Hankel(SinglePrecision):
    r"""A convolution whose kernel is learnt as the entries of a Hankel operator: HOPE.

    .. math::  G(z) = \sum_{n=1}^N h_n z^{-n}, \qquad
               z^{-1} = \frac{1 - s/\mathrm{step}}{1 + s/\mathrm{step}}

    Args:
        width: H, the channels.
        order: N, the Markov parameters of each channel.
        step: the interval from which steps are drawn, log-uniformly.
        seed: of h, D and the steps.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Yu, Mahoney & Erichson 2024 (HOPE).

    Example:
        >>> Hankel(4, order=16)(torch.zeros(2, 64, 4)).shape
        torch.Size([2, 64, 4])
    """

    def __init__(
        self,
        width: int,
        order: int = 64,
        *,
        step: tuple[float, float] = (1e-3, 1e-1),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.width = require.integer("width", width)
        order = require.integer("order", order)
        require.room("the parameters", 4 * width * order, host=True)
        low, high = map(math.log, require.interval("step", step))
        drawn = torch.Generator().manual_seed(require.integer("seed", seed, least=0))
        self.h = torch.nn.Parameter(torch.randn(width, order, generator=drawn) / math.sqrt(order))
        log_step = low + (high - low) * torch.rand(width, generator=drawn)
        self.log_step = torch.nn.Parameter(log_step)
        self.D = torch.nn.Parameter(torch.randn(width, generator=drawn))

    def forward(self, u: Tensor) -> Tensor:
        """The outputs (batch, L, H) for signals (batch, L, H).

        Args:
            u: real signals.

        Returns:
            A tensor in the type of u, or in that of autocast.

        Raises:
            TypeError: for what holds no real numbers.
            ValueError: for another width.
        """
        return _outputs(u, self.D, lambda length: hope(self.h, self.log_step.exp(), length))

    def recurrence(self) -> Any:
        """The causal layer sample by sample, O(N^2) operations each.

        Returns:
            A function (u, state=None) -> (y, state), u and y (batch, H), without gradients. It
            equals `forward` once the kernel is over within the signal: that of `forward` is
            periodic.

        Example:
            >>> y, state = Hankel(4, order=8).recurrence()(torch.zeros(2, 4))
        """
        with torch.no_grad():
            system = hope_recurrence(self.h, self.log_step.exp())
            return torch.no_grad()(stepper(system._replace(D=system.D + self.D)))


def _outputs(u: Tensor, D: Tensor, kernel: Callable[[int], Tensor]) -> Tensor:
    """The signals convolved with a kernel of their length, and D of them."""
    layer_inputs.signal(u, len(D), AXES, D)
    x = u.to(D.dtype).mT
    y = convolve(x, kernel(x.shape[-1])) + D[:, None] * x
    return ambient(y.mT, u)
