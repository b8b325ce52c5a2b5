r"""The nouns of the library: how a linear state space model is written down.

Core axes come last. Any batch axes lead, and broadcast against each other. `N` is the order of the
state, `n` the number of stored modes, `R` a rank, `M` inputs and `P` outputs. A form in continuous
time carries `step` (Delta, in the units of its own time), a discrete one has none. Re A < 0 is
stable everywhere: A itself is stored, never -A, never log A.

========  ===================================  =====================================
form      fields                               output
========  ===================================  =====================================
NPLR      A (N, N), B (N,), P (N, R)           none; A + P P^T is normal
Dense     A (..., N, N), B, C (..., N),        y = Re(C x) + D u
          D, step (...)
DPLR      Lambda (..., N), P (..., N, R),      y = Re(C x) + D u,
          B, C (..., N), D, step (...)         A = diag(Lambda) - P P^H
Diagonal  A, B, C (..., N), D, step (...)      y = Re(C x) + D u
Paired    A, B, C (..., n), D, step (...)      y = 2 Re(C x) + D u
MIMO      A, step (..., n), B (..., n, M),     y = 2 Re(C x) + D u,
          C (..., P, n), D (..., P, M)         one step for each mode
========  ===================================  =====================================

Discrete forms are `Recurrence`, `PairedRecurrence`, `MIMORecurrence` and `DenseRecurrence`. All are
x_l = A x_{l-1} + B u_l, with the output of their namesake. A first-order hold becomes a `Delayed`
form.

One table, `KINDS`, says what each form is made of. Other rooms ask the table, not the type:

================  ==================================================================
question          asked by
================  ==================================================================
kind(form)        is A a matrix, is the spectrum half, are there several inputs, ...
inner(form)       the recurrence inside a `Delayed` form
plain(form)       the form with fields A, B, C, D that has the same output
batch(form)       the leading axes of all fields together
view(form)        A, B (..., n, M), C (..., P, n), D (..., P, M), whatever the form
step_of(form)     step with the axes that it needs to multiply A
unsampled(type)   the continuous type that is sampled to a type of recurrence
================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .ground import backend, require
from .ground.backend import Array, Complex
from .ground.ondemand import OnDemand

__all__ = [
    "DPLR",
    "FORMS",
    "KINDS",
    "MIMO",
    "NPLR",
    "Axes",
    "Continuous",
    "Delayed",
    "Dense",
    "DenseRecurrence",
    "Diagonal",
    "Discrete",
    "Form",
    "Kind",
    "MIMORecurrence",
    "Paired",
    "PairedRecurrence",
    "Recurrence",
    "Recurrent",
    "View",
    "batch",
    "check",
    "inner",
    "is_form",
    "is_recurrence",
    "kind",
    "move",
    "pair",
    "plain",
    "real_modes",
    "step_of",
    "to_dense",
    "unpair",
    "unsampled",
    "view",
]


def __dir__() -> list[str]:
    return __all__


class NPLR(NamedTuple):
    """Normal plus low rank: x' = A x + B u where A + P P^T is normal. Host, float64; A may be a
    matrix on demand.
    """

    A: Array
    B: Array
    P: Array


class Dense(NamedTuple):
    """A general system with one input and one output: x' = A x + B u, y = Re(C x) + D u."""

    A: Array
    B: Array
    C: Array
    D: Array
    step: Array


class DPLR(NamedTuple):
    """Diagonal plus low rank: A = diag(Lambda) - P P^H, y = Re(C x) + D u."""

    Lambda: Array
    P: Array
    B: Array
    C: Array
    D: Array
    step: Array


class Diagonal(NamedTuple):
    """Full spectrum: K(t) = Re sum C B e^{At}."""

    A: Array
    B: Array
    C: Array
    D: Array
    step: Array


class Paired(NamedTuple):
    """Half of a conjugate-closed spectrum: K(t) = 2 Re sum C B e^{At}. A single real mode is kept
    with its B halved.
    """

    A: Array
    B: Array
    C: Array
    D: Array
    step: Array


class MIMO(NamedTuple):
    """Several inputs and outputs on one half spectrum (S5): K(t) = 2 Re C e^{At} B, with one step
    for each mode.
    """

    A: Array
    B: Array
    C: Array
    D: Array
    step: Array


class Recurrence(NamedTuple):
    """Discrete, full spectrum: x_l = A x_{l-1} + B u_l, y_l = Re(C x_l) + D u_l."""

    A: Array
    B: Array
    C: Array
    D: Array


class PairedRecurrence(NamedTuple):
    """Discrete, half spectrum: x_l = A x_{l-1} + B u_l, y_l = 2 Re(C x_l) + D u_l."""

    A: Array
    B: Array
    C: Array
    D: Array


class MIMORecurrence(NamedTuple):
    """Discrete, several inputs and outputs, half spectrum: x_l = A x_{l-1} + B u_l, y_l = 2 Re(C
    x_l) + D u_l.
    """

    A: Array
    B: Array
    C: Array
    D: Array


class DenseRecurrence(NamedTuple):
    """Discrete, general A (..., N, N): x_l = A x_{l-1} + B u_l, y_l = Re(C x_l) + D u_l."""

    A: Array
    B: Array
    C: Array
    D: Array


class Delayed(NamedTuple):
    """A recurrence read one sample late, beside a direct path: y_l = Re(C x_{l-1}) + D u_l.

    C x is that of `system`, with the factor 2 of a half spectrum. A first-order hold uses the
    samples at both ends of a step. Without dividing by A, which may underflow, such a rule is no
    `Recurrence`; it is one whose output reads the state before the newest sample. The D of `system`
    is 0: its state does not hold the sample before.
    """

    system: Any
    D: Array


Continuous = Dense | DPLR | Diagonal | Paired | MIMO
Recurrent = Recurrence | PairedRecurrence | MIMORecurrence | DenseRecurrence
Discrete = Recurrent | Delayed
Form = NPLR | Continuous | Discrete
AnyForm = TypeVar("AnyForm", bound=NamedTuple)
Axes = tuple[str, ...]


class Kind(NamedTuple):
    """The facts about one type of form that other rooms ask for.

    Attributes:
        axes: the core axes of each field, by name, in the order of the fields.
        matrix: whether A is a matrix, and not its eigenvalues.
        half: whether each mode stands for its conjugate as well: y = 2 Re(C x).
        ports: whether there are several inputs and outputs.
        sampled: the type of recurrence that it is sampled to. None: it is one itself.
        plain: the function to a form of another kind that has fields A, B, C, D and the same
            output. None: it is such a form itself.
    """

    axes: Mapping[str, Axes]
    matrix: bool = False
    half: bool = False
    ports: bool = False
    sampled: type | None = None
    plain: Callable[[Any], Any] | None = None

    @property
    def continuous(self) -> bool:
        """Whether the form lives in continuous time."""
        return self.sampled is not None


class View(NamedTuple):
    """A form with its ports written out: y = Re(C x) + D u for every form.

    A (..., n), or (..., N, N) for a matrix; B (..., n, M); C (..., P, n) with the factor 2 of a
    half spectrum in it; D (..., P, M). A form with one input has M = P = 1.
    """

    A: Array
    B: Array
    C: Array
    D: Array


def is_form(value: object) -> bool:
    """Whether `value` is one of the forms of this module, or of a kind added to `KINDS`.

    Args:
        value: anything.

    Returns:
        True for an instance of a type in `KINDS`, and of `Delayed`.

    Example:
        >>> is_form(Delayed(None, 0.0)), is_form(3.0)
        (True, False)
    """
    return type(value) in KINDS or isinstance(value, Delayed)


def inner(form: Any) -> Any:
    """The recurrence inside a `Delayed` form; any other form itself.

    Args:
        form: any form.

    Returns:
        `form.system` if there is one, else `form`.

    Example:
        >>> inner(Delayed("a recurrence", 0.0))
        'a recurrence'
    """
    return form.system if isinstance(form, Delayed) else form


def kind(form: Any) -> Kind:
    """The line of the form in `KINDS`; that of its recurrence if it is `Delayed`.

    Args:
        form: any form.

    Returns:
        A `Kind`.

    Raises:
        TypeError: if `form` is none of the types in `KINDS`.

    Example:
        >>> one = np.ones(1)
        >>> kind(Paired(-one, one, one, 0.0, 1.0)).half
        True
    """
    found = KINDS.get(type(inner(form)))
    if found is None:
        got = type(inner(form)).__name__
        names = ", ".join(FORMS)
        raise TypeError(
            f"`form` must be one of {names}; got {got}. Build one from ssmlinalg.forms."
        )
    return found


def plain(form: Any) -> Any:
    """The form with fields A, B, C, D that has the same output: `Dense` for a `DPLR` or `NPLR`.

    Args:
        form: a form that `check` has passed.

    Returns:
        The form itself where it has these fields.

    Example:
        >>> one = np.ones(1)
        >>> type(plain(DPLR(-one, one[:, None], one, one, one, one))).__name__
        'Dense'
    """
    convert = kind(form).plain
    if convert is None:
        return form
    if isinstance(form, Delayed):
        return form._replace(system=plain(form.system))
    return plain(convert(form))


def batch(form: Any) -> tuple[int, ...]:
    """The leading axes of all fields together, the D of a `Delayed` form among them.

    Args:
        form: a form that `check` has passed.

    Returns:
        The shape to which the leading axes broadcast; () without any.

    Example:
        >>> one = np.ones((3, 2))
        >>> batch(Paired(-one, one, one, np.zeros(3), np.ones(())))
        (3,)
    """
    axes = kind(form).axes
    fields = inner(form)._asdict()
    leads = [_lead(field, axes[name]) for name, field in fields.items()]
    if isinstance(form, Delayed):
        leads.append(_lead(form.D, axes["D"]))
    return np.broadcast_shapes(*leads)


def _lead(array: Array, core: Axes) -> tuple[int, ...]:
    return tuple(array.shape[: len(array.shape) - len(core)])


def view(form: Any) -> View:
    """A, B, C and D with their ports written out, and the factor 2 of a half spectrum in C.

    For a `Delayed` form A, B and C are those of its recurrence, and D is its own.

    Args:
        form: a form that `check` has passed.

    Returns:
        A `View`. Nothing is copied, except C of a half spectrum.

    Example:
        >>> one = np.ones(1)
        >>> view(Paired(-one, one, one, np.zeros(()), np.ones(()))).C
        array([[2.]])
    """
    known = kind(form)
    if known.plain is not None:
        return view(plain(form))
    A, B, C, D = inner(form)[:4]
    D = form.D
    if not known.ports:
        B = B[..., None]
        C = C[..., None, :]
        D = D[..., None, None]
    return View(A, B, 2 * C if known.half else C, D)


def step_of(form: Any) -> Array:
    """The step with the axes that it needs to be multiplied by A.

    Args:
        form: a form in continuous time that `check` has passed.

    Returns:
        (..., n) or (..., 1) beside eigenvalues, (..., 1, 1) beside a matrix.

    Example:
        >>> one = np.ones(2)
        >>> step_of(Diagonal(-one, one, one, np.zeros(()), np.full((), 0.1)))
        array([0.1])
    """
    known = kind(form)
    if known.matrix:
        return form.step[..., None, None]
    return form.step if known.axes["step"] else form.step[..., None]


def check(form: AnyForm) -> AnyForm:
    """The form with Python numbers turned into arrays, once it is known to be sound.

    On the host values are looked at. Elsewhere they are not, for that would stop a compiled or an
    asynchronous computation.

    Args:
        form: any form, its fields arrays of one library, device and precision, or Python numbers.

    Returns:
        The same form, modes complex.

    Raises:
        TypeError: for what is no form, for arrays of several libraries or precisions, for a complex
            D or step, and for a `Delayed` form of what is no recurrence.
        ValueError: for shapes that do not fit together, and for several devices; on the host also
            for NaN, infinities, steps that are not positive, and a direct path inside a `Delayed`.

    Example:
        >>> check(Diagonal(-np.ones(2), np.ones(2), np.ones(2), 0.0, 0.1)).A
        array([-1.+0.j, -1.+0.j])
    """
    if isinstance(form, Delayed):
        return _check_delayed(form)
    known = kind(form)
    fields = form._asdict()
    formula = {name: value for name, value in fields.items() if isinstance(value, OnDemand)}
    fields = {name: value for name, value in fields.items() if name not in formula}
    first = next(iter(fields))
    backend.namespace(**{first: fields[first]})
    fields = {name: backend.beside(value, fields[first]) for name, value in fields.items()}
    backend.namespace(**fields)
    for name in _REAL & fields.keys():
        if backend.is_complex(fields[name]):
            got = fields[name].dtype
            raise TypeError(f"`{name}` must be real; got {got}. Take its real part.")
    if not known.matrix or "Lambda" in fields:  # modes are complex, also real ones
        fields |= {name: backend.as_complex(fields[name]) for name in _MODAL & fields.keys()}
    require.axes(known.axes, formula | fields)
    if all(backend.is_numpy(value) for value in fields.values()):
        _check_values(fields)
    return form._replace(**fields)


_REAL = {"D", "step"}
_MODAL = {"A", "Lambda", "P", "B", "C"}


def _check_delayed(form: Any) -> Any:
    if not is_recurrence(form.system):
        got = type(form.system).__name__
        raise TypeError(
            f"the `system` of a `Delayed` form must be a recurrence; got {got}. "
            "Sample a continuous form first."
        )
    system = check(form.system)
    if backend.is_numpy(system.D) and np.any(system.D):
        got = f"one of {np.max(np.abs(system.D)):g}"
        raise ValueError(
            f"the `system` of a `Delayed` form must have no direct path; got {got}. Set its D to 0."
        )
    return form._replace(system=system, D=backend.beside(form.D, system.B))


def is_recurrence(form: object) -> bool:
    """Whether the form is x_l = A x_{l-1} + B u_l as it stands.

    Args:
        form: anything.

    Returns:
        False for continuous forms, for `Delayed` ones, and for what is no form.

    Example:
        >>> one = np.ones(1)
        >>> is_recurrence(Recurrence(one, one, one, 0.0))
        True
    """
    return type(form) in KINDS and not KINDS[type(form)].continuous


def unsampled(recurrence: type) -> type:
    """The type of form in continuous time that is sampled to a type of recurrence.

    Args:
        recurrence: a type in `KINDS` that has no continuous time.

    Returns:
        The type with the same fields and a step.

    Raises:
        TypeError: if none is sampled to it.

    Example:
        >>> unsampled(PairedRecurrence).__name__
        'Paired'
    """
    for form, known in KINDS.items():
        if known.sampled is recurrence and known.plain is None:
            return form
    rule = "`recurrence` must be a type that a form is sampled to"
    got = require.said(recurrence)
    raise TypeError(f"{rule}; got {got}. Give one such as forms.PairedRecurrence.")


def _check_values(fields: dict[str, Array]) -> None:
    for name, value in fields.items():
        require.finite(name, np.asarray(value))
    if "step" in fields and not np.all(fields["step"] > 0):
        least = float(np.min(fields["step"]))
        raise ValueError(
            f"`step` must be positive; got {least:g}. "
            "It is a time: take its absolute value or drop it."
        )


def move(form: AnyForm, library: str, *, dtype: str | None = None, device: Any = None) -> AnyForm:
    """The same form in another array library. It is the only bridge between libraries.

    Values are copied through the host, and gradients stay behind.

    Args:
        form: any form.
        library: "numpy", "torch", "jax" or "cupy".
        dtype: the precision, "float32" or "float64". None keeps it.
        device: passed to the library. None is its default.

    Returns:
        A form of the same type.

    Raises:
        TypeError: what `check` raises.
        ValueError: for unknown names, for a GPU of a number there is not, and, with JAX, for 64-bit
            numbers while JAX has them switched off; what `check` raises.
        ImportError: if the library is missing.
        RuntimeError: for CuPy without a driver or a GPU.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> move(s4d_lin_init(4), "numpy", dtype="float32").A.dtype
        dtype('complex64')
    """
    require.known("library", library, backend.LIBRARIES)
    if dtype is not None:
        require.known("dtype", dtype, ("float32", "float64"))
    return _moved(check(form), library, dtype, device)


def _moved(form: Any, library: str, dtype: str | None, device: Any) -> Any:
    fields = {}
    for name, value in form._asdict().items():
        if is_form(value):
            fields[name] = _moved(value, library, dtype, device)
        else:
            host = np.asarray(value) if isinstance(value, OnDemand) else value
            fields[name] = backend.move(host, library, dtype, device)
    return type(form)(**fields)


def real_modes(form: Any) -> np.ndarray:
    """Which modes are real in every member of the batch.

    Args:
        form: a form whose A are eigenvalues, in any library.

    Returns:
        A boolean vector (n,) on the host.

    Example:
        >>> real_modes(Recurrence(np.array([0.5, 0.5j]), np.ones(2), np.ones(2), 0.0))
        array([ True, False])
    """
    kind(form)
    A: Complex = backend.to_numpy(form.A)
    return np.all(A.imag.reshape(-1, A.shape[-1]) == 0, axis=0)


def pair(form: Diagonal) -> Paired:
    """The upper half of a spectrum closed under conjugation, by rising frequency.

    Re sum_N C B e^{At} = 2 Re sum_n C B e^{At}: a real mode is kept with its B halved.

    Args:
        form: a `Diagonal` form, in any library.

    Returns:
        A `Paired` form with the same output.

    Raises:
        TypeError: what `check` raises.
        ValueError: if some mode has no conjugate partner with the conjugate weight C B.

    Cost:
        O(N log N) for each member of the batch.

    Example:
        >>> one = np.ones(3)
        >>> pair(Diagonal(np.array([-1 + 2j, -3, -1 - 2j]), one, one, 0.0, 1.0)).B.real
        array([0.5, 1. ])
    """
    form = check(form)
    xp = backend.namespace(A=form.A)
    shape = np.broadcast_shapes(form.A.shape, form.B.shape, form.C.shape)
    require.shape("A", shape, "(..., N) with no empty axis", 0 not in shape)
    A, B, C = (xp.broadcast_to(array, shape) for array in (form.A, form.B, form.C))
    host, b, c = (_near_one(backend.to_numpy(array)) for array in (A, B, C))
    upward, single = _upper_half(host, b * c)
    index = xp.asarray(upward, device=backend.device(A))
    alone = xp.asarray(np.take_along_axis(single, upward, -1), device=backend.device(A))
    A, B, C = (xp.take_along_axis(array, index, axis=-1) for array in (A, B, C))
    return Paired(A, xp.where(alone, B / 2, B), C, form.D, form.step)


def _near_one(values: Complex) -> Complex:
    """The values of each member by a power of two, so that the largest part is about 1."""
    parts = np.maximum(np.abs(values.real), np.abs(values.imag))
    exponent = -np.frexp(np.max(parts, axis=-1, keepdims=True))[1]
    return np.ldexp(values.real, exponent) + 1j * np.ldexp(values.imag, exponent)


def _upper_half(A: Complex, weights: Complex) -> tuple[np.ndarray, np.ndarray]:
    """The indices (..., n) of the modes to keep, and which of all modes (..., N) are real."""
    slack = 64 * np.finfo(A.dtype).eps * np.max(np.abs(A), axis=-1, keepdims=True)
    imag = np.where(np.abs(A.imag) <= slack, 0.0, A.imag)
    single = imag == 0
    above = np.sum(imag > 0, axis=-1)
    below = np.sum(imag < 0, axis=-1)
    kept = above + np.sum(single, axis=-1)
    if np.any(above != below) or np.unique(kept).size > 1:
        got = f"{int(np.max(above))} modes above the real axis and {int(np.min(below))} below"
        raise ValueError(
            f"the spectrum must be closed under conjugation; got {got}. Keep the form Diagonal."
        )
    n = int(kept.flat[0])
    upward = np.lexsort((A.real, np.where(imag < 0, np.inf, imag)), axis=-1)[..., :n]
    downward = np.lexsort((A.real, np.where(imag > 0, np.inf, -imag)), axis=-1)[..., :n]
    _check_conjugate("A", A, upward, downward)
    _check_conjugate("C B", np.where(single, weights.real, weights), upward, downward)
    return upward, single


def _check_conjugate(
    name: str, values: np.ndarray, upward: np.ndarray, downward: np.ndarray
) -> None:
    values = _near_one(values)
    above = np.take_along_axis(values, upward, -1)
    below = np.take_along_axis(values, downward, -1)
    distance = np.max(np.abs(above - below.conj()), initial=0.0)
    if distance > np.sqrt(np.finfo(values.dtype).eps):
        got = f"values of `{name}` {distance:.3g} of the largest away from their conjugate partners"
        raise ValueError(
            f"the spectrum must be closed under conjugation; got {got}. Keep the form Diagonal."
        )


def unpair(form: Paired) -> Diagonal:
    """The full spectrum of a half one: complex modes, their conjugates, then real modes, B doubled.

    Args:
        form: a `Paired` form, in any library.

    Returns:
        A `Diagonal` form with the same output.

    Raises:
        TypeError: what `check` raises.
        ValueError: what `check` raises.

    Example:
        >>> unpair(Paired(np.array([-3, -1 + 2j]), np.array([0.5, 1]), np.ones(2), 0.0, 1.0)).A
        array([-1.+2.j, -1.-2.j, -3.+0.j])
    """
    form = check(form)
    xp = backend.namespace(A=form.A)
    single = real_modes(form)
    device = backend.device(form.A)
    complex_modes = xp.asarray(np.flatnonzero(~single), device=device)
    alone = xp.asarray(np.flatnonzero(single), device=device)

    def full(array: Array, factor: float = 1.0) -> Array:
        modes = xp.take(array, complex_modes, axis=-1)
        return xp.concat([modes, xp.conj(modes), factor * xp.take(array, alone, axis=-1)], axis=-1)

    return Diagonal(full(form.A), full(form.B, 2.0), full(form.C), form.D, form.step)


def to_dense(form: NPLR | Continuous) -> Dense:
    """The general system with the same output.

    A `Paired` form becomes real, of order 2n, with the state (Re x, Im x): the 2 x 2 blocks that
    libraries without complex numbers can carry. An `NPLR` form, which has no output, reads its
    first coefficient: C = (1, 0, ..., 0), D = 0, step = 1.

    Args:
        form: a continuous form with one input.

    Returns:
        A `Dense` form in the same library.

    Raises:
        TypeError: for discrete forms and forms with several inputs; what `check` raises.
        ValueError: what `check` raises.

    Example:
        >>> to_dense(Paired(np.array([-1 + 2j]), np.ones(1), np.ones(1), 0.0, 1.0)).A
        array([[-1., -2.],
               [ 2., -1.]])
    """
    checked = check(form)
    known = kind(checked)
    if known.ports or not known.continuous or isinstance(checked, Delayed):
        got = type(form).__name__
        raise TypeError(
            f"to_dense takes a continuous form with one input; got {got}. Take its channels apart."
        )
    found = plain(checked)
    if kind(found).matrix:
        return found
    if not kind(found).half:
        return Dense(_diagonal_matrix(found.A), found.B, found.C, found.D, found.step)
    return _real_blocks(found)


def _real_blocks(form: Any) -> Dense:
    """The real system of the state (Re x, Im x)."""
    xp = backend.namespace(A=form.A)
    real = _diagonal_matrix(xp.real(form.A))
    imag = _diagonal_matrix(xp.imag(form.A))
    top = xp.concat([real, -imag], axis=-1)
    bottom = xp.concat([imag, real], axis=-1)
    B = xp.concat([xp.real(form.B), xp.imag(form.B)], axis=-1)
    C = xp.concat([2 * xp.real(form.C), -2 * xp.imag(form.C)], axis=-1)
    return Dense(xp.concat([top, bottom], axis=-2), B, C, form.D, form.step)


def _from_dplr(form: DPLR) -> Dense:
    xp = backend.namespace(Lambda=form.Lambda)
    low_rank = backend.matmul(form.P, xp.conj(xp.matrix_transpose(form.P)))
    A = _diagonal_matrix(form.Lambda) - low_rank
    return Dense(A, form.B, form.C, form.D, form.step)


def _from_nplr(form: NPLR) -> Dense:
    """Its first coefficient as output."""
    C = np.eye(1, form.B.shape[-1])[0]
    return Dense(np.asarray(form.A), form.B, C, np.asarray(0.0), np.asarray(1.0))


def _diagonal_matrix(values: Array) -> Array:
    return values[..., None, :] * backend.eye(values.shape[-1], values)


_STEP = {"step": ()}
_VECTORS = {"A": ("n",), "B": ("n",), "C": ("n",), "D": ()}
_PORTS = {"A": ("n",), "B": ("n", "M"), "C": ("P", "n"), "D": ("P", "M")}
_MATRIX = {"A": ("N", "N"), "B": ("N",), "C": ("N",), "D": ()}
_CORRECTED = {"A": ("N", "N"), "B": ("N",), "P": ("N", "R")}
_LOW_RANK = {"Lambda": ("N",), "P": ("N", "R"), "B": ("N",), "C": ("N",), "D": ()}

KINDS: dict[type, Kind] = {
    NPLR: Kind(_CORRECTED, matrix=True, sampled=DenseRecurrence, plain=_from_nplr),
    Dense: Kind(_MATRIX | _STEP, matrix=True, sampled=DenseRecurrence),
    DPLR: Kind(_LOW_RANK | _STEP, matrix=True, sampled=DenseRecurrence, plain=_from_dplr),
    Diagonal: Kind(_VECTORS | _STEP, sampled=Recurrence),
    Paired: Kind(_VECTORS | _STEP, half=True, sampled=PairedRecurrence),
    MIMO: Kind(_PORTS | {"step": ("n",)}, half=True, ports=True, sampled=MIMORecurrence),
    Recurrence: Kind(_VECTORS),
    PairedRecurrence: Kind(_VECTORS, half=True),
    MIMORecurrence: Kind(_PORTS, half=True, ports=True),
    DenseRecurrence: Kind(_MATRIX, matrix=True),
}
FORMS: dict[str, type] = {form.__name__: form for form in (*KINDS, Delayed)}
