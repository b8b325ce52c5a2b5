"""Vandermonde products, K_l = Re sum_n w_n z_n^l and s_n = sum_l g_l z_n^l, without a table of
modes times samples.
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np

from ..ground import backend
from ..ground.backend import Array
from ..powers import tables
from ..powers.tables import Base

MAX_BYTES = 1 << 25  # beside the result: more would not be faster


def vandermonde(
    weights: Array,
    nodes: Array | Base,
    length: int,
    *,
    direct: Array | None = None,
    max_bytes: int = MAX_BYTES,
) -> Array:
    r"""K_l = Re sum_n w_n z_n^l for l = 0 .. length-1, and `direct` (...) added at l = 0.

    weights, nodes (..., n), broadcast; returns (..., length), real. Nodes that several sums share
    on the axes before the last are raised to powers once. A node of zero has z^0 = 1. `max_bytes`
    bounds the memory beside the result, as far as one sum allows; JAX under jit decides for itself.
    Differentiable once in PyTorch and JAX, with respect to weights and nodes.

    Accuracy: relative to sum_n |w_n z_n^l|, about (2 n + log2(L)) eps for any L: powers are not
    raised from rounded ones (`_powers`). Cost: 4 n L real operations in matrix products, O(n
    sqrt(L)) others and memory.

    >>> import numpy as np
    >>> vandermonde(np.array([1.0 + 0j]), np.array([0.5 + 0j]), 4)
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    base = nodes if isinstance(nodes, Base) else tables.number(nodes)
    xp = backend.namespace(weights=weights, nodes=base.value)
    batch = np.broadcast_shapes(
        weights.shape[:-1], base.value.shape[:-1], () if direct is None else direct.shape
    )
    groups, base = _grouped_base(base, batch)
    first = backend.zeros((1,), xp.real(base.value)) if direct is None else direct[..., None]
    weights, first = _grouped(weights, batch, groups), _grouped(first, batch, groups)[..., 0]
    return xp.reshape(
        _bodies(weights).power_sums(weights, base, first, length, max_bytes), (*batch, length)
    )


def moments(signal: Array, nodes: Array | Base, *, max_bytes: int = MAX_BYTES) -> Array:
    r"""s_n = sum_l g_l z_n^l of real signals g (..., L), the transpose of `vandermonde`.

    nodes (..., n), complex, broadcast over the axes before the last; returns (..., n), complex.
    Cost, memory and derivatives as there; accuracy: relative to sum_l |g_l z_n^l| about (sqrt(L) +
    log2(L)) eps.

    >>> import numpy as np
    >>> moments(np.array([1.0, 1, 1]), np.array([0.5 + 0j]))
    array([1.75+0.j])
    """
    base = nodes if isinstance(nodes, Base) else tables.number(nodes)
    xp = backend.namespace(signal=signal, nodes=base.value)
    batch = np.broadcast_shapes(signal.shape[:-1], base.value.shape[:-1])
    groups, base = _grouped_base(base, batch)
    s = _bodies(signal).moments(_grouped(signal, batch, groups), base, max_bytes)
    return xp.reshape(s, (*batch, s.shape[-1]))


def _grouped_base(base: Base, batch: tuple[int, ...]) -> tuple[int, Base]:
    """The base as (G, n), and of how many of the batch axes G is made: on those behind, the nodes
    are shared.
    """
    own = (1,) * (len(batch) - base.value.ndim + 1) + tuple(base.value.shape[:-1])
    groups = len(own)
    while groups and own[groups - 1] == 1:
        groups -= 1

    def grouped(part: Array) -> Array:
        xp, n = backend.library(part), part.shape[-1]
        part = xp.broadcast_to(xp.reshape(part, (*own[:groups], n)), (*batch[:groups], n))
        return xp.reshape(part, (math.prod(batch[:groups]), n))

    return groups, tables.reshaped(base, grouped)


def _grouped(array: Array, batch: tuple[int, ...], groups: int) -> Array:
    """(..., k) as (G, W, k)."""
    xp, k = backend.library(array), array.shape[-1]
    array = xp.broadcast_to(array, (*batch, k))
    return xp.reshape(array, (math.prod(batch[:groups]), math.prod(batch[groups:]), k))


def _bodies(array: Array) -> ModuleType:
    """The module with the bodies for the library of an array."""
    if backend.kind(array) == "torch":
        from . import torch as bodies
    elif backend.kind(array) == "jax":
        from . import jax as bodies
    elif backend.kind(array) == "cupy":
        from . import cuda as bodies
    else:
        from . import baby_step_giant_step as bodies
    return bodies
