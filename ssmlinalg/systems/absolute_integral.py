r"""The integral of |K| over all time for one kernel K, from both sides: the summands of an L1 norm.

Time is cut into cells of width h. Where K provably keeps its sign the integral over a cell is
exact. Elsewhere K is within h^2/8 max |K''| of its chord, so that the cell adds h^3/6 max |K''| to
the gap between the bounds. Beyond the last cell is at most

.. math::  \sum_n \frac{|C_n B_n|\, e^{\operatorname{Re} A_n T}}{|\operatorname{Re} A_n|} .

Cells are halved where the gap is. In discrete time samples are summed, and only the rest is
bounded.

For modes max |K''| is a sum over modes. A matrix takes e^{At} at the cells, and the norm x^* X x,
A^* X + X A = -1, which falls along every solution; for the error of the exponential 64 N eps in
that norm is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from ..ground import backend
from ..ground.backend import Complex, Real
from ..ground.formats import EPS, TINY
from .gramians import lyapunov_factor, triangular
from .realization import Realization, continuous

_CELLS = 64  # of one width, evaluated at a time: a panel
_PANELS = 1 << 15  # of one kernel, at most
_TOGETHER = 1 << 10  # panels in one table
_SAMPLES = 1 << 22  # of one kernel, at most
_NOISE = 64  # eps by which a term of K may be rounded

States = Any  # (S, N), the states of S times
Flow = Callable[[States], States]


def bounds(system: Realization, p: int, m: int, tolerance: float) -> tuple[float, float]:
    """Bounds of the integral of |K|, K(t) = Re C e^{At} B, from input m to output p.

    In discrete time of the sum of |K_l|, K_l = Re C A^l B. The system is one member, and stable.
    """
    B = system.B[:, m]
    C = system.C[p]
    if not (np.any(B) and np.any(C)):
        return 0.0, 0.0
    if system.modal:
        modes, weights = _merged(system.A, C * B)
        if system.discrete:
            return _sum(ModalSequence(modes, weights), tolerance)
        return _integral(ModalResponse(modes, weights), tolerance)
    norm = _falling_norm(system)
    if system.discrete:
        return _sum(MatrixSequence(system.A, B, C, norm), tolerance)
    return _integral(MatrixResponse(system.A, B, C, norm), tolerance)


def _merged(A: Complex, weights: Complex) -> tuple[Complex, Complex]:
    """The distinct modes with Im A >= 0 and their weights; Re w e^{At} is that of its conjugate."""
    upper = A.imag >= 0
    A = np.where(upper, A, A.conj())
    weights = np.where(upper, weights, weights.conj())
    modes, place = np.unique(A, return_inverse=True)
    merged = np.zeros(len(modes), complex)
    np.add.at(merged, place, weights)
    return modes, merged


class FallingNorm(NamedTuple):
    """|x|_X with X = L L^* and A^* X + X A = -1: it falls along every solution of x' = A x.

    Attributes:
        L: (N, N), the factor of X.
        slowness: |x|_X falls at least like e^{-t/slowness}, in discrete time like that in samples.
    """

    L: Complex
    slowness: float

    def of(self, states: States) -> Real:
        """|x|_X of each state, (S,)."""
        return np.linalg.norm(states @ self.L.conj(), axis=-1)

    def dual(self, row: np.ndarray) -> float:
        """The largest |row x| over |x|_X = 1."""
        return float(np.linalg.norm(np.linalg.solve(self.L, row.conj())))


def _falling_norm(system: Realization) -> FallingNorm:
    N = len(system.A)
    none = np.zeros((N, system.B.shape[1]))
    whole = continuous(system._replace(C=np.eye(N), D=none))
    adjoint = whole.A.conj().T
    read = whole.C.conj().T + 0j
    T, C, Q = triangular(adjoint, read)
    L = Q @ lyapunov_factor(T, C)
    size = float(np.linalg.norm(L, 2))
    return FallingNorm(L, slowness=2 * size**2)


class Cells(NamedTuple):
    """Linear functions of the state at the left end of a panel of 64 cells of one width.

    Attributes:
        values: (N, 65), K at the ends of the cells.
        integrals: (N, 64), the integral of K over each cell.
        halfway: the flow through half of the panel.
    """

    values: np.ndarray
    integrals: np.ndarray
    halfway: Flow


@dataclass(frozen=True)
class ModalResponse:
    """K(t) = Re sum_n x_n e^{A_n t}; the state x holds the weights (N,) of the modes A (N,)."""

    A: Complex
    start: Complex

    @property
    def speed(self) -> float:
        """The fastest rate of change."""
        return float(np.max(np.abs(self.A)))

    def cells(self, width: float) -> Cells:
        """The panel with cells of one width."""
        ends = width * np.arange(_CELLS + 1)
        values = np.exp(self.A[:, None] * ends)
        over_first = np.expm1(self.A * width) / self.A
        half = np.exp(self.A * (width * _CELLS / 2))
        return Cells(
            values=values,
            integrals=values[:, :-1] * over_first[:, None],
            halfway=lambda states: states * half,
        )

    def curvature(self, states: States, width: float) -> Real:
        """A bound on |K''| over each cell of a panel, (S, 64)."""
        starts = width * np.arange(_CELLS)
        decay = np.exp(self.A.real[:, None] * starts)
        bends = np.abs(states) * np.abs(self.A) ** 2
        return bends @ decay

    def rounding(self, states: States, until: Real) -> Real:
        """A bound on the rounding of K up to the times `until` (S,)."""
        sizes = np.abs(states)
        constant = sizes @ np.full(len(self.A), float(_NOISE))
        growing = 2 * until * (sizes @ np.abs(self.A))
        return EPS * (constant + growing)

    def rest(self, states: States) -> Real:
        """A bound on the integral of |K| from here on, (S,)."""
        return np.abs(states) @ (1 / np.abs(self.A.real))


@dataclass(frozen=True)
class MatrixResponse:
    """K(t) = Re C e^{At} x of a matrix A (N, N); the state begins as B (N,)."""

    A: np.ndarray
    start: np.ndarray
    C: np.ndarray
    norm: FallingNorm

    @property
    def speed(self) -> float:
        """A bound on the rates of change."""
        return float(np.linalg.norm(self.A))

    @cached_property
    def reach(self) -> float:
        """The largest |K| of a state of norm one."""
        return self.norm.dual(self.C)

    @cached_property
    def bend(self) -> float:
        """The largest |K''| of a state of norm one."""
        return self.norm.dual(self.C @ self.A @ self.A)

    def cells(self, width: float) -> Cells:
        """The panel with cells of one width, by the exponential of (0 C; 0 A)."""
        top = np.append(0.0, self.C)
        below = np.pad(self.A, ((0, 0), (1, 0)))
        F = backend.expm(width * np.concatenate([top[None], below]))
        E = F[1:, 1:]
        half = np.linalg.matrix_power(E, _CELLS // 2)
        return Cells(
            values=_krylov(self.C, E, _CELLS + 1),
            integrals=_krylov(F[0, 1:], E, _CELLS),
            halfway=lambda states: states @ half.T,
        )

    def curvature(self, states: States, width: float) -> Real:
        """A bound on |K''| over each cell of a panel, (S, 1)."""
        return self.bend * self.norm.of(states)[:, None]

    def rounding(self, states: States, until: Real) -> Real:
        """An allowance for the rounding of K, (S,)."""
        return _NOISE * len(self.A) * EPS * self.reach * self.norm.of(states)

    def rest(self, states: States) -> Real:
        """A bound on the integral of |K| from here on, (S,)."""
        return self.reach * self.norm.slowness * self.norm.of(states)


@dataclass(frozen=True)
class ModalSequence:
    """K_l = Re sum_n x_n A_n^l; the state x holds the weights (N,) of the modes A (N,)."""

    A: Complex
    start: Complex

    def samples(self) -> tuple[np.ndarray, Flow]:
        """The state to the next 64 samples (N, 64), and the flow through them."""
        return self.A[:, None] ** np.arange(_CELLS), lambda x: x * self.A**_CELLS

    def rounding(self) -> float:
        """A bound on the rounding of the sum of all |K_l|."""
        rest = 1 - np.abs(self.A)
        each = (_NOISE + 2 / rest) / rest
        return EPS * float(np.abs(self.start) @ each)

    def rest(self, state: np.ndarray) -> float:
        """A bound on the sum of |K_l| from here on."""
        geometric = 1 / (1 - np.abs(self.A))
        return float(np.abs(state) @ geometric)


@dataclass(frozen=True)
class MatrixSequence:
    """K_l = Re C A^l x of a matrix A (N, N); the state begins as B (N,)."""

    A: np.ndarray
    start: np.ndarray
    C: np.ndarray
    norm: FallingNorm

    def samples(self) -> tuple[np.ndarray, Flow]:
        """The state to the next 64 samples (N, 64), and the flow through them."""
        far = np.linalg.matrix_power(self.A, _CELLS)
        return _krylov(self.C, self.A, _CELLS), lambda x: x @ far.T

    def rounding(self) -> float:
        """An allowance for the rounding of the sum of all |K_l|."""
        return _NOISE * len(self.A) * EPS * self.rest(self.start)

    @cached_property
    def reach(self) -> float:
        """The largest |K_l| of a state of norm one."""
        return self.norm.dual(self.C)

    def rest(self, state: np.ndarray) -> float:
        """A bound on the sum of |K_l| from here on."""
        return self.reach * self.norm.slowness * float(self.norm.of(state[None])[0])


def _krylov(row: np.ndarray, E: np.ndarray, count: int) -> np.ndarray:
    """row, row E, row E^2, ... as columns (N, count)."""
    found = [row]
    while len(found) < count:
        found.append(found[-1] @ E)
    return np.stack(found, axis=-1)


Response = ModalResponse | MatrixResponse


class Panels(NamedTuple):
    """Stretches of 64 cells, S of them, and the integral of |K| over each from both sides.

    Attributes:
        width: (S,), of one cell.
        left: (S,), the time at which it begins.
        states: (S, N), the states at that time.
        lower: (S,).
        upper: (S,).
        rounding: (S,), the part of upper - lower that is rounding.
    """

    width: Real
    left: Real
    states: States
    lower: Real
    upper: Real
    rounding: Real

    def among(self, chosen: np.ndarray) -> Panels:
        """Those for which `chosen` (S,) is true."""
        return Panels(*(array[chosen] for array in self))

    def beside(self, other: Panels) -> Panels:
        """These, then the others."""
        return Panels(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


@np.errstate(over="ignore")  # of modes that hardly decay the rest may exceed the largest double
def _integral(response: Response, tolerance: float) -> tuple[float, float]:
    """Bounds of the integral of |K| over all t >= 0."""
    cells = cache(response.cells)
    state = response.start[None]
    panels = measured(response, cells, np.zeros(0), np.zeros(0), state[:0])
    end = 0.0
    rest = float(response.rest(state)[0])
    while True:
        lower = float(np.sum(panels.lower))
        upper = float(np.sum(panels.upper)) + rest
        count = len(panels.left)
        close = upper <= (1 + tolerance) * lower
        if close or 2 * count > _PANELS or math.isinf(4 * end * end):
            return lower, upper
        if rest > tolerance * lower / 4:  # another panel, as long as all before it
            width = (end or 1 / response.speed) / _CELLS
            last = measured(response, cells, np.array([width]), np.array([end]), state)
            panels = panels.beside(last)
            halfway = cells(width).halfway
            state = halfway(halfway(state))
            end += _CELLS * width
            rest = float(response.rest(state)[0])
        else:  # halve the panels whose gap is above the average allowed, and no rounding
            share = tolerance * lower / 2 / count
            allowed = np.maximum(share, 4 * panels.rounding)
            good = panels.upper - panels.lower <= allowed
            if np.all(good):
                return lower, upper
            finer = _halved(response, cells, panels.among(~good))
            panels = panels.among(good).beside(finer)


def _halved(response: Response, cells: Callable[[float], Cells], panels: Panels) -> Panels:
    """Each panel as two with cells of half the width."""
    middle = np.empty_like(panels.states)
    for width in np.unique(panels.width):
        alike = panels.width == width
        halfway = cells(float(width)).halfway
        middle[alike] = halfway(panels.states[alike])
    length = _CELLS * panels.width
    width = np.tile(panels.width / 2, 2)
    left = np.concatenate([panels.left, panels.left + length / 2])
    states = np.concatenate([panels.states, middle])
    return measured(response, cells, width, left, states)


def measured(
    response: Response,
    cells: Callable[[float], Cells],
    width: Real,
    left: Real,
    states: States,
) -> Panels:
    """Panels of the given widths (S,) that begin at the times `left` in the given states."""
    found = np.empty((3, len(left)))
    for value in np.unique(width):
        one = float(value)
        alike = np.flatnonzero(width == value)
        for part in np.array_split(alike, 1 + len(alike) // _TOGETHER):
            noise = response.rounding(states[part], left[part] + _CELLS * one)
            bend = one**2 / 8 * response.curvature(states[part], one)
            found[:, part] = _over_cells(cells(one), one, states[part], bend, noise)
    lower, upper, rounding = found
    return Panels(width, left, states, lower=lower, upper=upper, rounding=rounding)


def _over_cells(panel: Cells, width: float, states: States, bend: Real, noise: Real) -> Real:
    """Lower and upper bounds of the integrals of |K| over S panels, and their rounding, (3, S).

    K is within `bend` (S, 64) of its chords and rounded by at most `noise` (S,).
    """
    K = (states @ panel.values).real
    integral = np.abs((states @ panel.integrals).real)
    before = np.abs(K[:, :-1])
    after = np.abs(K[:, 1:])
    sign = np.signbit(K)
    same = sign[:, :-1] == sign[:, 1:]
    certain = same & (np.minimum(before, after) > bend + noise[:, None])
    both = before + after
    crossing = before / np.maximum(both, TINY)  # where the chord is zero, if the signs differ
    share = np.where(same, 1.0, crossing**2 + (1 - crossing) ** 2)
    chord = width * both / 2 * share
    gap = 2 / 3 * width * bend
    slack = width * noise[:, None]
    lower = np.where(certain, integral, np.maximum(integral, chord - gap)) - slack
    upper = np.where(certain, integral, chord + gap) + slack
    least = np.sum(np.maximum(lower, 0), axis=-1)
    most = np.sum(upper, axis=-1)
    rounding = 2 * _CELLS * width * noise
    return np.stack([least, most, rounding])


def _sum(sequence: ModalSequence | MatrixSequence, tolerance: float) -> tuple[float, float]:
    """Bounds of the sum of |K_l| over all l >= 0."""
    samples, onward = sequence.samples()
    noise = sequence.rounding()
    state = sequence.start
    lower = 0.0
    seen = 0
    while True:
        K = np.real(state @ samples)
        lower += float(np.sum(np.abs(K)))
        state = onward(state)
        seen += _CELLS
        rest = sequence.rest(state)
        if rest <= tolerance / 2 * lower or seen >= _SAMPLES:
            return max(0.0, lower - noise), lower + rest + noise
