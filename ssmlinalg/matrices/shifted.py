"""Shifted linear systems (s I - A) x = b, one matrix and many s: triangular form once, then all s.

=================  ======================================================
function           does
=================  ======================================================
`triangular`       brings A to upper triangular form by a unitary basis
`solve`            (s I - T)^{-1} B
`solve_adjoint`    (s I - T)^{-*} B
`substitute`       `solve` in place, on operands made ready once
=================  ======================================================

The functions take what was checked: matrices of `ground.gate`, vectors that fit them.
"""

from __future__ import annotations

import numpy as np

from ..ground.backend import Complex
from .factorizations import schur

_ROWS = 32  # solved one after the other; their effect on the rows above is a matrix product


def triangular(A: np.ndarray) -> tuple[Complex, Complex]:
    """A = Q T Q^*, Q unitary, T upper triangular: exactly where A is triangular, else by Schur.

    Args:
        A: a square matrix, (N, N).

    Returns:
        T and Q, both (N, N).

    Raises:
        ValueError: what `factorizations.schur` raises.

    Accuracy:
        Exact for a triangular A. The Schur form is that of a matrix within a few N eps |A| of A.

    Cost:
        O(N^3) for the Schur form.

    Example:
        >>> triangular(np.array([[1.0, 0.0], [5.0, 2.0]]))[0].real  # upside down
        array([[2., 5.],
               [0., 1.]])
    """
    N = len(A)
    if not np.any(np.tril(A, -1)):
        return A + 0j, np.eye(N) + 0j
    if not np.any(np.triu(A, 1)):  # upside down a lower triangle is an upper one
        turn = np.eye(N)[::-1] + 0j
        return A[::-1, ::-1] + 0j, turn
    return schur(A)


def solve(
    T: Complex,
    B: np.ndarray,
    s: np.ndarray,
) -> Complex:
    """(s I - T)^{-1} B for many s, by back substitution.

    Args:
        T: an upper triangular matrix, (N, N).
        B: right sides, one for each s, (N, ..., S).
        s: shifts, none of them on the diagonal of T, (S,).

    Returns:
        An array (N, ..., S).

    Cost:
        N^2 operations for each column of B, almost all in matrix products.

    Example:
        >>> solve(np.array([[1.0, 5.0], [0.0, 2.0]]) + 0j, np.ones((2, 1)), np.array([3.0])).real
        array([[3.],
               [1.]])
    """
    X = np.array(B, np.complex128, order="C")
    inverse = 1 / (s - np.diag(T)[:, None])
    substitute(plain(T), X, inverse)
    return X


def solve_adjoint(
    T: Complex,
    B: np.ndarray,
    s: np.ndarray,
) -> Complex:
    """(s I - T)^{-*} B for many s: upside down the adjoint is upper triangular again.

    Args:
        T: an upper triangular matrix, (N, N).
        B: right sides, one for each s, (N, ..., S).
        s: shifts, none of them on the diagonal of T, (S,).

    Returns:
        An array (N, ..., S).

    Cost:
        That of `solve`.

    Example:
        >>> solve_adjoint(np.array([[1.0, 5.0], [0.0, 2.0]]) + 0j, np.ones((2, 1)), np.array([3.0]))
        array([[0.5+0.j],
               [3.5+0.j]])
    """
    adjoint = T.conj().T[::-1, ::-1]
    return solve(adjoint, B[::-1], s.conj())[::-1]


def plain(T: np.ndarray) -> np.ndarray:
    """T with its rows in order, and real where it is: real products are half the work."""
    entries = T if np.any(np.imag(T)) else np.real(T)
    return np.ascontiguousarray(entries)


def substitute(
    T: np.ndarray,
    X: Complex,
    inverse: Complex,
) -> None:
    """Overwrite X with (s I - T)^{-1} X for many s.

    The lower half first, then its effect on the upper half, a matrix product, then the upper half:
    almost all of the work is in products, whatever N is.

    Args:
        T: an upper triangular matrix as `plain` has it, (N, N).
        X: right sides, then solutions, (N, ..., S).
        inverse: 1/(s - T_kk) for all s, (N, S).

    Example:
        >>> X = np.ones((1, 1), np.complex128)
        >>> substitute(np.array([[1.0]]), X, 1 / np.array([[3.0 + 0j]]))
        >>> X
        array([[0.33333333+0.j]])
    """
    N = len(T)
    # For real T the real and imaginary parts are columns of their own.
    columns = X.reshape(N, -1).view(T.dtype)
    if N <= _ROWS:
        for k in reversed(range(N)):
            columns[k] += T[k, k + 1 :] @ columns[k + 1 :]
            X[k] *= inverse[k]
        return
    half = N // 2
    substitute(T[half:, half:], X[half:], inverse[half:])
    columns[:half] += T[:half, half:] @ columns[half:]
    substitute(T[:half, :half], X[:half], inverse[:half])
