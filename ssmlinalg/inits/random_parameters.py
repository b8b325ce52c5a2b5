"""The random draws that initializations have in common: C and steps, each by its own stream."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..forms import Diagonal, Paired, pair
from ..ground import require
from ..ground.backend import Complex, Real

Step = float | tuple[float, float]  # a number, or the interval (low, high)
STEP = (1e-3, 1e-1)

_CUT = 2.0  # standard deviations at which a normal variable is cut
_CUT_DEVIATION = 0.87962566103423978  # its standard deviation then, of variance 1 before


class Draws(NamedTuple):
    """The draws that initializations have in common.

    Attributes:
        rng: the generator of C.
        shape: the leading axes, () or (H,).
        steps: log-uniform, of that shape.
    """

    rng: np.random.Generator
    shape: tuple[int, ...]
    steps: Real


def draw(channels: int | None, step: Step, seed: int) -> Draws:
    """The draws of one initialization; steps have their own stream, so that C moves none."""
    shape = ()
    if channels is not None:
        shape = (require.integer("channels", channels),)
    seed = require.integer("seed", seed, least=0)
    steps = log_uniform(stream(seed, 0), step, shape)
    return Draws(np.random.default_rng(seed), shape, steps)


def stream(seed: int, child: int) -> np.random.Generator:
    """A stream beside that of C: 0 of the steps, 1 of random frequencies.

    `default_rng([seed, 0])` would be that of C again, for entropy is filled up with zeros.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(child,)))


def refuse_edge(A: Complex, remedy: str) -> None:
    """Raise ValueError unless the modes of a discrete model lie inside the unit circle."""
    largest = float(np.max(np.abs(A)))
    if not largest < 1:
        rule = "the modes of an initialization must lie inside the unit circle"
        raise ValueError(f"{rule}; got one of modulus {largest!r}. {remedy}")


def width_of(channels: int | None) -> int:
    """The number of inputs and of outputs of a model that has several."""
    return 1 if channels is None else require.integer("channels", channels)


def log_uniform(rng: np.random.Generator, step: Step, shape: tuple[int, ...]) -> Real:
    """Log-uniform numbers in an interval."""
    low, high = require.interval("step", step)
    exponent = rng.uniform(size=shape)
    return np.asarray(low * (high / low) ** exponent)


def complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex:
    """Complex normal numbers with E|c|^2 = 1."""
    real = rng.standard_normal(shape)
    imaginary = rng.standard_normal(shape)
    return (real + 1j * imaginary) / math.sqrt(2)


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Real:
    """Normal numbers cut at two deviations, scaled back to variance 1, as JAX's lecun_normal."""
    x = rng.standard_normal(shape)
    while np.any(np.abs(x) > _CUT):
        again = rng.standard_normal(shape)
        x = np.where(np.abs(x) > _CUT, again, x)
    return x / _CUT_DEVIATION


def repeat(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array with leading axes of that shape."""
    return np.tile(array, (*shape, *(1,) * array.ndim)) if shape else array


def modal(A: Complex, B: np.ndarray, drawn: Draws) -> Paired:
    """The half spectrum A (n,) with input B (n,), alike in all channels."""
    return Paired(
        A=repeat(A, drawn.shape),
        B=repeat(B + 0j, drawn.shape),
        C=complex_normal(drawn.rng, (*drawn.shape, len(A))),
        D=np.zeros(drawn.shape),
        step=drawn.steps,
    )


def upper_half(Lambda: Complex, B: Complex, drawn: Draws) -> Paired:
    """The upper half of a spectrum (N,) that is closed under conjugation."""
    C = np.ones_like(Lambda)
    D = np.asarray(0.0)
    step = np.asarray(1.0)
    half = pair(Diagonal(Lambda, B, C, D, step))
    return modal(half.A, half.B, drawn)
