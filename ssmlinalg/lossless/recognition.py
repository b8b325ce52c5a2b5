r"""Recognition of lossless systems of rank one whose perturbed spectrum is known in closed form.

They satisfy A + A^T = 2 sigma I - 2 P P^T. `recognize` finds out whether a matrix is a chain
(`chain`) or a Fourier system (`fourier`), and returns the function that solves it. It solves for
the spectrum of A + tau P P^T: with x = (s - A)^{-1} P at an eigenvalue s, where Phi = 1 - 2 P^T x =
-c, c = 2/tau - 1,

.. math::  P^T x = \frac{1}{\tau}, \qquad |x|^2 = \frac{c^2 - 1}{-4 \operatorname{Re}(s - \sigma)},
           \qquad P^T (s - A)^{-2} P = -\frac{c}{2} \frac{d \log \Phi}{d s},

so P in the eigenbasis, on both sides, costs O(1) a mode, and eigenvectors are made only when they
are asked for.

With more modes than states, the feedback tau P^T x passes further sections Psi behind the system,
which the input reaches through it alone. The eigenvalues solve Phi Psi = -c, and the first N
entries of the eigenvectors are those of the system as before,

.. math::  x = (s - A)^{-1} P, \qquad |x|^2 = \frac{|\Phi|^2 - 1}{-4 \operatorname{Re}(s - \sigma)},
           \qquad V^{-1}_{j \cdot} \propto \frac{2}{\Phi L'} P^T (s - A)^{-1}, \qquad
           L' = \frac{d \log \Phi \Psi}{d s},

N columns of the inverse of the whole: a right inverse of these N rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..ground.backend import Array, Complex, Real
from ..ground.formats import EPS
from ..ground.ondemand import Block, OnDemand
from . import chain, fourier

_PROBES = 4  # random vectors that tell a matrix from its formula: one would with probability one
_ROWS = 16  # and rows looked at of a matrix that is not written down


class Spectrum(NamedTuple):
    """A + tau P P^T = V diag(sigma + z) V^{-1} with unit columns and P^T V >= 0.

    With M > N modes, V has N rows, V^{-1} is the right inverse, and P the input of the whole row.

    Attributes:
        z: eigenvalues less sigma in canonical order, (M,).
        driven: V^{-1} P, (M,).
        sensitivity: |V_j| |V^{-1}_j|, the condition numbers of the eigenvalues, (M,).
        V: the block of V at two index vectors.
        V_inv: the block of V^{-1} at two index vectors.
        phi: Phi of the system itself at the eigenvalues, -c where M = N, (M,).
        feedback: f of A V + P f^T = V diag(sigma + z), (M,).
    """

    z: Complex
    driven: Complex
    sensitivity: Real
    V: Block
    V_inv: Block
    phi: Complex
    feedback: Complex


class Structure(NamedTuple):
    """The closed form of a system.

    Attributes:
        sigma: the lossless axis.
        solve: the spectrum for a tau, also a negative one, None where it cannot be relied on.
        times: A times (N, k).
        log_phi: log Phi and d log Phi/ds at s - sigma = z (S,) with Im z > 0.
        log_loop: the same of the whole row: log_phi itself where M = N.
        normal: the spectrum of the normal part, at tau = 1 with N modes.
    """

    sigma: float
    solve: Callable[[float], Spectrum | None]
    times: Callable[[Real], Real]
    log_phi: Callable[[Complex], tuple[Complex, Complex]]
    log_loop: Callable[[Complex], tuple[Complex, Complex]]
    normal: Callable[[], Spectrum | None]


class _Formula(NamedTuple):
    """A matrix by formula: its product with (N, k), and some of its rows (R, N)."""

    times: Callable[[Real], Real]
    rows: Callable[[np.ndarray], Real]


def recognize(A: Array, P: Array, modes: int | None = None) -> Structure | None:
    """The structure of a system, if it is one of those known here.

    Args:
        A: a matrix, or one on demand, (N, N).
        P: (N, 1).
        modes: the number M of modes, N if it is not given; of a Fourier system N and copies of what
            is driven.

    Returns:
        A `Structure`, or None.

    Cost:
        O(N^2), O(N) on demand.

    Example:
        >>> found = recognize(np.array([[-1.0]]), np.sqrt([[0.5]]))
        >>> found.sigma, found.solve(1.0).z.real
        (-0.5, array([0.]))
    """
    if P.shape[-1] != 1 or not P.any():
        return None
    if np.iscomplexobj(A) or np.iscomplexobj(P):
        return None
    modes = modes or len(P)
    return _as_chain(A, P[:, 0], modes) or _as_waves(A, P[:, 0], modes)


def axis(A: Array, P: Array) -> float:
    """sigma of A + A^T = 2 sigma I - 2 P P^T: the mean of diag(A + P P^T), 0 where rounding tells.

    Args:
        A: a matrix (N, N).
        P: its columns (N, R).

    Returns:
        sigma, exactly 0 where it is no larger than the rounding of the entries it comes from.

    Example:
        >>> P = np.sqrt([[0.1], [0.7]])
        >>> axis(-np.tril(P @ P.T + np.tril(P @ P.T, -1)), P)
        0.0
    """
    diagonal = np.diagonal(A)
    squares = np.sum(P**2, axis=-1)
    rounding = 4 * EPS * np.mean(np.abs(diagonal) + squares)
    sigma = float(np.mean(diagonal + squares))
    return sigma if abs(sigma) > rounding else 0.0


def gain(B: Array, P: Array) -> float | None:
    """g of B = g P, if there is one column P that is parallel to B.

    Args:
        B: (N,).
        P: (N, R).

    Returns:
        g, or None.

    Example:
        >>> gain(np.array([2.0, 4.0]), np.array([[1.0], [2.0]]))
        2.0
    """
    if P.shape[-1] != 1 or not P.any():
        return None
    p = P[:, 0]
    g = float(p @ B / (p @ p))
    rounding = 64 * len(B) * EPS * np.linalg.norm(B)
    return g if np.linalg.norm(B - g * p) <= rounding else None


def _as_chain(A: Array, p: Real, modes: int) -> Structure | None:
    if not p.all():
        return None
    a = p**2
    sigma = float(A[0, 0] + a[0])
    rounding = 4 * EPS * abs(A[0, 0])  # that of a square root squared
    for plain in (round(sigma, 12), 0.0):
        if abs(sigma - plain) <= rounding:
            sigma = plain
    formula = _chain(p, sigma)
    if not _agrees(A, p, formula):
        return None
    log_phi = partial(_upper_branch, chain.evaluator(a))
    log_loop = partial(_upper_branch, chain.evaluator(a, modes))
    return Structure(
        sigma=sigma,
        solve=partial(_solve_chain, p, a, modes),
        times=formula.times,
        log_phi=log_phi,
        log_loop=log_loop,
        normal=partial(_solve_chain, p, a, len(a), 1.0),
    )


def _of_copies(
    log_phi: Callable[[Complex], tuple[Complex, Complex]], copies: int, z: Complex
) -> tuple[Complex, Complex]:
    value, slope = log_phi(z)
    return copies * value, copies * slope


def _upper_branch(evaluate: chain.Evaluate, z: Complex) -> tuple[Complex, Complex]:
    return evaluate(z, np.zeros(len(z), dtype=bool))


def _as_waves(A: Array, p: Real, modes: int) -> Structure | None:
    K = (len(p) - 1) // 2
    further, rest = divmod(modes - len(p), 2 * K + 1)
    if rest:
        return None
    highest = A[-1, -2] + p[-1] * p[-2] if K else 1.0
    spacing = float(highest) / max(K, 1)
    if spacing <= 0:
        return None
    formula = _waves(p, spacing)
    if not _agrees(A, p, formula):
        return None
    log_phi = partial(fourier.log_phi, K, p[0] ** 2, spacing)
    return Structure(
        sigma=0.0,
        solve=partial(_solve_copies, p, spacing, 1 + further)
        if further
        else partial(_solve_waves, p, spacing),
        times=formula.times,
        log_phi=log_phi,
        log_loop=partial(_of_copies, log_phi, 1 + further),
        normal=partial(_solve_waves, p, spacing, 1.0),
    )


def _agrees(
    A: Array,
    p: Real,
    formula: _Formula,
) -> bool:
    """Whether A is the matrix of that formula: by random products, or by random rows on demand."""
    rng = np.random.default_rng(0)
    if isinstance(A, OnDemand):
        some = rng.integers(0, len(p), _ROWS)
        expected = formula.rows(some)
        scale = float(np.linalg.norm(p))
        rounding = 64 * EPS * scale * (scale + np.abs(expected))
        return bool(np.all(np.abs(A[some] - expected) <= rounding))
    x = rng.standard_normal((len(p), _PROBES))
    rest = np.linalg.norm(A @ x - formula.times(x))
    rounding = 64 * len(p) * EPS * np.linalg.norm(A)
    return bool(rest <= rounding)


def _chain(p: Real, sigma: float) -> _Formula:
    """sigma - a on the diagonal, -2 p p^T below."""
    diagonal = sigma - p**2
    return _Formula(partial(_chain_times, p, diagonal), partial(_chain_rows, p, diagonal))


def _chain_times(p: Real, diagonal: Real, x: Real) -> Real:
    px = p[:, None] * x
    before = np.cumsum(px, axis=0) - px
    return diagonal[:, None] * x - 2 * p[:, None] * before


def _chain_rows(p: Real, diagonal: Real, some: np.ndarray) -> Real:
    n = np.arange(len(p))
    m = some[:, None]
    below = -2 * p[some][:, None] * p
    at = np.where(n == m, diagonal, 0.0)
    return np.where(n < m, below, at)


def _waves(p: Real, spacing: float) -> _Formula:
    """Blocks of equally spaced frequencies, less p p^T with the weights 1, 0, sqrt 2, 0, ..."""
    n = np.arange(len(p))
    odd = len(p) % 2
    wave = (n + odd) // 2
    sine = ((n + odd) % 2 == 1) & (n > 0)
    beside = np.where(sine, n - 1, n + 1)
    partner = np.where(wave > 0, beside, n)
    turn = np.where(sine, 1.0, -1.0) * spacing * wave
    size = np.where(wave > 0, math.sqrt(2), 1.0)
    part = np.where(sine, 0.0, size) * p[0]
    defect = np.abs(part - p)
    if np.any(defect > 16 * EPS * abs(p[0])):
        part = np.full(len(p), np.nan)  # not those weights: agree with nothing
    known = (part, turn, partner)
    return _Formula(partial(_wave_times, *known), partial(_wave_rows, *known))


def _wave_times(part: Real, turn: Real, partner: np.ndarray, x: Real) -> Real:
    fed_back = part[:, None] * (part @ x)
    return turn[:, None] * x[partner] - fed_back


def _wave_rows(part: Real, turn: Real, partner: np.ndarray, some: np.ndarray) -> Real:
    own = partner[some][:, None]
    turning = np.where(np.arange(len(part)) == own, turn[some][:, None], 0.0)
    return turning - part[some][:, None] * part


def _solve_chain(
    p: Real,
    a: Real,
    modes: int,
    tau: float,
) -> Spectrum | None:
    z = chain.roots(a, tau, modes)
    if z is None:
        return None
    low = _low(modes, tau)
    _, slope = _at_roots(chain.evaluator(a, modes), z, low)
    c = 2 / tau - 1
    if modes == len(a):
        phi = np.full(modes, -c + 0j)
        at_one = -slope.real / 2
        square = (1 - tau) / tau**2 / -z.real if tau < 1 else at_one
    else:
        value, _ = _at_roots(chain.evaluator(a), z, low)
        sign = np.where(low, (-1.0) ** len(a), 1.0)
        phi = sign * np.exp(value)
        square = np.expm1(2 * value.real) / (-4 * z.real)
    size = math.copysign(1.0, tau) * np.sqrt(square)  # |x|, of the sign of P^T x
    if not np.all(np.isfinite(size)):
        return None
    driven = size / ((tau / 2 - 1) * slope)
    # |x| |y| / |y^T x|, and |y| = |x|, Psi times as large where the row is longer.
    sensitivity = 2 * square / np.abs(phi * slope)
    V = partial(_chain_right, p, z, size)
    V_inv = partial(_chain_left, p, z, 2 * size / slope)
    return Spectrum(z, driven, sensitivity, V, V_inv, phi, 1 / size + 0j)


def _chain_right(p: Real, z: Complex, size: Real, rows: np.ndarray, columns: np.ndarray) -> Complex:
    """The block of V: x/|x|."""
    a = p**2
    before = chain.products(a, z[columns], rows)
    own = p[rows, None] / (z[columns] + a[rows, None])
    return own * before / size[columns]


def _chain_left(
    p: Real, z: Complex, row_gain: Complex, rows: np.ndarray, columns: np.ndarray
) -> Complex:
    """The block of V^{-1}: y |x|/(y^T x).

    y_n = p_n/(z + a_n) prod_{m>n} = -c p_n/(z - a_n)/prod_{m<n}, for all factors together are -c.
    """
    a = p**2
    before = chain.products(a, z[rows], columns)
    own = p[columns, None] / (z[rows] - a[columns, None])
    return (own / before * row_gain[rows]).T


def _at_roots(evaluate: chain.Evaluate, z: Complex, low: np.ndarray) -> chain.LogPhi:
    """log Phi and d log Phi/dz at all roots (M,), on the lower branch where `low`."""
    pairs = int(np.count_nonzero(z.imag > 0))
    half = np.r_[:pairs, 2 * pairs : len(z)]
    value, slope = evaluate(z[half], low[half])
    return chain.LogPhi(_mirrored(value, pairs), _mirrored(slope, pairs))


def _low(modes: int, tau: float) -> np.ndarray:
    """Which roots (M,) have at least half of the phase that there is."""
    upper, real = chain.half_turns(modes, tau)
    turns = np.concatenate([upper, upper, real])
    return modes - turns <= turns


def _mirrored(values: Complex, pairs: int) -> Complex:
    """The values at all roots from those at the upper half and the real one: conjugates."""
    own = values[:pairs]
    real = values[pairs:].real + 0j
    return np.concatenate([own, own.conj(), real])


def _solve_waves(
    p: Real,
    spacing: float,
    tau: float,
) -> Spectrum | None:
    if tau < 0:
        return None  # roots are not next to frequencies then
    K = (len(p) - 1) // 2
    delta = fourier.offsets(K, p[0] ** 2 / spacing, tau)
    if delta is None:
        return None
    modes = _Modes(np.arange(1, K + 1), np.zeros(1, dtype=int), len(p) - 2 * K - 1)
    at_frequencies = np.full(K + 1, p[0] ** 2 + 0j)
    # P^T u of u = delta (s - Omega)^{-1} P
    beta: Complex = at_frequencies if tau == 1 else -spacing * delta / (1 - tau)
    size = np.abs(beta) / np.sqrt(beta.real)  # |u|
    phase = beta / np.abs(beta)
    strength = p[0] ** 2 * fourier.strengths(K, delta)
    row_gain = size * phase / strength  # of a row of V_inv
    V = partial(modes.block, partial(fourier.right, p, delta), 1 / (size * phase))
    V_inv = partial(modes.transposed, partial(fourier.left, p, delta), row_gain)
    y = 1j * np.arange(K + 1) + delta
    z = modes.all(spacing * y, idle=0.0)
    driven = modes.all(row_gain * beta, idle=0.0)
    kappa = size * np.abs(row_gain) + 0j
    sensitivity = modes.all(kappa, idle=1.0).real
    phi = np.full(len(p), 1 - 2 / tau + 0j)
    # P^T u = -1/(1 - tau) is (s - A)^{-1} P times P^T over 1/tau
    feedback = modes.all(tau * beta / (size * phase), idle=0.0)
    return Spectrum(z, driven, sensitivity, V, V_inv, phi, feedback)


def _solve_copies(p: Real, spacing: float, copies: int, tau: float) -> Spectrum | None:
    """The first of several Fourier systems in a row: Phi is one of the roots of -c at each mode."""
    if tau < 0:
        return None  # as above
    K = (len(p) - 1) // 2
    log_c = math.log1p(2 * (1 - tau) / tau)
    found = fourier.roots_of_copies(K, p[0] ** 2 / spacing, copies, log_c)
    if found is None:
        return None
    y, phi = found
    wave = np.minimum(np.rint(y.imag), K).astype(int)
    real = copies % 2
    upper = np.arange(real, len(y))
    modes = _Modes(upper, np.arange(real), len(p) - 2 * K - 1)
    delta = y - 1j * wave
    shift = spacing * delta
    z = spacing * y
    _, slope = fourier.log_phi(K, p[0] ** 2, spacing, -z.conj())  # that at z, conjugate
    slope = copies * slope.conj()
    square = math.expm1(2 * log_c / copies) / (-4 * z.real)
    size = np.sqrt(square)  # |x|, and (s - Omega)^{-1} P = 2 x/(1 + Phi)
    beta = shift * (1 - phi) / (1 + phi)  # P^T of that, times the shift that the vectors have
    length = 2 * np.abs(shift) * size / np.abs(1 + phi) * (beta / np.abs(beta))
    feedback = 2 * shift / ((1 + phi) * length)
    row_gain = (1 + phi) / (shift * phi * slope * feedback)
    V = partial(modes.block, partial(fourier.right, p, delta, wave=wave), 1 / length)
    V_inv = partial(modes.transposed, partial(fourier.left, p, delta, wave=wave), row_gain)
    return Spectrum(
        z=modes.all(z, idle=0.0),
        driven=modes.all(1 / ((tau / 2 - 1) * slope * feedback), idle=0.0),
        sensitivity=modes.all(2 * square / np.abs(phi * slope) + 0j, idle=1.0).real,
        V=V,
        V_inv=V_inv,
        phi=modes.all(phi, idle=1 - 2 / tau),
        feedback=modes.all(feedback, idle=0.0),
    )


class _Modes:
    """The modes of a Fourier system in canonical order: upper half, conjugates, real, idle.

    The idle one is the sine of frequency zero, which nothing drives; an odd order has none.

    Args:
        upper: numbers of the roots in the upper half plane by rising frequency.
        real: those of the real roots.
        idle: 1 if there is an idle mode, else 0.
    """

    def __init__(self, upper: np.ndarray, real: np.ndarray, idle: int) -> None:
        self.driven = 2 * len(upper) + len(real)
        self.idle = idle
        self.wave = np.concatenate([upper, upper, real])
        self.mirrored = np.repeat([False, True, False], [len(upper), len(upper), len(real)])

    def all(self, values: Complex, idle: float) -> Complex:
        """The values of all modes (M,) from those of the roots."""
        own = values[self.wave]
        own = np.where(self.mirrored, own.conj(), own)
        return np.concatenate([own, np.full(self.idle, idle + 0j)])

    def block(
        self, vectors: Block, factor: Complex, rows: np.ndarray, columns: np.ndarray
    ) -> Complex:
        """Rows of the vectors of some modes, `columns`, each times the factor of its wave."""
        shape = (len(rows), len(columns))
        block = np.zeros(shape, dtype=np.complex128)
        driven = columns < self.driven
        waves = self.wave[columns[driven]]
        found = vectors(rows, waves) * factor[waves]
        mirrored = self.mirrored[columns[driven]]
        block[:, driven] = np.where(mirrored, found.conj(), found)
        block[:, ~driven] = (rows == 1)[:, None]
        return block

    def transposed(
        self, vectors: Block, factor: Complex, rows: np.ndarray, columns: np.ndarray
    ) -> Complex:
        """The same of modes by row."""
        return self.block(vectors, factor, columns, rows).T
