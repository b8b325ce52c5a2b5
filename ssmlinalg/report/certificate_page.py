"""The page that certifies one perturbation."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping

import numpy as np

from .. import forms, perturb
from ..ground import require
from ..matrices import enclose
from .figure_meanings import MEANINGS
from .html_page import Card, Section, certificate, check_words, page
from .model_pictures import LENGTH, impulse
from .notation import not_below, number
from .perturbation_pictures import Curves, curves, deviation, nplr_of, response, spectrum

_ENCLOSED = 64  # order up to which FLINT encloses the spectrum: a tenth of a second
_UNDAMPED = 1e-9  # beside N |A|: the trace of a normal part whose modes do not decay

_UNPROVED = "nothing is proved of this system"
_RADIUS = "proved by FLINT: a disc of this radius or less about each eigenvalue"
_STABLE = "abscissa: the slowest decay"

_ABOUT_SPECTRUM = (
    "PTD leaves the vertical line of S4D, on which all modes decay alike. "
    "Both axes are logarithmic away from 0."
)
_ABOUT_RESPONSE = "The largest |G(iω)| that a readout of norm 1 can see; blue should lie on grey."
_ABOUT_BOUND = "The dashed line is the bound proved; the blue curve never rises above it."
_ABOUT_NO_BOUND = (
    "How far blue and orange are from grey in the picture above; no bound is known for this system."
)
_ABOUT_KERNELS = (
    f"The first {LENGTH} samples of the kernel that the model convolves its input with, under a "
    "zero-order hold. The smaller the step, the longer a channel remembers."
)
_NO_DAMPING = "The modes of S4D are undamped here, and its spikes without end."


def ptd(
    found: perturb.Diagonalization, form: forms.Paired, *, title: str, facts: Mapping[str, str]
) -> str:
    """The page that certifies a perturbation and shows the model built from it, as HTML text.

    A table of the figures and the facts, then the spectrum, the size of the state over frequency,
    its deviation from HiPPO with the bound, and the kernels of a few channels.

    Args:
        found: the diagonalization of a perturbed `NPLR` system.
        form: the model that reads its state.
        title: the title of the page.
        facts: what the table says besides: version, seed, command.

    Returns:
        About 5 MB of text, nearly all of it plotly.js.

    Raises:
        TypeError: for the diagonalization of a system that is no `NPLR`.
        ValueError: for a model that outgrows its precision within the samples drawn.

    Cost:
        O(N^3 + N^2 S) for S about 800 + 15 N frequencies, seconds at N = 256.

    Example:
        >>> from ssmlinalg import hippo
        >>> found = perturb.lossless(hippo.legs(8))
        >>> page = ptd(found, found.paired(np.eye(8)), title="S4-PTD, order 8", facts={"seed": "0"})
        >>> page.startswith("<!DOCTYPE html>")
        True
    """
    require.instance("found", found, perturb.Diagonalization, "Take it from ssmlinalg.perturb.")
    check_words(title, facts)
    shown = curves(found)
    proved = math.isfinite(found.transfer_bound)
    own = {name: number(value) for name, value in found.facts.items()}
    every = {"perturbation": found.method} | own | dict(facts)
    about = f"{_ABOUT_RESPONSE} {_spikes(found, shown)}"
    bounded = deviation(shown, found.transfer_bound)
    sections = [
        Section("Spectrum", spectrum(found), _ABOUT_SPECTRUM),
        Section("Size of the state at each frequency", response(shown), about),
        Section("Deviation from HiPPO", bounded, _ABOUT_BOUND if proved else _ABOUT_NO_BOUND),
        Section("Kernels", impulse(form), _ABOUT_KERNELS),
    ]
    return page(title, _lead(found), [Card("", certificate(_numbers(found), every))], sections)


def _lead(found: perturb.Diagonalization) -> str:
    within = f"By measurement within {number(found.transfer_error)}"
    if math.isfinite(found.transfer_bound):
        within = f"Provably within {number(not_below(found.transfer_bound))}"
    condition = number(found.condition)
    return f"{within} of the HiPPO state at every frequency, with κ(V) = {condition}."


def _numbers(found: perturb.Diagonalization) -> list[tuple[str, str, str]]:
    """The figures: name, value, meaning."""
    return [
        ("κ₂(V)", number(found.condition), MEANINGS["condition"]),
        ("sup |x̃ − x̂|", number(found.transfer_error), MEANINGS["transfer_error"]),
        _bound(found),
        ("‖E‖₂ / ‖A‖₂", number(found.backward_error), MEANINGS["backward_error"]),
        ("max Re λ", number(found.abscissa), _stability(found)),
        *_size(found),
        *_enclosure(found),
        ("Σ κⱼ", number(found.scaled_condition), MEANINGS["scaled_condition"]),
        ("residual", number(found.residual), MEANINGS["residual"]),
        ("factors", number(found.factorization_error), MEANINGS["factorization_error"]),
        ("N", str(found.order), MEANINGS["order"]),
        *_modes(found),
    ]


def _bound(found: perturb.Diagonalization) -> tuple[str, str, str]:
    if math.isfinite(found.transfer_bound):
        return ("bound", number(not_below(found.transfer_bound)), MEANINGS["transfer_bound"])
    return ("bound", "none", _UNPROVED)


def _modes(found: perturb.Diagonalization) -> list[tuple[str, str, str]]:
    return [("M", str(len(found.Lambda)), MEANINGS["modes"])] if found.wide else []


def _size(found: perturb.Diagonalization) -> list[tuple[str, str, str]]:
    return (
        [("τ", number(found.tau), MEANINGS["tau"])] if isinstance(found, perturb.Lossless) else []
    )


def _enclosure(found: perturb.Diagonalization) -> list[tuple[str, str, str]]:
    """The radius of discs about the eigenvalues, where FLINT is installed to prove it."""
    if found.wide or len(found.Lambda) > _ENCLOSED or not importlib.util.find_spec("flint"):
        return []
    radius = float(enclose(found.A + found.E).radius.max())
    return [("enclosed", number(radius), _RADIUS)]


def _stability(found: perturb.Diagonalization) -> str:
    """The bound proved for the abscissa, rounded up: it must not become less true."""
    proved = found.proved_abscissa
    if math.isinf(proved) or found.wide:
        return f"{_STABLE}; stable below 0"
    bound = number(not_below(proved))
    return f"{_STABLE}; proved: Re λ ≤ {bound} for every eigenvalue of A + E"


def _spikes(found: perturb.Diagonalization, shown: Curves) -> str:
    A, _, P = nplr_of(found)
    if abs(np.trace(A + P @ P.T)) <= _UNDAMPED * len(A) * np.linalg.norm(A):
        return _NO_DAMPING
    worst = int(np.argmax(shown.s4d_error))
    w = number(float(shown.w[worst]))
    s4d = number(float(shown.s4d[worst]))
    hippo = number(float(shown.hippo[worst]))
    return f"S4D is furthest off at ω = {w}, with {s4d} instead of {hippo}."
