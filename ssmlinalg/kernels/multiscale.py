r"""Kernels of SGConv: short vectors of weights stretched to ever coarser scales, O(log L)
parameters for L samples.

A kernel of S scales with d weights each has d 2^{S-1} samples. `sgconv` lays the scales side by
side, `sgconv_sum` on top of each other. Neither normalizes: the published layers divide by the
2-norm the whole kernel had when first used, which is `sgconv_norm` (for the sum, the norm of the
kernel itself), taken when the caller says and kept where the caller keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array
from .sampling import finite


def sgconv(
    weights: Array, length: int, *, decay: Array = 0.5, interpolation: str = "linear"
) -> Array:
    r"""Scales side by side, each twice as coarse as the one before and `decay` times as strong.

    .. math::  K = [k_0, k_1, \dots, k_{S-1}], \qquad
               k_i = \alpha^i\, \mathrm{upsample}_{2^{\max(i-1, 0)}}(w_i)

    weights w (..., S, d), decay alpha a number or (...), broadcast; returns (..., length), zero
    beyond d 2^{S-1}. "linear" interpolation has its samples at half-integers and holds the ends, as
    torch's `interpolate` with align_corners=False; "nearest" repeats. (The published code counts
    alpha^{i-S+1}, which its normalization takes out again.)

    Scales that begin beyond `length` are not evaluated. Exact up to a few eps. Cost O(length).
    Raises ValueError for weights that are no (..., S, d), an unknown interpolation, a negative
    length.

    Source: Li et al. 2022 (SGConv, arXiv 2210.09298) and its published code, mode "cat".

    >>> import numpy as np
    >>> sgconv(np.array([[1.0, 2.0], [3.0, 4.0], [8.0, 16.0]]), 8)
    array([1. , 2. , 1.5, 2. , 2. , 2.5, 3.5, 4. ])
    """
    length = require.integer("length", length, least=0)
    weights, decay, stretch = _checked(weights, decay, interpolation)
    xp, (S, d) = backend.namespace(weights=weights), weights.shape[-2:]
    heard = 1 + sum(d << (i - 1) < length for i in range(1, S))

    def evaluate(weights: Array, decay: Array) -> Array:
        scales = _weighted(weights[..., :heard, :], decay)
        return xp.concat(
            [stretch(scales[..., i, :], 1 << max(i - 1, 0)) for i in range(heard)], axis=-1
        )

    return _cut(finite(evaluate, weights, decay), length)


def sgconv_sum(
    weights: Array, length: int, *, decay: Array = 0.5, interpolation: str = "linear"
) -> Array:
    r"""Scales on top of each other, all from lag 0.

    .. math::  K_l = \sum_i \alpha^i\, \mathrm{upsample}_{2^i}(w_i)_l

    Arguments and errors as `sgconv`. Cost O(S length). Source: the published code of SGConv, its
    mode "sum".

    >>> import numpy as np
    >>> sgconv_sum(np.array([[1.0, 2.0], [4.0, 8.0]]), 4, decay=1.0)
    array([5., 7., 7., 8.])
    """
    length = require.integer("length", length, least=0)
    weights, decay, stretch = _checked(weights, decay, interpolation)

    def evaluate(weights: Array, decay: Array) -> Array:
        scales = _weighted(weights, decay)
        return sum(
            _cut(stretch(scales[..., i, :], 1 << i), length) for i in range(scales.shape[-2])
        )

    return finite(evaluate, weights, decay)


def sgconv_norm(weights: Array, *, decay: Array = 0.5, interpolation: str = "linear") -> Array:
    """The 2-norm (...) of the whole kernel of `sgconv`, by which a published layer divides.

    Divide by it each time, and the kernel has norm 1 whatever is learnt; divide by what it was at
    the start, and the kernel is that of the paper. It does not depend on the length a kernel is cut
    to. Zero for weights that are all zero.

    >>> import numpy as np
    >>> sgconv_norm(np.array([[1.0, 2.0], [4.0, 4.0]]))
    np.float64(3.605551275463989)
    """
    weights, decay, _ = _checked(weights, decay, interpolation)
    xp, (S, d) = backend.namespace(weights=weights), weights.shape[-2:]

    def evaluate(weights: Array, decay: Array) -> Array:
        K = sgconv(weights, d << (S - 1), decay=decay, interpolation=interpolation)
        return xp.linalg.vector_norm(K, axis=-1)

    return finite(evaluate, weights, decay)


def sgconv_scales(length: int, dimension: int) -> int:
    """How many scales of `dimension` weights it takes to fill a kernel of `length` samples: the
    least S, d 2^{S-1} >= L.

    >>> sgconv_scales(1024, 64), sgconv_scales(1025, 64), sgconv_scales(3, 64)
    (5, 6, 1)
    """
    length, d = require.integer("length", length), require.integer("dimension", dimension)
    return 1 + (-(-length // d) - 1).bit_length()


def linear(w: Array, factor: int) -> Array:
    """w (..., d) at (j + 1/2)/factor - 1/2 for j = 0 .. d factor - 1, between samples on a line, at
    the ends held.

    >>> import numpy as np
    >>> linear(np.array([0.0, 4.0]), 2)
    array([0., 1., 3., 4.])
    """
    xp = backend.namespace(w=w)
    offset = (backend.arange(factor, w) + 0.5) / factor - 0.5
    before = xp.concat([w[..., :1], w[..., :-1]], axis=-1)[..., None]
    after = xp.concat([w[..., 1:], w[..., -1:]], axis=-1)[..., None]
    none = xp.zeros_like(offset)
    near = w[..., None] * (1 - xp.abs(offset))
    return _flat(near + before * xp.maximum(-offset, none) + after * xp.maximum(offset, none))


def nearest(w: Array, factor: int) -> Array:
    """Each entry of w (..., d) `factor` times.

    >>> import numpy as np
    >>> nearest(np.array([0.0, 4.0]), 2)
    array([0., 0., 4., 4.])
    """
    return _flat(backend.namespace(w=w).broadcast_to(w[..., None], (*w.shape, factor)))


INTERPOLATIONS: dict[str, Callable[[Array, int], Array]] = {"linear": linear, "nearest": nearest}


def _checked(
    weights: Array, decay: Array, interpolation: str
) -> tuple[Array, Array, Callable[[Array, int], Array]]:
    """Weights and decay as arrays, once they are known to be sound, and the function that stretches
    a scale.
    """
    stretch = INTERPOLATIONS[require.known("interpolation", interpolation, INTERPOLATIONS)]
    backend.namespace(weights=weights)
    decay = backend.beside(decay, weights)
    backend.namespace(weights=weights, decay=decay)
    for name, array in (("weights", weights), ("decay", decay)):
        if backend.is_complex(array):
            raise TypeError(
                f"`{name}` must be real; got {array.dtype}. A kernel that acts on real signals is real."
            )
        if backend.is_numpy(array):
            require.finite(name, np.asarray(array))
    holds = weights.ndim >= 2 and weights.shape[-1] > 0 and weights.shape[-2] > 0
    require.shape(
        "weights", tuple(weights.shape), "(..., S, d) with at least one scale and one weight", holds
    )
    require.broadcasts("decay", tuple(decay.shape), tuple(weights.shape[:-2]), "`weights`")
    return weights, decay, stretch


def _weighted(weights: Array, decay: Array) -> Array:
    """alpha^i w_i."""
    xp = backend.namespace(weights=weights, decay=decay)
    alphas = [xp.ones_like(decay)]
    for _ in range(
        weights.shape[-2] - 1
    ):  # not alpha^i, whose derivative at alpha = 0 libraries get wrong
        alphas.append(alphas[-1] * decay)
    return xp.stack(alphas, axis=-1)[..., None] * weights


def _flat(samples: Array) -> Array:
    """(..., d, factor) to (..., d factor)."""
    return backend.namespace(samples=samples).reshape(
        samples, (*samples.shape[:-2], math.prod(samples.shape[-2:]))
    )


def _cut(K: Array, length: int) -> Array:
    """The first `length` samples, zero beyond the last."""
    xp = backend.namespace(K=K)
    missing = backend.zeros((*K.shape[:-1], max(length - K.shape[-1], 0)), K)
    return xp.concat([K[..., : min(length, K.shape[-1])], missing], axis=-1)
