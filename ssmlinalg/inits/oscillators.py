r"""LinOSS and D-LinOSS: forced linear oscillators y'' = -A y - G y' + B u, sampled step by step.

Every scheme is a real 2 x 2 recurrence of (step y', y) with input 0 before the impulse, so the
position after an impulse of size 1 is

.. math::  m_l = g\, \frac{\mathrm{Im}\, z^{l+1}}{\mathrm{Im}\, z}
               = 2\,\mathrm{Re}(\beta z^l), \qquad \beta = \frac{g z}{2 i\,\mathrm{Im}\, z} ,

with the eigenvalues z, z^* and the gain g of the scheme, w = step^2 A and S = 1 + step G:

=========  ======================  ==========================================  ================
scheme     Re z                    (Im z)^2                                    g
=========  ======================  ==========================================  ================
im         1/(1 + w)               w/(1 + w)^2                                 step^2/(1 + w)
imex       1 - w/2                 w (1 - w/4)                                 step^2
damped     (1 + S - w)/(2 S)       (w - (sqrt S - 1)^2)((sqrt S + 1)^2 - w)    step^2/S
                                   / (2 S)^2
=========  ======================  ==========================================  ================

B and C of the published layers are complex and their state is not closed under conjugation. As
Re(C B) m_l = Re C Re B m_l - Im C Im B m_l, a layer of N oscillators is exactly a recurrence that
stores 2 N modes: z once with Re B, once more with Im B.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..forms import MIMORecurrence
from ..ground import require
from ..ground.backend import Complex, Real
from .memory_door import in_memory
from .random_parameters import refuse_edge, width_of

SCHEMES = ("im", "imex", "damped")
_LEAST = 1e-100  # radius and phase, whose squares are positive in double precision
_DEVIATION = 0.5  # of the number whose sigmoid is the step


class Oscillators(NamedTuple):
    """The sampled oscillators of a layer.

    Attributes:
        real: Re z (N,).
        square: (Im z)^2 (N,), not positive where z is a pair of real modes.
        gain: g (N,), the position after one sample.
    """

    real: Real
    square: Real
    gain: Real


def sampled_oscillators(A: Real, G: Real, step: Real, scheme: str) -> Oscillators:
    """The sampled oscillators with stiffness A, damping G (used by "damped" only) and those steps.

    Args:
        A: stiffness (N,), not negative.
        G: damping (N,), not negative.
        step: steps (N,), positive.
        scheme: "im", "imex" or "damped".

    Returns:
        The `Oscillators` of the table above.

    Accuracy:
        A few roundings in every entry.

    Source:
        Rusch & Rus 2025 (LinOSS, arXiv 2410.03943), Section 2; Boyer, Rusch & Rus 2025 (D-LinOSS,
        arXiv 2505.12171).

    Example:
        >>> found = sampled_oscillators(np.ones(1), np.zeros(1), np.full(1, 0.5), "im")
        >>> (found.real**2 + found.square).round(12)  # 1/(1 + step^2 A)
        array([0.8])
    """
    w = step**2 * A
    if scheme == "im":
        S = 1 + w
        return Oscillators(1 / S, w / S**2, step**2 / S)
    if scheme == "imex":
        return Oscillators(1 - w / 2, w * (1 - w / 4), step**2)
    S = 1 + step * G
    least = np.expm1(np.log1p(step * G) / 2) ** 2  # (sqrt S - 1)^2
    largest = (np.sqrt(S) + 1) ** 2
    square = (w - least) * (largest - w) / (2 * S) ** 2
    return Oscillators((1 + S - w) / (2 * S), square, step**2 / S)


def oscillating(found: Oscillators, B: Complex, C: Complex, D: Real) -> MIMORecurrence:
    """The recurrence of a layer with B (N, M) and C (P, N), all its modes complex.

    Args:
        found: oscillators whose `square` is positive.
        B: the inputs, complex.
        C: the outputs, complex.
        D: the direct path (P, M).

    Returns:
        A `MIMORecurrence` of 2 N stored modes: all z with Re B, then all z with Im B.

    Example:
        >>> one = np.ones((1, 1))
        >>> found = Oscillators(np.zeros(1), np.ones(1), np.ones(1))
        >>> oscillating(found, one, one, 0 * one).A.imag
        array([1., 1.])
    """
    imag = np.sqrt(found.square)
    z = found.real + 1j * imag
    beta = found.gain * z / (2j * imag)
    return MIMORecurrence(
        A=np.tile(z, 2),
        B=np.concatenate([B.real, B.imag]) + 0j,
        C=np.concatenate([C.real * beta, -C.imag * beta], axis=-1),
        D=D,
    )


@in_memory
def linoss_init(
    order: int,
    *,
    channels: int | None = None,
    scheme: str = "im",
    seed: int = 0,
) -> MIMORecurrence:
    r"""LinOSS: undamped oscillators, sampled implicitly.

    .. math::  A_n \sim U[0, 1], \qquad \text{step} = \sigma(s), \quad s \sim \mathcal N(0, 1/4),
               \qquad |z|^2 = \frac{1}{1 + \text{step}^2 A} .

    "imex" samples without loss instead: |z| = 1, so that the model forgets nothing.

    Args:
        order: number N of oscillators; 2 N modes are stored.
        channels: M, the number of inputs and of outputs; None is 1.
        scheme: "im" or "imex".
        seed: of all that is drawn.

    Returns:
        A `MIMORecurrence`. Re and Im of the published B (N, M) are uniform within 1/sqrt(M), of C
        within 1/sqrt(N), D is standard normal on the diagonal; see the page of this file for the
        modes.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range, and for an unknown scheme.

    Source:
        Rusch & Rus 2025 (LinOSS, arXiv 2410.03943), Section 2; the step as in discretax.

    Example:
        >>> model = linoss_init(4, channels=2)
        >>> model.B.shape, bool(np.all(np.abs(model.A) < 1))
        ((8, 2), True)
        >>> bool(np.allclose(np.abs(linoss_init(4, scheme="imex").A), 1, rtol=0, atol=1e-15))
        True
    """
    order = require.integer("order", order)
    width = width_of(channels)
    require.known("scheme", scheme, SCHEMES[:2])
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    A = 1 - rng.uniform(size=order)  # not 0, which is no oscillator
    found = sampled_oscillators(A, np.zeros(order), _steps(rng, order), scheme)
    return oscillating(found, *_ports(rng, order, width))


@in_memory
def d_linoss_init(
    order: int,
    *,
    channels: int | None = None,
    r_min: float = 0.9,
    r_max: float = 1.0,
    max_phase: float = math.pi,
    seed: int = 0,
) -> MIMORecurrence:
    r"""D-LinOSS: damped oscillators whose modes are drawn from a ring.

    .. math::  |z_n|^2 \sim U(r_\text{min}^2, r_\text{max}^2), \quad
               \arg z_n \sim U(0, \text{max\_phase}), \qquad
               S = |z|^{-2}, \quad \text{step}^2 A = |1 - z|^2 S .

    Args:
        order: number N of oscillators; 2 N modes are stored.
        channels: M, the number of inputs and of outputs; None is 1.
        r_min: smallest radius, above 1e-100.
        r_max: largest radius, at most 1.
        max_phase: largest phase, in radians a sample, at most pi.
        seed: of all that is drawn.

    Returns:
        A `MIMORecurrence`, its steps, B, C and D drawn as in `linoss_init`.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: unless 1e-100 < r_min <= r_max <= 1 and max_phase > 1e-100, for modes on the
            unit circle, and for other numbers out of range.

    Source:
        Boyer, Rusch & Rus 2025 (D-LinOSS, arXiv 2505.12171); bounds as in discretax.

    Example:
        >>> radius = np.abs(d_linoss_init(64).A)
        >>> bool(radius.min() >= 0.9), bool(radius.max() < 1)
        (True, True)
    """
    order = require.integer("order", order)
    width = width_of(channels)
    r_min = require.real("r_min", r_min, above=_LEAST)
    r_max = require.real("r_max", r_max)
    max_phase = require.real("max_phase", max_phase, above=_LEAST)
    if not r_min <= r_max <= 1:
        rule = "radii must satisfy 0 < r_min <= r_max <= 1"
        raise ValueError(f"{rule}; got {r_min:g} and {r_max:g}. Give for example 0.9 and 0.999.")
    if max_phase > math.pi:
        rule = "`max_phase` must be at most pi, for the other half are conjugates"
        raise ValueError(f"{rule}; got {max_phase:g}. Give for example 0.1.")
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    radius = np.sqrt(r_min**2 + rng.uniform(size=order) * (r_max**2 - r_min**2))
    phase = max_phase * (1 - rng.uniform(size=order))
    refuse_edge(radius + 0j, "Lower `r_min`.")
    gain = (_steps(rng, order) * radius) ** 2
    found = Oscillators(radius * np.cos(phase), (radius * np.sin(phase)) ** 2, gain)
    return oscillating(found, *_ports(rng, order, width))


def _steps(rng: np.random.Generator, order: int) -> Real:
    """Sigmoids of normal numbers."""
    return 1 / (1 + np.exp(-_DEVIATION * rng.standard_normal(order)))


def _ports(rng: np.random.Generator, order: int, width: int) -> tuple[Complex, Complex, Real]:
    """B (N, M), C (M, N) and the diagonal D of the published layers."""

    def within(bound: float, shape: tuple[int, ...]) -> Complex:
        real, imag = rng.uniform(-bound, bound, (2, *shape))
        return real + 1j * imag

    B = within(1 / math.sqrt(width), (order, width))
    C = within(1 / math.sqrt(order), (width, order))
    return B, C, np.diag(rng.standard_normal(width))
