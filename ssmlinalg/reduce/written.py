"""Modes written down in the form that came in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import forms
from ..forms import Delayed
from ..ground import backend
from ..ground.backend import Array, Complex
from ..matrices.scaling import times_power
from .poles import Poles
from .real_systems import RealSystems, is_closed, rest


def gathered(found: Sequence[Poles], like: RealSystems) -> RealSystems:
    """Modes of single systems as one batch, those that have fewer filled up with modes at rest.

    One input and one output are balanced, |b| = |c|.
    """
    count = max(1, *(len(A) for A, _, _ in found))
    m = len(found)
    A = np.full((m, count), rest(like.discrete), complex)
    B = np.zeros((m, count, like.B.shape[-1]), complex)
    C = np.zeros((m, like.C.shape[-2], count), complex)
    for k, (a, b, c) in enumerate(found):
        single = a.imag == 0
        if like.B.shape[-1] == like.C.shape[-2] == 1:
            w = b[:, 0] * c[0]
            w = np.where(single, w.real, w)
            b = np.sqrt(np.abs(w))[:, None]
            c = (w / np.where(b[:, 0] > 0, b[:, 0], 1))[None]
        order = np.lexsort((a.real, a.imag))
        A[k, : len(a)] = a[order]
        B[k, : len(a)] = b[order]
        C[k, :, : len(a)] = c[:, order]
    return like._replace(A=A, B=B, C=C)


def written(systems: RealSystems, form: Any) -> Any:
    """A form of the type, library, precision, step, direct path and batch axes of `form`.

    The forms of several inputs have one step for all modes, the geometric mean of those given.
    """
    known = forms.kind(form)
    inner = forms.inner(form)
    half = systems.weight // 2
    single = np.where(systems.pairs, 1.0, 0.5)
    systems = systems._replace(A=_in_true_units(systems))
    A = systems.A
    B = times_power(systems.B, half[:, None, None])
    C = times_power(systems.C, (systems.weight - half)[:, None, None])
    if known.half:
        B = B * single[..., None]
    elif is_closed(form):
        A, B, C = _with_conjugates(systems, B, C)
    else:
        C = 2 * C * single[:, None]
    if not known.ports:
        B = B[..., 0]
        C = C[:, 0]
    batch = systems.batch
    fields = {"A": A, "B": B, "C": C}
    fields = {name: X.reshape(*batch, *X.shape[1:]) for name, X in fields.items()}
    fields["D"] = inner.D
    if known.continuous:
        fields["step"] = inner.step
        if known.ports:
            fields |= _in_one_step(fields)
    return beside(fields, form)


def _in_true_units(systems: RealSystems) -> Complex:
    """A in the units of the form, modes without weight at rest there."""
    A = times_power(systems.A, systems.rate[:, None])
    return np.where(systems.used, A, rest(systems.discrete))


def _with_conjugates(systems: RealSystems, B: Complex, C: Complex) -> tuple[Complex, ...]:
    """All modes, the used ones first, conjugates beside each other in number."""
    pairs = systems.pairs
    A = np.concatenate([systems.A, systems.A.conj()], axis=-1)
    B = np.concatenate([B, B.conj()], axis=-2)
    C = np.concatenate([C, C.conj()], axis=-1)
    used = np.concatenate([systems.used, pairs & systems.used], axis=-1)
    A = np.where(used, A, rest(systems.discrete))
    B = np.where(used[..., None], B, 0)
    C = np.where(used[:, None], C, 0)
    first = np.argsort(~used, axis=-1, kind="stable")
    first = first[:, : max(1, int(np.max(np.sum(used, axis=-1))))]
    return (
        np.take_along_axis(A, first, -1),
        np.take_along_axis(B, first[..., None], -2),
        np.take_along_axis(C, first[:, None], -1),
    )


def _in_one_step(fields: dict[str, Any]) -> dict[str, Any]:
    """A, B and step of modes in samples, by the geometric mean of the steps."""
    step: Any = on_host_array(fields["step"])
    mean = np.exp(np.mean(np.log(step), axis=-1, keepdims=True))
    A = fields["A"] / mean
    return {
        "A": A,
        "B": fields["B"] / mean[..., None],
        "step": np.broadcast_to(mean, np.broadcast_shapes(mean.shape, A.shape)).copy(),
    }


def on_host_array(array: Any) -> np.ndarray:
    """An array of any library in double precision on the host."""
    return backend.to_numpy(array).astype(float)


def beside(fields: dict[str, Any], form: Any) -> Any:
    """The form of these fields in the library and precision of `form`."""
    inner = forms.inner(form)
    host = {name: on_host_array(X) if name in ("D", "step") else X for name, X in fields.items()}
    made = type(inner)(**host)
    if isinstance(form, Delayed):
        made = Delayed(made._replace(D=np.zeros_like(host["D"])), on_host_array(form.D))
    if backend.kind(inner.B) not in backend.LIBRARIES:
        return _of_the_standard(made, inner.B)
    return forms.move(
        made,
        backend.kind(inner.B),
        dtype=backend.precision(inner.B),
        device=None if backend.is_numpy(inner.B) else backend.device(inner.B),
    )


def _of_the_standard(form: Any, like: Array) -> Any:
    """A form of the host in a library that `forms.move` does not name, by the array standard."""
    xp = backend.library(like)

    def moved(value: Any) -> Any:
        if forms.is_form(value):
            return type(value)(*map(moved, value))
        return xp.asarray(value, device=backend.device(like))

    return moved(forms.move(form, "numpy", dtype=backend.precision(like)))
