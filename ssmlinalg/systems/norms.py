r"""How much a model can amplify, in three measures, and how far two models are apart in each.

=====================  ==========================================================  ==========================================
norm                   definition                                                  what it bounds
=====================  ==========================================================  ==========================================
`h2_norm`              (int |K|_F^2 dt)^{1/2}                                       max |y| by the energy of u; noise in y
`hinf_norm`            sup |G(i w)|_2                                              energy of y by the energy of u
`l1_norm`              max_p sum_m int |K_pm| dt                                   max |y| by max |u|
=====================  ==========================================================  ==========================================

Functions of forms of any library, whose values are moved to the host. Continuous forms are measured
in their own time: `step` plays no part. Batch axes give arrays, and fields of arrays where a result
has fields. Two forms need not be of one kind, only in one kind of time. A system that is not stable
has infinite norms, also where the growing mode is neither driven nor heard.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..forms import Continuous, Discrete
from ..ground import backend, require
from ..ground.backend import Complex, Real
from ..ground.bounds import Bounds
from ..ground.formats import EPS
from ..matrices import h_infinity
from ..matrices.units import exponent_of, times_power
from .gramians import factor, fitting, triangular
from .realization import (
    Realization,
    closed,
    continuous,
    each,
    real,
    realize,
    scaled,
    unscaled,
    worst,
)

_CELLS = 64  # of one width, evaluated at a time: a panel
_PANELS = 1 << 15  # of one kernel, at most
_SAMPLES = 1 << 22  # of one kernel, at most


class NormBounds(NamedTuple):
    """What lies between `lower` and `upper`: numbers, or arrays of the batch axes."""

    lower: Any
    upper: Any


def h2_norm(form: Continuous | Discrete) -> Any:
    r"""The root mean square of the output under white noise, or the energy of the impulse response.

    .. math::  |G|_2^2 = \int_0^\infty |K(t)|_F^2\, dt = |C L|_F^2, \qquad A L L^* + L L^* A^* + B B^* = 0,

    in discrete time the sum over samples, K_0 included. Returns (...), a float without batch axes.
    Infinite where the system is not stable, and in continuous time where D is not zero: the
    response to an impulse then is one.

    Accuracy: L is the factor of the Gramian (`gramians.factor`), so no square is subtracted from
    another; the error is about N eps |C| |L|, which is relative to the norm but for outputs that
    cancel. Raises TypeError for `NPLR`, which has no output. Cost O(N^3).

    >>> import numpy as np
    >>> from ssmlinalg import forms
    >>> one = np.ones(1)
    >>> h2_norm(forms.Dense(-2 * one[:, None], one, 3 * one, 0.0, 1.0))  # |C B|/sqrt(-2A)
    1.5
    """
    return each(_h2, realize(form))


def h2_distance(first: Continuous | Discrete, second: Continuous | Discrete) -> Any:
    r"""The H2 norm of the difference of two systems.

    Where both have as many states, these are (x_1 - x_2, x_2), driven and read by the differences
    of A, B and C: modes close to each other, in the same order, lose no digits by cancellation, and
    equal systems are at distance 0. Else, and where an A is no diagonal, the error is that of
    `h2_norm` of either.

    Raises TypeError for `NPLR`; ValueError for a continuous and a discrete form, for numbers of
    inputs or outputs that differ, and for batch axes that do not fit.

    >>> from ssmlinalg import s4d_legs_init, s4d_legs_clipped_init
    >>> h2_distance(s4d_legs_init(16), s4d_legs_init(16))
    0.0
    """
    return each(_h2_apart, *_together(first, second))


def hinf_norm(form: Continuous | Discrete, *, tolerance: float = 1e-6) -> Bounds:
    r"""The largest gain at any frequency, from below and above: `norms.hinf` of a form.

    .. math::  \sup_w |G(i w)|_2, \qquad\text{discrete:}\quad \sup_\theta |G(e^{i \theta})|_2 .

    Returns `Bounds(lower, upper, at)`; the frequency `at` is in radians a sample, at most pi, in
    discrete time, which is measured through the bilinear map s = (z - 1)/(z + 1): it keeps gains,
    and loses the digits of 1 + z where an eigenvalue is near z = -1. Both bounds are infinite where
    the system is not stable as far as `norms.hinf` can tell. Accuracy, further errors and cost are
    those of `norms.hinf`, for matrices of order 2N where the form is complex.

    >>> import numpy as np
    >>> from ssmlinalg import forms
    >>> one = np.ones(1) + 0j
    >>> norm = hinf_norm(forms.Recurrence(-0.5 * one, one, one, np.asarray(0.0)))  # 1/(1 + z^{-1}/2), largest at z = -1
    >>> round(norm.lower, 6), round(norm.at, 6)
    (2.0, 3.141593)
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    return Bounds(*each(lambda system: _hinf(h_infinity.hinf, tolerance, system), realize(form)))


def hinf_distance(
    first: Continuous | Discrete, second: Continuous | Discrete, *, tolerance: float = 1e-6
) -> Bounds:
    r"""The H-infinity norm of the difference of two systems: `norms.hinf_distance` of forms, which
    see for close neighbours.

    Returns what `hinf_norm` returns and raises what `h2_distance` raises.

    >>> from ssmlinalg import s4d_legs_init, ptd_init
    >>> distance = hinf_distance(s4d_legs_init(16), ptd_init(16))  # they read the same coefficients
    >>> distance.lower <= distance.upper < 1.00001 * distance.lower
    True
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    both = _together(first, second)

    def apart(one: Realization, other: Realization) -> Bounds:
        def distance(*matrices: Any, tolerance: float) -> Bounds:
            return h_infinity.hinf_distance(matrices[:4], matrices[4:], tolerance=tolerance)

        return _hinf(distance, tolerance, one, other)

    return Bounds(*each(apart, *both))


def l1_norm(form: Continuous | Discrete, *, tolerance: float = 1e-3) -> NormBounds:
    r"""The peak-to-peak gain, the largest max |y| of inputs with max |u| <= 1, from below and
    above.

    .. math::  \max_p \sum_m \Bigl(|D_{pm}| + \int_0^\infty |K_{pm}(t)|\, dt\Bigr),
               \qquad\text{discrete:}\quad \max_p \sum_m \sum_{l \ge 0} |K_{pm,l}|,

    D part of K_0 in discrete time. Time is cut into cells of width h. Where K provably keeps its
    sign the integral over a cell is exact; elsewhere K is within h^2/8 max |K''| of its chord, so
    that the cell adds h^3/6 max |K''| to the gap between the bounds; beyond the last cell is at
    most sum |C_n B_n| e^{Re A_n T}/|Re A_n|. Cells are halved where the gap is. In discrete time
    samples are summed, and only the rest is bounded.

    Returns `NormBounds(lower, upper)` with upper <= (1 + `tolerance`) lower, unless that takes more
    than 2^21 cells of one kernel, or 4 million samples, or rounding forbids: then wider, and still
    right. Infinite where the system is not stable. For modes max |K''| is a sum over modes, and
    rounding is allowed for, but for that of adding the cells up. A matrix takes e^{At} at the
    cells, and the norm x^* X x, A^* X + X A = -1, which falls along every solution; for the error
    of the exponential 64 N eps in that norm is allowed, which is no proof.

    Raises TypeError for `NPLR`, ValueError for a tolerance that is not positive. Cost O(N) a cell;
    each pair of an input and an output is a kernel of its own.

    Source: Boyd & Doyle 1987, Systems & Control Letters 9, 1-6, for the norm as a gain; the cells
    are derived here.

    >>> import numpy as np
    >>> from ssmlinalg import forms
    >>> half = np.array([-1 + 4j]), np.ones(1) / 2 + 0j, np.ones(1) + 0j, np.asarray(0.0), np.asarray(1.0)
    >>> bounds = l1_norm(forms.Paired(*half))  # int e^{-t} |cos 4t| dt
    >>> round(bounds.lower, 3), bounds.upper <= 1.001 * bounds.lower
    (0.643, True)
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    return NormBounds(*each(lambda system: _l1(system, tolerance), realize(form)))


def l1_distance(
    first: Continuous | Discrete, second: Continuous | Discrete, *, tolerance: float = 1e-3
) -> NormBounds:
    r"""The L1 norm of the difference of two systems, from below and above.

    Modes that both share are taken together, and matrices that both share with their B or C, so
    that forms which differ in B or C alone lose no digits. Other close neighbours do: their kernels
    are subtracted, and the bounds are as far apart as the rounding of each and `l1_norm` say.
    Raises what `h2_distance` and `l1_norm` raise.

    >>> from ssmlinalg import s4d_legs_init, s4d_legs_clipped_init
    >>> l1_distance(s4d_legs_init(16), s4d_legs_init(16))
    NormBounds(lower=0.0, upper=0.0)
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    return NormBounds(
        *each(lambda one, other: _l1(_difference(one, other), tolerance), *_together(first, second))
    )


def _together(first: Any, second: Any) -> tuple[Realization, Realization]:
    one, other = realize(first), realize(second)
    if one.discrete != other.discrete:
        got = " and ".join(f"{type(form).__name__}" for form in (first, second))
        raise ValueError(
            f"both systems must live in one kind of time; got {got}. Sample the continuous one with discretize."
        )
    if one.D.shape[-2:] != other.D.shape[-2:]:
        got = " and ".join(str(system.D.shape[-2:][::-1]) for system in (one, other))
        raise ValueError(
            f"both systems must have as many inputs and outputs; got {got}. Give the missing ones zeros."
        )
    require.broadcasts("second", other.batch, one.batch, "`first`")
    return one, other


def _h2(system: Realization) -> float:
    (system,), rate, drive, view = scaled(system)
    if worst(system) is not None or (not system.discrete and np.any(system.D)):
        return math.inf
    A, B = closed(continuous(system))[:2]
    T, B, Q = triangular(A, B)
    return _root_sum(closed(system).C @ factor(T, B, Q), system, drive + view - rate // 2)


def _h2_apart(first: Realization, second: Realization) -> float:
    (first, second), rate, drive, view = scaled(first, second)
    with np.errstate(over="ignore"):
        difference = first._replace(D=first.D - second.D)
    if (
        worst(first) is not None
        or worst(second) is not None
        or (not first.discrete and np.any(difference.D))
    ):
        return math.inf
    A1, B1 = closed(continuous(first))[:2]
    A2, B2 = closed(continuous(second))[:2]
    C1, C2 = closed(first).C, closed(second).C
    T1, QB1, Q1 = triangular(A1, B1)
    T2, QB2, Q2 = triangular(A2, B2)
    if len(A1) == len(
        A2
    ):  # each in its own triangular basis, so that rounding does not mix the small with the large
        A1, A2 = (np.diag(A) if A.ndim == 1 else A for A in (A1, A2))
        across, driven, heard = (
            Q1.conj().T @ (A1 - A2) @ Q2,
            Q1.conj().T @ (B1 - B2),
            (C1 - C2) @ Q2,
        )
    else:
        across, driven, heard = np.zeros((len(T1), len(T2))), QB1, -C2 @ Q2
    T = np.block([[T1, across], [np.zeros((len(T2), len(T1))), T2]])
    CL = np.concatenate([C1 @ Q1, heard], axis=1) @ factor(T, np.concatenate([driven, QB2]))
    return _root_sum(CL, difference, drive + view - rate // 2)


def _root_sum(CL: Complex, system: Realization, exponent: int) -> float:
    """The Frobenius norm of 2^exponent CL and, in discrete time, D: no square over- or
    underflows.
    """
    return math.hypot(
        *unscaled(np.abs(CL), exponent).ravel(), *(np.abs(system.D).ravel() * system.discrete)
    )


def _hinf(norm: Callable[..., Bounds], tolerance: float, *systems: Realization) -> Bounds:
    """`norm` of the matrices of all systems, continuous and real."""
    systems, rate, drive, view = scaled(*systems)
    for system in systems:
        pole = worst(system)
        if pole is not None:
            w = abs(np.angle(pole)) if system.discrete else unscaled(abs(pole.imag), rate)
            return Bounds(math.inf, math.inf, float(w))
    gain = drive + view - rate
    more = max(
        0, max(exponent_of(system.D) for system in systems) - gain
    )  # D counts, too: it may be much larger
    units = [
        system._replace(C=times_power(system.C, -more), D=times_power(system.D, -gain - more))
        for system in systems
    ]
    matrices = [np.ascontiguousarray(X) for system in units for X in real(continuous(system))[:4]]
    lower, upper, w = norm(*matrices, tolerance=tolerance)
    lower, upper = unscaled([lower, upper], gain + more).tolist()
    return Bounds(
        lower, upper, 2 * math.atan(w) if systems[0].discrete else float(unscaled(w, rate))
    )


def _difference(first: Realization, second: Realization) -> Realization:
    with np.errstate(over="ignore"):
        D = first.D - second.D
    if first.modal and second.modal:  # equal modes are taken together later
        A = np.concatenate([first.A, second.A])
    else:
        A, other = (np.diag(system.A) if system.modal else system.A for system in (first, second))
        if np.array_equal(A, other):
            if np.array_equal(first.B, second.B):
                return first._replace(A=A, C=_apart(first.C, second.C), D=D)
            if np.array_equal(first.C, second.C):
                return first._replace(A=A, B=_apart(first.B, second.B), D=D)
        A: Any = scipy.linalg.block_diag(A, other)
    B, C = np.concatenate([first.B, second.B]), np.concatenate([first.C, -second.C], axis=1)
    return Realization(A, B, C, D, first.discrete)


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return fitting(first - second, 0)


def _l1(system: Realization, tolerance: float) -> tuple[float, float]:
    (system,), rate, drive, view = scaled(system)
    if worst(system) is not None:
        return math.inf, math.inf
    total = _total if system.discrete else _integral
    bounds = np.zeros((2, *system.D.shape))
    for p, m in np.ndindex(*system.D.shape):
        if np.any(system.B[:, m]) and np.any(system.C[p]):
            flow = _modes(system, p, m) if system.modal else _matrix(system, p, m)
            bounds[:, p, m] = total(flow, tolerance)
    with np.errstate(over="ignore"):
        lower, upper = np.max(
            np.sum(unscaled(bounds, drive + view - rate) + np.abs(system.D), axis=-1), axis=-1
        )
    return float(lower), float(upper)


class _Flow(NamedTuple):
    """K(t) = Re(row(t) x) of a state x that moves; states (S, N) in rows, of as many times as there
    are.

    `rows(h)` are those that give K at 0, h, .., 64 h (N, 65) and its integrals over the cells
    between (N, 64), and the map of states that 32 h makes; of a discrete flow K at 0, 1, .., 63 (N,
    64) and the map of 64 samples. `curvature(x, h)` bounds
    |K''| over each of 64 cells, `noise(x, t)` the rounding of K, `rest(x)` the integral or sum of |K| from here on.
    """

    start: np.ndarray
    speed: float
    rows: Callable[..., Any]
    curvature: Callable[[np.ndarray, float], Real]
    noise: Callable[[np.ndarray, Any], Real]
    rest: Callable[[np.ndarray], Real]


def _modes(system: Realization, p: int, m: int) -> _Flow:
    weights: Complex = system.C[p] * system.B[:, m]
    A = system.A
    upper = A.imag >= 0  # Re w e^{At} is that of the conjugates
    poles, place = np.unique(np.where(upper, A, A.conj()), return_inverse=True)
    A = np.asarray(poles)
    start = np.zeros(len(A), complex)
    np.add.at(start, place, np.where(upper, weights, weights.conj()))
    size = np.abs(A)

    if system.discrete:
        powers = A[:, None] ** np.arange(_CELLS)
        return _Flow(
            start, 1.0,
            lambda: (powers, lambda x: x * A**_CELLS),
            lambda x, h: np.zeros((len(x), 1)),
            lambda x, t: EPS * (np.abs(x) @ ((64 + 2 / (1 - size)) / (1 - size))),
            lambda x: np.abs(x) @ (1 / (1 - size)),
        )  # fmt: skip

    def rows(h: float) -> tuple[Any, Any, Callable[[Any], Any]]:
        E = np.exp(A[:, None] * (h * np.arange(_CELLS + 1)))
        half = np.exp(A * (h * _CELLS / 2))
        return E, E[:, :-1] * (np.expm1(A * h) / A)[:, None], lambda x: x * half

    return _Flow(
        start, float(np.max(size)), functools.cache(rows),
        lambda x, h: (np.abs(x) * size**2) @ np.exp(np.real(A)[:, None] * (h * np.arange(_CELLS))),
        lambda x, t: EPS * (np.abs(x) @ np.full(len(A), 64.0) + 2 * t * (np.abs(x) @ size)),
        lambda x: np.abs(x) @ (1 / np.abs(np.real(A))),
    )  # fmt: skip


def _matrix(system: Realization, p: int, m: int) -> _Flow:
    A, B, C = system.A, system.B[:, m], system.C[p]
    N = len(A)
    # |x|_X^2 = x^* X x falls along every solution and |c x| <= |c|' |x|_X with |c|' = |c L^{-*}|, X
    # = L L^*.
    seen = continuous(Realization(A, B[:, None], np.eye(N), np.zeros((N, 1)), system.discrete))
    L = factor(*triangular(seen.A.conj().T, seen.C.conj().T + 0j))
    slowness = 2 * float(np.linalg.norm(L, 2)) ** 2  # |x|_X falls by e^{-t/slowness}

    def norm(x: np.ndarray) -> Real:
        return np.linalg.norm(x @ L.conj(), axis=-1)

    def dual(c: np.ndarray) -> float:
        return float(np.linalg.norm(np.linalg.solve(L, c.conj())))

    reach, bend = dual(C), dual(C @ A @ A)

    def along(first: np.ndarray, E: np.ndarray, count: int) -> np.ndarray:
        found = [first]
        while len(found) < count:
            found.append(found[-1] @ E)
        return np.stack(found, axis=-1)

    def rows(h: float) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        bordered = np.block([[np.zeros((1, 1)), C[None]], [np.zeros((N, 1)), A]])
        F = backend.expm(h * bordered)
        E, half = F[1:, 1:], np.linalg.matrix_power(F[1:, 1:], _CELLS // 2)
        return along(C, E, _CELLS + 1), along(F[0, 1:], E, _CELLS), lambda x: x @ half.T

    def samples() -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        far = np.linalg.matrix_power(A, _CELLS)
        return along(C, A, _CELLS), lambda x: x @ far.T

    noise = 64 * N * EPS * reach
    return _Flow(
        B, float(np.linalg.norm(A)), samples if system.discrete else functools.cache(rows),
        lambda x, h: bend * norm(x)[:, None],
        lambda x, t: noise * norm(x) * (slowness if system.discrete else 1.0),
        lambda x: reach * slowness * norm(x),
    )  # fmt: skip


@np.errstate(over="ignore")  # of modes that hardly decay `rest` may exceed the largest double
def _integral(flow: _Flow, tolerance: float) -> tuple[float, float]:
    """NormBounds of int |K| dt over all t >= 0."""
    end, x_end = 0.0, flow.start[None]
    width, a, x = np.zeros(0), np.zeros(0), flow.start[None][:0]
    bounds = np.zeros((3, 0))
    rest = float(flow.rest(x_end)[0])
    while True:
        low, high = np.sum(bounds[:2], axis=-1).tolist()
        if (
            high + rest <= (1 + tolerance) * low
            or 2 * len(a) > _PANELS
            or math.isinf(4 * end * end)
        ):
            return low, high + rest
        if rest > tolerance * low / 4:  # another panel, as long as all before it
            h = (end or 1 / flow.speed) / _CELLS
            more = np.array([h]), np.array([end]), x_end
            half = flow.rows(h)[-1]
            end, x_end = end + _CELLS * h, half(half(x_end))
            rest = float(flow.rest(x_end)[0])
            kept = np.ones(len(a), bool)
        else:  # halve the panels whose gap is above the average allowed, and no rounding
            kept = bounds[1] - bounds[0] <= np.maximum(tolerance * low / 2 / len(a), 4 * bounds[2])
            if np.all(kept):
                return low, high + rest
            whole, left, x_left = width[~kept], a[~kept], x[~kept]
            x_middle = np.empty_like(x_left)
            for h in np.unique(whole):
                x_middle[whole == h] = flow.rows(float(h))[-1](x_left[whole == h])
            more = (
                np.tile(whole / 2, 2),
                np.concatenate([left, left + _CELLS / 2 * whole]),
                np.concatenate([x_left, x_middle]),
            )
        found = _over_panels(flow, *more)
        bounds = np.concatenate([bounds[:, kept], found], axis=1)
        width, a, x = (
            np.concatenate([old[kept], new]) for old, new in zip((width, a, x), more, strict=True)
        )


def _over_panels(flow: _Flow, width: Real, a: Real, x: np.ndarray) -> Real:
    """NormBounds of int |K| dt, and the part of their gap that is rounding, (3, S).

    Over panels of 64 cells of the given widths, that begin at a with the states x (S, N).
    """
    bounds = np.empty((3, len(a)))
    for h in np.unique(width):
        alike = np.flatnonzero(width == h)
        for part in np.array_split(alike, 1 + len(alike) // 1024):
            bounds[:, part] = _over_cells(flow, float(h), a[part], x[part])
    return bounds


def _over_cells(flow: _Flow, h: float, a: Real, x: np.ndarray) -> Real:
    at, over, _ = flow.rows(h)
    K, exact = (x @ at).real, np.abs((x @ over).real)
    bend = h**2 / 8 * flow.curvature(x, h)
    noise = flow.noise(x, a + _CELLS * h)[:, None]
    left, right = np.abs(K[:, :-1]), np.abs(K[:, 1:])
    same = np.signbit(K[:, :-1]) == np.signbit(K[:, 1:])
    certain = same & (np.minimum(left, right) > bend + noise)
    both = left + right
    share = left / np.maximum(
        both, np.finfo(float).tiny
    )  # the chord crosses zero there, unless both ends are on one side
    chord = h * both / 2 * np.where(same, 1.0, share**2 + (1 - share) ** 2)
    lower = np.where(certain, exact, np.maximum(exact, chord - 2 / 3 * h * bend)) - h * noise
    upper = np.where(certain, exact, chord + 2 / 3 * h * bend) + h * noise
    rounding = 2 * _CELLS * h * noise[:, 0]
    return np.stack([np.sum(np.maximum(lower, 0), axis=-1), np.sum(upper, axis=-1), rounding])


def _total(flow: _Flow, tolerance: float) -> tuple[float, float]:
    """NormBounds of sum |K_l| over all l >= 0."""
    K, on = flow.rows()
    x, low, seen = flow.start[None], 0.0, 0
    noise = float(flow.noise(x, 0)[0])
    while True:
        low += float(np.sum(np.abs((x @ K).real)))
        x, seen = on(x), seen + _CELLS
        rest = float(flow.rest(x)[0])
        if rest <= tolerance / 2 * low or seen >= _SAMPLES:
            return max(0.0, low - noise), low + rest + noise
