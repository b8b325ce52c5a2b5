r"""Convergence of S4D-LegS to HiPPO-LegS as the order grows: of states, kernels and outputs.

S4D-LegS is the normal part S = A + b b^T/2 of HiPPO-LegS driven by b/2. Everything is known of it
through one all-pass function. With the states g = (s - A)^{-1} b and g~ = (s - S)^{-1} b/2, and
r^2 = w^2 + N^2,

.. math::  \tilde g = F g, \qquad F = \frac{1}{1 + \Phi}, \qquad
           \Phi(s) = \prod_{k<N} \frac{s - k}{s + k + 1}, \qquad
           |\Phi(i w)| = \frac{w}{r}, \qquad |g(i w)| = \frac{N}{r}.

For any complex number 1/|1 + Phi|^2 = (2 Re F - 1)/(1 - |Phi|^2), and 1 - |Phi|^2 = N^2/r^2 on the
imaginary axis. So there, coefficient by coefficient,

.. math::  |g_k - \tilde g_k|^2 = \frac{w^2}{N^2}\, |g_k|^2\, (2 \operatorname{Re} F - 1).

(2 Re F - 1) dw is a positive measure, N lines of width 1 or so at the frequencies of S. F is
analytic to the right of the axis and tends to 1 there, so the measure tends to dw against every
continuous function of O(1/(1 + w^2)): hence a rate of 1/N for inputs with a continuous u^ of
O(1/w). Its integrals against rational functions are values of F: the exact energies below.

Each function of an order returns the figure of one of `CLAIMS` as `ClaimedFigure`. K and K~ are the
kernels of the first coefficient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy
import scipy.linalg

from .. import decompose, hippo
from ..forms import Diagonal, pair
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..kernels import kernel, kernel_at
from ..lossless import chain
from ..matrices.frequency_supremum import supremum
from .claimed_figure import ClaimedFigure, around

_HORIZON = 5.0  # of sampled kernels, in units of time: e^{-5} is left of K = e^{-t}


def frequencies(order: int) -> Real:
    """The frequencies mu_0 > mu_1 > ... > 0 of S."""
    return chain.frequencies(_chain(order))[::-1]


def fixed_frequency(order: int, w: float = 1.0) -> ClaimedFigure:
    """N |g - g~|/(w |g|) at i w, the same for every coefficient: N/w |Phi|/|1 + Phi|."""
    r = math.hypot(w, order)  # |Phi| = w/r
    rounding = 64 * EPS * order
    error = float(_relative_error(order, np.array([w]))[0])
    return ClaimedFigure(
        value=order / w * error,
        low=order / (r + w) - rounding,
        high=order / (r - w) + rounding,
    )


def decaying_input(order: int) -> ClaimedFigure:
    """N |y - y~| in L2 for u = e^{-t}.

    Its square is the mean of w^2/(1 + w^2)^2, 1/4 + F'(1)/2, and F'(1) = -Phi'(1).
    """
    slope = -((-1) ** order) / (order * (order**2 - 1))  # F'(1)
    residues, poles = _error_modes(order)
    return around(
        value=order * math.sqrt(_filtered_energy(residues, poles)),
        predicted=math.sqrt(0.25 + slope / 2),
        slack=8 * EPS * order**2,
    )


def impulse(order: int) -> ClaimedFigure:
    """|K - K~|^2 in L2, the mean of w^2/(N^2 + N^2 w^2).

    The residues of F sum to N^2/4, and F(1) = 1.
    """
    residues, poles = _error_modes(order)
    return around(
        value=_energy(residues, poles),
        predicted=0.25 - 0.5 / order**2,
        slack=64 * EPS,
    )


def impulse_state(order: int) -> ClaimedFigure:
    """|x - x~|^2/|x|^2 in L2 of the states after an impulse, where |x|^2 = N/2.

    The mean of w^2/r^2 is N^2/4 - N (F(N) - 1/2), and Phi(N) = 1/binom(2N, N).
    """
    A, b, _ = hippo.legs(order)
    A = np.asarray(A)
    half = np.outer(b, b) / 2
    S = A + half
    products = scipy.linalg.solve_sylvester(A, S.T, -half)  # int x x~^T dt
    inner = float(np.trace(products))
    Phi = 1 / math.comb(2 * order, order)
    F = 1 / (1 + Phi)
    return around(
        value=1 + order / 2 - 4 / order * inner,  # |x~|^2 = |b/2|^2, for S + I/2 is skew
        predicted=order / 2 + 1 - 2 * F,
        slack=64 * EPS * order**2,
    )


def state_spike(order: int) -> ClaimedFigure:
    """sup |g - g~| over 2N/pi.

    At the last frequency mu of S, where Phi is near -w/r, it is w (r + w)/(N r).
    """
    rounding = EPS * order**2

    def error(w: Real) -> Real:
        return order / np.hypot(w, order) * _relative_error(order, w)

    height = _highest(error, order)
    low = 1 - 5 * math.pi**2 / (12 * order**2)
    return ClaimedFigure(
        value=height * math.pi / (2 * order),
        low=low - rounding,
        high=1 + rounding,
    )


def spike(order: int) -> ClaimedFigure:
    """sup |g_0 - g~_0| over 2/pi.

    At the last frequency mu of S it is (r + w)/N^2, so 1 + pi^2/(12 N^2).
    """
    rounding = EPS * order**2
    height = _highest(partial(_first_error, order), order)
    high = 1 + math.pi**2 / (12 * order**2)
    return ClaimedFigure(
        value=height * math.pi / 2,
        low=1 - rounding,
        high=high + rounding,
    )


def third_spike(order: int, m: int = 2) -> ClaimedFigure:
    """|g_0 - g~_0| at mu_m over 2/(pi (2m+1)), as `spike` at mu_0."""
    rounding = EPS * order**2
    odd = 2 * m + 1
    w = frequencies(order)[m : m + 1]
    height = float(_first_error(order, w)[0])
    high = 1 + (math.pi * odd / order) ** 2 / 12
    return ClaimedFigure(
        value=height * math.pi * odd / 2,
        low=1 - rounding,
        high=high + rounding,
    )


def weak_limit(order: int, s: complex = 0.25 + 1j) -> ClaimedFigure:
    """|1 - g~/g| N^{2 Re s + 1} over |Gamma(s+1)/Gamma(-s)|: Phi is a quotient of four Gammas."""
    Phi = complex(_phi(order, np.array([s]))[0])
    gamma = scipy.special.gamma
    limit = abs(gamma(s + 1) / gamma(-s)) * order ** (-2 * s.real - 1)
    error = abs(Phi / (1 + Phi))
    return around(value=error / limit, predicted=1.0, slack=1 / order)


def pointwise(order: int) -> ClaimedFigure:
    """max |K - K~| for 1/2 <= t <= 5/2, K = e^{-t}, at eight points to a period of the top mode."""
    top = float(frequencies(order)[0])
    t = np.linspace(0.5, 2.5, 100 + int(8 * top / math.pi))
    K = kernel_at(pair(_s4d(order)), t)
    error = np.abs(K - np.exp(-t))
    return ClaimedFigure(
        value=float(np.max(error)),
        low=0.5,
        high=1.0,
    )


def averaged(order: int, step: float = 1e-2) -> ClaimedFigure:
    """max |K_l - K~_l|/step under zoh, times sqrt(N^2 step/pi)."""
    scale = order * math.sqrt(step / math.pi)
    return ClaimedFigure(
        value=sampled_error(order, step) * scale,
        low=0.0,
        high=1.6,
    )


def resolved(order: int, step: float = 1e-3) -> ClaimedFigure:
    """max |K_l - K~_l|/step under zoh, where N^2/pi < 1/step, so that all modes are resolved."""
    return ClaimedFigure(
        value=sampled_error(order, step),
        low=0.45,
        high=0.95,
    )


def sampled_error(order: int, step: float) -> float:
    """max |K_l - K~_l|/step under zoh for t <= 5, where K_l = e^{-l step} (1 - e^{-step})."""
    t = step * np.arange(round(_HORIZON / step))
    K = kernel(pair(_s4d(order, step)), len(t), rule="zoh")
    exact = -np.exp(-t) * math.expm1(-step)
    error = np.abs(K - exact)
    return float(np.max(error)) / step


def _chain(order: int) -> Real:
    """a_n = P_n^2 of HiPPO-LegS as a chain of all-pass filters, without the rounding of P."""
    return np.arange(order) + 0.5


def _phi(order: int, s: Complex) -> Complex:
    """Phi of LegS at s (S,), Im s > 0."""
    evaluate = chain.evaluator(_chain(order))
    below = np.zeros(len(s), dtype=bool)
    return np.exp(evaluate(s + 0.5, below).value)


def _relative_error(order: int, w: Real) -> Real:
    """|g_k - g~_k|/|g_k| at i w, the same for all k."""
    Phi = _phi(order, 1j * w)
    return np.abs(Phi / (1 + Phi))


def _first_error(order: int, w: Real) -> Real:
    """|g_0 - g~_0| at i w, where |g_0| = 1/|1 + i w|."""
    return _relative_error(order, w) / np.hypot(1, w)


def _highest(size: Callable[[Real], Real], order: int) -> float:
    """The largest `size`(w), which has a peak at every frequency of S."""
    return supremum(size, -0.5 + 1j * frequencies(order))[0]


def _s4d(order: int, step: float = 1.0) -> Diagonal:
    """S4D-LegS with its first coefficient as output: (Lambda, V^{-1} b/2, first row of V)."""
    form = decompose.diagonalize(hippo.legs(order))
    return Diagonal(
        A=form.Lambda,
        B=form.B / 2,
        C=form.C,
        D=form.D,
        step=np.asarray(step),
    )


def _error_modes(order: int) -> tuple[Complex, Complex]:
    """Residues and poles of g_0 - g~_0."""
    system = _s4d(order)
    residues = np.append(-system.C * system.B, 1.0)
    poles = np.append(system.A, -1.0)
    return residues, poles


def _energy(residues: Complex, poles: Complex) -> float:
    """The integral of |y|^2, y = sum c e^{zt}: c^T W conj(c), W_jk = -1/(z_j + z_k^*)."""
    W = 1 / -(poles[:, None] + poles.conj())
    return _quadratic(residues, W)


def _filtered_energy(residues: Complex, poles: Complex) -> float:
    """The same of y convolved with e^{-t}.

    W_jk = (a + b + 2)/(2 (a + b)(1 + a)(1 + b)), a = -z_j, b = -z_k^*, which holds at a = 1 too.
    """
    filtered = 1 / (1 - poles)
    W = 1 / -(poles[:, None] + poles.conj())
    W = W * (filtered[:, None] + filtered.conj()) / 2
    return _quadratic(residues, W)


def _quadratic(x: Complex, W: Complex) -> float:
    return float(np.real(x @ W @ x.conj()))
