r"""HOPE: a system given by its Markov parameters, and run at another time scale.

They are the entries of its Hankel operator.

.. math::  G(z) = \sum_{n=1}^N h_n z^{-n}, \qquad
           z^{-1} = \frac{1 - s/\mathrm{step}}{1 + s/\mathrm{step}} = \frac{q - \rho}{1 - \rho q},
           \qquad \rho = \frac{1 - \mathrm{step}}{1 + \mathrm{step}},

q = (1 - s)/(1 + s) being the delay of one sample. So z^{-1} is an all-pass filter with its pole at
rho, the kernel is a combination of powers of one filter, causal and decaying like l^{N-1} rho^l,
and the system is a chain of N equal sections, which `hope_recurrence` writes down. `hope` samples G
at the roots of unity instead, as published.
"""

from __future__ import annotations

import math

import numpy as np

from ..forms import Delayed, DenseRecurrence
from ..ground import backend, require
from ..ground.backend import Array
from ..products.linear_recurrences import powers
from .last_axes import extended, reshaped, transposed

_TABLE = 1 << 20  # entries of the largest table made at a time


def hope(h: Array, step: Array, length: int) -> Array:
    r"""The HOPE kernel: its discrete Fourier transform is the transfer function at roots of unity.

    .. math::  \hat K_k = \sum_{n=1}^{N} h_n e^{-i n \phi_k}, \qquad
               e^{-i\phi} = \left( \frac{c - i s}{|c + i s|} \right)^2, \quad
               c + i s = \mathrm{step} \cos \frac{\pi k}{L} + i \sin \frac{\pi k}{L}

    As G(conj z) = conj G(z) half of the points are evaluated, for odd and even lengths. The kernel
    is periodic, not causal: K_l = sum_{m >= 0} k_{l + m L}, k being the causal kernel, that of
    `hope_recurrence`. The two agree where k is over within L samples; k lasts about N/step of them.

    Args:
        h: Markov parameters (..., N), real.
        step: (...), positive. Both broadcast.
        length: L, at least 1.

    Returns:
        Real samples (..., L).

    Raises:
        TypeError: for a complex h, whose imaginary part has no part in a real kernel, and for
            several libraries or precisions.
        ValueError: for shapes that do not fit; on the host for a step that is not positive, NaN,
            infinities and overflow.

    Accuracy:
        Each point to about N eps sum |h_n|.

    Cost:
        2 N L operations in matrix products, and O(L sqrt(N)) memory, of which a bounded part at a
        time unless gradients are kept.

    Source:
        Yu, Mahoney & Erichson 2024 (HOPE, arXiv 2405.13975), with nodes symmetric about the real
        axis.

    Example:
        >>> import numpy as np
        >>> hope(np.array([0.0, 3.0]), 1.0, 5).round(12) + 0.0
        array([0., 0., 3., 0., 0.])
    """
    length = require.integer("length", length)
    h, step = _checked(h, step)
    xp = backend.library(h)
    with backend.quietly(h):
        return backend.fitting(xp.fft.irfft(_at_roots_of_unity(h, step, length), n=length))


def hope_recurrence(h: Array, step: Array) -> Delayed:
    r"""The causal HOPE system: a chain of N all-pass filters, its taps weighted by h.

    .. math::  x_{l+1} = A x_l + B u_l, \quad y_l = C x_l + D u_l, \qquad
               \gamma = \sqrt{1 - \rho^2},

               A_{ij} = \begin{cases} \gamma^2 (-\rho)^{i-j-1} & i > j \\ \rho & i = j \end{cases},
               \quad B_i = \gamma (-\rho)^{i-1}, \quad
               C_j = \gamma \sum_{n \ge j} h_n (-\rho)^{n-j}, \quad D = \sum_n h_n (-\rho)^n

    `kernel` of it is causal and does not depend on a length, and `scan` runs it on from any state.
    A is a contraction, being part of an orthogonal matrix. Its one eigenvalue rho has one
    eigenvector, so beyond N = 1 no diagonal form exists.

    Args:
        h: Markov parameters (..., N), real.
        step: (...), positive. Both broadcast.

    Returns:
        A `Delayed` form of a `DenseRecurrence` of order N.

    Raises:
        TypeError: what `hope` raises.
        ValueError: what `hope` raises.

    Accuracy:
        Rounding rho changes the step by eps/(2 step) of itself: write it down in double precision.

    Cost:
        O(N^2).

    Example:
        >>> import numpy as np
        >>> hope_recurrence(np.array([0.0, 3.0]), 1.0).system.A
        array([[0., 0.],
               [1., 0.]])
    """
    h, step = _checked(h, step)
    xp = backend.library(h)
    matrices = math.prod(np.broadcast_shapes(h.shape[:-1], step.shape)) + 2
    size = 8 * matrices * h.shape[-1] ** 2
    require.room("the matrix", size, host=backend.readable(h))
    rho = (1 - step) / (1 + step)
    gamma = (2 * xp.sqrt(step) / (1 + step))[..., None]
    p = powers(-rho, h.shape[-1])
    T = _lower_toeplitz(p)
    none = xp.zeros_like(T[..., :1, :])
    below = xp.concat([none, T[..., :-1, :]], axis=-2)
    identity = backend.eye(h.shape[-1], h)
    A = gamma[..., None] ** 2 * below + rho[..., None, None] * identity
    with backend.quietly(h):
        taps = backend.matmul(h[..., None, :], T)[..., 0, :]
        C = backend.fitting(gamma * taps)
        D = backend.fitting(xp.sum(-rho[..., None] * h * p, axis=-1))
    return Delayed(DenseRecurrence(A, gamma * p, C, xp.zeros_like(D)), D)


def _lower_toeplitz(p: Array) -> Array:
    """T_{ij} = p_{i-j} for i >= j, else 0: (..., N) to (..., N, N)."""
    xp = backend.library(p)
    N = p.shape[-1]
    rows, columns = np.indices((N, N))
    lag = np.maximum(rows - columns, 0).ravel()
    flat = xp.take(p, xp.asarray(lag, device=backend.device(p)), axis=-1)
    return xp.tril(reshaped(flat, 1, N, N))


def _at_roots_of_unity(h: Array, step: Array, length: int) -> Array:
    """The transfer function at the roots of unity from 1 to -1.

    With n - 1 = a m + b a product sums over b, and a sum over a.
    """
    xp = backend.library(h)
    N = h.shape[-1]
    m = math.isqrt(N - 1) + 1
    rows = -(-N // m)
    columns = transposed(reshaped(extended(h, rows * m), 1, rows, m))
    cos, sin = _half_angles(length)
    batch = math.prod(np.broadcast_shapes(h.shape[:-1], step.shape))
    chunk = max(1, _TABLE // (batch * m or 1))
    samples = []
    for start in range(0, len(cos), chunk):
        c = step[..., None] * _constant(cos[start : start + chunk], h)
        delay = _delay(c, _constant(sin[start : start + chunk], h))
        short = powers(delay, m)
        long = powers(short[..., -1] * delay, rows)
        real = backend.matmul(xp.real(short), columns)
        imag = backend.matmul(xp.imag(short), columns)
        inner = backend.complex_of(real, imag)
        samples.append(delay * xp.sum(long * inner, axis=-1))
    return xp.concat(samples, axis=-1)


def _half_angles(length: int) -> tuple[np.ndarray, np.ndarray]:
    """cos(pi k/L) and sin(pi k/L) for k <= L/2.

    By its complement the cosine is exact next to k = L/2, where it vanishes; no tangent, hence no
    infinity and no branch.
    """
    k = np.arange(length // 2 + 1, dtype=np.float64)  # compilers read integers in single precision
    complement = (length - 2 * k) / (2 * length)
    return np.sin(math.pi * complement), np.sin(math.pi * k / length)


def _delay(c: Array, s: Array) -> Array:
    """((c - i s)/|c + i s|)^2."""
    xp = backend.library(c)
    s = xp.broadcast_to(s, c.shape)
    size = xp.hypot(c, s)
    root = backend.complex_of(c / size, -s / size)
    return root * root


def _checked(h: Array, step: Array) -> tuple[Array, Array]:
    """Both as arrays, once they are known to be sound."""
    backend.namespace(h=h)
    step = backend.beside(step, h)
    backend.namespace(h=h, step=step)
    for name, array in (("h", h), ("step", step)):
        if backend.is_complex(array):
            raise TypeError(
                f"`{name}` must be real; got {array.dtype}. Take its real part: the kernel is real."
            )
        if backend.is_numpy(array):
            require.finite(name, np.asarray(array))
    some = h.ndim >= 1 and h.shape[-1] > 0
    require.shape("h", tuple(h.shape), "(..., N) with at least one N", some)
    if backend.is_numpy(step) and not np.all(step > 0):
        raise ValueError(
            f"`step` must be positive; got {float(np.min(step)):g}. "
            "It is a time: take its absolute value."
        )
    require.broadcasts("step", tuple(step.shape), tuple(h.shape[:-1]), "`h`")
    return h, step


def _constant(values: np.ndarray, like: Array) -> Array:
    """Host numbers beside `like`."""
    xp = backend.library(like)
    return xp.asarray(values, dtype=like.dtype, device=backend.device(like))
