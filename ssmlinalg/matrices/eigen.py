r"""How well conditioned an eigenproblem is, and proofs of where a spectrum lies.

*Conditioning.* Eigenvalue j of A, with unit right and left eigenvectors x_j and y_j, moves by at
most kappa_j = 1/|y_j^* x_j| times a small perturbation, and no basis of the eigenvectors has a
condition number below kappa_j.

*Proofs.* A float64 matrix is an exact matrix, and what is said here of its eigenvalues is true of
that one, rounding included:

- `discs` encloses every eigenvalue of a diagonalizable A in floating-point arithmetic, at the price of a few products;
- `proved_abscissa` bounds the real parts, by discs or by the numerical range, whichever is sharper: a proof of stability;
- `enclose` (with python-flint) finds the roots of the exact characteristic polynomial: every A, repeated eigenvalues included.

Arrays of any library are accepted, and copied to the host; what comes back is NumPy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS, TINY
from .gate import numbers, summable


class Condeig(NamedTuple):
    """Unit right eigenvectors, the columns of `V` (N, N), eigenvalues `Lambda` (N,) and their
    condition numbers (N,).
    """

    V: Complex
    Lambda: Complex
    condition: Real


class Enclosure(NamedTuple):
    """Discs |z - center_j| <= radius_j, as many as eigenvalues, that together hold the whole
    spectrum.

    Discs that touch no other hold as many eigenvalues as there are discs: where `isolated` (N,),
    exactly one. No eigenvalue has a real part above `abscissa`. An infinite radius proves nothing.
    """

    center: Complex
    radius: Real
    abscissa: float
    isolated: np.ndarray


def condeig(A: Array) -> Condeig:
    r"""Eigenvectors, eigenvalues and the condition number of each eigenvalue of A (N, N).

    .. math::  \kappa_j = \frac{1}{|y_j^* x_j|}, \qquad A x_j = \lambda_j x_j, \quad y_j^* A = \lambda_j y_j^*,
               \quad |x_j| = |y_j| = 1.

    1 for a normal matrix, infinite for a defective eigenvalue. What exceeds 1/(N eps) counts as
    infinite: within
    |A|/(kappa_j^2 - 1)^{1/2} there is a matrix of which lambda_j is a multiple eigenvalue (Wilkinson), nearer than rounding can
    tell. A Jordan block J that is given as such comes out as infinite or, where |lambda| is well above |J - lambda I|, at about
    1/(eps |lambda|) times that; a full matrix similar to it is split by rounding, and comes out at about eps^{-(m-1)/m} for a
    block of size m. Of a repeated eigenvalue that is not defective the numbers belong to the eigenvectors returned, one choice
    among many.

    Raises TypeError or ValueError for what is no finite square matrix. Accuracy: that of
    eigenvectors, eps |A| kappa over the distance to the next eigenvalue, relative. Cost O(N^3).

    Sources: Wilkinson 1965, The Algebraic Eigenvalue Problem, chapter 2; Wilkinson 1972 (Numer.
    Math. 19) for the distance.

    >>> import numpy as np
    >>> condeig(np.array([[0.0, 3.0], [0.0, 4.0]])).condition
    array([1.25, 1.25])
    """
    A = summable("A", A)
    Lambda, left, right = scipy.linalg.eig(A, left=True, right=True)  # pyright: ignore[reportAssignmentType]
    cosine = np.minimum(np.abs(np.sum(left.conj() * right, axis=0)), 1.0)
    return Condeig(
        right.astype(np.complex128), Lambda, _told_from_infinity(1 / np.maximum(cosine, TINY))
    )


def condition_numbers(V: Array, V_inv: Array | None = None) -> Real:
    r"""The condition number (N,) of each eigenvalue, from the eigenvectors V (N, N) alone, and
    their inverse if it is known.

    .. math::  \kappa_j = |e_j^* V^{-1}| \, |V e_j| = \frac{|v_j|}{\operatorname{dist}(v_j, \operatorname{span}_{i \ne j} v_i)}.

    Scaling the columns does not change it. Infinite where v_j has a part (more than sqrt(eps)) in a
    linear dependence, and beyond 1/(N eps), which cannot be told from infinity; a `V_inv` is taken
    at its word. Raises TypeError or ValueError for what is no finite square matrix, and for shapes
    that differ. Accuracy: N eps kappa_2 of V with unit columns, relative. Cost O(N^3), or O(N^2) if
    `V_inv` is given.

    >>> import numpy as np
    >>> condition_numbers(np.array([[1.0, 3.0], [0.0, 4.0]]))
    array([1.25, 1.25])
    """
    V = summable("V", V)
    size = _norms(V)
    if V_inv is None:
        _, s, Xh = np.linalg.svd(V / np.where(size > 0, size, 1.0))
        null = s <= len(s) * EPS * s[0]
        dependent = np.linalg.norm(Xh[null], axis=0) > EPS**0.5
        kappa = np.linalg.norm(Xh[~null] / s[~null, None], axis=0)
        return _told_from_infinity(np.where(dependent, np.inf, kappa))
    rows = _norms(summable("V_inv", V_inv).T)
    require.shape(
        "V_inv", (len(rows),) * 2, f"(N, N) with N = {len(V)} from `V`", len(rows) == len(V)
    )
    with np.errstate(over="ignore", under="ignore"):
        return rows * size


def condition(V: Array) -> float:
    """kappa_2(V) of V (N, N), largest over smallest singular value; infinite beyond 1/(N eps),
    where V may be singular.

    Raises TypeError or ValueError for what is no finite square matrix. Accuracy: N eps kappa_2,
    relative. Cost O(N^3).

    >>> import numpy as np
    >>> condition(np.diag([8.0, 2.0])), condition(np.ones((2, 2)))
    (4.0, inf)
    """
    s = np.linalg.svd(summable("V", V), compute_uv=False)
    return float(s[0] / s[-1]) if s[-1] > len(s) * EPS * s[0] else np.inf


def scaled_condition(V: Array) -> float:
    r"""The least Frobenius condition number of V (N, N) under scaling of its columns: the sum of
    the `condition_numbers`.

    .. math::  \min_{D} |V D|_F \, |(V D)^{-1}|_F = \sum_j \kappa_j, \qquad
               \max_j \kappa_j \le \min_D \kappa_2(V D) \le \sum_j \kappa_j,

    at D_jj = (|e_j^* V^{-1}| / |V e_j|)^{1/2}. What eigenvectors are worth, whatever their lengths.
    Raises and costs what `condition_numbers` does.

    Sources: Smith 1967 (Numer. Math. 10), Demmel 1983 (Numer. Math. 41).

    >>> import numpy as np
    >>> round(scaled_condition(np.array([[1.0, 3.0e9], [0.0, 4.0e9]])), 12)
    2.5
    """
    return float(np.sum(condition_numbers(V)))


def discs(A: Array, V: Array, Lambda: Array) -> Enclosure:
    r"""Discs around Lambda (N,) that hold the eigenvalues of A (N, N): proved in float64, from
    approximate eigenvectors V.

    With W about V^{-1} and R = I - W V of norm below 1, V is regular and

    .. math::  V^{-1} A V = \Lambda + (I - R)^{-1}\, W (A V - V \Lambda),

    so Gershgorin's discs have the row sums of the last term as radii. Those are bounded with all
    rounding errors added, each product of matrices assumed to be summed in any order, also with
    three real products for a complex one, but not by Strassen's method. The discs are right
    whatever V and Lambda are, and small where they diagonalize A: at most about N^{5/2} eps |A|_F
    kappa_j for unit columns. They are infinite where V is too near to singular, N^2 eps kappa(V) >
    1.

    Returns an `Enclosure` in the order of Lambda. Raises TypeError or ValueError for what is not
    finite or does not fit. Cost: an inverse and three products, O(N^3).

    Sources: Rump 2010 (Acta Numerica 19), sections 10 and 13, for the method; Higham 2002, sections
    3.5 and 3.6, for rounding.

    >>> import numpy as np
    >>> A = np.array([[0.0, 1.0], [-2.0, -3.0]])
    >>> found = discs(A, np.array([[1.0, 1.0], [-1.0, -2.0]]), np.array([-1.0, -2.0]))
    >>> found.abscissa < -1 + 1e-13, found.isolated
    (True, array([ True,  True]))
    """
    A, V = summable("A", A), summable("V", V)
    N = len(A)
    require.shape("V", V.shape, f"(N, N) with N = {N} from `A`", len(V) == N)
    Lambda = numbers("Lambda", Lambda).astype(np.complex128)
    require.shape("Lambda", Lambda.shape, f"(N,) with N = {N} from `A`", Lambda.shape == (N,))
    with np.errstate(all="ignore"):  # what overflows proves nothing, and says so
        return _enclosure(Lambda, _radii(A, V, Lambda))


def _radii(A: Real | Complex, V: Real | Complex, Lambda: Complex) -> Real:
    """Row sums of |V^{-1} A V - Lambda|, bounded from above; infinite where V cannot be proved
    regular.
    """
    N = len(A)
    # |fl(X Y) - X Y| <= g |X| |Y|: of three real products for a complex one at most sqrt(10)
    # gamma_{N+4}, of four less; the other half is for what is subtracted. Underflow costs each of
    # the few N operations of an entry the least normal number.
    g, underflow = 2 * (N + 4) * EPS, 64 * N**2 * TINY
    upward = (
        1 + (2 * N + 32) * EPS
    )  # sums of three levels of sums of N positive terms, moduli a few eps wrong
    try:
        W = np.linalg.inv(V)
    except np.linalg.LinAlgError:
        return np.full(N, np.inf)
    T = A @ V - V * Lambda
    R = np.eye(N) - W @ V
    lengths = np.abs(V).sum(axis=1)
    hidden = (
        g * (np.abs(A) @ lengths + np.abs(V) @ np.abs(Lambda) + np.abs(T).sum(axis=1)) + underflow
    )
    u = upward * (np.abs(W @ T).sum(axis=1) + np.abs(W) @ hidden + underflow)
    r = upward * (np.abs(R).sum(axis=1) + g * (1 + np.abs(W) @ lengths) + underflow)
    radius = (u + r * (u.max() / (1 - r.max()))) * (1 + 8 * EPS)
    return radius if r.max() < 1 and np.all(np.isfinite(radius)) else np.full(N, np.inf)


def _enclosure(center: Complex, radius: Real, abscissa: float | None = None) -> Enclosure:
    """Which discs touch no other, and how far to the right they reach, rounded against us."""
    apart = np.abs(center[:, None] - center) * (1 - 8 * EPS) > (radius[:, None] + radius) * (
        1 + EPS
    )
    right = np.nextafter(center.real + radius, np.inf).max() if abscissa is None else abscissa
    return Enclosure(
        center, radius, float(right), np.all(apart | np.eye(len(center), dtype=bool), axis=1)
    )


def proved_abscissa(A: Array) -> float:
    r"""A number that no eigenvalue of A (N, N) has a real part above, proved in float64: negative
    is a proof of stability.

    The smaller of two bounds, each right for every A: the rightmost of the `discs` around the
    eigenvalues that LAPACK finds, sharp where A can be diagonalized, and that of the numerical
    range,

    .. math::  \operatorname{Re} \lambda \le \lambda_{\max}\!\left(\frac{A + A^*}{2}\right),

    sharp for dissipative matrices however far from normal, -1/2 for `hippo.legs`. Neither will do
    for a stable matrix that is badly conditioned and not dissipative; `enclose` does. Raises
    TypeError or ValueError for what is no finite square matrix. Cost O(N^3), twice the eigenvalues
    and eigenvectors; the sum of rounding errors is about N^{5/2} eps |A|_F.

    >>> from ssmlinalg import hippo
    >>> round(proved_abscissa(hippo.legs(64).A), 6)
    -0.5
    """
    A = summable("A", A)
    with np.errstate(all="ignore"):
        H = A / 2 + A.conj().T / 2
        d, Q = np.linalg.eigh(H)
        rounded = (
            EPS * np.abs(H).sum(axis=1).max() + 4 * len(A) * TINY
        )  # of H, half of it in the worst case
        dissipation = np.nextafter(discs(H, Q, d).abscissa + rounded, np.inf)
        Lambda, V = np.linalg.eig(A)
        return float(min(dissipation, discs(A, V, Lambda).abscissa))


def enclose(A: Array) -> Enclosure:
    r"""Discs that hold the eigenvalues of A (N, N) and are about as small as float64 allows,
    whatever their condition numbers.

    A is an integer matrix M over a power of two, and the roots of the characteristic polynomial of
    M are isolated with their multiplicities. A complex A = X + iY is first moved into the upper
    half plane by s > 2 |A|: with Y' = Y + s I, the real matrix

    .. math::  \begin{pmatrix} X & -Y' \\ Y' & X \end{pmatrix}

    has the eigenvalues of A + i s I, above the real axis, and their conjugates, below.

    Returns an `Enclosure` by rising imaginary part, then real part. A repeated eigenvalue,
    defective or not, is listed as often as it occurs, with the same disc. Raises ImportError
    without python-flint; TypeError or ValueError for what is no finite square matrix. Accuracy:
    radius at most 4 eps |center| + 2^{-200} |A|, and `abscissa` the largest real part but for its
    last digit, relative to itself, not to |center|. Cost: exact integers, N times as long as those
    of M. A HiPPO matrix takes 0.1 s at N = 64 and 1 s at N = 128, a complex matrix what a real one
    of twice the order does, about, and entries from 1e-300 to 1e300 a second at N = 64.

    Source: Johansson 2017 (IEEE Trans. Comput. 66, Arb), now in FLINT 3.

    >>> import numpy as np
    >>> enclose(np.eye(3, k=1)).abscissa  # a Jordan block, of which LAPACK finds eigenvalues 1e-5 away
    0.0
    """
    A = summable("A", A)
    try:
        import flint
    except ImportError as error:
        remedy = "Install it with: pip install 'ssmlinalg[flint]'."
        raise ImportError(f"`enclose` needs python-flint; got none ({error}). {remedy}") from error
    X, Y, scale = _integers(A)
    with flint.ctx.workprec(256):
        if np.iscomplexobj(A):
            s = 1 + 2 * int(
                (abs(X) + abs(Y)).sum(axis=1).max()
            )  # far above: no doubt on which side of the axis a root is
            Y = Y + s * np.eye(len(A), dtype=object)
            found: Any = (
                flint.fmpz_mat(np.block([[X, -Y], [Y, X]]).tolist()).charpoly().complex_roots()
            )
            roots = [(root - flint.acb(0, s), times) for root, times in found if root.imag > 0]
        else:
            roots: Any = flint.fmpz_mat(X.tolist()).charpoly().complex_roots()
        exact = [root / scale for root, times in roots for _ in range(times)]
        center = np.asarray(
            [complex(float(root.real), float(root.imag)) for root in exact], dtype=np.complex128
        )
        radius = np.array(
            [
                _above((root - flint.acb(c.real, c.imag)).abs_upper())
                for root, c in zip(exact, center, strict=True)
            ]
        )
        abscissa = max(_above(root.real.upper()) for root in exact)
    rising = np.lexsort((np.real(center), np.imag(center)))
    with np.errstate(all="ignore"):
        return _enclosure(center[rising], radius[rising], abscissa)


def _integers(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """X, Y and a power of two, of Python's integers, with A = (X + iY) / scale exactly."""
    ratios = [
        float(entry).as_integer_ratio() for entry in (*np.real(A).ravel(), *np.imag(A).ravel())
    ]
    scale = max(denominator for _, denominator in ratios)
    M = np.array(
        [numerator * (scale // denominator) for numerator, denominator in ratios], dtype=object
    )
    X, Y = M.reshape(2, *A.shape)
    return X, Y, scale


def _above(number: Any) -> float:
    """The least float not below an exact number of python-flint, or the next one."""
    nearest = float(number)
    return nearest if type(number)(nearest) >= number else float(np.nextafter(nearest, np.inf))


def _norms(M: np.ndarray) -> Real:
    """The lengths of the columns, where their squares would overflow or underflow too."""
    peak = np.max(np.abs(M), axis=0)
    peak = np.where(peak > 0, peak, 1.0)
    return peak * np.linalg.norm(M / peak, axis=0)


def _told_from_infinity(kappa: Real) -> Real:
    return np.where(kappa < 1 / (len(kappa) * EPS), kappa, np.inf)
