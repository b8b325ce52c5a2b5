"""Structured products: sums over modes that never form the (modes, length) table."""

from .cauchy_sums import cauchy as cauchy
from .exponential_sums import MAX_BYTES as MAX_BYTES
from .exponential_sums import moments as moments
from .exponential_sums import vandermonde as vandermonde
from .generating_function import generating as generating
from .generating_function import power_series as power_series
from .markov_parameters import krylov as krylov
