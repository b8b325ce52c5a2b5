"""Forms of every kind as matrices with inputs and outputs, on the host: what norms and Gramians are
computed from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from .. import forms
from ..forms import (
    DPLR,
    MIMO,
    NPLR,
    Delayed,
    Dense,
    DenseRecurrence,
    Discrete,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
)
from ..ground import require
from ..ground.backend import Array
from ..matrices.units import eigenvalue_rounding, exponent_of, times_power


class Realization(NamedTuple):
    """Matrices on the host with as many outputs and inputs as there are: y = Re(C x) + D u.

    x' = A x + B u, or x_l = A x_{l-1} + B u_l with the output y_l = Re(C x_{l-1}) + D u_l. A (...,
    N, N), or its eigenvalues (..., N) where it is diagonal, B (..., N, M), C (..., P, N), D (...,
    P, M), all with the same batch axes.
    """

    A: Array
    B: Array
    C: Array
    D: Array
    discrete: bool

    @property
    def batch(self) -> tuple[int, ...]:
        """The batch axes of all matrices."""
        return self.B.shape[:-2]

    @property
    def modal(self) -> bool:
        """Whether A is given by its eigenvalues."""
        return self.A.ndim < self.B.ndim


def realize(form: Any) -> Realization:
    """The matrices of a form of any library, in double precision. Raises TypeError for `NPLR`, and
    as `forms.check` does.
    """
    form = forms.check(
        forms.move(form, "numpy", dtype="float64")
    )  # values of other libraries are first seen here
    if isinstance(form, NPLR):
        remedy = "Turn it into a system with forms.to_dense, and replace C there."
        raise TypeError(f"`form` must have an output; got NPLR, which has none. {remedy}")
    late = isinstance(form, Delayed)
    system = form.system if late else form
    with np.errstate(over="ignore", invalid="ignore"):
        whole = _matrices(system, form.D, late)
    for name, matrix in zip(("A", "B", "C", "D"), whole[:4], strict=True):
        if not require.all_finite(matrix):
            rule = f"`{name}` of the form's realization must fit double precision"
            raise ValueError(
                f"{rule}; got one that overflows. Scale the form's numbers by powers of two."
            )
    return whole


def _matrices(system: Any, D: Array, late: bool) -> Realization:
    several = isinstance(system, (MIMO, MIMORecurrence))
    A, B, C = (forms.to_dense(system) if isinstance(system, DPLR) else system)[:3]
    if not several:
        B, C, D = B[..., None], C[..., None, :], np.asarray(D)[..., None, None]
    if isinstance(system, (Paired, MIMO, PairedRecurrence, MIMORecurrence)):
        C = 2 * C
    matrix = isinstance(system, (Dense, DPLR, DenseRecurrence))
    if isinstance(system, Discrete) and not late:  # A x_{l-1} + B u_l is heard at once
        C, D = C @ A if matrix else C * A[..., None, :], D + np.real(C @ B)
    core = 2 if matrix else 1
    batch = np.broadcast_shapes(A.shape[: A.ndim - core], B.shape[:-2], C.shape[:-2], D.shape[:-2])
    A = np.broadcast_to(A, batch + A.shape[A.ndim - core :])
    B, C, D = (np.broadcast_to(X, batch + X.shape[-2:]) for X in (B, C, D))
    return Realization(A, B, C, D, isinstance(system, Discrete))


def scaled(*systems: Realization) -> tuple[tuple[Realization, ...], int, int, int]:
    """The systems in common units, powers of two, that bring A, B and C to about 1, and rate,
    drive, view, their exponents.

    A' = 2^-rate A, B' = 2^-drive B, C' = 2^-view C: a gain of the systems is 2^(drive + view -
    rate) times that returned. Rate and drive + view are even, so that their roots are powers of
    two, and in discrete time, which has its own unit, rate is 0. Raises ValueError for modes so far
    apart that no unit suits both. Not for stacks.
    """
    rate, drive, view = (
        max(map(exponent_of, same))
        for same in zip(*((system.A, system.B, system.C) for system in systems), strict=True)
    )
    rate = 0 if systems[0].discrete else rate + rate % 2
    view += (drive + view) % 2

    def one(system: Realization) -> Realization:
        A, B, C = (
            times_power(system.A, -rate),
            times_power(system.B, -drive),
            times_power(system.C, -view),
        )
        if system.modal and np.any((np.real(A) == 0) != (np.real(system.A) == 0)):
            got = f"one of Re {np.min(np.abs(np.real(system.A))):.3g} beside one of size {np.max(np.abs(system.A)):.3g}"
            raise ValueError(
                f"modes must lie within the range of a double of each other; got {got}. Remove the slowest."
            )
        return system._replace(A=A, B=B, C=C)

    return tuple(map(one, systems)), rate, drive, view


def unscaled(value: Any, exponent: int) -> Any:
    """2^exponent value, inf where that overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(value, exponent)


def each(function: Callable[..., Any], *systems: Realization) -> Any:
    """What `function` makes of every member of the batch, stacked: an array of the batch axes and
    those of the result.

    Results that are tuples make a tuple of arrays. Several systems have batch axes that broadcast
    against each other.
    """
    batch = np.broadcast_shapes(*(system.batch for system in systems))
    if 0 in batch:
        raise ValueError(
            f"batch axes must not be empty; got shape {batch}. Give at least one system."
        )
    results = [
        function(*together)
        for together in zip(*(_members(system, batch) for system in systems), strict=True)
    ]

    def stacked(parts: Any) -> Any:
        parts = [np.asarray(part) for part in parts]
        stack = np.stack(parts).reshape(batch + parts[0].shape)
        return stack if stack.ndim else stack.item()

    if isinstance(results[0], tuple):
        return tuple(stacked(parts) for parts in zip(*results, strict=True))
    return stacked(results)


def _members(system: Realization, batch: tuple[int, ...]) -> Iterator[Realization]:
    A, B, C, D = (np.broadcast_to(X, batch + X.shape[len(system.batch) :]) for X in system[:4])
    for index in np.ndindex(batch):
        yield Realization(A[index], B[index], C[index], D[index], system.discrete)


def real(system: Realization) -> Realization:
    """The same system with real matrices, of the state (Re x, Im x) where it is complex. Not for
    stacks.
    """
    A, B, C, D = system[:4]
    A: Array = np.diag(A) if system.modal else A
    if not any(np.iscomplexobj(X) for X in (A, B, C)):
        return Realization(A, B, C, D, system.discrete)
    A = np.block([[A.real, -A.imag], [A.imag, A.real]])
    return Realization(
        A,
        np.concatenate([B.real, B.imag]),
        np.concatenate([C.real, -C.imag], axis=1),
        D,
        system.discrete,
    )


def closed(system: Realization) -> Realization:
    """The same system with the conjugate states beside the states where it is complex, so that y =
    C x + D u is real.
    """
    A, B, C, D = system[:4]
    if not any(np.iscomplexobj(X) for X in (A, B, C)):
        return system
    A = (
        np.concatenate([A, A.conj()])
        if system.modal
        else np.asarray(scipy.linalg.block_diag(A, A.conj()))
    )
    return Realization(
        A,
        np.concatenate([B, B.conj()]),
        np.concatenate([C, C.conj()], axis=1) / 2,
        D,
        system.discrete,
    )


def worst(system: Realization) -> complex | None:
    """An eigenvalue that may not be damped, the least damped one, if there is one. Not for
    stacks.
    """
    A = system.A
    exact = system.modal or not np.any(np.tril(A, -1)) or not np.any(np.triu(A, 1))
    poles: Array = A if system.modal else np.diag(A) if exact else np.linalg.eigvals(A)
    with np.errstate(
        over="ignore"
    ):  # of a discrete system beyond 1e154 no eigenvalue is known to be inside of the circle
        margin = 0.0 if exact else eigenvalue_rounding(len(A)) * float(np.linalg.norm(A))
    growth = np.abs(poles) - 1 if system.discrete else poles.real
    return complex(poles[np.argmax(growth)]) if np.any(growth >= -margin) else None


def continuous(system: Realization) -> Realization:
    """The continuous system with the same gains and Gramians, z = (1 + s)/(1 - s); itself where it
    is one. Not for stacks.
    """
    A, B, C, D = system[:4]
    if not system.discrete:
        return system
    if system.modal:
        far = np.abs(1 + A) ** 2
        damping = (1 - np.abs(A)) * (1 + np.abs(A))
        root: Array = math.sqrt(2) / (1 + A)
        modes: Array = (-damping + 2j * A.imag) / far
        return Realization(
            modes, root[:, None] * B, root * C, D - np.real((C * root) @ B) / math.sqrt(2), False
        )
    both = np.linalg.solve(np.eye(len(A)) + A, np.concatenate([A - np.eye(len(A)), B], axis=1))
    A_c, B_c = both[:, : len(A)], both[:, len(A) :]
    C_c = np.linalg.solve((np.eye(len(A)) + A).T, C.T).T
    return Realization(A_c, math.sqrt(2) * B_c, math.sqrt(2) * C_c, D - np.real(C @ B_c), False)
