"""All figures of one matrix at once: its eigenvalues, how far from normal it is, what follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg

from ..ground import require
from ..ground.backend import Array, Real
from ..ground.bounds import Bounds
from ..ground.gate import summable
from .eigen import Condeig, condeig, condition
from .growth import kreiss, transient_growth
from .nonnormality import (
    Departure,
    NumericalRange,
    departure,
    numerical_abscissa,
    numerical_range,
)
from .pseudospectra import Pseudospectrum, pseudospectral_abscissa, pseudospectrum, window
from .scaling import in_units, scaled, times_power

_EPSILONS = (1e-2, 1e-4, 1e-6, 1e-8)  # beside |A|_2
_PARTS = 6  # after which progress is told
_POINTS = 80  # of the grid of pseudospectra, each way
_ANGLES = 96  # of the numerical range
_AIR = 0.04  # about it in the picture, beside its width


class EpsilonAbscissa(NamedTuple):
    """How far right a perturbation of one size moves an eigenvalue.

    Attributes:
        eps: the size, |E|_2.
        bounds: the pseudospectral abscissa from both sides.
    """

    eps: float
    bounds: Bounds


class Profile(NamedTuple):
    """The figures of one matrix.

    Attributes:
        A: the matrix (N, N), in double precision.
        eigen: eigenvectors, eigenvalues and the condition number of each.
        residual: |A V - V Lambda|_F/|A|_F of these eigenvectors; absolute where A = 0.
        condition: kappa_2(V), inf where rounding tells it from nothing.
        norm: |A|_2.
        departure: Henrici's departure from normality.
        field: the numerical range.
        spectra: the pseudospectra on a grid.
        omega: the numerical abscissa.
        abscissas: those of the pseudospectra of epsilon = 1e-2, 1e-4, 1e-6 and 1e-8 |A|_2, where
            that is not 0.
        kreiss: the Kreiss constant of the half plane.
        growth: the transient growth, sup |e^{tA}|.
    """

    A: Array
    eigen: Condeig
    residual: float
    condition: float
    norm: float
    departure: Departure
    field: NumericalRange
    spectra: Pseudospectrum
    omega: float
    abscissas: list[EpsilonAbscissa]
    kreiss: Bounds
    growth: Bounds

    @property
    def abscissa(self) -> float:
        """max Re Lambda, as computed."""
        return float(self.eigen.Lambda.real.max())


def profile(
    A: Array,
    *,
    points: int = _POINTS,
    progress: Callable[..., object] | None = None,
) -> Profile:
    """All figures of a matrix: conditioning, non-normality, pseudospectra, transient growth.

    Args:
        A: a square matrix, (N, N).
        points: of the grid of pseudospectra in each direction, at least 2.
        progress: called as progress(fraction=0.5) after each part.

    Returns:
        A `Profile`.

    Raises:
        TypeError: if `A` holds no numbers of at most double precision, for `points` that are no
            integer, and a `progress` that is no function.
        ValueError: if `A` is not square, not finite, or has row sums that overflow; for fewer than
            2 points or more than memory holds.

    Cost:
        Seconds at order 64, nearly all of it level sets: Schur forms of order 2N, and exponentials.

    Example:
        >>> found = profile([[-1, 30], [0, -2]], points=8)
        >>> round(found.condition, 1), round(found.growth.lower, 1)
        (60.0, 7.5)
    """
    A = summable("A", A)
    points = require.integer("points", points, least=2)
    require.progress(progress)
    told = _counted(progress)
    eigen = condeig(A)
    residual, norm = _residual_and_norm(A, eigen)
    away = departure(A)
    told()
    field = numerical_range(A, _ANGLES)
    told()
    spectra = pseudospectrum(A, *_seen(A, field, points))
    told()
    abscissas = _abscissas(A, norm)
    told()
    constant = kreiss(A)
    told()
    growth = transient_growth(A)
    told()
    return Profile(
        A=A,
        eigen=eigen,
        residual=residual,
        condition=condition(eigen.V),
        norm=norm,
        departure=away,
        field=field,
        spectra=spectra,
        omega=numerical_abscissa(A),
        abscissas=abscissas,
        kreiss=constant,
        growth=growth,
    )


def _counted(progress: Callable[..., object] | None) -> Callable[[], None]:
    """The function to call after each part."""
    done = itertools.count(1)

    def told() -> None:
        if progress:
            progress(fraction=next(done) / _PARTS)

    return told


def _residual_and_norm(A: Array, eigen: Condeig) -> tuple[float, float]:
    """|A V - V Lambda| over |A|, in Frobenius norms, and |A| in the 2-norm."""
    units, exponent = in_units(A)
    rest = units @ eigen.V - eigen.V * times_power(eigen.Lambda, -exponent)
    residual = float(np.linalg.norm(rest) / (np.linalg.norm(units) or 1.0))
    return residual, scaled(float(np.linalg.norm(units, 2)), exponent)


def _abscissas(A: Array, norm: float) -> list[EpsilonAbscissa]:
    sizes = [level * norm for level in _EPSILONS if level * norm]
    return [EpsilonAbscissa(eps, pseudospectral_abscissa(A, eps, tolerance=1e-3)) for eps in sizes]


def _seen(A: Array, field: NumericalRange, points: int) -> tuple[Real, Real]:
    """The `window` of A, made so wide that the numerical range is in it."""
    x, y = window(A, points)
    edge = field.boundary
    return _widened(x, edge.real), _widened(y, edge.imag)


def _widened(axis: Real, values: Real) -> Real:
    low = min(float(axis[0]), float(values.min()))
    high = max(float(axis[-1]), float(values.max()))
    if (low, high) == (axis[0], axis[-1]):
        return axis
    air = _AIR * (high - low)
    t = np.linspace(-1, 1, len(axis))
    t = (t - t[::-1]) / 2  # symmetric to the last bit
    return (low + high) / 2 + ((high - low) / 2 + air) * t


def flow_norms(A: Array, until: float, steps: int = 120) -> tuple[Real, Real]:
    """|e^{tA}|_2 at evenly spaced times, for a picture.

    Args:
        A: a square matrix, (N, N).
        until: the last time, above 0.
        steps: how many times after 0.

    Returns:
        The times and the norms, (steps + 1,), up to the first that overflows.

    Raises:
        TypeError: if `A` holds no numbers, and for arguments that are none.
        ValueError: if `A` is not square, not finite, or has row sums that overflow; for a time
            that is not above 0, and fewer than one step.

    Cost:
        An exponential, and a product and a norm a step.

    Example:
        >>> t, norm = flow_norms([[-1.0]], 1.0, 2)
        >>> norm.round(3)
        array([1.   , 0.607, 0.368])
    """
    A = summable("A", A)
    until = require.real("until", until, above=0)
    steps = require.integer("steps", steps)
    with np.errstate(all="ignore"):
        one = scipy.linalg.expm(until / steps * A)
        power = np.eye(len(A))
        norms = [1.0]
        for _ in range(steps):
            power = power @ one
            if not np.all(np.isfinite(power)):
                break
            norms.append(float(np.linalg.norm(power, 2)))
    return np.linspace(0, until, steps + 1)[: len(norms)], np.array(norms)
