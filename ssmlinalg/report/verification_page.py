"""The page that holds a model against the laws that every model keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..discretize import Rule
from ..ground import require
from ..verification import Check, Verification
from ..verification.disagreement import signal
from .html_page import Card, Section, certificate, check_words, page
from .model_pictures import LENGTH, gain, impulse, modes
from .notation import number
from .time_table import timetable

_ABOUT_OURS = (
    "The kernel that the model convolves its input with. "
    "The smaller the step, the longer a channel remembers."
)
_ABOUT_YOURS = "Yours, thin, over ours. Among the channels shown is the one where they differ most."
_ABOUT_GAIN = (
    "The amplitude of the output for a sinusoid of amplitude 1. Beyond the dotted line, half a "
    "cycle per sample, no sampled signal has anything: peaks there appear, if at all, at another "
    "frequency."
)
_ABOUT_MODES = (
    "Each dot is a mode. On the right, in the shade, it turns faster than sampling can follow; "
    "below, in the shade, it is gone within a sample; above the dotted line it outlives the "
    "samples that were looked at."
)


def verification(
    found: Verification,
    form: Any,
    *,
    title: str,
    facts: Mapping[str, str],
    length: int = LENGTH,
    rule: Rule = "zoh",
    kernel: np.ndarray | None = None,
) -> str:
    """The page of a verification, as HTML text: the verdict, then every law with its error.

    Below the laws stand the causes of a difference, best explanation first, the time scales and the
    facts; then the kernels, the gain over frequency, and the modes by half-life and frequency.

    Args:
        found: what `verification.verify` returns.
        form: the model that was verified.
        title: the title of the page.
        facts: what the table says besides: version, seed, command.
        length: the samples that it was verified over.
        rule: the rule that it was verified under.
        kernel: the kernel (..., L) that it was compared with, drawn over ours.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for what is no form.

    Example:
        >>> from ssmlinalg import inits, verify
        >>> form = inits.s4d_lin_init(8)
        >>> text = verification(verify(form), form, title="S4D-Lin, order 8", facts={"seed": "0"})
        >>> "Every law holds" in text
        True
    """
    require.instance("found", found, Verification, "Take it from ssmlinalg.verify.")
    check_words(title, facts)
    length = require.integer("length", length)
    kernel = None if kernel is None else signal(kernel, form)
    cards = [Card("Laws", certificate(map(_law, found.checks), {}))]
    if found.findings:
        causes = [
            (one.cause, f"{number(one.residual)} left", one.message) for one in found.findings
        ]
        heading = "Why it differs, best explanation first"
        cards.append(Card(heading, certificate(causes, {})))
    cards.append(Card("Time scales", certificate(timetable(found.timescales), facts)))
    about = _ABOUT_OURS if kernel is None else _ABOUT_YOURS
    sections = [
        _section("Kernels", lambda: impulse(form, length, rule=rule, theirs=kernel), about),
        _section("Gain at each frequency", lambda: gain(form, rule=rule), _ABOUT_GAIN),
        Section("Modes", modes(found.timescales, length), _ABOUT_MODES),
    ]
    return page(title, _verdict(found), cards, sections)


def _law(check: Check) -> tuple[str, str, str]:
    compared = "≤" if check.error <= check.allowed else ">"
    measured = f"{number(check.error)} {compared} {number(check.allowed)}"
    return (check.law, "holds" if check.holds else "fails", f"{measured}. {check.message}")


def _section(heading: str, draw: Callable[[], go.Figure], words: str) -> Section:
    """A picture and its words, or the reason why there is none.

    A model that fails a law may have no kernel to draw.
    """
    try:
        return Section(heading, draw(), words)
    except ValueError as error:
        return Section(heading, None, f"Not drawn: {error}")


def _verdict(found: Verification) -> str:
    """The laws that hold, those that do not, and why, in a sentence or two."""
    failing = [check for check in found.checks if not check.holds]
    holding = ", ".join(check.law for check in found.checks if check.holds)
    why = found.findings[0].message if found.findings else ""
    if not failing:
        return f"Every law holds: {holding}. {why}".rstrip()
    fails = " ".join(f"{check.law}: {check.message}" for check in failing)
    parts = [f"Not everything holds. {fails}"]
    if why:
        parts.append(f"Best explanation: {why}")
    if holding:
        parts.append(f"What holds: {holding}.")
    return " ".join(parts)
