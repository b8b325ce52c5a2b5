"""The outputs and states of a recurrence: in chunks, all matrix products, and no loop over time."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..forms import Delayed, View, batch, kind
from ..ground import backend
from ..ground.backend import Array
from ..powers import tables
from ..products.exponential_sums import transposed_sums
from ..products.linear_recurrences import (
    causal,
    geometric,
    output_of_states,
    powers,
    states_of_inputs,
)
from .last_axes import broadcast, extended, reshaped, transposed

# Samples in a chunk: longer ones spend more in their Toeplitz products, shorter ones more between.
_CHUNK = 64


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
        rows = transposed(self.A)[..., None, :, :]
        return backend.matmul(x, rows)

    def squared(self) -> Transition:
        """A^2."""
        return self.after(self)

    def after(self, first: Transition) -> Transition:
        """A A' for another A' of the same kind."""
        if not self.matrix:
            return Transition(self.A * first.A, self.matrix)
        return Transition(backend.matmul(self.A, first.A), self.matrix)

    def power(self, exponent: int) -> Transition:
        """A^exponent for an exponent of at least 1, by squaring."""
        if exponent == 1:
            return self
        even = self.squared().power(exponent // 2)
        return even if exponent % 2 == 0 else self.after(even)

    def of_rows(self) -> Transition:
        """The map of row vectors, A^T."""
        if not self.matrix:
            return self
        return Transition(transposed(self.A), self.matrix)

    def krylov(self, v: Array, count: int) -> Array:
        """v, A v, ..., A^{count-1} v as columns (..., n, count)."""
        if not self.matrix:
            return v[..., None] * powers(self.A, count)
        A = self.A
        xp = backend.library(A)
        lead = np.broadcast_shapes(v.shape[:-1], A.shape[:-2])
        block = broadcast(v, lead, 1)[..., None]
        while block.shape[-1] < count:
            block = xp.concat([block, backend.matmul(A, block)], axis=-1)
            A = backend.matmul(A, A)
        return block[..., :count]


def outputs_and_state(run: Run, u: Array) -> tuple[Array, Array]:
    """The outputs for a signal, and the state after its last sample.

    Args:
        run: a system at its state.
        u: (..., L), or (..., M, L) for several inputs.

    Returns:
        Outputs (..., L), or (..., P, L) for several, and the state (..., n).

    Raises:
        ValueError: on the host for an overflow.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> system = forms.Recurrence(0.5 * one, one, one, np.zeros(()))
        >>> outputs_and_state(Run(system, forms.view(system), 0 * one), np.ones(3))[0]
        array([1.  , 1.5 , 1.75])
    """
    evaluate = _through_states if kind(run.system).ports else _in_chunks
    with backend.quietly(u):
        y, last = evaluate(run, u)
    return backend.fitting(y), backend.fitting(last)


def last_state(run: Run, base: tables.Base | None, u: Array) -> Array:
    """The state after the last sample of a signal.

    Args:
        run: a system at its state.
        base: what its modes are raised to powers from, None for a matrix.
        u: (..., L), or (..., M, L) for several inputs.

    Returns:
        The state (..., n).

    Raises:
        ValueError: on the host for an overflow.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> system = forms.Recurrence(0.5 * one, one, one, np.zeros(()))
        >>> run = Run(system, forms.view(system), 0 * one)
        >>> last_state(run, tables.number(system.A), np.ones(3)).real
        array([1.75])
    """
    with backend.quietly(u):
        if base is not None:
            last = _by_moments(run, base, u)
        elif kind(run.system).ports:
            _, last = _through_states(run, u)
        else:
            last = _through_chunks(run, u)
    return backend.fitting(last)


def _through_chunks(run: Run, u: Array) -> Array:
    extra = _extra_axes(run, u)
    length = u.shape[-1]
    chunks = _cut(_fold(u, extra), min(_CHUNK, length))
    _, last = _chunk_states(run, chunks, _fold(run.state, extra), length)
    return _unfold(last, u.shape[:extra])


def _by_moments(run: Run, base: tables.Base, u: Array) -> Array:
    xp = backend.library(u)
    backward = xp.flip(u, axis=-1)
    if kind(run.system).ports:
        each = tables.reshaped(base, lambda part: part[..., None, :])
        inputs = xp.sum(transposed(run.parts.B) * transposed_sums(backward, each), axis=-2)
    else:
        inputs = run.parts.B[..., 0] * transposed_sums(backward, base)
    return run.transition.power(u.shape[-1]).A * run.state + inputs


def _in_chunks(run: Run, u: Array) -> tuple[Array, Array]:
    """Outputs and last state of a form with one input and one output."""
    xp = backend.library(u)
    length = u.shape[-1]
    size = min(_CHUNK, length)
    extra = _extra_axes(run, u)
    chunks = _cut(_fold(u, extra), size)
    starts, last = _chunk_states(run, chunks, _fold(run.state, extra), length)
    outputs = run.transition.of_rows().krylov(run.parts.C[..., 0, :], size + 1)  # C A^i as columns
    now = outputs[..., :-1]
    free = now if run.late else outputs[..., 1:]
    K = output_of_states(transposed(run.parts.B), now)[..., 0, :]
    if run.late:
        K = xp.concat([xp.zeros_like(K[..., :1]), K[..., :-1]], axis=-1)
    K = K + run.parts.D[..., 0] * backend.eye(size, K)[0, :]
    y = backend.matmul(_rows(chunks), causal(K)) + output_of_states(_rows(starts), free)
    signals, count = chunks.shape[-3:-1]
    y = reshaped(y, 2, signals, count * size)[..., :length]
    shared = u.shape[:extra]
    return _unfold(y, shared), _unfold(last, shared)


def _chunk_states(run: Run, chunks: Array, first: Array, length: int) -> tuple[Array, Array]:
    """The states (..., E, c, n) before each chunk of (..., E, c, Q), and the last (..., E, n)."""
    xp = backend.library(chunks)
    signals, count, size = chunks.shape[-3:]
    rest = length - (count - 1) * size  # samples in the last chunk
    impulse_states = run.transition.krylov(run.parts.B[..., 0], size)
    # A^{Q-1} B, ..., A B, B as rows
    reach = transposed(xp.flip(impulse_states, axis=-1))
    ends = states_of_inputs(_rows(chunks[..., :-1, :]), reach)
    ends = reshaped(ends, 2, signals, count - 1, ends.shape[-1])
    ends = broadcast(ends, first.shape[:-1], 2)
    starts = xp.concat([first[..., None, :], ends], axis=-2)
    chunk = run.transition.power(size)
    starts = geometric(chunk, starts, Transition.times, Transition.squared)
    carried = run.transition.power(rest).times(starts[..., -1:, :])
    newest = states_of_inputs(chunks[..., -1, :rest], reach[..., size - rest :, :])
    return starts, carried[..., 0, :] + newest


def _through_states(run: Run, u: Array) -> tuple[Array, Array]:
    """Outputs and last state of a form with several ports: by halving, through all states."""
    xp = backend.library(u)
    inputs = states_of_inputs(transposed(u), transposed(run.parts.B))
    inputs = broadcast(inputs, run.state.shape[:-1], 2)
    # The state before the first sample stands in front as one more input.
    visited = xp.concat([run.state[..., None, :], inputs], axis=-2)[..., None, :, :]
    visited = geometric(run.transition, visited, Transition.times, Transition.squared)
    visited = visited[..., 0, :, :]
    read = visited[..., :-1, :] if run.late else visited[..., 1:, :]
    y = transposed(output_of_states(read, transposed(run.parts.C)))
    if not _known_zero(run.parts.D):  # of wide layers it is most of the work
        y = y + backend.matmul(run.parts.D, u)
    return y, visited[..., -1, :]


def _known_zero(D: Array) -> bool:
    """Whether there is no direct path, and no derivative in it."""
    if not backend.readable(D) or backend.differentiated(D):  # compilers know no tangents
        return False
    return not np.any(backend.to_numpy(D))


def _extra_axes(run: Run, u: Array) -> int:
    """How many leading axes of the signal the form does not have."""
    return max(0, u.ndim - 1 - len(batch(run.system)))


def _fold(x: Array, extra: int) -> Array:
    """(*extra, ..., L) as (..., E, L): signals that share a form share its matrix products."""
    last = x.ndim - 1
    order = (*range(extra, last), *range(extra), last)
    turned = backend.library(x).permute_dims(x, order)
    return reshaped(turned, extra + 1, math.prod(x.shape[:extra]), x.shape[-1])


def _unfold(x: Array, extra: tuple[int, ...]) -> Array:
    """(..., E, L) as (*extra, ..., L)."""
    own = x.ndim - 2
    whole = reshaped(x, 2, *extra, x.shape[-1])
    last = whole.ndim - 1
    order = (*range(own, last), *range(own), last)
    return backend.library(x).permute_dims(whole, order)


def _cut(u: Array, size: int) -> Array:
    """(..., L) as chunks (..., c, size), the last one filled up with zeros."""
    count = -(-u.shape[-1] // size)
    return reshaped(extended(u, count * size), 1, count, size)


def _rows(x: Array) -> Array:
    """(..., E, c, m) as (..., E c, m)."""
    signals, count, width = x.shape[-3:]
    return reshaped(x, 3, signals * count, width)
