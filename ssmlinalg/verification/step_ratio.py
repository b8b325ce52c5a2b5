"""The search for the ratio of two steps that explains the difference of two kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..discretize import Rule
from ..forms import kind
from ..ground.backend import Real
from ..ground.formats import EPS, TINY
from ..kernels import kernel as kernel_of

_GRIDS = {False: np.geomspace(1e-3, 1e3, 700), True: np.geomspace(1 / 30, 30, 200)}
_FIRST = 16  # lags that the ratios of a grid are compared over
_STARTS = 6  # as many of the best are followed
_ITERATIONS = 8
_LONGEST_MOVE = 0.1  # of the logarithm of the ratio
_SMALLEST = 1e-6  # no ratio is smaller, and none larger than one over it
_DIFFERENCE = 1e-4  # of the logarithm, for slopes


def step_ratio(form: Any, theirs: Real, *, rule: Rule, enough: float) -> float | None:
    r"""The ratio of steps, theirs over ours, that explains their largest kernel best.

    A grid of ratios is compared over 16 lags, then the best are followed over more and more lags by
    Gauss-Newton in the logarithm of the ratio. Matrices are slower, so their grid is shorter: 200
    ratios from 1/30 to 30, and 700 from 1/1000 to 1000 for modes.

    Args:
        form: a continuous form on the host, as `forms.check` returns it.
        theirs: their kernel (..., L) or (..., P, M, L) without D, in the shape of ours.
        rule: the rule that samples.
        enough: the residual, relative to their largest entry, that ends the search.

    Returns:
        The ratio, to rounding if it explains the kernel; None where no ratio can be tried.

    Example:
        >>> from ssmlinalg import kernel, s4d_lin_init
        >>> form = s4d_lin_init(8, step=0.01)
        >>> theirs = kernel(form._replace(step=0.02 + 0 * form.step), 64)
        >>> round(step_ratio(form, theirs, rule="zoh", enough=1e-9), 9)
        2.0
    """
    form, theirs = _largest_member(form, theirs)
    best = math.inf
    found = None
    for start in _starts(form, theirs[..., :_FIRST], rule):
        ratio, left = _followed(form, float(start), theirs, rule)
        if left < best or found is None:
            best = left
            found = ratio
        if left <= enough * np.max(np.abs(theirs)):
            break
    return found


def _largest_member(form: Any, theirs: Real) -> tuple[Any, Real]:
    """The member of the batch to which their largest kernel belongs, and its kernels."""
    peaks = np.max(np.abs(theirs), axis=-1)
    index = np.unravel_index(np.argmax(peaks), peaks.shape)
    if kind(form).ports:
        index = index[:-2]
    return _member(form, index), theirs[index]


def _member(form: Any, index: tuple[Any, ...]) -> Any:
    """One member of a batch, D left out."""
    fields = {}
    for name, array in form._asdict().items():
        own = array.shape[: array.ndim - len(kind(form).axes[name])]
        mine = index[len(index) - len(own) :]
        fields[name] = array[tuple(i if n > 1 else 0 for i, n in zip(mine, own, strict=True))]
    return form._replace(**fields | {"D": np.zeros_like(fields["D"])})


def _starts(member: Any, first: Real, rule: Rule) -> Real:
    """The ratios of the grid where the distance over the first lags has a minimum, best first."""
    grid = _GRIDS[kind(member).matrix]
    try:
        table = _kernels_at(member, grid, first.shape[-1], rule)
    except ValueError:
        return grid[:0]
    distance = np.sum((table - first) ** 2, axis=tuple(range(1, table.ndim)))
    before = np.roll(distance, 1)
    after = np.roll(distance, -1)
    valleys = np.flatnonzero((distance <= before) & (distance <= after))
    return grid[valleys[np.argsort(distance[valleys])[:_STARTS]]]


def _followed(member: Any, ratio: float, theirs: Real, rule: Rule) -> tuple[float, float]:
    """The ratio near a start that fits all lags best, and the largest difference that is left."""
    length = theirs.shape[-1]
    lags = _FIRST // 2
    try:
        while lags < length:
            lags = min(4 * lags, length)
            ratio = _fitted(member, ratio, theirs[..., :lags], rule)
        K = _kernels_at(member, np.array([ratio]), length, rule)[0]
    except ValueError:
        return ratio, math.inf
    return ratio, float(np.max(np.abs(K - theirs)))


def _fitted(member: Any, ratio: float, theirs: Real, rule: Rule) -> float:
    """Gauss-Newton in the logarithm of the ratio."""
    beside = np.exp([-_DIFFERENCE, 0, _DIFFERENCE])
    for _ in range(_ITERATIONS):
        lower, K, upper = _kernels_at(member, ratio * beside, theirs.shape[-1], rule)
        slope = (upper - lower) / (2 * _DIFFERENCE)
        energy = float(np.sum(slope**2))
        move = float(np.sum(slope * (theirs - K))) / max(energy, TINY)
        allowed = min(max(move, -_LONGEST_MOVE), _LONGEST_MOVE)
        ratio = min(max(ratio * math.exp(allowed), _SMALLEST), 1 / _SMALLEST)
        if abs(move) < EPS:
            break
    return ratio


def _kernels_at(member: Any, ratios: Real, length: int, rule: Rule) -> Real:
    """The kernels (G, ..., L) of one member with G steps; ValueError where one overflows."""
    axes = kind(member).axes["step"]
    steps = np.reshape(ratios, (-1, *(1 for _ in axes))) * member.step
    return kernel_of(member._replace(step=steps), length, rule=rule)
