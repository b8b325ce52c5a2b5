"""Cauchy sums f(z) = sum_n w_n / (z - lambda_n) at many points z."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..ground import backend
from ..ground.backend import Array
from ..ground.gate import together
from . import cuda

_TABLE = 1 << 18  # numbers in the part of a table of nodes and points that is held: 4 MiB


def cauchy(weights: Array, nodes: Array, points: Array) -> Array:
    r"""The sums over n of w_n/(z_k - lambda_n), one for each point z_k.

    Args:
        weights: w (..., n).
        nodes: lambda (..., n).
        points: z (..., K). Leading axes broadcast.

    Returns:
        The sums (..., K), complex if any argument is. Differentiable where the library is.

    Raises:
        TypeError: for what is no array, and for arrays of several libraries or precisions.
        ValueError: for arrays on several devices; on the host where a point is a node.

    Accuracy:
        A few eps relative to the sum of |w_n/(z_k - lambda_n)|: the differences are exact to eps of
        themselves.

    Cost:
        n K divisions; memory O(n + K), for a table is made in parts of 2^18 numbers, or of one
        point.

    Example:
        >>> cauchy(np.array([1.0, 1.0]), np.array([-1.0, 1.0]), np.array([0.0, 3.0]))
        array([0.  , 0.75])
    """
    rules = {"weights": ("n",), "nodes": ("n",), "points": ("S",)}
    xp = together(rules, weights=weights, nodes=nodes, points=points)
    if any(map(backend.is_complex, (weights, nodes, points))):
        weights = backend.as_complex(weights)
        nodes = backend.as_complex(nodes)
        points = backend.as_complex(points)
    lead = np.broadcast_shapes(weights.shape[:-1], nodes.shape[:-1], points.shape[:-1])
    if backend.kind(nodes) == "cupy" and backend.is_complex(nodes):
        return _on_gpu(weights, nodes, points, lead)
    columns = backend.column(nodes)
    sums = []
    with backend.quietly(nodes):  # the result is looked at
        for part in point_slices(points.shape[-1], math.prod(lead) * nodes.shape[-1]):
            table = 1 / (backend.row(points[..., part]) - columns)
            product = backend.matmul(backend.row(weights), table)
            sums.append(product[..., 0, :])
    found = xp.concat(sums, axis=-1)
    if backend.is_numpy(found) and not np.all(np.isfinite(found)):
        raise ValueError(
            "no entry of `points` may be one of `nodes`; got one that is. "
            "Move it, or drop the node."
        )
    return found


def _on_gpu(weights: Array, nodes: Array, points: Array, lead: tuple[int, ...]) -> Array:
    """The sums by the kernel of CUDA, which takes arrays (B, n) and (B, K)."""
    xp = backend.library(nodes)

    def rows(x: Array) -> Array:
        n = x.shape[-1]
        return xp.broadcast_to(x, (*lead, n)).reshape(-1, n)

    sums = cuda.cauchy(rows(weights), rows(nodes), rows(points))
    return sums.reshape(*lead, points.shape[-1])


def point_slices(length: int, width: int) -> Iterator[slice]:
    """Slices of points such that a table of them stays small.

    Args:
        length: how many points.
        width: how many numbers the table has for each point.

    Returns:
        Slices that cover 0 .. length-1, of at most 2^18 numbers, or of one point.

    Example:
        >>> list(point_slices(5, 1 << 17))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    each = max(1, _TABLE // max(1, width))
    for start in range(0, length, each):
        yield slice(start, min(start + each, length))
