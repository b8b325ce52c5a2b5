"""What pages and pictures share: colours, the font, how a number is written."""

from __future__ import annotations

import decimal
import math

HIPPO, S4D, PTD = "#98a2ae", "#d9601a", "#0f6cbd"
INK, FAINT, GRID, RULE = "#1d2733", "#5d6975", "#e8ebef", "#c8ced6"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def number(value: float) -> str:
    """Three digits, as people write them; a dash for what does not apply."""
    if math.isnan(value):
        return "–"
    if math.isinf(value) or value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.3g}') + 0.0:.10g}".replace("-", "−").replace("inf", "∞")
    mantissa, exponent = f"{value:.2e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{float(mantissa):g}·10{raised}".replace("-", "−")


def not_below(value: float) -> float:
    """The least number of three digits that is no smaller: a bound must not be rounded down."""
    return float(
        decimal.Context(prec=3, rounding=decimal.ROUND_CEILING).create_decimal_from_float(value)
    )
