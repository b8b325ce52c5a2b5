"""Hard matrices, each with its source: what eigensolvers, norms and proofs are tried on.

`GALLERY` at the foot lists those that are made of an order alone; an order that one cannot have is
cut.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ssmlinalg import hippo

# Drawn at random


def random(seed: int, order: int, *, imag: bool = True) -> np.ndarray:
    """Independent standard normal entries: non-normal, with condition numbers of about N.

    Source: Ginibre 1965 (J. Math. Phys. 6).
    """
    parts = np.random.default_rng(seed).standard_normal((2, order, order))
    return parts[0] + 1j * parts[1] if imag else parts[0]


def unitary(seed: int, order: int) -> np.ndarray:
    """The unitary factor of a random matrix."""
    return np.linalg.qr(random(seed, order))[0]


def stable(seed: int, order: int, *, imag: bool = True) -> np.ndarray:
    """Random, the rightmost eigenvalue 0.02 to 0.52 from the axis, less normal by a triangle."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0, 3)
    triangle = np.triu(rng.standard_normal((order, order)), 1)
    A = random(seed, order, imag=imag) / np.sqrt(order) + size * triangle
    abscissa = np.linalg.eigvals(A).real.max()
    return A - (abscissa + 0.02 + rng.random() / 2) * np.eye(order)


def near_normal(seed: int, order: int, distance: float) -> np.ndarray:
    """U (D + d e_1 e_2^T) U^* with D diagonal and U unitary: departs from normality by d exactly.

    Source: Henrici 1962 (Numer. Math. 4) for the departure.
    """
    U = unitary(seed, order)
    N = np.diag(random(seed, order)[0])
    N[0, 1] = distance
    return U @ N @ U.conj().T


def normal(seed: int, spectrum: np.ndarray) -> np.ndarray:
    """A normal matrix with that spectrum, repeated eigenvalues included."""
    U = unitary(seed, len(spectrum))
    return (U * spectrum) @ U.conj().T


def stiff(order: int) -> np.ndarray:
    """Random columns over twelve orders of magnitude."""
    return random(9, order, imag=False) * 10.0 ** np.linspace(-6, 6, order)


# Defective


def jordan(order: int, value: complex = 0.0) -> np.ndarray:
    """One Jordan block: eigenvalue `value`, with a single eigenvector.

    Source: Trefethen & Embree 2005, Spectra and Pseudospectra, section 7.
    """
    return value * np.eye(order) + np.eye(order, k=1)


def rotated(A: np.ndarray, seed: int = 1) -> np.ndarray:
    """U A U^*: what an eigensolver sees of a structure that rounding has hidden."""
    U = unitary(seed, len(A))
    return U @ A @ U.conj().T


def one_chain(seed: int, order: int) -> np.ndarray:
    """A random triangle with one eigenvalue: defective, and not as evenly as a Jordan block."""
    triangle = random(seed, order, imag=False)
    return np.triu(triangle, 1) + triangle[0, 0] * np.eye(order)


def nearly_defective(order: int, distance: float = 1e-6) -> np.ndarray:
    """A Jordan block whose corner closes it to a ring: N eigenvalues on a circle of that radius.

    Source: Wilkinson 1965, The Algebraic Eigenvalue Problem, chapter 2.
    """
    A = jordan(order)
    A[-1, 0] += distance**order
    return A


# Far from normal


def grcar(order: int) -> np.ndarray:
    """-1 below the diagonal, 1 on it and on three above: Toeplitz, its eigenvalues on a curve.

    Source: Grcar 1989 (Sandia report 89-8691); Trefethen & Embree 2005, section 7.
    """
    band = np.triu(np.tril(np.ones((order, order)), 3))
    return band - np.eye(order, k=-1)


def kahan(order: int, angle: float = 1.2) -> np.ndarray:
    """A triangle that is much nearer to singular than its diagonal shows.

    Source: Kahan 1966 (Canad. Math. Bull. 9), Numerical linear algebra.
    """
    c = np.cos(angle)
    unit = np.eye(order) - c * np.triu(np.ones((order, order)), 1)
    return np.sin(angle) ** np.arange(order)[:, None] * unit


def frank(order: int) -> np.ndarray:
    """Hessenberg, of integers: eigenvalues in reciprocal pairs, the smallest ones ill conditioned.

    Source: Frank 1958 (J. SIAM 6); Golub & Wilkinson 1976 (SIAM Review 18).
    """
    i = np.arange(order)
    return np.triu(order - np.maximum.outer(i, i), -1).astype(float)


def toeplitz(order: int, centre: float = -1.0) -> np.ndarray:
    """1/4, centre, 4: eigenvalues centre + 2 cos(k pi/(N+1)), condition numbers up to 4^N/N.

    Source: Reichel & Trefethen 1992 (Linear Algebra Appl. 162).
    """
    return centre * np.eye(order) + 4 * np.eye(order, k=1) + np.eye(order, k=-1) / 4


def convection_diffusion(order: int, peclet: float = 0.9) -> np.ndarray:
    """1 - p, -2, 1 + p: central differences of u'' + c u', p the Peclet number of a cell.

    Source: Reddy & Trefethen 1994 (SIAM J. Appl. Math. 54).
    """
    below = (1 - peclet) * np.eye(order, k=-1)
    above = (1 + peclet) * np.eye(order, k=1)
    return below - 2 * np.eye(order) + above


def shear(growth: float) -> np.ndarray:
    """Two damped modes, one driving the other: the least model of transient growth.

    Source: Trefethen, Trefethen, Reddy & Driscoll 1993 (Science 261).
    """
    return np.array([[-1.0, growth], [0.0, -2.0]])


def companion(roots: np.ndarray) -> np.ndarray:
    """The companion matrix of the polynomial with these integer roots.

    Source: Wilkinson 1963, Rounding Errors in Algebraic Processes, for the roots 1 .. 20.
    """
    coefficients = [Fraction(1)]
    for root in roots.tolist():
        shifted = [*coefficients, 0]
        times_root = [0, *(int(root) * c for c in coefficients)]
        coefficients = [a - b for a, b in zip(shifted, times_root, strict=True)]
    C = np.eye(len(roots), k=-1)
    C[0] = [-float(c) for c in coefficients[1:]]
    return C


def wilkinson(order: int) -> np.ndarray:
    """The companion matrix of the roots 1 .. N, at most 15: beyond, doubles do not hold it exactly.

    Source: Wilkinson 1963, Rounding Errors in Algebraic Processes.
    """
    return companion(np.arange(1, min(order, 15) + 1))


def vandermonde(order: int) -> np.ndarray:
    """Powers of 1 .. N: entries from 1 to N^{N-1}.

    Source: Gautschi 1975 (Numer. Math. 24).
    """
    return np.vander(np.arange(1.0, order + 1))


# Badly scaled


def badly_scaled(order: int, factor: float = 100.0) -> np.ndarray:
    """Entries factor^{k - n}, similar to a matrix of ones: eigenvalues N and 0 once it is balanced.

    Source: Parlett & Reinsch 1969 (Numer. Math. 13); the 3 by 3 of the manual of MATLAB's balance.
    """
    power = np.subtract.outer(np.arange(order), np.arange(order))
    return factor ** -power.astype(float)


# Normal


def ring(order: int) -> np.ndarray:
    """A cyclic permutation: the N-th roots of unity, all alike.

    Source: Davis 1979, Circulant Matrices.
    """
    return np.roll(np.eye(order), 1, axis=0)


GALLERY: dict[str, Callable[[int], np.ndarray]] = {
    "badly scaled": badly_scaled,
    "companion": wilkinson,
    "complex": lambda order: random(7, order),
    "complex jordan": lambda order: jordan(order, 0.5 + 2j),
    "convection-diffusion": convection_diffusion,
    "frank": frank,
    "gaussian": lambda order: random(8, order, imag=False),
    "grcar": grcar,
    "identity": np.eye,
    "jordan": lambda order: jordan(order, -0.5),
    "kahan": kahan,
    "lagt": lambda order: np.asarray(hippo.lagt(order).A),
    "legs": lambda order: np.asarray(hippo.legs(order).A),
    "legt": lambda order: np.asarray(hippo.legt(order).A),
    "nearly defective": nearly_defective,
    "one chain": lambda order: one_chain(10, order),
    "ring": ring,
    "rotated jordan": lambda order: rotated(jordan(order)),
    "stiff": stiff,
    "toeplitz": toeplitz,
    "unit": lambda order: np.eye(1),
    "zero": lambda order: np.zeros((order, order)),
}
