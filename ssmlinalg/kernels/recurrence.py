"""The model run as a recurrence: outputs, states, and what an initial state alone causes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..discretize import Rule, sampled, sampled_with_base
from ..forms import Continuous, Delayed, Discrete, batch, check, inner, kind, view
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import tables
from .arguments import (
    complex_like,
    one_field,
    refuse_growth,
    refuse_size,
    signal_axes,
    state_of_shape,
)
from .chunks import Run, Transition, last_state, outputs_and_state
from .response import impulse_response, kernel
from .sample_by_sample import step_of_system


def scan(
    form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh"
) -> tuple[Array, Array]:
    r"""The outputs of the model for a signal, and its state after the last sample.

    A signal may be cut anywhere: pass each part the state of the one before. With one input and one
    output in chunks of Q samples, all matrix products; X is the state before a chunk,

    .. math::  y = T u + (C A^{i+1})_i X, \qquad X \leftarrow A^Q X + [A^{Q-1} B, \dots, B]\, u

    with T the triangular Toeplitz matrix of the kernel, and no loop over time. A form with several
    inputs and outputs goes through its states.

    Args:
        form: any form with an output.
        u: (..., L), or (..., M, L) for several inputs, in the library of the form.
        state: (..., n) before the first sample. None is a system at rest.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        Outputs (..., L), or (..., P, L) for several, and the state (..., n) after the last sample.

    Raises:
        TypeError: for a signal that is complex, or of another library or precision; what
            `forms.check` raises.
        ValueError: for no sample, for shapes that do not fit, an unknown rule, and states too large
            for any memory; where values can be looked at, for a model that outgrows its precision;
            on the host for NaN and infinities; what `forms.check` raises.

    Accuracy:
        About l eps relative to sum_m |C A^{l-m} B u_m|, for an error in A^{2^k} is doubled in the
        next square.

    Cost:
        O((Q + n) L) operations, and O(n L / Q) memory beside the output. For several inputs
        O((M + P) n L) operations and O(n L) memory.

    Source:
        Dao & Gu 2024 (Mamba-2), Section 6 (the chunks), here with one A for all samples.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> y, x = scan(forms.Recurrence(0.5 * one, one, one, 0.0), np.ones(3))
        >>> y, x.real
        (array([1.  , 1.5 , 1.75]), array([1.75]))
    """
    return outputs_and_state(_started(sampled(check(form), rule=rule), u, state), u)


def scan_bidirectional(
    past: Continuous | Discrete, future: Continuous | Discrete, u: Array, *, rule: Rule = "zoh"
) -> Array:
    r"""The outputs of two models from rest, of which the second reads the signal backwards.

    .. math::  y_l = \sum_{m \ge 0} k_m u_{l-m} + \sum_{m \ge 1} b_m u_{l+m}

    It is `bidirectional` with their kernels k and b, also for several inputs: lag 0 counts once.

    Args:
        past: any form with an output.
        future: another one with as many inputs and outputs. Its D has no part in it.
        u: (..., L), or (..., M, L) for several inputs, in the library of the forms.
        rule: how continuous forms are sampled; a discrete one does not use it.

    Returns:
        Outputs (..., L), or (..., P, L) for several.

    Raises:
        TypeError: what `scan` raises.
        ValueError: what `scan` raises.

    Accuracy:
        That of `scan`.

    Cost:
        That of `scan`, twice.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> form = forms.Recurrence(0.5 * one, one, one, 0.0)
        >>> scan_bidirectional(form, form, np.array([0.0, 1.0, 0.0]))
        array([0.5, 1. , 0.5])
    """
    y, _ = scan(past, u, rule=rule)
    future = check(future)
    future = future._replace(D=backend.library(u).zeros_like(future.D))
    ahead, _ = scan(future, backend.library(u).flip(u, axis=-1), rule=rule)
    now = kernel(future, 1, rule=rule)
    with backend.quietly(u):
        of_now = backend.matmul(now[..., 0], u) if kind(future).ports else now * u
        return backend.fitting(y + backend.library(u).flip(ahead, axis=-1) - of_now)


def step(
    form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh"
) -> tuple[Array, Array]:
    """One sample of the recurrence, checked; `stepper` does it without checks.

    Args:
        form: any form with an output.
        u: (...), or (..., M) for several inputs.
        state: (..., n) before the sample. None is a system at rest.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        The output (...), or (..., P) for several, and the state (..., n) after the sample.

    Raises:
        TypeError: what `scan` raises.
        ValueError: what `scan` raises.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> system = forms.Recurrence(0.5 * one, one, one, 0.0)
        >>> step(system, np.asarray(1.0), 2 * one + 0j)[0]
        np.float64(2.0)
    """
    backend.namespace(u=u)
    run = _started(sampled(check(form), rule=rule), u[..., None], state)
    with backend.quietly(u):
        y, last = step_of_system(run.system)(u, run.state)
    return backend.fitting(y), backend.fitting(last)


def final_state(
    form: Continuous | Discrete,
    u: Array,
    state: Array | None = None,
    *,
    lengths: Array | None = None,
    rule: Rule = "zoh",
) -> Array:
    r"""The state after the last sample of a signal: scan(...)[1], for less work.

    .. math::  x_{L-1} = A^L x_{-1} + \sum_l A^{L-1-l} B u_l

    Args:
        form: any form with an output.
        u: (..., L), or (..., M, L) for several inputs.
        state: (..., n) before the first sample. None is a system at rest.
        lengths: of a padded batch, the samples of each signal that count; the signals are the first
            axis of u. None: all of them.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        The state (..., n), that of each signal after its own last sample.

    Raises:
        TypeError: for lengths that are no integers; what `scan` raises.
        ValueError: for lengths outside of 1 to L; what `scan` raises.

    Cost:
        For modes a transposed Vandermonde product: O(n L) operations in matrix products, O(n
        sqrt(L)) memory, no outputs. For a matrix the chunks of `scan`.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> final_state(forms.Recurrence(0.5 * one, one, one, 0.0), np.ones(3)).real
        array([1.75])
    """
    if lengths is not None:
        return _at_ends(form, u, lengths, state, rule)
    system, base = sampled_with_base(check(form), rule=rule)
    return last_state(_started(system, u, state), base, u)


def _at_ends(form: Any, u: Array, lengths: Array, state: Array | None, rule: Rule) -> Array:
    """The state of each signal of a padded batch after its own last sample."""
    backend.namespace(u=u)
    require.numbers("lengths", lengths, ("integers",), "Cast them to integers.")
    shape = tuple(lengths.shape)
    fits = u.ndim > 1 and shape == tuple(u.shape[:1])
    require.shape("lengths", shape, f"{tuple(u.shape[:1])}, one for each signal of `u`", fits)
    ends, which = np.unique(backend.to_numpy(lengths), return_inverse=True)
    if not len(ends):
        return final_state(form, u, state, rule=rule)
    if not 1 <= ends[0] <= ends[-1] <= u.shape[-1]:
        rule = f"`lengths` must lie from 1 to {u.shape[-1]}"
        raise ValueError(f"{rule}; got {ends[0]} to {ends[-1]}. Leave empty signals out.")
    reached = states(form, u, (ends - 1).tolist(), state, rule=rule)
    xp = backend.library(reached)
    index = which.reshape(-1, *(1 for _ in reached.shape[1:]))
    index = xp.asarray(index, device=backend.device(reached))
    return xp.take_along_axis(reached, index, axis=-2)[..., 0, :]


def states(
    form: Continuous | Discrete,
    u: Array,
    at: Sequence[int],
    state: Array | None = None,
    *,
    rule: Rule = "zoh",
) -> Array:
    """The states of the model after a few samples of a signal.

    Args:
        form: any form with an output.
        u: (..., L), or (..., M, L) for several inputs.
        at: rising indices of T samples, 0 <= at[0] < at[1] < ... < L.
        state: (..., n) before the first sample. None is a system at rest.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        The states (..., T, n).

    Raises:
        TypeError: for indices that are no integers; what `scan` raises.
        ValueError: for indices that do not rise or lie outside; what `scan` raises.

    Cost:
        That of `final_state` from each index to the next: one pass over the signal.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> states(forms.Recurrence(0.5 * one, one, one, 0.0), np.ones(3), [0, 2])[:, 0].real
        array([1.  , 1.75])
    """
    system, base = sampled_with_base(check(form), rule=rule)
    run = _started(system, u, state)
    require.instance("at", at, (Sequence, np.ndarray), "Give a list of integers.")
    indices = [require.integer("at", index, least=0) for index in at]
    length = u.shape[-1]
    rising = all(index < later for index, later in pairwise(indices))
    if not indices or not rising or indices[-1] >= length:
        raise ValueError(
            f"`at` must hold rising indices below {length}, the length of `u`; got {indices}. "
            "Sort it, drop what is twice, and count from 0."
        )
    found = []
    for start, stop in pairwise([0, *(index + 1 for index in indices)]):
        last = last_state(run, base, u[..., start:stop])
        run = run._replace(state=last)
        found.append(last)
    return backend.library(u).stack(found, axis=-2)


def free_response(
    form: Continuous | Discrete, state: Array, length: int, *, rule: Rule = "zoh"
) -> Array:
    r"""Zero-input response: the output caused by an initial state alone.

    .. math::  y_l = \mathrm{Re}(C A^{l+1} x), \qquad l = 0, \dots, L-1

    It is the kernel of the system with B = A x and D = 0, and the part of an output that is no
    convolution: scan(form, u, state)[0] = convolve(u, kernel(form, L)) + free_response(form, state,
    L).

    Args:
        form: any form with an output.
        state: x (..., n) before the first sample.
        length: L, at least 1.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        Outputs (..., L), or (..., P, L) for several.

    Raises:
        TypeError: for a state of another library or precision; what `kernel` raises.
        ValueError: for a state of another shape; on the host for one that is not finite; what
            `kernel` raises.

    Accuracy:
        That of `kernel`.

    Cost:
        That of `kernel`.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> free_response(forms.Recurrence(0.5 * one, one, one, 0.0), one + 0j, 3)
        array([0.5  , 0.25 , 0.125])
    """
    length = require.integer("length", length)
    system = sampled(check(form), rule=rule)
    recurrence = inner(system)
    known = kind(recurrence)
    _check_state(recurrence, state)
    state = complex_like(state, recurrence.A)
    A = complex_like(recurrence.A, state)
    B = state
    if not isinstance(system, Delayed):
        with backend.quietly(state):
            B = Transition(A, known.matrix).times(state[..., None, None, :])[..., 0, 0, :]
    base = None if known.matrix else tables.number(recurrence.A)
    if not known.ports:
        alone = recurrence._replace(B=B, D=backend.zeros((), recurrence.D))
        return impulse_response(alone, base, length)
    D = backend.zeros((recurrence.C.shape[-2], 1), recurrence.D)
    alone = recurrence._replace(B=B[..., None], D=D)
    return impulse_response(alone, base, length)[..., 0, :]


def _check_state(recurrence: Any, state: Array) -> None:
    backend.namespace(state=state, A=recurrence.A)
    if backend.is_numpy(state):
        require.finite("state", np.asarray(state))
    n = recurrence.A.shape[-1]
    fits = state.ndim > 0 and state.shape[-1] == n
    require.shape("state", tuple(state.shape), f"(..., n) with n = {n} from `A`", fits)
    require.broadcasts("state", tuple(state.shape[:-1]), batch(recurrence), "the form")


def _started(system: Any, u: Array, state: Array | None) -> Run:
    """The system at its state, once the signal and the state are known to fit."""
    recurrence = inner(system)
    given = {} if state is None else {"state": state}
    backend.namespace(u=u, A=recurrence.A, **given)
    lead = signal_axes(u, system)
    if not kind(system).matrix:
        refuse_growth(recurrence.A, u.shape[-1])
    refuse_size("the states", recurrence, u.shape[-1])
    system = one_field(system, *given.values())
    parts = view(system)
    shape = (*lead, parts.A.shape[-1])
    return Run(system, parts, state_of_shape(state, shape, parts.A))
