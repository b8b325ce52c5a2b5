"""Convolution with a kernel, by fast Fourier transform."""

from __future__ import annotations

from .. import _array, _require
from .._array import Array
from .sampled import finite, real_signal


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
        real_signal(name, array)
    _require.broadcasts("u", tuple(u.shape[:-1]), tuple(k.shape[:-1]), "`k`")
    length = u.shape[-1]
    n = scipy.fft.next_fast_len(length + k.shape[-1] - 1, real=True)
    return finite(lambda u, k: xp.fft.irfft(xp.fft.rfft(u, n=n) * xp.fft.rfft(k, n=n), n=n)[..., :length], u, k)
