"""A kernel made elsewhere beside the one made here, and what rounding allows between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..discretize import Rule, sampled
from ..forms import inner, kind
from ..ground import backend, require
from ..ground.backend import Array, Real
from ..ground.formats import EPS, FORMATS, SINGLE, TINY
from ..kernels import kernel as kernel_of
from .kernel_bounds import size
from .precision import rounded
from .relative import largest, peaks, worst
from .sampled_model import kernel_axes
from .time_scales import exponents, scales_of


@dataclass(frozen=True)
class Disagreement:
    """Two kernels of one model side by side.

    Attributes:
        form: the model, on the host in double precision.
        rule: the rule that sampled our kernel.
        theirs: their kernel (..., L) or (..., P, M, L), real or complex.
        ours: our kernel without D, of the same shape.
        direct: D at lag 0, of the same shape.
    """

    form: Any
    rule: Rule
    theirs: np.ndarray
    ours: Real
    direct: Real

    @property
    def length(self) -> int:
        """The lags L that both kernels have."""
        return self.ours.shape[-1]

    @property
    def continuous(self) -> bool:
        """Whether the model has a step and is sampled by a rule."""
        return kind(self.form).continuous

    @cached_property
    def real(self) -> Real:
        """The real part of their kernel."""
        return np.real(self.theirs)

    @cached_property
    def imaginary(self) -> float:
        """The largest entry of the imaginary part of their kernel."""
        return largest(np.imag(self.theirs))

    @cached_property
    def peak(self) -> float:
        """The largest entry of their kernel."""
        return largest(self.theirs)

    @cached_property
    def distance(self) -> float:
        """The distance of the two kernels, relative to theirs."""
        return self.left_by(self.ours + self.direct)

    @cached_property
    def system(self) -> Any:
        """The sampled form."""
        return sampled(self.form, rule=self.rule)

    @cached_property
    def longer(self) -> Real | None:
        """Our kernel without D over 2 L lags; None where it overflows."""
        return self.kernel(self.form, length=2 * self.length)

    @cached_property
    def scale(self) -> float:
        """The one factor that brings ours nearest to theirs, over the lags without D."""
        return nearest_scale(self.real[..., self.later], self.ours[..., self.later])

    @property
    def later(self) -> slice:
        """The lags to which D does not belong; all of them if there is no D."""
        return slice(1 if np.any(self.direct) and self.length > 1 else 0, None)

    @cached_property
    def format(self) -> str:
        """The coarsest format that holds all their values; float64 if they are too few to tell."""
        for name in ("bfloat16", "float16", "float32") if np.any(self.real) else ():
            if np.array_equal(rounded(self.real, name), self.real):
                return name
        return "float64"

    @cached_property
    def condition(self) -> float:
        """The size S over the largest lag, of the worst kernel that is not zero."""
        peak = peaks(self.ours)
        S = np.broadcast_to(size(self.system, self.length), peak.shape)
        heard = peak > 0
        return float(np.max(S[heard] / peak[heard], initial=1.0))

    @cached_property
    def tight(self) -> float:
        """The residual that a good evaluation may leave."""
        return self._tight(0.0)

    @cached_property
    def loose(self) -> float:
        """The residual that a recurrence may leave, which takes powers of a rounded A."""
        return self._loose(0.0)

    @cached_property
    def loose_in_single(self) -> float:
        """The same of parameters that were stored in single precision."""
        return self._loose(SINGLE / 2)

    def kernel(
        self, form: Any, *, length: int | None = None, rule: Rule | None = None
    ) -> Real | None:
        """The kernel of another form without its D, in the shape of ours; None where it overflows.

        Its length and rule are those of ours unless given.
        """
        length = self.length if length is None else length
        try:
            K = kernel_of(form, length, rule=self.rule if rule is None else rule)
        except ValueError:
            return None
        K = np.array(np.broadcast_to(K, (*self.ours.shape[:-1], length)))
        K[..., 0] -= form.D
        return K

    def left_by(self, candidate: Real) -> float:
        """The distance of theirs from a candidate, over the largest entry of theirs.

        The worst kernel counts; one that is zero is compared with the candidate's largest entry.
        """
        peak = peaks(self.real)
        scale = np.where(peak > 0, peak, peaks(candidate))
        return worst(self.real - candidate, scale)

    def evaluation(self, u: float) -> float:
        """The residual of a good evaluation of numbers that were rounded by u, relative."""
        n = inner(self.form)[0].shape[-1]  # the first field is A, or Lambda
        operations = n + math.log2(self.length + 1)
        return 2 * u + 8 * _eps(u) * operations * self.condition

    def _tight(self, least: float) -> float:
        """`tight` if numbers are rounded by at least `least`."""
        found = FORMATS[self.format]
        peak = self.peak or largest(self.ours)
        return self.evaluation(self._rounding(least)) + found.least / max(peak, TINY)

    def _loose(self, least: float) -> float:
        longest = float(np.max(scales_of(*exponents(self.form)).decay))
        lags = min(self.length, longest)
        powers = 8 * _eps(self._rounding(least)) * lags * self.condition
        return self._tight(least) + powers

    def _rounding(self, least: float) -> float:
        return max(FORMATS[self.format].eps / 2, least)


def compared(host: Any, theirs: np.ndarray, *, rule: Rule) -> Disagreement:
    """Their kernel beside ours, which is evaluated here; ValueError where it overflows."""
    K = np.array(kernel_of(host, theirs.shape[-1], rule=rule))
    direct = np.zeros_like(K)
    direct[..., 0] = host.D
    theirs, ours, direct = np.broadcast_arrays(theirs, K - direct, direct)
    return Disagreement(host, rule, theirs, ours, direct)


def signal(kernel: Array, host: Any) -> np.ndarray:
    """Their kernel on the host in double precision, checked against the form that it belongs to."""
    if not hasattr(kernel, "dtype"):
        got = type(kernel).__name__
        raise TypeError(f"`kernel` must be an array; got {got}. Convert it with numpy.asarray.")
    backend.namespace(kernel=backend.widened(kernel))
    theirs = backend.to_numpy(backend.widened(kernel))
    shape = tuple(theirs.shape)
    some = theirs.ndim > 0 and theirs.size > 0
    require.shape("kernel", shape, "(..., L) with at least one lag", some)
    require.broadcasts("kernel", shape[:-1], kernel_axes(host), "the form")
    require.finite("kernel", theirs)
    return theirs.astype(np.complex128 if np.iscomplexobj(theirs) else np.float64)


def nearest_scale(theirs: Real, candidate: Real) -> float:
    r"""The s that minimizes |theirs - s candidate|_2, every kernel weighing the same.

    .. math::  s = \langle K', K \rangle / \langle K, K \rangle
    """
    peak = peaks(candidate)[..., None]
    peak = np.where(peak > 0, peak, 1.0)
    theirs = theirs / peak
    candidate = candidate / peak
    energy = float(np.sum(candidate**2))
    return float(np.sum(theirs * candidate)) / max(energy, TINY)


def _eps(u: float) -> float:
    """That of float64, or of float32 where numbers are rounded by more than float32 rounds."""
    return EPS if u < SINGLE / 4 else SINGLE
