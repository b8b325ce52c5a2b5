"""Modes of real matrices: eigenvalues on and above the real axis, their inputs and outputs."""

from __future__ import annotations

import numpy as np

from .. import perturb
from ..ground import backend
from ..ground.backend import Complex
from ..ground.formats import EPS
from .balanced_systems import Realized

Poles = tuple[Complex, Complex, Complex]  # A (k,), B (k, M) and C (P, k) of modes with Im A >= 0


def every_pole(system: Realized) -> Poles:
    """The modes of a real system; y = 2 Re(C x) above the axis, C x of real modes."""
    return _poles(system, np.inf) or _none(system)


def nearby_poles(system: Realized) -> Poles | None:
    """The modes of a real system, or of one nearby if their conditioning exceeds `_CONDITION`.

    The perturbation of A is Gaussian, and ten times as large as the one before until that holds.
    None if none does.
    """
    found = _poles(system, _CONDITION)
    size = EPS
    while found is None and size < _LARGEST:
        size *= 10
        near = perturb.gaussian(system.A, size=size, tries=4)
        found = _poles(system._replace(A=system.A + near.E), _CONDITION)
    return found


def _poles(system: Realized, most: float) -> Poles | None:
    """The modes, None if kappa(V) exceeds `most`."""
    if not len(system.A):
        return _none(system)
    A, V = map(backend.as_complex, np.linalg.eig(system.A))
    if np.linalg.cond(V) > most:
        return None
    B = np.linalg.solve(V, system.B)
    C = system.C @ V
    kept = A.imag >= 0
    return A[kept], B[kept], C[:, kept]


def _none(system: Realized) -> Poles:
    return np.zeros(0, complex), system.B[:0] + 0j, system.C[:, :0] + 0j


def stable(A: Complex, *, discrete: bool) -> bool:
    """Whether all modes are damped."""
    growth = np.abs(A) - 1 if discrete else A.real
    return bool(np.all(growth < 0))


_CONDITION = 1e8  # of modes: half of the digits are left
_LARGEST = 1e-2  # perturbation, relative to A
