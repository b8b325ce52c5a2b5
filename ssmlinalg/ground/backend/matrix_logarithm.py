"""The principal logarithm of a matrix, on the host."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.linalg

from .device_transfer import move, to_numpy
from .libraries import Array, Complex, device, kind
from .number_types import precision


def logm(A: Array) -> Array:
    """The principal logarithm: the Z with e^Z = A and |Im z| <= pi for each eigenvalue z of Z.

    Args:
        A: matrices (..., N, N), finite.

    Returns:
        Z (..., N, N), real where A is, in the library, on the device and in the precision of A.
        Found on the host in double precision, without a derivative.

    Raises:
        TypeError: while JAX traces a function, for there are no values yet.
        ValueError: for A singular to rounding, real A with an eigenvalue below 0, and where a
            change of its entries by eps max |A|, up or down at random, moves Z by more than
            eps^{1/4} (1 + |Z|).

    Accuracy:
        eps |A| times the condition of the logarithm at A, which grows as |Im z| nears pi.

    Cost:
        Two logarithms, O(N^3).

    Source:
        Al-Mohy & Higham 2012, SIAM J. Sci. Comput. 34(4) (SciPy's logm).

    Example:
        >>> logm(np.array([[1.0, 3.0], [0.0, 1.0]]))
        array([[0., 3.],
               [0., 0.]])
    """
    host = to_numpy(A)
    eps = float(np.finfo(host.dtype).eps)
    Z = np.empty(host.shape, np.result_type(host.dtype, np.float64))
    for place in np.ndindex(host.shape[:-2]):
        Z[place] = _of_one(host[place].astype(Z.dtype), eps)
    return move(Z, kind(A), precision(A), device(A))


def refuse_singular(A: Complex, eps: float) -> None:
    """Refuse a matrix that an error of N eps |A| makes singular.

    Args:
        A: matrices (..., N, N) on the host.
        eps: of the precision that they are known in.

    Raises:
        ValueError: for such a matrix.

    Example:
        >>> refuse_singular(np.eye(2), 2.0**-52)
    """
    sizes = np.linalg.svd(A, compute_uv=False)
    if np.any(sizes[..., -1] <= A.shape[-1] * eps * sizes[..., 0]):
        raise ValueError(
            "every eigenvalue of A must be the sample of one by the rule; got a matrix with one "
            "at the limit of the rule, to rounding. Choose another rule, or make the step longer "
            "or shorter."
        )


def _of_one(A: Complex, eps: float) -> Complex:
    """The logarithm of one matrix in double precision, refused where rounding of A moves it far."""
    refuse_singular(A, eps)
    _refuse_negative(A)
    rounded = A + eps * np.abs(A).max() * np.random.default_rng(0).choice([-1, 1], A.shape)
    Z: Any
    moved: Any
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            Z, moved = (scipy.linalg.logm(given) for given in (A, rounded))
    except ValueError:  # from SciPy, which looks at the exponential, too: it may overflow
        Z = moved = np.full_like(A, np.inf)
    if not np.iscomplexobj(A):
        Z, moved = np.real(Z), np.real(moved)
    if not np.linalg.norm(moved - Z) <= eps**0.25 * (1 + np.linalg.norm(Z)):
        raise ValueError(
            "a quarter of the digits of the logarithm of A must survive the rounding of A; got "
            "fewer. Choose another rule, or sample with a shorter step."
        )
    return Z


def _refuse_negative(A: Complex) -> None:
    if np.iscomplexobj(A):
        return
    eigenvalues = np.linalg.eigvals(A)
    negative = eigenvalues[(eigenvalues.imag == 0) & (eigenvalues.real < 0)]
    if negative.size:
        raise ValueError(
            "a real A must have no eigenvalue below 0 to have a real logarithm; got "
            f"{negative[0].real:g}. Choose another rule, or give A as a complex array."
        )
