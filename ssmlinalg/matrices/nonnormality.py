r"""How far a matrix is from normal: Henrici's departure, the numerical range and its rightmost
point.

Of a normal matrix the eigenvalues say everything that norms can. Of others they say what happens in
the end, the numerical range what happens at first, and `growth` what happens in between. Bare
matrices on the host, in double precision; they are scaled by powers of two, so that no square
overflows or underflows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS
from . import shifted
from .gate import summable
from .units import exponent_of, times_power


class Departure(NamedTuple):
    """`departure` from the Schur form, of `residual` |A - Q T Q^*|_F/|A|_F; bounds `lower` and
    `upper` without that form.
    """

    departure: float
    lower: float
    upper: float
    residual: float


class NumericalRange(NamedTuple):
    """For each `angle` (K,) the `support` (K,) of the numerical range in that direction and the
    `boundary` point (K,) there.
    """

    angle: Real
    support: Real
    boundary: Complex


def departure(A: Array) -> Departure:
    r"""Henrici's departure of A (N, N) from normality: what the Schur form T = Q^* A Q has above
    its diagonal.

    .. math::  \operatorname{dep}(A)^2 = |A|_F^2 - \sum_j |\lambda_j|^2 = \sum_{i < j} |t_{ij}|^2.

    It is summed from the triangle, so near a normal matrix no digits cancel: it is exact for a
    matrix within a few N eps |A| of A, which `residual` makes visible, and for A itself where that
    is triangular. But what rounding does to defective eigenvalues it does to the departure too.
    Independent of these, with c = |A^* A - A A^*|_F and a = |A - (tr A / N) I|_F,

    .. math::  a^2 - \sqrt{a^4 - c^2/2} \;\le\; \operatorname{dep}(A)^2 \;\le\;
               \min\left(a^2,\; \sqrt{(N^3 - N)/12}\; c\right),

    which are `lower` and `upper`, the rounding of c allowed for: sqrt(eps) |A| at least where N >
    1.

    Raises TypeError or ValueError for what is no finite square matrix. What exceeds the largest
    double is inf. Cost: the Schur form, O(N^3).

    Sources: Henrici 1962 (Numer. Math. 4), Theorem 1 for `upper`; Kress, de Vries & Wegmann 1974
    (Linear Algebra Appl. 8) for `lower`.

    >>> import numpy as np
    >>> departure(np.array([[1.0, 3.0], [0.0, 2.0]])).departure
    3.0
    """
    A, exponent = unit_of(A)
    N = len(A)
    T, Q = shifted.triangular(A)
    residual = float(np.linalg.norm(A - Q @ T @ Q.conj().T) / (np.linalg.norm(A) or 1.0))
    centred = A - np.trace(A) / N * np.eye(N)
    a = float(np.linalg.norm(centred)) * (1 + N * EPS)
    commutator = float(np.linalg.norm(centred.conj().T @ centred - centred @ centred.conj().T))
    rounding = 4 * N * EPS * a * (a + float(np.linalg.norm(A)))
    least, most = max(commutator - rounding, 0.0), commutator + rounding
    # a^2 - sqrt(a^4 - c^2/2) without cancellation; c <= sqrt(2) a^2, so the root is real but for
    # rounding.
    root = math.sqrt(max(a**4 - least**2 / 2, 0.0))
    lower = least / math.sqrt(2 * (a**2 + root)) if least else 0.0
    upper = min(a, ((N**3 - N) / 12) ** 0.25 * math.sqrt(most))
    found = float(np.linalg.norm(np.triu(T, 1)))
    return Departure(
        scaled(found, exponent), scaled(lower, exponent), scaled(upper, exponent), residual
    )


def numerical_abscissa(A: Array) -> float:
    r"""The largest real part of the numerical range of A (N, N): the rate at which the norm of
    e^{tA} starts to grow.

    .. math::  \omega(A) = \lambda_{\max}\!\left(\frac{A + A^*}{2}\right)
               = \left.\frac{d}{dt}\right|_{t = 0^+} |e^{tA}|_2, \qquad |e^{tA}|_2 \le e^{t\,\omega(A)}.

    No eigenvalue has a larger real part. Raises TypeError or ValueError for what is no finite
    square matrix. Accuracy: N eps
    |A|; a proved bound is `eigen.proved_abscissa`. Cost: eigenvalues of a Hermitian matrix, O(N^3).

    Source: Trefethen & Embree 2005, Spectra and Pseudospectra, section 17.

    >>> from ssmlinalg import hippo
    >>> round(numerical_abscissa(hippo.legs(32).A), 12)
    -0.5
    """
    A, exponent = unit_of(A)
    return scaled(rightmost_of_field(A), exponent)


def numerical_range(A: Array, points: int = 128) -> NumericalRange:
    r"""The numerical range of A (N, N), a convex set that holds the eigenvalues, between two
    polygons.

    .. math::  W(A) = \{x^* A x : |x| = 1\}, \qquad
               h(\theta) = \max_{z \in W(A)} \operatorname{Re}(e^{-i\theta} z)
               = \lambda_{\max}\!\left(\frac{e^{-i\theta} A + e^{i\theta} A^*}{2}\right).

    At `points` angles theta_k = 2 pi k/K, at least 3: `support` is h(theta_k), and `boundary` x^* A
    x for a unit eigenvector x, a point of W(A) where the support is attained. So the convex hull of
    `boundary` lies inside of W(A), and

    .. math::  W(A) \subset \{z : \operatorname{Re}(e^{-i\theta_k} z) \le h(\theta_k) \text{ for all } k\}.

    For a real A the points come in conjugate pairs. Where the boundary is straight, any point of
    the edge may be returned. Raises TypeError or ValueError for what is no finite square matrix and
    for fewer than 3 points. Accuracy: N eps |A|. Cost: an eigenvector of a Hermitian matrix an
    angle, O(K N^3).

    Source: Johnson 1978 (SIAM J. Numer. Anal. 15).

    >>> import numpy as np
    >>> numerical_range(np.array([[0.0, 2.0], [0.0, 0.0]]), 4).support  # the unit disc
    array([1., 1., 1., 1.])
    """
    A, exponent = unit_of(A)
    K, N = require.integer("points", points, least=3), len(A)
    require.room("the numerical range", 16 * N * K, host=True)
    angle = 2 * np.pi * np.arange(K) / K
    turn = np.exp(-1j * angle[: K // 2 + 1 if not np.iscomplexobj(A) else K])
    extremes = [
        scipy.linalg.eigh(hermitian_part(A * z), subset_by_index=[N - 1, N - 1]) for z in turn
    ]
    support = np.array([d[0] for d, _ in extremes])
    boundary = np.array([np.vdot(x, A @ x) / np.vdot(x, x).real for _, x in extremes])
    if len(turn) < K:  # the lower half mirrors the upper one
        mirrored = np.arange(K - len(turn), 0, -1)
        support, boundary = (np.append(half, half[mirrored].conj()) for half in (support, boundary))
    with np.errstate(over="ignore", under="ignore"):
        return NumericalRange(
            angle, np.ldexp(support, exponent), times_power(boundary + 0j, exponent)
        )


def unit_of(A: Array) -> tuple[np.ndarray, int]:
    """A over the power of two 2^e that brings its largest entry below 1, and e."""
    A = summable("A", A)
    exponent = exponent_of(A)
    return times_power(A, -exponent), exponent


def scaled(value: float, exponent: int) -> float:
    """2^exponent value, inf where that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(value, exponent))


def hermitian_part(A: np.ndarray) -> np.ndarray:
    """(A + A^*)/2."""
    return (A + A.conj().T) / 2


def rightmost_of_field(A: np.ndarray) -> float:
    """The numerical abscissa of a matrix that was checked."""
    return float(np.linalg.eigvalsh(hermitian_part(A))[-1])
