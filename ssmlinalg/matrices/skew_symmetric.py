r"""Eigenvectors of real skew-symmetric matrices in real arithmetic.

A skew matrix that couples even rows with odd ones only is [[0, -K^T], [K, 0]]; with K = X diag(w)
Y^T its eigenvectors for i w are (y, -i x)/sqrt(2). A Hessenberg reduction S = Q T Q^T makes any
skew matrix tridiagonal, which is of that kind, K bidiagonal; Q is never formed, only applied.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import get_lapack_funcs

from ..ground.backend import Complex, Real
from ..ground.blas_threads import one_blas_thread
from ..ground.formats import EPS
from .bidiagonal_svd import bidiagonal_svd

_CACHED = 1024  # to this order half of a reduction, products of matrix and vector, is in the cache


class SkewModes(NamedTuple):
    """Eigenvalues and eigenvectors of a real skew-symmetric matrix, each pair once.

    Attributes:
        w: the frequencies, positive and rising, (n,): eigenvalues are i w and -i w.
        pairs: unit eigenvectors of i w, the columns, (N, n); their conjugates belong to -i w.
        kernel: real orthonormal vectors of the kernel, (N, N - 2 n).
    """

    w: Real
    pairs: Complex
    kernel: Real


def skew_modes(S: Real) -> SkewModes:
    r"""The frequencies of a real skew-symmetric S with their eigenvectors, and its kernel.

    Args:
        S: a matrix with S^T = -S, (N, N).

    Returns:
        A `SkewModes`.

    Accuracy:
        Residual and orthogonality are a small multiple of eps. Eigenvalues are exactly imaginary,
        in exact pairs, and one of odd N is exactly 0; up to N eps |S| they count as 0.

    Cost:
        6 N^3 real operations, 1.5 N^3 where even and odd rows alternate; a complex Hermitian solver
        takes 15 N^3.

    Source:
        Ward & Gray 1978 (ACM Trans. Math. Softw. 4), algorithm 530.

    Example:
        >>> skew_modes(np.array([[0.0, -2.0], [2.0, 0.0]])).w
        array([2.])
    """
    even_rows = S[::2, ::2]
    odd_rows = S[1::2, 1::2]
    reflectors = None
    if not (even_rows.any() or odd_rows.any()):
        X, w, Yt = _singular(S[1::2, ::2])
    else:
        t, reflectors = _tridiagonal(S)
        X, w, Yt = bidiagonal_svd(t[::2], -t[1::2])
    width = len(Yt)
    vectors = np.zeros(S.shape, order="F")
    vectors[::2, :width] = Yt.T
    vectors[1::2, width:] = X
    if reflectors:
        vectors = _turned(reflectors, vectors)
    rounding = len(S) * EPS * np.max(w, initial=0.0)
    rank = int(np.count_nonzero(w > rounding))
    even = vectors[:, :width]
    odd = vectors[:, width:]
    pairs = np.empty((len(S), rank), dtype=complex)
    pairs.real = even[:, :rank][:, ::-1] / math.sqrt(2)
    pairs.imag = -odd[:, :rank][:, ::-1] / math.sqrt(2)
    kernel = np.concatenate([even[:, rank:], odd[:, rank:]], axis=-1)
    return SkewModes(w[:rank][::-1], pairs, kernel)


def _tridiagonal(S: Real) -> tuple[Real, tuple[Real, Real]]:
    """The subdiagonal (N - 1,) of T = Q^T S Q, T skew, and the reflectors whose product is Q."""
    gehrd: Any
    gehrd_lwork: Any
    gehrd, gehrd_lwork = get_lapack_funcs(("gehrd", "gehrd_lwork"), dtype=np.float64)
    room = int(gehrd_lwork(len(S))[0])
    with one_blas_thread() if len(S) <= _CACHED else contextlib.nullcontext():
        reduced, scales, _ = gehrd(S, lwork=room)
    return np.diag(reduced, -1).copy(), (np.asfortranarray(reduced[1:, :-1]), scales)


def _turned(reflectors: tuple[Real, Real], vectors: Real) -> Real:
    """Q times vectors."""
    ormqr: Any = get_lapack_funcs("ormqr", dtype=np.float64)
    below = np.asfortranarray(vectors[1:])
    room = int(ormqr("L", "N", *reflectors, below, -1)[1][0])
    vectors[1:] = ormqr("L", "N", *reflectors, below, room, overwrite_c=True)[0]
    return vectors


def _singular(K: Real) -> tuple[Real, Real, Real]:
    """The singular value decomposition X, w, Y^T, read off where K has one entry a row and column.

    That is so for the Fourier measures.
    """
    row, column = np.nonzero(K)
    rows = len(np.unique(row))
    columns = len(np.unique(column))
    if rows < len(row) or columns < len(column):
        X, w, Yt = np.linalg.svd(K)
        return X, w, Yt
    entries = np.abs(K[row, column])
    falling = np.argsort(-entries, kind="stable")
    row = row[falling]
    column = column[falling]
    w = np.zeros(min(K.shape))
    w[: len(row)] = np.abs(K[row, column])
    X = np.eye(len(K))[:, _completed(row, len(K))]
    X[:, : len(row)] *= np.sign(K[row, column])
    width = K.shape[1]
    Yt = np.eye(width)[_completed(column, width)]
    return X, w, Yt


def _completed(chosen: np.ndarray, count: int) -> np.ndarray:
    """The permutation of 0 .. count - 1 that begins with the chosen ones."""
    others = np.setdiff1d(np.arange(count), chosen)
    return np.concatenate([chosen, others])
