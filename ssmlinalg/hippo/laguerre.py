r"""Laguerre measures: the whole past, which fades exponentially or not at all.

=========  =================================  ============================
measure    weight                             low-rank correction
=========  =================================  ============================
`lagt`     1                                  yes
`tlagt`    tilt^2 e^{-tilt t}                 yes
`glagt`    t^{-alpha} e^{-beta t}, mass 1     by `orthonormal`
=========  =================================  ============================
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Real
from ..ground.ondemand import by_formula
from .basis import (
    LONGEST,
    Basis,
    admitted_lags,
    admitted_order,
    admitted_time,
    reads_first,
    vector_order,
)


def lagt(order: int) -> NPLR:
    r"""Translated Laguerre measure: the whole past, all of it alike.

    .. math::  A = \tfrac12 I - \mathrm{tril}(1), \qquad B_n = 1, \qquad P_n = \sqrt{1/2}.

    A + P P^T is skew. Lossless: A + A^T = -B B^T. A is a single Jordan block, the most defective of
    the measures. The kernel is exact.

    Args:
        order: N, at least 1.

    Returns:
        An `NPLR` with A (N, N), B (N,) and P (N, 1).

    Raises:
        TypeError: if `order` is no integer.
        ValueError: if `order` is below 1.

    Cost:
        O(N^2) up to order 4096; O(N) beyond, where A is a matrix on demand.

    Source:
        Gu et al. 2020, Appendix D.2; time-invariant as in Gu, Goel & Re 2022, Appendix C.1.

    Example:
        >>> lagt(2).A
        array([[-0.5,  0. ],
               [-1. , -0.5]])
    """
    return tlagt(order, tilt=0.0)._replace(B=np.ones(order))


def lagt_basis(order: int, lags: npt.ArrayLike) -> Basis:
    r"""The basis of `lagt`: the Laguerre functions, orthonormal on the whole past.

    .. math::  g_n(t) = k_n(t) = L_n(t)\, e^{-t/2}, \qquad w(t) = 1.

    Args:
        order: N, at least 1.
        lags: times back from now, (T,), not negative.

    Returns:
        A `Basis` at these lags.

    Raises:
        TypeError: if `order` is no integer, or `lags` are no real numbers.
        ValueError: if `order` is below 1, or a lag is negative or beyond 1e150.

    Cost:
        O(T N).

    Example:
        >>> lagt_basis(3, [0.0]).values
        array([[1., 1., 1.]])
    """
    order = require.integer("order", order)
    lags = admitted_lags(lags, order)
    values = _laguerre(order, lags, 0.5)
    return Basis(values, values, np.ones_like(lags))


def tlagt(order: int, *, tilt: float = 1.0) -> NPLR:
    r"""Tilted Laguerre measure: the whole past, which fades as e^{-tilt t}.

    .. math::  A = \tfrac{1 - \text{tilt}}2 I - \mathrm{tril}(1), \qquad B_n = \text{tilt}, \qquad
               P_n = \sqrt{1/2}.

    A + P P^T = -tilt/2 I + skew. At tilt 1 this is state-spaces/s4's `tlagt`; towards 0 it forgets
    ever more slowly and becomes `lagt`, but for B.

    Args:
        order: N, at least 1.
        tilt: the rate at which the weight fades, at least 0.

    Returns:
        An `NPLR` with A (N, N), B (N,) and P (N, 1).

    Raises:
        TypeError: if `order` is no integer, or `tilt` no number.
        ValueError: if `order` is below 1, or `tilt` negative or not below 1e150.

    Cost:
        O(N^2) up to order 4096; O(N) beyond, where A is a matrix on demand.

    Example:
        >>> tlagt(2).A
        array([[-1.,  0.],
               [-1., -1.]])
    """
    order = vector_order(order)
    tilt = require.real("tilt", tilt, below=LONGEST)
    if tilt < 0:
        rule = "`tilt` must not be negative, or the memory grows"
        raise ValueError(f"{rule}; got {tilt:g}. Give 0 for lagt.")
    A = by_formula(order, partial(_tlagt_entries, tilt))
    B = np.full(order, tilt)
    P = np.full((order, 1), math.sqrt(0.5))
    return NPLR(
        A=A,
        B=B,
        P=P,
    )


def _tlagt_entries(tilt: float, n: np.ndarray, k: np.ndarray) -> Real:
    diagonal = np.where(n == k, (1 - tilt) / 2 - 1, 0.0)
    return np.where(n > k, -1.0, diagonal)


def tlagt_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    tilt: float = 1.0,
) -> Basis:
    r"""The basis of `tlagt`: Laguerre polynomials under an exponential weight.

    .. math::  g_n(t) = L_n(t)\, e^{-(1 - \text{tilt}) t/2} / \text{tilt}, \qquad
               w(t) = \text{tilt}^2 e^{-\text{tilt}\, t}, \qquad k_n = w g_n.

    Args:
        order: N, at least 1.
        lags: times back from now, (T,), not negative.
        tilt: the rate at which the weight fades, above 0.

    Returns:
        A `Basis` at these lags.

    Raises:
        TypeError: if `order` is no integer, or `lags` or `tilt` are no real numbers.
        ValueError: if `order` is below 1, a lag negative or beyond 1e150, or `tilt` not
            between 1e-150 and 1e150.

    Cost:
        O(T N).

    Example:
        >>> tlagt_basis(3, [0.0], tilt=0.5).values
        array([[2., 2., 2.]])
    """
    order = require.integer("order", order)
    tilt = admitted_time("tilt", tilt)
    lags = admitted_lags(lags, order)
    with np.errstate(over="ignore"):
        values = _laguerre(order, lags, (1 - tilt) / 2) / tilt
    kernel = tilt * _laguerre(order, lags, (1 + tilt) / 2)
    weight = tilt**2 * np.exp(-tilt * lags)
    return Basis(values, kernel, weight)


def glagt(
    order: int,
    *,
    alpha: float = 0.0,
    beta: float = 0.01,
) -> Dense:
    r"""Generalized Laguerre measure: the weight t^{-alpha} e^{-beta t}, normalized.

    .. math::  A = \Lambda^{-1} \left(-\tfrac{1+\beta}{2} I - \mathrm{stril}(1)\right) \Lambda,\quad
               \lambda_n = \sqrt{\Gamma(n+\alpha+1)/n!},\quad B_n = \frac{1}{\lambda_n}
               \binom{n+\alpha}{n} \frac{\beta^{(1-\alpha)/2}}{\sqrt{\Gamma(1-\alpha)}} .

    At alpha = 0 Lambda = I and A is that of `tlagt(order, tilt=beta)`, which has the low-rank
    correction. At any other alpha A is no sum of a normal matrix and one of rank below (N - 3)/4
    (proved on the page of theory); `hippo.orthonormal` scales the state to one where it is.

    Args:
        order: N, at least 1.
        alpha: the power of the weight, between -1 and 1.
        beta: the rate at which the weight fades, above 0.

    Returns:
        A `Dense` form that reads its first coefficient.

    Raises:
        TypeError: if `order` is no integer, or `alpha` or `beta` no numbers.
        ValueError: if `order` is below 1, if the matrix fits no memory, and unless -1 < alpha < 1
            and 1e-150 < beta < 1e150.

    Cost:
        O(N^2).

    Source:
        Gu et al. 2020, Appendix D.2 (the general formula); values agree with state-spaces/s4.

    Example:
        >>> glagt(2, beta=1.0).A
        array([[-1.,  0.],
               [-1., -1.]])
    """
    order = admitted_order(order)
    weight = _power_weight(order, alpha, beta)
    strict = np.tril(np.ones((order, order)), -1)
    similar = -strict * weight.length / weight.length[:, None]
    A = similar - (1 + weight.beta) / 2 * np.eye(order) + 0.0
    B = weight.gain * weight.binomial / weight.length
    return reads_first(A, B)


def glagt_orthonormal(order: int, *, alpha: float = 0.0, beta: float = 0.01) -> NPLR:
    r"""`glagt` with its state times Lambda: `tlagt(order, tilt=beta)` with another B.

    .. math::  A + P P^T = -\tfrac{\beta}{2} I + \text{skew}, \qquad P_n = \sqrt{1/2}, \qquad
               B_n = \binom{n+\alpha}{n} \frac{\beta^{(1-\alpha)/2}}{\sqrt{\Gamma(1-\alpha)}} .
    """
    order = vector_order(order)
    weight = _power_weight(order, alpha, beta)
    return tlagt(order, tilt=weight.beta)._replace(B=weight.gain * weight.binomial)


def glagt_scaling(order: int, *, alpha: float = 0.0, beta: float = 0.01) -> Real:
    """The state of `glagt` over that of `glagt_orthonormal`: 1/lambda_n, all 1 at alpha 0."""
    order = vector_order(order)
    return 1 / _power_weight(order, alpha, beta).length


def glagt_basis(
    order: int,
    lags: npt.ArrayLike,
    *,
    alpha: float = 0.0,
    beta: float = 0.01,
) -> Basis:
    r"""The basis of `glagt`: generalized Laguerre polynomials.

    .. math::  g_n(t) \propto L_n^{(\alpha)}(t)\, t^\alpha e^{-(1 - \beta) t/2}, \qquad
               w(t) \propto t^{-\alpha} e^{-\beta t}, \quad \int_0^\infty w\, dt = 1.

    Args:
        order: N, at least 1.
        lags: times back from now, (T,), not negative.
        alpha: the power of the weight, between -1 and 1.
        beta: the rate at which the weight fades, above 0.

    Returns:
        A `Basis` at these lags. At lag 0 the weight, or its inverse, is infinite.

    Raises:
        TypeError: if `order` is no integer, or `lags`, `alpha` or `beta` are no real numbers.
        ValueError: if `order` is below 1, a lag negative or beyond 1e150, and unless -1 < alpha < 1
            and 1e-150 < beta < 1e150.

    Cost:
        O(T N).

    Example:
        >>> glagt_basis(3, [0.0], beta=1.0).values
        array([[1., 1., 1.]])
    """
    order = require.integer("order", order)
    lags = admitted_lags(lags, order)
    alpha, beta, length, _, gain = _power_weight(order, alpha, beta)
    kernel = gain * _laguerre(order, lags, (1 + beta) / 2, alpha) / length
    with np.errstate(divide="ignore", over="ignore"):  # at lag 0, and near it
        rebuilding = _laguerre(order, lags, (1 - beta) / 2, alpha) / length
        values = rebuilding * lags[:, None] ** alpha / gain
        weight = gain**2 * np.exp(-beta * lags) * lags**-alpha
    return Basis(values, kernel, weight)


class _PowerWeight(NamedTuple):
    """The weight gain^2 t^{-alpha} e^{-beta t} of mass 1, and its polynomials.

    `length` (N,) are the lambda_n, `binomial` (N,) the C(n + alpha, n).
    """

    alpha: float
    beta: float
    length: Real
    binomial: Real
    gain: float


def _power_weight(
    order: int,
    alpha: float,
    beta: float,
) -> _PowerWeight:
    alpha = require.real("alpha", alpha, above=-1, below=1)
    beta = admitted_time("beta", beta)
    log_gamma = np.vectorize(math.lgamma)
    n = np.arange(order)
    log_ratio = log_gamma(n + alpha + 1) - log_gamma(n + 1.0)
    return _PowerWeight(
        alpha=alpha,
        beta=beta,
        length=np.exp(log_ratio / 2),
        binomial=np.exp(log_ratio - math.lgamma(alpha + 1)),
        gain=math.sqrt(beta ** (1 - alpha) / math.gamma(1 - alpha)),
    )


_FINITE = 1400.0  # whose half has an exponential; beyond it all products overflow
_LARGE = 1e100  # from which on the recurrence below is brought back


def _laguerre(
    order: int,
    t: Real,
    decay: float,
    alpha: float = 0.0,
) -> Real:
    """L_n^{(alpha)}(t) e^{-decay t}, (T, N), by the three-term recurrence in n.

    A power of two is kept beside the polynomials, as neither factor need be in range. The
    exponential is taken in two halves: it may under- or overflow where the product does not.
    """
    before = np.zeros_like(t)
    now = np.ones_like(t)
    twos = np.zeros_like(t)  # L_n = 2^twos now
    columns = []
    for n in range(order):
        half = np.exp(np.minimum(twos * math.log(2) - decay * t, _FINITE) / 2)
        with np.errstate(over="ignore"):  # where L_n e^{-decay t} itself is beyond all doubles
            columns.append(now * half * half)
        # (n + 1) L_{n+1} = (2n + 1 + alpha - t) L_n - (n + alpha) L_{n-1}
        ahead = (2 * n + 1 + alpha - t) * now
        behind = (n + alpha) * before
        after = (ahead - behind) / (n + 1)
        shift = np.where(np.abs(after) > _LARGE, np.frexp(after)[1], 0)
        before = np.ldexp(now, -shift)
        now = np.ldexp(after, -shift)
        twos = twos + shift
    return np.stack(columns, axis=-1)
