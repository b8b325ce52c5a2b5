"""Vandermonde products in JAX: loops over parts of the groups, and derivatives of their own.

A loop bounds the memory, and it is a border its compiler does not fuse across: in one piece a
cosine would be taken for every entry of a table instead of for its factors, at twenty times the
cost.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..powers.double_words import Words
from ..powers.tables import Base, factors
from .baby_step_giant_step import product, split, transform, transposed

_ONCE = "sums of powers must be differentiated once only; got a second derivative. Differentiate a plain sum of exponentials."
_CACHE = 1 << 22  # bytes of tables and products at a time


def power_sums(weights: Any, base: Base, direct: Any, length: int, max_bytes: int) -> Any:
    """`baby_step_giant_step.power_sums` with a derivative."""
    K: Any = _power_sums(length, base.exponential, max_bytes, weights, base.value, base.words)
    return K.at[..., :1].add(direct[..., None])


def moments(signal: Any, base: Base, max_bytes: int) -> Any:
    """`baby_step_giant_step.moments` with a derivative."""
    return _moments(base.exponential, max_bytes, signal, base.value, base.words)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _power_sums(
    length: int, exponential: bool, max_bytes: int, weights: Any, value: Any, words: Words
) -> Any:
    G, W, n = weights.shape
    if 0 in (G, W, length):
        return jnp.zeros((G, W, length), weights.real.dtype)
    m, rows = split(W, length)
    base = Base(value, words, exponential)

    def part(weights: Any, row: Any, column: Any) -> Any:
        return product(weights, row, column, m, rows)[..., :length]

    each = weights.dtype.itemsize * n * (m + W * rows)
    return _in_parts(part, each, max_bytes, weights, factors(base, m, rows), factors(base, 1, m))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _gradients(
    exponential: bool, max_bytes: int, cotangent: Any, weights: Any, value: Any, words: Words
) -> Any:
    (G, W, n), length = weights.shape, cotangent.shape[-1]
    if 0 in (G, W) or length < 2:
        return jnp.zeros_like(weights) + jnp.sum(cotangent, axis=-1, keepdims=True), jnp.zeros_like(
            value
        )
    m, rows = split(W, length - 1)
    base = Base(value, words, exponential)

    def part(cotangent: Any, weights: Any, value: Any, row: Any, column: Any) -> Any:
        whole, slope = transposed(cotangent, weights, row, column, m, rows)
        return cotangent[..., :1] + value[:, None, :] * whole, slope

    each = 2 * weights.dtype.itemsize * n * (m + W * rows)
    return _in_parts(
        part,
        each,
        max_bytes,
        cotangent,
        weights,
        value,
        factors(base, m, rows),
        factors(base, 1, m),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _moments(exponential: bool, max_bytes: int, signal: Any, value: Any, words: Words) -> Any:
    (G, W, length), n = signal.shape, value.shape[-1]
    if 0 in (G, W, length):
        return jnp.zeros((G, W, n), value.dtype)
    m, rows = split(W, length)
    base = Base(value, words, exponential)

    def part(signal: Any, row: Any, column: Any) -> Any:
        return transform(signal, row, column, m, rows)

    each = value.dtype.itemsize * n * (m + W * rows)
    return _in_parts(part, each, max_bytes, signal, factors(base, m, rows), factors(base, 1, m))


def _in_parts(function: Callable[..., Any], each: int, max_bytes: int, *arrays: Any) -> Any:
    """function(*arrays) in a loop over parts of the groups, at least two where there are two, each
    taking `each` bytes.
    """
    groups = jax.tree.leaves(arrays)[0].shape[0]
    count = max(1, min(min(max_bytes, _CACHE) // each, -(-groups // 2)))

    def alone(arrays: Any) -> Any:
        found = function(*jax.tree.map(lambda array: array[None], arrays))
        return jax.tree.map(lambda array: array[0], found)

    with jax.default_matmul_precision(
        "highest"
    ):  # on some accelerators single precision is not what it says
        return jax.lax.map(alone, arrays, batch_size=count)


def _sums_forward(length: int, exponential: bool, max_bytes: int, *arguments: Any) -> Any:
    return _power_sums(length, exponential, max_bytes, *arguments), arguments


def _sums_backward(
    length: int, exponential: bool, max_bytes: int, kept: Any, cotangent: Any
) -> Any:
    found: Any = _gradients(exponential, max_bytes, cotangent, *kept)
    return *found, jax.tree.map(jnp.zeros_like, kept[-1])


def _moments_forward(exponential: bool, max_bytes: int, *arguments: Any) -> Any:
    return _moments(exponential, max_bytes, *arguments), arguments


def _moments_backward(exponential: bool, max_bytes: int, kept: Any, cotangent: Any) -> Any:
    signal, value, words = kept
    found: Any = _gradients(exponential, max_bytes, signal, cotangent, value, words)
    g = _power_sums(signal.shape[-1], exponential, max_bytes, cotangent, value, words)
    return g, found[1], jax.tree.map(jnp.zeros_like, words)


def _refuse(*_: Any) -> Any:
    raise NotImplementedError(_ONCE)


_power_sums.defvjp(_sums_forward, _sums_backward)
_moments.defvjp(_moments_forward, _moments_backward)
_gradients.defvjp(_refuse, _refuse)
