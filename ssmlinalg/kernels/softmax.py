"""The softmax kernel of DSS: modes normalized over the window they are trained on."""

from __future__ import annotations

import numpy as np

from ..discretize import zoh
from ..forms import Diagonal, check
from ..ground import backend, require
from ..ground.backend import Array
from .response import kernel
from .sampling import finite


def dss_softmax(A: Array, C: Array, step: Array, length: int) -> Array:
    r"""DSS (softmax): each mode divided by its sum over the `length` samples.

    .. math::  K_l = \mathrm{Re} \sum_n C_n \frac{e^{l z_n}}{\sum_{r<L} e^{r z_n}}
                   = \mathrm{Re} \sum_n C_n \frac{\int_l^{l+1} e^{t z_n} dt}{\int_0^L e^{t z_n} dt},
               \qquad z = \mathrm{step} \; A

    A, C (..., N), step (...), broadcast; returns (..., length). The published weights W come
    divided by A: C = W/A. The second form is a zero-order hold, its input divided by what the
    window sums to, and is how it is evaluated: nothing cancels near z = 0, and z = 0 itself weighs
    all samples alike. Modes that grow, Re A > 0, decay when time runs backwards and are evaluated
    so: nothing overflows. Not invariant in `length`, by definition: a model is one for the length
    it was trained at.

    Accuracy: that of `kernel`, and of the sum relative to it, about eps L |z| / |e^{Lz} - 1|. That
    is infinite for an undamped mode with a whole number of turns in the window, which sums to zero:
    refused on the host, where exactly so. Raises what `kernel` raises. Cost of `kernel`; twice that
    where values cannot be looked at or some mode grows.

    Source: Gupta, Gu & Berant 2022 (DSS), Proposition 1(b).

    >>> import numpy as np
    >>> dss_softmax(np.array([0j, 800 + 0j]), np.array([4 + 0j, 1 + 0j]), 1.0, 4)
    array([1., 1., 1., 2.])
    """
    length = require.integer("length", length)
    A, _, C, D, step = check(Diagonal(A, A, C, 0.0, step))
    xp = backend.namespace(A=A)
    growing = xp.real(A) > 0
    A = xp.where(growing, -A, A)
    window = zoh(Diagonal(A, xp.ones_like(A), C, D, length * step)).B
    if backend.is_numpy(window) and np.any(window == 0):
        got = f"sum 0 of mode {np.argwhere(window == 0)[0][-1]}"
        raise ValueError(
            f"modes must not sum to 0 over the window; got {got}. Give it some damping, or another length."
        )
    B = 1 / window
    none = xp.zeros_like(B)
    K = kernel(Diagonal(A, xp.where(growing, none, B), C, D, step), length)
    if backend.is_numpy(A) and not np.any(growing):
        return K
    backwards = kernel(Diagonal(A, xp.where(growing, B, none), C, D, step), length)
    return finite(lambda K, backwards: K + xp.flip(backwards, axis=-1), K, backwards)
