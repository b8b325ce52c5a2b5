r"""H-infinity norms of linear systems, bounded from both sides.

A grid of frequencies bounds the largest gain sup |C (iw - A)^{-1} B + D| from below and says
nothing of what lies between its points. The level set does: g is a singular value of the response
at w exactly when i w is an eigenvalue of

.. math::  H(g) = \begin{pmatrix} F & g\, B R^{-1} B^* \\ -g\, C^* S^{-1} C & -F^* \end{pmatrix}, \quad
           F = A + B D^* S^{-1} C, \quad R = g^2 - D^* D, \quad S = g^2 - D D^*,

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
import scipy.linalg

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.bounds import Bounds
from ..ground.formats import EPS
from . import shifted
from .gate import numbers
from .units import eigenvalue_rounding, exponent_of, times_power


class _System(NamedTuple):
    """Scaled and balanced, with D rectangular diagonal, and its rotation to complex Schur form T,
    TB, TC.
    """

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    D: np.ndarray
    T: Complex
    TB: Complex
    TC: Complex


def hinf(
    A: Array, B: Array, C: Array, D: Array | float | None = None, *, tolerance: float = 1e-6
) -> Bounds:
    r"""The H-infinity norm of the system (A, B, C, D): its largest gain at any frequency, from
    below and above.

    .. math::  \sup_{w \in \mathbb{R} \cup \{\infty\}} \sigma_{\max}\bigl(C (i w - A)^{-1} B + D\bigr).

    A (N, N), B (N, M) or (N,), C (P, N) or (N,), D (P, M), a number where P = M = 1, or nothing;
    real or complex host arrays, N may be 0. `lower` is attained at the frequency `at`: at or above zero
    for real data, of either sign for complex, inf where only D reaches it. Both bounds are inf
    where A has an eigenvalue with Re >= -4 sqrt(N) eps |A|_F, A balanced, and `at` is that
    eigenvalue's: it may be damped, but double precision cannot tell. B and C need not see it:
    uncontrollable modes count. Without inputs or outputs the norm is 0.

    Accuracy: `lower` carries the rounding of one linear solve. `upper` is (1 + tolerance) `lower`
    unless rounding forbids: the eigenvalues of H are those of some H + E, which moves the level by
    up to |E| (|x|^2 + |z|^2)/2, where x = (iw - A)^{-1} B u and z = (iw - A)^{-*} C^* v are state
    and costate at the singular vectors u, v of the gain. Twice that, with
    |E| = 4 sqrt(2N) eps |H|_F, is included in `upper`: a bound to first order in eps, on a measured |E|. It shows where poles
    are within 1e-9 |A| of the axis or time scales 1e9 apart, where the gain is |D| at all frequencies (1e-5 for `lagt` of
    order 64), and where a gain is nothing but cancellation: there `upper` is about sqrt(eps |B| |C| |x| |z|).

    Raises TypeError for what is no float array on the host; ValueError for shapes that do not fit,
    NaN and infinities, and a tolerance that is not positive. Cost: the Schur form of A, twice, the
    eigenvalues of one to three matrices of order 2N, all real for real data, and O(N) triangular
    solves; with several inputs and outputs as many small singular value decompositions.

    Sources: Boyd & Balakrishnan 1990 and Bruinsma & Steinbuch 1990 for the iteration; derived here:
    candidates and allowance.

    >>> import numpy as np
    >>> zeta = 0.1  # peak 1/(2 zeta sqrt(1 - zeta^2)) at w = sqrt(1 - 2 zeta^2)
    >>> norm = hinf(np.array([[0.0, 1.0], [-1.0, -2 * zeta]]), np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    >>> round(norm.lower, 5), round(norm.at, 5), norm.upper < norm.lower * (1 + 2e-6)
    (5.02519, 0.98995, True)
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    return _norm(*_checked(A, B, C, D), tolerance)


def hinf_distance(first: Any, second: Any, *, tolerance: float = 1e-6) -> Bounds:
    r"""The H-infinity norm of the difference of two systems (A, B, C) or (A, B, C, D) with as many
    inputs and outputs.

    .. math::  \sup_w \sigma_{\max}\bigl(G_1(i w) - G_2(i w)\bigr).

    As `hinf`, of order N1 + N2. Where N1 = N2 the states are (x_1 - x_2, x_2), which are driven and
    read by A_1 - A_2, B_1 - B_2 and C_1 - C_2: so close neighbours in one basis lose no digits by
    cancellation, and equal ones are at distance 0.

    Raises what `hinf` raises, ValueError also for numbers of inputs or outputs that differ.

    >>> import numpy as np
    >>> from ssmlinalg import hippo
    >>> A, B, P = hippo.legs(8)
    >>> distance = hinf_distance((A, B, np.eye(8)), (A + 0.2 * P @ P.T, 0.9 * B, np.eye(8)))
    >>> round(distance.lower, 4), distance.upper < distance.lower * (1 + 2e-6)
    (0.056, True)
    """
    tolerance = require.real("tolerance", tolerance, above=0)
    A1, B1, C1, D1 = _checked(*_parts("first", first))
    A2, B2, C2, D2 = _checked(*_parts("second", second))
    if D1.shape != D2.shape:
        got = f"{D1.shape[::-1]} and {D2.shape[::-1]}"
        raise ValueError(
            f"both systems must have as many inputs and outputs; got {got}. Give the missing ones zeros."
        )
    alike = A1.shape == A2.shape
    A = np.block(
        [
            [A1, A1 - A2 if alike else np.zeros((len(A1), len(A2)))],
            [np.zeros((len(A2), len(A1))), A2],
        ]
    )
    B = np.concatenate([B1 - B2 if alike else B1, B2])
    C = np.concatenate([C1, C1 - C2 if alike else -C2], axis=1)
    return _norm(A, B, C, D1 - D2, tolerance)


def _parts(name: str, system: Any) -> tuple[Any, ...]:
    if not isinstance(system, (tuple, list)) or len(system) not in (3, 4):
        got = (
            f"{len(system)} entries" if isinstance(system, (tuple, list)) else type(system).__name__
        )
        raise TypeError(
            f"`{name}` must be a tuple (A, B, C) or (A, B, C, D); got {got}. Leave D out if there is none."
        )
    return tuple(system)


def _checked(
    A: Any, B: Any, C: Any, D: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The four matrices in double precision, once they are known to fit together."""
    A = numbers("A", A)
    B = numbers("B", B)
    C = numbers("C", C)
    require.shape("A", A.shape, "(N, N)", A.ndim == 2 and A.shape[0] == A.shape[-1])
    N = len(A)
    require.shape(
        "B", B.shape, f"(N,) or (N, M) with N = {N} from `A`", B.ndim in (1, 2) and len(B) == N
    )
    require.shape(
        "C", C.shape, f"(N,) or (P, N) with N = {N} from `A`", C.ndim in (1, 2) and C.shape[-1] == N
    )
    B, C = B[:, None] if B.ndim == 1 else B, np.atleast_2d(C)
    P, M = len(C), B.shape[1]
    D = np.zeros((P, M)) if D is None else numbers("D", D)
    rule = f"(P, M) with P = {P} from `C` and M = {M} from `B`"
    require.shape("D", D.shape, rule, D.shape == (P, M) or (D.ndim == 0 and P == M == 1))
    return A, B, C, D.reshape(P, M)


def _norm(A: np.ndarray, B: np.ndarray, C: np.ndarray, D: np.ndarray, tolerance: float) -> Bounds:
    if D.size == 0:
        return Bounds(0.0, 0.0, 0.0)
    system, rate, gain = _scaled(A, B, C, D)
    poles = np.diag(system.T)
    undamped = poles.real >= -eigenvalue_rounding(len(A)) * np.linalg.norm(system.A)
    if np.any(undamped):
        w = float(poles.imag[np.argmax(poles.real)])
        bounds, w = (math.inf, math.inf), w if np.iscomplexobj(A) else abs(w)
    else:
        kept = _connected(A, B, C)
        if not np.all(kept):
            return _norm(A[np.ix_(kept, kept)], B[kept], C[:, kept], D, tolerance)
        *bounds, w = _bracket(system, tolerance)
    with np.errstate(over="ignore"):
        lower, upper = np.ldexp(bounds, gain)
        return Bounds(float(lower), float(upper), float(np.ldexp(w, rate)))


def _connected(A: np.ndarray, B: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The states (N,) on some path of nonzero entries from an input to an output; the others are
    exactly without effect.
    """
    driven, seen = np.any(B != 0, axis=1), np.any(C != 0, axis=0)
    for _ in range(len(A)):
        further = driven | np.any(A[:, driven] != 0, axis=1), seen | np.any(A[seen] != 0, axis=0)
        if np.array_equal(further, (driven, seen)):
            break
        driven, seen = further
    return driven & seen


def _bracket(system: _System, tolerance: float) -> Bounds:
    direct = float(np.max(np.abs(system.D)))
    if not (system.B.any() and system.C.any()):
        return Bounds(direct, direct * (1 + max(system.D.shape) * EPS), 0.0)
    real = not any(np.iscomplexobj(array) for array in system[:4])
    poles = np.diag(system.T)
    w = np.concatenate([[0.0], *(poles.imag + side * poles.real for side in (-1, 0, 1))])
    w = np.unique(np.abs(w) if real else w)
    peaks, gains = _climb(system, w, _gains(system, w))
    system = _evened(system, float(peaks[np.argmax(gains)]), max(direct, float(np.max(gains)), EPS))
    rounding = eigenvalue_rounding(2 * len(poles))
    # At the level |D| + h, H holds |B|^2/2h and |C|^2/2h, whose rounding drowns a small h: `least`
    # is the h at which the gains of the grid and the allowance below reach the level together, h^2
    # - (gain - |D|) h = rounding (|B|^2 + |C|^2) leverage.
    drive = float(np.linalg.norm(system.B) ** 2 + np.linalg.norm(system.C) ** 2)
    excess = _gains(system, w) - direct
    least = (
        float(
            np.max(excess + np.hypot(excess, 2 * np.sqrt(rounding * drive * _leverage(system, w))))
        )
        / 2
    )
    while True:
        level = max(
            (1 + max(tolerance, 4 * EPS)) * max(direct, float(np.max(gains))),
            direct + least,
            EPS**2,
        )
        H = _hamiltonian(system, level)
        w = np.linalg.eigvals(H).imag
        w = np.unique(np.concatenate([[0.0], peaks, np.abs(w) if real else w]))
        w = np.sort(np.concatenate([w, (w[1:] + w[:-1]) / 2]))
        seen = _gains(system, w)
        if np.max(seen) <= level:
            break
        peaks, gains = _climb(system, w, seen)
    # With x, z the halves of an eigenvector of H(g) for i w, dg/dE = (z, -x)^* E (x, z)/2: E moves
    # the level by at most |E| (|x|^2 + |z|^2)/2 =: d. A peak of height g + h has its eigenvalues
    # where the gain, continued into the complex plane, is g + d' with |d'| <= d; their imaginary
    # parts lie no farther from its top than they do, so the gain there is at least g - d, and for h
    # > d a value between them exceeds g. A peak that was missed is therefore no more than 2 d above
    # some candidate.
    move = rounding * float(np.linalg.norm(H)) * _leverage(system, w)
    best = int(np.argmax(gains))
    lower, frequency = _dense_gain(system, float(peaks[best])), float(peaks[best])
    if direct > lower:
        lower, frequency = direct, math.inf
    return Bounds(lower, max(level, lower, float(np.max(seen + 2 * move))), frequency)


def _evened(system: _System, w: float, level: float) -> _System:
    """The system balanced for H(level), its state in the unit, a power of two, that makes |H|
    (|x|^2 + |z|^2) least at w.
    """
    system = _balanced(*system[:4], level)
    state, costate = (float(size[0]) for size in _state_and_costate(system, np.array([w])))
    A, B, C = (float(np.linalg.norm(X)) for X in system[:3])
    unit = 2.0 ** np.arange(-40, 41)
    H = np.sqrt(2 * A**2 + ((B / unit) ** 2 / level) ** 2 + ((C * unit) ** 2 / level) ** 2)
    unit = unit[np.argmin(H * ((state / unit) ** 2 + (costate * unit) ** 2))]
    return system._replace(
        B=system.B / unit, C=system.C * unit, TB=system.TB / unit, TC=system.TC * unit
    )


def _scaled(A: np.ndarray, B: np.ndarray, C: np.ndarray, D: np.ndarray) -> tuple[_System, int, int]:
    """The system in Schur form, in units of time and gain that are powers of two: w = 2^rate w',
    |G| = 2^gain |G'|.
    """
    N, P, M = len(A), *D.shape
    rate, drive, view, direct = (exponent_of(X) for X in (A, B, C, D))
    through = drive + view - rate
    if not (B.any() and C.any()):
        through = direct
    elif not D.any():
        direct = through
    gain = max(through, direct)
    A, B, C, D = (
        times_power(A, -rate),
        times_power(B, -drive),
        times_power(times_power(C, -view), through - gain),
        times_power(D, -gain),
    )
    if P > N + M:  # rotations of inputs and outputs leave the gain alone
        C, D = np.split(np.linalg.qr(np.concatenate([C, D], axis=1), mode="r"), [N], axis=1)
    if N + len(D) < M:
        B, D = (
            X.conj().T
            for X in np.split(np.linalg.qr(np.concatenate([B, D]).conj().T, mode="r"), [N], axis=1)
        )
    diagonal = np.zeros(D.shape)
    if D.any():
        U, d, Vh = np.linalg.svd(D)
        B, C = B @ Vh.conj().T, U.conj().T @ C
        np.fill_diagonal(diagonal, d)
    return _balanced(A, B, C, diagonal, 1.0), rate, gain


def _balanced(A: np.ndarray, B: np.ndarray, C: np.ndarray, D: Real, level: float) -> _System:
    """With states in units, powers of two, that even out the loop from the output over 1/level to
    the input and the states.
    """
    N = len(A)
    loop = np.zeros((N + 1, N + 1))
    loop[:N, :N], loop[:N, N], loop[N, :N] = (
        np.abs(A),
        np.linalg.norm(B, axis=1) / level,
        np.linalg.norm(C, axis=0),
    )
    (gebal,) = scipy.linalg.get_lapack_funcs(("gebal",), (loop,))
    scale = np.log2(gebal(loop, scale=1, permute=0)[3])
    scale = np.exp2(
        np.clip(scale[:N] - scale[N], -100, 100)
    )  # states on no loop would be scaled on and on
    A, B, C = A / scale[:, None] * scale, B / scale[:, None], C * scale
    T, Q = shifted.triangular(A)
    return _System(A, B, C, D, T, Q.conj().T @ B, C @ Q)


def _hamiltonian(system: _System, level: float) -> np.ndarray:
    A, B, C, D = system[:4]
    d = np.diag(D)
    inverse = 1 / ((level - d) * (level + d))
    r, s = (np.full(size, 1 / level) for size in D.shape[::-1])
    r[: len(d)] = s[: len(d)] = level * inverse
    loop = A + (B[:, : len(d)] * (d * inverse)) @ C[: len(d)]
    return np.block([[loop, (B * r) @ B.conj().T], [-(C.conj().T * s) @ C, -loop.conj().T]])


def _climb(system: _System, w: Real, gains: Real) -> tuple[Real, Real]:
    """The highest points near the four highest peaks of `gains` over the grid w, rising, and the
    gains there.
    """
    around = np.concatenate([[-np.inf], gains, [-np.inf]])
    tops = np.flatnonzero((around[1:-1] >= around[:-2]) & (around[1:-1] >= around[2:]))
    tops = tops[np.argsort(-gains[tops], kind="stable")[:4]]
    w_top, best = w[tops], gains[tops]
    left, right = w[np.maximum(tops - 1, 0)], w[np.minimum(tops + 1, len(w) - 1)]
    for _ in range(12):
        near = np.linspace(left, right, 17, axis=-1)
        found = _gains(system, near.ravel()).reshape(near.shape)
        peak = np.argmax(found, axis=-1)
        row = np.arange(len(tops))
        higher = found[row, peak] > best
        w_top, best = (
            np.where(higher, near[row, peak], w_top),
            np.where(higher, found[row, peak], best),
        )
        half = (right - left) / 16
        left, right = np.maximum(w_top - half, left), np.minimum(w_top + half, right)
    return w_top, best


def _gains(system: _System, w: Real) -> Real:
    """sigma_max(G(iw)) for each w (F,)."""
    parts = np.array_split(w, 1 + system.TB.size * len(w) // 2**21)
    return np.concatenate([_largest(_response(system, part)[1]) for part in parts])


def _largest(G: Complex) -> Real:
    return np.linalg.norm(G, axis=(1, 2)) if 1 in G.shape[1:] else np.linalg.norm(G, 2, axis=(1, 2))


def _response(system: _System, w: Real) -> tuple[Complex, Complex]:
    """The states (N, M, F) that each input drives at each frequency, and the response (F, P, M)."""
    B = np.repeat(system.TB[:, :, None], len(w), axis=2)
    X = shifted.solve(system.T, B, 1j * w)
    G = np.tensordot(system.TC, X, axes=1) + system.D[:, :, None]
    return X, np.moveaxis(G, -1, 0)


def _leverage(system: _System, w: Real) -> Real:
    """(|x|^2 + |z|^2)/2 for each w (F,)."""
    parts = np.array_split(w, 1 + system.TB.size * len(w) // 2**21)
    return (
        np.concatenate(
            [np.sum(np.square(_state_and_costate(system, part)), axis=0) for part in parts]
        )
        / 2
    )


def _state_and_costate(system: _System, w: Real) -> tuple[Real, Real]:
    """|x| and |z| for each w (F,), x = (iw - A)^{-1} B u and z = (iw - A)^{-*} C^* v where G u = |G| v."""
    X, G = _response(system, w)
    U, _, Vh = np.linalg.svd(G, full_matrices=False)
    x = np.einsum("nmf,fm->nf", X, Vh[:, 0].conj())
    v = system.TC.conj().T @ U[:, :, 0].T
    z = shifted.solve_adjoint(system.T, v, 1j * w)
    return np.linalg.norm(x, axis=0), np.linalg.norm(z, axis=0)


def _dense_gain(system: _System, w: float) -> float:
    """The gain at one frequency without the detour over the Schur form."""
    A, B, C, D = system[:4]
    return float(_largest((C @ np.linalg.solve(1j * w * np.eye(len(A)) - A, B) + D)[None])[0])
