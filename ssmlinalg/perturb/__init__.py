r"""Perturb, then diagonalize: A + E = V diag(Lambda) V^{-1} with a small E and a moderate kappa(V).

HiPPO matrices are so far from normal that diagonalizing them as they are is ill-posed (kappa(V) ~
5.8^N for `legs`). A small perturbation makes it well-posed. Three numbers say how good a
perturbation is, and each `Diagonalization` carries them: the condition number kappa(V), the
backward error |E|/|A|, and the transfer error, the largest deviation over all frequencies of the
state x^(iw) from that of the unperturbed system. `PERTURBATIONS` lists the methods; `error_floor`
is a bound that none of them can get below, `proved_law` proves kappa(V) <= c for `lossless`.

==================  ================  ==========================================================
method              of                what it is
==================  ================  ==========================================================
`lossless`          lossless systems  closed form: kappa(V) and the transfer error known in advance
`optimal`           systems with a B  least transfer error under a budget for kappa(V)
`minimize`          any matrix        the published objective: kappa(V) against |E|
`last_column`       `legs`            closed form: tiny |E|
`column`            any matrix        the best of a single column
`gaussian`          any matrix        random, real for a real matrix
`complex_gaussian`  any matrix        random, complex
==================  ================  ==========================================================

`buying_curves` has kappa(V) against |E| for those that take any matrix.

Any function of A + E is then one product, `Diagonalization.apply`. How far exponentials, resolvents
and powers are from those of A is bounded by `exponential_bound`, `resolvent_bound`, `power_bound`
and `fractional_power_bound`.
"""

import inspect
from collections.abc import Callable

from ..ground import require
from .bought_conditioning import BuyingCurve, buying_curves
from .columns import column, last_column
from .diagonalization import Diagonalization, Factors
from .function_bounds import (
    FunctionBound,
    exponential_bound,
    fractional_power_bound,
    power_bound,
    resolvent_bound,
)
from .kept_results import kept
from .law_certificate import ProvedLaw, proved_law, proved_unit_columns
from .least_transfer_error import optimal
from .lossless_figures import Lossless
from .lossless_perturbation import lossless
from .lower_bound import error_floor
from .published_objective import minimize
from .random_matrices import complex_gaussian, gaussian

__all__ = [
    "PERTURBATIONS",
    "BuyingCurve",
    "Diagonalization",
    "Factors",
    "FunctionBound",
    "Lossless",
    "ProvedLaw",
    "buying_curves",
    "column",
    "complex_gaussian",
    "error_floor",
    "exponential_bound",
    "fractional_power_bound",
    "gaussian",
    "kept",
    "last_column",
    "lossless",
    "minimize",
    "optimal",
    "power_bound",
    "proved_law",
    "proved_unit_columns",
    "resolvent_bound",
    "sized_by",
]


def __dir__() -> list[str]:
    return __all__


PERTURBATIONS: dict[str, Callable[..., Diagonalization]] = {
    "lossless": lossless,
    "optimal": optimal,
    "minimize": minimize,
    "last_column": last_column,
    "column": column,
    "gaussian": gaussian,
    "complex_gaussian": complex_gaussian,
}


def sized_by(name: str) -> tuple[str, ...]:
    """The options by which a perturbation is sized: `conditioning`, `tau`, `size`.

    Args:
        name: one of `PERTURBATIONS`.

    Returns:
        Those of the three that it takes.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> sized_by("lossless"), sized_by("gaussian")
        (('conditioning', 'tau'), ('size',))
    """
    method = PERTURBATIONS[require.known("perturbation", name, PERTURBATIONS)]
    takes = inspect.signature(method).parameters
    return tuple(option for option in ("conditioning", "tau", "size") if option in takes)
