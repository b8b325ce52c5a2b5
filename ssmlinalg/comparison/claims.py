"""Claims of theory about HiPPO and its diagonal approximations as the order grows.

Every entry of `CLAIMS` says a sentence, whose it is and how well it is known. It takes an order and
returns the figure that the sentence is about beside the interval in which it says that this lies.
Tests, tables and pictures draw on this catalogue. The figures are measured by subject:

======================  =====================================================================
`s4d_convergence`       states, kernels and outputs of S4D-LegS against HiPPO-LegS
`resolvent_bounds`      how far a perturbation moves the resolvent
`spectral_laws`         frequencies of the normal part, and sensitivity of eigenvalues
`delay_approximation`   windowed measures against the delay e^{-s}
======================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..ground import require
from . import delay_approximation, resolvent_bounds, s4d_convergence, spectral_laws
from .claimed_figure import ClaimedFigure


class Claim(NamedTuple):
    """A sentence and the function that measures its figure.

    Attributes:
        statement: the sentence.
        source: whose it is.
        status: "proved" (the argument stands where it is measured, or is the source's), "verified"
            (at those orders; constants with pi in them are derived to leading order), or "refuted"
            (published otherwise: the interval is what holds instead).
        measure: an order to the figure.
        least: the least order to which it applies.
        greatest: the largest order at which it was examined.
    """

    statement: str
    source: str
    status: str
    measure: Callable[[int], ClaimedFigure]
    least: int
    greatest: int


def measured(name: str, order: int) -> ClaimedFigure:
    """The figure of one of `CLAIMS` at one order, beside the interval that the claim gives for it.

    Args:
        name: one of `CLAIMS`.
        order: N, at least the `least` of the claim. Beyond its `greatest` nothing was examined.

    Returns:
        A `ClaimedFigure`.

    Raises:
        TypeError: for what is no order.
        ValueError: for an unknown name, and for an order below the `least` of the claim.

    Cost:
        O(N) to O(N^3), below a second up to `greatest`.

    Example:
        >>> value, low, high = measured("impulse", 16)  # |K - K~|^2 in L2, near 1/4 and not 0
        >>> round(value, 6), low <= value <= high
        (0.248047, True)
    """
    claim = CLAIMS[require.known("name", name, CLAIMS)]
    return claim.measure(require.integer("order", order, least=claim.least))


CLAIMS: dict[str, Claim] = {
    "fixed-frequency": Claim(
        statement=(
            "At a fixed frequency the relative error of S4D-LegS is w/N, in every coefficient."
        ),
        source="Yu et al. 2024, Theorem 1; constant derived here",
        status="proved",
        measure=s4d_convergence.fixed_frequency,
        least=1,
        greatest=4096,
    ),
    "decaying-input": Claim(
        statement="For the input e^{-t} the first coefficient is off by 1/(2N) in L2.",
        source="Yu et al. 2024, Theorem 1; exact value derived here",
        status="proved",
        measure=s4d_convergence.decaying_input,
        least=2,
        greatest=1024,
    ),
    "weak-limit": Claim(
        statement=(
            "The Laplace transform converges for Re s > -1/2, at the rate N^{-2 Re s - 1}: "
            "there S4D-LegS has the kernels of LegS."
        ),
        source="Gu et al. 2022 (S4D), Theorem 3, in this sense; derived here",
        status="verified",
        measure=s4d_convergence.weak_limit,
        least=2,
        greatest=1024,
    ),
    "pointwise": Claim(
        statement=(
            "The kernels themselves do not converge: somewhere in 1/2 <= t <= 5/2 the "
            "first is off by 1/2 to 1."
        ),
        source="Gu et al. 2022 (S4D), Theorem 3, refuted in this sense",
        status="refuted",
        measure=s4d_convergence.pointwise,
        least=8,
        greatest=256,
    ),
    "impulse": Claim(
        statement="Nor in L2: the square of the distance of the first kernels is 1/4 - 1/(2 N^2).",
        source="derived here",
        status="proved",
        measure=s4d_convergence.impulse,
        least=2,
        greatest=1024,
    ),
    "impulse-state": Claim(
        statement="The whole answer to an impulse is off by N/2 times its energy.",
        source="derived here",
        status="proved",
        measure=s4d_convergence.impulse_state,
        least=2,
        greatest=128,
    ),
    "spike": Claim(
        statement=(
            "Nor in H-infinity: the first coefficient is off by 2/pi at the largest frequency of S."
        ),
        source="Yu et al. 2024, Theorem 2; constant derived here",
        status="verified",
        measure=s4d_convergence.spike,
        least=4,
        greatest=1024,
    ),
    "third-spike": Claim(
        statement=(
            "Spikes of 2/(pi (2m+1)) stand at all frequencies of S, m counted from the "
            "largest down: here m = 2."
        ),
        source="Yu et al. 2024, Theorem 2; constant derived here",
        status="verified",
        measure=s4d_convergence.third_spike,
        least=8,
        greatest=1024,
    ),
    "state-spike": Claim(
        statement="The whole state is off by 2N/pi at the largest frequency of S.",
        source="derived here",
        status="verified",
        measure=s4d_convergence.state_spike,
        least=2,
        greatest=1024,
    ),
    "zoh-resolved": Claim(
        statement=(
            "Sampled by zero-order hold the kernels stay apart while the step resolves "
            "all modes, N^2/pi < 1/step: here 0.001."
        ),
        source="measured here",
        status="verified",
        measure=s4d_convergence.resolved,
        least=4,
        greatest=56,
    ),
    "zoh-averaged": Claim(
        statement=(
            "Beyond, the hold averages the fast modes away: they differ by at most "
            "1.6/sqrt(N^2 step/pi), here step 0.01."
        ),
        source="measured here",
        status="verified",
        measure=s4d_convergence.averaged,
        least=18,
        greatest=1024,
    ),
    "published-bound": Claim(
        statement=(
            "A perturbation E moves the transfer function by at most (2 log N + 4) |E|, "
            "if |B| = |C| = 1, to first order."
        ),
        source="Yu et al. 2024, Theorem 3",
        status="proved",
        measure=resolvent_bounds.published_bound,
        least=2,
        greatest=32,
    ),
    "resolvent-bound": Claim(
        statement=(
            "By at most 4 |E|/(1 - 2 |E|), |E| < 1/2, and there are E that come as close "
            "to it as |A^{-1}| to 2."
        ),
        source="derived here",
        status="proved",
        measure=resolvent_bounds.resolvent_bound,
        least=2,
        greatest=32,
    ),
    "driven-bound": Claim(
        statement="With the B of LegS the state moves by at most 2 |E|/(1 - 2 |E|).",
        source="derived here",
        status="proved",
        measure=resolvent_bounds.driven_bound,
        least=2,
        greatest=48,
    ),
    "lossless-law": Claim(
        statement=(
            "A lossless perturbation has kappa(V) times error near 1/2 at every order: "
            "here tau = 0.2, limit 0.543."
        ),
        source="derived here (theory)",
        status="verified",
        measure=resolvent_bounds.lossless_law,
        least=5,
        greatest=1024,
    ),
    "largest-frequency": Claim(
        statement="The largest frequency of S is N^2/pi - pi/6.",
        source="Gu et al. 2022 (S4D), Conjecture 5, as others quote it, has + 0.5236",
        status="refuted",
        measure=spectral_laws.largest_frequency,
        least=2,
        greatest=1024,
    ),
    "inverse-law": Claim(
        statement="The frequencies of S4D-Inv are off by 18 per cent, in the median.",
        source="Gu et al. 2022 (S4D), equation 8",
        status="verified",
        measure=spectral_laws.inverse_law,
        least=8,
        greatest=1024,
    ),
    "inverse-law-worst": Claim(
        statement=(
            "The smallest frequencies of S4D-Inv are off by more and more: 22 per cent "
            "at N = 64, 50 at 256, 79 at 1024."
        ),
        source="Gu et al. 2022 (S4D), equation 8",
        status="verified",
        measure=spectral_laws.inverse_law_worst,
        least=8,
        greatest=1024,
    ),
    "bulk-law": Claim(
        statement=(
            "All frequencies of S are N t, arctan(1/t) - t/2 log(1 + 1/t^2) = pi "
            "(2m+1)/(2N), to within 0.05."
        ),
        source="derived here",
        status="verified",
        measure=spectral_laws.bulk_law,
        least=2,
        greatest=1024,
    ),
    "pade": Claim(
        statement=(
            "LegT read at the end of its window is the [N-1/N] Pade approximant of the "
            "delay e^{-s}."
        ),
        source="Voelker et al. 2019 (LMU)",
        status="verified",
        measure=delay_approximation.pade,
        least=1,
        greatest=24,
    ),
    "all-pass-limit": Claim(
        statement="The all-pass function of FouT tends to -e^{-s}, at the rate 1/N.",
        source="derived here",
        status="verified",
        measure=delay_approximation.all_pass_limit,
        least=2,
        greatest=1024,
    ),
    "sensitivity": Claim(
        statement=(
            "The worst condition number of an eigenvalue of LegS is (1 + sqrt 2)^{2N}/(2 "
            "sqrt 2 pi N): 5.83^N."
        ),
        source="derived here",
        status="verified",
        measure=spectral_laws.sensitivity,
        least=2,
        greatest=1024,
    ),
}
"""Every claim by name, in the order of the page."""
