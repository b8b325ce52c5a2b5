"""Forms under a scheme: the samples of their A and B, put into the discrete form of their kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from ..forms import (
    DPLR,
    NPLR,
    Delayed,
    DenseRecurrence,
    inner,
    kind,
    plain,
    step_of,
)
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import double_words, tables
from ..products import generating_function
from ..products.generating_function import Feedback
from .exponential_integrators import radians
from .schemes import Samples, Scheme

_OVERFLOW = (
    "A sampled must be finite; got an overflow, or an eigenvalue at a pole of the rule. "
    "Choose another rule, a smaller step, or a stable A."
)


def under_scheme(form: Any, scheme: Scheme) -> Any:
    """A checked continuous form under a scheme."""
    found = feedback(form, scheme)
    if found is not None:
        A = generating_function.dense(found.D, found.U, found.V)
        return DenseRecurrence(A, found.B, form.C, form.D)
    form = _with_output(form)
    if kind(form).matrix:
        return _finished(form, partial(_of_matrix, form, scheme))
    with backend.quietly(form.A):  # an overflow is one of the samples, too
        reach = scheme.reach(step_of(form), form.A)
        z = reach * form.A
        turned = radians(double_words.turned(reach, form.A), z) if scheme.exponential else z
    return _finished(form, partial(_of_modes, form, scheme, reach, z, turned))


def under_scheme_with_base(form: Any, scheme: Scheme) -> tuple[Any, tables.Base]:
    """A checked form of modes under a scheme, and the base of its powers; phases are found once."""
    with backend.quietly(form.A):
        reach = scheme.reach(step_of(form), form.A)
        z = reach * form.A
        if not scheme.exponential:
            base = scheme.base(reach, form.A)
            return _finished(form, partial(_of_modes, form, scheme, reach, z, z)), base
        words = double_words.turned(reach, form.A)
        turned = radians(words, z)
    found = _finished(form, partial(_of_modes, form, scheme, reach, z, turned))
    return found, tables.Base(inner(found).A, words, exponential=True)


def feedback(form: Any, scheme: Scheme) -> Feedback | None:
    """The same as `low_rank`, under a scheme."""
    if not isinstance(form, DPLR) or scheme.low_rank is None:
        return None
    if backend.is_numpy(form.Lambda) and np.any(form.Lambda.real > 0):
        return None
    return _finite(form, partial(scheme.low_rank, form.Lambda, form.P, form.B, form.step))


def _with_output(form: Any) -> Any:
    """The form with fields A, B, C, D and step, refused if it is discrete or has no output."""
    if isinstance(form, (NPLR, Delayed)) or not kind(form).continuous:
        got = type(form).__name__
        raise TypeError(
            f"a rule takes a continuous form with an output; got {got}. Use forms.to_dense first."
        )
    return plain(form)


def _finished(form: Any, evaluate: Callable[[], Samples]) -> Any:
    """The recurrence of the samples."""
    samples = _finite(form, evaluate)
    with backend.quietly(samples.A):
        return _recurrence(form, samples)


def _finite(form: Any, evaluate: Callable[[], Any]) -> Any:
    """The tuple of samples, refused on the host if they overflowed."""
    if not backend.is_numpy(form.B):
        return evaluate()
    with backend.quietly(form.B), suppress(np.linalg.LinAlgError):
        samples = evaluate()
        if all(require.all_finite(part) for part in samples if part is not None):
            return samples
    raise ValueError(_OVERFLOW)


def _recurrence(form: Any, samples: Samples) -> Any:
    """The discrete form with the samples of A and B, and the C and D of the form."""
    known = kind(form)
    A, now, ahead = samples
    make: Any = known.sampled
    if ahead is None:
        return make(A, now, form.C, form.D)
    xp = backend.library(A)
    system = make(A, ahead, form.C, xp.zeros_like(form.D))
    direct = backend.matmul(form.C, now) if known.ports else xp.sum(form.C * now, axis=-1)
    return Delayed(system, form.D + (2 if known.half else 1) * backend.real(direct))


def _of_matrix(form: Any, scheme: Scheme) -> Samples:
    ports = kind(form).ports
    step = step_of(form)
    units = backend.balance(form.A)[..., None]  # in which no entry is large beside its meaning
    turned = backend.library(units).matrix_transpose(units)
    Z = step * backend.times_two_to(form.A, turned - units)
    B = step * backend.times_two_to(form.B if ports else form.B[..., None], -units)
    if backend.is_numpy(Z) and not require.all_finite(Z):
        raise ValueError(_OVERFLOW)
    A, *taps = scheme.matrices(Z, B)

    def tap(B: Array) -> Array:
        B = backend.times_two_to(B, units)
        return B if ports else B[..., 0]

    A = backend.times_two_to(A, units - turned)
    return Samples(A, *(B if B is None else tap(B) for B in taps))


def _of_modes(form: Any, scheme: Scheme, reach: Array, z: Array, turned: Array) -> Samples:
    step = reach if scheme.held else step_of(form)
    ports = kind(form).ports
    f, now, ahead = scheme.modes(z, turned)

    def tap(gain: Array) -> Array:
        gain = gain * step
        return (gain[..., None] if ports else gain) * form.B

    return Samples(f, tap(now), None if ahead is None else tap(ahead))
