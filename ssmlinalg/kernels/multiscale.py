r"""Kernels of SGConv: short vectors of weights stretched to ever coarser scales.

They have O(log L) parameters for L samples: a kernel of S scales with d weights each has d 2^{S-1}
samples. `sgconv` lays the scales side by side, `sgconv_sum` on top of each other. Neither
normalizes: the published layers divide by the 2-norm that the whole kernel had when first used,
which is `sgconv_norm` (for the sum, the norm of the kernel itself), taken when the caller says and
kept where the caller keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array
from .last_axes import extended, reshaped

Interpolation = Callable[[Array, int], Array]


def sgconv(
    weights: Array, length: int, *, decay: Array = 0.5, interpolation: str = "linear"
) -> Array:
    r"""The SGConv kernel: scales side by side, each twice as coarse and `decay` times as strong.

    .. math::  K = [k_0, k_1, \dots, k_{S-1}], \qquad
               k_i = \alpha^i\, \mathrm{upsample}_{2^{\max(i-1, 0)}}(w_i)

    The published code counts alpha^{i-S+1}, which its normalization takes out again.

    Args:
        weights: w (..., S, d), real.
        length: L >= 0.
        decay: alpha, a number or (...), broadcast.
        interpolation: a name from `INTERPOLATIONS`. "linear" has its samples at half-integers and
            holds the ends, as torch's `interpolate` with align_corners=False; "nearest" repeats.

    Returns:
        Real samples (..., L), zero beyond d 2^{S-1}.

    Raises:
        TypeError: for complex arrays, and for several libraries or precisions.
        ValueError: for weights that are no (..., S, d), an unknown interpolation and a negative
            length; on the host for NaN, infinities and overflow.

    Accuracy:
        A few eps.

    Cost:
        O(L): scales that begin beyond `length` are not evaluated.

    Source:
        Li et al. 2022 (SGConv, arXiv 2210.09298) and its published code, mode "cat".

    Example:
        >>> import numpy as np
        >>> sgconv(np.array([[1.0, 2.0], [3.0, 4.0], [8.0, 16.0]]), 8)
        array([1. , 2. , 1.5, 2. , 2. , 2.5, 3.5, 4. ])
    """
    length = require.integer("length", length, least=0)
    weights, decay, stretch = _checked(weights, decay, interpolation)
    return _side_by_side(weights, decay, stretch, length)


def sgconv_sum(
    weights: Array, length: int, *, decay: Array = 0.5, interpolation: str = "linear"
) -> Array:
    r"""The SGConv kernel with its scales on top of each other, all from lag 0.

    .. math::  K_l = \sum_i \alpha^i\, \mathrm{upsample}_{2^i}(w_i)_l

    Args:
        weights: w (..., S, d), real.
        length: L >= 0.
        decay: alpha, a number or (...), broadcast.
        interpolation: as in `sgconv`.

    Returns:
        Real samples (..., L).

    Raises:
        TypeError: what `sgconv` raises.
        ValueError: what `sgconv` raises.

    Cost:
        O(S L).

    Source:
        The published code of SGConv, its mode "sum".

    Example:
        >>> import numpy as np
        >>> sgconv_sum(np.array([[1.0, 2.0], [4.0, 8.0]]), 4, decay=1.0)
        array([5., 7., 7., 8.])
    """
    length = require.integer("length", length, least=0)
    weights, decay, stretch = _checked(weights, decay, interpolation)
    with backend.quietly(weights):
        scales = _weighted(weights, decay)
        K = backend.zeros((length,), weights)
        for i in range(weights.shape[-2]):
            K = K + _cut(stretch(scales[..., i, :], 1 << i), length)
        return backend.fitting(K)


def sgconv_norm(weights: Array, *, decay: Array = 0.5, interpolation: str = "linear") -> Array:
    """The 2-norm of the whole kernel of `sgconv`, by which a published layer divides.

    Divide by it each time, and the kernel has norm 1 whatever is learnt; divide by what it was at
    the start, and the kernel is that of the paper. It does not depend on the length a kernel is cut
    to.

    Args:
        weights: w (..., S, d), real.
        decay: alpha, a number or (...), broadcast.
        interpolation: as in `sgconv`.

    Returns:
        The norm (...), zero for weights that are all zero.

    Raises:
        TypeError: what `sgconv` raises.
        ValueError: what `sgconv` raises.

    Cost:
        O(d 2^S).

    Example:
        >>> import numpy as np
        >>> sgconv_norm(np.array([[1.0, 2.0], [4.0, 4.0]]))
        np.float64(3.605551275463989)
    """
    weights, decay, stretch = _checked(weights, decay, interpolation)
    S, d = weights.shape[-2:]
    K = _side_by_side(weights, decay, stretch, d << (S - 1))
    with backend.quietly(K):
        return backend.fitting(backend.library(K).linalg.vector_norm(K, axis=-1))


def sgconv_scales(length: int, dimension: int) -> int:
    """How many scales it takes to fill a kernel: the least S with d 2^{S-1} >= L.

    Args:
        length: L, the samples of the kernel.
        dimension: d, the weights of a scale.

    Returns:
        S.

    Raises:
        TypeError: for what is no integer.
        ValueError: for numbers below 1.

    Example:
        >>> sgconv_scales(1024, 64), sgconv_scales(1025, 64), sgconv_scales(3, 64)
        (5, 6, 1)
    """
    length = require.integer("length", length)
    d = require.integer("dimension", dimension)
    return 1 + (-(-length // d) - 1).bit_length()


def linear(w: Array, factor: int) -> Array:
    """Linear interpolation at (j + 1/2)/factor - 1/2 for j < d factor, the ends held.

    Args:
        w: samples (..., d).
        factor: an integer of at least 1.

    Returns:
        Samples (..., d factor).

    Example:
        >>> import numpy as np
        >>> linear(np.array([0.0, 4.0]), 2)
        array([0., 1., 3., 4.])
    """
    xp = backend.library(w)
    offset = (backend.arange(factor, w) + 0.5) / factor - 0.5
    before = xp.concat([w[..., :1], w[..., :-1]], axis=-1)
    after = xp.concat([w[..., 1:], w[..., -1:]], axis=-1)
    none = xp.zeros_like(offset)
    found = w[..., None] * (1 - xp.abs(offset))
    found = found + before[..., None] * xp.maximum(-offset, none)
    return _flat(found + after[..., None] * xp.maximum(offset, none))


def nearest(w: Array, factor: int) -> Array:
    """Each sample repeated `factor` times.

    Args:
        w: samples (..., d).
        factor: an integer of at least 1.

    Returns:
        Samples (..., d factor).

    Example:
        >>> import numpy as np
        >>> nearest(np.array([0.0, 4.0]), 2)
        array([0., 0., 4., 4.])
    """
    return _flat(backend.library(w).broadcast_to(w[..., None], (*w.shape, factor)))


INTERPOLATIONS: dict[str, Interpolation] = {"linear": linear, "nearest": nearest}


def _checked(
    weights: Array, decay: Array, interpolation: str
) -> tuple[Array, Array, Interpolation]:
    """Weights and decay as arrays, once they are known to be sound, and the interpolation."""
    stretch = INTERPOLATIONS[require.known("interpolation", interpolation, INTERPOLATIONS)]
    backend.namespace(weights=weights)
    decay = backend.beside(decay, weights)
    backend.namespace(weights=weights, decay=decay)
    for name, array in (("weights", weights), ("decay", decay)):
        if backend.is_complex(array):
            raise TypeError(
                f"`{name}` must be real; got {array.dtype}. "
                "A kernel that acts on real signals is real."
            )
        if backend.is_numpy(array):
            require.finite(name, np.asarray(array))
    some = weights.ndim >= 2 and weights.shape[-1] > 0 and weights.shape[-2] > 0
    rule = "(..., S, d) with at least one scale and one weight"
    require.shape("weights", tuple(weights.shape), rule, some)
    require.broadcasts("decay", tuple(decay.shape), tuple(weights.shape[:-2]), "`weights`")
    return weights, decay, stretch


def _side_by_side(weights: Array, decay: Array, stretch: Interpolation, length: int) -> Array:
    S, d = weights.shape[-2:]
    reached = 1 + sum(d << (i - 1) < length for i in range(1, S))  # scales that begin before L
    with backend.quietly(weights):
        scales = _weighted(weights[..., :reached, :], decay)
        parts = []
        for i in range(reached):
            parts.append(stretch(scales[..., i, :], 1 << max(i - 1, 0)))
        K = backend.fitting(backend.library(weights).concat(parts, axis=-1))
    return _cut(K, length)


def _weighted(weights: Array, decay: Array) -> Array:
    """alpha^i w_i. By products: libraries get the derivative of alpha^i at alpha = 0 wrong."""
    xp = backend.library(weights)
    alphas = [xp.ones_like(decay)]
    for _ in range(weights.shape[-2] - 1):
        alphas.append(alphas[-1] * decay)
    return xp.stack(alphas, axis=-1)[..., None] * weights


def _flat(samples: Array) -> Array:
    """(..., d, factor) to (..., d factor)."""
    return reshaped(samples, 2, math.prod(samples.shape[-2:]))


def _cut(K: Array, length: int) -> Array:
    """The first `length` samples, zero beyond the last."""
    return extended(K[..., : min(length, K.shape[-1])], length)
