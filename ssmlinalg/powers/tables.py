r"""Tables of powers z^l, every entry within a few roundings however large l is.

Raising a rounded z to l multiplies its error by l, and rounding the phase l Delta Im(lambda) does
the same. Here a base is kept as a double word, and a table is an outer product of short ones,

.. math::  z^{s (a p + b)} = (z^{s p})^a (z^s)^b,

each of which is exact to rounding: for z = e^x because l x is found as a double word and its phase
modulo a turn; for any other z because z^s comes from squaring double words.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import NamedTuple

from ..ground import backend
from ..ground.backend import Array
from . import double_words
from .double_words import DoubleWord


class Base(NamedTuple):
    """A base z (..., n) whose powers are asked for.

    Attributes:
        value: z in working precision, with its derivatives.
        words: z as a double word; if `exponential`, the x of z = e^x, its imaginary part in turns.
        exponential: whether z is kept by its logarithm.
    """

    value: Array
    words: DoubleWord
    exponential: bool


def exponential(step: Array, A: Array) -> Base:
    """The base e^{step A}.

    Args:
        step: real (...).
        A: complex (...), broadcast against `step`.

    Returns:
        A `Base` (...).

    Example:
        >>> import numpy as np
        >>> exponential(np.array([0.5]), np.array([-2 + 0j])).value.real.round(6)
        array([0.367879])
    """
    words = double_words.turned(step, A)
    z = _with_derivative(words, step * A)
    value = backend.library(z).exp(z)
    return Base(value, words, exponential=True)


def reduced(step: Array, A: Array) -> Array:
    """step A with its imaginary part modulo 2 pi, so that e^{step A} keeps its digits.

    Args:
        step: real (...).
        A: complex (...), broadcast against `step`.

    Returns:
        Complex numbers (...), rounded once, with the derivatives of step A.

    Example:
        >>> import numpy as np
        >>> reduced(np.array([1.0]), np.array([-1 + 8.5j * np.pi])).round(6)
        array([-1.+1.570796j])
    """
    return _with_derivative(double_words.turned(step, A), step * A)


def _with_derivative(words: DoubleWord, z: Array) -> Array:
    """The number `words`, its imaginary part in radians, with the derivatives of z."""
    zero = z - backend.constant(z)
    return double_words.radians(words) + zero


def fraction(step: Array, A: Array, alpha: float) -> Base:
    """The base (1 + (1 - alpha) z) / (1 - alpha z) of the bilinear rules at z = step A.

    Args:
        step: real (...).
        A: complex (...), broadcast against `step`.
        alpha: the weight of the end of a step, in [0, 1].

    Returns:
        A `Base` (...).

    Example:
        >>> import numpy as np
        >>> fraction(np.array([0.5]), np.array([-2 + 0j]), 0.5).value.real.round(6)
        array([0.333333])
    """
    value, _ = fraction_and_gain(step * A, alpha)
    exact = double_words.scaled(step, A)
    start = 1 - alpha
    numerator = double_words.affine(start, exact, low=(1 - start) - alpha)
    denominator = double_words.affine(-alpha, exact)
    words = double_words.divide(numerator, denominator)
    return Base(value, words, exponential=False)


def fraction_and_gain(z: Array, alpha: float) -> tuple[Array, Array]:
    """(1 + (1 - alpha) z) / (1 - alpha z) and 1 / (1 - alpha z).

    Differentiated as written, the first is a difference of terms that cancel to 4/z^2, and one of
    them may underflow before the other. So its derivative is taken from the second.

    Args:
        z: complex (...).
        alpha: at or above 0.

    Returns:
        Both (...).

    Example:
        >>> import numpy as np
        >>> fraction_and_gain(np.array([-2 + 0j]), 0.5)
        (array([0.+0.j]), array([0.5+0.j]))
    """
    gain = 1 / (1 - alpha * z)
    value = (1 + (1 - alpha) * z) * gain
    if alpha:
        value = backend.constant(value) + (gain - backend.constant(gain)) / alpha
    return value, gain


def number(z: Array) -> Base:
    """The base z as it is stored.

    Args:
        z: complex (...).

    Returns:
        A `Base` (...).

    Example:
        >>> import numpy as np
        >>> number(np.array([0.5 + 0j])).exponential
        False
    """
    fixed = backend.constant(z)
    words = DoubleWord(fixed, 0 * fixed)
    return Base(z, words, exponential=False)


def in_one_word(z: Array) -> Base:
    """The base z, its powers in working precision alone.

    Args:
        z: complex (...).

    Returns:
        A `Base` (...). The error of z^l is about l eps: enough where fewer digits are wanted than
        the working precision has.

    Example:
        >>> import numpy as np
        >>> in_one_word(np.array([0.5 + 0j])).words.lo is None
        True
    """
    return Base(z, DoubleWord(backend.constant(z), None), exponential=False)


def reshaped(base: Base, each: Callable[[Array], Array]) -> Base:
    """The base with a function applied to each of its arrays.

    Args:
        base: a base (..., n).
        each: a reshape, a slice or a conjugation, for conj(e^x) = e^{conj x}.

    Returns:
        A `Base` of the new shape.

    Example:
        >>> import numpy as np
        >>> reshaped(number(np.ones(2) + 0j), lambda part: part[:1]).value
        array([1.+0.j])
    """
    hi, lo = base.words
    words = DoubleWord(each(hi), None if lo is None else each(lo))
    return Base(each(base.value), words, base.exponential)


def factors(base: Base, *spans: tuple[int, int]) -> list[tuple[Array, Array]]:
    """For tables of z^{stride k}, k < count, the two factors whose `outer` product each is.

    Args:
        base: a base (..., n).
        *spans: stride and count of each table, strides powers of two. The tables are made together:
            a small one costs its calls, not its numbers.

    Returns:
        For each table (z^{stride p})^a for a < count / p, (..., count / p, n), and (z^stride)^b for
        b < p, (..., p, n), with p of about sqrt(count). No derivative passes through them.

    Accuracy:
        About 3 eps relative for e^x, (1 + log2(p)) eps for others, whatever the stride.

    Example:
        >>> import numpy as np
        >>> ((long, short),) = factors(number(np.array([2 + 0j])), (1, 4))
        >>> long[:, 0].real, short[:, 0].real
        (array([1., 4.]), array([1., 2.]))
    """
    runs = []
    for stride, count in spans:
        p = 1 << (count - 1).bit_length() // 2
        runs += [(stride * p, -(-count // p)), (stride, p)]
    found = _exponentials(base.words, runs) if base.exponential else _squarings(base.words, runs)
    return list(zip(found[::2], found[1::2], strict=True))


def outer(factors: tuple[Array, Array], count: int) -> Array:
    """The table of which `factors` gives the factors.

    Args:
        factors: (..., count / p, n) and (..., p, n).
        count: how many powers.

    Returns:
        The powers (..., count, n).

    Example:
        >>> import numpy as np
        >>> outer(factors(number(np.array([2 + 0j])), (1, 4))[0], 4)[:, 0].real
        array([1., 2., 4., 8.])
    """
    long, short = factors
    product = long[..., :, None, :] * short[..., None, :, :]
    *lead, rows, columns, n = product.shape
    table = backend.library(product).reshape(product, (*lead, rows * columns, n))
    return table[..., :count, :]


def _exponentials(x: DoubleWord, runs: list[tuple[int, int]]) -> list[Array]:
    """e^{stride k x}, k < count, of each run: multiples are exact until they are rounded."""
    counts = [count for _, count in runs]
    strides = [float(stride) for stride, count in runs for _ in range(count)]
    k = backend.column(backend.vector([float(k) for count in counts for k in range(count)], x.hi))
    stride = backend.column(backend.vector(strides, x.hi))
    bits = (max(counts) - 1).bit_length()
    rate, turn = double_words.parts(DoubleWord(backend.row(x.hi), backend.row(x.lo)))
    growth = double_words.multiples(rate, stride, k, bits)
    size = backend.library(k).exp(growth.hi) * (1 + growth.lo)
    phase = double_words.multiple_turns(turn, stride, k, bits)
    powers = double_words.polar(size, phase)
    cuts = pairwise(accumulate(counts, initial=0))
    return [powers[..., start:end, :] for start, end in cuts]


def _squarings(z: DoubleWord, runs: list[tuple[int, int]]) -> list[Array]:
    """z^{stride k}, k < count, of each run: every z^{2^j} is squared once."""
    spans = [(stride.bit_length() - 1, (count - 1).bit_length()) for stride, count in runs]
    most = max(start + length for start, length in spans)
    squares = backend.iterate(double_words.square, z, most)
    one = backend.library(z.hi).ones_like(z.hi)
    found = []
    for (start, length), (_, count) in zip(spans, runs, strict=True):
        found.append(_doubled(one, squares[start : start + length])[..., :count, :])
    return found


def _doubled(one: Array, squares: list[DoubleWord]) -> Array:
    """1, z, z^2, ..., from z^{2^j}: 2^len(squares) powers, each a product of at most that many."""
    xp = backend.library(one)
    powers = backend.row(one)
    for square in squares:
        later = powers * backend.row(square.hi)
        powers = xp.concat([powers, later], axis=-2)
    return powers
