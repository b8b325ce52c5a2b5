r"""The translated Chebyshev measure: a sliding window whose both ends weigh most."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from ..forms import Dense
from ..ground import require
from ..ground.backend import Real
from .basis import (
    Basis,
    admitted_lags,
    admitted_order,
    admitted_time,
    infinite_beyond,
    reads_first,
    weighed,
)


def chebt(order: int, *, window: float = 2.0) -> Dense:
    r"""Translated Chebyshev measure: the last `window` under 1/(pi sqrt(t (window - t))).

    The weighted basis is singular at both ends of the window, so no finite system has it for a
    kernel. Lanczos' tau method gives one that rebuilds the window instead: v(T, t) ~ u(T - t) is a
    polynomial of degree N in t with v(T, 0) = u(T), whose residual v_T + v_t is orthogonal, under
    the weight, to every polynomial of degree below N. With v = sum_{k <= N} x_k p_k, p orthonormal,
    and D the differentiation matrix, p_k' = sum_n D_nk p_n,

    .. math::  A_{nk} = -D_{nk} + D_{nN}\, p_k(0)/p_N(0), \qquad B_n = -D_{nN}/p_N(0) \qquad
               (n, k < N).

    D is upper triangular and no low-rank correction makes A normal, hence `Dense`; the correction
    that is there, of rank one, closes the window. A constant is remembered exactly.

    Args:
        order: N, at least 1.
        window: the length of the window.

    Returns:
        A `Dense` form that reads its first coefficient.

    Raises:
        TypeError: if `order` is no integer, or `window` no number.
        ValueError: if `order` is below 1, if the matrix fits no memory, or `window` is not
            between 1e-150 and 1e150.

    Cost:
        O(N^2).

    Source:
        Derived here. The tau method is Lanczos 1938, the measure that of Gu et al. 2020,
        Appendix D.5.

    Example:
        >>> chebt(2, window=1.0).A.round(3)
        array([[ 0.   , -2.828],
               [ 5.657, -8.   ]])
    """
    order = admitted_order(order)
    window = admitted_time("window", window)
    size = _sizes(order + 1)
    # T_k' = 2k (T_{k-1} + T_{k-3} + ...), the last term halved if it is T_0; x = 2t/window - 1
    # gives the factor 2/window.
    n = np.arange(order)[:, None]
    k = np.arange(order + 1)
    odd_above = (k > n) & ((k - n) % 2 == 1)
    halved = np.where(n == 0, 0.5, 1.0)
    D = np.where(odd_above, 2.0 * k, 0.0) * halved
    D = 2 / window * D * size / size[:order, None]
    at_zero = size * (-1.0) ** k  # p_k at lag 0
    last = D[:, -1] / at_zero[-1]
    A = -D[:, :-1] + np.outer(last, at_zero[:-1])
    return reads_first(A, -last)


def chebt_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    window: float = 2.0,
) -> Basis:
    r"""The basis of `chebt`: Chebyshev polynomials on the window, orthonormal under its weight.

    .. math::  g_0 = 1, \quad g_n(t) = \sqrt 2\, T_n(2t/\text{window} - 1), \qquad
               w(t) = \frac{1}{\pi \sqrt{t\, (\text{window} - t)}}, \qquad k_n = w g_n.

    The kernel is infinite at both ends of the window; the kernel of the matrices agrees with it
    only under an integral.

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
        >>> chebt_basis(2, [1.0]).values
        array([[1., 0.]])
    """
    order = require.integer("order", order)
    window = admitted_time("window", window)
    lags = admitted_lags(lags, order)
    x = 2 * lags / window - 1
    with np.errstate(over="ignore", invalid="ignore"):
        polynomials = infinite_beyond(chebyshev.chebvander(x, order - 1), x)
        values = polynomials * _sizes(order)
    ahead = np.maximum(window - lags, 0.0)
    with np.errstate(divide="ignore"):
        density = 1 / (math.pi * np.sqrt(lags) * np.sqrt(ahead))
    weight = np.where(lags <= window, density, 0.0)
    kernel = weighed(weight, values)
    return Basis(values, kernel, weight)


def _sizes(count: int) -> Real:
    """The factors (count,) that make T_0, T_1, ... orthonormal."""
    return np.where(np.arange(count) == 0, 1.0, math.sqrt(2))
