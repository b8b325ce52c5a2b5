r"""Conditioning of an eigenproblem: how far rounding moves eigenvalues, how near to singular V is.

Eigenvalue j of A, with unit right and left eigenvectors x_j and y_j, moves by at most kappa_j =
1/|y_j^* x_j| times a small perturbation, and no basis of the eigenvectors has a condition number
below kappa_j.

====================  ================================================================
function              gives
====================  ================================================================
`condeig`             eigenvectors, eigenvalues and kappa_j of a matrix
`condition_numbers`   kappa_j from the eigenvectors alone
`condition`           kappa_2(V)
`scaled_condition`    the least kappa_F(V D) over scalings D of the columns: sum kappa_j
====================  ================================================================

Matrices of any origin are accepted (see `ground.gate`); results are NumPy arrays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS, TINY
from ..ground.gate import numbers, summable, wide
from .factorizations import both_eigenpairs, converged, singular_values


class Condeig(NamedTuple):
    """The eigenvalues of a matrix, and how well each is conditioned.

    Attributes:
        V: unit right eigenvectors, the columns, (N, N).
        Lambda: eigenvalues, (N,).
        condition: their condition numbers, (N,), inf for a defective one.
    """

    V: Complex
    Lambda: Complex
    condition: Real


def condeig(A: Array) -> Condeig:
    r"""Eigenvectors, eigenvalues, and the condition number of each eigenvalue.

    .. math::  \kappa_j = \frac{1}{|y_j^* x_j|}, \qquad A x_j = \lambda_j x_j, \quad
               y_j^* A = \lambda_j y_j^*, \quad |x_j| = |y_j| = 1.

    1 for a normal matrix, infinite for a defective eigenvalue. A number above 1/(N eps) counts as
    infinite: within |A|/(kappa_j^2 - 1)^{1/2} there is a matrix of which lambda_j is a multiple
    eigenvalue (Wilkinson), nearer than rounding can tell.

    ================================================  ========================================
    defective matrix                                  kappa_j as computed
    ================================================  ========================================
    a Jordan block J as it stands                     infinite
    the same, |lambda| well above |J - lambda I|      |J - lambda I|/(eps |lambda|)
    a full matrix similar to a block of size m        about eps^{-(m-1)/m}: rounding splits it
    ================================================  ========================================

    The numbers of a repeated eigenvalue that is not defective belong to the eigenvectors returned,
    one choice among many.

    Args:
        A: a square matrix, (N, N).

    Returns:
        A `Condeig`.

    Raises:
        TypeError: if `A` holds no numbers of at most double precision.
        ValueError: if `A` is not square, not finite, or has row sums that overflow; if LAPACK gives
            up, or what it returns is no eigenvector to rounding.

    Accuracy:
        That of eigenvectors: eps |A| kappa over the distance to the next eigenvalue, relative. Each
        pair has been seen to be that of a matrix within 32 sqrt(N) eps |A|_F of A, or of D^{-1} A D
        with LAPACK's balance D, which is sharper for badly scaled matrices.

    Cost:
        O(N^3).

    Source:
        Wilkinson 1965, The Algebraic Eigenvalue Problem, chapter 2; Wilkinson 1972 (Numer. Math.
        19) for the distance.

    Example:
        >>> condeig([[0, 3], [0, 4]]).condition
        array([1.25, 1.25])
    """
    A = summable("A", A)
    Lambda, right, left = both_eigenpairs(A)
    products = left.conj() * right
    cosine = np.abs(np.sum(products, axis=0))
    kappa = 1 / np.clip(cosine, TINY, 1.0)
    return Condeig(right, Lambda, _infinite_beyond_eps(kappa))


def condition_numbers(V: Array, V_inv: Array | None = None) -> Real:
    r"""The condition number of each eigenvalue, from the eigenvectors alone.

    .. math::  \kappa_j = |e_j^* V^{-1}| \, |V e_j|
               = \frac{|v_j|}{\operatorname{dist}(v_j, \operatorname{span}_{i \ne j} v_i)}.

    Scaling the columns does not change it. Infinite where v_j has a part (more than sqrt(eps)) in a
    linear dependence, and beyond 1/(N eps): rounding tells no larger number from infinity.

    Args:
        V: eigenvectors, the columns, of any lengths, (N, N); (N, M) with `V_inv`.
        V_inv: their inverse, or a right inverse (M, N), if it is known. It is not checked.

    Returns:
        An array (N,).

    Raises:
        TypeError: if `V` or `V_inv` hold no numbers of at most double precision.
        ValueError: if they are not finite, of different orders, or have row sums that overflow; if
            V is not square and has no inverse, or has more rows than columns.

    Accuracy:
        N eps kappa_2 of V with unit columns, relative.

    Cost:
        O(N^3), or O(N^2) with `V_inv`.

    Example:
        >>> condition_numbers([[1, 3], [0, 4]])
        array([1.25, 1.25])
    """
    if V_inv is None:
        V = summable("V", V)
        size = _column_lengths(V)
        unit = V / np.where(size > 0, size, 1.0)
        return _infinite_beyond_eps(_inverse_row_lengths(unit))
    V = wide("V", V)
    V_inv = numbers("V_inv", V_inv)
    rule = f"{V.shape[::-1]}, that of `V` transposed"
    require.shape("V_inv", V_inv.shape, rule, V_inv.shape == V.shape[::-1])
    with np.errstate(over="ignore", under="ignore"):
        return _column_lengths(wide("V_inv", V_inv.T)) * _column_lengths(V)


def condition(V: Array) -> float:
    r"""kappa_2(V), the largest over the smallest singular value.

    .. math::  \kappa_2(V) = |V|_2\, |V^{-1}|_2,

    V^{-1} the pseudo-inverse where V is not square.

    Args:
        V: a matrix of at least as many columns as rows, (N, M).

    Returns:
        kappa_2, inf beyond 1/(N eps), where V may be singular.

    Raises:
        TypeError: if `V` holds no numbers of at most double precision.
        ValueError: if `V` has fewer columns than rows, is not finite, or has row sums that
            overflow.

    Accuracy:
        N eps kappa_2, relative.

    Cost:
        O(N^3).

    Example:
        >>> condition([[8, 0], [0, 2]]), condition([[1, 1], [1, 1]])
        (4.0, inf)
    """
    s = singular_values(wide("V", V), "V")
    regular = s[-1] > len(s) * EPS * s[0]
    return float(s[0] / s[-1]) if regular else math.inf


def scaled_condition(V: Array) -> float:
    r"""The least Frobenius condition number of V under scaling of its columns.

    .. math::  \min_{D} |V D|_F \, |(V D)^{-1}|_F = \sum_j \kappa_j, \qquad
               \max_j \kappa_j \le \min_D \kappa_2(V D) \le \sum_j \kappa_j,

    attained at D_jj = (|e_j^* V^{-1}| / |V e_j|)^{1/2}: the conditioning of eigenvectors whatever
    their lengths.

    Args:
        V: eigenvectors, the columns, of any lengths, (N, N).

    Returns:
        The sum of the `condition_numbers`.

    Raises:
        TypeError: if `V` holds no numbers of at most double precision.
        ValueError: if `V` is not square, not finite, or has row sums that overflow.

    Accuracy:
        That of `condition_numbers`.

    Cost:
        O(N^3).

    Source:
        Smith 1967 (Numer. Math. 10), Demmel 1983 (Numer. Math. 41).

    Example:
        >>> round(scaled_condition([[1.0, 3.0e9], [0.0, 4.0e9]]), 12)
        2.5
    """
    return float(np.sum(condition_numbers(V)))


def eigenvalue_rounding(order: int) -> float:
    """|E|_2/|H|_F if the eigenvalues that LAPACK finds of H are those of H + E.

    At most 2.8 sqrt(order) eps was measured, at orders 10 to 800.

    Args:
        order: that of H.

    Returns:
        4 sqrt(order) eps.

    Example:
        >>> eigenvalue_rounding(4) == 8 * 2.0**-52
        True
    """
    return 4 * math.sqrt(order) * EPS


def _column_lengths(M: np.ndarray) -> Real:
    """The lengths of the columns, where their squares would overflow or underflow too."""
    peak = np.max(np.abs(M), axis=0)
    peak = np.where(peak > 0, peak, 1.0)
    return peak * np.linalg.norm(M / peak, axis=0)


def _inverse_row_lengths(V: np.ndarray) -> Real:
    """The lengths (N,) of the rows of V^{-1}, inf where a column depends on others."""
    with converged("V"):
        _, s, Xh = np.linalg.svd(V)
    null = s <= len(s) * EPS * s[0]
    dependent = np.linalg.norm(Xh[null], axis=0) > EPS**0.5
    rows = Xh[~null] / s[~null, None]
    lengths = np.linalg.norm(rows, axis=0)
    return np.where(dependent, np.inf, lengths)


def _infinite_beyond_eps(kappa: Real) -> Real:
    """kappa, inf above 1/(N eps): rounding tells no larger number from infinity."""
    largest = 1 / (len(kappa) * EPS)
    return np.where(kappa < largest, kappa, np.inf)
