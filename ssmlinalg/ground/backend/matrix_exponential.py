"""The matrix exponential in any array library."""

from __future__ import annotations

from .libraries import Array, kind
from .pade_approximant import exponential


def expm(Z: Array) -> Array:
    r"""The matrix exponential by scaling, a Pade approximant of degree 13, and squaring.

    .. math::  e^Z \approx \left[ (V - U)^{-1} (V + U) \right]^{2^s} \quad \text{at} \quad 2^{-s} Z

    U and V are the odd and the even terms of the numerator. The standard has no such function.
    PyTorch's is up to 1e5 eps away for small matrices, CuPy's refuses complex ones, SciPy's can
    make NaN of a stiff triangular one, JAX's does of every one that takes more than 16 squarings.

    Args:
        Z: matrices (..., N, N).

    Returns:
        e^Z (..., N, N), in the library, on the device and in the precision of Z. Differentiable in
        JAX in both modes, in PyTorch in reverse mode, to any order; jit, vmap and torch.compile
        take it whole.

    Accuracy:
        That of e^{Z + E} with |E| about eps |Z| before the s squarings, which double an error.
        s follows the powers of Z, so a large norm of a matrix whose powers are small costs none.

    Cost:
        11 + s products of matrices and one solve each; s is the least with 2^{-s} eta < 4.25, eta
        an average of |Z^k|^{1/k} for k = 6, 8, 10. A derivative is an exponential of order 2 N.

    Source:
        Al-Mohy & Higham 2009, SIAM J. Matrix Anal. Appl. 31(3), Algorithm 5.1, without the lower
        degrees; Mathias 1996, SIAM J. Matrix Anal. Appl. 17(3), Theorem 2.1 (derivatives).

    Example:
        >>> import numpy as np
        >>> expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
        array([[1., 1.],
               [0., 1.]])
    """
    if kind(Z) == "jax":
        from .jax_matrices import expm

        return expm(Z)
    if kind(Z) == "torch":
        from .torch_matrices import expm

        return expm(Z)
    return exponential(Z)
