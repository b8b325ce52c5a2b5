"""The catalogue of targets: a new one is an import and a line."""

from __future__ import annotations

from . import s4d, s5_pytorch
from ._layout import Target

TARGETS: dict[str, Target] = {
    "s4d": s4d.TARGET,
    "s5-pytorch": s5_pytorch.TARGET,
}
