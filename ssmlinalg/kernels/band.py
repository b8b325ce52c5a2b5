"""Limiting a model to the frequencies that its sampling can carry."""

from __future__ import annotations

import math
from typing import Any

from ..forms import KINDS, AnyForm, check, kind, step_of
from ..ground import backend, require


def band_limit(form: AnyForm, alpha: float) -> AnyForm:
    r"""The model without the modes that oscillate at alpha times the Nyquist frequency or above.

    .. math::  C_n \leftarrow 0 \quad \text{where} \quad
               \mathrm{step}\, \frac{|\mathrm{Im}\, A_n|}{2 \pi} \ge \frac{\alpha}{2}

    A mask of modes, not a filter: a damped mode below the limit responds above it too. A model to
    be run at another rate is limited at the step it was trained with, and its step changed later.

    Args:
        form: a `Diagonal`, `Paired` or `MIMO` form.
        alpha: 1 removes what would be aliased at this step, 1/2 what would be at twice the step.

    Returns:
        The form with another C, which takes on the batch axes of `step`; the order stays.

    Raises:
        TypeError: for forms without modes; what `forms.check` raises.
        ValueError: unless alpha > 0; what `forms.check` raises.

    Cost:
        O(N).

    Source:
        Nguyen et al. 2022 (S4ND), as in the published code of S4, option `bandlimit`.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> A = -0.5 + 1j * np.array([1.0, 3.0, 4.0])
        >>> band_limit(forms.Paired(A, A, np.ones(3), 0.0, 1.0), 1.0).C.real
        array([1., 1., 0.])
    """
    alpha = require.real("alpha", alpha, above=0)
    taken = [
        found
        for found, known in KINDS.items()
        if known.continuous and not known.matrix and known.plain is None
    ]
    if type(form) not in taken:
        names = ", ".join(found.__name__ for found in taken)
        got = type(form).__name__
        raise TypeError(f"band_limit takes one of {names}; got {got}. Diagonalize it first.")
    checked: Any = check(form)
    xp = backend.library(checked.A)
    frequency = step_of(checked) * xp.abs(xp.imag(checked.A))
    kept = frequency < alpha * math.pi
    if kind(checked).ports:
        kept = kept[..., None, :]
    C = xp.where(kept, checked.C, xp.zeros_like(checked.C))
    return checked._replace(C=C)
