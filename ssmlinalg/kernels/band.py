"""Limiting a model to the frequencies its sampling can carry."""

from __future__ import annotations

import math

from ..forms import MIMO, AnyForm, Diagonal, Paired, check
from ..ground import backend, require


def band_limit(form: AnyForm, alpha: float) -> AnyForm:
    r"""The model without the modes that oscillate at alpha times the Nyquist frequency or above.

    .. math::  C_n \leftarrow 0 \quad \text{where} \quad \mathrm{step}\, \frac{|\mathrm{Im}\, A_n|}{2 \pi} \ge \frac{\alpha}{2}

    alpha = 1 removes what would be aliased at this step, 1/2 what would be at twice the step. A
    model to be run at another rate is limited at the step it was trained with, and its step changed
    afterwards. Only C is changed, and takes on the batch axes of `step`; the order stays. A mask of
    modes, not a filter: a damped mode below the limit sounds above it too.

    Raises TypeError for forms without modes, ValueError unless alpha > 0. Cost O(N).
    Source: Nguyen et al. 2022 (S4ND), as in the published code of S4, option `bandlimit`.

    >>> import numpy as np
    >>> A = -0.5 + 1j * np.array([1.0, 3.0, 4.0])
    >>> band_limit(Paired(A, A, np.ones(3) + 0j, np.asarray(0.0), np.asarray(1.0)), 1.0).C.real
    array([1., 1., 0.])
    """
    alpha = require.real("alpha", alpha, above=0)
    if not isinstance(form, (Diagonal, Paired, MIMO)):
        raise TypeError(
            f"band_limit takes a Diagonal, Paired or MIMO form; got {type(form).__name__}. Diagonalize it first."
        )
    form = check(form)
    xp = backend.namespace(A=form.A)
    step = form.step[..., None, :] if isinstance(form, MIMO) else form.step[..., None]
    imag = xp.imag(form.A)[..., None, :] if isinstance(form, MIMO) else xp.imag(form.A)
    kept = step * xp.abs(imag) < alpha * math.pi
    return form._replace(C=xp.where(kept, form.C, xp.zeros_like(form.C)))
