"""The model run as a recurrence: outputs, states, and what an initial state alone causes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..discretize import Rule, sampled, sampled_with_base
from ..forms import Continuous, Delayed, Discrete, View, batch, check, inner, kind, view
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import tables
from ..products import moments
from ..products.linear_recurrences import (
    causal,
    geometric,
    output_of_states,
    powers,
    states_of_inputs,
)
from .arguments import (
    complex_like,
    one_field,
    real_signal,
    refuse_growth,
    refuse_size,
    state_of_shape,
)
from .response import impulse_response
from .sample_by_sample import step_of_system

# Samples in a chunk: longer ones spend more in their Toeplitz products, shorter ones more between.
_CHUNK = 64


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
    run = _started(sampled(check(form), rule=rule), u, state)
    evaluate = _through_states if kind(run.system).ports else _in_chunks
    with backend.quietly(u):
        y, last = evaluate(run, u)
    return backend.fitting(y), backend.fitting(last)


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
    form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh"
) -> Array:
    r"""The state after the last sample of a signal: scan(...)[1], for less work.

    .. math::  x_{L-1} = A^L x_{-1} + \sum_l A^{L-1-l} B u_l

    Args:
        form: any form with an output.
        u: (..., L), or (..., M, L) for several inputs.
        state: (..., n) before the first sample. None is a system at rest.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        The state (..., n).

    Raises:
        TypeError: what `scan` raises.
        ValueError: what `scan` raises.

    Cost:
        For modes a transposed Vandermonde product: O(n L) operations in matrix products, O(n
        sqrt(L)) memory, no outputs. For a matrix the chunks of `scan`.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> final_state(forms.Recurrence(0.5 * one, one, one, 0.0), np.ones(3)).real
        array([1.75])
    """
    system, base = sampled_with_base(check(form), rule=rule)
    run = _started(system, u, state)
    return _final_state(run, base, u)


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
        last = _final_state(run, base, u[..., start:stop])
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
    D = backend.zeros((recurrence.C.shape[-2], 1) if known.ports else (), recurrence.D)
    alone = recurrence._replace(B=B[..., None] if known.ports else B, D=D)
    base = None if known.matrix else tables.number(recurrence.A)
    y = impulse_response(alone, base, length)
    return y[..., 0, :] if known.ports else y


def _check_state(recurrence: Any, state: Array) -> None:
    backend.namespace(state=state, A=recurrence.A)
    if backend.is_numpy(state):
        require.finite("state", np.asarray(state))
    n = recurrence.A.shape[-1]
    fits = state.ndim > 0 and state.shape[-1] == n
    require.shape("state", tuple(state.shape), f"(..., n) with n = {n} from `A`", fits)
    require.broadcasts("state", tuple(state.shape[:-1]), batch(recurrence), "the form")


class Run(NamedTuple):
    """A sampled system and its state before the first sample, behind the door.

    Attributes:
        system: a discrete form.
        parts: its A, B, C and D with the ports written out.
        state: (..., n) in its full shape.
    """

    system: Any
    parts: View
    state: Array

    @property
    def late(self) -> bool:
        """Whether the output reads the state before the newest sample."""
        return isinstance(self.system, Delayed)

    @property
    def transition(self) -> Transition:
        """The map of a state to the next without input."""
        return Transition(self.parts.A, kind(self.system).matrix)


class Transition(NamedTuple):
    """The map A of x_l = A x_{l-1}: a matrix (..., N, N), or its eigenvalues (..., n)."""

    A: Array
    matrix: bool

    def times(self, x: Array) -> Array:
        """A x for states x (..., E, c, n)."""
        if not self.matrix:
            return self.A[..., None, None, :] * x
        xp = backend.library(x)
        return xp.matmul(x, xp.matrix_transpose(self.A)[..., None, :, :])

    def squared(self) -> Transition:
        """A^2."""
        return self.after(self)

    def after(self, first: Transition) -> Transition:
        """A A' for another A' of the same kind."""
        if not self.matrix:
            return Transition(self.A * first.A, self.matrix)
        return Transition(backend.library(self.A).matmul(self.A, first.A), self.matrix)

    def power(self, exponent: int) -> Transition:
        """A^exponent for an exponent of at least 1, by squaring."""
        if exponent == 1:
            return self
        even = self.squared().power(exponent // 2)
        return even if exponent % 2 == 0 else self.after(even)

    def transposed(self) -> Transition:
        """The map of row vectors."""
        if not self.matrix:
            return self
        return Transition(backend.library(self.A).matrix_transpose(self.A), self.matrix)

    def krylov(self, v: Array, count: int) -> Array:
        """v, A v, ..., A^{count-1} v as columns (..., n, count)."""
        if not self.matrix:
            return v[..., None] * powers(self.A, count)
        A = self.A
        xp = backend.library(A)
        lead = np.broadcast_shapes(v.shape[:-1], A.shape[:-2])
        block = xp.broadcast_to(v, (*lead, v.shape[-1]))[..., None]
        while block.shape[-1] < count:
            block = xp.concat([block, xp.matmul(A, block)], axis=-1)
            A = xp.matmul(A, A)
        return block[..., :count]


def _started(system: Any, u: Array, state: Array | None) -> Run:
    """The system at its state, once the signal and the state are known to fit."""
    recurrence = inner(system)
    known = kind(recurrence)
    given = {} if state is None else {"state": state}
    backend.namespace(u=u, A=recurrence.A, **given)
    real_signal("u", u)
    if known.ports:
        M = recurrence.B.shape[-1]
        fits = u.ndim >= 2 and u.shape[-2] == M
        require.shape("u", tuple(u.shape), f"(..., M, L) with M = {M} from `B`", fits)
    lead = tuple(u.shape[: -2 if known.ports else -1])
    lead = require.broadcasts("u", lead, batch(system), "the form")
    if not known.matrix:
        refuse_growth(recurrence.A, u.shape[-1])
    refuse_size("the states", recurrence, u.shape[-1])
    system = one_field(system, *given.values())
    parts = view(system)
    return Run(system, parts, state_of_shape(state, (*lead, parts.A.shape[-1]), parts.A))


def _final_state(run: Run, base: tables.Base | None, u: Array) -> Array:
    """The state after a part of a signal; base is that of the modes, None for a matrix."""
    with backend.quietly(u):
        last = _through_chunks(run, u) if base is None else _by_moments(run, base, u)
    return backend.fitting(last)


def _through_chunks(run: Run, u: Array) -> Array:
    extra = _extra_axes(run, u)
    chunks = _cut(_fold(u, extra), min(_CHUNK, u.shape[-1]))
    _, last = _chunk_states(run, chunks, _fold(run.state, extra), u.shape[-1])
    return _unfold(last, u.shape[:extra])


def _by_moments(run: Run, base: tables.Base, u: Array) -> Array:
    xp = backend.library(u)
    backward = xp.flip(u, axis=-1)
    if kind(run.system).ports:
        each = tables.reshaped(base, lambda part: part[..., None, :])
        inputs = xp.sum(xp.matrix_transpose(run.parts.B) * moments(backward, each), axis=-2)
    else:
        inputs = run.parts.B[..., 0] * moments(backward, base)
    return run.transition.power(u.shape[-1]).A * run.state + inputs


def _in_chunks(run: Run, u: Array) -> tuple[Array, Array]:
    """Outputs and last state of a form with one input and one output."""
    xp = backend.library(u)
    length = u.shape[-1]
    size = min(_CHUNK, length)
    extra = _extra_axes(run, u)
    chunks = _cut(_fold(u, extra), size)
    starts, last = _chunk_states(run, chunks, _fold(run.state, extra), length)
    table = run.transition.transposed().krylov(run.parts.C[..., 0, :], size + 1)  # C A^i as columns
    K = output_of_states(xp.matrix_transpose(run.parts.B), table[..., :-1])[..., 0, :]
    response = table[..., 1:]
    if run.late:
        K = xp.concat([xp.zeros_like(K[..., :1]), K[..., :-1]], axis=-1)
        response = table[..., :-1]
    K = K + run.parts.D[..., 0] * backend.eye(size, K)[0, :]
    y = xp.matmul(_rows(chunks), causal(K)) + output_of_states(_rows(starts), response)
    y = xp.reshape(y, (*y.shape[:-2], chunks.shape[-3], chunks.shape[-2] * size))[..., :length]
    return _unfold(y, u.shape[:extra]), _unfold(last, u.shape[:extra])


def _chunk_states(run: Run, chunks: Array, first: Array, length: int) -> tuple[Array, Array]:
    """The states (..., E, c, n) before each chunk of (..., E, c, Q), and the last (..., E, n)."""
    xp = backend.library(chunks)
    count, size = chunks.shape[-2:]
    rest = length - (count - 1) * size  # samples in the last chunk
    impulse_states = run.transition.krylov(run.parts.B[..., 0], size)
    # A^{Q-1} B, ..., A B, B as rows
    reach = xp.matrix_transpose(xp.flip(impulse_states, axis=-1))
    ends = states_of_inputs(_rows(chunks[..., :-1, :]), reach)
    ends = xp.reshape(ends, (*ends.shape[:-2], chunks.shape[-3], count - 1, ends.shape[-1]))
    ends = xp.broadcast_to(ends, (*first.shape[:-1], *ends.shape[-2:]))
    starts = xp.concat([first[..., None, :], ends], axis=-2)
    chunk = run.transition.power(size)
    starts = geometric(chunk, starts, Transition.times, Transition.squared)
    carried = run.transition.power(rest).times(starts[..., -1:, :])[..., 0, :]
    newest = states_of_inputs(chunks[..., -1, :rest], reach[..., size - rest :, :])
    return starts, carried + newest


def _through_states(run: Run, u: Array) -> tuple[Array, Array]:
    """Outputs and last state of a form with several ports: all states, by halving."""
    xp = backend.library(u)
    inputs = states_of_inputs(xp.matrix_transpose(u), xp.matrix_transpose(run.parts.B))
    inputs = xp.broadcast_to(inputs, (*run.state.shape[:-1], *inputs.shape[-2:]))
    # The state before the first sample stands in front as one more input.
    visited = xp.concat([run.state[..., None, :], inputs], axis=-2)
    visited = geometric(run.parts.A, visited, _modes_times, _modes_squared)
    read = visited[..., :-1, :] if run.late else visited[..., 1:, :]
    y = xp.matrix_transpose(output_of_states(read, xp.matrix_transpose(run.parts.C)))
    return y + xp.matmul(run.parts.D, u), visited[..., -1, :]


def _modes_times(A: Array, x: Array) -> Array:
    return A[..., None, :] * x


def _modes_squared(A: Array) -> Array:
    return A * A


def _extra_axes(run: Run, u: Array) -> int:
    """How many leading axes of the signal the form does not have."""
    return max(0, u.ndim - 1 - len(batch(run.system)))


def _fold(x: Array, extra: int) -> Array:
    """(*extra, ..., L) as (..., E, L): signals that share a form share its matrix products."""
    xp = backend.library(x)
    turned = xp.permute_dims(x, (*range(extra, x.ndim - 1), *range(extra), x.ndim - 1))
    return xp.reshape(turned, (*x.shape[extra:-1], math.prod(x.shape[:extra]), x.shape[-1]))


def _unfold(x: Array, extra: tuple[int, ...]) -> Array:
    """(..., E, L) as (*extra, ..., L)."""
    xp = backend.library(x)
    own = x.ndim - 2
    whole = xp.reshape(x, (*x.shape[:-2], *extra, x.shape[-1]))
    front = range(own, own + len(extra))
    return xp.permute_dims(whole, (*front, *range(own), whole.ndim - 1))


def _cut(u: Array, size: int) -> Array:
    """(..., L) as chunks (..., c, size), the last one filled up with zeros."""
    xp = backend.library(u)
    length = u.shape[-1]
    count = -(-length // size)
    if length < count * size:
        beyond = backend.zeros((*u.shape[:-1], count * size - length), u)
        u = xp.concat([u, beyond], axis=-1)
    return xp.reshape(u, (*u.shape[:-1], count, size))


def _rows(x: Array) -> Array:
    """(..., E, c, m) as (..., E c, m)."""
    shape = (*x.shape[:-3], x.shape[-3] * x.shape[-2], x.shape[-1])
    return backend.library(x).reshape(x, shape)
