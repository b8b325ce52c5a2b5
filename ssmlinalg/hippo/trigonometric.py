r"""Fourier measures: sines and cosines of a window or a period.

With one time T (the window or the period), the blocks Omega and the vector b,

.. math::  \Omega = \bigoplus_k 2\pi k \begin{bmatrix} 0 & -1 \\ 1 & 0 \end{bmatrix}, \qquad
           b = (1, 0, \sqrt 2, 0, \sqrt 2, 0, \dots),

=================  ==============================  ==============  ==================
measure            A                               B               weight
=================  ==============================  ==============  ==================
`fout`             (Omega - 2 b b^T)/T             2 b/T           the window alone
`fourier2`         the same, T = 1
`fourier_decay`    (Omega - b b^T)/T               b/T             falls in steps
`foud`             (Omega - I/2)/T                 b/T             falls as e^{-t/2T}
=================  ==============================  ==============  ==================

At even order the sine of frequency zero is a state that nothing drives, as in the published
matrices; an odd order leaves it out.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..forms import NPLR
from ..ground import require
from ..ground.backend import Real
from ..ground.ondemand import by_formula
from .basis import Basis, admitted_lags, admitted_time, uniform, vector_order


def fout(order: int, *, window: float = 2.0) -> NPLR:
    r"""Truncated Fourier measure: the last `window` of time, in sines and cosines.

    .. math::  A = \frac{1}{\text{window}} \left(\Omega - 2 b b^T\right), \qquad
               B = \frac{2}{\text{window}} b, \qquad P = \sqrt{2/\text{window}}\, b, \qquad
               \Omega = \bigoplus_k 2\pi k \begin{bmatrix} 0 & -1 \\ 1 & 0 \end{bmatrix}, \qquad
               b = (1, 0, \sqrt 2, 0, \sqrt 2, 0, \dots).

    Lossless with P parallel to B. At even order the sine of frequency zero is a state that nothing
    drives, as in the published matrices; an odd order leaves it out.

    Args:
        order: N, at least 1.
        window: the length of the window; 2 is state-spaces/s4's `fout`, 1 its `fourier2`.

    Returns:
        An `NPLR` with A (N, N), B (N,) and P (N, 1).

    Raises:
        TypeError: if `order` is no integer, or `window` no number.
        ValueError: if `order` is below 1, or `window` not between 1e-150 and 1e150.

    Cost:
        O(N^2) up to order 4096; O(N) beyond, where A is a matrix on demand.

    Source:
        Gu et al. 2023 (HTTYH), Theorem 6 for the windowed Fourier system.

    Example:
        >>> fout(4).A.round(3)
        array([[-1.   ,  0.   , -1.414,  0.   ],
               [ 0.   ,  0.   ,  0.   ,  0.   ],
               [-1.414,  0.   , -2.   , -3.142],
               [ 0.   ,  0.   ,  3.142,  0.   ]])
    """
    window = admitted_time("window", window)
    A, b = _matrices(order, window, feedback=2.0)
    P = math.sqrt(2 / window) * b[:, None]
    return NPLR(
        A=A,
        B=2 * b / window,
        P=P,
    )


def fout_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    window: float = 2.0,
) -> Basis:
    r"""The basis of `fout`: sines and cosines, orthonormal on the window. It holds for large order.

    .. math::  g(t) = 1,\ \sqrt 2 \cos(2\pi k t/\text{window}),\ \sqrt 2 \sin(\dots), \qquad
               w(t) = 1/\text{window} \text{ on } [0, \text{window}], \qquad k_n = w g_n.

    The kernel of the matrices is 2/window b at t = 0 and tends to the weighted basis away from the
    jumps at both ends.

    Args:
        order: N, at least 1.
        lags: times back from now, (T,), not negative.
        window: the length of the window.

    Returns:
        A `Basis` at these lags.

    Raises:
        TypeError: if `order` is no integer, or `lags` or `window` are no real numbers.
        ValueError: if `order` is below 1, a lag negative or beyond 1e150, or `window`
            not between 1e-150 and 1e150.

    Cost:
        O(T N).

    Example:
        >>> fout_basis(3, [0.0]).values.round(3)
        array([[1.   , 1.414, 0.   ]])
    """
    order = require.integer("order", order)
    window = admitted_time("window", window)
    lags = admitted_lags(lags, order)
    values = _waves(order, np.fmod(lags, window) / window)
    weight = uniform(lags, window)
    kernel = weight[:, None] * values
    return Basis(values, kernel, weight)


def fourier2(order: int) -> NPLR:
    """`fout` on the unit window, under the name it has in state-spaces/s4.

    Args:
        order: N, at least 1.

    Returns:
        An `NPLR` with A (N, N), B (N,) and P (N, 1).

    Raises:
        TypeError: if `order` is no integer.
        ValueError: if `order` is below 1.

    Example:
        >>> fourier2(2).A
        array([[-2.,  0.],
               [ 0.,  0.]])
    """
    return fout(order, window=1.0)


def fourier2_basis(order: int, lags: npt.ArrayLike) -> Basis:
    """`fout_basis` on the unit window: orthonormal on [0, 1].

    Args:
        order: N, at least 1.
        lags: times back from now, (T,), not negative.

    Returns:
        A `Basis` at these lags.

    Raises:
        TypeError: if `order` is no integer, or `lags` are no real numbers.
        ValueError: if `order` is below 1, or a lag is negative or beyond 1e150.

    Example:
        >>> fourier2_basis(3, [0.25]).values.round(3) + 0.0
        array([[1.   , 0.   , 1.414]])
    """
    return fout_basis(order, lags, window=1.0)


def foud(order: int, *, period: float = 1.0) -> NPLR:
    r"""Fourier modes with plain decay, normal already: P (N, 0).

    .. math::  A = (\Omega - I/2)/\text{period}, \qquad B = b/\text{period}.

    Omega and b are those of `fout`. Nothing forgets the window sharply, so only a signal of that
    `period` can be rebuilt.

    Args:
        order: N, at least 1.
        period: the period of the slowest wave.

    Returns:
        An `NPLR` with A (N, N), B (N,) and P (N, 0).

    Raises:
        TypeError: if `order` is no integer, or `period` no number.
        ValueError: if `order` is below 1, or `period` not between 1e-150 and 1e150.

    Cost:
        O(N^2) up to order 4096; O(N) beyond, where A is a matrix on demand.

    Source:
        state-spaces/s4 (`foud`), at period 1.

    Example:
        >>> foud(2).A
        array([[-0.5,  0. ],
               [ 0. , -0.5]])
    """
    period = admitted_time("period", period)
    A, b = _matrices(order, period, decay=0.5)
    P = np.zeros((len(b), 0))
    return NPLR(
        A=A,
        B=b / period,
        P=P,
    )


def foud_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    period: float = 1.0,
) -> Basis:
    r"""The basis of `foud`: waves of that period under an exponential. The kernel is exact.

    .. math::  k(t) = e^{-t/2} b(t), \qquad
               g(t) = (1 - e^{-1/2})\, e^{\operatorname{frac}(t)/2}\, b(t), \qquad t
               \text{ in periods},

    b(t) being sines and cosines. Folding the past into one period sums e^{-j/2} over j, hence g.
    Values rebuild signals of that period only. The weight, of mass 4.08 and mean age 1.96, is not
    normalized.

    Args:
        order: N, at least 1.
        lags: times back from now, (T,), not negative.
        period: the period of the slowest wave.

    Returns:
        A `Basis` at these lags.

    Raises:
        TypeError: if `order` is no integer, or `lags` or `period` are no real numbers.
        ValueError: if `order` is below 1, a lag negative or beyond 1e150, or `period`
            not between 1e-150 and 1e150.

    Cost:
        O(T N).

    Example:
        >>> foud_basis(3, [0.0]).kernel.round(3)
        array([[1.   , 1.414, 0.   ]])
    """
    order = require.integer("order", order)
    period = admitted_time("period", period)
    lags = admitted_lags(lags, order)
    turns = np.fmod(lags, period) / period
    waves = _waves(order, turns)
    fading = np.exp(-lags / period / 2)
    kernel = waves * fading[:, None] / period
    gain = -math.expm1(-0.5) * np.exp(turns / 2)
    values = waves * gain[:, None]
    weight = fading / gain / period
    return Basis(values, kernel, weight)


def fourier_decay(order: int, *, period: float = 2.0) -> NPLR:
    r"""Fourier modes that forget in steps, a period at a time.

    .. math::  A = (\Omega - b b^T)/\text{period}, \qquad B = b/\text{period}, \qquad
               P = b/\sqrt{\text{period}}.

    Omega and b are those of `fout`; A + P P^T is skew. With half the feedback of `fout` nothing is
    cut off: the weight is 2/3 over the newest period and falls threefold with each earlier one. For
    b^T (s - Omega)^{-1} b tends to coth(s/2)/2, so the transfer function is (1 - q)/(1 - q/3) 2/3
    that of the modes, q = e^{-s}. Only a signal of that `period` can be rebuilt.

    Args:
        order: N, at least 1.
        period: the period of the slowest wave.

    Returns:
        An `NPLR` with A (N, N), B (N,) and P (N, 1).

    Raises:
        TypeError: if `order` is no integer, or `period` no number.
        ValueError: if `order` is below 1, or `period` not between 1e-150 and 1e150.

    Cost:
        O(N^2) up to order 4096; O(N) beyond, where A is a matrix on demand.

    Source:
        state-spaces/s4 (`fourier_decay`), at period 2; the weight is derived here.

    Example:
        >>> fourier_decay(2).A
        array([[-0.5,  0. ],
               [ 0. ,  0. ]])
    """
    period = admitted_time("period", period)
    A, b = _matrices(order, period, feedback=1.0)
    P = b[:, None] / math.sqrt(period)
    return NPLR(
        A=A,
        B=b / period,
        P=P,
    )


def fourier_decay_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    period: float = 2.0,
) -> Basis:
    r"""The basis of `fourier_decay`: waves under a weight that falls in steps, for large order.

    .. math::  g(t) = 1,\ \sqrt 2 \cos(2\pi k t/\text{period}),\ \dots, \qquad
               w(t) = \frac{2}{3}\, 3^{-j}/\text{period} \text{ in the } j\text{-th period back},
               \qquad k_n = w g_n.

    Args:
        order: N, at least 1.
        lags: times back from now, (T,), not negative.
        period: the period of the slowest wave.

    Returns:
        A `Basis` at these lags.

    Raises:
        TypeError: if `order` is no integer, or `lags` or `period` are no real numbers.
        ValueError: if `order` is below 1, a lag negative or beyond 1e150, or `period`
            not between 1e-150 and 1e150.

    Cost:
        O(T N).

    Example:
        >>> fourier_decay_basis(1, [0.0, 2.0, 4.0], period=2.0).weight.round(4)
        array([0.3333, 0.1111, 0.037 ])
    """
    order = require.integer("order", order)
    period = admitted_time("period", period)
    whole, rest = np.divmod(admitted_lags(lags, order), period)
    values = _waves(order, rest / period)
    weight = 2 / 3 * 3.0**-whole / period
    kernel = weight[:, None] * values
    return Basis(values, kernel, weight)


def _matrices(
    order: int,
    time: float,
    *,
    decay: float = 0.0,
    feedback: float = 0.0,
) -> tuple[Any, Real]:
    """(Omega - decay I - feedback b b^T)/time, and b."""
    order = vector_order(order)
    rows = _rows(order)
    return by_formula(order, partial(_entries, rows, time, decay, feedback)), rows.b


class _Rows(NamedTuple):
    """The number of the wave of each row (N,), whether it is a sine, and its input."""

    wave: np.ndarray
    sine: np.ndarray
    b: Real


def _rows(order: int) -> _Rows:
    index = np.arange(order)
    odd = order % 2  # an odd order has no sine of frequency zero, the second row of an even one
    wave = (index + odd) // 2
    sine = ((index + odd) % 2 == 1) & (index > 0)
    size = np.where(wave == 0, 1.0, math.sqrt(2))
    return _Rows(wave, sine, np.where(sine, 0.0, size))


def _entries(
    rows: _Rows, time: float, decay: float, feedback: float, n: np.ndarray, k: np.ndarray
) -> Real:
    wave, sine, b = rows
    # of a cosine and the sine of its frequency
    sign = sine[n].astype(float) - sine[k]
    turn = 2 * math.pi * wave[n] * sign
    Omega = np.where(wave[n] == wave[k], turn, 0.0)
    damping = decay * (n == k)
    fed_back = feedback * b[n] * b[k]
    return (Omega - damping - fed_back) / time + 0.0


def _waves(order: int, turns: Real) -> Real:
    """1, 0, sqrt(2) cos, sqrt(2) sin, ... (T, N) at a part of a turn of the slowest (T,)."""
    k = np.arange((order + 1) // 2)
    phase = 2 * math.pi * turns[:, None] * k
    size = np.where(k == 0, 1.0, math.sqrt(2))[:, None]
    cosines = np.cos(phase)
    sines = np.sin(phase)
    waves = np.stack([cosines, sines], axis=-1) * size
    waves = waves.reshape(len(turns), math.prod(waves.shape[1:]))
    if order % 2 == 0:
        return waves[:, :order]
    return np.delete(waves, 1, axis=1)
