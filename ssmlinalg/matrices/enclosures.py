r"""Proofs of where a spectrum lies: of the matrix that the doubles are, rounding included.

=================  =======================================================================
function           proves
=================  =======================================================================
`discs`            that discs hold the eigenvalues: floating point, for a diagonalizable A
`proved_abscissa`  a bound of the real parts: negative is a proof of stability
`proved_largest`   a bound of the eigenvalues of a Hermitian matrix
`enclose`          discs of a few eps, for every A, repeated eigenvalues included
`proved_below`     that a gain stays below a level, by exact arithmetic
=================  =======================================================================

`enclose` finds the roots of the exact characteristic polynomial, with python-flint.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS, TINY
from ..ground.gate import numbers, summable, vector


class Enclosure(NamedTuple):
    """Discs |z - center_j| <= radius_j that together hold the whole spectrum.

    There are as many discs as eigenvalues. A group of discs that touches no other disc holds as
    many eigenvalues as it has discs. An infinite radius proves nothing.

    Attributes:
        center: (N,).
        radius: (N,).
        abscissa: no eigenvalue has a larger real part.
        isolated: (N,), whether a disc touches no other, and so holds exactly one eigenvalue.
    """

    center: Complex
    radius: Real
    abscissa: float
    isolated: np.ndarray


def discs(
    A: Array,
    V: Array,
    Lambda: Array,
) -> Enclosure:
    r"""Discs around approximate eigenvalues that hold the exact ones: proved in double precision.

    With W about V^{-1} and R = I - W V of norm below 1, V is regular and

    .. math::  V^{-1} A V = \Lambda + (I - R)^{-1}\, W (A V - V \Lambda),

    so Gershgorin's discs have the row sums of the last term as radii. Those are bounded with all
    rounding errors added, each product of matrices assumed to be summed in any order, also with
    three real products for a complex one, but not by Strassen's method.

    Args:
        A: a square matrix, (N, N).
        V: approximate eigenvectors, the columns, (N, N).
        Lambda: approximate eigenvalues, (N,).

    Returns:
        An `Enclosure` in the order of `Lambda`.

    Raises:
        TypeError: if the arrays hold no numbers of at most double precision.
        ValueError: if they are not finite or do not fit together, and if row sums overflow.

    Accuracy:
        The discs are right whatever V and Lambda are, and small where they diagonalize A: at most
        about N^{5/2} eps |A|_F kappa_j for unit columns. They are infinite where V is too near to
        singular, N^2 eps kappa(V) > 1.

    Cost:
        An inverse and three products, O(N^3).

    Source:
        Rump 2010 (Acta Numerica 19), sections 10 and 13, for the method; Higham 2002, sections 3.5
        and 3.6, for rounding.

    Example:
        >>> found = discs([[0, 1], [-2, -3]], [[1, 1], [-1, -2]], [-1, -2])
        >>> found.abscissa < -1 + 1e-13, found.isolated
        (True, array([ True,  True]))
    """
    A = summable("A", A)
    V = summable("V", V)
    Lambda = vector("Lambda", Lambda)
    N = len(A)
    require.shape("V", V.shape, f"(N, N) with N = {N} from `A`", len(V) == N)
    require.shape("Lambda", Lambda.shape, f"(N,) with N = {N} from `A`", len(Lambda) == N)
    return _discs(A, V, Lambda.astype(np.complex128))


def proved_abscissa(A: Array, rest: Array | None = None) -> float:
    r"""A number that no eigenvalue has a real part above: negative is a proof of stability.

    The smaller of two bounds, each right for every A: the rightmost of the `discs` around the
    eigenvalues that LAPACK finds, sharp where A can be diagonalized, and that of the numerical
    range,

    .. math::  \operatorname{Re} \lambda \le \lambda_{\max}\!\left(\frac{A + A^*}{2}\right),

    sharp for dissipative matrices however far from normal, -1/2 for `hippo.legs`. Neither is sharp
    for a stable matrix that is badly conditioned and not dissipative; `enclose` is.

    Args:
        A: a square matrix, (N, N).
        rest: what rounding has left of a matrix A + rest that is meant, (N, N).

    Returns:
        The bound, proved in double precision.

    Raises:
        TypeError: if the arrays hold no numbers of at most double precision.
        ValueError: if they are not square, not finite, of different orders, or have row sums that
            overflow.

    Accuracy:
        The rounding errors allowed for add up to about N^{5/2} eps |A|_F.

    Cost:
        O(N^3), twice the eigenvalues and eigenvectors.

    Example:
        >>> from ssmlinalg import hippo
        >>> round(proved_abscissa(hippo.legs(64).A), 6)
        -0.5
    """
    A = summable("A", A)
    left = None if rest is None else summable("rest", rest)
    if left is not None:
        rule = f"(N, N) with N = {len(A)} from `A`"
        require.shape("rest", left.shape, rule, len(left) == len(A))
    with np.errstate(all="ignore"):
        H = A / 2 + A.conj().T / 2
        size = np.abs(H).sum(axis=1).max()
        rounding_of_H = EPS * size + 4 * len(A) * TINY  # half of it in the worst case
        # The largest row or column sum is no less than that of the Hermitian part.
        if left is not None:
            sums = max(np.abs(left).sum(axis=axis).max() for axis in (0, 1))
            rounding_of_H += float(sums) * (1 + (2 * len(A) + 8) * EPS)
        dissipation = np.nextafter(_largest(H) + rounding_of_H, np.inf)
        diagonalized = _by_eigenvectors(A, left)
    return float(min(dissipation, diagonalized))


def _by_eigenvectors(A: np.ndarray, rest: np.ndarray | None) -> float:
    """The bound that `discs` proves with the eigenvectors that LAPACK finds, inf if it gives up."""
    try:
        Lambda, V = np.linalg.eig(A)
    except np.linalg.LinAlgError:
        return math.inf
    return _discs(A, V, Lambda + 0j, rest).abscissa


def proved_largest(H: Array) -> float:
    """A number that no eigenvalue of a Hermitian matrix exceeds, as `discs` proves it.

    Args:
        H: a Hermitian matrix, exactly, (N, N).

    Returns:
        The bound; inf where it overflows.

    Raises:
        TypeError: if `H` holds no numbers of at most double precision.
        ValueError: if `H` is not square, not finite, or has row sums that overflow.

    Accuracy:
        About N^{5/2} eps |H|_F.

    Cost:
        O(N^3).

    Example:
        >>> 3 <= proved_largest([[1, 2], [2, 1]]) < 3 + 1e-13
        True
    """
    return _largest(summable("H", H))


def enclose(A: Array) -> Enclosure:
    r"""Discs that hold the eigenvalues and are about as small as double precision allows.

    A is an integer matrix M over a power of two, and the roots of the characteristic polynomial of
    M are isolated with their multiplicities. A complex A = X + iY is first moved into the upper
    half plane by s > 2 |A|: with Y' = Y + s I, the real matrix

    .. math::  \begin{pmatrix} X & -Y' \\ Y' & X \end{pmatrix}

    has the eigenvalues of A + i s I, above the real axis, and their conjugates, below.

    Args:
        A: a square matrix, (N, N), of any condition.

    Returns:
        An `Enclosure` by rising imaginary part, then real part. A repeated eigenvalue, defective or
        not, is listed as often as it occurs, with the same disc.

    Raises:
        ImportError: if python-flint is missing.
        TypeError: if `A` holds no numbers of at most double precision.
        ValueError: if `A` is not square, not finite, or has row sums that overflow.

    Accuracy:
        The radius is at most 4 eps |center| + 2^{-200} |A|. `abscissa` is the largest real part but
        for its last digit, relative to itself, not to |center|.

    Cost:
        Exact integers, N times as long as those of M.

        ====================================  ============================================
        matrix                                seconds
        ====================================  ============================================
        a HiPPO matrix, N = 64                0.1
        a HiPPO matrix, N = 128               1
        entries from 1e-300 to 1e300, N = 64  1
        a complex matrix                      about those of a real one of twice the order
        ====================================  ============================================

    Source:
        Johansson 2017 (IEEE Trans. Comput. 66, Arb), now in FLINT 3.

    Example:
        >>> jordan_block = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]  # LAPACK's eigenvalues are 1e-5 away
        >>> enclose(jordan_block).abscissa
        0.0
    """
    A = summable("A", A)
    try:
        import flint
    except ImportError as error:
        remedy = "Install it with: pip install 'ssmlinalg[flint]'."
        raise ImportError(f"`enclose` needs python-flint; got none ({error}). {remedy}") from error
    with flint.ctx.workprec(256):
        exact = _exact_eigenvalues(flint, A)
        nearest = [complex(float(root.real), float(root.imag)) for root in exact]
        center: Complex = np.array(nearest, dtype=np.complex128)
        exact_center = [flint.acb(c.real, c.imag) for c in center]
        offsets = [root - c for root, c in zip(exact, exact_center, strict=True)]
        radius = np.array([_above(offset.abs_upper()) for offset in offsets])
        abscissa = max(_above(root.real.upper()) for root in exact)
    rising = np.lexsort((center.real, center.imag))
    with np.errstate(all="ignore"):
        isolated = _isolated(center[rising], radius[rising])
    return Enclosure(center[rising], radius[rising], abscissa, isolated)


def _largest(H: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        d, Q = np.linalg.eigh(H)
    return _discs(H, Q, d + 0j).abscissa


def proved_below(A: Array, B: Array, C: Array, level: float) -> bool:
    r"""Whether exact arithmetic proves that the gain stays below a level at all frequencies.

    .. math::  \sup_w |C (i w - A)^{-1} B|_2 < g \Leftrightarrow A \text{ is stable and }
               \begin{pmatrix} A & B B^T / g^2 \\ -C^T C & -A^T \end{pmatrix}
               \text{ has no eigenvalue on the imaginary axis.}

    The matrix is one of integers over an integer, and the roots of its characteristic polynomial
    are isolated. `hinf` bounds the gain to first order in rounding; this proves such a bound.

    Args:
        A: (N, N). Complex matrices stand for real ones of twice the order.
        B: (N, M) or (N,).
        C: (P, N) or (N,).
        level: g, positive.

    Returns:
        True for a proof; False where there is none, since the gain reaches the level or comes
        within 2^-200 of it.

    Raises:
        ImportError: if python-flint is missing.
        TypeError: if the matrices hold no numbers of at most double precision.
        ValueError: if they are not finite or do not fit together, or `level` is not positive.

    Cost:
        Exact integers, for order 2 N: 0.14 s for `legs` at N = 32, 1.5 s at N = 64.

    Source:
        Boyd, Balakrishnan & Kabamba 1989; FLINT 3 for the roots.

    Example:
        >>> one = [[1.0]]
        >>> proved_below([[-1.0]], one, one, 1.0000001), proved_below([[-1.0]], one, one, 1.0)
        (True, False)
    """
    level = require.real("level", level, above=0)
    A = summable("A", A)
    B = numbers("B", B)
    C = numbers("C", C)
    N = len(A)
    require.shape("B", B.shape, f"(N,) or (N, M) with N = {N}", B.ndim in (1, 2) and len(B) == N)
    rule = f"(N,) or (P, N) with N = {N}"
    require.shape("C", C.shape, rule, C.ndim in (1, 2) and C.shape[-1] == N)
    B = B.reshape(N, -1)
    C = C.reshape(-1, N)
    if any(np.iscomplexobj(array) for array in (A, B, C)):
        A, B, C = (_realified(array) for array in (A, B, C))
    if enclose(A).abscissa >= 0:
        return False
    import flint

    F, _, f = _integers(A)
    X, _, x = _integers(B)
    Y, _, y = _integers(C)
    p, q = level.as_integer_ratio()
    whole = f * (x * p) ** 2 * y**2
    H = np.block(
        [
            [F * (whole // f), X @ X.T * (q**2 * (whole // (x * p) ** 2))],
            [-Y.T @ Y * (whole // y**2), -F.T * (whole // f)],
        ]
    )
    with flint.ctx.workprec(256):
        return all(not root.real.contains(0) for root, _ in _roots(flint, H))


def _realified(array: np.ndarray) -> np.ndarray:
    """X + iY as the real matrix of its action on real and imaginary parts."""
    X = np.real(array)
    Y = np.imag(array)
    return np.block([[X, -Y], [Y, X]])


def _discs(
    A: np.ndarray,
    V: np.ndarray,
    Lambda: Complex,
    rest: np.ndarray | None = None,
) -> Enclosure:
    with np.errstate(all="ignore"):  # a bound that overflows is infinite, and proves nothing
        radius = _radii(A, V, Lambda, rest)
        right = np.where(np.isinf(radius), np.inf, Lambda.real + radius)
        abscissa = float(np.nextafter(right, np.inf).max())
        return Enclosure(Lambda, radius, abscissa, _isolated(Lambda, radius))


def _radii(
    A: np.ndarray,
    V: np.ndarray,
    Lambda: Complex,
    rest: np.ndarray | None,
) -> Real:
    """Row sums of |V^{-1} (A + rest) V - Lambda| (N,), bounded from above.

    inf where V may be singular.
    """
    N = len(A)
    # |fl(X Y) - X Y| <= g |X| |Y|: of three real products for a complex one at most sqrt(10)
    # gamma_{N+4}, of four less; the other half is for subtractions.
    g = 2 * (N + 4) * EPS
    # Underflow costs each of the few N operations of an entry the least normal number.
    underflow = 64 * N**2 * TINY
    # Sums of three levels of sums of N positive terms, moduli a few eps wrong.
    upward = 1 + (2 * N + 32) * EPS
    try:
        W = np.linalg.inv(V)
    except np.linalg.LinAlgError:
        return np.full(N, np.inf)
    T = A @ V - V * Lambda
    R = np.eye(N) - W @ V
    lengths = np.abs(V).sum(axis=1)
    products = np.abs(A) @ lengths + np.abs(V) @ np.abs(Lambda)
    rounding_of_T = g * (products + np.abs(T).sum(axis=1)) + underflow
    if rest is not None:
        rounding_of_T = rounding_of_T + np.abs(rest) @ lengths
    inverse = np.abs(W)
    product = np.abs(W @ T).sum(axis=1)
    u = upward * (product + inverse @ rounding_of_T + underflow)
    rounding_of_R = g * (1 + inverse @ lengths) + underflow
    r = upward * (np.abs(R).sum(axis=1) + rounding_of_R)
    growth = u.max() / (1 - r.max())
    radius = (u + r * growth) * (1 + 8 * EPS)
    regular = r.max() < 1 and np.all(np.isfinite(radius))
    return radius if regular else np.full(N, np.inf)


def _isolated(center: Complex, radius: Real) -> np.ndarray:
    """Which discs (N,) touch no other, rounded against us."""
    distance = np.abs(center[:, None] - center) * (1 - 8 * EPS)
    reach = (radius[:, None] + radius) * (1 + EPS)
    itself = np.eye(len(center), dtype=bool)
    return np.all((distance > reach) | itself, axis=1)


def _exact_eigenvalues(flint: Any, A: np.ndarray) -> list[Any]:
    """The eigenvalues of A in FLINT's balls, each as often as it occurs."""
    X, Y, scale = _integers(A)
    if np.iscomplexobj(A):
        # Far above the axis, so that there is no doubt on which side of it a root is.
        size = (abs(X) + abs(Y)).sum(axis=1).max()
        s = 1 + 2 * int(size)
        Y = Y + s * np.eye(len(A), dtype=object)
        real = np.block([[X, -Y], [Y, X]])
        shift = flint.acb(0, s)
        upper = [pair for pair in _roots(flint, real) if pair[0].imag > 0]
        found = [(root - shift, times) for root, times in upper]
    else:
        found = _roots(flint, X)
    return [root / scale for root, times in found for _ in range(times)]


def _roots(flint: Any, M: np.ndarray) -> list[tuple[Any, int]]:
    """The eigenvalues of an integer matrix, with their multiplicities."""
    return flint.fmpz_mat(M.tolist()).charpoly().complex_roots()


def _integers(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """X, Y and a power of two, of Python's integers, with A = (X + iY) / scale exactly."""
    real = np.real(A).ravel()
    imag = np.imag(A).ravel()
    entries = np.concatenate([real, imag])
    ratios = [float(entry).as_integer_ratio() for entry in entries]
    scale = max(denominator for _, denominator in ratios)
    multiples = [numerator * (scale // denominator) for numerator, denominator in ratios]
    both = np.array(multiples, dtype=object)
    X, Y = both.reshape(2, *A.shape)
    return X, Y, scale


def _above(number: Any) -> float:
    """The least float not below an exact number of python-flint, or the next one."""
    nearest = float(number)
    exact = type(number)(nearest)
    return nearest if exact >= number else float(np.nextafter(nearest, np.inf))
