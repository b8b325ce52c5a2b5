"""A layer that was trained, in real arithmetic and plain operators: for ONNX and small devices."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..discretize import sampled
from ..forms import Delayed, batch, kind, view
from ..ground import backend, layer_inputs, require
from ..ground.backend import matvec
from ..kernels import kernel
from .signals import AXES, SinglePrecision, ambient
from .state_space_layer import SSM


class RealStep(SinglePrecision):
    """One sample of an `SSM` as it is now: real numbers, products and sums only.

    Args:
        layer: a layer of one direction.

    Raises:
        TypeError: for a bidirectional layer.

    Example:
        >>> step = RealStep(SSM(4, order=8))
        >>> y, state = step(torch.zeros(2, 4), step.initial_state(2))
    """

    D: Tensor

    def __init__(self, layer: SSM) -> None:
        super().__init__()
        require.instance("layer", layer, SSM, "Give an nn.SSM.")
        layer.one_direction("RealStep")
        with torch.no_grad():
            system = sampled(layer.form(), rule=layer.rule)
            A, B, C, D = view(system)
            self.register_buffer("A_re", A.real.contiguous())
            self.register_buffer("A_im", A.imag.contiguous())
            self.register_buffer("B", torch.cat([B.real, B.imag], dim=-2))
            self.register_buffer("C", torch.cat([C.real, -C.imag], dim=-1))
            self.register_buffer("D", D.clone())
        self.late = isinstance(system, Delayed)
        self.matrix = kind(system).matrix
        self.ports = kind(system).ports
        self.width = layer.width
        self.rest = (*batch(system), 2 * A.shape[-1])

    def initial_state(self, batch_size: int) -> Tensor:
        """The state of a system at rest.

        Args:
            batch_size: the number of signals.

        Returns:
            Zeros (batch, H, 2 n), or (batch, 2 n) if the channels share one state.

        Example:
            >>> RealStep(SSM(4, order=8)).initial_state(2).shape
            torch.Size([2, 4, 8])
        """
        shape = (require.integer("batch_size", batch_size), *self.rest)
        require.room("the state", math.prod(shape) * self.D.element_size(), host=self.D.is_cpu)
        return torch.zeros(shape, dtype=self.D.dtype, device=self.D.device)

    def forward(self, u: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The output and the state after a sample.

        Args:
            u: (batch, H).
            state: as returned last, or `initial_state`.

        Returns:
            y (batch, H) in the type of u, or in that of autocast, and the state, real parts before
            imaginary ones.

        Raises:
            TypeError: for what holds no real numbers.
            ValueError: for another shape or device.
        """
        layer_inputs.sample(u, self.width, self.D, state, self.rest)
        layer_inputs.real_numbers("state", state, self.D)
        A_re, A_im, B, C, D = self.buffers()
        x = u.to(D.dtype)
        re, im = state.to(D.dtype).chunk(2, dim=-1)
        real = self._times(A_re, re) - self._times(A_im, im)
        imaginary = self._times(A_im, re) + self._times(A_re, im)
        inputs = x if self.ports else x[..., None]
        after = torch.cat([real, imaginary], dim=-1) + matvec(B, inputs)
        read = state if self.late else after
        y = matvec(C, read) + matvec(D, inputs)
        return ambient(y if self.ports else y[..., 0], u), after

    def _times(self, A: Tensor, x: Tensor) -> Tensor:
        return matvec(A, x) if self.matrix else A * x


class FixedLength(SinglePrecision):
    """An `SSM` as it is now for signals of one length: a convolution with its kernel, kept.

    Args:
        layer: a layer of one direction.
        length: the samples of the signals.

    Raises:
        TypeError: for a bidirectional layer.
        ValueError: for a length below 1.

    Cost:
        H L multiplications a sample, no Fourier transform; for several inputs H^2 L.

    Example:
        >>> FixedLength(SSM(4, order=8), 20)(torch.zeros(2, 20, 4)).shape
        torch.Size([2, 20, 4])
    """

    weight: Tensor

    def __init__(self, layer: SSM, length: int) -> None:
        super().__init__()
        require.instance("layer", layer, SSM, "Give an nn.SSM.")
        layer.one_direction("FixedLength")
        length = require.integer("length", length)
        with torch.no_grad():
            K = kernel(layer.form(), length, rule=layer.rule).flip(-1)
        self.width = layer.width
        self.groups = 1 if K.ndim == 3 else layer.width
        self.register_buffer("weight", K if K.ndim == 3 else K[:, None])

    def forward(self, u: Tensor) -> Any:
        """The outputs (batch, L, H) for signals (batch, L, H) of that length."""
        layer_inputs.signal(u, self.width, AXES, self.weight)
        most = self.weight.shape[-1]
        require.shape("u", tuple(u.shape), f"(batch, L, H) with L <= {most}", u.shape[1] <= most)
        past = torch.nn.functional.pad(u.to(self.weight.dtype).mT, (most - 1, 0))
        with backend.exactly(u):
            y = torch.nn.functional.conv1d(past, self.weight, groups=self.groups)
        return ambient(y.mT, u)
