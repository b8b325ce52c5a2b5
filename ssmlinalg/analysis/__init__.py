"""What a model is, measured: its transfer function, and its distance from the HiPPO system it stands for."""

from .compare import Row, compare
from .precision import Rounding, precision_report
from .transfer import transfer

__all__ = ["Rounding", "Row", "compare", "precision_report", "transfer"]
