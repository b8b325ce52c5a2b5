r"""Tables of powers z^l, every entry within a few roundings however large l is.

Raising a rounded z to l multiplies its error by l, and rounding the phase l Delta Im(lambda) does
the same. Here a base is kept in two words, and a table is an outer product of short ones,

    z^{s (a p + b)} = (z^{s p})^a (z^s)^b,

each of which is exact to rounding: for z = e^x because l x is found in two words and its phase
modulo a turn; for any other z because z^s comes from squaring in two words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..ground import backend
from ..ground.backend import Array
from . import double_words
from .double_words import Words


class Base(NamedTuple):
    """What is raised to powers, z (..., n). `value` is z, with its derivatives; `words` is z in two
    words, or if `exponential` the x of z = e^x, its imaginary part counted in turns.
    """

    value: Array
    words: Words
    exponential: bool


def exponential(step: Array, A: Array) -> Base:
    """e^{step A}."""
    z, words = step * A, double_words.turned(step, A)
    turned = double_words.radians(words) + (
        z - backend.constant(z)
    )  # the second term is 0, and has the derivative
    return Base(backend.library(z).exp(turned), words, exponential=True)


def fraction(step: Array, A: Array, alpha: float) -> Base:
    """(1 + (1 - alpha) z) / (1 - alpha z) at z = step A, for an alpha that loses no digit, such as
    1/2.
    """
    z, words = step * A, double_words.scaled(step, A)
    value = (1 + (1 - alpha) * z) / (1 - alpha * z)
    return Base(
        value,
        double_words.divide(
            double_words.affine(1 - alpha, words), double_words.affine(-alpha, words)
        ),
        exponential=False,
    )


def number(z: Array) -> Base:
    """z as it is stored."""
    fixed = backend.constant(z)
    return Base(z, Words(fixed, 0 * fixed), exponential=False)


def reshaped(base: Base, each: Callable[[Array], Array]) -> Base:
    """The base with `each` done to all its arrays: a reshape, a slice, or conjugation, for
    conj(e^x) = e^{conj x}.
    """
    return Base(each(base.value), Words(*(each(word) for word in base.words)), base.exponential)


def factors(base: Base, stride: int, count: int) -> tuple[Array, Array]:
    """What a table of z^{stride k}, k < count, is the `outer` product of: (z^{stride p})^a and
    (z^stride)^b for b < p.

    Shapes (..., count / p, n) and (..., p, n), with p of about sqrt(count); `stride` is a power of
    two. No derivative passes through them. Accuracy, whatever the stride: about 3 eps relative for
    e^x, (1 + log2(p)) eps for others.
    """
    p = 1 << (count - 1).bit_length() // 2
    if base.exponential:
        return _exponentials(base.words, stride * p, -(-count // p)), _exponentials(
            base.words, stride, p
        )
    squares = backend.iterate(double_words.square, base.words, (stride * count - 1).bit_length())
    at = stride.bit_length() - 1
    between = at + p.bit_length() - 1
    one = backend.library(base.value).ones_like(base.words.hi)
    return _doubled(one, squares[between:])[..., : -(-count // p), :], _doubled(
        one, squares[at:between]
    )


def outer(factors: tuple[Array, Array], count: int) -> Array:
    """The table (..., count, n) of two factors."""
    long, short = factors
    product = long[..., :, None, :] * short[..., None, :, :]
    shape = *product.shape[:-3], product.shape[-3] * product.shape[-2], product.shape[-1]
    return backend.library(product).reshape(product, shape)[..., :count, :]


def _exponentials(x: Words, stride: int, count: int) -> Array:
    """e^{stride k x} for k < count: multiples of rate and turn are exact until they are rounded
    once.
    """
    xp = backend.library(x.hi)
    k, bits = backend.arange(count, x.hi)[:, None], (count - 1).bit_length()
    rate, turn = (
        Words(part.hi[..., None, :], part.lo[..., None, :]) for part in double_words.parts(x)
    )
    growth = double_words.multiples(Words(stride * rate.hi, stride * rate.lo), k, bits)
    turn = double_words.scaled_turns(stride, turn)
    return double_words.polar(
        xp.exp(growth.hi) * (1 + growth.lo), double_words.multiple_turns(turn, k, bits)
    )


def _doubled(one: Array, squares: list[Words]) -> Array:
    """1, z, z^2, ..., from z^{2^j}: 2^len(squares) powers, each a product of at most that many."""
    xp = backend.library(one)
    powers = one[..., None, :]
    for square in squares:
        powers = xp.concat([powers, powers * square.hi[..., None, :]], axis=-2)
    return powers
