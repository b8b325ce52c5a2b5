"""Results on one page to look at before reading: self-contained HTML that opens anywhere, offline.

======================  =====================================================
page                    shows
======================  =====================================================
`ptd`                   the certificate of one perturbed-then-diagonalized model
`comparison`            all initializations of one order side by side
`verification`          a model against the laws that every model keeps
`audit`                 the layers of a checkpoint and their faults
`shrinking`             the layers of a checkpoint with fewer modes
`study`                 the rows of a study, a picture for each figure
`matrix`                a matrix of any origin
`diagonalized_matrix`   the same, perturbed and diagonalized
======================  =====================================================

All return the text of a page with plotly.js inside; `shared` takes it out, for folders of pages.
The pictures are plotly figures, made by functions of their own for notebooks; `images` makes SVG,
PDF or PNG files of them.

==========================================  =================================
picture                                     of
==========================================  =================================
`spectrum`, `response`, `deviation`         a perturbation
`frontier`, `robustness`                    many initializations
`impulse`, `gain`, `modes`                  any model
`steps`                                     the steps that suit a data set
`pseudospectra`, `transient`,               a matrix
`eigenvalue_conditions`, `bought`
==========================================  =================================

One colour for each system throughout: grey is HiPPO, orange is S4D (the normal part with half the
input) and a kernel that a model is compared with, blue is the perturbed system or the model. Pages
and pictures need plotly, which the extra `cli` installs, and load it when they are first named.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit_page import audit
    from .certificate_page import ptd
    from .colours import HIPPO, PTD, S4D
    from .comparison_page import comparison
    from .comparison_pictures import frontier, robustness
    from .figure_meanings import MEANINGS
    from .image_files import FORMATS, images
    from .matrix_page import (
        bought,
        diagonalized_matrix,
        eigenvalue_conditions,
        figures_of,
        matrix,
        pseudospectra,
        transient,
    )
    from .model_pictures import gain, impulse, modes
    from .perturbation_pictures import Curves, curves, deviation, response, spectrum
    from .repeated_findings import findings
    from .shared_script import Shared, shared
    from .shrinking_page import shrinking
    from .step_pictures import steps
    from .study_page import study
    from .time_table import timetable
    from .verification_page import verification

__all__ = [
    "FORMATS",
    "HIPPO",
    "MEANINGS",
    "PTD",
    "S4D",
    "Curves",
    "Shared",
    "audit",
    "bought",
    "comparison",
    "curves",
    "deviation",
    "diagonalized_matrix",
    "eigenvalue_conditions",
    "figures_of",
    "findings",
    "frontier",
    "gain",
    "images",
    "impulse",
    "matrix",
    "modes",
    "pseudospectra",
    "ptd",
    "response",
    "robustness",
    "shared",
    "shrinking",
    "spectrum",
    "steps",
    "study",
    "timetable",
    "transient",
    "verification",
]
_FILES = {
    "audit_page": "audit",
    "certificate_page": "ptd",
    "colours": "HIPPO PTD S4D",
    "comparison_page": "comparison",
    "comparison_pictures": "frontier robustness",
    "figure_meanings": "MEANINGS",
    "image_files": "FORMATS images",
    "matrix_page": (
        "bought diagonalized_matrix eigenvalue_conditions figures_of matrix pseudospectra transient"
    ),
    "model_pictures": "gain impulse modes",
    "perturbation_pictures": "Curves curves deviation response spectrum",
    "repeated_findings": "findings",
    "shared_script": "Shared shared",
    "shrinking_page": "shrinking",
    "step_pictures": "steps",
    "study_page": "study",
    "time_table": "timetable",
    "verification_page": "verification",
}
_PLACES = {name: file for file, names in _FILES.items() for name in names.split()}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        file = importlib.import_module(f".{_PLACES[name]}", __name__)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "plotly":
            raise
        rule = "a report is drawn with plotly"
        remedy = "Install it: pip install 'ssmlinalg[cli]'."
        raise ImportError(f"{rule}; got {missing}. {remedy}") from missing
    return getattr(file, name)
