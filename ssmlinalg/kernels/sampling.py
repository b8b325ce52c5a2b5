"""Names of before, until those who import them have moved."""

from __future__ import annotations

from typing import Any

from ..discretize import Rule
from ..discretize import sampled as _sampled
from ..forms import batch as batch_of
from ..forms import check
from .arguments import complex_like as match
from .arguments import real_signal, refuse_size

__all__ = ["batch_of", "match", "real_signal", "refuse_size", "sampled"]


def sampled(form: Any, rule: Rule) -> Any:
    """The discrete form of a form that is checked here."""
    return _sampled(check(form), rule)
