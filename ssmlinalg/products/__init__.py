"""Structured products: sums over modes that never form the (modes, length) table."""

from .vandermonde import powers, vandermonde

__all__ = ["powers", "vandermonde"]
