"""The step response of a continuous form; its impulse response is `kernels.kernel_at`."""

from __future__ import annotations

import math

import numpy as np

from ..discretize import modulo_turns, phi1
from ..forms import NPLR, Continuous, Delayed, Dense, View, check, kind, plain, view
from ..ground import backend, require
from ..ground.backend import Array
from ..kernels import kernel_at
from ..kernels.arguments import complex_like, real_signal
from ..kernels.blocks import fold_blocks
from ..powers.settled_steps import of_exponentials
from .realization import shared_axes
from .transfer_functions import read_output


def step_response(form: Continuous, times: Array) -> Array:
    r"""The step response: the output a time t >= 0 after the input rose from 0 to 1.

    .. math::  S(t) = D + \int_0^t K(t')\, dt', \qquad K(t) = \mathrm{Re}\, C e^{At} B
               \quad (2\, \mathrm{Re} \text{ for half a spectrum}).

    If A is stable it ends at the gain at frequency zero, D - Re C A^{-1} B. Modes are integrated by
    t phi_1(lambda t) = (e^{lambda t} - 1)/lambda; nothing is divided by lambda, so that integrators
    are legal. For a matrix it is the impulse response of the system with one more state, the input:

    .. math::  \frac{d}{dt} \begin{pmatrix} x \\ u \end{pmatrix}
               = \begin{pmatrix} A & B \\ 0 & 0 \end{pmatrix}
               \begin{pmatrix} x \\ u \end{pmatrix}, \qquad x(0) = 0, \quad u(0) = 1.

    Args:
        form: a continuous form with an output, in any library.
        times: (..., T) beside it, in the units of A: step plays no part. Leading axes broadcast
            against the form.

    Returns:
        (..., T), or (..., P, M, T) for several inputs, in the library of the form.

    Raises:
        TypeError: for forms that are not continuous or have no output, for complex times and times
            of another library or precision; what `forms.check` raises.
        ValueError: for no times, for leading axes that do not broadcast, and for a response too
            large for memory. On the host also for negative times, for growth beyond the precision,
            and for a matrix with |A| t beyond 5e6; what `forms.check` raises.

    Accuracy:
        For modes a few eps, relative to sum t |C B phi_1(lambda t)|, for phases lose whole turns
        before they are rounded. For a matrix that of `kernel_at`.

    Cost:
        n T exponentials in pieces, so that memory is bounded; O(N^2 T) for a matrix.

    Source:
        Van Loan 1978 (the integral from one exponential).

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(2)
        >>> form = forms.Diagonal(np.array([0.0, -1.0]), one, one, 0.0, 1.0)
        >>> step_response(form, np.array([0.0, np.log(2.0)]))
        array([0.        , 1.19314718])
    """
    known = kind(form)
    if not known.continuous or isinstance(form, (NPLR, Delayed)):
        remedy = "Of a discrete form sum its kernel up: cumsum."
        if isinstance(form, NPLR):
            remedy = "Use forms.to_dense first."
        got = type(form).__name__
        rule = "step_response takes a continuous form with an output"
        raise TypeError(f"{rule}; got {got}. {remedy}")
    form = plain(check(form))
    system = view(form)
    matrix = kind(form).matrix
    _check_times(times, system, matrix)
    respond = _of_matrix if matrix else _of_modes
    with backend.quietly(times):  # the result tells
        S = respond(system, times[..., None, None, :]) + system.D[..., None]
    return backend.fitting(S if kind(form).ports else S[..., 0, 0, :])


def _check_times(times: Array, system: View, matrix: bool) -> None:
    """Refuse times that do not fit the form, or whose response fits no memory."""
    backend.namespace(times=times, A=system.A)
    real_signal("times", times)
    if backend.is_numpy(times) and np.any(times < 0):
        got = f"{float(np.min(times)):g}"
        remedy = "Before its step a system is at rest."
        raise ValueError(f"`times` must not be negative; got {got}. {remedy}")
    A, B, C, D = system
    own = shared_axes((A, 1 + matrix), (B, 2), (C, 2), (D, 2))
    lead = require.broadcasts("times", tuple(times.shape[:-1]), own, "the form")
    ports = D.shape[-2:]
    entries = math.prod((*lead, *ports, times.shape[-1]))
    size = entries * np.dtype(backend.precision(times)).itemsize
    require.room("the step response", size, host=backend.readable(times))


def _of_modes(system: View, times: Array) -> Array:
    """Re C x with x = t phi_1(A t) B, (..., P, M, T), at times (..., 1, 1, T)."""
    A = system.A[..., None, None]
    B = system.B[..., None]

    def piece(_: tuple[()], t: Array) -> tuple[tuple[()], Array]:
        reach = of_exponentials(t, A)
        x = reach * phi1(*modulo_turns(reach, A)) * B
        return (), backend.real(read_output(system.C, x))

    held = math.prod(shared_axes((times, 1), (A, 1), (B, 1)))
    return fold_blocks(piece, (), (times,), held)[1]


def _of_matrix(system: View, times: Array) -> Array:
    """The impulse response of (A B; 0 0), (..., P, M, T), at times (..., 1, 1, T).

    Its last state is measured so that B weighs no more than 1 over the longest time.
    """
    xp = backend.namespace(times=times)
    A, B, C, _ = system
    if any(map(backend.is_complex, (A, B, C))):
        A, B, C = map(backend.as_complex, (A, B, C))
    A = A[..., None, None, :, :]
    B = xp.matrix_transpose(B)[..., None, :, :]  # (..., 1, M, N)
    C = C[..., None, :]  # (..., P, 1, N)
    N = A.shape[-1]
    lead = shared_axes((A, 2), (B, 1))
    unit = xp.max(times) * xp.sum(xp.abs(B), axis=-1)
    unit = xp.where(unit > 0, unit, xp.ones_like(unit))
    unit = complex_like(unit, B)[..., None]
    A = xp.broadcast_to(A, (*lead, N, N))
    driven = xp.broadcast_to((B / unit)[..., None], (*lead, N, 1))
    states = xp.concat([A, driven], axis=-1)
    constant = backend.zeros((*lead, 1, N + 1), A)  # u' = 0
    unread = backend.zeros((*C.shape[:-1], 1), C)
    one = xp.ones_like(times[..., 0])
    bordered = Dense(
        A=xp.concat([states, constant], axis=-2),
        B=unit * backend.eye(N + 1, A)[N, :],
        C=xp.concat([C, unread], axis=-1),
        D=0 * one,
        step=one,
    )
    return kernel_at(bordered, times)
