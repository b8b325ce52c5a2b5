"""Studies: figures over the product of lists of choices, on one machine or on many.

===============  ==============================================================
`sweep`          measures every point that has no row yet
`rows`, `flat`   the rows of a folder, one for each point that was measured; a row as a line
`write_table`    the rows as one file, .csv or .parquet
`read_study`     a study as a file says it
`FIGURES`        what can be measured by name
===============  ==============================================================

A point is one choice from each list. Its row is a file of JSON, named by a hash of all that it
depends on, the version of the library included; so a study goes on where it stopped, and any number
of machines that share a folder may work at it.
"""

from .measured_figures import FIGURES, Subject
from .stored_rows import flat, rows, write_table
from .study_points import Study, key, points, read_study
from .sweeping import sweep

__all__ = [
    "FIGURES",
    "Study",
    "Subject",
    "flat",
    "key",
    "points",
    "read_study",
    "rows",
    "sweep",
    "write_table",
]


def __dir__() -> list[str]:
    return __all__
