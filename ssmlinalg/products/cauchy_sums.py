"""Cauchy sums, f(z) = sum_n w_n / (z - lambda_n), at many points."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..ground import backend
from ..ground.backend import Array
from . import cuda

_TABLE = 1 << 18  # numbers in the part of a table of modes and points that is held at a time: 4 MiB


def cauchy(weights: Array, nodes: Array, points: Array) -> Array:
    r"""The sums over n of w_n/(z_k - lambda_n), one for each point z_k.

    weights, nodes (..., n) and points (..., K) broadcast; returns (..., K). A table of nodes and
    points is made in parts of 2^18 numbers, or of one point. Raises ValueError on the host where a
    point is a node. Accuracy: a few eps relative to the sum of |w_n/(z_k - lambda_n)|, the
    differences being exact to eps of themselves. Cost: n K divisions; memory O(n + K).
    Differentiable where the library is.

    >>> cauchy(np.array([1.0, 1.0]), np.array([-1.0, 1.0]), np.array([0.0, 3.0]))
    array([0.  , 0.75])
    """
    xp = backend.namespace(weights=weights, nodes=nodes, points=points)
    if any(map(backend.is_complex, (weights, nodes, points))):
        weights, nodes, points = (backend.as_complex(array) for array in (weights, nodes, points))
    shape = np.broadcast_shapes(weights.shape[:-1], nodes.shape[:-1], points.shape[:-1])
    if backend.kind(nodes) == "cupy" and backend.is_complex(nodes):
        rows = (
            xp.broadcast_to(x, (*shape, x.shape[-1])).reshape(-1, x.shape[-1])
            for x in (weights, nodes, points)
        )
        return cuda.cauchy(*rows).reshape(*shape, points.shape[-1])
    width = math.prod(shape) * nodes.shape[-1]
    with backend.quietly(nodes):  # the result tells
        table = (
            1 / (points[..., None, part] - nodes[..., :, None])
            for part in slices(points.shape[-1], width)
        )
        sums = xp.concat(
            [xp.matmul(weights[..., None, :], part)[..., 0, :] for part in table], axis=-1
        )
    if backend.is_numpy(sums) and not np.all(np.isfinite(sums)):
        raise ValueError(
            "no entry of `points` may be one of `nodes`; got one that is. Move it, or drop the node."
        )
    return sums


def slices(length: int, width: int) -> Iterator[slice]:
    """Slices of `length` points, so that `width` numbers for each make no large table."""
    each = max(1, _TABLE // max(1, width))
    return (slice(start, min(start + each, length)) for start in range(0, length, each))
