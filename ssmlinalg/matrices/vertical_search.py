r"""The least singular value on vertical lines of the plane, from both sides.

.. math::  g(x) = \min_w \sigma_{\min}\bigl((x + i w) I - A\bigr).

That nothing on a line was missed is read from a level set, as in `h_infinity`: sigma_min = h at x +
i w exactly when i w is an eigenvalue of

.. math::  H(x, h) = \begin{pmatrix} x I - A^* & h I \\ -h I & A - x I \end{pmatrix}.

The eigenvalues found are those of H + E, and by Weyl's theorem E moves the level by at most |E|.
Those of a valley of depth d and width W are thrown about |E| W/d off the axis: those within 32
times that are candidates, never fewer than eight are, and d is subtracted from the level for
shallower valleys. That is a bound to first order in eps, on a measured |E|.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..ground.backend import Complex, Real
from . import shifted
from .eigen import eigenvalue_rounding
from .factorizations import singular_values

_CANDIDATES = 8  # at least
_SCATTER = 32  # of the distance by which rounding throws eigenvalues off the axis


class Line(NamedTuple):
    """The least singular value on a line: bounds, and the height `w` where `upper` is attained."""

    lower: float
    upper: float
    w: float


def poles(A: np.ndarray) -> Complex:
    """The eigenvalues (N,), those of a triangular matrix exactly."""
    return np.diag(shifted.triangular(A)[0])


def least_singular_values(A: np.ndarray, z: np.ndarray) -> Real:
    """sigma_min(z I - A) for each z (S,), of A with as many rows as columns or more."""
    identity = np.eye(*A.shape)
    found = [singular_values(s * identity - A) for s in z]
    return np.array([values[-1] for values in found])


def hamiltonian_rounding(
    A: np.ndarray,
    x: float,
    level: float,
) -> float:
    """|E|, the eigenvalues found on the line Re z = x being those of H(x, level) + E."""
    size = float(np.linalg.norm(_hamiltonian(A, x, level)))
    return eigenvalue_rounding(2 * len(A)) * size


def candidates(
    A: np.ndarray,
    x: float,
    level: float,
    depth: float,
) -> Real:
    """Heights (W,) that meet every valley on the line Re z = x deeper than `depth` below a level.

    They are the imaginary eigenvalues of H(x, level), and the points half way between.
    """
    # By the Schur form, for `eigvals` balances, and E would be small row by row, not as a whole.
    found = poles(_hamiltonian(A, x, level))
    off_axis = np.abs(found.real)
    width = 2 * (float(np.linalg.norm(A)) + level)
    scatter = _SCATTER * width * hamiltonian_rounding(A, x, level) / depth
    nearest = np.sort(off_axis)[:_CANDIDATES]
    near = off_axis <= max(scatter, float(nearest[-1]))
    w = found.imag[near]
    if np.isrealobj(A):
        w = np.append(np.abs(w), 0.0)
    w = np.unique(w)
    halfway = (w[1:] + w[:-1]) / 2
    return np.sort(np.concatenate([w, halfway]))


def search_line(
    A: np.ndarray,
    x: float,
    w: Real,
    tolerance: float,
) -> Line:
    """The least singular value on the line Re z = x, searched from the heights `w` (W,)."""
    w = np.append(w, 0.0)
    sigma = least_singular_values(A, x + 1j * w)
    while True:
        least = float(np.min(sigma))
        best = float(w[np.argmin(sigma)])
        depth = max(tolerance * least / 4, 2 * hamiltonian_rounding(A, x, least))
        level = (1 - tolerance / 2) * least
        if level <= depth:
            return Line(0.0, least, best)
        w = candidates(A, x, level, depth)
        sigma = least_singular_values(A, x + 1j * w)
        if np.min(sigma) >= level:
            return Line(level - depth, least, best)


def search_axis(
    A: np.ndarray,
    Lambda: Complex,
    tolerance: float,
) -> Line:
    """The least singular value on the imaginary axis, from the heights of the rightmost poles."""
    rightmost = np.argsort(-Lambda.real)[:_CANDIDATES]
    return search_line(A, 0.0, Lambda[rightmost].imag, tolerance)


def kreiss_ratio(
    A: np.ndarray,
    x: float,
    w: float,
) -> float:
    """x |(z I - A)^{-1}| at z = x + i w, its rounding taken off."""
    size = float(np.linalg.norm(A)) + math.hypot(x, w)
    sigma = least_singular_values(A, np.array([x + 1j * w]))[0]
    return float(x / (sigma + eigenvalue_rounding(len(A)) * size))


def _hamiltonian(
    A: np.ndarray,
    x: float,
    level: float,
) -> np.ndarray:
    """H(x, level), (2N, 2N)."""
    F = A - x * np.eye(len(A))
    h = level * np.eye(len(A))
    return np.block([[-F.conj().T, h], [-h, F]])
