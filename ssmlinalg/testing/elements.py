"""Elements of a model to draw: orders, axes, steps, names, signals, modes.

With `hard` three kinds of modes are drawn on purpose: on and beside the boundary of stability,
stiff, and nearly coincident.
"""

from __future__ import annotations

import math
import operator
from functools import cache
from typing import Any

import numpy as np

from .. import hippo
from ..discretize import RULES
from ..ground import require
from ..ground.backend import Complex
from ..verification.laws import KEEP_STABILITY

try:
    from hypothesis import strategies as st
except ImportError as missing:
    remedy = "Install it: pip install 'ssmlinalg[testing]'."
    raise ImportError(f"strategies are drawn with hypothesis; got {missing}. {remedy}") from missing

# Re A: on the boundary of stability, beside it, slow, stiff.
HARD_RATES = (0.0, -1e-12, -1e-6, -1e-3, -1e3, -1e6)
HARD_FREQUENCIES = (1e-12, 1e-3, 1e3, 1e6)  # Im A: nearly real, slow, fast
HARD_RADII = (1.0, 1 - 1e-12, 1 - 1e-3)  # |A| of a recurrence
GAPS = (0.0, 2.0**-52, 1e-12, 1e-6)  # between modes that nearly coincide, relative

Shape = tuple[int, ...]


def hundredths(least: int, largest: int) -> st.SearchStrategy[float]:
    """Numbers of two decimals: short to read, and yet their products round."""
    return st.integers(least, largest).map(lambda k: k / 100)


REAL = hundredths(-200, 200)
COMPLEX = st.builds(complex, REAL, REAL)


def orders(largest: int = 24) -> st.SearchStrategy[int]:
    """An order or a number of modes from 1 to `largest`, of either parity.

    Args:
        largest: the largest order.

    Returns:
        A strategy for integers.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(orders(), lambda order: order > 2)
        3
    """
    return st.integers(1, require.integer("largest", largest))


def batches(axes: int = 2, largest: int = 3) -> st.SearchStrategy[Shape]:
    """Leading axes: at most `axes` of them, each from 1 to `largest`.

    Args:
        axes: the largest number of axes.
        largest: the largest axis.

    Returns:
        A strategy for shapes.

    Raises:
        TypeError: if an argument is no integer.
        ValueError: if `axes` is below 0 or `largest` below 1.

    Example:
        >>> from hypothesis import find
        >>> find(batches(), lambda batch: len(batch) == 2)
        (1, 1)
    """
    entries = st.integers(1, require.integer("largest", largest))
    return st.lists(entries, max_size=require.integer("axes", axes, least=0)).map(tuple)


def steps(least: float = 1e-4, largest: float = 1.0) -> st.SearchStrategy[float]:
    """A step from `least` to `largest`, spread evenly over its powers of ten.

    Args:
        least: the smallest step.
        largest: the largest step.

    Returns:
        A strategy for numbers.

    Raises:
        TypeError: if an argument is no number.
        ValueError: unless 0 < least <= largest.

    Example:
        >>> from hypothesis import find
        >>> find(steps(), lambda step: True)
        1.0
    """
    least, largest = require.interval("step", (least, largest))
    powers = st.floats(math.log10(least), math.log10(largest))
    return powers.map(lambda power: min(max(10.0**power, least), largest))


def measures() -> st.SearchStrategy[str]:
    """A name from `hippo.MEASURES`.

    Returns:
        A strategy for names.

    Example:
        >>> from hypothesis import find
        >>> find(measures(), lambda name: name.startswith("f"))
        'fout'
    """
    return st.sampled_from(list(hippo.MEASURES))


def rules() -> st.SearchStrategy[str]:
    """A name from `discretize.RULES`.

    Returns:
        A strategy for names.

    Example:
        >>> from hypothesis import find
        >>> find(rules(), lambda name: True)
        'zoh'
    """
    return st.sampled_from(list(RULES))


def stable_rules() -> st.SearchStrategy[str]:
    """A rule under which a stable model stays stable: all but Euler's, "forward".

    Returns:
        A strategy for names.

    Example:
        >>> from hypothesis import find
        >>> find(stable_rules(), lambda name: True)
        'zoh'
    """
    return st.sampled_from(KEEP_STABILITY)


def signals(length: int, *, batch: Shape = ()) -> st.SearchStrategy[np.ndarray]:
    """A real signal (*batch, length) with entries from -2 to 2.

    Args:
        length: its samples.
        batch: its leading axes.

    Returns:
        A strategy for arrays.

    Raises:
        TypeError: if `length` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(signals(3), lambda u: u[1] > 0)
        array([0.  , 0.01, 0.  ])
    """
    require.instance("batch", batch, (tuple, list), "Give the lengths of axes.")
    sizes = [require.integer("batch", size, least=0) for size in batch]
    return array_of(REAL, *sizes, require.integer("length", length))


def spectra(n: int, *, hard: bool = True) -> st.SearchStrategy[Complex]:
    r"""Stable modes A (n,) of x' = A x, one of each conjugate pair.

    -10 <= Re A <= -1/10, 0 <= Im A <= 10. With `hard` also Re A from `HARD_RATES`, zero included,
    Im A from `HARD_FREQUENCIES`, and a last mode (1 + gap) A_1 with gap from `GAPS`.

    Args:
        n: the number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for complex vectors.

    Raises:
        TypeError: if `n` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(spectra(2), lambda A: True)
        array([-1.+0.j, -1.+0.j])
    """
    return _spectra(require.integer("n", n), hard)


@st.composite
def _spectra(draw: st.DrawFn, n: int, hard: bool) -> Complex:
    return near(draw, draw(array_of(damped(hard), n)), hard)


def multipliers(n: int, *, hard: bool = True) -> st.SearchStrategy[Complex]:
    """Stable modes A (n,) of x_l = A x_{l-1}, one of each conjugate pair.

    |A| < 1, zero included, at any angle from 0 to pi. With `hard` also |A| from `HARD_RADII`, one
    included, and a last mode (1 - gap) A_1 with gap from `GAPS`.

    Args:
        n: the number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for complex vectors.

    Raises:
        TypeError: if `n` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(multipliers(2), lambda A: True)
        array([0.+0.j, 0.+0.j])
    """
    return _multipliers(require.integer("n", n), hard)


@st.composite
def _multipliers(draw: st.DrawFn, n: int, hard: bool) -> Complex:
    return near(draw, draw(array_of(inside(hard), n)), hard, sign=-1)


@cache
def damped(hard: bool) -> st.SearchStrategy[complex]:
    """One mode of `spectra`."""
    rates = st.floats(-1, 1).map(lambda power: -(10.0**power))
    frequencies = st.just(0.0) | hundredths(1, 1000)
    if hard:
        rates = rates | st.sampled_from(HARD_RATES)
        frequencies = frequencies | st.sampled_from(HARD_FREQUENCIES)
    return st.builds(complex, rates, frequencies)


@cache
def inside(hard: bool) -> st.SearchStrategy[complex]:
    """One mode of `multipliers`."""
    radii = hundredths(0, 99)
    if hard:
        radii = radii | st.sampled_from(HARD_RADII)
    inner = hundredths(1, 314).map(lambda angle: complex(np.exp(1j * angle)))
    turns = st.sampled_from([1 + 0j, -1 + 0j]) | inner
    return st.builds(operator.mul, radii, turns)


def near(draw: st.DrawFn, A: Complex, hard: bool, sign: int = 1) -> Complex:
    """A (..., n), with `hard` perhaps with a last mode that is nearly the first."""
    if not hard or A.shape[-1] == 1 or not draw(st.booleans()):
        return A
    gap = sign * draw(st.sampled_from(GAPS))
    last = (1 + gap) * A[..., :1]
    return np.concatenate([A[..., :-1], last], axis=-1)


@cache
def array_of(entry: st.SearchStrategy[Any], *shape: int) -> st.SearchStrategy[np.ndarray]:
    """An array of independent entries."""
    size = math.prod(shape)
    entries = st.lists(entry, min_size=size, max_size=size)
    return entries.map(lambda values: np.reshape(np.array(values), shape))
