r"""Sparse matrices and operators of large order: pseudospectra and condition numbers.

Two ways to sigma_min(z - A), both from above: the value is attained by some vector, so the true one
is no larger. `sparse_pseudospectrum` factors z - A at every point and is as near as its tolerance;
`projected_pseudospectrum` needs products with A alone, by Arnoldi's relation A V_k = V_{k+1} H,

.. math::  \sigma_{\min}(z - A) \le \min_{|y| = 1} |(z - A) V_k y|
           = \sigma_{\min}(z \tilde I - H),

and is near only where the Krylov space holds the singular vector: at the outer eigenvalues.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.blas_threads import one_blas_thread
from ..ground.formats import EPS
from ..ground.gate import numbers, square
from .grids import empty_grid, fill, grid_axes
from .pseudospectra import Pseudospectrum
from .scaling import in_units, times_power
from .sparse_lanczos import least_values_by_factors
from .vertical_search import least_singular_values

_DIMENSION = 100  # of a Krylov space


class SparseCondeig(NamedTuple):
    """Some eigenvalues of a sparse matrix, and how well each is conditioned.

    Attributes:
        V: unit right eigenvectors, the columns, (N, k).
        Lambda: eigenvalues, (k,), the nearest to the point asked for first.
        condition: their condition numbers, (k,), inf beyond 1/(N eps).
        residual: |A v - lambda v|/|A|_1 of each, (k,).
    """

    V: Complex
    Lambda: Complex
    condition: Real
    residual: Real


def sparse_pseudospectrum(
    A: Any,
    x: Array,
    y: Array,
    *,
    tolerance: float = 1e-2,
    progress: Callable[..., object] | None = None,
    out: np.ndarray | None = None,
) -> Pseudospectrum:
    """The least singular value of z - A on a grid, of a sparse matrix of large order.

    Args:
        A: a square array or matrix of scipy.sparse, (N, N).
        x: real parts, rising, (X,).
        y: imaginary parts, rising, (Y,).
        tolerance: relative, between 0 and 1.
        progress: called as progress(fraction=0.5) after each point. An exception that it raises
            goes through, as a KeyboardInterrupt does.
        out: (Y, X) of float64, as that of `pseudospectrum`: each finished point is written into it,
            and what is not NaN is kept.

    Returns:
        A `Pseudospectrum` without eigenvalues, for all of them take a dense matrix. Its `sigma`
        (Y, X) is `out` if that was given.

    Raises:
        TypeError: if `A` is not sparse or holds no numbers; what `pseudospectrum` raises.
        ValueError: if `A` is not square or not finite; what `pseudospectrum` raises.

    Accuracy:
        Values are upper bounds, but for the rounding N eps |A|. Lanczos' method stops where the
        residual shows a singular value within `tolerance`/4, and at the latest after 2 + log(N)
        (0.05/tolerance)^{1/2} steps, which give `tolerance` on average over random start vectors;
        ours is random and always the same. The other side is not proved. 0 where a factor is
        singular.

    Cost:
        For each point a sparse factorization, and 4 to 50 solves; of real A and y symmetric about 0
        half the grid. Memory: one factorization. One thread: OpenBLAS is kept from sharing blocks
        that are too small.

    Source:
        Trefethen & Embree 2005, section 39; Kuczynski & Wozniakowski 1992 (SIAM J. Matrix Anal.
        Appl. 13), theorem 3.1, for the number of steps.

    Example:
        >>> import scipy.sparse
        >>> A = scipy.sparse.diags_array([1.0, 2.0, 3.0])
        >>> sparse_pseudospectrum(A, [0.0, 2.5], [0.0]).sigma.round(3)
        array([[1. , 0.5]])
    """
    A = _sparse("A", A)
    x, y = grid_axes(x, y)
    tolerance = require.real("tolerance", tolerance, above=0, below=1)
    require.progress(progress)
    sigma = empty_grid(out, (len(y), len(x)))
    least = least_values_by_factors(A, tolerance)

    def values(real: Real, imag: Real) -> Real:
        return least(real + 1j * imag)

    with one_blas_thread():
        fill(sigma, x, y, values, real=np.isrealobj(A.data), size=1, progress=progress)
    return Pseudospectrum(x, y, sigma, np.zeros(0, dtype=complex))


def projected_pseudospectrum(
    A: Any,
    x: Array,
    y: Array,
    *,
    dimension: int = _DIMENSION,
    seed: int = 0,
) -> Pseudospectrum:
    """An upper bound of the least singular value of z - A, from products with A alone.

    Args:
        A: a square array of scipy.sparse, a LinearOperator, or an array, (N, N).
        x: real parts, rising, (X,).
        y: imaginary parts, rising, (Y,).
        dimension: of the Krylov space, at most N.
        seed: of the vector it starts from.

    Returns:
        A `Pseudospectrum` of upper bounds, with the Ritz values as its eigenvalues.

    Raises:
        TypeError: for what holds no numbers and has no products with vectors; what
            `pseudospectrum` raises.
        ValueError: if `A` is not square, for an empty Krylov space; what `pseudospectrum` raises.

    Accuracy:
        Bounds without a lower side. They fall as `dimension` rises, and are sharp, but for
        rounding, at `dimension` = N.

    Cost:
        `dimension` products and their orthogonalization, O(N k^2), and O(k^3) a point.

    Source:
        Toh & Trefethen 1996 (SIAM J. Sci. Comput. 17).

    Example:
        >>> A = np.diag([1.0, 2.0, 3.0])
        >>> projected_pseudospectrum(A, [0.0], [0.0], dimension=3).sigma.round(3)
        array([[1.]])
    """
    times, order = _products(A)
    x, y = grid_axes(x, y)
    k = min(require.integer("dimension", dimension), order)
    seed = require.integer("seed", seed, least=0)
    H = _arnoldi(times, order, k, seed)
    k = H.shape[1]
    sigma = np.array([least_singular_values(H, x + 1j * height) for height in y])
    return Pseudospectrum(x, y, sigma, np.linalg.eigvals(H[:k]))


def sparse_condeig(A: Any, count: int = 6, *, near: complex = 0.0) -> SparseCondeig:
    """The eigenvalues of a sparse matrix that are nearest to a point, with condition numbers.

    Args:
        A: a square array or matrix of scipy.sparse, (N, N).
        count: how many, at most N - 2.
        near: the point, no eigenvalue itself.

    Returns:
        A `SparseCondeig`. An eigenvalue found from the right whose left eigenvector was not found
        beside it has the condition number inf: it is too ill-conditioned to be matched.

    Raises:
        TypeError: if `A` is not sparse or holds no numbers, and for other arguments that are none.
        ValueError: if `A` is not square or not finite, for another `count`, if `near` is an
            eigenvalue for all that rounding can tell, and where ARPACK does not converge.

    Accuracy:
        `residual` tells; an eigenvalue is off by up to kappa times that of |A|.

    Cost:
        Two sparse factorizations and some ten solves an eigenvalue.

    Source:
        Lehoucq, Sorensen & Yang 1998, ARPACK Users' Guide.

    Example:
        >>> import scipy.sparse
        >>> A = scipy.sparse.diags_array([1.0, 2, 3, 4, 5, 6]) + 10 * scipy.sparse.eye_array(6, k=1)
        >>> found = sparse_condeig(A, 1, near=0.9)
        >>> found.Lambda.real.round(6), found.condition.round(1)
        (array([1.]), array([947.9]))
    """
    A = _sparse("A", A).astype(complex)
    order = A.shape[0]
    count = require.integer("count", count)
    if count > order - 2:
        rule = f"`count` must be at most N - 2 = {order - 2}, as ARPACK finds them"
        raise ValueError(f"{rule}; got {count}. Take the dense `condeig` of its toarray().")
    point = numbers("near", near)
    require.shape("near", point.shape, "(), a number", point.ndim == 0)
    near = complex(point)
    Lambda, V = _nearest(A, count, near)
    left, W = _nearest(A.conj().T.tocsc(), count, near.conjugate())
    nearest = np.argsort(np.abs(Lambda - near))
    Lambda = Lambda[nearest]
    V = V[:, nearest] / np.linalg.norm(V[:, nearest], axis=0)
    W = W / np.linalg.norm(W, axis=0)
    partner = np.argmin(np.abs(left.conj()[None, :] - Lambda[:, None]), axis=1)
    cosine = np.abs(np.sum(W[:, partner].conj() * V, axis=0))
    size = float(abs(A).sum(axis=0).max()) or 1.0
    apart = np.abs(left.conj()[partner] - Lambda)
    unmatched = (apart > math.sqrt(EPS) * size) | (cosine < order * EPS)
    kappa = np.where(unmatched, np.inf, 1 / np.maximum(cosine, order * EPS))
    residual = np.linalg.norm(A @ V - V * Lambda, axis=0) / size
    return SparseCondeig(V, Lambda, kappa, residual)


def _sparse(name: str, A: Any) -> Any:
    """A square sparse matrix of finite numbers, by columns in double precision."""
    import scipy.sparse

    if not scipy.sparse.issparse(A):
        remedy = "Make it with scipy.sparse.csc_array, or take the function for dense ones."
        raise TypeError(f"`{name}` must be sparse; got {require.said(A)}. {remedy}")
    got = A.shape
    holds = len(got) == 2 and got[0] == got[1] > 0
    require.shape(name, got, "(N, N) with at least one row", holds)
    columns = scipy.sparse.csc_array(A)
    values = numbers(f"{name}.data", columns.data)
    found = scipy.sparse.csc_array((values, columns.indices, columns.indptr), shape=got)
    if not found.has_canonical_format:
        found = found.copy()  # the entries are those of `A`
        found.sum_duplicates()
        require.finite(f"{name}.data, its duplicates summed", found.data)
    return found


def _products(A: Any) -> tuple[Callable[[Complex], Complex], int]:
    """The function from v to A v, and N."""
    import scipy.sparse.linalg

    large = scipy.sparse.issparse(A) or isinstance(A, scipy.sparse.linalg.LinearOperator)
    operator = scipy.sparse.linalg.aslinearoperator(A if large else square("A", A))
    got = tuple(operator.shape)
    require.shape("A", got, "(N, N) with at least one row", got[0] == got[1] > 0)
    return operator.matvec, got[0]


def _arnoldi(times: Callable[[Complex], Complex], order: int, k: int, seed: int) -> Complex:
    """H (m + 1, m) of A V_m = V_{m+1} H, m = k unless the space is invariant before."""
    require.room("the Krylov space", 16 * order * (k + 1), host=True)
    rng = np.random.default_rng(seed)
    q = rng.standard_normal(order) + 1j * rng.standard_normal(order)
    basis = np.zeros((k + 1, order), dtype=complex)
    basis[0] = q / np.linalg.norm(q)
    H = np.zeros((k + 1, k), dtype=complex)
    exponent = 0
    for j in range(k):
        w = np.asarray(times(basis[j]))
        require.finite("A v", w)
        if j == 0:
            exponent = in_units(w)[1]  # squares of 1e200 overflow, those of 1e-200 are 0
        w = times_power(w, -exponent)
        scale = float(np.linalg.norm(w))
        for _ in range(2):
            part = basis[: j + 1].conj() @ w
            H[: j + 1, j] += part
            w = w - part @ basis[: j + 1]
        H[j + 1, j] = np.linalg.norm(w)
        if H[j + 1, j].real <= order * EPS * scale:
            return times_power(H[: j + 2, : j + 1], exponent)
        basis[j + 1] = w / H[j + 1, j]
    return times_power(H, exponent)


def _nearest(A: Any, count: int, near: complex) -> tuple[Complex, Complex]:
    """The eigenvalues nearest to a point, by ARPACK with one factorization."""
    import scipy.sparse.linalg

    start = np.random.default_rng(0).standard_normal(A.shape[0]) + 0j
    try:
        found: Any = scipy.sparse.linalg.eigs(A, count, sigma=near, v0=start)
    except scipy.sparse.linalg.ArpackNoConvergence as error:
        rule = "eigenvalues must be such that ARPACK converges"
        got = f"{len(error.eigenvalues)} of {count} near {near:.4g}"
        remedy = "Ask for others: their condition may be beyond double precision."
        raise ValueError(f"{rule}; got {got}. {remedy}") from None
    except RuntimeError:
        rule = "`near` must be no eigenvalue"
        raise ValueError(f"{rule}; got {near:.4g}. Move it a little.") from None
    return found[0], found[1]
