r"""From continuous to discrete time: x' = A x + B u becomes x_l = A_d x_{l-1} + B_d u_l, sample l
held over (l-1, l].

Each rule is a function from a continuous form to the discrete one of the same kind; with z = step A
it is a pair of functions, A_d = f(z) and B_d = step g(z) B. `RULES` names them. "Order" below is
the power of the step with which the state at a fixed time converges, for an input held constant
over each step (for `foh`: linear).

==========  =========================  ==================  =====  =====================================================
rule        f(z)                       g(z)                order  stable for all Re z < 0
==========  =========================  ==================  =====  =====================================================
zoh         e^z                        (e^z - 1)/z         exact  yes
foh         e^z                        two taps            exact  yes
bilinear    (1 + z/2)/(1 - z/2)        1/(1 - z/2)         2      yes; a contraction when A is dissipative
gbt(alpha)  (1 + (1-alpha)z)/(1-az)    1/(1 - alpha z)     1      alpha >= 1/2
forward     1 + z                      1                   1      only |1 + z| < 1
backward    1/(1 - z)                  1/(1 - z)           1      yes
impulse     e^z                        1                   1      yes; K_l = step K(l step), the sampled impulse response
mamba       e^z                        1                   1      yes; "zoh for A, Euler for B" is impulse invariance
==========  =========================  ==================  =====  =====================================================

lambda = 0 is legal everywhere: nothing divides by A.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .forms import (
    DPLR,
    KINDS,
    MIMO,
    Continuous,
    Delayed,
    Dense,
    DenseRecurrence,
    Diagonal,
    Discrete,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
    Recurrent,
    check,
    is_recurrence,
    kind,
    to_dense,
    unsampled,
)
from .ground import backend, require
from .ground.backend import Array
from .powers import double_words, tables


class Samples(NamedTuple):
    """x_l = A x_{l-1} + now u_l + before u_{l-1}: for modes f(z) and the two gains, for matrices
    A_d and the two vectors.
    """

    A: Array
    now: Array
    before: Array | None = None


ModeRule = Callable[[Array, Array], Samples]  # z (..., n), and z modulo 2 pi i, to f(z), g(z)
MatrixRule = Callable[[Array, Array], Samples]  # step A (..., N, N) and step B (..., N) to A_d, B_d


def zoh(form: Continuous) -> Recurrent:
    """Zero-order hold: exact for an input that is constant over each step.

    >>> import numpy as np
    >>> zoh(Diagonal(np.array([0j, -1 + 0j]), np.ones(2) + 0j, np.ones(2) + 0j, 0.0, 0.5)).B.real.round(6)
    array([0.5     , 0.393469])
    """
    return _one_tap(
        form,
        lambda z, turned: Samples(_exp(turned), phi1(z, turned)),
        partial(_hold_matrix, taps=1),
    )


def foh(form: Continuous) -> Delayed:
    """First-order hold: exact for an input that is linear between samples; its output is a
    `Delayed` recurrence.

    Source: Franklin, Powell & Workman 1990, Section 4.3 (triangle hold).
    """

    def modes(z: Array, turned: Array) -> Samples:
        newest = _phi2(z, turned)
        return Samples(_exp(turned), newest, phi1(z, turned) - newest)

    kind, (A, now, before), C, D = _sample(form, modes, partial(_hold_matrix, taps=2))
    # In the state s_l = A x_l + before u_l, which foresees x_{l+1}, two taps are one: s_l = A
    # s_{l-1} + (A now + before) u_l.
    xp = backend.namespace(A=A)
    if kind is DenseRecurrence:
        turned, direct = xp.matmul(A, now[..., None])[..., 0], xp.sum(C * now, axis=-1)
    elif kind is MIMORecurrence:
        turned, direct = A[..., None] * now, 2 * xp.matmul(C, now)
    else:
        turned, direct = A * now, (2 if kind is PairedRecurrence else 1) * xp.sum(C * now, axis=-1)
    return Delayed(kind(A, turned + before, C, xp.zeros_like(D)), D + backend.real(direct))


def gbt(form: Continuous, *, alpha: float) -> Recurrent:
    """Generalized bilinear transform: alpha weighs the end of the step, 0 forward Euler, 1/2
    bilinear, 1 backward Euler.

    Raises ValueError unless 0 <= alpha <= 1. S4 and LSSL use alpha = 1/2.
    Source: Zhang, Chen & Chen 2009, Int. J. Control 82(4), 741-754.
    """
    alpha = require.real("alpha", alpha)
    if not 0 <= alpha <= 1:
        raise ValueError(f"`alpha` must lie in [0, 1]; got {alpha:g}. 0.5 is the bilinear rule.")

    def modes(z: Array, turned: Array) -> Samples:
        gain = 1 / (1 - alpha * z)
        return Samples((1 + (1 - alpha) * z) * gain, gain)

    def matrices(Z: Array, B: Array) -> Samples:
        xp = backend.namespace(Z=Z)
        identity, shape = (
            backend.eye(Z.shape[-1], Z),
            np.broadcast_shapes(tuple(Z.shape[:-1]), tuple(B.shape)),
        )
        Z = xp.broadcast_to(Z, (*shape, shape[-1]))
        right = xp.concat(
            [identity + (1 - alpha) * Z, xp.broadcast_to(B, shape)[..., None]], axis=-1
        )
        solved = xp.linalg.solve(identity - alpha * Z, right)
        return Samples(solved[..., :-1], solved[..., -1])

    return _one_tap(form, modes, matrices)


def bilinear(form: Continuous) -> Recurrent:
    """Tustin's rule, gbt at alpha = 1/2: what S4 trains with.

    >>> import numpy as np
    >>> bilinear(Diagonal(np.array([-2 + 0j]), np.ones(1) + 0j, np.ones(1) + 0j, 0.0, 0.5)).A.real.round(6)
    array([0.333333])
    """
    return gbt(form, alpha=0.5)


def forward(form: Continuous) -> Recurrent:
    """Forward Euler, gbt at alpha = 0: unstable for stiff modes."""
    return gbt(form, alpha=0.0)


def backward(form: Continuous) -> Recurrent:
    """Backward Euler, gbt at alpha = 1."""
    return gbt(form, alpha=1.0)


def impulse(form: Continuous) -> Recurrent:
    """Impulse invariance, A_d = e^z and B_d = step B: the kernel is step times the sampled impulse
    response.

    The same numbers are Mamba's mix, zero-order hold for A and Euler for B (Gu & Dao 2023, Section
    3.6 of the code's notes).
    """
    return _one_tap(
        form,
        lambda z, turned: Samples(_exp(turned), _one(z)),
        lambda Z, B: Samples(backend.expm(Z), B),
    )


RULES: dict[str, Callable[[Continuous], Discrete]] = {
    "zoh": zoh,
    "bilinear": bilinear,
    "forward": forward,
    "backward": backward,
    "impulse": impulse,
    "mamba": impulse,
    "foh": foh,
}

Rule = str | Callable[[Continuous], Discrete]

# What modes are raised to powers from, so that f(z)^l does not multiply the rounding of f(z) by l.
BASES: dict[str, Callable[[Array, Array], tables.Base]] = {
    **dict.fromkeys(("zoh", "foh", "impulse", "mamba"), tables.exponential),
    "bilinear": partial(tables.fraction, alpha=0.5),
    "forward": partial(tables.fraction, alpha=0.0),
    "backward": partial(tables.fraction, alpha=1.0),
}


def discretize(form: Continuous, rule: Rule = "zoh") -> Discrete:
    """The form sampled by a rule: a name from `RULES`, or any function from form to form such as
    partial(gbt, alpha=0.3).

    Raises ValueError for an unknown name, and what the rule and `forms.check` raise.
    """
    return rule(form) if callable(rule) else RULES[require.known("rule", rule, RULES)](form)


# z from f(z): of the many z with one e^z, the one of the slowest frequency.
_UNDONE: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("zoh", "impulse", "mamba"), lambda f: backend.namespace(A=f).log(f)),
    "bilinear": lambda f: 2 * (f - 1) / (f + 1),
    "forward": lambda f: f - 1,
    "backward": lambda f: 1 - 1 / f,
}


def continuous(
    form: Recurrence | PairedRecurrence | MIMORecurrence,
    *,
    step: float | Array = 1.0,
    rule: str = "zoh",
) -> Diagonal | Paired | MIMO:
    """The continuous form whose samples under `rule` at that `step` are the recurrence: the way
    back from `discretize`.

    A = f^-1(A_d)/step and B = B_d/(step g(step A)); C and D stay. `step` is a number or has the
    shape the continuous form asks for, so that LRU and DLR, which have none, are models of time 1
    per sample. Exact for each mode, up to rounding that is relative to |A_d|. Rules that hold
    exponentials cannot tell frequencies beyond Nyquist: |Im A| <= pi/step comes back. Raises
    TypeError for matrices, delays and a step that is no number; ValueError for a step that is not
    positive, an unknown rule and "foh", which has two taps, and where a mode has no such form: A_d
    = 0 for exponentials and `backward`, A_d = -1 for `bilinear`.

    >>> from ssmlinalg import s4d_lin_init
    >>> model = s4d_lin_init(4, step=0.1)
    >>> bool(abs(continuous(zoh(model), step=0.1).B - model.B).max() < 1e-14)
    True
    """
    require.known("rule", rule, _UNDONE)
    if not is_recurrence(form) or kind(form).matrix:
        got = type(form).__name__
        raise TypeError(
            f"`form` must be a Recurrence, PairedRecurrence or MIMORecurrence; got {got}. Diagonalize it first."
        )
    form = check(form)
    there: Any = unsampled(type(form))
    xp = backend.namespace(A=form.A)
    with backend.quietly(form.A):  # check looks at the result
        z = _UNDONE[rule](form.A)
    if backend.is_numpy(z) and not np.all(np.isfinite(z)):
        where = complex(form.A[~np.isfinite(z)][0])
        raise ValueError(
            f"every mode must be the sample of one by {rule!r}; got A = {where:g}. Choose another rule."
        )
    own = KINDS[there].axes["step"]  # a step for each mode
    step = step if hasattr(step, "shape") else require.real("step", step, above=0)
    steps = backend.beside(step, form.A) + backend.zeros(
        tuple(z.shape) if own else tuple(z.shape[:-1]), backend.real(form.D)
    )
    with backend.quietly(form.A):
        A = z / (steps if own else steps[..., None])
    unit: Any = discretize(there(A, xp.ones_like(form.B), form.C, form.D, steps), rule)
    with backend.quietly(form.A):
        B = form.B / unit.B
    return check(there(A, B, form.C, form.D, steps))


def _one_tap(form: Continuous, modes: ModeRule, matrices: MatrixRule) -> Recurrent:
    kind, (A, now, _), C, D = _sample(form, modes, matrices)
    return kind(A, now, C, D)


def _sample(
    form: Continuous, modes: ModeRule, matrices: MatrixRule
) -> tuple[type[Recurrent], Samples, Array, Array]:
    """The discrete kind, A_d with the taps of its input, and C and D, which sampling leaves
    alone.
    """
    form = check(form)
    if not isinstance(form, (Dense, DPLR, MIMO, Diagonal, Paired)):
        raise TypeError(
            f"a rule takes a continuous form with an output; got {type(form).__name__}. Use forms.to_dense first."
        )
    if not backend.is_numpy(form[0]):
        return *_evaluate(form, modes, matrices), form.C, form.D
    with (
        backend.quietly(form[0]),
        suppress(np.linalg.LinAlgError),
    ):  # what went wrong shows in the result
        kind, samples = _evaluate(form, modes, matrices)
        if all(np.all(np.isfinite(part)) for part in samples if part is not None):
            return kind, samples, form.C, form.D
    remedy = "Choose another rule, a smaller step, or a stable A."
    raise ValueError(
        f"A sampled must be finite; got an overflow, or an eigenvalue at a pole of the rule. {remedy}"
    )


def _evaluate(
    form: Continuous, modes: ModeRule, matrices: MatrixRule
) -> tuple[type[Recurrent], Samples]:
    if isinstance(form, (Dense, DPLR)):
        A, B, _, _, step = to_dense(form)
        return DenseRecurrence, matrices(step[..., None, None] * A, step[..., None] * B)
    if isinstance(form, MIMO):
        f, *gains = modes(*modulo_turns(form.step, form.A))
        return MIMORecurrence, Samples(
            f, *(None if gain is None else (gain * form.step)[..., None] * form.B for gain in gains)
        )
    step = form.step[..., None]
    f, *gains = modes(*modulo_turns(step, form.A))
    kind = Recurrence if isinstance(form, Diagonal) else PairedRecurrence
    return kind, Samples(f, *(None if gain is None else gain * step * form.B for gain in gains))


def modulo_turns(step: Array, A: Array) -> tuple[Array, Array]:
    """z = step A, and z modulo 2 pi i rounded once, both with the derivative of z."""
    z = step * A
    return z, double_words.radians(double_words.turned(step, A)) + (z - backend.constant(z))


def _hold_matrix(Z: Array, B: Array, taps: int) -> Samples:
    """e^Z, phi_1(Z) B and phi_2(Z) B from one exponential, of Z bordered by B and a chain of
    integrators (Van Loan 1978).
    """
    xp = backend.namespace(Z=Z)
    order = Z.shape[-1]
    batch = np.broadcast_shapes(Z.shape[:-2], B.shape[:-1])
    corner = backend.eye(order + taps, Z)
    shift = xp.concat([corner[1:, :], backend.zeros((1, order + taps), Z)], axis=0)[order:, :]
    top = [
        xp.broadcast_to(Z, (*batch, order, order)),
        xp.broadcast_to(B, (*batch, order))[..., None],
    ]
    top += [backend.zeros((*batch, order, taps - 1), Z)]
    bordered = xp.concat(
        [xp.concat(top, axis=-1), xp.broadcast_to(shift, (*batch, *shift.shape))], axis=-2
    )
    E = backend.expm(bordered)
    A, first = E[..., :order, :order], E[..., :order, order]
    if taps == 1:
        return Samples(A, first)
    second = E[..., :order, order + 1]
    return Samples(A, second, first - second)


def _exp(z: Array) -> Array:
    return backend.namespace(z=z).exp(z)


def _one(z: Array) -> Array:
    return backend.namespace(z=z).ones_like(z)


def phi1(z: Array, turned: Array) -> Array:
    """(e^z - 1)/z, and 1 at z = 0. `turned` is z modulo 2 pi i, without the rounding of a large
    phase.
    """
    return _phi(z, 1, _expm1(turned))


def _phi2(z: Array, turned: Array) -> Array:
    """(e^z - 1 - z)/z^2, and 1/2 at z = 0."""
    return _phi(z, 2, phi1(z, turned) - 1)


def _phi(z: Array, index: int, numerator: Array) -> Array:
    """numerator / z where |z| is not small, else sum_k z^k/(k + index)!, whose derivative is right
    at z = 0 as well.
    """
    xp = backend.namespace(z=z)
    small = xp.abs(z) < 0.5
    inside = xp.where(small, z, xp.zeros_like(z))
    series = xp.ones_like(z)
    for k in range(14, 0, -1):  # 0.5^15/15! is far below eps
        series = 1 + inside * series / (k + index)
    return xp.where(small, series / index, numerator / xp.where(small, xp.ones_like(z), z))


def _expm1(z: Array) -> Array:
    """e^z - 1 for complex z from real functions: PyTorch has no complex expm1. Accurate relative to
    |e^z - 1|.
    """
    xp = backend.namespace(z=z)
    x, y = xp.real(z), xp.imag(z)
    real = xp.expm1(x) * xp.cos(y) - 2 * xp.sin(y / 2) ** 2
    return backend.complex_of(real, xp.exp(x) * xp.sin(y))
