"""The catalogue of checks. A check yields the array at fault, "" for the layer, and a sentence."""

from __future__ import annotations

from collections.abc import Callable

from .array_checks import (
    nonfinite,
    overflow,
    sign,
    sixteen,
    transformed,
    transposed,
    unreadable,
    zero,
)
from .law_checks import constant, interval, law, reinitialized, reset
from .perturbed_matrix import perturbation
from .records import Faults, Observation
from .spectrum_checks import both, changed, clipped, half, unexpected, unpaired, unstable

# A check is a function and a line.
CHECKS: dict[str, Callable[[Observation], Faults]] = {
    "unreadable": unreadable,
    "nonfinite": nonfinite,
    "overflow": overflow,
    "sixteen-bit": sixteen,
    "zero": zero,
    "constant": constant,
    "unstable": unstable,
    "sign": sign,
    "transform": transformed,
    "transposed": transposed,
    "changed": changed,
    "unexpected": unexpected,
    "both-halves": both,
    "one-half": half,
    "unpaired": unpaired,
    "clipped": clipped,
    "interval": interval,
    "law": law,
    "reinitialized": reinitialized,
    "reset": reset,
    "perturbation": perturbation,
}
