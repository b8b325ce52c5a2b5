"""DSS and DLR: diagonal models with one-sided spectra."""

from __future__ import annotations

import math

import numpy as np

from .. import decompose, hippo
from ..forms import Paired, Recurrence
from ..ground import require
from ..ground.backend import Complex
from .memory_door import in_memory
from .random_parameters import STEP, Step, draw, log_uniform, modal, refuse_edge


@in_memory
def dss_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""DSS (exp): the upper half of the normal spectrum of HiPPO-LegS, one-sided.

    .. math::  K_l = \operatorname{Re} \sum_n W_n\,
               \frac{e^{\Delta A_n} - 1}{A_n}\, e^{l \Delta A_n}

    under a zero-order hold, with N modes of the spectrum of order 2N. Published without the factor
    2 of a half spectrum, hence B = 1/2 here.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C = W is complex normal, E|W|^2 = 2, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gupta, Gu & Berant 2022 (DSS), Proposition 1 and Section 3.

    Example:
        >>> dss_init(2).A.round(4)
        array([-0.5+0.5565j, -0.5+4.6033j])
    """
    order = require.integer("order", order)
    Lambda = decompose.diagonalize(hippo.legs(2 * order)).Lambda[:order]
    form = modal(Lambda, np.full(order, 0.5), draw(channels, step, seed))
    return form._replace(C=math.sqrt(2) * form.C)


@in_memory
def dss_softmax_init(
    order: int,
    *,
    length: int = 1024,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Recurrence:
    r"""DSS (softmax): the modes of `dss_init`, each normalized over the samples of a sequence.

    .. math::  K_l = \mathrm{Re} \sum_n \frac{W_n}{A_n}\,
               \frac{e^{l \Delta A_n}}{\sum_{r < L} e^{r \Delta A_n}}, \qquad
               \sum_{r<L} e^{r z} = \frac{e^{Lz} - 1}{e^z - 1} .

    Args:
        order: number N of modes.
        length: samples L, on which the published layer depends.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Recurrence`. W is complex normal, E|W|^2 = 2, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and where a step is too small for modes to decay or
            so large that it overflows.

    Source:
        Gupta, Gu & Berant 2022 (DSS), Proposition 1(b).

    Example:
        >>> dss_softmax_init(4, length=16).A.shape
        (4,)
    """
    length = require.integer("length", length)
    form = dss_init(order, channels=channels, step=step, seed=seed)
    z = _exponents(form, length)
    A = np.exp(z)
    refuse_edge(A, "Raise `step`.")
    # Exact near z = 0, where the plain quotient loses every digit.
    B = 2 * form.B * np.expm1(z) / np.expm1(length * z)
    return Recurrence(A, B, form.C / form.A, form.D)


def _exponents(form: Paired, length: int) -> Complex:
    """step A, refused where its multiples up to `length` overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = form.step[..., None] * form.A
        fits = np.isfinite(length * z)
    if not np.all(fits):
        rule = f"step A times {length} must fit double precision"
        got = f"a step of {float(np.max(form.step)):g}"
        raise ValueError(f"{rule}; got {got}. Lower `step`.")
    return z


@in_memory
def dss_no_scale_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Recurrence:
    r"""DSS (exp-no-scale): the modes of `dss_init`, their exponentials taken as they are.

    .. math::  K_l = \mathrm{Re} \sum_n W_n\, e^{l \Delta A_n} .

    So the kernel begins at Re sum W, of variance N, whatever the step. Version "clip-no-scale"
    starts alike, "clip" and "exp-re-im" as `dss_init`.

    Args:
        order: number N of modes.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Recurrence` of B = 1. C = W is complex normal, E|W|^2 = 2, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and where a step is too small for modes to decay or
            so large that it overflows.

    Source:
        Gupta, Gu & Berant 2022 (DSS), the ablation; ag1988/dss, version "exp-no-scale".

    Example:
        >>> dss_no_scale_init(4, step=0.1).A.round(4)
        array([ 0.9504+0.0407j,  0.9331+0.185j ,  0.8181+0.4853j, -0.3835+0.8705j])
    """
    form = dss_init(order, channels=channels, step=step, seed=seed)
    A = np.exp(_exponents(form, 1))
    refuse_edge(A, "Raise `step`.")
    return Recurrence(A, 2 * form.B, form.C, form.D)


@in_memory
def dlr_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = (1e-4, 1e-1),
    seed: int = 0,
) -> Recurrence:
    r"""DLR: a ring just inside the unit circle.

    .. math::  A_n = e^{-d_n/2 + 2 \pi i n/N}, \qquad B_n = 1.

    Born discrete: `step` only draws the decay.

    Args:
        order: order N of the state.
        channels: H, a leading axis of C and D; None gives none. A is shared by all channels.
        step: the interval of the decays d_n, or one number.
        seed: of C and the decays.

    Returns:
        A `Recurrence`. C is complex normal over N, and d_n are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and where a decay is too small for double precision.

    Source:
        Gupta, Mehta & Berant 2022 (arXiv 2212.00768), Section 3 and Appendix.

    Example:
        >>> bool(np.all(np.abs(dlr_init(16).A) < 1))
        True
    """
    order = require.integer("order", order)
    rng, shape, _ = draw(channels, step, seed)
    decay = log_uniform(rng, step, (order,))
    A = np.exp(-decay / 2 + 2j * math.pi * np.arange(order) / order)
    refuse_edge(A, "Raise `step`.")
    real = rng.standard_normal((*shape, order))
    imaginary = rng.standard_normal((*shape, order))
    return Recurrence(A, np.ones(order) + 0j, (real + 1j * imaginary) / order, np.zeros(shape))
