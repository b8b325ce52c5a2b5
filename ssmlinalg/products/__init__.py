"""Structured products: sums over modes that never form the (modes, length) table."""

from .exponential_sums import MAX_BYTES as MAX_BYTES
from .exponential_sums import moments as moments
from .exponential_sums import vandermonde as vandermonde
from .matrix_powers import krylov as krylov
from .rational import cauchy as cauchy
from .rational import generating as generating
from .rational import power_series as power_series
