r"""The fields of a form under their own names: a file of any container that says by itself which
form it holds.

=======================  ==============  ========================================================================
name                     shape           holds
=======================  ==============  ========================================================================
<Form>.<field>           (..., N, 2)     Lambda, B, C, and A, P with their axes: real and imaginary part last
<Form>.D, <Form>.step    (...)           D, and in continuous forms step
=======================  ==============  ========================================================================

All float64, for few containers hold complex128 (safetensors does not). There is no layer: the names
are those of `forms`, such as "Paired.A", the shapes theirs with all leading axes, the kernel that
of the form. Arrays of NumPy in double precision are kept bit for bit; those of another library or
in single precision come back as these numbers in double precision. A `Dense` or `DenseRecurrence`
form whose matrices have no imaginary parts comes back real. `NPLR` has no output, and `Delayed` is
a form within a form: neither goes into one such file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..forms import (
    DPLR,
    MIMO,
    Continuous,
    Dense,
    DenseRecurrence,
    Diagonal,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
    Recurrent,
    check,
    move,
)
from ..ground.backend import Array
from .layout import Layout, Target, expect, read, stored, trains

TAKES = (
    Paired,
    Diagonal,
    MIMO,
    Dense,
    DPLR,
    PairedRecurrence,
    Recurrence,
    MIMORecurrence,
    DenseRecurrence,
)

_CORE: dict[type, dict[str, tuple[str, ...]]] = {
    Dense: {"A": ("N", "N"), "B": ("N",), "C": ("N",)},
    DenseRecurrence: {"A": ("N", "N"), "B": ("N",), "C": ("N",)},
    DPLR: {"Lambda": ("N",), "P": ("N", "R"), "B": ("N",), "C": ("N",)},
    MIMO: {"A": ("n",), "B": ("n", "M"), "C": ("P", "n"), "D": ("P", "M"), "step": ("n",)},
    MIMORecurrence: {"A": ("n",), "B": ("n", "M"), "C": ("P", "n"), "D": ("P", "M")},
}
_MODES: dict[str, tuple[str, ...]] = dict.fromkeys(("A", "B", "C"), ("n",))

_COMPLEX = ("A", "Lambda", "P", "B", "C")

LAYOUT: Layout = {
    f"{kind.__name__}.{field}": (
        "d",
        ("...", *_CORE.get(kind, _MODES).get(field, ()), *((2,) if field in _COMPLEX else ())),
    )
    for kind in TAKES
    for field in kind._fields
}
OPTIONAL = tuple(LAYOUT)  # a file holds the names of one form

MOVED = "real and imaginary part into a last axis of 2"

# Nobody has trained these: they train as the rest of the model they are put into.
TRAINING = dict.fromkeys(LAYOUT, trains())


def to(form: Continuous | Recurrent) -> dict[str, np.ndarray]:
    """The fields by name, in double precision. Raises TypeError for NPLR and Delayed, and what
    `forms.check` raises.

    >>> from ssmlinalg import s4d_lin_init
    >>> list(to(s4d_lin_init(4, channels=3)))
    ['Paired.A', 'Paired.B', 'Paired.C', 'Paired.D', 'Paired.step']
    """
    expect(
        form,
        TAKES,
        "plain",
        "Give an NPLR an output with forms.to_dense, and export the `system` of a Delayed.",
    )
    form = move(form, "numpy", dtype="float64")
    fields = form._asdict()
    fields |= {
        name: np.stack([fields[name].real, fields[name].imag], axis=-1)
        for name in _COMPLEX
        if name in fields
    }
    return stored(
        {f"{type(form).__name__}.{field}": array for field, array in fields.items()}, LAYOUT
    )


def back(arrays: Mapping[str, Array]) -> Any:
    """The form, of the type that the names say.

    Raises ValueError for names that are not those of one form, for types that do not fit, and what
    `forms.check` raises.

    >>> from ssmlinalg import s4d_lin_init
    >>> form = s4d_lin_init(4, channels=3)
    >>> bool((back(to(form)).C == form.C).all())
    True
    """
    named = {name.split(".")[0] for name in arrays}
    kind = next((kind for kind in TAKES if {kind.__name__} == named), None)
    if kind is None:
        names = ", ".join(kind.__name__ for kind in TAKES)
        rule = f"arrays must be named <Form>.<field> with one Form of {names}"
        raise ValueError(
            f"{rule}; got {', '.join(arrays) or 'no arrays'}. Rename them, or choose another target."
        )
    found = read(
        arrays, {name: LAYOUT[name] for name in LAYOUT if name.split(".")[0] == kind.__name__}
    )
    fields = {name.split(".")[1]: array for name, array in found.items()}
    real = kind in (Dense, DenseRecurrence) and not any(
        np.any(fields[name][..., 1]) for name in "ABC"
    )
    for name in set(_COMPLEX) & set(fields):
        fields[name] = (
            fields[name][..., 0]
            if real
            else np.ascontiguousarray(fields[name]).view(np.complex128)[..., 0]
        )
    return check(kind(**fields))


TARGET = Target(
    "no layer: the fields of any form under their own names",
    to,
    back,
    LAYOUT,
    TAKES,
    None,
    TRAINING,
    MOVED,
    OPTIONAL,
)
