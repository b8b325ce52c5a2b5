"""What kernels and recurrences share: the sampled system, what is refused before any work, and
shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..discretize import BASES, Rule, discretize
from ..forms import (
    FORMS,
    MIMO,
    Delayed,
    DenseRecurrence,
    Diagonal,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
    check,
)
from ..ground import backend, require
from ..ground.backend import Array
from ..powers import tables

_DISCRETE = (Recurrence, PairedRecurrence, MIMORecurrence, DenseRecurrence, Delayed)


def half_of(form: Any) -> Any:
    """The real type of 16 bits that C has, or None."""
    C = getattr(form.system if isinstance(form, Delayed) else form, "C", None)
    if not hasattr(C, "dtype") or not backend.half(C):
        return None
    return backend.real(C).dtype


def widened(form: Any) -> Any:
    """The form with fields of 16 bits in single precision."""
    if isinstance(form, Delayed):
        return form._replace(system=widened(form.system), D=backend.widened(form.D))
    if type(form) not in FORMS.values():
        return form  # `check` has the sentence
    return type(form)(
        *(backend.widened(field) if hasattr(field, "dtype") else field for field in form)
    )


def sampled(form: Any, rule: Rule) -> Any:
    """The discrete form: sampled by `rule`, or as it is."""
    return check(form) if isinstance(form, _DISCRETE) else discretize(form, rule)


def base_of(form: Any, rule: Rule, system: Any) -> tables.Base:
    """What the modes of a sampled form are raised to powers from: step A under a named rule, else
    A_d as it is.
    """
    form = check(form)
    if isinstance(form, (MIMO, Diagonal, Paired)) and isinstance(rule, str):
        return BASES[rule](form.step if isinstance(form, MIMO) else form.step[..., None], form.A)
    return tables.number(system.A)


def refuse_overflow(system: Any, length: int) -> None:
    """Refuse modes that grow past the largest number, where values can be looked at: not on a GPU
    or under a compiler.

    Of a dense matrix only the result tells (`finite`): its norm may exceed 1 for a while.
    """
    if isinstance(system, DenseRecurrence) or not backend.readable(system.A):
        return
    growth = math.log(max(1.0, float(np.max(np.abs(backend.to_numpy(system.A)), initial=0.0))))
    most = math.log(float(np.finfo(backend.precision(system.A)).max)) - 1
    if length * growth > most:
        got = f"|A_d| = {math.exp(growth):.6g}, which overflows {backend.precision(system.A)} at sample {int(most / growth)}"
        raise ValueError(
            f"modes must not outgrow their precision; got {got}. Make Re A < 0, or shorten the signal."
        )


def refuse_size(what: str, system: Any, length: int) -> None:
    """A lower bound of what evaluation takes: the result."""
    each = system.C.shape[-2] * system.B.shape[-1] if isinstance(system, MIMORecurrence) else 1
    size = (
        math.prod(batch_of(system)) * each * length * np.dtype(backend.precision(system.A)).itemsize
    )
    require.room(what, size, host=backend.is_numpy(system.A))


def finite(evaluate: Callable[[Any, Any], Array], one: Any, other: Any) -> Array:
    """What `evaluate` makes of one and other, refused on the host when it overflowed."""
    with backend.quietly(one), backend.quietly(other):
        result = evaluate(one, other)
    if backend.is_numpy(result) and not require.all_finite(result):
        remedy = (
            "Choose a stable rule or matrix, a smaller step, smaller weights, or a shorter signal."
        )
        raise ValueError(
            f"the result must fit its precision; got more than {result.dtype} can hold. {remedy}"
        )
    return result


def batch_of(system: Any) -> tuple[int, ...]:
    """The leading axes of all fields together."""
    dense, several = isinstance(system, DenseRecurrence), isinstance(system, MIMORecurrence)
    matrix = 2 if several else 1
    leads = [
        system.A.shape[: -2 if dense else -1],
        system.B.shape[:-matrix],
        system.C.shape[:-matrix],
    ]
    return np.broadcast_shapes(*leads, system.D.shape[: -2 if several else None])


def match(array: Array, like: Array) -> Array:
    """The array, made complex if `like` is."""
    return (
        backend.as_complex(array)
        if backend.is_complex(like) and not backend.is_complex(array)
        else array
    )


def swap(matrix: Array) -> Array:
    """The transpose of the last two axes."""
    return backend.namespace(matrix=matrix).matrix_transpose(matrix)


def real_signal(name: str, array: Array) -> None:
    """Refuse a signal that is complex, empty, or on the host not finite."""
    if backend.is_complex(array):
        raise TypeError(
            f"`{name}` must be real; got {array.dtype}. Pass its real and imaginary parts one after the other."
        )
    if array.ndim < 1 or array.shape[-1] < 1:
        got = f"shape {tuple(array.shape)}"
        raise ValueError(
            f"`{name}` must hold at least one sample on its last axis; got {got}. Add samples."
        )
    if backend.is_numpy(array):
        require.finite(name, np.asarray(array))
