r"""HiPPO-LegS: all that is known of the scaled Legendre measure in closed form.

=================  =========================================================
function           gives
=================  =========================================================
`legs`             the matrices A, B, P
`legs_basis`       the meaning of the state
`legs_state`       (s I - A)^{-1} B, the state under an input e^{st}
`legs_condition`   the condition number of the unit eigenvectors
=================  =========================================================

A is lower triangular, its eigenvalues are the diagonal, -1 .. -N.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy

from ..forms import NPLR
from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.gate import vector
from ..ground.ondemand import by_formula
from ..lossless import chain
from .basis import Basis, admitted_lags, orthonormal_legendre, vector_order, weighed

_LOG_LARGEST = 709  # of the range of doubles


def legs(order: int) -> NPLR:
    r"""Scaled Legendre measure, in its time-invariant form: the past fades as e^{-t}.

    .. math::  A_{nk} = -\begin{cases} \sqrt{2n+1}\sqrt{2k+1} & n > k \\ n + 1 & n = k \\
               0 & n < k \end{cases}, \qquad B_n = \sqrt{2n+1}, \qquad P_n = \sqrt{n + 1/2}.

    A + P P^T = -I/2 + skew. Lossless: A + A^T = -I - B B^T. The kernel is exact at every order.

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
        Gu et al. 2020 (HiPPO), Theorem 2; Gu, Goel & Re 2022 (S4), Theorem 1 and Appendix C.1.

    Example:
        >>> legs(2).A
        array([[-1.        ,  0.        ],
               [-1.73205081, -2.        ]])
    """
    order = vector_order(order)
    index = np.arange(order)
    root = np.sqrt(2 * index + 1)
    A = by_formula(order, partial(_legs_entries, root))
    P = np.sqrt(index + 0.5)[:, None]
    return NPLR(
        A=A,
        B=root,
        P=P,
    )


def _legs_entries(root: Real, n: np.ndarray, k: np.ndarray) -> Real:
    diagonal = np.where(n == k, -(n + 1.0), 0.0)
    return np.where(n > k, -root[n] * root[k], diagonal)


def legs_basis(order: int, lags: npt.ArrayLike) -> Basis:
    r"""The basis of `legs`: Legendre polynomials in e^{-t}, orthonormal under e^{-t}.

    .. math::  g_n(t) = \sqrt{2n+1}\, P_n(2 e^{-t} - 1), \qquad w(t) = e^{-t}, \qquad k_n = w g_n.

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

    Source:
        Gu et al. 2023 (HTTYH), Corollary 3.3.

    Example:
        >>> legs_basis(2, [0.0]).values
        array([[1.        , 1.73205081]])
    """
    order = require.integer("order", order)
    lags = admitted_lags(lags, order)
    weight = np.exp(-lags)
    values = orthonormal_legendre(order, 2 * weight - 1)
    kernel = weighed(weight, values)
    return Basis(values, kernel, weight)


def legs_state(order: int, s: npt.ArrayLike) -> Complex:
    r"""The state of `legs` under the input e^{st}: (s I - A)^{-1} B in closed form.

    .. math::  \hat x_n(s) = \frac{\sqrt{2n+1}}{s+n+1} \prod_{m<n} \frac{s-m}{s+m+1}.

    Args:
        order: N, at least 1.
        s: complex frequencies (S,), none of them a pole -1 .. -N.

    Returns:
        An array (N, S) of complex128.

    Raises:
        TypeError: if `order` is no integer, or `s` are no numbers.
        ValueError: if `order` is below 1, if `s` is no vector, not finite or at a pole, and if the
            result fits no memory.

    Accuracy:
        About N eps, relative, in every entry.

    Cost:
        O(N S).

    Source:
        Gu et al. 2020 (HiPPO), Theorem 2, solved for the state.

    Example:
        >>> np.abs(legs_state(2, [1j])[:, 0]).round(6)
        array([0.707107, 0.547723])
    """
    order = require.integer("order", order)
    s = vector("s", s).astype(np.complex128)
    require.room("the state at all frequencies", 16 * order * max(len(s), 1), host=True)
    index = np.arange(order)
    B = np.sqrt(2 * index + 1)
    zeros = index + 0.0
    poles = -(index + 1.0)
    at_pole = np.isin(s, poles)
    if np.any(at_pole):
        remedy = "Move it off by a little."
        got = f"s = {s[at_pole][0]:.6g}"
        raise ValueError(f"`s` must not be an eigenvalue -1 .. -N; got {got}. {remedy}")
    return chain.states(B, poles, zeros, s)


def legs_condition(order: int) -> float:
    r"""kappa_2 of the unit eigenvectors of `legs`, about 5.8^N, from closed forms.

    Up to signs their Gram matrix is a scaled Hilbert matrix, whose inverse is explicit:

    .. math::  G_{ij} = \frac{r_i r_j}{i+j+1}, \qquad
               |G^{-1}|_{ij} = \frac{i+j+1}{r_i r_j} \binom{N+i}{N-j-1} \binom{N+j}{N-i-1}
               \binom{i+j}{i}^2, \qquad r_i = \sqrt{2i+1}.

    The largest eigenvalue of each is well conditioned, however ill G is.

    Args:
        order: N, at least 1.

    Returns:
        kappa_2(V), inf from order 405 on, where it is beyond the range of doubles.

    Raises:
        TypeError: if `order` is no integer.
        ValueError: if `order` is below 1, or matrices of that order fit no memory.

    Accuracy:
        About 3 N eps, relative: measured against multiple precision at orders 8, 32 and 64.

    Cost:
        O(N^3).

    Source:
        Choi 1983 (Amer. Math. Monthly 90) for the inverse of Hilbert's matrix.

    Example:
        >>> round(legs_condition(8))
        77032
    """
    order = require.integer("order", order)
    require.room("the Gram matrix", 8 * order**2, host=True)
    i = np.arange(order)[:, None]
    j = np.arange(order)
    root = np.sqrt(np.outer(2 * i + 1, 2 * j + 1))
    # The alternating signs of the inverse are left out: they keep eigenvalues.
    log_inverse = np.log((i + j + 1) / root) + _log_binomials(order, i, j)
    shift = float(log_inverse.max())
    inverse = np.linalg.eigvalsh(np.exp(log_inverse - shift))[-1]
    gram = np.linalg.eigvalsh(root / (i + j + 1))[-1]
    log_condition = (shift + math.log(inverse) + math.log(gram)) / 2
    fits = log_condition < _LOG_LARGEST
    return math.exp(log_condition) if fits else math.inf


def _log_binomials(
    N: int,
    i: np.ndarray,
    j: np.ndarray,
) -> Real:
    """log of C(N+i, N-j-1) C(N+j, N-i-1) C(i+j, i)^2."""
    log_gamma = scipy.special.gammaln
    first = log_gamma(N + i + 1) - log_gamma(N - j) - log_gamma(i + j + 2)
    second = log_gamma(N + j + 1) - log_gamma(N - i) - log_gamma(i + j + 2)
    third = log_gamma(i + j + 1) - log_gamma(i + 1) - log_gamma(j + 1)
    return first + second + 2 * third
