"""State space realizations: a form of any kind as matrices A, B, C and D on the host.

Norms and Gramians are computed from these. Functions that say "one system" take a member without
batch axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from .. import forms
from ..forms import NPLR, Delayed
from ..ground import backend, require
from ..ground.backend import Array
from ..matrices.connections import on_a_path
from ..matrices.eigen import eigenvalue_rounding
from ..matrices.scaling import exponent_of, in_units, times_power


class Realization(NamedTuple):
    """Matrices in double precision with the axes of inputs and outputs: y = Re(C x) + D u.

    In continuous time x' = A x + B u. In discrete time x_l = A x_{l-1} + B u_l, and the output
    reads the state before the newest sample, y_l = Re(C x_{l-1}) + D u_l.

    Attributes:
        A: (..., N, N), or its eigenvalues (..., N) where it is diagonal.
        B: (..., N, M).
        C: (..., P, N).
        D: (..., P, M), real.
        discrete: whether time is discrete.
    """

    A: Array
    B: Array
    C: Array
    D: Array
    discrete: bool

    @property
    def batch(self) -> tuple[int, ...]:
        """The batch axes, which all matrices share."""
        return self.B.shape[:-2]

    @property
    def modal(self) -> bool:
        """Whether A is given by its eigenvalues."""
        return self.A.ndim < self.B.ndim


class Units(NamedTuple):
    """Exponents of the units of a system: A = 2^rate A', B = 2^drive B', C = 2^readout C'.

    `state` (N,) has those of the states of the first system, x = 2^state x', 0 for modes.
    """

    rate: int
    drive: int
    readout: int
    state: np.ndarray

    @property
    def gain(self) -> int:
        """The exponent of C A^{-1} B."""
        return self.drive + self.readout - self.rate


def on_host(form: Any) -> Any:
    """The form of any library, checked, as NumPy arrays in double precision.

    Raises what `forms.check` and `forms.move` raise.
    """
    return forms.check(forms.move(form, "numpy", dtype="float64"))  # now values can be looked at


def realize(form: Any) -> Realization:
    """The realization of a form of any library that has an output.

    Raises TypeError for `NPLR`, and what `on_host` and `realization` raise.
    """
    if isinstance(form, NPLR):
        remedy = "Turn it into a system with forms.to_dense, and replace C there."
        raise TypeError(f"`form` must have an output; got NPLR, which has none. {remedy}")
    return realization(on_host(form))


def realization(form: Any) -> Realization:
    """The realization of a form that `on_host` has returned; `NPLR` reads its first coefficient.

    Raises ValueError if it overflows.
    """
    plain = forms.plain(form)
    known = forms.kind(plain)
    with np.errstate(over="ignore", invalid="ignore"):
        A, B, C, D = forms.view(plain)
        if not known.continuous and not isinstance(form, Delayed):  # A x_{l-1} + B u_l is read
            D = D + np.real(C @ B)
            C = C @ A if known.matrix else C * A[..., None, :]
    for name, matrix in {"A": A, "B": B, "C": C, "D": D}.items():
        if not require.all_finite(matrix):
            rule = f"`{name}` of the form's realization must fit double precision"
            remedy = "Scale the form's numbers by powers of two."
            raise ValueError(f"{rule}; got one that overflows. {remedy}")
    core = A.shape[-2:] if known.matrix else A.shape[-1:]
    batch = shared_axes((A, len(core)), (B, 2), (C, 2), (D, 2))
    return Realization(
        A=np.broadcast_to(A, batch + core),
        B=np.broadcast_to(B, batch + B.shape[-2:]),
        C=np.broadcast_to(C, batch + C.shape[-2:]),
        D=np.broadcast_to(D, batch + D.shape[-2:]),
        discrete=not known.continuous,
    )


def shared_axes(*arrays: tuple[Array, int]) -> tuple[int, ...]:
    """The leading axes to which arrays broadcast, each given beside the number of its core axes."""
    leads = [array.shape[: len(array.shape) - core] for array, core in arrays]
    return np.broadcast_shapes(*map(tuple, leads))


def over_members(function: Callable[..., Any], *systems: Realization) -> Any:
    """`function` of every member of the batch, stacked: arrays of the batch axes and its own.

    A function that returns a tuple makes a tuple of arrays; numbers of a system without batch axes
    are Python numbers. Several systems have batch axes that broadcast against each other.
    """
    batch = np.broadcast_shapes(*(system.batch for system in systems))
    if 0 in batch:
        remedy = "Give at least one system."
        raise ValueError(f"batch axes must not be empty; got shape {batch}. {remedy}")
    members = zip(*(_members(system, batch) for system in systems), strict=True)
    results = [function(*together) for together in members]
    if isinstance(results[0], tuple):
        return tuple(_stacked(parts, batch) for parts in zip(*results, strict=True))
    return _stacked(results, batch)


def _members(system: Realization, batch: tuple[int, ...]) -> Iterator[Realization]:
    lead = len(system.batch)
    matrices = system.A, system.B, system.C, system.D
    whole = [np.broadcast_to(X, batch + X.shape[lead:]) for X in matrices]
    for index in np.ndindex(batch):
        A, B, C, D = (X[index] for X in whole)
        yield Realization(A, B, C, D, system.discrete)


def _stacked(parts: Any, batch: tuple[int, ...]) -> Any:
    arrays = [np.asarray(part) for part in parts]
    stack = np.stack(arrays).reshape(batch + arrays[0].shape)
    return stack if stack.ndim else stack.item()


def with_a_part(system: Realization) -> np.ndarray:
    """Which states (N,) of one system have a part in its transfer function.

    A mode has none where its row of B or its column of C is zero, a state of a matrix where it lies
    on no path of nonzero entries from an input to an output.
    """
    A, B, C = system[:3]
    if system.modal:
        return np.any(B != 0, axis=1) & np.any(C != 0, axis=0)
    return on_a_path(A, B, C)


def transferred(system: Realization) -> Realization:
    """One system without the states that have no part in its transfer function.

    If no state is left, one at rest is.
    """
    A, B, C = system[:3]
    kept = with_a_part(system)
    if np.all(kept):
        return system
    if not np.any(kept):
        A = np.full(A[:1].shape if system.modal else (1, 1), system.discrete - 1.0)
        return system._replace(A=A, B=0 * B[:1], C=0 * C[:, :1])
    A = A[kept] if system.modal else A[np.ix_(kept, kept)]
    return system._replace(A=A, B=B[kept], C=C[:, kept])


def scaled(*systems: Realization) -> tuple[tuple[Realization, ...], Units]:
    """Systems, one member each, in common units that bring A, B and C to about 1, and the units.

    The states of a matrix are balanced, of several of one order in common units. Rate and drive +
    readout are even, so that their roots are powers of two as well. In discrete time, which has a
    unit of its own, rate is 0. Raises ValueError for modes so far apart that no unit suits both.
    """
    systems, state = _balanced(systems)
    rate = max(exponent_of(system.A) for system in systems)
    drive = max(exponent_of(system.B) for system in systems)
    readout = max(exponent_of(system.C) for system in systems)
    units = Units(
        rate=0 if systems[0].discrete else rate + rate % 2,
        drive=drive,
        readout=readout + (drive + readout) % 2,
        state=state,
    )
    return tuple(_in_units(system, units) for system in systems), units


def _balanced(systems: tuple[Realization, ...]) -> tuple[tuple[Realization, ...], np.ndarray]:
    """The systems with balanced states, and the exponents of the units of those of the first.

    First A alone, which sets its size, then the loop (A B; C 0) with B and C as large as A: it
    tells how parts of A that do not feed each other are weighed.
    """
    total = [np.zeros(system.B.shape[-2], int) for system in systems]
    if any(system.modal for system in systems):
        return systems, total[0]
    for ports in (0.0, 1.0):
        loops = [_loop(system, ports) for system in systems]
        if len({len(loop) for loop in loops}) == 1:
            loops = [np.sum(loops, axis=0)] * len(loops)
        units = [backend.balance(loop).astype(int) for loop in loops]
        units = [unit[:-1] - unit[-1] for unit in units]
        systems = tuple(map(_with_states_in, systems, units))
        total = [done + unit for done, unit in zip(total, units, strict=True)]
    return systems, total[0]


def _loop(system: Realization, ports: float) -> np.ndarray:
    """The absolute values of (A B; C 0), A below 1, B and C below `ports`.

    All inputs, and all outputs, are taken together.
    """
    A, B, C = (np.abs(in_units(X)[0]) for X in (system.A, system.B, system.C))
    B *= ports
    C *= ports
    top = np.concatenate([A, np.max(B, axis=1, keepdims=True)], axis=1)
    below = np.append(np.max(C, axis=0), 0.0)
    return np.concatenate([top, below[None]])


def _with_states_in(system: Realization, units: np.ndarray) -> Realization:
    return system._replace(
        A=times_power(system.A, units - units[:, None]),
        B=times_power(system.B, -units[:, None]),
        C=times_power(system.C, units),
    )


def _in_units(system: Realization, units: Units) -> Realization:
    A = times_power(system.A, -units.rate)
    damping = np.abs(np.real(system.A))
    lost = (damping > 0) & (np.real(A) == 0)
    if system.modal and np.any(lost):
        slowest = np.min(damping)
        fastest = np.max(np.abs(system.A))
        got = f"one of Re {slowest:.3g} beside one of size {fastest:.3g}"
        rule = "modes must lie within the range of a double of each other"
        raise ValueError(f"{rule}; got {got}. Remove the slowest.")
    B = times_power(system.B, -units.drive)
    C = times_power(system.C, -units.readout)
    return system._replace(A=A, B=B, C=C)


def unscaled(value: Any, exponent: int) -> Any:
    """2^exponent value, inf where that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(value, exponent)


def fitted(array: np.ndarray, exponent: int | np.ndarray) -> np.ndarray:
    """2^exponent array. Raises ValueError if that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        array = times_power(array, exponent)
    if not require.all_finite(array):
        rule = "the result must fit double precision; got more than float64 can hold"
        raise ValueError(f"{rule}. Scale B and C down, or the time up.")
    return array


def is_real(system: Realization) -> bool:
    """Whether A, B and C hold real numbers."""
    return not any(np.iscomplexobj(X) for X in (system.A, system.B, system.C))


def real_blocks(system: Realization) -> Realization:
    """One system with real matrices: its state is (Re x, Im x) where the given one is complex."""
    A: Array = np.diag(system.A) if system.modal else system.A
    if is_real(system):
        return system._replace(A=A)
    top = np.concatenate([A.real, -A.imag], axis=1)
    bottom = np.concatenate([A.imag, A.real], axis=1)
    return system._replace(
        A=np.concatenate([top, bottom]),
        B=np.concatenate([system.B.real, system.B.imag]),
        C=np.concatenate([system.C.real, -system.C.imag], axis=1),
    )


def with_conjugates(system: Realization) -> Realization:
    """One system with the state (x, conj(x)) where it is complex, so that C x + D u is real."""
    if is_real(system):
        return system
    A = system.A
    if system.modal:
        both: Array = np.concatenate([A, A.conj()])
    else:
        both = np.asarray(scipy.linalg.block_diag(A, A.conj()))
    return system._replace(
        A=both,
        B=np.concatenate([system.B, system.B.conj()]),
        C=np.concatenate([system.C, system.C.conj()], axis=1) / 2,
    )


def undamped(system: Realization) -> complex | None:
    """The least damped eigenvalue of one system, if rounding cannot tell that it is damped.

    Modes and triangular matrices show their eigenvalues. Those of another matrix are known to
    4 sqrt(N) eps |A|_F.
    """
    A = system.A
    margin = 0.0
    if system.modal:
        poles: Array = A
    elif not np.any(np.tril(A, -1)) or not np.any(np.triu(A, 1)):
        poles = np.diag(A)
    else:
        poles = np.linalg.eigvals(A)
        with np.errstate(over="ignore"):  # beyond 1e154 no eigenvalue is known to be damped
            margin = eigenvalue_rounding(len(A)) * float(np.linalg.norm(A))
    growth = np.abs(poles) - 1 if system.discrete else poles.real
    if np.all(growth < -margin):
        return None
    return complex(poles[np.argmax(growth)])


def continuous(system: Realization) -> Realization:
    """The continuous system with the same gains and Gramians as one system, z = (1 + s)/(1 - s)."""
    if not system.discrete:
        return system
    return _modes_continued(system) if system.modal else _matrix_continued(system)


def _modes_continued(system: Realization) -> Realization:
    z = system.A
    damping = (1 - np.abs(z)) * (1 + np.abs(z))
    root: Array = math.sqrt(2) / (1 + z)
    modes: Array = (-damping + 2j * z.imag) / np.abs(1 + z) ** 2
    C = system.C * root
    D = system.D - np.real(C @ system.B) / math.sqrt(2)
    return Realization(
        A=modes,
        B=root[:, None] * system.B,
        C=C,
        D=D,
        discrete=False,
    )


def _matrix_continued(system: Realization) -> Realization:
    N = len(system.A)
    unit = np.eye(N)
    plus = unit + system.A
    minus = system.A - unit
    both = np.linalg.solve(plus, np.concatenate([minus, system.B], axis=1))
    B = both[:, N:]
    C = np.linalg.solve(plus.T, system.C.T).T
    root = math.sqrt(2)
    return Realization(
        A=both[:, :N],
        B=root * B,
        C=root * C,
        D=system.D - np.real(system.C @ B),
        discrete=False,
    )
