r"""The derivative of log kappa(V) with respect to the matrix whose eigenvectors V are.

With unit eigenvectors V of M, an infinitesimal dM turns them by dV = V C,

.. math::  C = \Phi \circ (V^{-1}\, dM\, V) - \mathrm{diag}, \qquad
           \Phi_{jk} = \frac1{\lambda_k - \lambda_j} \ (j \ne k), \quad \Phi_{jj} = 0,

where the diagonal keeps the columns at length one. A function of V alone with dF = Re tr(K^H C) for
a Hermitian K therefore has

.. math::  dF = \mathrm{Re}\,\mathrm{tr}(\nabla^H dM), \qquad
           \nabla = V^{-H} \bigl(\overline\Phi \circ (K - V^H V \mathrm{diag} K)\bigr) V^H.

For log kappa_2(V), with V = U S X^H, it is K = x_1 x_1^H - x_N x_N^H. That is not differentiable
where the largest or smallest singular value is multiple, and minimization leads there; so it begins
with the smooth log kappa_p of the Schatten norms,

.. math::  \kappa_p(V) = \Bigl(\sum_j s_j^{2p}\Bigr)^{1/2p} \Bigl(\sum_j s_j^{-2p}\Bigr)^{1/2p}
           \ge \kappa_2(V),

which has K = X diag(s^{2p}/sum s^{2p} - s^{-2p}/sum s^{-2p}) X^H and falls to kappa_2 as p rises.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS
from ..matrices.factorizations import converged


class Conditioning(NamedTuple):
    """The conditioning of the eigenvectors of a matrix, its abscissa, and the slopes of both.

    Attributes:
        logarithm: log kappa_p(V).
        gradient: its gradient (N, N).
        condition: kappa_2(V).
        abscissa: max Re Lambda.
        abscissa_gradient: its gradient (N, N).
    """

    logarithm: float
    gradient: Array
    condition: float
    abscissa: float
    abscissa_gradient: Array


def conditioning_of(M: Array, p: float = math.inf) -> Conditioning:
    """log kappa_p(V) and the spectral abscissa of a matrix, with their gradients.

    The first is by the formulas at the head of this module, the second by d lambda = w dM v. Where
    eigenvalues meet or V is singular there is no derivative, and kappa(V) is infinite: gaps are
    kept above eps |M| and singular values above eps^2, so all numbers stay finite and make a
    descent turn back.

    Args:
        M: matrix (N, N), real or complex.
        p: exponent of the Schatten norm; inf is the spectral norm.

    Returns:
        Both figures and their gradients, real for a real M.

    Raises:
        ValueError: if LAPACK gives up.

    Cost:
        O(N^3).

    Example:
        >>> round(conditioning_of(np.diag([-1.0, -2.0])).condition, 6)
        1.0
    """
    with converged("A + E"):
        Lambda, V = np.linalg.eig(M)
        V = V / np.linalg.norm(V, axis=0)
        U, s, Xh = np.linalg.svd(V)
    s = np.maximum(s, EPS**2 * s[0])
    X = Xh.conj().T
    logarithm, weight = _schatten(s, p)
    K = (X * weight) @ Xh
    gram = (X * s**2) @ Xh
    V_inv = (X / s) @ U.conj().T
    turned = K - gram * np.real(np.diag(K))
    inner = _reciprocal_gaps(Lambda).conj() * turned
    gradient = V_inv.conj().T @ inner @ V.conj().T
    rightmost = int(np.argmax(np.real(Lambda)))
    w = V_inv[rightmost].conj()
    abscissa_gradient = np.outer(w, V[:, rightmost].conj())
    if not np.iscomplexobj(M):
        gradient = np.real(gradient)
        abscissa_gradient = np.real(abscissa_gradient)
    return Conditioning(
        logarithm=logarithm,
        gradient=gradient,
        condition=float(s[0] / s[-1]),
        abscissa=float(np.real(Lambda[rightmost])),
        abscissa_gradient=abscissa_gradient,
    )


def _schatten(s: Real, p: float) -> tuple[float, Real]:
    """log kappa_p of falling singular values s (N,), and the weights (N,) of K = X diag() X^H."""
    level = np.log(s)
    logarithm = float(level[0] - level[-1])
    if math.isinf(p):
        weight = np.zeros_like(s)
        weight[0] += 1
        weight[-1] -= 1
        return logarithm, weight
    large = np.exp(2 * p * (level - level[0]))
    small = np.exp(2 * p * (level[-1] - level))
    sums = math.log(large.sum()) + math.log(small.sum())
    logarithm += sums / (2 * p)
    return logarithm, large / large.sum() - small / small.sum()


def _reciprocal_gaps(Lambda: Complex) -> Complex:
    """Phi_jk = 1/(lambda_k - lambda_j) (N, N), bounded where eigenvalues meet."""
    gap = Lambda - Lambda[:, None]
    largest = float(np.abs(Lambda).max())
    size = np.maximum(np.abs(gap), EPS * max(largest, EPS))
    return gap.conj() / size**2
