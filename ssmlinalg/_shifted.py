"""Shifted linear systems with one matrix, (s I - A) x = b, for many s: triangular form once, then all s at once."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ._array import Complex

_ROWS = 32  # solved one after the other; what they do to the rows above is a matrix product


def triangular(A: np.ndarray) -> tuple[Complex, Complex]:
    """T, Q with A = Q T Q^*, Q unitary, T upper triangular (N, N): exactly where A is triangular, else its Schur form."""
    N = len(A)
    if not np.any(np.tril(A, -1)):
        return A + 0j, np.eye(N) + 0j
    if not np.any(np.triu(A, 1)):  # upside down a lower triangle is an upper one
        return A[::-1, ::-1] + 0j, np.eye(N)[::-1] + 0j
    T, Q = scipy.linalg.schur(A, output="complex" if np.iscomplexobj(A) else "real")[:2]
    return (T, Q) if np.iscomplexobj(A) else scipy.linalg.rsf2csf(T, Q)


def solve(T: Complex, B: np.ndarray, s: np.ndarray) -> Complex:
    """(s I - T)^{-1} B for upper triangular T (N, N), s (S,) and B (N, ..., S), by back substitution: (N, ..., S)."""
    X = B.astype(np.complex128)
    for stop in range(len(T), 0, -_ROWS):
        start = max(0, stop - _ROWS)
        for k in reversed(range(start, stop)):
            X[k] = (X[k] + np.tensordot(T[k, k + 1 : stop], X[k + 1 : stop], axes=1)) / (s - T[k, k])
        X[:start] += np.tensordot(T[:start, start:stop], X[start:stop], axes=1)
    return X


def solve_adjoint(T: Complex, B: np.ndarray, s: np.ndarray) -> Complex:
    """(s I - T)^{-*} B, shapes as in `solve`: upside down the adjoint is upper triangular again."""
    return solve(T.conj().T[::-1, ::-1], B[::-1], s.conj())[::-1]
