"""Sums of powers in JAX, with a derivative of their own."""

from __future__ import annotations

import functools
from typing import Any

import jax

from .._powers import Base, factors, outer, reshaped
from .._words import Words
from .vandermonde import product, split, transposed

_ONCE = "sums of powers must be differentiated once only; got a second derivative. Differentiate a plain sum of exponentials."


def power_sums(weights: Any, base: Base, direct: Any, length: int, max_bytes: int) -> Any:
    """`vandermonde.power_sums` with a derivative, all groups at once: what memory that takes is for the compiler to say."""
    del max_bytes
    K: Any = _power_sums(length, base.exponential, weights, base.value, base.words)
    return K.at[..., :1].add(direct[..., None])


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _power_sums(length: int, exponential: bool, weights: Any, value: Any, words: Words) -> Any:
    if length == 0:
        return jax.numpy.zeros((*weights.shape[:-1], 0), weights.real.dtype)
    m, rows = split(weights.shape[1], length)
    base = Base(value, words, exponential)
    columns = outer(*factors(reshaped(base, jax.numpy.conj), 1, m), m)
    return product(weights, *factors(base, m, rows), columns, rows)[..., :length]


def _forward(length: int, exponential: bool, weights: Any, value: Any, words: Words) -> Any:
    return _power_sums(length, exponential, weights, value, words), (weights, value, words)


def _backward(length: int, exponential: bool, kept: Any, cotangent: Any) -> Any:
    weights, value, words = kept
    found: Any = _gradients(exponential, cotangent, weights, value, words)
    s, r = found
    return s, r, jax.tree.map(jax.numpy.zeros_like, words)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gradients(exponential: bool, cotangent: Any, weights: Any, value: Any, words: Words) -> Any:
    first, base = cotangent[..., :1], Base(value, words, exponential)
    if cotangent.shape[-1] < 2:
        return jax.numpy.zeros_like(weights) + jax.numpy.sum(first, axis=-1, keepdims=True), jax.numpy.zeros_like(value)
    m, rows = split(weights.shape[1], cotangent.shape[-1] - 1)
    whole, slope = transposed(cotangent, weights, outer(*factors(base, m, rows), rows), outer(*factors(base, 1, m), m))
    return first + value[:, None, :] * whole, slope


def _refuse(*_: Any) -> Any:
    raise NotImplementedError(_ONCE)


_power_sums.defvjp(_forward, _backward)
_gradients.defvjp(_refuse, _refuse)
