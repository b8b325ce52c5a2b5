"""Convolution with a kernel, by fast Fourier transform: of a whole signal, piece by piece, and
towards both sides.

Half precision is transformed in single precision, for no library has a good transform of it, and
the result rounded to the type of the signal. No transform is shorter than what it must hold, so
nothing wraps round.
"""

from __future__ import annotations

from typing import Any

from ..ground import backend, require
from ..ground.backend import Array
from .sampling import finite, real_signal

_HALF = ("float16", "bfloat16")


def convolve(u: Array, k: Array) -> Array:
    r"""Causal linear convolution with a kernel k, as long as the signal u.

    .. math::  y_l = \sum_{m \le l} k_m u_{l-m}

    u (..., L) and k (..., L') broadcast over their leading axes; taps beyond L are not heard, and
    no sample at all makes none. Accuracy: absolute, about eps log2(L) |k| |u| in the 2-norm. Cost
    O(L log L); NumPy arrays are transformed on all cores. Raises TypeError unless both are real
    arrays of one library and precision (half precision goes with single), ValueError on the host
    for NaN, infinities and overflow.

    >>> import numpy as np
    >>> convolve(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.5])).round(12)
    array([1. , 0.5, 2. ])
    """
    _refuse(u=u, k=k)
    k = _until(k, u.shape[-1])
    return _cyclic(u, k, u.shape[-1] + k.shape[-1] - 1, slice(0, u.shape[-1]), like=u)


def stream(u: Array, k: Array, state: Array | None = None) -> tuple[Array, Array]:
    """The convolution of a signal that comes in pieces: the outputs for the piece u (..., L), and
    the state after it.

    The state is what a kernel of T taps remembers, the last T - 1 samples as they came in, (..., T
    - 1); none before the first if `state` is None. So a signal may be cut anywhere, pieces of no
    sample included, errors do not add up from piece to piece, and another kernel of as many taps
    may take over at any cut.

    By overlap-save. Accuracy as `convolve`, |u| being that of state and piece together. Cost O((L +
    T) log(L + T)) a piece: cut pieces about as long as the kernel. Raises what `convolve` raises,
    and ValueError for a state of another shape.

    >>> import numpy as np
    >>> y, state = stream(np.array([1.0, 0.0]), np.array([1.0, 0.5, 0.25]))
    >>> stream(np.array([2.0]), np.array([1.0, 0.5, 0.25]), state)[0].round(12), state
    (array([2.25]), array([1., 0.]))
    """
    _refuse(u=u, k=k, **({} if state is None else {"state": state}))
    xp = backend.namespace(u=_wide(u))
    length, memory = u.shape[-1], max(k.shape[-1] - 1, 0)
    past = backend.zeros((*u.shape[:-1], memory), u) if state is None else _to(state, u.dtype)
    fits = past.ndim <= u.ndim and all(
        n in (1, m) for n, m in zip(past.shape[-2::-1], u.shape[-2::-1], strict=False)
    )
    rule = (
        f"that broadcasts to {tuple(u.shape[:-1])} + ({memory},), one entry fewer than `k` has taps"
    )
    require.shape("state", tuple(past.shape), rule, fits and past.shape[-1] == memory)
    window = xp.concat([xp.broadcast_to(past, (*u.shape[:-1], memory)), u], axis=-1)
    return _cyclic(window, k, length + memory, slice(memory, memory + length), like=u), window[
        ..., length:
    ]


def bidirectional(u: Array, forward: Array, backward: Array) -> Array:
    r"""Convolution with one kernel towards the past and one towards the future, lag 0 counted once.

    .. math::  y_l = \sum_{m \ge 0} k_m u_{l-m} + \sum_{m \ge 1} b_m u_{l+m}

    u (..., L), `forward` k (..., T) and `backward` b (..., T') broadcast over their leading axes. b
    is a kernel like k and indexed by its lag: b_0 is not heard. (The published code hears it, one
    sample ahead: all of b comes one lag late there.) Accuracy, cost and errors as `convolve`; one
    transform for both kernels.

    >>> import numpy as np
    >>> bidirectional(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.5]), np.array([1.0, 0.25])).round(12)
    array([0.25, 1.  , 0.5 ])
    """
    _refuse(u=u, forward=forward, backward=backward)
    xp, length = backend.namespace(forward=_wide(forward)), u.shape[-1]
    lead = require.broadcasts(
        "backward", tuple(backward.shape[:-1]), tuple(forward.shape[:-1]), "`forward`"
    )
    past, future = (_wide(_until(k, length)) for k in (forward, backward))
    n = _fast(length + max(past.shape[-1], future.shape[-1], 1) - 1)
    future = xp.flip(future[..., min(1, future.shape[-1]) :], axis=-1)  # lag -m stands at n - m
    between = backend.zeros((*lead, max(n - past.shape[-1] - future.shape[-1], 0)), past)
    past, future = (xp.broadcast_to(k, (*lead, k.shape[-1])) for k in (past, future))
    return _cyclic(u, xp.concat([past, between, future], axis=-1), n, slice(0, length), like=u)


def _cyclic(u: Array, k: Array, n: int, kept: slice, like: Array) -> Array:
    """The entries `kept` of the cyclic convolution of a period of n or a little more, in the type
    of `like`.
    """
    u, k = _wide(u), _wide(k)
    xp = backend.namespace(u=u, k=k)
    lead = require.broadcasts("u", tuple(u.shape[:-1]), tuple(k.shape[:-1]), "the kernel")
    if 0 in (u.shape[-1], k.shape[-1], kept.stop - kept.start):
        return _to(backend.zeros((*lead, kept.stop - kept.start), u), like.dtype)
    n = _fast(n)
    fft: Any = xp.fft
    cores = {}
    if backend.is_numpy(
        u
    ):  # SciPy's transform uses all cores and vector instructions, NumPy's neither
        import scipy.fft as fft

        cores = {"workers": -1}

    def evaluate(u: Array, k: Array) -> Array:
        y = fft.irfft(fft.rfft(u, n=n, **cores) * fft.rfft(k, n=n, **cores), n=n, **cores)
        return _to(y[..., kept], like.dtype)

    return finite(evaluate, u, k)


def _until(k: Array, length: int) -> Array:
    """The first taps, at most `length` of them."""
    return k[..., : min(length, k.shape[-1])]


def _fast(n: int) -> int:
    """The next length that a real transform likes; a length it likes is returned as it is."""
    import scipy.fft

    return int(scipy.fft.next_fast_len(max(n, 1), real=True))  # pyright: ignore[reportArgumentType]


def _refuse(**arrays: Array) -> None:
    """Refuse what is not a real signal, of any number of samples, or of several libraries or
    precisions.
    """
    backend.namespace(**{name: _wide(array) for name, array in arrays.items()})
    for name, array in arrays.items():
        if array.ndim < 1 or array.shape[-1] > 0 or backend.is_complex(array):
            real_signal(name, array)


def _wide(array: Any) -> Any:
    """Half precision as single; anything else as it is."""
    if str(getattr(array, "dtype", "")).rpartition(".")[2] not in _HALF:
        return array
    return array.astype("float32") if hasattr(array, "astype") else array.float()


def _to(array: Array, dtype: Any) -> Array:
    """The array in the type `dtype` of its own library, which may be one the standard does not
    know.
    """
    if array.dtype == dtype:
        return array
    return array.astype(dtype) if hasattr(array, "astype") else array.to(dtype)
