"""A model run sample by sample: sampled and checked once, then plain arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import mul
from typing import Any

import numpy as np

from ..discretize import Rule, low_rank, sampled
from ..forms import Continuous, Delayed, Discrete, check, kind, view
from ..ground import backend
from ..ground.backend import Array
from .arguments import at_rest, one_field

Step = Callable[..., tuple[Array, Array]]
Linear = Callable[[Array], Array]


def stepper(form: Continuous | Discrete, *, rule: Rule = "zoh") -> Step:
    r"""A function that runs the model by one sample, for loops in real time.

    .. math::  x_l = \bar A x_{l-1} + \bar B u_l, \qquad y_l = \mathrm{Re}\, C x_l + D u_l

    Args:
        form: any form with an output. It is sampled and checked here, once.
        rule: how a continuous form is sampled; a discrete one does not use it.

    Returns:
        The function (u, state=None) -> (y, state). It takes arrays of the library, device and
        precision of the form: u (...), or (..., M) for several inputs, and the state (..., n) that
        it returned last, None for a system at rest; y is (...) or (..., P). It checks nothing and
        refuses nothing: what overflows becomes infinite. It can be compiled (jax.jit,
        torch.compile) and differentiated.

    Raises:
        TypeError: for an `NPLR`; what `forms.check` raises.
        ValueError: for an unknown rule, and for a model that cannot be sampled; what `forms.check`
            raises.

    Cost:
        O(n) operations a sample and a few microseconds in NumPy, O(N^2) for a matrix; O(N R) for a
        `DPLR` form under a rule of fractions, bilinear or Euler's.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> run = stepper(forms.Recurrence(0.5 * one, one, one, 0.0))
        >>> y, state = run(np.asarray(1.0))
        >>> run(np.asarray(1.0), state)[0]
        np.float64(1.5)
    """
    return step_of_form(check(form), rule)


def step_of_form(form: Any, rule: Rule) -> Step:
    """The function that `stepper` returns, of a form behind the door.

    Args:
        form: any form that `check` has passed.
        rule: as in `stepper`.

    Returns:
        The function (u, state=None) -> (y, state).

    Example:
        >>> from ssmlinalg import s4_init
        >>> step_of_form(s4_init(64), "bilinear")(np.asarray(0.0))[1].shape
        (64,)
    """
    feedback = low_rank(form, rule)
    if feedback is None:
        return step_of_system(sampled(form, rule=rule))
    D, U, V, B = feedback
    fed_back = _times(U)
    seen = _times(V)
    read = _real_sum(form.C)
    drive = _spread(B)
    direct = form.D
    rest = at_rest(form)

    def step(u: Array, state: Array | None = None) -> tuple[Array, Array]:
        before = rest if state is None else state
        after = D * before + fed_back(seen(before)) + drive(u)
        return read(after) + direct * u, after

    return step


def step_of_system(system: Any) -> Step:
    """The function that `stepper` returns, of a discrete form behind the door.

    Args:
        system: a discrete form that `check` has passed, or samples of one.

    Returns:
        The function (u, state=None) -> (y, state).

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> system = forms.Recurrence(0.5 * one, one, one, np.asarray(0.0))
        >>> step_of_system(system)(np.asarray(1.0), 2 * one)[0]
        np.float64(2.0)
    """
    known = kind(system)
    system = one_field(system)
    A, B, C, D = view(system)
    rest = at_rest(system)
    late = isinstance(system, Delayed)
    advance = _times(A) if known.matrix else partial(mul, A)
    drive = _times_real(B) if known.ports else _spread(B[..., 0])
    read = _real_times(C) if known.ports else _real_sum(C[..., 0, :])
    direct = _times(D) if known.ports else partial(mul, D[..., 0, 0])

    def step(u: Array, state: Array | None = None) -> tuple[Array, Array]:
        before = rest if state is None else state
        after = advance(before) + drive(u)
        return read(before if late else after) + direct(u), after

    return step


def _times(matrix: Array) -> Linear:
    """x -> M x."""
    if backend.is_numpy(matrix):  # a call less
        return lambda x: (matrix @ x[..., None])[..., 0]
    return partial(backend.matvec, matrix)


def _times_real(matrix: Array) -> Linear:
    """u -> M u for a real u, made complex if M is: products of matrices do not mix."""
    times = _times(matrix)
    if not backend.is_complex(matrix):
        return times
    astype = backend.library(matrix).astype
    return lambda u: times(astype(u, matrix.dtype))


def _real_times(matrix: Array) -> Linear:
    """x -> Re(M x)."""
    times = _times(matrix)
    if not backend.is_complex(matrix):
        return times
    real = backend.library(matrix).real
    return lambda x: real(times(x))


def _spread(column: Array) -> Linear:
    """u -> b u."""
    return lambda u: column * u[..., None]


def _real_sum(row: Array) -> Linear:
    """x -> Re(c x)."""
    xp = backend.library(row)
    if backend.is_numpy(row):  # one pass, without the array of products
        conjugate = np.conj(row)
        return lambda x: np.vecdot(conjugate, x).real
    if not backend.is_complex(row):
        return lambda x: xp.sum(row * x, axis=-1)
    return lambda x: xp.real(xp.sum(row * x, axis=-1))
