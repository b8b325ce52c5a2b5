"""Files of perturb-then-diagonalize: what was perturbed, by how much, and with what effect."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .. import hippo
from ..forms import MIMO
from ..ground.formats import EPS
from ..matrices import hinf_distance
from ..matrices.refined_solves import refined
from .records import NOTHING, Faults, Identified, Observation

TARGET = "ptd-mat"
_ORDER = 256  # up to which the transfer error is computed, which takes O(N^3) for each frequency
_NEAR = 0.5  # of |A|, from which on no measure tells itself from others
_TOLERANCE = 1e-3  # of the transfer error
_NAMES = ("ptd", "s5-ptd")


class Perturbed(NamedTuple):
    """A matrix A of HiPPO and V diag(Lam) V^-1 = A + E beside it.

    Attributes:
        measure: the measure of A, of all that with the least |E|; "legs" where none is near.
        size: |E|/|A| in the 2-norm.
        conditioning: kappa(V).
        abscissa: max Re Lam.
        transfer_error: the H-infinity norm of the difference of both maps from the input to all
            coefficients; infinite where A + E is not stable, NaN beyond order 256.
    """

    measure: str
    size: float
    conditioning: float
    abscissa: float
    transfer_error: float


def perturbed(form: MIMO) -> Perturbed | None:
    """The figures of a file, read as a form; None where V has no inverse."""
    V = np.asarray(form.C)
    Lambda = np.asarray(form.A)
    inward = 2 * np.asarray(form.B)
    conditioning = float(np.linalg.cond(V))
    if not math.isfinite(conditioning) or conditioning * EPS >= 1:
        return None
    whole = refined(V.T, np.linalg.inv(V).T, (V * Lambda).T).T
    whole = _real_if_close(whole, conditioning)
    systems = {name: make(len(V)) for name, make in hippo.MEASURES.items()}
    sizes = {
        name: float(np.linalg.norm(whole - system.A) / np.linalg.norm(system.A))
        for name, system in systems.items()
    }
    measure = min(sizes, key=sizes.__getitem__)
    if sizes[measure] >= _NEAR:
        measure = "legs"  # which all published files perturb
    A = np.asarray(systems[measure].A)
    b = np.asarray(systems[measure].B)
    abscissa = float(np.max(np.real(Lambda)))
    error = math.inf if abscissa >= 0 else math.nan
    if abscissa < 0 and len(V) <= _ORDER:
        eye = np.eye(
            len(V)
        )  # both states in one basis: the distance of neighbours keeps its digits
        theirs = (whole, _real_if_close(V @ (inward @ b), conditioning)[:, None], eye)
        error = hinf_distance((A, b[:, None], eye), theirs, tolerance=_TOLERANCE).upper
    size = float(np.linalg.norm(whole - A, 2) / np.linalg.norm(A, 2))
    return Perturbed(measure, size, conditioning, abscissa, float(error))


def _real_if_close(array: np.ndarray, conditioning: float) -> np.ndarray:
    """The real part, where no more than rounding is imaginary: a real system costs half."""
    rounding = len(array) * EPS * conditioning * np.max(np.abs(array))
    return np.real(array) if np.max(np.abs(np.imag(array))) <= rounding else array


def identified(form: MIMO, found: Perturbed | None) -> Identified:
    """The initialization that a file is: perturb-then-diagonalize of the measure, if E is small."""
    if found is None or found.size >= 1:
        return NOTHING._replace(order=len(form.A))
    names = _NAMES if found.measure == "legs" else (f"ptd, measure={found.measure}",)
    return NOTHING._replace(
        names=names,
        order=len(form.A),
        exact=True,
        distance=found.size,
        allowed=1.0,
        distances=dict.fromkeys(names, found.size),
        agrees=1.0,
        A=np.asarray(form.A),
        A0=np.asarray(form.A),
    )


def perturbation(layer: Observation) -> Faults:
    """A file of perturb-then-diagonalize whose E is as large as A, or whose V has no inverse."""
    if layer.target != TARGET or layer.form is None:
        return
    found = layer.perturbed
    if found is None:
        yield "V", "V has no inverse to double precision."
    elif found.size >= 1:
        yield "", f"|E| is {found.size:.3g} |A| of {found.measure}: it is no perturbation of that."
