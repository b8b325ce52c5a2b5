r"""The law kappa(V) <= c of perturbed HiPPO-LegS, proved at an order by one check at one c.

With Phi(s) = prod (s - a_n)/(s + a_n), a_n = n + 1/2, the perturbed eigenvalues are -1/2 + z with
Phi(z) = -C; |C| = c, and C = c or -c for the two signs of tau. In the orthonormal eigenbasis of the
normal part A + E is complex symmetric, so its eigenvectors are the columns of a complex orthogonal
Q, and docs/theory.md ("A proof by convexity") shows that

.. math::  M(t) = \max_{|C| = e^t} \log \kappa_2(Q), \qquad \kappa_2(Q) = |Q|_2^2,

is convex in t and 0 at t = 0, up to the least modulus of Phi at a critical point. So M(t)/t never
falls, and a bound of it at one t holds below. Here the maximum over the circle is bounded by

.. math::  (Q^* Q)_{ij} = \frac{c - 1/c}{-(\bar z_i + z_j)\, \bar s_i s_j}, \qquad
           \left| \frac{d \log \kappa_2}{d \arg C} \right| \le 2\, |\operatorname{Re} X|_2, \qquad
           X_{ij} = \frac{1}{s_i s_j (z_j - z_i)}, \qquad s_i^2 = \frac{d \log \Phi}{dz}(z_i),

the first at points of the circle, the second over the arcs between them. Roots and slopes are
FLINT's balls; what follows from them has its rounding added, and norms are those that `enclosures`
proves.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..matrices import enclosures

_PRECISION = 80  # bits of the balls
_PART = 0.2  # of what the exponent lacks to 1 may be lost between two points of the circle
_ARCS = 8  # of the half circle, at first
_NARROWEST = 1e-6  # an arc that has to be narrower than this tells that c is at a critical value
_LEAST_SHARE = 0.003  # of t by which an interval of t has to be longer
_HALVINGS = 40  # of the interval on which the roots have hardly left the axis
_WIDER = 1.25  # a ball about a root over an arc is so much wider than its first-order reach


class ProvedLaw(NamedTuple):
    """A proof that kappa_2(V) <= c'^exponent for every c' from 1 to c.

    Attributes:
        order: N.
        c: to which c' the statement reaches.
        exponent: at most 1 where the law is proved.
        attained: log kappa_2(V)/log c at the worst C met on the circle, to rounding: the least
            exponent lies between.
        critical: a lower bound of the c at which two eigenvalues first meet, for either sign of tau
            or any complex one.
        arcs: of how many the half circle was put together.
    """

    order: int
    c: float
    exponent: float
    attained: float
    critical: float
    arcs: int


class _Circle(NamedTuple):
    """The equation Phi(z) = -C, |C| = c, in FLINT's numbers."""

    flint: Any
    a: list[Any]
    squares: list[Any]
    c: float
    frequencies: Complex
    coupling: Real


class _Centers(NamedTuple):
    """Approximate roots (N,), |log(Phi/(-C))| there from above, and about |d log Phi/dz|."""

    z: Complex
    defect: Real
    slope: Real


class _Roots(NamedTuple):
    """Discs of all roots, and of the slopes d log Phi/dz over them: centers and radii (N,).

    `balls` and `slopes` are the same in FLINT's numbers.
    """

    z: Complex
    radius: Real
    slope: Complex
    slope_radius: Real
    balls: list[Any]
    slopes: list[Any]


class _Entries(NamedTuple):
    """Hermitian matrices (N, N): entries and how far each may be off."""

    center: Complex
    radius: Real


def proved_law(order: int, c: float | None = None) -> ProvedLaw:
    r"""A number r with kappa_2(V) <= c'^r for all c' from 1 to c, proved by ball arithmetic.

    It is about `lossless` of `hippo.legs`, either sign of tau, V scaled so that V^T V = I in the
    eigenbasis of the normal part: of all scalings of the columns that of least kappa. Unit columns
    are less than 0.1 % above for c <= N (measured), more where eigenvalues are about to meet.

    Args:
        order: N, at least 2.
        c: 2/abs(tau) - 1 for positive tau, 2/abs(tau) + 1 for negative; None is 0.9 times the first
            c at which eigenvalues meet.

    Returns:
        A `ProvedLaw`.

    Raises:
        ImportError: if python-flint is missing.
        TypeError: for numbers of the wrong type.
        ValueError: for an order below 2, c not above 1, and c at which eigenvalues may have met.

    Accuracy:
        The exponent is above that of the worst C on the circle by at most a fifth of what that
        one lacks to 1.

    Cost:
        O(N^3) an arc, and up to some hundred arcs: 0.3 s at N = 16, 4 s at N = 64.

    Source:
        Derived here: docs/theory.md, "A proof by convexity". Hadamard 1896 for convexity.

    Example:
        >>> found = proved_law(8, c=9.0)
        >>> round(found.exponent, 2), found.critical > 116
        (0.89, True)
    """
    order = require.integer("order", order, least=2)
    flint = _flint()
    with flint.ctx.workprec(_PRECISION):
        a = [flint.arb(2 * n + 1) / 2 for n in range(order)]
        critical = _first_critical(flint, a)
        c = 0.9 * critical if c is None else require.real("c", c, above=1)
        if c >= critical:
            rule = "`c` must be below the first c at which eigenvalues meet"
            got = f"{c:g} at order {order}, where that is {critical:g}"
            raise ValueError(f"{rule}; got {got}. Lower it.")
        return _around(_circle(flint, a, c), critical)


def proved_unit_columns(law: ProvedLaw) -> float:
    r"""The c' up to which kappa_2(V) <= c' for V of unit columns is proved too, both signs of tau.

    Unit columns are not the best scaling. With K_j the condition numbers of the eigenvalues, the
    squares of the columns' lengths where V^T V = I, kappa is at most sqrt(max K/min K) larger, and

    .. math::  \tfrac12 \log \frac{\max K}{\min K} \le (1 - \text{exponent}) \log c'

    is shown for all c' from 1 on, on intervals, until it fails or c' = law.c.

    Args:
        law: what `proved_law` returned.

    Returns:
        c', 1 where nothing is proved.

    Raises:
        ImportError: if python-flint is missing.
        TypeError: for another type.

    Accuracy:
        The reach is near to where the inequality itself ends: c' is 12 at N = 2, 80 at N = 16 and
        23 at N = 64 if law.exponent is sharp. Beyond, kappa of unit columns may yet be below c.

    Cost:
        O(N^2) an interval, and some hundred to a thousand: 1 s at N = 16, minutes at N = 128.

    Source:
        Derived here: docs/theory.md, "A proof by convexity".

    Example:
        >>> round(proved_unit_columns(proved_law(3, c=9.0)), 6)
        9.0
    """
    remedy = "Give what proved_law returns."
    require.instance("law", law, ProvedLaw, remedy)
    flint = _flint()
    with flint.ctx.workprec(_PRECISION):
        a = [flint.arb(2 * n + 1) / 2 for n in range(law.order)]
        circle = _circle(flint, a, law.c)
        return min(_even_lengths(circle, turn, law.exponent) for turn in (0.0, 1.0))


def _flint() -> Any:
    try:
        import flint
    except ImportError as error:
        remedy = "Install it with: pip install 'ssmlinalg[flint]'."
        rule = "`proved_law` needs python-flint"
        raise ImportError(f"{rule}; got none ({error}). {remedy}") from error
    return flint


def _first_critical(flint: Any, a: list[Any]) -> float:
    """A lower bound of |Phi| over its critical points in the left half plane.

    They are one -x in each gap between two neighbours of the a_n, where log |Phi(-x)| is convex: it
    lies above its tangent, also one that is not quite level.
    """
    half = np.arange(len(a)) + 0.5
    least = math.inf
    for k in range(1, len(a)):
        x = flint.arb(_level(half, k))
        value = flint.arb(0)
        slope = flint.arb(0)
        for one in a:
            above = x + one
            beside = x - one
            value += (above / abs(beside)).log()
            slope += 1 / above - 1 / beside
        bound = value - abs(slope)  # the gap has length 1
        least = min(least, float(bound.exp().lower()) * (1 - EPS))
    return least


def _level(half: Real, k: int) -> float:
    """About where log |Phi(-x)| is least between a_{k-1} and a_k: its slope rises."""
    low = half[k - 1]
    high = half[k]
    for _ in range(52):
        x = (low + high) / 2
        slope = np.sum(1 / (x + half) - 1 / (x - half))
        low, high = (x, high) if slope < 0 else (low, x)
    return float((low + high) / 2)


def _circle(flint: Any, a: list[Any], c: float) -> _Circle:
    """With the normal part i Omega and p in its eigenbasis: approximate roots come from them."""
    half = np.arange(len(a)) + 0.5
    p = np.sqrt(half)
    skew = np.tril(-np.outer(p, p), -1)
    frequencies, U = np.linalg.eigh(-1j * (skew - skew.T))
    return _Circle(flint, a, [one * one for one in a], c, 1j * frequencies, np.abs(U.conj().T @ p))


def _around(circle: _Circle, critical: float) -> ProvedLaw:
    """The exponent over the half circle: complex conjugates have the same kappa."""
    t = math.log(circle.c) * (1 - 4 * EPS)
    half = 0.5 / _ARCS
    waiting = [(2 * half * k, half) for k in range(_ARCS + 1)]
    exponent = 0.0
    attained = 0.0
    arcs = 0
    while waiting:
        middle, half = waiting.pop()
        reach = math.pi * half * (1 + 4 * EPS)
        centers = _centers(circle, middle)
        level = _log_condition(circle, _discs_of(circle, centers, 0.0)) / t
        rate = _rate(_discs_of(circle, centers, reach))
        bound = (level + reach * rate / t) * (1 + 8 * EPS)
        allowed = level + _PART * abs(1 - level)
        if not bound <= max(allowed, exponent) and half > _NARROWEST:
            waiting += [(middle - half / 2, half / 2), (middle + half / 2, half / 2)]
        else:
            exponent = max(exponent, bound)
            arcs += 1
        attained = max(attained, level)
    return ProvedLaw(len(circle.a), circle.c, exponent, attained, critical, arcs)


def _log_condition(circle: _Circle, roots: _Roots | None) -> float:
    """log kappa_2(Q) from above; inf without roots."""
    if roots is None:
        return math.inf
    z = roots.z
    sums = z.conj()[:, None] + z
    s = np.sqrt(roots.slope)
    c = circle.c
    center = -((c - 1) * (c + 1) / c) / (sums * s.conj()[:, None] * s)
    largest = _largest(_Entries(center, np.abs(center) * _spread(roots, sums)))
    return math.log(largest) * (1 + 4 * EPS)


def _rate(roots: _Roots | None) -> float:
    """A bound of |d log kappa_2(Q)/d arg C| over an arc, 2 |Re X|; inf without roots."""
    if roots is None:
        return math.inf
    differences = roots.z - roots.z[:, None]
    np.fill_diagonal(differences, 1e300)  # there X is 0
    s = np.sqrt(roots.slope)
    X = 2 / (s[:, None] * s * differences)
    return _largest(_Entries(1j * X.real, np.abs(X) * _spread(roots, differences)))


def _spread(roots: _Roots, distance: Complex) -> Real:
    """How far 1/(s_i s_j d_ij) may be off, relative, if d is a sum or difference of two roots.

    1/(1 - x) and 1/sqrt(1 - x) have positive coefficients, so they bound themselves at |x|.
    """
    of_slope = roots.slope_radius / np.abs(roots.slope)
    of_distance = (roots.radius[:, None] + roots.radius) / np.abs(distance)
    wide = np.maximum(np.max(of_slope), np.max(of_distance)) >= 1
    if wide:
        return np.full(distance.shape, np.inf)
    of_s = 1 / np.sqrt(1 - of_slope)
    rounding = 1 + 64 * EPS  # of the quotient itself, and of this
    return of_s[:, None] * of_s / (1 - of_distance) * rounding - 1


def _largest(H: _Entries) -> float:
    """A bound of the largest eigenvalue of every Hermitian matrix with those entries."""
    if not np.all(np.isfinite(H.radius)):
        return math.inf
    center = (H.center + H.center.conj().T) / 2
    radius = H.radius + 4 * EPS * np.abs(H.center)  # and of this mean
    rows = np.max(np.sum(radius, axis=1))
    around = min(rows, np.linalg.norm(radius)) * (1 + len(radius) ** 2 * EPS)
    return float(enclosures.proved_largest(center) + around) * (1 + EPS)


def _centers(circle: _Circle, turn: float) -> _Centers:
    """The roots at C = c e^{i pi turn} by LAPACK, in the eigenbasis of the normal part, and Newton.

    Nothing is proved of them but how far log(Phi/(-C)) is from 0 there.
    """
    C = circle.c * np.exp(1j * math.pi * turn)
    p = circle.coupling
    feedback = (C - 1) / (C + 1)  # 1 - tau
    z = np.linalg.eigvals(np.diag(circle.frequencies) - feedback * np.outer(p, p))
    a = np.arange(len(p)) + 0.5
    for _ in range(4):
        factors = np.log(z[:, None] - a) - np.log(z[:, None] + a)
        w = np.sum(factors, axis=-1) - np.log(-C)
        turns = np.round(w.imag / (2 * math.pi))
        z = z - (w - 2j * math.pi * turns) / _slopes(a, z)
    exact = circle.flint.acb
    minus_C = -circle.c * exact(turn).exp_pi_i()
    defects = []
    for one in z.tolist():
        Phi = _phi(circle, exact(one.real, one.imag))
        defects.append(_above(abs((Phi / minus_C).log())))
    return _Centers(z, np.array(defects), np.abs(_slopes(a, z)))


def _slopes(a: Real, z: Complex) -> Complex:
    """d log Phi/dz (N,) in floating point."""
    return np.sum(2 * a / (z[:, None] ** 2 - a**2), axis=-1)


def _discs_of(circle: _Circle, centers: _Centers, reach: float) -> _Roots | None:
    """Discs of the N roots for all C with log C within `reach` of that of the centers.

    By Newton's method for intervals: w = log(Phi/(-C)) is analytic in a disc B without a zero or
    pole of Phi, and if |w(z)| + reach < r inf_S |s| for its center z, its radius r and a convex S
    that holds w'(B), then B holds one root for each C. N discs that do not touch hold all. None
    where one of this fails.
    """
    flint = circle.flint
    reaches = (centers.defect + reach) * (1 + EPS)
    radius = _WIDER * reaches / centers.slope
    balls = []
    slopes = []
    for z, r, size in zip(centers.z.tolist(), radius.tolist(), reaches.tolist(), strict=True):
        ball = flint.acb(flint.arb(z.real, r), flint.arb(z.imag, r))
        slope = _slope(circle, ball)
        if not bool(size < r * abs(slope)):
            return None
        balls.append(ball)
        slopes.append(slope)
    distance = np.abs(centers.z[:, None] - centers.z) * (1 - 8 * EPS)
    np.fill_diagonal(distance, np.inf)
    if not np.all(distance > (radius[:, None] + radius) * (1 + EPS)):
        return None
    slope = np.array([complex(float(s.real.mid()), float(s.imag.mid())) for s in slopes])
    around_slope = np.array([float(s.real.rad()) + float(s.imag.rad()) for s in slopes])
    around_slope = (around_slope + 2 * EPS * np.abs(slope)) * (1 + 4 * EPS)
    return _Roots(centers.z, radius, slope, around_slope, balls, slopes)


def _above(ball: Any) -> float:
    """A float that no number of the ball exceeds: infinite if the ball is not finite."""
    upper = float(ball.upper())
    return math.inf if math.isnan(upper) else math.nextafter(upper, math.inf)


def _phi(circle: _Circle, z: Any) -> Any:
    """By rising factorials: the product of z + n + 1/2, and of z - n - 1/2 but for its sign."""
    half = circle.flint.arb(1) / 2
    order = len(circle.a)
    return (-1) ** order * (half - z).rising(order) / (half + z).rising(order)


def _slope(circle: _Circle, z: Any) -> Any:
    """d log Phi/dz."""
    square = z * z
    total = circle.flint.acb(0)
    for a, aa in zip(circle.a, circle.squares, strict=True):
        total += a / (square - aa)
    return 2 * total


def _even_lengths(circle: _Circle, turn: float, exponent: float) -> float:
    """The c' to which columns are even enough; turn 0 is C > 0, a positive tau, turn 1 C < 0.

    K_j rho_j = sinh(t)/t, rho = -Re z |d log Phi/dz|/t, is the same for all j, so it is half the
    range of log rho that has to stay below (1 - exponent) t.
    """
    spare = 1 - exponent
    if spare <= 0:
        return 1.0
    last = math.log(circle.c)
    t = _first_reach(circle, turn, spare)
    share = 0.1
    while 0 < t < last and share > _LEAST_SHARE:
        further = min(share * t, last - t)
        if _even_over(circle, turn, t, further, spare):
            t = t + further if further < last - t else last
            share = min(1.25 * share, 0.5)
        else:
            share /= 1.6
    return min(math.exp(t) * (1 - 4 * EPS), circle.c)


def _first_reach(circle: _Circle, turn: float, spare: float) -> float:
    """A t to which the roots have hardly left the axis: |log rho_j| <= spare t up to there."""
    t = spare / 2
    for _ in range(_HALVINGS):
        near = circle._replace(c=math.exp(t / 2))
        centers = _centers(near, turn)
        order = len(circle.a)
        drift = 0.0
        if turn == 1:  # a root comes from infinity: x >= N^2/t, and 0 <= log rho <= 1.1 (t/N)^2
            far = np.argmin(centers.z.real)
            others = np.arange(order) != far
            z, defect, slope = centers
            centers = _Centers(z[others], defect[others], slope[others])
            drift = 1.1 / order**2
        roots = _discs_of(near, centers, 0.5 * t * (1 + 8 * EPS))
        if roots is not None and np.max(np.abs(roots.z) + roots.radius) < order**2 / (2 * t):
            drift = max(drift, _drift(circle, roots, t))
            if drift * t * (1 + 32 * EPS) <= spare:
                return t
        t /= 2
    return 0.0


def _drift(circle: _Circle, roots: _Roots, t: float) -> float:
    """A bound of |log rho_j|/t'^2 for t' <= t, from discs for all of them.

    On the axis d log Phi/dz = L' is real and L'' imaginary, so log |L'| and Re 1/L' change from
    second order on; the mean of Re 1/L' over [0, t'] is Re z/t'.
    """
    worst = 0.0
    for z, slope in zip(roots.balls, roots.slopes, strict=True):
        second, third = _bends(circle, z)
        inverse = 1 / slope
        bend = second * inverse * inverse
        turned = third * inverse**3
        of_size = _above(abs(turned - 2 * bend**2)) / 2
        of_mean = _above(abs((turned - 3 * bend**2) * inverse)) * _above(abs(slope)) / 6
        drop = t * t * of_mean
        if not drop < 0.5:
            return math.inf
        worst = max(worst, of_size + of_mean / (1 - drop))
    return worst * (1 + 32 * EPS)


def _even_over(circle: _Circle, turn: float, t: float, further: float, spare: float) -> bool:
    """Whether the columns are even enough from t to t + further."""
    flint = circle.flint
    middle = t + further / 2
    there = circle._replace(c=math.exp(middle))
    centers = _centers(there, turn)
    reach = further / 2 + 8 * EPS * (1 + middle)
    thin = _discs_of(there, centers, 0.0)
    wide = _discs_of(there, centers, reach)
    if thin is None or wide is None:
        return False
    values = []
    for z, slope in zip(thin.balls, thin.slopes, strict=True):
        values.append((-z.real * abs(slope)).log())
    time = flint.arb(middle, reach)
    rate = 0.0
    for z, slope in zip(wide.balls, wide.slopes, strict=True):
        inverse = 1 / slope
        second, _ = _bends(circle, z)
        own = inverse.real / z.real - 1 / time + (second * inverse * inverse).real
        rate = max(rate, _above(abs(own)))
    highest = max(_above(value) for value in values)
    lowest = min(-_above(-value) for value in values)
    uneven = (highest - lowest) / 2 + reach * rate
    return uneven * (1 + 8 * EPS) <= spare * t


def _bends(circle: _Circle, z: Any) -> tuple[Any, Any]:
    """The second and third derivative of log Phi."""
    square = z * z
    second = circle.flint.acb(0)
    third = circle.flint.acb(0)
    for a, aa in zip(circle.a, circle.squares, strict=True):
        each = 1 / (square - aa)
        curve = a * each * each
        second += curve
        third += curve * each * (3 * square + aa)
    return -4 * z * second, 4 * third
