"""Models away from their own clock: irregular steps, the kernel at any time, another rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..discretize import Rule, sampled
from ..forms import (
    DPLR,
    KINDS,
    MIMO,
    NPLR,
    Continuous,
    Dense,
    Diagonal,
    Kind,
    Paired,
    Recurrence,
    View,
    batch,
    check,
    kind,
    plain,
    view,
)
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import tables
from ..powers.settled_steps import of_exponentials
from ..products.linear_recurrences import continued, output_of_states, powers, states_of_inputs
from .arguments import complex_like, one_field, real_signal, signal_axes, state_of_shape
from .blocks import fold_blocks
from .last_axes import broadcast, reshaped, transposed

AnyContinuous = TypeVar("AnyContinuous", Dense, DPLR, Diagonal, Paired, MIMO)

_DIGITS = 24  # binary digits of a time,
_DEGREE = 12  # the degree of the Taylor series for what they leave,
_LARGEST = 5e6  # exact to rounding up to this |A| t: (5e6 2^-24)^13/13! < eps


def scan_irregular(
    form: Diagonal | Paired | MIMO,
    u: Array,
    steps: Array,
    state: Array | None = None,
    *,
    rule: Rule = "zoh",
) -> tuple[Array, Array]:
    r"""The recurrence over a signal with a step of its own for each sample.

    .. math::  x_l = f(h_l A)\, x_{l-1} + g(h_l A)\, h_l B u_l, \qquad
               y_l = \mathrm{Re}\, C x_l + D u_l

    Steps that are all alike make it `scan`. A signal may be cut anywhere.

    Args:
        form: a continuous form of modes.
        u: (..., L), or (..., M, L) for several inputs.
        steps: h (..., L), the time from sample l-1 to sample l, in place of form.step. For several
            inputs (..., n, L) or (..., 1, L): for each mode its own or the same.
        state: (..., n) before the first sample. None is a system at rest.
        rule: any rule that reads one sample a step.

    Returns:
        Outputs (..., L), or (..., P, L) for several, and the state (..., n) after the last sample.

    Raises:
        TypeError: for forms that are not diagonal, for a rule that reads two samples ("foh"), and
            for a signal that is complex, or of another library or precision; what `forms.check`
            raises.
        ValueError: for shapes that do not fit and an unknown rule; on the host also for steps that
            are not positive and for a model that outgrows its precision; what `forms.check` raises.

    Accuracy:
        That of the sampled e^{hA}, times l.

    Cost:
        O(n L) operations, f and g at n L points, memory for one block of states beside the output,
        gradients apart; under JAX a compiled loop over blocks, under torch.compile all at once.

    Source:
        Smith, Warrington & Linderman 2023 (S5), Section 6.3 (variable intervals) and Appendix H
        (the associative scan).

    Example:
        >>> one = np.ones(1)
        >>> integrator = Diagonal(0 * one, one, one, 0.0, 1.0)
        >>> scan_irregular(integrator, np.ones(3), np.array([1.0, 0.5, 2.0]))[0]  # the time passed
        array([1. , 1.5, 3.5])
    """
    system = _untimed("scan_irregular", form, matrices=False)
    lead = _check_signals(system, u, steps, state)
    clocked = _Clocked(view(system), rule, kind(system).ports)
    A = clocked.parts.A
    first = state_of_shape(state, (*lead, A.shape[-1]), A)
    clocked.samples(steps[..., :1])  # a rule that does not fit is refused here
    with backend.quietly(u):
        held = 2 * math.prod(first.shape)  # states, and as many samples of the modes
        last, y = fold_blocks(clocked.run, first, (u, steps), held)
    return backend.fitting(y), backend.fitting(last)


class _Clocked(NamedTuple):
    """Modes in continuous time, and the rule that samples them at steps given with the signal."""

    parts: View
    rule: Rule
    ports: bool

    def samples(self, steps: Array) -> tuple[Array, Array]:
        """f(h A) and h g(h A) as (..., b, n) at the steps (..., b) or (..., n, b) of a block.

        To the rule each mode is a system of its own, with a batch of steps.
        """
        h = transposed(steps) if self.ports else steps[..., None]
        one = backend.as_complex(backend.eye(1, h)[0, :])
        A = self.parts.A[..., None, :, None]
        each = Diagonal(A, B=one, C=one, D=backend.zeros((), h), step=h)
        found = sampled(each, rule=self.rule)
        if not isinstance(found, Recurrence):
            got = f"a rule that makes a {type(found).__name__}"
            raise TypeError(f"`rule` must read one sample a step; got {got}. Take zoh or bilinear.")
        return found.A[..., 0], found.B[..., 0]

    def run(self, state: Array, u: Array, steps: Array) -> tuple[Array, Array]:
        """The last state and the outputs of a block."""
        _, B, C, D = self.parts
        inputs = u if self.ports else u[..., None, :]
        f, gain = self.samples(steps)
        x = gain * states_of_inputs(transposed(inputs), transposed(B))
        x = broadcast(x, state.shape[:-1], 2)
        x = continued(f, x, state)
        y = transposed(output_of_states(x, transposed(C)))
        y = y + backend.matmul(D, inputs)
        return x[..., -1, :], y if self.ports else y[..., 0, :]


def _check_signals(system: Any, u: Array, steps: Array, state: Array | None) -> tuple[int, ...]:
    """The leading axes of signal, steps and form together, once they are known to fit."""
    ports = kind(system).ports
    given = {} if state is None else {"state": state}
    backend.namespace(u=u, steps=steps, A=system.A, **given)
    lead = signal_axes(u, system)
    real_signal("steps", steps)
    if backend.is_numpy(steps) and not np.all(steps > 0):
        raise ValueError(
            f"`steps` must be positive; got {float(np.min(steps)):g}. "
            "Put the samples in order, and those of one time together."
        )
    n = system.A.shape[-1]
    length = u.shape[-1]
    rule = f"(..., n, L) with n = {n} or 1 and" if ports else "(..., L) with"
    fits = steps.shape[-1] == length
    if ports:
        fits = fits and steps.ndim >= 2 and steps.shape[-2] in (1, n)
    require.shape("steps", tuple(steps.shape), f"{rule} L = {length} from `u`", fits)
    own = tuple(steps.shape[: -2 if ports else -1])
    return require.broadcasts("steps", own, lead, "`u` and the form")


def kernel_at(form: Continuous, times: Array) -> Array:
    r"""The continuous impulse response at any times: step, rule and D have no part in it.

    .. math::  K(t) = \mathrm{Re}\, C e^{At} B \quad (2\, \mathrm{Re} \text{ for half a spectrum})

    Sampled every `step` and times `step` it is the kernel of the rule "impulse" (of MIMO if all
    modes have that step). For a matrix t is read in binary: e^{At} B = (product of e^{A T 2^{-k}}
    over the digits k) (Taylor series of the rest), with T the longest time.

    Args:
        form: a continuous form with an output.
        times: t >= 0 (..., T), in the units of A. Leading axes broadcast against the form.

    Returns:
        Real values (..., T), or (..., P, M, T) for several inputs.

    Raises:
        TypeError: for forms that are not continuous or have no output, and for times that are
            complex, or of another library or precision; what `forms.check` raises.
        ValueError: for shapes that do not fit; on the host also for negative times, for growth
            beyond the precision, and for a matrix with |A| t beyond 5e6; what `forms.check` raises.

    Accuracy:
        For modes about (n + |Re A| t) eps relative to sum |C B e^{At}|, for phases lose whole turns
        before they are rounded. For a matrix to rounding, for |A| T up to 5e6.

    Cost:
        n T exponentials, in blocks, so that memory is bounded. For a matrix 25 exponentials and 37
        products of A with T vectors, O(N^2 T).

    Example:
        >>> one = np.ones(1)
        >>> kernel_at(Diagonal(-one, one, one, 0.0, 1.0), np.array([0.0, np.log(2.0)]))
        array([1. , 0.5])
    """
    system = _untimed("kernel_at", form, matrices=True)
    backend.namespace(times=times, A=system.A)
    real_signal("times", times)
    if backend.is_numpy(times) and np.any(times < 0):
        raise ValueError(
            f"`times` must not be negative; got {float(np.min(times)):g}. "
            "Before its impulse a system is at rest."
        )
    require.broadcasts("times", tuple(times.shape[:-1]), batch(system), "the form")
    evaluate = _matrix_at if kind(system).matrix else _modes_at
    with backend.quietly(times):
        K = backend.fitting(evaluate(view(one_field(system)), times))
    return K if kind(system).ports else reshaped(K, 3, K.shape[-1])


def resample(form: AnyContinuous, rate: float) -> AnyContinuous:
    """The same continuous system with `rate` times as many samples in a unit of time: step / rate.

    Under the rule "zoh" an input repeated `rate` times gives the same output at the last of each
    `rate` samples, so K_l is the sum of `rate` neighbours of the new kernel. Under "impulse" K_l =
    rate K'_{rate l}. Both without D, exactly, for an integer rate; other rules up to their order.

    Args:
        form: a continuous form with an output.
        rate: a positive number.

    Returns:
        The form with another step.

    Raises:
        TypeError: for a discrete form, for log A_d is known up to a turn only, so its own rate may
            not be; what `forms.check` raises.
        ValueError: unless rate > 0; what `forms.check` raises.

    Example:
        >>> one = np.ones(1)
        >>> resample(Diagonal(-one, one, one, 0.0, 0.5), 2).step
        np.float64(0.25)
    """
    rate = require.real("rate", rate, above=0)
    _check_kind("resample", form, _timed)
    checked: Any = check(form)
    return checked._replace(step=checked.step / rate)


def _untimed(name: str, form: Any, *, matrices: bool) -> Any:
    """A, B, C and D of a continuous form as the recurrence with its output, step left out."""
    _check_kind(name, form, _timed if matrices else _timed_modes)
    found = plain(check(form))
    make: Any = kind(found).sampled
    return make(found.A, found.B, found.C, found.D)


def _check_kind(name: str, form: Any, fits: Callable[[type, Kind], bool]) -> None:
    """Refuse forms of another kind, with the names of those that fit."""
    known = KINDS.get(type(form))
    if known is not None and fits(type(form), known):
        return
    names = ", ".join(found.__name__ for found, line in KINDS.items() if fits(found, line))
    remedy = "Keep the form from before it was sampled."
    if known is not None and _timed(type(form), known):
        remedy = "Diagonalize it first."
    raise TypeError(f"{name} takes one of {names}; got {type(form).__name__}. {remedy}")


def _timed(form: type, known: Kind) -> bool:
    """Whether forms of a type are continuous and have an output."""
    return known.continuous and form is not NPLR


def _timed_modes(form: type, known: Kind) -> bool:
    return known.continuous and not known.matrix


def _modes_at(system: View, times: Array) -> Array:
    """Re C e^{At} B (..., P, M, T) from its modes."""
    A, B, C, _ = system
    weights = C[..., :, None, :] * transposed(B)[..., None, :, :]
    P, M, n = weights.shape[-3:]
    rows = reshaped(weights, 3, P * M, n)

    def block(_: tuple[()], times: Array) -> tuple[tuple[()], Array]:
        column = A[..., :, None]
        reach = of_exponentials(times[..., None, :], column)
        powers = tables.exponential(reach, column).value
        return (), output_of_states(rows, powers)

    together = np.broadcast_shapes(times.shape[:-1], A.shape[:-1])
    _, K = fold_blocks(block, (), (times,), math.prod(together) * A.shape[-1])
    return reshaped(K, 2, P, M, K.shape[-1])


def _matrix_at(system: View, times: Array) -> Array:
    """Re C e^{At} B (..., P, M, T) from the binary digits of t, in balanced units."""
    units = backend.balance(system.A)[..., None, None, :]
    apart = units[..., None, :] - units[..., :, None]
    A = backend.times_two_to(system.A[..., None, None, :, :], apart)
    B = backend.times_two_to(transposed(system.B)[..., None, :, :], -units)
    C = backend.times_two_to(system.C[..., :, None, :], units)
    times = times[..., None, None, :]
    xp = backend.library(times)
    longest = xp.max(times)
    longest = xp.where(longest > 0, longest, xp.ones_like(longest))
    _refuse_long(A, longest)
    unit = longest * 0.5**_DIGITS
    digits = xp.floor(times / longest * 2.0**_DIGITS)
    rest = times - digits * unit
    ones = complex_like(xp.ones_like(times), B)
    x = term = B[..., None] * ones[..., None, :]
    for k in range(1, _DEGREE + 1):
        term = backend.matmul(A, term * complex_like(rest / k, B)[..., None, :])
        x = x + term

    def digit(x: Array, place: Array) -> tuple[Array, Array]:
        two = xp.full_like(digits, 2.0)
        present = xp.remainder(xp.floor(digits / place), two) == 1
        E = backend.expm(A * complex_like(unit * place, A))
        return xp.where(present[..., None, :], backend.matmul(E, x), x), place

    places = powers(xp.full_like(longest, 2.0), _DIGITS + 1)
    x, _ = backend.fold(digit, x, (places,))
    return output_of_states(C[..., None, :], x)[..., 0, :]


def _refuse_long(A: Array, longest: Array) -> None:
    """Refuse on the host times beyond which the Taylor series of the rest is not exact."""
    if not backend.is_numpy(A):
        return
    norms = np.linalg.norm(A, 1, axis=(-2, -1))
    size = float(np.max(norms) * longest)
    if size > _LARGEST:
        raise ValueError(
            f"|A| times the longest of `times` must stay below {_LARGEST:g}; got {size:.3g}. "
            "Shorten the times, or diagonalize the form."
        )
