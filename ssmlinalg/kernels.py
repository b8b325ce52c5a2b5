r"""A model at work: its kernel, the convolution with it, and the same thing as a recurrence.

One law holds them together, for every form, rule and array library:

    convolve(u, kernel(form, len(u))) = scan(form, u)[0]

`kernel` is the impulse response, the direct path D at lag 0 included. Inputs and outputs have time on the last axis, (..., L),
or (..., M, L) and (..., P, L) for a form with several; leading axes broadcast against those of the form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _array, _require
from ._array import Array
from .discretize import Rule, discretize
from .forms import (
    Continuous,
    Delayed,
    DenseRecurrence,
    Discrete,
    MIMORecurrence,
    PairedRecurrence,
    Recurrence,
    check,
)
from .products import vandermonde

_DISCRETE = (Recurrence, PairedRecurrence, MIMORecurrence, DenseRecurrence, Delayed)


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
    system = _sampled(form, rule)
    if isinstance(system, Delayed):
        return _first_then(system.D, kernel(system.system, length))[..., :length]
    _refuse_overflow(system, length)
    _refuse_size("the kernel", system, length)
    K = _finite(_impulse_response, system, length)
    xp = _array.namespace(K=K)
    later = _array.zeros((*system.D.shape, length - 1), system.D)
    return K + xp.concat([system.D[..., None], later], axis=-1)


def convolve(u: Array, k: Array) -> Array:
    """Causal linear convolution, y_l = sum_{m <= l} k_m u_{l-m}, for l up to the length of u.

    u (..., L) and k (..., L') broadcast over their leading axes. By FFT of a length that holds both, so nothing wraps round.
    Accuracy: absolute, about eps log2(L) |k| |u| in the 2-norm. Cost O(L log L). Raises TypeError unless both are real
    arrays of one library and precision.

    >>> import numpy as np
    >>> convolve(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.5])).round(12)
    array([1. , 0.5, 2. ])
    """
    import scipy.fft

    xp = _array.namespace(u=u, k=k)
    for name, array in (("u", u), ("k", k)):
        _real_signal(name, array)
    _require.broadcasts("u", tuple(u.shape[:-1]), tuple(k.shape[:-1]), "`k`")
    length = u.shape[-1]
    n = scipy.fft.next_fast_len(length + k.shape[-1] - 1, real=True)
    return _finite(lambda u, k: xp.fft.irfft(xp.fft.rfft(u, n=n) * xp.fft.rfft(k, n=n), n=n)[..., :length], u, k)


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
    system = _sampled(form, rule)
    inner = system.system if isinstance(system, Delayed) else system
    _array.namespace(u=u, A=inner.A, **({} if state is None else {"state": state}))
    _real_signal("u", u)
    if state is not None and _array.is_numpy(state):
        _require.finite("state", np.asarray(state))
    several = isinstance(inner, MIMORecurrence)
    if several:
        rule_of_u = f"(..., M, L) with M = {inner.B.shape[-1]} from `B`"
        _require.shape("u", tuple(u.shape), rule_of_u, u.ndim >= 2 and u.shape[-2] == inner.B.shape[-1])
    _require.broadcasts("u", tuple(u.shape[: -2 if several else -1]), _batch(inner), "the form")
    _refuse_overflow(inner, u.shape[-1])
    _refuse_size("the states", inner, u.shape[-1])
    xp = _array.namespace(u=u)
    if several:
        driven = xp.matmul(_swap(_as(u, inner.B)), _swap(inner.B))
    else:
        driven = _as(u, inner.B)[..., :, None] * inner.B[..., None, :]
    driven = driven + _array.zeros((*np.broadcast_shapes(driven.shape[:-2], _batch(inner)), 1, 1), driven)
    first = _array.zeros((*driven.shape[:-2], driven.shape[-1]), driven) if state is None else _as(state, driven)
    rule_of_state = f"that broadcasts to {tuple(driven.shape[:-2])} + ({driven.shape[-1]},)"
    _require.shape("state", tuple(first.shape), rule_of_state, _fits(first.shape, (*driven.shape[:-2], driven.shape[-1])))
    first = xp.broadcast_to(first, (*driven.shape[:-2], driven.shape[-1]))
    # The state before the first sample stands in front as one more, and is carried along like an input.
    states = _finite(_doubling, inner, xp.concat([first[..., None, :], driven], axis=-2))
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


def _sampled(form: Any, rule: Rule) -> Any:
    return check(form) if isinstance(form, _DISCRETE) else discretize(form, rule)


def _refuse_overflow(system: Any, length: int) -> None:
    """On the host, refuse modes that grow past the largest number; under a compiler values cannot be looked at.

    Of a dense matrix only the result tells (`_finite`): its norm may exceed 1 for a while.
    """
    if not _array.is_numpy(system.A) or isinstance(system, DenseRecurrence):
        return
    size = float(np.max(np.abs(system.A), initial=0.0))
    if size > 1 and length * np.log(size) > np.log(float(np.finfo(system.A.dtype).max)) - 1:
        got = f"|A_d| = {size:.6g}, which overflows {system.A.dtype} within {length} samples"
        raise ValueError(f"modes must not outgrow their precision; got {got}. Make Re A < 0, or shorten the signal.")


def _refuse_size(what: str, system: Any, length: int) -> None:
    """A lower bound of what evaluation takes: the complex result, or for dense A the block of all states."""
    each = system.A.shape[-1] if isinstance(system, DenseRecurrence) else 1
    if isinstance(system, MIMORecurrence):
        each = system.C.shape[-2] * system.B.shape[-1]
    size = math.prod(_batch(system)) * each * length * 2 * np.dtype(_array.precision(system.A)).itemsize
    _require.room(what, size, host=_array.is_numpy(system.A))


def _finite(evaluate: Callable[[Any, Any], Array], one: Any, other: Any) -> Array:
    """`evaluate`(one, other), refused on the host when it overflowed."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = evaluate(one, other)
    if _array.is_numpy(result) and not np.all(np.isfinite(result)):
        remedy = "Choose a stable rule or matrix, a smaller step, smaller weights, or a shorter signal."
        raise ValueError(f"the result must fit its precision; got more than {result.dtype} can hold. {remedy}")
    return result


def _impulse_response(system: Any, length: int) -> Array:
    """What the state contributes to the kernel: C A^l B, as the form reads it."""
    if isinstance(system, DenseRecurrence):
        return _krylov(system, length)
    if isinstance(system, MIMORecurrence):
        weights = system.C[..., :, None, :] * _swap(system.B)[..., None, :, :]
        return 2 * _array.real(vandermonde(weights, system.A[..., None, None, :], length))
    K = _array.real(vandermonde(system.C * system.B, system.A, length))
    return 2 * K if isinstance(system, PairedRecurrence) else K


def _krylov(system: DenseRecurrence, length: int) -> Array:
    """C A^l B by doubling the block [B, AB, A^2 B, ...]."""
    xp = _array.namespace(A=system.A)
    A, block = system.A, system.B[..., None]
    while block.shape[-1] < length:
        block = xp.concat([xp.broadcast_to(block, (*_batch(system), *block.shape[-2:])), xp.matmul(A, block)], axis=-1)
        A = xp.matmul(A, A)
    K = xp.matmul(_as(system.C, block)[..., None, :], block)[..., 0, :length]
    return _array.real(K)


def _doubling(system: Any, x: Array) -> Array:
    """x_l <- sum_{m <= l} A^{l-m} x_m along the axis before last."""
    xp = _array.namespace(x=x)
    A, shift, length = system.A, 1, x.shape[-2]
    dense = isinstance(system, DenseRecurrence)
    while shift < length:
        earlier = x[..., :-shift, :]
        moved = xp.matmul(earlier, _swap(A)) if dense else A[..., None, :] * earlier
        x = xp.concat([x[..., :shift, :], x[..., shift:, :] + moved], axis=-2)
        A = xp.matmul(A, A) if dense else A * A
        shift *= 2
    return x


def _read(system: Any, states: Array) -> Array:
    """The output of states (..., L, n): (..., L), or (..., P, L)."""
    xp = _array.namespace(states=states)
    if isinstance(system, MIMORecurrence):
        return 2 * xp.real(xp.matmul(system.C, _swap(states)))
    y = _array.real(xp.matmul(states, _as(system.C, states)[..., :, None])[..., 0])
    return 2 * y if isinstance(system, PairedRecurrence) else y


def _first_then(first: Array, rest: Array) -> Array:
    xp = _array.namespace(rest=rest)
    return xp.concat([xp.broadcast_to(first[..., None], (*rest.shape[:-1], 1)), rest], axis=-1)


def _batch(system: Any) -> tuple[int, ...]:
    dense, several = isinstance(system, DenseRecurrence), isinstance(system, MIMORecurrence)
    matrix = 2 if several else 1
    leads = [system.A.shape[: -2 if dense else -1], system.B.shape[:-matrix], system.C.shape[:-matrix]]
    return np.broadcast_shapes(*leads, system.D.shape[: -2 if several else None])


def _as(array: Array, like: Array) -> Array:
    return _array.as_complex(array) if _array.is_complex(like) and not _array.is_complex(array) else array


def _swap(matrix: Array) -> Array:
    return _array.namespace(matrix=matrix).matrix_transpose(matrix)


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def _real_signal(name: str, array: Array) -> None:
    if _array.is_complex(array):
        raise TypeError(f"`{name}` must be real; got {array.dtype}. Pass its real and imaginary parts one after the other.")
    if array.ndim < 1 or array.shape[-1] < 1:
        got = f"shape {tuple(array.shape)}"
        raise ValueError(f"`{name}` must hold at least one sample on its last axis; got {got}. Add samples.")
    if _array.is_numpy(array):
        _require.finite(name, np.asarray(array))
