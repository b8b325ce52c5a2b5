r"""Norms of a form and of the difference of two, from the energy, the gain and the peak of outputs.

=====================  ==============================  =========================================
norm                   definition                      bound that it gives
=====================  ==============================  =========================================
`h2_norm`              (int |K|_F^2 dt)^{1/2}          max |y| by the energy of u; noise in y
`hinf_norm`            sup |G(i w)|_2                  energy of y by the energy of u
`l1_norm`              max_p sum_m int |K_pm| dt       max |y| by max |u|
=====================  ==============================  =========================================

Forms may be of any kind and library; their values are moved to the host. Continuous forms are
measured in their own time: `step` plays no part. Batch axes give arrays, and fields of arrays where
a result has fields. Two forms need not be of one kind, only in one kind of time. A system that is
not stable has infinite norms. A mode whose B or C is zero is no part of it, nor is a state of a
matrix on no path of nonzero entries from an input to an output; no rounding decides that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from ..forms import Continuous, Discrete
from ..ground import require
from ..ground.bounds import Bounds
from ..matrices import h_infinity
from ..matrices.scaling import exponent_of, times_power
from . import absolute_integral
from .gramians import lyapunov_factor, triangular
from .realization import (
    Realization,
    Units,
    continuous,
    fitted,
    over_members,
    real_blocks,
    realize,
    scaled,
    transferred,
    undamped,
    unscaled,
    with_conjugates,
)

Readable = Continuous | Discrete  # every form with an output


def h2_norm(form: Readable) -> Any:
    r"""The H2 norm: the root mean square of the output under white noise.

    .. math::  |G|_2^2 = \int_0^\infty |K(t)|_F^2\, dt = |C L|_F^2, \qquad
               A L L^* + L L^* A^* + B B^* = 0,

    which is also the energy of the impulse response. In discrete time it is the sum over samples,
    K_0 included.

    Args:
        form: a form of any library with an output.

    Returns:
        (...), a float without batch axes. Infinite where the system is not stable, modes with
        C B = 0 left out, and in continuous time where D is not zero: the response to an impulse
        then contains one.

    Raises:
        TypeError: for `NPLR`, which has no output; what `forms.check` raises.
        ValueError: for an empty batch, and for numbers whose units no double suits; what
            `forms.check` raises.

    Accuracy:
        About N eps |C| |L|, relative to the norm but for outputs that cancel: L is the factor of
        the Gramian, so no square is subtracted from another.

    Cost:
        O(N^3).

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> h2_norm(forms.Dense(-2 * one[:, None], one, 3 * one, 0.0, 1.0))  # |C B|/sqrt(-2A)
        1.5
    """
    return over_members(_h2, realize(form))


def h2_distance(first: Readable, second: Readable) -> Any:
    r"""The H2 norm of the difference of two systems.

    Where both have as many states, those of the difference are (x_1 - x_2, x_2), driven and read by
    the differences of A, B and C.

    Args:
        first: a form of any library with an output.
        second: another in the same kind of time, with as many inputs and outputs.

    Returns:
        (...), a float without batch axes; infinite as for `h2_norm`.

    Raises:
        TypeError: for `NPLR`; what `forms.check` raises.
        ValueError: for a continuous and a discrete form, for numbers of inputs or outputs that
            differ, and for batch axes that do not broadcast; what `h2_norm` raises.

    Accuracy:
        Modes close to each other, in the same order, lose no digits by cancellation, and equal
        systems are at distance 0. Otherwise, and where an A is a matrix, the error is that of
        `h2_norm` of either.

    Cost:
        O((N1 + N2)^3).

    Example:
        >>> from ssmlinalg import s4d_legs_init
        >>> h2_distance(s4d_legs_init(16), s4d_legs_init(16))
        0.0
    """
    return over_members(_h2_apart, *_comparable(first, second))


def hinf_norm(form: Readable, *, tolerance: float = 1e-6) -> Bounds:
    r"""The H-infinity norm: the largest gain at any frequency, from both sides.

    .. math::  \sup_w |G(i w)|_2, \qquad\text{discrete:}\quad \sup_\theta |G(e^{i \theta})|_2 .

    Args:
        form: a form of any library with an output.
        tolerance: the relative distance of the bounds, unless rounding forbids.

    Returns:
        Bounds (...), `at` the frequency of `lower`: w at or above 0, in discrete time theta in
        radians a sample, at most pi. Both bounds are infinite where the system, modes with C B = 0
        left out, is not stable as far as `matrices.hinf` can tell.

    Raises:
        TypeError: what `h2_norm` raises, and for a tolerance that is no number.
        ValueError: for a tolerance that is not positive; what `h2_norm` raises.

    Accuracy:
        That of `matrices.hinf`. Discrete time is measured through the bilinear map
        s = (z - 1)/(z + 1): it keeps gains, and loses the digits of 1 + z where an eigenvalue is
        near z = -1.

    Cost:
        That of `matrices.hinf`, for matrices of order 2N where the form is complex.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> norm = hinf_norm(forms.Recurrence(-0.5 * one, one, one, 0.0))  # 1/(1 + z^{-1}/2)
        >>> round(norm.lower, 6), round(norm.at, 6)  # largest at z = -1
        (2.0, 3.141593)
    """
    tolerance = require.real("tolerance", tolerance, above=0)

    def norm(system: Realization) -> Bounds:
        return _hinf(h_infinity.hinf, tolerance, system)

    return Bounds(*over_members(norm, realize(form)))


def hinf_distance(first: Readable, second: Readable, *, tolerance: float = 1e-6) -> Bounds:
    r"""The H-infinity norm of the difference of two systems, from both sides.

    Args:
        first: a form of any library with an output.
        second: another in the same kind of time, with as many inputs and outputs.
        tolerance: the relative distance of the bounds, unless rounding forbids.

    Returns:
        Bounds (...), as those of `hinf_norm`.

    Raises:
        TypeError: what `h2_distance` and `hinf_norm` raise.
        ValueError: what `h2_distance` and `hinf_norm` raise.

    Accuracy:
        That of `matrices.hinf_distance`, which says what close neighbours keep.

    Cost:
        That of `matrices.hinf_distance`, for matrices of twice the order where a form is complex.

    Example:
        >>> from ssmlinalg import s4d_legs_init, ptd_init
        >>> found = hinf_distance(s4d_legs_init(16), ptd_init(16))  # of the same coefficients
        >>> found.lower <= found.upper < 1.00001 * found.lower
        True
    """
    tolerance = require.real("tolerance", tolerance, above=0)

    def distance(*matrices: Any, tolerance: float) -> Any:
        return h_infinity.hinf_distance(matrices[:4], matrices[4:], tolerance=tolerance)

    def apart(one: Realization, other: Realization) -> Bounds:
        return _hinf(distance, tolerance, one, other)

    return Bounds(*over_members(apart, *_comparable(first, second)))


def l1_norm(form: Readable, *, tolerance: float = 1e-3) -> Bounds:
    r"""The L1 norm, or peak-to-peak gain: the largest max |y| of inputs with max |u| <= 1.

    .. math::  \max_p \sum_m \Bigl(|D_{pm}| + \int_0^\infty |K_{pm}(t)|\, dt\Bigr),
               \qquad\text{discrete:}\quad \max_p \sum_m \sum_{l \ge 0} |K_{pm,l}|,

    D part of K_0 in discrete time. `absolute_integral` says how the integrals are bounded.

    Args:
        form: a form of any library with an output.
        tolerance: the relative distance of the bounds.

    Returns:
        Bounds (...), infinite where the system is not stable, modes with C B = 0 left out.
        upper <= (1 + tolerance) lower, unless that takes more than 2^21 cells of one kernel, or 4
        million samples, or rounding forbids: then wider, and still right.

    Raises:
        TypeError: what `hinf_norm` raises.
        ValueError: what `hinf_norm` raises.

    Accuracy:
        Rounding is allowed for, but for that of adding the cells up. For the exponential of a
        matrix 64 N eps is allowed, which is no proof.

    Cost:
        O(N) a cell. Each pair of an input and an output is a kernel of its own.

    Source:
        Boyd & Doyle 1987, Systems & Control Letters 9, 1-6 (the norm as a gain); derived here: the
        cells.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> form = forms.Paired(np.array([-1 + 4j]), one / 2, one, 0.0, 1.0)
        >>> bounds = l1_norm(form)  # int e^{-t} |cos 4t| dt
        >>> round(bounds.lower, 3), bounds.upper <= 1.001 * bounds.lower
        (0.643, True)
    """
    tolerance = require.real("tolerance", tolerance, above=0)

    def norm(system: Realization) -> tuple[float, float]:
        return _l1(transferred(system), tolerance)

    return Bounds(*over_members(norm, realize(form)))


def l1_distance(first: Readable, second: Readable, *, tolerance: float = 1e-3) -> Bounds:
    r"""The L1 norm of the difference of two systems, from both sides.

    Args:
        first: a form of any library with an output.
        second: another in the same kind of time, with as many inputs and outputs.
        tolerance: the relative distance of the bounds.

    Returns:
        Bounds (...), as those of `l1_norm`.

    Raises:
        TypeError: what `h2_distance` and `l1_norm` raise.
        ValueError: what `h2_distance` and `l1_norm` raise; for weights whose difference overflows.

    Accuracy:
        Modes that both share are taken together, and matrices that both share with their B or C, so
        that forms which differ in B or C alone lose no digits. Other close neighbours do: their
        kernels are subtracted, and the bounds are as far apart as the rounding of each and
        `l1_norm` say.

    Cost:
        That of `l1_norm`, for the states of both.

    Example:
        >>> from ssmlinalg import s4d_legs_init
        >>> l1_distance(s4d_legs_init(16), s4d_legs_init(16))
        Bounds(lower=0.0, upper=0.0, at=None)
    """
    tolerance = require.real("tolerance", tolerance, above=0)

    def apart(one: Realization, other: Realization) -> tuple[float, float]:
        return _l1(_difference(transferred(one), transferred(other)), tolerance)

    return Bounds(*over_members(apart, *_comparable(first, second)))


def _comparable(first: Any, second: Any) -> tuple[Realization, Realization]:
    """The realizations of two forms whose difference is a system."""
    one = realize(first)
    other = realize(second)
    if one.discrete != other.discrete:
        got = f"{type(first).__name__} and {type(second).__name__}"
        remedy = "Sample the continuous one with discretize."
        raise ValueError(f"both systems must live in one kind of time; got {got}. {remedy}")
    outputs, inputs = one.D.shape[-2:]
    other_outputs, other_inputs = other.D.shape[-2:]
    if (outputs, inputs) != (other_outputs, other_inputs):
        got = f"{(inputs, outputs)} and {(other_inputs, other_outputs)}"
        rule = "both systems must have as many inputs and outputs"
        raise ValueError(f"{rule}; got {got}. Give the missing ones zeros.")
    require.broadcasts("second", other.batch, one.batch, "`first`")
    return one, other


def _h2(system: Realization) -> float:
    """The H2 norm of one system."""
    (system,), units = scaled(transferred(system))
    if undamped(system) is not None or _passes_impulses(system):
        return math.inf
    states = with_conjugates(continuous(system))
    T, B, Q = triangular(states.A, states.B)
    C = with_conjugates(system).C
    return _energy(C @ (Q @ lyapunov_factor(T, B)), system, units)


def _h2_apart(first: Realization, second: Realization) -> float:
    """The H2 norm of the difference of two systems, one member each."""
    (first, second), units = scaled(transferred(first), transferred(second))
    with np.errstate(over="ignore"):
        difference = first._replace(D=first.D - second.D)
    growing = undamped(first) is not None or undamped(second) is not None
    if growing or _passes_impulses(difference):
        return math.inf
    T, B, C = _triangular_difference(first, second)
    return _energy(C @ lyapunov_factor(T, B), difference, units)


def _passes_impulses(system: Realization) -> bool:
    return not system.discrete and bool(np.any(system.D))


def _triangular_difference(
    first: Realization, second: Realization
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T, B and C of the difference, of the states (x_1 - x_2, x_2) if both have as many.

    Each part is in a triangular basis of its own, so that rounding does not mix the small with the
    large. In discrete time A and B are those of the continuous system, and C is that of the
    discrete one.
    """
    A1, B1 = with_conjugates(continuous(first))[:2]
    A2, B2 = with_conjugates(continuous(second))[:2]
    C1 = with_conjugates(first).C
    C2 = with_conjugates(second).C
    T1, driven1, Q1 = triangular(A1, B1)
    T2, driven2, Q2 = triangular(A2, B2)
    across = np.zeros((len(T1), len(T2)))
    read2 = -C2
    if len(T1) == len(T2):
        adjoint = Q1.conj().T
        across = adjoint @ (_full(A1) - _full(A2)) @ Q2
        driven1 = adjoint @ (B1 - B2)
        read2 = C1 - C2
    top = np.concatenate([T1, across], axis=1)
    bottom = np.concatenate([np.zeros(across.T.shape), T2], axis=1)
    T = np.concatenate([top, bottom])
    B = np.concatenate([driven1, driven2])
    C = np.concatenate([C1 @ Q1, read2 @ Q2], axis=1)
    return T, B, C


def _full(A: np.ndarray) -> np.ndarray:
    """A matrix, of eigenvalues the diagonal one."""
    return np.diag(A) if A.ndim == 1 else A


def _energy(CL: np.ndarray, system: Realization, units: Units) -> float:
    """The Frobenius norm of C L in the units of the form and, in discrete time, of D.

    No square over- or underflows.
    """
    sizes = unscaled(np.abs(CL), units.drive + units.readout - units.rate // 2)
    direct = np.abs(system.D) * system.discrete
    return math.hypot(*sizes.ravel(), *direct.ravel())


def _hinf(norm: Callable[..., Any], tolerance: float, *systems: Realization) -> Bounds:
    """`norm` of the matrices of all systems, one member each, made continuous and real."""
    systems, units = scaled(*map(transferred, systems))
    discrete = systems[0].discrete
    for system in systems:
        pole = undamped(system)
        if pole is not None:
            angle = abs(np.angle(pole))
            w = angle if discrete else unscaled(abs(pole.imag), units.rate)
            return Bounds(lower=math.inf, upper=math.inf, at=float(w))
    direct = max(exponent_of(system.D) for system in systems)
    more = max(0, direct - units.gain)  # D may be much larger than the rest
    matrices = []
    for system in systems:
        C = times_power(system.C, -more)
        D = times_power(system.D, -units.gain - more)
        whole = real_blocks(continuous(system._replace(C=C, D=D)))
        matrices += [np.ascontiguousarray(X) for X in whole[:4]]
    found = norm(*matrices, tolerance=tolerance)
    return Bounds(
        lower=float(unscaled(found.lower, units.gain + more)),
        upper=float(unscaled(found.upper, units.gain + more)),
        at=2 * math.atan(found.at) if discrete else float(unscaled(found.at, units.rate)),
    )


def _l1(system: Realization, tolerance: float) -> tuple[float, float]:
    """The L1 norm of one system, from below and above."""
    (system,), units = scaled(system)
    if undamped(system) is not None:
        return math.inf, math.inf
    integrals = np.zeros((2, *system.D.shape))
    for p, m in np.ndindex(*system.D.shape):
        integrals[:, p, m] = absolute_integral.bounds(system, p, m, tolerance)
    with np.errstate(over="ignore"):
        entries = unscaled(integrals, units.gain) + np.abs(system.D)
        rows = np.sum(entries, axis=-1)
    lower, upper = np.max(rows, axis=-1)
    return float(lower), float(upper)


def _difference(first: Realization, second: Realization) -> Realization:
    """The difference of two systems, one member each; shared modes are merged later."""
    with np.errstate(over="ignore"):
        D = first.D - second.D
    if first.modal and second.modal:
        A: Any = np.concatenate([first.A, second.A])
    else:
        A = _full(first.A)
        other = _full(second.A)
        alike = np.array_equal(A, other)
        if alike and np.array_equal(first.B, second.B):
            return first._replace(A=A, C=_apart(first.C, second.C), D=D)
        if alike and np.array_equal(first.C, second.C):
            return first._replace(A=A, B=_apart(first.B, second.B), D=D)
        A = scipy.linalg.block_diag(A, other)
    return Realization(
        A=A,
        B=np.concatenate([first.B, second.B]),
        C=np.concatenate([first.C, -second.C], axis=1),
        D=D,
        discrete=first.discrete,
    )


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return fitted(first - second, 0)
