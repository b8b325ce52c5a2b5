r"""Measures and the systems that remember by them: x' = A x + B u keeps the coefficients of the
past of u in a basis.

Every measure is a pair of neighbours. `legs(order)` returns the matrices; `legs_basis(order, lags)`
evaluates what the state means, a `Basis` with

.. math::  x_n(T) = \int_0^\infty k_n(t)\, u(T - t)\, dt, \qquad
           u(T - t) \approx \sum_n x_n(T)\, g_n(t), \qquad k_n = d_n\, w\, g_n,

where k is the kernel (k = e^{tA} B, exactly or in the limit of large order), g the values, w the
weight of the measure and d_n a constant (1 unless said). Lags t >= 0 count back from now.

Time scale. Windows default to 2 where state-spaces/s4 halves its matrices: the mean age of what is
remembered is then 1, as it is for `legs`, and one range of steps suits all measures. Give
`window=1.0` for the matrices of the papers; `lmu` has that default, its own.

`MEASURES` and `BASES` at the foot list all of them. Those with a low-rank correction return `NPLR`,
whose A beyond order 4096 is a matrix on demand: any block or product of it, never the whole unless
asked; `lmu`, `glagt` and `chebt` have none and return `Dense`. All matrices are float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from .forms import NPLR, Dense
from .ground import require
from .ground.ondemand import by_formula


class Basis(NamedTuple):
    """A measure evaluated at T lags: values g and kernel k (T, N), weight w (T,)."""

    values: np.ndarray
    kernel: np.ndarray
    weight: np.ndarray


def legs(order: int) -> NPLR:
    r"""Scaled Legendre measure, in its time-invariant form: the past fades as e^{-t}.

    .. math::  A_{nk} = -\begin{cases} \sqrt{2n+1}\sqrt{2k+1} & n > k \\ n + 1 & n = k \\ 0 & n < k \end{cases},
               \qquad B_n = \sqrt{2n+1}, \qquad P_n = \sqrt{n + 1/2}.

    A + P P^T = -I/2 + skew. Lossless: A + A^T = -I - B B^T. The kernel is exact at every order.
    Returns A (N, N), B (N,), P (N, 1). Raises TypeError or ValueError unless `order` is an integer
    of at least 1. Cost O(N^2).

    Sources: Gu et al. 2020 (HiPPO), Theorem 2; Gu, Goel & Re 2022 (S4), Theorem 1 and Appendix C.1.

    >>> legs(2).A
    array([[-1.        ,  0.        ],
           [-1.73205081, -2.        ]])
    """
    order = require.integer("order", order)
    index = np.arange(order)
    root = np.sqrt(2 * index + 1)

    def entries(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.where(n > k, -root[n] * root[k], np.where(n == k, -(n + 1.0), 0.0))

    return NPLR(by_formula(order, entries), root, np.sqrt(index + 0.5)[:, None])


def legs_basis(order: int, lags: np.ndarray) -> Basis:
    """g_n(t) = sqrt(2n+1) P_n(2 e^{-t} - 1) under the weight e^{-t} (Gu et al. 2023, HTTYH,
    Corollary 3.3).
    """
    order, lags = require.integer("order", order), _lags(lags)
    weight = np.exp(-lags)
    values = _legendre(order, 2 * weight - 1) * np.sqrt(2 * np.arange(order) + 1)
    return Basis(values, weight[:, None] * values, weight)


def legt(order: int, *, window: float = 2.0) -> NPLR:
    r"""Translated Legendre measure: the last `window` of time, uniformly.

    .. math::  A_{nk} = -\frac{\sqrt{2n+1}\sqrt{2k+1}}{\text{window}}
               \begin{cases} 1 & n \ge k \\ (-1)^{n-k} & n < k \end{cases}, \qquad B_n = \frac{\sqrt{2n+1}}{\text{window}}.

    A + A^T = -P' P'^T has rank two, on even and on odd rows: A + P P^T is skew. Reading
    `legt_basis(N, window)` gives the [N-1/N] Pade approximant of the delay e^{-s window}. window=2
    is state-spaces/s4's `legt`, window=1 the papers'.

    Sources: Gu et al. 2020, Theorem 1; Gu, Goel & Re 2022, Appendix C.1.

    >>> legt(2, window=1.0).A
    array([[-1.        ,  1.73205081],
           [-1.73205081, -3.        ]])
    """
    order, window = require.integer("order", order), require.real("window", window, above=0)
    index = np.arange(order)
    root = np.sqrt(2 * index + 1)

    def entries(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        return -root[n] * root[k] * np.where((n >= k) | ((n - k) % 2 == 0), 1.0, -1.0) / window

    parity = np.stack([index % 2 == 0, index % 2 == 1], axis=-1)[:, : min(order, 2)]
    return NPLR(
        by_formula(order, entries), root / window, parity * root[:, None] / math.sqrt(window)
    )


def legt_basis(order: int, lags: np.ndarray, *, window: float = 2.0) -> Basis:
    """g_n(t) = sqrt(2n+1) P_n(1 - 2t/window) under the weight 1/window on [0, window]; the kernel
    holds for large order.
    """
    order, lags, window = (
        require.integer("order", order),
        _lags(lags),
        require.real("window", window, above=0),
    )
    values = _legendre(order, 1 - 2 * lags / window) * np.sqrt(2 * np.arange(order) + 1)
    weight = (lags <= window) / window
    return Basis(values, weight[:, None] * values, weight)


def lmu(order: int, *, window: float = 1.0) -> Dense:
    r"""Legendre Memory Unit: `legt` in unnormalized polynomials, A = W^{-1} A_legt W with W =
    diag((-1)^n / sqrt(2n+1)).

    .. math::  A_{nk} = \frac{2n+1}{\theta} \begin{cases} -1 & n < k \\ (-1)^{n-k+1} & n \ge k \end{cases},
               \qquad B_n = \frac{(2n+1)(-1)^n}{\theta}, \qquad \theta = \text{window}.

    The scaling is not orthogonal, so there is no low-rank correction: decompose `legt`. Reads its
    first coefficient.

    Source: Voelker, Kajic & Eliasmith 2019 (LMU), equation 2. Same scale as keras-lmu and
    state-spaces/s4.

    >>> lmu(2).A
    array([[-1., -1.],
           [ 3., -3.]])
    """
    order, window = _order(order), require.real("window", window, above=0)
    n = np.arange(order)
    sign = np.where(n[:, None] < n, -1.0, (-1.0) ** (n[:, None] - n + 1))
    return _reads_first((2 * n + 1)[:, None] * sign / window, (2 * n + 1) * (-1.0) ** n / window)


def lmu_basis(order: int, lags: np.ndarray, *, window: float = 1.0) -> Basis:
    """g_n(t) = P_n(2t/window - 1), d_n = 2n + 1, under the weight 1/window on [0, window]."""
    order, lags, window = (
        require.integer("order", order),
        _lags(lags),
        require.real("window", window, above=0),
    )
    values = _legendre(order, 2 * lags / window - 1)
    weight = (lags <= window) / window
    return Basis(values, weight[:, None] * values * (2 * np.arange(order) + 1), weight)


def lagt(order: int) -> NPLR:
    """Translated Laguerre measure: A = I/2 - tril(1), B = 1, P = 1/sqrt(2). A + P P^T is skew.

    A single Jordan block, the most defective of the measures; lossless: A + A^T = -B B^T. The
    kernel is exact.

    Source: Gu et al. 2020, Appendix D.2; time-invariant as in Gu, Goel & Re 2022, Appendix C.1.

    >>> lagt(2).A
    array([[-0.5,  0. ],
           [-1. , -0.5]])
    """
    return tlagt(order, tilt=0.0)._replace(B=np.ones(order))


def lagt_basis(order: int, lags: np.ndarray) -> Basis:
    """g_n(t) = L_n(t) e^{-t/2} under the weight 1: the Laguerre functions, orthonormal on the whole
    past.
    """
    order, lags = require.integer("order", order), _lags(lags)
    values = _laguerre(order, lags, 0.5)
    return Basis(values, values, np.ones_like(lags))


def tlagt(order: int, *, tilt: float = 1.0) -> NPLR:
    """Tilted Laguerre measure: A = (1 - tilt)/2 I - tril(1), B = tilt 1, P = 1/sqrt(2), A + P P^T =
    -tilt/2 I + skew.

    At tilt 1 this is state-spaces/s4's `tlagt`; towards 0 it forgets ever more slowly and becomes
    `lagt`.

    >>> tlagt(2).A
    array([[-1.,  0.],
           [-1., -1.]])
    """
    order, tilt = require.integer("order", order), require.real("tilt", tilt)
    if tilt < 0:
        raise ValueError(
            f"`tilt` must not be negative, or the memory grows; got {tilt:g}. Give 0 for lagt."
        )

    def entries(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.where(n > k, -1.0, np.where(n == k, (1 - tilt) / 2 - 1, 0.0))

    return NPLR(
        by_formula(order, entries), np.full(order, tilt), np.full((order, 1), math.sqrt(0.5))
    )


def tlagt_basis(order: int, lags: np.ndarray, *, tilt: float = 1.0) -> Basis:
    """g_n(t) = L_n(t) e^{-(1 - tilt) t/2} / tilt under the weight tilt^2 e^{-tilt t}."""
    order, lags, tilt = (
        require.integer("order", order),
        _lags(lags),
        require.real("tilt", tilt, above=0),
    )
    values = _laguerre(order, lags, (1 - tilt) / 2) / tilt
    return Basis(
        values, tilt * _laguerre(order, lags, (1 + tilt) / 2), tilt**2 * np.exp(-tilt * lags)
    )


def glagt(order: int, *, alpha: float = 0.0, beta: float = 0.01) -> Dense:
    r"""Generalized Laguerre measure: the weight t^{-alpha} e^{-beta t}, normalized.

    .. math::  A = \Lambda^{-1} \left(-\tfrac{1+\beta}{2} I - \mathrm{stril}(1)\right) \Lambda,\quad
               \lambda_n = \sqrt{\Gamma(n+\alpha+1)/n!},\quad
               B_n = \frac{1}{\lambda_n}\binom{n+\alpha}{n} \frac{\beta^{(1-\alpha)/2}}{\sqrt{\Gamma(1-\alpha)}} .

    Lambda is orthogonal only at alpha = 0, where the matrix is that of `tlagt(order, tilt=beta)`,
    which has the low-rank correction; for other alpha there is none. Reads its first coefficient.
    Raises ValueError unless -1 < alpha < 1, beta > 0.

    Source: Gu et al. 2020, Appendix D.2 (the general formula); values agree with state-spaces/s4.

    >>> glagt(2, beta=1.0).A
    array([[-1.,  0.],
           [-1., -1.]])
    """
    order = _order(order)
    scale, start, _ = _generalized_laguerre(order, alpha, beta)
    strict = np.tril(np.ones((order, order)), -1)
    return _reads_first(
        -strict * scale / scale[:, None] - (1 + beta) / 2 * np.eye(order) + 0.0, start
    )


def glagt_basis(order: int, lags: np.ndarray, *, alpha: float = 0.0, beta: float = 0.01) -> Basis:
    """g_n(t) proportional to L_n^{(alpha)}(t) t^alpha e^{-(1 - beta) t/2}; weight t^{-alpha}
    e^{-beta t}, of total mass 1.
    """
    order, lags = require.integer("order", order), _lags(lags)
    scale, _, gain = _generalized_laguerre(order, alpha, beta)
    kernel = gain * _laguerre(order, lags, (1 + beta) / 2, alpha) / scale
    with np.errstate(divide="ignore"):  # at lag 0 the weight, or its inverse, is infinite
        values = (
            _laguerre(order, lags, (1 - beta) / 2, alpha) / scale * lags[:, None] ** alpha / gain
        )
        weight = gain**2 * lags**-alpha * np.exp(-beta * lags)
    return Basis(values, kernel, weight)


def _generalized_laguerre(
    order: int, alpha: float, beta: float
) -> tuple[np.ndarray, np.ndarray, float]:
    alpha = require.real("alpha", alpha, above=-1, below=1)
    beta = require.real("beta", beta, above=0)
    log_gamma = np.vectorize(math.lgamma)
    n = np.arange(order)
    scale = np.exp((log_gamma(n + alpha + 1) - log_gamma(n + 1.0)) / 2)
    binomial = np.exp(log_gamma(n + alpha + 1) - log_gamma(n + 1.0) - math.lgamma(alpha + 1))
    gain = math.sqrt(beta ** (1 - alpha) / math.gamma(1 - alpha))
    return scale, gain * binomial / scale, gain


def fout(order: int, *, window: float = 2.0) -> NPLR:
    r"""Truncated Fourier measure: the last `window` of time, in sines and cosines.

    .. math::  A = \frac{1}{\text{window}} \left(\Omega - 2 b b^T\right), \quad B = \frac{2}{\text{window}} b, \quad
               P = \sqrt{2/\text{window}}\, b, \quad
               \Omega = \bigoplus_k 2\pi k \begin{bmatrix} 0 & -1 \\ 1 & 0 \end{bmatrix}, \quad
               b = (1, 0, \sqrt 2, 0, \sqrt 2, 0, \dots).

    Lossless with P parallel to B. At even order the sine of frequency zero is a state that nothing
    drives, as in the published matrices; an odd order leaves it out. window=2 is state-spaces/s4's
    `fout`, window=1 its `fourier2`.

    Source: Gu et al. 2023 (HTTYH), Theorem 6 for the windowed Fourier system.

    >>> fout(4).A.round(3)
    array([[-1.   ,  0.   , -1.414,  0.   ],
           [ 0.   ,  0.   ,  0.   ,  0.   ],
           [-1.414,  0.   , -2.   , -3.142],
           [ 0.   ,  0.   ,  3.142,  0.   ]])
    """
    window = require.real("window", window, above=0)
    A, b = _fourier(order, window, feedback=2.0)
    return NPLR(A, 2 * b / window, math.sqrt(2 / window) * b[:, None])


def fout_basis(order: int, lags: np.ndarray, *, window: float = 2.0) -> Basis:
    """g(t) = 1, sqrt(2) cos(2 pi k t/window), sqrt(2) sin(...) under the weight 1/window on [0,
    window]; large order.

    The kernel of the matrices is 2/window b at t = 0 and tends to the weighted basis away from the
    jumps at both ends.
    """
    order, lags, window = (
        require.integer("order", order),
        _lags(lags),
        require.real("window", window, above=0),
    )
    values = _waves(order, lags / window)
    weight = (lags <= window) / window
    return Basis(values, weight[:, None] * values, weight)


def fourier2(order: int) -> NPLR:
    """`fout` on the unit window: orthonormal on [0, 1], under the name it has in state-spaces/s4.

    >>> fourier2(2).A
    array([[-2.,  0.],
           [ 0.,  0.]])
    """
    return fout(order, window=1.0)


def fourier2_basis(order: int, lags: np.ndarray) -> Basis:
    """`fout_basis` on the unit window."""
    return fout_basis(order, lags, window=1.0)


def foud(order: int, *, period: float = 1.0) -> NPLR:
    r"""Fourier modes with plain decay: A = (Omega - I/2)/period, B = b/period; normal already, P
    (N, 0).

    Nothing forgets the window sharply, so only a signal of that `period` can be rebuilt.

    Source: state-spaces/s4 (`foud`), at period 1.

    >>> foud(2).A
    array([[-0.5,  0. ],
           [ 0. , -0.5]])
    """
    period = require.real("period", period, above=0)
    A, b = _fourier(order, period, decay=0.5)
    return NPLR(A, b / period, np.zeros((len(b), 0)))


def foud_basis(order: int, lags: np.ndarray, *, period: float = 1.0) -> Basis:
    """Exact kernel e^{-t/2} times the Fourier basis; values rebuild signals of that period (t in
    periods here).

    The weight, of mass 4.08 and mean age 1.96, is not normalized. Folding the past into one period
    sums e^{-j/2} over j, so g = (1 - e^{-1/2}) e^{frac(t)/2} times the Fourier basis.
    """
    order, lags, period = (
        require.integer("order", order),
        _lags(lags),
        require.real("period", period, above=0),
    )
    t = lags / period
    waves = _waves(order, t)
    kernel = waves * np.exp(-t / 2)[:, None] / period
    gain = -math.expm1(-0.5) * np.exp((t % 1) / 2)
    return Basis(waves * gain[:, None], kernel, np.exp(-t / 2) / gain / period)


def fourier_decay(order: int, *, period: float = 2.0) -> NPLR:
    r"""Fourier modes that forget in steps: A = (Omega - b b^T)/period, B = b/period, P =
    b/sqrt(period); A + P P^T is skew.

    With half the feedback of `fout` nothing is cut off: the weight is 2/3 over the newest period
    and falls threefold with each earlier one (b^T (s - Omega)^{-1} b -> coth(s/2)/2, so the
    transfer function is (1 - q)/(1 - q/3) 2/3 that of the modes, q = e^{-s}). Only a signal of that
    `period` can be rebuilt.

    Source: state-spaces/s4 (`fourier_decay`), at period 2; the weight is derived here.

    >>> fourier_decay(2).A
    array([[-0.5,  0. ],
           [ 0. ,  0. ]])
    """
    period = require.real("period", period, above=0)
    A, b = _fourier(order, period, feedback=1.0)
    return NPLR(A, b / period, b[:, None] / math.sqrt(period))


def fourier_decay_basis(order: int, lags: np.ndarray, *, period: float = 2.0) -> Basis:
    """g(t) = 1, sqrt(2) cos(2 pi k t/period), ... under the weight 2/3 3^{-j}/period in the j-th
    period back; large order.
    """
    order, lags, period = (
        require.integer("order", order),
        _lags(lags),
        require.real("period", period, above=0),
    )
    values = _waves(order, lags / period)
    weight = 2 / 3 * 3.0 ** -np.floor(lags / period) / period
    return Basis(values, weight[:, None] * values, weight)


def chebt(order: int, *, window: float = 2.0) -> Dense:
    r"""Translated Chebyshev measure: the last `window` of time under the weight 1/(pi sqrt(t
    (window - t))).

    The weighted basis is singular at both ends of the window, so no finite system has it for a
    kernel. Lanczos' tau method gives one that rebuilds the window instead: v(T, t) ~ u(T - t) is a
    polynomial of degree N in t with v(T, 0) = u(T), whose residual v_T + v_t is orthogonal, under
    the weight, to every polynomial of degree below N. With v = sum_{k <= N} x_k p_k, p orthonormal,
    and D the differentiation matrix, p_k' = sum_n D_nk p_n,

    .. math::  A_{nk} = -D_{nk} + D_{nN}\, p_k(0)/p_N(0), \qquad B_n = -D_{nN}/p_N(0) \qquad (n, k < N).

    D is upper triangular and no low-rank correction makes A normal, hence `Dense`; the correction
    that is there, of rank one, closes the window. Reads its first coefficient. A constant is
    remembered exactly. Cost O(N^2).

    Source: derived here; the tau method is Lanczos 1938, the measure that of Gu et al. 2020,
    Appendix D.5.

    >>> chebt(2, window=1.0).A.round(3)
    array([[ 0.   , -2.828],
           [ 5.657, -8.   ]])
    """
    order, window = _order(order), require.real("window", window, above=0)
    norm = np.where(np.arange(order + 1) == 0, 1.0, math.sqrt(2))
    # T_k' = 2k (T_{k-1} + T_{k-3} + ...), the last term halved if it is T_0; x = 2t/window - 1
    # gives the factor 2/window.
    n, k = np.arange(order)[:, None], np.arange(order + 1)
    D = np.where((k > n) & ((k - n) % 2 == 1), 2.0 * k, 0.0) * np.where(n == 0, 0.5, 1.0)
    D = 2 / window * D * norm / norm[:order, None]
    at_zero = norm * (-1.0) ** k  # p_k at lag 0
    last = D[:, -1] / at_zero[-1]
    return _reads_first(-D[:, :-1] + np.outer(last, at_zero[:-1]), -last)


def chebt_basis(order: int, lags: np.ndarray, *, window: float = 2.0) -> Basis:
    """g_n(t) = T_n(2t/window - 1), times sqrt(2) for n > 0, under the weight 1/(pi sqrt(t (window -
    t))).

    The kernel is infinite at both ends of the window; the kernel of the matrices agrees with it
    only under an integral.
    """
    order, lags, window = (
        require.integer("order", order),
        _lags(lags),
        require.real("window", window, above=0),
    )
    norm = np.where(np.arange(order) == 0, 1.0, math.sqrt(2))
    values = chebyshev.chebvander(2 * lags / window - 1, order - 1) * norm
    inside = np.maximum(lags * (window - lags), 0.0)
    with np.errstate(divide="ignore"):
        weight = np.where(lags <= window, 1 / (math.pi * np.sqrt(inside)), 0.0)
    return Basis(values, weight[:, None] * values, weight)


def _order(order: int) -> int:
    order = require.integer("order", order)
    require.room("A", 8 * order**2, host=True)
    return order


def _lags(lags: np.ndarray) -> np.ndarray:
    try:
        lags = np.atleast_1d(np.asarray(lags, dtype=np.float64))
    except (TypeError, ValueError):
        raise TypeError(
            f"`lags` must be real numbers; got {lags!r}. Give an array such as numpy.linspace(0, 2, 100)."
        ) from None
    require.finite("lags", lags)
    require.shape("lags", lags.shape, "(T,)", lags.ndim == 1)
    if np.any(lags < 0):
        raise ValueError(
            f"`lags` must not be negative; got {lags.min():g}. They count back from now: 0 is the present."
        )
    return lags


def _reads_first(A: np.ndarray, B: np.ndarray) -> Dense:
    return Dense(A, B, np.eye(len(B))[0], np.asarray(0.0), np.asarray(1.0))


def _legendre(order: int, x: np.ndarray) -> np.ndarray:
    return np.polynomial.legendre.legvander(x, order - 1)


def _laguerre(order: int, t: np.ndarray, decay: float, alpha: float = 0.0) -> np.ndarray:
    """L_n^{(alpha)}(t) e^{-decay t}, (T, N), by the recurrence in n with an exponent beside it, as
    neither need be in range.
    """
    # (n + 1) L_{n+1} = (2n + 1 + alpha - t) L_n - (n + alpha) L_{n-1}
    before, now, exponent = np.zeros_like(t), np.ones_like(t), -decay * t
    columns = []
    for n in range(order):
        with np.errstate(
            over="ignore"
        ):  # where L_n e^{-decay t} itself is beyond the largest number
            columns.append(now * np.exp(exponent))
        before, now = now, ((2 * n + 1 + alpha - t) * now - (n + alpha) * before) / (n + 1)
        large = np.abs(now) > 1e100
        before, now = np.where(large, before * 1e-100, before), np.where(large, now * 1e-100, now)
        exponent = np.where(large, exponent + 100 * math.log(10), exponent)
    return np.stack(columns, axis=-1)


def _fourier(
    order: int, time: float, *, decay: float = 0.0, feedback: float = 0.0
) -> tuple[Any, np.ndarray]:
    """(Omega - decay I - feedback b b^T)/time, and b; an odd order drops the sine of frequency
    zero, the second row.
    """
    order = require.integer("order", order)
    index = np.arange(order)
    wave = (index + order % 2) // 2
    sine = ((index + order % 2) % 2 == 1) & (index > 0)
    b = np.where(sine, 0.0, np.where(wave == 0, 1.0, math.sqrt(2)))

    def entries(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        turn = (
            2 * math.pi * wave[n] * (sine[n].astype(float) - sine[k])
        )  # of a cosine and the sine of its frequency
        return (
            np.where(wave[n] == wave[k], turn, 0.0) - decay * (n == k) - feedback * b[n] * b[k]
        ) / time + 0.0

    return by_formula(order, entries), b


def _waves(order: int, turns: np.ndarray) -> np.ndarray:
    k = np.arange((order + 1) // 2)
    phase = 2 * math.pi * (turns % 1)[:, None] * k
    both = (
        np.stack([np.cos(phase), np.sin(phase)], axis=-1)
        * np.where(k == 0, 1.0, math.sqrt(2))[:, None]
    )
    both = both.reshape(len(turns), -1)
    return both[:, :order] if order % 2 == 0 else np.delete(both, 1, axis=1)


MEASURES: dict[str, Callable[..., NPLR | Dense]] = {
    "legs": legs,
    "legt": legt,
    "lmu": lmu,
    "lagt": lagt,
    "tlagt": tlagt,
    "glagt": glagt,
    "fout": fout,
    "foud": foud,
    "fourier_decay": fourier_decay,
    "fourier2": fourier2,
    "chebt": chebt,
}
BASES: dict[str, Callable[..., Basis]] = {
    "legs": legs_basis,
    "legt": legt_basis,
    "lmu": lmu_basis,
    "lagt": lagt_basis,
    "tlagt": tlagt_basis,
    "glagt": glagt_basis,
    "fout": fout_basis,
    "foud": foud_basis,
    "fourier_decay": fourier_decay_basis,
    "fourier2": fourier2_basis,
    "chebt": chebt_basis,
}
