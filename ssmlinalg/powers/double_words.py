r"""Numbers in two words: an unevaluated sum hi + lo of working precision, with about twice its
digits.

What a kernel of 2^24 samples asks of a phase, twice the digits and nothing lost modulo a turn, no
array library gives in every precision on every device (JAX has no double precision unless told so).
The error-free sums and products of Dekker and Knuth do, in working precision itself. Everything
here is a constant: no derivative passes through it.

Sources: Dekker 1971, Numer. Math. 18; Knuth, The Art of Computer Programming 2, Section 4.2.2;
Joldes, Muller & Popescu 2017.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..ground import backend
from ..ground.backend import Array


class Words(NamedTuple):
    """hi + lo, real or complex, with |lo| of about ulp(hi) or less."""

    hi: Array
    lo: Array


def scaled(step: Array, A: Array) -> Words:
    """step A for a real step and a complex A, exact but for underflow."""
    xp = backend.library(step)
    step, A = backend.constant(step), backend.constant(A)
    return _complex(_product(step, xp.real(A)), _product(step, xp.imag(A)))


def affine(a: float, z: Words) -> Words:
    """1 + a z for a complex z and a factor a that loses no digit, such as -1/2."""
    real, imag = parts(z)
    return _complex(
        _add(Words(0 * real.hi + 1, 0 * real.lo), Words(a * real.hi, a * real.lo)),
        Words(a * imag.hi, a * imag.lo),
    )


def square(a: Words) -> Words:
    """a^2 for a complex a; relative error about 8 eps^2."""
    real, imag = parts(a)
    across = _multiply(real, imag)
    return _complex(
        _add(_multiply(real, real), _negative(_multiply(imag, imag))),
        Words(2 * across.hi, 2 * across.lo),
    )


def divide(a: Words, b: Words) -> Words:
    """a / b, complex: the quotient of the high words, and what it leaves."""
    first = a.hi / b.hi
    (x, y), (real, imag) = parts(b), parts(Words(first, 0 * first))
    back = _complex(
        _add(_multiply(x, real), _negative(_multiply(y, imag))),
        _add(_multiply(x, imag), _multiply(y, real)),
    )
    return Words(first, ((a.hi - back.hi) + (a.lo - back.lo)) / b.hi)


def turns(angle: Words) -> Words:
    """angle / (2 pi) modulo 1, between -1/2 and 1/2: absolute error about eps^2 + eps^3 |angle|."""
    xp = backend.library(angle.hi)
    c0, c1, c2 = _TURN[backend.precision(angle.hi)]
    first, second, third = _product(angle.hi, c0), _product(angle.hi, c1), _product(angle.lo, c0)
    total, rest = _fraction(first.hi), xp.zeros_like(angle.hi)
    for part in (first.lo, second.hi, third.hi):
        total, error = _sum(total, _fraction(part))
        rest = rest + error
    return _tidy(
        _fraction(total), rest + ((second.lo + third.lo) + (angle.hi * c2 + angle.lo * c1))
    )


def turned(step: Array, A: Array) -> Words:
    """step A with its imaginary part counted in turns, modulo 1: e^{step A} = e^{Re} e^{2 pi i
    Im}.
    """
    rate, angle = parts(scaled(step, A))
    return _complex(rate, turns(angle))


def radians(z: Words) -> Array:
    """What `turned` counts in turns, in radians, rounded once."""
    xp = backend.library(z.hi)
    return backend.complex_of(
        xp.real(z.hi) + xp.real(z.lo), 2 * math.pi * (xp.imag(z.hi) + xp.imag(z.lo))
    )


def polar(size: Array, turn: Array) -> Array:
    """size e^{2 pi i turn} for |turn| up to 1/2, by the cosine and sine of at most a quarter turn,
    rounded once or twice.
    """
    xp = backend.library(turn)
    half = xp.round(2 * turn)
    angle, size = 2 * math.pi * (turn - half / 2), size * (1 - 2 * xp.abs(half))
    return backend.complex_of(size * xp.cos(angle), size * xp.sin(angle))


def multiples(a: Words, k: Array, bits: int) -> Words:
    """k a for real a and integers 0 <= k < 2^bits: relative error about 2^bits eps^2."""
    head, tail = _split(a.hi, bits)
    return _tidy(k * head, k * (tail + a.lo))


def multiple_turns(turn: Words, k: Array, bits: int) -> Array:
    """k turn modulo 1, rounded once, for integers 0 <= k < 2^bits."""
    head, tail = _split(turn.hi, bits)
    return _fraction(k * head) + k * (tail + turn.lo)


def scaled_turns(factor: int, turn: Words) -> Words:
    """factor turn modulo 1, exactly, for a power of two."""
    hi, lo = _tidy(_fraction(factor * turn.hi), factor * turn.lo)
    return Words(_fraction(hi), lo)


def _sum(a: Array, b: Array) -> Words:
    """a + b exactly (Knuth)."""
    total = a + b
    part = total - a
    return Words(total, (a - (total - part)) + (b - part))


def _product(a: Array, b: Array | float) -> Words:
    """a b exactly (Dekker), but for underflow; b an array or a constant of the precision of a."""
    product = a * b
    digits = _DIGITS[backend.precision(product)]
    half = digits // 2 + 1
    (a1, a2), (b1, b2) = (
        _split(a, half),
        _split_constant(b, digits - half) if isinstance(b, float) else _split(b, half),
    )
    return Words(product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)


def _split(a: Array, bits: int) -> tuple[Array, Array]:
    """a = head + tail, the head without its last `bits` bits (Veltkamp). Beyond what can be split,
    the head is all.
    """
    xp = backend.library(a)
    moved = (2.0**bits + 1) * a
    head = moved - (moved - a)
    head = xp.where(xp.abs(a) < _SPLITTABLE[backend.precision(a)], head, a)
    return head, a - head


def _split_constant(a: float, kept: int) -> tuple[float, float]:
    """The same for a number of Python, the head of `kept` bits."""
    mantissa, exponent = math.frexp(a)
    head = math.ldexp(round(math.ldexp(mantissa, kept)), exponent - kept)
    return head, a - head


def _tidy(hi: Array, lo: Array) -> Words:
    """hi + lo with the low word as small as it can be, for |lo| <= |hi|."""
    total = hi + lo
    return Words(total, lo - (total - hi))


def _add(a: Words, b: Words) -> Words:
    hi, lo = _sum(a.hi, b.hi)
    return _tidy(hi, lo + (a.lo + b.lo))


def _multiply(a: Words, b: Words) -> Words:
    hi, lo = _product(a.hi, b.hi)
    return _tidy(hi, lo + (a.hi * b.lo + a.lo * b.hi))


def _negative(a: Words) -> Words:
    return Words(-a.hi, -a.lo)


def parts(a: Words) -> tuple[Words, Words]:
    """The real and the imaginary part."""
    xp = backend.library(a.hi)
    return Words(xp.real(a.hi), xp.real(a.lo)), Words(xp.imag(a.hi), xp.imag(a.lo))


def _complex(real: Words, imag: Words) -> Words:
    return Words(backend.complex_of(real.hi, imag.hi), backend.complex_of(real.lo, imag.lo))


def _fraction(x: Array) -> Array:
    """x modulo 1, exactly."""
    return x - backend.library(x).round(x)


_DIGITS = {"float32": 24, "float64": 53}
_SPLITTABLE = {"float32": 2.0**100, "float64": 2.0**990}
_TURN = {  # 1 / (2 pi) in three words
    "float32": (0.15915493667125702, 6.4206382432985265e-09, 7.342738699078887e-17),
    "float64": (0.15915494309189535, -9.839338337591243e-18, -5.360718141446502e-34),
}
