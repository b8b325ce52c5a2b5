"""The models that stand for HiPPO-LegS, by what their whole state does at each frequency: |x~(iw)|
and |x~(iw) - x^(iw)|.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .. import decompose, hippo, perturb
from ..forms import Diagonal, pair, unpair
from ..ground import require
from ..ground.backend import Complex, Real
from ..inits import perturbed, s4d_legs_clipped_init
from ..matrices.frequency_supremum import supremum
from ..systems.transfer_functions import legs_state


class Model(NamedTuple):
    """Its eigenvalues (N,), over which the lobes are, the amplitudes of state and error at w (S,),
    and what it was made by.
    """

    name: str
    Lambda: Complex
    sizes: Callable[[Real], tuple[Real, Real]]
    found: perturb.Diagonalization | None


def models(order: int, conditioning: float, perturbations: Sequence[str] | None) -> list[Model]:
    """S4D-LegS in three scalings, S4, PTD by "lossless" and by each of `perturbations`, S5 and its
    PTD.

    None stands for the perturbations that take no search, among them "optimal" where a result is
    kept. Those that take a budget get `conditioning`, the others their default size. Raises what
    `fourier_sweep` says.
    """
    order = require.integer("order", order)
    conditioning = require.real("conditioning", conditioning, above=1)
    if perturbations is None:
        kept = ["optimal"] if (order, conditioning) in perturb.kept() else []
        perturbations = [*kept, "last_column", "gaussian", "complex_gaussian"]
    if isinstance(perturbations, str) or not isinstance(perturbations, Sequence):
        raise TypeError(
            f"`perturbations` must be a list of names; got {perturbations!r}. Give for example ['gaussian']."
        )
    for name in perturbations:
        require.known("perturbations", name, perturb.PERTURBATIONS)
    legs = hippo.legs(order)
    normal = perturb.lossless(legs, tau=1.0)
    ptd = perturb.lossless(legs, conditioning=conditioning)
    found: dict[str, perturb.Diagonalization] = {"ptd": ptd}
    for method in perturbations:
        if method != "lossless":
            takes = inspect.signature(perturb.PERTURBATIONS[method]).parameters
            budget = conditioning if "conditioning" in takes else None
            found[f"ptd-{method}"] = perturbed(order, perturbation=method, conditioning=budget)
    return [
        _diagonal("s4d-legs", normal.Lambda, normal.B, normal.V, normal),
        _diagonal("s4d-legs-unhalved", normal.Lambda, 2 * normal.B, normal.V, normal),
        _clipped(order, normal),
        _s4(order),
        *(_diagonal(name, one.Lambda, one.B, one.V, one) for name, one in found.items()),
        _drawn("s5", normal),
        _drawn("s5-ptd", ptd),
    ]


def worst_error(model: Model) -> tuple[float, float]:
    """The largest error found at any w >= 0, and its w; inf, at the rightmost eigenvalue, where no
    state is steady.
    """
    if model.Lambda.real.max() >= 0:
        return math.inf, float(np.abs(model.Lambda.imag[np.argmax(model.Lambda.real)]))
    still = float(model.sizes(np.zeros(1))[1][0])
    return max(supremum(lambda w: model.sizes(w)[1], model.Lambda), (still, 0.0))


def _diagonal(
    name: str, Lambda: Complex, B: Complex, V: Complex, found: perturb.Diagonalization
) -> Model:
    """The state V (s - Lambda)^{-1} B; the larger amplitude of w and -w where A + E is complex."""

    def sizes(w: Real) -> tuple[Real, Real]:
        return _sizes(V @ (B[:, None] / (1j * w - Lambda[:, None])), w)

    def larger(w: Real) -> tuple[Real, Real]:
        (gain, error), (back, off) = sizes(w), sizes(-w)
        return np.maximum(gain, back), np.maximum(error, off)

    return Model(name, Lambda, larger if np.iscomplexobj(found.E) else sizes, found)


def _clipped(order: int, normal: perturb.Lossless) -> Model:
    """With B as released, in the basis it was cut in: the one in which the first row of V is
    positive.
    """
    V = normal.V * np.exp(-1j * np.angle(normal.V[0]))
    half = pair(Diagonal(normal.Lambda, np.ones(order) + 0j, V, np.zeros(order), np.asarray(1.0)))
    B = s4d_legs_clipped_init(order).B
    full = unpair(half._replace(B=np.broadcast_to(B, half.B.shape)))
    return _diagonal("s4d-legs-clipped", full.A[0], full.B[0], full.C, normal)


def _s4(order: int) -> Model:
    """Woodbury in the eigenbasis of the normal part: (Lambda - P P^*)."""
    legs = hippo.legs(order)
    Lambda, V, _, _ = decompose.eigenbasis(legs)
    adjoint = V.conj().T
    P, B = (adjoint @ legs.P)[:, 0], adjoint @ legs.B

    def sizes(w: Real) -> tuple[Real, Real]:
        R = 1 / (1j * w - Lambda[:, None])
        feedback = (P.conj() * B) @ R / (1 + np.abs(P) ** 2 @ R)
        return _sizes(V @ (R * (B[:, None] - P[:, None] * feedback)), w)

    return Model("s4", Lambda, sizes, None)


def _drawn(name: str, found: perturb.Lossless) -> Model:
    r"""Root mean squares over b of variance 1/N: of a matrix M, E |M b|^2 = |M|_F^2/N.

    (s - A - tau P P^T)^{-1} - (s - A)^{-1} = (tau/2) x^ y^T/(1 - tau/2 + (tau/2) h) is of rank one,
    with y = (s - A^T)^{-1} B, and |x^| = |y| on the imaginary axis, for both are 1 - |h|^2 squared.
    """
    order, t = len(found.Lambda), found.tau / 2
    gram = (found.V.conj().T @ found.V) * (found.V_inv @ found.V_inv.conj().T).T

    def sizes(w: Real) -> tuple[Real, Real]:
        r = 1 / (1j * w - found.Lambda[:, None])
        x = legs_state(order, 1j * w)
        h = (1j * w - order + 1) * x[-1] / math.sqrt(2 * order - 1)
        gain = np.sqrt(np.sum(r.conj() * (gram @ r), axis=0).real / order)
        return gain, t * np.sum(np.abs(x) ** 2, axis=0) / np.abs(1 - t + t * h) / math.sqrt(order)

    return Model(name, found.Lambda, sizes, found)


def _sizes(state: Complex, w: Real) -> tuple[Real, Real]:
    return np.linalg.norm(state, axis=0), np.linalg.norm(
        state - legs_state(len(state), 1j * w), axis=0
    )
