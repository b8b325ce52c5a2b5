"""Modes of real matrices: eigenvalues on and above the real axis, their inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import perturb
from ..ground import backend
from ..ground.backend import Complex
from ..ground.formats import EPS
from .balanced_systems import Realized

Poles = tuple[Complex, Complex, Complex]  # A (k,), B (k, M) and C (P, k) of modes with Im A >= 0


def every_pole(system: Realized) -> Poles:
    """The modes of a real system; y = 2 Re(C x) above the axis, C x of real modes."""
    (found,) = _poles([system], np.inf)
    return found or _none(system)


def nearby_poles(systems: Sequence[Realized | None]) -> list[Poles | None]:
    """The modes of real systems, or of ones nearby if their conditioning exceeds `_CONDITION`.

    The perturbation of A is Gaussian, and ten times as large as the one before until that holds.
    None if none does, and for no system.
    """
    found: list[Poles | None] = [None] * len(systems)
    orders = np.array([-1 if each is None else len(each.A) for each in systems])
    for order in np.unique(orders[orders >= 0]):
        alike = np.flatnonzero(orders == order)
        some = [each for each in systems if each is not None and len(each.A) == order]
        for k, system, modes in zip(alike, some, _poles(some, _CONDITION), strict=True):
            found[k] = modes or _perturbed(system)
    return found


def _perturbed(system: Realized) -> Poles | None:
    """The modes of a system nearby; None if none is well-conditioned."""
    found = None
    size = EPS
    while found is None and size < _LARGEST:
        size *= 10
        near = perturb.gaussian(system.A, size=size, tries=4)
        (found,) = _poles([system._replace(A=system.A + near.E)], _CONDITION)
    return found


def _poles(systems: Sequence[Realized], most: float) -> list[Poles | None]:
    """The modes of systems of one order, None where kappa(V) exceeds `most`."""
    if not len(systems[0].A):
        return [_none(system) for system in systems]
    A, V = map(backend.as_complex, np.linalg.eig(np.stack([each.A for each in systems])))
    well = np.linalg.cond(V) <= most
    kept = A.imag >= 0
    C = np.stack([each.C for each in systems]) @ V
    unit = np.eye(V.shape[-1])
    B = np.linalg.solve(
        np.where(well[:, None, None], V, unit), np.stack([each.B for each in systems])
    )
    return [
        (A[k, kept[k]], B[k, kept[k]], C[k][:, kept[k]]) if well[k] else None
        for k in range(len(systems))
    ]


def _none(system: Realized) -> Poles:
    return np.zeros(0, complex), system.B[:0] + 0j, system.C[:, :0] + 0j


def stable(A: Complex, *, discrete: bool) -> bool:
    """Whether all modes are damped."""
    growth = np.abs(A) - 1 if discrete else A.real
    return bool(np.all(growth < 0))


_CONDITION = 1e8  # of modes: half of the digits are left
_LARGEST = 1e-2  # perturbation, relative to A
