r"""The gain of a linear system over frequency, evaluated in triangular form.

A system (A, B, C, D) is brought into units of time and gain that are powers of two, its states are
balanced, D becomes rectangular diagonal, and A triangular. After that a gain costs one triangular
solve, for many frequencies at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..ground.backend import Complex, Real
from . import shifted
from .scaling import exponent_of, times_power

_BLOCK = 2**21  # entries of the states at all frequencies that are solved for at once
_PEAKS = 4  # of a grid, climbed
_CLIMBS = 12  # each on an eighth of the interval of the one before
_LIMIT = 100  # of the exponent of a unit: states on no loop would be scaled on and on


class Matrices(NamedTuple):
    """A system: A (N, N), B (N, M), C (P, N), D (P, M)."""

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    D: np.ndarray


class System(NamedTuple):
    """A system in balanced units, and its triangular form.

    Attributes:
        A: (N, N).
        B: (N, M).
        C: (P, N).
        D: rectangular diagonal, (P, M).
        T: A in triangular form, Q^* A Q, (N, N).
        TB: Q^* B, (N, M).
        TC: C Q, (P, N).
    """

    A: np.ndarray
    B: np.ndarray
    C: np.ndarray
    D: np.ndarray
    T: Complex
    TB: Complex
    TC: Complex

    @property
    def real(self) -> bool:
        """Whether the gains at w and -w are equal."""
        parts = (self.A, self.B, self.C, self.D)
        return not any(np.iscomplexobj(part) for part in parts)

    @property
    def poles(self) -> Complex:
        """The eigenvalues of A, (N,)."""
        return np.diag(self.T)


class Peaks(NamedTuple):
    """The highest points found: frequencies `w` (K,) and the `gain` (K,) at each."""

    w: Real
    gain: Real


def prepared(system: Matrices) -> tuple[System, int, int]:
    """The system in balanced units, `rate` and `gain`: w = 2^rate w' and |G| = 2^gain |G'|."""
    unit, rate, gain = _in_units(system)
    return balanced(_diagonalized(_compressed(unit)), 1.0), rate, gain


def balanced(system: Matrices, level: float) -> System:
    """The states in units that even out the loop through the output over `level` to the input.

    The units are powers of two, so nothing is rounded.
    """
    A, B, C, D = system
    N = len(A)
    loop = np.zeros((N + 1, N + 1))
    loop[:N, :N] = np.abs(A)
    loop[:N, N] = np.linalg.norm(B, axis=1) / level
    loop[N, :N] = np.linalg.norm(C, axis=0)
    (gebal,) = scipy.linalg.get_lapack_funcs(("gebal",), (loop,))
    exponent = np.log2(gebal(loop, scale=1, permute=0)[3])
    relative = exponent[:N] - exponent[N]
    unit = np.exp2(np.clip(relative, -_LIMIT, _LIMIT))
    A = A / unit[:, None] * unit
    B = B / unit[:, None]
    C = C * unit
    T, Q = shifted.triangular(A)
    return System(
        A=A,
        B=B,
        C=C,
        D=D,
        T=T,
        TB=Q.conj().T @ B,
        TC=C @ Q,
    )


def gains(system: System, w: Real) -> Real:
    """sigma_max(G(iw)) for each w (F,)."""
    responses = (_response(system, part)[1] for part in _parts(system, w))
    found = [_largest_singular(G) for G in responses]
    return np.concatenate(found)


def solved_gain(system: System, w: float) -> float:
    """The gain at one frequency without the detour over the triangular form."""
    A = system.A
    moved = 1j * w * np.eye(len(A)) - A
    G = system.C @ np.linalg.solve(moved, system.B) + system.D
    return float(_largest_singular(G[None])[0])


def leverage(system: System, w: Real) -> Real:
    """(|x|^2 + |z|^2)/2 for each w (F,), state and costate as in `state_and_costate`."""
    sizes = [state_and_costate(system, part) for part in _parts(system, w)]
    squares = [np.sum(np.square(both), axis=0) for both in sizes]
    return np.concatenate(squares) / 2


def state_and_costate(system: System, w: Real) -> tuple[Real, Real]:
    """|x| and |z| for each w (F,).

    x = (iw - A)^{-1} B u and z = (iw - A)^{-*} C^* v where G u = |G| v.
    """
    X, G = _response(system, w)
    U, _, Vh = np.linalg.svd(G, full_matrices=False)
    x = np.einsum("nmf,fm->nf", X, Vh[:, 0].conj())
    v = system.TC.conj().T @ U[:, :, 0].T
    z = shifted.solve_adjoint(system.T, v, 1j * w)
    state = np.linalg.norm(x, axis=0)
    costate = np.linalg.norm(z, axis=0)
    return state, costate


def climbed(
    system: System,
    w: Real,
    found: Real,
) -> Peaks:
    """The highest points near the four highest peaks of gains `found` over a rising w (F,)."""
    around = np.concatenate([[-np.inf], found, [-np.inf]])
    above_left = around[1:-1] >= around[:-2]
    above_right = around[1:-1] >= around[2:]
    tops = np.flatnonzero(above_left & above_right)
    tops = tops[np.argsort(-found[tops], kind="stable")[:_PEAKS]]
    top = w[tops]
    best = found[tops]
    left = w[np.maximum(tops - 1, 0)]
    right = w[np.minimum(tops + 1, len(w) - 1)]
    row = np.arange(len(tops))
    for _ in range(_CLIMBS):
        near = np.linspace(left, right, 17, axis=-1)
        values = gains(system, near.ravel()).reshape(near.shape)
        peak = np.argmax(values, axis=-1)
        higher = values[row, peak] > best
        top = np.where(higher, near[row, peak], top)
        best = np.where(higher, values[row, peak], best)
        half = (right - left) / 16
        left = np.maximum(top - half, left)
        right = np.minimum(top + half, right)
    return Peaks(top, best)


def _in_units(system: Matrices) -> tuple[Matrices, int, int]:
    """The system with entries below 1, and the exponents of its units of rate and gain."""
    A, B, C, D = system
    rate = exponent_of(A)
    drive = exponent_of(B)
    view = exponent_of(C)
    direct = exponent_of(D)
    through = drive + view - rate
    if not (B.any() and C.any()):
        through = direct
    elif not D.any():
        direct = through
    gain = max(through, direct)
    unit = Matrices(
        A=times_power(A, -rate),
        B=times_power(B, -drive),
        C=times_power(times_power(C, -view), through - gain),
        D=times_power(D, -gain),
    )
    return unit, rate, gain


def _compressed(system: Matrices) -> Matrices:
    """At most N more outputs than inputs and the reverse: rotations leave the gain alone."""
    A, B, C, D = system
    N = len(A)
    if len(C) > N + B.shape[1]:
        outputs = np.concatenate([C, D], axis=1)
        R: Any = np.linalg.qr(outputs, mode="r")
        C, D = np.split(R, [N], axis=1)
    if B.shape[1] > N + len(D):
        inputs = np.concatenate([B, D]).conj().T
        R: Any = np.linalg.qr(inputs, mode="r")
        B, D = np.split(R.conj().T, [N])
    return Matrices(A, B, C, D)


def _diagonalized(system: Matrices) -> Matrices:
    """Inputs and outputs rotated so that D is rectangular diagonal."""
    A, B, C, D = system
    diagonal = np.zeros(D.shape)
    if D.any():
        U, d, Vh = np.linalg.svd(D)
        B = B @ Vh.conj().T
        C = U.conj().T @ C
        np.fill_diagonal(diagonal, d)
    return Matrices(A, B, C, diagonal)


def _parts(system: System, w: Real) -> list[Real]:
    """The frequencies, so many at a time as memory allows."""
    return np.array_split(w, 1 + system.TB.size * len(w) // _BLOCK)


def _response(system: System, w: Real) -> tuple[Complex, Complex]:
    """The states (N, M, F) that each input drives at each frequency, and G (F, P, M)."""
    B = np.repeat(system.TB[:, :, None], len(w), axis=2)
    X = shifted.solve(system.T, B, 1j * w)
    through = np.tensordot(system.TC, X, axes=1)
    G = through + system.D[:, :, None]
    return X, np.moveaxis(G, -1, 0)


def _largest_singular(G: Complex) -> Real:
    """sigma_max of each G (F, P, M)."""
    if 1 in G.shape[1:]:
        return np.linalg.norm(G, axis=(1, 2))
    return np.linalg.norm(G, 2, axis=(1, 2))
