"""The demonstrations of EigTool by their formulas, and flows of fluid mechanics.

Source: Wright & Embree, EigTool 2.4 (github.com/eigtool/eigtool); Trefethen & Embree 2005, Spectra
and Pseudospectra, and the papers named. Written from the formulas; random entries are NumPy's, so
those matrices are others of the same kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gallery
import numpy as np
import scipy.linalg
from numpy.polynomial import legendre


def chebyshev(order: int) -> tuple[np.ndarray, np.ndarray]:
    """The differentiation matrix on the Chebyshev points 1 .. -1, (N + 1, N + 1), and the points.

    Source: Trefethen 2000, Spectral Methods in MATLAB, chapter 6.
    """
    x = np.cos(np.pi * np.arange(order + 1) / order)
    ends = np.ones(order + 1)
    ends[[0, -1]] = 2
    c = ends * (-1.0) ** np.arange(order + 1)
    gap = np.subtract.outer(x, x) + np.eye(order + 1)
    D = np.outer(c, 1 / c) / gap
    return D - np.diag(D.sum(axis=1)), x


def inner(D: np.ndarray) -> np.ndarray:
    """Without the end points, where functions vanish."""
    return D[1:-1, 1:-1]


def airy(order: int) -> np.ndarray:
    """epsilon u'' + i x u on [-1, 1], the model of Orr-Sommerfeld.

    Source: Reddy, Schmid & Henningson 1993 (SIAM J. Appl. Math. 53).
    """
    D, x = chebyshev(order + 1)
    return 3e-4 * inner(D @ D) + 1j * np.diag(x[1:-1])


def basor(order: int) -> np.ndarray:
    """Toeplitz with a piecewise continuous symbol: i/(k - 1) beside the diagonals, pi below."""
    row = -1j / np.arange(1, order + 1)
    column = np.concatenate([[-1j, np.pi], 1j / np.arange(1, order - 1)])
    return scipy.linalg.toeplitz(column, row)


def differentiation(order: int) -> np.ndarray:
    """d/dx on [-1, 1] with u(1) = 0: nilpotent but for the condition."""
    return chebyshev(order)[0][1:, 1:]


def exponential_companion(order: int) -> np.ndarray:
    """The companion matrix of the power series of exp, truncated."""
    coefficients = [1 / math.factorial(k) for k in range(order, -1, -1)]
    return scipy.linalg.companion(coefficients)


def convection_diffusion(order: int) -> np.ndarray:
    """u''/30 + u' on [-1, 1] with zeros at both ends, by Chebyshev collocation.

    Source: Reddy & Trefethen 1994 (SIAM J. Appl. Math. 54).
    """
    D, _ = chebyshev(order + 1)
    return inner(D @ D / 30 + D)


def davies(order: int) -> np.ndarray:
    """-u'' + i x^2 u on [-9, 9], the harmonic oscillator turned: eigenvalues sqrt(i) (2 k + 1).

    Source: Davies 1999 (Proc. Roy. Soc. A 455).
    """
    D, x = chebyshev(order + 1)
    return -inner(D @ D) / 81 + 1j * np.diag((9 * x[1:-1]) ** 2)


def demmel(order: int) -> np.ndarray:
    """-1 on the diagonal, powers of 10^{4/(N-1)} above: far from where its spectrum is.

    Source: Demmel 1987 (IEEE Trans. Automat. Control 32).
    """
    powers = 10.0 ** (4 * np.arange(order) / (order - 1))
    return -scipy.linalg.toeplitz(np.eye(order)[0], powers)


def gallery3() -> np.ndarray:
    """Eigenvalues 1, 2, 3."""
    return np.array([[-149, -50, -154], [537, 180, 546], [-27, -9, -25]])


def gallery5() -> np.ndarray:
    """Nilpotent: its fifth power is 0."""
    return np.array(
        [
            [-9, 11, -21, 63, -252],
            [70, -69, 141, -421, 1684],
            [-575, 575, -1149, 3451, -13801],
            [3891, -3891, 7782, -23345, 93365],
            [1024, -1024, 2048, -6144, 24572],
        ]
    )


def godunov() -> np.ndarray:
    """Eigenvalues -4, -2, -1, 0, 1, 2, 4.

    Source: Godunov 1998, Modern Aspects of Linear Algebra.
    """
    return np.array(
        [
            [289, 2064, 336, 128, 80, 32, 16],
            [1152, 30, 1312, 512, 288, 128, 32],
            [-29, -2000, 756, 384, 1008, 224, 48],
            [512, 128, 640, 0, 640, 512, 128],
            [1053, 2256, -504, -384, -756, 800, 208],
            [-287, -16, 1712, -128, 1968, -30, 2032],
            [-2176, -287, -1565, -512, -541, -1152, -289],
        ]
    )


def gauss_seidel(order: int, peclet: float = 0.0) -> np.ndarray:
    """-(L + D)^{-1} U of the tridiagonal matrix with -1 - p, 2, -1 + p.

    Against the wind for negative p. Source: Frankel 1950 (Math. Tables Aids Comput. 4); Trefethen
    1992, Pseudospectra of matrices, for the wind.
    """
    below = 2 * np.eye(order) - (1 + peclet) * np.eye(order, k=-1)
    return scipy.linalg.solve_triangular(below, (1 - peclet) * np.eye(order, k=1), lower=True)


def hatano(order: int) -> np.ndarray:
    """e^{-0.4}, random between -1.5 and 1.5, e^{0.4}: a non-Hermitian Anderson model.

    Source: Hatano & Nelson 1996 (Phys. Rev. Lett. 77).
    """
    diagonal = np.random.default_rng(0).uniform(-1.5, 1.5, order)
    below = math.exp(-0.4) * np.eye(order, k=-1)
    return below + np.diag(diagonal) + math.exp(0.4) * np.eye(order, k=1)


def kahan(order: int) -> np.ndarray:
    """Kahan's matrix whose last diagonal entry is 1/10."""
    return gallery.kahan(order, math.asin(0.1 ** (1 / (order - 1))))


def landau(order: int) -> np.ndarray:
    """The kernel sqrt(12 i) e^{-12 pi i (x - y)^2} on [-1, 1] by Gauss' quadrature.

    Source: Landau 1977 (J. Opt. Soc. Amer. 67), a laser's mirror.
    """
    x, w = legendre.leggauss(order)
    kernel = np.sqrt(12j) * np.exp(-12j * np.pi * np.subtract.outer(x, x) ** 2)
    return np.sqrt(np.outer(w, w)) * kernel


def riffle(order: int) -> np.ndarray:
    """The riffle shuffle on rising sequences, P_ij = 2^{-n} C(n + 1, 2 i - j) a_j/a_i.

    a are Eulerian numbers. Source: Bayer & Diaconis 1992 (Ann. Appl. Probab. 2); Jonsson &
    Trefethen 1998.
    """
    eulerian = [1]
    for n in range(2, order + 1):
        padded = [0, *eulerian, 0]
        eulerian = [(k + 1) * padded[k + 1] + (n - k) * padded[k] for k in range(n)]
    P = np.zeros((order, order))
    for i, j in np.ndindex(order, order):
        top = 2 * (i + 1) - (j + 1)
        if 0 <= top <= order + 1:
            ways = math.comb(order + 1, top)
            P[i, j] = ways * eulerian[j] / eulerian[i] / 2**order
    return P


def transient(order: int) -> np.ndarray:
    """0.4 (diag(e^{i x}) + shift) - 1/2: grows before it decays, and its powers too."""
    x = 2 * np.pi * np.arange(order) / order
    return 0.4 * (np.diag(np.exp(1j * x)) + np.roll(np.eye(order), 1, axis=1)) - np.eye(order) / 2


def twisted(order: int) -> np.ndarray:
    """2 sin x on the diagonal of a skew circulant: pseudomodes are wave packets.

    Source: Trefethen & Chapman 2004 (Comm. Pure Appl. Math. 57).
    """
    x = 2 * np.pi * np.arange(order) / order
    shift = np.roll(np.eye(order), 1, axis=1)
    return np.diag(2 * np.sin(x)) + shift - shift.T


def clamped(order: int) -> tuple[Any, np.ndarray]:
    """Polynomials that vanish at -1 and 1 with their slopes, in Legendre's.

    Returns:
        f(m), the m-th derivatives (N, X) at Gauss' points, and sqrt(weights).

    Source: Shen 1994 (SIAM J. Sci. Comput. 15).
    """
    k = np.arange(order)
    c = np.zeros((order + 4, order))
    c[k, k] = 1
    c[k + 2, k] = -2 * (2 * k + 5) / (2 * k + 7)
    c[k + 4, k] = (2 * k + 3) / (2 * k + 7)
    x, w = legendre.leggauss(order + 8)
    return lambda m: legendre.legval(x, legendre.legder(c, m)) * np.sqrt(w), x


def in_energy(energy: np.ndarray, K: np.ndarray) -> np.ndarray:
    """The matrix of energy x' = K x in coordinates whose 2-norm is the root of the energy."""
    L = np.linalg.cholesky(energy)
    half = scipy.linalg.solve_triangular(L, K, lower=True)
    return scipy.linalg.solve_triangular(L, half.conj().T, lower=True).conj().T


def orr_sommerfeld(order: int, R: float = 1e4, alpha: float = 1.0) -> np.ndarray:
    """Plane Poiseuille flow 1 - y^2, disturbed by a wave: Galerkin's matrix in the energy norm.

    Source: Orszag 1971 (J. Fluid Mech. 50).
    """
    f, y = clamped(order)
    U = 1 - y**2
    curl = f(2) - alpha**2 * f(0)
    energy = f(1) @ f(1).T + alpha**2 * f(0) @ f(0).T
    K = 1j * alpha * ((U * f(0)) @ curl.T + 2 * f(0) @ f(0).T) - curl @ curl.T / R
    return in_energy(energy, K)


def streaks(order: int, R: float, beta: float) -> np.ndarray:
    """The same flow, disturbed alike along the stream: v and the vorticity eta that it lifts.

    Source: Reddy & Henningson 1993 (J. Fluid Mech. 252); Trefethen, Trefethen, Reddy & Driscoll
    1993 (Science 261).
    """
    f, y = clamped(order)
    k = np.arange(order)
    c = np.zeros((order + 4, order))  # of polynomials that vanish at the walls
    c[k, k] = 1
    c[k + 2, k] = -1
    x, w = legendre.leggauss(order + 8)
    g, slope = (legendre.legval(x, legendre.legder(c, m)) * np.sqrt(w) for m in (0, 1))
    curl = f(2) - beta**2 * f(0)
    of_v = f(1) @ f(1).T + beta**2 * f(0) @ f(0).T
    of_eta = g @ g.T
    viscous = slope @ slope.T + beta**2 * of_eta
    lift = -1j * beta * (-2 * y * g) @ f(0).T
    zero = np.zeros((order, order))
    energy = np.block([[of_v, zero], [zero, of_eta]]) / beta**2
    K = np.block([[-curl @ curl.T / R, zero], [lift, -viscous / R]]) / beta**2
    return in_energy(energy, K)


DEMOS: dict[str, Callable[[int], np.ndarray]] = {
    "airy": airy,
    "basor": basor,
    "chebspec": differentiation,
    "companion": lambda order: exponential_companion(min(order, 16)),
    "convdiff": convection_diffusion,
    "davies": davies,
    "demmel": demmel,
    "frank": gallery.frank,
    "gallery(3)": lambda _: gallery3(),
    "gallery(5)": lambda _: gallery5(),
    "gaussseidel": gauss_seidel,
    "gaussseidel upwind": lambda order: gauss_seidel(order, -0.75),
    "godunov": lambda _: godunov(),
    "grcar": gallery.grcar,
    "hatano": hatano,
    "kahan": kahan,
    "landau": landau,
    "orrsommerfeld": lambda order: orr_sommerfeld(order, 5772),
    "random": lambda order: gallery.random(0, order, imag=False) / math.sqrt(order),
    "randomtri": lambda order: np.triu(gallery.random(0, order, imag=False)) / math.sqrt(order),
    "riffle": riffle,
    "transient": transient,
    "twisted": twisted,
}
