"""Parametrizations of modes that layers share: logarithms, pairs of real numbers, limits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..ground.backend import Complex, Real
from ..ground.formats import EPS


def as_parts(array: Complex) -> np.ndarray:
    """Real and imaginary part in a last axis of 2."""
    return np.stack([np.real(array), np.imag(array)], axis=-1)


def from_parts(parts: np.ndarray) -> Complex:
    """The complex numbers of a last axis of 2."""
    return parts[..., 0] + 1j * parts[..., 1]


def exponential(values: np.ndarray) -> np.ndarray:
    """e^values, infinite where it overflows: `forms.check` refuses that in the form."""
    with np.errstate(over="ignore"):
        return np.exp(values)


def inverse_softplus(values: np.ndarray) -> np.ndarray:
    """log(e^x - 1), written so that nothing overflows or cancels."""
    return values + np.log(-np.expm1(-values))


def logarithm(A: Complex) -> tuple[np.ndarray, np.ndarray]:
    """log|A|, -inf at A = 0, and the phase of A in [0, 2 pi).

    A modulus that rounding moved off the unit circle, or a phase off the positive axis, is put
    back there.
    """
    with np.errstate(divide="ignore"):
        rate = np.log(np.abs(A))
    phase = np.angle(A) % (2 * np.pi)
    turn = phase > 2 * np.pi * (1 - 4 * EPS)
    return np.where(np.abs(rate) < 4 * EPS, 0.0, rate), np.where(turn, 0.0, phase)


def first_index(wrong: np.ndarray) -> tuple[int, ...]:
    """The index of the first entry that is true."""
    return tuple(int(i) for i in np.argwhere(wrong)[0])


def check_left(A: Complex) -> None:
    """Raise ValueError unless Re A < 0, for a layer that stores log(-Re A)."""
    right = A.real >= 0
    if np.any(right):
        where = first_index(right)
        rule = "Re A must be negative, for the layer stores log(-Re A)"
        got = f"{A.real[where]:g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Move that mode to the left.")


def check_modulus(A: Complex, outside: np.ndarray, rule: str) -> None:
    """Raise ValueError with that rule for the first mode (n,) of a modulus `outside` of it."""
    if np.any(outside):
        where = int(np.argmax(outside))
        got = f"|A| = {abs(A[where]):g} at index {where}"
        raise ValueError(f"{rule}; got {got}. Scale that mode.")


def check_not_zero(A: Complex) -> None:
    """Raise ValueError for a mode A = 0 of a layer that divides by A."""
    if not np.all(A):
        rule = "A must not be 0 in float32, for the layer divides by A"
        raise ValueError(f"{rule}; got a mode that is. Move it to the left.")


class Transform(NamedTuple):
    """How a layer makes a number of one kind from the number that it trains.

    Attributes:
        forward: from the trained number.
        inverse: to it.
        low: the numbers that it reaches lie above this.
        high: and below this.
    """

    forward: Callable[[Real], Real]
    inverse: Callable[[Real], Real]
    low: float
    high: float

    def trained(self, name: str, values: Real) -> Real:
        """The trained numbers; ValueError for values of that name beyond reach."""
        beyond = ~((values > self.low) & (values < self.high))
        if np.any(beyond):
            where = first_index(beyond)
            rule = f"{name} must lie between {self.low:g} and {self.high:g}, as the layer makes it"
            remedy = "Change that value, or take another transform."
            raise ValueError(f"{rule}; got {values[where] + 0.0:g} at index {where}. {remedy}")
        return self.inverse(values)


def _logistic(values: Real) -> Real:
    return np.exp(-np.logaddexp(0.0, -values))


def _logit(values: Real) -> Real:
    return np.log(values) - np.log1p(-values)


def _rectified(values: Real) -> Real:
    return np.maximum(values, 0.0) + _LIFT


def _lowered(values: Real) -> Real:
    return values - _LIFT


_LIFT = 1e-4  # by which the layer keeps what it rectifies away from 0
TRANSFORMS: dict[str, Transform] = {
    "exp": Transform(exponential, np.log, 0.0, np.inf),
    "softplus": Transform(partial(np.logaddexp, 0.0), inverse_softplus, 0.0, np.inf),
    "sigmoid": Transform(_logistic, _logit, 0.0, 1.0),
    "relu": Transform(_rectified, _lowered, _LIFT, np.inf),
    "none": Transform(np.positive, np.positive, -np.inf, np.inf),
}
