"""What a model promises, checked; and why a kernel made elsewhere differs from it."""

from __future__ import annotations

from typing import NamedTuple

from .._array import Array
from ..discretize import Rule
from .laws import LAWS, AnyForm, Check
from .timescales import Timescales, timescales


class Finding(NamedTuple):
    """One explanation of a disagreement between two kernels.

    `residual`: the largest difference left once `cause` is undone, over the largest entry of the kernel. `number`: the factor,
    the ratio of steps, the bound, as `remark` says.
    """

    cause: str
    residual: float
    number: float
    remark: str


class Verification(NamedTuple):
    """The laws, each checked; what explains a disagreement, best first, empty where there is none; and the time scales."""

    checks: list[Check]
    findings: list[Finding]
    timescales: Timescales


def verify(form: AnyForm, length: int = 1024, *, rule: Rule = "zoh", kernel: Array | None = None) -> Verification:
    """Every law of `laws.LAWS`, the time scales, and what explains a kernel of one's own that differs."""
    checks = [law(form, length, rule) for law in LAWS.values()]
    findings = [] if kernel is None else diagnose(form, kernel, rule=rule)
    return Verification(checks, findings, timescales(form, length))


def diagnose(form: AnyForm, kernel: Array, *, rule: Rule = "zoh") -> list[Finding]:
    """Why a kernel (..., L) made elsewhere differs from that of the form, best explanation first."""
    raise NotImplementedError
