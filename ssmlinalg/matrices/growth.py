r"""Transient growth of a stable system before it decays, from both sides.

`transient_growth` bounds sup |e^{tA}|, the Kreiss constant `kreiss` foretells it from the
resolvent. That follows from the least singular value on a vertical line,

.. math::  g(x) = \min_w \sigma_{\min}\bigl((x + i w) I - A\bigr),

which rises for x above the abscissa alpha of A, by at most the step in x, and log g is concave
there, for sup_w |R(x + i w)| = 1/g is the supremum of a subharmonic function over the lines of a
strip (Hadamard's three lines). So a chord of log g bounds it from below and hence x/g, whose
supremum is the Kreiss constant, from above.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.linalg

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.bounds import Bounds
from ..ground.gate import summable
from .eigen import condition, eigenvalue_rounding
from .factorizations import eigenpairs, hermitian_values
from .nonnormality import hermitian_part, rightmost_of_field
from .scaling import in_units, scaled, scaled_point
from .vertical_search import Line, kreiss_ratio, poles, search_axis, search_line

_LINES = 64  # at which the search for the Kreiss constant is given up
_TIMES = 2048  # at which the bound of the growth is given up
_AT_INFINITY = complex(math.inf, 0.0)


class _Spectrum(NamedTuple):
    """Where A stands: eigenvalues (N,), the rightmost, numerical abscissa, rounding of all."""

    Lambda: Complex
    right: complex
    omega: float
    rounding: float


class _Flow(NamedTuple):
    """The norms (T,) of e^{tA} at rising times (T,)."""

    time: Real
    norm: Real


def kreiss(A: Array, *, tolerance: float = 1e-2) -> Bounds:
    r"""The Kreiss constant for the half plane: the growth that the pseudospectra foretell.

    .. math::  K(A) = \sup_{\operatorname{Re} z > 0} \operatorname{Re} z \, |(z I - A)^{-1}|_2
               = \sup_{\epsilon > 0} \frac{\alpha_\epsilon(A)}{\epsilon}, \qquad
               K(A) \le \sup_{t \ge 0} |e^{tA}|_2 \le e N K(A).

    Args:
        A: a square matrix, (N, N).
        tolerance: the relative gap between the bounds.

    Returns:
        A `Bounds`, at least 1, the limit far out, where `at` is inf; `at` is a point of the plane.

        With r = 4 sqrt(N) u |A|_F, u = 2^{-52}:

        ==================================  ===================================================
        matrix                              bounds
        ==================================  ===================================================
        numerical abscissa at most r        exactly 1: A - r I is dissipative, and double
                                            precision cannot tell more
        an eigenvalue right of the axis     inf
        the axis is free of eigenvalues     `lower` attained at `at`, `upper` by a chord of log
                                            g, within `tolerance` unless rounding forbids
        not decided                         `lower` the best of a few lines, `upper` that of
                                            `transient_growth`
        ==================================  ===================================================

        The axis is free, and all right of it decided, where sigma_min on it exceeds the rounding of
        its level set.

    Raises:
        TypeError: if `A` holds no numbers of at most double precision, or `tolerance` is none.
        ValueError: if `A` is not square, not finite, or has row sums that overflow; if `tolerance`
            is not positive.

    Cost:
        5 to 15 lines, each two to four Schur forms of order 2N.

    Source:
        Kreiss 1962 (BIT 2); Spijker 1991 (BIT 31) for e N; Mitchell 2020 (SIAM J. Matrix Anal.
        Appl. 41) for other certificates; derived here: the chord.

    Example:
        >>> found = kreiss([[-1, 30], [0, -2]])
        >>> round(found.lower, 2), found.upper < 1.01 * found.lower
        (5.19, True)
    """
    A, exponent = in_units(summable("A", A))
    tolerance = require.real("tolerance", tolerance, above=0)
    spectrum = _spectrum(A)
    if spectrum.omega <= spectrum.rounding:
        return Bounds(1.0, 1.0, _AT_INFINITY)
    axis = search_axis(A, spectrum.Lambda, tolerance / 4)
    if axis.lower == 0:
        found = _on_some_lines(A, spectrum, axis, tolerance)
    elif spectrum.right.real > 0:
        found = Bounds(math.inf, math.inf, spectrum.right)
    else:
        found = _by_chords(A, spectrum.omega, axis, tolerance)
    if found.lower <= 1:
        return Bounds(1.0, max(found.upper, 1.0), _AT_INFINITY)
    return found._replace(at=scaled_point(found.at, exponent))


def transient_growth(A: Array, *, tolerance: float = 1e-2) -> Bounds:
    r"""The largest factor by which a state of x' = A x grows before it decays, from both sides.

    .. math::  \sup_{t \ge 0} |e^{tA}|_2.

    Between two times at which the norms are n_1 and n_2 nothing is left open: with H = (A +
    A^*)/2,

    .. math::  \frac{d^2}{dt^2} |e^{tA} x|^2 = 2\, y^* (H A + A^* H)\, y \ge -k^2 |y|^2, \quad
               y = e^{tA} x, \qquad k^2 = \max(0, -2 \lambda_{\min}(H A + A^* H)),

    so by Sturm's comparison |e^{tA} x|^2 stays below the solution of f'' = -k^2 f with the end
    values n_1^2 and n_2^2 if the times are less than pi/k apart. The norm is also at most n_1 e^{s
    omega}, s the time since the first, and n_1 times the growth until s. Beyond a time where it is
    below 1 all is repetition, for it is submultiplicative.

    Args:
        A: a square matrix, (N, N).
        tolerance: the relative gap between the bounds.

    Returns:
        A `Bounds`, at least 1; `at` is a time, in the units of 1/A.

        ==================================  ===================================================
        matrix                              bounds
        ==================================  ===================================================
        numerical abscissa at most          1, at time 0
        rounding
        an eigenvalue right of the axis     inf, decided as in `kreiss`
        stable                              `lower` attained at `at`, `upper` (1 + tolerance)
                                            `lower` unless that takes more than 2048 times, as
                                            it may where k is far above the rates that matter
        not decided, and no norm below 1/2  `lower` the best of a few times, `upper` kappa_2 of
        found                               the computed eigenvectors: a bound where those at
                                            the axis are on it and semisimple. inf if an
                                            eigenvalue is found right of the axis by more than
                                            rounding, or if the eigenvectors are dependent
        ==================================  ===================================================

    Raises:
        TypeError: if `A` holds no numbers of at most double precision, or `tolerance` is none.
        ValueError: if `A` is not square, not finite, or has row sums that overflow; if `tolerance`
            is not positive.

    Accuracy:
        `lower` carries the rounding of scipy.linalg.expm, which `upper` does not include either.

    Cost:
        Some 50 to 200 exponentials.

    Source:
        Trefethen & Embree 2005, Spectra and Pseudospectra, sections 14 to 17; derived here: the
        bound by Sturm's theorem.

    Example:
        >>> found = transient_growth([[-1, 30], [0, -2]])  # about 30 (e^{-t} - e^{-2t})
        >>> round(found.lower, 1), found.upper < 1.01 * found.lower
        (7.5, True)
    """
    A, exponent = in_units(summable("A", A))
    tolerance = require.real("tolerance", tolerance, above=0)
    found = _growth(A, _spectrum(A), tolerance)
    return found._replace(at=scaled(found.at, -exponent))


def bounds_between(
    k: float,
    omega: float,
    time: Real,
    norm: Real,
) -> Real:
    """A number that the norm of e^{tA} does not exceed from one time to the next (T - 1,).

    Args:
        k: the constant of Sturm's comparison, see `transient_growth`, as `curvature` gives it.
        omega: the numerical abscissa, or 0 if that is larger.
        time: rising times, the first of them 0, (T,).
        norm: |e^{tA}|_2 at these times, (T,).

    Returns:
        An array (T - 1,).

    Example:
        >>> bounds_between(0.0, 1.0, np.array([0.0, 1.0]), np.array([1.0, 0.5]))
        array([1.])
    """
    s = np.diff(time)
    most = np.maximum(norm[1:], norm[:-1])
    ratio = np.minimum(norm[1:], norm[:-1]) / most
    turn = np.minimum(k * s, math.pi)
    with np.errstate(all="ignore"):
        # The sinusoid through both squares has its crest between them if the lower one is above
        # cos(k s) of the higher.
        cosine = np.cos(turn)
        slope = (ratio**2 - cosine) / np.sin(turn)
        crest = np.sqrt(np.hypot(1, slope))
        inside = ratio**2 > cosine
        factor = np.where(inside, crest, 1.0)
        sturm = most * np.where(turn >= 3, np.inf, factor)
        grown = norm[:-1] * np.exp(omega * s)
        bound = np.minimum(sturm, grown)
    # Submultiplicative: n_1 times the growth until s, which intervals before this one hold.
    for j in range(1, len(bound)):
        until = int(np.searchsorted(time, s[j]))
        if until <= j:
            growth = float(np.max(bound[:until]))
            repeated = max(norm[j], norm[j] * growth)
            bound[j] = min(bound[j], repeated)
    return bound


def curvature(A: np.ndarray) -> float:
    """The constant k of Sturm's comparison, see `transient_growth`.

    Args:
        A: a square matrix, (N, N).

    Returns:
        k, in the units of A.

    Example:
        >>> curvature(np.diag([-1.0, -2.0]))  # e^{-2t} is convex
        0.0
    """
    H = hermitian_part(A)
    bend = H @ A + A.conj().T @ H
    least = float(hermitian_values(bend)[0])
    return math.sqrt(max(0.0, -2 * least))


def _spectrum(A: np.ndarray) -> _Spectrum:
    Lambda = poles(A)
    return _Spectrum(
        Lambda=Lambda,
        right=complex(Lambda[np.argmax(Lambda.real)]),
        omega=rightmost_of_field(A),
        rounding=eigenvalue_rounding(len(A)) * float(np.linalg.norm(A)),
    )


def _by_chords(
    A: np.ndarray,
    omega: float,
    axis: Line,
    tolerance: float,
) -> Bounds:
    """The Kreiss constant of A with all eigenvalues left of the axis and omega > 0."""
    lower = 1.0
    point = _AT_INFINITY
    w = [axis.w]
    # From there on x/g <= x/(x - omega), which is on the last chord.
    far = omega * (1 + 4 / tolerance)
    x = [0.0, far]
    g = [axis.lower, far - omega]
    for _ in range(_LINES):
        upper, at = _highest_chord(x, g)
        if upper <= (1 + tolerance) * lower or at in x:
            break
        line = search_line(A, at, np.array(w), tolerance / 4)
        w = [axis.w, line.w]
        found = kreiss_ratio(A, at, line.w)
        if found > lower:
            lower = found
            point = complex(at, line.w)
        place = int(np.searchsorted(x, at))
        x.insert(place, at)
        # g rises: rounding takes nothing away.
        least = max(line.lower, g[place - 1], at - omega)
        g.insert(place, min(least, line.upper))
    upper, _ = _highest_chord(x, g)
    return Bounds(lower, max(upper, lower), point)


def _highest_chord(x: list[float], g: list[float]) -> tuple[float, float]:
    """The largest x/g if log g is its chord in every interval, and where: an upper bound."""
    points = zip(x, g, strict=True)
    return max(_on_chord(*left, *right) for left, right in pairwise(points))


def _on_chord(
    x1: float,
    g1: float,
    x2: float,
    g2: float,
) -> tuple[float, float]:
    """The largest x/g on one interval if log g is its chord, and where."""
    slope = math.log(g2 / g1) / (x2 - x1)
    at = min(max(1 / slope, x1), x2) if slope > 0 else x2
    return at / (g1 * math.exp(slope * (at - x1))), at


def _on_some_lines(
    A: np.ndarray,
    spectrum: _Spectrum,
    axis: Line,
    tolerance: float,
) -> Bounds:
    """The Kreiss constant where stability is not decided."""
    beside = [axis.w, spectrum.right.imag]
    w = beside
    lines = []
    ladder = spectrum.omega * 10.0 ** -np.arange(-1, 11)
    for x in ladder.tolist():
        line = search_line(A, x, np.array(w), tolerance)
        w = [*beside, line.w]
        ratio = kreiss_ratio(A, x, line.w)
        lines.append((ratio, complex(x, line.w)))
    lower, point = max(lines, key=lambda entry: entry[0])
    growth = _growth(A, spectrum, tolerance)
    return Bounds(lower, max(lower, growth.upper), point)


def _growth(
    A: np.ndarray,
    spectrum: _Spectrum,
    tolerance: float,
) -> Bounds:
    if spectrum.omega <= spectrum.rounding:
        return Bounds(1.0, 1.0, 0.0)
    axis = search_axis(A, spectrum.Lambda, 0.1)
    decided = axis.lower > 0
    if decided and spectrum.right.real > 0:
        return Bounds(math.inf, math.inf, math.inf)
    flow = _doubled(A, until=1e3 / spectrum.rounding if decided else 1e8)
    if flow.norm[-1] < 0.5:
        flow, upper = _filled(A, spectrum.omega, flow, tolerance)
    elif decided:
        upper = math.inf
    else:
        upper = max(_marginal(A, spectrum), float(np.max(flow.norm)))
    best = int(np.argmax(flow.norm))
    lower = float(flow.norm[best])
    return Bounds(lower, upper, float(flow.time[best]))


def _marginal(A: np.ndarray, spectrum: _Spectrum) -> float:
    """kappa_2 of the eigenvectors, a bound of all growth if no eigenvalue is right of the axis."""
    if spectrum.right.real > spectrum.rounding:
        return math.inf
    return condition(eigenpairs(A)[1])


def _norm_of_flow(A: np.ndarray, t: float) -> float:
    """|e^{tA}|_2, inf where it is out of range."""
    with np.errstate(all="ignore"):
        E = scipy.linalg.expm(t * A)
    finite = np.all(np.isfinite(E))
    return float(np.linalg.norm(E, 2)) if finite else math.inf


def _doubled(A: np.ndarray, until: float) -> _Flow:
    """Times 0, 1, 2, 4, ..., to the first norm below 1/2 or the time `until`."""
    time = [0.0, 1.0]
    norm = [1.0, _norm_of_flow(A, 1.0)]
    while norm[-1] >= 0.5 and time[-1] < until:
        time.append(2 * time[-1])
        norm.append(_norm_of_flow(A, time[-1]))
    return _Flow(np.array(time), np.array(norm))


def _filled(
    A: np.ndarray,
    omega: float,
    flow: _Flow,
    tolerance: float,
) -> tuple[_Flow, float]:
    """As many times between as it takes, and a number that no norm until the last exceeds."""
    k = curvature(A)
    while True:
        time, norm = flow
        bound = bounds_between(k, omega, time, norm)
        wanting = bound > (1 + tolerance) * np.max(norm)
        if not np.any(wanting) or len(time) + np.sum(wanting) > _TIMES:
            upper = max(np.max(bound), np.max(norm))
            return flow, float(upper)
        halfway = (time[1:] + time[:-1]) / 2
        middle = halfway[wanting]
        time = np.append(time, middle)
        norm = np.append(norm, [_norm_of_flow(A, t) for t in middle])
        order = np.argsort(time)
        flow = _Flow(time[order], norm[order])
