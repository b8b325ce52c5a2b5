"""Kernels of systems that are not diagonal: dense, and diagonal plus low rank."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..forms import DPLR, DenseRecurrence
from ..ground import backend, require
from ..ground.backend import Array
from ..products.markov_parameters import krylov
from ..products.generating_function import bilinear, dense, power_series
from .sampling import finite

MAX_BYTES = 1 << 23  # of powers and states at a time: what fits a cache


def dense_kernel(system: DenseRecurrence, length: int, *, max_bytes: int = MAX_BYTES) -> Array:
    """Re C A^l B for l < length, in double precision where the library has it, the result in that
    of the system.

    Returns (..., length), D left out. Raises ValueError on the host for an overflow, and for more
    than its memory holds. Accuracy, cost: those of `products.krylov`; what is in single precision
    is rounded once. Where each member of the first batch axis has its own matrix, they are worked
    off in `max_bytes` beside the result (under jit: all at once).

    >>> one = np.ones(1)
    >>> dense_kernel(DenseRecurrence(0.5 * one[:, None], one, one, np.asarray(0.0)), 3)
    array([1.  , 0.5 , 0.25])
    """
    fields = _Fields((system.A,), (2,), (system.B, system.C))
    each = _matrix_bytes(system.A.shape[-1], length)
    return _evaluate(lambda A, B, C: krylov(A, B, C, length), fields, length, each, max_bytes)


def dplr_kernel(form: DPLR, length: int, *, max_bytes: int = MAX_BYTES) -> Array:
    """Re C A_d^l B_d for l < length of diag(Lambda) - P P^H sampled by the bilinear rule, by the
    cheaper of two routes.

    Powers of the matrix A_d (`products.krylov`), or powers of the modes closed by feedback
    (`products.power_series`), as `prefers_series` says; modes that grow, Re Lambda > 0, take the
    first where values can be looked at. No parameter depends on `length`. Precision, memory, result
    and errors as `dense_kernel`; on the host an eigenvalue at a pole of the rule is a ValueError
    too.

    >>> one = np.ones(1) + 0j
    >>> dplr_kernel(DPLR(0 * one, np.sqrt(2) * one[:, None], one, one, np.asarray(0.0), np.asarray(0.5)), 3).round(6)  # A = -2
    array([0.333333, 0.111111, 0.037037])
    """
    N, R = form.P.shape[-2:]
    fields = _Fields((form.Lambda, form.P, form.step), (1, 2, 0), (form.B, form.C))
    grows = backend.is_numpy(form.Lambda) and np.any(form.Lambda.real > 0)
    if not grows and prefers_series(
        N, R, length, math.prod(fields.batch()) / max(1, math.prod(fields.own()))
    ):
        each = 16 * (1 + R) ** 2 * (12 * length + 4 * N)
        return _evaluate(
            lambda *f: power_series(f[0], f[1], f[3], f[4], f[2], length),
            fields,
            length,
            each,
            max_bytes,
        )

    def by_powers(Lambda: Array, P: Array, step: Array, B: Array, C: Array) -> Array:
        D, U, V, B_d = bilinear(Lambda, P, B, step)
        return krylov(dense(D, U, V), B_d, C, length)

    return _evaluate(by_powers, fields, length, _matrix_bytes(N, length), max_bytes)


def prefers_series(N: int, R: int, length: int, sharing: float = 1.0) -> bool:
    r"""Whether powers of the modes cost less than powers of the matrix, of which `sharing` kernels
    use one.

    .. math::  0.4\, (1 + R)^2 N L + 22\, R (1 + R) L \log_2 L
               < 0.25\, N^3 \log_2(L) / \text{sharing} + 0.6\, N^2 \sqrt L + 0.5\, N L

    in nanoseconds of one core, measured with NumPy; other machines differ by a factor, of which
    most cancels.

    >>> prefers_series(64, 1, 16384), prefers_series(512, 1, 16384)
    (False, True)
    """
    bits = math.log2(max(2, length))
    series = 0.4 * (1 + R) ** 2 * N * length + 22 * R * (1 + R) * length * bits
    return series < 0.25 * N**3 * bits / sharing + 0.6 * N**2 * math.sqrt(length) + 0.5 * N * length


def _matrix_bytes(N: int, length: int) -> int:
    """Two complex matrices, and the columns and rows between which they stand, each twice."""
    return 16 * N * (2 * N + 4 * math.isqrt(length))


class _Fields(NamedTuple):
    """The arrays that make the matrix, with the number of their core axes, and the two vectors
    around it.
    """

    matrix: tuple[Array, ...]
    core: tuple[int, ...]
    vectors: tuple[Array, Array]

    def leads(self) -> list[tuple[int, ...]]:
        """The batch axes of every array."""
        pairs = zip(self.matrix + self.vectors, self.core + (1, 1), strict=True)
        return [tuple(array.shape[: array.ndim - axes]) for array, axes in pairs]

    def own(self) -> tuple[int, ...]:
        """The batch axes of the matrix."""
        return np.broadcast_shapes(*self.leads()[: len(self.matrix)])

    def batch(self) -> tuple[int, ...]:
        """The batch axes of the kernel."""
        return np.broadcast_shapes(*self.leads())


def _evaluate(
    kernel: Callable[..., Array], fields: _Fields, length: int, each: int, max_bytes: int
) -> Array:
    """kernel(*matrix, *vectors) in double precision, in parts of members of the first batch axis,
    `each` bytes to a matrix.

    In one piece where all share a matrix, and under a compiler, which orders the work itself.
    """
    arrays, leads, own, batch = (
        fields.matrix + fields.vectors,
        fields.leads(),
        fields.own(),
        fields.batch(),
    )
    first = arrays[0]
    xp = backend.namespace(first=first)
    split = (
        len(own) == len(batch) > 0 and own[0] == batch[0] > 1 and backend.device(first) is not None
    )
    each *= math.prod(own[1:] if split else own)
    members = max(1, max_bytes // max(1, each)) if split else 1
    size = 8 * length * math.prod(batch) + each * min(members, batch[0] if split else 1)
    require.room("the kernel", size, host=backend.is_numpy(first))

    def part(start: int) -> Array:
        mine = []
        for array, lead in zip(arrays, leads, strict=True):
            along = split and len(lead) == len(batch) and lead[0] > 1
            mine.append(
                _widened(array[start : min(start + members, batch[0]), ...] if along else array)
            )
        return xp.astype(kernel(*mine), getattr(xp, backend.precision(first)), copy=False)

    with backend.quietly(first):  # the result tells
        parts = [part(start) for start in range(0, batch[0] if split else 1, members)]
        K = parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)
    return finite(lambda K, _: K, K, None)


def _widened(array: Array) -> Array:
    """The array in double precision, where the library and the device have it."""
    xp = backend.namespace(array=array)
    if "float64" not in xp.__array_namespace_info__().dtypes(
        kind="real floating", device=backend.device(array)
    ):
        return array
    return xp.astype(array, xp.complex128 if backend.is_complex(array) else xp.float64)
