"""Fewest modes at a certified error: models reduced, modes in and modes out.

===========================  ======================================================================
question                     functions
===========================  ======================================================================
how many states matter       `singular_values`, `gramians`
===========================  ======================================================================

Each reduction takes `order=` or `error=` in one of the `NORMS`, and returns a `Reduction`: the
model in the form it came in, and its error from both sides.
"""

from .goals import NORMS
from .modal_gramians import ModalGramians, gramians, singular_values
from .reduction import Reduction

__all__ = ["NORMS", "ModalGramians", "Reduction", "gramians", "singular_values"]


def __dir__() -> list[str]:
    return __all__
