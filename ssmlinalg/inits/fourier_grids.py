"""S4D-DFouT and its variants: poles placed on the circle of the samples, without a step."""

from __future__ import annotations

import math

import numpy as np

from ..forms import PairedRecurrence, Recurrence
from ..ground import require
from ..ground.backend import Complex, Real
from .memory_door import in_memory
from .random_parameters import STEP, Draws, Step, complex_normal, draw, refuse_edge, repeat, stream


@in_memory
def s4d_dfout_init(
    order: int,
    *,
    channels: int | None = None,
    decay: Step = STEP,
    seed: int = 0,
) -> Recurrence:
    r"""S4D-DFouT: poles on the discrete Fourier grid, turned from channel to channel.

    .. math::  A_{h,n} = e^{-\xi_h/2 + i(2 \pi n/N + \phi_h)}, \qquad
               \phi_h = \frac{2 \pi}{N} \frac{h}{H}, \qquad B_n = 1, \qquad h = 0, \dots, H - 1.

    The H channels together divide the circle into N H equal parts. Born discrete, hence no step:
    xi has an interval of its own.

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        decay: the interval that xi_h is drawn from, or one number.
        seed: of C and the decays.

    Returns:
        A `Recurrence`. C is complex normal, E|C|^2 = 1, and xi_h are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and where a decay is too small for double precision.

    Source:
        Solozabal et al. 2025 (arXiv 2508.20441), S4D-DFouT; h counts from 1 there.

    Example:
        >>> model = s4d_dfout_init(4, channels=2)
        >>> (np.angle(model.A) / np.pi).round(6) % 2
        array([[0.  , 0.5 , 1.  , 1.5 ],
               [0.25, 0.75, 1.25, 1.75]])
    """
    order = require.integer("order", order)
    drawn = draw(channels, decay, seed)
    turns = np.arange(order) / order + _shift(order, drawn.shape)
    return _ring(turns, drawn)


@in_memory
def s4d_dfout_half_init(
    order: int,
    *,
    channels: int | None = None,
    decay: Step = STEP,
    seed: int = 0,
) -> PairedRecurrence:
    r"""S4D-DFouT of the half plane: the poles of `s4d_dfout_init` from 0 to pi, with conjugates.

    .. math::  A_{h,n} = e^{-\xi_h/2 + i(2 \pi n/N + \phi_h)}, \qquad n = 0, \dots, \lceil N/2
               \rceil, \qquad B_n = 1 .

    A pole that is real has B = 1/2.

    Args:
        order: order N of the whole grid; ceil(N/2) + 1 poles are stored.
        channels: H, a leading axis of every field; None gives none.
        decay: the interval that xi_h is drawn from, or one number.
        seed: of C and the decays.

    Returns:
        A `PairedRecurrence`. C is complex normal, E|C|^2 = 1, and xi_h are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and where a decay is too small for double precision.

    Source:
        Solozabal et al. 2025 (arXiv 2508.20441), the variant of the half plane.

    Example:
        >>> (np.angle(s4d_dfout_half_init(4).A) / np.pi).round(6)
        array([0. , 0.5, 1. ])
    """
    order = require.integer("order", order)
    drawn = draw(channels, decay, seed)
    turns = np.arange(-(-order // 2) + 1) / order + _shift(order, drawn.shape)
    form = _ring(turns, drawn)
    return PairedRecurrence(
        form.A, np.where(form.A.imag == 0, 0.5 * form.B, form.B), form.C, form.D
    )


@in_memory
def s4d_token_init(
    order: int,
    *,
    channels: int | None = None,
    decay: Step = STEP,
    seed: int = 0,
) -> Recurrence:
    r"""S4D-Token: poles whose periods are 1, 2, ... N samples.

    .. math::  A_{h,n} = e^{-\xi_h/2 + 2 \pi i/n}, \qquad B_n = 1, \qquad n = 1, \dots, N .

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        decay: the interval that xi_h is drawn from, or one number.
        seed: of C and the decays.

    Returns:
        A `Recurrence`. C is complex normal, E|C|^2 = 1, and xi_h are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and where a decay is too small for double precision.

    Source:
        Solozabal et al. 2025 (arXiv 2508.20441), the variant Token.

    Example:
        >>> (np.angle(s4d_token_init(4).A) / np.pi).round(6) % 2
        array([0.      , 1.      , 0.666667, 0.5     ])
    """
    order = require.integer("order", order)
    drawn = draw(channels, decay, seed)
    return _ring(repeat(1 / np.arange(1, order + 1), drawn.shape), drawn)


@in_memory
def s4d_rndimag_init(
    order: int,
    *,
    channels: int | None = None,
    decay: Step = STEP,
    seed: int = 0,
) -> Recurrence:
    r"""S4D-RndImag: poles at random angles.

    .. math::  A_{h,n} = e^{-\xi_h/2 + i \theta_{h,n}}, \qquad \theta_{h,n} \sim U[0, 2 \pi), \qquad
               B_n = 1 .

    Args:
        order: order N of the state.
        channels: H, a leading axis of every field; None gives none.
        decay: the interval that xi_h is drawn from, or one number.
        seed: of C and the decays; the angles have a stream of their own.

    Returns:
        A `Recurrence`. C is complex normal, E|C|^2 = 1, and xi_h are log-uniform.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and where a decay is too small for double precision.

    Source:
        Solozabal et al. 2025 (arXiv 2508.20441), the variant RndImag.

    Example:
        >>> s4d_rndimag_init(8, channels=3).A.shape
        (3, 8)
    """
    order = require.integer("order", order)
    drawn = draw(channels, decay, seed)
    return _ring(stream(seed, 1).uniform(size=(*drawn.shape, order)), drawn)


def _shift(order: int, shape: tuple[int, ...]) -> Real:
    """The turns by which the grid of each channel is ahead of the first, (..., 1)."""
    count = math.prod(shape)
    return (np.arange(count) / (order * count)).reshape(*shape, 1)


def _ring(turns: Real, drawn: Draws) -> Recurrence:
    """Poles at those turns (..., n), of one modulus in each channel, with B = 1."""
    A = np.exp(-drawn.steps / 2)[..., None] * _on_circle(turns)
    refuse_edge(A, "Raise `decay`.")
    C = complex_normal(drawn.rng, A.shape)
    return Recurrence(A, np.ones_like(A), C, np.zeros(drawn.shape))


def _on_circle(turns: Real) -> Complex:
    """e^{2 pi i t}, exact at quarters of a turn."""
    quarters = np.round(4 * turns)
    rest = np.exp(2j * math.pi * (turns - quarters / 4))
    return rest * np.array([1, 1j, -1, -1j])[quarters.astype(int) % 4]
