"""What a continuous model answers in time. To an impulse: `kernels.kernel_at`. To a step: its
integral, here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..discretize import modulo_turns, phi1
from ..forms import (
    DPLR,
    MIMO,
    NPLR,
    Continuous,
    Dense,
    DenseRecurrence,
    Diagonal,
    MIMORecurrence,
    Paired,
)
from ..ground import backend, require
from ..ground.backend import Array
from ..kernels.irregular import in_pieces, kernel_at, untimed
from ..kernels.recurrence import fitting
from ..kernels.sampling import batch_of, match, real_signal, refuse_size
from .transfer_functions import read_output


def step_response(form: Continuous, times: Array) -> Array:
    r"""The output a time t >= 0 after the input rose from 0 to 1: the integral of the impulse
    response `kernel_at`, and D.

    .. math::  S(t) = D + \int_0^t K(t')\, dt', \qquad K(t) = \mathrm{Re}\, C e^{At} B \quad (2\, \mathrm{Re}
               \text{ for half a spectrum}),

    at the times (..., T), in the units of A: step has no part in it. Returns (..., T), or (..., P,
    M, T) for several inputs. It ends, if A is stable, at the gain at frequency zero, D - Re C
    A^{-1} B.

    Modes by t phi_1(lambda t) = (e^{lambda t} - 1)/lambda, nothing divided by lambda, so
    integrators are legal; a matrix by the impulse response of the system with one more state, the
    input,

    .. math::  \frac{d}{dt} \begin{pmatrix} x \\ u \end{pmatrix} = \begin{pmatrix} A & B \\ 0 & 0 \end{pmatrix}
               \begin{pmatrix} x \\ u \end{pmatrix}, \qquad x(0) = 0, \quad u(0) = 1.

    Raises TypeError for forms that are not continuous; ValueError on the host for negative times,
    for growth beyond the precision, and for a matrix with |A| t beyond 5e6. Accuracy for modes:
    relative to sum t |C B phi_1(lambda t)| a few eps, for phases lose whole turns before they are
    rounded; for a matrix that of `kernel_at`. Cost: n T exponentials, in pieces, so that memory is
    bounded; O(N^2 T) for a matrix.

    Source: Van Loan 1978 (the integral from one exponential).

    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> step_response(Diagonal(np.array([0j, -1]), np.ones(2) + 0j, np.ones(2) + 0j, 0.0, 1.0), np.array([0.0, np.log(2.0)]))
    array([0.        , 1.19314718])
    """
    if not isinstance(form, Continuous):
        remedy = (
            "Use forms.to_dense first."
            if isinstance(form, NPLR)
            else "Of a discrete form sum its kernel up: cumsum."
        )
        raise TypeError(
            f"step_response takes a continuous form with an output; got {type(form).__name__}. {remedy}"
        )
    system = untimed("step_response", form, (Dense, DPLR, Diagonal, Paired, MIMO))
    backend.namespace(times=times, A=system.A)
    real_signal("times", times)
    if backend.is_numpy(times) and np.any(times < 0):
        raise ValueError(
            f"`times` must not be negative; got {float(np.min(times)):g}. Before its step a system is at rest."
        )
    require.broadcasts("times", tuple(times.shape[:-1]), batch_of(system), "the form")
    refuse_size("the step response", system, times.shape[-1])
    with backend.quietly(times):  # the result tells
        S = (_of_matrix if isinstance(system, DenseRecurrence) else _of_modes)(system, times)
        return fitting(S + system.D[..., None])


def _of_modes(system: Any, times: Array) -> Array:
    """Re C x with x = t phi_1(A t) B."""
    several = isinstance(system, MIMORecurrence)
    A = system.A[..., None] if several else system.A

    def piece(_: tuple[()], times: Array) -> tuple[tuple[()], Array]:
        t = times[..., None, None, :] if several else times[..., None, :]
        return (), backend.real(
            read_output(system, t * phi1(*modulo_turns(t, A[..., None])) * system.B[..., None])
        )

    each = math.prod(np.broadcast_shapes(tuple(times.shape[:-1]), batch_of(system))) * math.prod(
        system.B.shape[-1 - several :]
    )
    return in_pieces(piece, (), (times,), each)[1]


def _of_matrix(system: DenseRecurrence, times: Array) -> Array:
    """The impulse response of (A B; 0 0), its last state measured so that B weighs no more than 1
    over the longest time.
    """
    xp, (A, B, C, D) = backend.namespace(times=times), system
    if any(map(backend.is_complex, (A, B, C))):
        A, B, C = map(backend.as_complex, (A, B, C))
    N, lead = A.shape[-1], np.broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[:-1]))
    unit = xp.max(times) * xp.sum(xp.abs(B), axis=-1)
    unit = match(xp.where(unit > 0, unit, xp.ones_like(unit)), B)[..., None]
    driven = xp.broadcast_to((B / unit)[..., None], (*lead, N, 1))
    top = xp.concat([xp.broadcast_to(A, (*lead, N, N)), driven], axis=-1)
    bordered = xp.concat([top, backend.zeros((*lead, 1, N + 1), A)], axis=-2)
    reading = xp.concat([C, backend.zeros((*C.shape[:-1], 1), C)], axis=-1)
    return kernel_at(
        Dense(bordered, unit * backend.eye(N + 1, A)[N, :], reading, D, xp.ones_like(D)), times
    )
