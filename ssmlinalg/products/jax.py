"""Exponential sums in JAX: loops over parts of the groups, and derivatives of their own.

A loop bounds the memory, and it is a border across which the compiler does not fuse. In one piece a
cosine would be taken for every entry of a table instead of for its factors, at twenty times the
cost.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..powers.double_words import DoubleWord
from ..powers.tables import Base
from .baby_step_giant_step import (
    SECOND_DERIVATIVE,
    Factors,
    Steps,
    product,
    split,
    steps_of,
    transform,
    transposed,
)

_CACHE = 1 << 22  # bytes of tables and products at a time


def power_sums(
    weights: Any,
    base: Base,
    direct: Any,
    length: int,
    max_bytes: int,
) -> Any:
    """`baby_step_giant_step.power_sums` with a derivative.

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
        >>> one = jnp.ones((1, 1, 1)) + 0j
        >>> power_sums(one, number(one[0] / 2), jnp.zeros((1, 1)), 3, 1 << 25).tolist()
        [[[1.0, 0.5, 0.25]]]
    """
    value, words, exponential = base
    K: Any = _power_sums(length, exponential, max_bytes, weights, value, words)
    return K.at[..., :1].add(direct[..., None])


def moments(signal: Any, base: Base, max_bytes: int) -> Any:
    """`baby_step_giant_step.moments` with a derivative.

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
        >>> moments(jnp.ones((1, 1, 3)), number(jnp.full((1, 1), 0.5 + 0j)), 1 << 25).real.tolist()
        [[[1.75]]]
    """
    value, words, exponential = base
    return _moments(exponential, max_bytes, signal, value, words)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _power_sums(
    length: int,
    exponential: bool,
    max_bytes: int,
    weights: Any,
    value: Any,
    words: DoubleWord,
) -> Any:
    G, W, n = weights.shape
    if 0 in (G, W, length):
        return jnp.zeros((G, W, length), weights.real.dtype)
    m, rows = split(W, length)
    base = Base(value, words, exponential)
    steps = steps_of(base, m, rows)

    def part(weights: Any, giant: Factors, baby: Factors) -> Any:
        K = product(weights, Steps(giant, baby, m, rows))
        return K[..., :length]

    each = weights.dtype.itemsize * n * (m + W * rows)
    return _in_parts(part, each, max_bytes, weights, steps.giant, steps.baby)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _gradients(
    exponential: bool,
    max_bytes: int,
    cotangent: Any,
    weights: Any,
    value: Any,
    words: DoubleWord,
) -> Any:
    G, W, n = weights.shape
    length = cotangent.shape[-1]
    if 0 in (G, W) or length < 2:
        total = jnp.sum(cotangent, axis=-1, keepdims=True)
        return jnp.zeros_like(weights) + total, jnp.zeros_like(value)
    m, rows = split(W, length - 1)
    base = Base(value, words, exponential)
    steps = steps_of(base, m, rows)

    def part(
        cotangent: Any,
        weights: Any,
        value: Any,
        giant: Factors,
        baby: Factors,
    ) -> Any:
        whole, slope = transposed(cotangent, weights, Steps(giant, baby, m, rows))
        return cotangent[..., :1] + value[:, None, :] * whole, slope

    each = 2 * weights.dtype.itemsize * n * (m + W * rows)
    return _in_parts(part, each, max_bytes, cotangent, weights, value, steps.giant, steps.baby)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _moments(
    exponential: bool,
    max_bytes: int,
    signal: Any,
    value: Any,
    words: DoubleWord,
) -> Any:
    G, W, length = signal.shape
    n = value.shape[-1]
    if 0 in (G, W, length):
        return jnp.zeros((G, W, n), value.dtype)
    m, rows = split(W, length)
    base = Base(value, words, exponential)
    steps = steps_of(base, m, rows)

    def part(signal: Any, giant: Factors, baby: Factors) -> Any:
        return transform(signal, Steps(giant, baby, m, rows))

    each = value.dtype.itemsize * n * (m + W * rows)
    return _in_parts(part, each, max_bytes, signal, steps.giant, steps.baby)


def _in_parts(function: Callable[..., Any], each: int, max_bytes: int, *arrays: Any) -> Any:
    """function(*arrays) in a loop over parts of the groups, each group taking `each` bytes.

    At least two parts where there are two groups: a loop over one part is no border.
    """
    groups = jax.tree.leaves(arrays)[0].shape[0]
    fitting = min(max_bytes, _CACHE) // each
    count = max(1, min(fitting, -(-groups // 2)))

    def alone(arrays: Any) -> Any:
        found = function(*jax.tree.map(lambda array: array[None], arrays))
        return jax.tree.map(lambda array: array[0], found)

    return jax.lax.map(alone, arrays, batch_size=count)


def _sums_forward(length: int, exponential: bool, max_bytes: int, *arguments: Any) -> Any:
    return _power_sums(length, exponential, max_bytes, *arguments), arguments


def _sums_backward(
    length: int,
    exponential: bool,
    max_bytes: int,
    kept: Any,
    cotangent: Any,
) -> Any:
    found: Any = _gradients(exponential, max_bytes, cotangent, *kept)
    s, r = found
    return s, r, jax.tree.map(jnp.zeros_like, kept[-1])


def _moments_forward(exponential: bool, max_bytes: int, *arguments: Any) -> Any:
    return _moments(exponential, max_bytes, *arguments), arguments


def _moments_backward(exponential: bool, max_bytes: int, kept: Any, cotangent: Any) -> Any:
    signal, value, words = kept
    found: Any = _gradients(exponential, max_bytes, signal, cotangent, value, words)
    _, slope = found
    g = _power_sums(signal.shape[-1], exponential, max_bytes, cotangent, value, words)
    return g, slope, jax.tree.map(jnp.zeros_like, words)


def _refuse(*_: Any) -> Any:
    raise NotImplementedError(SECOND_DERIVATIVE)


_power_sums.defvjp(_sums_forward, _sums_backward)
_moments.defvjp(_moments_forward, _moments_backward)
_gradients.defvjp(_refuse, _refuse)
