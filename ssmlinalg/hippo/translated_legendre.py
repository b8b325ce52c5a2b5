r"""Translated Legendre measures: a sliding window of the past, every time in it alike.

`legt` has an orthonormal basis and the low-rank correction. `lmu` is the same system in the
unnormalized polynomials of the Legendre Memory Unit.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Real
from ..ground.ondemand import by_formula
from .basis import (
    Basis,
    admitted_lags,
    admitted_order,
    admitted_time,
    legendre,
    orthonormal_legendre,
    reads_first,
    uniform,
    vector_order,
    weighed,
)


def legt(order: int, *, window: float = 2.0) -> NPLR:
    r"""Translated Legendre measure: the last `window` of time, uniformly.

    .. math::  A_{nk} = -\frac{\sqrt{2n+1}\sqrt{2k+1}}{\text{window}}
               \begin{cases} 1 & n \ge k \\ (-1)^{n-k} & n < k \end{cases}, \qquad
               B_n = \frac{\sqrt{2n+1}}{\text{window}}.

    A + A^T = -P' P'^T has rank two, on even and on odd rows: A + P P^T is skew.
    Reading `legt_basis(N, window)` gives the [N-1/N] Pade approximant of the delay e^{-s window}.

    Args:
        order: N, at least 1.
        window: the length of the window; 2 is state-spaces/s4's `legt`, 1 the papers'.

    Returns:
        An `NPLR` with A (N, N), B (N,) and P (N, 2), or P (1, 1) at order 1.

    Raises:
        TypeError: if `order` is no integer, or `window` no number.
        ValueError: if `order` is below 1, or `window` not between 1e-150 and 1e150.

    Cost:
        O(N^2) up to order 4096; O(N) beyond, where A is a matrix on demand.

    Source:
        Gu et al. 2020, Theorem 1; Gu, Goel & Re 2022, Appendix C.1.

    Example:
        >>> legt(2, window=1.0).A
        array([[-1.        ,  1.73205081],
               [-1.73205081, -3.        ]])
    """
    order = vector_order(order)
    window = admitted_time("window", window)
    index = np.arange(order)
    root = np.sqrt(2 * index + 1)
    A = by_formula(order, partial(_legt_entries, root, window))
    even = index % 2 == 0
    parity = np.stack([even, ~even], axis=-1)
    P = parity[:, :order] * root[:, None] / math.sqrt(window)
    return NPLR(
        A=A,
        B=root / window,
        P=P,
    )


def _legt_entries(root: Real, window: float, n: np.ndarray, k: np.ndarray) -> Real:
    even = (n - k) % 2 == 0
    sign = np.where((n >= k) | even, 1.0, -1.0)
    return -root[n] * root[k] * sign / window


def legt_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    window: float = 2.0,
) -> Basis:
    r"""The basis of `legt`: Legendre polynomials on the window. The kernel holds for large order.

    .. math::  g_n(t) = \sqrt{2n+1}\, P_n(1 - 2t/\text{window}), \qquad
               w(t) = 1/\text{window} \text{ on } [0, \text{window}], \qquad k_n = w g_n.

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
        >>> legt_basis(2, [0.0]).values
        array([[1.        , 1.73205081]])
    """
    order = require.integer("order", order)
    window = admitted_time("window", window)
    lags = admitted_lags(lags, order)
    values = orthonormal_legendre(order, 1 - 2 * lags / window)
    weight = uniform(lags, window)
    kernel = weighed(weight, values)
    return Basis(values, kernel, weight)


def lmu(order: int, *, window: float = 1.0) -> Dense:
    r"""Legendre Memory Unit: `legt` in unnormalized polynomials.

    .. math::  A_{nk} = \frac{2n+1}{\theta}
               \begin{cases} -1 & n < k \\ (-1)^{n-k+1} & n \ge k \end{cases}, \qquad
               B_n = \frac{(2n+1)(-1)^n}{\theta}, \qquad \theta = \text{window}.

    The scaling is not orthogonal: A is no sum of a normal matrix and one of rank below (N - 12)/8
    (proved on the page of theory). `hippo.orthonormal` scales it back to `legt`, of rank two.

    Args:
        order: N, at least 1.
        window: the length of the window. The default is that of keras-lmu and state-spaces/s4.

    Returns:
        A `Dense` form that reads its first coefficient.

    Raises:
        TypeError: if `order` is no integer, or `window` no number.
        ValueError: if `order` is below 1, if the matrix fits no memory, or `window` is not
            between 1e-150 and 1e150.

    Cost:
        O(N^2).

    Source:
        Voelker, Kajic & Eliasmith 2019 (LMU), equation 2.

    Example:
        >>> lmu(2).A
        array([[-1., -1.],
               [ 3., -3.]])
    """
    order = admitted_order(order)
    window = admitted_time("window", window)
    n = np.arange(order)
    row = n[:, None]
    alternating = (-1.0) ** (row - n + 1)
    sign = np.where(row < n, -1.0, alternating)
    A = (2 * row + 1) * sign / window
    B = (2 * n + 1) * (-1.0) ** n / window
    return reads_first(A, B)


def lmu_orthonormal(order: int, *, window: float = 1.0) -> NPLR:
    """`lmu` with its state over `lmu_scaling`: `legt` of the same window."""
    return legt(order, window=window)


def lmu_scaling(order: int, *, window: float = 1.0) -> Real:
    """The state of `lmu` over that of `legt`: (-1)^n sqrt(2n + 1), of any window."""
    order = vector_order(order)
    admitted_time("window", window)
    n = np.arange(order)
    return (-1.0) ** n * np.sqrt(2 * n + 1)


def lmu_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    window: float = 1.0,
) -> Basis:
    r"""The basis of `lmu`: unnormalized Legendre polynomials on the window.

    .. math::  g_n(t) = P_n(2t/\text{window} - 1), \qquad
               w(t) = 1/\text{window} \text{ on } [0, \text{window}], \qquad k_n = (2n+1) w g_n.

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
        >>> lmu_basis(2, [0.0]).kernel
        array([[ 1., -3.]])
    """
    order = require.integer("order", order)
    window = admitted_time("window", window)
    lags = admitted_lags(lags, order)
    values = legendre(order, 2 * lags / window - 1)
    weight = uniform(lags, window)
    kernel = weighed(weight, values) * (2 * np.arange(order) + 1)
    return Basis(values, kernel, weight)
