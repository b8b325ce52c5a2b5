"""Kernels of systems that are not diagonal: dense, and diagonal plus low rank."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..forms import DPLR, DenseRecurrence
from ..ground import backend, require
from ..ground.backend import Array
from ..products.conjugate_pairs import conjugate_pairs, mirrored, real_coordinates
from ..products.generating_function import bilinear, closed_by_feedback, dense
from ..products.markov_parameters import baby_and_giant_steps

MAX_BYTES = 1 << 23  # of powers and states at a time: what fits a cache


def dense_kernel(system: DenseRecurrence, length: int, *, max_bytes: int = MAX_BYTES) -> Array:
    """The Markov parameters Re C A^l B of a matrix, l < length; D is left out.

    Evaluated in double precision where the library has it.

    Args:
        system: a `DenseRecurrence` that `check` has passed.
        length: how many samples, at least 1.
        max_bytes: the memory beside the result. Where each member of the first batch axis has its
            own matrix, they are worked off in groups that take this much (compiled: all at once).

    Returns:
        Real samples (..., L) in the precision of the system.

    Raises:
        ValueError: on the host for an overflow, and for more than its memory holds.

    Accuracy:
        That of `products.krylov`; single precision is rounded once.

    Cost:
        That of `products.krylov`.

    Example:
        >>> one = np.ones(1)
        >>> dense_kernel(DenseRecurrence(0.5 * one[:, None], one, one, np.asarray(0.0)), 3)
        array([1.  , 0.5 , 0.25])
    """

    def powers(A: Array, B: Array, C: Array) -> Array:
        return baby_and_giant_steps(A, B, C, length)

    fields = _Fields(matrix=(system.A,), axes=(2,), vectors=(system.B, system.C))
    each = 16 * _numbers_of_powers(system.A.shape[-1], length)
    return _in_groups(powers, fields, length, each, max_bytes)


def dplr_kernel(form: DPLR, length: int, *, max_bytes: int = MAX_BYTES) -> Array:
    """The Markov parameters Re C A_d^l B_d of diag(Lambda) - P P^H under the bilinear rule.

    By the cheaper of two routes, as `prefers_series` says: powers of the matrix A_d
    (`products.krylov`), or powers of the modes closed by feedback (`products.power_series`). Modes
    that grow, Re Lambda > 0, take the first where values can be looked at. No parameter depends on
    `length`. Where values can be looked at and are closed under conjugation to the bit, as those of
    S4 are, both routes are real and take about a quarter of the work.

    Args:
        form: a `DPLR` form that `check` has passed.
        length: how many samples, at least 1.
        max_bytes: as in `dense_kernel`.

    Returns:
        Real samples (..., L) in the precision of the form.

    Raises:
        ValueError: on the host for an overflow, for more than its memory holds, and for an
            eigenvalue at the pole of the rule.

    Accuracy:
        As `dense_kernel`.

    Example:
        >>> one = np.ones(1) + 0j
        >>> P = np.sqrt(2) * one[:, None]  # A = -2
        >>> form = DPLR(0 * one, P, one, one, np.asarray(0.0), np.asarray(0.5))
        >>> dplr_kernel(form, 3).round(6)
        array([0.333333, 0.111111, 0.037037])
    """
    pairs = conjugate_pairs(form.Lambda, form.P, form.B, form.C)
    if pairs is not None:
        Lambda, P, B, C = mirrored(form.Lambda, form.P, form.B, form.C, pairs)
        form = form._replace(Lambda=Lambda, P=P, B=B, C=C)
    matrix = (form.Lambda, form.P, form.step)
    fields = _Fields(matrix=matrix, axes=(1, 2, 0), vectors=(form.B, form.C))
    order, rank = form.P.shape[-2:]
    sharing = math.prod(fields.batch()) / max(1, math.prod(fields.own()))
    narrow = _in_double(form.Lambda[..., :0]).dtype != form.Lambda.dtype  # rounded once more
    kind = {"real": pairs is not None, "refined": not narrow}
    number = 8 if kind["real"] else 16
    grows = backend.is_numpy(form.Lambda) and np.any(form.Lambda.real > 0)
    if grows or not prefers_series(order, rank, length, sharing, **kind):
        each = number * _numbers_of_powers(order, length)
        return _in_groups(_by_powers(length, pairs), fields, length, each, max_bytes)
    each = number * (1 + rank) ** 2 * (length + 4 * order)
    series = _by_series(length, pairs, refined=not narrow)
    return _in_groups(series, fields, length, each, max_bytes)


def _by_powers(length: int, pairs: int | None) -> Callable[..., Array]:
    def evaluate(Lambda: Array, P: Array, step: Array, B: Array, C: Array) -> Array:
        sampled = bilinear(Lambda, P, B, step)
        if pairs is None:
            A = dense(sampled.D, sampled.U, sampled.V)
            return baby_and_giant_steps(A, sampled.B, C, length)
        return baby_and_giant_steps(*real_coordinates(*sampled, C, pairs), length)

    return evaluate


def _by_series(length: int, pairs: int | None, *, refined: bool) -> Callable[..., Array]:
    def evaluate(Lambda: Array, P: Array, step: Array, B: Array, C: Array) -> Array:
        fields = Lambda, P, B, C, step
        return closed_by_feedback(*fields, length, pairs=pairs, refined=refined)

    return evaluate


def prefers_series(
    order: int,
    rank: int,
    length: int,
    sharing: float = 1.0,
    *,
    real: bool = False,
    refined: bool = True,
) -> bool:
    r"""Whether powers of the modes cost less than powers of the matrix.

    .. math::  0.4\, (1 + R)^2 N L + 11.5\, R (1 + R) L \log_2 L
               < 0.25\, N^3 \log_2(L) / \text{sharing} + 0.6\, N^2 \sqrt L + 0.5\, N L

    in nanoseconds of one core, measured with NumPy; other machines differ by a factor, of which
    most cancels.

    Args:
        order: N.
        rank: R.
        length: L.
        sharing: how many kernels use one matrix.
        real: whether modes come in conjugate pairs: products cost a quarter, transforms 0.38.
        refined: whether all digits are wanted; without, transforms cost 0.38.

    Returns:
        True where the left side is smaller.

    Example:
        >>> prefers_series(64, 1, 16384), prefers_series(512, 1, 16384)
        (False, True)
    """
    bits = math.log2(max(2, length))
    product = 0.25 if real else 1.0
    transform = (0.38 if real else 1.0) * (1.0 if refined else 0.38)
    sums = product * 0.4 * (1 + rank) ** 2 * order * length
    feedback = transform * 11.5 * rank * (1 + rank) * length * bits
    squares = product * 0.25 * order**3 * bits / sharing
    states = product * 0.6 * order**2 * math.sqrt(length)
    outputs = product * 0.5 * order * length
    return sums + feedback < squares + states + outputs


def _numbers_of_powers(order: int, length: int) -> int:
    """Two matrices, and the columns and rows between which they stand, each twice."""
    return order * (2 * order + 4 * math.isqrt(length))


class _Fields(NamedTuple):
    """The arrays that make the matrix, with their core axes, and the two vectors around it."""

    matrix: tuple[Array, ...]
    axes: tuple[int, ...]
    vectors: tuple[Array, Array]

    def arrays(self) -> tuple[Array, ...]:
        return self.matrix + self.vectors

    def leads(self) -> list[tuple[int, ...]]:
        """The batch axes of every array."""
        pairs = zip(self.arrays(), (*self.axes, 1, 1), strict=True)
        return [tuple(array.shape[: array.ndim - axes]) for array, axes in pairs]

    def own(self) -> tuple[int, ...]:
        """The batch axes of the matrix."""
        return np.broadcast_shapes(*self.leads()[: len(self.matrix)])

    def batch(self) -> tuple[int, ...]:
        """The batch axes of the kernel."""
        return np.broadcast_shapes(*self.leads())

    def part(self, start: int, stop: int) -> tuple[Array, ...]:
        """The arrays of some members of the first batch axis."""
        batch = self.batch()
        parts = []
        for array, lead in zip(self.arrays(), self.leads(), strict=True):
            has_axis = len(lead) == len(batch) and lead[0] > 1
            parts.append(array[start:stop, ...] if has_axis else array)
        return tuple(parts)


def _in_groups(
    kernel: Callable[..., Array], fields: _Fields, length: int, each: int, max_bytes: int
) -> Array:
    """kernel(*matrix, *vectors) in double precision, in groups of the first batch axis.

    `each` is the bytes that one matrix takes. All at once where all share a matrix, and under a
    compiler, which orders the work itself.
    """
    first = fields.matrix[0]
    own = fields.own()
    batch = fields.batch()
    split = len(own) == len(batch) > 0 and own[0] == batch[0] > 1
    split = split and not backend.compiling(first)
    each *= math.prod(own[1:] if split else own)
    total = batch[0] if split else 1
    members = min(total, max(1, max_bytes // max(1, each)))
    size = 8 * length * math.prod(batch) + each * members
    require.room("the kernel", size, host=backend.readable(first))
    xp = backend.library(first)
    dtype = getattr(xp, backend.precision(first))

    def group(arrays: tuple[Array, ...]) -> Array:
        return xp.astype(kernel(*map(_in_double, arrays)), dtype, copy=False)

    with backend.quietly(first):  # the result tells
        if not split:
            return backend.fitting(group(fields.arrays()))
        starts = range(0, total, members)
        groups = [group(fields.part(start, min(start + members, total))) for start in starts]
        return backend.fitting(groups[0] if len(groups) == 1 else xp.concat(groups, axis=0))


def _in_double(array: Array) -> Array:
    """The array in double precision, where the library and the device have it."""
    xp: Any = backend.library(array)
    kinds = xp.__array_namespace_info__().dtypes(kind="real floating", device=backend.device(array))
    if "float64" not in kinds:
        return array
    return xp.astype(array, xp.complex128 if backend.is_complex(array) else xp.float64)
