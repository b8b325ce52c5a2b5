"""Functions of matrices whose work depends on values, as loops of JAX.

A loop whose length depends on values has no derivative in reverse mode. So that of the exponential
is a primitive of its own, linear in the direction, whose transpose is the derivative at Z^T.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .gebal import SWEEPS, centred
from .pade_approximant import approximant, derivative_blocks, squared, squarings
from .powers_of_two import times_two_to


@jax.custom_jvp
@jax.jit
def expm(Z: Any) -> Any:
    """`pade_approximant.exponential` with derivatives in both modes, to any order.

    Args:
        Z: matrices (..., N, N).

    Returns:
        e^Z (..., N, N).

    Example:
        >>> expm(jnp.zeros((1, 1))).tolist()
        [[1.0]]
    """
    with jax.default_matmul_precision("highest"):  # some accelerators round to fewer digits
        count = squarings(Z)
        most = jnp.max(count, initial=0)

        def unfinished(state: Any) -> Any:
            return state[0] < most

        def step(state: Any) -> Any:
            done, E = state
            return done + 1, squared(E, count > done)

        start = jnp.zeros_like(most), approximant(Z, count)
        return jax.lax.while_loop(unfinished, step, start)[1]


@expm.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (Z,) = primals
    (direction,) = tangents
    return expm(Z), _derivative.bind(Z, direction)


def _evaluated(Z: Any, direction: Any) -> Any:
    """The derivative of e^Z in a direction: a block of one exponential of twice the order."""
    blocks, exponent = derivative_blocks(Z, direction)
    N = Z.shape[-1]
    return times_two_to(expm(blocks)[..., :N, N:], exponent)


def _mapped(arguments: Any, axes: Any) -> Any:
    """Under vmap the axis that is mapped over leads; an argument without it is repeated."""
    pairs = list(zip(arguments, axes, strict=True))
    size = next(x.shape[axis] for x, axis in pairs if axis is not None)

    def leading(x: Any, axis: int | None) -> Any:
        if axis is None:
            return jnp.broadcast_to(x, (size, *x.shape))
        return jnp.moveaxis(x, axis, 0)

    return _derivative.bind(*(leading(x, axis) for x, axis in pairs)), 0


def _differentiated(primals: Any, tangents: Any) -> Any:
    Z, direction = primals
    dZ, turned = map(ad.instantiate_zeros, tangents)
    N = Z.shape[-1]

    def blocks(A: Any, G: Any) -> Any:
        top = jnp.concatenate([A, G], axis=-1)
        return jnp.concatenate([top, jnp.concatenate([0 * A, A], axis=-1)], axis=-2)

    found = _derivative.bind(blocks(Z, direction), blocks(dZ, turned))
    return _derivative.bind(Z, direction), found[..., :N, N:]


def _transposed(cotangent: Any, Z: Any, direction: Any) -> Any:
    return None, _derivative.bind(jnp.matrix_transpose(Z), cotangent)


_derivative = Primitive("matrix_exponential_derivative")
_derivative.def_impl(jax.jit(_evaluated))
_derivative.def_abstract_eval(lambda Z, direction: direction)
mlir.register_lowering(_derivative, mlir.lower_fun(_evaluated, multiple_results=False))
batching.primitive_batchers[_derivative] = _mapped
ad.primitive_jvps[_derivative] = _differentiated
ad.primitive_transposes[_derivative] = _transposed


@jax.jit
def balance(A: Any) -> Any:
    """`balancing.balance` by sweeps over the states, in logarithms, until no unit changes.

    Args:
        A: matrices (..., N, N).

    Returns:
        Whole numbers (..., N).

    Example:
        >>> balance(jnp.array([[-1.0, -(2.0**20)], [1.0, 0.0]])).tolist()
        [5.0, -5.0]
    """
    N = A.shape[-1]
    size = jnp.where(jnp.eye(N, dtype=bool), 0, jnp.abs(A))
    log = jnp.log2(size)

    def even(k: Any, exponents: Any) -> Any:
        here = exponents[..., k]
        row = _log2_sum(log[..., k, :] + exponents) - here
        column = _log2_sum(log[..., :, k] - exponents) + here
        apart = row - column
        known = jnp.isfinite(apart) & (jnp.abs(apart) > 1.5)
        return exponents.at[..., k].add(jnp.where(known, jnp.round(apart / 2), 0))

    def unfinished(state: Any) -> Any:
        return state[1] & (state[0] < SWEEPS)

    def sweep(state: Any) -> Any:
        done, _, exponents = state
        found = jax.lax.fori_loop(0, N, even, exponents)
        return done + 1, jnp.any(found != exponents), found

    start = 0, jnp.asarray(True), jnp.zeros_like(log[..., 0])
    return centred(jnp, jax.lax.while_loop(unfinished, sweep, start)[2])


def _log2_sum(logarithms: Any) -> Any:
    largest = jnp.max(logarithms, axis=-1)
    shifted = logarithms - jnp.where(jnp.isfinite(largest), largest, 0)[..., None]
    return largest + jnp.log2(jnp.sum(jnp.exp2(shifted), axis=-1))
