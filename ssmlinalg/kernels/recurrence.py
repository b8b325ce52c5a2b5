"""The model run as a recurrence: a whole signal at once, sample by sample, from a state, or only to
one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..discretize import Rule
from ..forms import Continuous, Delayed, DenseRecurrence, Discrete, MIMORecurrence, PairedRecurrence
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
from .response import kernel
from .sampling import (
    base_of,
    batch_of,
    finite,
    match,
    real_signal,
    refuse_overflow,
    refuse_size,
    sampled,
    swap,
)

_CHUNK = 64  # samples; longer chunks spend more in their Toeplitz products, shorter ones more between them


def scan(
    form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh"
) -> tuple[Array, Array]:
    r"""The model run as a recurrence over u (..., L): outputs (..., L) and the state (..., n) after
    the last sample.

    `state` is the state before the first sample, zero if None, so a signal may be cut anywhere:
    pass each part the state of the one before. With one input and one output, in chunks of Q
    samples, all matrix products; X is the state before a chunk,

    .. math::  y = T u + (C A^{i+1})_i X, \qquad X \leftarrow A^Q X + [A^{Q-1} B, \dots, B]\, u

    with T the triangular Toeplitz matrix of the kernel: O((Q + n) L) operations and O(n L / Q)
    memory beside the output, no loop over time. A form with several inputs and outputs goes through
    its states, O((M + P) n L) operations, O(n L) memory.

    Raises what `kernel` raises, and ValueError for shapes that do not fit. Accuracy: relative to
    sum_m |C A^{l-m} B u_m| about l eps, for an error in A^{2^k} is doubled in the next square.

    Source: Dao & Gu 2024 (Mamba-2), Section 6 (the chunks), here with one A for all samples.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> y, x = scan(forms.Recurrence(0.5 * one, one, one, np.asarray(0.0)), np.ones(3))
    >>> y, x.real
    (array([1.  , 1.5 , 1.75]), array([1.75]))
    """
    system, inner, first = _admit(form, u, state, rule)
    evaluate = _through_states if isinstance(inner, MIMORecurrence) else _in_chunks
    with backend.quietly(u):
        y, last = evaluate(system, inner, u, first)
    return fitting(y), fitting(last)


def step(
    form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh"
) -> tuple[Array, Array]:
    """One sample of the recurrence: u (...) in, or (..., M) for several inputs; output (...) or
    (..., P) and state out.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> step(forms.Recurrence(0.5 * one, one, one, np.asarray(0.0)), np.asarray(1.0), 2 * one)[0]
    array(2.)
    """
    backend.namespace(u=u)
    system, inner, first = _admit(form, u[..., None], state, rule)
    xp, u = backend.namespace(u=u), u[..., None]
    several, B, C = isinstance(inner, MIMORecurrence), inner.B, readout(inner)
    with backend.quietly(u):
        inputs = xp.matmul(B, match(u, B))[..., 0] if several else match(u, B) * B
        last = (
            _times(inner.A, first[..., None, None, :], isinstance(inner, DenseRecurrence))[
                ..., 0, 0, :
            ]
            + inputs
        )
        read = (first if isinstance(system, Delayed) else last)[..., None]
        y = xp.matmul(C, read) if several else xp.matmul(C[..., None, :], read)[..., 0, :]
        y = (backend.real(y) + (xp.matmul(system.D, u) if several else system.D[..., None] * u))[
            ..., 0
        ]
    return fitting(y), fitting(last)


def final_state(
    form: Continuous | Discrete, u: Array, state: Array | None = None, *, rule: Rule = "zoh"
) -> Array:
    r"""The state (..., n) after the last sample of u, (..., L) or (..., M, L), that began at
    `state`: scan(...)[1], less work.

    .. math::  x_{L-1} = A^L x_{-1} + \sum_l A^{L-1-l} B u_l

    For modes a transposed Vandermonde product, O(n L) operations in matrix products, O(n sqrt(L))
    memory, no outputs; for a dense A by the chunks of `scan`. Raises what `scan` raises.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> final_state(forms.Recurrence(0.5 * one, one, one, np.asarray(0.0)), np.ones(3)).real
    array([1.75])
    """
    _, inner, first = _admit(form, u, state, rule)
    length = u.shape[-1]
    with backend.quietly(u):
        if isinstance(inner, DenseRecurrence):
            extra = _extra(u, inner)
            _, last = _chunk_states(
                inner, _cut(_fold(u, extra), min(_CHUNK, length)), _fold(first, extra), length
            )
            return fitting(_unfold(last, u.shape[:extra]))
        xp = backend.namespace(u=u)
        backward, base = xp.flip(u, axis=-1), base_of(form, rule, inner)
        if isinstance(inner, MIMORecurrence):
            base = tables.reshaped(base, lambda part: part[..., None, :])
            inputs = xp.sum(swap(inner.B) * moments(backward, base), axis=-2)
        else:
            inputs = inner.B * moments(backward, base)
        return fitting(_power(inner.A, length, dense=False) * first + inputs)


def states(
    form: Continuous | Discrete,
    u: Array,
    at: Sequence[int],
    state: Array | None = None,
    *,
    rule: Rule = "zoh",
) -> Array:
    """The states (..., T, n) after the samples with the rising indices `at`, from one to the next
    by `final_state`.

    Raises what `scan` raises, and ValueError unless 0 <= at[0] < at[1] < ... < L. One pass over the
    signal and one call for each index.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> states(forms.Recurrence(0.5 * one, one, one, np.asarray(0.0)), np.ones(3), [0, 2])[:, 0].real
    array([1.  , 1.75])
    """
    system, _, state = _admit(form, u, state, rule)
    indices = [require.integer("at", index, least=0) for index in at]
    length = u.shape[-1]
    if (
        not indices
        or any(later <= index for index, later in pairwise(indices))
        or indices[-1] >= length
    ):
        rule_of_at = f"`at` must hold rising indices below {length}, the length of `u`"
        raise ValueError(
            f"{rule_of_at}; got {indices}. Sort it, drop what is twice, and count from 0."
        )
    found = []
    for start, stop in pairwise([0, *(index + 1 for index in indices)]):
        state = final_state(system, u[..., start:stop], state)
        found.append(state)
    return backend.namespace(u=u).stack(found, axis=-2)


def free_response(
    form: Continuous | Discrete, state: Array, length: int, *, rule: Rule = "zoh"
) -> Array:
    r"""What a state (..., n) lets hear without any input: y_l = Re(C A^{l+1} x) for l = 0 ..
    length-1.

    It is the kernel of the system with B = A x and D = 0. Returns (..., length), or (..., P,
    length) for several outputs, so that scan(form, u, state)[0] = convolve(u, kernel(form, L)) +
    free_response(form, state, L). Raises what `kernel` raises, and ValueError for a state of
    another shape. Accuracy and cost: those of `kernel`.

    >>> from ssmlinalg import forms
    >>> import numpy as np
    >>> one = np.ones(1) + 0j
    >>> free_response(forms.Recurrence(0.5 * one, one, one, np.asarray(0.0)), one, 3)
    array([0.5  , 0.25 , 0.125])
    """
    length = require.integer("length", length)
    system = sampled(form, rule)
    inner = _inner(system)
    backend.namespace(state=state, A=inner.A)
    if backend.is_numpy(state):
        require.finite("state", np.asarray(state))
    n = inner.A.shape[-1]
    require.shape(
        "state",
        tuple(state.shape),
        f"(..., n) with n = {n} from `A`",
        state.ndim > 0 and state.shape[-1] == n,
    )
    require.broadcasts("state", tuple(state.shape[:-1]), batch_of(inner), "the form")
    delayed, several = isinstance(system, Delayed), isinstance(inner, MIMORecurrence)
    state, A = match(state, inner.A), match(inner.A, state)
    with backend.quietly(state):
        B = (
            state
            if delayed
            else _times(A, state[..., None, None, :], isinstance(inner, DenseRecurrence))[
                ..., 0, 0, :
            ]
        )
    if several:
        D = backend.zeros((inner.C.shape[-2], 1), inner.D)
        return kernel(inner._replace(B=B[..., None], D=D), length)[..., 0, :]
    return kernel(inner._replace(B=B, D=backend.zeros((), inner.D)), length)


def _inner(system: Any) -> Any:
    return system.system if isinstance(system, Delayed) else system


def _admit(form: Any, u: Array, state: Array | None, rule: Rule) -> tuple[Any, Any, Array]:
    """The sampled system, the recurrence in it, and the state to begin with in its full shape, once
    all of them fit.
    """
    system = sampled(form, rule)
    inner = _inner(system)
    given = {} if state is None else {"state": state}
    backend.namespace(u=u, A=inner.A, **given)
    real_signal("u", u)
    several = isinstance(inner, MIMORecurrence)
    if several:
        rule_of_u = f"(..., M, L) with M = {inner.B.shape[-1]} from `B`"
        require.shape(
            "u", tuple(u.shape), rule_of_u, u.ndim >= 2 and u.shape[-2] == inner.B.shape[-1]
        )
    lead = require.broadcasts(
        "u", tuple(u.shape[: -2 if several else -1]), _batch(system), "the form"
    )
    refuse_overflow(inner, u.shape[-1])
    refuse_size("the states", inner, u.shape[-1])
    if isinstance(inner, DenseRecurrence) and any(
        map(backend.is_complex, (*inner[:3], *given.values()))
    ):
        inner = inner._replace(**{name: backend.as_complex(getattr(inner, name)) for name in "ABC"})
    return system, inner, start(state, (*lead, inner.A.shape[-1]), inner.A)


def start(state: Array | None, shape: tuple[int, ...], like: Array) -> Array:
    """The state before the first sample in its full shape, zero if None."""
    if state is not None and backend.is_numpy(state):
        require.finite("state", np.asarray(state))
    first = backend.zeros(shape, like) if state is None else match(state, like)
    require.shape(
        "state",
        tuple(first.shape),
        f"that broadcasts to {shape[:-1]} + ({shape[-1]},)",
        _fits(first.shape, shape),
    )
    return backend.namespace(first=first).broadcast_to(first, shape)


def _batch(system: Any) -> tuple[int, ...]:
    """The leading axes of all fields, the direct path of a `Delayed` among them."""
    inner = _inner(system)
    return np.broadcast_shapes(
        batch_of(inner), system.D.shape[: -2 if isinstance(inner, MIMORecurrence) else None]
    )


def _in_chunks(system: Any, inner: Any, u: Array, first: Array) -> tuple[Array, Array]:
    """Outputs and last state of a form with one input and one output."""
    xp, length = backend.namespace(u=u), u.shape[-1]
    size, extra = min(_CHUNK, length), _extra(u, system)
    chunks = _cut(_fold(u, extra), size)
    starts, last = _chunk_states(inner, chunks, _fold(first, extra), length)
    A, C, dense = inner.A, readout(inner), isinstance(inner, DenseRecurrence)
    table = _krylov(swap(A) if dense else A, C, size + 1, dense)  # C A^i as columns
    K = output_of_states(inner.B[..., None, :], table[..., :-1])[..., 0, :]
    if isinstance(system, Delayed):
        K = xp.concat([xp.zeros_like(K[..., :1]), K[..., :-1]], axis=-1)
    response = table[..., :-1] if isinstance(system, Delayed) else table[..., 1:]
    K = K + system.D[..., None] * backend.eye(size, K)[0, :]
    y = xp.matmul(_rows(chunks), causal(K)) + output_of_states(_rows(starts), response)
    y = xp.reshape(y, (*y.shape[:-2], chunks.shape[-3], chunks.shape[-2] * size))[..., :length]
    return _unfold(y, u.shape[:extra]), _unfold(last, u.shape[:extra])


def _chunk_states(inner: Any, chunks: Array, first: Array, length: int) -> tuple[Array, Array]:
    """The states (..., E, c, n) before each chunk of (..., E, c, Q), and the one (..., E, n) after
    `length` samples.
    """
    xp, (c, size), dense = (
        backend.namespace(chunks=chunks),
        chunks.shape[-2:],
        isinstance(inner, DenseRecurrence),
    )
    rest = length - (c - 1) * size  # samples in the last chunk
    reach = swap(
        xp.flip(_krylov(inner.A, inner.B, size, dense), axis=-1)
    )  # A^{Q-1}B, ..., AB, B as rows
    ends = states_of_inputs(_rows(chunks[..., :-1, :]), reach)
    ends = xp.reshape(ends, (*ends.shape[:-2], chunks.shape[-3], c - 1, ends.shape[-1]))
    starts = xp.concat(
        [first[..., None, :], xp.broadcast_to(ends, (*first.shape[:-1], *ends.shape[-2:]))], axis=-2
    )
    starts = geometric(
        _power(inner.A, size, dense),
        starts,
        partial(_times, dense=dense),
        partial(_square, dense=dense),
    )
    newest = _times(_power(inner.A, rest, dense), starts[..., -1:, :], dense)[..., 0, :]
    return starts, newest + states_of_inputs(chunks[..., -1, :rest], reach[..., size - rest :, :])


def _through_states(system: Any, inner: Any, u: Array, first: Array) -> tuple[Array, Array]:
    """Outputs and last state of a form with several inputs and outputs: all its states, in one
    halving recursion.
    """
    xp = backend.namespace(u=u)
    inputs = states_of_inputs(swap(u), swap(inner.B))
    inputs = xp.broadcast_to(inputs, (*first.shape[:-1], *inputs.shape[-2:]))
    # The state before the first sample stands in front as one more, and is carried along like an
    # input.
    states = xp.concat([first[..., None, :], inputs], axis=-2)
    states = geometric(inner.A, states, lambda A, x: A[..., None, :] * x, lambda A: A * A)
    read = states[..., :-1, :] if isinstance(system, Delayed) else states[..., 1:, :]
    return swap(output_of_states(read, swap(readout(inner)))) + xp.matmul(system.D, u), states[
        ..., -1, :
    ]


def readout(inner: Any) -> Array:
    """C with the factor of a half spectrum in it."""
    return 2 * inner.C if isinstance(inner, (PairedRecurrence, MIMORecurrence)) else inner.C


def _times(A: Array, x: Array, dense: bool) -> Array:
    """A x for states x (..., E, c, n)."""
    return (
        backend.namespace(x=x).matmul(x, swap(A)[..., None, :, :])
        if dense
        else A[..., None, None, :] * x
    )


def _square(A: Array, dense: bool) -> Array:
    return backend.namespace(A=A).matmul(A, A) if dense else A * A


def _power(A: Array, exponent: int, dense: bool) -> Array:
    """A^exponent for an exponent of at least 1, by squaring."""
    if exponent == 1:
        return A
    half = _power(_square(A, dense), exponent // 2, dense)
    return (
        half if exponent % 2 == 0 else backend.namespace(A=A).matmul(A, half) if dense else A * half
    )


def _krylov(A: Array, v: Array, count: int, dense: bool) -> Array:
    """v, A v, ..., A^{count-1} v as columns (..., n, count)."""
    if not dense:
        return v[..., None] * powers(A, count)
    xp = backend.namespace(A=A)
    block = xp.broadcast_to(v, (*np.broadcast_shapes(v.shape[:-1], A.shape[:-2]), v.shape[-1]))[
        ..., None
    ]
    while block.shape[-1] < count:
        block = xp.concat([block, xp.matmul(A, block)], axis=-1)
        A = xp.matmul(A, A)
    return block[..., :count]


def _extra(u: Array, system: Any) -> int:
    """How many leading axes of the signal the form does not have."""
    return max(0, u.ndim - 1 - len(_batch(system)))


def _fold(x: Array, extra: int) -> Array:
    """(*extra, ..., L) as (..., E, L): signals that share a form share its matrix products."""
    xp = backend.namespace(x=x)
    turned = xp.permute_dims(x, (*range(extra, x.ndim - 1), *range(extra), x.ndim - 1))
    return xp.reshape(turned, (*x.shape[extra:-1], math.prod(x.shape[:extra]), x.shape[-1]))


def _unfold(x: Array, extra: tuple[int, ...]) -> Array:
    """(..., E, L) as (*extra, ..., L)."""
    xp, batch = backend.namespace(x=x), x.ndim - 2
    whole = xp.reshape(x, (*x.shape[:-2], *extra, x.shape[-1]))
    return xp.permute_dims(
        whole, (*range(batch, batch + len(extra)), *range(batch), whole.ndim - 1)
    )


def _cut(u: Array, size: int) -> Array:
    """(..., L) as chunks (..., c, size), the last one filled up with zeros."""
    xp, length = backend.namespace(u=u), u.shape[-1]
    count = -(-length // size)
    if length < count * size:
        u = xp.concat([u, backend.zeros((*u.shape[:-1], count * size - length), u)], axis=-1)
    return xp.reshape(u, (*u.shape[:-1], count, size))


def _rows(x: Array) -> Array:
    """(..., E, c, m) as (..., E c, m)."""
    return backend.namespace(x=x).reshape(
        x, (*x.shape[:-3], x.shape[-3] * x.shape[-2], x.shape[-1])
    )


def fitting(result: Array) -> Array:
    """The result, refused on the host when it overflowed."""
    return finite(lambda result, _: result, result, None)


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
