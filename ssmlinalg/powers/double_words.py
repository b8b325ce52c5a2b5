r"""Double-word arithmetic: numbers as unevaluated sums hi + lo, with about twice the digits.

A kernel of 2^24 samples needs phases with twice the digits of the working precision, and nothing
lost modulo a turn. No array library has such numbers in every precision on every device (JAX has no
double precision unless it is switched on). The error-free sums and products of Dekker and Knuth
give them in the working precision itself. All results are constants: no derivative passes through.

Source:
    Dekker 1971, Numer. Math. 18.
    Knuth, The Art of Computer Programming 2, Section 4.2.2.
    Joldes, Muller & Popescu 2017, ACM Trans. Math. Software 44(2).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..ground import backend
from ..ground.backend import Array
from ..ground.formats import FORMATS


class DoubleWord(NamedTuple):
    """hi + lo, real or complex, with |lo| of about ulp(hi) or less.

    Attributes:
        hi: the number rounded to working precision.
        lo: what rounding has left; None of a number in one word, which `square` takes.
    """

    hi: Array
    lo: Any


def scaled(step: Array, A: Array) -> DoubleWord:
    """step A, exact but for underflow.

    Args:
        step: real (...).
        A: complex (...), broadcast against `step`.

    Returns:
        A complex double word (...).

    Example:
        >>> import numpy as np
        >>> scaled(np.array([0.5]), np.array([2 + 4j])).hi
        array([1.+2.j])
    """
    hi, lo = _scaled_parts(step, A)
    return DoubleWord(backend.from_pairs(hi)[..., 0], backend.from_pairs(lo)[..., 0])


def affine(a: float, z: DoubleWord, *, low: float = 0.0) -> DoubleWord:
    """1 + (a + low) z.

    Args:
        a: a factor, of twice the digits of z if need be.
        z: complex (...).
        low: what rounding has left of the factor.

    Returns:
        A complex double word (...).

    Example:
        >>> import numpy as np
        >>> affine(0.5, DoubleWord(np.array([2 + 4j]), np.zeros(1) + 0j)).hi
        array([2.+2.j])
    """
    real, imag = parts(z)
    zero = _scaled_exactly(0, real)
    one = DoubleWord(zero.hi + 1, zero.lo)
    sum_with_one = _add(one, _scaled(a, low, real))
    return _complex(sum_with_one, _scaled(a, low, imag))


def square(a: DoubleWord) -> DoubleWord:
    """a^2 of complex numbers.

    Args:
        a: complex (...).

    Returns:
        A complex double word (...).

    Accuracy:
        About 8 eps^2 relative.

    Example:
        >>> import numpy as np
        >>> square(DoubleWord(np.array([1 + 1j]), np.zeros(1) + 0j)).hi
        array([0.+2.j])
    """
    if a.lo is None:
        return DoubleWord(a.hi * a.hi, None)
    xp = backend.library(a.hi)
    real, imag = parts(a)
    left = DoubleWord(*(xp.stack([x, y, x]) for x, y in zip(real, imag, strict=True)))
    right = DoubleWord(*(xp.stack([x, y, y]) for x, y in zip(real, imag, strict=True)))
    hi, lo = _multiply(left, right)
    real = _subtract(DoubleWord(hi[0, ...], lo[0, ...]), DoubleWord(hi[1, ...], lo[1, ...]))
    return _complex(real, DoubleWord(2 * hi[2, ...], 2 * lo[2, ...]))


def divide(a: DoubleWord, b: DoubleWord) -> DoubleWord:
    """a / b of complex numbers: the quotient of the high words, and the quotient of its remainder.

    Args:
        a: complex (...).
        b: complex (...), not zero.

    Returns:
        A complex double word (...).

    Example:
        >>> import numpy as np
        >>> zero = np.zeros(1) + 0j
        >>> divide(DoubleWord(zero + 1j, zero), DoubleWord(zero + 2j, zero)).hi
        array([0.5+0.j])
    """
    quotient = a.hi / b.hi
    x, y = parts(b)
    real, imag = parts(DoubleWord(quotient, 0 * quotient))
    product = _complex(
        _subtract(_multiply(x, real), _multiply(y, imag)),
        _add(_multiply(x, imag), _multiply(y, real)),
    )
    remainder = (a.hi - product.hi) + (a.lo - product.lo)
    return DoubleWord(quotient, remainder / b.hi)


def one_minus_product(a: Array, b: Array) -> Array:
    """1 - a conj(b) of complex numbers: no digit is lost where a conj(b) is close to 1.

    Args:
        a: complex (...).
        b: complex (...), broadcast against `a`.

    Returns:
        Complex numbers (...).

    Accuracy:
        A few eps of itself, plus 8 eps^2.

    Example:
        >>> import numpy as np
        >>> z = np.array([1 - 2.0**-40 + 0j])
        >>> one_minus_product(z, z).real * 2.0**39
        array([1.])
    """
    xp = backend.library(a)
    x, u = map(xp.real, (a, b))
    y, v = map(xp.imag, (a, b))
    one = DoubleWord(1 + 0 * x, 0 * x)
    real = _subtract(_subtract(one, _product(x, u)), _product(y, v))
    imag = _subtract(_product(x, v), _product(y, u))
    return backend.complex_of(real.hi + real.lo, imag.hi + imag.lo)


def turns(angle: DoubleWord) -> DoubleWord:
    """angle / (2 pi) modulo 1, between -1/2 and 1/2.

    Args:
        angle: real (...), in radians.

    Returns:
        A real double word (...).

    Accuracy:
        About eps^2 + eps^3 |angle| absolute.

    Example:
        >>> import numpy as np
        >>> turns(DoubleWord(np.array([5 * np.pi]), np.zeros(1))).hi.round(12)
        array([0.5])
    """
    xp = backend.library(angle.hi)
    c0, c1, c2 = _TURN[backend.precision(angle.hi)]
    left = xp.stack([angle.hi, angle.hi, angle.lo], axis=-1)
    hi, lo = _product(left, backend.vector([c0, c1, c0], left))
    wholes = _fraction(hi)
    total = wholes[..., 0]
    rest = angle.hi * c2 + angle.lo * c1 + (lo[..., 1] + lo[..., 2])
    for part in (_fraction(lo[..., 0]), wholes[..., 1], wholes[..., 2]):
        total, error = _sum(total, part)
        rest = rest + error
    return _tidy(_fraction(total), rest)


def turned(step: Array, A: Array) -> DoubleWord:
    """step A with its imaginary part in turns, modulo 1: e^{step A} = e^{Re} e^{2 pi i Im}.

    Args:
        step: real (...).
        A: complex (...), broadcast against `step`.

    Returns:
        A complex double word (...). Rates beyond 2^20, with which e^{step A} is 0 or overflows in
        every precision, are 2^20: their multiples stay finite.

    Example:
        >>> import numpy as np
        >>> turned(np.array([0.5]), np.array([-1 + 9j * np.pi])).hi.round(12)
        array([-0.5+0.25j])
    """
    hi, lo = _scaled_parts(step, A)
    xp = backend.library(hi)
    rate = hi[..., 0]
    clipped = xp.clip(rate, -_FASTEST, _FASTEST)
    rest = xp.where(clipped == rate, lo[..., 0], xp.zeros_like(rate))
    return _complex(DoubleWord(clipped, rest), turns(DoubleWord(hi[..., 1], lo[..., 1])))


def radians(z: DoubleWord) -> Array:
    """A number whose imaginary part is in turns, as `turned` gives it, in radians.

    Args:
        z: complex (...).

    Returns:
        Complex numbers (...), rounded once.

    Example:
        >>> import numpy as np
        >>> radians(DoubleWord(np.array([-0.5 + 0.25j]), np.zeros(1) + 0j)).round(3)
        array([-0.5+1.571j])
    """
    xp = backend.library(z.hi)
    rate = xp.real(z.hi) + xp.real(z.lo)
    turn = xp.imag(z.hi) + xp.imag(z.lo)
    angle = 2 * math.pi * turn
    return backend.complex_of(rate, angle)


def polar(size: Array, turn: Array) -> Array:
    """size e^{2 pi i turn}, by the cosine and the sine of at most a quarter turn.

    Args:
        size: real (...).
        turn: real (...), at most 1/2 in absolute value.

    Returns:
        Complex numbers (...), rounded once or twice.

    Example:
        >>> import numpy as np
        >>> polar(np.array([2.0]), np.array([0.25])).round(12)
        array([0.+2.j])
    """
    xp = backend.library(turn)
    twice = 2 * turn
    half = xp.round(twice)
    angle = math.pi * (twice - half)
    signed = size * (1 - 2 * xp.abs(half))
    real = signed * xp.cos(angle)
    imag = signed * xp.sin(angle)
    return backend.complex_of(real, imag)


def multiples(a: DoubleWord, stride: Array, k: Array, bits: int) -> DoubleWord:
    """stride k a for integers k.

    Args:
        a: real (...).
        stride: powers of two.
        k: integers with 0 <= k < 2^bits, broadcast as `stride`, both in the type of `a`.
        bits: the length of the largest k.

    Returns:
        A real double word (...).

    Accuracy:
        About 2^bits eps^2 relative.

    Example:
        >>> import numpy as np
        >>> half = DoubleWord(np.array([0.5]), np.zeros(1))
        >>> multiples(half, np.array([1.0, 1.0, 4.0]), np.array([0.0, 1.0, 2.0]), 2).hi
        array([0. , 0.5, 4. ])
    """
    if backend.doubled(a.hi):
        return _words(stride * k * (_wide(a.hi) + a.lo))
    head, tail = _split(stride * a.hi, bits)
    return _tidy(k * head, k * (tail + stride * a.lo))


def multiple_turns(turn: DoubleWord, stride: Array, k: Array, bits: int) -> Array:
    """stride k turn modulo 1 for integers k.

    Args:
        turn: real (...), in turns.
        stride: powers of two.
        k: integers with 0 <= k < 2^bits, broadcast as `stride`, both in the type of `turn`.
        bits: the length of the largest k.

    Returns:
        Real numbers (...), rounded once.

    Example:
        >>> import numpy as np
        >>> turn = DoubleWord(np.array([0.375]), np.zeros(1))
        >>> multiple_turns(turn, np.array([1.0, 2.0]), np.array([1.0, 3.0]), 2)
        array([0.375, 0.25 ])
    """
    if backend.doubled(turn.hi):
        return _narrow(_fraction(stride * k * (_wide(turn.hi) + turn.lo)))
    hi, lo = _tidy(_fraction(stride * turn.hi), stride * turn.lo)  # loses whole turns only
    head, tail = _split(_fraction(hi), bits)
    return _fraction(k * head) + k * (tail + lo)


def parts(a: DoubleWord) -> tuple[DoubleWord, DoubleWord]:
    """The real and the imaginary part.

    Args:
        a: complex (...).

    Returns:
        Two real double words (...).

    Example:
        >>> import numpy as np
        >>> [part.hi.item() for part in parts(DoubleWord(np.array([1 + 2j]), np.zeros(1) + 0j))]
        [1.0, 2.0]
    """
    xp = backend.library(a.hi)
    real = DoubleWord(xp.real(a.hi), xp.real(a.lo))
    imag = DoubleWord(xp.imag(a.hi), xp.imag(a.lo))
    return real, imag


def _sum(a: Array, b: Array) -> DoubleWord:
    """a + b exactly (Knuth)."""
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)
    return DoubleWord(total, error)


def _scaled_parts(step: Array, A: Array) -> DoubleWord:
    """step Re A and step Im A, exact but for underflow, on a new last axis."""
    step = backend.constant(step)[..., None]
    return _product(step, backend.pairs(backend.constant(A)[..., None]))


def _product(a: Array, b: Array) -> DoubleWord:
    """a b exactly, but for underflow: in double precision if that holds it, else by Dekker's."""
    if backend.doubled(a):
        return _words(_wide(a) * b)
    product = a * b
    digits = FORMATS[backend.precision(product)].digits
    half = digits // 2 + 1
    a1, a2 = _split(a, half)
    b1, b2 = _split(b, half)
    error = (a1 * b1 - product) + a1 * b2
    error = (error + a2 * b1) + a2 * b2
    return DoubleWord(product, error)


def _wide(x: Array) -> Array:
    """Numbers of single precision in double."""
    xp = backend.library(x)
    return xp.astype(x, xp.float64)


def _narrow(x: Array) -> Array:
    """Numbers of double precision rounded to single."""
    xp = backend.library(x)
    return xp.astype(x, xp.float32)


def _words(x: Array) -> DoubleWord:
    """Numbers of double precision as two words of single precision."""
    hi = _narrow(x)
    return DoubleWord(hi, _narrow(x - hi))


def _split(a: Array, bits: int) -> tuple[Array, Array]:
    """a = head + tail, the head without its last `bits` bits (Veltkamp); a + 0 for a too large."""
    xp = backend.library(a)
    moved = (2.0**bits + 1) * a
    head = moved - (moved - a)
    largest = _SPLITTABLE[backend.precision(a)]
    head = xp.where(xp.abs(a) < largest, head, a)
    return head, a - head


def _tidy(hi: Array, lo: Array) -> DoubleWord:
    """hi + lo with the low word as small as it can be, for |lo| <= |hi|."""
    total = hi + lo
    return DoubleWord(total, lo - (total - hi))


def _add(a: DoubleWord, b: DoubleWord) -> DoubleWord:
    hi, error = _sum(a.hi, b.hi)
    lo = error + (a.lo + b.lo)
    return _tidy(hi, lo)


def _subtract(a: DoubleWord, b: DoubleWord) -> DoubleWord:
    return _add(a, _scaled_exactly(-1, b))


def _multiply(a: DoubleWord, b: DoubleWord) -> DoubleWord:
    hi, error = _product(a.hi, b.hi)
    across = a.hi * b.lo + a.lo * b.hi
    return _tidy(hi, error + across)


def _scaled_exactly(factor: float, a: DoubleWord) -> DoubleWord:
    """factor a, for a factor whose product loses no digit."""
    return DoubleWord(factor * a.hi, factor * a.lo)


def _scaled(factor: float, low: float, a: DoubleWord) -> DoubleWord:
    """(factor + low) a."""
    digits = FORMATS[backend.precision(a.hi)].digits
    mantissa, exponent = math.frexp(factor)
    head = math.ldexp(round(math.ldexp(mantissa, digits)), exponent - digits)
    tail = factor - head + low
    if tail == 0 and abs(math.frexp(head)[0]) in (0, 0.5):  # 0 or a power of two
        return _scaled_exactly(head, a)
    hi, error = _product(a.hi, head + backend.library(a.hi).zeros_like(a.hi))
    return _tidy(hi, error + (head * a.lo + tail * a.hi))


def _complex(real: DoubleWord, imag: DoubleWord) -> DoubleWord:
    hi = backend.complex_of(real.hi, imag.hi)
    lo = backend.complex_of(real.lo, imag.lo)
    return DoubleWord(hi, lo)


def _fraction(x: Array) -> Array:
    """x modulo 1, exactly."""
    return x - backend.library(x).round(x)


_FASTEST = 2.0**20  # |Re z| of e^z, far beyond the largest and the smallest numbers
_SPLITTABLE = {"float32": 2.0**100, "float64": 2.0**990}  # far below the largest numbers
_TURN = {  # 1 / (2 pi) as a sum of three numbers
    "float32": (0.15915493667125702, 6.4206382432985265e-09, 7.342738699078887e-17),
    "float64": (0.15915494309189535, -9.839338337591243e-18, -5.360718141446502e-34),
}
