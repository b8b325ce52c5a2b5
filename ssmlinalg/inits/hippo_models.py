"""S4 and S4-PTD: the whole HiPPO system, decomposed or perturbed, in other coordinates."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import decompose, hippo, perturb
from ..forms import DPLR, Paired
from ..ground import require
from ..ground.backend import Complex
from .memory_door import in_memory
from .random_parameters import STEP, Step, draw, repeat


@in_memory
def ptd_init(
    order: int,
    *,
    measure: str = "legs",
    perturbation: str = "lossless",
    conditioning: float | None = None,
    tau: float | None = None,
    size: float | None = None,
    modes: int | None = None,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
    unstable: bool = False,
) -> Paired:
    r"""S4-PTD: HiPPO perturbed, then diagonalized, by default with kappa(V) at most 8.

    .. math::  A + E = V \Lambda V^{-1}, \qquad
               \text{model: } (\Lambda,\ V^{-1} \tilde B,\ c V), \quad c \sim \mathcal N(0, I_N),

    so c reads the HiPPO state, and the output errs by at most |c| times the transfer error of
    `perturb`. Each perturbation is sized by one of `conditioning`, `tau` and `size`, as its own
    page says. With `modes` M > N the state has N entries and the model M modes: at the same
    kappa(V) the transfer error is about kappa^{-M/N}/2, see `perturb.lossless`.

    Up to 4096 modes c is drawn in the coordinates of HiPPO. Beyond, where V is on demand, it is
    d Q^T with d normal and Q = [sqrt 2 Re v, sqrt 2 Im v, v] the real eigenbasis of the normal part
    A + P P^T: Q is orthogonal, so the law of c is the same, and c V = d (Q^T V) is the product with
    a Cauchy matrix, by expansions within 1e-6.

    Args:
        order: order N of the state.
        measure: one of `hippo.CORRECTED`.
        perturbation: an entry of `perturb.PERTURBATIONS`.
        conditioning: budget for kappa_2(V), of perturbations that are sized so.
        tau: size of a lossless perturbation.
        size: |E|/|A|, of perturbations that are sized so.
        modes: number M of modes, of perturbations that take it; N if it is not given.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.
        unstable: whether modes that grow are taken.

    Returns:
        A `Paired` form, closed under conjugation, the same for every seed but C and step.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for unknown names, a size that the perturbation is not measured in, `modes` of
            one that has as many as states, a complex perturbation, and one that is not stable; what
            the perturbation raises.

    Cost:
        O(N^3). With "lossless" O(N^2) for each channel up to order 4096, and O(N) beyond, most of
        it for kappa(V): none of that with a `tau`.

    Source:
        Yu et al. 2024 (PTD, arXiv 2310.01698) for the method; `perturb` for the perturbations.

    Example:
        >>> model = ptd_init(64, channels=4)
        >>> model.A.shape, bool(np.all(model.A.real < -0.5))
        ((4, 32), True)
    """
    found = perturbed(
        order,
        measure=measure,
        perturbation=perturbation,
        conditioning=conditioning,
        tau=tau,
        size=size,
        modes=modes,
    )
    return reading(
        found, measure=measure, channels=channels, step=step, seed=seed, unstable=unstable
    )


def perturbed(
    order: int,
    *,
    measure: str = "legs",
    perturbation: str = "lossless",
    conditioning: float | None = None,
    tau: float | None = None,
    size: float | None = None,
    modes: int | None = None,
    progress: Callable[..., object] | None = None,
) -> perturb.Diagonalization:
    """The diagonalization that `ptd_init` reads, with the figures that certify it.

    Args:
        order: order N of the state.
        measure: one of `hippo.CORRECTED`.
        perturbation: an entry of `perturb.PERTURBATIONS`.
        conditioning: budget for kappa_2(V), of perturbations that are sized so.
        tau: size of a lossless perturbation.
        size: |E|/|A|, of perturbations that are sized so.
        modes: number M of modes, of perturbations that take it; N if it is not given.
        progress: called as the perturbation says, if it takes long.

    Returns:
        What the perturbation returns. Where "lossless" would have real modes beside pairs, at small
        orders, its positive tau is taken: layers of order N expect N/2 pairs.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for unknown names, for a size that the perturbation is not measured in, and for
            `modes` of one that has as many as states; what the perturbation raises.

    Example:
        >>> perturbed(8, perturbation="gaussian", size=0.1).method
        'gaussian'
    """
    takes = perturb.sized_by(perturbation)
    sizes = {"conditioning": conditioning, "tau": tau, "size": size}
    sizes = {name: value for name, value in sizes.items() if value is not None}
    for name in sizes:
        if name not in takes:
            rule = f"a {perturbation} perturbation is sized by {' or '.join(takes)}"
            raise ValueError(f"{rule}; got {name}. Leave it out, or take another.")
    method = perturb.PERTURBATIONS[perturbation]
    require.progress(progress)
    told = accepted(method, {"progress": progress})
    if modes is not None:
        if not accepted(method, {"modes": modes}):
            takes = ", ".join(
                name
                for name, one in perturb.PERTURBATIONS.items()
                if accepted(one, {"modes": modes})
            )
            rule = f"a {perturbation} perturbation has as many modes as states"
            raise ValueError(f"{rule}; got `modes`. Leave it out, or take {takes}.")
        told["modes"] = modes
    nplr = hippo.orthonormal(measure, order)
    found = method(nplr, **sizes, **told)
    real = np.count_nonzero(found.Lambda.imag == 0)
    if tau is None and real > len(found.Lambda) % 2 and accepted(method, {"sign": 1}):
        return method(nplr, **sizes, **told, sign=1)
    return found


def reading(
    found: perturb.Diagonalization,
    *,
    measure: str = "legs",
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
    unstable: bool = False,
) -> Paired:
    """The model that reads the state of a diagonalization by normal rows.

    Args:
        found: a real perturbation of a system with an input.
        measure: whose state c reads, that of `found`: lmu has coordinates of its own.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.
        unstable: whether modes that grow are taken.

    Returns:
        A `Paired` form whose C = c V, c normal times `hippo.scaling`, in the
        coordinates of `perturb.Diagonalization.readout`.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for a complex perturbation, that of a mere matrix, and one that is not stable.

    Example:
        >>> reading(perturbed(8), channels=3).C.shape
        (3, 4)
    """
    remedy = "Take one from perturb, or from inits.perturbed."
    require.instance("found", found, perturb.Diagonalization, remedy)
    drawn = draw(channels, step, seed)
    c = drawn.rng.standard_normal((*drawn.shape, found.order))
    c = c * hippo.scaling(measure, found.order)
    model = found.read_by(found.readout(c), drawn.steps)
    if not require.switch("unstable", unstable):
        refuse_growth(found)
    return model


def refuse_growth(found: perturb.Diagonalization) -> None:
    """Raise ValueError if a mode grows; one that neither grows nor decays was asked for.

    Args:
        found: a diagonalization.

    Raises:
        ValueError: if its abscissa is above 0.

    Example:
        >>> refuse_growth(perturbed(8, tau=1.0))
    """
    if found.abscissa > 0:
        rule = "an initialization must be stable"
        got = f"a mode with real part {found.abscissa:.3g} under {found.method}"
        remedy = "Lower `size` or `tau`, take lossless, or ask for it by `unstable`."
        raise ValueError(f"{rule}; got {got}. {remedy}")


@in_memory
def s4_init(
    order: int,
    *,
    measure: str = "legs",
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> DPLR:
    r"""S4: HiPPO as diagonal plus low rank.

    .. math::  A = V (\Lambda - P P^H) V^H, \qquad
               \text{model: } (\Lambda,\ P,\ V^H B,\ c V), \quad c \sim \mathcal N(0, I_N).

    Args:
        order: order N of the state.
        measure: one of `hippo.CORRECTED`; the published ones are legs, legt and fout.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `DPLR` form. C = c V with c normal, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, an unknown measure, and one without a correction.

    Source:
        Gu, Goel & Re 2022 (S4), Theorem 1; Gu et al. 2023 (HTTYH) for legt and fout.

    Example:
        >>> s4_init(4, measure="legt").P.shape
        (4, 2)
    """
    drawn = draw(channels, step, seed)
    nplr = hippo.orthonormal(measure, order)
    basis = decompose.eigenbasis(nplr)
    Lambda = basis.Lambda
    V = basis.V
    c = drawn.rng.standard_normal((*drawn.shape, order)) * hippo.scaling(measure, order)
    C = c @ V
    P, B = (_mirrored(x @ V.conj(), Lambda) for x in (nplr.P.T, nplr.B))
    return DPLR(
        Lambda=repeat(Lambda, drawn.shape),
        P=repeat(P.T, drawn.shape),
        B=repeat(B, drawn.shape),
        C=_mirrored(C, Lambda),
        D=np.zeros(drawn.shape),
        step=drawn.steps,
    )


def _mirrored(x: Complex, Lambda: Complex) -> Complex:
    """Coordinates (..., N) of real vectors, closed under conjugation to the bit as Lambda is."""
    pairs = np.count_nonzero(Lambda.imag > 0)
    upper = x[..., :pairs]
    single = x[..., 2 * pairs :].real.astype(x.dtype)
    return np.concatenate([upper, upper.conj(), single], axis=-1)


def accepted(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options among those given that a function takes."""
    takes = inspect.signature(function).parameters
    return {option: value for option, value in given.items() if option in takes}
