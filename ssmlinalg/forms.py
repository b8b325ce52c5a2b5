r"""The nouns of the library: how a linear state space model is written down.

Core axes come last, any batch axes lead and broadcast against each other. `N` is the order of the state, `n` the number of
stored modes, `R` a rank, `H` channels, `M` inputs, `P` outputs of a multi-input system. Continuous forms carry `step`
(Delta, in the units of their own time); discrete ones have none. Re A < 0 is stable everywhere: A itself is stored, never
-A, never log A.

=================  =======================================================  ==============================================
form               fields                                                   output
=================  =======================================================  ==============================================
NPLR               A (N, N), B (N,), P (N, R)                               A + P P^T is normal
Dense              A (..., N, N), B, C (..., N), D, step (...)              y = Re(C x) + D u
DPLR               Lambda (..., N), P (..., N, R), B, C (..., N), D, step   A = diag(Lambda) - P P^H, y = Re(C x) + D u
Diagonal           A, B, C (..., N), D, step (...)                          y = Re(C x) + D u
Paired             A, B, C (..., n), D, step (...)                          y = 2 Re(C x) + D u
MIMO               A (..., n), B (..., n, M), C (..., P, n), D (..., P, M)  y = 2 Re(C x) + D u, step (..., n) one per mode
=================  =======================================================  ==============================================

Discrete: `Recurrence`, `PairedRecurrence`, `MIMORecurrence`, `DenseRecurrence`, all x_l = A x_{l-1} + B u_l with the output of
their namesake, and `Delayed`, which a first-order hold becomes.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np

from . import _array, _require
from ._array import Array, Complex
from ._ondemand import OnDemand


class NPLR(NamedTuple):
    """Normal plus low rank: x' = A x + B u where A + P P^T is normal. Host, float64; A may be a matrix on demand."""

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
    """Half of a conjugate-closed spectrum: K(t) = 2 Re sum C B e^{At}. A single real mode is kept with its B halved."""

    A: Array
    B: Array
    C: Array
    D: Array
    step: Array


class MIMO(NamedTuple):
    """Several inputs and outputs on one half spectrum (S5): K(t) = 2 Re C e^{At} B, with one step for each mode."""

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
    """Discrete, several inputs and outputs, half spectrum: x_l = A x_{l-1} + B u_l, y_l = 2 Re(C x_l) + D u_l."""

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
    """A recurrence heard one sample late, beside a direct path: y_l = (output of `system` at l - 1) + D u_l.

    A first-order hold uses the samples at both ends of a step. Without dividing by A, which may underflow, such a rule is no
    `Recurrence`; it is one whose output reads the state before the newest sample. The D of `system` is 0: its state does not
    hold the sample before.
    """

    system: Any
    D: Array


Continuous = Dense | DPLR | Diagonal | Paired | MIMO
Recurrent = Recurrence | PairedRecurrence | MIMORecurrence | DenseRecurrence
_RECURRENT = (Recurrence, PairedRecurrence, MIMORecurrence, DenseRecurrence)
Discrete = Recurrent | Delayed
Form = NPLR | Continuous | Discrete
AnyForm = TypeVar("AnyForm", bound=NamedTuple)

FORMS: dict[str, type] = {
    form.__name__: form
    for form in (
        NPLR, Dense, DPLR, Diagonal, Paired, MIMO,
        Recurrence, PairedRecurrence, MIMORecurrence, DenseRecurrence, Delayed,
    )
}  # fmt: skip

# The core axes of each field, by name. Forms not listed carry one vector of modes in A, B and C.
_AXES: dict[type, dict[str, tuple[str, ...]]] = {
    NPLR: {"A": ("N", "N"), "B": ("N",), "P": ("N", "R")},
    Dense: {"A": ("N", "N"), "B": ("N",), "C": ("N",), "D": (), "step": ()},
    DenseRecurrence: {"A": ("N", "N"), "B": ("N",), "C": ("N",), "D": ()},
    DPLR: {"Lambda": ("N",), "P": ("N", "R"), "B": ("N",), "C": ("N",), "D": (), "step": ()},
    MIMO: {"A": ("n",), "B": ("n", "M"), "C": ("P", "n"), "D": ("P", "M"), "step": ("n",)},
    MIMORecurrence: {"A": ("n",), "B": ("n", "M"), "C": ("P", "n"), "D": ("P", "M")},
}
_MODES = {"A": ("n",), "B": ("n",), "C": ("n",), "D": (), "step": ()}


def check(form: AnyForm) -> AnyForm:
    """The form with Python numbers turned into arrays beside the others, once it is known to be sound.

    Raises TypeError for what is no form and for arrays of several libraries or precisions; ValueError for shapes that do not
    fit together and for several devices. On the host also ValueError for NaN, infinities and steps that are not positive;
    elsewhere values are not looked at, for that would stop a compiled or asynchronous computation.
    """
    if type(form) not in FORMS.values():
        names = ", ".join(FORMS)
        raise TypeError(f"`form` must be one of {names}; got {type(form).__name__}. Build one from ssmlinalg.forms.")
    if isinstance(form, Delayed):
        if not isinstance(form.system, _RECURRENT):
            got = type(form.system).__name__
            raise TypeError(
                f"the `system` of a `Delayed` form must be a recurrence; got {got}. Sample a continuous form first."
            )
        system = check(form.system)
        if _array.is_numpy(system.D) and np.any(system.D):
            got = f"one of {np.max(np.abs(system.D)):g}"
            raise ValueError(f"the `system` of a `Delayed` form must have no direct path; got {got}. Set its D to 0.")
        return form._replace(system=system, D=_array.beside(form.D, system.B))  # pyright: ignore[reportReturnType]
    axes = _AXES.get(type(form), _MODES)
    fields = form._asdict()
    formula = {name: value for name, value in fields.items() if isinstance(value, OnDemand)}
    fields = {name: value for name, value in fields.items() if name not in formula}
    first = next(iter(fields))
    _array.namespace(**{first: fields[first]})
    fields = {name: _array.beside(value, fields[first]) for name, value in fields.items()}
    _array.namespace(**fields)
    for name in ("D", "step"):
        if name in fields and _array.is_complex(fields[name]):
            raise TypeError(f"`{name}` must be real; got {fields[name].dtype}. Take its real part.")
    if not isinstance(form, (NPLR, Dense, DenseRecurrence)):  # modes are complex, also those that happen to be real
        fields |= {name: _array.as_complex(fields[name]) for name in fields if name not in ("D", "step")}
    _check_shapes(axes, formula | fields)
    if all(_array.is_numpy(value) for value in fields.values()):
        for name, value in fields.items():
            _require.finite(name, np.asarray(value))
        if "step" in fields and not np.all(fields["step"] > 0):
            least = float(np.min(fields["step"]))
            raise ValueError(f"`step` must be positive; got {least:g}. It is a time: take its absolute value or drop it.")
    return form._replace(**fields)


def _check_shapes(axes: dict[str, tuple[str, ...]], fields: dict[str, Array]) -> None:
    sizes: dict[str, tuple[int, str]] = {}
    batch: tuple[int, ...] = ()
    for name, array in fields.items():
        core = axes[name]
        got = tuple(array.shape)
        rule = "(..., " + ", ".join(core) + ")" if core else "(...)"
        _require.shape(name, got, rule, len(got) >= len(core))
        for axis, size in zip(core, got[len(got) - len(core) :], strict=True):
            _require.shape(name, got, f"{rule} with at least one {axis}", size > 0 or axis == "R")
            known, origin = sizes.setdefault(axis, (size, name))
            _require.shape(name, got, f"{rule} with {axis} = {known} from `{origin}`", size == known)
        batch = _require.broadcasts(name, got[: len(got) - len(core)], batch, "the other fields")


def move(form: AnyForm, library: str, *, dtype: str | None = None, device: Any = None) -> AnyForm:
    """The same form in another array library; the only bridge between them.

    `library` is "numpy", "torch", "jax" or "cupy"; `dtype` the precision "float32" or "float64" (None keeps it); `device` is
    passed to the library. Values are copied through the host and gradients are left behind: construct on the host, evaluate
    anywhere. Raises ValueError for unknown names, for a GPU of a number there is not, and, with JAX, for 64-bit numbers while
    JAX has them switched off; ImportError when the library is missing; RuntimeError for CuPy without a driver or a GPU.

    >>> from ssmlinalg import s4d_lin_init
    >>> move(s4d_lin_init(4), "numpy", dtype="float32").A.dtype
    dtype('complex64')
    """
    _require.known("library", library, _array.LIBRARIES)
    if dtype is not None:
        _require.known("dtype", dtype, ("float32", "float64"))
    form = check(form)
    if isinstance(form, Delayed):
        system = move(form.system, library, dtype=dtype, device=device)
        return form._replace(system=system, D=_array.move(form.D, library, dtype, device))
    fields = {name: np.asarray(value) if isinstance(value, OnDemand) else value for name, value in form._asdict().items()}
    moved = {name: _array.move(array, library, dtype, device) for name, array in fields.items()}
    return form._replace(**moved)


def real_modes(form: Diagonal | Paired | Recurrence | PairedRecurrence | MIMO | MIMORecurrence) -> np.ndarray:
    """Which modes are real in every member of the batch, as a boolean vector on the host."""
    A: Complex = _array.to_numpy(form.A)
    return np.all(A.imag.reshape(-1, A.shape[-1]) == 0, axis=0)


def pair(form: Diagonal) -> Paired:
    """The half of a conjugate-closed spectrum that lies on or above the real axis, by rising frequency.

    Re sum_{N} C B e^{At} = 2 Re sum_{n} C B e^{At}: real modes are kept with B halved. Cost O(N log N).
    Raises ValueError when some mode has no conjugate partner with the conjugate weight C B.

    >>> pair(Diagonal(np.array([-1 + 2j, -3 + 0j, -1 - 2j]), np.ones(3) + 0j, np.ones(3) + 0j, 0.0, 1.0)).B.real
    array([0.5, 1. ])
    """
    form = check(form)
    xp = _array.namespace(A=form.A)
    shape = np.broadcast_shapes(form.A.shape, form.B.shape, form.C.shape)
    _require.shape("A", shape, "(..., N) with no empty axis", 0 not in shape)
    A, B, C = (xp.broadcast_to(array, shape) for array in (form.A, form.B, form.C))
    host: Complex = _array.to_numpy(A)
    slack = 64 * np.finfo(host.dtype).eps * np.max(np.abs(host), axis=-1, keepdims=True)
    imag = np.where(np.abs(host.imag) <= slack, 0.0, host.imag)
    kept = np.sum(imag >= 0, axis=-1)
    lower = np.sum(imag < 0, axis=-1)
    real = np.sum(imag == 0, axis=-1)
    if np.any(kept - real != lower) or np.unique(kept).size > 1:
        got = f"{int(np.max(kept - real))} modes above the real axis and {int(np.min(lower))} below"
        raise ValueError(f"the spectrum must be closed under conjugation; got {got}. Keep the form Diagonal.")
    n = int(kept.flat[0])
    upward = np.lexsort((host.real, np.where(imag < 0, np.inf, imag)), axis=-1)[..., :n]
    downward = np.lexsort((host.real, np.where(imag > 0, np.inf, -imag)), axis=-1)[..., :n]
    weights: Complex = _array.to_numpy(B * C)
    _check_conjugate("A", host, upward, downward)
    _check_conjugate("C B", np.where(imag == 0, weights.real, weights), upward, downward)
    index = xp.asarray(upward, device=_array.device(A))
    A, B, C = (xp.take_along_axis(array, index, axis=-1) for array in (A, B, C))
    single = xp.asarray(np.take_along_axis(imag, upward, -1) == 0, device=_array.device(A))
    return Paired(A, xp.where(single, B / 2, B), C, form.D, form.step)


def _check_conjugate(name: str, values: np.ndarray, upward: np.ndarray, downward: np.ndarray) -> None:
    above, below = (np.take_along_axis(values, index, -1) for index in (upward, downward))
    distance = np.max(np.abs(above - below.conj()), initial=0.0)
    scale = np.max(np.abs(values), initial=0.0)
    if distance > np.sqrt(np.finfo(values.dtype).eps) * scale:
        got = f"values of `{name}` {distance:.3g} away from their conjugate partners, on a scale of {scale:.3g}"
        raise ValueError(f"the spectrum must be closed under conjugation; got {got}. Keep the form Diagonal.")


def unpair(form: Paired) -> Diagonal:
    """The full spectrum of a half one: complex modes, their conjugates, then the real modes with B doubled.

    >>> unpair(Paired(np.array([-3 + 0j, -1 + 2j]), np.array([0.5 + 0j, 1]), np.ones(2) + 0j, 0.0, 1.0)).A
    array([-1.+2.j, -1.-2.j, -3.+0.j])
    """
    form = check(form)
    xp = _array.namespace(A=form.A)
    single = real_modes(form)
    at = {name: xp.asarray(np.flatnonzero(which), device=_array.device(form.A)) for name, which in
          (("pair", ~single), ("single", single))}  # fmt: skip

    def full(array: Array, factor: float = 1.0) -> Array:
        modes = xp.take(array, at["pair"], axis=-1)
        return xp.concat([modes, xp.conj(modes), factor * xp.take(array, at["single"], axis=-1)], axis=-1)

    return Diagonal(full(form.A), full(form.B, 2.0), full(form.C), form.D, form.step)


def to_dense(form: NPLR | Continuous) -> Dense:
    """The general system with the same output.

    A `Paired` form becomes real, of order 2n, with the state (Re x, Im x): the 2 x 2 blocks that libraries without complex
    numbers can carry. An `NPLR` form, which has no output, reads its first coefficient: C = (1, 0, ..., 0), D = 0, step = 1.
    Raises TypeError for forms with several inputs.
    """
    form = check(form)
    if isinstance(form, Dense):
        return form
    if isinstance(form, NPLR):
        return Dense(np.asarray(form.A), form.B, np.eye(1, form.B.shape[-1])[0], np.asarray(0.0), np.asarray(1.0))
    xp = _array.namespace(A=form[0])
    if isinstance(form, DPLR):
        low_rank = xp.matmul(form.P, xp.conj(xp.matrix_transpose(form.P)))
        return Dense(_diagonal_matrix(form.Lambda) - low_rank, form.B, form.C, form.D, form.step)
    if isinstance(form, Diagonal):
        return Dense(_diagonal_matrix(form.A), form.B, form.C, form.D, form.step)
    if isinstance(form, Paired):
        real, imag = _diagonal_matrix(xp.real(form.A)), _diagonal_matrix(xp.imag(form.A))
        A = xp.concat([xp.concat([real, -imag], axis=-1), xp.concat([imag, real], axis=-1)], axis=-2)
        B = xp.concat([xp.real(form.B), xp.imag(form.B)], axis=-1)
        C = xp.concat([2 * xp.real(form.C), -2 * xp.imag(form.C)], axis=-1)
        return Dense(A, B, C, form.D, form.step)
    raise TypeError(f"to_dense takes a continuous form with one input; got {type(form).__name__}. Take its channels apart.")


def _diagonal_matrix(values: Array) -> Array:
    return values[..., None, :] * _array.eye(values.shape[-1], values)
