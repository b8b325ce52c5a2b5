"""Structured products: sums over modes that never form the (modes, length) table."""

from .cauchy_sums import cauchy
from .exponential_sums import MAX_BYTES, moments, vandermonde
from .generating_function import generating, power_series
from .markov_parameters import krylov

__all__ = [
    "MAX_BYTES",
    "cauchy",
    "generating",
    "krylov",
    "moments",
    "power_series",
    "vandermonde",
]


def __dir__() -> list[str]:
    return __all__
