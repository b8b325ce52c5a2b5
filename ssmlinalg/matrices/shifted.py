"""Shifted linear systems with one matrix, (s I - A) x = b, for many s: triangular form once, then
all s at once.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..ground.backend import Complex

_ROWS = 32  # solved one after the other; what they do to the rows above is a matrix product


def triangular(A: np.ndarray) -> tuple[Complex, Complex]:
    """T, Q with A = Q T Q^*, Q unitary, T upper triangular (N, N): exactly where A is triangular,
    else its Schur form.
    """
    N = len(A)
    if not np.any(np.tril(A, -1)):
        return A + 0j, np.eye(N) + 0j
    if not np.any(np.triu(A, 1)):  # upside down a lower triangle is an upper one
        return A[::-1, ::-1] + 0j, np.eye(N)[::-1] + 0j
    T, Q = scipy.linalg.schur(A, output="complex" if np.iscomplexobj(A) else "real")[:2]
    return (T, Q) if np.iscomplexobj(A) else scipy.linalg.rsf2csf(T, Q)


def solve(T: Complex, B: np.ndarray, s: np.ndarray) -> Complex:
    """(s I - T)^{-1} B for upper triangular T (N, N), s (S,) and B (N, ..., S), by back
    substitution: (N, ..., S).
    """
    X = np.array(B, np.complex128, order="C")
    substitute(plain(T), X, 1 / (s - np.diag(T)[:, None]))
    return X


def solve_adjoint(T: Complex, B: np.ndarray, s: np.ndarray) -> Complex:
    """(s I - T)^{-*} B, shapes as in `solve`: upside down the adjoint is upper triangular again."""
    return solve(T.conj().T[::-1, ::-1], B[::-1], s.conj())[::-1]


def plain(T: np.ndarray) -> np.ndarray:
    """T with its rows in order, and real where it is: a real matrix product is half the work of a
    complex one.
    """
    return np.ascontiguousarray(T if np.any(np.imag(T)) else np.real(T))


def substitute(T: np.ndarray, X: Complex, inverse: Complex) -> None:
    """Overwrite X (N, ..., S) with (s I - T)^{-1} X, given T as `plain` has it and 1/(s - T_kk) for
    all s, (N, S).

    The lower half first, then what it does to the upper half, a matrix product, then the upper
    half: almost all of the work is in products, whatever N is.
    """
    N = len(T)
    columns = X.reshape(N, -1).view(
        T.dtype
    )  # for real T the real and imaginary parts are columns of their own
    if N <= _ROWS:
        for k in reversed(range(N)):
            columns[k] += T[k, k + 1 :] @ columns[k + 1 :]
            X[k] *= inverse[k]
        return
    half = N // 2
    substitute(T[half:, half:], X[half:], inverse[half:])
    columns[:half] += T[:half, half:] @ columns[half:]
    substitute(T[:half, :half], X[:half], inverse[:half])
