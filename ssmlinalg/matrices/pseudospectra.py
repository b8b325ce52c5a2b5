r"""Pseudospectra: how near to singular z I - A is, on a grid of z.

The set where sigma_min(z I - A) <= epsilon is the set of all eigenvalues of all A + E with |E|_2 <=
epsilon. sigma_min is the inverse of the norm of the resolvent R = (z I - A)^{-1}, found by Lanczos'
method on R^* R: with A in triangular form a step is two triangular solves, O(N^2) where a singular
value decomposition is O(N^3) (Lui 1997; Trefethen & Embree 2005, Section 39). Here a thousand
points take each step together, so that the solves are matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from . import shifted
from .gate import real_numbers, square

_FAILURE = 1e-6  # probability, over start vectors, with which a point may exceed the tolerance at the last step
_TILE = 2**17  # entries of an array (N, points) of one tile, 2 MiB, but where N is large:
_NARROW = 128  # points are enough for matrix products
_NEWTON = 20  # steps from one Ritz value to the next at most; two or three are usual


def pseudospectrum(
    A: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    tolerance: float = 1e-3,
    progress: Callable[..., object] | None = None,
    out: np.ndarray | None = None,
) -> Real:
    r"""The smallest singular value of z I - A on the grid z = x + i y: an array (Y, X).

    .. math::  \sigma_{\min}(z I - A) = |(z I - A)^{-1}|_2^{-1}.

    A (N, N), real or complex; x (X,) and y (Y,) rising. `out` (Y, X), float64, for example a
    `numpy.memmap`: each finished tile of the grid is written into it, what is not NaN in it is
    kept, and it is returned. So a grid that was interrupted is resumed by a second call with the
    same `out`; without one an interrupt loses what was done. `progress` is called with the
    `fraction` done after each tile. What it raises goes through, as a KeyboardInterrupt does.

    Accuracy: Lanczos' method gives an upper bound of sigma_min. A point is finished when the
    residual shows that a singular value is at most `tolerance`/4, relative, below what was found.
    That is the smallest, for the start vector is random (always the same), but where another is as
    near as that and the start vector favours it 16 to 1: of 60 000 points about the spectra of
    random normal matrices two exceeded the tolerance, the worse 3.6 times. At the latest it ends
    after 4 N steps, or k:

    .. math::  \cosh\frac{\operatorname{arsinh} \tan\phi}{2 k - 1} = 1 + \mathrm{tolerance}.

    The left side bounds the ratio of value to sigma_min, phi being the angle between start vector
    and singular vector, and k is made for tan(phi) = 1000 sqrt(N), which is exceeded with a
    probability below 1e-6. The Schur form adds an absolute error of about N eps |A|_2, and values
    below it mean nothing. Triangular A (`legs`, `lagt`, `tlagt`) need none: of `legs` to order 20
    values were right to 2e-14 relative, however small. Below about 1e-305 of the largest |A_ij| or
    |z| the value is 0, as it is where z equals an eigenvalue.

    Raises TypeError for what is no array of numbers on the host; ValueError for shapes that do not
    fit, NaN and infinities, x or y that are empty or do not rise, and a tolerance not between 0 and
    1. Cost: a Schur form; for each point and step 8 N^2 flops, 4 N^2 where A is triangular and
    real; 3 to 30 steps. Of real A and y symmetric about 0 half the grid is computed. Memory: the
    result, up to 9 copies of A, and about eight arrays of 2 MiB, or of 128 N complex numbers.

    Sources: Lui 1997 and Trefethen & Embree 2005, Section 39, for the method; derived here: the
    residual for any shift, and the bound by k (compare Kuczynski & Wozniakowski 1992 on Lanczos'
    method from random start vectors).

    >>> pseudospectrum(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([0.0, 1.0]), np.array([0.0])).round(3)
    array([[0.   , 0.618]])
    """
    A, x, y = square("A", A), _axis("x", x), _axis("y", y)
    tolerance = require.real("tolerance", tolerance, above=0, below=1)
    if progress is not None and not callable(progress):
        raise TypeError(
            f"`progress` must be a function or None; got {progress!r}. It is called as progress(fraction=0.5)."
        )
    sigma = _target(out, (len(y), len(x)))
    unit = _unit(A, x, y)
    T = shifted.triangular(A / unit)[0]
    # Row i of the grid is row[i] of those computed: conjugate points of a real matrix share a
    # value.
    row = np.arange(len(y))
    if np.isrealobj(A) and np.all(np.abs(y + y[::-1]) <= 4 * EPS * np.max(np.abs(y))):
        row = np.maximum(row, row[::-1])
    tiles = list(_tiles(len(A), row, sigma))
    done, total = 0, sum(len(tile) for tile in tiles)
    for tile in tiles:
        i, j = np.divmod(tile, len(x))
        with np.errstate(over="ignore"):
            _write(
                sigma, row, tile, unit * _smallest(T, x[j] / unit + 1j * (y[i] / unit), tolerance)
            )
        done += len(tile)
        if progress:
            progress(fraction=done / total)
    return sigma


def window(A: np.ndarray, points: int = 200, *, level: float = 1e-3) -> tuple[Real, Real]:
    r"""A grid (x, y), each (points,), that holds the spectrum and the pseudospectrum of epsilon =
    `level` |A|_2.

    The box around the spectrum, widened equally on all sides by |A|_2/1024, or by a tenth of its
    larger side, and on by factors of sqrt(2) until sigma_min exceeds epsilon at 64 points of its
    border. Those are no proof, but what lies between them is narrow. For real A y is symmetric
    about 0. Of A = 0 it is the square of side 2 about 0.

    Raises what `pseudospectrum` raises of A, and TypeError or ValueError for what is no number of
    at least 2 points and no positive level. Cost: two Schur forms, a norm, and 64 values of
    sigma_min for each widening, at most 24.

    >>> x, y = window(np.array([[0.0, 1.0], [0.0, 0.0]]), 5)
    >>> x.round(2), y.round(2)
    (array([-0.04, -0.02,  0.  ,  0.02,  0.04]), array([-0.04, -0.02,  0.  ,  0.02,  0.04]))
    """
    A = square("A", A)
    points = require.integer("points", points, least=2)
    require.room("the grid", 16 * points, host=True)
    level = require.real("level", level, above=0, below=1)
    unit = _unit(A)
    T = shifted.triangular(A / unit)[0]
    Lambda, size = np.diag(T), float(np.linalg.norm(T, 2))
    parts = np.stack([Lambda.real, Lambda.imag])
    low, high = np.min(parts, axis=1), np.max(parts, axis=1)
    centre = (
        (low + high) / 2 * (1, np.iscomplexobj(A))
    )  # rounding moves a real spectrum off the axis
    margin = max(size / 1024, float(np.max(high - low)) / 10) or 1.0
    edge = np.linspace(-1, 1, 17)[:-1]
    border = np.concatenate([edge - 1j, 1 + 1j * edge, 1j - edge, -1 - 1j * edge])
    while True:
        width, height = (high - low) / 2 + margin
        if np.all(
            _smallest(T, complex(*centre) + width * border.real + 1j * height * border.imag, 0.1)
            > level * size
        ):
            break
        margin *= math.sqrt(2)
    t = np.linspace(-1, 1, points)
    t = (t - t[::-1]) / 2  # symmetric to the last bit
    with np.errstate(over="ignore"):
        x, y = unit * (centre[0] + width * t), unit * (centre[1] + height * t)
    if not (np.isfinite(x[-1]) and np.isfinite(y[-1]) and np.isfinite(x[0])):
        raise ValueError(
            "the window must fit double precision; got one that overflows. Scale `A` by a power of two."
        )
    return x, y


@np.errstate(all="ignore")  # `overflow` tells where R does, at eigenvalues above all
def _smallest(T: Complex, z: Complex, tolerance: float) -> Real:
    """sigma_min(z I - T) for each z (S,): Lanczos' method for all of them at once."""
    N, last = len(T), _steps(len(T), tolerance)
    slack = tolerance * (2 + tolerance)  # of 1/sigma^2
    enough = max(slack / 4, 16 * N * EPS)
    upward, downward = (
        shifted.plain(T),
        shifted.plain(T.conj().T[::-1, ::-1]),
    )  # R, and R^* upside down
    sigma = np.zeros(len(z))
    point = np.arange(len(z))
    inverse = 1 / (z - np.diag(T)[:, None])
    v = np.repeat(_start(N)[:, None], len(point), axis=1)
    previous = np.zeros_like(v)
    ahead = alpha = beta = unit = np.ones(len(point))
    theta = np.zeros(len(point))
    a: list[Real] = []
    b: list[Real] = []
    live = np.ones(len(point), dtype=bool)
    for k in range(1, last + 1):
        # R^* R v_k = b_(k-1) v_(k-1) + a_k v_k + b_k v_(k+1), here over alpha = |R v_k|: nothing is
        # as large as |R|^2.
        w = v.copy()
        shifted.substitute(upward, w, inverse)
        alpha, alpha_before = _norms(w), alpha
        w = np.ascontiguousarray(w[::-1] / alpha)
        shifted.substitute(downward, w, inverse[::-1].conj())
        previous *= alpha_before / alpha * beta
        previous += alpha * v
        w = w[::-1] - previous
        beta = _norms(w)
        unit = alpha if k == 1 else unit
        a.append((alpha / unit) ** 2)
        b.append(alpha / unit * (beta / unit))
        (theta, ahead, residual), before = _ritz(a, b, theta, ahead), theta
        overflow = ~np.isfinite(beta)
        # Finished, if it is the largest; Ritz values rise, and one that fell, or is NaN, has been
        # lost.
        doubtful = ~(residual > enough * theta) | ~(theta >= before * (1 - 64 * EPS)) | (k == last)
        astray = np.flatnonzero(live & doubtful & ~overflow & ~_exceeds(a, b, theta * (1 + slack)))
        if len(astray):
            theta[astray], ahead[astray] = _ritz_dense(
                [c[astray] for c in a], [c[astray] for c in b]
            )
            residual[astray] = ahead[astray]
        ready = live & ((residual <= enough * theta) | overflow | (k == last))
        sigma[point[ready]] = np.where(overflow, 0.0, 1 / (unit * np.sqrt(theta)))[ready]
        live = live & ~ready
        if not np.any(live):
            break
        previous, v = v, w / beta
        if np.count_nonzero(live) < 0.9 * len(live):
            point, inverse, v, previous = (
                point[live],
                inverse[:, live],
                v[:, live],
                previous[:, live],
            )
            theta, ahead, alpha, beta, unit = (c[live] for c in (theta, ahead, alpha, beta, unit))
            a, b, live = [c[live] for c in a], [c[live] for c in b], live[live]
    return sigma


def _ritz(a: list[Real], b: list[Real], theta: Real, ahead: Real) -> tuple[Real, Real, Real]:
    """The largest eigenvalue theta of Lanczos' matrix H of order k, b_k p_k/|p|, and how far R^* R
    may be from it.

    Given are the first two for k - 1. The vector p (k,) of `_polynomials` satisfies H p = theta p
    but in row k, and R^* R, of which H is a corner, adds b_k p_k in row k + 1: an eigenvalue of R^*
    R lies within the residual of any theta. Newton's next theta is the Rayleigh quotient of p, a
    lower bound.
    """
    theta = (
        (theta + a[-1]) / 2 + np.hypot((theta - a[-1]) / 2, ahead) if len(a) > 1 else a[0].copy()
    )
    p, defect, square, _ = _polynomials(a, b, theta)
    move = defect * p / square
    for _ in range(_NEWTON):
        far = np.flatnonzero(np.abs(move) > 16 * EPS * theta)
        if len(far) == 0:
            break
        theta[far] += move[far]
        p[far], defect[far], square[far], _ = _polynomials(
            [c[far] for c in a], [c[far] for c in b], theta[far]
        )
        move[far] = defect[far] * p[far] / square[far]
    ahead = b[-1] * np.abs(p) / np.sqrt(square)
    return theta + move, ahead, np.sqrt(np.maximum(defect**2 / square - move**2, 0) + ahead**2)


def _ritz_dense(a: list[Real], b: list[Real]) -> tuple[Real, Real]:
    """The same theta and b_k p_k/|p| by an eigensolver: for those that Newton led to a lower
    eigenvalue, one in thousands.
    """
    j = np.arange(len(a))
    H = np.zeros((len(a[0]), len(j), len(j)))
    H[:, j, j] = np.stack(a, axis=-1)
    H[:, j[1:], j[:-1]] = np.stack(b, axis=-1)[:, :-1]
    theta, p = np.linalg.eigh(H)
    return theta[:, -1], b[-1] * np.abs(p[:, -1, -1])


def _exceeds(a: list[Real], b: list[Real], level: Real) -> np.ndarray:
    """Whether `level` is above all eigenvalues of H: Sturm's sequence keeps its sign."""
    _, defect, _, positive = _polynomials(a, b, level)
    return positive & (defect < 0)


def _polynomials(a: list[Real], b: list[Real], theta: Real) -> tuple[Real, Real, Real, np.ndarray]:
    """p_k, row k of (H - theta) p, |p|^2, and whether p > 0, for b_j p_(j+1) = (theta - a_j) p_j -
    b_(j-1) p_(j-1), p_1 = 1.
    """
    p, coupled = np.ones_like(theta), np.zeros_like(theta)  # coupled = b_(j-1) p_(j-1)
    square, positive = np.ones_like(theta), np.ones(len(theta), dtype=bool)
    for j in range(len(a) - 1):
        p, coupled = ((theta - a[j]) * p - coupled) / b[j], b[j] * p
        square += p * p
        positive &= p > 0
    return p, (a[-1] - theta) * p + coupled, square, positive


def _norms(X: Complex) -> Real:
    """|X| along the first axis, without over- or underflow of the squares."""
    parts = X.view(np.float64)
    squares = np.einsum("ns,ns->s", parts, parts)
    norms = np.sqrt(squares[::2] + squares[1::2])
    extreme = np.flatnonzero(~((norms > 1e-140) & (norms < 1e140)))
    if len(extreme):
        size = np.abs(X[:, extreme])
        largest = np.max(size, axis=0)
        norms[extreme] = largest * np.linalg.norm(size / np.where(largest > 0, largest, 1), axis=0)
    return norms


def _start(N: int) -> Complex:
    """A unit vector (N,), uniform on the complex sphere, the same each time."""
    parts = np.random.default_rng(0).standard_normal((2, N))
    v = parts[0] + 1j * parts[1]
    return v / np.linalg.norm(v)


def _steps(N: int, tolerance: float) -> int:
    """The k of the docstring of `pseudospectrum`, tan(phi) = sqrt(N/failure); without rounding N
    would do.
    """
    return min(
        4 * N,
        math.ceil(
            (1 + math.asinh(math.sqrt(N / _FAILURE)) / max(math.acosh(1 + tolerance), EPS)) / 2
        ),
    )


def _tiles(order: int, row: np.ndarray, sigma: Real) -> Iterator[np.ndarray]:
    """What is left to be computed, a tile at a time, as indices into the flat grid: the same tiles
    whatever is left.
    """
    missing = np.zeros(sigma.shape, dtype=bool)
    np.logical_or.at(missing, row, np.isnan(sigma))
    every = np.arange(sigma.size).reshape(sigma.shape)[np.unique(row)].ravel()
    size = max(_NARROW, _TILE // order)
    for start in range(0, len(every), size):
        tile = every[start : start + size]
        tile = tile[missing.flat[tile]]
        if len(tile):
            yield tile


def _write(sigma: Real, row: np.ndarray, tile: np.ndarray, values: Real) -> None:
    """Enter what was computed wherever it belongs and nothing is yet."""
    i, j = np.divmod(tile, sigma.shape[1])
    for target in np.flatnonzero(np.isin(row, i)):
        here = i == row[target]
        entries = sigma[target, j[here]]
        sigma[target, j[here]] = np.where(np.isnan(entries), values[here], entries)


def _unit(*arrays: np.ndarray) -> float:
    """The power of two beneath the largest part of any entry; 2^-1000 if that is smaller still,
    whose inverse overflows.
    """
    largest = max(float(np.max(np.abs([np.real(array), np.imag(array)]))) for array in arrays)
    return 2.0 ** max(math.frexp(largest)[1] - 1, -1000) if largest else 1.0


def _axis(name: str, values: Any) -> Real:
    """`values` as floats, once they are known to be finite and to rise."""
    values = real_numbers(name, values)
    require.shape(name, values.shape, f"({name.upper()},)", values.ndim == 1)
    if len(values) == 0:
        raise ValueError(
            f"`{name}` must hold at least one value; got none. Take one from window(A)."
        )
    falls = values[1:] <= values[:-1]
    if np.any(falls):
        where = int(np.argmax(falls))
        got = f"{values[where]:g} before {values[where + 1]:g}"
        raise ValueError(f"`{name}` must rise strictly; got {got}. Sort it with numpy.unique.")
    return values


def _target(out: Any, shape: tuple[int, int]) -> Real:
    """Where the values go: `out`, or a new array of NaN."""
    if out is None:
        require.room("the grid", 8 * shape[0] * shape[1], host=True)
        return np.full(shape, np.nan)
    if not isinstance(out, np.ndarray) or out.dtype != np.float64:
        got = f"{out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeError(
            f"`out` must be a NumPy array of float64; got {got}. Make it with numpy.full(shape, numpy.nan)."
        )
    require.shape("out", out.shape, f"(Y, X) = {shape} of `y` and `x`", out.shape == shape)
    if not out.flags.writeable:
        raise ValueError(
            "`out` must be writable; got a read-only array. Give a copy, or open the file with mode 'r+'."
        )
    return out
