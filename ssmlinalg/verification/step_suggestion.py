"""The steps that suit a data set: by its length, its autocorrelation and a spectrum."""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft

from .. import inits
from ..forms import kind
from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.gate import real_numbers
from .sampled_model import on_host
from .time_scales import exponents, scales_of, timescales

_REACH = 2.0  # step times lag: the window of the measures, and the best step of S4D-Lin
_NOISE = 3.0  # standard deviations beyond which a correlation is none of chance
_SERIES = 1024  # or samples, that the largest eigenvalue is computed from
_DRAWN = 64  # channels whose modes are counted


class StepSuggestion(NamedTuple):
    """An interval of steps, and why.

    Attributes:
        init: the initialization.
        order: order of its state.
        step: the interval (low, high), in the time of the measure for each sample.
        lags: the shortest and the longest lag that it is for, in units of time.
        length: samples of a sequence.
        unit_variance: 1/sqrt(L lambda), the step up to which undamped modes of unit weight have an
            output of variance 1 at most; lambda is the largest eigenvalue of E[u u^T] over the mean
            square of u, between 1 (white) and L (constant), and 1 where only a length is given.
        beyond_nyquist: the share of modes that turn more than half a cycle a sample,
        dead: that last less than a sample,
        outlives: and that last longer than a sequence, with steps drawn from the interval.
        reason: the same in words.
    """

    init: str
    order: int
    step: tuple[float, float]
    lags: tuple[float, float]
    length: int
    unit_variance: float
    beyond_nyquist: float
    dead: float
    outlives: float
    reason: str


def suggest_step(
    data: npt.ArrayLike,
    *,
    init: str = "s4d-lin",
    order: int = 64,
    sample_rate: float = 1.0,
    lags: tuple[float, float] | None = None,
) -> StepSuggestion:
    r"""The interval of steps for a data set, to give an initialization as `step`.

    .. math::  \text{step} = \frac{2}{\text{lag}}, \qquad \text{from the longest lag to the
               shortest.}

    The shortest lag is that at which the autocorrelation has fallen to 1/e, the longest the last at
    which it is larger than chance, or the length. No step is larger than the one at which half of
    the modes turn beyond Nyquist or die within a sample.

    Args:
        data: series (..., L), real, or their length L alone: then lags reach from the smallest that
            the spectrum has a use for to L.
        init: a name in `INITS` whose modes have a step.
        order: order N of the state.
        sample_rate: samples in a unit of time.
        lags: the shortest and the longest lag that matter, in units of time, where they are known.

    Returns:
        A `StepSuggestion`.

    Raises:
        TypeError: for data that are no real numbers, and other numbers of the wrong type.
        ValueError: for fewer than two samples, data that are constant or not finite, lags that are
            no interval, and an initialization without a step.

    Accuracy:
        The largest eigenvalue is overestimated where series are few: white ones by
        (1 + sqrt(L/S))^2.

    Cost:
        O(S L log L) of S series, and a Gram matrix of order up to 1024.

    Source:
        Gu et al. 2023 (HTTYH), Section 3.4, for 2/lag; Liu & Li 2024 (arXiv 2411.19455) for the
        part of the largest eigenvalue. The interval is ours.

    Example:
        >>> suggest_step(1024).step  # published: 0.001 to 0.1
        (0.001953125, 0.06451612903225806)
        >>> found = suggest_step(16384, init="s4d-legs", sample_rate=16000)
        >>> found.lags[1], found.outlives < 0.3
        (1.024, True)
    """
    order = require.integer("order", order)
    rate = require.real("sample_rate", sample_rate, above=0)
    cap = _largest(init, order)
    if isinstance(data, numbers.Number) or getattr(data, "ndim", 1) == 0:
        length = require.integer("data", data, least=2)
        largest = 1.0
        shortest = _REACH / cap
        longest = float(length)
    else:
        u = _series(data)
        length = u.shape[-1]
        largest = _largest_eigenvalue(u)
        shortest, longest = correlation_lags(u)
    if lags is not None:
        low, high = require.interval("lags", lags)
        shortest = rate * low
        longest = rate * high
    high = min(cap, _REACH / shortest)
    low = min(high, _REACH / longest)
    return _suggested(init, order, (low, high), (shortest / rate, longest / rate), length, largest)


def _suggested(
    init: str,
    order: int,
    step: tuple[float, float],
    lags: tuple[float, float],
    length: int,
    largest: float,
) -> StepSuggestion:
    form: Any = inits.INITS[init](order, channels=_DRAWN, step=step)
    found = timescales(form, length)
    said = (
        f"Lags from {lags[0]:.4g} to {lags[1]:.4g} ask for steps 2/lag from {step[0]:.3g} to "
        f"{step[1]:.3g}. There {100 * found.beyond_nyquist:.3g} % of the modes of {init} turn "
        f"beyond Nyquist, {100 * found.dead:.3g} % die within a sample and "
        f"{100 * found.outlives:.3g} % outlive {length} samples."
    )
    return StepSuggestion(
        init=init,
        order=order,
        step=step,
        lags=lags,
        length=length,
        unit_variance=1 / math.sqrt(length * largest),
        beyond_nyquist=found.beyond_nyquist,
        dead=found.dead,
        outlives=found.outlives,
        reason=said,
    )


def coverage(init: str, steps: npt.ArrayLike, length: int, *, order: int = 64) -> dict[str, Real]:
    """The shares of the modes of an initialization that every step loses.

    Args:
        init: a name in `INITS` whose modes have a step.
        steps: steps (S,), positive.
        length: samples of a sequence.
        order: order N of the state.

    Returns:
        The shares (S,) by name: "beyond_nyquist", "dead" and "outlives", as in `Timescales`.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for an initialization without a step, and numbers out of range.

    Cost:
        O(S N), and the initialization once.

    Example:
        >>> coverage("s4d-lin", [0.01, 0.1], 1024)["beyond_nyquist"]
        array([0.     , 0.65625])
    """
    steps = np.atleast_1d(real_numbers("steps", steps))
    length = require.integer("length", length)
    require.shape("steps", steps.shape, "(S,)", steps.ndim == 1)
    if np.any(steps <= 0):
        got = float(steps.min())
        raise ValueError(f"`steps` must be positive; got {got:g}. They are times: drop that one.")
    z, doubt = _exponents(init, order)
    found = [scales_of(step * z, step * doubt, length) for step in steps]
    names = ("beyond_nyquist", "dead", "outlives")
    return {name: np.array([getattr(one, name) for one in found]) for name in names}


def _exponents(init: str, order: int) -> tuple[Complex, Real]:
    timed = "step" in inits.options(init)
    form: Any = inits.INITS[init](order, step=1.0) if timed else None
    if not timed or not kind(form).continuous:
        rule = "`init` must be an initialization with a step"
        raise ValueError(f"{rule}; got {init!r}. Take for example s4d-lin.")
    return exponents(on_host(form, dtype="float64"))


def _largest(init: str, order: int) -> float:
    """The step at which half of the modes turn half a cycle a sample, or die within one."""
    z, _ = _exponents(init, order)
    return 1 / float(np.median(np.maximum(np.abs(z.imag) / math.pi, np.abs(z.real))))


def correlation_lags(u: Real) -> tuple[float, float]:
    """The lag at which the autocorrelation has fallen to 1/e, and the last at which it shows.

    Args:
        u: series (S, L), not constant.

    Returns:
        Both in samples, at least 1; the second is L where the first is not reached.

    Accuracy:
        The first is interpolated between samples. The second is beyond three standard deviations of
        noise of that correlation.

    Example:
        >>> shortest, longest = correlation_lags(np.cos(np.pi * np.arange(64) / 8)[None])
        >>> round(shortest, 2), longest  # of a wave of 16 samples: 16 arccos(1/e)/2 pi = 3.04
        (2.93, 63.0)
    """
    count, length = u.shape
    centred = u - u.mean()
    transform: Any = scipy.fft.rfft(centred, n=2 * length, workers=-1)
    spectrum = np.abs(transform) ** 2
    sums = scipy.fft.irfft(spectrum.sum(axis=0), n=2 * length)[:length]
    overlap = length - np.arange(length)
    r = sums / overlap * length / sums[0]
    below = np.flatnonzero(r < 1 / math.e)
    if not below.size:
        return float(length), float(length)
    first = int(below[0])
    part = (r[first - 1] - 1 / math.e) / (r[first - 1] - r[first])
    shortest = max(1.0, first - 1 + float(part))
    noise = _NOISE * np.sqrt(2 * shortest / (count * overlap))
    showing = np.flatnonzero(np.abs(r) > np.minimum(noise, 1.0))
    return shortest, max(shortest, float(np.max(showing, initial=0)))


def _largest_eigenvalue(u: Real) -> float:
    """The largest eigenvalue of E[u u^T] over the mean square, of series (S, L)."""
    some = u[:: -(-len(u) // _SERIES)] if min(u.shape) > _SERIES else u
    smaller = some @ some.T if len(some) < some.shape[1] else some.T @ some
    return float(np.linalg.eigvalsh(smaller)[-1] / len(some) / np.mean(some**2))


def _series(data: npt.ArrayLike) -> Real:
    u = real_numbers("data", data)
    require.shape("data", u.shape, "(..., L) with L at least 2", u.size > 0 and u.shape[-1] >= 2)
    u = u.reshape(-1, u.shape[-1])
    if np.all(u == u[0, 0]):
        rule = "`data` must not be constant"
        raise ValueError(f"{rule}; got {u[0, 0]:g} throughout. Give their length alone.")
    return u / np.max(np.abs(u))  # so that no square overflows or vanishes
