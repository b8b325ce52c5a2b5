"""Findings as people read them: a remark that many arrays share is said once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..audit import Finding
from ..ground import require

_NAMED = 2  # arrays or layers that are named one by one; more are counted
_COUNT = re.compile(
    r"^All \d+ values "
)  # differs from array to array, and says nothing of the fault


def findings(found: Iterable[Finding]) -> list[tuple[str, str, str, str]]:
    """The rows of a table of findings.

    Args:
        found: the findings of an audit.

    Returns:
        Layers, kind, arrays and sentence. Findings of one kind and one sentence are one row.

    Raises:
        TypeError: for what are no findings.

    Example:
        >>> said = "All 8 values are exact in bfloat16 though stored as float32: they were rounded."
        >>> rows = findings(Finding(f"net.{i}.", "sixteen-bit", "C", said) for i in range(4))
        >>> [row[:3] for row in rows]
        [('4 layers', 'sixteen-bit', 'C')]
    """
    require.instance("found", found, Iterable, "Take the findings of an audit.")
    found = list(found)
    require.listed("found", found, Finding, "Take the findings of an audit.")
    alike: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        alike.setdefault((one.kind, _COUNT.sub("All values ", one.message)), []).append(one)
    return [
        (
            _counted([one.layer or "-" for one in group], "layers"),
            kind,
            _counted([one.array for one in group], "arrays"),
            group[0].message if len(group) == 1 else message,
        )
        for (kind, message), group in alike.items()
    ]


def _counted(names: list[str], what: str) -> str:
    unlike = list(dict.fromkeys(names))
    return f"{len(unlike)} {what}" if len(unlike) > _NAMED else ", ".join(unlike)
