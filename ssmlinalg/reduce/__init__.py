"""Fewest modes at a certified error: models reduced, modes in and modes out.

===========================  ======================================================================
question                     functions
===========================  ======================================================================
how many states matter       `singular_values`, `gramians`
a model with fewer           `balanced`, `hankel` (nearest in the Hankel norm), `h2` (in the mean
                             square), `modal` (modes stay)
a kernel with few modes      `fit`
===========================  ======================================================================

Each reduction takes `order=` or `error=` in one of the `NORMS`, and returns a `Reduction`: the
model in the form it came in, and its error from both sides. `fit` takes the norms `WINDOWED`.
"""

from .balanced_truncation import balanced
from .goals import NORMS, WINDOWED
from .h2_approximation import h2
from .hankel_approximation import hankel
from .kernel_fit import fit
from .modal_gramians import ModalGramians, gramians, singular_values
from .modal_truncation import modal
from .reduction import Reduction

__all__ = [
    "NORMS",
    "WINDOWED",
    "ModalGramians",
    "Reduction",
    "balanced",
    "fit",
    "gramians",
    "h2",
    "hankel",
    "modal",
    "singular_values",
]


def __dir__() -> list[str]:
    return __all__
