"""Pages: a certificate of one perturbation, all initializations side by side, a model held against
the laws.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from .. import forms, perturb
from ..comparison.robustness import Sweep
from ..comparison.table import Row
from ..discretize import Rule
from ..matrices import enclose
from ..verification.laws import Check
from ..verification.time_scales import Timescales
from ..verification.verdict import Verification
from .document import certificate, page, table
from .models import LENGTH, gain, impulse, modes
from .pictures import EXACT, Curves, curves, deviation, frontier, response, robustness, spectrum
from .style import not_below, number

_ENCLOSED = 64  # order up to which the spectrum is enclosed where python-flint is installed: a tenth of a second

_ABOUT_SPECTRUM = "PTD leaves the vertical line of S4D, on which all modes decay alike. Both axes are logarithmic away from 0."
_ABOUT_RESPONSE = "The largest |G(iω)| that a readout of norm 1 can see; blue should lie on grey."
_ABOUT_BOUND = "What is proved is the dashed line, and the blue curve never rises above it."
_ABOUT_NO_BOUND = (
    "How far blue and orange are from grey in the picture above; no bound is known for this system."
)
_ABOUT_KERNELS = (
    f"The first {LENGTH} samples of what the model convolves its input with, under a zero-order hold. "
    "The smaller the step, the longer a channel remembers."
)
_ABOUT_OURS = (
    "What the model convolves its input with. The smaller the step, the longer a channel remembers."
)
_ABOUT_YOURS = "Yours, thin, over ours. Among the channels shown is the one where they differ most."
_ABOUT_GAIN = (
    "What is passed on of a sinusoid. Beyond the dotted line, half a cycle per sample, no sampled signal has anything: "
    "peaks there are heard, if at all, at another frequency."
)
_ABOUT_MODES = (
    "Each dot is a mode. On the right, in the shade, it turns faster than sampling can follow; below, in the shade, it is gone "
    "within a sample; above the dotted line it outlives what was looked at."
)
_ABOUT_ROBUSTNESS = (
    "How far the state of each is from that of HiPPO when the input is a sinusoid of frequency ω and amplitude 1. "
    "The marks are the worst frequencies."
)
_ABOUT_FRONTIER = "Left is better conditioned, down is nearer to HiPPO. Triangles lie far outside, in the direction they point."


def ptd(
    found: perturb.Diagonalization, form: forms.Paired, *, title: str, facts: Mapping[str, str]
) -> str:
    """The page that certifies `found` and shows `form`, the model built from it, as HTML text.

    A table of the numbers and the `facts` (version, seed, command ...), then the spectrum, the size
    of the state over frequency, its deviation from HiPPO with the bound, and the kernels of a few
    channels. Cost O(N^3 + N^2 S) for S of about 800 + 15 N frequencies, seconds at N = 256; about 5
    MB of text, nearly all of it plotly.js. Raises ValueError for a model that outgrows its
    precision within the samples drawn.

    >>> from ssmlinalg import hippo
    >>> found = perturb.lossless(hippo.legs(8))
    >>> page = ptd(found, found.paired(np.eye(8)), title="S4-PTD, order 8", facts={"seed": "0"})
    >>> page.startswith("<!DOCTYPE html>")
    True
    """
    shown = curves(found)
    error, proved = number(found.transfer_error), math.isfinite(found.transfer_bound)
    bound = number(not_below(found.transfer_bound)) if proved else "none"
    within = f"Provably within {bound}" if proved else f"By measurement within {error}"
    numbers = [
        (
            "κ₂(V)",
            number(found.condition),
            "condition number of the eigenbasis: by how much it can magnify rounding",
        ),
        (
            "sup |x̃ − x̂|",
            error,
            "transfer error: the largest deviation of the state, over all frequencies",
        ),
        (
            "bound",
            bound,
            "proved: the transfer error is no larger"
            if proved
            else "nothing is proved of this system",
        ),
        (
            "‖E‖₂ / ‖A‖₂",
            number(found.backward_error),
            "backward error: the perturbation beside the matrix",
        ),
        ("max Re λ", number(found.abscissa), _stability(found.proved_abscissa)),
        (
            "Σ κⱼ",
            number(found.scaled_condition),
            "condition numbers of the eigenvalues: the best scaling of V has κ₂ below it",
        ),
        ("residual", number(found.residual), "‖(A + E) V − V Λ‖ / ‖A‖, of the size of rounding"),
        ("N", str(len(found.Lambda)), "order of the state"),
    ]
    if len(found.Lambda) <= _ENCLOSED and importlib.util.find_spec("flint"):
        radius = float(enclose(found.A + found.E).radius.max())
        numbers.insert(
            5,
            (
                "enclosed",
                number(radius),
                "proved by FLINT: a disc of this radius or less about each eigenvalue",
            ),
        )
    if isinstance(found, perturb.Lossless):
        numbers.insert(
            5, ("τ", number(found.tau), "size of the perturbation, from 0 (HiPPO) to 1 (S4D)")
        )
    facts = (
        {"perturbation": found.method}
        | {name: number(value) for name, value in found.facts.items()}
        | dict(facts)
    )
    sections = [
        ("Spectrum", spectrum(found), _ABOUT_SPECTRUM),
        (
            "Size of the state at each frequency",
            response(shown),
            f"{_ABOUT_RESPONSE} {_spikes(found, shown)}",
        ),
        (
            "Deviation from HiPPO",
            deviation(shown, found.transfer_bound),
            _ABOUT_BOUND if proved else _ABOUT_NO_BOUND,
        ),
        ("Kernels", impulse(form), _ABOUT_KERNELS),
    ]
    lead = f"{within} of the HiPPO state at every frequency, with κ(V) = {number(found.condition)}."
    return page(title, lead, [("", certificate(numbers, facts))], sections)


def comparison(rows: Sequence[Row], sweeps: Sequence[Sweep] = (), *, title: str) -> str:
    """The page that sets the `rows` of `comparison.compare` side by side, as HTML text:
    conditioning against transfer error, and every number in a table, where a dash stands for what
    does not apply.

    With the `sweeps` of `comparison.fourier_sweep`, also how far each is from HiPPO under a
    sinusoid, over its frequency, and a table of the worst frequencies. Raises ValueError when there
    are no rows.

    >>> page = comparison([Row("ptd", 8.0, 0.17, 0.064, -0.57, 612.0, 32)], title="Order 64")
    >>> "0.064" in page
    True
    """
    if not rows:
        raise ValueError(
            "`rows` must hold at least one initialization; got none. Pass the result of comparison.compare."
        )
    heads = ("", "κ₂(V)", "‖E‖₂ / ‖A‖₂", "sup |x̃ − x̂|", "max Re λ", "max |Im λ|", "modes")
    cards = [
        ("", table(heads, [(row.name, *map(number, row[1:-1]), str(row.modes)) for row in rows]))
    ]
    sections = []
    if any(not math.isnan(row.condition + row.transfer_error) for row in rows):
        sections.append(("Conditioning against transfer error", frontier(rows), _ABOUT_FRONTIER))
    if sweeps:
        worst = [
            (sweep.name, f"{sweep.worst_frequency:.6g}", number(sweep.worst_error))
            for sweep in sweeps
        ]
        cards.append(
            ("Robustness to Fourier modes", table(("", "worst ω", "|x̃ − x̂| there"), worst))
        )
        sections.append(
            (
                "Robustness to Fourier modes",
                robustness(sweeps),
                f"{_ABOUT_ROBUSTNESS}{_left_out(sweeps)}",
            )
        )
    return page(title, "Every initialization of one order, against HiPPO.", cards, sections)


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
    """The page of what `verification.verify` found of `form`, as HTML text: the verdict, then every
    law with its error.

    `length`, `rule` and `kernel` (..., L) are what it was verified with. Below the laws stand the
    findings, if something differs, best explanation first, the time scales and the `facts`; then
    the kernels, with yours over ours where `kernel` is given, the gain over frequency, and the
    modes by half-life and frequency.

    >>> from ssmlinalg import inits
    >>> from ssmlinalg.verification.verdict import verify
    >>> form = inits.s4d_lin_init(8)
    >>> "Every law holds" in verification(verify(form), form, title="S4D-Lin, order 8", facts={"seed": "0"})
    True
    """
    laws = [
        (check.law, "holds" if check.holds else "fails", f"{_measured(check)}. {check.message}")
        for check in found.checks
    ]
    cards = [("Laws", certificate(laws, {}))]
    if found.findings:
        causes = [(one.cause, f"{number(one.residual)} left", one.message) for one in found.findings]
        cards.append(("Why it differs, best explanation first", certificate(causes, {})))
    cards.append(("Time scales", certificate(timetable(found.timescales), facts)))
    about = _ABOUT_OURS if kernel is None else _ABOUT_YOURS
    sections = [
        ("Kernels", *_drawn(lambda: impulse(form, length, rule=rule, theirs=kernel), about)),
        ("Gain at each frequency", *_drawn(lambda: gain(form, rule=rule), _ABOUT_GAIN)),
        ("Modes", modes(found.timescales, length), _ABOUT_MODES),
    ]
    return page(title, _judgement(found), cards, sections)


def timetable(scales: Timescales) -> list[tuple[str, str, str]]:
    """The time scales of all modes together: a name, a number as text, and what it means."""
    life, cycles = np.asarray(scales.half_life), np.asarray(scales.frequency)
    return [
        (
            "half-life",
            f"{number(float(life.min()))} to {number(float(life.max()))}",
            "samples until half is left, ∞ if it never is",
        ),
        (
            "frequency",
            f"{number(float(cycles.min()))} to {number(float(cycles.max()))}",
            "cycles per sample",
        ),
        (
            "beyond Nyquist",
            _percent(scales.beyond_nyquist),
            "of the modes turn more than half a cycle per sample",
        ),
        ("dead", _percent(scales.dead), "of the modes have less than 1/e left after one sample"),
        ("outlives", _percent(scales.outlives), "of the modes have more than 1/e left at the end"),
    ]


def _percent(share: float) -> str:
    return f"{number(100 * share)} %"


def _drawn(draw: Callable[[], go.Figure], words: str) -> tuple[go.Figure | None, str]:
    """The picture and its words, or why there is none: what fails a law may have no kernel to
    draw.
    """
    try:
        return draw(), words
    except ValueError as error:
        return None, f"Not drawn: {error}"


def _measured(check: Check) -> str:
    """The error beside what is allowed of it."""
    return f"{number(check.error)} {'≤' if check.error <= check.allowed else '>'} {number(check.allowed)}"


def _judgement(found: Verification) -> str:
    """The verdict in a sentence or two: what holds, what does not, and why."""
    failing = [check for check in found.checks if not check.holds]
    holding = ", ".join(check.law for check in found.checks if check.holds)
    why = found.findings[0].message if found.findings else ""
    if not failing:
        return f"Every law holds: {holding}. {why}".rstrip()
    fails = " ".join(f"{check.law}: {check.message}" for check in failing)
    parts = [
        f"Not everything holds. {fails}",
        f"Best explanation: {why}" if why else "",
        f"What holds: {holding}." if holding else "",
    ]
    return " ".join(filter(None, parts))


def _left_out(sweeps: Sequence[Sweep]) -> str:
    exact = [sweep.name for sweep in sweeps if sweep.worst_error <= EXACT]
    unstable = [sweep.name for sweep in sweeps if math.isinf(sweep.worst_error)]
    reasons = [(exact, "Exact but for rounding"), (unstable, "Unstable")]
    return "".join(f" {why} and not drawn: {', '.join(names)}." for names, why in reasons if names)


def _spikes(found: perturb.Diagonalization, shown: Curves) -> str:
    assert isinstance(found.system, forms.NPLR), "curves has refused everything else"
    A, P = np.asarray(found.system.A), found.system.P
    if abs(np.trace(A + P @ P.T)) <= 1e-9 * len(A) * np.linalg.norm(A):
        return "The modes of S4D are undamped here, and its spikes without end."
    worst = int(np.argmax(shown.s4d_error))
    there, s4d, hippo = (
        number(float(values[worst])) for values in (shown.w, shown.s4d, shown.hippo)
    )
    return f"S4D is furthest off at ω = {there}, with {s4d} instead of {hippo}."


def _stability(proved: float) -> str:
    """What is proved of the abscissa: the bound rounded up, for it must not become less true."""
    if math.isinf(proved):
        return "abscissa: the slowest decay; stable below 0"
    return f"abscissa: the slowest decay; proved: Re λ ≤ {number(not_below(proved))} for every eigenvalue of A + E"
