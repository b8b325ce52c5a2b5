r"""Pseudospectra: the eigenvalues of all matrices near A, by the least singular value of z I - A.

The set where sigma_min(z I - A) <= epsilon is the set of all eigenvalues of all A + E with |E|_2 <=
epsilon. With more rows than columns I stands for the first columns of the identity, an eigenvalue
has (A + E) v = z I v, and the set may be empty: only square matrices must have eigenvalues.

=========================  ================================================================
function                   gives
=========================  ================================================================
`pseudospectrum`           sigma_min(z I - A) on a grid of z
`window`                   a grid that holds the spectrum and a pseudospectrum
`pseudospectral_abscissa`  how far right a perturbation moves an eigenvalue, from both sides
=========================  ================================================================
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.bounds import Bounds
from ..ground.formats import TINY
from ..ground.gate import summable, tall
from . import shifted
from .contour_picture import contours
from .eigen import eigenvalue_rounding
from .grids import empty_grid, fill, grid_axes
from .inverse_lanczos import smallest_singular_values
from .nonnormality import rightmost_of_field
from .scaling import exponent_of, in_units, scaled, scaled_point, times_power
from .vertical_search import candidates, hamiltonian_rounding, least_singular_values, poles

if TYPE_CHECKING:
    import plotly.graph_objects as go

_POINTS = 100  # of a grid that was not given, each way
_TILE = 2**17  # entries of an array (N, points) of one tile, 2 MiB, but where N is large:
_NARROW = 128  # points are enough for matrix products
_LEAST_EXPONENT = -1000  # of a unit, whose inverse would overflow


class Pseudospectrum(NamedTuple):
    """The least singular value of z I - A on a grid: the pseudospectra, and how to draw them.

    Attributes:
        x: real parts of the grid, (X,).
        y: imaginary parts, (Y,).
        sigma: sigma_min(z I - A) at z = x + i y, (Y, X): the least |E|_2 that makes z an
            eigenvalue of A + E.
        Lambda: the eigenvalues as LAPACK finds them, (N,), none of more rows than columns.
    """

    x: Real
    y: Real
    sigma: Real
    Lambda: Complex

    def figure(self) -> go.Figure:
        """Filled contours of log10 sigma with the eigenvalues on top.

        Returns:
            A plotly figure.

        Raises:
            ImportError: without plotly, which the extra `cli` installs.

        Example:
            >>> drawn = pseudospectrum([[0, 1], [0, 0]], points=8).figure()
            >>> [trace.name for trace in drawn.data]
            ['pseudospectra', 'eigenvalues']
        """
        return contours(*self)


def pseudospectrum(
    A: Array,
    x: Array | None = None,
    y: Array | None = None,
    *,
    points: int = _POINTS,
    tolerance: float = 1e-3,
    progress: Callable[..., object] | None = None,
    out: np.ndarray | None = None,
) -> Pseudospectrum:
    r"""The smallest singular value of z I - A on the grid z = x + i y.

    .. math::  \sigma_{\min}(z I - A) = |(z I - A)^{-1}|_2^{-1}.

    Args:
        A: a matrix (N, N), or (M, N) with more rows than columns.
        x: real parts, rising, (X,). None, as y: those of the `window`.
        y: imaginary parts, rising, (Y,).
        points: of that window in each direction, at least 2.
        tolerance: relative, between 0 and 1; not needed for more rows than columns.
        progress: called as progress(fraction=0.5) after each tile of the grid. An exception that it
            raises goes through, as a KeyboardInterrupt does.
        out: (Y, X) of float64, for example a `numpy.memmap`. Each finished tile is written into it,
            and entries that are not NaN are kept: a grid that was interrupted is resumed by a
            second call with the same `out`. Without one an interrupt loses what was done.

    Returns:
        A `Pseudospectrum`, whose `sigma` (Y, X) is `out` if it was given.

    Raises:
        TypeError: if `A`, `x` or `y` hold no numbers of at most double precision, if `x` or `y` are
            complex, and for an `out` or `progress` of another type.
        ValueError: if `A` has fewer rows than columns, if `x` or `y` are empty or do not rise or
            one is given without the other, for NaN and infinities, what `window` raises of its
            points, for an `out` of another shape or read-only, and a tolerance outside.

    Accuracy:
        Lanczos' method gives an upper bound of sigma_min. A point is finished when the residual
        shows that a singular value is at most `tolerance`/4, relative, below the value found. That
        is the smallest, for the start vector is random (always the same), but where another is as
        near as that and the start vector favours it 16 to 1: of 60 000 points about the spectra of
        random normal matrices two exceeded the tolerance, the worse 3.6 times. At the latest it
        ends after 4 N steps, or k:

        .. math::  \cosh\frac{\operatorname{arsinh} \tan\phi}{2 k - 1} = 1 + \mathrm{tolerance}.

        The left side bounds the ratio of value to sigma_min, phi being the angle between start
        vector and singular vector, and k is made for tan(phi) = 1000 sqrt(N), which is exceeded
        with a probability below 1e-6.

        The Schur form adds an absolute error of about N eps |A|_2, and values below it mean
        nothing. Triangular A (`legs`, `lagt`, `tlagt`) need none: of `legs` to order 20 values were
        right to 2e-14 relative, however small. Below about 1e-305 of the largest |A_ij| or |z| the
        value is 0, as it is where z equals an eigenvalue.

        Of more rows than columns values are those of LAPACK, to N eps |z I - A|_2.

    Cost:
        A Schur form; for each point and step 8 N^2 flops, 4 N^2 where A is triangular and real; 3
        to 30 steps. Of real A and y symmetric about 0 half the grid is computed.
        Memory: the result, up to 9 copies of A, and about eight arrays of 2 MiB, or of 128 N
        complex numbers. More rows than columns: a singular value decomposition of (min(M, 2N), N)
        for each point.

    Source:
        Lui 1997 and Trefethen & Embree 2005, section 39, for the method; Wright & Trefethen 2002
        (IMA J. Numer. Anal. 22) for more rows than columns; derived here: the residual for any
        shift, and the bound by k (compare Kuczynski & Wozniakowski 1992 on Lanczos' method from
        random start vectors).

    Example:
        >>> pseudospectrum([[0, 1], [0, 0]], [0, 1], [0]).sigma.round(3)
        array([[0.   , 0.618]])
        >>> pseudospectrum([[0], [2]], [0, 1], [0]).sigma.round(3)  # no eigenvalue
        array([[2.   , 2.236]])
    """
    A = tall("A", A)
    x, y = _grid(A, x, y, points)
    tolerance = require.real("tolerance", tolerance, above=0, below=1)
    require.progress(progress)
    sigma = empty_grid(out, (len(y), len(x)))
    unit = _unit(A, x, y)
    least, Lambda, size = _least(A / unit)

    def values(real: Real, imag: Real) -> Real:
        with np.errstate(over="ignore"):
            return unit * least(real / unit + 1j * (imag / unit), tolerance)

    fill(sigma, x, y, values, real=np.isrealobj(A), size=size, progress=progress)
    with np.errstate(over="ignore"):
        Lambda = Lambda.real * unit + 1j * (Lambda.imag * unit)
    if A.shape[0] > A.shape[1]:
        Lambda = Lambda[:0]
    return Pseudospectrum(x, y, sigma, Lambda)


def window(
    A: Array,
    points: int = 200,
    *,
    level: float = 1e-3,
) -> tuple[Real, Real]:
    r"""A grid that holds the spectrum and the pseudospectrum of epsilon = `level` |A|_2.

    The box around the spectrum, widened equally on all sides by |A|_2/1024, or by a tenth of its
    larger side, and on by factors of sqrt(2) until sigma_min exceeds epsilon at 64 points of its
    border. Those are no proof, but the gaps between them are narrow. With more rows than columns
    the spectrum is that of the upper square, whose pseudospectra hold those of the whole, and
    sigma_min on the border is twice the least one inside as well: the valley is in the window.

    Args:
        A: a matrix (N, N), or (M, N) with more rows than columns.
        points: of the grid in each direction, at least 2.
        level: epsilon over |A|_2, between 0 and 1.

    Returns:
        x and y, each (points,). For real A y is symmetric about 0. Of A = 0 it is the square of
        side 2 about 0.

    Raises:
        TypeError: if `A` holds no numbers of at most double precision, `points` is no integer or
            `level` no number.
        ValueError: if `A` has fewer rows than columns or is not finite, for fewer than 2 points or
            more than memory holds, a level outside, and a window that overflows.

    Cost:
        Two Schur forms, a norm, and 64 values of sigma_min for each widening, at most 24.

    Example:
        >>> x, y = window([[0, 1], [0, 0]], 5)
        >>> x.round(2), y.round(2)
        (array([-0.04, -0.02,  0.  ,  0.02,  0.04]), array([-0.04, -0.02,  0.  ,  0.02,  0.04]))
    """
    A = tall("A", A)
    points = require.integer("points", points, least=2)
    require.room("the grid", 16 * points, host=True)
    level = require.real("level", level, above=0, below=1)
    unit = _unit(A)
    centre, half = _box(A / unit, level)
    t = np.linspace(-1, 1, points)
    t = (t - t[::-1]) / 2  # symmetric to the last bit
    with np.errstate(over="ignore"):
        x = unit * (centre.real + half.real * t)
        y = unit * (centre.imag + half.imag * t)
    corners = [x[0], x[-1], y[0], y[-1]]
    if not np.all(np.isfinite(corners)):
        rule = "the window must fit double precision"
        raise ValueError(f"{rule}; got one that overflows. Scale `A` by a power of two.")
    return x, y


def pseudospectral_abscissa(
    A: Array,
    eps: float,
    *,
    tolerance: float = 1e-6,
) -> Bounds:
    r"""How far right a perturbation of norm `eps` can move an eigenvalue, from both sides.

    .. math::  \alpha_\epsilon(A) = \max_{|E|_2 \le \epsilon} \alpha(A + E)
               = \max \{\operatorname{Re} z : \sigma_{\min}(z I - A) \le \epsilon\}.

    alpha + eps for a normal matrix, about alpha + eps^{1/N} for a Jordan block.

    Args:
        A: a square matrix, (N, N).
        eps: the norm of the perturbation, above 0.
        tolerance: relative to the distance of `lower` from the spectral abscissa alpha.

    Returns:
        A `Bounds`. `lower` is attained at the point `at` of the plane (of nonnegative imaginary
        part for a real A), where sigma_min is `eps` but for its rounding, N u |A| with u = 2^{-52}.
        On the line through `upper`, and right of it, sigma_min is at least `eps`.

    Raises:
        TypeError: if `A` holds no numbers of at most double precision, or `eps` or `tolerance` is
            no number.
        ValueError: if `A` is not square, not finite, or has row sums that overflow; if `eps` or
            `tolerance` is not positive.

    Accuracy:
        `upper` - `lower` is `tolerance` (`lower` - alpha), or 4 or 16 times that where sigma_min
        rises slowly to the right, unless rounding forbids. It does where `eps` nears N u |A|: then
        the gap grows, at most to `upper` = omega + eps of the numerical range, and for `eps` below
        that `lower` is little more than the abscissa as LAPACK finds it.

    Cost:
        Three to six Schur forms of order 2N, and some ten singular value decompositions each.

    Source:
        Burke, Lewis & Overton 2003 (IMA J. Numer. Anal. 23) for the criss-cross search;
        `vertical_search` for the certificate.

    Example:
        >>> found = pseudospectral_abscissa([[-1, 0], [0, -2]], 0.25)
        >>> round(found.lower, 6), round(found.upper, 5)
        (-0.75, -0.75)
    """
    A, exponent = in_units(summable("A", A))
    eps = require.real("eps", eps, above=0)
    tolerance = require.real("tolerance", tolerance, above=0)
    larger = max(exponent, math.frexp(eps)[1])  # in units of which neither A nor eps overflows
    A = times_power(A, exponent - larger)
    eps = max(math.ldexp(eps, -larger), TINY)
    upper, at = _criss_cross(A, eps, tolerance)
    if np.isrealobj(A):
        at = complex(at.real, abs(at.imag))
    at = scaled_point(at, larger)
    return Bounds(at.real, scaled(upper, larger), at)


def _criss_cross(
    A: np.ndarray,
    eps: float,
    tolerance: float,
) -> tuple[float, complex]:
    """A line that the pseudospectrum does not reach, and a point of it near that line."""
    found = poles(A)
    right = found[np.argmax(found.real)]
    alpha = float(right.real)
    point = complex(alpha + eps, right.imag)
    rounding = eigenvalue_rounding(len(A)) * float(np.linalg.norm(A))
    far = rightmost_of_field(A) + eps + rounding
    step = 0.0
    least = rounding / 64  # steps below the rounding lead nowhere, and ever longer ones to an end
    while True:
        step = max(step, tolerance * max(point.real - alpha, eps), least)
        least = 2 * least
        x = point.real + step
        if x >= far:
            return max(far, point.real), point
        rounding_there = 4 * hamiltonian_rounding(A, x, eps)
        depth = max(tolerance * eps / 4, rounding_there, TINY)
        w = candidates(A, x, eps + depth, depth)
        sigma = least_singular_values(A, x + 1j * w)
        inside = sigma <= eps
        if np.any(inside):
            ends = [_rightmost(A, eps, complex(x, v), far) for v in w[inside]]
            point = max(ends, key=lambda z: z.real)
            step = 0.0
        elif np.all(sigma >= eps + depth):
            return x, point
        else:
            step *= 4


def _rightmost(
    A: np.ndarray,
    eps: float,
    start: complex,
    far: float,
) -> complex:
    """A point where sigma_min becomes `eps`, right of `start` on its horizontal line."""

    def excess(x: float) -> float:
        z = np.array([complex(x, start.imag)])
        return float(least_singular_values(A, z)[0]) - eps

    if excess(far) <= 0:
        return complex(far, start.imag)
    accuracy = np.float64(1e-14)
    end: Any = scipy.optimize.brentq(excess, start.real, far, xtol=1e-300, rtol=accuracy)
    return complex(max(start.real, float(end)), start.imag)


def _least(A: np.ndarray) -> tuple[Callable[[Complex, float], Real], Complex, int]:
    """The function from z (S,) and a tolerance to sigma_min(z I - A), the eigenvalues, and an S.

    Of a taller matrix those of its upper square: rows that are added only raise sigma_min, so that
    its pseudospectra lie inside. Rows beyond 2N are brought to N by their QR form.
    """
    order = A.shape[1]
    T = shifted.triangular(A[:order])[0]
    if len(A) == order:
        by_lanczos = functools.partial(smallest_singular_values, T)
        return by_lanczos, np.diag(T), max(_NARROW, _TILE // order)
    if len(A) > 2 * order:
        A = np.concatenate([A[:order], np.linalg.qr(A[order:], mode="r")])

    def by_decomposition(z: Complex, tolerance: float) -> Real:
        return least_singular_values(A, z)

    return by_decomposition, np.diag(T), max(1, _TILE // A.size)


def _box(A: np.ndarray, level: float) -> tuple[complex, complex]:
    """Centre, and half width and height, of a box about the spectrum of the upper square of A.

    sigma_min at 64 points of its border exceeds level |A|_2, and twice what it is inside.
    """
    least, Lambda, _ = _least(A)
    size = float(np.linalg.norm(A, 2))
    low = complex(Lambda.real.min(), Lambda.imag.min())
    high = complex(Lambda.real.max(), Lambda.imag.max())
    centre = (low + high) / 2
    if np.isrealobj(A):  # rounding moves a real spectrum off the axis
        centre = complex(centre.real, 0.0)
    extent = (high - low) / 2
    larger_side = max(extent.real, extent.imag)
    margin = max(size / 1024, larger_side / 5) or 1.0
    edge = np.linspace(-1, 1, 17)[:-1]
    below_and_right = [edge - 1j, 1 + 1j * edge]
    above_and_left = [1j - edge, -1 - 1j * edge]
    border = np.concatenate(below_and_right + above_and_left)
    while True:
        half = complex(extent.real + margin, extent.imag + margin)
        z = centre + half.real * border.real + 1j * half.imag * border.imag
        lowest = float(np.min(least(z, 0.1)))
        if lowest > level * size and lowest > 2 * _least_inside(least, A, centre, z):
            return centre, half
        margin *= math.sqrt(2)


def _least_inside(
    least: Callable[[Complex, float], Real],
    A: np.ndarray,
    centre: complex,
    border: Complex,
) -> float:
    """The least value at points within the border: 0 of square A, which has eigenvalues there."""
    if len(A) == A.shape[1]:
        return 0.0
    shrunk = np.outer([0.0, 0.25, 0.5, 0.75], border - centre)
    return float(np.min(least(centre + shrunk.ravel(), 0.1)))


def _unit(*arrays: np.ndarray) -> float:
    """The power of two beneath the largest part of any entry, or the least with an inverse."""
    exponent = max(exponent_of(array) for array in arrays)
    anything = any(np.any(array) for array in arrays)
    return 2.0 ** max(exponent - 1, _LEAST_EXPONENT) if anything else 1.0


def _grid(A: np.ndarray, x: Any, y: Any, points: Any) -> tuple[Real, Real]:
    """The axes that are given, or those of the window."""
    if x is None and y is None:
        return window(A, points)
    if x is None or y is None:
        missing = "x" if x is None else "y"
        rule = "`x` and `y` must be given together"
        raise ValueError(f"{rule}; got no `{missing}`. Take both from window(A), or give neither.")
    return grid_axes(x, y)
