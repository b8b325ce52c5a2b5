"""Results on one page to look at before reading: self-contained HTML that opens anywhere, offline.

================  ===========================================================
page              shows
================  ===========================================================
`ptd`             the certificate of one perturbed-then-diagonalized model
`comparison`      all initializations of one order side by side
`verification`    a model against the laws that every model keeps
`audit`           the layers of a checkpoint and their faults
================  ===========================================================

All return the text of a page with plotly.js inside. The pictures are plotly figures, made by
functions of their own for notebooks; `images` makes SVG, PDF or PNG files of them.

==========================================  =================================
picture                                     of
==========================================  =================================
`spectrum`, `response`, `deviation`         a perturbation
`frontier`, `robustness`                    many initializations
`impulse`, `gain`, `modes`                  any model
==========================================  =================================

One colour for each system throughout: grey is HiPPO, orange is S4D (the normal part with half the
input) and a kernel that a model is compared with, blue is the perturbed system or the model. Needs
plotly, which the extra `cli` installs.
"""

try:
    import plotly.graph_objects  # noqa: F401
except ImportError as missing:
    raise ImportError(
        f"a report is drawn with plotly; got {missing}. Install it: pip install 'ssmlinalg[cli]'."
    ) from missing

from .audit_page import audit as audit
from .certificate_page import ptd as ptd
from .colours import HIPPO as HIPPO
from .colours import PTD as PTD
from .colours import S4D as S4D
from .comparison_page import comparison as comparison
from .comparison_pictures import frontier as frontier
from .comparison_pictures import robustness as robustness
from .image_files import FORMATS as FORMATS
from .image_files import images as images
from .model_pictures import gain as gain
from .model_pictures import impulse as impulse
from .model_pictures import modes as modes
from .perturbation_pictures import Curves as Curves
from .perturbation_pictures import curves as curves
from .perturbation_pictures import deviation as deviation
from .perturbation_pictures import response as response
from .perturbation_pictures import spectrum as spectrum
from .verification_page import timetable as timetable
from .verification_page import verification as verification
