"""Sums of powers as operators of PyTorch: opaque to its compiler, with derivatives and batching of
their own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

from ..powers.double_words import Words
from ..powers.tables import Base
from . import baby_step_giant_step, cuda

_ONCE = "sums of powers must be differentiated once only; got a second derivative. Differentiate a plain sum of exponentials."


def power_sums(
    weights: torch.Tensor, base: Base, direct: torch.Tensor, length: int, max_bytes: int
) -> torch.Tensor:
    """`baby_step_giant_step.power_sums` with a derivative, in reverse mode and once."""
    return _Sums.apply(
        weights, base.value, *base.words, direct, base.exponential, length, max_bytes
    )


def moments(signal: torch.Tensor, base: Base, max_bytes: int) -> torch.Tensor:
    """`baby_step_giant_step.moments` with a derivative, in reverse mode and once."""
    return _Moments.apply(signal, base.value, *base.words, base.exponential, max_bytes)


def _bodies(tensor: torch.Tensor) -> ModuleType:
    """On a GPU the kernels, if there is a CuPy to compile them."""
    return cuda if tensor.is_cuda and cuda.available() else baby_step_giant_step


def _mapped(operator: Callable[..., Any]) -> None:
    """Under vmap the axis that is mapped over becomes one more axis of groups."""

    def merged(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
        size = info.batch_size

        def merge(x: Any, dim: int | None) -> Any:
            if not isinstance(x, torch.Tensor):
                return x
            return (x.expand(size, *x.shape) if dim is None else x.movedim(dim, 0)).flatten(0, 1)

        found = operator(*(merge(x, dim) for x, dim in zip(arguments, in_dims, strict=True)))
        if isinstance(found, torch.Tensor):
            return found.unflatten(0, (size, -1)), 0
        return tuple(x.unflatten(0, (size, -1)) for x in found), (0,) * len(found)

    operator.register_vmap(merged)  # pyright: ignore[reportFunctionMemberAccess]


@torch.library.custom_op(
    "ssmlinalg::power_sums",
    mutates_args=(),
    schema="(Tensor weights, Tensor value, Tensor hi, Tensor lo, Tensor direct,"
    " bool exponential, int length, int max_bytes) -> Tensor",
)
def _sums(weights, value, hi, lo, direct, exponential, length, max_bytes):
    return (
        _bodies(weights)
        .power_sums(weights, Base(value, Words(hi, lo), exponential), direct, length, max_bytes)
        .contiguous()
    )


@_sums.register_fake
def _(weights, value, hi, lo, direct, exponential, length, max_bytes):
    return direct.new_empty((*weights.shape[:-1], length))


@torch.library.custom_op(
    "ssmlinalg::power_sums_gradient",
    mutates_args=(),
    schema="(Tensor cotangent, Tensor weights, Tensor value, Tensor hi, Tensor lo,"
    " bool exponential, int max_bytes) -> (Tensor, Tensor)",
)
def _gradient(cotangent, weights, value, hi, lo, exponential, max_bytes):
    s, r = _bodies(weights).gradients(
        cotangent, weights, Base(value, Words(hi, lo), exponential), max_bytes
    )
    return s.conj().resolve_conj().contiguous(), r.conj().resolve_conj().contiguous()


@_gradient.register_fake
def _(cotangent, weights, value, hi, lo, exponential, max_bytes):
    return torch.empty_like(weights, memory_format=torch.contiguous_format), value.new_empty(
        value.shape
    )


@torch.library.custom_op(
    "ssmlinalg::moments",
    mutates_args=(),
    schema="(Tensor signal, Tensor value, Tensor hi, Tensor lo, bool exponential, int max_bytes) -> Tensor",
)
def _moments(signal, value, hi, lo, exponential, max_bytes):
    return (
        _bodies(signal)
        .moments(signal, Base(value, Words(hi, lo), exponential), max_bytes)
        .contiguous()
    )


@_moments.register_fake
def _(signal, value, hi, lo, exponential, max_bytes):
    return value.new_empty((*signal.shape[:-1], value.shape[-1]))


_mapped(_sums)
_mapped(_gradient)
_mapped(_moments)


def _derivative() -> Callable[..., Any]:
    """The gradient, refusing to be differentiated again; compiled, no second derivative is
    traced.
    """
    return _gradient if torch.compiler.is_compiling() else _Gradient.apply


class _Sums(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(*arguments):
        return _sums(*arguments)

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, _, ctx.exponential, _, ctx.max_bytes = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, cotangent):  # pyright: ignore[reportIncompatibleMethodOverride]
        s, r = _derivative()(cotangent, *ctx.saved_tensors, ctx.exponential, ctx.max_bytes)
        return s, r, None, None, cotangent[..., 0], None, None, None


class _Gradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(*arguments):
        return _gradient(*arguments)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *_):
        raise NotImplementedError(_ONCE)


class _Moments(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(*arguments):
        return _moments(*arguments)

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, ctx.exponential, ctx.max_bytes = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, cotangent):  # pyright: ignore[reportIncompatibleMethodOverride]
        signal, value, hi, lo = ctx.saved_tensors
        weights, none = cotangent.conj().resolve_conj(), torch.zeros_like(signal[..., 0])
        g = _Sums.apply(
            weights, value, hi, lo, none, ctx.exponential, signal.shape[-1], ctx.max_bytes
        )
        _, slope = _derivative()(signal, weights, value, hi, lo, ctx.exponential, ctx.max_bytes)
        return g, slope, None, None, None, None
