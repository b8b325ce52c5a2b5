"""The softmax kernel of DSS: modes normalized over the window they are trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..discretize import Rule, sampled, sampled_with_base
from ..discretize.rules import named
from ..forms import Diagonal, Paired, check
from ..ground import backend, require
from ..ground.backend import Array
from .response import impulse_response

WINDOWED = (Diagonal, Paired)  # forms whose modes may be normalized over a window


def dss_softmax(A: Array, C: Array, step: Array, length: int) -> Array:
    r"""The DSS kernel (softmax): each mode divided by its sum over the `length` samples.

    .. math::  K_l = \mathrm{Re} \sum_n C_n \frac{e^{l z_n}}{\sum_{r<L} e^{r z_n}}
                   = \mathrm{Re} \sum_n C_n
                     \frac{\int_l^{l+1} e^{t z_n} dt}{\int_0^L e^{t z_n} dt},
               \qquad z = \mathrm{step} \; A

    The second form is a zero-order hold, its input divided by the sum over the window, and is how
    it is evaluated: nothing cancels near z = 0, and z = 0 itself weighs all samples alike. Modes
    that grow, Re A > 0, decay when time runs backwards and are evaluated so: nothing overflows. Not
    invariant in `length`, by definition: a model is one for the length it was trained at.

    Args:
        A: (..., N), complex.
        C: (..., N), complex. The published weights W come divided by A: C = W/A.
        step: (...), the time of a sample in the units of A. All broadcast.
        length: L, the window and the samples of the result.

    Returns:
        Real samples (..., L).

    Raises:
        TypeError: what `forms.check` raises.
        ValueError: for a mode that sums to 0 over the window, on the host, where exactly so; what
            `kernel` raises.

    Accuracy:
        That of `kernel`, and of the sum relative to it, about eps L |z| / |e^{Lz} - 1|. That is
        infinite for an undamped mode with a whole number of turns in the window.

    Cost:
        That of `kernel`; twice that where values cannot be looked at or some mode grows.

    Source:
        Gupta, Gu & Berant 2022 (DSS), Proposition 1(b).

    Example:
        >>> import numpy as np
        >>> dss_softmax(np.array([0j, 800 + 0j]), np.array([4 + 0j, 1 + 0j]), 1.0, 4)
        array([1., 1., 1., 2.])
    """
    length = require.integer("length", length)
    form = check(Diagonal(A, A, C, 0.0, step))
    xp = backend.library(form.A)
    growing = xp.real(form.A) > 0
    form = form._replace(A=xp.where(growing, -form.A, form.A))
    B = 1 / _sums(form, length)
    none = xp.zeros_like(B)
    K = _kernel(form._replace(B=xp.where(growing, none, B)), length)
    if backend.is_numpy(form.A) and not np.any(growing):
        return K
    backwards = _kernel(form._replace(B=xp.where(growing, B, none)), length)
    with backend.quietly(K):
        return backend.fitting(K + xp.flip(backwards, axis=-1))


def normalized(form: Any, window: int | Array, *, rule: Rule = "zoh") -> Any:
    r"""The form whose kernel under zero-order hold is that of DSS (softmax), with W = C B.

    .. math::  B'_n = \frac{B_n}{e^{L z_n} - 1}

    Args:
        form: modes in continuous time with one input, none of which grows.
        window: L, the samples over which every mode is normalized, or an array () of it.
        rule: how the form will be sampled, "zoh".

    Returns:
        The form with another B.

    Raises:
        TypeError: for other forms.
        ValueError: for another rule, a window below 1, and for a mode that sums to 0 over the
            window, on the host, where exactly so.

    Example:
        >>> from ssmlinalg import dss_init, dss_softmax_init, kernel
        >>> K = kernel(normalized(dss_init(4), 16), 16)
        >>> bool(np.allclose(K, kernel(dss_softmax_init(4, length=16), 16)))
        True
    """
    if type(form) not in WINDOWED:
        said = "`window` must go with modes in continuous time and one input"
        raise TypeError(f"{said}; got a {type(form).__name__}. Take init='dss', or no window.")
    if named(rule) != "zoh":
        said = "`window` must go with rule 'zoh', as DSS (softmax) has it"
        raise ValueError(f"{said}; got {require.said(rule)}. Leave one of them out.")
    if hasattr(window, "shape"):
        require.numbers("window", window, ("integers",), "Give a number of samples.")
    else:
        window = require.integer("window", window)
    return form._replace(B=form.B / (form.A * _sums(form, window)))


def _kernel(form: Diagonal, length: int) -> Array:
    return impulse_response(*sampled_with_base(form, rule="zoh"), length)


def _sums(form: Any, length: int | Array) -> Array:
    """The zero-order hold over the whole window, refused on the host where it is 0."""
    unit = backend.library(form.A).ones_like(form.A)
    window = sampled(form._replace(B=unit, step=length * form.step), rule="zoh").B
    if backend.is_numpy(window) and np.any(window == 0):
        got = f"sum 0 of mode {np.argwhere(window == 0)[0][-1]}"
        raise ValueError(
            f"modes must not sum to 0 over the window; got {got}. "
            "Give it some damping, or another length."
        )
    return window
