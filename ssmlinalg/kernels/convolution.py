"""Convolution with a kernel, by fast Fourier transform: whole, in pieces, and towards both sides.

Half precision is transformed in single precision, for no library has a good transform of it, and
the result rounded to the type of the signal. No transform is shorter than what it must hold, so
nothing wraps round.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import mul
from typing import Any

from ..discretize import Rule
from ..forms import Continuous, Discrete, check, inner, kind
from ..ground import backend, require
from ..ground.backend import Array
from ..products.cyclic_convolution import cyclic, fast_length
from .arguments import broadcasts_to, real_signal, signal_axes, wide, widened
from .last_axes import broadcast, extended
from .response import kernel


def forced_response(form: Continuous | Discrete, u: Array, *, rule: Rule = "zoh") -> Array:
    r"""The output of a model for a signal, from rest: the convolution with its kernel.

    .. math::  y_p = \sum_m k_{pm} * u_m

    For any form, of one input or several, scan(form, u, x)[0] = forced_response(form, u) +
    free_response(form, x, L).

    Args:
        form: any form with an output.
        u: (..., L), or (..., M, L) for several inputs, real, in the library and precision of the
            form; a signal in half precision goes with a form in single.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        Outputs (..., L), or (..., P, L) for several, in the type of u.

    Raises:
        TypeError: what `kernel` and `convolve` raise.
        ValueError: for no sample and for a number of inputs that the form does not have; what
            `kernel` and `convolve` raise.

    Accuracy:
        That of `kernel`, and then of `convolve`.

    Cost:
        A kernel, transforms of M inputs, P M kernels and P outputs, and O(P M L) memory.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import s5_init
        >>> forced_response(s5_init(8, channels=3), np.ones((5, 3, 20))).shape
        (5, 3, 20)
    """
    checked: Any = check(widened(form))
    backend.namespace(u=wide(u), form=inner(checked)[0])
    signal_axes(u, checked)
    length = u.shape[-1]
    k = kernel(checked, length, rule=rule)
    period = 2 * length - 1
    if not kind(checked).ports:
        return _cyclic(u, k, period, slice(0, length))
    return _cyclic(u[..., None, :, :], k, period, slice(0, length), _summed_over_inputs)


def convolve(u: Array, k: Array) -> Array:
    r"""Causal linear convolution of a signal with a kernel, as long as the signal.

    .. math::  y_l = \sum_{m \le l} k_m u_{l-m}

    Args:
        u: the signal (..., L), real; L = 0 is legal.
        k: the kernel (..., L'), real, in the library and precision of u; half precision goes with
            single. Leading axes broadcast: each kernel meets one signal, and nothing is summed over
            inputs (take `forced_response`). Taps beyond L have no effect.

    Returns:
        The output (..., L) in the type of u.

    Raises:
        TypeError: for complex arrays, and for several libraries or precisions.
        ValueError: for leading axes that do not broadcast, and for a k that may be one kernel
            (P, M, L') of several inputs, where u has M signals and no axis of length 1 before them;
            on the host for NaN, infinities and overflow.

    Accuracy:
        Absolute, about eps log2(L) |k| |u| in the 2-norm.

    Cost:
        O(L log L); NumPy arrays are transformed on all cores.

    Example:
        >>> import numpy as np
        >>> convolve(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.5])).round(12)
        array([1. , 0.5, 2. ])
    """
    _check(u=u, k=k)
    _refuse_ports(u, k)
    return causal(u, k)


def causal(u: Array, k: Array) -> Array:
    """The convolution of `convolve`, behind the door.

    Args:
        u: (..., L) that `convolve` takes.
        k: (..., L') likewise.

    Returns:
        The output (..., L) in the type of u.

    Example:
        >>> import numpy as np
        >>> causal(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.5])).round(12)
        array([1. , 0.5, 2. ])
    """
    length = u.shape[-1]
    k = _until(k, length)
    return _cyclic(u, k, length + k.shape[-1] - 1, slice(0, length))


def stream(u: Array, k: Array, state: Array | None = None) -> tuple[Array, Array]:
    """The convolution of a signal that comes in pieces, by overlap-save.

    A signal may be cut anywhere, pieces of no sample included; errors do not add up from piece to
    piece, and another kernel of as many taps may take over at any cut.

    Args:
        u: a piece of the signal (..., L), real.
        k: the kernel of T taps (..., T), real.
        state: the last T - 1 samples before the piece, (..., T - 1); None where it is the first.

    Returns:
        The outputs (..., L) for the piece, and the state after it, the last T - 1 samples as they
        came in.

    Raises:
        TypeError: what `convolve` raises.
        ValueError: for a state of another shape; what `convolve` raises.

    Accuracy:
        As `convolve`, |u| being that of state and piece together.

    Cost:
        O((L + T) log(L + T)) a piece: cut pieces about as long as the kernel.

    Example:
        >>> import numpy as np
        >>> k = np.array([1.0, 0.5, 0.25])
        >>> y, state = stream(np.array([1.0, 0.0]), k)
        >>> stream(np.array([2.0]), k, state)[0].round(12), state
        (array([2.25]), array([1., 0.]))
    """
    given = {} if state is None else {"state": state}
    _check(u=u, k=k, **given)
    _refuse_ports(u, k)
    lead = tuple(u.shape[:-1])
    length = u.shape[-1]
    memory = max(k.shape[-1] - 1, 0)
    if state is None:
        past = backend.zeros((*lead, memory), u)
    else:
        _check_memory(state, lead, memory)
        past = broadcast(_cast(state, u.dtype), lead, 1)
    window = backend.library(u).concat([past, u], axis=-1)
    y = _cyclic(window, k, length + memory, slice(memory, memory + length))
    return y, window[..., length:]


def _check_memory(state: Array, lead: tuple[int, ...], memory: int) -> None:
    """Refuse a state that does not broadcast to the leading axes of u and `memory` samples."""
    got = tuple(state.shape)
    fits = got[-1] == memory and broadcasts_to(got[:-1], lead)
    rule = f"that broadcasts to {lead} + ({memory},), one entry fewer than `k` has taps"
    require.shape("state", got, rule, fits)


def bidirectional(u: Array, forward: Array, backward: Array) -> Array:
    r"""Convolution with a kernel towards the past and one towards the future, lag 0 counted once.

    .. math::  y_l = \sum_{m \ge 0} k_m u_{l-m} + \sum_{m \ge 1} b_m u_{l+m}

    The published code counts b_0 too, one sample ahead: all of b comes one lag late there.

    Args:
        u: the signal (..., L), real.
        forward: k (..., T), real.
        backward: b (..., T'), real, a kernel like k and indexed by its lag; b_0 has no effect.
            Leading axes broadcast.

    Returns:
        The output (..., L) in the type of u.

    Raises:
        TypeError: what `convolve` raises.
        ValueError: what `convolve` raises.

    Accuracy:
        As `convolve`.

    Cost:
        As `convolve`: one transform for both kernels.

    Example:
        >>> import numpy as np
        >>> k = np.array([1.0, 0.5])
        >>> bidirectional(np.array([0.0, 1.0, 0.0]), k, np.array([1.0, 0.25])).round(12)
        array([0.25, 1.  , 0.5 ])
    """
    _check(u=u, forward=forward, backward=backward)
    _refuse_ports(u, forward)
    _refuse_ports(u, backward)
    length = u.shape[-1]
    lead = tuple(forward.shape[:-1])
    lead = require.broadcasts("backward", tuple(backward.shape[:-1]), lead, "`forward`")
    past = broadcast(wide(_until(forward, length)), lead, 1)
    future = broadcast(wide(_until(backward, length)), lead, 1)
    xp = backend.library(past)
    taps = max(past.shape[-1], future.shape[-1], 1)
    period = fast_length(length + taps - 1)
    lag_0 = min(1, future.shape[-1])  # none without taps
    future = xp.flip(future[..., lag_0:], axis=-1)  # lag -m stands at period - m
    past = extended(past, period - future.shape[-1])
    k = xp.concat([past, future], axis=-1)
    return _cyclic(u, k, period, slice(0, length))


def _refuse_ports(u: Array, k: Array) -> None:
    """Refuse a kernel that may be one of several inputs: pairs and their sum are both meant."""
    if k.ndim < 3 or u.ndim < 2:
        return
    P, M = k.shape[-3:-1]
    said = u.ndim > 2 and u.shape[-3] == 1
    if P > 1 and M > 1 and u.shape[-2] == M and not said:
        got = f"u {tuple(u.shape)} and a kernel {tuple(k.shape)}"
        raise ValueError(
            "a kernel must meet signals in one way only, in pairs or summed over inputs; "
            f"got {got}. For a form with several inputs take kernels.forced_response, or sum over "
            "axis -2 what u[..., None, :, :] gives; for pairs make the leading axes one."
        )


def _summed_over_inputs(u: Array, k: Array) -> Array:
    """The products of spectra (..., P, M, F) summed over M."""
    return backend.library(k).sum(u * k, axis=-2)


def _cyclic(
    u: Array,
    k: Array,
    period: int,
    kept: slice,
    product: Callable[[Array, Array], Array] = mul,
) -> Array:
    """The entries `kept` of the cyclic convolution, in the type of u.

    Its period is the next length after `period` with a fast transform. `product` multiplies the
    spectra.
    """
    dtype = u.dtype
    u = wide(u)
    k = wide(k)
    count = kept.stop - kept.start
    lead = tuple(k.shape[:-1])
    lead = require.broadcasts("u", tuple(u.shape[:-1]), lead, "the kernel")
    if 0 in (*lead, u.shape[-1], k.shape[-1], count):
        return _cast(backend.zeros((*lead, count), u), dtype)
    with backend.quietly(u):
        y = _cast(cyclic(u, k, fast_length(period), kept, product), dtype)
    return backend.fitting(y)


def _until(k: Array, length: int) -> Array:
    """The first taps, at most `length` of them."""
    return k[..., : min(length, k.shape[-1])]


def _check(**arrays: Array) -> None:
    """Refuse what is no real signal, of any number of samples, or of several libraries."""
    backend.namespace(**{name: wide(array) for name, array in arrays.items()})
    for name, array in arrays.items():
        if array.ndim < 1 or array.shape[-1] > 0 or backend.is_complex(array):
            real_signal(name, array)


def _cast(array: Array, dtype: Any) -> Array:
    """The array in a type of its own library."""
    return array if array.dtype == dtype else backend.library(array).astype(array, dtype)
