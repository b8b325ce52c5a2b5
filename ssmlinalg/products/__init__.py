"""Structured products: sums over modes that never form the (modes, length) table."""

from .vandermonde import MAX_BYTES, vandermonde

__all__ = ["MAX_BYTES", "vandermonde"]
