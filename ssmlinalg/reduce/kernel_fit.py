r"""Kernels fitted by as few modes as an error allows, and the order below which none can.

The Hankel matrix of the window decides both ends: its singular values prove how many modes are
needed (`window_hankel`), its singular vectors are shifted by the nodes of a first model (Kung 1978;
the eigensystem realization of Juang & Pappa 1985), which `variable_projection` refines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..forms import PairedRecurrence, Recurrence
from ..ground import gate, require
from ..ground.backend import Array, Real
from ..ground.formats import EPS, TINY
from ..kernels import kernel as samples_of
from ..matrices.scaling import times_power
from .balanced_systems import conditioning
from .goals import WINDOWED, Goal, goal
from .real_systems import modes_of
from .reduction import Reduction, shaped
from .shift_invariance import first_nodes
from .variable_projection import Sums, Window, nodes, on_a_circle, refined, size, solved
from .window_certificate import sharper_bounds
from .window_hankel import Leading, leading, least_errors

Progress = Callable[..., None]

_LEAST_ERROR = 1e-13  # relative; below it the sums themselves are not known
# Singular values this much below the error are looked for: |H(e)|_2 of a noise e beside its norm.
_BELOW = {"l1": 0.02, "l2": 0.03, "sup": 0.1}
_ONE_BY_ONE = 24  # below, orders are tried one after the other
_FASTEST_GROWTH = 300.0  # by e^300 in the window
_MANY_MODES = 256  # beyond, kappa takes longer than the fit
_FOUND = 1e-8  # relative; a fit as near is not given up for as many modes as samples
_AT_REST = 0.5  # the node of a mode of weight 0


class Problem(NamedTuple):
    """One kernel and what its Hankel matrix proves.

    Attributes:
        samples: the window behind the direct path.
        spectrum: singular values and vectors of its Hankel matrix.
        lower: e_r, what every model of r states misses the window by, in the norm asked for.
        size: the norm of the whole kernel.
        allowed: the misfit that is asked for; 0 where an order is.
    """

    samples: Window
    spectrum: Leading
    lower: Real
    size: float
    allowed: float

    def least(self, error: float | None = None) -> int:
        """The least order that is not proved to miss by more than an error, the allowed one."""
        return int(np.argmax(self.lower <= (self.allowed if error is None else error)))

    @property
    def resolved(self) -> bool:
        """Whether singular values were found down to the error: else only the circle meets it."""
        values = self.spectrum.values
        return self.spectrum.whole or bool(values[-1] <= self.allowed)


def fit(
    kernel: Array,
    *,
    error: float | None = None,
    order: int | None = None,
    norm: str = "l1",
    relative: bool = True,
    growing: bool = False,
    progress: Progress | None = None,
) -> Reduction:
    r"""The recurrence of fewest modes whose kernel is as near to samples as asked, with proofs.

    .. math::  h_l \approx C A^l B + D\,[l = 0], \qquad l = 0, \dots, L - 1

    The direct path D is free and no state; a real kernel has one. Beyond the window nothing is
    asked for.

    Args:
        kernel: h (..., L), real or complex, of any library. Each channel is fitted by itself.
        error: the largest error allowed in each channel.
        order: the number of states instead; then the error is as small as was found.
        norm: of the error in the window: "l1", the sum, which bounds the output's error for inputs
            below 1; "l2"; or "sup".
        relative: whether errors are divided by the norm of the channel.
        growing: whether modes may grow, |z| > 1. Else all have |z| < 1.
        progress: called with channel, channels, least, order and error after each model tried.

    Returns:
        A `Reduction` of float64 on the host. `form` is a `PairedRecurrence`, or a `Recurrence` for
        a complex kernel: the kernel is then the complex C A^l B, of which outputs show the real
        part, and order counts complex modes. `size` is the norm of the whole channel. No model of
        fewer states than `least` meets the error, stable or not, whatever its direct path. A zero
        kernel has order 0, written as a mode of weight 0. `conditioning` is infinite for modes
        that do not decay, and for more than 256.

    Raises:
        TypeError: for what is no array of numbers; for an error, order or switch of another type.
        ValueError: unless one of `error` and `order` is given; for an error that is not positive
            or, relative, below 1e-13; for an `order` that is negative or reaches L; for NaN, an
            empty array, an unknown norm.
        KeyboardInterrupt: if interrupted before every channel has a model. Later, the models so far
            are returned.

    Accuracy:
        `lower` and `least` are proved, up to a model of rounding (`window_hankel`, in l1
        `window_certificate`). `upper`
        is measured on the kernel of `form`, what rounding may have changed added. That no smaller
        order would do is not proved where `order` is above `least`: the search is local.

    Cost:
        O(L order^2) a step of the refinement, some tens of steps for each order tried.

    Source:
        Kung 1978; Golub & Pereyra 1973; Adamjan, Arov & Krein 1971 (why the Hankel matrix decides).

    Example:
        >>> h = 0.9 ** np.arange(256.0) * (1 + np.cos(0.3 * np.arange(256)))
        >>> found = fit(h, error=1e-6)
        >>> found.order, found.least, found.form.A.shape
        (3, 3, (2,))
    """
    asked = goal(order, error, norm, relative=relative, norms=WINDOWED)
    growing = require.switch("growing", growing)
    require.progress(progress)
    h = gate.numbers("kernel", kernel)
    require.shape("kernel", h.shape, "(..., L) with at least one sample", h.ndim > 0 and h.size > 0)
    length = h.shape[-1]
    if asked.order is not None and asked.order > length:
        rule = f"`order` must not exceed the number of samples, {length}"
        raise ValueError(f"{rule}; got {asked.order}. So many modes fit every kernel.")
    if asked.error is not None and asked.relative and asked.error < _LEAST_ERROR:
        rule = f"a relative `error` must be at least {_LEAST_ERROR:g} in double precision"
        raise ValueError(f"{rule}; got {asked.error:g}. Ask for less accuracy.")
    rows, units = _in_units(h.reshape(-1, length))
    channels = [
        _channel(row, _absolute(asked, row, unit), growing)
        for row, unit in zip(rows, units, strict=True)
    ]
    found = _searched(channels, asked.order, progress)
    return _certified(rows, units, channels, found, asked, h.shape[:-1])


def _in_units(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Channels below 1, and the exponents of the powers of two they were divided by."""
    largest = np.max(np.maximum(np.abs(np.real(rows)), np.abs(np.imag(rows))), axis=-1)
    units = np.frexp(largest)[1]
    return times_power(rows, -units[:, None]), units


def _absolute(asked: Goal, h: np.ndarray, unit: int) -> Goal:
    """The goal of one channel, its error absolute and in the units of the channel."""
    if asked.error is None:
        return asked
    if asked.relative:
        return asked._replace(error=asked.error * size(h, asked.norm))
    return asked._replace(error=float(np.ldexp(asked.error, -int(unit))))


def _channel(h: np.ndarray, asked: Goal, growing: bool) -> Problem:
    """A kernel (L,) below 1, and what is proved of it."""
    whole = size(h, asked.norm)
    allowed = asked.error or 0.0
    window = h if np.iscomplexobj(h) else h[1:]
    length = max(len(window), 1)
    unseen = (
        1e-2 * (allowed / (whole or 1.0) if allowed else 1e-8) / length
    )  # a damping no norm can tell
    slowest = _FASTEST_GROWTH / length if growing else -max(min(unseen, 1e-2), 8 * EPS)
    samples = Window(window, asked.norm, slowest)
    if (1 + 256 * EPS) * size(window, asked.norm) <= allowed:
        none = Leading(np.zeros((len(window), 0)), np.zeros(0), np.zeros(0), whole=True)
        return Problem(samples, none, np.zeros(1), whole, allowed)
    below = min(_BELOW[asked.norm], 0.5 / math.sqrt(length))
    cut = below * allowed if asked.order is None else math.inf
    cut = max(cut, 4 * EPS * size(window, "l1"))
    spectrum = leading(window, cut, (asked.order or 0) + 1)
    lower = least_errors(window, asked.norm, spectrum)
    return Problem(samples, spectrum, lower, whole, allowed)


def _searched(channels: list[Problem], order: int | None, progress: Progress | None) -> list[Sums]:
    """A model of each channel, their bounds sharpened; an interrupt keeps the best."""
    found = [_first(channel, order) for channel in channels]
    improve = _fewer if order is None else partial(_nearer, order=order)
    with suppress(KeyboardInterrupt):
        for k, channel in enumerate(channels):
            for sums, better in improve(channel, found[k]):
                if better:
                    found[k] = sums
                if progress:
                    progress(
                        channel=k,
                        channels=len(channels),
                        least=channel.least(),
                        order=channel.samples.order(sums),
                        error=sums.error / channel.size,
                    )
            channels[k] = _sharpened(channel, found[k])
    return found


def _sharpened(channel: Problem, found: Sums) -> Problem:
    """The channel with sharper bounds from below, if its bounds do not meet."""
    samples = channel.samples
    order = samples.order(found)
    allowed = channel.allowed or found.error
    exact = found.error <= _FOUND * channel.size and order <= channel.least(allowed)
    if samples.norm != "l1" or not order or exact:
        return channel
    lower = sharper_bounds(samples.values, channel.spectrum, channel.lower, order, allowed)
    return channel._replace(lower=lower)


def _first(channel: Problem, order: int | None) -> Sums:
    """A model that meets the error, or has the order, by linear algebra alone."""
    samples = channel.samples
    values = channel.spectrum.values
    if order is not None:
        rank = int(np.sum(values > 4 * EPS * np.max(values, initial=0.0)))
        return _start(channel, min(order, rank))
    if not len(values):
        return _start(channel, 0)
    order = max(channel.least(), 1)
    while order <= len(values) and channel.resolved:
        sums = _start(channel, order)
        if sums.error <= channel.allowed:
            return sums
        order += max(1, order // 8)
    return on_a_circle(samples)


def _start(channel: Problem, order: int) -> Sums:
    samples = channel.samples
    if not order:
        none = np.zeros(0, complex)
        error = size(samples.values, samples.norm)
        return Sums(none, np.zeros(0, bool), none, np.ones(len(samples.values)), error)
    rates, single = first_nodes(channel.spectrum.left, order, samples.slowest)
    return solved(samples, rates, single)


def _nearer(channel: Problem, start: Sums, order: int) -> Iterator[tuple[Sums, bool]]:
    """The model refined at its order, and what is nearer still: none, or as many as samples."""
    if not len(start.rates):
        return
    samples = channel.samples
    error = start.error
    for sums in (refined(samples, start, goal=0.0), _start(channel, 0)):
        yield sums, sums.error < error
        error = min(error, sums.error)
    if len(samples.values) <= order and error > _FOUND * channel.size:
        yield on_a_circle(samples), True


def _fewer(channel: Problem, best: Sums) -> Iterator[tuple[Sums, bool]]:
    """Models of fewer states, and whether each meets the error; in the end no smaller order does.

    A model of order r misses by a multiple of sigma_{r+1} that changes little with r.
    """
    samples = channel.samples
    least = max(channel.least(), 1)  # no modes at all were tried first
    most = samples.order(best) - 1
    order = least
    while least <= order <= most and channel.resolved:
        sums = refined(samples, _start(channel, order), goal=channel.allowed)
        met = sums.error <= channel.allowed
        yield sums, met
        if met:
            most = samples.order(sums) - 1
            order -= max(1, (order - least) // 4)
        else:
            least = order + 1
            order = least if order < _ONE_BY_ONE else _expected(channel, sums)
        if order > most:
            order = (least + most) // 2
        order = min(max(order, least), len(channel.spectrum.values))


def _expected(channel: Problem, sums: Sums) -> int:
    """The order at which sigma is as much smaller as the error has to become."""
    values = channel.spectrum.values
    wanted = (
        values[min(channel.samples.order(sums), len(values) - 1)] * channel.allowed / sums.error
    )
    return int(np.sum(values > wanted))


def _certified(
    rows: np.ndarray,
    units: np.ndarray,
    channels: list[Problem],
    found: list[Sums],
    asked: Goal,
    batch: tuple[int, ...],
) -> Reduction:
    """The form of all channels, and its errors."""
    sizes = np.array([channel.size for channel in channels])
    scaled, whole = _in_their_units(_written(rows, found), sizes, units)
    form = scaled._replace(C=times_power(scaled.C, -units[:, None]), D=np.ldexp(scaled.D, -units))
    upper = _measured(form, rows, asked.norm)
    orders = np.array([one.samples.order(sums) for one, sums in zip(channels, found, strict=True)])
    ends = [min(order, len(one.lower) - 1) for order, one in zip(orders, channels, strict=True)]
    lower = np.array([one.lower[end] for one, end in zip(channels, ends, strict=True)])
    lower = np.minimum(lower, upper)
    reached = upper if asked.error is None else np.array([one.allowed for one in channels])
    least = np.array([one.least(far) for one, far in zip(channels, reached, strict=True)])
    used = np.array([len(sums.rates) for sums in found])
    if asked.relative:
        per = np.where(sizes > 0, sizes, 1.0)
        lower = lower / per
        upper = upper / per
    else:
        lower = np.ldexp(lower, units)
        upper = _rounded_up(upper, units)
    _refuse_missed(asked, upper)
    figures = {
        "order": orders,
        "least": least,
        "lower": lower,
        "upper": upper,
        "conditioning": _conditioning(form),
        "size": whole,
        "padding": form.A.shape[-1] - used,
    }
    figures = {name: shaped(figure, batch) for name, figure in figures.items()}
    fields = [field.reshape(batch + field.shape[1:]) for field in scaled]
    return Reduction(form=type(form)(*fields), **figures)


def _in_their_units(form: Any, sizes: Real, units: np.ndarray) -> tuple[Any, Real]:
    """The form and the norms of kernels times 2^units."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = form._replace(C=times_power(form.C, units[:, None]), D=np.ldexp(form.D, units))
        whole = np.ldexp(sizes, units)
    if not all(require.all_finite(x) for x in (whole, scaled.C, scaled.D)):
        rule = "`kernel` must have a norm and weights within double precision"
        raise ValueError(f"{rule}; got some that overflow. Scale it down.")
    return scaled, whole


def _rounded_up(values: Real, exponents: np.ndarray) -> Real:
    """values 2^exponents, not less where that has fewer digits."""
    scaled = np.ldexp(values, exponents)
    return np.where(scaled < TINY, np.nextafter(scaled, np.inf), scaled) * (values > 0)


def _written(rows: np.ndarray, found: list[Sums]) -> Any:
    """The sums of all channels as a recurrence, those of fewer modes filled up at weight 0."""
    real = not np.iscomplexobj(rows)
    count = max(1, *(len(sums.rates) for sums in found))
    A = np.full((len(found), count), _AT_REST, complex)
    B = np.ones((len(found), count), complex)
    C = np.zeros((len(found), count), complex)
    D = np.zeros(len(found))
    for k, sums in enumerate(found):
        n = len(sums.rates)
        A[k, :n] = nodes(sums)
        C[k, :n] = sums.weights
        if real:  # the sums begin a sample late
            C[k, :n] /= np.where(sums.single, A[k, :n], 2 * A[k, :n])
            B[k, :n] = np.where(sums.single, 0.5, 1.0)
            D[k] = rows[k, 0] - 2 * np.sum((B[k] * C[k]).real)
    return (PairedRecurrence if real else Recurrence)(A, B, C, D)


def _conditioning(form: Any) -> Real:
    """kappa(V) (m,) of stable forms of moderate order; infinite where it is not looked for."""
    found = np.full(len(form.A), math.inf)
    weighed = np.where(form.C != 0, np.abs(form.A), 0)
    known = np.all(weighed < 1, axis=-1) & (np.count_nonzero(weighed, axis=-1) <= _MANY_MODES)
    if np.any(known):
        some = type(form)(*(field[known] for field in form))
        found[known] = conditioning(modes_of(some))
    return found


def _refuse_missed(asked: Goal, upper: Real) -> None:
    """Refuse to return a model that misses the error asked for."""
    if asked.error is None or np.all(upper <= asked.error):
        return
    channel = int(np.argmax(upper))
    rule = "`error` must leave room for rounding"
    got = f"{asked.error:g} where {upper[channel]:g} was reached in channel {channel}"
    raise ValueError(f"{rule}; got {got}. Ask for less accuracy.")


def _measured(form: Any, rows: np.ndarray, norm: str) -> Real:
    """Upper bounds (m,) on the errors of a form: measured, and what rounding may have hidden."""
    length = rows.shape[-1]
    K = samples_of(form, length)
    if np.iscomplexobj(rows):
        K = K + 1j * samples_of(form._replace(C=-1j * form.C), length)
    sizes = type(form)(*(np.abs(field) for field in form))
    envelope = samples_of(sizes, length)
    rounding = (2 * form.A.shape[-1] + math.log2(length) + 4) * EPS
    misses = np.array([size(miss, norm) for miss in rows - K])
    hidden = np.array([rounding * size(one, norm) for one in envelope])
    return (1 + 64 * EPS) * misses + hidden  # norms are rounded, too
