r"""The smallest singular value of z - A for sparse A, by Lanczos' method on ((z - A)(z - A)^*)^-1.

Each z has a factorization of its own. In an order of rows that is found once for all of them the
factors stay sparse as long as the pivots are the diagonal's, so first these are taken, however
small. Whether they were good enough is seen in the residuals of the first solutions; where not,
SuperLU chooses pivots and columns afresh, which never fills more than the factors of S^T S.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import get_blas_funcs

from ..ground.backend import Complex, Real
from ..ground.formats import EPS

_ON_THE_DIAGONAL = {
    "permc_spec": "NATURAL",
    "diag_pivot_thresh": 0.0,
    "options": {"SymmetricMode": True},
}
_AFRESH = {"permc_spec": "COLAMD"}


def least_values_by_factors(A: Any, tolerance: float) -> Callable[[Complex], Real]:
    """The function from z (S,) to sigma_min(z - A), within a tolerance on average.

    Args:
        A: an array of scipy.sparse by columns, (N, N).
        tolerance: relative, between 0 and 1.

    Returns:
        The function. 0 is its value where z is an eigenvalue, and where solutions overflow.

    Example:
        >>> import scipy.sparse
        >>> least = least_values_by_factors(scipy.sparse.csc_array([[1.0, 0.0], [0.0, 3.0]]), 0.01)
        >>> least(np.array([0.0, 2.5])).round(3)
        array([1. , 0.5])
    """
    place = _ordering(A)
    S, diagonal = _with_diagonal(-A[place][:, place])
    order = S.shape[0]
    draw = np.random.default_rng(0).standard_normal((2, order))
    start = draw[0] + 1j * draw[1]
    start = start / np.linalg.norm(start)
    rest = S.data[diagonal].copy()
    steps = _steps(order, tolerance)

    def values(z: Complex) -> Real:
        found = np.zeros(len(z))
        for i, point in enumerate(z):
            S.data[diagonal] = point + rest
            factors = _factors(S, diagonal, start)
            if factors is not None:
                found[i] = _by_lanczos(factors, start, steps, tolerance)
        return found

    return values


def _ordering(A: Any) -> np.ndarray:
    """An order of rows and columns in which factors stay sparse, found once for all shifts."""
    import scipy.sparse
    import scipy.sparse.linalg

    order = A.shape[0]
    pattern = abs(A) + abs(A).T
    size = float(abs(pattern).sum(axis=0).max()) or 1.0
    dominant = (pattern + 2 * size * scipy.sparse.eye_array(order)).tocsc()
    how = _ON_THE_DIAGONAL | {"permc_spec": "MMD_AT_PLUS_A"}
    return np.argsort(scipy.sparse.linalg.splu(dominant, **how).perm_c)


def _with_diagonal(A: Any) -> tuple[Any, np.ndarray]:
    """A with all of its diagonal written down, zeros too, and which of its entries that is."""
    import scipy.sparse

    parts: Any = scipy.sparse.coo_array(A)
    j = np.arange(parts.shape[0])
    row = np.concatenate([parts.row, j])
    column = np.concatenate([parts.col, j])
    entries = np.concatenate([parts.data, np.zeros(len(j))]).astype(complex)
    full = scipy.sparse.csc_array((entries, (row, column)), shape=parts.shape)
    full.sort_indices()
    column = np.repeat(j, np.diff(full.indptr))
    return full, np.flatnonzero(full.indices == column)


def _factors(S: Any, diagonal: np.ndarray, b: Complex) -> Any:
    """Factors that solve S x = b and S^* y = x to rounding, None of a singular S."""
    from scipy.sparse.linalg import splu

    ways = [_ON_THE_DIAGONAL, _AFRESH] if np.all(S.data[diagonal]) else [_AFRESH]
    for way in ways:
        try:
            factors = splu(S, **way)
        except RuntimeError:  # exactly singular
            continue
        if way is _AFRESH or _accurate(S, factors, b):
            return factors
    return None


@np.errstate(all="ignore")
def _accurate(S: Any, factors: Any, b: Complex) -> bool:
    """Whether both residuals are within N eps |S| of the solutions."""
    allowed = S.shape[0] * EPS * float(abs(S).sum(axis=0).max())
    x = factors.solve(b)
    first = np.linalg.norm(S @ x - b) <= allowed * np.linalg.norm(x)
    y = factors.solve(x, trans="H")
    second = np.linalg.norm(S.conj().T @ y - x) <= allowed * np.linalg.norm(y)
    return bool(first and second)


@np.errstate(all="ignore")  # solutions overflow at eigenvalues, and that is looked for
def _by_lanczos(
    factors: Any,
    start: Complex,
    steps: int,
    tolerance: float,
) -> float:
    """sigma_min(S) from above, 0 where a solution overflows."""
    gemv: Any = get_blas_funcs("gemv", dtype=np.complex128)
    basis = np.zeros((len(start), steps), dtype=complex, order="F")
    T = np.zeros((steps, steps))
    v = start
    theta = 0.0
    for j in range(steps):
        basis[:, j] = v
        known = basis[:, : j + 1]
        w = factors.solve(factors.solve(v), trans="H")
        for _ in range(2):
            part = gemv(1.0, known, w, trans=2)
            w = gemv(-1.0, known, part, beta=1.0, y=w)
            T[j, j] += part[j].real
        length = float(np.linalg.norm(w))
        if not math.isfinite(length):
            return 0.0
        values, vectors = np.linalg.eigh(T[: j + 1, : j + 1])
        theta = float(values[-1])
        # A relative error of theta = 1/sigma^2 is twice that of sigma.
        if length * abs(vectors[-1, -1]) <= tolerance / 2 * theta or j + 1 == steps:
            break
        T[j, j + 1] = T[j + 1, j] = length
        v = w / length
    return 1 / math.sqrt(theta)


def _steps(order: int, tolerance: float) -> int:
    """Steps after which theta is within twice the tolerance on average over random starts."""
    return min(order, 2 + math.ceil(math.log(order + 1) * math.sqrt(0.103 / (2 * tolerance))))
