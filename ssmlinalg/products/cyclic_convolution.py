"""Cyclic convolution by fast Fourier transform, with the transforms that each library does best."""

from __future__ import annotations

from collections.abc import Callable
from operator import mul
from typing import Any

from ..ground import backend
from ..ground.backend import Array


def cyclic(
    u: Array,
    k: Array,
    period: int,
    kept: slice,
    product: Callable[[Array, Array], Array] = mul,
) -> Array:
    """Some entries of the cyclic convolution of real signals with real kernels.

    Args:
        u: signals (..., L), L <= period.
        k: kernels (..., T), T <= period, in the library and type of u; leading axes broadcast.
        period: the length of the transforms.
        kept: the entries that are wanted.
        product: multiplies the spectra of u and of k.

    Returns:
        The entries (..., kept).

    Cost:
        Three real transforms; NumPy arrays are transformed on all cores.

    Example:
        >>> import numpy as np
        >>> cyclic(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.5]), 4, slice(0, 3)).round(12)
        array([1. , 0.5, 2. ])
    """
    if backend.kind(u) == "torch" and product is mul and kept.start == 0:
        from . import torch_convolution

        return torch_convolution.cyclic(u, k, period, kept.stop)
    fft: Any = backend.library(u).fft
    options: dict[str, Any] = {"n": period}
    if backend.is_numpy(u):  # SciPy uses all cores and vector instructions, NumPy neither
        import scipy.fft as fft

        options["workers"] = -1
    spectrum = product(fft.rfft(u, **options), fft.rfft(k, **options))
    return fft.irfft(spectrum, **options)[..., kept]


def fast_length(n: int) -> int:
    """The next length with a fast real transform, 2^a 3^b 5^c, n itself if it is one.

    As `scipy.fft.next_fast_len`, in integers that compilers can follow.

    Args:
        n: the least length.

    Returns:
        The length.

    Example:
        >>> fast_length(1000), fast_length(1001)
        (1000, 1024)
    """
    fastest = 1 << (max(n, 1) - 1).bit_length()
    fives = 1
    while fives < fastest:
        odd = fives
        while odd < fastest:
            doublings = (-(-n // odd) - 1).bit_length()
            fastest = min(fastest, odd << doublings)
            odd *= 3
        fives *= 5
    return fastest
