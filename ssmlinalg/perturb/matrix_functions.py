"""Functions of a diagonalized matrix: f(M) = V f(Lambda) V^{-1}, on vectors without forming it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ground import gate, require
from ..ground.backend import Array, Complex
from ..ground.formats import EPS
from ..matrices.refined_solves import refined

_CONJUGATE = 8 * EPS  # beside the larger of two values: what rounding leaves between conjugates


def values_at(f: Callable[[Complex], Array], Lambda: Complex) -> Array:
    """The values (..., M) of f at all eigenvalues, once they are known to be finite numbers.

    Args:
        f: a function of an array of complex numbers.
        Lambda: eigenvalues (M,).

    Returns:
        An array whose last axis is that of Lambda.

    Raises:
        TypeError: for what is no function, and values that are no numbers.
        ValueError: for values of another shape, NaN and infinities.

    Example:
        >>> values_at(np.exp, np.zeros(2))
        array([1., 1.])
    """
    require.function("f", f, "It is called with all eigenvalues, as numpy.exp is.")
    with np.errstate(all="ignore"):
        values = gate.on_the_host("f(Lambda)", f(Lambda.copy()))
    got = values.shape
    rule = f"(..., {len(Lambda)}), a value for each eigenvalue"
    require.shape("f(Lambda)", got, rule, got[-1:] == (len(Lambda),))
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        where = Lambda[bad[0][-1]]
        got = f"{values[tuple(bad[0])]} at the eigenvalue {where:.4g}"
        remedy = "Take an f that is defined there, or perturb otherwise."
        raise ValueError(f"`f` must be finite at every eigenvalue; got {got}. {remedy}")
    dtype = np.complex128 if np.iscomplexobj(values) else np.float64
    return values.astype(dtype)


def commutes_with_conjugation(values: Array, Lambda: Complex) -> bool:
    """Whether f(conj z) = conj f(z) at the eigenvalues of a real matrix, up to rounding.

    Args:
        values: f(Lambda), (..., M).
        Lambda: eigenvalues (M,) in canonical order: upper half plane, conjugates, real ones.

    Returns:
        True if f of the matrix is real.

    Example:
        >>> at = np.array([1j, -1j])
        >>> commutes_with_conjugation(np.exp(at), at), commutes_with_conjugation(1j * at + 1j, at)
        (True, False)
    """
    pairs = int(np.count_nonzero(Lambda.imag > 0))
    upper = values[..., :pairs]
    lower = values[..., pairs : 2 * pairs]
    alone = values[..., 2 * pairs :]
    apart = np.abs(upper - lower.conj()) > _CONJUGATE * np.abs(upper)
    imaginary = np.abs(alone.imag) > _CONJUGATE * np.abs(alone)
    return not (np.any(apart) or np.any(imaginary))


def matrix_function(V: Array, V_inv: Array, values: Array) -> Array:
    """V diag(values) V^{-1} for each row of values.

    Args:
        V: eigenvectors (N, N).
        V_inv: their inverse.
        values: f(Lambda), (..., N).

    Returns:
        Complex matrices (..., N, N).

    Cost:
        O(N^3) a row.

    Example:
        >>> matrix_function(np.eye(2), np.eye(2), np.array([1.0, 2.0])).real
        array([[1., 0.],
               [0., 2.]])
    """
    V = np.asarray(V)
    size = 16 * values.size * len(V)
    require.room("f(A + E)", size, host=True)
    return (V * values[..., None, :]) @ np.asarray(V_inv)


def function_times(V: Array, V_inv: Array, values: Array, x: Array) -> Array:
    """V diag(values) V^{-1} x for each row of values.

    Args:
        V: eigenvectors (N, N), an array or on demand.
        V_inv: their inverse.
        values: f(Lambda), (..., N).
        x: vector (N,) or columns (N, k).

    Returns:
        Complex vectors (..., N) or columns (..., N, k).

    Cost:
        O(N^2) a row and column, in one product.

    Example:
        >>> function_times(np.eye(2), np.eye(2), np.array([1.0, 2.0]), np.ones(2)).real
        array([1., 2.])
    """
    order = len(V)
    columns = x.reshape(order, -1)
    require.room("f(A + E) x", 16 * values.size * columns.shape[1], host=True)
    modes = refined(V, V_inv, columns)
    rows = values.reshape(-1, order)
    weighted = rows.T[:, :, None] * modes[:, None, :]
    product = V @ weighted.reshape(order, -1)
    shaped = product.reshape(order, len(rows), columns.shape[1])
    ordered = np.moveaxis(shaped, 0, 1)
    return ordered.reshape(values.shape[:-1] + x.shape)
