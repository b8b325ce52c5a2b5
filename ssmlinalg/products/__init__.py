"""Structured products: sums over modes that never form the (modes, length) table."""

from .cauchy import cauchy as cauchy
from .cauchy import generating as generating
from .cauchy import power_series as power_series
from .krylov import krylov as krylov
from .vandermonde import MAX_BYTES as MAX_BYTES
from .vandermonde import moments as moments
from .vandermonde import vandermonde as vandermonde
