"""The way back from a recurrence to the continuous form that it samples."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..forms import (
    KINDS,
    Continuous,
    Delayed,
    Discrete,
    check,
    inner,
    is_recurrence,
    kind,
    step_of,
    unsampled,
)
from ..ground import backend, require
from ..ground.backend import Array
from .rules import Rule, arithmetic
from .samples_of_forms import under_scheme
from .schemes import SCHEMES, Scheme


def continuous(form: Discrete, *, step: float | Array = 1.0, rule: Rule = "zoh") -> Continuous:
    """The continuous form whose samples are a recurrence: the way back from `discretize`.

    A = f^-1(A_d)/step and B = g(step A)^-1 B_d/step; C and D stay. Under "foh" the state of a
    `Delayed` form is driven by g = phi_1^2 (a triangle is a box held twice), and D of the
    continuous form is what the newest sample leaves of the direct path.

    Args:
        form: a recurrence, of modes or a matrix; under "foh" a `Delayed` form.
        step: a number, or an array of the shape that the continuous form asks for. LRU and DLR,
            which have no step, become models of time 1 a sample.
        rule: a name from `RULES`, its function, or partial(gbt, alpha=...), spelled like this:
            another function has no way back.

    Returns:
        The continuous form of the same ports and half of a spectrum, `Dense` for a matrix.

    Raises:
        TypeError: for continuous forms, another function, a `Delayed` form under a rule of one
            sample a step and the other way round, and a step that is no number; for a logarithm of
            a matrix that JAX traces; what `forms.check` raises.
        ValueError: for a step that is not positive, for an unknown rule, and where an eigenvalue is
            not the sample of one: A_d = 0 for exponentials and "backward", A_d = -1 for "bilinear",
            A_d = (alpha - 1)/alpha for `gbt`; for a real matrix with an eigenvalue below 0, which
            has no real logarithm; for a matrix that rounding may bring there, or whose logarithm it
            changes in more than three quarters of the digits; what `forms.check` raises.

    Accuracy:
        Exact for each mode, up to rounding that is relative to |A_d|; for a matrix that times the
        condition of its logarithm. Rules that hold exponentials cannot tell frequencies beyond
        Nyquist: |Im A| <= pi/step comes back.

    Cost:
        O(N^3) for a matrix. Its logarithm is found on the host, and has no derivative.

    Source:
        Higham 2008, Functions of Matrices, Section 2.3 (the logarithm, from discrete to continuous
        time); `backend.logm`.

    Example:
        >>> from functools import partial
        >>> from ssmlinalg.discretize import gbt, zoh
        >>> from ssmlinalg import forms, s4d_lin_init
        >>> model = forms.to_dense(s4d_lin_init(4, step=0.1))
        >>> bool(abs(continuous(zoh(model), step=0.1).B - model.B).max() < 1e-13)
        True
        >>> tilted = partial(gbt, alpha=0.3)
        >>> bool(abs(continuous(tilted(model), step=0.1, rule=tilted).A - model.A).max() < 1e-13)
        True
    """
    scheme = _scheme(rule)
    _refuse_other_taps(form, two=scheme is SCHEMES["foh"])
    form = check(form)
    system: Any = inner(form)
    steps = _steps(system, step)
    with backend.quietly(system.A):  # `check` looks at the result
        undone = _matrix_undone if kind(form).matrix else partial(_modes_undone, rule)
        Z, B = undone(system, scheme)
        found = unsampled(type(system))(Z, B / steps[..., None], system.C, system.D, steps)
        found = check(found._replace(A=Z / step_of(found)))
    if isinstance(form, Delayed):
        found = found._replace(D=form.D - under_scheme(found, scheme).D)
    return check(found)


def _scheme(rule: Rule) -> Scheme:
    """The arithmetic of a rule that is known, for it can be undone."""
    scheme = arithmetic(rule)
    if scheme is None and callable(rule):
        needed = "`rule` must be a name or partial(gbt, alpha=...) to be undone"
        remedy = "Name one of discretize.RULES."
        raise TypeError(f"{needed}; got {require.said(rule)}. {remedy}")
    return scheme or SCHEMES[require.known("rule", rule, SCHEMES)]


def _refuse_other_taps(form: Any, *, two: bool) -> None:
    """Refuse what no rule of one sample a step, or of two, samples to."""
    if isinstance(form, Delayed) if two else is_recurrence(form):
        return
    needed = "a Delayed form under 'foh'" if two else "a recurrence under a rule of one tap"
    remedy = "Name the rule that it was sampled by, or sample it first."
    raise TypeError(f"`form` must be {needed}; got {type(form).__name__}. {remedy}")


def _steps(system: Any, step: float | Array) -> Array:
    """The step of each channel, or of each mode where the continuous form has one."""
    if hasattr(step, "shape"):
        backend.namespace(A=system.A, step=step)
    else:
        step = require.real("step", step, above=0)
    axes = KINDS[unsampled(type(system))].axes
    shape = tuple(system.A.shape)
    shape = shape[: len(shape) - len(axes["A"]) + len(axes["step"])]
    return backend.beside(step, system.A) + backend.zeros(shape, backend.real(system.D))


def _modes_undone(rule: Rule, system: Any, scheme: Scheme) -> tuple[Array, Array]:
    """z = f^-1(A_d) and step B, refused on the host where a mode has none."""
    A = system.A
    z = scheme.inverse(A)
    if backend.is_numpy(z) and not require.all_finite(z):
        where = complex(A[~np.isfinite(z)][0])
        name = rule if isinstance(rule, str) else getattr(rule, "func", rule).__name__
        raise ValueError(
            f"every mode must be the sample of one by {name!r}; got A = {where:g}. "
            "Choose another rule."
        )
    _, now, ahead = scheme.modes(z, z)
    gain = now if ahead is None else ahead
    return z, system.B / (gain[..., None] if kind(system).ports else gain)


def _matrix_undone(system: Any, scheme: Scheme) -> tuple[Array, Array]:
    """Z = f^-1(A_d) and step B, in the units that balance A_d and back."""
    xp = backend.library(system.A)
    units = backend.balance(system.A)[..., None]
    turned = xp.matrix_transpose(units)
    Z = scheme.inverse_matrices(backend.times_two_to(system.A, turned - units))
    B = backend.times_two_to(system.B[..., None], -units)
    _, now, ahead = scheme.matrices(Z, backend.eye(Z.shape[-1], Z))
    gain = now if ahead is None else ahead
    B = backend.solve(gain, xp.astype(B, gain.dtype))
    return backend.times_two_to(Z, units - turned), backend.times_two_to(B, units)[..., 0]
