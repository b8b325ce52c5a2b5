"""S4D and Mamba: half spectra that are given by a formula or by the normal part of HiPPO-LegS."""

from __future__ import annotations

import math

import numpy as np

from .. import decompose, hippo
from ..forms import Paired
from ..ground import require
from ..ground.backend import Real
from .memory_door import in_memory
from .random_parameters import STEP, Draws, Step, draw, modal, stream, upper_half

LEAST_MAMBA_STEP = 1e-4  # `dt_init_floor` of the published code
_CLIP = 2.0  # of Im B in state-spaces/s4


@in_memory
def s4d_lin_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-Lin: evenly spaced frequencies.

    .. math::  A_n = -\tfrac12 + i \pi n, \qquad B_n = 1.

    At even orders the pair n = 0 is a double real pole, as published; at odd orders it is a single
    one.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C is complex normal, E|C|^2 = 1, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gu et al. 2022 (S4D), equation 9.

    Example:
        >>> s4d_lin_init(8).A
        array([-0.5+0.j        , -0.5+3.14159265j, -0.5+6.28318531j, -0.5+9.42477796j])
    """
    order = require.integer("order", order)
    n = np.arange(order // 2) + order % 2
    return _damped_half(math.pi * n, order, draw(channels, step, seed))


@in_memory
def s4d_inv_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-Inv: the spectrum of S4D-LegS by its asymptotic law.

    .. math::  A_n = -\tfrac12 + i \frac{N}{\pi} \left( \frac{N}{2n+1} - 1 \right), \qquad B_n = 1.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C is complex normal, E|C|^2 = 1, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gu et al. 2022 (S4D), equation 8.

    Example:
        >>> s4d_inv_init(4).A.imag.round(6)
        array([3.819719, 0.424413])
    """
    order = require.integer("order", order)
    n = np.arange(order // 2)
    frequency = order / math.pi * (order / (2 * n + 1) - 1)
    return _damped_half(frequency, order, draw(channels, step, seed))


@in_memory
def s4d_inv2_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-Inv2: the law of S4D-Inv with n + 1 in place of 2n + 1.

    .. math::  A_n = -\tfrac12 + i \frac{N}{\pi} \left( \frac{N}{n+1} - 1 \right), \qquad B_n = 1.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C is complex normal, E|C|^2 = 1, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        state-spaces/s4, dplr.py.

    Example:
        >>> s4d_inv2_init(4).A.imag.round(6)
        array([3.819719, 1.27324 ])
    """
    order = require.integer("order", order)
    n = np.arange(order // 2)
    frequency = order / math.pi * (order / (n + 1) - 1)
    return _damped_half(frequency, order, draw(channels, step, seed))


@in_memory
def s4d_quad_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-Quad: frequencies that grow quadratically.

    .. math::  A_n = -\tfrac12 + i \frac{(2n+1)^2}{\pi}, \qquad B_n = 1.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C is complex normal, E|C|^2 = 1, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gu et al. 2022 (S4D), Section 5.

    Example:
        >>> s4d_quad_init(4).A.imag.round(6)
        array([0.31831 , 2.864789])
    """
    order = require.integer("order", order)
    frequency = (2 * np.arange(order // 2) + 1) ** 2 / math.pi
    return _damped_half(frequency, order, draw(channels, step, seed))


@in_memory
def s4d_rand_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-Rand: random frequencies.

    .. math::  A_n = -\tfrac12 + i e^{g_n}, \quad g_n \sim \mathcal N(0, 1), \qquad B_n = 1.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. A has a stream of its own, C is complex normal, E|C|^2 = 1,
        and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gu et al. 2022 (S4D), Section 5.

    Example:
        >>> bool(np.all(s4d_rand_init(8).A.imag > 0))
        True
    """
    order = require.integer("order", order)
    # A stream of its own keeps C and step those of the other initializations with this seed.
    seed = require.integer("seed", seed, least=0)
    frequency = np.exp(stream(seed, 1).standard_normal(order // 2))
    return _damped_half(frequency, order, draw(channels, step, seed))


@in_memory
def s4d_real_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-Real: real poles, -1 to -N.

    .. math::  A_n = -(n + 1), \quad B_n = 1, \qquad n = 0, \dots, N - 1.

    B is stored as 1/2 in a half spectrum.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C is complex normal, E|C|^2 = 1, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gu et al. 2022 (S4D), Section 5; Gu & Dao 2023 (Mamba), Section 3.6.

    Example:
        >>> s4d_real_init(4).A.real
        array([-1., -2., -3., -4.])
    """
    order = require.integer("order", order)
    poles = -(np.arange(order) + 1.0)
    return modal(poles + 0j, np.full(order, 0.5), draw(channels, step, seed))


@in_memory
def s4d_legs_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-LegS: the normal part of HiPPO-LegS.

    .. math::  A + \tfrac12 B B^T = V \Lambda V^H, \qquad
               \text{model: } (\Lambda,\ \tfrac12 V^H B,\ C).

    In our choice of phases the input is positive. The kernel of the system (A + B B^T/2, B/2) tends
    to that of LegS weakly, but not uniformly over frequencies.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C is complex normal, E|C|^2 = 1, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gu et al. 2022 (S4D), Theorem 3.

    Example:
        >>> s4d_legs_init(4).A.round(4)
        array([-0.5+0.5565j, -0.5+4.6033j])
    """
    normal = decompose.diagonalize(hippo.legs(order))
    return upper_half(normal.Lambda, normal.B / 2, draw(channels, step, seed))


@in_memory
def s4d_legs_clipped_init(
    order: int,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4D-LegS as state-spaces/s4 ships it, with Im B cut to +-2.

    .. math::  B = \operatorname{Re} b + i \max(-2, \min(2, \operatorname{Im} b)), \qquad
               b = V^H B_\text{legs},

    not halved, each eigenvector with a real first entry. The cut changes B by 91 % at N = 64: this
    is not HiPPO-LegS, and is here to reproduce published runs.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of C and the steps.

    Returns:
        A `Paired` form. C is complex normal, E|C|^2 = 1, and the steps are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        state-spaces/s4, hippo.py (B_clip) and dplr.py.

    Example:
        >>> bool(np.abs(s4d_legs_clipped_init(64).B.imag).max() == 2)
        True
    """
    legs = hippo.legs(order)
    basis = decompose.eigenbasis(legs)
    V = basis.V * np.exp(-1j * np.angle(basis.V[0]))
    B = V.conj().T @ legs.B
    clipped = B.real + 1j * np.clip(B.imag, -_CLIP, _CLIP)
    return upper_half(basis.Lambda, clipped, draw(channels, step, seed))


@in_memory
def mamba_init(
    order: int = 16,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""Mamba: the real poles of S4D-Real, with a skip connection.

    .. math::  A_n = -(n + 1), \quad B_n = C_n = D = 1, \qquad n = 0, \dots, N - 1.

    B and C depend on the input in Mamba; here they are 1 (B stored as 1/2). Sample with
    rule="mamba".

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of the steps.

    Returns:
        A `Paired` form. The steps are log-uniform and at least 1e-4.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Gu & Dao 2023 (Mamba), Section 3.6.

    Example:
        >>> mamba_init(4).D
        array(1.)
    """
    form = s4d_real_init(order, channels=channels, step=step, seed=seed)
    steps = np.maximum(form.step, LEAST_MAMBA_STEP)
    return form._replace(C=np.ones_like(form.C), D=np.ones_like(form.D), step=steps)


def _damped_half(frequency: Real, order: int, drawn: Draws) -> Paired:
    """Pairs -1/2 +- i frequency with B = 1; at odd orders the real mode -1/2, its B halved."""
    single = order % 2
    A = -0.5 + 1j * np.concatenate([np.zeros(single), frequency])
    B = np.concatenate([np.full(single, 0.5), np.ones(len(frequency))])
    return modal(A, B, drawn)
