"""Models away from their own clock: a step for each sample, the kernel at any time, another
rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..discretize import Rule, discretize
from ..forms import (
    DPLR,
    MIMO,
    Continuous,
    Dense,
    DenseRecurrence,
    Diagonal,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
    check,
    to_dense,
)
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import tables
from ..products.linear_recurrences import (
    accumulate,
    output_of_states,
    powers,
    states_of_inputs,
)
from .recurrence import fitting, readout, start
from .sampling import batch_of, match, real_signal, swap

AnyContinuous = TypeVar("AnyContinuous", Dense, DPLR, Diagonal, Paired, MIMO)

_CONTINUOUS = (Dense, DPLR, Diagonal, Paired, MIMO)
_UNTIMED = {
    Diagonal: Recurrence,
    Paired: PairedRecurrence,
    MIMO: MIMORecurrence,
    Dense: DenseRecurrence,
}
_PIECE = 1 << 17  # states held at a time: what a cache holds
_DIGITS, _DEGREE = 24, 12  # binary digits of a time, and the Taylor series for what they leave,
_LARGEST = 5e6  # exact to rounding up to this |A| t: (5e6 2^-24)^13/13! < eps


def scan_irregular(
    form: Diagonal | Paired | MIMO,
    u: Array,
    steps: Array,
    state: Array | None = None,
    *,
    rule: Rule = "zoh",
) -> tuple[Array, Array]:
    r"""The recurrence over u (..., L) with a step of its own for each sample: outputs (..., L) and
    the last state (..., n).

    .. math::  x_l = f(h_l A)\, x_{l-1} + g(h_l A)\, h_l B u_l, \qquad y_l = \mathrm{Re}\, C x_l + D u_l

    `steps` (..., L) holds h_l, the time from sample l-1 to sample l, in place of form.step; all
    alike they make it `scan`. With several inputs u (..., M, L), outputs (..., P, L), and steps
    (..., n, L) or (..., 1, L), for each mode its own or the same. `state` as in `scan`, so that a
    signal may be cut anywhere. Any rule that reads one sample a step.

    Raises TypeError for forms that are not diagonal and for a rule that reads two samples (foh);
    ValueError for shapes that do not fit, on the host also for steps that are not positive and for
    a model that outgrows its precision. Accuracy: that of the sampled e^{hA}, times l. Cost: O(n L)
    operations, f and g at n L points, memory for one piece of states beside the output, gradients
    apart; under JAX a compiled loop over pieces.

    Source: Smith, Warrington & Linderman 2023 (S5), Section 6.3 (variable intervals) and Appendix H
    (the associative scan).

    >>> one = np.ones(1) + 0j
    >>> integrator = Diagonal(0 * one, one, one, np.asarray(0.0), np.asarray(1.0))
    >>> scan_irregular(integrator, np.ones(3), np.array([1.0, 0.5, 2.0]))[0]  # the time that has passed
    array([1. , 1.5, 3.5])
    """
    system = untimed("scan_irregular", form, (Diagonal, Paired, MIMO))
    xp = backend.namespace(
        u=u, steps=steps, A=system.A, **({} if state is None else {"state": state})
    )
    for name, array in (("u", u), ("steps", steps)):
        real_signal(name, array)
    if backend.is_numpy(steps) and not np.all(steps > 0):
        got = f"{float(np.min(steps)):g}"
        raise ValueError(
            f"`steps` must be positive; got {got}. Put the samples in order, and those of one time together."
        )
    A, B, D = system.A, system.B, system.D
    n, length, several = A.shape[-1], u.shape[-1], isinstance(system, MIMORecurrence)
    if several:
        fits = u.ndim >= 2 and u.shape[-2] == B.shape[-1]
        require.shape("u", tuple(u.shape), f"(..., M, L) with M = {B.shape[-1]} from `B`", fits)
    rule_of_steps = (
        f"(..., n, L) with n = {n} or 1 and L = {length} from `u`"
        if several
        else f"(..., L) with L = {length} from `u`"
    )
    fits = steps.shape[-1] == length and (
        not several or (steps.ndim >= 2 and steps.shape[-2] in (1, n))
    )
    require.shape("steps", tuple(steps.shape), rule_of_steps, fits)
    core = -2 if several else -1
    lead = require.broadcasts("u", tuple(u.shape[:core]), batch_of(system), "the form")
    lead = require.broadcasts("steps", tuple(steps.shape[:core]), lead, "`u` and the form")
    first = start(state, (*lead, n), A)
    _samples(A, steps[..., :1], rule, several)  # a rule that does not fit is refused here

    def piece(state: Array, u: Array, steps: Array) -> tuple[Array, Array]:
        f, gain = _samples(A, steps, rule, several)
        x = gain * (
            states_of_inputs(swap(u), swap(B))
            if several
            else match(u, B)[..., None] * B[..., None, :]
        )
        x = xp.broadcast_to(x, (*lead, *x.shape[-2:]))
        x = accumulate(
            f,
            xp.concat(
                [f[..., :1, :] * state[..., None, :] + x[..., :1, :], x[..., 1:, :]], axis=-2
            ),
        )
        if several:
            return x[..., -1, :], swap(output_of_states(x, swap(readout(system)))) + xp.matmul(D, u)
        return x[..., -1, :], output_of_states(x, readout(system)[..., None])[..., 0] + D[
            ..., None
        ] * u

    with backend.quietly(u):
        last, y = in_pieces(piece, first, (u, steps), math.prod(first.shape))
    return fitting(y), fitting(last)


def kernel_at(form: Continuous, times: Array) -> Array:
    r"""The continuous impulse response at any times t >= 0, in the units of A: step, rule and D
    have no part in it.

    .. math::  K(t) = \mathrm{Re}\, C e^{At} B \quad (2\, \mathrm{Re} \text{ for half a spectrum})

    times (..., T) broadcast against the form; returns (..., T), or (..., P, M, T) for several
    inputs. Sampled every `step` and times `step` it is the kernel of the rule "impulse" (of MIMO if
    all modes have that step).

    Raises TypeError for forms that are not continuous, ValueError on the host for negative times,
    for growth beyond the precision, and for a matrix too large for its times (below). Accuracy for
    modes: relative to sum |C B e^{At}| about (n + |Re A| t) eps, for phases lose whole turns before
    they are rounded. Cost: n T exponentials, in pieces, so that memory is bounded.

    For a matrix t is read in binary: e^{At} B = (product of e^{A T 2^{-k}} over the digits k)
    (Taylor series of the rest), with T the longest time: 25 exponentials, 37 products of A with T
    vectors, O(N^2 T), exact to rounding for |A| T up to 5e6.

    >>> one = np.ones(1) + 0j
    >>> kernel_at(Diagonal(-one, one, one, np.asarray(0.0), np.asarray(1.0)), np.array([0.0, np.log(2.0)]))
    array([1. , 0.5])
    """
    system = untimed("kernel_at", form, _CONTINUOUS)
    backend.namespace(times=times, A=system.A)
    real_signal("times", times)
    if backend.is_numpy(times) and np.any(times < 0):
        raise ValueError(
            f"`times` must not be negative; got {float(np.min(times)):g}. Before its impulse a system is at rest."
        )
    require.broadcasts("times", tuple(times.shape[:-1]), batch_of(system), "the form")
    with backend.quietly(times):
        return fitting(
            (_matrix_at if isinstance(system, DenseRecurrence) else _modes_at)(system, times)
        )


def resample(form: AnyContinuous, rate: float) -> AnyContinuous:
    """The same continuous system with `rate` times as many samples in a unit of time: step / rate.

    Rule "zoh" hears no difference: an input repeated `rate` times gives the same output at the last
    of each `rate` samples, so K_l is the sum of `rate` neighbours of the new kernel. Rule
    "impulse": K_l = rate K'_{rate l}. Both without D, exactly, for an integer rate; other rules up
    to their order.

    Raises TypeError for a discrete form: log A_d is known up to a turn only, so its own rate may
    not be. ValueError unless rate > 0.

    >>> resample(Diagonal(np.array([-1 + 0j]), np.ones(1) + 0j, np.ones(1) + 0j, np.asarray(0.0), np.asarray(0.5)), 2).step
    np.float64(0.25)
    """
    rate = require.real("rate", rate, above=0)
    rate = require.real("rate", rate, above=0)
    untimed("resample", form, _CONTINUOUS)
    form = check(form)
    return form._replace(step=form.step / rate)


def untimed(name: str, form: Any, kinds: tuple[type, ...]) -> Any:
    """A, B, C and D of a continuous form of one of `kinds`, as the recurrence with its output."""
    if type(form) not in kinds:
        got, kind = type(form).__name__, ", ".join(kind.__name__ for kind in kinds)
        remedy = (
            "Diagonalize it first."
            if type(form) in _CONTINUOUS
            else "Keep the form from before it was sampled."
        )
        raise TypeError(f"{name} takes one of {kind}; got {got}. {remedy}")
    form = check(form)
    form = to_dense(form) if isinstance(form, DPLR) else form
    return _UNTIMED[type(form)](form.A, form.B, form.C, form.D)


def _samples(A: Array, steps: Array, rule: Rule, several: bool) -> tuple[Array, Array]:
    """f(h A) and h g(h A) as (..., L, n): to the rule each mode is a system of its own, with a
    batch of steps.
    """
    h = swap(steps) if several else steps[..., None]
    one = backend.as_complex(backend.eye(1, h)[0, :])
    sampled = discretize(Diagonal(A[..., None, :, None], one, one, backend.zeros((), h), h), rule)
    if not isinstance(sampled, Recurrence):
        got = f"a rule that makes a {type(sampled).__name__}"
        raise TypeError(f"`rule` must read one sample a step; got {got}. Take zoh or bilinear.")
    return sampled.A[..., 0], sampled.B[..., 0]


def _modes_at(system: Any, times: Array) -> Array:
    xp, A, C = backend.namespace(times=times), system.A, readout(system)
    several = isinstance(system, MIMORecurrence)
    weights = (
        C[..., :, None, :] * swap(system.B)[..., None, :, :]
        if several
        else (C * system.B)[..., None, :]
    )
    flat = xp.reshape(weights, (*weights.shape[:-3], -1, weights.shape[-1])) if several else weights

    def piece(_: Any, times: Array) -> tuple[Any, Array]:
        return (), output_of_states(
            flat, tables.exponential(times[..., None, :], A[..., :, None]).value
        )

    each = math.prod(np.broadcast_shapes(times.shape[:-1], A.shape[:-1])) * A.shape[-1]
    _, K = in_pieces(piece, (), (times,), each)
    return (
        xp.reshape(K, (*K.shape[:-2], *weights.shape[-3:-1], K.shape[-1]))
        if several
        else K[..., 0, :]
    )


def _matrix_at(system: DenseRecurrence, times: Array) -> Array:
    """Re C e^{At} B from the binary digits of t."""
    xp, (A, B, C, _) = backend.namespace(times=times), system
    if any(map(backend.is_complex, (A, B, C))):
        A, B, C = map(backend.as_complex, (A, B, C))
    longest = xp.max(times)
    longest = xp.where(longest > 0, longest, xp.ones_like(longest))
    if backend.is_numpy(A):
        size = float(np.max(np.linalg.norm(A, 1, axis=(-2, -1))) * longest)
        if size > _LARGEST:
            remedy = "Shorten the times, or diagonalize the form."
            raise ValueError(
                f"|A| times the longest of `times` must stay below {_LARGEST:g}; got {size:.3g}. {remedy}"
            )
    unit = longest * 0.5**_DIGITS
    digits = xp.floor(times / longest * 2.0**_DIGITS)
    rest = times - digits * unit
    term = x = B[..., None] * match(xp.ones_like(times), B)[..., None, :]
    for k in range(1, _DEGREE + 1):
        term = xp.matmul(A, term * match(rest / k, B)[..., None, :])
        x = x + term

    def digit(x: Array, place: Array) -> tuple[Array, Array]:
        there = xp.remainder(xp.floor(digits / place), xp.full_like(digits, 2.0)) == 1
        E = backend.expm(A * match(unit * place, A))
        return xp.where(there[..., None, :], xp.matmul(E, x), x), place

    x, _ = backend.fold(digit, x, (powers(xp.full_like(longest, 2.0), _DIGITS + 1),))
    return output_of_states(C[..., None, :], x)[..., 0, :]


def in_pieces(
    body: Callable[..., tuple[Any, Array]], state: Any, signals: tuple[Array, ...], each: int
) -> tuple[Any, Array]:
    """state, y <- body(state, piece of each signal) along time, in pieces of about `_PIECE`
    numbers, `each` to a sample.
    """
    xp, length = backend.namespace(signal=signals[0]), signals[0].shape[-1]
    size = min(length, max(16, _PIECE // max(each, 1)))
    whole = length - length % size
    cut = (xp.reshape(x[..., :whole], (*x.shape[:-1], whole // size, size)) for x in signals)
    state, y = backend.fold(body, state, tuple(xp.moveaxis(x, -2, 0) for x in cut))
    y = xp.moveaxis(y, 0, -2)
    y = xp.reshape(y, (*y.shape[:-2], whole))
    if whole == length:
        return state, y
    state, rest = body(state, *(x[..., whole:] for x in signals))
    return state, xp.concat([y, rest], axis=-1)
