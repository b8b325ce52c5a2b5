r"""The fields of a form under their own names: a file that says by itself which form it holds.

=======================  ==============  =========================================================
name                     shape           holds
=======================  ==============  =========================================================
<Form>.<field>           (..., N, 2)     A, Lambda, P, B, C with their axes: real and imaginary
                                         part last
<Form>.D, <Form>.step    (...)           D, and in continuous forms step
=======================  ==============  =========================================================

All float64, for few containers hold complex128 (safetensors does not). There is no layer: the names
are those of `forms`, such as "Paired.A", the shapes theirs with all leading axes, the kernel that
of the form. Arrays of NumPy in double precision are kept bit for bit; those of another library or
in single precision come back as these numbers in double precision. A form of matrices without
imaginary parts comes back real. `NPLR` has no output, and `Delayed` is a form within a form:
neither goes into one such file. A form of a kind added to `forms.KINDS` is written as the form of
the library with the same output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..forms import KINDS, NPLR, Kind, check, plain
from ..ground.backend import Array
from .channels import on_host
from .layout import Layout, Target, expect, form_in_names, read, stored
from .parametrization import as_parts
from .published import MODEL

TAKES = tuple(form for form, known in KINDS.items() if "C" in known.axes)  # they have an output
_REAL = ("D", "step")


def _layout(form: type) -> Layout:
    """The names of one form, with its axes."""
    return {
        f"{form.__name__}.{field}": ("d", ("...", *core) if field in _REAL else ("...", *core, 2))
        for field, core in KINDS[form].axes.items()
    }


LAYOUT: Layout = {name: entry for form in TAKES for name, entry in _layout(form).items()}
TRAINING = dict.fromkeys(LAYOUT, MODEL)  # as the model they are put into: nobody has trained these


def library_form(form: Any) -> Any:
    """The form of the library with the same output, for a kind that was added to `forms.KINDS`."""
    if type(form) not in KINDS or type(form) in (*TAKES, NPLR):
        return form
    form = plain(check(form))
    fields = form._asdict()
    same = (each for each in TAKES if _facts(each) == _facts(type(form)))
    return next((each(**fields) for each in same), form)


def _facts(form: type) -> Kind:
    """The line of a type in the table, but for the type that it is sampled to."""
    return KINDS[form]._replace(sampled=None)


def to(form: Any) -> dict[str, np.ndarray]:
    """The fields by name, in double precision.

    Args:
        form: any form that has an output.

    Returns:
        The arrays of the table above.

    Raises:
        TypeError: for NPLR and Delayed, and what `forms.check` raises.
        ValueError: what `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> list(to(s4d_lin_init(4, channels=3)))
        ['Paired.A', 'Paired.B', 'Paired.C', 'Paired.D', 'Paired.step']
    """
    form = library_form(form)
    remedy = "Give an NPLR an output with forms.to_dense, and export the `system` of a Delayed."
    expect(form, TAKES, "plain", remedy)
    fields = {
        f"{type(form).__name__}.{field}": array if field in _REAL else as_parts(array)
        for field, array in on_host(form)._asdict().items()
    }
    return stored(fields, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Any:
    """The form, of the type that the names say.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in double precision.

    Raises:
        TypeError: for what is no dense array, and what `forms.check` raises.
        ValueError: for names that are not those of one form, for types that do not fit, and what
            `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> form = s4d_lin_init(4, channels=3)
        >>> bool((back(to(form)).C == form.C).all())
        True
    """
    form = form_in_names(arrays, {each.__name__: each for each in TAKES})
    found = read(arrays, _layout(form))
    fields = {name.partition(".")[2]: array for name, array in found.items()}
    parts = [name for name in fields if name not in _REAL]
    matrix = "A" in fields and KINDS[form].matrix  # the A of a DPLR is none of its fields
    real = matrix and not any(np.any(fields[name][..., 1]) for name in parts)
    for name in parts:
        fields[name] = fields[name][..., 0] if real else _joined(fields[name])
    return check(form(**fields))


def _joined(parts: np.ndarray) -> np.ndarray:
    """The complex numbers of a last axis of 2, bit for bit: also the sign of a zero."""
    return np.ascontiguousarray(parts).view(np.complex128)[..., 0]


TARGET = Target(
    about="no layer: the fields of any form under their own names",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="real and imaginary part into a last axis of 2",
    optional=tuple(LAYOUT),  # a file holds the names of one form
)
