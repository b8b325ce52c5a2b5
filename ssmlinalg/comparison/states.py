"""Approximations of HiPPO-LegS by their whole state: its amplitude and error at each frequency."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from .. import decompose, hippo, perturb
from ..forms import Diagonal, pair, unpair
from ..ground import require
from ..ground.backend import Complex, Real
from ..hippo import legs_state
from ..inits import perturbed, s4d_legs_clipped_init
from ..matrices.frequency_supremum import supremum


class Amplitudes(NamedTuple):
    """Of the state under cos(w t) at S frequencies.

    Attributes:
        state: |x~(iw)| (S,), the amplitude of the state.
        error: |x~(iw) - x^(iw)| (S,), its distance from the state of HiPPO-LegS.
    """

    state: Real
    error: Real


class Approximation(NamedTuple):
    """A model whose state stands for that of HiPPO-LegS.

    Attributes:
        name: as in a `Sweep`.
        Lambda: its eigenvalues (N,). The peaks of its amplitudes are beside them.
        amplitudes: frequencies w (S,) to `Amplitudes`.
        diagonalization: the perturbed system that it reads. None for S4, which reads HiPPO-LegS.
    """

    name: str
    Lambda: Complex
    amplitudes: Callable[[Real], Amplitudes]
    diagonalization: perturb.Diagonalization | None


class Worst(NamedTuple):
    """The largest error found over all frequencies, and where: a lower bound, for it is searched.

    Attributes:
        error: inf where the model is unstable and no state is steady.
        frequency: w at or above 0; that of the rightmost eigenvalue where the model is unstable.
    """

    error: float
    frequency: float


def approximations(
    order: int, conditioning: float, perturbations: Sequence[str] | None
) -> list[Approximation]:
    """S4D-LegS in three scalings, S4, PTD by "lossless" and by `perturbations`, S5 and its PTD.

    The arguments are those of `fourier_sweep`, and so is what they raise.
    """
    order = require.integer("order", order)
    conditioning = require.real("conditioning", conditioning, above=1)
    methods = _methods(order, conditioning, perturbations)
    legs = hippo.legs(order)
    normal = perturb.lossless(legs, tau=1.0)
    ptd = perturb.lossless(legs, conditioning=conditioning)
    found: dict[str, perturb.Diagonalization] = {"ptd": ptd}
    for method in methods:
        budget = conditioning if "conditioning" in perturb.sized_by(method) else None
        found[f"ptd-{method}"] = perturbed(order, perturbation=method, conditioning=budget)
    return [
        _diagonal("s4d-legs", normal, normal.B),
        _diagonal("s4d-legs-unhalved", normal, 2 * normal.B),
        _clipped(order, normal),
        _s4(order),
        *(_diagonal(name, one, one.B) for name, one in found.items()),
        _drawn("s5", normal),
        _drawn("s5-ptd", ptd),
    ]


def _methods(order: int, conditioning: float, perturbations: Sequence[str] | None) -> list[str]:
    """The perturbations beside "lossless"; of None those that take no search."""
    if perturbations is None:
        kept = ["optimal"] if (order, conditioning) in perturb.kept() else []
        return [*kept, "last_column", "gaussian", "complex_gaussian"]
    if isinstance(perturbations, str) or not isinstance(perturbations, Sequence):
        rule = "`perturbations` must be a list of names"
        raise TypeError(
            f"{rule}; got {require.said(perturbations)}. Give for example ['gaussian']."
        )
    for name in perturbations:
        require.known("perturbations", name, perturb.PERTURBATIONS)
    return [name for name in perturbations if name != "lossless"]


def legs_spectrum(order: int) -> Complex:
    """The eigenvalues of HiPPO-LegS, which is triangular."""
    return np.diagonal(np.asarray(hippo.legs(order).A)) + 0j


def worst_error(model: Approximation) -> Worst:
    """The largest error over all frequencies."""
    if model.Lambda.real.max() >= 0:
        rightmost = model.Lambda[np.argmax(model.Lambda.real)]
        return Worst(math.inf, float(np.abs(rightmost.imag)))
    error, w = supremum(lambda w: model.amplitudes(w).error, model.Lambda)
    still = float(model.amplitudes(np.zeros(1)).error[0])
    return Worst(still, 0.0) if still > error else Worst(error, w)


def _diagonal(name: str, found: perturb.Diagonalization, B: Complex) -> Approximation:
    """The state V (s - Lambda)^{-1} B of a perturbed system with the input B in its eigenbasis."""
    amplitudes = partial(_modal_amplitudes, found.Lambda, found.V, B)
    if np.iscomplexobj(found.E):
        amplitudes = partial(_of_both_signs, amplitudes)
    return Approximation(name, found.Lambda, amplitudes, found)


def _modal_amplitudes(Lambda: Complex, V: Complex, B: Complex, w: Real) -> Amplitudes:
    modes = B[:, None] / (1j * w - Lambda[:, None])
    return _compared(V @ modes, w)


def _of_both_signs(amplitudes: Callable[[Real], Amplitudes], w: Real) -> Amplitudes:
    """The larger amplitudes of w and -w, which differ where A + E is complex."""
    forth = amplitudes(w)
    back = amplitudes(-w)
    return Amplitudes(
        state=np.maximum(forth.state, back.state),
        error=np.maximum(forth.error, back.error),
    )


def _clipped(order: int, normal: perturb.Lossless) -> Approximation:
    """With B as released, in the basis in which it was cut: the first row of V is positive."""
    V = normal.V * np.exp(-1j * np.angle(normal.V[0]))
    whole = Diagonal(
        A=normal.Lambda,
        B=np.ones(order) + 0j,
        C=V,
        D=np.zeros(order),
        step=np.asarray(1.0),
    )
    half = pair(whole)
    B = s4d_legs_clipped_init(order).B
    full = unpair(half._replace(B=np.broadcast_to(B, half.B.shape)))
    Lambda = full.A[0]
    amplitudes = partial(_modal_amplitudes, Lambda, full.C, full.B[0])
    return Approximation("s4d-legs-clipped", Lambda, amplitudes, normal)


def _s4(order: int) -> Approximation:
    """Woodbury in the eigenbasis of the normal part, Lambda - P P^*."""
    legs = hippo.legs(order)
    Lambda, V, _, _ = decompose.eigenbasis(legs)
    adjoint = V.conj().T
    P = (adjoint @ legs.P)[:, 0]
    B = adjoint @ legs.B

    def amplitudes(w: Real) -> Amplitudes:
        R = 1 / (1j * w - Lambda[:, None])
        loop = 1 + np.abs(P) ** 2 @ R
        feedback = (P.conj() * B) @ R / loop
        modes = R * (B[:, None] - P[:, None] * feedback)
        return _compared(V @ modes, w)

    return Approximation("s4", Lambda, amplitudes, None)


def _drawn(name: str, found: perturb.Lossless) -> Approximation:
    r"""Root mean squares over inputs b of variance 1/N: of a matrix M, E |M b|^2 = |M|_F^2/N.

    .. math::  (s - A - \tau P P^T)^{-1} - (s - A)^{-1}
               = \frac{\tau}{2} \frac{\hat x\, y^T}{1 - \tau/2 + (\tau/2) h}, \qquad
               y = (s - A^T)^{-1} B,

    is of rank one, and |x^| = |y| on the imaginary axis, for both squares are 1 - |h|^2.
    """
    order = len(found.Lambda)
    t = found.tau / 2
    right = found.V.conj().T @ found.V
    left = found.V_inv @ found.V_inv.conj().T
    gram = right * left.T

    def amplitudes(w: Real) -> Amplitudes:
        r = 1 / (1j * w - found.Lambda[:, None])
        squares = np.sum(r.conj() * (gram @ r), axis=0).real
        x = legs_state(order, 1j * w)
        h = (1j * w - order + 1) * x[-1] / math.sqrt(2 * order - 1)
        difference = abs(t) * np.sum(np.abs(x) ** 2, axis=0) / np.abs(1 - t + t * h)
        return Amplitudes(
            state=np.sqrt(squares / order),
            error=difference / math.sqrt(order),
        )

    return Approximation(name, found.Lambda, amplitudes, found)


def _compared(state: Complex, w: Real) -> Amplitudes:
    """The amplitudes of a state (N, S) at i w."""
    exact = legs_state(len(state), 1j * w)
    return Amplitudes(
        state=np.linalg.norm(state, axis=0),
        error=np.linalg.norm(state - exact, axis=0),
    )
