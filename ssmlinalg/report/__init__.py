"""What was found, on one page to look at before reading: self-contained HTML that opens anywhere,
offline.

`ptd` certifies one perturbed-then-diagonalized model, `comparison` sets all initializations side by
side, `verification` holds a model against the laws every model keeps, `audit` shows what was found
in a checkpoint; all return the text of a page with plotly.js inside. The pictures on it are
functions of their own, for notebooks: `spectrum`, `response` and `deviation` of a perturbation,
`frontier` and `robustness` of many, `impulse`, `gain` and `modes` of any model return plotly
figures; `images` makes SVG, PDF or PNG files of them. One colour for each system throughout: grey
is HiPPO, orange is S4D (the normal part with half the input) and what a model is compared with,
blue is what was found. Needs plotly, which the extra `cli` installs.
"""

try:
    import plotly.graph_objects  # noqa: F401
except ImportError as missing:
    raise ImportError(
        f"a report is drawn with plotly; got {missing}. Install it: pip install 'ssmlinalg[cli]'."
    ) from missing

from .audits import audit as audit
from .models import gain as gain
from .models import impulse as impulse
from .models import modes as modes
from .pages import comparison as comparison
from .pages import ptd as ptd
from .pages import timetable as timetable
from .pages import verification as verification
from .pictures import Curves as Curves
from .pictures import curves as curves
from .pictures import deviation as deviation
from .pictures import frontier as frontier
from .pictures import response as response
from .pictures import robustness as robustness
from .pictures import spectrum as spectrum
from .static import FORMATS as FORMATS
from .static import images as images
from .style import HIPPO as HIPPO
from .style import PTD as PTD
from .style import S4D as S4D
