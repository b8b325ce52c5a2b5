"""The kernel of a model: its impulse response."""

from __future__ import annotations

from typing import Any

from .. import _array, _require
from .._array import Array
from ..discretize import Rule
from ..forms import Continuous, Delayed, DenseRecurrence, Discrete, MIMORecurrence, PairedRecurrence
from ..products import vandermonde
from .sampled import batch_of, finite, match, refuse_overflow, refuse_size, sampled, swap


def kernel(form: Continuous | Discrete, length: int, *, rule: Rule = "zoh") -> Array:
    r"""The impulse response K_0 .. K_{length-1} of the sampled model: K_l = C A_d^l B_d, and D added at l = 0.

    Returns (..., length), (..., P, M, length) for several inputs: real, in the library, device and precision of the form.
    A discrete form is taken as it is and `rule` not used.

    Raises ValueError for an unknown rule, for a length below 1, and on the host for a model that outgrows its precision within
    `length` samples. Accuracy: relative to sum |C A_d^l B_d| about l eps, from rounding A_d. Cost: O(N L) operations in one
    matrix product and O(N sqrt(L)) memory beside the result for modes; for a dense A of order N, O(N^2 L) and O(N L).

    Sources: Gu et al. 2022 (S4D), equation 7 (Vandermonde product).

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> kernel(forms.Recurrence(0.5 * one, one, one, np.asarray(3.0)), 4)
    array([4.   , 0.5  , 0.25 , 0.125])
    """
    length = _require.integer("length", length)
    system = sampled(form, rule)
    if isinstance(system, Delayed):
        return _first_then(system.D, kernel(system.system, length))[..., :length]
    refuse_overflow(system, length)
    refuse_size("the kernel", system, length)
    K = finite(_impulse_response, system, length)
    xp = _array.namespace(K=K)
    later = _array.zeros((*system.D.shape, length - 1), system.D)
    return K + xp.concat([system.D[..., None], later], axis=-1)


def _impulse_response(system: Any, length: int) -> Array:
    """What the state contributes to the kernel: C A^l B, as the form reads it."""
    if isinstance(system, DenseRecurrence):
        return _krylov(system, length)
    if isinstance(system, MIMORecurrence):
        weights = system.C[..., :, None, :] * swap(system.B)[..., None, :, :]
        return 2 * _array.real(vandermonde(weights, system.A[..., None, None, :], length))
    K = _array.real(vandermonde(system.C * system.B, system.A, length))
    return 2 * K if isinstance(system, PairedRecurrence) else K


def _krylov(system: DenseRecurrence, length: int) -> Array:
    """C A^l B by doubling the block [B, AB, A^2 B, ...]."""
    xp = _array.namespace(A=system.A)
    A, block = system.A, system.B[..., None]
    while block.shape[-1] < length:
        block = xp.concat([xp.broadcast_to(block, (*batch_of(system), *block.shape[-2:])), xp.matmul(A, block)], axis=-1)
        A = xp.matmul(A, A)
    K = xp.matmul(match(system.C, block)[..., None, :], block)[..., 0, :length]
    return _array.real(K)


def _first_then(first: Array, rest: Array) -> Array:
    xp = _array.namespace(rest=rest)
    return xp.concat([xp.broadcast_to(first[..., None], (*rest.shape[:-1], 1)), rest], axis=-1)
