"""The model run as a recurrence: a whole signal at once, or sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _array, _require
from .._array import Array
from ..discretize import Rule
from ..forms import Continuous, Delayed, DenseRecurrence, Discrete, MIMORecurrence, PairedRecurrence
from .sampled import batch_of, finite, match, real_signal, refuse_overflow, refuse_size, sampled, swap


def scan(form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh") -> tuple[Array, Array]:
    """The model run as a recurrence over u (..., L): outputs (..., L) and the state (..., n) after the last sample.

    `state` is the state before the first sample, zero if None, so a signal may be cut anywhere: pass each part the state of
    the one before. By doubling, x <- x + A^{2^k} shift(x, 2^k): O(n L log L) operations, O(n L) memory, no loop over time.
    Raises what `kernel` raises, and ValueError for shapes that do not fit.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> y, x = scan(forms.Recurrence(0.5 * one, one, one, np.asarray(0.0)), np.ones(3))
    >>> y, x.real
    (array([1.  , 1.5 , 1.75]), array([1.75]))
    """
    system = sampled(form, rule)
    inner = system.system if isinstance(system, Delayed) else system
    _array.namespace(u=u, A=inner.A, **({} if state is None else {"state": state}))
    real_signal("u", u)
    if state is not None and _array.is_numpy(state):
        _require.finite("state", np.asarray(state))
    several = isinstance(inner, MIMORecurrence)
    if several:
        rule_of_u = f"(..., M, L) with M = {inner.B.shape[-1]} from `B`"
        _require.shape("u", tuple(u.shape), rule_of_u, u.ndim >= 2 and u.shape[-2] == inner.B.shape[-1])
    _require.broadcasts("u", tuple(u.shape[: -2 if several else -1]), batch_of(inner), "the form")
    refuse_overflow(inner, u.shape[-1])
    refuse_size("the states", inner, u.shape[-1])
    xp = _array.namespace(u=u)
    if several:
        driven = xp.matmul(swap(match(u, inner.B)), swap(inner.B))
    else:
        driven = match(u, inner.B)[..., :, None] * inner.B[..., None, :]
    driven = driven + _array.zeros((*np.broadcast_shapes(driven.shape[:-2], batch_of(inner)), 1, 1), driven)
    first = _array.zeros((*driven.shape[:-2], driven.shape[-1]), driven) if state is None else match(state, driven)
    rule_of_state = f"that broadcasts to {tuple(driven.shape[:-2])} + ({driven.shape[-1]},)"
    _require.shape("state", tuple(first.shape), rule_of_state, _fits(first.shape, (*driven.shape[:-2], driven.shape[-1])))
    first = xp.broadcast_to(first, (*driven.shape[:-2], driven.shape[-1]))
    # The state before the first sample stands in front as one more, and is carried along like an input.
    states = finite(_doubling, inner, xp.concat([first[..., None, :], driven], axis=-2))
    heard = states[..., :-1, :] if isinstance(system, Delayed) else states[..., 1:, :]
    y = _read(inner, heard)
    direct = xp.matmul(system.D, u) if several else system.D[..., None] * u
    return y + direct, states[..., -1, :]


def step(form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh") -> tuple[Array, Array]:
    """One sample of the recurrence: u (...) in, or (..., M) for several inputs; output (...) or (..., P) and state out.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> step(forms.Recurrence(0.5 * one, one, one, np.asarray(0.0)), np.asarray(1.0), 2 * one)[0]
    array(2.)
    """
    _array.namespace(u=u)
    y, state = scan(form, u[..., None], state, rule=rule)
    return y[..., 0], state


def _doubling(system: Any, x: Array) -> Array:
    """x_l <- sum_{m <= l} A^{l-m} x_m along the axis before last."""
    xp = _array.namespace(x=x)
    A, shift, length = system.A, 1, x.shape[-2]
    dense = isinstance(system, DenseRecurrence)
    while shift < length:
        earlier = x[..., :-shift, :]
        moved = xp.matmul(earlier, swap(A)) if dense else A[..., None, :] * earlier
        x = xp.concat([x[..., :shift, :], x[..., shift:, :] + moved], axis=-2)
        A = xp.matmul(A, A) if dense else A * A
        shift *= 2
    return x


def _read(system: Any, states: Array) -> Array:
    """The output of states (..., L, n): (..., L), or (..., P, L)."""
    xp = _array.namespace(states=states)
    if isinstance(system, MIMORecurrence):
        return 2 * xp.real(xp.matmul(system.C, swap(states)))
    y = _array.real(xp.matmul(states, match(system.C, states)[..., :, None])[..., 0])
    return 2 * y if isinstance(system, PairedRecurrence) else y


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
