"""Singular values of graded matrices, the small ones as accurate as the large.

LAPACK's gejsv pivots rows and columns, takes a triangular factor and rotates its columns (one-sided
Jacobi). For D_1 X D_2 with diagonal D and X well-conditioned it finds all singular values to high
relative accuracy, whatever D is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from scipy.linalg import get_lapack_funcs

from ..ground.backend import Real

_GRADED = 3  # of gejsv: for matrices D_1 X D_2
_NONE_IS_NOISE = 0  # of gejsv: no column is too small to count
WITHIN = 1e-4  # of the largest: singular values above have digits enough from any method


class Decomposed(NamedTuple):
    """X = U diag(sigma) V^T, sigma falling."""

    U: Real
    sigma: Real
    V: Real


def graded_svd(X: Real) -> Decomposed:
    """The singular value decomposition of one real graded matrix.

    Args:
        X: (M, N) with M >= N.

    Returns:
        U (M, N), sigma (N,), V (N, N).

    Accuracy:
        That of Demmel et al. for X = D_1 Y D_2: about eps kappa(Y), relative to each sigma.

    Cost:
        O(M N^2).

    Source:
        Drmac & Veselic 2008, SIAM J. Matrix Anal. Appl. 29, 1322-1362; Demmel, Gu, Eisenstat,
        Slapnicar, Veselic & Drmac 1999, Linear Algebra Appl. 299, 21-80.

    Example:
        >>> graded_svd(np.diag([1.0, 1e-200])).sigma
        array([1.e+000, 1.e-200])
    """
    sva, U, V = _jacobi(X, vectors=True)
    return Decomposed(U=U, sigma=sva, V=V)


def symmetric_svds(X: Real) -> Decomposed:
    """The singular value decompositions of real symmetric graded matrices, many at once.

    A matrix whose singular values, those of rank 0 left out, lie within four decades has them from
    its eigenvalues, many matrices in one call; others go through `graded_svd`.

    Args:
        X: (m, N, N), symmetric. Rows and columns of zeros are no states.

    Returns:
        U (m, N, N), sigma (m, N) falling, V (m, N, N).

    Accuracy:
        That of `graded_svd`; 4 N eps / `WITHIN` relative to each sigma at most.

    Cost:
        O(N^3), a few times less than `graded_svd`.

    Example:
        >>> symmetric_svds(np.diag([1.0, -2.0])[None]).sigma
        array([[2., 1.]])
    """
    values, U = np.linalg.eigh((X + np.swapaxes(X, -1, -2)) / 2)
    falling = np.argsort(-np.abs(values), axis=-1)
    values = np.take_along_axis(values, falling, -1)
    U = np.take_along_axis(U, falling[:, None], -1)
    sigma = np.abs(values)
    V = U * np.where(values < 0, -1.0, 1.0)[:, None]
    rank = np.sum(np.any(X != 0, axis=-1), axis=-1)
    last = np.take_along_axis(sigma, np.maximum(rank - 1, 0)[:, None], -1)[:, 0]
    for k in np.flatnonzero(last < WITHIN * sigma[:, 0]):
        U[k], sigma[k], V[k] = graded_svd(X[k])
    return Decomposed(U=U, sigma=sigma, V=V)


def graded_singular_values(X: np.ndarray) -> Real:
    """The singular values of one graded matrix, real or complex.

    Args:
        X: (M, N) with M >= N.

    Returns:
        sigma (N,), falling.

    Accuracy:
        That of `graded_svd`.

    Cost:
        O(M N^2), eight times as much for a complex matrix.

    Example:
        >>> graded_singular_values(np.diag([1.0, 1e-200j]))
        array([1.e+000, 1.e-200])
    """
    if not np.iscomplexobj(X):
        return _jacobi(X, vectors=False)[0]
    real = np.real(X)
    imag = np.imag(X)
    top = np.concatenate([real, -imag], axis=1)
    bottom = np.concatenate([imag, real], axis=1)
    return _jacobi(np.concatenate([top, bottom]), vectors=False)[0][::2]


def squared_up(F: np.ndarray) -> np.ndarray:
    """A square factor of a Gramian from a wide one, L L^* = F F^*, by a QR with pivoting.

    Args:
        F: (N, K) with columns of any size, K >= N.

    Returns:
        L (N, N).

    Example:
        >>> L = squared_up(np.array([[3.0, 4.0]]))
        >>> abs(L)
        array([[5.]])
    """
    falling = np.argsort(-np.linalg.norm(F, axis=0), kind="stable")
    found: Any = scipy.linalg.qr(np.conj(F.T[falling]), mode="r", pivoting=True)
    R, pivots = found
    L = np.empty((len(F), len(F)), F.dtype)
    L[pivots] = np.conj(R[: len(F)].T)
    return L


def _jacobi(X: Real, *, vectors: bool) -> tuple[Real, Real, Real]:
    M, N = X.shape
    if not np.any(X):
        return np.zeros(N), np.eye(M, N), np.eye(N)
    job = 0 if vectors else 3
    gejsv: Any = get_lapack_funcs("gejsv", dtype=np.float64)
    sva, U, V, scales, _, info = gejsv(
        X, joba=_GRADED, jobu=job, jobv=job, jobr=_NONE_IS_NOISE, jobt=0, jobp=0
    )
    if info:
        raise AssertionError(f"gejsv ended with info = {info}")
    return sva * (scales[0] / scales[1]), U[:, :N], V
