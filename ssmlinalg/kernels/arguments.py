"""Arguments of kernels and recurrences, and what is refused before any work is done."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..forms import Delayed, batch, inner, is_form, kind
from ..ground import backend, require
from ..ground.backend import Array


def widened(form: Any) -> Any:
    """The form with fields of 16 bits in single precision; what is no form as it is."""
    if not is_form(form):
        return form
    if isinstance(form, Delayed):
        return form._replace(system=widened(form.system), D=wide(form.D))
    return type(form)(*(wide(field) for field in form))


def wide(value: Any) -> Any:
    """An array of 16 bits in single precision; anything else as it is."""
    return backend.widened(value) if hasattr(value, "dtype") else value


def narrow_type(form: Any) -> Any:
    """The real type of 16 bits that C has, or the first field where there is no C; else None."""
    fields = inner(form)
    first = getattr(fields, "C", fields[0])
    if not hasattr(first, "dtype") or not backend.half(first):
        return None
    return backend.real(first).dtype


def real_signal(name: str, array: Array) -> None:
    """Refuse a signal that is complex, empty, or on the host not finite.

    Args:
        name: what errors call it.
        array: (..., L).

    Raises:
        TypeError: for complex numbers.
        ValueError: for no axis or no sample; on the host for NaN and infinities.

    Example:
        >>> real_signal("u", np.ones(3))
    """
    if backend.is_complex(array):
        raise TypeError(
            f"`{name}` must be real; got {array.dtype}. "
            "Pass its real and imaginary parts one after the other."
        )
    if array.ndim < 1 or array.shape[-1] < 1:
        got = f"shape {tuple(array.shape)}"
        raise ValueError(
            f"`{name}` must hold at least one sample on its last axis; got {got}. Add samples."
        )
    if backend.is_numpy(array):
        require.finite(name, np.asarray(array))


def signal_axes(u: Array, system: Any) -> tuple[int, ...]:
    """The leading axes of a signal and a recurrence together.

    Args:
        u: the signal (..., L), or (..., M, L) for several inputs.
        system: a discrete form that `check` has passed.

    Returns:
        The axes to which both broadcast.

    Raises:
        TypeError: what `real_signal` raises.
        ValueError: for a number of inputs that the system does not have, for axes that do not
            broadcast; what `real_signal` raises.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones((3, 1))
        >>> signal_axes(np.ones((2, 3, 9)), forms.Recurrence(one, one, one, np.zeros(3)))
        (2, 3)
    """
    real_signal("u", u)
    core = 1
    if kind(system).ports:
        core = 2
        M = inner(system).B.shape[-1]
        fits = u.ndim >= core and u.shape[-core] == M
        require.shape("u", tuple(u.shape), f"(..., M, L) with M = {M} from `B`", fits)
    return require.broadcasts("u", tuple(u.shape[:-core]), batch(system), "the form")


def at_rest(form: Any, *lead: int) -> Array:
    """The state of a system at rest.

    Args:
        form: any form that `check` has passed.
        *lead: leading axes beside those of the form, such as the signals of a batch.

    Returns:
        Zeros (*lead, ..., n) in the type of its modes or matrix.

    Raises:
        ValueError: for what no memory holds.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> at_rest(s4d_lin_init(8, channels=3), 2).shape
        (2, 3, 4)
    """
    like = inner(form)[0]
    shape = (*lead, *batch(form), like.shape[-1])
    size = math.prod(shape) * 2 * np.dtype(backend.precision(like)).itemsize
    require.room("the state", size, host=backend.readable(like))
    return backend.zeros(shape, like)


def state_of_shape(state: Array | None, shape: tuple[int, ...], like: Array) -> Array:
    """The state before the first sample in its full shape (..., n), zero if None.

    Refused unless it broadcasts to `shape`; on the host also if it is not finite.
    """
    if state is None:
        return backend.zeros(shape, like)
    if backend.is_numpy(state):
        require.finite("state", np.asarray(state))
    rule = f"that broadcasts to {shape[:-1]} + ({shape[-1]},)"
    require.shape("state", tuple(state.shape), rule, broadcasts_to(tuple(state.shape), shape))
    return backend.library(state).broadcast_to(complex_like(state, like), shape)


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether arrays of a shape broadcast to another as it stands."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def refuse_growth(A: Array, length: int) -> float:
    """Refuse modes that grow past the largest number within `length` samples.

    Only where values can be looked at: not on a GPU or under a compiler. Of a matrix the result
    tells, for its norm may exceed 1 for a while.

    Args:
        A: modes (..., n) of a recurrence.
        length: how often they are raised.

    Returns:
        The logarithm of the largest power, 0 for modes that decay.

    Raises:
        ValueError: if some mode overflows.

    Example:
        >>> refuse_growth(np.array([0.5, 1.0]), 100)
        0.0
    """
    if not backend.readable(A):
        return 0.0
    size = np.abs(backend.to_numpy(A))
    largest = float(np.max(size, initial=0.0))
    growth = math.log(max(1.0, largest))
    precision = backend.precision(A)
    most = math.log(np.finfo(precision).max) - 1
    if length * growth > most:
        got = f"|A_d| = {largest:.6g}, which overflows {precision} at sample {int(most / growth)}"
        raise ValueError(
            f"modes must not outgrow their precision; got {got}. "
            "Make Re A < 0, or shorten the signal."
        )
    return length * growth


def refuse_size(what: str, system: Any, length: int) -> None:
    """Refuse results larger than any memory: (..., length), for each pair of ports.

    Args:
        what: what errors call the result.
        system: a recurrence.
        length: the last axis of the result.

    Raises:
        ValueError: if it does not fit.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> refuse_size("the kernel", forms.Recurrence(one, one, one, np.zeros(())), 100)
    """
    ports = (system.C.shape[-2], system.B.shape[-1]) if kind(system).ports else ()
    entries = math.prod((*batch(system), *ports, length))
    size = entries * np.dtype(backend.precision(system.A)).itemsize
    require.room(what, size, host=backend.readable(system.A))


def one_field(system: Any, *others: Array) -> Any:
    """A, B and C all complex if one of them or of `others` is: matrix products do not mix."""
    recurrence = inner(system)
    fields = {"A": recurrence.A, "B": recurrence.B, "C": recurrence.C}
    if not any(backend.is_complex(array) for array in (*fields.values(), *others)):
        return system
    fields = {
        name: array if backend.is_complex(array) else backend.as_complex(array)
        for name, array in fields.items()
    }
    recurrence = recurrence._replace(**fields)
    return system._replace(system=recurrence) if isinstance(system, Delayed) else recurrence


def complex_like(array: Array, like: Array) -> Array:
    """The array, made complex if `like` is: products of matrices do not mix.

    Args:
        array: real or complex.
        like: an array of the same library and precision.

    Returns:
        The array itself, or its values as complex numbers.

    Example:
        >>> complex_like(np.ones(1), np.array([1j]))
        array([1.+0.j])
    """
    if backend.is_complex(array) or not backend.is_complex(like):
        return array
    return backend.as_complex(array)
