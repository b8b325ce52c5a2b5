r"""Factorizations by LAPACK, looked at before they are used: residual and orthogonality.

==================  ================================================  =========================
function            gives                                             accepts
==================  ================================================  =========================
`schur`             A = Q T Q^*                                       |A Q - Q T|, |Q^* Q - I|
`eigenpairs`        A V = V Lambda                                    |A v - lambda v|, |v| = 1
`both_eigenpairs`   the same with left eigenvectors                   the same of both
`hermitian_values`  eigenvalues of a Hermitian matrix                 trace and Frobenius norm
`singular_values`   singular values of many matrices                  Frobenius norm
`converged`         the sentence for an iteration that gives up
`refuse_beyond`     that for a defect beyond `rounding`
==================  ================================================  =========================

Matrices are scaled by powers of two before they go to LAPACK: the geev of some builds returns
eigenvalues that are wrong by 10^20 where it has to scale itself, below 10^-146 and above 10^146. A
matrix that fails is refused with a ValueError. The checks cost O(N^2) where the factorization costs
O(N^3), but for the products A V.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.linalg

from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from .scaling import in_units, times_power

_VECTORS = 8  # at random, that a factorization is tried on
_ROUNDING = 32  # times sqrt(N) eps; at most 8 was measured, at orders 1 to 400
_REMEDY = "Scale or balance it, or move it a little."


@contextmanager
def converged(name: str) -> Iterator[None]:
    """Say in a sentence that an iteration of LAPACK did not converge.

    Args:
        name: the matrix, as the sentence calls it.

    Raises:
        ValueError: in place of a LinAlgError.

    Example:
        >>> with converged("A"):
        ...     np.linalg.eigvals(np.eye(2))
        array([1., 1.])
    """
    try:
        yield
    except np.linalg.LinAlgError as error:
        rule = f"`{name}` must be one that LAPACK can factor"
        raise ValueError(f"{rule}; got '{error}'. {_REMEDY}") from None


def schur(A: np.ndarray, name: str = "A") -> tuple[Complex, Complex]:
    """A = Q T Q^*, Q unitary, T upper triangular.

    Args:
        A: a square matrix, (N, N).
        name: what errors call it.

    Returns:
        T and Q, both (N, N).

    Raises:
        ValueError: if LAPACK gives up, or if A Q - Q T or Q^* Q - I exceeds rounding.

    Accuracy:
        32 sqrt(N) eps |A|_F, as eight random vectors see it.

    Cost:
        O(N^3).

    Example:
        >>> T, Q = schur(np.array([[0.0, 1.0], [-1.0, 0.0]]))
        >>> np.diag(T)
        array([0.+1.j, 0.-1.j])
    """
    scaled, exponent = in_units(A)
    output = "complex" if np.iscomplexobj(A) else "real"
    with converged(name):
        found: Any = scipy.linalg.schur(scaled, output=output)
    T, Q = found if np.iscomplexobj(A) else scipy.linalg.rsf2csf(*found)
    G = _drawn(len(A))
    length = np.linalg.norm(G, axis=0)
    allowed = rounding(len(A))
    turned = Q.conj().T @ G
    rest = np.linalg.norm(scaled @ G - Q @ (T @ turned), axis=0) / length
    refuse_beyond(name, "A - Q T Q^*", rest, allowed * float(np.linalg.norm(scaled)))
    refuse_beyond(name, "Q Q^* - I", np.linalg.norm(Q @ turned - G, axis=0) / length, allowed)
    return times_power(T, exponent), Q


def eigenpairs(A: np.ndarray, name: str = "A") -> tuple[Complex, Complex]:
    """Eigenvalues (N,) and unit eigenvectors (N, N), in the order of LAPACK.

    Args:
        A: a square matrix, (N, N).
        name: what errors call it.

    Returns:
        Lambda and V, both complex.

    Raises:
        ValueError: if LAPACK gives up, or a pair has a residual beyond rounding.

    Accuracy:
        A pair is that of a matrix within 32 sqrt(N) eps |A|_F of A; or D B D^{-1} is, with B so
        near to D^{-1} A D, where D is LAPACK's balance.

    Cost:
        O(N^3).

    Example:
        >>> eigenpairs(np.diag([2.0, 1.0]))[0]
        array([2.+0.j, 1.+0.j])
    """
    scaled, exponent = in_units(A)
    with converged(name):
        found: Any = np.linalg.eig(scaled)
    Lambda = np.asarray(found[0], dtype=np.complex128)
    V = _unit(np.asarray(found[1], dtype=np.complex128))
    _check_pairs(scaled, Lambda, V, name)
    return times_power(Lambda, exponent), V


def both_eigenpairs(A: np.ndarray, name: str = "A") -> tuple[Complex, Complex, Complex]:
    """Eigenvalues (N,), unit right and unit left eigenvectors (N, N).

    Args:
        A: a square matrix, (N, N).
        name: what errors call it.

    Returns:
        Lambda, V with A V = V Lambda, and W with W^* A = Lambda W^*.

    Raises:
        ValueError: what `eigenpairs` raises, of either side.

    Cost:
        O(N^3).

    Example:
        >>> Lambda, V, W = both_eigenpairs(np.array([[0.0, 3.0], [0.0, 4.0]]))
        >>> np.abs(np.sum(W.conj() * V, axis=0))
        array([0.8, 0.8])
    """
    scaled, exponent = in_units(A)
    with converged(name):
        found: Any = scipy.linalg.eig(scaled, left=True, right=True)
    Lambda = np.asarray(found[0], dtype=np.complex128)
    W = _unit(np.asarray(found[1], dtype=np.complex128))
    V = _unit(np.asarray(found[2], dtype=np.complex128))
    _check_pairs(scaled, Lambda, V, name)
    _check_pairs(scaled.conj().T, Lambda.conj(), W, name)
    return times_power(Lambda, exponent), V, W


def hermitian_values(H: np.ndarray, name: str = "A") -> Real:
    """The eigenvalues of a Hermitian matrix, rising, (N,).

    Args:
        H: a Hermitian matrix, (N, N).
        name: what errors call the matrix it was made from.

    Returns:
        An array (N,).

    Raises:
        ValueError: if LAPACK gives up, or sum or sum of squares are not those of H.

    Cost:
        O(N^3).

    Example:
        >>> hermitian_values(np.array([[0.0, 1.0], [1.0, 0.0]]))
        array([-1.,  1.])
    """
    scaled, exponent = in_units(H)
    with converged(name):
        values = np.linalg.eigvalsh(scaled)
    size = float(np.linalg.norm(scaled))
    allowed = math.sqrt(len(H)) * rounding(len(H)) * size
    of_sum = abs(values.sum() - np.trace(scaled).real)
    of_squares = abs(math.hypot(*values) - size)
    refuse_beyond(
        name, "the sums of eigenvalues - trace and norm", np.array([of_sum, of_squares]), allowed
    )
    return times_power(values, exponent)


def singular_values(M: np.ndarray, name: str = "A") -> Real:
    """The singular values of matrices, falling, (..., N).

    Args:
        M: matrices (..., N, N).
        name: what errors call the matrix they were made from.

    Returns:
        An array (..., N).

    Raises:
        ValueError: if LAPACK gives up, or the sum of squares is not that of the entries.

    Cost:
        O(N^3) a matrix.

    Example:
        >>> singular_values(np.diag([1.0, 3.0]))
        array([3., 1.])
    """
    scaled, exponent = in_units(M)
    with converged(name):
        values = np.linalg.svd(scaled, compute_uv=False)
    size = np.linalg.norm(scaled, axis=(-2, -1))
    rest = np.abs(np.linalg.norm(values, axis=-1) - size)
    refuse_beyond(name, "|sigma| - |A|_F", rest, rounding(values.shape[-1]) * size)
    return times_power(values, exponent)


def _check_pairs(A: np.ndarray, Lambda: Complex, V: Complex, name: str) -> None:
    """Refuse a pair with a large residual, both in these coordinates and in balanced ones."""
    allowed = rounding(len(A))
    rest = np.linalg.norm(_times(A, V) - V * Lambda, axis=0) - allowed * float(np.linalg.norm(A))
    wanting = ~(rest <= 0)
    if not np.any(wanting):
        return
    with np.errstate(invalid="ignore"):  # it takes large scales for indices, and does not use them
        found: Any = scipy.linalg.matrix_balance(A)
    power = np.frexp(found[1].sum(axis=1))[1]
    B = times_power(A, power - power[:, None])
    U = times_power(V[:, wanting], -power[:, None])
    U = _unit(U / np.max(np.abs(U), axis=0))
    rest = np.linalg.norm(B @ U - U * Lambda[wanting], axis=0)
    refuse_beyond(name, "A v - lambda v", rest, allowed * float(np.linalg.norm(B)))


def refuse_beyond(name: str, what: str, rest: Real, allowed: Any) -> None:
    """Refuse a factorization whose defects exceed their rounding, or are NaN.

    Args:
        name: the matrix, as the sentence calls it.
        what: the defect.
        rest: defects, of any shape.
        allowed: what rounding explains, a number or an array of that shape.

    Raises:
        ValueError: if one is larger.

    Example:
        >>> refuse_beyond("A", "A v - lambda v", np.array([1e-16]), 1e-15)
    """
    if not np.all(rest <= allowed):
        rule = f"`{name}` must have a factorization that double precision finds"
        worst = np.max(rest / np.maximum(allowed, np.finfo(float).tiny))
        got = f"{what} {worst:.2g} times its rounding"
        raise ValueError(f"{rule}; got {got}. {_REMEDY}")


def rounding(order: int) -> float:
    """The defect that rounding explains, over |A|_F.

    Args:
        order: that of A.

    Returns:
        32 sqrt(N) eps.

    Example:
        >>> rounding(4) == 64 * 2.0**-52
        True
    """
    return _ROUNDING * math.sqrt(order) * EPS


def _times(A: np.ndarray, V: Complex) -> Complex:
    """A V, of a real A by real products."""
    columns = np.ascontiguousarray(V)
    return (A @ columns.view(A.dtype)).view(np.complex128)


def _unit(V: Complex) -> Complex:
    with np.errstate(all="ignore"):
        return V / np.linalg.norm(V, axis=0)


def _drawn(order: int) -> Real:
    return np.random.default_rng(0).standard_normal((order, _VECTORS))
