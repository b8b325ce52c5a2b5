"""Power series modulo w^L, by fast Fourier transforms: product, delay and closed loop."""

from __future__ import annotations

from ..ground import backend
from ..ground.backend import Array


def multiply(f: Array, g: Array) -> Array:
    """f g mod w^L.

    Args:
        f: coefficients (..., L).
        g: coefficients (..., L).

    Returns:
        Complex coefficients (..., L).

    Example:
        >>> import numpy as np
        >>> multiply(np.array([1.0, 2.0]), np.array([3.0, 4.0])).real.round(12)
        array([ 3., 10.])
    """
    fft = backend.library(f).fft
    length = f.shape[-1]
    n = 1 << (2 * length - 1).bit_length()
    product = fft.fft(f, n=n) * fft.fft(g, n=n)
    return fft.ifft(product, n=n)[..., :length]


def delayed(f: Array) -> Array:
    """w f mod w^L.

    Args:
        f: coefficients (..., L).

    Returns:
        Coefficients (..., L), the first of them 0.

    Example:
        >>> import numpy as np
        >>> delayed(np.array([1.0, 2.0]))
        array([0., 1.])
    """
    xp = backend.library(f)
    zero = xp.zeros_like(f[..., :1])
    return xp.concat([zero, f[..., :-1]], axis=-1)


def closed_loop(f: Array) -> Array:
    """1/(1 - w f) mod w^L, the response of a loop that feeds f back with one sample of delay.

    By Newton's method, g <- g (2 - (1 - w f) g), which doubles the known coefficients.

    Args:
        f: complex coefficients (..., L).

    Returns:
        Complex coefficients (..., L).

    Source:
        Sieveking 1972 and Kung 1974 (division of power series).

    Example:
        >>> import numpy as np
        >>> closed_loop(np.array([2, 0, 0, 0j])).real.round(12)
        array([1., 2., 4., 8.])
    """
    xp = backend.library(f)
    length = f.shape[-1]
    one = xp.ones_like(f[..., :1])
    divisor = xp.concat([one, -f[..., : length - 1]], axis=-1)
    g = one
    known = 1
    while known < length:
        n = 2 * known
        g_hat = xp.fft.fft(g, n=n)
        # Of the n coefficients of divisor g the first half are 1 and zeros. So a cyclic product may
        # wrap around into them, and n points are enough.
        product = _cyclic(divisor[..., : min(n, length)], g_hat)
        correction = _cyclic(product[..., known:], g_hat)
        g = xp.concat([g, -correction[..., :known]], axis=-1)
        known = n
    return g[..., :length]


def _cyclic(f: Array, g_hat: Array) -> Array:
    """The cyclic product of f with a series of which `g_hat` is the transform."""
    fft = backend.library(f).fft
    n = g_hat.shape[-1]
    return fft.ifft(fft.fft(f, n=n) * g_hat, n=n)
