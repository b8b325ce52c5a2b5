r"""What is claimed of HiPPO and its diagonal approximations as the order grows, as figures that can
be measured.

Every entry of `CLAIMS` says a sentence, whose it is and how well it is known; it takes an order and
returns the figure that the sentence is about beside the interval in which it says that this lies.
Tests, tables and pictures draw on this catalogue.

Most of it is about S4D-LegS, the normal part S = A + b b^T/2 of HiPPO-LegS driven by b/2, of which
everything is known through one all-pass function. With the states g = (s - A)^{-1} b and g~ = (s -
S)^{-1} b/2, and r^2 = w^2 + N^2,

.. math::  \tilde g = F g, \qquad F = \frac{1}{1 + \Phi}, \qquad \Phi(s) = \prod_{k<N} \frac{s - k}{s + k + 1}, \qquad
           |\Phi(i w)| = \frac{w}{r}, \qquad |g(i w)| = \frac{N}{r}.

For any complex number 1/|1 + Phi|^2 = (2 Re F - 1)/(1 - |Phi|^2), and 1 - |Phi|^2 = N^2/r^2 on the
imaginary axis. So there, coefficient by coefficient,

.. math::  |g_k - \tilde g_k|^2 = \frac{w^2}{N^2}\, |g_k|^2\, (2 \operatorname{Re} F - 1).

(2 Re F - 1) dw is a positive measure, N lines of width 1 or so at the frequencies of S. F is
analytic to the right of the axis and tends to 1 there, so the measure tends to dw against every
continuous function of O(1/(1 + w^2)): hence a rate of 1/N for inputs with a continuous u^ of
O(1/w). Its integrals against rational functions are values of F: the exact energies below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.special

from .. import decompose, hippo, perturb
from ..forms import Dense, Diagonal, pair
from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..inits import s4d_inv_init
from ..kernels import kernel
from ..kernels.irregular import kernel_at
from ..lossless import chain
from ..lossless.recognition import recognize
from ..matrices import h_infinity
from ..matrices.frequency_supremum import supremum
from ..systems.transfer_functions import transfer


class Measured(NamedTuple):
    """A figure, and the interval from `low` to `high` that a claim says it lies in, rounding
    allowed for.
    """

    value: float
    low: float
    high: float


class Claim(NamedTuple):
    """A sentence, its source, how well it is known, and what measures it at the orders from `least`
    to `greatest`.

    `status` is "proved" (the argument stands where it is measured, or is the source's), "verified"
    (at those orders; constants with pi in them are derived to leading order), or "refuted"
    (published otherwise: the interval is what holds instead).
    """

    statement: str
    source: str
    status: str
    measure: Callable[[int], Measured]
    least: int
    greatest: int


def measured(name: str, order: int) -> Measured:
    """The figure that one of `CLAIMS` is about, at one order, beside the interval in which the
    claim says it lies.

    Raises ValueError for an unknown name and for an order below the claim's `least`, TypeError for
    what is no order. What is beyond its `greatest` was not looked at. Cost: O(N) to O(N^3), below a
    second up to `greatest`.

    >>> value, low, high = measured("impulse", 16)  # |K - K~|^2 in L2, which tends to 1/4 and not to 0
    >>> round(value, 6), low <= value <= high
    (0.248047, True)
    """
    claim = CLAIMS[require.known("name", name, CLAIMS)]
    return claim.measure(require.integer("order", order, least=claim.least))


def _fixed_frequency(order: int, w: float = 1.0) -> Measured:
    """N |g - g~|/(w |g|) at i w, the same for every coefficient: N/w |Phi|/|1 + Phi|, where |Phi| =
    w/r.
    """
    r, rounding = math.hypot(w, order), 64 * EPS * order
    return Measured(
        order / w * float(_relative_error(order, np.array([w]))[0]),
        order / (r + w) - rounding,
        order / (r - w) + rounding,
    )


def _decaying_input(order: int) -> Measured:
    """N |y - y~| in L2 for u = e^{-t}: its square is the mean of w^2/(1 + w^2)^2, 1/4 + F'(1)/2,
    and F'(1) = -Phi'(1).
    """
    exact = math.sqrt(0.25 - (-1) ** order / (2 * order * (order**2 - 1)))
    return _around(
        order * math.sqrt(_energy(*_error_modes(order), decaying=True)), exact, 8 * EPS * order**2
    )


def _impulse(order: int) -> Measured:
    """|K - K~|^2 in L2, the mean of w^2/(N^2 + N^2 w^2): the residues of F sum to N^2/4, and F(1) = 1."""
    return _around(_energy(*_error_modes(order)), 0.25 - 0.5 / order**2, 64 * EPS)


def _impulse_state(order: int) -> Measured:
    """|x - x~|^2/|x|^2 in L2, |x|^2 = N/2: the mean of w^2/r^2 is N^2/4 - N (F(N) - 1/2), and Phi(N) = 1/binom(2N, N)."""
    A, b, _ = hippo.legs(order)
    A, F = np.asarray(A), 1 / (1 + 1 / math.comb(2 * order, order))
    S = A + np.outer(b, b) / 2
    inner = np.trace(scipy.linalg.solve_sylvester(A, S.T, -np.outer(b, b) / 2))
    value = 1 + order / 2 - 4 / order * float(inner)  # |x~|^2 = |b/2|^2, for S + I/2 is skew
    return _around(value, order / 2 + 1 - 2 * F, 64 * EPS * order**2)


def _state_spike(order: int) -> Measured:
    """sup |g - g~| over 2N/pi: at the last frequency mu of S, where Phi is near -w/r, it is w (r +
    w)/(N r).
    """
    height, rounding = (
        _highest(lambda w: order / np.hypot(w, order) * _relative_error(order, w), order),
        EPS * order**2,
    )
    return Measured(
        height * math.pi / (2 * order),
        1 - 5 * math.pi**2 / (12 * order**2) - rounding,
        1 + rounding,
    )


def _spike(order: int) -> Measured:
    """sup |g_0 - g~_0| over 2/pi: at the last frequency mu of S, (r + w)/N^2, so 1 + pi^2/(12
    N^2).
    """
    height, rounding = (
        _highest(lambda w: _relative_error(order, w) / np.hypot(1, w), order),
        EPS * order**2,
    )
    return Measured(height * math.pi / 2, 1 - rounding, 1 + math.pi**2 / (12 * order**2) + rounding)


def _third_spike(order: int, m: int = 2) -> Measured:
    """|g_0 - g~_0| at mu_m over 2/(pi (2m+1)), as the last."""
    w = _spectrum(order)[m : m + 1]
    height, odd, rounding = (
        float((_relative_error(order, w) / np.hypot(1, w))[0]),
        2 * m + 1,
        EPS * order**2,
    )
    return Measured(
        height * math.pi * odd / 2, 1 - rounding, 1 + (math.pi * odd / order) ** 2 / 12 + rounding
    )


def _weak_limit(order: int, s: complex = 0.25 + 1j) -> Measured:
    """|1 - g~/g| N^{2 Re s + 1} over |Gamma(s+1)/Gamma(-s)|, for |Phi| is a quotient of four Gammas."""
    Phi = _phi(order, np.array([s]))
    limit = abs(scipy.special.gamma(s + 1) / scipy.special.gamma(-s)) * order ** (-2 * s.real - 1)
    return _around(float(np.abs(Phi / (1 + Phi))[0] / limit), 1.0, 1 / order)


def _pointwise(order: int) -> Measured:
    """max |K - K~| for 1/2 <= t <= 5/2, K = e^{-t}, eight points to each period of the fastest
    mode.
    """
    system = _s4d(order)
    t = np.linspace(0.5, 2.5, 100 + int(8 * _spectrum(order)[0] / math.pi))
    return Measured(float(np.max(np.abs(kernel_at(pair(system), t) - np.exp(-t)))), 0.5, 1.0)


def _averaged(order: int, step: float = 1e-2) -> Measured:
    """max |K_l - K~_l|/step under zoh, times sqrt(N^2 step/pi)."""
    return Measured(_sampled_error(order, step) * order * math.sqrt(step / math.pi), 0.0, 1.6)


def _resolved(order: int, step: float = 1e-3) -> Measured:
    """max |K_l - K~_l|/step under zoh, where N^2/pi < 1/step, so that all modes are resolved."""
    return Measured(_sampled_error(order, step), 0.45, 0.95)


def _published_bound(order: int, size: float = 1e-2, seed: int = 0) -> Measured:
    """sup |(iw - A - E)^{-1} - (iw - A)^{-1}|/|E| for a random E of norm `size`."""
    E = np.random.default_rng(seed).standard_normal((order, order))
    E = E * (size / np.linalg.norm(E, 2))
    return Measured(_resolvent_error(order, E) / size, 0.0, 2 * math.log(order) + 4)


def _resolvent_bound(order: int, size: float = 0.1) -> Measured:
    """The same for the worst E of norm e, that of one singular vector of A: at least R^2/(1 - R e),
    R = |A^{-1}| < 2.

    A + E is dissipative as long as e < 1/2, |(iw - A - E)^{-1}| <= 1/(1/2 - e), and |(iw - A)^{-1}|
    <= 2: at most 4/(1 - 2e).
    """
    U, s, Vh = np.linalg.svd(np.asarray(hippo.legs(order).A))
    R, rounding = 1 / float(s[-1]), 64 * EPS * order**2
    value = _resolvent_error(order, -size * np.outer(U[:, -1], Vh[-1])) / size
    return Measured(value, R**2 / (1 - R * size) - rounding, 4 / (1 - 2 * size))


def _driven_bound(order: int, size: float = 0.1, seed: int = 0) -> Measured:
    """sup |(iw - A - E)^{-1} b - (iw - A)^{-1} b|/|E| for a random E of norm e: |(iw - A)^{-1} b|
    <= 1, so 2/(1 - 2e).
    """
    A, b, _ = hippo.legs(order)
    E = np.random.default_rng(seed).standard_normal((order, order))
    E = E * (size / np.linalg.norm(E, 2))
    unit = np.eye(order)
    return Measured(
        h_infinity.hinf_distance((A + E, b, unit), (A, b, unit)).lower / size,
        0.0,
        2 / (1 - 2 * size),
    )


def _lossless_law(order: int, tau: float = 0.2) -> Measured:
    """kappa(V) sup |x~ - x^| of `perturb.lossless`: kappa near c^{(N-1)/N}, c = 2/tau - 1, the
    error near its bound.
    """
    found = perturb.lossless(hippo.legs(order), tau=tau)
    law = (2 / tau - 1) * found.transfer_bound
    return Measured(
        found.condition * found.transfer_error,
        law * (2 / tau - 1) ** (-1 / order) * (1 - 1 / order),
        law,
    )


def _largest_frequency(order: int) -> Measured:
    """mu_0 - N^2/pi: -pi/6 + (pi^3/90 + pi/12)/N^2."""
    rounding = 4 * EPS * order**2
    term = (math.pi**3 / 90 + math.pi / 12) / order**2
    return Measured(
        float(_spectrum(order)[0]) - order**2 / math.pi,
        -math.pi / 6 - rounding,
        -math.pi / 6 + term + rounding,
    )


def _inverse_law(order: int) -> Measured:
    """The median of |w~/w - 1| for the frequencies w~ of S4D-Inv."""
    return _around(float(np.median(_inverse_error(order))), 0.178, 0.4 / order + 0.001)


def _inverse_law_worst(order: int) -> Measured:
    """The largest |w~/w - 1| for the frequencies w~ of S4D-Inv: that of the smallest, 1/pi in place
    of pi/(2 log N + ...).
    """
    return Measured(float(np.max(_inverse_error(order))), 0.2, 1.0)


def _bulk_law(order: int) -> Measured:
    """max |N t - w|, where arctan(1/t) - t/2 log(1 + 1/t^2) = pi (2m+1)/(2N): the midpoint rule for
    the phase of Phi.
    """
    w = _spectrum(order)
    t, goal = w / order, math.pi * (2 * np.arange(len(w)) + 1) / (2 * order)
    for _ in range(8):  # Newton's method: the left side is convex and falls
        slope = np.log1p(t**-2.0) / 2
        t = t + (np.arctan(1 / t) - t * slope - goal) / slope
    return Measured(float(np.max(np.abs(order * t - w))), 0.0, 0.05)


def _pade(order: int) -> Measured:
    """max |C (iw - A)^{-1} B - p/q| for w = 1 .. 8, C_n = (-1)^n r_n, p/q the [N-1/N] Pade
    approximant of e^{-s}.
    """
    A, B, _ = hippo.legt(order, window=1.0)
    s = 1j * np.arange(1.0, 9.0)
    C = B * (-1.0) ** np.arange(order)
    G = transfer(Dense(np.asarray(A), B, C, np.asarray(0.0), np.asarray(1.0)), s)
    error = np.abs(G - _pade_series(order - 1, order, -s) / _pade_series(order, order - 1, s))
    return Measured(float(np.max(error)), 0.0, 16 * EPS * order)


def _all_pass_limit(order: int, s: complex = 1 + 2j) -> Measured:
    """|Phi + e^{-s}| of FouT with M = 2K + 1 modes, over |s (1 - e^{-s})^2|/(pi^2 M): the tail of the series of coth(s/2)."""
    A, _, P = hippo.fout(order, window=1.0)
    structure, M = recognize(A, P), 2 * ((order - 1) // 2) + 1
    assert structure is not None
    error = abs(np.exp(structure.log_phi(np.array([s]))[0][0]) + np.exp(-s))
    return _around(float(error * math.pi**2 * M / abs(s * (1 - np.exp(-s)) ** 2)), 1.0, 0.2 / M)


def _sensitivity(order: int) -> Measured:
    """max_j binom(N+j, N-1-j) binom(2j, j), over (1 + sqrt 2)^{2N}/(2 sqrt 2 pi N): Stirling at j =
    N/sqrt 2.
    """
    j, log = np.arange(order), scipy.special.gammaln
    size = log(order + j + 1) - log(order - j) - np.log(2 * j + 1) - 2 * log(j + 1)
    law = 2 * order * math.log(1 + math.sqrt(2)) - math.log(2 * math.sqrt(2) * math.pi * order)
    return _around(math.exp(float(np.max(size)) - law), 1.0, 0.5 / order)


CLAIMS: dict[str, Claim] = {
    "fixed-frequency": Claim(
        "At a fixed frequency the relative error of S4D-LegS is w/N, in every coefficient.",
        "Yu et al. 2024, Theorem 1; constant derived here", "proved", _fixed_frequency, 1, 4096,
    ),
    "decaying-input": Claim(
        "For the input e^{-t} the first coefficient is off by 1/(2N) in L2.",
        "Yu et al. 2024, Theorem 1; exact value derived here", "proved", _decaying_input, 2, 1024,
    ),
    "weak-limit": Claim(
        "The Laplace transform converges for Re s > -1/2, at the rate N^{-2 Re s - 1}: there S4D-LegS has the kernels of LegS.",
        "Gu et al. 2022 (S4D), Theorem 3, in this sense; derived here", "verified", _weak_limit, 2, 1024,
    ),
    "pointwise": Claim(
        "The kernels themselves do not converge: somewhere in 1/2 <= t <= 5/2 the first is off by 1/2 to 1.",
        "Gu et al. 2022 (S4D), Theorem 3, refuted in this sense", "refuted", _pointwise, 8, 256,
    ),
    "impulse": Claim(
        "Nor in L2: the square of the distance of the first kernels is 1/4 - 1/(2 N^2).",
        "derived here", "proved", _impulse, 2, 1024,
    ),
    "impulse-state": Claim(
        "The whole answer to an impulse is off by N/2 times its energy.",
        "derived here", "proved", _impulse_state, 2, 128,
    ),
    "spike": Claim(
        "Nor in H-infinity: the first coefficient is off by 2/pi at the largest frequency of S.",
        "Yu et al. 2024, Theorem 2; constant derived here", "verified", _spike, 4, 1024,
    ),
    "third-spike": Claim(
        "Spikes of 2/(pi (2m+1)) stand at all frequencies of S, m counted from the largest down: here m = 2.",
        "Yu et al. 2024, Theorem 2; constant derived here", "verified", _third_spike, 8, 1024,
    ),
    "state-spike": Claim(
        "The whole state is off by 2N/pi at the largest frequency of S.",
        "derived here", "verified", _state_spike, 2, 1024,
    ),
    "zoh-resolved": Claim(
        "Sampled by zero-order hold the kernels stay apart while the step resolves all modes, N^2/pi < 1/step: here 0.001.",
        "measured here", "verified", _resolved, 4, 56,
    ),
    "zoh-averaged": Claim(
        "Beyond, the hold averages the fast modes away: they differ by at most 1.6/sqrt(N^2 step/pi), here step 0.01.",
        "measured here", "verified", _averaged, 18, 1024,
    ),
    "published-bound": Claim(
        "A perturbation E moves the transfer function by at most (2 log N + 4) |E|, if |B| = |C| = 1, to first order.",
        "Yu et al. 2024, Theorem 3", "proved", _published_bound, 2, 32,
    ),
    "resolvent-bound": Claim(
        "By at most 4 |E|/(1 - 2 |E|), |E| < 1/2, and there are E that come as close to it as |A^{-1}| to 2.",
        "derived here", "proved", _resolvent_bound, 2, 32,
    ),
    "driven-bound": Claim(
        "With the B of LegS the state moves by at most 2 |E|/(1 - 2 |E|).",
        "derived here", "proved", _driven_bound, 2, 48,
    ),
    "lossless-law": Claim(
        "A lossless perturbation has kappa(V) times error near 1/2 at every order: here tau = 0.2, limit 0.543.",
        "derived here (theory)", "verified", _lossless_law, 5, 1024,
    ),
    "largest-frequency": Claim(
        "The largest frequency of S is N^2/pi - pi/6.",
        "Gu et al. 2022 (S4D), Conjecture 5, as others quote it, has + 0.5236", "refuted", _largest_frequency, 2, 1024,
    ),
    "inverse-law": Claim(
        "The frequencies of S4D-Inv are off by 18 per cent, in the median.",
        "Gu et al. 2022 (S4D), equation 8", "verified", _inverse_law, 8, 1024,
    ),
    "inverse-law-worst": Claim(
        "The smallest frequencies of S4D-Inv are off by more and more: 22 per cent at N = 64, 50 at 256, 79 at 1024.",
        "Gu et al. 2022 (S4D), equation 8", "verified", _inverse_law_worst, 8, 1024,
    ),
    "bulk-law": Claim(
        "All frequencies of S are N t, arctan(1/t) - t/2 log(1 + 1/t^2) = pi (2m+1)/(2N), to within 0.05.",
        "derived here", "verified", _bulk_law, 2, 1024,
    ),
    "pade": Claim(
        "LegT read at the end of its window is the [N-1/N] Pade approximant of the delay e^{-s}.",
        "Voelker et al. 2019 (LMU)", "verified", _pade, 1, 24,
    ),
    "all-pass-limit": Claim(
        "The all-pass function of FouT tends to -e^{-s}, at the rate 1/N.",
        "derived here", "verified", _all_pass_limit, 2, 1024,
    ),
    "sensitivity": Claim(
        "The worst condition number of an eigenvalue of LegS is (1 + sqrt 2)^{2N}/(2 sqrt 2 pi N): 5.83^N.",
        "derived here", "verified", _sensitivity, 2, 1024,
    ),
}  # fmt: skip
"""Every claim by name, in the order of the page."""


def _around(value: float, predicted: float, slack: float) -> Measured:
    return Measured(value, predicted - slack, predicted + slack)


def _phi(order: int, s: Complex) -> Complex:
    """Phi of LegS at s (S,), Im s > 0."""
    return np.exp(
        chain.evaluator(np.arange(order) + 0.5)(s + 0.5, np.zeros(len(s), dtype=bool)).value
    )


def _spectrum(order: int) -> Real:
    """The frequencies mu_0 > mu_1 > ... > 0 of S."""
    return chain.frequencies(np.arange(order) + 0.5)[::-1]


def _relative_error(order: int, w: Real) -> Real:
    """|g_k - g~_k|/|g_k| at i w, the same for all k; |g_0| = 1/|1 + i w|."""
    Phi = _phi(order, 1j * w)
    return np.abs(Phi / (1 + Phi))


def _highest(size: Callable[[Real], Real], order: int) -> float:
    """The largest `size`(w), which has a peak at every frequency of S."""
    return supremum(size, -0.5 + 1j * _spectrum(order))[0]


def _s4d(order: int, step: float = 1.0) -> Diagonal:
    """S4D-LegS reading the first coefficient: (Lambda, V^{-1} b/2, first row of V)."""
    form = decompose.diagonalize(hippo.legs(order))
    return Diagonal(form.Lambda, form.B / 2, form.C, form.D, np.asarray(step))


def _error_modes(order: int) -> tuple[Complex, Complex]:
    """Residues and poles of g_0 - g~_0."""
    system = _s4d(order)
    return np.append(-system.C * system.B, 1.0), np.append(system.A, -1.0)


def _energy(residues: Complex, poles: Complex, *, decaying: bool = False) -> float:
    """The integral of |y|^2, y = sum c e^{zt}, or that convolved with e^{-t}: c^* W c, W_jk = 1/(a
    + b), a = -z_j, b = -z_k^*.

    With e^{-t} W_jk = (a + b + 2)/(2 (a + b)(1 + a)(1 + b)), which holds at a = 1 too.
    """
    W = 1 / -(poles[:, None] + poles.conj())
    if decaying:
        filtered = 1 / (1 - poles)
        W = W * (filtered[:, None] + filtered.conj()) / 2
    return float(np.real(residues @ W @ residues.conj()))


def _sampled_error(order: int, step: float) -> float:
    """max |K_l - K~_l|/step under zoh for t <= 5; that of the first coefficient of LegS is e^{-l
    step} (1 - e^{-step}).
    """
    t = step * np.arange(round(5 / step))
    K = kernel(pair(_s4d(order, step)), len(t), rule="zoh")
    return float(np.max(np.abs(K + np.exp(-t) * math.expm1(-step)))) / step


def _resolvent_error(order: int, E: Real) -> float:
    """sup |(iw - A - E)^{-1} - (iw - A)^{-1}|_2."""
    A, unit = np.asarray(hippo.legs(order).A), np.eye(order)
    return h_infinity.hinf_distance((A + E, unit, unit), (A, unit, unit)).lower


def _inverse_error(order: int) -> Real:
    """|w~/w - 1| of S4D-Inv, mode by mode."""
    Lambda: Complex = s4d_inv_init(order).A
    return np.abs(Lambda.imag[Lambda.imag > 0] / _spectrum(order) - 1)


def _pade_series(degree: int, other: int, s: Complex) -> Complex:
    """sum_j binom(degree, j) (degree + other - j)!/(degree + other)! s^j, one side of a Pade
    approximant of the exponential.
    """
    j = np.arange(degree)
    coefficients = np.cumprod(
        np.concatenate([[1.0], (degree - j) / ((degree + other - j) * (j + 1))])
    )
    return np.polynomial.polynomial.polyval(s, coefficients)
