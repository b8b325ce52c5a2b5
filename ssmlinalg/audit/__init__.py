"""Whether the layers in a checkpoint are what they are taken for: initialization, laws, faults.

`audit` finds the layers by the names of the targets in `export`, and returns for each

- the initialization that its A is: exactly, to the precision of the file, or the nearest with its
  distance, modes matched;
- a Kolmogorov-Smirnov test of every law that the published layer says it starts from
  (`Target.declared`);
- findings: what cannot be meant, each with its kind, a name of `CHECKS`, and a sentence with the
  numbers.

A layer is *fresh* if more than half of its channels are those of an initialization, or have its law
where A is drawn. Laws are findings only there: a trained layer has moved, and is no less sound for
it. A layer with A frozen, and the rest trained, looks fresh and is accused of its laws.
"""

from .checks import CHECKS
from .examination import audit
from .kolmogorov_smirnov import ALARM
from .records import Audit, Finding, Fit, Identified, LayerReport

__all__ = ["ALARM", "CHECKS", "Audit", "Finding", "Fit", "Identified", "LayerReport", "audit"]


def __dir__() -> list[str]:
    return __all__
