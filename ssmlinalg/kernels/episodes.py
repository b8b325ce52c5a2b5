"""A recurrence over signals of several episodes, whose state is forgotten between them."""

from __future__ import annotations

import math
from typing import Any

from ..discretize import Rule, sampled
from ..forms import Continuous, Discrete, View, check, is_recurrence, kind, view
from ..ground import backend, require
from ..ground.backend import Array
from ..products.linear_recurrences import continued, output_of_states, states_of_inputs
from .arguments import one_field, signal_axes, state_of_shape
from .blocks import fold_blocks
from .last_axes import broadcast, transposed


def scan_episodes(
    form: Continuous | Discrete,
    u: Array,
    reset: Array,
    state: Array | None = None,
    *,
    rule: Rule = "zoh",
) -> tuple[Array, Array]:
    r"""The recurrence over a signal in which episodes begin: the state before them is forgotten.

    .. math::  x_l = (1 - r_l)\, \bar A x_{l-1} + \bar B u_l, \qquad
               y_l = \mathrm{Re}\, C x_l + D u_l

    Without a reset it is `scan`, and each episode by itself gives the same.

    Args:
        form: a form of modes.
        u: (..., L), or (..., M, L) for several inputs.
        reset: r (..., L), true at the first sample of an episode; leading axes broadcast.
        state: (..., n) before the first sample. None is a system at rest.
        rule: any rule that reads one sample a step; a discrete form does not use it.

    Returns:
        Outputs (..., L), or (..., P, L) for several, and the state (..., n) after the last sample.

    Raises:
        TypeError: for a matrix, for a rule that reads two samples ("foh"), for a reset that is not
            of truth values or of another library; what `scan` raises.
        ValueError: for shapes that do not fit; what `scan` raises.

    Accuracy:
        That of A_d, times the samples of an episode.

    Cost:
        O(n L) operations in 2 log2 L calls a block, memory for one block of states.

    Source:
        Lu et al. 2023 (Structured state space models for in-context reinforcement learning),
        Section 3.1.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> counter = forms.Recurrence(one, one, one, 0.0)
        >>> scan_episodes(counter, np.ones(4), np.array([False, False, True, False]))[0]
        array([1., 2., 1., 2.])
    """
    system = sampled(check(form), rule=rule)
    if not is_recurrence(system) or kind(system).matrix:
        got = f"{type(form).__name__} under the rule {require.said(rule)}"
        remedy = "Diagonalize it, and take zoh or bilinear."
        raise TypeError(f"`form` must be one of modes that reads one sample; got {got}. {remedy}")
    given = {} if state is None else {"state": state}
    backend.namespace(u=u, A=system.A, **given)
    lead = signal_axes(u, system)
    _check_reset(reset, u, lead)
    system = one_field(system, *given.values())
    parts = view(system)
    first = state_of_shape(state, (*lead, parts.A.shape[-1]), parts.A)
    kept = backend.library(u).astype(~reset, u.dtype)
    ports = kind(system).ports

    def run(state: Array, u: Array, kept: Array) -> tuple[Array, Array]:
        return _block(parts, ports, state, u, kept)

    with backend.quietly(u):
        last, y = fold_blocks(run, first, (u, kept), math.prod(first.shape))
    return backend.fitting(y), backend.fitting(last)


def _check_reset(reset: Any, u: Array, lead: tuple[int, ...]) -> None:
    require.numbers("reset", reset, ("truth values",), "Compare it, as in reset > 0.")
    if backend.kind(reset) != backend.kind(u):
        rule = f"`reset` must be an array of {backend.kind(u)}, as `u` is"
        raise TypeError(f"{rule}; got one of {backend.kind(reset)}. Bring it to that library.")
    length = u.shape[-1]
    shape = tuple(reset.shape)
    fits = len(shape) > 0 and shape[-1] == length
    require.shape("reset", shape, f"(..., L) with L = {length} from `u`", fits)
    require.broadcasts("reset", shape[:-1], lead, "`u` and the form")


def _block(parts: View, ports: bool, state: Array, u: Array, kept: Array) -> tuple[Array, Array]:
    """The last state and the outputs of a block."""
    A, B, C, D = parts
    inputs = u if ports else u[..., None, :]
    f = A[..., None, :] * kept[..., :, None]
    x = broadcast(states_of_inputs(transposed(inputs), transposed(B)), state.shape[:-1], 2)
    x = continued(f, x, state)
    y = transposed(output_of_states(x, transposed(C))) + backend.matmul(D, inputs)
    return x[..., -1, :], y if ports else y[..., 0, :]
