"""What a model is, measured: its transfer function, and its distance from the HiPPO system it stands for."""

from .compare import Row, compare
from .transfer import transfer

__all__ = ["Row", "compare", "transfer"]
