"""Every initialization of one order side by side: conditioning, distance from HiPPO, stability."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..forms import DPLR, kind
from ..ground.backend import Complex
from ..hippo import legs_condition
from ..inits import INITS
from ..inits.hippo_models import accepted
from .states import Approximation, approximations, legs_spectrum, worst_error

_STEP = 1e-2


class Row(NamedTuple):
    """One initialization.

    NaN stands for "does not apply": the model approximates no HiPPO system in a basis of its own.

    Attributes:
        name: that of `INITS`, or "ptd-" and the name of a perturbation.
        condition: kappa_2(V) of the eigenvectors.
        backward_error: |E|_2/|A|_2.
        transfer_error: the largest |x~(iw) - x^(iw)| over w, where the state of HiPPO-LegS has
            |x^(iw)| <= 1.
        abscissa: max Re of the eigenvalues, of log A in discrete models.
        fastest: max |Im| of them.
        modes: how many are stored.
    """

    name: str
    condition: float
    backward_error: float
    transfer_error: float
    abscissa: float
    fastest: float
    modes: int


def compare(
    order: int, *, conditioning: float = 8.0, perturbations: Sequence[str] | None = None
) -> list[Row]:
    """HiPPO-LegS as it is, then every entry of `INITS` at its defaults, at step 0.01.

    The transfer error is that of the whole state against the closed form of HiPPO-LegS, where x^_n
    is a product, not against anything the initialization was made from.

    Args:
        order: N.
        conditioning: the budget for kappa(V) of the perturbations that take one, above 1. The
            others have their default size.
        perturbations: names of `perturb.PERTURBATIONS` to add beside "lossless", each as "ptd-"
            and its name. None stands for those that take no search, among them "optimal" where a
            result is kept.

    Returns:
        A list of `Row`.

    Raises:
        TypeError: for what is no order and for names that are no list.
        ValueError: for an order below 1, for unknown names, and for a conditioning not above 1.

    Cost:
        O(N^3) but for searches.

    Example:
        >>> for row in compare(8)[:2]:
        ...     print(f"{row.name:10} {row.condition:8.4g} {row.transfer_error:6.2g}")
        hippo-legs 7.703e+04      0
        ptd           7.993  0.047
    """
    standing = {model.name: model for model in approximations(order, conditioning, perturbations)}
    rows = [_hippo_row(order)]
    for name, init in INITS.items():
        spectrum = _spectrum(_at_defaults(init, order, conditioning))
        rows.append(_row(name, standing.get(name), spectrum, modes=spectrum.shape[-1]))
        if name == "ptd":
            added = (one for one in standing if one.startswith("ptd-"))
            rows += [_perturbed_row(standing[one]) for one in added]
    return rows


def _hippo_row(order: int) -> Row:
    return Row(
        name="hippo-legs",
        condition=legs_condition(order),
        backward_error=0.0,
        transfer_error=0.0,
        abscissa=-1.0,
        fastest=0.0,
        modes=order,
    )


def _at_defaults(init: Callable[..., Any], order: int, conditioning: float) -> Any:
    """The form, with the step of the table and a budget where it takes one."""
    return init(order, **accepted(init, {"step": _STEP, "conditioning": conditioning}))


def _row(name: str, model: Approximation | None, spectrum: Complex, *, modes: int) -> Row:
    condition = math.nan
    backward_error = math.nan
    transfer_error = math.nan
    if model is not None:
        found = model.diagonalization
        condition = 1.0 if found is None else found.condition
        backward_error = 0.0 if found is None else found.backward_error
        if not model.name.startswith("s5"):  # its input is drawn: it has an error in the mean only
            transfer_error = worst_error(model).error
    return Row(
        name=name,
        condition=condition,
        backward_error=backward_error,
        transfer_error=transfer_error,
        abscissa=float(spectrum.real.max()),
        fastest=float(np.abs(spectrum.imag).max()),
        modes=modes,
    )


def _perturbed_row(model: Approximation) -> Row:
    found = model.diagonalization
    assert found is not None
    half = not np.iscomplexobj(found.E)
    modes = int(np.count_nonzero(found.Lambda.imag >= 0)) if half else len(found.Lambda)
    return _row(model.name, model, found.Lambda, modes=modes)


def _spectrum(form: Any) -> Complex:
    """The eigenvalues of a model, of log A where it is discrete."""
    if isinstance(form, DPLR):  # similar to HiPPO-LegS, whose eigenvalues no eigensolver finds
        return legs_spectrum(form.Lambda.shape[-1])
    return form.A if kind(form).continuous else np.log(form.A)
