"""Every initialization of one order side by side: conditioning, distance from HiPPO, stability."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..forms import DPLR, MIMORecurrence, Recurrence
from ..ground.backend import Complex
from ..hippo import legs_condition
from ..inits import INITS
from .states import Model, models, worst_error

_STEP = 1e-2


class Row(NamedTuple):
    """One initialization. NaN stands for "does not apply": the model approximates no HiPPO system
    in a basis of its own.

    `condition` kappa_2(V) of the eigenvectors; `backward_error` |E|_2/|A|_2; `transfer_error` the
    largest |x~(iw) - x^(iw)| over w, where the HiPPO-LegS state has |x^(iw)| <= 1; `abscissa` max
    Re and `fastest` max |Im| of the eigenvalues (of log A in discrete models); `modes` the number
    stored.
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
    """HiPPO-LegS as it is, then every entry of INITS at its defaults, at one order and step 0.01.

    `perturbations` names entries of `perturb.PERTURBATIONS` to add beside "lossless", each as
    "ptd-" and its name; None stands for those that take no search, among them "optimal" where a
    result is kept. Those that take a budget get `conditioning`, the others their default size. The
    transfer error is that of the whole state against the closed form of HiPPO-LegS (theory: x^_n is
    a product), not against anything the initialization was made from. Raises TypeError or
    ValueError for what is no order, for unknown names, and for a conditioning not above 1. Cost
    O(N^3) but for searches.

    >>> for row in compare(8)[:2]:
    ...     print(f"{row.name:10} {row.condition:8.4g} {row.transfer_error:6.2g}")
    hippo-legs 7.703e+04      0
    ptd           7.993  0.047
    """
    standing = {model.name: model for model in models(order, conditioning, perturbations)}
    rows = [Row("hippo-legs", legs_condition(order), 0.0, 0.0, -1.0, 0.0, order)]
    for name, init in INITS.items():
        options = {"step": _STEP, "conditioning": conditioning}
        options = {
            option: value
            for option, value in options.items()
            if option in inspect.signature(init).parameters
        }
        form = init(order, **options)
        spectrum, figures = _spectrum(form), _figures(standing.get(name))
        rows.append(
            Row(
                name,
                *figures,
                float(spectrum.real.max()),
                float(np.abs(spectrum.imag).max()),
                form[0].shape[-1],
            )
        )
        if name == "ptd":
            rows += [
                _perturbed_row(model)
                for model in standing.values()
                if model.name.startswith("ptd-")
            ]
    return rows


def _figures(model: Model | None) -> tuple[float, float, float]:
    """Conditioning, backward error, and transfer error, which S5, whose input is drawn, has in the
    mean only: NaN.
    """
    if model is None:
        return math.nan, math.nan, math.nan
    condition, backward_error = (
        (1.0, 0.0) if model.found is None else (model.found.condition, model.found.backward_error)
    )
    return (
        condition,
        backward_error,
        math.nan if model.name.startswith("s5") else worst_error(model)[0],
    )


def _perturbed_row(model: Model) -> Row:
    found = model.found
    assert found is not None
    modes = (
        int(np.count_nonzero(found.Lambda.imag >= 0))
        if not np.iscomplexobj(found.E)
        else len(found.Lambda)
    )
    return Row(
        model.name, *_figures(model), found.abscissa, float(np.abs(found.Lambda.imag).max()), modes
    )


def _spectrum(form: Any) -> Complex:
    if isinstance(
        form, DPLR
    ):  # similar to HiPPO-LegS, whose eigenvalues no eigensolver could find and everybody knows
        return -np.arange(1.0, form.Lambda.shape[-1] + 1) + 0j
    if isinstance(form, (Recurrence, MIMORecurrence)):
        return np.log(form.A)
    return form.A
