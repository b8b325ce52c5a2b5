r"""H-infinity norms of linear systems, bounded from both sides.

A grid of frequencies bounds the largest gain sup |C (iw - A)^{-1} B + D| from below and says
nothing of what lies between its points. The level set does: g is a singular value of the response
at w exactly when i w is an eigenvalue of

.. math::  H(g) = \begin{pmatrix} F & g\, B R^{-1} B^* \\ -g\, C^* S^{-1} C & -F^* \end{pmatrix},
           \quad F = A + B D^* S^{-1} C, \quad R = g^2 - D^* D, \quad S = g^2 - D D^*,

so between neighbouring imaginary eigenvalues the gain stays on one side of g, and a few values
decide on which (Boyd, Balakrishnan & Kabamba 1989; Boyd & Balakrishnan 1990; Bruinsma & Steinbuch
1990).

Which computed eigenvalues count as imaginary is the weak point of the method, for where the gain
only just reaches g they are double and rounding throws them sqrt(eps) off the axis. Here no such
decision is taken: the imaginary part of every eigenvalue is a candidate, at the cost of some more
values of the gain, each a triangular solve in the Schur basis of A.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Array, Real
from ..ground.bounds import Bounds
from ..ground.formats import EPS
from ..ground.gate import numbers
from .connections import on_a_path
from .eigen import eigenvalue_rounding
from .factorizations import converged
from .frequency_gain import (
    Matrices,
    Peaks,
    System,
    balanced,
    climbed,
    gains,
    leverage,
    prepared,
    solved_gain,
    state_and_costate,
)


class _Level(NamedTuple):
    """A level of the gain, H(level), the candidates w (F,) that it gives, and the gains there."""

    level: float
    H: np.ndarray
    w: Real
    gain: Real


def hinf(
    A: Array,
    B: Array,
    C: Array,
    D: Array | float | None = None,
    *,
    tolerance: float = 1e-6,
) -> Bounds:
    r"""The H-infinity norm of a system: its largest gain at any frequency, from below and above.

    .. math::  \sup_{w \in \mathbb{R} \cup \{\infty\}}
               \sigma_{\max}\bigl(C (i w - A)^{-1} B + D\bigr).

    Args:
        A: (N, N); N may be 0.
        B: (N, M) or (N,).
        C: (P, N) or (N,).
        D: (P, M), a number where P = M = 1, or None for zero.
        tolerance: the relative gap between the bounds.

    Returns:
        A `Bounds`. `lower` is attained at the frequency `at`: at or above zero for real data, of
        either sign for complex, inf where only D reaches it. Without inputs or outputs the norm is
        0. Both bounds are inf where A has an eigenvalue with Re >= -4 sqrt(N) eps |A|_F, A
        balanced, and `at` is that eigenvalue's: it may be damped, but double precision cannot tell.
        States on no path of nonzero entries from an input to an output are no part of the system;
        a mode that B and C do not see for another reason, such as cancellation, counts.

    Raises:
        TypeError: if the matrices hold no numbers of at most double precision.
        ValueError: if they are not finite or do not fit together, or `tolerance` is not positive.

    Accuracy:
        `lower` carries the rounding of one linear solve. `upper` is (1 + tolerance) `lower` unless
        rounding forbids: the eigenvalues of H are those of some H + E, which moves the level by up
        to |E| (|x|^2 + |z|^2)/2, where x = (iw - A)^{-1} B u and z = (iw - A)^{-*} C^* v are state
        and costate at the singular vectors u, v of the gain. Twice that, with |E| = 4 sqrt(2N) eps
        |H|_F, is included in `upper`: a bound to first order in eps, on a measured |E|. It is no
        proof in intervals: `proved_below` is one.

        ===============================================  ======================================
        system                                           gap
        ===============================================  ======================================
        poles within 1e-9 |A| of the axis                above tolerance
        time scales 1e9 apart                            above tolerance
        the gain is |D| at all frequencies               1e-5 for `lagt` of order 64
        a gain that is nothing but cancellation          `upper` about sqrt(eps |B| |C| |x| |z|)
        ===============================================  ======================================

    Cost:
        The Schur form of A, twice, the eigenvalues of one to three matrices of order 2N, all real
        for real data, and O(N) triangular solves; with several inputs and outputs as many small
        singular value decompositions.

    Source:
        Boyd & Balakrishnan 1990 and Bruinsma & Steinbuch 1990 for the iteration; derived here:
        candidates and allowance.

    Example:
        >>> zeta = 0.1  # peak 1/(2 zeta sqrt(1 - zeta^2)) at w = sqrt(1 - 2 zeta^2)
        >>> norm = hinf([[0.0, 1.0], [-1.0, -2 * zeta]], [0.0, 1.0], [1.0, 0.0])
        >>> round(norm.lower, 5), round(norm.at, 5), norm.upper < norm.lower * (1 + 2e-6)
        (5.02519, 0.98995, True)
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    return _norm(_restricted(_checked(A, B, C, D)), tolerance)


def hinf_distance(
    first: Any,
    second: Any,
    *,
    tolerance: float = 1e-6,
) -> Bounds:
    r"""The H-infinity norm of the difference of two systems with as many inputs and outputs.

    .. math::  \sup_w \sigma_{\max}\bigl(G_1(i w) - G_2(i w)\bigr).

    Where N1 = N2 the states are (x_1 - x_2, x_2), which are driven and read by A_1 - A_2, B_1 - B_2
    and C_1 - C_2: so close neighbours in one basis lose no digits by cancellation, and equal ones
    are at distance 0.

    Args:
        first: the matrices (A, B, C) or (A, B, C, D) of a system, as those of `hinf`.
        second: those of the other.
        tolerance: the relative gap between the bounds.

    Returns:
        A `Bounds`, as that of `hinf`.

    Raises:
        TypeError: what `hinf` raises, and if `first` or `second` is no tuple of three or four.
        ValueError: what `hinf` raises, and for numbers of inputs or outputs that differ.

    Accuracy:
        That of `hinf`.

    Cost:
        That of `hinf`, of order N1 + N2.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import hippo
        >>> A, B, P = hippo.legs(8)
        >>> near = (A + 0.2 * P @ P.T, 0.9 * B, np.eye(8))
        >>> distance = hinf_distance((A, B, np.eye(8)), near)
        >>> round(distance.lower, 4), distance.upper < distance.lower * (1 + 2e-6)
        (0.056, True)
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    one = _checked(*_parts("first", first))
    other = _checked(*_parts("second", second))
    if one.D.shape != other.D.shape:
        got = f"{one.D.shape[::-1]} and {other.D.shape[::-1]}"
        remedy = "Give the missing ones zeros."
        raise ValueError(f"both systems must have as many inputs and outputs; got {got}. {remedy}")
    return _norm(_difference(_restricted(one), _restricted(other)), tolerance)


def _parts(name: str, system: Any) -> tuple[Any, ...]:
    sequence = isinstance(system, (tuple, list))
    if not sequence or len(system) not in (3, 4):
        rule = f"`{name}` must be a tuple (A, B, C) or (A, B, C, D)"
        got = f"{len(system)} entries" if sequence else type(system).__name__
        raise TypeError(f"{rule}; got {got}. Leave D out if there is none.")
    return tuple(system)


def _checked(
    A: Any,
    B: Any,
    C: Any,
    D: Any = None,
) -> Matrices:
    """The four matrices in double precision, once it is known that they fit together."""
    A = numbers("A", A)
    B = numbers("B", B)
    C = numbers("C", C)
    square = A.ndim == 2 and A.shape[0] == A.shape[-1]
    require.shape("A", A.shape, "(N, N)", square)
    N = len(A)
    rule = f"(N,) or (N, M) with N = {N} from `A`"
    fits = B.ndim in (1, 2) and len(B) == N
    require.shape("B", B.shape, rule, fits)
    rule = f"(N,) or (P, N) with N = {N} from `A`"
    fits = C.ndim in (1, 2) and C.shape[-1] == N
    require.shape("C", C.shape, rule, fits)
    B = B[:, None] if B.ndim == 1 else B
    C = np.atleast_2d(C)
    P = len(C)
    M = B.shape[1]
    D = np.zeros((P, M)) if D is None else numbers("D", D)
    rule = f"(P, M) with P = {P} from `C` and M = {M} from `B`"
    number = D.ndim == 0 and P == M == 1
    fits = number or D.shape == (P, M)
    require.shape("D", D.shape, rule, fits)
    return Matrices(A, B, C, D.reshape(P, M))


def _difference(one: Matrices, other: Matrices) -> Matrices:
    """The system of the difference, its states x_1 - x_2 and x_2 where the orders are equal."""
    alike = one.A.shape == other.A.shape
    above = np.zeros((len(one.A), len(other.A)))
    below = np.zeros((len(other.A), len(one.A)))
    B = one.B
    C = -other.C
    if alike:
        above = one.A - other.A
        B = one.B - other.B
        C = one.C - other.C
    return Matrices(
        A=np.block([[one.A, above], [below, other.A]]),
        B=np.concatenate([B, other.B]),
        C=np.concatenate([one.C, C], axis=1),
        D=one.D - other.D,
    )


def _norm(matrices: Matrices, tolerance: float) -> Bounds:
    A = matrices.A
    if matrices.D.size == 0:
        return Bounds(0.0, 0.0, 0.0)
    system, rate, gain = prepared(matrices)
    poles = system.poles
    rounding = eigenvalue_rounding(len(A)) * np.linalg.norm(system.A)
    undamped = poles.real >= -rounding
    if np.any(undamped):
        w = float(poles.imag[np.argmax(poles.real)])
        w = w if np.iscomplexobj(A) else abs(w)
        bounds = Bounds(math.inf, math.inf, w)
    else:
        smaller = _restricted(matrices)
        if len(smaller.A) < len(A):
            return _norm(smaller, tolerance)
        bounds = _bracket(system, tolerance)
    with np.errstate(over="ignore"):
        lower = float(np.ldexp(bounds.lower, gain))
        upper = float(np.ldexp(bounds.upper, gain))
        return Bounds(lower, upper, float(np.ldexp(bounds.at, rate)))


def _restricted(system: Matrices) -> Matrices:
    """The system of the states that have an effect."""
    A, B, C, D = system
    kept = on_a_path(A, B, C)
    return Matrices(A[np.ix_(kept, kept)], B[kept], C[:, kept], D)


def _bracket(system: System, tolerance: float) -> Bounds:
    """The norm of a damped system in balanced units, all of whose states matter."""
    direct = float(np.max(np.abs(system.D)))
    if not (system.B.any() and system.C.any()):
        rounding = max(system.D.shape) * EPS
        return Bounds(direct, direct * (1 + rounding), 0.0)
    w = _first_frequencies(system)
    peaks = climbed(system, w, gains(system, w))
    highest = max(direct, float(np.max(peaks.gain)), EPS)
    top = float(peaks.w[np.argmax(peaks.gain)])
    system = _evened(system, top, highest)
    floor = direct + _least_excess(system, w, direct)
    peaks, last = _raised(system, peaks, floor, tolerance)
    # With x, z the halves of an eigenvector of H(g) for i w, dg/dE = (z, -x)^* E (x, z)/2: E moves
    # the level by at most |E| (|x|^2 + |z|^2)/2 =: d. A peak of height g + h has its eigenvalues
    # where the gain, continued into the complex plane, is g + d' with |d'| <= d; their imaginary
    # parts lie no farther from its top than they do, so the gain there is at least g - d, and for h
    # > d a value between them exceeds g. A peak that was missed is therefore no more than 2 d above
    # some candidate.
    size = float(np.linalg.norm(last.H))
    rounding = eigenvalue_rounding(len(last.H)) * size
    allowed = last.gain + 2 * (rounding * leverage(system, last.w))
    best = float(peaks.w[np.argmax(peaks.gain)])
    lower = solved_gain(system, best)
    if direct > lower:
        lower = direct
        best = math.inf
    upper = max(last.level, lower, float(np.max(allowed)))
    return Bounds(lower, upper, best)


def _first_frequencies(system: System) -> Real:
    """Where the gain may have peaks: above the poles, beside them, and 0."""
    poles = system.poles
    beside = [poles.imag + side * poles.real for side in (-1, 0, 1)]
    w = np.concatenate([[0.0], *beside])
    return np.unique(np.abs(w) if system.real else w)


def _least_excess(
    system: System,
    w: Real,
    direct: float,
) -> float:
    """The least level above |D| whose Hamiltonian matrix still tells the gains apart.

    At the level |D| + h, H holds |B|^2/2h and |C|^2/2h, whose rounding drowns a small h. Returned
    is the h at which the gains of the grid and the allowance of `_bracket` reach the level
    together, h^2 - (gain - |D|) h = rounding (|B|^2 + |C|^2) leverage.
    """
    rounding = eigenvalue_rounding(2 * len(system.A))
    B = np.linalg.norm(system.B)
    C = np.linalg.norm(system.C)
    drive = float(B**2 + C**2)
    excess = gains(system, w) - direct
    allowance = 2 * np.sqrt(rounding * drive * leverage(system, w))
    return float(np.max(excess + np.hypot(excess, allowance))) / 2


def _raised(
    system: System,
    peaks: Peaks,
    floor: float,
    tolerance: float,
) -> tuple[Peaks, _Level]:
    """The level raised over every peak that its candidates find, until they find none above."""
    direct = float(np.max(np.abs(system.D)))
    factor = 1 + max(tolerance, 4 * EPS)
    while True:
        highest = max(direct, float(np.max(peaks.gain)))
        level = max(factor * highest, floor, EPS**2)
        H = _hamiltonian(system, level)
        with converged("A"):
            w = np.linalg.eigvals(H).imag
        w = np.abs(w) if system.real else w
        w = np.unique(np.concatenate([[0.0], peaks.w, w]))
        halfway = (w[1:] + w[:-1]) / 2
        w = np.sort(np.concatenate([w, halfway]))
        found = gains(system, w)
        if np.max(found) <= level:
            return peaks, _Level(level, H, w, found)
        peaks = climbed(system, w, found)


def _evened(
    system: System,
    w: float,
    level: float,
) -> System:
    """The system balanced for H(level), its state in the unit that makes the allowance least at w.

    The allowance is |H| (|x|^2 + |z|^2); the unit is a power of two.
    """
    matrices = Matrices(system.A, system.B, system.C, system.D)
    system = balanced(matrices, level)
    sizes = state_and_costate(system, np.array([w]))
    state, costate = (float(size[0]) for size in sizes)
    A = float(np.linalg.norm(system.A))
    B = float(np.linalg.norm(system.B))
    C = float(np.linalg.norm(system.C))
    unit = 2.0 ** np.arange(-40, 41)
    drive = (B / unit) ** 2 / level
    readout = (C * unit) ** 2 / level
    H = np.sqrt(2 * A**2 + drive**2 + readout**2)
    allowance = H * ((state / unit) ** 2 + (costate * unit) ** 2)
    unit = unit[np.argmin(allowance)]
    return system._replace(
        B=system.B / unit,
        C=system.C * unit,
        TB=system.TB / unit,
        TC=system.TC * unit,
    )


def _hamiltonian(system: System, level: float) -> np.ndarray:
    """H(level), (2N, 2N)."""
    B = system.B
    C = system.C
    d = np.diag(system.D)
    inverse = 1 / ((level - d) * (level + d))
    P, M = system.D.shape
    r = np.full(M, 1 / level)
    s = np.full(P, 1 / level)
    r[: len(d)] = level * inverse
    s[: len(d)] = level * inverse
    fed_back = B[:, : len(d)] * (d * inverse)
    F = system.A + fed_back @ C[: len(d)]
    drive = (B * r) @ B.conj().T
    readout = (C.conj().T * s) @ C
    return np.block([[F, drive], [-readout, -F.conj().T]])
