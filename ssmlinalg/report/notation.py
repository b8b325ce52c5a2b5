"""Numbers as people write them."""

from __future__ import annotations

import decimal
import math

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """Three digits of a number; a dash for NaN, which stands for what does not apply.

    Args:
        value: any float.

    Returns:
        The digits, with a power of ten below 1e-3 and from 1e5 on.

    Example:
        >>> number(1.234e-15), number(-1304.2)
        ('1.23·10⁻¹⁵', '−1300')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value) or value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = f"{float(f'{value:.3g}') + 0.0:.10g}"
        return digits.replace("-", "−").replace("inf", "∞")
    mantissa, exponent = f"{value:.2e}".split("e")
    raised = str(int(exponent)).translate(_RAISED)
    return f"{float(mantissa):g}·10{raised}".replace("-", "−")


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{number(100 * share)} %"


def not_below(value: float) -> float:
    """The least number of three digits that is no smaller: a bound must not be rounded down.

    Args:
        value: a finite number.

    Returns:
        A float.

    Example:
        >>> not_below(0.12301)
        0.124
    """
    up = decimal.Context(prec=3, rounding=decimal.ROUND_CEILING)
    return float(up.create_decimal_from_float(value))
