"""The singular value decomposition of a bidiagonal matrix, by LAPACK's divide and conquer.

SciPy wraps the routine for full matrices only, which spends most of its time on making them
bidiagonal. `scipy.linalg.cython_lapack` has all of LAPACK, as pointers to functions.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import math
from typing import Any

import numpy as np

from ..ground.backend import Real
from .factorizations import converged

_ARGUMENTS = 14
_CHARACTER_AND_INTEGER = b"void (char *, char *, int *, "  # how the signature begins


def bidiagonal_svd(diagonal: Real, beside: Real) -> tuple[Real, Real, Real]:
    """X, w and Y^T of the upper bidiagonal K = X diag(w) Y^T.

    Args:
        diagonal: (m,).
        beside: the entries right of it, (m - 1,) of a square K, (m,) of one with a column more.

    Returns:
        X (m, m), w (m,) falling, and Y^T (n, n), n = 1 + the number of entries beside.

    Raises:
        ValueError: if LAPACK gives up.

    Accuracy:
        Singular values are off by a small multiple of eps of the largest.

    Cost:
        O(n^2), and up to 8/3 n^3 for the vectors.

    Example:
        >>> bidiagonal_svd(np.array([3.0]), np.array([4.0]))[1]
        array([5.])
    """
    if len(beside) < len(diagonal):
        return _square(diagonal, beside, b"U")
    below, beside, cosines, sines = _squared(diagonal, beside)
    X, w, Zt = _square(below, beside, b"L")
    Yt = np.zeros((len(w) + 1, len(w) + 1), order="F")
    Yt[:-1, :-1] = Zt
    Yt[-1, -1] = 1
    for i in reversed(range(len(w))):
        left = Yt[:, i].copy()
        right = Yt[:, i + 1].copy()
        Yt[:, i] = cosines[i] * left - sines[i] * right
        Yt[:, i + 1] = sines[i] * left + cosines[i] * right
    return X, w, Yt


def _squared(diagonal: Real, beside: Real) -> tuple[Real, Real, Real, Real]:
    """The diagonal and subdiagonal of K G, whose last column is 0, and the rotations of G.

    Rotation i of columns i and i + 1 removes the entry beside the diagonal, and leaves one below.
    """
    m = len(diagonal)
    found = np.zeros((m, 4))
    ahead = diagonal[0] if m else 0.0
    for i in range(m):
        length = math.hypot(ahead, beside[i])
        cosine = ahead / length if length else 1.0
        sine = beside[i] / length if length else 0.0
        after = diagonal[i + 1] if i + 1 < m else 0.0
        found[i] = length, sine * after, cosine, sine
        ahead = cosine * after
    return found[:, 0], found[:-1, 1], found[:, 2], found[:, 3]


def _square(diagonal: Real, beside: Real, side: bytes) -> tuple[Real, Real, Real]:
    """The same of a square matrix whose other entries are above the diagonal, U, or below it, L."""
    bdsdc = _bdsdc()
    n = len(diagonal)
    if bdsdc is None:
        found = np.linalg.svd(np.diag(diagonal) + np.diag(beside, 1 if side == b"U" else -1))
        return found.U, found.S, found.Vh
    order = np.array([n], dtype=np.intc)
    info = np.zeros(1, dtype=np.intc)
    w = np.array(diagonal, dtype=np.float64)
    e = np.array(beside, dtype=np.float64)
    X = np.zeros((n, n), order="F")
    Yt = np.zeros((n, n), order="F")
    work = np.zeros(3 * n * n + 4 * n)
    integers = np.zeros(8 * n, dtype=np.intc)
    unused = np.zeros(1)
    arrays = [order, w, e, X, order, Yt, order, unused, unused, work, integers, info]
    bdsdc(side, b"I", *(array.ctypes.data for array in arrays))
    with converged("A"):
        if info[0]:
            raise np.linalg.LinAlgError(f"bdsdc ends with info {info[0]}")
    return X, w, Yt


@functools.cache
def _bdsdc() -> Any:
    """LAPACK's dbdsdc, None where a build of SciPy has integers of another size."""
    offered = importlib.import_module("scipy.linalg.cython_lapack").__pyx_capi__["dbdsdc"]
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype = ctypes.c_char_p
    name.argtypes = [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype = ctypes.c_void_p
    pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    signature = name(offered)
    if not signature.startswith(_CHARACTER_AND_INTEGER):
        return None
    characters = [ctypes.c_char_p] * 2
    rest = [ctypes.c_void_p] * (_ARGUMENTS - 2)
    return ctypes.CFUNCTYPE(None, *characters, *rest)(pointer(offered, signature))
