"""Exponential sums as operators of PyTorch: opaque to its compiler, with derivatives of their own.

Each sum is an operator of `torch.library`, which the compiler takes whole and vmap maps, inside an
`autograd.Function`, which differentiates it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

from ..ground import backend
from ..powers.double_words import DoubleWord
from ..powers.tables import Base
from . import baby_step_giant_step, cuda


def power_sums(
    weights: torch.Tensor,
    base: Base,
    direct: torch.Tensor,
    length: int,
    max_bytes: int,
) -> torch.Tensor:
    """`baby_step_giant_step.power_sums` with a derivative in reverse mode.

    Args:
        weights: w (G, W, n).
        base: z (G, n).
        direct: what is added at l = 0, (G, W).
        length: L.
        max_bytes: how much memory tables may take.

    Returns:
        The sums (G, W, L), real.

    Raises:
        NotImplementedError: if it is differentiated twice.

    Example:
        >>> from ssmlinalg.powers.tables import number
        >>> one = torch.ones(1, 1, 1, dtype=torch.complex64)
        >>> power_sums(one, number(one[0] / 2), torch.zeros(1, 1), 3, 1 << 25).tolist()
        [[[1.0, 0.5, 0.25]]]
    """
    return _Sums.apply(
        weights, base.value, *base.words, direct, base.exponential, length, max_bytes
    )


def moments(signal: torch.Tensor, base: Base, max_bytes: int) -> torch.Tensor:
    """`baby_step_giant_step.moments` with a derivative in reverse mode.

    Args:
        signal: g (G, W, L), real.
        base: z (G, n).
        max_bytes: how much memory tables may take.

    Returns:
        The moments (G, W, n), complex.

    Raises:
        NotImplementedError: if it is differentiated twice.

    Example:
        >>> from ssmlinalg.powers.tables import number
        >>> half = number(torch.full((1, 1), 0.5, dtype=torch.complex64))
        >>> moments(torch.ones(1, 1, 3), half, 1 << 25).real.tolist()
        [[[1.75]]]
    """
    return _Moments.apply(signal, base.value, *base.words, base.exponential, max_bytes)


def body_of(tensor: torch.Tensor) -> ModuleType:
    """The module that evaluates: on a GPU the kernels of CUDA, if there is a CuPy to compile them.

    Args:
        tensor: one of the arguments.

    Returns:
        `cuda` or `baby_step_giant_step`.

    Example:
        >>> body_of(torch.ones(1)).__name__
        'ssmlinalg.products.baby_step_giant_step'
    """
    return cuda if tensor.is_cuda and cuda.available() else baby_step_giant_step


def _mapped(operator: Callable[..., Any]) -> None:
    """Under vmap the axis that is mapped over becomes one more axis of groups."""

    def merged(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
        size = info.batch_size

        def merge(x: Any, dim: int | None) -> Any:
            if not isinstance(x, torch.Tensor):
                return x
            leading = x.expand(size, *x.shape) if dim is None else x.movedim(dim, 0)
            return leading.flatten(0, 1)

        found = operator(*(merge(x, dim) for x, dim in zip(arguments, in_dims, strict=True)))
        if isinstance(found, torch.Tensor):
            return found.unflatten(0, (size, -1)), 0
        return tuple(x.unflatten(0, (size, -1)) for x in found), (0,) * len(found)

    operator.register_vmap(merged)  # pyright: ignore[reportFunctionMemberAccess]


def _sums_of(
    weights,
    value,
    hi,
    lo,
    direct,
    exponential,
    length,
    max_bytes,
):
    base = Base(value, DoubleWord(hi, lo), exponential)
    K = body_of(weights).power_sums(weights, base, direct, length, max_bytes)
    return K.contiguous()


_sums = torch.library.custom_op(
    "ssmlinalg::power_sums",
    _sums_of,
    mutates_args=(),
    schema="(Tensor weights, Tensor value, Tensor hi, Tensor? lo, Tensor direct,"
    " bool exponential, int length, int max_bytes) -> Tensor",
)


@_sums.register_fake
def _(
    weights,
    value,
    hi,
    lo,
    direct,
    exponential,
    length,
    max_bytes,
):
    return direct.new_empty((*weights.shape[:-1], length))


def _gradients_of(
    cotangent,
    weights,
    value,
    hi,
    lo,
    exponential,
    max_bytes,
):
    base = Base(value, DoubleWord(hi, lo), exponential)
    s, r = body_of(weights).gradients(cotangent, weights, base, max_bytes)
    return s.conj().resolve_conj().contiguous(), r.conj().resolve_conj().contiguous()


_gradient = torch.library.custom_op(
    "ssmlinalg::power_sums_gradient",
    _gradients_of,
    mutates_args=(),
    schema="(Tensor cotangent, Tensor weights, Tensor value, Tensor hi, Tensor? lo,"
    " bool exponential, int max_bytes) -> (Tensor, Tensor)",
)


@_gradient.register_fake
def _(
    cotangent,
    weights,
    value,
    hi,
    lo,
    exponential,
    max_bytes,
):
    s = torch.empty_like(weights, memory_format=torch.contiguous_format)
    return s, value.new_empty(value.shape)


def _moments_of(
    signal,
    value,
    hi,
    lo,
    exponential,
    max_bytes,
):
    base = Base(value, DoubleWord(hi, lo), exponential)
    return body_of(signal).moments(signal, base, max_bytes).contiguous()


_moments = torch.library.custom_op(
    "ssmlinalg::moments",
    _moments_of,
    mutates_args=(),
    schema="(Tensor signal, Tensor value, Tensor hi, Tensor? lo,"
    " bool exponential, int max_bytes) -> Tensor",
)


@_moments.register_fake
def _(
    signal,
    value,
    hi,
    lo,
    exponential,
    max_bytes,
):
    return value.new_empty((*signal.shape[:-1], value.shape[-1]))


_mapped(_sums)
_mapped(_gradient)
_mapped(_moments)


def _evaluated(operator: Any, body: Callable[..., Any], *arguments: Any) -> Any:
    """The result of an operator, of its body itself where nothing is traced: a shorter way."""
    tensors = (x for x in arguments if isinstance(x, torch.Tensor))
    return (body if all(map(backend.readable, tensors)) else operator)(*arguments)


def _derivative(*arguments: Any) -> Any:
    """The gradient, which refuses to be differentiated where somebody might."""
    if torch.compiler.is_compiling():  # a compiler traces no second derivative
        return _gradient(*arguments)
    if torch.is_grad_enabled():
        return _Gradient.apply(*arguments)
    return _evaluated(_gradient, _gradients_of, *arguments)


class _Sums(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(weights, value, hi, lo, direct, exponential, length, max_bytes):
        arguments = (weights, value, hi, lo, direct, exponential, length, max_bytes)
        return _evaluated(_sums, _sums_of, *arguments)

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, _, ctx.exponential, _, ctx.max_bytes = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, cotangent):  # pyright: ignore[reportIncompatibleMethodOverride]
        s, r = _derivative(cotangent, *ctx.saved_tensors, ctx.exponential, ctx.max_bytes)
        return s, r, None, None, cotangent[..., 0], None, None, None


class _Gradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(cotangent, weights, value, hi, lo, exponential, max_bytes):
        arguments = (cotangent, weights, value, hi, lo, exponential, max_bytes)
        return _evaluated(_gradient, _gradients_of, *arguments)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *_):
        raise NotImplementedError(baby_step_giant_step.SECOND_DERIVATIVE)


class _Moments(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(signal, value, hi, lo, exponential, max_bytes):
        arguments = (signal, value, hi, lo, exponential, max_bytes)
        return _evaluated(_moments, _moments_of, *arguments)

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, ctx.exponential, ctx.max_bytes = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, cotangent):  # pyright: ignore[reportIncompatibleMethodOverride]
        signal, value, hi, lo = ctx.saved_tensors
        words = (value, hi, lo)
        options = (ctx.exponential, ctx.max_bytes)
        length = signal.shape[-1]
        weights = cotangent.conj().resolve_conj()
        none = torch.zeros_like(signal[..., 0])
        g = _Sums.apply(weights, *words, none, ctx.exponential, length, ctx.max_bytes)
        _, slope = _derivative(signal, weights, *words, *options)
        return g, slope, None, None, None, None
