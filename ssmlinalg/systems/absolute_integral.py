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


def bounds(system: Realization, output: int, input: int, tolerance: float) -> tuple[float, float]:
    """Bounds of the integral of |K|, K(t) = Re C e^{At} B, from one input to one output.

    In discrete time of the sum of |K_l|, K_l = Re C A^l B. The system is one member, and stable.
    """
    B = system.B[:, input]
    C = system.C[output]
    if not (np.any(B) and np.any(C)):
        return 0.0, 0.0
    if system.discrete:
        if system.modal:
            return _sum(ModalSequence(*_merged(system.A, C * B)), tolerance)
        return _sum(MatrixSequence(system.A, B, C, _falling_norm(system)), tolerance)
    if system.modal:
        return _integral(ModalResponse(*_merged(system.A, C * B)), tolerance)
    return _integral(MatrixResponse(system.A, B, C, _falling_norm(system)), tolerance)


def _merged(A: Complex, weights: Complex) -> tuple[Complex, Complex]:
    """The distinct modes with Im A >= 0 and the sums of their weights: Re w e^{At} is the same for
    both conjugates.
    """
    upper = A.imag >= 0
    poles, place = np.unique(np.where(upper, A, A.conj()), return_inverse=True)
    merged = np.zeros(len(poles), complex)
    np.add.at(merged, place, np.where(upper, weights, weights.conj()))
    return poles, merged


class FallingNorm(NamedTuple):
    """|x|_X with X = L L^* and A^* X + X A = -1: it falls along every solution of x' = A x.

    Attributes:
        L: (N, N), the factor of X.
        slowness: |x|_X falls at least like e^{-t/slowness}, in discrete time like that in samples.
    """

    L: Complex
    slowness: float

    def of(self, states: States) -> Real:
        """(S,)."""
        return np.linalg.norm(states @ self.L.conj(), axis=-1)

    def dual(self, row: np.ndarray) -> float:
        """The largest |row x| over |x|_X = 1."""
        return float(np.linalg.norm(np.linalg.solve(self.L, row.conj())))


def _falling_norm(system: Realization) -> FallingNorm:
    N = len(system.A)
    whole = continuous(system._replace(C=np.eye(N), D=np.zeros((N, system.B.shape[1]))))
    T, C, Q = triangular(whole.A.conj().T, whole.C.conj().T + 0j)
    L = Q @ lyapunov_factor(T, C)
    return FallingNorm(L, 2 * float(np.linalg.norm(L, 2)) ** 2)


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
        values = np.exp(self.A[:, None] * (width * np.arange(_CELLS + 1)))
        over_first = np.expm1(self.A * width) / self.A
        half = np.exp(self.A * (width * _CELLS / 2))
        return Cells(values, values[:, :-1] * over_first[:, None], lambda states: states * half)

    def curvature(self, states: States, width: float) -> Real:
        """A bound on |K''| over each cell of a panel, (S, 64)."""
        decay = np.exp(np.real(self.A)[:, None] * (width * np.arange(_CELLS)))
        return (np.abs(states) * np.abs(self.A) ** 2) @ decay

    def rounding(self, states: States, until: Real) -> Real:
        """A bound on the rounding of K up to the times `until` (S,)."""
        x = np.abs(states)
        each = np.full(len(self.A), float(_NOISE))
        return EPS * (x @ each + 2 * until * (x @ np.abs(self.A)))

    def rest(self, states: States) -> Real:
        """A bound on the integral of |K| from here on, (S,)."""
        return np.abs(states) @ (1 / np.abs(np.real(self.A)))


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
        N = len(self.A)
        bordered = np.block([[np.zeros((1, 1)), self.C[None]], [np.zeros((N, 1)), self.A]])
        F = backend.expm(width * bordered)
        E = F[1:, 1:]
        half = np.linalg.matrix_power(E, _CELLS // 2)
        values = _krylov(self.C, E, _CELLS + 1)
        integrals = _krylov(F[0, 1:], E, _CELLS)
        return Cells(values, integrals, lambda states: states @ half.T)

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
        return float(EPS * (np.abs(self.start) @ ((_NOISE + 2 / rest) / rest)))

    def rest(self, state: np.ndarray) -> float:
        """A bound on the sum of |K_l| from here on."""
        return float(np.abs(state) @ (1 / (1 - np.abs(self.A))))


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
def _integral(response: ModalResponse | MatrixResponse, tolerance: float) -> tuple[float, float]:
    """Bounds of the integral of |K| over all t >= 0."""
    cells = cache(response.cells)
    none = np.zeros(0)
    panels = Panels(none, none, response.start[None][:0], none, none, none)
    end = 0.0
    state = response.start[None]
    rest = float(response.rest(state)[0])
    while True:
        lower = float(np.sum(panels.lower))
        upper = float(np.sum(panels.upper)) + rest
        count = len(panels.left)
        if upper <= (1 + tolerance) * lower or 2 * count > _PANELS or math.isinf(4 * end * end):
            return lower, upper
        if rest > tolerance * lower / 4:  # another panel, as long as all before it
            width = (end or 1 / response.speed) / _CELLS
            last = _measured(response, cells, np.array([width]), np.array([end]), state)
            panels = panels.beside(last)
            halfway = cells(width).halfway
            state = halfway(halfway(state))
            end += _CELLS * width
            rest = float(response.rest(state)[0])
        else:  # halve the panels whose gap is above the average allowed, and no rounding
            allowed = np.maximum(tolerance * lower / 2 / count, 4 * panels.rounding)
            good = panels.upper - panels.lower <= allowed
            if np.all(good):
                return lower, upper
            panels = panels.among(good).beside(_halved(response, cells, panels.among(~good)))


def _halved(
    response: ModalResponse | MatrixResponse, cells: Callable[[float], Cells], panels: Panels
) -> Panels:
    """Each panel as two with cells of half the width."""
    middle = np.empty_like(panels.states)
    for width in np.unique(panels.width):
        alike = panels.width == width
        middle[alike] = cells(float(width)).halfway(panels.states[alike])
    width = np.tile(panels.width / 2, 2)
    left = np.concatenate([panels.left, panels.left + _CELLS / 2 * panels.width])
    states = np.concatenate([panels.states, middle])
    return _measured(response, cells, width, left, states)


def _measured(
    response: ModalResponse | MatrixResponse,
    cells: Callable[[float], Cells],
    width: Real,
    left: Real,
    states: States,
) -> Panels:
    """Panels of the given widths (S,) that begin at the times `left` in the given states."""
    found = np.empty((3, len(left)))
    for one in np.unique(width):
        alike = np.flatnonzero(width == one)
        panel = cells(float(one))
        for part in np.array_split(alike, 1 + len(alike) // _TOGETHER):
            found[:, part] = _over_cells(response, panel, float(one), left[part], states[part])
    return Panels(width, left, states, *found)


def _over_cells(
    response: ModalResponse | MatrixResponse,
    panel: Cells,
    width: float,
    left: Real,
    states: States,
) -> Real:
    """Lower and upper bounds of the integrals of |K| over S panels, and their rounding, (3, S)."""
    K = (states @ panel.values).real
    integral = np.abs((states @ panel.integrals).real)
    bend = width**2 / 8 * response.curvature(states, width)  # how far K is from its chord
    noise = response.rounding(states, left + _CELLS * width)[:, None]
    before = np.abs(K[:, :-1])
    after = np.abs(K[:, 1:])
    same = np.signbit(K[:, :-1]) == np.signbit(K[:, 1:])
    certain = same & (np.minimum(before, after) > bend + noise)
    both = before + after
    crossing = before / np.maximum(both, TINY)  # where the chord is zero, if the signs differ
    chord = width * both / 2 * np.where(same, 1.0, crossing**2 + (1 - crossing) ** 2)
    gap = 2 / 3 * width * bend
    lower = np.where(certain, integral, np.maximum(integral, chord - gap)) - width * noise
    upper = np.where(certain, integral, chord + gap) + width * noise
    rounding = 2 * _CELLS * width * noise[:, 0]
    return np.stack([np.sum(np.maximum(lower, 0), axis=-1), np.sum(upper, axis=-1), rounding])


def _sum(sequence: ModalSequence | MatrixSequence, tolerance: float) -> tuple[float, float]:
    """Bounds of the sum of |K_l| over all l >= 0."""
    samples, onward = sequence.samples()
    noise = sequence.rounding()
    state = sequence.start
    lower = 0.0
    seen = 0
    while True:
        lower += float(np.sum(np.abs((state @ samples).real)))
        state = onward(state)
        seen += _CELLS
        rest = sequence.rest(state)
        if rest <= tolerance / 2 * lower or seen >= _SAMPLES:
            return max(0.0, lower - noise), lower + rest + noise
