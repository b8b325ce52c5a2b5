"""The kernel of a model: its impulse response."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..discretize import Rule
from ..forms import (
    DPLR,
    Continuous,
    Delayed,
    DenseRecurrence,
    Discrete,
    MIMORecurrence,
    PairedRecurrence,
    check,
)
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import tables
from ..products import MAX_BYTES, vandermonde
from .dense import dense_kernel, dplr_kernel
from .sampling import (
    base_of,
    batch_of,
    finite,
    half_of,
    refuse_overflow,
    refuse_size,
    sampled,
    swap,
    widened,
)


def kernel(
    form: Continuous | Discrete, length: int, *, rule: Rule = "zoh", max_bytes: int = MAX_BYTES
) -> Array:
    r"""The impulse response K_0 .. K_{length-1} of the sampled model: K_l = C A_d^l B_d, and D
    added at l = 0.

    .. math::  K_{a m + b} = \mathrm{Re} \sum_n (C_n B_n \bar A_n^{a m})\, \bar A_n^{b}, \qquad m \sim \sqrt{L}

    Returns (..., length), (..., P, M, length) for several inputs: real, in the library, device and
    precision of the form. Length 0 is legal. A discrete form is taken as it is and `rule` not used.
    A form of 16 bits is evaluated in single precision and the result cast to the precision of its
    C. Channels of a diagonal form are worked off in groups that take `max_bytes` of memory beside
    the result (JAX: all at once, its compiler decides).

    Raises ValueError for an unknown rule, for a negative length, and, where values can be looked
    at, for a model that outgrows its precision within `length` samples. Accuracy, relative to |D| +
    sum |C B A_d^l| and for any length and frequency: about (n + log2(L)) eps for modes under a
    named rule or in a discrete form, for their powers and phases are exact until they are rounded
    once; under a rule given as a function, l times the rounding of its A_d more. Of a dense A: see
    `products.krylov`. Cost: 4 n L real operations in one matrix product, and O(n sqrt(L))
    exponentials and memory beside the result.

    Differentiable once with respect to every field, in PyTorch (also compiled, or under
    torch.func.vmap) and JAX (jit, vmap), at the cost of two such products; nothing is stored for it
    but the fields.

    Sources: Gu et al. 2022 (S4D), equation 7 (Vandermonde product).

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> kernel(forms.Recurrence(0.5 * one, one, one, np.asarray(3.0)), 4)
    array([4.   , 0.5  , 0.25 , 0.125])
    """
    length = require.integer("length", length, least=0)
    max_bytes = require.integer("max_bytes", max_bytes)
    narrow = half_of(form)
    wide: Any = check(widened(form))
    if rule == "bilinear" and isinstance(wide, DPLR) and length > 0:
        return _cast(_first_added(wide.D, dplr_kernel(wide, length, max_bytes=max_bytes)), narrow)
    system = sampled(wide, rule)
    inner, late = (system.system, 1) if isinstance(system, Delayed) else (system, 0)
    refuse_size("the kernel", inner, length)
    refuse_overflow(inner, length)
    if length <= late:
        ports = system.D.shape[-2:] if isinstance(inner, MIMORecurrence) else ()
        shape = np.broadcast_shapes(tuple(system.D.shape), (*batch_of(inner), *ports))
        direct = system.D[..., None][..., :length]
        return _cast(backend.namespace(D=direct).broadcast_to(direct, (*shape, length)), narrow)
    if isinstance(inner, DenseRecurrence):
        K = dense_kernel(inner, length - late, max_bytes=max_bytes)
        K = K if late else _first_added(system.D, K)
    else:
        K = _sum_of_modes(
            inner, base_of(wide, rule, inner), None if late else system.D, length - late, max_bytes
        )
    return _cast(_first_then(system.D, K) if late else K, narrow)


def _sum_of_modes(
    system: Any, base: tables.Base, direct: Array | None, length: int, max_bytes: int
) -> Array:
    """Re sum C B A^l, doubled for half spectra, with `direct` added at l = 0."""
    several = isinstance(system, MIMORecurrence)
    factor = 2 if isinstance(system, (PairedRecurrence, MIMORecurrence)) else 1

    def evaluate(C: Array, B: Array) -> Array:
        weights = factor * (C[..., :, None, :] * swap(B)[..., None, :, :] if several else C * B)
        nodes = tables.reshaped(base, lambda part: part[..., None, None, :]) if several else base
        return vandermonde(weights, nodes, length, direct=direct, max_bytes=max_bytes)

    return (evaluate if _fits(system, length) else partial(finite, evaluate))(system.C, system.B)


def _fits(system: Any, length: int) -> bool:
    """Whether no sum can overflow, which spares looking at all of them."""
    if not backend.is_numpy(system.A):
        return True  # nobody would look
    A, B, C, D = (np.log(max(1.0, np.max(np.abs(field), initial=0.0))) for field in system)
    return bool(
        length * A + B + C + D + np.log(system.A.shape[-1])
        < np.log(np.finfo(system.A.dtype).max) - 3
    )


def _first_added(first: Array, K: Array) -> Array:
    return _first_then(K[..., 0] + first, K[..., 1:])


def _first_then(first: Array, rest: Array) -> Array:
    xp = backend.namespace(rest=rest)
    shape = np.broadcast_shapes(first.shape, rest.shape[:-1])
    parts = (
        xp.broadcast_to(first[..., None], (*shape, 1)),
        xp.broadcast_to(rest, (*shape, rest.shape[-1])),
    )
    return xp.concat(parts, axis=-1)


def _cast(K: Array, narrow: Any) -> Array:
    """K in the precision of a form of 16 bits."""
    return (
        K
        if narrow is None
        else finite(lambda K, dtype: backend.library(K).astype(K, dtype), K, narrow)
    )
