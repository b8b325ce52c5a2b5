r"""Distance of a matrix from normality: Henrici's departure, the numerical range and its abscissa.

Of a normal matrix the eigenvalues say everything that norms can. Of others they say what happens in
the end, the numerical range what happens at first, and `growth` what happens in between. Matrices
are scaled by powers of two, so that no square overflows or underflows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS
from ..ground.gate import summable
from . import shifted
from .factorizations import converged, hermitian_values, refuse_beyond, rounding
from .scaling import in_units, scaled, times_power

_WITNESSES = 64  # points of the boundary that every support is compared with


class Departure(NamedTuple):
    """Henrici's departure from normality, and what certifies it.

    Attributes:
        departure: from the Schur form.
        lower: a bound without that form.
        upper: a bound without that form.
        residual: |A - Q T Q^*|_F/|A|_F of the Schur form.
    """

    departure: float
    lower: float
    upper: float
    residual: float


class NumericalRange(NamedTuple):
    """The numerical range, between two polygons.

    Attributes:
        angle: directions, (K,).
        support: the largest extent in each direction, (K,).
        boundary: a point of the range where it is attained, (K,).
    """

    angle: Real
    support: Real
    boundary: Complex


def departure(A: Array) -> Departure:
    r"""Henrici's departure from normality: what the Schur form has above its diagonal.

    .. math::  \operatorname{dep}(A)^2 = |A|_F^2 - \sum_j |\lambda_j|^2 = \sum_{i < j} |t_{ij}|^2,
               \qquad T = Q^* A Q.

    It is summed from the triangle, so near a normal matrix no digits cancel. Independent of the
    Schur form, with c = |A^* A - A A^*|_F and a = |A - (tr A / N) I|_F,

    .. math::  a^2 - \sqrt{a^4 - c^2/2} \;\le\; \operatorname{dep}(A)^2 \;\le\;
               \min\left(a^2,\; \sqrt{(N^3 - N)/12}\; c\right).

    Args:
        A: a square matrix, (N, N).

    Returns:
        A `Departure`. A figure above the largest double is inf.

    Raises:
        TypeError: if `A` holds no numbers of at most double precision.
        ValueError: if `A` is not square, not finite, or has row sums that overflow.

    Accuracy:
        `departure` is exact for a matrix within a few N eps |A| of A, which `residual` shows, and
        for A itself where that is triangular. But what rounding does to defective eigenvalues it
        does to the departure too. The bounds allow for the rounding of c: sqrt(eps) |A| at least
        where N > 1.

    Cost:
        The Schur form, O(N^3).

    Source:
        Henrici 1962 (Numer. Math. 4), Theorem 1 for `upper`; Kress, de Vries & Wegmann 1974 (Linear
        Algebra Appl. 8) for `lower`.

    Example:
        >>> departure([[1, 3], [0, 2]]).departure
        3.0
    """
    A, exponent = in_units(summable("A", A))
    T, Q = shifted.triangular(A)
    found = float(np.linalg.norm(np.triu(T, 1)))
    rest = np.linalg.norm(A - Q @ T @ Q.conj().T)
    residual = float(rest / (np.linalg.norm(A) or 1.0))
    lower, upper = _departure_bounds(A)
    return Departure(
        departure=scaled(found, exponent),
        lower=scaled(lower, exponent),
        upper=scaled(upper, exponent),
        residual=residual,
    )


def numerical_abscissa(A: Array) -> float:
    r"""The numerical abscissa: the rate at which the norm of e^{tA} starts to grow.

    .. math::  \omega(A) = \lambda_{\max}\!\left(\frac{A + A^*}{2}\right)
               = \left.\frac{d}{dt}\right|_{t = 0^+} |e^{tA}|_2, \qquad
               |e^{tA}|_2 \le e^{t\,\omega(A)}.

    It is the largest real part of the numerical range. No eigenvalue has a larger one.

    Args:
        A: a square matrix, (N, N).

    Returns:
        omega(A).

    Raises:
        TypeError: if `A` holds no numbers of at most double precision.
        ValueError: if `A` is not square, not finite, or has row sums that overflow.

    Accuracy:
        N eps |A|; a proved bound of the eigenvalues is `proved_abscissa`.

    Cost:
        The eigenvalues of a Hermitian matrix, O(N^3).

    Source:
        Trefethen & Embree 2005, Spectra and Pseudospectra, section 17.

    Example:
        >>> from ssmlinalg import hippo
        >>> round(numerical_abscissa(hippo.legs(32).A), 12)
        -0.5
    """
    A, exponent = in_units(summable("A", A))
    return scaled(rightmost_of_field(A), exponent)


def numerical_range(A: Array, points: int = 128) -> NumericalRange:
    r"""The numerical range, a convex set that holds the eigenvalues, between two polygons.

    .. math::  W(A) = \{x^* A x : |x| = 1\}, \qquad
               h(\theta) = \max_{z \in W(A)} \operatorname{Re}(e^{-i\theta} z)
               = \lambda_{\max}\!\left(\frac{e^{-i\theta} A + e^{i\theta} A^*}{2}\right).

    At the angles theta_k = 2 pi k/K, `support` is h(theta_k), and `boundary` x^* A x for a unit
    eigenvector x, a point of W(A) where the support is attained. So the convex hull of `boundary`
    lies inside of W(A), and

    .. math::  W(A) \subset \{z : \operatorname{Re}(e^{-i\theta_k} z) \le h(\theta_k)
               \text{ for all } k\}.

    For a real A the points come in conjugate pairs. Where the boundary is straight, any point of
    the edge may be returned.

    Args:
        A: a square matrix, (N, N).
        points: K, the number of angles, at least 3.

    Returns:
        A `NumericalRange`.

    Raises:
        TypeError: if `A` holds no numbers of at most double precision, or `points` is no integer.
        ValueError: if `A` is not square, not finite, or has row sums that overflow; if `points` is
            below 3 or more than memory holds; if LAPACK gives up, or an extreme eigenvalue is none:
            by its residual, and by points of the range beyond the support.

    Accuracy:
        N eps |A|.

    Cost:
        An eigenvector of a Hermitian matrix an angle, O(K N^3).

    Source:
        Johnson 1978 (SIAM J. Numer. Anal. 15).

    Example:
        >>> numerical_range([[0, 2], [0, 0]], 4).support  # the unit disc
        array([1., 1., 1., 1.])
    """
    A, exponent = in_units(summable("A", A))
    K = require.integer("points", points, least=3)
    require.room("the numerical range", 16 * len(A) * K, host=True)
    angle = 2 * np.pi * np.arange(K) / K
    turn = np.exp(-1j * angle)
    if np.isrealobj(A):
        turn = turn[: K // 2 + 1]
    extremes = [_support(A * z) for z in turn]
    support = np.array([value for value, _ in extremes])
    boundary = np.array([_rayleigh_quotient(A, x) for _, x in extremes])
    beyond = _farthest(turn, boundary) - support
    refuse_beyond("A", "x^* A x - support", beyond, rounding(len(A)) * float(np.linalg.norm(A)))
    if len(turn) < K:  # the lower half mirrors the upper one
        mirrored = np.arange(K - len(turn), 0, -1)
        support = np.append(support, support[mirrored])
        boundary = np.append(boundary, boundary[mirrored].conj())
    with np.errstate(over="ignore", under="ignore"):
        support = np.ldexp(support, exponent)
        boundary = times_power(boundary + 0j, exponent)
    return NumericalRange(angle, support, boundary)


def hermitian_part(A: np.ndarray) -> np.ndarray:
    """(A + A^*)/2."""
    return (A + A.conj().T) / 2


def rightmost_of_field(A: np.ndarray) -> float:
    """The numerical abscissa of a matrix that was checked."""
    return float(hermitian_values(hermitian_part(A))[-1])


def _departure_bounds(A: np.ndarray) -> tuple[float, float]:
    """The bounds of `departure` from the commutator of A and A^*, rounded against us."""
    N = len(A)
    centred = A - np.trace(A) / N * np.eye(N)
    a = float(np.linalg.norm(centred)) * (1 + N * EPS)
    commutator = centred.conj().T @ centred - centred @ centred.conj().T
    c = float(np.linalg.norm(commutator))
    size = float(np.linalg.norm(A))
    rounding = 4 * N * EPS * a * (a + size)
    least = max(c - rounding, 0.0)
    most = c + rounding
    # a^2 - sqrt(a^4 - c^2/2) without cancellation; c <= sqrt(2) a^2, so the root is real but for
    # rounding.
    root = math.sqrt(max(a**4 - least**2 / 2, 0.0))
    lower = least / math.sqrt(2 * (a**2 + root)) if least else 0.0
    factor = ((N**3 - N) / 12) ** 0.25
    upper = min(a, factor * math.sqrt(most))
    return lower, upper


def _rayleigh_quotient(A: np.ndarray, x: np.ndarray) -> complex:
    """x^* A x/(x^* x)."""
    return np.vdot(x, A @ x) / np.vdot(x, x).real


def _farthest(turn: Complex, boundary: Complex) -> Real:
    """How far points of the range reach in each direction: their neighbours' and 64 others."""
    beside = np.stack([boundary, np.roll(boundary, 1), np.roll(boundary, -1)])
    near = np.max((turn * beside).real, axis=0)
    among = boundary[:: 1 + len(boundary) // _WITNESSES]
    return np.maximum(near, np.max(np.outer(turn, among).real, axis=1))


def _support(A: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest eigenvalue of the Hermitian part, and its eigenvector (N, 1)."""
    last = len(A) - 1
    H = hermitian_part(A)
    with converged("A"):
        values, vectors = scipy.linalg.eigh(H, subset_by_index=[last, last])
    rest = np.linalg.norm(H @ vectors - values * vectors, axis=0)
    refuse_beyond("A", "H x - mu x", rest, rounding(len(A)) * float(np.linalg.norm(H)))
    return values[0], vectors
