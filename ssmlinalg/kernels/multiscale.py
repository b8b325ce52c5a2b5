r"""Kernels of SGConv: short vectors of weights stretched to ever coarser scales.

They have O(log L) parameters for L samples: a kernel of S scales with d weights each has d 2^{S-1}
samples. `sgconv` lays the scales side by side, `sgconv_sum` on top of each other. They decay by
alpha from scale to scale, or by (l + 1)^{-delta} along the kernel, or both. Neither
normalizes: the published layers divide by the 2-norm that the whole kernel had when first used,
which is `sgconv_norm` (for the sum, the norm of the kernel itself), taken when the caller says and
kept where the caller keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array, Real
from .last_axes import extended, reshaped

Interpolation = Callable[[Array, int], Array]


def sgconv(
    weights: Array,
    length: int,
    *,
    decay: Array = 0.5,
    power: Array = 0.0,
    interpolation: str = "linear",
) -> Array:
    r"""The SGConv kernel: scales side by side, each twice as coarse and `decay` times as strong.

    .. math::  K = [k_0, k_1, \dots, k_{S-1}], \qquad
               k_i = \alpha^i\, \mathrm{upsample}_{2^{\max(i-1, 0)}}(w_i),

    each sample times (l + 1)^{-delta}. The published code counts alpha^{i-S+1}, which its
    normalization takes out again; in its mode "learnable" alpha is 1, and delta is drawn uniformly
    from [decay_min, decay_max] for each channel and trained.

    Args:
        weights: w (..., S, d), real.
        length: L >= 0.
        decay: alpha, a number or (...), broadcast.
        power: delta, a number or (...), broadcast; 0 leaves the samples as they are.
        interpolation: a name from `INTERPOLATIONS`. "linear" has its samples at half-integers and
            holds the ends, as torch's `interpolate` with align_corners=False; "nearest" repeats.

    Returns:
        Real samples (..., L), zero beyond d 2^{S-1}.

    Raises:
        TypeError: for complex arrays, and for several libraries or precisions.
        ValueError: for weights that are no (..., S, d), an unknown interpolation and a negative
            length; on the host for NaN, infinities and overflow.

    Accuracy:
        A few eps, and delta log L more with a power.

    Cost:
        O(L): scales that begin beyond `length` are not evaluated.

    Source:
        Li et al. 2022 (SGConv, arXiv 2210.09298) and its published code, modes "cat" and
        "learnable".

    Example:
        >>> import numpy as np
        >>> sgconv(np.array([[1.0, 2.0], [3.0, 4.0], [8.0, 16.0]]), 8)
        array([1. , 2. , 1.5, 2. , 2. , 2.5, 3.5, 4. ])
        >>> sgconv(np.ones((2, 2)), 4, decay=1.0, power=1.0)
        array([1.        , 0.5       , 0.33333333, 0.25      ])
    """
    length = require.integer("length", length, least=0)
    weights, decay, power = _checked(weights, decay, power)
    return _faded(_side_by_side(weights, decay, _stretched(interpolation), length), power)


def sgconv_sum(
    weights: Array,
    length: int,
    *,
    decay: Array = 0.5,
    power: Array = 0.0,
    interpolation: str = "linear",
) -> Array:
    r"""The SGConv kernel with its scales on top of each other, all from lag 0.

    .. math::  K_l = (l + 1)^{-\delta} \sum_i \alpha^i\, \mathrm{upsample}_{2^i}(w_i)_l

    Args:
        weights: w (..., S, d), real.
        length: L >= 0.
        decay: alpha, a number or (...), broadcast.
        power: delta, a number or (...), broadcast.
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
    weights, decay, power = _checked(weights, decay, power)
    stretch = _stretched(interpolation)
    with backend.quietly(weights):
        scales = _weighted(weights, decay)
        K = backend.zeros((length,), weights)
        for i in range(weights.shape[-2]):
            K = K + _cut(stretch(scales[..., i, :], 1 << i), length)
        K = backend.fitting(K)
    return _faded(K, power)


def sgconv_norm(
    weights: Array, *, decay: Array = 0.5, power: Array = 0.0, interpolation: str = "linear"
) -> Array:
    """The 2-norm of the whole kernel of `sgconv`, by which a published layer divides.

    Divide by it each time, and the kernel has norm 1 whatever is learnt; divide by what it was at
    the start, and the kernel is that of the paper. It does not depend on the length a kernel is cut
    to.

    Args:
        weights: w (..., S, d), real.
        decay: alpha, a number or (...), broadcast.
        power: delta, a number or (...), broadcast.
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
    weights, decay, power = _checked(weights, decay, power)
    S, d = weights.shape[-2:]
    K = _faded(_side_by_side(weights, decay, _stretched(interpolation), d << (S - 1)), power)
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


def sgconv_cosines(width: int, scales: int, dimension: int, *, seed: int = 0) -> Real:
    r"""The cosines from which a published kernel may start, in place of normal numbers.

    .. math::  w_{h,i,j} = \cos \frac{2 \pi\, \sigma_i(h)\, j}{d - 1}, \qquad 0 \le j < d,

    with a random permutation of the H frequencies 0 .. H - 1 for each scale.

    Args:
        width: H, the channels.
        scales: S, see `sgconv_scales`.
        dimension: d, the weights of a scale; of one alone the weight is 1.
        seed: of the permutations.

    Returns:
        Weights (H, S, d) in float64, on the host.

    Raises:
        TypeError: for what is no integer.
        ValueError: for numbers below 1, a negative seed, and weights that fit no memory.

    Source:
        ctlllll/SGConv, gconv_standalone.py, modes with "cos".

    Example:
        >>> np.sort(sgconv_cosines(2, 1, 3)[:, 0], axis=0)
        array([[ 1., -1.,  1.],
               [ 1.,  1.,  1.]])
    """
    H = require.integer("width", width)
    S = require.integer("scales", scales)
    d = require.integer("dimension", dimension)
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    require.room("the weights", 8 * H * S * d, host=True)
    turns = np.linspace(0.0, 1.0, d)
    frequency = np.stack([rng.permutation(H) for _ in range(S)], axis=-1)
    return np.cos(2 * math.pi * frequency[..., None] * turns)


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


def _stretched(interpolation: str) -> Interpolation:
    return INTERPOLATIONS[require.known("interpolation", interpolation, INTERPOLATIONS)]


def _checked(weights: Array, decay: Array, power: Array) -> tuple[Array, Array, Array | None]:
    """The arguments as arrays, once they are known to be sound; None for the power 0."""
    backend.namespace(weights=weights)
    rates = {"decay": backend.beside(decay, weights)}
    if not (isinstance(power, int | float) and power == 0):
        rates["power"] = backend.beside(power, weights)
    backend.namespace(weights=weights, **rates)
    for name, array in {"weights": weights, **rates}.items():
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
    for name, array in rates.items():
        require.broadcasts(name, tuple(array.shape), tuple(weights.shape[:-2]), "`weights`")
    return weights, rates["decay"], rates.get("power")


def _faded(K: Array, power: Array | None) -> Array:
    """(l + 1)^{-power} K."""
    if power is None:
        return K
    xp = backend.library(K)
    with backend.quietly(K):
        logarithm = xp.log(backend.arange(K.shape[-1], K) + 1.0)
        return backend.fitting(K * xp.exp(-power[..., None] * logarithm))


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
