"""The kernel of a model: its impulse response."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..discretize import Rule, sampled_with_base
from ..discretize.rules import named
from ..forms import (
    DPLR,
    Continuous,
    DenseRecurrence,
    Discrete,
    View,
    batch,
    check,
    inner,
    kind,
    view,
)
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import tables
from ..products import MAX_BYTES
from ..products.exponential_sums import sums
from .arguments import narrow_type, refuse_growth, refuse_size, widened
from .dense import dense_kernel, dplr_kernel
from .last_axes import broadcast, reshaped, transposed


def kernel(
    form: Continuous | Discrete, length: int, *, rule: Rule = "zoh", max_bytes: int = MAX_BYTES
) -> Array:
    r"""The impulse response of the sampled model: K_l = C A_d^l B_d, and D added at l = 0.

    .. math::  K_{a m + b} = \mathrm{Re} \sum_n (C_n B_n \bar A_n^{a m})\, \bar A_n^{b},
               \qquad m \sim \sqrt{L}

    Args:
        form: any form with an output. One of 16 bits is evaluated in single precision and the
            result cast to the precision of its C.
        length: L, 0 is legal.
        rule: how a continuous form is sampled; a discrete one does not use it.
        max_bytes: the memory beside the result. Channels of a diagonal form are worked off in
            groups that take this much (JAX: all at once, its compiler decides).

    Returns:
        Real samples (..., L), or (..., P, M, L) for several inputs, in the library, device and
        precision of the form. Differentiable once with respect to every field, in PyTorch (also
        compiled, or under torch.func.vmap) and JAX (jit, vmap), at the cost of two such products;
        nothing is stored for it but the fields.

    Raises:
        TypeError: for an `NPLR`; what `forms.check` raises.
        ValueError: for an unknown rule, a negative length, and a kernel too large for any memory;
            where values can be looked at, for a model that outgrows its precision within `length`
            samples; what `forms.check` raises.

    Accuracy:
        Relative to |D| + sum |C B A_d^l|, for any length and frequency: about (n + log2(L)) eps for
        modes in a discrete form, or under a rule by name, its function or partial(gbt, alpha=...),
        for their powers and phases are exact until they are rounded once (up to |step Im A| of
        1/eps^2, where a phase has no digit left; |step A| beyond 2^250, 2^60 in single precision,
        counts as that). Under a function of your own, l times the rounding of its A_d more. Of a
        dense A: see `products.krylov`.

    Cost:
        4 n L real operations in one matrix product; O(n sqrt(L)) exponentials and memory beside the
        result.

    Source:
        Gu et al. 2022 (S4D), equation 7 (Vandermonde product).

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> kernel(forms.Recurrence(0.5 * one, one, one, 3.0), 4)
        array([4.   , 0.5  , 0.25 , 0.125])
    """
    length = require.integer("length", length, least=0)
    max_bytes = require.integer("max_bytes", max_bytes)
    checked: Any = check(widened(form))
    if isinstance(checked, DPLR) and named(rule) == "bilinear" and length > 0:
        K = _joined(checked.D, dplr_kernel(checked, length, max_bytes=max_bytes), late=False)
    else:
        system, base = sampled_with_base(checked, rule=rule)
        K = impulse_response(system, base, length, max_bytes)
    narrow = narrow_type(form)
    if narrow is None:
        return K
    with backend.quietly(K):
        return backend.fitting(backend.library(K).astype(K, narrow))


def impulse_response(
    system: Any, base: tables.Base | None, length: int, max_bytes: int = MAX_BYTES
) -> Array:
    """The kernel of a discrete form, behind the door.

    Args:
        system: a discrete form that `check` has passed, or samples of one.
        base: what its modes are raised to powers from; None for a matrix.
        length: how many samples, 0 is legal.
        max_bytes: as in `kernel`.

    Returns:
        As `kernel`.

    Raises:
        ValueError: for a kernel too large for any memory, and where values can be looked at for a
            model that outgrows its precision.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> system = forms.Recurrence(0.5 * one, one, one, np.asarray(3.0))
        >>> impulse_response(system, tables.number(system.A), 3)
        array([4.  , 0.5 , 0.25])
    """
    recurrence = inner(system)
    late = recurrence is not system
    refuse_size("the kernel", recurrence, length)
    growth = 0.0 if base is None else refuse_growth(recurrence.A, length)
    if length <= late:
        return _direct_only(system, length)
    seen = view(recurrence)
    if base is None:
        K = _of_matrix(seen, length - late, max_bytes)
    else:
        K = _sum_of_modes(seen, base, length - late, max_bytes)
        if backend.is_numpy(K) and not _cannot_overflow(seen, growth):
            K = backend.fitting(K)
    if not kind(recurrence).ports:
        K = reshaped(K, 3, K.shape[-1])
    return _joined(system.D, K, late=True) if late else K


def _of_matrix(system: View, length: int, max_bytes: int) -> Array:
    """Re C A^l B (..., P, M, L), with D added at l = 0: one system for each pair of ports."""
    A = system.A[..., None, None, :, :]
    B = transposed(system.B)[..., None, :, :]
    C = system.C[..., :, None, :]
    pairs = DenseRecurrence(A, B, C, system.D)
    return _joined(system.D, dense_kernel(pairs, length, max_bytes=max_bytes), late=False)


def _sum_of_modes(system: View, base: tables.Base, length: int, max_bytes: int) -> Array:
    """Re sum C B A^l (..., P, M, L), with D added at l = 0."""
    with backend.quietly(system.A):
        weights = system.C[..., :, None, :] * transposed(system.B)[..., None, :, :]
        nodes = tables.reshaped(base, lambda part: part[..., None, None, :])
        return sums(weights, nodes, length, system.D, max_bytes)


def _cannot_overflow(system: View, growth: float) -> bool:
    """Whether no sum of C B A^l and D can overflow, which spares looking at all of them."""
    size = growth + np.log(system.A.shape[-1])
    for field in (system.B, system.C, system.D):
        size += np.log(max(1.0, np.max(np.abs(field), initial=0.0)))
    return bool(size < np.log(np.finfo(system.A.dtype).max) - 3)


def _direct_only(system: Any, length: int) -> Array:
    """D at l = 0, or no sample at all."""
    core = 2 if kind(system).ports else 0
    direct = system.D[..., None][..., :length]
    return broadcast(direct, batch(system), core + 1)


def _joined(direct: Array, K: Array, *, late: bool) -> Array:
    """K with D at l = 0: added to its first sample, or put before it if K is a sample late."""
    xp = backend.library(K)
    first = direct if late else K[..., 0] + direct
    rest = K if late else K[..., 1:]
    lead = np.broadcast_shapes(first.shape, rest.shape[:-1])
    parts = [broadcast(first[..., None], lead, 1), broadcast(rest, lead, 1)]
    return xp.concat(parts, axis=-1)
