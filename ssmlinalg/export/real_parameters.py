r"""Forms of modes by real numbers that training may move anywhere: the arrays of `nn.SSM`.

=======================  ==============  =========================================================
name                     shape           holds
=======================  ==============  =========================================================
<Form>.log_decay         (..., n)        log(-Re A), in a recurrence log(-log|A|)
<Form>.frequency         (..., n)        Im A, in a recurrence the phase of A; none for real A
<Form>.B, C, P           (..., 2)        their axes, real and imaginary part last
<Form>.D                 (...)           D
<Form>.diagonal_D        (..., M)        D, in place of it where only its diagonal is not 0
<Form>.log_step          (...)           log step, in continuous forms
<Form>.window            ()              samples over which each mode is normalized: DSS (softmax)
=======================  ==============  =========================================================

All float32 but the window, an integer; <Form> is the name of the form, such as "Paired.log_decay",
with all leading axes. No array is complex, so optimizers, data parallel training and every file
format take them. A decays whatever the numbers are. `DECAYS` lists how the decay rate r = -Re A may
be written; the name of the array says which it is. Where no mode of a `DPLR` decays by itself (s4
of "legt"), there is no such array and Re Lambda is 0: then P P^H alone makes it stable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..forms import DPLR, KINDS, batch, check
from ..ground import backend, require
from ..ground.backend import Array, Complex
from ..ground.formats import SINGLE
from ..kernels.softmax import WINDOWED, normalized
from .channels import on_host
from .layout import Layout, Target, expect, form_in_names, read, stored
from .parametrization import as_parts, first_index, inverse_softplus
from .published import FIXED, MODEL, own_group


class Decay(NamedTuple):
    """One way to write a decay rate.

    Attributes:
        array: the name of the array.
        rate: the function from the array to the rate r >= 0, in any library.
        written: its inverse, on the host.
    """

    array: str
    rate: Callable[[Array], Array]
    written: Callable[[np.ndarray], np.ndarray]


def _exp(x: Array) -> Array:
    return backend.library(x).exp(x)


def _softplus(x: Array) -> Array:
    """log(1 + e^x), which does not overflow."""
    xp = backend.library(x)
    return xp.log1p(xp.exp(-xp.abs(x))) + (xp.abs(x) + x) / 2


def _square(x: Array) -> Array:
    return x * x


def _itself(x: Array) -> Array:
    return x


DECAYS: dict[str, Decay] = {
    "exp": Decay("log_decay", _exp, np.log),
    "softplus": Decay("softplus_decay", _softplus, inverse_softplus),
    "square": Decay("root_decay", _square, np.sqrt),
    "none": Decay("decay", _itself, _itself),  # the one that does not keep the model stable
}
TAKES = tuple(form for form, known in KINDS.items() if "C" in known.axes and not known.matrix)
TAKES = (*TAKES, DPLR)
NAMES = {form.__name__: form for form in TAKES}
_REAL = ("D",)
_REMEDY = "Diagonalize a matrix first, for example with perturb.lossless."
_DIAGONAL = "diagonal_D"  # each output hears its own input, as in S5 and LRU


def _modes_field(form: type) -> str:
    return "Lambda" if form is DPLR else "A"


def arrays_of(field: str, form: type) -> tuple[str, ...]:
    """The arrays that may hold a field of a form, by the names of `real_parameters`.

    Args:
        field: a field of the form; "A" means its modes.
        form: a type in `TAKES`.

    Returns:
        Their names.

    Example:
        >>> from ssmlinalg.forms import Paired
        >>> arrays_of("step", Paired)
        ('log_step',)
    """
    if field in ("A", _modes_field(form)):
        return (*(decay.array for decay in DECAYS.values()), "frequency")
    if field == "D" and KINDS[form].ports:
        return ("D", _DIAGONAL)
    return ("log_step",) if field == "step" else (field,)


def field_of(name: str) -> str:
    """The field that an array holds: the inverse of `arrays_of`, "A" for the modes.

    Args:
        name: an array of `LAYOUT`.

    Returns:
        "A", "B", "C", "D", "P" or "step".

    Example:
        >>> field_of("Paired.log_decay"), field_of("Paired.log_step")
        ('A', 'step')
    """
    form, _, array = name.partition(".")
    fields = ("A", "step", "D", array)
    return next(field for field in fields if array in arrays_of(field, NAMES[form]))


def width_of(form: Any) -> int:
    """The channels of a form that a layer may hold.

    Args:
        form: a form of modes or a `DPLR`.

    Returns:
        The size of its one leading axis, or its number of inputs if there are several.

    Raises:
        TypeError: for other forms.
        ValueError: for no leading axis or more, and for other outputs than inputs.

    Example:
        >>> from ssmlinalg import s5_init
        >>> width_of(s5_init(8, channels=3))
        3
    """
    expect(form, TAKES, "ssm", _REMEDY)
    lead = batch(form)
    if KINDS[type(form)].ports:
        outputs, inputs = form.D.shape[-2:]
        if inputs != outputs or lead:
            rule = "a form with several inputs must have as many outputs, and no leading axes"
            got = f"{inputs}, {outputs} and {lead}"
            raise ValueError(f"{rule}; got {got}. Give one layer for each.")
        return int(inputs)
    if len(lead) != 1:
        rule = "a form must have one leading axis, of channels"
        raise ValueError(f"{rule}; got {lead}. Reshape its fields; () becomes (1,).")
    return int(lead[0])


def _layout(form: type) -> Layout:
    """The names of one form, with its axes."""
    names: Layout = {}
    for field, core in KINDS[form].axes.items():
        parts = () if field in (*_REAL, "step", _modes_field(form)) else (2,)
        for array in arrays_of(field, form):
            axes = core[1:] if array == _DIAGONAL else core
            names[f"{form.__name__}.{array}"] = ("f", ("...", *axes, *parts))
    if form in WINDOWED:
        names[f"{form.__name__}.window"] = ("i", ())
    return names


LAYOUT: Layout = {name: entry for form in TAKES for name, entry in _layout(form).items()}


def _training(name: str) -> dict[str, Any]:
    """A, P and the step at a rate of their own and without decay, as most published layers."""
    array = name.partition(".")[2]
    if array == "window":
        return FIXED
    return MODEL if array in ("C", "D", _DIAGONAL) else own_group()


TRAINING = {name: _training(name) for name in LAYOUT}


def real_parameters(form: Any, *, decay: str = "exp") -> dict[str, np.ndarray]:
    """The fields of a form as real arrays in double precision.

    Args:
        form: a form of modes, or `DPLR`, of any library.
        decay: a name in `DECAYS`.

    Returns:
        The arrays by name, without the name of the form before it.

    Raises:
        TypeError: for other forms; what `forms.check` raises.
        ValueError: for a mode whose decay cannot be written so; what `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> {name: array.shape for name, array in real_parameters(s4d_lin_init(4)).items()}
        {'log_decay': (2,), 'frequency': (2,), 'B': (2, 2), 'C': (2, 2), 'D': (), 'log_step': ()}
    """
    require.known("decay", decay, DECAYS)
    expect(form, TAKES, "ssm", _REMEDY)
    form = on_host(form)
    modes, *others = type(form)._fields
    arrays = _written_modes(np.asarray(getattr(form, modes)), DECAYS[decay], type(form))
    for field in others:
        array = np.asarray(getattr(form, field))
        if field == "step":
            arrays["log_step"] = np.log(array)
        elif _only_diagonal(field, array):
            arrays[_DIAGONAL] = np.diagonal(array, axis1=-2, axis2=-1)
        else:
            arrays[field] = array if field in _REAL else as_parts(array)
    return arrays


def _only_diagonal(field: str, array: np.ndarray) -> bool:
    """Whether the field is a direct path of as many outputs as inputs, each to its own."""
    if field != "D" or array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        return False
    return not np.any(array * (1 - np.eye(array.shape[-1])))


def _phase(A: Complex) -> np.ndarray:
    """The phase; that of -1 is pi, also where single precision rounded pi up: it reads as -pi."""
    phase = np.angle(A)
    return np.where(phase < 4 * SINGLE - np.pi, phase + 2 * np.pi, phase)


def _written_modes(A: Complex, decay: Decay, form: type) -> dict[str, np.ndarray]:
    """The rates and the frequencies of modes."""
    continuous = KINDS[form].continuous
    with np.errstate(divide="ignore"):
        rate = -(A.real if continuous else np.log(np.abs(A)))
    frequency = A.imag if continuous else _phase(A)
    arrays = {}
    if np.any(rate) or form is not DPLR:
        with np.errstate(divide="ignore", invalid="ignore"):
            arrays[decay.array] = decay.written(rate)
        wrong = ~np.isfinite(arrays[decay.array])
        if np.any(wrong):
            where = first_index(wrong)
            rule = f"A must decay, for the layer holds its `{decay.array}`"
            remedy = "Move that mode, or give another `decay`: 'square' holds 0, 'none' anything."
            raise ValueError(f"{rule}; got {A[where]:g} at index {where}. {remedy}")
    if np.any(frequency):
        arrays["frequency"] = frequency
    return arrays


def check_names(name: str, arrays: Mapping[str, Array]) -> None:
    """Refuse arrays that are not those of every field of a form.

    Args:
        name: the name of the form.
        arrays: arrays by the names of `real_parameters`.

    Raises:
        TypeError: for what is no mapping, and for arrays of other than real numbers.
        ValueError: for a field that no array holds, and an array that holds none.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> check_names("Paired", real_parameters(s4d_lin_init(4)))
    """
    require.instance("arrays", arrays, Mapping, "Give arrays by name.")
    form = NAMES[name]
    known = {field: arrays_of(field, form) for field in KINDS[form].axes}
    needed = known if form is DPLR else known | {"A": tuple(one.array for one in DECAYS.values())}
    for field, names in needed.items():
        if not arrays.keys() & set(names):
            got = f"none of {', '.join(names)}"
            raise ValueError(f"arrays must hold {field} of a {name}; got {got}. Add them.")
    for key, array in arrays.items():
        require.known("array", key, [one for names in known.values() for one in names])
        require.numbers(key, array, ("real numbers",), "Give what real_parameters returned.")


def form_of(name: str, arrays: Mapping[str, Array]) -> Any:
    """The form that real parameters stand for, in their library and differentiable there.

    Args:
        name: the name of the form.
        arrays: those that `real_parameters` returns.

    Returns:
        The form, not checked.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> form_of("Paired", real_parameters(s4d_lin_init(4))).A
        array([-0.5+0.j        , -0.5+3.14159265j])
    """
    form = NAMES[name]
    modes, *others = KINDS[form].axes
    fields = {modes: _read_modes(arrays, form)}
    for field in others:
        if field == "step":
            fields[field] = _exp(arrays["log_step"])
        elif field == "D" and _DIAGONAL in arrays:
            diagonal = arrays[_DIAGONAL]
            fields[field] = diagonal[..., None, :] * backend.eye(diagonal.shape[-1], diagonal)
        else:
            array = arrays[field]
            fields[field] = array if field in _REAL else backend.from_pairs(array)[..., 0]
    return form(**fields)


def _read_modes(arrays: Mapping[str, Array], form: type) -> Array:
    written = next((decay for decay in DECAYS.values() if decay.array in arrays), None)
    like = arrays["frequency"] if written is None else arrays[written.array]
    xp = backend.library(like)
    zero = xp.zeros_like(like)
    rate = zero if written is None else written.rate(like)
    exponent = backend.complex_of(-rate, arrays.get("frequency", zero))
    return exponent if KINDS[form].continuous else xp.exp(exponent)


def to(form: Any) -> dict[str, np.ndarray]:
    """The arrays of `nn.SSM`, with decay "exp".

    Args:
        form: a form of modes, or `DPLR`.

    Returns:
        The arrays of the table above, float32.

    Raises:
        TypeError: for other forms; what `forms.check` raises.
        ValueError: for a mode that does not decay, and for numbers beyond float32.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> list(to(s4d_lin_init(4)))[:2]
        ['Paired.log_decay', 'Paired.frequency']
    """
    return _named(real_parameters(form), form)


def alike(form: Any, names: Collection[str]) -> dict[str, np.ndarray]:
    """The arrays of `nn.SSM`, written as those of a layer are: its decay, its direct path.

    Args:
        form: a form of modes, or `DPLR`.
        names: the names of the arrays of the layer.

    Returns:
        The arrays, float32.

    Raises:
        TypeError: what `to` raises.
        ValueError: what `to` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> list(alike(s4d_lin_init(4), ["Paired.root_decay"]))[:2]
        ['Paired.root_decay', 'Paired.frequency']
    """
    held = {name.partition(".")[2] for name in names}
    decay = next((name for name, known in DECAYS.items() if known.array in held), "exp")
    arrays = real_parameters(form, decay=decay)
    if "D" in held and _DIAGONAL in arrays:
        diagonal = arrays.pop(_DIAGONAL)
        arrays["D"] = diagonal[..., None, :] * np.eye(diagonal.shape[-1])
    return _named(arrays, form)


def _named(arrays: Mapping[str, np.ndarray], form: Any) -> dict[str, np.ndarray]:
    """The arrays under the names of the layout, in its numbers."""
    named = {f"{type(form).__name__}.{name}": array for name, array in arrays.items()}
    return stored(named, LAYOUT)


def back(arrays: Mapping[str, Array]) -> Any:
    """The form of the arrays of one `nn.SSM`, of the type that the names say.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in double precision.

    Raises:
        TypeError: for what is no dense array, and what `forms.check` raises.
        ValueError: for names that are not those of one form, types or shapes that do not fit, and
            values that are not finite.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> back(to(s4d_lin_init(4))).B
        array([1.+0.j, 1.+0.j])
    """
    form, options = layer_of(arrays)
    return normalized(form, options["window"]) if "window" in options else form


def _check_pair(name: str, found: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError for real and imaginary parts of A of two shapes, which would broadcast."""
    for decay in DECAYS.values():
        if decay.array in found and "frequency" in found:
            wanted = found[decay.array].shape
            got = found["frequency"].shape
            rule = f"{wanted} as `{name}.{decay.array}`"
            require.shape(f"{name}.frequency", got, rule, got == wanted)


def layer_of(arrays: Mapping[str, Array]) -> tuple[Any, dict[str, Any]]:
    """The form from which an `nn.SSM` with these arrays starts, and the options that it has.

    Args:
        arrays: as for `back`.

    Returns:
        The form, not normalized over a window, and `decay` and `window`, where there is one.

    Raises:
        TypeError: what `back` raises.
        ValueError: what `back` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> layer_of(to(s4d_lin_init(4)))[1]
        {'decay': 'exp'}
    """
    form = form_in_names(arrays, NAMES)
    name = form.__name__
    optional = [f"{name}.{array}" for field in ("A", "D") for array in arrays_of(field, form)]
    found = read(arrays, _layout(form), optional=(*optional, f"{name}.window"))
    found = {key.partition(".")[2]: array for key, array in found.items()}
    window = found.pop("window", None)
    check_names(name, found)
    _check_pair(name, found)
    with np.errstate(over="ignore", invalid="ignore"):  # the form is checked
        model = check(form_of(name, found))
    written = (known for known, decay in DECAYS.items() if decay.array in found)
    options: dict[str, Any] = {"decay": next(written, "exp")}
    return model, options if window is None else options | {"window": int(window)}


TARGET = Target(
    about="the layer nn.SSM of this library",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule=None,
    training=TRAINING,
    moved="A into its decay rate and frequency, and complex numbers into a last axis of 2",
    optional=tuple(LAYOUT),  # a file holds the names of one form
    alike=alike,
)
