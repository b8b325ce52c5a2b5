r"""How far a function of A + E is from that of A: what E does, and apart from it rounding.

Each bound is |E|_2 times an integral of two norms that are known from both matrices,

.. math::  e^{t(A + E)} - e^{tA} = \int_0^t e^{(t - s) A} E\, e^{s (A + E)}\, ds, \qquad
           (A + E)^k - A^k = \sum_{j=0}^{k-1} A^j E\, (A + E)^{k - 1 - j},

and with R(z) = (z - A)^{-1} and R~(z) = (z - A - E)^{-1}

.. math::  \tilde R - R = R E \tilde R, \qquad
           (A + E)^p - A^p = \frac{\sin p\pi}{\pi}
           \int_0^\infty s^p (s + A)^{-1} E\, (s + A + E)^{-1}\, ds, \quad |p| < 1.

No bound is known here for an f about which nothing but its values at the eigenvalues is known.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..ground import gate, require
from ..ground.backend import Array, Real
from ..ground.formats import EPS
from ..matrices.growth import bounds_between, curvature
from ..matrices.nonnormality import rightmost_of_field
from ..matrices.scaling import exponent_of, frobenius, scaled, times_power
from ..matrices.vertical_search import least_singular_values
from .diagonalization import Diagonalization

_CELLS = 128  # of the time axis
_LONG = 1e16  # over |A|: a time that leaves no digit of an exponential
_FOREVER = 1e300  # over |A|
_POWERS = 512  # norms of powers that are computed, higher ones follow from them
_SUMMED = 1 << 24  # of the powers themselves
_RISE = 0.1  # of a resolvent in an interval of the integral over s
_GROWTH = 1.4  # of such an interval from one to the next
_TERMS = 8  # of the series of a resolvent
_CENTRES = 4096  # at which that integral is given up
_TAIL = 64  # times the norm: from there on the integral over s is bounded by formula


class FunctionBound(NamedTuple):
    """How far a computed f(A + E) is from f(A) at most, in the 2-norm, by its two causes.

    Attributes:
        perturbation: |f(A + E) - f(A)|, whatever the arithmetic.
        rounding: what rounding adds in `Diagonalization.apply`, to first order.
    """

    perturbation: Any
    rounding: Any


def exponential_bound(found: Diagonalization, t: Array) -> FunctionBound:
    r"""A bound on the distance of e^{t(A+E)} from e^{tA}, by Duhamel's integral.

    .. math::  |e^{t(A+E)} - e^{tA}| \le |E| \int_0^t |e^{(t-s)A}|\, |e^{s(A+E)}|\, ds
               \le |E|\, \frac{e^{t\tilde\omega} - e^{t\omega}}{\tilde\omega - \omega} .

    The smaller of two bounds: the right one by the numerical abscissas, and the left one by the
    norms at 128 times up to the largest t, with `transient_growth`'s bounds between them. So it
    sees growth and decay of both, and does not grow with t for a stable A + E.

    Args:
        found: a diagonalization with as many modes as states.
        t: times, a number of at least 0 or (T,).

    Returns:
        A `FunctionBound` of numbers or arrays (T,). A state x is off by at most that times |x|.

    Raises:
        TypeError: for what is no `Diagonalization`, and times that are no real numbers.
        ValueError: for negative times and another shape; for more modes than states.

    Accuracy:
        `perturbation` carries the rounding of the exponentials it is computed from.

    Cost:
        256 products and norms of order N, whatever T is.

    Source:
        Kato 1980, Perturbation Theory for Linear Operators, chapter IX, for the integral; derived
        here: its bound by cells.

    Example:
        >>> from ssmlinalg import perturb
        >>> found = perturb.gaussian([[-1, 30], [0, -2]], size=1e-9)
        >>> off, rounding = exponential_bound(found, 1.0)
        >>> off < 2e-6, rounding < 1e-12
        (True, True)
    """
    _refuse_wide(found)
    t = gate.real_numbers("t", t)
    require.shape("t", t.shape, "() or (T,)", t.ndim <= 1)
    times = np.atleast_1d(t)
    _no_negative("t", times)
    units = _in_units(found)
    with np.errstate(over="ignore", under="ignore"):
        largest = np.exp(times * found.abscissa)
        times = np.minimum(np.ldexp(times, units.exponent), _FOREVER)
    by_norms = _convolved(units.A, units.M, times)
    rates = (rightmost_of_field(units.A), rightmost_of_field(units.M))
    by_abscissas = np.array([_mean_exponential(*rates, s) for s in times])
    coefficient = np.fmin(by_norms, by_abscissas)
    return _bound(units, coefficient, largest, t.shape, degree=0)


def resolvent_bound(found: Diagonalization, z: Array) -> FunctionBound:
    r"""A bound on the distance of (z - A - E)^{-1} from (z - A)^{-1}.

    .. math::  |\tilde R(z) - R(z)| \le |E|\, |R(z)|\, |\tilde R(z)| .

    Args:
        found: a diagonalization with as many modes as states.
        z: points of the plane, a number or (Z,).

    Returns:
        A `FunctionBound` of numbers or arrays (Z,), inf where z - A or z - A - E is singular for
        all that rounding can tell.

    Raises:
        TypeError: for what is no `Diagonalization`, and points that are no numbers.
        ValueError: for points of another shape; for more modes than states.

    Cost:
        Two singular value decompositions a point.

    Example:
        >>> from ssmlinalg import perturb
        >>> found = perturb.gaussian([[-1, 30], [0, -2]], size=1e-9)
        >>> resolvent_bound(found, 1j).perturbation < 1e-5
        True
    """
    _refuse_wide(found)
    z = gate.numbers("z", z)
    require.shape("z", z.shape, "() or (Z,)", z.ndim <= 1)
    points = np.atleast_1d(z)
    distance = np.min(np.abs(points[:, None] - found.Lambda), axis=1)
    bounds = [_resolvent_bound(found, *pair) for pair in zip(points, distance, strict=True)]
    if z.shape == ():
        return bounds[0]
    return FunctionBound(*np.array(bounds).reshape(-1, 2).T)


def _resolvent_bound(found: Diagonalization, z: complex, distance: float) -> FunctionBound:
    units = _in_units(found, z)
    point = times_power(np.atleast_1d(z), -units.exponent)
    with np.errstate(divide="ignore", over="ignore"):
        coefficient = 1 / _least(units.A, point) / _least(units.M, point)
        largest = 1 / np.atleast_1d(distance)
    return _bound(units, coefficient, largest, (), degree=-1)


def power_bound(found: Diagonalization, k: int) -> FunctionBound:
    r"""A bound on the distance of (A + E)^k from A^k.

    .. math::  |(A + E)^k - A^k| \le |E| \sum_{j=0}^{k-1} |A^j|\, |(A + E)^{k-1-j}| .

    Beyond 512 powers their norms are bounded by |A^{512}|^q |A^r|.

    Args:
        found: a diagonalization with as many modes as states.
        k: the power, at least 1.

    Returns:
        A `FunctionBound` of numbers, inf where it overflows.

    Raises:
        TypeError: for what is no `Diagonalization`, and a k that is no integer.
        ValueError: for k below 1 or above 2^24; for more modes than states.

    Cost:
        2 k products and norms of order N, at most 1024.

    Example:
        >>> from ssmlinalg import perturb
        >>> found = perturb.gaussian(np.eye(3, k=1), size=1e-9)
        >>> power_bound(found, 4).perturbation < 1e-8
        True
    """
    _refuse_wide(found)
    k = require.integer("k", k)
    if k > _SUMMED:
        raise ValueError(f"`k` must be at most 2^24; got {k}. Bound the exponential instead.")
    units = _over(found, 0)  # powers of what is over another number over- or underflow
    with np.errstate(over="ignore", invalid="ignore"):
        first = _norms_of_powers(units.A, k)
        second = _norms_of_powers(units.M, k)[::-1]
        total = float(np.sum(first * second))
        largest = float(np.max(np.abs(found.Lambda)) ** k)
    coefficient = math.inf if math.isnan(total) else total
    return _bound(units, np.array([coefficient]), np.array([largest]), (), degree=k)


def fractional_power_bound(found: Diagonalization, p: float) -> FunctionBound:
    r"""A bound on the distance of (A + E)^p from A^p, for -1 < p < 1.

    .. math::  |(A + E)^p - A^p| \le |E|\, \frac{|\sin p\pi|}{\pi}
               \int_0^\infty \frac{s^p\, ds}
               {\sigma_{\min}(s + A)\, \sigma_{\min}(s + A + E)} .

    Powers are principal, of matrices without eigenvalues on the negative axis and at 0. Between
    points the resolvents are bounded by their series, whose steps follow the distance from the
    eigenvalues where sigma_min would allow far smaller ones.

    It is a bound for every E of that norm, and a large one where A is nearly singular beside |E|:
    the resolvents at s = 0 are 1/sigma_min(A). Frank's matrix of order 12 has sigma_min = 1e-8.

    Args:
        found: a diagonalization with as many modes as states.
        p: the power, between -1 and 1.

    Returns:
        A `FunctionBound` of numbers. inf where an eigenvalue of A or A + E on the negative axis
        cannot be excluded.

    Raises:
        TypeError: for what is no `Diagonalization`, and a p that is no number.
        ValueError: for p outside; for more modes than states.

    Accuracy:
        The integral is within a quarter.

    Cost:
        Two singular value decompositions and 20 products of order N an interval, of which most
        matrices take 50 to 500.

    Source:
        Balakrishnan 1960 (Pacific J. Math. 10) for the integral of a power; derived here: the bound
        between points.

    Example:
        >>> from ssmlinalg import perturb
        >>> found = perturb.gaussian([[1, 30], [0, 2]], size=1e-9)
        >>> fractional_power_bound(found, 0.5).perturbation < 1e-5
        True
    """
    _refuse_wide(found)
    p = require.real("p", p, above=-1, below=1)
    units = _in_units(found)
    total = _integral(units.A, units.M, p)
    coefficient = abs(math.sin(math.pi * p)) / math.pi * total if p else 0.0
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(found.Lambda) ** p)
    return _bound(units, np.array([coefficient]), np.array([largest]), (), degree=p)


class _Units(NamedTuple):
    """A and M = A + E over 2^exponent, whose squares neither overflow nor vanish.

    Attributes:
        A: A / 2^exponent.
        M: (A + E) / 2^exponent.
        exponent: an integer.
        size: |E|_2 / 2^exponent.
        rest: |A + E - V diag(Lambda) V^{-1}|_F / 2^exponent.
        product: what rounding adds to a product with V and V^{-1}, relative.
    """

    A: Array
    M: Array
    exponent: int
    size: float
    rest: float
    product: float


def _refuse_wide(found: Diagonalization) -> None:
    """Refuse what is no f(A + E) of a square V, which is what `apply` makes."""
    require.instance("found", found, Diagonalization, "Take it from ssmlinalg.perturb.")
    if found.wide:
        rule = "`found` must have as many modes as states"
        got = f"{len(found.Lambda)} modes of {found.order} states"
        raise ValueError(f"{rule}; got {got}. Perturb without `modes`.")


def _in_units(found: Diagonalization, z: complex = 0.0) -> _Units:
    """Over the power of two that brings A, E and z below 1."""
    parts = (np.asarray(found.A), np.asarray(found.E), np.asarray(z))
    return _over(found, max((exponent_of(X) for X in parts if np.any(X)), default=0))


def _over(found: Diagonalization, exponent: int) -> _Units:
    A = times_power(np.asarray(found.A), -exponent)
    E = times_power(np.asarray(found.E), -exponent)
    return _Units(
        A=A,
        M=A + E,
        exponent=exponent,
        size=float(np.linalg.norm(E, 2)),
        rest=found.factorization_error * (frobenius(A) or scaled(1.0, -exponent)),
        product=len(A) * EPS * found.condition,
    )


def _no_negative(name: str, values: Real) -> None:
    if np.any(values < 0):
        got = f"{values[values < 0][0]:g}"
        raise ValueError(f"`{name}` must be at least 0; got {got}. Perturb -A to go back in time.")


def _bound(
    units: _Units,
    coefficient: Real,
    largest: Real,
    shape: tuple[int, ...],
    *,
    degree: float,
) -> FunctionBound:
    """The bounds of an f that changes by `coefficient` |E| and is at most `largest` on Lambda.

    f(c A) = c^degree f(A), of e^{tA} with t over c.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        factor = np.exp2(units.exponent * degree)
        perturbation = factor * (units.size * coefficient)
        rounding = factor * (units.rest * coefficient) + units.product * largest
    if units.size == 0:
        perturbation = np.zeros(len(coefficient))
    if shape == ():
        return FunctionBound(float(perturbation[0]), float(rounding[0]))
    return FunctionBound(perturbation, rounding)


def _mean_exponential(a: float, b: float, t: float) -> float:
    """The integral of e^{(t - s) a + s b} over 0 < s < t."""
    gap = abs(b - a) * t
    mean = -math.expm1(-gap) / gap if gap else 1.0
    exponent = t * max(a, b)
    return t * mean * math.exp(exponent) if exponent < 700 else math.inf


def _convolved(A: Array, M: Array, times: Real) -> Real:
    """The integral of |e^{(t - s)A}| |e^{sM}| at each time (T,), by bounds on cells of time."""
    last = float(times.max(initial=0.0))
    width = last / _CELLS
    if width == 0 or last > _LONG:
        return np.where(times > 0, math.inf, 0.0)
    with np.errstate(all="ignore"):
        cells = np.convolve(_norms_in_cells(A, width), _norms_in_cells(M, width))
    cells = np.where(np.isnan(cells), math.inf, cells)[:_CELLS]
    # Of step functions the convolution is linear from one cell to the next.
    height = np.concatenate([[0.0], width * cells])
    return np.interp(times, width * np.arange(_CELLS + 1), height)


def _norms_in_cells(A: Array, width: float) -> Real:
    """A number that |e^{tA}| does not exceed in each of the cells (K,) of this width."""
    time = width * np.arange(_CELLS + 1)
    omega = rightmost_of_field(A)
    one = scipy.linalg.expm(width * A)
    norm = _norms_of_powers(one, _CELLS + 1)
    return bounds_between(curvature(A), max(omega, 0.0), time, norm)


def _norms_of_powers(A: Array, count: int) -> Real:
    """|A^j| or a bound of it for j < count, (count,)."""
    computed = min(count, _POWERS + 1)
    norms = np.ones(computed)
    power = np.eye(len(A))
    for j in range(1, computed):
        power = power @ A
        finite = bool(np.all(np.isfinite(power)))
        norms[j] = np.linalg.norm(power, 2) if finite else math.inf
    j = np.arange(count)
    return norms[-1] ** (j // _POWERS) * norms[j % _POWERS] if count > computed else norms


def _least(A: Array, z: Array) -> Real:
    """sigma_min(z - A) less its rounding, at least 0."""
    rounding = len(A) * EPS * (float(np.linalg.norm(A)) + np.abs(z))
    return np.maximum(least_singular_values(A, z) - rounding, 0.0)


def _integral(A: Array, M: Array, p: float) -> float:
    """The integral of s^p |(s + A)^{-1}| |(s + M)^{-1}| over s > 0, from above."""
    size = max(float(np.linalg.norm(A, 2)), float(np.linalg.norm(M, 2)))
    far = _TAIL * size
    if size == 0:
        return math.inf
    # Beyond `far` both are at least s - |A|.
    total = (1 - 1 / _TAIL) ** -2 * far ** (p - 1) / (1 - p)
    s = 0.0
    radius = far
    for _ in range(_CENTRES):
        radius = min(radius, (far - s) / 2)
        around = [_resolvents(matrix, s + radius) for matrix in (A, M)]
        most = [_largest_resolvent(norms, radius) for norms in around]
        if not all(
            high <= (1 + _RISE) * norms[0] for high, norms in zip(most, around, strict=True)
        ):
            radius /= 2
            if radius < EPS * size:
                return math.inf
            continue
        end = s + 2 * radius
        total += (end ** (p + 1) - s ** (p + 1)) / (p + 1) * math.prod(most)
        if end >= far * (1 - EPS):
            return total
        s = end
        radius *= _GROWTH
    return math.inf


def _resolvents(A: Array, s: float) -> Real:
    """Bounds of |R|, |R^2|, ..., R = (s + A)^{-1}, their rounding included; inf if singular."""
    order = len(A)
    shifted = A + s * np.eye(order)
    least = float(_least(A, np.array([-s]))[0])
    norms = np.full(_TERMS + 2, np.inf)
    if least == 0:
        return norms
    norms[0] = 1 / least
    R = np.linalg.inv(shifted)
    # R is off by that, relative, in each factor.
    off = 1 + 4 * order * EPS * float(np.linalg.norm(shifted)) / least
    power = R
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(1, len(norms)):
            power = power @ R
            found = float(np.linalg.norm(power)) * off ** (k + 1)
            norms[k] = min(found, norms[0] ** (k + 1)) if math.isfinite(found) else math.inf
    return norms


def _largest_resolvent(norms: Real, radius: float) -> float:
    r"""A number that |(s + delta + A)^{-1}| does not exceed for |delta| <= r.

    By the mean value |R| + r |R^2|, and for |R(s + delta)^2| by the series of powers of delta R, m
    terms and what repeats after them: with q = r^m |R^m| < 1

    .. math::  |R(s + \delta)^2| \le \sum_{k<m} r^k |R^{k+2}|
               \left(\frac{k + 1}{1 - q} + \frac{m q}{(1 - q)^2}\right).
    """
    k = np.arange(_TERMS)
    with np.errstate(all="ignore"):
        q = radius**_TERMS * norms[_TERMS - 1]
        if not q < 1:
            return math.inf
        weight = (k + 1) / (1 - q) + _TERMS * q / (1 - q) ** 2
        slope = float(np.sum(radius**k * norms[k + 1] * weight))
    return float(norms[0]) + radius * slope
