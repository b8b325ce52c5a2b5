"""Exponential sums K_l = Re sum_n w_n z_n^l and their transpose, with no table of modes by samples.

Three bodies have the same functions: `baby_step_giant_step` for any library, `cuda` on a GPU, and
`torch` and `jax` with derivatives.
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array
from ..ground.gate import together
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
    r"""The product of weights with the Vandermonde matrix of the nodes, its real part.

    .. math::  K_l = \mathrm{Re} \sum_n w_n z_n^l, \qquad l = 0, \dots, L-1

    Args:
        weights: w (..., n).
        nodes: z (..., n), or a `Base` of that shape. Nodes that several sums share on the axes
            before the last are raised to powers once. A node of zero has z^0 = 1.
        length: L.
        direct: real (...), added at l = 0. Leading axes broadcast.
        max_bytes: the memory beside the result, as far as one sum allows. JAX under jit decides for
            itself.

    Returns:
        Real sums (..., L). Differentiable once in PyTorch and JAX, in weights and nodes.

    Raises:
        TypeError: for what is no array, and for arrays of several libraries or precisions.
        ValueError: for arrays on several devices; on the host for sums that are not finite.

    Accuracy:
        About (2 n + log2(L)) eps relative to sum_n |w_n z_n^l|, for any L: powers are not raised
        from rounded ones (see `powers.tables`).

    Cost:
        4 n L real operations in matrix products, O(n sqrt(L)) others and memory.

    Example:
        >>> import numpy as np
        >>> vandermonde(np.array([1.0 + 0j]), np.array([0.5 + 0j]), 4)
        array([1.   , 0.5  , 0.25 , 0.125])
    """
    base = _base(nodes)
    rules = {"weights": ("n",), "nodes": ("n",), "direct": ()}
    given = {} if direct is None else {"direct": direct}
    together(rules, weights=weights, nodes=base.value, **given)
    length = require.integer("length", length)
    max_bytes = require.integer("max_bytes", max_bytes)
    return sums(weights, base, length, direct, max_bytes)


def sums(
    weights: Array, base: Base, length: int, direct: Array | None, max_bytes: int = MAX_BYTES
) -> Array:
    """The sums that `vandermonde` returns, of arrays that were checked.

    Args:
        weights: w (..., n).
        base: of the nodes (..., n).
        length: L.
        direct: real (...), added at l = 0; None for 0.
        max_bytes: as in `vandermonde`.

    Returns:
        Real sums (..., L).

    Raises:
        ValueError: on the host for sums that are not finite.

    Example:
        >>> import numpy as np
        >>> sums(np.array([1.0 + 0j]), tables.number(np.array([0.5 + 0j])), 3, None)
        array([1.  , 0.5 , 0.25])
    """
    xp = backend.library(weights)
    leads = [weights.shape[:-1], base.value.shape[:-1]]
    if direct is not None:
        leads.append(direct.shape)
    batch = np.broadcast_shapes(*leads)
    groups, base = _grouped_base(base, batch)
    zero = backend.zeros((), backend.real(base.value))
    first = zero if direct is None else direct
    first = _grouped(first[..., None], batch, groups)[..., 0]
    weights = _grouped(weights, batch, groups)
    with backend.quietly(weights):  # the result tells
        K = _body(weights).power_sums(weights, base, first, length, max_bytes)
    return backend.fitting(xp.reshape(K, (*batch, length)))


def moments(signal: Array, nodes: Array | Base, *, max_bytes: int = MAX_BYTES) -> Array:
    r"""The moments of real signals at complex nodes, the transpose of `vandermonde`.

    .. math::  s_n = \sum_l g_l z_n^l

    Args:
        signal: g (..., L), real.
        nodes: z (..., n), or a `Base` of that shape. Leading axes broadcast.
        max_bytes: as in `vandermonde`.

    Returns:
        Complex moments (..., n). Differentiable once in PyTorch and JAX, in signal and nodes.

    Raises:
        TypeError: for what is no array, and for arrays of several libraries or precisions.
        ValueError: for arrays on several devices; on the host for sums that are not finite.

    Accuracy:
        About (sqrt(L) + log2(L)) eps relative to sum_l |g_l z_n^l|.

    Cost:
        As `vandermonde`.

    Example:
        >>> import numpy as np
        >>> moments(np.array([1.0, 1, 1]), np.array([0.5 + 0j]))
        array([1.75+0.j])
    """
    base = _base(nodes)
    together({"signal": ("L",), "nodes": ("n",)}, signal=signal, nodes=base.value)
    if backend.is_complex(signal):
        got = signal.dtype
        raise TypeError(f"`signal` must be real; got {got}. Pass its parts one after the other.")
    return transposed_sums(signal, base, require.integer("max_bytes", max_bytes))


def transposed_sums(signal: Array, base: Base, max_bytes: int = MAX_BYTES) -> Array:
    """The sums that `moments` returns, of arrays that were checked.

    Args:
        signal: g (..., L), real.
        base: of the nodes (..., n).
        max_bytes: as in `vandermonde`.

    Returns:
        Complex moments (..., n).

    Raises:
        ValueError: on the host for sums that are not finite.

    Example:
        >>> import numpy as np
        >>> transposed_sums(np.array([1.0, 1, 1]), tables.number(np.array([0.5 + 0j])))
        array([1.75+0.j])
    """
    xp = backend.library(signal)
    batch = np.broadcast_shapes(signal.shape[:-1], base.value.shape[:-1])
    groups, base = _grouped_base(base, batch)
    signal = _grouped(signal, batch, groups)
    with backend.quietly(signal):
        s = _body(signal).moments(signal, base, max_bytes)
    return backend.fitting(xp.reshape(s, (*batch, s.shape[-1])))


def _base(nodes: Array | Base) -> Base:
    if isinstance(nodes, Base):
        return nodes
    backend.namespace(nodes=nodes)
    return tables.number(nodes)


def _grouped_base(base: Base, batch: tuple[int, ...]) -> tuple[int, Base]:
    """The base as (G, n), and how many batch axes make G: on those behind, nodes are shared."""
    lead = tuple(base.value.shape[:-1])
    own = (1,) * (len(batch) - len(lead)) + lead
    groups = len(own)
    while groups and own[groups - 1] == 1:
        groups -= 1

    def grouped(part: Array) -> Array:
        xp = backend.library(part)
        n = part.shape[-1]
        part = xp.reshape(part, (*own[:groups], n))
        part = xp.broadcast_to(part, (*batch[:groups], n))
        return xp.reshape(part, (G, n))

    G = math.prod(batch[:groups])
    return groups, tables.reshaped(base, grouped)


def _grouped(array: Array, batch: tuple[int, ...], groups: int) -> Array:
    """(..., k) as (G, W, k)."""
    xp = backend.library(array)
    k = array.shape[-1]
    array = xp.broadcast_to(array, (*batch, k))
    G = math.prod(batch[:groups])
    W = math.prod(batch[groups:])
    return xp.reshape(array, (G, W, k))


def _body(array: Array) -> ModuleType:
    """The module with the body for the library of an array."""
    if backend.kind(array) == "torch":
        from . import torch as body
    elif backend.kind(array) == "jax":
        from . import jax as body
    elif backend.kind(array) == "cupy":
        from . import cuda as body
    else:
        from . import baby_step_giant_step as body
    return body
